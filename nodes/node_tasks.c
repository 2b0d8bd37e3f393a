#include "nodes/node_tasks_priv.h"
#include "nodes/node_neighbour.h"
#include "nodes/node_last.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	TICK_MS = 500,
	/* A disk that has not taken a task by then is full or broken: the caller waits on. */
	SAFE_WITHIN_MS = 5000,
	/* Refused by the core (full, draining): a moment later there may be room. */
	AGAIN_MS = 5000,
	/* After the talk and its wrap-up: who has noted nothing by then has forgotten it. */
	NOTE_WITHIN_MS = 120000,
	/* People change their mind while they write; later than this it is only in the record. */
	NOTE_SETTLES_MS = 2000,
	/* After a restart nobody knows how far the agent was. */
	NOTE_AFTER_RESTART_MS = 900000,
	/* Started anew, the partner is asked first whether it has taken tasks over. If it cannot be
	 * reached: a customer called twice is the lesser evil than one never called. */
	CONFIRM_WITHIN_MS = 60000,
	ATTEMPTS_AT_ONCE = 32, /* a tick: 64 a second are more than people can do */
	BUCKETS = 4096,        /* TASKS_OPEN_MAX of them are looked through twice a second */
};
/* As old as a call may be (AGE_MAX_US of the core), less a day. */
static const int64_t age_max_ms = 99ll * 24 * 3600 * 1000;

static uint32_t key(uint64_t id)
{
	return hash_fast((const char *)&id, sizeof(id));
}

/* ---- works */

static bool work_is(struct le *le, void *arg)
{
	return ((const struct task_work *)le->data)->id == *(const uint64_t *)arg;
}

static bool work_has_call(struct le *le, void *arg)
{
	return ((const struct task_work *)le->data)->call == *(const uint64_t *)arg;
}

struct task_work *task_work_find(const struct node *n, uint64_t id)
{
	return list_ledata(hash_lookup(n->tasks->works, key(id), work_is, &id));
}

static struct task_work *work_of_call(const struct node *n, uint64_t call)
{
	return n->tasks ? list_ledata(hash_lookup(n->tasks->calls, key(call), work_has_call, &call))
			: NULL;
}

static void work_destroy(void *arg)
{
	struct task_work *w = arg;
	hash_unlink(&w->he);
	hash_unlink(&w->by_call);
}

struct task_work *task_work_make(struct node *n, uint64_t id, bool confirmed)
{
	struct task_work *w = task_work_find(n, id);
	if (!w)
		w = mem_zalloc(sizeof(*w), work_destroy);
	if (!w)
		return NULL; /* the next tick tries again */
	if (!w->id) {
		w->id = id;
		hash_append(n->tasks->works, key(id), &w->he, w);
	}
	w->confirmed |= confirmed;
	return w;
}

void task_work_drop(struct node *n, uint64_t id)
{
	struct task_work *w = task_work_find(n, id);
	if (w && w->call) { /* its end is the last that is heard of it */
		struct acd_event ev = {
		    .type = ACD_EV_CALL_GONE, .call = {w->call}, .cause = ACD_CAUSE_FORCED};
		w->dropped = true;
		(void)node_event(n, &ev);
	} else {
		mem_deref(w);
	}
}

const struct task *node_tasks_of(const struct node *n, uint64_t call)
{
	const struct task_work *w = work_of_call(n, call);
	return w ? tasks_get(n->tasks->ledger, w->id) : NULL;
}

int node_tasks_grant(const struct node *n, uint64_t call, Acd *pb)
{
	const struct task *t = node_tasks_of(n, call);
	if (!t)
		return ENOENT;
	pb->task = t->kind;
	(void)str_copy(pb->caller, sizeof(pb->caller), t->caller);
	(void)str_copy(pb->caller_name, sizeof(pb->caller_name), t->caller_name);
	return 0;
}

static const struct conf_queue *queue_of(const struct node *n, const struct task *t)
{
	return conf_queue_by_name(n->conf, t->queue);
}

int task_change(struct node *n, const struct task *t)
{
	char id[ID_STR_SIZE];
	int err = tasks_put(n->tasks->ledger, t);
	conf_id_format(n->conf, id, t->id);
	if (err)
		log_error("task.not_written", "task=%s state=%s err=%s", id,
			  task_state_name(t->state), log_quote(strerror(err)));
	else
		log_info("task.changed", "task=%s kind=%s queue=%s state=%s tries=%u", id,
			 task_kind_name(t->kind), t->queue, task_state_name(t->state),
			 (unsigned)t->tries);
	return err;
}

