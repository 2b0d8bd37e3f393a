/* Needs, classes, links and their heaps: who can take what. Drawn in pool.h. */
#include "common/acd/acd_internal.h"

#include <string.h>

bool key_less(const struct key *a, const struct key *b)
{
	if (a->priority != b->priority)
		return a->priority < b->priority;
#ifdef ACD_MUTATE_YOUNGEST_FIRST
	if (a->at != b->at)
		return a->at > b->at;
#endif
	if (a->at != b->at)
		return a->at < b->at;
	return a->id < b->id;
}

struct key mcall_key(const struct mcall *c)
{
	return (struct key){.at = c->queued_at, .id = c->id.v, .priority = c->priority};
}

bool less_mcall(const struct acd *acd, uint32_t a, uint32_t b)
{
	struct key x = mcall_key(&acd->mcalls[a]), y = mcall_key(&acd->mcalls[b]);

	return key_less(&x, &y);
}

bool less_slot(const struct acd *acd, uint32_t a, uint32_t b)
{
	return key_less(&acd->slots[a].key, &acd->slots[b].key);
}

bool less_queue(const struct acd *acd, uint32_t a, uint32_t b)
{
	return key_less(&acd->queues[a].key, &acd->queues[b].key);
}

bool less_idle(const struct acd *acd, uint32_t a, uint32_t b)
{
	const struct magent *x = &acd->magents[a], *y = &acd->magents[b];

	if (x->idle_since != y->idle_since)
		return x->idle_since < y->idle_since;
	return x->session.v < y->session.v;
}

bool less_calls(const struct acd *acd, uint32_t a, uint32_t b)
{
	const struct magent *x = &acd->magents[a], *y = &acd->magents[b];

	return x->taken != y->taken ? x->taken < y->taken : less_idle(acd, a, b);
}

bool less_talk(const struct acd *acd, uint32_t a, uint32_t b)
{
	const struct magent_cold *x = &acd->magents_cold[a], *y = &acd->magents_cold[b];

	return x->talk_us != y->talk_us ? x->talk_us < y->talk_us : less_idle(acd, a, b);
}

bool less_turn(const struct acd *acd, uint32_t a, uint32_t b)
{
	const struct magent_cold *x = &acd->magents_cold[a], *y = &acd->magents_cold[b];

	return x->turn_at != y->turn_at ? x->turn_at < y->turn_at : less_idle(acd, a, b);
}

bool less_rank(const struct acd *acd, uint32_t a, uint32_t b)
{
	const struct magent *x = &acd->magents[a], *y = &acd->magents[b];

	return x->rank != y->rank ? x->rank < y->rank : less_idle(acd, a, b);
}

bool less_link(const struct acd *acd, uint32_t a, uint32_t b)
{
	const struct link *x = &acd->links[a], *y = &acd->links[b];
	enum order order = (enum order)acd->needs[x->need].order;

	if (x->score != y->score)
		return x->score > y->score;
	return acd->family[HK_MAGENT + order].less(acd, acd->classes[x->cls].agents[order].root,
						   acd->classes[y->cls].agents[order].root);
}

static uint16_t weight_of(const struct acd_queue_conf *q)
{
	return q->weight ? q->weight : ACD_WEIGHT_ONE;
}

bool key_less_weighted(const struct acd *acd, const struct key *a, uint16_t wa, const struct key *b,
		       uint16_t wb)
{
	if (wa == wb || a->priority != b->priority)
		return key_less(a, b);
	int64_t x = ((int64_t)acd->now - a->at) * wa, y = ((int64_t)acd->now - b->at) * wb;
#ifdef ACD_MUTATE_NO_WEIGHT
	return key_less(a, b);
#endif
	return x != y ? x > y : a->id < b->id;
}

/* Callers who ask for the same of the same kind of hunt are one need. Of one weight, too: then the
 * order of a need's queues does not change with time. */
static bool same_need(const struct acd_relax *a, const struct acd_queue_conf *qa,
		      const struct acd_relax *b, const struct acd_queue_conf *qb)
{
	return qa->strategy == qb->strategy && weight_of(qa) == weight_of(qb) &&
	       a->skills.bits == b->skills.bits &&
	       memcmp(&a->levels, &b->levels, sizeof(a->levels)) == 0;
}

/* The stages of a queue, then its prefs. */
static struct acd_relax stage_of(const struct acd_queue_conf *q, uint32_t k)
{
	struct acd_relax s = {.skills = q->skills, .levels = q->levels};

	if (k > q->relax_n)
		s.skills.bits |= q->pref[k - q->relax_n - 1].bits;
	else if (k > 0)
		s = q->relax[k - 1];
	return s;
}

