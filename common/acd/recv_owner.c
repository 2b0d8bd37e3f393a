/* OWNER and RECALL at the agent's node: whose call this is now, and taking it again without a ring.
 */
#include "common/acd/acd_internal.h"

static void send_hold(struct acd *acd, uint32_t i)
{
	const struct agent *a = &acd->agents[i];

	fx_send(acd, a->owner,
		&(struct acd_msg){
		    .type = ACD_MSG_HOLD,
		    .offer = a->offer,
		    .call = a->call,
		    .cepoch = a->cepoch,
		    .agent = a->id,
		    .session = a->session,
		    .state = a->state,
		});
}

static void show_owner(struct acd *acd, uint32_t i, bool on)
{
	const struct agent *a = &acd->agents[i];
	struct acd_fx *fx = agent_fx(acd, a, ACD_FX_OWNER);

	fx->peer = a->owner;
	fx->on = on;
}

void agent_owner_heard(struct acd *acd, uint32_t i)
{
	struct agent *a = &acd->agents[i];

	a->heard = acd->now;
	if (a->alone) {
		a->alone = false;
		show_owner(acd, i, true);
	}
}

/* COMMITTED or TALKING, and nothing from the owner: it may be coming back (a restart takes a second
 * or two, a neighbour's takeover one), so hold on; but nobody stays in a call for ever. No rule
 * depends on this time: the register is ours, and who owns the call is told by RELEASE or NACK. */
bool agent_owner_lost(struct acd *acd, uint32_t i)
{
	struct agent *a = &acd->agents[i];

	if (acd->now >= a->heard + acd->tm.owner_lost_ms * US_PER_MS) {
		a->idle_since = (int64_t)acd->now;
		agent_offer_end(acd, i, ACD_CAUSE_KEEP_LOST, true);
		return true;
	}
	if (!a->alone && acd->now >= a->heard + acd->tm.keep_lost_ms * US_PER_MS) {
		a->alone = true;
		show_owner(acd, i, false);
	}
	return false;
}

/* --- OWNER -------------------------------------------------------------------------------- */

/* It ended here before its owner died: the new one shall know how. */
static enum acd_verdict owner_of_ended(struct acd *acd, struct acd_addr from,
				       const struct acd_msg *m)
{
	uint32_t e = ending_find(acd, ACD_SIDE_AGENT, triple_of(m));

#ifdef ACD_MUTATE_FORGET_OLD_ENDING
	if (e != NIL) {
		send_nack(acd, from, ACD_SIDE_AGENT, m, ACD_CAUSE_STALE);
		return ACD_REFUSED_STALE;
	}
#endif
	if (e == NIL || acd->endings[e].t.cepoch >= m->cepoch)
		return refuse_triple(acd, from, ACD_SIDE_AGENT, m, ACD_CAUSE_STALE);
	ending_note(acd, ACD_SIDE_AGENT, triple_of(m), from, (enum acd_cause)acd->endings[e].cause,
		    true);
	return ACD_OK;
}

enum acd_verdict recv_owner(struct acd *acd, struct acd_addr from, uint32_t boot,
			    const struct acd_msg *m)
{
	uint32_t i = agent_of_offer(acd, m->offer);

	(void)boot;
	if (i == NIL || !acd->agents[i].bound || acd->agents[i].call.v != m->call.v)
		return owner_of_ended(acd, from, m);
	struct agent *a = &acd->agents[i];
	if (m->cepoch == a->cepoch && same_addr(a->owner, from)) {
		send_hold(acd, i); /* our answer was lost */
		return ACD_OK;
	}
	if (m->cepoch <= a->cepoch)
		return refuse_triple(acd, from, ACD_SIDE_AGENT, m, ACD_CAUSE_STALE);
	a->owner = from;
	a->cepoch = m->cepoch;
	a->heard = acd->now;
	a->alone = false;
	send_hold(acd, i);
	show_owner(acd, i, true);
	return ACD_OK;
}

/* --- RECALL ------------------------------------------------------------------------------- */

static enum acd_cause recall_refused(const struct acd *acd, uint32_t i, uint32_t queue,
				     const struct acd_msg *m)
{
	const struct agent *a = i == NIL ? NULL : &acd->agents[i];

	if (!a || a->id.v != m->agent.v || a->lost || a->out_after || queue == NIL)
		return ACD_CAUSE_AGENT_GONE;
	if (a->state == ACD_AGENT_COMMITTED || a->state == ACD_AGENT_TALKING)
		return ACD_CAUSE_AGENT_BUSY;
	if (!skilled(a->has, acd->queues[queue_last_stage(&acd->queues[queue])].needs))
		return ACD_CAUSE_AGENT_BUSY; /* no longer able: others may be */
	return ACD_CAUSE_NONE;
}

/* Held, but not open: this RECALL may be as old as the network is slow, and the call long with
 * another or over. The owner bridges at HOLD and says so, or denies it; COMMIT asks again. */
static void take(struct acd *acd, uint32_t i, struct acd_addr from, uint32_t queue,
		 const struct acd_msg *m)
{
	struct agent *a = &acd->agents[i];

	if (a->offer.v) /* reserved, or another call rings: the own one first */
		agent_offer_end(acd, i, ACD_CAUSE_AGENT_BUSY, true);
	if (a->state == ACD_AGENT_IDLE)
		a->ready_after = true;
	else if (a->state == ACD_AGENT_NOT_READY)
		a->reason_after = a->reason;
	a->offer = m->offer;
	a->recast = false;
	table_put(&acd->agent_by_offer, a->offer.v, i);
	a->bound = true;
	a->alone = false;
	a->recalled = true;
	a->call = m->call;
	a->cepoch = m->cepoch;
	a->queued_at = when(acd, m->age_us);
	a->owner = from;
	a->queue = queue_last_stage(&acd->queues[queue]);
	a->wrap_up_ms = m->wrap_up_ms;
	a->turn_at = a->heard = acd->now;
	timer_set(acd, TM_AGENT, i, after_ms(acd, acd->tm.commit_retry_ms));
	agent_set(acd, i, ACD_AGENT_COMMITTED, ACD_REASON_NONE);
	send_hold(acd, i);
}

enum acd_verdict recv_recall(struct acd *acd, struct acd_addr from, uint32_t boot,
			     const struct acd_msg *m)
{
	uint32_t i = table_get(&acd->agent_by_session, m->session.v);
	uint32_t held = agent_of_offer(acd, m->offer), queue = queue_find(acd, m->queue);

	(void)boot;
	if (held != NIL && agent_holds(&acd->agents[held], m, from)) {
		send_hold(acd, held);
		return ACD_OK;
	}
	if (held != NIL || ending_find(acd, ACD_SIDE_AGENT, triple_of(m)) != NIL)
		return refuse_triple(acd, from, ACD_SIDE_AGENT, m, ACD_CAUSE_STALE);
	enum acd_cause refused = recall_refused(acd, i, queue, m);
#ifdef ACD_MUTATE_RECALL_THE_BUSY
	if (refused == ACD_CAUSE_AGENT_BUSY && i != NIL && acd->agents[i].offer.v) {
		agent_mutate_forget_offer(acd, i);
		take(acd, i, from, queue, m);
		return ACD_OK;
	}
#endif
	if (refused)
		return refuse_triple(acd, from, ACD_SIDE_AGENT, m, refused);
	take(acd, i, from, queue, m);
	return ACD_OK;
}
