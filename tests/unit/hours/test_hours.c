/* What files mean, and what is said of bad ones. */
#include "calendars.h"
#include "common/base/base.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define OSLO "Europe/Oslo"
#define WORK                                                                 \
	"BEGIN:VEVENT\nUID:work\nDTSTART;TZID=Europe/Oslo:20260105T080000\n" \
	"DTEND;TZID=Europe/Oslo:20260105T160000\nRRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR\n"

/* Spans as text in UTC: "0105 0700-1500 ". */
static const char *spans_of(const struct hours_calendar *c, const struct hours_calendar *holidays,
			    int64_t from, int64_t to)
{
	static char text[4096];
	struct hours_span *s = NULL;
	size_t n = 0, len = 0;
	int y, m, d;
	text[0] = '\0';
	assert_int_equal(hours_expand(c, holidays, from, to, &s, &n), 0);
	for (size_t i = 0; i < n; i++) {
		int64_t a = s[i].from, b = s[i].to;
		hours_date(a / 86400, &y, &m, &d);
		len +=
		    (size_t)snprintf(text + len, sizeof(text) - len, "%02d%02d %02d%02d-%02d%02d ",
				     m, d, (int)(a / 3600 % 24), (int)(a / 60 % 60),
				     (int)(b / 3600 % 24), (int)(b / 60 % 60));
	}
	free(s);
	return text;
}

static const char *expand(const char *events, int64_t from, int64_t to)
{
	struct hours_calendar *c = calendar(OSLO, false, events);
	const char *s = spans_of(c, NULL, from, to);
	hours_calendar_free(c);
	return s;
}

static void a_week_of_office_hours_is_five_spans(void **state)
{
	(void)state;
	assert_string_equal(
	    expand(WORK "END:VEVENT\n", utc(2026, 1, 5, 0, 0), utc(2026, 1, 12, 0, 0)),
	    "0105 0700-1500 0106 0700-1500 0107 0700-1500 0108 0700-1500 "
	    "0109 0700-1500 ");
	assert_string_equal(
	    expand(WORK "END:VEVENT\n", utc(2026, 7, 6, 0, 0), utc(2026, 7, 7, 12, 0)),
	    "0706 0600-1400 0707 0600-1200 ");
}

static void exdate_rdate_and_until_are_followed(void **state)
{
	(void)state;
	assert_string_equal(expand(WORK "EXDATE;TZID=Europe/Oslo:20260106T080000\n"
					"EXDATE;VALUE=DATE:20260107\n"
					"RDATE;TZID=Europe/Oslo:20260110T100000\nEND:VEVENT\n",
				   utc(2026, 1, 5, 0, 0), utc(2026, 1, 12, 0, 0)),
			    "0105 0700-1500 0108 0700-1500 0109 0700-1500 0110 0900-1700 ");
	/* UNTIL is in UTC: 07:00 UTC is the start of that very day in Oslo's winter. */
	assert_string_equal(
	    expand("BEGIN:VEVENT\nDTSTART;TZID=Europe/Oslo:20260105T080000\nDURATION:PT1H\n"
		   "RRULE:FREQ=DAILY;UNTIL=20260107T070000Z\nEND:VEVENT\n",
		   utc(2026, 1, 1, 0, 0), utc(2026, 2, 1, 0, 0)),
	    "0105 0700-0800 0106 0700-0800 0107 0700-0800 ");
	assert_string_equal(
	    expand("BEGIN:VEVENT\nDTSTART;TZID=Europe/Oslo:20260105T080000\nDURATION:PT1H\n"
		   "RRULE:FREQ=DAILY;UNTIL=20260106\nEND:VEVENT\n",
		   utc(2026, 1, 1, 0, 0), utc(2026, 2, 1, 0, 0)),
	    "0105 0700-0800 0106 0700-0800 ");
	assert_string_equal(
	    expand("BEGIN:VEVENT\nDTSTART;TZID=Europe/Oslo:20260105T080000\nDURATION:PT1H\n"
		   "RRULE:FREQ=MONTHLY;BYDAY=1MO;COUNT=3\nEND:VEVENT\n",
		   utc(2026, 1, 1, 0, 0), utc(2027, 2, 1, 0, 0)),
	    "0105 0700-0800 0202 0700-0800 0302 0700-0800 ");
}

static void an_exception_replaces_the_day_it_names(void **state)
{
	(void)state;
	assert_string_equal(expand(WORK "END:VEVENT\nBEGIN:VEVENT\nUID:work\n"
					"RECURRENCE-ID;TZID=Europe/Oslo:20260106T080000\n"
					"DTSTART;TZID=Europe/Oslo:20260106T120000\n"
					"DTEND;TZID=Europe/Oslo:20260106T160000\nEND:VEVENT\n"
					"BEGIN:VEVENT\nUID:work\nSTATUS:CANCELLED\n"
					"RECURRENCE-ID:20260107T070000Z\n"
					"DTSTART;TZID=Europe/Oslo:20260107T080000\n"
					"DTEND;TZID=Europe/Oslo:20260107T160000\nEND:VEVENT\n",
				   utc(2026, 1, 5, 0, 0), utc(2026, 1, 9, 0, 0)),
			    "0105 0700-1500 0106 1100-1500 0108 0700-1500 ");
}

