/*
 * Offers that ended on this side. RELEASE is repeated until the other side answers; and for a while
 * it is remembered how the offer ended, so that a lost or overtaken RELEASE never turns into
 * "I do not hold it" (at which the owner would put a served caller back into the queue).
 */
#include "common/acd/acd_internal.h"

#include <string.h>

static uint64_t key_of(enum acd_side side, struct triple t)
{
	/* Not the epoch: an adopted call is the same offer's call. */
	uint64_t key = mix64(t.offer.v ^ mix64(t.call.v ^ mix64((uint64_t)side)));

	return key ? key : 1;
}

uint32_t ending_find(const struct acd *acd, enum acd_side side, struct triple t)
{
	uint32_t i = table_get(&acd->ending_by_key, key_of(side, t));

#ifdef ACD_MUTATE_FORGET_ENDINGS
	i = NIL;
#endif
	if (i == NIL)
		return NIL;
	const struct ending *e = &acd->endings[i];
	/* two triples with one 64-bit key: the newer is forgotten early, which is allowed */
	return e->side == side && e->t.offer.v == t.offer.v && e->t.call.v == t.call.v ? i : NIL;
}

static void forget(struct acd *acd, uint32_t i)
{
	struct ending *e = &acd->endings[i];

	timer_stop(acd, TM_ENDING, i);
	table_del(&acd->ending_by_key, e->key);
	if (e->older != NIL)
		acd->endings[e->older].younger = e->younger;
	else
		acd->ending_oldest = e->younger;
	if (e->younger != NIL)
		acd->endings[e->younger].older = e->older;
	else
		acd->ending_youngest = e->older;
	memset(e, 0, sizeof(*e));
	freelist_give(&acd->ending_free, i);
}

static void send_release(struct acd *acd, const struct ending *e)
{
	send_triple(acd, e->peer, ACD_MSG_RELEASE, e->t, (enum acd_side)e->side,
		    (enum acd_cause)e->cause);
}

void ending_note(struct acd *acd, enum acd_side side, struct triple t, struct acd_addr peer,
		 enum acd_cause cause, bool tell)
{
	uint32_t i = table_get(&acd->ending_by_key, key_of(side, t));

	if (i != NIL) /* the same offer met the same call again */
		forget(acd, i);
	i = freelist_take(&acd->ending_free);
	if (i == NIL) {
		forget(acd, acd->ending_oldest);
		i = freelist_take(&acd->ending_free);
	}
	struct ending *e = &acd->endings[i];
	memset(e, 0, sizeof(*e));
	e->used = true;
	e->done = !tell;
	e->side = (uint8_t)side;
	e->cause = (uint8_t)cause;
	e->t = t;
	e->peer = peer;
	e->forget_at = acd->now + ENDING_KEEP_US;
	e->older = acd->ending_youngest;
	e->younger = NIL;
	if (e->older != NIL)
		acd->endings[e->older].younger = i;
	else
		acd->ending_oldest = i;
	acd->ending_youngest = i;
	e->key = key_of(side, t);
	table_put(&acd->ending_by_key, e->key, i);
	if (tell)
		send_release(acd, e);
	timer_set(acd, TM_ENDING, i, tell ? after_ms(acd, acd->tm.release_retry_ms) : e->forget_at);
}

void ending_done(struct acd *acd, uint32_t i)
{
	struct ending *e = &acd->endings[i];

	if (!e->done) {
		e->done = true;
		timer_set(acd, TM_ENDING, i, e->forget_at);
	}
}

void ending_timer(struct acd *acd, uint32_t i)
{
	const struct ending *e = &acd->endings[i];

	if (acd->now >= e->forget_at) {
		forget(acd, i);
		return;
	}
	send_release(acd, e);
	timer_set(acd, TM_ENDING, i, after_ms(acd, acd->tm.release_retry_ms));
}

void send_triple(struct acd *acd, struct acd_addr to, enum acd_msg_type type, struct triple t,
		 enum acd_side side, enum acd_cause cause)
{
	fx_send(acd, to,
		&(struct acd_msg){
		    .type = type,
		    .offer = t.offer,
		    .call = t.call,
		    .cepoch = t.cepoch,
		    .state = (uint8_t)side,
		    .cause = (uint8_t)cause,
		});
}

/* At the agent's: the largest epoch known under which this offer met this call. */
static uint64_t newest_cepoch(const struct acd *acd, const struct acd_msg *m)
{
	uint32_t i = agent_of_offer(acd, m->offer);
	uint32_t e = ending_find(acd, ACD_SIDE_AGENT, triple_of(m));

	if (i != NIL && acd->agents[i].bound && acd->agents[i].call.v == m->call.v)
		return acd->agents[i].cepoch;
	return e == NIL ? 0 : acd->endings[e].t.cepoch;
}

void send_nack(struct acd *acd, struct acd_addr to, enum acd_side side, const struct acd_msg *m,
	       enum acd_cause cause)
{
	uint64_t newest = side == ACD_SIDE_AGENT ? newest_cepoch(acd, m) : 0;
	bool fenced = newest > m->cepoch;

	if (side == ACD_SIDE_OWNER && call_may_return(acd, m->call))
		return; /* asked again soon; by then the journal has been read */
	fx_send(acd, to,
		&(struct acd_msg){
		    .type = ACD_MSG_NACK,
		    .offer = m->offer,
		    .call = m->call,
		    .cepoch = m->cepoch,
		    .version = fenced ? newest : 0,
		    .state = (uint8_t)side,
		    .cause = (uint8_t)(fenced ? ACD_CAUSE_FENCED : cause),
		});
}

enum acd_verdict refuse_triple(struct acd *acd, struct acd_addr from, enum acd_side side,
			       const struct acd_msg *m, enum acd_cause cause)
{
	uint32_t i = ending_find(acd, side, triple_of(m));

	if (i != NIL && same_addr(acd->endings[i].peer, from))
		send_release(acd, &acd->endings[i]);
	else
		send_nack(acd, from, side, m, cause);
	return ACD_REFUSED_STALE;
}
