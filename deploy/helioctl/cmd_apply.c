/*
 * config sign, apply: a configuration gets a version and a signature where cluster.key is, and
 * comes into force on a host as a whole or not at all.
 *
 *   /etc/heliograph/config/6/{cluster.yaml,agents.yaml,cluster.sig}     kept: `apply --back`
 *   /etc/heliograph/config/7/…
 *   /etc/heliograph/config/current ─► 7        one rename(2) moves it: that is the moment
 *   /etc/heliograph/cluster.yaml   ─► config/current/cluster.yaml       set once; so agents.yaml
 */
#include "deploy/helioctl/plan.h"
#include "deploy/helioctl/push.h"
#include "deploy/helioctl/sign.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/base.h"
#include "common/seal/seal.h"

static bool opt_back, opt_here;
static const char *opt_pub;
static uint32_t opt_wait = PUSH_WAIT_MS;
static const char *opt_files;
static uint32_t opt_above;

const struct ctl_option cmd_config_sign_options[] = {
    {"files", "DIR", CTL_TEXT, &opt_files,
     "sign the cluster.yaml and agents.yaml of DIR, an older version, in the place of FILE"},
    {"above", "N", CTL_NUMBER, &opt_above, "a higher number than N, which runs already"},
    {NULL, NULL, CTL_FLAG, NULL, NULL},
};

const struct ctl_option cmd_apply_options[] = {
    {"back", NULL, CTL_FLAG, &opt_back,
     "the files of the version before this one, signed as the next one; no FILE"},
    {"pub", "FILE", CTL_TEXT, &opt_pub,
     "the cluster's public key (default: keys/cluster.pub beside the configuration)"},
    {"here", NULL, CTL_FLAG, &opt_here, "only put it in force on this host's disk; tell no daemon"},
    {"wait", "TIME", CTL_DURATION_MS, &opt_wait,
     "until every daemon runs it (default 30s); then exit code 1 names who does not"},
    {NULL, NULL, CTL_FLAG, NULL, NULL},
};

/* ---- sign ---------------------------------------------------------------------------------- */

/* Of the files whose digests are in s. Told. */
static int sign_with_key(const struct conf *c, struct signature *s)
{
	uint8_t secret[64];
	char key[CONF_PATH_SIZE + 16];

	str_copy(s->cluster, sizeof(s->cluster), c->cluster);
	snprintf(key, sizeof(key), "%s/cluster.key", c->keys_dir);
	int err = seal_file_read(key, secret, sizeof(secret), true);
	if (err)
		return ctl_fail(CTL_UNHEALTHY, "sign where cluster.key is kept, never on a host",
				"%s: %s", key, strerror(err));
	signature_sign(s, secret);
	sodium_memzero(secret, sizeof(secret));
	return CTL_OK;
}

static int sig_write(const char *path, const struct signature *s)
{
	char buf[SIGNATURE_TEXT_MAX];

	signature_print(buf, s);
	int err = seal_file_write_text(path, buf, false);
	return err ? ctl_fail(CTL_UNHEALTHY, NULL, "%s: %s", path, strerror(err)) : CTL_OK;
}

/* The one that lies there; *ret_version 0: none. Told. */
static int sig_before(const char *path, struct signature *ret, uint32_t *ret_version)
{
	int err = signature_read(ret, path);

	if (err && err != ENOENT)
		return ctl_fail(CTL_UNHEALTHY,
				"restore it from a backup, or remove it to begin at "
				"version 1 (hosts will refuse versions they had)",
				"%s: %s", path, strerror(err));
	*ret_version = err ? 0 : ret->version;
	return CTL_OK;
}

