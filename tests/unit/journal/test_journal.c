/* What is put is in both Redis, sealed, and acknowledged; the latest wins; what is over is gone. */
#include "tests/unit/journal/scene.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { OWN = 48000, ADOPTER = 48001, NOBODY = 48002 };

static struct redis_server own, adopter;

struct test {
	redisContext *c, *ca;
	struct node *n[3];
	uint64_t id, count;
};

static int group_setup(void **state)
{
	(void)state;
	redis_start(&own, OWN);
	redis_start(&adopter, ADOPTER);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	redis_stop(&own);
	redis_stop(&adopter);
	return 0;
}

static bool is_up(void *arg)
{
	struct test *t = arg;
	return journal_is_up(t->n[0]->j, JOURNAL_BOTH);
}

static int setup(void **state)
{
	struct test *t = calloc(1, sizeof(*t));
	t->c = redis_look(&own);
	t->ca = redis_look(&adopter);
	freeReplyObject(redisCommand(t->c, "FLUSHALL"));
	freeReplyObject(redisCommand(t->ca, "FLUSHALL"));
	t->n[0] = node_open("oslo1", 7, OWN, ADOPTER);
	*state = t;
	return drive(t->n, is_up, t, LONG_MS);
}

static int teardown(void **state)
{
	struct test *t = *state;
	node_close(t->n[0]);
	redisFree(t->c);
	redisFree(t->ca);
	free(t);
	return 0;
}

static long long fields(redisContext *c)
{
	redisReply *r = redisCommand(c, "HLEN helio:journal:oslo1:7");
	long long n = r->integer;
	freeReplyObject(r);
	return n;
}

static bool is_protected(void *arg)
{
	struct test *t = arg;
	return journal_is_protected(t->n[0]->j, JOURNAL_CALL, t->id);
}

static bool both_have(void *arg)
{
	struct test *t = arg;
	return fields(t->c) == (long long)t->count && fields(t->ca) == (long long)t->count;
}

static void a_put_is_acknowledged_and_stands_in_both(void **state)
{
	struct test *t = *state;
	assert_int_equal(put(t->n[0], 5, 65, "a caller waits"), 0);
	assert_false(journal_is_protected(t->n[0]->j, JOURNAL_CALL, 5));
	t->id = 5;
	assert_int_equal(drive(t->n, is_protected, t, LONG_MS), 0);
	assert_int_equal(t->n[0]->acked[5], 1);
	assert_true(t->n[0]->rtt_us > 0);
	assert_int_equal(counters(t->n[0]).acks, 1);
	assert_int_equal(counters(t->n[0]).unprotected, 0);
	assert_int_equal(counters(t->n[0]).last_rtt_us, t->n[0]->rtt_us);
	t->count = 3; /* gen, register, value */
	assert_int_equal(drive(t->n, both_have, t, LONG_MS), 0);
	redisReply *r = redisCommand(t->c, "HGET helio:journal:oslo1:7 r:c:0000000000000005");
	assert_string_equal(r->str, "00000000000000000065 oslo1/7");
	freeReplyObject(r);
}

static void a_value_is_sealed_and_dies_by_itself(void **state)
{
	struct test *t = *state;
	assert_int_equal(put(t->n[0], 5, 65, "+4721999999"), 0);
	t->id = 5;
	assert_int_equal(drive(t->n, is_protected, t, LONG_MS), 0);
	redisReply *r = redisCommand(t->c, "HGET helio:journal:oslo1:7 v:c:0000000000000005");
	assert_int_equal(r->len, 11 + RECORD_OVERHEAD);
	assert_null(memmem(r->str, r->len, "21999", 5));
	freeReplyObject(r);
	r = redisCommand(t->c, "PTTL helio:journal:oslo1:7");
	assert_in_range(r->integer, 1000, 600000);
	freeReplyObject(r);
	r = redisCommand(t->c, "PTTL helio:journal:oslo1");
	assert_in_range(r->integer, 1000, 600000);
	freeReplyObject(r);
}

static bool loaded(void *arg)
{
	struct test *t = arg;
	return t->n[1]->results > 0;
}

static bool all_acked(void *arg)
{
	struct test *t = arg;
	struct journal_counters c = counters(t->n[0]);
	return c.acks >= t->count && is_protected(t);
}

static void of_many_puts_the_latest_wins_and_the_others_need_not_travel(void **state)
{
	struct test *t = *state;
	char text[32];
	for (int v = 0; v < 1000; v++) {
		snprintf(text, sizeof(text), "state %d", v);
		assert_int_equal(put(t->n[0], 9, 65, text), 0);
	}
	t->id = 9;
	assert_int_equal(drive(t->n, is_protected, t, LONG_MS), 0);
	assert_true(counters(t->n[0]).acks < 10);
	t->n[1] = node_open("oslo1", 8, OWN, 0);
	load(t->n[1], JOURNAL_OWN, "oslo1", LONG_MS);
	assert_int_equal(drive(t->n, loaded, t, LONG_MS), 0);
	assert_int_equal(t->n[1]->loaded[9].seen, 1);
	assert_memory_equal(t->n[1]->loaded[9].data, "state 999", 9);
	t->n[1] = node_close(t->n[1]);
}

