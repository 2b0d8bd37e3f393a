#include "tests/unit/acd/world.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

static const struct acd_queue_conf queues[] = {
    {.id = {QUEUE_ANY}, .overflow_no_idle = true, .wrap_up_ms = 5000, .ring_timeout_ms = 10000},
    {.id = {QUEUE_SKILLED},
     .skills = {SKILL_ONE},
     .overflow_no_idle = true,
     .wrap_up_ms = 5000,
     .ring_timeout_ms = 10000},
    {.id = {QUEUE_LATER},
     .priority = 1,
     .overflow_no_idle = true,
     .wrap_up_ms = 5000,
     .ring_timeout_ms = 10000},
    {.id = {QUEUE_TIMED},
     .overflow_timed = true,
     .overflow_after_ms = 1000,
     .wrap_up_ms = 5000,
     .ring_timeout_ms = 10000},
};

struct daemon_conf {
	struct acd_conf conf;
	struct acd_addr nodes[ACD_NODES_PER_SITE_MAX], brokers[WORLD_DAEMONS_MAX];
};

static void conf_of(const struct world *w, const struct world_daemon *d, struct daemon_conf *ret)
{
	struct acd_addr *nodes = ret->nodes, *brokers = ret->brokers;
	struct acd_conf conf = {
	    .role = addr_is_node(d->addr.v) ? ACD_ROLE_NODE : ACD_ROLE_BROKER,
	    .self = d->addr,
	    .boot = d->boot,
	    .calls_max = 64,
	    .agents_max = 64,
	    .queues_n = w->queues_n,
	    .queues = w->queues,
	    .nodes = nodes,
	    .brokers = brokers,
	};

	acd_timers_default(&conf.timers);
	for (uint32_t i = 0; i < w->daemons_n; i++) {
		struct acd_addr a = w->daemon[i].addr;
		if (addr_is_broker(a.v))
			brokers[conf.brokers_n++] = a;
		else if (addr_site(a.v) == addr_site(d->addr.v))
			nodes[conf.nodes_n++] = a;
	}
	ret->conf = conf;
}

static void boot(struct world *w, struct world_daemon *d)
{
	struct daemon_conf c;

	d->boot++;
	conf_of(w, d, &c);
	free(d->mem);
	helio_assert(acd_size(&c.conf) > 0);
	d->mem = malloc(acd_size(&c.conf));
	helio_assert(d->mem);
	d->acd = acd_init(d->mem, &c.conf);
}

bool world_reconfigure(struct world *w, unsigned site, unsigned ordinal,
		       const struct acd_queue_conf *own, uint32_t n)
{
	struct world_daemon *d = world_at(w, site, ordinal);
	struct daemon_conf c;

	w->queues = own;
	w->queues_n = n;
	conf_of(w, d, &c);
	helio_assert(acd_size(&c.conf) > 0);
	void *mem = malloc(acd_size(&c.conf));
	helio_assert(mem);
	uint64_t before = acd_digest(d->acd);
	struct acd *acd = acd_reconfigure(mem, d->acd, &c.conf);
	helio_assert(acd_digest(d->acd) == before);
	free(acd ? d->mem : mem);
	if (!acd)
		return false;
	d->mem = mem;
	d->acd = acd;
	acd_check(acd);
	return true;
}

struct world *world_new(unsigned sites, unsigned brokers, unsigned nodes)
{
	return world_new_queues(sites, brokers, nodes, queues, HELIO_ARRAY_LEN(queues));
}

