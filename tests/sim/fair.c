/*
 * F3: do callers of symmetric sites wait equally long, and does a site that drowns get help? Real
 * cores of many sites (a node and a broker each), a network that only delays, callers at random.
 * All sites share one queue that overflows when nobody is idle.
 *
 *   symmetric   the mean waits of any two sites differ by at most δ (DESIGN §3, F3)
 *   drowning    most callers come in at one site: the same, and the mean is that of one pool of all
 *               agents (Erlang C), each without a call for δ after each that came from elsewhere
 *   few staffed a site among fifty has the callers, two others the agents: the same again
 *
 * δ = advert period + 2 RTT (there is no handicap here). It is also what a call from another site
 * costs its agent beside the talk, at most:
 *
 *   until the other site says that it wants somebody   advert_ms     (its last word was used up)
 *   CLAIM there, GRANT back                            1 RTT
 *   COMMIT there; RELEASE back when the caller is gone 1 RTT         (bound before and after the
 * talk)
 *
 * and nothing of that for a call of the own site, which pays the same six messages on the LAN. So
 * the agents of one pool are busy for talk + δ × (share of calls from elsewhere) a call, and Erlang
 * C of that is the limit of the mean wait: who pools worse than that has lost time that no rule
 * needs. A program of its own because of the floats.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/acd/acd.h"
#include "common/base/base.h"

enum { SITES_MAX = 50, CALLS = 512, EVENTS = 1 << 17, QUEUE = 7, BATCHES = 20, LAN_US = 500 };

struct model {
	const char *name;
	uint32_t sites, wan_us;
	uint32_t agents[SITES_MAX]; /* 0 after the last given: none */
	double share[SITES_MAX];    /* of the callers */
	double arrive_us, talk_us;  /* means, over all */
	uint32_t calls;
	double means_of_share; /* sites with a smaller share are not compared */
};

enum kind { ARRIVE, TALKED, MAIL };
struct event {
	uint64_t at, seq, id;
	enum kind kind;
	uint32_t from, to; /* daemons: 2 · site is the node, 2 · site + 1 the broker */
	struct acd_msg msg;
};

struct live {
	uint64_t id, arrived;
	uint32_t site;
	bool bridged;
};

static const struct model *m;
static struct acd *core[2 * SITES_MAX];
static struct event event[EVENTS];
static uint32_t heap[EVENTS], spare[EVENTS], events, spare_n;
static struct live call[CALLS];
static uint64_t now, seq, rng, ids;
static double wait_us[SITES_MAX][BATCHES];
static uint32_t of[SITES_MAX][BATCHES], batch, served, abroad;

