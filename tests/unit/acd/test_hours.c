/* Opening hours as the core sees them: who is asked, who is not, what becomes of callers. */
#include "world.h"

#include "common/base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { Q_OVER = 11, Q_STAY = 12, Q_REFUSE = 13, Q_ANNOUNCE = 14, Q_CALLBACK = 15, Q_HAND = 16 };
enum { MS = 1000, S = 1000 * MS };

static const struct acd_queue_conf queues[] = {
    {.id = {Q_OVER}, .overflow_closed = true, .ring_timeout_ms = 10000},
    {.id = {Q_STAY}, .ring_timeout_ms = 10000, .max_wait_ms = 60000},
    {.id = {Q_REFUSE},
     .overflow_closed = true,
     .closed_to = ACD_CLOSED_REFUSE,
     .ring_timeout_ms = 10000},
    {.id = {Q_ANNOUNCE},
     .closed_to = ACD_CLOSED_ANNOUNCE,
     .closed_after_ms = 5000,
     .ring_timeout_ms = 10000,
     .max_wait_ms = 60000},
    {.id = {Q_CALLBACK}, .closed_to = ACD_CLOSED_CALLBACK, .ring_timeout_ms = 10000},
    {.id = {Q_HAND}, .overflow_no_idle = true, .overflow_closed = true, .ring_timeout_ms = 10000},
};

static struct world *make(unsigned sites)
{
	struct world *w = world_new_queues(sites, 1, 1, queues, HELIO_ARRAY_LEN(queues));
	world_run(w, 1 * S);
	return w;
}

/* Every daemon is told, as its shell does. */
static void hours(struct world *w, uint32_t queue, uint8_t site, uint16_t permille, uint64_t us)
{
	for (uint32_t i = 0; i < w->daemons_n; i++)
		assert_int_equal(world_do(w, w->daemon[i].acd,
					  (struct acd_event){.type = ACD_EV_HOURS,
							     .queue = {queue},
							     .site = site,
							     .permille = permille,
							     .age_us = us}),
				 ACD_OK);
}

static uint8_t agent_state(struct world *w, unsigned site, struct acd_session_id s)
{
	return world_agent_view(w, world_node(w, site, 1), s).state;
}

static void agents_of_a_closed_site_get_no_caller_until_it_opens(void **state)
{
	struct world *w = make(1);
	(void)state;
	hours(w, Q_STAY, 1, 0, 0);
	struct acd_session_id a = world_agent(w, world_node(w, 1, 1), 0);
	struct acd_call_id c = world_call(w, world_node(w, 1, 1), Q_STAY);
	world_run(w, 3 * S);
	assert_int_equal(agent_state(w, 1, a), ACD_AGENT_IDLE);
	assert_int_equal(world_call_state(w, world_node(w, 1, 1), c), ACD_CALL_QUEUED);
	hours(w, Q_STAY, 1, ACD_OPEN, 0);
	world_run(w, 1 * S);
	assert_int_equal(agent_state(w, 1, a), ACD_AGENT_RINGING);
	world_free(w);
}

static void callers_of_a_closed_site_are_answered_where_it_is_open(void **state)
{
	struct world *w = make(3);
	(void)state;
	hours(w, Q_OVER, 1, 0, 0);
	hours(w, Q_OVER, 2, 0, 0);
	struct acd_session_id here = world_agent(w, world_node(w, 1, 1), 0);
	struct acd_session_id closed = world_agent(w, world_node(w, 2, 1), 0);
	world_run(w, 1 * S);
	struct acd_session_id open = world_agent(w, world_node(w, 3, 1), 0);
	world_run(w, 1 * S);
	world_call(w, world_node(w, 1, 1), Q_OVER);
	world_run(w, 1 * S);
	assert_int_equal(agent_state(w, 1, here), ACD_AGENT_IDLE);
	assert_int_equal(agent_state(w, 2, closed), ACD_AGENT_IDLE);
	assert_int_equal(agent_state(w, 3, open), ACD_AGENT_RINGING);
	world_free(w);
}

