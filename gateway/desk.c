#include "gateway/gateway.h"
#include "common/base/base.h"
#include "common/conf/conf.h"
#include "common/log/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* Written per wake-up, so that one busy browser does not hold up the others. */
	FRAMES_PER_WAKE_UP = 16,
	/* A browser that does not read cannot read our reason either: then the socket is cut. */
	CLOSE_GRACE_S = 3,
	/* What anybody may have waiting, however much waits for others: a whole large message. */
	FAIR_BYTES = 16384 + 512,
};

/* A frame that waits to be written; libwebsockets wants LWS_PRE bytes in front of it. */
struct frame {
	struct frame *next;
	size_t len;
	uint8_t data[];
};

struct desk {
	struct gw_conn conn;
	struct gateway *gw;
	struct lws *wsi;
	struct gw_peer *peer;
	struct frame *first, **last;
	size_t waiting; /* bytes */
	uint8_t *rx;    /* a message that came in pieces; NULL else */
	size_t rx_len;
	struct gw_bucket bucket;
	uint64_t opened_us, heard_us, pinged_us;
	bool ping_due;
	unsigned close_code;
	const char *close_why;
};

static struct desk *desk_of(struct gw_conn *conn)
{
	return lws_container_of(conn, struct desk, conn);
}

size_t gw_desk_session_size(void)
{
	return sizeof(struct desk);
}

/* ---- gateway → browser -------------------------------------------------------------------- */

/* Ten thousand slow readers are not allowed ten thousand whole queues. */
static bool has_room(const struct desk *d, size_t len)
{
	const struct gateway *gw = d->gw;
	size_t own = d->waiting + len;
	bool crowded = gw->waiting + len > (size_t)gw->limits.queues_mib * 1024 * 1024;
	return own <= (size_t)gw->limits.queue_kib * 1024 && (!crowded || own <= FAIR_BYTES);
}

/* Straight to the socket: to wait until it says that it takes something costs three more system
 * calls, which is most of what a message to all pages costs, and to ask it first costs one. What a
 * full socket leaves libwebsockets keeps, and from then on our own queue is used (and bounded)
 * until that is gone. Only for what comes from the mesh, when no handler of libwebsockets is under
 * way. What fails here is queued, and fails there. */
static bool write_now(struct desk *d, const void *frame, size_t len)
{
	uint8_t buf[LWS_PRE + GW_FRAME_MAX];
	if (!d->gw->from_mesh || d->first || d->close_code || len > GW_FRAME_MAX ||
	    lws_partial_buffered(d->wsi))
		return false;
	memcpy(buf + LWS_PRE, frame, len);
	return lws_write(d->wsi, buf + LWS_PRE, len, LWS_WRITE_BINARY) >= 0;
}

int gw_desk_send(struct gw_conn *conn, const void *frame, size_t len, void *arg)
{
	struct gateway *gw = arg;
	struct desk *d = desk_of(conn);
	if (write_now(d, frame, len)) {
		gw_dump(gw, '>', conn->id, frame, len);
		return 0;
	}
	if (!has_room(d, len)) {
		gw->counters.slow_readers++;
		return ENOBUFS;
	}
	struct frame *f = malloc(sizeof(*f) + LWS_PRE + len);
	if (!f)
		return ENOBUFS;
	f->next = NULL;
	f->len = len;
	memcpy(f->data + LWS_PRE, frame, len);
	*d->last = f;
	d->last = &f->next;
	d->waiting += len;
	gw->waiting += len;
	gw_dump(gw, '>', conn->id, frame, len);
	lws_callback_on_writable(d->wsi);
	return 0;
}

static void drop_first(struct desk *d)
{
	struct frame *f = d->first;
	d->first = f->next;
	if (!d->first)
		d->last = &d->first;
	d->waiting -= f->len;
	d->gw->waiting -= f->len;
	free(f);
}

void gw_desk_close(struct gw_conn *conn, unsigned code, const char *why, void *arg)
{
	struct desk *d = desk_of(conn);
	(void)arg;
	d->close_code = code;
	d->close_why = why;
	log_debug("desk.close", "conn=%llx code=%u why=%s", (unsigned long long)conn->id, code,
		  log_quote(why));
	lws_set_timeout(d->wsi, PENDING_TIMEOUT_USER_OK, CLOSE_GRACE_S);
	lws_callback_on_writable(d->wsi);
}

