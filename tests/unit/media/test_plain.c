/* Plain RTP legs: relay, greeting and music, DTMF, silence, ports. */
#include "tests/unit/media/harness.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "nodes/media/rtp.h"

/* phone A ── leg a ═ bridge ═ leg b ── phone B; phones are legs of a second engine */
struct call {
	struct engine node, phones;
	struct media_leg a, b, phone_a, phone_b;
};

static void call_start(struct call *c, enum media_codec codec_a, enum media_codec codec_b,
		       uint32_t threads)
{
	uint16_t pa, pb, fa, fb;
	engine_start(&c->node, 44000, 44099, threads);
	engine_start(&c->phones, 44100, 44199, 1);
	c->a = make_leg(&c->node, 0, &pa);
	c->b = make_leg(&c->node, 1, &pb);
	c->phone_a = make_leg(&c->phones, 0, &fa);
	c->phone_b = make_leg(&c->phones, 0, &fb);
	set_remote(&c->node, c->a, fa, codec_a);
	set_remote(&c->node, c->b, fb, codec_b);
	set_remote(&c->phones, c->phone_a, pa, codec_a);
	set_remote(&c->phones, c->phone_b, pb, codec_b);
	assert_int_equal(media_leg_listen(c->phones.m, c->phone_a, 700), 0);
	assert_int_equal(media_leg_listen(c->phones.m, c->phone_b, 440), 0);
	assert_int_equal(media_leg_tone(c->phones.m, c->phone_a, 440), 0);
	assert_int_equal(media_leg_tone(c->phones.m, c->phone_b, 700), 0);
}

static void call_stop(struct call *c)
{
	engine_stop(&c->phones);
	engine_stop(&c->node);
}

static void relays_both_ways(enum media_codec codec_a, enum media_codec codec_b, uint32_t threads)
{
	struct call c;
	call_start(&c, codec_a, codec_b, threads);
	assert_int_equal(media_bridge(c.node.m, c.a, c.b), 0);
	assert_true(wait_heard(&c.phones, c.phone_a, 900, 4000));
	assert_true(wait_heard(&c.phones, c.phone_b, 900, 4000));
	/* and a wrong frequency is not heard */
	assert_int_equal(media_leg_listen(c.phones.m, c.phone_b, 700), 0);
	assert_true(wait_unheard(&c.phones, c.phone_b, 50, 2000));
	run_for(700);
	assert_true(media_leg_heard_permille(c.phones.m, c.phone_b) < 50);
	call_stop(&c);
}

static void tone_crosses_a_bridge_of_plain_legs(void **state)
{
	(void)state;
	relays_both_ways(MEDIA_PCMU, MEDIA_PCMU, 1);
}

static void tone_crosses_between_mu_law_and_a_law(void **state)
{
	(void)state;
	relays_both_ways(MEDIA_PCMU, MEDIA_PCMA, 1);
}

static void a_bridge_moves_a_leg_to_the_other_thread(void **state)
{
	(void)state;
	relays_both_ways(MEDIA_PCMU, MEDIA_PCMU, 2);
}

static void unbridge_and_mute_are_heard(void **state)
{
	struct call c;
	(void)state;
	call_start(&c, MEDIA_PCMU, MEDIA_PCMU, 1);
	media_bridge(c.node.m, c.a, c.b);
	assert_true(wait_heard(&c.phones, c.phone_b, 900, 4000));
	media_leg_mute(c.node.m, c.a, true);
	assert_true(wait_unheard(&c.phones, c.phone_b, 1, 2000));
	assert_true(media_leg_heard_permille(c.phones.m, c.phone_a) >= 900);
	media_leg_mute(c.node.m, c.a, false);
	assert_true(wait_heard(&c.phones, c.phone_b, 900, 2000));
	media_unbridge(c.node.m, c.b);
	assert_true(wait_unheard(&c.phones, c.phone_a, 1, 2000));
	assert_true(wait_unheard(&c.phones, c.phone_b, 1, 2000));
	call_stop(&c);
}

