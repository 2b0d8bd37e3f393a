/*
 * metrics_doc FILE          exit 0 if FILE holds the table of metrics word for word, else says how
 * to mend it metrics_doc --print       the table metrics_doc --write FILE  puts the table between
 * the marks in FILE
 */
#include "common/metrics/metrics.h"

#include <stdlib.h>
#include <string.h>

static const char begin[] = "<!-- table: written by metrics_doc -->\n", end[] = "<!-- end -->\n";

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t n = 0;
	if (!f)
		return NULL;
	if (getdelim(&text, &n, '\0', f) < 0) {
		free(text);
		text = NULL;
	}
	fclose(f);
	return text;
}

static char *table_text(void)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	if (!f)
		abort();
	metrics_table_print(f);
	fclose(f);
	return text;
}

static int put(const char *path, const char *doc, const char *from, const char *to,
	       const char *table)
{
	FILE *f = fopen(path, "w");
	if (!f)
		return 1;
	fwrite(doc, 1, (size_t)(from - doc), f);
	fputs(table, f);
	fputs(to, f);
	return fclose(f) ? 1 : 0;
}

static int check(const char *path, bool write)
{
	char *doc = slurp(path), *table = table_text();
	char *from = doc ? strstr(doc, begin) : NULL, *to = from ? strstr(from, end) : NULL;
	int code = 1;
	if (!to) {
		fprintf(stderr, "%s: no marks for the table\n", path);
	} else {
		from += strlen(begin);
		size_t n = strlen(table);
		if (write)
			code = put(path, doc, from, to, table);
		else if ((size_t)(to - from) == n && memcmp(from, table, n) == 0)
			code = 0;
		else
			fprintf(
			    stderr,
			    "%s: differs from common/metrics/table.c. Names and labels stay: if "
			    "the table is right, run `metrics_doc --write %s`\n",
			    path, path);
	}
	free(doc);
	free(table);
	return code;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--print") == 0) {
		metrics_table_print(stdout);
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "--write") == 0)
		return check(argv[2], true);
	if (argc == 2)
		return check(argv[1], false);
	fputs("metrics_doc FILE | --print | --write FILE\n", stderr);
	return 2;
}
