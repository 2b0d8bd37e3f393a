/* queues, agents, calls: what every daemon knows of its own, put together. */
#include "deploy/helioctl/ctl.h"

#include <stdlib.h>
#include <string.h>

/* All objects of reply[key] over all answers; each gets "node" where it has none. */
static json_t *gather(const struct answers *as, const char *key)
{
	json_t *all = json_array();

	for (uint32_t i = 0; i < as->n; i++) {
		size_t n;
		json_t *o;
		json_array_foreach(json_object_get(as->list[i].reply, key), n, o)
		{
			if (!json_is_object(o))
				continue;
			if (!json_object_get(o, "node"))
				json_object_set_new(o, "node", json_string(as->list[i].d->name));
			if (!json_object_get(o, "site"))
				json_object_set_new(o, "site", json_string(as->list[i].site->name));
			json_array_append(all, o);
		}
	}
	return all;
}

static int by_site_and_name(const void *va, const void *vb)
{
	const json_t *a = *(json_t *const *)va, *b = *(json_t *const *)vb;
	int d = strcmp(json_text(a, "site"), json_text(b, "site"));

	return d ? d : strcmp(json_text(a, "name"), json_text(b, "name"));
}

static int by_age(const void *va, const void *vb)
{
	int64_t a = json_number(*(json_t *const *)va, "age_ms"),
		b = json_number(*(json_t *const *)vb, "age_ms");

	return a > b ? -1 : a < b;
}

static json_t *sorted(json_t *list, int (*compare)(const void *, const void *))
{
	size_t n = json_array_size(list);
	json_t **v = calloc(n + 1, sizeof(json_t *)), *out = json_array();

	for (size_t i = 0; v && i < n; i++)
		v[i] = json_array_get(list, i);
	if (v && n)
		qsort(v, n, sizeof(json_t *), compare);
	for (size_t i = 0; v && i < n; i++)
		json_array_append(out, v[i]);
	free(v);
	json_decref(list);
	return out;
}

static void nothing(struct ctl *ctl, const char *text)
{
	fprintf(ctl->out, "%s%s%s\n", style_on(ctl->colour, STYLE_DIM), text,
		style_off(ctl->colour, STYLE_DIM));
}

/* ---- queues -------------------------------------------------------------------------------- */

/* A broker sees its whole site, so one of a site is enough; where none answers, its nodes' own
 * figures are added up. Returns the answers to count. */
static bool counts(const struct answers *as, uint32_t i)
{
	const struct answer *a = &as->list[i];

	if (!a->reply)
		return false;
	for (uint32_t k = 0; k < as->n; k++) {
		const struct answer *b = &as->list[k];
		if (b->site != a->site || b->d->role != CONF_BROKER || !b->reply)
			continue;
		return k == i; /* the first broker of the site speaks for it */
	}
	return a->d->role == CONF_NODE;
}

struct queue_sum {
	int64_t waiting, longest_ms, idle;
	int64_t ewt_ms,
	    ewt_error_ms; /* of the site where a newcomer would wait longest; -1: not said */
	int64_t at[CONF_SITES_MAX]; /* waiting, by place of the site in the configuration */
	char where[160];
};

static void queue_add(struct queue_sum *sum, const json_t *o, size_t site)
{
	int64_t waiting = json_number(o, "waiting"), longest = json_number(o, "longest_ms");

	sum->waiting += waiting;
	sum->at[site] += waiting;
	sum->idle += json_number(o, "idle");
	if (json_object_get(o, "ewt_ms") && json_number(o, "ewt_ms") > sum->ewt_ms) {
		sum->ewt_ms = json_number(o, "ewt_ms");
		sum->ewt_error_ms = json_number(o, "ewt_error_ms");
	}
	if (waiting && longest > sum->longest_ms)
		sum->longest_ms = longest;
}

static void where_say(const struct conf *c, struct queue_sum *sum)
{
	size_t len = 0;

	for (uint32_t i = 0; i < c->sites_n && len < sizeof(sum->where) - 1; i++)
		if (sum->at[i])
			len += (size_t)snprintf(sum->where + len, sizeof(sum->where) - len,
						"%s%s %lld", len ? ", " : "", c->sites[i].name,
						(long long)sum->at[i]);
}

