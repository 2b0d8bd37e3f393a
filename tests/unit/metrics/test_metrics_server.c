/* The responder on a real socket: answers, bounds, and that nobody can hold it up. */
#include "common/metrics/metrics.h"
#include "common/base/base.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

/* An address of its own: connections of others on this machine begin at 127.0.0.1 and any port. */
#define HOST "127.0.127.1"

enum { PORT = 49011, DEADLINE_US = 10000000, TIMEOUT_MS = 400 };

struct world {
	struct metrics_server *s;
	unsigned collected, queues;
	bool ill;
};

static void collect_h(struct metrics_out *o, void *arg)
{
	struct world *w = arg;
	char name[24];
	w->collected++;
	metrics_config(o, &(struct metrics_config){.hash = 0xabc});
	metrics_family(o, METRIC_QUEUE_WAITING);
	for (unsigned i = 0; i < w->queues; i++) {
		snprintf(name, sizeof(name), "q%u", i);
		metrics_put1(o, METRIC_QUEUE_WAITING, i, name);
	}
}

static void health_h(struct metrics_health *h, void *arg)
{
	const struct world *w = arg;
	if (w->ill)
		metrics_health_fault(h, "ill");
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char why[256];
	struct metrics_server_conf conf = {.host = HOST,
					   .port = PORT,
					   .role = METRICS_NODE,
					   .version = "1.2.3",
					   .cluster = "test",
					   .name = "oslo1",
					   .started_us = mono_us(),
					   .timeout_ms = TIMEOUT_MS,
					   .fresh_ms = 1,
					   .collect_h = collect_h,
					   .health_h = health_h,
					   .arg = w};
	*state = w;
	return metrics_server_open(&w->s, &conf, why);
}

static int teardown(void **state)
{
	struct world *w = *state;
	w->s = metrics_server_close(w->s);
	free(w);
	return 0;
}

