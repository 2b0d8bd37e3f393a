/* Looking in: status, wallboard, the simulator's checker. */
#include "common/acd/acd_internal.h"

#include <string.h>

static void call_view(const struct acd *acd, const struct call *c, acd_time_us now,
		      struct acd_call_view *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->call = c->id;
	ret->queue = acd->queues[c->queue].id;
	ret->state = c->state;
	ret->priority = c->priority;
	ret->cepoch = c->cepoch;
	ret->age_us = (int64_t)now > c->queued_at ? (uint64_t)((int64_t)now - c->queued_at) : 0;
	ret->parties_n = c->parties_n;
	ret->parties[0] = c->party;
	memcpy(ret->want, c->want, sizeof(ret->want));
	const struct member *m;
	for (uint32_t g = c->group; group_next(acd, &g, &m) && ret->parties_n < ACD_PARTIES_MAX;)
		ret->parties[ret->parties_n++] = m->party;
}

bool acd_call_next(const struct acd *acd, uint32_t *it, acd_time_us now, struct acd_call_view *ret)
{
	while (*it < acd->call_free.max) {
		const struct call *c = &acd->calls[(*it)++];
		if (!c->used)
			continue;
		call_view(acd, c, now, ret);
		return true;
	}
	return false;
}

bool acd_call_get(const struct acd *acd, struct acd_call_id id, acd_time_us now,
		  struct acd_call_view *ret)
{
	uint32_t i = call_find(acd, id);

	if (i != NIL)
		call_view(acd, &acd->calls[i], now, ret);
	return i != NIL;
}

static void agent_view(const struct agent *a, acd_time_us now, struct acd_agent_view *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->session = a->session;
	ret->agent = a->id;
	ret->skills = a->skills;
	ret->state = a->lost ? ACD_AGENT_GRACE : a->state;
	ret->reason = a->reason;
	ret->ready_after = a->ready_after;
	ret->draining = a->out_after;
	ret->since_us = now > a->since ? now - a->since : 0;
	if (a->state == ACD_AGENT_IDLE && (int64_t)now > a->idle_since)
		ret->idle_us = (uint64_t)((int64_t)now - a->idle_since);
	ret->offer = a->offer;
	ret->call = a->call;
	ret->cepoch = a->cepoch;
	ret->owner = a->owner;
	ret->version = a->version;
}

bool acd_agent_next(const struct acd *acd, uint32_t *it, acd_time_us now,
		    struct acd_agent_view *ret)
{
	while (*it < acd->agent_free.max) {
		const struct agent *a = &acd->agents[(*it)++];
		if (!a->used)
			continue;
		agent_view(a, now, ret);
		return true;
	}
	return false;
}

bool acd_agent_get(const struct acd *acd, struct acd_session_id id, acd_time_us now,
		   struct acd_agent_view *ret)
{
	uint32_t i = table_get(&acd->agent_by_session, id.v);

	if (i != NIL)
		agent_view(&acd->agents[i], now, ret);
	return i != NIL;
}

static void consider_head(const struct acd *acd, uint8_t priority, int64_t at, acd_time_us now,
			  uint32_t *best_priority, struct acd_queue_view *ret)
{
	uint64_t waited = (int64_t)now > at ? (uint64_t)((int64_t)now - at) : 0;

	(void)acd;
	if (priority > *best_priority)
		return;
	if (priority < *best_priority || waited > ret->head_age_us)
		ret->head_age_us = waited;
	*best_priority = priority;
}

static void node_queue_view(const struct acd *acd, uint32_t q, acd_time_us now,
			    struct acd_queue_view *ret)
{
	uint32_t best = UINT32_MAX;

	for (uint32_t i = 0; i < acd->call_free.max; i++) {
		const struct call *c = &acd->calls[i];
		if (!c->used || c->queue != q || c->state != ACD_CALL_QUEUED)
			continue;
		ret->waiting++;
		consider_head(acd, c->priority, c->queued_at, now, &best, ret);
	}
	for (uint32_t i = 0; i < acd->agent_free.max; i++) {
		const struct agent *a = &acd->agents[i];
		ret->idle +=
		    a->used && agent_available(acd, a) && skilled(a->has, acd->queues[q].needs);
	}
}

static void broker_queue_view(const struct acd *acd, uint32_t q, acd_time_us now,
			      struct acd_queue_view *ret)
{
	uint32_t best = UINT32_MAX;

	ret->idle = acd->needs[acd->queues[q].need].idle;
	for (uint32_t at = q; at < queue_end(&acd->queues[q]); at++) {
		uint32_t head = queue_head_waiting(acd, at), own = acd->queues[at].own.root;
		ret->waiting += queue_waiting(&acd->queues[at]) + acd->queues[at].own.n;
		if (own != NIL)
			consider_head(acd, acd->mcalls[own].priority, acd->mcalls[own].queued_at,
				      now, &best, ret);
		if (head != NIL)
			consider_head(acd, acd->mcalls[head].priority, acd->mcalls[head].queued_at,
				      now, &best, ret);
		for (uint32_t p = 0; p < acd->peers_n; p++) {
			const struct slot *s = &acd->slots[(size_t)at * acd->peers_n + p];
			ret->remote_waiting += slot_alive(acd, s) ? s->count : 0;
		}
	}
}

bool acd_queue_next(const struct acd *acd, uint32_t *it, acd_time_us now,
		    struct acd_queue_view *ret)
{
	if (*it >= acd->queues_n)
		return false;
	uint32_t q = *it;
	*it += (uint32_t)acd->queues[q].stages + acd->queues[q].prefs;
	memset(ret, 0, sizeof(*ret));
	ret->queue = acd->queues[q].id;
	ret->permille = acd->queues[q].open_here;
	ret->closed_everywhere = acd->queues[q].shut;
	if (acd->role == ACD_ROLE_NODE)
		node_queue_view(acd, q, now, ret);
	else
		broker_queue_view(acd, q, now, ret);
	if (acd->matching) {
		ret->ewt_us = ewt_us(acd, q);
		ret->ewt_error_us = acd->queues[q].ewt_error_us;
	}
	return true;
}
