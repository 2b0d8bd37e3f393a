/*
 * What is said to Redis. Every write is conditional on (login_no, node, version) inside Redis, so
 * that neither another node's late word nor our own from a connection that we left can make the
 * directory go backwards (S9). One who has left stays in it as `off`: without that mark a late
 * write would bring him back.
 */
#include "common/presence/internal.h"
#include "common/base/base.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* KEYS: agent, set of our node. ARGV: put or drop, login_no, version, then name and the fields.
 * 1 = written, 0 = something newer is there. Numbers are compared as decimal texts: they have 64
 * bits, Lua's have 53. */
static const char script[] =
    "local function newer(a, b)\n"
    "  if #a ~= #b then return #a > #b end\n"
    "  return a > b\n"
    "end\n"
    "local mode, login, version, name, node = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]\n"
    "local cur = redis.call('HMGET', KEYS[1], 'login_no', 'version', 'node')\n"
    "local l, v, n = cur[1] or '0', cur[2] or '0', cur[3] or ''\n"
    "if newer(l, login) or (l == login and (n > node or (n == node and newer(v, version))))\n"
    "then\n"
    "  if n ~= node then redis.call('SREM', KEYS[2], name) end\n"
    "  return 0\n"
    "end\n"
    "if n ~= '' and n ~= node then redis.call('SREM', 'helio:agents:' .. n, name) end\n"
    "if mode == 'drop' then\n"
    "  redis.call('SREM', KEYS[2], name)\n"
    "  if cur[1] then\n"
    "    redis.call('HSET', KEYS[1], 'state', 'off', 'reason', '', 'login_no', login,\n"
    "               'version', version, 'node', node)\n"
    "  end\n"
    "  return 1\n"
    "end\n"
    "redis.call('HSET', KEYS[1], 'session', ARGV[6], 'node', node, 'site', ARGV[7],\n"
    "           'state', ARGV[8], 'reason', ARGV[9], 'since_ms', ARGV[10],\n"
    "           'login_no', login, 'version', version)\n"
    "redis.call('SADD', KEYS[2], name)\n"
    "return 1\n";

/* Takes the lease away only if it is ours: our successor may have it already. */
static const char goodbye[] = "if redis.call('GET', KEYS[1]) == ARGV[1] then\n"
			      "  return redis.call('DEL', KEYS[1])\n"
			      "end\n"
			      "return 0\n";

static uint64_t number_at(const redisReply *r, size_t i)
{
	return strtoull(redis_text_at(r, i), NULL, 10);
}

static struct presence *presence_of(const redisAsyncContext *ac)
{
	return redis_link_of(ac)->arg;
}

/* ---- at the start of a connection ---- */

static void on_script(redisAsyncContext *ac, void *reply, void *arg)
{
	struct presence *p = presence_of(ac);
	const redisReply *r = reply;
	(void)arg;
	if (!redis_link_reply(&p->link, r))
		return;
	p->script_asked = false;
	if (r->type != REDIS_REPLY_STRING || str_copy(p->sha, sizeof(p->sha), r->str))
		redis_link_refused(&p->link, r);
}

static void ask_script(struct presence *p)
{
	static const char *const argv[] = {"SCRIPT", "LOAD", script};
	if (p->script_asked)
		return;
	p->script_asked = true;
	p->sha[0] = '\0';
	redis_link_command(&p->link, on_script, NULL, 3, argv, NULL);
}

/* Redis believes these to be here; those that are not were left behind by a process that died. */
static void on_members(redisAsyncContext *ac, void *reply, void *arg)
{
	struct presence *p = presence_of(ac);
	const redisReply *r = reply;
	(void)arg;
	if (!redis_link_reply(&p->link, r))
		return;
	for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i < r->elements; i++) {
		const char *name = redis_text_at(r, i);
		if (!*name || strlen(name) >= sizeof(((struct presence_agent *)0)->name) ||
		    held_find(&p->held, name) != HELD_NONE)
			continue;
		uint32_t e = held_add(&p->held, name, HELD_SWEEP);
		if (e == HELD_NONE)
			break; /* full: the next connection looks again */
		(void)str_copy(p->held.entry[e].a.node, sizeof(p->held.entry[e].a.node), p->node);
		held_mark(&p->held, e);
	}
}