int config_sign(struct ctl *ctl, const struct conf *c, const char *sig_path, uint32_t above)
{
	struct signature s = {0}, old;
	uint32_t had;
	uint8_t pub[SEAL_KEY_LEN];
	char path[CONF_PATH_SIZE + 16];

	if (sig_before(sig_path, &old, &had) != CTL_OK)
		return CTL_UNHEALTHY;
	int err = signature_digest(&s, c);
	if (err)
		return ctl_fail(CTL_UNHEALTHY, NULL, "%s: %s", c->file, strerror(err));
	snprintf(path, sizeof(path), "%s/cluster.pub", c->keys_dir);
	bool same = had > above &&
		    !memcmp(old.cluster_digest, s.cluster_digest, SIGNATURE_DIGEST_LEN) &&
		    !memcmp(old.agents_digest, s.agents_digest, SIGNATURE_DIGEST_LEN) &&
		    !strcmp(old.cluster, c->cluster) &&
		    !seal_file_read(path, pub, sizeof(pub), false) && !signature_verify(&old, pub);
	s.version = same ? had : (had > above ? had : above) + 1;
	if (!same && (sign_with_key(c, &s) != CTL_OK || sig_write(sig_path, &s) != CTL_OK))
		return CTL_UNHEALTHY;
	fprintf(ctl->out, "version %u %s\n", s.version, same ? "is signed already" : "signed");
	return CTL_OK;
}

/* The two files of dir, as they would be in the place of `file`; free all three. Told. */
static int files_at(const char *dir, const char *file, struct conf **ret, char **cluster,
		    char **agents, struct signature *ret_digests)
{
	char path[CONF_PATH_SIZE];
	size_t cluster_n = 0, agents_n = 0;
	int err = snprintf(path, sizeof(path), "%s/cluster.yaml", dir) >= (int)sizeof(path)
		      ? ENAMETOOLONG
		      : file_read(path, SIGNATURE_FILE_MAX, cluster, &cluster_n, NULL);

	if (!err)
		err = snprintf(path, sizeof(path), "%s/agents.yaml", dir) >= (int)sizeof(path)
			  ? ENAMETOOLONG
			  : file_read(path, SIGNATURE_FILE_MAX, agents, &agents_n, NULL);
	if (err)
		return ctl_fail(CTL_UNHEALTHY, NULL, "%s: %s", path, strerror(err));
	if (conf_load_text(ret, file, *cluster, cluster_n, *agents, agents_n, true, stderr))
		return ctl_fail(CTL_UNHEALTHY, "mend what is listed above; nothing was changed",
				"the files of %s are not usable any more", dir);
	signature_digest_text(ret_digests, *cluster, cluster_n, *agents, agents_n);
	return CTL_OK;
}

/* Beside them, and beside `file`: the next version of that has a number of its own. */
static int sign_files(struct ctl *ctl, const char *file, const char *sig_path)
{
	struct conf *c = NULL;
	char *cluster = NULL, *agents = NULL, path[CONF_PATH_SIZE];
	struct signature s = {0}, old;
	uint32_t here, there;
	int code = CTL_UNHEALTHY;

	if (snprintf(path, sizeof(path), "%s/cluster.sig", opt_files) >= (int)sizeof(path))
		return ctl_fail(CTL_USAGE, NULL, "%s: the path is too long", opt_files);
	if (sig_before(sig_path, &old, &here) == CTL_OK && sig_before(path, &old, &there) == CTL_OK)
		code = files_at(opt_files, file, &c, &cluster, &agents, &s);
	if (code == CTL_OK) {
		uint32_t highest = here > there ? here : there;
		s.version = (highest > opt_above ? highest : opt_above) + 1;
		code = sign_with_key(c, &s);
	}
	if (code == CTL_OK)
		code = sig_write(path, &s);
	if (code == CTL_OK)
		code = sig_write(sig_path, &s);
	if (code == CTL_OK)
		fprintf(ctl->out, "version %u signed\n", s.version);
	free(cluster);
	free(agents);
	conf_free(c);
	return code;
}

int cmd_config_sign(struct ctl *ctl)
{
	const char *file = ctl->argc ? ctl->argv[0] : ctl->config;
	struct conf *c = NULL;
	char path[CONF_PATH_SIZE];

	if (seal_init())
		return ctl_fail(CTL_UNHEALTHY, NULL, "libsodium does not start");
	if (file_beside(path, file, "cluster.sig"))
		return ctl_fail(CTL_USAGE, NULL, "%s: the path is too long", file);
	if (opt_files)
		return sign_files(ctl, file, path);
	if (conf_load(&c, file, stderr))
		return ctl_fail(CTL_UNHEALTHY, "mend what is listed above", "%s is not signed",
				file);
	int code = config_sign(ctl, c, path, opt_above);
	conf_free(c);
	return code;
}

