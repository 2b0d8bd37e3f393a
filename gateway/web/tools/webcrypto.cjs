// Node 18 keeps WebCrypto behind a flag, and libsodium takes its randomness from the global that every
// browser and Node since 19 has. Loaded before the tests; does nothing where it is there already.
globalThis.crypto ??= require('node:crypto').webcrypto;
