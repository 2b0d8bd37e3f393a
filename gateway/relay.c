#include "gateway/relay.h"
#include "common/base/base.h"
#include "common/conf/conf.h"
#include "common/seal/seal.h"

#include <errno.h>
#include <string.h>

int gw_relay_init(struct gw_relay *r, const struct conf *conf, uint16_t self, uint32_t boot,
		  const struct gw_relay_ops *ops, void *arg)
{
	memset(r, 0, sizeof(*r));
	r->ops = ops;
	r->arg = arg;
	r->self = self;
	r->boot = boot;
	return gw_nodes_init(&r->nodes, conf);
}

void gw_relay_wipe(struct gw_relay *r)
{
	gw_nodes_wipe(&r->nodes);
}

/* ---- connections by id ------------------------------------------------------------------- */

/* Ids of one gateway differ in their low bits, which count up: they spread by themselves. */
static struct gw_conn **bucket_of(struct gw_relay *r, uint64_t id)
{
	return &r->bucket[id % GW_BUCKETS];
}

static struct gw_conn *conn_find(struct gw_relay *r, uint64_t id)
{
	for (struct gw_conn *c = *bucket_of(r, id); c; c = c->next)
		if (c->id == id)
			return c;
	return NULL;
}

static void conn_link(struct gw_relay *r, struct gw_conn *conn)
{
	struct gw_conn **bucket = bucket_of(r, conn->id);
	conn->next = *bucket;
	*bucket = conn;
	conn->open = true;
	r->conns++;
}

static void conn_unlink(struct gw_relay *r, struct gw_conn *conn)
{
	struct gw_conn **at = bucket_of(r, conn->id);
	while (*at && *at != conn)
		at = &(*at)->next;
	helio_assert(*at == conn);
	*at = conn->next;
	conn->next = NULL;
	conn->open = false;
	helio_assert(r->conns > 0);
	r->conns--;
}

void gw_relay_each(struct gw_relay *r, void (*fn)(struct gw_conn *conn, void *arg), void *arg)
{
	for (size_t i = 0; i < GW_BUCKETS; i++) {
		struct gw_conn *next = NULL;
		for (struct gw_conn *c = r->bucket[i]; c; c = next) {
			next = c->next;
			fn(c, arg);
		}
	}
}

/* ---- sending ------------------------------------------------------------------------------ */

static int to_node(struct gw_relay *r, uint16_t node, GwFrame_Kind kind, const struct gw_conn *conn,
		   const void *payload, size_t len)
{
	GwFrame head = GwFrame_init_zero;
	head.kind = kind;
	head.conn = conn->id;
	if (kind == GwFrame_Kind_OPEN) {
		head.remote_ip4 = conn->ip4;
		head.frames = true;
	}
	int err = r->ops->to_node(node, &head, payload, len, r->arg);
	if (err)
		r->counters.send_failed++;
	return err;
}

static void to_browser(struct gw_relay *r, struct gw_conn *conn, const void *frame, size_t len)
{
	if (conn->closing)
		return;
	if (r->ops->to_browser(conn, frame, len, r->arg) == 0) {
		r->counters.to_browser++;
		r->counters.bytes_to_browser += len;
		return;
	}
	gw_relay_close(r, conn, 0, GW_CLOSE_TRY_LATER, "reads too slowly");
}

static void let_go(struct gw_relay *r, struct gw_conn *conn)
{
	if (conn->held)
		r->held--;
	conn->held = false;
}

void gw_relay_close(struct gw_relay *r, struct gw_conn *conn, enum gw_bye bye, unsigned code,
		    const char *why)
{
	if (conn->closing)
		return;
	if (bye) {
		const uint8_t frame[2] = {SEAL_FRAME_BYE, (uint8_t)bye};
		(void)r->ops->to_browser(conn, frame, sizeof(frame), r->arg);
	}
	conn->closing = true;
	let_go(r, conn);
	if (conn->node)
		(void)to_node(r, conn->node, GwFrame_Kind_CLOSE, conn, NULL, 0);
	conn->node = 0;
	r->ops->close(conn, code, why, r->arg);
}

/* ---- choosing a node ---------------------------------------------------------------------- */

static void send_cert(struct gw_relay *r, struct gw_conn *conn, const struct gw_node *node)
{
	uint8_t frame[1 + GW_CERT_MAX];
	frame[0] = SEAL_FRAME_CERT;
	memcpy(frame + 1, node->cert, node->cert_len);
	conn->certs++;
	to_browser(r, conn, frame, 1 + node->cert_len);
}

/* A node is heard a moment before the link to it is up: whoever comes in that moment waits. */
static bool hold(struct gw_relay *r, struct gw_conn *conn, uint8_t tried_n, uint64_t now_us)
{
	if (now_us - conn->opened_us >= GW_HOLD_US)
		return false;
	conn->tried_n = tried_n;
	conn->held = true;
	r->held++;
	return true;
}

