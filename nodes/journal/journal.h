/*
 * The survival journal of a node (DESIGN §6): what a successor (the same node restarted, or its
 * neighbour) needs of live calls and sessions, in two Redis: this machine's own and the adopter's.
 *
 *   journal_put ──► held here, latest wins ──┬──► own Redis ──────► acked_h: protected
 *                                            └──► adopter's Redis   (no answer in 20 ms: late_h)
 *
 *   helio:journal:<node>          hash  <boot>   -> where that boot's monotonic clock stood when
 *   helio:journal:<node>:<boot>   hash  gen      -> fence: which connection may write
 *                                       v:c:<id> -> sealed value (c call, s session; id 16 hex)
 *                                       r:c:<id> -> register "<cepoch> <owner node/boot>"
 *
 * Nothing here blocks or fails because a Redis is frozen, killed, emptied or absent: what is held
 * is written again whole once it answers. Loop-agnostic: the shell polls the two descriptors and
 * calls journal_step(). All handlers are called from journal_step() only; they may call anything
 * here but journal_step() and journal_close().
 */
#ifndef HELIO_JOURNAL_H
#define HELIO_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conf_endpoint;
struct conf_login;
struct journal;

enum journal_kind { JOURNAL_CALL = 1, JOURNAL_SESSION = 2 };

/* A Redis, or a set of them. Where there is no adopter, or its Redis is our own (two nodes on one
 * machine), JOURNAL_ADOPTER means the own one. */
enum journal_at { JOURNAL_OWN = 1, JOURNAL_ADOPTER = 2, JOURNAL_BOTH = 3 };

enum {
	JOURNAL_LINKS = 2, /* descriptor 0: own Redis, 1: adopter's */
	JOURNAL_KEY_LEN = 32,
	JOURNAL_DATA_MAX = 8192,     /* a dialog is 6 KiB at most; state and SRTP keys beside it */
	JOURNAL_ENTRIES_MAX = 16384, /* held at once: several times the calls of a full node */
	JOURNAL_ACK_MS = 20,         /* what a caller may wait for protection (DESIGN §6) */
	JOURNAL_BEAT_MS = 100,       /* a sixth of the time in which a dead neighbour is noticed */
	JOURNAL_BOOTS_MAX = 8,       /* earlier boots looked at: a node in a crash loop */
	JOURNAL_OWNER_SIZE = 48,
};

struct journal_handlers {
	/* The latest put of this entry is in the own Redis; rtt_us since that put. */
	void (*acked_h)(enum journal_kind kind, uint64_t id, uint64_t rtt_us, void *arg);
	/* It is not there JOURNAL_ACK_MS after the put, or is known not to get there now: go on
	 * without (the 200 OK is sent). acked_h may still come. */
	void (*late_h)(enum journal_kind kind, uint64_t id, void *arg);
	/* Redis refused a write: this entry has been adopted (owner, cepoch). It is no longer held
	 * here. What was ours is not ours any more: send nothing for it. */
	void (*lost_h)(enum journal_kind kind, uint64_t id, uint64_t cepoch, const char *owner,
		       void *arg);
};

struct journal_conf {
	const struct conf_endpoint *own, *adopter; /* NULL or port 0: none; the same twice: one */
	const struct conf_login *login;            /* at both; NULL: no AUTH */
	const char *node;
	uint32_t boot;                /* fsynced boot number */
	uint8_t key[JOURNAL_KEY_LEN]; /* of the site */
	struct journal_handlers h;    /* each may be NULL */
	void *arg;
};

/* Never blocks, never fails for an absent Redis. EINVAL: no node name; ENOMEM. */
int journal_open(struct journal **ret, const struct journal_conf *conf, uint64_t now_us);
/* What is in Redis stays there until its time is over: a successor may be about to read it. */
struct journal *journal_close(struct journal *j);

/* i < JOURNAL_LINKS. The descriptor may change after every call here; -1: none now. */
int journal_fd(const struct journal *j, uint32_t i, short *ret_events);
/* Another number when descriptor i is another one than before, of the same number perhaps. */
uint64_t journal_fd_serial(const struct journal *j, uint32_t i);
void journal_step(struct journal *j, const short revents[JOURNAL_LINKS], uint64_t now_us);
/* May come nearer by each call here: look again after a put. UINT64_MAX: never. */
uint64_t journal_deadline(const struct journal *j);

/* The entry's whole state now; the latest wins. Data is copied (and sealed). EMSGSIZE; EINVAL (id
 * 0, kind); ESTALE: a smaller cepoch than held; EBUSY: being claimed; ENOSPC, ENOMEM: unprotected.
 */
