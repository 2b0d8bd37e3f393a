/* Adoption: of all that claim a call exactly one wins, and the old owner learns of it. */
#include "tests/unit/journal/scene.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* oslo1 writes to its own Redis A and to B of its adopter oslo2; B decides. */
enum { A = 48020, B = 48021, CALLS = 200 };

static struct redis_server ra, rb;

struct test {
	redisContext *c;   /* of B */
	struct node *n[4]; /* oslo1 boot 7; oslo1 boot 8; oslo2 boot 3 */
	uint64_t id;
	struct node *of;
};

static int group_setup(void **state)
{
	(void)state;
	redis_start(&ra, A);
	redis_start(&rb, B);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	redis_stop(&ra);
	redis_stop(&rb);
	return 0;
}

static bool all_there(void *arg)
{
	struct test *t = arg;
	struct journal_counters c = counters(t->n[0]);
	return c.acks >= CALLS && c.adopter_acks >= CALLS &&
	       journal_is_up(t->n[1]->j, JOURNAL_BOTH) && journal_is_up(t->n[2]->j, JOURNAL_OWN);
}

static int setup(void **state)
{
	struct test *t = calloc(1, sizeof(*t));
	redisContext *ca = redis_look(&ra);
	t->c = redis_look(&rb);
	freeReplyObject(redisCommand(ca, "FLUSHALL"));
	freeReplyObject(redisCommand(t->c, "FLUSHALL"));
	redisFree(ca);
	t->n[0] = node_open("oslo1", 7, A, B);
	t->n[1] = node_open("oslo1", 8, A, B);
	t->n[2] = node_open("oslo2", 3, B, 0);
	for (uint64_t id = 1; id <= CALLS; id++)
		assert_int_equal(put(t->n[0], id, 65, "theirs"), 0);
	*state = t;
	return drive(t->n, all_there, t, LONG_MS);
}

static int teardown(void **state)
{
	struct test *t = *state;
	for (int i = 0; i < 3; i++)
		node_close(t->n[i]);
	redisFree(t->c);
	free(t);
	return 0;
}

static bool all_told(void *arg)
{
	struct test *t = arg;
	for (uint64_t id = 1; id <= CALLS; id++)
		if (!t->n[1]->claimed[id].told || !t->n[2]->claimed[id].told)
			return false;
	return true;
}

static void of_two_claimants_exactly_one_wins(void **state)
{
	struct test *t = *state;
	uint32_t won[3] = {0};
	for (uint64_t id = 1; id <= CALLS; id++) {
		/* Who speaks first changes. */
		int first = id % 2 ? 1 : 2;
		for (int k = 0; k < 2; k++) {
			int i = k ? 3 - first : first;
			claim(t->n[i], id, "oslo1", 7, 65, 128 + (uint64_t)i,
			      i == 1 ? JOURNAL_ADOPTER : JOURNAL_OWN);
		}
	}
	assert_int_equal(drive(t->n, all_told, t, LONG_MS), 0);
	for (uint64_t id = 1; id <= CALLS; id++) {
		bool first = t->n[1]->claimed[id].verdict == JOURNAL_WON;
		bool second = t->n[2]->claimed[id].verdict == JOURNAL_WON;
		assert_int_equal(first + second, 1);
		won[1] += first;
		won[2] += second;
		const int loser = first ? 2 : 1;
		assert_int_equal(t->n[1]->claimed[id].told, 1);
		assert_int_equal(t->n[2]->claimed[id].told, 1);
		assert_int_equal(t->n[loser]->claimed[id].verdict, JOURNAL_LOST);
		assert_string_equal(t->n[loser]->claimed[id].owner, first ? "oslo1/8" : "oslo2/3");
		assert_int_equal(t->n[loser]->claimed[id].cepoch, first ? 129 : 130);
	}
	assert_int_equal(won[1] + won[2], CALLS);
	assert_int_equal(counters(t->n[1]).held, won[1]);
	assert_int_equal(counters(t->n[2]).held, won[2]);
}

static bool of_told(void *arg)
{
	struct test *t = arg;
	return t->of->claimed[t->id].told > 0;
}

static bool old_lost(void *arg)
{
	struct test *t = arg;
	return t->n[0]->lost[t->id] > 0;
}

static void an_owner_that_was_adopted_is_told_at_its_next_word(void **state)
{
	struct test *t = *state;
	claim(t->n[2], 5, "oslo1", 7, 65, 130, JOURNAL_OWN);
	t->id = 5;
	t->of = t->n[2];
	assert_int_equal(drive(t->n, of_told, t, LONG_MS), 0);
	assert_int_equal(t->of->claimed[5].verdict, JOURNAL_WON);
	assert_int_equal(put(t->n[0], 5, 65, "still mine?"), 0);
	assert_int_equal(drive(t->n, old_lost, t, LONG_MS), 0);
	assert_int_equal(t->n[0]->lost_cepoch, 130);
	assert_string_equal(t->n[0]->lost_owner, "oslo2/3");
	assert_int_equal(counters(t->n[0]).held, CALLS - 1);
	assert_false(journal_is_protected(t->n[0]->j, JOURNAL_CALL, 5));
	/* It wrote nothing there, and its end of the call does not end ours. */
	redisReply *r = redisCommand(t->c, "HEXISTS helio:journal:oslo1:7 v:c:0000000000000005");
	assert_int_equal(r->integer, 0);
	freeReplyObject(r);
	assert_true(journal_is_protected(t->n[2]->j, JOURNAL_CALL, 5));
}

static bool of_loaded(void *arg)
{
	struct test *t = arg;
	return t->of->results > 0;
}