static void closed_events_and_holidays_subtract(void **state)
{
	struct hours_calendar *holidays = calendar(OSLO, true,
						   "BEGIN:VEVENT\nDTSTART;VALUE=DATE:20260517\n"
						   "RRULE:FREQ=YEARLY\nEND:VEVENT\nBEGIN:VEVENT\n"
						   "DTSTART;VALUE=DATE:20260514\nEND:VEVENT\n");
	struct hours_calendar *c =
	    calendar(OSLO, false,
		     WORK "END:VEVENT\nBEGIN:VEVENT\nCATEGORIES:staff,Closed\n"
			  "DTSTART;TZID=Europe/Oslo:20260515T113000\n"
			  "DTEND;TZID=Europe/Oslo:20260515T120000\nEND:VEVENT\n");
	(void)state;
	assert_string_equal(spans_of(c, holidays, utc(2026, 5, 13, 0, 0), utc(2026, 5, 19, 0, 0)),
			    "0513 0600-1400 0515 0600-0930 0515 1000-1400 0518 0600-1400 ");
	/* The 17th of May 2027 is a Monday. */
	assert_string_equal(spans_of(c, holidays, utc(2027, 5, 17, 0, 0), utc(2027, 5, 19, 0, 0)),
			    "0518 0600-1400 ");
	hours_calendar_free(holidays);
	hours_calendar_free(c);
}

static void overlapping_and_touching_events_are_one_span(void **state)
{
	(void)state;
	assert_string_equal(
	    expand("BEGIN:VEVENT\nDTSTART:20260105T080000Z\nDTEND:20260105T120000Z\nEND:VEVENT\n"
		   "BEGIN:VEVENT\nDTSTART:20260105T110000Z\nDTEND:20260105T130000Z\nEND:VEVENT\n"
		   "BEGIN:VEVENT\nDTSTART:20260105T130000Z\nDTEND:20260105T140000Z\nEND:VEVENT\n",
		   utc(2026, 1, 5, 0, 0), utc(2026, 1, 6, 0, 0)),
	    "0105 0800-1400 ");
}

static void the_next_change_is_found(void **state)
{
	struct hours_span s[] = {{100, 200}, {300, 400}};
	int64_t until;
	(void)state;
	assert_false(hours_at(s, 2, 50, &until));
	assert_int_equal(until, 100);
	assert_true(hours_at(s, 2, 100, &until));
	assert_int_equal(until, 200);
	assert_false(hours_at(s, 2, 200, &until));
	assert_int_equal(until, 300);
	assert_true(hours_at(s, 2, 399, &until));
	assert_false(hours_at(s, 2, 400, &until));
	assert_true(until == INT64_MAX);
	assert_false(hours_at(NULL, 0, 1, &until));
}

static void folded_lines_crlf_and_a_calendars_own_zone_are_read(void **state)
{
	(void)state;
	assert_string_equal(
	    told("Asia/Manila", false,
		 "\xef\xbb\xbf"
		 "BEGIN:VCALENDAR\r\nX-WR-TIMEZONE:Europe/Oslo\r\n"
		 "BEGIN:VTIMEZONE\r\nTZID:Europe/Oslo\r\nBEGIN:STANDARD\r\n"
		 "DTSTART:19701025T030000\r\nRRULE:FREQ=YEARLY;BYMONTH=10\r\n"
		 "END:STANDARD\r\nEND:VTIMEZONE\r\n"
		 "BEGIN:VEVENT\r\nSUMMARY;LANGUAGE=\"no;b\":Hours: a\r\n long text\r\n"
		 "DTSTART:20260105T08\r\n 0000\r\nDTEND:20260105T160000\r\n"
		 "BEGIN:VALARM\r\nTRIGGER:-PT15M\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"),
	    "");
}

/* A line of what is said begins so, and the words are there. */
static void refused(const char *event, const char *line, const char *words)
{
	char text[4096];
	snprintf(text, sizeof(text), "BEGIN:VCALENDAR\nBEGIN:VEVENT\n%sEND:VEVENT\nEND:VCALENDAR\n",
		 event);
	const char *s = told(OSLO, false, text);
	const char *at = strstr(s, line);
	if (!at || (at != s && at[-1] != '\n') || !strstr(s, words))
		fail_msg("for\n%s\nsaid: %s", event, s);
}

