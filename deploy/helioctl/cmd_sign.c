/*
 * config sign: a configuration gets a version and a signature where cluster.key is, and the files
 * that it names are listed by their hash.
 *
 *   cluster.yaml, agents.yaml ──► cluster.sig        audio, hours, customers ──► cluster.files
 */
#include "deploy/helioctl/sign.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/base.h"
#include "common/live/store.h"
#include "common/seal/seal.h"

static const char *opt_files;
static uint32_t opt_above;

const struct ctl_option cmd_config_sign_options[] = {
    {"files", "DIR", CTL_TEXT, &opt_files,
     "sign the cluster.yaml and agents.yaml of DIR, an older version, in the place of FILE"},
    {"above", "N", CTL_NUMBER, &opt_above, "a higher number than N, which runs already"},
    {NULL, NULL, CTL_FLAG, NULL, NULL},
};

/* ---- the files that it names --------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	const struct conf_listed *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* One file as it is now. Told. */
static int file_list(const struct conf_file *file, struct conf_files *f)
{
	struct conf_listed *x = &f->list[f->n];
	int err = store_digest(x->hash, file->path, &x->bytes);

	/* A list of millions of customers changes by itself and is not a part of a version. */
	if (err == EFBIG && file->kind == CONF_FILE_CUSTOMERS) {
		fprintf(stderr,
			"warning: %s is larger than %d MiB and does not travel: each host needs "
			"it in its place\n",
			file->path, CONF_FILE_MAX >> 20);
		return CTL_OK;
	}
	if (err == EFBIG)
		return ctl_fail(CTL_UNHEALTHY, "make it shorter, or FLAC or Ogg of it",
				"%s is larger than %d MiB", file->path, CONF_FILE_MAX >> 20);
	if (!err && !x->bytes)
		return ctl_fail(CTL_UNHEALTHY, NULL, "%s is empty", file->path);
	if (err)
		return ctl_fail(CTL_UNHEALTHY, NULL, "%s: %s", file->path, strerror(err));
	x->kind = file->kind;
	str_copy(x->name, sizeof(x->name), file->name);
	f->n++;
	return CTL_OK;
}

int sign_list(const struct conf *c, struct conf_files **ret)
{
	struct conf_files *f = calloc(1, sizeof(*f) + c->files_n * sizeof(f->list[0]));
	uint64_t sum = 0;
	int code = f ? CTL_OK : ctl_fail(CTL_UNHEALTHY, NULL, "out of memory");

	for (uint32_t i = 0; code == CTL_OK && i < c->files_n; i++) {
		uint32_t n = f->n;
		code = file_list(&c->files[i], f);
		sum += f->n > n ? f->list[n].bytes : 0;
	}
	if (code == CTL_OK && sum > CONF_FILES_SUM_MAX)
		code = ctl_fail(CTL_UNHEALTHY, "shorter sounds, or FLAC or Ogg of them",
				"its sounds and calendars are larger than %d MiB together",
				CONF_FILES_SUM_MAX >> 20);
	if (code != CTL_OK) {
		free(f);
		return code;
	}
	qsort(f->list, f->n, sizeof(f->list[0]), by_name);
	*ret = f;
	return CTL_OK;
}

bool sign_list_same(const struct conf_files *a, const struct conf_files *b)
{
	bool same = a->n == b->n;

	for (uint32_t i = 0; same && i < a->n; i++)
		same = a->list[i].kind == b->list[i].kind && a->list[i].bytes == b->list[i].bytes &&
		       !memcmp(a->list[i].hash, b->list[i].hash, CONF_FILE_HASH) &&
		       !strcmp(a->list[i].name, b->list[i].name);
	return same;
}

int sign_list_read(const char *sig_path, const struct signature *sig, struct conf_files **ret)
{
	char path[CONF_PATH_SIZE];
	int err = file_beside(path, sig_path, "cluster.files");

	*ret = NULL;
	if (!err)
		err = conf_files_read(ret, path);
	if (err && err != ENOENT)
		return ctl_fail(CTL_UNHEALTHY, "`helioctl config sign` makes it", "%s: %s", path,
				err == EINVAL ? "not a list of files" : strerror(err));
	/* One that an older helioctl left there. */
	if (*ret && (*ret)->version < sig->version) {
		free(*ret);
		*ret = NULL;
	}
	return CTL_OK;
}

/* ---- signing ------------------------------------------------------------------------------- */

int sign_with_key(const struct conf *c, struct signature *s, struct conf_files *files)
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
	files_sign(files, s, secret);
	sodium_memzero(secret, sizeof(secret));
	return CTL_OK;
}

/* The list first: a signature that is there has its list. A configuration that names no files has
 * none. */
