/* helio-chaos score: every drill, many times, and the scorecard. */
#include "chaos/chaos.h"
#include "chaos/drill/experiment.h"
#include "chaos/series.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

static const char help[] =
    "helio-chaos score - runs the drills again and again and writes the scorecard\n"
    "\n"
    "usage: helio-chaos score [DRILL[=TIMES]…] [--quick] [--out DIR] [--card FILE]\n"
    "                         [--within MINUTES] [--before DIR] [--set NAME=VALUE]… [--list]\n"
    "\n"
    "  DRILL[=TIMES]   a drill that is shipped, or a file (default: all of --list)\n"
    "  --quick         each once, node-kill and machine-lost three times\n"
    "  --out DIR       the runs, DRILL.1 and so on (default: chaos-score); what has a verdict\n"
    "                  there is kept: the same command goes on where it was stopped\n"
    "  --card FILE     the scorecard (default: DIR/drills.md)\n"
    "  --within M      begins no run that would not end in so many minutes\n"
    "  --before DIR    the programs of the version that rolling-upgrade rolls from\n"
    "  --set NAME=VALUE   of every experiment's configuration, e.g. callers=60\n"
    "  --list          the drills, how often each, how long it takes\n"
    "\n"
    "All have their first turn, then all their second: what was stopped has something of each.\n"
    "A run that is INCONCLUSIVE is made again, twice at most. A verdict wants a machine that does\n"
    "nothing else. exit: as helio-chaos run, the worst of all\n";

/* DESIGN §10 and issue 5: these as the worst of twenty, the others of three. */
static const struct {
	const char *name;
	uint32_t times, quick;
} drills[] = {
    {"node-kill", 20, 3},
    {"machine-lost", 20, 3},
    {"node-frozen-then-thawed", 3, 1},
    {"node-slow-not-dead", 3, 1},
    {"broker-kill", 3, 1},
    {"island", 3, 1},
    {"gateway-kill", 3, 1},
    {"presence-master-kill", 3, 1},
    {"all-redis-frozen", 3, 1},
    {"site-cut", 3, 1},
    {"one-way-cut", 3, 1},
    {"swizzle", 3, 1},
    {"slow-wan", 3, 1},
    {"disk-full", 3, 1},
    {"clock-jump", 3, 1},
    {"rolling-upgrade", 3, 1},
    {"everything-at-once", 3, 1},
};

static uint32_t default_times(const char *name, bool quick)
{
	for (size_t i = 0; i < HELIO_ARRAY_LEN(drills); i++)
		if (strcmp(drills[i].name, name) == 0)
			return quick ? drills[i].quick : drills[i].times;
	return quick ? 1 : 3;
}

static int add_named(struct series *s, char *word, bool quick)
{
	char *eq = strrchr(word, '=');
	unsigned long times = default_times(word, quick);
	if (eq) {
		char *end;
		*eq = '\0';
		times = strtoul(eq + 1, &end, 10);
		if (*end || times < 1 || times > SERIES_TIMES_MAX) {
			fprintf(stderr, "helio-chaos score: %s=%s: 1 to %d times\n", word, eq + 1,
				SERIES_TIMES_MAX);
			return EXIT_USAGE_;
		}
	}
	return series_add(s, word, (uint32_t)times);
}

static int list(const struct series *s)
{
	double sum = 0;
	for (uint32_t i = 0; i < s->n; i++) {
		printf("%-26s %3u times, about %3.0f s each\n", s->item[i].name, s->item[i].times,
		       s->item[i].guess_s);
		sum += s->item[i].guess_s * s->item[i].times;
	}
	printf("about %.0f minutes in all\n", sum / 60);
	return 0;
}

int cmd_score(int argc, char **argv)
{
	static const struct option options[] = {
	    {"quick", no_argument, NULL, 'q'},
	    {"out", required_argument, NULL, 'o'},
	    {"card", required_argument, NULL, 'c'},
	    {"within", required_argument, NULL, 'w'},
	    {"set", required_argument, NULL, 'S'},
	    {"list", no_argument, NULL, 'l'},
	    {"before", required_argument, NULL, 'b'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	static struct series s;
	static char card[LAB_PATH_SIZE];
	const char *sets[EXPERIMENT_SETS_MAX + 1] = {NULL};
	bool quick = false, list_only = false;
	int opt, code = 0;
	s = (struct series){.out = "chaos-score", .sets = sets};
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (opt) {
		case 'q': quick = true; break;
		case 'o': s.out = optarg; break;
		case 'c': s.card = optarg; break;
		case 'w': s.within_s = strtod(optarg, NULL) * 60; break;
		case 'b':
			if (place_before(optarg))
				return EXIT_USAGE_;
			s.before = optarg;
			break;
		case 'S':
			if (run_set(sets, optarg))
				return EXIT_USAGE_;
			break;
		case 'l': list_only = true; break;
		case 'h': fputs(help, stdout); return 0;
		default: return EXIT_USAGE_;
		}
	}
	for (int i = optind; i < argc && !code; i++)
		code = add_named(&s, argv[i], quick);
	for (size_t i = 0; optind == argc && i < HELIO_ARRAY_LEN(drills) && !code; i++)
		code = series_add(&s, drills[i].name, quick ? drills[i].quick : drills[i].times);
	if (code)
		return code;
	if (list_only)
		return list(&s);
	if (!s.card) {
		snprintf(card, sizeof(card), "%.480s/drills.md", s.out);
		s.card = card;
	}
	return series_run(&s);
}
