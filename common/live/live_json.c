/* What operators see of it. */
#include "common/live/live_internal.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

static json_t *hash_json(uint64_t hash)
{
	char text[24];

	snprintf(text, sizeof(text), "%016llx", (unsigned long long)hash);
	return json_string(text);
}

static json_t *refused_json(const struct live *l)
{
	if (!l->refused.version)
		return json_null();
	return json_pack("{s:i, s:s}", "version", (int)l->refused.version, "why", l->refused.why);
}

json_t *live_json(const struct live *l)
{
	return json_pack("{s:i, s:o, s:b, s:o, s:o}", "version", (int)live_version(l), "hash",
			 hash_json(l->now->hash), "signed", l->bundle != NULL, "needs_roll",
			 l->needs_roll ? json_string(l->roll_why) : json_null(), "refused",
			 refused_json(l));
}

static json_t *row_json(const struct conf_daemon *d, uint32_t version, uint64_t hash,
			uint32_t flags, uint32_t refused, uint64_t heard_ms)
{
	static const char *const roles[] = {
	    [CONF_NODE] = "node", [CONF_BROKER] = "broker", [CONF_GATEWAY] = "gateway"};

	return json_pack("{s:s, s:s, s:i, s:o, s:b, s:i, s:I}", "name", d->name, "role",
			 roles[d->role], "version", (int)version, "hash", hash_json(hash),
			 "needs_roll", (flags & ROW_NEEDS_ROLL) != 0, "refused",
			 flags & ROW_REFUSED ? (int)refused : 0, "heard_ms", (json_int_t)heard_ms);
}

json_t *live_cluster_json(const struct live *l, uint64_t now_us)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < l->base->daemons_n; i++) {
		const struct conf_daemon *d = &l->base->daemons[i];
		const struct live_row *r = &l->rows[i];
		if (d == l->self)
			json_array_append_new(list,
					      row_json(d, live_version(l), l->now->hash,
						       (l->needs_roll ? ROW_NEEDS_ROLL : 0u) |
							   (l->refused.version ? ROW_REFUSED : 0u),
						       l->refused.version, 0));
		else if (r->heard_us && now_us - r->heard_us < LIVE_KNOWN_MS * 1000ull)
			json_array_append_new(list,
					      row_json(d, r->version, r->hash, r->flags, r->refused,
						       (now_us - r->heard_us) / 1000));
	}
	return list;
}

static json_t *error(const char *text, const char *remedy)
{
	return json_pack("{s:b, s:s, s:s}", "ok", 0, "error", text, "remedy", remedy);
}

static void put_end(struct live *l)
{
	free(l->put.bytes);
	memset(&l->put, 0, sizeof(l->put));
}

/* Parts come in order; the first begins anew. */
static json_t *put(struct live *l, const json_t *req, uint64_t now_us)
{
	const char *text = json_string_value(json_object_get(req, "data"));
	json_int_t offset = json_integer_value(json_object_get(req, "offset"));
	json_int_t total = json_integer_value(json_object_get(req, "total"));
	uint8_t part[LIVE_PART_BYTES];
	size_t n = 0;
	char why[256] = "";

	if (!text || total <= 0 || total > BUNDLE_MAX || offset < 0 ||
	    sodium_base642bin(part, sizeof(part), text, strlen(text), NULL, &n, NULL,
			      sodium_base64_VARIANT_ORIGINAL))
		return error("not a part of a configuration", "use helioctl apply");
	if (offset == 0) {
		put_end(l);
		l->put.bytes = malloc((size_t)total);
		l->put.total = l->put.bytes ? (uint32_t)total : 0;
	}
	if (!l->put.bytes || total != l->put.total || offset != l->put.got ||
	    n > l->put.total - l->put.got)
		return error("a part is missing, or somebody else applies another one",
			     "once more");
	memcpy(l->put.bytes + l->put.got, part, n);
	l->put.got += (uint32_t)n;
	if (l->put.got < l->put.total)
		return json_pack("{s:b}", "ok", 1);
	struct bundle *b = NULL;
	int err = bundle_parse(&b, l->put.bytes, l->put.total);
	put_end(l);
	if (err)
		return error("what came is not a configuration", "use helioctl apply");
	/* Again, after an answer that was lost. */
	if (l->bundle && l->bundle->n == b->n && !memcmp(l->bundle->bytes, b->bytes, b->n)) {
		free(b);
		return json_pack("{s:b, s:o}", "ok", 1, "config", live_json(l));
	}
	if (live_take(l, b, now_us, why))
		return error(why, "nothing was changed");
	return json_pack("{s:b, s:o}", "ok", 1, "config", live_json(l));
}

json_t *live_admin(struct live *l, const char *cmd, const json_t *req, uint64_t now_us)
{
	char why[256] = "";

	if (!strcmp(cmd, "config_put"))
		return put(l, req, now_us);

	if (!strcmp(cmd, "config"))
		return json_pack("{s:b, s:o, s:o}", "ok", 1, "config", live_json(l), "daemons",
				 live_cluster_json(l, now_us));
	if (strcmp(cmd, "reload") != 0)
		return NULL;
	if (live_reload(l, now_us, why))
		return json_pack("{s:b, s:s}", "ok", 0, "error", why);
	return json_pack("{s:b, s:s, s:o}", "ok", 1, "done", why, "config", live_json(l));
}
