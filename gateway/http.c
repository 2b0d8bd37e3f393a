#include "gateway/gateway.h"
#include "common/base/base.h"
#include "common/conf/conf.h"
#include "common/log/log.h"
#include "common/metrics/metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	HEADERS_MAX = 4096,
	CSP_DOORS_MAX = 1400, /* of gateway.csp */
	CHUNK_BYTES = 16384,
	/* A browser that stops reading a file holds memory for this long. */
	WRITE_TIMEOUT_S = 20,
	/* Beside its WebSockets an address may hold as many sockets again, and these, for files. */
	FILE_SOCKETS = 64,
	/* Two ticks: a pause of the machine is shorter, a handshake of many is longer. */
	LATE_US = 500000,
	CLUSTER_KEY_LEN = 32,
};

/* What one request sends beyond its headers. */
struct http_session {
	struct gw_assets *hold; /* keeps the table while a reload replaces it */
	const struct gw_asset *asset;
	size_t sent;
};

struct reply {
	unsigned code;
	const char *mime, *cache, *etag;
	const void *body;
	size_t len;
	bool head, allow;
};

size_t gw_http_session_size(void)
{
	return sizeof(struct http_session);
}

/* ---- replies ------------------------------------------------------------------------------ */

static int header(struct lws *wsi, const char *name, const char *value, uint8_t **at, uint8_t *end)
{
	return lws_add_http_header_by_name(wsi, (const unsigned char *)name,
					   (const unsigned char *)value, (int)strlen(value), at,
					   end);
}

static int write_headers(struct lws *wsi, const struct reply *r)
{
	uint8_t buf[LWS_PRE + HEADERS_MAX], *start = buf + LWS_PRE, *at = start,
					    *end = buf + sizeof(buf) - 1;
	bool bad = lws_add_http_common_headers(wsi, r->code, r->mime, r->len, &at, end) ||
		   header(wsi, "cache-control:", r->cache, &at, end) ||
		   (r->etag && header(wsi, "etag:", r->etag, &at, end)) ||
		   (r->allow && header(wsi, "allow:", "GET, HEAD", &at, end));
	return bad || lws_finalize_write_http_header(wsi, start, &at, end) ? -1 : 0;
}

