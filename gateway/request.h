/*
 * What a request may ask, decided on plain text: pure, bounded, fuzzed.
 */
#ifndef HELIO_GATEWAY_REQUEST_H
#define HELIO_GATEWAY_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GW_ORIGIN_MAX = 160, GW_ORIGINS_MAX = 8 };

/* Origins (RFC 6454) that may open a WebSocket here: our own address, and those configured. */
struct gw_origins {
	char v[GW_ORIGINS_MAX][GW_ORIGIN_MAX];
	size_t n;
};

/* EINVAL: too long, not "scheme://host[:port]", or a character that would break out of a header. */
int gw_origins_add(struct gw_origins *o, const char *origin);
/* Compared without regard to case; absent or "null" is never allowed. */
bool gw_origin_allowed(const struct gw_origins *o, const char *origin);

/* Is `heliograph.1` among the offered sub-protocols ("a, b")? */
bool gw_protocol_offered(const char *header);

/* The value of `key=` in "a=1&site=oslo". 0; ENOENT when absent; EINVAL when it is no name of ours
 * ([a-z][a-z0-9-]*), too long or there twice. */
int gw_query_name(const char *query, const char *key, char *ret_name, size_t size);

/* Token bucket: `burst` at once, `per_s` for ever. */
struct gw_bucket {
	uint64_t at_us;
	uint64_t spent_us; /* tokens in use, as the time they take to come back */
};
bool gw_bucket_take(struct gw_bucket *b, uint32_t per_s, uint32_t burst, uint64_t now_us);

#endif
