/* The call register: one writer, this node. Drawn in call.h. */
#include "common/acd/acd_internal.h"

#include <string.h>

uint32_t call_find(const struct acd *acd, struct acd_call_id id)
{
	return table_get(&acd->call_by_id, id.v);
}

struct triple call_triple(const struct call *c)
{
	return (struct triple){c->party.offer, c->id, c->cepoch};
}

bool call_holds(const struct call *c, const struct acd_msg *m, struct acd_addr from)
{
	return c->parties_n == 1 && c->party.offer.v == m->offer.v && c->id.v == m->call.v &&
	       c->cepoch == m->cepoch && same_addr(c->party.node, from);
}

uint32_t call_max_wait_ms(const struct acd *acd, const struct call *c)
{
	return c->stays ? 0 : acd->queues[c->queue].conf->max_wait_ms;
}

bool call_is_shut(const struct acd *acd, const struct call *c)
{
	return !c->stays && hours_end_call(acd, c->queue);
}

static acd_time_us max_wait_at(const struct call *c, uint32_t max_wait_ms)
{
	int64_t at = c->queued_at + (int64_t)(max_wait_ms * US_PER_MS);

	return at > 0 ? (acd_time_us)at : 0;
}

struct acd_story *call_tell(struct acd *acd, uint32_t i, enum acd_story_code code)
{
	struct call *c = &acd->calls[i];
	struct acd_story *s = &c->story[c->story_n++ % ACD_STORY_MAX];

	*s = (struct acd_story){.code = (uint8_t)code,
				.age_us = age(acd, c->queued_at),
				.agent = c->party.agent,
				.node = c->party.node};
	return s;
}

void call_set(struct acd *acd, uint32_t i, enum acd_call_state state, enum acd_cause cause,
	      enum acd_outcome outcome)
{
	struct call *c = &acd->calls[i];
	struct acd_fx *fx = fx_push(acd, ACD_FX_CALL);
	uint32_t max_wait = call_max_wait_ms(acd, c);

	acd->queues[c->queue].queued +=
	    (state == ACD_CALL_QUEUED) - (uint32_t)(c->state == ACD_CALL_QUEUED);
	c->state = (uint8_t)state;
	if (state == ACD_CALL_QUEUED && call_is_shut(acd, c))
		timer_set(acd, TM_CALL, i, c->closing ? c->deadline : acd->now);
	else if (state == ACD_CALL_QUEUED && max_wait)
		timer_set(acd, TM_CALL, i, max_wait_at(c, max_wait));
	fx->call = c->id;
	fx->call_state = c->state;
	fx->offer = c->party.offer;
	fx->agent = c->party.agent;
	fx->session = c->party.session;
	fx->peer = c->party.node;
	fx->queue = acd->queues[c->queue].id;
	fx->cause = (uint8_t)cause;
	fx->outcome = (uint8_t)outcome;
	fx->age_us = age(acd, c->queued_at);
	fx->cepoch = c->cepoch;
	announce_call(acd, i);
}

static uint8_t class_of(const struct acd *acd, uint32_t queue, uint8_t priority)
{
	unsigned sum = acd->queues[queue].conf->priority + (unsigned)priority;

	return sum > UINT8_MAX ? UINT8_MAX : (uint8_t)sum;
}

/* Epochs are 64·k + ordinal, k from 1, so that no two nodes ever mint the same one. */
static uint64_t first_cepoch(const struct acd *acd)
{
	return 64 + addr_ordinal(acd->self.v);
}

bool call_cepoch_ok(const struct acd *acd, uint64_t cepoch)
{
	return cepoch >= first_cepoch(acd) && cepoch % 64 == first_cepoch(acd) % 64 &&
	       cepoch < UINT64_MAX / 2;
}

