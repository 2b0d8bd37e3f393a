#include "nodes/journal/entries.h"
#include "common/base/base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_STEP = 512 /* entries grow by a codec or a party more: not each time anew */ };

int entries_init(struct entries *s)
{
	memset(s, 0, sizeof(*s));
	s->entry = calloc(JOURNAL_ENTRIES_MAX, sizeof(*s->entry));
	s->bucket = malloc(JOURNAL_ENTRIES_MAX * sizeof(*s->bucket));
	bool ok = s->entry && s->bucket;
	for (uint32_t i = 0; i < JOURNAL_LINKS; i++) {
		s->queue[i].at = calloc(JOURNAL_ENTRIES_MAX, sizeof(uint32_t));
		ok = ok && s->queue[i].at;
	}
	if (!ok) {
		entries_deinit(s);
		return ENOMEM;
	}
	memset(s->bucket, 0xff, JOURNAL_ENTRIES_MAX * sizeof(*s->bucket));
	s->free = s->oldest = s->youngest = ENTRY_NONE;
	return 0;
}

void entries_deinit(struct entries *s)
{
	for (uint32_t i = 0; i < s->fresh; i++) {
		free(s->entry[i].sealed);
		free(s->entry[i].claim);
	}
	free(s->entry);
	free(s->bucket);
	for (uint32_t i = 0; i < JOURNAL_LINKS; i++)
		free(s->queue[i].at);
	memset(s, 0, sizeof(*s));
}

/* Ids are address, boot and a running number: the lower bits differ most, the others are spread. */
static uint32_t *bucket_of(const struct entries *s, struct record_ref ref)
{
	uint64_t h = (ref.id ^ (uint64_t)ref.kind << 63) * 0x9e3779b97f4a7c15u;
	return &s->bucket[(h >> 32) % JOURNAL_ENTRIES_MAX];
}

uint32_t entry_find(const struct entries *s, struct record_ref ref)
{
	uint32_t i = *bucket_of(s, ref);
	while (i != ENTRY_NONE &&
	       (s->entry[i].ref.id != ref.id || s->entry[i].ref.kind != ref.kind))
		i = s->entry[i].next;
	return i;
}

uint32_t entry_add(struct entries *s, struct record_ref ref, enum entry_state state)
{
	uint32_t i = s->free;
	if (i != ENTRY_NONE)
		s->free = s->entry[i].next;
	else if (s->fresh < JOURNAL_ENTRIES_MAX)
		i = s->fresh++;
	else
		return ENTRY_NONE;
	struct entry *e = &s->entry[i];
	uint32_t *bucket = bucket_of(s, ref);
	memset(e, 0, sizeof(*e));
	e->ref = ref;
	e->state = state;
	e->older = e->younger = ENTRY_NONE;
	e->next = *bucket;
	*bucket = i;
	s->used_n++;
	s->live_n += state != ENTRY_DEL;
	return i;
}

void entry_revive(struct entries *s, uint32_t i)
{
	s->live_n += s->entry[i].state == ENTRY_DEL;
	s->entry[i].state = ENTRY_PUT;
}

static void entry_remove(struct entries *s, uint32_t i)
{
	struct entry *e = &s->entry[i];
	helio_assert(e->state == ENTRY_DEL && !e->waiting && !e->bare);
	uint32_t *at = bucket_of(s, e->ref);
	while (*at != i)
		at = &s->entry[*at].next;
	*at = e->next;
	free(e->sealed);
	free(e->claim);
	memset(e, 0, sizeof(*e));
	e->next = s->free;
	s->free = i;
	s->used_n--;
}

int entry_reserve(struct entry *e, size_t len)
{
	if (len <= e->cap)
		return 0;
	size_t cap = (len + ROOM_STEP - 1) / ROOM_STEP * ROOM_STEP;
	uint8_t *p = realloc(e->sealed, cap);
	if (!p)
		return ENOMEM;
	e->sealed = p;
	e->cap = (uint32_t)cap;
	return 0;
}

void entry_mark(struct entries *s, uint32_t i, uint32_t link)
{
	struct entry_link *at = &s->entry[i].at[link];
	struct entry_queue *q = &s->queue[link];
	at->dirty = true;
	if (at->in_flight || at->queued)
		return;
	helio_assert(q->n < JOURNAL_ENTRIES_MAX);
	q->at[(q->head + q->n++) % JOURNAL_ENTRIES_MAX] = i;
	at->queued = true;
}

void entry_unmark(struct entries *s, uint32_t i, uint32_t link)
{
	s->entry[i].at[link].dirty = false; /* its place in the queue is skipped */
}

uint32_t entry_take(struct entries *s, uint32_t link)
{
	struct entry_queue *q = &s->queue[link];
	while (q->n > 0) {
		uint32_t i = q->at[q->head];
		struct entry_link *at = &s->entry[i].at[link];
		q->head = (q->head + 1) % JOURNAL_ENTRIES_MAX;
		q->n--;
		at->queued = false;
		if (at->dirty) {
			at->dirty = false;
			at->in_flight = true;
			return i;
		}
		entry_settle(s, i);
	}
	return ENTRY_NONE;
}

void entry_back(struct entries *s, uint32_t i, uint32_t link)
{
	struct entry_link *at = &s->entry[i].at[link];
	helio_assert(at->in_flight);
	at->in_flight = false;
	if (at->dirty)
		entry_mark(s, i, link);
}

void entry_settle(struct entries *s, uint32_t i)
{
	const struct entry *e = &s->entry[i];
	if (e->state != ENTRY_DEL)
		return;
	for (uint32_t l = 0; l < JOURNAL_LINKS; l++)
		if (e->at[l].queued || e->at[l].in_flight)
			return;
	entry_remove(s, i);
}

/* Unprotected: held, not in the own Redis, and nobody waits for that any more. */
static void judge(struct entries *s, struct entry *e)
{
	bool bare = e->state == ENTRY_PUT && !e->waiting && !e->at[0].acked;
	if (bare != e->bare)
		s->bare_n += bare ? 1u : UINT32_MAX;
	e->bare = bare;
}

void entry_acked(struct entries *s, uint32_t i, uint32_t link, bool yes)
{
	s->entry[i].at[link].acked = yes;
	judge(s, &s->entry[i]);
}

void entry_wait(struct entries *s, uint32_t i, uint64_t now_us)
{
	struct entry *e = &s->entry[i];
	if (!e->waiting) {
		e->put_us = now_us;
		e->waiting = true;
		e->older = s->youngest;
		e->younger = ENTRY_NONE;
		*(s->youngest == ENTRY_NONE ? &s->oldest : &s->entry[s->youngest].younger) = i;
		s->youngest = i;
	}
	judge(s, e);
}

void entry_wait_end(struct entries *s, uint32_t i)
{
	struct entry *e = &s->entry[i];
	if (e->waiting) {
		e->waiting = false;
		*(e->older == ENTRY_NONE ? &s->oldest : &s->entry[e->older].younger) = e->younger;
		*(e->younger == ENTRY_NONE ? &s->youngest : &s->entry[e->younger].older) = e->older;
	}
	judge(s, e);
}

void entry_drop(struct entries *s, uint32_t i)
{
	struct entry *e = &s->entry[i];
	s->live_n -= e->state != ENTRY_DEL;
	e->state = ENTRY_DEL;
	free(e->claim);
	e->claim = NULL;
	entry_wait_end(s, i);
	for (uint32_t l = 0; l < JOURNAL_LINKS; l++)
		entry_unmark(s, i, l);
}