static int completed(struct lws *wsi)
{
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

/* A small answer, whole in one go. */
static int reply_small(struct lws *wsi, const struct reply *r)
{
	if (write_headers(wsi, r))
		return -1;
	if (!r->head && r->len) {
		uint8_t buf[LWS_PRE + HEADERS_MAX];
		helio_assert(r->len <= HEADERS_MAX);
		memcpy(buf + LWS_PRE, r->body, r->len);
		if (lws_write(wsi, buf + LWS_PRE, r->len, LWS_WRITE_HTTP_FINAL) != (int)r->len)
			return -1;
	}
	return completed(wsi);
}

static int reply_text(struct lws *wsi, unsigned code, const char *text, bool head)
{
	const struct reply r = {.code = code,
				.mime = "text/plain; charset=utf-8",
				.cache = "no-store",
				.body = text,
				.len = strlen(text),
				.head = head};
	return reply_small(wsi, &r);
}

static int reply_json(struct lws *wsi, unsigned code, const char *json, const char *cache,
		      bool head)
{
	const struct reply r = {.code = code,
				.mime = "application/json",
				.cache = cache,
				.body = json,
				.len = strlen(json),
				.head = head};
	return reply_small(wsi, &r);
}

/* ---- what is served ----------------------------------------------------------------------- */

/* On the port that browsers and load balancers reach; the same answer as on the metrics port. */
static int healthz(struct gateway *gw, struct lws *wsi, bool head)
{
	struct metrics_health h = {0};
	char json[3 * METRICS_HEALTH_TEXT], extra[96];
	gw_health(&h, gw);
	snprintf(extra, sizeof(extra), ",\"nodes_live\":%zu,\"connections\":%zu",
		 gw_nodes_live(&gw->relay.nodes, mono_us()), gw->relay.conns);
	(void)metrics_health_json(&h, gw->self->name, "gateway", extra, json, sizeof(json));
	return reply_json(wsi, h.faults ? 503 : 200, json, "no-store", head);
}

static bool etag_matches(struct lws *wsi, const char *etag)
{
	char value[64];
	return lws_hdr_copy(wsi, value, (int)sizeof(value), WSI_TOKEN_HTTP_IF_NONE_MATCH) > 0 &&
	       strcmp(value, etag) == 0;
}

static void session_end(struct http_session *s)
{
	s->hold = gw_assets_free(s->hold);
	s->asset = NULL;
	s->sent = 0;
}

static int serve_asset(struct gateway *gw, struct lws *wsi, struct http_session *s,
		       const struct gw_asset *asset, bool head)
{
	struct reply r = {.code = 200,
			  .mime = asset->mime,
			  .etag = asset->etag,
			  .len = asset->len,
			  .cache = asset->immutable ? "public, max-age=31536000, immutable"
						    : "no-cache"};
	if (etag_matches(wsi, asset->etag)) {
		r.code = 304;
		r.len = 0;
		head = true;
	}
	if (write_headers(wsi, &r))
		return -1;
	if (head || asset->len == 0)
		return completed(wsi);
	session_end(s);
	s->hold = gw_assets_ref(gw->assets);
	s->asset = asset;
	lws_callback_on_writable(wsi);
	return 0;
}

static int write_chunk(struct lws *wsi, struct http_session *s)
{
	uint8_t buf[LWS_PRE + CHUNK_BYTES];
	if (!s->asset)
		return 0;
	size_t left = s->asset->len - s->sent;
	size_t len = left < CHUNK_BYTES ? left : CHUNK_BYTES;
	memcpy(buf + LWS_PRE, s->asset->data + s->sent, len);
	s->sent += len;
	bool last = len == left;
	lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, WRITE_TIMEOUT_S);
	if (lws_write(wsi, buf + LWS_PRE, len, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < 0)
		return -1;
	if (last) {
		session_end(s);
		return completed(wsi);
	}
	lws_callback_on_writable(wsi);
	return 0;
}

static int serve(struct gateway *gw, struct lws *wsi, struct http_session *s)
{
	char *path = NULL;
	int path_len = 0;
	int method = lws_http_get_uri_and_method(wsi, &path, &path_len);
	bool head = method == LWSHUMETH_HEAD;
	gw->counters.http_requests++;
	if (method != LWSHUMETH_GET && !head) {
		static const char text[] = "only GET and HEAD\n";
		const struct reply r = {.code = 405,
					.mime = "text/plain; charset=utf-8",
					.cache = "no-store",
					.body = text,
					.len = sizeof(text) - 1,
					.allow = true};
		gw->counters.http_bad_method++;
		(void)reply_small(wsi, &r);
		return -1; /* not interested in the body either */
	}
	if (strcmp(path, "/healthz") == 0)
		return healthz(gw, wsi, head);
	if (strcmp(path, "/cluster.json") == 0)
		return reply_json(wsi, 200, gw->cluster_json, "no-cache", head);
	const struct gw_asset *asset = gw_assets_find(gw->assets, path);
	if (asset)
		return serve_asset(gw, wsi, s, asset, head);
	gw->counters.http_not_found++;
	if (!gw_assets_count(gw->assets) && strcmp(path, "/") == 0)
		return reply_text(wsi, 404, "The page is not built: see gateway/web/README.md\n",
				  head);
	return reply_text(wsi, 404, "not found\n", head);
}

/* ---- upgrades ----------------------------------------------------------------------------- */

/* 0: go on; a status: refuse with it. */
static unsigned upgrade_refusal(struct gateway *gw, struct lws *wsi, const char **ret_why)
{
	char value[GW_ORIGIN_MAX] = "", query[256] = "", name[CONF_NAME_SIZE], *path = NULL;
	int path_len = 0;
	*ret_why = "no such place for a WebSocket\n";
	if (lws_http_get_uri_and_method(wsi, &path, &path_len) != LWSHUMETH_GET ||
	    strcmp(path, "/desk") != 0)
		return 404;
	*ret_why = "sub-protocol heliograph.1 only\n";
	if (lws_hdr_copy(wsi, value, (int)sizeof(value), WSI_TOKEN_PROTOCOL) <= 0 ||
	    !gw_protocol_offered(value))
		return 400;
	*ret_why = "no such site or node name\n";
	if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS) > 0 &&
	    (lws_hdr_copy(wsi, query, (int)sizeof(query), WSI_TOKEN_HTTP_URI_ARGS) < 0 ||
	     gw_query_name(query, "site", name, sizeof(name)) == EINVAL ||
	     gw_query_name(query, "node", name, sizeof(name)) == EINVAL))
		return 400;
	*ret_why = "this origin may not\n";
	if (lws_hdr_copy(wsi, value, (int)sizeof(value), WSI_TOKEN_ORIGIN) <= 0 ||
	    (!gw_origin_allowed(&gw->origins, value) && !gw_door_known(gw->conf, value)))
		return 403;
	*ret_why = "too many\n";
	const struct gw_peer *peer = lws_get_opaque_user_data(wsi);
	if (!peer || peer->desks >= gw->limits.per_address)
		return 429;
	*ret_why = "full, or stopping\n";
	return gw->stopping || gw->peers.desks >= gw->limits.connections ? 503 : 0;
}

