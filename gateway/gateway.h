/*
 * The shell of helio-gateway: one libwebsockets loop, everything on one thread.
 *
 *   http.c   files, /cluster.json, /healthz, who may upgrade
 *   desk.c   one WebSocket: queue, rate, handshake time, close codes     ──► relay.c (no I/O)
 *   link.c   the mesh and the admin socket as raw descriptors of the loop ──► relay.c
 *   knock.c  is anybody at the port of a node that is silent?            ──► nodes.c
 *   metrics.c what Prometheus and /healthz are told
 *   tls.c    certificates of the http port
 *   loop.c   libwebsockets on libev: ten thousand sockets without a poll() over all of them
 *   main.c   options, start, signals, end
 */
#ifndef HELIO_GATEWAY_GATEWAY_H
#define HELIO_GATEWAY_GATEWAY_H

#include <jansson.h>
#include <libwebsockets.h>
#include <stdio.h>

#include "gateway/assets.h"
#include "gateway/peers.h"
#include "gateway/relay.h"
#include "gateway/request.h"

struct admin;
struct conf;
struct conf_daemon;
struct metrics_health;
struct metrics_server;

/* All may be set by --limit NAME=VALUE; why each has its value stands in limits.c. */
struct gw_limits {
	uint32_t connections, per_address, handshake_ms, ping_s, queue_kib, queues_mib, rate_per_s,
	    burst;
};

struct gw_counters {
	uint64_t http_requests, http_not_found, http_bad_method, upgrade_bad_origin,
	    upgrade_bad_request, upgrade_too_many, sockets_refused, sockets_put_off, too_big,
	    not_binary, too_fast, handshake_timeouts, slow_readers;
};

/* When a file was written, as far as one can see. */
struct gw_stamp {
	int64_t mtime_s, mtime_ns, size;
	uint64_t inode;
};

struct gw_tls {
	struct ssl_ctx_st *pair;   /* OpenSSL's; certificate and key; NULL: plain HTTP */
	struct gw_stamp stamps[2]; /* certificate, key */
	char serial[48], ends[32]; /* of the certificate in use: hex; UTC */
	uint64_t reloads, failed;
	lws_sorted_usec_list_t sul;
};

struct gw_loop;
struct gw_knock;

struct gateway {
	const struct conf *conf; /* in use now */
	struct live *live;
	uint64_t live_us; /* its last tick */
	const struct conf_daemon *self;
	struct gw_limits limits;
	uint32_t boot;
	uint64_t started_us;
	bool stopping;

	struct gw_loop *loop;
	struct lws_context *lws;
	struct lws_vhost *vhost;
	struct gw_assets *assets;
	struct gw_origins origins;
	char csp[2048];
	char *cluster_json;
	struct gw_peers peers;

	uint64_t tick_due_us; /* when the loop should have come round; 0: not yet */
	size_t waiting;       /* bytes, for all browsers */
	bool from_mesh;       /* what is sent now may be written at once */

	struct gw_relay relay;
	struct gw_knock *knock; /* one a node, as in relay.nodes */
	struct mesh *mesh;
	struct admin *admin;
	struct metrics_server *metrics; /* NULL: no metrics: in the configuration */
	lws_sorted_usec_list_t drain_sul, tick_sul;
	FILE *dump; /* --dump: every payload, for the test of S11 */

	struct gw_tls tls;
	struct gw_counters counters;
};

/* limits.c */
void gw_limits_default(struct gw_limits *limits);
/* "per-address=32". EINVAL: no such name, or out of its range (ret_why says what is allowed). */
int gw_limits_set(struct gw_limits *limits, const char *assignment, char ret_why[256]);
void gw_limits_help(FILE *out);

/* http.c */
int gw_http_prepare(struct gateway *gw, char ret_why[256]);
void gw_http_wipe(struct gateway *gw);
int gw_http_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		     size_t len);
size_t gw_http_session_size(void);

/* loop.c */
int gw_loop_new(struct gw_loop **ret);
/* Makes the context run on it. */
void gw_loop_prepare(struct gw_loop *loop, struct lws_context_creation_info *info);
/* Waits for something to happen and lets it be handled; a signal or a timer ends the wait. */
void gw_loop_once(struct gw_loop *loop);
/* A timer that was scheduled just now is looked at in the next turn. */
void gw_loop_wake(struct gateway *gw);
struct gw_loop *gw_loop_free(struct gw_loop *loop);

/* doors.c: where browsers reach the gateways of this cluster */
/* "http(s)://address[:port]" of one of them. */
void gw_door_origin(const struct conf_daemon *d, char ret[GW_ORIGIN_MAX]);
/* Is it a gateway of this cluster that served the page? Without regard to case; NULL is not. */
bool gw_door_known(const struct conf *conf, const char *origin);
/* Those of the others, those of our site first: ["wss://…"], a new reference. */
json_t *gw_doors(const struct conf *conf, const struct conf_daemon *self);

/* tls.c */
bool gw_tls_wanted(const struct gateway *gw);
/* Checks the files and fills info. EINVAL, with the file and what is wrong with it. */
int gw_tls_prepare(struct gateway *gw, struct lws_context_creation_info *info, char ret_why[256]);
/* libwebsockets has made the context that connections are made from. */
void gw_tls_context(struct gateway *gw, void *ssl_ctx);
/* The files are read anew; if they are no good, what was good before stays. */
void gw_tls_reload(struct gateway *gw);
void gw_tls_watch(struct gateway *gw);
void gw_tls_wipe(struct gateway *gw); /* after the sockets */

/* desk.c */
int gw_desk_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		     size_t len);
size_t gw_desk_session_size(void);
/* Tells every browser to go elsewhere (1001). */
void gw_desk_close_all(struct gateway *gw);
/* Handshakes that take too long, pages that must be asked whether they live, those that do not say
 * so. */
void gw_desk_sweep(struct gateway *gw);
int gw_desk_send(struct gw_conn *conn, const void *frame, size_t len, void *arg);
void gw_desk_close(struct gw_conn *conn, unsigned code, const char *why, void *arg);

/* link.c */
int gw_link_open(struct gateway *gw, char ret_why[256]);
int gw_link_adopt(struct gateway *gw);
void gw_link_close(struct gateway *gw);
int gw_link_mesh_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
			  size_t len);
int gw_link_admin_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
			   size_t len);
/* knock.c. ENOMEM. */
int gw_knock_open(struct gateway *gw);
/* Each tick: what came of the last knocks, and new ones. */
void gw_knock_tick(struct gateway *gw);
void gw_knock_close(struct gateway *gw);

/* metrics.c: on a port of its own, not on the one that browsers reach */
int gw_metrics_open(struct gateway *gw, char ret_why[256]);
int gw_metrics_adopt(struct gateway *gw);
void gw_metrics_close(struct gateway *gw);
int gw_metrics_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
			size_t len);
void gw_health(struct metrics_health *h, void *gateway);

/* Direction is '<' (from a browser) or '>' (to one). */
void gw_dump(struct gateway *gw, char direction, uint64_t conn, const void *payload, size_t len);

/* libwebsockets closes what it adopted, and the owner of fd closes its own: hence a duplicate.
 * errno. (link.c) */
int gw_adopt(struct gateway *gw, int fd, const char *protocol);

static inline struct gateway *gw_of(struct lws *wsi)
{
	return lws_context_user(lws_get_context(wsi));
}

#endif
