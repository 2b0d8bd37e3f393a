/*
 * The messages of one answered call between two sites, in their order, each sent when the one it
 * follows has come: bare ZeroMQ with CURVE, a context (so an I/O thread) for each daemon, nothing
 * else. What is left is what any programme pays for so many messages in that form.
 */
#include "tests/bench/tools/floor.h"
#include "common/base/base.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <zmq.h>

enum { MESSAGE_LEN = 100, KEY_SIZE = 41, ENDPOINT_SIZE = 64, PATIENCE_S = 5, LOOK_MS = 100 };

enum who { CALL_NODE, CALL_BROKER, AGENT_BROKER, AGENT_NODE, GATEWAY, DAEMONS };

enum { AT_FIRST = -1 };

static const struct step {
	enum who from, to;
	int after; /* what has come before it is sent */
} steps[] = {
    [0] = {CALL_NODE, CALL_BROKER, AT_FIRST}, /* CALL_UP */
    [1] = {CALL_BROKER, AGENT_BROKER, 0},     /* ADVERT */
    [2] = {AGENT_BROKER, AGENT_NODE, 1},      /* RESERVE */
    [3] = {AGENT_NODE, AGENT_BROKER, 2},      /* AGENT_DOWN */
    [4] = {AGENT_NODE, CALL_BROKER, 2},       /* CLAIM */
    [5] = {CALL_BROKER, CALL_NODE, 4},        /* PICK */
    [6] = {CALL_NODE, CALL_BROKER, 5},        /* CALL_DOWN */
    [7] = {CALL_NODE, AGENT_NODE, 5},         /* GRANT */
    [8] = {CALL_NODE, CALL_BROKER, 5},        /* PICK_OK */
    [9] = {AGENT_NODE, CALL_NODE, 7},         /* RINGING */
    [10] = {AGENT_NODE, GATEWAY, 7},          /* to the page: state */
    [11] = {AGENT_NODE, GATEWAY, 7},          /* ring */
    [12] = {GATEWAY, AGENT_NODE, 11},         /* from the page: accept */
    [13] = {AGENT_NODE, CALL_NODE, 12},       /* COMMIT */
    [14] = {CALL_NODE, AGENT_NODE, 13},       /* BRIDGED */
    [15] = {AGENT_NODE, GATEWAY, 14},         /* state */
    [16] = {AGENT_NODE, GATEWAY, 14},         /* talk */
    [17] = {GATEWAY, AGENT_NODE, 16},         /* hangup */
    [18] = {AGENT_NODE, CALL_NODE, 17},       /* RELEASE */
    [19] = {AGENT_NODE, GATEWAY, 17},         /* end */
    [20] = {AGENT_NODE, AGENT_BROKER, 17},    /* AGENT_UP */
    [21] = {CALL_NODE, AGENT_NODE, 18},       /* RELEASED */
    [22] = {GATEWAY, AGENT_NODE, 19},         /* wrap */
    [23] = {AGENT_NODE, GATEWAY, 22},         /* state */
};

static struct daemon {
	enum who who;
	void *ctx, *in, *out[DAEMONS];
	char endpoint[ENDPOINT_SIZE], public_key[KEY_SIZE], secret_key[KEY_SIZE];
	pthread_t thread;
} daemons[DAEMONS];

static struct {
	atomic_uint came;
	sem_t all; /* posted by whoever takes the last message in */
	atomic_bool stop;
	unsigned calls, per_s, messages;
} run;

static void follow(const struct daemon *d, int after)
{
	uint8_t m[MESSAGE_LEN] = {0};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(steps); i++) {
		if (steps[i].from != d->who || steps[i].after != after)
			continue;
		m[0] = (uint8_t)i;
		helio_assert(zmq_send(d->out[steps[i].to], m, sizeof(m), 0) >= 0);
	}
}

static void drain(const struct daemon *d)
{
	uint8_t from[8], m[MESSAGE_LEN];
	while (zmq_recv(d->in, from, sizeof(from), ZMQ_DONTWAIT) >= 0) {
		helio_assert(zmq_recv(d->in, m, sizeof(m), 0) == (int)sizeof(m));
		follow(d, m[0]);
		if (atomic_fetch_add(&run.came, 1) + 1 == run.messages)
			sem_post(&run.all);
	}
}

