/* The matcher's attempts, from RESERVE to PICK_OK. Drawn in claim.h. */
#include "common/acd/acd_internal.h"

#include <string.h>

enum {
	/* A claim that met so many calls already taken by others is better begun anew. */
	PICK_TRIES_MAX = 8,
	/* Served claims that are remembered beside those under way: 16,000 a second for
	 * CLAIM_DONE_US, more than a site of 100,000 agents serves. */
	SERVED_MAX = 32768,
};

uint32_t claim_new(struct acd *acd, uint64_t offer)
{
	uint32_t i = freelist_take(&acd->claim_free);

	if (i == NIL)
		return NIL;
	struct claim *cl = &acd->claims[i];
	memset(cl, 0, sizeof(*cl));
	cl->used = true;
	cl->offer.v = offer;
	cl->phase = CLAIM_RESERVING;
	cl->mcall = cl->slot = cl->picked_mnode = NIL;
	table_put(&acd->claim_by_offer, offer, i);
	return i;
}

static struct magent *agent_of(struct acd *acd, uint32_t i, uint32_t *ret_ai)
{
	*ret_ai = table_get(&acd->magent_by_session, acd->claims[i].session.v);
	if (*ret_ai == NIL || acd->magents[*ret_ai].claim != i)
		return NULL;
	return &acd->magents[*ret_ai];
}

void claim_free(struct acd *acd, uint32_t i)
{
	struct claim *cl = &acd->claims[i];
	uint32_t ai;
	struct magent *a = agent_of(acd, i, &ai);

	helio_assert(cl->mcall == NIL);
	if (a)
		a->claim = NIL;
	timer_stop(acd, TM_CLAIM, i);
	table_del(&acd->claim_by_offer, cl->offer.v);
	memset(cl, 0, sizeof(*cl));
	freelist_give(&acd->claim_free, i);
}

/* The caller that was spoken for waits again. */
static void give_call_back(struct acd *acd, struct claim *cl)
{
	if (cl->mcall == NIL)
		return;
	uint32_t c = cl->mcall;
	cl->mcall = NIL;
	pool_call_in(acd, c);
}

static void give_budget_back(struct acd *acd, struct claim *cl)
{
	if (cl->slot == NIL)
		return;
	struct slot *s = &acd->slots[cl->slot];
	if (s->version != cl->slot_version || !slot_alive(acd, s))
		return;
	if (s->budget++ == 0)
		pool_slot_in(acd, cl->slot);
}

void claim_abort(struct acd *acd, uint32_t i)
{
	struct claim *cl = &acd->claims[i];
	uint32_t ai;
	struct magent *a = agent_of(acd, i, &ai);

	give_call_back(acd, cl);
	if (cl->phase == CLAIM_RESERVING)
		give_budget_back(acd, cl);
	claim_free(acd, i);
	if (a)
		pool_agent_in(acd, ai);
}

/* After the mirror has been emptied. */
void claim_forget_all(struct acd *acd)
{
	for (uint32_t i = 0; i < acd->claims_max; i++)
		if (acd->claims[i].used)
			claim_free(acd, i);
}

/* The agent is not what we thought: without it until its node announces it anew. */
enum acd_verdict recv_reserve_nack(struct acd *acd, struct acd_addr from, uint32_t boot,
				   const struct acd_msg *m)
{
	uint32_t i = table_get(&acd->claim_by_offer, m->offer.v), ai;

	(void)boot;
	if (i == NIL || acd->claims[i].phase != CLAIM_RESERVING ||
	    !same_addr(acd->claims[i].node, from))
		return ACD_REFUSED_STALE;
	bool had = agent_of(acd, i, &ai) != NULL;
	if (had)
		mirror_remove_agent(acd, ai);
	if (acd->rivals > 0 && acd->claims[i].mcall != NIL)
		timer_set(acd, TM_CLAIM, i, acd->now + RIVAL_PAUSE_US);
	else
		claim_abort(acd, i);
	return ACD_OK;
}

static void claim_nack(struct acd *acd, struct acd_addr to, struct acd_offer_id offer, uint32_t q,
		       enum acd_cause cause)
{
	const struct queue *queue = &acd->queues[q];
	uint32_t head = queue_head_waiting(acd, q);

