/* The trace by itself: every field comes back, and what is damaged is refused at its line. */
#include "common/trace/trace.h"
#include "common/base/base.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static void conf_fill(struct acd_conf *conf, struct acd_queue_conf queues[2],
		      struct acd_addr addrs[3])
{
	memset(conf, 0, sizeof(*conf));
	memset(queues, 0, 2 * sizeof(*queues));
	queues[0].id.v = 7;
	queues[0].skills.bits = 5;
	queues[0].overflow_no_idle = true;
	queues[1].id.v = UINT32_MAX;
	queues[1].ring_timeout_ms = 20000;
	addrs[0].v = 257;
	addrs[1].v = 258;
	addrs[2].v = 320;
	conf->role = ACD_ROLE_BROKER;
	conf->self.v = 320;
	conf->boot = 5;
	conf->calls_max = 100;
	conf->agents_max = 50;
	conf->queues_n = 2;
	conf->queues = queues;
	conf->nodes_n = 2;
	conf->nodes = addrs;
	conf->brokers_n = 1;
	conf->brokers = addrs + 2;
	acd_timers_default(&conf->timers);
}

/* Every byte of every field is 1 or more, as far as its size goes. */
static struct acd_event event_full(void)
{
	struct acd_event ev;
	memset(&ev, 0, sizeof(ev));
	ev.type = ACD_EV_MSG;
	ev.now = UINT64_MAX;
	ev.from.v = 257;
	ev.from_boot = 3;
	ev.call.v = 11;
	ev.session.v = 12;
	ev.agent.v = 13;
	ev.offer.v = 14;
	ev.skills.bits = UINT64_MAX;
	ev.queue.v = 15;
	ev.age_us = 16;
	ev.priority = 17;
	ev.cause = 18;
	ev.reason = 19;
	ev.on = true;
	ev.msg = (struct acd_msg){.type = ACD_MSG_GRANT,
				  .offer = {21},
				  .call = {22},
				  .session = {23},
				  .agent = {24},
				  .skills = {25},
				  .queue = {26},
				  .cepoch = 27,
				  .version = 28,
				  .digest = 29,
				  .age_us = 30,
				  .idle_us = 31,
				  .count = 32,
				  .wanted = 33,
				  .wrap_up_ms = 34,
				  .ring_timeout_ms = 35,
				  .node = {36},
				  .peer = {37},
				  .site = 38,
				  .priority = 39,
				  .state = 40,
				  .cause = 41};
	return ev;
}

