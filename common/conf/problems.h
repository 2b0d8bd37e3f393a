/*
 * Problems found in the configuration: collected, so that one run shows all of them, and printed in
 * the order of the file, each as
 *   file:line:col: key: what was found; allowed: …; remedy
 * Internal to conf.
 */
#ifndef HELIO_CONF_PROBLEMS_H
#define HELIO_CONF_PROBLEMS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

enum problem_file { PROBLEM_CLUSTER, PROBLEM_AGENTS, PROBLEM_CALENDAR, PROBLEM_FILES };

enum { PROBLEMS_MAX = 100 };  /* more help nobody: the rest is counted */

struct problem {
	unsigned file, order;
	int line, col;              /* 0: the file as a whole */
	bool warning;
	char *text;
	char *path;                 /* of a calendar; NULL: as problems.name[file] says */
};

struct problems {
	const char *name[PROBLEM_FILES];
	unsigned n, more, errors, warnings;
	struct problem list[PROBLEMS_MAX];
};

/* key, allowed and remedy may be NULL; fmt says what was found. */
struct problem_text {
	unsigned file;
	int line, col;
	bool warning;
	const char *key, *allowed, *remedy;
	const char *path;           /* PROBLEM_CALENDAR: the file */
};
void problems_vadd(struct problems *p, const struct problem_text *t, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));
void problems_add(struct problems *p, const struct problem_text *t, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void problems_print(struct problems *p, FILE *out); /* out may be NULL */
void problems_free(struct problems *p);

/* A value from the file as it may be shown: quoted, one line, shortened. size >= 8. */
char *problem_quote(char *buf, size_t size, const char *s);

/* The nearest of n candidates (by edit distance, swaps counted once), or NULL when none is near
 * enough to be what was meant. at(i, arg) gives candidate i. */
const char *near_find(const char *word, size_t n, const char *(*at)(size_t i, const void *arg),
		      const void *arg);

#endif
