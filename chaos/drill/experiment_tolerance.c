/* What a probe may see: one value, one of a list, a range. */
#include "chaos/drill/experiment_reader.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

static void tolerance_range(struct reader *r, const struct yaml_node *v, struct tolerance *t)
{
	static const char *const words[] = {"type", "range", NULL};
	const struct yaml_node *type = yaml_value(v, "type"), *range = yaml_value(v, "range");
	reader_keys(r, v, words);
	if (!type || type->kind != YAML_SCALAR || strcmp(type->text, "range") != 0) {
		reader_wrong(r, type ? type : v, "tolerance", "type: range with range: [low, high]",
			     "this kind of tolerance is not known");
		return;
	}
	if (!range || !reader_seq(r, range, "range") || !range->child || !range->child->next ||
	    range->child->next->next) {
		reader_wrong(r, v, "tolerance", NULL, "range: [low, high] is needed");
		return;
	}
	t->kind = TOLERANCE_RANGE;
	t->low = reader_number(r, range->child, "low", -1e15, 1e15);
	t->high = reader_number(r, range->child->next, "high", -1e15, 1e15);
	if (t->low > t->high)
		reader_wrong(r, range, "range", NULL, "the low end lies above the high end");
}

void tolerance_parse(struct reader *r, const struct yaml_node *v, struct tolerance *t)
{
	v = reader_resolved(r, v);
	if (v->kind == YAML_MAP) {
		tolerance_range(r, v, t);
	} else if (v->kind == YAML_SCALAR) {
		t->kind = TOLERANCE_EQUAL;
		t->value = reader_scalar(v);
	} else {
		t->kind = TOLERANCE_ONE_OF;
		t->value = json_array();
		for (const struct yaml_node *i = v->child; i; i = i->next) {
			if (i->kind == YAML_SCALAR)
				json_array_append_new(t->value, reader_scalar(i));
			else
				reader_wrong(r, i, "tolerance", NULL,
					     "a list of single values is needed");
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
