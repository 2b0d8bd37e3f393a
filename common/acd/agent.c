/* The agent register: one writer, this node. Drawn in agent.h. */
#include "common/acd/acd_internal.h"

#include <string.h>

uint32_t agent_of_offer(const struct acd *acd, struct acd_offer_id offer)
{
	return table_get(&acd->agent_by_offer, offer.v);
}

bool agent_holds(const struct agent *a, const struct acd_msg *m, struct acd_addr from)
{
	return a->bound && a->offer.v == m->offer.v && a->call.v == m->call.v &&
	       a->cepoch == m->cepoch && same_addr(a->owner, from);
}

bool agent_available(const struct acd *acd, const struct agent *a)
{
#ifdef ACD_MUTATE_RESERVE_THE_BUSY
	return a->state == ACD_AGENT_IDLE && !acd->draining; /* away, or leaving */
#endif
	return a->state == ACD_AGENT_IDLE && !a->lost && !a->out_after && !acd->draining;
}

static struct triple held(const struct agent *a)
{
	return (struct triple){a->offer, a->call, a->cepoch};
}

void agent_send(struct acd *acd, uint32_t i, enum acd_msg_type type)
{
	const struct agent *a = &acd->agents[i];

	send_triple(acd, a->owner, type, held(a), ACD_SIDE_AGENT, ACD_CAUSE_NONE);
}

struct acd_fx *agent_fx(struct acd *acd, const struct agent *a, enum acd_fx_type type)
{
	struct acd_fx *fx = fx_push(acd, type);

	fx->session = a->session;
	fx->agent = a->id;
	fx->offer = a->offer;
	fx->call = a->call;
	fx->cepoch = a->cepoch;
	return fx;
}

/* Tells the shell, and the brokers if it matters to them. */
static void agent_show(struct acd *acd, uint32_t i)
{
	struct agent *a = &acd->agents[i];
	struct acd_fx *fx = agent_fx(acd, a, ACD_FX_AGENT);

	fx->agent_state = a->lost && a->state != ACD_AGENT_OFF ? ACD_AGENT_GRACE : a->state;
	fx->reason = a->reason;
	fx->version = ++a->version;
	announce_agent(acd, i);
}

void agent_set(struct acd *acd, uint32_t i, enum acd_agent_state state, enum acd_reason reason)
{
	struct agent *a = &acd->agents[i];

	if (state != ACD_AGENT_IDLE && state != ACD_AGENT_RESERVED)
		agent_late_forget(acd, i);
	a->state = (uint8_t)state;
	a->reason = (uint8_t)reason;
	a->since = acd->now;
	agent_show(acd, i);
}

static void agent_off(struct acd *acd, uint32_t i)
{
	struct agent *a = &acd->agents[i];

	helio_assert(a->offer.v == 0);
	timer_stop(acd, TM_AGENT, i);
	timer_stop(acd, TM_GRACE, i);
	agent_set(acd, i, ACD_AGENT_OFF, ACD_REASON_NONE);
	table_del(&acd->agent_by_session, a->session.v);
	memset(a, 0, sizeof(*a));
	freelist_give(&acd->agent_free, i);
}

/* Nothing is in hand any more: what the agent asked for in the meantime comes true. */
static void agent_free_again(struct acd *acd, uint32_t i)
{
	struct agent *a = &acd->agents[i];

	timer_stop(acd, TM_AGENT, i);
#ifdef ACD_MUTATE_STAYS_AFTER_ITS_CALL
	if (a->out_after && !a->lost)
		agent_set(acd, i, ACD_AGENT_NOT_READY, ACD_REASON_FORCED);
	else
#endif
	    if (a->out_after)
		agent_off(acd, i);
	else if (a->ready_after)
		agent_set(acd, i, ACD_AGENT_IDLE, ACD_REASON_NONE);
	else
		agent_set(acd, i, ACD_AGENT_NOT_READY, (enum acd_reason)a->reason_after);
}

