/* Content lines of RFC 5545 §3.1: unfolded, split into name, parameters and value, each with the
 * number of the line it began on (libical keeps none). */
#include "common/hours/internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tell(struct teller *t, int line, bool warning, const char *remedy, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	t->errors += !warning;
	if (t->told++ >= HOURS_PROBLEMS_MAX || !t->problem_h)
		return;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	for (char *p = what; *p; p++) /* what stood in the file must not steer a terminal */
		if ((unsigned char)*p < 32 || *p == 127)
			*p = '?';
	t->problem_h(&(struct hours_problem){line, warning, what, remedy}, t->arg);
}

static const char **parameter(struct ics_line *l, const char *name)
{
	if (!strcmp(name, "TZID"))
		return &l->tzid;
	if (!strcmp(name, "VALUE"))
		return &l->type;
	if (!strcmp(name, "RANGE"))
		return &l->range;
	return &l->unknown;
}

static void upper(char *s)
{
	for (; *s; s++)
		*s = (char)toupper((unsigned char)*s);
}

/* name *(";" param "=" value) ":" value; cut in place. */
static bool line_cut(struct ics_line *l, char *s)
{
	size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-");
	char *p = s + n;

	if (n == 0 || (*p != ';' && *p != ':'))
		return false;
	l->name = s;
	while (*p == ';') {
		char *key = p + 1, *eq = strchr(key, '='), *value, *end;
		*p = '\0';
		if (!eq || eq == key)
			return false;
		*eq = '\0';
		value = eq + 1;
		if (*value == '"') {
			end = strchr(++value, '"');
			if (!end)
				return false;
			p = end + 1;
		} else {
			end = p = value + strcspn(value, ";:");
		}
		if (*p != ';' && *p != ':')
			return false;
		if (end != p)
			*end = '\0';
		upper(key);
		*parameter(l, key) = value; /* ended by the next round, or below */
	}
	*p = '\0';
	l->value = p + 1;
	upper(s);
	return true;
}

static int lines_add(struct ics_lines *l, size_t *size, char *s, int no, struct teller *t)
{
	struct ics_line line = {.no = no};

	if (!*s)
		return 0;
	if (!line_cut(&line, s)) {
		tell(t, no, false, "lines look like NAME:value or NAME;PARAMETER=value:value",
		     "not a line of an iCalendar file");
		return 0;
	}
	if (l->n == *size) {
		struct ics_line *more = realloc(l->list, (*size * 2 + 64) * sizeof(*more));
		if (!more)
			return ENOMEM;
		l->list = more;
		*size = *size * 2 + 64;
	}
	l->list[l->n++] = line;
	return 0;
}

int ics_lines_split(struct ics_lines *ret, const char *text, size_t len, struct teller *t)
{
	struct ics_lines l = {.text = malloc(len + 2)};
	size_t size = 0, out = 0, begin = 0;
	int no = 1, first = 1, err = l.text ? 0 : ENOMEM;

	if (!err && memchr(text, '\0', len)) {
		tell(t, 1, false, "save it as text in UTF-8", "not a text file");
		len = 0;
	}
	/* A byte order mark, as some programs write it. */
	size_t i = len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
	for (; !err && i <= len; i++) {
		bool end = i == len || text[i] == '\n';
		if (!end) {
			if (text[i] != '\r' || (i + 1 < len && text[i + 1] != '\n'))
				l.text[out++] = text[i];
			continue;
		}
		no++;
		if (i + 1 < len && (text[i + 1] == ' ' || text[i + 1] == '\t')) {
			i++; /* folded: goes on */
			continue;
		}
		l.text[out++] = '\0';
		if (no > HOURS_LINES_MAX) {
			tell(t, no, false, "split it, or use RRULE", "more than %d lines",
			     HOURS_LINES_MAX);
			break;
		}
		err = lines_add(&l, &size, l.text + begin, first, t);
		begin = out;
		first = no;
	}
	if (err)
		ics_lines_free(&l);
	else
		*ret = l;
	return err;
}

void ics_lines_free(struct ics_lines *l)
{
	free(l->text);
	free(l->list);
	*l = (struct ics_lines){0};
}
