#include "common/dbfile/keep.h"
#include "common/dbfile/dbfile.h"

#include <stddef.h>
#include <time.h>

enum {
	ROWS = 500,     /* one transaction: some milliseconds of the disk */
	AGAIN_MS = 100, /* what is new is written between two of them */
	HOUR_MS = 3600000,
};
static const int64_t day_ms = 24ll * HOUR_MS;

/* False: there is none, or it cannot be read. */
static bool oldest_get(struct dbfile_keep *k, int64_t *ret)
{
	sqlite3_stmt *s = NULL;
	bool found = sqlite3_prepare_v2(k->db, k->oldest, -1, &s, NULL) == SQLITE_OK &&
		     sqlite3_step(s) == SQLITE_ROW && sqlite3_column_type(s, 0) == SQLITE_INTEGER;

	if (found)
		*ret = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return found;
}

static int remove_some(struct dbfile_keep *k, int *ret_rows)
{
	int err = dbfile_run(k->db, "BEGIN IMMEDIATE");

	for (int i = 0; !err && i < DBFILE_KEEP_STATEMENTS && k->remove[i]; i++) {
		sqlite3_stmt *s = NULL;
		err = dbfile_errno(sqlite3_prepare_v2(k->db, k->remove[i], -1, &s, NULL));
		if (!err) {
			sqlite3_bind_int64(s, 1, k->before_ms);
			sqlite3_bind_int(s, 2, ROWS);
			err = dbfile_errno(sqlite3_step(s));
			*ret_rows = sqlite3_changes(k->db);
		}
		sqlite3_finalize(s);
	}
	if (!err)
		err = dbfile_run(k->db, "COMMIT");
	if (err && !sqlite3_get_autocommit(k->db))
		dbfile_run(k->db, "ROLLBACK");
	return err;
}

/* Does what is due; returns in how many milliseconds to come again. */
static uint32_t step(struct dbfile_keep *k, uint32_t days, int64_t wall_now_ms)
{
	int64_t oldest, limit = wall_now_ms - days * day_ms;
	int rows = 0;

	if (!k->before_ms) {
		if (!oldest_get(k, &oldest) || oldest >= limit)
			return HOUR_MS;
		k->before_ms = oldest + day_ms < limit ? oldest + day_ms : limit;
	}
	if (!remove_some(k, &rows) && rows == ROWS)
		return AGAIN_MS;
	k->before_ms = 0;
	return HOUR_MS;
}

bool dbfile_keep_days(struct dbfile_keep *k, uint32_t days)
{
	bool other = k->days != days;

	k->days = days;
	if (other)
		k->due_us = 0;
	return other;
}

void dbfile_keep_idle(struct dbfile_keep *k, pthread_mutex_t *lock, pthread_cond_t *wake,
		      uint64_t mono_now_us, int64_t wall_now_ms)
{
	if (!k->days) {
		pthread_cond_wait(wake, lock);
		return;
	}
	if (mono_now_us < k->due_us) {
		struct timespec until = {.tv_sec = (time_t)(k->due_us / 1000000),
					 .tv_nsec = (long)(k->due_us % 1000000) * 1000};
		(void)pthread_cond_timedwait(wake, lock, &until);
		return;
	}
	uint32_t days = k->days;
	k->due_us = UINT64_MAX; /* unless other days are set meanwhile */
	pthread_mutex_unlock(lock);
	uint64_t due_us = mono_now_us + step(k, days, wall_now_ms) * 1000ull;
	pthread_mutex_lock(lock);
	if (due_us < k->due_us)
		k->due_us = due_us;
}
