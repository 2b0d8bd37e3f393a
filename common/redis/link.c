#include "common/redis/link.h"
#include "common/redis/internal.h"
#include "common/base/base.h"

#include <poll.h>
#include <signal.h>
#include <string.h>

/* Enough for the longest back-off. */
enum { REFUSED_ATTEMPTS = 8 };

static void add_read(void *arg)
{
	((struct redis_link *)arg)->want_read = true;
}

static void del_read(void *arg)
{
	((struct redis_link *)arg)->want_read = false;
}

static void add_write(void *arg)
{
	((struct redis_link *)arg)->want_write = true;
}

static void del_write(void *arg)
{
	((struct redis_link *)arg)->want_write = false;
}

static void cleanup(void *arg)
{
	struct redis_link *l = arg;
	l->want_read = l->want_write = false;
}

void redis_link_init(struct redis_link *l, const struct conf_redis *redis,
		     const struct redis_link_timing *timing, const char *name,
		     const struct redis_link_handlers *h, void *arg, uint64_t now_us)
{
	struct sigaction sa;
	helio_assert(redis->n <= CONF_REDIS_MAX);
	if (sigaction(SIGPIPE, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL)
		signal(SIGPIPE, SIG_IGN);
	memset(l, 0, sizeof(*l));
	l->redis = *redis;
	l->timing = *timing;
	l->h = *h;
	l->arg = arg;
	l->spread = (uint32_t)hash_str(name);
	l->now_us = l->retry_at_us = now_us;
	if (l->redis.n == 0)
		l->retry_at_us = UINT64_MAX;
}

/* Doubled at each failure, and spread by name, so that a whole site does not knock at once. */
static uint64_t backoff_us(const struct redis_link *l)
{
	uint32_t ms = l->timing.backoff_min_ms;
	/* A round through all endpoints is one attempt. */
	for (uint32_t i = l->attempt / l->redis.n; i > 0 && ms < l->timing.backoff_max_ms; i--)
		ms *= 2;
	if (ms > l->timing.backoff_max_ms)
		ms = l->timing.backoff_max_ms;
	return (ms + (l->spread + l->attempt * 37u) % (ms / 2)) * 1000ull;
}

/* The connection is gone, whoever ended it. */
static void away(struct redis_link *l)
{
	l->ac = NULL;
	l->state = REDIS_AWAY;
	l->give_up = l->want_read = l->want_write = false;
	l->outstanding = 0;
	if (l->redis.n == 0) {
		l->retry_at_us = UINT64_MAX;
	} else {
		l->at = (l->at + 1) % l->redis.n;
		l->retry_at_us = l->now_us + backoff_us(l);
	}
	if (l->attempt < UINT32_MAX / 64)
		l->attempt++;
	if (l->h.gone_h)
		l->h.gone_h(l->arg);
}

static void on_disconnect(const redisAsyncContext *ac, int status)
{
	struct redis_link *l = redis_link_of(ac);
	(void)status;
	if (l->ac == ac)
		away(l);
}

static void on_connect(const redisAsyncContext *ac, int status)
{
	struct redis_link *l = redis_link_of(ac);
	if (l->ac != ac)
		return;
	if (status != REDIS_OK) {
		/* hiredis frees it after this call, without a word to on_disconnect. */
		l->errors++;
		away(l);
		return;
	}
	l->state = REDIS_ASKING;
	l->progress_us = l->now_us;
	if (*l->redis.login.user)
		redis_auth(l);
	else
		l->h.hello_h(l->arg);
}

static void connect_next(struct redis_link *l)
{
	const struct conf_endpoint *e = &l->redis.at[l->at];
	redisAsyncContext *ac = redisAsyncConnect(e->host, e->port);
	l->reconnects++;
	if (!ac || ac->err) {
		if (ac)
			redisAsyncFree(ac);
		l->errors++;
		away(l);
		return;
	}
	l->ac = ac;
	l->state = REDIS_CONNECTING;
	l->connect_until_us = l->now_us + l->timing.connect_timeout_ms * 1000ull;
	ac->data = l;
	ac->ev.data = l;
	ac->ev.addRead = add_read;
	ac->ev.delRead = del_read;
	ac->ev.addWrite = add_write;
	ac->ev.delWrite = del_write;
	ac->ev.cleanup = cleanup;
	redisAsyncSetConnectCallback(ac, on_connect);
	redisAsyncSetDisconnectCallback(ac, on_disconnect);
}

static void leave(struct redis_link *l)
{
	redisAsyncContext *ac = l->ac;
	if (!ac)
		return;
	/* The handlers of what is under way are called with NULL by hiredis now. */
	redisAsyncFree(ac);
	if (l->ac == ac) /* it was not connected yet: no on_disconnect */
		away(l);
}

void redis_link_deinit(struct redis_link *l)
{
	l->h.gone_h = NULL;
	leave(l);
}

void redis_link_aim(struct redis_link *l, const struct conf_endpoint *at)
{
	const struct conf_endpoint *now = &l->redis.at[0];
	if (at && l->redis.n == 1 && at->port == now->port && !strcmp(at->host, now->host))
		return;
	l->redis.n = at ? 1 : 0;
	if (at)
		l->redis.at[0] = *at;
	l->at = 0;
	leave(l);
	l->attempt = 0;
	l->retry_at_us = at ? l->now_us : UINT64_MAX;
}

int redis_link_fd(const struct redis_link *l, short *ret_events)
{
	*ret_events = 0;
	if (!l->ac)
		return -1;
	*ret_events = (short)((l->want_read ? POLLIN : 0) | (l->want_write ? POLLOUT : 0));
	return l->ac->c.fd;
}

static uint64_t reply_until(const struct redis_link *l)
{
	return l->progress_us + l->timing.reply_timeout_ms * 1000ull;
}

static void readiness(struct redis_link *l, short revents)
{
	const short trouble = POLLERR | POLLHUP;
	if (l->ac && (revents & POLLOUT || (l->state == REDIS_CONNECTING && revents & trouble)))
		redisAsyncHandleWrite(l->ac);
	if (l->ac && l->state != REDIS_CONNECTING && revents & (POLLIN | trouble))
		redisAsyncHandleRead(l->ac);
}

void redis_link_step(struct redis_link *l, short revents, uint64_t now_us)
{
	if (now_us > l->now_us)
		l->now_us = now_us;
	readiness(l, revents);
	if (l->ac && l->give_up)
		leave(l);
	if (l->state == REDIS_CONNECTING && l->now_us >= l->connect_until_us) {
		l->timeouts++;
		leave(l);
	}
	if (l->state >= REDIS_ASKING && l->outstanding > 0 && l->progress_us != 0 &&
	    l->now_us >= reply_until(l)) {
		l->timeouts++;
		leave(l);
	}
	if (l->state == REDIS_AWAY && l->now_us >= l->retry_at_us)
		connect_next(l);
}

void redis_link_finish(struct redis_link *l)
{
	redis_link_flush(l);
	if (l->outstanding > 0 && l->progress_us == 0)
		l->progress_us = l->now_us;
}

uint64_t redis_link_deadline(const struct redis_link *l)
{
	if (l->give_up)
		return l->now_us;
	switch (l->state) {
	case REDIS_AWAY: return l->retry_at_us;
	case REDIS_CONNECTING: return l->connect_until_us;
	case REDIS_ASKING:
	case REDIS_UP: break;
	}
	if (l->outstanding == 0)
		return UINT64_MAX;
	return l->progress_us ? reply_until(l) : l->now_us;
}

bool redis_link_command(struct redis_link *l, redisCallbackFn *fn, void *arg, int argc,
			const char *const *argv, const size_t *lens)
{
	enum { ARGS_MAX = 16 };
	const char *copy[ARGS_MAX];
	helio_assert(l->ac && argc <= ARGS_MAX);
	memcpy(copy, argv, (size_t)argc * sizeof(*copy));
	if (redisAsyncCommandArgv(l->ac, fn, arg, argc, copy, lens) != REDIS_OK) {
		l->give_up = true; /* disconnecting, or no memory: begin anew */
		return false;
	}
	if (l->outstanding++ == 0)
		l->progress_us = 0;
	return true;
}

bool redis_link_reply(struct redis_link *l, const redisReply *r)
{
	if (!r)
		return false;
	if (l->outstanding > 0)
		l->outstanding--;
	l->progress_us = l->now_us;
	return true;
}

void redis_link_flush(struct redis_link *l)
{
	if (l->ac && l->state >= REDIS_ASKING && l->want_write)
		redisAsyncHandleWrite(l->ac);
}

void redis_link_is_up(struct redis_link *l)
{
	l->state = REDIS_UP;
	l->attempt = 0;
}

bool redis_link_usable(const struct redis_link *l)
{
	return l->ac && l->state == REDIS_UP && !l->give_up;
}

void redis_link_again(struct redis_link *l)
{
	helio_assert(l->state == REDIS_UP);
	l->state = REDIS_ASKING;
	l->h.hello_h(l->arg);
}

void redis_link_fail(struct redis_link *l)
{
	l->errors++;
	l->give_up = true;
}

void redis_link_refused(struct redis_link *l, const redisReply *r)
{
	if (redis_error_is(r, "NOAUTH"))
		l->trouble = "Redis asks for a password: set user: and password_file:";
	else if (redis_error_is(r, "NOPERM"))
		l->trouble = "this user may not do what is needed there: see its ACL";
	else if (redis_error_is(r, "MISCONF") || redis_error_is(r, "OOM"))
		l->trouble = "Redis takes no writes: its disk or its memory is full";
	/* It comes up each time and breaks at once: as slow as if it did not come up. */
	if (l->trouble)
		l->attempt = REFUSED_ATTEMPTS * CONF_REDIS_MAX;
	redis_link_fail(l);
}

void redis_link_fine(struct redis_link *l)
{
	l->trouble = NULL;
}

struct redis_link *redis_link_of(const redisAsyncContext *ac)
{
	return ac->data;
}

bool redis_error_is(const redisReply *r, const char *prefix)
{
	return r->type == REDIS_REPLY_ERROR && strncmp(r->str, prefix, strlen(prefix)) == 0;
}

bool redis_server_unfit(const redisReply *r)
{
	static const char *const prefix[] = {"READONLY", "LOADING",    "MASTERDOWN",
					     "NOAUTH",   "MISCONF",    "OOM",
					     "BUSY",     "NOREPLICAS", "NOPERM"};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(prefix); i++)
		if (redis_error_is(r, prefix[i]))
			return true;
	return false;
}

const char *redis_text_at(const redisReply *r, size_t i)
{
	if (r->type != REDIS_REPLY_ARRAY || i >= r->elements ||
	    r->element[i]->type != REDIS_REPLY_STRING)
		return "";
	return r->element[i]->str;
}
