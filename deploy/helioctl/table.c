#include "deploy/helioctl/ctl.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

struct cell {
	char *text;
	enum style style;
};

struct table {
	const char *const *heads;
	unsigned columns;
	struct cell *cells;
	size_t n, size;
};

static const char *const codes[] = {
    [STYLE_NONE] = "",         [STYLE_DIM] = "\033[2m",   [STYLE_GOOD] = "\033[32m",
    [STYLE_BUSY] = "\033[36m", [STYLE_WARN] = "\033[33m", [STYLE_BAD] = "\033[31m",
};

const char *style_on(bool colour, enum style s)
{
	return colour ? codes[s] : "";
}

const char *style_off(bool colour, enum style s)
{
	return colour && s != STYLE_NONE ? "\033[0m" : "";
}

struct table *table_new(const char *const *heads)
{
	struct table *t = calloc(1, sizeof(*t));

	helio_assert(t);
	t->heads = heads;
	while (heads[t->columns])
		t->columns++;
	helio_assert(t->columns <= TABLE_COLUMNS_MAX);
	return t;
}

void table_cell(struct table *t, enum style style, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	helio_assert(n >= 0);
	/* C0, DEL, and C1 as UTF-8 (0xc2 0x80–0x9f): a caller's name must not steer a terminal. */
	for (char *p = text; *p; p++) {
		if ((unsigned char)*p < 32 || *p == 127)
			*p = '?';
		else if ((unsigned char)p[0] == 0xc2 && (unsigned char)p[1] >= 0x80 &&
			 (unsigned char)p[1] < 0xa0)
			p[0] = p[1] = '?';
	}
	if (t->n == t->size) {
		t->size = t->size ? 2 * t->size : 64;
		t->cells = realloc(t->cells, t->size * sizeof(*t->cells));
		helio_assert(t->cells);
	}
	t->cells[t->n++] = (struct cell){.text = text, .style = style};
}

/* Characters, not bytes; nothing here is double width. */
static unsigned width(const char *s)
{
	unsigned n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static const char *head(const struct table *t, unsigned c)
{
	return t->heads[c] + (t->heads[c][0] == '>');
}

static void cell_print(const struct table *t, FILE *out, unsigned c, const char *text,
		       const char *on, const char *off, unsigned w)
{
	bool right = t->heads[c][0] == '>', last = c + 1 == t->columns;
	int pad = (int)(w - width(text));

	if (right)
		fprintf(out, "%*s", pad, "");
	fprintf(out, "%s%s%s", on, text, off);
	if (!right && !last)
		fprintf(out, "%*s", pad, "");
	fputs(last ? "\n" : "  ", out);
}

void table_print(struct table *t, FILE *out, bool colour)
{
	unsigned w[TABLE_COLUMNS_MAX];

	helio_assert(t->n % t->columns == 0);
	for (unsigned c = 0; c < t->columns; c++)
		w[c] = width(head(t, c));
	for (size_t i = 0; i < t->n; i++) {
		unsigned n = width(t->cells[i].text);
		if (n > w[i % t->columns])
			w[i % t->columns] = n;
	}
	for (unsigned c = 0; c < t->columns; c++)
		cell_print(t, out, c, head(t, c), style_on(colour, STYLE_DIM),
			   style_off(colour, STYLE_DIM), w[c]);
	for (size_t i = 0; i < t->n; i++) {
		struct cell *x = &t->cells[i];
		unsigned c = (unsigned)(i % t->columns);
		cell_print(t, out, c, x->text, style_on(colour, x->style),
			   style_off(colour, x->style), w[c]);
		free(x->text);
	}
	free(t->cells);
	free(t);
}

char *duration_text(char buf[24], int64_t ms)
{
	int64_t s = ms / 1000;

	if (ms < 0)
		snprintf(buf, 24, "-");
	else if (ms < 1000)
		snprintf(buf, 24, "%dms", (int)ms);
	else if (s < 60)
		snprintf(buf, 24, "%ds", (int)s);
	else if (s < 3600)
		snprintf(buf, 24, "%dm%02ds", (int)(s / 60), (int)(s % 60));
	else if (s < 86400)
		snprintf(buf, 24, "%dh%02dm", (int)(s / 3600), (int)(s / 60 % 60));
	else
		snprintf(buf, 24, "%lldd%02dh", (long long)(s / 86400), (int)(s / 3600 % 24));
	return buf;
}

char *number_masked(char buf[48], const char *number)
{
	size_t n = strlen(number);

	if (n <= 5)
		snprintf(buf, 48, "%s", number);
	else
		snprintf(buf, 48, "%.3s…%s", number, number + n - 2);
	return buf;
}
