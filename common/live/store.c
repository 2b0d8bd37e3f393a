#include "common/live/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/base.h"

bool store_wants(enum conf_role role, enum conf_file_kind kind)
{
	return role != CONF_GATEWAY || kind == CONF_FILE_CALENDAR;
}

int store_path(char dst[static STORE_PATH_SIZE], const char *dir,
	       const uint8_t hash[static CONF_FILE_HASH], const char *suffix)
{
	char path[CONF_PATH_SIZE];
	int err = conf_files_path(path, dir, hash);

	if (!err)
		snprintf(dst, STORE_PATH_SIZE, "%s%.4s", path, suffix);
	return err;
}

static bool size_is(const char *path, uint32_t bytes)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && st.st_size == (off_t)bytes;
}

bool store_has(const char *dir, const struct conf_listed *f)
{
	char path[STORE_PATH_SIZE];

	return !store_path(path, dir, f->hash, "") && size_is(path, f->bytes);
}

bool store_has_all(const char *dir, const struct conf_files *files, enum conf_role role)
{
	for (uint32_t i = 0; i < files->n; i++)
		if (store_wants(role, files->list[i].kind) && !store_has(dir, &files->list[i]))
			return false;
	return true;
}

int store_digest(uint8_t dst[static CONF_FILE_HASH], const char *path, uint32_t *ret_bytes)
{
	char *bytes;
	size_t n;
	int err = file_read(path, CONF_FILE_MAX, &bytes, &n, NULL);

	if (err)
		return err;
	crypto_generichash(dst, CONF_FILE_HASH, (uint8_t *)bytes, n, NULL, 0);
	free(bytes);
	*ret_bytes = (uint32_t)n;
	return 0;
}

static bool is(const char *path, const struct conf_listed *f)
{
	uint8_t hash[CONF_FILE_HASH];
	uint32_t bytes;

	return size_is(path, f->bytes) && !store_digest(hash, path, &bytes) && bytes == f->bytes &&
	       !memcmp(hash, f->hash, sizeof(hash));
}

static int settle(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = fd < 0 || fsync(fd) ? errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

/* What came, if it is right, gets its name. */
static int came(const char *dir, const struct conf_listed *f, const char *suffix)
{
	char path[STORE_PATH_SIZE], from[STORE_PATH_SIZE];
	int err = store_path(path, dir, f->hash, "");

	if (!err)
		err = store_path(from, dir, f->hash, suffix);
	if (err)
		return err;
	if (!is(from, f)) {
		(void)unlink(from);
		return ENOENT;
	}
	err = settle(from);
	return err ? err : rename(from, path) ? errno : 0;
}

static int copy(const char *dir, const struct conf_listed *f, const struct conf *from)
{
	char fresh[STORE_PATH_SIZE], *bytes;
	const char *at = NULL;
	size_t n;

	for (uint32_t i = 0; from && i < from->files_n; i++)
		if (!strcmp(from->files[i].name, f->name))
			at = from->files[i].path;
	if (!at)
		return ENOENT;
	int err = file_read(at, CONF_FILE_MAX, &bytes, &n, NULL);
	if (err)
		return err;
	err = store_path(fresh, dir, f->hash, STORE_NEW);
	/* Customers are persons. */
	if (!err)
		err = file_write(fresh, bytes, n, 0600);
	free(bytes);
	return err ? err : came(dir, f, STORE_NEW);
}

static int file_gather(const char *dir, const struct conf_listed *f, const struct conf *from,
		       bool again)
{
	char path[STORE_PATH_SIZE];
	int err = store_path(path, dir, f->hash, "");

	if (err || (again ? is(path, f) : size_is(path, f->bytes)))
		return err;
	err = came(dir, f, STORE_NEW);
	if (err)
		err = came(dir, f, STORE_PUT);
	return err ? copy(dir, f, from) : 0;
}

int store_gather(const char *dir, const struct conf_files *files, enum conf_role role,
		 const struct conf *from, bool again, const atomic_bool *stop, char ret_why[256])
{
	if (mkdir(dir, 0700) && errno != EEXIST) {
		int err = errno;
		snprintf(ret_why, 256, "%.150s: %s", dir, strerror(err));
		return err;
	}
	for (uint32_t i = 0; i < files->n; i++) {
		const struct conf_listed *f = &files->list[i];
		if (stop && atomic_load(stop))
			return ECANCELED;
		if (!store_wants(role, f->kind))
			continue;
		int err = file_gather(dir, f, from, again);
		if (err) {
			snprintf(ret_why, 256, "the %s %.150s: %s", conf_file_kind_name(f->kind),
				 f->name,
				 err == ENOENT ? "it is not as it was signed, or not here"
					       : strerror(err));
			return err;
		}
	}
	return dir_sync(dir);
}

void store_sweep(const char *dir, const struct conf_files *const *keep, size_t n)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	while (d && (e = readdir(d))) {
		uint8_t hash[CONF_FILE_HASH];
		bool kept = *e->d_name == '.';
		for (size_t k = 0; !kept && k < n && !hex_decode(hash, sizeof(hash), e->d_name);
		     k++)
			for (uint32_t i = 0; !kept && i < keep[k]->n; i++)
				kept = !memcmp(keep[k]->list[i].hash, hash, sizeof(hash));
		if (!kept)
			(void)unlinkat(dirfd(d), e->d_name, 0);
	}
	if (d)
		closedir(d);
}
