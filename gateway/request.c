#include "gateway/request.h"
#include "common/base/base.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static bool is_origin_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '-' || c == ':' || c == '/' || c == '[' || c == ']' || c == '_';
}

int gw_origins_add(struct gw_origins *o, const char *origin)
{
	const char *host = strstr(origin, "://");
	if (!host || host == origin || o->n == GW_ORIGINS_MAX)
		return EINVAL;
	host += 3;
	if (!*host || strchr(host, '/') || strlen(origin) >= GW_ORIGIN_MAX)
		return EINVAL;
	for (const char *c = origin; *c; c++)
		if (!is_origin_char(*c))
			return EINVAL;
	(void)str_copy(o->v[o->n++], GW_ORIGIN_MAX, origin);
	return 0;
}

bool gw_origin_allowed(const struct gw_origins *o, const char *origin)
{
	if (!origin || !*origin)
		return false;
	for (size_t i = 0; i < o->n; i++)
		if (strcasecmp(o->v[i], origin) == 0)
			return true;
	return false;
}

bool gw_protocol_offered(const char *header)
{
	static const char wanted[] = "heliograph.1";
	while (header && *header) {
		header += strspn(header, ", \t");
		size_t len = strcspn(header, ", \t");
		if (len == sizeof(wanted) - 1 && memcmp(header, wanted, len) == 0)
			return true;
		header += len;
	}
	return false;
}

static bool is_name(const char *s, size_t len)
{
	if (len == 0 || s[0] < 'a' || s[0] > 'z')
		return false;
	for (size_t i = 1; i < len; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') || s[i] == '-'))
			return false;
	return true;
}

int gw_query_name(const char *query, const char *key, char *ret_name, size_t size)
{
	size_t key_len = strlen(key);
	const char *value = NULL;
	size_t value_len = 0;
	/* libwebsockets joins the parts of a query by commas when it copies them; a name has none.
	 */
	for (const char *at = query; at && *at;) {
		size_t len = strcspn(at, "&,");
		if (len > key_len && memcmp(at, key, key_len) == 0 && at[key_len] == '=') {
			if (value)
				return EINVAL;
			value = at + key_len + 1;
			value_len = len - key_len - 1;
		}
		at += len;
		at += *at != '\0';
	}
	if (!value)
		return ENOENT;
	if (value_len >= size || !is_name(value, value_len))
		return EINVAL;
	memcpy(ret_name, value, value_len);
	ret_name[value_len] = '\0';
	return 0;
}

bool gw_bucket_take(struct gw_bucket *b, uint32_t per_s, uint32_t burst, uint64_t now_us)
{
	uint64_t token_us = 1000000u / (per_s ? per_s : 1);
	uint64_t passed_us = now_us - b->at_us;
	b->at_us = now_us;
	b->spent_us = b->spent_us > passed_us ? b->spent_us - passed_us : 0;
	if (b->spent_us + token_us > token_us * burst)
		return false;
	b->spent_us += token_us;
	return true;
}