static void on_lease(redisAsyncContext *ac, void *reply, void *arg)
{
	struct presence *p = presence_of(ac);
	const redisReply *r = reply;
	(void)arg;
	if (!redis_link_reply(&p->link, r))
		return;
	if (r->type != REDIS_REPLY_STATUS) {
		redis_link_refused(&p->link, r);
		return;
	}
	/* A renewal: everything has gone well since the first. */
	if (p->link.state == REDIS_UP)
		redis_link_fine(&p->link);
	p->counters.last_rtt_us = p->link.now_us - p->lease_sent_us;
	if (p->link.state == REDIS_ASKING) {
		redis_link_is_up(&p->link);
		held_mark_all(&p->held);
	}
}

void write_lease(struct presence *p)
{
	char key[KEY_SIZE], boot[16], lease[16];
	snprintf(key, sizeof(key), "helio:lease:%s", p->node);
	snprintf(boot, sizeof(boot), "%u", p->boot);
	snprintf(lease, sizeof(lease), "%d", LEASE_MS);
	const char *const argv[] = {"SET", key, boot, "PX", lease};
	p->lease_sent_us = p->link.now_us;
	p->renew_at_us = p->link.now_us + RENEW_MS * 1000ull;
	redis_link_command(&p->link, on_lease, NULL, 5, argv, NULL);
}

static void on_role(redisAsyncContext *ac, void *reply, void *arg)
{
	struct presence *p = presence_of(ac);
	const redisReply *r = reply;
	char key[KEY_SIZE];
	(void)arg;
	if (!redis_link_reply(&p->link, r))
		return;
	if (strcmp(redis_text_at(r, 0), "master") != 0) {
		redis_link_refused(&p->link, r); /* a replica, or one that does not let us ask */
		return;
	}
	snprintf(key, sizeof(key), "helio:agents:%s", p->node);
	const char *const argv[] = {"SMEMBERS", key};
	ask_script(p);
	redis_link_command(&p->link, on_members, NULL, 2, argv, NULL);
	write_lease(p); /* last: its reply means that all is ready */
}

void write_hello(void *arg)
{
	struct presence *p = arg;
	static const char *const argv[] = {"ROLE"};
	redis_link_command(&p->link, on_role, NULL, 1, argv, NULL);
}

/* All that is held is written again on the next connection. */
void write_gone(void *arg)
{
	struct presence *p = arg;
	p->script_asked = false;
	p->sha[0] = '\0';
	if (p->sentinel)
		redis_sentinel_doubt(p->sentinel);
}

static void on_goodbye(redisAsyncContext *ac, void *reply, void *arg)
{
	(void)ac;
	(void)reply;
	(void)arg;
}

void write_goodbye(struct presence *p)
{
	char key[KEY_SIZE], boot[16];
	if (p->link.state != REDIS_UP)
		return;
	snprintf(key, sizeof(key), "helio:lease:%s", p->node);
	snprintf(boot, sizeof(boot), "%u", p->boot);
	const char *const argv[] = {"EVAL", goodbye, "1", key, boot};
	redis_link_command(&p->link, on_goodbye, NULL, 5, argv, NULL);
}

/* ---- one agent ---- */

static uint32_t entry_of(void *arg)
{
	return (uint32_t)(uintptr_t)arg;
}

/* Written, or refused for good: the entry is clean unless it was marked meanwhile. */
static void settled(struct presence *p, uint32_t i)
{
	struct held_entry *e = &p->held.entry[i];
	held_back(&p->held, i);
	if (e->kind != HELD_PUT && !e->queued)
		held_remove(&p->held, i);
}

static void on_written(redisAsyncContext *ac, void *reply, void *arg)
{
	struct presence *p = presence_of(ac);
	const redisReply *r = reply;
	uint32_t i = entry_of(arg);
	if (!redis_link_reply(&p->link, r)) {
		held_back(&p->held, i);
		return;
	}
	if (redis_error_is(r, "NOSCRIPT") || redis_server_unfit(r)) {
		held_mark(&p->held, i);
		held_back(&p->held, i);
		if (redis_error_is(r, "NOSCRIPT"))
			ask_script(p);
		else
			redis_link_refused(&p->link, r);
		return;
	}
	if (r->type != REDIS_REPLY_INTEGER)
		p->link.errors++;
	else if (r->integer == 1)
		p->counters.writes++;
	else
		p->counters.stale++;
	settled(p, i);
}

