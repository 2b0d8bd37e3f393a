/* The one ordered structure of the core; index.h draws it. */
#include "common/acd/acd_internal.h"

static struct hnode *at(const struct heap_family *f, uint32_t i)
{
	return (struct hnode *)(void *)(f->first + (size_t)i * f->stride);
}

void heap_init(struct heap *h)
{
	h->root = h->last = NIL;
	h->n = 0;
}

void heap_node_init(struct hnode *node)
{
	*node = (struct hnode){NIL, NIL, HEAP_OUT};
}

/* The root b becomes the first child of a, which is not greater. */
static void hang(const struct heap_family *f, uint32_t a, uint32_t b)
{
	struct hnode *na = at(f, a), *nb = at(f, b);

	nb->prev = a;
	nb->next = na->child;
	if (na->child != NIL)
		at(f, na->child)->prev = b;
	na->child = b;
}

/* Both are roots; the smaller takes the other as its first child. */
static uint32_t merge(const struct acd *acd, const struct heap_family *f, uint32_t a, uint32_t b)
{
	if (a == NIL)
		return b;
	if (b == NIL)
		return a;
	if (f->less(acd, b, a)) {
		uint32_t t = a;
		a = b;
		b = t;
	}
	hang(f, a, b);
	at(f, a)->next = at(f, a)->prev = NIL;
	return a;
}

/* Two passes: pairs from left to right, then the pairs from right to left. */
static uint32_t merge_children(const struct acd *acd, const struct heap_family *f, uint32_t first)
{
	uint32_t pairs = NIL, root = NIL;

	while (first != NIL) {
		uint32_t a = first, b = at(f, a)->next;
		first = b == NIL ? NIL : at(f, b)->next;
		at(f, a)->next = at(f, a)->prev = NIL;
		if (b != NIL)
			at(f, b)->next = at(f, b)->prev = NIL;
		a = merge(acd, f, a, b);
		at(f, a)->next = pairs;
		pairs = a;
	}
	while (pairs != NIL) {
		uint32_t next = at(f, pairs)->next;
		at(f, pairs)->next = NIL;
		root = merge(acd, f, root, pairs);
		pairs = next;
	}
	return root;
}

void heap_insert(struct acd *acd, enum heap_kind kind, struct heap *h, uint32_t i)
{
	const struct heap_family *f = &acd->family[kind];

	helio_assert(!heap_holds(at(f, i)));
	*at(f, i) = (struct hnode){NIL, NIL, NIL};
	if (h->n++ == 0) {
		h->root = h->last = i;
	} else if (f->less(acd, i, h->last)) {
		h->root = merge(acd, f, h->root, i);
	} else {
		hang(f, h->last, i);
		h->last = i;
	}
}

void heap_remove(struct acd *acd, enum heap_kind kind, struct heap *h, uint32_t i)
{
	const struct heap_family *f = &acd->family[kind];
	struct hnode *n = at(f, i);

	helio_assert(heap_holds(n) && h->n > 0);
	uint32_t orphans = merge_children(acd, f, n->child);
	if (h->last == i)
		h->last = orphans != NIL ? orphans : n->prev;
	if (h->root == i) {
		h->root = orphans;
	} else {
		struct hnode *before = at(f, n->prev);
		if (before->child == i)
			before->child = n->next;
		else
			before->next = n->next;
		if (n->next != NIL)
			at(f, n->next)->prev = n->prev;
		h->root = merge(acd, f, h->root, orphans);
	}
	heap_node_init(n);
	h->n--;
	/* Who comes next is mostly not in the cache, and the heap is not looked at again at once.
	 */
	if (h->root != NIL && at(f, h->root)->child != NIL)
		__builtin_prefetch(at(f, at(f, h->root)->child));
}

void heap_update(struct acd *acd, enum heap_kind kind, struct heap *h, uint32_t i)
{
	heap_remove(acd, kind, h, i);
	heap_insert(acd, kind, h, i);
}

/* Walks in pre-order by the links alone, so that the depth of the heap costs no stack. */
void heap_check(const struct acd *acd, enum heap_kind kind, const struct heap *h)
{
	const struct heap_family *f = &acd->family[kind];
	uint32_t seen = 0, i = h->root;
	bool has_last = false;

	if (i == NIL) {
		helio_assert(h->n == 0 && h->last == NIL);
		return;
	}
	helio_assert(at(f, i)->prev == NIL && at(f, i)->next == NIL);
	while (i != NIL) {
		const struct hnode *n = at(f, i);
		seen++;
		has_last |= i == h->last;
		helio_assert(seen <= h->n);
		for (uint32_t c = n->child, left = i; c != NIL; left = c, c = at(f, c)->next) {
			helio_assert(at(f, c)->prev == left);
			helio_assert(!f->less(acd, c, i));
		}
		if (n->child != NIL) {
			i = n->child;
			continue;
		}
		while (i != NIL && at(f, i)->next == NIL) {
			/* to the parent: over the left neighbours to the one whose prev is above */
			uint32_t up = at(f, i)->prev;
			while (up != NIL && at(f, up)->child != i) {
				i = up;
				up = at(f, i)->prev;
			}
			i = up;
		}
		if (i != NIL)
			i = at(f, i)->next;
	}
	helio_assert(seen == h->n && has_last);
}
