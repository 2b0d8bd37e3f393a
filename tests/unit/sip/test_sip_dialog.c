#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>

#include "common/base/base.h"
#include "nodes/sip/sip_call.h"

static struct sip_dialog sample(void)
{
	struct sip_dialog d = {
	    .version = 1,
	    .callid = "a84b4c76e66710@pc33.example.com",
	    .local_uri = "<sip:support@127.0.1.1>",
	    .remote_uri = "<sip:+4722334455@10.0.0.1>",
	    .local_tag = "0123456789abcdef",
	    .remote_tag = "1928301774",
	    .remote_target = "sip:caller@10.0.0.1:5062",
	    .local_contact = "sip:127.0.1.1:5060;transport=tcp",
	    .routes = {"sip:10.0.0.9;lr", "sip:10.0.0.10;lr;x=1"},
	    .routes_n = 2,
	    .local_cseq = 68157443,
	    .remote_cseq = 314159,
	    .cepoch = 65,
	    .remote_ip4 = 0x0a000001,
	    .remote_port = 40123,
	    .transport = 1,
	    .confirmed = true,
	    .sdp_session = 0x123456789,
	    .sdp_version = 3,
	    .local_rtp_port = 30000,
	    .remote_sdp = {.ip4 = 0x0a000002,
			   .port = 4000,
			   .codec = SIP_PCMA,
			   .dtmf_pt = 101,
			   .send = true,
			   .recv = true},
	    .session_expires_s = 1800,
	    .refresher_is_us = true,
	};
	return d;
}

static void a_dialog_read_back_is_the_same(void **state)
{
	struct sip_dialog d = sample(), back;
	uint8_t wire[SIP_DIALOG_WIRE_MAX];
	size_t len;
	(void)state;
	assert_int_equal(sip_dialog_encode(&d, wire, sizeof(wire), &len), 0);
	memset(&back, 0xaa, sizeof(back));
	assert_int_equal(sip_dialog_decode(&back, wire, len), 0);
	uint8_t again[SIP_DIALOG_WIRE_MAX];
	size_t again_len;
	assert_int_equal(sip_dialog_encode(&back, again, sizeof(again), &again_len), 0);
	assert_int_equal(len, again_len);
	assert_memory_equal(wire, again, len);
	assert_string_equal(back.callid, d.callid);
	assert_string_equal(back.routes[1], d.routes[1]);
	assert_int_equal(back.local_cseq, d.local_cseq);
	assert_int_equal(back.sdp_session, d.sdp_session);
	assert_int_equal(back.remote_sdp.codec, SIP_PCMA);
	assert_true(back.refresher_is_us && back.confirmed);
}

static void the_bytes_of_version_1_stay_what_they_are(void **state)
{
	/* A node of an older build must read what a newer one wrote, and the other way round. */
	static const uint8_t head[] = {'H', 'S', 'D', 1, 0, 31, 'a', '8', '4', 'b'};
	struct sip_dialog d = sample();
	uint8_t wire[SIP_DIALOG_WIRE_MAX];
	size_t len;
	(void)state;
	assert_int_equal(sip_dialog_encode(&d, wire, sizeof(wire), &len), 0);
	assert_memory_equal(wire, head, sizeof(head));
	assert_int_equal(len, 273);
	char hex[2 * SIP_DIALOG_WIRE_MAX + 1];
	hex_encode(hex, wire, len);
	assert_int_equal(hash_str(hex), 0x1c7c318e107961db);
}

static void the_longest_dialog_fits(void **state)
{
	struct sip_dialog d = sample(), back;
	uint8_t wire[SIP_DIALOG_WIRE_MAX];
	size_t len;
	(void)state;
#define FILL(f) memset(f, 'x', sizeof(f) - 1), f[sizeof(f) - 1] = '\0'
	FILL(d.callid);
	FILL(d.local_uri);
	FILL(d.remote_uri);
	FILL(d.local_tag);
	FILL(d.remote_tag);
	FILL(d.remote_target);
	FILL(d.local_contact);
	d.routes_n = SIP_ROUTES_MAX;
	for (unsigned i = 0; i < SIP_ROUTES_MAX; i++)
		FILL(d.routes[i]);
	assert_int_equal(sip_dialog_encode(&d, wire, sizeof(wire), &len), 0);
	assert_int_equal(sip_dialog_decode(&back, wire, len), 0);
	assert_string_equal(back.routes[7], d.routes[7]);
	assert_int_equal(sip_dialog_encode(&d, wire, len - 1, &len), EMSGSIZE);
}

static void every_truncation_is_refused(void **state)
{
	struct sip_dialog d = sample(), back;
	uint8_t wire[SIP_DIALOG_WIRE_MAX];
	size_t len;
	(void)state;
	assert_int_equal(sip_dialog_encode(&d, wire, sizeof(wire), &len), 0);
	for (size_t n = 0; n < len; n++)
		assert_int_equal(sip_dialog_decode(&back, wire, n), EBADMSG);
	assert_int_equal(sip_dialog_decode(&back, wire, len + 1), EBADMSG);
}

static void what_could_forge_a_header_is_refused(void **state)
{
	struct sip_dialog d = sample(), back;
	uint8_t wire[SIP_DIALOG_WIRE_MAX];
	size_t len;
	(void)state;
	(void)strcpy(d.remote_target, "sip:a@b\r\nX: y");
	assert_int_equal(sip_dialog_encode(&d, wire, sizeof(wire), &len), 0);
	assert_int_equal(sip_dialog_decode(&back, wire, len), EBADMSG);
	d = sample();
	d.local_tag[0] = '\0';
	assert_int_equal(sip_dialog_encode(&d, wire, sizeof(wire), &len), 0);
	assert_int_equal(sip_dialog_decode(&back, wire, len), EBADMSG);
}

static void a_newer_version_is_refused(void **state)
{
	struct sip_dialog d = sample(), back;
	uint8_t wire[SIP_DIALOG_WIRE_MAX];
	size_t len;
	(void)state;
	assert_int_equal(sip_dialog_encode(&d, wire, sizeof(wire), &len), 0);
	wire[3] = 2;
	assert_int_equal(sip_dialog_decode(&back, wire, len), EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_dialog_read_back_is_the_same),
	    cmocka_unit_test(the_bytes_of_version_1_stay_what_they_are),
	    cmocka_unit_test(the_longest_dialog_fits),
	    cmocka_unit_test(every_truncation_is_refused),
	    cmocka_unit_test(what_could_forge_a_header_is_refused),
	    cmocka_unit_test(a_newer_version_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
