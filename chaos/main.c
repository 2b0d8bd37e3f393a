/* helio-chaos: the table of its subcommands. */
#include "chaos/chaos.h"

#include <stdio.h>
#include <string.h>

static const struct command {
	const char *name, *what;
	int (*run)(int argc, char **argv);
} commands[] = {
    {"plan", "what an experiment would do, and who is at risk", cmd_plan},
    {"run", "does an experiment in a lab of its own, and judges", cmd_run},
    {"score", "the drills again and again, and the scorecard", cmd_score},
    {"report", "the page of a run, the scorecard of many", cmd_report},
    {"functions", "what experiments can ask for", cmd_functions},
    {"lab", "three sites of two machines on this host: up, status, down", cmd_lab},
};

static void usage(FILE *out)
{
	fputs("helio-chaos - breaks a cluster on purpose, and says what held\n\n", out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  helio-chaos %-10s %s\n", commands[i].name, commands[i].what);
	fputs("\nEach teaches itself with --help.\n", out);
}

int main(int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		usage(argc < 2 ? stderr : stdout);
		return argc < 2 ? 2 : 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("helio-chaos " HELIO_VERSION);
		return 0;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "helio-chaos: no command \"%s\"; try --help\n", argv[1]);
	return 2;
}
