/*
 * What the node tells those who watch it. Counts that nobody else keeps are taken from the core's
 * events and effects as they pass (node_core.c); everything else is read where it lies when a page
 * is asked for.
 */
#include "nodes/node.h"
#include "nodes/node_neighbour.h"
#include "nodes/node_tasks.h"
#include "nodes/desk/desk.h"
#include "nodes/journal/journal.h"
#include "common/metrics/shared.h"
#include "common/seal/seal.h"
#include "common/live/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { OUTCOMES = ACD_OUTCOME_FAILED + 1, CAUSES = ACD_CAUSE_CLOSED + 1 };

struct node_queue_counts {
	uint64_t entered, requeued, answered, within, ended[OUTCOMES];
	struct metrics_hist wait, talk;
};

struct node_metrics {
	struct metrics_server *server;    /* NULL: no metrics: in the configuration */
	struct node_queue_counts *queues; /* as conf->queues */
	struct metrics_acd acd;
	uint64_t rings, offers_ended[CAUSES];
	uint64_t rx_packets, tx_packets, rx_lost, rx_bad;
	int64_t cert_until_s;
};

/* ---- counting as it happens ---------------------------------------------------------------- */

static struct node_queue_counts *counts_of(const struct node *n, uint32_t queue)
{
	const struct conf_queue *q = conf_queue_by_id(n->conf, queue);
	return q ? &n->metrics->queues[q - n->conf->queues] : NULL;
}

void node_metrics_event(struct node *n, const struct acd_event *ev, enum acd_verdict verdict)
{
	struct node_metrics *m = n->metrics;
	if (ev->type == ACD_EV_MSG && ev->msg.type < ACD_MSG_TYPE_COUNT)
		m->acd.in[ev->msg.type]++;
	if (ev->type != ACD_EV_CALL_ARRIVED || verdict != ACD_OK)
		return;
	struct node_queue_counts *q = counts_of(n, ev->queue.v);
	if (q)
		q->entered++;
}

static void call_fx(struct node *n, const struct acd_fx *fx)
{
	const struct call *c = node_call_find(n, fx->call.v);
	struct node_queue_counts *q = counts_of(n, fx->queue.v);
	if (!c || !q)
		return;
	uint64_t now = mono_us();
	switch ((enum acd_call_state)fx->call_state) {
	case ACD_CALL_QUEUED: q->requeued += c->offers > 0; break;
	case ACD_CALL_BRIDGED:
		if (c->answered_us)
			break; /* again, after its first agent was lost */
		q->answered++;
		q->within += now - c->entered_us <= c->queue->sl_within_ms * 1000ull;
		metrics_hist_add(&q->wait, METRIC_WAIT, now - c->entered_us);
		break;
	case ACD_CALL_ENDED:
		if (fx->outcome < OUTCOMES)
			q->ended[fx->outcome]++;
		if (c->answered_us)
			metrics_hist_add(&q->talk, METRIC_TALK, now - c->answered_us);
		break;
	case ACD_CALL_NONE:
	case ACD_CALL_GRANTED:
	case ACD_CALL_AWAIT_AGENT: break;
	}
}

void node_metrics_fx(struct node *n, const struct acd_fx *fx)
{
	struct node_metrics *m = n->metrics;
	switch (fx->type) {
	case ACD_FX_SEND:
		if (fx->msg.type < ACD_MSG_TYPE_COUNT)
			m->acd.out[fx->msg.type]++;
		break;
	case ACD_FX_CALL: call_fx(n, fx); break;
	case ACD_FX_RING: m->rings++; break;
	case ACD_FX_OFFER_END:
		if (fx->cause < CAUSES)
			m->offers_ended[fx->cause]++;
		break;
	case ACD_FX_AGENT:
	case ACD_FX_TALK:
	case ACD_FX_ISLAND:
	case ACD_FX_OWNER:
	case ACD_FX_GROUP:
	case ACD_FX_TYPE_COUNT: break;
	}
}

