/* The mix of one seed, and its faults: crashes, cuts, drains, until calm. */
#include "tests/sim/sim.h"

static uint32_t sometimes(struct sim *sim, uint32_t max)
{
	return rng_below(&sim->rng, 2) ? (uint32_t)rng_below(&sim->rng, max + 1) : 0;
}

static void leave_out(uint32_t off, struct mix *m)
{
	uint32_t *const pm[OFF_COUNT] = {
	    [OFF_LOSS] = &m->loss_pm,     [OFF_DUP] = &m->dup_pm,
	    [OFF_JITTER] = &m->jitter_us, [OFF_REJECT] = &m->reject_pm,
	    [OFF_IGNORE] = &m->ignore_pm, [OFF_LEGFAIL] = &m->legfail_pm,
	    [OFF_LOST] = &m->lost_pm,     [OFF_SIGNOUT] = &m->signout_pm,
	    [OFF_PAUSE] = &m->pause_pm,   [OFF_LIES] = &m->lies,
	};

	for (uint32_t i = 0; i < OFF_COUNT; i++)
		if (off >> i & 1 && pm[i])
			*pm[i] = 0;
	if (off >> OFF_REORDER & 1)
		m->reorder = false;
	if (off >> OFF_RIVALS & 1)
		m->brokers = 1;
}

void faults_draw(struct sim *sim)
{
	struct rng *r = &sim->rng;
	struct mix *m = &sim->mix;

	m->brokers = (uint32_t)rng_range(r, 1, BROKERS_MAX_SIM);
	m->agents = (uint32_t)rng_range(r, 3, 14);
	m->loss_pm = sometimes(sim, 150);
	m->dup_pm = sometimes(sim, 150);
	m->reorder = rng_below(r, 3) == 0;
	m->jitter_us = sometimes(sim, 80000);
	m->wan_us = rng_range(r, 5 * MS, 130 * MS);
	m->lan_us = rng_range(r, 100, 1500);
	m->arrive_us = rng_range(r, 200 * MS, 1500 * MS);
	m->patience_us = rng_range(r, 1 * SEC, 30 * SEC);
	m->talk_us = rng_range(r, 300 * MS, 6 * SEC);
	m->reject_pm = sometimes(sim, 200);
	m->ignore_pm = sometimes(sim, 200);
	m->legfail_pm = sometimes(sim, 80);
	m->lost_pm = sometimes(sim, 200);
	m->signout_pm = sometimes(sim, 150);
	m->pause_pm = sometimes(sim, 150);
	m->crashes = sometimes(sim, 5);
	m->cuts = sometimes(sim, 6);
	m->drains = sometimes(sim, 2);
	m->lies = rng_below(r, 4) == 0 ? (uint32_t)rng_below(r, 300) : 0;
	m->clogs = sometimes(sim, 4);
	m->jumps = sometimes(sim, 3);
	m->clock_ppm = sometimes(sim, 2000);
	m->freezes = sometimes(sim, 3);
	m->unprotected_pm = sometimes(sim, 200);
	m->journal_us = sometimes(sim, 10000);
	m->neighbours = rng_below(r, 2);
	m->span = rng_range(r, 12 * SEC, 25 * SEC);
	m->calm_at = sim->now + m->span;
	if (sim->trim.calm_ms && sim->now + sim->trim.calm_ms * MS < m->calm_at)
		m->calm_at = sim->now + sim->trim.calm_ms * MS;
	m->last_arrival = m->calm_at + 10 * SEC;
	leave_out(sim->trim.off, m);
}

/* One of the planned faults; false if this run leaves it out. */
static bool planned(struct sim *sim)
{
	uint32_t n = sim->planned++;

	return n >= 64 || !(sim->trim.faults >> n & 1);
}

static void draw_cut(struct sim *sim, uint64_t span)
{
	struct rng *r = &sim->rng;
	uint32_t n = sim->cuts_n++;
	struct cut *c = &sim->cut[n];

	c->kind = (uint32_t)rng_below(r, 5);
	if (c->kind < 2) {
		c->a = (uint32_t)rng_range(r, 1, SITES);
		c->b = c->a % SITES + 1;
		if (rng_below(r, 2)) {
			uint32_t t = c->a;
			c->a = c->b;
			c->b = t;
		}
	} else {
		c->a = (uint32_t)rng_below(r, sim->daemons_n);
		c->b = (uint32_t)rng_below(r, sim->daemons_n);
	}
	uint64_t at = rng_below(r, span), heal = at + rng_range(r, 100 * MS, 9 * SEC);
	if (!planned(sim))
		return;
	sim_at(sim, at, K_CUT, n, 0);
	sim_at(sim, heal, K_HEAL, n, 0);
}