static void an_open_site_without_its_rule_keeps_its_callers(void **state)
{
	struct world *w = make(2);
	(void)state;
	struct acd_session_id there = world_agent(w, world_node(w, 2, 1), 0);
	struct acd_call_id c = world_call(w, world_node(w, 1, 1), Q_OVER);
	world_run(w, 2 * S);
	assert_int_equal(agent_state(w, 2, there), ACD_AGENT_IDLE);
	/* … and at its closing they go. */
	hours(w, Q_OVER, 1, 0, 0);
	world_run(w, 1 * S);
	assert_int_equal(agent_state(w, 2, there), ACD_AGENT_RINGING);
	world_accept(w, world_node(w, 2, 1), there);
	world_run(w, 1 * S);
	assert_int_equal(world_call_state(w, world_node(w, 1, 1), c), ACD_CALL_BRIDGED);
	world_free(w);
}

static void a_call_that_rings_or_talks_when_its_site_closes_goes_on(void **state)
{
	struct world *w = make(1);
	(void)state;
	struct acd_session_id a = world_agent(w, world_node(w, 1, 1), 0);
	struct acd_call_id c = world_call(w, world_node(w, 1, 1), Q_REFUSE);
	world_run(w, 1 * S);
	assert_int_equal(agent_state(w, 1, a), ACD_AGENT_RINGING);
	hours(w, Q_REFUSE, 1, 0, 0);
	world_accept(w, world_node(w, 1, 1), a);
	world_run(w, 5 * S);
	assert_int_equal(world_call_state(w, world_node(w, 1, 1), c), ACD_CALL_BRIDGED);
	world_free(w);
}

static void closed_everywhere_refuses_newcomers_and_ends_who_waits(void **state)
{
	struct world *w = make(2);
	(void)state;
	struct acd_call_id c = world_call(w, world_node(w, 1, 1), Q_REFUSE);
	world_run(w, 1 * S);
	hours(w, Q_REFUSE, 1, 0, 0);
	world_run(w, 1 * S);
	assert_int_equal(world_call_state(w, world_node(w, 1, 1), c), ACD_CALL_QUEUED);
	hours(w, Q_REFUSE, 2, 0, 0);
	world_run(w, 1 * S);
	assert_int_equal(world_call_state(w, world_node(w, 1, 1), c), ACD_CALL_NONE);
	const struct world_seen *end = world_last(w, ACD_FX_CALL);
	assert_int_equal(end->fx.call_state, ACD_CALL_ENDED);
	assert_int_equal(end->fx.outcome, ACD_OUTCOME_FAILED);
	assert_int_equal(end->fx.cause, ACD_CAUSE_CLOSED);
	uint64_t before = acd_digest(world_node(w, 1, 1));
	assert_int_equal(world_do(w, world_node(w, 1, 1),
				  (struct acd_event){.type = ACD_EV_CALL_ARRIVED,
						     .call = {0x123456},
						     .queue = {Q_REFUSE}}),
			 ACD_REFUSED_CLOSED);
	assert_true(acd_digest(world_node(w, 1, 1)) == before);
	hours(w, Q_REFUSE, 2, ACD_OPEN, 0);
	c = world_call(w, world_node(w, 1, 1), Q_REFUSE);
	world_run(w, 1 * S);
	assert_int_equal(world_call_state(w, world_node(w, 1, 1), c), ACD_CALL_QUEUED);
	world_free(w);
}

static void an_announcement_is_heard_before_the_call_ends(void **state)
{
	struct world *w = make(1);
	(void)state;
	hours(w, Q_ANNOUNCE, 1, 0, 0);
	struct acd_call_id c = world_call(w, world_node(w, 1, 1), Q_ANNOUNCE);
	world_run(w, 1 * S);
	const struct world_seen *said = world_last(w, ACD_FX_CALL);
	assert_int_equal(said->fx.call_state, ACD_CALL_QUEUED);
	assert_int_equal(said->fx.cause, ACD_CAUSE_CLOSED);
	assert_int_equal(world_call_state(w, world_node(w, 1, 1), c), ACD_CALL_QUEUED);
	world_run(w, 5 * S);
	assert_int_equal(world_call_state(w, world_node(w, 1, 1), c), ACD_CALL_NONE);
	assert_int_equal(world_last(w, ACD_FX_CALL)->fx.cause, ACD_CAUSE_CLOSED);
	world_free(w);
}

