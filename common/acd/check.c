/* Every rule of DESIGN §3 that one daemon can see, and the soundness of its structures. */
#include "common/acd/acd_internal.h"

/* L2: nothing that waits for another daemon waits without a timer. */
static void check_call(const struct acd *acd, uint32_t i)
{
	const struct call *c = &acd->calls[i];
	bool with_agent = c->state == ACD_CALL_GRANTED || c->state == ACD_CALL_BRIDGED ||
			  c->state == ACD_CALL_AWAIT_AGENT;

	helio_assert(call_find(acd, c->id) == i);
	helio_assert(c->state > ACD_CALL_NONE && c->state < ACD_CALL_ENDED);
	helio_assert(c->parties_n == (with_agent ? 1 : 0)); /* S2 */
	helio_assert((c->party.offer.v != 0) == with_agent);
	/* L2. What was set when a queue closed may still fire after it has opened. */
	bool ends = call_max_wait_ms(acd, c) > 0 || call_is_shut(acd, c);
	helio_assert(timer_on(acd, TM_CALL, i) || !(with_agent || ends));
	helio_assert(!timer_on(acd, TM_CALL, i) || with_agent || ends ||
		     acd->queues[c->queue].conf->closed_to != ACD_CLOSED_WAIT);
	helio_assert(c->talked || c->state != ACD_CALL_BRIDGED);
	helio_assert(!c->talked || c->state != ACD_CALL_QUEUED);
	helio_assert((c->cepoch & 63) == addr_ordinal(acd->self.v) || c->cepoch == 0);
	helio_assert(c->queue < acd->queues_n);
#ifndef ACD_MUTATE_GRANT_WHILE_AWAITED
	helio_assert(!c->announced || c->state == ACD_CALL_QUEUED ||
		     (c->state == ACD_CALL_GRANTED && c->group_n + 1 < ACD_GROUP_MAX));
#endif
	helio_assert((c->group == 0) == (c->group_n == 0));
	helio_assert(c->group == 0 ||
		     c->state == ACD_CALL_GRANTED); /* S2: no other once it talks */
	uint32_t members = 0;
	const struct member *m;
	for (uint32_t g = c->group; group_next(acd, &g, &m); members++) {
		helio_assert(m->used && m->call == i && m->party.offer.v != c->party.offer.v);
		helio_assert(timer_on(acd, TM_MEMBER, (uint32_t)(m - acd->members))); /* L2 */
	}
	helio_assert(members == c->group_n && members < ACD_GROUP_MAX);
}

static void check_agent(const struct acd *acd, uint32_t i)
{
	const struct agent *a = &acd->agents[i];
	bool reserved = a->state == ACD_AGENT_RESERVED;
	bool bound = a->state == ACD_AGENT_RINGING || a->state == ACD_AGENT_COMMITTED ||
		     a->state == ACD_AGENT_TALKING;

	helio_assert(table_get(&acd->agent_by_session, a->session.v) == i);
	helio_assert(a->state != ACD_AGENT_OFF && a->state != ACD_AGENT_GRACE);
	helio_assert((a->offer.v != 0) == (reserved || bound)); /* S1 */
	helio_assert(a->bound == bound && (a->call.v != 0) == bound);
	if (a->offer.v)
		helio_assert(agent_of_offer(acd, a->offer) == i);
	helio_assert(timer_on(acd, TM_AGENT, i) ==
		     (reserved || bound || a->state == ACD_AGENT_WRAP)); /* L2 */
	helio_assert(timer_on(acd, TM_GRACE, i) == a->lost);
	helio_assert(a->announced == agent_available(acd, a));
	helio_assert(a->in_vain.v == 0);
	if (a->late.offer.v) {
		helio_assert(a->state == ACD_AGENT_IDLE || reserved);
		helio_assert(a->late.offer.v != a->offer.v);
		helio_assert(agent_of_late(acd, a->late.offer) == i);
	}
	if (a->offer.v && !a->recast) /* S8 */
		helio_assert(skilled(a->has, acd->queues[a->queue].needs));
}