/* A fault that hits one daemon once, for a while or by so much. */
static void draw_one(struct sim *sim, uint64_t span, enum kind kind, uint64_t lo, uint64_t hi)
{
	struct rng *r = &sim->rng;
	uint64_t at = rng_below(r, span), how_much = rng_range(r, lo, hi);
	uint32_t d = (uint32_t)rng_below(r, sim->daemons_n);

	if (planned(sim))
		sim_at(sim, at, kind, d, how_much);
}

void faults_start(struct sim *sim)
{
	struct rng *r = &sim->rng;
	uint64_t span = sim->mix.span;

	for (uint32_t i = 0; i < sim->mix.cuts; i++)
		draw_cut(sim, span);
	for (uint32_t i = 0; i < sim->mix.crashes; i++)
		draw_one(sim, span, K_CRASH, 50 * MS, 5 * SEC);
	for (uint32_t i = 0; i < sim->mix.freezes; i++)
		draw_one(sim, span, K_FREEZE, 50 * MS, 6 * SEC);
	for (uint32_t i = 0; i < sim->mix.clogs; i++)
		draw_one(sim, span, K_CLOG, 50 * MS, 4 * SEC);
	for (uint32_t i = 0; i < sim->mix.jumps; i++)
		draw_one(sim, span, K_JUMP, 1 * MS, 8 * SEC);
	for (uint32_t i = 0; i < sim->mix.drains; i++) {
		uint32_t d = (uint32_t)rng_below(r, sim->daemons_n);
		uint64_t at = rng_below(r, span), back = at + rng_range(r, 1 * SEC, 6 * SEC);
		if (!planned(sim))
			continue;
		sim_at(sim, at, K_DRAIN, d, 0);
		sim_at(sim, back, K_UNDRAIN, d, 0);
	}
	for (uint32_t i = 0; i < sim->mix.lies; i++)
		sim_at(sim, rng_below(r, span), K_MISCHIEF, (uint32_t)rng_below(r, sim->daemons_n),
		       0);
	sim_at(sim, sim->mix.calm_at - sim->now, K_CALM, 0, 0);
}

/* A broker that sends what it should not: agents reserved at random, calls picked for offers of
 * others, claims refused that it never saw. No safety rule may depend on brokers (DESIGN §3). */
static void mischief(struct sim *sim, uint32_t n)
{
	static const enum acd_msg_type lies[] = {ACD_MSG_RESERVE, ACD_MSG_PICK, ACD_MSG_PICK,
						 ACD_MSG_CLAIM_NACK};
	struct rng *r = &sim->lie_rng;
	const struct daemon *d = &sim->daemon[n];
	uint32_t to = (uint32_t)rng_below(r, sim->daemons_n);
	uint32_t one = (uint32_t)rng_below(r, sim->mix.agents);
	const struct sagent *a = &sim->agent[one], *b = &sim->agent[rng_below(r, sim->mix.agents)];

	if (sim_absent(sim, n) || sim->calm || !sim->calls_n || !a->session ||
	    !addr_is_broker(d->addr.v) || !addr_is_node(sim->daemon[to].addr.v) ||
	    addr_site(d->addr.v) != addr_site(sim->daemon[to].addr.v))
		return;
	const struct scall *c = &sim->call[rng_below(r, sim->calls_n)];
	struct acd_agent_view v = {0};
	if (b->session && sim->daemon[b->daemon].up)
		acd_agent_get(sim->daemon[b->daemon].acd, (struct acd_session_id){b->session},
			      sim_clock(sim, b->daemon), &v);
	uint64_t offer = v.offer.v && rng_below(r, 2) ? v.offer.v : sim_id_next(sim, n);
	uint32_t queue = rng_below(r, 2) ? c->queue : (uint32_t)rng_below(r, QUEUES);
	struct acd_fx fx = {.type = ACD_FX_SEND, .to = sim->daemon[to].addr};
	fx.msg = (struct acd_msg){.type = lies[rng_below(r, HELIO_ARRAY_LEN(lies))],
				  .offer = {offer},
				  .call = {c->id},
				  .session = {a->session},
				  .agent = {one + 1},
				  .queue = sim->queues[queue].id,
				  .node = sim->daemon[a->daemon].addr,
				  .peer = d->addr,
				  .site = (uint8_t)addr_site(d->addr.v),
				  .cause = ACD_CAUSE_QUEUE_EMPTY};
	story(sim, "%s lies", d->name);
	net_send(sim, n, &fx);
}

