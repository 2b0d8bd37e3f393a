/* One browser, one gateway, fake nodes: who gets which frame, and how each connection ends. */
#include "tests/unit/gateway/harness.h"
#include "common/seal/seal.h"
#include "gateway/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BASE_PORT = 47100, BUF = 70000 };

static struct fixture *fx;
static uint8_t buf[BUF];
static size_t len;
static uint32_t boot; /* rises from test to test, as a node's would */

static int setup(void **state)
{
	(void)state;
	fx = fixture_new(BASE_PORT, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_free(fx);
	return 0;
}

/* A node that the gateway counts as live; `others` are live already. */
static struct node *live_node(const char *name, size_t others)
{
	struct node *n = node_new(fx, name, ++boot);
	node_wait_live(fx, n, name, others + 1);
	return n;
}

/* Says of a node that it drains, so that the next test begins without it. */
static void end_node(struct node *n)
{
	node_status(n, "gone", 0, true);
	static struct http_answer a;
	size_t before = 0, now;
	for (uint64_t end = mono_us() + DEADLINE_MS * 1000ull;;) {
		http_get(fx, "GET", "/healthz", "", &a);
		assert_int_equal(sscanf(strstr(a.body, "nodes_live"), "nodes_live\":%zu", &now), 1);
		if (now == before)
			break;
		if (mono_us() > end)
			fail_msg("nodes stay live: %s", a.body);
	}
	node_free(n);
}

static void expect_cert(struct client *c, const char *cert)
{
	len = client_recv(c, buf, sizeof(buf));
	assert_int_equal(buf[0], SEAL_FRAME_CERT);
	assert_int_equal(len - 1, strlen(cert));
	assert_memory_equal(buf + 1, cert, strlen(cert));
}

static void expect_bye(struct client *c, enum gw_bye why, int code)
{
	assert_int_equal(client_wait_close(c), code);
	bool bye = false;
	while (client_take(c, buf, sizeof(buf), &len))
		bye = len == 2 && buf[0] == SEAL_FRAME_BYE && buf[1] == why;
	assert_true(bye);
}

static void frame_to_node(struct client *c, enum seal_frame type, const char *text)
{
	uint8_t frame[256];
	frame[0] = (uint8_t)type;
	memcpy(frame + 1, text, strlen(text));
	client_send(c, WS_BINARY, frame, 1 + strlen(text));
}

static void node_expect_frame(struct node *n, uint64_t conn, enum seal_frame type, const char *text)
{
	GwFrame head = node_expect(n, GwFrame_Kind_FRAME, buf, sizeof(buf), &len);
	assert_int_equal(head.conn, conn);
	assert_int_equal(len, 1 + strlen(text));
	assert_int_equal(buf[0], type);
	assert_memory_equal(buf + 1, text, strlen(text));
}

static void node_frame(struct node *n, uint64_t conn, enum seal_frame type, const char *text)
{
	uint8_t frame[256];
	frame[0] = (uint8_t)type;
	memcpy(frame + 1, text, strlen(text));
	node_send(n, GwFrame_Kind_FRAME, conn, 0, frame, 1 + strlen(text));
}

/* A browser with a finished handshake at n; returns its conn. */
static uint64_t settle(struct client *c, struct node *n)
{
	GwFrame open = node_expect(n, GwFrame_Kind_OPEN, buf, sizeof(buf), &len);
	client_recv(c, buf, sizeof(buf));
	assert_int_equal(buf[0], SEAL_FRAME_CERT);
	frame_to_node(c, SEAL_FRAME_MSG1, "hello");
	node_expect_frame(n, open.conn, SEAL_FRAME_MSG1, "hello");
	node_frame(n, open.conn, SEAL_FRAME_MSG2, "welcome");
	len = client_recv(c, buf, sizeof(buf));
	assert_int_equal(buf[0], SEAL_FRAME_MSG2);
	return open.conn;
}

/* ---- the path ----------------------------------------------------------------------------- */

static void frames_pass_both_ways_and_a_leaving_browser_is_told(void **state)
{
	(void)state;
	struct node *n = live_node("oslo1", 0);
	struct client *c = client_open(fx, "?site=oslo");
	GwFrame open = node_expect(n, GwFrame_Kind_OPEN, buf, sizeof(buf), &len);
	assert_int_equal(len, 0);
	assert_int_equal(open.remote_ip4, 0x7f000001);
	assert_int_equal(id_addr(open.conn), n->gateway);
	assert_int_equal(id_boot(open.conn), 1);
	assert_true(open.frames); /* it takes those of many pages in one message */
	expect_cert(c, "oslo1");
	frame_to_node(c, SEAL_FRAME_MSG1, "one");
	node_expect_frame(n, open.conn, SEAL_FRAME_MSG1, "one");
	node_frame(n, open.conn, SEAL_FRAME_MSG2, "two");
	len = client_recv(c, buf, sizeof(buf));
	assert_memory_equal(buf, "\3two", 4);
	frame_to_node(c, SEAL_FRAME_DATA, "three");
	frame_to_node(c, SEAL_FRAME_DATA, "four");
	node_expect_frame(n, open.conn, SEAL_FRAME_DATA, "three");
	node_expect_frame(n, open.conn, SEAL_FRAME_DATA, "four");
	node_frame(n, open.conn, SEAL_FRAME_DATA, "five");
	len = client_recv(c, buf, sizeof(buf));
	assert_memory_equal(buf, "\4five", 5);
	client_free(c);
	GwFrame gone = node_expect(n, GwFrame_Kind_CLOSE, buf, sizeof(buf), &len);
	assert_int_equal(gone.conn, open.conn);
	end_node(n);
}

static void the_largest_frame_passes_whole_even_in_pieces(void **state)
{
	(void)state;
	static uint8_t big[GW_FRAME_MAX], frame[GW_FRAME_MAX + WS_HEAD_MAX];
	struct node *n = live_node("oslo1", 0);
	struct client *c = client_open(fx, "");
	uint64_t conn = settle(c, n);
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 7);
	big[0] = SEAL_FRAME_DATA;
	client_send(c, WS_BINARY, big, sizeof(big));
	node_expect(n, GwFrame_Kind_FRAME, buf, sizeof(buf), &len);
	assert_int_equal(len, sizeof(big));
	assert_memory_equal(buf, big, sizeof(big));
	node_send(n, GwFrame_Kind_FRAME, conn, 0, big, sizeof(big));
	assert_int_equal(client_recv(c, buf, sizeof(buf)), sizeof(big));
	assert_memory_equal(buf, big, sizeof(big));
	/* Two WebSocket fragments are one message. */
	size_t n1 = ws_frame(frame, WS_BINARY, big, 9000);
	frame[0] &= 0x7f; /* not the last */
	client_send_raw(c, frame, n1);
	client_send(c, WS_CONT, big + 9000, sizeof(big) - 9000);
	node_expect(n, GwFrame_Kind_FRAME, buf, sizeof(buf), &len);
	assert_int_equal(len, sizeof(big));
	assert_memory_equal(buf, big, sizeof(big));
	client_free(c);
	end_node(n);
}

