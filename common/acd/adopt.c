/*
 * Calls that outlive the process that had them (DESIGN §6), at their owner:
 *
 *   journal ──CALL_ADOPTED──► QUEUED, at its age
 *                         └─► AWAIT_AGENT ──OWNER──► HOLD: BRIDGED again, nobody rang
 *                                  ▲  │  └───────► denied, or time: QUEUED
 *     agent silent, session dead ──┘  └─AGENT_SEEN─RECALL──► HOLD: BRIDGED, in the new session
 *
 *   adopted by another node ──CALL_FENCED, NACK(FENCED)──► left without a word
 *
 * Truth about an offer: this register, then the agent's, then the journal. So an agent that still
 * holds what the journal forgot is believed (call_reclaim).
 */
#include "common/acd/acd_internal.h"

#include <string.h>

/* --- what the journal remembers ----------------------------------------------------------- */

/* A session of an earlier life of its node is gone for good. */
static bool session_is_dead(const struct acd_party *p, struct acd_addr node, uint32_t boot)
{
	return p->session.v && id_addr(p->session.v) == node.v && id_boot(p->session.v) < boot;
}

void call_await(struct acd *acd, uint32_t i, enum call_ask ask, uint32_t ms)
{
	struct call *c = &acd->calls[i];

	c->ask = (uint8_t)ask;
	c->deadline = after_ms(acd, ms);
	call_tell(acd, i, ACD_STORY_AWAIT);
	call_set(acd, i, ACD_CALL_AWAIT_AGENT, ACD_CAUSE_KEEP_LOST, ACD_OUTCOME_NONE);
	call_ask(acd, i);
}

static enum acd_verdict adopted_ok(const struct acd *acd, const struct acd_event *ev)
{
	const struct acd_msg *m = &ev->msg;
	bool with_agent = m->state != ACD_CALL_QUEUED;

	if (!call_cepoch_ok(acd, m->cepoch) || m->version >= m->cepoch || ev->call.v == 0 ||
	    !acd_wants_ok(ev->want) || ev->age_us > AGE_MAX_US ||
	    addr_site(id_addr(ev->call.v)) != site_of(acd->self))
		return ACD_REFUSED_INVALID;
	if (m->state != ACD_CALL_QUEUED && m->state != ACD_CALL_GRANTED &&
	    m->state != ACD_CALL_BRIDGED && m->state != ACD_CALL_AWAIT_AGENT)
		return ACD_REFUSED_INVALID;
	if (with_agent &&
	    (m->offer.v == 0 || m->agent.v == 0 || m->session.v == 0 || !addr_is_node(m->node.v)))
		return ACD_REFUSED_INVALID;
	return call_find(acd, ev->call) == NIL ? ACD_OK : ACD_REFUSED_STATE;
}

enum acd_verdict ev_call_adopted(struct acd *acd, const struct acd_event *ev)
{
	const struct acd_msg *m = &ev->msg;
	enum acd_verdict v = adopted_ok(acd, ev);
	uint32_t i;

#ifdef ACD_MUTATE_DRAIN_REFUSES_ADOPTED
	if (v == ACD_OK && acd->draining)
		return ACD_REFUSED_DRAINING;
#endif
	if (v == ACD_OK) /* neither a drain nor a full queue turns away who has been here */
		v = call_enter(acd, ev, m->cepoch, &i);
	if (v != ACD_OK)
		return v;
	struct call *c = &acd->calls[i];
	c->before = m->version;
	call_tell(acd, i, ACD_STORY_ADOPTED);
	if (m->state == ACD_CALL_QUEUED) {
		call_set(acd, i, ACD_CALL_QUEUED, ACD_CAUSE_NONE, ACD_OUTCOME_NONE);
		return ACD_OK;
	}
	c->parties_n = 1;
	c->party = (struct acd_party){
	    .offer = m->offer, .agent = m->agent, .session = m->session, .node = m->node};
	bool rang = m->state == ACD_CALL_GRANTED;
	c->talked = !rang;
#ifdef ACD_MUTATE_ADOPT_ON_FAITH
	if (!rang) {
		call_bridge(acd, i, ACD_CAUSE_NONE);
		return ACD_OK;
	}
#endif
	/* Our own earlier life took the session with it: only the person can come back. */
	bool dead = session_is_dead(&c->party, acd->self, acd->boot);
	call_await(acd, i, dead ? ASK_NOBODY : ASK_OWNER,
		   rang ? acd->tm.adopt_ms : acd->tm.await_agent_ms);
	return ACD_OK;
}

/* --- OWNER and RECALL, until they are answered -------------------------------------------- */

