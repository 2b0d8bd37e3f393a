#include "chaos/drill/journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/base.h"

struct journal {
	FILE *file;
	uint64_t begun_us;
};

int journal_open(struct journal **ret, const char *path)
{
	struct journal *j = calloc(1, sizeof(*j));
	if (!j)
		return ENOMEM;
	j->file = fopen(path, "we");
	if (!j->file) {
		int err = errno;
		free(j);
		return err;
	}
	j->begun_us = mono_us();
	*ret = j;
	return 0;
}

struct journal *journal_close(struct journal *j)
{
	if (j)
		fclose(j->file);
	free(j);
	return NULL;
}

uint64_t journal_begun_us(const struct journal *j)
{
	return j->begun_us;
}

void journal_put(struct journal *j, const char *type, uint64_t at_us, json_t *o)
{
	uint64_t at = at_us ? at_us : mono_us();
	json_t *line = json_pack("{sf sI ss}", "t", ((double)at - (double)j->begun_us) / 1e6,
				 "mono_us", (json_int_t)at, "type", type);
	json_object_update_missing(line, o);
	json_decref(o);
	(void)json_dumpf(line, j->file, JSON_COMPACT | JSON_REAL_PRECISION(9));
	fputc('\n', j->file);
	fflush(j->file); /* a tool that dies leaves what it knew */
	json_decref(line);
}
