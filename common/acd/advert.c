/*
 * Between sites. A queue that cannot serve its callers here tells every other site how many wait,
 * how long the first has waited, and how many agents are wanted from that very site: `wanted` adds
 * up to the number of callers, so that fifty sites do not claim one call. Sites tell their idle
 * agents, so that the wish goes to those who have some. The first change goes out at once, further
 * ones not before advert_ms (new callers for whom agents are idle elsewhere: not before QUICK_MS,
 * and only to those sites); what still holds is renewed at that pace, each time with a new version,
 * and a version is claimed from only as often as it wanted.
 */
#include "common/acd/acd_internal.h"

enum {
	/* So many renewals in a row must be lost before an advert is forgotten. */
	RENEWALS_LOST = 10,
	IDLE_RENEWALS_LOST = 4,
	/* A caller for whom an agent of another site is idle shall not wait for the next renewal.
	 * 200 messages a second to one site bound what a busy queue costs. At 100 calls a second on
	 * a busy machine the p99 until the ring fell from 205 ms to 7–73 ms, the median from 108
	 * to 3. */
	QUICK_MS = 5,
};

static struct slot *slot_of(struct acd *acd, uint32_t q, uint32_t peer)
{
	return &acd->slots[(size_t)q * acd->peers_n + peer];
}

bool slot_alive(const struct acd *acd, const struct slot *s)
{
	return s->version != 0 &&
	       acd->now <= s->heard + acd->tm.advert_ms * US_PER_MS * RENEWALS_LOST;
}

static bool idle_alive(const struct acd *acd, const struct slot *s)
{
	return s->idle_count > 0 &&
	       acd->now <= s->idle_heard + acd->tm.digest_ms * US_PER_MS * IDLE_RENEWALS_LOST;
}

/* The queue may send callers to other sites, and its idle agents may be wanted by them. */
static bool may_overflow(const struct acd *acd, const struct queue *queue)
{
	return queue->overflows && acd->role == ACD_ROLE_BROKER && acd->peers_n > 0;
}

/* … and one of them is open. */
static bool overflows(const struct acd *acd, const struct queue *queue)
{
	return queue->open_abroad > 0 && may_overflow(acd, queue);
}

/* Nobody here can take them, or there are too many: all may go abroad, not only those who have
 * waited long. Looked at anew at each advert, which is soon enough. */
static bool all_may_go(const struct acd *acd, const struct queue *queue)
{
	const struct acd_queue_conf *c = queue->conf;

	return (c->overflow_no_idle &&
		(queue->open_here == 0 || acd->needs[queue->need].idle == 0)) ||
	       (c->overflow_closed && queue->open_here == 0) ||
	       (c->overflow_longer && queue_waiting_all(acd, queue->first) > c->overflow_longer) ||
	       (c->overflow_ewt_ms && ewt_us(acd, queue->first) > c->overflow_ewt_ms * US_PER_MS);
}

/* It hands over, and callers who wait go with it: of them as many parts in a thousand as its weight
 * has lost, so that none is left when it closes. */
static bool hands_over(const struct queue *queue)
{
	return queue->conf->overflow_closed && queue->open_here < ACD_OPEN;
}

/* How many callers of the queue other sites may take now. */
static uint32_t on_offer(const struct acd *acd, const struct queue *queue)
{
	if (!overflows(acd, queue))
		return 0;
	uint32_t waiting = queue_waiting(queue), ripe = queue->ripe.n;
	if (all_may_go(acd, queue))
		return waiting;
	if (!hands_over(queue))
		return ripe;
	uint32_t part =
	    (uint32_t)(((uint64_t)waiting * (ACD_OPEN - queue->open_here) + ACD_OPEN - 1) /
		       ACD_OPEN);
	return part > ripe ? part : ripe;
}

uint32_t queue_head_abroad(const struct acd *acd, uint32_t q)
{
	const struct queue *queue = &acd->queues[q];

	if (!overflows(acd, queue))
		return NIL;
	return all_may_go(acd, queue) || hands_over(queue) ? queue_head_waiting(acd, q)
							   : queue->ripe.root;
}

static void arm(struct acd *acd, enum timer_kind kind, uint32_t q, acd_time_us not_before)
{
	if (!timer_on(acd, kind, q))
		timer_set(acd, kind, q, not_before > acd->now ? not_before : acd->now);
}

