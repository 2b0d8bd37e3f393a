/* Brokers: memory rebuilt, several at once, adverts between sites, islands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/base.h"
#include "tests/unit/acd/world.h"

#define MS 1000u
#define S 1000000u

static struct acd_queue_view queue_at(struct world *w, struct acd *acd, unsigned i)
{
	struct acd_queue_view q = {0};

	assert_true(acd_queue_next(acd, &i, w->now, &q));
	return q;
}

static void a_restarted_broker_loses_no_call_and_no_place(void **state)
{
	struct world *w = world_new(1, 1, 2);
	struct acd *x = world_node(w, 1, 1), *y = world_node(w, 1, 2);
	struct acd_call_id calls[6];

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		calls[i] = world_call(w, i % 2 ? x : y, QUEUE_ANY);
		world_run(w, 50 * MS);
	}
	world_restart(w, 1, 64);
	world_run(w, 500 * MS);
	assert_int_equal(queue_at(w, world_broker(w, 1, 1), 0).waiting, 6);
	for (unsigned i = 0; i < 6; i++) {
		struct acd_session_id s = world_agent(w, x, 0);
		world_run(w, 20 * MS);
		assert_int_equal(world_agent_view(w, x, s).call.v, calls[i].v);
	}
	world_free(w);
}

/* Drill rolling-upgrade: what a broker asks at its start is lost, for its links are not up yet;
 * then it hears of a new caller before it has heard of those who wait. */
static void a_restarted_broker_takes_nobody_for_the_oldest_whom_it_heard_of_first(void **state)
{
	struct world *w = world_new(1, 1, 2);
	struct acd *x = world_node(w, 1, 1), *y = world_node(w, 1, 2);

	(void)state;
	struct acd_call_id oldest = world_call(w, x, QUEUE_ANY);
	world_run(w, 5 * S + 50 * MS); /* DIGESTs are due 450 ms from now */
	w->drop = ACD_MSG_SYNC_REQ;
	w->drop_n = 2;
	world_restart(w, 1, 64);
	world_run(w, 150 * MS);
	assert_int_equal(w->dropped, 2);
	struct acd_session_id s = world_agent(w, x, 0);
	world_call(w, y, QUEUE_ANY);
	world_run(w, 850 * MS);
	assert_int_equal(world_agent_view(w, x, s).call.v, oldest.v);
	world_free(w);
}

static void what_a_restarted_node_held_is_forgotten(void **state)
{
	struct world *w = world_new(1, 1, 2);

	(void)state;
	world_call(w, world_node(w, 1, 1), QUEUE_ANY);
	world_call(w, world_node(w, 1, 2), QUEUE_ANY);
	world_run(w, 20 * MS);
	world_restart(w, 1, 1);
	world_run(w, 1 * S);
	assert_int_equal(queue_at(w, world_broker(w, 1, 1), 0).waiting, 1);
	world_free(w);
}

static void what_a_dead_node_held_is_forgotten_and_known_again_if_it_was_not_dead(void **state)
{
	struct world *w = world_new(1, 1, 2);
	struct acd *b = world_broker(w, 1, 1);
	struct acd_event gone = {.type = ACD_EV_NODE_GONE, .from = {addr_make(1, 1)}};

	(void)state;
	world_call(w, world_node(w, 1, 1), QUEUE_ANY);
	world_run(w, 600 * MS);
	assert_int_equal(queue_at(w, b, 0).waiting, 1);
	gone.from_boot = 0; /* an earlier life: it has been restarted since */
	assert_int_equal(world_do(w, b, gone), ACD_REFUSED_STALE);
	gone.from_boot = 1;
	assert_int_equal(world_do(w, b, gone), ACD_OK);
	assert_int_equal(queue_at(w, b, 0).waiting, 0);
	world_run(w, 700 * MS);
	assert_int_equal(queue_at(w, b, 0).waiting, 1);
	/* Nobody says so: its DIGESTs are missing. */
	world_at(w, 1, 1)->cut = true;
	world_run(w, 3 * S);
	assert_int_equal(queue_at(w, b, 0).waiting, 0);
	world_at(w, 1, 1)->cut = false;
	world_run(w, 700 * MS);
	assert_int_equal(queue_at(w, b, 0).waiting, 1);
	world_free(w);
}

static void a_lost_announcement_is_repaired_by_the_next_digest(void **state)
{
	struct world *w = world_new(1, 1, 1);

	(void)state;
	w->drop = ACD_MSG_CALL_UP;
	w->drop_n = 1;
	world_call(w, world_node(w, 1, 1), QUEUE_ANY);
	world_run(w, 20 * MS);
	assert_int_equal(queue_at(w, world_broker(w, 1, 1), 0).waiting, 0);
	world_run(w, 600 * MS);
	assert_int_equal(w->dropped, 1);
	assert_int_equal(queue_at(w, world_broker(w, 1, 1), 0).waiting, 1);
	world_free(w);
}

