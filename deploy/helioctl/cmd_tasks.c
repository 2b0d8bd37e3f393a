/* tasks, tasks cancel, site declare-lost: callbacks and voicemails. */
#include "deploy/helioctl/ctl.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/base.h"

static const char *opt_queue, *opt_state;
static uint32_t opt_limit = 50;
static bool opt_numbers, opt_yes;

const struct ctl_option cmd_tasks_options[] = {
    {"queue", "QUEUE", CTL_TEXT, &opt_queue, "only this queue"},
    {"state", "STATE", CTL_TEXT, &opt_state, "open, given, done, given_up or cancelled"},
    {"limit", "N", CTL_NUMBER, &opt_limit, "at most so many of each node (default 50, to 1000)"},
    {"numbers", NULL, CTL_FLAG, &opt_numbers, "show customers' numbers in full"},
    {NULL, NULL, CTL_FLAG, NULL, NULL},
};
const struct ctl_option cmd_declare_lost_options[] = {
    {"yes", NULL, CTL_FLAG, &opt_yes, "the site is lost and will not come back within hours"},
    {NULL, NULL, CTL_FLAG, NULL, NULL},
};

/* One line a task: of the copies the latest version, the owner's before a partner's. */
static json_t *merge(const struct answers *as)
{
	json_t *all = json_object(), *o, *list = json_array();
	const char *key;
	size_t n;
	for (uint32_t i = 0; i < as->n; i++)
		json_array_foreach(json_object_get(as->list[i].reply, "tasks"), n, o)
		{
			const json_t *had = json_object_get(all, json_text(o, "id"));
			int64_t newer =
			    had ? json_number(o, "version") - json_number(had, "version") : 1;
			if (newer > 0 || (newer == 0 && json_is_true(json_object_get(had, "copy"))))
				json_object_set(all, json_text(o, "id"), o);
		}
	json_object_foreach(all, key, o) json_array_append(list, o);
	json_decref(all);
	return list;
}

static void when_text(char buf[32], int64_t ms)
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	if (ms <= 0 || !localtime_r(&s, &tm) || !strftime(buf, 32, "%m-%d %H:%M", &tm))
		snprintf(buf, 32, "-");
}

static enum style state_style(const char *state)
{
	return !strcmp(state, "done")       ? STYLE_GOOD
	       : !strcmp(state, "given")    ? STYLE_BUSY
	       : !strcmp(state, "given_up") ? STYLE_BAD
	       : !strcmp(state, "open")     ? STYLE_WARN
					    : STYLE_DIM;
}

static void table(struct ctl *ctl, const json_t *list)
{
	static const char *const heads[] = {"ASKED",  "TASK",  "KIND",  "QUEUE", "CUSTOMER", "DUE",
					    ">TRIES", "STATE", "AGENT", "NODE",  "DETAIL",   NULL};
	struct table *t = table_new(heads);
	char asked[32], due[32], number[48];
	size_t n;
	json_t *o;
	json_array_foreach(list, n, o)
	{
		const char *state = json_text(o, "state"), *caller = json_text(o, "caller");
		when_text(asked, json_number(o, "created_ms"));
		when_text(due, json_number(o, "due_ms"));
		table_cell(t, STYLE_DIM, "%s", asked);
		table_cell(t, STYLE_NONE, "%s", json_text(o, "id"));
		table_cell(t, STYLE_NONE, "%s", json_text(o, "kind"));
		table_cell(t, STYLE_NONE, "%s", json_text(o, "queue"));
		table_cell(t, STYLE_NONE, "%s",
			   opt_numbers ? caller : number_masked(number, caller));
		table_cell(t, STYLE_DIM, "%s", due);
		table_cell(t, STYLE_NONE, "%lld", (long long)json_number(o, "tries"));
		table_cell(t, state_style(state), "%s", state);
		table_cell(t, STYLE_NONE, "%s", json_text(o, "agent"));
		table_cell(t, STYLE_NONE, "%s", json_text(o, "owner"));
		table_cell(t, STYLE_DIM, "%s", json_text(o, "disposition"));
	}
	table_print(t, ctl->out, ctl->colour);
}

