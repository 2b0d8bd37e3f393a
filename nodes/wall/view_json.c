/* The view in the words of nodes/desk/PROTOCOL.md, a page's share at a time. */
#include "nodes/wall/view.h"
#include "common/acd/acd.h"
#include "common/base/base.h"

#include <stdio.h>

/* A row is at most this long: names of 24 bytes, a display name of 63 that JSON may write six bytes
 * a character, ids of 47. */
enum { ROW_MAX = 1200 };

static json_int_t age_ms(uint64_t since_us, uint64_t now_us)
{
	return since_us && now_us > since_us ? (json_int_t)((now_us - since_us) / 1000) : 0;
}

static const char *site_name(const struct wall_view *v, unsigned number)
{
	const struct conf_site *site = conf_site_by_number(v->conf, number);
	return site ? site->name : "";
}

static json_t *agent_json(const struct wall_view *v, const struct wall_row *row, uint64_t now_us)
{
	const struct wall_agent *a = &row->agent;
	const struct conf_agent *who = conf_agent_by_id(v->conf, a->agent);
	const struct conf_daemon *node = conf_daemon_by_addr(v->conf, row->node);
	const struct conf_queue *q = a->queue ? conf_queue_by_id(v->conf, a->queue) : NULL;
	char call[ID_STR_SIZE] = "", skills[20];
	if (!who)
		return NULL;
	if (a->state == ACD_AGENT_OFF)
		return json_pack("{ss ss}", "name", who->name, "state", "off");
	if (a->call)
		conf_id_format(v->conf, call, a->call);
	snprintf(skills, sizeof(skills), "%llx", (unsigned long long)who->skills);
	return json_pack("{ss ss ss ss ss ss sI ss ss ss sb}", "name", who->name, "display",
			 who->display, "site", site_name(v, who->site), "node",
			 node ? node->name : "", "state", acd_agent_state_name(a->state), "reason",
			 acd_reason_name(a->reason), "since_ms", age_ms(a->since_us, now_us),
			 "queue", q ? q->name : "", "call", call, "skills", skills, "heard",
			 row->heard);
}

static json_t *queue_json(const struct wall_view *v, const struct wall_row *row, uint64_t now_us)
{
	const struct wall_queue *q = &row->queue;
	const struct conf_queue *c = conf_queue_by_id(v->conf, q->queue);
	if (!c)
		return NULL;
#define I(x) (json_int_t)(x)
	return json_pack("{ss ss sI sI sI sI sI sI sI sI sI sb}", "queue", c->name, "site",
			 site_name(v, addr_site(row->node)), "waiting", I(q->waiting), "longest_ms",
			 age_ms(q->head_us, now_us), "entered", I(q->day.entered), "answered",
			 I(q->day.answered), "in_time", I(q->day.in_time), "abandoned",
			 I(q->day.abandoned), "wait_ms", I(q->day.wait_ms), "ewt_ms", I(q->ewt_ms),
			 "ewt_error_ms", I(q->ewt_error_ms), "heard", row->heard);
}

static json_t *line_json(const struct wall_view *v, const struct wall_row *row)
{
	const struct conf_queue *c = &v->conf->queues[row->line];
	char skills[20];
	snprintf(skills, sizeof(skills), "%llx", (unsigned long long)c->skills);
	return json_pack("{ss ss ss sI sI}", "name", c->name, "display", c->display, "skills",
			 skills, "within_ms", I(c->sl_within_ms), "target_pct",
			 I(c->sl_target_pct));
}

/* In how long; absent: not within two weeks. */
static void in_ms(json_t *o, const struct wall_view *v, int64_t change, uint64_t now_us)
{
	if (change == INT64_MAX)
		return;
	int64_t ms = (change * 1000000 - v->clock_us - (int64_t)now_us) / 1000;
	json_object_set_new(o, "changes_ms", json_integer(ms > 0 ? ms : 0));
}

static json_t *hours_json(const struct wall_view *v, const struct wall_row *row, uint64_t now_us)
{
	const struct wall_hours *h = &row->hours;
	const struct conf_queue *c = conf_queue_by_id(v->conf, h->queue);
	const char *site = h->site ? site_name(v, h->site) : "";
	if (!c)
		return NULL;
	if (!h->has)
		return json_pack("{ss ss sb}", "queue", c->name, "site", site, "none", 1);
	json_t *o = json_pack("{ss ss sb}", "queue", c->name, "site", site, "open", h->open);
	if (o && !h->site) {
		json_object_set_new(o, "gaps", json_integer(h->gaps));
		json_object_set_new(o, "gaps_ms", json_integer(h->gaps_s * 1000));
	}
	if (o)
		in_ms(o, v, h->change, now_us);
	return o;
}

static json_t *site_json(const struct wall_view *v, const struct wall_row *row)
{
	return json_pack("{ss sI sI}", "name", site_name(v, row->site.site), "nodes",
			 I(row->site.nodes), "heard", I(row->site.heard));
#undef I
}

static json_t *row_json(const struct wall_view *v, const struct wall_row *row, uint64_t now_us,
			const char **ret_list)
{
	switch (row->kind) {
	case WALL_AGENT: *ret_list = "agents"; return agent_json(v, row, now_us);
	case WALL_QUEUE: *ret_list = "figures"; return queue_json(v, row, now_us);
	case WALL_SITE: *ret_list = "sites"; return site_json(v, row);
	case WALL_LINE: *ret_list = "queues"; return line_json(v, row);
	case WALL_HOURS: *ret_list = "hours"; return hours_json(v, row, now_us);
	}
	return NULL;
}

static void list_add(json_t *msg, const char *list, json_t *row)
{
	json_t *rows = json_object_get(msg, list);
	if (!rows) {
		rows = json_array();
		json_object_set_new(msg, list, rows);
	}
	json_array_append_new(rows, row);
}

json_t *wall_view_json(const struct wall_view *v, struct wall_page *page, uint64_t now_us)
{
	const struct wall_row *row = wall_table_after(&v->rows, page->have);
	size_t len = 128; /* the frame around the rows */
	if (!row)
		return NULL;
	json_t *msg = json_pack("{ss sb}", "t", "wall", "full", page->messages == 0);
	for (; row && len + ROW_MAX <= WALL_JSON_MAX; row = row->newer) {
		const char *list = "";
		json_t *one = row_json(v, row, now_us, &list);
		if (one) {
			len += json_dumpb(one, NULL, 0, JSON_COMPACT) + 1;
			list_add(msg, list, one);
		}
		page->have = row->version;
	}
	json_object_set_new(msg, "more", json_boolean(row != NULL));
	page->messages++;
	return msg;
}
