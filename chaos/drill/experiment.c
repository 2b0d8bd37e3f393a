#include "chaos/drill/experiment.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"
#include "common/conf/problems.h"
#include "common/conf/yaml.h"

/* The whole file in one block: texts of the tree die with it, so ours are copies. */
struct texts {
	struct texts *next;
	char text[];
};

struct reader {
	struct experiment *e;
	struct problems problems;
	const struct yaml_node *config;
	const char *const *sets;
	struct yaml_node set_node[EXPERIMENT_SETS_MAX];
};

static void wrong(struct reader *r, const struct yaml_node *at, const char *key,
		  const char *allowed, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
static void wrong(struct reader *r, const struct yaml_node *at, const char *key,
		  const char *allowed, const char *fmt, ...)
{
	struct problem_text t = {
	    .line = at ? at->line : 0, .col = at ? at->col : 0, .key = key, .allowed = allowed};
	va_list ap;
	va_start(ap, fmt);
	problems_vadd(&r->problems, &t, fmt, ap);
	va_end(ap);
}

static const char *keep(struct reader *r, const char *text)
{
	size_t n = strlen(text) + 1;
	struct texts *t = malloc(sizeof(*t) + n);
	helio_assert(t);
	t->next = r->e->memory;
	memcpy(t->text, text, n);
	r->e->memory = t;
	return t->text;
}

/* ---- values -----------------------------------------------------------------------------------
 */

/* What the command line says in place of it. */
static const struct yaml_node *set_find(struct reader *r, const char *name)
{
	size_t len = strlen(name);
	for (size_t i = 0; r->sets && r->sets[i] && i < EXPERIMENT_SETS_MAX; i++)
		if (strncmp(r->sets[i], name, len) == 0 && r->sets[i][len] == '=') {
			r->set_node[i] = (struct yaml_node){
			    .kind = YAML_SCALAR, .plain = true, .text = r->sets[i] + len + 1};
			return &r->set_node[i];
		}
	return NULL;
}

/* ${name} stands for a value of `configuration`. */
static const struct yaml_node *resolved(struct reader *r, const struct yaml_node *v)
{
	char name[64];
	size_t n = v && v->kind == YAML_SCALAR ? strlen(v->text) : 0;
	if (n < 4 || n > sizeof(name) || memcmp(v->text, "${", 2) != 0 || v->text[n - 1] != '}')
		return v;
	memcpy(name, v->text + 2, n - 3);
	name[n - 3] = '\0';
	const struct yaml_node *to = r->config ? yaml_value(r->config, name) : NULL;
	const struct yaml_node *set = to ? set_find(r, name) : NULL;
	return set ? set : to ? to : v;
}

static bool is_map(struct reader *r, const struct yaml_node *v, const char *key)
{
	if (v && v->kind == YAML_MAP)
		return true;
	wrong(r, v, key, NULL, "keys and values are needed here");
	return false;
}

static bool is_seq(struct reader *r, const struct yaml_node *v, const char *key)
{
	if (v && v->kind == YAML_SEQ)
		return true;
	wrong(r, v, key, NULL, "a list is needed here");
	return false;
}

static const char *text_of(struct reader *r, const struct yaml_node *v, const char *key)
{
	v = resolved(r, v);
	if (v && v->kind == YAML_SCALAR)
		return keep(r, v->text);
	wrong(r, v, key, NULL, "one line of text is needed here");
	return "";
}

static bool number_read(const struct yaml_node *v, double *ret)
{
	char *end;
	if (!v || v->kind != YAML_SCALAR || !v->plain || !*v->text)
		return false;
	double d = strtod(v->text, &end);
	if (*end || !isfinite(d))
		return false;
	*ret = d;
	return true;
}

static double number_of(struct reader *r, const struct yaml_node *v, const char *key, double low,
			double high)
{
	double d = 0;
	char allowed[64];
	v = resolved(r, v);
	if (number_read(v, &d) && d >= low && d <= high)
		return d;
	snprintf(allowed, sizeof(allowed), "%g to %g", low, high);
	wrong(r, v, key, allowed, "a number is needed here");
	return low;
}

static bool bool_of(struct reader *r, const struct yaml_node *v, const char *key)
{
	v = resolved(r, v);
	if (v && v->kind == YAML_SCALAR && v->plain) {
		if (strcmp(v->text, "true") == 0)
			return true;
		if (strcmp(v->text, "false") == 0)
			return false;
	}
	wrong(r, v, key, "true, false", "yes or no is needed here");
	return false;
}

static json_t *scalar_json(const struct yaml_node *v)
{
	double d;
	if (number_read(v, &d))
		return d == floor(d) && fabs(d) < 1e15 ? json_integer((json_int_t)d) : json_real(d);
	if (v->plain && strcmp(v->text, "true") == 0)
		return json_true();
	if (v->plain && strcmp(v->text, "false") == 0)
		return json_false();
	json_t *s = json_string(v->text);
	return s ? s : json_string("?"); /* no UTF-8 */
}

/* A key may be a list or a map in YAML: none of ours is. */
static const char *key_text(const struct yaml_node *k)
{
	return k->kind == YAML_SCALAR && k->text ? k->text : "";
}

/* Keys that are none of words (which ends with NULL) are errors. */
static void keys_check(struct reader *r, const struct yaml_node *map, const char *const *words)
{
	for (const struct yaml_node *k = map->child; k && k->next; k = k->next->next) {
		size_t i = 0;
		while (words[i] && strcmp(words[i], key_text(k)) != 0)
			i++;
		if (words[i])
			continue;
		char allowed[256] = "", shown[48];
		for (i = 0; words[i]; i++) {
			size_t n = strlen(allowed);
			snprintf(allowed + n, sizeof(allowed) - n, "%s%s", i ? ", " : "", words[i]);
		}
		wrong(r, k, NULL, allowed, "no key is called %s here",
		      problem_quote(shown, sizeof(shown), key_text(k)));
	}
}

/* ---- tolerances ---------------------------------------------------------------------------------
 */

static void tolerance_range(struct reader *r, const struct yaml_node *v, struct tolerance *t)
{
	static const char *const words[] = {"type", "range", NULL};
	const struct yaml_node *type = yaml_value(v, "type"), *range = yaml_value(v, "range");
	keys_check(r, v, words);
	if (!type || type->kind != YAML_SCALAR || strcmp(type->text, "range") != 0) {
		wrong(r, type ? type : v, "tolerance", "type: range with range: [low, high]",
		      "this kind of tolerance is not known");
		return;
	}
	if (!range || !is_seq(r, range, "range") || !range->child || !range->child->next ||
	    range->child->next->next) {
		wrong(r, v, "tolerance", NULL, "range: [low, high] is needed");
		return;
	}
	t->kind = TOLERANCE_RANGE;
	t->low = number_of(r, range->child, "low", -1e15, 1e15);
	t->high = number_of(r, range->child->next, "high", -1e15, 1e15);
	if (t->low > t->high)
		wrong(r, range, "range", NULL, "the low end lies above the high end");
}

static void tolerance_parse(struct reader *r, const struct yaml_node *v, struct tolerance *t)
{
	v = resolved(r, v);
	if (v->kind == YAML_MAP) {
		tolerance_range(r, v, t);
	} else if (v->kind == YAML_SCALAR) {
		t->kind = TOLERANCE_EQUAL;
		t->value = scalar_json(v);
	} else {
		t->kind = TOLERANCE_ONE_OF;
		t->value = json_array();
		for (const struct yaml_node *i = v->child; i; i = i->next) {
			if (i->kind == YAML_SCALAR)
				json_array_append_new(t->value, scalar_json(i));
			else
				wrong(r, i, "tolerance", NULL, "a list of single values is needed");
		}
	}
}

bool tolerance_holds(const struct tolerance *t, const json_t *value)
{
	size_t i;
	json_t *one;
	double d = json_number_value(value);
	switch (t->kind) {
	case TOLERANCE_NONE: return true;
	case TOLERANCE_RANGE: return json_is_number(value) && d >= t->low && d <= t->high;
	case TOLERANCE_EQUAL:
		if (json_is_number(value) && json_is_number(t->value))
			return d == json_number_value(t->value);
		return json_equal(value, t->value);
	case TOLERANCE_ONE_OF:
		json_array_foreach(t->value, i, one)
		{
			if (json_equal(value, one) ||
			    (json_is_number(value) && json_is_number(one) &&
			     d == json_number_value(one)))
				return true;
		}
		return false;
	}
	return false;
}

void tolerance_text(const struct tolerance *t, char out[static 160])
{
	if (t->kind == TOLERANCE_NONE) {
		out[0] = '\0';
	} else if (t->kind == TOLERANCE_RANGE) {
		snprintf(out, 160, "%g to %g", t->low, t->high);
	} else {
		char *text = json_dumps(t->value, JSON_ENCODE_ANY | JSON_COMPACT);
		snprintf(out, 160, "%s", text ? text : "?");
		free(text);
	}
}

/* ---- activities ---------------------------------------------------------------------------------
 */

static json_t *argument(struct reader *r, const struct func_arg *a, const struct yaml_node *v)
{
	v = resolved(r, v);
	switch (a->type) {
	case ARG_TEXT: return json_string(text_of(r, v, a->name));
	case ARG_BOOL: return json_boolean(bool_of(r, v, a->name));
	case ARG_NUMBER: {
		double d = number_of(r, v, a->name, -1e9, 1e9);
		return d == floor(d) ? json_integer((json_int_t)d) : json_real(d);
	}
	}
	return json_null();
}

static json_t *arguments(struct reader *r, const struct func *f, const struct yaml_node *provider)
{
	const struct yaml_node *map = yaml_value(provider, "arguments");
	const char *words[HELIO_ARRAY_LEN(f->args) + 1] = {NULL};
	json_t *o = json_object();
	size_t n = 0;
	for (; n < HELIO_ARRAY_LEN(f->args) && f->args[n].name; n++)
		words[n] = f->args[n].name;
	if (map && !is_map(r, map, "arguments"))
		return o;
	if (map)
		keys_check(r, map, words);
	for (size_t i = 0; i < n; i++) {
		const struct yaml_node *v = map ? yaml_value(map, f->args[i].name) : NULL;
		json_t *value = v ? argument(r, &f->args[i], v) : NULL;
		if (value)
			json_object_set_new(o, f->args[i].name, value);
		else if (v)
			wrong(r, v, f->args[i].name, NULL, "not text in UTF-8");
		else if (f->args[i].required)
			wrong(r, provider, f->name, NULL, "the argument %s is missing",
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
	keys_check(r, p, words);
	if (!func || func->kind != YAML_SCALAR) {
		wrong(r, p, "provider", NULL, "func is missing");
		return;
	}
	s->func = func_find(func->text);
	if (!s->func) {
		(void)func_table(&n);
		const char *near = near_find(func->text, n, func_name_at, NULL);
		wrong(r, func, "func", NULL,
		      "no function is called %s%s%s; helio-chaos functions lists them",
		      problem_quote(shown, sizeof(shown), func->text),
		      near ? "; did you mean " : "", near ? near : "");
		return;
	}
	bool probe = s->func->class == FUNC_METRIC;
	if (probe != s->is_probe)
		wrong(r, func, "func", NULL, "%s is %s", s->func->name,
		      probe ? "a probe, not an action" : "an action, not a probe");
	s->args = arguments(r, s->func, p);
}

static void provider_process(struct reader *r, const struct yaml_node *p, struct step *s)
{
	static const char *const words[] = {"type", "path", "arguments", "timeout", NULL};
	const struct yaml_node *path = yaml_value(p, "path"), *a = yaml_value(p, "arguments"),
			       *t = yaml_value(p, "timeout");
	keys_check(r, p, words);
	if (!path)
		wrong(r, p, "provider", NULL, "path is missing");
	s->path = path ? text_of(r, path, "path") : "";
	s->arguments = a ? text_of(r, a, "arguments") : "";
	s->timeout_s = t ? number_of(r, t, "timeout", 0.1, 3600) : 30;
}

static void provider_parse(struct reader *r, const struct yaml_node *v, struct step *s)
{
	const struct yaml_node *p = yaml_value(v, "provider");
	const struct yaml_node *type = p && p->kind == YAML_MAP ? yaml_value(p, "type") : NULL;
	if (!type || type->kind != YAML_SCALAR)
		wrong(r, p ? p : v, "provider", "heliograph, process",
		      "a provider with a type is needed");
	else if (strcmp(type->text, "heliograph") == 0)
		provider_ours(r, p, s);
	else if (strcmp(type->text, "process") == 0)
		provider_process(r, p, s);
	else
		wrong(r, type, "type", "heliograph, process",
		      "this kind of provider is not supported");
}

static void step_parse(struct reader *r, const struct yaml_node *v, struct step *s, bool steady)
{
	static const char *const words[] = {"type",   "name",       "provider", "tolerance",
					    "pauses", "background", NULL};
	static const char *const pauses_words[] = {"before", "after", NULL};
	if (!is_map(r, v, "activity"))
		return;
	keys_check(r, v, words);
	const struct yaml_node *type = yaml_value(v, "type"), *name = yaml_value(v, "name"),
			       *pauses = yaml_value(v, "pauses"), *tol = yaml_value(v, "tolerance"),
			       *back = yaml_value(v, "background");
	s->line = v->line;
	s->name = name ? text_of(r, name, "name") : "";
	if (!name)
		wrong(r, v, NULL, NULL, "an activity needs a name");
	s->is_probe = type && type->kind == YAML_SCALAR && strcmp(type->text, "probe") == 0;
	if (!s->is_probe &&
	    (!type || type->kind != YAML_SCALAR || strcmp(type->text, "action") != 0))
		wrong(r, type ? type : v, "type", "action, probe", "an activity needs a type");
	if (steady && !s->is_probe)
		wrong(r, v, NULL, NULL, "the hypothesis holds probes only");
	if (pauses && is_map(r, pauses, "pauses")) {
		keys_check(r, pauses, pauses_words);
		const struct yaml_node *b = yaml_value(pauses, "before"),
				       *a = yaml_value(pauses, "after");
		s->pause_before_s = b ? number_of(r, b, "before", 0, 3600) : 0;
		s->pause_after_s = a ? number_of(r, a, "after", 0, 3600) : 0;
	}
	s->background = back && bool_of(r, back, "background");
	if (tol)
		tolerance_parse(r, tol, &s->tolerance);
	else if (steady)
		wrong(r, v, NULL, NULL, "a probe of the hypothesis needs a tolerance");
	provider_parse(r, v, s);
}

static uint32_t steps_parse(struct reader *r, const struct yaml_node *v, const char *key,
			    struct step *steps, uint32_t max, bool steady)
{
	uint32_t n = 0;
	if (!is_seq(r, v, key))
		return 0;
	for (const struct yaml_node *i = v->child; i; i = i->next) {
		if (n == max) {
			wrong(r, i, key, NULL, "at most %u are possible", max);
			return n;
		}
		step_parse(r, i, &steps[n++], steady);
	}
	return n;
}

static void steady_parse(struct reader *r, const struct yaml_node *v)
{
	static const char *const words[] = {"title", "probes", NULL};
	if (!is_map(r, v, "steady-state-hypothesis"))
		return;
	keys_check(r, v, words);
	const struct yaml_node *title = yaml_value(v, "title"), *probes = yaml_value(v, "probes");
	if (title)
		r->e->steady_title = text_of(r, title, "title");
	if (!probes)
		wrong(r, v, "steady-state-hypothesis", NULL, "probes are missing");
	else
		r->e->steady_n =
		    steps_parse(r, probes, "probes", r->e->steady, EXPERIMENT_PROBES_MAX, true);
}

/* ---- what is ours -------------------------------------------------------------------------------
 */

static void load_parse(struct reader *r, const struct yaml_node *v)
{
	static const char *const words[] = {"callers", "agents", "rate", "hold",
					    "talk",    "answer", NULL};
	struct experiment *e = r->e;
	if (!is_map(r, v, "load"))
		return;
	keys_check(r, v, words);
	for (const struct yaml_node *k = v->child; k && k->next; k = k->next->next) {
		if (strcmp(key_text(k), "callers") == 0)
			e->callers = (uint32_t)number_of(r, k->next, key_text(k), 0, 2000);
		else if (strcmp(key_text(k), "agents") == 0)
			e->agents = (uint32_t)number_of(r, k->next, key_text(k), 0, 2000);
		else if (strcmp(key_text(k), "rate") == 0)
			e->callers_rate = number_of(r, k->next, key_text(k), 1, 100);
		else if (strcmp(key_text(k), "hold") == 0)
			e->callers_hold_s = number_of(r, k->next, key_text(k), 1, 3600);
		else if (strcmp(key_text(k), "talk") == 0)
			e->talk_s = number_of(r, k->next, key_text(k), 0, 3600);
		else if (strcmp(key_text(k), "answer") == 0)
			e->answer_s = number_of(r, k->next, key_text(k), 0, 30);
	}
}

static void lab_parse(struct reader *r, const struct yaml_node *v)
{
	static const char *const words[] = {"wan", "queue", "clock", "disks", "seed", NULL};
	struct experiment *e = r->e;
	if (!is_map(r, v, "lab"))
		return;
	keys_check(r, v, words);
	for (const struct yaml_node *k = v->child; k && k->next; k = k->next->next) {
		if (strcmp(key_text(k), "wan") == 0)
			e->wan = text_of(r, k->next, key_text(k));
		else if (strcmp(key_text(k), "queue") == 0)
			e->queue = text_of(r, k->next, key_text(k));
		else if (strcmp(key_text(k), "clock") == 0)
			e->clock = bool_of(r, k->next, key_text(k));
		else if (strcmp(key_text(k), "disks") == 0)
			e->small_disks = bool_of(r, k->next, key_text(k));
		else if (strcmp(key_text(k), "seed") == 0)
			e->seed = (uint32_t)number_of(r, k->next, key_text(k), 0, UINT32_MAX);
	}
}

static void stop_parse(struct reader *r, const struct yaml_node *v)
{
	static const char *const words[] = {"metric", "above", "below", NULL};
	for (const struct yaml_node *i = is_seq(r, v, "stop") ? v->child : NULL; i; i = i->next) {
		if (!is_map(r, i, "stop"))
			continue;
		keys_check(r, i, words);
		if (r->e->stops_n == EXPERIMENT_STOPS_MAX) {
			wrong(r, i, "stop", NULL, "at most %d are possible", EXPERIMENT_STOPS_MAX);
			return;
		}
		const struct yaml_node *m = yaml_value(i, "metric"), *a = yaml_value(i, "above"),
				       *b = yaml_value(i, "below");
		const struct func *f = m && m->kind == YAML_SCALAR ? func_find(m->text) : NULL;
		if (!f || f->class != FUNC_METRIC || (!a && !b)) {
			wrong(r, i, "stop", NULL, "a metric, and above or below, are needed");
			continue;
		}
		r->e->stop[r->e->stops_n++] =
		    (struct stop){.name = f->name,
				  .above = a ? number_of(r, a, "above", -1e15, 1e15) : INFINITY,
				  .below = b ? number_of(r, b, "below", -1e15, 1e15) : -INFINITY};
	}
}

static void extensions_parse(struct reader *r, const struct yaml_node *v)
{
	static const char *const words[] = {"name", "load", "lab", "stop", "settle", NULL};
	for (const struct yaml_node *i = is_seq(r, v, "extensions") ? v->child : NULL; i;
	     i = i->next) {
		if (!is_map(r, i, "extensions"))
			continue;
		const struct yaml_node *name = yaml_value(i, "name"), *x;
		if (!name || name->kind != YAML_SCALAR) {
			wrong(r, i, "extensions", NULL, "an extension needs a name");
			continue;
		}
		if (strcmp(name->text, "heliograph") != 0)
			continue; /* another tool's */
		keys_check(r, i, words);
		if ((x = yaml_value(i, "load")))
			load_parse(r, x);
		if ((x = yaml_value(i, "lab")))
			lab_parse(r, x);
		if ((x = yaml_value(i, "stop")))
			stop_parse(r, x);
		if ((x = yaml_value(i, "settle")))
			r->e->settle_s = number_of(r, x, "settle", 0, 3600);
	}
}

/* ---- the whole ----------------------------------------------------------------------------------
 */

static void sets_check(struct reader *r)
{
	char name[64];
	for (size_t i = 0; r->sets && r->sets[i]; i++) {
		size_t n = strcspn(r->sets[i], "=");
		if (n < sizeof(name) && r->sets[i][n] && i < EXPERIMENT_SETS_MAX && r->config) {
			memcpy(name, r->sets[i], n);
			name[n] = '\0';
			if (yaml_value(r->config, name))
				continue;
		}
		wrong(r, NULL, "--set", NULL, "%.*s is not in this file's configuration", (int)n,
		      r->sets[i]);
	}
}

static void root_parse(struct reader *r, const struct yaml_node *root)
{
	static const char *const words[] = {
	    "version",       "title",         "description", "tags",
	    "configuration", "contributions", "extensions",  "steady-state-hypothesis",
	    "method",        "rollbacks",     NULL};
	struct experiment *e = r->e;
	if (!is_map(r, root, NULL))
		return;
	keys_check(r, root, words);
	const struct yaml_node *v = yaml_value(root, "configuration");
	if (v && is_map(r, v, "configuration"))
		r->config = v;
	sets_check(r);
	if ((v = yaml_value(root, "title")))
		e->title = text_of(r, v, "title");
	else
		wrong(r, root, NULL, NULL, "a title is missing");
	if ((v = yaml_value(root, "description")))
		e->description = text_of(r, v, "description");
	else
		wrong(r, root, NULL, NULL, "a description is missing");
	if ((v = yaml_value(root, "extensions")))
		extensions_parse(r, v);
	if ((v = yaml_value(root, "steady-state-hypothesis")))
		steady_parse(r, v);
	if ((v = yaml_value(root, "method")))
		e->method_n = steps_parse(r, v, "method", e->method, EXPERIMENT_STEPS_MAX, false);
	else
		wrong(r, root, NULL, NULL, "a method is missing");
	if ((v = yaml_value(root, "rollbacks")))
		e->rollbacks_n =
		    steps_parse(r, v, "rollbacks", e->rollbacks, EXPERIMENT_STEPS_MAX, false);
}

int experiment_parse(struct experiment **ret, const char *name, const char *text, size_t len,
		     const char *const *sets, FILE *out)
{
	struct reader *r = calloc(1, sizeof(*r));
	struct yaml *y = NULL;
	helio_assert(r);
	r->sets = sets;
	r->e = calloc(1, sizeof(*r->e));
	helio_assert(r->e);
	*r->e = (struct experiment){.title = "",
				    .description = "",
				    .steady_title = "",
				    .callers_rate = 10,
				    .callers_hold_s = 600,
				    .answer_s = 0.2,
				    .settle_s = 2,
				    .wan = "delay=40 jitter=4",
				    .queue = "",
				    .seed = 1};
	r->problems.name[PROBLEM_CLUSTER] = name;
	r->problems.name[PROBLEM_AGENTS] = name;
	int err = yaml_parse(&y, PROBLEM_CLUSTER, text, len, &r->problems);
	if (!err)
		root_parse(r, yaml_root(y));
	bool bad = r->problems.errors > 0 || err;
	problems_print(&r->problems, out);
	problems_free(&r->problems);
	yaml_free(y);
	if (bad)
		experiment_free(r->e);
	else
		*ret = r->e;
	free(r);
	return bad ? EINVAL : 0;
}

int experiment_load(struct experiment **ret, const char *path, const char *const *sets, FILE *out)
{
	FILE *f = fopen(path, "re");
	char *text = f ? malloc(EXPERIMENT_BYTES_MAX + 1) : NULL;
	if (!text) {
		int err = errno;
		fprintf(out, "%s: %s\n", path, strerror(err));
		if (f)
			fclose(f);
		return err ? err : ENOMEM;
	}
	size_t n = fread(text, 1, EXPERIMENT_BYTES_MAX + 1, f);
	int err = ferror(f) ? EIO : n > EXPERIMENT_BYTES_MAX ? EFBIG : 0;
	fclose(f);
	if (err)
		fprintf(out, "%s: %s\n", path, strerror(err));
	else
		err = experiment_parse(ret, path, text, n, sets, out);
	free(text);
	return err;
}

static void steps_free(struct step *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		json_decref(s[i].args);
		json_decref(s[i].tolerance.value);
	}
}

struct experiment *experiment_free(struct experiment *e)
{
	if (!e)
		return NULL;
	steps_free(e->steady, e->steady_n);
	steps_free(e->method, e->method_n);
	steps_free(e->rollbacks, e->rollbacks_n);
	for (struct texts *t = e->memory, *next; t; t = next) {
		next = t->next;
		free(t);
	}
	free(e);
	return NULL;
}
