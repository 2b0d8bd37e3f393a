/* `helio-keys from-config`: what every daemon of a configuration needs and does not have yet. */
#include "deploy/keys/keys.h"

#include "common/base/base.h"
#include "common/conf/conf.h"

#include <stdio.h>

static const char *role_name(enum conf_role role)
{
	switch (role) {
	case CONF_NODE: return "node";
	case CONF_BROKER: return "broker";
	case CONF_GATEWAY: return "gateway";
	}
	helio_assert_fail("role of conf.h is known", __FILE__, __LINE__, __func__);
}

static int make_all(struct keys *k, const struct conf *conf, unsigned days)
{
	if (keys_init(k, conf->cluster))
		return 1;
	for (uint32_t i = 0; i < conf->sites_n; i++) {
		const struct conf_site *site = &conf->sites[i];
		if (keys_site(k, site->name))
			return 1;
		for (uint32_t j = 0; j < site->daemons_n; j++) {
			const struct conf_daemon *d = &conf->daemons[site->first + j];
			struct keys_daemon want = {
			    .name = d->name,
			    .site = site->name,
			    .role = role_name(d->role),
			    .addr = d->addr,
			    .days = days,
			};
			if (keys_daemon(k, &want))
				return 1;
		}
	}
	return 0;
}

int keys_from_config(struct keys *k, const char *file, unsigned days)
{
	struct conf *conf = NULL;
	/* A whole cluster's keys are not replaced by one word; a piece is, by its own command. */
	if (k->force)
		return keys_error("replace one piece: helio-keys init|site|daemon … --force; "
				  "--renew signs all certificates anew",
				  "from-config only completes, it never replaces");
	if (conf_load(&conf, file, stderr))
		return keys_error("mend what is named above, or check the path",
				  "%s cannot be used", file);
	k->dir = conf->keys_dir;
	k->brief = true;
	int err = make_all(k, conf, days);
	if (!err)
		printf("cluster %s: %u made, %u kept, in %s\n", conf->cluster, k->made, k->kept,
		       k->dir);
	conf_free(conf);
	return err;
}
