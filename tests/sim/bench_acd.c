/*
 * acd_bench: how many decisions a second one broker core makes, and how that grows with the site.
 *
 * A decision is the whole matcher's work for one call: it is announced, the longest-idle able agent
 * is reserved, the claim comes, the oldest caller is picked, both leave the mirror, and the agent
 * comes back as idle. The node's side is played by this program, without a network. Half of the
 * agents are idle; skills are a set of 3 out of 32, a queue needs one or two. Output: JSON
 * lines. Time is this thread's CPU time, so that other work on the machine disturbs less.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/acd/acd.h"
#include "common/base/base.h"

enum { QUEUES = 1000, NODES = 60, SKILLS = 32 };

struct bench {
	struct acd *acd;
	void *mem;
	size_t bytes;
	acd_time_us now;
	uint32_t agents;
	uint64_t version; /* one counter for all: only their growth matters */
	uint64_t calls, decisions, rng;
	struct acd_event ev; /* only now, from and msg change */
	struct acd_effects fx;
};

static struct acd_queue_conf queues[QUEUES];

static uint64_t rnd(struct bench *b)
{
	b->rng ^= b->rng << 13;
	b->rng ^= b->rng >> 7;
	b->rng ^= b->rng << 17;
	return b->rng;
}

static struct acd_addr node_of(uint64_t i)
{
	return (struct acd_addr){addr_make(1, 1 + (unsigned)(i % NODES))};
}

/* The agents' skills are drawn from a hundred teams, as in a real centre. */
static uint64_t skills_of(uint32_t agent)
{
	uint64_t team = agent % 100 * UINT64_C(0x9e3779b97f4a7c15);

	return UINT64_C(1) << (team >> 20) % SKILLS | UINT64_C(1) << (team >> 30) % SKILLS |
	       UINT64_C(1) << (team >> 40) % SKILLS;
}

/* What of an effect is needed later; a shell would send it at once. */
struct sent {
	struct acd_addr to;
	struct acd_msg msg;
};

static void tell(struct bench *b, struct acd_addr from, const struct acd_msg *m);

static void answer(struct bench *b, const struct sent *fx)
{
	const struct acd_msg *m = &fx->msg;
	uint32_t agent = (uint32_t)m->agent.v - 1;

	if (m->type == ACD_MSG_RESERVE) {
		tell(b, fx->to,
		     &(struct acd_msg){.type = ACD_MSG_AGENT_DOWN,
				      .agent = m->agent,
				      .session = m->session,
				      .version = ++b->version});
		tell(b, fx->to,
		     &(struct acd_msg){.type = ACD_MSG_CLAIM,
				      .offer = m->offer,
				      .agent = m->agent,
				      .session = m->session,
				      .queue = m->queue,
				      .skills = {skills_of(agent)},
				      .node = fx->to});
	} else if (m->type == ACD_MSG_PICK) {
		tell(b, fx->to,
		     &(struct acd_msg){
			 .type = ACD_MSG_CALL_DOWN, .call = m->call, .version = m->call.v});
		tell(b, fx->to,
		     &(struct acd_msg){.type = ACD_MSG_PICK_OK, .offer = m->offer, .call = m->call});
		b->decisions++;
		tell(b, node_of(agent),
		     &(struct acd_msg){.type = ACD_MSG_AGENT_UP,
				      .agent = m->agent,
				      .session = m->session,
				      .skills = {skills_of(agent)},
				      .version = ++b->version});
	}
}

static void tell(struct bench *b, struct acd_addr from, const struct acd_msg *m)
{
	struct sent todo[4];
	uint32_t n = 0;

	b->ev.now = b->now;
	b->ev.from = from;
	b->ev.msg = *m;
	helio_assert(acd_step(b->acd, &b->ev, &b->fx) == ACD_OK);
	for (uint32_t i = 0; i < b->fx.n && n < HELIO_ARRAY_LEN(todo); i++)
		if (b->fx.fx[i].type == ACD_FX_SEND &&
		    (b->fx.fx[i].msg.type == ACD_MSG_RESERVE || b->fx.fx[i].msg.type == ACD_MSG_PICK))
			todo[n++] = (struct sent){b->fx.fx[i].to, b->fx.fx[i].msg};
	for (uint32_t i = 0; i < n; i++)
		answer(b, &todo[i]);
}

