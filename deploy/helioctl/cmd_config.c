#include "deploy/helioctl/ctl.h"

#include <string.h>

int cmd_config_check(struct ctl *ctl)
{
	const char *file = ctl->argc ? ctl->argv[0] : ctl->config;
	struct conf *c = NULL;
	int err = conf_load(&c, file, stderr);

	if (ctl->json)
		json_print(ctl, json_pack("{s:b, s:s}", "ok", !err, "file", file));
	if (err) {
		if (!ctl->json)
			fprintf(ctl->out, "%s is not usable: mend what is listed above\n", file);
		return CTL_UNHEALTHY;
	}
	if (!ctl->json)
		fprintf(ctl->out,
			"%s is fine: %u sites, %u daemons, %u queues, %u skills, %u agents\n", file,
			c->sites_n, c->daemons_n, c->queues_n, c->skills_n, c->agents_n);
	conf_free(c);
	return CTL_OK;
}

int cmd_config_options(struct ctl *ctl)
{
	conf_options_print(ctl->out);
	return CTL_OK;
}