static struct task next_version(const struct task *t, uint8_t state)
{
	struct task next = *t;
	next.version++;
	next.state = state;
	next.changed_ms = wall_ms();
	if (state != TASK_GIVEN)
		next.attempt = 0;
	return next;
}

/* ---- a caller becomes a task */

static void leaving_destroy(void *arg)
{
	struct task_leaving *l = arg;
	list_unlink(&l->le);
}

int node_tasks_take(struct node *n, const struct call *c, const struct acd_fx *fx)
{
	struct task t = {.id = node_id_next(n),
			 .call = c->id.v,
			 .version = 1,
			 .owner = n->self->addr,
			 .kind =
			     fx->outcome == ACD_OUTCOME_VOICEMAIL ? TASK_VOICEMAIL : TASK_CALLBACK,
			 .state = TASK_OPEN,
			 .created_ms = wall_ms(),
			 .age_ms = (int64_t)(fx->age_us / 1000)};
	struct task_leaving *l = mem_zalloc(sizeof(*l), leaving_destroy);
	if (!l)
		return ENOMEM;
	t.due_ms = t.changed_ms = t.created_ms;
	(void)str_copy(t.queue, sizeof(t.queue), c->queue->name);
	(void)str_copy(t.caller, sizeof(t.caller), c->caller ? c->caller : "");
	(void)str_copy(t.caller_name, sizeof(t.caller_name), c->caller_name ? c->caller_name : "");
	int err = task_change(n, &t);
	if (err || !task_work_make(n, t.id, true)) {
		mem_deref(l);
		return err ? err : ENOMEM;
	}
	l->call = c->id.v;
	l->task = t.id;
	l->fx = *fx;
	l->give_up_us = mono_us() + SAFE_WITHIN_MS * 1000u;
	/* Closed: it has heard all of it before the core let it go. */
	if (fx->cause == ACD_CAUSE_TIMEOUT && *c->queue->task_announcement && c->accepted)
		l->hear_out_us = mono_us() + c->queue->closed_after_ms * 1000ull;
	list_append(&n->tasks->leaving, &l->le, l);
	return 0;
}

static void cancel(struct node *n, uint64_t id)
{
	const struct task *t = tasks_get(n->tasks->ledger, id);
	if (!t || t->state > TASK_GIVEN)
		return;
	struct task next = next_version(t, TASK_CANCELLED);
	(void)task_change(n, &next);
}

/* True: it has been dealt with, l is gone. */
static bool leaving_settle(struct node *n, struct task_leaving *l, uint64_t now_us)
{
	const struct call *c = node_call_find(n, l->call);
	bool gone = !c || c->over;
	if (l->safe ? !gone && now_us < l->hear_out_us : now_us < l->give_up_us)
		return false;
	bool safe = l->safe;
	struct acd_fx fx = l->fx;
	uint64_t task = l->task;
	mem_deref(l);
	if (!safe) /* it stays in line instead; two places would be one too many */
		cancel(n, task);
	calls_left(n, &fx, safe);
	return true;
}

void node_tasks_returned(struct node *n, uint64_t call)
{
	uint32_t it = 0;
	for (const struct task *t; (t = tasks_next(n->tasks->ledger, &it));)
		if (t->call == call && t->owner == n->self->addr && t->state == TASK_OPEN &&
		    t->tries == 0) {
			cancel(n, t->id);
			return;
		}
}

/* ---- attempts */

static void attempt_over(struct task_work *w)
{
	hash_unlink(&w->by_call);
	w->call = 0;
	w->answered_us = 0;
	w->answered_ms = 0;
	w->agent = 0;
	w->offers = 0;
}

static void attempt(struct node *n, struct task_work *w, const struct task *t,
		    const struct conf_queue *q, uint64_t now_us)
{
	int64_t age_ms = t->age_ms + (wall_ms() - t->created_ms);
	struct acd_event ev = {.type = ACD_EV_CALL_ARRIVED, .queue = {q->id}, .on = true};
	char task_id[ID_STR_SIZE], call_id[ID_STR_SIZE];
	age_ms = age_ms < 0 ? 0 : age_ms > age_max_ms ? age_max_ms : age_ms;
	ev.age_us = (uint64_t)age_ms * 1000;
	w->call = ev.call.v = node_id_next(n);
	w->entered_us = now_us;
	w->entered_ms = wall_ms();
	hash_append(n->tasks->calls, key(w->call), &w->by_call, w);
	if (node_event(n, &ev) != ACD_OK) {
		attempt_over(w);
		w->not_before_us = now_us + AGAIN_MS * 1000u;
		return;
	}
	n->counters.entered++;
	log_info("task.due", "task=%s call=%s queue=%s waited_ms=%lld",
		 conf_id_format(n->conf, task_id, t->id),
		 conf_id_format(n->conf, call_id, ev.call.v), q->name, (long long)age_ms);
}

