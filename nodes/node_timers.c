/*
 * libre's timers in a pairing heap. Its own are one sorted list, walked from the late end for every
 * start: SIP keeps a transaction for 32 s, so at 100 calls a second each short timer walked past
 * thousands of them (a quarter of the node's CPU after seven seconds, and more later). The library
 * calls these functions through its PLT, as it does tmr_jiffies() (node_clock.c).
 *
 *            head ──► ( earliest )            the list of the loop: its head is the root
 *                        │ data: first child
 *                       (a) ─next─ (b) ─next─ (c)    prev: back, or up from a first child
 *
 * Those that are due at the same millisecond run in the order in which they were started: `list`
 * counts the starts. See Fredman, Sedgewick, Sleator, Tarjan, "The Pairing Heap" (1986).
 */
#include "nodes/node_re.h"

#include <stddef.h>

_Static_assert(offsetof(struct tmr, le) == 0, "the element is where the timer begins");

struct list *tmrl_get(void); /* of this thread; exported by libre, but in no header */

static struct tmr *timer_of(struct le *le)
{
	return (struct tmr *)(void *)le;
}

static bool before(struct le *a, struct le *b)
{
	uint64_t at = timer_of(a)->jfs, bt = timer_of(b)->jfs;
	return at != bt ? at < bt : (uintptr_t)a->list < (uintptr_t)b->list;
}

/* Two heaps into one; either may be NULL. */
static struct le *meld(struct le *a, struct le *b)
{
	if (!a || !b)
		return a ? a : b;
	if (before(b, a)) {
		struct le *first = b;
		b = a;
		a = first;
	}
	struct le *child = a->data;
	b->prev = a;
	b->next = child;
	if (child)
		child->prev = b;
	a->data = b;
	return a;
}

static struct le *detach(struct le *le)
{
	if (le)
		le->prev = le->next = NULL;
	return le;
}

/* What is left of a heap without its root: siblings in pairs, then the pairs from the last on. */
static struct le *meld_siblings(struct le *le)
{
	struct le *pairs = NULL, *root = NULL;
	while (le) {
		struct le *a = le, *b = a->next;
		le = b ? b->next : NULL;
		a = meld(detach(a), detach(b));
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		struct le *next = pairs->next;
		root = meld(root, detach(pairs));
		pairs = next;
	}
	return root;
}

static void take_out(struct list *heap, struct tmr *tmr)
{
	struct le *le = &tmr->le, *rest = meld_siblings(le->data);
	if (heap->head == le) {
		heap->head = rest;
	} else {
		if (le->prev->data == le)
			le->prev->data = le->next;
		else
			le->prev->next = le->next;
		if (le->next)
			le->next->prev = le->prev;
		heap->head = meld(heap->head, rest);
	}
	*le = (struct le)LE_INIT;
}

void tmr_start(struct tmr *tmr, uint64_t delay, tmr_h *th, void *arg)
{
	static uintptr_t starts;
	struct list *heap = tmrl_get();
	if (!tmr)
		return;
	if (tmr->th)
		take_out(heap, tmr);
	tmr->th = th;
	tmr->arg = arg;
	if (!th)
		return;
	tmr->jfs = tmr_jiffies() + delay;
	tmr->le = (struct le){.list = (struct list *)++starts};
	heap->head = meld(heap->head, &tmr->le);
}

void tmr_poll(struct list *heap)
{
	const uint64_t now = tmr_jiffies();
	while (heap->head && timer_of(heap->head)->jfs <= now) {
		struct tmr *tmr = timer_of(heap->head);
		tmr_h *th = tmr->th;
		void *arg = tmr->arg;
		take_out(heap, tmr);
		tmr->th = NULL;
		th(arg);
	}
}

/* In milliseconds; 0: there is no timer, 1: one is due. */
uint64_t tmr_next_timeout(struct list *heap)
{
	if (!heap->head)
		return 0;
	const uint64_t now = tmr_jiffies(), at = timer_of(heap->head)->jfs;
	return at > now ? at - now : 1;
}
