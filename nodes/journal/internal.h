/* What the files of the journal share; private to nodes/journal. */
#ifndef HELIO_JOURNAL_INTERNAL_H
#define HELIO_JOURNAL_INTERNAL_H

#include "nodes/journal/entries.h"
#include "nodes/journal/script.h"
#include "common/redis/link.h"

enum {
	/* Redis stands on this machine or in this site. Half a second of silence is a fault, and
	 * after the fault the next attempt must come soon: all is rewritten 1 s after its return.
	 */
	CONNECT_TIMEOUT_MS = 500,
	REPLY_TIMEOUT_MS = 500,
	BACKOFF_MIN_MS = 50,
	BACKOFF_MAX_MS = 200,
	/* Commands under way: 1 MiB at most is left in the socket of a Redis that froze, and it
	 * carries 100,000 writes a second over a round trip of 1 ms. */
	WINDOW = 128,
	/* The safety net: what a dead node leaves is gone ten minutes after its last heartbeat. A
	 * successor asks within seconds; a person who starts a machine by hand, within minutes; and
	 * no caller holds a silent line longer. Numbers and SRTP keys must not lie about for more.
	 */
	TTL_MS = 600 * 1000,
	/* A heartbeat whose reply took longer says too little about the clock of Redis … */
	BEAT_GOOD_US = 20 * 1000,
	/* … unless there has been no better one: clocks drift by 100 ppm, 1 ms in 10 s. */
	BEAT_STALE_US = 10 * 1000 * 1000,
	SHA_SIZE = 41,
};

/* One Redis. */
struct store {
	struct journal *j;
	uint32_t i;   /* link: 0 own, 1 adopter's */
	bool present; /* configured */
	struct redis_link link;
	const char *told; /* trouble that the shell has been told */
	uint64_t gen;     /* the fence: rises with each hello */
	char sha[SHA_SIZE];
	/* beat.c */
	bool beat_in_flight, paired;
	uint64_t beat_next_us, beat_sent_us;
	uint64_t m_us, t_us; /* our clock and that of Redis at one moment */
};

struct load; /* load.c */

struct journal {
	struct store store[JOURNAL_LINKS];
	char node[CONF_NAME_SIZE];
	uint32_t boot;
	char boot_key[RECORD_KEY_SIZE], owner[JOURNAL_OWNER_SIZE];
	uint8_t key[JOURNAL_KEY_LEN];
	struct journal_handlers h;
	void *arg;
	struct entries entries;
	uint64_t seq, now_us;
	bool in_step; /* hiredis must not be flushed from inside its own reply handlers */
	struct load *load;
	uintptr_t load_serial; /* a reply to a load that is over is not looked at */
	struct journal_counters counters;
};

/* journal.c: the links that are meant, one bit each. */
unsigned links_of(const struct journal *j, enum journal_at at);

/* store.c: what is said to one Redis. */
void store_begin(struct store *s, struct journal *j, uint32_t i, const struct conf_endpoint *at,
		const struct conf_login *login);
/* Sends what is queued, as far as the window allows. */
void store_pump(struct store *s);
/* All stores, and to the kernel what it takes now, where nothing is under way: else the next reply
 * carries it along, many writes in one. */
void store_pump_all(struct journal *j);
/* EVALSHA. argv[0] is what to do; gen is put behind it. */
bool store_script(struct store *s, redisCallbackFn *fn, void *arg, int keys_n,
		  const char *const *keys, int argc, const char *const *argv, const size_t *lens);
/* The reply says that this connection must begin again: seen to. True then. */
bool store_refused(struct store *s, const redisReply *r);
/* The reply to whatever was sent of an entry; arg is its index. */
void store_on_entry(redisAsyncContext *ac, void *reply, void *arg);
/* Its latest state is there, unless a newer one is queued. */
void store_acked(struct store *s, uint32_t i);
struct store *store_of(const redisAsyncContext *ac);

/* claim.c */
bool claim_send(struct store *s, uint32_t i);
void claim_reply(struct store *s, uint32_t i, const redisReply *r);
/* What is to be said of this entry over this link, if anything. */
bool claim_is_due(const struct entry *e, uint32_t link);

/* beat.c */
void beat_step(struct store *s);
uint64_t beat_deadline(const struct store *s);

/* load.c */
void load_step(struct journal *j);
uint64_t load_deadline(const struct journal *j);
void load_free(struct journal *j);

#endif
