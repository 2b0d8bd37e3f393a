/* The gateway's pure parts: choice of nodes, requests, rates, addresses, and the relay without any
 * socket. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"
#include "common/conf/conf.h"
#include "common/seal/seal.h"
#include "gateway/peers.h"
#include "gateway/relay.h"
#include "gateway/request.h"

enum { S = 1000000 };

/* ---- requests ----------------------------------------------------------------------------- */

static void an_origin_must_be_whole_and_known(void **state)
{
	struct gw_origins o = {0};
	(void)state;
	assert_int_equal(gw_origins_add(&o, "http://127.0.1.1:8080"), 0);
	assert_int_equal(gw_origins_add(&o, "https://desk.example"), 0);
	assert_int_equal(gw_origins_add(&o, "desk.example"), EINVAL);
	assert_int_equal(gw_origins_add(&o, "https://"), EINVAL);
	assert_int_equal(gw_origins_add(&o, "https://desk.example/"), EINVAL);
	assert_int_equal(gw_origins_add(&o, "https://a; script-src *"), EINVAL);
	assert_true(gw_origin_allowed(&o, "http://127.0.1.1:8080"));
	assert_true(gw_origin_allowed(&o, "HTTPS://Desk.Example"));
	assert_false(gw_origin_allowed(&o, "http://127.0.1.1:80801"));
	assert_false(gw_origin_allowed(&o, "http://127.0.1.1:808"));
	assert_false(gw_origin_allowed(&o, "https://desk.example.evil"));
	assert_false(gw_origin_allowed(&o, ""));
	assert_false(gw_origin_allowed(&o, NULL));
}

static void a_site_is_read_from_the_query(void **state)
{
	char site[8];
	(void)state;
	assert_int_equal(gw_query_name("site=oslo", "site", site, sizeof(site)), 0);
	assert_string_equal(site, "oslo");
	assert_int_equal(gw_query_name("a=1&site=m-2&b", "site", site, sizeof(site)), 0);
	assert_string_equal(site, "m-2");
	assert_int_equal(gw_query_name("a=1,site=m-2,b", "site", site, sizeof(site)), 0);
	assert_string_equal(site, "m-2");
	assert_int_equal(gw_query_name("", "site", site, sizeof(site)), ENOENT);
	assert_int_equal(gw_query_name("website=oslo", "site", site, sizeof(site)), ENOENT);
	assert_int_equal(gw_query_name("site=", "site", site, sizeof(site)), EINVAL);
	assert_int_equal(gw_query_name("site=toolonga", "site", site, sizeof(site)), EINVAL);
	assert_int_equal(gw_query_name("site=a&site=a", "site", site, sizeof(site)), EINVAL);
	assert_int_equal(gw_query_name("site=../x", "site", site, sizeof(site)), EINVAL);
}

static void a_sub_protocol_is_found_whole(void **state)
{
	(void)state;
	assert_true(gw_protocol_offered("heliograph.1"));
	assert_true(gw_protocol_offered("chat,heliograph.1 , x"));
	assert_false(gw_protocol_offered("heliograph.10"));
	assert_false(gw_protocol_offered("xheliograph.1"));
	assert_false(gw_protocol_offered(""));
	assert_false(gw_protocol_offered(NULL));
}

static void a_bucket_gives_its_burst_then_its_rate(void **state)
{
	struct gw_bucket b = {0};
	uint64_t now = 100 * S;
	unsigned got = 0;
	(void)state;
	while (gw_bucket_take(&b, 10, 20, now))
		got++;
	assert_int_equal(got, 20);
	assert_false(gw_bucket_take(&b, 10, 20, now + 99000));
	assert_true(gw_bucket_take(&b, 10, 20, now + 100000));
	assert_false(gw_bucket_take(&b, 10, 20, now + 100000));
	for (got = 0; gw_bucket_take(&b, 10, 20, now + 60 * (uint64_t)S);)
		got++;
	assert_int_equal(got, 20); /* rest does not add up beyond the burst */
}

