#include "common/base/base.h"
#include "common/seal/seal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

enum { NOW = 1800000000, DAY = 86400 };

static uint8_t sign_pub[32], sign_key[64];

static const struct seal_cert good = {
    .cluster = "sunline",
    .node = "oslo1",
    .addr = 257,
    .noise_pub = {1, 2, 3},
    .not_before_s = NOW - DAY,
    .not_after_s = NOW + DAY,
    .serial = 42,
};

static size_t sign(const struct seal_cert *c, uint8_t out[SEAL_CERT_LEN_MAX])
{
	size_t n;
	assert_int_equal(seal_cert_sign(c, sign_key, out, SEAL_CERT_LEN_MAX, &n), 0);
	return n;
}

static int open_at(const uint8_t *in, size_t n, int64_t now_s)
{
	struct seal_cert c;
	return seal_cert_open(&c, in, n, sign_pub, now_s);
}

static void a_certificate_says_what_was_signed(void **state)
{
	(void)state;
	uint8_t bytes[SEAL_CERT_LEN_MAX];
	struct seal_cert c;
	size_t n = sign(&good, bytes);
	assert_int_equal(seal_cert_open(&c, bytes, n, sign_pub, NOW), 0);
	assert_string_equal(c.cluster, good.cluster);
	assert_string_equal(c.node, good.node);
	assert_int_equal(c.addr, good.addr);
	assert_memory_equal(c.noise_pub, good.noise_pub, SEAL_KEY_LEN);
	assert_int_equal(c.not_before_s, good.not_before_s);
	assert_int_equal(c.not_after_s, good.not_after_s);
	assert_int_equal(c.serial, good.serial);
}

static void the_longest_names_fit_the_promised_length(void **state)
{
	(void)state;
	uint8_t bytes[SEAL_CERT_LEN_MAX];
	struct seal_cert c = good;
	memset(c.cluster, 'a', sizeof(c.cluster) - 1);
	memset(c.node, 'b', sizeof(c.node) - 1);
	size_t n = sign(&c, bytes);
	assert_int_equal(open_at(bytes, n, NOW), 0);
	assert_int_equal(seal_cert_sign(&c, sign_key, bytes, n - 1, &n), EMSGSIZE);
}

static void what_is_no_certificate_is_not_signed(void **state)
{
	(void)state;
	uint8_t bytes[SEAL_CERT_LEN_MAX];
	size_t n;
	struct seal_cert c = good;
	c.node[0] = '\0';
	assert_int_equal(seal_cert_sign(&c, sign_key, bytes, sizeof(bytes), &n), EINVAL);
	c = good;
	str_copy(c.cluster, sizeof(c.cluster), "Sun line");
	assert_int_equal(seal_cert_sign(&c, sign_key, bytes, sizeof(bytes), &n), EINVAL);
	c = good;
	memset(c.node, 'a', sizeof(c.node)); /* not terminated */
	assert_int_equal(seal_cert_sign(&c, sign_key, bytes, sizeof(bytes), &n), EINVAL);
	c = good;
	c.not_after_s = c.not_before_s - 1;
	assert_int_equal(seal_cert_sign(&c, sign_key, bytes, sizeof(bytes), &n), EINVAL);
}

static void another_signer_is_refused(void **state)
{
	(void)state;
	uint8_t bytes[SEAL_CERT_LEN_MAX], other_pub[32], other_key[64];
	size_t n;
	struct seal_cert c;
	crypto_sign_keypair(other_pub, other_key);
	assert_int_equal(seal_cert_sign(&good, other_key, bytes, sizeof(bytes), &n), 0);
	assert_int_equal(open_at(bytes, n, NOW), EBADMSG);
	n = sign(&good, bytes);
	memset(other_pub, 0, sizeof(other_pub));
	assert_int_equal(seal_cert_open(&c, bytes, n, other_pub, NOW), EBADMSG);
}

static void a_certificate_outside_its_validity_is_stale(void **state)
{
	(void)state;
	uint8_t bytes[SEAL_CERT_LEN_MAX];
	size_t n = sign(&good, bytes);
	assert_int_equal(open_at(bytes, n, NOW - DAY), 0);
	assert_int_equal(open_at(bytes, n, NOW + DAY), 0);
	assert_int_equal(open_at(bytes, n, NOW - DAY - 1), ESTALE);
	assert_int_equal(open_at(bytes, n, NOW + DAY + 1), ESTALE);
}

static void any_flipped_bit_or_cut_is_refused(void **state)
{
	(void)state;
	uint8_t bytes[SEAL_CERT_LEN_MAX + 1];
	size_t n = sign(&good, bytes);
	for (size_t bit = 0; bit < n * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(open_at(bytes, n, NOW), EBADMSG);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	bytes[n] = 0;
	for (size_t cut = 0; cut <= sizeof(bytes); cut++)
		assert_int_equal(open_at(bytes, cut, NOW), cut == n ? 0 : EBADMSG);
}

/* Signs body as the cluster would, had it a bug: parsing must hold of itself. */
static int open_signed(const uint8_t *body, size_t body_n)
{
	uint8_t bytes[SEAL_CERT_LEN_MAX + 128];
	memcpy(bytes, body, body_n);
	crypto_sign_detached(bytes + body_n, NULL, bytes, body_n, sign_key);
	return open_at(bytes, body_n + 64, NOW);
}

static void a_malformed_certificate_is_refused_even_when_signed(void **state)
{
	(void)state;
	uint8_t bytes[SEAL_CERT_LEN_MAX], body[SEAL_CERT_LEN_MAX];
	size_t n = sign(&good, bytes) - 64;
	enum { CLUSTER_LEN = 4, NODE_LEN = 12, NODE = 13, NBF = 13 + 5 + 2 + 32, EXP = NBF + 8 };
	static const struct {
		size_t at;
		uint8_t value;
	} harm[] = {
	    {0, 'X'},      {CLUSTER_LEN, 0}, {CLUSTER_LEN, 6}, {CLUSTER_LEN, 255}, {NODE_LEN, 0},
	    {NODE_LEN, 4}, {NODE_LEN, 6},    {NODE_LEN, 200},  {NODE, 'O'},        {NODE + 1, '<'},
	    {NODE + 2, 0}, {NBF, 0x80},      {EXP, 0x80},      {EXP + 4, 0},       {NBF + 1, 1},
	};
	assert_int_equal(open_signed(bytes, n), 0);
	for (size_t i = 0; i < HELIO_ARRAY_LEN(harm); i++) {
		memcpy(body, bytes, n);
		assert_int_not_equal(body[harm[i].at], harm[i].value);
		body[harm[i].at] = harm[i].value;
		assert_int_equal(open_signed(body, n), EBADMSG);
	}
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(open_signed(bytes, cut), EBADMSG);
	memcpy(body, bytes, n);
	body[n] = 0;
	assert_int_equal(open_signed(body, n + 1), EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_certificate_says_what_was_signed),
	    cmocka_unit_test(the_longest_names_fit_the_promised_length),
	    cmocka_unit_test(what_is_no_certificate_is_not_signed),
	    cmocka_unit_test(another_signer_is_refused),
	    cmocka_unit_test(a_certificate_outside_its_validity_is_stale),
	    cmocka_unit_test(any_flipped_bit_or_cut_is_refused),
	    cmocka_unit_test(a_malformed_certificate_is_refused_even_when_signed),
	};
	if (seal_init())
		return 1;
	crypto_sign_keypair(sign_pub, sign_key);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
