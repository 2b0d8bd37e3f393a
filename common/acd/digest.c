/* The whole state as one number: equal traces give equal digests (D1), and a refusal changes
 * nothing. Field by field, so that padding and entries out of use say nothing. Not in it: the
 * clock, which is input, and the outbox, which is output. */
#include "common/acd/acd_internal.h"

struct hash {
	uint64_t v;
};

static void add(struct hash *h, uint64_t x)
{
	h->v = mix64(h->v * UINT64_C(0x9e3779b97f4a7c15) + x + 1);
}

static void add_timer(struct hash *h, const struct acd *acd, enum timer_kind kind, uint32_t i)
{
	uint32_t s = acd->timer_base[kind] + i;

	add(h, timer_on(acd, kind, i) ? acd->timer[s].at : UINT64_MAX);
}

static void add_call(struct hash *h, const struct acd *acd, uint32_t i)
{
	const struct call *c = &acd->calls[i];

	add(h, i);
	add(h, c->id.v);
	add(h, (uint64_t)c->state << 16 | (uint64_t)c->priority << 8 | (uint64_t)c->talked << 4 |
		   (uint64_t)c->stays << 3 | (uint64_t)c->closing << 2 |
		   (uint64_t)c->announced << 1 | c->ringing);
	add(h, c->queue);
	add(h, c->cepoch);
	add(h, (uint64_t)c->queued_at);
	add(h, c->parties_n);
	add(h, c->party.offer.v);
	add(h, c->party.agent.v);
	add(h, c->party.session.v);
	add(h, c->party.node.v);
	add(h, c->deadline);
	add(h, c->heard);
	const struct member *m;
	for (uint32_t g = c->group; group_next(acd, &g, &m);) {
		add(h, m->party.offer.v);
		add(h, m->party.session.v);
		add(h, (uint64_t)m->party.node.v << 1 | m->ringing);
		add(h, m->deadline);
		add_timer(h, acd, TM_MEMBER, (uint32_t)(m - acd->members));
	}
	add(h, c->before);
	add(h, c->ask);
	add(h, c->story_n);
	add(h, c->ann_version);
	for (unsigned k = 0; k < ACD_WANTS_MAX; k++) {
		add(h, c->want[k].agent.v);
		add(h, (uint64_t)c->want[k].for_ms << 16 | (uint64_t)c->want[k].pref << 8 |
			   c->want[k].site);
	}
	add_timer(h, acd, TM_CALL, i);
}

static void add_agent(struct hash *h, const struct acd *acd, uint32_t i)
{
	const struct agent *a = &acd->agents[i];

	add(h, i);
	add(h, (uint64_t)a->announced | (uint64_t)a->lost << 1 | (uint64_t)a->bound << 2 |
		   (uint64_t)a->ready_after << 3 | (uint64_t)a->out_after << 4 |
		   (uint64_t)a->alone << 5 | (uint64_t)a->recalled << 6 | (uint64_t)a->state << 8 |
		   (uint64_t)a->reason << 16 | (uint64_t)a->reason_after << 24);
	add(h, a->session.v);
	add(h, a->id.v);
	add(h, a->skills.bits);
	for (unsigned k = 0; k < 4; k++)
		add(h, a->levels.w[k]);
	add(h, (uint64_t)a->missed << 40 | (uint64_t)a->rank << 32 | a->taken);
	add(h, a->talk_us);
	add(h, a->turn_at);
	add(h, a->offer.v);
	add(h, a->call.v);
	add(h, a->cepoch);
	add(h, (uint64_t)a->owner.v << 16 | a->claimed.v);
	add(h, a->claimed_at);
	add(h, a->late.offer.v);
	if (a->late.offer.v) {
		add(h, a->late.claimed.v);
		add(h, a->late.since);
		add(h, a->late.until);
	}
	add(h, a->queue);
	add(h, a->wrap_up_ms);
	add(h, (uint64_t)a->idle_since);
	add(h, a->since);
	add(h, a->heard);
	if (a->recalled)
		add(h, (uint64_t)a->queued_at);
	add(h, a->version);
	add(h, a->ann_version);
	add_timer(h, acd, TM_AGENT, i);
	add_timer(h, acd, TM_GRACE, i);
}

