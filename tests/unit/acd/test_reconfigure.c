/* Other queues while calls wait, ring and talk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/base.h"
#include "tests/unit/acd/world.h"

#define MS 1000u
#define S 1000000u

enum { QUEUE_NEW = 9, SKILL_TWO = 4 };

#define COMMON .overflow_no_idle = true, .wrap_up_ms = 5000, .ring_timeout_ms = 10000

static const struct acd_queue_conf plain[] = {{.id = {QUEUE_ANY}, COMMON},
					      {.id = {QUEUE_LATER}, .priority = 1, COMMON}};
/* In another order, one more, and a longer wrap-up. */
static const struct acd_queue_conf more[] = {{.id = {QUEUE_NEW}, .skills = {SKILL_TWO}, COMMON},
					     {.id = {QUEUE_LATER}, .priority = 1, COMMON},
					     {.id = {QUEUE_ANY},
					      .overflow_no_idle = true,
					      .wrap_up_ms = 9000,
					      .ring_timeout_ms = 10000,
					      .relax_n = 0}};
static const struct acd_queue_conf fewer[] = {{.id = {QUEUE_LATER}, .priority = 1, COMMON}};
static const struct acd_queue_conf closing[] = {{.id = {QUEUE_LATER}, .priority = 1, COMMON},
						{.id = {QUEUE_ANY}, .closed = true, COMMON}};

static void everywhere(struct world *w, const struct acd_queue_conf *queues, uint32_t n)
{
	for (uint32_t i = 0; i < w->daemons_n; i++)
		assert_true(world_reconfigure(w, addr_site(w->daemon[i].addr.v),
					      addr_ordinal(w->daemon[i].addr.v), queues, n));
}

static void a_new_queue_is_served_and_a_waiting_caller_keeps_the_place(void **state)
{
	struct world *w = world_new_queues(1, 1, 2, plain, HELIO_ARRAY_LEN(plain));

	(void)state;
	struct acd_call_id first = world_call(w, world_node(w, 1, 1), QUEUE_ANY);
	world_run(w, 3 * S);
	everywhere(w, more, HELIO_ARRAY_LEN(more));
	struct acd_call_id second = world_call(w, world_node(w, 1, 2), QUEUE_ANY);
	struct acd_call_id skilled = world_call(w, world_node(w, 1, 2), QUEUE_NEW);
	world_run(w, 1 * S);
	struct acd_session_id s = world_agent(w, world_node(w, 1, 2), SKILL_TWO);
	world_run(w, 20 * MS);
	assert_int_equal(world_agent_view(w, world_node(w, 1, 2), s).call.v, first.v);
	assert_int_equal(world_call_state(w, world_node(w, 1, 2), second), ACD_CALL_QUEUED);
	world_accept(w, world_node(w, 1, 2), s);
	world_run(w, 20 * MS);
	s = world_agent(w, world_node(w, 1, 1), SKILL_TWO);
	world_run(w, 20 * MS);
	assert_int_equal(world_agent_view(w, world_node(w, 1, 1), s).call.v, second.v);
	world_accept(w, world_node(w, 1, 1), s);
	world_run(w, 20 * MS);
	s = world_agent(w, world_node(w, 1, 1), SKILL_TWO);
	world_run(w, 20 * MS);
	assert_int_equal(world_agent_view(w, world_node(w, 1, 1), s).call.v, skilled.v);
	world_free(w);
}

static void a_talk_goes_on_and_ends_as_it_would_have(void **state)
{
	struct world *w = world_new_queues(1, 1, 2, plain, HELIO_ARRAY_LEN(plain));

	(void)state;
	struct acd_session_id s = world_agent(w, world_node(w, 1, 2), 0);
	struct acd_call_id c = world_call(w, world_node(w, 1, 1), QUEUE_ANY);
	world_run(w, 20 * MS);
	world_accept(w, world_node(w, 1, 2), s);
	world_run(w, 20 * MS);
	everywhere(w, more, HELIO_ARRAY_LEN(more));
	world_run(w, 30 * S);
	assert_int_equal(world_call_state(w, world_node(w, 1, 1), c), ACD_CALL_BRIDGED);
	world_do(w, world_node(w, 1, 2),
		 (struct acd_event){.type = ACD_EV_AGENT_HANGUP,
				    .session = s,
				    .offer = world_agent_view(w, world_node(w, 1, 2), s).offer});
	world_run(w, 20 * MS);
	assert_int_equal(world_last(w, ACD_FX_CALL)->fx.outcome, ACD_OUTCOME_ANSWERED);
	assert_int_equal(world_agent_view(w, world_node(w, 1, 2), s).state, ACD_AGENT_WRAP);
	world_free(w);
}

