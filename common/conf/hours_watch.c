#include "common/conf/hours.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

enum {
	DAY = 86400,
	AHEAD = 14 * DAY, /* what a table covers */
	BEHIND = DAY,     /* … for the ramp after an opening, and a clock that is set back */
	RENEW_BEFORE = 7 * DAY, /* a daemon without a calendar for a week would still be right */
	LOOK_AGAIN = 60,
	RAMP_STEPS = 20, /* 5 % each: 90 s of half an hour */
};

/* ---- weight ------------------------------------------------------------------------------ */

/* Which twentieth of the ramp has passed since it began, and when the next begins. */
static uint16_t ramp_part(int64_t since, int64_t ramp, int64_t *ret_next)
{
	int64_t step = since * RAMP_STEPS / ramp;

	*ret_next = ((step + 1) * ramp + RAMP_STEPS - 1) / RAMP_STEPS - since;
	return (uint16_t)(step * ACD_OPEN / RAMP_STEPS);
}

uint16_t conf_hours_weight(const struct hours_span *spans, size_t n, uint32_t ramp_ms, int64_t t,
			   int64_t *ret_change, int64_t *ret_step)
{
	int64_t ramp = ramp_ms / 1000, next;
	bool open = hours_at(spans, n, t, ret_change);
	uint16_t weight = ACD_OPEN, part;

	*ret_step = *ret_change;
	if (!open || ramp == 0)
		return open ? ACD_OPEN : 0;
	const struct hours_span *s = spans;
	while (s->to <= t)
		s++;
	/* What is cut off at an end of the table neither opens nor closes there: the table is wide
	 * enough for every ramp. A short opening has short ramps: at most half of it each. */
	ramp = ramp < (s->to - s->from) / 2 ? ramp : (s->to - s->from) / 2;
	if (ramp == 0)
		return ACD_OPEN;
	if (t < s->from + ramp) {
		part = ramp_part(t - s->from, ramp, &next);
		/* The first step begins at once: who is open has some weight. */
		weight = (uint16_t)(part + ACD_OPEN / RAMP_STEPS);
		*ret_step = t + next;
	} else if (t >= s->to - ramp) {
		part = ramp_part(t - (s->to - ramp), ramp, &next);
		weight = (uint16_t)(ACD_OPEN - part);
		*ret_step = t + next;
	} else {
		*ret_step = s->to - ramp;
	}
	if (*ret_step > *ret_change)
		*ret_step = *ret_change;
	return weight;
}

/* ---- a range for people ------------------------------------------------------------------ */

static int by_from(const void *va, const void *vb)
{
	const struct hours_span *a = va, *b = vb;

	return a->from < b->from ? -1 : a->from > b->from;
}

static int gaps_find(struct conf_week *w, int64_t from, int64_t to)
{
	size_t n = 0, k = 0;
	int64_t covered = from;

	for (uint32_t i = 0; i < w->sites_n; i++)
		n += w->sites[i].n;
	struct hours_span *all = calloc(n + 1, sizeof(*all));
	w->gaps = calloc(n + 2, sizeof(*w->gaps));
	if (!all || !w->gaps) {
		free(all);
		return ENOMEM;
	}
	for (uint32_t i = 0; i < w->sites_n; i++)
		for (size_t j = 0; j < w->sites[i].n; j++)
			all[k++] = w->sites[i].spans[j];
	qsort(all, n, sizeof(*all), by_from);
	for (size_t i = 0; i < n; i++) {
		if (all[i].from > covered)
			w->gaps[w->gaps_n++] = (struct hours_span){covered, all[i].from};
		covered = all[i].to > covered ? all[i].to : covered;
	}
	if (covered < to)
		w->gaps[w->gaps_n++] = (struct hours_span){covered, to};
	free(all);
	return 0;
}

static int always(struct conf_week_site *s, int64_t from, int64_t to)
{
	s->spans = calloc(1, sizeof(*s->spans));
	if (!s->spans)
		return ENOMEM;
	s->spans[0] = (struct hours_span){from, to};
	s->n = 1;
	return 0;
}