void advert_demand_changed(struct acd *acd, uint32_t q)
{
	if (overflows(acd, &acd->queues[q]))
		arm(acd, TM_ADVERT, q, acd->queues[q].advert_at);
}

static bool idle_abroad(struct acd *acd, uint32_t q)
{
	for (uint32_t p = 0; p < acd->peers_n; p++)
		if (idle_alive(acd, slot_of(acd, q, p)))
			return true;
	return false;
}

void advert_caller_came(struct acd *acd, uint32_t q)
{
	struct queue *queue = &acd->queues[q];

	if (!overflows(acd, queue))
		return;
	acd_time_us at = queue->advert_at;
	if (queue->fresh < UINT32_MAX)
		queue->fresh++;
	if (at > queue->quick_at && all_may_go(acd, queue) && idle_abroad(acd, q))
		at = queue->quick_at;
	if (at < acd->now)
		at = acd->now;
	if (!timer_on(acd, TM_ADVERT, q) || timer_at(acd, TM_ADVERT, q) > at)
		timer_set(acd, TM_ADVERT, q, at);
}

void advert_idle_changed(struct acd *acd, uint32_t need)
{
	for (uint32_t q = acd->needs[need].first_queue; q != NIL; q = acd->queue_next[q]) {
		if (!may_overflow(acd, &acd->queues[q]))
			continue;
		arm(acd, TM_IDLE_ADVERT, q, acd->queues[q].idle_advert_at);
		if (queue_waiting(&acd->queues[q]) > 0)
			advert_demand_changed(acd, q);
	}
}

/* Who was told of callers or of idle agents hears what holds now. */
void advert_hours_changed(struct acd *acd, uint32_t q)
{
	struct queue *queue = &acd->queues[q];

	if (!may_overflow(acd, queue))
		return;
	arm(acd, TM_IDLE_ADVERT, q, queue->idle_advert_at);
	if (queue->told > 0 || on_offer(acd, queue) > 0)
		arm(acd, TM_ADVERT, q, queue->advert_at);
}

/* Idle agents of ours that may answer it. */
static uint32_t idle_here(const struct acd *acd, const struct queue *queue)
{
	return queue->open_here > 0 ? acd->needs[queue->need].idle : 0;
}

/* Renewal of what still holds. */
void advert_tick(struct acd *acd)
{
	for (uint32_t q = 0; acd->peers_n > 0 && q < acd->queues_n; q++) {
		struct queue *queue = &acd->queues[q];
		if (queue->told > 0 || on_offer(acd, queue) > 0)
			arm(acd, TM_ADVERT, q, queue->advert_at);
		acd_time_us renew = queue->idle_advert_at + acd->tm.digest_ms * US_PER_MS;
		if (queue->told_idle > 0 && acd->now >= renew)
			arm(acd, TM_IDLE_ADVERT, q, renew);
	}
}

/* --- who is asked for how many ------------------------------------------------------------ */

/* The site whose agents have been idle longest, among those not yet asked. One broker speaks for a
 * site; want == UINT32_MAX marks those not yet looked at. */
static uint32_t longest_idle_site(struct acd *acd, uint32_t q)
{
	uint32_t best = NIL;

	for (uint32_t p = 0; p < acd->peers_n; p++) {
		const struct slot *s = slot_of(acd, q, p);
		if (s->want != UINT32_MAX || !idle_alive(acd, s))
			continue;
		if (best == NIL || s->idle_since < slot_of(acd, q, best)->idle_since)
			best = p;
	}
	return best;
}

static void settle_site(struct acd *acd, uint32_t q, uint32_t peer, uint32_t want)
{
	for (uint32_t p = 0; p < acd->peers_n; p++)
		if (site_of(acd->peers[p].addr) == site_of(acd->peers[peer].addr))
			slot_of(acd, q, p)->want = 0;
	slot_of(acd, q, peer)->want = want;
}

static uint16_t weight_of(const struct acd *acd, uint32_t q, uint32_t peer)
{
	return hours_weight(acd, q, site_of(acd->peers[peer].addr));
}

