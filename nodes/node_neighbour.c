#include "nodes/node_neighbour.h"
#include "nodes/node.h"
#include "nodes/desk/desk.h"
#include "common/beat/beat.h"
#include "nodes/neighbour/lease.h"
#include "nodes/neighbour/site.h"
#include "nodes/neighbour/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	TICK_MS = 50, /* half a beat: what is due is at most so much late */
	/* The adopter answers within a round trip of one site; while it decides, it says so. */
	ASK_AGAIN_MS = 50,
	/* Who does not answer for longer is not going to. */
	ADOPTER_AWAY_MS = 300,
	/* Never heard in this life of ours: it may be starting too, and shall have its calls
	   itself. */
	UNHEARD_MS = 5000,
	LOST_MAX = 20000, /* calls of one node: calls_max */
};

/* A node that this one adopts. */
struct watched {
	const struct conf_daemon *daemon;
	struct witness witness[WITNESSES_MAX];
	struct watch watch;
	enum watch_verdict said; /* in the log */
	struct adoption *adoption;
};

struct neighbour {
	struct node *n;
	struct beats beats;
	struct tmr tmr;
	uint64_t beat_due_us, since_us;

	/* our own lease */
	const struct conf_daemon *adopter; /* NULL: nobody adopts us */
	struct witness witness[WITNESSES_MAX];
	uint32_t witnesses_n;
	struct lease lease;
	uint64_t ask_serial, ask_due_us, told_us, adopter_silent_us;
	uint32_t told_n;
	uint64_t *told; /* LOST_MAX */
	bool leaving, left;

	struct watched *watched;
	uint32_t watched_n;
	struct neighbour_status status;
};

/* ---- beats ---- */

static void beat_send(struct neighbour *nb, uint16_t to, uint16_t about, uint64_t now)
{
	Envelope env = Envelope_init_zero;
	env.which_body = Envelope_beat_tag;
	env.body.beat.sent = now;
	env.body.beat.about = about;
	(void)node_mesh_send(nb->n, to, &env, NULL, 0);
}

/* While the lease is over, the witnesses are asked about who might have adopted us. */
static void beats_send(struct neighbour *nb, uint64_t now)
{
	if (!nb->adopter)
		return;
	beat_send(nb, nb->adopter->addr, 0, now);
	for (uint32_t i = 0; i < nb->witnesses_n; i++)
		beat_send(nb, nb->witness[i].daemon->addr, nb->adopter->addr, now);
}

static void media_lease(struct neighbour *nb)
{
	media_lease_set(nb->n->media, nb->lease.until_us);
}

static void tick_h(void *arg);

static const struct witness *witness_of(const struct neighbour *nb, uint16_t addr)
{
	for (uint32_t i = 0; i < nb->witnesses_n; i++)
		if (nb->witness[i].daemon->addr == addr)
			return &nb->witness[i];
	return NULL;
}

/* silent: of whom the beat is about, since it last sent something. */
static void own_answered(struct neighbour *nb, uint16_t from, const Beat *beat, uint64_t silent,
			 uint64_t now)
{
	bool adopter = from == nb->adopter->addr;
	const struct witness *w = witness_of(nb, from);
	uint64_t until = nb->lease.until_us;
	if (!adopter && !w)
		return;
	lease_answered(&nb->lease, beat->sent, adopter, w && w->independent, now);
	if (nb->lease.until_us != until)
		media_lease(nb);
	if (nb->lease.lapsed_us && w && beat->sent >= nb->lease.lapsed_us &&
	    beat->about == nb->adopter->addr && /* not of one that we adopt */
	    (w->independent || nb->lease.alone)) {
		nb->adopter_silent_us = silent;
		tmr_start(&nb->tmr, 0, tick_h, nb); /* callers hear nothing until then */
	}
}

static void watched_said(struct neighbour *nb, uint16_t from, const Beat *beat, uint64_t silent,
			 uint64_t now)
{
	for (uint32_t k = 0; k < nb->watched_n; k++) {
		struct watched *w = &nb->watched[k];
		for (uint32_t i = 0; i < w->watch.witnesses_n; i++) {
			if (w->witness[i].daemon->addr != from)
				continue;
			w->watch.witness[i].heard_us = now;
			if (beat->about == w->daemon->addr)
				watch_said(&w->watch, i, silent, now);
		}
	}
}

static struct watched *watched_find(struct neighbour *nb, uint16_t addr)
{
	for (uint32_t i = 0; i < nb->watched_n; i++)
		if (nb->watched[i].daemon->addr == addr)
			return &nb->watched[i];
	return NULL;
}

