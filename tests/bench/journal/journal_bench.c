/*
 * What protection costs: puts of a call's state through the journal (sealed, by the script, one
 * Redis, WINDOW under way), beside a floor measured in the same run: bare pipelined SETs of the
 * same size with as many under way. Then how long a caller waits for protection at a calm rate,
 * beside the round trip of one SET at a time, and how long an emptied Redis takes to be filled
 * again.
 *
 *   journal_bench [PUTS]
 */
#include "nodes/journal/journal.h"
#include "nodes/journal/record.h"
#include "tests/unit/presence/redis_fixture.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	PORT = 48100,
	LEN = 2000, /* a dialog of two routes, state, keys */
	UNDER_WAY = 128,
	IDS = 5000,
	CALM_PER_S = 1000,
	CALM_PUTS = 3000,
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

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

static double p99(uint64_t *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_size);
	return (double)v[n * 99 / 100];
}

struct cost {
	double per_s, cpu_us;
};

/* ---- the floor ---- */

static void set_send(redisContext *c, uint64_t i)
{
	static char value[LEN + RECORD_OVERHEAD];
	helio_assert(redisAppendCommand(c, "SET bench:%d %b", (int)(i % IDS), value,
					sizeof(value)) == REDIS_OK);
}

static struct cost bare_sets(redisContext *c, uint64_t n)
{
	uint64_t sent = 0, cpu = cpu_us(), from = mono_us();
	for (uint64_t got = 0; got < n;) {
		void *r;
		for (; sent < n && sent - got < UNDER_WAY; sent++)
			set_send(c, sent);
		/* One read may bring many replies: all of them before the next are sent. */
		helio_assert(redisGetReply(c, &r) == REDIS_OK && r);
		for (; r; got++) {
			freeReplyObject(r);
			helio_assert(redisReaderGetReply(c->reader, &r) == REDIS_OK);
		}
	}
	double s = (double)(mono_us() - from) / 1e6;
	return (struct cost){(double)n / s, (double)(cpu_us() - cpu) / (double)n};
}

static double bare_round_trip(redisContext *c)
{
	static uint64_t rtt[CALM_PUTS];
	for (int i = 0; i < CALM_PUTS; i++) {
		void *r;
		uint64_t from = mono_us();
		set_send(c, (uint64_t)i);
		helio_assert(redisGetReply(c, &r) == REDIS_OK);
		freeReplyObject(r);
		rtt[i] = mono_us() - from;
	}
	return p99(rtt, CALM_PUTS);
}

/* ---- ours ---- */

static uint64_t acks, rtts[CALM_PUTS], rtts_n;

static void acked_h(enum journal_kind kind, uint64_t id, uint64_t rtt_us, void *arg)
{
	(void)kind;
	(void)id;
	(void)arg;
	acks++;
	if (rtts_n < CALM_PUTS)
		rtts[rtts_n++] = rtt_us;
}

static void turn(struct journal *j, uint64_t until)
{
	struct pollfd p = {.fd = -1};
	uint64_t now = mono_us(), t = journal_deadline(j);
	p.fd = journal_fd(j, 0, &p.events);
	until = t < until ? t : until;
	poll(&p, 1, until > now ? (int)((until - now + 999) / 1000) : 0);
	short revents[JOURNAL_LINKS] = {p.revents, 0};
	journal_step(j, revents, mono_us());
}

static void put(struct journal *j, uint64_t i)
{
	static const char state[LEN];
	helio_assert(journal_put(j, JOURNAL_CALL, i % IDS + 1, 65, state, LEN, mono_us()) == 0);
}

static struct cost journal_puts(struct journal *j, uint64_t n)
{
	uint64_t sent = 0, cpu = cpu_us(), from = mono_us(), first = acks;
	while (acks - first < n) {
		for (; sent < n && sent - (acks - first) < UNDER_WAY; sent++)
			put(j, sent);
		turn(j, mono_us() + 10000);
		helio_assert(mono_us() - from < LIMIT_US);
	}
	double s = (double)(mono_us() - from) / 1e6;
	return (struct cost){(double)n / s, (double)(cpu_us() - cpu) / (double)n};
}

static double calm_ack(struct journal *j)
{
	uint64_t from = mono_us(), sent = 0;
	rtts_n = 0;
	while (rtts_n < CALM_PUTS) {
		uint64_t now = mono_us(), due = (now - from) * CALM_PER_S / 1000000;
		for (; sent < CALM_PUTS && sent < due; sent++)
			put(j, sent);
		turn(j, from + (sent + 1) * 1000000 / CALM_PER_S);
		helio_assert(now - from < LIMIT_US);
	}
	return p99(rtts, CALM_PUTS);
}

/* As after the death of Redis: from empty to all of IDS acknowledged again. */
static double refill_ms(struct journal *j, redisContext *c)
{
	uint64_t first = acks;
	freeReplyObject(redisCommand(c, "FLUSHALL"));
	uint64_t from = mono_us();
	while (acks - first < IDS) {
		turn(j, mono_us() + 10000);
		helio_assert(mono_us() - from < LIMIT_US);
	}
	return (double)(mono_us() - from) / 1000;
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 50000;
	struct redis_server server;
	struct journal *j = NULL;
	redis_start(&server, PORT);
	redisContext *c = redis_look(&server);
	struct conf_endpoint at = {.host = "127.0.0.1", .port = PORT};
	struct journal_conf conf = {.own = &at, .node = "bench1", .boot = 1, .h.acked_h = acked_h};
	struct cost floor = bare_sets(c, n);
	double trip = bare_round_trip(c);
	freeReplyObject(redisCommand(c, "FLUSHALL"));
	helio_assert(journal_open(&j, &conf, mono_us()) == 0);
	while (!journal_is_up(j, JOURNAL_OWN))
		turn(j, mono_us() + 10000);
	struct cost ours = journal_puts(j, n);
	figure("journal_puts_per_s", ours.per_s, "puts/s", floor.per_s, 20000, true);
	figure("journal_put_cpu_us", ours.cpu_us, "us", floor.cpu_us, 20, false);
	figure("journal_ack_p99_us", calm_ack(j), "us", trip, JOURNAL_ACK_MS * 1000, false);
	figure("journal_refill_5000_ms", refill_ms(j, c), "ms", IDS * 1000 / floor.per_s, 1000,
	       false);
	journal_close(j);
	redisFree(c);
	redis_stop(&server);
	return 0;
}
