/* Other queues for a daemon that runs: it takes them as its shell does, in the midst of calls. Each
 * daemon at its own time, so that neighbours number their queues differently; what the rules judge
 * by (skills, strategies, relaxation, weights) stays, or no two would agree on what is right. */
#include "tests/sim/sim.h"

#include <stdlib.h>

enum { CHANGES_MAX = 12, WRAP_MAX_MS = 1500 };

void reconf_start(struct sim *sim)
{
	struct rng r = {sim->seed ^ UINT64_C(0x7f4a7c15)};

	if (rng_below(&r, 3) != 0)
		return;
	for (uint64_t left = rng_range(&r, 1, CHANGES_MAX); left > 0; left--) {
		uint64_t at = rng_below(&r, sim->mix.calm_at - sim->now);
		uint32_t d = (uint32_t)rng_below(&r, sim->daemons_n);
		sim_at(sim, at, K_RECONF, d, rng_next(&r));
	}
}

/* Skills may be numbered anew: of every session, before anything else happens there. */
static void say_skills(struct sim *sim, uint32_t d)
{
	for (uint32_t n = 0; n < sim->mix.agents; n++) {
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

void reconf_event(struct sim *sim, const struct event *e)
{
	struct daemon *d = &sim->daemon[e->n];
	struct acd_queue_conf queues[QUEUES];
	struct sim_conf c;

	if (sim_absent(sim, e->n) || d->frozen)
		return;
	sim_conf(sim, e->n, &c);
	for (uint32_t q = 0; q < QUEUES; q++) {
		queues[q] = sim->queues[(q + e->id) % QUEUES];
		queues[q].wrap_up_ms = (uint32_t)(e->id >> 8) % WRAP_MAX_MS;
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
	if (sim->traced[e->n])
		trace_reconf(sim->traced[e->n], &c.conf);
	free(d->mem);
	d->mem = mem;
	d->acd = acd;
	if (addr_is_node(d->addr.v))
		say_skills(sim, e->n);
	struct acd_event now = {.type = ACD_EV_TIME};
	(void)sim_step(sim, e->n, &now);
}
