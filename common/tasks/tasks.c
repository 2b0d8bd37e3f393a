/*
 *   control thread ── tasks_put ──► table in memory, sorted by id
 *                          └──────► queue ──► writer thread ── a transaction, an fsync ──► SQLite
 *   control thread ◄── tasks_poll ◄── descriptor ◄── what is safe now ◄──────────────────────┘
 */
#include "common/tasks/tasks_internal.h"

#include "common/base/base.h"
#include "common/dbfile/dbfile.h"
#include "common/dbfile/writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	PENDING_MAX = 20000, /* changes that wait for the disk: 17 MB */
	BATCH_MAX = 256,
	RETRY_MS = 500, /* between tries while the disk is full: cheap, soon noticed */
	CLOSE_TRIES = 3,
};

struct slot {
	struct task task;
	uint64_t safe_version; /* on disk */
};
struct change {
	struct change *next;
	struct task task;
};
struct changes {
	struct change *head, **tail;
};

struct tasks {
	/* the control thread's */
	struct slot **slots; /* by id, upwards */
	uint32_t slots_n, slots_cap;
	sqlite3 *reader;
	tasks_safe_h *safe_h;
	void *arg;
	int fd;
	/* the writer's */
	struct tasks_db db;
	struct dbfile_keep keep;
	struct dbfile_writer writer;
	/* under its lock */
	struct changes waiting, written;
	uint64_t pending, errors;
};

/* ---- names */

const char *task_kind_name(uint8_t kind)
{
	return kind == TASK_CALLBACK    ? "callback"
	       : kind == TASK_VOICEMAIL ? "voicemail"
					: "unknown";
}

void task_attempt_name(char *dst, size_t size, uint8_t kind, const char *id)
{
	snprintf(dst, size, "%s:%s", task_kind_name(kind), id);
}

bool task_is_attempt(const char *sip_callid)
{
	for (uint8_t kind = TASK_CALLBACK; kind <= TASK_VOICEMAIL; kind++) {
		const char *name = task_kind_name(kind);
		size_t n = strlen(name);
		if (strncmp(sip_callid, name, n) == 0 && sip_callid[n] == ':')
			return true;
	}
	return false;
}

static const char *const state_names[] = {
    [TASK_OPEN] = "open",         [TASK_GIVEN] = "given",         [TASK_DONE] = "done",
    [TASK_GIVEN_UP] = "given_up", [TASK_CANCELLED] = "cancelled",
};

const char *task_state_name(uint8_t state)
{
	return state >= TASK_OPEN && state <= TASK_CANCELLED ? state_names[state] : "unknown";
}

uint8_t task_state_by_name(const char *name)
{
	for (uint8_t i = TASK_OPEN; i <= TASK_CANCELLED; i++)
		if (strcmp(name, state_names[i]) == 0)
			return i;
	return 0;
}

static bool ended(const struct task *t)
{
	return t->state > TASK_GIVEN;
}

bool task_valid(const struct task *t)
{
	return t->id && t->version && t->version <= INT64_MAX && t->owner && t->queue[0] &&
	       (t->kind == TASK_CALLBACK || t->kind == TASK_VOICEMAIL) && t->state >= TASK_OPEN &&
	       t->state <= TASK_CANCELLED && t->age_ms >= 0 && t->created_ms >= 0 &&
	       t->due_ms >= 0 && (t->state == TASK_GIVEN) == (t->attempt != 0);
}

/* ---- the table */

