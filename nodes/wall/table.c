#include "nodes/wall/table.h"

#include <errno.h>
#include <stdlib.h>

enum { BUCKETS = 4096 };

int wall_table_open(struct wall_table *t)
{
	*t = (struct wall_table){0};
	t->buckets = calloc(BUCKETS, sizeof(*t->buckets));
	return t->buckets ? 0 : ENOMEM;
}

void wall_table_clear(struct wall_table *t)
{
	for (uint32_t i = 0; t->buckets && i < BUCKETS; i++) {
		while (t->buckets[i]) {
			struct wall_row *row = t->buckets[i];
			t->buckets[i] = row->next;
			free(row);
		}
	}
	t->oldest = t->newest = NULL;
}

void wall_table_close(struct wall_table *t)
{
	wall_table_clear(t);
	free(t->buckets);
	*t = (struct wall_table){0};
}

static struct wall_row **bucket(const struct wall_table *t, enum wall_kind kind, uint64_t key)
{
	uint64_t h = (key ^ (uint64_t)kind << 56) * 0x9e3779b97f4a7c15ull; /* golden ratio */
	return &t->buckets[h >> 52];
}

struct wall_row *wall_table_find(const struct wall_table *t, enum wall_kind kind, uint64_t key)
{
	struct wall_row *row = *bucket(t, kind, key);
	while (row && (row->kind != kind || row->key != key))
		row = row->next;
	return row;
}

struct wall_row *wall_table_make(struct wall_table *t, enum wall_kind kind, uint64_t key)
{
	struct wall_row *row = wall_table_find(t, kind, key);
	if (row)
		return row;
	row = calloc(1, sizeof(*row));
	if (!row)
		return NULL;
	struct wall_row **at = bucket(t, kind, key);
	row->kind = kind;
	row->key = key;
	row->next = *at;
	*at = row;
	return row;
}

static void unlink_row(struct wall_table *t, struct wall_row *row)
{
	if (!row->version)
		return;
	*(row->older ? &row->older->newer : &t->oldest) = row->newer;
	*(row->newer ? &row->newer->older : &t->newest) = row->older;
	row->older = row->newer = NULL;
}

void wall_table_touch(struct wall_table *t, struct wall_row *row)
{
	unlink_row(t, row);
	row->version = ++t->version;
	row->older = t->newest;
	if (t->newest)
		t->newest->newer = row;
	else
		t->oldest = row;
	t->newest = row;
}

struct wall_row *wall_table_after(const struct wall_table *t, uint64_t version)
{
	if (version == 0)
		return t->oldest;
	struct wall_row *row = t->newest;
	if (!row || row->version <= version)
		return NULL;
	while (row->older && row->older->version > version)
		row = row->older;
	return row;
}
