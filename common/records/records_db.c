#include "common/records/records_internal.h"

#include "common/base/base.h"
#include "common/dbfile/dbfile.h"

/* wraps stands apart from records: the agent's note may come before the owner's record, and a
 * record written again by a later owner must not lose it. totals is kept by triggers, so that
 * asking costs nothing however many records there are. */
static const char schema[] =
    "CREATE TABLE IF NOT EXISTS records ("
    " call TEXT PRIMARY KEY NOT NULL, sip_callid TEXT NOT NULL, queue TEXT NOT NULL,"
    " site TEXT NOT NULL, node TEXT NOT NULL, agent TEXT NOT NULL, agent_site TEXT NOT NULL,"
    " agent_node TEXT NOT NULL, caller TEXT NOT NULL, dialled TEXT NOT NULL,"
    " outcome TEXT NOT NULL, cause TEXT NOT NULL, disposition TEXT NOT NULL,"
    " note TEXT NOT NULL, cepoch INTEGER NOT NULL, entered_ms INTEGER NOT NULL,"
    " answered_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL, wait_ms INTEGER NOT NULL,"
    " talk_ms INTEGER NOT NULL, offers INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS records_by_time ON records (entered_ms);"
    "CREATE TABLE IF NOT EXISTS wraps ("
    " call TEXT PRIMARY KEY NOT NULL, disposition TEXT NOT NULL, note TEXT NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS totals ("
    " outcome TEXT PRIMARY KEY NOT NULL, n INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TRIGGER IF NOT EXISTS totals_insert AFTER INSERT ON records BEGIN"
    " INSERT INTO totals VALUES (new.outcome, 1)"
    "  ON CONFLICT (outcome) DO UPDATE SET n = n + 1; END;"
    "CREATE TRIGGER IF NOT EXISTS totals_update AFTER UPDATE OF outcome ON records BEGIN"
    " UPDATE totals SET n = n - 1 WHERE outcome = old.outcome;"
    " INSERT INTO totals VALUES (new.outcome, 1)"
    "  ON CONFLICT (outcome) DO UPDATE SET n = n + 1; END;";

static const char put_sql[] =
    "INSERT INTO records VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,"
    "?18,?19,?20,?21) ON CONFLICT (call) DO UPDATE SET sip_callid = excluded.sip_callid,"
    " queue = excluded.queue, site = excluded.site, node = excluded.node,"
    " agent = excluded.agent, agent_site = excluded.agent_site,"
    " agent_node = excluded.agent_node, caller = excluded.caller,"
    " dialled = excluded.dialled, outcome = excluded.outcome, cause = excluded.cause,"
    " disposition = excluded.disposition, note = excluded.note, cepoch = excluded.cepoch,"
    " entered_ms = excluded.entered_ms, answered_ms = excluded.answered_ms,"
    " ended_ms = excluded.ended_ms, wait_ms = excluded.wait_ms, talk_ms = excluded.talk_ms,"
    " offers = excluded.offers WHERE excluded.cepoch > records.cepoch";

static const char wrap_sql[] = "INSERT INTO wraps VALUES (?1, ?2, ?3) ON CONFLICT (call) DO UPDATE"
			       " SET disposition = excluded.disposition, note = excluded.note";

static const struct dbfile_kind kind = {
    .what = "a record database",
    .application_id = 0x48656c69, /* "Heli" */
    .version = 1,
    .schema = schema,
};

int records_db_open(struct records_db *ret, const char *path, char why[256])
{
	struct records_db d = {0};
	int err = dbfile_open(&d.db, path, &kind, why);

	if (err)
		return err;
	err = dbfile_errno(
	    sqlite3_prepare_v3(d.db, put_sql, -1, SQLITE_PREPARE_PERSISTENT, &d.put, NULL));
	if (!err)
		err = dbfile_errno(sqlite3_prepare_v3(d.db, wrap_sql, -1, SQLITE_PREPARE_PERSISTENT,
						      &d.wrap, NULL));
	if (err) {
		dbfile_explain(why, path, &kind, err, sqlite3_errmsg(d.db));
		records_db_close(&d);
		return err;
	}
	*ret = d;
	return 0;
}

