/* RELEASE, RELEASED, NACK: the end of an offer, told by either side. msg.state says which side. */
#include "common/acd/acd_internal.h"

static enum acd_verdict released(struct acd *acd, struct acd_addr to, enum acd_side side,
				 const struct acd_msg *m)
{
	send_triple(acd, to, ACD_MSG_RELEASED, triple_of(m), side, ACD_CAUSE_NONE);
	return ACD_OK;
}

/* Not held here. If it ended here too, both know now. */
static enum acd_verdict release_unheld(struct acd *acd, struct acd_addr from, enum acd_side side,
				       const struct acd_msg *m)
{
	uint32_t e = ending_find(acd, side, triple_of(m));

	if (e == NIL || !same_addr(acd->endings[e].peer, from)) {
		send_nack(acd, from, side, m, ACD_CAUSE_STALE);
		return ACD_REFUSED_STALE;
	}
	ending_done(acd, e);
	return released(acd, from, side, m);
}

static enum acd_verdict release_from_owner(struct acd *acd, struct acd_addr from,
					   const struct acd_msg *m)
{
	uint32_t i = agent_of_offer(acd, m->offer), late = agent_of_late(acd, m->offer);

	if (late != NIL) { /* it overtook its GRANT, which is welcome no more */
		agent_late_forget(acd, late);
		ending_note(acd, ACD_SIDE_AGENT, triple_of(m), from, (enum acd_cause)m->cause,
			    false);
		return released(acd, from, ACD_SIDE_AGENT, m);
	}
	if (i == NIL)
		return release_unheld(acd, from, ACD_SIDE_AGENT, m);
	struct agent *a = &acd->agents[i];
	if (a->bound && !agent_holds(a, m, from))
		return release_unheld(acd, from, ACD_SIDE_AGENT, m);
	if (a->bound) {
		agent_offer_end(acd, i, (enum acd_cause)m->cause, false);
	} else {
		/* RELEASE overtook its GRANT: remember the triple, or the GRANT would ring. */
		ending_note(acd, ACD_SIDE_AGENT, triple_of(m), from, (enum acd_cause)m->cause,
			    false);
		agent_unreserve(acd, i);
	}
	return released(acd, from, ACD_SIDE_AGENT, m);
}

enum acd_verdict recv_release(struct acd *acd, struct acd_addr from, uint32_t boot,
			      const struct acd_msg *m)
{
	uint32_t i = call_find(acd, m->call);

	(void)boot;
	if (m->state == ACD_SIDE_OWNER)
		return release_from_owner(acd, from, m);
	group_front(acd, i, m, from);
	if (i == NIL ||
	    !(call_holds(&acd->calls[i], m, from) || call_held_before(&acd->calls[i], m, from)))
		return release_unheld(acd, from, ACD_SIDE_OWNER, m);

	struct call *c = &acd->calls[i];
	/* CALLER_HUNG_UP: our own earlier life told the agent so, and died before it told the
	 * journal. */
	bool told = m->cause == ACD_CAUSE_CALLER_HUNG_UP && c->before;
	bool served =
	    c->talked && (m->cause == ACD_CAUSE_AGENT_HUNG_UP || m->cause == ACD_CAUSE_FORCED);
	if ((told || served) && c->state != ACD_CALL_GRANTED) {
		ending_note(acd, ACD_SIDE_OWNER, call_triple(c), from, (enum acd_cause)m->cause,
			    false);
		call_end(acd, i, c->talked ? ACD_OUTCOME_ANSWERED : ACD_OUTCOME_ABANDONED,
			 (enum acd_cause)m->cause);
	} else {
		call_requeue(acd, i, (enum acd_cause)m->cause, false);
	}
	return released(acd, from, ACD_SIDE_OWNER, m);
}

enum acd_verdict recv_released(struct acd *acd, struct acd_addr from, uint32_t boot,
			       const struct acd_msg *m)
{
	enum acd_side mine = m->state == ACD_SIDE_OWNER ? ACD_SIDE_AGENT : ACD_SIDE_OWNER;
	uint32_t e = ending_find(acd, mine, triple_of(m));

	(void)boot;
	if (e == NIL || !same_addr(acd->endings[e].peer, from))
		return ACD_REFUSED_STALE;
	ending_done(acd, e);
	return ACD_OK;
}

/* The other side does not hold the triple: neither do we any longer. A NACK is never answered. */
enum acd_verdict recv_nack(struct acd *acd, struct acd_addr from, uint32_t boot,
			   const struct acd_msg *m)
{
	enum acd_side mine = m->state == ACD_SIDE_OWNER ? ACD_SIDE_AGENT : ACD_SIDE_OWNER;
	uint32_t e = ending_find(acd, mine, triple_of(m));

	if (mine == ACD_SIDE_OWNER) {
		uint32_t i = call_find(acd, m->call);
		group_front(acd, i, m, from);
		if (i != NIL && call_holds(&acd->calls[i], m, from)) {
			if (m->cause == ACD_CAUSE_FENCED && m->version > m->cepoch)
				call_leave(acd, i);
			else if (!call_denied(acd, i, boot, (enum acd_cause)m->cause))
				call_requeue(acd, i, (enum acd_cause)m->cause, false);
			return ACD_OK;
		}
	} else {
		uint32_t i = agent_of_offer(acd, m->offer);
		if (i != NIL && agent_holds(&acd->agents[i], m, from)) {
			agent_offer_end(acd, i, (enum acd_cause)m->cause, false);
			return ACD_OK;
		}
	}
	if (e == NIL || !same_addr(acd->endings[e].peer, from))
		return ACD_REFUSED_STALE;
	ending_done(acd, e);
	return ACD_OK;
}
