/*
 * helio-sim --history TRACE…: the traces of all daemons of one host, merged by its clock and
 * stepped through real cores again; what comes out is judged by the same ledger and rules as a
 * simulated seed (rules.c). Used by chaos/: a drill has no oracle but this.
 *
 *   life = one trace: a daemon from its boot to its end. The next event of all lives is the one
 *   with the smallest time; ledger and registers are those of the sites as a whole.
 *
 * What a simulated world knows and traces do not say is derived: a life that ended left its calls
 * orphans; whose calls are adopted while it still lives was frozen, until its lease is given back.
 * A session stands for its agent, since one person may have two for a while (S10); F1, F2 are not
 * rules here but figures: how often, and by how much, somebody younger was served first.
 */
#include "tests/sim/sim.h"
#include "common/trace/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	LIVES_MAX = 128,
	FINDINGS_MAX = 50,
	/* Callers of a site who came closer together than this have no order (DESIGN §3, δ): an
	 * advert's period, four one-way delays of a slow line, and what an adoption takes. */
	DELTA_US = 3000000,
};

struct life {
	const char *path;
	FILE *file;
	struct trace_reader *reader;
	struct acd *acd;
	void *mem;
	uint32_t slot, line;
	struct acd_event ev;
	bool has, begun, cut_off;
	bool other_queues; /* taken before this event */
};

/* What a daemon was told of the hours: each learns of a change when its shell looks. */
struct hours {
	uint16_t open[QUEUES][SITES + 1];
	acd_time_us closed_at[QUEUES][SITES + 1];
};

static struct history {
	struct sim *sim;
	struct hours hours[DAEMONS_MAX];
	struct life life[LIVES_MAX];
	uint32_t lives_n;
	uint64_t agent_id[SESSIONS_MAX]; /* whose session it is */
	uint64_t events, effects, refused, digests;
	uint64_t inversions, inversion_us, drift_us;
	/* Talks whose caller's or agent's node was lost: with whom they went on. */
	acd_time_us torn_at[CALLS_MAX]; /* 0: it is not */
	uint32_t torn, rejoined, requeued;
	uint64_t rejoined_us; /* the longest */
	uint32_t findings;
	acd_time_us first;
	struct {
		acd_time_us at;
		char text[256];
	} finding[FINDINGS_MAX];
} h;

static void found(const char *text)
{
	if (h.findings < FINDINGS_MAX) {
		h.finding[h.findings].at = h.sim->now;
		snprintf(h.finding[h.findings].text, sizeof(h.finding[0].text), "%s", text);
	}
	h.findings++;
}

/* ---- lives ------------------------------------------------------------------------------- */

static uint32_t slot_of(struct acd_addr addr)
{
	struct sim *sim = h.sim;
	uint32_t i = net_find(sim, addr);
	if (i != UINT32_MAX)
		return i;
	if (sim->daemons_n == DAEMONS_MAX)
		return UINT32_MAX;
	struct daemon *d = &sim->daemon[sim->daemons_n];
	d->addr = addr;
	snprintf(d->name, sizeof(d->name), "%u.%u", addr_site(addr.v), addr_ordinal(addr.v));
	return sim->daemons_n++;
}

static int life_open(struct life *l, const char *path)
{
	l->path = path;
	l->file = fopen(path, "r");
	if (!l->file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return 1;
	}
	if (trace_reader_open(&l->reader, l->file, &l->line)) {
		fprintf(stderr, "%s:%u: not a trace that this version can read\n", path, l->line);
		return 1;
	}
	const struct acd_conf *conf = trace_reader_conf(l->reader);
	if (conf->queues_n > QUEUES) {
		fprintf(stderr, "%s: %u queues; the checker of a history knows at most %u\n", path,
			(unsigned)conf->queues_n, (unsigned)QUEUES);
		return 1;
	}
	size_t size = acd_size(conf);
	l->mem = size ? calloc(1, size) : NULL;
	l->slot = slot_of(conf->self);
	if (!l->mem || l->slot == UINT32_MAX) {
		fprintf(stderr, "%s: the core refuses its configuration, or there are too many\n",
			path);
		return 1;
	}
	l->acd = acd_init(l->mem, conf);
	for (uint32_t i = 0; i < conf->queues_n; i++)
		h.sim->queues[i] = conf->queues[i];
	return 0;
}

