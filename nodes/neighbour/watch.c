#include "nodes/neighbour/watch.h"
#include "common/base/base.h"

static uint64_t since(uint64_t then_us, uint64_t now_us)
{
	return now_us > then_us ? now_us - then_us : 0;
}

void watch_said(struct watch *w, uint32_t i, uint64_t silent_us, uint64_t now_us)
{
	helio_assert(i < w->witnesses_n);
	w->witness[i].said_us = now_us;
	w->witness[i].since_us = since(silent_us, now_us);
}

enum opinion { OPINION_NONE, OPINION_AGREES, OPINION_OBJECTS, OPINION_LOST_WITH_IT };

static enum opinion opinion(const struct watch *w, const struct watch_witness *t,
			    uint64_t silent_us, uint64_t now_us)
{
	if (!t->heard_us)
		return OPINION_NONE;
	if (since(t->heard_us, now_us) > WATCH_AWAY_MS * 1000ull) {
		uint64_t fell_us = since(silent_us, now_us);
		return since(t->heard_us, fell_us) < WATCH_TOGETHER_MS * 1000ull
			   ? OPINION_LOST_WITH_IT
			   : OPINION_NONE;
	}
	if (!t->said_us || since(t->said_us, now_us) > WATCH_SAID_MS * 1000ull)
		return OPINION_OBJECTS; /* it is about to answer */
	return since(t->since_us, now_us) + WATCH_SLACK_MS * 1000ull >= w->after_us
		   ? OPINION_AGREES
		   : OPINION_OBJECTS;
}

enum watch_verdict watch_verdict(const struct watch *w, uint64_t silent_us, uint64_t now_us,
				 uint32_t *ret_by)
{
	uint32_t agree = 0, lost = 0;
	if (silent_us < w->after_us / 2)
		return WATCH_ALIVE;
	if (silent_us < w->after_us)
		return WATCH_DOUBT;
	for (uint32_t i = 0; i < w->witnesses_n; i++) {
		const struct watch_witness *t = &w->witness[i];
		enum opinion o = opinion(w, t, silent_us, now_us);
		if (o == OPINION_OBJECTS || (o == OPINION_LOST_WITH_IT && t->independent))
			*ret_by = i;
		if (o == OPINION_OBJECTS)
			return WATCH_WAIT;
		agree += o == OPINION_AGREES && t->independent;
		lost += o == OPINION_LOST_WITH_IT && t->independent;
	}
	return agree || !lost ? WATCH_SILENT : WATCH_WAIT;
}