static void what_is_over_is_gone_from_both(void **state)
{
	struct test *t = *state;
	for (uint64_t id = 1; id <= 300; id++)
		assert_int_equal(put(t->n[0], id, 65, "x"), 0);
	t->count = 601;
	assert_int_equal(drive(t->n, both_have, t, LONG_MS), 0);
	for (uint64_t id = 1; id <= 300; id++)
		if (id % 3)
			assert_int_equal(del(t->n[0], id), 0);
	assert_int_equal(del(t->n[0], 1), ENOENT);
	t->count = 201;
	assert_int_equal(drive(t->n, both_have, t, LONG_MS), 0);
	assert_int_equal(put(t->n[0], 1, 65, "again"), 0);
	t->id = 1;
	assert_int_equal(drive(t->n, is_protected, t, LONG_MS), 0);
	assert_int_equal(counters(t->n[0]).held, 101);
}

static void a_call_and_a_session_of_one_id_are_two(void **state)
{
	struct test *t = *state;
	assert_int_equal(put(t->n[0], 4, 65, "call"), 0);
	assert_int_equal(journal_put(t->n[0]->j, JOURNAL_SESSION, 4, 65, "session", 7, mono_us()),
			 0);
	t->count = 5;
	assert_int_equal(drive(t->n, both_have, t, LONG_MS), 0);
	assert_int_equal(del(t->n[0], 4), 0);
	t->count = 3;
	assert_int_equal(drive(t->n, both_have, t, LONG_MS), 0);
	assert_true(journal_is_protected(t->n[0]->j, JOURNAL_SESSION, 4));
}

static void thousands_of_calls_are_all_acknowledged(void **state)
{
	struct test *t = *state;
	char big[2001];
	memset(big, 'x', 2000);
	big[2000] = '\0';
	for (uint64_t id = 1; id <= 3000; id++)
		assert_int_equal(put(t->n[0], id, 65, big), 0);
	t->id = t->count = 3000;
	assert_int_equal(drive(t->n, all_acked, t, LONG_MS), 0);
	for (uint64_t id = 1; id <= 3000; id++)
		assert_int_equal(t->n[0]->acked[id], 1);
	assert_int_equal(counters(t->n[0]).held, 3000);
}

static void what_makes_no_sense_is_refused(void **state)
{
	struct test *t = *state;
	static char big[JOURNAL_DATA_MAX + 1];
	struct journal *j = t->n[0]->j;
	assert_int_equal(journal_put(j, JOURNAL_CALL, 1, 1, big, sizeof(big), 0), EMSGSIZE);
	assert_int_equal(journal_put(j, JOURNAL_CALL, 1, 1, big, JOURNAL_DATA_MAX, 0), 0);
	assert_int_equal(journal_put(j, JOURNAL_CALL, 0, 1, "", 0, 0), EINVAL);
	assert_int_equal(journal_put(j, (enum journal_kind)3, 1, 1, "", 0, 0), EINVAL);
	assert_int_equal(put(t->n[0], 2, 129, "new"), 0);
	assert_int_equal(put(t->n[0], 2, 65, "old epoch"), ESTALE);
	int err = 0;
	for (uint64_t id = 10; !err && id < 100000; id++)
		err = journal_put(j, JOURNAL_SESSION, id, 1, "", 0, 0);
	assert_int_equal(err, ENOSPC);
	assert_int_equal(counters(t->n[0]).held, JOURNAL_ENTRIES_MAX);
}

static bool told_late(void *arg)
{
	struct test *t = arg;
	return t->n[1]->late[t->id] > 0;
}

static void without_a_redis_nobody_waits_for_protection(void **state)
{
	struct test *t = *state;
	t->n[1] = node_open("oslo2", 1, NOBODY, 0);
	assert_int_equal(put(t->n[1], 3, 66, "x"), 0);
	t->id = 3;
	assert_true(journal_deadline(t->n[1]->j) <= mono_us()); /* at once, not in 20 ms */
	assert_int_equal(drive(t->n, told_late, t, LONG_MS), 0);
	assert_int_equal(counters(t->n[1]).unprotected, 1);
	assert_int_equal(counters(t->n[1]).late, 1);
	assert_int_equal(del(t->n[1], 3), 0);
	assert_int_equal(counters(t->n[1]).unprotected, 0);
	assert_int_equal(counters(t->n[1]).held, 0);
	t->n[1] = node_close(t->n[1]);
	/* None configured at all. */
	t->n[1] = node_open("oslo2", 1, 0, 0);
	assert_int_equal(put(t->n[1], 3, 66, "x"), 0);
	assert_int_equal(drive(t->n, told_late, t, LONG_MS), 0);
	t->n[1] = node_close(t->n[1]);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(a_put_is_acknowledged_and_stands_in_both),
	    T(a_value_is_sealed_and_dies_by_itself),
	    T(of_many_puts_the_latest_wins_and_the_others_need_not_travel),
	    T(what_is_over_is_gone_from_both),
	    T(a_call_and_a_session_of_one_id_are_two),
	    T(thousands_of_calls_are_all_acknowledged),
	    T(what_makes_no_sense_is_refused),
	    T(without_a_redis_nobody_waits_for_protection),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
