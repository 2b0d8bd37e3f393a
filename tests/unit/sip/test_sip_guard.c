/* How much one source may ask, and where a message ends in a stream. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "nodes/sip/guard.h"
#include "nodes/sip/stream.h"

static const uint32_t STRANGER = 0xc0000201, OTHER = 0xc0000202, CARRIER = 0xcb007107;
static const uint64_t second = 1000000;
static const struct sip_trunk trunks[] = {{0xcb007100, 0xffffff00}};
static const struct sip_limits limits = {.new_calls = 2,
					 .calls = 3,
					 .requests = 10,
					 .connections = 2,
					 .trunk_new_calls = 100,
					 .trunk_requests = 1000,
					 .trunk_connections = 50,
					 .strikes = 5,
					 .lockout_ms = 2000,
					 .trunks = trunks,
					 .trunks_n = 1};

static int setup(void **state)
{
	return guard_open((struct guard **)state, &limits);
}

static int teardown(void **state)
{
	guard_check(*state);
	guard_close(*state);
	return 0;
}

static unsigned messages(struct guard *g, uint32_t ip4, unsigned n, uint64_t now)
{
	unsigned passed = 0;
	for (unsigned i = 0; i < n; i++)
		passed += guard_message(g, ip4, now, NULL) == GUARD_PASS;
	return passed;
}

static void a_source_has_its_burst_then_its_rate_and_others_do_not_pay(void **state)
{
	struct guard *g = *state;
	uint64_t now = 5 * second;
	assert_int_equal(messages(g, STRANGER, 100, now), 20);
	assert_int_equal(messages(g, OTHER, 100, now), 20);
	assert_int_equal(messages(g, STRANGER, 100, now + second), 10);
	assert_int_equal(messages(g, CARRIER, 3000, now), 2000);
}

static void a_flood_is_told_once_a_minute(void **state)
{
	struct guard *g = *state;
	unsigned told = 0;
	bool flood;
	for (uint64_t now = second; now < 61 * second; now += second / 100) {
		(void)guard_message(g, STRANGER, now, &flood);
		told += flood;
	}
	assert_int_equal(told, 1);
	(void)messages(g, STRANGER, 100, 70 * second);
	(void)guard_message(g, STRANGER, 70 * second, &flood);
	assert_true(flood); /* and again, a minute later */
}

static void calls_are_bounded_in_rate_and_at_once(void **state)
{
	struct guard *g = *state;
	struct guard_source *held[3];
	unsigned passed = 0;
	for (unsigned i = 0; i < 20; i++)
		passed += guard_invite(g, STRANGER, second) == GUARD_PASS;
	assert_int_equal(passed, 6);
	assert_int_equal(guard_invite(g, OTHER, 10 * second), GUARD_PASS);
	for (unsigned i = 0; i < 3; i++)
		held[i] = guard_call_begin(g, OTHER, 10 * second);
	assert_int_equal(guard_invite(g, OTHER, 20 * second), GUARD_BUSY);
	assert_true(guard_has_calls(held[0]));
	guard_call_end(g, held[0]);
	assert_int_equal(guard_invite(g, OTHER, 20 * second), GUARD_PASS);
	guard_call_end(g, held[1]);
	guard_call_end(g, held[2]);
}

static void strikes_lock_out_for_longer_each_time_and_are_forgotten(void **state)
{
	struct guard *g = *state;
	uint64_t now = 100 * second;
	static const uint32_t seconds[] = {2, 4, 8};
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(guard_strike(g, STRANGER, now), 0);
		assert_int_equal(guard_strike(g, STRANGER, now), seconds[round]);
		assert_true(guard_locked(g, STRANGER, now + seconds[round] * second - 1));
		assert_int_equal(guard_message(g, STRANGER, now, NULL), GUARD_SILENT);
		assert_null(guard_conn_begin(g, STRANGER, now));
		now += seconds[round] * second;
		assert_false(guard_locked(g, STRANGER, now));
	}
	now += 3601 * second; /* an hour without */
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(guard_strike(g, STRANGER, now), 0);
	assert_int_equal(guard_strike(g, STRANGER, now), 2);
	/* Seldom is not often. */
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(guard_strike(g, OTHER, now + i * 30 * second), 0);
}

static void a_lock_out_never_lasts_longer_than_an_hour(void **state)
{
	struct guard *g = *state;
	uint64_t now = second;
	uint32_t locked_s = 0;
	for (unsigned i = 0; i < 500; i++) {
		uint32_t s = guard_strike(g, STRANGER, now);
		if (s) {
			assert_true(s >= locked_s && s <= 3600);
			locked_s = s;
			now += s * second;
		}
	}
	assert_int_equal(locked_s, 3600);
}

static void a_trunk_is_never_locked_out(void **state)
{
	struct guard *g = *state;
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(guard_strike(g, CARRIER, second), 0);
	assert_int_equal(guard_message(g, CARRIER, second, NULL), GUARD_PASS);
}

