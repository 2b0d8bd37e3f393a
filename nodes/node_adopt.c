/*
 * Taking over the calls of a neighbour that is dead (DESIGN §6).
 *
 *   silent on the mesh ─► journal_load(its name, our own Redis) ─► its heartbeat stopped there too?
 *        no: somebody is mistaken, look again            yes: NODE_GONE to all, each call claimed
 *   claimed (compare-and-set in our Redis) ─► call_return(): its dialog, its age, a leg of ours,
 *        re-INVITE to the caller; one that the other took back itself is lost to us: good
 *
 * One that stops in order asks for it (OWNER_ASK, leaving): nobody need fall silent first.
 *
 * What was won is remembered for as long as the other's life could go on: if it only slept, it
 * asks.
 */
#include "nodes/node_neighbour.h"
#include "nodes/node.h"
#include "nodes/node_return.h"
#include "nodes/journal/journal.h"
#include "common/live/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* Of the one second for adoption; three hundred calls are read in a tenth of it. */
	LOAD_DEADLINE_MS = 400,
	/* Its heartbeat reached Redis up to one beat before its last message reached us. */
	BEAT_SLACK_MS = 200,
	TELL_MAX = sizeof(((OwnerTell *)0)->calls) / sizeof(((OwnerTell *)0)->calls[0]),
};

enum adoption_state {
	ADOPTION_NONE,
	ADOPTION_LOADING,
	ADOPTION_CLAIMING,
	ADOPTION_DONE,
};

struct adoption {
	struct node *n;
	const struct conf_daemon *of;
	enum adoption_state state;
	uint32_t boot;   /* of the life that ended */
	bool heard;      /* meanwhile: it is not dead */
	bool asked;      /* it leaves, and asked for this: it may be heard */
	uint32_t left;   /* that life has left, and knows what was taken; 0: none has */
	bool gone;       /* NODE_GONE was said of this life */
	bool incomplete; /* not all could be read: once more */
	uint64_t silent_us, since_us, decided_us;
	struct list found; /* struct returning: read, not claimed yet */
	uint32_t claims, won_now;
	uint64_t *won; /* calls of this life that are ours */
	uint32_t won_n, won_cap;
};

static void finish(struct adoption *a)
{
	uint64_t now = mono_us();
	a->state = a->incomplete ? ADOPTION_NONE : ADOPTION_DONE;
	log_warn("node.adopted", "node=%s calls=%u detect_ms=%llu adopt_ms=%llu complete=%d",
		 a->of->name, (unsigned)a->won_now, (unsigned long long)(a->silent_us / 1000),
		 (unsigned long long)((now - a->since_us) / 1000), !a->incomplete);
	node_neighbour_adopted(a->n, a->won_now, a->silent_us, now - a->since_us);
}

static int won_add(struct adoption *a, uint64_t call)
{
	if (a->won_n == a->won_cap) {
		uint32_t cap = a->won_cap ? 2 * a->won_cap : 64;
		uint64_t *p = realloc(a->won, cap * sizeof(*p));
		if (!p)
			return ENOMEM;
		a->won = p;
		a->won_cap = cap;
	}
	a->won[a->won_n++] = call;
	return 0;
}

static void claimed(uint64_t call, bool won, void *arg)
{
	struct adoption *a = arg;
	if (won) {
		a->won_now++;
		if (won_add(a, call))
			log_error("adopt.memory", "remedy=\"more memory\"");
	}
	helio_assert(a->claims > 0);
	if (--a->claims == 0 && a->state == ADOPTION_CLAIMING)
		finish(a);
}

static void gone_tell(const struct adoption *a)
{
	const struct conf *conf = a->n->conf;
	for (uint32_t i = 0; i < conf->daemons_n; i++) {
		const struct conf_daemon *d = &conf->daemons[i];
		if (d == a->n->self || d == a->of)
			continue;
		Envelope env = Envelope_init_zero;
		env.which_body = Envelope_node_gone_tag;
		env.body.node_gone.node = a->of->addr;
		env.body.node_gone.boot = a->boot;
		(void)node_mesh_send(a->n, d->addr, &env, NULL, 0);
	}
}

static void entry_h(const struct journal_loaded *e, void *arg)
{
	struct adoption *a = arg;
	struct returning *r = returning_new(a->n, e, a->of, claimed, a);
	if (r)
		list_append(&a->found, returning_le(r), r);
	else if (e->kind == JOURNAL_CALL)
		a->incomplete = true; /* no memory just now */
}

/* By the clock of Redis alone, which is our own machine's. */
static bool journal_silent(const struct adoption *a, const struct journal_load_result *res)
{
	uint64_t after_us = live_base(a->n->live)->adopt_after_ms * 1000ull; /* as its lease */
	for (uint32_t i = 0; i < res->beats_n; i++) {
		if (res->beats[i].boot > a->boot)
			return false; /* it has started anew: its calls are its own business */
		if (res->beats[i].silent_us + BEAT_SLACK_MS * 1000ull < after_us)
			return false;
	}
	return true;
}

