#include "common/presence/internal.h"
#include "common/base/base.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

int presence_open(struct presence **ret, const struct conf_redis *redis, const char *node,
		  uint32_t boot, uint64_t now_us)
{
	struct sigaction sa;
	if (redis->n == 0 || redis->n > CONF_REDIS_MAX || !*node)
		return EINVAL;
	struct presence *p = calloc(1, sizeof(*p));
	if (!p)
		return ENOMEM;
	int err = held_init(&p->held);
	if (!err)
		err = str_copy(p->node, sizeof(p->node), node);
	if (err) {
		held_deinit(&p->held);
		free(p);
		return err;
	}
	/* hiredis 0.14 writes with write(2): a Redis that was killed would kill us by SIGPIPE. */
	if (sigaction(SIGPIPE, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL)
		signal(SIGPIPE, SIG_IGN);
	p->redis = *redis;
	p->boot = boot;
	p->now_us = now_us;
	p->retry_at_us = now_us;
	*ret = p;
	return 0;
}

struct presence *presence_close(struct presence *p)
{
	if (!p)
		return NULL;
	if (p->ac) {
		write_goodbye(p);
		conn_flush(p);
		conn_leave(p);
	}
	held_deinit(&p->held);
	free(p);
	return NULL;
}

int presence_fd(const struct presence *p, short *ret_events)
{
	*ret_events = 0;
	if (!p->ac)
		return -1;
	*ret_events = (short)((p->want_read ? POLLIN : 0) | (p->want_write ? POLLOUT : 0));
	return p->ac->c.fd;
}

static uint64_t reply_until(const struct presence *p)
{
	return p->progress_us + REPLY_TIMEOUT_MS * 1000ull;
}

static void readiness(struct presence *p, short revents)
{
	const short trouble = POLLERR | POLLHUP;
	if (p->ac && (revents & POLLOUT || (p->state == CONN_CONNECTING && revents & trouble)))
		redisAsyncHandleWrite(p->ac);
	if (p->ac && p->state != CONN_CONNECTING && revents & (POLLIN | trouble))
		redisAsyncHandleRead(p->ac);
}

static void timers(struct presence *p)
{
	if (p->ac && p->give_up)
		conn_leave(p);
	if (p->state == CONN_CONNECTING && p->now_us >= p->connect_until_us) {
		p->counters.timeouts++;
		conn_leave(p);
	}
	if (p->state >= CONN_ASKING && p->outstanding > 0) {
		if (p->progress_us != 0 && p->now_us >= reply_until(p)) {
			p->counters.timeouts++;
			conn_leave(p);
		}
	}
	if (p->state == CONN_UP && p->now_us >= p->renew_at_us)
		write_lease(p);
	if (p->state == CONN_AWAY && p->now_us >= p->retry_at_us)
		conn_open(p);
}

void presence_step(struct presence *p, short revents, uint64_t now_us)
{
	if (now_us > p->now_us)
		p->now_us = now_us;
	readiness(p, revents);
	timers(p);
	write_pump(p);
	if (p->outstanding > 0 && p->progress_us == 0)
		p->progress_us = p->now_us;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t presence_deadline(const struct presence *p)
{
	if (p->give_up)
		return p->now_us;
	switch (p->state) {
	case CONN_AWAY: return p->retry_at_us;
	case CONN_CONNECTING: return p->connect_until_us;
	case CONN_ASKING:
	case CONN_UP: break;
	}
	uint64_t t = p->state == CONN_UP ? p->renew_at_us : UINT64_MAX;
	if (p->outstanding > 0)
		t = sooner(t, p->progress_us ? reply_until(p) : p->now_us);
	return t;
}

static bool texts_end(const struct presence_agent *a)
{
	return memchr(a->name, 0, sizeof(a->name)) && memchr(a->node, 0, sizeof(a->node)) &&
	       memchr(a->site, 0, sizeof(a->site)) && memchr(a->session, 0, sizeof(a->session)) &&
	       memchr(a->state, 0, sizeof(a->state)) && memchr(a->reason, 0, sizeof(a->reason));
}

int presence_put(struct presence *p, const struct presence_agent *a)
{
	helio_assert(texts_end(a));
	if (!a->name[0])
		return EINVAL;
	uint32_t i = held_find(&p->held, a->name);
	if (i == HELD_NONE)
		i = held_add(&p->held, a->name, HELD_PUT);
	if (i == HELD_NONE) {
		p->counters.dropped++;
		return ENOSPC;
	}
	struct held_entry *e = &p->held.entry[i];
	uint64_t login = a->login_no;
	/* The number that was taken for this session, if it is the same. */
	if (login == 0 && e->kind == HELD_PUT && strcmp(e->a.session, a->session) == 0)
		login = e->a.login_no;
	e->a = *a;
	e->a.login_no = login;
	(void)str_copy(e->a.node, sizeof(e->a.node), p->node);
	e->kind = HELD_PUT;
	held_mark(&p->held, i);
	write_pump(p);
	return 0;
}

int presence_drop(struct presence *p, const char *name)
{
	uint32_t i = held_find(&p->held, name);
	if (i == HELD_NONE)
		return ENOENT;
	if (p->held.entry[i].kind == HELD_PUT) {
		p->held.entry[i].kind = HELD_DROP;
		held_mark(&p->held, i);
		write_pump(p);
	}
	return 0;
}

bool presence_is_up(const struct presence *p)
{
	return p->state == CONN_UP;
}

const struct presence_counters *presence_counters(const struct presence *p)
{
	return &p->counters;
}
