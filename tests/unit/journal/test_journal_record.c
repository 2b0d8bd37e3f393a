/* Names and values as they stand in Redis. */
#include "nodes/journal/record.h"
#include "common/base/base.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const uint8_t key[JOURNAL_KEY_LEN] = {9}, other_key[JOURNAL_KEY_LEN] = {8};
static const struct record_ref ref = {JOURNAL_CALL, 0x010100000000002f};

static void a_field_is_read_back(void **state)
{
	char field[RECORD_FIELD_SIZE];
	struct record_ref r;
	(void)state;
	record_field(field, "v:", ref);
	assert_string_equal(field, "v:c:010100000000002f");
	assert_int_equal(record_field_parse(&r, field, strlen(field)), 0);
	assert_int_equal(r.id, ref.id);
	assert_int_equal(r.kind, ref.kind);
	record_field(field, "", (struct record_ref){JOURNAL_SESSION, 1});
	assert_string_equal(field, "s:0000000000000001");
}

static void what_is_no_field_is_refused(void **state)
{
	static const char *const bad[] = {"",
					  "gen",
					  "r:c:010100000000002f",
					  "v:x:010100000000002f",
					  "v:c:01010000000002f",
					  "v:c:010100000000002fa",
					  "v:c:0101000000000g2f",
					  "v:c:0000000000000000"};
	struct record_ref r;
	(void)state;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(bad); i++)
		assert_int_equal(record_field_parse(&r, bad[i], strlen(bad[i])), EBADMSG);
}

static void a_value_opens_only_where_it_was_sealed(void **state)
{
	uint8_t out[RECORD_MAX], back[64];
	uint64_t cepoch = 0, seq = 0;
	size_t n, len;
	(void)state;
	assert_int_equal(record_seal(key, "a:7", ref, 65, 3, "hello", 5, out, sizeof(out), &n), 0);
	assert_int_equal(n, 5 + RECORD_OVERHEAD);
	assert_int_equal(
	    record_open(key, "a:7", ref, out, n, &cepoch, &seq, back, sizeof(back), &len), 0);
	assert_int_equal(cepoch, 65);
	assert_int_equal(seq, 3);
	assert_int_equal(len, 5);
	assert_memory_equal(back, "hello", 5);
	struct record_ref session = {JOURNAL_SESSION, ref.id}, next = {JOURNAL_CALL, ref.id + 1};
	assert_int_equal(
	    record_open(key, "a:7", session, out, n, &cepoch, &seq, back, sizeof(back), &len),
	    EBADMSG);
	assert_int_equal(
	    record_open(key, "a:7", next, out, n, &cepoch, &seq, back, sizeof(back), &len),
	    EBADMSG);
	assert_int_equal(
	    record_open(key, "a:8", ref, out, n, &cepoch, &seq, back, sizeof(back), &len), EBADMSG);
	assert_int_equal(
	    record_open(other_key, "a:7", ref, out, n, &cepoch, &seq, back, sizeof(back), &len),
	    EBADMSG);
	assert_int_equal(record_open(key, "a:7", ref, out, n, &cepoch, &seq, back, 4, &len),
			 EMSGSIZE);
	for (size_t cut = 0; cut < n; cut++)
		assert_int_not_equal(
		    record_open(key, "a:7", ref, out, cut, &cepoch, &seq, back, sizeof(back), &len),
		    0);
	for (size_t at = 0; at < n; at++) {
		out[at] ^= 1;
		assert_int_equal(
		    record_open(key, "a:7", ref, out, n, &cepoch, &seq, back, sizeof(back), &len),
		    EBADMSG);
		out[at] ^= 1;
	}
	assert_int_equal(record_seal(key, "a:7", ref, 1, 1, "hello", 5, out, 5, &n), EMSGSIZE);
}

static void a_heartbeat_is_three_numbers(void **state)
{
	static const char *const bad[] = {"",        "1",      "1 2",
					  "1 2 3 ",  " 1 2 3", "1  2 3",
					  "1 2 -3",  "1 2 3x", "1 2 18446744073709551616",
					  "1 2 0x3", "1,2,3",  "000000000000000000001 2 3"};
	struct record_beat b;
	(void)state;
	assert_int_equal(record_beat_parse(&b, "1 22 18446744073709551615"), 0);
	assert_int_equal(b.m_us, 1);
	assert_int_equal(b.t_us, 22);
	assert_true(b.at_us == UINT64_MAX);
	for (size_t i = 0; i < HELIO_ARRAY_LEN(bad); i++)
		assert_int_equal(record_beat_parse(&b, bad[i]), EBADMSG);
}

static void a_register_is_an_epoch_and_an_owner(void **state)
{
	char owner[JOURNAL_OWNER_SIZE], longer[128];
	uint64_t cepoch;
	(void)state;
	assert_int_equal(record_register_parse("00000000000000000130 oslo2/3", &cepoch, owner), 0);
	assert_int_equal(cepoch, 130);
	assert_string_equal(owner, "oslo2/3");
	memset(longer, 'x', sizeof(longer));
	memcpy(longer, "1 ", 2);
	longer[127] = '\0';
	assert_int_equal(record_register_parse(longer, &cepoch, owner), EBADMSG);
	assert_int_equal(record_register_parse("130 ", &cepoch, owner), EBADMSG);
	assert_int_equal(record_register_parse("oslo2/3", &cepoch, owner), EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_field_is_read_back),
	    cmocka_unit_test(what_is_no_field_is_refused),
	    cmocka_unit_test(a_value_opens_only_where_it_was_sealed),
	    cmocka_unit_test(a_heartbeat_is_three_numbers),
	    cmocka_unit_test(a_register_is_an_epoch_and_an_owner),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
