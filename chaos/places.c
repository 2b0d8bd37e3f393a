#include "chaos/chaos.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

void place_build(char ret[17])
{
	static const char *const programs[] = {"helio-node", "helio-broker", "helio-gateway",
					       "helio-chaos"};
	char all[256] = "";
	for (size_t i = 0; i < HELIO_ARRAY_LEN(programs); i++) {
		char path[600];
		struct stat st = {0};
		snprintf(path, sizeof(path), "%s/%s", place_bin(), programs[i]);
		(void)stat(path, &st);
		size_t n = strlen(all);
		snprintf(all + n, sizeof(all) - n, "%lld %lld.%ld ", (long long)st.st_size,
			 (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	}
	snprintf(ret, 17, "%016llx", (unsigned long long)hash_str(all));
}

int place_drill(char ret_path[512], const char *name)
{
	static const char *const below[] = {"../../../chaos/drills", "../share/heliograph/drills"};
	if (strchr(name, '/') || strchr(name, '.'))
		return str_copy(ret_path, 512, name) ? ENAMETOOLONG : 0;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(below); i++) {
		char path[512];
		int n = snprintf(path, sizeof(path), "%.300s/%s/%.100s.yaml", place_bin(), below[i],
				 name);
		if (n > 0 && n < (int)sizeof(path) && access(path, R_OK) == 0)
			return str_copy(ret_path, 512, path) ? ENAMETOOLONG : 0;
	}
	return ENOENT;
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