static int write_waiting(struct desk *d)
{
	if (d->ping_due) {
		/* Not empty: libwebsockets keeps the answer to an empty one to itself. */
		uint8_t ping[LWS_PRE + 1] = {0};
		d->ping_due = false;
		if (lws_write(d->wsi, ping + LWS_PRE, 1, LWS_WRITE_PING) < 0)
			return -1;
	}
	for (int i = 0; d->first && i < FRAMES_PER_WAKE_UP; i++) {
		struct frame *f = d->first;
		if (lws_write(d->wsi, f->data + LWS_PRE, f->len, LWS_WRITE_BINARY) < 0)
			return -1;
		drop_first(d);
		if (d->first && lws_send_pipe_choked(d->wsi))
			break;
	}
	if (d->first) {
		lws_callback_on_writable(d->wsi);
		return 0;
	}
	if (!d->close_code)
		return 0;
	lws_close_reason(d->wsi, (enum lws_close_status)d->close_code,
			 (unsigned char *)(uintptr_t)d->close_why, strlen(d->close_why));
	return -1;
}

static void close_going_away(struct gw_conn *conn, void *arg)
{
	struct gateway *gw = arg;
	gw_relay_close(&gw->relay, conn, 0, GW_CLOSE_GOING_AWAY, "gateway stops");
}

void gw_desk_close_all(struct gateway *gw)
{
	gw_relay_each(&gw->relay, close_going_away, gw);
}

/* ---- browser → gateway -------------------------------------------------------------------- */

static void refuse(struct desk *d, uint64_t *counter, enum gw_bye bye, unsigned code,
		   const char *why)
{
	if (d->conn.closing)
		return;
	++*counter;
	gw_relay_close(&d->gw->relay, &d->conn, bye, code, why);
}

static void whole_message(struct desk *d, const uint8_t *frame, size_t len)
{
	struct gateway *gw = d->gw;
	if (d->conn.closing)
		return;
	if (!gw_bucket_take(&d->bucket, gw->limits.rate_per_s, gw->limits.burst, mono_us())) {
		refuse(d, &gw->counters.too_fast, GW_BYE_LIMIT, GW_CLOSE_POLICY, "too fast");
		return;
	}
	gw_dump(gw, '<', d->conn.id, frame, len);
	gw_relay_from_browser(&gw->relay, &d->conn, frame, len);
}

/* libwebsockets hands out what it has read, which may be a part: put together here, up to a limit.
 */
static void receive(struct desk *d, const uint8_t *part, size_t len)
{
	bool begins = lws_is_first_fragment(d->wsi);
	bool ends = lws_is_final_fragment(d->wsi) && lws_remaining_packet_payload(d->wsi) == 0;
	if (d->conn.closing)
		return;
	if (!lws_frame_is_binary(d->wsi)) {
		refuse(d, &d->gw->counters.not_binary, 0, GW_CLOSE_NOT_BINARY, "binary only");
		return;
	}
	if (d->rx_len + len + lws_remaining_packet_payload(d->wsi) > GW_FRAME_MAX) {
		refuse(d, &d->gw->counters.too_big, GW_BYE_LIMIT, GW_CLOSE_TOO_BIG, "too big");
		return;
	}
	if (begins && ends && !d->rx) {
		whole_message(d, part, len);
		return;
	}
	if (!d->rx)
		d->rx = malloc(GW_FRAME_MAX);
	if (!d->rx) {
		gw_relay_close(&d->gw->relay, &d->conn, 0, GW_CLOSE_TRY_LATER, "out of memory");
		return;
	}
	if (len)
		memcpy(d->rx + d->rx_len, part, len);
	d->rx_len += len;
	if (!ends)
		return;
	whole_message(d, d->rx, d->rx_len);
	free(d->rx);
	d->rx = NULL;
	d->rx_len = 0;
}

/* ---- life --------------------------------------------------------------------------------- */

/* One page in the sweep of all. libwebsockets has timers for these, but keeps those of all
 * connections in one sorted list: with some thousand pages each insertion walked past all of them
 * (half of the CPU), pongs came late, and all pages were dropped at once. Ten thousand stay since.
 */
