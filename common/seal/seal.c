#include "common/seal/seal.h"

#include <errno.h>
#include <sodium.h>

/* The header speaks of lengths without including sodium.h; here the two are held together. */
_Static_assert(SEAL_KEY_LEN == crypto_scalarmult_BYTES, "X25519");
_Static_assert(SEAL_KEY_LEN == crypto_aead_chacha20poly1305_ietf_KEYBYTES, "ChaChaPoly");
_Static_assert(SEAL_KEY_LEN == crypto_sign_PUBLICKEYBYTES, "Ed25519");
_Static_assert(SEAL_TAG_LEN == crypto_aead_chacha20poly1305_ietf_ABYTES, "ChaChaPoly");
_Static_assert(SEAL_HASH_LEN == crypto_generichash_BYTES_MAX, "BLAKE2b");

int seal_init(void)
{
	return sodium_init() < 0 ? EIO : 0;
}

void seal_keypair_new(struct seal_keypair *ret)
{
	randombytes_buf(ret->key, sizeof(ret->key));
	crypto_scalarmult_base(ret->pub, ret->key);
}