void call_ask(struct acd *acd, uint32_t i)
{
	const struct call *c = &acd->calls[i];
	const struct acd_queue_conf *q = acd->queues[c->queue].conf;
	uint32_t again_ms = acd->tm.grant_retry_ms;

	if (c->ask == ASK_NOBODY) {
		send_triple(acd, c->party.node, ACD_MSG_KEEP, call_triple(c), ACD_SIDE_OWNER,
			    ACD_CAUSE_NONE);
		again_ms = acd->tm.keep_ms;
	} else {
		fx_send(acd, c->party.node,
			&(struct acd_msg){
			    .type = c->ask == ASK_OWNER ? ACD_MSG_OWNER : ACD_MSG_RECALL,
			    .offer = c->party.offer,
			    .call = c->id,
			    .cepoch = c->cepoch,
			    .version = c->ask == ASK_OWNER ? c->before : 0,
			    .agent = c->party.agent,
			    .session = c->party.session,
			    .queue = q->id,
			    .age_us = age(acd, c->queued_at),
			    .wrap_up_ms = q->wrap_up_ms,
			});
	}
	acd_time_us again = after_ms(acd, again_ms);
	timer_set(acd, TM_CALL, i, again < c->deadline ? again : c->deadline);
}

bool call_held_before(const struct call *c, const struct acd_msg *m, struct acd_addr from)
{
	return c->parties_n == 1 && c->party.offer.v == m->offer.v && c->id.v == m->call.v &&
	       m->cepoch < c->cepoch && same_addr(c->party.node, from);
}

/* An agent's register speaks of an epoch before ours. It holds the offer that we ask about: the
 * question is repeated. It holds one that the journal never heard of, while the caller waits again:
 * it is right, and is asked. */
bool call_reclaim(struct acd *acd, uint32_t i, const struct acd_msg *m, struct acd_addr from)
{
	struct call *c = &acd->calls[i];

	if (m->cepoch >= c->cepoch)
		return false;
	if (call_held_before(c, m, from)) {
		if (c->state == ACD_CALL_AWAIT_AGENT && c->ask == ASK_OWNER)
			call_ask(acd, i);
		return true;
	}
	if (c->state != ACD_CALL_QUEUED || c->before == 0 || m->cepoch > c->before ||
	    ending_find(acd, ACD_SIDE_OWNER, triple_of(m)) != NIL)
		return false;
	c->parties_n = 1;
	c->party = (struct acd_party){.offer = m->offer, .node = from};
	c->talked = m->type == ACD_MSG_KEEP; /* who says COMMIT had not heard BRIDGED */
	call_await(acd, i, ASK_OWNER, acd->tm.adopt_ms);
	return true;
}

enum acd_verdict recv_hold(struct acd *acd, struct acd_addr from, uint32_t boot,
			   const struct acd_msg *m)
{
	uint32_t i = call_find(acd, m->call);

	(void)boot;
	if (i == NIL || !call_holds(&acd->calls[i], m, from))
		return refuse_triple(acd, from, ACD_SIDE_OWNER, m, ACD_CAUSE_CALL_GONE);
	struct call *c = &acd->calls[i];
	if (c->party.agent.v && c->party.agent.v != m->agent.v)
		return ACD_REFUSED_STALE;
	if (c->state != ACD_CALL_AWAIT_AGENT)
		return ACD_OK; /* a duplicate */
	c->party.agent = m->agent;
	c->party.session = m->session;
	if (m->state == ACD_AGENT_RINGING) {
		c->ask = ASK_NOBODY;
		call_set(acd, i, ACD_CALL_GRANTED, ACD_CAUSE_NONE, ACD_OUTCOME_NONE);
		call_rings(acd, i);
		return ACD_OK;
	}
	call_bridge(acd, i, ACD_CAUSE_NONE);
	if (m->state == ACD_AGENT_COMMITTED)
		send_triple(acd, from, ACD_MSG_BRIDGED, triple_of(m), ACD_SIDE_OWNER,
			    ACD_CAUSE_NONE);
	return ACD_OK;
}

/* The agent's node says that it holds nothing of it: is anything left to wait for? */
bool call_denied(struct acd *acd, uint32_t i, uint32_t boot, enum acd_cause cause)
{
	struct call *c = &acd->calls[i];
	bool dead = session_is_dead(&c->party, c->party.node, boot);

	if (c->state == ACD_CALL_BRIDGED && dead) {
		call_await(acd, i, ASK_NOBODY, acd->tm.await_agent_ms);
		return true;
	}
	if (c->state != ACD_CALL_AWAIT_AGENT || cause == ACD_CAUSE_AGENT_BUSY)
		return false;
	if (!dead && c->ask != ASK_RECALL)
		return false;
	if (c->ask == ASK_RECALL) /* away again: should the same session come back, it is asked anew */
		c->party.session.v = 0;
	c->ask = ASK_NOBODY;
	return true;
}

