/*
 * Every change of the clocks of two years, in ten zones north and south: the weekly hours and a
 * night shift of the week of each change, compared second by second with glibc's wall clock, which
 * is asked for the time of day only.
 */
#include "calendars.h"
#include "common/base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

static const char *const zones[] = {
    "Europe/Oslo",  "Europe/London",    "America/New_York",    "America/Bogota",
    "Asia/Manila",  "Australia/Sydney", "Pacific/Auckland",    "America/Santiago",
    "Africa/Cairo", "Pacific/Chatham",  "Australia/Lord_Howe", "Africa/Casablanca",
};
enum { FROM_YEAR = 2026, TO_YEAR = 2028, STEP = 300 };

static const char events[] = "BEGIN:VEVENT\nDTSTART;TZID=%s:20250106T080000\n"
			     "DTEND;TZID=%s:20250106T173000\nRRULE:FREQ=DAILY\nEND:VEVENT\n"
			     "BEGIN:VEVENT\nDTSTART;TZID=%s:20250106T220000\n"
			     "DTEND;TZID=%s:20250107T060000\nRRULE:FREQ=DAILY\nEND:VEVENT\n";

/* By the clock on the wall. None of these zones changes its clocks at 08:00, 17:30, 22:00, 06:00.
 */
static bool wall_says_open(int64_t t)
{
	time_t at = (time_t)t;
	struct tm tm;
	localtime_r(&at, &tm);
	int minute = tm.tm_hour * 60 + tm.tm_min;
	return (minute >= 480 && minute < 1050) || minute >= 1320 || minute < 360;
}

static unsigned check_zone(const char *name)
{
	struct hours_zone *z = NULL;
	struct hours_span *spans = NULL;
	size_t n = 0;
	char text[1024];
	unsigned changes = 0;
	int64_t from = utc(FROM_YEAR, 1, 1, 0, 0), to = utc(TO_YEAR, 1, 1, 0, 0), until;
	snprintf(text, sizeof(text), events, name, name, name, name);
	struct hours_calendar *c = calendar(name, false, text);
	assert_int_equal(hours_zone_load(&z, name), 0);
	assert_int_equal(hours_expand(c, NULL, from, to, &spans, &n), 0);
	setenv("TZ", name, 1);
	tzset();
	for (int64_t t = from; t < to; t += STEP)
		if (hours_at(spans, n, t, &until) != wall_says_open(t))
			fail_msg("%s at %lld", name, (long long)t);
	for (int64_t t = from; (t = hours_zone_next_change(z, t, to)) < to; changes++)
		for (int64_t s = t - 4 * 3600; s < t + 4 * 3600; s += 7)
			if (hours_at(spans, n, s, &until) != wall_says_open(s))
				fail_msg("%s near its change at %lld", name, (long long)t);
	free(spans);
	hours_calendar_free(c);
	hours_zone_free(z);
	return changes;
}

static void hours_follow_the_wall_clock_over_every_change_of_two_years(void **state)
{
	unsigned changes = 0;
	(void)state;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(zones); i++) {
		unsigned n = check_zone(zones[i]);
		print_message("%s: %u changes\n", zones[i], n);
		changes += n;
	}
	assert_true(changes >= 36);
}

static int64_t minutes_open(const char *zone, const char *event, int64_t from, int64_t to)
{
	struct hours_span *spans = NULL;
	size_t n = 0;
	int64_t sum = 0;
	struct hours_calendar *c = calendar(zone, false, event);
	assert_int_equal(hours_expand(c, NULL, from, to, &spans, &n), 0);
	for (size_t i = 0; i < n; i++)
		sum += spans[i].to - spans[i].from;
	free(spans);
	hours_calendar_free(c);
	return sum / 60;
}

static void a_night_shift_lasts_seven_or_nine_hours_when_the_clocks_change(void **state)
{
	static const char shift[] =
	    "BEGIN:VEVENT\nDTSTART;TZID=Europe/Oslo:20260101T220000\n"
	    "DTEND;TZID=Europe/Oslo:20260102T060000\nRRULE:FREQ=DAILY\nEND:VEVENT\n";
	(void)state;
	assert_int_equal(
	    minutes_open("Europe/Oslo", shift, utc(2026, 3, 28, 12, 0), utc(2026, 3, 29, 12, 0)),
	    420);
	assert_int_equal(
	    minutes_open("Europe/Oslo", shift, utc(2026, 10, 24, 12, 0), utc(2026, 10, 25, 12, 0)),
	    540);
	assert_int_equal(
	    minutes_open("Europe/Oslo", shift, utc(2026, 6, 1, 12, 0), utc(2026, 6, 2, 12, 0)),
	    480);
}