void node_metrics_media(struct node *n, const struct media_event *ev)
{
	struct node_metrics *m = n->metrics;
	if (ev->type != MEDIA_EV_CLOSED)
		return;
	m->rx_packets += ev->stats.rx_packets;
	m->tx_packets += ev->stats.tx_packets;
	m->rx_lost += ev->stats.rx_lost;
	m->rx_bad += ev->stats.rx_bad;
}

/* ---- the page ------------------------------------------------------------------------------- */

static void put_queue_counts(const struct node *n, struct metrics_out *o)
{
	const struct conf *c = n->conf;
	const struct node_queue_counts *q = n->metrics->queues;
#define EACH(statement)                               \
	for (uint32_t i = 0; i < c->queues_n; i++) {  \
		const char *name = c->queues[i].name; \
		statement;                            \
	}
	EACH(metrics_put1(o, METRIC_CALLS_ENTERED, q[i].entered, name))
	EACH(for (uint8_t k = ACD_OUTCOME_ANSWERED; k < OUTCOMES; k++)
		 metrics_put2(o, METRIC_CALLS_ENDED, q[i].ended[k], name, acd_outcome_name(k)))
	EACH(metrics_put1(o, METRIC_CALLS_REQUEUED, q[i].requeued, name))
	EACH(metrics_put1(o, METRIC_CALLS_ANSWERED, q[i].answered, name))
	EACH(metrics_put1(o, METRIC_CALLS_ANSWERED_WITHIN, q[i].within, name))
	EACH(metrics_micro1(o, METRIC_QUEUE_ANSWER_WITHIN, c->queues[i].sl_within_ms * 1000ull,
			    name))
	EACH(metrics_micro1(o, METRIC_QUEUE_TARGET, c->queues[i].sl_target_pct * 10000ull, name))
	/* A thousand queues with two histograms each would be most of the page, and most are empty.
	 */
	metrics_family(o, METRIC_WAIT);
	EACH(if (q[i].entered) metrics_hist_put1(o, METRIC_WAIT, &q[i].wait, name))
	metrics_family(o, METRIC_TALK);
	EACH(if (q[i].entered) metrics_hist_put1(o, METRIC_TALK, &q[i].talk, name))
#undef EACH
}

static void put_queues(const struct node *n, struct metrics_out *o, uint64_t now)
{
	const enum metric which[] = {METRIC_QUEUE_WAITING, METRIC_QUEUE_LONGEST_WAIT};
	struct acd_queue_view v;
	for (size_t k = 0; k < HELIO_ARRAY_LEN(which); k++) {
		uint32_t it = 0;
		while (acd_queue_next(n->acd, &it, now, &v)) {
			const struct conf_queue *q = conf_queue_by_id(n->conf, v.queue.v);
			if (!q)
				continue;
			if (which[k] == METRIC_QUEUE_WAITING)
				metrics_put1(o, which[k], v.waiting, q->name);
			else
				metrics_micro1(o, which[k], v.waiting ? v.head_age_us : 0, q->name);
		}
	}
}

static void put_states(const struct node *n, struct metrics_out *o, uint64_t now)
{
	uint64_t calls[ACD_CALL_ENDED + 1] = {0}, agents[ACD_AGENT_GRACE + 1] = {0};
	struct acd_call_view c;
	struct acd_agent_view a;
	uint32_t it = 0;
	while (acd_call_next(n->acd, &it, now, &c))
		if (c.state < HELIO_ARRAY_LEN(calls))
			calls[c.state]++;
	it = 0;
	while (acd_agent_next(n->acd, &it, now, &a))
		if (a.state < HELIO_ARRAY_LEN(agents))
			agents[a.state]++;
	for (uint8_t s = ACD_CALL_QUEUED; s < ACD_CALL_ENDED; s++)
		metrics_put1(o, METRIC_CALLS, calls[s], acd_call_state_name(s));
	metrics_put(o, METRIC_CALLS_MAX, n->self->calls_max);
	metrics_put(o, METRIC_CALLS_UNPROTECTED, node_journal_unprotected(n));
	metrics_put(o, METRIC_LEGS_SILENT, n->silent_now);
	metrics_put(o, METRIC_CALLS_SILENT_ENDED, n->counters.silent_ended);
	for (uint8_t s = ACD_AGENT_NOT_READY; s <= ACD_AGENT_GRACE; s++)
		metrics_put1(o, METRIC_SESSIONS, agents[s], acd_agent_state_name(s));
	metrics_put(o, METRIC_SESSIONS_MAX, n->self->sessions_max);
}

