/* What no single row can see: doubles, overlaps, sites without brokers, queues nobody serves. */
#include "common/conf/options.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

/* One use of ports on one address. Redis is a server of its own that several may name. */
struct claim {
	uint32_t ip;
	uint16_t lo, hi;
	uint8_t proto; /* 1 TCP, 2 UDP */
	bool shared;
	const struct raw_daemon *raw;
	const char *key;
};

static size_t daemon_enter(struct reader *r, const struct raw_daemon *raw, const char *key)
{
	static const char *const group[] = {
	    [CONF_NODE] = "nodes", [CONF_BROKER] = "brokers", [CONF_GATEWAY] = "gateways"};
	const char *site = "?";

	for (uint32_t i = 0; i < r->conf->sites_n; i++) {
		const struct conf_site *s = &r->conf->sites[i];
		uint32_t n = (uint32_t)(raw - r->daemons);
		if (n >= s->first && n < s->first + s->daemons_n)
			site = s->name;
	}
	snprintf(r->path, sizeof(r->path), "sites.%s.%s.%s.%s", site, group[raw->d.role],
		 raw->d.name, key);
	return 0;
}

static const struct yaml_node *place(const struct raw_daemon *raw, const char *key)
{
	const struct yaml_node *v = yaml_value(raw->map, key);

	return v ? v : raw->key;
}

static void check_numbers(struct reader *r)
{
	const struct conf *c = r->conf;

	for (uint32_t i = 0; i < c->sites_n; i++)
		for (uint32_t k = 0; k < i; k++)
			if (c->sites[i].number && c->sites[i].number == c->sites[k].number) {
				snprintf(r->path, sizeof(r->path), "sites.%s.number",
					 c->sites[i].name);
				bad(r, yaml_value(r->site_keys[i]->next, "number"),
				    "1 to 254, each once", "give it a number of its own",
				    "%u is the number of %s too", c->sites[i].number,
				    c->sites[k].name);
			}
	for (uint32_t s = 0; s < c->sites_n; s++) {
		if (!c->sites[s].daemons_n)
			continue; /* without any daemon there is no table either */
		const struct raw_daemon *d = r->daemons + c->sites[s].first;
		for (uint32_t i = 0; i < c->sites[s].daemons_n; i++)
			for (uint32_t k = 0; k < i; k++)
				if (d[i].ordinal && d[i].ordinal == d[k].ordinal) {
					daemon_enter(r, &d[i], "ordinal");
					bad(r, place(&d[i], "ordinal"),
					    "each ordinal once in a site", "give it one of its own",
					    "%u is the ordinal of %s too", d[i].ordinal,
					    d[k].d.name);
				}
	}
	r->path[0] = '\0';
}

static void claim_add(struct claim *list, size_t *n, const struct raw_daemon *raw, const char *key,
		      const char *host, unsigned lo, unsigned hi, uint8_t proto)
{
	struct in_addr a;

	if (lo && inet_pton(AF_INET, host, &a) == 1)
		list[(*n)++] = (struct claim){.ip = ntohl(a.s_addr),
					      .lo = (uint16_t)lo,
					      .hi = (uint16_t)hi,
					      .proto = proto,
					      .shared = !strcmp(key, "journal"),
					      .raw = raw,
					      .key = key};
}

static int by_port(const void *va, const void *vb)
{
	const struct claim *a = va, *b = vb;

	if (a->ip != b->ip)
		return a->ip < b->ip ? -1 : 1;
	if (a->lo != b->lo)
		return a->lo < b->lo ? -1 : 1;
	return a->raw < b->raw ? -1 : a->raw > b->raw;
}

