#include "common/hours/internal.h"

#include <string.h>

enum { DAY = 86400, HOUR = 3600 };

static bool number(const char **p, int max, int *ret)
{
	int n = 0, digits = 0;

	while (**p >= '0' && **p <= '9' && digits++ < 4)
		n = n * 10 + (*(*p)++ - '0');
	*ret = n;
	return digits > 0 && digits <= 3 && n <= max;
}

/* [+-]hh[:mm[:ss]]; RFC 8536 lets hours go to 167. */
static bool clock_time(const char **p, int32_t *ret)
{
	int h, m = 0, s = 0, sign = 1;

	if (**p == '+' || **p == '-')
		sign = *(*p)++ == '-' ? -1 : 1;
	if (!number(p, 167, &h))
		return false;
	if (**p == ':') {
		++*p;
		if (!number(p, 59, &m))
			return false;
	}
	if (**p == ':') {
		++*p;
		if (!number(p, 59, &s))
			return false;
	}
	*ret = sign * (h * HOUR + m * 60 + s);
	return true;
}

static bool name(const char **p, char dst[8])
{
	bool quoted = **p == '<';
	size_t n = 0;

	*p += quoted;
	for (;
	     quoted ? **p && **p != '>' : (**p >= 'A' && **p <= 'Z') || (**p >= 'a' && **p <= 'z');
	     ++*p) {
		if (n == 7)
			return false;
		dst[n++] = **p;
	}
	dst[n] = '\0';
	if (quoted && *(*p)++ != '>')
		return false;
	return n > 0;
}

static bool rule(const char **p, struct posix_rule *ret)
{
	int a, b, c;

	*ret = (struct posix_rule){.kind = 'n', .time = 2 * HOUR};
	if (**p == 'M') {
		++*p;
		if (!number(p, 12, &a) || *(*p)++ != '.' || !number(p, 5, &b) || *(*p)++ != '.' ||
		    !number(p, 6, &c) || a < 1 || b < 1)
			return false;
		ret->kind = 'M';
		ret->month = (int16_t)a;
		ret->week = (int16_t)b;
		ret->day = (int16_t)c;
	} else {
		if (**p == 'J') {
			ret->kind = 'J';
			++*p;
		}
		if (!number(p, 365, &a) || (ret->kind == 'J' && a < 1))
			return false;
		ret->day = (int16_t)a;
	}
	if (**p != '/')
		return true;
	++*p;
	return clock_time(p, &ret->time);
}

bool posix_tz_parse(struct posix_tz *ret, const char *s)
{
	struct posix_tz tz = {0};

	if (!name(&s, tz.std_name) || !clock_time(&s, &tz.std_offset))
		return false;
	tz.std_offset = -tz.std_offset; /* POSIX counts west */
	if (*s) {
		tz.dst = true;
		tz.dst_offset = tz.std_offset + HOUR;
		if (!name(&s, tz.dst_name))
			return false;
		if (*s && *s != ',') {
			if (!clock_time(&s, &tz.dst_offset))
				return false;
			tz.dst_offset = -tz.dst_offset;
		}
		if (*s++ != ',' || !rule(&s, &tz.start) || *s++ != ',' || !rule(&s, &tz.end))
			return false;
	}
	*ret = tz;
	return *s == '\0';
}

static bool leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Wall-clock time of the change in that year. */
static int64_t rule_at(const struct posix_rule *r, int year)
{
	int64_t day = hours_days(year, 1, 1);

	if (r->kind == 'J') {
		day += r->day - 1 + (leap(year) && r->day >= 60);
	} else if (r->kind == 'n') {
		day += r->day;
	} else {
		int64_t first = hours_days(year, r->month, 1);
		int64_t next =
		    r->month == 12 ? hours_days(year + 1, 1, 1) : hours_days(year, r->month + 1, 1);
		int64_t weekday = (first + 4) % 7; /* 1 January 1970 was a Thursday */
		day = first + (r->day - weekday + 7) % 7 + (r->week - 1) * 7;
		while (day >= next)
			day -= 7;
	}
	return day * DAY + r->time;
}

int32_t posix_tz_offset(const struct posix_tz *tz, int64_t utc, bool *ret_dst)
{
	int year, month, day;

	*ret_dst = false;
	if (!tz->dst)
		return tz->std_offset;
	hours_date((utc + tz->std_offset) / DAY, &year, &month, &day);
	int64_t start = rule_at(&tz->start, year) - tz->std_offset;
	int64_t end = rule_at(&tz->end, year) - tz->dst_offset;
	*ret_dst = start < end ? utc >= start && utc < end : utc >= start || utc < end;
	return *ret_dst ? tz->dst_offset : tz->std_offset;
}
