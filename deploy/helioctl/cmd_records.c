/* records, id: one call looked at closely. */
#include "deploy/helioctl/ctl.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/base.h"

static const char *opt_queue, *opt_agent;
static uint32_t opt_limit = 20, opt_since_ms;
static bool opt_numbers;

const struct ctl_option cmd_records_options[] = {
    {"queue", "QUEUE", CTL_TEXT, &opt_queue, "only this queue"},
    {"agent", "NAME", CTL_TEXT, &opt_agent, "only calls this agent answered"},
    {"since", "TIME", CTL_DURATION_MS, &opt_since_ms, "entered within: 30m, 8h"},
    {"limit", "N", CTL_NUMBER, &opt_limit, "at most so many, newest first (default 20, to 1000)"},
    {"numbers", NULL, CTL_FLAG, &opt_numbers, "show callers' numbers in full"},
    {NULL, NULL, CTL_FLAG, NULL, NULL},
};

static int newest_first(const void *va, const void *vb)
{
	int64_t a = json_number(*(json_t *const *)va, "entered_ms"),
		b = json_number(*(json_t *const *)vb, "entered_ms");

	return a > b ? -1 : a < b;
}

/* The newest of all nodes, and what they counted. One call may stand in two nodes' files after an
 * adoption: the higher cepoch is the true one. */
static json_t *merge(const struct answers *as, uint32_t limit, json_t *totals)
{
	json_t *all = json_object(), *out = json_array();

	for (uint32_t i = 0; i < as->n; i++) {
		size_t n;
		json_t *o, *sum = json_object_get(as->list[i].reply, "totals");
		const char *key;
		json_array_foreach(json_object_get(as->list[i].reply, "records"), n, o)
		{
			const json_t *had = json_object_get(all, json_text(o, "call"));
			if (!had || json_number(o, "cepoch") > json_number(had, "cepoch"))
				json_object_set(all, json_text(o, "call"), o);
		}
		json_object_foreach(sum, key, o) json_object_set_new(
		    totals, key, json_integer(json_number(totals, key) + json_integer_value(o)));
	}
	size_t n = json_object_size(all), at = 0;
	json_t **v = calloc(n + 1, sizeof(json_t *)), *o;
	const char *key;
	helio_assert(v);
	json_object_foreach(all, key, o) v[at++] = o;
	if (n)
		qsort(v, n, sizeof(json_t *), newest_first);
	for (size_t i = 0; i < n && i < limit; i++)
		json_array_append(out, v[i]);
	free(v);
	json_decref(all);
	return out;
}

static void time_text(char buf[32], int64_t ms)
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;

	if (ms <= 0 || !localtime_r(&s, &tm) || !strftime(buf, 32, "%m-%d %H:%M:%S", &tm))
		snprintf(buf, 32, "-");
}

static enum style outcome_style(const char *outcome)
{
	return !strcmp(outcome, "answered")    ? STYLE_GOOD
	       : !strcmp(outcome, "abandoned") ? STYLE_WARN
	       : !strcmp(outcome, "failed")    ? STYLE_BAD
					       : STYLE_NONE;
}

static void table(struct ctl *ctl, const json_t *list)
{
	static const char *const heads[] = {"ENTERED", "CALL",   "QUEUE", "CALLER",
					    ">WAIT",   ">TALK",  "AGENT", "SITE",
					    "OUTCOME", "DETAIL", NULL};
	struct table *t = table_new(heads);
	char when[32], number[48], wait[24], talk[24];
	size_t n;
	json_t *o;

	json_array_foreach(list, n, o)
	{
		const char *cause = json_text(o, "cause"),
			   *disposition = json_text(o, "disposition");
		const char *caller = json_text(o, "caller"), *outcome = json_text(o, "outcome");
		bool answered = json_number(o, "answered_ms") > 0;

		if (!strcmp(cause, "none"))
			cause = "";
		time_text(when, json_number(o, "entered_ms"));
		table_cell(t, STYLE_DIM, "%s", when);
		table_cell(t, STYLE_NONE, "%s", json_text(o, "call"));
		table_cell(t, STYLE_NONE, "%s", json_text(o, "queue"));
		table_cell(t, STYLE_NONE, "%s",
			   opt_numbers ? caller : number_masked(number, caller));
		table_cell(t, STYLE_NONE, "%s", duration_text(wait, json_number(o, "wait_ms")));
		table_cell(t, STYLE_NONE, "%s",
			   answered ? duration_text(talk, json_number(o, "talk_ms")) : "");
		table_cell(t, STYLE_NONE, "%s", json_text(o, "agent"));
		table_cell(t, STYLE_NONE, "%s", json_text(o, "site"));
		table_cell(t, outcome_style(outcome), "%s", outcome);
		table_cell(t, STYLE_DIM, "%s%s%s", cause, *cause && *disposition ? "; " : "",
			   disposition);
	}
	table_print(t, ctl->out, ctl->colour);
}

