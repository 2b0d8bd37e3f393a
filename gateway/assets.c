#include "gateway/assets.h"
#include "common/base/base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct gw_assets {
	unsigned refs;
	size_t n, bytes;
	struct gw_asset v[GW_ASSETS_MAX];
};

const char *gw_asset_mime(const char *path)
{
	static const struct {
		const char *ext, *mime;
	} table[] = {
	    {".html", "text/html; charset=utf-8"},
	    {".js", "text/javascript; charset=utf-8"},
	    {".mjs", "text/javascript; charset=utf-8"},
	    {".css", "text/css; charset=utf-8"},
	    {".json", "application/json"},
	    {".map", "application/json"},
	    {".wasm", "application/wasm"},
	    {".webmanifest", "application/manifest+json"},
	    {".svg", "image/svg+xml"},
	    {".png", "image/png"},
	    {".ico", "image/x-icon"},
	    {".webp", "image/webp"},
	    {".woff2", "font/woff2"},
	    {".txt", "text/plain; charset=utf-8"},
	    {".wav", "audio/wav"},
	    {".ogg", "audio/ogg"},
	    {".mp3", "audio/mpeg"},
	};
	const char *dot = strrchr(path, '.');
	for (size_t i = 0; dot && i < HELIO_ARRAY_LEN(table); i++)
		if (strcmp(dot, table[i].ext) == 0)
			return table[i].mime;
	return "application/octet-stream";
}

static uint64_t hash_bytes(const uint8_t *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a: tells versions apart, guards nothing */
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h;
}

static int read_whole(int fd, uint8_t *dst, size_t len)
{
	size_t got = 0;
	while (got < len) {
		ssize_t n = read(fd, dst + got, len - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		got += (size_t)n;
	}
	return 0;
}

static int add_file(struct gw_assets *a, int dir_fd, const char *name, const char *path, size_t len)
{
	if (a->n == GW_ASSETS_MAX || a->bytes + len > GW_ASSETS_BYTES_MAX)
		return EFBIG;
	struct gw_asset *asset = &a->v[a->n];
	int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno;
	*asset = (struct gw_asset){.mime = gw_asset_mime(path), .len = len};
	asset->data = malloc(len ? len : 1);
	int err = asset->data ? read_whole(fd, asset->data, len) : ENOMEM;
	close(fd);
	if (err) {
		free(asset->data);
		return err;
	}
	(void)str_copy(asset->path, sizeof(asset->path), path);
	snprintf(asset->etag, sizeof(asset->etag), "\"%016llx\"",
		 (unsigned long long)hash_bytes(asset->data, len));
	/* The bundler's own folder: names there carry a hash. */
	asset->immutable = strncmp(path, "/assets/", 8) == 0;
	a->n++;
	a->bytes += len;
	return 0;
}

/* Takes dir_fd over. `prefix` is the path of the folder, "" for the root. */
static int add_folder(struct gw_assets *a, int dir_fd, const char *prefix, unsigned depth,
		      char why[256])
{
	DIR *dir = fdopendir(dir_fd);
	if (!dir) {
		close(dir_fd);
		return errno;
	}
	int err = depth > GW_ASSETS_DEPTH_MAX ? ELOOP : 0;
	struct dirent *e;
	while (!err && (e = readdir(dir)) != NULL) {
		char path[GW_ASSET_PATH_MAX];
		struct stat st;
		if (e->d_name[0] == '.')
			continue;
		int n = snprintf(path, sizeof(path), "%s/%s", prefix, e->d_name);
		if (n < 0 || (size_t)n >= sizeof(path)) {
			err = ENAMETOOLONG;
		} else if (fstatat(dir_fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW)) {
			err = errno;
		} else if (S_ISREG(st.st_mode)) {
			err = add_file(a, dir_fd, e->d_name, path, (size_t)st.st_size);
		} else if (S_ISDIR(st.st_mode)) {
			int sub = openat(dir_fd, e->d_name,
					 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			err = sub < 0 ? errno : add_folder(a, sub, path, depth + 1, why);
		}
		if (err && !why[0])
			snprintf(why, 256, "%s/%.100s: %s", prefix, e->d_name, strerror(err));
	}
	closedir(dir);
	return err;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct gw_asset *)a)->path, ((const struct gw_asset *)b)->path);
}

int gw_assets_load(struct gw_assets **ret, const char *dir, char ret_why[256])
{
	ret_why[0] = '\0';
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		int err = errno;
		snprintf(ret_why, 256, "%.200s: %s", dir, strerror(err));
		return err;
	}
	struct gw_assets *a = calloc(1, sizeof(*a));
	if (!a) {
		close(fd);
		return ENOMEM;
	}
	a->refs = 1;
	int err = add_folder(a, fd, "", 0, ret_why);
	if (err) {
		gw_assets_free(a);
		return err;
	}
	qsort(a->v, a->n, sizeof(a->v[0]), by_path);
	*ret = a;
	return 0;
}

struct gw_assets *gw_assets_ref(struct gw_assets *a)
{
	if (a)
		a->refs++;
	return a;
}

struct gw_assets *gw_assets_free(struct gw_assets *a)
{
	if (!a || --a->refs > 0)
		return NULL;
	for (size_t i = 0; i < a->n; i++)
		free(a->v[i].data);
	free(a);
	return NULL;
}

const struct gw_asset *gw_assets_find(const struct gw_assets *a, const char *path)
{
	struct gw_asset key;
	if (!a || str_copy(key.path, sizeof(key.path), strcmp(path, "/") ? path : "/index.html"))
		return NULL;
	return bsearch(&key, a->v, a->n, sizeof(a->v[0]), by_path);
}

size_t gw_assets_count(const struct gw_assets *a)
{
	return a ? a->n : 0;
}
