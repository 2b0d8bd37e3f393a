/* The network between daemons: links that delay, lose, double, overtake and are cut, one way too.
 */
#include "tests/sim/sim.h"

uint32_t net_find(const struct sim *sim, struct acd_addr addr)
{
	for (uint32_t i = 0; i < sim->daemons_n; i++)
		if (sim->daemon[i].addr.v == addr.v)
			return i;
	return UINT32_MAX;
}

static bool hint(enum acd_msg_type t)
{
	return t <= ACD_MSG_AGENT_ADVERT;
}

static void post(struct sim *sim, uint32_t from, uint32_t to, const struct acd_msg *m,
		 uint64_t late_us)
{
	bool same_site = addr_site(sim->daemon[from].addr.v) == addr_site(sim->daemon[to].addr.v);
	uint64_t delay = same_site ? sim->mix.lan_us : sim->mix.wan_us;
	acd_time_us at = sim->now + delay + late_us;

	if (sim->mix.jitter_us && !sim->calm)
		at += rng_below(&sim->net_rng,
				same_site ? sim->mix.jitter_us / 8 : sim->mix.jitter_us);
	if (!sim->mix.reorder || sim->calm) {
		if (at < sim->link_free[from][to])
			at = sim->link_free[from][to];
		sim->link_free[from][to] = at;
	}
	acd_time_us clog =
	    sim->clogged[from] > sim->clogged[to] ? sim->clogged[from] : sim->clogged[to];
	if (at < clog)
		at = clog;
	struct event *e = sim_event(sim, at, K_MAIL);
	e->mail = (struct mail){from, to, sim->daemon[from].boot, *m};
}

void net_send(struct sim *sim, uint32_t from, const struct acd_fx *fx)
{
	uint32_t to = net_find(sim, fx->to);

	if (to == UINT32_MAX)
		sim_fail(sim, "%s sends %s to nobody (%x)", sim->daemon[from].name,
			 acd_msg_name((uint8_t)fx->msg.type), fx->to.v);
	if (to == from) { /* the shell loops it back: at once, in order, never lost */
		sim_event(sim, sim->now, K_MAIL)->mail =
		    (struct mail){from, to, sim->daemon[from].boot, fx->msg};
		return;
	}
	bool quiet = hint(fx->msg.type);
	if (sim->cut_links[from][to] > 0 ||
	    (!sim->calm && rng_permille(&sim->net_rng, sim->mix.loss_pm))) {
		if (!quiet)
			story(sim, "%s -x> %s %s", sim->daemon[from].name, sim->daemon[to].name,
			      story_msg(sim, &fx->msg));
		return;
	}
	post(sim, from, to, &fx->msg, 0);
	if (sim->calm || !rng_permille(&sim->net_rng, sim->mix.dup_pm))
		return;
	/* Who owns a call may be said by somebody who owned it long ago. */
	bool late =
	    sim->mix.reorder && fx->msg.type >= ACD_MSG_OWNER && rng_below(&sim->net_rng, 2);
	post(sim, from, to, &fx->msg, late ? rng_below(&sim->net_rng, 4 * SEC) : 0);
}

/* The kernel of a dead broker closes its links, if it lives; a node looks at those it has claimed
 * over. */
static void link_down(struct sim *sim, const struct mail *mail)
{
	struct daemon *from = &sim->daemon[mail->from];
	struct acd_event ev = {.type = ACD_EV_NODE_GONE, .from = sim->daemon[mail->to].addr};

	if (mail->msg.type == ACD_MSG_CLAIM && !sim->daemon[mail->to].mute && from->up &&
	    !from->frozen && from->boot == mail->boot)
		(void)sim_step(sim, mail->from, &ev);
}

void net_mail(struct sim *sim, const struct mail *mail)
{
	struct daemon *to = &sim->daemon[mail->to];

	if (!to->up) {
		link_down(sim, mail);
		return;
	}
	if (to->frozen) { /* it lies in a buffer */
		sim_event(sim, to->thaw_at > sim->now ? to->thaw_at : sim->now + 1 * MS, K_MAIL)
		    ->mail = *mail;
		return;
	}
	struct acd_event ev = {.type = ACD_EV_MSG,
			       .from = sim->daemon[mail->from].addr,
			       .from_boot = mail->boot,
			       .msg = mail->msg};
	if (!hint(mail->msg.type))
		story(sim, "%s -> %s %s", sim->daemon[mail->from].name, to->name,
		      story_msg(sim, &mail->msg));
	/* A message to oneself does not survive a restart. */
	if (mail->from == mail->to && mail->boot != to->boot)
		return;
	if (sim_step(sim, mail->to, &ev) == ACD_REFUSED_INVALID)
		sim_fail(sim, "%s refuses %s of the honest %s as invalid", to->name,
			 acd_msg_name((uint8_t)mail->msg.type), sim->daemon[mail->from].name);
}

/* kind 0: two sites; 1: two sites, one way; 2: one daemon from all; 3: a node from its brokers;
 * 4: one daemon does not reach another, while it hears it */
static bool touches(const struct sim *sim, const struct cut *c, uint32_t from, uint32_t to)
{
	uint32_t fs = addr_site(sim->daemon[from].addr.v), ts = addr_site(sim->daemon[to].addr.v);

	switch (c->kind) {
	case 0: return (fs == c->a && ts == c->b) || (fs == c->b && ts == c->a);
	case 1: return fs == c->a && ts == c->b;
	case 2: return from == c->a || to == c->a;
	case 4: return from == c->a && to == c->b;
	default:
		return fs == ts && ((from == c->a && addr_is_broker(sim->daemon[to].addr.v)) ||
				    (to == c->a && addr_is_broker(sim->daemon[from].addr.v)));
	}
}

void net_cut(struct sim *sim, uint32_t n, bool on)
{
	struct cut *c = &sim->cut[n];

	if (c->on == on)
		return;
	c->on = on;
	story(sim, "cut %u (kind %u, %u, %u) %s", n, c->kind, c->a, c->b, on ? "begins" : "heals");
	for (uint32_t i = 0; i < sim->daemons_n; i++)
		for (uint32_t k = 0; k < sim->daemons_n; k++)
			if (i != k && touches(sim, c, i, k))
				sim->cut_links[i][k] += on ? 1 : -1;
}

void net_heal_all(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->cuts_n; i++)
		net_cut(sim, i, false);
}
