/* The claim under loss, duplicates and races: offers, grants, endings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/base.h"
#include "tests/unit/acd/world.h"

#define MS 1000u
#define S 1000000u

/* One site, one broker, calls at node 1, agents at node 2. */
struct scene {
	struct world *w;
	struct acd *x, *y;
	struct acd_session_id s;
	struct acd_call_id c;
};

static struct scene ringing(void)
{
	struct scene sc = {.w = world_new(1, 1, 2)};

	sc.x = world_node(sc.w, 1, 1);
	sc.y = world_node(sc.w, 1, 2);
	sc.s = world_agent(sc.w, sc.y, 0);
	world_run(sc.w, 50 * MS);
	sc.c = world_call(sc.w, sc.x, QUEUE_ANY);
	world_run(sc.w, 20 * MS);
	assert_int_equal(world_agent_view(sc.w, sc.y, sc.s).state, ACD_AGENT_RINGING);
	return sc;
}

static struct scene talking(void)
{
	struct scene sc = ringing();

	world_accept(sc.w, sc.y, sc.s);
	world_run(sc.w, 20 * MS);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_BRIDGED);
	return sc;
}

static enum acd_verdict tell(struct scene *sc, enum acd_event_type type)
{
	return world_do(sc->w, sc->y,
			(struct acd_event){.type = type,
					   .session = sc->s,
					   .offer = world_agent_view(sc->w, sc->y, sc->s).offer});
}

static uint64_t age_of(struct scene *sc)
{
	struct acd_call_view v;

	assert_true(acd_call_get(sc->x, sc->c, sc->w->now, &v));
	return v.age_us;
}

static void a_missed_call_keeps_its_place_and_the_agent_is_not_ready(void **state)
{
	struct scene sc = ringing();

	(void)state;
	world_run(sc.w, 11 * S);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_QUEUED);
	assert_in_range(age_of(&sc), 11 * S, 12 * S);
	struct acd_agent_view v = world_agent_view(sc.w, sc.y, sc.s);
	assert_int_equal(v.state, ACD_AGENT_NOT_READY);
	assert_int_equal(v.reason, ACD_REASON_MISSED);
	world_free(sc.w);
}

static void a_rejected_call_goes_to_the_next_agent(void **state)
{
	struct scene sc = ringing();
	struct acd_session_id second = world_agent(sc.w, sc.x, 0);

	(void)state;
	assert_int_equal(tell(&sc, ACD_EV_AGENT_REJECT), ACD_OK);
	world_run(sc.w, 20 * MS);
	assert_int_equal(world_agent_view(sc.w, sc.y, sc.s).state, ACD_AGENT_NOT_READY);
	assert_int_equal(world_agent_view(sc.w, sc.x, second).call.v, sc.c.v);
	world_free(sc.w);
}

static void a_caller_who_hangs_up_while_it_rings_is_abandoned_and_the_agent_free(void **state)
{
	struct scene sc = ringing();

	(void)state;
	world_do(sc.w, sc.x,
		 (struct acd_event){
		     .type = ACD_EV_CALL_GONE, .call = sc.c, .cause = ACD_CAUSE_CALLER_HUNG_UP});
	assert_int_equal(world_last(sc.w, ACD_FX_CALL)->fx.outcome, ACD_OUTCOME_ABANDONED);
	world_run(sc.w, 20 * MS);
	assert_int_equal(world_agent_view(sc.w, sc.y, sc.s).state, ACD_AGENT_IDLE);
	assert_int_equal(world_last(sc.w, ACD_FX_OFFER_END)->fx.cause, ACD_CAUSE_CALLER_HUNG_UP);
	world_free(sc.w);
}

static void a_leg_that_fails_in_the_queue_is_failed_not_abandoned(void **state)
{
	struct world *w = world_new(1, 1, 1);
	struct acd *x = world_node(w, 1, 1);
	struct acd_call_id c = world_call(w, x, QUEUE_ANY);

	(void)state;
	world_do(w, x,
		 (struct acd_event){
		     .type = ACD_EV_CALL_GONE, .call = c, .cause = ACD_CAUSE_MEDIA_FAILED});
	assert_int_equal(world_last(w, ACD_FX_CALL)->fx.outcome, ACD_OUTCOME_FAILED);
	world_free(w);
}

