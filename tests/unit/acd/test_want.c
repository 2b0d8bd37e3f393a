/* Callers who ask for an agent in person: who is rung, and what changes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/base.h"
#include "tests/unit/acd/world.h"

#define MS 1000u

enum { DESK = 7, MANAGER = 70, OTHER = 71, STEP_MS = 5000 };

static const struct acd_queue_conf queues[] = {
    {.id = {DESK}, .ring_timeout_ms = 10000, .wants = true},
};

static struct world *one_site(void)
{
	return world_new_queues(1, 1, 2, queues, 1);
}

static struct acd_session_id signs_in(struct world *w, struct acd *node, uint64_t agent)
{
	struct acd_event in = {
	    .type = ACD_EV_AGENT_SIGN_IN, .session = {acd_id_next(node)}, .agent = {agent}};

	assert_int_equal(world_do(w, node, in), ACD_OK);
	in.type = ACD_EV_AGENT_READY;
	assert_int_equal(world_do(w, node, in), ACD_OK);
	world_run(w, 50 * MS);
	return in.session;
}

static void signs_out(struct world *w, struct acd *node, struct acd_session_id s)
{
	struct acd_event out = {.type = ACD_EV_AGENT_SIGN_OUT, .session = s};

	assert_int_equal(world_do(w, node, out), ACD_OK);
	world_run(w, 50 * MS);
}

static struct acd_call_id asks_for(struct world *w, struct acd *node, uint64_t agent)
{
	struct acd_event ev = {.type = ACD_EV_CALL_ARRIVED,
			       .call = {acd_id_next(node)},
			       .queue = {DESK},
			       .want = {{.agent = {agent}, .for_ms = STEP_MS, .site = 1}}};

	assert_int_equal(world_do(w, node, ev), ACD_OK);
	world_run(w, 50 * MS);
	return ev.call;
}

static void the_manager_is_rung_though_another_is_idle_for_longer(void **arg)
{
	struct world *w = one_site();
	struct acd *one = world_node(w, 1, 1), *two = world_node(w, 1, 2);

	(void)arg;
	struct acd_session_id other = signs_in(w, one, OTHER);
	struct acd_session_id manager = signs_in(w, two, MANAGER);
	struct acd_call_id call = asks_for(w, one, MANAGER);
	assert_int_equal(world_agent_view(w, two, manager).call.v, call.v);
	assert_int_equal(world_agent_view(w, one, other).state, ACD_AGENT_IDLE);
	world_free(w);
}

static void after_the_step_anybody_is_rung(void **arg)
{
	struct world *w = one_site();
	struct acd *one = world_node(w, 1, 1);

	(void)arg;
	struct acd_session_id other = signs_in(w, one, OTHER);
	struct acd_call_id call = asks_for(w, one, MANAGER);
	world_run(w, (STEP_MS - 500) * MS);
	assert_int_equal(world_agent_view(w, one, other).state, ACD_AGENT_IDLE);
	world_run(w, 1000 * MS);
	assert_int_equal(world_agent_view(w, one, other).call.v, call.v);
	world_free(w);
}

/* The older page was free last and leaves: the newer one is asked (seed 732767). */
static void of_two_pages_the_one_that_stays_is_rung(void **arg)
{
	struct world *w = one_site();
	struct acd *one = world_node(w, 1, 1), *two = world_node(w, 1, 2);

	(void)arg;
	struct acd_session_id newer = signs_in(w, two, MANAGER);
	struct acd_session_id older = signs_in(w, one, MANAGER);
	signs_out(w, one, older);
	struct acd_call_id call = asks_for(w, one, MANAGER);
	assert_int_equal(world_agent_view(w, two, newer).call.v, call.v);
	world_free(w);
}

static void who_waits_is_given_to_the_page_that_stays(void **arg)
{
	struct world *w = one_site();
	struct acd *one = world_node(w, 1, 1), *two = world_node(w, 1, 2);

	(void)arg;
	struct acd_session_id first = signs_in(w, one, MANAGER);
	struct acd_session_id second = signs_in(w, two, MANAGER);
	signs_out(w, one, first); /* not the one that was free last */
	struct acd_call_id call = asks_for(w, one, MANAGER);
	assert_int_equal(world_agent_view(w, two, second).call.v, call.v);
	signs_out(w, two, second); /* while it rings: back in line */
	struct acd_session_id third = signs_in(w, one, MANAGER);
	assert_int_equal(world_agent_view(w, one, third).call.v, call.v);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_manager_is_rung_though_another_is_idle_for_longer),
	    cmocka_unit_test(after_the_step_anybody_is_rung),
	    cmocka_unit_test(of_two_pages_the_one_that_stays_is_rung),
	    cmocka_unit_test(who_waits_is_given_to_the_page_that_stays),
	};

	return cmocka_run_group_tests_name("acd_want", tests, NULL, NULL);
}
