/* What a supervisor wishes for: strategies, levels, relaxation, ageing, limits, force, the story.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/base.h"
#include "tests/unit/acd/world.h"

#define MS 1000u
#define S 1000000u

enum { SKILL = 1, QUEUE = 5, LATER = 6 };

/* One node of its own (an island), one queue as the test wants it, and a second one beside it. */
struct scene {
	struct world *w;
	struct acd *acd;
};

static struct scene open_scene(struct acd_queue_conf queue)
{
	static struct acd_queue_conf queues[2];

	queue.id.v = QUEUE;
	queue.ring_timeout_ms = queue.ring_timeout_ms ? queue.ring_timeout_ms : 5000;
	queues[0] = queue;
	queues[1] = queue;
	queues[1].id.v = LATER;
	queues[1].priority = (uint8_t)(queue.priority + 2);
	struct scene sc = {.w = world_new_queues(1, 0, 1, queues, 2)};
	sc.acd = world_node(sc.w, 1, 1);
	return sc;
}

static struct acd_levels level(unsigned of_skill_0)
{
	return (struct acd_levels){{of_skill_0}};
}

static struct acd_session_id agent(struct scene *sc, unsigned level_0, uint8_t rank)
{
	static uint64_t n = 500;
	struct acd_event ev = {.type = ACD_EV_AGENT_SIGN_IN,
			       .session = {++n},
			       .agent = {n},
			       .skills = {SKILL},
			       .levels = level(level_0),
			       .rank = rank};

	assert_int_equal(world_do(sc->w, sc->acd, ev), ACD_OK);
	ev = (struct acd_event){.type = ACD_EV_AGENT_READY, .session = {n}};
	assert_int_equal(world_do(sc->w, sc->acd, ev), ACD_OK);
	world_run(sc->w, 10 * MS);
	return (struct acd_session_id){n};
}

static uint8_t state(struct scene *sc, struct acd_session_id s)
{
	return world_agent_view(sc->w, sc->acd, s).state;
}

static void hang_up(struct scene *sc, struct acd_call_id c)
{
	world_do(sc->w, sc->acd,
		 (struct acd_event){
		     .type = ACD_EV_CALL_GONE, .call = c, .cause = ACD_CAUSE_CALLER_HUNG_UP});
	world_run(sc->w, 10 * MS);
}

/* The agent to whom the next call rings talks for so long. */
static void serve(struct scene *sc, struct acd_session_id who, uint64_t us)
{
	struct acd_call_id c = world_call(sc->w, sc->acd, QUEUE);

	world_run(sc->w, 10 * MS);
	assert_int_equal(state(sc, who), ACD_AGENT_RINGING);
	world_accept(sc->w, sc->acd, who);
	world_run(sc->w, us);
	hang_up(sc, c);
	assert_int_equal(state(sc, who), ACD_AGENT_IDLE);
}

static void expect_ring(struct scene *sc, struct acd_session_id who)
{
	struct acd_call_id c = world_call(sc->w, sc->acd, QUEUE);

	world_run(sc->w, 10 * MS);
	assert_int_equal(state(sc, who), ACD_AGENT_RINGING);
	hang_up(sc, c);
}

static void the_longest_idle_is_asked_first(void **arg)
{
	struct scene sc = open_scene((struct acd_queue_conf){0});
	struct acd_session_id a = agent(&sc, 0, 1), b = agent(&sc, 0, 1);

	(void)arg;
	serve(&sc, a, 1 * S);
	serve(&sc, b, 9 * S);
	expect_ring(&sc, a);
	world_free(sc.w);
}

static void fewest_calls_asks_who_had_fewest(void **arg)
{
	struct scene sc = open_scene((struct acd_queue_conf){.strategy = ACD_FEWEST_CALLS});
	struct acd_session_id a = agent(&sc, 0, 1), b = agent(&sc, 0, 1), c;

	(void)arg;
	serve(&sc, a, 1 * S);
	serve(&sc, b, 1 * S);
	serve(&sc, a, 1 * S);
	c = agent(&sc, 0, 1); /* new: none at all, though idle for the shortest time */
	expect_ring(&sc, c);
	world_free(sc.w);
}

