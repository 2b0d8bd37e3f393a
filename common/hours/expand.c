/* Events to spans of UTC. */
#include "common/hours/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DAY = 86400 };

int64_t time_local(struct icaltimetype t)
{
	int64_t days = hours_days(t.year, t.month, t.day);

	return days * DAY + (t.is_date ? 0 : t.hour * 3600 + t.minute * 60 + t.second);
}

struct icaltimetype time_ical(int64_t local)
{
	struct icaltimetype t = icaltime_null_time();
	int64_t days = local / DAY, rest = local % DAY;

	hours_date(days, &t.year, &t.month, &t.day);
	t.hour = (int)(rest / 3600);
	t.minute = (int)(rest / 60 % 60);
	t.second = (int)(rest % 60);
	return t;
}

/* ---- walking --------------------------------------------------------------------------------- */

int walk_begin(struct walk *w, const struct hours_event *e)
{
	*w = (struct walk){.event = e, .first = true};
	if (!e->rule)
		return 0;
	w->iterator = icalrecur_iterator_new(*e->rule, time_ical(e->start));
	return w->iterator ? 0 : EINVAL;
}

bool walk_next(struct walk *w, int64_t *ret_start)
{
	const struct hours_event *e = w->event;

	if (!e->rule && w->first) {
		w->first = false;
		*ret_start = e->start;
		return true;
	}
	while (e->rule && !w->over) {
		struct icaltimetype t = icalrecur_iterator_next(w->iterator);
		if (icaltime_is_null_time(t) || t.year > HOURS_YEAR_MAX ||
		    w->steps++ == HOURS_STEPS_MAX) {
			w->over = true;
			break;
		}
		*ret_start = time_local(t);
		return true;
	}
	if (w->extra < e->extra_n) {
		*ret_start = e->extra[w->extra++];
		return true;
	}
	return false;
}

void walk_end(struct walk *w)
{
	if (w->iterator)
		icalrecur_iterator_free(w->iterator);
	w->iterator = NULL;
}

bool event_span(const struct hours_event *e, int64_t start, struct hours_span *ret)
{
	ret->from = hours_zone_utc(e->zone, start);
	if (e->by_duration)
		ret->to = hours_zone_utc(e->zone, start + e->days * DAY) + e->seconds;
	else
		ret->to = hours_zone_utc(e->zone, start + (e->end - e->start));
	return ret->to > ret->from;
}

/* ---- lists of spans -------------------------------------------------------------------------- */

struct spans {
	struct hours_span *list;
	size_t n, size;
};

static int spans_add(struct spans *s, const struct hours_span *x)
{
	if (s->n == HOURS_SPANS_MAX)
		return EOVERFLOW;
	if (s->n == s->size) {
		size_t size = s->size ? 2 * s->size : 64;
		struct hours_span *more = realloc(s->list, size * sizeof(*more));
		if (!more)
			return ENOMEM;
		s->list = more;
		s->size = size;
	}
	s->list[s->n++] = *x;
	return 0;
}

static int by_from(const void *va, const void *vb)
{
	const struct hours_span *a = va, *b = vb;

	return a->from != b->from ? (a->from < b->from ? -1 : 1)
	       : a->to < b->to    ? -1
				  : a->to > b->to;
}

static void spans_join(struct spans *s)
{
	size_t n = 0;

	if (s->n)
		qsort(s->list, s->n, sizeof(*s->list), by_from);
	for (size_t i = 0; i < s->n; i++) {
		if (n && s->list[i].from <= s->list[n - 1].to) {
			if (s->list[i].to > s->list[n - 1].to)
				s->list[n - 1].to = s->list[i].to;
		} else {
			s->list[n++] = s->list[i];
		}
	}
	s->n = n;
}

static int spans_subtract(struct spans *ret, const struct spans *a, const struct spans *b)
{
	size_t k = 0;
	int err = 0;

	for (size_t i = 0; i < a->n && !err; i++) {
		struct hours_span x = a->list[i];
		while (k < b->n && b->list[k].to <= x.from)
			k++;
		for (size_t j = k; j < b->n && b->list[j].from < x.to && !err; j++) {
			struct hours_span left = {x.from, b->list[j].from};
			if (left.to > left.from)
				err = spans_add(ret, &left);
			if (b->list[j].to > x.from)
				x.from = b->list[j].to;
		}
		if (!err && x.to > x.from)
			err = spans_add(ret, &x);
	}
	return err;
}

static bool excepted(const struct hours_event *e, int64_t utc)
{
	size_t lo = 0, hi = e->except_n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (e->except[mid] < utc)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < e->except_n && e->except[lo] == utc;
}

static int event_expand(const struct hours_event *e, int64_t from, int64_t to, struct spans *ret)
{
	struct walk w;
	struct hours_span x;
	int64_t start;
	int err = walk_begin(&w, e);

	while (!err && walk_next(&w, &start)) {
		bool by_rule = e->rule && !w.over;
		if (by_rule && start > to + 2 * DAY) {
			w.over = true; /* RDATEs may still be earlier */
			continue;
		}
		if (excepted(e, hours_zone_utc(e->zone, start)) || !event_span(e, start, &x) ||
		    x.to <= from || x.from >= to)
			continue;
		x.from = x.from > from ? x.from : from;
		x.to = x.to < to ? x.to : to;
		err = spans_add(ret, &x);
	}
	if (!err && w.steps > HOURS_STEPS_MAX)
		err = EOVERFLOW;
	walk_end(&w);
	return err;
}

int hours_expand(const struct hours_calendar *c, const struct hours_calendar *holidays,
		 int64_t from, int64_t to, struct hours_span **ret_spans, size_t *ret_n)
{
	struct spans open = {0}, closed = {0}, rest = {0};
	int err = 0;

	for (size_t i = 0; !err && i < c->n; i++)
		err = event_expand(&c->events[i], from, to, c->events[i].closed ? &closed : &open);
	for (size_t i = 0; !err && holidays && i < holidays->n; i++)
		err = event_expand(&holidays->events[i], from, to, &closed);
	spans_join(&open);
	spans_join(&closed);
	if (!err)
		err = spans_subtract(&rest, &open, &closed);
	free(open.list);
	free(closed.list);
	if (err) {
		free(rest.list);
		return err;
	}
	*ret_spans = rest.list;
	*ret_n = rest.n;
	return 0;
}

bool hours_at(const struct hours_span *spans, size_t n, int64_t t, int64_t *ret_until)
{
	size_t lo = 0, hi = n;

	while (lo < hi) { /* the first span that ends after t */
		size_t mid = lo + (hi - lo) / 2;
		if (spans[mid].to <= t)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == n) {
		*ret_until = INT64_MAX;
		return false;
	}
	bool open = spans[lo].from <= t;
	*ret_until = open ? spans[lo].to : spans[lo].from;
	return open;
}
