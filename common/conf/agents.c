/* agents.yaml: who may sign in. */
#include "common/conf/options.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

static const char *site_at(size_t i, const void *arg)
{
	return ((const struct conf *)arg)->sites[i].name;
}

void read_agent_skills(struct reader *r, const struct yaml_node *v, void *base)
{
	struct conf_agent *a = &((struct raw_agent *)base)->a;

	a->skills = skills_read(r, v, &a->levels);
}

static void site_resolve(struct reader *r, struct raw_agent *raw)
{
	const struct conf_site *site = conf_site_by_name(r->conf, raw->site);
	const struct yaml_node *v = yaml_value(raw->map, "site");
	char remedy[96], q[48];

	if (site) {
		raw->a.site = site->number;
		return;
	}
	if (!*raw->site)
		return; /* missing or no name at all: reported already */
	size_t back = path_enter(r, "site");
	bad(r, v, "a site of the cluster file",
	    did_you_mean(remedy, sizeof(remedy),
			 near_find(raw->site, r->conf->sites_n, site_at, r->conf),
			 "add it to sites:"),
	    "unknown site %s", problem_quote(q, sizeof(q), raw->site));
	path_back(r, back);
}

static struct raw_agent *agent_new(struct reader *r)
{
	struct conf *c = r->conf;

	if (c->agents_n == r->agents_size) {
		uint32_t size = r->agents_size ? 2 * r->agents_size : 64;
		struct raw_agent *list = realloc(r->agents, size * sizeof(*list));
		if (!list) {
			r->no_memory = true;
			return NULL;
		}
		r->agents = list;
		r->agents_size = size;
	}
	struct raw_agent *raw = &r->agents[c->agents_n++];
	memset(raw, 0, sizeof(*raw));
	return raw;
}

void read_agents(struct reader *r, const struct yaml_node *v, void *base)
{
	struct conf *c = r->conf;
	char name[CONF_NAME_SIZE];

	(void)base;
	if (!v)
		return;
	if (v->kind != YAML_MAP) {
		bad(r, v, "login names, each with its options", NULL, "a map is needed here");
		return;
	}
	for (const struct yaml_node *k = v->child; k && !r->no_memory; k = k->next->next) {
		struct raw_agent *raw = NULL;
		size_t back = path_enter(r, k->kind == YAML_SCALAR ? k->text : "?");
		if (c->agents_n == CONF_AGENTS_MAX)
			bad(r, k, "at most 100000 agents", NULL, "too many");
		else if (name_read(r, k, name))
			raw = agent_new(r);
		if (raw) {
			raw->key = k;
			raw->map = k->next;
			str_copy(raw->a.name, sizeof(raw->a.name), name);
			raw->a.id = hash_str(name);
			section_read(r, SECTION_AGENT, k, k->next, raw);
			site_resolve(r, raw);
			if (!*raw->a.display)
				str_copy(raw->a.display, sizeof(raw->a.display), name);
		}
		path_back(r, back);
		if (c->agents_n == CONF_AGENTS_MAX && !raw)
			return;
	}
}
