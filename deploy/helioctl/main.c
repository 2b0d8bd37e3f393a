#include "deploy/helioctl/ctl.h"

#include <czmq.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/base.h"
#include "common/conf/problems.h"

/* clang-format off */
static const struct ctl_command commands[] = {
	{"status", "[NAME]", "every daemon, or one: up, load, what is wrong",
	 "Asks all daemons at once. Exit code 0 means that every one answers, runs this\n"
	 "configuration, and reaches its brokers and Redis.\n\n"
	 "  helioctl status\n"
	 "  helioctl status --site oslo --watch\n"
	 "  helioctl status --json | jq '.daemons[] | select(.fault)'",
	 NULL, 0, 1, true, true, cmd_status},
	{"queues", "", "who waits, for how long, and where",
	 "One row a queue, over all sites. LONGEST turns red past the service level's time.\n"
	 "A site is counted by one of its brokers, or by its nodes when no broker answers.\n"
	 "EXPECTED: what a newcomer is likely to wait, and by how much that was wrong lately.\n\n"
	 "  helioctl queues --watch=5",
	 NULL, 0, 0, true, true, cmd_queues},
	{"agents", "", "who is signed in, and in what state",
	 "Agents that are not signed in are not here; `helioctl agent list` has everybody.\n\n"
	 "  helioctl agents --site manila\n"
	 "  helioctl agents --json | jq -r '.agents[] | select(.state == \"idle\").name'",
	 NULL, 0, 0, true, true, cmd_agents},
	{"calls", "", "every live call: waiting, ringing, talking",
	 "The oldest first. Callers' numbers are masked by the nodes.\n\n"
	 "  helioctl calls --watch",
	 NULL, 0, 0, true, true, cmd_calls},
	{"records", "[CALL]", "calls that ended, newest first",
	 "Each call that entered has exactly one record, on the node that owned it.\n"
	 "Numbers are masked unless you ask with --numbers; --json has them as they are.\n\n"
	 "  helioctl records --queue support --since 8h\n"
	 "  helioctl records oslo1-2f-91\n"
	 "  helioctl records --limit 1000 --json | jq '.totals'",
	 cmd_records_options, 0, 1, true, true, cmd_records},
	{"tasks", "", "callbacks and voicemails: who is to be called, and what became of it",
	 "A caller who waited too long, or came when all was closed, may have become a task\n"
	 "(overflow: [{after: 3m, to: callback}]). It keeps its place in the queue; an agent gets it\n"
	 "like a call, without audio. Each lies on disk at its node and at a partner node.\n\n"
	 "  helioctl tasks --state open\n"
	 "  helioctl tasks --queue support --watch",
	 cmd_tasks_options, 0, 0, true, true, cmd_tasks},
	{"tasks cancel", "TASK", "nobody needs to call any more",
	 "A task that an agent has in hand cannot be cancelled.\n\n  helioctl tasks cancel oslo1-2f-91",
	 NULL, 1, 1, true, false, cmd_tasks_cancel},
	{"site declare-lost", "SITE", "a site will not come back soon: others do its tasks",
	 "Copies of its callbacks and voicemails lie at a partner site, which acts on them only now.\n"
	 "Nothing else changes: its callers and agents are gone already. When it comes back it learns\n"
	 "who has its tasks before it acts.\n\n  helioctl site declare-lost oslo --yes",
	 cmd_declare_lost_options, 1, 1, true, false, cmd_declare_lost},
	{"events", "", "what the daemons log, merged; with --follow as it happens",
	 "Every daemon keeps its last 1,000 log lines in memory. Times are the daemons' own clocks.\n"
	 "--json gives one object a line, with the line's fields apart.\n\n"
	 "  helioctl events --since 10m --level warn\n"
	 "  helioctl events --follow --site oslo\n"
	 "  helioctl events --follow --json | jq -c 'select(.event == \"call.ended\").fields'",
	 cmd_events_options, 0, 0, true, false, cmd_events},
	{"id", "ID", "what an id says: site, daemon, boot; and the call's story so far",
	 "Ids are short enough to be said over a telephone: NODE-BOOT-SEQUENCE in hex.\n\n"
	 "  helioctl id oslo1-2f-91",
	 NULL, 1, 1, true, false, cmd_id},
	{"why", "CALL", "why a call waits, and why it went to whom",
	 "Asks the node that owns the call for its story, and the brokers of its site why it still\n"
	 "waits. A call that has ended has a record instead: `helioctl id CALL`.\n\n"
	 "  helioctl why oslo1-2f-91",
	 NULL, 1, 1, true, false, cmd_why},
	{"hours", "QUEUE", "who answers a queue when: at a time, or through a week, with the gaps",
	 "From the calendars of the configuration; no daemon is asked. Every time names its zone. SHARE\n"
	 "is the site's weight for callers of other sites: it falls and rises over ramp:. Exit code 1\n"
	 "with --at when nobody answers then.\n\n"
	 "  helioctl hours support\n"
	 "  helioctl hours support --at 2026-03-29T03:30@oslo\n"
	 "  helioctl hours support --week 2026-03-23 --json | jq .gaps",
	 cmd_hours_options, 1, 1, true, false, cmd_hours},
	{"drain", "NODE|SITE", "no new calls and sign-ins for a node, or for all of a site",
	 "Calls in hand go on. Pages without a call are sent to other nodes over three seconds, the\n"
	 "others after their call. With --wait it shows what is left, and ends when nothing is: then\n"
	 "the node may be stopped. Until `helioctl undrain`, or a restart.\n\n"
	 "  helioctl drain oslo1 --wait 30m\n"
	 "  helioctl drain oslo --wait 1h",
	 cmd_drain_options, 1, 1, true, false, cmd_drain},
	{"undrain", "NODE|SITE", "takes calls and sign-ins again",
	 "  helioctl undrain oslo1",
	 NULL, 1, 1, true, false, cmd_undrain},
	{"config check", "[FILE]", "is the configuration right? every problem, with its remedy",
	 "Reads the cluster file and agents.yaml as the daemons do. Each problem is printed as\n"
	 "FILE:LINE:COLUMN: KEY: what was found; allowed: …; remedy. Exit code 1 if there is one;\n"
	 "warnings alone give 0.\n\n"
	 "  helioctl config check deploy/example/cluster.yaml",
	 NULL, 0, 1, false, false, cmd_config_check},
	{"config list", "[FILE]", "every daemon and Redis of a configuration, with its ports",
	 "What deploy/ reads; needs no daemon.\n\n"
	 "  helioctl config list --json | jq -r '.list[] | select(.role == \"node\").address'",
	 NULL, 0, 1, false, false, cmd_config_list},
	{"config sign", "[FILE]", "give a configuration its next version and the cluster's signature",
	 "Writes cluster.sig beside FILE, and cluster.files: the sounds, calendars and customers that\n"
	 "it names, by their hash; these travel with it. Needs cluster.key, so it runs where that is\n"
	 "kept and never on a host. What is signed already, to the last sound, keeps its version.\n"
	 "--files signs older files anew, with the number after FILE's, which is how a cluster returns\n"
	 "to them.\n\n"
	 "  helioctl config sign centre/cluster.yaml\n"
	 "  helioctl config sign centre/cluster.yaml --files kept/6",
	 cmd_config_sign_options, 0, 1, false, false, cmd_config_sign},
	{"plan", "FILE", "what FILE would change, in words; changes nothing",
	 "Compares FILE, with the agents.yaml it names, to the configuration of --config: queues,\n"
	 "agents, daemons, sites, sounds and calendars added, changed, removed, and what to take care\n"
	 "of. Exit code 1 if FILE is not usable.\n\n"
	 "  helioctl plan new/cluster.yaml\n"
	 "  helioctl plan new/cluster.yaml --json | jq '.warnings'",
	 NULL, 1, 1, true, false, cmd_plan},
	{"apply", "[FILE]", "put a signed configuration in force: on this host, and in the cluster",
	 "FILE, its agents.yaml, cluster.sig and cluster.files are checked and refused whole if anything\n"
	 "is wrong: a key, the signature, a sound that is another one, a version that is not newer. The\n"
	 "difference is shown, and one rename puts all of it in force on this host; the versions before\n"
	 "are kept. Then the running daemons take it, from here and from each other, with the sounds,\n"
	 "calendars and customers that it names, without losing a call or a session, and helioctl waits\n"
	 "until every daemon of the cluster runs it. What cannot change\n"
	 "while a daemon runs is named: deploy/roll. A daemon that is down catches up by itself.\n"
	 "Daemons never go back to an older number: --back signs the files of the version before as\n"
	 "the next one and applies that; it needs cluster.key. On a host, which has none: deploy/roll\n"
	 "goes back by itself, or `helioctl config sign --files` where the key is.\n\n"
	 "  helioctl apply /tmp/new/cluster.yaml\n"
	 "  helioctl apply /tmp/new/cluster.yaml --wait 2m\n"
	 "  helioctl apply --back",
	 cmd_apply_options, 0, 1, false, false, cmd_apply},
	{"reload", "[NAME]", "daemons of this machine read their configuration again",
	 "For a configuration that is not signed, or that was changed on the disk. Calls and\n"
	 "sessions go on. A file that is wrong is refused whole; so is an older version.\n\n"
	 "  helioctl reload\n"
	 "  helioctl reload oslo1",
	 NULL, 0, 1, true, false, cmd_reload},
	{"config targets", "", "where Prometheus finds the daemons (file_sd_config)",
	 "Each daemon with a metrics: port, with its cluster, site, role and name as labels: what\n"
	 "deploy/monitoring/alerts.yml and grafana.json expect.\n\n"
	 "  helioctl config targets > /etc/prometheus/heliograph.json",
	 NULL, 0, 0, true, false, cmd_config_targets},
	{"config options", "", "every key there is, with what is allowed and the default",
	 "From the same table that reads the files.",
	 NULL, 0, 0, false, false, cmd_config_options},
	{"agent list", "", "everybody in agents.yaml",
	 "  helioctl agent list --site oslo",
	 NULL, 0, 0, true, false, cmd_agent_list},
	{"agent add", "NAME", "one more agent, who can sign in at every site",
	 "Asks for the password without showing it. Comments and order of agents.yaml stay. A signed\n"
	 "configuration is signed anew (cluster.key must be here); the daemons within reach take it\n"
	 "and spread it, and helioctl waits until every daemon knows the agent.\n\n"
	 "  helioctl agent add ola --site oslo --skills lang.nb,lang.en --display 'Ola Nordmann'\n"
	 "  pass show desk/ola | helioctl agent add ola --site oslo --password-stdin",
	 cmd_agent_options, 1, 1, true, false, cmd_agent_add},
	{"agent set", "NAME", "other skills, levels, rank, tenant or display name for an agent",
	 "Only what is said changes; --skills replaces them all.\n\n"
	 "  helioctl agent set ola --skills lang.nb,lang.en=4\n"
	 "  helioctl agent set ola --rank 10",
	 cmd_agent_options, 1, 1, true, false, cmd_agent_set},
	{"agent passwd", "NAME", "a new password for an agent, or none",
	 "  helioctl agent passwd maria\n"
	 "  helioctl agent passwd maria --lock        may not sign in any more",
	 cmd_passwd_options, 1, 1, true, false, cmd_agent_passwd},
	{"agent force", "NAME ready|not-ready|release", "decide an agent's state, as a supervisor does",
	 "ready: calls may come (refused while the audio is down). not-ready: what rings goes back to\n"
	 "its queue, a talk goes on. release: ends the call in hand. The agent's page says so, and the\n"
	 "node writes event=agent.forced.\n\n"
	 "  helioctl agent force maria not-ready\n"
	 "  helioctl events --json | jq -c 'select(.event == \"agent.forced\").fields'",
	 NULL, 2, 2, true, false, cmd_agent_force},
#ifdef HELIO_HAVE_CALLER
	{"test-call", "QUEUE", "place a real call and hear what a caller hears",
	 "Calls the queue by SIP with real audio and tells what happens: answered by the queue,\n"
	 "sound heard, an agent has it, hung up. Exit code 0 when the call was answered (and the\n"
	 "tone heard, with --listen).\n\n"
	 "  helioctl test-call support --site oslo\n"
	 "  helioctl test-call support --wav deploy/audio/caller.wav --seconds 60\n"
	 "  helioctl test-call support --tone 440 --listen 1000",
	 cmd_test_call_options, 1, 1, true, false, cmd_test_call},
#endif
};
/* clang-format on */

