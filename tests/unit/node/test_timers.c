/* libre's timers as the node replaces them, against a model, on a clock of the test's own. */
#include "nodes/node_re.h"
#include "common/base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

struct list *tmrl_get(void);

enum { TIMERS = 400, STEPS = 200000 };

static uint64_t clock_ms = 1000;

uint64_t tmr_jiffies(void)
{
	return clock_ms;
}

static struct timer {
	struct tmr tmr;
	uint64_t due_ms, started; /* model: 0 started: not running */
} timers[TIMERS];
static uint64_t starts, last_ms, last_started, fired;

static void random_do(struct timer *t);
static uint32_t rng = 4711;

static uint32_t next_random(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 17;
	return rng ^= rng << 5;
}

static void check_earliest(void)
{
	uint64_t due = UINT64_MAX, next = tmr_next_timeout(tmrl_get());
	for (size_t i = 0; i < TIMERS; i++)
		if (timers[i].started && timers[i].due_ms < due)
			due = timers[i].due_ms;
	assert_int_equal(next, due == UINT64_MAX ? 0 : due > clock_ms ? due - clock_ms : 1);
}

static void fired_h(void *arg)
{
	struct timer *t = arg;
	assert_true(t->started && t->due_ms <= clock_ms);
	assert_false(tmr_isrunning(&t->tmr));
	/* In the order of their times, equal ones in that of their starts. */
	assert_true(t->due_ms > last_ms || (t->due_ms == last_ms && t->started > last_started));
	last_ms = t->due_ms;
	last_started = t->started;
	t->started = 0;
	fired++;
	if (next_random() % 4 == 0)
		random_do(&timers[next_random() % TIMERS]);
}

static void random_do(struct timer *t)
{
	static const uint64_t delays[] = {0, 0, 1, 10, 20, 500, 500, 32000};
	uint64_t delay = next_random() % 3 ? delays[next_random() % HELIO_ARRAY_LEN(delays)]
					   : next_random() % 3000;
	if (next_random() % 4 == 0) {
		tmr_cancel(&t->tmr);
		t->started = 0;
		assert_false(tmr_isrunning(&t->tmr));
		return;
	}
	tmr_start(&t->tmr, delay, fired_h, t);
	t->due_ms = clock_ms + delay;
	t->started = ++starts;
	assert_true(tmr_isrunning(&t->tmr));
	assert_int_equal(tmr_get_expire(&t->tmr), delay);
}

static void timers_run_in_order_whatever_is_started_and_cancelled(void **state)
{
	(void)state;
	for (size_t i = 0; i < STEPS; i++) {
		random_do(&timers[next_random() % TIMERS]);
		if (next_random() % 8 == 0)
			clock_ms += next_random() % 200;
		if (i % 16 == 0) {
			tmr_poll(tmrl_get());
			check_earliest();
		}
	}
	assert_true(fired > STEPS / 16);
	for (size_t i = 0; i < TIMERS; i++) {
		tmr_cancel(&timers[i].tmr);
		timers[i].started = 0;
	}
	check_earliest();
	assert_null(tmrl_get()->head);
}

/* As SIP does it: thousands that wait for 32 s, and short ones between them. */
static void a_short_timer_does_not_walk_past_the_long_ones(void **state)
{
	static struct tmr many[100000], once;
	(void)state;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(many); i++)
		tmr_start(&many[i], 32000, fired_h, NULL);
	uint64_t began_us = mono_us();
	for (size_t i = 0; i < 100000; i++)
		tmr_start(&once, 20, fired_h, NULL);
	/* A walk past them all would take a minute; this takes some milliseconds. */
	assert_true(mono_us() - began_us < 5000000);
	assert_int_equal(tmr_next_timeout(tmrl_get()), 20);
	tmr_cancel(&once);
	for (size_t i = 0; i < HELIO_ARRAY_LEN(many); i++)
		tmr_cancel(&many[i]);
	assert_null(tmrl_get()->head);
}

/* tmr_cancel() is libre's and calls tmr_start(): would it call its own, the node had two kinds of
 * timers in one list. */
static void the_library_calls_ours(void **state)
{
	struct timer *t = &timers[0];
	(void)state;
	tmr_cancel(&t->tmr);
	tmr_start(&t->tmr, 700, fired_h, t);
	assert_non_null(tmrl_get()->head);
	assert_ptr_equal(tmrl_get()->head, &t->tmr.le);
	assert_true(t->tmr.le.list != tmrl_get()); /* a number, not the list */
	tmr_cancel(&t->tmr);
	assert_null(tmrl_get()->head);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(timers_run_in_order_whatever_is_started_and_cancelled),
	    cmocka_unit_test(a_short_timer_does_not_walk_past_the_long_ones),
	    cmocka_unit_test(the_library_calls_ours),
	};
	int err = libre_init();
	int failed = err ? err : cmocka_run_group_tests(tests, NULL, NULL);
	libre_close();
	return failed;
}
