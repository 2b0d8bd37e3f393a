/* helio-node: local telephony of a site and the sealed sessions of its home agents. */
#include "nodes/node.h"
#include "nodes/node_last.h"
#include "nodes/node_tasks.h"
#include "nodes/node_neighbour.h"
#include "nodes/desk/desk.h"
#include "common/live/live.h"
#include "common/seal/seal.h"
#include "nodes/wall/day.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { FD_WANTED = 16384, LEGS_PER_CALL = 3 };

static const char help[] =
    "helio-node - a site node of Heliograph: SIP in, queues, agents' sealed sessions, audio\n"
    "\n"
    "usage: helio-node --config FILE --name NAME [--trace FILE] [--page-rate N] [--log-level L]\n"
    "\n"
    "  --config FILE   the cluster file (YAML); agents.yaml and keys are found through it\n"
    "  --name NAME     which node of that file this process is, e.g. oslo1\n"
    "  --trace FILE    write every event of the core to FILE, to run an incident again;\n"
    "                  it holds ids and times, no caller's number\n"
    "  --page-rate N   messages a second of one page before its link is cut (default 50, and\n"
    "                  twice that at once); for measuring\n"
    "  --log-level L   debug, info, warn or error: the lowest level written to standard\n"
    "                  error (default info)\n"
    "  --version, --help\n"
    "\n"
    "The keys come from `helio-keys from-config FILE`. SIGHUP or `helioctl reload` reads the\n"
    "configuration again; signed versions come from other daemons by themselves. Stop with\n"
    "SIGTERM or Ctrl-C: calls go on at the neighbour, and end with a BYE and their record where\n"
    "there is none. `helioctl drain NAME` first, and nobody hears a gap.\n"
    "\n"
    "exit: 0 stopped as asked, 1 could not start (the line says why), 2 usage\n";

static int fail(const char *what, const char *why)
{
	log_error("start.failed", "part=%s why=%s", what, log_quote(why));
	return 1;
}

static void media_h(const struct media_event *ev, void *arg)
{
	struct node *n = arg;
	node_metrics_media(n, ev);
	if (n->desk && desk_media(n->desk, ev))
		return;
	if (ev->type == MEDIA_EV_FAILED) {
		log_warn("media.failed", "leg=%u why=%s", (unsigned)ev->leg.v, log_quote(ev->why));
		(void)node_leg_failed(n, ev->leg);
	}
}

static int media_open(struct node *n, const char *state, char why[256])
{
	char was[NODE_IDENTITY_MAX];
	struct media_conf conf = {
	    .bind = n->self->bind,
	    .advertise = n->self->advertise,
	    .port_min = n->self->media_port_min,
	    .port_max = n->self->media_port_max,
	    .threads = n->self->media_threads ? n->self->media_threads : 1,
	    .legs_max = (n->self->calls_max + n->self->sessions_max) * LEGS_PER_CALL,
	    .silent_ms = 7000,
	    .opus_complexity = 5,
	    .identity = was,
	    .identity_len = node_identity_read(n, state, was, sizeof(was)),
	};
	int err = media_start(&n->media, &conf, media_h, n, why);
	if (!err) {
		size_t len = 0;
		const char *now = media_identity(n->media, &len);
		if (len != conf.identity_len || memcmp(now, was, len) != 0)
			node_identity_keep(n, state, now, len);
	}
	explicit_bzero(was, sizeof(was));
	return err;
}

static int records_start(struct node *n, const char *state, char why[256])
{
	char path[CONF_PATH_SIZE + 16];
	snprintf(path, sizeof(path), "%s/records.db", state);
	int err = records_open(&n->records, path, why);
	if (!err)
		records_keep(n->records, n->conf->keep_days);
	return err;
}

static int state_bad(const char *path, int err, char why[256])
{
	snprintf(why, 256, "%.150s: %s; it must be writable", path, strerror(err));
	return err;
}

/* Opens every part in the order in which they need each other; what names the one that failed. */
static int node_open(struct node *n, const char **what, char why[256])
{
	char state[CONF_PATH_SIZE];
	int err;
	*what = "metrics";
	if ((err = node_metrics_init(n))) {
		snprintf(why, 256, "%s", strerror(err));
		return err;
	}
	*what = "state";
	if ((err = conf_state_path(n->conf, n->self, state)))
		return state_bad(state, err, why);
	*what = "admin"; /* early: a second one, started by mistake, ends here */
	if ((err = node_admin_open(n, why)))
		return err;
	*what = "records";
	if ((err = records_start(n, state, why)))
		return err;
	*what = "wall";
	if ((err = node_wall_open(n, why)))
		return err;
	*what = "directory";
	if ((err = node_route_open(n, why)))
		return err;
	*what = "last";
	if ((err = node_last_open(n)))
		return err;
	*what = "media";
	if ((err = media_open(n, state, why)))
		return err;
	/* What goes wrong before costs no number: there are a million of them, and a node that
	 * cannot start is started again five times a second. */
	*what = "ports";
	if ((err = conf_ports_free(n->self, why)))
		return err;
	*what = "state";
	if ((err = boot_next(state, &n->boot)))
		return state_bad(state, err, why);
	*what = "core";
	if ((err = core_open(n, n->trace_path, why)))
		return err;
	*what = "desk";
	if ((err = desk_open(&n->desk, n, why)))
		return err;
	*what = "mesh";
	if ((err = node_mesh_open(n, why)))
		return err;
	*what = "presence";
	if ((err = node_presence_open(n))) {
		snprintf(why, 256, "%s", strerror(err));
		return err;
	}
	*what = "calls";
	if ((err = calls_open(n))) {
		snprintf(why, 256, "%s", strerror(err));
		return err;
	}
	*what = "tasks";
	if ((err = node_tasks_open(n, state, why)))
		return err;
	*what = "hours";
	if ((err = node_hours_open(n))) {
		snprintf(why, 256, "%s", strerror(err));
		return err;
	}
	*what = "journal"; /* late: it opens the SIP port once it was read */
	if ((err = node_journal_open(n, why)))
		return err;
	*what = "neighbour";
	if ((err = node_neighbour_open(n, why)))
		return err;
	node_silence_open(n);
	*what = "configuration";
	if ((err = node_config_open(n))) {
		snprintf(why, 256, "%s", strerror(err));
		return err;
	}
	*what = "metrics"; /* last: it looks at all the others */
	return node_metrics_open(n, why);
}

