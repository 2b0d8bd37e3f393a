#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "nodes/sip/sdp.h"

#define HEAD "v=0\r\no=a 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n"
#define AUDIO "m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"

static struct sdp_desc good(const char *text)
{
	struct sdp_desc d;
	assert_int_equal(sdp_read(&d, text, strlen(text)), 0);
	return d;
}

static void bad(const char *text, int want)
{
	struct sdp_desc d;
	assert_int_equal(sdp_read(&d, text, strlen(text)), want);
}

static void the_first_codec_that_both_know_is_taken(void **state)
{
	(void)state;
	struct sdp_desc d = good(HEAD AUDIO);
	assert_int_equal(d.audio.codec, SIP_PCMA);
	assert_int_equal(d.audio.ip4, 0x0a000001);
	assert_int_equal(d.audio.port, 4000);
	assert_int_equal(d.audio.dtmf_pt, 101);
	assert_true(d.audio.send && d.audio.recv);
	assert_int_equal(good(HEAD "m=audio 4000 RTP/AVP 18 9 0\r\n").audio.codec, SIP_PCMU);
	assert_int_equal(good(HEAD "m=audio 4000 RTP/AVP 0\r\n").audio.dtmf_pt, 0xff);
}

static void line_ends_may_be_bare(void **state)
{
	(void)state;
	struct sdp_desc d = good("v=0\nc=IN IP4 10.0.0.1\nm=audio 4000 RTP/AVP 0");
	assert_int_equal(d.audio.port, 4000);
}

static void directions_are_turned_to_our_view(void **state)
{
	static const struct {
		const char *line;
		bool send, recv;
	} cases[] = {
	    {"a=sendrecv\r\n", true, true},        {"a=sendonly\r\n", false, true},
	    {"a=recvonly\r\n", true, false},       {"a=inactive\r\n", false, false},
	    {"c=IN IP4 0.0.0.0\r\n", false, true},
	};
	char text[512];
	(void)state;
	for (size_t i = 0; i < 5; i++) {
		(void)snprintf(text, sizeof(text), "%s%s%s", HEAD, AUDIO, cases[i].line);
		struct sdp_desc d = good(text);
		assert_int_equal(d.audio.send, cases[i].send);
		assert_int_equal(d.audio.recv, cases[i].recv);
	}
	assert_false(good("v=0\r\nc=IN IP4 10.0.0.1\r\na=sendonly\r\n" AUDIO).audio.send);
	assert_true(
	    good("v=0\r\nc=IN IP4 10.0.0.1\r\na=sendonly\r\n" AUDIO "a=sendrecv\r\n").audio.send);
}

/* In whole frames of 20 ms, three at most: RFC 8866 §6.4, §6.5. */
static void packets_are_as_long_as_the_far_end_asks_and_takes(void **state)
{
	static const struct {
		const char *session, *media;
		int ms;
	} cases[] = {
	    {"", "", 40}, /* unsaid: it takes up to 200 (RFC 3551 §4.2) */
	    {"", "a=ptime:20\r\n", 20},
	    {"", "a=ptime:60\r\n", 60},
	    {"", "a=ptime:30\r\n", 20},
	    {"", "a=ptime:10\r\n", 20}, /* our least; an endpoint takes other than it asks for */
	    {"", "a=ptime:500\r\n", 60},
	    {"", "a=maxptime:20\r\n", 20},
	    {"", "a=maxptime:39\r\n", 20},
	    {"", "a=maxptime:10\r\n", 20},
	    {"", "a=maxptime:150\r\n", 40},
	    {"", "a=ptime:60\r\na=maxptime:40\r\n", 40},
	    {"", "a=maxptime:40\r\na=ptime:20\r\n", 20},
	    {"a=ptime:20\r\n", "", 20},
	    {"a=ptime:20\r\n", "a=ptime:60\r\n", 60}, /* the nearer one counts */
	    {"a=maxptime:20\r\n", "a=ptime:60\r\n", 20},
	    {"a=maxptime:20\r\n", "a=maxptime:60\r\n", 40},
	    {"", "a=ptime:0\r\n", 40},
	    {"", "a=ptime:\r\n", 40},
	    {"", "a=ptime:forty\r\n", 40},
	    {"", "a=ptime:99999999999\r\n", 40},
	    {"", "a=maxptime:-20\r\n", 40},
	};
	char text[512];
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)snprintf(text, sizeof(text), "%s%s%s%s", HEAD, cases[i].session, AUDIO,
			       cases[i].media);
		assert_int_equal(good(text).audio.ptime_ms, cases[i].ms);
	}
	/* That of another stream is not ours. */
	assert_int_equal(
	    good(HEAD "m=video 5000 RTP/AVP 31\r\na=ptime:60\r\n" AUDIO).audio.ptime_ms, 40);
}