static struct ctl ctl = {.timeout_ms = 2000};

static const struct ctl_option common[] = {
    {"config", "FILE", CTL_TEXT, &ctl.config,
     "cluster file (default: $HELIO_CONFIG or /etc/heliograph/cluster.yaml)"},
    {"site", "SITE", CTL_TEXT, &ctl.site, "only this site"},
    {"operator", "FILE", CTL_TEXT, &ctl.operator_key,
     "CURVE key for daemons of other machines (default: $HELIO_OPERATOR)"},
    {"timeout", "TIME", CTL_DURATION_MS, &ctl.timeout_ms, "deadline for all answers (default 2s)"},
    {"json", NULL, CTL_FLAG, &ctl.json, "JSON instead of a table"},
    {"watch", "SECONDS", CTL_WATCH, &ctl.watch_ms, "again every 2 or --watch=SECONDS seconds"},
    {"help", NULL, CTL_FLAG, &ctl.help, "this text"},
    {NULL, NULL, CTL_FLAG, NULL, NULL},
};

int ctl_fail(int code, const char *remedy, const char *fmt, ...)
{
	va_list ap;

	fputs("helioctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s%s\n", remedy ? "; " : "", remedy ? remedy : "");
	return code;
}

/* ---- help ---------------------------------------------------------------------------------- */