static void an_agent_who_rings_when_queues_change_can_still_accept(void **state)
{
	struct world *w = world_new_queues(1, 1, 2, plain, HELIO_ARRAY_LEN(plain));

	(void)state;
	struct acd_session_id s = world_agent(w, world_node(w, 1, 2), 0);
	struct acd_call_id c = world_call(w, world_node(w, 1, 1), QUEUE_ANY);
	world_run(w, 20 * MS);
	assert_int_equal(world_agent_view(w, world_node(w, 1, 2), s).state, ACD_AGENT_RINGING);
	everywhere(w, more, HELIO_ARRAY_LEN(more));
	world_run(w, 2 * S);
	world_accept(w, world_node(w, 1, 2), s);
	world_run(w, 20 * MS);
	assert_int_equal(world_call_state(w, world_node(w, 1, 1), c), ACD_CALL_BRIDGED);
	world_free(w);
}

static void a_change_at_any_instant_of_the_claim_loses_nothing(void **state)
{
	(void)state;
	for (uint32_t at = 0; at <= 12 * WORLD_DELAY_US; at += WORLD_DELAY_US / 2) {
		struct world *w = world_new_queues(1, 2, 2, plain, HELIO_ARRAY_LEN(plain));
		struct acd_session_id s = world_agent(w, world_node(w, 1, 2), 0);
		world_run(w, 50 * MS);
		struct acd_call_id c = world_call(w, world_node(w, 1, 1), QUEUE_ANY);
		world_run(w, at);
		everywhere(w, more, HELIO_ARRAY_LEN(more));
		world_run(w, 3 * S);
		assert_int_equal(world_agent_view(w, world_node(w, 1, 2), s).call.v, c.v);
		world_accept(w, world_node(w, 1, 2), s);
		world_run(w, 20 * MS);
		assert_int_equal(world_call_state(w, world_node(w, 1, 1), c), ACD_CALL_BRIDGED);
		world_free(w);
	}
}

static void a_removed_queue_takes_nobody_new_but_serves_who_waits(void **state)
{
	struct world *w = world_new_queues(1, 1, 1, plain, HELIO_ARRAY_LEN(plain));

	(void)state;
	struct acd_call_id c = world_call(w, world_node(w, 1, 1), QUEUE_ANY);
	world_run(w, 20 * MS);
	/* A core refuses to forget a queue that somebody waits in. */
	assert_false(world_reconfigure(w, 1, ADDR_NODE_MIN, fewer, HELIO_ARRAY_LEN(fewer)));
	everywhere(w, closing, HELIO_ARRAY_LEN(closing));
	assert_int_equal(world_do(w, world_node(w, 1, 1),
				  (struct acd_event){.type = ACD_EV_CALL_ARRIVED,
						     .call = {77},
						     .queue = {QUEUE_ANY}}),
			 ACD_REFUSED_UNKNOWN);
	world_run(w, 1 * S);
	struct acd_session_id s = world_agent(w, world_node(w, 1, 1), 0);
	world_run(w, 20 * MS);
	assert_int_equal(world_agent_view(w, world_node(w, 1, 1), s).call.v, c.v);
	world_free(w);
}

static void an_island_goes_on_serving(void **state)
{
	struct world *w = world_new_queues(1, 1, 1, plain, HELIO_ARRAY_LEN(plain));

	(void)state;
	world_at(w, 1, ADDR_BROKER_MIN)->cut = true;
	world_run(w, 3 * S);
	struct acd_call_id c = world_call(w, world_node(w, 1, 1), QUEUE_ANY);
	world_run(w, 1 * S);
	assert_true(world_reconfigure(w, 1, ADDR_NODE_MIN, more, HELIO_ARRAY_LEN(more)));
	struct acd_session_id s = world_agent(w, world_node(w, 1, 1), 0);
	world_run(w, 100 * MS);
	assert_int_equal(world_agent_view(w, world_node(w, 1, 1), s).call.v, c.v);
	world_free(w);
}

