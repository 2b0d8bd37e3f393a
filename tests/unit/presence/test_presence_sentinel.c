/* Whom the Sentinels name, whom they may not, and how that one is reached: real Sentinels, real
 * Redis.
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
	REDIS = 50410, /* two masters that know nothing of each other */
	OTHER = 50411,
	NOBODY = 50412,
	SENTINEL = 50420, /* three of these */
};

static struct redis_server redis, other;

static int group_setup(void **state)
{
	(void)state;
	redis_start(&redis, REDIS);
	redis_start(&other, OTHER);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	redis_stop(&redis);
	redis_stop(&other);
	return 0;
}

struct scene {
	struct redis_server sentinel[3];
	struct presence *p[2];
	redisContext *at[2]; /* of the two masters */
	uint32_t i;          /* which one is looked at */
	const char *state, *trouble;
};

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	s->at[0] = redis_look(&redis);
	s->at[1] = redis_look(&other);
	for (int i = 0; i < 2; i++)
		freeReplyObject(redisCommand(s->at[i], "FLUSHALL"));
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;
	presence_close(s->p[0]);
	for (int i = 0; i < 3; i++)
		redis_stop(&s->sentinel[i]);
	redisFree(s->at[0]);
	redisFree(s->at[1]);
	free(s);
	return 0;
}

static struct conf_endpoint local(uint16_t port)
{
	struct conf_endpoint e = {.host = "127.0.0.1", .port = port};
	return e;
}

static struct conf_redis conf_of(uint32_t sentinels_n)
{
	struct conf_redis c = {.sentinels_n = sentinels_n, .master = "presence"};
	for (uint32_t i = 0; i < sentinels_n; i++)
		c.sentinels[i] = local((uint16_t)(SENTINEL + i));
	return c;
}

static void open_node(struct scene *s, const struct conf_redis *c)
{
	assert_int_equal(presence_open(&s->p[0], c, "manila1", 7, mono_us()), 0);
}

static void put(struct scene *s, const char *state, uint64_t version)
{
	struct presence_agent a = agent_make("maria", "s1", state, 1, version);
	s->state = state;
	assert_int_equal(presence_put(s->p[0], &a), 0);
}

static bool written(void *arg)
{
	struct scene *s = arg;
	return strcmp(redis_field(s->at[s->i], "maria", "state"), s->state) == 0;
}

static int until_written(struct scene *s, uint32_t i)
{
	s->i = i;
	return drive_until(s->p, written, s);
}

static bool troubled(void *arg)
{
	struct scene *s = arg;
	const char *t = presence_trouble(s->p[0]);
	return t && strcmp(t, s->trouble) == 0;
}

static int until_trouble(struct scene *s, const char *why)
{
	s->trouble = why;
	return drive_until(s->p, troubled, s);
}

static bool is_down(void *arg)
{
	return !presence_is_up(((struct scene *)arg)->p[0]);
}

static void the_one_that_sentinel_names_is_written_to(void **state)
{
	struct scene *s = *state;
	struct conf_redis c = conf_of(3);
	redis_start_sentinel(&s->sentinel[1], SENTINEL + 1, OTHER, 1); /* two do not answer */
	c.n = 1;
	c.at[0] = local(REDIS); /* for people only */
	open_node(s, &c);
	put(s, "idle", 1);
	assert_int_equal(until_written(s, 1), 0);
	assert_string_equal(redis_field(s->at[0], "maria", "state"), "");
	char where[PRESENCE_WHERE_SIZE];
	assert_string_equal(presence_where(s->p[0], where), "127.0.0.1:50411");
	assert_null(presence_trouble(s->p[0]));
}

static void a_switch_is_followed_while_the_old_master_answers_on(void **state)
{
	struct scene *s = *state;
	struct conf_redis c = conf_of(1);
	redis_start_sentinel(&s->sentinel[0], SENTINEL, REDIS, 1);
	open_node(s, &c);
	put(s, "idle", 1);
	assert_int_equal(until_written(s, 0), 0);
	redis_stop(&s->sentinel[0]);
	redis_start_sentinel(&s->sentinel[0], SENTINEL, OTHER, 2);
	put(s, "ringing", 2);
	assert_int_equal(until_written(s, 1), 0); /* all that is held, without being asked */
	put(s, "talking", 3);
	assert_int_equal(until_written(s, 1), 0);
	assert_string_not_equal(redis_field(s->at[0], "maria", "state"), "talking");
}

