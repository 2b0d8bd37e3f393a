/* A trace may come from another machine: every line is checked, nothing is believed. */
#include "common/trace/trace.h"
#include "common/trace/trace_fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_SIZE = 2048, QUEUES_MAX = 1024, NODES_MAX = 256, BROKERS_MAX = 1024 };

struct trace_reader {
	FILE *file;
	uint32_t line;
	bool have; /* text holds a line that was not taken yet */
	char text[LINE_SIZE];
	struct acd_conf conf;
	struct acd_queue_conf queues[QUEUES_MAX];
	struct acd_addr nodes[NODES_MAX], brokers[BROKERS_MAX];
};

static int field_set(void *base, const struct trace_field *f, uint64_t v)
{
	unsigned char *at = (unsigned char *)base + f->offset;
	uint8_t v1 = (uint8_t)v;
	uint16_t v2 = (uint16_t)v;
	uint32_t v4 = (uint32_t)v;
	if (f->size < sizeof(v) && v >> (8 * f->size))
		return EBADMSG;
	switch (f->size) {
	case sizeof(v1): memcpy(at, &v1, sizeof(v1)); break;
	case sizeof(v2): memcpy(at, &v2, sizeof(v2)); break;
	case sizeof(v4): memcpy(at, &v4, sizeof(v4)); break;
	default: memcpy(at, &v, sizeof(v)); break;
	}
	return 0;
}

static int number(const char *s, int base, uint64_t *ret)
{
	char *end;
	if (*s < '0' || (*s > '9' && (base != 16 || *s < 'a' || *s > 'f')))
		return EBADMSG;
	errno = 0;
	unsigned long long v = strtoull(s, &end, base);
	if (*end || errno)
		return EBADMSG;
	*ret = v;
	return 0;
}

