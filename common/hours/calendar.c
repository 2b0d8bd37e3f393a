/* A file to events: components, exceptions put with the events they change, zones loaded once. */
#include "common/hours/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

enum { DEPTH_MAX = 8, ZONES_MAX = 64 };

static const struct hours_zone *zone_add(struct reading *r, const char *name, struct hours_zone *z)
{
	struct hours_calendar *c = r->calendar;
	struct zone_entry *more = realloc(c->zones, (c->zones_n + 1) * sizeof(*more));

	if (!more) {
		r->no_memory = true;
		hours_zone_free(z);
		return NULL;
	}
	c->zones = more;
	str_copy(c->zones[c->zones_n].name, HOURS_ZONE_SIZE, name);
	c->zones[c->zones_n++].zone = z;
	return z;
}

const struct hours_zone *reading_zone(struct reading *r, int line, const char *name)
{
	const struct hours_calendar *c = r->calendar;
	struct hours_zone *z = NULL;

	for (size_t i = 0; i < c->zones_n; i++)
		if (!strcmp(c->zones[i].name, name))
			return c->zones[i].zone;
	int err = c->zones_n < ZONES_MAX ? hours_zone_load(&z, name) : E2BIG;
	if (!err)
		return zone_add(r, name, z);
	if (err == ENOMEM)
		r->no_memory = true;
	tell(r->teller, line, false, "write an IANA zone, such as TZID=Europe/Oslo",
	     err == E2BIG ? "more than 64 zones: %.60s"
			  : "%.60s is not a time zone that this machine knows",
	     name);
	return NULL;
}

static bool event_push(struct reading *r, const struct hours_event *e)
{
	struct hours_calendar *c = r->calendar;

	if (c->n == c->size) {
		struct hours_event *more = realloc(c->events, (c->size * 2 + 16) * sizeof(*more));
		if (!more) {
			r->no_memory = true;
			return false;
		}
		c->events = more;
		c->size = c->size * 2 + 16;
	}
	c->events[c->n++] = *e;
	return true;
}

static void event_take(struct reading *r, const struct event_text *text)
{
	struct hours_event e = {0};

	if (r->calendar->n == HOURS_EVENTS_MAX) {
		tell(r->teller, text->begin->no, false, "use RRULE, or split the file",
		     "more than %d events", HOURS_EVENTS_MAX);
		return;
	}
	if (!event_read(r, text, &e) || !event_push(r, &e))
		event_clear(&e);
}

/* Of a second DTSTART the first counts, and it is said. */
static void property(struct reading *r, struct event_text *t, const struct ics_line *l)
{
	static const struct {
		const char *name;
		size_t at;
	} known[] = {
	    {"DTSTART", offsetof(struct event_text, start)},
	    {"DTEND", offsetof(struct event_text, end)},
	    {"DURATION", offsetof(struct event_text, duration)},
	    {"RRULE", offsetof(struct event_text, rule)},
	    {"UID", offsetof(struct event_text, uid)},
	    {"RECURRENCE-ID", offsetof(struct event_text, recurrence_id)},
	    {"STATUS", offsetof(struct event_text, status)},
	};

	for (size_t i = 0; i < HELIO_ARRAY_LEN(known); i++) {
		if (strcmp(l->name, known[i].name) != 0)
			continue;
		const struct ics_line **at = (void *)((char *)t + known[i].at);
		if (*at)
			tell(r->teller, l->no, false, "remove one of them, or make two events",
			     "a second %s; first on line %d", l->name, (*at)->no);
		else
			*at = l;
	}
}

static void components(struct reading *r, const struct ics_lines *lines)
{
	struct event_text text = {0};
	const char *open[DEPTH_MAX];
	unsigned depth = 0;

	for (size_t i = 0; i < lines->n && !r->stop; i++) {
		const struct ics_line *l = &lines->list[i];
		if (!strcmp(l->name, "BEGIN")) {
			if (depth == DEPTH_MAX ||
			    (depth == 0 && strcasecmp(l->value, "VCALENDAR"))) {
				tell(r->teller, l->no, false, "export it as iCalendar (.ics)",
				     depth ? "components nested too deep"
					   : "the file does not begin with BEGIN:VCALENDAR");
				return;
			}
			if (depth == 1 && !strcasecmp(l->value, "VEVENT"))
				text = (struct event_text){.begin = l, .first = l + 1};
			open[depth++] = l->value;
		} else if (!strcmp(l->name, "END")) {
			if (depth == 0 || strcasecmp(open[depth - 1], l->value) != 0) {
				tell(r->teller, l->no, false, "each BEGIN has its END",
				     "END:%.40s closes nothing", l->value);
				return;
			}
			if (--depth == 1 && !strcasecmp(l->value, "VEVENT")) {
				text.last = l;
				event_take(r, &text);
			}
		} else if (depth == 0) {
			tell(r->teller, l->no, false, "export it as iCalendar (.ics)",
			     "the file does not begin with BEGIN:VCALENDAR");
			return;
		} else if (depth == 2 && !strcasecmp(open[1], "VEVENT")) {
			property(r, &text, l);
		}
	}
	if (depth && !r->stop)
		tell(r->teller, lines->n ? lines->list[lines->n - 1].no : 1, false,
		     "the file was cut off: export it again", "END:%.40s is missing",
		     open[depth - 1]);
}