static void clear_offer(struct acd *acd, struct agent *a)
{
	table_del(&acd->agent_by_offer, a->offer.v);
	a->offer.v = 0;
	a->call.v = 0;
	a->cepoch = 0;
	a->bound = a->alone = a->recalled = false;
	a->queued_at = 0;
	a->owner.v = 0;
	a->claimed.v = 0;
}

#if defined(ACD_MUTATE_ACCEPT_TWO_OFFERS) || defined(ACD_MUTATE_RECALL_THE_BUSY)
/* The planted bug: an agent to whom a call rings is taken for idle. */
void agent_mutate_forget_offer(struct acd *acd, uint32_t i)
{
	clear_offer(acd, &acd->agents[i]);
	agent_free_again(acd, i);
}
#endif

/* --- the offer ---------------------------------------------------------------------------- */

void agent_reserve(struct acd *acd, uint32_t i, const struct acd_msg *m, uint32_t queue)
{
	struct agent *a = &acd->agents[i];

	a->offer = m->offer;
	a->recast = false;
	a->queue = queue;
	a->ready_after = true;
	table_put(&acd->agent_by_offer, a->offer.v, i);
	agent_set(acd, i, ACD_AGENT_RESERVED, ACD_REASON_NONE);
	agent_claim(acd, i, m->peer);
}

void agent_offer_drop(struct acd *acd, uint32_t i)
{
	struct agent *a = &acd->agents[i];

	/* A late RESERVE or GRANT of this offer must not bring it back. */
	ending_note(acd, ACD_SIDE_AGENT, (struct triple){.offer = a->offer}, acd->self,
		    ACD_CAUSE_TIMEOUT, false);
	clear_offer(acd, a);
}

void agent_let_go(struct acd *acd, uint32_t i)
{
	clear_offer(acd, &acd->agents[i]);
	agent_free_again(acd, i);
}

/* The reservation led to nothing. The agent did not work, so the idle age goes on. */
void agent_unreserve(struct acd *acd, uint32_t i)
{
	agent_offer_drop(acd, i);
	agent_free_again(acd, i);
}

/* If it gave a call before it went, that GRANT is refused now and the caller keeps the place. */
void agents_broker_gone(struct acd *acd, struct acd_addr broker)
{
	for (uint32_t i = 0; i < acd->agent_free.max; i++) {
		const struct agent *a = &acd->agents[i];
		if (a->late.offer.v && same_addr(a->late.claimed, broker))
			agent_late_forget(acd, i);
		if (a->state == ACD_AGENT_RESERVED && !a->bound && same_addr(a->claimed, broker))
			agent_unreserve(acd, i);
	}
}

void agent_bind(struct acd *acd, uint32_t i, const struct acd_msg *m, struct acd_addr from,
		uint32_t queue)
{
	struct agent *a = &acd->agents[i];

	a->bound = true;
	a->call = m->call;
	a->cepoch = m->cepoch;
	a->owner = from;
	a->queue = queue;
	a->wrap_up_ms = m->wrap_up_ms;
	a->turn_at = acd->now;
	timer_set(acd, TM_AGENT, i, after_ms(acd, m->ring_timeout_ms));
	agent_set(acd, i, ACD_AGENT_RINGING, ACD_REASON_NONE);
	agent_send(acd, i, ACD_MSG_RINGING);

	struct acd_fx *fx = agent_fx(acd, a, ACD_FX_RING);
	fx->queue = m->queue;
	fx->peer = from;
	fx->age_us = m->age_us;
	fx->ring_timeout_ms = m->ring_timeout_ms;
}

/* Who was talking before was on duty. Who asked for a pause meanwhile gets it afterwards. */
static void agent_back_on_duty(struct agent *a)
{
	a->missed = 0;
	if (a->reason_after == ACD_REASON_SIGNED_IN || a->reason_after == ACD_REASON_MEDIA)
		a->ready_after = true;
}

