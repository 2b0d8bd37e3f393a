/*
 * The doors of the cluster: where browsers reach each of its gateways. A page is served by one
 * gateway and must not depend on it: it is told of others, may connect to them, and they know it as
 * one of ours.
 */
#include "common/base/base.h"
#include "common/conf/conf.h"
#include "gateway/gateway.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Beyond the own one. A page tries them in turn, 2.5 s each at worst; more would not be reached. */
enum { DOORS_MAX = 6 };

void gw_door_origin(const struct conf_daemon *d, char ret[GW_ORIGIN_MAX])
{
	bool tls = d->tls_cert[0] != '\0';
	snprintf(ret, GW_ORIGIN_MAX, "http%s://%s:%u", tls ? "s" : "", d->mesh.host, d->http_port);
	if (d->http_port == (tls ? 443 : 80))
		*strrchr(ret, ':') = '\0'; /* as a browser writes it */
}

/* Where it has public names, its address may not be meant for browsers. */
static void door(const struct conf_daemon *d, char ret[GW_ORIGIN_MAX])
{
	if (d->origins_n)
		(void)str_copy(ret, GW_ORIGIN_MAX, d->origins[0]);
	else
		gw_door_origin(d, ret);
}

bool gw_door_known(const struct conf *conf, const char *origin)
{
	char own[GW_ORIGIN_MAX];
	for (uint32_t i = 0; origin && i < conf->daemons_n; i++) {
		const struct conf_daemon *d = &conf->daemons[i];
		if (d->role != CONF_GATEWAY)
			continue;
		gw_door_origin(d, own);
		if (strcasecmp(own, origin) == 0)
			return true;
		for (uint32_t k = 0; k < d->origins_n; k++)
			if (strcasecmp(d->origins[k], origin) == 0)
				return true;
	}
	return false;
}

static bool there(const json_t *doors, const char *url)
{
	for (size_t i = 0; i < json_array_size(doors); i++)
		if (strcmp(json_string_value(json_array_get(doors, i)), url) == 0)
			return true;
	return false;
}

/* http://… → ws://…, https://… → wss://… */
static void add(json_t *doors, const struct conf_daemon *d)
{
	char origin[GW_ORIGIN_MAX], url[GW_ORIGIN_MAX + 2];
	door(d, origin);
	if (strncmp(origin, "http", 4) != 0)
		return;
	snprintf(url, sizeof(url), "ws%s", origin + 4);
	if (json_array_size(doors) < DOORS_MAX && !there(doors, url))
		json_array_append_new(doors, json_string(url));
}

json_t *gw_doors(const struct conf *conf, const struct conf_daemon *self)
{
	json_t *doors = json_array();
	for (int near = 1; near >= 0; near--)
		for (uint32_t i = 0; i < conf->daemons_n; i++) {
			const struct conf_daemon *d = &conf->daemons[i];
			if (d->role == CONF_GATEWAY && d != self &&
			    (addr_site(d->addr) == addr_site(self->addr)) == (near == 1))
				add(doors, d);
		}
	return doors;
}
