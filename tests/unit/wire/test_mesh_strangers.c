/* What must not come in: strangers, impostors, rubbish, the past. */
#include "tests/unit/wire/mesh_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { PORT = 41010, HANDSHAKE_FAILED_AUTH = 0x4000, HANDSHAKE_SUCCEEDED = 0x1000 };

struct scene {
	struct fixture *f;
	struct mesh *b; /* oslo1, the one that is spoken to */
};

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	s->f = fixture_new(PORT);
	s->b = fixture_mesh(s->f, OSLO1, 1);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;
	mesh_free(s->b);
	fixture_free(s->f);
	free(s);
	return 0;
}

/* An envelope as the daemon `from` would write it. */
static Envelope written_by(uint32_t from, uint32_t boot)
{
	Envelope env = fixture_ping(1);
	env.version = MESH_PROTOCOL_VERSION;
	env.from = from;
	env.boot = boot;
	env.seq = 1;
	return env;
}

static void an_unknown_key_is_refused(void **state)
{
	struct scene *s = *state;
	Envelope env = written_by(OSLO_B1, 1), in;
	const uint8_t *payload;
	size_t len;
	zcert_t *stranger = zcert_new();
	zsock_t *dealer = fixture_dealer(s->f, OSLO1, stranger);
	assert_int_equal(fixture_raw_send(dealer, &env), 0);
	assert_int_equal(fixture_count(s->b, &mesh_counters(s->b)->refused, 1), 0);
	assert_int_equal(mesh_recv(s->b, &in, &payload, &len), EAGAIN);
	assert_int_equal(mesh_counters(s->b)->received, 0);
	assert_int_equal(mesh_counters(s->b)->bad_sender, 0);
	zsock_destroy(&dealer);
	zcert_destroy(&stranger);
}

static void one_without_any_key_is_not_heard(void **state)
{
	struct scene *s = *state;
	Envelope env = written_by(OSLO_B1, 1);
	zcert_t *known = fixture_cert(s->f, OSLO_B1);
	zsock_t *plain = zsock_new(ZMQ_DEALER);
	zsock_set_linger(plain, 0);
	assert_int_equal(zsock_connect(plain, "tcp://127.0.0.1:%d", PORT + 1), 0);
	assert_int_equal(fixture_raw_send(plain, &env), 0);
	/* A known one who connects later is heard, and only that one. */
	zsock_t *dealer = fixture_dealer(s->f, OSLO1, known);
	assert_int_equal(fixture_raw_send(dealer, &env), 0);
	assert_int_equal(fixture_count(s->b, &mesh_counters(s->b)->received, 1), 0);
	assert_int_equal(mesh_counters(s->b)->received, 1);
	zsock_destroy(&plain);
	zsock_destroy(&dealer);
	zcert_destroy(&known);
}

static void a_site_that_speaks_for_another_is_not_heard(void **state)
{
	struct scene *s = *state;
	Envelope spoofed = written_by(OSLO_B1, 1), honest = written_by(MANILA_B1, 1);
	zcert_t *manila = fixture_cert(s->f, MANILA_B1);
	zsock_t *dealer = fixture_dealer(s->f, OSLO1, manila);
	assert_int_equal(fixture_raw_send(dealer, &spoofed), 0);
	assert_int_equal(fixture_raw_send(dealer, &honest), 0);
	assert_int_equal(fixture_count(s->b, &mesh_counters(s->b)->received, 1), 0);
	assert_int_equal(mesh_counters(s->b)->bad_sender, 1);
	/* The impostor did not move what is known of the true one: boot 1 is still welcome. */
	assert_int_equal(mesh_counters(s->b)->stale_boot, 0);
	zsock_destroy(&dealer);
	zcert_destroy(&manila);
}

static void rubbish_is_dropped_and_counted(void **state)
{
	struct scene *s = *state;
	const struct mesh_counters *c = mesh_counters(s->b);
	Envelope good = written_by(OSLO_B1, 1), bad;
	zcert_t *known = fixture_cert(s->f, OSLO_B1);
	zsock_t *dealer = fixture_dealer(s->f, OSLO1, known);
	zstr_send(dealer, "this is no envelope");
	zstr_sendx(dealer, "a", "b", "c", "d", NULL);
	zstr_send(dealer, "");
	bad = good;
	bad.version = MESH_PROTOCOL_VERSION + 2;
	fixture_raw_send(dealer, &bad);
	bad = good;
	bad.boot = 0;
	fixture_raw_send(dealer, &bad);
	bad = good;
	bad.which_body = Envelope_gw_tag;
	memset(&bad.body, 0, sizeof(bad.body));
	bad.body.gw.kind = (GwFrame_Kind)77;
	bad.body.gw.conn = 1;
	fixture_raw_send(dealer, &bad);
	fixture_raw_send(dealer, &good);
	assert_int_equal(fixture_count(s->b, &c->received, 1), 0);
	assert_int_equal(c->bad_version, 2); /* an empty envelope has version 0 */
	assert_int_equal(c->bad_decode, 4);
	assert_int_equal(c->received, 1);
	zsock_destroy(&dealer);
	zcert_destroy(&known);
}