static void legs_that_change_threads_over_and_over_lose_nothing(void **state)
{
	enum { ROUNDS = 200 };
	struct call c, d;
	uint16_t pa, pb;
	(void)state;
	call_start(&c, MEDIA_PCMU, MEDIA_PCMU, 4);
	memset(&d, 0, sizeof(d));
	d.a = make_leg(&c.node, 2, &pa);
	d.b = make_leg(&c.node, 3, &pb);
	for (int i = 0; i < ROUNDS; i++) {
		/* each bridge moves its second leg; all four threads take part, both ways */
		media_bridge(c.node.m, d.a, c.b);
		media_bridge(c.node.m, c.a, d.b);
		media_leg_mute(c.node.m, c.b, i % 2);
		media_bridge(c.node.m, d.b, d.a);
		media_bridge(c.node.m, c.b, c.a);
		media_bridge(c.node.m, c.a, c.b);
		media_unbridge(c.node.m, c.b);
		media_bridge(c.node.m, d.b, c.a);
	}
	media_leg_mute(c.node.m, c.b, false);
	media_bridge(c.node.m, c.a, c.b);
	assert_true(wait_heard(&c.phones, c.phone_a, 900, 4000));
	assert_true(wait_heard(&c.phones, c.phone_b, 900, 4000));
	media_leg_close(c.node.m, c.a);
	media_leg_close(c.node.m, d.b);
	const struct media_event *ev = wait_event(&c.node, MEDIA_EV_CLOSED, c.a, 0, 2000);
	assert_non_null(ev);
	assert_true(ev->stats.rx_packets > 20 && ev->stats.tx_packets > 20);
	assert_non_null(wait_event(&c.node, MEDIA_EV_CLOSED, d.b, 0, 2000));
	assert_true(wait_unheard(&c.phones, c.phone_b, 1, 2000));
	call_stop(&c);
}

static void a_leg_that_comes_straight_back_keeps_its_last_bridge(void **state)
{
	struct call c;
	uint16_t port;
	(void)state;
	call_start(&c, MEDIA_PCMU, MEDIA_PCMU, 2);
	struct media_leg elsewhere = make_leg(&c.node, 1, &port);
	media_bridge(c.node.m, c.a, c.b); /* both on thread 0 now */
	assert_true(wait_heard(&c.phones, c.phone_b, 900, 4000));
	for (int i = 0; i < 4; i++) {
		media_bridge(c.node.m, elsewhere, c.b);
		media_bridge(c.node.m, c.a, c.b);
		run_for(150);
		media_leg_listen(c.phones.m, c.phone_b, 440); /* an ear that heard nothing yet */
		assert_true(wait_unheard(&c.phones, c.phone_b, 1, 1000));
		assert_true(wait_heard(&c.phones, c.phone_b, 900, 2000));
	}
	call_stop(&c);
}

static void stopping_with_legs_on_their_way_leaves_nothing(void **state)
{
	struct call c;
	(void)state;
	for (int i = 0; i < 10; i++) { /* the leak checker and TSan are the judges */
		call_start(&c, MEDIA_PCMU, MEDIA_PCMU, 4);
		for (int k = 0; k < 20; k++) {
			media_bridge(c.node.m, c.a, c.b);
			media_bridge(c.node.m, c.b, c.a);
		}
		media_leg_close(c.node.m, c.a);
		call_stop(&c);
	}
}

static void statistics_come_every_second(void **state)
{
	struct call c;
	(void)state;
	call_start(&c, MEDIA_PCMU, MEDIA_PCMU, 1);
	media_bridge(c.node.m, c.a, c.b);
	media_leg_stats(c.node.m, c.a, true);
	const struct media_event *ev = wait_event(&c.node, MEDIA_EV_STATS, c.a, 1, 4000);
	assert_non_null(ev);
	assert_true(ev->stats.rx_packets >= 45);
	assert_int_equal(ev->stats.rx_lost, 0);
	assert_int_equal(ev->stats.loss_permille, 0);
	assert_int_equal(count_events(&c.node, MEDIA_EV_STATS, c.b), 0);
	call_stop(&c);
}