static void path_make(char path[static 64])
{
	snprintf(path, 64, "/tmp/helio-trace-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
}

static void what_is_written_comes_back(void **state)
{
	(void)state;
	char path[64];
	struct acd_conf conf;
	struct acd_queue_conf queues[2];
	struct acd_addr addrs[3];
	struct trace *t = NULL;
	struct trace_reader *r = NULL;
	struct acd_event ev = event_full(), back, first = {.type = ACD_EV_TIME, .now = 1};
	uint32_t line;
	uint64_t digest;
	enum trace_line kind;
	path_make(path);
	conf_fill(&conf, queues, addrs);
	assert_int_equal(trace_open(&t, path, &conf), 0);
	trace_event(t, &first);
	trace_event(t, &ev);
	trace_digest(t, 0xfedcba9876543210);
	assert_int_equal(trace_flush(t), 0);
	trace_close(t);

	FILE *f = fopen(path, "r");
	assert_int_equal(trace_reader_open(&r, f, &line), 0);
	const struct acd_conf *c = trace_reader_conf(r);
	assert_int_equal(c->role, conf.role);
	assert_int_equal(c->self.v, 320);
	assert_int_equal(c->calls_max, 100);
	assert_int_equal(c->queues_n, 2);
	assert_memory_equal(c->queues, queues, sizeof(queues));
	assert_memory_equal(&c->timers, &conf.timers, sizeof(conf.timers));
	assert_int_equal(c->nodes_n, 2);
	assert_int_equal(c->nodes[1].v, 258);
	assert_int_equal(c->brokers[0].v, 320);
	assert_int_equal(trace_read(r, &kind, &back, &digest, &line), 0);
	assert_int_equal(kind, TRACE_EVENT);
	assert_int_equal(back.type, ACD_EV_TIME);
	assert_int_equal(back.now, 1);
	assert_int_equal(trace_read(r, &kind, &back, &digest, &line), 0);
	assert_memory_equal(&back, &ev, sizeof(ev));
	assert_int_equal(trace_read(r, &kind, &back, &digest, &line), 0);
	assert_int_equal(kind, TRACE_DIGEST);
	assert_true(digest == 0xfedcba9876543210);
	assert_int_equal(trace_read(r, &kind, &back, &digest, &line), 0);
	assert_int_equal(kind, TRACE_END);
	trace_reader_close(r);
	fclose(f);
	unlink(path);
}

static void a_damaged_line_is_refused_by_its_number(void **state)
{
	(void)state;
	static const char *const bad[] = {
	    "ev type=x\n",     "ev type=99999999999999999999\n",
	    "ev nonsense=1\n", "ev priority=256\n",
	    "what is this\n",  "ev type\n",
	    "digest xyz\n",    "ev type=-1\n",
	};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(bad); i++) {
		char text[512];
		struct trace_reader *r = NULL;
		struct acd_event ev;
		uint32_t line = 0;
		uint64_t digest;
		enum trace_line kind;
		snprintf(text, sizeof(text), "helio-trace 1\nconf role=2 self=320\nev type=1\n%s",
			 bad[i]);
		FILE *f = fmemopen(text, strlen(text), "r");
		assert_int_equal(trace_reader_open(&r, f, &line), 0);
		assert_int_equal(trace_read(r, &kind, &ev, &digest, &line), 0);
		assert_int_equal(trace_read(r, &kind, &ev, &digest, &line), EBADMSG);
		assert_int_equal(line, 4);
		trace_reader_close(r);
		fclose(f);
	}
}

static void a_file_that_is_no_trace_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {"",
					  "\n",
					  "helio-trace 2\nconf role=2\n",
					  "hello\n",
					  "helio-trace 1\n",
					  "helio-trace 1\nnode 65536\n"};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(bad); i++) {
		char text[128];
		struct trace_reader *r = NULL;
		snprintf(text, sizeof(text), "%s", bad[i]);
		FILE *f = fmemopen(text, sizeof(text), "r");
		assert_int_equal(trace_reader_open(&r, f, NULL), EBADMSG);
		assert_null(r);
		fclose(f);
	}
}

/* The writer was killed in the middle of a line. */
static void a_cut_last_line_is_the_end(void **state)
{
	(void)state;
	char text[] = "helio-trace 1\nconf role=2\nev type=1\nev type=1 now=12";
	struct trace_reader *r = NULL;
	struct acd_event ev;
	uint32_t line;
	uint64_t digest;
	enum trace_line kind;
	FILE *f = fmemopen(text, strlen(text), "r");
	assert_int_equal(trace_reader_open(&r, f, &line), 0);
	assert_int_equal(trace_read(r, &kind, &ev, &digest, &line), 0);
	assert_int_equal(kind, TRACE_EVENT);
	assert_int_equal(trace_read(r, &kind, &ev, &digest, &line), 0);
	assert_int_equal(kind, TRACE_END);
	trace_reader_close(r);
	fclose(f);
}

static void a_full_disk_is_reported(void **state)
{
	(void)state;
	struct acd_conf conf;
	struct acd_queue_conf queues[2];
	struct acd_addr addrs[3];
	struct trace *t = NULL;
	conf_fill(&conf, queues, addrs);
	assert_int_equal(trace_open(&t, "/dev/full", &conf), ENOSPC);
	assert_null(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_comes_back),
	    cmocka_unit_test(a_damaged_line_is_refused_by_its_number),
	    cmocka_unit_test(a_file_that_is_no_trace_is_refused),
	    cmocka_unit_test(a_cut_last_line_is_the_end),
	    cmocka_unit_test(a_full_disk_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
