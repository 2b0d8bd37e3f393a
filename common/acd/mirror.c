/* The matcher's memory of its site, built from what the nodes announce. All of it is hints: a lost
 * or late message costs time, never a call. */
#include "common/acd/acd_internal.h"

#include <string.h>

uint32_t mnode_find(const struct acd *acd, struct acd_addr a)
{
	unsigned ordinal = addr_ordinal(a.v);
	uint32_t no = ordinal < ADDR_ORDINALS ? acd->mnode_no[ordinal] : 0;

	return no && same_addr(acd->mnodes[no - 1].addr, a) ? no - 1 : NIL;
}

static void seen_in_sync(struct mnode *n, const struct acd_msg *m, uint64_t *mark)
{
	if (m->digest == 0 || m->digest != n->sync_id || *mark == m->digest)
		return;
	*mark = m->digest;
	n->sync_seen++;
}

/* --- calls -------------------------------------------------------------------------------- */

void mirror_remove_call(struct acd *acd, uint32_t i)
{
	struct mcall *c = &acd->mcalls[i];
	struct mnode *n = &acd->mnodes[c->mnode];

	if (c->state == MCALL_WAITING)
		pool_call_out(acd, i);
	timer_stop(acd, TM_WAIT, i);
	if (c->claim != NIL)
		acd->claims[c->claim].mcall = NIL;
	n->sum -= announce_hash(c->id.v, c->version);
	n->count--;
	if (c->prev != NIL)
		acd->mcalls[c->prev].next = c->next;
	else
		n->calls = c->next;
	if (c->next != NIL)
		acd->mcalls[c->next].prev = c->prev;
	table_del(&acd->mcall_by_id, c->id.v);
	memset(c, 0, sizeof(*c));
	freelist_give(&acd->mcall_free, i);
}

/* `ms` of waiting: has it come? If not, *next is no later than that. */
static bool waited(const struct acd *acd, const struct mcall *c, uint64_t ms, acd_time_us *next)
{
	int64_t at = c->queued_at + (int64_t)(ms * US_PER_MS);

	if (at <= (int64_t)acd->now)
		return true;
	if ((acd_time_us)at < *next)
		*next = (acd_time_us)at;
	return false;
}

/* Where it belongs after so long a wait, and when that changes next: others may take it (ripe),
 * less is asked for (stage), it climbs (ageing). It is in no heap meanwhile. */
static void settle(struct acd *acd, uint32_t i)
{
	struct mcall *c = &acd->mcalls[i];
	uint32_t first = acd->queues[c->queue].first;
	const struct acd_queue_conf *q = acd->queues[first].conf;
	acd_time_us next = UINT64_MAX;
	uint32_t stage = 0;

	c->own.v = 0;
	c->priority = c->more ? UINT8_MAX : c->class;
	if (!acd->queues[c->queue].waits)
		return;

	c->ripe = q->overflow_timed && !c->more && waited(acd, c, q->overflow_after_ms, &next);
	while (stage < q->relax_n && waited(acd, c, q->relax[stage].after_ms, &next))
		stage++;
#ifdef ACD_MUTATE_RELAX_AT_ONCE
	stage = q->relax_n;
#endif
	c->queue = first + stage;
	uint64_t until_us = 0;
#ifdef ACD_MUTATE_WANT_ANYBODY
	uint32_t step = 0;
#else
	uint32_t step = want_step(c->want, age(acd, c->queued_at), &until_us);
#endif
	if (step) {
		(void)waited(acd, c, until_us / US_PER_MS, &next);
		c->own = c->want[step - 1].agent;
		uint32_t pref = c->want[step - 1].pref;
		if (!c->own.v && pref <= q->pref_n)
			c->queue = first + acd->queues[first].stages + pref - 1;
		if (c->own.v && c->state == MCALL_WAITING && want_abroad(acd, c) &&
		    after_ms(acd, acd->tm.advert_ms) < next)
			next = after_ms(acd, acd->tm.advert_ms);
	}
#ifndef ACD_MUTATE_NO_AGEING
	for (uint64_t ms = q->ageing_ms; q->ageing_ms && c->priority > 0 && !c->more;
	     ms += q->ageing_ms) {
		if (!waited(acd, c, ms, &next))
			break;
		c->priority--;
	}
#endif
	if (next != UINT64_MAX)
		timer_set(acd, TM_WAIT, i, next);
}

