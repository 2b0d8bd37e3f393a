#include "common/presence/internal.h"
#include "common/base/base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int sentinel_open(struct presence *p, const struct conf_redis *redis, uint64_t now_us)
{
	p->sentinel = calloc(1, sizeof(*p->sentinel));
	if (!p->sentinel)
		return ENOMEM;
	redis_sentinel_init(p->sentinel, redis, p->node, now_us);
	return both_open(&p->both);
}

static struct presence *presence_free(struct presence *p)
{
	redis_link_deinit(&p->link);
	if (p->sentinel)
		redis_sentinel_deinit(p->sentinel);
	both_close(p->both);
	free(p->sentinel);
	held_deinit(&p->held);
	free(p);
	return NULL;
}

int presence_open(struct presence **ret, const struct conf_redis *redis, const char *node,
		  uint32_t boot, uint64_t now_us)
{
	static const struct redis_link_timing timing = {CONNECT_TIMEOUT_MS, REPLY_TIMEOUT_MS,
							BACKOFF_MIN_MS, BACKOFF_MAX_MS};
	static const struct redis_link_handlers handlers = {write_hello, write_gone};
	struct conf_redis at = *redis;
	if (redis->n > CONF_REDIS_MAX || redis->sentinels_n > CONF_REDIS_MAX || !*node ||
	    redis->n + redis->sentinels_n == 0)
		return EINVAL;
	struct presence *p = calloc(1, sizeof(*p));
	if (!p)
		return ENOMEM;
	p->boot = boot;
	if (redis->sentinels_n)
		at.n = 0; /* nowhere until a Sentinel has said */
	redis_link_init(&p->link, &at, &timing, node, &handlers, p, now_us);
	int err = held_init(&p->held);
	if (!err)
		err = str_copy(p->node, sizeof(p->node), node);
	if (!err && redis->sentinels_n)
		err = sentinel_open(p, redis, now_us);
	if (err) {
		presence_free(p);
		return err;
	}
	*ret = p;
	return 0;
}

struct presence *presence_close(struct presence *p)
{
	if (!p)
		return NULL;
	write_goodbye(p);
	redis_link_flush(&p->link);
	return presence_free(p);
}

int presence_fd(const struct presence *p, short *ret_events)
{
	if (p->sentinel)
		return both_fd(p->both, &p->link, &p->sentinel->link, ret_events);
	return redis_link_fd(&p->link, ret_events);
}

uint64_t presence_fd_serial(const struct presence *p)
{
	return p->sentinel ? 0 : p->link.reconnects;
}

static void follow(struct presence *p, short revents, uint64_t now_us)
{
	redis_sentinel_step(p->sentinel, revents, now_us);
	const struct conf_endpoint *master = redis_sentinel_master(p->sentinel);
	if (master)
		redis_link_aim(&p->link, master);
}

void presence_step(struct presence *p, short revents, uint64_t now_us)
{
	short said = 0;
	if (p->sentinel) {
		both_ready(p->both, revents, &revents, &said);
		/* Before it aims elsewhere: what has come is taken. */
		redis_link_step(&p->link, revents, now_us);
		follow(p, said, now_us);
		revents = 0;
	}
	redis_link_step(&p->link, revents, now_us);
	if (redis_link_usable(&p->link) && p->link.now_us >= p->renew_at_us)
		write_lease(p);
	write_pump(p);
	redis_link_finish(&p->link);
	p->counters.errors = p->link.errors;
	p->counters.reconnects = p->link.reconnects;
	p->counters.timeouts = p->link.timeouts;
}

uint64_t presence_deadline(const struct presence *p)
{
	uint64_t t = redis_link_deadline(&p->link);
	if (p->link.state == REDIS_UP && p->renew_at_us < t)
		t = p->renew_at_us;
	uint64_t ask = p->sentinel ? redis_sentinel_deadline(p->sentinel) : UINT64_MAX;
	return ask < t ? ask : t;
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
	return p->link.state == REDIS_UP;
}

const char *presence_trouble(struct presence *p)
{
	const char *t = p->link.trouble;
	if (!t && p->sentinel)
		t = p->sentinel->trouble ? p->sentinel->trouble : p->sentinel->link.trouble;
	if (t == p->told)
		return NULL;
	p->told = t;
	return t;
}

char *presence_where(const struct presence *p, char buf[static PRESENCE_WHERE_SIZE])
{
	const struct conf_redis *r = &p->link.redis;
	const struct conf_endpoint *e = &r->at[p->link.at];
	if (r->n == 0)
		snprintf(buf, PRESENCE_WHERE_SIZE, "-");
	else
		snprintf(buf, PRESENCE_WHERE_SIZE, "%s:%u", e->host, e->port);
	return buf;
}

const struct presence_counters *presence_counters(const struct presence *p)
{
	return &p->counters;
}
