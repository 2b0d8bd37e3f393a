/*
 * A person opens a second page: the line dropped, the machine was changed, the first page's node is
 * frozen. The new session is at another node, and an older one yields (DESIGN §3, S10) when its
 * node hears of it: at once without a call, else after the call in hand. Here is what the nodes'
 * desks do about it; the core has two sessions of one agent meanwhile, and matches, recalls and
 * asks for both. In one seed of four, with numbers of its own.
 *
 * S10: a bounded time after the faults nobody has two sessions but one whose call goes on; and no
 * call is cut for it. (If the call's own node dies in the midst, its new owner asks the newest
 * session: the caller gets the same person, at the page where that person is.) The first sessions
 * are the agents 0 …, the seconds of the same persons come after.
 */
#include "tests/sim/sim.h"

enum {
	PAGES_MAX = 10,
	RETRY_MS = 300,   /* a desk that could not be told is told when it is heard again */
	SETTLE_MS = 5000, /* as L3 */
	REST_MS = 1500,   /* from the end of the work in hand until the session is gone */
};

uint32_t pages_sessions(const struct sim *sim)
{
	return sim->pages ? 2 * sim->mix.agents : sim->mix.agents;
}

uint32_t pages_person(const struct sim *sim, uint32_t agent)
{
	return sim->pages && agent >= sim->mix.agents ? agent - sim->mix.agents : agent;
}

static uint32_t other(const struct sim *sim, uint32_t agent)
{
	return agent < sim->mix.agents ? agent + sim->mix.agents : agent - sim->mix.agents;
}

bool pages_elsewhere(const struct sim *sim, uint32_t agent)
{
	if (!sim->pages)
		return false;
	const struct sagent *o = &sim->agent[other(sim, agent)];
	return o->session && !o->leaving;
}

uint32_t pages_newest(const struct sim *sim, uint32_t agent)
{
	const struct sagent *a = &sim->agent[agent];

	if (!pages_elsewhere(sim, agent))
		return agent;
	uint32_t o = other(sim, agent);
	return !a->session || a->leaving || a->signed_at < sim->agent[o].signed_at ? o : agent;
}

uint64_t pages_agent(const struct sim *sim, uint64_t person, uint64_t session)
{
	uint32_t second = (uint32_t)person - 1 + sim->mix.agents;

	return sim->pages && person && person <= sim->mix.agents && session &&
		       sim->agent[second].session == session
		   ? second + 1
		   : person;
}

void pages_draw(struct sim *sim)
{
	struct rng r = {sim->seed ^ UINT64_C(0x51ab7c3e)};

	sim->pages = rng_below(&r, 4) == 0;
}

void pages_start(struct sim *sim)
{
	struct rng r = {sim->seed ^ UINT64_C(0x6c0fe1d7)};

	if (!sim->pages)
		return;
	for (uint32_t n = 0; n < sim->mix.agents; n++) {
		struct sagent *second = &sim->agent[n + sim->mix.agents];
		*second = sim->agent[n];
		second->rng.s = rng_next(&r);
	}
	for (uint64_t left = rng_range(&r, 1, PAGES_MAX); left > 0; left--) {
		uint64_t at = rng_below(&r, sim->mix.calm_at - sim->now);
		sim_at(sim, at, K_PAGE, (uint32_t)rng_below(&r, sim->mix.agents), 0);
	}
}

static void page(struct sim *sim, uint32_t person)
{
	uint32_t n = person;

	if (!sim->agent[n].session)
		n = other(sim, n);
	const struct sagent *a = &sim->agent[n];
	if (!a->session || a->leaving || sim->agent[other(sim, n)].session)
		return;
	for (uint32_t d = 0; d < sim->daemons_n; d++) {
		const struct daemon *x = &sim->daemon[d];
		if (d == a->daemon || !addr_is_node(x->addr.v) || sim_absent(sim, d) ||
		    x->draining || addr_site(x->addr.v) != a->site)
			continue;
		uint64_t old = a->session;
		story(sim, "agent %u opens a second page, as agent %u", n + 1, other(sim, n) + 1);
		people_sign_in(sim, other(sim, n), d);
		sim_at(sim, sim->mix.lan_us, K_YIELD, n, old);
		return;
	}
}

static void yield(struct sim *sim, uint32_t n, uint64_t session)
{
	struct sagent *a = &sim->agent[n];
	const struct sagent *o = &sim->agent[other(sim, n)];

	if (a->session != session || a->leaving || !pages_elsewhere(sim, n))
		return;
	if (sim_absent(sim, a->daemon) || sim_absent(sim, o->daemon) ||
	    sim->cut_links[o->daemon][a->daemon] > 0 || sim->clogged[a->daemon] > sim->now ||
	    sim->clogged[o->daemon] > sim->now) {
		sim_at(sim, RETRY_MS * MS, K_YIELD, n, session);
		return;
	}
	story(sim, "%s: agent %u yields to the newer session", sim->daemon[a->daemon].name, n + 1);
	a->leaving = a->yields = true;
	bool talks = a->state == ACD_AGENT_TALKING || a->state == ACD_AGENT_COMMITTED;
	struct acd_event ev = {.type = ACD_EV_AGENT_SIGN_OUT, .session = {session}};
	if (sim_step(sim, a->daemon, &ev) != ACD_OK)
		sim_fail(sim, "S10: agent %u cannot yield", n + 1);
	if (talks && !a->offer)
		sim_fail(sim, "S10: the call of agent %u is cut for a newer session", n + 1);
}

void pages_event(struct sim *sim, const struct event *e)
{
	if (e->kind == K_YIELD)
		yield(sim, e->n, e->id);
	else if (!sim->calm)
		page(sim, e->n);
}

void pages_look(struct sim *sim)
{
	if (!sim->pages || sim->now < sim->mix.calm_at + SETTLE_MS * MS)
		return;
	for (uint32_t n = 0; n < pages_sessions(sim); n++) {
		const struct sagent *a = &sim->agent[n];
		bool works = a->state == ACD_AGENT_COMMITTED || a->state == ACD_AGENT_TALKING ||
			     a->state == ACD_AGENT_WRAP;
		if (!a->session || works || sim->now < a->state_at + REST_MS * MS)
			continue;
		if (a->yields || (!a->leaving && pages_elsewhere(sim, n)))
			sim_fail(sim, "S10: agent %u still has a second session",
				 pages_person(sim, n) + 1);
	}
}
