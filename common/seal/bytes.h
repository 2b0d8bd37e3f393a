/* Big-endian integers on the wire, for this folder only. */
#ifndef HELIO_SEAL_BYTES_H
#define HELIO_SEAL_BYTES_H

#include <stddef.h>
#include <stdint.h>

static inline void be_put(uint8_t *dst, size_t n, uint64_t v)
{
	for (size_t i = n; i-- > 0; v >>= 8)
		dst[i] = (uint8_t)v;
}

static inline uint64_t be_get(const uint8_t *src, size_t n)
{
	uint64_t v = 0;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | src[i];
	return v;
}

#endif