static void overlap_report(struct reader *r, const struct claim *a, const struct claim *b)
{
	/* The later one in the file is the one to mend. */
	const struct yaml_node *pa = place(a->raw, a->key), *pb = place(b->raw, b->key);
	if (pa->line > pb->line || (pa->line == pb->line && pa->col > pb->col)) {
		const struct claim *swap = a;
		a = b;
		b = swap;
	}
	unsigned lo = a->lo > b->lo ? a->lo : b->lo, hi = a->hi < b->hi ? a->hi : b->hi;
	char range[24];
	if (lo == hi)
		snprintf(range, sizeof(range), "port %u", lo);
	else
		snprintf(range, sizeof(range), "ports %u-%u", lo, hi);
	daemon_enter(r, b->raw, b->key);
	bad(r, place(b->raw, b->key), "ports that nothing else uses on that address",
	    "choose others, or another address", "%s of %u.%u.%u.%u: taken by %s (%s, line %d)",
	    range, b->ip >> 24, b->ip >> 16 & 255, b->ip >> 8 & 255, b->ip & 255, a->raw->d.name,
	    a->key, place(a->raw, a->key)->line);
	r->path[0] = '\0';
}

static void check_ports(struct reader *r)
{
	const uint32_t daemons_n = r->conf->daemons_n;
	struct claim *list = calloc((size_t)daemons_n * 7 + 1, sizeof(*list));
	size_t n = 0;

	if (!list) {
		r->no_memory = true;
		return;
	}
	for (uint32_t i = 0; i < daemons_n; i++) {
		const struct raw_daemon *raw = &r->daemons[i];
		const struct conf_daemon *d = &raw->d;
		claim_add(list, &n, raw, "mesh", d->bind, d->mesh.port, d->mesh.port, 1);
		claim_add(list, &n, raw, "admin", d->bind, d->admin_port, d->admin_port, 1);
		claim_add(list, &n, raw, "metrics", d->bind, d->metrics_port, d->metrics_port, 1);
		claim_add(list, &n, raw, "sip", d->bind, d->sip_port, d->sip_port, 3);
		claim_add(list, &n, raw, "media_ports", d->bind, d->media_port_min,
			  d->media_port_max, 2);
		claim_add(list, &n, raw, "http", d->bind, d->http_port, d->http_port, 1);
		claim_add(list, &n, raw, "journal", d->journal.host, d->journal.port,
			  d->journal.port, 1);
	}
	qsort(list, n, sizeof(*list), by_port);
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n && list[k].ip == list[i].ip &&
				       list[k].lo <= list[i].hi && !r->problems.more;
		     k++)
			if (list[i].proto & list[k].proto && !(list[i].shared && list[k].shared))
				overlap_report(r, &list[i], &list[k]);
	free(list);
}

static void check_queue_ids(struct reader *r)
{
	const struct conf *c = r->conf;

	for (uint32_t i = 0; i < c->queues_n; i++)
		for (uint32_t k = 0; k < i; k++)
			if (c->queues[i].id == c->queues[k].id || !c->queues[i].id) {
				snprintf(r->path, sizeof(r->path), "queues.%s", c->queues[i].name);
				bad(r, r->queue_keys[i], NULL, "rename one of them",
				    "this name has the same hash as '%s'", c->queues[k].name);
				break;
			}
	r->path[0] = '\0';
}

static int agent_by_id(const void *va, const void *vb)
{
	const struct raw_agent *a = va, *b = vb;

	if (a->a.id != b->a.id)
		return a->a.id < b->a.id ? -1 : 1;
	return a->key->line < b->key->line ? -1 : a->key->line > b->key->line;
}

static void check_agents(struct reader *r)
{
	uint32_t n = r->conf->agents_n;

	if (n)
		qsort(r->agents, n, sizeof(*r->agents), agent_by_id);
	for (uint32_t i = 1; i < n; i++) {
		const struct raw_agent *a = &r->agents[i - 1], *b = &r->agents[i];
		if (a->a.id != b->a.id)
			continue;
		snprintf(r->path, sizeof(r->path), "agents.%s", b->a.name);
		if (!strcmp(a->a.name, b->a.name))
			bad(r, b->key, NULL, "rename or remove one of them",
			    "this name is given twice; first on line %d", a->key->line);
		else
			bad(r, b->key, NULL, "rename one of them",
			    "this name has the same hash as '%s'", a->a.name);
	}
	r->path[0] = '\0';
}

