/* What differs in who answers when: files may be the same and mean another thing, so the hours of
 * the seven days to come are compared, not their text. */
#include "deploy/helioctl/plan.h"

#include <string.h>

#include "common/base/base.h"
#include "common/conf/hours.h"

enum { WEEK = 7 * 86400 };

static int64_t lasts(const struct hours_span *s, size_t n)
{
	int64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += s[i].to - s[i].from;
	return sum;
}

static const struct conf_week_site *site_of(const struct conf_week *w, const char *name)
{
	for (uint32_t i = 0; i < w->sites_n; i++)
		if (!strcmp(w->sites[i].site->name, name))
			return &w->sites[i];
	return NULL;
}

static bool same(const struct conf_week_site *a, const struct conf_week_site *b)
{
	return a->n == b->n && !memcmp(a->spans, b->spans, a->n * sizeof(*a->spans));
}

static void sites_compare(struct plan *p, const char *queue, const struct conf_week *a,
			  const struct conf_week *b)
{
	char x[24], y[24];

	for (uint32_t i = 0; i < b->sites_n; i++) {
		const struct conf_week_site *s = &b->sites[i], *was = site_of(a, s->site->name);
		int64_t now = lasts(s->spans, s->n);
		if (!was)
			plan_change(p, "hours", queue, PLAN_ADDED, "%s answers %s a week",
				    s->site->name, duration_text(y, now * 1000));
		else if (!same(was, s))
			plan_change(p, "hours", queue, PLAN_CHANGED,
				    "%s answers %s, not %s, of the next seven days%s",
				    s->site->name, duration_text(y, now * 1000),
				    duration_text(x, lasts(was->spans, was->n) * 1000),
				    now == lasts(was->spans, was->n) ? ", at other times" : "");
	}
	for (uint32_t i = 0; i < a->sites_n; i++)
		if (!site_of(b, a->sites[i].site->name))
			plan_change(p, "hours", queue, PLAN_REMOVED, "%s answers no more",
				    a->sites[i].site->name);
}

static const char *closed_text(uint8_t to)
{
	static const char *const texts[ACD_CLOSED_COUNT] = {[ACD_CLOSED_WAIT] = "wait",
							    [ACD_CLOSED_REFUSE] = "refuse",
							    [ACD_CLOSED_ANNOUNCE] = "announce",
							    [ACD_CLOSED_CALLBACK] = "callback",
							    [ACD_CLOSED_VOICEMAIL] = "voicemail"};

	return to < ACD_CLOSED_COUNT ? texts[to] : "?";
}

static void rules_compare(struct plan *p, const struct conf_queue *a, const struct conf_queue *b)
{
	char x[24], y[24];

	if (a->ramp_ms != b->ramp_ms)
		plan_change(p, "hours", b->name, PLAN_CHANGED, "ramp %s → %s",
			    duration_text(x, a->ramp_ms), duration_text(y, b->ramp_ms));
	if (a->overflow_closed != b->overflow_closed)
		plan_change(p, "hours", b->name, PLAN_CHANGED,
			    b->overflow_closed ? "callers of a closed site go to any that is open"
					       : "callers of a closed site stay there");
	if (a->closed_to != b->closed_to)
		plan_change(p, "hours", b->name, PLAN_CHANGED, "closed everywhere: %s → %s",
			    closed_text(a->closed_to), closed_text(b->closed_to));
	if (a->closed_after_ms != b->closed_after_ms)
		plan_change(p, "hours", b->name, PLAN_CHANGED, "closed_after %s → %s",
			    duration_text(x, a->closed_after_ms),
			    duration_text(y, b->closed_after_ms));
}

void plan_hours(struct plan *p)
{
	int64_t now = wall_ms() / 1000;
	struct conf_week a, b;
	char x[24], y[24];

	for (uint32_t i = 0; i < p->new->queues_n; i++) {
		const struct conf_queue *q = &p->new->queues[i],
					*was = conf_queue_by_name(p->old, q->name);
		if (!was)
			continue;
		rules_compare(p, was, q);
		if (conf_week_make(&a, p->old, was, now, now + WEEK))
			continue;
		if (conf_week_make(&b, p->new, q, now, now + WEEK)) {
			conf_week_free(&a);
			continue;
		}
		if (was->hours_n || q->hours_n)
			sites_compare(p, q->name, &a, &b);
		int64_t before = lasts(a.gaps, a.gaps_n), after = lasts(b.gaps, b.gaps_n);
		if (before != after)
			plan_change(p, "hours", q->name, PLAN_CHANGED,
				    "nobody answers %s of the next seven days, not %s",
				    duration_text(y, after * 1000),
				    duration_text(x, before * 1000));
		conf_week_free(&a);
		conf_week_free(&b);
	}
}
