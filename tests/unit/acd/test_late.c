/* Claims whose answer is late or lost: asked again, given up, welcome all the same (late.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/base.h"
#include "tests/unit/acd/world.h"

#define MS 1000u
#define S 1000000u

static uint8_t state_of(struct world *w, struct acd *node, struct acd_session_id s)
{
	return world_agent_view(w, node, s).state;
}

static void drop(struct world *w, enum acd_msg_type type, uint32_t n)
{
	w->drop = type;
	w->drop_n = n;
	w->dropped = 0;
}

static void a_lost_claim_is_asked_again_with_the_same_offer(void **state)
{
	struct world *w = world_new(1, 1, 2);
	struct acd *x = world_node(w, 1, 1), *y = world_node(w, 1, 2);
	struct acd_session_id s = world_agent(w, y, 0);

	(void)state;
	world_run(w, 300 * MS);
	drop(w, ACD_MSG_CLAIM, 1);
	struct acd_call_id c = world_call(w, x, QUEUE_ANY);
	world_run(w, 20 * MS);
	struct acd_offer_id offer = world_agent_view(w, y, s).offer;
	assert_int_equal(state_of(w, y, s), ACD_AGENT_RESERVED);
	world_run(w, 300 * MS);
	assert_int_equal(w->dropped, 1);
	assert_int_equal(state_of(w, y, s), ACD_AGENT_RINGING);
	assert_int_equal(world_agent_view(w, y, s).offer.v, offer.v);
	assert_int_equal(world_agent_view(w, y, s).call.v, c.v);
	world_free(w);
}

/* Site 1 has a caller for whom the agent of site 2 is reserved just as the line is cut. */
struct scene {
	struct world *w;
	struct acd *x, *y;
	struct acd_session_id s;
	struct acd_call_id c;
};

static struct scene claiming_abroad(enum acd_msg_type lost, uint32_t n)
{
	struct scene sc = {.w = world_new(2, 1, 2)};

	sc.x = world_node(sc.w, 1, 1);
	sc.y = world_node(sc.w, 2, 1);
	sc.s = world_agent(sc.w, sc.y, 0);
	world_run(sc.w, 1 * S);
	drop(sc.w, lost, n);
	sc.c = world_call(sc.w, sc.x, QUEUE_ANY);
	world_run(sc.w, 20 * MS);
	assert_int_equal(state_of(sc.w, sc.y, sc.s), ACD_AGENT_RESERVED);
	return sc;
}

static void who_waits_for_a_cut_line_is_given_to_a_caller_of_its_own_site(void **state)
{
	struct scene sc = claiming_abroad(ACD_MSG_CLAIM, UINT32_MAX);
	struct acd_offer_id first = world_agent_view(sc.w, sc.y, sc.s).offer;

	(void)state;
	struct acd_call_id here = world_call(sc.w, world_node(sc.w, 2, 2), QUEUE_ANY);
	world_run(sc.w, 900 * MS);
	assert_int_equal(state_of(sc.w, sc.y, sc.s), ACD_AGENT_RESERVED);
	sc.w->drop_n = 0; /* by then it had been asked three times more */
	assert_int_equal(sc.w->dropped, 4);
	world_run(sc.w, 100 * MS);
	assert_int_equal(state_of(sc.w, sc.y, sc.s), ACD_AGENT_RINGING);
	assert_int_equal(world_agent_view(sc.w, sc.y, sc.s).call.v, here.v);
	assert_int_not_equal(world_agent_view(sc.w, sc.y, sc.s).offer.v, first.v);
	world_free(sc.w);
}

static void a_site_that_answers_fast_is_not_waited_for_so_long(void **state)
{
	struct world *w = world_new(2, 1, 2);
	struct acd *x = world_node(w, 1, 1), *y = world_node(w, 2, 1);
	struct acd_session_id s = world_agent(w, y, 0);

	(void)state;
	world_run(w, 1 * S);
	for (unsigned i = 0; i < 5; i++) { /* known from its answers */
		world_call(w, x, QUEUE_ANY);
		world_run(w, 20 * MS);
		world_accept(w, y, s);
		world_run(w, 20 * MS);
		world_do(w, y,
			 (struct acd_event){.type = ACD_EV_AGENT_HANGUP,
					    .session = s,
					    .offer = world_agent_view(w, y, s).offer});
		world_do(w, y, (struct acd_event){.type = ACD_EV_AGENT_WRAP_DONE, .session = s});
		world_run(w, 1 * S);
		assert_int_equal(state_of(w, y, s), ACD_AGENT_IDLE);
	}
	drop(w, ACD_MSG_CLAIM, UINT32_MAX);
	world_call(w, x, QUEUE_ANY);
	world_run(w, 450 * MS);
	assert_int_equal(state_of(w, y, s), ACD_AGENT_RESERVED);
	struct acd_call_id here = world_call(w, world_node(w, 2, 2), QUEUE_ANY);
	world_run(w, 40 * MS);
	assert_int_equal(state_of(w, y, s), ACD_AGENT_RESERVED);
	w->drop_n = 0;
	world_run(w, 30 * MS);
	assert_int_equal(state_of(w, y, s), ACD_AGENT_RINGING);
	assert_int_equal(world_agent_view(w, y, s).call.v, here.v);
	world_free(w);
}