static void sockets_are_counted_by_address(void **state)
{
	struct gw_peers p = {0};
	struct gw_peer *peer[300];
	(void)state;
	for (uint32_t i = 0; i < 300; i++)
		peer[i] = gw_peer_take(&p, 0x7f000000 + i / 3);
	assert_int_equal(p.sockets, 300);
	assert_int_equal(gw_peer_find(&p, 0x7f000005)->sockets, 3);
	assert_null(gw_peer_find(&p, 0x7f000064));
	for (uint32_t i = 0; i < 300; i++)
		gw_peer_drop(&p, peer[i]);
	assert_int_equal(p.sockets, 0);
	assert_null(gw_peer_find(&p, 0x7f000005));
}

/* ---- nodes -------------------------------------------------------------------------------- */

static struct conf *conf_new(void)
{
	static const struct {
		const char *name;
		uint32_t nodes;
	} site[] = {{"a", 2}, {"b", 1}, {"c", 1}};
	struct conf *conf = calloc(1, sizeof(*conf));
	conf->daemons = calloc(8, sizeof(*conf->daemons));
	for (uint8_t s = 0; s < 3; s++) {
		struct conf_site *cs = &conf->sites[conf->sites_n++];
		(void)str_copy(cs->name, sizeof(cs->name), site[s].name);
		cs->number = (uint8_t)(s + 1);
		cs->first = conf->daemons_n;
		cs->daemons_n = site[s].nodes;
		for (uint32_t n = 0; n < site[s].nodes; n++) {
			struct conf_daemon *d = &conf->daemons[conf->daemons_n++];
			d->role = CONF_NODE;
			d->addr = addr_make(cs->number, n + 1);
			d->sessions_max = 10;
		}
	}
	return conf;
}

static void conf_drop(struct conf *conf)
{
	free(conf->daemons);
	free(conf);
}

static const uint16_t A1 = 1 << 8 | 1, A2 = 1 << 8 | 2, B1 = 2 << 8 | 1, C1 = 3 << 8 | 1;

static void hear(struct gw_nodes *n, uint16_t addr, uint32_t sessions, uint64_t now)
{
	const struct gw_node_status s = {
	    .boot = 1, .sessions = sessions, .cert = (const uint8_t *)"c", .cert_len = 1};
	(void)gw_nodes_heard(n, addr, &s, now);
}

static uint16_t chosen(const struct gw_nodes *n, uint32_t site, const uint16_t *tried, size_t k,
		       uint64_t now)
{
	const struct gw_node *node = gw_nodes_choose(n, site, 0, tried, k, now);
	return node ? node->addr : 0;
}

static void a_node_is_chosen_by_life_place_and_load(void **state)
{
	struct conf *conf = conf_new();
	struct gw_nodes n;
	(void)state;
	assert_int_equal(gw_nodes_init(&n, conf), 0);
	assert_int_equal(chosen(&n, 0, NULL, 0, S), 0);
	hear(&n, A1, 5, S);
	hear(&n, A2, 4, S);
	hear(&n, B1, 0, S);
	hear(&n, C1, 0, S);
	assert_int_equal(gw_nodes_live(&n, S), 4);
	assert_int_equal(chosen(&n, 0, NULL, 0, S), A2);
	assert_int_equal(chosen(&n, 0, &A2, 1, S), A1);
	assert_int_equal(chosen(&n, 0, (uint16_t[]){A1, A2}, 2, S), B1);
	assert_int_equal(chosen(&n, 2, (uint16_t[]){C1}, 1, S), B1);
	assert_int_equal(gw_nodes_choose(&n, 0, B1, NULL, 0, S)->addr, B1); /* holds the session */
	assert_int_equal(gw_nodes_choose(&n, 0, B1, &B1, 1, S)->addr, A2);  /* and refused */
	hear(&n, A2, 10, S); /* full: better far than refused */
	hear(&n, A1, 10, S);
	assert_int_equal(chosen(&n, 0, NULL, 0, S), B1);
	hear(&n, B1, 10, S);
	hear(&n, C1, 10, S);
	assert_int_equal(chosen(&n, 1, NULL, 0, S), B1);
	assert_int_equal(chosen(&n, 0, NULL, 0, S + GW_NODE_LIVE_US + 1), 0);
	gw_nodes_wipe(&n);
	conf_drop(conf);
}

