/* Redis frozen, killed, absent: nobody waits for it, and afterwards the directory is right again.
 */
#include "tests/unit/presence/redis_fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum {
	PORT = 41110,
	AGENTS = 200,
	/* What a step may cost by itself; and by the wall, where other processes take their share
	 * of the processor: waiting for a frozen Redis would be seconds. */
	STEP_CPU_MAX_US = 5000,
	STEP_WALL_MAX_US = 500000,
};

struct scene {
	struct redis_server server;
	redisContext *c;
	struct presence *p[2];
	const char *agent, *field, *value;
	uint64_t n;
};

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct conf_redis conf = redis_conf(PORT, 0);
	redis_start(&s->server, PORT);
	s->c = redis_look(&s->server);
	if (presence_open(&s->p[0], &conf, "manila1", 7, mono_us()))
		return -1;
	step_cpu_max_us = step_wall_max_us = 0;
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;
	presence_close(s->p[0]);
	if (s->c)
		redisFree(s->c);
	redis_stop(&s->server);
	free(s);
	return 0;
}

static bool field_is(void *arg)
{
	struct scene *s = arg;
	return strcmp(redis_field(s->c, s->agent, s->field), s->value) == 0;
}

static int until_field(struct scene *s, const char *agent, const char *field, const char *value)
{
	s->agent = agent;
	s->field = field;
	s->value = value;
	return drive_until(s->p, field_is, s);
}

static bool timeouts_reached(void *arg)
{
	struct scene *s = arg;
	return presence_counters(s->p[0])->timeouts >= s->n;
}

static bool is_down(void *arg)
{
	return !presence_is_up(((struct scene *)arg)->p[0]);
}

static void put_all(struct scene *s, const char *state, uint64_t version)
{
	for (int i = 0; i < AGENTS; i++) {
		char name[24];
		snprintf(name, sizeof(name), "agent%d", i);
		struct presence_agent a = agent_make(name, name, state, 0, version);
		assert_int_equal(presence_put(s->p[0], &a), 0);
	}
}

static int until_all(struct scene *s, const char *state)
{
	int err = 0;
	for (int i = 0; !err && i < AGENTS; i++) {
		char name[24];
		snprintf(name, sizeof(name), "agent%d", i);
		err = until_field(s, name, "state", state);
	}
	return err;
}

static void nobody_waited(void)
{
	print_message("longest step: %llu us of processor, %llu us by the wall\n",
		      (unsigned long long)step_cpu_max_us, (unsigned long long)step_wall_max_us);
	assert_in_range(step_cpu_max_us, 0, STEP_CPU_MAX_US);
	assert_in_range(step_wall_max_us, 0, STEP_WALL_MAX_US);
}

static void a_frozen_redis_holds_nobody_up_and_is_right_after_the_thaw(void **state)
{
	struct scene *s = *state;
	put_all(s, "idle", 1);
	assert_int_equal(until_all(s, "idle"), 0);
	redis_signal(&s->server, SIGSTOP);
	put_all(s, "ringing", 2);
	/* Two timeouts: the connection that was up, and one that was accepted by the kernel alone.
	 */
	s->n = 2;
	assert_int_equal(drive_until(s->p, timeouts_reached, s), 0);
	assert_false(presence_is_up(s->p[0]));
	put_all(s, "talking", 3);
	for (int i = 0; i < AGENTS; i += 2) {
		char name[24];
		snprintf(name, sizeof(name), "agent%d", i);
		assert_int_equal(presence_drop(s->p[0], name), 0);
	}
	put_all(s, "wrap", 4);
	nobody_waited();
	redis_signal(&s->server, SIGCONT);
	assert_int_equal(until_all(s, "wrap"), 0);
	assert_string_equal(redis_field(s->c, "agent1", "version"), "4");
	/* Dropped and back within the freeze: the same session, so the same number. */
	assert_string_equal(redis_field(s->c, "agent0", "login_no"), "1");
	nobody_waited();
}