/* Each queue of its configuration at our number for it. */
static void queues_of(const struct life *l, struct acd_queue_conf ret[QUEUES])
{
	const struct acd_conf *conf = trace_reader_conf(l->reader);

	memcpy(ret, h.sim->daemon[l->slot].queues, QUEUES * sizeof(ret[0]));
	for (uint32_t i = 0; i < conf->queues_n; i++)
		for (uint32_t q = 0; q < QUEUES; q++)
			if (h.sim->queues[q].id.v == conf->queues[i].id.v)
				ret[q] = conf->queues[i];
}

static void life_reconf(struct life *l)
{
	size_t size = acd_size(trace_reader_conf(l->reader));
	void *mem = size ? calloc(1, size) : NULL;
	struct acd *acd = mem ? acd_reconfigure(mem, l->acd, trace_reader_conf(l->reader)) : NULL;
	if (!acd) {
		free(mem);
		return;
	}
	free(l->mem);
	l->mem = mem;
	l->acd = acd;
	l->other_queues = true;
	if (l->begun)
		h.sim->daemon[l->slot].acd = acd;
}

/* Reads on to the next event; digests on the way are compared (D1). */
static void life_next(struct life *l)
{
	for (;;) {
		enum trace_line kind;
		uint64_t wanted;
		l->has = false;
		if (trace_read(l->reader, &kind, &l->ev, &wanted, &l->line)) {
			l->cut_off = true; /* killed in the middle of a line */
			return;
		}
		if (kind == TRACE_END)
			return;
		if (kind == TRACE_EVENT) {
			l->has = true;
			return;
		}
		if (kind == TRACE_RECONF) {
			life_reconf(l);
			continue;
		}
		h.digests++;
		if (acd_digest(l->acd) != wanted)
			found("D1: a trace gives another digest when it is stepped again");
	}
}

static void life_begins(struct life *l)
{
	struct daemon *d = &h.sim->daemon[l->slot];
	l->begun = true;
	d->acd = l->acd;
	d->boot = trace_reader_conf(l->reader)->boot;
	d->up = true;
	d->frozen = d->draining = false;
	d->calls = 0;
	queues_of(l, d->queues);
	d->was_until = 0;
	l->other_queues = false;
	for (uint32_t q = 0; q < QUEUES; q++)
		for (uint32_t site = 0; site <= SITES; site++)
			h.hours[l->slot].open[q][site] = ACD_OPEN; /* until it is told */
}

static void life_ends(struct life *l)
{
	struct sim *sim = h.sim;
	struct daemon *d = &sim->daemon[l->slot];
	for (uint32_t i = 0; i < sim->calls_n; i++) {
		struct scall *c = &sim->call[i];
		if (!c->live || c->daemon != l->slot || c->orphan)
			continue;
		c->orphan = true;
		sim->orphans++;
	}
	for (uint32_t i = 0; i < sim->mix.agents; i++)
		if (sim->agent[i].daemon == l->slot && sim->agent[i].boot == d->boot)
			sim->agent[i].offer = 0;
	d->up = false;
	d->calls = 0;
	rules_life_ended(sim, l->slot);
}

/* ---- what people and shells did ---------------------------------------------------------- */

static struct scall *call_find(uint64_t id)
{
	for (uint32_t i = h.sim->calls_n; i-- > 0;)
		if (h.sim->call[i].id == id)
			return &h.sim->call[i];
	return NULL;
}

