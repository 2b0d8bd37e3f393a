/*
 * The mesh on zloop. ZeroMQ's descriptor is edge-triggered: it is drained after every wake-up, in
 * batches, so that timers run under a flood; between two batches of one flood a timer of 0 ms
 * stands for the edge that will not come.
 */
#include "broker/broker.h"
#include "common/live/live.h"

#include <errno.h>

static void got_acd(struct broker *b, const Envelope *env)
{
	struct acd_event ev = {
	    .type = ACD_EV_MSG, .from = {(uint16_t)env->from}, .from_boot = env->boot};
	if (wire_acd_other_skills(&env->body.acd, b->skills_mark)) {
		b->counters.other_skills++; /* for the moment in which daemons change over */
		return;
	}
	if (wire_acd_from_pb(&ev.msg, &env->body.acd)) {
		if (b->counters.bad_acd++ == 0)
			log_warn("wire.bad_acd", "from=%u type=%u", (unsigned)env->from,
				 (unsigned)env->body.acd.type);
		return;
	}
	broker_event(b, &ev);
}

static void got_ping(struct broker *b, Envelope *env)
{
	if (env->body.ping.reply)
		return;
	uint16_t from = (uint16_t)env->from;
	env->body.ping.reply = true;
	(void)mesh_send(b->mesh, from, env, NULL, 0);
}

static void got_beat(struct broker *b, Envelope *env)
{
	uint16_t from = (uint16_t)env->from;
	if (env->body.beat.reply || !addr_is_node(from))
		return;
	beats_answer(&b->beats, &env->body.beat, b->now_us);
	(void)mesh_send(b->mesh, from, env, NULL, 0);
}

/* Said by the neighbour that takes over: a node of that site, as its key shows. */
static void got_gone(struct broker *b, const Envelope *env)
{
	const NodeGone *g = &env->body.node_gone;
	if (g->node > UINT16_MAX || !addr_is_node((uint16_t)env->from) ||
	    addr_site((uint16_t)g->node) != addr_site((uint16_t)env->from) || g->node == env->from)
		return;
	struct acd_event ev = {
	    .type = ACD_EV_NODE_GONE, .from = {(uint16_t)g->node}, .from_boot = g->boot};
	broker_event(b, &ev);
}

static void got(struct broker *b, Envelope *env, const void *payload, size_t len)
{
	struct broker_peer *p = broker_peer_find(b, (uint16_t)env->from);
	beats_heard(&b->beats, (uint16_t)env->from, env->boot, b->now_us);
	if (env->which_body == Envelope_beat_tag) {
		got_beat(b, env);
		return;
	}
	if (env->which_body == Envelope_node_gone_tag) {
		got_gone(b, env);
		return;
	}
	if (env->which_body == Envelope_ping_tag) {
		got_ping(b, env);
		return;
	}
	/* PICK's answers and claims come from nodes of other sites too: the core judges those. */
	if (env->which_body == Envelope_acd_tag)
		got_acd(b, env);
	else if (live_message(b->live, env, payload, len, b->now_us))
		;
	else if (env->which_body == Envelope_node_status_tag && p && p->daemon->role == CONF_NODE)
		broker_peer_status(b, p, &env->body.node_status);
	else
		b->counters.not_ours++;
	if (p)
		broker_peer_heard(b, p, env->boot);
}

static int drain_h(zloop_t *loop, int timer, void *arg);

static void drain(struct broker *b)
{
	uint64_t now = mono_us();
	b->now_us = now > b->now_us ? now : b->now_us;
	(void)beats_look(&b->beats, b->now_us);
	for (int i = 0; i < BROKER_BATCH; i++) {
		Envelope env;
		const uint8_t *payload;
		size_t len;
		if (mesh_recv(b->mesh, &env, &payload, &len))
			return;
		got(b, &env, payload, len);
	}
	if (!b->drain_pending) {
		b->drain_pending = true;
		zloop_timer(b->loop, 0, 1, drain_h, b);
	}
}

static int drain_h(zloop_t *loop, int timer, void *arg)
{
	struct broker *b = arg;
	(void)loop;
	(void)timer;
	b->drain_pending = false;
	drain(b);
	return 0;
}

static int fd_h(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
	(void)loop;
	(void)item;
	drain(arg);
	return 0;
}

int broker_mesh_open(struct broker *b, char ret_why[256])
{
	int err = mesh_open(&b->mesh, b->conf, b->self->addr, b->boot, ret_why);
	if (err)
		return err;
	zmq_pollitem_t item = {.fd = mesh_fd(b->mesh), .events = ZMQ_POLLIN};
	if (zloop_poller(b->loop, &item, fd_h, b)) {
		snprintf(ret_why, 256, "out of memory");
		return ENOMEM;
	}
	drain(b); /* what came before the descriptor was watched */
	return 0;
}

void broker_mesh_close(struct broker *b)
{
	b->mesh = mesh_free(b->mesh);
}

/* ---- figures of queues, for the pages of the site ---- */

enum {
	/* A figure that went to nothing is said some times more, since messages may be lost … */
	QUIET_ROUNDS = 3,
	/* … and everything now and then, for a node that has just started. */
	WHOLE_EVERY = 10,
	ENTRIES_MAX = sizeof(((QueueStats *)0)->entries) / sizeof(QueueStats_Entry),
};

static uint32_t ms_of(uint64_t us)
{
	return us / 1000 > UINT32_MAX ? UINT32_MAX : (uint32_t)(us / 1000);
}

static void stats_flush(struct broker *b, Envelope *env)
{
	if (env->body.queue_stats.entries_count == 0)
		return;
	for (uint32_t i = 0; i < b->peers_n; i++) {
		const struct conf_daemon *d = b->peers[i].daemon;
		if (d->role == CONF_NODE)
			(void)mesh_send(b->mesh, d->addr, env, NULL, 0);
	}
	env->body.queue_stats.entries_count = 0;
}

static bool worth_saying(struct broker *b, const struct acd_queue_view *v, uint32_t i)
{
	uint8_t *quiet = &b->queue_quiet[i];
	if (v->waiting || v->remote_waiting || v->idle)
		*quiet = 0;
	else if (*quiet < QUIET_ROUNDS)
		(*quiet)++;
	else
		return b->round % WHOLE_EVERY == 0;
	return true;
}

void broker_stats_send(struct broker *b)
{
	Envelope env = Envelope_init_zero;
	QueueStats *qs = &env.body.queue_stats;
	struct acd_queue_view v;
	uint32_t it = 0;
	env.which_body = Envelope_queue_stats_tag;
	qs->round = ++b->round;
	for (uint32_t i = 0; i < b->conf->queues_n; i++) {
		if (!acd_queue_next(b->acd, &it, b->now_us, &v))
			break;
		if (!worth_saying(b, &v, i))
			continue;
		qs->entries[qs->entries_count++] = (QueueStats_Entry){
		    .queue = v.queue.v,
		    .waiting = v.waiting + v.remote_waiting,
		    .idle = v.idle,
		    .longest_ms = ms_of(v.head_age_us),
		    .ewt_ms = ms_of(v.ewt_us),
		    .ewt_error_ms = ms_of(v.ewt_error_us),
		};
		if (qs->entries_count == ENTRIES_MAX)
			stats_flush(b, &env);
	}
	stats_flush(b, &env);
}
