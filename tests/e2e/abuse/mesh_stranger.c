/*
 * Says on the mesh what nobody should: mesh_stranger KEYS AS TO HOST:PORT FROM BOOT WHAT
 *   KEYS  the cluster's keys     AS    whose secret key is used; "-": one that nobody knows
 *   TO    whose public key answers at HOST:PORT
 *   FROM, BOOT  what the envelope claims (an address as a number)
 *   WHAT  ping | garbage | acd | claims | wrap=CALL (an id as a number): what is sent, COUNT times
 * Ends with 0 once all of it was handed over, 3 if the other side lets nothing in.
 */
#include <czmq.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"
#include "common/wire/envelope.h"

enum { COUNT = 50, REFUSED = 3, SEND_MS = 2000, LINGER_MS = 2000 };

static zcert_t *key_of(const char *keys, const char *name, const char *ext)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/curve/%s.%s", keys, name, ext);
	zcert_t *cert = zcert_load(path);
	if (!cert) {
		fprintf(stderr, "%s: no such key\n", path);
		exit(2);
	}
	return cert;
}

static int send_envelope(zsock_t *s, const Envelope *env)
{
	uint8_t buf[Envelope_size];
	size_t len;
	if (envelope_encode(buf, &len, env))
		return -1;
	zframe_t *frame = zframe_new(buf, len);
	int rc = zframe_send(&frame, s, 0);
	zframe_destroy(&frame);
	return rc;
}

/* Rubbish of all lengths, and the right bytes with one wrong. */
static int send_garbage(zsock_t *s, const Envelope *good)
{
	uint8_t noise[4096], buf[Envelope_size];
	size_t len;
	int rc = 0;
	random_bytes(noise, sizeof(noise));
	for (size_t n = 1; !rc && n <= sizeof(noise); n *= 2)
		rc = zsock_send(s, "b", noise, n);
	if (!rc)
		rc = zstr_sendx(s, "a", "b", "c", NULL);
	if (envelope_encode(buf, &len, good))
		return -1;
	for (size_t i = 0; !rc && i < len; i++) {
		buf[i] ^= 0xff;
		rc = zsock_send(s, "b", buf, len);
		buf[i] ^= 0xff;
	}
	return rc;
}

static int say(zsock_t *s, Envelope *env, const char *what)
{
	if (strcmp(what, "garbage") == 0)
		return send_garbage(s, env);
	if (strcmp(what, "acd") == 0) { /* a matcher's message about calls that are nobody's */
		env->which_body = Envelope_acd_tag;
		memset(&env->body, 0, sizeof(env->body));
		random_bytes(&env->body.acd.call, sizeof(env->body.acd.call));
		random_bytes(&env->body.acd.offer, sizeof(env->body.acd.offer));
		env->body.acd.type = 1 + (uint32_t)(env->seq % 16);
	} else if (strcmp(what, "claims") == 0) { /* sessions that it does not have */
		env->which_body = Envelope_session_claim_tag;
		memset(&env->body, 0, sizeof(env->body));
		random_bytes(&env->body.session_claim.agent, sizeof(env->body.session_claim.agent));
		random_bytes(&env->body.session_claim.session,
			     sizeof(env->body.session_claim.session));
	} else if (strncmp(what, "wrap=", 5) == 0) { /* what an agent noted of a call */
		env->which_body = Envelope_wrap_tag;
		memset(&env->body, 0, sizeof(env->body));
		env->body.wrap.call = strtoull(what + 5, NULL, 10);
		(void)str_copy(env->body.wrap.disposition, sizeof(env->body.wrap.disposition),
			       "written");
	}
	return send_envelope(s, env);
}

int main(int argc, char **argv)
{
	if (argc != 8) {
		fprintf(stderr, "usage: mesh_stranger KEYS AS TO HOST:PORT FROM BOOT WHAT\n");
		return 2;
	}
	zsys_handler_set(NULL);
	zcert_t *own = strcmp(argv[2], "-") == 0 ? zcert_new() : key_of(argv[1], argv[2], "key");
	zcert_t *theirs = key_of(argv[1], argv[3], "pub");
	zsock_t *s = zsock_new(ZMQ_DEALER);
	zcert_apply(own, s);
	zsock_set_curve_serverkey(s, zcert_public_txt(theirs));
	zsock_set_immediate(s, 1); /* nothing is queued for who does not let us in */
	zsock_set_sndtimeo(s, SEND_MS);
	zsock_set_linger(s, LINGER_MS);
	int rc = zsock_connect(s, "tcp://%s", argv[4]);
	Envelope env = Envelope_init_zero;
	env.version = 1;
	env.from = (uint32_t)strtoul(argv[5], NULL, 10);
	env.boot = (uint32_t)strtoul(argv[6], NULL, 10);
	env.which_body = Envelope_ping_tag;
	for (env.seq = 1; !rc && env.seq <= COUNT; env.seq++)
		rc = say(s, &env, argv[7]);
	zsock_destroy(&s); /* waits until it is written */
	zcert_destroy(&own);
	zcert_destroy(&theirs);
	zsys_shutdown();
	return rc ? REFUSED : 0;
}