/* The node of the calls begins one at a time, by the clock, and hears what comes meanwhile. */
static void *serve(void *arg)
{
	const struct daemon *d = arg;
	zmq_pollitem_t item = {.socket = d->in, .events = ZMQ_POLLIN};
	uint64_t start = mono_us();
	unsigned begun = d->who == CALL_NODE ? 0 : run.calls;
	while (!atomic_load(&run.stop)) {
		uint64_t now = mono_us(), due = start + begun * 1000000ull / run.per_s;
		if (begun < run.calls && now >= due) {
			follow(d, AT_FIRST);
			begun++;
			continue;
		}
		long wait = begun < run.calls ? (long)((due - now + 999) / 1000) : LOOK_MS;
		(void)zmq_poll(&item, 1, wait);
		drain(d);
	}
	return NULL;
}

static void listen_at(struct daemon *d)
{
	const int one = 1, none = 0;
	size_t size = sizeof(d->endpoint);
	d->ctx = zmq_ctx_new();
	d->in = zmq_socket(d->ctx, ZMQ_ROUTER);
	helio_assert(zmq_curve_keypair(d->public_key, d->secret_key) == 0);
	zmq_setsockopt(d->in, ZMQ_LINGER, &none, sizeof(none));
	zmq_setsockopt(d->in, ZMQ_CURVE_SERVER, &one, sizeof(one));
	zmq_setsockopt(d->in, ZMQ_CURVE_SECRETKEY, d->secret_key, KEY_SIZE);
	helio_assert(zmq_bind(d->in, "tcp://127.0.90.9:*") == 0);
	helio_assert(zmq_getsockopt(d->in, ZMQ_LAST_ENDPOINT, d->endpoint, &size) == 0);
}

static void connect_to(struct daemon *d, const struct daemon *to)
{
	const int none = 0;
	if (d->out[to->who])
		return;
	void *s = d->out[to->who] = zmq_socket(d->ctx, ZMQ_DEALER);
	zmq_setsockopt(s, ZMQ_LINGER, &none, sizeof(none));
	zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, to->public_key, KEY_SIZE);
	zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, d->public_key, KEY_SIZE);
	zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, d->secret_key, KEY_SIZE);
	helio_assert(zmq_connect(s, to->endpoint) == 0);
}

static void close_all(struct daemon *d)
{
	for (size_t i = 0; i < DAEMONS; i++)
		if (d->out[i])
			zmq_close(d->out[i]);
	zmq_close(d->in);
	zmq_ctx_term(d->ctx);
}

static double cpu_ms(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

/* Until all have come; false: some were lost. */
static bool wait_for_all(void)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += run.calls / run.per_s + PATIENCE_S;
	while (sem_clockwait(&run.all, CLOCK_MONOTONIC, &until))
		if (errno != EINTR)
			return false;
	return true;
}

/* Some calls, begun and answered; the connections are made by the first. */
static bool serve_all(int calls, int per_s)
{
	atomic_store(&run.came, 0);
	atomic_store(&run.stop, false);
	run.calls = (unsigned)calls;
	run.per_s = (unsigned)per_s;
	run.messages = run.calls * (unsigned)HELIO_ARRAY_LEN(steps);
	helio_assert(sem_init(&run.all, 0, 0) == 0);
	for (size_t i = 0; i < DAEMONS; i++)
		helio_assert(pthread_create(&daemons[i].thread, NULL, serve, &daemons[i]) == 0);
	bool ok = wait_for_all();
	atomic_store(&run.stop, true);
	for (size_t i = 0; i < DAEMONS; i++)
		pthread_join(daemons[i].thread, NULL);
	sem_destroy(&run.all);
	return ok;
}

int floor_call(int calls, int per_s)
{
	for (size_t i = 0; i < DAEMONS; i++) {
		daemons[i].who = (enum who)i;
		listen_at(&daemons[i]);
	}
	for (size_t i = 0; i < HELIO_ARRAY_LEN(steps); i++)
		connect_to(&daemons[steps[i].from], &daemons[steps[i].to]);
	bool ok = serve_all(1, per_s);
	double before = cpu_ms();
	ok = ok && serve_all(calls, per_s);
	double used = cpu_ms() - before;
	if (ok)
		printf("{\"calls\":%d,\"messages\":%zu,\"cpu_ms_per_call\":%.3f}\n", calls,
		       HELIO_ARRAY_LEN(steps), used / calls);
	for (size_t i = 0; i < DAEMONS; i++)
		close_all(&daemons[i]);
	return ok ? 0 : 1;
}