static void music_on_hold_goes_over_the_bridge_and_ends(void **state)
{
	struct call c;
	struct media_sound music = {0};
	(void)state;
	call_start(&c, MEDIA_PCMU, MEDIA_PCMU, 1);
	load_tone(&c.node, &music, "hold", 8000, 1, 0.5, 1200);
	media_bridge(c.node.m, c.a, c.b);
	assert_true(wait_heard(&c.phones, c.phone_b, 900, 4000));
	media_leg_listen(c.phones.m, c.phone_b, 1200);
	media_leg_play(c.node.m, c.b, (struct media_sound){0}, music);
	assert_true(wait_heard(&c.phones, c.phone_b, 900, 4000));
	media_leg_listen(c.phones.m, c.phone_b, 440);
	media_leg_quiet(c.node.m, c.b);
	assert_true(wait_unheard(&c.phones, c.phone_b, 900, 1000));
	assert_true(wait_heard(&c.phones, c.phone_b, 900, 4000));
	call_stop(&c);
}

/* The agent's first sound comes a round trip after the bridge: music until then, not silence. */
static void music_fills_the_wait_for_the_first_sound(void **state)
{
	struct call c;
	struct media_sound music = {0};
	(void)state;
	call_start(&c, MEDIA_PCMU, MEDIA_PCMU, 1);
	load_tone(&c.node, &music, "fill", 8000, 1, 0.5, 1200);
	media_leg_tone(c.phones.m, c.phone_a, 0); /* says nothing yet */
	media_leg_listen(c.phones.m, c.phone_b, 1200);
	media_leg_play(c.node.m, c.b, (struct media_sound){0}, music);
	assert_true(wait_heard(&c.phones, c.phone_b, 900, 4000));
	media_bridge(c.node.m, c.a, c.b);
	run_for(700); /* more than the ear remembers */
	assert_true(media_leg_heard_permille(c.phones.m, c.phone_b) > 900);
	media_leg_listen(c.phones.m, c.phone_b, 440);
	media_leg_tone(c.phones.m, c.phone_a, 440);
	assert_true(wait_heard(&c.phones, c.phone_b, 900, 1000));
	call_stop(&c);
}

/* Nobody says anything: it ends by itself. And at once when the bridge goes. */
static void music_does_not_fill_for_ever(void **state)
{
	struct call c;
	struct media_sound music = {0};
	(void)state;
	for (int undone = 0; undone < 2; undone++) {
		struct media_stats was = {0}, is = {0};
		call_start(&c, MEDIA_PCMU, MEDIA_PCMU, 1);
		load_tone(&c.node, &music, "end", 8000, 1, 0.5, 1200);
		media_leg_tone(c.phones.m, c.phone_a, 0);
		media_leg_listen(c.phones.m, c.phone_b, 1200);
		media_leg_play(c.node.m, c.b, (struct media_sound){0}, music);
		assert_true(wait_heard(&c.phones, c.phone_b, 900, 4000));
		media_bridge(c.node.m, c.a, c.b);
		if (undone)
			media_unbridge(c.node.m, c.a);
		run_for(undone ? 300 : 2300);
		media_leg_stats_get(c.phones.m, c.phone_b, &was);
		run_for(400);
		media_leg_stats_get(c.phones.m, c.phone_b, &is);
		assert_int_equal(is.rx_packets, was.rx_packets);
		assert_true(is.rx_packets > 0);
		call_stop(&c);
	}
}

/* One far end with a raw socket: sees every packet. */
struct far_end {
	struct engine node;
	struct media_leg leg, other;
	uint16_t leg_port, other_port, port;
	int fd;
};

static void far_start(struct far_end *f, uint32_t silent_ms)
{
	struct media_conf conf = engine_conf(44000, 44099, 1);
	conf.silent_ms = silent_ms;
	engine_start_conf(&f->node, &conf);
	f->fd = peer_socket(&f->port);
	f->leg = make_leg(&f->node, 0, &f->leg_port);
	f->other = make_leg(&f->node, 0, &f->other_port);
	set_remote(&f->node, f->leg, f->port, MEDIA_PCMU);
}

static void far_stop(struct far_end *f)
{
	close(f->fd);
	engine_stop(&f->node);
}

