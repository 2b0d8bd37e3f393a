/* RING_ALL: a call rings at several agents, the first COMMIT has it; weights between queues. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/base/base.h"
#include "tests/unit/acd/world.h"

#define MS 1000u
#define S 1000000u

enum { ALL = 5, HEAVY = 6 };

static const struct acd_queue_conf ringing[] = {
    {.id = {ALL}, .strategy = ACD_RING_ALL, .group_max = 3, .ring_timeout_ms = 5000},
    {.id = {HEAVY}, .ring_timeout_ms = 5000, .weight = 300},
};

static uint8_t state(struct world *w, struct acd *node, struct acd_session_id s)
{
	return world_agent_view(w, node, s).state;
}

static void hang_up(struct world *w, struct acd *node, struct acd_call_id c)
{
	world_do(w, node,
		 (struct acd_event){
		     .type = ACD_EV_CALL_GONE, .call = c, .cause = ACD_CAUSE_CALLER_HUNG_UP});
	world_run(w, 20 * MS);
}

/* Two nodes of a site with a broker; agents at both. */
static void a_call_rings_at_all_of_its_site_and_the_first_has_it(void **arg)
{
	struct world *w = world_new_queues(1, 1, 2, ringing, 2);
	struct acd *one = world_node(w, 1, 1), *two = world_node(w, 1, 2);
	struct acd_session_id a, b, c, d;
	struct acd_call_view v;

	(void)arg;
	world_run(w, 1 * S);
	a = world_agent(w, one, 0);
	world_run(w, 1 * MS);
	b = world_agent(w, two, 0);
	world_run(w, 1 * MS);
	c = world_agent(w, two, 0);
	world_run(w, 1 * MS);
	d = world_agent(w, one, 0);
	world_run(w, 20 * MS);
	struct acd_call_id call = world_call(w, one, ALL);
	world_run(w, 100 * MS);
	assert_int_equal(state(w, one, a), ACD_AGENT_RINGING);
	assert_int_equal(state(w, two, b), ACD_AGENT_RINGING);
	assert_int_equal(state(w, two, c), ACD_AGENT_RINGING);
	assert_int_equal(state(w, one, d), ACD_AGENT_IDLE); /* ring_at_once: 3 */
	assert_true(acd_call_get(one, call, w->now, &v));
	assert_int_equal(v.parties_n, 3);

	world_accept(w, two, c);
	world_run(w, 20 * MS);
	assert_int_equal(world_call_state(w, one, call), ACD_CALL_BRIDGED);
	assert_int_equal(state(w, two, c), ACD_AGENT_TALKING);
	assert_int_equal(state(w, one, a), ACD_AGENT_IDLE);
	assert_int_equal(state(w, two, b), ACD_AGENT_IDLE);
	assert_true(acd_call_get(one, call, w->now, &v));
	assert_int_equal(v.parties_n, 1);
	world_free(w);
}

static void two_accept_at_once_and_one_has_it(void **arg)
{
	struct world *w = world_new_queues(1, 1, 2, ringing, 2);
	struct acd *one = world_node(w, 1, 1), *two = world_node(w, 1, 2);

	(void)arg;
	world_run(w, 1 * S);
	struct acd_session_id a = world_agent(w, one, 0), b = world_agent(w, two, 0);
	struct acd_call_id call = world_call(w, one, ALL);
	world_run(w, 100 * MS);
	world_accept(w, two, b);
	world_accept(w, one, a);
	world_run(w, 100 * MS);
	assert_int_equal(world_call_state(w, one, call), ACD_CALL_BRIDGED);
	assert_int_equal((state(w, one, a) == ACD_AGENT_TALKING) +
			     (state(w, two, b) == ACD_AGENT_TALKING),
			 1);
	assert_int_equal((state(w, one, a) == ACD_AGENT_IDLE) +
			     (state(w, two, b) == ACD_AGENT_IDLE),
			 1);
	world_free(w);
}

