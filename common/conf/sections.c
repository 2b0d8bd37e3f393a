/* A section of the cluster file: each key goes to its row of the table in options.c. */
#include "common/conf/options.h"

#include <stdio.h>
#include <string.h>

size_t path_enter(struct reader *r, const char *key)
{
	size_t len = strlen(r->path);

	snprintf(r->path + len, sizeof(r->path) - len, "%s%.40s", len ? "." : "", key);
	return len;
}

void path_back(struct reader *r, size_t len)
{
	r->path[len] = '\0';
}

static bool is_empty(const struct yaml_node *v)
{
	return v->kind == YAML_SCALAR && v->plain && !*v->text;
}

static const char *key_at(size_t i, const void *arg)
{
	return ((const struct option *)arg)[i].key;
}

static void unknown_key(struct reader *r, const struct option *o, size_t n,
			const struct yaml_node *key)
{
	char allowed[512] = "", remedy[64], name[40];
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(allowed + len, sizeof(allowed) - len, "%s%s", i ? ", " : "",
					o[i].key);
	problem_quote(name, sizeof(name), key->text);
	size_t back = path_enter(r, "");
	snprintf(r->path + (back ? back + 1 : 0), sizeof(r->path) - back - 1, "%.*s",
		 (int)(strlen(name) - 2), name + 1);
	did_you_mean(remedy, sizeof(remedy), near_find(key->text, n, key_at, o), "remove it");
	bad(r, key, allowed, remedy, "unknown key");
	path_back(r, back);
}

/* Sorts the pairs of the map to their rows; vals[i] stays NULL where nothing was written. */
static void pairs_match(struct reader *r, const struct option *o, size_t n,
			const struct yaml_node *map, const struct yaml_node **vals)
{
	const struct yaml_node *keys[SECTION_OPTIONS_MAX] = {NULL};

	for (const struct yaml_node *k = map->child; k; k = k->next->next) {
		size_t i = 0;
		if (k->kind != YAML_SCALAR) {
			bad(r, k, NULL, NULL, "a key must be one word");
			continue;
		}
		while (i < n && strcmp(o[i].key, k->text))
			i++;
		if (i == n) {
			unknown_key(r, o, n, k);
		} else if (keys[i]) {
			size_t back = path_enter(r, o[i].key);
			bad(r, k, NULL, "remove one of them", "given twice; first on line %d",
			    keys[i]->line);
			path_back(r, back);
		} else {
			keys[i] = k;
			/* `key:` without a value says the same as leaving it out. */
			vals[i] = is_empty(k->next) ? NULL : k->next;
		}
	}
}

void section_read(struct reader *r, enum section s, const struct yaml_node *at,
		  const struct yaml_node *map, void *base)
{
	const struct yaml_node *vals[SECTION_OPTIONS_MAX] = {NULL};
	char allowed[160];
	size_t n;
	const struct option *o = section_options(s, &n);

	if (map && map->kind != YAML_MAP) {
		if (!is_empty(map)) {
			bad(r, map, "keys and values", NULL, "a map is needed here");
			return;
		}
		map = NULL;
	}
	if (map)
		pairs_match(r, o, n, map, vals);
	for (size_t i = 0; i < n; i++, o++) {
		size_t back = path_enter(r, o->key);
		if (!vals[i] && !o->def) {
			bad(r, at, option_allowed(o, allowed, sizeof(allowed)), o->meaning,
			    "missing");
		} else if (o->type == OPT_READ) {
			o->read(r, vals[i], base);
		} else if (vals[i]) {
			value_read(r, o, vals[i], base);
		} else if (*o->def) {
			struct yaml_node def = {.kind = YAML_SCALAR, .text = o->def};
			value_read(r, o, &def, base);
		}
		path_back(r, back);
	}
}

bool list_check(struct reader *r, const struct yaml_node *v, const char *allowed)
{
	if (!v)
		return false;
	if (v->kind != YAML_SEQ) {
		bad(r, v, allowed, NULL, "a list is needed here: [a, b]");
		return false;
	}
	for (const struct yaml_node *i = v->child; i; i = i->next)
		if (i->kind != YAML_SCALAR) {
			bad(r, i, allowed, NULL, "each item of this list is one word");
			return false;
		}
	return true;
}

bool map_check(struct reader *r, const struct yaml_node *v, const char *what)
{
	if (!v)
		return false;
	if (v->kind == YAML_MAP)
		return true;
	bad(r, v, what, NULL, "a map is needed here");
	return false;
}

bool key_is_free(struct reader *r, const struct yaml_node *key, const struct yaml_node *const *keys,
		 uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!strcmp(keys[i]->text, key->text)) {
			bad(r, key, NULL, "rename or remove one of them",
			    "this name is given twice; first on line %d", keys[i]->line);
			return false;
		}
	return true;
}

void read_paths(struct reader *r, const struct yaml_node *v, void *base)
{
	section_read(r, SECTION_PATHS, v, v, base);
}

void read_sip_limits(struct reader *r, const struct yaml_node *v, void *base)
{
	section_read(r, SECTION_SIP_LIMITS, v, v, &((struct conf *)base)->sip_limits);
}