static void listen_until(struct gw_nodes *n, uint64_t now)
{
	for (uint64_t t = n->looked_us; t < now; t += GW_PAUSE_US / 3)
		gw_nodes_look(n, true, t);
	gw_nodes_look(n, true, now);
}

static bool is_lost(struct gw_nodes *n, uint64_t now)
{
	listen_until(n, now);
	return gw_nodes_next_lost(n, now) != NULL;
}

/* One that was heard at S, in a table that has listened since. */
static struct gw_node *heard_once(struct gw_nodes *n, const struct conf *conf)
{
	assert_int_equal(gw_nodes_init(n, conf), 0);
	gw_nodes_look(n, true, S);
	hear(n, A1, 0, S);
	return gw_nodes_find(n, A1);
}

static void a_slow_node_is_not_a_dead_node(void **state)
{
	struct conf *conf = conf_new();
	struct gw_nodes n;
	struct gw_node *node = heard_once(&n, conf);
	uint64_t t = S + GW_NODE_KNOCK_US;
	(void)state;
	assert_false(gw_node_doubtful(&n, node, t));
	for (; t <= S + GW_NODE_LOST_US; t += S / 4) {
		assert_false(is_lost(&n, t));
		assert_int_equal(gw_node_doubtful(&n, node, t), t > S + GW_NODE_KNOCK_US);
		assert_int_equal(chosen(&n, 0, NULL, 0, t) == A1, t <= S + GW_NODE_LIVE_US);
		gw_node_knocked(node, GW_PORT_OPEN, t);
	}
	assert_true(is_lost(&n, S + GW_NODE_LOST_US + 1)); /* it hangs */
	gw_nodes_alive(&n, A1, 1, t);
	assert_int_equal(chosen(&n, 0, NULL, 0, t), 0); /* only a status brings it back */
	hear(&n, A1, 0, t);
	assert_int_equal(chosen(&n, 0, NULL, 0, t), A1);
	gw_nodes_alive(&n, A1, 1, t + S);
	assert_false(gw_node_doubtful(&n, node, t + 2 * S)); /* a frame is a sign of life too */
	gw_nodes_alive(&n, A1, 2, t + 2 * S);
	assert_true(gw_node_doubtful(&n, node, t + 2 * S + 1)); /* but not of another life */
	gw_nodes_wipe(&n);
	conf_drop(conf);
}

static void a_closed_port_is_a_death_and_an_open_one_must_stay_so(void **state)
{
	struct conf *conf = conf_new();
	struct gw_nodes n;
	struct gw_node *node = heard_once(&n, conf);
	(void)state;
	gw_node_knocked(node, GW_PORT_REFUSED, S);
	assert_false(is_lost(&n, S + GW_NODE_KNOCK_US));
	assert_true(is_lost(&n, S + GW_NODE_KNOCK_US + 1));
	gw_nodes_wipe(&n);
	node = heard_once(&n, conf); /* stopped first, and then its machine fails */
	gw_node_knocked(node, GW_PORT_OPEN, S + GW_NODE_AWAY_US);
	assert_false(is_lost(&n, S + GW_NODE_AWAY_US + GW_NODE_PORT_US));
	assert_true(is_lost(&n, S + GW_NODE_AWAY_US + GW_NODE_PORT_US + 1));
	gw_nodes_wipe(&n);
	conf_drop(conf);
}

