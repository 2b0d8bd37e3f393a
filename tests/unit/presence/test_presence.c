/* What is written into the directory, and what it refuses. */
#include "tests/unit/presence/redis_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { PORT = 41100, REPLICA_PORT = 41101, DEAD_PORT = 41102 };

static struct redis_server server;

static int group_setup(void **state)
{
	(void)state;
	redis_start(&server, PORT);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	redis_stop(&server);
	return 0;
}

struct look {
	redisContext *c;
	struct presence *p[3];
	const char *agent, *field, *value;
	uint64_t n;
};

static struct presence *open_node(const char *node, uint32_t boot)
{
	struct conf_redis conf = redis_conf(PORT, 0);
	struct presence *p = NULL;
	assert_int_equal(presence_open(&p, &conf, node, boot, mono_us()), 0);
	return p;
}

static int setup(void **state)
{
	struct look *l = calloc(1, sizeof(*l));
	l->c = redis_look(&server);
	freeReplyObject(redisCommand(l->c, "FLUSHALL"));
	l->p[0] = open_node("manila1", 7);
	*state = l;
	return 0;
}

static int teardown(void **state)
{
	struct look *l = *state;
	presence_close(l->p[0]);
	presence_close(l->p[1]);
	redisFree(l->c);
	free(l);
	return 0;
}

static bool field_is(void *arg)
{
	struct look *l = arg;
	return strcmp(redis_field(l->c, l->agent, l->field), l->value) == 0;
}

static int until_field(struct look *l, const char *agent, const char *field, const char *value)
{
	l->agent = agent;
	l->field = field;
	l->value = value;
	return drive_until(l->p, field_is, l);
}

static bool one_is_stale(void *arg)
{
	struct look *l = arg;
	return presence_counters(l->p[0])->stale >= l->n;
}

static bool in_set(redisContext *c, const char *node, const char *agent)
{
	redisReply *r = redisCommand(c, "SISMEMBER helio:agents:%s %s", node, agent);
	bool yes = r && r->integer == 1;
	freeReplyObject(r);
	return yes;
}

static void a_write_lands_with_all_its_fields(void **state)
{
	struct look *l = *state;
	struct presence_agent a = agent_make("maria", "manila1-7-1", "idle", 0, 3);
	assert_int_equal(presence_put(l->p[0], &a), 0);
	assert_int_equal(until_field(l, "maria", "state", "idle"), 0);
	assert_string_equal(redis_field(l->c, "maria", "session"), "manila1-7-1");
	assert_string_equal(redis_field(l->c, "maria", "node"), "manila1");
	assert_string_equal(redis_field(l->c, "maria", "site"), "manila");
	assert_string_equal(redis_field(l->c, "maria", "login_no"), "1");
	assert_string_equal(redis_field(l->c, "maria", "version"), "3");
	assert_string_equal(redis_field(l->c, "maria", "since_ms"), "1700000000000");
	assert_true(in_set(l->c, "manila1", "maria"));
	redisReply *r = redisCommand(l->c, "GET helio:lease:manila1");
	assert_string_equal(r->str, "7");
	freeReplyObject(r);
	r = redisCommand(l->c, "PTTL helio:lease:manila1");
	assert_in_range(r->integer, 1, 6000);
	freeReplyObject(r);
	assert_true(presence_is_up(l->p[0]));
}

static void an_older_version_is_refused(void **state)
{
	struct look *l = *state;
	struct presence_agent a = agent_make("maria", "s1", "talking", 4, 9);
	presence_put(l->p[0], &a);
	assert_int_equal(until_field(l, "maria", "version", "9"), 0);
	a = agent_make("maria", "s1", "idle", 4, 8);
	presence_put(l->p[0], &a);
	l->n = 1;
	assert_int_equal(drive_until(l->p, one_is_stale, l), 0);
	assert_string_equal(redis_field(l->c, "maria", "state"), "talking");
	assert_string_equal(redis_field(l->c, "maria", "version"), "9");
}

/* 2^53 + 1 and its neighbour are the same double. */
static void versions_are_compared_exactly(void **state)
{
	struct look *l = *state;
	struct presence_agent a = agent_make("maria", "s1", "talking", 1, 9007199254740993);
	presence_put(l->p[0], &a);
	assert_int_equal(until_field(l, "maria", "state", "talking"), 0);
	a = agent_make("maria", "s1", "idle", 1, 9007199254740992);
	presence_put(l->p[0], &a);
	l->n = 1;
	assert_int_equal(drive_until(l->p, one_is_stale, l), 0);
	assert_string_equal(redis_field(l->c, "maria", "state"), "talking");
}

