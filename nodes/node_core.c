/*
 * Events in, effects out. Effects never step the core themselves: what they cause is queued in
 * `pending` and stepped in order, so that the core sees one event at a time.
 */
#include "nodes/node.h"
#include "nodes/node_neighbour.h"
#include "nodes/desk/desk.h"
#include "common/trace/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { PENDING_START = 64, PENDING_MAX = 65536 };

static void deadline_arm(struct node *n);
static int deadline_open(struct node *n);

uint64_t node_id_next(struct node *n)
{
	/* Not the core's own numbers: replaying a trace gives the same digest then. */
	n->id_seq = (n->id_seq + 1) & ((1u << ID_SEQ_BITS) - 1);
	if (n->id_seq == 0)
		n->id_seq = 1;
	return id_make(n->self->addr, n->boot, n->id_seq);
}

/* What conf.brokers points to is the caller's to free. */
static int core_conf(struct node *n, struct acd_conf *conf, struct acd_addr *brokers)
{
	struct acd_queue_conf *queues = NULL;
	*conf = (struct acd_conf){
	    .role = ACD_ROLE_NODE,
	    .self = {n->self->addr},
	    .boot = n->boot,
	    .calls_max = n->self->calls_max,
	    .agents_max = n->self->sessions_max,
	    .brokers = brokers,
	};
	acd_timers_default(&conf->timers);
	for (uint32_t i = 0; i < n->conf->daemons_n; i++) {
		if (n->conf->daemons[i].role == CONF_BROKER)
			brokers[conf->brokers_n++].v = n->conf->daemons[i].addr;
	}
	int err = conf_acd_queues(n->conf, &queues, &conf->queues_n);
	conf->queues = queues;
	return err;
}

static int core_start(struct node *n, const struct acd_conf *conf, const char *trace_path,
		      char ret_why[256])
{
	size_t size = acd_size(conf);
	void *mem = size ? calloc(1, size) : NULL;
	n->pending = calloc(PENDING_START, sizeof(*n->pending));
	n->pending_cap = PENDING_START;
	if (mem && n->pending)
		n->acd = acd_init(mem, conf);
	if (!n->acd) {
		free(mem);
		snprintf(ret_why, 256,
			 "calls_max, sessions_max or the number of queues is too large");
		return size ? ENOMEM : EINVAL;
	}
	int err = trace_path ? trace_open(&n->trace, trace_path, conf) : 0;
	if (err)
		snprintf(ret_why, 256, "cannot write the trace %.160s: %s", trace_path,
			 strerror(err));
	return err;
}

int core_open(struct node *n, const char *trace_path, char ret_why[256])
{
	struct acd_conf conf;
	struct acd_addr *brokers = calloc(n->conf->daemons_n, sizeof(*brokers));
	int err = brokers ? core_conf(n, &conf, brokers) : ENOMEM;
	if (err) {
		snprintf(ret_why, 256, "%s", strerror(err));
	} else {
		err = core_start(n, &conf, trace_path, ret_why);
		free((void *)conf.queues);
	}
	free(brokers);
	if (err)
		return err;
	err = deadline_open(n);
	if (err)
		snprintf(ret_why, 256, "%s", strerror(err));
	return err;
}

int core_reconfigure(struct node *n, const struct conf *fresh, char ret_why[256])
{
	struct acd_conf conf = {0};
	struct acd_addr *brokers = calloc(n->conf->daemons_n, sizeof(*brokers));
	struct acd_queue_conf *queues = NULL;
	int err = brokers ? core_conf(n, &conf, brokers) : ENOMEM;
	free((void *)conf.queues);
	if (!err)
		err = conf_acd_queues(fresh, &queues, &conf.queues_n);
	conf.queues = queues;
	size_t size = err ? 0 : acd_size(&conf);
	void *mem = size ? calloc(1, size) : NULL;
	struct acd *acd = mem ? acd_reconfigure(mem, n->acd, &conf) : NULL;
	if (acd) {
		if (n->trace)
			trace_reconf(n->trace, &conf);
		free(n->acd);
		n->acd = acd;
	} else {
		free(mem);
		snprintf(ret_why, 256, "the core refuses these queues: too many, or out of memory");
		err = EINVAL;
	}
	free(queues);
	free(brokers);
	return err;
}

