/*
 * Audio with a real Chromium, both ways, measured at both ends, with PCMU and with Opus:
 *
 *   phone (440 Hz, ear 700) ── plain RTP ── node ── WebRTC ── Chromium (700 Hz, analyser: 440)
 *
 * The page fetches the offer, posts its answer and then, every 200 ms, what it hears, until this
 * program has heard the page as well.
 */
#include <sys/socket.h>

#include <re.h>

#include "tests/unit/media/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/base.h"

enum { HTTP_PORT = 45700, PAGE_MAX = 16384, PHONE_HZ = 440, PAGE_HZ = 700 };

struct session {
	struct engine node, phones;
	struct media_leg leg, in, phone;
	struct http_sock *http;
	char page[PAGE_MAX];
	char error[512];
	char last[128];
	int calls, heard_both, with_rtt;
	bool done;
};

static void start_call(struct session *s, enum media_codec codec, char offer[MEDIA_SDP_MAX])
{
	uint16_t port_in, port_phone;
	assert_int_equal(media_leg_webrtc(s->node.m, 0, codec, &s->leg, offer), 0);
	assert_int_equal(media_leg_plain(s->node.m, 1, &s->in, &port_in), 0);
	assert_int_equal(media_leg_plain(s->phones.m, 0, &s->phone, &port_phone), 0);
	struct media_remote r = {.ip4 = LOOPBACK,
				 .port = port_phone,
				 .codec = MEDIA_PCMU,
				 .pt = 0,
				 .dtmf_pt = 101,
				 .send = true,
				 .recv = true};
	media_leg_remote(s->node.m, s->in, &r);
	r.port = port_in;
	media_leg_remote(s->phones.m, s->phone, &r);
	media_bridge(s->node.m, s->leg, s->in);
	media_leg_tone(s->phones.m, s->phone, PHONE_HZ);
	media_leg_listen(s->phones.m, s->phone, PAGE_HZ);
	s->calls++;
}

static void stop_call(struct session *s)
{
	media_leg_close(s->node.m, s->leg);
	media_leg_close(s->node.m, s->in);
	media_leg_close(s->phones.m, s->phone);
}

/* "HZ DECIBEL ROUNDTRIP_US STATE" from the page. */
static bool heard_enough(struct session *s, const char *said)
{
	int hz = 0, db = 0, rtt_us = 0;
	struct media_stats st = {0};
	str_copy(s->last, sizeof(s->last), said);
	if (sscanf(said, "%d %d %d", &hz, &db, &rtt_us) != 3)
		return false;
	bool page_hears = hz > PHONE_HZ - 15 && hz < PHONE_HZ + 15 && db > -60;
	bool phone_hears = media_leg_heard_permille(s->phones.m, s->phone) > 800;
	media_leg_stats_get(s->node.m, s->leg, &st);
	/* both ends know the round trip: our reports and Chromium's are understood */
	if (!page_hears || !phone_hears || rtt_us < 0 || !st.rtt_us)
		return false;
	print_message("call %d: page hears %d Hz at %d dB, rtt %d us; phone hears %u permille, "
		      "node rtt %u us, jitter %u us\n",
		      s->calls, hz, db, rtt_us, media_leg_heard_permille(s->phones.m, s->phone),
		      st.rtt_us, st.jitter_us);
	s->heard_both++;
	return true;
}

static void body_of(const struct http_msg *msg, char *dst, size_t size)
{
	size_t n = msg->mb ? mbuf_get_left(msg->mb) : 0;
	n = n < size ? n : size - 1;
	if (n)
		memcpy(dst, mbuf_buf(msg->mb), n);
	dst[n] = '\0';
}

