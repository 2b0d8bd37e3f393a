/* Names and places of the lab. Pure. */
#include "chaos/lab/lab.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "common/base/base.h"

static const char *const sites[LAB_SITES] = {"oslo", "manila", "bogota"};
static const char *const machines[LAB_MACHINES] = {"oslo1",   "oslo2",   "manila1",
						   "manila2", "bogota1", "bogota2"};
static const char *const ips[LAB_MACHINES] = {"10.1.0.1", "10.1.0.2", "10.2.0.1",
					      "10.2.0.2", "10.3.0.1", "10.3.0.2"};

const char *lab_site_name(uint32_t site)
{
	helio_assert(site < LAB_SITES);
	return sites[site];
}

const char *lab_machine_name(uint32_t m)
{
	helio_assert(m < LAB_MACHINES);
	return machines[m];
}

const char *lab_machine_ip(uint32_t m)
{
	helio_assert(m < LAB_MACHINES);
	return ips[m];
}

int lab_machine_find(const char *name)
{
	for (int i = 0; i < LAB_MACHINES; i++)
		if (strcmp(machines[i], name) == 0)
			return i;
	return -1;
}

int lab_site_find(const char *name)
{
	for (int i = 0; i < LAB_SITES; i++)
		if (strcmp(sites[i], name) == 0)
			return i;
	return -1;
}

uint32_t lab_agent_first(const struct lab_conf *c, uint32_t site, uint32_t *ret_n)
{
	uint32_t from = c->agents * site / LAB_SITES, to = c->agents * (site + 1) / LAB_SITES;
	*ret_n = to - from;
	return from + 1;
}

uint32_t lab_agent_site(const struct lab_conf *c, uint32_t i)
{
	uint32_t site = 0, n;
	while (site + 1 < LAB_SITES && lab_agent_first(c, site + 1, &n) <= i)
		site++;
	return site;
}

bool lab_proc_known(const char *pattern)
{
	for (uint32_t m = 0; m < LAB_MACHINES; m++) {
		const char *site = sites[lab_machine_site(m)], *machine = machines[m];
		uint32_t n = m % LAB_PER_SITE + 1;
		char name[6][LAB_NAME_SIZE];
		snprintf(name[0], LAB_NAME_SIZE, "%s", machine);
		snprintf(name[1], LAB_NAME_SIZE, "%s-b%u", site, n);
		snprintf(name[2], LAB_NAME_SIZE, "%s-g%u", site, n);
		snprintf(name[3], LAB_NAME_SIZE, "journal-%s", machine);
		snprintf(name[4], LAB_NAME_SIZE, "presence-%s", site);
		snprintf(name[5], LAB_NAME_SIZE, "sentinel-%s", site);
		for (size_t i = 0; i < HELIO_ARRAY_LEN(name); i++)
			if (fnmatch(pattern, name[i], 0) == 0)
				return true;
	}
	return false;
}