enum acd_verdict call_enter(struct acd *acd, const struct acd_event *ev, uint64_t cepoch,
			    uint32_t *ret_i)
{
	uint32_t queue = queue_find(acd, ev->queue);

	if (queue == NIL)
		return ACD_REFUSED_UNKNOWN;
	uint32_t i = freelist_take(&acd->call_free);
	if (i == NIL)
		return ACD_REFUSED_LIMIT;

	struct call *c = &acd->calls[i];
	memset(c, 0, sizeof(*c));
	c->used = true;
	c->stays = ev->on;
	c->id = ev->call;
	c->queue = queue;
	c->priority = class_of(acd, queue, ev->priority);
	c->queued_at = when(acd, ev->age_us);
	c->cepoch = cepoch;
	memcpy(c->want, ev->want, sizeof(c->want));
	table_put(&acd->call_by_id, c->id.v, i);
	acd->entered++;
	*ret_i = i;
	return ACD_OK;
}

enum acd_verdict ev_call_arrived(struct acd *acd, const struct acd_event *ev)
{
	uint32_t queue = queue_find(acd, ev->queue), i;
	uint64_t cepoch = ev->msg.cepoch ? ev->msg.cepoch : first_cepoch(acd);

	if (ev->call.v == 0 || !acd_wants_ok(ev->want) || ev->age_us > AGE_MAX_US ||
	    !call_cepoch_ok(acd, cepoch))
		return ACD_REFUSED_INVALID;
	/* Nobody new into a removed queue, a full one, or a node that drains; who comes back with
	 * an epoch waited there already. */
	bool fresh = !ev->msg.cepoch;
	if (queue == NIL || (acd->queues[queue].conf->closed && fresh))
		return ACD_REFUSED_UNKNOWN;
	if (acd->draining && fresh)
		return ACD_REFUSED_DRAINING;
	if (call_find(acd, ev->call) != NIL)
		return ACD_REFUSED_STATE;
	if (hours_end_call(acd, queue) && acd->queues[queue].conf->closed_to == ACD_CLOSED_REFUSE &&
	    !ev->on)
		return ACD_REFUSED_CLOSED;
	uint32_t max_length = acd->queues[queue].conf->max_length;
	if (fresh && max_length && acd->queues[queue].queued >= max_length)
		return ACD_REFUSED_LIMIT;
	enum acd_verdict v = call_enter(acd, ev, cepoch, &i);
	if (v != ACD_OK)
		return v;
	call_tell(acd, i, ACD_STORY_QUEUED);
	call_set(acd, i, ACD_CALL_QUEUED, ACD_CAUSE_NONE, ACD_OUTCOME_NONE);
	return ACD_OK;
}

enum acd_verdict ev_call_gone(struct acd *acd, const struct acd_event *ev)
{
	uint32_t i = call_find(acd, ev->call);

	if (i == NIL)
		return ACD_REFUSED_UNKNOWN;
	if (ev->cause == ACD_CAUSE_NONE || ev->cause > ACD_CAUSE_CLOSED)
		return ACD_REFUSED_INVALID;
	const struct call *c = &acd->calls[i];
	enum acd_outcome outcome = ACD_OUTCOME_FAILED;
	if (c->talked)
		outcome = ACD_OUTCOME_ANSWERED;
	else if (ev->cause == ACD_CAUSE_CALLER_HUNG_UP)
		outcome = ACD_OUTCOME_ABANDONED;
#ifdef ACD_MUTATE_ABANDONED_WITHOUT_BYE
	if (outcome == ACD_OUTCOME_FAILED)
		outcome = ACD_OUTCOME_ABANDONED;
#endif
	if (c->parties_n)
		ending_note(acd, ACD_SIDE_OWNER, call_triple(c), c->party.node,
			    (enum acd_cause)ev->cause, true);
	group_revoke(acd, i, (enum acd_cause)ev->cause);
	call_end(acd, i, outcome, (enum acd_cause)ev->cause);
	return ACD_OK;
}

void call_end(struct acd *acd, uint32_t i, enum acd_outcome outcome, enum acd_cause cause)
{
	timer_stop(acd, TM_CALL, i);
	call_set(acd, i, ACD_CALL_ENDED, cause, outcome);
	acd->ended[outcome]++;
	call_forget(acd, i);
}

