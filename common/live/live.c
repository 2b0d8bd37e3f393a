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

/* The configuration at path and, if it is signed, its bundle. errno and why. */
static int disk_read(const char *path, FILE *err_out, struct conf **ret, struct bundle **ret_b,
		     char why[256])
{
	char at[CONF_PATH_SIZE] = "";
	uint8_t pub[32];
	struct signature sig;
	struct conf *c;
	int err = conf_load(&c, path, err_out);

	if (err) {
		snprintf(why, 256, "%.120s is wrong; `helioctl config check` says where", path);
		return err;
	}
	*ret_b = NULL;
	err = sig_path(at, path);
	if (!err)
		err = signature_read(&sig, at);
	if (err == ENOENT) {
		*ret = c;
		return 0;
	}
	if (err) {
		snprintf(why, 256, "%.150s: %s; `helioctl config sign` makes it", at,
			 err == EINVAL ? "not a signature" : strerror(err));
	} else if ((err = pub_read(pub, c))) {
		snprintf(why, 256, "%.150s/cluster.pub: %s; helio-keys makes it", c->keys_dir,
			 strerror(err));
	} else if ((err = disk_bundle(ret_b, c, &sig))) {
		snprintf(why, 256, "%.150s: %s", path, strerror(err));
	} else {
		char wrong[256];
		err = bundle_verify(*ret_b, pub, c->cluster, wrong);
		if (err)
			snprintf(why, 256,
				 "%.100s: %.60s; sign these files with `helioctl config sign`", at,
				 wrong);
	}
	conf_free(c);
	if (err) {
		free(*ret_b);
		*ret_b = NULL;
		return err;
	}
	const struct bundle *b = *ret_b;
	err = conf_load_text(ret, path, (const char *)b->bytes + b->cluster_at, b->cluster_n,
			     (const char *)b->bytes + b->agents_at, b->agents_n, true, err_out);
	if (err) {
		free(*ret_b);
		*ret_b = NULL;
		snprintf(why, 256, "%.120s changed while it was read", path);
	}
	return err;
}

/* ---- the start ---- */

/* A newer version that ran here before; bad copies are named and passed over. */
static void copies_look(struct live *l, FILE *err_out)
{
	uint32_t v = UINT32_MAX;

	while (l->has_pub && (v = copies_below(l->state, v)) > live_version(l)) {
		struct bundle *b = NULL;
		struct conf *c = NULL;
		char why[256] = "it cannot be used here";
		int err = copies_get(&b, l->state, v);
		if (err)
			snprintf(why, sizeof(why), "%s", strerror(err));
		else
			err = bundle_verify(b, l->pub, l->base->cluster, why);
		if (!err)
			err = conf_load_text(&c, l->path, (const char *)b->bytes + b->cluster_at,
					     b->cluster_n, (const char *)b->bytes + b->agents_at,
					     b->agents_n, true, err_out);
		if (!err && !conf_daemon_by_name(c, l->name)) {
			snprintf(why, sizeof(why), "%s is not in it", l->name);
			conf_free(c);
			err = ENOENT;
		}
		if (err) {
			log_error("config.copy_bad",
				  "version=%u why=%s remedy=\"remove config-%u.bundle in %s\"", v,
				  log_quote(why), v, l->state);
			free(b);
			continue;
		}
		if (!l->bundle)
			log_warn("config.unsigned_passed_over",
				 "file=%s version=%u remedy=\"helioctl config sign, then apply\"",
				 log_quote(l->path), v);
		conf_free(l->base);
		free(l->bundle);
		l->base = l->now = c;
		l->bundle = b;
		return;
	}
}

/* A daemon that comes back while callers still wait in a removed queue serves them: the versions it
 * ran before say what that queue was. What cannot be read any more is passed over. */