static void got_beat(struct neighbour *nb, uint16_t from, Envelope *env, uint64_t now)
{
	Beat *beat = &env->body.beat;
	const struct watched *w = watched_find(nb, from);
	if (!beat->reply) {
		if (w && node_adoption_owes(w->adoption, env->boot))
			return; /* a machine whose clock stood still: its lease must run out */
		beats_answer(&nb->beats, beat, now);
		(void)node_mesh_send(nb->n, from, env, NULL, 0);
		return;
	}
	beats_answered(&nb->beats, from, beat->sent, now);
	uint64_t silent = beat->silent_ms * 1000ull + beats_line_us(&nb->beats, from);
	if (nb->adopter)
		own_answered(nb, from, beat, silent, now);
	watched_said(nb, from, beat, silent, now);
}

/* ---- after the lease ran out ---- */

static void ask(struct neighbour *nb, uint64_t now)
{
	Envelope env = Envelope_init_zero;
	env.which_body = Envelope_owner_ask_tag;
	env.body.owner_ask.serial = ++nb->ask_serial;
	env.body.owner_ask.leaving = nb->leaving;
	nb->told_n = 0;
	nb->ask_due_us = now + ASK_AGAIN_MS * 1000ull;
	(void)node_mesh_send(nb->n, nb->adopter->addr, &env, NULL, 0);
	beats_send(nb, now);
}

/* The core is told, so that a trace shows why nothing happened. */
static void suspend(struct node *n, bool on)
{
	struct acd_event ev = {.type = ACD_EV_SUSPEND, .on = on};
	bool held = n->time_held;
	n->time_held = true; /* it passes the gate that it describes */
	(void)node_event(n, &ev);
	n->time_held = held;
}

bool node_neighbour_lapsed(struct node *n)
{
	struct neighbour *nb = n->neighbour;
	if (!nb || !nb->adopter)
		return false;
	if (nb->lease.lapsed_us)
		return true;
	uint64_t now = mono_us();
	if (!lease_lapsed(&nb->lease, now))
		return false;
	nb->status.lapses++;
	nb->adopter_silent_us = nb->told_us = 0;
	log_warn("lease.over", "adopter=%s calls=%u late_ms=%llu", nb->adopter->name,
		 (unsigned)n->calls_n, (unsigned long long)((now - nb->lease.until_us) / 1000));
	suspend(n, true);
	ask(nb, now);
	return true;
}

/* Media speaks again behind the last leg that was closed: its commands are done in order. */
static void resumed(struct neighbour *nb, const char *why, uint64_t for_us)
{
	struct node *n = nb->n;
	suspend(n, false);
	media_lease_set(n->media, nb->lease.until_us);
	log_warn("lease.again", "why=\"%s\" lost=%u for_ms=%llu calls=%u", why,
		 (unsigned)nb->told_n, (unsigned long long)(for_us / 1000), (unsigned)n->calls_n);
	node_core_go_on(n);
}

/* The core's clock stands still until all that was adopted is let go: or its timers, late by as
 * long as we slept, would first end calls that are not ours any more. */
static void let_go(struct neighbour *nb)
{
	nb->n->time_held = true;
	for (uint32_t i = 0; i < nb->told_n; i++)
		calls_fenced(nb->n, nb->told[i]);
	nb->n->time_held = false;
}

/* ---- a stop in order ---- */

bool node_neighbour_leave(struct node *n)
{
	struct neighbour *nb = n->neighbour;
	if (!nb || !nb->adopter || !n->journal)
		return false;
	bool lapsed = node_neighbour_lapsed(n); /* then it is asked already, or given up soon */
	uint64_t now = mono_us();
	if (!lapsed &&
	    beats_silent_us(&nb->beats, nb->adopter->addr, now) > ADOPTER_AWAY_MS * 1000ull)
		return false;
	nb->leaving = true;
	if (!lapsed) {
		nb->adopter_silent_us = nb->told_us = 0;
		lease_end(&nb->lease, now);
		media_lease(nb);
		suspend(n, true);
	}
	ask(nb, now);
	return true;
}

bool node_neighbour_adopts(const struct node *n)
{
	const struct neighbour *nb = n->neighbour;
	for (uint32_t i = 0; nb && i < nb->watched_n; i++)
		if (node_adoption_busy(nb->watched[i].adoption))
			return true;
	return false;
}

bool node_neighbour_left(const struct node *n)
{
	return n->neighbour && n->neighbour->left;
}

/* The agents' registers stay as they are, silent: who talks with them was told that this node is
 * gone, and the pages come back elsewhere. */