static void who_did_not_listen_has_heard_nobody(void **state)
{
	struct conf *conf = conf_new();
	struct gw_nodes n;
	(void)state;
	(void)heard_once(&n, conf);
	gw_nodes_look(&n, true, 60 * S); /* stopped for a minute */
	assert_null(gw_nodes_next_lost(&n, 60 * S));
	for (uint64_t t = 60 * S; t < 90 * S; t += S / 4) {
		gw_nodes_look(&n, false, t); /* its status is among thousands of frames */
		assert_null(gw_nodes_next_lost(&n, t));
	}
	assert_true(is_lost(&n, 94 * S));
	gw_nodes_wipe(&n);
	conf_drop(conf);
}

static void whom_its_neighbour_found_dead_gets_nobody_until_it_is_heard_again(void **state)
{
	struct conf *conf = conf_new();
	struct gw_nodes n;
	struct gw_node *node = heard_once(&n, conf);
	(void)state;
	assert_true(gw_node_live(&n, node, S + 1));
	assert_false(gw_nodes_gone(&n, node->addr, node->boot - 1)); /* an earlier life */
	assert_true(gw_nodes_gone(&n, node->addr, node->boot));
	assert_false(gw_node_live(&n, node, S + 1));
	assert_false(gw_nodes_gone(&n, node->addr, node->boot)); /* its pages know already */
	struct gw_node_status again = {
	    .boot = node->boot, .cert = (const uint8_t *)"c", .cert_len = 1};
	assert_int_equal(gw_nodes_heard(&n, node->addr, &again, 2 * S), GW_HEARD_AGAIN);
	assert_true(gw_node_live(&n, node, 2 * S));
	gw_nodes_wipe(&n);
	conf_drop(conf);
}

static void silence_is_noticed_once_and_an_old_life_not_believed(void **state)
{
	struct conf *conf = conf_new();
	struct gw_nodes n;
	struct gw_node_status s = {.boot = 7, .cert = (const uint8_t *)"c", .cert_len = 1};
	(void)state;
	assert_int_equal(gw_nodes_init(&n, conf), 0);
	listen_until(&n, S);
	assert_null(gw_nodes_next_lost(&n, S)); /* never heard: nobody to lose */
	assert_int_equal(gw_nodes_heard(&n, A1, &s, S), GW_HEARD_AGAIN);
	assert_false(is_lost(&n, S + GW_NODE_AWAY_US));
	assert_true(is_lost(&n, S + GW_NODE_AWAY_US + 1));
	assert_false(is_lost(&n, S + GW_NODE_AWAY_US + 1));
	s.boot = 6;
	assert_int_equal(gw_nodes_heard(&n, A1, &s, 9 * S), GW_HEARD_UNKNOWN);
	s.boot = 8;
	assert_int_equal(gw_nodes_heard(&n, A1, &s, 9 * S), GW_HEARD_REBOOTED);
	s.cert_len = GW_CERT_MAX + 1;
	assert_int_equal(gw_nodes_heard(&n, A1, &s, 9 * S), GW_HEARD_UNKNOWN);
	s.cert_len = 1;
	assert_int_equal(gw_nodes_heard(&n, 0x0909, &s, 9 * S), GW_HEARD_UNKNOWN);
	gw_nodes_wipe(&n);
	conf_drop(conf);
}

/* ---- the relay, when sending fails --------------------------------------------------------- */

struct world {
	uint16_t away; /* this node cannot be sent to */
	bool browser_full;
	uint16_t last_node;
	GwFrame_Kind last_kind;
	unsigned closed;       /* code */
	uint8_t first, second; /* bytes of the last frame to the browser */
};

static int to_node(uint16_t node, const GwFrame *head, const void *payload, size_t len, void *arg)
{
	struct world *w = arg;
	(void)payload, (void)len;
	if (node == w->away)
		return EAGAIN;
	w->last_node = node;
	w->last_kind = head->kind;
	return 0;
}

