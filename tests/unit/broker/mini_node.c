#include "tests/unit/broker/mini_node.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mini_open(struct mini_node *n, const struct cluster *c, uint16_t addr, uint32_t boot)
{
	char why[256];
	struct acd_addr brokers[8];
	struct acd_queue_conf *queues = NULL;
	memset(n, 0, sizeof(*n));
	n->c = c;
	n->addr = addr;
	n->boot = boot;
	struct acd_conf conf = {.role = ACD_ROLE_NODE,
				.self = {addr},
				.boot = boot,
				.calls_max = 100,
				.agents_max = 100,
				.brokers = brokers};
	acd_timers_default(&conf.timers);
	for (uint32_t i = 0; i < c->conf->daemons_n; i++)
		if (c->conf->daemons[i].role == CONF_BROKER)
			brokers[conf.brokers_n++].v = c->conf->daemons[i].addr;
	helio_assert(conf_acd_queues(c->conf, &queues, &conf.queues_n) == 0);
	conf.queues = queues;
	void *mem = malloc(acd_size(&conf));
	n->acd = acd_init(mem, &conf);
	helio_assert(n->acd);
	free(queues);
	if (mesh_open(&n->mesh, c->conf, addr, boot, why)) {
		fprintf(stderr, "%s\n", why);
		exit(1);
	}
}

void mini_close(struct mini_node *n)
{
	n->mesh = mesh_free(n->mesh);
	free(n->acd);
	n->acd = NULL;
}

static void fx_ring(struct mini_node *n, const struct acd_fx *fx)
{
	helio_assert(n->rings_n < MINI_RINGS);
	n->rings[n->rings_n++] = (struct mini_ring){fx->session.v, fx->offer.v, fx->call.v, false};
}

static void fx_apply(struct mini_node *n, const struct acd_fx *fx)
{
	if (fx->type == ACD_FX_SEND && fx->to.v == n->addr) {
		helio_assert(n->pending_n < MINI_PENDING);
		n->pending[n->pending_n++] = (struct acd_event){
		    .type = ACD_EV_MSG, .from = {n->addr}, .from_boot = n->boot, .msg = fx->msg};
	} else if (fx->type == ACD_FX_SEND) {
		Envelope env = Envelope_init_zero;
		env.which_body = Envelope_acd_tag;
		wire_acd_to_pb(&env.body.acd, &fx->msg);
		(void)mesh_send(n->mesh, fx->to.v, &env, NULL, 0);
	} else if (fx->type == ACD_FX_RING) {
		fx_ring(n, fx);
	} else if (fx->type == ACD_FX_OFFER_END) {
		for (uint32_t i = 0; i < n->rings_n; i++)
			if (n->rings[i].offer == fx->offer.v)
				n->rings[i].ended = true;
	} else if (fx->type == ACD_FX_ISLAND) {
		n->island = fx->on;
	}
}

static enum acd_verdict step(struct mini_node *n, struct acd_event *ev)
{
	uint64_t now = mono_us();
	n->now_us = now > n->now_us ? now : n->now_us;
	ev->now = n->now_us;
	enum acd_verdict v = acd_step(n->acd, ev, &n->fx);
	for (;;) {
		for (uint32_t i = 0; i < n->fx.n; i++)
			fx_apply(n, &n->fx.fx[i]);
		if (!n->fx.more)
			break;
		struct acd_event more = {.type = ACD_EV_TIME, .now = n->now_us};
		acd_step(n->acd, &more, &n->fx);
	}
	acd_check(n->acd);
	return v;
}

enum acd_verdict mini_event(struct mini_node *n, struct acd_event *ev)
{
	enum acd_verdict v = step(n, ev);
	while (n->pending_n) {
		struct acd_event next = n->pending[0];
		memmove(n->pending, n->pending + 1, --n->pending_n * sizeof(next));
		step(n, &next);
	}
	return v;
}