/* ---- apply: the versions on this host -----------------------------------------------------------
 */

struct store {
	char dir[CONF_PATH_SIZE];  /* of the configuration: /etc/heliograph */
	char name[CONF_NAME_SIZE]; /* cluster.yaml */
	int lock;
	bool has_current;
	struct signature current;
};

static int store_path(const struct store *st, char dst[static CONF_PATH_SIZE], const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static int store_path(const struct store *st, char dst[static CONF_PATH_SIZE], const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(dst, CONF_PATH_SIZE, "%s/", st->dir);

	if (n < 0 || n >= CONF_PATH_SIZE)
		return ENAMETOOLONG;
	va_start(ap, fmt);
	int m = vsnprintf(dst + n, (size_t)(CONF_PATH_SIZE - n), fmt, ap);
	va_end(ap);
	return m < 0 || m >= CONF_PATH_SIZE - n ? ENAMETOOLONG : 0;
}

/* Root writes for the daemons' group; anybody else for themselves. */
static int give(const char *path, unsigned mode)
{
	const struct group *g = geteuid() == 0 ? getgrnam("heliograph") : NULL;

	if (chmod(path, (mode_t)mode))
		return errno;
	return g && chown(path, 0, g->gr_gid) ? errno : 0;
}

static int store_open(struct ctl *ctl, struct store *st)
{
	char path[CONF_PATH_SIZE];
	const char *slash = strrchr(ctl->config, '/');

	*st = (struct store){.lock = -1};
	int n = snprintf(st->dir, sizeof(st->dir), "%.*s", slash ? (int)(slash - ctl->config) : 1,
			 slash ? ctl->config : ".");
	if (n < 0 || n >= (int)sizeof(st->dir) ||
	    str_copy(st->name, sizeof(st->name), slash ? slash + 1 : ctl->config) ||
	    store_path(st, path, "config"))
		return ctl_fail(CTL_USAGE, NULL, "%s: the path is too long", ctl->config);
	if (mkdir(path, 0750) && errno != EEXIST)
		return ctl_fail(CTL_UNHEALTHY, "run this as root on the host", "%s: %s", path,
				strerror(errno));
	(void)give(path, 0750);
	if (store_path(st, path, "config/lock"))
		return ctl_fail(CTL_USAGE, NULL, "%s: the path is too long", ctl->config);
	st->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (st->lock < 0 || flock(st->lock, LOCK_EX | LOCK_NB))
		return ctl_fail(CTL_UNHEALTHY, "wait for the other one",
				"another `helioctl apply` is at work here (%s)", strerror(errno));
	int err = store_path(st, path, "config/current/cluster.sig");
	if (!err)
		err = signature_read(&st->current, path);
	if (err && err != ENOENT)
		return ctl_fail(CTL_UNHEALTHY, "restore it from another host", "%s: %s", path,
				strerror(err));
	st->has_current = !err;
	return CTL_OK;
}

static int file_copy(const struct store *st, const char *from, uint32_t version, const char *name)
{
	char to[CONF_PATH_SIZE], *bytes;
	size_t n;
	int err = store_path(st, to, "config/%u.new/%s", version, name);

	if (!err)
		err = file_read(from, SIGNATURE_FILE_MAX, &bytes, &n, NULL);
	if (err)
		return err;
	err = file_write(to, bytes, n, 0640);
	free(bytes);
	return err ? err : give(to, 0640);
}

static int sig_file(const struct store *st, const struct signature *sig, uint32_t version)
{
	char to[CONF_PATH_SIZE], text[SIGNATURE_TEXT_MAX];
	int err = store_path(st, to, "config/%u.new/cluster.sig", version);

	signature_print(text, sig);
	if (!err)
		err = file_write(to, text, strlen(text), 0640);
	return err ? err : give(to, 0640);
}

/* config/N with its three files, whole or not there. */
static int version_write(const struct store *st, const char *cluster, const char *agents,
			 const struct signature *sig, uint32_t version)
{
	char fresh[CONF_PATH_SIZE], final[CONF_PATH_SIZE], folder[CONF_PATH_SIZE];
	int err = store_path(st, fresh, "config/%u.new", version);

	if (!err)
		err = store_path(st, final, "config/%u", version);
	if (!err)
		err = store_path(st, folder, "config");
	if (!err && mkdir(fresh, 0750) && errno != EEXIST)
		err = errno;
	if (!err)
		err = give(fresh, 0750);
	if (!err)
		err = file_copy(st, cluster, version, "cluster.yaml");
	if (!err)
		err = file_copy(st, agents, version, "agents.yaml");
	if (!err)
		err = sig_file(st, sig, version);
	if (!err)
		err = dir_sync(fresh);
	if (!err && rename(fresh, final))
		err = errno;
	return err ? err : dir_sync(folder);
}

/* A link that was not there, or was another one, by one rename. */
static int link_set(const struct store *st, const char *name, const char *to)
{
	char path[CONF_PATH_SIZE], fresh[CONF_PATH_SIZE], have[CONF_PATH_SIZE];
	int err = store_path(st, path, "%s", name);

	if (!err)
		err = store_path(st, fresh, "%s.new", name);
	if (err)
		return err;
	ssize_t n = readlink(path, have, sizeof(have) - 1);
	if (n >= 0) {
		have[n] = '\0';
		if (!strcmp(have, to))
			return 0;
	}
	if (unlink(fresh) && errno != ENOENT)
		return errno;
	if (symlink(to, fresh) || rename(fresh, path))
		return errno;
	return dir_sync(st->dir);
}

static int version_use(const struct store *st, const struct conf *new, uint32_t version)
{
	char number[16], to[CONF_PATH_SIZE];
	const char *slash = strrchr(new->agents_file, '/');
	int err;

	snprintf(number, sizeof(number), "%u", version);
	err = link_set(st, "config/current", number);
	snprintf(to, sizeof(to), "config/current/agents.yaml");
	if (!err)
		err = link_set(st, slash ? slash + 1 : new->agents_file, to);
	snprintf(to, sizeof(to), "config/current/cluster.yaml");
	return err ? err : link_set(st, st->name, to);
}

/* As the daemons will read it: through the links, from their folder. Warnings were shown. */
static int check_in_place(struct ctl *ctl, uint64_t hash)
{
	struct conf *c = NULL;
	char *said = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&said, &len);
	int err = conf_load(&c, ctl->config, f);

	if (f)
		fclose(f);
	if (err && said)
		fputs(said, stderr);
	free(said);

	if (!err && c->hash != hash)
		err = EINVAL;
	conf_free(c);
	return err;
}

