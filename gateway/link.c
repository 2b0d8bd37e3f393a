#include "gateway/gateway.h"
#include "common/admin/admin.h"
#include "common/log/events.h"
#include "common/base/base.h"
#include "common/live/live.h"
#include "common/conf/conf.h"
#include "common/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
	/* Per wake-up; a flood of one node must not keep browsers from being read. As many frames
	 * to browsers end it too, for one message may hold many. */
	MESSAGES_PER_WAKE_UP = 512,
	TICK_US = 250000,
};

void gw_dump(struct gateway *gw, char direction, uint64_t conn, const void *payload, size_t len)
{
	if (!gw->dump)
		return;
	fprintf(gw->dump, "\n%c %llx %zu\n", direction, (unsigned long long)conn, len);
	fwrite(payload, 1, len, gw->dump);
	fflush(gw->dump);
}

/* ---- mesh --------------------------------------------------------------------------------- */

/* True: nothing is left. */
static bool drain(struct gateway *gw);

static void drain_later(lws_sorted_usec_list_t *sul)
{
	(void)drain(lws_container_of(sul, struct gateway, drain_sul));
}

/* The descriptor of ZeroMQ is edge-triggered: after a batch there is no edge for the rest. */
static void schedule_drain(struct gateway *gw)
{
	lws_sul_schedule(gw->lws, 0, &gw->drain_sul, drain_later, 1);
}

static bool drain(struct gateway *gw)
{
	const uint64_t *frames = &gw->relay.counters.to_browser, began = *frames;
	for (int i = 0; i < MESSAGES_PER_WAKE_UP && *frames - began < MESSAGES_PER_WAKE_UP; i++) {
		Envelope env;
		const uint8_t *payload = NULL;
		size_t len = 0;
		if (mesh_recv(gw->mesh, &env, &payload, &len))
			return true;
		gw->from_mesh = true;
		if (!live_message(gw->live, &env, payload, len, mono_us()))
			gw_relay_from_mesh(&gw->relay, &env, payload, len, mono_us());
		gw->from_mesh = false;
	}
	schedule_drain(gw);
	gw_loop_wake(gw);
	return false;
}

static int to_node(uint16_t node, const GwFrame *head, const void *payload, size_t len, void *arg)
{
	struct gateway *gw = arg;
	Envelope env = Envelope_init_zero;
	env.which_body = Envelope_gw_tag;
	env.body.gw = *head;
	return mesh_send(gw->mesh, node, &env, payload, len);
}

static void tick(lws_sorted_usec_list_t *sul)
{
	struct gateway *gw = lws_container_of(sul, struct gateway, tick_sul);
	/* What has arrived counts before who is silent. */
	bool all_read = drain(gw);
	gw_knock_tick(gw);
	gw_relay_tick(&gw->relay, all_read, mono_us());
	if (all_read) /* else their signs of life may still wait to be read */
		gw_desk_sweep(gw);
	if (mono_us() - gw->live_us >= LIVE_TICK_MS * 1000ull) {
		gw->live_us = mono_us();
		live_tick(gw->live, gw->live_us);
	}
	gw->tick_due_us = mono_us() + TICK_US;
	lws_sul_schedule(gw->lws, 0, &gw->tick_sul, tick, TICK_US);
}

int gw_link_mesh_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
			  size_t len)
{
	(void)user, (void)in, (void)len;
	if (reason == LWS_CALLBACK_RAW_RX_FILE)
		(void)drain(gw_of(wsi));
	return 0;
}

/* ---- admin -------------------------------------------------------------------------------- */

static json_t *nodes_json(struct gateway *gw, uint64_t now_us)
{
	json_t *list = json_array();
	for (size_t i = 0; i < gw->relay.nodes.n; i++) {
		const struct gw_node *n = &gw->relay.nodes.v[i];
		const struct conf_daemon *d = conf_daemon_by_addr(gw->conf, n->addr);
		json_t *heard = n->boot ? json_integer((json_int_t)((now_us - n->heard_us) / 1000))
					: json_null();
		json_array_append_new(
		    list,
		    json_pack("{s:s, s:s, s:b, s:b, s:i, s:i, s:i, s:i, s:b, s:o}", "name", d->name,
			      "site", gw->conf->sites[n->site].name, "live",
			      gw_node_live(&gw->relay.nodes, n, now_us), "draining", n->draining,
			      "boot", (int)n->boot, "sessions", (int)n->sessions, "calls",
			      (int)n->calls, "calls_max", (int)n->calls_max, "same_config",
			      n->config_hash == gw->conf->hash, "heard_ms_ago", heard));
	}
	return list;
}