static void sweep_one(struct gw_conn *conn, void *arg)
{
	struct desk *d = desk_of(conn);
	const struct gw_limits *l = &d->gw->limits;
	uint64_t now_us = *(const uint64_t *)arg, ping_us = l->ping_s * 1000000ull;
	uint64_t silent_us = now_us > d->heard_us ? now_us - d->heard_us : 0;
	if (conn->closing)
		return;
	if (!conn->sealed && now_us - d->opened_us > l->handshake_ms * 1000ull)
		refuse(d, &d->gw->counters.handshake_timeouts, GW_BYE_LIMIT, GW_CLOSE_POLICY,
		       "silent in the handshake");
	else if (silent_us > ping_us + ping_us / 2 + 1000000 && d->pinged_us > d->heard_us)
		gw_relay_close(&d->gw->relay, conn, 0, GW_CLOSE_GOING_AWAY, "no answer to a ping");
	else if (silent_us > ping_us && d->pinged_us <= d->heard_us) {
		d->pinged_us = now_us;
		d->ping_due = true;
		lws_callback_on_writable(d->wsi);
	}
}

void gw_desk_sweep(struct gateway *gw)
{
	uint64_t now_us = mono_us();
	gw_relay_each(&gw->relay, sweep_one, &now_us);
}

/* Headers can be read here, before the upgrade, and no longer when it is established. */
static int prepare(struct desk *d, struct gateway *gw, struct lws *wsi)
{
	char query[256] = "", name[CONF_NAME_SIZE];
	d->gw = gw;
	d->wsi = wsi;
	d->last = &d->first;
	d->conn.site = 0;
	if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS) > 0)
		(void)lws_hdr_copy(wsi, query, (int)sizeof(query), WSI_TOKEN_HTTP_URI_ARGS);
	unsigned own = addr_site(gw->self->addr);
	bool asked = gw_query_name(query, "site", name, sizeof(name)) == 0;
	for (uint32_t i = 0; i < gw->conf->sites_n; i++) {
		const struct conf_site *site = &gw->conf->sites[i];
		if (asked && strcmp(site->name, name) == 0) {
			d->conn.site = i;
			break;
		}
		if (site->number == own)
			d->conn.site = i; /* unless the wanted one is still found */
	}
	/* A page that comes back asks for the node that holds its session. */
	if (gw_query_name(query, "node", name, sizeof(name)) == 0) {
		const struct conf_daemon *node = conf_daemon_by_name(gw->conf, name);
		if (node && node->role == CONF_NODE)
			d->conn.wanted = node->addr;
	}
	return 0;
}

static int established(struct desk *d, struct lws *wsi)
{
	struct gateway *gw = d->gw;
	d->peer = lws_get_opaque_user_data(wsi);
	if (!d->peer)
		return -1;
	d->peer->desks++;
	gw->peers.desks++;
	d->conn.ip4 = d->peer->ip4;
	d->opened_us = d->heard_us = mono_us();
	gw_relay_open(&gw->relay, &d->conn, mono_us());
	return 0;
}

static void closed(struct desk *d)
{
	gw_relay_gone(&d->gw->relay, &d->conn);
	while (d->first)
		drop_first(d);
	free(d->rx);
	d->rx = NULL;
	if (d->peer) {
		d->peer->desks--;
		d->gw->peers.desks--;
		d->peer = NULL;
	}
	/* The last one gone ends a gateway that was told to stop. */
	if (d->gw->stopping && d->gw->relay.conns == 0)
		lws_cancel_service(d->gw->lws);
}

int gw_desk_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		     size_t len)
{
	struct desk *d = user;
	switch ((int)reason) {
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: return prepare(d, gw_of(wsi), wsi);
	case LWS_CALLBACK_ESTABLISHED: return established(d, wsi);
	case LWS_CALLBACK_RECEIVE:
		d->heard_us = mono_us();
		receive(d, in, len);
		return 0;
	case LWS_CALLBACK_RECEIVE_PONG: d->heard_us = mono_us(); return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE: return write_waiting(d);
	case LWS_CALLBACK_CLOSED: closed(d); return 0;
	default: return 0;
	}
}