/* The highest version below `than` that is kept; 0: none. */
static uint32_t version_below(const struct store *st, uint32_t than)
{
	char path[CONF_PATH_SIZE], *end;
	uint32_t best = 0;
	const struct dirent *e;
	DIR *d = store_path(st, path, "config") ? NULL : opendir(path);

	while (d && (e = readdir(d))) {
		unsigned long v = strtoul(e->d_name, &end, 10);
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && !*end && v < than && v > best)
			best = (uint32_t)v;
	}
	if (d)
		closedir(d);
	return best;
}

/* ---- apply: one configuration -------------------------------------------------------------------
 */

static int signature_check(struct ctl *ctl, const struct store *st, const struct conf *new,
			   const char *sig_path, struct signature *ret)
{
	struct signature s, now = {0};
	uint8_t pub[SEAL_KEY_LEN];
	char path[CONF_PATH_SIZE];
	int err = signature_read(&s, sig_path);

	if (err)
		return ctl_fail(CTL_UNHEALTHY, "`helioctl config sign` where cluster.key is kept",
				"%s: %s", sig_path,
				err == EINVAL ? "not a signature" : strerror(err));
	if (opt_pub)
		err = str_copy(path, sizeof(path), opt_pub);
	else if (ctl->conf)
		err = snprintf(path, sizeof(path), "%s/cluster.pub", ctl->conf->keys_dir) >=
		      (int)sizeof(path);
	else
		err = store_path(st, path, "keys/cluster.pub");
	if (!err)
		err = seal_file_read(path, pub, sizeof(pub), false);
	if (err)
		return ctl_fail(CTL_UNHEALTHY, "deploy/site-up copies it", "%s: %s", path,
				strerror(err));
	if (signature_verify(&s, pub))
		return ctl_fail(CTL_UNHEALTHY, "sign it with this cluster's key",
				"%s was not made with the key of this cluster", sig_path);
	err = signature_digest(&now, new);
	if (err)
		return ctl_fail(CTL_UNHEALTHY, NULL, "%s: %s", new->file, strerror(err));
	if (strcmp(s.cluster, new->cluster) != 0 ||
	    memcmp(s.cluster_digest, now.cluster_digest, SIGNATURE_DIGEST_LEN) != 0 ||
	    memcmp(s.agents_digest, now.agents_digest, SIGNATURE_DIGEST_LEN) != 0)
		return ctl_fail(CTL_UNHEALTHY, "sign the files as they are now",
				"%s is the signature of other files", sig_path);
	*ret = s;
	return CTL_OK;
}