/* At most that many; a step asked for in two spellings is counted twice, which costs nothing. */
uint32_t pool_needs_count(const struct acd_conf *conf)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < conf->queues_n; i++) {
		const struct acd_queue_conf *q = &conf->queues[i];
		for (uint32_t k = 0; k <= (uint32_t)q->relax_n + q->pref_n; k++) {
			struct acd_relax mine = stage_of(q, k);
			bool before = false;
			for (uint32_t j = 0; j <= i && !before; j++)
				for (uint32_t l = 0; l <= (uint32_t)conf->queues[j].relax_n +
							      conf->queues[j].pref_n;
				     l++) {
					struct acd_relax other = stage_of(&conf->queues[j], l);
					if (j == i && l >= k)
						break;
					before |= same_need(&mine, q, &other, &conf->queues[j]);
				}
			n += !before;
		}
	}
	return n;
}

static enum order order_of(uint8_t strategy)
{
	static const uint8_t orders[ACD_STRATEGY_COUNT] = {
	    [ACD_LONGEST_IDLE] = BY_IDLE, [ACD_FEWEST_CALLS] = BY_CALLS, [ACD_LEAST_TALK] = BY_TALK,
	    [ACD_MOST_SKILLED] = BY_IDLE, [ACD_ROUND_ROBIN] = BY_TURN,   [ACD_LINEAR] = BY_RANK,
	    [ACD_RING_ALL] = BY_IDLE,
	};
	return (enum order)orders[strategy];
}

void pool_init(struct acd *acd)
{
	uint32_t n = 0;

	memset(acd->needs, 0, acd->needs_n * sizeof(*acd->needs));
	for (uint32_t q = 0; q < acd->queues_n; q++) {
		struct queue *queue = &acd->queues[q];
		heap_init(&queue->young);
		heap_init(&queue->ripe);
		heap_init(&queue->more);
		heap_init(&queue->own);
		heap_init(&queue->slots);
		heap_node_init(&queue->node);
		uint32_t d = 0;
		while (d < n && (acd->needs[d].needs.skills != queue->needs.skills ||
				 acd->needs[d].needs.steps != queue->needs.steps ||
				 acd->needs[d].strategy != queue->conf->strategy ||
				 acd->needs[d].weight != weight_of(queue->conf)))
			d++;
		if (d == n) {
			n++;
			acd->needs[d].needs = queue->needs;
			acd->needs[d].strategy = queue->conf->strategy;
			acd->needs[d].weight = weight_of(queue->conf);
			acd->needs[d].order = (uint8_t)order_of(queue->conf->strategy);
			acd->needs[d].first_queue = NIL;
			heap_init(&acd->needs[d].queues);
			heap_init(&acd->needs[d].links);
			acd->needs_mask |= queue->needs.skills;
			if (queue->conf->strategy == ACD_MOST_SKILLED)
				acd->score_mask |= queue->needs.skills;
		}
		queue->need = d;
		acd->queue_next[q] = acd->needs[d].first_queue;
		acd->needs[d].first_queue = q;
	}
	helio_assert(n <= acd->needs_n);
	acd->needs_n = n;
	memset(acd->classes, 0, acd->classes_max * sizeof(*acd->classes));
	acd->dirty_needs = acd->dirty_classes = acd->asked = (struct dirty_list){NIL, NIL};
}

/* --- demand ------------------------------------------------------------------------------- */

void pool_need_dirty(struct acd *acd, uint32_t d)
{
	struct need *need = &acd->needs[d];

	if (need->dirty)
		return;
	need->dirty = true;
	need->dirty_next = NIL;
	if (acd->dirty_needs.tail != NIL)
		acd->needs[acd->dirty_needs.tail].dirty_next = d;
	else
		acd->dirty_needs.head = d;
	acd->dirty_needs.tail = d;
}

uint32_t queue_head_waiting(const struct acd *acd, uint32_t q)
{
	uint32_t young = acd->queues[q].young.root, ripe = acd->queues[q].ripe.root;

	if (young == NIL || ripe == NIL)
		return young == NIL ? ripe : young;
	return less_mcall(acd, young, ripe) ? young : ripe;
}

/* Who waits before who rings already. */
uint32_t queue_head(const struct acd *acd, uint32_t q)
{
	uint32_t head = queue_head_waiting(acd, q);

	return head != NIL ? head : acd->queues[q].more.root;
}

static struct heap *heap_of(struct acd *acd, const struct mcall *c)
{
	struct queue *queue = &acd->queues[c->queue];

	if (c->own.v)
		return &queue->own;
	return c->more ? &queue->more : c->ripe ? &queue->ripe : &queue->young;
}