void agent_talk(struct acd *acd, uint32_t i)
{
	struct agent *a = &acd->agents[i];

	if (a->recalled)
		agent_back_on_duty(a);
	timer_set(acd, TM_AGENT, i, after_ms(acd, acd->tm.keep_ms));
	agent_set(acd, i, ACD_AGENT_TALKING, ACD_REASON_NONE);
	struct acd_fx *fx = agent_fx(acd, a, ACD_FX_TALK);
	fx->peer = a->owner;
	if (a->recalled) {
		fx->queue = acd->queues[a->queue].id;
		fx->age_us = age(acd, a->queued_at);
		a->recalled = false;
	}
}

void agent_offer_end(struct acd *acd, uint32_t i, enum acd_cause cause, bool tell)
{
	struct agent *a = &acd->agents[i];
	bool talked = a->state == ACD_AGENT_TALKING;

	if (!a->bound) {
		agent_unreserve(acd, i);
		return;
	}
	struct acd_fx *fx = agent_fx(acd, a, ACD_FX_OFFER_END);
	fx->peer = a->owner;
	fx->cause = (uint8_t)cause;
	fx->wrap_up_ms = talked ? a->wrap_up_ms : 0;

	if (talked) {
		a->taken++;
		a->talk_us += acd->now - a->since;
	}
	ending_note(acd, ACD_SIDE_AGENT, held(a), a->owner, cause, tell);
	clear_offer(acd, a);
	if (talked && a->wrap_up_ms > 0) {
		timer_set(acd, TM_AGENT, i, after_ms(acd, a->wrap_up_ms));
		agent_set(acd, i, ACD_AGENT_WRAP, ACD_REASON_NONE);
		return;
	}
	if (talked)
		a->idle_since = (int64_t)acd->now;
	agent_free_again(acd, i);
}

/* The agent did not want it, did not see it, or cannot hear it: no next call until asked for. */
static void agent_decline(struct acd *acd, uint32_t i, enum acd_cause cause, enum acd_reason reason)
{
	acd->agents[i].ready_after = false;
	acd->agents[i].reason_after = (uint8_t)reason;
	agent_offer_end(acd, i, cause, true);
}

/* It rang in vain. The first few of a row only cost the place in the line of idle agents. */
static void agent_missed(struct acd *acd, uint32_t i)
{
	struct agent *a = &acd->agents[i];

	if (++a->missed < acd->queues[a->queue].conf->missed_limit) {
		a->idle_since = (int64_t)acd->now;
		agent_offer_end(acd, i, ACD_CAUSE_AGENT_NO_ANSWER, true);
	} else {
		a->missed = 0;
		agent_decline(acd, i, ACD_CAUSE_AGENT_NO_ANSWER, ACD_REASON_MISSED);
	}
}

/* --- time --------------------------------------------------------------------------------- */

void agent_timer(struct acd *acd, uint32_t i)
{
	struct agent *a = &acd->agents[i];

	switch ((enum acd_agent_state)a->state) {
#ifndef ACD_MUTATE_RESERVED_FOR_EVER
	case ACD_AGENT_RESERVED: agent_claim_timer(acd, i); return;
#else
	case ACD_AGENT_RESERVED: return;
#endif
	case ACD_AGENT_RINGING: agent_missed(acd, i); return;
	case ACD_AGENT_COMMITTED:
		/* The owner may have bridged already: only its long silence ends this. */
		if (agent_owner_lost(acd, i))
			return;
		agent_send(acd, i, ACD_MSG_COMMIT);
		timer_set(acd, TM_AGENT, i, after_ms(acd, acd->tm.commit_retry_ms));
		return;
	case ACD_AGENT_TALKING:
		if (agent_owner_lost(acd, i))
			return;
		agent_send(acd, i, ACD_MSG_KEEP);
		timer_set(acd, TM_AGENT, i, after_ms(acd, acd->tm.keep_ms));
		return;
	case ACD_AGENT_WRAP:
		a->idle_since = (int64_t)acd->now;
		agent_free_again(acd, i);
		return;
	case ACD_AGENT_OFF:
	case ACD_AGENT_NOT_READY:
	case ACD_AGENT_IDLE:
	case ACD_AGENT_GRACE: break;
	}
	helio_assert(false);
}

