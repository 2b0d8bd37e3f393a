/* A call as the journal keeps it, read by the version of today and by the one before. */
#include "nodes/call_value.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const struct sip_dialog dialog = {.version = 1,
					 .callid = "abc",
					 .local_uri = "<sip:vip@oslo>",
					 .remote_uri = "<sip:4711@carrier>",
					 .local_tag = "l",
					 .remote_tag = "r",
					 .remote_target = "sip:4711@192.0.2.7",
					 .local_contact = "sip:vip@192.0.2.1",
					 .local_cseq = 5,
					 .remote_cseq = 6,
					 .cepoch = 65,
					 .confirmed = true};

static struct call_value a_value(void)
{
	return (struct call_value){
	    .queue = 0x12345678,
	    .offers = 3,
	    .agent_node = 0x101,
	    .rtp_port = 20002,
	    .entered_us = 1000,
	    .noted_us = 5000,
	    .wait_us = 77,
	    .entered_ms = 1700000000000,
	    .answered_ms = 1700000000100,
	    .agent = 42,
	    .offer = 43,
	    .session = 44,
	    .numbers = {.ssrc = 0xdeadbeef, .ts = 160, .seq = 9},
	    .caller = "+4722000001",
	    .caller_name = "Ada",
	};
}

static void with_steps(struct call_value *v)
{
	v->ptime_ms = 40;
	v->want[0] = (struct acd_want){.agent = {42}, .for_ms = 3000, .site = 2};
	v->want[1] = (struct acd_want){.pref = 1, .for_ms = 4000};
	v->want[2] = (struct acd_want){.agent = {43}, .for_ms = 5000, .site = 1};
}

static void assert_same(const struct call_value *a, const struct call_value *b)
{
	assert_memory_equal(a, b, sizeof(*a)); /* both were zeroed, padding too */
}

/* ---- the version before, as it was ---------------------------------------------------------- */

struct old {
	uint64_t number[14];
	char caller[256], caller_name[256];
	struct sip_dialog dialog;
};

