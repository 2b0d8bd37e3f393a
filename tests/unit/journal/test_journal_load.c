/* What a successor finds: exactly what was put, how old it is, and nothing that was tampered with.
 */
#include "tests/unit/journal/scene.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { OWN = 48010, ADOPTER = 48011, ENTRIES = 700, AGE_WRONG_MAX_US = 50000 };

#define HASH "helio:journal:oslo1:7"

static struct redis_server own, adopter;

struct test {
	redisContext *c;
	struct node *n[3];
	uint64_t id;
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

static int setup(void **state)
{
	struct test *t = calloc(1, sizeof(*t));
	redisContext *ca = redis_look(&adopter);
	t->c = redis_look(&own);
	freeReplyObject(redisCommand(t->c, "FLUSHALL"));
	freeReplyObject(redisCommand(ca, "FLUSHALL"));
	redisFree(ca);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct test *t = *state;
	node_close(t->n[0]);
	redisFree(t->c);
	free(t);
	return 0;
}

/* The same bytes in the writer and in the reader. */
static size_t content(uint64_t id, uint8_t data[static JOURNAL_DATA_MAX])
{
	uint64_t x = id * 0x9e3779b97f4a7c15u;
	size_t len = id == 1 ? 0 : id == 2 ? JOURNAL_DATA_MAX : x >> 40 & 2047;
	for (size_t i = 0; i < len; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		data[i] = (uint8_t)(x >> 56);
	}
	return len;
}

struct writer {
	struct node *n[2];
	uint32_t adopter_acks;
};

static bool all_written(void *arg)
{
	struct writer *w = arg;
	return counters(w->n[0]).acks >= ENTRIES &&
	       counters(w->n[0]).adopter_acks >= w->adopter_acks;
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

/* A node of boot 7 that writes, says so, lives on with its heartbeat, and is killed. */
static void writer(int ready, uint16_t adopter_port)
{
	static uint8_t data[JOURNAL_DATA_MAX];
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	struct writer w = {.n = {node_open("oslo1", 7, OWN, adopter_port)},
			   .adopter_acks = adopter_port ? ENTRIES : 0};
	for (uint64_t id = 1; id <= ENTRIES; id++) {
		size_t len = content(id, data);
		enum journal_kind kind = id % 5 ? JOURNAL_CALL : JOURNAL_SESSION;
		helio_assert(journal_put(w.n[0]->j, kind, id, 64 + id, data, len, mono_us()) == 0);
	}
	helio_assert(drive(w.n, all_written, &w, LONG_MS) == 0);
	uint64_t now = mono_us();
	helio_assert(write(ready, &now, sizeof(now)) == sizeof(now));
	drive(w.n, never, NULL, LONG_MS);
	_exit(0);
}

/* Runs the writer and kills it live_ms after it has written all; returns when it wrote. */
static uint64_t write_and_die(uint16_t adopter_port, int live_ms)
{
	int fd[2];
	uint64_t then = 0;
	assert_int_equal(pipe(fd), 0);
	pid_t pid = fork();
	if (pid == 0)
		writer(fd[1], adopter_port);
	assert_int_equal(read(fd[0], &then, sizeof(then)), sizeof(then));
	poll(NULL, 0, live_ms);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd[0]);
	close(fd[1]);
	return then;
}

static bool loaded(void *arg)
{
	struct test *t = arg;
	return t->n[0]->results > 0;
}

static bool is_up(void *arg)
{
	struct test *t = arg;
	return journal_is_up(t->n[0]->j, JOURNAL_OWN);
}

static bool timed_out_twice(void *arg)
{
	struct test *t = arg;
	return counters(t->n[0]).timeouts >= 2;
}

static void read_back(struct test *t, uint32_t boot, uint16_t adopter_port, uint32_t deadline_ms)
{
	if (!t->n[0])
		t->n[0] = node_open("oslo1", boot, OWN, adopter_port);
	load(t->n[0], JOURNAL_BOTH, "oslo1", deadline_ms);
	assert_int_equal(drive(t->n, loaded, t, LONG_MS), 0);
	assert_int_equal(t->n[0]->results, 1);
}

static void expect_all(struct test *t)
{
	static uint8_t data[JOURNAL_DATA_MAX];
	assert_int_equal(t->n[0]->result.entries, ENTRIES);
	assert_true(t->n[0]->result.complete);
	assert_int_equal(t->n[0]->result.tampered, 0);
	for (uint64_t id = 1; id <= ENTRIES; id++) {
		size_t len = content(id, data);
		assert_int_equal(t->n[0]->loaded[id].seen, 1);
		assert_int_equal(t->n[0]->loaded[id].kind, id % 5 ? JOURNAL_CALL : JOURNAL_SESSION);
		assert_int_equal(t->n[0]->loaded[id].cepoch, 64 + id);
		assert_int_equal(t->n[0]->loaded[id].boot, 7);
		assert_int_equal(t->n[0]->loaded[id].len, len);
		assert_memory_equal(t->n[0]->loaded[id].data, data, len);
	}
}

static void another_process_reads_exactly_what_was_put(void **state)
{
	struct test *t = *state;
	write_and_die(0, 0);
	read_back(t, 8, 0, LONG_MS);
	expect_all(t);
}

/* On one machine both processes read one clock, so the test can see what the journal cannot. */
static void expect_age(struct test *t, uint64_t then)
{
	const struct journal_load_result *r = &t->n[0]->result;
	uint64_t now = mono_us();
	assert_int_equal(r->beats_n, 1);
	assert_int_equal(r->beats[0].boot, 7);
	uint64_t clock = r->beats[0].last_now_us + r->beats[0].ago_us;
	assert_in_range(clock + AGE_WRONG_MAX_US - now, 0, 2 * AGE_WRONG_MAX_US);
	uint64_t age = t->n[0]->loaded[3].owner_now_us - then;
	assert_in_range(age + AGE_WRONG_MAX_US - (now - then), 0, 2 * AGE_WRONG_MAX_US);
}

static void ages_survive_the_death_of_the_writer(void **state)
{
	struct test *t = *state;
	uint64_t then = write_and_die(0, 350);
	uint64_t died = mono_us();
	poll(NULL, 0, 700); /* nobody is there for so long: the time that must be counted */
	read_back(t, 8, 0, LONG_MS);
	expect_age(t, then);
	uint64_t dead_us = mono_us() - died, silent_us = t->n[0]->result.beats[0].silent_us;
	assert_in_range(silent_us, dead_us - AGE_WRONG_MAX_US, dead_us + 300000);
}

/* Its last heartbeats are executed when Redis thaws, seconds after they were sent. */
static void ages_are_right_after_a_frozen_redis_too(void **state)
{
	struct test *t = *state;
	int fd[2];
	uint64_t then = 0;
	assert_int_equal(pipe(fd), 0);
	pid_t pid = fork();
	if (pid == 0)
		writer(fd[1], 0);
	assert_int_equal(read(fd[0], &then, sizeof(then)), sizeof(then));
	poll(NULL, 0, 250);
	redis_signal(&own, SIGSTOP);
	poll(NULL, 0, 300); /* a heartbeat goes into the socket */
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd[0]);
	close(fd[1]);
	poll(NULL, 0, 700);
	redis_signal(&own, SIGCONT);
	read_back(t, 8, 0, LONG_MS);
	expect_age(t, then);
}

