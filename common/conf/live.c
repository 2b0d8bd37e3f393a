/*
 * What of a new configuration a running daemon can take at once, and what waits for its restart.
 * Ports, addresses, numbers, keys and paths were bound, opened or put into ids at the start;
 * agents, queues, limits and everything else is read where it is needed.
 */
#include "common/conf/conf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

static bool endpoint_same(const struct conf_endpoint *a, const struct conf_endpoint *b)
{
	return a->port == b->port && !strcmp(a->host, b->host);
}

static bool found(char ret_why[256], const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool found(char ret_why[256], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ret_why, 256, fmt, ap);
	va_end(ap);
	return true;
}

/* Who is there, and where: every daemon's mesh knows it from its start. */
static bool mesh_differs(const struct conf *a, const struct conf *b, char why[256])
{
	for (uint32_t i = 0; i < a->daemons_n; i++) {
		const struct conf_daemon *x = &a->daemons[i];
		const struct conf_daemon *y = conf_daemon_by_addr(b, x->addr);
		if (!y || strcmp(x->name, y->name) != 0 || x->role != y->role)
			return found(why, "%s is not there any more", x->name);
		if (!endpoint_same(&x->mesh, &y->mesh))
			return found(why, "%s has another address or mesh port", x->name);
	}
	for (uint32_t i = 0; i < b->daemons_n; i++)
		if (!conf_daemon_by_addr(a, b->daemons[i].addr))
			return found(why, "%s is new", b->daemons[i].name);
	for (uint32_t i = 0; i < b->sites_n; i++)
		if (!conf_site_by_name(a, b->sites[i].name))
			return found(why, "the site %s is new", b->sites[i].name);
	return a->sites_n != b->sites_n && found(why, "a site is not there any more");
}

static bool gateway_differs(const struct conf_daemon *x, const struct conf_daemon *y, char why[256])
{
	if (x->http_port != y->http_port)
		return found(why, "http: %u", y->http_port);
	if (strcmp(x->tls_cert, y->tls_cert) != 0 || strcmp(x->tls_key, y->tls_key) != 0)
		return found(why, "tls:");
	bool origins = x->origins_n != y->origins_n;
	for (uint32_t i = 0; !origins && i < x->origins_n; i++)
		origins = strcmp(x->origins[i], y->origins[i]) != 0;
	return origins && found(why, "origins:");
}

static bool node_differs(const struct conf_daemon *x, const struct conf_daemon *y, char why[256])
{
	if (x->sip_port != y->sip_port)
		return found(why, "sip: %u", y->sip_port);
	if (strcmp(x->vip, y->vip) != 0)
		return found(why, "vip: %s", y->vip);
	if (strcmp(x->advertise, y->advertise) != 0)
		return found(why, "advertise: %s", y->advertise);
	if (x->media_port_min != y->media_port_min || x->media_port_max != y->media_port_max)
		return found(why, "media_ports: %u-%u", y->media_port_min, y->media_port_max);
	if (!endpoint_same(&x->journal, &y->journal))
		return found(why, "journal:");
	if (x->calls_max != y->calls_max || x->sessions_max != y->sessions_max ||
	    x->media_threads != y->media_threads)
		return found(why, "calls_max:, sessions_max: or media_threads:");
	return false;
}

static bool redis_differs(const struct conf_redis *x, const struct conf_redis *y)
{
	bool d = x->n != y->n || x->sentinels_n != y->sentinels_n || x->tunnels_n != y->tunnels_n ||
		 strcmp(x->master, y->master) != 0 || strcmp(x->login.user, y->login.user) != 0 ||
		 strcmp(x->login.password_file, y->login.password_file) != 0;
	for (uint32_t i = 0; !d && i < x->n; i++)
		d = !endpoint_same(&x->at[i], &y->at[i]);
	for (uint32_t i = 0; !d && i < x->sentinels_n; i++)
		d = !endpoint_same(&x->sentinels[i], &y->sentinels[i]);
	for (uint32_t i = 0; !d && i < x->tunnels_n; i++)
		d = !endpoint_same(&x->tunnels[i].from, &y->tunnels[i].from) ||
		    !endpoint_same(&x->tunnels[i].to, &y->tunnels[i].to);
	return d;
}

/* A broker's core has room for what the nodes of its site may hold. */
static bool room_differs(const struct conf *a, const struct conf *b, uint16_t broker, char why[256])
{
	for (uint32_t i = 0; i < a->daemons_n; i++) {
		const struct conf_daemon *x = &a->daemons[i];
		const struct conf_daemon *y = conf_daemon_by_addr(b, x->addr);
		if (y && x->role == CONF_NODE && addr_site(x->addr) == addr_site(broker) &&
		    (x->calls_max != y->calls_max || x->sessions_max != y->sessions_max))
			return found(why, "%s has another calls_max: or sessions_max:", x->name);
	}
	return false;
}