/* S3, as far as both registers are here: what is bridged was committed for the same triple. */
static void check_pair(const struct acd *acd, const struct call *c)
{
	if (c->state != ACD_CALL_BRIDGED || !same_addr(c->party.node, acd->self))
		return;
	uint32_t i = agent_of_offer(acd, c->party.offer);
	if (i == NIL) /* ended there, RELEASE on its way */
		return;
	const struct agent *a = &acd->agents[i];
	helio_assert(a->bound && a->call.v == c->id.v && a->cepoch == c->cepoch);
	helio_assert(a->state == ACD_AGENT_COMMITTED || a->state == ACD_AGENT_TALKING);
}

static void check_registers(const struct acd *acd)
{
	uint32_t calls = 0, agents = 0, offers = 0, late = 0, endings = 0, announced = 0,
		 members = 0;
	uint64_t ended = 0, sum = 0;

	for (uint32_t i = 0; i < acd->call_free.max; i++) {
		const struct call *c = &acd->calls[i];
		if (!c->used)
			continue;
		calls++;
		check_call(acd, i);
		members += c->group_n;
		check_pair(acd, c);
		announced += c->announced;
		sum += c->announced ? announce_hash(c->id.v, c->ann_version) : 0;
	}
	for (uint32_t i = 0; i < acd->agent_free.max; i++) {
		const struct agent *a = &acd->agents[i];
		if (!a->used)
			continue;
		agents++;
		offers += a->offer.v != 0;
		late += a->late.offer.v != 0;
		check_agent(acd, i);
		announced += a->announced;
		sum += a->announced ? announce_hash(a->session.v, a->ann_version) : 0;
	}
	for (uint32_t i = acd->ending_oldest, before = NIL; i != NIL;
	     before = i, i = acd->endings[i].younger) {
		endings++;
		helio_assert(acd->endings[i].used && acd->endings[i].older == before);
		helio_assert(timer_on(acd, TM_ENDING, i)); /* L2 */
	}
	helio_assert(members == acd->member_free.n);
	helio_assert(calls == acd->call_free.n && calls == acd->call_by_id.n);
	helio_assert(agents == acd->agent_free.n && agents == acd->agent_by_session.n);
	helio_assert(offers == acd->agent_by_offer.n);
	helio_assert(late == acd->agent_by_late.n);
	helio_assert(endings == acd->ending_free.n && endings == acd->ending_by_key.n);
	helio_assert(announced == acd->ann_count && sum == acd->ann_sum);
	for (uint32_t o = 0; o <= ACD_OUTCOME_FAILED; o++)
		ended += acd->ended[o];
	helio_assert(acd->ended[ACD_OUTCOME_NONE] == 0);         /* S4 */
	helio_assert(acd->entered == ended + acd->left + calls); /* S5 */
}

/* Nobody who is wanted in person, and able, stays idle. */
static void check_wanted(const struct acd *acd, uint32_t i)
{
	const struct magent *a = &acd->magents[i];

	if (!acd->wants || !a->free)
		return;
	uint32_t first = table_get(&acd->free_by_agent, a->id.v);
	for (uint32_t s = first; s != i; s = acd->magents_cold[s].also_free)
		helio_assert(s != NIL);
	if (a->asked || !acd->unheld || first != i)
		return;
	helio_assert(want_best(acd, a->id, acd->classes[a->cls].has, NIL) == NIL);
}

