/* The checker: a ledger kept from effects and deeds, and the rules S1–S8, F1, F2 over it. */
#include "tests/sim/sim.h"

#include <string.h>

enum {
	/* claim_ms of acd_timers_default(). */
	CLAIM_MS = 1000,
	/* Nobody is overtaken twice because of claims that were under way. */
	IN_FLIGHT = 1,
	/* A link that was clogged for less than two DIGESTs and a half is not noticed. */
	UNSEEN_MS = 1250,
};

struct scall *rules_call(struct sim *sim, uint64_t id)
{
	for (uint32_t i = sim->calls_n; i-- > 0;)
		if (sim->call[i].id == id)
			return &sim->call[i];
	sim_fail(sim, "S5: an effect names a call that never arrived");
}

struct soffer *rules_offer(struct sim *sim, uint64_t id, uint64_t call)
{
	uint32_t i = (uint32_t)(((id ^ call << 7) * UINT64_C(0x9e3779b97f4a7c15)) >> 52);

	while (sim->offer[i].id && (sim->offer[i].id != id || sim->offer[i].call != call))
		i = (i + 1) % OFFERS_MAX;
	return &sim->offer[i];
}

void rules_accepted(struct sim *sim, uint32_t agent)
{
	rules_offer(sim, sim->agent[agent].offer, sim->agent[agent].call)->accepted = true;
}

void rules_hung_up(struct sim *sim, uint32_t agent)
{
	rules_offer(sim, sim->agent[agent].offer, sim->agent[agent].call)->hung_up = true;
}

static const char *who(const struct sim *sim, uint32_t d)
{
	return sim->daemon[d].name;
}

/* A machine of that site that was suspended takes what it knew before for older than it is. */
static uint64_t jumps_at(const struct sim *sim, uint32_t site)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < sim->daemons_n; i++)
		if (addr_site(sim->daemon[i].addr.v) == site)
			sum += sim->daemon[i].jumped;
	return sum;
}

static bool before(const struct sim *sim, const struct scall *o, const struct scall *c,
		   uint64_t delta)
{
	const struct acd_queue_conf *qo = &sim->queues[o->queue], *qc = &sim->queues[c->queue];
	uint64_t wo = qo->weight ? qo->weight : ACD_WEIGHT_ONE;
	uint64_t wc = qc->weight ? qc->weight : ACD_WEIGHT_ONE;

	if (o->queue == c->queue)
		return o->arrived_at + delta < c->arrived_at;
	return (sim->now - o->arrived_at - delta) * wo > (sim->now - c->arrived_at + delta) * wc;
}

/* F1: nobody of the same site for whom the agent was able is overtaken by more than δ once the
 * faults are over, within a queue and (age by the queue's weight) between queues; F2: nor by who is
 * of a higher class only because ageing was forgotten. Both in δ's favour: the one as if it came
 * later, the other as if it came earlier. more: it rang already, and comes after all who wait. */