static void longer_packets_for_music_keep_its_pace(void **state)
{
	struct far_end f;
	struct media_sound greeting = {0}, music = {0};
	struct rtp_packet p = {0}, before = {0};
	uint8_t buf[2048];
	int long_ones = 0;
	(void)state;
	far_start(&f, 7000);
	load_tone(&f.node, &greeting, "greeting", 8000, 1, 0.3, 500);
	load_tone(&f.node, &music, "music", 8000, 1, 0.1, 600);
	struct media_remote r = {.ip4 = LOOPBACK,
				 .port = f.port,
				 .codec = MEDIA_PCMU,
				 .dtmf_pt = PT_DTMF,
				 .send = true,
				 .recv = true,
				 .ptime_ms = 40};
	assert_int_equal(media_leg_remote(f.node.m, f.leg, &r), 0);
	media_leg_play(f.node.m, f.leg, greeting, music);
	for (int i = 0; i < 20; i++, before = p) {
		size_t n = peer_recv(f.fd, buf, sizeof(buf), 2000);
		assert_int_equal(rtp_parse(&p, buf, n), 0);
		if (i)
			assert_int_equal(p.ts - before.ts, before.payload_len);
		long_ones += p.payload_len == 320;
	}
	assert_int_equal(long_ones, 20);
	far_stop(&f);
}

struct agent {
	int fd;
	uint16_t i;
	uint8_t voice[160];
};

/* One packet at the far end; the agent, once there, speaks until it comes through. */
static bool next_packet(struct far_end *f, struct agent *agent, uint8_t buf[static 2048],
			struct rtp_packet *ret)
{
	size_t n = 0;
	for (int tries = 0; !n && tries < 100; tries++) {
		if (agent) /* whose own numbering is far away from ours */
			peer_send_rtp(agent->fd, f->other_port, PT_PCMU, false,
				      (uint16_t)(60000 + agent->i), 0xfffffff0u + 160u * agent->i,
				      77, agent->voice, sizeof(agent->voice)),
			    agent->i++;
		n = peer_recv(f->fd, buf, 2048, 40);
	}
	return n && !rtp_parse(ret, buf, n);
}

static void numbering_goes_on_from_greeting_to_music_to_agent(void **state)
{
	enum { WANTED = 80, BRIDGED_AT = 40 };
	struct far_end f;
	struct agent agent = {0};
	struct media_sound greeting = {0}, music = {0};
	struct rtp_packet p, before = {0};
	uint8_t buf[2048];
	uint16_t agent_port;
	int from_agent = 0;
	(void)state;
	far_start(&f, 7000);
	load_tone(&f.node, &greeting, "greeting", 8000, 1, 0.2, 500);
	load_tone(&f.node, &music, "music", 8000, 1, 0.1, 600);
	agent.fd = peer_socket(&agent_port);
	memset(agent.voice, 0x37, sizeof(agent.voice));
	set_remote(&f.node, f.other, agent_port, MEDIA_PCMU);
	media_leg_play(f.node.m, f.leg, greeting, music);
	for (int got = 0; got < WANTED; got++) {
		assert_true(next_packet(&f, got > BRIDGED_AT ? &agent : NULL, buf, &p));
		if (got) {
			assert_int_equal(p.ssrc, before.ssrc);
			assert_int_equal(p.seq, (uint16_t)(before.seq + 1));
			assert_in_range(p.ts - before.ts, 1, 8000);
		}
		before = p;
		from_agent += p.payload_len == 160 && !memcmp(p.payload, agent.voice, 160);
		if (got == BRIDGED_AT)
			media_bridge(f.node.m, f.leg, f.other);
	}
	assert_true(from_agent > 20);
	assert_non_null(wait_event(&f.node, MEDIA_EV_PLAYED, f.leg, 0, 1000));
	assert_int_equal(count_events(&f.node, MEDIA_EV_PLAYED, f.leg), 1);
	close(agent.fd);
	far_stop(&f);
}

