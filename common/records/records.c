/*
 *   call loop ── records_put ──► queue in memory ──► writer thread ── one transaction ──► SQLite
 *                 (never waits)   (bounded)           (a batch; retried while it fails)
 *
 * A record leaves the queue only when its transaction is committed. While the disk is full the
 * queue grows to QUEUE_MAX; then records_put refuses and counts.
 */
#include "common/records/records.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"
#include "common/dbfile/writer.h"
#include "common/records/records_internal.h"

enum {
	QUEUE_MAX = 20000, /* 26 MB; at 10 calls a second half an hour of a full disk */
	BATCH_MAX = 256,   /* one transaction, one fsync */
	GATHER_MS =
	    20, /* from the first record to its transaction: others join, fsync is paid once */
	RETRY_MS = 500, /* between tries while the disk is full: cheap, soon noticed */
	CLOSE_TRIES = 3,
};

struct entry {
	struct entry *next;
	bool is_wrap;
	struct record rec; /* of a wrap: call, disposition, note */
};

struct records {
	struct dbfile_writer writer;
	struct entry *head, **tail;
	struct records_counters counters;
	struct dbfile_keep keep; /* the writer thread's */
	struct records_db db;    /* likewise */
	sqlite3 *reader;         /* the caller's */
};

static int batch_write(struct records_db *db, const struct entry *first, unsigned n)
{
	int err = records_db_begin(db);

	while (!err && n) {
		err = first->is_wrap ? records_db_wrap(db, first->rec.call, first->rec.disposition,
						       first->rec.note)
				     : records_db_put(db, &first->rec);
		/* ->next of the last one belongs to who appends. */
		if (--n)
			first = first->next;
	}
	if (!err)
		err = records_db_commit(db);
	if (err)
		records_db_rollback(db);
	return err;
}

/* Called with the lock held; entries up to n are ours: others only append behind them. */
static void batch_drop(struct records *r, unsigned n, bool written)
{
	for (; n; n--) {
		struct entry *e = r->head;
		r->head = e->next;
		if (!r->head)
			r->tail = &r->head;
		r->counters.pending--;
		if (!written)
			r->counters.dropped++;
		else if (!e->is_wrap)
			r->counters.written++;
		free(e);
	}
}

static unsigned batch_size(const struct records *r)
{
	unsigned n = 0;

	for (const struct entry *e = r->head; e && n < BATCH_MAX; e = e->next)
		n++;
	return n;
}

static void *writer(void *arg)
{
	struct records *r = arg;
	unsigned tries = 0;

	pthread_mutex_lock(&r->writer.lock);
	while (!r->writer.stop || r->head) {
		unsigned n = batch_size(r);
		if (!n) {
			dbfile_keep_idle(&r->keep, &r->writer.lock, &r->writer.wake, mono_us(),
					 wall_ms());
			continue;
		}
		if (n < BATCH_MAX && !r->writer.stop) {
			dbfile_writer_pause(&r->writer, GATHER_MS);
			n = batch_size(r);
		}
		const struct entry *first = r->head;
		pthread_mutex_unlock(&r->writer.lock);
		int err = batch_write(&r->db, first, n);
		pthread_mutex_lock(&r->writer.lock);
		if (!err) {
			batch_drop(r, n, true);
			continue;
		}
		r->counters.errors++;
		if (r->writer.stop && ++tries >= CLOSE_TRIES) {
			batch_drop(r, (unsigned)r->counters.pending, false);
			break;
		}
		dbfile_writer_pause(&r->writer, RETRY_MS);
	}
	pthread_mutex_unlock(&r->writer.lock);
	return NULL;
}

int records_open(struct records **ret, const char *path, char ret_why[256])
{
	struct records *r = calloc(1, sizeof(*r));

	ret_why[0] = '\0';
	if (!r)
		return ENOMEM;
	r->tail = &r->head;
	int err = records_db_open(&r->db, path, ret_why);
	if (!err) {
		records_keep_init(&r->keep, r->db.db);
		err = records_reader_open(&r->reader, path);
		if (!err)
			err = dbfile_writer_start(&r->writer, writer, r);
		if (err) {
			str_copy(ret_why, 256, strerror(err));
			sqlite3_close(r->reader);
			records_db_close(&r->db);
		}
	}
	if (err) {
		free(r);
		return err;
	}
	*ret = r;
	return 0;
}

struct records *records_close(struct records *r)
{
	if (!r)
		return NULL;
	dbfile_writer_stop(&r->writer);
	/* The reader first: the last connection to leave checkpoints the WAL, and it must be able
	 * to. */
	sqlite3_close(r->reader);
	records_db_close(&r->db);
	free(r);
	return NULL;
}

void records_keep(struct records *r, uint32_t days)
{
	pthread_mutex_lock(&r->writer.lock);
	if (dbfile_keep_days(&r->keep, days))
		pthread_cond_signal(&r->writer.wake);
	pthread_mutex_unlock(&r->writer.lock);
}

static int append(struct records *r, const struct record *rec, bool is_wrap)
{
	struct entry *e = malloc(sizeof(*e));
	int err = 0;

	if (e)
		*e = (struct entry){.is_wrap = is_wrap, .rec = *rec};
	pthread_mutex_lock(&r->writer.lock);
	if (!e || r->counters.pending >= QUEUE_MAX) {
		r->counters.dropped++;
		err = e ? ENOSPC : ENOMEM;
	} else {
		*r->tail = e;
		r->tail = &e->next;
		if (r->counters.pending++ == 0) /* else it is at work, or gathers */
			pthread_cond_signal(&r->writer.wake);
	}
	pthread_mutex_unlock(&r->writer.lock);
	if (err)
		free(e);
	return err;
}

int records_put(struct records *r, const struct record *rec)
{
	return append(r, rec, false);
}

int records_wrap(struct records *r, const char *call, const char *disposition, const char *note)
{
	struct record rec = {0};

	/* Too long a note is cut: better than none. */
	str_copy(rec.call, sizeof(rec.call), call);
	str_copy(rec.disposition, sizeof(rec.disposition), disposition ? disposition : "");
	str_copy(rec.note, sizeof(rec.note), note ? note : "");
	return append(r, &rec, true);
}

json_t *records_query(struct records *r, uint32_t limit, const char *queue, const char *agent,
		      const char *call, int64_t after_ms)
{
	return records_reader_query(r->reader, limit, queue, agent, call, after_ms);
}

int records_each(struct records *r, int64_t after_ms, uint32_t limit, records_each_h *h, void *arg)
{
	return records_reader_each(r->reader, after_ms, limit, h, arg);
}

json_t *records_totals(struct records *r)
{
	return records_reader_totals(r->reader);
}

void records_counters_get(struct records *r, struct records_counters *ret)
{
	pthread_mutex_lock(&r->writer.lock);
	*ret = r->counters;
	pthread_mutex_unlock(&r->writer.lock);
}
