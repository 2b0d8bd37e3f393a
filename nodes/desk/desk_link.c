/*
 * Links: WebSockets of browsers behind a gateway, from OPEN to CLOSE. The seal's counters are
 * implicit, so one frame that cannot be sent ends the link; the page reconnects and resumes.
 */
#include "nodes/desk/desk_internal.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

enum {
	WS_CLOSE_NORMAL = 1000,
	WS_CLOSE_PROTOCOL = 1002,
	WS_CLOSE_POLICY = 1008,
	WS_CLOSE_TRY_AGAIN = 1013
};

static uint32_t link_key(uint64_t conn)
{
	return hash_fast((const char *)&conn, sizeof(conn));
}

static bool link_match(struct le *le, void *arg)
{
	const struct link *l = le->data;
	return l->conn == *(const uint64_t *)arg;
}

struct link *link_find(const struct desk *d, uint64_t conn)
{
	return list_ledata(hash_lookup(d->links, link_key(conn), link_match, &conn));
}

static void link_destroy(void *arg)
{
	struct link *l = arg;
	hash_unlink(&l->he);
	l->desk->links_n--;
	seal_session_wipe(&l->seal);
}

static int gw_send(struct link *l, GwFrame_Kind kind, uint32_t why, const void *payload, size_t len)
{
	Envelope env = Envelope_init_zero;
	env.which_body = Envelope_gw_tag;
	env.body.gw.kind = kind;
	env.body.gw.conn = l->conn;
	env.body.gw.why = why;
	return node_mesh_send(l->desk->n, l->gateway, &env, payload, len);
}

static void link_gone(struct link *l)
{
	struct session *s = l->session;
	l->session = NULL;
	if (s && s->link == l) {
		s->link = NULL;
		session_link_lost(s);
	}
	mem_deref(l);
}

void link_close(struct link *l, uint32_t why)
{
	log_debug("link.close", "conn=%llx why=%u state=%d", (unsigned long long)l->conn,
		  (unsigned)why, (int)l->state);
	(void)gw_send(l, GwFrame_Kind_CLOSE, why ? why : WS_CLOSE_NORMAL, NULL, 0);
	link_gone(l);
}

void link_end_soon(struct link *l)
{
	l->heard_us = 0;
}

int link_seal(struct link *l, const char *text, size_t len, uint8_t *dst, size_t size,
	      size_t *ret_len)
{
	size_t sealed = 0;
	dst[0] = SEAL_FRAME_DATA;
	int err = seal_encrypt(&l->seal, text, len, dst + 1, size - 1, &sealed);
	*ret_len = 1 + sealed;
	return err;
}

void link_send_text(struct link *l, const char *text, size_t len)
{
	uint8_t frame[DESK_FRAME_MAX];
	size_t n = 0;
	if (link_seal(l, text, len, frame, sizeof(frame), &n) ||
	    gw_send(l, GwFrame_Kind_FRAME, 0, frame, n))
		link_end_soon(l);
}

void link_send(struct link *l, json_t *msg)
{
	char text[DESK_MESSAGE_MAX];
	size_t len = msg ? json_dumpb(msg, text, sizeof(text), JSON_COMPACT) : 0;
	json_decref(msg);
	helio_assert(len > 0 && len <= sizeof(text)); /* every message of ours is bounded */
	link_send_text(l, text, len);
	sodium_memzero(text, len); /* a ticket, perhaps */
}

void link_error(struct link *l, const char *what, const char *why, const char *remedy)
{
	link_send(l, json_pack("{ss ss ss ss}", "t", "error", "what", what, "why", why, "remedy",
			       remedy));
}

static struct link *link_open(struct desk *d, uint16_t gateway, uint32_t boot, const GwFrame *gw)
{
	struct link *l = mem_zalloc(sizeof(*l), link_destroy);
	if (!l)
		return NULL;
	l->desk = d;
	l->conn = gw->conn;
	l->gateway = gateway;
	l->gateway_boot = boot;
	l->remote_ip4 = gw->remote_ip4;
	l->frames = gw->frames;
	l->opened_us = l->heard_us = mono_us();
	d->links_n++;
	hash_append(d->links, link_key(l->conn), &l->he, l);
	/* A draining node takes no new session, but a page may come back to the one it has. */
	if (d->links_n > 2 * d->n->self->sessions_max) {
		(void)gw_send(l, GwFrame_Kind_REFUSE, WS_CLOSE_TRY_AGAIN, NULL, 0);
		return mem_deref(l);
	}
	return l;
}

/* Noise message 1 in, message 2 out. Message 1 may be replayed: nothing has happened after it but
 * a key that the replayer cannot use. */
static void link_handshake(struct link *l, const uint8_t *body, size_t len)
{
	struct desk *d = l->desk;
	struct seal_handshake hs;
	uint8_t prologue[sizeof(SEAL_PROLOGUE) - 1 + SEAL_CERT_LEN_MAX];
	uint8_t payload[1024], out[1024];
	size_t n = sizeof(SEAL_PROLOGUE) - 1, got = 0, written = 0;
	memcpy(prologue, SEAL_PROLOGUE, n);
	memcpy(prologue + n, d->n->cert, d->n->cert_len);
	seal_handshake_init(&hs, false, &d->noise, NULL, prologue, n + d->n->cert_len);
	char hello[256];
	int m = snprintf(hello, sizeof(hello),
			 "{\"v\":1,\"node\":\"%s\",\"site\":\"%s\",\"cluster\":\"%s\"}",
			 d->n->self->name, d->n->site->name, d->n->conf->cluster);
	out[0] = SEAL_FRAME_MSG2;
	if (seal_handshake_read(&hs, body, len, payload, sizeof(payload), &got, NULL) ||
	    seal_handshake_write(&hs, hello, (size_t)m, out + 1, sizeof(out) - 1, &written,
				 &l->seal)) {
		d->counters.bad_frames++;
		seal_handshake_wipe(&hs);
		link_close(l, WS_CLOSE_PROTOCOL);
		return;
	}
	seal_handshake_wipe(&hs);
	l->state = LINK_SEALED;
	if (gw_send(l, GwFrame_Kind_FRAME, 0, out, 1 + written))
		link_close(l, WS_CLOSE_TRY_AGAIN);
}

