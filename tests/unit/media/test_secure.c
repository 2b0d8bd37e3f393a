/* Legs with SRTP: trunks between two nodes, WebRTC between our own two sides of it. */
#include "tests/unit/media/harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nodes/media/rtp.h"

static struct media_leg plain_leg(struct engine *e, uint16_t *ret_port)
{
	struct media_leg leg = {0};
	assert_int_equal(media_leg_plain(e->m, 0, &leg, ret_port), 0);
	return leg;
}

static void plain_remote(struct engine *e, struct media_leg leg, uint16_t port,
			 enum media_codec codec)
{
	struct media_remote r = {.ip4 = LOOPBACK,
				 .port = port,
				 .codec = codec,
				 .pt = codec == MEDIA_PCMA ? 8 : 0,
				 .dtmf_pt = PT_DTMF,
				 .send = true,
				 .recv = true};
	assert_int_equal(media_leg_remote(e->m, leg, &r), 0);
}

/* Two legs of two engines that face each other over plain RTP. */
static void plain_pair(struct engine *a, struct media_leg *leg_a, struct engine *b,
		       struct media_leg *leg_b, enum media_codec codec)
{
	uint16_t port_a, port_b;
	*leg_a = plain_leg(a, &port_a);
	*leg_b = plain_leg(b, &port_b);
	plain_remote(a, *leg_a, port_b, codec);
	plain_remote(b, *leg_b, port_a, codec);
}

static void trunk_pair(struct engine *a, struct media_leg *leg_a, struct engine *b,
		       struct media_leg *leg_b, enum media_codec codec)
{
	struct media_trunk end_a, end_b;
	assert_int_equal(media_leg_trunk(a->m, 0, codec, leg_a, &end_a), 0);
	assert_int_equal(media_leg_trunk(b->m, 0, codec, leg_b, &end_b), 0);
	assert_memory_not_equal(end_a.key, end_b.key, MEDIA_KEY_LEN);
	assert_int_equal(media_leg_trunk_remote(a->m, *leg_a, &end_b), 0);
	assert_int_equal(media_leg_trunk_remote(b->m, *leg_b, &end_a), 0);
	/* GRANT is retransmitted: the same again is fine, another key is not */
	assert_int_equal(media_leg_trunk_remote(b->m, *leg_b, &end_a), 0);
	end_a.key[0] ^= 1;
	assert_int_equal(media_leg_trunk_remote(b->m, *leg_b, &end_a), EEXIST);
}

static void webrtc_pair(struct engine *node, struct media_leg *leg, struct engine *agent,
			struct media_leg *dialled, enum media_codec codec)
{
	char offer[MEDIA_SDP_MAX], answer[MEDIA_SDP_MAX], why[96] = "";
	assert_int_equal(media_leg_webrtc(node->m, 0, codec, leg, offer), 0);
	assert_non_null(strstr(offer, "a=ice-lite\r\n"));
	assert_int_equal(media_leg_webrtc_dial(agent->m, 0, offer, dialled, answer, why), 0);
	int err = media_leg_webrtc_answer(node->m, *leg, answer, why);
	if (err)
		fail_msg("answer: %s", why);
	assert_int_equal(media_leg_webrtc_answer(node->m, *leg, answer, why), EINVAL);
	assert_non_null(wait_event(node, MEDIA_EV_CONNECTED, *leg, 0, 10000));
	assert_non_null(wait_event(agent, MEDIA_EV_CONNECTED, *dialled, 0, 10000));
}

/* Tones from both far ends arrive at each other, and no other frequency does. */
static void assert_two_way(struct engine *a, struct media_leg ear_a, struct engine *b,
			   struct media_leg ear_b)
{
	media_leg_listen(a->m, ear_a, 700);
	media_leg_listen(b->m, ear_b, 440);
	media_leg_tone(a->m, ear_a, 440);
	media_leg_tone(b->m, ear_b, 700);
	assert_true(wait_heard(a, ear_a, 850, 6000));
	assert_true(wait_heard(b, ear_b, 850, 6000));
	media_leg_listen(b->m, ear_b, 1000);
	assert_true(wait_unheard(b, ear_b, 50, 3000));
	run_for(700);
	assert_true(media_leg_heard_permille(b->m, ear_b) < 50);
}