static void a_lost_grant_is_sent_again(void **state)
{
	struct world *w = world_new(1, 1, 2);
	struct acd *x = world_node(w, 1, 1), *y = world_node(w, 1, 2);
	struct acd_session_id s = world_agent(w, y, 0);

	(void)state;
	world_run(w, 50 * MS);
	w->drop = ACD_MSG_GRANT;
	w->drop_n = 2;
	world_call(w, x, QUEUE_ANY);
	world_run(w, 700 * MS);
	assert_int_equal(w->dropped, 2);
	assert_int_equal(world_agent_view(w, y, s).state, ACD_AGENT_RINGING);
	world_free(w);
}

static void a_grant_that_nobody_answers_goes_back_to_the_queue_with_its_age(void **state)
{
	struct world *w = world_new(1, 1, 2);
	struct scene sc = {.w = w, .x = world_node(w, 1, 1)};

	(void)state;
	sc.s = world_agent(w, world_node(w, 1, 2), 0);
	world_run(w, 50 * MS);
	w->drop = ACD_MSG_GRANT;
	w->drop_n = 1000;
	sc.c = world_call(w, sc.x, QUEUE_ANY);
	world_run(w, 1700 * MS);
	const struct acd_fx *back = NULL;
	for (uint32_t i = 0; i < w->seen_n && !back; i++)
		if (w->seen[i].fx.type == ACD_FX_CALL &&
		    w->seen[i].fx.call_state == ACD_CALL_QUEUED &&
		    w->seen[i].fx.cause == ACD_CAUSE_TIMEOUT)
			back = &w->seen[i].fx;
	assert_non_null(back);
	assert_in_range(back->age_us, 1600 * MS, 1610 * MS);
	world_free(w);
}

static void lost_commits_and_bridged_are_repeated_until_both_agree(void **state)
{
	static const enum acd_msg_type lost[] = {ACD_MSG_COMMIT, ACD_MSG_BRIDGED};

	(void)state;
	for (unsigned i = 0; i < HELIO_ARRAY_LEN(lost); i++) {
		struct scene sc = ringing();
		sc.w->drop = lost[i];
		sc.w->drop_n = 3;
		world_accept(sc.w, sc.y, sc.s);
		world_run(sc.w, 1 * S);
		assert_int_equal(sc.w->dropped, 3);
		assert_int_equal(world_agent_view(sc.w, sc.y, sc.s).state, ACD_AGENT_TALKING);
		assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_BRIDGED);
		world_free(sc.w);
	}
}

static void a_caller_served_is_never_put_back_because_a_release_was_lost(void **state)
{
	struct scene sc = talking();

	(void)state;
	sc.w->drop = ACD_MSG_RELEASE;
	sc.w->drop_n = 6; /* longer than a KEEP takes to ask */
	assert_int_equal(tell(&sc, ACD_EV_AGENT_HANGUP), ACD_OK);
	world_run(sc.w, 4 * S);
	assert_int_equal(sc.w->dropped, 6);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_NONE);
	assert_int_equal(world_last(sc.w, ACD_FX_CALL)->fx.outcome, ACD_OUTCOME_ANSWERED);
	for (uint32_t i = 0; i < sc.w->seen_n; i++)
		if (sc.w->seen[i].fx.type == ACD_FX_CALL && i > 0)
			assert_true(sc.w->seen[i].fx.cause != ACD_CAUSE_KEEP_LOST);
	world_free(sc.w);
}

static void an_agent_whose_node_died_loses_the_caller_to_the_queue_not_to_nowhere(void **state)
{
	struct scene sc = talking();

	(void)state;
	world_restart(sc.w, 1, 2);
	world_run(sc.w, 2 * S); /* the same agent first */
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_AWAIT_AGENT);
	world_run(sc.w, 10 * S);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_QUEUED);
	assert_true(age_of(&sc) > 12 * S);
	world_free(sc.w);
}

