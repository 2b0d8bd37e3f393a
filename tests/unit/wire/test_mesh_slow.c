/* A line between two daemons that is slow or stands still for some seconds: a relay in the middle.
 */
#include "tests/unit/wire/mesh_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

enum {
	PORT = 41060,
	RELAY_PORT = 41070,
	CHUNK = 8192,
	CHUNKS_MAX = 4096,
	LINKS_MAX = 16,
};

/* What one side said, and when the other may have it. */
struct chunk {
	uint64_t due_us;
	int to;
	size_t n;
	uint8_t buf[CHUNK];
};

struct relay {
	pthread_t thread;
	int listener;
	int end[LINKS_MAX][2]; /* −1: closed */
	uint32_t links;
	atomic_uint delay_ms; /* each way */
	atomic_bool still;    /* nothing moves, nothing is lost */
	atomic_bool stop;
	struct chunk *chunk[CHUNKS_MAX];
	uint32_t first, last;
};

static void link_close(struct relay *r, uint32_t i)
{
	for (int side = 0; side < 2; side++) {
		if (r->end[i][side] >= 0)
			close(r->end[i][side]);
		r->end[i][side] = -1;
	}
}

static void link_take(struct relay *r)
{
	int in = accept(r->listener, NULL, NULL), out = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(PORT + 3), /* manila1: the fixture's fourth */
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (r->links == LINKS_MAX || connect(out, (struct sockaddr *)&to, sizeof(to))) {
		close(in);
		close(out);
		return;
	}
	r->end[r->links][0] = in;
	r->end[r->links++][1] = out;
}

static void take(struct relay *r, uint32_t i, int side)
{
	struct chunk *c = malloc(sizeof(*c));
	helio_assert(c && r->last - r->first < CHUNKS_MAX);
	ssize_t n = read(r->end[i][side], c->buf, CHUNK);
	if (n <= 0) {
		free(c);
		link_close(r, i);
		return;
	}
	c->n = (size_t)n;
	c->to = (int)i * 2 + !side;
	c->due_us = mono_us() + atomic_load(&r->delay_ms) * 1000ull;
	r->chunk[r->last++ % CHUNKS_MAX] = c;
}

static void give(struct relay *r)
{
	while (r->first < r->last && r->chunk[r->first % CHUNKS_MAX]->due_us <= mono_us()) {
		struct chunk *c = r->chunk[r->first++ % CHUNKS_MAX];
		int fd = r->end[c->to / 2][c->to % 2];
		if (fd >= 0 && send(fd, c->buf, c->n, MSG_NOSIGNAL) != (ssize_t)c->n)
			link_close(r, (uint32_t)c->to / 2);
		free(c);
	}
}

static void *relay_run(void *arg)
{
	struct relay *r = arg;
	while (!atomic_load(&r->stop)) {
		struct pollfd p[1 + 2 * LINKS_MAX] = {{.fd = r->listener, .events = POLLIN}};
		for (uint32_t i = 0; i < r->links; i++)
			for (uint32_t side = 0; side < 2; side++)
				p[1 + 2 * i + side] =
				    (struct pollfd){.fd = r->end[i][side], .events = POLLIN};
		const uint32_t links = r->links;
		poll(p, atomic_load(&r->still) ? 0 : 1 + 2 * links, 5);
		if (atomic_load(&r->still))
			continue;
		give(r);
		for (uint32_t i = 0; i < 2 * links; i++)
			if (p[1 + i].revents && r->end[i / 2][i % 2] >= 0)
				take(r, i / 2, (int)(i % 2));
		if (p[0].revents)
			link_take(r);
	}
	return NULL;
}

static void relay_start(struct relay *r, uint32_t delay_ms)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(RELAY_PORT),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int on = 1;
	memset(r, 0, sizeof(*r));
	atomic_store(&r->delay_ms, delay_ms);
	r->listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(r->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(r->listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(r->listener, 8), 0);
	assert_int_equal(pthread_create(&r->thread, NULL, relay_run, r), 0);
}

static void relay_stop(struct relay *r)
{
	atomic_store(&r->stop, true);
	pthread_join(r->thread, NULL);
	for (uint32_t i = 0; i < r->links; i++)
		link_close(r, i);
	close(r->listener);
	while (r->first < r->last)
		free(r->chunk[r->first++ % CHUNKS_MAX]);
}

struct line {
	struct fixture *f;
	struct relay relay;
	struct mesh *here, *there;
};

/* oslo1 reaches manila1 over the relay only. */
static void line_start(struct line *l, uint32_t delay_ms)
{
	l->f = fixture_new(PORT);
	l->there = fixture_mesh(l->f, MANILA1, 1);
	for (uint32_t i = 0; i < l->f->conf->daemons_n; i++)
		if (l->f->conf->daemons[i].addr == MANILA1)
			l->f->conf->daemons[i].mesh.port = RELAY_PORT;
	relay_start(&l->relay, delay_ms);
	l->here = fixture_mesh(l->f, OSLO1, 1);
}

static void line_stop(struct line *l)
{
	mesh_free(l->here);
	mesh_free(l->there);
	relay_stop(&l->relay);
	fixture_free(l->f);
}

/* Half a second each way: the handshake takes longer than three seconds. */
static void a_slow_line_comes_up(void **state)
{
	(void)state;
	static struct line l;
	line_start(&l, 500);
	assert_int_equal(fixture_link_up(l.here, l.there, MANILA1), 0);
	line_stop(&l);
}

/* TCP repeats what was lost for a second or two: the link is the same, and nothing of it is gone.
 */
static void a_line_that_stands_still_loses_nothing(void **state)
{
	(void)state;
	static struct line l;
	enum { STILL_MS = 2800, FIRST = 1000000 };
	const uint8_t *payload;
	size_t len;
	uint64_t sent = FIRST, got = FIRST;
	line_start(&l, 20);
	assert_int_equal(fixture_link_up(l.here, l.there, MANILA1), 0);
	atomic_store(&l.relay.still, true);
	for (uint64_t end = mono_us() + STILL_MS * 1000ull; mono_us() < end; poll(NULL, 0, 100)) {
		Envelope env = fixture_ping(++sent);
		assert_int_equal(mesh_send(l.here, MANILA1, &env, NULL, 0), 0);
	}
	atomic_store(&l.relay.still, false);
	while (got < sent) {
		Envelope in;
		assert_int_equal(fixture_recv(l.there, &in, &payload, &len), 0);
		if (in.body.ping.token > FIRST)
			assert_int_equal(in.body.ping.token, ++got);
	}
	line_stop(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_slow_line_comes_up),
	    cmocka_unit_test(a_line_that_stands_still_loses_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
