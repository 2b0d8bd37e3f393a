/*
 * The built page, read once into memory at start: a request is answered from this table by its
 * exact path, so no path of a client ever reaches the file system. A new build is served after a
 * restart (which costs the agents nothing: pages reconnect elsewhere) or SIGHUP.
 */
#ifndef HELIO_GATEWAY_ASSETS_H
#define HELIO_GATEWAY_ASSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	GW_ASSETS_MAX = 1024,
	GW_ASSET_PATH_MAX = 200,
	GW_ASSETS_BYTES_MAX = 64 * 1024 * 1024, /* a page is a few MiB; more is a wrong folder */
	GW_ASSETS_DEPTH_MAX = 8,
};

struct gw_asset {
	char path[GW_ASSET_PATH_MAX]; /* "/assets/index-1a2b.js" */
	const char *mime;
	char etag[24];  /* quoted */
	bool immutable; /* its name carries a hash of its content */
	uint8_t *data;
	size_t len;
};

struct gw_assets;

/* Reads the folder; hidden files, links and special files are left out. errno; why says what. An
 * absent folder is ENOENT. */
int gw_assets_load(struct gw_assets **ret, const char *dir, char ret_why[256]);
struct gw_assets *gw_assets_free(struct gw_assets *a);

/* "/" is "/index.html". NULL: there is none. Valid until freed; take a reference while sending. */
const struct gw_asset *gw_assets_find(const struct gw_assets *a, const char *path);
size_t gw_assets_count(const struct gw_assets *a);
struct gw_assets *gw_assets_ref(struct gw_assets *a);

const char *gw_asset_mime(const char *path);

#endif
