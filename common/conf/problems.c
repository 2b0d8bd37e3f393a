#include "common/conf/problems.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void problems_vadd(struct problems *p, const struct problem_text *t, const char *fmt, va_list ap)
{
	char *text = NULL;
	size_t len = 0;

	if (t->warning)
		p->warnings++;
	else
		p->errors++;
	if (p->n == PROBLEMS_MAX) {
		p->more++;
		return;
	}
	FILE *f = open_memstream(&text, &len);
	if (!f) {
		p->more++;
		return;
	}
	if (t->key && *t->key)
		fprintf(f, "%s: ", t->key);
	vfprintf(f, fmt, ap);
	if (t->allowed)
		fprintf(f, "; allowed: %s", t->allowed);
	if (t->remedy)
		fprintf(f, "; %s", t->remedy);
	if (fclose(f) || !text) {
		free(text);
		p->more++;
		return;
	}
	p->list[p->n] = (struct problem){.file = t->file,
					 .order = p->n,
					 .line = t->line,
					 .col = t->col,
					 .warning = t->warning,
					 .text = text,
					 .path = t->path ? strdup(t->path) : NULL};
	p->n++;
}

void problems_add(struct problems *p, const struct problem_text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	problems_vadd(p, t, fmt, ap);
	va_end(ap);
}

static int by_place(const void *va, const void *vb)
{
	const struct problem *a = va, *b = vb;

	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	int names = a->path && b->path ? strcmp(a->path, b->path) : 0;
	if (names)
		return names;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->col != b->col)
		return a->col < b->col ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

void problems_print(struct problems *p, FILE *out)
{
	if (!out)
		return;
	qsort(p->list, p->n, sizeof(p->list[0]), by_place);
	for (unsigned i = 0; i < p->n; i++) {
		const struct problem *x = &p->list[i];
		const char *mark = x->warning ? "warning: " : "";
		const char *name = x->path ? x->path : p->name[x->file];

		if (x->line)
			fprintf(out, "%s:%d:%d: %s%s\n", name, x->line, x->col, mark, x->text);
		else
			fprintf(out, "%s: %s%s\n", name, mark, x->text);
	}
	if (p->more)
		fprintf(out, "… and %u more; mend these first\n", p->more);
}

void problems_free(struct problems *p)
{
	for (unsigned i = 0; i < p->n; i++) {
		free(p->list[i].text);
		free(p->list[i].path);
	}
	p->n = 0;
}

char *problem_quote(char *buf, size_t size, const char *s)
{
	size_t o = 0, room = size - 6; /* quotes, the ellipsis of three bytes, NUL */

	buf[o++] = '\'';
	for (; *s && o < room; s++) {
		unsigned char c = (unsigned char)*s;
		buf[o++] = c < 32 || c == 127 ? '?' : (char)c;
	}
	if (*s) {
		/* Never cut a UTF-8 sequence in two. */
		while (o > 1 && ((unsigned char)buf[o - 1] & 0xc0) == 0x80)
			o--;
		if (o > 1 && (unsigned char)buf[o - 1] >= 0xc0)
			o--;
		memcpy(buf + o, "…", 3);
		o += 3;
	}
	buf[o++] = '\'';
	buf[o] = '\0';
	return buf;
}

enum { NEAR_LEN_MAX = 48 };

/* Damerau-Levenshtein (optimal string alignment): three rows are enough. */
static unsigned distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	uint8_t row[3][NEAR_LEN_MAX + 1];

	if (n > NEAR_LEN_MAX || m > NEAR_LEN_MAX)
		return NEAR_LEN_MAX;
	for (size_t j = 0; j <= m; j++)
		row[0][j] = (uint8_t)j;
	for (size_t i = 1; i <= n; i++) {
		uint8_t *cur = row[i % 3], *prev = row[(i + 2) % 3], *prev2 = row[(i + 1) % 3];
		cur[0] = (uint8_t)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned cost = a[i - 1] != b[j - 1];
			unsigned best = prev[j - 1] + cost;
			if (prev[j] + 1u < best)
				best = prev[j] + 1u;
			if (cur[j - 1] + 1u < best)
				best = cur[j - 1] + 1u;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    prev2[j - 2] + 1u < best)
				best = prev2[j - 2] + 1u;
			cur[j] = (uint8_t)best;
		}
	}
	return row[n % 3][m];
}

const char *near_find(const char *word, size_t n, const char *(*at)(size_t i, const void *arg),
		      const void *arg)
{
	const char *best = NULL;
	/* A third of the word may be wrong: more than that and the guess is noise. */
	unsigned limit = (unsigned)(strlen(word) + 2) / 3, least = limit + 1;

	for (size_t i = 0; i < n; i++) {
		const char *candidate = at(i, arg);
		unsigned d = distance(word, candidate);
		/* The start of a longer word is meant more often than a word as short. */
		if (strlen(word) >= 3 && !strncmp(word, candidate, strlen(word)))
			d = 1;
		if (d < least) {
			least = d;
			best = candidate;
		}
	}
	return best;
}
