/*
 * What this node holds and Redis shall know: one entry per agent, so that a newer state replaces an
 * older one that was not written yet, and a queue of entries to write in which each stands once.
 *
 *   put ──► entry.dirty ──► queue ──► in flight ──► reply: clean, or back to the queue if it
 *             ▲                                     changed meanwhile
 *             └── every entry, after a reconnect
 *
 * Private to common/presence. All memory is taken at the start.
 */
#ifndef HELIO_PRESENCE_HELD_H
#define HELIO_PRESENCE_HELD_H

#include "common/presence/presence.h"

/* Sessions of a full node several times over: entries of those who left stay until Redis knows. */
enum { HELD_MAX = 8192 };
#define HELD_NONE UINT32_MAX

enum held_kind {
	HELD_FREE,
	HELD_PUT,   /* the agent is here: write all of it */
	HELD_DROP,  /* has left: write that, then forget the entry */
	HELD_SWEEP, /* Redis says it is here and it is not (we died): read, then drop */
};

struct held_entry {
	struct presence_agent a;
	enum held_kind kind;
	bool queued, in_flight, dirty;
	uint32_t next; /* same bucket, or next free */
};

struct held {
	struct held_entry *entry; /* HELD_MAX */
	uint32_t *bucket, *queue; /* HELD_MAX each */
	uint32_t queue_head, queue_n, free, used_n, fresh;
};

int held_init(struct held *h);
void held_deinit(struct held *h);
/* HELD_NONE if there is none. */
uint32_t held_find(const struct held *h, const char *name);
/* A new entry of that name, which must not be there; HELD_NONE when full. */
uint32_t held_add(struct held *h, const char *name, enum held_kind kind);
void held_remove(struct held *h, uint32_t i);
/* It must be written: now if nothing of it is under way, else after that. */
void held_mark(struct held *h, uint32_t i);
/* The next to write, which is then in flight; HELD_NONE if the queue is empty. */
uint32_t held_take(struct held *h);
/* What was in flight came back (or never will): queued again if marked meanwhile. */
void held_back(struct held *h, uint32_t i);
/* Everything is to be written again. */
void held_mark_all(struct held *h);

#endif
