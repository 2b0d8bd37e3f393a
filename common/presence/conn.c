/*
 * One connection to Redis, and the timers that hiredis does not have.
 *
 *   AWAY ──retry_at──► CONNECTING ──► ASKING (role? script, lease, set) ──► UP
 *     ▲                    │               │                                │
 *     └────────────────────┴── timeout, error, not a master ◄───────────────┘
 *
 * A Redis that is frozen still accepts connections (the kernel does it), so only replies prove that
 * it lives. What was under way when a connection was left may yet be executed, even after newer
 * writes of the next connection: that is why each write is conditional (write.c).
 */
#include "common/presence/internal.h"
#include "common/base/base.h"

#include <string.h>

static void add_read(void *arg)
{
	((struct presence *)arg)->want_read = true;
}

static void del_read(void *arg)
{
	((struct presence *)arg)->want_read = false;
}

static void add_write(void *arg)
{
	((struct presence *)arg)->want_write = true;
}

static void del_write(void *arg)
{
	((struct presence *)arg)->want_write = false;
}

static void cleanup(void *arg)
{
	struct presence *p = arg;
	p->want_read = p->want_write = false;
}

/* Doubled at each failure, and spread by name, so that a whole site does not knock at once. */
static uint64_t backoff_us(const struct presence *p)
{
	uint32_t ms = BACKOFF_MIN_MS;
	/* A round through all endpoints is one attempt. */
	for (uint32_t i = p->attempt / p->redis.n; i > 0 && ms < BACKOFF_MAX_MS; i--)
		ms *= 2;
	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	return (ms + (hash_str(p->node) + p->attempt * 37u) % (ms / 2)) * 1000ull;
}

/* The connection is gone, whoever ended it. All that is held is written again on the next one. */
static void away(struct presence *p)
{
	p->ac = NULL;
	p->state = CONN_AWAY;
	p->give_up = p->script_asked = p->want_read = p->want_write = false;
	p->sha[0] = '\0';
	p->outstanding = 0;
	p->at = (p->at + 1) % p->redis.n;
	p->retry_at_us = p->now_us + backoff_us(p);
	if (p->attempt < UINT32_MAX / 64)
		p->attempt++;
}

static void on_disconnect(const redisAsyncContext *ac, int status)
{
	(void)status;
	struct presence *p = ac->data;
	if (p->ac == ac)
		away(p);
}

static void on_connect(const redisAsyncContext *ac, int status)
{
	struct presence *p = ac->data;
	if (p->ac != ac)
		return;
	if (status != REDIS_OK) {
		/* hiredis frees it after this call, without a word to on_disconnect. */
		p->counters.errors++;
		away(p);
		return;
	}
	p->state = CONN_ASKING;
	p->progress_us = p->now_us;
	write_hello(p);
}

void conn_open(struct presence *p)
{
	const struct conf_endpoint *e = &p->redis.at[p->at];
	redisAsyncContext *ac = redisAsyncConnect(e->host, e->port);
	p->counters.reconnects++;
	if (!ac || ac->err) {
		if (ac)
			redisAsyncFree(ac);
		p->counters.errors++;
		away(p);
		return;
	}
	p->ac = ac;
	p->state = CONN_CONNECTING;
	p->connect_until_us = p->now_us + CONNECT_TIMEOUT_MS * 1000ull;
	ac->data = p;
	ac->ev.data = p;
	ac->ev.addRead = add_read;
	ac->ev.delRead = del_read;
	ac->ev.addWrite = add_write;
	ac->ev.delWrite = del_write;
	ac->ev.cleanup = cleanup;
	redisAsyncSetConnectCallback(ac, on_connect);
	redisAsyncSetDisconnectCallback(ac, on_disconnect);
}

void conn_leave(struct presence *p)
{
	redisAsyncContext *ac = p->ac;
	if (!ac)
		return;
	/* The handlers of what is under way are called with NULL by hiredis now. */
	redisAsyncFree(ac);
	if (p->ac == ac) /* it was not connected yet: no on_disconnect */
		away(p);
}

bool conn_command(struct presence *p, redisCallbackFn *fn, void *arg, int argc,
		  const char *const *argv)
{
	enum { ARGS_MAX = 16 };
	const char *copy[ARGS_MAX];
	helio_assert(p->ac && argc <= ARGS_MAX);
	memcpy(copy, argv, (size_t)argc * sizeof(*copy));
	if (redisAsyncCommandArgv(p->ac, fn, arg, argc, copy, NULL) != REDIS_OK) {
		p->give_up = true; /* disconnecting, or no memory: begin anew */
		return false;
	}
	if (p->outstanding++ == 0)
		p->progress_us = 0;
	return true;
}

bool conn_reply(struct presence *p, const redisReply *r)
{
	if (!r)
		return false;
	if (p->outstanding > 0)
		p->outstanding--;
	p->progress_us = p->now_us;
	return true;
}

void conn_flush(struct presence *p)
{
	if (p->ac && p->state >= CONN_ASKING && p->want_write)
		redisAsyncHandleWrite(p->ac);
}
