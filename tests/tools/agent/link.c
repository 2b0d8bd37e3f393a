#include "tests/tools/agent/link.h"
#include "common/base/base.h"
#include "tests/tools/ws.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	MESSAGE_MAX = 16384,
	FRAME_MAX = MESSAGE_MAX + 256,
	/* From the TCP connection to the sealed session; the gateway's own limit is 10 s. */
	OPEN_MS = 15000,
	/* To the TCP connection, as the page, which then tries another gateway. (With TLS libre
	 * tells of both together, and a gateway with many at once may take long for its part.) */
	DOOR_MS = 2500,
};

struct link {
	struct link_conf conf;
	struct tcp_conn *tcp;
	struct tls_conn *tls;
	struct tmr timer;
	struct ws ws;
	struct seal_handshake hs;
	struct seal_session seal;
	char node[32];
	bool sealed, over;
	int code;
	char why[96];
	link_up_h *up_h;
	link_msg_h *msg_h;
	link_down_h *down_h;
	void *arg;
};

/* TLS first: it is a helper on the connection. */
static void cut(struct link *l)
{
	l->tls = mem_deref(l->tls);
	l->tcp = mem_deref(l->tcp);
}

static void link_destroy(void *arg)
{
	struct link *l = arg;
	tmr_cancel(&l->timer);
	cut(l);
	ws_wipe(&l->ws);
	seal_handshake_wipe(&l->hs);
	seal_session_wipe(&l->seal);
}

struct link *link_close(struct link *l)
{
	if (l) {
		l->over = true;
		cut(l);
		mem_deref(l);
	}
	return NULL;
}

static void say_down(void *arg)
{
	struct link *l = arg;
	link_down_h *down_h = l->down_h;
	void *owner = l->arg;
	char why[sizeof(l->why)];
	int code = l->code;
	memcpy(why, l->why, sizeof(why));
	cut(l);
	mem_deref(l);
	down_h(why, code, owner);
}

/* From the loop, not from inside whatever found out: the owner may be in the middle of using us. */
static void fail(struct link *l, const char *why)
{
	if (l->over)
		return;
	l->over = true;
	(void)str_copy(l->why, sizeof(l->why), why);
	tmr_start(&l->timer, 0, say_down, l);
}

static void send_frame(struct link *l, enum ws_op op, const void *data, size_t len)
{
	if (l->over)
		return;
	struct mbuf *mb = mbuf_alloc(len + WS_HEAD_MAX);
	if (!mb) {
		fail(l, "out of memory");
		return;
	}
	mb->end = ws_frame(mb->buf, op, data, len);
	int err = tcp_send(l->tcp, mb);
	mem_deref(mb);
	if (err)
		fail(l, strerror(err));
}

/* ---- handshake ---------------------------------------------------------------------------- */

static void got_cert(struct link *l, const uint8_t *cert, size_t len)
{
	uint8_t prologue[sizeof(SEAL_PROLOGUE) - 1 + SEAL_CERT_LEN_MAX];
	uint8_t frame[1 + 64 + SEAL_MSG1_OVERHEAD];
	static const char hello[] = "{\"v\":1}";
	struct seal_cert c;
	size_t n = sizeof(SEAL_PROLOGUE) - 1, out = 0;
	if (len > SEAL_CERT_LEN_MAX ||
	    seal_cert_open(&c, cert, len, l->conf.cluster_pub, wall_ms() / 1000)) {
		fail(l, "the node's certificate is not signed by this cluster");
		return;
	}
	if (l->conf.home && l->conf.insist && strcmp(c.node, l->conf.home) != 0) {
		fail(l, LINK_OTHER_NODE);
		return;
	}
	memcpy(prologue, SEAL_PROLOGUE, n);
	memcpy(prologue + n, cert, len);
	seal_handshake_wipe(&l->hs);
	seal_handshake_init(&l->hs, true, l->conf.device, c.noise_pub, prologue, n + len);
	frame[0] = SEAL_FRAME_MSG1;
	if (seal_handshake_write(&l->hs, hello, sizeof(hello) - 1, frame + 1, sizeof(frame) - 1,
				 &out, NULL)) {
		fail(l, "handshake");
		return;
	}
	(void)str_copy(l->node, sizeof(l->node), c.node);
	send_frame(l, WS_BINARY, frame, 1 + out);
}

