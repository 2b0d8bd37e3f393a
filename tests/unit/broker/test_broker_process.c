/* helio-broker as a process: how it starts, what it says, how it ends. */
#include "tests/unit/broker/mini_node.h"

#include <czmq.h>
#include <jansson.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { PORT = 41300 };

static int setup(void **state)
{
	struct cluster *c = calloc(1, sizeof(*c));
	cluster_open(c, PORT);
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	cluster_close(*state);
	free(*state);
	return 0;
}

static json_t *ask(const struct cluster *c, const char *name, const char *request)
{
	zsock_t *s = zsock_new(ZMQ_DEALER);
	zsock_set_rcvtimeo(s, WAIT_MS);
	zsock_set_linger(s, 0);
	assert_int_equal(zsock_connect(s, "ipc://%s/run/%s.admin", c->dir, name), 0);
	zstr_send(s, request);
	char *text = zstr_recv(s);
	zsock_destroy(&s);
	assert_non_null(text);
	json_t *o = json_loads(text, 0, NULL);
	zstr_free(&text);
	assert_non_null(o);
	return o;
}

static void wait_log(const struct cluster *c, const char *name, const char *text)
{
	uint64_t end = mono_us() + WAIT_MS * 1000ull;
	while (!log_has(c, name, text)) {
		if (mono_us() >= end)
			log_print(c, name);
		assert_true(mono_us() < end);
		poll(NULL, 0, 10);
	}
}

static void sigterm_and_sigint_end_it_with_exit_code_0(void **state)
{
	struct cluster *c = *state;
	const int sig[] = {SIGTERM, SIGINT};
	for (int i = 0; i < 2; i++) {
		pid_t pid = broker_start(c, "oslo-b1", NULL);
		char up[32];
		/* Each start is a new boot, counted on disk. */
		snprintf(up, sizeof(up), "boot=%d", i + 1);
		wait_log(c, "oslo-b1", up);
		assert_int_equal(broker_end(pid, sig[i]), 0);
	}
	assert_true(log_has(c, "oslo-b1", "event=broker.stopping"));
}

static void status_shows_who_is_heard(void **state)
{
	struct cluster *c = *state;
	pid_t pid = broker_start(c, "oslo-b1", NULL);
	static struct mini_node node;
	mini_open(&node, c, OSLO1, 1);
	uint64_t end = mono_us() + WAIT_MS * 1000ull;
	bool up = false;
	struct acd_event ev = {.type = ACD_EV_TIME};
	while (!up && mono_us() < end) {
		mini_event(&node, &ev);
		Envelope env = Envelope_init_zero;
		env.which_body = Envelope_node_status_tag;
		env.body.node_status.sessions = 7;
		env.body.node_status.config_hash = 1;
		(void)mesh_send(node.mesh, OSLO_B1, &env, NULL, 0);
		json_t *o = ask(c, "oslo-b1", "{\"cmd\": \"status\"}");
		assert_true(json_is_true(json_object_get(o, "ok")));
		assert_string_equal(json_string_value(json_object_get(o, "role")), "broker");
		assert_int_equal(json_integer_value(json_object_get(o, "queues")), 2);
		json_t *n = json_array_get(json_object_get(o, "nodes"), 0);
		assert_string_equal(json_string_value(json_object_get(n, "name")), "oslo1");
		up = json_is_true(json_object_get(n, "up")) &&
		     json_integer_value(json_object_get(o, "agents")) == 7;
		json_decref(o);
	}
	assert_true(up);
	/* Its configuration is not ours: said in the log. */
	wait_log(c, "oslo-b1", "event=config.differs");
	mini_close(&node);
	wait_log(c, "oslo-b1", "event=peer.silent");
	assert_int_equal(broker_end(pid, SIGTERM), 0);
}

static void queues_are_listed_and_an_unknown_command_is_answered(void **state)
{
	struct cluster *c = *state;
	pid_t pid = broker_start(c, "oslo-b1", NULL);
	json_t *o = ask(c, "oslo-b1", "{\"cmd\": \"queues\"}");
	assert_int_equal(json_array_size(json_object_get(o, "queues")), 2);
	json_decref(o);
	o = ask(c, "oslo-b1", "{\"cmd\": \"dance\"}");
	assert_true(json_is_false(json_object_get(o, "ok")));
	assert_non_null(json_string_value(json_object_get(o, "remedy")));
	json_decref(o);
	o = ask(c, "oslo-b1", "{\"cmd\": \"calls\"}");
	assert_true(json_is_false(json_object_get(o, "ok")));
	json_decref(o);
	assert_int_equal(broker_end(pid, SIGTERM), 0);
}

