/* What helioctl asks of a node: status, queues, agents, calls, records, drain. */
#include "nodes/node.h"
#include "nodes/node_neighbour.h"
#include "nodes/node_tasks.h"
#include "nodes/desk/desk.h"
#include "nodes/journal/journal.h"
#include "common/admin/admin.h"
#include "common/why/why.h"
#include "common/live/live.h"
#include "common/log/events.h"

#include <errno.h>
#include <string.h>

static const char *masked(char out[24], const char *number)
{
	size_t n = strlen(number);
	if (n <= 4)
		snprintf(out, 24, "%s", number);
	else
		snprintf(out, 24, "%.3s..%s", number, number + n - 2);
	return out;
}

/* What was kept out: who floods, scans, drips; whose key or tale is wrong. */
static json_t *shield(const struct node *n)
{
	const struct sip_ua_counters *s = sip_ua_counters(n->ua);
	const struct mesh_counters *m = mesh_counters(n->mesh);
	const struct desk_abuse a = desk_abuse(n->desk);
	const struct {
		const char *name;
		uint64_t value;
	} row[] = {
	    {"login_denied", a.denied},
	    {"login_lockouts", a.login_lockouts},
	    {"desk_bad_frames", a.bad_frames},
	    {"desk_too_fast", a.too_fast},
	    {"silenced", s->silenced},
	    {"limited", s->limited},
	    {"overloaded", s->overloaded},
	    {"loops", s->loops},
	    {"lockouts", s->lockouts},
	    {"tcp_refused", s->tcp_refused},
	    {"tcp_cut", s->tcp_cut},
	    {"mesh_refused", m->refused},
	    {"mesh_bad_version", m->bad_version},
	};
	json_t *o = json_object();
	for (size_t i = 0; i < HELIO_ARRAY_LEN(row); i++)
		json_object_set_new(o, row[i].name, json_integer((json_int_t)row[i].value));
	return o;
}

static json_t *counters(const struct node *n)
{
	const struct mesh_counters *m = mesh_counters(n->mesh);
	const struct sip_ua_counters *s = sip_ua_counters(n->ua);
	struct records_counters r;
	records_counters_get(n->records, &r);
#define I(x) (json_int_t)(x)
	json_t *o = json_pack(
	    "{s{sI sI sI sI sI sI sI} s{sI sI sI sI sI sI} s{sI sI sI sI sI} s{sI sI sI sI}}",
	    "calls", "entered", I(n->counters.entered), "ended", I(n->counters.ended), "answered",
	    I(n->counters.answered), "abandoned", I(n->counters.abandoned), "failed",
	    I(n->counters.failed), "offers", I(n->counters.offers), "returned",
	    I(n->counters.returned), "mesh", "sent", I(m->sent), "received", I(m->received),
	    "send_dropped", I(m->send_dropped), "bad_decode", I(m->bad_decode), "bad_sender",
	    I(m->bad_sender), "stale_boot", I(m->stale_boot), "sip", "invites", I(s->invites),
	    "accepted", I(s->accepted), "rejected", I(s->rejected), "cancelled", I(s->cancelled),
	    "bad_requests", I(s->bad_requests), "records", "written", I(r.written), "pending",
	    I(r.pending), "errors", I(r.errors), "dropped", I(r.dropped));
#undef I
	json_object_set_new(o, "shield", shield(n));
	return o;
}

static json_t *neighbour_json(const struct node *n)
{
	struct neighbour_status s;
	node_neighbour_status(n, &s);
	return json_pack(
	    "{si si sb sb sI sI sI sI sI}", "watches", (int)s.watches, "hears", (int)s.hears,
	    "journal", n->journal && journal_is_up(n->journal, JOURNAL_ADOPTER), "lapsed", s.lapsed,
	    "lapses", (json_int_t)s.lapses, "adoptions", (json_int_t)s.adoptions, "adopted",
	    (json_int_t)s.adopted, "detect_ms", (json_int_t)(s.last_detect_us / 1000), "adopt_ms",
	    (json_int_t)(s.last_adopt_us / 1000));
}

static json_t *cmd_status(struct node *n, const json_t *req)
{
	char hash[24];
	(void)req;
	snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)n->conf->hash);
	json_t *o = json_pack(
	    "{so sb ss ss ss si ss ss sI sb sb sb sb sI sI sI sI so}", "config", live_json(n->live),
	    "ok", 1, "name", n->self->name, "role", "node", "site", n->site->name, "addr",
	    (int)n->self->addr, "version", HELIO_VERSION, "config_hash", hash, "uptime_ms",
	    (json_int_t)((mono_us() - n->started_us) / 1000), "draining", n->draining, "island",
	    n->island, "presence", !n->presence || presence_is_up(n->presence), "journal",
	    !n->journal || node_journal_is_up(n), "unprotected",
	    (json_int_t)node_journal_unprotected(n), "calls", (json_int_t)n->calls_n, "sessions",
	    (json_int_t)desk_sessions(n->desk), "calls_max", (json_int_t)n->self->calls_max,
	    "counters", counters(n));
	json_object_set_new(o, "neighbour", neighbour_json(n));
	return o;
}

