/* helio-chaos run, plan, functions: an experiment, done or looked at. */
#include "chaos/chaos.h"
#include "chaos/drill/drill.h"
#include "chaos/series.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/base.h"

static const char run_help[] =
    "helio-chaos run - builds a lab, puts load on it, does what the experiment says, and judges\n"
    "\n"
    "usage: helio-chaos run DRILL|FILE [--out DIR] [--times N] [--seed N] [--set NAME=VALUE]…\n"
    "                       [--browsers N] [--before DIR] [--quiet]\n"
    "\n"
    "  DRILL|FILE    one that is shipped (helio-chaos score --list), or the path of a file\n"
    "  --out DIR     where the journal, traces, logs and records go\n"
    "                (default: chaos-NAME-DATE in this folder)\n"
    "  --times N     N runs, each in a new lab, in DIR/NAME.1 and so on; DIR/drills.md has the\n"
    "                worst and the middle of them. The same command goes on where it was stopped\n"
    "  --seed N      of the lines between the sites (default: the experiment's)\n"
    "  --browsers N  N of the agents are pages of a real Chromium, 1 to 8: what they hear is "
    "measured\n"
    "                there (wants Heliograph's own tree, Node and Chromium)\n"
    "  --before DIR  nodes, brokers and gateways begin as the version whose programs are in DIR, "
    "and\n"
    "                become this one by the action `upgrade` (rolling-upgrade)\n"
    "  --set NAME=VALUE   another value of the experiment's configuration, e.g. callers=60\n"
    "  --quiet       the verdict only\n"
    "\n"
    "Nothing is broken unless the steady state holds first. Ctrl-C heals everything and ends.\n"
    "exit: 0 HELD, 1 DEVIATED, 2 the experiment cannot be read, 3 INCONCLUSIVE (a fault did not\n"
    "bite, the machine was starved, or there was no steady state), 4 ABORTED (stop condition,\n"
    "Ctrl-C, no lab); with --times the worst: 4, 1, 3, 0\n";

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

bool run_stopped(void)
{
	return stop;
}

static void default_out(const char *file, char out[static LAB_PATH_SIZE])
{
	char name[64], date[32];
	const char *slash = strrchr(file, '/');
	time_t now = time(NULL);
	struct tm tm;
	(void)str_copy(name, sizeof(name), slash ? slash + 1 : file);
	name[strcspn(name, ".")] = '\0';
	localtime_r(&now, &tm);
	strftime(date, sizeof(date), "%Y%m%d-%H%M%S", &tm);
	snprintf(out, LAB_PATH_SIZE, "chaos-%s-%s", name, date);
}

/* The keeper's processes write there from other folders. EEXIST: a run has left its logs there,
 * which would be counted as this one's. */
static int out_make(const char *out, char path[static PATH_MAX])
{
	char logs[LAB_PATH_SIZE + 16];
	if (mkdir(out, 0755) && errno != EEXIST)
		return errno;
	if (!realpath(out, path) || strlen(path) > 380)
		return errno ? errno : ENAMETOOLONG;
	snprintf(logs, sizeof(logs), "%s/logs", out);
	return mkdir(logs, 0755) ? errno : 0;
}

static int run(struct drill *d, const char *out)
{
	static char path[PATH_MAX];
	char journal[PATH_MAX + 32];
	struct sigaction sa = {.sa_handler = on_signal};
	const char *missing = d->e->sipp ? sipp_missing() : NULL;
	if (missing) {
		fprintf(stderr, "helio-chaos: %s\n", missing);
		return EXIT_ABORTED;
	}
	int err = out_make(out, path);
	if (err == EEXIST) {
		fprintf(stderr, "helio-chaos: %s holds a run already; name another folder\n", out);
		return EXIT_USAGE_;
	}
	if (err) {
		fprintf(stderr, "helio-chaos: %s: %s\n", out, strerror(err));
		return EXIT_ABORTED;
	}
	d->out = path;
	snprintf(journal, sizeof(journal), "%s/journal.jsonl", path);
	err = journal_open(&d->journal, journal);
	if (!err)
		err = place_lab(d->lab_dir);
	if (err) {
		fprintf(stderr, "helio-chaos: %s: %s\n", journal, strerror(err));
		return EXIT_ABORTED;
	}
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	d->stop = &stop;
	const struct experiment *e = d->e;
	d->lab_conf = (struct lab_conf){.dir = d->lab_dir,
					.out = path,
					.bin = place_bin(),
					.before = d->before,
					.web = d->lab_conf.web,
					.audio = place_audio(),
					.seed = d->seed,
					.agents = e->agents,
					.clock = e->clock,
					.small_disks = e->small_disks,
					.trace = true,
					.queue = e->queue};
	(void)str_copy(d->lab_conf.wan, sizeof(d->lab_conf.wan), e->wan);
	int code = drill_run(d);
	d->journal = journal_close(d->journal);
	place_remove(d->lab_dir);
	(void)report_make(path);
	if (!d->silent)
		printf("the run is in %s, its page is report.html\n", path);
	return code;
}

