/* Callers and agents: they arrive, wait, give up, accept, refuse, ignore, talk, hang up, lose their
 * sockets, sign out. Once it is calm they behave. */
#include "tests/sim/sim.h"

#include <string.h>

static void arrive(struct sim *sim)
{
	struct rng *r = &sim->arrive_rng;
	uint32_t d = (uint32_t)rng_below(r, sim->daemons_n);

	if (sim->now < sim->mix.last_arrival)
		sim_at(sim, rng_wait(r, sim->calm ? 2 * sim->mix.arrive_us : sim->mix.arrive_us),
		       K_ARRIVE, 0, 0);
	while (!addr_is_node(sim->daemon[d].addr.v))
		d = (d + 1) % sim->daemons_n;
	struct rng own = {rng_next(r)};
	uint32_t turn = sim->arrivals++;
	if (sim_absent(sim, d) || sim->calls_n == ARRIVALS_MAX ||
	    (turn < ARRIVALS_MAX && sim->trim.calls[turn / 8] >> turn % 8 & 1))
		return;
	uint32_t n = sim->calls_n++;
	struct scall *c = &sim->call[n];
	r = &c->rng;
	*c = (struct scall){.id = sim_id_next(sim, d),
			    .daemon = d,
			    .queue = (uint32_t)rng_below(&own, QUEUES),
			    .priority = rng_below(&own, 8) == 0,
			    .number = turn + 1,
			    .stays = turn % 16 == 3,
			    .arrived_at = sim->now,
			    .jumped = sim->daemon[d].jumped,
			    .rng = own};
	struct acd_event ev = {.type = ACD_EV_CALL_ARRIVED,
			       .call = {c->id},
			       .queue = sim->queues[c->queue].id,
			       .priority = c->priority,
			       .on = c->stays};
	queues_draw_wants(sim, c);
	memcpy(ev.want, c->want, sizeof(ev.want));
	story(sim, "%s: call %u arrives for queue %u", sim->daemon[d].name, c->number,
	      sim->queues[c->queue].id.v);
	enum acd_verdict v = sim_step(sim, d, &ev);
	if (v != ACD_OK) { /* it never entered */
		if (v == ACD_REFUSED_CLOSED && !sun_shut(sim, c->queue))
			sim_fail(sim, "H2: a call is refused, but a site is open for queue %u",
				 sim->queues[c->queue].id.v);
		if (v != ACD_REFUSED_DRAINING && v != ACD_REFUSED_LIMIT &&
		    v != ACD_REFUSED_CLOSED)
			sim_fail(sim, "a call is refused with verdict %d", (int)v);
		return;
	}
	sim_at(sim, rng_wait(r, sim->mix.patience_us), K_PATIENCE, n, 0);
	if (rng_permille(r, sim->mix.legfail_pm))
		sim_at(sim, rng_wait(r, 4 * SEC), K_LEG_FAIL, n, 0);
}

static void call_gone(struct sim *sim, uint32_t n, enum acd_cause cause)
{
	struct scall *c = &sim->call[n];

	if (!c->live)
		return;
	c->byed |= cause == ACD_CAUSE_CALLER_HUNG_UP;
	story(sim, "%s: call %u %s", sim->daemon[c->daemon].name, c->number,
	      cause == ACD_CAUSE_CALLER_HUNG_UP ? "hangs up" : "loses its leg");
	struct acd_event ev = {.type = ACD_EV_CALL_GONE, .call = {c->id}, .cause = (uint8_t)cause};
	if (sim_step(sim, c->daemon, &ev) != ACD_OK)
		sim_fail(sim, "S4: call %u has no end: its owner does not know it", c->number);
	if (c->live)
		sim_fail(sim, "S4: call %u hung up and was not ended", c->number);
}

/* --- agents ------------------------------------------------------------------------------- */

static enum acd_verdict agent_do(struct sim *sim, uint32_t n, enum acd_event_type type,
				 uint64_t offer)
{
	struct sagent *a = &sim->agent[n];
	struct acd_event ev = {.type = type,
			       .session = {a->session},
			       .agent = {pages_person(sim, n) + 1},
			       .offer = {offer},
			       .skills = a->skills,
			       .levels = a->levels,
			       .rank = a->rank,
			       .reason = ACD_REASON_PAUSE};

	return sim_step(sim, a->daemon, &ev);
}

