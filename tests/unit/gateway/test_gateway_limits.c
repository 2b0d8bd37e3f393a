/* What strangers and slow lines may take of a gateway: each limit, set small, is met. */
#include "tests/unit/gateway/harness.h"
#include "common/seal/seal.h"
#include "gateway/relay.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BASE_PORT = 47200 };

static struct fixture *fx;
static struct node *node;
static uint8_t buf[70000];
static size_t len;

/* A gateway whose pages may have 16 MiB waiting each, and one together. */
static int setup_crowded(void **state)
{
	static const char *const options[] = {"--limit", "queue-kib=16384", "--limit",
					      "queues-mib=1", NULL};
	(void)state;
	fx = fixture_new(BASE_PORT, options);
	node = node_new(fx, "oslo1", 2);
	return 0;
}

static int setup(void **state)
{
	static const char *const options[] = {
	    "--limit",      "connections=5", "--limit",          "per-address=3", "--limit",
	    "queue-kib=64", "--limit",       "handshake-ms=700", "--limit",       "ping-s=1",
	    "--limit",      "rate=10",       "--limit",          "burst=20",      NULL};
	(void)state;
	fx = fixture_new(BASE_PORT, options);
	node = node_new(fx, "oslo1", 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	node_free(node);
	fixture_free(fx);
	return 0;
}

/* How the gateway answers an upgrade that is right but for these. */
static int status_of(const char *query, const char *origin, const char *protocol, const char *from)
{
	struct client *c = client_new(fx, query, origin, protocol, from);
	int status = client_status(c);
	client_free(c);
	return status;
}

/* The gateway has seen every earlier browser leave. */
static void wait_empty(void)
{
	static struct http_answer a;
	for (uint64_t end = mono_us() + DEADLINE_MS * 1000ull;;) {
		http_get(fx, "GET", "/healthz", "", &a);
		if (strstr(a.body, "\"connections\":0"))
			break;
		if (mono_us() > end)
			fail_msg("connections stay: %s", a.body);
	}
	while (!node_is_quiet(node, 20))
		;
}

/* The next of this connection (0: whichever opens). What was on its way to one that is gone is
 * answered by a CLOSE, perhaps a moment late. */
static GwFrame next_of(uint64_t conn, GwFrame_Kind kind)
{
	GwFrame head = node_recv(node, buf, sizeof(buf), &len);

	while (head.kind == GwFrame_Kind_CLOSE && head.conn != conn)
		head = node_recv(node, buf, sizeof(buf), &len);
	assert_int_equal(head.kind, kind);
	return head;
}

static uint64_t settle(struct client *c)
{
	uint8_t frame[] = {SEAL_FRAME_MSG1, 'x'};
	GwFrame open = next_of(0, GwFrame_Kind_OPEN);
	client_recv(c, buf, sizeof(buf));
	client_send(c, WS_BINARY, frame, sizeof(frame));
	next_of(open.conn, GwFrame_Kind_FRAME);
	frame[0] = SEAL_FRAME_MSG2;
	node_send(node, GwFrame_Kind_FRAME, open.conn, 0, frame, sizeof(frame));
	client_recv(c, buf, sizeof(buf));
	return open.conn;
}

static struct client *settled(uint64_t *ret_conn)
{
	wait_empty();
	node_wait_live(fx, node, "cert", 1);
	struct client *c = client_open(fx, "");
	*ret_conn = settle(c);
	return c;
}

static void strangers_are_refused_before_the_upgrade(void **state)
{
	static const char ok[] = "heliograph.1";
	(void)state;
	assert_int_equal(status_of("", "https://evil.example", ok, NULL), 403);
	assert_int_equal(status_of("", "http://127.0.0.1:47203.evil.example", ok, NULL), 403);
	assert_int_equal(status_of("", "https://127.0.0.1:47203", ok, NULL), 403);
	assert_int_equal(status_of("", "null", ok, NULL), 403);
	assert_int_equal(status_of("", NULL, ok, NULL), 403);
	assert_int_equal(status_of("", fx->origin, NULL, NULL), 400);
	assert_int_equal(status_of("", fx->origin, "heliograph.2", NULL), 400);
	assert_int_equal(status_of("?site=OSLO", fx->origin, ok, NULL), 400);
	assert_int_equal(status_of("?site=oslo&site=manila", fx->origin, ok, NULL), 400);
	assert_int_equal(status_of("?site=%0d%0aX", fx->origin, ok, NULL), 400);
	assert_int_equal(status_of("top", fx->origin, ok, NULL), 404);
	assert_int_equal(status_of("", fx->origin, ok, NULL), 101);
	assert_int_equal(status_of("", "http://127.0.0.1:47214", ok, NULL), 101); /* manila-g1's */
	assert_int_equal(status_of("", "http://127.0.0.1:47215", ok, NULL), 403);
	assert_int_equal(status_of("", "https://desk.example", "chat, heliograph.1", NULL), 101);
}

static void another_upgrade_than_websocket_is_not_taken(void **state)
{
	static struct http_answer a;
	(void)state;
	http_raw(fx,
		 "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n"
		 "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
		 &a);
	assert_int_not_equal(a.status, 101);
	assert_int_not_equal(a.status, 200);
}

static void one_address_and_all_together_have_their_limits(void **state)
{
	struct client *c[5];
	(void)state;
	wait_empty();
	node_wait_live(fx, node, "cert", 1);
	for (size_t i = 0; i < 3; i++)
		c[i] = client_open(fx, "");
	assert_int_equal(status_of("", fx->origin, "heliograph.1", NULL), 429);
	for (size_t i = 3; i < 5; i++) {
		c[i] = client_new(fx, "", fx->origin, "heliograph.1", "127.0.0.9");
		assert_int_equal(client_status(c[i]), 101);
	}
	assert_int_equal(status_of("", fx->origin, "heliograph.1", "127.0.0.10"), 503);
	for (size_t i = 0; i < 5; i++)
		client_free(c[i]);
	wait_empty();
	assert_int_equal(status_of("", fx->origin, "heliograph.1", NULL), 101);
}

/* Sockets that never ask for anything: a place for files each, and a bound on them too. */
static void bare_sockets_of_one_address_are_bounded(void **state)
{
	enum { MANY = 120, ALLOWED = 2 * 3 + 64 };
	static struct http_answer a;
	int fd[MANY];
	(void)state;
	wait_empty();
	for (int i = 0; i < MANY; i++)
		fd[i] = client_socket(fx, "127.0.0.11");
	/* Those beyond the bound are closed unread; the others only by the handshake's time. */
	int closed = 0;
	for (uint64_t end = mono_us() + 400000; closed < MANY - ALLOWED && mono_us() < end;) {
		closed = 0;
		poll(NULL, 0, 5); /* what is waited for is many sockets at once */
		for (int i = 0; i < MANY; i++) {
			char c;
			closed += recv(fd[i], &c, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
		}
	}
	assert_int_equal(closed, MANY - ALLOWED);
	http_get(fx, "GET", "/", "", &a); /* nobody else suffers */
	assert_int_equal(a.status, 200);
	for (int i = 0; i < MANY; i++)
		close(fd[i]);
}

static void a_browser_silent_in_the_handshake_is_closed(void **state)
{
	(void)state;
	wait_empty();
	node_wait_live(fx, node, "cert", 1);
	uint64_t begin = mono_us();
	struct client *c = client_open(fx, "");
	assert_int_equal(client_wait_close(c), 1008);
	assert_in_range(mono_us() - begin, 600000, 3000000);
	client_free(c);
}

static void a_browser_that_talks_too_fast_is_closed(void **state)
{
	uint64_t conn;
	(void)state;
	struct client *c = settled(&conn);
	uint8_t frame[] = {SEAL_FRAME_DATA, 'x'};
	size_t passed = 0;
	for (int i = 0; i < 60; i++)
		client_send(c, WS_BINARY, frame, sizeof(frame));
	assert_int_equal(client_wait_close(c), 1008);
	while (node_recv(node, buf, sizeof(buf), &len).kind == GwFrame_Kind_FRAME)
		passed++;
	assert_in_range(passed, 15, 30); /* the burst, less the handshake, and what time gave */
	client_free(c);
}

static void a_browser_that_does_not_read_is_closed(void **state)
{
	static uint8_t big[16000] = {SEAL_FRAME_DATA};
	uint64_t conn;
	int small = 4096;
	(void)state;
	struct client *c = settled(&conn);
	setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	/* The kernel's buffers take some megabytes; then the gateway's queue fills. */
	GwFrame head = GwFrame_init_zero;
	for (int i = 0; i < 2000 && head.kind != GwFrame_Kind_CLOSE; i++) {
		Envelope env = Envelope_init_zero;
		env.which_body = Envelope_gw_tag;
		env.body.gw.kind = GwFrame_Kind_FRAME;
		env.body.gw.conn = conn;
		(void)mesh_send(node->mesh, node->gateway, &env, big, sizeof(big));
		const uint8_t *p;
		if (mesh_recv(node->mesh, &env, &p, &len) == 0 && env.which_body == Envelope_gw_tag)
			head = env.body.gw;
	}
	if (head.kind != GwFrame_Kind_CLOSE)
		head = node_expect(node, GwFrame_Kind_CLOSE, buf, sizeof(buf), &len);
	assert_int_equal(head.conn, conn);
	wait_empty(); /* the socket itself is cut, though nobody reads its end */
	client_free(c);
}

static void what_waits_for_all_is_bounded_and_who_reads_goes_on(void **state)
{
	static uint8_t big[16000] = {SEAL_FRAME_DATA};
	enum { FRAMES = 12 * 1024 * 1024 / sizeof(big) }; /* less than may wait for one */
	uint64_t slow_conn, conn;
	int small = 4096;
	(void)state;
	struct client *slow = settled(&slow_conn), *c = client_open(fx, "");
	conn = settle(c);
	setsockopt(slow->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	for (size_t i = 0; i < FRAMES; i++)
		node_send(node, GwFrame_Kind_FRAME, slow_conn, 0, big, sizeof(big));
	(void)next_of(slow_conn, GwFrame_Kind_CLOSE);
	for (int i = 0; i < 3; i++) {
		node_send(node, GwFrame_Kind_FRAME, conn, 0, big, sizeof(big));
		assert_int_equal(client_recv(c, buf, sizeof(buf)), sizeof(big));
	}
	client_free(slow);
	client_free(c);
	wait_empty();
}

static void a_dead_line_is_noticed_by_pings(void **state)
{
	uint64_t conn;
	(void)state;
	struct client *c = settled(&conn);
	/* While pings are answered the connection stays. */
	for (uint64_t end = mono_us() + DEADLINE_MS * 1000ull; c->pings < 3;) {
		assert_true(mono_us() < end && !c->ended);
		node_status(node, "cert", 0, false);
		client_poll(c, 100);
	}
	c->no_pongs = true;
	for (uint64_t end = mono_us() + DEADLINE_MS * 1000ull; !c->ended;) {
		assert_true(mono_us() < end);
		node_status(node, "cert", 0, false);
		client_poll(c, 100);
	}
	(void)next_of(conn, GwFrame_Kind_CLOSE);
	client_free(c);
}

/* Last: it ends the gateway, which the fixture then finds ended well. */
static void a_gateway_that_stops_says_so_to_every_browser(void **state)
{
	uint64_t conn;
	(void)state;
	struct client *c = settled(&conn);
	kill(fx->pid, SIGTERM);
	assert_int_equal(client_wait_close(c), 1001);
	GwFrame gone = node_expect(node, GwFrame_Kind_CLOSE, buf, sizeof(buf), &len);
	assert_int_equal(gone.conn, conn);
	client_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(strangers_are_refused_before_the_upgrade),
	    cmocka_unit_test(another_upgrade_than_websocket_is_not_taken),
	    cmocka_unit_test(one_address_and_all_together_have_their_limits),
	    cmocka_unit_test(bare_sockets_of_one_address_are_bounded),
	    cmocka_unit_test(a_browser_silent_in_the_handshake_is_closed),
	    cmocka_unit_test(a_browser_that_talks_too_fast_is_closed),
	    cmocka_unit_test(a_browser_that_does_not_read_is_closed),
	    cmocka_unit_test(a_dead_line_is_noticed_by_pings),
	    cmocka_unit_test(a_gateway_that_stops_says_so_to_every_browser),
	};
	const struct CMUnitTest crowded[] = {
	    cmocka_unit_test(what_waits_for_all_is_bounded_and_who_reads_goes_on),
	};
	int failed = cmocka_run_group_tests(tests, setup, teardown);
	return failed + cmocka_run_group_tests(crowded, setup_crowded, teardown);
}
