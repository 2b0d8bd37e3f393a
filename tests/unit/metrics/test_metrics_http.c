/* Requests: what is understood, what is refused, byte by byte. */
#include "common/metrics/metrics.h"

#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

static void each_request_gets_its_answer(void **state)
{
	static const struct {
		const char *in;
		unsigned refuse;
		enum metrics_path path;
		bool head;
	} row[] = {
	    {"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 0, METRICS_PATH_METRICS, false},
	    {"GET /metrics HTTP/1.0\r\n\r\n", 0, METRICS_PATH_METRICS, false},
	    {"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 0, METRICS_PATH_METRICS, true},
	    {"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 0, METRICS_PATH_HEALTHZ, false},
	    {"GET /metrics?x=/healthz HTTP/1.1\r\n\r\n", 0, METRICS_PATH_METRICS, false},
	    {"GET / HTTP/1.1\r\n\r\n", 404, METRICS_PATH_OTHER, false},
	    {"GET /metrics/ HTTP/1.1\r\n\r\n", 404, METRICS_PATH_OTHER, false},
	    {"GET /%6detrics HTTP/1.1\r\n\r\n", 404, METRICS_PATH_OTHER, false},
	    {"GET /metrics HTTP/2.0\r\n\r\n", 505, METRICS_PATH_OTHER, false},
	    {"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 405, METRICS_PATH_OTHER,
	     false},
	    {"get /metrics HTTP/1.1\r\n\r\n", 400, METRICS_PATH_OTHER, false},
	    {"GET  /metrics HTTP/1.1\r\n\r\n", 400, METRICS_PATH_OTHER, false},
	    {"GET /metrics  HTTP/1.1\r\n\r\n", 400, METRICS_PATH_OTHER, false},
	    {"GET metrics HTTP/1.1\r\n\r\n", 400, METRICS_PATH_OTHER, false},
	    {"GET http://x/metrics HTTP/1.1\r\n\r\n", 400, METRICS_PATH_OTHER, false},
	    {"GET /metrics\r\n\r\n", 400, METRICS_PATH_OTHER, false},
	    {"GET\r\n\r\n", 400, METRICS_PATH_OTHER, false},
	    {"\r\n\r\n", 400, METRICS_PATH_OTHER, false},
	    {"GET /metr\x01ics HTTP/1.1\r\n\r\n", 400, METRICS_PATH_OTHER, false},
	    {"AAAAAAAAAAAAAAAAAAAAAAAAA /metrics HTTP/1.1\r\n\r\n", 400, METRICS_PATH_OTHER, false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct metrics_request r;
		assert_int_equal(metrics_request_parse(row[i].in, strlen(row[i].in), &r), 0);
		if (r.refuse != row[i].refuse)
			fail_msg("%s gave %u, not %u", row[i].in, r.refuse, row[i].refuse);
		if (r.refuse)
			continue;
		assert_int_equal(r.path, row[i].path);
		assert_int_equal(r.head, row[i].head);
	}
}

static void a_nul_in_the_head_is_refused(void **state)
{
	static const char in[] = "GET /metrics HTTP/1.1\r\nX: a\0b\r\n\r\n";
	struct metrics_request r;
	(void)state;
	assert_int_equal(metrics_request_parse(in, sizeof(in) - 1, &r), 0);
	assert_int_equal(r.refuse, 400);
}

static void a_request_that_comes_byte_by_byte_waits_for_its_end(void **state)
{
	static const char in[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
	struct metrics_request r = {0};
	(void)state;
	for (size_t n = 0; n < sizeof(in) - 1; n++)
		assert_int_equal(metrics_request_parse(in, n, &r), EAGAIN);
	assert_int_equal(metrics_request_parse(in, sizeof(in) - 1, &r), 0);
	assert_int_equal(r.path, METRICS_PATH_HEALTHZ);
}

static void a_head_of_4_kib_is_too_large(void **state)
{
	char in[METRICS_REQUEST_MAX + 8];
	struct metrics_request r;
	(void)state;
	memset(in, 'a', sizeof(in));
	assert_int_equal(metrics_request_parse(in, METRICS_REQUEST_MAX - 1, &r), EAGAIN);
	assert_int_equal(metrics_request_parse(in, METRICS_REQUEST_MAX, &r), 0);
	assert_int_equal(r.refuse, 431);
	/* An end beyond the limit does not help. */
	memcpy(in, "GET /metrics HTTP/1.1\r\n", 23);
	memcpy(in + sizeof(in) - 4, "\r\n\r\n", 4);
	assert_int_equal(metrics_request_parse(in, sizeof(in), &r), 0);
	assert_int_equal(r.refuse, 431);
}

static void an_answer_names_its_length_and_ends_the_connection(void **state)
{
	char out[512];
	(void)state;
	size_t n = metrics_response_head(out, sizeof(out), 405, "text/plain", 17);
	assert_int_equal(n, strlen(out));
	assert_int_equal(strncmp(out, "HTTP/1.1 405 Method Not Allowed\r\n", 33), 0);
	assert_non_null(strstr(out, "\r\nAllow: GET, HEAD\r\n"));
	assert_non_null(strstr(out, "\r\nContent-Length: 17\r\n"));
	assert_non_null(strstr(out, "\r\nConnection: close\r\n\r\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_request_gets_its_answer),
	    cmocka_unit_test(a_nul_in_the_head_is_refused),
	    cmocka_unit_test(a_request_that_comes_byte_by_byte_waits_for_its_end),
	    cmocka_unit_test(a_head_of_4_kib_is_too_large),
	    cmocka_unit_test(an_answer_names_its_length_and_ends_the_connection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