bool conf_needs_roll(const struct conf *old, const struct conf *new, const char *name,
		     char ret_why[256])
{
	const struct conf_daemon *x = conf_daemon_by_name(old, name);
	const struct conf_daemon *y = conf_daemon_by_name(new, name);

	if (!x || !y)
		return found(ret_why, "%.40s is %s", name, x ? "not there any more" : "new");
	if (mesh_differs(old, new, ret_why))
		return true;
	if (strcmp(x->bind, y->bind) != 0)
		return found(ret_why, "address: %s", y->bind);
	if (x->admin_port != y->admin_port || x->metrics_port != y->metrics_port)
		return found(ret_why, "admin: or metrics:");
	if (strcmp(old->keys_dir, new->keys_dir) != 0 ||
	    strcmp(old->state_dir, new->state_dir) != 0 ||
	    strcmp(old->run_dir, new->run_dir) != 0 || strcmp(old->web_dir, new->web_dir) != 0)
		return found(ret_why, "paths:");
	if (x->role == CONF_GATEWAY)
		return gateway_differs(x, y, ret_why);
	if (x->role == CONF_BROKER)
		return room_differs(old, new, x->addr, ret_why);
	const struct conf_site *s = conf_site_by_number(old, addr_site(x->addr));
	const struct conf_site *t = conf_site_by_number(new, addr_site(x->addr));
	if (s && t && strcmp(s->timezone, t->timezone) != 0)
		return found(ret_why, "timezone: %s", t->timezone);
	if (redis_differs(&old->presence, &new->presence))
		return found(ret_why, "presence:");
	if (strcmp(old->journal_login.user, new->journal_login.user) != 0 ||
	    strcmp(old->journal_login.password_file, new->journal_login.password_file) != 0)
		return found(ret_why, "journal: user or password_file");
	if (old->adopt_after_ms != new->adopt_after_ms)
		return found(ret_why, "adopt_after: %ums", new->adopt_after_ms);
	return node_differs(x, y, ret_why);
}

/* ---- taking it ---- */

int conf_carry(struct conf *new, const struct conf *now)
{
	uint32_t gone = 0;

	for (uint32_t i = 0; i < now->queues_n; i++)
		gone += !conf_queue_by_id(new, now->queues[i].id);
	if (!gone)
		return 0;
	if (new->queues_n + gone > CONF_QUEUES_MAX)
		return E2BIG;
	struct conf_queue *all = calloc(new->queues_n + gone, sizeof(*all));
	if (!all)
		return ENOMEM;
	if (new->queues_n)
		memcpy(all, new->queues, new->queues_n * sizeof(*all));
	uint32_t n = new->queues_n;
	for (uint32_t i = 0; i < now->queues_n; i++) {
		const struct conf_queue *q = &now->queues[i];
		if (conf_queue_by_id(new, q->id))
			continue;
		all[n] = *q;
		all[n].closed = true;
		/* Skills are numbered anew, and whoever waits is served by anybody rather than
		 * by nobody: what it asked for may not exist any more. */
		all[n].skills = 0;
		memset(&all[n].levels, 0, sizeof(all[n].levels));
		all[n].relax_n = all[n].pref_n = all[n].route_n = 0;
		all[n].hours_n = 0; /* its calendars are the old file's */
		for (uint32_t k = 0; k < now->skills_n; k++)
			for (uint32_t m = 0; m < new->skills_n; m++)
				if (q->skills >> k & 1 && !strcmp(now->skills[k], new->skills[m]))
					all[n].skills |= UINT64_C(1) << m;
		n++;
	}
	free(new->queues);
	new->queues = all;
	new->queues_n = n;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct conf_agent *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static int agents_carry(struct conf *new, const struct conf *now, conf_keep_h *keep_h, void *arg)
{
	uint32_t gone = 0;

	for (uint32_t i = 0; keep_h && i < now->agents_n; i++)
		gone += !conf_agent_by_id(new, now->agents[i].id) && keep_h(now->agents[i].id, arg);
	if (!gone)
		return 0;
	struct conf_agent *all = calloc((size_t) new->agents_n + gone, sizeof(*all));
	if (!all)
		return ENOMEM;
	if (new->agents_n)
		memcpy(all, new->agents, new->agents_n * sizeof(*all));
	uint32_t n = new->agents_n;
	for (uint32_t i = 0; i < now->agents_n && n < new->agents_n + gone; i++) {
		const struct conf_agent *a = &now->agents[i];
		if (conf_agent_by_id(new, a->id) || !keep_h(a->id, arg))
			continue;
		all[n] = *a;
		all[n].removed = true;
		all[n].skills = 0;
		memset(&all[n].levels, 0, sizeof(all[n].levels));
		str_copy(all[n].password, sizeof(all[n].password), "!");
		n++;
	}
	free(new->agents);
	new->agents = all;
	new->agents_n = n;
	qsort(new->agents, n, sizeof(*all), by_id);
	return 0;
}

int conf_live(struct conf *new, const struct conf *base, const struct conf *now,
	      conf_keep_h *keep_h, void *arg)
{
	int err = conf_carry(new, now);

	if (!err)
		err = agents_carry(new, now, keep_h, arg);
	if (err)
		return err;
	free(new->daemons);
	new->daemons = base->daemons;
	new->daemons_borrowed = true;
	new->daemons_n = base->daemons_n;
	memcpy(new->sites, base->sites, sizeof(new->sites));
	new->sites_n = base->sites_n;
	memcpy(new->keys_dir, base->keys_dir, sizeof(new->keys_dir));
	memcpy(new->state_dir, base->state_dir, sizeof(new->state_dir));
	memcpy(new->run_dir, base->run_dir, sizeof(new->run_dir));
	memcpy(new->web_dir, base->web_dir, sizeof(new->web_dir));
	new->presence = base->presence;
	new->journal_login = base->journal_login;
	return 0;
}
