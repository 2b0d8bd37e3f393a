/* Names and places of the lab, and running a helper program. */
#include "chaos/lab/lab.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

int lab_fail(struct lab *lab, int err, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(lab->why, sizeof(lab->why), fmt, ap);
	va_end(ap);
	return err;
}

int lab_run(struct lab *lab, const char *fmt, ...)
{
	char line[4 * LAB_PATH_SIZE], out[400] = "";
	size_t n = 0;
	va_list ap;
	va_start(ap, fmt);
	int len = vsnprintf(line, sizeof(line) - 6, fmt, ap);
	va_end(ap);
	if (len < 0 || len >= (int)sizeof(line) - 6)
		return lab_fail(lab, E2BIG, "a command is too long");
	char shown[64];
	(void)str_copy(shown, sizeof(shown), line);
	memcpy(line + len, " 2>&1", 6);
	FILE *f = popen(line, "re");
	if (!f)
		return lab_fail(lab, errno, "%s: %s", shown, strerror(errno));
	for (size_t got; (got = fread(out + n, 1, sizeof(out) - 1 - n, f)) > 0;)
		n += got;
	out[n] = '\0';
	char rest[512];
	while (fread(rest, 1, sizeof(rest), f) > 0)
		;
	int status = pclose(f);
	if (status == 0)
		return 0;
	return lab_fail(lab, EIO, "%s…: %s", shown, n ? out : "failed");
}