static void tone_crosses_a_trunk_between_two_nodes(void **state)
{
	struct engine phones, oslo, manila;
	struct media_leg caller, in, out, trunk_in, trunk_out, agent;
	(void)state;
	engine_start(&phones, 44300, 44399, 1);
	engine_start(&oslo, 44400, 44499, 1);
	engine_start(&manila, 44500, 44599, 2);
	plain_pair(&phones, &caller, &oslo, &in, MEDIA_PCMA);
	trunk_pair(&oslo, &trunk_out, &manila, &trunk_in, MEDIA_PCMU);
	plain_pair(&manila, &out, &phones, &agent, MEDIA_PCMU);
	media_bridge(oslo.m, in, trunk_out);
	media_bridge(manila.m, trunk_in, out);
	assert_two_way(&phones, caller, &phones, agent);
	engine_stop(&phones);
	engine_stop(&oslo);
	engine_stop(&manila);
}

static void webrtc_carries(enum media_codec codec, uint32_t threads)
{
	struct engine node, agent;
	struct media_leg leg, dialled, in, caller;
	engine_start(&node, 44600, 44699, threads);
	engine_start(&agent, 44700, 44799, 1);
	webrtc_pair(&node, &leg, &agent, &dialled, codec);
	plain_pair(&node, &in, &agent, &caller, MEDIA_PCMU);
	media_bridge(node.m, in, leg);
	assert_two_way(&agent, caller, &agent, dialled);
	/* the agent hangs up: said at once, not after a silence */
	media_leg_close(agent.m, dialled);
	assert_non_null(wait_event(&node, MEDIA_EV_FAILED, leg, 0, 2000));
	engine_stop(&agent);
	engine_stop(&node);
}

static void tone_crosses_webrtc_with_pcmu(void **state)
{
	(void)state;
	webrtc_carries(MEDIA_PCMU, 1);
	webrtc_carries(MEDIA_PCMU, 3);
}

static void tone_crosses_webrtc_with_opus(void **state)
{
	(void)state;
	webrtc_carries(MEDIA_OPUS, 1);
}

static void tone_crosses_an_opus_trunk(void **state)
{
	struct engine phones, a, b;
	struct media_leg caller, in, out, trunk_in, trunk_out, agent;
	(void)state;
	engine_start(&phones, 44300, 44399, 1);
	engine_start(&a, 44400, 44499, 1);
	engine_start(&b, 44500, 44599, 1);
	plain_pair(&phones, &caller, &a, &in, MEDIA_PCMU);
	trunk_pair(&a, &trunk_out, &b, &trunk_in, MEDIA_OPUS);
	webrtc_pair(&b, &out, &phones, &agent, MEDIA_OPUS);
	media_bridge(a.m, in, trunk_out);
	media_bridge(b.m, trunk_in, out);
	assert_two_way(&phones, caller, &phones, agent);
	engine_stop(&phones);
	engine_stop(&a);
	engine_stop(&b);
}

static void a_sound_is_heard_over_opus(void **state)
{
	struct engine node, agent;
	struct media_leg leg, dialled;
	struct media_sound whisper = {0};
	char path[64], why[256] = "";
	(void)state;
	engine_start(&node, 44600, 44699, 1);
	engine_start(&agent, 44700, 44799, 1);
	webrtc_pair(&node, &leg, &agent, &dialled, MEDIA_OPUS);
	snprintf(path, sizeof(path), "/tmp/helio-media-%d-whisper.wav", (int)getpid());
	write_tone_file(path, 22050, 2, 1.5, 800);
	assert_int_equal(media_sound_load(node.m, &whisper, path, why), 0);
	unlink(path);
	media_leg_listen(agent.m, dialled, 800);
	media_leg_play(node.m, leg, whisper, (struct media_sound){0});
	assert_true(wait_heard(&agent, dialled, 850, 3000));
	assert_non_null(wait_event(&node, MEDIA_EV_PLAYED, leg, 0, 3000));
	engine_stop(&agent);
	engine_stop(&node);
}

/* phone (DTMF at 8 kHz) ── plain ── node ── Opus WebRTC (DTMF at 48 kHz) ── agent's node ── plain
 */
