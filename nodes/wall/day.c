#include "nodes/wall/day.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* No day is longer: 25 hours where clocks go back, and some air. */
static const int64_t day_max_ms = 27 * 3600 * 1000;

void wall_zone_set(const char *zone)
{
	char tz[64];
	snprintf(tz, sizeof(tz), ":%s", zone);
	setenv("TZ", tz, 1);
	tzset();
}

static bool same_date(int64_t a_ms, int64_t b_ms)
{
	time_t a = (time_t)(a_ms / 1000), b = (time_t)(b_ms / 1000);
	struct tm x, y;
	if (!localtime_r(&a, &x) || !localtime_r(&b, &y))
		return false;
	return x.tm_yday == y.tm_yday && x.tm_year == y.tm_year;
}

/* Between `in` (of the day) and `out` (not of it), to the second: zones change at whole ones.
 * Asking for dates, and not for "00:00", is right where there is no midnight that day. */
static int64_t edge(int64_t in_ms, int64_t out_ms, int64_t at_ms)
{
	int64_t in = in_ms / 1000, out = out_ms / 1000;
	while (in - out > 1 || out - in > 1) {
		int64_t middle = in + (out - in) / 2;
		if (same_date(middle * 1000, at_ms))
			in = middle;
		else
			out = middle;
	}
	return (in > out ? in : out) * 1000;
}

int64_t wall_day_begin(int64_t at_ms)
{
	return edge(at_ms, at_ms - day_max_ms, at_ms);
}

int64_t wall_day_end(int64_t at_ms)
{
	return edge(at_ms, at_ms + day_max_ms, at_ms);
}

int wall_day_open(struct wall_day *d, uint32_t queues, int64_t now_ms)
{
	d->n = queues;
	d->queue = calloc(queues + 1, sizeof(*d->queue));
	d->begins_ms = wall_day_begin(now_ms);
	d->ends_ms = wall_day_end(now_ms);
	return d->queue ? 0 : ENOMEM;
}

void wall_day_close(struct wall_day *d)
{
	free(d->queue);
	*d = (struct wall_day){0};
}

bool wall_day_turn(struct wall_day *d, int64_t now_ms)
{
	if (now_ms >= d->begins_ms && now_ms < d->ends_ms)
		return false;
	memset(d->queue, 0, d->n * sizeof(*d->queue));
	d->begins_ms = wall_day_begin(now_ms);
	d->ends_ms = wall_day_end(now_ms);
	return true;
}

static bool today(const struct wall_day *d, uint32_t queue, int64_t at_ms)
{
	return queue < d->n && at_ms >= d->begins_ms && at_ms < d->ends_ms;
}

void wall_day_entered(struct wall_day *d, uint32_t queue, int64_t at_ms)
{
	if (today(d, queue, at_ms))
		d->queue[queue].entered++;
}

void wall_day_answered(struct wall_day *d, uint32_t queue, int64_t at_ms, int64_t wait_ms,
		       int64_t within_ms)
{
	if (!today(d, queue, at_ms))
		return;
	d->queue[queue].answered++;
	d->queue[queue].wait_ms += (uint64_t)(wait_ms > 0 ? wait_ms : 0);
	if (wait_ms <= within_ms)
		d->queue[queue].in_time++;
}

void wall_day_abandoned(struct wall_day *d, uint32_t queue, int64_t at_ms)
{
	if (today(d, queue, at_ms))
		d->queue[queue].abandoned++;
}
