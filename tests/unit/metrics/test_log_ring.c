/* The last events in memory, and the admin command that hands them out. */
#include "common/log/events.h"
#include "common/log/ring.h"

#include <pthread.h>
#include <stdarg.h>
#include <setjmp.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

enum { THREADS = 4, EACH = 500 };

static json_t *events(const char *request)
{
	json_t *req = json_loads(request, 0, NULL), *reply = log_events_reply(req);
	assert_non_null(reply);
	assert_true(json_is_true(json_object_get(reply, "ok")));
	json_decref(req);
	return reply;
}

static json_int_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static const json_t *event_at(const json_t *reply, size_t i)
{
	return json_array_get(json_object_get(reply, "events"), i);
}

static const char *line_at(const json_t *reply, size_t i)
{
	return json_string_value(json_object_get(event_at(reply, i), "line"));
}

static void what_was_logged_can_be_asked_for_after_a_number(void **state)
{
	(void)state;
	log_info("test.one", "n=%d", 1);
	log_debug("test.hidden", "%s", "");
	log_warn("test.two", "%s", "");
	json_t *all = events("{}");
	assert_int_equal(number(all, "last"), 2);
	assert_int_equal(number(all, "first"), 1);
	assert_string_equal(line_at(all, 0), "level=info daemon=ringtest event=test.one n=1");
	assert_string_equal(line_at(all, 1), "level=warn daemon=ringtest event=test.two");
	assert_true(number(event_at(all, 0), "at_ms") > 1600000000000);
	assert_int_equal(log_count(LOG_LEVEL_WARN), 1);
	assert_int_equal(log_count(LOG_LEVEL_DEBUG), 0);
	json_decref(all);
	json_t *later = events("{\"after\": 1}");
	assert_int_equal(json_array_size(json_object_get(later, "events")), 1);
	assert_int_equal(number(event_at(later, 0), "seq"), 2);
	json_decref(later);
	json_t *none = events("{\"after\": 99}");
	assert_int_equal(json_array_size(json_object_get(none, "events")), 0);
	json_decref(none);
	json_t *odd = events("{\"after\": \"x\", \"limit\": -3}");
	assert_int_equal(json_array_size(json_object_get(odd, "events")), 2);
	json_decref(odd);
	json_t *stranger = events("{\"after\": 2, \"life\": \"another\"}");
	assert_int_equal(json_array_size(json_object_get(stranger, "events")), 2);
	json_decref(stranger);
	json_t *some = events("{\"limit\": 1}");
	assert_int_equal(number(event_at(some, 0), "seq"), 1);
	json_decref(some);
}

static void *flood(void *arg)
{
	for (int i = 0; i < EACH; i++)
		log_info("test.flood", "thread=%d", *(int *)arg);
	return NULL;
}

static void a_thousand_are_kept_from_any_thread_and_the_rest_is_known_to_be_gone(void **state)
{
	pthread_t id[THREADS];
	int which[THREADS];
	(void)state;
	json_int_t before = (json_int_t)log_count(LOG_LEVEL_INFO);
	for (int i = 0; i < THREADS; i++) {
		which[i] = i;
		assert_int_equal(pthread_create(&id[i], NULL, flood, &which[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(id[i], NULL);
	json_t *all = events("{\"after\": 1}");
	assert_int_equal((json_int_t)log_count(LOG_LEVEL_INFO) - before, THREADS * EACH);
	assert_int_equal(json_array_size(json_object_get(all, "events")), LOG_RING_MAX);
	assert_int_equal(number(all, "first"), number(all, "last") - LOG_RING_MAX + 1);
	for (size_t i = 0; i < LOG_RING_MAX; i++) {
		assert_int_equal(number(event_at(all, i), "seq"),
				 number(all, "first") + (json_int_t)i);
		assert_non_null(strstr(line_at(all, i), "event=test.flood thread="));
	}
	json_decref(all);
}

static void a_line_that_is_no_utf8_does_not_break_the_answer(void **state)
{
	(void)state;
	log_info("test.bytes", "x=%s", "\xff\xfe");
	json_t *all = events("{}");
	assert_non_null(strstr(line_at(all, LOG_RING_MAX - 1), "events.unreadable"));
	json_decref(all);
}

/* fd[1] becomes standard error, and nobody reads fd[0]: what is logged goes on, is counted, and
 * told once there is room. (Before, the daemon stood still; then the test's time limit speaks.) */
static void stalled(int fd[2])
{
	char buf[4096], want[64];
	uint64_t before = log_dropped();
	ssize_t n;
	int was = dup(STDERR_FILENO);
	assert_true(was >= 0 && dup2(fd[1], STDERR_FILENO) == STDERR_FILENO);
	for (int i = 0; i < 10000; i++)
		log_info("test.stalled", "i=%d text=%s", i,
			 "forty bytes that fill a pipe by and by...");
	uint64_t dropped = log_dropped() - before;
	assert_int_equal(fcntl(fd[0], F_SETFL, O_NONBLOCK), 0);
	while (read(fd[0], buf, sizeof(buf)) > 0)
		;
	log_info("test.again", "%s", "");
	n = read(fd[0], buf, sizeof(buf) - 1);
	assert_int_equal(dup2(was, STDERR_FILENO), STDERR_FILENO);
	close(was);
	close(fd[0]);
	close(fd[1]);
	assert_true(dropped > 0 && n > 0);
	buf[n] = '\0';
	snprintf(want, sizeof(want), "event=log.dropped lines=%llu ", (unsigned long long)dropped);
	assert_non_null(strstr(buf, want));
	assert_int_equal(log_dropped() - before, dropped);
}

static void who_does_not_read_a_pipe_holds_nobody_up(void **state)
{
	int fd[2];
	(void)state;
	assert_int_equal(pipe(fd), 0);
	stalled(fd);
}

static void nor_who_does_not_read_a_socket(void **state)
{
	int fd[2];
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	stalled(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_logged_can_be_asked_for_after_a_number),
	    cmocka_unit_test(a_thousand_are_kept_from_any_thread_and_the_rest_is_known_to_be_gone),
	    cmocka_unit_test(a_line_that_is_no_utf8_does_not_break_the_answer),
	    cmocka_unit_test(who_does_not_read_a_pipe_holds_nobody_up),
	    cmocka_unit_test(nor_who_does_not_read_a_socket),
	};
	log_init("ringtest", LOG_LEVEL_INFO);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