static void put_offers(const struct node *n, struct metrics_out *o)
{
	const struct node_metrics *m = n->metrics;
	metrics_put(o, METRIC_OFFERS, n->counters.offers);
	metrics_put(o, METRIC_RINGS, m->rings);
	for (uint8_t c = ACD_CAUSE_CALLER_HUNG_UP; c < CAUSES; c++)
		metrics_put1(o, METRIC_OFFERS_ENDED, m->offers_ended[c], acd_cause_name(c));
}

static void put_sip(const struct node *n, struct metrics_out *o)
{
	const struct sip_ua_counters *s = sip_ua_counters(n->ua);
	const struct {
		const char *event;
		uint64_t n;
	} row[] = {
	    {"invite", s->invites},
	    {"accepted", s->accepted},
	    {"rejected", s->rejected},
	    {"cancelled", s->cancelled},
	    {"bye", s->byes},
	    {"bad_request", s->bad_requests},
	    {"retransmit", s->retransmits},
	    {"silenced", s->silenced},
	    {"limited", s->limited},
	    {"overloaded", s->overloaded},
	    {"loop", s->loops},
	    {"lockout", s->lockouts},
	    {"tcp_refused", s->tcp_refused},
	    {"tcp_cut", s->tcp_cut},
	};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(row); i++)
		metrics_put1(o, METRIC_SIP, row[i].n, row[i].event);
}

static void put_desk_shield(const struct node *n, struct metrics_out *o)
{
	const struct desk_abuse a = desk_abuse(n->desk);
	metrics_put1(o, METRIC_DESK_SHIELD, a.denied, "denied");
	metrics_put1(o, METRIC_DESK_SHIELD, a.login_lockouts, "lockout");
	metrics_put1(o, METRIC_DESK_SHIELD, a.bad_frames, "bad_frame");
	metrics_put1(o, METRIC_DESK_SHIELD, a.too_fast, "too_fast");
}

static void put_media(const struct node *n, struct metrics_out *o)
{
	const struct node_metrics *m = n->metrics;
	struct media_usage u;
	media_usage_get(n->media, &u);
	metrics_put(o, METRIC_MEDIA_LEGS, u.legs);
	metrics_put(o, METRIC_MEDIA_LEGS_MAX, u.legs_max);
	metrics_put(o, METRIC_MEDIA_PORTS_USED, u.ports);
	metrics_put(o, METRIC_MEDIA_PORTS, u.ports_max);
	metrics_put1(o, METRIC_MEDIA_PACKETS, m->rx_packets, "in");
	metrics_put1(o, METRIC_MEDIA_PACKETS, m->tx_packets, "out");
	metrics_put(o, METRIC_MEDIA_LOST, m->rx_lost);
	metrics_put(o, METRIC_MEDIA_BAD, m->rx_bad);
}

static void put_journal(const struct node *n, struct metrics_out *o)
{
	struct journal_counters c = {0};
	if (n->journal)
		journal_counters(n->journal, &c);
	const struct {
		const char *event;
		uint64_t n;
	} row[] = {
	    {"put", c.puts},          {"ack", c.acks},
	    {"late", c.late},         {"lost", c.lost},
	    {"error", c.errors},      {"timeout", c.timeouts},
	    {"tampered", c.tampered}, {"reconnect", c.reconnects},
	};
	metrics_family(o, METRIC_JOURNAL_UP);
	if (n->journal) {
		metrics_put1(o, METRIC_JOURNAL_UP, journal_is_up(n->journal, JOURNAL_OWN), "own");
		metrics_put1(o, METRIC_JOURNAL_UP, journal_is_up(n->journal, JOURNAL_ADOPTER),
			     "adopter");
	}
	metrics_micro(o, METRIC_JOURNAL_RTT, c.last_rtt_us);
	for (size_t i = 0; i < HELIO_ARRAY_LEN(row); i++)
		metrics_put1(o, METRIC_JOURNAL_EVENTS, row[i].n, row[i].event);
}

