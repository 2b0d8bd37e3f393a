/* What is pure: RTP numbering, SRTP and STUN against libre and published vectors, SDP, G.711. */
#include <sys/socket.h>

#include <re.h>
#include <rem.h>

#include "tests/unit/media/harness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nodes/media/bytes.h"
#include "nodes/media/g711.h"
#include "nodes/media/rtcp.h"
#include "nodes/media/rtp.h"
#include "nodes/media/srtp.h"
#include "nodes/media/stun.h"
#include "nodes/media/websdp.h"

/* ---- RTP */

static void no_sequence_number_is_sent_twice(void **state)
{
	struct rtp_out o;
	struct rtp_slot at;
	uint64_t now = 1000000;
	static uint8_t sent[1 << 20];
	(void)state;
	srand(7);
	rtp_out_init(&o, 12345);
	uint64_t base = o.top;
	for (int i = 0; i < 60000; i++, now += 20000) {
		/* sources come and go, lose, duplicate, reorder, leap, and are mixed with music */
		uint16_t seq = (uint16_t)(i + rand() % 40 - 20);
		uint64_t source = (uint64_t)(i / 500);
		int err = 0;
		if (rand() % 10 == 0)
			rtp_out_next(&o, &at, 160, 8000, false, now);
		else
			err = rtp_out_map(&o, &at, source, rand() % 300 ? seq : (uint16_t)rand(),
					  160u * seq, 8000, 8000, now);
		if (err)
			continue;
		assert_true(at.ext > base && at.ext - base < sizeof(sent));
		assert_int_equal(sent[at.ext - base]++, 0);
	}
}

static void losses_of_a_source_stay_visible_and_its_clock_is_scaled(void **state)
{
	struct rtp_out o;
	struct rtp_slot a, b;
	(void)state;
	rtp_out_init(&o, 1);
	assert_int_equal(rtp_out_map(&o, &a, 9, 65534, 0xffffff00u, 8000, 48000, 20000), 0);
	assert_true(a.marker);
	assert_int_equal(rtp_out_map(&o, &b, 9, 1, 0xffffff00u + 480, 8000, 48000, 80000), 0);
	assert_int_equal(b.ext - a.ext, 3); /* 65535 and 0 are missing */
	assert_int_equal(b.ts - a.ts, 480 * 6);
	assert_false(b.marker);
	/* 65535 comes late: sent in its place, once */
	assert_int_equal(rtp_out_map(&o, &b, 9, 65535, 0xffffff00u + 160, 8000, 48000, 81000), 0);
	assert_int_equal(b.ext - a.ext, 1);
	assert_int_equal(rtp_out_map(&o, &b, 9, 65535, 0, 8000, 48000, 82000), EALREADY);
	/* what comes late from before the source began is dropped */
	assert_int_equal(rtp_out_map(&o, &b, 9, 65533, 0, 8000, 48000, 83000), EALREADY);
}

static void loss_and_jitter_are_counted_as_rfc_3550_does(void **state)
{
	struct rtp_in in = {0};
	struct rtp_packet p = {.ssrc = 4, .seq = 65530};
	uint32_t expected = 0, received = 0;
	(void)state;
	for (uint32_t i = 0; i < 100; i++, p.seq++, p.ts += 160)
		if (i % 10 != 5)
			rtp_in_update(&in, &p, 8000, i * 20000);
	assert_int_equal(rtp_in_lost(&in), 10);
	assert_int_equal(rtp_in_interval_loss(&in, &expected, &received, 1000), 100);
	assert_int_equal(rtp_in_interval_loss(&in, &expected, &received, 1000), 0);
	assert_int_equal(in.jitter16 >> 4, 0);
	for (uint32_t i = 100; i < 400; i++, p.seq++, p.ts += 160)
		rtp_in_update(&in, &p, 8000, i * 20000 + (i % 2) * 5000);
	assert_in_range(in.jitter16 >> 4, 35, 41); /* 5 ms are 40 ticks */
	p.ssrc = 5, p.seq = 3;
	rtp_in_update(&in, &p, 8000, 0);
	assert_int_equal(rtp_in_lost(&in), 10); /* another source: what was lost stays lost */
}