static void a_redis_killed_and_empty_is_filled_again(void **state)
{
	struct scene *s = *state;
	put_all(s, "idle", 1);
	assert_int_equal(until_all(s, "idle"), 0);
	redisFree(s->c);
	s->c = NULL;
	redis_stop(&s->server);
	assert_int_equal(drive_until(s->p, is_down, s), 0);
	struct presence_agent a = agent_make("agent7", "agent7", "talking", 0, 2);
	presence_put(s->p[0], &a);
	assert_int_equal(presence_drop(s->p[0], "agent8"), 0);
	redis_start(&s->server, PORT);
	s->c = redis_look(&s->server);
	assert_string_equal(redis_field(s->c, "agent0", "state"), "");
	assert_int_equal(until_field(s, "agent7", "state", "talking"), 0);
	for (int i = 9; i < AGENTS; i++) {
		char name[24];
		snprintf(name, sizeof(name), "agent%d", i);
		assert_int_equal(until_field(s, name, "state", "idle"), 0);
	}
	assert_string_equal(redis_field(s->c, "agent8", "state"), "");
	redisReply *r = redisCommand(s->c, "EXISTS helio:lease:manila1");
	assert_int_equal(r->integer, 1);
	freeReplyObject(r);
	nobody_waited();
}

static void a_redis_absent_from_the_start_is_used_once_it_is_there(void **state)
{
	struct scene *s = *state;
	redisFree(s->c);
	s->c = NULL;
	redis_stop(&s->server);
	put_all(s, "idle", 1);
	drive_for(s->p, 300);
	assert_false(presence_is_up(s->p[0]));
	assert_in_range(presence_counters(s->p[0])->errors, 1, 10);
	redis_start(&s->server, PORT);
	s->c = redis_look(&s->server);
	assert_int_equal(until_all(s, "idle"), 0);
	nobody_waited();
}

static bool lease_is_gone(void *arg)
{
	struct scene *s = arg;
	redisReply *r = redisCommand(s->c, "EXISTS helio:lease:manila1");
	bool gone = r && r->integer == 0;
	freeReplyObject(r);
	return gone;
}

/* A node that is killed says nothing: presence that is no longer driven stands for it. */
static void the_lease_of_a_node_that_falls_silent_runs_out(void **state)
{
	struct scene *s = *state;
	struct presence *none[] = {NULL};
	struct presence_agent a = agent_make("maria", "s1", "idle", 1, 1);
	presence_put(s->p[0], &a);
	assert_int_equal(until_field(s, "maria", "state", "idle"), 0);
	assert_false(lease_is_gone(s));
	drive_for(s->p, 2500); /* one renewal */
	redisReply *r = redisCommand(s->c, "PTTL helio:lease:manila1");
	assert_in_range(r->integer, 4000, 6000);
	freeReplyObject(r);
	assert_int_equal(drive_until(none, lease_is_gone, s), 0);
}

static void a_master_that_becomes_a_replica_is_left(void **state)
{
	struct scene *s = *state;
	struct presence_agent a = agent_make("maria", "s1", "idle", 1, 1);
	presence_put(s->p[0], &a);
	assert_int_equal(until_field(s, "maria", "state", "idle"), 0);
	freeReplyObject(redisCommand(s->c, "REPLICAOF 127.0.0.1 %d", PORT + 5));
	a = agent_make("maria", "s1", "ringing", 1, 2);
	presence_put(s->p[0], &a);
	assert_int_equal(drive_until(s->p, is_down, s), 0);
	assert_string_equal(redis_field(s->c, "maria", "state"), "idle");
	freeReplyObject(redisCommand(s->c, "REPLICAOF NO ONE"));
	assert_int_equal(until_field(s, "maria", "state", "ringing"), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(a_frozen_redis_holds_nobody_up_and_is_right_after_the_thaw),
	    T(a_redis_killed_and_empty_is_filled_again),
	    T(a_redis_absent_from_the_start_is_used_once_it_is_there),
	    T(the_lease_of_a_node_that_falls_silent_runs_out),
	    T(a_master_that_becomes_a_replica_is_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
