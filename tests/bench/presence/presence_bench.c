/*
 * What the directory of agents costs: states of many agents through presence (conditional, by the
 * script, 64 under way), beside a floor measured in the same run: bare pipelined HSETs of the same
 * eight fields with as many under way. Then how long an emptied Redis takes to know 5,000 agents
 * again.
 *
 *   presence_bench [UPDATES]
 */
#include "tests/unit/presence/redis_fixture.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	PORT = 50490,
	AGENTS = 5000, /* of one node: ten times what it may hold by default */
	UNDER_WAY = 64,
	LIMIT_US = 60 * 1000 * 1000,
};

static uint64_t cpu_us(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

static void figure(const char *name, double value, const char *unit, double floor, double target,
		   bool more_is_better)
{
	bool met = more_is_better ? value >= target : value <= target;
	printf("{\"name\":\"%s\",\"value\":%.2f,\"unit\":\"%s\",\"floor\":%.2f,\"ratio\":%.2f,"
	       "\"target\":%.2f,\"met\":%s}\n",
	       name, value, unit, floor, floor > 0 ? value / floor : 0, target,
	       met ? "true" : "false");
	fflush(stdout);
}

struct cost {
	double per_s, cpu_us;
};

static struct cost cost_since(uint64_t from, uint64_t cpu, uint64_t n)
{
	double s = (double)(mono_us() - from) / 1e6;
	return (struct cost){(double)n / s, (double)(cpu_us() - cpu) / (double)n};
}

/* ---- the floor ---- */

static void hset_send(redisContext *c, uint64_t i)
{
	helio_assert(redisAppendCommand(c,
					"HSET bench:agent%d session s1 node bench1 site manila "
					"state %s reason %s since_ms %s login_no %s version %llu",
					(int)(i % AGENTS), i % 2 ? "idle" : "talking", "",
					"1700000000000", "1",
					(unsigned long long)(i + 1)) == REDIS_OK);
}

static struct cost bare_hsets(redisContext *c, uint64_t n)
{
	uint64_t sent = 0, cpu = cpu_us(), from = mono_us();
	for (uint64_t got = 0; got < n;) {
		void *r;
		for (; sent < n && sent - got < UNDER_WAY; sent++)
			hset_send(c, sent);
		/* One read may bring many replies: all of them before the next are sent. */
		helio_assert(redisGetReply(c, &r) == REDIS_OK && r);
		for (; r; got++) {
			freeReplyObject(r);
			helio_assert(redisReaderGetReply(c->reader, &r) == REDIS_OK);
		}
	}
	return cost_since(from, cpu, n);
}

/* ---- ours ---- */

static void turn(struct presence *p)
{
	struct pollfd f = {.fd = -1};
	uint64_t now = mono_us(), t = presence_deadline(p), until = now + 10000;
	f.fd = presence_fd(p, &f.events);
	until = t < until ? t : until;
	poll(&f, 1, until > now ? (int)((until - now + 999) / 1000) : 0);
	presence_step(p, f.revents, mono_us());
}

static void put(struct presence *p, uint64_t i)
{
	char name[24];
	snprintf(name, sizeof(name), "agent%d", (int)(i % AGENTS));
	struct presence_agent a = agent_make(name, "s1", i % 2 ? "idle" : "talking", 1, i + 1);
	helio_assert(presence_put(p, &a) == 0);
}

/* So many are put that what is written is what was put: a state that is replaced before it was
 * written would be an update that costs nothing. */
static struct cost updates(struct presence *p, uint64_t first, uint64_t n)
{
	uint64_t sent = 0, cpu = cpu_us(), from = mono_us();
	uint64_t before = presence_counters(p)->writes, done;
	while ((done = presence_counters(p)->writes - before) < n) {
		for (; sent < n && sent - done < UNDER_WAY; sent++)
			put(p, first + sent);
		turn(p);
		helio_assert(mono_us() - from < LIMIT_US);
	}
	return cost_since(from, cpu, n);
}

/* Redis dies and comes back empty: from its first answer to the last of AGENTS. */
static double refill_ms(struct presence *p, struct redis_server *server)
{
	redis_stop(server);
	while (presence_is_up(p))
		turn(p);
	redis_start(server, PORT);
	uint64_t from = mono_us(), before = presence_counters(p)->writes;
	while (presence_counters(p)->writes - before < AGENTS) {
		turn(p);
		helio_assert(mono_us() - from < LIMIT_US);
	}
	return (double)(mono_us() - from) / 1000;
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 50000;
	struct redis_server server;
	struct presence *p = NULL;
	redis_start(&server, PORT);
	redisContext *c = redis_look(&server);
	struct conf_redis conf = redis_conf(PORT, 0);
	struct cost floor = bare_hsets(c, n);
	freeReplyObject(redisCommand(c, "FLUSHALL"));
	redisFree(c);
	helio_assert(presence_open(&p, &conf, "bench1", 1, mono_us()) == 0);
	while (!presence_is_up(p))
		turn(p);
	(void)updates(p, 0,
		      AGENTS); /* every hash is there, as at the floor after its first round */
	struct cost ours = updates(p, AGENTS, n);
	/* A centre of 5,000 agents, a call a minute each, six states a call: 500 a second. */
	figure("presence_updates_per_s", ours.per_s, "updates/s", floor.per_s, 10000, true);
	figure("presence_update_cpu_us", ours.cpu_us, "us", floor.cpu_us, 25, false);
	figure("presence_refill_5000_ms", refill_ms(p, &server), "ms", AGENTS * 1000 / floor.per_s,
	       3000, false);
	presence_close(p);
	redis_stop(&server);
	return 0;
}
