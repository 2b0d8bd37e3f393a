/* Redis frozen, killed, emptied, cut off: nobody waits for it, and it is right 1 s after its
 * return. */
#include "tests/unit/journal/scene.h"
#include "nodes/journal/script.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { PORT = 48030, ADOPTER = 48031, CALLS = 1000, REWRITE_MS = 1000 };

struct test {
	struct redis_server own, adopter;
	redisContext *c, *ca;
	struct node *n[2];
	uint64_t id, timeouts;
};

static bool all_protected(void *arg)
{
	struct test *t = arg;
	for (uint64_t id = 1; id <= CALLS; id++)
		if (!journal_is_protected(t->n[0]->j, JOURNAL_CALL, id))
			return false;
	return true;
}

static void put_all(struct test *t, const char *text)
{
	for (uint64_t id = 1; id <= CALLS; id++)
		assert_int_equal(put(t->n[0], id, 65, text), 0);
}

static int setup(void **state)
{
	struct test *t = calloc(1, sizeof(*t));
	redis_start(&t->own, PORT);
	redis_start(&t->adopter, ADOPTER);
	t->c = redis_look(&t->own);
	t->ca = redis_look(&t->adopter);
	t->n[0] = node_open("oslo1", 7, PORT, ADOPTER);
	put_all(t, "first");
	*state = t;
	if (drive(t->n, all_protected, t, LONG_MS))
		return -1;
	calls_forget();
	return 0;
}

static int teardown(void **state)
{
	struct test *t = *state;
	node_close(t->n[0]);
	redisFree(t->c);
	redisFree(t->ca);
	redis_stop(&t->own);
	redis_stop(&t->adopter);
	free(t);
	return 0;
}

static void nobody_waited(void)
{
	assert_in_range(call_cpu_max_us, 0, CPU_MAX_US);
	assert_in_range(call_wall_max_us, 0, WALL_MAX_US);
}

static bool is_down(void *arg)
{
	struct test *t = arg;
	return !journal_is_up(t->n[0]->j, JOURNAL_OWN);
}

static bool told_late(void *arg)
{
	struct test *t = arg;
	return t->n[0]->late[t->id] > 0;
}

static bool timeouts_reached(void *arg)
{
	struct test *t = arg;
	return counters(t->n[0]).timeouts >= t->timeouts;
}

/* What stands in it opens, and is the last that was put. */
static long long count_of(redisContext *c, const char *text)
{
	struct record_ref ref;
	char plain[64];
	size_t len;
	uint64_t cepoch, seq;
	long long n = 0;
	static const uint8_t key[JOURNAL_KEY_LEN] = {1, 2, 3};
	redisReply *r = redisCommand(c, "HGETALL helio:journal:oslo1:7");
	for (size_t i = 0; i + 1 < r->elements; i += 2) {
		const redisReply *f = r->element[i], *v = r->element[i + 1];
		if (record_field_parse(&ref, f->str, f->len))
			continue;
		assert_int_equal(record_open(key, "helio:journal:oslo1:7", ref,
					     (const uint8_t *)v->str, v->len, &cepoch, &seq, plain,
					     sizeof(plain), &len),
				 0);
		if (len == strlen(text) && memcmp(plain, text, len) == 0)
			n++;
	}
	freeReplyObject(r);
	return n;
}

