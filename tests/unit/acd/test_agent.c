/* The agent register: what an operator does, and what happens to the operator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/acd/world.h"

#define MS 1000u
#define S 1000000u

static struct world *w;
static struct acd *n;
static struct acd_session_id s;

static int setup(void **state)
{
	(void)state;
	w = world_new(1, 1, 1);
	n = world_node(w, 1, 1);
	s = world_agent(w, n, 0);
	world_run(w, 50 * MS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	w = world_free(w);
	return 0;
}

static enum acd_verdict tell(enum acd_event_type type)
{
	return world_do(w, n,
			(struct acd_event){.type = type,
					   .session = s,
					   .offer = world_agent_view(w, n, s).offer,
					   .reason = ACD_REASON_PAUSE});
}

static uint8_t agent_state(void)
{
	return world_agent_view(w, n, s).state;
}

static struct acd_call_id talk(void)
{
	struct acd_call_id c = world_call(w, n, QUEUE_ANY);

	world_run(w, 20 * MS);
	world_accept(w, n, s);
	world_run(w, 20 * MS);
	assert_int_equal(agent_state(), ACD_AGENT_TALKING);
	return c;
}

static void signing_in_gives_not_ready_until_asked(void **state)
{
	struct acd_session_id fresh = {acd_id_next(n)};

	(void)state;
	world_do(w, n,
		 (struct acd_event){.type = ACD_EV_AGENT_SIGN_IN, .session = fresh, .agent = {77}});
	struct acd_agent_view v = world_agent_view(w, n, fresh);
	assert_int_equal(v.state, ACD_AGENT_NOT_READY);
	assert_int_equal(v.reason, ACD_REASON_SIGNED_IN);
}

static void not_ready_while_talking_comes_true_after_wrap_up(void **state)
{
	(void)state;
	talk();
	assert_int_equal(tell(ACD_EV_AGENT_NOT_READY), ACD_OK);
	assert_int_equal(agent_state(), ACD_AGENT_TALKING);
	tell(ACD_EV_AGENT_HANGUP);
	assert_int_equal(agent_state(), ACD_AGENT_WRAP);
	world_run(w, 6 * S);
	assert_int_equal(agent_state(), ACD_AGENT_NOT_READY);
	assert_int_equal(world_agent_view(w, n, s).reason, ACD_REASON_PAUSE);
}

static void signing_out_while_talking_cuts_no_call(void **state)
{
	struct acd_call_id c = talk();

	(void)state;
	assert_int_equal(tell(ACD_EV_AGENT_SIGN_OUT), ACD_OK);
	world_run(w, 10 * S);
	assert_int_equal(world_call_state(w, n, c), ACD_CALL_BRIDGED);
	assert_true(world_agent_view(w, n, s).draining);
	tell(ACD_EV_AGENT_HANGUP);
	world_run(w, 6 * S);
	assert_int_equal(agent_state(), ACD_AGENT_OFF);
}

static void a_lost_socket_keeps_the_call_and_the_same_session_resumes_it(void **state)
{
	struct acd_call_id c = talk();

	(void)state;
	assert_int_equal(tell(ACD_EV_SESSION_LOST), ACD_OK);
	assert_int_equal(agent_state(), ACD_AGENT_GRACE);
	world_run(w, 5 * S);
	assert_int_equal(world_call_state(w, n, c), ACD_CALL_BRIDGED);
	assert_int_equal(tell(ACD_EV_SESSION_RESUMED), ACD_OK);
	assert_int_equal(agent_state(), ACD_AGENT_TALKING);
	world_run(w, 20 * S);
	assert_int_equal(agent_state(), ACD_AGENT_TALKING);
}

static void a_session_that_does_not_return_gives_its_caller_back_to_the_queue(void **state)
{
	struct acd_call_id c = talk();

	(void)state;
	tell(ACD_EV_SESSION_LOST);
	world_run(w, 11 * S);
	assert_int_equal(agent_state(), ACD_AGENT_OFF);
	assert_int_equal(world_call_state(w, n, c), ACD_CALL_QUEUED);
}

static void an_agent_in_grace_is_not_offered_a_call(void **state)
{
	(void)state;
	tell(ACD_EV_SESSION_LOST);
	struct acd_call_id c = world_call(w, n, QUEUE_ANY);
	world_run(w, 1 * S);
	assert_int_equal(world_call_state(w, n, c), ACD_CALL_QUEUED);
	tell(ACD_EV_SESSION_RESUMED);
	world_run(w, 20 * MS);
	assert_int_equal(agent_state(), ACD_AGENT_RINGING);
}

static void ready_during_wrap_up_ends_it(void **state)
{
	(void)state;
	talk();
	tell(ACD_EV_AGENT_HANGUP);
	assert_int_equal(tell(ACD_EV_AGENT_READY), ACD_OK);
	assert_int_equal(agent_state(), ACD_AGENT_IDLE);
}

static void a_drained_node_refuses_calls_and_keeps_its_agents_free_of_new_ones(void **state)
{
	(void)state;
	struct acd_call_id c = talk();
	world_do(w, n, (struct acd_event){.type = ACD_EV_DRAIN, .on = true});
	assert_int_equal(world_do(w, n,
				  (struct acd_event){.type = ACD_EV_CALL_ARRIVED,
						     .call = {acd_id_next(n)},
						     .queue = {QUEUE_ANY}}),
			 ACD_REFUSED_DRAINING);
	assert_int_equal(world_call_state(w, n, c), ACD_CALL_BRIDGED);
	tell(ACD_EV_AGENT_HANGUP);
	world_run(w, 6 * S);
	struct acd_queue_view q;
	uint32_t it = 0;
	assert_true(acd_queue_next(world_broker(w, 1, 1), &it, w->now, &q));
	assert_int_equal(q.idle, 0);
	world_do(w, n, (struct acd_event){.type = ACD_EV_DRAIN, .on = false});
	world_run(w, 20 * MS);
	it = 0;
	assert_true(acd_queue_next(world_broker(w, 1, 1), &it, w->now, &q));
	assert_int_equal(q.idle, 1);
}

static void accepting_an_offer_that_is_over_is_stale(void **state)
{
	(void)state;
	world_call(w, n, QUEUE_ANY);
	world_run(w, 20 * MS);
	struct acd_offer_id o = world_agent_view(w, n, s).offer;
	tell(ACD_EV_AGENT_REJECT);
	assert_int_equal(
	    world_do(w, n,
		     (struct acd_event){.type = ACD_EV_AGENT_ACCEPT, .session = s, .offer = o}),
	    ACD_REFUSED_STALE);
}

static void versions_of_a_session_only_grow(void **state)
{
	uint64_t last = 0;

	(void)state;
	talk();
	tell(ACD_EV_AGENT_HANGUP);
	world_run(w, 10 * S);
	for (uint32_t i = 0; i < w->seen_n; i++) {
		if (w->seen[i].fx.type != ACD_FX_AGENT)
			continue;
		assert_true(w->seen[i].fx.version > last);
		last = w->seen[i].fx.version;
	}
	assert_true(last > 5);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(signing_in_gives_not_ready_until_asked),
	    TEST(not_ready_while_talking_comes_true_after_wrap_up),
	    TEST(signing_out_while_talking_cuts_no_call),
	    TEST(a_lost_socket_keeps_the_call_and_the_same_session_resumes_it),
	    TEST(a_session_that_does_not_return_gives_its_caller_back_to_the_queue),
	    TEST(an_agent_in_grace_is_not_offered_a_call),
	    TEST(ready_during_wrap_up_ends_it),
	    TEST(a_drained_node_refuses_calls_and_keeps_its_agents_free_of_new_ones),
	    TEST(accepting_an_offer_that_is_over_is_stale),
	    TEST(versions_of_a_session_only_grow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
