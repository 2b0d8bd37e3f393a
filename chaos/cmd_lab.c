/* helio-chaos lab: a lab that stays until it is told to go, to look at with one's own hands. */
#include "chaos/chaos.h"
#include "chaos/lab/client.h"
#include "chaos/lab/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/base.h"

#define LAB_DIR "/tmp/helio-lab"
enum { DOWN_MS = 5000 };

static const char help[] =
    "helio-chaos lab - three sites of two machines each on this host, as network namespaces\n"
    "\n"
    "usage: helio-chaos lab up [--agents N] [--seed N] [--wan 'KEY=VALUE…'] [--clock] [--disks]\n"
    "       helio-chaos lab check | status | down | wan COMMAND… | fault KIND [TARGET] "
    "[KEY=VALUE…]\n"
    "\n"
    "  --agents N   accounts load1 … loadN, password quiet-harbour (default 30)\n"
    "  --wan TEXT   what the lines between the sites do (default \"delay=40 jitter=4\");\n"
    "               helio-wan --help has the keys\n"
    "  --clock      the daemons' wall clocks can jump     --disks  disks can be filled\n"
    "  --seed N     of the lines (default 1)\n"
    "  --dir DIR    where it lives (default " LAB_DIR "); one lab in each\n"
    "\n"
    "  lab wan      hands a command to helio-wan: lab wan show; lab wan set oslo manila loss=2\n"
    "  lab fault    breaks something until Ctrl-C: lab fault freeze oslo1;\n"
    "               lab fault cut oslo; lab fault slow 'presence-*' percent=10;\n"
    "               lab fault link from=oslo corrupt=5; lab fault clock_jump oslo1 by_s=-3600\n"
    "               kinds: kill restart upgrade freeze slow machine_lost suspend unplug cut link "
    "disk_full\n"
    "               clock_jump redis_flush redis_failover\n"
    "\n"
    "Look around: helioctl status --config DIR/base/cluster.yaml; logs are in\n"
    "DIR/logs. `lab status` prints how to enter a machine (nsenter). Everything lives in\n"
    "namespaces of its own and goes with its keeper: `lab down`, or kill it, and nothing is left.\n"
    "Needs root, CAP_NET_ADMIN, CAP_SYS_ADMIN and /dev/net/tun.\n"
    "exit: 0 done, 1 could not, 2 usage\n";

static const char *dir = LAB_DIR;

static void print_h(const json_t *event, void *arg)
{
	(void)arg;
	char *text = json_dumps(event, JSON_COMPACT);
	puts(text ? text : "");
	free(text);
	fflush(stdout);
}

static int client(struct lab_client **ret)
{
	int err = lab_client_open(ret, dir, print_h, NULL);
	if (err)
		fprintf(stderr, "helio-chaos: no lab is up at %s (%s); helio-chaos lab up\n", dir,
			strerror(err));
	return err;
}

static int up(struct lab_conf *conf)
{
	struct lab_client *c;
	char why[512];
	pid_t keeper;
	if (lab_client_open(&c, dir, NULL, NULL) == 0) {
		lab_client_close(c);
		fprintf(stderr, "helio-chaos: a lab is up at %s; helio-chaos lab down\n", dir);
		return 1;
	}
	place_remove(dir);
	if (mkdir(dir, 0700)) {
		fprintf(stderr, "helio-chaos: %s: %s\n", dir, strerror(errno));
		return 1;
	}
	conf->dir = conf->out = dir;
	int ready[2];
	if (pipe2(ready, O_CLOEXEC))
		return 1;
	pid_t pid = fork();
	if (pid == 0) { /* stays as the keeper's parent, and cleans up after it */
		(void)setsid();
		if (keeper_start(conf, &keeper, why)) {
			fprintf(stderr, "helio-chaos: %s\n", why);
			place_remove(dir);
			_exit(1);
		}
		(void)!write(ready[1], "k", 1);
		close(ready[1]);
		int null = open("/dev/null", O_RDWR);
		for (int fd = 0; fd < 3; fd++)
			(void)dup2(null, fd);
		(void)waitpid(keeper, NULL, 0);
		place_remove(dir);
		_exit(0);
	}
	close(ready[1]);
	char byte;
	bool ok = pid > 0 && read(ready[0], &byte, 1) == 1;
	if (!ok)
		return 1;
	printf("the lab is up at %s: helio-chaos lab status\n", dir);
	return 0;
}

static int status(void)
{
	struct lab_client *c;
	if (client(&c))
		return 1;
	json_t *o = lab_client_ask(c, json_pack("{ss}", "do", "status")), *p;
	size_t i;
	json_array_foreach(json_object_get(o, "procs"), i, p)
	{
		printf("%-10s %-18s %-5s pid %-7d cpu %6.1f s%s\n",
		       json_string_value(json_object_get(p, "machine")),
		       json_string_value(json_object_get(p, "name")),
		       !json_is_true(json_object_get(p, "up"))                  ? "DOWN"
		       : *json_string_value(json_object_get(p, "state")) == 'T' ? "STILL"
										: "up",
		       (int)json_integer_value(json_object_get(p, "pid")),
		       (double)json_integer_value(json_object_get(p, "cpu_ms")) / 1000,
		       json_integer_value(json_object_get(p, "unasked")) ? "  ended by itself"
									 : "");
	}
	json_array_foreach(json_object_get(o, "faults"), i, p)
	    printf("fault %d: %s %s\n", (int)json_integer_value(json_object_get(p, "id")),
		   json_string_value(json_object_get(p, "kind")),
		   json_string_value(json_object_get(p, "target")));
	if (o)
		printf(
		    "\nenter a machine: nsenter -t $(pgrep -n -f '%s/oslo1/cluster.yaml') -m -n\n",
		    dir);
	bool ok = o != NULL;
	json_decref(o);
	lab_client_close(c);
	return !ok;
}

