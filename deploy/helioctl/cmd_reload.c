/* reload: the daemons that can be asked from here read their files again. */
#include "deploy/helioctl/ctl.h"

#include <string.h>

int cmd_reload(struct ctl *ctl)
{
	struct answers as;

	if (ctl->argc && !conf_daemon_by_name(ctl->conf, ctl->argv[0]))
		return ctl_fail(CTL_USAGE, "`helioctl status` lists them", "no daemon '%s'",
				ctl->argv[0]);
	int code = ask(ctl, ASK_ALL, ctl->argc ? ctl->argv[0] : NULL, "reload", NULL, &as);
	if (ctl->json) {
		json_t *list = json_array();
		for (uint32_t i = 0; i < as.n; i++)
			if (as.list[i].reply)
				json_array_append_new(
				    list,
				    json_pack("{s:s, s:s, s:O}", "name", as.list[i].d->name, "done",
					      json_text(as.list[i].reply, "done"), "config",
					      json_object_get(as.list[i].reply, "config")));
		answers_json_print(ctl, &as, "daemons", list);
	} else {
		for (uint32_t i = 0; i < as.n; i++)
			if (as.list[i].reply)
				fprintf(ctl->out, "%s: %s\n", as.list[i].d->name,
					json_text(as.list[i].reply, "done"));
		answers_silent_print(ctl, &as);
	}
	answers_free(&as);
	return code;
}
