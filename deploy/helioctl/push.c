#include "deploy/helioctl/push.h"
#include "deploy/helioctl/sign.h"

#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"
#include "common/live/live.h"

enum {
	WAIT_STEP_MS = 200,
	PUSH_TAKE_MS = 60000, /* ten minutes of music take a node some seconds */
};

int push_make(struct push *ret, const struct conf *conf, const char *sig_path)
{
	struct signature sig;
	struct push p = {.conf = conf};
	char *cluster = NULL, *agents = NULL;
	size_t cluster_n, agents_n;
	int err = signature_read(&sig, sig_path);

	if (!err)
		err = file_read(conf->file, SIGNATURE_FILE_MAX, &cluster, &cluster_n, NULL);
	if (!err)
		err = file_read(conf->agents_file, SIGNATURE_FILE_MAX, &agents, &agents_n, NULL);
	if (!err)
		err = bundle_pack(&p.bundle, &sig, cluster, cluster_n, agents, agents_n);
	free(cluster);
	free(agents);
	int code =
	    err ? ctl_fail(CTL_UNHEALTHY, NULL, "%s: %s", conf->file, strerror(err)) : CTL_OK;
	if (code == CTL_OK)
		code = sign_list_read(sig_path, &sig, &p.files);
	if (code == CTL_OK)
		*ret = p;
	else
		push_free(&p);
	return code;
}

void push_free(struct push *p)
{
	free(p->bundle);
	free(p->files);
	*p = (struct push){0};
}

/* Bytes to one daemon, part after part: an admin request has 64 KiB. The last answer is the
 * caller's. */
static int parts_put(struct ctl *ctl, const char *name, const char *cmd, const char *hash,
		     const void *bytes, size_t n, json_t **ret, char why[256])
{
	char text[LIVE_PART_BYTES * 2];
	int code = CTL_OK;

	*ret = NULL;
	for (size_t at = 0; at < n && code == CTL_OK; at += LIVE_PART_BYTES) {
		size_t left = n - at, len = left < LIVE_PART_BYTES ? left : LIVE_PART_BYTES;
		struct answers as;
		sodium_bin2base64(text, sizeof(text), (const uint8_t *)bytes + at, len,
				  sodium_base64_VARIANT_ORIGINAL);
		json_t *req = json_pack("{s:I, s:I, s:s, s:s}", "offset", (json_int_t)at, "total",
					(json_int_t)n, "data", text, "hash", hash);
		code = ask(ctl, ASK_ALL, name, cmd, req, &as);
		snprintf(why, 256, "%s", as.n ? as.list[0].why : "");
		json_decref(*ret);
		*ret = as.n ? json_incref(as.list[0].reply) : NULL;
		answers_free(&as);
		json_decref(req);
	}
	return code;
}

static const char *place_of(const struct push *p, const char *hash)
{
	char hex[2 * CONF_FILE_HASH + 1];

	for (uint32_t i = 0; i < p->files->n; i++) {
		hex_encode(hex, p->files->list[i].hash, CONF_FILE_HASH);
		for (uint32_t k = 0; !strcmp(hex, hash) && k < p->conf->files_n; k++)
			if (!strcmp(p->conf->files[k].name, p->files->list[i].name))
				return p->conf->files[k].path;
	}
	return NULL;
}

static int file_put(struct ctl *ctl, const char *name, const char *hash, const char *path,
		    char why[256])
{
	char *bytes = NULL;
	size_t n;
	json_t *said = NULL;
	int err = path ? file_read(path, CONF_FILE_MAX, &bytes, &n, NULL) : ENOENT;

	if (err) {
		snprintf(why, 256, "%.180s: %.60s", path ? path : "a file it asks for", strerror(err));
		return CTL_UNHEALTHY;
	}
	int code = parts_put(ctl, name, "config_file", hash, bytes, n, &said, why);
	json_decref(said);
	free(bytes);
	return code;
}