static void other_skills_of_a_ready_agent_apply_at_once(void **state)
{
	struct world *w = world_new_queues(1, 1, 2, more, HELIO_ARRAY_LEN(more));

	(void)state;
	struct acd_session_id s = world_agent(w, world_node(w, 1, 2), 0);
	struct acd_call_id c = world_call(w, world_node(w, 1, 1), QUEUE_NEW);
	world_run(w, 1 * S);
	assert_int_equal(world_call_state(w, world_node(w, 1, 1), c), ACD_CALL_QUEUED);
	assert_int_equal(world_do(w, world_node(w, 1, 2),
				  (struct acd_event){.type = ACD_EV_AGENT_SKILLS,
						     .session = s,
						     .skills = {SKILL_TWO}}),
			 ACD_OK);
	world_run(w, 20 * MS);
	assert_int_equal(world_agent_view(w, world_node(w, 1, 2), s).call.v, c.v);
	world_free(w);
}

static void an_agent_who_loses_a_skill_finishes_the_call(void **state)
{
	struct world *w = world_new_queues(1, 1, 2, more, HELIO_ARRAY_LEN(more));

	(void)state;
	struct acd_session_id s = world_agent(w, world_node(w, 1, 2), SKILL_TWO);
	struct acd_call_id c = world_call(w, world_node(w, 1, 1), QUEUE_NEW);
	world_run(w, 20 * MS);
	world_accept(w, world_node(w, 1, 2), s);
	world_run(w, 20 * MS);
	world_do(w, world_node(w, 1, 2),
		 (struct acd_event){.type = ACD_EV_AGENT_SKILLS, .session = s});
	acd_check(world_node(w, 1, 2));
	world_run(w, 5 * S);
	assert_int_equal(world_call_state(w, world_node(w, 1, 1), c), ACD_CALL_BRIDGED);
	world_free(w);
}

/* The configuration spreads from daemon to daemon: helio-sim found it with seed 284. */
static void a_claim_by_skills_that_no_longer_do_frees_the_agent_at_once(void **state)
{
	static const struct acd_queue_conf other[] = {
	    {.id = {QUEUE_ANY}, .skills = {SKILL_TWO}, COMMON},
	    {.id = {QUEUE_LATER}, .priority = 1, COMMON}};
	struct world *w = world_new_queues(1, 1, 1, plain, HELIO_ARRAY_LEN(plain));
	struct acd *y = world_node(w, 1, 1);
	struct acd_session_id s = world_agent(w, y, SKILL_ONE);
	uint32_t waited = 0;

	(void)state;
	world_run(w, 300 * MS);
	world_call(w, y, QUEUE_ANY);
	while (world_agent_view(w, y, s).state != ACD_AGENT_RESERVED) {
		assert_true(++waited < 100);
		world_run(w, WORLD_DELAY_US / 4);
	}
	assert_true(world_reconfigure(w, 1, ADDR_BROKER_MIN, other, HELIO_ARRAY_LEN(other)));
	world_run(w, 20 * MS);
	assert_int_equal(world_agent_view(w, y, s).state, ACD_AGENT_IDLE);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_new_queue_is_served_and_a_waiting_caller_keeps_the_place),
	    cmocka_unit_test(a_talk_goes_on_and_ends_as_it_would_have),
	    cmocka_unit_test(an_agent_who_rings_when_queues_change_can_still_accept),
	    cmocka_unit_test(a_change_at_any_instant_of_the_claim_loses_nothing),
	    cmocka_unit_test(a_removed_queue_takes_nobody_new_but_serves_who_waits),
	    cmocka_unit_test(an_island_goes_on_serving),
	    cmocka_unit_test(an_agent_who_loses_a_skill_finishes_the_call),
	    cmocka_unit_test(a_claim_by_skills_that_no_longer_do_frees_the_agent_at_once),
	    cmocka_unit_test(other_skills_of_a_ready_agent_apply_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
