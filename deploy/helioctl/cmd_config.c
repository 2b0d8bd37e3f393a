#include "deploy/helioctl/ctl.h"
#include "common/directory/directory.h"

#include <string.h>

#include "common/base/base.h"

int cmd_config_check(struct ctl *ctl)
{
	const char *file = ctl->argc ? ctl->argv[0] : ctl->config;
	struct conf *c = NULL;
	int err = conf_load(&c, file, stderr);

	uint32_t customers = 0;
	if (!err && *c->directory_file) {
		struct directory *d = NULL;
		err = directory_load(&d, c->directory_file, c, stderr);
		customers = directory_rows(d);
		directory_free(d);
	}
	if (ctl->json)
		json_print(ctl, json_pack("{s:b, s:s, s:I}", "ok", !err, "file", file, "customers",
					  (json_int_t)customers));
	if (err) {
		if (!ctl->json)
			fprintf(ctl->out, "%s is not usable: mend what is listed above\n", file);
		conf_free(c);
		return CTL_UNHEALTHY;
	}
	if (!ctl->json && customers)
		fprintf(ctl->out, "%s: %u customers\n", c->directory_file, customers);
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

/* ---- list: what scripts need to know of a configuration ---------------------------------- */

static json_t *daemon_row(const struct conf *c, const struct conf_daemon *d)
{
	static const char *const roles[] = {
	    [CONF_NODE] = "node", [CONF_BROKER] = "broker", [CONF_GATEWAY] = "gateway"};
	const struct conf_site *site = conf_site_by_number(c, addr_site(d->addr));
	char ports[192];
	int n = snprintf(ports, sizeof(ports), "id=%u.%u,mesh=%u", addr_site(d->addr),
			 addr_ordinal(d->addr), d->mesh.port);

	if (d->admin_port)
		n += snprintf(ports + n, sizeof(ports) - (size_t)n, ",admin=%u", d->admin_port);
	if (d->metrics_port)
		n += snprintf(ports + n, sizeof(ports) - (size_t)n, ",metrics=%u", d->metrics_port);
	if (d->role == CONF_NODE)
		n += snprintf(ports + n, sizeof(ports) - (size_t)n, ",sip=%u,media=%u-%u",
			      d->sip_port, d->media_port_min, d->media_port_max);
	if (d->role == CONF_NODE && d->journal.port)
		n += snprintf(ports + n, sizeof(ports) - (size_t)n, ",journal=%s:%u",
			      d->journal.host, d->journal.port);
	if (d->role == CONF_GATEWAY)
		snprintf(ports + n, sizeof(ports) - (size_t)n, ",http=%u%s", d->http_port,
			 d->tls_cert[0] ? ",tls=on" : "");
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", d->name, "role", roles[d->role],
			 "site", site->name, "address", d->bind, "ports", ports);
}

static void redis_row(json_t *list, const char *role, const struct conf_endpoint *e, uint32_t i)
{
	char name[24], ports[24];

	snprintf(name, sizeof(name), "%s-%u", role, i + 1);
	snprintf(ports, sizeof(ports), "redis=%u", e->port);
	json_array_append_new(list,
			      json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", name, "role", role,
					"site", "-", "address", e->host, "ports", ports));
}

/* Behind tunnels the servers are what Sentinel calls them; else those of the list. */
static void presence_rows(json_t *list, const struct conf_redis *r)
{
	for (uint32_t k = 0; k < r->n; k++)
		redis_row(list, "presence", &r->at[k], k);
	for (uint32_t k = 0; !r->n && k < r->tunnels_n; k++)
		redis_row(list, "presence", &r->tunnels[k].from, k);
	for (uint32_t k = 0; k < r->sentinels_n; k++)
		redis_row(list, "sentinel", &r->sentinels[k], k);
}

/* Carriers, as a firewall takes them; without this machine, which is none. */
static json_t *trunks(const struct conf *c)
{
	json_t *list = json_array();

	for (uint32_t k = 0; k < c->trunks_n; k++) {
		const struct conf_trunk *t = &c->trunks[k];
		if (t->ip4 >> 24 != 127)
			json_array_append_new(list, json_sprintf("%u.%u.%u.%u/%d", t->ip4 >> 24,
								 t->ip4 >> 16 & 255,
								 t->ip4 >> 8 & 255, t->ip4 & 255,
								 __builtin_popcount(t->mask)));
	}
	return list;
}

int cmd_config_list(struct ctl *ctl)
{
	static const char *const heads[] = {"NAME", "ROLE", "SITE", "ADDRESS", "PORTS", NULL};
	static const char *const keys[] = {"name", "role", "site", "address", "ports"};
	const char *file = ctl->argc ? ctl->argv[0] : ctl->config;
	struct conf *c = NULL;
	json_t *list = json_array(), *o;
	size_t i;

	if (conf_load(&c, file, stderr)) {
		json_decref(list);
		return ctl_fail(CTL_UNHEALTHY, "mend what is listed above", "%s is not usable",
				file);
	}
	for (uint32_t k = 0; k < c->daemons_n; k++)
		json_array_append_new(list, daemon_row(c, &c->daemons[k]));
	presence_rows(list, &c->presence);
	if (ctl->json) {
		json_print(ctl,
			   json_pack("{s:b, s:s, s:s, s:o, s:o}", "ok", 1, "cluster", c->cluster,
				     "keys", c->keys_dir, "trunks", trunks(c), "list", list));
	} else {
		struct table *t = table_new(heads);
		json_array_foreach(list, i, o) for (size_t k = 0; k < HELIO_ARRAY_LEN(keys); k++)
		    table_cell(t, STYLE_NONE, "%s", json_text(o, keys[k]));
		table_print(t, ctl->out, ctl->colour);
		json_decref(list);
	}
	conf_free(c);
	return CTL_OK;
}
