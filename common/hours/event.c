/* One VEVENT: its times, its rule, and whether they make sense. */
#include "common/hours/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

enum { DAY = 86400 };

void event_clear(struct hours_event *e)
{
	free(e->rule);
	free(e->extra);
	free(e->except);
	e->rule = NULL;
	e->extra = e->except = NULL;
	e->extra_n = e->except_n = 0;
}

static bool digits(const char *s, unsigned n, int *ret)
{
	int v = 0;

	for (unsigned i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		v = v * 10 + (s[i] - '0');
	}
	*ret = v;
	return true;
}

/* 20260328, 20260328T220000, 20260328T220000Z; ends at NUL or ','. */
struct stamp {
	int64_t local;
	bool date, utc;
};
static bool stamp_parse(const char *s, size_t len, struct stamp *ret)
{
	static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int y, mo, d, h = 0, mi = 0, sec = 0;
	struct stamp x = {.date = len == 8, .utc = len == 16 && s[15] == 'Z'};

	if ((!x.date && len != 15 && !x.utc) || !digits(s, 4, &y) || !digits(s + 4, 2, &mo) ||
	    !digits(s + 6, 2, &d))
		return false;
	if (!x.date && (s[8] != 'T' || !digits(s + 9, 2, &h) || !digits(s + 11, 2, &mi) ||
			!digits(s + 13, 2, &sec)))
		return false;
	if (y < HOURS_YEAR_MIN || y > HOURS_YEAR_MAX || mo < 1 || mo > 12 || d < 1 || h > 23 ||
	    mi > 59 || sec > 59)
		return false;
	int leap = mo == 2 && ((y % 4 == 0 && y % 100 != 0) || y % 400 == 0);
	if (d > month_days[mo - 1] + leap)
		return false;
	x.local = hours_days(y, mo, d) * DAY + h * 3600 + mi * 60 + sec;
	*ret = x;
	return true;
}

static bool stamp_read(struct reading *r, const struct ics_line *l, const char *s, size_t len,
		       struct stamp *ret)
{
	if (stamp_parse(s, len, ret))
		return true;
	tell(r->teller, l->no, false,
	     "write it as 20260328T220000, or 20260328 for a whole day, 1970 to 2199",
	     "%.20s: %.*s is not a time", l->name, len < 40 ? (int)len : 40, s);
	return false;
}

/* The zone that a line's times are in; *ret NULL for UTC. */
static bool zone_of(struct reading *r, const struct ics_line *l, const struct stamp *s,
		    const struct hours_zone **ret)
{
	const char *name = l->tzid;

	*ret = NULL;
	if (s->utc && l->tzid) {
		tell(r->teller, l->no, false, "remove the Z", "both TZID and UTC (Z)");
		return false;
	}
	if (s->utc)
		return true;
	if (!name)
		name = r->calendar_zone;
	if (!name && s->date)
		name = r->site_zone;
	if (!name) {
		tell(r->teller, l->no, false,
		     "name the zone, such as DTSTART;TZID=Europe/Oslo:20260105T080000",
		     "%.20s without a time zone", l->name);
		return false;
	}
	*ret = reading_zone(r, l->no, name);
	return *ret != NULL;
}

/* P1W, P1DT12H, PT8H30M */
static bool duration_parse(const char *s, int64_t *ret_days, int64_t *ret_seconds)
{
	static const struct {
		char unit;
		bool time;
		int64_t days, seconds;
	} units[] = {{'W', false, 7, 0},
		     {'D', false, 1, 0},
		     {'H', true, 0, 3600},
		     {'M', true, 0, 60},
		     {'S', true, 0, 1}};
	size_t next = 0;
	bool time = false, any = false;

	*ret_days = *ret_seconds = 0;
	s += *s == '+';
	if (*s++ != 'P')
		return false;
	while (*s) {
		int64_t n = 0;
		int count = 0;
		if (*s == 'T' && !time) {
			time = true;
			s++;
			any = false;
		}
		for (; *s >= '0' && *s <= '9' && count < 6; s++, count++)
			n = n * 10 + (*s - '0');
		while (next < HELIO_ARRAY_LEN(units) &&
		       (units[next].unit != *s || units[next].time != time))
			next++;
		if (!count || next == HELIO_ARRAY_LEN(units))
			return false;
		*ret_days += n * units[next].days;
		*ret_seconds += n * units[next++].seconds;
		any = true;
		s++;
	}
	return any;
}

