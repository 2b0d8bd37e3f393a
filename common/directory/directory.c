#include "common/directory/directory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/base.h"
#include "common/conf/conf.h"
#include "common/directory/csv.h"

enum { PROBLEMS_MAX_SHOWN = 100, DIGITS_MIN = 3, DIGITS_MAX = 18 };

/* Which file was read, as it lay there then. */
struct stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
	bool set; /* it was a file */
};

struct directory {
	unsigned refs;
	struct customer *row; /* sorted by number */
	uint32_t n, size;
	struct stamp stamp;
	uint64_t *agents; /* ids of all that are named, each once */
	uint32_t agents_n;
	char segment[DIRECTORY_SEGMENTS_MAX][CONF_NAME_SIZE];
	uint32_t segments_n;
};

enum column { NUMBER, SEGMENT, OWNER, DEBT, LANGUAGE, LAST, COLUMNS };
static const char *const columns[COLUMNS] = {"number", "segment",  "owner",
					     "debt",   "language", "last"};

struct loader {
	struct directory *d;
	const struct conf *conf;
	const char *name;
	FILE *out;
	uint32_t problems;
	int at[COLUMNS]; /* field of each column, -1: not there */
	unsigned fields;
	int *line;         /* of each row, until doubles are known */
	uint32_t *by_name; /* indices of conf->agents, sorted by login */
	bool *named;       /* by index in conf->agents */
};

__attribute__((format(printf, 3, 4))) static void bad(struct loader *l, int line, const char *fmt,
						      ...)
{
	va_list ap;

	if (l->problems++ >= PROBLEMS_MAX_SHOWN || !l->out)
		return;
	fprintf(l->out, "%s:%d: ", l->name, line);
	va_start(ap, fmt);
	vfprintf(l->out, fmt, ap);
	va_end(ap);
	fputc('\n', l->out);
}

uint64_t directory_number(const char *s)
{
	uint64_t v = 1;
	unsigned digits = 0;

	if (s[0] == '+')
		s++;
	else if (s[0] == '0' && s[1] == '0')
		s += 2;
	for (; *s; s++) {
		if (*s == ' ' || *s == '-' || *s == '.' || *s == '(' || *s == ')' || *s == '/')
			continue;
		if (*s < '0' || *s > '9' || ++digits > DIGITS_MAX)
			return 0;
		v = 10 * v + (uint64_t)(*s - '0');
	}
	return digits >= DIGITS_MIN ? v : 0;
}

/* ---- one row ---- */

static int by_login(const void *a, const void *b, void *arg)
{
	const struct conf *conf = arg;

	return strcmp(conf->agents[*(const uint32_t *)a].name,
		      conf->agents[*(const uint32_t *)b].name);
}

