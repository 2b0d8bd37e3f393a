/*
 * Where the master is, by what the Sentinels say.
 *
 *   Sentinel 1 ──ask each second──► address, epoch ──tunnels:──► master
 *   Sentinel 2     (the next one if this one does not answer, does not know, lags behind, or the
 *   Sentinel 3      user found that its answer is no good: redis_sentinel_doubt)
 *
 * Asked rather than subscribed to: a subscription that has died in silence says what a quiet day
 * says, and a question a second costs a Sentinel nothing.
 *
 * A Sentinel that was frozen or cut off names the master of long ago, and that one, thawed, calls
 * itself a master until the others have told it better. The epoch of the configuration rises with
 * each failover, so an answer below the highest epoch seen is passed over, unless more than half of
 * the Sentinels say so and none of them better (they were set up anew).
 *
 * Not thread-safe, never blocks. The struct is open so that its user can embed it.
 */
#ifndef HELIO_REDIS_SENTINEL_H
#define HELIO_REDIS_SENTINEL_H

#include "common/redis/link.h"

struct redis_sentinel {
	struct redis_link link; /* for reading */
	/* For reading: as redis_link.trouble, of what they said. */
	const char *trouble;
	char announced[CONF_HOST_SIZE + 8]; /* for reading: host:port as the Sentinel says it */
	uint64_t switches;                  /* for reading: how often it was another one */

	struct conf_redis conf;
	struct conf_endpoint master, said; /* said: by the answer whose epoch is awaited */
	bool known;
	bool said_ok;
	uint64_t epoch;
	uint32_t behind; /* bit i: Sentinel i was passed over since the last answer that was not */
	uint64_t ask_at_us;
};

/* conf: sentinels, master, tunnels, login. */
void redis_sentinel_init(struct redis_sentinel *s, const struct conf_redis *conf, const char *name,
			 uint64_t now_us);
void redis_sentinel_deinit(struct redis_sentinel *s);
/* The descriptor is that of s->link. */
void redis_sentinel_step(struct redis_sentinel *s, short revents, uint64_t now_us);
uint64_t redis_sentinel_deadline(const struct redis_sentinel *s);
/* What to connect to; NULL: not known yet. */
const struct conf_endpoint *redis_sentinel_master(const struct redis_sentinel *s);
/* There is no master at that address: ask the next Sentinel. */
void redis_sentinel_doubt(struct redis_sentinel *s);

#endif
