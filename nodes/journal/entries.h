/*
 * What is held here and both Redis shall know. One entry per (kind, id), sealed once; for each of
 * the two links a queue of entries to send, in which each stands once.
 *
 *   put ──► dirty, queued ──► in flight ──► reply: acked, or queued again if it changed meanwhile
 *             ▲                                │
 *             └── all of them, after a hello ◄─┘ connection gone: no entry is acked there
 *
 * Entries whose put waits for the own Redis stand in a list by age, the oldest first.
 * Private to nodes/journal.
 */
#ifndef HELIO_JOURNAL_ENTRIES_H
#define HELIO_JOURNAL_ENTRIES_H

#include "nodes/journal/record.h"

#define ENTRY_NONE UINT32_MAX

enum entry_state {
	ENTRY_FREE,
	ENTRY_PUT,
	ENTRY_DEL,   /* forgotten as soon as nothing of it is queued or in flight */
	ENTRY_CLAIM, /* ours if the arbiter says so */
};

enum entry_op { OP_PUT, OP_DEL, OP_CLAIM };

struct entry_claim {
	char node[RECORD_KEY_SIZE];
	uint32_t boot;
	uint64_t cepoch;
	uint32_t arbiter;        /* link */
	bool due[JOURNAL_LINKS]; /* has not been said there */
	journal_claimed_h *claimed_h;
	void *arg;
};

struct entry {
	struct record_ref ref;
	enum entry_state state;
	uint64_t cepoch, put_us;
	uint8_t *sealed;
	uint32_t len, cap;
	struct entry_claim *claim; /* until every link knows */
	struct entry_link {
		bool queued, in_flight, dirty, acked;
		enum entry_op op; /* in flight */
	} at[JOURNAL_LINKS];
	bool waiting, bare; /* in the list by age; counted as unprotected */
	uint32_t older, younger;
	uint32_t next; /* same bucket, or next free */
};

struct entries {
	struct entry *entry; /* JOURNAL_ENTRIES_MAX */
	uint32_t *bucket;    /* the same */
	struct entry_queue {
		uint32_t *at; /* the same */
		uint32_t head, n;
	} queue[JOURNAL_LINKS];
	uint32_t free, fresh, used_n, oldest, youngest;
	uint32_t live_n, bare_n; /* not ENTRY_DEL; of these, unprotected */
};

int entries_init(struct entries *s);
void entries_deinit(struct entries *s);
uint32_t entry_find(const struct entries *s, struct record_ref ref);
/* Must not be there yet; ENTRY_NONE when full. */
uint32_t entry_add(struct entries *s, struct record_ref ref, enum entry_state state);
/* One that was over is held again (its id is put anew before both Redis know of its end). */
void entry_revive(struct entries *s, uint32_t i);
/* Room for len sealed bytes. ENOMEM. */
int entry_reserve(struct entry *e, size_t len);

/* To be sent over this link: now if nothing of it is under way there, else after that. */
void entry_mark(struct entries *s, uint32_t i, uint32_t link);
void entry_unmark(struct entries *s, uint32_t i, uint32_t link);
/* The next to send over this link, which is then in flight; ENTRY_NONE if there is none. */
uint32_t entry_take(struct entries *s, uint32_t link);
/* What was in flight came back (or never will). */
void entry_back(struct entries *s, uint32_t i, uint32_t link);
/* Frees an ENTRY_DEL of which nothing is queued or under way. */
void entry_settle(struct entries *s, uint32_t i);

/* Its latest state is, or is not, in the Redis of this link. Only the own one (0) protects. */
void entry_acked(struct entries *s, uint32_t i, uint32_t link, bool yes);
void entry_wait(struct entries *s, uint32_t i, uint64_t now_us);
void entry_wait_end(struct entries *s, uint32_t i);
/* Neither held for survival nor waited for any more; freed by entry_settle() in its time. */
void entry_drop(struct entries *s, uint32_t i);

#endif
