/* drain: a node is emptied, and somebody who waits for it sees how far it is. */
#include "deploy/helioctl/ctl.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/base.h"

enum { DRAIN_POLL_MS = 500 };

static bool opt_undo;
static uint32_t opt_wait_ms;

const struct ctl_option cmd_drain_options[] = {
    {"undo", NULL, CTL_FLAG, &opt_undo, "take calls and sign-ins again"},
    {"wait", "TIME", CTL_DURATION_MS, &opt_wait_ms,
     "show how many calls are left, until none is; exit code 1 when TIME is over"},
    {NULL, NULL, CTL_FLAG, NULL, NULL},
};

struct left {
	int64_t calls;  /* callers whose call this node owns */
	int64_t agents; /* its agents who talk, whoever owns their call */
};

/* Agents of this node may be in calls of other nodes: those would be cut off as well. */
static int agents_busy(struct ctl *ctl, const char *name, int64_t *ret)
{
	struct answers as;
	size_t i;
	json_t *o;
	int code = ask(ctl, ASK_NODES, name, "agents", NULL, &as);

	*ret = 0;
	if (code == CTL_OK)
		json_array_foreach(json_object_get(as.list[0].reply, "agents"), i, o) *ret +=
		    *json_text(o, "call") != '\0';
	else
		ctl_fail(code, NULL, "%s: %s", name, as.list[0].why);
	answers_free(&as);
	return code;
}

static int drain_ask(struct ctl *ctl, const char *name, bool on, struct left *ret)
{
	struct answers as;
	json_t *req = json_pack("{s:b}", "on", on);
	int code = ask(ctl, ASK_NODES, name, "drain", req, &as);

	json_decref(req);
	if (code != CTL_OK)
		ctl_fail(code, NULL, "%s: %s", name, as.list[0].why);
	else
		ret->calls = json_number(as.list[0].reply, "calls");
	answers_free(&as);
	if (code == CTL_OK && opt_wait_ms)
		code = agents_busy(ctl, name, &ret->agents);
	return code;
}

static void progress(struct ctl *ctl, const char *name, const struct left *l, uint64_t began_us)
{
	char took[24];

	if (ctl->json)
		return;
	fprintf(ctl->out, "%s%s: %lld calls live, %lld agents talking, %s%s",
		ctl->colour ? "\r\033[K" : "", name, (long long)l->calls, (long long)l->agents,
		duration_text(took, (int64_t)((mono_us() - began_us) / 1000)),
		ctl->colour ? "" : "\n");
	fflush(ctl->out);
}

static int drain_wait(struct ctl *ctl, const char *name, struct left *l)
{
	const struct timespec pause = {.tv_nsec = DRAIN_POLL_MS * 1000000L};
	struct left shown = {-1, -1};
	uint64_t began = mono_us(), until = began + (uint64_t)opt_wait_ms * 1000;
	int code = CTL_OK;

	while (code == CTL_OK) {
		/* Into a file, only what changed. */
		if (ctl->colour || shown.calls != l->calls || shown.agents != l->agents)
			progress(ctl, name, l, began);
		shown = *l;
		if (!l->calls && !l->agents)
			break;
		if (mono_us() >= until)
			return ctl_fail(CTL_UNHEALTHY,
					"it goes on draining: wait again, or `helioctl drain NAME "
					"--undo`",
					"%s still has %lld calls and %lld agents talking", name,
					(long long)l->calls, (long long)l->agents);
		nanosleep(&pause, NULL);
		code = drain_ask(ctl, name, true, l);
	}
	if (ctl->colour && !ctl->json)
		fputc('\n', ctl->out);
	return code;
}

int cmd_drain(struct ctl *ctl)
{
	const struct conf_daemon *d = conf_daemon_by_name(ctl->conf, ctl->argv[0]);
	struct left l = {0};

	if (!d || d->role != CONF_NODE)
		return ctl_fail(CTL_USAGE, "`helioctl status` lists them", "no node '%s'",
				ctl->argv[0]);
	if (opt_undo && opt_wait_ms)
		return ctl_fail(CTL_USAGE, "leave one of them out",
				"--undo has nothing to wait for");
	int code = drain_ask(ctl, d->name, !opt_undo, &l);
	if (code == CTL_OK && opt_wait_ms)
		code = drain_wait(ctl, d->name, &l);
	if (code != CTL_OK)
		return code;
	if (ctl->json)
		json_print(ctl, json_pack("{s:b, s:s, s:b, s:I}", "ok", 1, "node", d->name,
					  "draining", !opt_undo, "calls", (json_int_t)l.calls));
	else if (opt_undo)
		fprintf(ctl->out, "%s takes calls and sign-ins again\n", d->name);
	else if (opt_wait_ms)
		fprintf(ctl->out, "%s is empty and may be stopped\n", d->name);
	else
		fprintf(ctl->out, "%s takes no new calls; %lld still live\n", d->name,
			(long long)l.calls);
	return CTL_OK;
}