static int to_browser(struct gw_conn *conn, const void *frame, size_t len, void *arg)
{
	struct world *w = arg;
	(void)conn;
	if (w->browser_full)
		return ENOBUFS;
	w->first = ((const uint8_t *)frame)[0];
	w->second = len > 1 ? ((const uint8_t *)frame)[1] : 0;
	return 0;
}

static void close_h(struct gw_conn *conn, unsigned code, const char *why, void *arg)
{
	struct world *w = arg;
	(void)conn, (void)why;
	helio_assert(!w->closed);
	w->closed = code;
}

static const struct gw_relay_ops ops = {
    .to_node = to_node, .to_browser = to_browser, .close = close_h};

static struct gw_relay *relay_new(struct conf *conf, struct world *w)
{
	struct gw_relay *r = calloc(1, sizeof(*r));
	helio_assert(r && gw_relay_init(r, conf, addr_make(1, 96), 3, &ops, w) == 0);
	return r;
}

static void relay_drop(struct gw_relay *r)
{
	gw_relay_wipe(r);
	free(r);
}

static void a_node_that_cannot_be_reached_is_passed_over(void **state)
{
	struct conf *conf = conf_new();
	struct world w = {.away = A1};
	struct gw_relay *r = relay_new(conf, &w);
	struct gw_conn c = {0};
	(void)state;
	hear(&r->nodes, A1, 0, S);
	hear(&r->nodes, A2, 3, S);
	gw_relay_open(r, &c, S);
	assert_int_equal(c.node, A2);
	assert_int_equal(w.last_kind, GwFrame_Kind_OPEN);
	assert_int_equal(w.first, SEAL_FRAME_CERT);
	gw_relay_gone(r, &c);
	assert_int_equal(w.last_kind, GwFrame_Kind_CLOSE);
	assert_int_equal(r->conns, 0);
	gw_relay_gone(r, &c); /* twice is once */
	relay_drop(r);
	conf_drop(conf);
}

static void a_frame_that_cannot_be_passed_on_ends_the_connection(void **state)
{
	struct conf *conf = conf_new();
	struct world w = {0};
	struct gw_relay *r = relay_new(conf, &w);
	struct gw_conn c = {0};
	(void)state;
	hear(&r->nodes, A1, 0, S);
	gw_relay_open(r, &c, S);
	w.away = A1;
	gw_relay_from_browser(r, &c, (const uint8_t *)"\2x", 2);
	assert_int_equal(w.closed, GW_CLOSE_RESTART);
	assert_int_equal(w.first, SEAL_FRAME_BYE);
	assert_int_equal(w.second, GW_BYE_NODE_LOST);
	gw_relay_from_browser(r, &c, (const uint8_t *)"\2x", 2); /* closing: ignored */
	gw_relay_gone(r, &c);
	relay_drop(r);
	conf_drop(conf);
}

static void a_browser_whose_queue_is_full_is_closed(void **state)
{
	struct conf *conf = conf_new();
	struct world w = {0};
	struct gw_relay *r = relay_new(conf, &w);
	struct gw_conn c = {0};
	Envelope env = Envelope_init_zero;
	(void)state;
	hear(&r->nodes, A1, 0, S);
	gw_relay_open(r, &c, S);
	w.browser_full = true;
	env.from = A1;
	env.which_body = Envelope_gw_tag;
	env.body.gw.kind = GwFrame_Kind_FRAME;
	env.body.gw.conn = c.id;
	gw_relay_from_mesh(r, &env, (const uint8_t *)"\4x", 2, S);
	assert_int_equal(w.closed, GW_CLOSE_TRY_LATER);
	assert_int_equal(w.last_kind, GwFrame_Kind_CLOSE); /* the node knows at once */
	gw_relay_gone(r, &c);
	relay_drop(r);
	conf_drop(conf);
}

