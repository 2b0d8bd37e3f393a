/* Redis: presence, its Sentinels and tunnels, the login of the journals. */
#include "common/conf/options.h"

#include <string.h>

/* Half a login would connect without AUTH, or never be told why it is refused. */
static void login_check(struct reader *r, const struct yaml_node *at, const struct conf_login *l)
{
	if (!*l->user != !*l->password_file)
		bad(r, at, "both or neither", *l->user ? "add password_file:" : "add user:",
		    "user: and password_file: belong together");
}

void read_presence(struct reader *r, const struct yaml_node *v, void *base)
{
	struct conf_redis *p = &((struct conf *)base)->presence;

	section_read(r, SECTION_PRESENCE, v, v, p);
	login_check(r, v, &p->login);
	if (p->tunnels_n && !p->sentinels_n)
		bad(r, v, "tunnels: with sentinels:", "list the tunnel's own end in redis: instead",
		    "tunnels: says how to reach what Sentinel announces, and there is no Sentinel");
}

void read_journal(struct reader *r, const struct yaml_node *v, void *base)
{
	struct conf_login *l = &((struct conf *)base)->journal_login;

	section_read(r, SECTION_JOURNAL, v, v, l);
	login_check(r, v, l);
}

static void servers_read(struct reader *r, const struct yaml_node *v,
			 struct conf_endpoint at[CONF_REDIS_MAX], uint32_t *n)
{
	static const struct option endpoint = {.key = "redis", .type = OPT_ENDPOINT};

	if (!list_check(r, v, "a list of at most 8 IPv4:port"))
		return;
	for (const struct yaml_node *i = v->child; i; i = i->next) {
		if (*n == CONF_REDIS_MAX) {
			bad(r, i, "at most 8 servers", NULL, "too many");
			return;
		}
		if (value_read(r, &endpoint, i, &at[*n]))
			++*n;
	}
}

void read_redis(struct reader *r, const struct yaml_node *v, void *base)
{
	struct conf_redis *redis = base;

	servers_read(r, v, redis->at, &redis->n);
}

void read_sentinels(struct reader *r, const struct yaml_node *v, void *base)
{
	struct conf_redis *redis = base;

	servers_read(r, v, redis->sentinels, &redis->sentinels_n);
}

static bool tunnel_is_free(struct reader *r, const struct conf_redis *redis,
			   const struct yaml_node *key, const struct conf_endpoint *from)
{
	for (uint32_t i = 0; i < redis->tunnels_n; i++) {
		const struct conf_endpoint *e = &redis->tunnels[i].from;
		if (e->port == from->port && !strcmp(e->host, from->host)) {
			bad(r, key, "each address once", "remove one of them",
			    "this address is given twice");
			return false;
		}
	}
	return true;
}

void read_tunnels(struct reader *r, const struct yaml_node *v, void *base)
{
	static const struct option end = {.key = "tunnels", .type = OPT_ENDPOINT};
	struct conf_redis *redis = base;

	if (!map_check(r, v, "\"IPv4:port\": IPv4:port, at most 32"))
		return;
	for (const struct yaml_node *k = v->child; k; k = k->next->next) {
		struct conf_tunnel t = {0};
		if (redis->tunnels_n == CONF_TUNNELS_MAX) {
			bad(r, k, "at most 32 tunnels", NULL, "too many");
			return;
		}
		if (value_read(r, &end, k, &t.from) && value_read(r, &end, k->next, &t.to) &&
		    tunnel_is_free(r, redis, k, &t.from))
			redis->tunnels[redis->tunnels_n++] = t;
	}
}