uint64_t mini_caller(struct mini_node *n, const char *queue)
{
	struct acd_event ev = {.type = ACD_EV_CALL_ARRIVED, .call = {acd_id_next(n->acd)}};
	const struct conf_queue *q = conf_queue_by_name(n->c->conf, queue);
	ev.queue.v = q->id;
	helio_assert(mini_event(n, &ev) == ACD_OK);
	return ev.call.v;
}

uint64_t mini_agent(struct mini_node *n, const char *name)
{
	struct acd_event ev = {.type = ACD_EV_AGENT_SIGN_IN,
			       .session = {acd_id_next(n->acd)},
			       .agent = {hash_str(name)},
			       .skills = {UINT64_MAX}};
	helio_assert(mini_event(n, &ev) == ACD_OK);
	struct acd_event ready = {.type = ACD_EV_AGENT_READY, .session = ev.session};
	helio_assert(mini_event(n, &ready) == ACD_OK);
	return ev.session.v;
}

void mini_accept(struct mini_node *n, const struct mini_ring *r)
{
	struct acd_event ev = {
	    .type = ACD_EV_AGENT_ACCEPT, .session = {r->session}, .offer = {r->offer}};
	helio_assert(mini_event(n, &ev) == ACD_OK);
}

void mini_hang_up(struct mini_node *n, uint64_t call)
{
	struct acd_event ev = {
	    .type = ACD_EV_CALL_GONE, .call = {call}, .cause = ACD_CAUSE_CALLER_HUNG_UP};
	helio_assert(mini_event(n, &ev) == ACD_OK);
}

uint8_t mini_call_state(struct mini_node *n, uint64_t call)
{
	struct acd_call_view v;
	return acd_call_get(n->acd, (struct acd_call_id){call}, n->now_us, &v) ? v.state
									       : ACD_CALL_NONE;
}

uint8_t mini_agent_state(struct mini_node *n, uint64_t session)
{
	struct acd_agent_view v;
	return acd_agent_get(n->acd, (struct acd_session_id){session}, n->now_us, &v)
		   ? v.state
		   : ACD_AGENT_OFF;
}

const struct mini_ring *mini_ringing(struct mini_node *n, uint64_t session)
{
	for (uint32_t i = 0; i < n->rings_n; i++)
		if (n->rings[i].session == session && !n->rings[i].ended)
			return &n->rings[i];
	return NULL;
}

static void got(struct mini_node *n, const Envelope *env)
{
	if (env->which_body == Envelope_acd_tag) {
		struct acd_event ev = {
		    .type = ACD_EV_MSG, .from = {(uint16_t)env->from}, .from_boot = env->boot};
		helio_assert(wire_acd_from_pb(&ev.msg, &env->body.acd) == 0);
		mini_event(n, &ev);
	} else if (env->which_body == Envelope_queue_stats_tag) {
		n->stats = env->body.queue_stats;
		n->stats_n++;
	} else if (env->which_body == Envelope_ping_tag && env->body.ping.reply) {
		n->pongs++;
	}
}

static void turn(struct mini_node **nodes)
{
	struct pollfd fds[MINI_NODES];
	nfds_t k = 0;
	for (; nodes[k]; k++) {
		Envelope env;
		const uint8_t *payload;
		size_t len;
		while (mesh_recv(nodes[k]->mesh, &env, &payload, &len) == 0)
			got(nodes[k], &env);
		if (mono_us() >= acd_deadline(nodes[k]->acd)) {
			struct acd_event ev = {.type = ACD_EV_TIME};
			mini_event(nodes[k], &ev);
		}
		fds[k] = (struct pollfd){.fd = mesh_fd(nodes[k]->mesh), .events = POLLIN};
	}
	poll(fds, k, 5);
}

int mini_until(struct mini_node **nodes, mini_condition_h *cond, void *arg)
{
	uint64_t end = mono_us() + WAIT_MS * 1000ull;
	while (!cond(arg)) {
		if (mono_us() >= end)
			return ETIMEDOUT;
		turn(nodes);
	}
	return 0;
}
