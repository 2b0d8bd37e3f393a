/*
 * Hostile peers and absent-minded shells: any event, any message, at a node and at a broker of the
 * same site that hear each other. No rule that acd_check() knows may break, whatever comes.
 *
 * Input: steps of 16 bytes: daemon and kind, elapsed time, and fields that mostly name what exists.
 */
#include <stdlib.h>
#include <string.h>

#include "common/acd/acd.h"
#include "common/base/base.h"

enum { STEP = 16, KNOWN = 16, LOOP_MAX = 256 };

struct pair {
	struct acd *acd[2];
	struct acd_addr addr[2];
	acd_time_us now;
	uint64_t known[KNOWN]; /* ids seen lately, so that the input can name them */
	uint32_t known_n;
	struct acd_msg loop[LOOP_MAX];
	uint8_t to[LOOP_MAX], from[LOOP_MAX];
	uint32_t loop_n;
};

static const struct acd_queue_conf queues[2] = {
	{.id = {1}, .overflow_no_idle = true, .wrap_up_ms = 100, .ring_timeout_ms = 500},
	{.id = {2},
	 .skills = {1},
	 .overflow_timed = true,
	 .overflow_after_ms = 300,
	 .ring_timeout_ms = 500,
	 .levels = {{5}},
	 .strategy = ACD_MOST_SKILLED,
	 .ageing_ms = 400,
	 .max_length = 6,
	 .max_wait_ms = 3000,
	 .missed_limit = 2,
	 .relax_n = 2,
	 .relax = {{.after_ms = 200, .skills = {1}, .levels = {{2}}}, {.after_ms = 500}}},
};

static void learn(struct pair *p, uint64_t id)
{
	if (id)
		p->known[p->known_n++ % KNOWN] = id;
}

static void step(struct pair *p, unsigned d, struct acd_event *ev)
{
	static struct acd_effects fx;
	bool more = true;

	for (unsigned round = 0; more; round++) {
		helio_assert(round < 100000);
		ev->now = p->now;
		uint64_t before = acd_digest(p->acd[d]);
		if (acd_step(p->acd[d], ev, &fx) != ACD_OK)
			helio_assert(before == acd_digest(p->acd[d]));
		more = fx.more;
		for (uint32_t i = 0; i < fx.n; i++) {
			learn(p, fx.fx[i].offer.v);
			if (fx.fx[i].type != ACD_FX_SEND)
				continue;
			learn(p, fx.fx[i].msg.offer.v);
			for (unsigned to = 0; to < 2; to++) {
				if (p->addr[to].v != fx.fx[i].to.v || p->loop_n == LOOP_MAX)
					continue;
				p->to[p->loop_n] = (uint8_t)to;
				p->from[p->loop_n] = (uint8_t)d;
				p->loop[p->loop_n++] = fx.fx[i].msg;
			}
		}
		*ev = (struct acd_event){.type = ACD_EV_TIME};
	}
	acd_check(p->acd[d]);
}

static void deliver(struct pair *p)
{
	uint32_t n = p->loop_n;

	for (uint32_t i = 0; i < n; i++) {
		struct acd_event ev = {.type = ACD_EV_MSG,
				       .from = p->addr[p->from[i]],
				       .from_boot = 1,
				       .msg = p->loop[i]};
		step(p, p->to[i], &ev);
	}
	memmove(p->loop, p->loop + n, (p->loop_n - n) * sizeof(p->loop[0]));
	memmove(p->to, p->to + n, p->loop_n - n);
	memmove(p->from, p->from + n, p->loop_n - n);
	p->loop_n -= n;
}

static uint64_t name(const struct pair *p, uint8_t b)
{
	return b < KNOWN * 2 ? p->known[b % KNOWN] : b;
}