static void got_msg2(struct link *l, const uint8_t *body, size_t len)
{
	uint8_t payload[1024];
	size_t n = 0;
	if (l->sealed || len > sizeof(payload) ||
	    seal_handshake_read(&l->hs, body, len, payload, sizeof(payload), &n, &l->seal)) {
		fail(l, "the node does not hold the key of its certificate");
		return;
	}
	seal_handshake_wipe(&l->hs);
	l->sealed = true;
	tmr_cancel(&l->timer);
	l->up_h(l->node, l->arg);
}

/* ---- messages ----------------------------------------------------------------------------- */

void link_send(struct link *l, json_t *msg)
{
	uint8_t frame[1 + MESSAGE_MAX + SEAL_TAG_LEN];
	char text[MESSAGE_MAX];
	size_t sealed = 0, len = msg ? json_dumpb(msg, text, sizeof(text), JSON_COMPACT) : 0;
	json_decref(msg);
	helio_assert(len > 0 && len <= sizeof(text));
	if (!l || l->over || !l->sealed)
		return;
	frame[0] = SEAL_FRAME_DATA;
	if (seal_encrypt(&l->seal, text, len, frame + 1, sizeof(frame) - 1, &sealed))
		fail(l, "seal used up");
	else
		send_frame(l, WS_BINARY, frame, 1 + sealed);
}

static void got_data(struct link *l, const uint8_t *body, size_t len)
{
	uint8_t plain[FRAME_MAX];
	size_t n = 0;
	if (!l->sealed || len > sizeof(plain) ||
	    seal_decrypt(&l->seal, body, len, plain, sizeof(plain), &n)) {
		fail(l, "a frame that does not open");
		return;
	}
	json_t *msg = json_loadb((const char *)plain, n, 0, NULL);
	const char *type = json_string_value(json_object_get(msg, "t"));
	if (type)
		l->msg_h(type, msg, l->arg);
	else
		fail(l, "a message that is no JSON object with a type");
	json_decref(msg);
}

static void got_bye(struct link *l, const uint8_t *body, size_t len)
{
	static const char *const why[] = {"bye", LINK_NODE_LOST, "no node", "limit"};
	fail(l, len && body[0] < HELIO_ARRAY_LEN(why) ? why[body[0]] : why[0]);
}

static void got_frame(struct link *l, const uint8_t *frame, size_t len)
{
	switch (len ? frame[0] : 0) {
	case SEAL_FRAME_CERT: got_cert(l, frame + 1, len - 1); break;
	case SEAL_FRAME_MSG2: got_msg2(l, frame + 1, len - 1); break;
	case SEAL_FRAME_DATA: got_data(l, frame + 1, len - 1); break;
	case SEAL_FRAME_BYE: got_bye(l, frame + 1, len - 1); break;
	default: fail(l, "an unknown frame"); break;
	}
}

static void ws_message(enum ws_op op, const uint8_t *data, size_t len, void *arg)
{
	struct link *l = arg;
	if (l->over)
		return;
	if (op == WS_BINARY) {
		got_frame(l, data, len);
	} else if (op == WS_PING) {
		send_frame(l, WS_PONG, data, len);
	} else if (op == WS_CLOSE) {
		l->code = len >= 2 ? data[0] << 8 | data[1] : 1005;
		fail(l, "closed");
	}
}

static void ws_opened(void *arg)
{
	(void)arg; /* the gateway speaks first */
}

