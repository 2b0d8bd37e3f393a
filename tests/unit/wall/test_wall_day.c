/* Today at a site: midnights of real zones, and what counts on which day. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "nodes/wall/day.h"

enum { HOUR_MS = 3600 * 1000 };

/* UTC. */
static int64_t at(int year, int month, int day, int hour, int minute)
{
	struct tm tm = {.tm_year = year - 1900,
			.tm_mon = month - 1,
			.tm_mday = day,
			.tm_hour = hour,
			.tm_min = minute};
	return (int64_t)timegm(&tm) * 1000;
}

static void day_is(int64_t at_ms, int64_t begin_ms, int64_t end_ms)
{
	assert_int_equal(wall_day_begin(at_ms), begin_ms);
	assert_int_equal(wall_day_end(at_ms), end_ms);
	/* The first and the last millisecond are of the same day, their neighbours are not. */
	assert_int_equal(wall_day_begin(begin_ms), begin_ms);
	assert_int_equal(wall_day_end(end_ms - 1), end_ms);
	assert_int_equal(wall_day_begin(end_ms), end_ms);
	assert_int_equal(wall_day_end(begin_ms - 1), begin_ms);
}

static void a_day_runs_from_midnight_to_midnight_of_its_zone(void **state)
{
	(void)state;
	wall_zone_set("Asia/Manila");
	day_is(at(2026, 3, 10, 3, 0), at(2026, 3, 9, 16, 0), at(2026, 3, 10, 16, 0));
	wall_zone_set("America/Bogota");
	day_is(at(2026, 3, 10, 3, 0), at(2026, 3, 9, 5, 0), at(2026, 3, 10, 5, 0));
}

static void the_day_on_which_clocks_go_forward_has_23_hours(void **state)
{
	(void)state;
	wall_zone_set("Europe/Oslo");
	day_is(at(2026, 3, 29, 12, 0), at(2026, 3, 28, 23, 0), at(2026, 3, 29, 22, 0));
}

static void the_day_on_which_clocks_go_back_has_25_hours(void **state)
{
	(void)state;
	wall_zone_set("Europe/Oslo");
	day_is(at(2026, 10, 25, 0, 30), at(2026, 10, 24, 22, 0), at(2026, 10, 25, 23, 0));
	day_is(at(2026, 10, 25, 1, 30), at(2026, 10, 24, 22, 0), at(2026, 10, 25, 23, 0));
}

static void a_day_without_a_midnight_begins_at_one_o_clock(void **state)
{
	(void)state;
	/* Chile's clocks go from 24:00 to 01:00. */
	wall_zone_set("America/Santiago");
	day_is(at(2025, 9, 7, 12, 0), at(2025, 9, 7, 4, 0), at(2025, 9, 8, 3, 0));
}

static void counters_begin_anew_at_the_sites_midnight(void **state)
{
	struct wall_day d;
	int64_t before = at(2026, 3, 28, 22, 59), after = at(2026, 3, 28, 23, 0);
	(void)state;
	wall_zone_set("Europe/Oslo");
	assert_int_equal(wall_day_open(&d, 2, before), 0);
	wall_day_entered(&d, 1, before);
	wall_day_answered(&d, 1, before, 4000, 20000);
	wall_day_answered(&d, 1, before, 20000, 20000);
	wall_day_answered(&d, 1, before, 20001, 20000);
	wall_day_abandoned(&d, 1, before);
	assert_int_equal(d.queue[1].entered, 1);
	assert_int_equal(d.queue[1].answered, 3);
	assert_int_equal(d.queue[1].in_time, 2);
	assert_int_equal(d.queue[1].abandoned, 1);
	assert_int_equal(d.queue[1].wait_ms, 44001);
	assert_int_equal(d.queue[0].answered, 0);
	assert_false(wall_day_turn(&d, before + 59999));
	assert_int_equal(d.queue[1].answered, 3);
	assert_true(wall_day_turn(&d, after));
	assert_int_equal(d.queue[1].answered, 0);
	assert_int_equal(d.queue[1].wait_ms, 0);
	assert_false(wall_day_turn(&d, after + 22 * HOUR_MS)); /* the 23-hour day … */
	assert_true(wall_day_turn(&d, after + 23 * HOUR_MS));  /* … is over */
	wall_day_close(&d);
}

static void what_happened_on_another_day_does_not_count_today(void **state)
{
	struct wall_day d;
	int64_t now = at(2026, 5, 2, 10, 0), midnight = at(2026, 5, 1, 22, 0);
	(void)state;
	wall_zone_set("Europe/Oslo");
	assert_int_equal(wall_day_open(&d, 1, now), 0);
	wall_day_entered(&d, 0, midnight - 1);
	wall_day_answered(&d, 0, midnight - 1, 10, 20);
	wall_day_abandoned(&d, 0, d.ends_ms);
	wall_day_entered(&d, 7, now); /* no such queue */
	assert_int_equal(d.queue[0].entered + d.queue[0].answered + d.queue[0].abandoned, 0);
	wall_day_answered(&d, 0, midnight, 10, 20); /* waited over midnight */
	assert_int_equal(d.queue[0].answered, 1);
	wall_day_close(&d);
}

static void a_clock_that_is_set_back_by_a_day_begins_that_day(void **state)
{
	struct wall_day d;
	int64_t now = at(2026, 5, 2, 10, 0);
	(void)state;
	wall_zone_set("Europe/Oslo");
	assert_int_equal(wall_day_open(&d, 1, now), 0);
	assert_true(wall_day_turn(&d, now - 24 * HOUR_MS));
	assert_int_equal(d.ends_ms, at(2026, 5, 1, 22, 0));
	wall_day_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_day_runs_from_midnight_to_midnight_of_its_zone),
	    cmocka_unit_test(the_day_on_which_clocks_go_forward_has_23_hours),
	    cmocka_unit_test(the_day_on_which_clocks_go_back_has_25_hours),
	    cmocka_unit_test(a_day_without_a_midnight_begins_at_one_o_clock),
	    cmocka_unit_test(counters_begin_anew_at_the_sites_midnight),
	    cmocka_unit_test(what_happened_on_another_day_does_not_count_today),
	    cmocka_unit_test(a_clock_that_is_set_back_by_a_day_begins_that_day),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
