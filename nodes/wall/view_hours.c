/* When queues are open, for people: rows that change when somebody opens or closes. */
#include "nodes/wall/view.h"
#include "common/conf/hours.h"

enum {
	LOOK_US = 1000000,
	BATCH = 64, /* queues a call: 3 ms with a hundred sites each */
	WEEK_S = 7 * 86400,
	GAPS_MAX = 7 * 24, /* one an hour; what is beyond is not counted */
};

static void row_say(struct wall_view *v, const struct wall_hours *now)
{
	uint64_t key = wall_queue_key(now->queue, now->site);
	struct wall_row *row = wall_table_find(&v->rows, WALL_HOURS, key);
	if (!row && !now->has)
		return;
	row = row ? row : wall_table_make(&v->rows, WALL_HOURS, key);
	if (!row)
		return; /* no memory: not shown */
	const struct wall_hours *was = &row->hours;
	if (row->version && was->has == now->has && was->open == now->open &&
	    was->change == now->change && was->gaps == now->gaps && was->gaps_s == now->gaps_s)
		return;
	row->hours = *now;
	wall_table_touch(&v->rows, row);
}

static void all_sites(struct wall_view *v, const struct conf_watch *watch,
		      const struct conf_queue *q, int64_t now)
{
	struct hours_span gaps[GAPS_MAX];
	struct wall_hours h = {.queue = q->id, .change = INT64_MAX, .has = q->hours_n > 0};
	size_t n = h.has ? conf_watch_gaps(watch, q, now, now + WEEK_S, gaps, GAPS_MAX) : 0, k = 0;
	h.open = !n || gaps[0].from > now;
	if (n)
		h.change = h.open ? gaps[0].from : gaps[k++].to;
	for (; k < n; k++) {
		h.gaps++;
		/* Until nobody knows when: it is as long as the week. */
		h.gaps_s += (gaps[k].to == INT64_MAX ? now + WEEK_S : gaps[k].to) - gaps[k].from;
	}
	row_say(v, &h);
}

static bool site_has_hours(const struct conf_queue *q, uint8_t site)
{
	for (uint32_t i = 0; i < q->hours_n; i++)
		if (q->hours[i].site == site)
			return true;
	return false;
}

static void one_site(struct wall_view *v, const struct conf_watch *watch,
		     const struct conf_queue *q, uint8_t site, int64_t now)
{
	struct wall_hours h = {.queue = q->id, .site = site, .has = site_has_hours(q, site)};
	h.open = conf_watch_at(watch, q, site, now, &h.change);
	row_say(v, &h);
}

void wall_view_hours(struct wall_view *v, const struct conf_watch *watch, uint64_t now_us,
		     int64_t wall_ms)
{
	const struct conf *conf = v->conf;
	v->clock_us = wall_ms * 1000 - (int64_t)now_us;
	if (v->hours_next >= conf->queues_n) {
		if (now_us - v->hours_us < LOOK_US)
			return;
		v->hours_us = now_us;
		v->hours_next = 0;
	}
	for (int n = 0; n < BATCH && v->hours_next < conf->queues_n; n++) {
		const struct conf_queue *q = &conf->queues[v->hours_next++];
		all_sites(v, watch, q, wall_ms / 1000);
		for (uint32_t k = 0; k < conf->sites_n; k++)
			one_site(v, watch, q, conf->sites[k].number, wall_ms / 1000);
	}
}