static void digits_cross_from_eight_to_forty_eight_kilohertz_and_back(void **state)
{
	struct engine node, agent;
	struct media_leg leg, dialled, in, out;
	struct rtp_packet p;
	uint16_t phone, desk, in_port, out_port;
	uint8_t buf[2048], ev[4] = {9, 0x8a, 0x03, 0x20};
	(void)state;
	engine_start(&node, 44600, 44699, 1);
	engine_start(&agent, 44700, 44799, 1);
	webrtc_pair(&node, &leg, &agent, &dialled, MEDIA_OPUS);
	int phone_fd = peer_socket(&phone), desk_fd = peer_socket(&desk);
	in = plain_leg(&node, &in_port);
	out = plain_leg(&agent, &out_port);
	plain_remote(&node, in, phone, MEDIA_PCMU);
	plain_remote(&agent, out, desk, MEDIA_PCMU);
	media_bridge(node.m, in, leg);
	media_bridge(agent.m, out, dialled);
	size_t n = 0;
	for (uint16_t i = 0; !n && i < 50; i++) { /* until both bridges stand */
		peer_send_rtp(phone_fd, in_port, PT_DTMF, !i, i, 160, 3, ev, sizeof(ev));
		n = peer_recv(desk_fd, buf, sizeof(buf), 40);
	}
	assert_int_equal(rtp_parse(&p, buf, n), 0);
	assert_int_equal(p.pt, PT_DTMF);
	assert_memory_equal(p.payload, ev, sizeof(ev)); /* 800 → 4800 → 800 */
	const struct media_event *e = wait_event(&agent, MEDIA_EV_DTMF, dialled, 0, 2000);
	assert_non_null(e);
	assert_int_equal(e->digit, '9');
	close(phone_fd);
	close(desk_fd);
	engine_stop(&agent);
	engine_stop(&node);
}

static void a_wrong_fingerprint_is_refused(void **state)
{
	struct engine node, agent;
	struct media_leg leg, dialled;
	char offer[MEDIA_SDP_MAX], answer[MEDIA_SDP_MAX], why[96] = "";
	(void)state;
	engine_start(&node, 44600, 44699, 1);
	engine_start(&agent, 44700, 44799, 1);
	assert_int_equal(media_leg_webrtc(node.m, 0, MEDIA_PCMU, &leg, offer), 0);
	assert_int_equal(media_leg_webrtc_dial(agent.m, 0, offer, &dialled, answer, why), 0);
	char *digit = strstr(answer, "a=fingerprint:sha-256 ") + 22;
	*digit = *digit == '0' ? '1' : '0';
	assert_int_equal(media_leg_webrtc_answer(node.m, leg, answer, why), 0);
	const struct media_event *ev = wait_event(&node, MEDIA_EV_FAILED, leg, 0, 10000);
	assert_non_null(ev);
	assert_non_null(strstr(ev->why, "fingerprint"));
	assert_int_equal(count_events(&node, MEDIA_EV_CONNECTED, leg), 0);
	engine_stop(&agent);
	engine_stop(&node);
}

/*
 * A hostile network: sits between the two ends of a trunk, which are told its address as the
 * other's, and passes on what the test wants.
 */
struct wanted_stats {
	struct engine *e;
	struct media_leg leg;
	uint64_t rx, bad;
};

static bool stats_reached(void *arg)
{
	struct wanted_stats *w = arg;
	struct media_stats s = {0};
	assert_int_equal(media_leg_stats_get(w->e->m, w->leg, &s), 0);
	return s.rx_packets >= w->rx && s.rx_bad >= w->bad;
}

static void replayed_and_tampered_srtp_is_dropped_and_counted(void **state)
{
	struct engine a, b;
	struct media_leg leg_a, leg_b;
	struct media_trunk end_a, end_b;
	struct media_stats s;
	uint16_t port;
	uint8_t buf[2048];
	(void)state;
	engine_start(&a, 44400, 44499, 1);
	engine_start(&b, 44500, 44599, 1);
	int fd = peer_socket(&port);
	assert_int_equal(media_leg_trunk(a.m, 0, MEDIA_PCMU, &leg_a, &end_a), 0);
	assert_int_equal(media_leg_trunk(b.m, 0, MEDIA_PCMU, &leg_b, &end_b), 0);
	uint16_t port_b = end_b.port;
	end_a.port = end_b.port = port;
	media_leg_trunk_remote(a.m, leg_a, &end_b);
	media_leg_trunk_remote(b.m, leg_b, &end_a);
	media_leg_tone(a.m, leg_a, 440);
	size_t n = peer_recv(fd, buf, sizeof(buf), 2000);
	assert_true(n > 170);
	peer_send(fd, port_b, buf, n);
	struct wanted_stats w = {.e = &b, .leg = leg_b, .rx = 1};
	assert_true(run_until(stats_reached, &w, 2000));
	peer_send(fd, port_b, buf, n); /* replayed */
	w.bad = 1;
	assert_true(run_until(stats_reached, &w, 2000));
	n = peer_recv(fd, buf, sizeof(buf), 2000);
	buf[20] ^= 1; /* tampered */
	peer_send(fd, port_b, buf, n);
	w.bad = 2;
	assert_true(run_until(stats_reached, &w, 2000));
	buf[20] ^= 1; /* and whole again: the forgery did not spoil it */
	peer_send(fd, port_b, buf, n);
	w.rx = 2;
	assert_true(run_until(stats_reached, &w, 2000));
	assert_int_equal(media_leg_stats_get(b.m, leg_b, &s), 0);
	assert_int_equal(s.rx_bad, 2);
	close(fd);
	engine_stop(&a);
	engine_stop(&b);
}

