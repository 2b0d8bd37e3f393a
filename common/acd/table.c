/* Index tables: open addressing with linear probing, deletion by shifting back (no tombstones, so
 * the cost does not grow with age). At most half full by construction. */
#include "common/acd/acd_internal.h"

static uint32_t home(const struct table *t, uint64_t key)
{
	/* Ids are minted one after another: four of a run lie in one cache line. */
	return ((uint32_t)mix64(key >> 2) << 2 | (key & 3)) & t->mask;
}

uint32_t table_get(const struct table *t, uint64_t key)
{
	if (key == 0)
		return NIL;
	for (uint32_t i = home(t, key);; i = (i + 1) & t->mask) {
		if (t->slot[i].key == key)
			return t->slot[i].value;
		if (t->slot[i].key == 0)
			return NIL;
	}
}

void table_put(struct table *t, uint64_t key, uint32_t value)
{
	helio_assert(key != 0 && t->n <= t->mask / 2);
	uint32_t i = home(t, key);
	while (t->slot[i].key != 0) {
		helio_assert(t->slot[i].key != key);
		i = (i + 1) & t->mask;
	}
	t->slot[i].key = key;
	t->slot[i].value = value;
	t->n++;
}

void table_del(struct table *t, uint64_t key)
{
	uint32_t hole = home(t, key);

	while (t->slot[hole].key != key) {
		helio_assert(t->slot[hole].key != 0);
		hole = (hole + 1) & t->mask;
	}
	for (uint32_t i = (hole + 1) & t->mask; t->slot[i].key != 0; i = (i + 1) & t->mask) {
		uint32_t wanted = home(t, t->slot[i].key);
		/* may i move to the hole? only if its home is not between them */
		if (((i - wanted) & t->mask) < ((i - hole) & t->mask))
			continue;
		t->slot[hole].key = t->slot[i].key;
		t->slot[hole].value = t->slot[i].value;
		hole = i;
	}
	t->slot[hole].key = 0;
	t->slot[hole].value = 0;
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
