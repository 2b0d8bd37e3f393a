/*
 * Rows that are older than so many days go, some hundreds at a time, so that a file that is written
 * for years stays of one size and numbers of callers do not lie about for ever. For the thread that
 * writes the file. No clock of its own: the times are passed in.
 *
 * Age is a matter of the wall clock, and clocks are set wrong at times. So at most one day's worth
 * of the oldest rows goes in an hour: a clock that is a year ahead costs a few days, and somebody
 * notices.
 */
#ifndef HELIO_DBFILE_KEEP_H
#define HELIO_DBFILE_KEEP_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

enum { DBFILE_KEEP_STATEMENTS = 2 };

struct dbfile_keep {
	sqlite3 *db;
	/* One number: the time of the oldest row that may go, in wall-clock milliseconds; NULL for
	 * none. */
	const char *oldest;
	/* In this order, in one transaction; ?1: older than this, ?2: at most so many rows. What
	 * the last one deletes is counted. NULL after the last. */
	const char *remove[DBFILE_KEEP_STATEMENTS];
	int64_t before_ms; /* of the day that is under way; 0: none is */
	/* under the lock of who uses the file */
	uint32_t days; /* 0: rows are kept for ever */
	uint64_t due_us;
};

/* With the lock held. True: days are other ones, and the writer is to be woken. */
bool dbfile_keep_days(struct dbfile_keep *k, uint32_t days);
/* The writer has nothing to write, and holds the lock (wake counts by CLOCK_MONOTONIC): waits for
 * what is new; or, without the lock, does what is due. A file that cannot be written is tried again
 * in an hour. */
void dbfile_keep_idle(struct dbfile_keep *k, pthread_mutex_t *lock, pthread_cond_t *wake,
		      uint64_t mono_now_us, int64_t wall_now_ms);

#endif
