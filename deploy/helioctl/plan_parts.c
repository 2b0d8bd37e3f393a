/* What differs between two configurations, kind by kind. Things are the same when their name is. */
#include "deploy/helioctl/plan.h"

#include <stdarg.h>
#include <string.h>

#include "common/base/base.h"

/* "wrap_up 15s → 30s, priority 3 → 1": what changed of one thing. */
struct diff {
	char text[512];
	size_t n;
};

__attribute__((format(printf, 2, 3))) static void diff_add(struct diff *d, const char *fmt, ...)
{
	va_list ap;

	if (d->n >= sizeof(d->text) - 1)
		return;
	if (d->n)
		d->n += (size_t)snprintf(d->text + d->n, sizeof(d->text) - d->n, ", ");
	if (d->n >= sizeof(d->text))
		return;
	va_start(ap, fmt);
	d->n += (size_t)vsnprintf(d->text + d->n, sizeof(d->text) - d->n, fmt, ap);
	va_end(ap);
}

static void diff_text(struct diff *d, const char *what, const char *a, const char *b)
{
	if (strcmp(a, b) != 0)
		diff_add(d, "%s %s → %s", what, *a ? a : "none", *b ? b : "none");
}

static void diff_number(struct diff *d, const char *what, uint64_t a, uint64_t b)
{
	if (a != b)
		diff_add(d, "%s %llu → %llu", what, (unsigned long long)a, (unsigned long long)b);
}

static void diff_time(struct diff *d, const char *what, uint32_t a, uint32_t b)
{
	char x[24], y[24];

	if (a != b)
		diff_add(d, "%s %s → %s", what, duration_text(x, a), duration_text(y, b));
}

static void diff_bool(struct diff *d, const char *what, bool a, bool b)
{
	if (a != b)
		diff_add(d, "%s %s → %s", what, a ? "yes" : "no", b ? "yes" : "no");
}

static void diff_endpoint(struct diff *d, const char *what, const struct conf_endpoint *a,
			  const struct conf_endpoint *b)
{
	char x[CONF_HOST_SIZE + 8] = "", y[CONF_HOST_SIZE + 8] = "";

	if (a->port)
		snprintf(x, sizeof(x), "%s:%u", a->host, a->port);
	if (b->port)
		snprintf(y, sizeof(y), "%s:%u", b->host, b->port);
	diff_text(d, what, x, y);
}

/* Bits mean different skills in two files: compared by name. */
static bool has_skill(const struct conf *c, uint64_t mask, const char *name)
{
	for (uint32_t i = 0; i < c->skills_n; i++)
		if (!strcmp(c->skills[i], name))
			return mask >> i & 1;
	return false;
}

static void diff_skills(struct diff *d, const struct plan *p, uint64_t a, uint64_t b)
{
	for (uint32_t i = 0; i < p->old->skills_n; i++)
		if (a >> i & 1 && !has_skill(p->new, b, p->old->skills[i]))
			diff_add(d, "no longer %s", p->old->skills[i]);
	for (uint32_t i = 0; i < p->new->skills_n; i++)
		if (b >> i & 1 && !has_skill(p->old, a, p->new->skills[i]))
			diff_add(d, "now %s", p->new->skills[i]);
}

static unsigned level_at(struct acd_levels levels, uint32_t skill)
{
	return levels.w[skill / 16] >> 4 * (skill % 16) & 15;
}

/* Of skills that both have; by name, as bits may differ. */
static void diff_levels(struct diff *d, const struct plan *p, uint64_t a, struct acd_levels la,
			uint64_t b, struct acd_levels lb)
{
	char what[CONF_NAME_SIZE + 8];

	for (uint32_t i = 0; i < p->old->skills_n; i++)
		for (uint32_t k = 0; a >> i & 1 && k < p->new->skills_n; k++) {
			if (!(b >> k & 1) || strcmp(p->old->skills[i], p->new->skills[k]) != 0)
				continue;
			snprintf(what, sizeof(what), "%s level", p->old->skills[i]);
			diff_number(d, what, level_at(la, i), level_at(lb, k));
		}
}

/* A rule in words: "key: owner 20s, any_of key-account 20s". */
static void route_words(char *buf, size_t size, const struct conf_route *r)
{
	char time[24];
	size_t n = (size_t)snprintf(buf, size, "%s:", r->who);

	for (uint32_t i = 0; i < r->ask_n && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, " %s%s%s %s", r->ask[i].to,
				      *r->ask[i].name ? " " : "", r->ask[i].name,
				      duration_text(time, r->ask[i].for_ms));
}

