/*
 * Copies of tasks.
 *
 *   owner ── TaskCopy(version) ──► partner: on its disk ── TaskSeen(version) ──► owner is silent
 *   partner, now and then ── TaskSeen(what I have) ──► owner, which answers with anything later
 *
 * So an end that the partner has missed (the owner keeps ended tasks on disk only) is asked for,
 * not remembered. Who takes a task over raises its version past all that the old owner can make;
 * the old one learns it at its return, before it acts (may_act() in node_tasks.c).
 */
#include "nodes/node_tasks_priv.h"

#include <errno.h>
#include <string.h>

enum {
	SAY_AGAIN_MS = 1000,
	SAY_AT_ONCE = 64, /* copies a turn; each is about 1 kB */
	ASK_EVERY_MS = 1000,
	ASK_AT_ONCE = 32, /* of 20,000 copies each is asked about every ten minutes */
};

uint16_t task_copy_to(const struct node *n, const struct task *t, unsigned copy)
{
	uint16_t maker = id_addr(t->id), partner = n->tasks->partner;
	if (copy == 0)
		return partner;
	return maker != n->self->addr && maker != partner && conf_daemon_by_addr(n->conf, maker)
		   ? maker
		   : 0;
}

void task_copy_send(struct node *n, uint16_t to, const struct task *t)
{
	Envelope env = Envelope_init_zero;
	TaskCopy *c = &env.body.task_copy;
	env.which_body = Envelope_task_copy_tag;
	c->id = t->id;
	c->call = t->call;
	c->version = t->version;
	c->attempt = t->attempt;
	c->owner = t->owner;
	c->kind = t->kind;
	c->state = t->state;
	c->tries = t->tries;
	c->created_ms = t->created_ms;
	c->due_ms = t->due_ms;
	c->changed_ms = t->changed_ms;
	c->age_ms = t->age_ms;
	(void)str_copy(c->queue, sizeof(c->queue), t->queue);
	(void)str_copy(c->caller, sizeof(c->caller), t->caller);
	(void)str_copy(c->caller_name, sizeof(c->caller_name), t->caller_name);
	(void)str_copy(c->agent, sizeof(c->agent), t->agent);
	(void)str_copy(c->disposition, sizeof(c->disposition), t->disposition);
	(void)str_copy(c->note, sizeof(c->note), t->note);
	(void)node_mesh_send(n, to, &env, NULL, 0); /* what gets lost is said again */
}

static void seen_send(struct node *n, uint16_t to, uint64_t id, uint64_t version)
{
	Envelope env = Envelope_init_zero;
	env.which_body = Envelope_task_seen_tag;
	env.body.task_seen.id = id;
	env.body.task_seen.version = version;
	(void)node_mesh_send(n, to, &env, NULL, 0);
}

static unsigned say(struct node *n, struct task_work *w, const struct task *t, uint64_t now_us)
{
	unsigned said = 0;
	for (unsigned i = 0; i < TASK_COPIES; i++) {
		uint16_t to = task_copy_to(n, t, i);
		if (!to || w->seen[i] >= t->version)
			continue;
		if (w->said_us[i] && now_us - w->said_us[i] < SAY_AGAIN_MS * 1000u)
			continue;
		w->said_us[i] = now_us;
		task_copy_send(n, to, t);
		said++;
	}
	return said;
}

void task_copies_say(struct node *n, uint64_t id)
{
	const struct task *t = tasks_get(n->tasks->ledger, id);
	struct task_work *w = task_work_find(n, id);
	if (t && w && t->owner == n->self->addr && tasks_safe(n->tasks->ledger, id, t->version))
		(void)say(n, w, t, mono_us());
}

