/*
 * Who meets whom: of the agents that are able the one that the queue's strategy names, the oldest
 * caller that is eligible, priority class first. Invariant kept event by event: no caller waits
 * here for whom an able agent is idle, so that a new caller needs to look only at agents, and a
 * freed agent only at needs.
 */
#include "common/acd/acd_internal.h"

/* Drops adverts that were not renewed; true if the need still has demand. */
static bool need_has_demand(struct acd *acd, uint32_t d)
{
	uint32_t q;

	while ((q = acd->needs[d].queues.root) != NIL) {
		const struct queue *queue = &acd->queues[q];
		uint32_t s = queue->slots.root;
		if (s == NIL || slot_alive(acd, &acd->slots[s]))
			return true;
		acd->slots[s].budget = 0;
		pool_slot_out(acd, s);
	}
	return false;
}

static uint32_t claim_remote(struct acd *acd, struct claim *cl, struct queue *queue)
{
	uint32_t s = queue->slots.root;
	struct slot *slot = &acd->slots[s];

	cl->slot = s;
	cl->slot_version = slot->version;
	if (--slot->budget == 0)
		pool_slot_out(acd, s);
	return s % acd->peers_n;
}

static void send_reserve(struct acd *acd, uint32_t ci, uint32_t q, struct acd_addr to)
{
	const struct claim *cl = &acd->claims[ci];
	const struct queue *queue = &acd->queues[q];

	timer_set(acd, TM_CLAIM, ci, after_ms(acd, acd->tm.reserve_ms));
	fx_send(acd, cl->node,
		&(struct acd_msg){
		    .type = ACD_MSG_RESERVE,
		    .offer = cl->offer,
		    .agent = cl->agent,
		    .session = cl->session,
		    .queue = queue->id,
		    .stage = queue->stage,
		    .site = site_of(to),
		    .peer = to,
		});
}

static void take_agent(struct acd *acd, uint32_t ai, uint32_t ci, uint32_t q)
{
	struct magent *a = &acd->magents[ai];
	struct claim *cl = &acd->claims[ci];

	cl->session = a->session;
	cl->agent = a->id;
	cl->node = acd->mnodes[a->mnode].addr;
	cl->queue = q;
	pool_agent_out(acd, ai);
	a->claim = ci;
}

void match_reserve(struct acd *acd, uint32_t ai, uint32_t ci, uint32_t q, struct acd_addr to)
{
	take_agent(acd, ai, ci, q);
	send_reserve(acd, ci, q, to);
}

void match_speak_for(struct acd *acd, uint32_t ci, uint32_t c)
{
	pool_call_out(acd, c);
	acd->mcalls[c].state = MCALL_SPOKEN;
	acd->mcalls[c].claim = ci;
	acd->claims[ci].mcall = c;
}

/* Brings the agent to the head of the queue: RESERVE, naming the broker to claim from. */
static bool reserve(struct acd *acd, uint32_t ai, uint32_t q)
{
	struct queue *queue = &acd->queues[q];
	uint32_t ci = claim_new(acd, acd_id_next(acd));

	if (ci == NIL)
		return false;
	struct claim *cl = &acd->claims[ci];
	struct acd_addr to = acd->self;
	uint32_t c = queue_head(acd, q), s = queue->slots.root;
	struct key local = c != NIL ? mcall_key(&acd->mcalls[c]) : (struct key){0};

	take_agent(acd, ai, ci, q);
	if (s != NIL && (c == NIL || key_less(&acd->slots[s].key, &local))) {
		to = acd->peers[claim_remote(acd, cl, queue)].addr;
	} else {
		match_speak_for(acd, ci, c);
	}
	send_reserve(acd, ci, q, to);
	return true;
}

/* The freed agent's view: the best head among all that its class can take. */
static uint32_t best_need(struct acd *acd, uint32_t cls)
{
	const struct cls *c = &acd->classes[cls];
	uint32_t best = NIL;

	for (uint32_t k = 0; k < c->links_n; k++) {
		uint32_t d = acd->links[(size_t)cls * acd->needs_n + k].need;
		if (cls_best(acd, cls, d) == NIL || !need_has_demand(acd, d))
			continue;
		if (best == NIL ||
		    key_less_weighted(
			acd, &acd->queues[acd->needs[d].queues.root].key, acd->needs[d].weight,
			&acd->queues[acd->needs[best].queues.root].key, acd->needs[best].weight))
			best = d;
	}
	return best;
}

/* The queue whose head is the best caller waiting here that the class can take; NIL: none. */
static uint32_t best_here(const struct acd *acd, uint32_t cls)
{
	uint32_t best = NIL;
	struct key first = {0};

	for (uint32_t k = 0; k < acd->classes[cls].links_n; k++) {
		uint32_t d = acd->links[(size_t)cls * acd->needs_n + k].need;
		for (uint32_t q = acd->needs[d].first_queue; q != NIL; q = acd->queue_next[q]) {
			uint32_t c = acd->queues[q].open_here > 0 ? queue_head(acd, q) : NIL;
			if (c == NIL)
				continue;
			struct key key = mcall_key(&acd->mcalls[c]);
			if (best != NIL &&
			    !key_less_weighted(acd, &key, acd->needs[d].weight, &first,
					       acd->needs[acd->queues[best].need].weight))
				continue;
			best = q;
			first = key;
		}
	}
	return best;
}

void match_here(struct acd *acd, uint32_t ai)
{
	uint32_t cls = acd->magents[ai].cls;

	if (!acd->matching || !acd->unheld ||
	    (acd->wants && want_best(acd, acd->magents[ai].id, acd->classes[cls].has, NIL) != NIL))
		return; /* who is asked for in person comes first */
	uint32_t q = best_here(acd, cls);
	uint32_t ci = q != NIL ? claim_new(acd, acd_id_next(acd)) : NIL;
	if (ci == NIL)
		return;
	match_speak_for(acd, ci, queue_head(acd, q));
	match_reserve(acd, ai, ci, q, acd->self);
}

static void class_clean(struct acd *acd)
{
	uint32_t i = acd->dirty_classes.head;

	acd->dirty_classes.head = acd->classes[i].dirty_next;
	if (acd->dirty_classes.head == NIL)
		acd->dirty_classes.tail = NIL;
	acd->classes[i].dirty = false;
}

static void need_clean(struct acd *acd)
{
	uint32_t d = acd->dirty_needs.head;

	acd->dirty_needs.head = acd->needs[d].dirty_next;
	if (acd->dirty_needs.head == NIL)
		acd->dirty_needs.tail = NIL;
	acd->needs[d].dirty = false;
}

bool match_some(struct acd *acd)
{
	if (!acd->matching || !acd->unheld)
		return false;
	if (acd->wants && want_match(acd))
		return true;
	uint32_t cls = acd->dirty_classes.head;
	if (cls != NIL) {
		uint32_t d = best_need(acd, cls);
		if (d == NIL || !reserve(acd, cls_best(acd, cls, d), acd->needs[d].queues.root))
			class_clean(acd);
		return true;
	}
	uint32_t d = acd->dirty_needs.head;
	if (d == NIL)
		return false;
	uint32_t l = acd->needs[d].links.root;
	if (l == NIL || !need_has_demand(acd, d) ||
	    !reserve(acd, cls_best(acd, acd->links[l].cls, d), acd->needs[d].queues.root))
		need_clean(acd);
	return true;
}