/* "a=1 b=2" into base; a field that is not of the table is refused. */
static int get_fields(char *s, void *base, const struct trace_field *fields, size_t n)
{
	char *save = NULL;
	for (char *word = strtok_r(s, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *value = strchr(word, '=');
		uint64_t v;
		size_t i = 0;
		if (!value)
			return EBADMSG;
		*value++ = '\0';
		while (i < n && strcmp(fields[i].name, word))
			i++;
		if (i == n || number(value, 10, &v) || field_set(base, &fields[i], v))
			return EBADMSG;
	}
	return 0;
}

/* The next line without its end; *ret_end at the end of the file. A last line that was cut (the
 * writer was killed) counts as the end. */
static int line_next(struct trace_reader *r, bool *ret_end)
{
	*ret_end = false;
	if (r->have)
		return 0;
	if (!fgets(r->text, sizeof(r->text), r->file)) {
		*ret_end = true;
		return ferror(r->file) ? EIO : 0;
	}
	r->line++;
	size_t n = strlen(r->text);
	if (n == 0 || r->text[n - 1] != '\n') {
		*ret_end = feof(r->file);
		return feof(r->file) ? 0 : EBADMSG;
	}
	r->text[n - 1] = '\0';
	r->have = true;
	return 0;
}

/* The rest of the line after `word `, or NULL if it begins otherwise. */
static char *after(char *line, const char *word)
{
	size_t n = strlen(word);
	if (strncmp(line, word, n) || (line[n] != ' ' && line[n] != '\0'))
		return NULL;
	return line[n] ? line + n + 1 : line + n;
}

static int get_timers(char *s, struct acd_timers *timers)
{
	uint32_t values[sizeof(*timers) / sizeof(uint32_t)];
	char *save = NULL, *word = strtok_r(s, " ", &save);
	for (size_t i = 0; i < HELIO_ARRAY_LEN(values); i++, word = strtok_r(NULL, " ", &save)) {
		uint64_t v;
		if (!word || number(word, 10, &v) || v > UINT32_MAX)
			return EBADMSG;
		values[i] = (uint32_t)v;
	}
	memcpy(timers, values, sizeof(values));
	return word ? EBADMSG : 0;
}

static int get_addr(const char *s, struct acd_addr *list, uint32_t *n, uint32_t max)
{
	uint64_t v;
	if (*n == max || number(s, 10, &v) || v > UINT16_MAX)
		return EBADMSG;
	list[(*n)++].v = (uint16_t)v;
	return 0;
}

static int conf_line(struct trace_reader *r)
{
	struct acd_conf *c = &r->conf;
	char *rest;
	if ((rest = after(r->text, "helio-trace")))
		return strcmp(rest, "1") == 0 && r->line == 1 ? 0 : EBADMSG;
	if ((rest = after(r->text, "conf")))
		return get_fields(rest, c, trace_conf_fields, HELIO_ARRAY_LEN(trace_conf_fields));
	if ((rest = after(r->text, "timers")))
		return get_timers(rest, &c->timers);
	if ((rest = after(r->text, "queue")))
		return c->queues_n == QUEUES_MAX
			   ? EBADMSG
			   : get_fields(rest, &r->queues[c->queues_n++], trace_queue_fields,
					HELIO_ARRAY_LEN(trace_queue_fields));
	if ((rest = after(r->text, "node")))
		return get_addr(rest, r->nodes, &c->nodes_n, NODES_MAX);
	if ((rest = after(r->text, "broker")))
		return get_addr(rest, r->brokers, &c->brokers_n, BROKERS_MAX);
	return ENOENT; /* no more of the configuration */
}

static int read_conf(struct trace_reader *r)
{
	bool end;
	for (;;) {
		int err = line_next(r, &end);
		if (!err && !end)
			err = conf_line(r);
		if (err == ENOENT)
			err = 0, end = true;
		else if (!err)
			r->have = false;
		if (err || end)
			return err ? err : r->line > 1 && r->conf.role ? 0 : EBADMSG;
	}
}

int trace_reader_open(struct trace_reader **ret, FILE *file, uint32_t *ret_line)
{
	struct trace_reader *r = calloc(1, sizeof(*r));
	if (!r)
		return ENOMEM;
	r->file = file;
	r->conf.queues = r->queues;
	r->conf.nodes = r->nodes;
	r->conf.brokers = r->brokers;
	int err = read_conf(r);
	if (ret_line)
		*ret_line = r->line;
	if (err)
		free(r);
	else
		*ret = r;
	return err;
}

struct trace_reader *trace_reader_close(struct trace_reader *r)
{
	free(r);
	return NULL;
}

const struct acd_conf *trace_reader_conf(const struct trace_reader *r)
{
	return &r->conf;
}

/* A trace that ends within the queues ends before them. */
static int get_reconf(struct trace_reader *r, const char *count, enum trace_line *ret_kind)
{
	uint64_t n;
	bool end;
	int err = number(count, 10, &n);
	if (err || n > QUEUES_MAX)
		return EBADMSG;
	memset(r->queues, 0, sizeof(r->queues));
	r->conf.queues_n = 0;
	while (r->conf.queues_n < n) {
		err = line_next(r, &end);
		if (err || end)
			return err;
		r->have = false;
		char *rest = after(r->text, "queue");
		if (!rest)
			return EBADMSG;
		err = get_fields(rest, &r->queues[r->conf.queues_n++], trace_queue_fields,
				 HELIO_ARRAY_LEN(trace_queue_fields));
		if (err)
			return err;
	}
	*ret_kind = TRACE_RECONF;
	return 0;
}

int trace_read(struct trace_reader *r, enum trace_line *ret_kind, struct acd_event *ret_ev,
	       uint64_t *ret_digest, uint32_t *ret_line)
{
	bool end;
	char *rest;
	int err = line_next(r, &end);
	if (ret_line)
		*ret_line = r->line;
	if (err)
		return err;
	*ret_kind = TRACE_END;
	if (end)
		return 0;
	r->have = false;
	if ((rest = after(r->text, "ev"))) {
		memset(ret_ev, 0, sizeof(*ret_ev));
		*ret_kind = TRACE_EVENT;
		return get_fields(rest, ret_ev, trace_event_fields,
				  HELIO_ARRAY_LEN(trace_event_fields));
	}
	if ((rest = after(r->text, "reconf")))
		return get_reconf(r, rest, ret_kind);
	if ((rest = after(r->text, "digest"))) {
		*ret_kind = TRACE_DIGEST;
		return number(rest, 16, ret_digest);
	}
	return EBADMSG;
}