static void options_print(FILE *out, const struct ctl_option *o, bool watch)
{
	char left[40];

	for (; o && o->name; o++) {
		if (o->type == CTL_WATCH && !watch)
			continue;
		snprintf(left, sizeof(left), "--%s%s%s%s", o->name,
			 o->type == CTL_WATCH ? "[="
			 : o->arg             ? " "
					      : "",
			 o->arg ? o->arg : "", o->type == CTL_WATCH ? "]" : "");
		fprintf(out, "  %-22s %s\n", left, o->help);
	}
}

static void help_all(FILE *out)
{
	fputs("helioctl asks a Heliograph cluster, and keeps its configuration.\n\n"
	      "  helioctl COMMAND [--help]\n\n",
	      out);
	for (size_t i = 0; i < HELIO_ARRAY_LEN(commands); i++) {
		char left[80];
		int n = snprintf(left, sizeof(left), "%s %s", commands[i].name, commands[i].args);
		if (n > 22) /* longer than its column */
			fprintf(out, "  %s\n  %-22s %s\n", left, "", commands[i].what);
		else
			fprintf(out, "  %-22s %s\n", left, commands[i].what);
	}
	fputs("\nOptions of every command:\n", out);
	options_print(out, common, true);
	fputs(
	    "\nExit codes: 0 all is well; 1 something is not (or does not answer); 2 wrong usage;\n"
	    "3 nobody answers. Colour on a terminal only; NO_COLOR turns it off.\n",
	    out);
}