static void digits_are_told_once_and_passed_on(void **state)
{
	struct far_end f;
	uint8_t buf[2048], ev[4] = {5, 10, 0, 160};
	struct rtp_packet p;
	uint16_t agent_port, seq = 100;
	(void)state;
	far_start(&f, 7000);
	int agent = peer_socket(&agent_port);
	set_remote(&f.node, f.other, agent_port, MEDIA_PCMU);
	media_bridge(f.node.m, f.leg, f.other);
	for (int i = 0; i < 3; i++, ev[2]++)
		peer_send_rtp(f.fd, f.leg_port, PT_DTMF, i == 0, seq++, 1000, 9, ev, 4);
	ev[1] |= 0x80;
	for (int i = 0; i < 3; i++)
		peer_send_rtp(f.fd, f.leg_port, PT_DTMF, false, seq++, 1000, 9, ev, 4);
	const struct media_event *e = wait_event(&f.node, MEDIA_EV_DTMF, f.leg, 0, 2000);
	assert_non_null(e);
	assert_int_equal(e->digit, '5');
	for (int i = 0; i < 6; i++) {
		size_t n = peer_recv(agent, buf, sizeof(buf), 2000);
		assert_int_equal(rtp_parse(&p, buf, n), 0);
		assert_int_equal(p.pt, PT_DTMF);
		assert_int_equal(p.payload[0], 5);
	}
	/* a second digit whose ends are all lost is told when the third begins */
	ev[0] = 11, ev[1] = 10;
	peer_send_rtp(f.fd, f.leg_port, PT_DTMF, true, seq++, 9000, 9, ev, 4);
	ev[0] = 7;
	peer_send_rtp(f.fd, f.leg_port, PT_DTMF, true, seq++, 19000, 9, ev, 4);
	e = wait_event(&f.node, MEDIA_EV_DTMF, f.leg, 1, 2000);
	assert_non_null(e);
	assert_int_equal(e->digit, '#');
	assert_int_equal(count_events(&f.node, MEDIA_EV_DTMF, f.leg), 2);
	close(agent);
	far_stop(&f);
}

static void silence_and_its_end_are_told(void **state)
{
	struct far_end f;
	uint8_t voice[160] = {0};
	(void)state;
	far_start(&f, 300);
	assert_non_null(wait_event(&f.node, MEDIA_EV_SILENT, f.leg, 0, 3000));
	peer_send_rtp(f.fd, f.leg_port, PT_PCMU, false, 1, 160, 5, voice, sizeof(voice));
	assert_non_null(wait_event(&f.node, MEDIA_EV_HEARD, f.leg, 0, 3000));
	assert_non_null(wait_event(&f.node, MEDIA_EV_SILENT, f.leg, 1, 3000));
	assert_int_equal(count_events(&f.node, MEDIA_EV_SILENT, f.other), 0);
	far_stop(&f);
}

struct wanted_stats {
	struct far_end *f;
	uint64_t good, bad;
};

static bool stats_reached(void *arg)
{
	struct wanted_stats *w = arg;
	struct media_stats s = {0};
	assert_int_equal(media_leg_stats_get(w->f->node.m, w->f->leg, &s), 0);
	return s.rx_packets == w->good && s.rx_bad == w->bad;
}

static void only_the_far_end_is_heard_and_its_nat_is_followed(void **state)
{
	struct far_end f;
	struct rtp_packet p;
	uint8_t buf[2048], voice[160] = {0};
	uint16_t nat_port, agent_port;
	struct wanted_stats w = {.f = &f};
	(void)state;
	far_start(&f, 7000);
	int nat = peer_socket(&nat_port), agent = peer_socket(&agent_port);
	set_remote(&f.node, f.other, agent_port, MEDIA_PCMU);
	media_bridge(f.node.m, f.leg, f.other);
	peer_send_rtp(f.fd, f.leg_port, PT_PCMU, false, 1, 160, 5, voice, 160);
	w.good = 1;
	assert_true(run_until(stats_reached, &w, 2000));
	/* garbage, an unknown payload type, and one packet alone from elsewhere do not count */
	peer_send(f.fd, f.leg_port, "hello", 5);
	peer_send_rtp(f.fd, f.leg_port, 55, false, 2, 320, 5, voice, 160);
	peer_send_rtp(nat, f.leg_port, PT_PCMU, false, 50, 480, 6, voice, 160);
	w.bad = 3;
	assert_true(run_until(stats_reached, &w, 2000));
	/* two in a row do, and what we send follows */
	peer_send_rtp(nat, f.leg_port, PT_PCMU, false, 51, 640, 6, voice, 160);
	w.good = 2;
	assert_true(run_until(stats_reached, &w, 2000));
	peer_send_rtp(agent, f.other_port, PT_PCMU, false, 1, 160, 8, voice, 160);
	assert_true(peer_recv(nat, buf, sizeof(buf), 2000) > 0);
	assert_int_equal(rtp_parse(&p, buf, 172), 0);
	close(nat);
	close(agent);
	far_stop(&f);
}

