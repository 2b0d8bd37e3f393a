/* Calls and agents that outlive a process: adopted, held, recalled, fenced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/base.h"
#include "tests/unit/acd/world.h"

#define MS 1000u
#define S 1000000u

/* One site, one broker; calls at node 1 (x), agents at node 2 (y), node 3 (z) is the neighbour. */
struct scene {
	struct world *w;
	struct acd *x, *y, *z;
	struct acd_session_id s;
	struct acd_agent_id agent;
	struct acd_offer_id o;
	struct acd_call_id c;
	uint64_t cepoch;
};

static struct scene ringing(void)
{
	struct scene sc = {.w = world_new(1, 1, 3)};
	struct acd_call_view v;

	sc.x = world_node(sc.w, 1, 1);
	sc.y = world_node(sc.w, 1, 2);
	sc.z = world_node(sc.w, 1, 3);
	sc.s = world_agent(sc.w, sc.y, 0);
	world_run(sc.w, 50 * MS);
	sc.c = world_call(sc.w, sc.x, QUEUE_ANY);
	world_run(sc.w, 20 * MS);
	struct acd_agent_view a = world_agent_view(sc.w, sc.y, sc.s);
	assert_int_equal(a.state, ACD_AGENT_RINGING);
	sc.o = a.offer;
	sc.agent = a.agent;
	assert_true(acd_call_get(sc.x, sc.c, sc.w->now, &v));
	sc.cepoch = v.cepoch;
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

static enum acd_verdict adopt(struct scene *sc, struct acd *at, unsigned ordinal, uint8_t state,
			      uint64_t age_us)
{
	struct acd_event ev = {.type = ACD_EV_CALL_ADOPTED,
			       .call = sc->c,
			       .queue = {QUEUE_ANY},
			       .age_us = age_us,
			       .msg = {.version = sc->cepoch,
				       .cepoch = (sc->cepoch / 64 + 1) * 64 + ordinal,
				       .state = state}};

	if (state != ACD_CALL_QUEUED) {
		ev.msg.offer = sc->o;
		ev.msg.agent = sc->agent;
		ev.msg.session = sc->s;
		ev.msg.node = world_at(sc->w, 1, 2)->addr;
	}
	return world_do(sc->w, at, ev);
}

static void restart_x(struct scene *sc)
{
	world_restart(sc->w, 1, 1);
	sc->x = world_node(sc->w, 1, 1);
	world_do(sc->w, sc->x, (struct acd_event){.type = ACD_EV_RECOVER, .on = true});
}

static void recovered(struct scene *sc)
{
	world_do(sc->w, sc->x, (struct acd_event){.type = ACD_EV_RECOVER});
}

static void a_caller_who_waited_is_granted_at_the_old_place(void **state)
{
	struct world *w = world_new(1, 1, 3);
	struct scene sc = {.w = w, .x = world_node(w, 1, 1), .cepoch = 65};
	struct acd_call_view v;

	(void)state;
	sc.c = world_call(w, sc.x, QUEUE_ANY);
	world_run(w, 100 * MS);
	restart_x(&sc);
	struct acd_call_id younger = world_call(w, world_node(w, 1, 3), QUEUE_ANY);
	world_run(w, 20 * MS);
	assert_int_equal(adopt(&sc, sc.x, 1, ACD_CALL_QUEUED, 5 * S), ACD_OK);
	recovered(&sc);
	assert_int_equal(adopt(&sc, sc.x, 1, ACD_CALL_QUEUED, 5 * S), ACD_REFUSED_STATE);
	world_run(w, 1 * S);
	assert_true(acd_call_get(sc.x, sc.c, w->now, &v));
	assert_int_equal(v.cepoch, 129);
	assert_int_equal(v.age_us, 6 * S);
	sc.s = world_agent(w, world_node(w, 1, 2), 0);
	world_run(w, 50 * MS);
	assert_int_equal(world_call_state(w, sc.x, sc.c), ACD_CALL_GRANTED);
	assert_int_equal(world_call_state(w, world_node(w, 1, 3), younger), ACD_CALL_QUEUED);
	world_free(w);
}

static void a_talk_goes_on_without_a_ring_when_its_owner_comes_back(void **state)
{
	struct scene sc = talking();
	uint32_t rings = world_count(sc.w, ACD_FX_RING);

	(void)state;
	restart_x(&sc);
	world_run(sc.w, 1500 * MS); /* KEEP finds a node that does not know the call yet */
	assert_int_equal(world_agent_view(sc.w, sc.y, sc.s).state, ACD_AGENT_TALKING);
	assert_int_equal(adopt(&sc, sc.x, 1, ACD_CALL_BRIDGED, 3 * S), ACD_OK);
	recovered(&sc);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_AWAIT_AGENT);
	world_run(sc.w, 20 * MS);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_BRIDGED);
	assert_int_equal(world_agent_view(sc.w, sc.y, sc.s).cepoch, 129);
	assert_int_equal(world_count(sc.w, ACD_FX_RING), rings);
	world_run(sc.w, 10 * S);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_BRIDGED);
	world_free(sc.w);
}