static int dial(void)
{
	struct sockaddr_in sa = {
	    .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = inet_addr(HOST)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int small = 4096;
	/* So that a large page cannot lie in our buffers. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* One turn of a daemon's loop: waits for the server's descriptor, or for `fd` too. */
static void turn(struct world *w, int fd, int ms)
{
	struct pollfd p[2] = {{.fd = metrics_server_fd(w->s), .events = POLLIN},
			      {.fd = fd, .events = POLLIN}};
	(void)poll(p, fd < 0 ? 1 : 2, ms);
	if (p[0].revents)
		metrics_server_step(w->s);
}

/* Everything until the far end closes. *ret_end: 0 in order, else errno. The caller frees. */
static char *answer(struct world *w, int fd, int *ret_end)
{
	size_t len = 0, cap = 1 << 16;
	char *text = malloc(cap);
	uint64_t until = mono_us() + DEADLINE_US;
	assert_non_null(text);
	for (;;) {
		assert_true(mono_us() < until);
		ssize_t n = recv(fd, text + len, cap - len - 1, 0);
		if (n > 0) {
			len += (size_t)n;
			if (cap - len < 1 << 15)
				assert_non_null(text = realloc(text, cap *= 2));
			continue;
		}
		if (n == 0 || errno != EAGAIN) {
			*ret_end = n == 0 ? 0 : errno;
			text[len] = '\0';
			return text;
		}
		turn(w, fd, 100);
	}
}

static char *ask(struct world *w, const char *request)
{
	int fd = dial(), end = -1;
	say(fd, request);
	char *text = answer(w, fd, &end);
	assert_int_equal(end, 0);
	close(fd);
	return text;
}

static void a_scrape_gets_the_page(void **state)
{
	struct world *w = *state;
	w->queues = 3;
	char *text = ask(w, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_int_equal(strncmp(text, "HTTP/1.1 200 OK\r\n", 17), 0);
	assert_non_null(strstr(text, "text/plain; version=0.0.4; charset=utf-8\r\n"));
	assert_non_null(
	    strstr(text, "\nheliograph_build_info{version=\"1.2.3\",cluster=\"test\"} 1\n"));
	assert_non_null(strstr(text, "\nheliograph_config_info{hash=\"0000000000000abc\"} 1\n"));
	assert_non_null(strstr(text, "\nheliograph_queue_waiting{queue=\"q2\"} 2\n"));
	assert_non_null(strstr(text, "\nheliograph_healthy 1\n"));
	const char *body = strstr(text, "\r\n\r\n") + 4;
	unsigned long length = 0;
	assert_int_equal(sscanf(strstr(text, "Content-Length:"), "%*s %lu", &length), 1);
	assert_int_equal(strlen(body), length);
	free(text);
}

static void head_gets_no_body(void **state)
{
	char *text = ask(*state, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_null(strstr(text, "heliograph_"));
	assert_non_null(strstr(text, "Content-Length: "));
	free(text);
}

static void health_is_200_or_503_and_says_why(void **state)
{
	struct world *w = *state;
	char *text = ask(w, "GET /healthz HTTP/1.1\r\n\r\n");
	assert_int_equal(strncmp(text, "HTTP/1.1 200 OK\r\n", 17), 0);
	assert_non_null(strstr(text, "{\"ok\":true,\"name\":\"oslo1\",\"role\":\"node\""));
	free(text);
	w->ill = true;
	text = ask(w, "GET /healthz HTTP/1.1\r\n\r\n");
	assert_int_equal(strncmp(text, "HTTP/1.1 503 Service Unavailable\r\n", 34), 0);
	assert_non_null(strstr(text, "\"why\":[\"ill\"]"));
	free(text);
	text = ask(w, "GET /metrics HTTP/1.1\r\n\r\n");
	assert_non_null(strstr(text, "\nheliograph_healthy 0\n"));
	assert_non_null(strstr(text, "\nheliograph_scrapes_total{code=\"503\"} 1\n"));
	free(text);
}

static void what_is_too_large_is_told_so_without_a_reset(void **state)
{
	char request[METRICS_REQUEST_MAX + 3000];
	memset(request, 'a', sizeof(request));
	memcpy(request, "GET /metrics HTTP/1.1\r\n", 23);
	request[sizeof(request) - 1] = '\0';
	char *text = ask(*state, request);
	assert_int_equal(strncmp(text, "HTTP/1.1 431 ", 13), 0);
	free(text);
}

static void one_page_serves_those_who_ask_at_once(void **state)
{
	struct world *w = *state;
	char why[256];
	metrics_server_close(w->s);
	struct metrics_server_conf conf = {.host = HOST,
					   .port = PORT,
					   .role = METRICS_NODE,
					   .version = "1",
					   .cluster = "test",
					   .name = "oslo1",
					   .fresh_ms = 60000,
					   .collect_h = collect_h,
					   .health_h = health_h,
					   .arg = w};
	w->s = NULL;
	assert_int_equal(metrics_server_open(&w->s, &conf, why), 0);
	for (int i = 0; i < 5; i++)
		free(ask(w, "GET /metrics HTTP/1.1\r\n\r\n"));
	assert_int_equal(w->collected, 1);
}

static void who_sends_nothing_is_cut_off(void **state)
{
	int fd = dial(), end = -1;
	say(fd, "GET /metr");
	uint64_t before = mono_us();
	char *text = answer(*state, fd, &end);
	assert_string_equal(text, "");
	assert_true(mono_us() - before >= (TIMEOUT_MS - 100) * 1000);
	free(text);
	close(fd);
}

static void who_does_not_read_is_cut_off_and_others_are_served(void **state)
{
	struct world *w = *state;
	uint64_t until = mono_us() + DEADLINE_US;
	int slow = dial(), error = 0;
	socklen_t len = sizeof(error);
	w->queues = 100000; /* megabytes */
	say(slow, "GET /metrics HTTP/1.1\r\n\r\n");
	while (!w->collected) {
		assert_true(mono_us() < until);
		turn(w, -1, 100);
	}
	w->queues = 1;
	char *text = ask(w, "GET /metrics HTTP/1.1\r\n\r\n");
	assert_non_null(strstr(text, "queue=\"q0\""));
	free(text);
	/* Cut with data unsent: a reset, once its time is over. */
	struct pollfd p = {.fd = slow, .events = 0};
	while (!(poll(&p, 1, 0) == 1 && p.revents & (POLLERR | POLLHUP))) {
		assert_true(mono_us() < until);
		turn(w, -1, 100);
	}
	getsockopt(slow, SOL_SOCKET, SO_ERROR, &error, &len);
	close(slow);
}

static void half_open_sockets_do_not_blind_the_one_who_watches(void **state)
{
	int idle[3 * METRICS_CONNS_MAX];
	for (size_t i = 0; i < HELIO_ARRAY_LEN(idle); i++) {
		idle[i] = dial();
		say(idle[i], "GET ");
		turn(*state, -1, 0);
	}
	uint64_t before = mono_us();
	char *text = ask(*state, "GET /healthz HTTP/1.1\r\n\r\n");
	assert_int_equal(strncmp(text, "HTTP/1.1 200 ", 13), 0);
	assert_true(mono_us() - before < TIMEOUT_MS * 1000);
	free(text);
	for (size_t i = 0; i < HELIO_ARRAY_LEN(idle); i++)
		close(idle[i]);
}

static void a_taken_port_is_said_in_a_sentence(void **state)
{
	struct metrics_server *other = NULL;
	struct metrics_server_conf conf = {.host = HOST,
					   .port = PORT,
					   .role = METRICS_NODE,
					   .collect_h = collect_h,
					   .health_h = health_h,
					   .arg = *state};
	char why[256] = "";
	assert_int_equal(metrics_server_open(&other, &conf, why), EADDRINUSE);
	assert_non_null(strstr(why, HOST ":49011 (metrics): "));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(a_scrape_gets_the_page),
	    T(head_gets_no_body),
	    T(health_is_200_or_503_and_says_why),
	    T(what_is_too_large_is_told_so_without_a_reset),
	    T(one_page_serves_those_who_ask_at_once),
	    T(who_sends_nothing_is_cut_off),
	    T(who_does_not_read_is_cut_off_and_others_are_served),
	    T(half_open_sockets_do_not_blind_the_one_who_watches),
	    T(a_taken_port_is_said_in_a_sentence),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
