/*
 * What the shells do when a node dies (DESIGN §6): a journal that lags, a node that comes back and
 * reads it, a neighbour that takes over, a node that was frozen and asks before it says a word.
 * The arbiter's compare-and-set is `scall.daemon`: one thread, so one winner.
 */
#include "tests/sim/sim.h"

#include <string.h>

enum {
	DETECT_MS = 600, /* a neighbour's silence; the lease is shorter: who was frozen for less
			    goes on as if nothing had been */
	LEASE_MS = 400,
};

/* The shell writes what a successor needs: that it waits, or with whom it talks. Grants are not
 * worth a write (the agent's register knows). */
void adopt_note(struct sim *sim, struct scall *c, const struct acd_fx *fx)
{
	struct sjournal j = {.state = ACD_CALL_QUEUED};

	if (fx->call_state == ACD_CALL_BRIDGED)
		j = (struct sjournal){.state = ACD_CALL_BRIDGED,
				      .offer = fx->offer.v,
				      .session = fx->session.v,
				      .agent = (uint32_t)fx->agent.v,
				      .node = fx->peer};
	else if (fx->call_state == ACD_CALL_GRANTED || fx->call_state == ACD_CALL_AWAIT_AGENT)
		return;
	if (j.state == c->journal.state && j.offer == c->journal.offer)
		return;
	c->journal_before = c->journal;
	c->journal = j;
	c->journal_at = sim->now;
}

void adopt_crashed(struct sim *sim, uint32_t d)
{
	for (uint32_t i = 0; i < sim->calls_n; i++) {
		struct scall *c = &sim->call[i];
		if (!c->live || c->daemon != d || c->orphan)
			continue;
		if (c->journal_at + sim->mix.journal_us > sim->now)
			c->journal = c->journal_before;
		if (c->journal.state == ACD_CALL_NONE ||
		    rng_permille(&c->rng, sim->mix.unprotected_pm)) {
			rules_lost(sim, c);
			continue;
		}
		c->orphan = true;
		sim->orphans++;
	}
	sim->daemon[d].calls = 0;
	if (sim->mix.neighbours)
		sim_at(sim, rng_range(&sim->net_rng, DETECT_MS * MS, 2 * DETECT_MS * MS), K_ADOPT,
		       d, 0);
}

void adopt_booted(struct sim *sim, uint32_t d)
{
	if (!addr_is_node(sim->daemon[d].addr.v))
		return;
	sim_step(sim, d, &(struct acd_event){.type = ACD_EV_RECOVER, .on = true});
	sim_at(sim, rng_range(&sim->net_rng, 5 * MS, 300 * MS), K_RESTORE, d, sim->daemon[d].boot);
}

/* c becomes d's. */
static void take(struct sim *sim, struct scall *c, uint32_t d)
{
	uint64_t before = c->cepoch;
	const struct sjournal *j = &c->journal;
	struct acd_event ev = {.type = ACD_EV_CALL_ADOPTED,
			       .call = {c->id},
			       .queue = sim->queues[c->queue].id,
			       .priority = c->priority,
			       .age_us = sim->now - c->arrived_at,
			       .on = c->stays,
			       .msg = {.version = before,
				       .state = j->state,
				       .offer = {j->offer},
				       .session = {j->session},
				       .agent = {j->agent ? pages_person(sim, j->agent - 1) + 1
							  : 0},
				       .node = j->node}};

	memcpy(ev.want, c->want, sizeof(ev.want));
	ev.msg.cepoch = (before / 64 + 1) * 64 + addr_ordinal(sim->daemon[d].addr.v);
	story(sim, "%s adopts call %u, %s by the journal", sim->daemon[d].name, c->number,
	      acd_call_state_name(j->state));
	if (c->orphan)
		sim->orphans--;
	else
		sim->daemon[c->daemon].calls--; /* a frozen owner's */
	c->orphan = false;
	c->daemon = d;
	c->cepoch = ev.msg.cepoch;
	c->jumped = sim->daemon[d].jumped;
	c->state = ACD_CALL_NONE;
	c->offer[0] = j->offer;
	c->offers_n = j->offer != 0;
	sim->adopted++;
	c->asking = j->state == ACD_CALL_BRIDGED;
	enum acd_verdict v = sim_step(sim, d, &ev);
	if (v == ACD_REFUSED_LIMIT)
		rules_lost(sim, c);
	else if (v != ACD_OK)
		sim_fail(sim, "S5: %s cannot adopt call %u: verdict %d", sim->daemon[d].name,
			 c->number, (int)v);
}

static void take_all(struct sim *sim, uint32_t from, uint32_t d)
{
	for (uint32_t i = 0; i < sim->calls_n; i++)
		if (sim->call[i].live && sim->call[i].daemon == from)
			take(sim, &sim->call[i], d);
}

static void seen(struct sim *sim, uint32_t d, uint32_t agent)
{
	const struct sagent *a = &sim->agent[agent];
	struct acd_event ev = {.type = ACD_EV_AGENT_SEEN,
			       .agent = {pages_person(sim, agent) + 1},
			       .session = {a->session},
			       .from = sim->daemon[a->daemon].addr};

	if (a->session && !sim_absent(sim, d) && addr_is_node(sim->daemon[d].addr.v) &&
	    sim_step(sim, d, &ev) != ACD_OK)
		sim_fail(sim, "%s does not want to know where agent %u is", sim->daemon[d].name,
			 agent + 1);
}