static void decide(struct adoption *a, const struct journal_load_result *res)
{
	a->incomplete = a->incomplete || !res->complete;
	if (!a->boot) {
		if (!res->beats_n) { /* it has left nothing here */
			a->state = ADOPTION_DONE;
			a->gone = true;
			return;
		}
		a->boot = res->beats[0].boot;
	}
	if (!a->asked && (a->heard || !journal_silent(a, res))) {
		log_info("adopt.not_dead", "node=%s heard=%d", a->of->name, a->heard);
		list_flush(&a->found);
		a->state = ADOPTION_NONE;
		return;
	}
	a->state = ADOPTION_CLAIMING;
	a->won_now = 0;
	if (!a->gone) {
		log_warn(a->asked ? "node.leaves" : "node.dead",
			 "node=%s boot=%u silent_ms=%llu calls=%u", a->of->name, (unsigned)a->boot,
			 (unsigned long long)(a->silent_us / 1000), (unsigned)res->entries);
		a->gone = true;
		gone_tell(a);
		node_neighbour_gone(a->n, a->of->addr, a->boot);
	}
	a->claims = 1; /* ours, while they are made */
	for (struct le *le = a->found.head; le;) {
		struct returning *r = le->data;
		le = le->next;
		a->claims++;
		if (returning_claim(r, JOURNAL_OWN))
			a->claims--;
	}
	node_journal_arm(a->n);
	if (--a->claims == 0)
		finish(a);
}

static void done_h(const struct journal_load_result *res, void *arg)
{
	decide(arg, res);
}

bool node_adoption_busy(const struct adoption *a)
{
	return a->state == ADOPTION_LOADING || a->state == ADOPTION_CLAIMING;
}

static void try(struct adoption *a, uint32_t boot, uint64_t silent_us, bool asked)
{
	const struct journal_load_handlers h = {.entry_h = entry_h, .done_h = done_h, .arg = a};
	struct node *n = a->n;
	if (boot && boot == a->left)
		return; /* there is no more to it */
	if (!n->journal || n->loading || n->stop_by_us || node_adoption_busy(a) ||
	    (a->state == ADOPTION_DONE && (a->boot == boot || !boot) && a->gone) ||
	    !journal_is_up(n->journal, JOURNAL_OWN) || node_neighbour_lapsed(n))
		return;
	if (a->boot != boot)
		a->won_n = 0;
	a->boot = boot;
	a->heard = a->incomplete = false;
	a->asked = asked;
	a->silent_us = silent_us;
	a->since_us = mono_us();
	if (journal_load(n->journal, JOURNAL_OWN, a->of->name, LOAD_DEADLINE_MS, &h, a->since_us))
		return; /* another one is being read: the next tick */
	a->state = ADOPTION_LOADING;
	node_journal_arm(n);
}

void node_adoption_try(struct adoption *a, uint32_t boot, uint64_t silent_us)
{
	try(a, boot, silent_us, false);
}

void node_adoption_heard(struct adoption *a, uint32_t boot)
{
	a->heard = true;
	if (boot > a->boot && a->state == ADOPTION_DONE) {
		a->state = ADOPTION_NONE;
		a->gone = false;
		a->won_n = 0;
	}
}

bool node_adoption_owes(const struct adoption *a, uint32_t boot)
{
	return a->gone && a->boot == boot;
}

void node_adoption_asked(struct adoption *a, uint32_t boot, const OwnerAsk *ask)
{
	if (ask->leaving && !(a->gone && a->boot == boot))
		try(a, boot, 0, true);
	bool same = a->boot == boot;
	/* Asked before our answer came, it must not hear another one now. */
	bool gone = same && (a->gone || (boot && a->left == boot));
	uint32_t total = same ? a->won_n : 0, at = 0;
	bool busy = same && node_adoption_busy(a);
	do {
		Envelope env = Envelope_init_zero;
		env.which_body = Envelope_owner_tell_tag;
		OwnerTell *t = &env.body.owner_tell;
		t->serial = ask->serial;
		t->busy = busy;
		t->gone = gone;
		t->total = total;
		for (; at < total && t->calls_count < TELL_MAX && !busy; at++)
			t->calls[t->calls_count++] = a->won[at];
		(void)node_mesh_send(a->n, a->of->addr, &env, NULL, 0);
	} while (at < total && !busy);
	if (busy)
		return;
	if (same && a->gone && ask->leaving)
		a->left = boot;
	else if (same && a->gone)
		log_warn("node.back", "node=%s lost=%u", a->of->name, (unsigned)total);
	/* It knows now: it may die once more. What it lost stays known. */
	a->gone = false;
	a->state = ADOPTION_NONE;
}

struct adoption *node_adoption_new(struct node *n, const struct conf_daemon *of)
{
	struct adoption *a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->n = n;
	a->of = of;
	list_init(&a->found);
	return a;
}

struct adoption *node_adoption_free(struct adoption *a)
{
	if (!a)
		return NULL;
	list_flush(&a->found);
	free(a->won);
	free(a);
	return NULL;
}