static void attempt_record(struct node *n, const struct task_work *w, const struct task *t,
			   const struct acd_fx *fx)
{
	struct record r = {.cepoch = fx->cepoch,
			   .entered_ms = w->entered_ms,
			   .answered_ms = w->answered_ms,
			   .ended_ms = wall_ms(),
			   .offers = w->offers};
	uint64_t now = mono_us(), until = w->answered_us ? w->answered_us : now;
	const struct conf_agent *agent = w->agent ? conf_agent_by_id(n->conf, w->agent) : NULL;
	const struct conf_daemon *node = conf_daemon_by_addr(n->conf, w->agent_node);
	const struct conf_site *site = conf_site_by_number(n->conf, addr_site(w->agent_node));
	char id[ID_STR_SIZE];
	conf_id_format(n->conf, r.call, w->call);
	task_attempt_name(r.sip_callid, sizeof(r.sip_callid), t->kind,
			  conf_id_format(n->conf, id, t->id));
	(void)str_copy(r.queue, sizeof(r.queue), t->queue);
	(void)str_copy(r.site, sizeof(r.site), n->site->name);
	(void)str_copy(r.node, sizeof(r.node), n->self->name);
	if (agent) {
		(void)str_copy(r.agent, sizeof(r.agent), agent->name);
		(void)str_copy(r.agent_site, sizeof(r.agent_site), site ? site->name : "");
		(void)str_copy(r.agent_node, sizeof(r.agent_node), node ? node->name : "");
	}
	(void)str_copy(r.caller, sizeof(r.caller), t->caller);
	(void)str_copy(r.dialled, sizeof(r.dialled), t->queue);
	(void)str_copy(r.outcome, sizeof(r.outcome), acd_outcome_name(fx->outcome));
	(void)str_copy(r.cause, sizeof(r.cause), acd_cause_name(fx->cause));
	r.wait_ms = (int64_t)((until - w->entered_us) / 1000);
	r.talk_ms = w->answered_us ? (int64_t)((now - w->answered_us) / 1000) : 0;
	int err = records_put(n->records, &r);
	if (err)
		log_error("record.lost", "call=%s err=%s", r.call, log_quote(strerror(err)));
}

static void given(struct node *n, struct task_work *w, const struct task *t,
		  const struct acd_fx *fx)
{
	const struct conf_agent *agent = conf_agent_by_id(n->conf, fx->agent.v);
	struct task next = next_version(t, TASK_GIVEN);
	w->agent = fx->agent.v;
	w->agent_node = fx->peer.v;
	if (!w->answered_us) {
		w->answered_us = mono_us();
		w->answered_ms = wall_ms();
	}
	node_last_talked(n, t->caller, w->agent);
	w->noted_by_us = w->noted_us = 0; /* not while the agent is at it */
	next.disposition[0] = '\0';       /* an earlier try's */
	next.attempt = w->call;
	next.tries++;
	(void)str_copy(next.agent, sizeof(next.agent), agent ? agent->name : "?");
	(void)task_change(n, &next);
}

/* Nobody reached, nothing noted: later again, or never again. */
static void back(struct node *n, const struct task *t)
{
	const struct conf_queue *q = queue_of(n, t);
	bool last = q && t->tries >= q->task_tries;
	struct task next = next_version(t, last ? TASK_GIVEN_UP : TASK_OPEN);
	next.due_ms = next.changed_ms + (q ? q->task_retry_ms : NOTE_AFTER_RESTART_MS);
	(void)task_change(n, &next);
}

