/* Reading, checking, taking. */
#include "common/live/live_internal.h"
#include "common/live/copies.h"

#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"
#include "common/log/log.h"

/* ---- what lies on the host ---- */

/* cluster.sig beside the file, or beside what the file's link leads to (config/current/). */
static int sig_path(char dst[static CONF_PATH_SIZE], const char *path)
{
	char real[PATH_MAX];

	if (realpath(path, real) && strlen(real) < CONF_PATH_SIZE &&
	    !file_beside(dst, real, "cluster.sig")) {
		struct signature s;
		if (signature_read(&s, dst) != ENOENT)
			return 0;
	}
	return file_beside(dst, path, "cluster.sig");
}

static int pub_read(uint8_t pub[static 32], const struct conf *c)
{
	char path[CONF_PATH_SIZE + 16];

	/* Not by common/seal: a gateway links this, and has nothing to open a session with. */
	char *text;
	size_t n;

	snprintf(path, sizeof(path), "%s/cluster.pub", c->keys_dir);
	int err = file_read(path, SIGNATURE_FILE_MAX, &text, &n, NULL);
	if (err)
		return err;
	text[strcspn(text, "\r\n")] = '\0';
	err = strlen(text) == 64 ? hex_decode(pub, 32, text) : EINVAL;
	free(text);
	return err;
}

/* The bytes that a signature is about, read once: what is checked is what is used. */
static int disk_bundle(struct bundle **ret, const struct conf *c, const struct signature *sig)
{
	char *cluster = NULL, *agents = NULL;
	size_t cluster_n, agents_n;
	int err = file_read(c->file, SIGNATURE_FILE_MAX, &cluster, &cluster_n, NULL);

	if (!err)
		err = file_read(c->agents_file, SIGNATURE_FILE_MAX, &agents, &agents_n, NULL);
	if (!err)
		err = bundle_pack(ret, sig, cluster, cluster_n, agents, agents_n);
	free(cluster);
	free(agents);
	return err;
}

/* The list beside the signature. ENOENT: none, or an older one that somebody's older helioctl left
 * there. errno and why. */
static int list_read(const char *sig_at, const struct signature *sig, const uint8_t pub[static 32],
		     struct conf_files **ret, char why[256])
{
	char at[CONF_PATH_SIZE];
	struct conf_files *f = NULL;
	int err = file_beside(at, sig_at, "cluster.files");

	if (!err)
		err = conf_files_read(&f, at);
	if (err == ENOENT)
		return ENOENT;
	if (!err && f->version < sig->version) {
		log_warn("config.files_old", "file=%s version=%u list=%u", log_quote(at),
			 sig->version, f->version);
		free(f);
		return ENOENT;
	}
	if (!err)
		err = files_belong(f, sig) ? files_verify(f, pub, sig->cluster) : EBADMSG;
	if (!err) {
		*ret = f;
		return 0;
	}
	snprintf(why, 256, "%.100s: %s; sign these files with `helioctl config sign`", at,
		 err == EINVAL    ? "not a list of files"
		 : err == EBADMSG ? "it is of another version"
				  : strerror(err));
	free(f);
	return err;
}

/* The configuration at path, with the files where they lie there. Signed: with its bundle and,
 * perhaps, its list of files; its bytes were read once and are those of the bundle. errno and why.
 */
static int disk_read(const char *path, FILE *err_out, struct live_offer *ret, char why[256])
{
	char at[CONF_PATH_SIZE] = "", wrong[256];
	uint8_t pub[32];
	struct signature sig;
	struct live_offer o = {0};
	int err = conf_load(&o.from, path, err_out);

	if (err) {
		snprintf(why, 256, "%.120s is wrong; `helioctl config check` says where", path);
		return err;
	}
	err = sig_path(at, path);
	if (!err)
		err = signature_read(&sig, at);
	if (err == ENOENT) {
		o.c = o.from;
		o.from = NULL;
		*ret = o;
		return 0;
	}
	if (err) {
		snprintf(why, 256, "%.150s: %s; `helioctl config sign` makes it", at,
			 err == EINVAL ? "not a signature" : strerror(err));
	} else if ((err = pub_read(pub, o.from))) {
		snprintf(why, 256, "%.150s/cluster.pub: %s; helio-keys makes it", o.from->keys_dir,
			 strerror(err));
	} else if ((err = disk_bundle(&o.b, o.from, &sig))) {
		snprintf(why, 256, "%.150s: %s", path, strerror(err));
	} else if ((err = bundle_verify(o.b, pub, o.from->cluster, wrong))) {
		snprintf(why, 256, "%.100s: %.60s; sign these files with `helioctl config sign`",
			 at, wrong);
	} else {
		err = list_read(at, &sig, pub, &o.files, why);
		err = err == ENOENT ? 0 : err;
	}
	if (err)
		live_offer_free(&o);
	else
		*ret = o;
	return err;
}

/* ---- the start ---- */

