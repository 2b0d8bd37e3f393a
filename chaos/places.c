#include "chaos/chaos.h"

#include <errno.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/base.h"

#define LABS "/tmp/helio-lab-"

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

int place_browsers(const char **ret_web, const char **ret_script)
{
	static const char *const below[] = {"gateway/web/dist", "tests/chaos/browsers.mjs"};
	static char found[2][PATH_MAX];
	for (size_t i = 0; i < 2; i++) {
		char path[600];
		snprintf(path, sizeof(path), "%.500s/../../../%s", place_bin(), below[i]);
		if (realpath(path, found[i]))
			continue;
		fprintf(stderr,
			"helio-chaos: --browsers: %s: %s; real browsers want Heliograph's own tree "
			"with its page built (deploy/quickstart does), Node and Chromium\n",
			path, strerror(errno));
		return ENOENT;
	}
	*ret_web = found[0];
	*ret_script = found[1];
	return 0;
}

static const char *const programs[] = {"helio-node", "helio-broker", "helio-gateway", "helio-chaos",
				       "helio-sim",  "helio-caller", "helio-agent"};
enum { DAEMONS = 3 }; /* of these */

static void builds_add(char *all, size_t size, const char *dir, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char path[600];
		struct stat st = {0};
		snprintf(path, sizeof(path), "%.500s/%s", dir, programs[i]);
		(void)stat(path, &st);
		size_t at = strlen(all);
		snprintf(all + at, size - at, "%lld %lld.%ld ", (long long)st.st_size,
			 (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	}
}

void place_build(char ret[17], const char *before)
{
	char all[512] = "";
	builds_add(all, sizeof(all), place_bin(), HELIO_ARRAY_LEN(programs));
	if (before)
		builds_add(all, sizeof(all), before, DAEMONS);
	snprintf(ret, 17, "%016llx", (unsigned long long)hash_str(all));
}

int place_before(const char *dir)
{
	for (size_t i = 0; i < DAEMONS; i++) {
		char path[600];
		snprintf(path, sizeof(path), "%.500s/%s", dir, programs[i]);
		if (access(path, X_OK) == 0)
			continue;
		fprintf(stderr,
			"helio-chaos: --before: %s: %s; a folder is needed that holds helio-node, "
			"helio-broker and helio-gateway of the version before\n",
			path, strerror(errno));
		return ENOENT;
	}
	return 0;
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

int place_sipp(char ret_dir[512])
{
	static const char *const below[] = {"../../../chaos/sipp", "../share/heliograph/sipp"};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(below); i++) {
		snprintf(ret_dir, 512, "%.400s/%s", place_bin(), below[i]);
		if (access(ret_dir, R_OK | X_OK) == 0)
			return 0;
	}
	return ENOENT;
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

/* What a tool that was killed left: its lab went with it, its files could not. */
static void leftovers_remove(void)
{
	glob_t g;
	if (glob(LABS "??????", 0, NULL, &g))
		return;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		struct sockaddr_un sa = {.sun_family = AF_UNIX};
		snprintf(sa.sun_path, sizeof(sa.sun_path), "%.64s/control", g.gl_pathv[i]);
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		/* None yet: a lab that is being built. Refused: nobody keeps it any more. */
		if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, sizeof(sa)) &&
		    errno == ECONNREFUSED)
			place_remove(g.gl_pathv[i]);
		if (fd >= 0)
			close(fd);
	}
	globfree(&g);
}

int place_lab(char ret_dir[64])
{
	leftovers_remove();
	strcpy(ret_dir, LABS "XXXXXX");
	return mkdtemp(ret_dir) ? 0 : errno;
}
