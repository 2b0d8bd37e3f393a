#include "common/live/copies.h"
#include "common/base/base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COPY_PATH_SIZE = CONF_PATH_SIZE + 40 };

static void copy_path(char dst[static COPY_PATH_SIZE], const char *dir, uint32_t version,
		      const char *suffix)
{
	snprintf(dst, COPY_PATH_SIZE, "%.255s/config-%" PRIu32 ".%s", dir, version, suffix);
}

uint32_t copies_below(const char *dir, uint32_t below)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	uint32_t best = 0;

	while (d && (e = readdir(d))) {
		uint32_t v;
		char again[64];
		if (sscanf(e->d_name, "config-%9" SCNu32 ".bundle", &v) != 1)
			continue;
		snprintf(again, sizeof(again), "config-%" PRIu32 ".bundle", v);
		if (!strcmp(again, e->d_name) && v < below && v > best)
			best = v;
	}
	if (d)
		closedir(d);
	return best;
}

static int put(const char *dir, uint32_t version, const char *suffix, const void *bytes, size_t n)
{
	char fresh[COPY_PATH_SIZE], path[COPY_PATH_SIZE];

	copy_path(fresh, dir, version, "new");
	copy_path(path, dir, version, suffix);
	/* It holds password hashes. */
	int err = file_write(fresh, bytes, n, 0600);
	if (!err && rename(fresh, path))
		err = errno;
	if (err)
		(void)unlink(fresh);
	return err;
}

static int files_put(const char *dir, uint32_t version, const struct conf_files *files)
{
	size_t n;
	char *text = conf_files_print(files, &n);
	int err = text ? put(dir, version, "files", text, n) : ENOMEM;

	free(text);
	return err;
}

int copies_put(const char *dir, const struct bundle *b, const struct conf_files *files)
{
	char path[COPY_PATH_SIZE];
	uint32_t v = b->sig.version;
	/* The list first: a version that is there has its list. */
	int err = files ? files_put(dir, v, files) : 0;

	if (!err)
		err = put(dir, v, "bundle", b->bytes, b->n);
	if (!err)
		err = dir_sync(dir);
	if (err)
		return err;
	for (unsigned kept = 1; (v = copies_below(dir, v)); kept++) {
		if (kept < COPIES_KEPT)
			continue;
		copy_path(path, dir, v, "bundle");
		(void)unlink(path);
		copy_path(path, dir, v, "files");
		(void)unlink(path);
	}
	return 0;
}

int copies_files(struct conf_files **ret, const char *dir, uint32_t version)
{
	char path[COPY_PATH_SIZE];

	*ret = NULL;
	copy_path(path, dir, version, "files");
	int err = conf_files_read(ret, path);
	return err == ENOENT ? 0 : err;
}

int copies_get(struct bundle **ret, const char *dir, uint32_t version)
{
	char path[COPY_PATH_SIZE], *bytes;
	struct bundle *b;
	size_t n;

	copy_path(path, dir, version, "bundle");
	int err = file_read(path, SIGNATURE_FILE_MAX, &bytes, &n, NULL);
	if (err)
		return err;
	err = bundle_parse(&b, bytes, n);
	free(bytes);
	if (!err && b->sig.version != version) {
		free(b);
		err = EBADMSG;
	}
	if (!err)
		*ret = b;
	return err;
}