static void least_talk_asks_who_talked_least(void **arg)
{
	struct scene sc = open_scene((struct acd_queue_conf){.strategy = ACD_LEAST_TALK});
	struct acd_session_id a = agent(&sc, 0, 1), b = agent(&sc, 0, 1);

	(void)arg;
	serve(&sc, a, 9 * S);
	serve(&sc, b, 1 * S);
	expect_ring(&sc, b); /* a is idle for longer */
	world_free(sc.w);
}

static void most_skilled_asks_the_highest_level(void **arg)
{
	struct scene sc =
	    open_scene((struct acd_queue_conf){.strategy = ACD_MOST_SKILLED, .skills = {SKILL}});
	struct acd_session_id a = agent(&sc, 3, 1), b = agent(&sc, 7, 1), c = agent(&sc, 5, 1);

	(void)arg;
	(void)a;
	(void)c;
	expect_ring(&sc, b);
	world_free(sc.w);
}

static void round_robin_asks_whom_it_has_not_rung_for_longest(void **arg)
{
	struct scene sc = open_scene((struct acd_queue_conf){.strategy = ACD_ROUND_ROBIN});
	struct acd_session_id a = agent(&sc, 0, 1), b = agent(&sc, 0, 1);

	(void)arg;
	expect_ring(&sc, a); /* never taken, and still idle since sign-in */
	expect_ring(&sc, b);
	expect_ring(&sc, a);
	world_free(sc.w);
}

static void linear_asks_the_smallest_rank(void **arg)
{
	struct scene sc = open_scene((struct acd_queue_conf){.strategy = ACD_LINEAR});
	struct acd_session_id a = agent(&sc, 0, 9), b = agent(&sc, 0, 2);

	(void)arg;
	(void)a;
	serve(&sc, b, 1 * S);
	expect_ring(&sc, b);
	world_free(sc.w);
}

static void a_level_too_low_is_not_asked_until_the_queue_relaxes(void **arg)
{
	struct scene sc = open_scene((struct acd_queue_conf){
	    .skills = {SKILL},
	    .levels = level(6),
	    .relax_n = 1,
	    .relax = {{.after_ms = 3000, .skills = {SKILL}, .levels = level(4)}}});
	struct acd_session_id a = agent(&sc, 4, 1);
	struct acd_call_id c = world_call(sc.w, sc.acd, QUEUE);
	struct acd_why why;

	(void)arg;
	world_run(sc.w, 2900 * MS);
	assert_int_equal(state(&sc, a), ACD_AGENT_IDLE);
	assert_true(acd_why(sc.acd, c, sc.w->now, &why));
	assert_int_equal(why.code, ACD_WHY_SKILL);
	assert_int_equal(why.missing.bits, SKILL);
	assert_true(why.missing_level);
	assert_in_range(why.relax_in_us, 50 * MS, 150 * MS);
	world_run(sc.w, 200 * MS);
	assert_int_equal(state(&sc, a), ACD_AGENT_RINGING);
	world_accept(sc.w, sc.acd, a);
	world_run(sc.w, 50 * MS);
	assert_true(acd_why(sc.acd, c, sc.w->now, &why));
	assert_int_equal(why.code, ACD_WHY_NOT_WAITING);
	assert_int_equal(why.story_n, 3);
	assert_int_equal(why.story[1].code, ACD_STORY_GRANTED);
	assert_int_equal(why.story[1].stage, 1);
	assert_in_range(why.story[1].idle_us, 2900 * MS, 3200 * MS);
	assert_int_equal(why.story[2].code, ACD_STORY_BRIDGED);
	world_free(sc.w);
}

static void relaxing_keeps_the_place(void **arg)
{
	struct scene sc = open_scene((struct acd_queue_conf){
	    .skills = {SKILL},
	    .levels = level(6),
	    .relax_n = 1,
	    .relax = {{.after_ms = 3000, .skills = {SKILL}, .levels = level(1)}}});
	struct acd_call_id first = world_call(sc.w, sc.acd, QUEUE);

	(void)arg;
	world_run(sc.w, 4 * S); /* relaxed by now */
	world_call(sc.w, sc.acd, QUEUE);
	agent(&sc, 9, 1); /* could take either */
	assert_int_equal(world_call_state(sc.w, sc.acd, first), ACD_CALL_GRANTED);
	world_free(sc.w);
}

