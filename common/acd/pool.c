/* Needs, classes, links and their heaps: who can take what. Drawn in acd_internal.h. */
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

bool less_magent(const struct acd *acd, uint32_t a, uint32_t b)
{
	const struct magent *x = &acd->magents[a], *y = &acd->magents[b];

	if (x->idle_since != y->idle_since)
		return x->idle_since < y->idle_since;
	return x->session.v < y->session.v;
}

bool less_link(const struct acd *acd, uint32_t a, uint32_t b)
{
	return less_magent(acd, acd->classes[acd->links[a].cls].agents.root,
			   acd->classes[acd->links[b].cls].agents.root);
}

void pool_init(struct acd *acd)
{
	uint32_t n = 0;

	memset(acd->needs, 0, acd->needs_n * sizeof(*acd->needs));
	for (uint32_t q = 0; q < acd->queues_n; q++) {
		struct queue *queue = &acd->queues[q];
		heap_init(&queue->young);
		heap_init(&queue->ripe);
		heap_init(&queue->slots);
		heap_node_init(&queue->node);
		uint32_t d = 0;
		while (d < n && acd->needs[d].skills.bits != queue->conf.skills.bits)
			d++;
		if (d == n) {
			n++;
			acd->needs[d].skills = queue->conf.skills;
			acd->needs[d].first_queue = NIL;
			heap_init(&acd->needs[d].queues);
			heap_init(&acd->needs[d].links);
			acd->needs_mask |= queue->conf.skills.bits;
		}
		queue->need = d;
		acd->queue_next[q] = acd->needs[d].first_queue;
		acd->needs[d].first_queue = q;
	}
	helio_assert(n == acd->needs_n);
	memset(acd->classes, 0, acd->classes_max * sizeof(*acd->classes));
	acd->dirty_needs = acd->dirty_classes = (struct dirty_list){NIL, NIL};
}

/* --- demand --------------------------------------------------------------------------------------
 */

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

uint32_t queue_head(const struct acd *acd, uint32_t q)
{
	uint32_t young = acd->queues[q].young.root, ripe = acd->queues[q].ripe.root;

	if (young == NIL || ripe == NIL)
		return young == NIL ? ripe : young;
	return less_mcall(acd, young, ripe) ? young : ripe;
}

/* The queue's best demand changed: its place among the queues of its need may. */
static void refresh(struct acd *acd, uint32_t q)
{
	struct queue *queue = &acd->queues[q];
	struct heap *h = &acd->needs[queue->need].queues;
	struct key best = {0};
	uint32_t head = queue_head(acd, q);
	bool any = false;

	if (head != NIL) {
		best = mcall_key(&acd->mcalls[head]);
		any = true;
	}
	if (queue->slots.root != NIL) {
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

void pool_call_in(struct acd *acd, uint32_t i)
{
	struct mcall *c = &acd->mcalls[i];
	struct queue *queue = &acd->queues[c->queue];

	c->state = MCALL_WAITING;
	c->claim = NIL;
	heap_insert(acd, HK_MCALL, c->ripe ? &queue->ripe : &queue->young, i);
	refresh(acd, c->queue);
	pool_need_dirty(acd, queue->need);
	advert_caller_came(acd, c->queue);
}

void pool_call_out(struct acd *acd, uint32_t i)
{
	struct mcall *c = &acd->mcalls[i];
	struct queue *queue = &acd->queues[c->queue];

	heap_remove(acd, HK_MCALL, c->ripe ? &queue->ripe : &queue->young, i);
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

/* --- classes -------------------------------------------------------------------------------------
 */

static struct link *link_of(struct acd *acd, uint32_t cls, uint32_t k)
{
	return &acd->links[(size_t)cls * acd->needs_n + k];
}

static uint32_t link_no(const struct acd *acd, uint32_t cls, uint32_t k)
{
	return cls * acd->needs_n + k;
}

static uint64_t class_key(struct acd_skills skills)
{
	uint64_t key = mix64(skills.bits + 1);

	return key ? key : 1; /* 0 is no key of a table */
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
		table_del(&acd->class_by_skills, class_key(acd->classes[i].skills));
		return i;
	}
	return NIL;
}

bool pool_class_of(struct acd *acd, struct acd_skills skills, uint32_t *ret_cls)
{
	struct acd_skills seen = {skills.bits & acd->needs_mask};
	uint32_t i = table_get(&acd->class_by_skills, class_key(seen));

	if (i == NIL) {
		i = freelist_take(&acd->class_free);
		if (i == NIL)
			i = class_evict(acd);
		if (i == NIL)
			return false;
		struct cls *c = &acd->classes[i];
		*c = (struct cls){.skills = seen, .used = true};
		heap_init(&c->agents);
		for (uint32_t d = 0; d < acd->needs_n; d++) {
			if (!skilled(seen, acd->needs[d].skills))
				continue;
			struct link *l = link_of(acd, i, c->links_n++);
			l->cls = i;
			l->need = d;
			heap_node_init(&l->node);
		}
		table_put(&acd->class_by_skills, class_key(seen), i);
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

/* --- idle agents ---------------------------------------------------------------------------------
 */

/* The longest-idle agent of the class is another one now. */
static void links_refresh(struct acd *acd, uint32_t cls)
{
	const struct cls *c = &acd->classes[cls];

	for (uint32_t k = 0; k < c->links_n; k++) {
		struct link *l = link_of(acd, cls, k);
		struct heap *h = &acd->needs[l->need].links;
		if (heap_holds(&l->node))
			heap_remove(acd, HK_LINK, h, link_no(acd, cls, k));
		if (c->agents.root != NIL)
			heap_insert(acd, HK_LINK, h, link_no(acd, cls, k));
	}
}

void pool_agent_in(struct acd *acd, uint32_t i)
{
	struct magent *a = &acd->magents[i];
	struct cls *c = &acd->classes[a->cls];

	a->claim = NIL;
	heap_insert(acd, HK_MAGENT, &c->agents, i);
	if (c->agents.root == i)
		links_refresh(acd, a->cls);
	class_dirty(acd, a->cls);
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
	bool first = c->agents.root == i;

	heap_remove(acd, HK_MAGENT, &c->agents, i);
	if (first)
		links_refresh(acd, a->cls);
	for (uint32_t k = 0; k < c->links_n; k++) {
		uint32_t d = link_of(acd, a->cls, k)->need;
		if (--acd->needs[d].idle == 0)
			advert_idle_changed(acd, d);
	}
}
