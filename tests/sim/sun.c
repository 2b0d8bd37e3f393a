/*
 * Days of seconds: sites open, hand over and close for queues while everything else goes on, as
 * their shells would tell the cores. In one seed of three; with numbers of its own, so that the
 * other seeds are what they were. From the calm on it stays as it is then.
 *
 * H1: an agent of a site that is closed for a queue gets none of its callers (those already on
 * their way excepted). H2: a call is refused or ended as closed only when every site is. H3: when
 * all are closed and the queue has a rule for it, nobody waits on.
 */
#include "tests/sim/sim.h"

enum {
	CHANGES = 6, /* of each queue and site, about */
	/* RESERVED lasts claim_ms at most: who was reserved before it closed rings by then. */
	ON_THE_WAY_MS = 2100,
	SLOW_MS = 2000,
};

void sun_draw(struct sim *sim)
{
	struct rng *r = &sim->hours_rng;

	r->s = sim->seed * UINT64_C(0xd1342543de82ef95) + 3;
	for (uint32_t q = 0; q < QUEUES; q++)
		for (uint32_t s = 1; s <= SITES; s++)
			sim->open[q][s] = ACD_OPEN;
	if (rng_below(r, 3) != 0)
		return;
	for (uint32_t q = 0; q < QUEUES; q++) {
		sim->has_hours[q] = rng_below(r, 2) == 0;
		if (!sim->has_hours[q])
			continue;
		sim->queues[q].overflow_closed = rng_below(r, 2) == 0;
		sim->queues[q].closed_to = (uint8_t)rng_below(r, ACD_CLOSED_COUNT);
		sim->queues[q].closed_after_ms = (uint32_t)rng_range(r, 200, 3000);
	}
}

static uint16_t draw_weight(struct rng *r)
{
	uint64_t k = rng_below(r, 8);

	return k < 3 ? 0 : k < 6 ? ACD_OPEN : (uint16_t)rng_range(r, 1, ACD_OPEN - 1);
}

static void plan(struct sim *sim, uint64_t delay, uint32_t q, uint32_t s)
{
	sim_at(sim, delay, K_HOURS, q << 8 | s, draw_weight(&sim->hours_rng));
}

void sun_start(struct sim *sim)
{
	struct rng *r = &sim->hours_rng;
	uint64_t calm_in = sim->mix.calm_at - sim->now;

	for (uint32_t q = 0; q < QUEUES; q++)
		for (uint32_t s = 1; sim->has_hours[q] && s <= SITES; s++) {
			for (uint32_t i = 0; i < CHANGES; i++)
				plan(sim, rng_below(r, calm_in), q, s);
			plan(sim, calm_in, q, s);
		}
}

static void tell(struct sim *sim, uint32_t d, uint32_t q, uint32_t s)
{
	struct acd_event ev = {.type = ACD_EV_HOURS,
			       .queue = sim->queues[q].id,
			       .site = (uint8_t)s,
			       .permille = sim->open[q][s]};

	if (sim_step(sim, d, &ev) != ACD_OK)
		sim_fail(sim, "hours are refused");
}

void sun_boot(struct sim *sim, uint32_t d)
{
	for (uint32_t q = 0; q < QUEUES; q++)
		for (uint32_t s = 1; sim->has_hours[q] && s <= SITES; s++)
			tell(sim, d, q, s);
}

void sun_event(struct sim *sim, const struct event *e)
{
	uint32_t q = e->n >> 8, s = e->n & 255;

	if (sim->open[q][s] && !e->id)
		sim->closed_at[q][s] = sim->now;
	sim->open[q][s] = (uint16_t)e->id;
	story(sim, "site %u weighs %u for queue %u", s, (unsigned)e->id, sim->queues[q].id.v);
	for (uint32_t d = 0; d < sim->daemons_n; d++)
		if (!sim_absent(sim, d)) /* or when it is back */
			tell(sim, d, q, s);
}

bool sun_shut(const struct sim *sim, uint32_t q)
{
	for (uint32_t s = 1; s <= SITES; s++)
		if (sim->open[q][s])
			return false;
	return true;
}

bool sun_ends(const struct sim *sim, uint32_t q)
{
	return sun_shut(sim, q) && sim->queues[q].closed_to != ACD_CLOSED_WAIT;
}

void sun_rang(struct sim *sim, const struct scall *c, const struct sagent *a, unsigned who)
{
	if (sim->open[c->queue][a->site] || sim->mix.lies)
		return; /* a liar reserves whom it likes */
	if (sim->now > sim->closed_at[c->queue][a->site] + ON_THE_WAY_MS * MS)
		sim_fail(sim, "H1: agent %u rings for call %u, and site %u is closed for queue %u",
			 who, c->number, a->site, sim->queues[c->queue].id.v);
}

void sun_ended(struct sim *sim, const struct scall *c)
{
	if (!sun_ends(sim, c->queue))
		sim_fail(sim, "H2: call %u ends as closed, but a site is open for queue %u",
			 c->number, sim->queues[c->queue].id.v);
}

void sun_look(struct sim *sim, const struct scall *c)
{
	uint64_t bound = (sim->queues[c->queue].closed_after_ms + SLOW_MS) * MS;

	if (!c->stays && sun_ends(sim, c->queue) && sim->now > sim->mix.calm_at + bound &&
	    sim->now > c->state_at + bound)
		sim_fail(sim, "H3: call %u waits on, though queue %u is closed everywhere",
			 c->number, sim->queues[c->queue].id.v);
}
