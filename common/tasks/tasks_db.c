#include "common/tasks/tasks_internal.h"

#include "common/base/base.h"
#include "common/dbfile/dbfile.h"

#include <errno.h>
#include <string.h>

/* Ids and versions use the whole of 64 bits as SQLite's signed integers; only equality and (below
 * 2^63) order of versions are asked of them. */
static const char schema[] =
    "CREATE TABLE IF NOT EXISTS tasks ("
    " id INTEGER PRIMARY KEY NOT NULL, call INTEGER NOT NULL, version INTEGER NOT NULL,"
    " attempt INTEGER NOT NULL, owner INTEGER NOT NULL, kind INTEGER NOT NULL,"
    " state INTEGER NOT NULL, tries INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
    " due_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL, age_ms INTEGER NOT NULL,"
    " queue TEXT NOT NULL, caller TEXT NOT NULL, caller_name TEXT NOT NULL,"
    " agent TEXT NOT NULL, disposition TEXT NOT NULL, note TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS tasks_open ON tasks (state) WHERE state <= 2;"
    "CREATE INDEX IF NOT EXISTS tasks_by_change ON tasks (changed_ms);";

static const struct dbfile_kind kind = {
    .what = "a ledger of tasks",
    .application_id = 0x48656c74, /* "Helt" */
    .version = 1,
    .schema = schema,
};

#define COLUMNS                                                                       \
	"id, call, version, attempt, owner, kind, state, tries, created_ms, due_ms, " \
	"changed_ms, age_ms, queue, caller, caller_name, agent, disposition, note"

static const char put_sql[] =
    "INSERT INTO tasks (" COLUMNS ") VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,"
    "?16,?17,?18) ON CONFLICT (id) DO UPDATE SET call = excluded.call,"
    " version = excluded.version, attempt = excluded.attempt, owner = excluded.owner,"
    " kind = excluded.kind, state = excluded.state, tries = excluded.tries,"
    " created_ms = excluded.created_ms, due_ms = excluded.due_ms,"
    " changed_ms = excluded.changed_ms, age_ms = excluded.age_ms, queue = excluded.queue,"
    " caller = excluded.caller, caller_name = excluded.caller_name, agent = excluded.agent,"
    " disposition = excluded.disposition, note = excluded.note"
    " WHERE excluded.version > tasks.version";

int tasks_db_open(struct tasks_db *ret, const char *path, char why[256])
{
	struct tasks_db d = {0};
	int err = dbfile_open(&d.db, path, &kind, why);
	if (err)
		return err;
	err = dbfile_errno(
	    sqlite3_prepare_v3(d.db, put_sql, -1, SQLITE_PREPARE_PERSISTENT, &d.put, NULL));
	if (err) {
		dbfile_explain(why, path, &kind, err, sqlite3_errmsg(d.db));
		tasks_db_close(&d);
		return err;
	}
	*ret = d;
	return 0;
}

void tasks_db_close(struct tasks_db *d)
{
	sqlite3_finalize(d->put);
	sqlite3_close(d->db);
	*d = (struct tasks_db){0};
}

int tasks_db_put(struct tasks_db *d, const struct task *t)
{
	const int64_t number[] = {(int64_t)t->id,
				  (int64_t)t->call,
				  (int64_t)t->version,
				  (int64_t)t->attempt,
				  t->owner,
				  t->kind,
				  t->state,
				  t->tries,
				  t->created_ms,
				  t->due_ms,
				  t->changed_ms,
				  t->age_ms};
	const char *text[] = {t->queue, t->caller,      t->caller_name,
			      t->agent, t->disposition, t->note};
	int at = 1;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(number); i++)
		sqlite3_bind_int64(d->put, at++, number[i]);
	for (size_t i = 0; i < HELIO_ARRAY_LEN(text); i++)
		sqlite3_bind_text(d->put, at++, text[i], -1, SQLITE_STATIC);
	return dbfile_step(d->put);
}

static void text_get(char *dst, size_t size, sqlite3_stmt *s, int column)
{
	const char *text = (const char *)sqlite3_column_text(s, column);
	(void)str_copy(dst, size, text ? text : "");
}