static void put_neighbour(const struct node *n, struct metrics_out *o)
{
	struct neighbour_status s;
	node_neighbour_status(n, &s);
	metrics_put(o, METRIC_CALLS_ADOPTED, s.adopted);
	metrics_put(o, METRIC_NODES_ADOPTED, s.adoptions);
	metrics_micro(o, METRIC_ADOPT_DETECT, s.last_detect_us);
	metrics_micro(o, METRIC_ADOPT_TOOK, s.last_adopt_us);
	metrics_put(o, METRIC_LEASE_OVER, s.lapsed);
	metrics_put(o, METRIC_LEASES_OVER, s.lapses);
}

static void put_stores(const struct node *n, struct metrics_out *o)
{
	static const struct presence_counters none;
	const struct presence_counters *p = n->presence ? presence_counters(n->presence) : &none;
	struct records_counters r;
	const struct {
		const char *event;
		uint64_t n;
	} row[] = {
	    {"write", p->writes},         {"stale", p->stale},      {"error", p->errors},
	    {"reconnect", p->reconnects}, {"timeout", p->timeouts}, {"dropped", p->dropped},
	};
	records_counters_get(n->records, &r);
	metrics_put1(o, METRIC_RECORDS, r.written, "written");
	metrics_put1(o, METRIC_RECORDS, r.errors, "error");
	metrics_put1(o, METRIC_RECORDS, r.dropped, "dropped");
	metrics_put(o, METRIC_RECORDS_PENDING, r.pending);
	metrics_put(o, METRIC_PRESENCE_UP, n->presence && presence_is_up(n->presence));
	metrics_micro(o, METRIC_PRESENCE_RTT, p->last_rtt_us);
	for (size_t i = 0; i < HELIO_ARRAY_LEN(row); i++)
		metrics_put1(o, METRIC_PRESENCE_EVENTS, row[i].n, row[i].event);
}

static void put_tasks(const struct node *n, struct metrics_out *o)
{
	struct tasks_figures f;
	node_tasks_figures(n, &f);
	metrics_put(o, METRIC_TASKS_OPEN, f.open);
	metrics_put(o, METRIC_TASKS_UNCOPIED, f.uncopied);
	metrics_put(o, METRIC_TASKS_PENDING, f.pending);
	metrics_put(o, METRIC_TASKS_ERRORS, f.errors);
}

static void collect_h(struct metrics_out *o, void *arg)
{
	const struct node *n = arg;
	uint64_t now = mono_us();
	live_metrics(n->live, o);
	metrics_mesh(o, mesh_counters(n->mesh));
	metrics_acd(o, &n->metrics->acd);
	metrics_put(o, METRIC_ACD_REFUSED, n->counters.refused_events);
	put_queue_counts(n, o);
	put_queues(n, o, now);
	put_states(n, o, now);
	put_offers(n, o);
	put_sip(n, o);
	put_desk_shield(n, o);
	put_media(n, o);
	put_stores(n, o);
	put_tasks(n, o);
	put_journal(n, o);
	put_neighbour(n, o);
	metrics_put(o, METRIC_ISLAND, n->island);
	metrics_put(o, METRIC_DRAINING, n->draining);
	metrics_family(o, METRIC_CERT_EXPIRY);
	if (n->metrics->cert_until_s > 0)
		metrics_put1(o, METRIC_CERT_EXPIRY, (uint64_t)n->metrics->cert_until_s, "session");
}