static int confirm_upgrade(struct gateway *gw, struct lws *wsi, const char *to)
{
	const char *why = NULL;
	if (!to || strcasecmp(to, "websocket") != 0)
		return -1;
	unsigned code = upgrade_refusal(gw, wsi, &why);
	if (!code)
		return 0;
	if (code == 403)
		gw->counters.upgrade_bad_origin++;
	else if (code == 429 || code == 503)
		gw->counters.upgrade_too_many++;
	else
		gw->counters.upgrade_bad_request++;
	log_debug("desk.refused", "code=%u", code);
	(void)reply_text(wsi, code, why, false);
	return -1;
}

/* ---- sockets by address ------------------------------------------------------------------- */

static bool address_of(int fd, uint32_t *ret_ip4)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	if (getpeername(fd, (struct sockaddr *)&ss, &len) || ss.ss_family != AF_INET)
		return false;
	*ret_ip4 = ntohl(((const struct sockaddr_in *)(const void *)&ss)->sin_addr.s_addr);
	return true;
}

/*
 * When thousands come at once, to a machine that is busy, every handshake is begun and none is done
 * within its time; all come again, and so on for ever. So a loop that does not come round in time
 * takes nobody new: to close a socket costs a hundredth of a handshake, and browsers try again.
 */
static bool drowning(const struct gateway *gw)
{
	return gw->tick_due_us && mono_us() > gw->tick_due_us + LATE_US;
}

static int filter_socket(struct gateway *gw, int fd)
{
	if (drowning(gw)) {
		gw->counters.sockets_put_off++;
		return -1;
	}
	uint32_t ip4;
	bool known = address_of(fd, &ip4);
	const struct gw_peer *peer = known ? gw_peer_find(&gw->peers, ip4) : NULL;
	bool full = gw->peers.sockets >= 2 * (size_t)gw->limits.connections + FILE_SOCKETS;
	bool greedy = peer && peer->sockets >= 2 * gw->limits.per_address + FILE_SOCKETS;
	if (known && !full && !greedy)
		return 0;
	gw->counters.sockets_refused++;
	return -1;
}

static int socket_new(struct gateway *gw, struct lws *wsi)
{
	uint32_t ip4;
	if (!address_of(lws_get_socket_fd(wsi), &ip4))
		return -1;
	struct gw_peer *peer = gw_peer_take(&gw->peers, ip4);
	lws_set_opaque_user_data(wsi, peer);
	return peer ? 0 : -1;
}

static void socket_gone(struct gateway *gw, struct lws *wsi)
{
	struct gw_peer *peer = lws_get_opaque_user_data(wsi);
	if (peer)
		gw_peer_drop(&gw->peers, peer);
	lws_set_opaque_user_data(wsi, NULL);
}

int gw_http_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		     size_t len)
{
	struct gateway *gw = gw_of(wsi);
	(void)len;
	switch ((int)reason) {
	case LWS_CALLBACK_FILTER_NETWORK_CONNECTION: return filter_socket(gw, (int)(intptr_t)in);
	case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED: return socket_new(gw, wsi);
	case LWS_CALLBACK_WSI_DESTROY: socket_gone(gw, wsi); return 0;
	case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
		gw_tls_context(gw, user);
		return 0;
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE: return confirm_upgrade(gw, wsi, in);
	case LWS_CALLBACK_HTTP: return serve(gw, wsi, user);
	case LWS_CALLBACK_HTTP_WRITEABLE: return write_chunk(wsi, user);
	case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
	case LWS_CALLBACK_CLOSED_HTTP:
		if (user)
			session_end(user);
		return 0;
	/* libwebsockets turns a CONNECT into a raw socket that may idle for ever. */
	case LWS_CALLBACK_RAW_ADOPT:
	case LWS_CALLBACK_RAW_RX: return -1;
	default: return 0;
	}
}

/* ---- prepared at start -------------------------------------------------------------------- */