void core_close(struct node *n)
{
	if (n->trace && n->acd)
		trace_digest(n->trace, acd_digest(n->acd));
	n->trace = trace_close(n->trace);
	if (n->deadline_fd > 0) {
		fd_close(n->deadline_fd);
		(void)close(n->deadline_fd);
		n->deadline_fd = 0;
	}
	free(n->acd);
	free(n->pending);
	free(n->deferred);
	n->deferred = NULL;
	n->acd = NULL;
	n->pending = NULL;
}

/* Every step of the core goes through here, so that a trace holds every event. */
static enum acd_verdict step(struct node *n, const struct acd_event *ev)
{
	if (n->trace)
		trace_event(n->trace, ev);
	return acd_step(n->acd, ev, &n->fx);
}

static bool pending_push(struct node *n, const struct acd_event *ev)
{
	if (n->pending_n == n->pending_cap) {
		size_t cap = n->pending_cap * 2;
		if (cap > PENDING_MAX)
			return false;
		struct acd_event *bigger = calloc(cap, sizeof(*bigger));
		if (!bigger)
			return false;
		for (size_t i = 0; i < n->pending_n; i++)
			bigger[i] = n->pending[(n->pending_head + i) % n->pending_cap];
		free(n->pending);
		n->pending = bigger;
		n->pending_cap = cap;
		n->pending_head = 0;
	}
	n->pending[(n->pending_head + n->pending_n++) % n->pending_cap] = *ev;
	return true;
}

static bool pending_pop(struct node *n, struct acd_event *ret)
{
	if (!n->pending_n)
		return false;
	*ret = n->pending[n->pending_head];
	n->pending_head = (n->pending_head + 1) % n->pending_cap;
	n->pending_n--;
	return true;
}

static void fx_send(struct node *n, const struct acd_fx *fx)
{
	const struct acd_msg *msg = &fx->msg;
	if (!n->time_held && node_neighbour_lapsed(n))
		return; /* we slept within this very step */
	if (fx->to.v == n->self->addr) {
		struct acd_event ev = {
		    .type = ACD_EV_MSG, .from = fx->to, .from_boot = n->boot, .msg = *msg};
		if (!pending_push(n, &ev))
			log_error("core.pending_full", "limit=%d", PENDING_MAX);
		return;
	}
	Envelope env = Envelope_init_zero;
	env.which_body = Envelope_acd_tag;
	wire_acd_to_pb(&env.body.acd, msg);
	env.body.acd.skills_of = n->skills_mark;
	if (offer_carries(msg->type)) {
		int err = offer_attach(n, msg, fx->to.v, &env.body.acd);
		if (err) {
			log_warn("offer.no_media", "err=%s remedy=\"widen media_ports\"",
				 log_quote(strerror(err)));
			struct acd_event ev = {.type = ACD_EV_MEDIA_FAILED, .offer = msg->offer};
			(void)pending_push(n, &ev);
			return;
		}
	}
	int err = node_mesh_send(n, fx->to.v, &env, NULL, 0);
	if (msg->type == ACD_MSG_CLAIM)
		node_claim_sent(n, fx->to.v, err);
}

static void fx_apply(struct node *n, const struct acd_fx *fx)
{
	node_metrics_fx(n, fx);
	switch (fx->type) {
	case ACD_FX_SEND: fx_send(n, fx); break;
	case ACD_FX_CALL: calls_fx(n, fx); break;
	case ACD_FX_AGENT: desk_fx_agent(n->desk, fx); break;
	case ACD_FX_RING: desk_fx_ring(n->desk, fx); break;
	case ACD_FX_TALK: desk_fx_talk(n->desk, fx); break;
	case ACD_FX_OFFER_END: desk_fx_offer_end(n->desk, fx); break;
	case ACD_FX_GROUP: calls_fx_group(n, fx); break;
	case ACD_FX_ISLAND:
		n->island = fx->on;
		log_warn(fx->on ? "island.on" : "island.off", "why=\"%s\"",
			 fx->on ? "no broker of the site answers" : "a broker answers");
		break;
	case ACD_FX_OWNER: desk_fx_owner(n->desk, fx); break;
	case ACD_FX_TYPE_COUNT: break;
	}
}