int journal_put(struct journal *j, enum journal_kind kind, uint64_t id, uint64_t cepoch,
		const void *data, size_t len, uint64_t now_us);
/* Over: forgotten here and in both Redis. Also gives up a claim. ENOENT. */
int journal_del(struct journal *j, enum journal_kind kind, uint64_t id, uint64_t now_us);
/* The latest put is in the own Redis. */
bool journal_is_protected(const struct journal *j, enum journal_kind kind, uint64_t id);
/* What a person must set right at that Redis (a password, an ACL), in words, each time that it is
 * another trouble than before; NULL: nothing new. For one line in a log; holds no secret. */
const char *journal_trouble(struct journal *j, uint32_t i);
bool journal_is_up(const struct journal *j, enum journal_at at);

/* Nothing is queued for it or under way to it; also where it is not up. */
bool journal_is_settled(const struct journal *j, enum journal_at at);

struct journal_counters {
	uint64_t puts, dels; /* asked for */
	uint64_t acks;       /* puts acknowledged by the own Redis */
	uint64_t adopter_acks;
	uint64_t late; /* puts that were not acknowledged in time */
	uint64_t lost, errors, reconnects, timeouts;
	uint64_t tampered;    /* loaded values that did not open */
	uint64_t bytes;       /* sealed, handed to either connection */
	uint64_t last_rtt_us; /* put to acknowledgement, own Redis */
	uint32_t held;
	uint32_t unprotected; /* held now, not in the own Redis and given up waiting for it */
};
void journal_counters(const struct journal *j, struct journal_counters *ret);

/* ---- what a predecessor left ------------------------------------------------------------- */

struct journal_loaded {
	enum journal_kind kind;
	uint64_t id, cepoch;
	uint32_t boot;    /* of the writer */
	const void *data; /* valid during the handler */
	size_t len;
	/* What the writer's monotonic clock would show now. A duration is owner_now_us minus a time
	 * that the writer stored; never compare it with our own clock. */
	uint64_t owner_now_us;
};

struct journal_beat {
	uint32_t boot;
	uint64_t last_now_us; /* a moment of the writer's monotonic clock … */
	uint64_t ago_us;      /* … and how long ago it was, by the clock of Redis alone */
	uint64_t silent_us;   /* since its last heartbeat reached Redis */
};

struct journal_load_result {
	uint32_t entries, tampered;
	bool complete; /* false: the deadline came, or a Redis failed, before all was read */
	uint32_t beats_n;
	struct journal_beat beats[JOURNAL_BOOTS_MAX]; /* latest boot first */
};

struct journal_load_handlers {
	void (*entry_h)(const struct journal_loaded *e, void *arg);
	void (*done_h)(const struct journal_load_result *r,
		       void *arg); /* once, after all entries */
	void *arg;
};

/* Reads what boots of `node` (other than this one) left in the Redis of the set `at`, as far as
 * deadline_ms allows; each (kind, id) is handed over once, in its latest state. Nothing is changed
 * there. EALREADY: one is under way; EINVAL; ENOMEM. */
int journal_load(struct journal *j, enum journal_at at, const char *node, uint32_t deadline_ms,
		 const struct journal_load_handlers *h, uint64_t now_us);

enum journal_verdict {
	JOURNAL_WON,  /* ours now: held here under the new cepoch, in the arbiter's Redis already */
	JOURNAL_LOST, /* another was first */
	JOURNAL_GONE, /* the arbiter does not know it: it has ended */
};
typedef void(journal_claimed_h)(enum journal_kind kind, uint64_t id, enum journal_verdict verdict,
				uint64_t cepoch, const char *owner, void *arg);

struct journal_claim {
	enum journal_kind kind;
	uint64_t id;
	const char *node; /* as loaded: whose it was */
	uint32_t boot;
	uint64_t cepoch;     /* as loaded */
	uint64_t cepoch_new; /* larger: 64·k + own ordinal, so that no two claimants share one */
	const void *data;    /* our state of it, as in journal_put */
	size_t len;
	/* Whose Redis decides: all that may claim must name the same one. It is the adopter's: for
	 * a restarted node JOURNAL_ADOPTER (JOURNAL_OWN if it has none), for its neighbour
	 * JOURNAL_OWN. */
	enum journal_at arbiter;
	journal_claimed_h *claimed_h;
	void *arg;
};
/* Adoption: a compare-and-set on the entry's register. Of all that claim one cepoch exactly one
 * wins. The old owner, if it still lives, is told by lost_h. If the arbiter does not answer, there
 * is no verdict until it does: journal_del() gives up. EINVAL, EEXIST (held here), ENOSPC, ENOMEM,
 * EMSGSIZE. */
int journal_claim(struct journal *j, const struct journal_claim *c, uint64_t now_us);

#endif
