/*
 * Do the waits that the core produces agree with queueing theory? One node on its own (an island:
 * both registers and the matcher), n agents, callers at random, no network. Calls are answered as
 * soon as they ring, so the wait is the core's and nothing else's.
 *
 *   M/M/n    Erlang C: P(wait) = C(n, a), E(wait) = C / (n·mu − lambda)
 *   M/M/n+M  Erlang A: callers give up after an exponential patience; the stationary
 *            distribution by the balance equations gives P(abandon) and E(wait)
 *
 * Batch means give the confidence interval; the figure of theory must lie within. A program of its
 * own because of the floats, which the simulator must not have.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/acd/acd.h"
#include "common/base/base.h"

enum { AGENTS = 40, CALLS = 4096, EVENTS = 65536, BATCHES = 40, QUEUE = 7 };

enum kind { ARRIVE, PATIENCE, TALKED };
struct event {
	uint64_t at, id;
	enum kind kind;
};

struct live {
	uint64_t id, arrived, offer;
	bool bridged;
};

struct model {
	const char *name;
	uint32_t n;
	double arrive_us, talk_us, patience_us; /* means; patience 0: endless */
	uint32_t calls;
};

struct world {
	const struct model *m;
	struct acd *acd;
	struct acd_effects fx;
	struct event heap[EVENTS];
	uint32_t events, batch;
	struct live call[CALLS];
	uint64_t now, rng, ids;
	double wait[BATCHES], waited[BATCHES], gone[BATCHES];
	uint32_t of[BATCHES];
};