/* ---- which node --------------------------------------------------------------------------- */

static void a_browser_gets_the_site_it_asks_for_else_the_nearest(void **state)
{
	(void)state;
	struct node *o = live_node("oslo1", 0);
	struct node *m = live_node("manila1", 1);
	struct client *c = client_open(fx, "?site=manila");
	expect_cert(c, "manila1");
	client_free(c);
	c = client_open(fx, "");
	expect_cert(c, "oslo1"); /* the gateway's own */
	client_free(c);
	c = client_open(fx, "?site=atlantis");
	expect_cert(c, "oslo1");
	client_free(c);
	node_status(m, "manila1", 0, true);
	node_wait_live(fx, o, "oslo1", 1);
	c = client_open(fx, "?site=manila");
	expect_cert(c, "oslo1");
	client_free(c);
	node_free(m);
	end_node(o);
}

static void the_emptier_node_is_chosen_and_newcomers_are_counted(void **state)
{
	(void)state;
	struct node *a = live_node("oslo1", 0), *b = live_node("oslo2", 1);
	struct client *c[6];
	size_t at_b = 0;
	node_status(a, "oslo1", 3, false);
	node_status(b, "oslo2", 0, false);
	node_wait_live(fx, b, "oslo2", 2);
	for (size_t i = 0; i < HELIO_ARRAY_LEN(c); i++) {
		c[i] = client_open(fx, "");
		len = client_recv(c[i], buf, sizeof(buf));
		at_b += memcmp(buf + 1, "oslo2", 5) == 0;
	}
	/* oslo2 is filled up to oslo1's three, then they take turns. */
	assert_in_range(at_b, 4, 5);
	for (size_t i = 0; i < HELIO_ARRAY_LEN(c); i++)
		client_free(c[i]);
	node_status(a, "oslo1", 0, true);
	node_free(a);
	end_node(b);
}

