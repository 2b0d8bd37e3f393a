/* The database and its statements (tasks_db.c); memory, queue and thread (tasks.c). */
#ifndef HELIO_TASKS_INTERNAL_H
#define HELIO_TASKS_INTERNAL_H

#include "common/dbfile/keep.h"
#include "common/tasks/tasks.h"

#include <sqlite3.h>

struct tasks_db {
	sqlite3 *db;
	sqlite3_stmt *put;
};

int tasks_db_open(struct tasks_db *ret, const char *path, char why[256]);
void tasks_db_close(struct tasks_db *d);
int tasks_db_put(struct tasks_db *d, const struct task *task);
/* Every open and given one, in the order of ids. h returns an errno to stop. */
int tasks_db_load(sqlite3 *db, int (*h)(const struct task *task, void *arg), void *arg);
void tasks_keep_init(struct dbfile_keep *k, sqlite3 *db);
int tasks_db_find(sqlite3 *db, uint64_t id, struct task *ret);
json_t *tasks_db_query(sqlite3 *db, uint32_t limit, uint8_t state, const char *queue);

#endif