static int sig_write(const char *path, const struct signature *s, const struct conf_files *files)
{
	char buf[SIGNATURE_TEXT_MAX], list_path[CONF_PATH_SIZE];
	size_t n = 0;
	char *list = files && files->n ? conf_files_print(files, &n) : NULL;
	int err = file_beside(list_path, path, "cluster.files");

	signature_print(buf, s);
	if (!err && list)
		err = file_write(list_path, list, n, 0644);
	else if (!err && unlink(list_path) && errno != ENOENT)
		err = errno;
	free(list);
	if (!err)
		err = seal_file_write_text(path, buf, false);
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

/* Do what lies at sig_path and beside it say just this, with this cluster's key? */
static bool is_signed(const struct conf *c, const char *sig_path, const struct signature *old,
		      const struct signature *s, const struct conf_files *files)
{
	uint8_t pub[SEAL_KEY_LEN];
	char path[CONF_PATH_SIZE + 16];
	struct conf_files *listed = NULL;

	snprintf(path, sizeof(path), "%s/cluster.pub", c->keys_dir);
	if (memcmp(old->cluster_digest, s->cluster_digest, SIGNATURE_DIGEST_LEN) != 0 ||
	    memcmp(old->agents_digest, s->agents_digest, SIGNATURE_DIGEST_LEN) != 0 ||
	    strcmp(old->cluster, c->cluster) != 0 ||
	    seal_file_read(path, pub, sizeof(pub), false) || signature_verify(old, pub) ||
	    sign_list_read(sig_path, old, &listed) != CTL_OK)
		return false;
	bool same = listed ? files_belong(listed, old) && !files_verify(listed, pub, c->cluster) &&
				 sign_list_same(listed, files)
			   : files->n == 0;
	free(listed);
	return same;
}

int config_sign(struct ctl *ctl, const struct conf *c, const char *sig_path, uint32_t above)
{
	struct signature s = {0}, old;
	struct conf_files *files = NULL;
	uint32_t had;

	if (sig_before(sig_path, &old, &had) != CTL_OK || sign_list(c, &files) != CTL_OK)
		return CTL_UNHEALTHY;
	int err = signature_digest(&s, c), code = CTL_OK;
	if (err)
		code = ctl_fail(CTL_UNHEALTHY, NULL, "%s: %s", c->file, strerror(err));
	bool same = code == CTL_OK && had > above && is_signed(c, sig_path, &old, &s, files);
	s.version = same ? had : (had > above ? had : above) + 1;
	if (code == CTL_OK && !same)
		code = sign_with_key(c, &s, files);
	if (code == CTL_OK && !same)
		code = sig_write(sig_path, &s, files);
	if (code == CTL_OK)
		fprintf(ctl->out, "version %u %s\n", s.version,
			same ? "is signed already" : "signed");
	free(files);
	return code;
}

void kept_free(struct kept *k)
{
	free(k->cluster);
	free(k->agents);
	free(k->listed);
	conf_free(k->conf);
	*k = (struct kept){0};
}

int kept_read(const char *dir, const char *file, struct kept *ret)
{
	char path[CONF_PATH_SIZE], files_dir[CONF_PATH_SIZE];
	struct kept k = {0};
	int err = snprintf(path, sizeof(path), "%s/agents.yaml", dir) >= (int)sizeof(path)
		      ? ENAMETOOLONG
		      : file_read(path, SIGNATURE_FILE_MAX, &k.agents, &k.agents_n, NULL);

	if (!err)
		err = snprintf(path, sizeof(path), "%s/cluster.yaml", dir) >= (int)sizeof(path)
			  ? ENAMETOOLONG
			  : 0;
	if (!err)
		err = file_read(path, SIGNATURE_FILE_MAX, &k.cluster, &k.cluster_n, NULL);
	if (!err)
		err = conf_files_applied(&k.listed, files_dir, path);
	err = err == ENOENT && k.cluster ? 0 : err; /* its files are where `file` has them */
	int code = err ? ctl_fail(CTL_UNHEALTHY, NULL, "%s: %s", path, strerror(err)) : CTL_OK;
	if (!err && conf_load_placed(&k.conf, file, k.cluster, k.cluster_n, k.agents, k.agents_n,
				     k.listed, files_dir, stderr))
		code = ctl_fail(CTL_UNHEALTHY, "mend what is listed above; nothing was changed",
				"the files of %s are not usable any more", dir);
	if (code == CTL_OK)
		*ret = k;
	else
		kept_free(&k);
	return code;
}

/* Beside them, and beside `file`: the next version of that has a number of its own. */
static int sign_files(struct ctl *ctl, const char *file, const char *sig_path)
{
	struct kept k = {0};
	struct conf_files *files = NULL;
	char path[CONF_PATH_SIZE];
	struct signature s = {0}, old;
	uint32_t here, there;
	int code = CTL_UNHEALTHY;

	if (snprintf(path, sizeof(path), "%s/cluster.sig", opt_files) >= (int)sizeof(path))
		return ctl_fail(CTL_USAGE, NULL, "%s: the path is too long", opt_files);
	if (sig_before(sig_path, &old, &here) == CTL_OK && sig_before(path, &old, &there) == CTL_OK)
		code = kept_read(opt_files, file, &k);
	if (code == CTL_OK)
		code = sign_list(k.conf, &files);
	if (code == CTL_OK) {
		uint32_t highest = here > there ? here : there;
		s.version = (highest > opt_above ? highest : opt_above) + 1;
		signature_digest_text(&s, k.cluster, k.cluster_n, k.agents, k.agents_n);
		code = sign_with_key(k.conf, &s, files);
	}
	if (code == CTL_OK)
		code = sig_write(path, &s, files);
	if (code == CTL_OK)
		code = sig_write(sig_path, &s, NULL);
	if (code == CTL_OK)
		fprintf(ctl->out, "version %u signed\n", s.version);
	free(files);
	kept_free(&k);
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