static void bad_events_are_refused_with_line_and_remedy(void **state)
{
	static const struct {
		const char *event, *line, *words;
	} bad[] = {
	    {"DTSTART:20260105T080000\nDTEND:20260105T160000\n", "3: DTSTART without a time zone",
	     "TZID=Europe/Oslo"},
	    {"DTSTART;TZID=Europe/Olso:20260105T080000\nDURATION:PT1H\n", "3: Europe/Olso", "IANA"},
	    {"DTSTART;TZID=W. Europe Standard Time:20260105T080000\nDURATION:PT1H\n",
	     "3: W. Europe", "IANA"},
	    {"DTSTART;TZID=Europe/Oslo:20260230T080000\nDURATION:PT1H\n", "3: DTSTART",
	     "is not a time"},
	    {"DTSTART:20260105T080000Z\n", "3: an event without an end", "DTEND"},
	    {"DTSTART:20260105T080000Z\nDTEND:20260105T080000Z\n", "4: it ends before", "next day"},
	    {"DTSTART:20260105T220000Z\nDTEND:20260105T060000Z\n", "4: it ends before", "next day"},
	    {"DTSTART:20260105T080000Z\nDURATION:-PT8H\n", "4: DURATION", "PT8H"},
	    {"DTSTART:20260105T080000Z\nDURATION:PT\n", "4: DURATION", "PT8H"},
	    {"DTSTART:20260105T080000Z\nDURATION:P60D\n", "4: longer than 31 days", "RRULE"},
	    {"DTSTART:20260105T080000Z\nDURATION:PT1H\nDTEND:20260105T090000Z\n", "4: both", "one"},
	    {"DTSTART:20260105T080000Z\nDURATION:PT1H\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30\n",
	     "5: an empty rule", "BYMONTHDAY"},
	    {"DTSTART:20260105T080000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;UNTIL=20250101T000000Z\n",
	     "5: an empty rule", "UNTIL"},
	    {"DTSTART:20260105T080000Z\nDURATION:PT1S\nRRULE:FREQ=SECONDLY\n",
	     "5: too many occurrences", "DAILY"},
	    {"DTSTART:20260105T080000Z\nDURATION:PT1S\nRRULE:FREQ=DAILY;BYHOUR=0,1,2,3,4,5;"
	     "BYMINUTE=0,10,20,30,40,50\n",
	     "5: too many occurrences", "BYMINUTE"},
	    {"DTSTART:20260105T080000Z\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;BYDAY=XX\n", "5: RRULE",
	     "FREQ=WEEKLY"},
	    {"DTSTART:20260105T080000Z\nDURATION:PT1H\nRRULE:every day\n", "5: RRULE", "FREQ"},
	    {"DTSTART:20260105T080000Z\nDTSTART:20260106T080000Z\nDURATION:PT1H\n",
	     "4: a second DTSTART", "remove"},
	    {"DTSTART:20260105T080000Z\nDURATION:PT1H\nRDATE;VALUE=PERIOD:20260105T080000Z/PT1H\n",
	     "5: RDATE", "event of its own"},
	    {"DTSTART:20260105T080000Z\nDURATION:PT1H\nUID:x\nRECURRENCE-ID;RANGE=THISANDFUTURE:"
	     "20260105T080000Z\n",
	     "6: RECURRENCE-ID", "UNTIL"},
	    {"DURATION:PT1H\n", "2: an event without DTSTART", "add"},
	    {"DTSTART:20260105T080000Z\nDURATION:PT1H\nthis is not a line\n", "5: not a line",
	     "NAME"},
	    {"DTSTART:20260105T080000Z\nDURATION:PT30H\nRRULE:FREQ=DAILY\n",
	     "5: warning: it begins again", "DTEND"},
	    {"DTSTART:20260105T080000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY\n",
	     "3: warning: hours in UTC", "TZID"},
	};
	(void)state;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(bad); i++)
		refused(bad[i].event, bad[i].line, bad[i].words);
}

static void bad_files_are_refused(void **state)
{
	char *big = malloc(HOURS_FILE_MAX + 2);
	(void)state;
	assert_non_null(strstr(told(OSLO, false, ""), "no events"));
	assert_non_null(strstr(told(OSLO, false, "hello\n"), "1: not a line"));
	assert_non_null(strstr(told(OSLO, false, "VERSION:2.0\n"), "BEGIN:VCALENDAR"));
	assert_non_null(strstr(told(OSLO, false, "BEGIN:VCALENDAR\nBEGIN:VEVENT\n"), "cut off"));
	assert_non_null(
	    strstr(told(OSLO, false, "BEGIN:VCALENDAR\nEND:VEVENT\n"), "closes nothing"));
	assert_non_null(strstr(told(OSLO, false, "BEGIN:VCALENDAR\nEND:VCALENDAR\n"), "no events"));
	memset(big, 'a', HOURS_FILE_MAX + 1);
	big[HOURS_FILE_MAX + 1] = '\0';
	assert_non_null(strstr(told(OSLO, false, big), "1 MiB"));
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_week_of_office_hours_is_five_spans),
	    cmocka_unit_test(exdate_rdate_and_until_are_followed),
	    cmocka_unit_test(an_exception_replaces_the_day_it_names),
	    cmocka_unit_test(closed_events_and_holidays_subtract),
	    cmocka_unit_test(overlapping_and_touching_events_are_one_span),
	    cmocka_unit_test(the_next_change_is_found),
	    cmocka_unit_test(folded_lines_crlf_and_a_calendars_own_zone_are_read),
	    cmocka_unit_test(bad_events_are_refused_with_line_and_remedy),
	    cmocka_unit_test(bad_files_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