	fx_send(acd, to,
		&(struct acd_msg){
		    .type = ACD_MSG_CLAIM_NACK,
		    .offer = offer,
		    .queue = queue->id,
		    .cause = (uint8_t)cause,
		    .version = acd->advert_version,
		    .count = queue_waiting(queue),
		    .age_us = head == NIL ? 0 : age(acd, acd->mcalls[head].queued_at),
		});
}

/* The best caller that this claim may have, NIL if none: other sites get only what overflows. */
static uint32_t claimable(const struct acd *acd, uint32_t q, const struct claim *cl)
{
	bool here = site_of(cl->node) == site_of(acd->self);
	uint32_t best = NIL;

	if (hours_weight(acd, acd->queues[q].first, site_of(cl->node)) == 0)
		return NIL; /* closed there */
	if (acd->wants)
		best = want_best(acd, cl->agent, cl->has, acd->queues[q].first);
	if (best != NIL)
		return best;
	for (uint32_t at = acd->queues[q].first; at < queue_end(&acd->queues[q]); at++) {
		if (!skilled(cl->has, acd->queues[at].needs))
			continue;
		uint32_t c = here ? queue_head(acd, at) : queue_head_abroad(acd, at);
		if (c != NIL && (best == NIL || less_mcall(acd, c, best)))
			best = c;
	}
	return best;
}

static void send_pick(struct acd *acd, uint32_t i)
{
	struct claim *cl = &acd->claims[i];

	timer_set(acd, TM_CLAIM, i, after_ms(acd, acd->tm.reserve_ms / 2));
	fx_send(acd, acd->mnodes[cl->picked_mnode].addr,
		&(struct acd_msg){
		    .type = ACD_MSG_PICK,
		    .offer = cl->offer,
		    .call = cl->picked,
		    .agent = cl->agent,
		    .session = cl->session,
		    .queue = acd->queues[cl->queue].id,
		    .node = cl->node,
		    .idle_us = cl->idle_us,
		    .stage = cl->picked_stage,
		});
}

static void pick(struct acd *acd, uint32_t i, uint32_t c)
{
	struct claim *cl = &acd->claims[i];

	pool_call_out(acd, c);
	acd->mcalls[c].state = MCALL_PICKED;
	acd->mcalls[c].claim = i;
	cl->mcall = c;
	cl->phase = CLAIM_PICKING;
	cl->again = cl->lost = false;
	cl->picked = acd->mcalls[c].id;
	cl->picked_mnode = acd->mcalls[c].mnode;
	cl->picked_stage = acd->queues[acd->mcalls[c].queue].stage;
	cl->picked_at = acd->mcalls[c].queued_at;
	cl->picked_ewt_us = acd->mcalls[c].ewt_us;
	cl->more = acd->mcalls[c].more;
	cl->tries++;
	send_pick(acd, i);
}

static void pick_next(struct acd *acd, uint32_t i)
{
	struct claim *cl = &acd->claims[i];
	uint32_t next = claimable(acd, cl->queue, cl);

	if (cl->tries < PICK_TRIES_MAX && next != NIL) {
		pick(acd, i, next);
		return;
	}
	claim_nack(acd, cl->node, cl->offer, cl->queue, ACD_CAUSE_QUEUE_EMPTY);
	claim_free(acd, i);
}

/* Its node is stopped, or a message was lost: asked once more, then the agent shall look elsewhere.
 * If the call was given all the same, that GRANT is refused and the caller keeps the place. */
static void pick_unanswered(struct acd *acd, uint32_t i)
{
	struct claim *cl = &acd->claims[i];

	if (cl->lost) {
		pick_next(acd, i);
	} else if (!cl->again) {
		cl->again = true;
		send_pick(acd, i);
	} else {
		claim_nack(acd, cl->node, cl->offer, cl->queue, ACD_CAUSE_TIMEOUT);
		claim_abort(acd, i);
	}
}

void claim_timer(struct acd *acd, uint32_t i)
{
	if (acd->claims[i].phase == CLAIM_PICKING)
		pick_unanswered(acd, i);
	else
		claim_abort(acd, i);
}

/* By their timers, so that many do not give more effects than a step may have. */
void claims_node_lost(struct acd *acd, uint32_t mnode)
{
	uint32_t left = acd->claim_free.n;

	for (uint32_t i = 0; left > 0 && i < acd->claims_max; i++) {
		struct claim *cl = &acd->claims[i];
		left -= cl->used;
		if (!cl->used || cl->phase != CLAIM_PICKING || cl->picked_mnode != mnode)
			continue;
		cl->lost = true;
		timer_set(acd, TM_CLAIM, i, acd->now);
	}
}

