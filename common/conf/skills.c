/* skills: their names, and what a queue asks or an agent has of them. */
#include "common/conf/options.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool skill_name_ok(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n < CONF_NAME_SIZE && s[0] >= 'a' && s[0] <= 'z' && s[n - 1] != '.' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.-") == n;
}

void read_skill_names(struct reader *r, const struct yaml_node *v, void *base)
{
	static const char allowed[] = "a-z, 0-9, - and ., starting with a letter, at most 31";
	struct conf *c = base;
	char q[48];

	if (!list_check(r, v, "a list of names, such as [lang.en, product.orders]"))
		return;
	for (const struct yaml_node *i = v->child; i; i = i->next) {
		bool twice = false;
		for (uint32_t k = 0; k < c->skills_n; k++)
			twice |= !strcmp(c->skills[k], i->text);
		if (!skill_name_ok(i->text)) {
			bad(r, i, allowed, NULL, "%s is not a name",
			    problem_quote(q, sizeof(q), i->text));
		} else if (twice) {
			bad(r, i, NULL, "remove one of them", "%s is given twice",
			    problem_quote(q, sizeof(q), i->text));
		} else if (c->skills_n == CONF_SKILLS_MAX) {
			bad(r, i, "at most 64 skills", NULL, "too many");
			return;
		} else {
			str_copy(c->skills[c->skills_n++], CONF_NAME_SIZE, i->text);
		}
	}
	qsort(c->skills, c->skills_n, sizeof(c->skills[0]), by_text);
}

static const char *skill_at(size_t i, const void *arg)
{
	return ((const struct conf *)arg)->skills[i];
}

/* One name; its number, or -1 after a report. */
static int skill_read(struct reader *r, const struct yaml_node *i, uint64_t before)
{
	const struct conf *c = r->conf;
	char remedy[96], q[48];
	uint32_t k = 0;

	while (k < c->skills_n && strcmp(c->skills[k], i->text))
		k++;
	if (k == c->skills_n)
		bad(r, i, "a name from skills: in the cluster file",
		    did_you_mean(remedy, sizeof(remedy),
				 near_find(i->text, c->skills_n, skill_at, c), "add it to skills:"),
		    "unknown skill %s", problem_quote(q, sizeof(q), i->text));
	else if (before & 1ull << k)
		bad(r, i, NULL, "remove one of them", "skill %s is given twice",
		    problem_quote(q, sizeof(q), i->text));
	else
		return (int)k;
	return -1;
}

uint64_t levels_read(struct reader *r, const struct yaml_node *map, unsigned least,
		     struct acd_levels *ret_levels)
{
	const struct option level = {.key = "level", .type = OPT_U32, .min = least, .max = 10};
	uint64_t bits = 0;

	for (const struct yaml_node *key = map->child; key; key = key->next->next) {
		uint32_t n = 0;
		if (key->kind != YAML_SCALAR) {
			bad(r, key, "a name from skills:", NULL, "a name is needed here");
			continue;
		}
		int k = skill_read(r, key, bits);
		if (k < 0)
			continue;
		size_t back = path_enter(r, key->text);
		if (value_read(r, &level, key->next, &n)) {
			bits |= 1ull << k;
			ret_levels->w[k / 16] |= (uint64_t)n << 4 * (k % 16);
		}
		path_back(r, back);
	}
	return bits;
}

uint64_t skills_read(struct reader *r, const struct yaml_node *v, struct acd_levels *ret_levels)
{
	uint64_t bits = 0;

	*ret_levels = (struct acd_levels){0};
	if (v && v->kind == YAML_MAP)
		return levels_read(r, v, 1, ret_levels);
	if (!list_check(r, v, "a list of names from skills:, or {name: level}"))
		return 0;
	for (const struct yaml_node *i = v->child; i; i = i->next) {
		int k = skill_read(r, i, bits);
		if (k >= 0)
			bits |= 1ull << k;
	}
	return bits;
}