static void add_ending(struct hash *h, const struct acd *acd, uint32_t i)
{
	const struct ending *e = &acd->endings[i];

	add(h, i);
	add(h, (uint64_t)e->done | (uint64_t)e->side << 8 | (uint64_t)e->cause << 16 |
		   (uint64_t)e->peer.v << 32);
	add(h, e->t.offer.v);
	add(h, e->t.call.v);
	add(h, e->t.cepoch);
	add(h, e->forget_at);
	add_timer(h, acd, TM_ENDING, i);
}

static void add_registers(struct hash *h, const struct acd *acd)
{
	for (uint32_t i = 0; i < acd->call_free.max; i++)
		if (acd->calls[i].used)
			add_call(h, acd, i);
	for (uint32_t i = 0; i < acd->agent_free.max; i++)
		if (acd->agents[i].used)
			add_agent(h, acd, i);
	for (uint32_t i = 0; i < acd->endings_max; i++)
		if (acd->endings[i].used)
			add_ending(h, acd, i);
	for (uint32_t i = 0; i <= ACD_SITES_MAX; i++)
		if (acd->distance[i].known) {
			add(h, i);
			add(h, (uint64_t)acd->distance[i].mean_us);
			add(h, (uint64_t)acd->distance[i].spread_us);
		}
	for (uint32_t i = 0; i < acd->stations_n; i++) {
		const struct station *s = &acd->stations[i];
		add(h, (uint64_t)s->addr.v << 2 | (uint64_t)s->sync_on << 1 | s->sync_begun);
		add(h, s->sync_id);
		add(h, (uint64_t)s->sync_at << 32 | s->sync_sent);
	}
	add(h, acd->ann_version);
	add(h, acd->ann_sum);
	add(h, acd->ann_count);
	add(h, acd->broker_heard);
	add(h, acd->entered);
	add(h, acd->left);
	add(h, acd->recover_until);
	for (uint32_t i = 0; i <= ACD_OUTCOME_FAILED; i++)
		add(h, acd->ended[i]);
}

static void add_mirror(struct hash *h, const struct acd *acd)
{
	for (uint32_t i = 0; i < acd->mnodes_n; i++) {
		const struct mnode *n = &acd->mnodes[i];
		add(h, (uint64_t)n->boot << 32 | (uint64_t)n->synced << 1 | n->asked);
		add(h, n->sum);
		add(h, (uint64_t)n->count << 32 | n->sync_seen);
		add(h, n->sync_id);
		add(h, n->asked_at);
		add(h, n->digest_at);
	}
	for (uint32_t i = 0; i < acd->mcall_free.max; i++) {
		const struct mcall *c = &acd->mcalls[i];
		if (!c->used)
			continue;
		add(h, c->id.v);
		add(h, (uint64_t)c->more << 32 | (uint64_t)c->class << 24 |
			   (uint64_t)c->ripe << 16 | (uint64_t)c->state << 8 | c->priority);
		add(h, c->ewt_us);
		add(h, c->own.v);
		for (unsigned k = 0; k < ACD_WANTS_MAX; k++) {
			add(h, c->want[k].agent.v);
			add(h, (uint64_t)c->want[k].for_ms << 8 | c->want[k].pref);
		}
		add(h, c->cepoch);
		add(h, (uint64_t)c->queue << 32 | c->mnode);
		add(h, (uint64_t)c->claim << 32 | i);
		add(h, (uint64_t)c->queued_at);
		add(h, c->version);
		add(h, c->mark);
		add_timer(h, acd, TM_WAIT, i);
	}
	for (uint32_t i = 0; i < acd->magent_free.max; i++) {
		const struct magent *a = &acd->magents[i];
		if (!a->used)
			continue;
		add(h, a->session.v);
		add(h, (uint64_t)a->rank << 32 | a->taken);
		add(h, acd->magents_cold[i].talk_us);
		add(h, (uint64_t)acd->magents_cold[i].turn_at);
		add(h, (uint64_t)a->claim << 32 | i);
		add(h, (uint64_t)a->mnode << 32 | (uint64_t)a->cls << 1 | a->free);
		add(h, (uint64_t)a->idle_since);
		add(h, a->version);
		add(h, acd->magents_cold[i].mark);
	}
}