static void sign_in(struct sim *sim, uint32_t n)
{
	struct sagent *a = &sim->agent[n];
	uint32_t d = (uint32_t)rng_below(&a->rng, sim->daemons_n);

	if (a->session || pages_elsewhere(sim, n) || sim->trim.agents >> pages_person(sim, n) & 1)
		return;
	for (uint32_t i = 0; i < sim->daemons_n; i++, d = (d + 1) % sim->daemons_n)
		if (addr_is_node(sim->daemon[d].addr.v) && !sim_absent(sim, d) &&
		    !sim->daemon[d].draining && addr_site(sim->daemon[d].addr.v) == a->site)
			break;
	if (sim_absent(sim, d) || !addr_is_node(sim->daemon[d].addr.v) ||
	    addr_site(sim->daemon[d].addr.v) != a->site || sim->daemon[d].draining) {
		sim_at(sim, 500 * MS, K_SIGN_IN, n, 0);
		return;
	}
	people_sign_in(sim, n, d);
}

void people_sign_in(struct sim *sim, uint32_t n, uint32_t d)
{
	struct sagent *a = &sim->agent[n];

	a->daemon = d;
	a->boot = sim->daemon[d].boot;
	a->session = sim_id_next(sim, d);
	a->lost = a->leaving = a->yields = false;
	a->signed_at = sim->now;
	a->state = ACD_AGENT_OFF;
	story(sim, "%s: agent %u signs in", sim->daemon[d].name, n + 1);
	if (agent_do(sim, n, ACD_EV_AGENT_SIGN_IN, 0) != ACD_OK)
		sim_fail(sim, "agent %u cannot sign in", n + 1);
	adopt_seen(sim, n);
}

void people_start(struct sim *sim)
{
	static const uint64_t skill_sets[] = {0, 1, 2, 3, 3, 7};

	for (uint32_t n = 0; n < sim->mix.agents; n++) {
		sim->agent[n].site = 1 + (uint32_t)rng_below(&sim->rng, SITES);
		sim->agent[n].skills.bits =
		    skill_sets[rng_below(&sim->rng, HELIO_ARRAY_LEN(skill_sets))];
		sim->agent[n].skills.bits |= queues_tenant_of(sim, n);
		for (unsigned k = 0; k < 3; k++) /* 0: none was said */
			sim->agent[n].levels.w[0] |= rng_below(&sim->rng, ACD_LEVEL_MAX + 1)
						     << 4 * k;
		sim->agent[n].rank = (uint8_t)rng_below(&sim->rng, 3);
		sim->agent[n].rng.s = rng_next(&sim->rng);
		sim_at(sim, rng_below(&sim->rng, 3 * SEC), K_SIGN_IN, n, 0);
	}
	sim_at(sim, 1, K_ARRIVE, 0, 0);
}

static void decide(struct sim *sim, uint32_t n, uint64_t offer)
{
	struct sagent *a = &sim->agent[n];
	bool behave = sim->calm;

	if (a->offer != offer || a->state != ACD_AGENT_RINGING || a->lost)
		return;
	if (!behave && rng_permille(&a->rng, sim->mix.ignore_pm)) {
		story(sim, "agent %u does not hear it ring", n + 1);
		return;
	}
	if (!behave && rng_permille(&a->rng, sim->mix.reject_pm)) {
		story(sim, "agent %u rejects", n + 1);
		agent_do(sim, n, ACD_EV_AGENT_REJECT, offer);
		return;
	}
	story(sim, "agent %u accepts", n + 1);
	rules_accepted(sim, n);
	if (agent_do(sim, n, ACD_EV_AGENT_ACCEPT, offer) != ACD_OK)
		sim_fail(sim, "agent %u cannot accept what rings", n + 1);
}

static void socket_lost(struct sim *sim, uint32_t n, uint64_t session)
{
	struct sagent *a = &sim->agent[n];

	if (sim->calm || a->session != session || a->lost)
		return;
	story(sim, "agent %u loses its socket", n + 1);
	a->lost = true;
	agent_do(sim, n, ACD_EV_SESSION_LOST, 0);
	sim_at(sim, rng_range(&a->rng, 50 * MS, 5 * SEC), K_SOCKET_BACK, n, session);
}

static void socket_back(struct sim *sim, uint32_t n, uint64_t session)
{
	struct sagent *a = &sim->agent[n];

	if (a->session != session || !a->lost)
		return;
	story(sim, "agent %u is back", n + 1);
	a->lost = false;
	agent_do(sim, n, ACD_EV_SESSION_RESUMED, 0);
}

