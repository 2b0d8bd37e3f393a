/*
 * Other queues for a daemon that runs: it takes them as its shell does, in the midst of calls. Each
 * daemon at its own time, so that neighbours number their queues differently, and know different
 * queues for a while.
 *
 * In half of these seeds the queues also ask for other skills, levels and relaxations from some
 * time on. S8 is then judged by what the agent's node has; for who was reserved before it took
 * them, by what it had. All have the same ones again before it is judged who ought to have met.
 */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

enum {
	CHANGES_MAX = 12,
	WRAP_MAX_MS = 1500,
	/* RESERVED lasts claim_ms, by a clock that may be slow. */
	RESERVED_MS = 2100,
	SPREAD_MS = 1500, /* until the last daemon has taken the new ones */
	RETRY_MS = 300,
};

void reconf_start(struct sim *sim)
{
	struct rng r = {sim->seed ^ UINT64_C(0x7f4a7c15)};
	uint64_t calm_in = sim->mix.calm_at - sim->now;

	if (rng_below(&r, 3) != 0)
		return;
	for (uint64_t left = rng_range(&r, 1, CHANGES_MAX); left > 0; left--) {
		uint64_t at = rng_below(&r, calm_in);
		uint32_t d = (uint32_t)rng_below(&r, sim->daemons_n);
		sim_at(sim, at, K_RECONF, d, rng_next(&r));
	}
	if (rng_below(&r, 2) == 0 && calm_in > 2 * SPREAD_MS * MS)
		sim_at(sim, rng_below(&r, calm_in - SPREAD_MS * MS), K_SKILLS, 0, rng_next(&r));
}

void reconf_took(struct sim *sim, uint32_t d, const struct acd_queue_conf queues[QUEUES])
{
	struct daemon *x = &sim->daemon[d];

	memcpy(x->was, x->queues, sizeof(x->was));
	memcpy(x->queues, queues, sizeof(x->queues));
	x->was_until = sim->now + RESERVED_MS * MS;
}

/* Skills may be numbered anew: of every session, before anything else happens there. */
static void say_skills(struct sim *sim, uint32_t d)
{
	for (uint32_t n = 0; n < pages_sessions(sim); n++) {
		const struct sagent *a = &sim->agent[n];
		struct acd_event ev = {.type = ACD_EV_AGENT_SKILLS,
				       .session = {a->session},
				       .skills = a->skills,
				       .levels = a->levels,
				       .rank = a->rank};
		if (a->session && a->daemon == d && sim_step(sim, d, &ev) != ACD_OK)
			sim_fail(sim, "the skills of agent %u are refused", n + 1);
	}
}

static void take(struct sim *sim, uint32_t n, uint64_t id)
{
	struct daemon *d = &sim->daemon[n];
	struct acd_queue_conf queues[QUEUES];
	struct sim_conf c;

	sim_conf(sim, n, &c);
	for (uint32_t q = 0; q < QUEUES; q++) {
		queues[q] = sim->queues[(q + id) % QUEUES];
		queues[q].wrap_up_ms = (uint32_t)(id >> 8) % WRAP_MAX_MS;
	}
	c.conf.queues = queues;
	story(sim, "%s: other queues", d->name);
	void *mem = malloc(acd_size(&c.conf));
	helio_assert(mem);
	struct acd *acd = acd_reconfigure(mem, d->acd, &c.conf);
	if (!acd) {
		free(mem);
		sim_fail(sim, "other queues are refused");
	}
	if (sim->traced[n])
		trace_reconf(sim->traced[n], &c.conf);
	free(d->mem);
	d->mem = mem;
	d->acd = acd;
	reconf_took(sim, n, sim->queues);
	if (addr_is_node(d->addr.v))
		say_skills(sim, n);
	struct acd_event now = {.type = ACD_EV_TIME};
	(void)sim_step(sim, n, &now);
}

/* Everybody takes them, some a little later; who is down has them when it is back. */
static void other_skills(struct sim *sim, uint64_t id)
{
	struct rng r = {id};

	for (uint32_t q = 0; q < QUEUES; q++)
		if (rng_below(&r, 2) == 0)
			queues_redraw(&r, &sim->queues[q]);
	story(sim, "the queues ask for other skills");
	for (uint32_t d = 0; d < sim->daemons_n; d++)
		sim_at(sim, rng_below(&r, SPREAD_MS * MS), K_RECONF, d, rng_next(&r));
}

void reconf_event(struct sim *sim, const struct event *e)
{
	if (e->kind == K_SKILLS)
		other_skills(sim, e->id);
	else if (!sim_absent(sim, e->n))
		take(sim, e->n, e->id);
	else if (sim->daemon[e->n].up) /* frozen: when it is awake */
		sim_at(sim, RETRY_MS * MS, K_RECONF, e->n, e->id);
}
