/* The whole path, in one site and between sites. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/acd/world.h"

#define MS 1000u
#define S 1000000u

static void a_call_rings_is_answered_released_and_wrapped_up(void **state)
{
	struct world *w = world_new(1, 1, 2);
	struct acd *x = world_node(w, 1, 1), *y = world_node(w, 1, 2);

	(void)state;
	struct acd_session_id s = world_agent(w, y, 0);
	world_run(w, 50 * MS);
	struct acd_call_id c = world_call(w, x, QUEUE_ANY);
	acd_time_us queued = w->now;
	world_run(w, 20 * MS);
	assert_int_equal(world_agent_view(w, y, s).state, ACD_AGENT_RINGING);
	assert_in_range(world_last(w, ACD_FX_RING)->at - queued, 0, 6 * WORLD_DELAY_US);
	assert_int_equal(world_call_state(w, x, c), ACD_CALL_GRANTED);
	world_accept(w, y, s);
	world_run(w, 10 * MS);
	assert_int_equal(world_call_state(w, x, c), ACD_CALL_BRIDGED);
	assert_int_equal(world_agent_view(w, y, s).state, ACD_AGENT_TALKING);
	world_run(w, 60 * S);
	assert_int_equal(world_call_state(w, x, c), ACD_CALL_BRIDGED);
	world_do(w, y,
		 (struct acd_event){.type = ACD_EV_AGENT_HANGUP,
				    .session = s,
				    .offer = world_agent_view(w, y, s).offer});
	world_run(w, 10 * MS);
	assert_int_equal(world_call_state(w, x, c), ACD_CALL_NONE);
	const struct acd_fx *end = &world_last(w, ACD_FX_CALL)->fx;
	assert_int_equal(end->call_state, ACD_CALL_ENDED);
	assert_int_equal(end->outcome, ACD_OUTCOME_ANSWERED);
	assert_int_equal(world_agent_view(w, y, s).state, ACD_AGENT_WRAP);
	world_run(w, 5 * S);
	assert_int_equal(world_agent_view(w, y, s).state, ACD_AGENT_IDLE);
	world_free(w);
}

static void a_freed_agent_rings_again_at_once_while_callers_wait(void **state)
{
	struct world *w = world_new(1, 1, 1);
	struct acd *n = world_node(w, 1, 1);

	(void)state;
	world_call(w, n, QUEUE_ANY);
	struct acd_session_id s = world_agent(w, n, 0);
	world_run(w, 20 * MS);
	world_call(w, n, QUEUE_ANY);
	world_accept(w, n, s);
	world_run(w, 20 * MS);
	world_do(w, n,
		 (struct acd_event){.type = ACD_EV_AGENT_HANGUP,
				    .session = s,
				    .offer = world_agent_view(w, n, s).offer});
	world_do(w, n, (struct acd_event){.type = ACD_EV_AGENT_WRAP_DONE, .session = s});
	world_run(w, 20 * MS);
	assert_int_equal(world_agent_view(w, n, s).state, ACD_AGENT_RINGING);
	world_free(w);
}

static void a_caller_in_one_site_is_answered_in_another(void **state)
{
	struct world *w = world_new(3, 1, 2);
	struct acd *x = world_node(w, 1, 1), *y = world_node(w, 2, 2);

	(void)state;
	struct acd_session_id s = world_agent(w, y, 0);
	world_run(w, 1 * S);
	struct acd_call_id c = world_call(w, x, QUEUE_ANY);
	world_run(w, 20 * MS);
	assert_int_equal(world_agent_view(w, y, s).state, ACD_AGENT_RINGING);
	assert_int_equal(world_agent_view(w, y, s).call.v, c.v);
	world_accept(w, y, s);
	world_run(w, 10 * MS);
	assert_int_equal(world_call_state(w, x, c), ACD_CALL_BRIDGED);
	world_free(w);
}

static void a_node_without_brokers_matches_alone_and_stops_when_one_returns(void **state)
{
	struct world *w = world_new(1, 1, 1);
	struct acd *n = world_node(w, 1, 1);

	(void)state;
	world_at(w, 1, 64)->cut = true;
	struct acd_call_id c = world_call(w, n, QUEUE_ANY);
	struct acd_session_id s = world_agent(w, n, 0);
	world_run(w, 2500 * MS);
	assert_true(world_last(w, ACD_FX_ISLAND)->fx.on);
	assert_int_equal(world_agent_view(w, n, s).call.v, c.v);
	assert_int_equal(world_agent_view(w, n, s).state, ACD_AGENT_RINGING);
	world_at(w, 1, 64)->cut = false;
	world_run(w, 1 * S);
	assert_false(world_last(w, ACD_FX_ISLAND)->fx.on);
	assert_int_equal(world_agent_view(w, n, s).call.v, c.v);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_call_rings_is_answered_released_and_wrapped_up),
	    cmocka_unit_test(a_freed_agent_rings_again_at_once_while_callers_wait),
	    cmocka_unit_test(a_caller_in_one_site_is_answered_in_another),
	    cmocka_unit_test(a_node_without_brokers_matches_alone_and_stops_when_one_returns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