static void a_call_that_rang_goes_on_ringing_at_the_same_agent(void **state)
{
	struct scene sc = ringing();

	(void)state;
	restart_x(&sc);
	assert_int_equal(adopt(&sc, sc.x, 1, ACD_CALL_GRANTED, 3 * S), ACD_OK);
	recovered(&sc);
	world_run(sc.w, 20 * MS);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_GRANTED);
	assert_int_equal(world_count(sc.w, ACD_FX_RING), 1);
	world_accept(sc.w, sc.y, sc.s);
	world_run(sc.w, 20 * MS);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_BRIDGED);
	world_free(sc.w);
}

static void what_the_journal_forgot_the_agent_s_register_still_knows(void **state)
{
	struct scene sc = ringing();

	(void)state;
	world_at(sc.w, 1, 1)->cut = true;
	world_accept(sc.w, sc.y, sc.s); /* its COMMIT finds nobody */
	world_run(sc.w, 300 * MS);
	world_at(sc.w, 1, 1)->cut = false;
	restart_x(&sc);
	assert_int_equal(adopt(&sc, sc.x, 1, ACD_CALL_QUEUED, 3 * S), ACD_OK);
	recovered(&sc);
	world_run(sc.w, 400 * MS);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_BRIDGED);
	assert_int_equal(world_agent_view(sc.w, sc.y, sc.s).state, ACD_AGENT_TALKING);
	world_free(sc.w);
}

static void a_talk_that_ended_meanwhile_is_not_put_back_into_the_queue(void **state)
{
	struct scene sc = talking();

	(void)state;
	world_at(sc.w, 1, 1)->cut = true;
	world_do(sc.w, sc.y,
		 (struct acd_event){.type = ACD_EV_AGENT_HANGUP, .session = sc.s, .offer = sc.o});
	world_run(sc.w, 1 * S);
	world_at(sc.w, 1, 1)->cut = false;
	restart_x(&sc);
	assert_int_equal(adopt(&sc, sc.x, 1, ACD_CALL_BRIDGED, 3 * S), ACD_OK);
	recovered(&sc);
	world_run(sc.w, 1 * S);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_NONE);
	assert_int_equal(world_last(sc.w, ACD_FX_CALL)->fx.outcome, ACD_OUTCOME_ANSWERED);
	world_free(sc.w);
}

static void a_neighbour_takes_over_and_the_old_owner_leaves_without_a_word(void **state)
{
	struct scene sc = talking();
	struct acd_addr z = world_at(sc.w, 1, 3)->addr;

	(void)state;
	world_at(sc.w, 1, 1)->cut = true; /* stopped */
	world_run(sc.w, 1 * S);
	assert_int_equal(adopt(&sc, sc.z, 3, ACD_CALL_BRIDGED, 3 * S), ACD_OK);
	world_run(sc.w, 50 * MS);
	assert_int_equal(world_call_state(sc.w, sc.z, sc.c), ACD_CALL_BRIDGED);
	assert_int_equal(world_agent_view(sc.w, sc.y, sc.s).owner.v, z.v);
	world_at(sc.w, 1, 1)->cut = false;
	world_run(sc.w, 2 * S); /* its KEEP meets a register that follows another */
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_NONE);
	assert_int_equal(world_last(sc.w, ACD_FX_CALL)->fx.cause, ACD_CAUSE_FENCED);
	assert_int_equal(world_last(sc.w, ACD_FX_CALL)->fx.outcome, ACD_OUTCOME_NONE);
	assert_int_equal(world_call_state(sc.w, sc.z, sc.c), ACD_CALL_BRIDGED);
	world_free(sc.w);
}