/* A copy that can be run on. errno and why. */
static int copy_read(const struct live *l, uint32_t v, bool gather, struct live_offer *ret,
		     char why[256])
{
	struct live_offer o = {0};
	int err = copies_get(&o.b, l->state, v);

	if (!err)
		err = copies_files(&o.files, l->state, v);
	if (err) {
		snprintf(why, 256, "%s", strerror(err));
	} else {
		err = bundle_verify(o.b, l->pub, l->base->cluster, why);
		if (!err && o.files &&
		    (!files_belong(o.files, &o.b->sig) ||
		     files_verify(o.files, l->pub, l->base->cluster))) {
			snprintf(why, 256, "config-%u.files is not its list", v);
			err = EBADMSG;
		}
		if (!err && o.files && gather)
			err = store_gather(l->store, o.files, l->role, l->base, true, NULL, why);
		if (!err)
			err = live_text_read(l, o.b, o.files, &o.c, why);
	}
	if (err)
		live_offer_free(&o);
	else
		*ret = o;
	return err;
}

static void base_set(struct live *l, struct live_offer *o)
{
	conf_free(l->base);
	free(l->bundle);
	free(l->files);
	l->base = l->now = o->c;
	l->bundle = o->b;
	l->files = o->files;
	l->mark = files_mark(l->files);
	o->c = NULL;
	o->b = NULL;
	o->files = NULL;
	live_offer_free(o);
}

/* A newer version that ran here before; bad copies are named and passed over. */
static void copies_look(struct live *l)
{
	uint32_t v = UINT32_MAX;

	while (l->has_pub && (v = copies_below(l->state, v)) > live_version(l)) {
		struct live_offer o = {0};
		char why[256] = "it cannot be used here";
		int err = copy_read(l, v, true, &o, why);
		if (!err && !conf_daemon_by_name(o.c, l->name)) {
			snprintf(why, sizeof(why), "%s is not in it", l->name);
			live_offer_free(&o);
			err = ENOENT;
		}
		if (err) {
			log_error("config.copy_bad",
				  "version=%u why=%s remedy=\"remove config-%u.bundle in %s\"", v,
				  log_quote(why), v, l->state);
			continue;
		}
		if (!l->bundle)
			log_warn("config.unsigned_passed_over",
				 "file=%s version=%u remedy=\"helioctl config sign, then apply\"",
				 log_quote(l->path), v);
		base_set(l, &o);
		return;
	}
}

/* A daemon that comes back while callers still wait in a removed queue serves them: the versions it
 * ran before say what that queue was. What cannot be read any more is passed over. */
static void copies_carry(struct live *l)
{
	uint32_t v = live_version(l);

	while (v && (v = copies_below(l->state, v))) {
		struct live_offer o = {0};
		char why[256];
		int err = copy_read(l, v, false, &o, why);
		if (!err && (err = conf_carry(l->base, o.c)))
			snprintf(why, sizeof(why), "%s", strerror(err));
		if (err)
			log_warn("config.copy_unused", "version=%u why=%s", v, log_quote(why));
		live_offer_free(&o);
	}
}

/* The files of what lies on the disk, kept as those of any version. */
static int files_start(struct live *l, struct live_offer *o, char why[256])
{
	if (o->files) {
		int err = store_gather(l->store, o->files, l->role, o->from, true, NULL, why);
		if (err)
			return err;
	}
	return o->c ? 0 : live_text_read(l, o->b, o->files, &o->c, why);
}

static int start(struct live *l, enum conf_role role, FILE *err_out, char why[256])
{
	static const char *const roles[] = {
	    [CONF_NODE] = "node", [CONF_BROKER] = "broker", [CONF_GATEWAY] = "gateway"};

	if (sodium_init() < 0) {
		snprintf(why, 256, "libsodium does not start");
		return EIO;
	}
	struct live_offer o = {0};
	int err = disk_read(l->path, err_out, &o, why);
	if (err)
		return err;
	const struct conf *disk = o.c ? o.c : o.from;
	const struct conf_daemon *d = conf_daemon_by_name(disk, l->name);
	bool known =
	    d && !conf_state_path(disk, d, l->state) &&
	    snprintf(l->store, sizeof(l->store), "%s/files", l->state) < (int)sizeof(l->store);
	if (known)
		err = files_start(l, &o, why);
	else if (!o.c)
		err = live_text_read(l, o.b, NULL, &o.c, why);
	if (err) {
		live_offer_free(&o);
		return err;
	}
	base_set(l, &o);
	l->has_pub = !pub_read(l->pub, l->base);
	if (known) {
		copies_look(l);
		if (l->has_pub)
			copies_carry(l);
		live_sweep(l);
	}
	l->self = conf_daemon_by_name(l->base, l->name);
	if (!l->self || l->self->role != role) {
		size_t n =
		    (size_t)snprintf(why, 256, "%.100s has no %s \"%.24s\"; there are:", l->path,
				     roles[role], l->name);
		for (uint32_t i = 0; i < l->base->daemons_n && n < 220; i++)
			if (l->base->daemons[i].role == role)
				n += (size_t)snprintf(why + n, 256 - n, " %s",
						      l->base->daemons[i].name);
		return ENOENT;
	}
	l->rows = calloc(l->base->daemons_n + 1u, sizeof(*l->rows));
	return l->rows ? 0 : ENOMEM;
}