/* The list, then what of it the daemon has not got. */
static int files_put(struct ctl *ctl, const char *name, const struct push *p, char why[256])
{
	size_t n = 0, i;
	char *list = conf_files_print(p->files, &n);
	json_t *said = NULL, *o;
	int code =
	    list ? parts_put(ctl, name, "config_files", "", list, n, &said, why) : CTL_UNHEALTHY;

	free(list);
	/* A daemon of the version before: it looks for files in their places, as ever. */
	if (code != CTL_OK && strstr(why, "does not know this command")) {
		fprintf(stderr, "note: %s runs an older program and gets no sounds or calendars\n",
			name);
		code = CTL_OK;
	}
	json_array_foreach(json_object_get(said, "missing"), i, o)
	{
		const char *hash = json_string_value(o);
		if (code == CTL_OK)
			code = file_put(ctl, name, hash, place_of(p, hash), why);
	}
	json_decref(said);
	return code;
}

/* New sounds are read in first: it has taken the version, or says why not. */
static int taken_wait(struct ctl *ctl, const char *name, uint32_t version, char why[256])
{
	uint64_t until = mono_us() + PUSH_TAKE_MS * 1000ull;

	while (mono_us() < until) {
		struct answers as;
		int code = ask(ctl, ASK_ALL, name, "config", NULL, &as);
		const json_t *c =
		    as.n && as.list[0].reply ? json_object_get(as.list[0].reply, "config") : NULL;
		const json_t *refused = json_object_get(c, "refused");
		bool taken = json_number(c, "version") >= version;
		bool no = json_is_object(refused) && json_number(refused, "version") == version;
		if (no)
			snprintf(why, 256, "%s", json_text(refused, "why"));
		answers_free(&as);
		if (taken || no || code != CTL_OK)
			return taken ? CTL_OK : CTL_UNHEALTHY;
		poll(NULL, 0, WAIT_STEP_MS);
	}
	snprintf(why, 256, "it still reads its files in");
	return CTL_UNHEALTHY;
}

/* One daemon. Not CTL_OK: why says it. */
static int put(struct ctl *ctl, const char *name, const struct push *p, char why[256])
{
	json_t *said = NULL;
	int code = p->files ? files_put(ctl, name, p, why) : CTL_OK;

	if (code == CTL_OK)
		code = parts_put(ctl, name, "config_put", "", p->bundle->bytes, p->bundle->n, &said,
				 why);
	if (code == CTL_OK && json_number(json_object_get(said, "config"), "taking"))
		code = taken_wait(ctl, name, p->bundle->sig.version, why);
	json_decref(said);
	return code;
}

int push_send(struct ctl *ctl, const struct push *p)
{
	const struct conf *c = ctl->conf;
	char why[256] = "", refused[512] = "";
	bool taken[256] = {false};
	bool any = false;

	for (int brokers = 1; brokers >= 0; brokers--) {
		for (uint32_t i = 0; i < c->daemons_n; i++) {
			const struct conf_daemon *d = &c->daemons[i];
			unsigned site = addr_site(d->addr);
			struct answers as;
			/* A gateway keeps no sounds that it could pass on. */
			if (taken[site] || (d->role == CONF_BROKER) != (brokers == 1) ||
			    (p->files && d->role == CONF_GATEWAY))
				continue;
			bool here = ask(ctl, ASK_ALL, d->name, "config", NULL, &as) == CTL_OK;
			answers_free(&as);
			if (!here)
				continue;
			taken[site] = put(ctl, d->name, p, why) == CTL_OK;
			any = any || taken[site];
			if (!taken[site])
				snprintf(refused, sizeof(refused), "%s: %s", d->name, why);
		}
	}
	if (any)
		return CTL_OK;
	return *refused
		   ? ctl_fail(CTL_UNHEALTHY, "what runs is as it was", "refused by %s", refused)
		   : CTL_SILENT;
}

