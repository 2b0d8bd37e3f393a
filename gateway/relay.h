/*
 * What the gateway does with frames, apart from any socket: which node a browser gets, what goes on
 * to whom, when a connection ends. It has no key and looks at nothing but the first byte of a
 * frame.
 *
 *   browser            gateway                         node
 *      |   connect        |                             |
 *      |<─── CERT ────────|──── OPEN(conn, ip) ────────>|
 *      |──── MSG1 ───────>|──── FRAME(conn) ───────────>|
 *      |                  |<─── REFUSE(conn) ───────────|   another node: CERT again, handshake
 *      |<─── MSG2 ────────|<─── FRAME(conn) ────────────|   starts again
 *      |<─── DATA ───────>|<─── FRAME(conn) ───────────>|
 *      |<─── DATA ────────|<─── FRAMES(conn …) ─────────|   the same for many pages in one message
 *      |   gone           |──── CLOSE(conn) ───────────>|
 *      |<─── BYE, close ──|   the node is lost (nodes.h says when)
 *
 * Every CERT is answered by exactly one MSG1, in order. So when two CERTs are out, the first MSG1
 * belongs to the first one and is dropped, as is anything else before the last MSG1.
 */
#ifndef HELIO_GATEWAY_RELAY_H
#define HELIO_GATEWAY_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire/mesh.h"
#include "gateway/nodes.h"

enum {
	/* JSON of 16 KiB, its tag, the type byte; a first message carries a little more. */
	GW_FRAME_MAX = 16384 + 256,
	/* Nodes tried for one browser before it is told that there is none. */
	GW_TRIES_MAX = 8,
	/* A link to a node that is heard comes up within one reconnection of the mesh (0.5 s at
	 * most) and a handshake; after more the page had better try elsewhere. */
	GW_HOLD_US = 2000000,
	GW_BUCKETS = 4096,
};

/* The third byte of BYE is not there: byte 0 the type, byte 1 why. */
enum gw_bye { GW_BYE_NODE_LOST = 1, GW_BYE_NO_NODE = 2, GW_BYE_LIMIT = 3 };

/* WebSocket close codes that the gateway itself uses (RFC 6455 §7.4.1 and its registry). */
enum gw_close {
	GW_CLOSE_GOING_AWAY = 1001, /* the gateway stops */
	GW_CLOSE_PROTOCOL = 1002,   /* a frame that makes no sense here */
	GW_CLOSE_NOT_BINARY = 1003,
	GW_CLOSE_POLICY = 1008, /* too fast, or silent in the handshake */
	GW_CLOSE_TOO_BIG = 1009,
	GW_CLOSE_ERROR = 1011,
	GW_CLOSE_RESTART = 1012,   /* the node is gone: connect again at once */
	GW_CLOSE_TRY_LATER = 1013, /* no node, or the browser reads too slowly */
};

/* One browser. Embedded in the shell's own struct; zeroed before gw_relay_open(). */
struct gw_conn {
	struct gw_conn *next; /* in its bucket */
	uint64_t id, opened_us;
	uint32_t ip4, site; /* site: wanted, index in the order of the configuration */
	uint16_t node;      /* 0: none */
	uint16_t wanted;    /* the node that holds the page's session; 0: any will do */
	uint16_t tried[GW_TRIES_MAX];
	uint8_t tried_n;
	uint8_t certs, msg1s; /* sent; seen */
	bool open;            /* known to the relay */
	bool sealed;          /* MSG2 has passed: the handshake is done */
	bool held;            /* every live node's link is down just now: chosen again soon */
	bool closing;
};

struct gw_relay_counters {
	uint64_t opened, to_node, to_browser, bytes_to_node, bytes_to_browser, refused, no_node,
	    node_lost, node_rebooted, node_closed, send_failed, bad_from_browser, bad_from_node,
	    unknown_conn, stale_dropped;
};

struct gw_relay_ops {
	/* errno of mesh_send(): 0, or EAGAIN when the node's queue is full or it is away. */
	int (*to_node)(uint16_t node, const GwFrame *head, const void *payload, size_t len,
		       void *arg);
	/* ENOBUFS: more waits for this browser than it may (it reads too slowly). */
	int (*to_browser)(struct gw_conn *conn, const void *frame, size_t len, void *arg);
	/* Sends what waits, then closes. Called once per connection. */
	void (*close)(struct gw_conn *conn, unsigned code, const char *why, void *arg);
};

struct gw_relay {
	struct gw_nodes nodes;
	const struct gw_relay_ops *ops;
	void *arg;
	uint16_t self;
	uint32_t boot, seq;
	size_t conns, held;
	struct gw_conn *bucket[GW_BUCKETS];
	struct gw_relay_counters counters;
};

int gw_relay_init(struct gw_relay *r, const struct conf *conf, uint16_t self, uint32_t boot,
		  const struct gw_relay_ops *ops, void *arg);
void gw_relay_wipe(struct gw_relay *r);

/* A browser has connected: chooses its node. conn->ip4, site, wanted: the caller's. */
void gw_relay_open(struct gw_relay *r, struct gw_conn *conn, uint64_t now_us);
/* The browser is gone (whoever began it): tells the node, forgets. Does nothing if it is unknown.
 */
void gw_relay_gone(struct gw_relay *r, struct gw_conn *conn);
/* A whole binary message of the browser. */
void gw_relay_from_browser(struct gw_relay *r, struct gw_conn *conn, const uint8_t *frame,
			   size_t len);
/* Closes from our side, with a BYE first when bye is not 0. */
void gw_relay_close(struct gw_relay *r, struct gw_conn *conn, enum gw_bye bye, unsigned code,
		    const char *why);

/* A checked message of the mesh; bodies that are not for gateways are counted and dropped. */
void gw_relay_from_mesh(struct gw_relay *r, const Envelope *env, const uint8_t *payload, size_t len,
			uint64_t now_us);
/* Every few hundred milliseconds: nodes that are lost. all_read: as gw_nodes_look(). */
void gw_relay_tick(struct gw_relay *r, bool all_read, uint64_t now_us);
/* Calls fn for each open connection; fn may close it. */
void gw_relay_each(struct gw_relay *r, void (*fn)(struct gw_conn *conn, void *arg), void *arg);

#endif