static struct scall *call_new(uint32_t d, const struct acd_event *ev)
{
	struct sim *sim = h.sim;
	if (sim->calls_n == CALLS_MAX)
		sim_fail(sim, "more calls than this checker has room for");
	struct scall *c = &sim->call[sim->calls_n++];
	*c = (struct scall){.id = ev->call.v,
			    .daemon = d,
			    .number = sim->calls_n,
			    .priority = ev->priority,
			    .arrived_at = sim->now - ev->age_us};
	while (c->queue + 1 < QUEUES && sim->queues[c->queue].id.v != ev->queue.v)
		c->queue++;
	memcpy(c->want, ev->want, sizeof(c->want));
	return c;
}

static void torn(const struct scall *c)
{
	acd_time_us *at = &h.torn_at[c - h.sim->call];
	h.torn += *at == 0;
	*at = *at ? *at : h.sim->now;
}

/* The journal's arbiter has given the call to d. */
static void adopted(uint32_t d, const struct acd_event *ev)
{
	struct sim *sim = h.sim;
	struct scall *c = call_find(ev->call.v);
	if (!c) { /* the last lines of its owner's trace died with it */
		c = call_new(d, ev);
		c->live = true;
		sim->entered++;
		sim->in_system++;
	} else if (c->orphan) {
		sim->orphans--;
	} else if (c->live && c->daemon != d) {
		sim->daemon[c->daemon].frozen = true;
		sim->daemon[c->daemon].calls -= sim->daemon[c->daemon].calls > 0;
	}
	if (ev->msg.cepoch && c->cepoch && ev->msg.cepoch <= c->cepoch)
		sim_fail(sim, "S6: call %u is adopted under an epoch that is not larger",
			 c->number);
	if (c->state == ACD_CALL_BRIDGED)
		torn(c);
	acd_time_us arrived = sim->now - ev->age_us;
	uint64_t drift =
	    arrived > c->arrived_at ? arrived - c->arrived_at : c->arrived_at - arrived;
	if (drift > h.drift_us)
		h.drift_us = drift;
	c->arrived_at = arrived;
	c->orphan = false;
	c->daemon = d;
	c->cepoch = ev->msg.cepoch;
	c->state = ACD_CALL_NONE;
	c->offer[0] = ev->msg.offer.v;
	c->offers_n = ev->msg.offer.v != 0;
	c->asking = ev->msg.state == ACD_CALL_BRIDGED;
	c->was_bridged |= c->asking;
	sim->adopted++;
}

static struct sagent *session_find(uint64_t session)
{
	for (uint32_t i = h.sim->mix.agents; i-- > 0 && session;)
		if (h.sim->agent[i].session == session)
			return &h.sim->agent[i];
	return NULL;
}

static void signed_in(uint32_t d, const struct acd_event *ev)
{
	struct sim *sim = h.sim;
	struct sagent *a = session_find(ev->session.v);
	if (!a && sim->mix.agents == SESSIONS_MAX)
		sim_fail(sim, "more sessions than this checker has room for");
	if (!a)
		a = &sim->agent[sim->mix.agents++];
	*a = (struct sagent){.skills = ev->skills,
			     .levels = ev->levels,
			     .rank = ev->rank,
			     .site = addr_site(sim->daemon[d].addr.v),
			     .daemon = d,
			     .boot = sim->daemon[d].boot,
			     .session = ev->session.v};
	h.agent_id[a - sim->agent] = ev->agent.v;
}

static void hours_told(uint32_t d, const struct acd_event *ev)
{
	struct hours *t = &h.hours[d];
	for (uint32_t q = 0; q < QUEUES && ev->site <= SITES; q++) {
		if (h.sim->queues[q].id.v != ev->queue.v)
			continue;
		if (t->open[q][ev->site] && !ev->permille)
			t->closed_at[q][ev->site] = ev->now;
		t->open[q][ev->site] = ev->permille;
	}
}

