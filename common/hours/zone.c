/* One zone from the system's tzdata: a TZif file (RFC 8536), its 64-bit part and its footer. */
#include "common/hours/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

enum {
	TZIF_MAX = 1 << 16, /* the largest of tzdata 2025b has 4 kB */
	TZIF_HEADER = 44,
	DAY = 86400,
	OFFSET_MAX = 26 * 3600, /* RFC 8536 §3.2 */
};

struct zone_type {
	int32_t offset;
	uint8_t name;
};
struct hours_zone {
	size_t n, types_n, names_n;
	int64_t *at;   /* changes, rising */
	uint8_t *type; /* from then on */
	struct zone_type *types;
	char *names;
	bool has_footer;
	struct posix_tz footer;
};

int64_t hours_days(int year, int month, int day)
{
	/* Years begin in March: the leap day comes last. */
	int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400, m = (month + 9) % 12;
	int64_t doy = (153 * m + 2) / 5 + day - 1, doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * 146097 + doe - 719468;
}

void hours_date(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), m = (5 * doy + 2) / 153;

	*ret_day = (int)(doy - (153 * m + 2) / 5 + 1);
	*ret_month = (int)(m < 10 ? m + 3 : m - 9);
	*ret_year = (int)(yoe + era * 400 + (*ret_month <= 2));
}

static int64_t big_endian(const uint8_t *p, unsigned n)
{
	uint64_t v = p[0] & 0x80 ? UINT64_MAX : 0;

	for (unsigned i = 0; i < n; i++)
		v = v << 8 | p[i];
	return (int64_t)v;
}

struct counts {
	size_t isut, isstd, leaps, times, types, chars;
};

static bool header(const uint8_t *p, size_t left, struct counts *c)
{
	if (left < TZIF_HEADER || memcmp(p, "TZif", 4) != 0)
		return false;
	size_t *const to[] = {&c->isut, &c->isstd, &c->leaps, &c->times, &c->types, &c->chars};
	for (unsigned i = 0; i < HELIO_ARRAY_LEN(to); i++) {
		*to[i] = (size_t)big_endian(p + 20 + 4 * i, 4);
		if (*to[i] > TZIF_MAX)
			return false;
	}
	return c->types > 0 && c->types <= 256;
}

static size_t body(const struct counts *c, size_t time_size)
{
	return c->times * (time_size + 1) + c->types * 6 + c->chars + c->leaps * (time_size + 4) +
	       c->isstd + c->isut;
}

static bool read_body(struct hours_zone *z, const uint8_t *p, const struct counts *c)
{
	z->n = c->times;
	z->types_n = c->types;
	z->names_n = c->chars;
	z->at = calloc(c->times + 1, sizeof(*z->at));
	z->type = calloc(c->times + 1, 1);
	z->types = calloc(c->types, sizeof(*z->types));
	z->names = calloc(c->chars + 1, 1);
	if (!z->at || !z->type || !z->types || !z->names)
		return false;
	for (size_t i = 0; i < c->times; i++) {
		z->at[i] = big_endian(p + 8 * i, 8);
		z->type[i] = p[8 * c->times + i];
		if (z->type[i] >= c->types || (i && z->at[i] <= z->at[i - 1]))
			return false;
	}
	p += 9 * c->times;
	for (size_t i = 0; i < c->types; i++, p += 6) {
		int64_t offset = big_endian(p, 4);
		if (offset < -OFFSET_MAX || offset > OFFSET_MAX || p[5] >= c->chars)
			return false;
		z->types[i] = (struct zone_type){.offset = (int32_t)offset, .name = p[5]};
	}
	memcpy(z->names, p, c->chars);
	return true;
}

