/* May a node speak for its calls? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "nodes/neighbour/lease.h"

enum { MS = 1000, LEASE = 420 * MS };
static const uint64_t now = 100 * 1000 * MS;

static struct lease make(void)
{
	return (struct lease){.after_us = 600 * MS};
}

static void before_the_first_answer_there_is_nothing_to_lose(void **state)
{
	struct lease l = make();
	(void)state;
	assert_false(lease_lapsed(&l, now));
}

static void it_lasts_from_the_moment_of_sending_shorter_than_detection(void **state)
{
	struct lease l = make();
	(void)state;
	lease_answered(&l, now - 100 * MS, true, false, now);
	assert_int_equal(l.until_us, now - 100 * MS + LEASE);
	assert_true(LEASE < 600 * MS);
	assert_false(lease_lapsed(&l, l.until_us));
	assert_true(lease_lapsed(&l, l.until_us + 1));
}

static void an_answer_after_it_ran_out_does_not_bring_it_back(void **state)
{
	struct lease l = make();
	(void)state;
	lease_answered(&l, now, true, false, now);
	assert_true(lease_lapsed(&l, now + 1000 * MS));
	lease_answered(&l, now + 990 * MS, true, false, now + 1000 * MS);
	assert_true(lease_lapsed(&l, now + 1000 * MS));
	lease_resume(&l, now + 1001 * MS);
	assert_false(lease_lapsed(&l, now + 1002 * MS));
}

static void a_witness_beside_us_counts_only_when_no_independent_one_is_there(void **state)
{
	struct lease l = make();
	(void)state;
	lease_answered(&l, now, false, true, now);
	lease_answered(&l, now + 400 * MS, false, false, now + 400 * MS);
	assert_int_equal(l.until_us, now + LEASE);
	uint64_t later = now + (LEASE_RECENT_MS + 1) * MS;
	struct lease alone = make();
	lease_answered(&alone, later, false, false, later);
	assert_int_equal(alone.until_us, later + LEASE);
}

static void an_independent_witness_keeps_it_when_the_adopter_is_dead(void **state)
{
	struct lease l = make();
	(void)state;
	lease_answered(&l, now, true, false, now);
	for (uint64_t t = now; t < now + 10000 * MS; t += 100 * MS) {
		assert_false(lease_lapsed(&l, t));
		lease_answered(&l, t, false, true, t);
	}
}

static void nobody_answers_and_it_is_not_alone_so_it_stays_silent(void **state)
{
	struct lease l = make();
	(void)state;
	lease_answered(&l, now, true, false, now);
	lease_answered(&l, now, false, true, now);
	uint64_t t = now + 500 * MS;
	assert_true(lease_lapsed(&l, t));
	assert_false(lease_give_up(&l, 0, t + 5000 * MS));
	assert_false(lease_give_up(&l, 599 * MS, t + 5000 * MS)); /* the adopter is heard there */
	assert_true(lease_give_up(&l, 600 * MS, t + 5000 * MS));  /* the adopter is dead */
}

static void two_machines_alone_choose_the_callers(void **state)
{
	struct lease l = make();
	(void)state;
	lease_answered(&l, now, true, false, now);
	uint64_t t = now + 500 * MS;
	assert_true(lease_lapsed(&l, t));
	assert_false(lease_give_up(&l, 0, t + (LEASE_ALONE_MS - 1) * MS));
	assert_true(lease_give_up(&l, 0, t + LEASE_ALONE_MS * MS));
	assert_false(lease_lapsed(&l, t + LEASE_ALONE_MS * MS));
}

static void given_up_in_order_it_is_over_at_once_and_can_come_back(void **state)
{
	struct lease l = {.after_us = 600000};
	(void)state;
	lease_answered(&l, 1000000, true, false, 1001000);
	assert_false(lease_lapsed(&l, 1002000));
	lease_end(&l, 1003000);
	assert_true(lease_lapsed(&l, 1003000));
	lease_answered(&l, 1003500, true, false, 1004000); /* no answer brings it back … */
	assert_true(lease_lapsed(&l, 1004000));
	lease_resume(&l, 1005000); /* … but that the neighbour takes nothing */
	assert_false(lease_lapsed(&l, 1006000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(before_the_first_answer_there_is_nothing_to_lose),
	    cmocka_unit_test(it_lasts_from_the_moment_of_sending_shorter_than_detection),
	    cmocka_unit_test(an_answer_after_it_ran_out_does_not_bring_it_back),
	    cmocka_unit_test(a_witness_beside_us_counts_only_when_no_independent_one_is_there),
	    cmocka_unit_test(an_independent_witness_keeps_it_when_the_adopter_is_dead),
	    cmocka_unit_test(nobody_answers_and_it_is_not_alone_so_it_stays_silent),
	    cmocka_unit_test(two_machines_alone_choose_the_callers),
	    cmocka_unit_test(given_up_in_order_it_is_over_at_once_and_can_come_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