static void attempt_ended(struct node *n, struct task_work *w, const struct task *t,
			  const struct acd_fx *fx)
{
	const struct conf_queue *q = queue_of(n, t);
	n->counters.ended++;
	*(fx->outcome == ACD_OUTCOME_ANSWERED ? &n->counters.answered : &n->counters.failed) += 1;
	attempt_record(n, w, t, fx);
	w->noted_by_us = mono_us() + NOTE_WITHIN_MS * 1000u + (q ? q->wrap_up_ms * 1000ull : 0);
	attempt_over(w);
	w->not_before_us = mono_us() + AGAIN_MS * 1000u;
}

bool node_tasks_fx(struct node *n, const struct acd_fx *fx)
{
	struct task_work *w = work_of_call(n, fx->call.v);
	const struct task *t = w ? tasks_get(n->tasks->ledger, w->id) : NULL;
	if (!w)
		return false;
	if (!t || w->dropped) {
		if (t && fx->call_state == ACD_CALL_ENDED)
			attempt_ended(n, w, t, fx);
		if (fx->call_state == ACD_CALL_ENDED)
			mem_deref(w);
		return true;
	}
	switch ((enum acd_call_state)fx->call_state) {
	case ACD_CALL_GRANTED:
		w->offers++;
		n->counters.offers++;
		break;
	case ACD_CALL_BRIDGED: given(n, w, t, fx); break;
	case ACD_CALL_QUEUED:
	case ACD_CALL_AWAIT_AGENT:
		/* The agent has it, whatever became of the node between: not to another one, too.
		 */
		if (t->state == TASK_GIVEN && t->attempt == w->call) {
			struct acd_event ev = {.type = ACD_EV_CALL_GONE,
					       .call = fx->call,
					       .cause = ACD_CAUSE_KEEP_LOST};
			(void)node_event(n, &ev);
		}
		break;
	case ACD_CALL_ENDED: attempt_ended(n, w, t, fx); break;
	case ACD_CALL_NONE: break;
	}
	return true;
}

/* By the attempt under which the agent had it: it may have ended, or another life begun. */
static const struct task *given_as(const struct node *n, uint64_t call)
{
	uint32_t it = 0;
	for (const struct task *t; (t = tasks_next(n->tasks->ledger, &it));)
		if (t->state == TASK_GIVEN && t->attempt == call && t->owner == n->self->addr)
			return t;
	return NULL;
}

bool node_tasks_wrap(struct node *n, uint64_t call, const char *disposition, const char *note)
{
	const struct task *t = n->tasks ? given_as(n, call) : NULL;
	if (!t)
		return false;
	struct task next = next_version(t, TASK_GIVEN);
	(void)str_copy(next.disposition, sizeof(next.disposition), disposition);
	(void)str_copy(next.note, sizeof(next.note), note);
	/* Drafts come while it is written; what is chosen last counts, a moment after the talk. */
	if (task_change(n, &next))
		return true;
	struct task_work *w = task_work_find(n, t->id);
	if (w)
		w->noted_us = mono_us();
	return true;
}

/* The talk is over and its outcome is noted: done, unless nobody was reached. */
static void settle_given(struct node *n, struct task_work *w, const struct task *t, uint64_t now_us)
{
	if (w->call || (w->noted_us && now_us - w->noted_us < NOTE_SETTLES_MS * 1000u))
		return;
	if (!w->noted_by_us) /* this process did not see it begin */
		w->noted_by_us = now_us + NOTE_AFTER_RESTART_MS * 1000ull;
	if (strcmp(t->disposition, "not_reached") == 0 ||
	    (!*t->disposition && now_us >= w->noted_by_us)) {
		back(n, t);
	} else if (*t->disposition) {
		struct task next = next_version(t, TASK_DONE);
		(void)task_change(n, &next);
	}
}

static bool may_act(const struct node *n, const struct task_work *w, uint64_t now_us)
{
	return w->confirmed || !n->tasks->partner ||
	       now_us - n->tasks->opened_us > CONFIRM_WITHIN_MS * 1000ull;
}

static void tick_h(void *arg)
{
	struct node *n = arg;
	uint64_t now_us = mono_us();
	int64_t now_ms = wall_ms();
	uint32_t it = 0, begun = 0;
	tmr_start(&n->tasks->tmr, TICK_MS, tick_h, n);
	for (struct le *le = n->tasks->leaving.head, *next; le; le = next) {
		next = le->next;
		(void)leaving_settle(n, le->data, now_us);
	}
	for (const struct task *t; (t = tasks_next(n->tasks->ledger, &it));) {
		if (t->owner != n->self->addr || t->state > TASK_GIVEN)
			continue;
		struct task_work *w = task_work_make(n, t->id, false);
		const struct conf_queue *q = queue_of(n, t);
		if (!w || !may_act(n, w, now_us))
			continue;
		if (t->state == TASK_GIVEN)
			settle_given(n, w, t, now_us);
		else if (q && !q->closed && !w->call && t->due_ms <= now_ms &&
			 now_us >= w->not_before_us && begun < ATTEMPTS_AT_ONCE &&
			 tasks_safe(n->tasks->ledger, t->id, t->version) && !n->draining &&
			 !n->loading && !node_neighbour_lapsed(n)) {
			attempt(n, w, t, q, now_us);
			begun++;
		}
	}
	task_copies_tick(n, now_us);
}