static void without_a_node_a_browser_is_told_so(void **state)
{
	(void)state;
	struct client *c = client_open(fx, "");
	expect_bye(c, GW_BYE_NO_NODE, 1013);
	client_free(c);
}

static void a_refusing_node_is_followed_by_another(void **state)
{
	(void)state;
	struct node *a = live_node("oslo1", 0), *m = live_node("manila1", 1);
	struct client *c = client_open(fx, "");
	GwFrame open = node_expect(a, GwFrame_Kind_OPEN, buf, sizeof(buf), &len);
	expect_cert(c, "oslo1");
	node_send(a, GwFrame_Kind_REFUSE, open.conn, 0, NULL, 0);
	open = node_expect(m, GwFrame_Kind_OPEN, buf, sizeof(buf), &len);
	expect_cert(c, "manila1");
	/* The answer to the first certificate was on its way: it must not reach the second node. */
	frame_to_node(c, SEAL_FRAME_MSG1, "for oslo1");
	frame_to_node(c, SEAL_FRAME_MSG1, "for manila1");
	node_expect_frame(m, open.conn, SEAL_FRAME_MSG1, "for manila1");
	assert_true(node_is_quiet(a, 50));
	/* And when nobody is left: */
	node_send(m, GwFrame_Kind_REFUSE, open.conn, 0, NULL, 0);
	expect_bye(c, GW_BYE_NO_NODE, 1013);
	client_free(c);
	node_status(a, "oslo1", 0, true);
	node_free(a);
	end_node(m);
}

/* ---- ends --------------------------------------------------------------------------------- */

static void a_silent_node_keeps_its_browsers_and_a_dead_one_does_not(void **state)
{
	(void)state;
	struct node *n = live_node("oslo1", 0), *m = live_node("manila1", 1);
	struct client *c = client_open(fx, "?site=oslo"), *d = client_open(fx, "?site=manila");
	settle(c, n);
	uint64_t conn = settle(d, m), begin = mono_us();
	while (mono_us() - begin < 4000000) {
		node_status(m, "manila1", 0, false);
		client_poll(c, 100);
		assert_true(!c->close_code && !c->ended);
	}
	node_free(n); /* its port is closed */
	begin = mono_us();
	for (uint64_t end = begin + DEADLINE_MS * 1000ull; !c->close_code && !c->ended;) {
		assert_true(mono_us() < end);
		node_status(m, "manila1", 0, false);
		client_poll(c, 100);
	}
	expect_bye(c, GW_BYE_NODE_LOST, 1012);
	assert_true(mono_us() - begin < 2500000);
	node_frame(m, conn, SEAL_FRAME_DATA, "still here");
	len = client_recv(d, buf, sizeof(buf));
	assert_memory_equal(buf, "\4still here", 11);
	client_free(c);
	client_free(d);
	end_node(m);
}

