/*
 * What a gateway tells those who watch it. Not on the port that browsers reach: how many people
 * work here and what ails the cluster is nobody's business out there.
 */
#include "gateway/gateway.h"
#include "common/base/base.h"
#include "common/conf/conf.h"
#include "common/metrics/shared.h"
#include "common/live/live.h"

#include <time.h>

struct row {
	const char *label;
	uint64_t n;
};

static void put_rows(struct metrics_out *o, enum metric m, const struct row *row, size_t n)
{
	for (size_t i = 0; i < n; i++)
		metrics_put1(o, m, row[i].n, row[i].label);
}

static void put_refusals(const struct gateway *gw, struct metrics_out *o)
{
	const struct gw_counters *c = &gw->counters;
	const struct gw_relay_counters *r = &gw->relay.counters;
	const struct row refused[] = {
	    {"bad_origin", c->upgrade_bad_origin},
	    {"bad_request", c->upgrade_bad_request},
	    {"too_many", c->upgrade_too_many},
	    {"socket_limit", c->sockets_refused},
	    {"busy", c->sockets_put_off},
	    {"no_node", r->no_node},
	    {"by_node", r->refused},
	};
	const struct row closed[] = {
	    {"node_lost", r->node_lost},
	    {"node_rebooted", r->node_rebooted},
	    {"by_node", r->node_closed},
	    {"too_big", c->too_big},
	    {"not_binary", c->not_binary},
	    {"too_fast", c->too_fast},
	    {"handshake_timeout", c->handshake_timeouts},
	    {"slow_reader", c->slow_readers},
	    {"bad_frame", r->bad_from_browser},
	};
	put_rows(o, METRIC_GW_REFUSED, refused, HELIO_ARRAY_LEN(refused));
	put_rows(o, METRIC_GW_CLOSED, closed, HELIO_ARRAY_LEN(closed));
}

static void put_nodes(const struct gateway *gw, struct metrics_out *o, uint64_t now)
{
	uint64_t other = 0;
	for (size_t i = 0; i < gw->relay.nodes.n; i++) {
		const struct gw_node *n = &gw->relay.nodes.v[i];
		other += gw_node_live(&gw->relay.nodes, n, now) && n->config_hash != gw->conf->hash;
	}
	metrics_put(o, METRIC_GW_NODES_LIVE, gw_nodes_live(&gw->relay.nodes, now));
	metrics_put(o, METRIC_GW_NODES_KNOWN, gw->relay.nodes.n);
	metrics_put(o, METRIC_GW_OTHER_CONFIG, other);
}

/* Absent without TLS. */
static void put_cert(const struct gateway *gw, struct metrics_out *o)
{
	struct tm end = {0};
	metrics_family(o, METRIC_CERT_EXPIRY);
	if (!gw->tls.pair || !strptime(gw->tls.ends, "%Y-%m-%dT%H:%M:%SZ", &end))
		return;
	time_t at = timegm(&end);
	if (at > 0)
		metrics_put1(o, METRIC_CERT_EXPIRY, (uint64_t)at, "tls");
}

static void collect_h(struct metrics_out *o, void *arg)
{
	const struct gateway *gw = arg;
	const struct gw_relay_counters *r = &gw->relay.counters;
	live_metrics(gw->live, o);
	metrics_mesh(o, mesh_counters(gw->mesh));
	put_cert(gw, o);
	metrics_put(o, METRIC_GW_CONNECTIONS, gw->relay.conns);
	metrics_put(o, METRIC_GW_CONNECTIONS_MAX, gw->limits.connections);
	metrics_put(o, METRIC_GW_SOCKETS, gw->peers.sockets);
	metrics_put(o, METRIC_GW_OPENED, r->opened);
	metrics_put1(o, METRIC_GW_FRAMES, r->to_node, "to_node");
	metrics_put1(o, METRIC_GW_FRAMES, r->to_browser, "to_browser");
	metrics_put1(o, METRIC_GW_BYTES, r->bytes_to_node, "to_node");
	metrics_put1(o, METRIC_GW_BYTES, r->bytes_to_browser, "to_browser");
	put_refusals(gw, o);
	metrics_put(o, METRIC_GW_HTTP, gw->counters.http_requests);
	put_nodes(gw, o, mono_us());
}

void gw_health(struct metrics_health *h, void *gateway)
{
	const struct gateway *gw = gateway;
	size_t live = gw_nodes_live(&gw->relay.nodes, mono_us());
	if (gw->stopping)
		metrics_health_fault(h, "stopping");
	if (live == 0)
		metrics_health_fault(h, "no node takes browsers");
	else if (live < gw->relay.nodes.n)
		metrics_health_note(h, "not every node takes browsers");
	if (gw->peers.desks >= gw->limits.connections)
		metrics_health_fault(h, "full: no more connections");
}

int gw_metrics_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
			size_t len)
{
	(void)user, (void)in, (void)len;
	if (reason == LWS_CALLBACK_RAW_RX_FILE && gw_of(wsi)->metrics)
		metrics_server_step(gw_of(wsi)->metrics);
	return 0;
}

int gw_metrics_open(struct gateway *gw, char ret_why[256])
{
	const struct metrics_server_conf conf = {
	    .host = gw->self->mesh.host,
	    .port = gw->self->metrics_port,
	    .role = METRICS_GATEWAY,
	    .version = HELIO_VERSION,
	    .cluster = gw->conf->cluster,
	    .name = gw->self->name,
	    .started_us = gw->started_us,
	    .collect_h = collect_h,
	    .health_h = gw_health,
	    .arg = gw,
	};
	return conf.port ? metrics_server_open(&gw->metrics, &conf, ret_why) : 0;
}

int gw_metrics_adopt(struct gateway *gw)
{
	return gw->metrics ? gw_adopt(gw, metrics_server_fd(gw->metrics), "metrics") : 0;
}

void gw_metrics_close(struct gateway *gw)
{
	gw->metrics = metrics_server_close(gw->metrics);
}
