/* What the gateway serves over plain HTTP, and what it refuses. */
#include "tests/unit/gateway/harness.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { BASE_PORT = 47000 };

static struct fixture *fx;
static struct http_answer a;

static const char csp[] =
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self' ws://127.0.0.1:47003 wss://desk.example "
    "ws://127.0.0.1:47014; "
    "media-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

static int setup(void **state)
{
	static const char *const options[] = {"--limit", "handshake-ms=1000", NULL};
	(void)state;
	fx = fixture_new(BASE_PORT, options);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_free(fx);
	return 0;
}

static void the_page_is_served_and_asked_for_anew_each_time(void **state)
{
	(void)state;
	http_get(fx, "GET", "/", "", &a);
	assert_int_equal(a.status, 200);
	assert_string_equal(a.body, "<!doctype html><title>desk</title>");
	assert_string_equal(http_header(&a, "content-type"), "text/html; charset=utf-8");
	assert_string_equal(http_header(&a, "cache-control"), "no-cache");
}

static void hashed_files_are_kept_for_ever_and_come_whole(void **state)
{
	(void)state;
	http_get(fx, "GET", "/assets/app-1a2b3c.js", "", &a);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.body_len, 50000);
	for (size_t i = 0; i < a.body_len; i++)
		assert_int_equal(a.body[i], 'a' + (int)(i % 26));
	assert_string_equal(http_header(&a, "content-type"), "text/javascript; charset=utf-8");
	assert_string_equal(http_header(&a, "cache-control"),
			    "public, max-age=31536000, immutable");
	http_get(fx, "GET", "/assets/seal-4d5e.wasm", "", &a);
	assert_string_equal(http_header(&a, "content-type"), "application/wasm");
	http_get(fx, "GET", "/favicon.svg", "", &a);
	assert_string_equal(http_header(&a, "content-type"), "image/svg+xml");
	assert_string_equal(http_header(&a, "cache-control"), "no-cache");
}

static void every_answer_carries_the_security_headers(void **state)
{
	static const char *const path[] = {
	    "/", "/assets/app-1a2b3c.js", "/healthz", "/cluster.json", "/nothing", "/desk"};
	(void)state;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(path); i++) {
		http_get(fx, "GET", path[i], "", &a);
		assert_string_equal(http_header(&a, "content-security-policy"), csp);
		assert_string_equal(http_header(&a, "x-content-type-options"), "nosniff");
		assert_string_equal(http_header(&a, "referrer-policy"), "no-referrer");
		assert_string_equal(http_header(&a, "permissions-policy"),
				    "microphone=(self), camera=(), geolocation=()");
		assert_string_equal(http_header(&a, "cross-origin-opener-policy"), "same-origin");
	}
}

static void nothing_outside_the_page_can_be_named(void **state)
{
	static const char *const path[] = {
	    "/../secret.txt",
	    "/..%2fsecret.txt",
	    "/%2e%2e/secret.txt",
	    "/assets/../../secret.txt",
	    "/assets/..%2f..%2fsecret.txt",
	    "//etc/passwd",
	    "/.hidden",
	    "/assets/",
	    "/assets",
	    "/assets/%2e%2e%5csecret.txt",

	    "/index.html/",
	    "/./.hidden",
	    "/web/index.html",
	    "/%2fetc/passwd",
	};
	(void)state;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(path); i++) {
		http_get(fx, "GET", path[i], "", &a);
		if (a.status != 404 && a.status != 403)
			fail_msg("%s: status %d", path[i], a.status);
		assert_null(strstr(a.body, "outside the page"));
		assert_null(strstr(a.body, "not for the world"));
		assert_null(strstr(a.body, "root:"));
	}
	http_get(fx, "GET", "/index.html%00.js", "", &a);
	assert_int_not_equal(a.status, 200);
}

static void only_get_and_head_are_allowed(void **state)
{
	static const char *const method[] = {"POST", "PUT", "DELETE", "PATCH", "OPTIONS"};
	(void)state;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(method); i++) {
		http_get(fx, method[i], "/", "Content-Length: 0\r\n", &a);
		if (a.status != 405)
			fail_msg("%s: status %d", method[i], a.status);
		assert_string_equal(http_header(&a, "allow"), "GET, HEAD");
	}
	http_get(fx, "BREW", "/", "", &a);
	assert_int_not_equal(a.status, 200);
	http_get(fx, "CONNECT", "/", "", &a);
	assert_int_not_equal(a.status, 200);
}