static void a_browser_waits_until_the_link_to_a_node_is_up(void **state)
{
	struct conf *conf = conf_new();
	struct world w = {.away = A1};
	struct gw_relay *r = relay_new(conf, &w);
	struct gw_conn c = {0}, late = {0}, gone = {0};
	(void)state;
	hear(&r->nodes, A1, 0, S);
	gw_relay_open(r, &c, S);
	gw_relay_open(r, &gone, S);
	assert_int_equal(r->held, 2);
	assert_int_equal(w.closed, 0);
	gw_relay_gone(r, &gone); /* it did not want to wait */
	assert_int_equal(r->held, 1);
	w.away = 0;
	gw_relay_tick(r, true, S + S / 4);
	assert_int_equal(c.node, A1);
	assert_int_equal(w.first, SEAL_FRAME_CERT);
	assert_int_equal(r->held, 0);
	gw_relay_gone(r, &c);
	/* Not for ever. */
	w.away = A1;
	gw_relay_open(r, &late, S);
	hear(&r->nodes, A1, 0, S + GW_HOLD_US - 1);
	gw_relay_tick(r, true, S + GW_HOLD_US - 1);
	assert_int_equal(w.closed, 0);
	gw_relay_tick(r, true, S + GW_HOLD_US);
	assert_int_equal(w.closed, GW_CLOSE_TRY_LATER);
	assert_int_equal(w.second, GW_BYE_NO_NODE);
	assert_int_equal(r->held, 0);
	gw_relay_gone(r, &late);
	relay_drop(r);
	conf_drop(conf);
}

static unsigned told(uint32_t why)
{
	struct conf *conf = conf_new();
	struct world w = {0};
	struct gw_relay *r = relay_new(conf, &w);
	struct gw_conn c = {0};
	Envelope env = Envelope_init_zero;
	hear(&r->nodes, A1, 0, S);
	gw_relay_open(r, &c, S);
	env.from = A1;
	env.which_body = Envelope_gw_tag;
	env.body.gw.kind = GwFrame_Kind_CLOSE;
	env.body.gw.conn = c.id;
	env.body.gw.why = why;
	gw_relay_from_mesh(r, &env, NULL, 0, S);
	gw_relay_gone(r, &c);
	relay_drop(r);
	conf_drop(conf);
	return w.closed;
}

static void a_nodes_close_code_reaches_the_page_if_it_may(void **state)
{
	static const uint32_t pass[] = {1000, 1002, 1003, 1008, 1013, 3000, 4999};
	static const uint32_t bad[] = {0, 999, 1004, 1005, 1006, 1010, 1015, 2999, 5000, 66538};
	(void)state;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(pass); i++)
		assert_int_equal(told(pass[i]), pass[i]);
	for (size_t i = 0; i < HELIO_ARRAY_LEN(bad); i++)
		assert_int_equal(told(bad[i]), GW_CLOSE_ERROR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_browser_waits_until_the_link_to_a_node_is_up),
	    cmocka_unit_test(a_nodes_close_code_reaches_the_page_if_it_may),
	    cmocka_unit_test(an_origin_must_be_whole_and_known),
	    cmocka_unit_test(a_site_is_read_from_the_query),
	    cmocka_unit_test(a_sub_protocol_is_found_whole),
	    cmocka_unit_test(a_bucket_gives_its_burst_then_its_rate),
	    cmocka_unit_test(sockets_are_counted_by_address),
	    cmocka_unit_test(a_node_is_chosen_by_life_place_and_load),
	    cmocka_unit_test(a_slow_node_is_not_a_dead_node),
	    cmocka_unit_test(a_closed_port_is_a_death_and_an_open_one_must_stay_so),
	    cmocka_unit_test(who_did_not_listen_has_heard_nobody),
	    cmocka_unit_test(whom_its_neighbour_found_dead_gets_nobody_until_it_is_heard_again),
	    cmocka_unit_test(silence_is_noticed_once_and_an_old_life_not_believed),
	    cmocka_unit_test(a_node_that_cannot_be_reached_is_passed_over),
	    cmocka_unit_test(a_frame_that_cannot_be_passed_on_ends_the_connection),
	    cmocka_unit_test(a_browser_whose_queue_is_full_is_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