static void ageing_lets_an_old_caller_of_a_low_class_pass(void **arg)
{
	for (uint32_t ageing_ms = 0; ageing_ms <= 2000; ageing_ms += 2000) {
		struct scene sc = open_scene((struct acd_queue_conf){.ageing_ms = ageing_ms});
		struct acd_call_id low = world_call(sc.w, sc.acd, LATER), high;
		world_run(sc.w, 5 * S);
		high = world_call(sc.w, sc.acd, QUEUE);
		agent(&sc, 0, 1);
		assert_int_equal(world_call_state(sc.w, sc.acd, ageing_ms ? low : high),
				 ACD_CALL_GRANTED);
		world_free(sc.w);
	}
	(void)arg;
}

static void only_the_nth_missed_call_makes_not_ready(void **arg)
{
	struct scene sc =
	    open_scene((struct acd_queue_conf){.missed_limit = 2, .ring_timeout_ms = 1000});
	struct acd_session_id a = agent(&sc, 0, 1), b;

	(void)arg;
	world_call(sc.w, sc.acd, QUEUE);
	world_run(sc.w, 500 * MS);
	b = agent(&sc, 0, 1);
	world_run(sc.w, 700 * MS); /* missed by a: b's turn, for a went to the end of the line */
	assert_int_equal(state(&sc, a), ACD_AGENT_IDLE);
	assert_int_equal(state(&sc, b), ACD_AGENT_RINGING);
	world_run(sc.w, 2 * S);
	assert_int_equal(state(&sc, a), ACD_AGENT_NOT_READY);
	assert_int_equal(world_agent_view(sc.w, sc.acd, a).reason, ACD_REASON_MISSED);
	world_free(sc.w);
}

static void a_full_queue_refuses_and_a_long_wait_ends(void **arg)
{
	struct scene sc = open_scene((struct acd_queue_conf){.max_length = 2, .max_wait_ms = 3000});
	struct acd_event ev = {.type = ACD_EV_CALL_ARRIVED,
			       .call = {id_make(addr_make(1, 1), 1, 900)},
			       .queue = {QUEUE}};

	(void)arg;
	world_call(sc.w, sc.acd, QUEUE);
	world_call(sc.w, sc.acd, QUEUE);
	uint64_t before = acd_digest(sc.acd);
	assert_int_equal(world_do(sc.w, sc.acd, ev), ACD_REFUSED_LIMIT);
	assert_true(before == acd_digest(sc.acd));
	world_run(sc.w, 3100 * MS);
	const struct world_seen *last = world_last(sc.w, ACD_FX_CALL);
	assert_int_equal(last->fx.call_state, ACD_CALL_ENDED);
	assert_int_equal(last->fx.outcome, ACD_OUTCOME_FAILED);
	assert_int_equal(last->fx.cause, ACD_CAUSE_TIMEOUT);
	assert_int_equal(world_do(sc.w, sc.acd, ev), ACD_OK); /* there is room again */
	world_free(sc.w);
}

static void a_supervisor_sends_away_makes_ready_and_ends_a_call(void **arg)
{
	struct scene sc = open_scene((struct acd_queue_conf){0});
	struct acd_session_id a = agent(&sc, 0, 1);
	struct acd_call_id c = world_call(sc.w, sc.acd, QUEUE);
	struct acd_event force = {.type = ACD_EV_AGENT_FORCE, .session = a};

	(void)arg;
	world_run(sc.w, 10 * MS);
	assert_int_equal(state(&sc, a), ACD_AGENT_RINGING);
	assert_int_equal(world_do(sc.w, sc.acd, force), ACD_OK);
	world_run(sc.w, 10 * MS);
	assert_int_equal(state(&sc, a), ACD_AGENT_NOT_READY);
	assert_int_equal(world_agent_view(sc.w, sc.acd, a).reason, ACD_REASON_FORCED);
	assert_int_equal(world_call_state(sc.w, sc.acd, c), ACD_CALL_QUEUED);
	force.on = true;
	assert_int_equal(world_do(sc.w, sc.acd, force), ACD_OK);
	world_run(sc.w, 10 * MS);
	world_accept(sc.w, sc.acd, a);
	world_run(sc.w, 50 * MS);
	assert_int_equal(world_call_state(sc.w, sc.acd, c), ACD_CALL_BRIDGED);
	force.offer.v = 12345;
	assert_int_equal(world_do(sc.w, sc.acd, force), ACD_REFUSED_STALE);
	force.offer = world_agent_view(sc.w, sc.acd, a).offer;
	assert_int_equal(world_do(sc.w, sc.acd, force), ACD_OK);
	world_run(sc.w, 50 * MS);
	assert_int_equal(world_call_state(sc.w, sc.acd, c), ACD_CALL_NONE);
	world_free(sc.w);
}