static void diff_route(struct diff *d, const struct conf_queue *a, const struct conf_queue *b)
{
	char what[32], x[256], y[256];

	for (uint32_t k = 0; k < a->route_n || k < b->route_n; k++) {
		*x = *y = '\0';
		if (k < a->route_n)
			route_words(x, sizeof(x), &a->route[k]);
		if (k < b->route_n)
			route_words(y, sizeof(y), &b->route[k]);
		snprintf(what, sizeof(what), "route rule %u", k + 1);
		diff_text(d, what, x, y);
	}
}

static void diff_relax(struct diff *d, const struct conf_queue *a, const struct conf_queue *b)
{
	char what[32];

	diff_number(d, "steps of relax", a->relax_n, b->relax_n);
	for (uint32_t k = 0; k < a->relax_n && k < b->relax_n; k++) {
		snprintf(what, sizeof(what), "relax step %u after", k + 1);
		diff_time(d, what, a->relax[k].after_ms, b->relax[k].after_ms);
	}
}

/* ---- cluster and sites ------------------------------------------------------------------- */

static void diff_servers(struct diff *d, const char *kind, const struct conf_endpoint *a,
			 uint32_t a_n, const struct conf_endpoint *b, uint32_t b_n)
{
	char what[32];

	for (uint32_t i = 0; i < a_n || i < b_n; i++) {
		snprintf(what, sizeof(what), "%s %u", kind, i + 1);
		diff_endpoint(d, what, i < a_n ? &a[i] : &(struct conf_endpoint){0},
			      i < b_n ? &b[i] : &(struct conf_endpoint){0});
	}
}

/* A path as its file says it: two files in two folders may mean the same sound. agents.yaml lies
 * beside the cluster file, and its path is absolute as those of passwords are. */
static const char *as_written(const struct conf *c, const char *path)
{
	const char *slash = strrchr(c->agents_file, '/');
	size_t n = slash ? (size_t)(slash - c->agents_file) + 1 : 0;

	for (uint32_t i = 0; i < c->files_n; i++)
		if (!strcmp(c->files[i].path, path))
			return c->files[i].name;
	return n && !strncmp(path, c->agents_file, n) ? path + n : path;
}

static void diff_login(struct diff *d, const struct plan *p, const struct conf_login *a,
		       const struct conf_login *b)
{
	diff_text(d, "user", a->user, b->user);
	diff_text(d, "password_file", as_written(p->old, a->password_file),
		  as_written(p->new, b->password_file));
}

static void diff_redis(struct diff *d, const struct plan *p, const struct conf_redis *a,
		       const struct conf_redis *b)
{
	static const struct conf_tunnel none;
	char what[32];

	diff_servers(d, "server", a->at, a->n, b->at, b->n);
	diff_servers(d, "sentinel", a->sentinels, a->sentinels_n, b->sentinels, b->sentinels_n);
	diff_text(d, "master", a->master, b->master);
	for (uint32_t i = 0; i < a->tunnels_n || i < b->tunnels_n; i++) {
		const struct conf_tunnel *x = i < a->tunnels_n ? &a->tunnels[i] : &none;
		const struct conf_tunnel *y = i < b->tunnels_n ? &b->tunnels[i] : &none;
		snprintf(what, sizeof(what), "tunnel %u from", i + 1);
		diff_endpoint(d, what, &x->from, &y->from);
		snprintf(what, sizeof(what), "tunnel %u to", i + 1);
		diff_endpoint(d, what, &x->to, &y->to);
	}
	diff_login(d, p, &a->login, &b->login);
}