static void a_payload_where_none_belongs_is_dropped(void **state)
{
	struct scene *s = *state;
	const struct mesh_counters *c = mesh_counters(s->b);
	uint8_t ping[] = {0x08, 1, 0x10, 0xc0, 2, 0x18, 1, 0x72, 0}; /* version, from, boot, ping */
	zcert_t *known = fixture_cert(s->f, OSLO_B1);
	zsock_t *dealer = fixture_dealer(s->f, OSLO1, known);
	zsock_send(dealer, "bs", ping, sizeof(ping), "payload");
	zsock_send(dealer, "b", ping, sizeof(ping));
	assert_int_equal(fixture_count(s->b, &c->received, 1), 0);
	assert_int_equal(c->bad_decode, 1);
	zsock_destroy(&dealer);
	zcert_destroy(&known);
}

static void a_frame_beyond_the_limit_ends_the_connection(void **state)
{
	struct scene *s = *state;
	const struct mesh_counters *c = mesh_counters(s->b);
	static uint8_t big[4 * MESH_PAYLOAD_MAX];
	Envelope good = written_by(OSLO_B1, 1);
	zcert_t *known = fixture_cert(s->f, OSLO_B1);
	zsock_t *dealer = fixture_dealer(s->f, OSLO1, known);
	zactor_t *monitor = zactor_new(zmonitor, dealer);
	zstr_sendx(monitor, "LISTEN", "DISCONNECTED", NULL);
	zstr_send(monitor, "START");
	zsock_wait(monitor);
	fixture_raw_send(dealer, &good);
	assert_int_equal(fixture_count(s->b, &c->received, 1), 0);
	zsock_send(dealer, "b", big, sizeof(big));
	zsock_set_rcvtimeo(zactor_sock(monitor), DEADLINE_MS);
	zmsg_t *event = zmsg_recv(monitor);
	assert_non_null(event);
	assert_int_equal(c->received, 1);
	zmsg_destroy(&event);
	zactor_destroy(&monitor);
	zsock_destroy(&dealer);
	zcert_destroy(&known);
}

static void an_older_boot_than_last_seen_is_dropped(void **state)
{
	struct scene *s = *state;
	const struct mesh_counters *c = mesh_counters(s->b);
	Envelope now = written_by(OSLO_B1, 5), past = written_by(OSLO_B1, 4);
	zcert_t *known = fixture_cert(s->f, OSLO_B1);
	zsock_t *dealer = fixture_dealer(s->f, OSLO1, known);
	fixture_raw_send(dealer, &now);
	fixture_raw_send(dealer, &past);
	now.seq = 4; /* 2 and 3 are missing */
	fixture_raw_send(dealer, &now);
	assert_int_equal(fixture_count(s->b, &c->received, 2), 0);
	assert_int_equal(c->stale_boot, 1);
	assert_int_equal(c->gaps, 2);
	zsock_destroy(&dealer);
	zcert_destroy(&known);
}

static void a_callers_odd_name_is_cleaned_not_refused(void **state)
{
	struct scene *s = *state;
	Envelope env = written_by(OSLO_B1, 1), in;
	const uint8_t *payload;
	size_t len;
	zcert_t *known = fixture_cert(s->f, OSLO_B1);
	zsock_t *dealer = fixture_dealer(s->f, OSLO1, known);
	env.which_body = Envelope_acd_tag;
	memset(&env.body, 0, sizeof(env.body));
	env.body.acd.type = 1;
	strcpy(env.body.acd.caller_name, "K\xc3\xa5re \xff\x01 \xe2\x82");
	fixture_raw_send(dealer, &env);
	assert_int_equal(fixture_recv(s->b, &in, &payload, &len), 0);
	assert_string_equal(in.body.acd.caller_name, "K\xc3\xa5re ?? ??");
	zsock_destroy(&dealer);
	zcert_destroy(&known);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(an_unknown_key_is_refused),
	    T(one_without_any_key_is_not_heard),
	    T(a_site_that_speaks_for_another_is_not_heard),
	    T(rubbish_is_dropped_and_counted),
	    T(a_payload_where_none_belongs_is_dropped),
	    T(a_frame_beyond_the_limit_ends_the_connection),
	    T(an_older_boot_than_last_seen_is_dropped),
	    T(a_callers_odd_name_is_cleaned_not_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
