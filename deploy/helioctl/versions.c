#include "deploy/helioctl/versions.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/base.h"
#include "common/live/store.h"

int versions_path(const struct versions *st, char dst[static CONF_PATH_SIZE], const char *fmt, ...)
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

int versions_open(struct ctl *ctl, struct versions *st)
{
	char path[CONF_PATH_SIZE];
	const char *slash = strrchr(ctl->config, '/');

	*st = (struct versions){.lock = -1};
	int n = snprintf(st->dir, sizeof(st->dir), "%.*s", slash ? (int)(slash - ctl->config) : 1,
			 slash ? ctl->config : ".");
	if (n < 0 || n >= (int)sizeof(st->dir) ||
	    str_copy(st->name, sizeof(st->name), slash ? slash + 1 : ctl->config) ||
	    versions_path(st, path, "config"))
		return ctl_fail(CTL_USAGE, NULL, "%s: the path is too long", ctl->config);
	if (mkdir(path, 0750) && errno != EEXIST)
		return ctl_fail(CTL_UNHEALTHY, "run this as root on the host", "%s: %s", path,
				strerror(errno));
	(void)give(path, 0750);
	if (versions_path(st, path, "config/lock"))
		return ctl_fail(CTL_USAGE, NULL, "%s: the path is too long", ctl->config);
	st->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (st->lock < 0 || flock(st->lock, LOCK_EX | LOCK_NB))
		return ctl_fail(CTL_UNHEALTHY, "wait for the other one",
				"another `helioctl apply` is at work here (%s)", strerror(errno));
	int err = versions_path(st, path, "config/current/cluster.sig");
	if (!err)
		err = signature_read(&st->current, path);
	if (err && err != ENOENT)
		return ctl_fail(CTL_UNHEALTHY, "restore it from another host", "%s: %s", path,
				strerror(err));
	st->has_current = !err;
	return CTL_OK;
}

static int file_copy(const struct versions *st, const char *from, uint32_t version,
		     const char *name)
{
	char to[CONF_PATH_SIZE], *bytes;
	size_t n;
	int err = versions_path(st, to, "config/%u.new/%s", version, name);

	if (!err)
		err = file_read(from, SIGNATURE_FILE_MAX, &bytes, &n, NULL);
	if (err)
		return err;
	err = file_write(to, bytes, n, 0640);
	free(bytes);
	return err ? err : give(to, 0640);
}

static int text_file(const struct versions *st, const char *text, size_t n, uint32_t version,
		     const char *name)
{
	char to[CONF_PATH_SIZE];
	int err = versions_path(st, to, "config/%u.new/%s", version, name);

	if (!err)
		err = file_write(to, text, n, 0640);
	return err ? err : give(to, 0640);
}

/* One file by its hash: linked to the version in force where that has it, else copied. */
static int listed_copy(const struct versions *st, const struct conf_listed *f,
		       const struct conf *from, uint32_t version)
{
	char now[CONF_PATH_SIZE], dir[CONF_PATH_SIZE], to[CONF_PATH_SIZE];
	uint8_t hash[CONF_FILE_HASH];
	uint32_t bytes;
	int err = versions_path(st, dir, "config/%u.new/files", version);

	if (!err)
		err = conf_files_path(to, dir, f->hash);
	if (!err)
		err = versions_path(st, dir, "config/current/files");
	if (!err)
		err = conf_files_path(now, dir, f->hash);
	if (err)
		return err;
	/* Of an attempt that was cut off. */
	if (unlink(to) && errno != ENOENT)
		return errno;
	if (!store_digest(hash, now, &bytes) && !memcmp(hash, f->hash, sizeof(hash)) &&
	    !link(now, to))
		return 0;
	for (uint32_t i = 0; i < from->files_n; i++) {
		char *text;
		size_t n;
		if (strcmp(from->files[i].name, f->name) != 0)
			continue;
		err = file_read(from->files[i].path, CONF_FILE_MAX, &text, &n, NULL);
		if (err)
			return err;
		err = file_write(to, text, n, 0640);
		free(text);
		return err ? err : give(to, 0640);
	}
	return ENOENT;
}

static int listed_write(const struct versions *st, const struct conf_files *files,
			const struct conf *from, uint32_t version)
{
	char dir[CONF_PATH_SIZE];
	size_t n = 0;
	char *text = conf_files_print(files, &n);
	int err = text ? versions_path(st, dir, "config/%u.new/files", version) : ENOMEM;

	if (!err && mkdir(dir, 0750) && errno != EEXIST)
		err = errno;
	if (!err)
		err = give(dir, 0750);
	for (uint32_t i = 0; !err && i < files->n; i++)
		err = listed_copy(st, &files->list[i], from, version);
	if (!err)
		err = dir_sync(dir);
	if (!err)
		err = text_file(st, text, n, version, "cluster.files");
	free(text);
	return err;
}

int versions_write(const struct versions *st, const struct version *v)
{
	char fresh[CONF_PATH_SIZE], final[CONF_PATH_SIZE], folder[CONF_PATH_SIZE];
	char sig[SIGNATURE_TEXT_MAX];
	uint32_t n = v->sig->version;
	int err = versions_path(st, fresh, "config/%u.new", n);

	if (!err)
		err = versions_path(st, final, "config/%u", n);
	if (!err)
		err = versions_path(st, folder, "config");
	if (!err && mkdir(fresh, 0750) && errno != EEXIST)
		err = errno;
	if (!err)
		err = give(fresh, 0750);
	if (!err)
		err = file_copy(st, v->cluster, n, "cluster.yaml");
	if (!err)
		err = file_copy(st, v->agents, n, "agents.yaml");
	if (!err && v->files)
		err = listed_write(st, v->files, v->conf, n);
	signature_print(sig, v->sig);
	if (!err)
		err = text_file(st, sig, strlen(sig), n, "cluster.sig");
	if (!err)
		err = dir_sync(fresh);
	if (!err && rename(fresh, final))
		err = errno;
	return err ? err : dir_sync(folder);
}

/* A link that was not there, or was another one, by one rename. */
static int link_set(const struct versions *st, const char *name, const char *to)
{
	char path[CONF_PATH_SIZE], fresh[CONF_PATH_SIZE], have[CONF_PATH_SIZE];
	int err = versions_path(st, path, "%s", name);

	if (!err)
		err = versions_path(st, fresh, "%s.new", name);
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

int versions_use(const struct versions *st, const struct conf *new, uint32_t version)
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

void versions_return(const struct versions *st)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", st->current.version);
	if (st->has_current)
		(void)link_set(st, "config/current", number);
}

uint32_t versions_below(const struct versions *st, uint32_t than)
{
	char path[CONF_PATH_SIZE], *end;
	uint32_t best = 0;
	const struct dirent *e;
	DIR *d = versions_path(st, path, "config") ? NULL : opendir(path);

	while (d && (e = readdir(d))) {
		unsigned long v = strtoul(e->d_name, &end, 10);
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && !*end && v < than && v > best)
			best = (uint32_t)v;
	}
	if (d)
		closedir(d);
	return best;
}
