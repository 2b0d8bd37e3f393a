/* Texts, numbers, yes and no, with ${name} put in; and what is said when they are not that. */
#include "chaos/drill/experiment_reader.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

void reader_wrong(struct reader *r, const struct yaml_node *at, const char *key,
		  const char *allowed, const char *fmt, ...)
{
	struct problem_text t = {
	    .line = at ? at->line : 0, .col = at ? at->col : 0, .key = key, .allowed = allowed};
	va_list ap;
	va_start(ap, fmt);
	problems_vadd(&r->problems, &t, fmt, ap);
	va_end(ap);
}

const char *reader_keep(struct reader *r, const char *text)
{
	size_t n = strlen(text) + 1;
	struct texts *t = malloc(sizeof(*t) + n);
	helio_assert(t);
	t->next = r->e->memory;
	memcpy(t->text, text, n);
	r->e->memory = t;
	return t->text;
}

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
const struct yaml_node *reader_resolved(struct reader *r, const struct yaml_node *v)
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

bool reader_map(struct reader *r, const struct yaml_node *v, const char *key)
{
	if (v && v->kind == YAML_MAP)
		return true;
	reader_wrong(r, v, key, NULL, "keys and values are needed here");
	return false;
}

bool reader_seq(struct reader *r, const struct yaml_node *v, const char *key)
{
	if (v && v->kind == YAML_SEQ)
		return true;
	reader_wrong(r, v, key, NULL, "a list is needed here");
	return false;
}

const char *reader_text(struct reader *r, const struct yaml_node *v, const char *key)
{
	v = reader_resolved(r, v);
	if (v && v->kind == YAML_SCALAR)
		return reader_keep(r, v->text);
	reader_wrong(r, v, key, NULL, "one line of text is needed here");
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

double reader_number(struct reader *r, const struct yaml_node *v, const char *key, double low,
		     double high)
{
	double d = 0;
	char allowed[64];
	v = reader_resolved(r, v);
	if (number_read(v, &d) && d >= low && d <= high)
		return d;
	snprintf(allowed, sizeof(allowed), "%g to %g", low, high);
	reader_wrong(r, v, key, allowed, "a number is needed here");
	return low;
}

bool reader_bool(struct reader *r, const struct yaml_node *v, const char *key)
{
	v = reader_resolved(r, v);
	if (v && v->kind == YAML_SCALAR && v->plain) {
		if (strcmp(v->text, "true") == 0)
			return true;
		if (strcmp(v->text, "false") == 0)
			return false;
	}
	reader_wrong(r, v, key, "true, false", "yes or no is needed here");
	return false;
}

json_t *reader_scalar(const struct yaml_node *v)
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
const char *reader_key(const struct yaml_node *k)
{
	return k->kind == YAML_SCALAR && k->text ? k->text : "";
}

/* Keys that are none of words (which ends with NULL) are errors. */
void reader_keys(struct reader *r, const struct yaml_node *map, const char *const *words)
{
	for (const struct yaml_node *k = map->child; k && k->next; k = k->next->next) {
		size_t i = 0;
		while (words[i] && strcmp(words[i], reader_key(k)) != 0)
			i++;
		if (words[i])
			continue;
		char allowed[256] = "", shown[48];
		for (i = 0; words[i]; i++) {
			size_t n = strlen(allowed);
			snprintf(allowed + n, sizeof(allowed) - n, "%s%s", i ? ", " : "", words[i]);
		}
		reader_wrong(r, k, NULL, allowed, "no key is called %s here",
			     problem_quote(shown, sizeof(shown), reader_key(k)));
	}
}
