/* queues: what they ask for, in which order agents are asked, and who is asked first. */
#include "common/conf/options.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

void read_queue_skills(struct reader *r, const struct yaml_node *v, void *base)
{
	struct conf_queue *q = base;

	q->skills = skills_read(r, v, &q->levels);
}

void read_strategy(struct reader *r, const struct yaml_node *v, void *base)
{
	static const char *const names[ACD_STRATEGY_COUNT] = {
	    [ACD_LONGEST_IDLE] = "longest_idle", [ACD_FEWEST_CALLS] = "fewest_calls",
	    [ACD_LEAST_TALK] = "least_talk",     [ACD_MOST_SKILLED] = "most_skilled",
	    [ACD_ROUND_ROBIN] = "round_robin",   [ACD_LINEAR] = "linear",
	    [ACD_RING_ALL] = "ring_all",
	};
	struct conf_queue *q = base;

	if (!v)
		return; /* longest_idle is 0 */
	for (uint8_t s = 0; v->kind == YAML_SCALAR && s < ACD_STRATEGY_COUNT; s++)
		if (strcmp(v->text, names[s]) == 0) {
			q->strategy = s;
			return;
		}
	bad(r, v,
	    "longest_idle, fewest_calls, least_talk, most_skilled, round_robin, linear, ring_all",
	    NULL, "not a strategy");
}

void read_ask(struct reader *r, const struct yaml_node *v, void *base)
{
	struct conf_route *route = base;

	if (!v)
		return; /* reported */
	if (v->kind != YAML_SEQ) {
		bad(r, v, "a list of at most 3 such as [{to: owner, for: 20s}]", NULL,
		    "a list of steps is needed here");
		return;
	}
	for (const struct yaml_node *i = v->child; i; i = i->next) {
		if (route->ask_n == ACD_WANTS_MAX) {
			bad(r, i, "at most 3 steps", NULL, "too many");
			return;
		}
		section_read(r, SECTION_ASK, i, i, &route->ask[route->ask_n++]);
	}
}

/* Names are looked up in check_all(), when agents are known. */
void read_route(struct reader *r, const struct yaml_node *v, void *base)
{
	struct conf_queue *q = base;

	if (!v)
		return;
	if (v->kind != YAML_SEQ) {
		bad(r, v, "a list of rules {who: …, ask: […]}", NULL,
		    "a list of rules is needed here");
		return;
	}
	for (const struct yaml_node *i = v->child; i; i = i->next) {
		if (q->route_n == CONF_ROUTES_MAX) {
			bad(r, i, "at most 6 rules", NULL, "too many");
			return;
		}
		section_read(r, SECTION_ROUTE, i, i, &q->route[q->route_n++]);
	}
}

void read_level(struct reader *r, const struct yaml_node *v, void *base)
{
	section_read(r, SECTION_LEVEL, v, v, base);
}

static bool queues_grow(struct reader *r)
{
	struct conf *c = r->conf;

	if (c->queues_n < r->queues_size)
		return true;
	uint32_t size = r->queues_size ? 2 * r->queues_size : 32;
	struct conf_queue *queues = realloc(c->queues, size * sizeof(*queues));
	if (queues)
		c->queues = queues;
	const struct yaml_node **keys = realloc(r->queue_keys, size * sizeof(*keys));
	if (keys)
		r->queue_keys = keys;
	r->no_memory |= !queues || !keys;
	if (!r->no_memory)
		r->queues_size = size;
	return !r->no_memory;
}

void read_queues(struct reader *r, const struct yaml_node *v, void *base)
{
	struct conf *c = base;
	char name[CONF_NAME_SIZE];

	if (!map_check(r, v, "queue names, each with its options"))
		return;
	for (const struct yaml_node *k = v->child; k && !r->no_memory; k = k->next->next) {
		size_t back = path_enter(r, k->kind == YAML_SCALAR ? k->text : "?");
		if (c->queues_n == CONF_QUEUES_MAX) {
			bad(r, k, "at most 1024 queues", NULL, "too many");
			path_back(r, back);
			return;
		}
		if (name_read(r, k, name) && key_is_free(r, k, r->queue_keys, c->queues_n) &&
		    queues_grow(r)) {
			struct conf_queue *q = &c->queues[c->queues_n];
			memset(q, 0, sizeof(*q));
			r->queue_keys[c->queues_n++] = k;
			str_copy(q->name, sizeof(q->name), name);
			q->id = (uint32_t)hash_str(name);
			q->line = k->line;
			section_read(r, SECTION_QUEUE, k, k->next, q);
			if (!*q->display)
				str_copy(q->display, sizeof(q->display), name);
		}
		path_back(r, back);
	}
}