/* GRANTs at 0, 0.3, 0.6 and 0.9 s are lost, the one at 1.2 s comes: the agent is idle by then. */
static void a_grant_that_comes_late_rings_an_agent_that_is_still_free(void **state)
{
	struct scene sc = claiming_abroad(ACD_MSG_GRANT, 4);
	struct acd_offer_id offer = world_agent_view(sc.w, sc.y, sc.s).offer;

	(void)state;
	world_run(sc.w, 1050 * MS);
	assert_int_equal(state_of(sc.w, sc.y, sc.s), ACD_AGENT_IDLE);
	world_run(sc.w, 200 * MS);
	assert_int_equal(state_of(sc.w, sc.y, sc.s), ACD_AGENT_RINGING);
	assert_int_equal(world_agent_view(sc.w, sc.y, sc.s).offer.v, offer.v);
	assert_int_equal(world_agent_view(sc.w, sc.y, sc.s).call.v, sc.c.v);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_GRANTED);
	world_free(sc.w);
}

static void
a_grant_that_comes_when_another_caller_rings_is_refused_and_keeps_the_place(void **state)
{
	struct scene sc = claiming_abroad(ACD_MSG_GRANT, 4);
	struct acd_call_view v;

	(void)state;
	world_run(sc.w, 1050 * MS);
	struct acd_call_id here = world_call(sc.w, world_node(sc.w, 2, 2), QUEUE_ANY);
	sc.w->drop_n = 0;
	world_run(sc.w, 20 * MS);
	assert_int_equal(world_agent_view(sc.w, sc.y, sc.s).call.v, here.v);
	world_run(sc.w, 200 * MS);
	assert_int_equal(world_agent_view(sc.w, sc.y, sc.s).call.v, here.v);
	assert_true(acd_call_get(sc.x, sc.c, sc.w->now, &v));
	assert_int_equal(v.state, ACD_CALL_QUEUED);
	assert_in_range(v.age_us, 1 * S, 2 * S);
	world_free(sc.w);
}

static void a_pause_ends_what_was_claimed_before(void **state)
{
	struct scene sc = claiming_abroad(ACD_MSG_GRANT, 4);

	(void)state;
	world_run(sc.w, 1050 * MS);
	world_do(sc.w, sc.y,
		 (struct acd_event){
		     .type = ACD_EV_AGENT_NOT_READY, .session = sc.s, .reason = ACD_REASON_PAUSE});
	world_run(sc.w, 400 * MS);
	assert_int_equal(state_of(sc.w, sc.y, sc.s), ACD_AGENT_NOT_READY);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_QUEUED);
	world_free(sc.w);
}

/* Seed 4038: its machine stood still with the claim; the queue had closed meanwhile. */
static void a_grant_of_long_ago_is_not_welcome_after_a_standstill(void **state)
{
	struct scene sc = claiming_abroad(ACD_MSG_GRANT, 20);
	struct acd_agent_view v = world_agent_view(sc.w, sc.y, sc.s);
	struct acd_call_view c;

	(void)state;
	assert_true(acd_call_get(sc.x, sc.c, sc.w->now, &c));
	world_do(sc.w, sc.y, (struct acd_event){.type = ACD_EV_SUSPEND, .on = true});
	drop(sc.w, ACD_MSG_RELEASE, UINT32_MAX);
	world_run(sc.w, 5 * S);
	world_do(sc.w, sc.y, (struct acd_event){.type = ACD_EV_SUSPEND});
	assert_int_equal(state_of(sc.w, sc.y, sc.s), ACD_AGENT_IDLE);
	struct acd_msg grant = {.type = ACD_MSG_GRANT,
				.offer = v.offer,
				.call = sc.c,
				.cepoch = c.cepoch,
				.agent = v.agent,
				.session = sc.s,
				.queue = {QUEUE_ANY},
				.ring_timeout_ms = 10000};
	assert_int_equal(world_hear(sc.w, sc.y, world_at(sc.w, 1, 1)->addr, grant),
			 ACD_REFUSED_STALE);
	assert_int_equal(state_of(sc.w, sc.y, sc.s), ACD_AGENT_IDLE);
	world_free(sc.w);
}