static int add_origins(struct gateway *gw, char why[256])
{
	char own[GW_ORIGIN_MAX];
	gw_door_origin(gw->self, own);
	int err = gw_origins_add(&gw->origins, own);
	for (uint32_t i = 0; !err && i < gw->self->origins_n; i++) {
		err = gw_origins_add(&gw->origins, gw->self->origins[i]);
		if (err)
			snprintf(why, 256, "origin %.100s is not scheme://host[:port]",
				 gw->self->origins[i]);
	}
	return err;
}

/* connect-src names the WebSocket of each origin: 'self' does not cover ws: in every browser. And
 * the other gateways, as far as they fit. */
static void make_csp(struct gateway *gw)
{
	char ws[CSP_DOORS_MAX + GW_ORIGIN_MAX + 2] = "";
	json_t *doors = gw_doors(gw->conf, gw->self);
	for (size_t i = 0; i < gw->origins.n; i++) {
		const char *origin = gw->origins.v[i];
		size_t at = strlen(ws);
		if (at > CSP_DOORS_MAX)
			break;
		/* http://… → ws://…, https://… → wss://… */
		if (strncmp(origin, "http", 4) == 0)
			snprintf(ws + at, sizeof(ws) - at, " ws%s", origin + 4);
	}
	for (size_t i = 0; i < json_array_size(doors); i++) {
		const char *url = json_string_value(json_array_get(doors, i));
		size_t at = strlen(ws);
		if (at + strlen(url) < CSP_DOORS_MAX)
			snprintf(ws + at, sizeof(ws) - at, " %s", url);
	}
	json_decref(doors);
	snprintf(gw->csp, sizeof(gw->csp),
		 "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
		 "img-src 'self' data:; connect-src 'self'%s; media-src 'self' blob:; "
		 "manifest-src 'self'; base-uri 'none'; form-action 'none'; "
		 "frame-ancestors 'none'",
		 ws);
}

static int read_cluster_pub(const struct conf *conf, char ret_hex[2 * CLUSTER_KEY_LEN + 1],
			    char why[256])
{
	char path[CONF_PATH_SIZE + 16];
	uint8_t key[CLUSTER_KEY_LEN];
	snprintf(path, sizeof(path), "%s/cluster.pub", conf->keys_dir);
	FILE *f = fopen(path, "r");
	int err = f ? 0 : errno;
	if (!err &&
	    (!fgets(ret_hex, 2 * CLUSTER_KEY_LEN + 1, f) || hex_decode(key, sizeof(key), ret_hex)))
		err = EINVAL;
	if (f)
		fclose(f);
	if (err)
		snprintf(why, 256, "%.180s: %s; helio-keys makes it", path,
			 err == EINVAL ? "not 64 hex digits" : strerror(err));
	return err;
}

static int make_cluster_json(struct gateway *gw, char why[256])
{
	char hex[2 * CLUSTER_KEY_LEN + 1];
	int err = read_cluster_pub(gw->conf, hex, why);
	if (err)
		return err;
	json_t *sites = json_array();
	for (uint32_t i = 0; i < gw->conf->sites_n; i++)
		json_array_append_new(sites,
				      json_pack("{s:s, s:i}", "name", gw->conf->sites[i].name,
						"number", (int)gw->conf->sites[i].number));
	json_t *o =
	    json_pack("{s:s, s:s, s:s, s:o, s:o}", "cluster", gw->conf->cluster, "sign_pub", hex,
		      "site", conf_site_by_number(gw->conf, addr_site(gw->self->addr))->name,
		      "sites", sites, "gateways", gw_doors(gw->conf, gw->self));
	gw->cluster_json = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	helio_assert(!gw->cluster_json || strlen(gw->cluster_json) <= HEADERS_MAX);
	return gw->cluster_json ? 0 : ENOMEM;
}

int gw_http_prepare(struct gateway *gw, char ret_why[256])
{
	int err = gw_assets_load(&gw->assets, gw->conf->web_dir, ret_why);
	/* Without the page it still carries sessions: the app may come from another origin. */
	if (err == ENOENT) {
		log_warn("web.absent", "dir=%s", log_quote(gw->conf->web_dir));
		err = 0;
	}
	if (!err)
		err = add_origins(gw, ret_why);
	if (!err)
		err = make_cluster_json(gw, ret_why);
	if (!err)
		make_csp(gw);
	return err;
}

void gw_http_wipe(struct gateway *gw)
{
	gw->assets = gw_assets_free(gw->assets);
	free(gw->cluster_json);
	gw->cluster_json = NULL;
}