static void a_silent_agent_node_means_one_moment_and_then_the_same_agent(void **state)
{
	struct scene sc = talking();
	struct acd_offer_id o = world_agent_view(sc.w, sc.y, sc.s).offer;

	(void)state;
	world_at(sc.w, 1, 2)->cut = true;
	world_run(sc.w, 6 * S);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_AWAIT_AGENT);
	world_at(sc.w, 1, 2)->cut = false;
	world_run(sc.w, 2 * S);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_BRIDGED);
	assert_int_equal(world_agent_view(sc.w, sc.y, sc.s).offer.v, o.v);
	world_free(sc.w);
}

static void
a_node_silent_for_too_long_gives_its_caller_to_others_and_its_agent_a_wrap_up(void **state)
{
	struct scene sc = talking();
	struct acd_session_id other = world_agent(sc.w, sc.x, 0);

	(void)state;
	world_at(sc.w, 1, 2)->cut = true;
	world_run(sc.w, 15 * S);
	assert_int_equal(world_agent_view(sc.w, sc.x, other).call.v, sc.c.v);
	world_at(sc.w, 1, 2)->cut = false;
	world_run(sc.w, 2 * S);
	assert_int_equal(world_agent_view(sc.w, sc.y, sc.s).state, ACD_AGENT_WRAP);
	world_free(sc.w);
}

static void an_offer_bound_to_one_call_refuses_every_other(void **state)
{
	struct scene sc = ringing();
	struct acd_agent_view v = world_agent_view(sc.w, sc.y, sc.s);
	struct acd_msg m = {.type = ACD_MSG_GRANT,
			    .offer = v.offer,
			    .call = {sc.c.v + 7},
			    .session = sc.s,
			    .agent = v.agent,
			    .queue = {QUEUE_ANY},
			    .cepoch = v.cepoch,
			    .ring_timeout_ms = 1000};
	uint32_t nacks = sc.w->sent[ACD_MSG_NACK];

	(void)state;
	assert_int_equal(world_hear(sc.w, sc.y, world_at(sc.w, 1, 1)->addr, m), ACD_REFUSED_STALE);
	assert_int_equal(sc.w->sent[ACD_MSG_NACK], nacks + 1);
	m.call = sc.c;
	m.cepoch += 64; /* the same call under another owner's epoch is another triple */
	assert_int_equal(world_hear(sc.w, sc.y, world_at(sc.w, 1, 1)->addr, m), ACD_REFUSED_STALE);
	m.cepoch -= 64; /* all three equal: a duplicate */
	assert_int_equal(world_hear(sc.w, sc.y, world_at(sc.w, 1, 1)->addr, m), ACD_OK);
	assert_int_equal(world_count(sc.w, ACD_FX_RING), 1);
	world_free(sc.w);
}

static void a_release_that_overtakes_its_grant_keeps_the_agent_from_ringing(void **state)
{
	struct world *w = world_new(1, 1, 2);
	struct acd *x = world_node(w, 1, 1), *y = world_node(w, 1, 2);
	struct acd_session_id s = world_agent(w, y, 0);

	(void)state;
	world_run(w, 50 * MS);
	w->drop = ACD_MSG_GRANT;
	w->drop_n = 1;
	struct acd_call_id c = world_call(w, x, QUEUE_ANY);
	world_run(w, 20 * MS);
	struct acd_call_view v;
	assert_true(acd_call_get(x, c, w->now, &v));
	struct acd_offer_id o = v.parties[0].offer;
	world_do(w, x,
		 (struct acd_event){
		     .type = ACD_EV_CALL_GONE, .call = c, .cause = ACD_CAUSE_CALLER_HUNG_UP});
	world_run(w, 20 * MS);
	assert_int_equal(world_agent_view(w, y, s).state, ACD_AGENT_IDLE);
	world_hear(w, y, world_at(w, 1, 1)->addr,
		   (struct acd_msg){.type = ACD_MSG_GRANT,
				    .offer = o,
				    .call = c,
				    .session = s,
				    .agent = world_agent_view(w, y, s).agent,
				    .queue = {QUEUE_ANY},
				    .cepoch = 64 + 1});
	assert_int_equal(world_agent_view(w, y, s).state, ACD_AGENT_IDLE);
	assert_int_equal(world_count(w, ACD_FX_RING), 0);
	world_free(w);
}