static void a_second_one_of_the_same_name_is_told_so(void **state)
{
	struct cluster *c = *state;
	pid_t pid = broker_start(c, "oslo-b1", NULL);
	wait_log(c, "oslo-b1", "event=broker.up");
	pid_t second = broker_start(c, "oslo-b1", NULL);
	wait_log(c, "oslo-b1", "event=start.failed");
	assert_int_equal(broker_end(second, 0), 1);
	assert_false(log_has(c, "oslo-b1", "boot=2"));
	assert_int_equal(broker_end(pid, SIGTERM), 0);
}

static void a_stranger_at_the_door_is_said_in_the_log(void **state)
{
	struct cluster *c = *state;
	char path[256];
	pid_t pid = broker_start(c, "oslo-b1", NULL);
	wait_log(c, "oslo-b1", "event=broker.up");
	snprintf(path, sizeof(path), "%s/keys/curve/oslo-b1.pub", c->dir);
	zcert_t *server = zcert_load(path), *stranger = zcert_new();
	zsock_t *s = zsock_new(ZMQ_DEALER);
	zsock_set_curve_serverkey(s, zcert_public_txt(server));
	zcert_apply(stranger, s);
	zsock_set_linger(s, 0);
	assert_int_equal(zsock_connect(s, "tcp://127.0.0.1:%d", PORT), 0);
	wait_log(c, "oslo-b1", "event=mesh.bad refused=");
	zsock_destroy(&s);
	zcert_destroy(&server);
	zcert_destroy(&stranger);
	assert_int_equal(broker_end(pid, SIGTERM), 0);
}

/* A peer that sends without pause must not keep the admin socket or the timers waiting. */
static void a_flood_does_not_starve_the_rest(void **state)
{
	struct cluster *c = *state;
	pid_t pid = broker_start(c, "oslo-b1", NULL);
	static struct mini_node node;
	mini_open(&node, c, OSLO1, 1);
	uint64_t sent = 0, end = mono_us() + WAIT_MS * 1000ull;
	while (sent < 20000 && mono_us() < end) {
		Envelope env = Envelope_init_zero;
		env.which_body = Envelope_ping_tag;
		env.body.ping.reply = true; /* heard, and not answered */
		sent += mesh_send(node.mesh, OSLO_B1, &env, NULL, 0) == 0;
	}
	assert_int_equal(sent, 20000);
	json_t *o = ask(c, "oslo-b1", "{\"cmd\": \"status\"}");
	assert_true(json_is_true(json_object_get(o, "ok")));
	json_decref(o);
	mini_close(&node);
	assert_int_equal(broker_end(pid, SIGTERM), 0);
}

static void help_teaches_and_mistakes_are_named(void **state)
{
	struct cluster *c = *state;
	static char out[16384];
	char program[] = "helio-broker", help[] = "--help", config[] = "--config",
	     name[] = "--name", wrong[] = "oslo1", level[] = "--log-level", loud[] = "loud";
	char *const ask_help[] = {program, help, NULL};
	assert_int_equal(broker_run_args(ask_help, out, sizeof(out)), 0);
	assert_non_null(strstr(out, "--config FILE"));
	assert_non_null(strstr(out, "helio-keys"));
	char *const nothing[] = {program, NULL};
	assert_int_equal(broker_run_args(nothing, out, sizeof(out)), 2);
	assert_non_null(strstr(out, "--help"));
	char *const not_a_broker[] = {program, config, c->file, name, wrong, NULL};
	assert_int_equal(broker_run_args(not_a_broker, out, sizeof(out)), 1);
	assert_non_null(strstr(out, "oslo-b1 manila-b1"));
	char *const bad_level[] = {program, config, c->file, name, wrong, level, loud, NULL};
	assert_int_equal(broker_run_args(bad_level, out, sizeof(out)), 2);
	assert_non_null(strstr(out, "loud"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(sigterm_and_sigint_end_it_with_exit_code_0),
	    T(status_shows_who_is_heard),
	    T(queues_are_listed_and_an_unknown_command_is_answered),
	    T(a_second_one_of_the_same_name_is_told_so),
	    T(a_stranger_at_the_door_is_said_in_the_log),
	    T(a_flood_does_not_starve_the_rest),
	    T(help_teaches_and_mistakes_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
