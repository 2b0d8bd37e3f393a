/* Activities: actions and probes, and their providers. */
#include "chaos/drill/experiment_reader.h"
#include "chaos/lab/lab.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

static bool is_metric(const char *name)
{
	const struct func *f = func_find(name);
	return f && f->class == FUNC_METRIC;
}

/* An action of the method that is above this one; rollbacks may name any. */
static bool is_fault_above(const struct experiment *e, const char *name)
{
	for (uint32_t i = 0; i < EXPERIMENT_STEPS_MAX && e->method[i].name; i++)
		if (e->method[i].func && e->method[i].func->class == FUNC_FAULT &&
		    strcmp(e->method[i].name, name) == 0)
			return true;
	return false;
}

/* What the text must name; NULL: it does. */
static const char *missed(const struct reader *r, enum arg_type type, const char *text)
{
	static const char sites[] = "a site: oslo, manila, bogota",
			  machines[] = "a machine: oslo1, oslo2, manila1, manila2, bogota1, "
				       "bogota2";
	bool site = lab_site_find(text) >= 0, machine = lab_machine_find(text) >= 0;
	switch (type) {
	case ARG_PROCS:
		return lab_proc_known(text)
			   ? NULL
			   : "a node (oslo1), broker (oslo-b1), gateway (oslo-g1), "
			     "journal-oslo1, presence-oslo, sentinel-oslo, or a "
			     "pattern of some (oslo-b*)";
	case ARG_MACHINE: return machine ? NULL : machines;
	case ARG_DRAIN: return machine || site ? NULL : "a node (oslo1) or a site (oslo)";
	case ARG_SITE: return site ? NULL : sites;
	case ARG_LINE:
		return site || strcmp(text, "*") == 0 ? NULL : "a site (oslo, manila, bogota) or *";
	case ARG_METRIC: return is_metric(text) ? NULL : "a probe that helio-chaos functions lists";
	case ARG_STEP:
		return is_fault_above(r->e, text) ? NULL
						  : "the name of an action above that breaks "
						    "something";
	case ARG_NUMBER:
	case ARG_BOOL: break;
	}
	return NULL;
}

static json_t *argument(struct reader *r, const struct func_arg *a, const struct yaml_node *v)
{
	char shown[48];
	v = reader_resolved(r, v);
	if (a->type == ARG_BOOL)
		return json_boolean(reader_bool(r, v, a->name));
	if (a->type == ARG_NUMBER) {
		bool any = a->low == 0 && a->high == 0;
		double d = reader_number(r, v, a->name, any ? -1e9 : a->low, any ? 1e9 : a->high);
		return d == floor(d) ? json_integer((json_int_t)d) : json_real(d);
	}
	const char *text = reader_text(r, v, a->name);
	const char *allowed = v && v->kind == YAML_SCALAR ? missed(r, a->type, text) : NULL;
	if (allowed)
		reader_wrong(r, v, a->name, allowed, "nothing here is called %s",
			     problem_quote(shown, sizeof(shown), text));
	return json_string(text);
}

/* What the lab must have for it, or what it cannot do without. */
static void needs_check(struct reader *r, const struct yaml_node *p, const struct step *s)
{
	const char *name = s->func->name;
	bool clock = strcmp(name, "clock_jump") == 0 && !r->e->clock,
	     disks = strcmp(name, "disk_full") == 0 && !r->e->small_disks;
	if (clock || disks)
		reader_wrong(r, p, name, NULL,
			     "extensions: [{name: heliograph, lab: {%s: true}}] is needed for this",
			     clock ? "clock" : "disks");
	if (strcmp(name, "cut") == 0 && !json_object_get(s->args, "target") &&
	    !json_object_get(s->args, "from"))
		reader_wrong(r, p, name, NULL, "the argument target, or from, is missing");
	static const char *const keys[] = {"delay",   "jitter",  "loss", "dup",
					   "reorder", "corrupt", "rate"};
	bool any = strcmp(name, "link") != 0;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(keys) && !any; i++)
		any = json_number_value(json_object_get(s->args, keys[i])) > 0;
	if (!any)
		reader_wrong(r, p, name, NULL,
			     "one of delay, jitter, loss, dup, reorder, corrupt, rate above 0 is "
			     "needed, or nothing is broken");
}