static void forge(const struct pair *p, const uint8_t *in, struct acd_event *ev)
{
	static const uint16_t froms[] = {0x101, 0x102, 0x140, 0x141, 0x201, 0x240, 0x001, 0x160};

	ev->from.v = froms[in[4] % 8];
	ev->from_boot = in[5] & 3;
	ev->msg = (struct acd_msg){
		.type = (enum acd_msg_type)in[6],
		.offer = {name(p, in[7])},
		.call = {name(p, in[8])},
		.session = {name(p, in[9])},
		.agent = {in[10] & 15u},
		.skills = {in[10] >> 4},
		.levels = {{in[12] & 15u}},
		.talk_us = in[12],
		.turn_us = in[13],
		.taken = in[14],
		.rank = in[12],
		.stage = in[11] >> 4 & 7,
		.queue = {in[11] & 3u},
		.cepoch = 64u + (in[11] >> 2 & 3u),
		.version = in[12],
		.digest = in[13] & 3u,
		.age_us = (uint64_t)in[13] << (in[14] & 63),
		.count = in[14] & 7u,
		.wanted = in[14] >> 5,
		.node = {froms[in[15] % 8]},
		.peer = {froms[in[15] / 8 % 8]},
		.site = (uint8_t)(froms[in[15] / 8 % 8] >> 8),
		.state = in[5] >> 2 & 3,
		.cause = in[5] >> 4,
		.ring_timeout_ms = 200,
		.wrap_up_ms = 50,
	};
}

static void one(struct pair *p, const uint8_t *in)
{
	unsigned d = in[0] & 1;
	struct acd_event ev = {
		.type = (enum acd_event_type)(in[1] % (ACD_EV_TYPE_COUNT + 1)),
		.call = {name(p, in[8])},
		.session = {name(p, in[9])},
		.agent = {1u + (in[10] & 15u)},
		.skills = {in[10] >> 4},
		.levels = {{in[12] & 15u}},
		.rank = in[13],
		.queue = {in[11] & 3u},
		.offer = {name(p, in[7])},
		.age_us = in[13],
		.priority = in[12] & 1,
		.cause = in[5] >> 3,
		.reason = in[5] & 7,
		.on = in[5] & 1,
	};

	p->now += (uint64_t)in[2] << (in[3] & 15);
	if (ev.type == ACD_EV_MSG)
		forge(p, in, &ev);
	if (ev.type == ACD_EV_CALL_ARRIVED && in[8] & 1)
		learn(p, ev.call.v = acd_id_next(p->acd[d]));
	if (ev.type == ACD_EV_AGENT_SIGN_IN && in[9] & 1)
		learn(p, ev.session.v = acd_id_next(p->acd[d]));
	step(p, d, &ev);
	if (in[0] & 2)
		deliver(p);
	if (in[0] & 4)
		p->loop_n = 0; /* all that was under way is lost */
}

static void *start(struct pair *p, unsigned d)
{
	static const struct acd_addr nodes[] = {{0x101}, {0x102}}, brokers[] = {{0x140}, {0x240}};
	struct acd_conf conf = {.role = d ? ACD_ROLE_BROKER : ACD_ROLE_NODE,
				.self = d ? brokers[0] : nodes[0],
				.boot = 1,
				.calls_max = 4,
				.agents_max = 4,
				.queues_n = 2,
				.queues = queues,
				.nodes_n = 2,
				.nodes = nodes,
				.brokers_n = 2,
				.brokers = brokers};

	acd_timers_default(&conf.timers);
	void *mem = malloc(acd_size(&conf));
	helio_assert(mem);
	p->acd[d] = acd_init(mem, &conf);
	p->addr[d] = conf.self;
	return mem;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pair p;

	memset(&p, 0, sizeof(p));
	p.now = 1000000;
	void *node = start(&p, 0), *broker = start(&p, 1);
	for (size_t at = 0; at + STEP <= size && at < 200 * STEP; at += STEP)
		one(&p, data + at);
	free(node);
	free(broker);
	return 0;
}