static json_t *counters_json(const struct gateway *gw)
{
	const struct gw_relay_counters *r = &gw->relay.counters;
	const struct gw_counters *c = &gw->counters;
	const struct mesh_counters *m = mesh_counters(gw->mesh);
	const struct {
		const char *name;
		uint64_t value;
	} row[] = {
	    {"opened", r->opened},
	    {"frames_to_node", r->to_node},
	    {"frames_to_browser", r->to_browser},
	    {"bytes_to_node", r->bytes_to_node},
	    {"bytes_to_browser", r->bytes_to_browser},
	    {"refused_by_node", r->refused},
	    {"no_node", r->no_node},
	    {"node_lost", r->node_lost},
	    {"node_rebooted", r->node_rebooted},
	    {"closed_by_node", r->node_closed},
	    {"send_failed", r->send_failed},
	    {"bad_from_browser", r->bad_from_browser},
	    {"bad_from_node", r->bad_from_node},
	    {"unknown_conn", r->unknown_conn},
	    {"stale_dropped", r->stale_dropped},
	    {"http_requests", c->http_requests},
	    {"http_not_found", c->http_not_found},
	    {"http_bad_method", c->http_bad_method},
	    {"upgrade_bad_origin", c->upgrade_bad_origin},
	    {"upgrade_bad_request", c->upgrade_bad_request},
	    {"upgrade_too_many", c->upgrade_too_many},
	    {"sockets_refused", c->sockets_refused},
	    {"sockets_put_off", c->sockets_put_off},
	    {"too_big", c->too_big},
	    {"not_binary", c->not_binary},
	    {"too_fast", c->too_fast},
	    {"handshake_timeouts", c->handshake_timeouts},
	    {"slow_readers", c->slow_readers},
	    {"mesh_sent", m->sent},
	    {"mesh_received", m->received},
	    {"mesh_send_dropped", m->send_dropped},
	    {"mesh_bad_sender", m->bad_sender},
	    {"mesh_bad_decode", m->bad_decode},
	    {"mesh_gaps", m->gaps},
	};
	json_t *o = json_object();
	for (size_t i = 0; i < HELIO_ARRAY_LEN(row); i++)
		json_object_set_new(o, row[i].name, json_integer((json_int_t)row[i].value));
	return o;
}

static json_t *admin_request(const char *cmd, const json_t *req, void *arg)
{
	struct gateway *gw = arg;
	uint64_t now_us = mono_us();
	char hash[17];
	if (strcmp(cmd, "events") == 0)
		return log_events_reply(req);
	json_t *config = live_admin(gw->live, cmd, req, now_us);
	if (config)
		return config;
	if (strcmp(cmd, "status") != 0)
		return admin_error("a gateway does not know this command",
				   "it knows: status, events, config, reload. Calls, agents and "
				   "queues are with the nodes");
	snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)gw->conf->hash);
	json_t *o =
	    json_pack("{s:b, s:s, s:s, s:s, s:i, s:s, s:s, s:I, s:i, s:i, s:i, s:o, s:o}", "ok", 1,
		      "name", gw->self->name, "role", "gateway", "site",
		      conf_site_by_number(gw->conf, addr_site(gw->self->addr))->name, "boot",
		      (int)gw->boot, "version", HELIO_VERSION, "config_hash", hash, "uptime_ms",
		      (json_int_t)((now_us - gw->started_us) / 1000), "connections",
		      (int)gw->relay.conns, "sockets", (int)gw->peers.sockets, "nodes_live",
		      (int)gw_nodes_live(&gw->relay.nodes, now_us), "nodes", nodes_json(gw, now_us),
		      "counters", counters_json(gw));
	json_object_set_new(o, "config", live_json(gw->live));
	if (gw->tls.pair)
		json_object_set_new(o, "tls",
				    json_pack("{s:s, s:s, s:I, s:I}", "serial", gw->tls.serial,
					      "ends", gw->tls.ends, "reloads",
					      (json_int_t)gw->tls.reloads, "failed",
					      (json_int_t)gw->tls.failed));
	return o;
}

int gw_link_admin_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
			   size_t len)
{
	(void)user, (void)in, (void)len;
	if (reason == LWS_CALLBACK_RAW_RX_FILE)
		admin_step(gw_of(wsi)->admin);
	return 0;
}

/* ---- the configuration while it runs ------------------------------------------------------ */

static int live_send(void *arg, uint16_t to, Envelope *env, const void *payload, size_t len)
{
	struct gateway *gw = arg;
	return mesh_send(gw->mesh, to, env, payload, len);
}

static int live_use(void *arg, const struct conf *fresh, char ret_why[256])
{
	struct gateway *gw = arg;
	(void)ret_why;
	gw->conf = fresh; /* daemons and sites are those of before, and it looks at nothing else */
	return 0;
}

/* ---- life --------------------------------------------------------------------------------- */

int gw_link_open(struct gateway *gw, char ret_why[256])
{
	static const struct gw_relay_ops ops = {
	    .to_node = to_node, .to_browser = gw_desk_send, .close = gw_desk_close};
	int err = gw_relay_init(&gw->relay, gw->conf, gw->self->addr, gw->boot, &ops, gw);
	if (!err)
		err = gw_knock_open(gw);
	if (err)
		return err;
	err = mesh_open(&gw->mesh, gw->conf, gw->self->addr, gw->boot, ret_why);
	if (err)
		return err;
	return admin_open(&gw->admin, gw->conf, gw->self, admin_request, gw, ret_why);
}

int gw_adopt(struct gateway *gw, int fd, const char *protocol)
{
	lws_sock_file_fd_type desc = {.filefd = fcntl(fd, F_DUPFD_CLOEXEC, 0)};
	if (desc.filefd < 0)
		return errno;
	if (!lws_adopt_descriptor_vhost(gw->vhost, LWS_ADOPT_RAW_FILE_DESC, desc, protocol, NULL))
		return EIO;
	return 0;
}

int gw_link_adopt(struct gateway *gw)
{
	int err = gw_adopt(gw, mesh_fd(gw->mesh), "mesh");
	if (!err)
		err = gw_adopt(gw, admin_fd(gw->admin), "admin");
	if (err)
		return err;
	const struct live_ops ops = {.send = live_send, .use = live_use, .arg = gw};
	live_run(gw->live, &ops);
	lws_sul_schedule(gw->lws, 0, &gw->tick_sul, tick, 1);
	admin_step(gw->admin); /* an edge that came before we looked */
	return 0;
}

void gw_link_close(struct gateway *gw)
{
	lws_sul_cancel(&gw->tick_sul);
	lws_sul_cancel(&gw->drain_sul);
	gw->admin = admin_close(gw->admin);
	gw->mesh = mesh_free(gw->mesh);
	gw_knock_close(gw);
	gw_relay_wipe(&gw->relay);
}