/* A fault says: send no new callers here. What callers do not notice is a note. */
static void health_h(struct metrics_health *h, void *arg)
{
	const struct node *n = arg;
	struct records_counters r;
	if (!n->ua)
		metrics_health_fault(h, "starting: the journal is being read");
	if (n->draining)
		metrics_health_fault(h, "draining: no new calls and sign-ins");
	if (n->calls_n >= n->self->calls_max)
		metrics_health_fault(h, "full: calls_max is reached");
	struct neighbour_status s;
	node_neighbour_status(n, &s);
	if (s.lapsed)
		metrics_health_fault(h, "silent: its neighbour may own its calls, and is asked");
	if (n->island)
		metrics_health_note(h, "no broker of its site answers: it matches its own callers");
	if (n->presence && !presence_is_up(n->presence))
		metrics_health_note(
		    h, "presence Redis does not answer; calls are routed all the same");
	if (n->journal && !node_journal_is_up(n))
		metrics_health_note(h, "journal Redis does not answer: new calls are unprotected");
	records_counters_get(n->records, &r);
	if (r.dropped)
		metrics_health_note(h, "call records were lost: look at its disk");
	else if (r.pending && r.errors)
		metrics_health_note(h, "call records wait for the disk");
	struct tasks_figures t;
	node_tasks_figures(n, &t);
	if (t.pending && t.errors)
		metrics_health_note(h,
				    "tasks wait for the disk: callers keep their places meanwhile");
}

/* ---- life ----------------------------------------------------------------------------------- */

static void server_fd_h(int flags, void *arg)
{
	struct node *n = arg;
	(void)flags;
	metrics_server_step(n->metrics->server);
}

/* The certificate was checked when the desk opened; here only its end is of interest. */
static int64_t cert_until_s(const struct node *n)
{
	char path[CONF_PATH_SIZE + 16];
	uint8_t pub[SEAL_KEY_LEN];
	struct seal_cert cert;
	snprintf(path, sizeof(path), "%s/cluster.pub", n->conf->keys_dir);
	if (seal_file_read(path, pub, sizeof(pub), false) ||
	    seal_cert_open(&cert, n->cert, n->cert_len, pub, wall_ms() / 1000))
		return 0;
	return cert.not_after_s;
}

struct node_queue_counts *node_metrics_counts(const struct node *n, const struct conf *fresh)
{
	return conf_by_queue(n->conf, fresh, n->metrics->queues, sizeof(*n->metrics->queues));
}

void node_metrics_counts_set(struct node *n, struct node_queue_counts *counts)
{
	free(n->metrics->queues);
	n->metrics->queues = counts;
}

int node_metrics_init(struct node *n)
{
	n->metrics = calloc(1, sizeof(*n->metrics));
	if (n->metrics)
		n->metrics->queues = calloc(n->conf->queues_n + 1, sizeof(*n->metrics->queues));
	return n->metrics && n->metrics->queues ? 0 : ENOMEM;
}

int node_metrics_open(struct node *n, char ret_why[256])
{
	struct node_metrics *m = n->metrics;
	const struct metrics_server_conf conf = {
	    .host = n->self->bind,
	    .port = n->self->metrics_port,
	    .role = METRICS_NODE,
	    .version = HELIO_VERSION,
	    .cluster = n->conf->cluster,
	    .name = n->self->name,
	    .started_us = n->started_us,
	    .collect_h = collect_h,
	    .health_h = health_h,
	    .arg = n,
	};
	m->cert_until_s = cert_until_s(n);
	if (!conf.port)
		return 0;
	int err = metrics_server_open(&m->server, &conf, ret_why);
	return err ? err : fd_listen(metrics_server_fd(m->server), FD_READ, server_fd_h, n);
}

void node_metrics_close(struct node *n)
{
	struct node_metrics *m = n->metrics;
	if (m && m->server)
		fd_close(metrics_server_fd(m->server));
	if (m)
		m->server = metrics_server_close(m->server);
}

void node_metrics_free(struct node *n)
{
	if (n->metrics)
		free(n->metrics->queues);
	free(n->metrics);
	n->metrics = NULL;
}