static int put_in_force(struct ctl *ctl, const struct store *st, const struct conf *new,
			uint32_t version)
{
	char number[16];
	int err = version_use(st, new, version);

	if (!err)
		err = check_in_place(ctl, new->hash);
	if (!err) {
		fprintf(ctl->out, "version %u is in force on this host\n", version);
		return CTL_OK;
	}
	if (st->has_current) {
		snprintf(number, sizeof(number), "%u", st->current.version);
		(void)link_set(st, "config/current", number);
	}
	return ctl_fail(CTL_UNHEALTHY,
			st->has_current ? "the version before is in force again"
					: "nothing is in force: apply one that is right",
			"version %u cannot be used from %s: %s", version, st->dir, strerror(err));
}

static int apply(struct ctl *ctl, struct store *st, const struct conf *new)
{
	char sig_path[CONF_PATH_SIZE], folder[CONF_PATH_SIZE], beside[CONF_PATH_SIZE];
	struct signature s;
	struct plan p;
	int err = file_beside(sig_path, ctl->argv[0], "cluster.sig");
	const char *slash = strrchr(new->agents_file, '/');

	if (!err)
		err = file_beside(beside, new->agents_file, "");
	if (!err)
		err = file_beside(folder, new->file, "");
	if (err || (strcmp(beside, folder) != 0 && *folder == '/') || !slash)
		return ctl_fail(CTL_UNHEALTHY, "agents: agents.yaml",
				"agents: must be a file beside the cluster file");
	int code = signature_check(ctl, st, new, sig_path, &s);
	if (code != CTL_OK)
		return code;
	if (st->has_current && s.version == st->current.version &&
	    !memcmp(s.bytes, st->current.bytes, sizeof(s.bytes)))
		return put_in_force(ctl, st, new, s.version);
	if (st->has_current && s.version <= st->current.version)
		return ctl_fail(CTL_UNHEALTHY,
				"`helioctl config sign --above` with that number gives the next "
				"one; to return to older files: `helioctl config sign --files`",
				"version %u is in force here, this is %u", st->current.version,
				s.version);
	if (ctl->conf) {
		(void)plan_make(&p, ctl->conf, new);
		plan_print(ctl, &p);
		plan_free(&p);
	}
	err = version_write(st, new->file, new->agents_file, &s, s.version);
	if (err && err != EEXIST && err != ENOTEMPTY)
		return ctl_fail(CTL_UNHEALTHY, "nothing was changed",
				"version %u cannot be "
				"written below %s: %s",
				s.version, st->dir, strerror(err));
	return put_in_force(ctl, st, new, s.version);
}

/* What runs may be newer than what this host's disk says. */
static uint32_t version_running(struct ctl *ctl)
{
	uint32_t most = 0;
	const char *name;
	json_t *o, *rows = push_rows(ctl);

	json_object_foreach(rows, name, o)
	{
		uint32_t v = (uint32_t)json_number(o, "version");
		most = v > most ? v : most;
	}
	json_decref(rows);
	return most;
}

/*
 * No daemon takes an older number, so the old files get a new one: 6 7(bad) → 8, with the bytes
 * of 6. Only where cluster.key is; a host has none.
 */