static void help_one(const struct ctl_command *c)
{
	printf("helioctl %s%s%s: %s\n\n%s\n\n", c->name, *c->args ? " " : "", c->args, c->what,
	       c->more);
	if (c->options) {
		puts("Options:");
		options_print(stdout, c->options, c->can_watch);
		puts("");
	}
	puts("Options of every command:");
	options_print(stdout, common, c->can_watch);
}

/* ---- words to a command and its options ------------------------------------------------------ */

static const char *command_at(size_t i, const void *arg)
{
	(void)arg;
	return commands[i].name;
}

/* "agent add" takes two words; returns how many were used, 0 if there is no such command. */
static int command_find(int argc, char **argv, const struct ctl_command **ret)
{
	char two[64];

	for (int words = argc < 2 ? argc : 2; words > 0; words--) {
		snprintf(two, sizeof(two), words == 2 ? "%s %s" : "%s", argv[0],
			 words == 2 ? argv[1] : "");
		for (size_t i = 0; i < HELIO_ARRAY_LEN(commands); i++)
			if (!strcmp(commands[i].name, two)) {
				*ret = &commands[i];
				return words;
			}
	}
	return 0;
}

static int command_unknown(int argc, char **argv)
{
	char word[64], remedy[160];

	/* `helioctl agent`: say what there is below it. */
	for (size_t i = 0; i < HELIO_ARRAY_LEN(commands); i++) {
		size_t n = strlen(argv[0]);
		if (!strncmp(commands[i].name, argv[0], n) && commands[i].name[n] == ' ') {
			fprintf(stderr, "helioctl: after '%s' one of these is needed:\n", argv[0]);
			for (size_t k = i; k < HELIO_ARRAY_LEN(commands) &&
					   !strncmp(commands[k].name, argv[0], n);
			     k++)
				fprintf(stderr, "  helioctl %s %s   %s\n", commands[k].name,
					commands[k].args, commands[k].what);
			return CTL_USAGE;
		}
	}
	snprintf(word, sizeof(word), "%s%s%s", argv[0], argc > 1 ? " " : "",
		 argc > 1 ? argv[1] : "");
	const char *near = near_find(argv[0], HELIO_ARRAY_LEN(commands), command_at, NULL);
	if (!near)
		near = near_find(word, HELIO_ARRAY_LEN(commands), command_at, NULL);
	if (near)
		snprintf(remedy, sizeof(remedy), "did you mean '%s'?", near);
	else
		snprintf(remedy, sizeof(remedy), "`helioctl --help` lists what there is");
	return ctl_fail(CTL_USAGE, remedy, "no command '%s'", argv[0]);
}

