/* How entries are found: in order (heap.c), by a key (table.c), and free ones (table.c).
 * What the entries are is theirs; here they are numbers. */
#ifndef HELIO_ACD_INDEX_H
#define HELIO_ACD_INDEX_H

#include "common/acd/acd.h"
#include "common/base/base.h"

#define NIL UINT32_MAX /* no index */

/* heap.c. One intrusive pairing heap serves everything that is ordered: timers, callers of a queue,
 * idle agents of a class, and so on. Nodes lie inside the entries, so nothing is allocated; insert
 * and top are O(1), removal of any entry O(log n) amortised.
 *
 * Most entries come in their order (deadlines, callers, agents by the time since when they are
 * idle): who comes after the last such one is hung below it. The tree is a path then, and the next
 * one is found without a comparison or a look at any other entry.
 *
 *      root ──child──► first ──next──► second ──next──► …      prev: left neighbour, or the parent
 */
struct hnode {
	uint32_t child, next, prev; /* prev == HEAP_OUT: in no heap */
};
#define HEAP_OUT (UINT32_MAX - 1)

struct heap {
	uint32_t root, n;
	uint32_t last; /* any entry, as a rule the greatest: the next one may belong below it */
};

enum heap_kind {
	HK_TIMER,
	HK_MCALL,
	HK_SLOT,
	HK_QUEUE,
	HK_LINK,
	HK_MAGENT,
	HK_COUNT = HK_MAGENT + 5 /* one for each enum order */
};

/* Where the nodes of a kind lie, and their order. */
struct heap_family {
	unsigned char *first; /* hnode of entry 0 */
	size_t stride;
	bool (*less)(const struct acd *acd, uint32_t a, uint32_t b);
};

void heap_init(struct heap *h);
void heap_node_init(struct hnode *node);
static inline bool heap_holds(const struct hnode *node)
{
	return node->prev != HEAP_OUT;
}
void heap_insert(struct acd *acd, enum heap_kind kind, struct heap *h, uint32_t i);
void heap_remove(struct acd *acd, enum heap_kind kind, struct heap *h, uint32_t i);
/* After the key of i changed. */
void heap_update(struct acd *acd, enum heap_kind kind, struct heap *h, uint32_t i);
/* Asserts order and links of the whole heap. */
void heap_check(const struct acd *acd, enum heap_kind kind, const struct heap *h);

/* table.c: 64-bit key -> index, open addressing; and lists of free entries */
struct table_slot {
	uint32_t hash;
	uint32_t value; /* NIL: empty */
};
struct table {
	struct table_slot *slot;
	const unsigned char *key; /* of entry 0: in the entry for as long as it is in the table … */
	size_t stride;
	bool narrow; /* … of 32 bits, else 64 */
	uint32_t mask, n;
};
uint32_t table_get(const struct table *t, uint64_t key); /* NIL if absent */
void table_put(struct table *t, uint64_t key, uint32_t value);
void table_del(struct table *t, uint64_t key);

struct freelist {
	uint32_t *next;
	uint32_t head, max, n; /* n in use */
};
uint32_t freelist_take(struct freelist *f); /* NIL when full */
void freelist_give(struct freelist *f, uint32_t i);

static inline uint64_t mix64(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ x >> 33;
}

#endif
