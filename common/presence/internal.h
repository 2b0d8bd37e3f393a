/* What the files of presence share; private to common/presence. */
#ifndef HELIO_PRESENCE_INTERNAL_H
#define HELIO_PRESENCE_INTERNAL_H

#include "common/presence/held.h"
#include "common/conf/conf.h"

#include <hiredis/async.h>

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

enum conn_state {
	CONN_AWAY, /* next attempt at retry_at */
	CONN_CONNECTING,
	CONN_ASKING, /* is it a master, then script, lease, what it believes of us */
	CONN_UP,
};

struct presence {
	struct conf_redis redis;
	char node[CONF_NAME_SIZE];
	uint32_t boot;
	struct held held;
	struct presence_counters counters;

	redisAsyncContext *ac;
	enum conn_state state;
	bool want_read, want_write;
	bool give_up; /* leave this connection as soon as hiredis has returned */
	bool script_asked;
	char sha[SHA_SIZE];   /* of the script; "" = not loaded on this connection */
	uint32_t at;          /* endpoint tried last */
	uint32_t attempt;     /* since the last time it was up */
	uint32_t outstanding; /* commands without a reply */
	uint64_t now_us;      /* of the last step */
	uint64_t progress_us; /* first unanswered command, or last reply; 0 = stamp it */
	uint64_t connect_until_us, retry_at_us, renew_at_us, lease_sent_us;
};

/* conn.c: the connection and its timers. */
void conn_open(struct presence *p);
void conn_leave(struct presence *p);
/* A command whose reply counts for the timeout; fn is called once, with NULL if it never came.
 * False if the connection takes no more: fn will not be called. */
bool conn_command(struct presence *p, redisCallbackFn *fn, void *arg, int argc,
		  const char *const *argv);
/* To be called first in every reply handler: false if there is nothing to look at. */
bool conn_reply(struct presence *p, const redisReply *r);
/* Hands to the kernel what it takes now; never waits. */
void conn_flush(struct presence *p);

/* write.c: what is said over it. */
void write_hello(struct presence *p);
void write_lease(struct presence *p);
void write_goodbye(struct presence *p);
void write_pump(struct presence *p);

#endif
