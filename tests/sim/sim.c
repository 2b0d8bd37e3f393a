/* The loop: the next event or the next deadline, whichever comes first; ties by number. */
#include "tests/sim/sim.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct sim *sim_current;

/* --- numbers: splitmix64 ------------------------------------------------------------------ */

uint64_t rng_next(struct rng *r)
{
	uint64_t z = (r->s += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
	return n ? rng_next(r) % n : 0;
}

uint64_t rng_range(struct rng *r, uint64_t lo, uint64_t hi)
{
	return lo + rng_below(r, hi - lo + 1);
}

bool rng_permille(struct rng *r, uint32_t p)
{
	return rng_below(r, 1000) < p;
}

/* A sum of geometric steps: near enough to exponential, and without floats on every machine equal.
 */
uint64_t rng_wait(struct rng *r, uint64_t mean)
{
	uint64_t n = 0;

	while (n < 40 && rng_below(r, 8) != 0)
		n++;
	return 1 + n * mean / 8 + rng_below(r, mean / 8 + 1);
}

/* --- events ------------------------------------------------------------------------------- */

static bool earlier(const struct event *a, const struct event *b)
{
	return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

struct event *sim_event(struct sim *sim, acd_time_us at, enum kind kind)
{
	helio_assert(sim->free_n > 0);
	uint32_t e = sim->free_event[--sim->free_n], i = sim->events_n++;

	sim->event[e] = (struct event){.at = at, .seq = sim->seq++, .kind = kind};
	for (; i > 0; i = (i - 1) / 2) {
		uint32_t up = sim->heap[(i - 1) / 2];
		if (!earlier(&sim->event[e], &sim->event[up]))
			break;
		sim->heap[i] = up;
	}
	sim->heap[i] = e;
	return &sim->event[e];
}

void sim_at(struct sim *sim, uint64_t delay, enum kind kind, uint32_t n, uint64_t id)
{
	struct event *e = sim_event(sim, sim->now + delay, kind);

	e->n = n;
	e->id = id;
}

static struct event pop(struct sim *sim)
{
	uint32_t first = sim->heap[0], last = sim->heap[--sim->events_n], i = 0;

	for (;;) {
		uint32_t c = 2 * i + 1;
		if (c >= sim->events_n)
			break;
		if (c + 1 < sim->events_n &&
		    earlier(&sim->event[sim->heap[c + 1]], &sim->event[sim->heap[c]]))
			c++;
		if (!earlier(&sim->event[sim->heap[c]], &sim->event[last]))
			break;
		sim->heap[i] = sim->heap[c];
		i = c;
	}
	sim->heap[i] = last;
	sim->free_event[sim->free_n++] = first;
	return sim->event[first];
}

/* --- the cores ---------------------------------------------------------------------------- */

void sim_note(struct sim *sim, uint64_t x)
{
	struct rng r = {sim->trace ^ x};

	sim->trace = rng_next(&r);
}

void sim_fail(struct sim *sim, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sim->why, sizeof(sim->why), fmt, ap);
	va_end(ap);
	longjmp(sim->out, 1);
}

/* The core's own assertions are findings too. */
void helio_assert_fail(const char *cond, const char *file, int line, const char *func)
{
	(void)func;
	if (!sim_current) {
		fprintf(stderr, "%s:%d: %s\n", file, line, cond);
		abort();
	}
	const char *base = strrchr(file, '/');
	sim_fail(sim_current, "core assertion: %s (%s:%d)", cond, base ? base + 1 : file, line);
}

void sim_conf(const struct sim *sim, uint32_t n, struct sim_conf *ret)
{
	const struct daemon *d = &sim->daemon[n];
	struct acd_conf *conf = &ret->conf;

	*conf = (struct acd_conf){
	    .role = addr_is_node(d->addr.v) ? ACD_ROLE_NODE : ACD_ROLE_BROKER,
	    .self = d->addr,
	    .boot = d->boot,
	    .calls_max = addr_is_node(d->addr.v) ? 48 : 96,
	    .agents_max = (addr_is_node(d->addr.v) ? 16u : 32u) << sim->pages,
	    .queues_n = QUEUES,
	    .queues = sim->queues,
	    .nodes = ret->nodes,
	    .brokers = ret->brokers,
	};
	acd_timers_default(&conf->timers);
	conf->timers.await_agent_ms = 4000; /* shorter lives, more of them per seed */
	conf->timers.grace_ms = 3000;
	conf->timers.owner_lost_ms = 8000;
	for (uint32_t i = 0; i < sim->daemons_n; i++) {
		struct acd_addr a = sim->daemon[i].addr;
		if (addr_is_broker(a.v))
			ret->brokers[conf->brokers_n++] = a;
		else if (addr_site(a.v) == addr_site(d->addr.v))
			ret->nodes[conf->nodes_n++] = a;
	}
}

void sim_boot(struct sim *sim, uint32_t n)
{
	struct daemon *d = &sim->daemon[n];
	struct sim_conf c;

	d->boot++;
	sim_conf(sim, n, &c);
	size_t size = acd_size(&c.conf);
	helio_assert(size > 0);
	traced_ends(sim, n);
	free(d->mem);
	d->mem = malloc(size);
	helio_assert(d->mem);
	memcpy(d->queues, sim->queues, sizeof(d->queues));
	d->was_until = 0;
	d->acd = acd_init(d->mem, &c.conf);
	traced_begins(sim, n, &c.conf);
	d->up = true;
	d->frozen = false;
	d->draining = false;
	d->island = false;
	d->calls = 0;
}

uint64_t sim_id_next(struct sim *sim, uint32_t n)
{
	struct daemon *d = &sim->daemon[n];

	/* By the core's counter, as seeds have always been drawn; not where the core's events are
	 * all that is left of a run. */
	if (!sim->traces)
		return acd_id_next(d->acd);
	return (uint64_t)d->addr.v << (ID_SEQ_BITS + ID_BOOT_BITS) |
	       (uint64_t)d->boot << ID_SEQ_BITS | ++d->minted;
}

acd_time_us sim_clock(const struct sim *sim, uint32_t n)
{
	const struct daemon *d = &sim->daemon[n];
	uint64_t since = sim->now - d->clock_set;

	return d->clock_at +
	       (acd_time_us)((int64_t)since + (int64_t)since * d->clock_ppm / 1000000);
}

acd_time_us sim_when(const struct sim *sim, uint32_t n, acd_time_us at)
{
	const struct daemon *d = &sim->daemon[n];

	if (at == UINT64_MAX)
		return at;
	if (at <= sim_clock(sim, n))
		return sim->now;
	uint64_t wait = at - d->clock_at;
	if (d->clock_ppm) /* one more, so that rounding never wakes it too early */
		wait = wait * 1000000 / (uint64_t)(1000000 + d->clock_ppm) + 1;
	return d->clock_set + wait > sim->now ? d->clock_set + wait : sim->now + 1;
}

static void effect(struct sim *sim, uint32_t d, const struct acd_fx *fx)
{
	sim_note(sim, (uint64_t)fx->type << 56 ^ fx->call.v ^ fx->offer.v << 1 ^
			  fx->session.v << 2 ^ (uint64_t)fx->call_state << 40 ^
			  (uint64_t)fx->agent_state << 32);
	if (fx->type == ACD_FX_SEND) {
		net_send(sim, d, fx);
		return;
	}
	if (fx->type == ACD_FX_ISLAND) {
		sim->daemon[d].island = fx->on;
		story(sim, "%s %s", sim->daemon[d].name,
		      fx->on ? "hears no broker and matches alone" : "hears a broker again");
		return;
	}
	struct acd_fx mine = *fx;
	mine.agent.v = pages_agent(sim, fx->agent.v, fx->session.v);
	rules_effect(sim, d, &mine);
	people_effect(sim, d, &mine);
}

enum acd_verdict sim_step(struct sim *sim, uint32_t d, struct acd_event *ev)
{
	/* Effects may make people act at once: keep a frame of our own. */
	struct acd_effects *fx = malloc(sizeof(*fx));
	enum acd_verdict first = ACD_OK;
	struct acd *acd = sim->daemon[d].acd;

	helio_assert(fx);
	ev->now = sim_clock(sim, d);
	for (uint32_t round = 0;; round++) {
		/* D1 and "a refusal changes nothing", on a sample: digests are dear. */
		bool sample = !sim->unchecked && round == 0 && ev->type != ACD_EV_TIME &&
			      sim->steps % 32 == 0;
		uint64_t before = sample ? acd_digest(acd) : 0;
		if (sim->traced[d])
			trace_event(sim->traced[d], ev);
		enum acd_verdict v = acd_step(acd, ev, fx);
		sim->steps++;
		sim_note(sim, (uint64_t)v << 32 | fx->n);
		if (round == 0) {
			first = v;
			sim->refused += v != ACD_OK;
		}
		if (sample && v != ACD_OK && before != acd_digest(acd)) {
			free(fx);
			sim_fail(sim, "a refusal changed the digest");
		}
		static struct acd_fx batch[ACD_FX_MAX]; /* one thread; effects are handled below */
		uint32_t n = fx->n;
		bool more = fx->more;
		memcpy(batch, fx->fx, n * sizeof(batch[0]));
		for (uint32_t i = 0; i < n; i++)
			effect(sim, d, &batch[i]);
		if (!more)
			break;
		if (round > 1000) {
			free(fx);
			sim_fail(sim, "%s does not come to rest", sim->daemon[d].name);
		}
		*ev = (struct acd_event){.type = ACD_EV_TIME, .now = sim_clock(sim, d)};
	}
	free(fx);
	if (!sim->unchecked) {
		acd_check(acd);
		rules_after_step(sim, d);
	}
	return first;
}

/* --- one seed ----------------------------------------------------------------------------- */

static const char *const site_names[SITES] = {"oslo", "manila", "bogota"};

static void build(struct sim *sim)
{
	for (uint32_t s = 0; s < SITES; s++) {
		for (uint32_t i = 0; i < NODES + sim->mix.brokers; i++) {
			struct daemon *d = &sim->daemon[sim->daemons_n++];
			bool node = i < NODES;
			d->addr.v = addr_make(s + 1, node ? ADDR_NODE_MIN + i
							  : ADDR_BROKER_MIN + i - NODES);
			snprintf(d->name, sizeof(d->name), node ? "%s%u" : "%s-b%u", site_names[s],
				 node ? i + 1 : i - NODES + 1);
			/* No two machines agree on the time, and none counts seconds alike. */
			uint64_t offset = rng_below(&sim->rng, 5000 * SEC);
			int32_t ppm = (int32_t)rng_below(&sim->rng, 2 * sim->mix.clock_ppm + 1) -
				      (int32_t)sim->mix.clock_ppm;
			d->clock_at = sim->now + (sim->trim.off >> OFF_CLOCKS & 1 ? 0 : offset);
			d->clock_ppm = sim->trim.off >> OFF_CLOCKS & 1 ? 0 : ppm;
			d->clock_set = sim->now;
		}
	}
	for (uint32_t i = 0; i < sim->daemons_n; i++)
		sim_boot(sim, i);
}

struct sim *sim_new(void)
{
	struct sim *sim = calloc(1, sizeof(*sim));

	if (!sim)
		return NULL;
	sim->event = malloc(EVENTS_MAX * sizeof(*sim->event));
	sim->heap = malloc(EVENTS_MAX * sizeof(*sim->heap));
	sim->free_event = malloc(EVENTS_MAX * sizeof(*sim->free_event));
	helio_assert(sim->event && sim->heap && sim->free_event);
	return sim;
}

struct sim *sim_free(struct sim *sim)
{
	if (!sim)
		return NULL;
	for (uint32_t i = 0; i < DAEMONS_MAX; i++)
		free(sim->daemon[i].mem);
	free(sim->event);
	free(sim->heap);
	free(sim->free_event);
	free(sim);
	return NULL;
}

static void reset(struct sim *sim, uint64_t seed, bool tell, bool echo)
{
	struct event *event = sim->event;
	struct trim trim = sim->trim;
	bool unfair = sim->unfair, unchecked = sim->unchecked;
	const char *traces = sim->traces;
	uint32_t *heap = sim->heap, *free_event = sim->free_event;

	for (uint32_t i = 0; i < DAEMONS_MAX; i++)
		free(sim->daemon[i].mem);
	memset(sim, 0, sizeof(*sim));
	sim->event = event;
	sim->heap = heap;
	sim->free_event = free_event;
	sim->free_n = EVENTS_MAX;
	for (uint32_t i = 0; i < EVENTS_MAX; i++)
		free_event[i] = EVENTS_MAX - 1 - i;
	sim->seed = seed;
	sim->trim = trim;
	sim->unfair = unfair;
	sim->unchecked = unchecked;
	sim->traces = traces;
	sim->rng.s = seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
	sim->net_rng.s = rng_next(&sim->rng);
	sim->arrive_rng.s = rng_next(&sim->rng);
	sim->lie_rng.s = rng_next(&sim->rng);
	sim->now = 10 * SEC;
	sim->tell = tell;
	sim->echo = echo;
}

static void happen(struct sim *sim, const struct event *e)
{
	switch (e->kind) {
	case K_MAIL: net_mail(sim, &e->mail); return;
	case K_CRASH:
	case K_BOOT:
	case K_CUT:
	case K_HEAL:
	case K_FREEZE:
	case K_CLOG:
	case K_JUMP:
	case K_DRAIN:
	case K_UNDRAIN:
	case K_MISCHIEF:
	case K_CALM: faults_event(sim, e); return;
	case K_LOOK: live_look(sim); return;
	case K_THAW:
	case K_ASKED:
	case K_RESTORE:
	case K_ADOPT:
	case K_SEEN: adopt_event(sim, e); return;
	case K_HOURS: sun_event(sim, e); return;
	case K_RECONF:
	case K_SKILLS: reconf_event(sim, e); return;
	case K_PAGE:
	case K_YIELD: pages_event(sim, e); return;
	case K_ARRIVE:
	case K_PATIENCE:
	case K_TALKED:
	case K_LEG_FAIL:
	case K_DECIDE:
	case K_AGENT_TALKED:
	case K_READY:
	case K_PAUSE:
	case K_FORCE:
	case K_SOCKET_LOST:
	case K_SOCKET_BACK:
	case K_SIGN_IN:
	case K_SIGN_OUT:
	case K_WRAP_DONE: people_event(sim, e); return;
	}
}

static void loop(struct sim *sim)
{
	while (!sim->settled) {
		uint32_t due = UINT32_MAX;
		acd_time_us at = sim->events_n ? sim->event[sim->heap[0]].at : UINT64_MAX;
		for (uint32_t i = 0; i < sim->daemons_n; i++) {
			if (sim_absent(sim, i))
				continue;
			acd_time_us t = sim_when(sim, i, acd_deadline(sim->daemon[i].acd));
			if (t < at) {
				at = t;
				due = i;
			}
		}
		if (at == UINT64_MAX)
			sim_fail(sim, "nothing would ever happen again");
		if (at > sim->now)
			sim->now = at;
		if (due != UINT32_MAX) {
			sim_step(sim, due, &(struct acd_event){.type = ACD_EV_TIME});
		} else {
			struct event e = pop(sim);
			happen(sim, &e);
		}
	}
}

bool sim_run(struct sim *sim, uint64_t seed, bool tell, bool echo)
{
	reset(sim, seed, tell, echo);
	sim_current = sim;
	if (setjmp(sim->out)) {
		sim_current = NULL;
		return false;
	}
	faults_draw(sim);
	queues_draw(sim);
	queues_draw_tenants(sim);
	sun_draw(sim);
	pages_draw(sim);
	build(sim);
	people_start(sim);
	faults_start(sim);
	sun_start(sim);
	reconf_start(sim);
	pages_start(sim);
	loop(sim);
	live_end(sim);
	for (uint32_t i = 0; i < sim->daemons_n; i++)
		sim_note(sim, acd_digest(sim->daemon[i].acd));
	sim_current = NULL;
	return true;
}