static void task_get(struct task *t, sqlite3_stmt *s)
{
	*t = (struct task){
	    .id = (uint64_t)sqlite3_column_int64(s, 0),
	    .call = (uint64_t)sqlite3_column_int64(s, 1),
	    .version = (uint64_t)sqlite3_column_int64(s, 2),
	    .attempt = (uint64_t)sqlite3_column_int64(s, 3),
	    .owner = (uint16_t)sqlite3_column_int(s, 4),
	    .kind = (uint8_t)sqlite3_column_int(s, 5),
	    .state = (uint8_t)sqlite3_column_int(s, 6),
	    .tries = (uint32_t)sqlite3_column_int64(s, 7),
	    .created_ms = sqlite3_column_int64(s, 8),
	    .due_ms = sqlite3_column_int64(s, 9),
	    .changed_ms = sqlite3_column_int64(s, 10),
	    .age_ms = sqlite3_column_int64(s, 11),
	};
	text_get(t->queue, sizeof(t->queue), s, 12);
	text_get(t->caller, sizeof(t->caller), s, 13);
	text_get(t->caller_name, sizeof(t->caller_name), s, 14);
	text_get(t->agent, sizeof(t->agent), s, 15);
	text_get(t->disposition, sizeof(t->disposition), s, 16);
	text_get(t->note, sizeof(t->note), s, 17);
}

int tasks_db_load(sqlite3 *db, int (*h)(const struct task *task, void *arg), void *arg)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(
	    db, "SELECT " COLUMNS " FROM tasks WHERE state <= 2 ORDER BY id", -1, &s, NULL);
	int err = 0;
	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		struct task t;
		rc = sqlite3_step(s);
		if (rc != SQLITE_ROW)
			break;
		task_get(&t, s);
		err = h(&t, arg);
		if (err)
			break;
	}
	sqlite3_finalize(s);
	return err ? err : dbfile_errno(rc);
}

void tasks_keep_init(struct dbfile_keep *k, sqlite3 *db)
{
	*k = (struct dbfile_keep){
	    .db = db,
	    .oldest = "SELECT min(changed_ms) FROM tasks WHERE state > 2",
	    .remove = {"DELETE FROM tasks WHERE id IN (SELECT id FROM tasks WHERE state > 2"
		       " AND changed_ms < ?1 ORDER BY changed_ms LIMIT ?2)"}};
}

int tasks_db_find(sqlite3 *db, uint64_t id, struct task *ret)
{
	sqlite3_stmt *s = NULL;
	int rc =
	    sqlite3_prepare_v2(db, "SELECT " COLUMNS " FROM tasks WHERE id = ?1", -1, &s, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_bind_int64(s, 1, (int64_t)id);
		rc = sqlite3_step(s);
		if (rc == SQLITE_ROW)
			task_get(ret, s);
	}
	sqlite3_finalize(s);
	return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? ENOENT : dbfile_errno(rc);
}

static json_t *task_json(const struct task *t)
{
	return json_pack(
	    "{s:I s:I s:I s:I s:i s:s s:s s:I s:I s:I s:I s:I s:s s:s s:s s:s s:s s:s}", "id",
	    (json_int_t)t->id, "call", (json_int_t)t->call, "version", (json_int_t)t->version,
	    "attempt", (json_int_t)t->attempt, "owner", (int)t->owner, "kind",
	    task_kind_name(t->kind), "state", task_state_name(t->state), "tries",
	    (json_int_t)t->tries, "created_ms", (json_int_t)t->created_ms, "due_ms",
	    (json_int_t)t->due_ms, "changed_ms", (json_int_t)t->changed_ms, "age_ms",
	    (json_int_t)t->age_ms, "queue", t->queue, "caller", t->caller, "caller_name",
	    t->caller_name, "agent", t->agent, "disposition", t->disposition, "note", t->note);
}

json_t *tasks_db_query(sqlite3 *db, uint32_t limit, uint8_t state, const char *queue)
{
	static const char sql[] = "SELECT " COLUMNS " FROM tasks WHERE (?1 = 0 OR state = ?1)"
				  " AND (?2 IS NULL OR queue = ?2)"
				  " ORDER BY changed_ms DESC, id DESC LIMIT ?3";
	sqlite3_stmt *s = NULL;
	json_t *list = json_array();
	int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
	if (rc == SQLITE_OK && list) {
		sqlite3_bind_int(s, 1, state);
		sqlite3_bind_text(s, 2, queue, -1, SQLITE_STATIC); /* NULL binds NULL */
		sqlite3_bind_int64(s, 3, limit);
		while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
			struct task t;
			task_get(&t, s);
			json_array_append_new(list, task_json(&t));
		}
	}
	sqlite3_finalize(s);
	if (rc != SQLITE_DONE) {
		json_decref(list);
		return NULL;
	}
	return list;
}