static void who_is_fenced_sends_nothing(void **state)
{
	struct scene sc = talking();
	struct acd_event fence = {
	    .type = ACD_EV_CALL_FENCED, .call = sc.c, .msg = {.cepoch = sc.cepoch + 2}};

	(void)state;
	assert_int_equal(
	    world_do(sc.w, sc.x, (struct acd_event){.type = ACD_EV_SUSPEND, .on = true}), ACD_OK);
	sc.w->now += 60 * S; /* it slept: every timer of it is due */
	uint32_t released = sc.w->sent[ACD_MSG_RELEASE], keeps = sc.w->sent[ACD_MSG_KEEP];
	assert_int_equal(world_do(sc.w, sc.x, (struct acd_event){.type = ACD_EV_TIME}), ACD_OK);
	struct acd_event stale = fence;
	stale.msg.cepoch = sc.cepoch;
	assert_int_equal(world_do(sc.w, sc.x, stale), ACD_REFUSED_STALE);
	assert_int_equal(world_do(sc.w, sc.x, fence), ACD_OK);
	assert_int_equal(world_do(sc.w, sc.x, (struct acd_event){.type = ACD_EV_SUSPEND}), ACD_OK);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_NONE);
	assert_int_equal(sc.w->sent[ACD_MSG_RELEASE], released);
	assert_int_equal(sc.w->sent[ACD_MSG_KEEP], keeps);
	world_free(sc.w);
}

static void a_register_never_follows_an_older_owner(void **state)
{
	struct scene sc = talking();
	struct acd_msg m = {.type = ACD_MSG_OWNER, .offer = sc.o, .call = sc.c};

	(void)state;
	m.version = sc.cepoch;
	m.cepoch = 128 + 3;
	assert_int_equal(world_hear(sc.w, sc.y, world_at(sc.w, 1, 3)->addr, m), ACD_OK);
	m.cepoch = 128 + 1; /* node 1 adopted it before node 3 did: this message is late */
	uint32_t nacks = sc.w->sent[ACD_MSG_NACK];
	assert_int_equal(world_hear(sc.w, sc.y, world_at(sc.w, 1, 1)->addr, m), ACD_REFUSED_STALE);
	assert_int_equal(sc.w->sent[ACD_MSG_NACK], nacks + 1);
	assert_int_equal(world_agent_view(sc.w, sc.y, sc.s).cepoch, 128 + 3);
	m.cepoch = 192 + 3; /* an epoch names its node */
	assert_int_equal(world_hear(sc.w, sc.y, world_at(sc.w, 1, 1)->addr, m),
			 ACD_REFUSED_INVALID);
	world_free(sc.w);
}

/* The same person, in a new session at that node. */
static struct acd_session_id back_at(struct scene *sc, struct acd *node)
{
	struct acd_session_id s = {acd_id_next(node)};

	assert_int_equal(
	    world_do(
		sc->w, node,
		(struct acd_event){.type = ACD_EV_AGENT_SIGN_IN, .session = s, .agent = sc->agent}),
	    ACD_OK);
	return s;
}

static void an_agent_whose_node_died_gets_the_own_call_back_at_another(void **state)
{
	struct scene sc = talking();

	(void)state;
	world_at(sc.w, 1, 2)->cut = true;
	world_run(sc.w, 5 * S);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_AWAIT_AGENT);
	struct acd_session_id s = back_at(&sc, sc.z);
	struct acd_event seen = {.type = ACD_EV_AGENT_SEEN,
				 .agent = sc.agent,
				 .session = s,
				 .from = world_at(sc.w, 1, 3)->addr};
	assert_int_equal(world_do(sc.w, sc.x, seen), ACD_OK);
	world_run(sc.w, 20 * MS);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_BRIDGED);
	assert_int_equal(world_agent_view(sc.w, sc.z, s).state, ACD_AGENT_TALKING);
	assert_int_equal(world_count(sc.w, ACD_FX_RING), 1);
	world_at(sc.w, 1, 2)->cut = false; /* it was not dead: the old session lets go */
	world_run(sc.w, 2 * S);
	assert_int_equal(world_agent_view(sc.w, sc.y, sc.s).offer.v, 0);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_BRIDGED);
	world_free(sc.w);
}

static void who_is_told_that_the_agent_s_node_is_dead_does_not_wait_for_silence(void **state)
{
	struct scene sc = talking();
	struct acd_event gone = {.type = ACD_EV_NODE_GONE, .from = world_at(sc.w, 1, 2)->addr};

	(void)state;
	gone.from_boot = 0; /* another life than that of the session */
	assert_int_equal(world_do(sc.w, sc.x, gone), ACD_OK);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_BRIDGED);
	gone.from_boot = 1;
	assert_int_equal(world_do(sc.w, sc.x, gone), ACD_OK);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_AWAIT_AGENT);
	world_run(sc.w, 2 * S); /* it was not dead: its KEEPs bridge it again */
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_BRIDGED);
	world_free(sc.w);

	sc = ringing();
	gone.from = world_at(sc.w, 1, 2)->addr;
	assert_int_equal(world_do(sc.w, sc.x, gone), ACD_OK);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_QUEUED);
	world_free(sc.w);
}