static bool length_read(struct reading *r, const struct event_text *t, struct hours_event *e)
{
	const struct ics_line *l = t->duration ? t->duration : t->end;
	struct stamp s;

	if (t->duration && t->end) {
		tell(r->teller, t->duration->no, false, "keep one of them",
		     "both DTEND and DURATION");
		return false;
	}
	if (!l && e->whole_days) {
		e->end = e->start + DAY; /* RFC 5545 §3.6.1 */
		return true;
	}
	if (!l) {
		tell(r->teller, t->start->no, false, "add DTEND or DURATION",
		     "an event without an end is never open");
		return false;
	}
	if (t->duration) {
		if (!duration_parse(l->value, &e->days, &e->seconds)) {
			tell(r->teller, l->no, false, "write it as PT8H or PT8H30M",
			     "DURATION: %.40s is not a length of time", l->value);
			return false;
		}
		e->by_duration = true;
		e->end = e->start + e->days * DAY + e->seconds;
		if (e->whole_days && e->seconds) {
			tell(r->teller, l->no, false, "write DTSTART with a time, or PnD",
			     "hours after a whole day");
			return false;
		}
	} else {
		const struct hours_zone *zone;
		if (!stamp_read(r, l, l->value, strlen(l->value), &s) || !zone_of(r, l, &s, &zone))
			return false;
		if (s.date != e->whole_days || zone != e->zone) {
			tell(r->teller, l->no, false, "write both in the same form and zone",
			     "DTEND and DTSTART do not fit together");
			return false;
		}
		e->end = s.local;
	}
	int64_t most = (e->whole_days ? HOURS_WHOLE_DAYS_MAX : HOURS_TIMED_DAYS_MAX) * (int64_t)DAY;
	if (e->end > e->start && e->end - e->start <= most)
		return true;
	tell(r->teller, l->no, false,
	     e->end > e->start ? "shorten it, and repeat it with RRULE"
			       : "the end comes after the start: a shift past midnight ends on the "
				 "next day",
	     e->end > e->start ? "longer than %d days" : "it ends before it begins, or at once",
	     (int)(most / DAY));
	return false;
}

static bool dates_add(struct reading *r, int64_t **list, size_t *n, int64_t value, int line)
{
	if (*n == HOURS_DATES_MAX) {
		tell(r->teller, line, false, "use RRULE, or make several events",
		     "more than %d dates in one event", HOURS_DATES_MAX);
		return false;
	}
	int64_t *more = realloc(*list, (*n + 1) * sizeof(*more));
	if (!more) {
		r->no_memory = true;
		return false;
	}
	*list = more;
	more[(*n)++] = value;
	return true;
}

/* The UTC moment of a date that names one occurrence. A date without a time, beside an event with
 * times, means the occurrence of that day: several programs write it so. */
static bool occurrence_read(struct reading *r, const struct hours_event *e,
			    const struct ics_line *l, const char *s, size_t len, int64_t *ret_utc,
			    int64_t *ret_local)
{
	const struct hours_zone *zone = e->zone;
	struct stamp x;

	if (!stamp_read(r, l, s, len, &x))
		return false;
	if (x.date && !e->whole_days)
		x.local += e->start - (e->start / DAY) * DAY;
	else if (!x.date && !zone_of(r, l, &x, &zone))
		return false;
	if (e->whole_days && !x.date) /* the day on which that moment lies */
		x.local = x.local / DAY * DAY;
	*ret_utc = hours_zone_utc(zone, x.local);
	*ret_local = *ret_utc + hours_zone_offset(e->zone, *ret_utc);
	if (zone == e->zone)
		*ret_local = x.local;
	return true;
}

