/* agent force: a person decides an agent's state; the node that has the session does it. */
#include "deploy/helioctl/ctl.h"

#include <string.h>

int cmd_agent_force(struct ctl *ctl)
{
	const char *name = ctl->argv[0], *what = ctl->argv[1], *why = NULL;
	struct answers as;
	bool done = false;
	int code;

	if (!conf_agent_by_name(ctl->conf, name))
		return ctl_fail(CTL_USAGE, "`helioctl agent list` shows them", "no agent '%s'",
				name);
	if (strcmp(what, "ready") != 0 && strcmp(what, "not-ready") != 0 &&
	    strcmp(what, "release") != 0)
		return ctl_fail(CTL_USAGE, "ready, not-ready or release", "'%s' is no state", what);
	json_t *req = json_pack("{s:s, s:s}", "agent", name, "what", what);
	ask(ctl, ASK_NODES, NULL, "force", req, &as);
	for (uint32_t i = 0; i < as.n; i++) {
		const json_t *r = as.list[i].reply;
		if (!json_is_true(json_object_get(r, "here")))
			continue;
		done = done || json_is_true(json_object_get(r, "done"));
		why = json_text(r, "why");
	}
	if (!as.answered)
		code = CTL_SILENT;
	else if (done)
		code = CTL_OK;
	else
		code = ctl_fail(CTL_UNHEALTHY, why ? NULL : "`helioctl agents` shows who is",
				"%s: %s", name, why ? why : "not signed in at a node that answers");
	if (ctl->json)
		answers_json_print(ctl, &as, "forced",
				   done ? json_pack("[s]", name) : json_array());
	else if (done)
		fprintf(ctl->out, "%s: %s\n", name, what);
	if (!ctl->json)
		answers_silent_print(ctl, &as);
	json_decref(req);
	answers_free(&as);
	return code;
}