/* The id, 0 for nobody. */
static uint64_t agent_of(struct loader *l, const char *login, const char *column, int line)
{
	uint32_t lo = 0, hi = l->conf->agents_n;

	if (!*login)
		return 0;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		const struct conf_agent *a = &l->conf->agents[l->by_name[mid]];
		int cmp = strcmp(a->name, login);
		if (cmp == 0 && a->removed)
			break;
		if (cmp == 0) {
			l->named[l->by_name[mid]] = true;
			return a->id;
		}
		if (cmp < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	bad(l, line, "%s: no agent has the login '%s'; correct it or leave it empty", column,
	    login);
	return 0;
}

static bool is_name(const char *s)
{
	size_t n = strlen(s);

	return n < CONF_NAME_SIZE && s[0] >= 'a' && s[0] <= 'z' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static uint8_t segment_of(struct loader *l, const char *name, int line)
{
	struct directory *d = l->d;
	uint32_t i = 0;

	if (!*name)
		return 0;
	while (i < d->segments_n && strcmp(d->segment[i], name) != 0)
		i++;
	if (i < d->segments_n)
		return (uint8_t)(i + 1);
	if (!is_name(name) || i == DIRECTORY_SEGMENTS_MAX) {
		bad(l, line, "segment: '%s' %s", name,
		    is_name(name) ? "is one more than 64 segments; use fewer"
				  : "does not fit; a-z, 0-9 and -, starting with a letter");
		return 0;
	}
	str_copy(d->segment[d->segments_n++], CONF_NAME_SIZE, name);
	return (uint8_t)d->segments_n;
}

static bool debt_of(struct loader *l, const char *s, int line)
{
	size_t n = strspn(s, "0123456789"), cents = 0;

	if (!*s)
		return false;
	if (s[n] == '.' || s[n] == ',')
		cents = 1 + strspn(s + n + 1, "0123456789");
	if (n == 0 || s[n + cents])
		bad(l, line, "debt: '%s' is no amount; write 120 or 120.50", s);
	return strpbrk(s, "123456789") != NULL;
}

static const char *field(const struct loader *l, const struct csv_record *r, enum column c)
{
	return l->at[c] < 0 ? "" : r->field[l->at[c]];
}

static int row_add(struct loader *l, const struct csv_record *r, int line)
{
	struct directory *d = l->d;
	const char *number = field(l, r, NUMBER), *language = field(l, r, LANGUAGE);
	struct customer c = {.number = directory_number(number)};

	if (d->n == DIRECTORY_ROWS_MAX) {
		bad(l, line, "more than %d customers", DIRECTORY_ROWS_MAX);
		return ENOSPC;
	}
	if (d->n == d->size) {
		uint32_t size = d->size ? 2 * d->size : 1024;
		struct customer *row = realloc(d->row, size * sizeof(*row));
		if (row)
			d->row = row;
		int *lines = row ? realloc(l->line, size * sizeof(*lines)) : NULL;
		if (!lines)
			return ENOMEM;
		l->line = lines;
		d->size = size;
	}
	if (!c.number)
		bad(l, line, "number: '%s' is no telephone number; 3 to 18 digits", number);
	if (strlen(language) >= sizeof(c.language))
		bad(l, line, "language: '%s' does not fit; en, nb …", language);
	else
		memcpy(c.language, language, strlen(language) + 1);
	c.segment = segment_of(l, field(l, r, SEGMENT), line);
	c.owner = agent_of(l, field(l, r, OWNER), "owner", line);
	c.last = agent_of(l, field(l, r, LAST), "last", line);
	c.debt = debt_of(l, field(l, r, DEBT), line);
	l->line[d->n] = line;
	d->row[d->n++] = c;
	return 0;
}

/* ---- the file ---- */

static void header_read(struct loader *l, const struct csv_record *r, int line)
{
	for (unsigned c = 0; c < COLUMNS; c++)
		l->at[c] = -1;
	l->fields = r->n;
	for (unsigned i = 0; i < r->n; i++) {
		unsigned c = 0;
		while (c < COLUMNS && strcmp(columns[c], r->field[i]) != 0)
			c++;
		if (c == COLUMNS)
			bad(l, line,
			    "no column is called '%s'; allowed: number, segment, owner, debt, "
			    "language, last",
			    r->field[i]);
		else if (l->at[c] >= 0)
			bad(l, line, "the column %s is there twice; remove one", columns[c]);
		else
			l->at[c] = (int)i;
	}
	if (l->at[NUMBER] < 0)
		bad(l, line, "the first line names the columns, and number must be one of them");
}

struct place {
	uint64_t number;
	uint32_t row;
};

static int by_number(const void *va, const void *vb)
{
	const struct place *a = va, *b = vb;

	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return a->row < b->row ? -1 : a->row > b->row;
}

static int sort(struct loader *l)
{
	struct directory *d = l->d;
	struct place *p = calloc(d->n + 1u, sizeof(*p));
	struct customer *row = calloc(d->n + 1u, sizeof(*row));

	if (!p || !row) {
		free(p);
		free(row);
		return ENOMEM;
	}
	for (uint32_t i = 0; i < d->n; i++)
		p[i] = (struct place){d->row[i].number, i};
	qsort(p, d->n, sizeof(*p), by_number);
	for (uint32_t i = 0; i < d->n; i++) {
		row[i] = d->row[p[i].row];
		if (i > 0 && p[i].number && p[i].number == p[i - 1].number)
			bad(l, l->line[p[i].row], "this number is on line %d already; remove one",
			    l->line[p[i - 1].row]);
	}
	free(p);
	free(d->row);
	d->row = row;
	return 0;
}

static int rows_read(struct loader *l, const char *text, size_t len)
{
	struct csv csv;
	struct csv_record r;
	const char *wrong;
	bool header = false;
	int err = 0;

	csv_open(&csv, text, len);
	while (!err && csv_next(&csv, &r, &wrong)) {
		if (wrong)
			bad(l, csv.line, "%s", wrong);
		else if (!header)
			header_read(l, &r, csv.line);
		else if (r.n != l->fields)
			bad(l, csv.line, "%u fields, but the first line has %u", r.n, l->fields);
		else if (l->at[NUMBER] >= 0)
			err = row_add(l, &r, csv.line);
		if (!header && l->problems)
			return 0; /* nothing below it can be understood */
		header = true;
	}
	if (!header)
		bad(l, 1, "it is empty; the first line names the columns");
	return err ? err : sort(l);
}

static int agents_note(struct loader *l)
{
	struct directory *d = l->d;

	d->agents = calloc(l->conf->agents_n + 1u, sizeof(*d->agents));
	for (uint32_t i = 0; d->agents && i < l->conf->agents_n; i++)
		if (l->named[i])
			d->agents[d->agents_n++] = l->conf->agents[i].id;
	return d->agents ? 0 : ENOMEM;
}

int directory_parse(struct directory **ret, const char *name, const char *text, size_t len,
		    const struct conf *conf, FILE *err_out)
{
	struct loader l = {.conf = conf, .name = name, .out = err_out};
	int err = ENOMEM;

	l.d = calloc(1, sizeof(*l.d));
	l.by_name = calloc(conf->agents_n + 1u, sizeof(*l.by_name));
	l.named = calloc(conf->agents_n + 1u, sizeof(*l.named));
	if (l.d && l.by_name && l.named) {
		l.d->refs = 1;
		for (uint32_t i = 0; i < conf->agents_n; i++)
			l.by_name[i] = i;
		qsort_r(l.by_name, conf->agents_n, sizeof(*l.by_name), by_login, (void *)conf);
		err = rows_read(&l, text, len);
		if (!err)
			err = agents_note(&l);
	}
	if (err_out && l.problems > PROBLEMS_MAX_SHOWN)
		fprintf(err_out, "%s: %u more\n", name, l.problems - PROBLEMS_MAX_SHOWN);
	free(l.line);
	free(l.by_name);
	free(l.named);
	if (!err && l.problems)
		err = EINVAL;
	if (err) {
		if (l.d)
			l.d->refs = 1;
		directory_free(l.d);
		return err;
	}
	*ret = l.d;
	return 0;
}

static struct stamp stamp_of(const struct stat *st)
{
	return (struct stamp){.dev = st->st_dev,
			      .ino = st->st_ino,
			      .size = st->st_size,
			      .changed = st->st_mtim,
			      .set = true};
}

bool directory_fits(const struct directory *d, const char *path, const struct conf *conf)
{
	struct stat st;

	if (!d || !d->stamp.set || stat(path, &st))
		return false;
	const struct stamp *was = &d->stamp, now = stamp_of(&st);
	if (now.dev != was->dev || now.ino != was->ino || now.size != was->size ||
	    now.changed.tv_sec != was->changed.tv_sec ||
	    now.changed.tv_nsec != was->changed.tv_nsec)
		return false;
	for (uint32_t i = 0; i < d->agents_n; i++) {
		const struct conf_agent *a = conf_agent_by_id(conf, d->agents[i]);
		if (!a || a->removed)
			return false; /* reading it says on which line */
	}
	return true;
}

int directory_load(struct directory **ret, const char *path, const struct conf *conf, FILE *err_out)
{
	char *text = NULL;
	size_t len = 0;
	struct stat st;
	int err = file_read(path, DIRECTORY_BYTES_MAX, &text, &len, &st);

	if (err && err_out)
		fprintf(err_out, "%s: cannot be read: %s\n", path, strerror(err));
	if (!err)
		err = directory_parse(ret, path, text, len, conf, err_out);
	if (!err)
		(*ret)->stamp = stamp_of(&st);
	free(text);
	return err;
}

struct directory *directory_ref(struct directory *d)
{
	if (d)
		d->refs++;
	return d;
}

struct directory *directory_free(struct directory *d)
{
	if (!d || --d->refs)
		return NULL;
	free(d->agents);
	free(d->row);
	free(d);
	return NULL;
}

uint32_t directory_rows(const struct directory *d)
{
	return d ? d->n : 0;
}

const struct customer *directory_find(const struct directory *d, const char *caller)
{
	uint64_t number = d ? directory_number(caller) : 0;
	uint32_t lo = 0, hi = number ? d->n : 0;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (d->row[mid].number == number)
			return &d->row[mid];
		if (d->row[mid].number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

const char *directory_segment(const struct directory *d, const struct customer *c)
{
	return c->segment ? d->segment[c->segment - 1] : "";
}