static int down(void)
{
	struct lab_client *c;
	if (client(&c))
		return 1;
	json_decref(lab_client_ask(c, json_pack("{ss}", "do", "down")));
	lab_client_close(c);
	uint64_t until = mono_us() + DOWN_MS * UINT64_C(1000);
	while (access(dir, F_OK) == 0 && mono_us() < until)
		(void)poll(NULL, 0, 20);
	return access(dir, F_OK) == 0;
}

static int wan(int argc, char **argv)
{
	char line[512] = "";
	struct lab_client *c;
	for (int i = 0; i < argc; i++) {
		size_t n = strlen(line);
		snprintf(line + n, sizeof(line) - n, "%s%s", i ? " " : "", argv[i]);
	}
	if (client(&c))
		return 1;
	json_t *o = lab_client_ask(c, json_pack("{ss ss}", "do", "wan", "line", line));
	if (o)
		print_h(o, NULL);
	else
		fprintf(stderr, "helio-chaos: %s\n", lab_client_why(c));
	lab_client_close(c);
	return o ? 0 : 1;
}

static volatile sig_atomic_t stop;
static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

/* KEY=VALUE… as an object; NULL: not that, and said. */
static json_t *fault_args(int argc, char **argv)
{
	json_t *args = json_object();
	for (int i = 0; i < argc; i++) {
		char *value = strchr(argv[i], '='), *end;
		if (!value) {
			fprintf(stderr,
				"helio-chaos lab fault: %s: KEY=VALUE is needed here; try --help\n",
				argv[i]);
			json_decref(args);
			return NULL;
		}
		*value++ = '\0';
		double v = strtod(value, &end);
		bool number = end != value && !*end && fabs(v) < 1e15;
		json_object_set_new(args, argv[i],
				    strcmp(value, "true") == 0 ? json_true()
				    : !number                  ? json_string(value)
				    : v == floor(v)            ? json_integer((json_int_t)v)
							       : json_real(v));
	}
	return args;
}

static int fault(int argc, char **argv)
{
	struct lab_client *c;
	int first = argc > 1 && !strchr(argv[1], '=') ? 2 : 1; /* lines need no target */
	if (argc < 1) {
		fputs("helio-chaos lab fault: KIND is needed; try --help\n", stderr);
		return 2;
	}
	json_t *args = fault_args(argc - first, argv + first);
	if (!args)
		return 2;
	if (client(&c)) {
		json_decref(args);
		return 1;
	}
	struct sigaction sa = {.sa_handler = on_signal};
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	json_t *o = lab_client_ask(c, json_pack("{ss ss ss so}", "do", "fault", "kind", argv[0],
						"target", first == 2 ? argv[1] : "", "args", args));
	bool ok = o != NULL;
	json_decref(o);
	if (!ok)
		fprintf(stderr, "helio-chaos: %s\n", lab_client_why(c));
	while (ok && !stop && lab_client_step(c) == 0) {
		struct pollfd p = {.fd = lab_client_fd(c), .events = POLLIN};
		(void)poll(&p, 1, -1);
	}
	lab_client_close(c); /* and it heals */
	return !ok;
}

int cmd_lab(int argc, char **argv)
{
	static const struct option options[] = {
	    {"agents", required_argument, NULL, 'a'}, {"seed", required_argument, NULL, 's'},
	    {"wan", required_argument, NULL, 'w'},    {"clock", no_argument, NULL, 'c'},
	    {"disks", no_argument, NULL, 'd'},        {"dir", required_argument, NULL, 'D'},
	    {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
	};
	struct lab_conf conf = {.agents = 30, .seed = 1, .wan = "delay=40 jitter=4"};
	int opt;
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (opt) {
		case 'a': conf.agents = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 's': conf.seed = strtoull(optarg, NULL, 10); break;
		case 'w': (void)str_copy(conf.wan, sizeof(conf.wan), optarg); break;
		case 'c': conf.clock = true; break;
		case 'd': conf.small_disks = true; break;
		case 'D': dir = optarg; break;
		case 'h': fputs(help, stdout); return 0;
		default: return 2;
		}
	}
	const char *what = optind < argc ? argv[optind++] : "";
	conf.bin = place_bin();
	conf.audio = place_audio();
	conf.trace = true;
	if (strlen(dir) > 40 || conf.agents > 20000) {
		fputs(
		    "helio-chaos: --dir: at most 40 bytes (sockets live in it); --agents: at most "
		    "20000\n",
		    stderr);
		return 2;
	}
	if (strcmp(what, "check") == 0) {
		char why[512];
		int err = keeper_able(why);
		puts(err ? why : "a lab can be built here");
		return err != 0;
	}
	if (strcmp(what, "up") == 0)
		return up(&conf);
	if (strcmp(what, "status") == 0)
		return status();
	if (strcmp(what, "down") == 0)
		return down();
	if (strcmp(what, "wan") == 0)
		return wan(argc - optind, argv + optind);
	if (strcmp(what, "fault") == 0)
		return fault(argc - optind, argv + optind);
	fputs("helio-chaos lab: up, check, status, down, wan or fault; try --help\n", stderr);
	return 2;
}