static void the_estimated_wait_follows_how_fast_the_queue_is_served(void **arg)
{
	struct scene sc = open_scene((struct acd_queue_conf){0});
	struct acd_session_id a = agent(&sc, 0, 1);
	struct acd_call_id c[16];
	struct acd_queue_view v;
	uint32_t it = 0;

	(void)arg;
	for (unsigned i = 0; i < 16; i++)
		c[i] = world_call(sc.w, sc.acd, QUEUE);
	for (unsigned i = 0; i < 12; i++) { /* one every two seconds */
		world_run(sc.w, 10 * MS);
		world_accept(sc.w, sc.acd, a);
		world_run(sc.w, 1990 * MS);
		hang_up(&sc, c[i]);
	}
	assert_true(acd_queue_next(sc.acd, &it, sc.w->now, &v));
	/* three wait and one rings: a newcomer is the fourth in line */
	assert_int_equal(v.waiting, 3);
	assert_in_range(v.ewt_us, 6 * S, 10 * S);
	world_free(sc.w);
}

static void contradictory_queues_are_refused(void **arg)
{
	struct acd_queue_conf q = {.id = {1}, .skills = {1}, .levels = level(3)};
	struct acd_conf conf = {.role = ACD_ROLE_NODE,
				.self = {addr_make(1, 1)},
				.boot = 1,
				.calls_max = 4,
				.agents_max = 4,
				.queues_n = 1,
				.queues = &q};

	(void)arg;
	assert_true(acd_size(&conf) > 0);
	q.levels = level(11);
	assert_true(acd_size(&conf) == 0);
	q.levels = level(3);
	q.relax_n = 1;
	q.relax[0] = (struct acd_relax){.after_ms = 1000, .skills = {3}};
	assert_true(acd_size(&conf) == 0); /* more skills than before */
	q.relax[0] = (struct acd_relax){.after_ms = 1000, .skills = {1}, .levels = level(4)};
	assert_true(acd_size(&conf) == 0); /* a higher level than before */
	q.relax[0].levels = level(2);
	assert_true(acd_size(&conf) > 0);
	q.relax_n = 2;
	q.relax[1] = q.relax[0];
	assert_true(acd_size(&conf) == 0); /* no later than the step before */
	q.relax_n = 0;
	q.strategy = ACD_STRATEGY_COUNT;
	assert_true(acd_size(&conf) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_longest_idle_is_asked_first),
	    cmocka_unit_test(fewest_calls_asks_who_had_fewest),
	    cmocka_unit_test(least_talk_asks_who_talked_least),
	    cmocka_unit_test(most_skilled_asks_the_highest_level),
	    cmocka_unit_test(round_robin_asks_whom_it_has_not_rung_for_longest),
	    cmocka_unit_test(linear_asks_the_smallest_rank),
	    cmocka_unit_test(a_level_too_low_is_not_asked_until_the_queue_relaxes),
	    cmocka_unit_test(relaxing_keeps_the_place),
	    cmocka_unit_test(ageing_lets_an_old_caller_of_a_low_class_pass),
	    cmocka_unit_test(only_the_nth_missed_call_makes_not_ready),
	    cmocka_unit_test(a_full_queue_refuses_and_a_long_wait_ends),
	    cmocka_unit_test(a_supervisor_sends_away_makes_ready_and_ends_a_call),
	    cmocka_unit_test(the_estimated_wait_follows_how_fast_the_queue_is_served),
	    cmocka_unit_test(contradictory_queues_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
