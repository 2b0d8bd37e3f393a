/*
 * plan: what another cluster file would change, in words.
 *
 *   running (--config) ─┐
 *                       ├─► one change a line, grouped ─► warnings ─► who must be restarted
 *   FILE ───────────────┘
 */
#include "deploy/helioctl/plan.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"
#include "common/live/signature.h"

enum { SHOWN_MAX = 20 }; /* changes of one kind in words; all of them with --json */

static const char *const signs[] = {[PLAN_ADDED] = "+", [PLAN_REMOVED] = "-", [PLAN_CHANGED] = "~"};
static const char *const verbs[] = {
    [PLAN_ADDED] = "added", [PLAN_REMOVED] = "removed", [PLAN_CHANGED] = "changed"};

void plan_change(struct plan *p, const char *kind, const char *name, enum plan_verb verb,
		 const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(p->changes, json_pack("{s:s, s:s, s:s, s:s}", "kind", kind, "name",
						    name, "what", verbs[verb], "text", text));
	p->verbs[verb]++;
}

void plan_warn(struct plan *p, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(p->warnings, json_string(text));
}

/* ---- printing ------------------------------------------------------------------------------ */

static void changes_print(struct ctl *ctl, const struct plan *p)
{
	static const enum style styles[] = {
	    [PLAN_ADDED] = STYLE_GOOD, [PLAN_REMOVED] = STYLE_BAD, [PLAN_CHANGED] = STYLE_WARN};
	const char *kind = "";
	unsigned shown = 0, hidden = 0;
	size_t i;
	json_t *o;

	json_array_foreach(p->changes, i, o)
	{
		enum plan_verb v = PLAN_ADDED;
		while (strcmp(verbs[v], json_text(o, "what")) != 0)
			v++;
		if (strcmp(kind, json_text(o, "kind")) != 0) {
			if (hidden)
				fprintf(ctl->out, "  and %u more\n", hidden);
			kind = json_text(o, "kind");
			shown = hidden = 0;
			fprintf(ctl->out, "%s\n", kind);
		}
		if (++shown > SHOWN_MAX) {
			hidden++;
			continue;
		}
		fprintf(ctl->out, "  %s%s %s%s  %s\n", style_on(ctl->colour, styles[v]), signs[v],
			json_text(o, "name"), style_off(ctl->colour, styles[v]),
			json_text(o, "text"));
	}
	if (hidden)
		fprintf(ctl->out, "  and %u more\n", hidden);
}

void plan_print(struct ctl *ctl, const struct plan *p)
{
	size_t i;
	json_t *o;

	if (!json_array_size(p->changes)) {
		fputs("nothing changes\n", ctl->out);
		return;
	}
	changes_print(ctl, p);
	json_array_foreach(p->warnings, i, o)
	    fprintf(ctl->out, "%swarning:%s %s\n", style_on(ctl->colour, STYLE_WARN),
		    style_off(ctl->colour, STYLE_WARN), json_string_value(o));
	fprintf(ctl->out, "%u added, %u changed, %u removed; configuration %016llx → %016llx\n",
		p->verbs[PLAN_ADDED], p->verbs[PLAN_CHANGED], p->verbs[PLAN_REMOVED],
		(unsigned long long)p->old->hash, (unsigned long long)p->new->hash);
	plan_rolls_print(ctl, p);
}

void plan_rolls_print(struct ctl *ctl, const struct plan *p)
{
	unsigned n = 0;
	char why[256];

	for (uint32_t i = 0; i < p->old->daemons_n; i++) {
		if (!conf_needs_roll(p->old, p->placed ? p->placed : p->new,
				     p->old->daemons[i].name, why))
			continue;
		if (n++ == 0)
			fputs("What follows cannot change while a daemon runs; the rest applies to "
			      "it at once:\n",
			      ctl->out);
		if (n <= SHOWN_MAX)
			fprintf(ctl->out, "  %s needs a roll: %s\n", p->old->daemons[i].name, why);
	}
	if (n > SHOWN_MAX)
		fprintf(ctl->out, "  and %u more\n", n - SHOWN_MAX);
	if (!n)
		fputs("All of it applies while the daemons run: no restart is needed.\n", ctl->out);
}

static json_t *rolls_json(const struct plan *p)
{
	json_t *list = json_array();
	char why[256];

	for (uint32_t i = 0; i < p->old->daemons_n; i++)
		if (conf_needs_roll(p->old, p->placed ? p->placed : p->new, p->old->daemons[i].name,
				    why))
			json_array_append_new(list, json_pack("{s:s, s:s}", "name",
							      p->old->daemons[i].name, "why", why));
	return list;
}

static struct conf *placed(const struct conf *old, const struct conf *new)
{
	char *cluster = NULL, *agents = NULL;
	size_t cluster_n, agents_n;
	struct conf *c = NULL;

	if (!file_read(new->file, SIGNATURE_FILE_MAX, &cluster, &cluster_n, NULL) &&
	    !file_read(new->agents_file, SIGNATURE_FILE_MAX, &agents, &agents_n, NULL))
		(void)conf_load_text(&c, old->file, cluster, cluster_n, agents, agents_n, false,
				     NULL);
	free(cluster);
	free(agents);
	return c;
}

int plan_make(struct plan *ret, const struct conf *old, const struct conf *new)
{
	struct plan p = {.old = old, .new = new, .changes = json_array(), .warnings = json_array()};

	helio_assert(p.changes && p.warnings);
	p.placed = placed(old, new);
	plan_cluster(&p);
	plan_sites(&p);
	plan_daemons(&p);
	plan_queues(&p);
	plan_hours(&p);
	plan_agents(&p);
	size_t before = json_array_size(p.changes);
	plan_files(&p);
	bool files = json_array_size(p.changes) != before;
	*ret = p;
	/* Bytes may differ where the meaning does not: a comment, an order. */
	return old->hash != new->hash || files;
}

void plan_free(struct plan *p)
{
	json_decref(p->changes);
	json_decref(p->warnings);
	conf_free(p->placed);
}

int cmd_plan(struct ctl *ctl)
{
	struct conf *new = NULL;
	struct plan p;

	if (conf_load(&new, ctl->argv[0], stderr))
		return ctl_fail(CTL_UNHEALTHY, "mend what is listed above", "%s cannot be applied",
				ctl->argv[0]);
	bool differs = plan_make(&p, ctl->conf, new);
	if (ctl->json)
		json_print(ctl, json_pack("{s:b, s:b, s:O, s:O, s:o}", "ok", 1, "differs", differs,
					  "changes", p.changes, "warnings", p.warnings,
					  "needs_roll", rolls_json(&p)));
	else if (differs && !json_array_size(p.changes))
		fputs("only comments, order or spelling differ; the meaning is the same\n",
		      ctl->out);
	else
		plan_print(ctl, &p);
	plan_free(&p);
	conf_free(new);
	return CTL_OK;
}