struct world *world_new_queues(unsigned sites, unsigned brokers, unsigned nodes,
			       const struct acd_queue_conf *own, uint32_t n)
{
	struct world *w = calloc(1, sizeof(*w));

	helio_assert(w);
	w->now = 1000000;
	w->queues = own;
	w->queues_n = n;
	for (unsigned s = 1; s <= sites; s++) {
		for (unsigned i = 0; i < brokers; i++)
			w->daemon[w->daemons_n++].addr.v = addr_make(s, ADDR_BROKER_MIN + i);
		for (unsigned i = 0; i < nodes; i++)
			w->daemon[w->daemons_n++].addr.v = addr_make(s, ADDR_NODE_MIN + i);
	}
	for (uint32_t i = 0; i < w->daemons_n; i++)
		boot(w, &w->daemon[i]);
	world_run(w, 1000000);
	return w;
}

struct world *world_free(struct world *w)
{
	for (uint32_t i = 0; w && i < w->daemons_n; i++)
		free(w->daemon[i].mem);
	free(w);
	return NULL;
}

struct world_daemon *world_at(struct world *w, unsigned site, unsigned ordinal)
{
	for (uint32_t i = 0; i < w->daemons_n; i++)
		if (w->daemon[i].addr.v == addr_make(site, ordinal))
			return &w->daemon[i];
	helio_assert(false);
}

struct acd *world_node(struct world *w, unsigned site, unsigned n)
{
	return world_at(w, site, ADDR_NODE_MIN + n - 1)->acd;
}

struct acd *world_broker(struct world *w, unsigned site, unsigned n)
{
	return world_at(w, site, ADDR_BROKER_MIN + n - 1)->acd;
}

static struct world_daemon *owner_of(struct world *w, const struct acd *acd)
{
	for (uint32_t i = 0; i < w->daemons_n; i++)
		if (w->daemon[i].acd == acd)
			return &w->daemon[i];
	helio_assert(false);
}

void world_restart(struct world *w, unsigned site, unsigned ordinal)
{
	boot(w, world_at(w, site, ordinal));
}

static void post(struct world *w, const struct world_daemon *d, const struct acd_fx *fx)
{
	w->sent[fx->msg.type]++;
	if (fx->msg.type == w->drop && w->drop_n > 0) {
		w->drop_n--;
		w->dropped++;
		return;
	}
	helio_assert(w->wire_n < WORLD_WIRE_MAX);
	uint64_t delay = fx->to.v == d->addr.v ? 0 : WORLD_DELAY_US;
	w->wire[w->wire_n++] = (struct world_mail){.at = w->now + delay,
						   .seq = w->seq++,
						   .from = d->addr,
						   .to = fx->to,
						   .boot = d->boot,
						   .msg = fx->msg};
}

enum acd_verdict world_do(struct world *w, struct acd *acd, struct acd_event ev)
{
	static struct acd_effects fx;
	struct world_daemon *d = owner_of(w, acd);
	enum acd_verdict first = ACD_OK;

	ev.now = w->now;
	for (unsigned round = 0;; round++) {
		helio_assert(round < 10000);
		enum acd_verdict v = acd_step(acd, &ev, &fx);
		if (round == 0)
			first = v;
		for (uint32_t i = 0; i < fx.n; i++) {
			if (fx.fx[i].type == ACD_FX_SEND) {
				post(w, d, &fx.fx[i]);
				continue;
			}
			helio_assert(w->seen_n < WORLD_FX_MAX);
			w->seen[w->seen_n++] = (struct world_seen){w->now, d->addr, fx.fx[i]};
		}
		acd_check(acd);
		if (!fx.more)
			return first;
		ev = (struct acd_event){.type = ACD_EV_TIME, .now = w->now};
	}
}

enum acd_verdict world_hear(struct world *w, struct acd *acd, struct acd_addr from,
			    struct acd_msg msg)
{
	uint32_t boot_no = 1;

	for (uint32_t i = 0; i < w->daemons_n; i++)
		if (w->daemon[i].addr.v == from.v)
			boot_no = w->daemon[i].boot;
	return world_do(
	    w, acd,
	    (struct acd_event){.type = ACD_EV_MSG, .from = from, .from_boot = boot_no, .msg = msg});
}