static void copies_carry(struct live *l)
{
	uint32_t v = live_version(l);

	while (v && (v = copies_below(l->state, v))) {
		struct bundle *b = NULL;
		struct conf *c = NULL;
		char why[256];
		int err = copies_get(&b, l->state, v);
		if (!err)
			err = bundle_verify(b, l->pub, l->base->cluster, why);
		if (!err)
			err = conf_load_text(&c, l->path, (const char *)b->bytes + b->cluster_at,
					     b->cluster_n, (const char *)b->bytes + b->agents_at,
					     b->agents_n, true, NULL);
		if (!err)
			err = conf_carry(l->base, c);
		if (err)
			log_warn("config.copy_unused", "version=%u why=%s", v,
				 log_quote(strerror(err)));
		conf_free(c);
		free(b);
	}
}

static int start(struct live *l, enum conf_role role, FILE *err_out, char why[256])
{
	static const char *const roles[] = {
	    [CONF_NODE] = "node", [CONF_BROKER] = "broker", [CONF_GATEWAY] = "gateway"};

	if (sodium_init() < 0) {
		snprintf(why, 256, "libsodium does not start");
		return EIO;
	}
	int err = disk_read(l->path, err_out, &l->base, &l->bundle, why);
	if (err)
		return err;
	l->now = l->base;
	const struct conf_daemon *d = conf_daemon_by_name(l->base, l->name);
	l->has_pub = !pub_read(l->pub, l->base);
	if (d && !conf_state_path(l->base, d, l->state)) {
		copies_look(l, err_out);
		if (l->has_pub)
			copies_carry(l);
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
	live_fetch_end(l);
	free(l->put.bytes);
	if (l->now != l->base)
		conf_free(l->now);
	conf_free(l->base);
	free(l->bundle);
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
	l->ops = *ops;
}

/* ---- taking ---- */

/* The new one in place of what runs. c is consumed. */
static int use(struct live *l, struct conf *c, char why[256])
{
	char roll[256] = "";
	bool needs_roll = conf_needs_roll(l->base, c, l->name, roll);
	int err = conf_live(c, l->base, l->now, l->ops.keep_agent, l->ops.arg);

	if (err)
		snprintf(why, 256, "%s",
			 err == E2BIG ? "too many queues, counting removed ones that are still "
					"served; roll the daemons first"
				      : strerror(err));
	else
		err = l->ops.use ? l->ops.use(l->ops.arg, c, why) : 0;
	if (err) {
		conf_free(c);
		return EINVAL;
	}
	if (l->now != l->base)
		conf_free(l->now);
	l->now = c;
	if (needs_roll && (!l->needs_roll || strcmp(roll, l->roll_why) != 0))
		log_warn("config.needs_roll", "why=%s remedy=\"deploy/roll\"", log_quote(roll));
	l->needs_roll = needs_roll;
	memcpy(l->roll_why, roll, sizeof(roll));
	l->taken++;
	return 0;
}

/* The first problem that conf_load_text() printed. */
static void first_line(char why[256], const char *said)
{
	snprintf(why, 256, "%.*s", (int)(said ? strcspn(said, "\n") : 0), said ? said : "");
	if (!*why)
		snprintf(why, 256, "it cannot be used here");
}

static int text_check(struct live *l, const struct bundle *b, struct conf **ret, char why[256])
{
	char *said = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&said, &n);
	int err = conf_load_text(ret, l->path, (const char *)b->bytes + b->cluster_at, b->cluster_n,
				 (const char *)b->bytes + b->agents_at, b->agents_n, true, f);

	if (f)
		fclose(f);
	if (err)
		first_line(why, said);
	free(said);
	return err ? EINVAL : 0;
}

static void refuse(struct live *l, const struct bundle *b, uint64_t now_us, const char *why)
{
	l->refused.version = b->sig.version;
	l->refused.at_us = now_us;
	str_copy(l->refused.why, sizeof(l->refused.why), why);
	l->refusals++;
	log_error("config.refused", "version=%u running=%u why=%s", b->sig.version, live_version(l),
		  log_quote(why));
}