void records_db_close(struct records_db *d)
{
	sqlite3_finalize(d->put);
	sqlite3_finalize(d->wrap);
	sqlite3_close(d->db);
	*d = (struct records_db){0};
}

int records_db_begin(struct records_db *d)
{
	return dbfile_run(d->db, "BEGIN IMMEDIATE");
}

int records_db_commit(struct records_db *d)
{
	return dbfile_run(d->db, "COMMIT");
}

void records_db_rollback(struct records_db *d)
{
	if (!sqlite3_get_autocommit(d->db))
		dbfile_run(d->db, "ROLLBACK");
}

int records_db_put(struct records_db *d, const struct record *r)
{
	const char *text[] = {r->call,    r->sip_callid, r->queue,       r->site,   r->node,
			      r->agent,   r->agent_site, r->agent_node,  r->caller, r->dialled,
			      r->outcome, r->cause,      r->disposition, r->note};
	const int64_t number[] = {(int64_t)r->cepoch, r->entered_ms, r->answered_ms, r->ended_ms,
				  r->wait_ms,         r->talk_ms,    r->offers};
	int at = 1;

	for (size_t i = 0; i < HELIO_ARRAY_LEN(text); i++)
		sqlite3_bind_text(d->put, at++, text[i], -1, SQLITE_STATIC);
	for (size_t i = 0; i < HELIO_ARRAY_LEN(number); i++)
		sqlite3_bind_int64(d->put, at++, number[i]);
	return dbfile_step(d->put);
}

int records_db_wrap(struct records_db *d, const char *call, const char *disposition,
		    const char *note)
{
	sqlite3_bind_text(d->wrap, 1, call, -1, SQLITE_STATIC);
	sqlite3_bind_text(d->wrap, 2, disposition, -1, SQLITE_STATIC);
	sqlite3_bind_text(d->wrap, 3, note, -1, SQLITE_STATIC);
	return dbfile_step(d->wrap);
}

void records_keep_init(struct dbfile_keep *k, sqlite3 *db)
{
#define OLD "SELECT call FROM records WHERE entered_ms < ?1 ORDER BY entered_ms, call LIMIT ?2"
	*k = (struct dbfile_keep){.db = db,
				  .oldest = "SELECT min(entered_ms) FROM records",
				  .remove = {"DELETE FROM wraps WHERE call IN (" OLD ")",
					     "DELETE FROM records WHERE call IN (" OLD ")"}};
#undef OLD
}

/* ---- reading ------------------------------------------------------------------------------ */

int records_reader_open(sqlite3 **ret, const char *path)
{
	return dbfile_open_reader(ret, path);
}

static json_t *row(sqlite3_stmt *s)
{
	json_t *o = json_object();

	for (int i = 0; o && i < sqlite3_column_count(s); i++) {
		const char *name = sqlite3_column_name(s, i);
		json_t *v;
		if (sqlite3_column_type(s, i) == SQLITE_INTEGER) {
			v = json_integer(sqlite3_column_int64(s, i));
		} else {
			const char *text = (const char *)sqlite3_column_text(s, i);
			v = json_string(text ? text : "");
			/* A SIP peer may send what is not UTF-8. */
			v = v ? v : json_string("?");
		}
		json_object_set_new(o, name, v);
	}
	return o;
}