static void queues_sum(const struct ctl *ctl, const struct answers *as, struct queue_sum *sums)
{
	const struct conf *c = ctl->conf;

	for (uint32_t i = 0; i < c->queues_n; i++)
		sums[i].ewt_ms = -1;
	for (uint32_t i = 0; i < as->n; i++) {
		size_t n;
		json_t *o;
		if (!counts(as, i))
			continue;
		json_array_foreach(json_object_get(as->list[i].reply, "queues"), n, o)
		{
			const struct conf_queue *q = conf_queue_by_name(c, json_text(o, "queue"));
			if (q)
				queue_add(&sums[q - c->queues], o,
					  (size_t)(as->list[i].site - c->sites));
		}
	}
	for (uint32_t i = 0; i < c->queues_n; i++)
		where_say(c, &sums[i]);
}

static void queues_table(struct ctl *ctl, const struct queue_sum *sums)
{
	static const char *const heads[] = {
	    "QUEUE", ">WAITING", ">LONGEST", ">IDLE AGENTS", ">EXPECTED", "WHERE THEY WAIT", NULL};
	struct table *t = table_new(heads);
	char age[24], error[24];

	for (uint32_t i = 0; i < ctl->conf->queues_n; i++) {
		const struct conf_queue *q = &ctl->conf->queues[i];
		bool late = sums[i].waiting && sums[i].longest_ms > q->sl_within_ms;

		table_cell(t, STYLE_NONE, "%s", q->name);
		table_cell(t, sums[i].waiting ? STYLE_BUSY : STYLE_DIM, "%lld",
			   (long long)sums[i].waiting);
		table_cell(t, late ? STYLE_BAD : STYLE_NONE, "%s",
			   sums[i].waiting ? duration_text(age, sums[i].longest_ms) : "");
		table_cell(t, sums[i].idle ? STYLE_GOOD : STYLE_DIM, "%lld",
			   (long long)sums[i].idle);
		if (sums[i].ewt_ms < 0)
			table_cell(t, STYLE_DIM, "%s", "");
		else
			table_cell(t, STYLE_NONE, "%s ± %s", duration_text(age, sums[i].ewt_ms),
				   duration_text(error, sums[i].ewt_error_ms));
		table_cell(t, STYLE_NONE, "%s", sums[i].where);
	}
	table_print(t, ctl->out, ctl->colour);
}

static json_t *queues_list(const struct ctl *ctl, const struct queue_sum *sums)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < ctl->conf->queues_n; i++)
		json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:s}",
						      "queue", ctl->conf->queues[i].name, "waiting",
						      (json_int_t)sums[i].waiting, "longest_ms",
						      (json_int_t)sums[i].longest_ms, "idle",
						      (json_int_t)sums[i].idle, "ewt_ms",
						      (json_int_t)sums[i].ewt_ms, "ewt_error_ms",
						      (json_int_t)sums[i].ewt_error_ms, "where",
						      sums[i].where));
	return list;
}

static int queues_once(struct ctl *ctl)
{
	struct queue_sum *sums = calloc(ctl->conf->queues_n + 1u, sizeof(*sums));
	struct answers as;
	int code = ask(ctl, ASK_BROKERS | ASK_NODES, NULL, "queues", NULL, &as);

	if (!sums)
		return CTL_UNHEALTHY;
	queues_sum(ctl, &as, sums);
	if (ctl->json)
		answers_json_print(ctl, &as, "queues", queues_list(ctl, sums));
	else if (as.answered)
		queues_table(ctl, sums);
	if (!ctl->json)
		answers_silent_print(ctl, &as);
	free(sums);
	answers_free(&as);
	return code;
}

int cmd_queues(struct ctl *ctl)
{
	return ctl_watch(ctl, queues_once);
}

/* ---- agents -------------------------------------------------------------------------------- */

static enum style agent_style(const char *state)
{
	if (!strcmp(state, "idle"))
		return STYLE_GOOD;
	if (!strcmp(state, "not_ready"))
		return STYLE_WARN;
	if (!strcmp(state, "grace") || !strcmp(state, "off"))
		return STYLE_BAD;
	return STYLE_BUSY;
}

static void agents_table(struct ctl *ctl, const json_t *list)
{
	static const char *const heads[] = {"AGENT",  "NAME", "SITE",  "NODE", "STATE",
					    ">SINCE", "CALL", "QUEUE", NULL};
	struct table *t = table_new(heads);
	char since[24];
	size_t n;
	json_t *o;

	json_array_foreach(list, n, o)
	{
		const char *state = json_text(o, "state"), *reason = json_text(o, "reason");
		bool why = *reason && strcmp(reason, "none") != 0;

		table_cell(t, STYLE_NONE, "%s", json_text(o, "name"));
		table_cell(t, STYLE_NONE, "%s", json_text(o, "display"));
		table_cell(t, STYLE_NONE, "%s", json_text(o, "site"));
		table_cell(t, STYLE_DIM, "%s", json_text(o, "node"));
		table_cell(t, agent_style(state), "%s%s%s%s", state, why ? " (" : "",
			   why ? reason : "", why ? ")" : "");
		table_cell(t, STYLE_NONE, "%s", duration_text(since, json_number(o, "since_ms")));
		table_cell(t, STYLE_NONE, "%s", json_text(o, "call"));
		table_cell(t, STYLE_NONE, "%s", json_text(o, "queue"));
	}
	table_print(t, ctl->out, ctl->colour);
	if (!json_array_size(list))
		nothing(ctl, "nobody is signed in");
}