static void check_mirror(const struct acd *acd)
{
	uint32_t calls = 0, agents = 0;

	for (uint32_t n = 0; n < acd->mnodes_n; n++) {
		const struct mnode *node = &acd->mnodes[n];
		uint64_t sum = 0;
		uint32_t count = 0;
		for (uint32_t i = node->calls, before = NIL; i != NIL;
		     before = i, i = acd->mcalls[i].next) {
			const struct mcall *c = &acd->mcalls[i];
			helio_assert(c->used && c->mnode == n && c->prev == before);
			helio_assert(heap_holds(&c->node) == (c->state == MCALL_WAITING));
			helio_assert((c->claim == NIL) == (c->state == MCALL_WAITING));
			helio_assert(c->claim == NIL || acd->claims[c->claim].mcall == i);
			if (c->own.v && c->state == MCALL_WAITING)
				helio_assert(table_get(&acd->own_by_agent, c->own.v) != NIL);
			sum += announce_hash(c->id.v, c->version);
			count++;
			calls++;
		}
		for (uint32_t i = node->agents, before = NIL; i != NIL;
		     before = i, i = acd->magents_cold[i].next) {
			const struct magent *a = &acd->magents[i];
			helio_assert(a->used && a->mnode == n);
			helio_assert(acd->magents_cold[i].prev == before);
			helio_assert(a->free == (a->claim == NIL));
			check_wanted(acd, i);
			helio_assert(a->claim == NIL || acd->claims[a->claim].used);
			sum += announce_hash(a->session.v, a->version);
			count++;
			agents++;
		}
		helio_assert(sum == node->sum && count == node->count);
	}
	helio_assert(calls == acd->mcall_free.n && calls == acd->mcall_by_id.n);
	helio_assert(agents == acd->magent_free.n && agents == acd->magent_by_session.n);
	helio_assert(acd->matching || calls + agents == 0);
}

static void check_queue(const struct acd *acd, uint32_t q)
{
	const struct queue *queue = &acd->queues[q];

	heap_check(acd, HK_MCALL, &queue->young);
	heap_check(acd, HK_MCALL, &queue->ripe);
	heap_check(acd, HK_MCALL, &queue->more);
	heap_check(acd, HK_MCALL, &queue->own);
	heap_check(acd, HK_SLOT, &queue->slots);
	helio_assert(heap_holds(&queue->node) ==
		     (queue->open_here > 0 &&
		      (queue_waiting(queue) > 0 || queue->more.n > 0 || queue->slots.root != NIL)));
	for (uint32_t p = 0; p < acd->peers_n; p++) {
		const struct slot *s = &acd->slots[(size_t)q * acd->peers_n + p];
		helio_assert(heap_holds(&s->node) == (s->budget > 0));
	}
}

static void check_matcher(const struct acd *acd)
{
	uint32_t claims = 0, idle = 0;

	for (uint32_t i = 0; i < acd->claims_max; i++) {
		const struct claim *cl = &acd->claims[i];
		if (!cl->used)
			continue;
		claims++;
		helio_assert(table_get(&acd->claim_by_offer, cl->offer.v) == i);
		helio_assert(timer_on(acd, TM_CLAIM, i)); /* L2 */
		helio_assert(cl->mcall == NIL || acd->mcalls[cl->mcall].claim == i);
	}
	helio_assert(claims == acd->claim_free.n && claims == acd->claim_by_offer.n);
	for (uint32_t q = 0; q < acd->queues_n; q++)
		check_queue(acd, q);
	for (uint32_t i = 0; i < acd->classes_max; i++) {
		if (!acd->classes[i].used)
			continue;
		uint32_t most = 0;
		for (uint32_t k = 0; k < ORDER_COUNT; k++) {
			const struct heap *h = &acd->classes[i].agents[k];
			heap_check(acd, (enum heap_kind)(HK_MAGENT + k), h);
			most = h->n > most ? h->n : most;
			helio_assert(h->n == most || !(acd->classes[i].orders >> k & 1));
		}
		idle += most;
	}
	for (uint32_t d = 0; d < acd->needs_n; d++) {
		const struct need *need = &acd->needs[d];
		heap_check(acd, HK_QUEUE, &need->queues);
		heap_check(acd, HK_LINK, &need->links);
		helio_assert(need->idle <= idle && (need->idle > 0) == (need->links.root != NIL));
		/* The matcher's invariant: nobody waits for whom an able agent is idle. */
		if (acd->unheld && !need->dirty && acd->dirty_classes.head == NIL &&
		    need->links.root != NIL)
			for (uint32_t q = need->first_queue; q != NIL; q = acd->queue_next[q])
				helio_assert(acd->queues[q].open_here == 0 ||
					     (queue_waiting(&acd->queues[q]) == 0 &&
					      acd->queues[q].more.n == 0));
	}
}

void acd_check(const struct acd *acd)
{
	helio_assert(acd->out_n <= OUTBOX_MAX);
	heap_check(acd, HK_TIMER, &acd->timers);
	check_registers(acd);
	check_mirror(acd);
	check_matcher(acd);
}