static void who_hears_the_announcement_when_it_opens_waits_on(void **state)
{
	struct world *w = make(1);
	(void)state;
	hours(w, Q_ANNOUNCE, 1, 0, 0);
	struct acd_call_id c = world_call(w, world_node(w, 1, 1), Q_ANNOUNCE);
	world_run(w, 1 * S);
	hours(w, Q_ANNOUNCE, 1, ACD_OPEN, 0);
	world_run(w, 10 * S);
	assert_int_equal(world_call_state(w, world_node(w, 1, 1), c), ACD_CALL_QUEUED);
	assert_int_equal(world_last(w, ACD_FX_CALL)->fx.cause, ACD_CAUSE_NONE);
	world_run(w, 60 * S); /* its longest wait still holds */
	assert_int_equal(world_call_state(w, world_node(w, 1, 1), c), ACD_CALL_NONE);
	assert_int_equal(world_last(w, ACD_FX_CALL)->fx.cause, ACD_CAUSE_TIMEOUT);
	world_free(w);
}

static void callback_is_an_outcome_of_its_own(void **state)
{
	struct world *w = make(1);
	(void)state;
	for (unsigned i = 0; i < 64; i++) /* two effects each: more than one batch */
		world_call(w, world_node(w, 1, 1), Q_CALLBACK);
	world_run(w, 1 * S);
	hours(w, Q_CALLBACK, 1, 0, 0);
	world_run(w, 1 * S);
	assert_int_equal(world_last(w, ACD_FX_CALL)->fx.outcome, ACD_OUTCOME_CALLBACK);
	struct acd_call_view v;
	uint32_t it = 0;
	assert_false(acd_call_next(world_node(w, 1, 1), &it, w->now, &v));
	world_free(w);
}

/* ---- the ramp ---- */

static unsigned ringing_at(struct world *w, unsigned site, const struct acd_session_id *s,
			   unsigned n)
{
	unsigned sum = 0;
	for (unsigned i = 0; i < n; i++)
		sum += agent_state(w, site, s[i]) == ACD_AGENT_RINGING;
	return sum;
}

/* Ten agents at site 2 and ten at site 3; ten callers at site 1, which has nobody. */
static void share(uint16_t weight_2, uint16_t weight_3, unsigned *at_2, unsigned *at_3)
{
	struct world *w = make(3);
	struct acd_session_id two[10], three[10];
	hours(w, Q_HAND, 1, 0, 0);
	hours(w, Q_HAND, 2, weight_2, 0);
	hours(w, Q_HAND, 3, weight_3, 0);
	/* The longest idle are at site 2: without weights they would get them all. */
	for (unsigned i = 0; i < 10; i++)
		two[i] = world_agent(w, world_node(w, 2, 1), 0);
	world_run(w, 2 * S);
	for (unsigned i = 0; i < 10; i++)
		three[i] = world_agent(w, world_node(w, 3, 1), 0);
	world_run(w, 2 * S);
	for (unsigned i = 0; i < 10; i++)
		world_call(w, world_node(w, 1, 1), Q_HAND);
	world_run(w, 2 * S);
	*at_2 = ringing_at(w, 2, two, 10);
	*at_3 = ringing_at(w, 3, three, 10);
	world_free(w);
}

static void a_site_that_hands_over_is_asked_for_less(void **state)
{
	unsigned two, three;
	(void)state;
	share(ACD_OPEN, ACD_OPEN, &two, &three);
	assert_int_equal(two + three, 10);
	assert_int_equal(two, 10);
	share(500, ACD_OPEN, &two, &three);
	assert_int_equal(two + three, 10);
	assert_in_range(two, 4, 6);
	share(100, ACD_OPEN, &two, &three);
	assert_int_equal(two + three, 10);
	assert_in_range(two, 1, 2);
	share(0, ACD_OPEN, &two, &three);
	assert_int_equal(two, 0);
	assert_int_equal(three, 10);
	/* Alone it gets them all: a weight keeps nobody waiting. */
	share(100, 0, &two, &three);
	assert_int_equal(two, 10);
}

static void callers_who_wait_go_with_the_hand_over(void **state)
{
	struct world *w = make(2);
	struct acd_session_id there[10];
	(void)state;
	for (unsigned i = 0; i < 10; i++)
		there[i] = world_agent(w, world_node(w, 2, 1), 0);
	for (unsigned i = 0; i < 10; i++)
		world_call(w, world_node(w, 1, 1), Q_OVER);
	world_run(w, 1 * S);
	assert_int_equal(ringing_at(w, 2, there, 10), 0);
	hours(w, Q_OVER, 1, 700, 0);
	world_run(w, 100 * MS);
	unsigned some = ringing_at(w, 2, there, 10);
	assert_in_range(some, 1, 5);
	hours(w, Q_OVER, 1, 0, 0);
	world_run(w, 2 * S);
	assert_int_equal(ringing_at(w, 2, there, 10), 10);
	world_free(w);
}