static void a_node_that_was_restarted_has_lost_its_browsers_at_once(void **state)
{
	(void)state;
	struct node *n = live_node("oslo1", 0);
	struct client *c = client_open(fx, "");
	settle(c, n);
	uint64_t begin = mono_us();
	node_free(n);
	n = node_new(fx, "oslo1", ++boot);
	node_status(n, "oslo1", 0, false);
	expect_bye(c, GW_BYE_NODE_LOST, 1012);
	assert_true(mono_us() - begin < 2500000);
	client_free(c);
	end_node(n);
}

static void a_node_may_close_with_a_code_of_its_own(void **state)
{
	(void)state;
	static const struct {
		uint32_t said;
		int seen;
	} row[] = {{4001, 4001}, {1000, 1000}, {1002, 1002}, {1007, 1007},
		   {1010, 1011}, {1005, 1011}, {0, 1011},    {70000, 1011}};
	struct node *n = live_node("oslo1", 0);
	for (size_t i = 0; i < HELIO_ARRAY_LEN(row); i++) {
		struct client *c = client_open(fx, "");
		uint64_t conn = settle(c, n);
		node_frame(n, conn, SEAL_FRAME_DATA, "last words");
		node_send(n, GwFrame_Kind_CLOSE, conn, row[i].said, NULL, 0);
		assert_int_equal(client_wait_close(c), row[i].seen);
		assert_true(client_take(c, buf, sizeof(buf), &len));
		assert_memory_equal(buf, "\4last words", 11);
		client_free(c);
	}
	assert_true(node_is_quiet(n, 50)); /* it began; it needs no CLOSE back */
	end_node(n);
}

static void garbage_of_a_node_hurts_nobody(void **state)
{
	(void)state;
	struct node *n = live_node("oslo1", 0), *m = live_node("manila1", 1);
	struct client *c = client_open(fx, "?site=oslo");
	uint64_t conn = settle(c, n);
	/* A conn that does not exist: the node is told to forget it. */
	node_frame(n, conn + 77, SEAL_FRAME_DATA, "to nobody");
	GwFrame forget = node_expect(n, GwFrame_Kind_CLOSE, buf, sizeof(buf), &len);
	assert_int_equal(forget.conn, conn + 77);
	node_send(n, GwFrame_Kind_CLOSE, conn + 78, 1000, NULL, 0); /* answered by nothing */
	/* Another node's conn, and kinds that make no sense. */
	node_frame(m, conn, SEAL_FRAME_DATA, "forged");
	node_send(m, GwFrame_Kind_CLOSE, conn, 4000, NULL, 0);
	node_send(n, GwFrame_Kind_OPEN, conn, 0, NULL, 0);
	node_send(n, GwFrame_Kind_NONE, conn, 0, NULL, 0);
	node_frame(n, conn, SEAL_FRAME_DATA, "true");
	len = client_recv(c, buf, sizeof(buf));
	assert_memory_equal(buf, "\4true", 5);
	/* A frame that is none of a node's ends this one connection. */
	node_frame(n, conn, SEAL_FRAME_CERT, "forged");
	assert_int_equal(client_wait_close(c), 1011);
	client_free(c);
	node_status(m, "manila1", 0, true);
	node_free(m);
	end_node(n);
}

/* One entry of FRAMES; returns what it took. */
static size_t put_frame(uint8_t *dst, uint64_t conn, uint16_t said, const char *frame)
{
	size_t n = strlen(frame);
	for (int i = 0; i < 8; i++)
		dst[i] = (uint8_t)(conn >> 8 * i);
	dst[8] = (uint8_t)said;
	dst[9] = (uint8_t)(said >> 8);
	memcpy(dst + 10, frame, n);
	return 10 + n;
}

