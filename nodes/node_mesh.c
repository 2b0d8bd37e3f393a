/*
 * The mesh on libre's loop. ZeroMQ's descriptor is edge-triggered: it is drained after every
 * wake-up, in batches; between two of one flood a timer of 0 ms stands for the edge that will not
 * come.
 */
#include "nodes/node.h"
#include "nodes/node_last.h"
#include "nodes/node_neighbour.h"
#include "nodes/desk/desk.h"
#include "nodes/node_tasks.h"
#include "common/live/live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* Messages, and time, before timers and SIP get their turn. A sign-in may cost a
	 * millisecond on a busy machine, and thousands may come at once; a tenth of a beat
	 * (BEAT_MS) later the node says again that it lives. */
	DRAIN_BATCH = 256,
	DRAIN_US = 10000,
};

static void drain_h(void *arg);

static void drain_soon(struct node *n)
{
	if (!tmr_isrunning(&n->tmr_mesh))
		tmr_start(&n->tmr_mesh, 0, drain_h, n);
}

int node_mesh_send(struct node *n, uint16_t to, Envelope *env, const void *payload, size_t len)
{
	return mesh_send(n->mesh, to, env, payload, len);
}

static void got_acd(struct node *n, const Envelope *env)
{
	const Acd *pb = &env->body.acd;
	struct acd_event ev = {
	    .type = ACD_EV_MSG, .from = {(uint16_t)env->from}, .from_boot = env->boot};
	if (wire_acd_other_skills(pb, n->skills_mark))
		return; /* another configuration: what the bits mean differs for a moment */
	if (wire_acd_from_pb(&ev.msg, pb)) {
		log_warn("wire.bad_acd", "from=%u type=%u", (unsigned)env->from,
			 (unsigned)pb->type);
		return;
	}
	struct acd_offer_id offer = ev.msg.offer;
	struct acd_session_id session = ev.msg.session;
	enum acd_msg_type type = ev.msg.type;
	if (offer_carries(type))
		offer_note(n, &ev.msg, (uint16_t)env->from, pb);
	(void)node_event(n, &ev);
	if (type == ACD_MSG_GRANT || type == ACD_MSG_RECALL) {
		struct acd_agent_view view;
		if (!acd_agent_get(n->acd, session, n->now_us, &view) || view.offer.v != offer.v)
			offer_drop(n, offer.v, OFFER_AGENT); /* refused */
	} else if (type == ACD_MSG_OWNER) {
		offer_note_end(n, offer.v);
	}
}

static void got_queue_stats(struct node *n, const QueueStats *qs)
{
	bool changed = false;
	for (pb_size_t i = 0; i < qs->entries_count; i++) {
		const QueueStats_Entry *e = &qs->entries[i];
		const struct conf_queue *q = conf_queue_by_id(n->conf, e->queue);
		if (!q)
			continue; /* of another configuration */
		struct node_queue_stats *was = &n->queue_stats[q - n->conf->queues];
		if (!was->known || was->waiting != e->waiting || was->idle != e->idle ||
		    was->longest_ms != e->longest_ms || was->ewt_ms != e->ewt_ms ||
		    was->ewt_error_ms != e->ewt_error_ms)
			changed = true;
		*was = (struct node_queue_stats){.waiting = e->waiting,
						 .idle = e->idle,
						 .longest_ms = e->longest_ms,
						 .ewt_ms = e->ewt_ms,
						 .ewt_error_ms = e->ewt_error_ms,
						 .known = true};
	}
	desk_queues_came(n->desk, changed, qs->round);
}