static void both_copies_are_merged_and_one_that_lost_a_part_is_no_harm(void **state)
{
	struct test *t = *state;
	write_and_die(ADOPTER, 0);
	freeReplyObject(redisCommand(t->c, "HDEL " HASH " v:c:0000000000000001 "
					   "v:c:0000000000000003 v:s:0000000000000005"));
	read_back(t, 8, ADOPTER, LONG_MS);
	expect_all(t);
	/* All of it. */
	freeReplyObject(redisCommand(t->c, "FLUSHALL"));
	read_back(t, 8, ADOPTER, LONG_MS);
	expect_all(t);
}

static redisReply *value_of(struct test *t, const char *field)
{
	redisReply *r = redisCommand(t->c, "HGET " HASH " %s", field);
	assert_int_equal(r->type, REDIS_REPLY_STRING);
	return r;
}

static void set_value(struct test *t, const char *hash, const char *field, const char *v, size_t n)
{
	freeReplyObject(redisCommand(t->c, "HSET %s %s %b", hash, field, v, n));
}

static void what_was_tampered_with_is_skipped_and_counted(void **state)
{
	struct test *t = *state;
	write_and_die(0, 0);
	redisReply *a = value_of(t, "v:c:0000000000000003"),
		   *b = value_of(t, "v:c:0000000000000004"),
		   *c = value_of(t, "v:c:0000000000000006"),
		   *d = value_of(t, "v:c:0000000000000007");
	/* Two swapped; one with another cepoch; one bit of the data; one cut off. */
	set_value(t, HASH, "v:c:0000000000000003", b->str, b->len);
	set_value(t, HASH, "v:c:0000000000000004", a->str, a->len);
	c->str[10] = (char)(c->str[10] ^ 1);
	set_value(t, HASH, "v:c:0000000000000006", c->str, c->len);
	d->str[d->len - 1] = (char)(d->str[d->len - 1] ^ 0x10);
	set_value(t, HASH, "v:c:0000000000000007", d->str, d->len);
	redisReply *e = value_of(t, "v:c:0000000000000008");
	set_value(t, HASH, "v:c:0000000000000008", e->str, e->len - 1);
	/* As a session; under another boot; under a name that is none. */
	set_value(t, HASH, "v:s:0000000000000008", e->str, e->len);
	set_value(t, "helio:journal:oslo1:6", "v:c:0000000000000008", e->str, e->len);
	set_value(t, HASH, "v:c:nonsense", e->str, e->len);
	freeReplyObject(
	    redisCommand(t->c, "HSET helio:journal:oslo1 6 %s", "1 1 99999999999999999"));
	read_back(t, 8, 0, LONG_MS);
	const struct journal_load_result *r = &t->n[0]->result;
	assert_int_equal(r->entries, ENTRIES - 5);
	assert_int_equal(r->tampered, 8);
	assert_true(r->complete);
	assert_int_equal(counters(t->n[0]).tampered, 8);
	for (uint64_t id = 3; id <= 8; id++)
		assert_int_equal(t->n[0]->loaded[id].seen, id == 5);
	freeReplyObject(a);
	freeReplyObject(b);
	freeReplyObject(c);
	freeReplyObject(d);
	freeReplyObject(e);
}

