/*
 * Other configuration for a node that runs. Everything that can fail is made first; then the node
 * changes over in one go, between two events of the core: calls keep their legs and places,
 * sessions their links.
 */
#include "nodes/node.h"
#include "nodes/node_guard.h"
#include "nodes/node_sounds.h"
#include "nodes/node_tasks.h"
#include "nodes/desk/desk.h"
#include "nodes/wall/wall.h"
#include "common/directory/directory.h"
#include "common/live/live.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* What must be there before anything changes. */
struct change {
	struct acd *acd;
	struct node_queue_counts *counts;
	struct node_queue_stats *stats;
	struct wall_figures *figures;
	struct desk_agents *agents;
	struct directory *directory;
};

static bool call_follow(struct le *le, void *arg)
{
	struct call *c = le->data;
	const struct conf *fresh = arg;
	c->queue = conf_queue_by_id(fresh, c->queue->id);
	helio_assert(c->queue); /* removed ones were carried over */
	return false;
}

static int use_h(void *arg, const struct conf *fresh, char ret_why[256])
{
	struct node *n = arg;
	struct change c = {0};
	if (n->loading || n->returning.head) {
		snprintf(ret_why, 256, "its journal is still being read; again in a moment");
		return EAGAIN;
	}
	c.counts = node_metrics_counts(n, fresh);
	c.stats = conf_by_queue(n->conf, fresh, n->queue_stats, sizeof(*n->queue_stats));
	c.figures = node_wall_figures(n, fresh);
	c.agents = desk_agents_new(n->desk, fresh);
	int err = c.counts && c.stats && c.figures && c.agents ? 0 : ENOMEM;
	if (err)
		snprintf(ret_why, 256, "out of memory");
	if (!err)
		err = node_route_read(n, fresh, &c.directory, ret_why);
	if (!err)
		err = core_reconfigure(n, fresh, ret_why);
	if (err) {
		free(c.counts);
		free(c.stats);
		free(c.figures);
		desk_agents_free(c.agents);
		(void)directory_free(c.directory);
		return err;
	}
	node_metrics_counts_set(n, c.counts);
	free(n->queue_stats);
	n->queue_stats = c.stats;
	node_wall_conf(n, fresh, c.figures);
	(void)hash_apply(n->calls, call_follow, (void *)fresh);
	n->conf = fresh;
	n->skills_mark = conf_skills_mark(fresh);
	records_keep(n->records, fresh->keep_days);
	node_tasks_keep(n);
	node_route_set(n, c.directory);
	node_sounds_keep(n, fresh);
	calls_limits(n);
	desk_conf(n->desk, c.agents); /* its events let the core look at what is new, too */
	struct acd_event ev = {.type = ACD_EV_TIME};
	(void)node_event(n, &ev);
	return 0;
}

static int send_h(void *arg, uint16_t to, Envelope *env, const void *payload, size_t len)
{
	return node_mesh_send(arg, to, env, payload, len);
}

static bool ready_h(void *arg, const struct conf *conf)
{
	return node_sounds_ready(arg, conf) && node_route_ready(arg, conf);
}

static void prepare_h(void *arg, const struct conf *conf, const atomic_bool *stop)
{
	node_sounds_prepare(arg, conf, stop);
	if (!atomic_load(stop))
		node_route_prepare(arg, conf);
}

/* An agent whose name others may still show keeps it, without a password, until a restart. */
static bool keep_h(uint64_t agent, void *arg)
{
	(void)agent;
	(void)arg;
	return true;
}

static void tick_h(void *arg)
{
	struct node *n = arg;
	tmr_start(&n->tmr_live, LIVE_TICK_MS, tick_h, n);
	if (!n->loading && !n->returning.head)
		live_tick(n->live, mono_us());
}

static void signal_fd_h(int flags, void *arg)
{
	struct node *n = arg;
	struct signalfd_siginfo info;
	char why[256] = "";
	(void)flags;
	if (read(n->signal_fd, &info, sizeof(info)) == sizeof(info) &&
	    live_reload(n->live, mono_us(), why) == 0)
		log_info("config.reload", "done=%s", log_quote(why));
}

int node_config_signals(void)
{
	sigset_t hup;
	sigemptyset(&hup);
	sigaddset(&hup, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &hup, NULL))
		return -1;
	return signalfd(-1, &hup, SFD_CLOEXEC | SFD_NONBLOCK);
}

int node_config_open(struct node *n)
{
	const struct live_ops ops = {.send = send_h,
				     .use = use_h,
				     .ready = ready_h,
				     .prepare = prepare_h,
				     .keep_agent = keep_h,
				     .arg = n};
	tmr_init(&n->tmr_live);
	live_run(n->live, &ops);
	tmr_start(&n->tmr_live, LIVE_TICK_MS, tick_h, n);
	return n->signal_fd < 0 ? errno : fd_listen(n->signal_fd, FD_READ, signal_fd_h, n);
}

void node_config_close(struct node *n)
{
	const struct live_ops none = {0};
	tmr_cancel(&n->tmr_live);
	live_run(n->live, &none);
	if (n->signal_fd >= 0) {
		fd_close(n->signal_fd);
		(void)close(n->signal_fd);
	}
	n->signal_fd = -1;
}