void plan_cluster(struct plan *p)
{
	struct diff d = {0}, r = {0}, j = {0};

	if (strcmp(p->old->cluster, p->new->cluster) != 0) {
		plan_change(p, "cluster", p->new->cluster, PLAN_CHANGED, "name %s → %s",
			    p->old->cluster, p->new->cluster);
		plan_warn(p, "the cluster's name is in every node certificate: no browser will "
			     "sign in until `helio-keys` has made them anew");
	}
	diff_bool(&d, "allow_plain_agents", p->old->allow_plain_agents, p->new->allow_plain_agents);
	diff_time(&d, "adopt_after", p->old->adopt_after_ms, p->new->adopt_after_ms);
	diff_number(&d, "keep_days", p->old->keep_days, p->new->keep_days);
	diff_time(&d, "media_silent_flag", p->old->media_silent_flag_ms,
		  p->new->media_silent_flag_ms);
	diff_time(&d, "media_silent_end", p->old->media_silent_end_ms,
		  p->new->media_silent_end_ms);
	diff_text(&d, "directory", as_written(p->old, p->old->directory_file),
		  as_written(p->new, p->new->directory_file));
	if (d.n)
		plan_change(p, "cluster", p->new->cluster, PLAN_CHANGED, "%s", d.text);
	if (p->new->allow_plain_agents && !p->old->allow_plain_agents)
		plan_warn(p, "allow_plain_agents is for load tools: with it audio of agents needs "
			     "no encryption");
	/* The lease of a node ends after 70 % of it (nodes/neighbour/lease.h). */
	if (p->new->adopt_after_ms < p->old->adopt_after_ms * 7ull / 10)
		plan_warn(
		    p, "adopt_after: while daemons are restarted one by one, a node of the longer "
		       "time may still speak when its neighbour of the shorter has taken over; "
		       "lower it in steps, to no less than 70 %% each");
	if (p->new->keep_days && (!p->old->keep_days || p->new->keep_days < p->old->keep_days))
		plan_warn(p,
			  "keep_days: older records and tasks are deleted for good, a day of them "
			  "an hour");
	diff_redis(&r, p, &p->old->presence, &p->new->presence);
	if (r.n)
		plan_change(p, "presence", "redis", PLAN_CHANGED, "%s", r.text);
	diff_login(&j, p, &p->old->journal_login, &p->new->journal_login);
	if (j.n)
		plan_change(p, "journal", "login", PLAN_CHANGED, "%s", j.text);
	for (uint32_t i = 0; i < p->new->skills_n; i++)
		if (!has_skill(p->old, UINT64_MAX, p->new->skills[i]))
			plan_change(p, "skills", p->new->skills[i], PLAN_ADDED, "%s", "");
	for (uint32_t i = 0; i < p->old->skills_n; i++)
		if (!has_skill(p->new, UINT64_MAX, p->old->skills[i]))
			plan_change(p, "skills", p->old->skills[i], PLAN_REMOVED, "%s", "");
}

static void site_compare(struct plan *p, const struct conf_site *a, const struct conf_site *b)
{
	struct diff d = {0};

	diff_number(&d, "number", a->number, b->number);
	diff_text(&d, "timezone", a->timezone, b->timezone);
	bool same = a->languages_n == b->languages_n;
	for (uint32_t i = 0; same && i < a->languages_n; i++)
		same = !strcmp(a->languages[i], b->languages[i]);
	if (!same)
		diff_add(&d, "languages");
	if (d.n)
		plan_change(p, "sites", b->name, PLAN_CHANGED, "%s", d.text);
	if (a->number != b->number)
		plan_warn(p,
			  "site %s changes its number: ids of its old calls will be read as those "
			  "of another site; leave it",
			  b->name);
}

void plan_sites(struct plan *p)
{
	const struct conf_site *other;

	for (uint32_t i = 0; i < p->new->sites_n; i++) {
		const struct conf_site *s = &p->new->sites[i];
		other = conf_site_by_name(p->old, s->name);
		if (other)
			site_compare(p, other, s);
		else
			plan_change(p, "sites", s->name, PLAN_ADDED, "number %u, %u daemons",
				    s->number, s->daemons_n);
	}
	for (uint32_t i = 0; i < p->old->sites_n; i++) {
		const struct conf_site *s = &p->old->sites[i];
		if (conf_site_by_name(p->new, s->name))
			continue;
		plan_change(p, "sites", s->name, PLAN_REMOVED, "number %u", s->number);
		plan_warn(p,
			  "site %s goes: drain its nodes first; never give its number %u to "
			  "another",
			  s->name, s->number);
	}
}

/* ---- daemons --------------------------------------------------------------------------------- */

static const char *const roles[] = {
    [CONF_NODE] = "node", [CONF_BROKER] = "broker", [CONF_GATEWAY] = "gateway"};

