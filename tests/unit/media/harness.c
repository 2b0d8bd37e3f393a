#include <sys/socket.h>

#include <re.h>

#include "tests/unit/media/harness.h"

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/base.h"
#include "nodes/media/rtp.h"

int harness_setup(void **state)
{
	(void)state;
	fd_setsize(16384);
	return libre_init();
}

int harness_teardown(void **state)
{
	(void)state;
	libre_close();
	return 0;
}

static void on_event(const struct media_event *ev, void *arg)
{
	struct engine *e = arg;
	if (e->len < EVENTS_KEPT)
		e->events[e->len++] = *ev;
}

struct media_conf engine_conf(uint16_t port_min, uint16_t port_max, uint32_t threads)
{
	return (struct media_conf){
	    .bind = "127.0.0.1",
	    .advertise = "127.0.0.1",
	    .port_min = port_min,
	    .port_max = port_max,
	    .threads = threads,
	    .legs_max = 64,
	    .silent_ms = 7000,
	    .opus_complexity = 1,
	};
}

void engine_start_conf(struct engine *e, const struct media_conf *conf)
{
	char why[256] = "";
	memset(e, 0, sizeof(*e));
	int err = media_start(&e->m, conf, on_event, e, why);
	if (err)
		fail_msg("media_start: %s", why);
}

void engine_start(struct engine *e, uint16_t port_min, uint16_t port_max, uint32_t threads)
{
	struct media_conf conf = engine_conf(port_min, port_max, threads);
	engine_start_conf(e, &conf);
}

void engine_stop(struct engine *e)
{
	e->m = media_stop(e->m);
}

struct wait {
	struct tmr tmr;
	condition *done;
	void *arg;
	uint64_t deadline_us;
	bool result;
};

static void on_poll(void *arg)
{
	struct wait *w = arg;
	w->result = w->done && w->done(w->arg);
	if (w->result || mono_us() >= w->deadline_us)
		re_cancel();
	else
		tmr_start(&w->tmr, 10, on_poll, w);
}

bool run_until(condition *done, void *arg, uint32_t deadline_ms)
{
	struct wait w = {.done = done, .arg = arg};
	w.deadline_us = mono_us() + deadline_ms * 1000ull;
	tmr_init(&w.tmr);
	tmr_start(&w.tmr, 0, on_poll, &w);
	re_main(NULL);
	tmr_cancel(&w.tmr);
	return w.result;
}

void run_for(uint32_t ms)
{
	run_until(NULL, NULL, ms);
}

struct wanted_event {
	struct engine *e;
	enum media_event_type type;
	struct media_leg leg;
	uint32_t nth;
	const struct media_event *found;
};

static bool find_event(void *arg)
{
	struct wanted_event *w = arg;
	uint32_t seen = 0;
	for (uint32_t i = 0; i < w->e->len; i++) {
		const struct media_event *ev = &w->e->events[i];
		if (ev->type == w->type && (!w->leg.v || ev->leg.v == w->leg.v) &&
		    seen++ == w->nth) {
			w->found = ev;
			return true;
		}
	}
	return false;
}

const struct media_event *wait_event(struct engine *e, enum media_event_type type,
				     struct media_leg leg, uint32_t nth, uint32_t deadline_ms)
{
	struct wanted_event w = {.e = e, .type = type, .leg = leg, .nth = nth};
	run_until(find_event, &w, deadline_ms);
	return w.found;
}

uint32_t count_events(const struct engine *e, enum media_event_type type, struct media_leg leg)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < e->len; i++)
		n += e->events[i].type == type && (!leg.v || e->events[i].leg.v == leg.v);
	return n;
}

struct wanted_ear {
	struct engine *e;
	struct media_leg leg;
	uint32_t permille;
};

static bool is_heard(void *arg)
{
	struct wanted_ear *w = arg;
	return media_leg_heard_permille(w->e->m, w->leg) >= w->permille;
}

static bool is_unheard(void *arg)
{
	return !is_heard(arg);
}

bool wait_heard(struct engine *e, struct media_leg leg, uint32_t permille, uint32_t deadline_ms)
{
	struct wanted_ear w = {.e = e, .leg = leg, .permille = permille};
	return run_until(is_heard, &w, deadline_ms);
}