static bool dates_read(struct reading *r, struct hours_event *e, const struct ics_line *l)
{
	bool extra = !strcmp(l->name, "RDATE");

	if (l->type && !strcasecmp(l->type, "PERIOD")) {
		tell(r->teller, l->no, false, "make it an event of its own",
		     "RDATE with periods is not understood");
		return false;
	}
	for (const char *s = l->value; s; s = strchr(s, ',') ? strchr(s, ',') + 1 : NULL) {
		int64_t utc, local;
		if (!occurrence_read(r, e, l, s, strcspn(s, ","), &utc, &local))
			return false;
		if (extra ? !dates_add(r, &e->extra, &e->extra_n, local, l->no)
			  : !dates_add(r, &e->except, &e->except_n, utc, l->no))
			return false;
	}
	return true;
}

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *s = list; s; s = strchr(s, ',') ? strchr(s, ',') + 1 : NULL) {
		while (*s == ' ')
			s++;
		if (!strncasecmp(s, word, n) && (s[n] == '\0' || s[n] == ',' || s[n] == ' '))
			return true;
	}
	return false;
}

/* UNTIL is written in UTC (RFC 5545 §3.3.10) while the walk goes in wall-clock time. */
static void until_settle(struct hours_event *e)
{
	struct icalrecurrencetype *rule = e->rule;

	if (icaltime_is_null_time(rule->until))
		return;
	int64_t until = time_local(rule->until);
	if (rule->until.is_date && !e->whole_days)
		until += DAY - 1; /* the whole of that day */
	else if (icaltime_is_utc(rule->until) && !rule->until.is_date)
		until += hours_zone_offset(e->zone, until);
	rule->until = time_ical(until);
}

/* Nothing after it is read: to see that a rule gives nothing takes libical a second. */
static bool empty_rule(struct reading *r, const struct ics_line *l)
{
	tell(r->teller, l->no, false,
	     "no day fits it: compare UNTIL, BYDAY and BYMONTHDAY with DTSTART",
	     "an empty rule: it never occurs");
	r->stop = true;
	return false;
}

static bool rule_read(struct reading *r, const struct ics_line *l, struct hours_event *e)
{
	/* RSCALE would bring other calendars by way of ICU; nobody's hours need them. */
	bool foreign = strcasestr(l->value, "RSCALE") || strcasestr(l->value, "SKIP");

	e->rule = calloc(1, sizeof(*e->rule));
	if (!e->rule) {
		r->no_memory = true;
		return false;
	}
	if (strlen(l->value) > 1000 || foreign) {
		tell(r->teller, l->no, false, "write it as FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
		     foreign ? "RSCALE and SKIP are not understood" : "a rule of this length");
		return false;
	}
	*e->rule = icalrecurrencetype_from_string(l->value);
	free(e->rule->rscale);
	e->rule->rscale = NULL;
	if (e->rule->freq == ICAL_NO_RECURRENCE) {
		tell(r->teller, l->no, false, "write it as FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
		     "RRULE: %.80s is not a rule", l->value);
		return false;
	}
	if (e->rule->freq < ICAL_DAILY_RECURRENCE) {
		tell(r->teller, l->no, false, "use FREQ=DAILY, WEEKLY, MONTHLY or YEARLY",
		     "too many occurrences: a rule by the hour, minute or second");
		return false;
	}
	until_settle(e);
	/* libical would look for one all the same, up to the year 2582. */
	if (!icaltime_is_null_time(e->rule->until) && time_local(e->rule->until) < e->start)
		return empty_rule(r, l);
	return true;
}