static void add_matcher(struct hash *h, const struct acd *acd)
{
	for (uint32_t i = 0; i < acd->claims_max; i++) {
		const struct claim *cl = &acd->claims[i];
		if (!cl->used)
			continue;
		add(h, (uint64_t)i << 8 | (uint64_t)cl->lost << 7 | (uint64_t)cl->again << 6 |
			   (uint64_t)cl->abroad << 5 | (uint64_t)cl->more << 4 | cl->phase);
		add(h, cl->offer.v);
		add(h, cl->session.v);
		add(h, (uint64_t)cl->queue << 32 | cl->node.v);
		add(h, (uint64_t)cl->mcall << 32 | cl->slot);
		add(h, cl->has.skills);
		add(h, cl->has.steps);
		add(h, cl->idle_us);
		add(h, (uint64_t)cl->picked_at);
		add(h, cl->picked_ewt_us);
		add(h, cl->slot_version);
		add(h, cl->picked.v);
		add(h,
		    (uint64_t)cl->picked_mnode << 32 | (uint64_t)cl->picked_stage << 8 | cl->tries);
		add_timer(h, acd, TM_CLAIM, i);
	}
	for (uint32_t q = 0; q < acd->queues_n; q++) {
		const struct queue *queue = &acd->queues[q];
		add(h, (uint64_t)queue->young.n << 32 | queue->ripe.n);
		add(h, queue->more.n);
		add(h, (uint64_t)queue->told << 32 | queue->told_idle);
		add(h, (uint64_t)queue->queued << 32);
		add(h, queue->gap_us);
		add(h, queue->ewt_error_us);
		add(h, queue->busy_since);
		add(h, queue->served_at);
		add(h, queue->advert_at);
		add(h, queue->idle_advert_at);
		add(h, queue->quick_at);
		add(h, queue->fresh);
		add_timer(h, acd, TM_ADVERT, q);
		add_timer(h, acd, TM_IDLE_ADVERT, q);
	}
	for (size_t i = 0; i < (size_t)acd->confs_n * acd->sites_n; i++) {
		const struct site_hours *x = &acd->hours[i];
		if (x->permille == ACD_OPEN && !x->until)
			continue; /* nothing was said of it */
		add(h, i);
		add(h, x->permille);
		add(h, x->until);
	}
	for (size_t i = 0; i < (size_t)acd->queues_n * acd->peers_n; i++) {
		const struct slot *s = &acd->slots[i];
		if (!s->version && !s->idle_version)
			continue;
		add(h, i);
		add(h, s->version);
		add(h, s->idle_version);
		add(h, (uint64_t)s->boot << 32 | s->idle_boot);
		add(h, (uint64_t)s->count << 32 | s->budget);
		add(h, (uint64_t)s->key.at);
		add(h, s->key.priority);
		add(h, s->heard);
		add(h, s->idle_heard);
		add(h, (uint64_t)s->idle_count << 32 | s->want);
		add(h, (uint64_t)s->idle_since);
	}
}

uint64_t acd_digest(const struct acd *acd)
{
	struct hash h = {acd->self.v};

	add(&h, (uint64_t)acd->boot << 32 | acd->seq);
	add(&h, (uint64_t)acd->started | (uint64_t)acd->draining << 1 | (uint64_t)acd->island << 2 |
		    (uint64_t)acd->matching << 3 | (uint64_t)acd->unheld << 4 |
		    (uint64_t)acd->suspended << 5);
	add(&h, acd->hold_until);
	add(&h, acd->boots_sum);
	add_registers(&h, acd);
	add_mirror(&h, acd);
	add_matcher(&h, acd);
	add(&h, acd->advert_version);
	add(&h, (uint64_t)acd->round.on << 2 | (uint64_t)acd->round.quick << 1 | acd->round.idle);
	add(&h, (uint64_t)acd->round.queue << 32 | acd->round.peer);
	add_timer(&h, acd, TM_TICK, 0);
	add_timer(&h, acd, TM_ISLAND, 0);
	return h.v;
}
