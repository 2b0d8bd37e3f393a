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

#include <sqlite3.h>
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
};

/* Does what is due; returns in how many milliseconds to call again. days is at least 1. A file that
 * cannot be written now is tried again in an hour. */
uint32_t dbfile_keep_step(struct dbfile_keep *k, uint32_t days, int64_t wall_now_ms);

#endif