static void daemon_compare(struct plan *p, const struct conf_daemon *a, const struct conf_daemon *b)
{
	struct diff d = {0};

	diff_text(&d, "role", roles[a->role], roles[b->role]);
	if (a->addr != b->addr) {
		diff_add(&d, "number %u.%u → %u.%u", addr_site(a->addr), addr_ordinal(a->addr),
			 addr_site(b->addr), addr_ordinal(b->addr));
		plan_warn(p,
			  "%s changes its number: its keys must be made again (helio-keys "
			  "daemon … --force)",
			  b->name);
	}
	diff_endpoint(&d, "mesh", &a->mesh, &b->mesh);
	diff_number(&d, "admin", a->admin_port, b->admin_port);
	diff_number(&d, "metrics", a->metrics_port, b->metrics_port);
	diff_number(&d, "metrics", a->metrics_port, b->metrics_port);
	if (a->role == CONF_NODE && b->role == CONF_NODE) {
		diff_text(&d, "advertise", a->advertise, b->advertise);
		diff_text(&d, "vip", a->vip, b->vip);
		diff_number(&d, "sip", a->sip_port, b->sip_port);
		if (a->media_port_min != b->media_port_min ||
		    a->media_port_max != b->media_port_max)
			diff_add(&d, "media_ports %u-%u → %u-%u", a->media_port_min,
				 a->media_port_max, b->media_port_min, b->media_port_max);
		diff_endpoint(&d, "journal", &a->journal, &b->journal);
		diff_number(&d, "calls_max", a->calls_max, b->calls_max);
		diff_number(&d, "sessions_max", a->sessions_max, b->sessions_max);
		diff_number(&d, "media_threads", a->media_threads, b->media_threads);
		if (a->journal.port && !b->journal.port)
			plan_warn(p, "%s loses its journal: its calls will not survive it",
				  b->name);
	}
	if (a->role == CONF_GATEWAY && b->role == CONF_GATEWAY) {
		diff_number(&d, "http", a->http_port, b->http_port);
		bool same = a->origins_n == b->origins_n;
		for (uint32_t i = 0; same && i < a->origins_n; i++)
			same = !strcmp(a->origins[i], b->origins[i]);
		if (!same)
			diff_add(&d, "origins");
	}
	if (d.n)
		plan_change(p, "daemons", b->name, PLAN_CHANGED, "%s: %s", roles[b->role], d.text);
}

void plan_daemons(struct plan *p)
{
	for (uint32_t i = 0; i < p->new->daemons_n; i++) {
		const struct conf_daemon *d = &p->new->daemons[i],
					 *other = conf_daemon_by_name(p->old, d->name);
		if (other) {
			daemon_compare(p, other, d);
			continue;
		}
		plan_change(p, "daemons", d->name, PLAN_ADDED, "%s at %s, number %u.%u",
			    roles[d->role], d->bind, addr_site(d->addr), addr_ordinal(d->addr));
		plan_warn(p,
			  "%s needs keys (helio-keys from-config) and a start (deploy/site-up); "
			  "the others hear it once they are restarted",
			  d->name);
	}
	for (uint32_t i = 0; i < p->old->daemons_n; i++) {
		const struct conf_daemon *d = &p->old->daemons[i];
		if (conf_daemon_by_name(p->new, d->name))
			continue;
		plan_change(p, "daemons", d->name, PLAN_REMOVED, "%s at %s", roles[d->role],
			    d->bind);
		if (d->role == CONF_NODE)
			plan_warn(p, "%s goes: `helioctl drain %s --wait 30m` first", d->name,
				  d->name);
	}
}

/* ---- queues and agents ------------------------------------------------------------------- */

static void queue_compare(struct plan *p, const struct conf_queue *a, const struct conf_queue *b)
{
	struct diff d = {0};

	diff_text(&d, "display", a->display, b->display);
	diff_skills(&d, p, a->skills, b->skills);
	diff_levels(&d, p, a->skills, a->levels, b->skills, b->levels);
	diff_text(&d, "tenant", a->tenant, b->tenant);
	diff_text(&d, "strategy", acd_strategy_name(a->strategy), acd_strategy_name(b->strategy));
	diff_number(&d, "ring_at_once", a->group_max, b->group_max);
	diff_number(&d, "weight %", a->weight, b->weight);
	diff_relax(&d, a, b);
	diff_route(&d, a, b);
	diff_time(&d, "same_agent_within", a->same_agent_ms, b->same_agent_ms);
	diff_time(&d, "ageing", a->ageing_ms, b->ageing_ms);
	diff_number(&d, "max_length", a->max_length, b->max_length);
	diff_time(&d, "max_wait", a->max_wait_ms, b->max_wait_ms);
	diff_number(&d, "missed_limit", a->missed_limit, b->missed_limit);
	diff_number(&d, "priority", a->priority, b->priority);
	diff_bool(&d, "overflow when no agent is idle", a->overflow_no_idle, b->overflow_no_idle);
	diff_bool(&d, "overflow after a time", a->overflow_timed, b->overflow_timed);
	if (a->overflow_timed && b->overflow_timed)
		diff_time(&d, "overflow after", a->overflow_after_ms, b->overflow_after_ms);
	diff_number(&d, "overflow when longer than", a->overflow_longer, b->overflow_longer);
	diff_time(&d, "overflow when the expected wait is above", a->overflow_ewt_ms,
		  b->overflow_ewt_ms);
	diff_time(&d, "remote_handicap", a->remote_handicap_ms, b->remote_handicap_ms);
	diff_time(&d, "wrap_up", a->wrap_up_ms, b->wrap_up_ms);
	diff_time(&d, "ring_timeout", a->ring_timeout_ms, b->ring_timeout_ms);
	diff_time(&d, "answer_within", a->sl_within_ms, b->sl_within_ms);
	diff_number(&d, "target %", a->sl_target_pct, b->sl_target_pct);
	diff_text(&d, "greeting", as_written(p->old, a->greeting), as_written(p->new, b->greeting));
	diff_text(&d, "music", as_written(p->old, a->music), as_written(p->new, b->music));
	diff_text(&d, "moment", as_written(p->old, a->moment), as_written(p->new, b->moment));
	diff_text(&d, "closed_announcement", as_written(p->old, a->closed_announcement),
		  as_written(p->new, b->closed_announcement));
	diff_text(&d, "task_announcement", as_written(p->old, a->task_announcement),
		  as_written(p->new, b->task_announcement));
	if (d.n)
		plan_change(p, "queues", b->name, PLAN_CHANGED, "%s", d.text);
}

