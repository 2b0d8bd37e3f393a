/* What a broker tells those who watch it, and its own look at rule L1. */
#include "broker/broker.h"
#include "common/live/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { L1_LATE_US = 1000000 }; /* rule L1 grants a second and two round trips */

struct broker_queue_watch {
	uint64_t coexist_us;
	uint64_t since_us; /* waiting beside idle, seen at each tick since then; 0: not */
};

static const struct conf_queue *queue_of(const struct broker *b, const struct acd_queue_view *v)
{
	return conf_queue_by_id(b->conf, v->queue.v);
}

/* A queue in which somebody waits while somebody is idle is well for a moment (the claim is under
 * way). Seen at two ticks in a row, with a caller older than the second that L1 grants, it is not;
 * the time between the ticks is counted. Several pairs one after the other may look the same under
 * load, so the alert wants more of it. */
void broker_metrics_tick(struct broker *b)
{
	struct acd_queue_view v;
	uint32_t it = 0;
	while (acd_queue_next(b->acd, &it, b->now_us, &v)) {
		const struct conf_queue *q = queue_of(b, &v);
		if (!q)
			continue;
		struct broker_queue_watch *w = &b->watched[q - b->conf->queues];
		bool both = v.waiting && v.idle && v.head_age_us > L1_LATE_US;
		if (both && w->since_us)
			w->coexist_us += b->now_us - w->since_us;
		w->since_us = both ? b->now_us : 0;
	}
}

/* ---- the page ------------------------------------------------------------------------------- */

static void put_peers_of(const struct broker *b, struct metrics_out *o, enum metric m,
			 enum conf_role role, const char *role_name)
{
	for (uint32_t s = 0; s < b->conf->sites_n; s++) {
		const struct conf_site *site = &b->conf->sites[s];
		uint64_t known = 0, up = 0;
		for (uint32_t i = 0; i < b->peers_n; i++) {
			const struct broker_peer *p = &b->peers[i];
			if (p->daemon->role != role || addr_site(p->daemon->addr) != site->number)
				continue;
			known++;
			up += p->up;
		}
		if (known)
			metrics_put2(o, m, m == METRIC_PEERS_UP ? up : known, role_name,
				     site->name);
	}
}

static void put_peers(const struct broker *b, struct metrics_out *o)
{
	uint64_t other = 0;
	const enum metric which[] = {METRIC_PEERS_UP, METRIC_PEERS_KNOWN};
	for (size_t k = 0; k < HELIO_ARRAY_LEN(which); k++) {
		metrics_family(o, which[k]);
		put_peers_of(b, o, which[k], CONF_NODE, "node");
		put_peers_of(b, o, which[k], CONF_BROKER, "broker");
	}
	for (uint32_t i = 0; i < b->peers_n; i++)
		other += b->peers[i].up && b->peers[i].status_known &&
			 b->peers[i].config_hash != b->conf->hash;
	metrics_put(o, METRIC_PEERS_OTHER_CONFIG, other);
}

static void put_queue(struct metrics_out *o, enum metric m, const char *name,
		      const struct acd_queue_view *v)
{
	if (m == METRIC_SITE_WAITING)
		metrics_put1(o, m, v->waiting, name);
	else if (m == METRIC_SITE_LONGEST_WAIT)
		metrics_micro1(o, m, v->waiting ? v->head_age_us : 0, name);
	else if (m == METRIC_SITE_IDLE)
		metrics_put1(o, m, v->idle, name);
	else if (m == METRIC_SITE_EWT)
		metrics_micro1(o, m, v->ewt_us, name);
	else if (m == METRIC_SITE_EWT_ERROR)
		metrics_micro1(o, m, v->ewt_error_us, name);
	else
		metrics_put1(o, m, v->remote_waiting, name);
}