static void leave_answered(struct neighbour *nb, bool gone, uint64_t now)
{
	uint64_t for_us = now - nb->lease.lapsed_us;
	let_go(nb); /* what it says that it has, in any case */
	if (gone) {
		nb->left = true;
		log_info("node.left", "to=%s calls=%u for_ms=%llu", nb->adopter->name,
			 (unsigned)nb->told_n, (unsigned long long)(for_us / 1000));
		desk_move_all(nb->n->desk);
	} else {
		lease_resume(&nb->lease, now);
		resumed(nb, "the neighbour takes nothing", for_us);
	}
	node_stop_left(nb->n);
}

static void got_tell(struct neighbour *nb, const OwnerTell *tell, uint64_t now)
{
	if (!nb->lease.lapsed_us || nb->left || tell->serial != nb->ask_serial)
		return;
	nb->told_us = now;
	if (tell->busy || tell->total > LOST_MAX)
		return; /* asked again by the tick */
	for (pb_size_t i = 0; i < tell->calls_count && nb->told_n < LOST_MAX; i++)
		nb->told[nb->told_n++] = tell->calls[i];
	if (nb->told_n < tell->total)
		return;
	if (nb->leaving) {
		leave_answered(nb, tell->gone, now);
		return;
	}
	uint64_t for_us = now - nb->lease.lapsed_us;
	lease_resume(&nb->lease, now);
	let_go(nb);
	resumed(nb, "the adopter has told", for_us);
	if (tell->gone)
		desk_move_all(nb->n->desk);
}

static void lapsed_tick(struct neighbour *nb, uint64_t now)
{
	uint64_t for_us = now - nb->lease.lapsed_us;
	bool answers = nb->told_us && now - nb->told_us < ADOPTER_AWAY_MS * 1000ull;
	if (!answers && lease_give_up(&nb->lease, nb->adopter_silent_us, now)) {
		nb->told_n = 0;
		resumed(nb, "the adopter does not answer", for_us);
		if (nb->leaving)
			node_stop_left(nb->n);
		return;
	}
	if (now >= nb->ask_due_us)
		ask(nb, now);
}

/* ---- the nodes that this one adopts ---- */

static void watched_tick(struct neighbour *nb, struct watched *w, bool beat, uint64_t now)
{
	bool never = !beats_heard_us(&nb->beats, w->daemon->addr);
	if (never && now < nb->since_us + UNHEARD_MS * 1000ull)
		return;
	uint64_t silent = beats_silent_us(&nb->beats, w->daemon->addr, now);
	uint32_t by = 0;
	enum watch_verdict v = watch_verdict(&w->watch, silent, now, &by);
	if (v != w->said && (v == WATCH_WAIT || w->said == WATCH_WAIT))
		log_info("neighbour.silent", "node=%s silent_ms=%llu wait_for=%s", w->daemon->name,
			 (unsigned long long)(silent / 1000),
			 v == WATCH_WAIT ? w->witness[by].daemon->name : "nobody");
	w->said = v;
	if (beat && v != WATCH_ALIVE)
		for (uint32_t i = 0; i < w->watch.witnesses_n; i++)
			beat_send(nb, w->witness[i].daemon->addr, w->daemon->addr, now);
	if (v == WATCH_SILENT)
		node_adoption_try(w->adoption, beats_boot(&nb->beats, w->daemon->addr), silent);
}

static void tick_h(void *arg)
{
	struct neighbour *nb = arg;
	/* First, for it may find right now that the lease is over: our now must not lie before
	 * that. */
	bool lapsed = node_neighbour_lapsed(nb->n);
	uint64_t now = mono_us();
	bool beat = now >= nb->beat_due_us;
	tmr_start(&nb->tmr, TICK_MS, tick_h, nb);
	(void)beats_look(&nb->beats, now);
	if (lapsed && !nb->left)
		lapsed_tick(nb, now);
	if (beat) {
		nb->beat_due_us = now + BEAT_MS * 1000ull;
		beats_send(nb, now);
	}
	for (uint32_t i = 0; i < nb->watched_n; i++)
		watched_tick(nb, &nb->watched[i], beat, now);
}

/* ---- in and out ---- */

void node_neighbour_gone(struct node *n, uint16_t node, uint32_t boot)
{
	struct acd_event ev = {.type = ACD_EV_NODE_GONE, .from = {node}, .from_boot = boot};
	(void)node_event(n, &ev);
}

/* A node speaks for its own site only. Of ourselves we hear by OWNER_TELL. */
static void got_gone(struct node *n, const Envelope *env)
{
	const NodeGone *g = &env->body.node_gone;
	if (g->node <= UINT16_MAX && g->node != n->self->addr && g->node != env->from &&
	    addr_is_node((uint16_t)g->node) && addr_is_node((uint16_t)env->from) &&
	    addr_site((uint16_t)g->node) == addr_site((uint16_t)env->from))
		node_neighbour_gone(n, (uint16_t)g->node, g->boot);
}

