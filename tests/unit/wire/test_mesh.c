/* Two daemons over real sockets: what is sent arrives, whole and in order, and links come back. */
#include "tests/unit/wire/mesh_fixture.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { PORT = 41000 };

static int setup(void **state)
{
	*state = fixture_new(PORT);
	return 0;
}

static int teardown(void **state)
{
	fixture_free(*state);
	return 0;
}

static void two_meshes_talk_both_ways(void **state)
{
	struct mesh *a = fixture_mesh(*state, OSLO_B1, 1), *b = fixture_mesh(*state, MANILA1, 9);
	Envelope env, in;
	const uint8_t *payload;
	size_t len;
	assert_int_equal(fixture_link_up(a, b, MANILA1), 0);
	assert_int_equal(fixture_link_up(b, a, OSLO_B1), 0);

	env = fixture_ping(7);
	assert_int_equal(mesh_send(a, MANILA1, &env, NULL, 0), 0);
	assert_int_equal(fixture_recv(b, &in, &payload, &len), 0);
	assert_int_equal(in.from, OSLO_B1);
	assert_int_equal(in.boot, 1);
	assert_int_equal(in.version, MESH_PROTOCOL_VERSION);
	assert_int_equal(in.which_body, Envelope_ping_tag);
	assert_int_equal(in.body.ping.token, 7);
	assert_int_equal(len, 0);

	env = fixture_ping(8);
	assert_int_equal(mesh_send(b, OSLO_B1, &env, NULL, 0), 0);
	assert_int_equal(fixture_recv(a, &in, &payload, &len), 0);
	assert_int_equal(in.from, MANILA1);
	assert_int_equal(in.boot, 9);
	assert_int_equal(in.body.ping.token, 8);
	mesh_free(a);
	mesh_free(b);
}

static void a_payload_travels_whole(void **state)
{
	static uint8_t big[MESH_PAYLOAD_MAX + 1];
	struct mesh *a = fixture_mesh(*state, OSLO_B1, 1), *b = fixture_mesh(*state, OSLO1, 1);
	Envelope env = Envelope_init_zero, in;
	const uint8_t *payload;
	size_t len;
	random_bytes(big, sizeof(big));
	assert_int_equal(fixture_link_up(a, b, OSLO1), 0);
	env.which_body = Envelope_gw_tag;
	env.body.gw.kind = GwFrame_Kind_FRAME;
	env.body.gw.conn = 42;
	assert_int_equal(mesh_send(a, OSLO1, &env, big, MESH_PAYLOAD_MAX), 0);
	assert_int_equal(fixture_recv(b, &in, &payload, &len), 0);
	assert_int_equal(in.body.gw.conn, 42);
	assert_int_equal(len, MESH_PAYLOAD_MAX);
	assert_memory_equal(payload, big, len);
	assert_int_equal(mesh_send(a, OSLO1, &env, big, sizeof(big)), EMSGSIZE);
	assert_int_equal(mesh_counters(a)->too_big, 1);
	mesh_free(a);
	mesh_free(b);
}

/* The descriptor is edge-triggered: a reader that drains on each wake-up must miss nothing. */
static void a_thousand_of_a_thousand_arrive_in_order(void **state)
{
	struct mesh *a = fixture_mesh(*state, OSLO_B1, 1), *b = fixture_mesh(*state, OSLO1, 1);
	const uint8_t *payload;
	size_t len;
	assert_int_equal(fixture_link_up(a, b, OSLO1), 0);
	uint64_t before = mesh_counters(a)->sent;
	for (uint64_t i = 0; i < 1000; i++) {
		Envelope env = fixture_ping(i);
		assert_int_equal(mesh_send(a, OSLO1, &env, NULL, 0), 0);
	}
	for (uint64_t i = 0; i < 1000; i++) {
		Envelope in;
		assert_int_equal(fixture_recv(b, &in, &payload, &len), 0);
		assert_int_equal(in.body.ping.token, i);
	}
	assert_int_equal(mesh_counters(b)->gaps, 0);
	assert_int_equal(mesh_counters(a)->sent - before, 1000);
	mesh_free(a);
	mesh_free(b);
}

static void a_restarted_peer_is_found_again(void **state)
{
	struct mesh *a = fixture_mesh(*state, OSLO_B1, 1), *b = fixture_mesh(*state, OSLO1, 1);
	assert_int_equal(fixture_link_up(a, b, OSLO1), 0);
	assert_int_equal(fixture_link_up(b, a, OSLO_B1), 0);
	assert_true(mesh_up(a, OSLO1));
	assert_false(mesh_up(a, MANILA1)); /* never was there */
	mesh_free(b);
	for (int64_t end = zclock_mono() + DEADLINE_MS; mesh_up(a, OSLO1);)
		assert_true(zclock_mono() < end);
	b = fixture_mesh(*state, OSLO1, 2);
	assert_int_equal(fixture_link_up(a, b, OSLO1), 0);
	assert_true(mesh_up(a, OSLO1));
	assert_int_equal(fixture_link_up(b, a, OSLO_B1), 0);
	assert_int_equal(mesh_counters(a)->stale_boot, 0);
	mesh_free(a);
	mesh_free(b);
}

static void what_is_sent_to_an_absent_peer_is_dropped_and_counted(void **state)
{
	struct mesh *a = fixture_mesh(*state, OSLO_B1, 1);
	for (int i = 0; i < 10; i++) {
		Envelope env = fixture_ping(1);
		assert_int_equal(mesh_send(a, MANILA_B1, &env, NULL, 0), EAGAIN);
	}
	assert_int_equal(mesh_counters(a)->send_dropped, 10);
	assert_int_equal(mesh_counters(a)->sent, 0);
	Envelope env = fixture_ping(1);
	assert_int_equal(mesh_send(a, 0x0999, &env, NULL, 0), ENOENT);
	mesh_free(a);
}

static void a_port_in_use_is_said_in_words(void **state)
{
	char why[256];
	struct mesh *a = fixture_mesh(*state, OSLO_B1, 1), *second = NULL;
	assert_int_equal(mesh_open(&second, ((struct fixture *)*state)->conf, OSLO_B1, 2, why),
			 EADDRINUSE);
	assert_non_null(strstr(why, "running already"));
	assert_null(second);
	mesh_free(a);
}

static void a_missing_key_is_named(void **state)
{
	struct fixture *f = *state;
	char why[256], path[512];
	struct mesh *m = NULL;
	snprintf(path, sizeof(path), "%s/curve/manila1.pub", f->dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mesh_open(&m, f->conf, OSLO_B1, 1, why), ENOENT);
	assert_non_null(strstr(why, "manila1.pub"));
}

static void a_key_copied_to_another_name_is_refused(void **state)
{
	struct fixture *f = *state;
	char why[256], path[512];
	struct mesh *m = NULL;
	zcert_t *cert = fixture_cert(f, OSLO1);
	snprintf(path, sizeof(path), "%s/curve/manila1.pub", f->dir);
	assert_int_equal(zcert_save_public(cert, path), 0);
	assert_int_equal(mesh_open(&m, f->conf, OSLO_B1, 1, why), EINVAL);
	assert_non_null(strstr(why, "manila1.pub"));
	zcert_destroy(&cert);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(two_meshes_talk_both_ways, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_payload_travels_whole, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_thousand_of_a_thousand_arrive_in_order, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(a_restarted_peer_is_found_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_sent_to_an_absent_peer_is_dropped_and_counted,
					    setup, teardown),
	    cmocka_unit_test_setup_teardown(a_port_in_use_is_said_in_words, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_missing_key_is_named, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_key_copied_to_another_name_is_refused, setup,
					    teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