void call_forget(struct acd *acd, uint32_t i)
{
	struct call *c = &acd->calls[i];

	table_del(&acd->call_by_id, c->id.v);
	memset(c, 0, sizeof(*c));
	freelist_give(&acd->call_free, i);
}

void call_send_grant(struct acd *acd, uint32_t i)
{
	const struct call *c = &acd->calls[i];
	const struct acd_queue_conf *q = acd->queues[c->queue].conf;

	fx_send(acd, c->party.node,
		&(struct acd_msg){
		    .type = ACD_MSG_GRANT,
		    .offer = c->party.offer,
		    .call = c->id,
		    .cepoch = c->cepoch,
		    .agent = c->party.agent,
		    .session = c->party.session,
		    .queue = q->id,
		    .age_us = age(acd, c->queued_at),
		    .wrap_up_ms = q->wrap_up_ms,
		    .ring_timeout_ms = q->ring_timeout_ms,
		    .priority = c->priority,
		});
}

void call_grant(struct acd *acd, uint32_t i, const struct acd_msg *pick)
{
	struct call *c = &acd->calls[i];

	c->parties_n = 1;
	c->party = (struct acd_party){
	    .offer = pick->offer,
	    .agent = pick->agent,
	    .session = pick->session,
	    .node = pick->node,
	};
	c->ringing = c->closing = c->talked = false;
	struct acd_story *s = call_tell(acd, i, ACD_STORY_GRANTED);
	s->idle_us = pick->idle_us;
	s->stage = pick->stage;
	uint64_t until;
	uint32_t step = want_step(c->want, age(acd, c->queued_at), &until);
	bool in_person = step && c->want[step - 1].agent.v == pick->agent.v;
	s->strategy = in_person ? ACD_IN_PERSON : acd->queues[c->queue].conf->strategy;
	c->deadline = after_ms(acd, acd->tm.grant_ms);
	timer_set(acd, TM_CALL, i, after_ms(acd, acd->tm.grant_retry_ms));
	call_set(acd, i, ACD_CALL_GRANTED, ACD_CAUSE_NONE, ACD_OUTCOME_NONE);
	call_send_grant(acd, i);
}

/* The agent's node lets it ring for ring_timeout_ms and then releases; this deadline is for a node
 * that died meanwhile. */
void call_rings(struct acd *acd, uint32_t i)
{
	struct call *c = &acd->calls[i];

	c->ringing = true;
	c->deadline = after_ms(acd, acd->queues[c->queue].conf->ring_timeout_ms) +
		      acd->tm.grant_ms * US_PER_MS;
	timer_set(acd, TM_CALL, i, c->deadline);
}

void call_bridge(struct acd *acd, uint32_t i, enum acd_cause cause)
{
	acd->calls[i].heard = acd->now;
	acd->calls[i].ask = ASK_NOBODY;
	acd->calls[i].talked = true;
#ifndef ACD_MUTATE_GROUP_STAYS
	group_revoke(acd, i, ACD_CAUSE_CALL_GONE);
#endif
	call_tell(acd, i, ACD_STORY_BRIDGED);
	timer_set(acd, TM_CALL, i, after_ms(acd, acd->tm.keep_ms));
	call_set(acd, i, ACD_CALL_BRIDGED, cause, ACD_OUTCOME_NONE);
}

void call_requeue(struct acd *acd, uint32_t i, enum acd_cause cause, bool tell)
{
	struct call *c = &acd->calls[i];

	if (c->group) { /* it rings at others */
		group_leave(acd, i, cause, tell);
		return;
	}
	timer_stop(acd, TM_CALL, i);
	call_tell(acd, i, ACD_STORY_BACK)->cause = (uint8_t)cause;
	ending_note(acd, ACD_SIDE_OWNER, call_triple(c), c->party.node, cause, tell);
	c->parties_n = 0;
	c->ask = ASK_NOBODY;
	c->talked = false;
	/* the effect still names the offer that led to nothing: its leg is closed by it */
	call_set(acd, i, ACD_CALL_QUEUED, cause, ACD_OUTCOME_NONE);
	memset(&c->party, 0, sizeof(c->party));
}

