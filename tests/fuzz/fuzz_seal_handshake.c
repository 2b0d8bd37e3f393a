/*
 * A peer that sends anything at all to a handshake. First byte: bits 0-1 pattern, bit 2 which side
 * reads. The rest is the message. Keys are fixed, so that the kept corpus holds messages that open.
 */
#include "common/base/base.h"
#include "common/seal/seal.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct seal_keypair fixed(uint8_t n)
{
	struct seal_keypair k;
	memset(k.key, n, sizeof(k.key));
	crypto_scalarmult_base(k.pub, k.key);
	return k;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t payload[SEAL_MSG_MAX + 1], out[SEAL_MSG_MAX];
	struct seal_handshake hs, before;
	struct seal_session session;
	size_t n = 0;
	if (size < 1 || seal_init())
		return 0;
	enum seal_pattern pattern = (enum seal_pattern)((data[0] & 3) % 3);
	bool initiator = data[0] & 4;
	struct seal_keypair device = fixed(1), node = fixed(2), e = fixed(3);
	seal_handshake_init_pattern(&hs, pattern, initiator, initiator ? &device : &node,
				    initiator && pattern != SEAL_XX ? node.pub : NULL,
				    SEAL_PROLOGUE, sizeof(SEAL_PROLOGUE) - 1);
	seal_handshake_fix_ephemeral(&hs, &e);
	if (initiator)
		helio_assert(!seal_handshake_write(&hs, "", 0, out, sizeof(out), &n, &session));

	before = hs;
	int err = seal_handshake_read(&hs, data + 1, size - 1, payload, size - 1, &n, &session);
	helio_assert(err == 0 || err == EBADMSG);
	if (err) /* dead from here on */
		helio_assert(seal_handshake_read(&hs, data + 1, size - 1, payload, size, &n,
						 &session) == EPROTO);
	else
		helio_assert(n < size && hs.step != before.step);

	/* The same bytes as a frame of a session: nobody else has the key, so it never opens. */
	memset(&session, 0, sizeof(session));
	session.rx.has_key = true;
	memset(session.rx.k, 4, sizeof(session.rx.k));
	helio_assert(seal_decrypt(&session, data, size, payload, sizeof(payload), &n) == EBADMSG);
	return 0;
}
