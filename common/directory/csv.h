/* CSV as spreadsheets write it (RFC 4180), one record at a time, out of a text in memory. */
#ifndef HELIO_DIRECTORY_CSV_H
#define HELIO_DIRECTORY_CSV_H

#include <stdbool.h>
#include <stddef.h>

enum {
	CSV_FIELDS_MAX = 16,
	CSV_FIELD_SIZE = 64, /* of one field, NUL included: names and numbers */
};

struct csv {
	const char *at, *end;
	int line; /* of the record that was read last; from 1 */
	int next; /* of the one to come */
};
struct csv_record {
	unsigned n;
	char field[CSV_FIELDS_MAX][CSV_FIELD_SIZE];
};

void csv_open(struct csv *csv, const char *text, size_t len);
/* The next record that is not empty; false at the end. What is wrong with it is in *ret_bad (else
 * NULL): the record is then skipped to its end. */
bool csv_next(struct csv *csv, struct csv_record *ret, const char **ret_bad);

#endif