static void with_duration_hours_are_exact(void **state)
{
	static const char shift[] =
	    "BEGIN:VEVENT\nDTSTART;TZID=Europe/Oslo:20260101T220000\nDURATION:PT8H\n"
	    "RRULE:FREQ=DAILY\nEND:VEVENT\n";
	(void)state;
	assert_int_equal(
	    minutes_open("Europe/Oslo", shift, utc(2026, 3, 28, 12, 0), utc(2026, 3, 29, 12, 0)),
	    480);
}

static void half_an_hour_of_lord_howe_is_counted(void **state)
{
	static const char shift[] =
	    "BEGIN:VEVENT\nDTSTART;TZID=Australia/Lord_Howe:20260101T220000\n"
	    "DTEND;TZID=Australia/Lord_Howe:20260102T060000\nRRULE:FREQ=DAILY\nEND:VEVENT\n";
	(void)state;
	/* 5 April 2026: 02:00 becomes 01:30. 4 October 2026: 02:00 becomes 02:30. */
	assert_int_equal(minutes_open("Australia/Lord_Howe", shift, utc(2026, 4, 4, 2, 0),
				      utc(2026, 4, 5, 2, 0)),
			 510);
	assert_int_equal(minutes_open("Australia/Lord_Howe", shift, utc(2026, 10, 3, 2, 0),
				      utc(2026, 10, 4, 2, 0)),
			 450);
}

static void an_hour_that_is_skipped_or_shown_twice_keeps_its_meaning(void **state)
{
	static const char hour[] =
	    "BEGIN:VEVENT\nDTSTART;TZID=Europe/Oslo:20260101T021500\n"
	    "DTEND;TZID=Europe/Oslo:20260101T024500\nRRULE:FREQ=DAILY\nEND:VEVENT\n";
	static const char across[] =
	    "BEGIN:VEVENT\nDTSTART;TZID=Europe/Oslo:20260101T010000\n"
	    "DTEND;TZID=Europe/Oslo:20260101T040000\nRRULE:FREQ=DAILY\nEND:VEVENT\n";
	(void)state;
	/* Skipped: as RFC 5545 says, with the offset before: 03:15 to 03:45. */
	assert_int_equal(
	    minutes_open("Europe/Oslo", hour, utc(2026, 3, 29, 1, 15), utc(2026, 3, 29, 1, 45)),
	    30);
	/* Shown twice: the first. */
	assert_int_equal(
	    minutes_open("Europe/Oslo", hour, utc(2026, 10, 25, 0, 0), utc(2026, 10, 25, 6, 0)),
	    30);
	assert_int_equal(
	    minutes_open("Europe/Oslo", across, utc(2026, 3, 28, 12, 0), utc(2026, 3, 29, 12, 0)),
	    120);
	assert_int_equal(
	    minutes_open("Europe/Oslo", across, utc(2026, 10, 24, 12, 0), utc(2026, 10, 25, 12, 0)),
	    240);
}

static void a_whole_day_has_23_or_25_hours(void **state)
{
	static const char day[] =
	    "BEGIN:VEVENT\nDTSTART;VALUE=DATE:20260101\nRRULE:FREQ=DAILY\n"
	    "EXDATE;VALUE=DATE:20260328,20260330,20261024,20261026\nEND:VEVENT\n";
	(void)state;
	assert_int_equal(
	    minutes_open("Europe/Oslo", day, utc(2026, 3, 28, 12, 0), utc(2026, 3, 30, 12, 0)),
	    23 * 60);
	assert_int_equal(
	    minutes_open("Europe/Oslo", day, utc(2026, 10, 24, 12, 0), utc(2026, 10, 26, 12, 0)),
	    25 * 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hours_follow_the_wall_clock_over_every_change_of_two_years),
	    cmocka_unit_test(a_night_shift_lasts_seven_or_nine_hours_when_the_clocks_change),
	    cmocka_unit_test(with_duration_hours_are_exact),
	    cmocka_unit_test(half_an_hour_of_lord_howe_is_counted),
	    cmocka_unit_test(an_hour_that_is_skipped_or_shown_twice_keeps_its_meaning),
	    cmocka_unit_test(a_whole_day_has_23_or_25_hours),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
