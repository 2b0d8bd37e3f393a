#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/live/bundle.h"

static uint8_t pub[32], key[64];

static struct bundle *make(uint32_t version)
{
	struct signature s = {.cluster = "sunline", .version = version};
	struct bundle *b = NULL;
	signature_digest_text(&s, "a: 1\n", 5, "b: 2\n", 5);
	signature_sign(&s, key);
	assert_int_equal(bundle_pack(&b, &s, "a: 1\n", 5, "b: 2\n", 5), 0);
	return b;
}

static int setup(void **state)
{
	(void)state;
	return sodium_init() < 0 || crypto_sign_keypair(pub, key);
}

static void what_is_packed_is_parsed_and_verified(void **state)
{
	struct bundle *b = make(7), *again = NULL;
	char why[256];
	(void)state;
	assert_int_equal(bundle_parse(&again, b->bytes, b->n), 0);
	assert_int_equal(again->sig.version, 7);
	assert_memory_equal(again->bytes + again->agents_at, "b: 2\n", 5);
	assert_int_equal(bundle_verify(again, pub, "sunline", why), 0);
	assert_int_equal(bundle_verify(again, pub, "another", why), EBADMSG);
	free(b);
	free(again);
}

static void any_changed_byte_is_refused(void **state)
{
	struct bundle *b = make(7);
	char why[256];
	(void)state;
	for (size_t i = 0; i < b->n; i++) {
		struct bundle *again = NULL;
		b->bytes[i] ^= 1;
		if (bundle_parse(&again, b->bytes, b->n) == 0)
			assert_int_equal(bundle_verify(again, pub, "sunline", why), EBADMSG);
		free(again);
		b->bytes[i] ^= 1;
	}
	free(b);
}

static void any_other_length_is_refused(void **state)
{
	struct bundle *b = make(7), *again = NULL;
	(void)state;
	for (size_t n = 0; n < b->n; n++)
		assert_int_equal(bundle_parse(&again, b->bytes, n), EBADMSG);
	assert_int_equal(bundle_parse(&again, b->bytes, (size_t)BUNDLE_MAX + 1), EFBIG);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_packed_is_parsed_and_verified),
	    cmocka_unit_test(any_changed_byte_is_refused),
	    cmocka_unit_test(any_other_length_is_refused),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
