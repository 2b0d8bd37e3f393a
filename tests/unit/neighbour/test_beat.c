/* What a witness says of whom it hears. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/beat/beat.h"
#include "common/base/base.h"
#include "common/conf/conf.h"

enum { MS = 1000, NODE = 0x0101 };

static struct conf_daemon one = {.role = CONF_NODE, .addr = NODE};
static const struct conf conf = {
    .daemons = &one,
    .daemons_n = 1,
    .sites_n = 1,
    .sites = {{.number = 1, .daemons_n = 1}},
};

static void silence_is_counted_from_the_last_message(void **state)
{
	struct beats b;
	(void)state;
	assert_int_equal(beats_open(&b, &conf, 1000 * MS), 0);
	for (uint64_t t = 1000 * MS; t <= 3000 * MS; t += 100 * MS)
		assert_false(beats_look(&b, t));
	beats_heard(&b, NODE, 7, 2500 * MS);
	Beat beat = {.sent = 42, .about = NODE};
	beats_answer(&b, &beat, 3000 * MS);
	assert_true(beat.reply);
	assert_int_equal(beat.sent, 42);
	assert_int_equal(beat.silent_ms, 500);
	assert_int_equal(beats_boot(&b, NODE), 7);
	assert_true(beats_silent_us(&b, 0x0909, 3000 * MS) == UINT64_MAX);
	beats_close(&b);
}

static void who_slept_heard_nobody_and_says_so_of_nobody(void **state)
{
	struct beats b;
	(void)state;
	assert_int_equal(beats_open(&b, &conf, 1000 * MS), 0);
	beats_heard(&b, NODE, 1, 1000 * MS);
	assert_true(beats_look(&b, 9000 * MS));
	assert_int_equal(beats_silent_us(&b, NODE, 9000 * MS), 0);
	assert_int_equal(beats_silent_us(&b, NODE, 9100 * MS), 100 * MS);
	beats_close(&b);
}

/* The shortest trip of late counts, so that one that was held up makes nobody seem more dead. */
static void a_line_adds_most_of_its_shortest_trip_of_late(void **state)
{
	struct beats b;
	(void)state;
	assert_int_equal(beats_open(&b, &conf, 1000 * MS), 0);
	assert_int_equal(beats_line_us(&b, NODE), 0);
	beats_answered(&b, NODE, 1000 * MS, 1900 * MS);
	assert_int_equal(beats_line_us(&b, NODE), 0); /* one trip may have been held up */
	for (uint64_t i = 0; i < BEAT_TRIPS; i++)
		beats_answered(&b, NODE, 2000 * MS, 2320 * MS + i * MS);
	assert_int_equal(beats_line_us(&b, NODE), 240 * MS);
	beats_answered(&b, NODE, 3000 * MS, 3080 * MS);
	assert_int_equal(beats_line_us(&b, NODE), 60 * MS);
	beats_answered(&b, NODE, UINT64_MAX, 3080 * MS); /* echoed wrong: none to speak of */
	assert_int_equal(beats_line_us(&b, NODE), 0);
	beats_answered(&b, 0x0909, 1, 2);
	assert_int_equal(beats_line_us(&b, 0x0909), 0);
	beats_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(silence_is_counted_from_the_last_message),
	    cmocka_unit_test(who_slept_heard_nobody_and_says_so_of_nobody),
	    cmocka_unit_test(a_line_adds_most_of_its_shortest_trip_of_late),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