/* A Sentinel that was cut off names the master of long ago, and that one calls itself one. */
static void a_sentinel_that_lags_is_passed_over_until_most_say_the_same(void **state)
{
	struct scene *s = *state;
	struct conf_redis c = conf_of(3);
	redis_start_sentinel(&s->sentinel[0], SENTINEL, OTHER, 7);
	open_node(s, &c);
	put(s, "idle", 1);
	assert_int_equal(until_written(s, 1), 0);
	redis_start_sentinel(&s->sentinel[1], SENTINEL + 1, REDIS, 3);
	redis_stop(&s->sentinel[0]);
	/* Nothing happening is the point: many rounds of questions. */
	drive_for(s->p, 2500);
	put(s, "ringing", 2);
	assert_int_equal(until_written(s, 1), 0);
	assert_string_equal(redis_field(s->at[0], "maria", "state"), "");
	redis_start_sentinel(&s->sentinel[2], SENTINEL + 2, REDIS, 3);
	assert_int_equal(until_written(s, 0), 0);
}

static void an_announced_address_is_reached_through_its_tunnel(void **state)
{
	struct scene *s = *state;
	struct conf_redis c = conf_of(1);
	redis_start_sentinel(&s->sentinel[0], SENTINEL, NOBODY, 1);
	c.tunnels_n = 2;
	c.tunnels[0] = (struct conf_tunnel){local(OTHER), local(OTHER)};
	c.tunnels[1] = (struct conf_tunnel){local(NOBODY), local(REDIS)};
	open_node(s, &c);
	put(s, "idle", 1);
	assert_int_equal(until_written(s, 0), 0);
}

static void an_address_without_a_tunnel_is_not_connected_to(void **state)
{
	struct scene *s = *state;
	struct conf_redis c = conf_of(1);
	redis_start_sentinel(&s->sentinel[0], SENTINEL, REDIS, 1);
	c.tunnels_n = 1;
	c.tunnels[0] = (struct conf_tunnel){local(NOBODY), local(REDIS)};
	open_node(s, &c);
	put(s, "idle", 1);
	assert_int_equal(
	    until_trouble(s, "the master's address is not in tunnels: and is not connected to"), 0);
	drive_for(s->p, 500);
	assert_string_equal(redis_field(s->at[0], "maria", "state"), "");
	assert_null(presence_trouble(s->p[0])); /* said once */
}

static void an_unknown_master_and_a_server_that_is_no_sentinel_are_said(void **state)
{
	struct scene *s = *state;
	struct conf_redis c = conf_of(1);
	redis_start_sentinel(&s->sentinel[0], SENTINEL, REDIS, 1);
	(void)str_copy(c.master, sizeof(c.master), "absence");
	open_node(s, &c);
	assert_int_equal(until_trouble(s, "a Sentinel knows no master of that name"), 0);
	s->p[0] = presence_close(s->p[0]);
	c.sentinels[0] = local(REDIS);
	open_node(s, &c);
	assert_int_equal(
	    until_trouble(s, "a server in sentinels: does not answer as a Sentinel does"), 0);
}

static void frozen_sentinels_take_no_time_and_presence_goes_on(void **state)
{
	struct scene *s = *state;
	struct conf_redis c = conf_of(1);
	redis_start_sentinel(&s->sentinel[0], SENTINEL, REDIS, 1);
	open_node(s, &c);
	put(s, "idle", 1);
	assert_int_equal(until_written(s, 0), 0);
	redis_signal(&s->sentinel[0], SIGSTOP);
	step_cpu_max_us = 0;
	drive_for(s->p, 2500); /* longer than a question may take */
	put(s, "ringing", 2);
	assert_int_equal(until_written(s, 0), 0);
	assert_in_range(step_cpu_max_us, 0, 20000);
	/* And a master that is gone is tried again until somebody knows better. */
	redis_signal(&s->sentinel[0], SIGCONT);
	redis_stop(&redis);
	assert_int_equal(drive_until(s->p, is_down, s), 0);
	redis_start(&redis, REDIS);
	redisFree(s->at[0]);
	s->at[0] = redis_look(&redis);
	assert_int_equal(until_written(s, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	    T(the_one_that_sentinel_names_is_written_to),
	    T(a_switch_is_followed_while_the_old_master_answers_on),
	    T(a_sentinel_that_lags_is_passed_over_until_most_say_the_same),
	    T(an_announced_address_is_reached_through_its_tunnel),
	    T(an_address_without_a_tunnel_is_not_connected_to),
	    T(an_unknown_master_and_a_server_that_is_no_sentinel_are_said),
	    T(frozen_sentinels_take_no_time_and_presence_goes_on),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