static json_t *arguments(struct reader *r, const struct func *f, const struct yaml_node *provider)
{
	const struct yaml_node *map = yaml_value(provider, "arguments");
	const char *words[HELIO_ARRAY_LEN(f->args) + 1] = {NULL};
	json_t *o = json_object();
	size_t n = 0;
	for (; n < HELIO_ARRAY_LEN(f->args) && f->args[n].name; n++)
		words[n] = f->args[n].name;
	if (map && !reader_map(r, map, "arguments"))
		return o;
	if (map)
		reader_keys(r, map, words);
	for (size_t i = 0; i < n; i++) {
		const struct yaml_node *v = map ? yaml_value(map, f->args[i].name) : NULL;
		json_t *value = v ? argument(r, &f->args[i], v) : NULL;
		if (value)
			json_object_set_new(o, f->args[i].name, value);
		else if (v)
			reader_wrong(r, v, f->args[i].name, NULL, "not text in UTF-8");
		else if (f->args[i].required)
			reader_wrong(r, provider, f->name, NULL, "the argument %s is missing",
				     f->args[i].name);
	}
	return o;
}

static const char *func_name_at(size_t i, const void *arg)
{
	size_t n;
	(void)arg;
	return func_table(&n)[i].name;
}

static void provider_ours(struct reader *r, const struct yaml_node *p, struct step *s)
{
	static const char *const words[] = {"type", "func", "arguments", NULL};
	const struct yaml_node *func = yaml_value(p, "func");
	char shown[48];
	size_t n;
	reader_keys(r, p, words);
	if (!func || func->kind != YAML_SCALAR) {
		reader_wrong(r, p, "provider", NULL, "func is missing");
		return;
	}
	s->func = func_find(func->text);
	if (!s->func) {
		(void)func_table(&n);
		const char *near = near_find(func->text, n, func_name_at, NULL);
		reader_wrong(r, func, "func", NULL,
			     "no function is called %s%s%s; helio-chaos functions lists them",
			     problem_quote(shown, sizeof(shown), func->text),
			     near ? "; did you mean " : "", near ? near : "");
		return;
	}
	bool probe = s->func->class == FUNC_METRIC;
	if (probe != s->is_probe)
		reader_wrong(r, func, "func", NULL, "%s is %s", s->func->name,
			     probe ? "a probe, not an action" : "an action, not a probe");
	s->args = arguments(r, s->func, p);
	needs_check(r, p, s);
}

/* One text as it is, or a list of words, each for the shell as it stands. */
static const char *arguments_line(struct reader *r, const struct yaml_node *v)
{
	char line[1024] = "";
	size_t n = 0;
	if (v->kind != YAML_SEQ)
		return reader_text(r, v, "arguments");
	for (const struct yaml_node *i = v->child; i; i = i->next) {
		const char *word = reader_text(r, i, "arguments");
		int len = snprintf(line + n, sizeof(line) - n, "%s'%s'", n ? " " : "", word);
		if (strchr(word, '\'') || len < 0 || (size_t)len >= sizeof(line) - n) {
			reader_wrong(r, i, "arguments", NULL,
				     "words without ' and not longer than 1000 bytes together");
			return "";
		}
		n += (size_t)len;
	}
	return reader_keep(r, line);
}

static void provider_process(struct reader *r, const struct yaml_node *p, struct step *s)
{
	static const char *const words[] = {"type", "path", "arguments", "timeout", NULL};
	const struct yaml_node *path = yaml_value(p, "path"), *a = yaml_value(p, "arguments"),
			       *t = yaml_value(p, "timeout");
	reader_keys(r, p, words);
	if (!path)
		reader_wrong(r, p, "provider", NULL, "path is missing");
	s->path = path ? reader_text(r, path, "path") : "";
	s->arguments = a ? arguments_line(r, a) : "";
	s->timeout_s = t ? reader_number(r, t, "timeout", 0.1, 3600) : 30;
}