/* The queue's best demand changed: its place among the queues of its need may. */
static void refresh(struct acd *acd, uint32_t q)
{
	struct queue *queue = &acd->queues[q];
	struct heap *h = &acd->needs[queue->need].queues;
	struct key best = {0};
	/* Where it is closed our agents get none of them; other sites may claim them. */
	bool open = queue->open_here > 0, any = false;
	uint32_t head = open ? queue_head(acd, q) : NIL;

	if (head != NIL) {
		best = mcall_key(&acd->mcalls[head]);
		any = true;
	}
	if (open && queue->slots.root != NIL) {
		const struct key *slot = &acd->slots[queue->slots.root].key;
		if (!any || key_less(slot, &best))
			best = *slot;
		any = true;
	}
	if (!any) {
		if (heap_holds(&queue->node))
			heap_remove(acd, HK_QUEUE, h, q);
		return;
	}
	bool same = heap_holds(&queue->node) && !key_less(&best, &queue->key) &&
		    !key_less(&queue->key, &best);
	queue->key = best;
	if (!heap_holds(&queue->node))
		heap_insert(acd, HK_QUEUE, h, q);
	else if (!same)
		heap_update(acd, HK_QUEUE, h, q);
}

void pool_hours_changed(struct acd *acd, uint32_t q)
{
	refresh(acd, q);
	if (acd->queues[q].open_here > 0)
		pool_need_dirty(acd, acd->queues[q].need);
}

void pool_call_in(struct acd *acd, uint32_t i)
{
	struct mcall *c = &acd->mcalls[i];
	struct queue *queue = &acd->queues[c->queue];

	c->state = MCALL_WAITING;
	c->claim = NIL;
	heap_insert(acd, HK_MCALL, heap_of(acd, c), i);
	if (c->own.v) {
		want_call_in(acd, i);
		return;
	}
	refresh(acd, c->queue);
	pool_need_dirty(acd, queue->need);
	if (!c->more)
		advert_caller_came(acd, c->queue);
}

void pool_call_out(struct acd *acd, uint32_t i)
{
	struct mcall *c = &acd->mcalls[i];

	heap_remove(acd, HK_MCALL, heap_of(acd, c), i);
	if (c->own.v) {
		want_call_out(acd, i);
		return;
	}
	refresh(acd, c->queue);
	advert_demand_changed(acd, c->queue);
}

void pool_slot_in(struct acd *acd, uint32_t slot)
{
	uint32_t q = slot / acd->peers_n;

	heap_insert(acd, HK_SLOT, &acd->queues[q].slots, slot);
	refresh(acd, q);
	pool_need_dirty(acd, acd->queues[q].need);
}

void pool_slot_out(struct acd *acd, uint32_t slot)
{
	uint32_t q = slot / acd->peers_n;

	heap_remove(acd, HK_SLOT, &acd->queues[q].slots, slot);
	refresh(acd, q);
}

/* --- classes ------------------------------------------------------------------------------ */

static struct link *link_of(struct acd *acd, uint32_t cls, uint32_t k)
{
	return &acd->links[(size_t)cls * acd->needs_n + k];
}

static uint32_t link_no(const struct acd *acd, uint32_t cls, uint32_t k)
{
	return cls * acd->needs_n + k;
}

static uint64_t class_key(const struct cls *c)
{
	uint64_t key = mix64(c->has.skills + 1);

	if (c->has.steps || c->levels.w[0] || c->levels.w[1] || c->levels.w[2] || c->levels.w[3]) {
		/* not by exclusive or alone: (2, 2) and (3, 1) would be one */
		key = mix64(key * UINT64_C(0x9e3779b97f4a7c15) + c->has.steps);
		for (unsigned i = 0; i < 4; i++)
			key = mix64(key * UINT64_C(0x9e3779b97f4a7c15) + c->levels.w[i]);
	}
	return key ? key : 1; /* 0 is no key of a table */
}

/* What no need can tell apart is one class. */
static struct cls reduced(const struct acd *acd, const struct acd_msg *up)
{
	struct cls c = {.has = able_has(acd, up->skills, up->levels), .used = true};

	c.has.skills &= acd->needs_mask;
	for (unsigned s = 0; s < 64 && acd->score_mask; s++)
		if (acd->score_mask & c.has.skills & UINT64_C(1) << s)
			c.levels.w[s / 16] |= (uint64_t)level_of(up->levels, s) << 4 * (s % 16);
	return c;
}

static bool same_class(const struct cls *a, const struct cls *b)
{
	return a->has.skills == b->has.skills && a->has.steps == b->has.steps &&
	       memcmp(&a->levels, &b->levels, sizeof(a->levels)) == 0;
}

/* A class whose last agent went is kept, for the next agent of its kind comes soon; under pressure
 * the hand takes the first one out of use. */
static uint32_t class_evict(struct acd *acd)
{
	for (uint32_t n = 0; n < acd->classes_max; n++) {
		uint32_t i = acd->class_hand;
		acd->class_hand = (acd->class_hand + 1) % acd->classes_max;
		if (acd->classes[i].refs > 0 || acd->classes[i].dirty)
			continue;
		table_del(&acd->class_by_skills, acd->classes[i].key);
		return i;
	}
	return NIL;
}

