/* A certificate from anywhere; then the same bytes signed by the cluster, to reach the parser: what
 * opens must be what signing would have written (one certificate, one form). */
#include "common/base/base.h"
#include "common/seal/seal.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[32] = {1};
	uint8_t pub[32], key[64], bytes[SEAL_CERT_LEN_MAX], again[SEAL_CERT_LEN_MAX];
	struct seal_cert c;
	size_t n;
	if (seal_init())
		return 0;
	crypto_sign_seed_keypair(pub, key, seed);
	helio_assert(seal_cert_open(&c, data, size, pub, 0) != 0 || size <= SEAL_CERT_LEN_MAX);
	if (size > sizeof(bytes) - 64)
		return 0;
	memcpy(bytes, data, size);
	crypto_sign_detached(bytes + size, NULL, bytes, size, key);
	int err = seal_cert_open(&c, bytes, size + 64, pub, 1800000000);
	helio_assert(err == 0 || err == EBADMSG || err == ESTALE);
	if (err)
		return 0;
	helio_assert(seal_cert_sign(&c, key, again, sizeof(again), &n) == 0);
	helio_assert(n == size + 64 && memcmp(again, bytes, n) == 0);
	return 0;
}
