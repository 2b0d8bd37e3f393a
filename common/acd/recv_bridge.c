/* COMMIT, BRIDGED and KEEP: both registers hold the same triple, and go on saying so. */
#include "common/acd/acd_internal.h"

enum acd_verdict recv_commit(struct acd *acd, struct acd_addr from, uint32_t boot,
			     const struct acd_msg *m)
{
	uint32_t i = call_find(acd, m->call);

	(void)boot;
	group_front(acd, i, m, from);
	if (i != NIL && call_reclaim(acd, i, m, from))
		return ACD_OK;
	if (i == NIL || !call_holds(&acd->calls[i], m, from))
		return refuse_triple(acd, from, ACD_SIDE_OWNER, m, ACD_CAUSE_CALL_GONE);
	if (call_asks(&acd->calls[i]))
		return ACD_OK;
	if (acd->calls[i].state != ACD_CALL_BRIDGED)
		call_bridge(acd, i, ACD_CAUSE_NONE);
	send_triple(acd, from, ACD_MSG_BRIDGED, triple_of(m), ACD_SIDE_OWNER, ACD_CAUSE_NONE);
	return ACD_OK;
}

enum acd_verdict recv_bridged(struct acd *acd, struct acd_addr from, uint32_t boot,
			      const struct acd_msg *m)
{
	uint32_t i = agent_of_offer(acd, m->offer);

	(void)boot;
	if (i == NIL || !agent_holds(&acd->agents[i], m, from))
		return refuse_triple(acd, from, ACD_SIDE_AGENT, m, ACD_CAUSE_STALE);
	if (acd->agents[i].state == ACD_AGENT_RINGING)
		return ACD_REFUSED_STATE; /* nobody accepted yet: no honest owner says so */
	agent_owner_heard(acd, i);
	if (acd->agents[i].state == ACD_AGENT_COMMITTED)
		agent_talk(acd, i);
	return ACD_OK;
}

static enum acd_verdict keep_from_owner(struct acd *acd, struct acd_addr from,
					const struct acd_msg *m)
{
	uint32_t i = agent_of_offer(acd, m->offer);

	if (i == NIL || !agent_holds(&acd->agents[i], m, from))
		return refuse_triple(acd, from, ACD_SIDE_AGENT, m, ACD_CAUSE_KEEP_LOST);
	if (acd->agents[i].state == ACD_AGENT_RINGING)
		return ACD_REFUSED_STATE;
	agent_owner_heard(acd, i);
	/* An owner keeps only what it has bridged: BRIDGED was lost. (Or what it asks back.) */
	if (acd->agents[i].state == ACD_AGENT_COMMITTED && !acd->agents[i].recalled)
		agent_talk(acd, i);
	return ACD_OK;
}

enum acd_verdict recv_keep(struct acd *acd, struct acd_addr from, uint32_t boot,
			   const struct acd_msg *m)
{
	uint32_t i = call_find(acd, m->call);

	(void)boot;
	if (m->state == ACD_SIDE_OWNER)
		return keep_from_owner(acd, from, m);
	if (i != NIL && call_reclaim(acd, i, m, from))
		return ACD_OK;
	if (i == NIL || !call_holds(&acd->calls[i], m, from))
		return refuse_triple(acd, from, ACD_SIDE_OWNER, m, ACD_CAUSE_KEEP_LOST);
	struct call *c = &acd->calls[i];
	if (c->state == ACD_CALL_GRANTED)
		return ACD_REFUSED_STATE;
	c->heard = acd->now;
	if (c->state == ACD_CALL_AWAIT_AGENT && !call_asks(c))
		call_bridge(acd, i, ACD_CAUSE_NONE); /* the same agent is back */
	return ACD_OK;
}
