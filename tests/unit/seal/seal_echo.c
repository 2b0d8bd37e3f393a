/*
 * The node's end of a sealed session on stdin and stdout, for the browser's twin to talk to
 * (gateway/web/test/seal-interop.test.ts). Each item is a length (be16) and that many bytes.
 *
 *   out  cluster's signing key, node's certificate
 *   in   message 1
 *   out  message 2: the payload of message 1 again
 *   in   sealed frame   out  the same text, sealed anew     … until the input ends
 *
 * Exit: 0 the input ended, 3 something was refused, 1 anything else.
 */
#include "common/base/base.h"
#include "common/seal/seal.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { REFUSED = 3 };

static uint8_t wire[SEAL_MSG_MAX], plain[SEAL_MSG_MAX];

static bool take(uint8_t *dst, size_t *ret_n)
{
	uint8_t len[2];
	if (fread(len, 1, 2, stdin) != 2)
		return false;
	*ret_n = (size_t)(len[0] << 8 | len[1]);
	return fread(dst, 1, *ret_n, stdin) == *ret_n;
}

static void give(const uint8_t *p, size_t n)
{
	uint8_t len[2] = {(uint8_t)(n >> 8), (uint8_t)n};
	helio_assert(fwrite(len, 1, 2, stdout) == 2 && fwrite(p, 1, n, stdout) == n &&
		     fflush(stdout) == 0);
}

static int shake_hands(struct seal_session *session)
{
	uint8_t sign_pub[32], sign_key[64];
	uint8_t prologue[sizeof(SEAL_PROLOGUE) - 1 + SEAL_CERT_LEN_MAX] = SEAL_PROLOGUE;
	uint8_t *cert = prologue + sizeof(SEAL_PROLOGUE) - 1;
	struct seal_keypair node;
	struct seal_handshake hs;
	size_t cert_n, n, plain_n;
	int64_t now_s = wall_ms() / 1000;

	seal_keypair_new(&node);
	crypto_sign_keypair(sign_pub, sign_key);
	struct seal_cert c = {.cluster = "sunline",
			      .node = "oslo1",
			      .addr = 257,
			      .serial = 1,
			      .not_before_s = now_s - 60,
			      .not_after_s = now_s + 3600};
	memcpy(c.noise_pub, node.pub, sizeof(node.pub));
	helio_assert(seal_cert_sign(&c, sign_key, cert, SEAL_CERT_LEN_MAX, &cert_n) == 0);
	give(sign_pub, sizeof(sign_pub));
	give(cert, cert_n);

	seal_handshake_init(&hs, false, &node, NULL, prologue, sizeof(SEAL_PROLOGUE) - 1 + cert_n);
	if (!take(wire, &n))
		return 1;
	if (seal_handshake_read(&hs, wire, n, plain, sizeof(plain), &plain_n, NULL))
		return REFUSED;
	helio_assert(seal_handshake_write(&hs, plain, plain_n, wire, sizeof(wire), &n, session) ==
		     0);
	give(wire, n);
	return 0;
}

int main(void)
{
	struct seal_session session;
	size_t n;
	if (seal_init())
		return 1;
	int err = shake_hands(&session);
	while (!err && take(wire, &n)) {
		size_t plain_n;
		if (seal_decrypt(&session, wire, n, plain, sizeof(plain), &plain_n))
			err = REFUSED;
		else if (seal_encrypt(&session, plain, plain_n, wire, sizeof(wire), &n))
			err = 1;
		else
			give(wire, n);
	}
	return err;
}
