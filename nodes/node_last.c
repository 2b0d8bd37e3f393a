/*
 * Who served a customer last, for `ask: [{to: last}]`: by number, of the calls of this site.
 *
 *   records of this node ──at start──┐
 *   a call is answered here ─────────┼──► table ──► node_route.c
 *   Served of the site's nodes ──────┘      │
 *                                           └──► Served, to the site's other nodes: each call at
 *                                                once, all of it to one that has just started
 *
 * A hint: what is lost on the way costs a customer a known voice, nothing else.
 */
#include "nodes/node_last.h"
#include "nodes/node.h"
#include "common/directory/directory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	LAST_BITS = 14,
	/* Customers remembered: a day's callers of a large site. One place each by its number; a
	 * newer customer takes it. Also the records that are read at the start: 30 ms of them. */
	LAST_MAX = 1 << LAST_BITS,
	/* To who has just started: the whole table in seven seconds, a quarter of what a second
	 * may cost a link (its high-water mark is 1,000 messages). */
	TELL_MS = 100,
	TELL_BATCH = 8,
	TALKS = sizeof(((Served *)0)->talks) / sizeof(Served_Talk),
};

struct last {
	uint64_t number, agent; /* number 0: empty */
	int64_t at_us; /* answered, by this machine's monotonic time; before its start: < 0 */
};

struct peer {
	uint32_t boot; /* the life in which it was told; 0: never heard */
	uint32_t next; /* place of the table; LAST_MAX: it knows all */
	uint32_t said;
};

struct node_last {
	struct node *n;
	struct last table[LAST_MAX];
	struct peer *peers; /* by index in conf->daemons */
	uint32_t peers_n;
	struct tmr tmr;
};

/* The longest that any queue asks for; 0: none does. */
static uint64_t keep_us(const struct node *n)
{
	uint32_t ms = 0;
	for (uint32_t i = 0; i < n->conf->queues_n; i++)
		if (n->conf->queues[i].same_agent_ms > ms)
			ms = n->conf->queues[i].same_agent_ms;
	return ms * 1000ull;
}

static struct last *place(struct node_last *l, uint64_t number)
{
	return &l->table[(number ^ number >> 17) * 0x9e3779b97f4a7c15u >> (64 - LAST_BITS)];
}

static void put(struct node_last *l, uint64_t number, uint64_t agent, int64_t at_us)
{
	struct last *at = place(l, number);
	if (!at->number || at_us > at->at_us)
		*at = (struct last){number, agent, at_us};
}

static int64_t ago_us(uint64_t age_us)
{
	return (int64_t)mono_us() - (int64_t)age_us;
}

/* ---- what is known at the start ---- */

static void record_h(const struct record *r, void *arg)
{
	struct node_last *l = arg;
	const struct conf_agent *agent =
	    *r->agent ? conf_agent_by_name(l->n->conf, r->agent) : NULL;
	uint64_t number = directory_number(r->caller);
	int64_t age_ms = wall_ms() - r->answered_ms;
	if (agent && number && r->answered_ms && age_ms >= 0)
		put(l, number, agent->id, ago_us((uint64_t)age_ms * 1000));
}

int node_last_open(struct node *n)
{
	struct node_last *l = calloc(1, sizeof(*l));
	struct peer *peers = calloc(n->conf->daemons_n + 1, sizeof(*peers));
	if (!l || !peers) {
		free(peers);
		free(l);
		return ENOMEM;
	}
	l->n = n;
	l->peers = peers;
	l->peers_n = n->conf->daemons_n;
	tmr_init(&l->tmr);
	n->last = l;
	int64_t keep_ms = (int64_t)(keep_us(n) / 1000);
	int err =
	    keep_ms ? records_each(n->records, wall_ms() - keep_ms, LAST_MAX, record_h, l) : 0;
	if (err) /* who calls is a stranger then: no reason to take no calls */
		log_warn("last.records", "err=%s", log_quote(strerror(err)));
	return 0;
}

void node_last_close(struct node *n)
{
	if (!n->last)
		return;
	tmr_cancel(&n->last->tmr);
	free(n->last->peers);
	free(n->last);
	n->last = NULL;
}