static void a_leg_of_webrtc_answers_nobody_without_the_password(void **state)
{
	static const uint8_t check[28] = {0,    1,    0, 8, 0x21, 0x12, 0xa4, 0x42, 1, 2,
					  3,    4,    5, 6, 7,    8,    9,    9,    9, 9,
					  0x80, 0x28, 0, 4, 0x1c, 0x54, 0x67, 0x5c};
	static const uint8_t hello[64] = {22, 254, 253};
	struct engine node;
	struct media_leg leg;
	char offer[MEDIA_SDP_MAX];
	uint16_t mine;
	uint8_t buf[2048];
	unsigned port = 0;
	(void)state;
	engine_start(&node, 44600, 44699, 1);
	int fd = peer_socket(&mine);
	assert_int_equal(media_leg_webrtc(node.m, 0, MEDIA_PCMU, &leg, offer), 0);
	assert_int_equal(sscanf(strstr(offer, "m=audio "), "m=audio %u", &port), 1);
	peer_send(fd, (uint16_t)port, check, sizeof(check));
	peer_send(fd, (uint16_t)port, hello, sizeof(hello));
	peer_send_rtp(fd, (uint16_t)port, 0, false, 1, 1, 1, hello, sizeof(hello));
	struct wanted_stats w = {.e = &node, .leg = leg, .bad = 3};
	assert_true(run_until(stats_reached, &w, 2000));
	assert_int_equal(peer_recv(fd, buf, sizeof(buf), 200), 0);
	close(fd);
	engine_stop(&node);
}

static void bad_answers_are_refused_with_a_reason(void **state)
{
	static const char *const spoil[][2] = {
	    {"a=ice-pwd:", "x"},    {"a=ice-ufrag:", "x"}, {"a=fingerprint:", "x"},
	    {"a=setup:", "x"},      {"a=rtcp-mux", "x"},   {"m=audio ", "m=video "},
	    {"UDP/TLS", "TCP/TLS"}, {"v=0", "v=1"},        {"SAVPF 0", "SAVPF 9"},
	};
	struct engine node, agent;
	struct media_leg leg, dialled;
	char offer[MEDIA_SDP_MAX], answer[MEDIA_SDP_MAX], bad[MEDIA_SDP_MAX], why[96];
	(void)state;
	engine_start(&node, 44600, 44699, 1);
	engine_start(&agent, 44700, 44799, 1);
	assert_int_equal(media_leg_webrtc(node.m, 0, MEDIA_PCMU, &leg, offer), 0);
	assert_int_equal(media_leg_webrtc_dial(agent.m, 0, offer, &dialled, answer, why), 0);
	for (size_t i = 0; i < sizeof(spoil) / sizeof(spoil[0]); i++) {
		memcpy(bad, answer, sizeof(bad));
		char *at = strstr(bad, spoil[i][0]);
		assert_non_null(at);
		memcpy(at, spoil[i][1], strlen(spoil[i][1]));
		why[0] = '\0';
		assert_int_equal(media_leg_webrtc_answer(node.m, leg, bad, why), EINVAL);
		assert_true(strlen(why) > 5);
	}
	assert_int_equal(media_leg_webrtc_answer(node.m, leg, offer, why), EINVAL);
	assert_int_equal(media_leg_webrtc_answer(node.m, leg, answer, why), 0);
	assert_non_null(wait_event(&node, MEDIA_EV_CONNECTED, leg, 0, 10000));
	engine_stop(&agent);
	engine_stop(&node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tone_crosses_a_trunk_between_two_nodes),
	    cmocka_unit_test(tone_crosses_webrtc_with_pcmu),
	    cmocka_unit_test(tone_crosses_webrtc_with_opus),
	    cmocka_unit_test(tone_crosses_an_opus_trunk),
	    cmocka_unit_test(a_sound_is_heard_over_opus),
	    cmocka_unit_test(digits_cross_from_eight_to_forty_eight_kilohertz_and_back),
	    cmocka_unit_test(a_wrong_fingerprint_is_refused),
	    cmocka_unit_test(replayed_and_tampered_srtp_is_dropped_and_counted),
	    cmocka_unit_test(a_leg_of_webrtc_answers_nobody_without_the_password),
	    cmocka_unit_test(bad_answers_are_refused_with_a_reason),
	};
	return cmocka_run_group_tests(tests, harness_setup, harness_teardown);
}