/* The calendar's own zone may stand below its events. */
static void calendar_zone(struct reading *r, const struct ics_lines *lines)
{
	for (size_t i = 0; i < lines->n && !r->calendar_zone; i++)
		if (!strcmp(lines->list[i].name, "X-WR-TIMEZONE") &&
		    reading_zone(r, lines->list[i].no, lines->list[i].value))
			r->calendar_zone = lines->list[i].value;
}

static int by_time(const void *va, const void *vb)
{
	const int64_t *a = va, *b = vb;

	return *a < *b ? -1 : *a > *b;
}

/* What an exception changes is taken out of the event it belongs to. */
static void exception_settle(struct reading *r, const struct hours_event *x)
{
	bool found = false;

	for (size_t i = 0; i < r->calendar->n; i++) {
		struct hours_event *e = &r->calendar->events[i];
		if (e->single || e->uid != x->uid)
			continue;
		int64_t *more = realloc(e->except, (e->except_n + 1) * sizeof(*more));
		if (!more) {
			r->no_memory = true;
			return;
		}
		found = true;
		e->except = more;
		e->except[e->except_n++] = x->recurrence_id;
	}
	if (!found)
		tell(r->teller, x->line, true, "give it the UID of the event that it changes",
		     "RECURRENCE-ID of an event that is not here");
}

static void settle(struct reading *r)
{
	struct hours_calendar *c = r->calendar;
	size_t kept = 0;

	for (size_t i = 0; i < c->n && !r->no_memory; i++)
		if (c->events[i].single)
			exception_settle(r, &c->events[i]);
	for (size_t i = 0; i < c->n; i++) {
		struct hours_event *e = &c->events[i];
		if (e->except_n)
			qsort(e->except, e->except_n, sizeof(*e->except), by_time);
		if (e->start == INT64_MAX) /* cancelled: its exceptions were all it was for */
			event_clear(e);
		else
			c->events[kept++] = *e;
	}
	c->n = kept;
}

int hours_calendar_parse(struct hours_calendar **ret, const char *text, size_t len,
			 const char *zone, bool holidays, hours_problem_h *problem_h, void *arg)
{
	struct teller t = {.problem_h = problem_h, .arg = arg};
	struct reading r = {.calendar = calloc(1, sizeof(*r.calendar)),
			    .teller = &t,
			    .site_zone = zone,
			    .holidays = holidays};
	struct ics_lines lines = {0};
	int err = r.calendar ? 0 : ENOMEM;

	icalerror_set_errors_are_fatal(0);
	if (!err && len > HOURS_FILE_MAX)
		tell(&t, 1, false, "use RRULE, or split the file", "larger than 1 MiB");
	else if (!err)
		err = ics_lines_split(&lines, text, len, &t);
	if (!err && !t.errors) {
		calendar_zone(&r, &lines);
		components(&r, &lines);
		settle(&r);
		if (!t.errors && !r.calendar->n)
			tell(&t, 1, !r.holidays ? false : true,
			     "write a VEVENT with DTSTART, DTEND and RRULE", "no events");
	}
	ics_lines_free(&lines);
	if (r.no_memory)
		err = ENOMEM;
	if (!err && t.errors)
		err = EINVAL;
	if (err)
		hours_calendar_free(r.calendar);
	else
		*ret = r.calendar;
	return err;
}

struct hours_calendar *hours_calendar_free(struct hours_calendar *c)
{
	if (!c)
		return NULL;
	for (size_t i = 0; i < c->n; i++)
		event_clear(&c->events[i]);
	for (size_t i = 0; i < c->zones_n; i++)
		hours_zone_free(c->zones[i].zone);
	free(c->events);
	free(c->zones);
	free(c);
	return NULL;
}
