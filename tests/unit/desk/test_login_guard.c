/* Who may try a password, and when again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "nodes/desk/login_guard.h"

enum { HOME = 0x0a000001, ELSEWHERE = 0x0a000002 };
static const uint64_t second = 1000000;

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct login_guard));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

/* A whole wrong try: true if it was looked at. */
static bool wrong(struct login_guard *g, const char *name, uint32_t ip4, uint64_t now)
{
	if (login_guard_begin(g, name, ip4, now))
		return false;
	(void)login_guard_checked(g, name, ip4, false, now);
	return true;
}

static void five_in_a_row_lock_a_name_for_a_minute(void **state)
{
	struct login_guard *g = *state;
	for (int i = 0; i < 4; i++)
		assert_true(wrong(g, "ann", HOME, second));
	assert_int_equal(login_guard_begin(g, "ann", HOME, second), 0);
	assert_int_equal(login_guard_checked(g, "ann", HOME, false, second), LOGIN_LOCK_MS);
	assert_true(login_guard_begin(g, "ann", HOME, second) > 59000);
	assert_true(login_guard_begin(g, "ann", ELSEWHERE, 60 * second) > 0);
	assert_int_equal(login_guard_begin(g, "ann", HOME, 61 * second), 0);
}

static void a_right_one_between_begins_the_count_anew(void **state)
{
	struct login_guard *g = *state;
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 4; i++)
			assert_true(wrong(g, "ann", HOME, (uint64_t)round * 60 * second));
		assert_int_equal(login_guard_begin(g, "ann", HOME, (uint64_t)round * 60 * second),
				 0);
		assert_int_equal(
		    login_guard_checked(g, "ann", HOME, true, (uint64_t)round * 60 * second), 0);
	}
}

static void many_connections_at_once_have_no_more_tries(void **state)
{
	struct login_guard *g = *state;
	unsigned begun = 0;
	for (int i = 0; i < 100; i++)
		begun += login_guard_begin(g, "ann", HOME, second) == 0;
	assert_int_equal(begun, LOGIN_TRIES);
	login_guard_undo(g, "ann");
	assert_int_equal(login_guard_begin(g, "ann", HOME, second), 0);
}

static void one_colleague_never_locks_out_the_home(void **state)
{
	struct login_guard *g = *state;
	/* An hour of guessing one name as fast as it goes: the address pays back faster. */
	for (uint64_t now = second; now < 3600 * second; now += second)
		(void)wrong(g, "ann", HOME, now);
	assert_int_equal(login_guard_begin(g, "bob", HOME, 3600 * second), 0);
}

static void twenty_who_all_mistype_twice_still_sign_in(void **state)
{
	struct login_guard *g = *state;
	char name[24];
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "n%d", i / 2);
		assert_true(wrong(g, name, HOME, second));
	}
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(login_guard_begin(g, name, HOME, second), 0);
		assert_int_equal(login_guard_checked(g, name, HOME, true, second), 0);
	}
}

static void who_tries_many_names_has_sixty_then_six_a_minute(void **state)
{
	struct login_guard *g = *state;
	char name[24];
	unsigned looked_at = 0;
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		looked_at += wrong(g, name, HOME, second);
	}
	assert_int_equal(looked_at, 60);
	looked_at = 0;
	for (int i = 0; i < 3600; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		looked_at += wrong(g, name, HOME, second + (uint64_t)i * second);
	}
	assert_in_range(looked_at, 355, 361);
	assert_int_equal(login_guard_begin(g, "ann", ELSEWHERE, second), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void what_another_node_counted_counts_here(void **state)
{
	static struct login_guard here, there;
	uint64_t name, now = 1000000;
	uint32_t failures, locked_ms;
	(void)state;
	for (int i = 0; i < LOGIN_TRIES; i++) {
		/* one try here, one there: five in all, not five at each */
		struct login_guard *g = i % 2 ? &there : &here, *other = i % 2 ? &here : &there;
		assert_int_equal(login_guard_begin(g, "maria", 7, now), 0);
		(void)login_guard_checked(g, "maria", 7, false, now);
		login_guard_tell(g, "maria", now, &name, &failures, &locked_ms);
		login_guard_told(other, name, failures, locked_ms, now);
	}
	assert_true(login_guard_begin(&here, "maria", 7, now) > 0);
	assert_true(login_guard_begin(&there, "maria", 8, now) > 0);
	assert_true(login_guard_begin(&there, "ola", 8, now) == 0);
	now += (LOGIN_LOCK_MS + 1) * 1000ull;
	assert_int_equal(login_guard_begin(&there, "maria", 8, now), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(five_in_a_row_lock_a_name_for_a_minute),
	    T(a_right_one_between_begins_the_count_anew),
	    T(many_connections_at_once_have_no_more_tries),
	    T(one_colleague_never_locks_out_the_home),
	    T(twenty_who_all_mistype_twice_still_sign_in),
	    T(what_another_node_counted_counts_here),
	    T(who_tries_many_names_has_sixty_then_six_a_minute),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