static json_t *cmd_queues(struct node *n, const json_t *req)
{
	json_t *list = json_array();
	uint32_t it = 0;
	struct acd_queue_view v;
	(void)req;
	while (acd_queue_next(n->acd, &it, mono_us(), &v)) {
		const struct conf_queue *q = conf_queue_by_id(n->conf, v.queue.v);
		if (q)
			json_array_append_new(
			    list, json_pack("{ss sI sI sI sI}", "queue", q->name, "waiting",
					    (json_int_t)v.waiting, "longest_ms",
					    (json_int_t)(v.head_age_us / 1000), "idle",
					    (json_int_t)v.idle, "remote_waiting",
					    (json_int_t)v.remote_waiting));
	}
	return json_pack("{sb ss so}", "ok", 1, "site", n->site->name, "queues", list);
}

static json_t *cmd_agents(struct node *n, const json_t *req)
{
	json_t *list = json_array();
	uint32_t it = 0;
	struct acd_agent_view v;
	(void)req;
	while (acd_agent_next(n->acd, &it, mono_us(), &v)) {
		const struct conf_agent *a = conf_agent_by_id(n->conf, v.agent.v);
		const struct conf_queue *q =
		    conf_queue_by_id(n->conf, desk_queue(n->desk, v.session));
		char session[ID_STR_SIZE], call[ID_STR_SIZE] = "";
		if (v.call.v)
			conf_id_format(n->conf, call, v.call.v);
		json_array_append_new(list, json_pack("{ss ss ss ss ss ss ss sI ss ss}", "name",
						      a ? a->name : "?", "display",
						      a ? a->display : "?", "session",
						      conf_id_format(n->conf, session, v.session.v),
						      "node", n->self->name, "site", n->site->name,
						      "state", acd_agent_state_name(v.state),
						      "reason", acd_reason_name(v.reason),
						      "since_ms", (json_int_t)(v.since_us / 1000),
						      "call", call, "queue", q ? q->name : ""));
	}
	return json_pack("{sb so}", "ok", 1, "agents", list);
}

static json_t *cmd_calls(struct node *n, const json_t *req)
{
	json_t *list = json_array();
	uint32_t it = 0;
	struct acd_call_view v;
	(void)req;
	while (acd_call_next(n->acd, &it, mono_us(), &v)) {
		const struct call *c = node_call_find(n, v.call.v);
		const struct conf_agent *a =
		    v.parties_n ? conf_agent_by_id(n->conf, v.parties[0].agent.v) : NULL;
		const struct conf_daemon *node =
		    v.parties_n ? conf_daemon_by_addr(n->conf, v.parties[0].node.v) : NULL;
		const struct task *t = c ? NULL : node_tasks_of(n, v.call.v);
		const struct conf_queue *q = conf_queue_by_id(n->conf, v.queue.v);
		char id[ID_STR_SIZE], caller[24] = "";
		if (c && c->caller)
			masked(caller, c->caller);
		else if (t)
			masked(caller, t->caller);
		const struct offer *o =
		    c && c->bridged_offer ? offer_find(n, c->bridged_offer, OFFER_OWNER) : NULL;
		json_array_append_new(
		    list,
		    json_pack("{ss ss ss sI ss ss ss* ss ss sI sI}", "call",
			      conf_id_format(n->conf, id, v.call.v), "queue", q ? q->name : "?",
			      "state", acd_call_state_name(v.state), "age_ms",
			      (json_int_t)(v.age_us / 1000), "agent", a ? a->name : "",
			      "agent_node", node ? node->name : "", "caller", caller, "codec",
			      t                           ? task_kind_name(t->kind)
			      : c && c->codec == SIP_PCMA ? "pcma"
							  : "pcmu",
			      "node", n->self->name, "silent_ms",
			      (json_int_t)(c && c->silence.flagged ? c->silence.s * 1000ll : 0),
			      "agent_silent_ms",
			      (json_int_t)(o && o->silence.flagged ? o->silence.s * 1000ll : 0)));
	}
	return json_pack("{sb so so*}", "ok", 1, "calls", list, "agents_silent",
			 desk_silent_json(n->desk));
}

