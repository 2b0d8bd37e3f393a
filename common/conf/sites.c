/* sites: and their daemons. */
#include "common/conf/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

void read_languages(struct reader *r, const struct yaml_node *v, void *base)
{
	static const struct option language = {.key = "languages", .type = OPT_LANGUAGE};
	struct conf_site *site = base;

	if (!list_check(r, v, "a list of at most 8 language codes, such as [nb, en]"))
		return;
	for (const struct yaml_node *i = v->child; i; i = i->next) {
		if (site->languages_n == HELIO_ARRAY_LEN(site->languages)) {
			bad(r, i, "at most 8 languages", NULL, "too many");
			return;
		}
		if (value_read(r, &language, i, site->languages[site->languages_n]))
			site->languages_n++;
	}
}

void read_tls(struct reader *r, const struct yaml_node *v, void *base)
{
	if (v)
		section_read(r, SECTION_TLS, v, v, base);
}

void read_origins(struct reader *r, const struct yaml_node *v, void *base)
{
	static const char allowed[] = "a list of at most 4 origins, such as "
				      "[https://desk.example.com]";
	struct conf_daemon *d = &((struct raw_daemon *)base)->d;
	char q[64];

	if (!list_check(r, v, allowed))
		return;
	for (const struct yaml_node *i = v->child; i; i = i->next) {
		const char *host = !strncmp(i->text, "https://", 8)  ? i->text + 8
				   : !strncmp(i->text, "http://", 7) ? i->text + 7
								     : NULL;
		if (d->origins_n == HELIO_ARRAY_LEN(d->origins)) {
			bad(r, i, allowed, NULL, "too many");
			return;
		}
		if (!host || !*host || strlen(i->text) >= sizeof(d->origins[0]) ||
		    strpbrk(host, "/ \t\r\n\"'"))
			bad(r, i, allowed, "scheme and host only, without a path",
			    "%s is not an origin", problem_quote(q, sizeof(q), i->text));
		else
			str_copy(d->origins[d->origins_n++], sizeof(d->origins[0]), i->text);
	}
}

static bool daemon_name_is_free(struct reader *r, const struct yaml_node *key)
{
	for (uint32_t i = 0; i < r->conf->daemons_n; i++)
		if (!strcmp(r->daemons[i].key->text, key->text)) {
			bad(r, key, "names that differ in the whole cluster", "rename one of them",
			    "this name is given twice; first on line %d", r->daemons[i].key->line);
			return false;
		}
	return true;
}

static void daemon_read(struct reader *r, enum section s, enum conf_role role,
			const struct yaml_node *key, const struct yaml_node *map)
{
	struct conf *c = r->conf;
	struct raw_daemon *raw;

	if (c->daemons_n == r->daemons_size) {
		uint32_t size = r->daemons_size ? 2 * r->daemons_size : 64;
		raw = realloc(r->daemons, size * sizeof(*raw));
		if (!raw) {
			r->no_memory = true;
			return;
		}
		r->daemons = raw;
		r->daemons_size = size;
	}
	raw = &r->daemons[c->daemons_n];
	memset(raw, 0, sizeof(*raw));
	raw->key = key;
	raw->map = map;
	raw->d.role = role;
	str_copy(raw->d.name, sizeof(raw->d.name), key->text);
	section_read(r, s, key, map, raw);
	str_copy(raw->d.mesh.host, sizeof(raw->d.mesh.host), raw->d.bind);
	if (role == CONF_NODE && !*raw->d.advertise)
		str_copy(raw->d.advertise, sizeof(raw->d.advertise), raw->d.bind);
	raw->d.addr = addr_make(c->sites[r->site].number, raw->ordinal);
	c->daemons_n++;
	c->sites[r->site].daemons_n++;
}

static void daemons_read(struct reader *r, const struct yaml_node *v, enum section s,
			 enum conf_role role, unsigned max)
{
	char name[CONF_NAME_SIZE];
	unsigned n = 0;

	if (!map_check(r, v, "names, each with its options"))
		return;
	for (const struct yaml_node *k = v->child; k; k = k->next->next) {
		size_t back = path_enter(r, k->kind == YAML_SCALAR ? k->text : "?");
		if (n++ == max) {
			char allowed[32];
			snprintf(allowed, sizeof(allowed), "at most %u a site", max);
			bad(r, k, allowed, NULL, "too many");
			path_back(r, back);
			return;
		}
		if (name_read(r, k, name) && daemon_name_is_free(r, k))
			daemon_read(r, s, role, k, k->next);
		path_back(r, back);
	}
}

void read_brokers(struct reader *r, const struct yaml_node *v, void *base)
{
	(void)base;
	daemons_read(r, v, SECTION_BROKER, CONF_BROKER, 4); /* ACD_BROKERS_PER_SITE_MAX */
}

void read_nodes(struct reader *r, const struct yaml_node *v, void *base)
{
	(void)base;
	daemons_read(r, v, SECTION_NODE, CONF_NODE, 63);
}

void read_gateways(struct reader *r, const struct yaml_node *v, void *base)
{
	(void)base;
	daemons_read(r, v, SECTION_GATEWAY, CONF_GATEWAY, 32);
}

void read_sites(struct reader *r, const struct yaml_node *v, void *base)
{
	struct conf *c = base;
	char name[CONF_NAME_SIZE];

	if (!map_check(r, v, "site names, each with its options"))
		return;
	for (const struct yaml_node *k = v->child; k; k = k->next->next) {
		size_t back = path_enter(r, k->kind == YAML_SCALAR ? k->text : "?");
		if (c->sites_n == CONF_SITES_MAX) {
			bad(r, k, "at most 64 sites", NULL, "too many");
			path_back(r, back);
			return;
		}
		if (name_read(r, k, name) && key_is_free(r, k, r->site_keys, c->sites_n)) {
			struct conf_site *site = &c->sites[c->sites_n];
			r->site = c->sites_n;
			r->site_keys[c->sites_n] = k;
			str_copy(site->name, sizeof(site->name), name);
			site->first = c->daemons_n;
			section_read(r, SECTION_SITE, k, k->next, site);
			c->sites_n++;
		}
		path_back(r, back);
	}
}
