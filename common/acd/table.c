/* Index tables: open addressing with linear probing, deletion by shifting back (no tombstones, so
 * the cost does not grow with age). At most half full by construction. A slot holds the key's hash
 * and the index only, so that eight lie in a cache line: the key itself is in the entry, which is
 * looked at next anyway. */
#include "common/acd/acd_internal.h"

static uint32_t hash_of(uint64_t key)
{
	/* Ids are minted one after another: eight of a run lie in one cache line. */
	return (uint32_t)mix64(key >> 3) << 3 | (key & 7);
}

static bool holds(const struct table *t, uint32_t i, uint32_t hash, uint64_t key)
{
	if (t->slot[i].hash != hash)
		return false;
	const unsigned char *p = t->key + (size_t)t->slot[i].value * t->stride;
	return key == (t->narrow ? *(const uint32_t *)(const void *)p
				 : *(const uint64_t *)(const void *)p);
}

uint32_t table_get(const struct table *t, uint64_t key)
{
	uint32_t hash = hash_of(key);

	if (key == 0)
		return NIL;
	for (uint32_t i = hash & t->mask;; i = (i + 1) & t->mask)
		if (t->slot[i].value == NIL || holds(t, i, hash, key))
			return t->slot[i].value;
}

void table_put(struct table *t, uint64_t key, uint32_t value)
{
	uint32_t hash = hash_of(key), i = hash & t->mask;

	helio_assert(key != 0 && t->n <= t->mask / 2);
	while (t->slot[i].value != NIL) {
		helio_assert(!holds(t, i, hash, key));
		i = (i + 1) & t->mask;
	}
	t->slot[i] = (struct table_slot){hash, value};
	t->n++;
}

void table_del(struct table *t, uint64_t key)
{
	uint32_t hash = hash_of(key), hole = hash & t->mask;

	for (;; hole = (hole + 1) & t->mask) {
		helio_assert(t->slot[hole].value != NIL);
		if (holds(t, hole, hash, key))
			break;
	}
	for (uint32_t i = (hole + 1) & t->mask; t->slot[i].value != NIL; i = (i + 1) & t->mask) {
		/* may i move to the hole? only if its home is not between them */
		if (((i - t->slot[i].hash) & t->mask) < ((i - hole) & t->mask))
			continue;
		t->slot[hole] = t->slot[i];
		hole = i;
	}
	t->slot[hole].value = NIL;
	t->n--;
}

uint32_t freelist_take(struct freelist *f)
{
	uint32_t i = f->head;

	if (i == NIL)
		return NIL;
	f->head = f->next[i];
	f->n++;
	return i;
}

void freelist_give(struct freelist *f, uint32_t i)
{
	helio_assert(f->n > 0 && i < f->max);
	f->next[i] = f->head;
	f->head = i;
	f->n--;
}