static bool too_fast(struct link *l, uint64_t now_us)
{
	const uint64_t each_us = 1000000 / l->desk->n->page_rate;
	uint64_t from = l->owed_until_us > now_us ? l->owed_until_us : now_us;
	if (from + each_us - now_us > DESK_MESSAGES_BURST_S * 1000000ull)
		return true;
	l->owed_until_us = from + each_us;
	return false;
}

static void link_data(struct link *l, const uint8_t *body, size_t len)
{
	uint8_t plain[DESK_MESSAGE_MAX];
	size_t got = 0;
	if (too_fast(l, mono_us())) {
		l->desk->counters.too_fast++;
		log_warn("link.too_fast", "conn=%llx", (unsigned long long)l->conn);
		link_error(l, "message", "too many messages",
			   "wait, and connect again; if it stays, report it");
		link_close(l, WS_CLOSE_POLICY);
		return;
	}
	if (len > sizeof(plain) + SEAL_TAG_LEN ||
	    seal_decrypt(&l->seal, body, len, plain, sizeof(plain), &got)) {
		l->desk->counters.bad_frames++;
		log_warn("link.bad_frame", "conn=%llx", (unsigned long long)l->conn);
		link_close(l, WS_CLOSE_PROTOCOL);
		return;
	}
	l->heard_us = mono_us();
	message_handle(l, plain, got);
	sodium_memzero(plain, got); /* a password, perhaps */
}

static void link_frame(struct link *l, const uint8_t *payload, size_t len)
{
	if (len >= 1 && payload[0] == SEAL_FRAME_MSG1 && l->state == LINK_HELLO) {
		link_handshake(l, payload + 1, len - 1);
	} else if (len >= 1 && payload[0] == SEAL_FRAME_DATA && l->state != LINK_HELLO) {
		link_data(l, payload + 1, len - 1);
	} else {
		l->desk->counters.bad_frames++;
		link_close(l, WS_CLOSE_PROTOCOL);
	}
}

void desk_frame(struct desk *d, uint16_t gateway, uint32_t boot, const GwFrame *gw,
		const uint8_t *payload, size_t len)
{
	struct link *l = link_find(d, gw->conn);
	if (l && l->gateway != gateway)
		return; /* a conn id belongs to the gateway that minted it */
	switch (gw->kind) {
	case GwFrame_Kind_OPEN:
		if (id_addr(gw->conn) == gateway && !l)
			(void)link_open(d, gateway, boot, gw);
		break;
	case GwFrame_Kind_FRAME:
		if (l)
			link_frame(l, payload, len);
		else { /* we restarted: let the browser begin anew at once */
			Envelope env = Envelope_init_zero;
			env.which_body = Envelope_gw_tag;
			env.body.gw.kind = GwFrame_Kind_CLOSE;
			env.body.gw.conn = gw->conn;
			env.body.gw.why = WS_CLOSE_TRY_AGAIN;
			(void)node_mesh_send(d->n, gateway, &env, NULL, 0);
		}
		break;
	case GwFrame_Kind_CLOSE:
		if (l)
			link_gone(l);
		break;
	case GwFrame_Kind_NONE:
	case GwFrame_Kind_FRAMES:
	case GwFrame_Kind_REFUSE: break;
	}
}

struct tick {
	uint64_t now;
	struct link *dead; /* one a pass: closing changes the table */
	uint32_t why;
};

static bool link_tick(struct le *le, void *arg)
{
	struct link *l = le->data;
	struct tick *t = arg;
	if (l->heard_us + DESK_LINK_SILENT_MS * 1000ull < t->now)
		t->why = WS_CLOSE_TRY_AGAIN;
	else if (l->state != LINK_IN && l->opened_us + DESK_LINK_LOGIN_MS * 1000ull < t->now)
		t->why = WS_CLOSE_POLICY;
	else
		return false;
	t->dead = l;
	return true;
}

static bool link_excuse(struct le *le, void *arg)
{
	struct link *l = le->data;
	if (l->heard_us) /* 0: it is to be closed */
		l->heard_us += *(const uint64_t *)arg;
	return false;
}

/* A node that was held up has heard nobody: what its pages said meanwhile is yet to be read. */
static void links_excuse(struct desk *d, uint64_t now_us)
{
	uint64_t pause_us = now_us - d->links_us;
	if (d->links_us && pause_us > 2 * DESK_TICK_MS * 1000ull)
		(void)hash_apply(d->links, link_excuse, &pause_us);
	d->links_us = now_us;
}

void links_tick(struct desk *d)
{
	links_excuse(d, mono_us());
	for (;;) {
		struct tick t = {.now = mono_us()};
		(void)hash_apply(d->links, link_tick, &t);
		if (!t.dead)
			return;
		link_close(t.dead, t.why);
	}
}
