/* What operators see of it. */
#include "common/live/live_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
	const struct live_taking *t = &l->taking;

	return json_pack("{s:i, s:o, s:b, s:i, s:o, s:o, s:i}", "version", (int)live_version(l),
			 "hash", hash_json(l->now->hash), "signed", l->bundle != NULL, "files",
			 l->files ? (int)l->files->n : 0, "needs_roll",
			 l->needs_roll ? json_string(l->roll_why) : json_null(), "refused",
			 refused_json(l), "taking",
			 t->on && t->offer.b ? (int)t->offer.b->sig.version : 0);
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
	l->put.bytes = NULL;
	l->put.total = l->put.got = 0;
}

struct part {
	uint8_t bytes[LIVE_PART_BYTES];
	size_t n;
	uint32_t offset, total;
};

/* 0 or an answer that says what is wrong with it. */
static json_t *part_read(const json_t *req, size_t most, struct part *ret)
{
	const char *text = json_string_value(json_object_get(req, "data"));
	json_int_t offset = json_integer_value(json_object_get(req, "offset"));
	json_int_t total = json_integer_value(json_object_get(req, "total"));

	if (!text || total <= 0 || total > (json_int_t)most || offset < 0 || offset > total ||
	    sodium_base642bin(ret->bytes, sizeof(ret->bytes), text, strlen(text), NULL, &ret->n,
			      NULL, sodium_base64_VARIANT_ORIGINAL) ||
	    ret->n > (size_t)(total - offset))
		return error("not a part of a configuration", "use helioctl apply");
	ret->offset = (uint32_t)offset;
	ret->total = (uint32_t)total;
	return NULL;
}

static json_t *part_missing(void)
{
	return error("a part is missing, or somebody else applies another one", "once more");
}

/* Parts come in order; the first begins anew. *ret_whole: l->put holds all of it. */
static json_t *put_part(struct live *l, const json_t *req, size_t most, bool *ret_whole)
{
	struct part p;
	json_t *bad = part_read(req, most, &p);

	*ret_whole = false;
	if (bad)
		return bad;
	if (p.offset == 0) {
		put_end(l);
		l->put.bytes = malloc(p.total);
		l->put.total = l->put.bytes ? p.total : 0;
	}
	if (!l->put.bytes || p.total != l->put.total || p.offset != l->put.got)
		return part_missing();
	memcpy(l->put.bytes + l->put.got, p.bytes, p.n);
	l->put.got += (uint32_t)p.n;
	*ret_whole = l->put.got == l->put.total;
	return *ret_whole ? NULL : json_pack("{s:b}", "ok", 1);
}

/* What of the list is not here yet. */
static json_t *missing(const struct live *l, const struct conf_files *f)
{
	json_t *list = json_array();
	char hex[2 * CONF_FILE_HASH + 1];

	for (uint32_t i = 0; i < f->n; i++) {
		if (!store_wants(l->role, f->list[i].kind) || store_has(l->store, &f->list[i]))
			continue;
		hex_encode(hex, f->list[i].hash, CONF_FILE_HASH);
		json_array_append_new(list, json_string(hex));
	}
	return list;
}

static json_t *put_list(struct live *l, const json_t *req)
{
	struct conf_files *f = NULL;
	bool whole;
	json_t *said = put_part(l, req, CONF_FILES_TEXT_MAX, &whole);

	if (!whole)
		return said;
	int err = conf_files_parse(&f, (const char *)l->put.bytes, l->put.total);
	put_end(l);
	if (!err && (!l->has_pub || files_verify(f, l->pub, l->base->cluster))) {
		free(f);
		return error("this list of files was not signed with the key of this cluster",
			     "nothing was changed");
	}
	if (err)
		return error("what came is not a list of files", "use helioctl apply");
	free(l->put.list);
	l->put.list = f;
	return json_pack("{s:b, s:o}", "ok", 1, "missing", missing(l, f));
}

static const struct conf_listed *put_wanted(const struct live *l, const char *hex)
{
	uint8_t hash[CONF_FILE_HASH];

	if (!hex || hex_decode(hash, sizeof(hash), hex))
		return NULL;
	for (uint32_t i = 0; l->put.list && i < l->put.list->n; i++)
		if (!memcmp(l->put.list->list[i].hash, hash, sizeof(hash)))
			return &l->put.list->list[i];
	return NULL;
}

/* To the page cache; live_take() hashes it. What is there says how far it is. */
static json_t *put_file(struct live *l, const json_t *req)
{
	const struct conf_listed *f =
	    put_wanted(l, json_string_value(json_object_get(req, "hash")));
	struct part p;
	struct stat st;
	char path[STORE_PATH_SIZE];
	json_t *bad = part_read(req, CONF_FILE_MAX, &p);

	if (bad)
		return bad;
	if (!f || p.total != f->bytes)
		return part_missing();
	int err = mkdir(l->store, 0700) && errno != EEXIST ? errno : 0;
	if (!err)
		err = store_path(path, l->store, f->hash, STORE_PUT);
	int fd =
	    err ? -1 : open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (p.offset ? 0 : O_TRUNC), 0600);
	if (!err && (fd < 0 || fstat(fd, &st)))
		err = errno;
	bool next = !err && st.st_size == (off_t)p.offset;
	if (next && pwrite(fd, p.bytes, p.n, (off_t)p.offset) != (ssize_t)p.n)
		err = errno ? errno : ENOSPC;
	if (fd >= 0)
		(void)close(fd);
	if (err)
		return error(strerror(err), "nothing was changed");
	return next ? json_pack("{s:b}", "ok", 1) : part_missing();
}

static json_t *put(struct live *l, const json_t *req, uint64_t now_us)
{
	struct live_offer o = {0};
	char why[256] = "";
	bool whole;
	json_t *said = put_part(l, req, BUNDLE_MAX, &whole);

	if (!whole)
		return said;
	int err = bundle_parse(&o.b, l->put.bytes, l->put.total);
	put_end(l);
	if (err)
		return error("what came is not a configuration", "use helioctl apply");
	bool listed = l->put.list && files_belong(l->put.list, &o.b->sig);
	/* Again, after an answer that was lost. */
	if (l->bundle && l->bundle->n == o.b->n && !memcmp(l->bundle->bytes, o.b->bytes, o.b->n) &&
	    (!listed || l->files)) {
		live_offer_free(&o);
		return json_pack("{s:b, s:o}", "ok", 1, "config", live_json(l));
	}
	if (listed) {
		o.files = l->put.list;
		l->put.list = NULL;
	}
	err = live_take(l, &o, now_us, why);
	if (err && err != EINPROGRESS)
		return error(why, "nothing was changed");
	return json_pack("{s:b, s:o}", "ok", 1, "config", live_json(l));
}

json_t *live_admin(struct live *l, const char *cmd, const json_t *req, uint64_t now_us)
{
	char why[256] = "";

	live_taking_look(l, now_us);
	if (!strcmp(cmd, "config_put"))
		return put(l, req, now_us);
	if (!strcmp(cmd, "config_files"))
		return put_list(l, req);
	if (!strcmp(cmd, "config_file"))
		return put_file(l, req);

	if (!strcmp(cmd, "config"))
		return json_pack("{s:b, s:o, s:o}", "ok", 1, "config", live_json(l), "daemons",
				 live_cluster_json(l, now_us));
	if (strcmp(cmd, "reload") != 0)
		return NULL;
	if (live_reload(l, now_us, why))
		return json_pack("{s:b, s:s}", "ok", 0, "error", why);
	return json_pack("{s:b, s:s, s:o}", "ok", 1, "done", why, "config", live_json(l));
}