static void put_queues(const struct broker *b, struct metrics_out *o, uint64_t now)
{
	const enum metric which[] = {METRIC_SITE_WAITING, METRIC_SITE_LONGEST_WAIT,
				     METRIC_SITE_IDLE,    METRIC_SITE_REMOTE_WAITING,
				     METRIC_SITE_EWT,     METRIC_SITE_EWT_ERROR};
	struct acd_queue_view v;
	for (size_t k = 0; k < HELIO_ARRAY_LEN(which); k++) {
		uint32_t it = 0;
		while (acd_queue_next(b->acd, &it, now, &v)) {
			const struct conf_queue *q = queue_of(b, &v);
			if (q)
				put_queue(o, which[k], q->name, &v);
		}
	}
	for (uint32_t i = 0; i < b->conf->queues_n; i++)
		metrics_micro1(o, METRIC_SITE_COEXIST, b->watched[i].coexist_us,
			       b->conf->queues[i].name);
}

static void collect_h(struct metrics_out *o, void *arg)
{
	const struct broker *b = arg;
	live_metrics(b->live, o);
	metrics_mesh(o, mesh_counters(b->mesh));
	metrics_acd(o, &b->acd_messages);
	metrics_put(o, METRIC_ACD_REFUSED, b->counters.refused);
	put_peers(b, o);
	put_queues(b, o, mono_us());
	metrics_put(o, METRIC_BROKER_EVENTS, b->counters.events);
	metrics_put1(o, METRIC_BROKER_DROPPED, b->counters.bad_acd, "bad_acd");
	metrics_put1(o, METRIC_BROKER_DROPPED, b->counters.not_ours, "not_ours");
	metrics_put1(o, METRIC_BROKER_DROPPED, b->counters.pending_dropped, "pending");
}

static void health_h(struct metrics_health *h, void *arg)
{
	const struct broker *b = arg;
	unsigned nodes = 0, nodes_up = 0;
	for (uint32_t i = 0; i < b->peers_n; i++) {
		nodes += b->peers[i].daemon->role == CONF_NODE;
		nodes_up += b->peers[i].daemon->role == CONF_NODE && b->peers[i].up;
	}
	if (nodes && !nodes_up)
		metrics_health_fault(h, "no node of its site is heard: nothing to match");
	else if (nodes_up < nodes)
		metrics_health_note(h, "not every node of its site is heard");
}

/* ---- life ----------------------------------------------------------------------------------- */

static int fd_h(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
	struct broker *b = arg;
	(void)loop;
	(void)item;
	metrics_server_step(b->metrics);
	return 0;
}

struct broker_queue_watch *broker_metrics_watched(const struct broker *b, const struct conf *fresh)
{
	return conf_by_queue(b->conf, fresh, b->watched, sizeof(*b->watched));
}

int broker_metrics_init(struct broker *b)
{
	b->watched = calloc(b->conf->queues_n + 1, sizeof(*b->watched));
	return b->watched ? 0 : ENOMEM;
}

int broker_metrics_open(struct broker *b, char ret_why[256])
{
	const struct metrics_server_conf conf = {
	    .host = b->self->mesh.host,
	    .port = b->self->metrics_port,
	    .role = METRICS_BROKER,
	    .version = HELIO_VERSION,
	    .cluster = b->conf->cluster,
	    .name = b->self->name,
	    .started_us = b->started_us,
	    .collect_h = collect_h,
	    .health_h = health_h,
	    .arg = b,
	};
	if (!conf.port)
		return 0;
	int err = metrics_server_open(&b->metrics, &conf, ret_why);
	if (err)
		return err;
	zmq_pollitem_t item = {.fd = metrics_server_fd(b->metrics), .events = ZMQ_POLLIN};
	if (zloop_poller(b->loop, &item, fd_h, b)) {
		snprintf(ret_why, 256, "out of memory");
		return ENOMEM;
	}
	return 0;
}

void broker_metrics_close(struct broker *b)
{
	b->metrics = metrics_server_close(b->metrics);
	free(b->watched);
	b->watched = NULL;
}
