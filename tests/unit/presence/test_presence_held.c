/* The table of what is held: each entry stands in the queue once, whatever happens to it. */
#include "common/presence/held.h"
#include "common/base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static int setup(void **state)
{
	struct held *h = calloc(1, sizeof(*h));
	*state = h;
	return held_init(h);
}

static int teardown(void **state)
{
	held_deinit(*state);
	free(*state);
	return 0;
}

static void an_entry_marked_twice_is_taken_once(void **state)
{
	struct held *h = *state;
	uint32_t i = held_add(h, "maria", HELD_PUT);
	held_mark(h, i);
	held_mark(h, i);
	assert_int_equal(held_take(h), i);
	assert_int_equal(held_take(h), HELD_NONE);
	held_back(h, i);
	assert_int_equal(held_take(h), HELD_NONE);
}

static void one_marked_in_flight_is_taken_again_after_it(void **state)
{
	struct held *h = *state;
	uint32_t i = held_add(h, "maria", HELD_PUT);
	held_mark(h, i);
	assert_int_equal(held_take(h), i);
	held_mark(h, i);
	assert_int_equal(held_take(h), HELD_NONE);
	held_back(h, i);
	assert_int_equal(held_take(h), i);
}

/* Against a plain model, with names that come and go. */
static void names_are_found_as_long_as_they_are_there(void **state)
{
	enum { NAMES = 300, STEPS = 20000 };
	struct held *h = *state;
	uint32_t at[NAMES], seed = 1, n = 0;
	for (int i = 0; i < NAMES; i++)
		at[i] = HELD_NONE;
	for (int step = 0; step < STEPS; step++) {
		char name[24];
		seed = seed * 1664525 + 1013904223;
		uint32_t k = (seed >> 8) % NAMES;
		snprintf(name, sizeof(name), "n%u", k);
		assert_int_equal(held_find(h, name), at[k]);
		if (at[k] == HELD_NONE) {
			at[k] = held_add(h, name, HELD_PUT);
			n++;
		} else {
			held_remove(h, at[k]);
			at[k] = HELD_NONE;
			n--;
		}
		assert_int_equal(h->used_n, n);
	}
}

static void a_full_table_says_so_and_takes_again_after_a_removal(void **state)
{
	struct held *h = *state;
	char name[24];
	for (int i = 0; i < HELD_MAX; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		uint32_t e = held_add(h, name, HELD_PUT);
		assert_int_not_equal(e, HELD_NONE);
	}
	assert_int_equal(held_add(h, "more", HELD_PUT), HELD_NONE);
	held_mark_all(h);
	assert_int_equal(h->queue_n, HELD_MAX);
	uint32_t first = held_take(h);
	held_back(h, first);
	held_remove(h, first);
	assert_int_equal(held_add(h, "more", HELD_PUT), first);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(an_entry_marked_twice_is_taken_once),
	    T(one_marked_in_flight_is_taken_again_after_it),
	    T(names_are_found_as_long_as_they_are_there),
	    T(a_full_table_says_so_and_takes_again_after_a_removal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