/* Before the step: what it is about. */
static void deed(uint32_t d, const struct acd_event *ev)
{
	struct sim *sim = h.sim;
	struct sagent *a = session_find(ev->session.v);
	struct scall *c;
	switch ((int)ev->type) {
	case ACD_EV_CALL_ARRIVED:
		if (call_find(ev->call.v))
			adopted(d, ev); /* a shell that brings its calls back as if they were new */
		else
			(void)call_new(d, ev);
		return;
	case ACD_EV_CALL_ADOPTED: adopted(d, ev); return;
	case ACD_EV_CALL_GONE:
		c = call_find(ev->call.v);
		if (c && ev->cause == ACD_CAUSE_CALLER_HUNG_UP)
			c->byed = true;
		return;
	case ACD_EV_AGENT_SIGN_IN: signed_in(d, ev); return;
	case ACD_EV_AGENT_SIGN_OUT:
		if (a)
			a->leaving = true;
		return;
	case ACD_EV_AGENT_ACCEPT:
		if (a && a->offer == ev->offer.v)
			rules_accepted(sim, (uint32_t)(a - sim->agent));
		return;
	case ACD_EV_AGENT_HANGUP:
		if (a && a->offer == ev->offer.v)
			rules_hung_up(sim, (uint32_t)(a - sim->agent));
		return;
	case ACD_EV_SESSION_LOST:
	case ACD_EV_SESSION_RESUMED:
		if (a)
			a->lost = ev->type == ACD_EV_SESSION_LOST;
		return;
	case ACD_EV_AGENT_SKILLS:
		if (a) {
			a->skills = ev->skills;
			a->levels = ev->levels;
			a->rank = ev->rank;
		}
		return;
	case ACD_EV_HOURS: hours_told(d, ev); return;
	case ACD_EV_DRAIN: sim->daemon[d].draining = ev->on; return;
	case ACD_EV_SUSPEND: sim->daemon[d].frozen = ev->on; return;
	default: return;
	}
}

/* ---- what the cores did about it --------------------------------------------------------- */

/* Somebody older still waits at that site for the same queue. */
static void turn_note(const struct scall *c)
{
	const struct sim *sim = h.sim;
	uint32_t site = addr_site(sim->daemon[c->daemon].addr.v);
	uint64_t worst = 0;
	for (uint32_t i = 0; i < sim->calls_n; i++) {
		const struct scall *o = &sim->call[i];
		if (!o->live || o->orphan || o->state != ACD_CALL_QUEUED || o->queue != c->queue ||
		    addr_site(sim->daemon[o->daemon].addr.v) != site ||
		    o->arrived_at + DELTA_US > c->arrived_at || o->state_at + DELTA_US > sim->now)
			continue;
		if (c->arrived_at - o->arrived_at > worst)
			worst = c->arrived_at - o->arrived_at;
	}
	h.inversions += worst > 0;
	if (worst > h.inversion_us)
		h.inversion_us = worst;
}

/* person: who talked to it before this effect. */
static void talk_note(const struct scall *c, uint8_t before, uint64_t person)
{
	acd_time_us *at = &h.torn_at[c - h.sim->call];
	if (before == ACD_CALL_BRIDGED && c->state == ACD_CALL_AWAIT_AGENT)
		torn(c);
	if (!*at || c->state == ACD_CALL_AWAIT_AGENT)
		return;
	bool same =
	    c->state == ACD_CALL_BRIDGED && c->talker && h.agent_id[c->talker - 1] == person;
	h.rejoined += same;
	h.requeued += !same && c->live; /* else the caller hung up first */
	if (same && h.sim->now - *at > h.rejoined_us)
		h.rejoined_us = h.sim->now - *at;
	*at = 0;
}

