/* helio-chaos run, plan, functions: an experiment, done or looked at. */
#include "chaos/chaos.h"
#include "chaos/drill/drill.h"

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
    "usage: helio-chaos run FILE [--out DIR] [--seed N] [--set NAME=VALUE]… [--quiet]\n"
    "\n"
    "  --out DIR     where the journal, traces, logs and records go\n"
    "                (default: chaos-NAME-DATE in this folder)\n"
    "  --seed N      of the lines between the sites (default: the experiment's)\n"
    "  --set NAME=VALUE   another value of the experiment's configuration, e.g. callers=60\n"
    "  --quiet       the verdict only\n"
    "\n"
    "Nothing is broken unless the steady state holds first. Ctrl-C heals everything and ends.\n"
    "exit: 0 HELD, 1 DEVIATED, 2 the experiment cannot be read, 3 INCONCLUSIVE (a fault did not\n"
    "bite, the machine was starved, or there was no steady state), 4 ABORTED (stop condition,\n"
    "Ctrl-C, no lab)\n";

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
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

/* The keeper's processes write there from other folders. */
static int out_make(const char *out, char path[static PATH_MAX])
{
	char logs[LAB_PATH_SIZE + 16];
	if (mkdir(out, 0755) && errno != EEXIST)
		return errno;
	if (!realpath(out, path) || strlen(path) > 380)
		return errno ? errno : ENAMETOOLONG;
	snprintf(logs, sizeof(logs), "%s/logs", out);
	return mkdir(logs, 0755) && errno != EEXIST ? errno : 0;
}

static int run(struct drill *d, const char *out)
{
	static char path[PATH_MAX];
	char journal[PATH_MAX + 32];
	struct sigaction sa = {.sa_handler = on_signal};
	int err = out_make(out, path);
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
	printf("the run is in %s, its page is report.html\n", path);
	return code;
}

int cmd_run(int argc, char **argv)
{
	static const struct option options[] = {
	    {"out", required_argument, NULL, 'o'}, {"seed", required_argument, NULL, 's'},
	    {"set", required_argument, NULL, 'S'}, {"quiet", no_argument, NULL, 'q'},
	    {"help", no_argument, NULL, 'h'},      {NULL, 0, NULL, 0},
	};
	char out[LAB_PATH_SIZE] = "";
	struct drill *d = calloc(1, sizeof(*d));
	struct experiment *e = NULL;
	const char *sets[EXPERIMENT_SETS_MAX + 1] = {NULL};
	size_t sets_n = 0;
	uint64_t seed = 0;
	int opt;
	helio_assert(d);
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (opt) {
		case 'o': (void)str_copy(out, sizeof(out), optarg); break;
		case 's': seed = strtoull(optarg, NULL, 10); break;
		case 'S':
			if (sets_n == EXPERIMENT_SETS_MAX) {
				free(d);
				return EXIT_USAGE_;
			}
			sets[sets_n++] = optarg;
			break;
		case 'q': d->quiet = true; break;
		case 'h':
			fputs(run_help, stdout);
			free(d);
			return 0;
		default: free(d); return EXIT_USAGE_;
		}
	}
	if (optind != argc - 1) {
		fputs("helio-chaos run: one experiment is needed; try --help\n", stderr);
		free(d);
		return EXIT_USAGE_;
	}
	d->file = argv[optind];
	if (experiment_load(&e, d->file, sets, stderr)) {
		free(d);
		return EXIT_USAGE_;
	}
	d->e = e;
	d->seed = seed ? seed : e->seed;
	if (!*out)
		default_out(d->file, out);
	int code = run(d, out);
	experiment_free(e);
	free(d);
	return code;
}
