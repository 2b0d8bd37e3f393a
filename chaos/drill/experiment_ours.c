/* `extensions: [{name: heliograph, …}]`: the load, the lab, when to stop. */
#include "chaos/drill/experiment_reader.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

static void load_parse(struct reader *r, const struct yaml_node *v)
{
	static const char *const words[] = {"callers",  "agents", "rate", "hold",
					    "talk",     "answer", "far",  "again",
					    "browsers", "sipp",   NULL};
	struct experiment *e = r->e;
	if (!reader_map(r, v, "load"))
		return;
	reader_keys(r, v, words);
	for (const struct yaml_node *k = v->child; k && k->next; k = k->next->next) {
		if (strcmp(reader_key(k), "callers") == 0)
			e->callers = (uint32_t)reader_number(r, k->next, reader_key(k), 0, 2000);
		else if (strcmp(reader_key(k), "agents") == 0)
			e->agents = (uint32_t)reader_number(r, k->next, reader_key(k), 0, 2000);
		else if (strcmp(reader_key(k), "browsers") == 0)
			e->browsers = (uint32_t)reader_number(r, k->next, reader_key(k), 0,
							      EXPERIMENT_BROWSERS_MAX);
		else if (strcmp(reader_key(k), "far") == 0)
			e->far = (uint32_t)reader_number(r, k->next, reader_key(k), 0, 2000);
		else if (strcmp(reader_key(k), "sipp") == 0)
			e->sipp = (uint32_t)reader_number(r, k->next, reader_key(k), 0, 500);
		else if (strcmp(reader_key(k), "again") == 0)
			e->again = reader_bool(r, k->next, reader_key(k));
		else if (strcmp(reader_key(k), "rate") == 0)
			e->callers_rate = reader_number(r, k->next, reader_key(k), 1, 100);
		else if (strcmp(reader_key(k), "hold") == 0)
			e->callers_hold_s = reader_number(r, k->next, reader_key(k), 1, 3600);
		else if (strcmp(reader_key(k), "talk") == 0)
			e->talk_s = reader_number(r, k->next, reader_key(k), 0, 3600);
		else if (strcmp(reader_key(k), "answer") == 0)
			e->answer_s = reader_number(r, k->next, reader_key(k), 0, 30);
	}
	if (e->far + e->sipp > e->callers)
		reader_wrong(r, v, "load", NULL,
			     "far and sipp are parts of callers: together at most %u", e->callers);
	if (e->sipp && e->again)
		reader_wrong(r, v, "load", NULL,
			     "sipp's callers do not call again: one of sipp and again");
}

static void lab_parse(struct reader *r, const struct yaml_node *v)
{
	static const char *const words[] = {"wan", "queue", "clock", "disks", "seed", NULL};
	struct experiment *e = r->e;
	if (!reader_map(r, v, "lab"))
		return;
	reader_keys(r, v, words);
	for (const struct yaml_node *k = v->child; k && k->next; k = k->next->next) {
		if (strcmp(reader_key(k), "wan") == 0)
			e->wan = reader_text(r, k->next, reader_key(k));
		else if (strcmp(reader_key(k), "queue") == 0)
			e->queue = reader_text(r, k->next, reader_key(k));
		else if (strcmp(reader_key(k), "clock") == 0)
			e->clock = reader_bool(r, k->next, reader_key(k));
		else if (strcmp(reader_key(k), "disks") == 0)
			e->small_disks = reader_bool(r, k->next, reader_key(k));
		else if (strcmp(reader_key(k), "seed") == 0)
			e->seed = (uint32_t)reader_number(r, k->next, reader_key(k), 0, UINT32_MAX);
	}
}

static void stop_parse(struct reader *r, const struct yaml_node *v)
{
	static const char *const words[] = {"metric", "above", "below", NULL};
	for (const struct yaml_node *i = reader_seq(r, v, "stop") ? v->child : NULL; i;
	     i = i->next) {
		if (!reader_map(r, i, "stop"))
			continue;
		reader_keys(r, i, words);
		if (r->e->stops_n == EXPERIMENT_STOPS_MAX) {
			reader_wrong(r, i, "stop", NULL, "at most %d are possible",
				     EXPERIMENT_STOPS_MAX);
			return;
		}
		const struct yaml_node *m = yaml_value(i, "metric"), *a = yaml_value(i, "above"),
				       *b = yaml_value(i, "below");
		const struct func *f = m && m->kind == YAML_SCALAR ? func_find(m->text) : NULL;
		if (!f || f->class != FUNC_METRIC || (!a && !b)) {
			reader_wrong(r, i, "stop", NULL,
				     "a metric, and above or below, are needed");
			continue;
		}
		r->e->stop[r->e->stops_n++] = (struct stop){
		    .name = f->name,
		    .above = a ? reader_number(r, a, "above", -1e15, 1e15) : INFINITY,
		    .below = b ? reader_number(r, b, "below", -1e15, 1e15) : -INFINITY};
	}
}

void extensions_parse(struct reader *r, const struct yaml_node *v)
{
	static const char *const words[] = {"name", "load", "lab", "stop", "settle", NULL};
	for (const struct yaml_node *i = reader_seq(r, v, "extensions") ? v->child : NULL; i;
	     i = i->next) {
		if (!reader_map(r, i, "extensions"))
			continue;
		const struct yaml_node *name = yaml_value(i, "name"), *x;
		if (!name || name->kind != YAML_SCALAR) {
			reader_wrong(r, i, "extensions", NULL, "an extension needs a name");
			continue;
		}
		if (strcmp(name->text, "heliograph") != 0)
			continue; /* another tool's */
		reader_keys(r, i, words);
		if ((x = yaml_value(i, "load")))
			load_parse(r, x);
		if ((x = yaml_value(i, "lab")))
			lab_parse(r, x);
		if ((x = yaml_value(i, "stop")))
			stop_parse(r, x);
		if ((x = yaml_value(i, "settle")))
			r->e->settle_s = reader_number(r, x, "settle", 0, 3600);
	}
}
