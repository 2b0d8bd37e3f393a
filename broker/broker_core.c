/*
 * Events in, effects out. Effects never step the core themselves: what the core sends to itself is
 * queued and stepped in order, so that it sees one event at a time.
 */
#include "broker/broker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The daemons of conf that the core speaks with, and the limits that follow from them. */
struct membership {
	struct acd_addr nodes[ACD_NODES_PER_SITE_MAX];
	struct acd_addr brokers[CONF_SITES_MAX * ACD_BROKERS_PER_SITE_MAX];
};

static int members(const struct broker *b, struct membership *m, struct acd_conf *conf)
{
	conf->nodes = m->nodes;
	conf->brokers = m->brokers;
	for (uint32_t i = 0; i < b->conf->daemons_n; i++) {
		const struct conf_daemon *d = &b->conf->daemons[i];
		if (d->role == CONF_BROKER) {
			if (conf->brokers_n == HELIO_ARRAY_LEN(m->brokers))
				return E2BIG;
			m->brokers[conf->brokers_n++].v = d->addr;
		} else if (d->role == CONF_NODE && addr_site(d->addr) == b->site->number) {
			if (conf->nodes_n == HELIO_ARRAY_LEN(m->nodes))
				return E2BIG;
			m->nodes[conf->nodes_n++].v = d->addr;
			conf->calls_max += d->calls_max;
			conf->agents_max += d->sessions_max;
		}
	}
	return 0;
}

static int core_init(struct broker *b, const struct acd_conf *conf, char ret_why[static 256])
{
	size_t size = acd_size(conf);
	if (size == 0) {
		snprintf(ret_why, 256,
			 "%u calls, %u sessions, %u queues, %u nodes: more than one broker holds",
			 conf->calls_max, conf->agents_max, conf->queues_n, conf->nodes_n);
		return E2BIG;
	}
	void *mem = arena_alloc(size);
	if (!mem) {
		snprintf(ret_why, 256, "no memory for the core: %zu bytes", size);
		return ENOMEM;
	}
	b->acd = acd_init(mem, conf);
	if (!b->acd) {
		free(mem);
		snprintf(ret_why, 256, "the core refuses this configuration");
		return EINVAL;
	}
	return 0;
}

static int trace_start(struct broker *b, const struct acd_conf *conf, const char *path,
		       char ret_why[static 256])
{
	int err = trace_open(&b->trace, path, conf);
	if (err)
		snprintf(ret_why, 256, "cannot write the trace %.160s: %s", path, strerror(err));
	return err;
}

int broker_core_open(struct broker *b, const char *trace_path, char ret_why[256])
{
	struct membership m;
	struct acd_queue_conf *queues = NULL;
	struct acd_conf conf = {.role = ACD_ROLE_BROKER, .self = {b->self->addr}, .boot = b->boot};
	b->deadline_timer = -1;
	acd_timers_default(&conf.timers);
	int err = members(b, &m, &conf);
	if (!err)
		err = conf_acd_queues(b->conf, &queues, &conf.queues_n);
	if (err) {
		snprintf(ret_why, 256, "the configuration does not fit the core: %s",
			 strerror(err));
		return err;
	}
	conf.queues = queues;
	err = core_init(b, &conf, ret_why);
	if (!err && trace_path)
		err = trace_start(b, &conf, trace_path, ret_why);
	free(queues);
	return err;
}

int broker_core_reconfigure(struct broker *b, const struct conf *fresh, char ret_why[256])
{
	struct membership m;
	struct acd_queue_conf *queues = NULL;
	struct acd_conf conf = {.role = ACD_ROLE_BROKER, .self = {b->self->addr}, .boot = b->boot};
	acd_timers_default(&conf.timers);
	int err = members(b, &m, &conf);
	if (!err)
		err = conf_acd_queues(fresh, &queues, &conf.queues_n);
	conf.queues = queues;
	size_t size = err ? 0 : acd_size(&conf);
	void *mem = size ? arena_alloc(size) : NULL;
	struct acd *acd = mem ? acd_reconfigure(mem, b->acd, &conf) : NULL;
	if (acd) {
		if (b->trace)
			trace_reconf(b->trace, &conf);
		free(b->acd);
		b->acd = acd;
	} else {
		free(mem);
		snprintf(ret_why, 256, "the core refuses these queues: too many, or out of memory");
		err = EINVAL;
	}
	free(queues);
	return err;
}