/* A supervisor: away, ready, or an end to the call in hand. */
static void force(struct sim *sim, uint32_t n)
{
	struct sagent *a = &sim->agent[n];
	uint64_t what = rng_below(&a->rng, 3);
	struct acd_event ev = {.type = ACD_EV_AGENT_FORCE, .session = {a->session}};

	ev.on = what == 0;
	if (what == 2 && a->offer) {
		ev.offer.v = a->offer;
		if (a->state == ACD_AGENT_TALKING)
			rules_hung_up(sim, n);
	}
	story(sim, "a supervisor %s agent %u",
	      ev.offer.v ? "ends the call of"
	      : ev.on    ? "makes ready"
			 : "sends away",
	      n + 1);
	sim_step(sim, a->daemon, &ev);
}

static void agent_event(struct sim *sim, const struct event *e)
{
	struct sagent *a = &sim->agent[e->n];

	if (e->kind == K_SIGN_IN) {
		sign_in(sim, e->n);
		return;
	}
	if (!a->session)
		return;
	if (e->kind == K_DECIDE) {
		decide(sim, e->n, e->id);
	} else if (e->kind == K_AGENT_TALKED) {
		if (a->offer == e->id) {
			story(sim, "agent %u hangs up", e->n + 1);
			if (a->state == ACD_AGENT_TALKING)
				rules_hung_up(sim, e->n);
			agent_do(sim, e->n, ACD_EV_AGENT_HANGUP, e->id);
		}
	} else if (e->kind == K_READY) {
		if (a->state == ACD_AGENT_NOT_READY && !a->leaving)
			agent_do(sim, e->n, ACD_EV_AGENT_READY, 0);
	} else if (e->kind == K_WRAP_DONE) {
		if (a->state == ACD_AGENT_WRAP)
			agent_do(sim, e->n, ACD_EV_AGENT_WRAP_DONE, 0);
	} else if (e->kind == K_SOCKET_LOST) {
		socket_lost(sim, e->n, e->id);
	} else if (e->kind == K_SOCKET_BACK) {
		socket_back(sim, e->n, e->id);
	} else if (e->kind == K_PAUSE) {
		if (!sim->calm && a->session == e->id)
			agent_do(sim, e->n, ACD_EV_AGENT_NOT_READY, 0);
	} else if (e->kind == K_FORCE) {
		if (!sim->calm && a->session == e->id)
			force(sim, e->n);
	} else if (e->kind == K_SIGN_OUT && !sim->calm && a->session == e->id && !a->leaving) {
		story(sim, "agent %u signs out", e->n + 1);
		a->leaving = true;
		agent_do(sim, e->n, ACD_EV_AGENT_SIGN_OUT, 0);
	}
}

void people_event(struct sim *sim, const struct event *e)
{
	struct scall *c = &sim->call[e->n];
	bool callers = e->kind == K_PATIENCE || e->kind == K_TALKED || e->kind == K_LEG_FAIL;
	uint32_t d = e->kind == K_ARRIVE ? 0 : callers ? c->daemon : sim->agent[e->n].daemon;

	/* Nobody answers: a BYE is repeated, a page waits. */
	bool absent = callers ? c->live && (c->orphan || sim_absent(sim, d))
			      : e->kind != K_ARRIVE && e->kind != K_SIGN_IN &&
				    sim->agent[e->n].session && sim_absent(sim, d);
	if (absent) {
		sim_at(sim, 300 * MS, e->kind, e->n, e->id);
		return;
	}
	switch (e->kind) {
	case K_ARRIVE: arrive(sim); return;
	case K_PATIENCE:
		if (c->state == ACD_CALL_QUEUED || c->state == ACD_CALL_GRANTED)
			call_gone(sim, e->n, ACD_CAUSE_CALLER_HUNG_UP);
		return;
	case K_TALKED:
		if (c->bridges == e->id)
			call_gone(sim, e->n, ACD_CAUSE_CALLER_HUNG_UP);
		return;
	case K_LEG_FAIL:
		if (!sim->calm)
			call_gone(sim, e->n, ACD_CAUSE_MEDIA_FAILED);
		return;
	case K_DECIDE:
	case K_AGENT_TALKED:
	case K_READY:
	case K_PAUSE:
	case K_FORCE:
	case K_SOCKET_LOST:
	case K_SOCKET_BACK:
	case K_SIGN_IN:
	case K_SIGN_OUT:
	case K_WRAP_DONE: agent_event(sim, e); return;
	case K_MAIL:
	case K_CRASH:
	case K_BOOT:
	case K_CUT:
	case K_HEAL:
	case K_FREEZE:
	case K_THAW:
	case K_ASKED:
	case K_RESTORE:
	case K_ADOPT:
	case K_SEEN:
	case K_CLOG:
	case K_JUMP:
	case K_DRAIN:
	case K_UNDRAIN:
	case K_MISCHIEF:
	case K_CALM:
	case K_HOURS:
	case K_RECONF:
	case K_SKILLS:
	case K_PAGE:
	case K_YIELD:
	case K_LOOK: return;
	}
}

