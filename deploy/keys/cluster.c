/* What a cluster and a site have in common: init, site, operator. */
#include "deploy/keys/keys.h"

#include "common/base/base.h"
#include "common/seal/seal.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

int keys_cluster_name(const struct keys *k, char name[KEYS_NAME_SIZE])
{
	char path[KEYS_PATH_MAX], line[64] = "";
	if (keys_path(k, path, "cluster.name"))
		return 1;
	FILE *f = fopen(path, "re");
	if (!f)
		return keys_errno(path, errno);
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	if (keys_name_check("cluster (in cluster.name)", line))
		return 1;
	str_copy(name, KEYS_NAME_SIZE, line);
	return 0;
}

static int name_file(struct keys *k, const char *cluster)
{
	char path[KEYS_PATH_MAX], have[KEYS_NAME_SIZE], text[KEYS_NAME_SIZE + 2];
	if (keys_path(k, path, "cluster.name"))
		return 1;
	if (keys_exists(path) && !k->force) {
		if (keys_cluster_name(k, have))
			return 1;
		if (cluster && strcmp(have, cluster) != 0)
			return keys_error("use another folder for another cluster",
					  "%s holds the keys of cluster %s, not of %s", k->dir,
					  have, cluster);
		keys_kept(k, path);
		return 0;
	}
	if (!cluster)
		cluster = "heliograph";
	snprintf(text, sizeof(text), "%s\n", cluster);
	int err = seal_file_write_text(path, text, false);
	if (err)
		return keys_errno(path, err);
	keys_made(k, path);
	return 0;
}

/* cluster.pub from the secret: its second half is the public key. */
static int pub_file(struct keys *k, const char *pub, const uint8_t secret[64])
{
	uint8_t have[SEAL_KEY_LEN], want[SEAL_KEY_LEN];
	crypto_sign_ed25519_sk_to_pk(want, secret);
	if (seal_file_read(pub, have, sizeof(have), false) == 0 &&
	    memcmp(have, want, sizeof(want)) == 0) {
		keys_kept(k, pub);
		return 0;
	}
	int err = seal_file_write(pub, want, sizeof(want), false);
	if (err)
		return keys_errno(pub, err);
	keys_made(k, pub);
	return 0;
}

static int sign_key(struct keys *k)
{
	char key[KEYS_PATH_MAX], pub[KEYS_PATH_MAX];
	uint8_t secret[crypto_sign_SECRETKEYBYTES], unused[SEAL_KEY_LEN];
	if (keys_path(k, key, "cluster.key") || keys_path(k, pub, "cluster.pub"))
		return 1;
	bool had_key = keys_exists(key), had_pub = keys_exists(pub);
	if (!k->force && !had_key && had_pub)
		return keys_error(
		    "run this where cluster.key is kept; --force starts a new cluster key",
		    "%s is there, but cluster.key is not", pub);
	int err = 0;
	if (had_key && !k->force) {
		err = seal_file_read(key, secret, sizeof(secret), true);
		if (!err)
			keys_kept(k, key);
	} else {
		crypto_sign_keypair(unused, secret);
		err = seal_file_write(key, secret, sizeof(secret), true);
		if (!err)
			keys_made(k, key);
	}
	err = err ? keys_errno(key, err) : pub_file(k, pub, secret);
	sodium_memzero(secret, sizeof(secret));
	if (!err && had_pub && k->force)
		printf("      note: every node certificate is void now: run `helio-keys daemon` or "
		       "`from-config` again,\n      spread cluster.pub, and reload every page\n");
	return err;
}

int keys_init(struct keys *k, const char *cluster)
{
	char path[KEYS_PATH_MAX];
	if ((cluster && keys_name_check("cluster", cluster)) || keys_open(k, true) ||
	    name_file(k, cluster) || sign_key(k) || keys_path(k, path, "ticket.key"))
		return 1;
	return keys_random_file(k, path, SEAL_KEY_LEN,
				"all device tickets are void: agents sign in by password once");
}

int keys_site(struct keys *k, const char *site)
{
	char path[KEYS_PATH_MAX];
	if (keys_name_check("site", site) || keys_open(k, false) ||
	    keys_path(k, path, "site-%s.key", site))
		return 1;
	return keys_random_file(k, path, SEAL_KEY_LEN,
				"what the journal holds of live calls cannot be read any more");
}

int keys_operator(struct keys *k, const char *name)
{
	struct keys_daemon d = {.name = name, .role = "operator"};
	if (keys_name_check("operator", name) || keys_open(k, false) || keys_open(k, true))
		return 1;
	return keys_curve_make(k, &d);
}