static void check_turn(struct sim *sim, const struct scall *c, const struct sagent *a, bool more)
{
	const struct acd_queue_conf *q = &sim->queues[c->queue];
	uint32_t site = addr_site(sim->daemon[c->daemon].addr.v);
	uint64_t delta = 200 * MS + 4 * sim->mix.wan_us + q->remote_handicap_ms * MS +
			 jumps_at(sim, site) +
			 (sim->mix.clogs || sim->mix.cuts ? UNSEEN_MS * MS : 0);
	bool here = a->site == site;
	uint32_t mine = more ? UINT8_MAX : queues_class(sim, c, sim->now - c->arrived_at + delta);

	uint32_t agent = (uint32_t)(a - sim->agent);
	uint64_t had = sim->now - c->arrived_at;
	if (sim->unfair || !sim->calm || sim->now < sim->mix.calm_at + 5 * SEC)
		return;
	if (queues_in_person(sim, c, agent, had > delta ? had - delta : 0) ||
	    queues_in_person(sim, c, agent, had))
		return; /* who asks for somebody in person comes first there */
	for (uint32_t i = 0; i < sim->calls_n; i++) {
		struct scall *o = &sim->call[i];
		if (!o->live || o->state != ACD_CALL_QUEUED || o->state_at + delta > sim->now ||
		    o->arrived_at + delta > sim->now ||
		    addr_site(sim->daemon[o->daemon].addr.v) != site)
			continue;
		if (o->queue != c->queue && !here)
			continue;
		if (!sim->open[o->queue][a->site])
			continue; /* closed there */
		uint64_t able = queues_able_after(sim, o->queue, a);
		uint64_t waited = sim->now - o->arrived_at - delta;
		uint32_t theirs = queues_class(sim, o, waited);
		bool first = theirs < mine || (theirs == mine && before(sim, o, c, delta));
		/* abroad go only those whose wait is long enough; when nobody is idle here, which
		 * is the site's own to judge, others too */
		if (!here && !(q->overflow_timed && waited >= q->overflow_after_ms * MS))
			continue;
		if (!queues_wanted(sim, o, agent, waited) ||
		    !queues_wanted(sim, o, agent, waited + delta) ||
		    !queues_wanted(sim, o, agent, waited + delta / 2))
			continue;
		if (first && able <= waited && ++o->overtaken > IN_FLIGHT)
			sim_fail(sim,
				 "%s: call %u of queue %u is served before call %u of queue %u, "
				 "class %u for %llu ms",
				 theirs < o->priority + sim->queues[o->queue].priority ? "F2"
										       : "F1",
				 c->number, q->id.v, o->number, sim->queues[o->queue].id.v, theirs,
				 (unsigned long long)((sim->now - o->arrived_at) / MS));
	}
}

/* S2: granted only from the queue, to nobody else at the same time. */
static void granted(struct sim *sim, struct scall *c, const struct acd_fx *fx)
{
	const struct soffer *o = rules_offer(sim, fx->offer.v, fx->call.v);

	/* Adopted while it rang: it goes on ringing there. It may be accepted while HOLD is on its way:
	 * COMMIT follows. */
	if (c->state == ACD_CALL_AWAIT_AGENT && c->offer[0] == fx->offer.v && o->id &&
	    !o->bridged && o->cepoch == fx->cepoch)
		return;
	if (c->state != ACD_CALL_QUEUED)
		sim_fail(sim, "S2: call %u is granted while it is %s", c->number,
			 acd_call_state_name(c->state));
	c->offer[0] = fx->offer.v;
	c->offers_n = 1;
	check_turn(sim, c, &sim->agent[fx->agent.v - 1], false);
}

static bool offered(const struct scall *c, uint64_t offer)
{
	for (uint32_t k = 0; k < c->offers_n; k++)
		if (c->offer[k] == offer)
			return true;
	return false;
}

/* S2: a group grows and shrinks only while the call rings, and only where the queue wants it. */
static void group_effect(struct sim *sim, uint32_t d, const struct acd_fx *fx)
{
	struct scall *c = rules_call(sim, fx->call.v);
	const struct acd_queue_conf *q = &sim->queues[c->queue];
	uint32_t max = q->group_max ? q->group_max : ACD_GROUP_MAX, k = 0;

	story(sim, "%s: call %u rings %s at agent %u", who(sim, d), c->number,
	      fx->on ? "also" : "no longer", (unsigned)fx->agent.v);
	if (c->daemon != d) { /* adopted elsewhere: it lets go of all it knew */
		if (fx->on || fx->cause != ACD_CAUSE_FENCED)
			sim_fail(sim, "S6: %s acts on a call of %s", who(sim, d),
				 who(sim, c->daemon));
		return;
	}
	if (fx->on) {
		if (c->state != ACD_CALL_GRANTED || q->strategy != ACD_RING_ALL ||
		    c->offers_n >= max || offered(c, fx->offer.v))
			sim_fail(sim, "S2: call %u is offered to one more agent while %s",
				 c->number, acd_call_state_name(c->state));
		c->offer[c->offers_n++] = fx->offer.v;
		check_turn(sim, c, &sim->agent[fx->agent.v - 1], true);
		return;
	}
	while (k < c->offers_n && c->offer[k] != fx->offer.v)
		k++;
	if (k == c->offers_n)
		sim_fail(sim, "S2: call %u leaves a group it was not in", c->number);
	c->offer[k] = c->offer[--c->offers_n];
}

