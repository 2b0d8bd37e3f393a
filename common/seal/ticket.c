/*
 * A device ticket: how five hundred agents come back at once without five hundred Argon2id runs.
 * Sealed, so that a device can read nothing in it, and bound to the device's static key, which the
 * Noise handshake has just proven: a stolen ticket is of no use on another device.
 *
 *   plain: version 1 | agent be64 | device 32 | not after be64 | password mark be64
 */
#include "common/seal/bytes.h"
#include "common/seal/seal.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

enum { TICKET_VERSION = 1, PLAIN_LEN = 1 + 8 + SEAL_KEY_LEN + 8 + 8 };
static const char purpose[] = "heliograph device ticket";

int seal_ticket_make(const struct seal_ticket *t, const uint8_t key[SEAL_KEY_LEN], uint8_t *out,
		     size_t out_size, size_t *ret_len)
{
	uint8_t plain[PLAIN_LEN];
	plain[0] = TICKET_VERSION;
	be_put(plain + 1, 8, t->agent);
	memcpy(plain + 9, t->device, SEAL_KEY_LEN);
	be_put(plain + 9 + SEAL_KEY_LEN, 8, (uint64_t)t->not_after_s);
	be_put(plain + 17 + SEAL_KEY_LEN, 8, t->password_mark);
	int err = seal_box(key, purpose, sizeof(purpose) - 1, plain, sizeof(plain), out, out_size,
			   ret_len);
	sodium_memzero(plain, sizeof(plain));
	return err;
}

int seal_ticket_open(struct seal_ticket *ret, const uint8_t *in, size_t len,
		     const uint8_t key[SEAL_KEY_LEN], const uint8_t device[SEAL_KEY_LEN],
		     int64_t now_s)
{
	uint8_t plain[PLAIN_LEN];
	size_t n;
	/* What does not fit is not one of ours either. */
	if (seal_unbox(key, purpose, sizeof(purpose) - 1, in, len, plain, sizeof(plain), &n) ||
	    n != sizeof(plain) || plain[0] != TICKET_VERSION)
		return EBADMSG;

	struct seal_ticket t = {
	    .agent = be_get(plain + 1, 8),
	    .not_after_s = (int64_t)be_get(plain + 9 + SEAL_KEY_LEN, 8),
	    .password_mark = be_get(plain + 17 + SEAL_KEY_LEN, 8),
	};
	memcpy(t.device, plain + 9, SEAL_KEY_LEN);
	sodium_memzero(plain, sizeof(plain));
	if (sodium_memcmp(t.device, device, SEAL_KEY_LEN) != 0)
		return EACCES;
	if (now_s > t.not_after_s)
		return ESTALE;
	*ret = t;
	return 0;
}