json_t *records_reader_query(sqlite3 *db, uint32_t limit, const char *queue, const char *agent,
			     const char *call, int64_t after_ms)
{
	static const char sql[] =
	    "SELECT r.call, sip_callid, queue, site, node, agent, agent_site, agent_node,"
	    " caller, dialled, outcome, cause,"
	    " coalesce(w.disposition, r.disposition) AS disposition,"
	    " coalesce(w.note, r.note) AS note, cepoch, entered_ms, answered_ms, ended_ms,"
	    " wait_ms, talk_ms, offers FROM records r LEFT JOIN wraps w ON w.call = r.call"
	    " WHERE (?1 IS NULL OR queue = ?1) AND (?2 IS NULL OR agent = ?2)"
	    " AND (?3 IS NULL OR r.call = ?3) AND entered_ms >= ?4"
	    " ORDER BY entered_ms DESC, r.call DESC LIMIT ?5";
	static const char one[] =
	    "SELECT r.call, sip_callid, queue, site, node, agent, agent_site, agent_node,"
	    " caller, dialled, outcome, cause,"
	    " coalesce(w.disposition, r.disposition) AS disposition,"
	    " coalesce(w.note, r.note) AS note, cepoch, entered_ms, answered_ms, ended_ms,"
	    " wait_ms, talk_ms, offers FROM records r LEFT JOIN wraps w ON w.call = r.call"
	    " WHERE r.call = ?3 AND (?1 IS NULL OR queue = ?1) AND (?2 IS NULL OR agent = ?2)"
	    " AND entered_ms >= ?4 LIMIT ?5";
	sqlite3_stmt *s = NULL;
	json_t *list = json_array();
	int rc = sqlite3_prepare_v2(db, call ? one : sql, -1, &s, NULL);

	if (rc == SQLITE_OK && list) {
		sqlite3_bind_text(s, 1, queue, -1, SQLITE_STATIC); /* NULL binds NULL */
		sqlite3_bind_text(s, 2, agent, -1, SQLITE_STATIC);
		sqlite3_bind_text(s, 3, call, -1, SQLITE_STATIC);
		sqlite3_bind_int64(s, 4, after_ms);
		sqlite3_bind_int64(s, 5, limit);
		while ((rc = sqlite3_step(s)) == SQLITE_ROW)
			json_array_append_new(list, row(s));
	}
	sqlite3_finalize(s);
	if (rc != SQLITE_DONE) {
		json_decref(list);
		return NULL;
	}
	return list;
}

int records_reader_each(sqlite3 *db, int64_t after_ms, uint32_t limit, records_each_h *h, void *arg)
{
	static const char sql[] =
	    "SELECT queue, outcome, entered_ms, answered_ms, ended_ms, wait_ms, talk_ms, caller,"
	    " agent, sip_callid FROM records WHERE entered_ms >= ?1 ORDER BY entered_ms DESC LIMIT "
	    "?2";
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);

	if (rc == SQLITE_OK) {
		sqlite3_bind_int64(s, 1, after_ms);
		sqlite3_bind_int64(s, 2, limit);
		while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
			struct record r = {0};
			str_copy(r.queue, sizeof(r.queue), (const char *)sqlite3_column_text(s, 0));
			str_copy(r.outcome, sizeof(r.outcome),
				 (const char *)sqlite3_column_text(s, 1));
			r.entered_ms = sqlite3_column_int64(s, 2);
			r.answered_ms = sqlite3_column_int64(s, 3);
			r.ended_ms = sqlite3_column_int64(s, 4);
			r.wait_ms = sqlite3_column_int64(s, 5);
			r.talk_ms = sqlite3_column_int64(s, 6);
			str_copy(r.caller, sizeof(r.caller),
				 (const char *)sqlite3_column_text(s, 7));
			str_copy(r.agent, sizeof(r.agent), (const char *)sqlite3_column_text(s, 8));
			str_copy(r.sip_callid, sizeof(r.sip_callid),
				 (const char *)sqlite3_column_text(s, 9));
			h(&r, arg);
		}
	}
	sqlite3_finalize(s);
	return dbfile_errno(rc);
}

json_t *records_reader_totals(sqlite3 *db)
{
	json_t *o = json_pack("{s:i, s:i, s:i, s:i}", "entered", 0, "answered", 0, "abandoned", 0,
			      "failed", 0);
	sqlite3_stmt *s = NULL;
	int64_t entered = 0;
	int rc =
	    sqlite3_prepare_v2(db, "SELECT outcome, n FROM totals ORDER BY outcome", -1, &s, NULL);

	while (o && rc == SQLITE_OK) {
		int got = sqlite3_step(s);
		if (got != SQLITE_ROW) {
			rc = got;
			break;
		}
		int64_t n = sqlite3_column_int64(s, 1);
		const char *outcome = (const char *)sqlite3_column_text(s, 0);
		entered += n;
		if (outcome && *outcome && n)
			json_object_set_new(o, outcome, json_integer(n));
	}
	sqlite3_finalize(s);
	if (rc != SQLITE_DONE) {
		json_decref(o);
		return NULL;
	}
	json_object_set_new(o, "entered", json_integer(entered));
	return o;
}