/* ---- open, close */

static void safe_h(uint64_t id, uint64_t version, void *arg)
{
	struct node *n = arg;
	for (struct le *le = n->tasks->leaving.head, *next; le; le = next) {
		struct task_leaving *l = le->data;
		next = le->next;
		if (l->task != id)
			continue;
		l->safe = true;
		(void)leaving_settle(n, l, mono_us());
	}
	task_copies_say(n, id);
	const struct task *t = tasks_get(n->tasks->ledger, id);
	/* Should the partner have missed its end, it asks: the disk knows. */
	if (t && t->state > TASK_GIVEN && t->version == version)
		task_work_drop(n, id);
}

static void ledger_h(int flags, void *arg)
{
	struct node *n = arg;
	(void)flags;
	tasks_poll(n->tasks->ledger);
}

/* The node of the next site, at the place that this one has in its own; of the same site if there
 * is no other. The order is that of site numbers, then of ordinals, so that each node finds the
 * same. */
static uint16_t partner_of(const struct conf *conf, uint16_t self)
{
	uint16_t best = 0;
	uint32_t best_far = UINT32_MAX;
	for (uint32_t i = 0; i < conf->daemons_n; i++) {
		uint16_t a = conf->daemons[i].addr;
		if (conf->daemons[i].role != CONF_NODE || a == self)
			continue;
		uint32_t site_far = (addr_site(a) - addr_site(self)) & 0xff;
		uint32_t node_far = (addr_ordinal(a) - addr_ordinal(self)) & 0xff;
		uint32_t far = (site_far ? site_far : 0x100) << 8 | node_far;
		if (far < best_far) {
			best = a;
			best_far = far;
		}
	}
	return best;
}

int node_tasks_open(struct node *n, const char *state_dir, char ret_why[256])
{
	char path[CONF_PATH_SIZE + 16];
	n->tasks = mem_zalloc(sizeof(*n->tasks), NULL);
	if (!n->tasks)
		return ENOMEM;
	struct node_tasks *ts = n->tasks;
	tmr_init(&ts->tmr);
	ts->partner = partner_of(n->conf, n->self->addr);
	ts->opened_us = mono_us();
	int err = hash_alloc(&ts->works, BUCKETS);
	if (!err)
		err = hash_alloc(&ts->calls, BUCKETS);
	snprintf(path, sizeof(path), "%s/tasks.db", state_dir);
	if (!err)
		err = tasks_open(&ts->ledger, path, safe_h, n, ret_why);
	if (!err)
		node_tasks_keep(n);
	if (!err)
		err = fd_listen(tasks_fd(ts->ledger), FD_READ, ledger_h, n);
	if (!err)
		tmr_start(&ts->tmr, TICK_MS, tick_h, n);
	return err;
}

void node_tasks_keep(struct node *n)
{
	tasks_keep(n->tasks->ledger, n->conf->keep_days);
}

void node_tasks_close(struct node *n)
{
	struct node_tasks *ts = n->tasks;
	if (!ts)
		return;
	tmr_cancel(&ts->tmr);
	if (ts->ledger)
		fd_close(tasks_fd(ts->ledger));
	list_flush(&ts->leaving);
	if (ts->works)
		hash_flush(ts->works);
	ts->works = mem_deref(ts->works);
	ts->calls = mem_deref(ts->calls);
	ts->ledger = tasks_close(ts->ledger);
	n->tasks = mem_deref(ts);
}

void node_tasks_goodbye(struct node *n)
{
	for (struct le *le = n->tasks ? n->tasks->leaving.head : NULL, *next; le; le = next) {
		struct task_leaving *l = le->data;
		struct acd_fx fx = l->fx;
		next = le->next;
		mem_deref(l);
		calls_left(n, &fx, true);
	}
}
