/* helio-broker: reads its arguments, raises its limits, runs. */
#include "broker/broker.h"
#include "common/live/live.h"

#include <errno.h>
#include <getopt.h>
#include <sys/resource.h>

/* Two descriptors for each daemon of a large cluster. */
enum { FILES_WANTED = 16384 };

static const char help[] =
    "helio-broker - the matcher of one site of Heliograph\n"
    "\n"
    "usage: helio-broker --config FILE --name NAME [--trace FILE] [--log-level LEVEL]\n"
    "\n"
    "  --config FILE      the cluster file (YAML); keys are found through it\n"
    "  --name NAME        which broker of that file this process is, e.g. oslo-b1\n"
    "  --trace FILE       write every event of the core to FILE, to run an incident again;\n"
    "                     holds no caller's number and no name. Grows: about 150 bytes an event\n"
    "  --log-level LEVEL  debug, info, warn or error: the lowest written to standard error\n"
    "                     (default info)\n"
    "  --version, --help\n"
    "\n"
    "It tells the nodes of its site which idle agent shall claim from which queue, here or at\n"
    "another site. It owns no call and no agent: kill it at any time, nothing is lost, and its\n"
    "nodes match for themselves until it is back. Two of them at one site are safe.\n"
    "\n"
    "Keys come from `helio-keys from-config FILE`. Ask it with `helioctl status`.\n"
    "SIGHUP or `helioctl reload` reads the configuration again; signed versions come from other\n"
    "daemons by themselves. Stop it with SIGTERM or Ctrl-C.\n"
    "\n"
    "exit: 0 stopped as asked, 1 could not start (the line says why), 2 usage\n";

struct arguments {
	const char *config, *name, *trace;
	enum log_level level;
};

/* -1: go on; else the exit code. */
static int arguments_parse(int argc, char **argv, struct arguments *a)
{
	static const struct option options[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"name", required_argument, NULL, 'n'},
	    {"trace", required_argument, NULL, 't'},
	    {"log-level", required_argument, NULL, 'l'},
	    {"version", no_argument, NULL, 'v'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	int opt;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'c': a->config = optarg; break;
		case 'n': a->name = optarg; break;
		case 't': a->trace = optarg; break;
		case 'l':
			if (log_level_parse(optarg, &a->level) == 0)
				break;
			fprintf(stderr, "--log-level: %s is none of debug, info, warn, error\n",
				optarg);
			return 2;
		case 'v': puts("helio-broker " HELIO_VERSION); return 0;
		case 'h': fputs(help, stdout); return 0;
		default: fputs("try: helio-broker --help\n", stderr); return 2;
		}
	}
	if (!a->config || !a->name || optind < argc) {
		fputs("--config FILE and --name NAME are needed; try: helio-broker --help\n",
		      stderr);
		return 2;
	}
	return -1;
}

static void files_raise(void)
{
	struct rlimit lim;
	if (getrlimit(RLIMIT_NOFILE, &lim) || lim.rlim_cur >= FILES_WANTED)
		return;
	lim.rlim_cur = lim.rlim_max < FILES_WANTED ? lim.rlim_max : FILES_WANTED;
	(void)setrlimit(RLIMIT_NOFILE, &lim);
}

int main(int argc, char **argv)
{
	struct arguments a = {.level = LOG_LEVEL_INFO};
	struct live *live = NULL;
	int code = arguments_parse(argc, argv, &a);
	if (code >= 0)
		return code;
	log_init(a.name, a.level);
	if (live_start(&live, a.config, a.name, CONF_BROKER, stderr))
		return 1;
	files_raise();
	code = broker_run(live, a.trace);
	live_free(live);
	return code;
}