static void provider_parse(struct reader *r, const struct yaml_node *v, struct step *s)
{
	const struct yaml_node *p = yaml_value(v, "provider");
	const struct yaml_node *type = p && p->kind == YAML_MAP ? yaml_value(p, "type") : NULL;
	if (!type || type->kind != YAML_SCALAR)
		reader_wrong(r, p ? p : v, "provider", "heliograph, process",
			     "a provider with a type is needed");
	else if (strcmp(type->text, "heliograph") == 0)
		provider_ours(r, p, s);
	else if (strcmp(type->text, "process") == 0)
		provider_process(r, p, s);
	else
		reader_wrong(r, type, "type", "heliograph, process",
			     "this kind of provider is not supported");
}

static void step_parse(struct reader *r, const struct yaml_node *v, struct step *s, bool steady)
{
	static const char *const words[] = {"type",   "name",       "provider", "tolerance",
					    "pauses", "background", NULL};
	static const char *const pauses_words[] = {"before", "after", NULL};
	if (!reader_map(r, v, "activity"))
		return;
	reader_keys(r, v, words);
	const struct yaml_node *type = yaml_value(v, "type"), *name = yaml_value(v, "name"),
			       *pauses = yaml_value(v, "pauses"), *tol = yaml_value(v, "tolerance"),
			       *back = yaml_value(v, "background");
	s->line = v->line;
	s->name = name ? reader_text(r, name, "name") : "";
	if (!name)
		reader_wrong(r, v, NULL, NULL, "an activity needs a name");
	s->is_probe = type && type->kind == YAML_SCALAR && strcmp(type->text, "probe") == 0;
	if (!s->is_probe &&
	    (!type || type->kind != YAML_SCALAR || strcmp(type->text, "action") != 0))
		reader_wrong(r, type ? type : v, "type", "action, probe",
			     "an activity needs a type");
	if (steady && !s->is_probe)
		reader_wrong(r, v, NULL, NULL, "the hypothesis holds probes only");
	if (pauses && reader_map(r, pauses, "pauses")) {
		reader_keys(r, pauses, pauses_words);
		const struct yaml_node *b = yaml_value(pauses, "before"),
				       *a = yaml_value(pauses, "after");
		s->pause_before_s = b ? reader_number(r, b, "before", 0, 3600) : 0;
		s->pause_after_s = a ? reader_number(r, a, "after", 0, 3600) : 0;
	}
	s->background = back && reader_bool(r, back, "background");
	if (tol)
		tolerance_parse(r, tol, &s->tolerance);
	else if (steady)
		reader_wrong(r, v, NULL, NULL, "a probe of the hypothesis needs a tolerance");
	provider_parse(r, v, s);
}

uint32_t steps_parse(struct reader *r, const struct yaml_node *v, const char *key,
		     struct step *steps, uint32_t max, bool steady)
{
	uint32_t n = 0;
	if (!reader_seq(r, v, key))
		return 0;
	for (const struct yaml_node *i = v->child; i; i = i->next) {
		if (n == max) {
			reader_wrong(r, i, key, NULL, "at most %u are possible", max);
			return n;
		}
		step_parse(r, i, &steps[n++], steady);
	}
	return n;
}

void steady_parse(struct reader *r, const struct yaml_node *v)
{
	static const char *const words[] = {"title", "probes", NULL};
	if (!reader_map(r, v, "steady-state-hypothesis"))
		return;
	reader_keys(r, v, words);
	const struct yaml_node *title = yaml_value(v, "title"), *probes = yaml_value(v, "probes");
	if (title)
		r->e->steady_title = reader_text(r, title, "title");
	if (!probes)
		reader_wrong(r, v, "steady-state-hypothesis", NULL, "probes are missing");
	else
		r->e->steady_n =
		    steps_parse(r, probes, "probes", r->e->steady, EXPERIMENT_PROBES_MAX, true);
}