static void head_answers_with_the_length_and_no_body(void **state)
{
	(void)state;
	http_get(fx, "HEAD", "/assets/app-1a2b3c.js", "", &a);
	assert_int_equal(a.status, 200);
	assert_string_equal(http_header(&a, "content-length"), "50000");
	assert_int_equal(a.body_len, 0);
}

static void what_a_browser_has_is_not_sent_again(void **state)
{
	char match[128];
	(void)state;
	http_get(fx, "GET", "/", "", &a);
	snprintf(match, sizeof(match), "If-None-Match: %s\r\n", http_header(&a, "etag"));
	http_get(fx, "GET", "/", match, &a);
	assert_int_equal(a.status, 304);
	assert_int_equal(a.body_len, 0);
	http_get(fx, "GET", "/", "If-None-Match: \"old\"\r\n", &a);
	assert_int_equal(a.status, 200);
}

static void two_requests_share_one_connection(void **state)
{
	(void)state;
	http_raw(fx,
		 "GET /cluster.json HTTP/1.1\r\nHost: x\r\n\r\n"
		 "GET /favicon.svg HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		 &a);
	assert_non_null(strstr(a.body, "\"sign_pub\""));
	assert_non_null(strstr(a.body, "<svg"));
}

static void the_cluster_is_described(void **state)
{
	uint8_t key[64], pub[32];
	char hex[65], want[256];
	(void)state;
	fixture_sign_key(key, pub);
	hex_encode(hex, pub, sizeof(pub));
	snprintf(want, sizeof(want),
		 "{\"cluster\":\"testline\",\"sign_pub\":\"%s\",\"site\":\"oslo\",\"sites\":"
		 "[{\"name\":\"oslo\",\"number\":1},{\"name\":\"manila\",\"number\":2}],"
		 "\"gateways\":[\"ws://127.0.0.1:47014\"]}",
		 hex);
	http_get(fx, "GET", "/cluster.json", "", &a);
	assert_int_equal(a.status, 200);
	assert_string_equal(http_header(&a, "content-type"), "application/json");
	assert_string_equal(a.body, want);
}

static void health_follows_the_nodes(void **state)
{
	(void)state;
	http_get(fx, "GET", "/healthz", "", &a);
	assert_int_equal(a.status, 503);
	struct node *n = node_new(fx, "oslo1", 1);
	node_wait_live(fx, n, "cert", 1);
	http_get(fx, "GET", "/healthz", "", &a);
	assert_int_equal(a.status, 200);
	node_status(n, "cert", 0, true); /* draining: takes nobody */
	for (uint64_t end = mono_us() + DEADLINE_MS * 1000ull; a.status != 503;) {
		assert_true(mono_us() < end);
		http_get(fx, "GET", "/healthz", "", &a);
	}
	node_free(n);
}

static void a_socket_that_says_nothing_is_closed(void **state)
{
	(void)state;
	uint64_t begin = mono_us();
	http_raw(fx, "", &a); /* returns when the gateway has closed */
	assert_int_equal(a.status, 0);
	assert_true(mono_us() - begin < 5000000);
	http_raw(fx, "GET / HTTP/1.1\r\nHost: slow", &a);
	assert_int_not_equal(a.status, 200);
}

static void a_request_without_end_is_refused(void **state)
{
	static char request[70000];
	(void)state;
	int n = snprintf(request, sizeof(request), "GET /%s", "");
	memset(request + n, 'a', sizeof(request) - (size_t)n - 1);
	http_raw(fx, request, &a);
	assert_int_not_equal(a.status, 200);
	http_get(fx, "GET", "/", "", &a); /* and it still serves */
	assert_int_equal(a.status, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_page_is_served_and_asked_for_anew_each_time),
	    cmocka_unit_test(hashed_files_are_kept_for_ever_and_come_whole),
	    cmocka_unit_test(every_answer_carries_the_security_headers),
	    cmocka_unit_test(nothing_outside_the_page_can_be_named),
	    cmocka_unit_test(only_get_and_head_are_allowed),
	    cmocka_unit_test(head_answers_with_the_length_and_no_body),
	    cmocka_unit_test(what_a_browser_has_is_not_sent_again),
	    cmocka_unit_test(two_requests_share_one_connection),
	    cmocka_unit_test(the_cluster_is_described),
	    cmocka_unit_test(health_follows_the_nodes),
	    cmocka_unit_test(a_socket_that_says_nothing_is_closed),
	    cmocka_unit_test(a_request_without_end_is_refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
