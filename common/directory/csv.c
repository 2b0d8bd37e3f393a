#include "common/directory/csv.h"

#include <string.h>

void csv_open(struct csv *csv, const char *text, size_t len)
{
	if (len >= 3 &&
	    memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* a spreadsheet's byte order mark */
		text += 3;
		len -= 3;
	}
	*csv = (struct csv){.at = text, .end = text + len, .line = 0, .next = 1};
}

static void put(struct csv_record *r, size_t *n, char c, const char **bad)
{
	if (r->n >= CSV_FIELDS_MAX)
		*bad = "more than 16 fields";
	else if (*n + 1 >= CSV_FIELD_SIZE)
		*bad = "a field of more than 63 bytes";
	else
		r->field[r->n][(*n)++] = c;
}

static void field_end(struct csv_record *r, size_t *n)
{
	if (r->n < CSV_FIELDS_MAX)
		r->field[r->n++][*n] = '\0';
	*n = 0;
}

/* From a quote to the one that ends the field; two are one. */
static void quoted(struct csv *csv, struct csv_record *r, size_t *n, const char **bad)
{
	for (csv->at++; csv->at < csv->end; csv->at++) {
		if (*csv->at == '"') {
			if (csv->at + 1 == csv->end || csv->at[1] != '"') {
				csv->at++;
				return;
			}
			csv->at++;
		}
		csv->next += *csv->at == '\n';
		put(r, n, *csv->at, bad);
	}
	*bad = "a quote that is never closed";
}

static bool record(struct csv *csv, struct csv_record *r, const char **bad)
{
	size_t n = 0;
	bool any = false;

	r->n = 0;
	csv->line = csv->next;
	while (csv->at < csv->end && *csv->at != '\n') {
		char c = *csv->at;
		if (c == '"' && n == 0) {
			quoted(csv, r, &n, bad);
			any = true;
			continue;
		}
		csv->at++;
		if (c == ',') {
			field_end(r, &n);
			any = true;
		} else if (c == '\r' && (csv->at == csv->end || *csv->at == '\n')) {
			continue;
		} else if ((unsigned char)c < 32 || c == 127) {
			*bad = "a control character";
		} else {
			put(r, &n, c, bad);
			any = true;
		}
	}
	field_end(r, &n);
	if (csv->at < csv->end)
		csv->at++;
	csv->next++;
	return any;
}

bool csv_next(struct csv *csv, struct csv_record *ret, const char **ret_bad)
{
	*ret_bad = NULL;
	while (csv->at < csv->end)
		if (record(csv, ret, ret_bad) || *ret_bad)
			return true;
	return false;
}
