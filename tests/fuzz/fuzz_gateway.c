/*
 * Browsers and nodes that say anything, in any order, against the relay: it must keep its own
 * books. The input is a list of steps: what, which browser, which node, how long, then so many
 * bytes.
 */
#include "common/base/base.h"
#include "common/conf/conf.h"
#include "gateway/relay.h"
#include "gateway/request.h"

#include <stdlib.h>
#include <string.h>

enum { CONNS = 4, NODES = 3 };

struct world {
	struct gw_relay *relay;
	struct gw_conn conn[CONNS];
	bool used[CONNS];
	uint64_t now_us;
	uint8_t fails; /* sends that fail, as bits of a counter */
	unsigned sends;
};

static int to_node(uint16_t node, const GwFrame *head, const void *payload, size_t len, void *arg)
{
	struct world *w = arg;
	(void)payload;
	helio_assert(addr_is_node(node) && head->conn && len <= GW_FRAME_MAX);
	return w->fails >> (w->sends++ % 8) & 1 ? 11 : 0;
}

static int to_browser(struct gw_conn *conn, const void *frame, size_t len, void *arg)
{
	struct world *w = arg;
	helio_assert(conn->open && len >= 1 && len <= GW_FRAME_MAX && frame);
	return w->fails >> (w->sends++ % 8) & 1 ? 105 : 0;
}

static void close_h(struct gw_conn *conn, unsigned code, const char *why, void *arg)
{
	(void)arg;
	helio_assert(conn->closing && code >= 1000 && code <= 4999 && code != 1005 &&
		     code != 1006 && why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint16_t node_addr(uint8_t n)
{
	return n % 8 == 7 ? n : addr_make(1 + n % NODES, 1); /* now and then a stranger */
}

static void from_node(struct world *w, uint8_t which, uint8_t kind, uint8_t node,
		      const uint8_t *bytes, size_t len)
{
	Envelope env = Envelope_init_zero;
	env.from = node_addr(node);
	env.boot = 1 + (kind >> 6);
	if (kind & 8) {
		env.which_body = Envelope_node_status_tag;
		env.body.node_status.sessions = which;
		env.body.node_status.draining = kind & 16;
		env.body.node_status.cert.size = (pb_size_t)(len < 256 ? len : 256);
		if (len)
			memcpy(env.body.node_status.cert.bytes, bytes, len < 256 ? len : 256);
	} else {
		env.which_body = kind & 32 ? Envelope_ping_tag : Envelope_gw_tag;
		env.body.gw.kind = (GwFrame_Kind)(kind & 7);
		env.body.gw.conn = w->conn[which % CONNS].id;
		env.body.gw.why = (uint32_t)which * 40;
	}
	uint8_t many[1024];
	uint64_t id = w->conn[which % CONNS].id;
	if (env.which_body == Envelope_gw_tag && env.body.gw.kind == GwFrame_Kind_FRAMES &&
	    len >= sizeof(id) &&
	    len <= sizeof(many)) { /* or none of its frames would be for anybody */
		memcpy(many, bytes, len);
		memcpy(many, &id, sizeof(id));
		bytes = many;
	}
	gw_relay_from_mesh(w->relay, &env, bytes, len, w->now_us);
}

static void step(struct world *w, const uint8_t head[5], const uint8_t *bytes, size_t len)
{
	size_t i = head[1] % CONNS;
	w->now_us += (uint64_t)head[3] * 50000;
	switch (head[0] % 6) {
	case 0:
		if (!w->used[i]) {
			memset(&w->conn[i], 0, sizeof(w->conn[i]));
			w->conn[i].site = head[2];
			w->used[i] = true;
			gw_relay_open(w->relay, &w->conn[i], w->now_us);
		}
		break;
	case 1:
		if (w->used[i])
			gw_relay_from_browser(w->relay, &w->conn[i], bytes, len);
		break;
	case 2:
		if (w->used[i])
			gw_relay_gone(w->relay, &w->conn[i]);
		w->used[i] = false;
		break;
	case 3: from_node(w, head[1], head[2], head[4], bytes, len); break;
	case 4: w->fails = head[2]; break;
	default: gw_relay_tick(w->relay, true, w->now_us); break;
	}
}

static void requests(const uint8_t *data, size_t size)
{
	char text[200], site[32];
	struct gw_origins o = {0};
	size_t n = size < sizeof(text) - 1 ? size : sizeof(text) - 1;
	if (n)
		memcpy(text, data, n);
	text[n] = '\0';
	if (gw_query_name(text, "site", site, sizeof(site)) == 0)
		helio_assert(site[0] && strlen(site) < sizeof(site) && !strpbrk(site, "./&= %"));
	(void)gw_protocol_offered(text);
	if (gw_origins_add(&o, text) == 0)
		helio_assert(!strpbrk(text, " ;'\",\r\n") && gw_origin_allowed(&o, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct gw_relay_ops ops = {
	    .to_node = to_node, .to_browser = to_browser, .close = close_h};
	static struct conf conf;
	static struct conf_daemon daemons[NODES];
	static struct gw_relay relay;
	struct world w = {.relay = &relay, .now_us = 1000000};
	requests(data, size);
	conf.daemons = daemons;
	conf.daemons_n = conf.sites_n = NODES;
	for (uint8_t i = 0; i < NODES; i++) {
		conf.sites[i].first = i;
		conf.sites[i].daemons_n = 1;
		daemons[i].role = CONF_NODE;
		daemons[i].addr = addr_make(1u + i, 1);
	}
	if (gw_relay_init(&relay, &conf, addr_make(1, 96), 1, &ops, &w))
		return 0;
	while (size >= 6) {
		size_t len = data[5];
		if (len > size - 6)
			len = size - 6;
		step(&w, data, data + 6, len);
		data += 6 + len;
		size -= 6 + len;
	}
	size_t open = 0;
	for (size_t i = 0; i < CONNS; i++)
		open += w.used[i];
	helio_assert(relay.conns == open);
	for (size_t i = 0; i < CONNS; i++)
		if (w.used[i])
			gw_relay_gone(&relay, &w.conn[i]);
	helio_assert(relay.conns == 0);
	gw_relay_wipe(&relay);
	return 0;
}
