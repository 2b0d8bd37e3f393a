/* drain, undrain: nodes are emptied, and somebody who waits for it sees how far it is. */
#include "deploy/helioctl/ctl.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/base.h"

enum { DRAIN_POLL_MS = 500, DRAIN_NODES_MAX = ADDR_NODE_MAX };

static bool opt_undo;
static uint32_t opt_wait_ms;

const struct ctl_option cmd_drain_options[] = {
    {"undo", NULL, CTL_FLAG, &opt_undo,
     "take calls and sign-ins again, as `helioctl undrain` does"},
    {"wait", "TIME", CTL_DURATION_MS, &opt_wait_ms,
     "show what is left, until nothing is; exit code 1 when TIME is over"},
    {NULL, NULL, CTL_FLAG, NULL, NULL},
};

/* One node, or all of a site at once. */
struct drain {
	const char *what; /* as the operator named it */
	const struct conf_daemon *node[DRAIN_NODES_MAX];
	uint32_t n;
};

struct left {
	int64_t calls;  /* callers whose call these nodes own */
	int64_t agents; /* their agents who talk, whoever owns their call */
	int64_t pages;  /* signed in there, and there is somewhere else to go */
};

static bool is_empty(const struct left *l)
{
	return !l->calls && !l->agents && !l->pages;
}

/* Agents of this node may be in calls of other nodes: those would be cut off as well. */
static int agents_busy(struct ctl *ctl, const char *name, int64_t *add)
{
	struct answers as;
	size_t i;
	json_t *o;
	int code = ask(ctl, ASK_NODES, name, "agents", NULL, &as);

	if (code == CTL_OK)
		json_array_foreach(json_object_get(as.list[0].reply, "agents"), i, o) *add +=
		    *json_text(o, "call") != '\0';
	else
		ctl_fail(code, NULL, "%s: %s", name, as.list[0].why);
	answers_free(&as);
	return code;
}

static int node_ask(struct ctl *ctl, const char *name, bool on, struct left *add)
{
	struct answers as;
	json_t *req = json_pack("{s:b}", "on", on);
	int code = ask(ctl, ASK_NODES, name, "drain", req, &as);

	json_decref(req);
	if (code != CTL_OK) {
		ctl_fail(code, NULL, "%s: %s", name, as.list[0].why);
	} else {
		add->calls += json_number(as.list[0].reply, "calls");
		add->pages += json_number(as.list[0].reply, "to_move");
	}
	answers_free(&as);
	if (code == CTL_OK && opt_wait_ms)
		code = agents_busy(ctl, name, &add->agents);
	return code;
}

/* All are asked, even if one does not answer: the worst of their codes. */
static int drain_ask(struct ctl *ctl, const struct drain *d, bool on, struct left *ret)
{
	int code = CTL_OK;

	*ret = (struct left){0};
	for (uint32_t i = 0; i < d->n; i++) {
		int one = node_ask(ctl, d->node[i]->name, on, ret);
		code = one > code ? one : code;
	}
	return code;
}

static void progress(struct ctl *ctl, const struct drain *d, const struct left *l,
		     uint64_t began_us)
{
	char took[24];

	if (ctl->json)
		return;
	fprintf(ctl->out, "%s%s: %lld calls live, %lld agents talking, %lld pages here, %s%s",
		ctl->colour ? "\r\033[K" : "", d->what, (long long)l->calls, (long long)l->agents,
		(long long)l->pages, duration_text(took, (int64_t)((mono_us() - began_us) / 1000)),
		ctl->colour ? "" : "\n");
	fflush(ctl->out);
}

static int drain_wait(struct ctl *ctl, const struct drain *d, struct left *l)
{
	const struct timespec pause = {.tv_nsec = DRAIN_POLL_MS * 1000000L};
	struct left shown = {-1, -1, -1};
	uint64_t began = mono_us(), until = began + (uint64_t)opt_wait_ms * 1000;
	int code = CTL_OK;

	while (code == CTL_OK) {
		/* Into a file, only what changed. */
		if (ctl->colour || shown.calls != l->calls || shown.agents != l->agents ||
		    shown.pages != l->pages)
			progress(ctl, d, l, began);
		shown = *l;
		if (is_empty(l))
			break;
		if (mono_us() >= until)
			return ctl_fail(CTL_UNHEALTHY,
					"it goes on draining: wait again, or `helioctl undrain`",
					"%s still has %lld calls, %lld agents talking and %lld "
					"pages",
					d->what, (long long)l->calls, (long long)l->agents,
					(long long)l->pages);
		nanosleep(&pause, NULL);
		code = drain_ask(ctl, d, true, l);
	}
	if (ctl->colour && !ctl->json)
		fputc('\n', ctl->out);
	return code;
}

static int drain_target(struct ctl *ctl, struct drain *ret)
{
	const char *name = ctl->argv[0];
	const struct conf_daemon *node = conf_daemon_by_name(ctl->conf, name);
	const struct conf_site *site = conf_site_by_name(ctl->conf, name);

	*ret = (struct drain){.what = name};
	if (node && node->role == CONF_NODE)
		ret->node[ret->n++] = node;
	for (uint32_t i = 0; !node && site && i < site->daemons_n; i++)
		if (ctl->conf->daemons[site->first + i].role == CONF_NODE &&
		    ret->n < DRAIN_NODES_MAX)
			ret->node[ret->n++] = &ctl->conf->daemons[site->first + i];
	if (!ret->n)
		return ctl_fail(CTL_USAGE, "`helioctl status` lists them",
				"no node and no site '%s'", name);
	return CTL_OK;
}

static int run(struct ctl *ctl, bool on)
{
	struct drain d;
	struct left l = {0};
	int code = drain_target(ctl, &d);

	if (code == CTL_OK)
		code = drain_ask(ctl, &d, on, &l);
	if (code == CTL_OK && opt_wait_ms)
		code = drain_wait(ctl, &d, &l);
	if (code != CTL_OK)
		return code;
	if (ctl->json)
		json_print(ctl, json_pack("{s:b, s:s, s:b, s:I, s:I}", "ok", 1, "node", d.what,
					  "draining", on, "calls", (json_int_t)l.calls, "pages",
					  (json_int_t)l.pages));
	else if (!on)
		fprintf(ctl->out, "%s takes calls and sign-ins again\n", d.what);
	else if (opt_wait_ms)
		fprintf(ctl->out, "%s is empty and may be stopped\n", d.what);
	else
		fprintf(ctl->out, "%s takes no new calls; %lld still live\n", d.what,
			(long long)l.calls);
	return CTL_OK;
}

int cmd_drain(struct ctl *ctl)
{
	if (opt_undo && opt_wait_ms)
		return ctl_fail(CTL_USAGE, "leave one of them out",
				"--undo has nothing to wait for");
	return run(ctl, !opt_undo);
}

int cmd_undrain(struct ctl *ctl)
{
	opt_wait_ms = 0;
	return run(ctl, false);
}
