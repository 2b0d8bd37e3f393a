/* Values at rest: nonce 24 | XChaCha20-Poly1305. A random nonce of 24 bytes never meets itself, so
 * two writers may share a key without keeping a counter. */
#include "common/seal/seal.h"

#include <errno.h>
#include <sodium.h>

enum {
	NONCE_LEN = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
	BOX_OVERHEAD = NONCE_LEN + crypto_aead_xchacha20poly1305_ietf_ABYTES,
};

int seal_box(const uint8_t key[SEAL_KEY_LEN], const void *ad, size_t ad_len, const void *plain,
	     size_t len, uint8_t *out, size_t out_size, size_t *ret_len)
{
	if (out_size < BOX_OVERHEAD || len > out_size - BOX_OVERHEAD)
		return EMSGSIZE;
	randombytes_buf(out, NONCE_LEN);
	crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE_LEN, NULL, plain, len, ad, ad_len,
						   NULL, out, key);
	*ret_len = len + BOX_OVERHEAD;
	return 0;
}

int seal_unbox(const uint8_t key[SEAL_KEY_LEN], const void *ad, size_t ad_len, const uint8_t *in,
	       size_t len, void *out, size_t out_size, size_t *ret_len)
{
	if (len < BOX_OVERHEAD)
		return EBADMSG;
	if (len - BOX_OVERHEAD > out_size)
		return EMSGSIZE;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, in + NONCE_LEN,
						       len - NONCE_LEN, ad, ad_len, in, key) != 0)
		return EBADMSG;
	*ret_len = len - BOX_OVERHEAD;
	return 0;
}