static void crash(struct sim *sim, uint32_t n, uint64_t down_us)
{
	struct daemon *d = &sim->daemon[n];

	if (!d->up || sim->calm)
		return;
	story(sim, "%s dies", d->name);
	d->up = false;
	rules_life_ended(sim, n);
	d->mute = rng_next(&(struct rng){sim->seed ^ (uint64_t)d->boot << 32 ^ n}) & 1;
	if (addr_is_node(d->addr.v)) {
		adopt_crashed(sim, n);
		people_node_lost(sim, n);
	}
	sim_at(sim, down_us, K_BOOT, n, 0);
}

static void boot(struct sim *sim, uint32_t n)
{
	if (sim->daemon[n].up)
		return;
	sim_boot(sim, n);
	adopt_booted(sim, n);
	sun_boot(sim, n);
	story(sim, "%s starts, boot %u", sim->daemon[n].name, sim->daemon[n].boot);
}

static void drain(struct sim *sim, uint32_t n, bool on)
{
	struct daemon *d = &sim->daemon[n];

	if (sim_absent(sim, n) || !addr_is_node(d->addr.v) || d->draining == on)
		return;
	story(sim, "%s %s", d->name, on ? "drains" : "takes calls again");
	d->draining = on;
	sim_step(sim, n, &(struct acd_event){.type = ACD_EV_DRAIN, .on = on});
}

/* Packets pile up somewhere and then come all at once. */
static void clog_up(struct sim *sim, uint32_t n, uint64_t us)
{
	story(sim, "%s is clogged for %llu ms", sim->daemon[n].name, (unsigned long long)(us / MS));
	if (sim->clogged[n] < sim->now + us)
		sim->clogged[n] = sim->now + us;
}

/* Its machine was suspended: the monotonic clock goes on where the world's is. (Backwards it cannot
 * go: shells clamp.) */
static void jump(struct sim *sim, uint32_t n, uint64_t us)
{
	struct daemon *d = &sim->daemon[n];

	if (sim->trim.off >> OFF_CLOCKS & 1)
		return;
	story(sim, "%s: the clock jumps %llu ms ahead", d->name, (unsigned long long)(us / MS));
	d->clock_at = sim_clock(sim, n) + us;
	d->clock_set = sim->now;
	d->jumped += us;
}

static void calm(struct sim *sim)
{
	story(sim, "----- faults stop; all must converge -----");
	sim->calm = true;
	net_heal_all(sim);
	for (uint32_t i = 0; i < sim->daemons_n; i++)
		sim->clogged[i] = 0;
	for (uint32_t i = 0; i < sim->daemons_n; i++) {
		boot(sim, i);
		adopt_thaw(sim, i);
		drain(sim, i, false);
	}
	people_calm(sim);
	sim_at(sim, 1 * SEC, K_LOOK, 0, 0);
}

void faults_event(struct sim *sim, const struct event *e)
{
	if (e->kind == K_CALM)
		calm(sim);
	else if (e->kind == K_CRASH)
		crash(sim, e->n, e->id);
	else if (e->kind == K_BOOT)
		boot(sim, e->n);
	else if (e->kind == K_HEAL)
		net_cut(sim, e->n, false);
	else if (e->kind == K_MISCHIEF)
		mischief(sim, e->n);
	else if (!sim->calm && e->kind == K_CUT)
		net_cut(sim, e->n, true);
	else if (!sim->calm && e->kind == K_FREEZE)
		adopt_freeze(sim, e->n, e->id);
	else if (!sim->calm && e->kind == K_CLOG)
		clog_up(sim, e->n, e->id);
	else if (!sim->calm && e->kind == K_JUMP)
		jump(sim, e->n, e->id);
	else if (!sim->calm)
		drain(sim, e->n, e->kind == K_DRAIN);
}