static bool parse(struct hours_zone *z, const uint8_t *p, size_t len)
{
	struct counts c;
	char footer[64];

	if (!header(p, len, &c) || p[4] < '2')
		return false;
	size_t skip = TZIF_HEADER + body(&c, 4);
	if (skip > len || !header(p + skip, len - skip, &c))
		return false;
	p += skip + TZIF_HEADER;
	len -= skip + TZIF_HEADER;
	if (body(&c, 8) > len || !read_body(z, p, &c))
		return false;
	p += body(&c, 8);
	len -= body(&c, 8);
	const uint8_t *end = len > 1 && p[0] == '\n' ? memchr(p + 1, '\n', len - 1) : NULL;
	size_t n = end ? (size_t)(end - p - 1) : 0;
	if (n >= sizeof(footer))
		return false;
	if (n) {
		memcpy(footer, p + 1, n);
		footer[n] = '\0';
		if (!posix_tz_parse(&z->footer, footer))
			return false;
		z->has_footer = true;
	}
	return true;
}

static bool name_ok(const char *s)
{
	return *s && *s != '/' && strlen(s) < HOURS_ZONE_SIZE && !strstr(s, "..") &&
	       strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") ==
		   strlen(s);
}

int hours_zone_load(struct hours_zone **ret, const char *name)
{
	char path[256];
	const char *dir = getenv("TZDIR");
	size_t len = 0;

	if (!name_ok(name))
		return EINVAL;
	int n =
	    snprintf(path, sizeof(path), "%s/%s", dir && *dir ? dir : "/usr/share/zoneinfo", name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return EINVAL;
	char *buf = NULL;
	struct hours_zone *z = calloc(1, sizeof(*z));
	int err = z ? file_read(path, TZIF_MAX, &buf, &len, NULL) : ENOMEM;
	if (err == ENOTDIR || err == EISDIR)
		err = ENOENT; /* Europe/Oslo/x, Europe */
	if (err == EFBIG)
		err = EINVAL;
	if (!err && !parse(z, (const uint8_t *)buf, len))
		err = EINVAL;
	free(buf);
	if (err)
		hours_zone_free(z);
	else
		*ret = z;
	return err;
}

struct hours_zone *hours_zone_free(struct hours_zone *z)
{
	if (!z)
		return NULL;
	free(z->at);
	free(z->type);
	free(z->types);
	free(z->names);
	free(z);
	return NULL;
}

static int32_t look_up(const struct hours_zone *z, int64_t utc, const char **ret_name)
{
	bool dst;
	size_t lo = 0, hi = z->n;

	while (lo < hi) { /* the number of changes at or before utc */
		size_t mid = lo + (hi - lo) / 2;
		if (z->at[mid] <= utc)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (z->has_footer && lo == z->n) {
		int32_t offset = posix_tz_offset(&z->footer, utc, &dst);
		*ret_name = dst ? z->footer.dst_name : z->footer.std_name;
		return offset;
	}
	const struct zone_type *t = &z->types[lo ? z->type[lo - 1] : 0];
	*ret_name = z->names + t->name;
	return t->offset;
}

int32_t hours_zone_offset(const struct hours_zone *z, int64_t utc)
{
	const char *name;

	return z ? look_up(z, utc, &name) : 0;
}

const char *hours_zone_abbreviation(const struct hours_zone *z, int64_t utc)
{
	const char *name = "UTC";

	if (z)
		look_up(z, utc, &name);
	return name;
}

int64_t hours_zone_next_change(const struct hours_zone *z, int64_t utc, int64_t limit)
{
	int32_t was = hours_zone_offset(z, utc);

	/* No zone changes twice within a day; halving finds the second. */
	for (int64_t lo = utc; lo < limit; lo += DAY) {
		int64_t a = lo, b = lo + DAY < limit ? lo + DAY : limit;
		if (hours_zone_offset(z, b) == was)
			continue;
		while (b - a > 1) {
			int64_t mid = a + (b - a) / 2;
			if (hours_zone_offset(z, mid) == was)
				a = mid;
			else
				b = mid;
		}
		return b;
	}
	return limit;
}

int64_t hours_zone_utc(const struct hours_zone *z, int64_t local)
{
	/* The offsets of a day before and after: no two changes are that near to each other. */
	int64_t before = hours_zone_offset(z, local - DAY),
		after = hours_zone_offset(z, local + DAY);

	if (hours_zone_offset(z, local - before) == before)
		return local - before; /* of a time shown twice the first */
	if (hours_zone_offset(z, local - after) == after)
		return local - after;
	return local - before; /* skipped */
}
