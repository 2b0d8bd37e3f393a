/*
 * Other queues for a core that runs. The registers (calls, agents, endings) are carried over entry
 * by entry, with the numbers of their queues translated; what a matcher remembers is not: it is
 * rebuilt from the nodes, as after a start, which no caller notices for longer than an advert.
 *
 *   old arena ──registers, boots, outbox, timers of the registers──► new arena
 *                                                 matcher: empty, SYNC_REQ or its own mirror
 */
#include "common/acd/acd_internal.h"

#include <string.h>

/* How long an island waits until the shell has said every agent's skills anew. */
enum { ISLAND_PAUSE_MS = 50 };

/* The stage 0 in `acd` of what is queue q of `old`; NIL if it is no more. */
static uint32_t translate(const struct acd *acd, const struct acd *old, uint32_t q)
{
	return q < old->queues_n ? queue_find(acd, old->queues[q].id) : NIL;
}

static bool agent_uses_queue(const struct agent *a)
{
	return a->offer.v != 0 || a->state == ACD_AGENT_WRAP;
}

static bool queues_kept(const struct acd *acd, const struct acd *old)
{
	for (uint32_t i = 0; i < old->call_free.max; i++)
		if (old->calls[i].used && translate(acd, old, old->calls[i].queue) == NIL)
			return false;
	for (uint32_t i = 0; i < old->agent_free.max; i++)
		if (old->agents[i].used && agent_uses_queue(&old->agents[i]) &&
		    translate(acd, old, old->agents[i].queue) == NIL)
			return false;
	return true;
}

static void freelist_copy(struct freelist *to, const struct freelist *from)
{
	helio_assert(to->max == from->max);
	memcpy(to->next, from->next, from->max * sizeof(*from->next));
	to->head = from->head;
	to->n = from->n;
}

static void table_copy(struct table *to, const struct table *from)
{
	helio_assert(to->mask == from->mask);
	memcpy(to->slot, from->slot, (from->mask + 1u) * sizeof(*from->slot));
	to->n = from->n;
}

static void timers_copy(struct acd *acd, const struct acd *old, enum timer_kind kind, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (timer_on(old, kind, i))
			timer_set(acd, kind, i, timer_at(old, kind, i));
}

static void calls_copy(struct acd *acd, const struct acd *old)
{
	freelist_copy(&acd->call_free, &old->call_free);
	table_copy(&acd->call_by_id, &old->call_by_id);
	for (uint32_t i = 0; i < old->call_free.max; i++) {
		struct call *c = &acd->calls[i];
		*c = old->calls[i];
		if (!c->used)
			continue;
		c->queue = translate(acd, old, c->queue);
		acd->queues[c->queue].queued += c->state == ACD_CALL_QUEUED;
	}
	timers_copy(acd, old, TM_CALL, old->call_free.max);
	freelist_copy(&acd->member_free, &old->member_free);
	memcpy(acd->members, old->members, old->member_free.max * sizeof(*old->members));
	timers_copy(acd, old, TM_MEMBER, old->member_free.max);
	/* How long one may wait, and what closing means, may be another now: looked at anew. */
	for (uint32_t i = 0; i < old->call_free.max; i++)
		if (acd->calls[i].used && acd->calls[i].state == ACD_CALL_QUEUED) {
			const struct acd_queue_conf *q = acd->queues[acd->calls[i].queue].conf;
			if (!acd->calls[i].stays &&
			    (q->max_wait_ms || q->closed_to != ACD_CLOSED_WAIT))
				timer_set(acd, TM_CALL, i, acd->now);
			else
				timer_stop(acd, TM_CALL, i);
		}
}