int live_take(struct live *l, struct bundle *b, uint64_t now_us, char ret_why[256])
{
	struct conf *c = NULL;
	uint32_t before = live_version(l);
	int err = EINVAL;

	if (!l->has_pub)
		snprintf(ret_why, 256, "no %.150s/cluster.pub to check it with", l->base->keys_dir);
	else
		err = bundle_verify(b, l->pub, l->base->cluster, ret_why);
	if (!err && b->sig.version <= before) {
		snprintf(ret_why, 256, "version %u runs already; sign it anew for a higher number",
			 before);
		err = EALREADY;
	}
	if (!err)
		err = text_check(l, b, &c, ret_why);
	if (!err)
		err = use(l, c, ret_why);
	if (err) {
		/* An old one is no news: two ways brought the same. */
		if (err != EALREADY)
			refuse(l, b, now_us, ret_why);
		free(b);
		return EINVAL;
	}
	if (l->fetch.version <= b->sig.version)
		live_fetch_end(l);
	/* What was removed from it may still have callers after a restart: copies_carry(). */
	if (l->bundle && copies_below(l->state, before + 1) != before)
		(void)copies_put(l->state, l->bundle);
	free(l->bundle);
	l->bundle = b;
	memset(&l->refused, 0, sizeof(l->refused));
	int unkept = copies_put(l->state, b);
	if (unkept)
		log_error("config.not_kept", "version=%u dir=%s err=%s", b->sig.version,
			  log_quote(l->state), log_quote(strerror(unkept)));
	log_info("config.taken", "version=%u before=%u hash=%016llx", b->sig.version, before,
		 (unsigned long long)l->now->hash);
	live_news_all(l, now_us);
	return 0;
}

static int reload_unsigned(struct live *l, struct conf *c, char why[256])
{
	uint64_t hash = c->hash;

	if (l->bundle) {
		snprintf(why, 256,
			 "%.100s is not signed, version %u runs; `helioctl config sign` first",
			 l->path, live_version(l));
		conf_free(c);
		return EINVAL;
	}
	if (strcmp(c->cluster, l->base->cluster) != 0) {
		snprintf(why, 256, "it is of the cluster \"%.30s\"", c->cluster);
		conf_free(c);
		return EINVAL;
	}
	if (hash == l->now->hash) {
		snprintf(why, 256, "nothing has changed");
		conf_free(c);
		return 0;
	}
	int err = use(l, c, why);
	if (!err) {
		snprintf(why, 256, "in use now, unsigned");
		log_info("config.taken", "version=0 hash=%016llx", (unsigned long long)hash);
	}
	return err;
}

static int reload_signed(struct live *l, struct bundle *b, uint64_t hash, uint64_t now_us,
			 char why[256])
{
	if (b->sig.version == live_version(l)) {
		bool same = hash == l->now->hash;
		free(b);
		if (same) {
			snprintf(why, 256, "nothing has changed");
			return 0;
		}
		l->conflicts++;
		snprintf(why, 256,
			 "version %u runs with other bytes; `helioctl config sign` gives the next",
			 live_version(l));
		return EINVAL;
	}
	uint32_t version = b->sig.version;
	if (version < live_version(l)) {
		free(b);
		snprintf(why, 256, "version %u runs, this is %u; sign it anew to return to it",
			 live_version(l), version);
		return EINVAL;
	}
	int err = live_take(l, b, now_us, why);
	if (!err)
		snprintf(why, 256, "version %u is in use now", version);
	return err;
}

int live_reload(struct live *l, uint64_t now_us, char ret_why[256])
{
	struct conf *c = NULL;
	struct bundle *b = NULL;
	char *said = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&said, &n);
	int err = disk_read(l->path, f, &c, &b, ret_why);

	if (f)
		fclose(f);
	if (err && said && *said)
		first_line(ret_why, said);
	free(said);
	if (!err && b) {
		uint64_t hash = c->hash;
		conf_free(c);
		err = reload_signed(l, b, hash, now_us, ret_why);
	} else if (!err) {
		err = reload_unsigned(l, c, ret_why);
	}
	if (!err)
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
