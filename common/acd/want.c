/*
 * Callers who ask for somebody: their own manager, who served them last, the head of a desk, then
 * any of some kind, each for a while (struct acd_want). A kind is a stage of the queue that asks
 * for more. For one agent in person:
 *
 *   mcall.own ──own_by_agent──► list of who wants that agent ◄──asked── it is free: it comes first
 *   agent of another site: NEED to its brokers, again and again while the step lasts
 *
 * They lie in queue.own, where nobody else looks; the step ends by age, and the place is kept.
 */
#include "common/acd/acd_internal.h"

uint32_t want_step(const struct acd_want want[], uint64_t age_us, uint64_t *ret_until_us)
{
	uint64_t until = 0;

	for (uint32_t k = 0; k < ACD_WANTS_MAX && want[k].for_ms; k++) {
		until += want[k].for_ms * US_PER_MS;
		*ret_until_us = until;
		if (age_us < until)
			return k + 1;
	}
	return 0;
}

bool acd_wants_ok(const struct acd_want want[])
{
	for (uint32_t k = 0; k < ACD_WANTS_MAX && want[k].for_ms; k++)
		if (want[k].for_ms > ACD_WANT_MAX_MS || want[k].pref > ACD_PREFS_MAX ||
		    (want[k].agent.v == 0) == (want[k].pref == 0))
			return false;
	return true;
}

static void ask(struct acd *acd, uint32_t i)
{
	struct magent *a = &acd->magents[i];

	if (a->asked)
		return;
	a->asked = true;
	a->asked_next = NIL;
	if (acd->asked.tail != NIL)
		acd->magents[acd->asked.tail].asked_next = i;
	else
		acd->asked.head = i;
	acd->asked.tail = i;
}

static void unask(struct acd *acd, uint32_t i)
{
	uint32_t before = NIL, at = acd->asked.head;

	if (!acd->magents[i].asked)
		return;
	for (; at != i; at = acd->magents[at].asked_next)
		before = at;
	if (before == NIL)
		acd->asked.head = acd->magents[i].asked_next;
	else
		acd->magents[before].asked_next = acd->magents[i].asked_next;
	if (acd->asked.tail == i)
		acd->asked.tail = before;
	acd->magents[i].asked = false;
}

void want_call_in(struct acd *acd, uint32_t i)
{
	struct mcall *c = &acd->mcalls[i];
	uint32_t first = table_get(&acd->own_by_agent, c->own.v);

	c->own_prev = NIL;
	c->own_next = first;
	if (first != NIL) {
		acd->mcalls[first].own_prev = i;
		table_del(&acd->own_by_agent, c->own.v);
	}
	table_put(&acd->own_by_agent, c->own.v, i);
	uint32_t a = table_get(&acd->free_by_agent, c->own.v);
	if (a != NIL)
		ask(acd, a);
}

void want_call_out(struct acd *acd, uint32_t i)
{
	struct mcall *c = &acd->mcalls[i];

	if (c->own_next != NIL)
		acd->mcalls[c->own_next].own_prev = c->own_prev;
	if (c->own_prev != NIL) {
		acd->mcalls[c->own_prev].own_next = c->own_next;
	} else {
		table_del(&acd->own_by_agent, c->own.v);
		if (c->own_next != NIL)
			table_put(&acd->own_by_agent, c->own.v, c->own_next);
	}
	c->own_prev = c->own_next = NIL;
}

/* An agent with two sessions is asked in the one that was free last; when that one is not any more,
 * in the other. */
void want_agent_in(struct acd *acd, uint32_t i)
{
	struct magent *a = &acd->magents[i];

	if (!acd->wants)
		return;
	uint32_t first = table_get(&acd->free_by_agent, a->id.v);
	acd->magents_cold[i].also_free = first;
	if (first != NIL)
		table_del(&acd->free_by_agent, a->id.v);
	table_put(&acd->free_by_agent, a->id.v, i);
	if (table_get(&acd->own_by_agent, a->id.v) != NIL)
		ask(acd, i);
}

