/* GRANT and RINGING: the call's owner offers, the agent's node binds its register to the triple. */
#include "common/acd/acd_internal.h"

enum acd_verdict recv_grant(struct acd *acd, struct acd_addr from, uint32_t boot,
			    const struct acd_msg *m)
{
	uint32_t i = agent_of_offer(acd, m->offer);
	uint32_t queue = queue_find(acd, m->queue);

	(void)boot;
	bool late = i == NIL && (i = agent_of_late(acd, m->offer)) != NIL;
	if (i == NIL || (late && !agent_late_welcome(acd, i)))
		return refuse_triple(acd, from, ACD_SIDE_AGENT, m, ACD_CAUSE_STALE);
	const struct agent *a = &acd->agents[i];
	if (agent_holds(a, m, from)) {
		/* Our answer was lost, or this is a duplicate. */
		if (a->state == ACD_AGENT_RINGING)
			agent_send(acd, i, ACD_MSG_RINGING);
		return ACD_OK;
	}
	if (a->bound)
		return refuse_triple(acd, from, ACD_SIDE_AGENT, m, ACD_CAUSE_AGENT_BUSY);
	if (a->session.v != m->session.v || a->id.v != m->agent.v || queue == NIL ||
	    !skilled(a->has, acd->queues[queue_last_stage(&acd->queues[queue])].needs))
		return refuse_triple(acd, from, ACD_SIDE_AGENT, m, ACD_CAUSE_STALE);
	if (late)
		agent_late_take(acd, i);
	agent_claim_answered(acd, i);
	agent_bind(acd, i, m, from, queue_last_stage(&acd->queues[queue]));
	return ACD_OK;
}

enum acd_verdict recv_ringing(struct acd *acd, struct acd_addr from, uint32_t boot,
			      const struct acd_msg *m)
{
	uint32_t i = call_find(acd, m->call);

	(void)boot;
	group_front(acd, i, m, from);
	if (i != NIL && call_reclaim(acd, i, m, from))
		return ACD_OK;
	if (i == NIL || !call_holds(&acd->calls[i], m, from))
		return refuse_triple(acd, from, ACD_SIDE_OWNER, m, ACD_CAUSE_CALL_GONE);
	const struct call *c = &acd->calls[i];
	if (c->state != ACD_CALL_GRANTED || c->ringing)
		return ACD_OK;
#ifdef ACD_MUTATE_BRIDGE_ON_RINGING
	call_bridge(acd, i, ACD_CAUSE_NONE);
	return ACD_OK;
#endif
	call_rings(acd, i);
	return ACD_OK;
}
