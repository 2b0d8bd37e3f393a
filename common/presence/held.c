#include "common/presence/held.h"
#include "common/base/base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int held_init(struct held *h)
{
	memset(h, 0, sizeof(*h));
	h->entry = calloc(HELD_MAX, sizeof(*h->entry));
	h->bucket = malloc(HELD_MAX * sizeof(*h->bucket));
	h->queue = calloc(HELD_MAX, sizeof(*h->queue));
	h->free = HELD_NONE;
	if (!h->entry || !h->bucket || !h->queue) {
		held_deinit(h);
		return ENOMEM;
	}
	memset(h->bucket, 0xff, HELD_MAX * sizeof(*h->bucket));
	return 0;
}

void held_deinit(struct held *h)
{
	free(h->entry);
	free(h->bucket);
	free(h->queue);
	memset(h, 0, sizeof(*h));
}

static uint32_t *bucket_of(const struct held *h, const char *name)
{
	return &h->bucket[hash_str(name) % HELD_MAX];
}

uint32_t held_find(const struct held *h, const char *name)
{
	uint32_t i = *bucket_of(h, name);
	while (i != HELD_NONE && strcmp(h->entry[i].a.name, name))
		i = h->entry[i].next;
	return i;
}

uint32_t held_add(struct held *h, const char *name, enum held_kind kind)
{
	uint32_t i = h->free;
	if (i != HELD_NONE)
		h->free = h->entry[i].next;
	else if (h->fresh < HELD_MAX)
		i = h->fresh++;
	else
		return HELD_NONE;
	struct held_entry *e = &h->entry[i];
	uint32_t *bucket = bucket_of(h, name);
	memset(e, 0, sizeof(*e));
	(void)str_copy(e->a.name, sizeof(e->a.name), name);
	e->kind = kind;
	e->next = *bucket;
	*bucket = i;
	h->used_n++;
	return i;
}

void held_remove(struct held *h, uint32_t i)
{
	struct held_entry *e = &h->entry[i];
	helio_assert(e->kind != HELD_FREE && !e->queued && !e->in_flight);
	uint32_t *at = bucket_of(h, e->a.name);
	while (*at != i)
		at = &h->entry[*at].next;
	*at = e->next;
	e->kind = HELD_FREE;
	e->next = h->free;
	h->free = i;
	h->used_n--;
}

void held_mark(struct held *h, uint32_t i)
{
	struct held_entry *e = &h->entry[i];
	helio_assert(e->kind != HELD_FREE);
	e->dirty = true;
	if (e->in_flight || e->queued)
		return;
	helio_assert(h->queue_n < HELD_MAX);
	h->queue[(h->queue_head + h->queue_n++) % HELD_MAX] = i;
	e->queued = true;
}

uint32_t held_take(struct held *h)
{
	if (h->queue_n == 0)
		return HELD_NONE;
	uint32_t i = h->queue[h->queue_head];
	struct held_entry *e = &h->entry[i];
	h->queue_head = (h->queue_head + 1) % HELD_MAX;
	h->queue_n--;
	e->queued = false;
	e->dirty = false;
	e->in_flight = true;
	return i;
}

void held_back(struct held *h, uint32_t i)
{
	struct held_entry *e = &h->entry[i];
	helio_assert(e->in_flight);
	e->in_flight = false;
	if (e->dirty)
		held_mark(h, i);
}

void held_mark_all(struct held *h)
{
	for (uint32_t i = 0; i < h->fresh; i++)
		if (h->entry[i].kind != HELD_FREE)
			held_mark(h, i);
}