static void a_newer_sign_in_elsewhere_wins_and_stays(void **state)
{
	struct look *l = *state;
	struct presence_agent old = agent_make("maria", "s1", "idle", 0, 500),
			      new = agent_make("maria", "s2", "idle", 0, 1);
	presence_put(l->p[0], &old);
	assert_int_equal(until_field(l, "maria", "login_no", "1"), 0);
	l->p[1] = open_node("oslo1", 3);
	presence_put(l->p[1], &new);
	assert_int_equal(until_field(l, "maria", "login_no", "2"), 0);
	assert_string_equal(redis_field(l->c, "maria", "node"), "oslo1");
	assert_false(in_set(l->c, "manila1", "maria"));
	assert_true(in_set(l->c, "oslo1", "maria"));
	/* What the first node still says, and its sign-out, change nothing. */
	old.version = 501;
	presence_put(l->p[0], &old);
	l->n = 1;
	assert_int_equal(drive_until(l->p, one_is_stale, l), 0);
	presence_drop(l->p[0], "maria");
	l->n = 2;
	assert_int_equal(drive_until(l->p, one_is_stale, l), 0);
	assert_string_equal(redis_field(l->c, "maria", "session"), "s2");
	assert_string_equal(redis_field(l->c, "maria", "state"), "idle");
}

static void one_who_left_is_off_and_a_late_word_does_not_bring_him_back(void **state)
{
	struct look *l = *state;
	struct presence_agent a = agent_make("maria", "s1", "idle", 5, 2);
	presence_put(l->p[0], &a);
	assert_int_equal(until_field(l, "maria", "state", "idle"), 0);
	presence_drop(l->p[0], "maria");
	assert_int_equal(until_field(l, "maria", "state", "off"), 0);
	assert_false(in_set(l->c, "manila1", "maria"));
	presence_put(l->p[0], &a);
	l->n = 1;
	assert_int_equal(drive_until(l->p, one_is_stale, l), 0);
	assert_string_equal(redis_field(l->c, "maria", "state"), "off");
	/* The next sign-in is a higher number, and welcome. */
	a = agent_make("maria", "s9", "idle", 0, 1);
	presence_put(l->p[0], &a);
	assert_int_equal(until_field(l, "maria", "login_no", "6"), 0);
}

static bool writes_reached(void *arg)
{
	struct look *l = arg;
	return presence_counters(l->p[0])->writes >= l->n;
}

static void the_latest_state_wins_over_those_not_yet_written(void **state)
{
	struct look *l = *state;
	struct presence_agent a = agent_make("maria", "s1", "idle", 1, 1);
	presence_put(l->p[0], &a);
	l->n = 1;
	assert_int_equal(drive_until(l->p, writes_reached, l), 0);
	for (uint64_t v = 2; v <= 1000; v++) {
		a = agent_make("maria", "s1", v % 2 ? "idle" : "ringing", 1, v);
		assert_int_equal(presence_put(l->p[0], &a), 0);
	}
	/* The first went out at once; the last of those that came meanwhile stands for all. */
	l->n = 3;
	assert_int_equal(drive_until(l->p, writes_reached, l), 0);
	assert_string_equal(redis_field(l->c, "maria", "version"), "1000");
	assert_int_equal(presence_counters(l->p[0])->writes, 3);
}

static void five_hundred_agents_arrive(void **state)
{
	struct look *l = *state;
	char name[24];
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "agent%d", i);
		struct presence_agent a = agent_make(name, name, "idle", 0, 1);
		assert_int_equal(presence_put(l->p[0], &a), 0);
	}
	assert_int_equal(until_field(l, "agent499", "state", "idle"), 0);
	redisReply *r = redisCommand(l->c, "SCARD helio:agents:manila1");
	assert_int_equal(r->integer, 500);
	freeReplyObject(r);
}