static enum acd_verdict add_call(struct acd *acd, uint32_t node, uint32_t queue,
				 const struct acd_msg *m)
{
	struct mnode *n = &acd->mnodes[node];
	uint32_t i = freelist_take(&acd->mcall_free);

	if (i == NIL)
		return ACD_REFUSED_LIMIT;
	struct mcall *c = &acd->mcalls[i];
	memset(c, 0, sizeof(*c));
	heap_node_init(&c->node);
	c->used = true;
	c->id = m->call;
	c->mnode = node;
	c->queue = queue;
	c->class = m->priority;
	c->more = m->state == ACD_CALL_GRANTED;
	memcpy(c->want, m->want, sizeof(c->want));
	c->own_prev = c->own_next = NIL;
	c->queued_at = when(acd, m->age_us);
	c->version = m->version;
	c->cepoch = m->cepoch;
	c->claim = NIL;
	c->prev = NIL;
	c->next = n->calls;
	if (c->next != NIL)
		acd->mcalls[c->next].prev = i;
	n->calls = i;
	n->count++;
	n->sum += announce_hash(c->id.v, c->version);
	table_put(&acd->mcall_by_id, c->id.v, i);
	seen_in_sync(n, m, &c->mark);
	settle(acd, i);
	if (!c->more)
		ewt_came(acd, i);
	pool_call_in(acd, i);
	return ACD_OK;
}

void mirror_wait_timer(struct acd *acd, uint32_t i)
{
	bool waiting = acd->mcalls[i].state == MCALL_WAITING;

	if (waiting)
		pool_call_out(acd, i);
	settle(acd, i);
	if (waiting)
		pool_call_in(acd, i);
}

/* Heard of again. What lies in a clogged link comes with the age it had when it was sent: of two
 * ages the greater is nearer to the truth. */
static void call_is_older(struct acd *acd, uint32_t i, int64_t queued_at)
{
	struct mcall *c = &acd->mcalls[i];
	bool waiting = c->state == MCALL_WAITING;

	if (queued_at >= c->queued_at)
		return;
	if (waiting)
		pool_call_out(acd, i);
	c->queued_at = queued_at;
	settle(acd, i);
	if (waiting)
		pool_call_in(acd, i);
}

enum acd_verdict mirror_call_up(struct acd *acd, uint32_t node, const struct acd_msg *m)
{
	uint32_t queue = queue_find(acd, m->queue);
	uint32_t i = table_get(&acd->mcall_by_id, m->call.v);

	if (queue == NIL)
		return ACD_REFUSED_UNKNOWN;
	if (i != NIL) {
		struct mcall *c = &acd->mcalls[i];
		if (c->mnode != node) {
			if (m->cepoch <= c->cepoch)
				return ACD_REFUSED_STALE;
			mirror_remove_call(acd, i); /* it was adopted */
			return add_call(acd, node, queue, m);
		}
		if (m->version < c->version)
			return ACD_REFUSED_STALE;
		if (m->version == c->version) {
			seen_in_sync(&acd->mnodes[node], m, &c->mark);
			call_is_older(acd, i, when(acd, m->age_us));
			return ACD_OK;
		}
		mirror_remove_call(acd, i);
	}
	return add_call(acd, node, queue, m);
}

enum acd_verdict mirror_call_down(struct acd *acd, uint32_t node, const struct acd_msg *m)
{
	uint32_t i = table_get(&acd->mcall_by_id, m->call.v);

	if (i == NIL)
		return ACD_OK;
	if (acd->mcalls[i].mnode != node || m->version < acd->mcalls[i].version)
		return ACD_REFUSED_STALE;
	mirror_remove_call(acd, i);
	return ACD_OK;
}

/* --- agents ------------------------------------------------------------------------------- */

