/*
 * How long a message takes there and back between two daemons, beside the same over bare ZeroMQ
 * (DEALER to ROUTER and back, no CURVE, no checks), measured in the same run:
 *   {"name":"mesh_rtt_p50_us","value":…,"unit":"us","floor":…,"ratio":…,"target":null,"met":null}
 */
#include "tests/unit/wire/mesh_fixture.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { PORT = 41020, WARM_UP = 200, ROUNDS_MAX = 1000000, THROUGHPUT = 20000, WINDOW = 1000 };

static const uint64_t WARM_UP_TOKEN = UINT64_MAX;

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

/* The other daemon: sends every ping back. */
static void mesh_echo(zsock_t *pipe, void *arg)
{
	struct mesh *m = arg;
	zpoller_t *poller = zpoller_new(pipe, NULL);
	int fd = mesh_fd(m);
	zpoller_add(poller, &fd);
	zsock_signal(pipe, 0);
	for (;;) {
		Envelope in;
		const uint8_t *payload;
		size_t len;
		while (mesh_recv(m, &in, &payload, &len) == 0)
			if (!in.body.ping.reply)
				mesh_send(m, (uint16_t)in.from, &in, NULL, 0);
		if (zpoller_wait(poller, -1) == pipe)
			break;
	}
	zpoller_destroy(&poller);
}

static void bare_echo(zsock_t *pipe, void *arg)
{
	zsock_t *router = arg;
	zpoller_t *poller = zpoller_new(pipe, router, NULL);
	zsock_signal(pipe, 0);
	while (zpoller_wait(poller, -1) == router) {
		zmsg_t *msg = zmsg_recv(router);
		zmsg_send(&msg, router);
	}
	zpoller_destroy(&poller);
}

static void percentiles(uint32_t *us, size_t n, double *ret_p50, double *ret_p99)
{
	qsort(us, n, sizeof(*us), by_value);
	*ret_p50 = us[n / 2] / 10.0;
	*ret_p99 = us[n * 99 / 100] / 10.0;
}

static uint32_t tenths_us(struct timespec a, struct timespec b)
{
	return (uint32_t)(((b.tv_sec - a.tv_sec) * 1000000000L + b.tv_nsec - a.tv_nsec) / 100);
}

static int bare_rounds(uint32_t *us, size_t n)
{
	char out[32] = "thirty bytes, like a small ping", in[64];
	zsock_t *router = zsock_new(ZMQ_ROUTER), *dealer = zsock_new(ZMQ_DEALER);
	helio_assert(zsock_bind(router, "tcp://127.0.0.1:%d", PORT + 9) > 0);
	helio_assert(zsock_connect(dealer, "tcp://127.0.0.1:%d", PORT + 9) == 0);
	zsock_set_rcvtimeo(dealer, DEADLINE_MS);
	zactor_t *echo = zactor_new(bare_echo, router);
	void *s = zsock_resolve(dealer);
	int err = 0;
	for (size_t i = 0; !err && i < n + WARM_UP; i++) {
		struct timespec a, b;
		clock_gettime(CLOCK_MONOTONIC, &a);
		if (zmq_send(s, out, sizeof(out), 0) < 0 || zmq_recv(s, in, sizeof(in), 0) < 0)
			err = errno;
		clock_gettime(CLOCK_MONOTONIC, &b);
		if (i >= WARM_UP)
			us[i - WARM_UP] = tenths_us(a, b);
	}
	zactor_destroy(&echo);
	zsock_destroy(&dealer);
	zsock_destroy(&router);
	return err;
}