/* At the levels that are left after all relaxation. */
static bool anybody_has(const struct reader *r, const struct conf_queue *q)
{
	uint64_t skills = q->relax_n ? q->relax[q->relax_n - 1].skills.bits : q->skills;
	struct acd_levels levels = q->relax_n ? q->relax[q->relax_n - 1].levels : q->levels;

	for (uint32_t i = 0; i < r->conf->agents_n; i++) {
		const struct conf_agent *a = &r->agents[i].a;
		bool able = (a->skills & skills) == skills;
		for (unsigned s = 0; able && s < 64; s++) {
			unsigned has = a->levels.w[s / 16] >> 4 * (s % 16) & 15;
			able = !(skills >> s & 1) || has == 0 ||
			       has >= (levels.w[s / 16] >> 4 * (s % 16) & 15);
		}
		if (able)
			return true;
	}
	return false;
}

static void settle_relax(struct reader *r)
{
	for (uint32_t i = 0; i < r->conf->queues_n; i++) {
		struct conf_queue *q = &r->conf->queues[i];
		const struct yaml_node *at = yaml_value(r->queue_keys[i]->next, "relax");
		snprintf(r->path, sizeof(r->path), "queues.%s.relax", q->name);
		relax_settle(r, q, at ? at : r->queue_keys[i]);
		tasks_check(r, q, r->queue_keys[i]);
	}
	r->path[0] = '\0';
}

/* The core tells at most so many (skill, level above 1) apart: see common/acd. */
static void check_levels(struct reader *r)
{
	const struct conf *c = r->conf;
	bool seen[64][ACD_LEVEL_MAX + 1] = {{false}};
	unsigned n = 0;

	for (uint32_t i = 0; i < c->queues_n; i++) {
		const struct conf_queue *q = &c->queues[i];
		for (uint32_t k = 0; k <= q->relax_n; k++) {
			struct acd_levels levels = k ? q->relax[k - 1].levels : q->levels;
			for (unsigned s = 0; s < 64; s++) {
				unsigned level = levels.w[s / 16] >> 4 * (s % 16) & 15;
				if (level < 2 || seen[s][level])
					continue;
				seen[s][level] = true;
				if (++n != ACD_LEVEL_STEPS_MAX + 1)
					continue;
				snprintf(r->path, sizeof(r->path), "queues.%s.skills", q->name);
				bad(r, r->queue_keys[i], "at most 64 different levels of skills",
				    "use the same few levels in all queues",
				    "the queues together ask for more than that");
			}
		}
	}
	r->path[0] = '\0';
}

