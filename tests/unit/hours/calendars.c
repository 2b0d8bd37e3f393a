#include "calendars.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char buf[16384];

static void problem(const struct hours_problem *p, void *arg)
{
	size_t *n = arg;
	*n += (size_t)snprintf(buf + *n, sizeof(buf) - *n, "%d: %s%s; %s\n", p->line,
			       p->warning ? "warning: " : "", p->what, p->remedy ? p->remedy : "");
}

struct hours_calendar *calendar(const char *zone, bool holidays, const char *events)
{
	struct hours_calendar *c = NULL;
	char text[16384];
	size_t n = 0;
	int len = snprintf(text, sizeof(text), "BEGIN:VCALENDAR\n%sEND:VCALENDAR\n", events);
	buf[0] = '\0';
	if (hours_calendar_parse(&c, text, (size_t)len, zone, holidays, problem, &n))
		fail_msg("%s", buf);
	return c;
}

const char *told(const char *zone, bool holidays, const char *file)
{
	struct hours_calendar *c = NULL;
	size_t n = 0;
	buf[0] = '\0';
	int err = hours_calendar_parse(&c, file, strlen(file), zone, holidays, problem, &n);
	assert_int_equal(!err, c != NULL);
	hours_calendar_free(c);
	return buf;
}

int64_t utc(int y, int mo, int d, int h, int mi)
{
	return hours_days(y, mo, d) * 86400 + h * 3600 + mi * 60;
}