static void two_brokers_at_once_answer_every_caller_once(void **state)
{
	struct world *w = world_new(1, 2, 2);
	struct acd *x = world_node(w, 1, 1), *y = world_node(w, 1, 2);
	struct acd_call_id calls[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		world_agent(w, i % 2 ? x : y, 0);
	world_run(w, 100 * MS);
	for (unsigned i = 0; i < 4; i++)
		calls[i] = world_call(w, i % 2 ? y : x, QUEUE_ANY);
	world_run(w, 3 * S);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(world_call_state(w, i % 2 ? y : x, calls[i]), ACD_CALL_GRANTED);
	assert_int_equal(world_count(w, ACD_FX_RING), 4);
	/* who came second waited for CALL_DOWN instead of reaching for the next agent */
	assert_int_equal(w->sent[ACD_MSG_CLAIM_NACK], 0);
	world_free(w);
}

/* Found by the simulator as L1, before callers that may overflow had a heap of their own. */
static void a_ripe_caller_is_not_hidden_behind_an_urgent_young_one(void **state)
{
	struct world *w = world_new(2, 1, 1);
	struct acd *x = world_node(w, 1, 1), *y = world_node(w, 2, 1);
	struct acd_event ev = {.type = ACD_EV_CALL_ARRIVED,
			       .call = {acd_id_next(x)},
			       .queue = {QUEUE_TIMED},
			       .priority = 1};
	struct acd_call_id ripe = ev.call;

	(void)state;
	struct acd_session_id s = world_agent(w, y, 0);
	assert_int_equal(world_do(w, x, ev), ACD_OK);
	world_run(w, 800 * MS);
	world_call(w, x, QUEUE_TIMED); /* of a better class, but it may not go abroad yet */
	world_run(w, 190 * MS);
	assert_int_equal(world_agent_view(w, y, s).state, ACD_AGENT_IDLE);
	world_run(w, 60 * MS);
	assert_int_equal(world_agent_view(w, y, s).call.v, ripe.v);
	world_free(w);
}

static void one_call_is_claimed_by_one_of_many_sites(void **state)
{
	struct world *w = world_new(4, 1, 1);

	(void)state;
	for (unsigned site = 2; site <= 4; site++)
		world_agent(w, world_node(w, site, 1), 0);
	world_run(w, 1 * S);
	uint32_t claims = w->sent[ACD_MSG_CLAIM];
	world_call(w, world_node(w, 1, 1), QUEUE_ANY);
	world_run(w, 100 * MS);
	assert_int_equal(world_count(w, ACD_FX_RING), 1);
	assert_int_equal(w->sent[ACD_MSG_CLAIM], claims + 1);
	world_free(w);
}

static void overflow_goes_to_the_site_whose_agent_is_idle_longest(void **state)
{
	struct world *w = world_new(3, 1, 1);
	struct acd *bogota = world_node(w, 3, 1);

	(void)state;
	struct acd_session_id s = world_agent(w, bogota, 0);
	world_run(w, 2 * S);
	world_agent(w, world_node(w, 2, 1), 0);
	world_run(w, 1 * S);
	world_call(w, world_node(w, 1, 1), QUEUE_ANY);
	world_run(w, 50 * MS);
	assert_int_equal(world_agent_view(w, bogota, s).state, ACD_AGENT_RINGING);
	world_free(w);
}

static void an_agent_that_gets_free_elsewhere_is_found_by_a_waiting_caller(void **state)
{
	struct world *w = world_new(3, 1, 1);

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		world_call(w, world_node(w, 1, 1), QUEUE_ANY);
	world_run(w, 2 * S);
	struct acd_session_id s = world_agent(w, world_node(w, 3, 1), 0);
	world_run(w, 500 * MS);
	assert_int_equal(world_agent_view(w, world_node(w, 3, 1), s).state, ACD_AGENT_RINGING);
	world_free(w);
}

static void here_comes_first_when_somebody_is_idle_here(void **state)
{
	struct world *w = world_new(2, 1, 1);
	struct acd *oslo = world_node(w, 1, 1);

	(void)state;
	world_agent(w, world_node(w, 2, 1), 0); /* idle for longer, but abroad */
	world_run(w, 3 * S);
	struct acd_session_id s = world_agent(w, oslo, 0);
	world_run(w, 500 * MS);
	world_call(w, oslo, QUEUE_ANY);
	world_run(w, 50 * MS);
	assert_int_equal(world_agent_view(w, oslo, s).state, ACD_AGENT_RINGING);
	world_free(w);
}

static void one_version_of_an_advert_is_claimed_only_as_often_as_it_wanted(void **state)
{
	struct world *w = world_new(2, 1, 1);
	struct acd *broker = world_broker(w, 2, 1);
	struct acd_addr peer = world_at(w, 1, 64)->addr;
	struct acd_msg m = {.type = ACD_MSG_ADVERT,
			    .queue = {QUEUE_ANY},
			    .version = 100000,
			    .count = 1,
			    .wanted = 1,
			    .age_us = 1000};

	(void)state;
	world_agent(w, world_node(w, 2, 1), 0);
	world_agent(w, world_node(w, 2, 1), 0);
	world_run(w, 100 * MS);
	uint32_t reserves = w->sent[ACD_MSG_RESERVE];
	assert_int_equal(world_hear(w, broker, peer, m), ACD_OK);
	assert_int_equal(w->sent[ACD_MSG_RESERVE], reserves + 1);
	world_run(w, 100 * MS); /* nobody waits there: CLAIM_NACK, the agent is idle again */
	assert_int_equal(w->sent[ACD_MSG_RESERVE], reserves + 1);
	assert_int_equal(world_hear(w, broker, peer, m), ACD_REFUSED_STALE);
	assert_int_equal(queue_at(w, broker, 0).idle, 2);
	world_free(w);
}

static void an_island_serves_its_own_and_gives_way_when_a_broker_is_heard(void **state)
{
	struct world *w = world_new(1, 1, 2);
	struct acd *x = world_node(w, 1, 1);

	(void)state;
	world_at(w, 1, 1)->cut = true;
	struct acd_session_id s = world_agent(w, x, 0);
	world_run(w, 3 * S);
	for (unsigned i = 0; i < 3; i++) {
		struct acd_call_id c = world_call(w, x, QUEUE_ANY);
		world_run(w, 5 * MS);
		assert_int_equal(world_agent_view(w, x, s).call.v, c.v);
		world_do(w, x,
			 (struct acd_event){.type = ACD_EV_CALL_GONE,
					    .call = c,
					    .cause = ACD_CAUSE_CALLER_HUNG_UP});
		world_run(w, 5 * MS);
	}
	world_at(w, 1, 1)->cut = false;
	struct acd_call_id c = world_call(w, world_node(w, 1, 2), QUEUE_ANY);
	world_run(w, 1 * S);
	assert_false(world_last(w, ACD_FX_ISLAND)->fx.on);
	assert_int_equal(world_agent_view(w, x, s).call.v, c.v);
	world_free(w);
}

static void an_age_that_lay_in_a_clogged_link_is_set_right(void **state)
{
	struct world *w = world_new(1, 1, 1);
	struct acd *b = world_broker(w, 1, 1);
	struct acd_addr node = {addr_make(1, 1)};
	struct acd_msg up = {.type = ACD_MSG_CALL_UP,
			     .call = {id_make(node.v, 1, 77)},
			     .queue = {QUEUE_ANY},
			     .version = 1000};
	struct acd_queue_view v;
	uint32_t it = 0;

	(void)state;
	assert_int_equal(world_hear(w, b, node, up), ACD_OK); /* sent three seconds ago */
	up.age_us = 3000000;
	assert_int_equal(world_hear(w, b, node, up), ACD_OK);
	assert_true(acd_queue_next(b, &it, w->now, &v));
	assert_true(v.head_age_us == 3000000);
	up.age_us = 1000000; /* the same again, late: it does not get younger */
	assert_int_equal(world_hear(w, b, node, up), ACD_OK);
	it = 0;
	assert_true(acd_queue_next(b, &it, w->now, &v));
	assert_true(v.head_age_us == 3000000);
	/* and what makes its node say so again: a DIGEST that comes after a gap, though it is equal
	 */
	up.type = ACD_MSG_CALL_DOWN;
	up.version++;
	up.age_us = 0;
	assert_int_equal(world_hear(w, b, node, up), ACD_OK);
	world_run(w, 2000000);
	uint32_t quiet = w->sent[ACD_MSG_SYNC_REQ];
	world_run(w, 2000000);
	assert_int_equal(w->sent[ACD_MSG_SYNC_REQ], quiet);
	world_at(w, 1, 1)->cut = true;
	world_run(w, 3000000);
	world_at(w, 1, 1)->cut = false;
	world_run(w, 700000);
	assert_true(w->sent[ACD_MSG_SYNC_REQ] > quiet);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_age_that_lay_in_a_clogged_link_is_set_right),
	    cmocka_unit_test(a_restarted_broker_loses_no_call_and_no_place),
	    cmocka_unit_test(a_restarted_broker_takes_nobody_for_the_oldest_whom_it_heard_of_first),
	    cmocka_unit_test(what_a_restarted_node_held_is_forgotten),
	    cmocka_unit_test(what_a_dead_node_held_is_forgotten_and_known_again_if_it_was_not_dead),
	    cmocka_unit_test(a_lost_announcement_is_repaired_by_the_next_digest),
	    cmocka_unit_test(two_brokers_at_once_answer_every_caller_once),
	    cmocka_unit_test(a_ripe_caller_is_not_hidden_behind_an_urgent_young_one),
	    cmocka_unit_test(one_call_is_claimed_by_one_of_many_sites),
	    cmocka_unit_test(overflow_goes_to_the_site_whose_agent_is_idle_longest),
	    cmocka_unit_test(an_agent_that_gets_free_elsewhere_is_found_by_a_waiting_caller),
	    cmocka_unit_test(here_comes_first_when_somebody_is_idle_here),
	    cmocka_unit_test(one_version_of_an_advert_is_claimed_only_as_often_as_it_wanted),
	    cmocka_unit_test(an_island_serves_its_own_and_gives_way_when_a_broker_is_heard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
