/*
 * A message that crosses as many ZeroMQ links as a call does between its INVITE and its ring, with
 * a thread at each end of a link that only hands it on: no CURVE, no matching, no SIP.
 *
 *   main ──tcp──► thread ──tcp──► thread … ──tcp──► main
 */
#include "tests/bench/tools/floor.h"
#include "common/base/base.h"

#include <czmq.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { HOPS_MAX = 64, MESSAGE_LEN = 120, WARM_UP = 20, PATIENCE_MS = 2000 };

struct link {
	zsock_t *in, *out;
};

static void hand_on(zsock_t *pipe, void *arg)
{
	struct link *l = arg;
	zpoller_t *poller = zpoller_new(pipe, l->in, NULL);
	zsock_signal(pipe, 0);
	while (zpoller_wait(poller, -1) == l->in) {
		zframe_t *f = zframe_recv(l->in);
		zframe_send(&f, l->out, 0);
	}
	zpoller_destroy(&poller);
}

static zsock_t *connected(zsock_t *in)
{
	zsock_t *out = zsock_new(ZMQ_DEALER);
	helio_assert(out && zsock_connect(out, "%s", zsock_endpoint(in)) == 0);
	return out;
}

static zsock_t *bound(void)
{
	zsock_t *in = zsock_new(ZMQ_DEALER);
	helio_assert(in && zsock_bind(in, "tcp://127.0.90.9:*") > 0);
	return in;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* Microseconds of each; the number that came through. */
static size_t rounds(zsock_t *first, zsock_t *last, uint64_t *us, size_t n, int per_s)
{
	uint8_t out[MESSAGE_LEN] = {0}, in[MESSAGE_LEN];
	void *to = zsock_resolve(first), *from = zsock_resolve(last);
	zsock_set_rcvtimeo(last, PATIENCE_MS);
	for (size_t i = 0; i < n + WARM_UP; i++) {
		uint64_t start = mono_us();
		if (zmq_send(to, out, sizeof(out), 0) < 0 || zmq_recv(from, in, sizeof(in), 0) < 0)
			return i > WARM_UP ? i - WARM_UP : 0;
		uint64_t took = mono_us() - start, gap = 1000000u / (unsigned)per_s;
		if (i >= WARM_UP)
			us[i - WARM_UP] = took;
		/* Paced, so that every thread sleeps before the next one, as daemons do. */
		if (took < gap)
			zclock_sleep((int)((gap - took) / 1000));
	}
	return n;
}

int floor_chain(int hops, int messages, int per_s)
{
	struct link link[HOPS_MAX];
	zactor_t *thread[HOPS_MAX];
	uint64_t *us = calloc((size_t)messages, sizeof(*us));
	helio_assert(us && hops <= HOPS_MAX);
	zsock_t *in = bound(), *first = connected(in);
	for (int i = 0; i + 1 < hops; i++) {
		zsock_t *next = bound();
		link[i] = (struct link){in, connected(next)};
		thread[i] = zactor_new(hand_on, &link[i]);
		in = next;
	}
	size_t n = rounds(first, in, us, (size_t)messages, per_s);
	qsort(us, n, sizeof(*us), by_value);
	if (n)
		printf("{\"n\":%zu,\"p50_us\":%" PRIu64 ",\"p99_us\":%" PRIu64 "}\n", n, us[n / 2],
		       us[(n - 1) * 99 / 100]);
	for (int i = 0; i + 1 < hops; i++) {
		zactor_destroy(&thread[i]);
		zsock_destroy(&link[i].in);
		zsock_destroy(&link[i].out);
	}
	zsock_destroy(&first);
	zsock_destroy(&in);
	free(us);
	return n ? 0 : 1;
}