static void a_duplicate_claim_takes_no_second_call(void **state)
{
	struct world *w = world_new(1, 1, 2);
	struct acd *x = world_node(w, 1, 1), *y = world_node(w, 1, 2);
	struct acd_session_id s = world_agent(w, y, 0);

	(void)state;
	world_call(w, x, QUEUE_ANY);
	world_run(w, 20 * MS);
	struct acd_agent_view v = world_agent_view(w, y, s);
	assert_int_equal(v.state, ACD_AGENT_RINGING);
	struct acd_call_id second = world_call(w, x, QUEUE_ANY);
	world_run(w, 20 * MS);
	struct acd_msg m = {.type = ACD_MSG_CLAIM,
			    .offer = v.offer,
			    .session = s,
			    .agent = v.agent,
			    .queue = {QUEUE_ANY},
			    .node = world_at(w, 1, 2)->addr};
	assert_int_equal(world_hear(w, world_broker(w, 1, 1), m.node, m), ACD_REFUSED_STALE);
	world_run(w, 20 * MS);
	assert_int_equal(world_call_state(w, x, second), ACD_CALL_QUEUED);
	world_free(w);
}

/* Two brokers a site: the one that is asked for the call dies with the claim. */
static void
a_claim_that_dies_with_its_broker_holds_the_agent_no_longer_than_that_is_known(void **state)
{
	struct world *w = world_new(2, 2, 1);
	struct acd *x = world_node(w, 1, 1), *y = world_node(w, 2, 1);
	struct acd_session_id s = world_agent(w, y, 0);
	struct acd_event gone = {.type = ACD_EV_NODE_GONE};

	(void)state;
	world_run(w, 1 * S);
	w->drop = ACD_MSG_CLAIM;
	w->drop_n = 1;
	struct acd_call_id c = world_call(w, x, QUEUE_ANY);
	for (unsigned i = 0; i < 1000 && w->dropped == 0; i++)
		world_run(w, 1 * MS);
	assert_int_equal(w->dropped, 1);
	assert_int_equal(world_agent_view(w, y, s).state, ACD_AGENT_RESERVED);
	gone.from.v = addr_make(2, ADDR_BROKER_MIN); /* another than was asked */
	assert_int_equal(world_do(w, y, gone), ACD_OK);
	world_run(w, 100 * MS);
	assert_int_equal(world_agent_view(w, y, s).state, ACD_AGENT_RESERVED);
	for (unsigned b = 0; b < 2; b++) {
		gone.from.v = addr_make(1, ADDR_BROKER_MIN + b);
		assert_int_equal(world_do(w, y, gone), ACD_OK);
	}
	world_run(w, 500 * MS); /* the next advert offers it again */
	assert_int_equal(world_agent_view(w, y, s).state, ACD_AGENT_RINGING);
	/* What is bound does not hang on a broker. */
	assert_int_equal(world_do(w, y, gone), ACD_OK);
	assert_int_equal(world_agent_view(w, y, s).state, ACD_AGENT_RINGING);
	assert_int_equal(world_agent_view(w, y, s).call.v, c.v);
	world_free(w);
}

static void the_claim_takes_the_oldest_call_of_the_best_priority_class(void **state)
{
	struct world *w = world_new(1, 1, 1);
	struct acd *n = world_node(w, 1, 1);

	(void)state;
	world_call(w, n, QUEUE_LATER); /* oldest, but priority class 1 */
	world_run(w, 100 * MS);
	struct acd_call_id first = world_call(w, n, QUEUE_ANY);
	world_run(w, 100 * MS);
	world_call(w, n, QUEUE_ANY);
	world_run(w, 100 * MS);
	struct acd_session_id s = world_agent(w, n, 0);
	world_run(w, 20 * MS);
	assert_int_equal(world_agent_view(w, n, s).call.v, first.v);
	world_free(w);
}