static int agents_once(struct ctl *ctl)
{
	struct answers as;
	int code = ask(ctl, ASK_NODES, NULL, "agents", NULL, &as);
	json_t *list = sorted(gather(&as, "agents"), by_site_and_name);

	if (ctl->json) {
		answers_json_print(ctl, &as, "agents", list);
	} else {
		if (as.answered)
			agents_table(ctl, list);
		answers_silent_print(ctl, &as);
		json_decref(list);
	}
	answers_free(&as);
	return code;
}

int cmd_agents(struct ctl *ctl)
{
	return ctl_watch(ctl, agents_once);
}

/* ---- calls --------------------------------------------------------------------------------- */

static void calls_table(struct ctl *ctl, const json_t *list)
{
	static const char *const heads[] = {"CALL",   "QUEUE", "STATE", ">AGE", "AGENT",
					    "CALLER", "CODEC", "NODE",  NULL};
	struct table *t = table_new(heads);
	char age[24];
	size_t n;
	json_t *o;

	json_array_foreach(list, n, o)
	{
		const char *state = json_text(o, "state"), *at = json_text(o, "agent_node");
		enum style s = !strcmp(state, "bridged")       ? STYLE_GOOD
			       : !strcmp(state, "await_agent") ? STYLE_BAD
							       : STYLE_BUSY;

		table_cell(t, STYLE_NONE, "%s", json_text(o, "call"));
		table_cell(t, STYLE_NONE, "%s", json_text(o, "queue"));
		long long silent_ms = json_number(o, "silent_ms");

		long long agent_ms = json_number(o, "agent_silent_ms");

		if (silent_ms)
			table_cell(t, STYLE_BAD, "%s, silent %s", state,
				   duration_text(age, silent_ms));
		else if (agent_ms)
			table_cell(t, STYLE_BAD, "%s, agent silent %s", state,
				   duration_text(age, agent_ms));
		else
			table_cell(t, s, "%s", state);
		table_cell(t, STYLE_NONE, "%s", duration_text(age, json_number(o, "age_ms")));
		table_cell(t, STYLE_NONE, "%s%s%s%s", json_text(o, "agent"), *at ? " (" : "", at,
			   *at ? ")" : "");
		table_cell(t, STYLE_NONE, "%s", json_text(o, "caller"));
		table_cell(t, STYLE_DIM, "%s", json_text(o, "codec"));
		table_cell(t, STYLE_DIM, "%s", json_text(o, "node"));
	}
	table_print(t, ctl->out, ctl->colour);
	if (!json_array_size(list))
		nothing(ctl, "no calls");
}

/* Whether an agent's browser is heard, the agent's node knows; the call may be another's. */
static void agents_silent_note(const json_t *calls, const json_t *silent)
{
	size_t n, k;
	json_t *c, *s;

	json_array_foreach(silent, k, s) {
		json_array_foreach(calls, n, c) {
			if (!strcmp(json_text(c, "call"), json_text(s, "call")) &&
			    json_number(s, "silent_ms") > json_number(c, "agent_silent_ms"))
				json_object_set(c, "agent_silent_ms",
						json_object_get(s, "silent_ms"));
		}
	}
}

static int calls_once(struct ctl *ctl)
{
	struct answers as;
	int code = ask(ctl, ASK_NODES, NULL, "calls", NULL, &as);
	json_t *list = sorted(gather(&as, "calls"), by_age);
	json_t *agents_silent = gather(&as, "agents_silent");

	agents_silent_note(list, agents_silent);
	json_decref(agents_silent);
	if (ctl->json) {
		answers_json_print(ctl, &as, "calls", list);
	} else {
		if (as.answered)
			calls_table(ctl, list);
		answers_silent_print(ctl, &as);
		json_decref(list);
	}
	answers_free(&as);
	return code;
}

int cmd_calls(struct ctl *ctl)
{
	return ctl_watch(ctl, calls_once);
}