/* It did not come back: nobody is there to hear the caller. */
void agent_grace_timer(struct acd *acd, uint32_t i)
{
	struct agent *a = &acd->agents[i];

	a->out_after = true;
	if (a->offer.v)
		agent_offer_end(acd, i, ACD_CAUSE_AGENT_GONE, true);
	if (a->used)
		agent_off(acd, i);
}

/* --- what the shell tells ----------------------------------------------------------------- */

static enum acd_verdict ev_sign_in(struct acd *acd, const struct acd_event *ev)
{
	if (ev->session.v == 0 || ev->agent.v == 0 || !levels_valid(ev->levels))
		return ACD_REFUSED_INVALID;
	if (acd->draining)
		return ACD_REFUSED_DRAINING;
	if (table_get(&acd->agent_by_session, ev->session.v) != NIL)
		return ACD_REFUSED_STATE;
	uint32_t i = freelist_take(&acd->agent_free);
	if (i == NIL)
		return ACD_REFUSED_LIMIT;
	struct agent *a = &acd->agents[i];
	memset(a, 0, sizeof(*a));
	a->used = true;
	a->session = ev->session;
	a->id = ev->agent;
	a->skills = ev->skills;
	a->levels = ev->levels;
	a->has = able_has(acd, ev->skills, ev->levels);
	a->rank = ev->rank;
	a->turn_at = acd->now;
	table_put(&acd->agent_by_session, a->session.v, i);
	agent_set(acd, i, ACD_AGENT_NOT_READY, ACD_REASON_SIGNED_IN);
	call_agent_seen(acd, a->id, a->session, acd->self);
	return ACD_OK;
}

static enum acd_verdict ev_sign_out(struct acd *acd, uint32_t i)
{
	struct agent *a = &acd->agents[i];

	a->out_after = true;
	switch ((enum acd_agent_state)a->state) {
#ifndef ACD_MUTATE_SIGN_OUT_CUTS
	case ACD_AGENT_COMMITTED:
	case ACD_AGENT_TALKING: agent_show(acd, i); break; /* no live call is cut */
#else
	case ACD_AGENT_COMMITTED:
	case ACD_AGENT_TALKING:
#endif
	case ACD_AGENT_RESERVED:
	case ACD_AGENT_RINGING: agent_offer_end(acd, i, ACD_CAUSE_AGENT_GONE, true); break;
	case ACD_AGENT_OFF:
	case ACD_AGENT_NOT_READY:
	case ACD_AGENT_IDLE:
	case ACD_AGENT_WRAP:
	case ACD_AGENT_GRACE: agent_off(acd, i); break;
	}
	return ACD_OK;
}

static enum acd_verdict ev_ready(struct acd *acd, uint32_t i)
{
	struct agent *a = &acd->agents[i];

	if (a->out_after)
		return ACD_REFUSED_DRAINING;
	if (a->state == ACD_AGENT_IDLE)
		return ACD_REFUSED_STATE;
	a->ready_after = true;
	a->reason_after = ACD_REASON_NONE;
	if (a->state == ACD_AGENT_NOT_READY || a->state == ACD_AGENT_WRAP) {
		a->idle_since = (int64_t)acd->now;
		agent_free_again(acd, i);
	}
	return ACD_OK;
}

static enum acd_verdict ev_not_ready(struct acd *acd, uint32_t i, uint8_t reason)
{
	struct agent *a = &acd->agents[i];

	if (reason > ACD_REASON_FORCED)
		return ACD_REFUSED_INVALID;
	a->ready_after = false;
	a->reason_after = reason;
	if (a->state == ACD_AGENT_IDLE || a->state == ACD_AGENT_NOT_READY)
		agent_free_again(acd, i);
	else if (a->state == ACD_AGENT_RESERVED)
		agent_unreserve(acd, i);
	return ACD_OK; /* else after the work in hand */
}