void task_copies_tick(struct node *n, uint64_t now_us)
{
	struct tasks *ledger = n->tasks->ledger;
	uint32_t it = 0;
	unsigned said = 0;
	for (const struct task *t; said < SAY_AT_ONCE && (t = tasks_next(ledger, &it));) {
		struct task_work *w = t->owner == n->self->addr ? task_work_find(n, t->id) : NULL;
		if (w && tasks_safe(ledger, t->id, t->version))
			said += say(n, w, t, now_us);
	}
	if (now_us - n->tasks->asked_us < ASK_EVERY_MS * 1000u)
		return;
	n->tasks->asked_us = now_us;
	if (n->tasks->ask_at >= tasks_count(ledger))
		n->tasks->ask_at = 0;
	unsigned asked = 0;
	for (const struct task *t;
	     asked < ASK_AT_ONCE && (t = tasks_next(ledger, &n->tasks->ask_at));)
		if (t->owner != n->self->addr && tasks_safe(ledger, t->id, t->version)) {
			seen_send(n, t->owner, t->id, t->version);
			asked++;
		}
}

static struct task from_pb(const TaskCopy *c)
{
	struct task t = {.id = c->id,
			 .call = c->call,
			 .version = c->version,
			 .attempt = c->attempt,
			 .owner = (uint16_t)c->owner,
			 .kind = (uint8_t)c->kind,
			 .state = (uint8_t)c->state,
			 .tries = c->tries,
			 .created_ms = c->created_ms,
			 .due_ms = c->due_ms,
			 .changed_ms = c->changed_ms,
			 .age_ms = c->age_ms};
	(void)str_copy(t.queue, sizeof(t.queue), c->queue);
	(void)str_copy(t.caller, sizeof(t.caller), c->caller);
	(void)str_copy(t.caller_name, sizeof(t.caller_name), c->caller_name);
	(void)str_copy(t.agent, sizeof(t.agent), c->agent);
	(void)str_copy(t.disposition, sizeof(t.disposition), c->disposition);
	(void)str_copy(t.note, sizeof(t.note), c->note);
	return t;
}

static bool numbers_fit(const TaskCopy *c)
{
	return c->owner <= UINT16_MAX && c->kind <= UINT8_MAX && c->state <= UINT8_MAX;
}

/* Ours by memory, or by the disk if it has ended. */
static bool known(const struct node *n, uint64_t id, struct task *ret)
{
	const struct task *t = tasks_get(n->tasks->ledger, id);
	if (t)
		*ret = *t;
	return t || !tasks_find(n->tasks->ledger, id, ret);
}

void node_tasks_copy_came(struct node *n, uint16_t from, const TaskCopy *copy)
{
	if (!n->tasks)
		return;
	struct task t = from_pb(copy), mine;
	/* Only its owner speaks for a task. */
	if (copy->owner != from || !numbers_fit(copy) || !task_valid(&t)) {
		log_warn("task.bad_copy", "from=%u", (unsigned)from);
		return;
	}
	bool have = known(n, t.id, &mine);
	if (have && mine.version > t.version) {
		if (mine.owner == n->self->addr)
			task_copy_send(n, from, &mine); /* taken over meanwhile, or later news */
		return;
	}
	if (have && mine.version == t.version) {
		if (!tasks_get(n->tasks->ledger, t.id) ||
		    tasks_safe(n->tasks->ledger, t.id, t.version))
			seen_send(n, from, t.id, t.version);
		return;
	}
	if (have && mine.owner == n->self->addr)
		task_work_drop(n, t.id); /* another node has it now */
	int err = tasks_put(n->tasks->ledger, &t);
	if (err)
		log_warn("task.copy_refused", "from=%u err=%s", (unsigned)from,
			 log_quote(strerror(err)));
	/* Seen is said when it comes again, a second later: it is on disk by then. */
}

void node_tasks_seen_came(struct node *n, uint16_t from, const TaskSeen *seen)
{
	struct task t;
	if (!n->tasks || !known(n, seen->id, &t) || t.owner != n->self->addr)
		return;
	if (seen->version < t.version) {
		if (!tasks_get(n->tasks->ledger, t.id) ||
		    tasks_safe(n->tasks->ledger, t.id, t.version))
			task_copy_send(n, from, &t);
		return;
	}
	struct task_work *w = task_work_find(n, t.id);
	if (!w || seen->version != t.version)
		return;
	for (unsigned i = 0; i < TASK_COPIES; i++)
		if (task_copy_to(n, &t, i) == from) {
			w->seen[i] = seen->version;
			w->confirmed |= i == 0;
		}
}
