/*
 * Who calls: customers by number, from a CSV file (README.md says its form).
 *
 *   customers.csv ──csv.c──► fields ──directory.c──► rows sorted by number ──► directory_find()
 */
#ifndef HELIO_DIRECTORY_H
#define HELIO_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct conf;
struct directory;

enum {
	DIRECTORY_ROWS_MAX = 5000000, /* 160 MB of rows */
	DIRECTORY_BYTES_MAX = 512 * 1024 * 1024,
	DIRECTORY_SEGMENTS_MAX = 64,
};

struct customer {
	uint64_t number; /* directory_number() of it */
	uint64_t owner;  /* the agent's id, 0: none; it outlives a change of agents.yaml */
	uint64_t last;   /* … who served last, as the file says */
	uint8_t segment; /* 1 + index of directory_segment(); 0: none */
	bool debt;
	char language[6];
};

/* Reads it whole, on any thread. EINVAL: problems, each a line on err_out (may be NULL) as
 * FILE:LINE: …; at most a hundred of them. Other errno: it cannot be read (told, too). */
int directory_load(struct directory **ret, const char *path, const struct conf *conf,
		   FILE *err_out);
/* The same out of memory; name is for messages. */
int directory_parse(struct directory **ret, const char *name, const char *text, size_t len,
		    const struct conf *conf, FILE *err_out);
/* Another reference; NULL-safe. */
struct directory *directory_ref(struct directory *d);
/* Gives a reference back; the last one frees it. NULL-safe. */
struct directory *directory_free(struct directory *d);
/* Is d what reading path with conf would give: the same file, unchanged, and everybody who is named
 * in it still there? Then it need not be read: a million rows take half a second. */
bool directory_fits(const struct directory *d, const char *path, const struct conf *conf);

uint32_t directory_rows(const struct directory *d); /* 0 for NULL */
/* By what a trunk says of the caller: "+47 22 …", "0047 22 …", "4722…". NULL: not a customer. */
const struct customer *directory_find(const struct directory *d, const char *caller);
const char *directory_segment(const struct directory *d, const struct customer *c); /* "" none */

/* The digits of a number as a number (a leading 1 keeps its zeros), without what says that it is
 * international; 0 if it is none: other characters, fewer than 3 digits or more than 18. */
uint64_t directory_number(const char *text);

#endif