static double uniform(struct world *w)
{
	uint64_t z = (w->rng += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (double)((z ^ z >> 31) >> 11) / 9007199254740992.0;
}

static uint64_t exponential(struct world *w, double mean_us)
{
	return 1 + (uint64_t)(-log(1.0 - uniform(w)) * mean_us);
}

static void at(struct world *w, uint64_t when, enum kind kind, uint64_t id)
{
	uint32_t i = w->events++;

	helio_assert(i < EVENTS);
	for (; i > 0 && w->heap[(i - 1) / 2].at > when; i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = (struct event){when, id, kind};
}

static struct event pop(struct world *w)
{
	struct event first = w->heap[0], last = w->heap[--w->events];
	uint32_t i = 0;

	for (uint32_t c; (c = 2 * i + 1) < w->events; i = c) {
		if (c + 1 < w->events && w->heap[c + 1].at < w->heap[c].at)
			c++;
		if (w->heap[c].at >= last.at)
			break;
		w->heap[i] = w->heap[c];
	}
	w->heap[i] = last;
	return first;
}

static struct live *slot(struct world *w, uint64_t id)
{
	for (uint32_t i = (uint32_t)id % CALLS, n = 0; n < CALLS; n++, i = (i + 1) % CALLS)
		if (w->call[i].id == id)
			return &w->call[i];
	return NULL;
}

static enum acd_verdict step(struct world *w, struct acd_event ev);

static void count(struct world *w, const struct live *c, bool gone)
{
	double us = (double)(w->now - c->arrived);

	w->of[w->batch]++;
	w->wait[w->batch] += us;
	w->waited[w->batch] += us > 0;
	w->gone[w->batch] += gone;
}

static void effect(struct world *w, const struct acd_fx *fx)
{
	if (fx->type == ACD_FX_SEND) { /* to itself: there is nobody else */
		step(w, (struct acd_event){
			    .type = ACD_EV_MSG, .from = fx->to, .from_boot = 1, .msg = fx->msg});
	} else if (fx->type == ACD_FX_RING) {
		step(w, (struct acd_event){.type = ACD_EV_AGENT_ACCEPT,
					   .session = fx->session,
					   .offer = fx->offer});
	} else if (fx->type == ACD_FX_CALL && fx->call_state == ACD_CALL_BRIDGED) {
		struct live *c = slot(w, fx->call.v);
		helio_assert(c && !c->bridged);
		c->bridged = true;
		count(w, c, false);
		at(w, w->now + exponential(w, w->m->talk_us), TALKED, c->id);
	}
}

static enum acd_verdict step(struct world *w, struct acd_event ev)
{
	static struct acd_fx todo[1024];
	static uint32_t head, n;
	static bool busy;
	enum acd_verdict v;

	do { /* all its effects, then whatever they queued; never nested */
		ev.now = w->now;
		v = acd_step(w->acd, &ev, &w->fx);
		for (uint32_t i = 0; i < w->fx.n; i++) {
			helio_assert(n - head < HELIO_ARRAY_LEN(todo));
			todo[n++ % HELIO_ARRAY_LEN(todo)] = w->fx.fx[i];
		}
		ev = (struct acd_event){.type = ACD_EV_TIME};
	} while (w->fx.more);
	if (busy)
		return v;
	busy = true;
	while (head != n)
		effect(w, &todo[head++ % HELIO_ARRAY_LEN(todo)]);
	busy = false;
	return v;
}

static void arrive(struct world *w)
{
	uint64_t id = id_make(addr_make(1, 1), 1, (uint32_t)(1 + w->ids++));
	struct live *c = slot(w, 0);

	helio_assert(c);
	*c = (struct live){.id = id, .arrived = w->now};
	if (w->m->patience_us > 0)
		at(w, w->now + exponential(w, w->m->patience_us), PATIENCE, id);
	helio_assert(step(w, (struct acd_event){.type = ACD_EV_CALL_ARRIVED,
						.call = {id},
						.queue = {QUEUE}}) == ACD_OK);
	at(w, w->now + exponential(w, w->m->arrive_us), ARRIVE, 0);
}

static void leave(struct world *w, const struct event *e)
{
	struct live *c = slot(w, e->id);

	if (!c || (e->kind == PATIENCE && c->bridged))
		return;
	if (e->kind == PATIENCE)
		count(w, c, true);
	step(w, (struct acd_event){
		    .type = ACD_EV_CALL_GONE, .call = {c->id}, .cause = ACD_CAUSE_CALLER_HUNG_UP});
	c->id = 0;
}

static void start(struct world *w)
{
	struct acd_queue_conf queue = {.id = {QUEUE}, .ring_timeout_ms = 20000};
	struct acd_conf conf = {.role = ACD_ROLE_NODE,
				.self = {addr_make(1, 1)},
				.boot = 1,
				.calls_max = CALLS,
				.agents_max = AGENTS,
				.queues_n = 1,
				.queues = &queue};

	acd_timers_default(&conf.timers);
	void *mem = malloc(acd_size(&conf));
	helio_assert(mem);
	w->acd = acd_init(mem, &conf);
	w->now = 1000000;
	for (uint64_t i = 1; i <= w->m->n; i++) {
		struct acd_event ev = {.type = ACD_EV_AGENT_SIGN_IN, .session = {i}, .agent = {i}};
		step(w, ev);
		ev.type = ACD_EV_AGENT_READY;
		step(w, ev);
	}
	at(w, w->now + 1, ARRIVE, 0);
}

static void run(struct world *w, const struct model *m)
{
	uint32_t warm = m->calls / 10;

	memset(w, 0, sizeof(*w));
	w->m = m;
	w->rng = 20240607;
	start(w);
	while (w->ids < m->calls + warm) {
		acd_time_us deadline = acd_deadline(w->acd);
		if (deadline < w->heap[0].at) {
			w->now = deadline > w->now ? deadline : w->now;
			step(w, (struct acd_event){.type = ACD_EV_TIME});
			continue;
		}
		struct event e = pop(w);
		w->now = e.at;
		if (w->ids == warm && e.kind == ARRIVE) { /* the first tenth fills the system */
			memset(w->wait, 0, sizeof(w->wait));
			memset(w->waited, 0, sizeof(w->waited));
			memset(w->gone, 0, sizeof(w->gone));
			memset(w->of, 0, sizeof(w->of));
		}
		if (w->ids > warm)
			w->batch = (uint32_t)((w->ids - warm) * BATCHES / (m->calls + 1));
		if (e.kind == ARRIVE)
			arrive(w);
		else
			leave(w, &e);
	}
	free(w->acd);
}

/* --- theory ------------------------------------------------------------------------------- */

struct theory {
	double wait_us, waits, gone;
};

/* Stationary distribution of the birth-death chain; with theta = 0 this is Erlang C. */
static struct theory erlang(const struct model *m)
{
	double lambda = 1 / m->arrive_us, mu = 1 / m->talk_us, n = m->n;
	double theta = m->patience_us > 0 ? 1 / m->patience_us : 0;
	double p = 1, sum = 0, all_busy = 0, in_queue = 0;

	for (uint32_t k = 0; k < 20000; k++) {
		sum += p;
		all_busy += k >= m->n ? p : 0;
		in_queue += k >= m->n ? p * (k - n) : 0;
		double served = k + 1 <= m->n ? (k + 1) * mu : n * mu + (k + 1 - n) * theta;
		p *= lambda / served;
	}
	/* PASTA: an arrival sees time averages. Little: E(wait) = E(queue) / lambda. */
	return (struct theory){.wait_us = in_queue / sum / lambda,
			       .waits = all_busy / sum,
			       .gone = theta * in_queue / sum / lambda};
}

/* Student's t, 39 degrees of freedom, 99 %. */
static const double t99 = 2.708;

static bool agrees(const struct model *m, const char *what, const double *sums, const uint32_t *of,
		   double wanted, double unit)
{
	double mean = 0, var = 0;

	for (uint32_t b = 0; b < BATCHES; b++)
		mean += sums[b] / of[b] / BATCHES;
	for (uint32_t b = 0; b < BATCHES; b++)
		var += (sums[b] / of[b] - mean) * (sums[b] / of[b] - mean) / (BATCHES - 1);
	double half = t99 * sqrt(var / BATCHES);
	bool ok = fabs(mean - wanted) <= half && half < 0.2 * wanted;
	printf("%-28s %-10s simulated %9.4f ± %.4f, theory %9.4f %s\n", m->name, what, mean / unit,
	       half / unit, wanted / unit, ok ? "" : "DOES NOT AGREE");
	return ok;
}

int main(void)
{
	static const struct model models[] = {
	    {"Erlang C, 5 agents, 0.8", 5, 1.0e6, 4.0e6, 0, 200000},
	    {"Erlang C, 20 agents, 0.9", 20, 1.0e6, 18.0e6, 0, 400000},
	    {"Erlang A, 10 agents, 1.1", 10, 1.0e6, 11.0e6, 30.0e6, 200000},
	    {"Erlang A, 40 agents, 0.95", 40, 0.5e6, 19.0e6, 20.0e6, 200000},
	};
	static struct world w;
	bool ok = true;

	for (size_t i = 0; i < HELIO_ARRAY_LEN(models); i++) {
		const struct model *m = &models[i];
		struct theory th = erlang(m);
		run(&w, m);
		ok &= agrees(m, "wait (s)", w.wait, w.of, th.wait_us, 1e6);
		ok &= agrees(m, "P(wait)", w.waited, w.of, th.waits, 1);
		if (m->patience_us > 0)
			ok &= agrees(m, "P(abandon)", w.gone, w.of, th.gone, 1);
	}
	return ok ? 0 : 1;
}