static void the_longest_idle_agent_with_the_skill_is_taken(void **state)
{
	struct world *w = world_new(1, 1, 2);
	struct acd *n = world_node(w, 1, 1), *m = world_node(w, 1, 2);

	(void)state;
	struct acd_session_id unskilled = world_agent(w, n, 1);
	world_run(w, 100 * MS);
	struct acd_session_id longest = world_agent(w, m, 3);
	world_run(w, 100 * MS);
	struct acd_session_id shorter = world_agent(w, n, 2);
	world_run(w, 100 * MS);
	world_call(w, n, QUEUE_SKILLED);
	world_run(w, 20 * MS);
	assert_int_equal(world_agent_view(w, m, longest).state, ACD_AGENT_RINGING);
	assert_int_equal(world_agent_view(w, n, shorter).state, ACD_AGENT_IDLE);
	assert_int_equal(world_agent_view(w, n, unskilled).state, ACD_AGENT_IDLE);
	world_free(w);
}

static void media_that_fails_at_the_owner_requeues_and_frees_the_agent(void **state)
{
	struct scene sc = ringing();

	(void)state;
	world_do(sc.w, sc.y, (struct acd_event){.type = ACD_EV_AGENT_NOT_READY, .session = sc.s});
	world_do(sc.w, sc.x,
		 (struct acd_event){.type = ACD_EV_MEDIA_FAILED,
				    .call = sc.c,
				    .offer = world_agent_view(sc.w, sc.y, sc.s).offer});
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_QUEUED);
	world_run(sc.w, 20 * MS);
	assert_int_equal(world_agent_view(sc.w, sc.y, sc.s).state, ACD_AGENT_NOT_READY);
	world_free(sc.w);
}

static void media_that_fails_at_the_agent_makes_it_not_ready_and_requeues(void **state)
{
	struct scene sc = ringing();

	(void)state;
	assert_int_equal(tell(&sc, ACD_EV_MEDIA_FAILED), ACD_OK);
	assert_int_equal(world_agent_view(sc.w, sc.y, sc.s).reason, ACD_REASON_MEDIA);
	world_run(sc.w, 20 * MS);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_QUEUED);
	world_free(sc.w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_missed_call_keeps_its_place_and_the_agent_is_not_ready),
	    cmocka_unit_test(a_rejected_call_goes_to_the_next_agent),
	    cmocka_unit_test(a_caller_who_hangs_up_while_it_rings_is_abandoned_and_the_agent_free),
	    cmocka_unit_test(a_leg_that_fails_in_the_queue_is_failed_not_abandoned),
	    cmocka_unit_test(a_lost_grant_is_sent_again),
	    cmocka_unit_test(a_grant_that_nobody_answers_goes_back_to_the_queue_with_its_age),
	    cmocka_unit_test(lost_commits_and_bridged_are_repeated_until_both_agree),
	    cmocka_unit_test(a_caller_served_is_never_put_back_because_a_release_was_lost),
	    cmocka_unit_test(an_agent_whose_node_died_loses_the_caller_to_the_queue_not_to_nowhere),
	    cmocka_unit_test(a_silent_agent_node_means_one_moment_and_then_the_same_agent),
	    cmocka_unit_test(
		a_node_silent_for_too_long_gives_its_caller_to_others_and_its_agent_a_wrap_up),
	    cmocka_unit_test(an_offer_bound_to_one_call_refuses_every_other),
	    cmocka_unit_test(a_release_that_overtakes_its_grant_keeps_the_agent_from_ringing),
	    cmocka_unit_test(a_duplicate_claim_takes_no_second_call),
	    cmocka_unit_test(
		a_claim_that_dies_with_its_broker_holds_the_agent_no_longer_than_that_is_known),
	    cmocka_unit_test(the_claim_takes_the_oldest_call_of_the_best_priority_class),
	    cmocka_unit_test(the_longest_idle_agent_with_the_skill_is_taken),
	    cmocka_unit_test(media_that_fails_at_the_owner_requeues_and_frees_the_agent),
	    cmocka_unit_test(media_that_fails_at_the_agent_makes_it_not_ready_and_requeues),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