static void ports_run_out_and_come_back(void **state)
{
	struct engine e;
	struct media_leg leg[3] = {{0}};
	uint16_t port[3];
	(void)state;
	engine_start(&e, 44200, 44203, 1);
	assert_int_equal(media_leg_plain(e.m, 0, &leg[0], &port[0]), 0);
	assert_int_equal(media_leg_plain(e.m, 0, &leg[1], &port[1]), 0);
	assert_int_equal(media_leg_plain(e.m, 0, &leg[2], &port[2]), ENOSPC);
	assert_int_not_equal(port[0], port[1]);
	media_leg_close(e.m, leg[0]);
	assert_non_null(wait_event(&e, MEDIA_EV_CLOSED, leg[0], 0, 2000));
	assert_int_equal(media_leg_plain(e.m, 0, &leg[2], &port[2]), 0);
	assert_int_equal(port[2], port[0]);
	assert_int_not_equal(leg[2].v, leg[0].v);
	assert_int_equal(media_leg_quiet(e.m, leg[0]), ENOENT); /* the old handle is dead */
	engine_stop(&e);
}

static void a_bad_configuration_is_refused_with_a_remedy(void **state)
{
	struct media_conf conf = engine_conf(44000, 44099, 1);
	struct media *m = NULL;
	char why[256] = "";
	(void)state;
	conf.bind = "192.0.2.77"; /* not of this machine */
	assert_int_not_equal(media_start(&m, &conf, NULL, NULL, why), 0);
	assert_non_null(strstr(why, "192.0.2.77"));
	conf = engine_conf(44099, 44000, 1);
	assert_int_equal(media_start(&m, &conf, NULL, NULL, why), EINVAL);
	assert_non_null(strstr(why, "media_ports"));
	assert_null(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tone_crosses_a_bridge_of_plain_legs),
	    cmocka_unit_test(tone_crosses_between_mu_law_and_a_law),
	    cmocka_unit_test(a_bridge_moves_a_leg_to_the_other_thread),
	    cmocka_unit_test(unbridge_and_mute_are_heard),
	    cmocka_unit_test(legs_that_change_threads_over_and_over_lose_nothing),
	    cmocka_unit_test(stopping_with_legs_on_their_way_leaves_nothing),
	    cmocka_unit_test(statistics_come_every_second),
	    cmocka_unit_test(a_leg_that_comes_straight_back_keeps_its_last_bridge),
	    cmocka_unit_test(music_on_hold_goes_over_the_bridge_and_ends),
	    cmocka_unit_test(music_fills_the_wait_for_the_first_sound),
	    cmocka_unit_test(music_does_not_fill_for_ever),
	    cmocka_unit_test(numbering_goes_on_from_greeting_to_music_to_agent),
	    cmocka_unit_test(longer_packets_for_music_keep_its_pace),
	    cmocka_unit_test(digits_are_told_once_and_passed_on),
	    cmocka_unit_test(silence_and_its_end_are_told),
	    cmocka_unit_test(only_the_far_end_is_heard_and_its_nat_is_followed),
	    cmocka_unit_test(ports_run_out_and_come_back),
	    cmocka_unit_test(a_bad_configuration_is_refused_with_a_remedy),
	};
	return cmocka_run_group_tests(tests, harness_setup, harness_teardown);
}