static int tasks_once(struct ctl *ctl)
{
	struct answers as;
	json_t *req = json_pack("{s:i}", "limit", (int)opt_limit);
	int64_t uncopied = 0;
	if (opt_queue)
		json_object_set_new(req, "queue", json_string(opt_queue));
	if (opt_state)
		json_object_set_new(req, "state", json_string(opt_state));
	int code = ask(ctl, ASK_NODES, NULL, "tasks", req, &as);
	json_t *list = merge(&as);
	json_decref(req);
	for (uint32_t i = 0; i < as.n; i++)
		uncopied += json_number(as.list[i].reply, "uncopied");
	if (ctl->json) {
		answers_json_print(ctl, &as, "tasks", list);
	} else {
		table(ctl, list);
		if (uncopied)
			fprintf(ctl->out, "%s%lld without a copy at the partner node yet%s\n",
				style_on(ctl->colour, STYLE_WARN), (long long)uncopied,
				style_off(ctl->colour, STYLE_WARN));
		answers_silent_print(ctl, &as);
		json_decref(list);
	}
	answers_free(&as);
	return code;
}

int cmd_tasks(struct ctl *ctl)
{
	static const char *const states[] = {"open", "given", "done", "given_up", "cancelled"};
	bool known = !opt_state;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(states); i++)
		known |= opt_state && !strcmp(opt_state, states[i]);
	if (!known)
		return ctl_fail(CTL_USAGE, "open, given, done, given_up or cancelled",
				"no state '%s'", opt_state);
	if (opt_limit < 1 || opt_limit > 1000)
		return ctl_fail(CTL_USAGE, "--limit 1 to 1000", "a limit of %u", opt_limit);
	if (opt_queue && !conf_queue_by_name(ctl->conf, opt_queue))
		return ctl_fail(CTL_USAGE, "`helioctl queues` lists them", "no queue '%s'",
				opt_queue);
	return ctl_watch(ctl, tasks_once);
}

int cmd_tasks_cancel(struct ctl *ctl)
{
	struct answers as;
	uint64_t id;
	bool done = false;
	if (conf_id_parse(ctl->conf, ctl->argv[0], &id))
		return ctl_fail(CTL_USAGE, "`helioctl tasks` lists them",
				"'%s' is not an id of this cluster", ctl->argv[0]);
	json_t *req = json_pack("{s:s}", "task", ctl->argv[0]);
	int code = ask(ctl, ASK_NODES, NULL, "task_cancel", req, &as);
	json_decref(req);
	for (uint32_t i = 0; i < as.n; i++) {
		done |= json_is_true(json_object_get(as.list[i].reply, "here"));
		if (!as.list[i].reply && *as.list[i].why)
			fprintf(stderr, "%s: %s\n", as.list[i].d->name, as.list[i].why);
	}
	answers_free(&as);
	if (!done)
		return ctl_fail(code == CTL_SILENT ? CTL_SILENT : CTL_UNHEALTHY,
				"`helioctl tasks` says who has it, and its state",
				"no node has %s open", ctl->argv[0]);
	fprintf(ctl->out, "%s is cancelled\n", ctl->argv[0]);
	return CTL_OK;
}

int cmd_declare_lost(struct ctl *ctl)
{
	const struct conf_site *site = NULL;
	struct answers as;
	int64_t taken = 0;
	for (uint32_t i = 0; i < ctl->conf->sites_n; i++)
		if (!strcmp(ctl->conf->sites[i].name, ctl->argv[0]))
			site = &ctl->conf->sites[i];
	if (!site)
		return ctl_fail(CTL_USAGE, "`helioctl status` lists them", "no site '%s'",
				ctl->argv[0]);
	/* Who still answers has not been lost: its own nodes would call the same customers. */
	ask(ctl, ASK_NODES, NULL, "status", NULL, &as);
	for (uint32_t i = 0; i < as.n; i++)
		if (as.list[i].site == site && as.list[i].reply) {
			const char *name = as.list[i].d->name;
			answers_free(&as);
			return ctl_fail(CTL_USAGE, "stop it first, if it must not come back",
					"%s of %s answers: the site is not lost", name, site->name);
		}
	answers_free(&as);
	if (!opt_yes)
		return ctl_fail(CTL_USAGE, "say it with --yes",
				"its callbacks and voicemails will be done elsewhere; if it comes "
				"back cut off from the others, customers may be called twice");
	json_t *req = json_pack("{s:s}", "site", site->name);
	ask(ctl, ASK_NODES, NULL, "declare_lost", req, &as);
	json_decref(req);
	bool any = false;
	for (uint32_t i = 0; i < as.n; i++) {
		any |= as.list[i].reply && as.list[i].site != site;
		taken += json_number(as.list[i].reply, "taken");
	}
	answers_free(&as);
	if (!any)
		return ctl_fail(CTL_SILENT, "ask where a node of another site can be reached",
				"no node of another site has answered");
	fprintf(ctl->out, "%lld tasks of %s go on at other sites\n", (long long)taken, site->name);
	return CTL_OK;
}