void want_agent_out(struct acd *acd, uint32_t i)
{
	struct magent_cold *cold = acd->magents_cold;
	struct acd_agent_id id = acd->magents[i].id;

	if (!acd->wants)
		return;
	unask(acd, i);
	uint32_t first = table_get(&acd->free_by_agent, id.v);
	if (first == i) {
		table_del(&acd->free_by_agent, id.v);
		if (cold[i].also_free == NIL)
			return;
		table_put(&acd->free_by_agent, id.v, cold[i].also_free);
		if (table_get(&acd->own_by_agent, id.v) != NIL)
			ask(acd, cold[i].also_free);
		return;
	}
	while (cold[first].also_free != i)
		first = cold[first].also_free;
	cold[first].also_free = cold[i].also_free;
}

uint32_t want_best(const struct acd *acd, struct acd_agent_id agent, struct able has,
		   uint32_t first_queue)
{
	uint32_t best = NIL;

	for (uint32_t i = table_get(&acd->own_by_agent, agent.v); i != NIL;
	     i = acd->mcalls[i].own_next)
		if (skilled(has, acd->queues[acd->mcalls[i].queue].needs) &&
		    (first_queue == NIL ||
		     acd->queues[acd->mcalls[i].queue].first == first_queue) &&
		    (first_queue != NIL || acd->queues[acd->mcalls[i].queue].open_here > 0) &&
		    (best == NIL || less_mcall(acd, i, best)))
			best = i;
	return best;
}

static bool able(const struct acd *acd, uint32_t ai, uint32_t q)
{
	return skilled(acd->classes[acd->magents[ai].cls].has, acd->queues[q].needs);
}

void want_hours_changed(struct acd *acd)
{
	for (uint32_t i = 0; acd->wants && i < acd->magent_free.max; i++)
		if (acd->magents[i].used && acd->magents[i].free &&
		    table_get(&acd->own_by_agent, acd->magents[i].id.v) != NIL)
			ask(acd, i);
}

bool want_match(struct acd *acd)
{
	uint32_t ai = acd->asked.head;

	if (ai == NIL)
		return false;
	/* Not able for the queue as it is now: the caller waits for the step to end. */
	uint32_t c =
	    want_best(acd, acd->magents[ai].id, acd->classes[acd->magents[ai].cls].has, NIL);
	uint32_t ci = c != NIL ? claim_new(acd, acd_id_next(acd)) : NIL;
	unask(acd, ai);
	if (ci == NIL)
		return true;
	uint32_t q = acd->mcalls[c].queue;
	match_speak_for(acd, ci, c);
	match_reserve(acd, ai, ci, q, acd->self);
	return true;
}

bool want_abroad(struct acd *acd, const struct mcall *c)
{
	uint64_t until;
	uint32_t step = want_step(c->want, age(acd, c->queued_at), &until);
	uint8_t site = step ? c->want[step - 1].site : 0;

	if (acd->role != ACD_ROLE_BROKER || !site || site == site_of(acd->self))
		return false;
	for (uint32_t p = 0; p < acd->peers_n; p++)
		if (site_of(acd->peers[p].addr) == site)
			fx_send(acd, acd->peers[p].addr,
				&(struct acd_msg){.type = ACD_MSG_NEED,
						  .agent = c->own,
						  .queue = acd->queues[c->queue].id,
						  .stage = acd->queues[c->queue].stage});
	return true;
}

enum acd_verdict recv_need(struct acd *acd, struct acd_addr from, uint32_t boot,
			   const struct acd_msg *m)
{
	uint32_t q = queue_stage_find(acd, m->queue, m->stage);

	(void)boot;
	if (q == NIL)
		return ACD_REFUSED_UNKNOWN;
	uint32_t ai = acd->wants ? table_get(&acd->free_by_agent, m->agent.v) : NIL;
	if (ai == NIL || !acd->matching || !acd->unheld || !able(acd, ai, q) ||
	    acd->queues[q].open_here == 0)
		return ACD_REFUSED_STATE;
	uint32_t ci = claim_new(acd, acd_id_next(acd));
	if (ci == NIL)
		return ACD_REFUSED_STATE;
	acd->claims[ci].abroad = true;
	match_reserve(acd, ai, ci, q, from);
	return ACD_OK;
}