/* --- the same agent first ----------------------------------------------------------------- */

static void recall(struct acd *acd, uint32_t i, struct acd_session_id session, struct acd_addr node)
{
	struct call *c = &acd->calls[i];
	bool late = c->state == ACD_CALL_BRIDGED; /* we had not noticed yet */

	/* If the old session lives after all (its node was slow, not dead), it shall let go. */
	ending_note(acd, ACD_SIDE_OWNER, call_triple(c), c->party.node, ACD_CAUSE_AGENT_GONE, true);
	c->party.offer.v = acd_id_next(acd);
	c->party.session = session;
	c->party.node = node;
	if (late) {
		call_await(acd, i, ASK_RECALL, acd->tm.await_agent_ms);
		return;
	}
	c->ask = ASK_RECALL;
	call_set(acd, i, ACD_CALL_AWAIT_AGENT, ACD_CAUSE_NONE, ACD_OUTCOME_NONE);
	call_ask(acd, i);
}

void call_agent_seen(struct acd *acd, struct acd_agent_id agent, struct acd_session_id session,
		     struct acd_addr node)
{
	uint32_t boot = id_boot(session.v);

	for (uint32_t i = 0; i < acd->call_free.max; i++) {
		struct call *c = &acd->calls[i];
		if (!c->used || c->parties_n == 0 || c->party.agent.v != agent.v ||
		    c->party.session.v == session.v)
			continue;
		if (c->state == ACD_CALL_AWAIT_AGENT ||
		    (c->state == ACD_CALL_BRIDGED && session_is_dead(&c->party, node, boot))) {
			recall(acd, i, session, node);
			return; /* one person, one call */
		}
	}
}

enum acd_verdict ev_agent_seen(struct acd *acd, const struct acd_event *ev)
{
	if (ev->agent.v == 0 || ev->session.v == 0 || !addr_is_node(ev->from.v) ||
	    id_addr(ev->session.v) != ev->from.v)
		return ACD_REFUSED_INVALID;
	call_agent_seen(acd, ev->agent, ev->session, ev->from);
	return ACD_OK;
}

void calls_node_gone(struct acd *acd, struct acd_addr node, uint32_t boot)
{
	for (uint32_t i = 0; i < acd->call_free.max; i++) {
		const struct call *c = &acd->calls[i];
		if (!c->used || c->parties_n == 0 || !same_addr(c->party.node, node) ||
		    id_boot(c->party.session.v) > boot)
			continue;
		if (c->state == ACD_CALL_BRIDGED)
			call_await(acd, i, ASK_NOBODY, acd->tm.await_agent_ms);
		else if (c->state == ACD_CALL_GRANTED)
			call_requeue(acd, i, ACD_CAUSE_AGENT_GONE, true);
	}
}

/* --- no longer ours ----------------------------------------------------------------------- */

void call_leave(struct acd *acd, uint32_t i)
{
	group_forget(acd, i);
	timer_stop(acd, TM_CALL, i);
#ifdef ACD_MUTATE_FENCE_UNTOLD
	acd->queues[acd->calls[i].queue].queued -= acd->calls[i].state == ACD_CALL_QUEUED;
	acd->calls[i].state = ACD_CALL_ENDED;
	announce_call(acd, i);
#else
	call_set(acd, i, ACD_CALL_ENDED, ACD_CAUSE_FENCED, ACD_OUTCOME_NONE);
#endif
	acd->left++;
	call_forget(acd, i);
}

enum acd_verdict ev_call_fenced(struct acd *acd, const struct acd_event *ev)
{
	uint32_t i = call_find(acd, ev->call);

	if (i == NIL)
		return ACD_REFUSED_UNKNOWN;
	if (ev->msg.cepoch <= acd->calls[i].cepoch)
		return ACD_REFUSED_STALE;
#ifdef ACD_MUTATE_FENCE_IGNORED
	return ACD_OK;
#endif
	call_leave(acd, i);
	return ACD_OK;
}

enum acd_verdict ev_recover(struct acd *acd, const struct acd_event *ev)
{
	acd->recover_until = ev->on ? after_ms(acd, acd->tm.recover_ms) : 0;
	return ACD_OK;
}

bool call_may_return(const struct acd *acd, struct acd_call_id id)
{
	return acd->now < acd->recover_until && id_addr(id.v) == acd->self.v &&
	       id_boot(id.v) < acd->boot;
}