static void keep(struct acd *acd, uint32_t i)
{
	const struct call *c = &acd->calls[i];

	send_triple(acd, c->party.node, ACD_MSG_KEEP, call_triple(c), ACD_SIDE_OWNER,
		    ACD_CAUSE_NONE);
	timer_set(acd, TM_CALL, i, after_ms(acd, acd->tm.keep_ms));
}

/* Closed everywhere: it is told so, then it ends by its queue's rule; or it opens before that. */
static void closing_timer(struct acd *acd, uint32_t i)
{
	struct call *c = &acd->calls[i];
	const struct acd_queue_conf *q = acd->queues[c->queue].conf;

	if (c->closing && acd->now >= c->deadline) {
		call_end(acd, i, closed_outcome(q->closed_to), ACD_CAUSE_CLOSED);
		return;
	}
	if (!c->closing) {
		c->closing = true;
		c->deadline =
		    after_ms(acd, q->closed_to == ACD_CLOSED_REFUSE ? 0 : q->closed_after_ms);
		call_tell(acd, i, ACD_STORY_CLOSED);
		call_set(acd, i, ACD_CALL_QUEUED, ACD_CAUSE_CLOSED, ACD_OUTCOME_NONE);
		return;
	}
	timer_set(acd, TM_CALL, i, c->deadline);
}

static void queued_timer(struct acd *acd, uint32_t i)
{
	struct call *c = &acd->calls[i];
	uint32_t max_wait = call_max_wait_ms(acd, c);

	if (call_is_shut(acd, c)) {
		closing_timer(acd, i);
		return;
	}
	if (max_wait && acd->now >= max_wait_at(c, max_wait)) {
		call_end(acd, i, closed_outcome(acd->queues[c->queue].conf->max_wait_to),
			 ACD_CAUSE_TIMEOUT);
		return;
	}
	if (c->closing) { /* somebody has opened: music again */
		c->closing = false;
		call_set(acd, i, ACD_CALL_QUEUED, ACD_CAUSE_NONE, ACD_OUTCOME_NONE);
	} else if (max_wait) {
		timer_set(acd, TM_CALL, i, max_wait_at(c, max_wait));
	}
}

/* GRANT again or give up; KEEP, and notice that nobody answers. */
void call_timer(struct acd *acd, uint32_t i)
{
	struct call *c = &acd->calls[i];

	switch ((enum acd_call_state)c->state) {
	case ACD_CALL_GRANTED:
		if (acd->now >= c->deadline) {
			call_requeue(acd, i, ACD_CAUSE_TIMEOUT, true);
		} else if (c->ringing) {
			timer_set(acd, TM_CALL, i, c->deadline);
		} else {
			acd_time_us again = after_ms(acd, acd->tm.grant_retry_ms);
			call_send_grant(acd, i);
			timer_set(acd, TM_CALL, i, again < c->deadline ? again : c->deadline);
		}
		return;
	case ACD_CALL_BRIDGED:
		if (acd->now >= c->heard + acd->tm.keep_lost_ms * US_PER_MS)
			call_await(acd, i, ASK_NOBODY, acd->tm.await_agent_ms);
		else
			keep(acd, i);
		return;
	case ACD_CALL_AWAIT_AGENT:
		if (acd->now >= c->deadline)
			call_requeue(acd, i, ACD_CAUSE_KEEP_LOST, true);
		else
			call_ask(acd, i);
		return;
	case ACD_CALL_QUEUED: queued_timer(acd, i); return;
	case ACD_CALL_NONE:
	case ACD_CALL_ENDED: break;
	}
	helio_assert(false);
}