static void node_close(struct node *n)
{
	tmr_cancel(&n->tmr_stop);
	node_silence_close(n);
	node_hours_close(n);
	node_config_close(n);
	node_metrics_close(n);
	node_neighbour_close(n);
	node_tasks_close(n);
	calls_close(n);
	node_admin_close(n);
	node_presence_close(n);
	node_journal_close(n);
	n->desk = desk_close(n->desk);
	node_mesh_close(n);
	core_close(n);
	n->media = media_stop(n->media);
	node_wall_close(n);
	node_last_close(n);
	node_route_close(n);
	n->records = records_close(n->records);
	node_metrics_free(n);
}

static struct node *stopping; /* whom a signal stops: a handler of libre's has no argument */

static void signal_h(int sig)
{
	(void)sig;
	node_stop(stopping);
}

static int run(struct live *live, const char *trace_path, uint32_t page_rate)
{
	const struct conf *conf = live_base(live);
	const struct conf_daemon *self = live_self(live);
	struct node *n = calloc(1, sizeof(*n));
	const char *what = "memory";
	char why[256] = "out of memory";
	if (!n)
		return fail(what, why);
	n->conf = conf;
	n->live = live;
	n->skills_mark = conf_skills_mark(conf);
	n->signal_fd = node_config_signals();
	n->self = self;
	n->site = conf_site_by_number(conf, addr_site(self->addr));
	n->started_us = mono_us();
	wall_zone_set(n->site->timezone); /* before the first thread */
	n->trace_path = trace_path;
	n->page_rate = page_rate;
	n->presence_slot.fd = n->journal_slot[0].fd = n->journal_slot[1].fd = -1;
	int err = node_open(n, &what, why), exit_code = 0;
	if (err) {
		exit_code = fail(what, why);
	} else {
		log_info("node.up", "site=%s sip=%s:%u boot=%u config=%016llx", n->site->name,
			 self->bind, self->sip_port, (unsigned)n->boot,
			 (unsigned long long)conf->hash);
		struct acd_event start = {.type = ACD_EV_TIME}; /* the core's timers begin */
		(void)node_event(n, &start);
		stopping = n;
		if (!n->failed)
			(void)re_main(signal_h);
		exit_code = n->failed;
	}
	node_close(n);
	free(n);
	return exit_code;
}

static void fd_limit_raise(void)
{
	struct rlimit lim;
	if (getrlimit(RLIMIT_NOFILE, &lim))
		return;
	lim.rlim_cur = lim.rlim_max < FD_WANTED ? lim.rlim_max : FD_WANTED;
	if (setrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < FD_WANTED)
		log_warn("limit.files", "have=%llu remedy=\"raise LimitNOFILE\"",
			 (unsigned long long)lim.rlim_cur);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"name", required_argument, NULL, 'n'},
	    {"trace", required_argument, NULL, 't'},
	    {"page-rate", required_argument, NULL, 'r'},
	    {"log-level", required_argument, NULL, 'l'},
	    {"version", no_argument, NULL, 'v'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	const char *path = NULL, *name = NULL, *trace = NULL;
	enum log_level level = LOG_LEVEL_INFO;
	unsigned long page_rate = NODE_PAGE_RATE;
	char *end = NULL;
	int opt;
	while ((opt = getopt_long(argc, argv, "c:n:t:r:l:vh", options, NULL)) != -1) {
		switch (opt) {
		case 'c': path = optarg; break;
		case 'n': name = optarg; break;
		case 't': trace = optarg; break;
		case 'r':
			page_rate = strtoul(optarg, &end, 10);
			if (end == optarg || *end)
				page_rate = 0; /* refused below */
			break;
		case 'l':
			if (log_level_parse(optarg, &level)) {
				fprintf(stderr, "--log-level: debug, info, warn or error\n");
				return 2;
			}
			break;
		case 'v': puts("helio-node " HELIO_VERSION); return 0;
		case 'h': fputs(help, stdout); return 0;
		default: fputs("try: helio-node --help\n", stderr); return 2;
		}
	}
	if (!path || !name || optind < argc) {
		fputs("--config and --name are needed; try: helio-node --help\n", stderr);
		return 2;
	}
	if (page_rate < 1 || page_rate > NODE_PAGE_RATE_MAX) {
		fprintf(stderr, "--page-rate: a number from 1 to %d\n", NODE_PAGE_RATE_MAX);
		return 2;
	}
	log_init(name, level);
	struct live *live = NULL;
	if (live_start(&live, path, name, CONF_NODE, stderr))
		return 1;
	int exit_code = 1;
	if (seal_init()) {
		exit_code = fail("seal", "libsodium cannot start");
	} else {
		fd_limit_raise();
		fd_setsize(FD_WANTED);
		int err = libre_init();
		exit_code =
		    err ? fail("libre", strerror(err)) : run(live, trace, (uint32_t)page_rate);
		libre_close();
	}
	live_free(live);
	return exit_code;
}
