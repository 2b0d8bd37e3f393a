/* Every published vector runs, byte for byte, whatever its pattern. */
#include "common/base/base.h"
#include "common/seal/seal.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

enum { BYTES_MAX = 1024 };

struct bytes {
	uint8_t p[BYTES_MAX];
	size_t n;
};

static struct bytes get(json_t *v, const char *key)
{
	struct bytes b = {0};
	const char *hex = json_string_value(json_object_get(v, key));
	if (hex) {
		b.n = strlen(hex) / 2;
		assert_true(b.n <= sizeof(b.p));
		assert_int_equal(hex_decode(b.p, b.n, hex), 0);
	}
	return b;
}

static struct seal_keypair pair_of(const struct bytes *secret)
{
	struct seal_keypair k = {0};
	if (secret->n) {
		assert_int_equal(secret->n, SEAL_KEY_LEN);
		memcpy(k.key, secret->p, SEAL_KEY_LEN);
		crypto_scalarmult_base(k.pub, k.key);
	}
	return k;
}

static void start(json_t *v, const char *who, enum seal_pattern pattern, bool initiator,
		  struct seal_handshake *hs)
{
	char key[64];
	snprintf(key, sizeof(key), "%s_static", who);
	struct bytes s = get(v, key);
	snprintf(key, sizeof(key), "%s_ephemeral", who);
	struct bytes e = get(v, key);
	snprintf(key, sizeof(key), "%s_prologue", who);
	struct bytes prologue = get(v, key);
	snprintf(key, sizeof(key), "%s_remote_static", who);
	struct bytes rs = get(v, key);
	struct seal_keypair own = pair_of(&s), eph = pair_of(&e);
	seal_handshake_init_pattern(hs, pattern, initiator, s.n ? &own : NULL, rs.n ? rs.p : NULL,
				    prologue.p, prologue.n);
	seal_handshake_fix_ephemeral(hs, &eph);
}

static void run(json_t *v, enum seal_pattern pattern, size_t handshake_messages)
{
	struct seal_handshake hs[2];
	struct seal_session session[2] = {0};
	json_t *messages = json_object_get(v, "messages"), *m;
	struct bytes want_hash = get(v, "handshake_hash");
	size_t i;
	start(v, "init", pattern, true, &hs[0]);
	start(v, "resp", pattern, false, &hs[1]);
	assert_true(json_array_size(messages) > handshake_messages);
	json_array_foreach(messages, i, m)
	{
		uint8_t wire[BYTES_MAX], back[BYTES_MAX];
		size_t n = 0, back_n = 0, from = i % 2, to = 1 - from;
		struct bytes plain = get(m, "payload"), want = get(m, "ciphertext");
		if (i < handshake_messages) {
			assert_int_equal(seal_handshake_write(&hs[from], plain.p, plain.n, wire,
							      sizeof(wire), &n, &session[from]),
					 0);
			assert_int_equal(seal_handshake_read(&hs[to], wire, n, back, sizeof(back),
							     &back_n, &session[to]),
					 0);
		} else {
			assert_int_equal(
			    seal_encrypt(&session[from], plain.p, plain.n, wire, sizeof(wire), &n),
			    0);
			assert_int_equal(
			    seal_decrypt(&session[to], wire, n, back, sizeof(back), &back_n), 0);
		}
		assert_int_equal(n, want.n);
		assert_memory_equal(wire, want.p, n);
		assert_int_equal(back_n, plain.n);
		assert_memory_equal(back, plain.p, back_n);
	}
	for (size_t side = 0; side < 2; side++)
		assert_memory_equal(session[side].hash, want_hash.p, SEAL_HASH_LEN);
}

static void every_published_vector_passes(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum seal_pattern pattern;
		size_t messages;
	} known[] = {
	    {"Noise_IK_25519_ChaChaPoly_BLAKE2b", SEAL_IK, 2},
	    {"Noise_NK_25519_ChaChaPoly_BLAKE2b", SEAL_NK, 2},
	    {"Noise_XX_25519_ChaChaPoly_BLAKE2b", SEAL_XX, 3},
	};
	size_t ran = 0, i;
	json_t *root = json_load_file(TEST_DATA_DIR "/noise_vectors.json", 0, NULL), *v;
	assert_non_null(root);
	json_array_foreach(json_object_get(root, "vectors"), i, v)
	{
		const char *name = json_string_value(json_object_get(v, "protocol_name"));
		size_t k = 0;
		while (k < HELIO_ARRAY_LEN(known) && strcmp(known[k].name, name) != 0)
			k++;
		assert_true(k < HELIO_ARRAY_LEN(known)); /* no vector is passed over */
		run(v, known[k].pattern, known[k].messages);
		ran++;
	}
	assert_int_equal(ran, 3);
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_published_vector_passes)};
	if (seal_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