static void deliver(struct world *w, uint32_t i)
{
	struct world_mail mail = w->wire[i];

	w->wire[i] = w->wire[--w->wire_n];
	struct world_daemon *to = NULL, *from = NULL;
	for (uint32_t k = 0; k < w->daemons_n; k++) {
		if (w->daemon[k].addr.v == mail.to.v)
			to = &w->daemon[k];
		if (w->daemon[k].addr.v == mail.from.v)
			from = &w->daemon[k];
	}
	bool self = from == to;
	if (!to || !from || (!self && (to->cut || from->cut)))
		return;
	world_do(
	    w, to->acd,
	    (struct acd_event){
		.type = ACD_EV_MSG, .from = mail.from, .from_boot = mail.boot, .msg = mail.msg});
}

void world_run(struct world *w, uint64_t us)
{
	acd_time_us end = w->now + us;

	for (;;) {
		uint32_t mail = UINT32_MAX;
		struct world_daemon *first = NULL;
		acd_time_us at = end + 1;
		for (uint32_t i = 0; i < w->wire_n; i++) {
			bool earlier =
			    w->wire[i].at < at || (mail != UINT32_MAX && w->wire[i].at == at &&
						   w->wire[i].seq < w->wire[mail].seq);
			if (!earlier)
				continue;
			at = w->wire[i].at;
			mail = i;
		}
		for (uint32_t i = 0; i < w->daemons_n; i++) {
			acd_time_us t = acd_deadline(w->daemon[i].acd);
			if (t < at) {
				at = t;
				first = &w->daemon[i];
			}
		}
		if (at > end)
			break;
		if (at > w->now)
			w->now = at;
		if (first)
			world_do(w, first->acd, (struct acd_event){.type = ACD_EV_TIME});
		else
			deliver(w, mail);
	}
	w->now = end;
}

struct acd_call_id world_call(struct world *w, struct acd *node, uint32_t queue)
{
	struct acd_call_id call = {acd_id_next(node)};

	enum acd_verdict v = world_do(
	    w, node,
	    (struct acd_event){.type = ACD_EV_CALL_ARRIVED, .call = call, .queue = {queue}});
	helio_assert(v == ACD_OK);
	return call;
}

struct acd_session_id world_agent(struct world *w, struct acd *node, uint64_t skills)
{
	struct acd_session_id s = {acd_id_next(node)};
	struct acd_event in = {.type = ACD_EV_AGENT_SIGN_IN,
			       .session = s,
			       .agent = {s.v ^ 0xabcdef},
			       .skills = {skills}};

	helio_assert(world_do(w, node, in) == ACD_OK);
	in.type = ACD_EV_AGENT_READY;
	helio_assert(world_do(w, node, in) == ACD_OK);
	return s;
}

void world_accept(struct world *w, struct acd *node, struct acd_session_id s)
{
	struct acd_agent_view v = world_agent_view(w, node, s);

	helio_assert(world_do(w, node,
			      (struct acd_event){.type = ACD_EV_AGENT_ACCEPT,
						 .session = s,
						 .offer = v.offer}) == ACD_OK);
}

uint8_t world_call_state(struct world *w, struct acd *node, struct acd_call_id c)
{
	struct acd_call_view v;

	return acd_call_get(node, c, w->now, &v) ? v.state : ACD_CALL_NONE;
}

struct acd_agent_view world_agent_view(struct world *w, struct acd *node, struct acd_session_id s)
{
	struct acd_agent_view v = {.state = ACD_AGENT_OFF};

	acd_agent_get(node, s, w->now, &v);
	return v;
}

uint32_t world_count(const struct world *w, enum acd_fx_type type)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->seen_n; i++)
		n += w->seen[i].fx.type == type;
	return n;
}

const struct world_seen *world_last(const struct world *w, enum acd_fx_type type)
{
	for (uint32_t i = w->seen_n; i-- > 0;)
		if (w->seen[i].fx.type == type)
			return &w->seen[i];
	return NULL;
}