static void got(struct node *n, Envelope *env, const uint8_t *payload, size_t len)
{
	uint16_t from = (uint16_t)env->from;
	if (node_neighbour_got(n, env))
		return;
	if (addr_is_node(from))
		desk_peer_heard(n->desk, from, env->boot);
	switch (env->which_body) {
	case Envelope_acd_tag: got_acd(n, env); break;
	case Envelope_gw_tag:
		if (addr_is_gateway(from))
			desk_frame(n->desk, from, env->boot, &env->body.gw, payload, len);
		break;
	case Envelope_task_copy_tag:
		if (addr_is_node(from))
			node_tasks_copy_came(n, from, &env->body.task_copy);
		break;
	case Envelope_task_seen_tag:
		if (addr_is_node(from))
			node_tasks_seen_came(n, from, &env->body.task_seen);
		break;
	case Envelope_wrap_tag: /* a gateway carries what pages say, sealed; it says nothing itself
				 */
		if (addr_is_node(from))
			calls_wrap(n, env->body.wrap.call, env->body.wrap.disposition,
				   env->body.wrap.note);
		break;
	case Envelope_node_status_tag:
		if (addr_is_node(from)) {
			desk_peer_status(n->desk, from, env->body.node_status.draining);
			node_last_peer(n, from, env->boot);
		}
		break;
	case Envelope_served_tag:
		if (addr_is_node(from))
			node_last_came(n, from, &env->body.served);
		break;
	case Envelope_session_claim_tag:
		if (addr_is_node(from))
			desk_claim(n->desk, from, &env->body.session_claim);
		break;
	case Envelope_wall_ask_tag:
		if (addr_is_node(from))
			node_wall_asked(n, from, &env->body.wall_ask);
		break;
	case Envelope_wall_news_tag:
		if (addr_is_node(from))
			node_wall_news(n, from, env->boot, &env->body.wall_news);
		break;
	case Envelope_force_tag:
		if (addr_is_node(from))
			desk_force(n->desk, from, &env->body.force);
		break;
	case Envelope_forced_tag:
		if (addr_is_node(from))
			desk_forced(n->desk, &env->body.forced);
		break;
	case Envelope_queue_stats_tag:
		if (addr_is_broker(from) && addr_site(from) == addr_site(n->self->addr))
			got_queue_stats(n, &env->body.queue_stats);
		break;
	case Envelope_login_hint_tag:
		if (addr_is_node(from))
			desk_login_hint(n->desk, &env->body.login_hint);
		break;
	default: /* or a newer peer says something we do not know yet */
		if (!n->loading && !n->returning.head)
			(void)live_message(n->live, env, payload, len, mono_us());
	}
}

static void drain(struct node *n)
{
	uint64_t until_us = mono_us() + DRAIN_US;
	for (int i = 0; i < DRAIN_BATCH && (i == 0 || mono_us() < until_us); i++) {
		Envelope env;
		const uint8_t *payload;
		size_t len;
		if (mesh_recv(n->mesh, &env, &payload, &len))
			return;
		got(n, &env, payload, len);
	}
	drain_soon(n);
}

static void drain_h(void *arg)
{
	drain(arg);
}

static void mesh_fd_h(int flags, void *arg)
{
	(void)flags;
	drain(arg);
}

static void status_h(void *arg)
{
	struct node *n = arg;
	tmr_start(&n->tmr_status, NODE_STATUS_MS, status_h, n);
	for (uint32_t i = 0; i < n->conf->daemons_n; i++) {
		const struct conf_daemon *d = &n->conf->daemons[i];
		/* Gateways choose by it, the site's brokers show it, nodes notice who came back. */
		if (d == n->self ||
		    (d->role == CONF_BROKER && addr_site(d->addr) != addr_site(n->self->addr)))
			continue;
		Envelope env = Envelope_init_zero;
		env.which_body = Envelope_node_status_tag;
		NodeStatus *st = &env.body.node_status;
		st->sessions = desk_sessions(n->desk);
		st->calls = n->calls_n;
		st->calls_max = n->self->calls_max;
		st->draining = n->draining || st->sessions >= n->self->sessions_max;
		st->config_hash = n->conf->hash;
		st->cert.size = (pb_size_t)n->cert_len;
		memcpy(st->cert.bytes, n->cert, n->cert_len);
		(void)node_mesh_send(n, d->addr, &env, NULL, 0);
	}
}

int node_mesh_open(struct node *n, char ret_why[256])
{
	tmr_init(&n->tmr_mesh);
	tmr_init(&n->tmr_status);
	n->queue_stats = calloc(n->conf->queues_n + 1u, sizeof(*n->queue_stats));
	if (!n->queue_stats || node_claims_open(n)) {
		snprintf(ret_why, 256, "out of memory");
		return ENOMEM;
	}
	int err = mesh_open(&n->mesh, n->conf, n->self->addr, n->boot, ret_why);
	if (err)
		return err;
	err = fd_listen(mesh_fd(n->mesh), FD_READ, mesh_fd_h, n);
	if (err)
		return err;
	tmr_start(&n->tmr_status, 0, status_h, n);
	drain_soon(n);
	return 0;
}

void node_mesh_close(struct node *n)
{
	tmr_cancel(&n->tmr_mesh);
	tmr_cancel(&n->tmr_status);
	node_claims_close(n);
	if (n->mesh)
		fd_close(mesh_fd(n->mesh));
	n->mesh = mesh_free(n->mesh);
	free(n->queue_stats);
	n->queue_stats = NULL;
}
