/* Argon2id at libsodium's interactive limits (64 MiB, two passes): about 95 ms, so callers run it
 * beside the call loop and cap how many run at once. */
#include "common/seal/seal.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

_Static_assert(crypto_pwhash_STRBYTES == 128, "the header promises 128");

int seal_password_hash(char out[128], const char *password)
{
	size_t n = strnlen(password, SEAL_PASSWORD_LEN_MAX + 1);
	if (n == 0 || n > SEAL_PASSWORD_LEN_MAX)
		return EINVAL;
	char hash[crypto_pwhash_STRBYTES];
	if (crypto_pwhash_str_alg(hash, password, n, crypto_pwhash_OPSLIMIT_INTERACTIVE,
				  crypto_pwhash_MEMLIMIT_INTERACTIVE,
				  crypto_pwhash_ALG_ARGON2ID13) != 0)
		return ENOMEM;
	memcpy(out, hash, sizeof(hash));
	return 0;
}

/* $argon2id$v=19$m=65536,t=2,p=1$salt$hash, terminated, with bounded work in it. */
static bool stored_ok(const char stored[128])
{
	unsigned kib, passes;
	int end = 0;
	if (!memchr(stored, '\0', crypto_pwhash_STRBYTES) ||
	    sscanf(stored, "$argon2id$v=19$m=%9u,t=%9u,p=1$%n", &kib, &passes, &end) != 2 ||
	    end == 0)
		return false;
	/* needs_rehash is asked only whether it can parse the whole: -1 if not. */
	return kib <= SEAL_PASSWORD_KIB_MAX && passes <= SEAL_PASSWORD_PASSES_MAX &&
	       crypto_pwhash_str_needs_rehash(stored, crypto_pwhash_OPSLIMIT_INTERACTIVE,
					      crypto_pwhash_MEMLIMIT_INTERACTIVE) >= 0;
}

int seal_password_verify(const char stored[128], const char *password)
{
	if (!stored_ok(stored))
		return EINVAL;
	size_t n = strnlen(password, SEAL_PASSWORD_LEN_MAX + 1);
	if (n > SEAL_PASSWORD_LEN_MAX)
		return EACCES;
	/* A mismatch sets EINVAL; anything else means that Argon2id could not get its memory, which
	 * must not be told to an agent as a wrong password. */
	errno = 0;
	if (crypto_pwhash_str_verify(stored, password, n) == 0)
		return 0;
	return errno == EINVAL ? EACCES : ENOMEM;
}