static void an_agent_at_the_restarted_node_of_the_call_gets_it_back_too(void **state)
{
	struct scene sc = ringing();

	(void)state;
	/* both registers die with node 2 */
	struct acd_session_id own = sc.s;
	struct acd_event ev = {.type = ACD_EV_CALL_ADOPTED,
			       .call = {id_make(world_at(sc.w, 1, 2)->addr.v, 1, 77)},
			       .queue = {QUEUE_ANY},
			       .age_us = 1 * S,
			       .msg = {.version = 66,
				       .cepoch = 130,
				       .state = ACD_CALL_BRIDGED,
				       .offer = {7},
				       .agent = sc.agent,
				       .session = own,
				       .node = world_at(sc.w, 1, 2)->addr}};
	world_restart(sc.w, 1, 2);
	sc.y = world_node(sc.w, 1, 2);
	assert_int_equal(world_do(sc.w, sc.y, ev), ACD_OK);
	world_run(sc.w, 1500 * MS);
	assert_int_equal(world_call_state(sc.w, sc.y, ev.call), ACD_CALL_AWAIT_AGENT);
	struct acd_session_id s = back_at(&sc, sc.y);
	world_run(sc.w, 20 * MS);
	assert_int_equal(world_call_state(sc.w, sc.y, ev.call), ACD_CALL_BRIDGED);
	assert_int_equal(world_agent_view(sc.w, sc.y, s).state, ACD_AGENT_TALKING);
	world_free(sc.w);
}

static void an_agent_who_does_not_come_back_leaves_the_caller_at_the_old_place(void **state)
{
	struct scene sc = talking();
	struct acd_call_view v;

	(void)state;
	world_restart(sc.w, 1, 2);
	world_run(sc.w, 9 * S);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_AWAIT_AGENT);
	world_run(sc.w, 3 * S);
	assert_true(acd_call_get(sc.x, sc.c, sc.w->now, &v));
	assert_int_equal(v.state, ACD_CALL_QUEUED);
	assert_true(v.age_us > 12 * S);
	world_free(sc.w);
}

static void an_agent_with_another_call_keeps_that_one(void **state)
{
	struct scene sc = talking();

	(void)state;
	world_at(sc.w, 1, 2)->cut = true;
	world_run(sc.w, 5 * S);
	struct acd_session_id s = back_at(&sc, sc.z);
	world_do(sc.w, sc.z, (struct acd_event){.type = ACD_EV_AGENT_READY, .session = s});
	struct acd_call_id other = world_call(sc.w, sc.z, QUEUE_ANY);
	world_run(sc.w, 50 * MS);
	world_accept(sc.w, sc.z, s);
	world_run(sc.w, 50 * MS);
	struct acd_event seen = {.type = ACD_EV_AGENT_SEEN,
				 .agent = sc.agent,
				 .session = s,
				 .from = world_at(sc.w, 1, 3)->addr};
	world_do(sc.w, sc.x, seen);
	world_run(sc.w, 20 * MS);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_QUEUED);
	assert_int_equal(world_call_state(sc.w, sc.z, other), ACD_CALL_BRIDGED);
	world_free(sc.w);
}

/* Seed 301081: RECALL of a call that its owner had long given to another agent. */
static void a_late_recall_opens_nobody_s_line(void **state)
{
	struct scene sc = talking();
	struct acd_msg m = {.type = ACD_MSG_RECALL,
			    .offer = {acd_id_next(sc.x)},
			    .call = sc.c,
			    .cepoch = sc.cepoch,
			    .agent = {4711},
			    .queue = {QUEUE_ANY},
			    .wrap_up_ms = 5000};
	struct acd_event in = {.type = ACD_EV_AGENT_SIGN_IN,
			       .session = {acd_id_next(sc.z)},
			       .agent = m.agent};
	uint32_t talks = world_count(sc.w, ACD_FX_TALK);

	(void)state;
	m.session = in.session;
	assert_int_equal(world_do(sc.w, sc.z, in), ACD_OK);
	assert_int_equal(world_hear(sc.w, sc.z, world_at(sc.w, 1, 1)->addr, m), ACD_OK);
	assert_int_equal(world_agent_view(sc.w, sc.z, in.session).state, ACD_AGENT_COMMITTED);
	world_run(sc.w, 20 * MS);
	assert_int_equal(world_agent_view(sc.w, sc.z, in.session).state, ACD_AGENT_NOT_READY);
	assert_int_equal(world_count(sc.w, ACD_FX_TALK), talks);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_BRIDGED);
	world_free(sc.w);
}