static json_t *cmd_records(struct node *n, const json_t *req)
{
	json_int_t limit = json_integer_value(json_object_get(req, "limit"));
	json_t *rows = records_query(n->records, limit > 0 && limit <= 1000 ? (uint32_t)limit : 50,
				     json_string_value(json_object_get(req, "queue")),
				     json_string_value(json_object_get(req, "agent")),
				     json_string_value(json_object_get(req, "call")),
				     (int64_t)json_integer_value(json_object_get(req, "after_ms")));
	json_t *totals = records_totals(n->records);
	if (!rows || !totals) {
		json_decref(rows);
		json_decref(totals);
		return admin_error("the record database cannot be read",
				   "look at the node's log for event=record.*");
	}
	return json_pack("{sb so so}", "ok", 1, "records", rows, "totals", totals);
}

static json_t *cmd_drain(struct node *n, const json_t *req)
{
	const json_t *on = json_object_get(req, "on");
	if (!json_is_boolean(on))
		return admin_error("drain needs \"on\": true or false", "helioctl drain NODE");
	node_drain(n, json_is_true(on));
	return json_pack("{sb sb sI sI sI}", "ok", 1, "draining", n->draining, "calls",
			 (json_int_t)n->calls_n, "sessions", (json_int_t)desk_sessions(n->desk),
			 "to_move", (json_int_t)desk_to_move(n->desk));
}

/* helioctl agent force: who may reach this socket may decide. */
static json_t *cmd_force(struct node *n, const json_t *req)
{
	const char *name = json_string_value(json_object_get(req, "agent"));
	const char *word = json_string_value(json_object_get(req, "what"));
	const struct conf_agent *a = conf_agent_by_name(n->conf, name ? name : "");
	enum desk_force what = desk_force_parse(word ? word : "");
	if (!a || what == DESK_FORCE_NONE)
		return admin_error("force needs \"agent\" and \"what\"",
				   "helioctl agent force NAME ready|not-ready|release");
	enum desk_forced v = desk_force_here(n->desk, a->id, what, "helioctl", "helioctl");
	return json_pack("{sb sb sb ss}", "ok", 1, "here", v != DESK_FORCED_NOT_HERE, "done",
			 v == DESK_FORCED, "why", desk_forced_text(v));
}

static json_t *cmd_events(struct node *n, const json_t *req)
{
	(void)n;
	return log_events_reply(req);
}

/* Why a call waits, and why it went to whom. */
static json_t *cmd_why(struct node *n, const json_t *req)
{
	return why_reply(n->conf, n->acd, req, mono_us());
}

static json_t *cmd_tasks(struct node *n, const json_t *req)
{
	return node_tasks_list(n, req);
}

static json_t *cmd_task_cancel(struct node *n, const json_t *req)
{
	return node_tasks_cancel(n, req);
}

static json_t *cmd_declare_lost(struct node *n, const json_t *req)
{
	return node_tasks_declare_lost(n, req);
}

static const struct {
	const char *cmd;
	json_t *(*handle)(struct node *n, const json_t *req);
} table[] = {
    {"status", cmd_status},
    {"queues", cmd_queues},
    {"agents", cmd_agents},
    {"calls", cmd_calls},
    {"records", cmd_records},
    {"drain", cmd_drain},
    {"events", cmd_events},
    {"why", cmd_why},
    {"force", cmd_force},
    {"tasks", cmd_tasks},
    {"task_cancel", cmd_task_cancel},
    {"declare_lost", cmd_declare_lost},
};

static json_t *request_h(const char *cmd, const json_t *req, void *arg)
{
	for (size_t i = 0; i < HELIO_ARRAY_LEN(table); i++) {
		if (strcmp(table[i].cmd, cmd) == 0)
			return table[i].handle(arg, req);
	}
	json_t *config = live_admin(((struct node *)arg)->live, cmd, req, mono_us());
	return config ? config
		      : admin_error(
			    "a node does not know this command",
			    "one of: status queues agents calls records drain events why force "
			    "tasks task_cancel declare_lost config reload");
}

static void admin_fd_h(int flags, void *arg)
{
	struct node *n = arg;
	(void)flags;
	admin_step(n->admin);
}

int node_admin_open(struct node *n, char ret_why[256])
{
	int err = admin_open(&n->admin, n->conf, n->self, request_h, n, ret_why);
	return err ? err : fd_listen(admin_fd(n->admin), FD_READ, admin_fd_h, n);
}

void node_admin_close(struct node *n)
{
	if (n->admin)
		fd_close(admin_fd(n->admin));
	n->admin = admin_close(n->admin);
}

void node_drain(struct node *n, bool on)
{
	if (n->draining == on)
		return;
	struct acd_event ev = {.type = ACD_EV_DRAIN, .on = on};
	n->draining = on;
	if (n->ua)
		sip_ua_drain(n->ua, on);
	(void)node_event(n, &ev);
	desk_drain(n->desk, on);
	log_info(on ? "drain.on" : "drain.off", "calls=%u", (unsigned)n->calls_n);
}
