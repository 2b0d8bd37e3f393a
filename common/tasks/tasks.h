/*
 * The ledger of tasks: work for an agent that has no caller on the line (a callback that is due, a
 * voicemail; later chat and mail). The call that asked for one has ended (S4); the task has a book
 * of its own, and no time to live: it ends done, given up or cancelled, and every change is
 * fsynced.
 *
 *        ┌────────────── back (not reached, agent gone), tries + 1, due later ─┐
 *        ▼                                                                     │
 *      OPEN ── due, in its queue with the age it had ──► GIVEN to an agent ────┤
 *        │                                                                     ▼
 *        └─ cancelled by a person ──► CANCELLED        DONE (disposition) · GIVEN_UP (tries)
 *
 * SQLite, one database per node (<state>/<node>/tasks.db). Each task has one owner, the node that
 * acts on it; the same table holds copies of a partner site's tasks, whose owner is another node. A
 * change carries a higher version; of two, the higher one holds. The owner alone makes versions;
 * who takes a task over from a site declared lost jumps by TASK_TAKEOVER, so that the old owner's
 * number can never catch up.
 *
 * Times are wall-clock milliseconds: a due time is what a customer chose. They order nothing
 * between two machines; versions do.
 */
#ifndef HELIO_TASKS_H
#define HELIO_TASKS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	/* Open ones, own and copies: 20 MB, and what a partner syncs in a few seconds. More are
	 * refused: the call then goes on waiting. */
	TASKS_OPEN_MAX = 20000,
	TASK_NOTE_SIZE = 512,
};
#define TASK_TAKEOVER (UINT64_C(1) << 32)

enum task_kind { TASK_CALLBACK = 1, TASK_VOICEMAIL = 2 };
enum task_state { TASK_OPEN = 1, TASK_GIVEN, TASK_DONE, TASK_GIVEN_UP, TASK_CANCELLED };

struct task {
	uint64_t id;      /* minted by the node that made it; never 0 */
	uint64_t call;    /* the call that asked for it */
	uint64_t version; /* from 1 */
	uint64_t attempt; /* GIVEN: the call as which it is at an agent; else 0 */
	uint16_t owner;   /* address of the node that acts on it */
	uint8_t kind, state;
	uint32_t tries; /* how often an agent had it */
	int64_t created_ms, due_ms, changed_ms;
	int64_t age_ms; /* what the caller had waited when it was made: the place it keeps */
	char queue[32];
	char caller[64], caller_name[64];
	char agent[32]; /* GIVEN, DONE: who has it */
	char disposition[32];
	char note[TASK_NOTE_SIZE];
};

struct tasks;

/* On the control thread, out of tasks_poll(): this version is on disk. */
typedef void(tasks_safe_h)(uint64_t id, uint64_t version, void *arg);

/* Opens or creates; what is open is read into memory. EBUSY, ENOSPC, EINVAL, E2BIG (more open ones
 * than TASKS_OPEN_MAX); why says what and the remedy. */
int tasks_open(struct tasks **ret, const char *path, tasks_safe_h *safe_h, void *arg,
	       char ret_why[256]);
/* Writes what waits first. NULL-safe. */
struct tasks *tasks_close(struct tasks *t);

/* Tasks that ended more than so many days ago are deleted by and by (common/dbfile/keep.h); 0, as at the
 * start: never. */
void tasks_keep(struct tasks *t, uint32_t days);

/* Readable when tasks_poll() has something to tell. */
int tasks_fd(const struct tasks *t);
void tasks_poll(struct tasks *t);

/* Takes this version, in memory at once, on disk when safe_h says so. A task that is done leaves
 * memory as soon as it is safe. ESTALE: a version at least as high is here already. ENOSPC: too
 * many open ones, or too many wait for the disk. EINVAL: not a task. */
int tasks_put(struct tasks *t, const struct task *task);

/* Open, given, or not safe yet; NULL: no such. Valid until the next call that is not a look. */
const struct task *tasks_get(const struct tasks *t, uint64_t id);
/* As it is on disk, ended ones too. ENOENT, EIO. */
int tasks_find(const struct tasks *t, uint64_t id, struct task *ret);
/* In the order of ids; start with *it = 0. */
const struct task *tasks_next(const struct tasks *t, uint32_t *it);
uint32_t tasks_count(const struct tasks *t);
/* Does this version lie on disk? */
bool tasks_safe(const struct tasks *t, uint64_t id, uint64_t version);
/* A full disk: writes that failed since the start, and how many wait. */
void tasks_trouble(struct tasks *t, uint64_t *ret_errors, uint64_t *ret_pending);

/* Of the database, newest change first, ended ones too; state 0 and queue NULL: all. NULL: error.
 */
json_t *tasks_query(struct tasks *t, uint32_t limit, uint8_t state, const char *queue);

/* Could it be one of ours? To be asked of what a peer sent, and of what lies on the disk. */
bool task_valid(const struct task *task);
/* What the record of an attempt says in place of a SIP Call-ID: "callback:oslo1-2f-91". And: is this
 * one? */
void task_attempt_name(char *dst, size_t size, uint8_t kind, const char *id);
bool task_is_attempt(const char *sip_callid);
/* "unknown" for what is none; texts that stay. */
const char *task_kind_name(uint8_t kind);
const char *task_state_name(uint8_t state);
/* 0: no such name. */
uint8_t task_state_by_name(const char *name);

#endif