static void send_write(struct presence *p, uint32_t i)
{
	const struct presence_agent *a = &p->held.entry[i].a;
	bool put = p->held.entry[i].kind == HELD_PUT;
	char agent[KEY_SIZE], set[KEY_SIZE], login[24], version[24], since[24];
	snprintf(agent, sizeof(agent), "helio:agent:%s", a->name);
	snprintf(set, sizeof(set), "helio:agents:%s", a->node);
	snprintf(login, sizeof(login), "%" PRIu64, a->login_no);
	/* Leaving is newer than the last that was said here. */
	snprintf(version, sizeof(version), "%" PRIu64, put ? a->version : a->version + 1);
	snprintf(since, sizeof(since), "%" PRId64, a->since_ms);
	const char *const argv[] = {
	    "EVALSHA", p->sha,    "2",     agent,   set,        put ? "put" : "drop",
	    login,     version,   a->name, a->node, a->session, a->site,
	    a->state,  a->reason, since};
	if (!redis_link_command(&p->link, on_written, (void *)(uintptr_t)i, HELIO_ARRAY_LEN(argv),
				argv, NULL))
		held_back(&p->held, i);
}

/*
 * The next login number is taken by reading and then writing it explicitly, not inside the script:
 * a "take the next one" that Redis executes late would beat a newer sign-in.
 */
static void number_found(struct presence *p, struct held_entry *e, const redisReply *r)
{
	uint64_t login = number_at(r, 0);
	if (e->kind == HELD_PUT) {
		bool same = strcmp(redis_text_at(r, 3), e->a.session) == 0;
		e->a.login_no = same ? login : login + 1;
		return;
	}
	/* One who left before a number was taken, or whom a process that died left behind. If the
	 * directory says he is elsewhere, only our set is out of date, and the script sees that
	 * from a number which cannot win. */
	bool ours = strcmp(redis_text_at(r, 2), p->node) == 0;
	e->a.login_no = ours ? login : 0;
	e->a.version = ours ? number_at(r, 1) : 0;
	e->kind = HELD_DROP;
}

static void on_number(redisAsyncContext *ac, void *reply, void *arg)
{
	struct presence *p = presence_of(ac);
	const redisReply *r = reply;
	uint32_t i = entry_of(arg);
	struct held_entry *e = &p->held.entry[i];
	if (!redis_link_reply(&p->link, r)) {
		held_back(&p->held, i);
		return;
	}
	if (r->type != REDIS_REPLY_ARRAY) {
		if (redis_server_unfit(r))
			redis_link_refused(&p->link, r);
		else
			p->link.errors++; /* a key of another type: nothing of ours can help */
		settled(p, i);
		return;
	}
	/* A put with a number of its own may have come while we asked. */
	if (e->kind == HELD_SWEEP || e->a.login_no == 0)
		number_found(p, e, r);
	if (p->sha[0]) {
		e->dirty = false;
		send_write(p, i);
		return;
	}
	held_mark(&p->held, i);
	held_back(&p->held, i);
}

static void send_number(struct presence *p, uint32_t i)
{
	char agent[KEY_SIZE];
	snprintf(agent, sizeof(agent), "helio:agent:%s", p->held.entry[i].a.name);
	const char *const argv[] = {"HMGET", agent, "login_no", "version", "node", "session"};
	if (!redis_link_command(&p->link, on_number, (void *)(uintptr_t)i, HELIO_ARRAY_LEN(argv),
				argv, NULL))
		held_back(&p->held, i);
}

void write_pump(struct presence *p)
{
	while (redis_link_usable(&p->link) && p->sha[0] && p->link.outstanding < WINDOW) {
		uint32_t i = held_take(&p->held);
		if (i == HELD_NONE)
			break;
		const struct held_entry *e = &p->held.entry[i];
		if (e->kind == HELD_SWEEP || e->a.login_no == 0)
			send_number(p, i);
		else
			send_write(p, i);
	}
	redis_link_flush(&p->link);
}