static void forged_addresses_neither_grow_the_table_nor_end_calls(void **state)
{
	struct guard *g = *state;
	struct guard_source *held = guard_call_begin(g, STRANGER, second);
	uint64_t now = second;
	for (uint32_t i = 0; i < 200000; i++) {
		(void)guard_message(g, 0x0b000000 + i, now, NULL);
		(void)guard_strike(g, 0x0b000000 + i, now);
		now += 10;
	}
	guard_check(g);
	assert_true(guard_has_calls(held));
	guard_call_end(g, held);
	/* All places held: strangers share one entry, and give back what they took. */
	static struct guard_source *many[20000];
	for (uint32_t i = 0; i < 20000; i++)
		many[i] = guard_call_begin(g, 0x0c000000 + i, now);
	guard_check(g);
	assert_int_equal(guard_message(g, CARRIER, now, NULL), GUARD_PASS);
	for (uint32_t i = 0; i < 20000; i++)
		guard_call_end(g, many[i]);
}

static void connections_are_bounded_by_source_and_strangers_leave_room(void **state)
{
	struct guard *g = *state;
	static struct guard_source *held[5000];
	unsigned n = 0;
	held[n++] = guard_conn_begin(g, STRANGER, second);
	held[n++] = guard_conn_begin(g, STRANGER, second);
	assert_null(guard_conn_begin(g, STRANGER, second));
	for (uint32_t i = 0; i < 4000; i++) {
		struct guard_source *s = guard_conn_begin(g, 0x0b000000 + i, second);
		if (s)
			held[n++] = s;
	}
	assert_int_equal(n, 2048);
	held[n] = guard_conn_begin(g, CARRIER, second);
	assert_non_null(held[n++]);
	while (n > 0)
		guard_conn_end(g, held[--n]);
	assert_non_null(held[0] = guard_conn_begin(g, STRANGER, second));
	guard_conn_end(g, held[0]);
}

static int whole(const char *text, size_t *ret_len)
{
	struct stream s = {0};
	return stream_look(&s, (const uint8_t *)text, strlen(text), ret_len);
}

static void a_message_ends_where_its_length_says(void **state)
{
	size_t n = 0;
	(void)state;
	assert_int_equal(whole("A\r\nContent-Length: 3\r\n\r\nabcREST", &n), 0);
	assert_int_equal(n, 27);
	assert_int_equal(whole("A\r\nL : 3\r\n\r\nab", &n), EAGAIN);
	assert_int_equal(whole("A\r\nX: 1\r\n\r\nREST", &n), 0);
	assert_int_equal(n, 11);
	assert_int_equal(whole("\r\n\r\nA", &n), 0);
	assert_int_equal(n, 4);
	assert_int_equal(whole("\r\nA", &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(whole("A\r\nl: 1\r\nl: 1\r\n\r\nx", &n), 0);
	assert_int_equal(whole("A\r\nl: 1\r\nContent-Length: 2\r\n\r\nxx", &n), EBADMSG);
	assert_int_equal(whole("A\r\nl: -1\r\n\r\n", &n), EBADMSG);
	assert_int_equal(whole("A\r\nl:\r\n\r\n", &n), EBADMSG);
	assert_int_equal(whole("A\r\nl: 99999999999\r\n\r\n", &n), EBADMSG);
	assert_int_equal(whole("A\r\nl: 65535\r\n\r\n", &n), EMSGSIZE);
}

static void headers_without_end_are_given_up(void **state)
{
	static uint8_t buf[STREAM_HEADERS_MAX + 2];
	struct stream s = {0};
	size_t n = 0;
	(void)state;
	memset(buf, 'x', sizeof(buf));
	assert_int_equal(stream_look(&s, buf, STREAM_HEADERS_MAX, &n), EAGAIN);
	assert_int_equal(stream_look(&s, buf, sizeof(buf), &n), EMSGSIZE);
}

static void pieces_give_the_same_as_the_whole(void **state)
{
	static const char text[] = "A\r\nContent-Length: 5\r\n\r\nhello";
	struct stream s = {0};
	size_t n = 0;
	(void)state;
	for (size_t len = 1; len < sizeof(text) - 1; len++)
		assert_int_equal(stream_look(&s, (const uint8_t *)text, len, &n), EAGAIN);
	assert_int_equal(stream_look(&s, (const uint8_t *)text, sizeof(text) - 1, &n), 0);
	assert_int_equal(n, sizeof(text) - 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(a_source_has_its_burst_then_its_rate_and_others_do_not_pay),
	    T(a_flood_is_told_once_a_minute),
	    T(calls_are_bounded_in_rate_and_at_once),
	    T(strikes_lock_out_for_longer_each_time_and_are_forgotten),
	    T(a_lock_out_never_lasts_longer_than_an_hour),
	    T(a_trunk_is_never_locked_out),
	    T(forged_addresses_neither_grow_the_table_nor_end_calls),
	    T(connections_are_bounded_by_source_and_strangers_leave_room),
	    cmocka_unit_test(a_message_ends_where_its_length_says),
	    cmocka_unit_test(headers_without_end_are_given_up),
	    cmocka_unit_test(pieces_give_the_same_as_the_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