/* People see what the shell would show them, and react later. */
static void agent_effect(struct sim *sim, const struct acd_fx *fx)
{
	uint32_t n = (uint32_t)fx->agent.v - 1;
	struct sagent *a = &sim->agent[n];
	struct rng *r = &a->rng;

	if (fx->agent_state == ACD_AGENT_OFF) {
		a->session = 0;
		sim_at(sim, rng_wait(r, sim->calm ? 200 * MS : 2 * SEC), K_SIGN_IN, n, 0);
	} else if (fx->agent_state == ACD_AGENT_NOT_READY) {
		sim_at(sim, rng_wait(r, sim->calm ? 100 * MS : 1 * SEC), K_READY, n, 0);
	} else if (fx->agent_state == ACD_AGENT_WRAP && rng_below(r, 2)) {
		sim_at(sim, rng_wait(r, 300 * MS), K_WRAP_DONE, n, 0);
	}
	if (sim->calm)
		return;
	if (rng_permille(r, sim->mix.lost_pm / 4))
		sim_at(sim, rng_wait(r, 500 * MS), K_SOCKET_LOST, n, fx->session.v);
	if (rng_permille(r, sim->mix.pause_pm / 4))
		sim_at(sim, rng_wait(r, 500 * MS), K_PAUSE, n, fx->session.v);
	if (rng_permille(r, sim->mix.pause_pm / 8))
		sim_at(sim, rng_wait(r, 500 * MS), K_FORCE, n, fx->session.v);
	if (rng_permille(r, sim->mix.signout_pm / 4))
		sim_at(sim, rng_wait(r, 500 * MS), K_SIGN_OUT, n, fx->session.v);
}

static void call_effect(struct sim *sim, const struct acd_fx *fx)
{
	struct scall *c = rules_call(sim, fx->call.v);

	if (fx->call_state == ACD_CALL_BRIDGED)
		sim_at(sim, rng_wait(&c->rng, sim->calm ? 1 * SEC : 2 * sim->mix.talk_us), K_TALKED,
		       (uint32_t)(c - sim->call), c->bridges);
}

void people_effect(struct sim *sim, uint32_t d, const struct acd_fx *fx)
{
	uint32_t n = (uint32_t)fx->agent.v - 1;

	(void)d;
	if (fx->type == ACD_FX_CALL) {
		call_effect(sim, fx);
		return;
	}
	struct rng *r = &sim->agent[n].rng;
	if (fx->type == ACD_FX_AGENT) {
		agent_effect(sim, fx);
	} else if (fx->type == ACD_FX_RING) {
		sim_at(sim, rng_wait(r, sim->calm ? 200 * MS : 700 * MS), K_DECIDE, n, fx->offer.v);
	} else if (fx->type == ACD_FX_TALK && rng_below(r, 2)) {
		sim_at(sim, rng_wait(r, sim->calm ? 500 * MS : sim->mix.talk_us), K_AGENT_TALKED, n,
		       fx->offer.v);
	}
}

/* Whoever was signed in there notices and signs in elsewhere. */
void people_node_lost(struct sim *sim, uint32_t d)
{
	for (uint32_t n = 0; n < pages_sessions(sim); n++) {
		struct sagent *a = &sim->agent[n];
		if (!a->session || a->daemon != d)
			continue;
		a->session = 0;
		a->offer = 0;
		a->state = ACD_AGENT_OFF;
		sim_at(sim, rng_wait(&a->rng, 1 * SEC), K_SIGN_IN, n, 0);
	}
}

void people_calm(struct sim *sim)
{
	for (uint32_t n = 0; n < pages_sessions(sim); n++) {
		struct sagent *a = &sim->agent[n];
		if (a->session && sim_absent(sim, a->daemon)) /* frozen: its page waits */
			sim_at(sim, 300 * MS, K_SOCKET_BACK, n, a->session);
		else if (a->session && a->lost)
			socket_back(sim, n, a->session);
		if (a->session && a->offer)
			sim_at(sim, 200 * MS, K_DECIDE, n, a->offer);
		if (a->session && a->state == ACD_AGENT_TALKING)
			sim_at(sim, 1 * SEC, K_AGENT_TALKED, n, a->offer);
		sim_at(sim, 100 * MS, K_READY, n, 0);
		sim_at(sim, 100 * MS, K_SIGN_IN, n, 0);
	}
}
