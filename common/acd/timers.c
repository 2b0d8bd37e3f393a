/* One heap of deadlines. The slots of each kind lie one after another, so that a slot's number says
 * whose it is. */
#include "common/acd/acd_internal.h"

void acd_timers_default(struct acd_timers *ret)
{
	*ret = (struct acd_timers){
	    /* RESERVE stays inside a site: 500 ms is a hundred round trips. Longer would keep an
	     * idle agent out of use after one lost message, and L1 allows one second. */
	    .reserve_ms = 500,
	    /* CLAIM, PICK and GRANT may cross an ocean twice (2 × 250 ms), with room for one
	     * of them to be lost and repeated. More than L1's second no caller shall wait for an
	     * agent who waits for another site; what comes later is welcome as long again. */
	    .claim_ms = 1000,
	    /* Just above the longest round trip we serve, so that a healthy link sees one GRANT. */
	    .grant_retry_ms = 300,
	    /* Five GRANTs: five losses in a row at 20 % happen once in 3,000 calls. */
	    .grant_ms = 1600,
	    /* A person has just accepted and hears nothing until BRIDGED: repeat briskly. */
	    .commit_retry_ms = 200,
	    /* DESIGN §4: KEEP runs each second both ways. */
	    .keep_ms = 1000,
	    /* Three KEEPs lost in a row: at 20 % loss that is 1 %, and coming back costs only a
	     * short "one moment". */
	    .keep_lost_ms = 3500,
	    /* DESIGN §4: the same agent first, at most ten seconds. */
	    .await_agent_ms = 10000,
	    /* By then an owner that lives has let go by itself (keep_lost + await_agent). One that
	     * restarts is back in two seconds, one that is taken over in one. */
	    .owner_lost_ms = 15000,
	    /* DESIGN §6: an adopted call is grantable after the named node answered, or 1 s. */
	    .adopt_ms = 1000,
	    /* The journal is read within 0.3 s, the claims take a round trip more; an arbiter that
	     * does not answer must not keep agents in calls that are gone. */
	    .recover_ms = 3000,
	    /* A reload takes 3 s, another Wi-Fi 5 s; a caller shall not listen to silence for
	     * longer than to "one moment". */
	    .grace_ms = 10000,
	    /* As grant_retry_ms. */
	    .release_retry_ms = 300,
	    /* L1 gives one second for what was lost to be seen as missing. */
	    .digest_ms = 500,
	    /* A claim that another site lost is offered again within this; 5 messages a second
	     * per queue and site bound what an overflowing queue costs. */
	    .advert_ms = 200,
	    /* Island mode in 2 s (DESIGN §10); three answers to DIGEST may be lost before. */
	    .broker_silent_ms = 1800,
	};
}

static uint32_t slot_no(const struct acd *acd, enum timer_kind kind, uint32_t i)
{
	uint32_t s = acd->timer_base[kind] + i;

	helio_assert(s < acd->timer_base[kind + 1]);
	return s;
}

bool less_timer(const struct acd *acd, uint32_t a, uint32_t b)
{
	const struct timer *x = &acd->timer[a], *y = &acd->timer[b];

	return x->at != y->at ? x->at < y->at : a < b;
}

bool timer_on(const struct acd *acd, enum timer_kind kind, uint32_t i)
{
	return heap_holds(&acd->timer[slot_no(acd, kind, i)].node);
}

acd_time_us timer_at(const struct acd *acd, enum timer_kind kind, uint32_t i)
{
	helio_assert(timer_on(acd, kind, i));
	return acd->timer[slot_no(acd, kind, i)].at;
}

void timer_stop(struct acd *acd, enum timer_kind kind, uint32_t i)
{
	uint32_t s = slot_no(acd, kind, i);

	if (heap_holds(&acd->timer[s].node))
		heap_remove(acd, HK_TIMER, &acd->timers, s);
}

void timer_set(struct acd *acd, enum timer_kind kind, uint32_t i, acd_time_us at)
{
	timer_stop(acd, kind, i);
	acd->timer[slot_no(acd, kind, i)].at = at;
	heap_insert(acd, HK_TIMER, &acd->timers, slot_no(acd, kind, i));
}

static void tick(struct acd *acd)
{
	if (acd->role == ACD_ROLE_NODE) {
		announce_digest(acd);
		timer_set(acd, TM_TICK, 0, after_ms(acd, acd->tm.digest_ms));
	} else {
		mirror_tick(acd);
		advert_tick(acd);
		timer_set(acd, TM_TICK, 0, after_ms(acd, acd->tm.advert_ms));
	}
}

static void fire(struct acd *acd, enum timer_kind kind, uint32_t i)
{
	switch (kind) {
	case TM_TICK: tick(acd); return;
	case TM_ISLAND:
		if (acd->role == ACD_ROLE_NODE)
			island_timer(acd);
		else
			acd->unheld = true;
		return;
	case TM_CALL: call_timer(acd, i); return;
	case TM_AGENT: agent_timer(acd, i); return;
	case TM_GRACE: agent_grace_timer(acd, i); return;
	case TM_ENDING: ending_timer(acd, i); return;
	case TM_CLAIM: claim_timer(acd, i); return;
	case TM_WAIT: mirror_wait_timer(acd, i); return;
	case TM_ADVERT: advert_timer(acd, i, false); return;
	case TM_IDLE_ADVERT: advert_timer(acd, i, true); return;
	case TM_MEMBER: group_timer(acd, i); return;
	case TM_COUNT: break;
	}
	helio_assert(kind < TM_COUNT);
}

bool timer_fire_next(struct acd *acd)
{
	uint32_t s = acd->timers.root;

	if (s == NIL || acd->timer[s].at > acd->now)
		return false;
	heap_remove(acd, HK_TIMER, &acd->timers, s);
	uint32_t kind = TM_TICK;
	while (s >= acd->timer_base[kind + 1])
		kind++;
	fire(acd, (enum timer_kind)kind, s - acd->timer_base[kind]);
	return true;
}