/* ---- TCP ---------------------------------------------------------------------------------- */

static void tcp_received(struct mbuf *mb, void *arg)
{
	struct link *l = arg;
	if (l->over)
		return;
	mem_ref(l); /* a handler may close us */
	int err = ws_feed(&l->ws, mbuf_buf(mb), mbuf_get_left(mb), ws_opened, ws_message, l);
	if (err) {
		char why[64];
		snprintf(why, sizeof(why), "WebSocket: %s, HTTP status %d", strerror(err),
			 l->ws.status);
		fail(l, why);
	}
	mem_deref(l);
}

static void tcp_closed(int err, void *arg)
{
	fail(arg, err ? strerror(err) : "cut");
}

static void too_slow(void *arg);

static void tcp_established(void *arg)
{
	struct link *l = arg;
	char request[WS_REQUEST_MAX], path[128], origin[96];
	if (!l->over)
		tmr_start(&l->timer, OPEN_MS, too_slow, l);
	snprintf(path, sizeof(path), "/desk?%s%s%s%s%s", l->conf.site ? "site=" : "",
		 l->conf.site ? l->conf.site : "", l->conf.site && l->conf.home ? "&" : "",
		 l->conf.home ? "node=" : "", l->conf.home ? l->conf.home : "");
	snprintf(origin, sizeof(origin), "http%s://%s", l->conf.tls ? "s" : "", l->conf.host);
	if (ws_request(&l->ws, l->conf.host, path, origin, "heliograph.1", request)) {
		fail(l, "request too long");
		return;
	}
	struct mbuf *mb = mbuf_alloc(strlen(request));
	int err = mb ? mbuf_write_str(mb, request) : ENOMEM;
	if (!err) {
		mb->pos = 0;
		err = tcp_send(l->tcp, mb);
	}
	mem_deref(mb);
	if (err)
		fail(l, strerror(err));
}

static void too_slow(void *arg)
{
	fail(arg, "not sealed in time");
}

int link_tls(struct tls **ret, const char *ca_file)
{
	struct tls *tls = NULL;
	int err = tls_alloc(&tls, TLS_METHOD_SSLV23, NULL, NULL);
	if (!err)
		err = tls_add_ca(tls, ca_file);
	if (err)
		mem_deref(tls);
	else
		*ret = tls;
	return err;
}

static int dial(struct link *l)
{
	const struct link_conf *conf = &l->conf;
	char ip[INET6_ADDRSTRLEN] = "";
	int err =
	    tcp_conn_alloc(&l->tcp, &conf->gateway, tcp_established, tcp_received, tcp_closed, l);
	if (!err && sa_isset(&conf->local, SA_ADDR))
		err = tcp_conn_bind(l->tcp, &conf->local);
	if (!err)
		err = tcp_conn_connect(l->tcp, &conf->gateway);
	if (!err && conf->tls)
		err = tls_start_tcp(&l->tls, conf->tls, l->tcp, 0);
	if (!err && conf->tls)
		err = sa_ntop(&conf->gateway, ip, sizeof(ip));
	if (!err && conf->tls)
		err = tls_set_verify_server(l->tls, ip);
	return err;
}

int link_open(struct link **ret, const struct link_conf *conf, link_up_h *up_h, link_msg_h *msg_h,
	      link_down_h *down_h, void *arg)
{
	struct link *l = mem_zalloc(sizeof(*l), link_destroy);
	if (!l)
		return ENOMEM;
	l->conf = *conf;
	l->up_h = up_h;
	l->msg_h = msg_h;
	l->down_h = down_h;
	l->arg = arg;
	tmr_init(&l->timer);
	ws_init(&l->ws, FRAME_MAX);
	int err = dial(l);
	if (err) {
		mem_deref(l);
		return err;
	}
	tmr_start(&l->timer, conf->tls ? OPEN_MS : DOOR_MS, too_slow, l);
	*ret = l;
	return 0;
}
