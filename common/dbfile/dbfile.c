#include "common/dbfile/dbfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	BUSY_MS = 2000,     /* another program looks into it: backups and shells are done by then */
	READER_BUSY_MS = 50 /* the control loop waits for this */
};

int dbfile_errno(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW: return 0;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return EBUSY;
	case SQLITE_FULL: return ENOSPC;
	case SQLITE_NOMEM: return ENOMEM;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT: return EINVAL;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN: return EACCES;
	default: return EIO;
	}
}

int dbfile_run(sqlite3 *db, const char *sql)
{
	return dbfile_errno(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

int dbfile_step(sqlite3_stmt *s)
{
	int rc = sqlite3_step(s);

	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return dbfile_errno(rc);
}

static int number_get(sqlite3 *db, const char *sql, int *ret)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	return dbfile_errno(rc);
}

/* Refuses a database of somebody else and one of a later version. */
static int identity_check(sqlite3 *db, const struct dbfile_kind *kind)
{
	int id = 0, version = 0, tables = 0;
	int err = number_get(db, "PRAGMA application_id", &id);

	if (!err)
		err = number_get(db, "PRAGMA user_version", &version);
	if (!err)
		err = number_get(db, "SELECT count(*) FROM sqlite_schema", &tables);
	if (err)
		return err;
	return tables > 0 && (id != kind->application_id || version != kind->version) ? EINVAL : 0;
}

static int schema_up(sqlite3 *db, const struct dbfile_kind *kind)
{
	char ids[96];
	int err = dbfile_run(db, "PRAGMA journal_mode = WAL");

	if (!err)
		err = dbfile_run(db, "PRAGMA synchronous = FULL");
	if (!err)
		err = dbfile_run(db, "BEGIN IMMEDIATE");
	if (err)
		return err;
	snprintf(ids, sizeof(ids), "PRAGMA application_id = %d; PRAGMA user_version = %d;",
		 kind->application_id, kind->version);
	err = dbfile_run(db, ids);
	if (!err)
		err = dbfile_run(db, kind->schema);
	if (!err)
		err = dbfile_run(db, "COMMIT");
	if (err)
		dbfile_run(db, "ROLLBACK");
	return err;
}

int dbfile_explain(char why[256], const char *path, const struct dbfile_kind *kind, int err,
		   const char *detail)
{
	switch (err) {
	case EINVAL:
		snprintf(why, 256,
			 "%.140s is not %s of this version; move it away (mv it to a name ending "
			 "in .old)",
			 path, kind->what);
		break;
	case ENOSPC: snprintf(why, 256, "%.180s: the disk is full; make room", path); break;
	case EBUSY:
		snprintf(why, 256, "%.160s is locked by another program; close that one", path);
		break;
	default: snprintf(why, 256, "%.140s: %.100s", path, detail ? detail : strerror(err)); break;
	}
	return err;
}

/* Callers' numbers are in it: readable by its owner only (WAL and index inherit the mode). */
static int file_make(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

int dbfile_open(sqlite3 **ret, const char *path, const struct dbfile_kind *kind, char why[256])
{
	sqlite3 *db = NULL;
	int err = file_make(path);

	why[0] = '\0';
	if (err)
		return dbfile_explain(why, path, kind, err, NULL);
	err = dbfile_errno(
	    sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL));
	if (!err) {
		sqlite3_busy_timeout(db, BUSY_MS);
		err = identity_check(db, kind);
	}
	if (!err)
		err = schema_up(db, kind);
	if (err) {
		dbfile_explain(why, path, kind, err, db ? sqlite3_errmsg(db) : NULL);
		sqlite3_close(db);
		return err;
	}
	*ret = db;
	return 0;
}

int dbfile_open_reader(sqlite3 **ret, const char *path)
{
	sqlite3 *db = NULL;
	int err = dbfile_errno(
	    sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_FULLMUTEX, NULL));

	if (err) {
		sqlite3_close(db);
		return err;
	}
	sqlite3_busy_timeout(db, READER_BUSY_MS);
	*ret = db;
	return 0;
}