static void a_frozen_redis_stops_nobody_and_is_right_a_second_after_the_thaw(void **state)
{
	struct test *t = *state;
	redis_signal(&t->own, SIGSTOP);
	put_all(t, "while frozen");
	t->id = 1;
	uint64_t from = mono_us();
	assert_int_equal(drive(t->n, told_late, t, LONG_MS), 0);
	assert_in_range(mono_us() - from, 0, 300000); /* 20 ms, and what a busy machine adds */
	assert_int_equal(drive(t->n, is_down, t, LONG_MS), 0);
	put_all(t, "still frozen");
	for (uint64_t id = 1; id <= 10; id++)
		assert_int_equal(del(t->n[0], id), 0);
	for (uint64_t id = 1; id <= 10; id++)
		assert_int_equal(put(t->n[0], id, 65, "still frozen"), 0);
	/* More than one attempt fails meanwhile. */
	t->timeouts = counters(t->n[0]).timeouts + 2;
	assert_int_equal(drive(t->n, timeouts_reached, t, LONG_MS), 0);
	assert_int_equal(counters(t->n[0]).unprotected, CALLS);
	nobody_waited();
	redis_signal(&t->own, SIGCONT);
	from = mono_us();
	assert_int_equal(drive(t->n, all_protected, t, LONG_MS), 0);
	assert_in_range((mono_us() - from) / 1000, 0, REWRITE_MS);
	print_message("rewritten after %d ms\n", (int)((mono_us() - from) / 1000));
	assert_int_equal(counters(t->n[0]).unprotected, 0);
	assert_int_equal(count_of(t->c, "still frozen"), CALLS);
	nobody_waited();
}

static void a_redis_killed_and_empty_is_filled_within_a_second(void **state)
{
	struct test *t = *state;
	redis_stop(&t->own);
	assert_int_equal(drive(t->n, is_down, t, LONG_MS), 0);
	assert_int_equal(counters(t->n[0]).unprotected, CALLS);
	redis_start(&t->own, PORT); /* answers now */
	uint64_t from = mono_us();
	assert_int_equal(drive(t->n, all_protected, t, LONG_MS), 0);
	assert_in_range((mono_us() - from) / 1000, 0, REWRITE_MS);
	print_message("rewritten after %d ms\n", (int)((mono_us() - from) / 1000));
	redisFree(t->c);
	t->c = redis_look(&t->own);
	assert_int_equal(count_of(t->c, "first"), CALLS);
	nobody_waited();
}

static bool own_has_all(void *arg)
{
	struct test *t = arg;
	redisReply *r = redisCommand(t->c, "HLEN helio:journal:oslo1:7");
	bool yes = r->integer == 2 * CALLS + 1;
	freeReplyObject(r);
	return yes;
}

static bool adopter_has_all(void *arg)
{
	struct test *t = arg;
	redisReply *r = redisCommand(t->ca, "HLEN helio:journal:oslo1:7");
	bool yes = r->integer == 2 * CALLS + 1;
	freeReplyObject(r);
	return yes;
}

/* The connection lives on and no call changes: only the heartbeat can see it. */
static void a_redis_emptied_behind_our_back_is_filled_within_a_second(void **state)
{
	struct test *t = *state;
	assert_int_equal(drive(t->n, own_has_all, t, LONG_MS), 0);
	assert_int_equal(drive(t->n, adopter_has_all, t, LONG_MS), 0);
	uint64_t reconnects = counters(t->n[0]).reconnects;
	freeReplyObject(redisCommand(t->c, "FLUSHALL"));
	freeReplyObject(redisCommand(t->ca, "FLUSHALL"));
	uint64_t from = mono_us();
	assert_int_equal(drive(t->n, own_has_all, t, LONG_MS), 0);
	assert_int_equal(drive(t->n, adopter_has_all, t, LONG_MS), 0);
	assert_in_range((mono_us() - from) / 1000, 0, REWRITE_MS);
	assert_int_equal(counters(t->n[0]).reconnects, reconnects);
	redisReply *r = redisCommand(t->c, "PTTL helio:journal:oslo1:7");
	assert_in_range(r->integer, 1000, 600000);
	freeReplyObject(r);
}

static void scripts_flushed_are_loaded_again(void **state)
{
	struct test *t = *state;
	freeReplyObject(redisCommand(t->c, "SCRIPT FLUSH"));
	put_all(t, "second");
	assert_int_equal(drive(t->n, all_protected, t, LONG_MS), 0);
	assert_int_equal(count_of(t->c, "second"), CALLS);
}