/* The call's node stands still: it neither grants nor refuses. */
static void a_pick_that_nobody_answers_frees_the_agent_in_half_a_second(void **state)
{
	struct world *w = world_new(1, 1, 2);
	struct acd *x = world_node(w, 1, 1), *y = world_node(w, 1, 2);
	struct acd_session_id s = world_agent(w, y, 0);

	(void)state;
	world_run(w, 300 * MS);
	drop(w, ACD_MSG_PICK, 2);
	world_call(w, x, QUEUE_ANY);
	world_run(w, 490 * MS);
	assert_int_equal(w->dropped, 2);
	assert_int_equal(state_of(w, y, s), ACD_AGENT_RESERVED);
	world_run(w, 30 * MS); /* free, and reserved for the same caller again */
	assert_int_equal(state_of(w, y, s), ACD_AGENT_RINGING);
	world_free(w);
}

static void a_pick_is_repeated_and_grants_once(void **state)
{
	struct world *w = world_new(1, 1, 2);
	struct acd *x = world_node(w, 1, 1), *y = world_node(w, 1, 2);
	struct acd_session_id s = world_agent(w, y, 0);

	(void)state;
	world_run(w, 300 * MS);
	drop(w, ACD_MSG_PICK_OK, 1);
	struct acd_call_id c = world_call(w, x, QUEUE_ANY);
	world_run(w, 600 * MS);
	assert_int_equal(w->sent[ACD_MSG_PICK], 2);
	assert_int_equal(w->sent[ACD_MSG_PICK_OK], 2);
	assert_int_equal(w->sent[ACD_MSG_CLAIM_NACK], 0);
	assert_int_equal(state_of(w, y, s), ACD_AGENT_RINGING);
	assert_int_equal(world_agent_view(w, y, s).call.v, c.v);
	world_free(w);
}

static void a_call_of_a_node_that_is_known_dead_is_left_for_the_next_one(void **state)
{
	struct world *w = world_new(1, 1, 3);
	struct acd *b = world_broker(w, 1, 1), *y = world_node(w, 1, 3);
	struct acd_event gone = {.type = ACD_EV_NODE_GONE, .from = world_at(w, 1, 1)->addr};

	(void)state;
	world_call(w, world_node(w, 1, 1), QUEUE_ANY);
	struct acd_call_id next = world_call(w, world_node(w, 1, 2), QUEUE_ANY);
	world_run(w, 300 * MS);
	world_at(w, 1, 1)->cut = true;
	struct acd_session_id s = world_agent(w, y, 0);
	world_run(w, 20 * MS);
	assert_int_equal(state_of(w, y, s), ACD_AGENT_RESERVED);
	gone.from_boot = world_at(w, 1, 1)->boot;
	assert_int_equal(world_do(w, b, gone), ACD_OK);
	world_run(w, 10 * MS);
	assert_int_equal(state_of(w, y, s), ACD_AGENT_RINGING);
	assert_int_equal(world_agent_view(w, y, s).call.v, next.v);
	world_free(w);
}

/* Two brokers: the machine of the one that was asked dies, and nobody says so. */
static void a_broker_that_is_silently_gone_costs_a_second(void **state)
{
	struct world *w = world_new(1, 2, 2);
	struct acd *x = world_node(w, 1, 1), *y = world_node(w, 1, 2);
	struct acd_session_id s = world_agent(w, y, 0);

	(void)state;
	world_run(w, 300 * MS);
	drop(w, ACD_MSG_CLAIM, 1);
	world_call(w, x, QUEUE_ANY);
	for (unsigned i = 0; i < 100 && w->dropped == 0; i++)
		world_run(w, 1 * MS);
	assert_int_equal(w->dropped, 1);
	uint64_t asked = world_agent_view(w, y, s).offer.v >> (ID_SEQ_BITS + ID_BOOT_BITS);
	for (unsigned b = 0; b < 2; b++)
		if (world_at(w, 1, ADDR_BROKER_MIN + b)->addr.v == asked)
			world_at(w, 1, ADDR_BROKER_MIN + b)->cut = true;
	world_run(w, 1050 * MS);
	assert_int_equal(state_of(w, y, s), ACD_AGENT_RINGING);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_lost_claim_is_asked_again_with_the_same_offer),
	    cmocka_unit_test(who_waits_for_a_cut_line_is_given_to_a_caller_of_its_own_site),
	    cmocka_unit_test(a_site_that_answers_fast_is_not_waited_for_so_long),
	    cmocka_unit_test(a_grant_that_comes_late_rings_an_agent_that_is_still_free),
	    cmocka_unit_test(
		a_grant_that_comes_when_another_caller_rings_is_refused_and_keeps_the_place),
	    cmocka_unit_test(a_pause_ends_what_was_claimed_before),
	    cmocka_unit_test(a_grant_of_long_ago_is_not_welcome_after_a_standstill),
	    cmocka_unit_test(a_pick_that_nobody_answers_frees_the_agent_in_half_a_second),
	    cmocka_unit_test(a_pick_is_repeated_and_grants_once),
	    cmocka_unit_test(a_call_of_a_node_that_is_known_dead_is_left_for_the_next_one),
	    cmocka_unit_test(a_broker_that_is_silently_gone_costs_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
