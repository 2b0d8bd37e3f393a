/*
 * A browser whose address changes, and somebody who has recorded one of its checks. Between agent
 * and node stands a forwarder: what the agent sends goes on from one of its two sockets.
 *
 *   agent <──> front | back[0] <──> node
 *                    | back[1] <──>
 */
#include "tests/unit/media/harness.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FRONT_PORT = 44899, PACKET = 2048 };

struct forwarder {
	pthread_t id;
	int front, back[2];
	struct sockaddr_in agent, node;
	_Atomic int use; /* of back */
	_Atomic bool stop;
	_Atomic unsigned audio[2], checks; /* from the node at back[i]; checks recorded */
	uint8_t check[PACKET];             /* the last one; read once checks > 0 and use is idle */
	size_t check_len;
	pthread_mutex_t lock;
};

static struct sockaddr_in at(uint16_t port)
{
	return (struct sockaddr_in){
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(LOOPBACK)};
}

static int bound(uint16_t port)
{
	struct sockaddr_in sa = at(port);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0);
	return fd;
}

static void send_to(int fd, const void *buf, size_t len, const struct sockaddr_in *to)
{
	(void)sendto(fd, buf, len, MSG_DONTWAIT, (const struct sockaddr *)to, sizeof(*to));
}

static void from_agent(struct forwarder *f)
{
	uint8_t buf[PACKET];
	socklen_t size = sizeof(f->agent);
	ssize_t n = recvfrom(f->front, buf, sizeof(buf), 0, (struct sockaddr *)&f->agent, &size);
	if (n <= 0)
		return;
	if (n > 20 && buf[0] == 0 && buf[1] == 1) {
		pthread_mutex_lock(&f->lock);
		memcpy(f->check, buf, (size_t)n);
		f->check_len = (size_t)n;
		pthread_mutex_unlock(&f->lock);
		f->checks++;
	}
	send_to(f->back[f->use], buf, (size_t)n, &f->node);
}

static void from_node(struct forwarder *f, int i)
{
	uint8_t buf[PACKET];
	ssize_t n = recv(f->back[i], buf, sizeof(buf), 0);
	if (n <= 0)
		return;
	if (buf[0] >= 128)
		f->audio[i]++;
	if (i == f->use)
		send_to(f->front, buf, (size_t)n, &f->agent);
}

static void *forward(void *arg)
{
	struct forwarder *f = arg;
	struct pollfd p[3] = {{.fd = f->front, .events = POLLIN},
			      {.fd = f->back[0], .events = POLLIN},
			      {.fd = f->back[1], .events = POLLIN}};
	while (!f->stop) {
		if (poll(p, 3, 20) <= 0)
			continue;
		if (p[0].revents)
			from_agent(f);
		for (int i = 0; i < 2; i++)
			if (p[1 + i].revents)
				from_node(f, i);
	}
	return NULL;
}

struct scene {
	struct engine node, agent;
	struct media_leg leg, dialled;
	struct forwarder f;
};

/* The port of the node's candidate in its offer becomes the forwarder's. */
static void redirect(char *offer, uint16_t *ret_port)
{
	char *m = strstr(offer, "m=audio "), was[8], now[8];
	unsigned port = 0;
	assert_non_null(m);
	assert_int_equal(sscanf(m, "m=audio %u", &port), 1);
	assert_true(port >= 10000);
	*ret_port = (uint16_t)port;
	snprintf(was, sizeof(was), "%u", port);
	snprintf(now, sizeof(now), "%u", (unsigned)FRONT_PORT);
	for (char *c = strstr(offer, was); c; c = strstr(c + 1, was))
		memcpy(c, now, 5);
}

static void scene_open(struct scene *s)
{
	char offer[MEDIA_SDP_MAX], answer[MEDIA_SDP_MAX], why[96] = "";
	uint16_t port;
	memset(s, 0, sizeof(*s));
	engine_start(&s->node, 44900, 44949, 1);
	engine_start(&s->agent, 44950, 44989, 1);
	assert_int_equal(media_leg_webrtc(s->node.m, 0, MEDIA_PCMU, &s->leg, offer), 0);
	redirect(offer, &port);
	s->f.front = bound(FRONT_PORT);
	s->f.back[0] = bound(0);
	s->f.back[1] = bound(0);
	s->f.node = at(port);
	pthread_mutex_init(&s->f.lock, NULL);
	assert_int_equal(pthread_create(&s->f.id, NULL, forward, &s->f), 0);
	assert_int_equal(media_leg_webrtc_dial(s->agent.m, 0, offer, &s->dialled, answer, why), 0);
	assert_int_equal(media_leg_webrtc_answer(s->node.m, s->leg, answer, why), 0);
	assert_non_null(wait_event(&s->node, MEDIA_EV_CONNECTED, s->leg, 0, 10000));
	assert_non_null(wait_event(&s->agent, MEDIA_EV_CONNECTED, s->dialled, 0, 10000));
	media_leg_tone(s->agent.m, s->dialled, 700);
	media_leg_tone(s->node.m, s->leg, 440);
	media_leg_listen(s->agent.m, s->dialled, 440);
	assert_true(wait_heard(&s->agent, s->dialled, 850, 6000));
}

static void scene_close(struct scene *s)
{
	s->f.stop = true;
	pthread_join(s->f.id, NULL);
	engine_stop(&s->agent);
	engine_stop(&s->node);
	close(s->f.front);
	close(s->f.back[0]);
	close(s->f.back[1]);
	pthread_mutex_destroy(&s->f.lock);
}

struct wanted {
	_Atomic unsigned *counter;
	unsigned n;
};

static bool reached(void *arg)
{
	const struct wanted *w = arg;
	return *w->counter >= w->n;
}

static void a_recorded_check_from_elsewhere_does_not_move_the_call(void **state)
{
	static struct scene s;
	uint8_t check[PACKET], answer[PACKET];
	(void)state;
	scene_open(&s);
	struct wanted w = {&s.f.checks, 1};
	assert_true(run_until(reached, &w, 6000));
	pthread_mutex_lock(&s.f.lock);
	size_t len = s.f.check_len;
	memcpy(check, s.f.check, len);
	pthread_mutex_unlock(&s.f.lock);
	int thief = bound(0);
	send_to(thief, check, len, &s.f.node);
	/* It was taken for a check: there is an answer. */
	assert_true(peer_recv(thief, answer, sizeof(answer), 2000) > 20);
	assert_int_equal(answer[0], 1);
	w = (struct wanted){&s.f.audio[0], s.f.audio[0] + 50};
	assert_true(run_until(reached, &w, 4000));
	assert_int_equal(recv(thief, answer, sizeof(answer), MSG_DONTWAIT), -1);
	close(thief);
	scene_close(&s);
}

static void a_browser_with_a_new_address_is_followed(void **state)
{
	static struct scene s;
	(void)state;
	scene_open(&s);
	s.f.use = 1;
	struct wanted w = {&s.f.audio[1], 50};
	assert_true(run_until(reached, &w, 10000));
	assert_true(wait_heard(&s.agent, s.dialled, 850, 6000));
	/* and back again */
	s.f.use = 0;
	w = (struct wanted){&s.f.audio[0], s.f.audio[0] + 50};
	assert_true(run_until(reached, &w, 10000));
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_recorded_check_from_elsewhere_does_not_move_the_call),
	    cmocka_unit_test(a_browser_with_a_new_address_is_followed),
	};
	return cmocka_run_group_tests(tests, harness_setup, harness_teardown);
}
