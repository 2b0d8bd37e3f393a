/*
 * Why a call is where it is. Its owner knows the story (to whom it was granted, why to that one,
 * what came back); whoever matches it knows why it waits. Looking in only: walks over agents and
 * calls, which a person who asks can wait for.
 */
#include "common/acd/acd_internal.h"

#include <string.h>

static void tell_story(const struct call *c, struct acd_why *ret)
{
	uint32_t n = c->story_n < ACD_STORY_MAX ? c->story_n : ACD_STORY_MAX;

	ret->story_n = n;
	for (uint32_t k = 0; k < n; k++)
		ret->story[k] = c->story[(c->story_n - n + k) % ACD_STORY_MAX];
}

static uint32_t bits(uint64_t x)
{
	uint32_t n = 0;

	for (; x; x &= x - 1)
		n++;
	return n;
}

/* What the idle agent who lacks least lacks. */
static void find_missing(const struct acd *acd, const struct queue *queue, struct acd_why *ret)
{
	uint32_t least = UINT32_MAX;

	for (uint32_t i = 0; i < acd->magent_free.max; i++) {
		const struct magent *a = &acd->magents[i];
		if (!a->used || !a->free)
			continue;
		struct able has = acd->classes[a->cls].has;
		uint64_t skills = queue->needs.skills & ~has.skills;
		uint64_t steps = queue->needs.steps & ~has.steps;
		bool level = skills == 0;
		for (uint32_t s = 0; level && s < acd->steps_n; s++)
			if (steps >> s & 1)
				skills |= UINT64_C(1) << acd->steps[s].skill;
		uint32_t lacks = 2 * bits(skills) - level; /* a level short is less than a skill */
		if (lacks < least) {
			least = lacks;
			ret->missing.bits = skills;
			ret->missing_level = level;
		}
	}
}

static uint64_t until(acd_time_us now, const struct mcall *c, uint32_t after_ms)
{
	int64_t at = c->queued_at + (int64_t)(after_ms * US_PER_MS);

	return at > (int64_t)now ? (uint64_t)(at - (int64_t)now) : 0;
}

static void tell_wait(const struct acd *acd, uint32_t i, acd_time_us now, struct acd_why *ret)
{
	const struct mcall *c = &acd->mcalls[i];
	const struct queue *queue = &acd->queues[c->queue];

	ret->stage = queue->stage;
	ret->priority = c->priority;
	ret->idle = acd->idle;
	ret->able = acd->needs[queue->need].idle;
	ret->ewt_us = ewt_us(acd, c->queue);
	for (uint32_t k = 0; k < acd->mcall_free.max; k++) {
		const struct mcall *o = &acd->mcalls[k];
		ret->ahead += o->used && o->state == MCALL_WAITING && !o->more && k != i &&
			      acd->queues[o->queue].first == queue->first && less_mcall(acd, k, i);
	}
	uint64_t until_us = 0;
	ret->want_step =
	    (uint8_t)(c->more ? 0 : want_step(c->want, age(acd, c->queued_at), &until_us));
	if (ret->want_step) {
		const struct acd_want *want = &c->want[ret->want_step - 1];
		int64_t end = c->queued_at + (int64_t)until_us;
		ret->want_agent = want->agent;
		if (!want->agent.v && want->pref <= queue->prefs)
			ret->want_skills = queue->conf->pref[want->pref - 1];
		ret->want_left_us = end > (int64_t)now ? (uint64_t)(end - (int64_t)now) : 0;
	}
	if (queue->stage < queue->conf->relax_n)
		ret->relax_in_us = until(now, c, queue->conf->relax[queue->stage].after_ms);
	if (queue->conf->overflow_timed && !c->ripe)
		ret->overflow_in_us = until(now, c, queue->conf->overflow_after_ms);
	ret->overflowing =
	    queue_head_abroad(acd, c->queue) != NIL &&
	    (c->ripe || queue_head_abroad(acd, c->queue) == queue_head_waiting(acd, c->queue));
	hours_why(acd, queue->first, now, ret);
	if (c->state != MCALL_WAITING) {
		ret->code = ACD_WHY_SPOKEN;
	} else if (ret->closed_here) {
		ret->code = ACD_WHY_CLOSED;
	} else if (ret->want_agent.v) {
		ret->code = ACD_WHY_IN_PERSON;
	} else if (ret->able > 0) {
		ret->code = ret->ahead > 0 ? ACD_WHY_OTHERS_FIRST : ACD_WHY_MATCHING;
	} else if (ret->idle > 0) {
		ret->code = ACD_WHY_SKILL;
		find_missing(acd, queue, ret);
	} else {
		ret->code = ACD_WHY_NOBODY;
	}
}

bool acd_why(const struct acd *acd, struct acd_call_id id, acd_time_us now, struct acd_why *ret)
{
	uint32_t mine = call_find(acd, id), theirs = table_get(&acd->mcall_by_id, id.v);

	if (mine == NIL && theirs == NIL)
		return false;
	memset(ret, 0, sizeof(*ret));
	ret->state = ACD_CALL_QUEUED;
	ret->code = ACD_WHY_NOT_WAITING;
	int64_t at = 0;
	if (theirs != NIL) {
		const struct mcall *c = &acd->mcalls[theirs];
		at = c->queued_at;
		ret->matcher = true;
		ret->queue = acd->queues[c->queue].id;
		tell_wait(acd, theirs, now, ret);
	}
	if (mine != NIL) {
		const struct call *c = &acd->calls[mine];
		at = c->queued_at;
		ret->owner = true;
		ret->state = c->state;
		ret->priority = theirs != NIL ? ret->priority : c->priority;
		ret->queue = acd->queues[c->queue].id;
		tell_story(c, ret);
	}
	ret->age_us = (int64_t)now > at ? (uint64_t)((int64_t)now - at) : 0;
	return true;
}