static enum acd_verdict ev_accept(struct acd *acd, uint32_t i)
{
	if (acd->agents[i].state != ACD_AGENT_RINGING || acd->agents[i].lost)
		return ACD_REFUSED_STATE;
	acd->agents[i].missed = 0;
	acd->agents[i].heard = acd->now;
	timer_set(acd, TM_AGENT, i, after_ms(acd, acd->tm.commit_retry_ms));
	agent_set(acd, i, ACD_AGENT_COMMITTED, ACD_REASON_NONE);
	agent_send(acd, i, ACD_MSG_COMMIT);
	return ACD_OK;
}

static enum acd_verdict ev_reject(struct acd *acd, uint32_t i)
{
	if (acd->agents[i].state != ACD_AGENT_RINGING)
		return ACD_REFUSED_STATE;
	/* Not ready, or the same caller would ring at the same longest-idle agent at once. */
	agent_decline(acd, i, ACD_CAUSE_AGENT_REJECTED, ACD_REASON_PAUSE);
	return ACD_OK;
}

static enum acd_verdict ev_hangup(struct acd *acd, uint32_t i)
{
	struct agent *a = &acd->agents[i];

	if (a->state == ACD_AGENT_RINGING)
		return ev_reject(acd, i);
	if (a->state != ACD_AGENT_COMMITTED && a->state != ACD_AGENT_TALKING)
		return ACD_REFUSED_STATE;
	if (a->state == ACD_AGENT_COMMITTED)
		a->idle_since = (int64_t)acd->now;
	agent_offer_end(acd, i, ACD_CAUSE_AGENT_HUNG_UP, true);
	return ACD_OK;
}

static enum acd_verdict ev_lost(struct acd *acd, uint32_t i)
{
	struct agent *a = &acd->agents[i];

	if (a->lost)
		return ACD_REFUSED_STATE;
	a->lost = true;
	timer_set(acd, TM_GRACE, i, after_ms(acd, acd->tm.grace_ms));
	/* Nobody hears it ring; a call in progress goes on, for audio has its own way. */
	if (a->state == ACD_AGENT_RESERVED || a->state == ACD_AGENT_RINGING)
		agent_offer_end(acd, i, ACD_CAUSE_AGENT_GONE, true);
	else
		agent_show(acd, i);
	return ACD_OK;
}

static enum acd_verdict ev_resumed(struct acd *acd, uint32_t i)
{
	struct agent *a = &acd->agents[i];

	if (!a->lost)
		return ACD_REFUSED_STATE;
	a->lost = false;
	timer_stop(acd, TM_GRACE, i);
	agent_show(acd, i);
	call_agent_seen(acd, a->id, a->session, acd->self);
	return ACD_OK;
}

static enum acd_verdict ev_skills(struct acd *acd, uint32_t i, const struct acd_event *ev)
{
	struct agent *a = &acd->agents[i];

	if (!levels_valid(ev->levels))
		return ACD_REFUSED_INVALID;
	if (a->skills.bits == ev->skills.bits && a->rank == ev->rank &&
	    memcmp(&a->levels, &ev->levels, sizeof(a->levels)) == 0)
		return ACD_OK;
	a->skills = ev->skills;
	a->levels = ev->levels;
	a->has = able_has(acd, ev->skills, ev->levels);
	a->rank = ev->rank;
	a->recast = a->recast || a->offer.v != 0;
	announce_agent_again(acd, i);
	return ACD_OK;
}

