/* A daemon comes back with another key: known beforehand, it is let in and spoken to; else not. */
#include "tests/unit/wire/mesh_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { PORT = 41090 };

static void path_of(const struct fixture *f, char path[512], const char *name, const char *suffix)
{
	snprintf(path, 512, "%s/curve/%s%s", f->conf->keys_dir, name, suffix);
}

/* As `helio-keys rotate` does: a pair beside the one in use. */
static void next_pair(const struct fixture *f, uint16_t addr)
{
	char path[512];
	zcert_t *cert = zcert_new();
	const char *name = fixture_daemon(f, addr)->name;
	zcert_set_meta(cert, "name", "%s", name);
	zcert_set_meta(cert, "addr", "%u", addr);
	path_of(f, path, name, ".next.pub");
	assert_int_equal(zcert_save_public(cert, path), 0);
	path_of(f, path, name, ".next.key");
	assert_int_equal(zcert_save_secret(cert, path), 0);
	zcert_destroy(&cert);
}

static void move(const struct fixture *f, uint16_t addr, const char *from, const char *to)
{
	char a[512], b[512];
	path_of(f, a, fixture_daemon(f, addr)->name, from);
	path_of(f, b, fixture_daemon(f, addr)->name, to);
	assert_int_equal(rename(a, b), 0);
}

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

static void a_daemon_changes_its_key_and_the_others_go_on(void **state)
{
	struct fixture *f = *state;
	struct mesh *broker = fixture_mesh(f, OSLO_B1, 1), *node = fixture_mesh(f, OSLO1, 1),
		    *far = fixture_mesh(f, MANILA1, 1);
	assert_int_equal(fixture_link_up(broker, node, OSLO1), 0);
	assert_int_equal(fixture_link_up(far, broker, OSLO_B1), 0);
	next_pair(f, OSLO1);
	mesh_free(node);
	/* On its own machine the pair is the next one; the folder of the test is that of all, so
	 * the old public key lies where the next one would, and must not be taken. */
	move(f, OSLO1, ".next.key", ".key");
	move(f, OSLO1, ".pub", ".old");
	move(f, OSLO1, ".next.pub", ".pub");
	node = fixture_mesh(f, OSLO1, 2);
	move(f, OSLO1, ".pub", ".next.pub");
	move(f, OSLO1, ".old", ".pub");
	assert_int_equal(fixture_link_up(node, broker, OSLO_B1), 0);
	assert_int_equal(fixture_link_up(broker, node, OSLO1), 0);
	assert_int_equal(fixture_link_up(far, node, OSLO1), 0);
	assert_int_equal(fixture_link_up(far, broker, OSLO_B1), 0);
	mesh_free(far);
	mesh_free(node);
	mesh_free(broker);
}

static void the_old_key_is_no_longer_let_in(void **state)
{
	struct fixture *f = *state;
	zcert_t *old = fixture_cert(f, OSLO1);
	struct mesh *broker = fixture_mesh(f, OSLO_B1, 1);
	next_pair(f, OSLO1);
	move(f, OSLO1, ".next.key", ".key");
	move(f, OSLO1, ".next.pub", ".pub"); /* finished everywhere */
	struct mesh *node = fixture_mesh(f, OSLO1, 2);
	assert_int_equal(fixture_link_up(node, broker, OSLO_B1), 0);
	uint64_t refused = mesh_counters(broker)->refused;
	zsock_t *dealer = fixture_dealer(f, OSLO_B1, old);
	assert_int_equal(fixture_count(broker, &mesh_counters(broker)->refused, refused + 1), 0);
	zsock_destroy(&dealer);
	zcert_destroy(&old);
	mesh_free(node);
	mesh_free(broker);
}

static void a_rotation_can_be_taken_back(void **state)
{
	struct fixture *f = *state;
	struct mesh *broker = fixture_mesh(f, OSLO_B1, 1);
	next_pair(f, OSLO1);
	zcert_t *old = fixture_cert(f, OSLO1);
	char path[512];
	path_of(f, path, "oslo1", ".next.key");
	zcert_t *next = zcert_load(path);
	/* Both are on the disk of the broker: either may knock, in turn. */
	zcert_t *turns[] = {next, old, next};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(turns); i++) {
		Envelope env = fixture_ping(1);
		env.version = MESH_PROTOCOL_VERSION;
		env.from = OSLO1;
		env.boot = 1 + (uint32_t)i;
		env.seq = 1;
		zsock_t *dealer = fixture_dealer(f, OSLO_B1, turns[i]);
		assert_int_equal(fixture_raw_send(dealer, &env), 0);
		assert_int_equal(fixture_count(broker, &mesh_counters(broker)->received, 1 + i), 0);
		zsock_destroy(&dealer);
	}
	zcert_destroy(&old);
	zcert_destroy(&next);
	mesh_free(broker);
}

/* A daemon of a site that the others do not know yet knocks before they do. */
static void who_came_too_early_is_let_in_without_a_restart(void **state)
{
	struct fixture *f = *state;
	char path[512];
	struct mesh *broker = fixture_mesh(f, OSLO_B1, 1);
	next_pair(f, OSLO1);
	move(f, OSLO1, ".next.pub", ".unknown");
	path_of(f, path, "oslo1", ".next.key");
	zcert_t *next = zcert_load(path);
	zsock_t *dealer = fixture_dealer(f, OSLO_B1, next);
	assert_int_equal(fixture_count(broker, &mesh_counters(broker)->refused, 1), 0);
	move(f, OSLO1, ".unknown", ".next.pub");
	Envelope env = fixture_ping(1);
	env.version = MESH_PROTOCOL_VERSION;
	env.from = OSLO1;
	env.boot = 1;
	env.seq = 1;
	assert_int_equal(fixture_raw_send(dealer, &env), 0);
	assert_int_equal(fixture_count(broker, &mesh_counters(broker)->received, 1), 0);
	zsock_destroy(&dealer);
	zcert_destroy(&next);
	mesh_free(broker);
}

static void a_key_of_another_daemon_is_not_taken(void **state)
{
	struct fixture *f = *state;
	char from[512], to[512];
	struct mesh *broker = fixture_mesh(f, OSLO_B1, 1);
	/* manila1's next key under oslo1's name: its metadata says whose it is. */
	next_pair(f, MANILA1);
	path_of(f, from, "manila1", ".next.pub");
	path_of(f, to, "oslo1", ".next.pub");
	assert_int_equal(rename(from, to), 0);
	path_of(f, from, "manila1", ".next.key");
	zcert_t *next = zcert_load(from);
	zsock_t *dealer = fixture_dealer(f, OSLO_B1, next);
	assert_int_equal(fixture_count(broker, &mesh_counters(broker)->refused, 1), 0);
	assert_int_equal(mesh_counters(broker)->received, 0);
	zsock_destroy(&dealer);
	zcert_destroy(&next);
	mesh_free(broker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_daemon_changes_its_key_and_the_others_go_on, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(the_old_key_is_no_longer_let_in, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_rotation_can_be_taken_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(who_came_too_early_is_let_in_without_a_restart, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(a_key_of_another_daemon_is_not_taken, setup, teardown),
	};
	return cmocka_run_group_tests_name("mesh_rotate", tests, NULL, NULL);
}