static void broken_rtp_is_refused(void **state)
{
	struct rtp_packet p;
	uint8_t b[40] = {0x80, 0};
	(void)state;
	assert_int_equal(rtp_parse(&p, b, 11), EBADMSG);
	assert_int_equal(rtp_parse(&p, b, 12), 0);
	b[0] = 0x8f; /* 15 CSRCs */
	assert_int_equal(rtp_parse(&p, b, 40), EBADMSG);
	b[0] = 0x90; /* an extension longer than the packet */
	b[15] = 200;
	assert_int_equal(rtp_parse(&p, b, 40), EBADMSG);
	b[0] = 0xa0; /* padding: more than there is; none */
	b[39] = 29;
	assert_int_equal(rtp_parse(&p, b, 40), EBADMSG);
	b[39] = 0;
	assert_int_equal(rtp_parse(&p, b, 40), EBADMSG);
	b[39] = 28;
	assert_int_equal(rtp_parse(&p, b, 40), 0);
	assert_int_equal(p.payload_len, 0);
}

/* ---- SRTP against libre's, each way */

static void exchange_rtcp(struct guard *ours, struct srtp *theirs, uint32_t i)
{
	uint8_t buf[256], plain[RTCP_REPORT_MAX];
	struct rtcp_report r = {.ssrc = 9, .sender = true, .packets = i, .source = 8};
	size_t n = rtcp_write(plain, &r), len = n;
	struct mbuf *mb = mbuf_alloc(256);
	memcpy(buf, plain, n);
	assert_int_equal(guard_protect_rtcp(ours, buf, &len), 0);
	mbuf_write_mem(mb, buf, len);
	mb->pos = 0;
	assert_int_equal(srtcp_decrypt(theirs, mb), 0);
	assert_int_equal(mb->end, n);
	assert_memory_equal(mb->buf, plain, n);
	mb->pos = 0;
	assert_int_equal(srtcp_encrypt(theirs, mb), 0);
	len = mb->end;
	memcpy(buf, mb->buf, len);
	assert_int_equal(guard_unprotect_rtcp(ours, buf, &len), 0);
	assert_memory_equal(buf, plain, n);
	memcpy(buf, mb->buf, mb->end);
	len = mb->end;
	assert_int_equal(guard_unprotect_rtcp(ours, buf, &len), EALREADY);
	mem_deref(mb);
}

static void agrees_with_libre(enum guard_suite suite, enum srtp_suite their_suite)
{
	uint8_t key[GUARD_MASTER_MAX];
	struct guard *ours = NULL;
	struct srtp *enc = NULL;
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i * 7 + 1);
	assert_int_equal(guard_new(&ours, suite, key, key), 0);
	assert_int_equal(srtp_alloc(&enc, their_suite, key, guard_master_len(suite), 0), 0);
	struct srtp *dec = NULL;
	assert_int_equal(srtp_alloc(&dec, their_suite, key, guard_master_len(suite), 0), 0);
	uint8_t buf[256], plain[172] = {0};
	for (uint64_t i = 65500; i < 65600; i++) { /* over the roll-over */
		struct mbuf *mb = mbuf_alloc(256);
		size_t len = sizeof(plain);
		rtp_write_header(plain, false, 0, (uint16_t)i, (uint32_t)i, 0x51525354);
		memcpy(buf, plain, len);
		assert_int_equal(guard_protect_rtp(ours, buf, &len, 12, i), 0);
		mbuf_write_mem(mb, buf, len);
		mb->pos = 0;
		assert_int_equal(srtp_decrypt(dec, mb), 0);
		assert_memory_equal(mb->buf, plain, sizeof(plain));
		mbuf_rewind(mb);
		mbuf_write_mem(mb, plain, sizeof(plain));
		mb->pos = 0;
		assert_int_equal(srtp_encrypt(enc, mb), 0);
		assert_int_equal(mb->end, len);
		size_t theirs = mb->end;
		memcpy(buf, mb->buf, theirs);
		assert_int_equal(guard_unprotect_rtp(ours, buf, &theirs), 0);
		assert_int_equal(theirs, sizeof(plain));
		assert_memory_equal(buf, plain, sizeof(plain));
		mem_deref(mb);
	}
	for (uint32_t i = 0; i < 5; i++)
		exchange_rtcp(ours, enc, i);
	mem_deref(enc);
	mem_deref(dec);
	guard_free(ours);
}

