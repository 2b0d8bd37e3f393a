#include "common/base/base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>

void helio_assert_fail(const char *cond, const char *file, int line, const char *func)
{
	fprintf(stderr, "level=fatal event=assert.failed at=%s:%d in=%s cond=\"%s\"\n", file, line,
		func, cond);
	abort();
}

void *arena_alloc(size_t size)
{
	enum { HUGE = 2 << 20 }; /* of x86-64, and of arm64 with pages of 4 KiB */

	if (size < 2 * (size_t)HUGE)
		return malloc(size);
	size_t whole = (size + HUGE - 1) / HUGE * HUGE;
	void *mem = aligned_alloc(HUGE, whole);
	if (mem)
		(void)madvise(mem, whole, MADV_HUGEPAGE); /* advice: without it it is only slower */
	return mem;
}

uint64_t mono_us(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

int64_t wall_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void hex_encode(char *dst, const void *src, size_t n)
{
	static const char digit[] = "0123456789abcdef";
	const uint8_t *p = src;
	for (size_t i = 0; i < n; i++) {
		dst[2 * i] = digit[p[i] >> 4];
		dst[2 * i + 1] = digit[p[i] & 15];
	}
	dst[2 * n] = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hex_decode(void *dst, size_t n, const char *src)
{
	uint8_t *p = dst;
	if (strlen(src) != 2 * n)
		return EINVAL;
	for (size_t i = 0; i < n; i++) {
		int hi = hex_value(src[2 * i]), lo = hex_value(src[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return EINVAL;
		p[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}

int str_copy(char *dst, size_t size, const char *src)
{
	size_t n = strlen(src);
	if (size == 0)
		return ENAMETOOLONG;
	size_t take = n < size ? n : size - 1;
	memcpy(dst, src, take);
	dst[take] = '\0';
	return take == n ? 0 : ENAMETOOLONG;
}

void random_bytes(void *dst, size_t n)
{
	uint8_t *p = dst;
	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		helio_assert(got > 0);
		p += got;
		n -= (size_t)got;
	}
}

uint64_t hash_str(const char *s)
{
	uint64_t h = 14695981039346656037u;
	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 1099511628211u;
	return h;
}

uint64_t id_make(uint16_t addr, uint32_t boot, uint32_t seq)
{
	helio_assert(boot < 1u << ID_BOOT_BITS);
	helio_assert(seq < 1u << ID_SEQ_BITS);
	return (uint64_t)addr << (ID_SEQ_BITS + ID_BOOT_BITS) | (uint64_t)boot << ID_SEQ_BITS | seq;
}

char *id_format(char buf[static ID_STR_SIZE], uint64_t id, const char *name)
{
	if (name)
		snprintf(buf, ID_STR_SIZE, "%.24s-%x-%x", name, id_boot(id), id_seq(id));
	else
		snprintf(buf, ID_STR_SIZE, "%u.%u-%x-%x", addr_site(id_addr(id)),
			 addr_ordinal(id_addr(id)), id_boot(id), id_seq(id));
	return buf;
}

static int parse_hex_part(const char *s, const char *end, uint32_t limit, uint32_t *ret)
{
	uint32_t v = 0;
	if (s == end || end - s > 7)
		return EINVAL;
	for (; s < end; s++) {
		int d = hex_value(*s);
		if (d < 0)
			return EINVAL;
		v = v << 4 | (uint32_t)d;
	}
	if (v >= limit)
		return EINVAL;
	*ret = v;
	return 0;
}

int id_parse(const char *s, char *ret_name, size_t name_size, uint32_t *ret_boot, uint32_t *ret_seq)
{
	const char *end = s + strlen(s), *second = NULL, *first = NULL;
	for (const char *p = end; p > s && !first; p--) {
		if (p[-1] != '-')
			continue;
		if (!second)
			second = p - 1;
		else
			first = p - 1;
	}
	if (!first || first == s || (size_t)(first - s) >= name_size)
		return EINVAL;
	uint32_t boot, seq;
	if (parse_hex_part(first + 1, second, 1u << ID_BOOT_BITS, &boot) ||
	    parse_hex_part(second + 1, end, 1u << ID_SEQ_BITS, &seq))
		return EINVAL;
	memcpy(ret_name, s, (size_t)(first - s));
	ret_name[first - s] = '\0';
	*ret_boot = boot;
	*ret_seq = seq;
	return 0;
}
