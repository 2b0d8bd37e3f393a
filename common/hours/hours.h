/*
 * Opening hours: iCalendar files (RFC 5545) to a table of UTC seconds, so that a daemon only looks
 * up numbers.
 *
 *   office-oslo.ics ──parse──► events in wall-clock time ──expand──► spans [from, to) in UTC
 *   holidays.ics    ──────────────── subtract ───────────────┘            │ hours_at(T)
 *
 * Wall-clock rules, in the words of RFC 5545 §3.3.5: a time that the clocks skip counts with the
 * offset before the change (02:30 is then 03:30), one that they show twice means the first. One
 * departure, from §3.8.5.3: an event with DTEND ends when the wall clock shows that end on each of
 * its days, so that 22:00–06:00 lasts 7 or 9 hours in the night of a change. With DURATION, days
 * are days of the calendar, and hours are exact.
 *
 * Zones come from the system's tzdata (TZif), not from VTIMEZONE: what a calendar program exported
 * years ago does not know which rules a country has decided since.
 */
#ifndef HELIO_HOURS_H
#define HELIO_HOURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HOURS_FILE_MAX = 1 << 20, /* a year of hand-made exceptions is 100 kB */
	HOURS_LINES_MAX = 50000,
	HOURS_EVENTS_MAX = 2000,
	HOURS_DATES_MAX = 2000, /* EXDATE and RDATE of one event */
	HOURS_YEAR_MIN = 1970,
	HOURS_YEAR_MAX = 2199,
	HOURS_STEPS_MAX = 100000,  /* occurrences of one rule looked at: daily for 270 years */
	HOURS_A_DAY_MAX = 24,      /* occurrences of one rule; nobody opens more often */
	HOURS_SPANS_MAX = 50000,   /* of one expansion */
	HOURS_TIMED_DAYS_MAX = 31, /* one event with times; whole days: HOURS_WHOLE_DAYS_MAX */
	HOURS_WHOLE_DAYS_MAX = 366,
	HOURS_ZONE_SIZE = 48,
	HOURS_PROBLEMS_MAX = 50, /* of one file; more help nobody */
};

/* ---- zones ---------------------------------------------------------------------------------- */

struct hours_zone;
/* From the system's tzdata (TZDIR, else /usr/share/zoneinfo). ENOENT: no such zone; EINVAL: not a
 * zone's name, or not a TZif file; ENOMEM. */
int hours_zone_load(struct hours_zone **ret, const char *name);
struct hours_zone *hours_zone_free(struct hours_zone *z);
/* Seconds east of UTC at that moment. z NULL is UTC. */
int32_t hours_zone_offset(const struct hours_zone *z, int64_t utc);
/* "CET", "+08": lives as long as z. */
const char *hours_zone_abbreviation(const struct hours_zone *z, int64_t utc);
/* The next moment after utc at which the offset changes, before limit; limit if it does not. */
int64_t hours_zone_next_change(const struct hours_zone *z, int64_t utc, int64_t limit);
/* Wall-clock time as seconds since 1970-01-01T00:00:00 of the same clock -> UTC; skipped and
 * doubled times as said above. */
int64_t hours_zone_utc(const struct hours_zone *z, int64_t local);

/* A day of the proleptic Gregorian calendar as days since 1970-01-01, and back. */
int64_t hours_days(int year, int month, int day);
void hours_date(int64_t days, int *ret_year, int *ret_month, int *ret_day);

/* ---- calendars ------------------------------------------------------------------------------ */

struct hours_calendar;
struct hours_problem {
	int line;
	bool warning;
	const char *what, *remedy; /* remedy may be NULL; both live during the call only */
};
typedef void hours_problem_h(const struct hours_problem *p, void *arg);

/* Parses and checks a whole file. zone: of the site, for whole days (holidays are dates without a
 * zone). holidays: every event subtracts; else those whose CATEGORIES contain CLOSED do. Every
 * problem is told to problem_h (may be NULL). EINVAL: an error was told; ENOMEM. */
int hours_calendar_parse(struct hours_calendar **ret, const char *text, size_t len,
			 const char *zone, bool holidays, hours_problem_h *problem_h, void *arg);
struct hours_calendar *hours_calendar_free(struct hours_calendar *c);

/* [from, to) in seconds of UTC since 1970; sorted, neither touching nor overlapping. */
struct hours_span {
	int64_t from, to;
};
/* When it is open between from and to (clipped to them): the union of the events, less those that
 * are closed and less the whole of holidays (may be NULL). *ret_spans is the caller's to free().
 * EOVERFLOW: more than HOURS_SPANS_MAX or HOURS_STEPS_MAX; ENOMEM. */
int hours_expand(const struct hours_calendar *c, const struct hours_calendar *holidays,
		 int64_t from, int64_t to, struct hours_span **ret_spans, size_t *ret_n);

/* Is it open at t? *ret_until: the next change after t, INT64_MAX if the spans know none. */
bool hours_at(const struct hours_span *spans, size_t n, int64_t t, int64_t *ret_until);

#endif
