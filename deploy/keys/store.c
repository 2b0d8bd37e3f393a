#include "deploy/keys/keys.h"

#include "common/base/base.h"
#include "common/seal/seal.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int keys_error(const char *remedy, const char *fmt, ...)
{
	va_list ap;
	fputs("helio-keys: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n  remedy: %s\n", remedy);
	return 1;
}

static const char *errno_remedy(int err)
{
	switch (err) {
	case EPERM: return "a secret must be readable by its owner only: chmod 600 that file";
	case EACCES: return "run as the user who owns the folder of keys";
	case ENOENT: return "check the path; `helio-keys init DIR` starts a folder of keys";
	case ENOSPC:
	case EDQUOT: return "free some space on that disk, then run the same command again";
	case EROFS: return "that file system is read-only: choose another folder";
	case EINVAL:
		return "the file is damaged: restore it from a backup, or add --force to replace "
		       "it";
	default: return "see the message above; nothing was left half written";
	}
}

int keys_errno(const char *path, int err)
{
	return keys_error(errno_remedy(err), "%s: %s", path,
			  err == EPERM    ? "others can read this secret"
			  : err == EINVAL ? "not what was expected in this file"
					  : strerror(err));
}

int keys_name_check(const char *what, const char *name)
{
	size_t n = strlen(name);
	bool ok = n > 0 && n <= KEYS_NAME_LEN_MAX && name[0] >= 'a' && name[0] <= 'z' &&
		  strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
	if (ok)
		return 0;
	return keys_error("use a-z, 0-9 and -, beginning with a letter, 24 characters at most",
			  "\"%.60s\" is no name for a %s", name, what);
}

int keys_path(const struct keys *k, char path[KEYS_PATH_MAX], const char *fmt, ...)
{
	va_list ap;
	int at = snprintf(path, KEYS_PATH_MAX, "%s/", k->dir);
	if (at < 0 || at >= KEYS_PATH_MAX)
		return keys_error("choose a shorter path", "the path of the folder is too long");
	va_start(ap, fmt);
	int n = vsnprintf(path + at, (size_t)(KEYS_PATH_MAX - at), fmt, ap);
	va_end(ap);
	if (n < 0 || n >= KEYS_PATH_MAX - at)
		return keys_error("choose a shorter path", "the path of the folder is too long");
	return 0;
}

bool keys_exists(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

int keys_folder(const char *path)
{
	struct stat st;
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return keys_errno(path, errno);
	if (stat(path, &st) < 0)
		return keys_errno(path, errno);
	if (!S_ISDIR(st.st_mode))
		return keys_error("move that file away, or choose another folder",
				  "%s is not a folder", path);
	return 0;
}

int keys_open(struct keys *k, bool create)
{
	char path[KEYS_PATH_MAX];
	if (!create && !keys_exists(k->dir))
		return keys_error("start one with `helio-keys init DIR`", "%s: no such folder",
				  k->dir);
	if (create && keys_folder(k->dir))
		return 1;
	static const char *const folders[] = {"curve", "noise", "operators"};
	for (size_t i = 0; create && i < HELIO_ARRAY_LEN(folders); i++) {
		if (keys_path(k, path, "%s", folders[i]) || keys_folder(path))
			return 1;
	}
	return 0;
}

void keys_made(struct keys *k, const char *path)
{
	k->made++;
	printf("made  %s\n", path);
}

void keys_kept(struct keys *k, const char *path)
{
	k->kept++;
	if (!k->brief)
		printf("kept  %s\n", path);
}

int keys_random_file(struct keys *k, const char *path, size_t n, const char *after)
{
	uint8_t bytes[64];
	helio_assert(n <= sizeof(bytes));
	bool there = keys_exists(path);
	int err;
	if (there && !k->force) {
		err = seal_file_read(path, bytes, n, true);
		sodium_memzero(bytes, sizeof(bytes));
		if (err)
			return keys_errno(path, err);
		keys_kept(k, path);
		return 0;
	}
	random_bytes(bytes, n);
	err = seal_file_write(path, bytes, n, true);
	sodium_memzero(bytes, sizeof(bytes));
	if (err)
		return keys_errno(path, err);
	keys_made(k, path);
	if (there)
		printf("      note: %s\n", after);
	return 0;
}
