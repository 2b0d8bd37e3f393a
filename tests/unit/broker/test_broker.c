/* Two sites, each a true broker and a node: callers meet agents, and brokers may die. */
#include "tests/unit/broker/mini_node.h"
#include "common/trace/trace.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { PORT = 41200 };

struct scene {
	struct cluster c;
	pid_t oslo_b, manila_b;
	struct mini_node oslo, manila;
	struct mini_node *nodes[3];
	char trace[128];
	/* for conditions */
	uint64_t call, session;
	struct mini_node *at;
	uint8_t state;
	uint32_t n;
};

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	cluster_open(&s->c, PORT);
	snprintf(s->trace, sizeof(s->trace), "%s/oslo-b1.trace", s->c.dir);
	s->oslo_b = broker_start(&s->c, "oslo-b1", s->trace);
	s->manila_b = broker_start(&s->c, "manila-b1", NULL);
	mini_open(&s->oslo, &s->c, OSLO1, 1);
	mini_open(&s->manila, &s->c, MANILA1, 1);
	s->nodes[0] = &s->oslo;
	s->nodes[1] = &s->manila;
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;
	mini_close(&s->oslo);
	mini_close(&s->manila);
	cluster_close(&s->c);
	free(s);
	return 0;
}

static bool rings(void *arg)
{
	struct scene *s = arg;
	const struct mini_ring *r = mini_ringing(s->at, s->session);
	return r && (s->call == 0 || r->call == s->call);
}

static int until_rings(struct scene *s, struct mini_node *at, uint64_t session, uint64_t call)
{
	s->at = at;
	s->session = session;
	s->call = call;
	int err = mini_until(s->nodes, rings, s);
	if (err) {
		log_print(&s->c, "oslo-b1");
		log_print(&s->c, "manila-b1");
	}
	return err;
}

static bool call_is(void *arg)
{
	struct scene *s = arg;
	return mini_call_state(s->at, s->call) == s->state;
}

static int until_call(struct scene *s, struct mini_node *at, uint64_t call, uint8_t state)
{
	s->at = at;
	s->call = call;
	s->state = state;
	return mini_until(s->nodes, call_is, s);
}

static bool agent_is(void *arg)
{
	struct scene *s = arg;
	return mini_agent_state(s->at, s->session) == s->state;
}

static int until_agent(struct scene *s, struct mini_node *at, uint64_t session, uint8_t state)
{
	s->at = at;
	s->session = session;
	s->state = state;
	return mini_until(s->nodes, agent_is, s);
}

static bool brokers_heard(void *arg)
{
	struct scene *s = arg;
	return s->oslo.stats_n >= s->n && s->manila.stats_n >= s->n;
}

/* Both nodes have heard their broker anew. */
static int until_brokers(struct scene *s)
{
	s->oslo.stats_n = s->manila.stats_n = 0;
	s->n = 1;
	return mini_until(s->nodes, brokers_heard, s);
}

static void a_caller_in_oslo_is_answered_in_manila(void **state)
{
	struct scene *s = *state;
	uint64_t maria = mini_agent(&s->manila, "maria");
	uint64_t call = mini_caller(&s->oslo, "support");
	assert_int_equal(until_rings(s, &s->manila, maria, call), 0);
	mini_accept(&s->manila, mini_ringing(&s->manila, maria));
	assert_int_equal(until_call(s, &s->oslo, call, ACD_CALL_BRIDGED), 0);
	assert_int_equal(until_agent(s, &s->manila, maria, ACD_AGENT_TALKING), 0);
	mini_hang_up(&s->oslo, call);
	assert_int_equal(until_call(s, &s->oslo, call, ACD_CALL_NONE), 0);
}

static void a_caller_is_answered_at_home_first(void **state)
{
	struct scene *s = *state;
	uint64_t maria = mini_agent(&s->manila, "maria");
	uint64_t ingrid = mini_agent(&s->oslo, "ingrid");
	assert_int_equal(until_brokers(s), 0);
	uint64_t call = mini_caller(&s->oslo, "support");
	assert_int_equal(until_rings(s, &s->oslo, ingrid, call), 0);
	assert_null(mini_ringing(&s->manila, maria));
}