/* 500ms, 20s, 3m, 8h; a bare number means seconds. */
static bool duration_parse(const char *s, uint32_t *ret)
{
	char *end;
	double v = strtod(s, &end);
	double unit = !strcmp(end, "ms")           ? 1
		      : !*end || !strcmp(end, "s") ? 1000
		      : !strcmp(end, "m")          ? 60000
		      : !strcmp(end, "h")          ? 3600000
		      : !strcmp(end, "d")          ? 86400000
						   : 0;

	if (end == s || unit == 0 || !(v * unit >= 1) || v * unit > 4e9)
		return false;
	*ret = (uint32_t)(v * unit);
	return true;
}

static int option_set(const struct ctl_option *o, const char *value)
{
	char *end;

	switch (o->type) {
	case CTL_FLAG: *(bool *)o->dst = true; return CTL_OK;
	case CTL_TEXT: *(const char **)o->dst = value; return CTL_OK;
	case CTL_NUMBER: {
		unsigned long v = strtoul(value, &end, 10);
		if (end == value || *end || *value == '-' || v > UINT32_MAX)
			return ctl_fail(CTL_USAGE, NULL, "--%s: '%s' is not a number", o->name,
					value);
		*(uint32_t *)o->dst = (uint32_t)v;
		return CTL_OK;
	}
	case CTL_WATCH:
	case CTL_DURATION_MS:
		if (!duration_parse(value, o->dst))
			return ctl_fail(CTL_USAGE, "500ms, 20s, 3m, 8h", "--%s: '%s' is not a time",
					o->name, value);
		return CTL_OK;
	}
	return CTL_USAGE;
}

static const struct ctl_option *option_find(const struct ctl_option *o, const char *word)
{
	size_t n = strcspn(word, "=");

	for (; o && o->name; o++)
		if (strlen(o->name) == n && !strncmp(o->name, word, n))
			return o;
	return NULL;
}