static double uniform(void)
{
	uint64_t z = (rng += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (double)((z ^ z >> 31) >> 11) / 9007199254740992.0;
}

static uint64_t exponential(double mean_us)
{
	return 1 + (uint64_t)(-log(1.0 - uniform()) * mean_us);
}

static bool sooner(uint32_t a, uint32_t b)
{
	return event[a].at != event[b].at ? event[a].at < event[b].at : event[a].seq < event[b].seq;
}

static struct event *at(uint64_t when, enum kind kind, uint64_t id)
{
	helio_assert(spare_n > 0);
	uint32_t e = spare[--spare_n], i = events++;

	event[e] = (struct event){.at = when, .seq = ++seq, .kind = kind, .id = id};
	for (; i > 0 && sooner(e, heap[(i - 1) / 2]); i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = e;
	return &event[e];
}

static uint32_t pop(void)
{
	uint32_t first = heap[0], last = heap[--events], i = 0;

	for (uint32_t c; (c = 2 * i + 1) < events; i = c) {
		if (c + 1 < events && sooner(heap[c + 1], heap[c]))
			c++;
		if (!sooner(heap[c], last))
			break;
		heap[i] = heap[c];
	}
	heap[i] = last;
	return first;
}

static struct live *slot(uint64_t id)
{
	for (uint32_t i = 0; i < CALLS; i++)
		if (call[i].id == id)
			return &call[i];
	return NULL;
}

static uint32_t daemon_of(struct acd_addr a)
{
	return 2 * (addr_site(a.v) - 1) + addr_is_broker(a.v);
}

static struct acd_addr addr_of(uint32_t d)
{
	return (struct acd_addr){addr_make(1 + d / 2, d % 2 ? ADDR_BROKER_MIN : 1)};
}

static void step(uint32_t d, struct acd_event ev);

static void effect(uint32_t d, const struct acd_fx *fx)
{
	if (fx->type == ACD_FX_SEND) {
		uint32_t to = daemon_of(fx->to);
		uint64_t delay = to == d ? 0 : to / 2 == d / 2 ? LAN_US : m->wan_us;
		struct event *e = at(now + delay, MAIL, 0);
		e->from = d;
		e->to = to;
		e->msg = fx->msg;
	} else if (fx->type == ACD_FX_RING) {
		step(d, (struct acd_event){.type = ACD_EV_AGENT_ACCEPT,
					   .session = fx->session,
					   .offer = fx->offer});
	} else if (fx->type == ACD_FX_CALL && fx->call_state == ACD_CALL_BRIDGED) {
		struct live *c = slot(fx->call.v);
		helio_assert(c && !c->bridged);
		c->bridged = true;
		wait_us[c->site][batch] += (double)(now - c->arrived);
		of[c->site][batch]++;
		served++;
		abroad += addr_site(fx->peer.v) != c->site + 1;
		at(now + exponential(m->talk_us), TALKED, c->id);
	}
}

static void step(uint32_t d, struct acd_event ev)
{
	static struct acd_effects fx[8];
	static uint32_t depth;
	struct acd_effects *mine = &fx[depth++];

	helio_assert(depth <= HELIO_ARRAY_LEN(fx));
	do {
		ev.now = now;
		(void)acd_step(core[d], &ev, mine);
		for (uint32_t i = 0; i < mine->n; i++)
			effect(d, &mine->fx[i]);
		ev = (struct acd_event){.type = ACD_EV_TIME};
	} while (mine->more);
	depth--;
}

static void arrive(void)
{
	double u = uniform();
	uint32_t s = 0;

	while (s + 1 < m->sites && u >= m->share[s])
		u -= m->share[s++];
	uint64_t id = id_make(addr_of(2 * s).v, 1, (uint32_t)(1 + ids++));
	struct live *c = slot(0);
	if (!c) {
		printf("%-28s F3: A SITE DROWNS: %d callers in the system\n", m->name, CALLS);
		exit(1);
	}
	*c = (struct live){.id = id, .arrived = now, .site = s};
	step(2 * s,
	     (struct acd_event){.type = ACD_EV_CALL_ARRIVED, .call = {id}, .queue = {QUEUE}});
	at(now + exponential(m->arrive_us), ARRIVE, 0);
}

static void start(void)
{
	static struct acd_addr brokers[SITES_MAX];
	struct acd_queue_conf queue = {
	    .id = {QUEUE}, .ring_timeout_ms = 20000, .overflow_no_idle = true};
	uint64_t session = 0;

	memset(call, 0, sizeof(call));
	memset(wait_us, 0, sizeof(wait_us));
	memset(of, 0, sizeof(of));
	events = batch = served = abroad = 0;
	now = 1000000;
	seq = ids = 0;
	rng = 20240607;
	spare_n = EVENTS;
	for (uint32_t i = 0; i < EVENTS; i++)
		spare[i] = i;
	for (uint32_t s = 0; s < m->sites; s++)
		brokers[s] = addr_of(2 * s + 1);
	for (uint32_t d = 0; d < 2 * m->sites; d++) {
		struct acd_addr node = addr_of(d & ~1u);
		struct acd_conf conf = {.role = d % 2 ? ACD_ROLE_BROKER : ACD_ROLE_NODE,
					.self = addr_of(d),
					.boot = 1,
					.calls_max = CALLS,
					.agents_max = 128,
					.queues_n = 1,
					.queues = &queue,
					.nodes_n = 1,
					.nodes = &node,
					.brokers_n = m->sites,
					.brokers = brokers};
		acd_timers_default(&conf.timers);
		void *mem = malloc(acd_size(&conf));
		helio_assert(mem);
		core[d] = acd_init(mem, &conf);
		step(d, (struct acd_event){.type = ACD_EV_TIME});
	}
	for (uint32_t s = 0; s < m->sites; s++)
		for (uint32_t k = 0; k < m->agents[s]; k++) {
			struct acd_event ev = {.type = ACD_EV_AGENT_SIGN_IN,
					       .session = {++session},
					       .agent = {session}};
			step(2 * s, ev);
			ev.type = ACD_EV_AGENT_READY;
			step(2 * s, ev);
		}
	at(now + 1000000, ARRIVE, 0);
}

static void run(void)
{
	uint32_t warm = m->calls / 10;

	start();
	while (ids < m->calls + warm) {
		uint32_t d = 0;
		for (uint32_t i = 1; i < 2 * m->sites; i++)
			if (acd_deadline(core[i]) < acd_deadline(core[d]))
				d = i;
		acd_time_us deadline = acd_deadline(core[d]);
		if (deadline < event[heap[0]].at) {
			now = deadline > now ? deadline : now;
			step(d, (struct acd_event){.type = ACD_EV_TIME});
			continue;
		}
		uint32_t e = pop();
		now = event[e].at;
		if (ids == warm && event[e].kind == ARRIVE) {
			memset(wait_us, 0, sizeof(wait_us));
			memset(of, 0, sizeof(of));
			served = abroad = 0;
		}
		if (ids > warm)
			batch = (uint32_t)((ids - warm) * BATCHES / (m->calls + 1));
		if (event[e].kind == ARRIVE) {
			arrive();
		} else if (event[e].kind == MAIL) {
			step(event[e].to, (struct acd_event){.type = ACD_EV_MSG,
							     .from = addr_of(event[e].from),
							     .from_boot = 1,
							     .msg = event[e].msg});
		} else {
			struct live *c = slot(event[e].id);
			helio_assert(c);
			step(2 * c->site, (struct acd_event){.type = ACD_EV_CALL_GONE,
							     .call = {c->id},
							     .cause = ACD_CAUSE_CALLER_HUNG_UP});
			c->id = 0;
		}
		spare[spare_n++] = e;
	}
	for (uint32_t d = 0; d < 2 * m->sites; d++)
		free(core[d]);
}

/* E(wait) in one pool of n agents. */
static double erlang_c(double n, double arrive_us, double talk_us)
{
	double a = talk_us / arrive_us, p = 1, sum = 0;

	for (double k = 0; k < n; k++) {
		sum += p;
		p *= a / (k + 1);
	}
	double waits = p * n / (n - a) / (sum + p * n / (n - a));
	return waits * talk_us / (n - a);
}

static bool holds(void)
{
	double delta = 200e3 + 4.0 * m->wan_us, low = INFINITY, high = 0, all = 0, n = 0;
	double agents = 0;

	for (uint32_t s = 0; s < m->sites; s++) {
		double sum = 0, count = 0;
		agents += m->agents[s];
		for (uint32_t b = 0; b < BATCHES; b++) {
			sum += wait_us[s][b];
			count += of[s][b];
		}
		all += sum;
		n += count;
		if (m->share[s] == 0 || count == 0)
			continue;
		low = sum / count < low ? sum / count : low;
		high = sum / count > high ? sum / count : high;
	}
	double away = served ? (double)abroad / served : 0;
	double lan = 6.0 * LAN_US * (1 - away);
	double pool = erlang_c(agents, m->arrive_us, m->talk_us + away * delta + lan);
	double best = erlang_c(agents, m->arrive_us, m->talk_us);
	bool equal = high - low <= delta, helped = all / n <= pool;
	printf("%-28s waits %.0f to %.0f ms, mean %.0f, %.0f %% from elsewhere: "
	       "one pool %.0f, at once %.0f, delta %.0f%s%s\n",
	       m->name, low / 1e3, high / 1e3, all / n / 1e3, away * 100, pool / 1e3, best / 1e3,
	       delta / 1e3, equal ? "" : " F3: DIFFER BY MORE", helped ? "" : " F3: A SITE DROWNS");
	return equal && helped;
}

int main(void)
{
	static const struct model models[] = {
	    {.name = "symmetric, 3 × 10 agents",
	     .sites = 3,
	     .wan_us = 50000,
	     .agents = {10, 10, 10},
	     .share = {0.3333, 0.3333, 0.3334},
	     .arrive_us = 1.0e6,
	     .talk_us = 27.0e6,
	     .calls = 30000},
	    {.name = "one drowns, 3 × 10 agents",
	     .sites = 3,
	     .wan_us = 50000,
	     .agents = {10, 10, 10},
	     .share = {0.8, 0.1, 0.1},
	     .arrive_us = 1.0e6,
	     .talk_us = 27.0e6,
	     .calls = 30000},
	    {.name = "two of fifty are staffed",
	     .sites = 50,
	     .wan_us = 50000,
	     .agents = {0, 0, 10, 0, 0, 0, 0, 10},
	     .share = {1.0},
	     .arrive_us = 1.0e6,
	     .talk_us = 18.0e6,
	     .calls = 4000},
	};
	bool ok = true;

	for (size_t i = 0; i < HELIO_ARRAY_LEN(models); i++) {
		m = &models[i];
		run();
		ok &= holds();
	}
	return ok ? 0 : 1;
}