static void open_site(struct bench *b, uint32_t agents)
{
	struct acd_addr nodes[NODES], brokers[100];
	struct acd_conf conf = {.role = ACD_ROLE_BROKER,
				.self = {addr_make(1, ADDR_BROKER_MIN)},
				.boot = 1,
				.calls_max = agents,
				.agents_max = agents,
				.queues_n = QUEUES,
				.queues = queues,
				.nodes_n = NODES,
				.nodes = nodes,
				.brokers_n = HELIO_ARRAY_LEN(brokers),
				.brokers = brokers};

	for (uint32_t i = 0; i < QUEUES; i++) {
		queues[i].id.v = i + 1;
		queues[i].skills.bits = skills_of(i) & (i % 2 ? ~UINT64_C(0) : skills_of(i) - 1);
	}
	for (uint32_t i = 0; i < NODES; i++)
		nodes[i] = node_of(i);
	for (uint32_t i = 0; i < HELIO_ARRAY_LEN(brokers); i++)
		brokers[i].v = addr_make(i + 1, ADDR_BROKER_MIN);
	acd_timers_default(&conf.timers);
	*b = (struct bench){.agents = agents,
			    .rng = 88172645463325252u,
			    .now = 1000000,
			    .ev = {.type = ACD_EV_MSG, .from_boot = 1}};
	b->bytes = acd_size(&conf);
	helio_assert(b->bytes > 0);
	b->mem = arena_alloc(b->bytes);
	helio_assert(b->mem);
	b->acd = acd_init(b->mem, &conf);
	acd_step(b->acd, &(struct acd_event){.type = ACD_EV_TIME, .now = b->now}, &b->fx);
	while (b->fx.more)
		acd_step(b->acd, &(struct acd_event){.type = ACD_EV_TIME, .now = b->now}, &b->fx);
	b->now += 1000000; /* the pause for the first SYNCs is over */
	acd_step(b->acd, &(struct acd_event){.type = ACD_EV_TIME, .now = b->now}, &b->fx);
}

static void sign_in(struct bench *b)
{
	for (uint32_t i = 0; i < b->agents / 2; i++)
		tell(b, node_of(i),
		     &(struct acd_msg){.type = ACD_MSG_AGENT_UP,
				      .agent = {i + 1},
				      .session = {i + 1},
				      .skills = {skills_of(i)},
				      .age_us = rnd(b) % 1000000,
				      .version = ++b->version});
}

static void call(struct bench *b)
{
	uint64_t id = (uint64_t)addr_make(1, 1) << 48 | ++b->calls;

	b->now++;
	tell(b, node_of(b->calls),
	     &(struct acd_msg){.type = ACD_MSG_CALL_UP,
			      .call = {id},
			      .queue = {1 + (uint32_t)(rnd(b) % QUEUES)},
			      .version = b->calls});
}

