#include "common/trace/trace.h"
#include "common/trace/trace_fields.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct trace {
	FILE *file;
	int err;
};

static uint64_t field_get(const void *base, const struct trace_field *f)
{
	const unsigned char *at = (const unsigned char *)base + f->offset;
	uint8_t v1;
	uint16_t v2;
	uint32_t v4;
	uint64_t v8;
	switch (f->size) {
	case sizeof(v1): memcpy(&v1, at, sizeof(v1)); return v1;
	case sizeof(v2): memcpy(&v2, at, sizeof(v2)); return v2;
	case sizeof(v4): memcpy(&v4, at, sizeof(v4)); return v4;
	default:
		helio_assert(f->size == sizeof(v8));
		memcpy(&v8, at, sizeof(v8));
		return v8;
	}
}

static void put_fields(FILE *file, const char *word, const void *base,
		       const struct trace_field *fields, size_t n)
{
	fputs(word, file);
	for (size_t i = 0; i < n; i++) {
		uint64_t v = field_get(base, &fields[i]);
		if (v)
			fprintf(file, " %s=%" PRIu64, fields[i].name, v);
	}
	fputc('\n', file);
}

static void put_conf(FILE *file, const struct acd_conf *conf)
{
	uint32_t timers[sizeof(conf->timers) / sizeof(uint32_t)];
	fputs("helio-trace 1\n", file);
	put_fields(file, "conf", conf, trace_conf_fields, HELIO_ARRAY_LEN(trace_conf_fields));
	memcpy(timers, &conf->timers, sizeof(timers));
	fputs("timers", file);
	for (size_t i = 0; i < HELIO_ARRAY_LEN(timers); i++)
		fprintf(file, " %" PRIu32, timers[i]);
	fputc('\n', file);
	for (uint32_t i = 0; i < conf->queues_n; i++)
		put_fields(file, "queue", &conf->queues[i], trace_queue_fields,
			   HELIO_ARRAY_LEN(trace_queue_fields));
	for (uint32_t i = 0; i < conf->nodes_n; i++)
		fprintf(file, "node %u\n", conf->nodes[i].v);
	for (uint32_t i = 0; i < conf->brokers_n; i++)
		fprintf(file, "broker %u\n", conf->brokers[i].v);
}

int trace_open(struct trace **ret, const char *path, const struct acd_conf *conf)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	struct trace *t = calloc(1, sizeof(*t));
	FILE *file = fdopen(fd, "w");
	if (!t || !file) {
		if (file)
			fclose(file);
		else
			close(fd);
		free(t);
		return ENOMEM;
	}
	t->file = file;
	put_conf(file, conf);
	int err = trace_flush(t);
	if (err)
		trace_close(t);
	else
		*ret = t;
	return err;
}

struct trace *trace_close(struct trace *t)
{
	if (t) {
		fclose(t->file);
		free(t);
	}
	return NULL;
}

void trace_event(struct trace *t, const struct acd_event *ev)
{
	put_fields(t->file, "ev", ev, trace_event_fields, HELIO_ARRAY_LEN(trace_event_fields));
}

void trace_reconf(struct trace *t, const struct acd_conf *conf)
{
	fprintf(t->file, "reconf %" PRIu32 "\n", conf->queues_n);
	for (uint32_t i = 0; i < conf->queues_n; i++)
		put_fields(t->file, "queue", &conf->queues[i], trace_queue_fields,
			   HELIO_ARRAY_LEN(trace_queue_fields));
}

void trace_digest(struct trace *t, uint64_t digest)
{
	fprintf(t->file, "digest %016" PRIx64 "\n", digest);
}

int trace_flush(struct trace *t)
{
	errno = 0;
	if (fflush(t->file) || ferror(t->file))
		t->err = errno ? errno : EIO;
	errno = t->err;
	return t->err;
}
