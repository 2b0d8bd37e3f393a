/*
 * Who answers which queue when, from the calendars of a configuration: the same reading for the
 * daemons, helioctl and the check of the file.
 */
#ifndef HELIO_CONF_HOURS_H
#define HELIO_CONF_HOURS_H

#include "common/conf/conf.h"
#include "common/hours/hours.h"

/* ---- a range of time, for people --------------------------------------------------------- */

struct conf_week_site {
	const struct conf_site *site;
	const struct conf_calendar *calendar; /* NULL: a queue without hours, always open */
	struct hours_span *spans;
	size_t n;
};
struct conf_week {
	struct conf_week_site sites[CONF_SITES_MAX];
	uint32_t sites_n;
	struct hours_span *gaps; /* nobody answers */
	size_t gaps_n;
};
/* Spans of every site of the queue between from and to (UTC seconds), and the gaps between them.
 * The errors of hours_expand(). Free with conf_week_free(). */
int conf_week_make(struct conf_week *ret, const struct conf *conf, const struct conf_queue *q,
		   int64_t from, int64_t to);
void conf_week_free(struct conf_week *w);

/* "Mon 2026-03-30 08:00 CEST"; zone NULL is UTC. Returns buf. */
char *conf_time_text(char *buf, size_t size, const struct hours_zone *zone, int64_t utc);

/* The weight of a site (0..ACD_OPEN) at t, with the queue's ramp: it falls in the last ramp before
 * the site closes and rises in the first after it has opened, where the spans tell. *ret_change:
 * the next opening or closing after t, INT64_MAX if not known; *ret_step: when the weight changes
 * next. */
uint16_t conf_hours_weight(const struct hours_span *spans, size_t n, uint32_t ramp_ms, int64_t t,
			   int64_t *ret_change, int64_t *ret_step);

/* ---- for a daemon: numbers to look up, and when ------------------------------------------ */

struct conf_watch;
typedef void conf_watch_h(const struct acd_event *ev, void *arg);

/* Tables of the next 14 days for every queue that has hours. ENOMEM, EOVERFLOW. */
int conf_watch_new(struct conf_watch **ret, const struct conf *conf, int64_t now);
/* conf need not be there any more. */
struct conf_watch *conf_watch_free(struct conf_watch *w);
/* Says what has changed by now (all of it the first time) as ACD_EV_HOURS to watch_h, and returns
 * when to come again at the latest, 60 s ahead at most: so a wall clock that was set is noticed.
 * Renews at most one calendar's table a call. */
int64_t conf_watch_step(struct conf_watch *w, int64_t now, conf_watch_h *watch_h, void *arg);
/* Everything is said again at the next step: the core has other queues, or is a new one. */
void conf_watch_again(struct conf_watch *w);

/* What people are told of a queue that has hours; q is of the watch's configuration. */
/* Is that site open for it at t? *ret_change: when that changes; INT64_MAX: not within the table. */
bool conf_watch_at(const struct conf_watch *w, const struct conf_queue *q, uint8_t site, int64_t t,
		   int64_t *ret_change);
/* The spans between from and until, as far as the tables go, in which no site is open; a span that
 * begins before until is told to its end. At most max of them; returns how many. */
size_t conf_watch_gaps(const struct conf_watch *w, const struct conf_queue *q, int64_t from,
		       int64_t until, struct hours_span *ret, size_t max);

#endif