static void a_stream_that_we_cannot_take_is_no_common_ground(void **state)
{
	(void)state;
	bad(HEAD, ENOTSUP);
	bad(HEAD "m=audio 4000 RTP/AVP 18\r\n", ENOTSUP);
	bad(HEAD "m=audio 0 RTP/AVP 0\r\n", ENOTSUP);
	bad(HEAD "m=audio 4000 RTP/SAVP 0\r\n", ENOTSUP);
	bad(HEAD "m=video 4000 RTP/AVP 0\r\n", ENOTSUP);
	bad("v=0\r\nc=IN IP6 ::1\r\n" AUDIO, ENOTSUP);
	bad("v=0\r\nc=IN IP4 host.example.com\r\n" AUDIO, ENOTSUP);
	bad("v=0\r\nc=IN IP4 224.2.1.1/127\r\n" AUDIO, ENOTSUP);
	bad("v=0\r\nc=IN IP4 239.1.1.1\r\n" AUDIO, ENOTSUP);
	bad("v=0\r\nc=IN IP4 255.255.255.255\r\n" AUDIO, ENOTSUP);
	bad("v=0\r\n" AUDIO, ENOTSUP);
	bad(HEAD "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 iLBC/8000\r\n", ENOTSUP);
}

static void what_is_not_sdp_is_refused(void **state)
{
	(void)state;
	bad("", EBADMSG);
	bad("hello", EBADMSG);
	bad("v=1\r\n", EBADMSG);
	bad(HEAD "m=audio 70000 RTP/AVP 0\r\n", EBADMSG);
	bad(HEAD "m=audio\r\n", EBADMSG);
	bad(HEAD "m=video 1 RTP/AVP  31\r\n" AUDIO, EBADMSG);
	bad(HEAD "x\r\n" AUDIO, EBADMSG);
	bad("v=0\r\ns=a\x01z\r\n" AUDIO, EBADMSG);
}

static void the_answer_names_every_stream_of_the_offer(void **state)
{
	const struct sdp_local local = {
	    .session = 7, .version = 2, .address = "10.9.9.9", .port = 30000};
	char out[SDP_WRITE_MAX];
	(void)state;
	struct sdp_desc d = good(HEAD "m=video 4100 RTP/AVP 31 32\r\n" AUDIO
				      "a=sendonly\r\nm=audio 4200 RTP/AVP 0\r\n");
	size_t n = sdp_write_answer(out, sizeof(out), &local, &d);
	assert_int_equal(n, strlen(out));
	assert_string_equal(out, "v=0\r\no=- 7 2 IN IP4 10.9.9.9\r\ns=-\r\nc=IN IP4 10.9.9.9\r\n"
				 "t=0 0\r\nm=video 0 RTP/AVP 31\r\n"
				 "m=audio 30000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n"
				 "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
				 "a=ptime:20\r\na=recvonly\r\nm=audio 0 RTP/AVP 0\r\n");
}

static void the_largest_answer_fits(void **state)
{
	const struct sdp_local local = {.session = UINT64_MAX,
					.version = UINT64_MAX,
					.address = "255.255.255.255",
					.port = 65535};
	char text[2048] = HEAD AUDIO, out[SDP_WRITE_MAX];
	(void)state;
	for (int i = 0; i < SDP_MEDIA_MAX - 1; i++)
		(void)strcat(text, "m=applicationapplication 1 RTP/SAVPFRTP/SAVPF 123\r\n");
	struct sdp_desc d = good(text);
	assert_int_equal(d.media_n, SDP_MEDIA_MAX);
	assert_true(sdp_write_answer(out, sizeof(out), &local, &d) > 0);
	(void)strcat(text, "m=video 1 RTP/AVP 31\r\n");
	bad(text, ENOTSUP);
}

static void our_offer_is_one_that_we_would_take(void **state)
{
	const struct sdp_local local = {
	    .session = 7, .version = 1, .address = "10.9.9.9", .port = 30000};
	char out[SDP_WRITE_MAX];
	(void)state;
	assert_true(sdp_write_offer(out, sizeof(out), &local, SIP_PCMU, false) > 0);
	assert_int_equal(good(out).audio.codec, SIP_PCMU);
	assert_true(sdp_write_offer(out, sizeof(out), &local, SIP_PCMA, true) > 0);
	assert_non_null(strstr(out, "m=audio 30000 RTP/AVP 8 101\r\n"));
	assert_int_equal(good(out).audio.dtmf_pt, 101);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_first_codec_that_both_know_is_taken),
	    cmocka_unit_test(line_ends_may_be_bare),
	    cmocka_unit_test(directions_are_turned_to_our_view),
	    cmocka_unit_test(packets_are_as_long_as_the_far_end_asks_and_takes),
	    cmocka_unit_test(a_stream_that_we_cannot_take_is_no_common_ground),
	    cmocka_unit_test(what_is_not_sdp_is_refused),
	    cmocka_unit_test(the_answer_names_every_stream_of_the_offer),
	    cmocka_unit_test(the_largest_answer_fits),
	    cmocka_unit_test(our_offer_is_one_that_we_would_take),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