static bool own_acked(void *arg)
{
	struct test *t = arg;
	return t->of->acked[t->id] > 0;
}

/* Both Redis know: the next boot finds it once, under the last epoch, with the new content. */
static void what_was_adopted_is_held_and_survives_the_next_death(void **state)
{
	struct test *t = *state;
	claim(t->n[1], 6, "oslo1", 7, 65, 129, JOURNAL_ADOPTER);
	t->id = 6;
	t->of = t->n[1];
	assert_int_equal(drive(t->n, own_acked, t, LONG_MS), 0);
	assert_true(journal_is_protected(t->n[1]->j, JOURNAL_CALL, 6));
	assert_int_equal(put(t->n[1], 6, 129, "goes on"), 0);
	t->of->acked[6] = 0;
	assert_int_equal(drive(t->n, own_acked, t, LONG_MS), 0);
	t->n[0] = node_close(t->n[0]);
	t->n[0] = node_open("oslo1", 9, A, B);
	t->of = t->n[0];
	load(t->n[0], JOURNAL_BOTH, "oslo1", LONG_MS);
	assert_int_equal(drive(t->n, of_loaded, t, LONG_MS), 0);
	assert_int_equal(t->n[0]->result.entries, CALLS);
	assert_int_equal(t->n[0]->loaded[6].seen, 1);
	assert_int_equal(t->n[0]->loaded[6].cepoch, 129);
	assert_int_equal(t->n[0]->loaded[6].boot, 8);
	assert_memory_equal(t->n[0]->loaded[6].data, "goes on", 7);
}

static bool fields_are(void *arg)
{
	struct test *t = arg;
	redisReply *r =
	    redisCommand(t->c, "HEXISTS helio:journal:oslo1:7 r:c:%s", "0000000000000007");
	bool gone = r->integer == 0;
	freeReplyObject(r);
	return gone;
}

static void a_call_that_has_ended_cannot_be_adopted(void **state)
{
	struct test *t = *state;
	assert_int_equal(del(t->n[0], 7), 0);
	assert_int_equal(drive(t->n, fields_are, t, LONG_MS), 0);
	claim(t->n[2], 7, "oslo1", 7, 65, 130, JOURNAL_OWN);
	t->id = 7;
	t->of = t->n[2];
	assert_int_equal(drive(t->n, of_told, t, LONG_MS), 0);
	assert_int_equal(t->of->claimed[7].verdict, JOURNAL_GONE);
	assert_int_equal(counters(t->n[2]).held, 0);
}

static bool of_is_down(void *arg)
{
	struct test *t = arg;
	return !journal_is_up(t->of->j, JOURNAL_OWN);
}

/* The first claim lies in a socket and is executed; the second gets the same answer. */
static void a_claim_said_twice_is_won_once(void **state)
{
	struct test *t = *state;
	redis_signal(&rb, SIGSTOP);
	claim(t->n[2], 8, "oslo1", 7, 65, 130, JOURNAL_OWN);
	t->id = 8;
	t->of = t->n[2];
	assert_int_equal(drive(t->n, of_is_down, t, LONG_MS), 0);
	assert_int_equal(t->of->claimed[8].told, 0);
	redis_signal(&rb, SIGCONT);
	assert_int_equal(drive(t->n, of_told, t, LONG_MS), 0);
	assert_int_equal(t->of->claimed[8].verdict, JOURNAL_WON);
	assert_int_equal(t->of->claimed[8].told, 1);
}

static bool all_gone_from_new(void *arg)
{
	struct test *t = arg;
	redisReply *r = redisCommand(t->c, "HLEN helio:journal:oslo2:3");
	bool only_gen = r->integer == 1;
	freeReplyObject(r);
	return only_gen && counters(t->n[2]).held == 0;
}

static void a_claim_given_up_leaves_nothing(void **state)
{
	struct test *t = *state;
	claim(t->n[2], 9, "oslo1", 7, 65, 130, JOURNAL_OWN);
	assert_int_equal(del(t->n[2], 9), 0);
	assert_int_equal(drive(t->n, all_gone_from_new, t, LONG_MS), 0);
	assert_int_equal(t->n[2]->claimed[9].told, 0);
}

/* Two nodes on one machine have one Redis between them: it is the adopter's as well. */
static void one_redis_for_both_is_its_own_arbiter(void **state)
{
	struct test *t = *state;
	t->n[1] = node_close(t->n[1]);
	t->n[1] = node_open("oslo1", 8, B, B);
	short events;
	assert_int_equal(journal_fd(t->n[1]->j, 1, &events), -1);
	claim(t->n[1], 10, "oslo1", 7, 65, 129, JOURNAL_ADOPTER);
	t->id = 10;
	t->of = t->n[1];
	assert_int_equal(drive(t->n, of_told, t, LONG_MS), 0);
	assert_int_equal(t->of->claimed[10].verdict, JOURNAL_WON);
	assert_true(journal_is_up(t->n[1]->j, JOURNAL_BOTH));
	load(t->n[1], JOURNAL_ADOPTER, "oslo1", LONG_MS);
	assert_int_equal(drive(t->n, of_loaded, t, LONG_MS), 0);
	assert_int_equal(t->n[1]->result.entries, CALLS - 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(of_two_claimants_exactly_one_wins),
	    T(an_owner_that_was_adopted_is_told_at_its_next_word),
	    T(what_was_adopted_is_held_and_survives_the_next_death),
	    T(a_call_that_has_ended_cannot_be_adopted),
	    T(a_claim_said_twice_is_won_once),
	    T(a_claim_given_up_leaves_nothing),
	    T(one_redis_for_both_is_its_own_arbiter),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