static void agents_copy(struct acd *acd, const struct acd *old)
{
	freelist_copy(&acd->agent_free, &old->agent_free);
	table_copy(&acd->agent_by_session, &old->agent_by_session);
	table_copy(&acd->agent_by_offer, &old->agent_by_offer);
	table_copy(&acd->agent_by_late, &old->agent_by_late);
	memcpy(acd->distance, old->distance, sizeof(acd->distance));
	for (uint32_t i = 0; i < old->agent_free.max; i++) {
		struct agent *a = &acd->agents[i];
		*a = old->agents[i];
		if (!a->used)
			continue;
		uint32_t queue = translate(acd, old, a->queue);
		a->queue = queue != NIL ? queue : 0;
		a->has = able_has(acd, a->skills, a->levels);
		a->recast = a->recast || a->offer.v != 0;
	}
	timers_copy(acd, old, TM_AGENT, old->agent_free.max);
	timers_copy(acd, old, TM_GRACE, old->agent_free.max);
}

static void node_copy(struct acd *acd, const struct acd *old)
{
	calls_copy(acd, old);
	agents_copy(acd, old);
	freelist_copy(&acd->ending_free, &old->ending_free);
	table_copy(&acd->ending_by_key, &old->ending_by_key);
	memcpy(acd->endings, old->endings, old->endings_max * sizeof(*old->endings));
	acd->ending_oldest = old->ending_oldest;
	acd->ending_youngest = old->ending_youngest;
	timers_copy(acd, old, TM_ENDING, old->endings_max);
	memcpy(acd->stations, old->stations, old->stations_n * sizeof(*old->stations));
	acd->ann_version = old->ann_version;
	acd->ann_sum = old->ann_sum;
	acd->ann_count = old->ann_count;
	acd->broker_heard = old->broker_heard;
	acd->entered = old->entered;
	acd->left = old->left;
	acd->recover_until = old->recover_until;
	acd->suspended = old->suspended;
	memcpy(acd->ended, old->ended, sizeof(acd->ended));
}

static void common_copy(struct acd *acd, const struct acd *old)
{
	acd->seq = old->seq;
	acd->now = old->now;
	acd->started = old->started;
	acd->draining = old->draining;
	acd->out_head = old->out_head;
	acd->out_n = old->out_n;
	memcpy(acd->out, old->out, OUTBOX_MAX * sizeof(*old->out));
	memcpy(acd->boots, old->boots, (ACD_SITES_MAX + 1) * ADDR_ORDINALS * sizeof(*old->boots));
	acd->boots_sum = old->boots_sum;
	acd->advert_version = old->advert_version;
	timers_copy(acd, old, TM_TICK, 1);
	timers_copy(acd, old, TM_ISLAND, 1);
	/* How fast a queue is served is learnt slowly: it is not forgotten. */
	for (uint32_t q = 0; q < old->queues_n;
	     q += (uint32_t)old->queues[q].stages + old->queues[q].prefs) {
		uint32_t to = translate(acd, old, q);
		if (to == NIL)
			continue;
		acd->queues[to].gap_us = old->queues[q].gap_us;
		acd->queues[to].ewt_error_us = old->queues[q].ewt_error_us;
		acd->queues[to].busy_since = old->queues[q].busy_since;
		acd->queues[to].served_at = old->queues[q].served_at;
	}
}

struct acd *acd_reconfigure(void *mem, const struct acd *old, const struct acd_conf *conf)
{
	if (!acd_size(conf))
		return NULL;
	helio_assert(conf->role == old->role && same_addr(conf->self, old->self) &&
		     conf->calls_max == old->calls_max && conf->agents_max == old->agents_max &&
		     conf->boot == old->boot);
	struct acd *acd = acd_init(mem, conf);

	if (!queues_kept(acd, old))
		return NULL;
	helio_assert(acd->mnodes_n == old->mnodes_n && acd->stations_n == old->stations_n &&
		     acd->peers_n == old->peers_n);
	common_copy(acd, old);
	hours_copy(acd, old);
	if (acd->role == ACD_ROLE_NODE)
		node_copy(acd, old);
	else if (acd->started)
		matcher_ask(acd);
	if (old->island) {
		acd->island = acd->matching = true;
		island_mirror(acd);
		timer_set(acd, TM_ISLAND, 0, after_ms(acd, ISLAND_PAUSE_MS));
	}
	return acd;
}
