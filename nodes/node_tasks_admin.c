/* What helioctl asks and decides of tasks. */
#include "nodes/node_tasks_priv.h"
#include "common/admin/admin.h"

#include <string.h>

enum { LIST_MAX = 1000, LIST_DEFAULT = 50 };

/* Ids as people read them, owners by name; numbers as they are: who may ask may call back. */
static void readable(struct node *n, json_t *row)
{
	static const char *const ids[] = {"id", "call", "attempt"};
	char text[ID_STR_SIZE];
	for (size_t i = 0; i < HELIO_ARRAY_LEN(ids); i++) {
		uint64_t id = (uint64_t)json_integer_value(json_object_get(row, ids[i]));
		json_object_set_new(row, ids[i],
				    json_string(id ? conf_id_format(n->conf, text, id) : ""));
	}
	uint16_t owner = (uint16_t)json_integer_value(json_object_get(row, "owner"));
	const struct conf_daemon *d = conf_daemon_by_addr(n->conf, owner);
	json_object_set_new(row, "owner", json_string(d ? d->name : "?"));
	json_object_set_new(row, "node", json_string(n->self->name));
	json_object_set_new(row, "copy", json_boolean(owner != n->self->addr));
}

void node_tasks_figures(const struct node *n, struct tasks_figures *ret)
{
	uint32_t it = 0;
	*ret = (struct tasks_figures){0};
	if (!n->tasks)
		return;
	tasks_trouble(n->tasks->ledger, &ret->errors, &ret->pending);
	for (const struct task *t; (t = tasks_next(n->tasks->ledger, &it));) {
		if (t->owner != n->self->addr || t->state > TASK_GIVEN)
			continue;
		const struct task_work *w = task_work_find(n, t->id);
		ret->open++;
		ret->uncopied += !w || w->seen[0] < t->version;
	}
}

json_t *node_tasks_list(struct node *n, const json_t *req)
{
	json_int_t limit = json_integer_value(json_object_get(req, "limit"));
	const char *state = json_string_value(json_object_get(req, "state"));
	uint8_t which = state && *state ? task_state_by_name(state) : 0;
	if (state && *state && !which)
		return admin_error("no such state", "one of: open given done given_up cancelled");
	json_t *list = tasks_query(n->tasks->ledger,
				   limit > 0 && limit <= LIST_MAX ? (uint32_t)limit : LIST_DEFAULT,
				   which, json_string_value(json_object_get(req, "queue")));
	if (!list)
		return admin_error("the ledger of tasks cannot be read",
				   "look at the node's log for event=task.*");
	size_t i;
	json_t *row;
	struct tasks_figures f;
	json_array_foreach(list, i, row) readable(n, row);
	node_tasks_figures(n, &f);
	return json_pack("{sb so sI sI}", "ok", 1, "tasks", list, "open", (json_int_t)f.open,
			 "uncopied", (json_int_t)f.uncopied);
}

json_t *node_tasks_cancel(struct node *n, const json_t *req)
{
	const char *text = json_string_value(json_object_get(req, "task"));
	uint64_t id = 0;
	if (!text || conf_id_parse(n->conf, text, &id))
		return admin_error("task_cancel needs \"task\"", "helioctl tasks cancel ID");
	const struct task *t = tasks_get(n->tasks->ledger, id);
	if (!t || t->owner != n->self->addr || t->state > TASK_GIVEN)
		return json_pack("{sb sb}", "ok", 1, "here", 0);
	if (t->state == TASK_GIVEN)
		return admin_error("an agent has it now", "wait for what the agent notes");
	struct task next = *t;
	next.version++;
	next.state = TASK_CANCELLED;
	next.changed_ms = wall_ms();
	struct task_work *w = task_work_find(n, id);
	uint64_t call = w ? w->call : 0;
	int err = task_change(n, &next);
	if (err)
		return admin_error("it could not be written", strerror(err));
	if (call) { /* it waits in its queue: no more */
		struct acd_event ev = {
		    .type = ACD_EV_CALL_GONE, .call = {call}, .cause = ACD_CAUSE_FORCED};
		(void)node_event(n, &ev);
	}
	return json_pack("{sb sb}", "ok", 1, "here", 1);
}

/* A person has said that a site will not come back soon: its tasks, of which the copies are here,
 * are this node's from now on. */
json_t *node_tasks_declare_lost(struct node *n, const json_t *req)
{
	const char *name = json_string_value(json_object_get(req, "site"));
	const struct conf_site *site = NULL;
	for (uint32_t i = 0; name && i < n->conf->sites_n; i++)
		if (strcmp(n->conf->sites[i].name, name) == 0)
			site = &n->conf->sites[i];
	if (!site)
		return admin_error("no such site", "helioctl site declare-lost SITE");
	if (site == n->site)
		return admin_error("this node is of that site", "ask the nodes of the others");
	uint32_t it = 0, taken = 0, failed = 0;
	for (const struct task *t; (t = tasks_next(n->tasks->ledger, &it));) {
		if (addr_site(t->owner) != site->number || t->state > TASK_GIVEN)
			continue;
		struct task next = *t;
		next.version += TASK_TAKEOVER;
		next.owner = n->self->addr;
		next.changed_ms = wall_ms();
		if (task_change(n, &next) || !task_work_make(n, next.id, true))
			failed++;
		else
			taken++;
	}
	log_warn("site.declared_lost", "site=%s tasks=%u failed=%u", site->name, taken, failed);
	return json_pack("{sb sI sI}", "ok", 1, "taken", (json_int_t)taken, "failed",
			 (json_int_t)failed);
}