static enum acd_verdict step_one(struct node *n, struct acd_event *ev)
{
	uint64_t now = mono_us();
	n->now_us = now > n->now_us && !n->time_held ? now : n->now_us;
	ev->now = n->now_us;
	enum acd_verdict v = step(n, ev);
	if (v != ACD_OK)
		n->counters.refused_events++;
	node_metrics_event(n, ev, v);
	for (;;) {
		for (uint32_t i = 0; i < n->fx.n; i++)
			fx_apply(n, &n->fx.fx[i]);
		if (!n->fx.more)
			break;
		struct acd_event more = {.type = ACD_EV_TIME, .now = n->now_us};
		(void)step(n, &more);
	}
	return v;
}

/* While another node may own our calls nothing is decided. What people did waits; what time did
 * comes again, and so does what the protocol said. Apart from `pending`: what was adopted is let go
 * before any of it is stepped. */
static void defer(struct node *n, const struct acd_event *ev)
{
	if (ev->type == ACD_EV_TIME || ev->type == ACD_EV_MSG)
		return;
	if (n->deferred_n == n->deferred_cap) {
		size_t cap = n->deferred_cap ? 2 * n->deferred_cap : PENDING_START;
		struct acd_event *p =
		    cap > PENDING_MAX ? NULL : realloc(n->deferred, cap * sizeof(*p));
		if (!p) {
			log_error("core.deferred_full", "limit=%d", PENDING_MAX);
			return;
		}
		n->deferred = p;
		n->deferred_cap = cap;
	}
	n->deferred[n->deferred_n++] = *ev;
}

void node_core_go_on(struct node *n)
{
	struct acd_event time = {.type = ACD_EV_TIME}, *all = n->deferred;
	size_t count = n->deferred_n;
	n->deferred = NULL;
	n->deferred_n = n->deferred_cap = 0;
	for (size_t i = 0; i < count; i++)
		(void)node_event(n, &all[i]);
	free(all);
	(void)node_event(n, &time);
}

enum acd_verdict node_event(struct node *n, struct acd_event *ev)
{
	if (!n->time_held && !n->stepping && node_neighbour_lapsed(n)) {
		defer(n, ev);
		return ACD_OK;
	}
	if (n->stepping) {
		if (!pending_push(n, ev))
			log_error("core.pending_full", "limit=%d", PENDING_MAX);
		return ACD_OK;
	}
	n->stepping = true;
	media_hold(n->media);
	enum acd_verdict v = step_one(n, ev);
	struct acd_event next;
	while (pending_pop(n, &next))
		(void)step_one(n, &next);
	media_release(n->media);
	n->stepping = false;
	if (n->trace && trace_flush(n->trace)) {
		log_error("trace.stopped", "err=%s", log_quote(strerror(errno)));
		n->trace = trace_close(n->trace);
	}
	deadline_arm(n);
	return v;
}

/* ---- when the core wants to be called again ----
 * A descriptor of our own, not a timer of libre's: those count milliseconds, and setting this one
 * later costs nothing. */

static void deadline_h(int flags, void *arg)
{
	struct node *n = arg;
	uint64_t expired;
	(void)flags;
	if (read(n->deadline_fd, &expired, sizeof(expired)) < 0)
		return; /* set anew meanwhile */
	n->deadline_us = 0;
	if (mono_us() >= acd_deadline(n->acd)) {
		struct acd_event ev = {.type = ACD_EV_TIME};
		(void)node_event(n, &ev);
	} else {
		deadline_arm(n);
	}
}

static int deadline_open(struct node *n)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (fd < 0)
		return errno;
	int err = fd_listen(fd, FD_READ, deadline_h, n);
	if (err) {
		(void)close(fd);
		return err;
	}
	n->deadline_fd = fd;
	deadline_arm(n);
	return 0;
}

/* What is set too early is left alone (it looks again when it fires): most deadlines only move
 * away, and then a message costs no system call. */
static void deadline_arm(struct node *n)
{
	acd_time_us at = acd_deadline(n->acd);
	if (at == UINT64_MAX || (n->deadline_us && n->deadline_us <= at))
		return;
	n->deadline_us = at ? at : 1; /* zero would mean "never" to the kernel, too */
	struct itimerspec its = {.it_value = {.tv_sec = (time_t)(n->deadline_us / 1000000u),
					      .tv_nsec = (long)(n->deadline_us % 1000000u) * 1000}};
	helio_assert(timerfd_settime(n->deadline_fd, TFD_TIMER_ABSTIME, &its, NULL) == 0);
}