enum acd_verdict recv_claim(struct acd *acd, struct acd_addr from, uint32_t boot,
			    const struct acd_msg *m)
{
	uint32_t i = table_get(&acd->claim_by_offer, m->offer.v);
	uint32_t q = queue_find(acd, m->queue);

	(void)boot;
	if (q == NIL || !acd->matching)
		return ACD_REFUSED_UNKNOWN;
	/* Able for no stage is no lie (a configuration spreads from node to node): finds nobody. */
	struct able has = able_has(acd, m->skills, m->levels);
	if (i != NIL) {
		struct claim *cl = &acd->claims[i];
		if (cl->phase != CLAIM_RESERVING || cl->slot != NIL ||
		    acd->queues[cl->queue].first != q || cl->session.v != m->session.v ||
		    !same_addr(cl->node, from))
			return ACD_REFUSED_STALE; /* a duplicate, mostly */
		/* Who claims is reserved, even if AGENT_DOWN is late. */
		uint32_t ai;
		if (agent_of(acd, i, &ai))
			mirror_remove_agent(acd, ai);
		give_call_back(acd, cl);
		cl->has = has;
		cl->idle_us = m->idle_us;
		uint32_t c = claimable(acd, q, cl);
		if (c == NIL) {
			claim_nack(acd, from, m->offer, q, ACD_CAUSE_QUEUE_EMPTY);
			claim_free(acd, i);
			return ACD_OK;
		}
		pick(acd, i, c);
		return ACD_OK;
	}
	struct claim wish = {.node = from, .has = has, .agent = m->agent};
	uint32_t c = claimable(acd, q, &wish);
	if (c == NIL || (i = claim_new(acd, m->offer.v)) == NIL) {
		claim_nack(acd, from, m->offer, q, ACD_CAUSE_QUEUE_EMPTY);
		return ACD_REFUSED_STATE;
	}
	struct claim *cl = &acd->claims[i];
	cl->session = m->session;
	cl->agent = m->agent;
	cl->node = from;
	cl->queue = q;
	cl->has = has;
	cl->idle_us = m->idle_us;
	pick(acd, i, c);
	return ACD_OK;
}

static uint32_t picking(const struct acd *acd, struct acd_addr from, const struct acd_msg *m)
{
	uint32_t i = table_get(&acd->claim_by_offer, m->offer.v);

	if (i == NIL)
		return NIL;
	const struct claim *cl = &acd->claims[i];
	if (cl->phase != CLAIM_PICKING || cl->picked.v != m->call.v ||
	    !same_addr(acd->mnodes[cl->picked_mnode].addr, from))
		return NIL;
	return i;
}

/* Taken by another, or gone: the next in the queue. */
enum acd_verdict recv_pick_nack(struct acd *acd, struct acd_addr from, uint32_t boot,
				const struct acd_msg *m)
{
	uint32_t i = picking(acd, from, m);

	(void)boot;
	if (i == NIL)
		return ACD_REFUSED_STALE;
	struct claim *cl = &acd->claims[i];
	if (cl->mcall != NIL)
		mirror_remove_call(acd, cl->mcall);
	pick_next(acd, i);
	return ACD_OK;
}

enum acd_verdict recv_pick_ok(struct acd *acd, struct acd_addr from, uint32_t boot,
			      const struct acd_msg *m)
{
	uint32_t i = picking(acd, from, m);

	(void)boot;
	if (i == NIL)
		return ACD_REFUSED_STALE;
	struct claim *cl = &acd->claims[i];
	if (cl->mcall != NIL)
		mirror_remove_call(acd, cl->mcall);
	if (!cl->more)
		ewt_served(acd, cl);
	cl->phase = CLAIM_SERVED;
	/* Kept to recognise duplicates, as long as there is plenty of room. */
	if (acd->claim_free.n > acd->claim_free.max / 2 || acd->claim_free.n > SERVED_MAX)
		claim_free(acd, i);
	else
		timer_set(acd, TM_CLAIM, i, acd->now + CLAIM_DONE_US);
	return ACD_OK;
}