bool wait_unheard(struct engine *e, struct media_leg leg, uint32_t permille, uint32_t deadline_ms)
{
	struct wanted_ear w = {.e = e, .leg = leg, .permille = permille};
	return run_until(is_unheard, &w, deadline_ms);
}

int peer_socket(uint16_t *ret_port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(LOOPBACK)};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	/* from our own range, so that tests beside this one cannot meet it */
	for (uint16_t port = 45800; port < 45999; port++) {
		sa.sin_port = htons(port);
		if (!bind(fd, (struct sockaddr *)&sa, len)) {
			*ret_port = port;
			return fd;
		}
	}
	fail_msg("no free port for the far end");
	return -1;
}

void peer_send(int fd, uint16_t to_port, const void *buf, size_t len)
{
	struct sockaddr_in sa = {
	    .sin_family = AF_INET, .sin_port = htons(to_port), .sin_addr.s_addr = htonl(LOOPBACK)};
	assert_int_equal(sendto(fd, buf, len, 0, (struct sockaddr *)&sa, sizeof(sa)), len);
}

void peer_send_rtp(int fd, uint16_t to_port, uint8_t pt, bool marker, uint16_t seq, uint32_t ts,
		   uint32_t ssrc, const void *payload, size_t len)
{
	uint8_t buf[1500];
	assert_true(len <= sizeof(buf) - RTP_HEADER_LEN);
	rtp_write_header(buf, marker, pt, seq, ts, ssrc);
	memcpy(buf + RTP_HEADER_LEN, payload, len);
	peer_send(fd, to_port, buf, RTP_HEADER_LEN + len);
}

struct wanted_datagram {
	int fd;
	void *buf;
	size_t size, len;
};

static bool have_datagram(void *arg)
{
	struct wanted_datagram *w = arg;
	ssize_t n = recv(w->fd, w->buf, w->size, MSG_DONTWAIT);
	w->len = n > 0 ? (size_t)n : 0;
	return n > 0;
}

size_t peer_recv(int fd, void *buf, size_t size, uint32_t deadline_ms)
{
	struct wanted_datagram w = {.fd = fd, .buf = buf, .size = size};
	if (!have_datagram(&w))
		run_until(have_datagram, &w, deadline_ms);
	return w.len;
}

void write_tone_file(const char *path, int rate, int channels, double seconds, double hz)
{
	SF_INFO info = {
	    .samplerate = rate, .channels = channels, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16};
	SNDFILE *f = sf_open(path, SFM_WRITE, &info);
	assert_non_null(f);
	int n = (int)(seconds * rate);
	short *frame = calloc((size_t)channels, sizeof(*frame));
	assert_non_null(frame);
	for (int i = 0; i < n; i++) {
		for (int c = 0; c < channels; c++)
			frame[c] = (short)(12000 * sin(2 * 3.14159265358979 * hz * i / rate));
		assert_int_equal(sf_writef_short(f, frame, 1), 1);
	}
	free(frame);
	sf_close(f);
}

struct media_leg make_leg(struct engine *e, uint32_t group, uint16_t *ret_port)
{
	struct media_leg leg = {0};
	assert_int_equal(media_leg_plain(e->m, group, &leg, ret_port), 0);
	assert_int_equal(*ret_port % 2, 0);
	return leg;
}

void set_remote(struct engine *e, struct media_leg leg, uint16_t port, enum media_codec codec)
{
	struct media_remote r = {
	    .ip4 = LOOPBACK,
	    .port = port,
	    .codec = codec,
	    .pt = codec == MEDIA_PCMA ? PT_PCMA : PT_PCMU,
	    .dtmf_pt = PT_DTMF,
	    .send = true,
	    .recv = true,
	};
	assert_int_equal(media_leg_remote(e->m, leg, &r), 0);
}

void load_tone(struct engine *e, struct media_sound *ret, const char *name, int rate, int channels,
	       double seconds, double hz)
{
	char path[128], why[256] = "";
	snprintf(path, sizeof(path), "/tmp/helio-media-%d-%s.wav", (int)getpid(), name);
	write_tone_file(path, rate, channels, seconds, hz);
	int err = media_sound_load(e->m, ret, path, why);
	struct media_sound again = {0};
	if (!err)
		assert_int_equal(media_sound_load(e->m, &again, path, why), 0);
	unlink(path);
	if (err)
		fail_msg("media_sound_load: %s", why);
	assert_int_equal(again.v, ret->v); /* decoded once */
}