static void effect(uint32_t d, const struct acd_fx *from)
{
	struct sim *sim = h.sim;
	struct acd_fx fx = *from;
	const struct sagent *a = session_find(fx.session.v);
	struct scall *c = call_find(fx.call.v);
	if (fx.type == ACD_FX_SEND || fx.type == ACD_FX_ISLAND)
		return;
	fx.agent.v = a ? (uint32_t)(a - sim->agent) + 1 : 0;
	if ((fx.type == ACD_FX_TALK || fx.type == ACD_FX_AGENT) && a && c && c->talker &&
	    h.agent_id[c->talker - 1] == h.agent_id[fx.agent.v - 1])
		c->talker = (uint32_t)fx.agent.v; /* the same person in another session */
	bool first = c && !c->bridges;
	uint8_t before = c ? c->state : ACD_CALL_NONE;
	uint64_t person = c && c->talker ? h.agent_id[c->talker - 1] : 0;
	/* A shell that woke and was told that its neighbour has the call: it lets go. */
	if (fx.type == ACD_FX_CALL && fx.call_state == ACD_CALL_ENDED &&
	    fx.cause == ACD_CAUSE_STALE && c && c->live) {
		if (c->daemon == d && !c->orphan) {
			c->orphan = true;
			sim->orphans++;
		}
		return;
	}
	if (fx.type == ACD_FX_CALL && fx.call_state == ACD_CALL_GRANTED && !a)
		return; /* its session's trace is not here */
	memcpy(sim->open, h.hours[d].open, sizeof(sim->open));
	memcpy(sim->closed_at, h.hours[d].closed_at, sizeof(sim->closed_at));
	rules_effect(sim, d, &fx);
	if (fx.type == ACD_FX_CALL && c && c->daemon == d)
		talk_note(c, before, person);
	if (fx.type == ACD_FX_CALL && fx.call_state == ACD_CALL_BRIDGED && first)
		turn_note(c);
}

static bool guarded(uint32_t d, const struct acd_event *ev, const struct acd_fx *fx)
{
	if (setjmp(h.sim->out)) {
		found(h.sim->why);
		return false;
	}
	if (ev)
		deed(d, ev);
	else if (fx)
		effect(d, fx);
	else
		rules_after_step(h.sim, d);
	return true;
}

/* S6: who is told that another owns a call now lets go of it at once. */
static void told_off(struct life *l, const struct acd_event *ev)
{
	struct acd_call_view v;
	const struct scall *c = call_find(ev->call.v);
	uint32_t it = 0;
	if (!c || c->daemon == l->slot || ev->msg.cepoch < c->cepoch)
		return;
	while (acd_call_next(l->acd, &it, ev->now, &v))
		if (v.call.v == c->id) {
			char text[128];
			snprintf(text, sizeof(text),
				 "S6: %s was told of it and still holds call %u of %s",
				 h.sim->daemon[l->slot].name, c->number,
				 h.sim->daemon[c->daemon].name);
			found(text);
		}
}

static void step(struct life *l)
{
	static struct acd_effects fx;
	struct acd_event ev = l->ev;
	uint32_t d = l->slot;
	h.sim->now = ev.now;
	h.events++;
	if (l->other_queues) {
		struct acd_queue_conf queues[QUEUES];
		queues_of(l, queues);
		reconf_took(h.sim, d, queues);
		l->other_queues = false;
	}
	(void)guarded(d, &ev, NULL);
	if (setjmp(h.sim->out)) { /* an assertion of the core */
		found(h.sim->why);
		return;
	}
	/* What does not fit into one step the shells fetch by steps that are in the trace too. */
	h.refused += acd_step(l->acd, &ev, &fx) != ACD_OK;
	h.effects += fx.n;
	for (uint32_t i = 0; i < fx.n; i++)
		(void)guarded(d, NULL, &fx.fx[i]);
	(void)guarded(d, NULL, NULL);
	if (ev.type == ACD_EV_CALL_FENCED)
		told_off(l, &ev);
}

/* ---- the whole --------------------------------------------------------------------------- */

/* A node that was stopped is told first who has its calls, with its clock still held where it
 * stopped: that lies behind the adoption, whatever the clock says. */
static bool comes_later(const struct life *l)
{
	const struct scall *c = l->ev.type == ACD_EV_CALL_FENCED ? call_find(l->ev.call.v) : NULL;
	return c && c->live && c->daemon == l->slot && l->ev.msg.cepoch > c->cepoch;
}

static struct life *earliest(void)
{
	struct life *best = NULL, *later = NULL;
	for (uint32_t i = 0; i < h.lives_n; i++) {
		struct life *l = &h.life[i];
		if (!l->has)
			continue;
		struct life **to = comes_later(l) ? &later : &best;
		if (!*to || l->ev.now < (*to)->ev.now)
			*to = l;
	}
	return best ? best : later;
}