static void srtp_with_counter_mode_agrees_with_libre(void **state)
{
	(void)state;
	agrees_with_libre(GUARD_AES_CM_128_SHA1_80, SRTP_AES_CM_128_HMAC_SHA1_80);
}

static void srtp_with_gcm_agrees_with_libre(void **state)
{
	(void)state;
	agrees_with_libre(GUARD_AEAD_AES_128_GCM, SRTP_AES_128_GCM);
}

static void the_fifth_source_of_a_leg_is_refused(void **state)
{
	uint8_t key[GUARD_MASTER_MAX] = {1}, buf[64];
	struct guard *g = NULL;
	(void)state;
	assert_int_equal(guard_new(&g, GUARD_AEAD_AES_128_GCM, key, key), 0);
	for (uint32_t i = 0; i < 5; i++) {
		size_t len = 32;
		memset(buf, 0, sizeof(buf));
		rtp_write_header(buf, false, 0, 1, 1, 100 + i);
		assert_int_equal(guard_protect_rtp(g, buf, &len, 12, 1), 0);
		assert_int_equal(guard_unprotect_rtp(g, buf, &len), i < 4 ? 0 : ENOSPC);
	}
	guard_free(g);
}

/* ---- STUN */

/* RFC 5769 §2.1 */
static const uint8_t rfc5769_request[] = {
    0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86,
    0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73,
    0x74, 0x20, 0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff,
    0x80, 0x29, 0x00, 0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09,
    0x65, 0x76, 0x74, 0x6a, 0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14,
    0x9a, 0xea, 0xa7, 0x0c, 0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49,
    0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf};
static const char rfc5769_password[] = "VOkJxbRl1RmTxUk/WvJxBt";

static void the_sample_request_of_rfc_5769_is_understood(void **state)
{
	struct ice_message m;
	uint8_t buf[sizeof(rfc5769_request)];
	(void)state;
	memcpy(buf, rfc5769_request, sizeof(buf));
	assert_int_equal(ice_parse(&m, buf, sizeof(buf)), 0);
	assert_int_equal(m.type, ICE_BINDING_REQUEST);
	assert_int_equal(m.username_len, 9);
	assert_memory_equal(m.username, "evtj:h6vY", 9);
	assert_true(m.controlled && !m.controlling && !m.use_candidate);
	assert_true(ice_integrity_ok(&m, buf, rfc5769_password));
	assert_false(ice_integrity_ok(&m, buf, "VOkJxbRl1RmTxUk/WvJxBu"));
	for (size_t i = 0; i < sizeof(buf); i++) { /* one bit anywhere spoils it */
		buf[i] ^= 4;
		assert_true(ice_parse(&m, buf, sizeof(buf)) ||
			    !ice_integrity_ok(&m, buf, rfc5769_password));
		buf[i] ^= 4;
	}
	for (size_t n = 0; n < sizeof(buf); n++)
		assert_int_equal(ice_parse(&m, buf, n), EBADMSG);
}

