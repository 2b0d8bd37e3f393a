/* The table of what is held, against a plain recount: whatever happens, in whatever order. */
#include "nodes/journal/entries.h"
#include "common/base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { IDS = 200, STEPS = 50000 };

static void check(const struct entries *s)
{
	uint32_t live = 0, bare = 0, waiting = 0, used = 0, listed = 0;
	for (uint32_t i = 0; i < s->fresh; i++) {
		const struct entry *e = &s->entry[i];
		used += e->state != ENTRY_FREE;
		live += e->state == ENTRY_PUT || e->state == ENTRY_CLAIM;
		bare += e->state == ENTRY_PUT && !e->waiting && !e->at[0].acked;
		waiting += e->waiting;
	}
	uint64_t before = 0;
	for (uint32_t i = s->oldest; i != ENTRY_NONE; i = s->entry[i].younger, listed++) {
		assert_true(listed < used && s->entry[i].waiting);
		assert_true(s->entry[i].put_us >= before);
		before = s->entry[i].put_us;
	}
	assert_int_equal(listed, waiting);
	assert_int_equal(s->used_n, used);
	assert_int_equal(s->live_n, live);
	assert_int_equal(s->bare_n, bare);
}

static uint32_t seed = 7;

static uint32_t pick(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void change(struct entries *s, uint64_t now)
{
	struct record_ref ref = {pick(2) ? JOURNAL_CALL : JOURNAL_SESSION, 1 + pick(IDS)};
	uint32_t i = entry_find(s, ref), link = pick(2);
	switch (pick(6)) {
	case 0:
	case 1: /* put */
		if (i == ENTRY_NONE)
			i = entry_add(s, ref, ENTRY_PUT);
		entry_revive(s, i);
		for (uint32_t l = 0; l < JOURNAL_LINKS; l++) {
			entry_acked(s, i, l, false);
			entry_mark(s, i, l);
		}
		entry_wait(s, i, now);
		break;
	case 2: /* over */
		if (i == ENTRY_NONE || s->entry[i].state == ENTRY_DEL)
			break;
		entry_drop(s, i);
		if (pick(2))
			entry_mark(s, i, link);
		entry_settle(s, i);
		break;
	case 3: /* sent */
		i = entry_take(s, link);
		assert_true(i == ENTRY_NONE || s->entry[i].at[link].in_flight);
		break;
	case 4: /* answered */
		if (i == ENTRY_NONE || !s->entry[i].at[link].in_flight)
			break;
		entry_back(s, i, link);
		if (s->entry[i].state == ENTRY_PUT && !s->entry[i].at[link].dirty) {
			entry_acked(s, i, link, true);
			if (link == 0)
				entry_wait_end(s, i);
		}
		entry_settle(s, i);
		break;
	default: /* late */
		if (s->oldest != ENTRY_NONE)
			entry_wait_end(s, s->oldest);
		break;
	}
}

static void counts_and_lists_agree_with_a_recount(void **state)
{
	struct entries s;
	(void)state;
	assert_int_equal(entries_init(&s), 0);
	for (uint32_t step = 0; step < STEPS; step++) {
		change(&s, step);
		check(&s);
	}
	entries_deinit(&s);
}

static void one_changed_in_flight_is_sent_again_after_it(void **state)
{
	struct entries s;
	(void)state;
	assert_int_equal(entries_init(&s), 0);
	uint32_t i = entry_add(&s, (struct record_ref){JOURNAL_CALL, 1}, ENTRY_PUT);
	entry_mark(&s, i, 0);
	entry_mark(&s, i, 0);
	assert_int_equal(entry_take(&s, 0), i);
	assert_int_equal(entry_take(&s, 0), ENTRY_NONE);
	entry_mark(&s, i, 0);
	assert_int_equal(entry_take(&s, 0), ENTRY_NONE);
	entry_back(&s, i, 0);
	assert_int_equal(entry_take(&s, 0), i);
	entry_back(&s, i, 0);
	assert_int_equal(entry_take(&s, 0), ENTRY_NONE);
	assert_int_equal(entry_take(&s, 1), ENTRY_NONE);
	entries_deinit(&s);
}

static void a_full_table_says_so_and_takes_again(void **state)
{
	struct entries s;
	(void)state;
	assert_int_equal(entries_init(&s), 0);
	for (uint64_t id = 1; id <= JOURNAL_ENTRIES_MAX; id++) {
		uint32_t i = entry_add(&s, (struct record_ref){JOURNAL_CALL, id}, ENTRY_PUT);
		assert_int_not_equal(i, ENTRY_NONE);
		entry_mark(&s, i, 1);
	}
	struct record_ref more = {JOURNAL_SESSION, 1};
	assert_int_equal(entry_add(&s, more, ENTRY_PUT), ENTRY_NONE);
	uint32_t i = entry_take(&s, 1);
	entry_back(&s, i, 1);
	entry_drop(&s, i);
	entry_settle(&s, i);
	assert_int_equal(entry_add(&s, more, ENTRY_PUT), i);
	entries_deinit(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(counts_and_lists_agree_with_a_recount),
	    cmocka_unit_test(one_changed_in_flight_is_sent_again_after_it),
	    cmocka_unit_test(a_full_table_says_so_and_takes_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