/* ---- between the nodes of a site ---- */

static bool is_neighbour(const struct node *n, const struct conf_daemon *d)
{
	return d != n->self && d->role == CONF_NODE && addr_site(d->addr) == n->site->number;
}

static void talk_add(Served *s, const struct last *at)
{
	Served_Talk *t = &s->talks[s->talks_count++];
	int64_t age_us = ago_us(0) - at->at_us;
	t->number = at->number;
	t->agent = at->agent;
	t->age_s = age_us > 0 ? (uint32_t)(age_us / 1000000) : 0;
}

/* The next places of the table. EAGAIN: not now, our way to it is not open yet or full. */
static int tell_more(struct node_last *l, uint16_t to, struct peer *p)
{
	Envelope env = Envelope_init_zero;
	int64_t since_us = ago_us(keep_us(l->n));
	uint32_t next = p->next;
	env.which_body = Envelope_served_tag;
	while (next < LAST_MAX && env.body.served.talks_count < TALKS) {
		const struct last *at = &l->table[next++];
		if (at->number && at->at_us >= since_us)
			talk_add(&env.body.served, at);
	}
	if (env.body.served.talks_count && node_mesh_send(l->n, to, &env, NULL, 0))
		return EAGAIN;
	p->said += env.body.served.talks_count;
	p->next = next;
	return 0;
}

static void tell_h(void *arg)
{
	struct node_last *l = arg;
	bool more = false;
	for (uint32_t i = 0; i < l->peers_n; i++) {
		const struct conf_daemon *d = &l->n->conf->daemons[i];
		struct peer *p = &l->peers[i];
		if (!p->boot || p->next == LAST_MAX)
			continue;
		for (int k = 0; k < TELL_BATCH && p->next < LAST_MAX; k++)
			if (tell_more(l, d->addr, p))
				break;
		if (p->next < LAST_MAX)
			more = true;
		else
			log_info("last.told", "peer=%s talks=%u", d->name, (unsigned)p->said);
	}
	if (more)
		tmr_start(&l->tmr, TELL_MS, tell_h, l);
}

void node_last_peer(struct node *n, uint16_t from, uint32_t boot)
{
	struct node_last *l = n->last;
	const struct conf_daemon *d = conf_daemon_by_addr(n->conf, from);
	if (!d || !is_neighbour(n, d) || !keep_us(n))
		return;
	struct peer *p = &l->peers[d - n->conf->daemons];
	if (p->boot == boot)
		return;
	*p = (struct peer){.boot = boot};
	if (!tmr_isrunning(&l->tmr))
		tmr_start(&l->tmr, 0, tell_h, l);
}

void node_last_came(struct node *n, uint16_t from, const Served *served)
{
	if (addr_site(from) != n->site->number)
		return;
	for (pb_size_t i = 0; i < served->talks_count; i++) {
		const Served_Talk *t = &served->talks[i];
		if (t->number && conf_agent_by_id(n->conf, t->agent))
			put(n->last, t->number, t->agent, ago_us(t->age_s * 1000000ull));
	}
}

void node_last_talked(struct node *n, const char *caller, uint64_t agent)
{
	uint64_t number = caller ? directory_number(caller) : 0;
	if (!number || !agent || !keep_us(n))
		return;
	put(n->last, number, agent, ago_us(0));
	for (uint32_t i = 0; i < n->conf->daemons_n; i++) {
		const struct conf_daemon *d = &n->conf->daemons[i];
		Envelope env = Envelope_init_zero;
		if (!is_neighbour(n, d))
			continue;
		env.which_body = Envelope_served_tag;
		talk_add(&env.body.served, place(n->last, number));
		(void)node_mesh_send(n, d->addr, &env, NULL, 0);
	}
}

uint64_t node_last_agent(struct node *n, const char *caller, uint32_t within_ms)
{
	uint64_t number = caller ? directory_number(caller) : 0;
	const struct last *at = place(n->last, number);
	return number && at->number == number && at->at_us >= ago_us(within_ms * 1000ull)
		   ? at->agent
		   : 0;
}