static void brokers_killed_and_restarted_lose_no_call_and_no_place(void **state)
{
	struct scene *s = *state;
	assert_int_equal(until_brokers(s), 0);
	uint64_t first = mini_caller(&s->oslo, "support");
	uint64_t second = mini_caller(&s->oslo, "support");
	assert_int_equal(until_brokers(s), 0);
	broker_end(s->oslo_b, SIGKILL);
	broker_end(s->manila_b, SIGKILL);
	uint64_t third = mini_caller(&s->oslo, "support");
	s->oslo_b = broker_start(&s->c, "oslo-b1", NULL);
	s->manila_b = broker_start(&s->c, "manila-b1", NULL);
	assert_int_equal(until_brokers(s), 0);
	uint64_t session[3];
	const uint64_t order[3] = {first, second, third};
	for (int i = 0; i < 3; i++) {
		char name[24];
		snprintf(name, sizeof(name), "agent%d", i);
		session[i] = mini_agent(&s->manila, name);
		assert_int_equal(until_rings(s, &s->manila, session[i], order[i]), 0);
		mini_accept(&s->manila, mini_ringing(&s->manila, session[i]));
		assert_int_equal(until_call(s, &s->oslo, order[i], ACD_CALL_BRIDGED), 0);
	}
	assert_int_equal(s->manila.rings_n, 3);
}

static void a_killed_broker_does_not_disturb_a_call(void **state)
{
	struct scene *s = *state;
	uint64_t maria = mini_agent(&s->manila, "maria");
	uint64_t call = mini_caller(&s->oslo, "support");
	assert_int_equal(until_rings(s, &s->manila, maria, call), 0);
	broker_end(s->oslo_b, SIGKILL);
	broker_end(s->manila_b, SIGKILL);
	s->oslo_b = s->manila_b = 0;
	mini_accept(&s->manila, mini_ringing(&s->manila, maria));
	assert_int_equal(until_call(s, &s->oslo, call, ACD_CALL_BRIDGED), 0);
}

static bool stats_show(void *arg)
{
	struct scene *s = arg;
	const QueueStats *qs = &s->manila.stats;
	uint32_t orders = conf_queue_by_name(s->c.conf, "orders")->id;
	for (pb_size_t i = 0; i < qs->entries_count; i++)
		if (qs->entries[i].queue == orders)
			return qs->entries[i].waiting == s->n;
	return false;
}

static void figures_of_queues_reach_the_nodes(void **state)
{
	struct scene *s = *state;
	assert_int_equal(until_brokers(s), 0);
	uint64_t call[2] = {mini_caller(&s->manila, "orders"), mini_caller(&s->manila, "orders")};
	s->n = 2;
	assert_int_equal(mini_until(s->nodes, stats_show, s), 0);
	mini_hang_up(&s->manila, call[0]);
	mini_hang_up(&s->manila, call[1]);
	s->n = 0;
	assert_int_equal(mini_until(s->nodes, stats_show, s), 0);
}

/* An incident can be run again: what the process traced gives the same digest here. */
static void a_trace_stepped_again_gives_the_same_digest(void **state)
{
	struct scene *s = *state;
	a_caller_in_oslo_is_answered_in_manila(state);
	assert_int_equal(broker_end(s->oslo_b, SIGTERM), 0);
	s->oslo_b = 0;
	FILE *f = fopen(s->trace, "r");
	assert_non_null(f);
	struct trace_reader *r = NULL;
	uint32_t line, events = 0, digests = 0;
	assert_int_equal(trace_reader_open(&r, f, &line), 0);
	const struct acd_conf *conf = trace_reader_conf(r);
	assert_int_equal(conf->self.v, OSLO_B1);
	assert_int_equal(conf->role, ACD_ROLE_BROKER);
	struct acd *acd = acd_init(malloc(acd_size(conf)), conf);
	assert_non_null(acd);
	for (;;) {
		enum trace_line kind;
		struct acd_event ev;
		static struct acd_effects fx;
		uint64_t digest;
		assert_int_equal(trace_read(r, &kind, &ev, &digest, &line), 0);
		if (kind == TRACE_END)
			break;
		if (kind == TRACE_EVENT) {
			acd_step(acd, &ev, &fx);
			events++;
		} else {
			assert_true(digest == acd_digest(acd));
			digests++;
		}
	}
	assert_in_range(events, 10, 100000);
	assert_int_equal(digests, 1);
	free(acd);
	trace_reader_close(r);
	fclose(f);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(a_caller_in_oslo_is_answered_in_manila),
	    T(a_caller_is_answered_at_home_first),
	    T(brokers_killed_and_restarted_lose_no_call_and_no_place),
	    T(a_killed_broker_does_not_disturb_a_call),
	    T(figures_of_queues_reach_the_nodes),
	    T(a_trace_stepped_again_gives_the_same_digest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