static void what_we_write_is_understood_by_libre(void **state)
{
	uint8_t buf[ICE_MESSAGE_MAX], tid[ICE_TID_LEN] = {1, 2, 3};
	struct stun_msg *msg = NULL;
	struct stun_unknown_attr ua;
	struct ice_message m;
	(void)state;
	size_t n = ice_write_request(buf, tid, "abcd:efgh", 99, 1234, true, "secret");
	struct mbuf *mb = mbuf_alloc(ICE_MESSAGE_MAX);
	mbuf_write_mem(mb, buf, n);
	mb->pos = 0;
	assert_int_equal(stun_msg_decode(&msg, mb, &ua), 0);
	assert_int_equal(stun_msg_chk_fingerprint(msg), 0);
	assert_int_equal(stun_msg_chk_mi(msg, (const uint8_t *)"secret", 6), 0);
	struct stun_attr *a = stun_msg_attr(msg, STUN_ATTR_USERNAME);
	assert_non_null(a);
	assert_string_equal(a->v.username, "abcd:efgh");
	assert_non_null(stun_msg_attr(msg, STUN_ATTR_USE_CAND));
	a = stun_msg_attr(msg, STUN_ATTR_CONTROLLING);
	assert_non_null(a);
	assert_int_equal(a->v.uint64, 99);
	assert_int_equal(ice_parse(&m, buf, n), 0);
	assert_true(m.controlling && m.use_candidate && !m.unknown_required);
	mem_deref(msg);
	mbuf_rewind(mb);
	n = ice_write_success(buf, tid, 0x7f000001, 40000, "secret");
	mbuf_write_mem(mb, buf, n);
	mb->pos = 0;
	assert_int_equal(stun_msg_decode(&msg, mb, &ua), 0);
	assert_int_equal(stun_msg_chk_mi(msg, (const uint8_t *)"secret", 6), 0);
	a = stun_msg_attr(msg, STUN_ATTR_XOR_MAPPED_ADDR);
	assert_non_null(a);
	assert_int_equal(sa_in(&a->v.sa), 0x7f000001);
	assert_int_equal(sa_port(&a->v.sa), 40000);
	mem_deref(msg);
	mem_deref(mb);
}

/* ---- RTCP */

static void reports_are_read_back(void **state)
{
	uint8_t buf[RTCP_REPORT_MAX];
	struct rtcp_report r = {
	    .ssrc = 5, .sender = true, .source = 6, .last_sr = 70, .delay_since_sr = 3};
	struct rtcp_heard h;
	(void)state;
	r.ntp = rtcp_ntp(123456789);
	size_t n = rtcp_write(buf, &r);
	assert_int_equal(rtcp_parse(&h, buf, n, 6), 0);
	assert_true(h.sr && h.block);
	assert_int_equal(h.last_sr, 70);
	assert_int_equal(h.delay, 3);
	assert_int_equal(h.sr_ntp, (uint32_t)(r.ntp >> 16));
	assert_int_equal(rtcp_parse(&h, buf, n, 7), 0);
	assert_false(h.block);
	for (size_t i = 1; i < n; i++) /* cut anywhere but between two packets of the compound */
		if (i != 52)
			assert_int_equal(rtcp_parse(&h, buf, i, 6), EBADMSG);
	/* sent at 1 s, held 0.25 s there, back at 1.3 s: 50 ms on the road */
	uint32_t rtt = rtcp_round_trip_us(1300000, (uint32_t)(rtcp_ntp(1000000) >> 16), 65536 / 4);
	assert_in_range(rtt, 49900, 50100);
	assert_int_equal(rtcp_round_trip_us(1300000, 0, 5), 0);
	assert_int_equal(rtcp_round_trip_us(1000000, (uint32_t)(rtcp_ntp(2000000) >> 16), 0), 0);
}

/* ---- SDP */

static const char chromium_answer[] =
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
    "a=msid-semantic: WMS\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 110\r\nc=IN IP4 0.0.0.0\r\n"
    "a=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:GkWN\r\na=ice-pwd:W7sXG5jSq1a5oGRlDfqGpoo+\r\n"
    "a=ice-options:trickle\r\na=fingerprint:sha-256 "
    "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:"
    "ee:ff\r\na=setup:active\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\n"
    "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n"
    "a=rtpmap:110 telephone-event/48000\r\n";

static void a_browser_s_answer_is_read(void **state)
{
	struct web_description d;
	char why[96] = "";
	(void)state;
	assert_int_equal(websdp_parse(&d, chromium_answer, why), 0);
	assert_int_equal(d.codec, MEDIA_OPUS);
	assert_int_equal(d.pt, 111);
	assert_int_equal(d.dtmf_pt, 110);
	assert_int_equal(d.setup, WEB_ACTIVE);
	assert_string_equal(d.ufrag, "GkWN");
	assert_int_equal(d.fingerprint[31], 0xff);
	assert_int_equal(d.port, 0);
	assert_true(d.send && d.recv && !d.lite);
}

