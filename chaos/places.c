#include "chaos/chaos.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/base.h"

const char *place_bin(void)
{
	static char dir[512];
	const char *env = getenv("HELIO_BIN");
	if (env && *env)
		return env;
	if (!*dir) {
		ssize_t n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);
		dir[n > 0 ? n : 0] = '\0';
		char *slash = strrchr(dir, '/');
		if (slash)
			*slash = '\0';
	}
	return dir;
}

const char *place_audio(void)
{
	static const char *const below[] = {"../../../deploy/audio", "../share/heliograph/audio"};
	static char found[512];
	for (size_t i = 0; i < HELIO_ARRAY_LEN(below); i++) {
		char path[512], file[600];
		snprintf(path, sizeof(path), "%.400s/%s", place_bin(), below[i]);
		snprintf(file, sizeof(file), "%s/music.wav", path);
		if (access(file, R_OK) == 0 && realpath(path, file)) {
			(void)str_copy(found, sizeof(found), file);
			return found;
		}
	}
	return NULL;
}

int place_lab(char ret_dir[64])
{
	strcpy(ret_dir, "/tmp/helio-lab-XXXXXX");
	return mkdtemp(ret_dir) ? 0 : errno;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	(void)remove(path);
	return 0;
}

void place_remove(const char *dir)
{
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
