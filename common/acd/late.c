/*
 * A claim that is not answered. The line may be cut, its broker's machine dead, the owner's node
 * stopped; or the answer is only slow. Nobody can tell, and nobody needs to:
 *
 *   RESERVED ──grant_retry_ms──► CLAIM again, the same offer: a broker that has it does nothing
 *      └────── patience ───────► IDLE again, for any caller; the old offer stays `late`
 *   GRANT of `late` while nothing else is bound ──► RINGING, and what was reserved since is let go
 *   another caller, pause, sign-out, its own end ──► `late` is forgotten, its GRANT refused
 *
 * Patience is what answers of that site took lately and some more, as TCP reckons it (RFC 6298):
 * on a slow line nobody is sent elsewhere for nothing. Brokers hear with AGENT_UP that an agent has
 * waited long: they have a caller of their own site for it if they can, and claim nothing of the
 * other one until it speaks again. The one register decides all the same: no rule depends on these
 * times.
 */
#include "common/acd/acd_internal.h"

enum {
	/* A round trip between continents, and a stall of a busy machine. */
	PATIENCE_MIN_MS = 500,
};

/* --- how far a site is -------------------------------------------------------------------- */

static void learn(struct acd *acd, struct acd_addr broker, uint64_t took_us)
{
	struct distance *d = &acd->distance[site_of(broker)];
	uint64_t most = 2 * US_PER_MS * acd->tm.claim_ms;
	int64_t us = (int64_t)(took_us < most ? took_us : most);

	if (!d->known) {
		*d = (struct distance){.known = true, .mean_us = us, .spread_us = us / 2};
		return;
	}
	int64_t off = us > d->mean_us ? us - d->mean_us : d->mean_us - us;
	d->spread_us += (off - d->spread_us) / 4;
	d->mean_us += (us - d->mean_us) / 8;
}

static uint64_t patience_us(const struct acd *acd, struct acd_addr broker)
{
	const struct distance *d = &acd->distance[site_of(broker)];
	uint64_t most = acd->tm.claim_ms * US_PER_MS, least = PATIENCE_MIN_MS * US_PER_MS;
	uint64_t us = d->known ? (uint64_t)(d->mean_us + 4 * d->spread_us) : most;

	us = us > least ? us : least;
#ifdef ACD_MUTATE_CLAIM_WAITS_ON
	return 2 * most;
#endif
	return us < most ? us : most;
}

/* --- asking ------------------------------------------------------------------------------- */

static void ask(struct acd *acd, uint32_t i)
{
	const struct agent *a = &acd->agents[i];
	acd_time_us again = after_ms(acd, acd->tm.grant_retry_ms);
	acd_time_us doubt = a->claimed_at + patience_us(acd, a->claimed);

	timer_set(acd, TM_AGENT, i, again < doubt ? again : doubt);
	fx_send(acd, a->claimed,
		&(struct acd_msg){
		    .type = ACD_MSG_CLAIM,
		    .offer = a->offer,
		    .agent = a->id,
		    .session = a->session,
		    .queue = acd->queues[a->queue].id,
		    .skills = a->skills,
		    .levels = a->levels,
		    .node = acd->self,
		    .idle_us = age(acd, a->idle_since),
		});
}

void agent_claim(struct acd *acd, uint32_t i, struct acd_addr broker)
{
	acd->agents[i].claimed = broker;
	acd->agents[i].claimed_at = acd->now;
	ask(acd, i);
}

void agent_claim_timer(struct acd *acd, uint32_t i)
{
	struct agent *a = &acd->agents[i];
	uint64_t waited = acd->now - a->claimed_at;

	if (waited < patience_us(acd, a->claimed)) {
		ask(acd, i);
		return;
	}
	/* As if it had taken twice as long: else a line that has become slow would never be waited
	 * for until its first answer. */
	learn(acd, a->claimed, 2 * waited);
	agent_late_forget(acd, i);
	a->late = (struct late){.offer = a->offer,
				.claimed = a->claimed,
				.since = a->claimed_at,
				.until = a->claimed_at + 2 * US_PER_MS * acd->tm.claim_ms};
	table_put(&acd->agent_by_late, a->late.offer.v, i);
	a->in_vain = a->claimed;
	agent_let_go(acd, i);
	a->in_vain.v = 0;
}

void agent_claim_answered(struct acd *acd, uint32_t i)
{
	learn(acd, acd->agents[i].claimed, acd->now - acd->agents[i].claimed_at);
}

void agent_claim_nack(struct acd *acd, uint32_t i)
{
	struct agent *a = &acd->agents[i];
	bool slow = acd->now - a->claimed_at >= PATIENCE_MIN_MS * US_PER_MS;

	agent_claim_answered(acd, i);
	a->in_vain.v = slow ? a->claimed.v : 0;
	agent_unreserve(acd, i);
	a->in_vain.v = 0;
}

/* --- the late offer ----------------------------------------------------------------------- */

uint32_t agent_of_late(const struct acd *acd, struct acd_offer_id offer)
{
	return table_get(&acd->agent_by_late, offer.v);
}

void agent_late_forget(struct acd *acd, uint32_t i)
{
	struct agent *a = &acd->agents[i];

	if (!a->late.offer.v)
		return;
	ending_note(acd, ACD_SIDE_AGENT, (struct triple){.offer = a->late.offer}, acd->self,
		    ACD_CAUSE_TIMEOUT, false);
	table_del(&acd->agent_by_late, a->late.offer.v);
	a->late = (struct late){0};
}

bool agent_late_welcome(const struct acd *acd, uint32_t i)
{
	const struct agent *a = &acd->agents[i];

#ifdef ACD_MUTATE_LATE_WELCOME_ANYWHERE
	return !a->bound; /* away, or asked for a pause */
#endif
	return acd->now <= a->late.until &&
	       (agent_available(acd, a) || a->state == ACD_AGENT_RESERVED);
}

void agent_late_take(struct acd *acd, uint32_t i)
{
	struct agent *a = &acd->agents[i];
	struct late late = a->late;

	table_del(&acd->agent_by_late, late.offer.v);
	a->late = (struct late){0};
	if (a->offer.v)
		agent_offer_drop(acd, i);
	a->offer = late.offer;
	a->claimed = late.claimed;
	a->claimed_at = late.since;
	a->recast = false;
	a->ready_after = true;
	table_put(&acd->agent_by_offer, a->offer.v, i);
}

enum acd_verdict agent_late_nack(struct acd *acd, struct acd_offer_id offer, struct acd_addr from)
{
	uint32_t i = agent_of_late(acd, offer);

	if (i == NIL || !same_addr(acd->agents[i].late.claimed, from))
		return ACD_REFUSED_STALE;
	learn(acd, from, acd->now - acd->agents[i].late.since);
	agent_late_forget(acd, i);
	return ACD_OK;
}