static void a_frozen_redis_delays_the_start_by_no_more_than_the_deadline(void **state)
{
	struct test *t = *state;
	write_and_die(0, 0);
	redis_signal(&own, SIGSTOP);
	uint64_t from = mono_us();
	read_back(t, 8, 0, 300);
	uint64_t took_ms = (mono_us() - from) / 1000;
	redis_signal(&own, SIGCONT);
	assert_in_range(took_ms, 299, 800);
	assert_false(t->n[0]->result.complete);
	assert_int_equal(t->n[0]->result.entries, 0);
	/* Once it is there again, all is. */
	read_back(t, 8, 0, LONG_MS);
	expect_all(t);
}

static void a_load_goes_on_over_a_connection_that_breaks(void **state)
{
	struct test *t = *state;
	write_and_die(0, 0);
	t->n[0] = node_open("oslo1", 8, OWN, 0);
	assert_int_equal(drive(t->n, is_up, t, LONG_MS), 0);
	redis_signal(&own, SIGSTOP);
	load(t->n[0], JOURNAL_OWN, "oslo1", LONG_MS); /* under way, and never answered */
	/* It times out twice before it is heard. */
	assert_int_equal(drive(t->n, timed_out_twice, t, LONG_MS), 0);
	redis_signal(&own, SIGCONT);
	assert_int_equal(drive(t->n, loaded, t, LONG_MS), 0);
	expect_all(t);
}

static void a_new_boot_does_not_see_itself_and_does_not_touch_the_old(void **state)
{
	struct test *t = *state;
	write_and_die(0, 0);
	t->n[0] = node_open("oslo1", 8, OWN, 0);
	assert_int_equal(put(t->n[0], 900, 65, "mine"), 0);
	read_back(t, 8, 0, LONG_MS);
	expect_all(t);
	assert_int_equal(t->n[0]->loaded[900].seen, 0);
}

static void a_boot_whose_time_is_over_is_forgotten(void **state)
{
	struct test *t = *state;
	freeReplyObject(redisCommand(t->c, "HSET helio:journal:oslo1 5 %s", "100 1000 1000"));
	read_back(t, 8, 0, LONG_MS);
	assert_int_equal(t->n[0]->result.beats_n, 0);
	redisReply *r = redisCommand(t->c, "HEXISTS helio:journal:oslo1 5");
	assert_int_equal(r->integer, 0);
	freeReplyObject(r);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(another_process_reads_exactly_what_was_put),
	    T(ages_survive_the_death_of_the_writer),
	    T(ages_are_right_after_a_frozen_redis_too),
	    T(both_copies_are_merged_and_one_that_lost_a_part_is_no_harm),
	    T(what_was_tampered_with_is_skipped_and_counted),
	    T(a_frozen_redis_delays_the_start_by_no_more_than_the_deadline),
	    T(a_load_goes_on_over_a_connection_that_breaks),
	    T(a_new_boot_does_not_see_itself_and_does_not_touch_the_old),
	    T(a_boot_whose_time_is_over_is_forgotten),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