enum acd_verdict ev_agent(struct acd *acd, const struct acd_event *ev)
{
	if (ev->type == ACD_EV_AGENT_SIGN_IN)
		return ev_sign_in(acd, ev);
	uint32_t i = table_get(&acd->agent_by_session, ev->session.v);
	if (i == NIL)
		return ACD_REFUSED_UNKNOWN;
	bool about_offer = ev->type == ACD_EV_AGENT_ACCEPT || ev->type == ACD_EV_AGENT_REJECT ||
			   ev->type == ACD_EV_AGENT_HANGUP;
	if (about_offer && (ev->offer.v == 0 || ev->offer.v != acd->agents[i].offer.v))
		return ACD_REFUSED_STALE;
	if (ev->type == ACD_EV_AGENT_SIGN_OUT)
		return ev_sign_out(acd, i);
	if (ev->type == ACD_EV_AGENT_SKILLS)
		return ev_skills(acd, i, ev);
	if (ev->type == ACD_EV_AGENT_READY)
		return ev_ready(acd, i);
	if (ev->type == ACD_EV_AGENT_NOT_READY)
		return ev_not_ready(acd, i, ev->reason);
	if (ev->type == ACD_EV_AGENT_ACCEPT)
		return ev_accept(acd, i);
	if (ev->type == ACD_EV_AGENT_REJECT)
		return ev_reject(acd, i);
	if (ev->type == ACD_EV_AGENT_HANGUP)
		return ev_hangup(acd, i);
	if (ev->type == ACD_EV_SESSION_LOST)
		return ev_lost(acd, i);
	if (ev->type == ACD_EV_SESSION_RESUMED)
		return ev_resumed(acd, i);
	if (acd->agents[i].state != ACD_AGENT_WRAP) /* WRAP_DONE */
		return ACD_REFUSED_STATE;
	acd->agents[i].idle_since = (int64_t)acd->now;
	agent_free_again(acd, i);
	return ACD_OK;
}

/* A supervisor decides: for what is in hand if the event names it, else for the state. */
enum acd_verdict ev_agent_force(struct acd *acd, const struct acd_event *ev)
{
	uint32_t i = table_get(&acd->agent_by_session, ev->session.v);

	if (i == NIL)
		return ACD_REFUSED_UNKNOWN;
	struct agent *a = &acd->agents[i];
	if (ev->offer.v) {
		if (ev->offer.v != a->offer.v)
			return ACD_REFUSED_STALE;
		agent_offer_end(acd, i, ACD_CAUSE_FORCED, true);
		return ACD_OK;
	}
	if (ev->on)
		return ev_ready(acd, i);
	a->ready_after = false;
	a->reason_after = ACD_REASON_FORCED;
	if (a->state == ACD_AGENT_RINGING)
		agent_offer_end(acd, i, ACD_CAUSE_FORCED, true); /* the caller keeps the place */
	else if (a->state == ACD_AGENT_RESERVED)
		agent_unreserve(acd, i);
	else if (a->state == ACD_AGENT_IDLE || a->state == ACD_AGENT_NOT_READY ||
		 a->state == ACD_AGENT_WRAP)
		agent_free_again(acd, i);
	return ACD_OK; /* a talk goes on */
}

/* Owner's side if the event names a call, agent's side if it names a session; else whoever holds
 * the offer. */
enum acd_verdict ev_media_failed(struct acd *acd, const struct acd_event *ev)
{
	uint32_t i = agent_of_offer(acd, ev->offer);

	if (ev->call.v) {
		uint32_t c = call_find(acd, ev->call);
		if (c == NIL)
			return ACD_REFUSED_UNKNOWN;
		group_front_offer(acd, c, ev->offer);
		if (!acd->calls[c].parties_n || acd->calls[c].party.offer.v != ev->offer.v)
			return ACD_REFUSED_STALE;
		call_requeue(acd, c, ACD_CAUSE_MEDIA_FAILED, true);
		return ACD_OK;
	}
	if (i != NIL && acd->agents[i].bound) {
		agent_decline(acd, i, ACD_CAUSE_MEDIA_FAILED, ACD_REASON_MEDIA);
		return ACD_OK;
	}
	return ACD_REFUSED_UNKNOWN;
}

void agent_announce_all(struct acd *acd)
{
	for (uint32_t i = 0; i < acd->agent_free.max; i++)
		if (acd->agents[i].used)
			announce_agent(acd, i);
}
