/* Zones against glibc: another reader of the same tzdata. */
#include "common/hours/hours.h"
#include "common/base/base.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

static const char *const zones[] = {
    "Europe/Oslo",       "Europe/London",    "America/New_York", "America/Bogota",
    "Asia/Manila",       "Australia/Sydney", "Pacific/Auckland", "America/Sao_Paulo",
    "America/Santiago",  "Africa/Cairo",     "Pacific/Chatham",  "Australia/Lord_Howe",
    "Africa/Casablanca", "Asia/Kolkata",     "Asia/Kathmandu",   "Europe/Dublin",
    "America/St_Johns",  "Asia/Tehran",      "America/Nuuk",     "UTC",
};

static void glibc_zone(const char *name)
{
	setenv("TZ", name, 1);
	tzset();
}

static void compare(const char *name, int64_t from, int64_t to, int64_t step)
{
	struct hours_zone *z = NULL;

	assert_int_equal(hours_zone_load(&z, name), 0);
	glibc_zone(name);
	for (int64_t t = from; t < to; t += step) {
		time_t at = (time_t)t;
		struct tm tm;
		localtime_r(&at, &tm);
		if (hours_zone_offset(z, t) != tm.tm_gmtoff ||
		    strcmp(hours_zone_abbreviation(z, t), tm.tm_zone) != 0)
			fail_msg("%s at %lld: %d %s, glibc %ld %s", name, (long long)t,
				 hours_zone_offset(z, t), hours_zone_abbreviation(z, t),
				 tm.tm_gmtoff, tm.tm_zone);
	}
	hours_zone_free(z);
}

static void offsets_and_names_equal_glibcs_every_ten_minutes_of_two_years(void **state)
{
	(void)state;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(zones); i++)
		compare(zones[i], 1767225600, 1767225600 + 731 * 86400, 600);
}

static void offsets_after_the_table_follow_the_footer(void **state)
{
	(void)state;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(zones); i++)
		compare(zones[i], 2145916800, 2145916800 + 20 * 366 * 86400LL, 3600 * 5);
}

static void offsets_of_the_past_equal_glibcs(void **state)
{
	(void)state;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(zones); i++)
		compare(zones[i], 0, 1767225600, 7 * 3600);
}

static void a_wall_clock_time_comes_back_as_it_was_unless_the_clocks_skip_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(zones); i++) {
		struct hours_zone *z = NULL;
		assert_int_equal(hours_zone_load(&z, zones[i]), 0);
		for (int64_t t = 1767225600; t < 1767225600 + 731 * 86400; t += 900) {
			int64_t local = t + hours_zone_offset(z, t);
			int64_t back = hours_zone_utc(z, local);
			/* Shown twice: the first of both. */
			assert_true(back == t ||
				    (back < t && back + hours_zone_offset(z, back) == local));
		}
		hours_zone_free(z);
	}
}

static int64_t at(int y, int mo, int d, int h, int mi)
{
	return hours_days(y, mo, d) * 86400 + h * 3600 + mi * 60;
}

static void skipped_and_doubled_times_are_read_as_rfc_5545_says(void **state)
{
	struct hours_zone *z = NULL;
	(void)state;
	assert_int_equal(hours_zone_load(&z, "Europe/Oslo"), 0);
	/* 29 March 2026: 02:00 becomes 03:00 at 01:00 UTC. */
	assert_int_equal(hours_zone_utc(z, at(2026, 3, 29, 1, 59)), at(2026, 3, 29, 0, 59));
	assert_int_equal(hours_zone_utc(z, at(2026, 3, 29, 2, 30)), at(2026, 3, 29, 1, 30));
	assert_int_equal(hours_zone_utc(z, at(2026, 3, 29, 3, 0)), at(2026, 3, 29, 1, 0));
	/* 25 October 2026: 03:00 becomes 02:00 at 01:00 UTC. */
	assert_int_equal(hours_zone_utc(z, at(2026, 10, 25, 2, 30)), at(2026, 10, 25, 0, 30));
	assert_int_equal(hours_zone_utc(z, at(2026, 10, 25, 3, 0)), at(2026, 10, 25, 2, 0));
	assert_int_equal(hours_zone_next_change(z, at(2026, 1, 1, 0, 0), at(2027, 1, 1, 0, 0)),
			 at(2026, 3, 29, 1, 0));
	hours_zone_free(z);
}

static void dates_go_to_days_and_back(void **state)
{
	int y, m, d;
	(void)state;
	assert_int_equal(hours_days(1970, 1, 1), 0);
	assert_int_equal(hours_days(2026, 3, 29), 20541);
	for (int64_t day = -100000; day < 100000; day++) {
		hours_date(day, &y, &m, &d);
		assert_int_equal(hours_days(y, m, d), day);
	}
}

static void names_that_are_no_zones_are_refused(void **state)
{
	struct hours_zone *z = NULL;
	(void)state;
	assert_int_equal(hours_zone_load(&z, "Europe/Olso"), ENOENT);
	assert_int_equal(hours_zone_load(&z, "../../etc/passwd"), EINVAL);
	assert_int_equal(hours_zone_load(&z, "/etc/passwd"), EINVAL);
	assert_int_equal(hours_zone_load(&z, ""), EINVAL);
	assert_int_equal(hours_zone_load(&z, "Europe"), ENOENT);
	assert_int_equal(hours_zone_load(&z, "tzdata.zi"), EINVAL);
	assert_null(z);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(offsets_and_names_equal_glibcs_every_ten_minutes_of_two_years),
	    cmocka_unit_test(offsets_after_the_table_follow_the_footer),
	    cmocka_unit_test(offsets_of_the_past_equal_glibcs),
	    cmocka_unit_test(a_wall_clock_time_comes_back_as_it_was_unless_the_clocks_skip_it),
	    cmocka_unit_test(skipped_and_doubled_times_are_read_as_rfc_5545_says),
	    cmocka_unit_test(dates_go_to_days_and_back),
	    cmocka_unit_test(names_that_are_no_zones_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
