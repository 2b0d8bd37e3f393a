/* config targets: where Prometheus finds every daemon, in the form of its file_sd_config. */
#include "deploy/helioctl/ctl.h"

#include <string.h>

int cmd_config_targets(struct ctl *ctl)
{
	static const char *const roles[] = {
	    [CONF_NODE] = "node", [CONF_BROKER] = "broker", [CONF_GATEWAY] = "gateway"};
	const struct conf *c = ctl->conf;
	json_t *list = json_array();
	for (uint32_t s = 0; s < c->sites_n; s++) {
		const struct conf_site *site = &c->sites[s];
		for (uint32_t i = 0; i < site->daemons_n; i++) {
			const struct conf_daemon *d = &c->daemons[site->first + i];
			char at[CONF_HOST_SIZE + 8];
			if (!d->metrics_port || (ctl->site && strcmp(ctl->site, site->name) != 0))
				continue;
			snprintf(at, sizeof(at), "%s:%u", d->mesh.host, d->metrics_port);
			json_array_append_new(
			    list, json_pack("{s:[s], s:{s:s, s:s, s:s, s:s}}", "targets", at,
					    "labels", "cluster", c->cluster, "site", site->name,
					    "daemon", d->name, "role", roles[d->role]));
		}
	}
	if (!json_array_size(list)) {
		json_decref(list);
		return ctl_fail(CTL_UNHEALTHY,
				"add metrics: PORT to the daemons of the cluster file",
				"no daemon has a metrics port");
	}
	json_print(ctl, list);
	return CTL_OK;
}
