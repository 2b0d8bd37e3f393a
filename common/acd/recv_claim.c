/* The node's part of the claim: RESERVE at the agent's node, PICK at the call's. */
#include "common/acd/acd_internal.h"

static enum acd_verdict reserve_nack(struct acd *acd, struct acd_addr to, const struct acd_msg *m,
				     enum acd_cause cause)
{
	fx_send(acd, to,
		&(struct acd_msg){
		    .type = ACD_MSG_RESERVE_NACK,
		    .offer = m->offer,
		    .agent = m->agent,
		    .session = m->session,
		    .cause = (uint8_t)cause,
		});
	return ACD_REFUSED_STATE;
}

/* S8: idle, skilled and not draining are judged here, by the register, not by the matcher's hints.
 */
enum acd_verdict recv_reserve(struct acd *acd, struct acd_addr from, uint32_t boot,
			      const struct acd_msg *m)
{
	uint32_t i = table_get(&acd->agent_by_session, m->session.v);
	uint32_t queue = queue_stage_find(acd, m->queue, m->stage);

	(void)boot;
	if (i == NIL || queue == NIL)
		return reserve_nack(acd, from, m, ACD_CAUSE_AGENT_GONE);
#ifdef ACD_MUTATE_ACCEPT_TWO_OFFERS
	if (acd->agents[i].state == ACD_AGENT_RINGING)
		agent_mutate_forget_offer(acd, i);
#endif
	const struct agent *a = &acd->agents[i];
	if (a->offer.v == m->offer.v)
		return ACD_REFUSED_STALE; /* a duplicate; the claim is on its way */
	if (acd->draining)
		return reserve_nack(acd, from, m, ACD_CAUSE_DRAINING);
	if (a->id.v != m->agent.v || !agent_available(acd, a) ||
	    !skilled(a->has, acd->queues[queue].needs))
		return reserve_nack(acd, from, m, ACD_CAUSE_AGENT_NOT_IDLE);
	if (ending_find(acd, ACD_SIDE_AGENT, (struct triple){.offer = m->offer}) != NIL ||
	    agent_of_offer(acd, m->offer) != NIL || agent_of_late(acd, m->offer) != NIL)
		return reserve_nack(acd, from, m, ACD_CAUSE_STALE);

	agent_reserve(acd, i, m, queue);
	return ACD_OK;
}

enum acd_verdict recv_claim_nack(struct acd *acd, struct acd_addr from, uint32_t boot,
				 const struct acd_msg *m)
{
	uint32_t i = agent_of_offer(acd, m->offer);

	(void)boot;
	if (i == NIL)
		return agent_late_nack(acd, m->offer, from);
	if (acd->agents[i].bound || !same_addr(acd->agents[i].claimed, from))
		return ACD_REFUSED_STALE;
	agent_claim_nack(acd, i);
	return ACD_OK;
}

static enum acd_verdict pick_nack(struct acd *acd, struct acd_addr to, const struct acd_msg *m,
				  enum acd_cause cause)
{
	fx_send(acd, to,
		&(struct acd_msg){
		    .type = ACD_MSG_PICK_NACK,
		    .offer = m->offer,
		    .call = m->call,
		    .cause = (uint8_t)cause,
		    .version = acd->ann_version,
		});
	return ACD_REFUSED_STATE;
}

static enum acd_verdict pick_ok(struct acd *acd, struct acd_addr to, const struct acd_msg *m)
{
	fx_send(acd, to,
		&(struct acd_msg){.type = ACD_MSG_PICK_OK, .offer = m->offer, .call = m->call});
	return ACD_OK;
}

enum acd_verdict recv_pick(struct acd *acd, struct acd_addr from, uint32_t boot,
			   const struct acd_msg *m)
{
	uint32_t i = call_find(acd, m->call);

	(void)boot;
	if (i == NIL)
		return pick_nack(acd, from, m, ACD_CAUSE_CALL_GONE);
	const struct call *c = &acd->calls[i];
	if (c->parties_n && (c->party.offer.v == m->offer.v || group_has(acd, c, m->offer)))
		return pick_ok(acd, from, m); /* a duplicate: our answer was lost */
	bool joins = c->state == ACD_CALL_GRANTED && group_open(acd, c);
	bool grantable = c->state == ACD_CALL_QUEUED || joins;
#ifdef ACD_MUTATE_GRANT_WHILE_GRANTED
	grantable |= c->state == ACD_CALL_GRANTED;
#endif
#ifdef ACD_MUTATE_GRANT_WHILE_AWAITED
	grantable |= c->state == ACD_CALL_AWAIT_AGENT;
#endif
	if (!grantable || acd->queues[c->queue].id.v != m->queue.v)
		return pick_nack(acd, from, m, ACD_CAUSE_CALL_GONE);
	if (ending_find(acd, ACD_SIDE_OWNER, (struct triple){m->offer, c->id, c->cepoch}) != NIL)
		return pick_nack(acd, from, m, ACD_CAUSE_STALE);

	if (joins)
		group_join(acd, i, m);
	else
		call_grant(acd, i, m);
	return pick_ok(acd, from, m);
}
