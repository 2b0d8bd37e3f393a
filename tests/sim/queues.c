/* The queues of one seed: strategies, levels, relaxation, ageing, limits, drawn anew each time. */
#include "tests/sim/sim.h"

static const struct acd_queue_conf plain[QUEUES] = {
    {.id = {11}, .overflow_no_idle = true, .wrap_up_ms = 800, .ring_timeout_ms = 3000},
    {.id = {12},
     .skills = {1},
     .overflow_no_idle = true,
     .overflow_timed = true,
     .overflow_after_ms = 2000,
     .remote_handicap_ms = 500,
     .wrap_up_ms = 1200,
     .ring_timeout_ms = 3000},
    {.id = {13},
     .skills = {2},
     .overflow_timed = true,
     .overflow_after_ms = 1500,
     .wrap_up_ms = 0,
     .ring_timeout_ms = 2500},
    {.id = {14}, .skills = {3}, .priority = 1, .wrap_up_ms = 500, .ring_timeout_ms = 3000},
};

static bool one_in(struct rng *r, uint64_t n)
{
	return rng_below(r, n) == 0;
}

/* Levels first, then skills, are dropped step by step. */
static void draw_relax(struct rng *r, struct acd_queue_conf *q)
{
	struct acd_relax at = {.skills = q->skills, .levels = q->levels};

	for (q->relax_n = 0; q->relax_n < rng_below(r, ACD_RELAX_MAX + 1); q->relax_n++) {
		at.after_ms += (uint32_t)rng_range(r, 300, 4000);
		if (at.levels.w[0] && one_in(r, 2)) {
			for (unsigned s = 0; s < 3; s++)
				if ((at.levels.w[0] >> 4 * s & 15) > 2)
					at.levels.w[0] -= UINT64_C(2) << 4 * s;
		} else {
			at.levels.w[0] = 0;
			at.skills.bits &= at.skills.bits - 1;
		}
		q->relax[q->relax_n] = at;
	}
}

void queues_draw(struct sim *sim)
{
	struct rng *r = &sim->rng;

	for (uint32_t i = 0; i < QUEUES; i++) {
		struct acd_queue_conf *q = &sim->queues[i];
		*q = plain[i];
		if (one_in(r, 2))
			q->strategy = (uint8_t)rng_below(r, ACD_STRATEGY_COUNT);
		for (unsigned s = 0; s < 3; s++)
			if (q->skills.bits >> s & 1 && one_in(r, 2))
				q->levels.w[0] |= rng_range(r, 1, ACD_LEVEL_MAX) << 4 * s;
		if (one_in(r, 2))
			draw_relax(r, q);
		if (one_in(r, 2))
			q->ageing_ms = (uint32_t)rng_range(r, 500, 6000);
		if (one_in(r, 6))
			q->max_length = (uint32_t)rng_range(r, 2, 8);
		if (one_in(r, 6))
			q->max_wait_ms = (uint32_t)rng_range(r, 2000, 20000);
		q->max_wait_to = q->max_wait_ms % 2 ? ACD_CLOSED_CALLBACK : ACD_CLOSED_WAIT;
		q->wants = one_in(r, 2);
		for (q->pref_n = 0; q->wants && q->pref_n < 2 && one_in(r, 2); q->pref_n++)
			q->pref[q->pref_n].bits = UINT64_C(1) << rng_below(r, 3);
		if (one_in(r, 3))
			q->weight = (uint16_t)rng_range(r, 20, 500);
		if (one_in(r, 2))
			q->group_max = (uint8_t)rng_range(r, 2, ACD_GROUP_MAX);
		if (one_in(r, 3))
			q->missed_limit = (uint32_t)rng_range(r, 1, 3);
		if (one_in(r, 4))
			q->overflow_longer = (uint32_t)rng_range(r, 1, 4);
		if (one_in(r, 4))
			q->overflow_ewt_ms = (uint32_t)rng_range(r, 500, 10000);
	}
}

/* Two tenants share the sites. A queue's bit is beside its skills, and nothing relaxes it. */
static const uint64_t tenants[] = {UINT64_C(1) << 40, UINT64_C(1) << 41};
#define ALL_TENANTS (UINT64_C(3) << 40)

void queues_draw_tenants(struct sim *sim)
{
	struct rng r = {sim->seed ^ UINT64_C(0x2f6e35b1)};

	sim->tenants = one_in(&r, 3);
	for (uint32_t i = 0; i < QUEUES && sim->tenants; i++) {
		struct acd_queue_conf *q = &sim->queues[i];
		uint64_t bit = tenants[rng_below(&r, HELIO_ARRAY_LEN(tenants))];
		q->skills.bits |= bit;
		for (uint32_t k = 0; k < q->relax_n; k++)
			q->relax[k].skills.bits |= bit;
	}
}

