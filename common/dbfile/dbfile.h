/*
 * What our SQLite files have in common: owner-only files, WAL, synchronous=FULL (a commit survives
 * a power cut; threads of their own pay for it), an application id and a version, so that neither
 * somebody else's database nor one of a later version is written into.
 */
#ifndef HELIO_DBFILE_H
#define HELIO_DBFILE_H

#include <sqlite3.h>
#include <stdint.h>

struct dbfile_kind {
	const char *what;   /* for messages: "a record database" */
	int application_id; /* PRAGMA application_id; tells our files from others' */
	int version;        /* PRAGMA user_version */
	const char *schema; /* idempotent: CREATE … IF NOT EXISTS */
};

/* Opens or creates for writing. EBUSY, ENOSPC, EACCES, EINVAL (not of this kind and version: why
 * says how to move it away). Ownership: sqlite3_close(). */
int dbfile_open(sqlite3 **ret, const char *path, const struct dbfile_kind *kind, char why[256]);

/* Read-only, for the caller's own thread: in WAL a reader waits for nobody for long. */
int dbfile_open_reader(sqlite3 **ret, const char *path);

/* An SQLite result code as errno; 0 for OK, DONE and ROW. */
int dbfile_errno(int rc);
int dbfile_run(sqlite3 *db, const char *sql);
/* Steps once, then resets and unbinds for the next use. */
int dbfile_step(sqlite3_stmt *s);
/* Writes into why what err means for path; returns err. */
int dbfile_explain(char why[256], const char *path, const struct dbfile_kind *kind, int err,
		   const char *detail);

#endif