static void class_link(struct acd *acd, uint32_t i)
{
	struct cls *c = &acd->classes[i];

	for (uint32_t d = 0; d < acd->needs_n; d++) {
		const struct need *need = &acd->needs[d];
		if (!skilled(c->has, need->needs))
			continue;
		struct link *l = link_of(acd, i, c->links_n++);
		l->cls = i;
		l->need = d;
		l->score = need->strategy == ACD_MOST_SKILLED
			       ? level_score(c->levels, need->needs.skills)
			       : 0;
		c->orders |= (uint8_t)(1u << need->order);
		heap_node_init(&l->node);
	}
}

bool pool_class_of(struct acd *acd, const struct acd_msg *up, uint32_t *ret_cls)
{
	struct cls seen = reduced(acd, up);

	seen.key = class_key(&seen);
	uint32_t i = table_get(&acd->class_by_skills, seen.key);

	if (i != NIL && !same_class(&acd->classes[i], &seen))
		return false; /* two classes with one 64-bit key: never met, but not guessed at */
	if (i == NIL) {
		i = freelist_take(&acd->class_free);
		if (i == NIL)
			i = class_evict(acd);
		if (i == NIL)
			return false;
		acd->classes[i] = seen;
		for (uint32_t k = 0; k < ORDER_COUNT; k++)
			heap_init(&acd->classes[i].agents[k]);
		class_link(acd, i);
		table_put(&acd->class_by_skills, seen.key, i);
	}
	acd->classes[i].refs++;
	*ret_cls = i;
	return true;
}

void pool_class_release(struct acd *acd, uint32_t cls)
{
	helio_assert(acd->classes[cls].refs > 0);
	acd->classes[cls].refs--;
}

static void class_dirty(struct acd *acd, uint32_t i)
{
	struct cls *c = &acd->classes[i];

	if (c->dirty)
		return;
	c->dirty = true;
	c->dirty_next = NIL;
	if (acd->dirty_classes.tail != NIL)
		acd->classes[acd->dirty_classes.tail].dirty_next = i;
	else
		acd->dirty_classes.head = i;
	acd->dirty_classes.tail = i;
}

/* --- idle agents -------------------------------------------------------------------------- */

/* The first agent of the class, in the order that its needs look at it, is another one now. */
static void links_refresh(struct acd *acd, uint32_t cls, uint32_t orders)
{
	const struct cls *c = &acd->classes[cls];

	for (uint32_t k = 0; k < c->links_n; k++) {
		struct link *l = link_of(acd, cls, k);
		struct need *need = &acd->needs[l->need];
		if (!(orders >> need->order & 1))
			continue;
		if (heap_holds(&l->node))
			heap_remove(acd, HK_LINK, &need->links, link_no(acd, cls, k));
		if (c->agents[need->order].root != NIL)
			heap_insert(acd, HK_LINK, &need->links, link_no(acd, cls, k));
	}
}

void pool_agent_in(struct acd *acd, uint32_t i)
{
	struct magent *a = &acd->magents[i];
	struct cls *c = &acd->classes[a->cls];
	uint32_t first = 0;

	a->claim = NIL;
	a->free = true;
	for (uint32_t k = 0; k < ORDER_COUNT; k++) {
		if (!(c->orders >> k & 1))
			continue;
		heap_insert(acd, (enum heap_kind)(HK_MAGENT + k), &c->agents[k], i);
		first |= (uint32_t)(c->agents[k].root == i) << k;
	}
	if (first)
		links_refresh(acd, a->cls, first);
	class_dirty(acd, a->cls);
	want_agent_in(acd, i);
	acd->idle++;
	for (uint32_t k = 0; k < c->links_n; k++) {
		uint32_t d = link_of(acd, a->cls, k)->need;
		if (acd->needs[d].idle++ == 0)
			advert_idle_changed(acd, d);
	}
}

void pool_agent_out(struct acd *acd, uint32_t i)
{
	struct magent *a = &acd->magents[i];
	struct cls *c = &acd->classes[a->cls];
	uint32_t first = 0;

	a->free = false;
	want_agent_out(acd, i);
	for (uint32_t k = 0; k < ORDER_COUNT; k++) {
		if (!(c->orders >> k & 1))
			continue;
		first |= (uint32_t)(c->agents[k].root == i) << k;
		heap_remove(acd, (enum heap_kind)(HK_MAGENT + k), &c->agents[k], i);
	}
	if (first)
		links_refresh(acd, a->cls, first);
	acd->idle--;
	for (uint32_t k = 0; k < c->links_n; k++) {
		uint32_t d = link_of(acd, a->cls, k)->need;
		if (--acd->needs[d].idle == 0)
			advert_idle_changed(acd, d);
	}
}