/* Legal, but seldom meant. */
static void warn_all(struct reader *r)
{
	const struct conf *c = r->conf;
	unsigned roles, all = 0;

	for (uint32_t i = 0; i < c->sites_n; i++) {
		roles = 0;
		for (uint32_t k = 0; k < c->sites[i].daemons_n; k++)
			roles |= 1u << r->daemons[c->sites[i].first + k].d.role;
		all |= roles;
		snprintf(r->path, sizeof(r->path), "sites.%s", c->sites[i].name);
		if (roles & 1u << CONF_NODE && !(roles & 1u << CONF_BROKER))
			warn_at(r, r->site_keys[i], "add a broker",
				"no broker: each node matches its own callers only");
		if (!(roles & 1u << CONF_NODE))
			warn_at(r, r->site_keys[i], "add a node",
				"no node: no calls and no agents here");
	}
	snprintf(r->path, sizeof(r->path), "presence.redis");
	if (all & 1u << CONF_NODE && !c->presence.n && !c->presence.sentinels_n)
		warn_at(r, r->root, "add one: presence: {redis: [IPv4:port]}",
			"no presence Redis: nodes do not start without one");
	for (uint32_t i = 0; i < c->queues_n && c->agents_n; i++) {
		if (anybody_has(r, &c->queues[i]))
			continue;
		snprintf(r->path, sizeof(r->path), "queues.%s.skills", c->queues[i].name);
		const struct yaml_node *at = yaml_value(r->queue_keys[i]->next, "skills");
		warn_at(r, at ? at : r->queue_keys[i], "give them to somebody in the agents file",
			"no agent has all the skills of this queue: its callers wait for ever");
	}
	for (uint32_t i = 0; i < c->daemons_n; i++) {
		char sock[CONF_PATH_SIZE + CONF_NAME_SIZE + 16];
		int n =
		    snprintf(sock, sizeof(sock), "%s/%s.admin", c->run_dir, r->daemons[i].d.name);
		if (n <= 107)
			continue;
		const struct yaml_node *at = yaml_value(yaml_value(r->root, "paths"), "run");
		snprintf(r->path, sizeof(r->path), "paths.run");
		warn_at(r, at ? at : r->root, "choose a shorter path, such as /run/heliograph",
			"%s is longer than the 107 bytes of a Unix socket's name", sock);
		break;
	}
	r->path[0] = '\0';
}

/* ---- routes: names to numbers ------------------------------------------------------------ */

static uint64_t agent_by_login(const struct reader *r, const char *login)
{
	for (uint32_t i = 0; i < r->conf->agents_n; i++)
		if (strcmp(r->agents[i].a.name, login) == 0)
			return r->agents[i].a.id;
	return 0;
}

/* 1 + index of the kind; 0: no such skill, or too many kinds. */
static uint8_t pref_of(const struct reader *r, struct conf_queue *q, const char *skill)
{
	uint32_t k = 0, n = 0;

	while (k < r->conf->skills_n && strcmp(r->conf->skills[k], skill) != 0)
		k++;
	if (k == r->conf->skills_n)
		return 0;
	while (n < q->pref_n && q->pref[n] != UINT64_C(1) << k)
		n++;
	if (n == ACD_PREFS_MAX)
		return 0;
	if (n == q->pref_n)
		q->pref[q->pref_n++] = UINT64_C(1) << k;
	return (uint8_t)(n + 1);
}

static void settle_ask(struct reader *r, struct conf_queue *q, struct conf_ask *a,
		       const struct yaml_node *at)
{
	bool named = false;

	if (strcmp(a->to, "owner") == 0) {
		a->kind = CONF_ASK_OWNER;
		if (!*r->conf->directory_file)
			bad(r, at, NULL, "directory: FILE at the top of the file",
			    "without a directory nobody has an owner");
	} else if (strcmp(a->to, "last") == 0) {
		a->kind = CONF_ASK_LAST;
		if (q->same_agent_ms == 0)
			bad(r, at, NULL, "same_agent_within: 168h", "to: last needs a limit");
	} else if (strcmp(a->to, "agent") == 0) {
		a->kind = CONF_ASK_AGENT;
		named = true;
		a->agent = agent_by_login(r, a->name);
		if (!a->agent)
			bad(r, at, "a login of the agents file", NULL, "no agent '%s'", a->name);
	} else if (*a->to) {
		a->kind = CONF_ASK_ANY_OF;
		named = true;
		a->pref = pref_of(r, q, a->name);
		if (!a->pref)
			bad(r, at, "a name from skills:, at most 4 different ones in a queue", NULL,
			    "no skill '%s'", a->name);
	}
	if (!named && *a->name)
		bad(r, at, NULL, "leave name: out", "to: %s has no name", a->to);
}

