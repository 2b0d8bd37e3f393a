/* Between the files of common/hours. */
#ifndef HELIO_HOURS_INTERNAL_H
#define HELIO_HOURS_INTERNAL_H

#include "common/hours/hours.h"

#include <libical/ical.h>
#include <stdarg.h>

/* ---- posix_tz.c: "CET-1CEST,M3.5.0,M10.5.0/3", what a TZif file says of the years after it ---- */
struct posix_rule {
	char kind; /* 'M' month, week, day; 'J' day without 29 February; 'n' day */
	int16_t month, week, day;
	int32_t time; /* seconds after midnight, may be negative or above a day */
};
struct posix_tz {
	bool dst;
	char std_name[8], dst_name[8];
	int32_t std_offset, dst_offset; /* seconds east */
	struct posix_rule start, end;
};
bool posix_tz_parse(struct posix_tz *ret, const char *s);
int32_t posix_tz_offset(const struct posix_tz *tz, int64_t utc, bool *ret_dst);

/* ---- lines.c: content lines (RFC 5545 §3.1), unfolded --------------------------------------- */
struct ics_line {
	int no;                                    /* in the file, of its first part */
	const char *name, *value;                  /* name in upper case */
	const char *tzid, *type, *range, *unknown; /* parameters; NULL if absent */
};
struct ics_lines {
	char *text; /* what the lines point into */
	struct ics_line *list;
	size_t n;
};
struct teller {
	hours_problem_h *problem_h;
	void *arg;
	unsigned errors, told;
};
void tell(struct teller *t, int line, bool warning, const char *remedy, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
int ics_lines_split(struct ics_lines *ret, const char *text, size_t len, struct teller *t);
void ics_lines_free(struct ics_lines *l);

/* ---- calendar.c, event.c -------------------------------------------------------------------- */
struct hours_event {
	int line;
	bool closed, whole_days, by_duration, single; /* single: an exception with RECURRENCE-ID */
	const struct hours_zone *zone;                /* NULL: UTC */
	int64_t start, end;                           /* wall clock */
	int64_t days, seconds;                        /* by_duration: calendar days, then exact */
	struct icalrecurrencetype *rule;              /* NULL: once */
	int64_t *extra, *except;                      /* RDATE (wall clock); EXDATE (UTC, sorted) */
	size_t extra_n, except_n;
	uint64_t uid;          /* 0: none */
	int64_t recurrence_id; /* UTC */
};
struct zone_entry {
	char name[HOURS_ZONE_SIZE];
	struct hours_zone *zone;
};
struct hours_calendar {
	struct hours_event *events;
	size_t n, size;
	struct zone_entry *zones;
	size_t zones_n;
};

/* What stands between BEGIN:VEVENT and END:VEVENT. */
struct event_text {
	const struct ics_line *begin, *start, *end, *duration, *rule, *uid, *recurrence_id, *status;
	const struct ics_line *first, *last; /* lines of the event, for EXDATE, RDATE, CATEGORIES */
};
struct reading {
	struct hours_calendar *calendar;
	struct teller *teller;
	const char *site_zone, *calendar_zone; /* calendar_zone: X-WR-TIMEZONE, NULL if absent */
	bool holidays, no_memory, stop;
};
/* The zone, loaded once; NULL is told at that line. */
const struct hours_zone *reading_zone(struct reading *r, int line, const char *name);
/* Reads one event into ret; false: told. */
bool event_read(struct reading *r, const struct event_text *text, struct hours_event *ret);
void event_clear(struct hours_event *e);

/* ---- expand.c ------------------------------------------------------------------------------- */
/* Goes through the starts of an event in wall-clock time, the rule's in order, then RDATEs. */
struct walk {
	const struct hours_event *event;
	icalrecur_iterator *iterator;
	size_t extra;
	bool first, over;
	unsigned steps;
};
int walk_begin(struct walk *w, const struct hours_event *e); /* EINVAL: libical refuses the rule */
bool walk_next(struct walk *w, int64_t *ret_start);          /* false: no more */
void walk_end(struct walk *w);
/* When an occurrence is open; false if the clocks skip it whole. */
bool event_span(const struct hours_event *e, int64_t start, struct hours_span *ret);
int64_t time_local(struct icaltimetype t);
struct icaltimetype time_ical(int64_t local);

#endif
