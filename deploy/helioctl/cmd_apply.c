/*
 * apply: a configuration comes into force on a host as a whole or not at all, with the files that
 * it names, and then in the cluster.
 */
#include "deploy/helioctl/plan.h"
#include "deploy/helioctl/push.h"
#include "deploy/helioctl/sign.h"
#include "deploy/helioctl/versions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/base.h"
#include "common/seal/seal.h"

static bool opt_back, opt_here;
static const char *opt_pub;
static uint32_t opt_wait = PUSH_WAIT_MS;

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

/* ---- one configuration ---------------------------------------------------------------------- */

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

/* The cluster's public key, as this host has it. Told. */
static int pub_read(struct ctl *ctl, const struct versions *st, uint8_t pub[static SEAL_KEY_LEN])
{
	char path[CONF_PATH_SIZE];
	int err;

	if (opt_pub)
		err = str_copy(path, sizeof(path), opt_pub);
	else if (ctl->conf)
		err = snprintf(path, sizeof(path), "%s/cluster.pub", ctl->conf->keys_dir) >=
		      (int)sizeof(path);
	else
		err = versions_path(st, path, "keys/cluster.pub");
	if (!err)
		err = seal_file_read(path, pub, SEAL_KEY_LEN, false);
	return err ? ctl_fail(CTL_UNHEALTHY, "deploy/site-up copies it", "%s: %s", path,
			      strerror(err))
		   : CTL_OK;
}

/* The files beside the configuration are those that were signed. Told. */
static int files_check(const struct conf *new, const struct signature *s,
		       const uint8_t pub[static SEAL_KEY_LEN], const char *sig_path,
		       struct conf_files **ret)
{
	struct conf_files *listed, *here = NULL;
	int code = sign_list_read(sig_path, s, &listed);

	if (code != CTL_OK || !listed) {
		if (code == CTL_OK && new->files_n)
			fputs("note: signed by an older helioctl; its sounds and calendars do not "
			      "travel with it: each host needs them in their places\n",
			      stderr);
		*ret = NULL;
		return code;
	}
	if (!files_belong(listed, s) || files_verify(listed, pub, new->cluster))
		code = ctl_fail(CTL_UNHEALTHY, "sign it again, and copy cluster.files, too",
				"the cluster.files beside %s is of another version", sig_path);
	if (code == CTL_OK)
		code = sign_list(new, &here);
	if (code == CTL_OK && !sign_list_same(listed, here))
		code = ctl_fail(CTL_UNHEALTHY, "sign the files as they are now",
				"a sound, a calendar or the customers are not as they were when %s "
				"was made",
				sig_path);
	free(here);
	if (code == CTL_OK)
		*ret = listed;
	else
		free(listed);
	return code;
}

/* Signature and files. free() *ret_files. Told. */
static int signature_check(struct ctl *ctl, const struct versions *st, const struct conf *new,
			   const char *sig_path, struct signature *ret,
			   struct conf_files **ret_files)
{
	struct signature s, now = {0};
	uint8_t pub[SEAL_KEY_LEN];
	int err = signature_read(&s, sig_path);

	if (err)
		return ctl_fail(CTL_UNHEALTHY, "`helioctl config sign` where cluster.key is kept",
				"%s: %s", sig_path,
				err == EINVAL ? "not a signature" : strerror(err));
	if (pub_read(ctl, st, pub) != CTL_OK)
		return CTL_UNHEALTHY;
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
	return files_check(new, &s, pub, sig_path, ret_files);
}

static int put_in_force(struct ctl *ctl, const struct versions *st, const struct conf *new,
			uint32_t version)
{
	int err = versions_use(st, new, version);

	if (!err)
		err = check_in_place(ctl, new->hash);
	if (!err) {
		fprintf(ctl->out, "version %u is in force on this host\n", version);
		return CTL_OK;
	}
	versions_return(st);
	return ctl_fail(CTL_UNHEALTHY,
			st->has_current ? "the version before is in force again"
					: "nothing is in force: apply one that is right",
			"version %u cannot be used from %s: %s", version, st->dir, strerror(err));
}

static int put_new(struct ctl *ctl, const struct versions *st, const struct conf *new,
		   const struct signature *s, const struct conf_files *files)
{
	struct plan p;
	const struct version v = {new->file, new->agents_file, s, files, new};

	if (st->has_current && s->version == st->current.version &&
	    !memcmp(s->bytes, st->current.bytes, sizeof(s->bytes)))
		return put_in_force(ctl, st, new, s->version);
	if (st->has_current && s->version <= st->current.version)
		return ctl_fail(CTL_UNHEALTHY,
				"`helioctl config sign --above` with that number gives the next "
				"one; to return to older files: `helioctl config sign --files`",
				"version %u is in force here, this is %u", st->current.version,
				s->version);
	if (ctl->conf) {
		(void)plan_make(&p, ctl->conf, new);
		plan_print(ctl, &p);
		plan_free(&p);
	}
	int err = versions_write(st, &v);
	if (err && err != EEXIST && err != ENOTEMPTY)
		return ctl_fail(CTL_UNHEALTHY, "nothing was changed",
				"version %u cannot be written below %s: %s", s->version, st->dir,
				strerror(err));
	return put_in_force(ctl, st, new, s->version);
}