/* ---- what is said of it ---- */

static void why_says_who_is_open_and_until_when(void **state)
{
	struct world *w = make(3);
	struct acd_why why;
	(void)state;
	hours(w, Q_STAY, 1, 0, 3600ull * S);
	hours(w, Q_STAY, 2, ACD_OPEN, 1800ull * S);
	hours(w, Q_STAY, 3, ACD_OPEN, 7200ull * S);
	struct acd_call_id c = world_call(w, world_node(w, 1, 1), Q_STAY);
	world_run(w, 1 * S);
	assert_true(acd_why(world_broker(w, 1, 1), c, w->now, &why));
	assert_int_equal(why.code, ACD_WHY_CLOSED);
	assert_true(why.closed_here && !why.closed_everywhere);
	assert_int_equal(why.other_site, 3);
	assert_in_range(why.opens_in_us / S, 3590, 3600);
	assert_in_range(why.other_in_us / S, 7190, 7200);
	hours(w, Q_STAY, 2, 0, 900ull * S);
	hours(w, Q_STAY, 3, 0, 7200ull * S);
	assert_true(acd_why(world_broker(w, 1, 1), c, w->now, &why));
	assert_true(why.closed_everywhere);
	assert_int_equal(why.other_site, 2);
	assert_in_range(why.other_in_us / S, 890, 900);
	world_free(w);
}

static void nonsense_is_refused_and_changes_nothing(void **state)
{
	struct world *w = make(1);
	struct acd *acd = world_broker(w, 1, 1);
	uint64_t before = acd_digest(acd);
	struct acd_event ev = {
	    .type = ACD_EV_HOURS, .queue = {Q_STAY}, .site = 1, .permille = ACD_OPEN + 1};
	(void)state;
	assert_int_equal(world_do(w, acd, ev), ACD_REFUSED_INVALID);
	ev.permille = 0;
	ev.age_us = UINT64_MAX;
	assert_int_equal(world_do(w, acd, ev), ACD_REFUSED_INVALID);
	ev.age_us = 0;
	ev.site = 0;
	assert_int_equal(world_do(w, acd, ev), ACD_REFUSED_INVALID);
	ev.site = 77;
	assert_int_equal(world_do(w, acd, ev), ACD_REFUSED_UNKNOWN);
	ev.site = 1;
	ev.queue.v = 4711;
	assert_int_equal(world_do(w, acd, ev), ACD_REFUSED_UNKNOWN);
	assert_true(acd_digest(acd) == before);
	world_free(w);
}

static void hours_outlive_a_change_of_configuration(void **state)
{
	struct world *w = make(1);
	(void)state;
	hours(w, Q_STAY, 1, 0, 0);
	struct acd_session_id a = world_agent(w, world_node(w, 1, 1), 0);
	world_call(w, world_node(w, 1, 1), Q_STAY);
	world_run(w, 1 * S);
	assert_true(world_reconfigure(w, 1, 64, queues, 2));
	assert_true(world_reconfigure(w, 1, 1, queues, 2));
	world_run(w, 3 * S);
	assert_int_equal(agent_state(w, 1, a), ACD_AGENT_IDLE);
	hours(w, Q_STAY, 1, ACD_OPEN, 0);
	world_run(w, 1 * S);
	assert_int_equal(agent_state(w, 1, a), ACD_AGENT_RINGING);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(agents_of_a_closed_site_get_no_caller_until_it_opens),
	    cmocka_unit_test(callers_of_a_closed_site_are_answered_where_it_is_open),
	    cmocka_unit_test(an_open_site_without_its_rule_keeps_its_callers),
	    cmocka_unit_test(a_call_that_rings_or_talks_when_its_site_closes_goes_on),
	    cmocka_unit_test(closed_everywhere_refuses_newcomers_and_ends_who_waits),
	    cmocka_unit_test(an_announcement_is_heard_before_the_call_ends),
	    cmocka_unit_test(who_hears_the_announcement_when_it_opens_waits_on),
	    cmocka_unit_test(callback_is_an_outcome_of_its_own),
	    cmocka_unit_test(a_site_that_hands_over_is_asked_for_less),
	    cmocka_unit_test(callers_who_wait_go_with_the_hand_over),
	    cmocka_unit_test(why_says_who_is_open_and_until_when),
	    cmocka_unit_test(nonsense_is_refused_and_changes_nothing),
	    cmocka_unit_test(hours_outlive_a_change_of_configuration),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