int live_start(struct live **ret, const char *path, const char *name, enum conf_role role,
	       FILE *err_out)
{
	struct live *l = calloc(1, sizeof(*l));
	char why[256] = "out of memory";
	int err = l ? 0 : ENOMEM;

	if (l) {
		l->role = role;
		l->fetch.fd = -1;
	}
	if (!err && (str_copy(l->path, sizeof(l->path), path) ||
		     str_copy(l->name, sizeof(l->name), name))) {
		err = ENAMETOOLONG;
		snprintf(why, sizeof(why), "the path or the name is too long");
	}
	if (!err)
		err = start(l, role, err_out, why);
	if (err) {
		log_error("start.failed", "part=configuration why=%s", log_quote(why));
		live_free(l);
		return err;
	}
	if (l->bundle)
		log_info("config.signed", "version=%u hash=%016llx", live_version(l),
			 (unsigned long long)l->now->hash);
	else
		log_info("config.unsigned",
			 "hash=%016llx note=\"nobody checks who wrote it, and it is not spread: "
			 "helioctl config sign\"",
			 (unsigned long long)l->now->hash);
	*ret = l;
	return 0;
}

struct live *live_free(struct live *l)
{
	if (!l)
		return NULL;
	live_taking_end(l);
	live_fetch_end(l);
	free(l->put.bytes);
	free(l->put.list);
	if (l->now != l->base)
		conf_free(l->now);
	conf_free(l->base);
	free(l->bundle);
	free(l->files);
	free(l->rows);
	free(l);
	return NULL;
}

const struct conf *live_base(const struct live *l)
{
	return l->base;
}

const struct conf *live_conf(const struct live *l)
{
	return l->now;
}

const struct conf_daemon *live_self(const struct live *l)
{
	return l->self;
}

void live_run(struct live *l, const struct live_ops *ops)
{
	live_taking_end(l);
	l->ops = *ops;
}

/* ---- from the disk, while it runs ---- */

static int reload_unsigned(struct live *l, struct live_offer *o, uint64_t now_us, char why[256])
{
	uint64_t hash = o->c->hash;
	int err = EINVAL;

	if (l->bundle)
		snprintf(why, 256,
			 "%.100s is not signed, version %u runs; `helioctl config sign` first",
			 l->path, live_version(l));
	else if (strcmp(o->c->cluster, l->base->cluster) != 0)
		snprintf(why, 256, "it is of the cluster \"%.30s\"", o->c->cluster);
	else if (hash == l->now->hash) {
		snprintf(why, 256, "nothing has changed");
		err = 0;
	} else {
		err = live_take(l, o, now_us, why);
		if (!err)
			snprintf(why, 256, "in use now, unsigned");
	}
	live_offer_free(o);
	return err;
}

static int reload_signed(struct live *l, struct live_offer *o, uint64_t now_us, char why[256])
{
	uint32_t version = o->b->sig.version;
	/* It may be the same version that came from elsewhere, without the list that is here. */
	bool more =
	    version == live_version(l) && o->files && !l->files && o->from->hash == l->now->hash;
	int err = EINVAL;

	if (version == live_version(l) && !more) {
		bool same =
		    o->from->hash == l->now->hash && (!o->files || files_mark(o->files) == l->mark);
		l->conflicts += !same;
		snprintf(why, 256,
			 same ? "nothing has changed"
			      : "version %u runs with other bytes; `helioctl config sign` gives "
				"the next",
			 live_version(l));
		err = same ? 0 : EINVAL;
	} else if (version < live_version(l)) {
		snprintf(why, 256, "version %u runs, this is %u; sign it anew to return to it",
			 live_version(l), version);
	} else {
		err = live_take(l, o, now_us, why);
		if (!err)
			snprintf(why, 256, "version %u is in use now", version);
	}
	live_offer_free(o);
	return err;
}

int live_reload(struct live *l, uint64_t now_us, char ret_why[256])
{
	struct live_offer o = {0};
	char *said = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&said, &n);
	int err = disk_read(l->path, f, &o, ret_why);

	if (f)
		fclose(f);
	if (err && said && *said)
		live_first_line(ret_why, said);
	free(said);
	if (!err)
		err = o.b ? reload_signed(l, &o, now_us, ret_why)
			  : reload_unsigned(l, &o, now_us, ret_why);
	if (!err || err == EINPROGRESS)
		return 0;
	l->refusals++;
	log_error("config.reload_refused", "file=%s why=%s", log_quote(l->path),
		  log_quote(ret_why));
	return EINVAL;
}

struct live_figures live_figures(const struct live *l)
{
	return (struct live_figures){.hash = l->now->hash,
				     .version = live_version(l),
				     .needs_roll = l->needs_roll,
				     .refused = l->refused.version,
				     .taken = l->taken,
				     .refusals = l->refusals,
				     .conflicts = l->conflicts,
				     .parts_sent = l->parts_sent};
}