static int back(struct ctl *ctl, struct store *st, struct conf **ret_new)
{
	char dir[CONF_PATH_SIZE], from[2][CONF_PATH_SIZE], key[CONF_PATH_SIZE + 16];
	char *cluster = NULL, *agents = NULL;
	struct signature s = {0};
	uint32_t to = st->has_current ? version_below(st, st->current.version) : 0;

	if (!to || !ctl->conf)
		return ctl_fail(CTL_UNHEALTHY, "apply a file",
				"no version before this one is kept here");
	if (store_path(st, dir, "config/%u", to) ||
	    store_path(st, from[0], "config/%u/cluster.yaml", to) ||
	    store_path(st, from[1], "config/%u/agents.yaml", to))
		return ctl_fail(CTL_USAGE, NULL, "%s: the path is too long", st->dir);
	snprintf(key, sizeof(key), "%s/cluster.key", ctl->conf->keys_dir);
	if (access(key, R_OK))
		return ctl_fail(CTL_UNHEALTHY,
				"copy that folder to where cluster.key is kept; there: helioctl "
				"config sign centre/cluster.yaml --files THE-COPY; then apply it",
				"the files of version %u in %s need a new number and signature, "
				"and %s is not here",
				to, dir, key);
	int code = files_at(dir, ctl->config, ret_new, &cluster, &agents, &s);
	if (code == CTL_OK) {
		uint32_t running = version_running(ctl);
		s.version = (running > st->current.version ? running : st->current.version) + 1;
		code = sign_with_key(*ret_new, &s);
	}
	if (code == CTL_OK) {
		int err = version_write(st, from[0], from[1], &s, s.version);
		if (err)
			code = ctl_fail(CTL_UNHEALTHY, "nothing was changed",
					"version %u cannot be written below %s: %s", s.version,
					st->dir, strerror(err));
	}
	if (code == CTL_OK) {
		fprintf(ctl->out, "the files of version %u, signed as version %u\n", to, s.version);
		code = put_in_force(ctl, st, *ret_new, s.version);
	}
	free(cluster);
	free(agents);
	return code;
}

/* The running cluster: whoever can be asked from here takes it and spreads it. */
static int spread(struct ctl *ctl, const struct store *st)
{
	char sig_path[CONF_PATH_SIZE];
	struct signature sig;
	struct bundle *b = NULL;
	int err = store_path(st, sig_path, "config/current/cluster.sig");

	if (!err)
		err = signature_read(&sig, sig_path);
	if (err)
		return ctl_fail(CTL_UNHEALTHY, NULL, "%s: %s", sig_path, strerror(err));
	/* From here on this host's configuration is the new one: its daemons are the ones asked. */
	conf_free(ctl->conf);
	ctl->conf = NULL;
	if (conf_load(&ctl->conf, ctl->config, stderr))
		return ctl_fail(CTL_UNHEALTHY, NULL, "%s is not usable", ctl->config);
	int code = push_bundle_make(&b, ctl->conf, sig_path);
	if (code != CTL_OK)
		return code;
	code = push_bundle(ctl, b);
	free(b);
	if (code == CTL_SILENT) {
		fputs("no daemon can be asked from here; they read it when they start\n", ctl->out);
		return CTL_OK;
	}
	return code == CTL_OK ? push_wait(ctl, sig.version, ctl->conf->hash, opt_wait) : code;
}

int cmd_apply(struct ctl *ctl)
{
	struct store st;
	struct conf *new = NULL;
	FILE *quiet = fopen("/dev/null", "we");

	if (opt_back != !ctl->argc)
		return ctl_fail(CTL_USAGE, "see --help", "either FILE or --back");
	if (seal_init())
		return ctl_fail(CTL_UNHEALTHY, NULL, "libsodium does not start");
	/* None yet, or a broken one: then there is nothing to compare with. */
	(void)conf_load(&ctl->conf, ctl->config, quiet);
	if (quiet)
		fclose(quiet);
	if (!opt_back && conf_load(&new, ctl->argv[0], stderr))
		return ctl_fail(CTL_UNHEALTHY, "mend what is listed above; nothing was changed",
				"%s is refused whole", ctl->argv[0]);
	int code = store_open(ctl, &st);
	if (code == CTL_OK)
		code = opt_back ? back(ctl, &st, &new) : apply(ctl, &st, new);
	if (st.lock >= 0)
		close(st.lock);
	if (code == CTL_OK && !opt_here)
		code = spread(ctl, &st);
	conf_free(new);
	return code;
}
