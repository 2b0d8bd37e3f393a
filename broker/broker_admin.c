/* What helioctl asks of a broker: status and queues. */
#include "broker/broker.h"
#include "common/live/live.h"
#include "common/admin/admin.h"
#include "common/why/why.h"
#include "common/log/events.h"

#include <errno.h>
#include <string.h>

static json_t *number(uint64_t v)
{
	return json_integer((json_int_t)v);
}

static json_t *hash_text(uint64_t hash)
{
	char text[24];
	snprintf(text, sizeof(text), "%016llx", (unsigned long long)hash);
	return json_string(text);
}

static json_t *mesh_numbers(const struct broker *b)
{
	const struct mesh_counters *m = mesh_counters(b->mesh);
	const struct {
		const char *name;
		uint64_t v;
	} table[] = {
	    {"sent", m->sent},
	    {"received", m->received},
	    {"send_dropped", m->send_dropped},
	    {"bad_decode", m->bad_decode},
	    {"bad_sender", m->bad_sender},
	    {"bad_version", m->bad_version},
	    {"stale_boot", m->stale_boot},
	    {"too_big", m->too_big},
	    {"gaps", m->gaps},
	    {"refused", m->refused},
	};
	json_t *o = json_object();
	for (size_t i = 0; i < HELIO_ARRAY_LEN(table); i++)
		json_object_set_new(o, table[i].name, number(table[i].v));
	return o;
}

static json_t *core_numbers(const struct broker *b)
{
	return json_pack("{so so so so so so}", "other_skills", number(b->counters.other_skills),
			 "events", number(b->counters.events), "refused",
			 number(b->counters.refused), "bad_acd", number(b->counters.bad_acd),
			 "not_ours", number(b->counters.not_ours), "pending_dropped",
			 number(b->counters.pending_dropped));
}

static json_t *one_peer(const struct broker *b, const struct broker_peer *p, uint64_t now)
{
	const struct conf_site *site = conf_site_by_number(b->conf, addr_site(p->daemon->addr));
	json_t *o = json_pack("{ss ss sb}", "name", p->daemon->name, "site",
			      site ? site->name : "?", "up", p->up);
	if (p->heard_us) {
		json_object_set_new(o, "boot", number(p->boot));
		json_object_set_new(o, "heard_ms", number((now - p->heard_us) / 1000));
	}
	if (p->status_known) {
		json_object_set_new(o, "sessions", number(p->sessions));
		json_object_set_new(o, "calls", number(p->calls));
		json_object_set_new(o, "calls_max", number(p->calls_max));
		json_object_set_new(o, "draining", json_boolean(p->draining));
		json_object_set_new(o, "config_hash", hash_text(p->config_hash));
	}
	return o;
}

static json_t *peers(const struct broker *b, enum conf_role role, uint64_t now)
{
	json_t *list = json_array();
	for (uint32_t i = 0; i < b->peers_n; i++)
		if (b->peers[i].daemon->role == role)
			json_array_append_new(list, one_peer(b, &b->peers[i], now));
	return list;
}

/* Signed in at the nodes of the site, as far as these said. */
static uint64_t agents_known(const struct broker *b)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < b->peers_n; i++)
		if (b->peers[i].up)
			n += b->peers[i].sessions;
	return n;
}

static json_t *cmd_status(struct broker *b, uint64_t now)
{
	json_t *o =
	    json_pack("{sb ss ss ss si ss so so so so so}", "ok", 1, "name", b->self->name, "role",
		      "broker", "site", b->site->name, "addr", (int)b->self->addr, "version",
		      HELIO_VERSION, "config_hash", hash_text(b->conf->hash), "boot",
		      number(b->boot), "uptime_ms", number((now - b->started_us) / 1000), "nodes",
		      peers(b, CONF_NODE, now), "brokers", peers(b, CONF_BROKER, now));
	json_object_set_new(o, "config", live_json(b->live));
	json_object_set_new(o, "queues", number(b->conf->queues_n));
	json_object_set_new(o, "agents", number(agents_known(b)));
	json_object_set_new(o, "counters",
			    json_pack("{so so}", "mesh", mesh_numbers(b), "core", core_numbers(b)));
	return o;
}

static json_t *cmd_queues(struct broker *b, uint64_t now)
{
	json_t *list = json_array();
	uint32_t it = 0;
	struct acd_queue_view v;
	while (acd_queue_next(b->acd, &it, now, &v)) {
		const struct conf_queue *q = conf_queue_by_id(b->conf, v.queue.v);
		if (!q)
			continue;
		json_array_append_new(
		    list, json_pack("{ss ss so so so so so so}", "queue", q->name, "display",
				    q->display, "waiting", number(v.waiting), "longest_ms",
				    number(v.head_age_us / 1000), "idle", number(v.idle),
				    "remote_waiting", number(v.remote_waiting), "ewt_ms",
				    number(v.ewt_us / 1000), "ewt_error_ms",
				    number(v.ewt_error_us / 1000)));
	}
	return json_pack("{sb ss so}", "ok", 1, "site", b->site->name, "queues", list);
}

/* A waiting call and an idle agent are only mirrored here; what a person asks for is the register.
 */
static json_t *cmd_register(struct broker *b, uint64_t now)
{
	(void)b;
	(void)now;
	return admin_error("a broker keeps no register of agents or calls",
			   "ask the nodes of the site; `helioctl agents` and `helioctl calls` do");
}

static const struct {
	const char *cmd;
	json_t *(*handle)(struct broker *b, uint64_t now);
} table[] = {
    {"status", cmd_status},
    {"queues", cmd_queues},
    {"agents", cmd_register},
    {"calls", cmd_register},
};

static json_t *request_h(const char *cmd, const json_t *req, void *arg)
{
	if (strcmp(cmd, "events") == 0)
		return log_events_reply(req);
	struct broker *self = arg;
	json_t *config = live_admin(self->live, cmd, req, mono_us());
	if (config)
		return config;
	if (strcmp(cmd, "why") == 0) {
		const struct broker *b = arg;
		return why_reply(b->conf, b->acd, req, mono_us());
	}
	for (size_t i = 0; i < HELIO_ARRAY_LEN(table); i++)
		if (strcmp(table[i].cmd, cmd) == 0)
			return table[i].handle(arg, mono_us());
	return admin_error("a broker does not know this command",
			   "one of: status queues events why config reload");
}

static int fd_h(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
	struct broker *b = arg;
	(void)loop;
	(void)item;
	admin_step(b->admin);
	return 0;
}

int broker_admin_open(struct broker *b, char ret_why[256])
{
	int err = admin_open(&b->admin, b->conf, b->self, request_h, b, ret_why);
	if (err)
		return err;
	zmq_pollitem_t item = {.fd = admin_fd(b->admin), .events = ZMQ_POLLIN};
	if (zloop_poller(b->loop, &item, fd_h, b)) {
		snprintf(ret_why, 256, "out of memory");
		return ENOMEM;
	}
	admin_step(b->admin); /* what came before the descriptor was watched */
	return 0;
}

void broker_admin_close(struct broker *b)
{
	b->admin = admin_close(b->admin);
}