static void choose(struct gw_relay *r, struct gw_conn *conn, uint64_t now_us)
{
	uint8_t tried_n = conn->tried_n;
	bool away = false;
	let_go(r, conn);
	conn->node = 0;
	while (conn->tried_n < GW_TRIES_MAX) {
		struct gw_node *node = gw_nodes_choose(&r->nodes, conn->site, conn->wanted,
						       conn->tried, conn->tried_n, now_us);
		if (!node)
			break;
		conn->tried[conn->tried_n++] = node->addr;
		if (to_node(r, node->addr, GwFrame_Kind_OPEN, conn, NULL, 0)) {
			away = true;
			continue;
		}
		/* Hundreds may come between two statuses: count ourselves, or all go to one. */
		node->sessions++;
		conn->node = node->addr;
		send_cert(r, conn, node);
		return;
	}
	if (away && hold(r, conn, tried_n, now_us))
		return;
	r->counters.no_node++;
	gw_relay_close(r, conn, GW_BYE_NO_NODE, GW_CLOSE_TRY_LATER, "no node");
}

void gw_relay_open(struct gw_relay *r, struct gw_conn *conn, uint64_t now_us)
{
	conn->id = id_make(r->self, r->boot, r->seq++ & ((1u << ID_SEQ_BITS) - 1));
	conn_link(r, conn);
	conn->opened_us = now_us;
	r->counters.opened++;
	choose(r, conn, now_us);
}

void gw_relay_gone(struct gw_relay *r, struct gw_conn *conn)
{
	if (!conn->open)
		return;
	if (conn->node)
		(void)to_node(r, conn->node, GwFrame_Kind_CLOSE, conn, NULL, 0);
	let_go(r, conn);
	conn_unlink(r, conn);
}

/* ---- browser → node ----------------------------------------------------------------------- */

void gw_relay_from_browser(struct gw_relay *r, struct gw_conn *conn, const uint8_t *frame,
			   size_t len)
{
	if (conn->closing)
		return;
	if (len < 1 || (frame[0] != SEAL_FRAME_MSG1 && frame[0] != SEAL_FRAME_DATA)) {
		r->counters.bad_from_browser++;
		gw_relay_close(r, conn, 0, GW_CLOSE_PROTOCOL, "unexpected frame");
		return;
	}
	if (frame[0] == SEAL_FRAME_MSG1 && ++conn->msg1s > conn->certs) {
		r->counters.bad_from_browser++;
		gw_relay_close(r, conn, 0, GW_CLOSE_PROTOCOL, "one handshake a certificate");
		return;
	}
	if (conn->msg1s < conn->certs || !conn->node) {
		r->counters.stale_dropped++; /* meant for the node that refused */
		return;
	}
	if (to_node(r, conn->node, GwFrame_Kind_FRAME, conn, frame, len)) {
		/* A sealed session does not survive a missing frame. */
		gw_relay_close(r, conn, GW_BYE_NODE_LOST, GW_CLOSE_RESTART, "node away");
		return;
	}
	r->counters.to_node++;
	r->counters.bytes_to_node += len;
}

/* ---- node → browser ----------------------------------------------------------------------- */

static void frame_from_node(struct gw_relay *r, struct gw_conn *conn, const uint8_t *frame,
			    size_t len)
{
	bool known = len >= 1 && len <= GW_FRAME_MAX &&
		     (frame[0] == SEAL_FRAME_MSG2 || frame[0] == SEAL_FRAME_DATA);
	if (!known) {
		r->counters.bad_from_node++;
		gw_relay_close(r, conn, 0, GW_CLOSE_ERROR, "node sent an impossible frame");
		return;
	}
	if (frame[0] == SEAL_FRAME_MSG2)
		conn->sealed = true;
	to_browser(r, conn, frame, len);
}

static void closed_by_node(struct gw_relay *r, struct gw_conn *conn, uint32_t why)
{
	/* What RFC 6455 lets an endpoint send; anything else would make the browser complain. */
	bool valid = (why >= 1000 && why <= 1003) || (why >= 1007 && why <= 1013 && why != 1010) ||
		     (why >= 3000 && why <= 4999);
	r->counters.node_closed++;
	conn->node = 0;
	gw_relay_close(r, conn, 0, valid ? why : GW_CLOSE_ERROR, "closed by the node");
}

static void refused_by_node(struct gw_relay *r, struct gw_conn *conn, uint64_t now_us)
{
	r->counters.refused++;
	conn->node = 0;
	if (conn->sealed) {
		gw_relay_close(r, conn, GW_BYE_NODE_LOST, GW_CLOSE_RESTART, "node let go");
		return;
	}
	choose(r, conn, now_us);
}

