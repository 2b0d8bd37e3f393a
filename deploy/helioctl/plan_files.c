/* The files that two configurations name: sounds, calendars and customers, by what is in them. */
#include "deploy/helioctl/plan.h"

#include <string.h>

#include "common/base/base.h"
#include "common/live/store.h"

static const struct conf_file *by_name(const struct conf *c, const char *name)
{
	for (uint32_t i = 0; i < c->files_n; i++)
		if (!strcmp(c->files[i].name, name))
			return &c->files[i];
	return NULL;
}

static char *size_text(char buf[static 24], uint32_t bytes)
{
	if (bytes < 10000)
		snprintf(buf, 24, "%u bytes", bytes);
	else if (bytes < 10000000)
		snprintf(buf, 24, "%u kB", (bytes + 500) / 1000);
	else
		snprintf(buf, 24, "%u MB", (bytes + 500000) / 1000000);
	return buf;
}

/* What cannot be read, or is too large to travel, is told by those who need it. */
static bool look(const struct conf_file *f, uint8_t hash[static CONF_FILE_HASH], uint32_t *ret_n)
{
	return f && !store_digest(hash, f->path, ret_n);
}

static void compare(struct plan *p, const struct conf_file *a, const struct conf_file *b)
{
	uint8_t x[CONF_FILE_HASH], y[CONF_FILE_HASH];
	uint32_t n, m;
	char was[24], is[24];

	if (!look(a, x, &n) || !look(b, y, &m) || !memcmp(x, y, sizeof(x)))
		return;
	plan_change(p, "files", b->name, PLAN_CHANGED, "%s, %s → %s", conf_file_kind_name(b->kind),
		    size_text(was, n), size_text(is, m));
}

void plan_files(struct plan *p)
{
	uint8_t hash[CONF_FILE_HASH];
	uint32_t n;
	char size[24];

	for (uint32_t i = 0; i < p->new->files_n; i++) {
		const struct conf_file *b = &p->new->files[i], *a = by_name(p->old, b->name);
		if (a)
			compare(p, a, b);
		else if (look(b, hash, &n))
			plan_change(p, "files", b->name, PLAN_ADDED, "%s, %s",
				    conf_file_kind_name(b->kind), size_text(size, n));
	}
	for (uint32_t i = 0; i < p->old->files_n; i++)
		if (!by_name(p->new, p->old->files[i].name))
			plan_change(p, "files", p->old->files[i].name, PLAN_REMOVED, "%s",
				    conf_file_kind_name(p->old->files[i].kind));
}
