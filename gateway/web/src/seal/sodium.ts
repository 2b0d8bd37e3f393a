// The one place that touches libsodium's JavaScript; the rest of this folder speaks in bytes.
import sodium from 'libsodium-wrappers';

export const KEY_LEN = 32;
export const TAG_LEN = 16;
export const HASH_LEN = 64;
export const MSG_MAX = 65535;

/** Why something was refused. `bad`: tampered, truncated, replayed, reordered, forged or not for us.
 * `stale`: outside its validity. `turn`: not this side's turn. `size`: too long. `spent`: no nonces
 * left. `closed`: the session has ended. */
export type SealFault = 'bad' | 'stale' | 'turn' | 'size' | 'spent' | 'closed';

export class SealError extends Error {
	constructor(
		readonly fault: SealFault,
		what: string,
	) {
		super(what);
		this.name = 'SealError';
	}
}

export interface KeyPair {
	readonly pub: Uint8Array;
	readonly key: Uint8Array;
}

/** Resolves when the WebAssembly is loaded; nothing here works before. */
export function sealReady(): Promise<void> {
	return sodium.ready;
}

export function newKeyPair(): KeyPair {
	return keyPairOf(sodium.randombytes_buf(KEY_LEN));
}

export function keyPairOf(key: Uint8Array): KeyPair {
	return { pub: sodium.crypto_scalarmult_base(key), key };
}

/** X25519; a point of low order is refused, for its result is known to everybody. */
export function dh(own: Uint8Array, peer: Uint8Array): Uint8Array {
	let shared: Uint8Array;
	try {
		shared = sodium.crypto_scalarmult(own, peer);
	} catch {
		throw new SealError('bad', 'the other side sent a key of low order');
	}
	if (sodium.is_zero(shared))
		throw new SealError('bad', 'the other side sent a key of low order');
	return shared;
}

export function hash(...parts: Uint8Array[]): Uint8Array {
	return sodium.crypto_generichash(HASH_LEN, concat(...parts), null);
}

export function verify(signature: Uint8Array, message: Uint8Array, pub: Uint8Array): boolean {
	return sodium.crypto_sign_verify_detached(signature, message, pub);
}

export function aeadSeal(
	key: Uint8Array,
	nonce: Uint8Array,
	ad: Uint8Array,
	plain: Uint8Array,
): Uint8Array {
	return sodium.crypto_aead_chacha20poly1305_ietf_encrypt(plain, ad, null, nonce, key);
}

/** null when it does not open. */
export function aeadOpen(
	key: Uint8Array,
	nonce: Uint8Array,
	ad: Uint8Array,
	sealed: Uint8Array,
): Uint8Array | null {
	if (sealed.length < TAG_LEN) return null;
	try {
		return sodium.crypto_aead_chacha20poly1305_ietf_decrypt(null, sealed, ad, nonce, key);
	} catch {
		return null;
	}
}

export function wipe(...buffers: Uint8Array[]): void {
	for (const b of buffers) b.fill(0);
}

export function concat(...parts: Uint8Array[]): Uint8Array {
	const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
	let at = 0;
	for (const p of parts) {
		out.set(p, at);
		at += p.length;
	}
	return out;
}

/** Constant time for equal lengths. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
	return a.length === b.length && sodium.memcmp(a, b);
}

export function fromHex(text: string): Uint8Array {
	if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text))
		throw new SealError('bad', 'not hexadecimal');
	const out = new Uint8Array(text.length / 2);
	for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
	return out;
}

export function toHex(bytes: Uint8Array): string {
	return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}
