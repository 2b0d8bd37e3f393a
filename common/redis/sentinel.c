#include "common/redis/sentinel.h"
#include "common/base/base.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* A failover is noticed by a broken connection as a rule; this is for an old master that
	 * still answers us and not the Sentinels. */
	ASK_MS = 1000,
	/* As for Redis itself: three of the longest round trips on earth. */
	CONNECT_TIMEOUT_MS = 1000,
	REPLY_TIMEOUT_MS = 1000,
	BACKOFF_MIN_MS = 100,
	BACKOFF_MAX_MS = 1000,
};

static struct redis_sentinel *sentinel_of(const redisAsyncContext *ac)
{
	return redis_link_of(ac)->arg;
}

/* ---- what they say ---- */

static bool address_parse(const redisReply *r, struct conf_endpoint *ret)
{
	struct in_addr a;
	const char *host = redis_text_at(r, 0), *port = redis_text_at(r, 1);
	char *end;
	unsigned long n = strtoul(port, &end, 10);
	memset(ret, 0, sizeof(*ret));
	if (*port < '1' || *port > '9' || *end || n > 65535 || inet_pton(AF_INET, host, &a) != 1)
		return false;
	ret->port = (uint16_t)n;
	return str_copy(ret->host, sizeof(ret->host), host) == 0;
}

static bool endpoint_same(const struct conf_endpoint *a, const struct conf_endpoint *b)
{
	return a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* How we reach it; false: not at all, for every other way bypasses the tunnels. */
static bool through_tunnel(const struct conf_redis *conf, struct conf_endpoint *e)
{
	for (uint32_t i = 0; i < conf->tunnels_n; i++)
		if (endpoint_same(&conf->tunnels[i].from, e)) {
			*e = conf->tunnels[i].to;
			return true;
		}
	return conf->tunnels_n == 0;
}

static void on_address(redisAsyncContext *ac, void *reply, void *arg)
{
	struct redis_sentinel *s = sentinel_of(ac);
	const redisReply *r = reply;
	(void)arg;
	s->said_ok = false;
	if (!redis_link_reply(&s->link, r))
		return;
	if (r->type == REDIS_REPLY_ERROR) {
		s->trouble = "a server in sentinels: does not answer as a Sentinel does";
		redis_link_refused(&s->link, r);
	} else if (!address_parse(r, &s->said)) {
		s->trouble = r->type == REDIS_REPLY_NIL
				 ? "a Sentinel knows no master of that name"
				 : "a Sentinel names something that is not IPv4 and a port";
		redis_link_fail(&s->link);
	} else {
		snprintf(s->announced, sizeof(s->announced), "%s:%u", s->said.host, s->said.port);
		s->said_ok = through_tunnel(&s->conf, &s->said);
		if (s->said_ok)
			return;
		s->trouble = "the master's address is not in tunnels: and is not connected to";
		redis_link_fail(&s->link);
	}
}

/* SENTINEL MASTER answers with names and values in turn. */
static bool epoch_parse(const redisReply *r, uint64_t *ret)
{
	for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i + 1 < r->elements; i += 2)
		if (strcmp(redis_text_at(r, i), "config-epoch") == 0) {
			*ret = strtoull(redis_text_at(r, i + 1), NULL, 10);
			return true;
		}
	return false;
}

static void believe(struct redis_sentinel *s, uint64_t epoch)
{
	s->epoch = epoch;
	s->behind = 0;
	s->trouble = NULL;
	if (!s->known || !endpoint_same(&s->master, &s->said)) {
		s->switches++;
		s->master = s->said;
		s->known = true;
	}
	redis_link_is_up(&s->link);
	redis_link_fine(&s->link);
}

/* The one that is being asked lags; more than half do? */
static bool most_lag(struct redis_sentinel *s)
{
	uint32_t n = 0;
	s->behind |= 1u << s->link.at;
	for (uint32_t i = 0; i < s->link.redis.n; i++)
		n += s->behind >> i & 1;
	return 2 * n > s->link.redis.n;
}

static void on_epoch(redisAsyncContext *ac, void *reply, void *arg)
{
	struct redis_sentinel *s = sentinel_of(ac);
	const redisReply *r = reply;
	uint64_t epoch;
	(void)arg;
	if (!redis_link_reply(&s->link, r) || !s->said_ok)
		return;
	if (r->type == REDIS_REPLY_ERROR) {
		redis_link_refused(&s->link, r);
		return;
	}
	if (!epoch_parse(r, &epoch)) {
		redis_link_fail(&s->link);
		return;
	}
	if (s->known && epoch < s->epoch && !most_lag(s)) {
		redis_link_fail(&s->link);
		return;
	}
	believe(s, epoch);
}

static void ask(struct redis_sentinel *s)
{
	const char *const where[] = {"SENTINEL", "get-master-addr-by-name", s->conf.master};
	const char *const which[] = {"SENTINEL", "MASTER", s->conf.master};
	s->ask_at_us = s->link.now_us + ASK_MS * 1000ull;
	s->said_ok = false;
	redis_link_command(&s->link, on_address, NULL, 3, where, NULL);
	redis_link_command(&s->link, on_epoch, NULL, 3, which, NULL);
}

static void hello(void *arg)
{
	ask(arg);
}

/* ---- interface ---- */

void redis_sentinel_init(struct redis_sentinel *s, const struct conf_redis *conf, const char *name,
			 uint64_t now_us)
{
	static const struct redis_link_timing timing = {CONNECT_TIMEOUT_MS, REPLY_TIMEOUT_MS,
							BACKOFF_MIN_MS, BACKOFF_MAX_MS};
	static const struct redis_link_handlers handlers = {hello, NULL};
	struct conf_redis at = {.n = conf->sentinels_n, .login = conf->login};
	memcpy(at.at, conf->sentinels, sizeof(at.at));
	memset(s, 0, sizeof(*s));
	s->conf = *conf;
	redis_link_init(&s->link, &at, &timing, name, &handlers, s, now_us);
	/* Not everybody at the first one. */
	s->link.at = s->link.spread % s->link.redis.n;
}

void redis_sentinel_deinit(struct redis_sentinel *s)
{
	redis_link_deinit(&s->link);
}

void redis_sentinel_step(struct redis_sentinel *s, short revents, uint64_t now_us)
{
	redis_link_step(&s->link, revents, now_us);
	if (redis_link_usable(&s->link) && s->link.outstanding == 0 &&
	    s->link.now_us >= s->ask_at_us)
		ask(s);
	redis_link_finish(&s->link);
}

uint64_t redis_sentinel_deadline(const struct redis_sentinel *s)
{
	uint64_t t = redis_link_deadline(&s->link);
	if (redis_link_usable(&s->link) && s->link.outstanding == 0 && s->ask_at_us < t)
		t = s->ask_at_us;
	return t;
}

const struct conf_endpoint *redis_sentinel_master(const struct redis_sentinel *s)
{
	return s->known ? &s->master : NULL;
}

void redis_sentinel_doubt(struct redis_sentinel *s)
{
	if (redis_link_usable(&s->link))
		s->link.give_up = true;
}