void broker_core_close(struct broker *b)
{
	if (b->trace && b->acd)
		trace_digest(b->trace, acd_digest(b->acd));
	b->trace = trace_close(b->trace);
	free(b->acd);
	b->acd = NULL;
}

static void pending_push(struct broker *b, const struct acd_event *ev)
{
	if (b->pending_n == BROKER_PENDING_MAX) {
		b->counters.pending_dropped++;
		return;
	}
	b->pending[(b->pending_head + b->pending_n++) % BROKER_PENDING_MAX] = *ev;
}

static bool pending_pop(struct broker *b, struct acd_event *ret)
{
	if (b->pending_n == 0)
		return false;
	*ret = b->pending[b->pending_head];
	b->pending_head = (b->pending_head + 1) % BROKER_PENDING_MAX;
	b->pending_n--;
	return true;
}

static void fx_send(struct broker *b, const struct acd_fx *fx)
{
	if (fx->msg.type < ACD_MSG_TYPE_COUNT)
		b->acd_messages.out[fx->msg.type]++;
	if (fx->to.v == b->self->addr) {
		struct acd_event ev = {
		    .type = ACD_EV_MSG, .from = fx->to, .from_boot = b->boot, .msg = fx->msg};
		pending_push(b, &ev);
		return;
	}
	Envelope env = Envelope_init_zero;
	env.which_body = Envelope_acd_tag;
	wire_acd_to_pb(&env.body.acd, &fx->msg);
	env.body.acd.skills_of = b->skills_mark;
	/* What cannot go now is counted by the mesh and repeated by the core. */
	(void)mesh_send(b->mesh, fx->to.v, &env, NULL, 0);
}

static void effects(struct broker *b)
{
	for (uint32_t i = 0; i < b->fx.n; i++) {
		/* A broker's core has no calls and no sessions to speak of. */
		helio_assert(b->fx.fx[i].type == ACD_FX_SEND);
		fx_send(b, &b->fx.fx[i]);
	}
}

static void step(struct broker *b, struct acd_event *ev)
{
	uint64_t now = mono_us();
	b->now_us = now > b->now_us ? now : b->now_us;
	ev->now = b->now_us;
	b->counters.events++;
	if (ev->type == ACD_EV_MSG && ev->msg.type < ACD_MSG_TYPE_COUNT)
		b->acd_messages.in[ev->msg.type]++;
	if (b->trace)
		trace_event(b->trace, ev);
	if (acd_step(b->acd, ev, &b->fx) != ACD_OK)
		b->counters.refused++;
	effects(b);
	while (b->fx.more) {
		struct acd_event more = {.type = ACD_EV_TIME, .now = b->now_us};
		if (b->trace)
			trace_event(b->trace, &more);
		(void)acd_step(b->acd, &more, &b->fx);
		effects(b);
	}
}

static void deadline_arm(struct broker *b);

static int deadline_h(zloop_t *loop, int timer, void *arg)
{
	struct broker *b = arg;
	(void)loop;
	(void)timer;
	b->deadline_timer = -1;
	if (mono_us() >= acd_deadline(b->acd)) {
		struct acd_event ev = {.type = ACD_EV_TIME};
		broker_event(b, &ev);
	} else {
		deadline_arm(b);
	}
	return 0;
}

/* A timer that is early is left alone (it looks again when it fires): most deadlines only move
 * away, and then the loop's timers need not change with every message. */
static void deadline_arm(struct broker *b)
{
	acd_time_us at = acd_deadline(b->acd);
	if (at == UINT64_MAX || (b->deadline_timer >= 0 && b->deadline_us <= at))
		return;
	if (b->deadline_timer >= 0)
		zloop_timer_end(b->loop, b->deadline_timer);
	uint64_t now = mono_us();
	size_t delay_ms = at > now ? (size_t)((at - now + 999) / 1000) : 0;
	b->deadline_timer = zloop_timer(b->loop, delay_ms, 1, deadline_h, b);
	b->deadline_us = at;
}

void broker_event(struct broker *b, struct acd_event *ev)
{
	struct acd_event next;
	step(b, ev);
	while (pending_pop(b, &next))
		step(b, &next);
	deadline_arm(b);
}
