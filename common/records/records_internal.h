/* One connection with its statements (records_db.c); the thread and the queue (records.c). */
#ifndef HELIO_RECORDS_INTERNAL_H
#define HELIO_RECORDS_INTERNAL_H

#include <sqlite3.h>

#include "common/dbfile/keep.h"
#include "common/records/records.h"

struct records_db {
	sqlite3 *db;
	sqlite3_stmt *put, *wrap;
};

/* Opens or creates the file, brings its schema up, prepares the statements. errno. */
int records_db_open(struct records_db *ret, const char *path, char why[256]);
void records_db_close(struct records_db *d);
/* One transaction: begin, any number of put and wrap, commit; or rollback. errno of what failed. */
int records_db_begin(struct records_db *d);
int records_db_put(struct records_db *d, const struct record *rec);
int records_db_wrap(struct records_db *d, const char *call, const char *disposition,
		    const char *note);
int records_db_commit(struct records_db *d);
void records_db_rollback(struct records_db *d);

void records_keep_init(struct dbfile_keep *k, sqlite3 *db);

/* The reader: read-only, in the caller's thread. */
int records_reader_open(sqlite3 **ret, const char *path);
json_t *records_reader_query(sqlite3 *db, uint32_t limit, const char *queue, const char *agent,
			     const char *call, int64_t after_ms);
int records_reader_each(sqlite3 *db, int64_t after_ms, uint32_t limit, records_each_h *h,
			void *arg);
json_t *records_reader_totals(sqlite3 *db);

#endif