static void what_a_dead_process_left_behind_is_swept(void **state)
{
	struct look *l = *state;
	/* As a process of boot 6 that was killed would have left it. */
	freeReplyObject(redisCommand(l->c, "HSET helio:agent:jose session s0 node oslo2 state idle "
					   "login_no 3 version 8"));
	freeReplyObject(redisCommand(l->c, "HSET helio:agent:ines session s9 node bogota1 state "
					   "idle login_no 3 version 8"));
	freeReplyObject(redisCommand(l->c, "SADD helio:agents:oslo2 jose ines"));
	l->p[1] = open_node("oslo2", 7);
	assert_int_equal(until_field(l, "jose", "state", "off"), 0);
	assert_string_equal(redis_field(l->c, "jose", "login_no"), "3");
	/* The other has moved: untouched, only our set forgets her. */
	assert_string_equal(redis_field(l->c, "ines", "state"), "idle");
	struct presence_agent a = agent_make("ana", "s1", "idle", 1, 1);
	presence_put(l->p[1], &a);
	assert_int_equal(until_field(l, "ana", "state", "idle"), 0);
	assert_false(in_set(l->c, "oslo2", "ines"));
	assert_false(in_set(l->c, "oslo2", "jose"));
}

static void closing_gives_the_lease_back(void **state)
{
	struct look *l = *state;
	struct presence_agent a = agent_make("maria", "s1", "idle", 1, 1);
	presence_put(l->p[0], &a);
	assert_int_equal(until_field(l, "maria", "state", "idle"), 0);
	l->p[0] = presence_close(l->p[0]);
	uint64_t end = mono_us() + 20000000;
	bool gone = false;
	while (!gone && mono_us() < end) {
		redisReply *r = redisCommand(l->c, "EXISTS helio:lease:manila1");
		gone = r->integer == 0;
		freeReplyObject(r);
	}
	assert_true(gone);
}

static void a_flushed_script_is_loaded_again(void **state)
{
	struct look *l = *state;
	struct presence_agent a = agent_make("maria", "s1", "idle", 1, 1);
	presence_put(l->p[0], &a);
	assert_int_equal(until_field(l, "maria", "state", "idle"), 0);
	freeReplyObject(redisCommand(l->c, "SCRIPT FLUSH"));
	a = agent_make("maria", "s1", "ringing", 1, 2);
	presence_put(l->p[0], &a);
	assert_int_equal(until_field(l, "maria", "state", "ringing"), 0);
	assert_int_equal(presence_counters(l->p[0])->reconnects, 1);
}

static void the_master_is_found_among_several(void **state)
{
	struct look *l = *state;
	struct redis_server replica;
	redis_start_replica(&replica, REPLICA_PORT, PORT);
	struct conf_redis conf = redis_conf(REPLICA_PORT, PORT);
	assert_int_equal(presence_open(&l->p[1], &conf, "oslo3", 1, mono_us()), 0);
	struct presence_agent a = agent_make("kari", "s1", "idle", 0, 1);
	presence_put(l->p[1], &a);
	assert_int_equal(until_field(l, "kari", "node", "oslo3"), 0);
	l->p[1] = presence_close(l->p[1]);
	conf = redis_conf(DEAD_PORT, PORT);
	assert_int_equal(presence_open(&l->p[1], &conf, "oslo4", 1, mono_us()), 0);
	presence_put(l->p[1], &a);
	assert_int_equal(until_field(l, "kari", "login_no", "1"), 0);
	redis_stop(&replica);
}

static void what_is_not_a_name_or_too_many_is_refused(void **state)
{
	struct look *l = *state;
	struct presence_agent a = agent_make("", "s1", "idle", 1, 1);
	char name[24];
	assert_int_equal(presence_put(l->p[0], &a), EINVAL);
	assert_int_equal(presence_drop(l->p[0], "nobody"), ENOENT);
	int err = 0;
	for (int i = 0; !err && i < 100000; i++) {
		snprintf(name, sizeof(name), "a%d", i);
		a = agent_make(name, "s", "idle", 1, 1);
		err = presence_put(l->p[0], &a);
	}
	assert_int_equal(err, ENOSPC);
	assert_int_equal(presence_counters(l->p[0])->dropped, 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(a_write_lands_with_all_its_fields),
	    T(an_older_version_is_refused),
	    T(versions_are_compared_exactly),
	    T(a_newer_sign_in_elsewhere_wins_and_stays),
	    T(one_who_left_is_off_and_a_late_word_does_not_bring_him_back),
	    T(the_latest_state_wins_over_those_not_yet_written),
	    T(five_hundred_agents_arrive),
	    T(what_a_dead_process_left_behind_is_swept),
	    T(closing_gives_the_lease_back),
	    T(a_flushed_script_is_loaded_again),
	    T(the_master_is_found_among_several),
	    T(what_is_not_a_name_or_too_many_is_refused),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
