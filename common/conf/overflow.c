/* overflow: of a queue: when callers go to other sites, or end in a callback or an announcement. */
#include "common/conf/options.h"

#include <string.h>

#include "common/base/base.h"

void tasks_check(struct reader *r, const struct conf_queue *q, const struct yaml_node *at)
{
	if (q->max_wait_to != ACD_CLOSED_WAIT && q->max_wait_ms)
		bad(r, at, "max_wait, or a rule {after: …, to: callback}", "remove one of them",
		    "max_wait: and an overflow rule both end the call");
}

void read_after(struct reader *r, const struct yaml_node *v, void *base)
{
	static const struct option after = {.key = "after",
					    .type = OPT_MS,
					    .offset = offsetof(struct raw_overflow, after_ms),
					    .min = 0,
					    .max = 86400000};

	if (v && value_read(r, &after, v, base))
		((struct raw_overflow *)base)->timed = true;
}

static uint8_t closed_by_name(const char *to)
{
	static const char *const names[] = {
	    [ACD_CLOSED_REFUSE] = "refuse",
	    [ACD_CLOSED_ANNOUNCE] = "announce",
	    [ACD_CLOSED_CALLBACK] = "callback",
	    [ACD_CLOSED_VOICEMAIL] = "voicemail",
	};
	for (uint8_t i = 0; i < HELIO_ARRAY_LEN(names); i++)
		if (names[i] && !strcmp(to, names[i]))
			return i;
	return ACD_CLOSED_WAIT;
}

/* {after: 180s, to: callback}: the caller need not hold the line any longer. */
static void task_apply(struct reader *r, const struct yaml_node *item, const struct raw_overflow *x,
		       struct conf_queue *q)
{
	if (!x->timed)
		bad(r, item,
		    "{after: 180s, to: callback} or {when: closed_everywhere, to: callback}", NULL,
		    "'%s' is for who has waited long, or for a queue that is closed everywhere",
		    x->to);
	else if (x->after_ms < 1000)
		bad(r, item, "after: 1s or more", "use hours: for a queue that nobody answers",
		    "no caller would wait for a person at all");
	else if (q->max_wait_to != ACD_CLOSED_WAIT)
		bad(r, item, "one rule of this kind", "remove one of them",
		    "a second rule with after: to callback or voicemail");
	else {
		q->max_wait_to = closed_by_name(x->to);
		q->task_after_ms = x->after_ms;
	}
}

static void closed_apply(struct reader *r, const struct yaml_node *item,
			 const struct raw_overflow *x, struct conf_queue *q)
{
	if (!strcmp(x->to, "any_open"))
		bad(r, item, "announce, refuse, callback, voicemail",
		    "use when: closed_site for one site",
		    "'closed_everywhere' cannot lead to any_open: nobody is open then");
	else if (q->closed_to != ACD_CLOSED_WAIT)
		bad(r, item, "one rule of each kind", "remove one of them",
		    "a second rule with closed_everywhere");
	else
		q->closed_to = closed_by_name(x->to);
}

static void overflow_apply(struct reader *r, const struct yaml_node *item,
			   const struct raw_overflow *x, struct conf_queue *q)
{
	if (!strcmp(x->when, "closed_everywhere")) {
		closed_apply(r, item, x, q);
	} else if (!strcmp(x->to, "callback") || !strcmp(x->to, "voicemail")) {
		task_apply(r, item, x, q);
	} else if (strcmp(x->to, "any_open") != 0) {
		bad(r, yaml_value(item, "to"), "any_open", "use it with when: closed_everywhere",
		    "'%s' is for callers of a queue that is closed everywhere", x->to);
	} else if (!strcmp(x->when, "closed_site")) {
		if (q->overflow_closed)
			bad(r, item, "one rule of each kind", "remove one of them",
			    "a second rule with closed_site");
		q->overflow_closed = true;
	} else if ((x->longer_than > 0) != (strcmp(x->when, "queue_longer") == 0)) {
		bad(r, item, "{when: queue_longer, longer_than: 10, to: any_open}", NULL,
		    "queue_longer and longer_than: belong together");
	} else if ((x->ewt_above_ms > 0) != (strcmp(x->when, "ewt") == 0)) {
		bad(r, item, "{when: ewt, above: 60s, to: any_open}", NULL,
		    "ewt and above: belong together");
	} else if (x->longer_than > 0) {
		if (q->overflow_longer)
			bad(r, item, "one rule of each kind", "remove one of them",
			    "a second rule with queue_longer");
		q->overflow_longer = x->longer_than;
	} else if (x->ewt_above_ms > 0) {
		if (q->overflow_ewt_ms)
			bad(r, item, "one rule of each kind", "remove one of them",
			    "a second rule with ewt");
		q->overflow_ewt_ms = x->ewt_above_ms;
	} else if (x->timed) {
		if (q->overflow_timed)
			bad(r, item, "one rule with after:", "keep the shorter one",
			    "a second rule with after: to any_open");
		q->overflow_timed = true;
		q->overflow_after_ms = x->after_ms;
	} else {
		if (q->overflow_no_idle)
			bad(r, item, "one rule of each kind", "remove one of them",
			    "a second rule with no_idle_here");
		q->overflow_no_idle = true;
	}
}

void read_overflow(struct reader *r, const struct yaml_node *v, void *base)
{
	static const char allowed[] = "{when: no_idle_here, to: any_open} or "
				      "{after: 20s, to: any_open}";
	unsigned n = 0;

	if (v && v->kind != YAML_SEQ) {
		bad(r, v, allowed, NULL, "a list of rules is needed here");
		return;
	}
	for (const struct yaml_node *i = v ? v->child : NULL; i && n < 16; i = i->next, n++) {
		struct raw_overflow x = {0};
		unsigned before = r->problems.errors;
		section_read(r, SECTION_OVERFLOW, i, i, &x);
		if (r->problems.errors != before)
			continue;
		if (x.timed == (*x.when != '\0'))
			bad(r, i, allowed, NULL,
			    x.timed ? "both when: and after: in one rule"
				    : "neither when: nor after: in this rule");
		else
			overflow_apply(r, i, &x, base);
	}
}