/* Seed 600386: the agent had accepted, the owner died before it bridged. */
static void who_was_never_put_through_was_not_answered(void **state)
{
	struct scene sc = ringing();

	(void)state;
	world_at(sc.w, 1, 1)->cut = true;
	world_accept(sc.w, sc.y, sc.s);
	world_run(sc.w, 300 * MS);
	restart_x(&sc);
	assert_int_equal(adopt(&sc, sc.x, 1, ACD_CALL_QUEUED, 3 * S), ACD_OK);
	struct acd_msg commit = {
	    .type = ACD_MSG_COMMIT, .offer = sc.o, .call = sc.c, .cepoch = sc.cepoch};
	world_at(sc.w, 1, 1)->cut = true;
	world_hear(sc.w, sc.x, world_at(sc.w, 1, 2)->addr, commit);
	assert_int_equal(world_call_state(sc.w, sc.x, sc.c), ACD_CALL_AWAIT_AGENT);
	world_do(sc.w, sc.x,
		 (struct acd_event){.type = ACD_EV_CALL_GONE,
				    .call = sc.c,
				    .cause = ACD_CAUSE_MEDIA_FAILED});
	assert_int_equal(world_last(sc.w, ACD_FX_CALL)->fx.outcome, ACD_OUTCOME_FAILED);
	world_free(sc.w);
}

static void nobody_stays_in_a_call_whose_owner_never_comes_back(void **state)
{
	struct scene sc = talking();

	(void)state;
	world_at(sc.w, 1, 1)->cut = true;
	world_run(sc.w, 6 * S);
	assert_false(world_last(sc.w, ACD_FX_OWNER)->fx.on); /* "reconnecting" */
	assert_int_equal(world_agent_view(sc.w, sc.y, sc.s).state, ACD_AGENT_TALKING);
	world_run(sc.w, 11 * S);
	assert_int_equal(world_agent_view(sc.w, sc.y, sc.s).state, ACD_AGENT_WRAP);
	world_free(sc.w);
}

static void an_adoption_that_no_honest_journal_says_is_refused(void **state)
{
	struct scene sc = talking();
	uint64_t good = sc.cepoch;

	(void)state;
	assert_int_equal(adopt(&sc, sc.z, 2, ACD_CALL_BRIDGED, S), ACD_REFUSED_INVALID);
	sc.cepoch = good;
	assert_int_equal(adopt(&sc, sc.z, 3, ACD_CALL_ENDED, S), ACD_REFUSED_INVALID);
	sc.o.v = 0;
	assert_int_equal(adopt(&sc, sc.z, 3, ACD_CALL_BRIDGED, S), ACD_REFUSED_INVALID);
	sc.c.v = id_make(addr_make(2, 1), 1, 5); /* never across sites */
	assert_int_equal(adopt(&sc, sc.z, 3, ACD_CALL_QUEUED, S), ACD_REFUSED_INVALID);
	world_free(sc.w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_caller_who_waited_is_granted_at_the_old_place),
	    cmocka_unit_test(who_is_told_that_the_agent_s_node_is_dead_does_not_wait_for_silence),
	    cmocka_unit_test(a_talk_goes_on_without_a_ring_when_its_owner_comes_back),
	    cmocka_unit_test(a_call_that_rang_goes_on_ringing_at_the_same_agent),
	    cmocka_unit_test(what_the_journal_forgot_the_agent_s_register_still_knows),
	    cmocka_unit_test(a_talk_that_ended_meanwhile_is_not_put_back_into_the_queue),
	    cmocka_unit_test(a_neighbour_takes_over_and_the_old_owner_leaves_without_a_word),
	    cmocka_unit_test(who_is_fenced_sends_nothing),
	    cmocka_unit_test(a_register_never_follows_an_older_owner),
	    cmocka_unit_test(an_agent_whose_node_died_gets_the_own_call_back_at_another),
	    cmocka_unit_test(an_agent_at_the_restarted_node_of_the_call_gets_it_back_too),
	    cmocka_unit_test(an_agent_who_does_not_come_back_leaves_the_caller_at_the_old_place),
	    cmocka_unit_test(an_agent_with_another_call_keeps_that_one),
	    cmocka_unit_test(a_late_recall_opens_nobody_s_line),
	    cmocka_unit_test(who_was_never_put_through_was_not_answered),
	    cmocka_unit_test(nobody_stays_in_a_call_whose_owner_never_comes_back),
	    cmocka_unit_test(an_adoption_that_no_honest_journal_says_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
