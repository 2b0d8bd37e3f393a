#include "nodes/neighbour/site.h"
#include "common/base/base.h"
#include "common/conf/conf.h"

#include <string.h>

static bool same_machine(const struct conf_daemon *a, const struct conf_daemon *b)
{
	return strcmp(a->mesh.host, b->mesh.host) == 0;
}

/* The i-th daemon of the site after x, in the order of the file, round and round. */
static const struct conf_daemon *after(const struct conf *conf, const struct conf_site *site,
				       const struct conf_daemon *x, uint32_t i)
{
	uint32_t own = (uint32_t)(x - conf->daemons) - site->first;
	return &conf->daemons[site->first + (own + i) % site->daemons_n];
}

const struct conf_daemon *neighbour_adopter(const struct conf *conf, const struct conf_daemon *x)
{
	const struct conf_site *site = conf_site_by_number(conf, addr_site(x->addr));
	if (x->role != CONF_NODE || !x->journal.port)
		return NULL;
	for (uint32_t i = 1; i < site->daemons_n; i++) {
		const struct conf_daemon *d = after(conf, site, x, i);
		if (d->role == CONF_NODE && d->journal.port &&
		    (d->journal.port != x->journal.port ||
		     strcmp(d->journal.host, x->journal.host) != 0))
			return d;
	}
	return NULL;
}

struct list {
	struct witness *at;
	uint32_t n;
	bool independent; /* one of them is */
	const struct conf_daemon *x, *adopter;
};

static void add(struct list *l, const struct conf_daemon *d)
{
	bool independent = !same_machine(d, l->x) && !same_machine(d, l->adopter);
	if (l->n == WITNESSES_MAX)
		return;
	l->at[l->n++] = (struct witness){d, independent};
	l->independent = l->independent || independent;
}

static void add_of_site(struct list *l, const struct conf *conf, const struct conf_site *site)
{
	uint32_t nodes = 0;
	for (uint32_t i = 0; i < site->daemons_n; i++)
		if (conf->daemons[site->first + i].role == CONF_BROKER)
			add(l, &conf->daemons[site->first + i]);
	for (uint32_t i = 1; i < site->daemons_n && nodes < WITNESS_NODES; i++) {
		const struct conf_daemon *d = after(conf, site, l->adopter, i);
		if (d->role != CONF_NODE || d == l->x)
			continue;
		add(l, d);
		nodes++;
	}
}

/* One broker of each of the next sites, so that the third place is another one for each pair. */
static void add_of_others(struct list *l, const struct conf *conf, const struct conf_site *own)
{
	uint32_t at = (uint32_t)(own - conf->sites), found = 0;
	for (uint32_t i = 1; i < conf->sites_n && found < WITNESS_SITES; i++) {
		const struct conf_site *site = &conf->sites[(at + i) % conf->sites_n];
		for (uint32_t k = 0; k < site->daemons_n; k++) {
			const struct conf_daemon *d = &conf->daemons[site->first + k];
			if (d->role != CONF_BROKER)
				continue;
			add(l, d);
			found++;
			break;
		}
	}
}

uint32_t neighbour_witnesses(const struct conf *conf, const struct conf_daemon *x,
			     struct witness ret[static WITNESSES_MAX])
{
	struct list l = {.at = ret, .x = x, .adopter = neighbour_adopter(conf, x)};
	const struct conf_site *site = conf_site_by_number(conf, addr_site(x->addr));
	if (!l.adopter)
		return 0;
	add_of_site(&l, conf, site);
	if (!l.independent)
		add_of_others(&l, conf, site);
	return l.n;
}