uint64_t queues_tenant_of(const struct sim *sim, uint32_t person)
{
	struct rng r = {sim->seed ^ UINT64_C(0x1c94d8f3) ^ person};

	return sim->tenants ? tenants[rng_below(&r, HELIO_ARRAY_LEN(tenants))] : 0;
}

bool queues_same_tenant(const struct acd_queue_conf *q, const struct sagent *a)
{
	return (q->skills.bits & ALL_TENANTS & ~a->skills.bits) == 0;
}

void queues_redraw(struct rng *r, struct acd_queue_conf *q)
{
	uint64_t tenant = q->skills.bits & ALL_TENANTS;

	q->skills.bits = rng_below(r, 4);
	q->levels.w[0] = 0;
	for (unsigned s = 0; s < 3; s++)
		if (q->skills.bits >> s & 1 && one_in(r, 2))
			q->levels.w[0] |= rng_range(r, 1, ACD_LEVEL_MAX) << 4 * s;
	draw_relax(r, q);
	q->skills.bits |= tenant;
	for (uint32_t k = 0; k < q->relax_n; k++)
		q->relax[k].skills.bits |= tenant;
}

static uint32_t level(const struct acd_levels *l, unsigned skill)
{
	return l->w[skill / 16] >> 4 * (skill % 16) & 15;
}

static bool able(const struct sagent *a, struct acd_skills skills, struct acd_levels levels)
{
	if (skills.bits & ~a->skills.bits)
		return false;
	for (unsigned s = 0; s < 64 && skills.bits >> s; s++) {
		uint32_t has = level(&a->levels, s);
		if (skills.bits >> s & 1 && has && has < level(&levels, s))
			return false;
	}
	return true;
}

static uint64_t able_after(const struct acd_queue_conf *q, const struct sagent *a)
{
	if (able(a, q->skills, q->levels))
		return 0;
	for (uint32_t k = 0; k < q->relax_n; k++)
		if (able(a, q->relax[k].skills, q->relax[k].levels))
			return q->relax[k].after_ms * MS;
	return UINT64_MAX;
}

/* As the agent's node has it: there it is decided. */
uint64_t queues_able_after(const struct sim *sim, uint32_t queue, const struct sagent *a)
{
	const struct daemon *d = &sim->daemon[a->daemon];
	uint64_t after = able_after(&d->queues[queue], a);
	uint64_t before = sim->now < d->was_until ? able_after(&d->was[queue], a) : UINT64_MAX;

	return before < after ? before : after;
}

uint32_t queues_class(const struct sim *sim, const struct scall *c, uint64_t age_us)
{
	const struct acd_queue_conf *q = &sim->queues[c->queue];
	uint32_t class = q->priority + (uint32_t)c->priority;
	uint64_t climbs = q->ageing_ms ? age_us / (q->ageing_ms * MS) : 0;

	return climbs < class ? class - (uint32_t)climbs : 0;
}

void queues_draw_wants(struct sim *sim, struct scall *c)
{
	const struct acd_queue_conf *q = &sim->queues[c->queue];
	struct rng *r = &c->rng;
	uint32_t n = 0;

	if (!q->wants || one_in(r, 2))
		return;
	do {
		uint32_t agent = (uint32_t)rng_below(r, sim->mix.agents);
		struct acd_want *w = &c->want[n++];
		w->for_ms = (uint32_t)rng_range(r, 200, 3000);
		if (q->pref_n > 0 && one_in(r, 3)) {
			w->pref = (uint8_t)rng_range(r, 1, q->pref_n);
		} else {
			w->agent.v = agent + 1;
			w->site = (uint8_t)sim->agent[agent].site;
		}
	} while (n < ACD_WANTS_MAX && one_in(r, 2));
}

static const struct acd_want *step_at(const struct scall *c, uint64_t age_us)
{
	uint64_t until = 0;

	for (uint32_t k = 0; k < ACD_WANTS_MAX && c->want[k].for_ms; k++) {
		until += c->want[k].for_ms * MS;
		if (age_us < until)
			return &c->want[k];
	}
	return NULL;
}

bool queues_wanted(const struct sim *sim, const struct scall *c, uint32_t agent, uint64_t age_us)
{
	const struct acd_want *w = step_at(c, age_us);
	const struct acd_queue_conf *q = &sim->queues[c->queue];

	if (!w)
		return true;
	if (w->agent.v)
		return w->agent.v == pages_person(sim, agent) + 1;
	return able(&sim->agent[agent],
		    (struct acd_skills){q->skills.bits | q->pref[w->pref - 1].bits}, q->levels);
}

bool queues_in_person(const struct sim *sim, const struct scall *c, uint32_t agent, uint64_t age_us)
{
	const struct acd_want *w = step_at(c, age_us);

	return w && w->agent.v == pages_person(sim, agent) + 1;
}