static void on_http(struct http_conn *conn, const struct http_msg *msg, void *arg)
{
	struct session *s = arg;
	char body[MEDIA_SDP_MAX], offer[MEDIA_SDP_MAX], why[96] = "";
	const char *reply = "";
	body_of(msg, body, sizeof(body));
	if (!pl_strcmp(&msg->path, "/")) {
		http_creply(conn, 200, "OK", "text/html; charset=utf-8", "%s", s->page);
		return;
	}
	if (!pl_strcmp(&msg->path, "/offer/pcmu")) {
		start_call(s, MEDIA_PCMU, offer);
		reply = offer;
	} else if (!pl_strcmp(&msg->path, "/offer/opus")) {
		start_call(s, MEDIA_OPUS, offer);
		reply = offer;
	} else if (!re_regex(msg->path.p, msg->path.l, "/answer/")) {
		if (media_leg_webrtc_answer(s->node.m, s->leg, body, why))
			snprintf(s->error, sizeof(s->error), "answer refused: %s", why);
	} else if (!re_regex(msg->path.p, msg->path.l, "/heard/")) {
		bool enough = heard_enough(s, body);
		if (enough)
			stop_call(s);
		reply = enough ? "enough" : "more";
	} else if (!pl_strcmp(&msg->path, "/error")) {
		str_copy(s->error, sizeof(s->error), body);
	} else if (!pl_strcmp(&msg->path, "/done")) {
		s->done = true;
	} else {
		http_creply(conn, 404, "Not Found", "text/plain", "none");
		return;
	}
	http_creply(conn, 200, "OK", "text/plain", "%s", reply);
}

static void load_page(struct session *s)
{
	FILE *f = fopen(CHROMIUM_PAGE, "r");
	assert_non_null(f);
	size_t n = fread(s->page, 1, sizeof(s->page) - 1, f);
	assert_true(n > 0 && n < sizeof(s->page) - 1);
	fclose(f);
}

static pid_t start_chromium(const char *profile, const char *url)
{
	char dir[160];
	snprintf(dir, sizeof(dir), "--user-data-dir=%s", profile);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid)
		return pid;
	setpgid(0, 0);
	int null = open("/dev/null", O_RDWR);
	dup2(null, 1);
	dup2(null, 2);
	closefrom(3);
	execlp("chromium", "chromium", "--headless=new", "--no-sandbox", "--disable-gpu",
	       "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
	       "--autoplay-policy=no-user-gesture-required", "--disable-background-networking",
	       "--disable-component-update", "--disable-sync", "--no-first-run", dir, url,
	       (char *)NULL);
	_exit(127);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	remove(path);
	return 0;
}

static bool is_over(void *arg)
{
	struct session *s = arg;
	return s->done || s->error[0];
}

static void chromium_and_a_phone_hear_each_other(void **state)
{
	static struct session s;
	char profile[] = "/tmp/helio-chromium-XXXXXX", url[64];
	struct sa sa;
	uint16_t port = HTTP_PORT;
	(void)state;
	load_page(&s);
	engine_start(&s.node, 45000, 45199, 2);
	engine_start(&s.phones, 45200, 45399, 1);
	do /* several of these may run side by side */
		sa_set_str(&sa, "127.0.0.1", port);
	while (http_listen(&s.http, &sa, on_http, &s) && ++port < HTTP_PORT + 50);
	assert_non_null(s.http);
	assert_non_null(mkdtemp(profile));
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
	pid_t pid = start_chromium(profile, url);
	bool over = run_until(is_over, &s, 80000);
	kill(-pid, SIGKILL);
	waitpid(pid, NULL, 0);
	s.http = mem_deref(s.http);
	nftw(profile, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	engine_stop(&s.phones);
	engine_stop(&s.node);
	if (s.error[0])
		fail_msg("%s", s.error);
	if (!over)
		fail_msg("no end after 80 s; calls %d, last heard: %s", s.calls, s.last);
	assert_int_equal(s.heard_both, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chromium_and_a_phone_hear_each_other),
	};
	return cmocka_run_group_tests(tests, harness_setup, harness_teardown);
}