/* Where id is, or would be put. */
static uint32_t slot_at(const struct tasks *t, uint64_t id)
{
	uint32_t low = 0, high = t->slots_n;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (t->slots[mid]->task.id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct slot *slot_find(const struct tasks *t, uint64_t id)
{
	uint32_t at = slot_at(t, id);
	return at < t->slots_n && t->slots[at]->task.id == id ? t->slots[at] : NULL;
}

static int slot_add(struct tasks *t, const struct task *task, uint64_t safe_version)
{
	if (t->slots_n == t->slots_cap) {
		uint32_t cap = t->slots_cap ? t->slots_cap * 2 : 64;
		struct slot **more = realloc(t->slots, cap * sizeof(*more));
		if (!more)
			return ENOMEM;
		t->slots = more;
		t->slots_cap = cap;
	}
	struct slot *s = malloc(sizeof(*s));
	if (!s)
		return ENOMEM;
	*s = (struct slot){.task = *task, .safe_version = safe_version};
	uint32_t at = slot_at(t, task->id);
	memmove(t->slots + at + 1, t->slots + at, (t->slots_n - at) * sizeof(struct slot *));
	t->slots[at] = s;
	t->slots_n++;
	return 0;
}

static void slot_remove(struct tasks *t, uint64_t id)
{
	uint32_t at = slot_at(t, id);
	helio_assert(at < t->slots_n && t->slots[at]->task.id == id);
	free(t->slots[at]);
	t->slots_n--;
	memmove(t->slots + at, t->slots + at + 1, (t->slots_n - at) * sizeof(struct slot *));
}

static int loaded_h(const struct task *task, void *arg)
{
	struct tasks *t = arg;
	if (!task_valid(task))
		return EINVAL;
	return t->slots_n == TASKS_OPEN_MAX ? E2BIG : slot_add(t, task, task->version);
}

/* ---- the writer */

static int batch_write(struct tasks_db *db, const struct change *first, unsigned n)
{
	int err = dbfile_run(db->db, "BEGIN IMMEDIATE");
	while (!err && n) {
		err = tasks_db_put(db, &first->task);
		/* ->next of the last one belongs to who appends. */
		if (--n)
			first = first->next;
	}
	if (!err)
		err = dbfile_run(db->db, "COMMIT");
	if (err && !sqlite3_get_autocommit(db->db))
		dbfile_run(db->db, "ROLLBACK");
	return err;
}

static void push(struct changes *list, struct change *c)
{
	c->next = NULL;
	*list->tail = c;
	list->tail = &c->next;
}

static struct change *pop(struct changes *list)
{
	struct change *c = list->head;
	if (c) {
		list->head = c->next;
		if (!list->head)
			list->tail = &list->head;
	}
	return c;
}

static void tell(struct tasks *t)
{
	uint64_t one = 1;
	ssize_t n = write(t->fd, &one, sizeof(one));
	helio_assert(n == sizeof(one) || errno == EAGAIN);
}

static void *writer(void *arg)
{
	struct tasks *t = arg;
	unsigned tries = 0;
	pthread_mutex_lock(&t->writer.lock);
	while (!t->writer.stop || t->waiting.head) {
		const struct change *first = t->waiting.head;
		unsigned n = 0;
		for (const struct change *c = first; c && n < BATCH_MAX; c = c->next)
			n++;
		if (!n) {
			dbfile_keep_idle(&t->keep, &t->writer.lock, &t->writer.wake, mono_us(),
					 wall_ms());
			continue;
		}
		pthread_mutex_unlock(&t->writer.lock);
		int err = batch_write(&t->db, first, n);
		pthread_mutex_lock(&t->writer.lock);
		if (err) {
			t->errors++;
			if (t->writer.stop && ++tries >= CLOSE_TRIES)
				break;
			dbfile_writer_pause(&t->writer, RETRY_MS);
			continue;
		}
		for (; n; n--, t->pending--)
			push(&t->written, pop(&t->waiting));
		tell(t);
	}
	pthread_mutex_unlock(&t->writer.lock);
	return NULL;
}

/* ---- open, close */

static void drop(struct tasks *t)
{
	for (struct change *c; (c = pop(&t->waiting));)
		free(c);
	for (struct change *c; (c = pop(&t->written));)
		free(c);
	for (uint32_t i = 0; i < t->slots_n; i++)
		free(t->slots[i]);
	free(t->slots);
	sqlite3_close(t->reader);
	tasks_db_close(&t->db);
	if (t->fd >= 0)
		close(t->fd);
	free(t);
}

static int load(struct tasks *t, const char *path, char why[256])
{
	int err = dbfile_open_reader(&t->reader, path);
	if (!err)
		err = tasks_db_load(t->reader, loaded_h, t);
	if (err == E2BIG)
		snprintf(why, 256, "%.160s holds more than %d open tasks", path, TASKS_OPEN_MAX);
	else if (err == EINVAL)
		snprintf(why, 256, "%.160s holds a task that no version of ours wrote; restore it",
			 path);
	return err;
}

int tasks_open(struct tasks **ret, const char *path, tasks_safe_h *safe_h, void *arg,
	       char ret_why[256])
{
	struct tasks *t = calloc(1, sizeof(*t));
	ret_why[0] = '\0';
	if (!t)
		return ENOMEM;
	t->safe_h = safe_h;
	t->arg = arg;
	t->waiting.tail = &t->waiting.head;
	t->written.tail = &t->written.head;
	t->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int err = t->fd < 0 ? errno : tasks_db_open(&t->db, path, ret_why);
	if (!err)
		err = load(t, path, ret_why);
	if (!err) {
		tasks_keep_init(&t->keep, t->db.db);
		err = dbfile_writer_start(&t->writer, writer, t);
	}
	if (err) {
		if (!ret_why[0])
			(void)str_copy(ret_why, 256, strerror(err));
		drop(t);
		return err;
	}
	*ret = t;
	return 0;
}

struct tasks *tasks_close(struct tasks *t)
{
	if (!t)
		return NULL;
	dbfile_writer_stop(&t->writer);
	drop(t);
	return NULL;
}

void tasks_keep(struct tasks *t, uint32_t days)
{
	pthread_mutex_lock(&t->writer.lock);
	if (dbfile_keep_days(&t->keep, days))
		pthread_cond_signal(&t->writer.wake);
	pthread_mutex_unlock(&t->writer.lock);
}

/* ---- changes */

int tasks_fd(const struct tasks *t)
{
	return t->fd;
}

void tasks_poll(struct tasks *t)
{
	struct changes done = {.tail = &done.head};
	uint64_t n;
	ssize_t got = read(t->fd, &n, sizeof(n));
	(void)got; /* only resets the counter */
	pthread_mutex_lock(&t->writer.lock);
	for (struct change *c; (c = pop(&t->written));)
		push(&done, c);
	pthread_mutex_unlock(&t->writer.lock);
	for (struct change *c; (c = pop(&done)); free(c)) {
		struct slot *s = slot_find(t, c->task.id);
		if (s && c->task.version > s->safe_version)
			s->safe_version = c->task.version;
		t->safe_h(c->task.id, c->task.version, t->arg);
		s = slot_find(t, c->task.id); /* the handler may have changed it */
		if (s && ended(&s->task) && s->safe_version == s->task.version)
			slot_remove(t, c->task.id);
	}
}

int tasks_put(struct tasks *t, const struct task *task)
{
	struct slot *s = slot_find(t, task->id);
	if (!task_valid(task))
		return EINVAL;
	if (s && s->task.version >= task->version)
		return ESTALE;
	if (!s && t->slots_n >= TASKS_OPEN_MAX)
		return ENOSPC;
	struct change *c = malloc(sizeof(*c));
	if (!c)
		return ENOMEM;
	c->task = *task;
	int err = s ? 0 : slot_add(t, task, 0);
	if (!err) {
		pthread_mutex_lock(&t->writer.lock);
		if (t->pending >= PENDING_MAX) {
			err = ENOSPC;
		} else {
			push(&t->waiting, c);
			t->pending++;
			pthread_cond_signal(&t->writer.wake);
		}
		pthread_mutex_unlock(&t->writer.lock);
		if (err && !s)
			slot_remove(t, task->id);
	}
	if (err) {
		free(c);
		return err;
	}
	if (s)
		s->task = *task;
	return 0;
}

const struct task *tasks_get(const struct tasks *t, uint64_t id)
{
	const struct slot *s = slot_find(t, id);
	return s ? &s->task : NULL;
}

int tasks_find(const struct tasks *t, uint64_t id, struct task *ret)
{
	return tasks_db_find(t->reader, id, ret);
}

const struct task *tasks_next(const struct tasks *t, uint32_t *it)
{
	return *it < t->slots_n ? &t->slots[(*it)++]->task : NULL;
}

uint32_t tasks_count(const struct tasks *t)
{
	return t->slots_n;
}

bool tasks_safe(const struct tasks *t, uint64_t id, uint64_t version)
{
	const struct slot *s = slot_find(t, id);
	return s && s->safe_version >= version;
}

void tasks_trouble(struct tasks *t, uint64_t *ret_errors, uint64_t *ret_pending)
{
	pthread_mutex_lock(&t->writer.lock);
	*ret_errors = t->errors;
	*ret_pending = t->pending;
	pthread_mutex_unlock(&t->writer.lock);
}

json_t *tasks_query(struct tasks *t, uint32_t limit, uint8_t state, const char *queue)
{
	return tasks_db_query(t->reader, limit, state, queue);
}