/* Those with idle agents: as many as they have, or less of them while the site hands over … */
static uint32_t ask_idle(struct acd *acd, uint32_t q, uint32_t left)
{
	uint32_t p;

	while (left > 0 && (p = longest_idle_site(acd, q)) != NIL) {
		uint64_t idle = slot_of(acd, q, p)->idle_count;
		uint32_t part = (uint32_t)((idle * weight_of(acd, q, p) + ACD_OPEN - 1) / ACD_OPEN);
		uint32_t want = part < left ? part : left;
		settle_site(acd, q, p, want);
		left -= want;
	}
	/* … and then all they have: nobody waits while an agent of an open site is idle. */
	for (p = 0; left > 0 && p < acd->peers_n; p++) {
		struct slot *s = slot_of(acd, q, p);
		if (s->want == UINT32_MAX || s->want == 0)
			continue;
		uint32_t more = s->idle_count - s->want;
		more = more < left ? more : left;
		s->want += more;
		left -= more;
	}
	return left;
}

/* The rest in turn, by their weight, so that whoever gets free first need not ask. */
static void ask_in_turn(struct acd *acd, uint32_t q, uint32_t left, uint64_t turn)
{
	uint64_t sum = 0, passed = 0, given = 0;

	for (uint32_t p = 0; p < acd->peers_n; p++)
		sum += weight_of(acd, q, p);
	if (sum == 0)
		return;
	/* Rounded up, so that a single caller is asked for by the first in turn. */
	for (uint32_t k = 0; k < acd->peers_n; k++) {
		uint32_t at = (uint32_t)((k + turn) % acd->peers_n);
		passed += weight_of(acd, q, at);
		uint64_t until = (left * passed + sum - 1) / sum;
		slot_of(acd, q, at)->want += (uint32_t)(until - given);
		given = until;
	}
}

/* quick: only sites with idle agents are asked. */
static void distribute(struct acd *acd, uint32_t q, uint32_t count, uint64_t turn, bool quick)
{
#ifdef ACD_MUTATE_ASK_NOBODY
	count = 0;
#endif
	for (uint32_t p = 0; p < acd->peers_n; p++)
		slot_of(acd, q, p)->want = weight_of(acd, q, p) > 0 ? UINT32_MAX : 0;
	uint32_t left = ask_idle(acd, q, count);
	for (uint32_t p = 0; p < acd->peers_n; p++)
		if (slot_of(acd, q, p)->want == UINT32_MAX)
			slot_of(acd, q, p)->want = 0;
	if (!quick)
		ask_in_turn(acd, q, left, turn);
}

/* --- sending ------------------------------------------------------------------------------ */

void advert_timer(struct acd *acd, uint32_t q, bool idle)
{
	struct queue *queue = &acd->queues[q];
	uint32_t count = idle ? idle_here(acd, queue) : on_offer(acd, queue);
	uint32_t *told = idle ? &queue->told_idle : &queue->told;
	bool quick = !idle && acd->now < queue->advert_at;

	if (quick) /* the others were asked for before, or are again at advert_at */
		timer_set(acd, TM_ADVERT, q, queue->advert_at);
	if (count == 0 && (quick || *told == 0))
		return;
	*told = count;
	if (quick && queue->fresh < count)
		count = queue->fresh;
	if (quick && count == 0)
		return;
	acd->advert_version++;
	if (idle) {
		queue->idle_advert_at = after_ms(acd, acd->tm.advert_ms);
	} else {
		if (!quick)
			queue->advert_at = after_ms(acd, acd->tm.advert_ms);
		queue->quick_at = after_ms(acd, QUICK_MS);
		queue->fresh = 0;
		distribute(acd, q, count, acd->advert_version, quick);
	}
	acd->round.on = true;
	acd->round.quick = quick;
	acd->round.idle = idle;
	acd->round.queue = q;
	acd->round.peer = 0;
	acd->round.version = acd->advert_version;
	acd->round.count = count;
}

static void send_demand(struct acd *acd, const struct queue *queue, uint32_t peer)
{
	uint32_t head = queue_head_abroad(acd, acd->round.queue);

	fx_send(acd, acd->peers[peer].addr,
		&(struct acd_msg){
		    .type = ACD_MSG_ADVERT,
		    .queue = queue->id,
		    .stage = queue->stage,
		    .version = acd->round.version,
		    .count = acd->round.count,
		    .wanted = slot_of(acd, acd->round.queue, peer)->want,
		    .priority = head == NIL ? 0 : acd->mcalls[head].priority,
		    .age_us = head == NIL ? 0 : age(acd, acd->mcalls[head].queued_at),
		});
}

