/* When is a silent neighbour dead? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "nodes/neighbour/watch.h"

enum { MS = 1000 };
static const uint64_t now = 100 * 1000 * MS;

/* Witness 0 stands beside us, witness 1 is independent; both were heard just now. */
static enum watch_verdict verdict(const struct watch *w, uint64_t silent_us, uint64_t now_us)
{
	uint32_t by;
	return watch_verdict(w, silent_us, now_us, &by);
}

static struct watch make(void)
{
	struct watch w = {.after_us = 600 * MS, .witnesses_n = 2};
	w.witness[1].independent = true;
	w.witness[0].heard_us = w.witness[1].heard_us = now - 10 * MS;
	return w;
}

static void both_say(struct watch *w, uint64_t silent_us)
{
	watch_said(w, 0, silent_us, now - 10 * MS);
	watch_said(w, 1, silent_us, now - 10 * MS);
}

static void a_short_silence_is_none_and_a_longer_one_a_doubt(void **state)
{
	struct watch w = make();
	(void)state;
	assert_int_equal(verdict(&w, 299 * MS, now), WATCH_ALIVE);
	assert_int_equal(verdict(&w, 300 * MS, now), WATCH_DOUBT);
	assert_int_equal(verdict(&w, 599 * MS, now), WATCH_DOUBT);
}

static void who_nobody_hears_is_silent(void **state)
{
	struct watch w = make();
	(void)state;
	both_say(&w, 580 * MS);
	assert_int_equal(verdict(&w, 600 * MS, now), WATCH_SILENT);
}

static void one_who_hears_it_is_enough_to_wait(void **state)
{
	struct watch w = make();
	(void)state;
	both_say(&w, 900 * MS);
	watch_said(&w, 0, 50 * MS, now - 10 * MS);
	assert_int_equal(verdict(&w, 900 * MS, now), WATCH_WAIT);
	both_say(&w, 900 * MS);
	watch_said(&w, 1, 50 * MS, now - 10 * MS);
	assert_int_equal(verdict(&w, 900 * MS, now), WATCH_WAIT);
}

static void who_can_be_reached_is_waited_for(void **state)
{
	struct watch w = make();
	(void)state;
	watch_said(&w, 0, 580 * MS, now - 10 * MS);
	assert_int_equal(verdict(&w, 600 * MS, now), WATCH_WAIT);
	watch_said(&w, 1, 580 * MS, now - (WATCH_SAID_MS + 10) * MS); /* what it said is old */
	assert_int_equal(verdict(&w, 600 * MS, now), WATCH_WAIT);
}

static void when_all_fall_silent_at_once_the_line_is_ours(void **state)
{
	struct watch w = make();
	(void)state;
	both_say(&w, 0);
	w.witness[1].heard_us = now - 5000 * MS;
	watch_said(&w, 0, 5000 * MS,
		   now - 10 * MS); /* beside us: it stands on our side of the cut */
	assert_int_equal(verdict(&w, 5000 * MS, now), WATCH_WAIT);
	uint64_t hour = 3600ull * 1000 * MS; /* later, still */
	w.witness[0].heard_us = now + hour;
	watch_said(&w, 0, hour + 5000 * MS, now + hour);
	assert_int_equal(verdict(&w, hour + 5000 * MS, now + hour), WATCH_WAIT);
}

static void who_was_away_long_before_says_nothing(void **state)
{
	struct watch w = make();
	(void)state;
	w.witness[1].heard_us = now - 60000 * MS;
	watch_said(&w, 0, 600 * MS, now - 10 * MS);
	assert_int_equal(verdict(&w, 600 * MS, now), WATCH_SILENT);
	w.witness[1].heard_us = 0; /* never */
	assert_int_equal(verdict(&w, 600 * MS, now), WATCH_SILENT);
}

static void a_witness_that_died_with_it_does_not_save_it(void **state)
{
	struct watch w = make(); /* a broker on its machine: not independent */
	(void)state;
	w.witness[0].heard_us = now - 600 * MS;
	watch_said(&w, 1, 600 * MS, now - 10 * MS);
	assert_int_equal(verdict(&w, 610 * MS, now), WATCH_SILENT);
}

static void without_witnesses_its_journal_alone_decides(void **state)
{
	struct watch w = {.after_us = 600 * MS};
	(void)state;
	assert_int_equal(verdict(&w, 600 * MS, now), WATCH_SILENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_short_silence_is_none_and_a_longer_one_a_doubt),
	    cmocka_unit_test(who_nobody_hears_is_silent),
	    cmocka_unit_test(one_who_hears_it_is_enough_to_wait),
	    cmocka_unit_test(who_can_be_reached_is_waited_for),
	    cmocka_unit_test(when_all_fall_silent_at_once_the_line_is_ours),
	    cmocka_unit_test(who_was_away_long_before_says_nothing),
	    cmocka_unit_test(a_witness_that_died_with_it_does_not_save_it),
	    cmocka_unit_test(without_witnesses_its_journal_alone_decides),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
