/* What the files of presence share; private to common/presence. */
#ifndef HELIO_PRESENCE_INTERNAL_H
#define HELIO_PRESENCE_INTERNAL_H

#include "common/presence/held.h"
#include "common/presence/both.h"
#include "common/redis/sentinel.h"

enum {
	/* A node that died shows its agents for so long; two renewals may fail before. */
	LEASE_MS = 6000,
	RENEW_MS = LEASE_MS / 3,
	/* Three of the longest round trips on earth; a Redis that is slower is as good as gone. */
	CONNECT_TIMEOUT_MS = 1000,
	REPLY_TIMEOUT_MS = 1000,
	BACKOFF_MIN_MS = 100,
	/* "Right again" shall mean seconds after Redis is back. */
	BACKOFF_MAX_MS = 2000,
	/* Commands under way: enough to fill a line of 300 ms with some hundred writes a second,
	 * few enough that what a frozen Redis finds in its socket is little. */
	WINDOW = 64,
	KEY_SIZE = 64,
	SHA_SIZE = 41,
};

struct presence {
	struct redis_link link;
	/* With Sentinels; else NULL, and link goes round the servers of the configuration. */
	struct redis_sentinel *sentinel;
	struct both *both;
	const char *told; /* trouble that the shell has been told */
	char node[CONF_NAME_SIZE];
	uint32_t boot;
	struct held held;
	struct presence_counters counters;
	bool script_asked;
	char sha[SHA_SIZE]; /* of the script; "" = not loaded on this connection */
	uint64_t renew_at_us, lease_sent_us;
};

/* write.c: what is said over the connection. The first two are its handlers; arg is the presence.
 */
void write_hello(void *arg);
void write_gone(void *arg);
void write_lease(struct presence *p);
void write_goodbye(struct presence *p);
void write_pump(struct presence *p);

#endif