/* What one core did, not what others did to it meanwhile. */
static uint64_t cpu_ns(void)
{
	struct timespec t;

	helio_assert(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

struct figures {
	double rate, p99_us, call_bytes, agent_bytes;
};

enum { SAMPLES = 320000, BATCH = 16 };

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static struct figures run(uint32_t agents)
{
	static struct bench b;
	static uint32_t took[SAMPLES / BATCH];
	struct figures f;

	open_site(&b, agents);
	sign_in(&b);
	uint64_t start = cpu_ns(), last = start;
	for (uint32_t i = 0; i < SAMPLES; i++) {
		call(&b);
		if (i % BATCH == BATCH - 1) {
			uint64_t t = cpu_ns();
			took[i / BATCH] = (uint32_t)(t - last);
			last = t;
		}
	}
	qsort(took, SAMPLES / BATCH, sizeof(took[0]), by_value);
	f.rate = (double)b.decisions * 1e9 / (double)(last - start);
	/* of a decision: the clock costs more than a part of one, so sixteen are timed together */
	f.p99_us = took[SAMPLES / BATCH * 99 / 100] / 1e3 / BATCH;
	free(b.mem);
	return f;
}

/* Bytes that one agent or one call more costs a broker and a node together. */
static void memory(struct figures *f)
{
	struct acd_addr broker = {addr_make(1, ADDR_BROKER_MIN)}, node = {addr_make(1, 1)};
	struct acd_conf conf = {.boot = 1,
				.queues_n = QUEUES,
				.queues = queues,
				.nodes_n = 1,
				.nodes = &node,
				.brokers_n = 1,
				.brokers = &broker};

	acd_timers_default(&conf.timers);
	for (unsigned k = 0; k < 2; k++) {
		size_t size[2][2];
		for (unsigned role = 0; role < 2; role++)
			for (unsigned more = 0; more < 2; more++) {
				conf.role = role ? ACD_ROLE_BROKER : ACD_ROLE_NODE;
				conf.self = role ? broker : node;
				/* differences within one size of the hash tables */
				conf.agents_max = 40000 + (k == 0 && more ? 8000 : 0);
				conf.calls_max = 40000 + (k == 1 && more ? 8000 : 0);
				size[role][more] = acd_size(&conf);
				helio_assert(size[role][more] > 0);
			}
		double each = (double)(size[0][1] - size[0][0] + size[1][1] - size[1][0]) / 8000;
		*(k == 0 ? &f->agent_bytes : &f->call_bytes) = each;
	}
}

/*
 * The least a decision can cost: nine messages in and out are written and read, and agent, call,
 * claim and the slots by which they are found are touched once each, at random, in memory of the
 * same size. No ordering, no checks.
 */
static double floor_rate(uint32_t agents)
{
	enum { ROUNDS = 400000, LINES = 6 };
	size_t n = (size_t)agents * LINES;
	struct line {
		uint64_t v[8];
	} *lines = calloc(n, sizeof(*lines));
	static struct acd_fx fx[9];
	static struct acd_event ev;
	struct bench b = {.rng = 88172645463325252u};
	uint64_t sum = 0;

	helio_assert(lines);
	memset(lines, 1, n * sizeof(*lines)); /* mapped before it is timed */
	uint64_t start = cpu_ns();
	for (uint32_t i = 0; i < ROUNDS; i++) {
		for (uint32_t k = 0; k < LINES; k++)
			sum += lines[rnd(&b) % n].v[k]++;
		for (uint32_t k = 0; k < HELIO_ARRAY_LEN(fx); k++) {
			ev.msg.version = sum;
			fx[k].msg = ev.msg;
			__asm__ volatile("" : : "r"(&fx[k]), "r"(&ev) : "memory");
		}
	}
	double rate = ROUNDS * 1e9 / (double)(cpu_ns() - start);
	free(lines);
	return rate;
}

/* ratio: how many times the floor's cost; met: against the target, if there is one. */
static void print(const char *name, double value, const char *unit, double floor, double target,
		  bool more_is_better)
{
	printf("{\"name\":\"%s\",\"value\":%.2f,\"unit\":\"%s\"", name, value, unit);
	if (floor > 0)
		printf(",\"floor\":%.2f,\"ratio\":%.2f", floor,
		       more_is_better ? floor / value : value / floor);
	if (target > 0)
		printf(",\"target\":%.2f,\"met\":%s", target,
		       (more_is_better ? value >= target : value <= target) ? "true" : "false");
	printf("}\n");
}

int main(void)
{
	struct figures small = run(1000), middle = run(10000), large = run(100000);
	double least = floor_rate(100000);

	memory(&large);
	print("acd_decisions_per_s", large.rate, "1/s", least, 500000, true);
	print("acd_decision_p99_us", large.p99_us, "us", 1e6 / least, 20, false);
	print("acd_decisions_per_s_1k_agents", small.rate, "1/s", 0, 0, true);
	print("acd_decisions_per_s_10k_agents", middle.rate, "1/s", 0, 0, true);
	/* a hundred times the agents: log(100,000) / log(1,000) = 1.67 times the cost */
	print("acd_growth_1k_to_100k", small.rate / large.rate, "x", 0, 1.67, false);
	print("acd_agent_bytes", large.agent_bytes, "B", 0, 0, false);
	print("acd_call_bytes", large.call_bytes, "B", 0, 0, false);
	return 0;
}