int run_set(const char **sets, const char *pair)
{
	size_t n = 0;
	while (sets[n])
		n++;
	if (n == EXPERIMENT_SETS_MAX || !strchr(pair, '=')) {
		fprintf(stderr, "helio-chaos: --set %s: NAME=VALUE, at most %d times\n", pair,
			EXPERIMENT_SETS_MAX);
		return EXIT_USAGE_;
	}
	sets[n] = pair;
	return 0;
}

/* Only what rolls a version begins with another one. */
static bool rolls(const struct experiment *e)
{
	bool any = false;
	for (uint32_t i = 0; i < e->method_n; i++)
		any |= e->method[i].func && strcmp(e->method[i].func->name, "upgrade") == 0;
	return any;
}

int run_once(const struct run_ask *ask)
{
	struct experiment *e = NULL;
	const char *web = NULL, *script = NULL;
	if (experiment_load(&e, ask->file, ask->sets, stderr))
		return EXIT_USAGE_;
	if (ask->browsers)
		e->browsers = ask->browsers;
	if (e->browsers > e->agents) /* each of them is an agent */
		e->browsers = e->agents;
	if (e->browsers && place_browsers(&web, &script)) {
		experiment_free(e);
		return EXIT_USAGE_;
	}
	struct drill *d = calloc(1, sizeof(*d));
	helio_assert(d);
	d->e = e;
	d->file = ask->file;
	d->seed = ask->seed ? ask->seed : e->seed + (ask->turn ? ask->turn - 1 : 0);
	d->before = rolls(e) ? ask->before : NULL;
	d->browsers = script;
	d->lab_conf.web = web;
	d->quiet = ask->quiet;
	d->silent = ask->silent;
	int code = run(d, ask->out);
	experiment_free(e);
	free(d);
	return code;
}

static int many(const struct run_ask *ask, uint32_t times)
{
	static struct series s;
	static char card[LAB_PATH_SIZE];
	s = (struct series){.out = ask->out,
			    .sets = ask->sets,
			    .seed = ask->seed,
			    .card = card,
			    .before = ask->before,
			    .browsers = ask->browsers};
	snprintf(card, sizeof(card), "%.480s/drills.md", ask->out);
	int code = series_add(&s, ask->file, times);
	return code ? code : series_run(&s);
}

int cmd_run(int argc, char **argv)
{
	static const struct option options[] = {
	    {"out", required_argument, NULL, 'o'},
	    {"seed", required_argument, NULL, 's'},
	    {"set", required_argument, NULL, 'S'},
	    {"quiet", no_argument, NULL, 'q'},
	    {"times", required_argument, NULL, 't'},
	    {"before", required_argument, NULL, 'b'},
	    {"browsers", required_argument, NULL, 'B'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	char out[LAB_PATH_SIZE] = "", file[LAB_PATH_SIZE];
	const char *sets[EXPERIMENT_SETS_MAX + 1] = {NULL};
	struct run_ask ask = {.file = file, .sets = sets, .out = out};
	unsigned long times = 0;
	int opt;
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (opt) {
		case 'o': (void)str_copy(out, sizeof(out), optarg); break;
		case 's': ask.seed = strtoull(optarg, NULL, 10); break;
		case 't':
			times = strtoul(optarg, NULL, 10);
			if (times < 1 || times > SERIES_TIMES_MAX) {
				fprintf(stderr, "helio-chaos run: --times: 1 to %d\n",
					SERIES_TIMES_MAX);
				return EXIT_USAGE_;
			}
			break;
		case 'B':
			ask.browsers = (uint32_t)strtoul(optarg, NULL, 10);
			if (ask.browsers < 1 || ask.browsers > EXPERIMENT_BROWSERS_MAX) {
				fprintf(stderr, "helio-chaos run: --browsers: 1 to %d\n",
					EXPERIMENT_BROWSERS_MAX);
				return EXIT_USAGE_;
			}
			break;
		case 'b':
			if (place_before(optarg))
				return EXIT_USAGE_;
			ask.before = optarg;
			break;
		case 'S':
			if (run_set(sets, optarg))
				return EXIT_USAGE_;
			break;
		case 'q': ask.quiet = true; break;
		case 'h': fputs(run_help, stdout); return 0;
		default: return EXIT_USAGE_;
		}
	}
	if (optind != argc - 1) {
		fputs("helio-chaos run: one experiment is needed; try --help\n", stderr);
		return EXIT_USAGE_;
	}
	if (place_drill(file, argv[optind])) {
		fprintf(stderr,
			"helio-chaos run: no drill is called %s; helio-chaos score --list\n",
			argv[optind]);
		return EXIT_USAGE_;
	}
	if (!*out)
		default_out(file, out);
	return times ? many(&ask, (uint32_t)times) : run_once(&ask);
}