static void settle_routes(struct reader *r)
{
	for (uint32_t i = 0; i < r->conf->queues_n; i++) {
		struct conf_queue *q = &r->conf->queues[i];
		const struct yaml_node *at = yaml_value(r->queue_keys[i]->next, "route");
		for (uint32_t k = 0; k < q->route_n; k++)
			for (uint32_t n = 0; n < q->route[k].ask_n; n++) {
				snprintf(r->path, sizeof(r->path), "queues.%s.route", q->name);
				settle_ask(r, q, &q->route[k].ask[n], at ? at : r->queue_keys[i]);
			}
	}
	r->path[0] = '\0';
}

/* ---- tenants: a skill "tenant.NAME" that nobody gives by hand, and nothing relaxes ------- */

static bool any_tenant(const struct reader *r)
{
	for (uint32_t i = 0; i < r->conf->queues_n; i++)
		if (*r->conf->queues[i].tenant)
			return true;
	for (uint32_t i = 0; i < r->conf->agents_n; i++)
		if (*r->agents[i].a.tenant)
			return true;
	return false;
}

/* 0 if there is none and no room. */
static uint64_t tenant_bit(struct reader *r, const char *tenant, bool make)
{
	struct conf *c = r->conf;
	char name[CONF_NAME_SIZE]; /* fits: names have at most 24 characters */
	uint32_t k = 0;

	snprintf(name, sizeof(name), CONF_TENANT_SKILL "%.24s", tenant);
	while (k < c->skills_n && strcmp(c->skills[k], name) != 0)
		k++;
	if (k == c->skills_n && (!make || k == CONF_SKILLS_MAX))
		return 0;
	if (k == c->skills_n)
		str_copy(c->skills[c->skills_n++], CONF_NAME_SIZE, name);
	return UINT64_C(1) << k;
}

static void settle_tenants(struct reader *r)
{
	struct conf *c = r->conf;

	if (!any_tenant(r))
		return;
	for (uint32_t i = 0; i < c->queues_n; i++) {
		struct conf_queue *q = &c->queues[i];
		const struct yaml_node *at = yaml_value(r->queue_keys[i]->next, "tenant");
		uint64_t bit = *q->tenant ? tenant_bit(r, q->tenant, true) : 0;
		snprintf(r->path, sizeof(r->path), "queues.%s.tenant", q->name);
		if (!*q->tenant)
			bad(r, r->queue_keys[i], "the name of a tenant", NULL,
			    "others have a tenant, this queue has none");
		else if (!bit)
			bad(r, at ? at : r->queue_keys[i], "64 skills and tenants together", NULL,
			    "too many");
		q->skills |= bit;
		for (uint32_t k = 0; k < q->relax_n; k++)
			q->relax[k].skills.bits |= bit;
	}
	for (uint32_t i = 0; i < c->agents_n; i++) {
		struct raw_agent *a = &r->agents[i];
		const struct yaml_node *at = a->map ? yaml_value(a->map, "tenant") : NULL;
		uint64_t bit = *a->a.tenant ? tenant_bit(r, a->a.tenant, false) : 0;
		snprintf(r->path, sizeof(r->path), "agents.%s.tenant", a->a.name);
		if (!*a->a.tenant)
			bad(r, a->key, "the name of a tenant", NULL,
			    "others have a tenant, this agent has none");
		else if (!bit)
			bad(r, at ? at : a->key, "the tenant of some queue",
			    "give it to a queue first", "no queue is of this tenant");
		a->a.skills |= bit;
	}
	r->path[0] = '\0';
}

void check_all(struct reader *r)
{
	const struct conf *c = r->conf;

	if (!c->sites_n && yaml_value(r->root, "sites")) {
		snprintf(r->path, sizeof(r->path), "sites");
		bad(r, yaml_value(r->root, "sites"), "at least one site", NULL, "empty");
		r->path[0] = '\0';
	}
	check_numbers(r);
	check_ports(r);
	check_queue_ids(r);
	settle_relax(r);
	check_levels(r);
	check_agents(r);
	settle_routes(r);
	settle_tenants(r);
	/* After an error, warnings would guess from half a picture. */
	if (!r->problems.errors) {
		warn_all(r);
		check_hours(r);
	}
}
