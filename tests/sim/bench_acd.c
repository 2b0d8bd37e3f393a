/*
 * acd_bench: how many decisions a second one broker core makes, and how that grows with the site.
 *
 * A decision is the whole matcher's work for one call: it is announced, the longest-idle able agent
 * is reserved, the claim comes, the oldest caller is picked, both leave the mirror, and the agent
 * comes back as idle. The node's side is played by this program, without a network. Half of the
 * agents are idle; skills are a set of 3 out of 32, a queue needs one or two. Output: JSON lines.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/acd/acd.h"
#include "common/base/base.h"

enum { QUEUES = 1000, NODES = 60, SKILLS = 32 };

struct bench {
	struct acd *acd;
	void *mem;
	size_t bytes;
	acd_time_us now;
	uint32_t agents;
	uint64_t *version; /* by agent */
	uint64_t calls, decisions, rng;
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

static void tell(struct bench *b, struct acd_addr from, struct acd_msg m);

static void answer(struct bench *b, const struct acd_fx *fx)
{
	const struct acd_msg *m = &fx->msg;
	uint32_t agent = (uint32_t)m->agent.v - 1;

	if (m->type == ACD_MSG_RESERVE) {
		tell(b, fx->to,
		     (struct acd_msg){.type = ACD_MSG_AGENT_DOWN,
				      .agent = m->agent,
				      .session = m->session,
				      .version = ++b->version[agent]});
		tell(b, fx->to,
		     (struct acd_msg){.type = ACD_MSG_CLAIM,
				      .offer = m->offer,
				      .agent = m->agent,
				      .session = m->session,
				      .queue = m->queue,
				      .skills = {skills_of(agent)},
				      .node = fx->to});
	} else if (m->type == ACD_MSG_PICK) {
		tell(b, fx->to,
		     (struct acd_msg){
			 .type = ACD_MSG_CALL_DOWN, .call = m->call, .version = m->call.v});
		tell(b, fx->to,
		     (struct acd_msg){.type = ACD_MSG_PICK_OK, .offer = m->offer, .call = m->call});
		b->decisions++;
		tell(b, node_of(agent),
		     (struct acd_msg){.type = ACD_MSG_AGENT_UP,
				      .agent = m->agent,
				      .session = m->session,
				      .skills = {skills_of(agent)},
				      .version = ++b->version[agent]});
	}
}

static void tell(struct bench *b, struct acd_addr from, struct acd_msg m)
{
	struct acd_event ev = {
	    .type = ACD_EV_MSG, .now = b->now, .from = from, .from_boot = 1, .msg = m};
	struct acd_fx todo[4];
	uint32_t n = 0;

	helio_assert(acd_step(b->acd, &ev, &b->fx) == ACD_OK);
	for (uint32_t i = 0; i < b->fx.n && n < HELIO_ARRAY_LEN(todo); i++)
		if (b->fx.fx[i].type == ACD_FX_SEND)
			todo[n++] = b->fx.fx[i];
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
	*b = (struct bench){.agents = agents, .rng = 88172645463325252u, .now = 1000000};
	b->bytes = acd_size(&conf);
	helio_assert(b->bytes > 0);
	b->mem = malloc(b->bytes);
	b->version = calloc(agents, sizeof(*b->version));
	helio_assert(b->mem && b->version);
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
		     (struct acd_msg){.type = ACD_MSG_AGENT_UP,
				      .agent = {i + 1},
				      .session = {i + 1},
				      .skills = {skills_of(i)},
				      .age_us = rnd(b) % 1000000,
				      .version = ++b->version[i]});
}

static void call(struct bench *b)
{
	uint64_t id = (uint64_t)addr_make(1, 1) << 48 | ++b->calls;

	b->now++;
	tell(b, node_of(b->calls),
	     (struct acd_msg){.type = ACD_MSG_CALL_UP,
			      .call = {id},
			      .queue = {1 + (uint32_t)(rnd(b) % QUEUES)},
			      .version = b->calls});
}

static double run(uint32_t agents, uint64_t *ret_p99_ns)
{
	static struct bench b;
	enum { SAMPLES = 200000, BATCH = 16 };
	static uint32_t took[SAMPLES / BATCH];
	uint32_t bucket[4096] = {0}, seen = 0;

	open_site(&b, agents);
	sign_in(&b);
	uint64_t start = mono_us(), last = start;
	for (uint32_t i = 0; i < SAMPLES; i++) {
		call(&b);
		if (i % BATCH == BATCH - 1) {
			uint64_t t = mono_us();
			took[i / BATCH] = (uint32_t)(t - last);
			last = t;
		}
	}
	uint64_t us = last - start;
	for (uint32_t i = 0; i < SAMPLES / BATCH; i++)
		bucket[took[i] < 4095 ? took[i] : 4095]++;
	uint32_t t = 0;
	while (t < 4095 && (seen += bucket[t]) < SAMPLES / BATCH * 99u / 100)
		t++;
	*ret_p99_ns = (uint64_t)t * 1000 / BATCH;
	double rate = (double)b.decisions * 1e6 / (double)us;
	free(b.mem);
	free(b.version);
	return rate;
}

int main(void)
{
	static const struct {
		uint32_t agents;
		const char *suffix;
	} sizes[] = {{1000, "_1k_agents"}, {10000, "_10k_agents"}, {100000, ""}};

	for (unsigned i = 0; i < HELIO_ARRAY_LEN(sizes); i++) {
		uint64_t p99;
		double rate = run(sizes[i].agents, &p99);
		printf("{\"name\":\"acd_decisions_per_s%s\",\"value\":%.0f,\"unit\":\"1/s\"}\n",
		       sizes[i].suffix, rate);
		printf("{\"name\":\"acd_decision_p99_us%s\",\"value\":%.2f,\"unit\":\"us\"}\n",
		       sizes[i].suffix, (double)p99 / 1000);
	}
	return 0;
}
