/* After the faults: L1 on samples, everybody served in the end, both sides of every offer agreed,
 * brokers knowing the truth. */
#include "tests/sim/sim.h"

enum {
	LOOK_EVERY_MS = 100,
	SETTLE_MS = 5000,     /* L3: healing converges in 5 s */
	PATIENCE_MS = 180000, /* then a caller who still waits waits for ever */
	REST_MS = 4000,       /* after the last call: announcements and endings run dry */
};

static acd_time_us later(acd_time_us a, acd_time_us b)
{
	return a > b ? a : b;
}

static bool eligible(const struct sim *sim, const struct scall *c, const struct sagent *a)
{
	const struct acd_queue_conf *q = &sim->queues[c->queue];
	bool here = addr_site(sim->daemon[c->daemon].addr.v) == a->site;

	uint64_t after = queues_able_after(sim, c->queue, a);

	uint64_t waited = sim->now - c->arrived_at, agent = (uint64_t)(a - sim->agent);

	if (after == UINT64_MAX || waited < after || !sim->open[c->queue][a->site])
		return false;
	/* since long enough, too: steps begin and end */
	for (uint64_t ago = 0; ago <= 2 * SEC && ago <= waited; ago += 100 * MS)
		if (!queues_wanted(sim, c, (uint32_t)agent, waited - ago))
			return false;
	bool closed = !sim->open[c->queue][addr_site(sim->daemon[c->daemon].addr.v)];
	return here || q->overflow_no_idle || (closed && q->overflow_closed) ||
	       (q->overflow_timed && sim->now - c->arrived_at > q->overflow_after_ms * MS);
}

/* L1: since when could these two have met? */
static void check_pair(struct sim *sim, const struct scall *c, uint32_t n)
{
	const struct sagent *a = &sim->agent[n];
	acd_time_us since = later(c->state_at, a->state_at);
	uint64_t bound = 1 * SEC + 2 * 2 * sim->mix.wan_us;

	uint32_t site = addr_site(sim->daemon[c->daemon].addr.v);
	if (site != a->site && !sim->queues[c->queue].overflow_no_idle &&
	    !(sim->queues[c->queue].overflow_closed && !sim->open[c->queue][site]))
		since = later(since, c->arrived_at + sim->queues[c->queue].overflow_after_ms * MS);
	since = later(since, c->arrived_at + queues_able_after(sim, c->queue, a));
	since = later(since, sim->mix.calm_at + SETTLE_MS * MS);
	if (sim->now > since + bound)
		sim_fail(sim,
			 "L1: call %u (queue %u, %s) waits and agent %u (site %u) is idle, "
			 "for %llu ms",
			 c->number, sim->queues[c->queue].id.v, sim->daemon[c->daemon].name, n + 1,
			 a->site, (unsigned long long)((sim->now - since) / MS));
}

/* Calls nobody on duty will ever be able to serve need not be waited for. */
static bool could(const struct sim *sim, const struct scall *c, const struct sagent *a)
{
	struct scall later_on = *c;

	later_on.arrived_at = 0; /* after all that waiting brings */
	return eligible(sim, &later_on, a);
}

static bool hopeless(const struct sim *sim, const struct scall *c)
{
	if (c->state != ACD_CALL_QUEUED || sun_ends(sim, c->queue))
		return false;
	for (uint32_t n = 0; n < sim->mix.agents; n++)
		if (could(sim, c, &sim->agent[n]))
			return false;
	return true;
}

/* No call is left that could be served, and for a while nothing more has happened. */
static void notice_rest(struct sim *sim)
{
	bool left = sim->now < sim->mix.last_arrival + SETTLE_MS * MS;

	for (uint32_t i = 0; i < sim->calls_n; i++)
		left |= sim->call[i].live && !hopeless(sim, &sim->call[i]);
	if (left)
		sim->drained_at = 0;
	else if (!sim->drained_at)
		sim->drained_at = sim->now;
	/* somebody whom nobody can serve may still hang up: let the announcement arrive */
	sim->settled = sim->drained_at && sim->now > sim->drained_at + REST_MS * MS &&
		       sim->now > sim->moved_at + 1 * SEC;
}

void live_look(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->calls_n; i++) {
		const struct scall *c = &sim->call[i];
		if (!c->live || c->state != ACD_CALL_QUEUED)
			continue;
		sun_look(sim, c);
		for (uint32_t n = 0; n < pages_sessions(sim); n++) {
			const struct sagent *a = &sim->agent[n];
			if (a->session && a->state == ACD_AGENT_IDLE && eligible(sim, c, a))
				check_pair(sim, c, n);
		}
	}
	pages_look(sim);
	if (sim->now > sim->mix.calm_at + PATIENCE_MS * MS)
		sim_fail(sim, "L1: %u calls are still in the system, long after the faults",
			 sim->in_system);
	notice_rest(sim);
	sim_at(sim, LOOK_EVERY_MS * MS, K_LOOK, 0, 0);
}

static void check_agents(struct sim *sim, uint32_t d)
{
	struct acd_agent_view v;
	uint32_t it = 0;

	while (acd_agent_next(sim->daemon[d].acd, &it, sim_clock(sim, d), &v))
		if (v.offer.v)
			sim_fail(sim, "L2: agent %u is %s for a call that is gone",
				 (unsigned)v.agent.v, acd_agent_state_name(v.state));
}

static void check_broker(struct sim *sim, uint32_t d)
{
	struct acd_queue_view q, mine;
	uint32_t it = 0;

	while (acd_queue_next(sim->daemon[d].acd, &it, sim_clock(sim, d), &q)) {
		uint32_t waiting = 0, idle = 0;
		for (uint32_t i = 0; i < sim->daemons_n; i++) {
			uint32_t at = 0; /* each numbers its queues by itself */
			if (!addr_is_node(sim->daemon[i].addr.v) ||
			    addr_site(sim->daemon[i].addr.v) != addr_site(sim->daemon[d].addr.v))
				continue;
			while (acd_queue_next(sim->daemon[i].acd, &at, sim_clock(sim, i), &mine))
				if (mine.queue.v == q.queue.v)
					break;
			waiting += mine.waiting;
			idle += mine.idle;
		}
		if (q.waiting != waiting || q.idle != idle)
			sim_fail(sim,
				 "L3: %s believes %u waiting and %u idle in queue %u, truly %u "
				 "and %u",
				 sim->daemon[d].name, q.waiting, q.idle, q.queue.v, waiting, idle);
	}
}

void live_end(struct sim *sim)
{
	for (uint32_t d = 0; d < sim->daemons_n; d++) {
		if (sim->daemon[d].island)
			sim_fail(sim, "L3: %s is still an island", sim->daemon[d].name);
		if (addr_is_node(sim->daemon[d].addr.v))
			check_agents(sim, d);
		else
			check_broker(sim, d);
	}
}