static void a_cut_connection_is_made_again(void **state)
{
	struct test *t = *state;
	put_all(t, "second");
	freeReplyObject(redisCommand(t->c, "CLIENT KILL TYPE normal SKIPME yes"));
	assert_int_equal(drive(t->n, is_down, t, LONG_MS), 0);
	assert_int_equal(drive(t->n, all_protected, t, REWRITE_MS), 0);
	assert_int_equal(count_of(t->c, "second"), CALLS);
}

static bool swept(void *arg)
{
	struct test *t = arg;
	redisReply *r = redisCommand(t->c, "HLEN helio:journal:oslo1:7");
	bool yes = r->integer == 2 * (CALLS - 1) + 1;
	freeReplyObject(r);
	return yes && journal_is_up(t->n[0]->j, JOURNAL_OWN) &&
	       journal_is_protected(t->n[0]->j, JOURNAL_CALL, CALLS);
}

/* The put of call 1 lies in the socket of a connection that we leave; meanwhile the call ends. */
static void a_call_that_ended_during_the_freeze_does_not_rise_again(void **state)
{
	struct test *t = *state;
	redis_signal(&t->own, SIGSTOP);
	assert_int_equal(put(t->n[0], 1, 65, "alive"), 0);
	assert_int_equal(drive(t->n, is_down, t, LONG_MS), 0);
	assert_int_equal(del(t->n[0], 1), 0);
	redis_signal(&t->own, SIGCONT);
	assert_int_equal(drive(t->n, swept, t, LONG_MS), 0);
	redisReply *r = redisCommand(t->c, "HEXISTS helio:journal:oslo1:7 v:c:0000000000000001");
	assert_int_equal(r->integer, 0);
	freeReplyObject(r);
}

/* As a command of an earlier connection that is executed only now. */
static void a_write_from_before_the_fence_changes_nothing(void **state)
{
	struct test *t = *state;
	redisReply *r = redisCommand(t->c, "SCRIPT LOAD %s", journal_script);
	char sha[48];
	(void)str_copy(sha, sizeof(sha), r->str);
	freeReplyObject(r);
	r = redisCommand(t->c,
			 "EVALSHA %s 1 helio:journal:oslo1:7 put 0 c:0000000000000001 "
			 "00000000000000000065 oslo1/7 old",
			 sha);
	assert_string_equal(r->str, "FENCED");
	freeReplyObject(r);
	r = redisCommand(t->c,
			 "EVALSHA %s 1 helio:journal:oslo1:7 del 0 c:0000000000000001 "
			 "00000000000000000065 oslo1/7",
			 sha);
	assert_string_equal(r->str, "FENCED");
	freeReplyObject(r);
	r = redisCommand(t->c, "EVALSHA %s 1 helio:journal:oslo1:7 hello 0 1000", sha);
	assert_string_equal(r->str, "FENCED");
	freeReplyObject(r);
	assert_int_equal(count_of(t->c, "first"), CALLS);
}

static void the_adopters_redis_does_not_delay_our_own(void **state)
{
	struct test *t = *state;
	redis_signal(&t->adopter, SIGSTOP);
	put_all(t, "second");
	assert_int_equal(drive(t->n, all_protected, t, LONG_MS), 0);
	assert_int_equal(counters(t->n[0]).unprotected, 0);
	nobody_waited();
	redis_signal(&t->adopter, SIGCONT);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(a_frozen_redis_stops_nobody_and_is_right_a_second_after_the_thaw),
	    T(a_redis_killed_and_empty_is_filled_within_a_second),
	    T(a_redis_emptied_behind_our_back_is_filled_within_a_second),
	    T(scripts_flushed_are_loaded_again),
	    T(a_cut_connection_is_made_again),
	    T(a_call_that_ended_during_the_freeze_does_not_rise_again),
	    T(a_write_from_before_the_fence_changes_nothing),
	    T(the_adopters_redis_does_not_delay_our_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