void plan_queues(struct plan *p)
{
	for (uint32_t i = 0; i < p->new->queues_n; i++) {
		const struct conf_queue *q = &p->new->queues[i],
					*other = conf_queue_by_name(p->old, q->name);
		if (other)
			queue_compare(p, other, q);
		else
			plan_change(p, "queues", q->name, PLAN_ADDED, "%s", q->display);
	}
	for (uint32_t i = 0; i < p->old->queues_n; i++) {
		const struct conf_queue *q = &p->old->queues[i];
		if (conf_queue_by_name(p->new, q->name))
			continue;
		plan_change(p, "queues", q->name, PLAN_REMOVED, "%s", q->display);
		plan_warn(p, "queue %s goes: who dials it is answered 404", q->name);
	}
}

static void agent_compare(struct plan *p, const struct conf_agent *a, const struct conf_agent *b)
{
	struct diff d = {0};
	const struct conf_site *from = conf_site_by_number(p->old, a->site),
			       *to = conf_site_by_number(p->new, b->site);

	diff_text(&d, "display", a->display, b->display);
	diff_text(&d, "site", from ? from->name : "", to ? to->name : "");
	diff_skills(&d, p, a->skills, b->skills);
	diff_levels(&d, p, a->skills, a->levels, b->skills, b->levels);
	diff_text(&d, "tenant", a->tenant, b->tenant);
	diff_number(&d, "rank", a->rank, b->rank);
	diff_text(&d, "language", a->language, b->language);
	diff_text(&d, "codec", a->codec == CONF_CODEC_OPUS ? "opus" : "pcmu",
		  b->codec == CONF_CODEC_OPUS ? "opus" : "pcmu");
	diff_bool(&d, "supervisor", a->supervisor, b->supervisor);
	if (strcmp(a->password, b->password) != 0) /* never the hash itself */
		diff_add(&d, "%s", b->password[0] == '$' ? "a new password" : "locked");
	if (d.n)
		plan_change(p, "agents", b->name, PLAN_CHANGED, "%s", d.text);
	if (b->supervisor && !a->supervisor)
		plan_warn(p, "%s becomes a supervisor", b->name);
}

void plan_agents(struct plan *p)
{
	const struct conf_site *site;

	for (uint32_t i = 0; i < p->new->agents_n; i++) {
		const struct conf_agent *a = &p->new->agents[i],
					*other = conf_agent_by_id(p->old, a->id);
		if (other) {
			agent_compare(p, other, a);
			continue;
		}
		site = conf_site_by_number(p->new, a->site);
		plan_change(p, "agents", a->name, PLAN_ADDED, "%s at %s%s%s", a->display,
			    site ? site->name : "?", a->supervisor ? ", supervisor" : "",
			    a->password[0] == '$' ? "" : ", may not sign in yet");
	}
	for (uint32_t i = 0; i < p->old->agents_n; i++)
		if (!conf_agent_by_id(p->new, p->old->agents[i].id))
			plan_change(p, "agents", p->old->agents[i].name, PLAN_REMOVED, "%s",
				    p->old->agents[i].display);
	if (p->old->agents_n > 10 && p->new->agents_n < p->old->agents_n / 2)
		plan_warn(p, "more than half of the agents go: is agents.yaml the right one?");
}