static void gw_frame(struct gw_relay *r, uint16_t from, const GwFrame *head, const uint8_t *payload,
		     size_t len, uint64_t now_us)
{
	struct gw_conn *conn = conn_find(r, head->conn);
	if (!head->conn) { /* no id at all: nothing to answer */
		r->counters.bad_from_node++;
		return;
	}
	if (!conn || conn->node != from) {
		/* The browser left while this was on its way, or the node speaks of a conn of an
		 * earlier life of ours: let it forget, but answer a FRAME only, never a CLOSE. */
		r->counters.unknown_conn++;
		if (head->kind == GwFrame_Kind_FRAME) {
			struct gw_conn none = {.id = head->conn};
			(void)to_node(r, from, GwFrame_Kind_CLOSE, &none, NULL, 0);
		}
		return;
	}
	switch (head->kind) {
	case GwFrame_Kind_FRAME: frame_from_node(r, conn, payload, len); break;
	case GwFrame_Kind_CLOSE: closed_by_node(r, conn, head->why); break;
	case GwFrame_Kind_REFUSE: refused_by_node(r, conn, now_us); break;
	case GwFrame_Kind_NONE:
	case GwFrame_Kind_OPEN:
	case GwFrame_Kind_FRAMES:
	default: r->counters.bad_from_node++; break;
	}
}

static uint64_t get_le(const uint8_t *p, size_t n)
{
	uint64_t v = 0;
	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

/* Each is treated as if it had come alone; a length that leads beyond the end ends it. */
static void gw_frames(struct gw_relay *r, uint16_t from, const uint8_t *payload, size_t len,
		      uint64_t now_us)
{
	enum { HEAD = 10 };
	GwFrame head = GwFrame_init_zero;
	head.kind = GwFrame_Kind_FRAME;
	while (len >= HEAD) {
		size_t n = (size_t)get_le(payload + 8, 2);
		if (n > len - HEAD)
			break;
		head.conn = get_le(payload, 8);
		gw_frame(r, from, &head, payload + HEAD, n, now_us);
		payload += HEAD + n;
		len -= HEAD + n;
	}
	if (len)
		r->counters.bad_from_node++;
}

struct lost {
	struct gw_relay *r;
	uint16_t node;
};

static void lose(struct gw_conn *conn, void *arg)
{
	const struct lost *lost = arg;
	if (conn->node != lost->node)
		return;
	conn->node = 0;
	gw_relay_close(lost->r, conn, GW_BYE_NODE_LOST, GW_CLOSE_RESTART, "node lost");
}

static void lose_all(struct gw_relay *r, uint16_t node)
{
	struct lost lost = {.r = r, .node = node};
	gw_relay_each(r, lose, &lost);
}

static void node_status(struct gw_relay *r, const Envelope *env, uint64_t now_us)
{
	const NodeStatus *s = &env->body.node_status;
	const struct gw_node_status status = {.boot = env->boot,
					      .sessions = s->sessions,
					      .calls = s->calls,
					      .calls_max = s->calls_max,
					      .draining = s->draining,
					      .config_hash = s->config_hash,
					      .cert = s->cert.bytes,
					      .cert_len = s->cert.size};
	if (gw_nodes_heard(&r->nodes, (uint16_t)env->from, &status, now_us) == GW_HEARD_REBOOTED) {
		r->counters.node_rebooted++;
		lose_all(r, (uint16_t)env->from);
	}
}

/* A node speaks for its own site only: the mesh has checked who it is. */
static void node_gone(struct gw_relay *r, const Envelope *env)
{
	const NodeGone *g = &env->body.node_gone;
	if (g->node > UINT16_MAX ||
	    addr_site((uint16_t)g->node) != addr_site((uint16_t)env->from) || g->node == env->from)
		return;
	if (!gw_nodes_gone(&r->nodes, (uint16_t)g->node, g->boot))
		return;
	r->counters.node_lost++;
	lose_all(r, (uint16_t)g->node);
}

void gw_relay_from_mesh(struct gw_relay *r, const Envelope *env, const uint8_t *payload, size_t len,
			uint64_t now_us)
{
	uint16_t from = (uint16_t)env->from;
	if (!addr_is_node(from)) {
		r->counters.bad_from_node++;
		return;
	}
	gw_nodes_alive(&r->nodes, from, env->boot, now_us);
	if (env->which_body == Envelope_node_status_tag)
		node_status(r, env, now_us);
	else if (env->which_body == Envelope_gw_tag && env->body.gw.kind == GwFrame_Kind_FRAMES)
		gw_frames(r, from, payload, len, now_us);
	else if (env->which_body == Envelope_gw_tag)
		gw_frame(r, from, &env->body.gw, payload, len, now_us);
	else if (env->which_body == Envelope_node_gone_tag)
		node_gone(r, env);
	else
		r->counters.bad_from_node++;
}

struct again {
	struct gw_relay *r;
	uint64_t now_us;
};

static void choose_again(struct gw_conn *conn, void *arg)
{
	const struct again *again = arg;
	if (conn->held)
		choose(again->r, conn, again->now_us);
}

void gw_relay_tick(struct gw_relay *r, bool all_read, uint64_t now_us)
{
	struct gw_node *node;
	struct again again = {.r = r, .now_us = now_us};
	gw_nodes_look(&r->nodes, all_read, now_us);
	if (r->held)
		gw_relay_each(r, choose_again, &again);
	while ((node = gw_nodes_next_lost(&r->nodes, now_us)) != NULL) {
		r->counters.node_lost++;
		lose_all(r, node->addr);
	}
}
