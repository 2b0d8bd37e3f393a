/*
 * One connection to Redis on a foreign loop, and the timers that hiredis 0.14 does not have.
 *
 *   AWAY ──retry_at──► CONNECTING ──► ASKING (AUTH, the user's hello) ──redis_link_is_up()──► UP
 *     ▲                    │               │                                                 │
 *     └────────────────────┴─ timeout, error, redis_link_fail() ◄────────────────────────────┘
 *
 * The struct is open so that its user can embed it; its fields are for link.c, except those that
 * say so. Nothing here blocks or waits.
 */
#ifndef HELIO_REDIS_LINK_H
#define HELIO_REDIS_LINK_H

#include "common/conf/conf.h"

#include <hiredis/async.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum redis_link_state { REDIS_AWAY, REDIS_CONNECTING, REDIS_ASKING, REDIS_UP };

struct redis_link_timing {
	uint32_t connect_timeout_ms, reply_timeout_ms;
	uint32_t backoff_min_ms, backoff_max_ms; /* half as much again is added, by name */
};

struct redis_link_handlers {
	/* Connected: say what must be said first, then call redis_link_is_up(). Only from
	 * redis_link_step(). */
	void (*hello_h)(void *arg);
	/* The connection is gone; every reply handler has been called with NULL. May be NULL. */
	void (*gone_h)(void *arg);
};

struct redis_link {
	enum redis_link_state state;           /* for reading */
	uint32_t outstanding;                  /* for reading: commands without a reply */
	uint64_t now_us;                       /* for reading: of the last step */
	uint64_t errors, reconnects, timeouts; /* for reading; the user may add errors */
	/* For reading: what a person must set right, in words, a constant text; NULL: nothing. It
	 * stays until the user says that all is well (redis_link_fine). */
	const char *trouble;

	struct conf_redis redis;
	struct redis_link_timing timing;
	struct redis_link_handlers h;
	void *arg;
	redisAsyncContext *ac;
	bool want_read, want_write;
	bool give_up;         /* leave this connection as soon as hiredis has returned */
	uint32_t spread;      /* of the name */
	uint32_t at;          /* endpoint tried last */
	uint32_t attempt;     /* since the last time it was up */
	uint64_t progress_us; /* first unanswered command, or last reply; 0 = stamp it */
	uint64_t connect_until_us, retry_at_us;
};

/* redis: its `at`, tried in turn, and its login; no endpoint: nowhere, until redis_link_aim().
 * name: spreads the attempts of many
 * processes. Also ignores SIGPIPE if nobody has: hiredis writes with write(2), and a Redis that was
 * killed would kill us. */
void redis_link_init(struct redis_link *l, const struct conf_redis *redis,
		     const struct redis_link_timing *timing, const char *name,
		     const struct redis_link_handlers *h, void *arg, uint64_t now_us);
/* Leaves the connection; pending reply handlers are called with NULL, gone_h is not called. */
void redis_link_deinit(struct redis_link *l);

/* From now on this endpoint and no other, at once: a connection to another one is left. NULL:
 * nowhere. Not from inside a handler. */
void redis_link_aim(struct redis_link *l, const struct conf_endpoint *at);

/* The descriptor may change after each step; -1: none now. */
int redis_link_fd(const struct redis_link *l, short *ret_events);
/* Readiness and timers, then the user's own work, then redis_link_finish(). */
void redis_link_step(struct redis_link *l, short revents, uint64_t now_us);
void redis_link_finish(struct redis_link *l);
uint64_t redis_link_deadline(const struct redis_link *l);

/* A command whose reply counts for the timeout; fn is called once with redis_link_of(ac), with a
 * NULL reply if it never came. lens NULL: texts. At most 16 arguments. False if the connection
 * takes no more: fn will not be called. */
bool redis_link_command(struct redis_link *l, redisCallbackFn *fn, void *arg, int argc,
			const char *const *argv, const size_t *lens);
/* To be called first in every reply handler: false if there is nothing to look at. */
bool redis_link_reply(struct redis_link *l, const redisReply *r);
/* Hands to the kernel what it takes now; never waits. */
void redis_link_flush(struct redis_link *l);

/* The hello is done. */
void redis_link_is_up(struct redis_link *l);
/* UP, and to stay so as far as is known. */
bool redis_link_usable(const struct redis_link *l);
/* What was found there makes a new hello necessary, on the same connection. */
void redis_link_again(struct redis_link *l);
/* Counts an error and leaves this connection at the next step. */
void redis_link_fail(struct redis_link *l);
/* The same, because of this reply: notes the trouble if a person must see to it. */
void redis_link_refused(struct redis_link *l, const redisReply *r);
/* It has worked for a while: there is no trouble. */
void redis_link_fine(struct redis_link *l);

/* In a reply handler: whose it is. */
struct redis_link *redis_link_of(const redisAsyncContext *ac);

/* An error reply whose text begins so, such as "NOSCRIPT". */
bool redis_error_is(const redisReply *r, const char *prefix);
/* Errors that say something of the server, not of this command: look for another, or wait. */
bool redis_server_unfit(const redisReply *r);
/* Text i of an array reply; "" if there is none. */
const char *redis_text_at(const redisReply *r, size_t i);

#endif
