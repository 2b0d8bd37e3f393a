/* Opening, running and closing: parts in the order in which they need each other. */
#include "broker/broker.h"
#include "common/live/live.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static int signal_h(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
	struct broker *b = arg;
	struct signalfd_siginfo info;
	(void)loop;
	(void)item;
	if (read(b->signal_fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	if (info.ssi_signo == SIGHUP) {
		broker_config_reload(b);
		return 0;
	}
	log_info("broker.stopping", "signal=%s", strsignal((int)info.ssi_signo));
	return -1; /* ends the loop */
}

/* Strangers at the door, impostors inside, rubbish: said when it begins and then once a minute, so
 * that an attack does not fill the disk. */
static void mesh_watch(struct broker *b)
{
	const struct mesh_counters *m = mesh_counters(b->mesh);
	uint64_t bad = m->refused + m->bad_sender + m->bad_decode + m->bad_version;
	if (bad == b->bad_said ||
	    (b->bad_said_us && b->now_us - b->bad_said_us < BROKER_SAY_AGAIN_MS * 1000ull))
		return;
	b->bad_said = bad;
	b->bad_said_us = b->now_us;
	log_warn("mesh.bad", "refused=%llu bad_sender=%llu bad_decode=%llu bad_version=%llu",
		 (unsigned long long)m->refused, (unsigned long long)m->bad_sender,
		 (unsigned long long)m->bad_decode, (unsigned long long)m->bad_version);
}

/* A daemon whose state folder was lost, or restored from a copy, begins a life that has been
 * before: nobody hears it, and it does not know. */
static void stale_watch(struct broker *b)
{
	const struct mesh_counters *m = mesh_counters(b->mesh);
	if (m->stale_boot - b->stale_said < BROKER_STALE_FEW ||
	    (b->stale_said_us && b->now_us - b->stale_said_us < BROKER_SAY_AGAIN_MS * 1000ull))
		return;
	const struct conf_daemon *d = conf_daemon_by_addr(b->conf, m->stale_from);
	log_warn(
	    "mesh.older_life",
	    "peer=%s dropped=%llu remedy=\"its state folder is older than its last life: stop it, "
	    "write a number above the boot of `helioctl status --json` into its file boot, start "
	    "it\"",
	    d ? d->name : "?", (unsigned long long)(m->stale_boot - b->stale_said));
	b->stale_said = m->stale_boot;
	b->stale_said_us = b->now_us;
}

static int tick_h(zloop_t *loop, int timer, void *arg)
{
	struct broker *b = arg;
	uint64_t now = mono_us();
	(void)loop;
	(void)timer;
	b->now_us = now > b->now_us ? now : b->now_us;
	broker_peers_check(b);
	mesh_watch(b);
	stale_watch(b);
	broker_stats_send(b);
	broker_metrics_tick(b);
	live_tick(b->live, b->now_us);
	if (b->trace && trace_flush(b->trace)) {
		log_error("trace.stopped", "why=%s", log_quote(strerror(errno)));
		b->trace = trace_close(b->trace);
	}
	return 0;
}

/* A quiet minute is no pause: the loop comes round, whoever speaks. */
static int look_h(zloop_t *loop, int timer, void *arg)
{
	struct broker *b = arg;
	(void)loop;
	(void)timer;
	(void)beats_look(&b->beats, mono_us());
	return 0;
}

/* Signals come as a descriptor of the loop, blocked before any thread of a library starts. */
static int loop_open(struct broker *b)
{
	sigset_t stop;
	zsys_handler_set(NULL);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGHUP);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	b->signal_fd = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
	if (b->signal_fd < 0)
		return errno;
	b->loop = zloop_new();
	if (!b->loop)
		return ENOMEM;
	zmq_pollitem_t item = {.fd = b->signal_fd, .events = ZMQ_POLLIN};
	if (zloop_timer(b->loop, BEAT_MS, 0, look_h, b) < 0 ||
	    zloop_poller(b->loop, &item, signal_h, b) ||
	    zloop_timer(b->loop, BROKER_TICK_MS, 0, tick_h, b) < 0)
		return ENOMEM;
	return 0;
}

static int boot_open(struct broker *b, char why[static 256])
{
	char state[CONF_PATH_SIZE] = "";
	int err = conf_state_path(b->conf, b->self, state);
	if (!err)
		err = boot_next(state, &b->boot);
	if (err)
		snprintf(why, 256, "%.200s: %s; the folder must be writable", state, strerror(err));
	return err;
}

/* ret_what names the part that failed. */
static int broker_open(struct broker *b, const char *trace_path, const char **ret_what,
		       char why[static 256])
{
	*ret_what = "loop";
	int err = loop_open(b);
	if (!err)
		err = broker_peers_open(b);
	if (!err)
		err = broker_metrics_init(b);
	if (err) {
		snprintf(why, 256, "%s", strerror(err));
		return err;
	}
	/* Before the boot number: whoever starts a second one by mistake shall not age the first.
	 */
	*ret_what = "admin";
	err = broker_admin_open(b, why);
	if (err)
		return err;
	*ret_what = "ports";
	err = conf_ports_free(b->self, why);
	if (err)
		return err;
	*ret_what = "state";
	err = boot_open(b, why);
	if (err)
		return err;
	*ret_what = "core";
	err = broker_core_open(b, trace_path, why);
	if (err)
		return err;
	*ret_what = "mesh";
	err = broker_mesh_open(b, why);
	if (err)
		return err;
	*ret_what = "metrics";
	err = broker_metrics_open(b, why);
	if (err)
		return err;
	*ret_what = "hours";
	err = broker_hours_open(b);
	if (err) {
		snprintf(why, 256, "%s", strerror(err));
		return err;
	}
	/* The first deadline, and whatever the core wants to say at its start. */
	struct acd_event ev = {.type = ACD_EV_TIME};
	broker_event(b, &ev);
	broker_config_open(b);
	return 0;
}

static void broker_close(struct broker *b)
{
	broker_hours_close(b);
	broker_metrics_close(b);
	broker_admin_close(b);
	broker_mesh_close(b);
	broker_core_close(b);
	broker_peers_close(b);
	zloop_destroy(&b->loop);
	if (b->signal_fd >= 0)
		close(b->signal_fd);
}

int broker_run(struct live *live, const char *trace_path)
{
	const struct conf *conf = live_base(live);
	const struct conf_daemon *self = live_self(live);
	const char *what = "memory";
	char why[256] = "out of memory";
	int exit_code = 1;
	struct broker *b = calloc(1, sizeof(*b));
	if (!b) {
		log_error("start.failed", "part=%s why=%s", what, log_quote(why));
		return exit_code;
	}
	b->live = live;
	b->skills_mark = conf_skills_mark(conf);
	b->conf = conf;
	b->self = self;
	b->site = conf_site_by_number(conf, addr_site(self->addr)); /* of the base: stays */
	b->started_us = b->now_us = mono_us();
	b->signal_fd = -1;
	if (broker_open(b, trace_path, &what, why)) {
		log_error("start.failed", "part=%s why=%s", what, log_quote(why));
	} else {
		log_info("broker.up", "site=%s mesh=%s:%u boot=%u config=%016llx", b->site->name,
			 self->mesh.host, self->mesh.port, (unsigned)b->boot,
			 (unsigned long long)conf->hash);
		/* 0: the loop was interrupted; -1: a handler, ours for signals, ended it. */
		(void)zloop_start(b->loop);
		exit_code = 0;
	}
	broker_close(b);
	free(b);
	return exit_code;
}
