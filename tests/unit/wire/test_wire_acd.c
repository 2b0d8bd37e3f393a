/* struct acd_msg on the wire: every field there and back, every range guarded. */
#include "common/wire/mesh.h"
#include "common/wire/envelope.h"
#include "common/acd/acd.h"
#include "common/base/base.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include <pb_common.h>

/* No two fields are equal, so that two that were swapped show. */
static struct acd_msg full(void)
{
	struct acd_msg m;
	memset(&m, 0, sizeof(m));
	m.type = ACD_MSG_GRANT;
	m.offer.v = 0x1111111111111111;
	m.call.v = 0x2222222222222222;
	m.session.v = 0x3333333333333333;
	m.agent.v = 0x4444444444444444;
	m.skills.bits = 0x8000000000000005;
	m.queue.v = 0x66666666;
	m.cepoch = 64 * 7 + 3;
	m.version = 8;
	m.digest = 0x9999999999999999;
	m.age_us = 10;
	m.idle_us = 11;
	m.count = 12;
	m.wanted = 13;
	m.wrap_up_ms = 14;
	m.ring_timeout_ms = 15;
	m.node.v = 0x0110;
	m.peer.v = 0xff11;
	m.site = 255;
	m.priority = 18;
	m.state = ACD_AGENT_WRAP;
	m.cause = ACD_CAUSE_DRAINING;
	return m;
}

static void every_field_comes_back(void **state)
{
	(void)state;
	struct acd_msg m = full(), back;
	Envelope env = Envelope_init_zero, in;
	uint8_t buf[Envelope_size];
	size_t len;
	memset(&back, 0xff, sizeof(back));
	env.version = MESH_PROTOCOL_VERSION;
	env.from = 0x0140;
	env.boot = 1;
	env.which_body = Envelope_acd_tag;
	wire_acd_to_pb(&env.body.acd, &m);
	assert_int_equal(envelope_encode(buf, &len, &env), 0);
	assert_int_equal(envelope_decode(&in, buf, len), 0);
	assert_int_equal(wire_acd_from_pb(&back, &in.body.acd), 0);
	assert_int_equal(back.type, m.type);
	assert_true(back.offer.v == m.offer.v && back.call.v == m.call.v);
	assert_true(back.session.v == m.session.v && back.agent.v == m.agent.v);
	assert_true(back.skills.bits == m.skills.bits && back.queue.v == m.queue.v);
	assert_true(back.cepoch == m.cepoch && back.version == m.version);
	assert_true(back.digest == m.digest);
	assert_true(back.age_us == m.age_us && back.idle_us == m.idle_us);
	assert_true(back.count == m.count && back.wanted == m.wanted);
	assert_int_equal(back.wrap_up_ms, m.wrap_up_ms);
	assert_int_equal(back.ring_timeout_ms, m.ring_timeout_ms);
	assert_true(back.node.v == m.node.v && back.peer.v == m.peer.v);
	assert_true(back.site == m.site && back.priority == m.priority);
	assert_true(back.state == m.state && back.cause == m.cause);
}

static void a_value_out_of_its_range_is_refused(void **state)
{
	(void)state;
	struct acd_msg m = full(), back;
	Acd good, bad;
	wire_acd_to_pb(&good, &m);
	assert_int_equal(wire_acd_from_pb(&back, &good), 0);
	const struct {
		uint32_t *field;
		uint32_t value;
	} table[] = {
	    {&bad.type, ACD_MSG_NONE},
	    {&bad.type, ACD_MSG_TYPE_COUNT},
	    {&bad.node, 0x10000},
	    {&bad.peer, 0x10000},
	    {&bad.site, 256},
	    {&bad.priority, 256},
	    {&bad.state, ACD_AGENT_GRACE + 1},
	    {&bad.cause, ACD_CAUSE_CLOSED + 1},
	};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(table); i++) {
		bad = good;
		*table[i].field = table[i].value;
		assert_int_equal(wire_acd_from_pb(&back, &bad), EBADMSG);
	}
	bad = good;
	bad.age_us = UINT64_MAX;
	assert_int_equal(wire_acd_from_pb(&back, &bad), EBADMSG);
	bad = good;
	bad.idle_us = UINT64_MAX;
	assert_int_equal(wire_acd_from_pb(&back, &bad), EBADMSG);
}

static void a_cut_envelope_is_refused_at_every_length(void **state)
{
	(void)state;
	struct acd_msg m = full();
	Envelope env = Envelope_init_zero, in;
	uint8_t buf[Envelope_size];
	size_t len, refused = 0;
	env.version = MESH_PROTOCOL_VERSION;
	env.from = 0x0140;
	env.boot = 1;
	env.which_body = Envelope_acd_tag;
	wire_acd_to_pb(&env.body.acd, &m);
	assert_int_equal(envelope_encode(buf, &len, &env), 0);
	for (size_t n = 0; n < len; n++)
		refused += envelope_decode(&in, buf, n) != 0;
	assert_int_equal(refused, len);
}

/* A body that the schema has and the decoder's check has not would be dropped without a word. */
static void every_body_of_the_schema_passes_the_decoder(void **state)
{
	Envelope env = Envelope_init_zero, in;
	pb_field_iter_t it;
	uint8_t buf[Envelope_size];
	size_t len, bodies = 0;
	(void)state;
	assert_true(pb_field_iter_begin(&it, Envelope_fields, &env));
	do {
		if (PB_HTYPE(it.type) != PB_HTYPE_ONEOF)
			continue;
		memset(&env, 0, sizeof(env));
		env.version = MESH_PROTOCOL_VERSION;
		env.from = 0x0140;
		env.boot = 1;
		env.which_body = it.tag;
		if (it.tag == Envelope_gw_tag) {
			env.body.gw.kind = GwFrame_Kind_OPEN;
			env.body.gw.conn = 1;
		}
		assert_int_equal(envelope_encode(buf, &len, &env), 0);
		assert_int_equal(envelope_decode(&in, buf, len), 0);
		assert_int_equal(in.which_body, it.tag);
		bodies++;
	} while (pb_field_iter_next(&it));
	assert_true(bodies >= 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_field_comes_back),
	    cmocka_unit_test(a_value_out_of_its_range_is_refused),
	    cmocka_unit_test(a_cut_envelope_is_refused_at_every_length),
	    cmocka_unit_test(every_body_of_the_schema_passes_the_decoder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