/* From 1; 0: an effect without an agent. */
static uint32_t person_of(const struct sim *sim, const struct acd_fx *fx)
{
	return fx->agent.v ? pages_person(sim, (uint32_t)fx->agent.v - 1) + 1 : 0;
}

/* S3: the agent's register was bound to this very triple, and a person had accepted. */
static void bridged(struct sim *sim, struct scall *c, const struct acd_fx *fx)
{
	struct soffer *o = rules_offer(sim, fx->offer.v, fx->call.v);
	bool from_here = c->state == ACD_CALL_GRANTED || c->state == ACD_CALL_AWAIT_AGENT ||
			 c->state == ACD_CALL_NONE; /* just adopted */

	if (!from_here || c->offers_n != 1 || c->offer[0] != fx->offer.v)
		sim_fail(sim, "S2: call %u is bridged to an offer it was not granted to",
			 c->number);
	if (!o->id || o->call != c->id || o->cepoch != fx->cepoch || !o->accepted)
		sim_fail(sim,
			 "S3: call %u is bridged, but no register of an agent that accepted "
			 "holds it",
			 c->number);
	const struct sagent *a = &sim->agent[o->agent];
	bool gone = o->ended || a->session != o->session ||
		    sim->daemon[a->daemon].boot != a->boot || !sim->daemon[a->daemon].up;
	if (!gone && a->offer != o->id)
		sim_fail(sim, "S3: call %u is bridged to an agent that holds another offer",
			 c->number);
	sim->kept += c->asking;
	c->asking = false;
	o->bridged = true;
	c->was_bridged = true;
	c->talker = person_of(sim, fx);
	c->bridges++;
	sim->talks++;
}

/* Whom an agent served and left is done, however many messages about it were lost. (Not if the
 * agent's node was silent for so long that the owner had to let go, or died.) */
static void queued(struct sim *sim, struct scall *c)
{
	const struct soffer *o = rules_offer(sim, c->offer[0], c->id);
	const struct mix *m = &sim->mix;
	/* With links that work an adopted call learns how it had ended. */
	bool told =
	    c->state == ACD_CALL_BRIDGED || (c->state == ACD_CALL_AWAIT_AGENT && !m->loss_pm &&
					     !m->cuts && !m->clogs && !m->freezes && !m->jumps);

	if (told && o->id && o->hung_up && sim->agent[o->agent].session == o->session)
		sim_fail(sim, "S4: call %u was served to its end and is put back into the queue",
			 c->number);
	c->offers_n = 0;
	c->asking = false;
}

/* S4 exactly once, S7 only after the caller's own bye. */
static void ended(struct sim *sim, struct scall *c, const struct acd_fx *fx)
{
	if (fx->outcome == ACD_OUTCOME_NONE || fx->outcome > ACD_OUTCOME_FAILED)
		sim_fail(sim, "S4: call %u ends without an outcome", c->number);
	if (fx->outcome == ACD_OUTCOME_ABANDONED && !c->byed)
		sim_fail(sim, "S7: call %u is called abandoned, but its caller never hung up",
			 c->number);
	if (fx->outcome == ACD_OUTCOME_ANSWERED && !c->was_bridged)
		sim_fail(sim, "S4: call %u is called answered, but nobody talked to it", c->number);
	if (fx->cause == ACD_CAUSE_CLOSED)
		sun_ended(sim, c);
	if (c->stays && (fx->cause == ACD_CAUSE_CLOSED || fx->outcome == ACD_OUTCOME_CALLBACK))
		sim_fail(sim, "S4: call %u is a task, but a rule of its queue ended it", c->number);
	c->live = false;
	c->outcome = fx->outcome;
	sim->in_system--;
	sim->ended[fx->outcome]++;
}