static void frames_of_many_pages_in_one_message_reach_each(void **state)
{
	(void)state;
	struct node *n = live_node("oslo1", 0);
	struct client *c[2] = {client_open(fx, ""), NULL};
	uint64_t conn[2] = {settle(c[0], n), 0};
	c[1] = client_open(fx, "");
	conn[1] = settle(c[1], n);
	uint8_t many[512];
	size_t at = put_frame(many, conn[1], 4, "\4one");
	at += put_frame(many + at, conn[0] + 77, 3, "\4no"); /* nobody: told, and passed over */
	at += put_frame(many + at, conn[0], 6, "\4three");
	at += put_frame(many + at, conn[1], 4, "\4two");
	at += put_frame(many + at, conn[0], 99, "\4cut"); /* leads beyond the end: dropped */
	node_send(n, GwFrame_Kind_FRAMES, conn[1], 0, many, at);
	node_frame(n, conn[0], SEAL_FRAME_DATA, "last");
	GwFrame forget = node_expect(n, GwFrame_Kind_CLOSE, buf, sizeof(buf), &len);
	assert_int_equal(forget.conn, conn[0] + 77);
	const struct {
		int client;
		const char *frame;
	} row[] = {{1, "\4one"}, {1, "\4two"}, {0, "\4three"}, {0, "\4last"}};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(row); i++) {
		len = client_recv(c[row[i].client], buf, sizeof(buf));
		assert_int_equal(len, strlen(row[i].frame));
		assert_memory_equal(buf, row[i].frame, len);
	}
	client_free(c[0]);
	client_free(c[1]);
	end_node(n);
}

static void a_browser_that_breaks_the_rules_is_closed_with_the_reason(void **state)
{
	static uint8_t big[GW_FRAME_MAX + 1] = {SEAL_FRAME_DATA};
	static const struct {
		enum ws_op op;
		const void *data;
		size_t len;
		int code;
	} row[] = {
	    {WS_BINARY, big, sizeof(big), 1009},
	    {WS_TEXT, "\4text", 5, 1003},
	    {WS_BINARY, "\1cert", 5, 1002},
	    {WS_BINARY, "\2second", 7, 1002},
	    {WS_BINARY, "", 0, 1002},
	    {WS_BINARY, "\377", 1, 1002},
	};
	(void)state;
	struct node *n = live_node("oslo1", 0);
	for (size_t i = 0; i < HELIO_ARRAY_LEN(row); i++) {
		struct client *c = client_open(fx, "");
		uint64_t conn = settle(c, n);
		client_send(c, row[i].op, row[i].data, row[i].len);
		int code = client_wait_close(c);
		if (code != row[i].code)
			fail_msg("row %zu: code %d", i, code);
		GwFrame gone = node_expect(n, GwFrame_Kind_CLOSE, buf, sizeof(buf), &len);
		assert_int_equal(gone.conn, conn);
		client_free(c);
	}
	end_node(n);
}

/* ---- S11 ---------------------------------------------------------------------------------- */

static const char secret[] = "{\"t\":\"login\",\"name\":\"maria\",\"password\":\"correct horse\"}";
static const char reply[] = "{\"t\":\"ring\",\"caller\":\"+4722334455\",\"queue\":\"support\"}";