static uint64_t old_u64(const uint8_t *p)
{
	uint64_t v = 0;
	for (size_t i = 0; i < 8; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static int old_read(struct old *o, const uint8_t *p, size_t len)
{
	size_t at = 0;
	for (int i = 0; i < 14; i++, at += 8)
		o->number[i] = old_u64(p + at);
	for (int i = 0; i < 2; i++) {
		char *out = i ? o->caller_name : o->caller;
		size_t n = p[at++];
		memcpy(out, p + at, n);
		out[n] = '\0';
		at += n;
	}
	return o->number[0] > 2 ? EBADMSG : sip_dialog_decode(&o->dialog, p + at, len - at);
}

static size_t old_write(uint8_t *out, size_t size, uint64_t version)
{
	/* queue, entered us and ms, answered, wait, offers, agent, node and port, offer, session,
	 * ssrc and ts, seq, noted */
	const struct call_value v = a_value();
	const uint64_t number[14] = {version,
				     v.queue,
				     v.entered_us,
				     (uint64_t)v.entered_ms,
				     (uint64_t)v.answered_ms,
				     v.wait_us,
				     v.offers,
				     v.agent,
				     (uint64_t)v.agent_node << 32 | v.rtp_port,
				     v.offer,
				     v.session,
				     (uint64_t)v.numbers.ssrc << 32 | v.numbers.ts,
				     v.numbers.seq,
				     v.noted_us};
	size_t at = 0, len = 0;
	for (int i = 0; i < (version > 1 ? 14 : 9); i++)
		for (int b = 0; b < 8; b++)
			out[at++] = (uint8_t)(number[i] >> (8 * b));
	const char *text[] = {v.caller, v.caller_name};
	for (int i = 0; i < 2; i++) {
		out[at++] = (uint8_t)strlen(text[i]);
		memcpy(out + at, text[i], strlen(text[i]));
		at += strlen(text[i]);
	}
	assert_int_equal(sip_dialog_encode(&dialog, out + at, size - at, &len), 0);
	return at + len;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static uint8_t wire[8192];

static size_t encoded(const struct call_value *v)
{
	size_t len = 0;
	assert_int_equal(call_value_encode(v, &dialog, wire, sizeof(wire), &len), 0);
	return len;
}

static void what_is_written_is_read_again(void **state)
{
	struct call_value v = a_value(), back = {0};
	struct sip_dialog d = {0};
	(void)state;
	assert_int_equal(call_value_decode(&back, &d, wire, encoded(&v)), 0);
	assert_same(&back, &v);
	assert_string_equal(d.callid, "abc");
	with_steps(&v);
	memset(&back, 0, sizeof(back));
	size_t len = encoded(&v);
	assert_int_equal(call_value_decode(&back, &d, wire, len), 0);
	assert_same(&back, &v);
	assert_int_equal(call_value_port(wire, len), 20002);
}

static void what_the_version_before_wrote_is_read(void **state)
{
	struct call_value v = a_value(), back = {0};
	struct sip_dialog d = {0};
	(void)state;
	size_t len = old_write(wire, sizeof(wire), 2);
	assert_int_equal(call_value_decode(&back, &d, wire, len), 0);
	assert_same(&back, &v);
	len = old_write(wire, sizeof(wire), 1);
	assert_int_equal(call_value_decode(&back, &d, wire, len), 0);
	assert_int_equal(back.numbers.ssrc, 0);
	assert_int_equal(back.offer, 0);
	assert_string_equal(back.caller_name, "Ada");
}

static void the_version_before_reads_what_is_written_now(void **state)
{
	struct call_value v = a_value();
	struct old o = {0};
	(void)state;
	with_steps(&v);
	assert_int_equal(old_read(&o, wire, encoded(&v)), 0);
	assert_string_equal(o.caller, "+4722000001");
	assert_string_equal(o.caller_name, "Ada");
	assert_string_equal(o.dialog.callid, "abc");
	assert_int_equal(o.number[7], 42);
	assert_int_equal(o.number[13], 5000);
}

static void a_call_without_steps_costs_no_byte_more(void **state)
{
	const struct call_value v = a_value();
	uint8_t old[8192];
	(void)state;
	size_t len = old_write(old, sizeof(old), 2);
	assert_int_equal(encoded(&v), len);
	assert_memory_equal(wire, old, len);
}

static void a_long_name_leaves_room_for_the_steps(void **state)
{
	struct call_value v = a_value(), back = {0};
	struct sip_dialog d;
	(void)state;
	with_steps(&v);
	memset(v.caller_name, 'n', sizeof(v.caller_name) - 1);
	assert_int_equal(call_value_decode(&back, &d, wire, encoded(&v)), 0);
	assert_memory_equal(back.want, v.want, sizeof(v.want));
	assert_memory_equal(back.caller_name, v.caller_name, 200);
	memset(v.want, 0, sizeof(v.want));
	v.ptime_ms = 0;
	assert_int_equal(call_value_decode(&back, &d, wire, encoded(&v)), 0);
	assert_string_equal(back.caller_name, v.caller_name);
}

static void steps_that_no_core_would_take_are_left_out(void **state)
{
	struct call_value v = a_value(), back = {0};
	struct sip_dialog d;
	(void)state;
	v.want[0] = (struct acd_want){.agent = {42}, .for_ms = ACD_WANT_MAX_MS + 1};
	assert_int_equal(call_value_decode(&back, &d, wire, encoded(&v)), 0);
	assert_int_equal(back.want[0].for_ms, 0);
	v.want[0] = (struct acd_want){.for_ms = 1000, .pref = ACD_PREFS_MAX + 1};
	assert_int_equal(call_value_decode(&back, &d, wire, encoded(&v)), 0);
	assert_int_equal(back.want[0].for_ms, 0);
	assert_string_equal(back.caller, "+4722000001");
}

static void a_field_of_a_later_version_is_skipped(void **state)
{
	struct call_value v = a_value(), back = {0};
	struct sip_dialog d;
	const uint8_t fields[] = {'\0', 200, 3, 'x', 'y', 'z', 2, 1, 60};
	(void)state;
	size_t len = encoded(&v), name = 14 * 8 + 1 + strlen(v.caller);
	size_t after = name + 1 + strlen(v.caller_name);
	memmove(wire + after + sizeof(fields), wire + after, len - after);
	memcpy(wire + after, fields, sizeof(fields));
	wire[name] = (uint8_t)(wire[name] + sizeof(fields));
	assert_int_equal(call_value_decode(&back, &d, wire, len + sizeof(fields)), 0);
	assert_int_equal(back.ptime_ms, 60);
	assert_string_equal(back.caller_name, "Ada");
}

static void what_is_cut_off_is_refused_at_every_byte(void **state)
{
	struct call_value v = a_value(), back = {0};
	struct sip_dialog d = {0};
	(void)state;
	with_steps(&v);
	size_t len = encoded(&v);
	for (size_t n = 0; n < len; n++)
		assert_int_equal(call_value_decode(&back, &d, wire, n), EBADMSG);
	assert_int_equal(d.callid[0], '\0');
	assert_string_equal(back.caller,
			    "+4722000001"); /* its record can be written all the same */
	assert_int_equal(call_value_encode(&v, &dialog, wire, len - 1, &len), EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_is_read_again),
	    cmocka_unit_test(what_the_version_before_wrote_is_read),
	    cmocka_unit_test(the_version_before_reads_what_is_written_now),
	    cmocka_unit_test(a_call_without_steps_costs_no_byte_more),
	    cmocka_unit_test(a_long_name_leaves_room_for_the_steps),
	    cmocka_unit_test(steps_that_no_core_would_take_are_left_out),
	    cmocka_unit_test(a_field_of_a_later_version_is_skipped),
	    cmocka_unit_test(what_is_cut_off_is_refused_at_every_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