static void print_text(const char *s)
{
	for (; *s; s++)
		if (*s != '"' && *s != '\\' && *s >= ' ')
			putchar(*s);
}

static void print(void)
{
	const struct sim *sim = h.sim;
	uint32_t ended = 0;
	for (uint32_t i = 0; i <= ACD_OUTCOME_FAILED; i++)
		ended += sim->ended[i];
	printf("{\"events\":%" PRIu64 ",\"effects\":%" PRIu64 ",\"refused\":%" PRIu64
	       ",\"traces\":%u,\"digests\":%" PRIu64
	       ",\"entered\":%u,\"ended\":%u,\"in_system\":%u,"
	       "\"orphans\":%u,\"adopted\":%u,\"kept\":%u,\"recalled\":%u,\"talks\":%u,"
	       "\"inversions\":%" PRIu64 ",\"inversion_ms\":%" PRIu64 ",\"place_drift_ms\":%" PRIu64
	       ",\"torn\":%u,\"rejoined\":%u,\"rejoined_ms\":%" PRIu64 ",\"requeued\":%u"
	       ",\"found\":%u,\"violations\":[",
	       h.events, h.effects, h.refused, h.lives_n, h.digests, sim->entered, ended,
	       sim->in_system, sim->orphans, sim->adopted, sim->kept, sim->recalled, sim->talks,
	       h.inversions, h.inversion_us / 1000, h.drift_us / 1000, h.torn, h.rejoined,
	       h.rejoined_us / 1000, h.requeued, h.findings);
	for (uint32_t i = 0; i < h.findings && i < FINDINGS_MAX; i++) {
		const char *text = h.finding[i].text, *colon = strchr(text, ':');
		int rule = colon && colon - text < 4 ? (int)(colon - text) : 0;
		printf("%s{\"rule\":\"%.*s\",\"mono_us\":%" PRIu64 ",\"text\":\"", i ? "," : "",
		       rule, text, h.finding[i].at);
		print_text(text);
		printf("\"}");
	}
	printf("]}\n");
}

const char *history_finding(uint32_t i)
{
	return i < h.findings && i < FINDINGS_MAX ? h.finding[i].text : NULL;
}

static void forget(void)
{
	for (uint32_t i = 0; i < h.lives_n; i++) {
		trace_reader_close(h.life[i].reader);
		if (h.life[i].file)
			fclose(h.life[i].file);
		free(h.life[i].mem);
	}
	for (uint32_t i = 0; h.sim && i < DAEMONS_MAX; i++)
		h.sim->daemon[i].mem = NULL;
	sim_free(h.sim);
	memset(&h, 0, sizeof(h));
}

bool history_judge(char *const *paths, int n, const struct sim **ret_sim, uint32_t *ret_findings)
{
	bool err = n < 1 || n > LIVES_MAX;
	forget();
	h.sim = sim_new();
	helio_assert(h.sim);
	h.sim->unfair = true;
	h.sim->mix.cuts =
	    1; /* whether a message came through is not in a trace: it need not have */
	if (err)
		fprintf(stderr, "--history: 1 to %d traces\n", LIVES_MAX);
	for (int i = 0; i < n && !err; i++) {
		err = life_open(&h.life[i], paths[i]) != 0;
		h.lives_n++;
	}
	struct sim *outer = sim_current;
	sim_current = h.sim;
	for (uint32_t i = 0; i < h.lives_n && !err; i++)
		life_next(&h.life[i]);
	for (struct life *l; !err && (l = earliest());) {
		if (!l->begun)
			life_begins(l);
		step(l);
		life_next(l);
		if (!l->has)
			life_ends(l);
	}
	sim_current = outer;
	*ret_sim = h.sim;
	*ret_findings = h.findings;
	return !err;
}

int history(char *const *paths, int n)
{
	const struct sim *seen;
	uint32_t findings;
	bool read = history_judge(paths, n, &seen, &findings);
	if (read)
		print();
	forget();
	return !read ? 1 : findings ? 3 : 0;
}