/* What the shell has: a leg from the first effect on until ENDED says goodbye. */
static void leg(struct sim *sim, uint32_t d, struct scall *c, bool on)
{
	if ((c->legs >> d & 1) == on)
		return;
	c->legs ^= 1U << d;
	sim->daemon[d].legs += on ? 1 : UINT32_MAX;
}

void rules_life_ended(struct sim *sim, uint32_t d)
{
	for (uint32_t i = 0; i < sim->calls_n; i++)
		leg(sim, d, &sim->call[i], false);
}

static void call_effect(struct sim *sim, uint32_t d, const struct acd_fx *fx)
{
	struct scall *c = rules_call(sim, fx->call.v);

	leg(sim, d, c, fx->call_state != ACD_CALL_ENDED);
	story(sim, "%s: call %u is %s %s %s", who(sim, d), c->number,
	      acd_call_state_name(fx->call_state), fx->cause ? acd_cause_name(fx->cause) : "",
	      fx->outcome ? acd_outcome_name(fx->outcome) : "");
	if (!c->live && c->state == ACD_CALL_NONE && fx->call_state == ACD_CALL_QUEUED) {
		c->live = true;
		sim->entered++;
		sim->in_system++;
	}
	if (fx->call_state == ACD_CALL_ENDED && fx->cause == ACD_CAUSE_FENCED &&
	    fx->outcome == ACD_OUTCOME_NONE) {
		if (c->daemon == d)
			sim_fail(sim, "S6: %s lets go of call %u, which it owns", who(sim, d),
				 c->number);
		return; /* its new owner goes on with it */
	}
	if (!c->live)
		sim_fail(sim, "S4: call %u goes on after its end", c->number);
	if (c->daemon != d)
		sim_fail(sim, "S6: %s acts on a call of %s", who(sim, d), who(sim, c->daemon));
	if (c->cepoch && c->cepoch != fx->cepoch)
		sim_fail(sim, "S6: %s acts on call %u under epoch %llu, its owner's is %llu",
			 who(sim, d), c->number, (unsigned long long)fx->cepoch,
			 (unsigned long long)c->cepoch);
	c->cepoch = fx->cepoch;
	adopt_note(sim, c, fx);
	if (fx->call_state == ACD_CALL_AWAIT_AGENT) {
		c->offer[0] = fx->offer.v;
		c->offers_n = 1;
		adopt_awaits(sim, d, fx);
	}
	if (fx->call_state == ACD_CALL_GRANTED)
		granted(sim, c, fx);
	else if (fx->call_state == ACD_CALL_BRIDGED)
		bridged(sim, c, fx);
	else if (fx->call_state == ACD_CALL_ENDED)
		ended(sim, c, fx);
	else if (fx->call_state == ACD_CALL_QUEUED)
		queued(sim, c);
	/* the place is kept: its age is what the clock says */
	uint64_t true_age = sim->now - c->arrived_at;
	uint64_t jumps = sim->daemon[d].jumped - c->jumped;
	uint64_t drift = true_age * sim->mix.clock_ppm / 1000000 + (sim->mix.clock_ppm ? 2 : 0);
	if (fx->age_us + drift < true_age + jumps || fx->age_us > true_age + jumps + drift)
		sim_fail(sim, "call %u lost its place: age %llu instead of %llu", c->number,
			 (unsigned long long)fx->age_us, (unsigned long long)true_age);
	c->state = fx->call_state;
	c->state_at = sim->now;
	sim->moved_at = sim->now;
}

static struct sagent *agent_of(struct sim *sim, uint32_t d, const struct acd_fx *fx)
{
	if (fx->agent.v == 0 || fx->agent.v > pages_sessions(sim))
		sim_fail(sim, "an effect names an unknown agent");
	struct sagent *a = &sim->agent[fx->agent.v - 1];
	if (a->session != fx->session.v || a->daemon != d)
		sim_fail(sim, "an effect names a session that is not agent %u's",
			 (unsigned)fx->agent.v);
	return a;
}