/* The freshest of what several daemons say about one. */
static void rows_merge(json_t *rows, const json_t *list)
{
	size_t i;
	json_t *o;

	json_array_foreach(list, i, o)
	{
		const char *name = json_text(o, "name");
		const json_t *had = json_object_get(rows, name);
		if (!had || json_number(o, "heard_ms") < json_number(had, "heard_ms"))
			json_object_set(rows, name, o);
	}
}

json_t *push_rows(struct ctl *ctl)
{
	const char *site = ctl->site;
	json_t *rows = json_object();
	struct answers as;

	ctl->site = NULL;
	(void)ask(ctl, ASK_ALL, NULL, "config", NULL, &as);
	ctl->site = site;
	for (uint32_t i = 0; i < as.n; i++)
		rows_merge(rows, json_object_get(as.list[i].reply, "daemons"));
	answers_free(&as);
	return rows;
}

struct tally {
	unsigned there, refused;
	char waiting[400]; /* names */
};

static void tally(const struct conf *c, const json_t *rows, uint32_t version, const char *hash,
		  struct tally *ret)
{
	size_t at = 0;

	*ret = (struct tally){0};
	for (uint32_t i = 0; i < c->daemons_n; i++) {
		const json_t *o = json_object_get(rows, c->daemons[i].name);
		if (o && !strcmp(json_text(o, "hash"), hash) &&
		    (!version || json_number(o, "version") == version)) {
			ret->there++;
			continue;
		}
		bool refused = version && json_number(o, "refused") == version;
		ret->refused += refused;
		if (at < sizeof(ret->waiting) - 64)
			at += (size_t)snprintf(ret->waiting + at, sizeof(ret->waiting) - at,
					       "%s%s%s", at ? ", " : "", c->daemons[i].name,
					       refused ? " (refuses it)"
					       : o     ? ""
						       : " (silent)");
		else if (ret->waiting[at - 1] != '.')
			at += (size_t)snprintf(ret->waiting + at, sizeof(ret->waiting) - at,
					       " and others.");
	}
}

static void rolls_print(struct ctl *ctl, const json_t *rows)
{
	const char *name;
	json_t *o;
	bool first = true;

	json_object_foreach((json_t *)rows, name, o)
	{
		if (!json_is_true(json_object_get(o, "needs_roll")))
			continue;
		fprintf(ctl->out, "%s%s", first ? "needs a roll (deploy/roll): " : ", ", name);
		first = false;
	}
	if (!first)
		fputc('\n', ctl->out);
}

int push_wait(struct ctl *ctl, uint32_t version, uint64_t hash, uint32_t wait_ms)
{
	uint64_t until = mono_us() + wait_ms * 1000ull, began = mono_us();
	const unsigned all = ctl->conf->daemons_n;
	unsigned said = UINT32_MAX;
	char text[24];

	snprintf(text, sizeof(text), "%016llx", (unsigned long long)hash);
	for (;;) {
		struct tally t;
		json_t *rows = push_rows(ctl);
		tally(ctl->conf, rows, version, text, &t);
		if (t.there != said && !ctl->json)
			fprintf(ctl->out, "%u of %u daemons run it%s%s\n", t.there, all,
				t.there < all ? "; not yet: " : "", t.waiting);
		fflush(ctl->out);
		said = t.there;
		if (t.there == all) {
			if (!ctl->json) {
				fprintf(ctl->out, "in use everywhere after %.1f s\n",
					(double)(mono_us() - began) / 1e6);
				rolls_print(ctl, rows);
			}
			json_decref(rows);
			return CTL_OK;
		}
		json_decref(rows);
		if (mono_us() >= until || (t.refused && t.there + t.refused == all))
			return ctl_fail(CTL_UNHEALTHY,
					"`helioctl status` says why; a daemon that comes back "
					"catches up by itself",
					"not everywhere: %s", t.waiting);
		poll(NULL, 0, WAIT_STEP_MS);
	}
}