int conf_week_make(struct conf_week *ret, const struct conf *conf, const struct conf_queue *q,
		   int64_t from, int64_t to)
{
	struct conf_week w = {0};
	int err = 0;

	for (uint32_t i = 0; i < q->hours_n && !err; i++) {
		struct conf_week_site *s = &w.sites[w.sites_n++];
		s->site = conf_site_by_number(conf, q->hours[i].site);
		s->calendar = &conf->calendars[q->hours[i].calendar];
		err = s->calendar->open ? hours_expand(s->calendar->open, s->calendar->holidays,
						       from, to, &s->spans, &s->n)
					: EINVAL;
	}
	for (uint32_t i = 0; i < conf->sites_n && !q->hours_n && !err; i++) {
		struct conf_week_site *s = &w.sites[w.sites_n++];
		s->site = &conf->sites[i];
		err = always(s, from, to);
	}
	if (!err)
		err = gaps_find(&w, from, to);
	if (err)
		conf_week_free(&w);
	else
		*ret = w;
	return err;
}

void conf_week_free(struct conf_week *w)
{
	for (uint32_t i = 0; i < w->sites_n; i++)
		free(w->sites[i].spans);
	free(w->gaps);
	*w = (struct conf_week){0};
}

char *conf_time_text(char *buf, size_t size, const struct hours_zone *zone, int64_t utc)
{
	static const char *const names[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
	int64_t local = utc + hours_zone_offset(zone, utc);
	int64_t day = (local >= 0 ? local : local - DAY + 1) / DAY, rest = local - day * DAY;
	int y, m, d;

	hours_date(day, &y, &m, &d);
	snprintf(buf, size, "%s %04d-%02d-%02d %02d:%02d %s", names[((day % 7) + 7) % 7], y, m, d,
		 (int)(rest / 3600), (int)(rest / 60 % 60), hours_zone_abbreviation(zone, utc));
	return buf;
}

/* ---- the watch --------------------------------------------------------------------------- */

struct table {
	struct hours_span *spans;
	size_t n;
	int64_t from, renew_at, to;
};
/* One queue at one site: what was last said of it. */
struct row {
	const struct conf_queue *queue;
	uint8_t site;
	int calendar; /* -1: the queue has hours, but none here: closed */
	bool said;
	uint16_t permille;
	int64_t change;
};
struct conf_watch {
	const struct conf *conf;
	struct table *tables; /* as conf->calendars */
	uint32_t tables_n;    /* conf may be gone when this is freed */
	struct row *rows;
	size_t rows_n;
	int64_t last, next;
};

static int table_renew(struct conf_watch *w, uint32_t i, int64_t now)
{
	const struct conf_calendar *c = &w->conf->calendars[i];
	struct table fresh = {
	    .from = now - BEHIND, .renew_at = now + AHEAD - RENEW_BEFORE, .to = now + AHEAD};
	int err = c->open ? hours_expand(c->open, c->holidays, fresh.from, fresh.to, &fresh.spans,
					 &fresh.n)
			  : EINVAL;

	if (err)
		return err;
	free(w->tables[i].spans);
	w->tables[i] = fresh;
	return 0;
}

static int calendar_at(const struct conf_queue *q, uint8_t site)
{
	for (uint32_t i = 0; i < q->hours_n; i++)
		if (q->hours[i].site == site)
			return q->hours[i].calendar;
	return -1;
}

static int rows_make(struct conf_watch *w)
{
	const struct conf *c = w->conf;

	w->rows = calloc((size_t)c->queues_n * c->sites_n + 1, sizeof(*w->rows));
	if (!w->rows)
		return ENOMEM;
	for (uint32_t i = 0; i < c->queues_n; i++)
		for (uint32_t s = 0; s < c->sites_n && c->queues[i].hours_n; s++)
			w->rows[w->rows_n++] = (struct row){
			    .queue = &c->queues[i],
			    .site = c->sites[s].number,
			    .calendar = calendar_at(&c->queues[i], c->sites[s].number)};
	return 0;
}

int conf_watch_new(struct conf_watch **ret, const struct conf *conf, int64_t now)
{
	struct conf_watch *w = calloc(1, sizeof(*w));
	int err = w ? 0 : ENOMEM;

	if (!err) {
		w->conf = conf;
		w->tables_n = conf->calendars_n;
		w->tables = calloc(conf->calendars_n + 1u, sizeof(*w->tables));
		err = w->tables ? rows_make(w) : ENOMEM;
	}
	for (uint32_t i = 0; !err && i < conf->calendars_n; i++)
		err = table_renew(w, i, now);
	if (err)
		conf_watch_free(w);
	else
		*ret = w;
	return err;
}

struct conf_watch *conf_watch_free(struct conf_watch *w)
{
	if (!w)
		return NULL;
	for (uint32_t i = 0; w->tables && i < w->tables_n; i++)
		free(w->tables[i].spans);
	free(w->tables);
	free(w->rows);
	free(w);
	return NULL;
}

void conf_watch_again(struct conf_watch *w)
{
	for (size_t i = 0; i < w->rows_n; i++)
		w->rows[i].said = false;
	w->next = 0;
}

static int64_t row_step(struct conf_watch *w, struct row *r, int64_t now, conf_watch_h *watch_h,
			void *arg)
{
	int64_t change = INT64_MAX, step = INT64_MAX;
	uint16_t permille = 0;

	if (r->calendar >= 0) {
		const struct table *t = &w->tables[r->calendar];
		permille =
		    conf_hours_weight(t->spans, t->n, r->queue->ramp_ms, now, &change, &step);
		/* The end of the table is no closing: not known. */
		if (change >= t->to)
			change = INT64_MAX;
	}
	if (!r->said || r->permille != permille || r->change != change) {
		struct acd_event ev = {
		    .type = ACD_EV_HOURS,
		    .queue = {r->queue->id},
		    .site = r->site,
		    .permille = permille,
		    .age_us = change == INT64_MAX ? 0 : (uint64_t)(change - now) * 1000000,
		};
		r->said = true;
		r->permille = permille;
		r->change = change;
		watch_h(&ev, arg);
	}
	return step;
}

int64_t conf_watch_step(struct conf_watch *w, int64_t now, conf_watch_h *watch_h, void *arg)
{
	bool clock_was_set = now < w->last || now > w->last + 2 * LOOK_AGAIN, renewed = false;

	if (now < w->next && !clock_was_set)
		return w->next;
	for (uint32_t i = 0; i < w->conf->calendars_n; i++) {
		struct table *t = &w->tables[i];
		bool outside = now >= t->to - DAY || now < t->from + BEHIND / 2;
		/* One a call, unless the clock was set: then nothing else is right. */
		if (!outside && (now < t->renew_at || renewed))
			continue;
		renewed = true;
		if (table_renew(w, i, now))
			t->renew_at = now + 3600; /* no memory: the old one holds for days */
	}
	w->last = now;
	w->next = now + LOOK_AGAIN;
	for (size_t i = 0; i < w->rows_n; i++) {
		int64_t step = row_step(w, &w->rows[i], now, watch_h, arg);
		if (step < w->next)
			w->next = step;
	}
	return w->next;
}

/* ---- for people -------------------------------------------------------------------------- */

bool conf_watch_at(const struct conf_watch *w, const struct conf_queue *q, uint8_t site, int64_t t,
		   int64_t *ret_change)
{
	int i = calendar_at(q, site);
	bool open = false;

	*ret_change = INT64_MAX;
	if (i >= 0) {
		const struct table *table = &w->tables[i];
		open = hours_at(table->spans, table->n, t, ret_change);
		if (*ret_change >= table->to)
			*ret_change = INT64_MAX; /* the end of the table is no closing */
	}
	return open;
}

/* Is any site open at t, and when does the first of them close, or, if none is, open? */
static bool any_at(const struct conf_watch *w, const struct conf_queue *q, int64_t t,
		   int64_t *ret_change)
{
	int64_t opens = INT64_MAX, closes = t;

	for (uint32_t i = 0; i < q->hours_n; i++) {
		int64_t change;
		if (!conf_watch_at(w, q, q->hours[i].site, t, &change))
			opens = change < opens ? change : opens;
		else
			closes = change > closes ? change : closes;
	}
	*ret_change = closes > t ? closes : opens;
	return closes > t;
}

size_t conf_watch_gaps(const struct conf_watch *w, const struct conf_queue *q, int64_t from,
		       int64_t until, struct hours_span *ret, size_t max)
{
	size_t n = 0;

	for (int64_t t = from, change; n < max && t < until; t = change)
		if (!any_at(w, q, t, &change))
			ret[n++] = (struct hours_span){t, change};
	return n;
}
