/*
 * keys/curve/<name>.key (secret, own) and <name>.pub (everyone's), zcert text as helio-keys writes
 * it. The metadata `addr` of a certificate must agree with the configuration: a key that was copied
 * under another daemon's name must not speak for it.
 */
#include "common/wire/mesh_internal.h"
#include "common/base/base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <czmq.h>

enum { KEY_PATH_SIZE = CONF_PATH_SIZE + CONF_NAME_SIZE + 16 };

static void zcert_freep(zcert_t **cert)
{
	zcert_destroy(cert);
}

/* "258" and "0x102", or "1.2" as site.ordinal; -1 otherwise. */
static long addr_parse(const char *s)
{
	char *end;
	if (*s < '0' || *s > '9')
		return -1;
	unsigned long v = strtoul(s, &end, 0);
	if (*end == '.' && end[1] >= '0' && end[1] <= '9') {
		unsigned long ordinal = strtoul(end + 1, &end, 10);
		if (v > 255 || ordinal > 255)
			return -1;
		v = v << 8 | ordinal;
	}
	return *end || v > UINT16_MAX ? -1 : (long)v;
}

static int key_load(zcert_t **ret, const char *keys_dir, const char *name, uint16_t daemon_addr,
		    const char *suffix, char ret_why[static 256])
{
	char path[KEY_PATH_SIZE];
	snprintf(path, sizeof(path), "%s/curve/%s%s", keys_dir, name, suffix);
	if (access(path, R_OK)) {
		int err = errno;
		snprintf(ret_why, 256, "cannot read key %.160s: %s; make it with helio-keys", path,
			 strerror(err));
		return err;
	}
	helio_cleanup(zcert_freep) zcert_t *cert = zcert_load(path);
	if (!cert) {
		snprintf(ret_why, 256, "%.160s holds no CURVE key; make it again with helio-keys",
			 path);
		return EINVAL;
	}
	const char *addr = zcert_meta(cert, "addr");
	if (!addr || addr_parse(addr) != daemon_addr) {
		snprintf(ret_why, 256,
			 "%.120s says addr %.12s, the configuration says %u; one of them is of "
			 "another daemon",
			 path, addr ? addr : "(none)", daemon_addr);
		return EINVAL;
	}
	*ret = cert;
	cert = NULL;
	return 0;
}

int mesh_key_read(uint8_t ret[static MESH_KEY_LEN], const char *keys_dir, const char *name,
		  uint16_t addr, const char *suffix, char ret_why[static 256])
{
	helio_cleanup(zcert_freep) zcert_t *cert = NULL;
	int err = key_load(&cert, keys_dir, name, addr, suffix, ret_why);
	if (!err)
		memcpy(ret, zcert_public_key(cert), MESH_KEY_LEN);
	return err;
}

static int own_load(struct mesh *mesh, const struct conf *conf, const struct conf_daemon *d,
		    char ret_why[static 256])
{
	static const uint8_t none[MESH_KEY_LEN];
	helio_cleanup(zcert_freep) zcert_t *cert = NULL;
	int err = key_load(&cert, conf->keys_dir, d->name, d->addr, ".key", ret_why);
	if (err)
		return err;
	memcpy(mesh->public_key, zcert_public_key(cert), MESH_KEY_LEN);
	memcpy(mesh->secret_key, zcert_secret_key(cert), MESH_KEY_LEN);
	if (memcmp(mesh->secret_key, none, MESH_KEY_LEN) == 0) {
		snprintf(ret_why, 256, "%.100s/curve/%.32s.key holds no secret key", conf->keys_dir,
			 d->name);
		return EINVAL;
	}
	return 0;
}

static int peer_load(struct mesh_peer *p, const struct conf *conf, const struct conf_daemon *d,
		     char ret_why[static 256])
{
	int err = mesh_key_read(p->key, conf->keys_dir, d->name, d->addr, ".pub", ret_why);
	if (err)
		return err;
	p->addr = d->addr;
	str_copy(p->name, sizeof(p->name), d->name);
	snprintf(p->endpoint, sizeof(p->endpoint), "tcp://%s:%u", d->mesh.host, d->mesh.port);
	return 0;
}

/* Two daemons with one key could speak for each other. */
static int check_distinct(const struct mesh *mesh, uint32_t last, char ret_why[static 256])
{
	for (uint32_t i = 0; i < last; i++) {
		if (memcmp(mesh->peers[i].key, mesh->peers[last].key, MESH_KEY_LEN))
			continue;
		snprintf(ret_why, 256, "daemons %u and %u have the same key; make one anew",
			 mesh->peers[i].addr, mesh->peers[last].addr);
		return EINVAL;
	}
	return 0;
}

int mesh_keys_load(struct mesh *mesh, const struct conf *conf, char ret_why[static 256])
{
	bool own = false;
	mesh->peers = calloc(conf->daemons_n, sizeof(*mesh->peers));
	if (!mesh->peers)
		return ENOMEM;
	for (uint32_t i = 0; i < conf->daemons_n; i++) {
		const struct conf_daemon *d = &conf->daemons[i];
		int err = peer_load(&mesh->peers[i], conf, d, ret_why);
		if (!err)
			err = check_distinct(mesh, i, ret_why);
		if (!err && d->addr == mesh->self) {
			err = own_load(mesh, conf, d, ret_why);
			own = true;
			if (!err && memcmp(mesh->public_key, mesh->peers[i].key, MESH_KEY_LEN)) {
				snprintf(ret_why, 256, "%.32s.key and %.32s.pub are not a pair",
					 d->name, d->name);
				err = EINVAL;
			}
		}
		if (err)
			return err;
		mesh->peers_n++;
		mesh->peer_at[d->addr] = (uint16_t)(i + 1);
	}
	if (!own) {
		snprintf(ret_why, 256, "no daemon with address %u in the configuration",
			 mesh->self);
		return ENOENT;
	}
	return 0;
}
