/*
 * RING_ALL: one call rings at several agents (DESIGN §4: a group g with members (g, i), the first
 * COMMIT wins, the others are revoked). Each member is an offer of its own with its own claim, so
 * the agents' side knows nothing of groups. The matcher brings agents one after another: a call
 * that rings and has room is announced again, and comes after all who wait.
 */
#include "common/acd/acd_internal.h"

#include <string.h>

uint32_t group_members_max(const struct acd_conf *conf)
{
	/* On average a quarter of all calls may ring at one agent more; a full pool costs a ring,
	 * never a call. The same for any queues, so that they may be exchanged. */
	return conf->calls_max / 4 + 16;
}

bool group_next(const struct acd *acd, uint32_t *group, const struct member **ret)
{
	if (*group == 0)
		return false;
	*ret = &acd->members[*group - 1];
	*group = (*ret)->next;
	return true;
}

bool group_open(const struct acd *acd, const struct call *c)
{
	const struct acd_queue_conf *q = acd->queues[c->queue].conf;
	uint32_t max = q->group_max ? q->group_max : ACD_GROUP_MAX;

	return q->strategy == ACD_RING_ALL && c->parties_n == 1 && c->group_n + 1 < max &&
	       acd->member_free.n < acd->member_free.max;
}

bool group_has(const struct acd *acd, const struct call *c, struct acd_offer_id offer)
{
	const struct member *m;

	for (uint32_t g = c->group; group_next(acd, &g, &m);)
		if (m->party.offer.v == offer.v)
			return true;
	return false;
}

static void tell(struct acd *acd, const struct call *c, const struct acd_party *p,
		 enum acd_cause cause, bool on)
{
	struct acd_fx *fx = fx_push(acd, ACD_FX_GROUP);

	fx->call = c->id;
	fx->queue = acd->queues[c->queue].id;
	fx->offer = p->offer;
	fx->agent = p->agent;
	fx->session = p->session;
	fx->peer = p->node;
	fx->cepoch = c->cepoch;
	fx->cause = (uint8_t)cause;
	fx->on = on;
}

/* The member changes places with the party. */
static void swap(struct acd *acd, uint32_t i, struct member *m)
{
	struct call *c = &acd->calls[i];
	uint32_t at = (uint32_t)(m - acd->members);
	acd_time_us theirs = timer_at(acd, TM_MEMBER, at);
	acd_time_us ours = timer_on(acd, TM_CALL, i) ? timer_at(acd, TM_CALL, i) : acd->now;
	struct member was = {.used = true,
			     .ringing = c->ringing,
			     .call = i,
			     .next = m->next,
			     .party = c->party,
			     .deadline = c->deadline};

	c->party = m->party;
	c->ringing = m->ringing;
	c->deadline = m->deadline;
	*m = was;
	timer_set(acd, TM_CALL, i, theirs);
	timer_set(acd, TM_MEMBER, at, ours);
}

void group_front_offer(struct acd *acd, uint32_t i, struct acd_offer_id offer)
{
	for (uint32_t g = acd->calls[i].group; g; g = acd->members[g - 1].next) {
		if (acd->members[g - 1].party.offer.v != offer.v)
			continue;
		swap(acd, i, &acd->members[g - 1]);
		return;
	}
}

void group_front(struct acd *acd, uint32_t i, const struct acd_msg *m, struct acd_addr from)
{
	if (i == NIL || acd->calls[i].cepoch != m->cepoch)
		return;
	for (uint32_t g = acd->calls[i].group; g; g = acd->members[g - 1].next) {
		const struct acd_party *p = &acd->members[g - 1].party;
		if (p->offer.v != m->offer.v || !same_addr(p->node, from))
			continue;
		swap(acd, i, &acd->members[g - 1]);
		return;
	}
}

void group_join(struct acd *acd, uint32_t i, const struct acd_msg *pick)
{
	struct call *c = &acd->calls[i];
	uint32_t at = freelist_take(&acd->member_free);

	helio_assert(at != NIL);
	struct member *m = &acd->members[at];
	*m = (struct member){
	    .used = true,
	    .call = i,
	    .next = c->group,
	    .party = {.offer = pick->offer,
		      .agent = pick->agent,
		      .session = pick->session,
		      .node = pick->node},
	    .deadline = after_ms(acd, acd->tm.grant_ms),
	};
	c->group = at + 1;
	c->group_n++;
	timer_set(acd, TM_MEMBER, at, after_ms(acd, acd->tm.grant_retry_ms));
	tell(acd, c, &m->party, ACD_CAUSE_NONE, true);
	swap(acd, i, m);
	call_send_grant(acd, i);
	announce_call(acd, i);
}

static void drop(struct acd *acd, uint32_t i, struct member *m, enum acd_cause cause, bool say)
{
	struct call *c = &acd->calls[i];
	uint32_t at = (uint32_t)(m - acd->members), *link = &c->group;
	struct triple t = {m->party.offer, c->id, c->cepoch};

	while (*link != at + 1)
		link = &acd->members[*link - 1].next;
	*link = m->next;
	c->group_n--;
	timer_stop(acd, TM_MEMBER, at);
	ending_note(acd, ACD_SIDE_OWNER, t, m->party.node, cause, say);
	tell(acd, c, &m->party, cause, false);
	memset(m, 0, sizeof(*m));
	freelist_give(&acd->member_free, at);
}

void group_leave(struct acd *acd, uint32_t i, enum acd_cause cause, bool say)
{
	struct member *m = &acd->members[acd->calls[i].group - 1];

	swap(acd, i, m);
	drop(acd, i, m, cause, say);
	announce_call(acd, i);
}

void group_revoke(struct acd *acd, uint32_t i, enum acd_cause cause)
{
	while (acd->calls[i].group)
		drop(acd, i, &acd->members[acd->calls[i].group - 1], cause, true);
}

void group_forget(struct acd *acd, uint32_t i)
{
	while (acd->calls[i].group)
		drop(acd, i, &acd->members[acd->calls[i].group - 1], ACD_CAUSE_FENCED, false);
}

void group_timer(struct acd *acd, uint32_t at)
{
	struct member *m = &acd->members[at];
	uint32_t i = m->call;

	/* As the call's own timer, which asks for a timer that is on. */
	timer_set(acd, TM_MEMBER, at, acd->now);
	swap(acd, i, m);
	call_timer(acd, i);
}