bool node_neighbour_got(struct node *n, Envelope *env)
{
	struct neighbour *nb = n->neighbour;
	uint16_t from = (uint16_t)env->from;
	uint64_t now = mono_us();
	if (!nb)
		return false;
	(void)beats_look(&nb->beats, now);
	beats_heard(&nb->beats, from, env->boot, now);
	struct watched *w = watched_find(nb, from);
	if (w)
		node_adoption_heard(w->adoption, env->boot);
	switch (env->which_body) {
	case Envelope_beat_tag: got_beat(nb, from, env, now); return true;
	case Envelope_owner_ask_tag:
		if (w)
			node_adoption_asked(w->adoption, env->boot, &env->body.owner_ask);
		return true;
	case Envelope_owner_tell_tag:
		if (nb->adopter && from == nb->adopter->addr)
			got_tell(nb, &env->body.owner_tell, now);
		return true;
	case Envelope_node_gone_tag: got_gone(n, env); return true;
	default: return false;
	}
}

static int watch_open(struct neighbour *nb, const struct conf_daemon *d)
{
	struct watched *w = &nb->watched[nb->watched_n];
	*w = (struct watched){.daemon = d};
	w->watch.after_us = nb->n->conf->adopt_after_ms * 1000ull;
	for (uint32_t i = 0, all = neighbour_witnesses(nb->n->conf, d, w->witness); i < all; i++) {
		if (w->witness[i].daemon == nb->n->self)
			continue; /* our own ears are counted already */
		struct witness t = w->witness[i];
		w->witness[w->watch.witnesses_n] = t;
		w->watch.witness[w->watch.witnesses_n++].independent = t.independent;
	}
	w->adoption = node_adoption_new(nb->n, d);
	nb->watched_n += w->adoption != NULL;
	return w->adoption ? 0 : ENOMEM;
}

int node_neighbour_open(struct node *n, char ret_why[256])
{
	struct neighbour *nb = calloc(1, sizeof(*nb));
	int err = nb ? beats_open(&nb->beats, n->conf, mono_us()) : ENOMEM;
	if (nb) {
		n->neighbour = nb;
		nb->n = n;
		nb->since_us = mono_us();
		tmr_init(&nb->tmr);
		nb->adopter = neighbour_adopter(n->conf, n->self);
		nb->witnesses_n = neighbour_witnesses(n->conf, n->self, nb->witness);
		nb->lease.after_us = n->conf->adopt_after_ms * 1000ull;
		nb->told = calloc(LOST_MAX, sizeof(*nb->told));
		nb->watched = calloc(n->site->daemons_n, sizeof(*nb->watched));
		if (!nb->told || !nb->watched)
			err = ENOMEM;
	}
	for (uint32_t i = 0; !err && i < n->site->daemons_n; i++) {
		const struct conf_daemon *d = &n->conf->daemons[n->site->first + i];
		if (neighbour_adopter(n->conf, d) == n->self)
			err = watch_open(nb, d);
	}
	if (err) {
		snprintf(ret_why, 256, "%s", strerror(err));
		return err;
	}
	tmr_start(&nb->tmr, TICK_MS, tick_h, nb);
	return 0;
}

void node_neighbour_close(struct node *n)
{
	struct neighbour *nb = n->neighbour;
	if (!nb)
		return;
	tmr_cancel(&nb->tmr);
	for (uint32_t i = 0; i < nb->watched_n; i++)
		node_adoption_free(nb->watched[i].adoption);
	beats_close(&nb->beats);
	free(nb->watched);
	free(nb->told);
	free(nb);
	n->neighbour = NULL;
}

void node_neighbour_status(const struct node *n, struct neighbour_status *ret)
{
	*ret = n->neighbour ? n->neighbour->status : (struct neighbour_status){0};
	const struct neighbour *nb = n->neighbour;
	for (uint32_t i = 0; nb && i < nb->watched_n; i++)
		ret->hears += nb->watched[i].said == WATCH_ALIVE &&
			      beats_heard_us(&nb->beats, nb->watched[i].daemon->addr);
	ret->watches = nb ? nb->watched_n : 0;
	ret->lapsed = n->neighbour && n->neighbour->lease.lapsed_us;
}

void node_neighbour_adopted(struct node *n, uint64_t calls, uint64_t detect_us, uint64_t adopt_us)
{
	struct neighbour_status *s = &n->neighbour->status;
	s->adopted += calls;
	if (!detect_us) /* it stopped in order: nobody need be told of a machine that is lost */
		return;
	s->adoptions++;
	s->last_detect_us = detect_us;
	s->last_adopt_us = adopt_us;
}
