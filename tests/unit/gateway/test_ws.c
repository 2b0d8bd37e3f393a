/* The tests' own WebSocket client: it must find a broken server, and lose nothing of a right one.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/tools/ws.h"

struct seen {
	int opened, messages;
	enum ws_op op;
	char text[64];
	size_t len;
};

static void opened(void *arg)
{
	((struct seen *)arg)->opened++;
}

static void message(enum ws_op op, const uint8_t *data, size_t len, void *arg)
{
	struct seen *s = arg;
	s->messages++;
	s->op = op;
	s->len = len;
	if (len && len < sizeof(s->text))
		memcpy(s->text, data, len);
}

/* The 101 that belongs to ws, and after it, in the same bytes, a frame "cert". */
static size_t answer(const struct ws *ws, char *dst, size_t size)
{
	return (size_t)snprintf(dst, size,
				"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
				"Sec-WebSocket-Accept: %s\r\n\r\n\x82\x04"
				"cert",
				ws->accept);
}

static void what_comes_with_the_answer_is_not_lost(void **state)
{
	struct ws ws;
	struct seen s = {0};
	char request[WS_REQUEST_MAX], bytes[512];
	(void)state;
	ws_init(&ws, 100);
	assert_int_equal(ws_request(&ws, "h:1", "/desk", "http://h:1", "heliograph.1", request), 0);
	assert_non_null(strstr(request, "\r\nOrigin: http://h:1\r\n"));
	size_t n = answer(&ws, bytes, sizeof(bytes));
	assert_int_equal(ws_feed(&ws, bytes, n, opened, message, &s), 0);
	assert_int_equal(s.opened, 1);
	assert_int_equal(s.messages, 1);
	assert_int_equal(s.op, WS_BINARY);
	assert_memory_equal(s.text, "cert", 4);
	ws_wipe(&ws);
}

static void bytes_may_come_one_by_one(void **state)
{
	struct ws ws;
	struct seen s = {0};
	char request[WS_REQUEST_MAX], bytes[512];
	(void)state;
	ws_init(&ws, 100);
	assert_int_equal(ws_request(&ws, "h:1", "/", NULL, NULL, request), 0);
	size_t n = answer(&ws, bytes, sizeof(bytes));
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(s.messages, 0);
		assert_int_equal(ws_feed(&ws, bytes + i, 1, opened, message, &s), 0);
	}
	assert_int_equal(s.messages, 1);
	assert_int_equal(ws.size, 0); /* an idle connection keeps no buffer */
	ws_wipe(&ws);
}

static int fed(const char *bytes, size_t n, bool open)
{
	struct ws ws;
	struct seen s = {0};
	char request[WS_REQUEST_MAX];
	ws_init(&ws, 100);
	(void)ws_request(&ws, "h:1", "/", NULL, NULL, request);
	ws.open = open;
	int err = ws_feed(&ws, bytes, n, opened, message, &s);
	ws_wipe(&ws);
	return err;
}

static void a_server_that_breaks_the_rules_is_found(void **state)
{
	static const char refused[] = "HTTP/1.1 403 Forbidden\r\n\r\n";
	static const char forged[] = "HTTP/1.1 101 x\r\nSec-WebSocket-Accept: AAAA\r\n\r\n";
	static const char absent[] = "HTTP/1.1 101 x\r\n\r\n";
	(void)state;
	assert_int_equal(fed(refused, sizeof(refused) - 1, false), ECONNREFUSED);
	assert_int_equal(fed(forged, sizeof(forged) - 1, false), EPROTO);
	assert_int_equal(fed(absent, sizeof(absent) - 1, false), EPROTO);
	assert_int_equal(fed("junk\r\n\r\n", 8, false), EPROTO);
	assert_int_equal(fed("\x82\x84mask1234", 10, true), EPROTO); /* servers do not mask */
	assert_int_equal(fed("\xc2\x01x", 3, true), EPROTO);         /* a reserved bit */
	assert_int_equal(fed("\x82\x7e\x00\x65", 4, true), EMSGSIZE);
	assert_int_equal(fed("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 10, true), EMSGSIZE);
}

static void a_frame_is_masked_and_whole(void **state)
{
	static const size_t size[] = {0, 1, 125, 126, 65535, 65536};
	static uint8_t payload[65536], frame[sizeof(payload) + WS_HEAD_MAX];
	(void)state;
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 31);
	for (size_t k = 0; k < sizeof(size) / sizeof(size[0]); k++) {
		size_t n = ws_frame(frame, WS_BINARY, payload, size[k]);
		size_t head = size[k] < 126 ? 6 : size[k] < 65536 ? 8 : 14;
		assert_int_equal(n, head + size[k]);
		assert_int_equal(frame[0], 0x82);
		assert_true(frame[1] & 0x80);
		for (size_t i = 0; i < size[k]; i++)
			assert_int_equal(frame[head + i] ^ frame[head - 4 + i % 4], payload[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_comes_with_the_answer_is_not_lost),
	    cmocka_unit_test(bytes_may_come_one_by_one),
	    cmocka_unit_test(a_server_that_breaks_the_rules_is_found),
	    cmocka_unit_test(a_frame_is_masked_and_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