static void recalled(struct sim *sim, struct sagent *a, const struct acd_fx *fx);

/* L2: whoever is reserved is rung or free again after claim_ms, whatever was lost. (A machine that
 * stood still, or whose clock runs otherwise, cannot know; neither is a real one, of which only the
 * trace is seen, ever quite on time.) */
static void held(struct sim *sim, uint32_t d, const struct sagent *a, const struct acd_fx *fx)
{
	uint64_t for_us = sim->now - a->state_at;

	if (fx->agent_state == ACD_AGENT_RINGING) {
		sim->rung_us += for_us;
		return;
	}
	sim->vain_us += for_us;
	sim->vain++;
	if (sim->mix.span && sim->daemon[d].thawed_at < a->state_at &&
	    for_us > CLAIM_MS * MS + CLAIM_MS * MS / 100)
		sim_fail(sim, "L2: agent %u is held for %llu ms by a claim that nobody answers",
			 (unsigned)fx->agent.v, (unsigned long long)(for_us / MS));
}

static void agent_effect(struct sim *sim, uint32_t d, const struct acd_fx *fx)
{
	struct sagent *a = agent_of(sim, d, fx);

	if (a->state != fx->agent_state)
		story(sim, "%s: agent %u is %s %s", who(sim, d), (unsigned)fx->agent.v,
		      acd_agent_state_name(fx->agent_state),
		      fx->reason ? acd_reason_name(fx->reason) : "");
	/* rung by a claim that was given up: as if it were reserved now */
	bool taken = fx->agent_state == ACD_AGENT_RESERVED ||
		     (fx->agent_state == ACD_AGENT_RINGING && a->state != ACD_AGENT_RESERVED);
	if (taken &&
	    (a->state != ACD_AGENT_IDLE || a->lost || a->leaving || sim->daemon[d].draining))
		sim_fail(sim, "S8: agent %u is reserved while %s%s", (unsigned)fx->agent.v,
			 acd_agent_state_name(a->state),
			 a->lost                                 ? " and away"
			 : a->leaving || sim->daemon[d].draining ? " and leaving"
								 : "");
	if (a->state == ACD_AGENT_RESERVED && a->state != fx->agent_state)
		held(sim, d, a, fx);
	if (a->state != fx->agent_state)
		a->state_at = sim->now;
	/* An EWT or a length let a call out that looked as if nobody could serve it: go on. */
	if (a->state != fx->agent_state && fx->agent_state == ACD_AGENT_RESERVED)
		sim->moved_at = sim->now;
	a->state = fx->agent_state;
	if (fx->agent_state == ACD_AGENT_COMMITTED && fx->offer.v != a->offer)
		recalled(sim, a, fx);
}

/* At any time from `from` to `to` of its wait. */
static bool wanted_within(const struct sim *sim, const struct scall *c, uint32_t agent,
			  uint64_t from, uint64_t to)
{
	for (uint64_t at = from; at < to; at += 10 * MS)
		if (queues_wanted(sim, c, agent, at))
			return true;
	return queues_wanted(sim, c, agent, to);
}

/* S8: able, at least after all relaxations; and once nobody lies and no clock jumps, not before the
 * queue asks for that little. */
static void check_skill(struct sim *sim, const struct scall *c, const struct sagent *a,
			unsigned who_n)
{
	uint64_t after = queues_able_after(sim, c->queue, a), jumps = 0;
	uint64_t waited = sim->now - c->arrived_at;

	if (after == UINT64_MAX && !queues_same_tenant(&sim->queues[c->queue], a))
		sim_fail(sim, "S8: agent %u is of another tenant than call %u", who_n, c->number);
	if (after == UINT64_MAX)
		sim_fail(sim, "S8: agent %u is not skilled for call %u", who_n, c->number);
	for (uint32_t s = 1; s <= SITES; s++)
		jumps += jumps_at(sim, s);
	uint64_t slack = 2 * SEC + waited / 100;
	if (sim->calm && sim->now > sim->mix.calm_at + 5 * SEC && jumps == 0 &&
	    !wanted_within(sim, c, (uint32_t)(a - sim->agent), waited > slack ? waited - slack : 0,
			   waited + waited / 100))
		sim_fail(sim, "S8: call %u asks for another than agent %u after %llu ms", c->number,
			 who_n, (unsigned long long)(waited / MS));
	if (sim->calm && sim->now > sim->mix.calm_at + 5 * SEC && jumps == 0 &&
	    after > waited + waited / 100)
		sim_fail(sim,
			 "S8: agent %u is not skilled for call %u before it has waited %llu ms",
			 who_n, c->number, (unsigned long long)(after / MS));
}