static void totals_print(struct ctl *ctl, const json_t *totals)
{
	const char *key, *sep = "";
	json_t *o;

	fprintf(ctl->out, "%sof all calls so far: ", style_on(ctl->colour, STYLE_DIM));
	json_object_foreach((json_t *)(uintptr_t)totals, key, o)
	{
		fprintf(ctl->out, "%s%lld %s", sep, (long long)json_integer_value(o), key);
		sep = ", ";
	}
	fprintf(ctl->out, "%s\n", style_off(ctl->colour, STYLE_DIM));
}

static json_t *request(const char *call)
{
	json_t *o = json_pack("{s:i}", "limit", (int)opt_limit);

	if (opt_queue)
		json_object_set_new(o, "queue", json_string(opt_queue));
	if (opt_agent)
		json_object_set_new(o, "agent", json_string(opt_agent));
	if (call)
		json_object_set_new(o, "call", json_string(call));
	if (opt_since_ms)
		json_object_set_new(o, "after_ms", json_integer(wall_ms() - opt_since_ms));
	return o;
}

static int records_once(struct ctl *ctl)
{
	struct answers as;
	json_t *totals = json_object(), *req = request(ctl->argc ? ctl->argv[0] : NULL);
	int code = ask(ctl, ASK_NODES, NULL, "records", req, &as);
	json_t *list = merge(&as, opt_limit, totals);

	json_decref(req);
	if (ctl->json) {
		json_t *silent = json_array();
		for (uint32_t i = 0; i < as.n; i++)
			if (!as.list[i].reply)
				json_array_append_new(silent, json_pack("{s:s, s:s}", "name",
									as.list[i].d->name, "why",
									as.list[i].why));
		json_print(ctl, json_pack("{s:b, s:o, s:O, s:o}", "ok", code == CTL_OK, "records",
					  list, "totals", totals, "silent", silent));
	} else {
		if (as.answered) {
			table(ctl, list);
			totals_print(ctl, totals);
		}
		answers_silent_print(ctl, &as);
		json_decref(list);
	}
	json_decref(totals);
	answers_free(&as);
	return code;
}

int cmd_records(struct ctl *ctl)
{
	if (opt_limit < 1 || opt_limit > 1000)
		return ctl_fail(CTL_USAGE, "--limit 1 to 1000", "a limit of %u", opt_limit);
	if (opt_queue && !conf_queue_by_name(ctl->conf, opt_queue))
		return ctl_fail(CTL_USAGE, "`helioctl queues` lists them", "no queue '%s'",
				opt_queue);
	return ctl_watch(ctl, records_once);
}

/* ---- id ------------------------------------------------------------------------------------ */

static void id_story(struct ctl *ctl, const struct conf_daemon *d)
{
	struct answers as;
	json_t *req = request(ctl->argv[0]), *o;
	size_t n;

	ask(ctl, ASK_NODES, d->name, "calls", NULL, &as);
	if (as.n)
		json_array_foreach(json_object_get(as.list[0].reply, "calls"), n,
				   o) if (!strcmp(json_text(o, "call"), ctl->argv[0]))
		    fprintf(ctl->out, "now       a call in state %s, queue %s, %lld s old\n",
			    json_text(o, "state"), json_text(o, "queue"),
			    (long long)json_number(o, "age_ms") / 1000);
	answers_free(&as);
	/* After an adoption another node wrote the record. */
	ask(ctl, ASK_NODES, NULL, "records", req, &as);
	json_t *totals = json_object(), *list = merge(&as, 1, totals);
	if (json_array_size(list)) {
		fputc('\n', ctl->out);
		table(ctl, list);
	}
	json_decref(list);
	json_decref(totals);
	json_decref(req);
	answers_free(&as);
}

int cmd_id(struct ctl *ctl)
{
	uint64_t id;

	if (conf_id_parse(ctl->conf, ctl->argv[0], &id))
		return ctl_fail(CTL_USAGE, "write it as oslo1-2f-91",
				"'%s' is not an id of this cluster", ctl->argv[0]);
	const struct conf_daemon *d = conf_daemon_by_addr(ctl->conf, id_addr(id));
	const struct conf_site *site = conf_site_by_number(ctl->conf, addr_site(id_addr(id)));
	if (ctl->json) {
		json_print(ctl, json_pack("{s:s, s:s, s:s, s:i, s:i}", "id", ctl->argv[0], "site",
					  site ? site->name : "", "daemon", d ? d->name : "",
					  "boot", (int)id_boot(id), "sequence", (int)id_seq(id)));
		return CTL_OK;
	}
	fprintf(ctl->out,
		"minted by %s at %s\nboot      %u (how often it had started by then)\n"
		"sequence  %u within that boot\n",
		d ? d->name : "a daemon that has left the configuration",
		site ? site->name : "an unknown site", id_boot(id), id_seq(id));
	if (d && d->role == CONF_NODE)
		id_story(ctl, d);
	return CTL_OK;
}