/* A year of it is looked at before it is believed. */
static bool rule_check(struct reading *r, const struct ics_line *l, const struct hours_event *e)
{
	struct walk w;
	int64_t start, previous = 0, first = 0;
	unsigned n = 0;
	bool overlaps = false;

	bool follows = walk_begin(&w, e) == 0; /* libical sees some empty rules itself */
	w.extra = e->extra_n;                  /* the rule alone */
	while (follows && n <= 366 * HOURS_A_DAY_MAX && walk_next(&w, &start)) {
		if (n == 0)
			first = start;
		else if (start < previous + (e->end - e->start))
			overlaps = true;
		if (start > first + 366 * (int64_t)DAY)
			break;
		previous = start;
		n++;
	}
	walk_end(&w);
	if (n == 0)
		return empty_rule(r, l);
	if (n > 366 * HOURS_A_DAY_MAX)
		tell(r->teller, l->no, false, "remove BYMINUTE and BYSECOND",
		     "too many occurrences: more than %d a day", HOURS_A_DAY_MAX);
	else if (first != e->start)
		tell(r->teller, l->no, true, "begin on a day of the rule",
		     "DTSTART is not a day that the rule gives, and counts for nothing");
	else if (overlaps)
		tell(r->teller, l->no, true, "compare DTEND with RRULE",
		     "it begins again before it has ended");
	return n > 0 && n <= 366 * HOURS_A_DAY_MAX;
}

static bool exception_read(struct reading *r, const struct event_text *t, struct hours_event *e)
{
	const struct ics_line *l = t->recurrence_id;
	int64_t local;

	if (!l)
		return true;
	if (l->range) {
		tell(r->teller, l->no, false, "end the old event with UNTIL and begin a new one",
		     "RECURRENCE-ID with RANGE is not understood");
		return false;
	}
	if (!t->uid || t->rule) {
		tell(r->teller, l->no, false,
		     "give it the UID of the event that it changes, no RRULE",
		     t->uid ? "an exception that repeats" : "RECURRENCE-ID without UID");
		return false;
	}
	e->single = true;
	return occurrence_read(r, e, l, l->value, strlen(l->value), &e->recurrence_id, &local);
}

bool event_read(struct reading *r, const struct event_text *t, struct hours_event *e)
{
	struct stamp s;
	bool cancelled = t->status && !strcasecmp(t->status->value, "CANCELLED");

	e->line = t->begin->no;
	e->closed = r->holidays;
	e->uid = t->uid && *t->uid->value ? hash_str(t->uid->value) : 0;
	if (!t->start) {
		tell(r->teller, t->begin->no, false, "add DTSTART", "an event without DTSTART");
		return false;
	}
	if (!stamp_read(r, t->start, t->start->value, strlen(t->start->value), &s) ||
	    !zone_of(r, t->start, &s, &e->zone))
		return false;
	e->start = s.local;
	e->whole_days = s.date;
	if (!length_read(r, t, e) || !exception_read(r, t, e))
		return false;
	if (t->rule && !rule_read(r, t->rule, e))
		return false;
	if (t->rule && s.utc)
		tell(r->teller, t->start->no, true,
		     "write DTSTART;TZID=Europe/Oslo:… if the hours are those of a place",
		     "hours in UTC do not move with daylight saving");
	for (const struct ics_line *l = t->first; l < t->last; l++) {
		if (!strcmp(l->name, "CATEGORIES"))
			e->closed |= has_word(l->value, "CLOSED");
		else if ((!strcmp(l->name, "EXDATE") || !strcmp(l->name, "RDATE")) &&
			 !dates_read(r, e, l))
			return false;
		else if (!strcmp(l->name, "EXRULE")) {
			tell(r->teller, l->no, false,
			     "use EXDATE, or an event with CATEGORIES:CLOSED",
			     "EXRULE is not understood");
			return false;
		}
	}
	if (t->rule && !rule_check(r, t->rule, e))
		return false;
	if (cancelled && !e->single)
		return false; /* with its exceptions, which find nothing to change */
	if (cancelled)
		e->start = INT64_MAX;
	return true;
}