static int apply(struct ctl *ctl, struct versions *st, const struct conf *new)
{
	char sig_path[CONF_PATH_SIZE], folder[CONF_PATH_SIZE], beside[CONF_PATH_SIZE];
	struct signature s;
	struct conf_files *files = NULL;
	int err = file_beside(sig_path, ctl->argv[0], "cluster.sig");
	const char *slash = strrchr(new->agents_file, '/');

	if (!err)
		err = file_beside(beside, new->agents_file, "");
	if (!err)
		err = file_beside(folder, new->file, "");
	if (err || (strcmp(beside, folder) != 0 && *folder == '/') || !slash)
		return ctl_fail(CTL_UNHEALTHY, "agents: agents.yaml",
				"agents: must be a file beside the cluster file");
	int code = signature_check(ctl, st, new, sig_path, &s, &files);
	if (code == CTL_OK)
		code = put_new(ctl, st, new, &s, files);
	free(files);
	return code;
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
static int back(struct ctl *ctl, struct versions *st)
{
	char dir[CONF_PATH_SIZE], from[2][CONF_PATH_SIZE], key[CONF_PATH_SIZE + 16];
	struct kept k = {0};
	struct conf_files *files = NULL;
	struct signature s = {0};
	uint32_t to = st->has_current ? versions_below(st, st->current.version) : 0;

	if (!to || !ctl->conf)
		return ctl_fail(CTL_UNHEALTHY, "apply a file",
				"no version before this one is kept here");
	if (versions_path(st, dir, "config/%u", to) ||
	    versions_path(st, from[0], "config/%u/cluster.yaml", to) ||
	    versions_path(st, from[1], "config/%u/agents.yaml", to))
		return ctl_fail(CTL_USAGE, NULL, "%s: the path is too long", st->dir);
	snprintf(key, sizeof(key), "%s/cluster.key", ctl->conf->keys_dir);
	if (access(key, R_OK))
		return ctl_fail(CTL_UNHEALTHY,
				"copy that folder to where cluster.key is kept; there: helioctl "
				"config sign centre/cluster.yaml --files THE-COPY; then apply it",
				"the files of version %u in %s need a new number and signature, "
				"and %s is not here",
				to, dir, key);
	int code = kept_read(dir, ctl->config, &k);
	if (code == CTL_OK)
		code = sign_list(k.conf, &files);
	if (code == CTL_OK) {
		uint32_t running = version_running(ctl);
		s.version = (running > st->current.version ? running : st->current.version) + 1;
		signature_digest_text(&s, k.cluster, k.cluster_n, k.agents, k.agents_n);
		code = sign_with_key(k.conf, &s, files);
	}
	if (code == CTL_OK) {
		const struct version v = {from[0], from[1], &s, files->n ? files : NULL, k.conf};
		int err = versions_write(st, &v);
		if (err)
			code = ctl_fail(CTL_UNHEALTHY, "nothing was changed",
					"version %u cannot be written below %s: %s", s.version,
					st->dir, strerror(err));
	}
	if (code == CTL_OK) {
		fprintf(ctl->out, "the files of version %u, signed as version %u\n", to, s.version);
		code = put_in_force(ctl, st, k.conf, s.version);
	}
	free(files);
	kept_free(&k);
	return code;
}

/* The running cluster: whoever can be asked from here takes it and spreads it. */
static int spread(struct ctl *ctl, const struct versions *st)
{
	char sig_path[CONF_PATH_SIZE];
	struct signature sig;
	struct push p = {0};
	int err = versions_path(st, sig_path, "config/current/cluster.sig");

	if (!err)
		err = signature_read(&sig, sig_path);
	if (err)
		return ctl_fail(CTL_UNHEALTHY, NULL, "%s: %s", sig_path, strerror(err));
	/* From here on this host's configuration is the new one: its daemons are the ones asked. */
	conf_free(ctl->conf);
	ctl->conf = NULL;
	if (conf_load(&ctl->conf, ctl->config, stderr))
		return ctl_fail(CTL_UNHEALTHY, NULL, "%s is not usable", ctl->config);
	int code = push_make(&p, ctl->conf, sig_path);
	if (code != CTL_OK)
		return code;
	code = push_send(ctl, &p);
	push_free(&p);
	if (code == CTL_SILENT) {
		fputs("no daemon can be asked from here; they read it when they start\n", ctl->out);
		return CTL_OK;
	}
	return code == CTL_OK ? push_wait(ctl, sig.version, ctl->conf->hash, opt_wait) : code;
}

int cmd_apply(struct ctl *ctl)
{
	struct versions st;
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
	int code = versions_open(ctl, &st);
	if (code == CTL_OK)
		code = opt_back ? back(ctl, &st) : apply(ctl, &st, new);
	if (st.lock >= 0)
		close(st.lock);
	if (code == CTL_OK && !opt_here)
		code = spread(ctl, &st);
	conf_free(new);
	return code;
}