static void who_gets_free_while_it_rings_is_asked_too_and_who_rejects_is_not_missed(void **arg)
{
	struct world *w = world_new_queues(1, 0, 1, ringing, 2);
	struct acd *node = world_node(w, 1, 1);

	(void)arg;
	struct acd_session_id a = world_agent(w, node, 0), b;
	world_run(w, 20 * MS);
	struct acd_call_id call = world_call(w, node, ALL);
	world_run(w, 20 * MS);
	b = world_agent(w, node, 0);
	world_run(w, 20 * MS);
	assert_int_equal(state(w, node, b), ACD_AGENT_RINGING);
	world_do(w, node,
		 (struct acd_event){.type = ACD_EV_AGENT_REJECT,
				    .session = a,
				    .offer = world_agent_view(w, node, a).offer});
	world_run(w, 20 * MS);
	assert_int_equal(state(w, node, a), ACD_AGENT_NOT_READY);
	assert_int_equal(world_call_state(w, node, call), ACD_CALL_GRANTED);
	world_run(w, 6 * S); /* b misses it too: nobody is left */
	assert_int_equal(world_call_state(w, node, call), ACD_CALL_QUEUED);
	hang_up(w, node, call);
	world_free(w);
}

static void who_waits_comes_before_who_rings_already(void **arg)
{
	struct world *w = world_new_queues(1, 0, 1, ringing, 2);
	struct acd *node = world_node(w, 1, 1);

	(void)arg;
	struct acd_session_id a = world_agent(w, node, 0), b;
	world_run(w, 20 * MS);
	struct acd_call_id first = world_call(w, node, ALL);
	world_run(w, 20 * MS);
	struct acd_call_id second = world_call(w, node, ALL);
	world_run(w, 20 * MS);
	b = world_agent(w, node, 0);
	world_run(w, 20 * MS);
	assert_int_equal(state(w, node, a), ACD_AGENT_RINGING);
	assert_int_equal(world_agent_view(w, node, b).call.v, second.v);
	hang_up(w, node, first); /* a is free again, and rings for the second as well */
	assert_int_equal(world_agent_view(w, node, a).call.v, second.v);
	hang_up(w, node, second);
	assert_int_equal(state(w, node, a), ACD_AGENT_IDLE);
	assert_int_equal(state(w, node, b), ACD_AGENT_IDLE);
	world_free(w);
}

static void between_queues_the_age_counts_by_weight(void **arg)
{
	static const struct acd_queue_conf queues[] = {
	    {.id = {ALL}, .ring_timeout_ms = 5000},
	    {.id = {HEAVY}, .ring_timeout_ms = 5000, .weight = 300},
	};
	struct world *w = world_new_queues(1, 0, 1, queues, 2);
	struct acd *node = world_node(w, 1, 1);

	(void)arg;
	struct acd_call_id light = world_call(w, node, ALL);
	world_run(w, 2 * S);
	struct acd_call_id heavy = world_call(w, node, HEAVY);
	world_run(w, 500 * MS);
	/* 2.5 s × 1 against 0.5 s × 3: the longest waiting */
	struct acd_session_id a = world_agent(w, node, 0);
	world_run(w, 20 * MS);
	assert_int_equal(world_agent_view(w, node, a).call.v, light.v);
	hang_up(w, node, light);
	assert_int_equal(world_agent_view(w, node, a).call.v, heavy.v);
	hang_up(w, node, heavy);
	world_do(w, node, (struct acd_event){.type = ACD_EV_AGENT_NOT_READY, .session = a});
	light = world_call(w, node, ALL);
	world_run(w, 2 * S);
	heavy = world_call(w, node, HEAVY);
	world_run(w, 2 * S);
	/* 4 s × 1 against 2 s × 3 */
	a = world_agent(w, node, 0);
	world_run(w, 20 * MS);
	assert_int_equal(world_agent_view(w, node, a).call.v, heavy.v);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_call_rings_at_all_of_its_site_and_the_first_has_it),
	    cmocka_unit_test(two_accept_at_once_and_one_has_it),
	    cmocka_unit_test(who_gets_free_while_it_rings_is_asked_too_and_who_rejects_is_not_missed),
	    cmocka_unit_test(who_waits_comes_before_who_rings_already),
	    cmocka_unit_test(between_queues_the_age_counts_by_weight),
	};

	return cmocka_run_group_tests_name("acd_group", tests, NULL, NULL);
}