/* It tells who it is; the others tell it what they have. */
static void restore(struct sim *sim, uint32_t d)
{
	for (uint32_t i = 0; i < sim->calls_n; i++)
		if (sim->call[i].live && sim->call[i].daemon == d && sim->call[i].orphan)
			take(sim, &sim->call[i], d);
	sim_step(sim, d, &(struct acd_event){.type = ACD_EV_RECOVER});
	for (uint32_t n = 0; n < pages_sessions(sim); n++)
		if (!sim->agent[n].leaving)
			seen(sim, d, n);
}

/* The next node of the site. Never across sites. */
static void neighbour_takes(struct sim *sim, uint32_t from)
{
	const struct daemon *dead = &sim->daemon[from];

	if (!sim_absent(sim, from) || (dead->up && sim->now < dead->frozen_at + DETECT_MS * MS))
		return;
	for (uint32_t d = 0; d < sim->daemons_n; d++) {
		if (d == from || sim_absent(sim, d) || !addr_is_node(sim->daemon[d].addr.v) ||
		    addr_site(sim->daemon[d].addr.v) != addr_site(dead->addr.v))
			continue;
		take_all(sim, from, d);
		return;
	}
}

void adopt_freeze(struct sim *sim, uint32_t d, uint64_t us)
{
	struct daemon *x = &sim->daemon[d];

	if (sim_absent(sim, d) || !addr_is_node(x->addr.v))
		return;
	story(sim, "%s is frozen for %llu ms", x->name, (unsigned long long)(us / MS));
	x->frozen = true;
	x->frozen_at = sim->now;
	x->thaw_at = sim->now + us;
	sim_at(sim, us, K_THAW, d, x->boot);
	if (sim->mix.neighbours && us > DETECT_MS * MS)
		sim_at(sim, rng_range(&sim->net_rng, DETECT_MS * MS, 2 * DETECT_MS * MS), K_ADOPT,
		       d, 0);
}

/* Awake. Its lease ran out meanwhile: not a word before it knows what is still its own. */
void adopt_thaw(struct sim *sim, uint32_t d)
{
	struct daemon *x = &sim->daemon[d];

	if (!x->up || !x->frozen || sim->now < x->frozen_at)
		return;
	bool expired = sim->now >= x->frozen_at + LEASE_MS * MS;
	x->thaw_at = sim->now + (expired ? 4 * sim->mix.lan_us : 0);
	sim_at(sim, x->thaw_at - sim->now, K_ASKED, d, x->boot);
}

static void asked(struct sim *sim, uint32_t d)
{
	story(sim, "%s is awake", sim->daemon[d].name);
	sim_step(sim, d, &(struct acd_event){.type = ACD_EV_SUSPEND, .on = true});
	for (uint32_t i = 0; i < sim->calls_n; i++) {
		const struct scall *c = &sim->call[i];
		struct acd_call_view v;
		struct acd_event ev = {
		    .type = ACD_EV_CALL_FENCED, .call = {c->id}, .msg = {.cepoch = c->cepoch}};
		if (c->daemon != d && acd_call_get(sim->daemon[d].acd, ev.call, 0, &v) &&
		    sim_step(sim, d, &ev) != ACD_OK)
			sim_fail(sim, "S6: %s does not let go of call %u", sim->daemon[d].name,
				 c->number);
	}
	sim->daemon[d].frozen = false;
	sim->daemon[d].thawed_at = sim->now;
	sun_boot(sim, d); /* what its shell sees on the clock now */
	sim_step(sim, d, &(struct acd_event){.type = ACD_EV_SUSPEND});
	if (sim->calm && sim->daemon[d].draining) { /* it was frozen when all were told to serve */
		sim->daemon[d].draining = false;
		sim_step(sim, d, &(struct acd_event){.type = ACD_EV_DRAIN});
	}
}

void adopt_seen(struct sim *sim, uint32_t agent)
{
	const struct sagent *a = &sim->agent[agent];

	for (uint32_t d = 0; d < sim->daemons_n; d++) {
		bool near = addr_site(sim->daemon[d].addr.v) == a->site;
		uint64_t delay = near ? sim->mix.lan_us : sim->mix.wan_us;
		if (d != a->daemon && sim->cut_links[a->daemon][d] == 0)
			sim_at(sim, delay, K_SEEN, d, agent);
	}
}

/* The desk remembers where the agent signed in last. */
void adopt_awaits(struct sim *sim, uint32_t d, const struct acd_fx *fx)
{
	if (!fx->agent.v)
		return;
	uint32_t n = pages_newest(sim, (uint32_t)fx->agent.v - 1);
	if (sim->agent[n].session != fx->session.v)
		sim_at(sim, 0, K_SEEN, d, n);
}

void adopt_event(struct sim *sim, const struct event *e)
{
	const struct daemon *d = &sim->daemon[e->n];

	if (e->kind == K_THAW && d->boot == e->id)
		adopt_thaw(sim, e->n);
	else if (e->kind == K_ASKED && d->boot == e->id && d->up && d->frozen &&
		 sim->now >= d->thaw_at)
		asked(sim, e->n);
	else if (e->kind == K_RESTORE && d->boot == e->id && !sim_absent(sim, e->n))
		restore(sim, e->n);
	else if (e->kind == K_RESTORE && d->boot == e->id && d->up)
		sim_at(sim, 100 * MS, K_RESTORE, e->n, e->id);
	else if (e->kind == K_ADOPT)
		neighbour_takes(sim, e->n);
	else if (e->kind == K_SEEN)
		seen(sim, e->n, (uint32_t)e->id);
}