/* S1 one active offer; S8 skilled; one offer means one call, for ever. */
static void ring(struct sim *sim, uint32_t d, const struct acd_fx *fx)
{
	struct sagent *a = agent_of(sim, d, fx);
	const struct scall *c = rules_call(sim, fx->call.v);
	struct soffer *o = rules_offer(sim, fx->offer.v, fx->call.v);

	if (a->offer)
		sim_fail(sim, "S1: agent %u has an offer and gets another", (unsigned)fx->agent.v);
	check_skill(sim, c, a, (unsigned)fx->agent.v);
	sun_rang(sim, c, a, (unsigned)fx->agent.v);
	if (o->id)
		sim_fail(sim, "S1: an offer rings twice");
	if (sim->offers_n >= OFFERS_MAX / 2)
		sim_fail(sim, "too many offers for the checker");
	sim->offers_n++;
	*o = (struct soffer){.id = fx->offer.v,
			     .call = fx->call.v,
			     .session = fx->session.v,
			     .cepoch = fx->cepoch,
			     .agent = (uint32_t)fx->agent.v - 1};
	a->offer = fx->offer.v;
	a->call = fx->call.v;
}

/* Without a ring: held for the agent, and silent until the owner has bridged it. */
static void recalled(struct sim *sim, struct sagent *a, const struct acd_fx *fx)
{
	const struct scall *c = rules_call(sim, fx->call.v);
	struct soffer *o = rules_offer(sim, fx->offer.v, fx->call.v);

	if (a->offer)
		sim_fail(sim, "S1: agent %u has an offer and gets another", (unsigned)fx->agent.v);
	check_skill(sim, c, a, (unsigned)fx->agent.v);
	if (sim->offers_n >= OFFERS_MAX / 2)
		sim_fail(sim, "too many offers for the checker");
	sim->offers_n++;
	*o = (struct soffer){.id = fx->offer.v,
			     .call = fx->call.v,
			     .session = fx->session.v,
			     .cepoch = fx->cepoch,
			     .accepted =
				 c->talker == person_of(sim, fx), /* before, in another session */
			     .recalled = true,
			     .agent = (uint32_t)fx->agent.v - 1};
	a->offer = fx->offer.v;
	a->call = fx->call.v;
}

static void talk(struct sim *sim, uint32_t d, const struct acd_fx *fx)
{
	struct sagent *a = agent_of(sim, d, fx);
	struct soffer *o = rules_offer(sim, fx->offer.v, fx->call.v);
	const struct scall *c = rules_call(sim, fx->call.v);

	if (o->recalled && c->talker != person_of(sim, fx))
		sim_fail(sim, "S3: agent %u is put through to call %u without having accepted it",
			 (unsigned)fx->agent.v, c->number);
	if (a->offer != fx->offer.v || !o->id || o->call != fx->call.v || !o->accepted)
		sim_fail(sim, "S3: agent %u talks without having accepted this offer",
			 (unsigned)fx->agent.v);
	if (!o->bridged)
		sim_fail(sim, "S3: agent %u talks, but the call was never bridged to it",
			 (unsigned)fx->agent.v);
	sim->recalled += o->recalled;
}