static int mesh_rounds(struct mesh *a, uint32_t *us, size_t n)
{
	int err = 0;
	for (size_t i = 0; !err && i < n + WARM_UP; i++) {
		struct timespec t0, t1;
		Envelope env = fixture_ping(i), in;
		const uint8_t *payload;
		size_t len;
		clock_gettime(CLOCK_MONOTONIC, &t0);
		err = mesh_send(a, OSLO1, &env, NULL, 0);
		/* Answers to late pings of the warm-up come first; they delay only the first
		 * rounds. */
		do {
			if (!err)
				err = fixture_recv(a, &in, &payload, &len);
		} while (!err && in.body.ping.token == WARM_UP_TOKEN);
		clock_gettime(CLOCK_MONOTONIC, &t1);
		if (!err && in.body.ping.token != i)
			err = EBADMSG;
		if (i >= WARM_UP)
			us[i - WARM_UP] = tenths_us(t0, t1);
	}
	return err;
}

/* Messages a second, there and back, with a window of WINDOW under way. */
static double mesh_throughput(struct mesh *a)
{
	size_t sent = 0, got = 0;
	uint64_t start = mono_us();
	while (got < THROUGHPUT) {
		while (sent < THROUGHPUT && sent - got < WINDOW) {
			Envelope env = fixture_ping(sent);
			if (mesh_send(a, OSLO1, &env, NULL, 0))
				return 0;
			sent++;
		}
		Envelope in;
		const uint8_t *payload;
		size_t len;
		if (fixture_recv(a, &in, &payload, &len))
			return 0;
		got++;
	}
	return (double)got * 1e6 / (double)(mono_us() - start);
}

/* floor 0: none was measured for this figure. */
static void print(const char *name, double value, const char *unit, double floor)
{
	char floor_text[32] = "null", ratio[32] = "null";
	if (floor > 0) {
		snprintf(floor_text, sizeof(floor_text), "%.1f", floor);
		snprintf(ratio, sizeof(ratio), "%.2f", value / floor);
	}
	printf("{\"name\":\"%s\",\"value\":%.1f,\"unit\":\"%s\",\"floor\":%s,\"ratio\":%s,"
	       "\"target\":null,\"met\":null}\n",
	       name, value, unit, floor_text, ratio);
}

/* Both directions up: the echo thread answers, so pings that come back show it. */
static int warm_up(struct mesh *a)
{
	for (uint64_t end = mono_us() + DEADLINE_MS * 1000ull; mono_us() < end;) {
		Envelope env = fixture_ping(WARM_UP_TOKEN), in;
		const uint8_t *payload;
		size_t len;
		mesh_send(a, OSLO1, &env, NULL, 0);
		struct pollfd p = {.fd = mesh_fd(a), .events = POLLIN};
		poll(&p, 1, 50);
		if (mesh_recv(a, &in, &payload, &len) == 0)
			return 0;
	}
	return ETIMEDOUT;
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 10000;
	if (rounds < 100 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: mesh_bench [ROUNDS 100..%d]\n", ROUNDS_MAX);
		return 2;
	}
	size_t n = (size_t)rounds;
	uint32_t *us = calloc(n, sizeof(*us));
	struct fixture *f = fixture_new(PORT);
	struct mesh *a = fixture_mesh(f, OSLO_B1, 1), *b = fixture_mesh(f, OSLO1, 1);
	double bare50, bare99, mesh50, mesh99, rate = 0;
	helio_assert(us);
	int err = bare_rounds(us, n);
	percentiles(us, n, &bare50, &bare99);
	zactor_t *echo = zactor_new(mesh_echo, b);
	if (!err)
		err = warm_up(a);
	if (!err)
		err = mesh_rounds(a, us, n);
	percentiles(us, n, &mesh50, &mesh99);
	if (!err)
		rate = mesh_throughput(a);
	if (err) {
		fprintf(stderr, "mesh_bench: %s\n", strerror(err));
	} else {
		print("mesh_rtt_p50_us", mesh50, "us", bare50);
		print("mesh_rtt_p99_us", mesh99, "us", bare99);
		print("mesh_round_trips_per_s", rate, "1/s", 0);
	}
	zactor_destroy(&echo);
	mesh_free(a);
	mesh_free(b);
	fixture_free(f);
	free(us);
	return err ? 1 : 0;
}