void mirror_remove_agent(struct acd *acd, uint32_t i)
{
	struct magent *a = &acd->magents[i];
	struct magent_cold *cold = &acd->magents_cold[i];
	struct mnode *n = &acd->mnodes[a->mnode];

	if (a->free)
		pool_agent_out(acd, i);
	pool_class_release(acd, a->cls);
	n->sum -= announce_hash(a->session.v, a->version);
	n->count--;
	if (cold->prev != NIL)
		acd->magents_cold[cold->prev].next = cold->next;
	else
		n->agents = cold->next;
	if (cold->next != NIL)
		acd->magents_cold[cold->next].prev = cold->prev;
	table_del(&acd->magent_by_session, a->session.v);
	memset(a, 0, sizeof(*a));
	freelist_give(&acd->magent_free, i);
}

static enum acd_verdict add_agent(struct acd *acd, uint32_t node, const struct acd_msg *m)
{
	struct mnode *n = &acd->mnodes[node];
	uint32_t cls;

	if (!pool_class_of(acd, m, &cls))
		return ACD_REFUSED_LIMIT;
	uint32_t i = freelist_take(&acd->magent_free);
	if (i == NIL) {
		pool_class_release(acd, cls);
		return ACD_REFUSED_LIMIT;
	}
	struct magent *a = &acd->magents[i];
	struct magent_cold *cold = &acd->magents_cold[i];
	memset(a, 0, sizeof(*a));
	heap_node_init(&a->idle);
	a->used = true;
	a->session = m->session;
	a->id = m->agent;
	a->rank = m->rank;
	a->taken = m->taken;
	a->mnode = (uint8_t)node;
	a->cls = cls;
	a->claim = NIL;
	a->idle_since = when(acd, m->age_us);
	a->version = m->version;
	*cold = (struct magent_cold){.prev = NIL,
				     .next = n->agents,
				     .talk_us = m->talk_us,
				     .turn_at = when(acd, m->turn_us)};
	if (cold->next != NIL)
		acd->magents_cold[cold->next].prev = i;
	n->agents = i;
	n->count++;
	n->sum += announce_hash(a->session.v, a->version);
	table_put(&acd->magent_by_session, a->session.v, i);
	seen_in_sync(n, m, &acd->magents_cold[i].mark);
	if (m->peer.v)
		advert_distrust(acd, m->peer);
	pool_agent_in(acd, i);
	if (m->peer.v)
		match_here(acd, i);
	return ACD_OK;
}

enum acd_verdict mirror_agent_up(struct acd *acd, uint32_t node, const struct acd_msg *m)
{
	uint32_t i = table_get(&acd->magent_by_session, m->session.v);

	if (i != NIL) {
		struct magent *a = &acd->magents[i];
		if (a->mnode != node)
			return ACD_REFUSED_INVALID;
		if (m->version < a->version)
			return ACD_REFUSED_STALE;
		if (m->version == a->version) {
			seen_in_sync(&acd->mnodes[node], m, &acd->magents_cold[i].mark);
			return ACD_OK;
		}
		mirror_remove_agent(acd, i);
	}
	return add_agent(acd, node, m);
}

enum acd_verdict mirror_agent_down(struct acd *acd, uint32_t node, const struct acd_msg *m)
{
	uint32_t i = table_get(&acd->magent_by_session, m->session.v);

	if (i == NIL)
		return ACD_OK;
	struct magent *a = &acd->magents[i];
	if (a->mnode != node || m->version < a->version)
		return ACD_REFUSED_STALE;
	/* Reserved by us for another site: the claim goes there directly, our part is done. */
	if (a->claim != NIL && (acd->claims[a->claim].slot != NIL || acd->claims[a->claim].abroad))
		claim_free(acd, a->claim);
	mirror_remove_agent(acd, i);
	return ACD_OK;
}

/* Everything of a node that a SYNC did not mention, or all of it (unless_mark matches nothing). */
void mirror_forget(struct acd *acd, uint32_t node, uint64_t unless_mark, uint64_t up_to_version)
{
	for (uint32_t i = acd->mnodes[node].calls, next; i != NIL; i = next) {
		next = acd->mcalls[i].next;
		if (acd->mcalls[i].mark != unless_mark && acd->mcalls[i].version <= up_to_version)
			mirror_remove_call(acd, i);
	}
	for (uint32_t i = acd->mnodes[node].agents, next; i != NIL; i = next) {
		next = acd->magents_cold[i].next;
		if (acd->magents_cold[i].mark != unless_mark &&
		    acd->magents[i].version <= up_to_version)
			mirror_remove_agent(acd, i);
	}
}