/* S6: a register follows the call to its newest owner, never back. */
static void rebound(struct sim *sim, uint32_t d, const struct acd_fx *fx)
{
	const struct sagent *a = agent_of(sim, d, fx);
	struct soffer *o = rules_offer(sim, fx->offer.v, fx->call.v);

	if (!fx->on)
		return;
	if (a->offer != fx->offer.v || fx->cepoch < o->cepoch)
		sim_fail(sim, "S6: agent %u follows call %u back to an epoch before",
			 (unsigned)fx->agent.v, rules_call(sim, fx->call.v)->number);
	o->cepoch = fx->cepoch;
}

static void offer_end(struct sim *sim, uint32_t d, const struct acd_fx *fx)
{
	struct sagent *a = agent_of(sim, d, fx);
	struct soffer *o = rules_offer(sim, fx->offer.v, fx->call.v);

	if (a->offer != fx->offer.v || !o->id)
		sim_fail(sim, "S1: an offer ends that agent %u did not have",
			 (unsigned)fx->agent.v);
	o->ended = true;
	a->offer = 0;
}

void rules_effect(struct sim *sim, uint32_t d, const struct acd_fx *fx)
{
	switch (fx->type) {
	case ACD_FX_CALL: call_effect(sim, d, fx); return;
	case ACD_FX_AGENT: agent_effect(sim, d, fx); return;
	case ACD_FX_RING: ring(sim, d, fx); return;
	case ACD_FX_TALK: talk(sim, d, fx); return;
	case ACD_FX_OFFER_END: offer_end(sim, d, fx); return;
	case ACD_FX_GROUP: group_effect(sim, d, fx); return;
	case ACD_FX_OWNER: rebound(sim, d, fx); return;
	case ACD_FX_SEND:
	case ACD_FX_ISLAND:
	case ACD_FX_TYPE_COUNT: return;
	}
}

/* Its node died, and the journal did not know it. */
void rules_lost(struct sim *sim, struct scall *c)
{
	story(sim, "call %u dies with its node", c->number);
	c->live = false;
	c->state = ACD_CALL_ENDED;
	c->outcome = ACD_OUTCOME_FAILED;
	sim->in_system--;
	sim->ended[ACD_OUTCOME_FAILED]++;
}

/* S5 over all sites, and the ledger against the register of the daemon that just moved. */
void rules_after_step(struct sim *sim, uint32_t d)
{
	struct acd_call_view v;
	uint32_t it = 0, n = 0, foreign = 0, all = 0, ended_n = 0;

	if (!addr_is_node(sim->daemon[d].addr.v))
		return;
	while (acd_call_next(sim->daemon[d].acd, &it, sim_clock(sim, d), &v)) {
		const struct scall *c = rules_call(sim, v.call.v);
		bool same = c->live && c->state == v.state && c->offers_n == v.parties_n;
		for (uint32_t k = 0; same && k < v.parties_n; k++)
			same = offered(c, v.parties[k].offer.v);
		if (c->daemon != d) { /* adopted while it was frozen: until it has been told */
			if (!sim->daemon[d].frozen)
				sim_fail(sim, "S6: %s still holds call %u of %s", who(sim, d),
					 c->number, who(sim, c->daemon));
			foreign++;
			continue;
		}
		n++;
		if (!same)
			sim_fail(sim, "S5: call %u is %s in the register, %s in the ledger",
				 c->number, acd_call_state_name(v.state),
				 acd_call_state_name(c->state));
	}
	/* A register that lets go without telling: its shell would go on sending. */
	if (n + foreign != sim->daemon[d].legs)
		sim_fail(sim, "S6: %s holds %u calls, but its shell was left with %u", who(sim, d),
			 n + foreign, sim->daemon[d].legs);
	sim->daemon[d].calls = n;
	for (uint32_t i = 0; i < sim->daemons_n; i++)
		all += sim->daemon[i].up ? sim->daemon[i].calls : 0;
	for (uint32_t i = 0; i <= ACD_OUTCOME_FAILED; i++)
		ended_n += sim->ended[i];
	all += sim->orphans;
	if (all != sim->in_system || sim->entered != ended_n + all)
		sim_fail(sim, "S5: %u entered, %u ended, %u in the system", sim->entered, ended_n,
			 all);
}