/* Takes options out of argv; what remains are the words. */
static int options_parse(const struct ctl_command *c, int argc, char **argv)
{
	bool only_words = false;

	ctl.argv = argv;
	for (int i = 0; i < argc; i++) {
		const char *word = argv[i];
		if (only_words || word[0] != '-' || !word[1]) {
			argv[ctl.argc++] = argv[i];
			continue;
		}
		if (!strcmp(word, "--")) {
			only_words = true;
			continue;
		}
		if (!strcmp(word, "-h"))
			word = "--help";
		const struct ctl_option *o = NULL;
		if (word[1] == '-')
			o = option_find(c->options, word + 2);
		if (!o && word[1] == '-')
			o = option_find(common, word + 2);
		if (!o || (o->type == CTL_WATCH && !c->can_watch))
			return ctl_fail(CTL_USAGE, "see --help", "%s does not know %s", c->name,
					word);
		const char *equals = strchr(word, '='), *value = equals ? equals + 1 : NULL;
		if (o->type == CTL_FLAG && value)
			return ctl_fail(CTL_USAGE, NULL, "--%s takes no value", o->name);
		if (o->type == CTL_WATCH && !value)
			value = "2";
		else if (o->type != CTL_FLAG && !value) {
			if (i + 1 == argc)
				return ctl_fail(CTL_USAGE, NULL, "--%s needs %s", o->name, o->arg);
			value = argv[++i];
		}
		int code = option_set(o, value);
		if (code != CTL_OK)
			return code;
	}
	return CTL_OK;
}

/* Warnings are for `config check`; here only what makes the file unusable is shown. */
static int conf_read(void)
{
	char *said = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&said, &len);
	int err = conf_load(&ctl.conf, ctl.config, f);

	if (f)
		fclose(f);
	if (err && said)
		fputs(said, stderr);
	free(said);
	return err;
}

static int run(const struct ctl_command *c)
{
	if (ctl.argc < c->args_min || ctl.argc > c->args_max)
		return ctl_fail(CTL_USAGE, "see --help", "usage: helioctl %s %s", c->name, c->args);
	if (!ctl.config)
		ctl.config = getenv("HELIO_CONFIG");
	if (!ctl.config || !*ctl.config)
		ctl.config = "/etc/heliograph/cluster.yaml";
	if (!ctl.operator_key)
		ctl.operator_key = getenv("HELIO_OPERATOR");
	if (c->needs_conf && conf_read())
		return ctl_fail(CTL_USAGE, "--config FILE, or mend it",
				"no usable configuration in %s", ctl.config);
	if (ctl.conf && ctl.site && !conf_site_by_name(ctl.conf, ctl.site))
		return ctl_fail(CTL_USAGE, "see sites: in the cluster file", "no site '%s'",
				ctl.site);
	return c->run(&ctl);
}

int main(int argc, char **argv)
{
	const struct ctl_command *c = NULL;
	const char *no_colour = getenv("NO_COLOR");

	if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help")) {
		help_all(argc < 2 ? stderr : stdout);
		return argc < 2 ? CTL_USAGE : CTL_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("helioctl " HELIO_VERSION);
		return CTL_OK;
	}
	int words = command_find(argc - 1, argv + 1, &c);
	if (!words)
		return command_unknown(argc - 1, argv + 1);
	ctl.out = stdout;
	ctl.colour = isatty(STDOUT_FILENO) && !(no_colour && *no_colour);
	int code = options_parse(c, argc - 1 - words, argv + 1 + words);
	if (code == CTL_OK && ctl.help) {
		help_one(c);
		return CTL_OK;
	}
	/* czmq must not take Ctrl-C: watch.c does. */
	zsys_init();
	zsys_handler_set(NULL);
	if (code == CTL_OK)
		code = run(c);
	conf_free(ctl.conf);
	if (fflush(stdout) && code == CTL_OK)
		code = CTL_UNHEALTHY;
	return code;
}