static void send_idle(struct acd *acd, const struct queue *queue, uint32_t peer)
{
	uint32_t l = acd->needs[queue->need].links.root;
	int64_t since = (int64_t)acd->now;

	if (l != NIL)
		since = acd->magents[cls_best(acd, acd->links[l].cls, queue->need)].idle_since;
	fx_send(acd, acd->peers[peer].addr,
		&(struct acd_msg){
		    .type = ACD_MSG_AGENT_ADVERT,
		    .queue = queue->id,
		    .stage = queue->stage,
		    .version = acd->round.version,
		    .count = acd->round.count,
		    .age_us = age(acd, since),
		});
}

bool advert_some(struct acd *acd)
{
	if (!acd->round.on)
		return false;
	const struct queue *queue = &acd->queues[acd->round.queue];
	if (acd->round.idle)
		send_idle(acd, queue, acd->round.peer);
	else if (!acd->round.quick || slot_of(acd, acd->round.queue, acd->round.peer)->want > 0)
		send_demand(acd, queue, acd->round.peer);
	acd->round.on = ++acd->round.peer < acd->peers_n;
	return true;
}

/* Somebody waited for that broker in vain: its site may be cut off, slow, or have nobody left.
 * Nothing more is claimed there until it advertises again. */
void advert_distrust(struct acd *acd, struct acd_addr broker)
{
	for (uint32_t p = 0; p < acd->peers_n; p++) {
		if (site_of(acd->peers[p].addr) != site_of(broker))
			continue; /* not for each slot: with many sites they are 100,000 */
		for (uint32_t q = 0; q < acd->queues_n; q++) {
			struct slot *s = slot_of(acd, q, p);
			if (!s->budget)
				continue;
			s->budget = 0;
			pool_slot_out(acd, (uint32_t)(s - acd->slots));
		}
	}
}

/* --- receiving ---------------------------------------------------------------------------- */

static struct slot *find(struct acd *acd, struct acd_addr from, const struct acd_msg *m,
			 uint32_t *ret_q)
{
	*ret_q = queue_stage_find(acd, m->queue, m->stage);
	if (*ret_q == NIL)
		return NULL;
	for (uint32_t p = 0; p < acd->peers_n; p++)
		if (same_addr(acd->peers[p].addr, from))
			return slot_of(acd, *ret_q, p);
	return NULL;
}

enum acd_verdict recv_advert(struct acd *acd, struct acd_addr from, uint32_t boot,
			     const struct acd_msg *m)
{
	uint32_t q;
	struct slot *s = find(acd, from, m, &q);

	if (!s)
		return ACD_REFUSED_UNKNOWN;
	if (boot < s->boot || (boot == s->boot && m->version <= s->version))
		return ACD_REFUSED_STALE;
	uint32_t no = (uint32_t)(s - acd->slots);
	if (heap_holds(&s->node))
		pool_slot_out(acd, no);
	int64_t handicap = (int64_t)(acd->queues[q].conf->remote_handicap_ms * US_PER_MS);
	s->boot = boot;
	s->version = m->version;
	s->count = m->count;
	s->budget = m->wanted < m->count ? m->wanted : m->count;
	s->heard = acd->now;
	s->key = (struct key){
	    .priority = m->priority, .at = when(acd, m->age_us) + handicap, .id = from.v};
	if (s->budget > 0)
		pool_slot_in(acd, no);
	return ACD_OK;
}

enum acd_verdict recv_agent_advert(struct acd *acd, struct acd_addr from, uint32_t boot,
				   const struct acd_msg *m)
{
	uint32_t q;
	struct slot *s = find(acd, from, m, &q);

	if (!s)
		return ACD_REFUSED_UNKNOWN;
	if (boot < s->idle_boot || (boot == s->idle_boot && m->version <= s->idle_version))
		return ACD_REFUSED_STALE;
	bool more = m->count > s->idle_count;
	s->idle_boot = boot;
	s->idle_version = m->version;
	s->idle_count = m->count;
	s->idle_since = when(acd, m->age_us);
	s->idle_heard = acd->now;
	if (more && on_offer(acd, &acd->queues[q]) > 0)
		advert_demand_changed(acd, q);
	return ACD_OK;
}