static void sealed_exchange(struct client *c, struct node *n, uint8_t *ret_sealed, size_t *ret_len)
{
	struct seal_keypair node_key, device;
	struct seal_handshake is, rs;
	struct seal_session i = {0}, r = {0};
	uint8_t frame[1024], plain[1024];
	size_t plain_len;
	seal_keypair_new(&node_key);
	seal_keypair_new(&device);
	GwFrame open = node_expect(n, GwFrame_Kind_OPEN, buf, sizeof(buf), &len);
	client_recv(c, buf, sizeof(buf));
	seal_handshake_init(&is, true, &device, node_key.pub, SEAL_PROLOGUE, sizeof(SEAL_PROLOGUE));
	seal_handshake_init(&rs, false, &node_key, NULL, SEAL_PROLOGUE, sizeof(SEAL_PROLOGUE));
	frame[0] = SEAL_FRAME_MSG1;
	assert_int_equal(
	    seal_handshake_write(&is, "{\"v\":1}", 7, frame + 1, sizeof(frame) - 1, &len, NULL), 0);
	client_send(c, WS_BINARY, frame, len + 1);
	node_expect(n, GwFrame_Kind_FRAME, buf, sizeof(buf), &len);
	assert_int_equal(
	    seal_handshake_read(&rs, buf + 1, len - 1, plain, sizeof(plain), &plain_len, NULL), 0);
	frame[0] = SEAL_FRAME_MSG2;
	assert_int_equal(seal_handshake_write(&rs, "{\"v\":1,\"node\":\"oslo1\"}", 22, frame + 1,
					      sizeof(frame) - 1, &len, &r),
			 0);
	node_send(n, GwFrame_Kind_FRAME, open.conn, 0, frame, len + 1);
	len = client_recv(c, buf, sizeof(buf));
	assert_int_equal(
	    seal_handshake_read(&is, buf + 1, len - 1, plain, sizeof(plain), &plain_len, &i), 0);
	frame[0] = SEAL_FRAME_DATA;
	assert_int_equal(
	    seal_encrypt(&i, secret, sizeof(secret), frame + 1, sizeof(frame) - 1, ret_len), 0);
	memcpy(ret_sealed, frame + 1, *ret_len);
	client_send(c, WS_BINARY, frame, *ret_len + 1);
	node_expect(n, GwFrame_Kind_FRAME, buf, sizeof(buf), &len);
	assert_int_equal(seal_decrypt(&r, buf + 1, len - 1, plain, sizeof(plain), &plain_len), 0);
	assert_memory_equal(plain, secret, sizeof(secret));
	assert_int_equal(seal_encrypt(&r, reply, sizeof(reply), frame + 1, sizeof(frame) - 1, &len),
			 0);
	node_send(n, GwFrame_Kind_FRAME, open.conn, 0, frame, len + 1);
	len = client_recv(c, buf, sizeof(buf));
	assert_int_equal(seal_decrypt(&i, buf + 1, len - 1, plain, sizeof(plain), &plain_len), 0);
	assert_memory_equal(plain, reply, sizeof(reply));
}

static void nothing_that_passes_holds_plain_text(void **state)
{
	static const char *const never[] = {"login",       "maria",   "correct horse", "ring",
					    "+4722334455", "support", "\"v\":1",       "password"};
	static uint8_t dump[1 << 20];
	uint8_t sealed[1024];
	size_t sealed_len = 0;
	(void)state;
	assert_int_equal(seal_init(), 0);
	struct node *n = live_node("oslo1", 0);
	struct client *c = client_open(fx, "");
	sealed_exchange(c, n, sealed, &sealed_len);
	FILE *f = fopen(fx->dump, "r");
	assert_non_null(f);
	size_t got = fread(dump, 1, sizeof(dump), f);
	fclose(f);
	/* The dump is a true one: what was sealed stands in it, byte for byte. */
	assert_non_null(memmem(dump, got, sealed, sealed_len));
	for (size_t i = 0; i < HELIO_ARRAY_LEN(never); i++)
		if (memmem(dump, got, never[i], strlen(never[i])))
			fail_msg("plain text has passed the gateway: %s", never[i]);
	client_free(c);
	end_node(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    /* First: the dump then holds nothing but what it has sent. */
	    cmocka_unit_test(nothing_that_passes_holds_plain_text),
	    cmocka_unit_test(frames_pass_both_ways_and_a_leaving_browser_is_told),
	    cmocka_unit_test(the_largest_frame_passes_whole_even_in_pieces),
	    cmocka_unit_test(a_browser_gets_the_site_it_asks_for_else_the_nearest),
	    cmocka_unit_test(the_emptier_node_is_chosen_and_newcomers_are_counted),
	    cmocka_unit_test(without_a_node_a_browser_is_told_so),
	    cmocka_unit_test(a_refusing_node_is_followed_by_another),
	    cmocka_unit_test(a_silent_node_keeps_its_browsers_and_a_dead_one_does_not),
	    cmocka_unit_test(a_node_that_was_restarted_has_lost_its_browsers_at_once),
	    cmocka_unit_test(a_node_may_close_with_a_code_of_its_own),
	    cmocka_unit_test(garbage_of_a_node_hurts_nobody),
	    cmocka_unit_test(frames_of_many_pages_in_one_message_reach_each),
	    cmocka_unit_test(a_browser_that_breaks_the_rules_is_closed_with_the_reason),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