static void what_we_write_is_read_back(void **state)
{
	struct web_description d = {.ufrag = "abcd",
				    .pwd = "0123456789abcdefghij+/",
				    .mid = "audio",
				    .lite = true,
				    .codec = MEDIA_PCMA,
				    .pt = 8,
				    .dtmf_pt = 126,
				    .ip4 = 0x0a000001,
				    .port = 4000,
				    .ssrc = 77,
				    .send = true,
				    .recv = true};
	struct web_description back;
	char text[MEDIA_SDP_MAX], why[96] = "";
	(void)state;
	d.fingerprint[0] = 0xf7;
	assert_int_equal(websdp_write(text, &d), 0);
	assert_int_equal(websdp_parse(&back, text, why), 0);
	back.ssrc = d.ssrc; /* not read */
	assert_string_equal(back.ufrag, d.ufrag);
	assert_string_equal(back.pwd, d.pwd);
	assert_string_equal(back.mid, d.mid);
	assert_memory_equal(back.fingerprint, d.fingerprint, WEB_FINGERPRINT_LEN);
	assert_int_equal(back.ip4, d.ip4);
	assert_int_equal(back.port, d.port);
	assert_int_equal(back.codec, d.codec);
	assert_int_equal(back.pt, 8);
	assert_int_equal(back.dtmf_pt, 126);
	assert_true(back.lite);
	assert_int_equal(back.setup, WEB_ACTPASS);
}

/* ---- G.711, against librem where librem is right */

static void g711_agrees_with_the_reference(void **state)
{
	(void)state;
	g711_init();
	for (unsigned i = 0; i < 256; i++) {
		/* librem says ±2 for the two zeros of the law */
		assert_true(abs(g711_ulaw_decode((uint8_t)i) - g711_ulaw2pcm((uint8_t)i)) <= 2);
		assert_int_equal(g711_alaw_decode((uint8_t)i), g711_alaw2pcm((uint8_t)i));
	}
	for (int v = -32768; v <= 32767; v++) {
		/* decoding what was encoded lands in the nearest step: within 1/16 of the value */
		int u = g711_ulaw_decode(g711_ulaw_encode((int16_t)v)) - v;
		int a = g711_alaw_decode(g711_alaw_encode((int16_t)v)) - v;
		int allowed = abs(v) / 31 + 20;
		if (abs(v) > 32000)
			allowed = 1100; /* the outermost step */
		assert_true(abs(u) <= allowed && abs(a) <= allowed);
	}
	for (unsigned i = 0; i < 256; i++) { /* an exact value is its own code */
		assert_int_equal(g711_alaw_encode(g711_alaw_decode((uint8_t)i)), i);
		if (i != 0x7f) /* µ-law has two zeros */
			assert_int_equal(g711_ulaw_encode(g711_ulaw_decode((uint8_t)i)), i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_sequence_number_is_sent_twice),
	    cmocka_unit_test(losses_of_a_source_stay_visible_and_its_clock_is_scaled),
	    cmocka_unit_test(loss_and_jitter_are_counted_as_rfc_3550_does),
	    cmocka_unit_test(broken_rtp_is_refused),
	    cmocka_unit_test(srtp_with_counter_mode_agrees_with_libre),
	    cmocka_unit_test(srtp_with_gcm_agrees_with_libre),
	    cmocka_unit_test(the_fifth_source_of_a_leg_is_refused),
	    cmocka_unit_test(the_sample_request_of_rfc_5769_is_understood),
	    cmocka_unit_test(what_we_write_is_understood_by_libre),
	    cmocka_unit_test(reports_are_read_back),
	    cmocka_unit_test(a_browser_s_answer_is_read),
	    cmocka_unit_test(what_we_write_is_read_back),
	    cmocka_unit_test(g711_agrees_with_the_reference),
	};
	return cmocka_run_group_tests(tests, harness_setup, harness_teardown);
}
