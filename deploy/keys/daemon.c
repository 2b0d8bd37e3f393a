/* The keys of one daemon: CURVE for all, and for a node its Noise key with a signed certificate. */
#include "deploy/keys/keys.h"

#include "common/base/base.h"
#include "common/seal/seal.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum {
	DAY_S = 24 * 3600,
	/* Browsers' clocks are wrong by hours more often than by days. */
	BACKDATE_S = DAY_S,
};

static int check(const struct keys_daemon *d)
{
	static const char ranges[] =
	    "an address is SITE.ORDINAL or 256*site + ordinal; ordinals are "
	    "1-63 nodes, 64-95 brokers, 96-127 gateways";
	if (keys_name_check("daemon", d->name))
		return 1;
	if (!d->site || keys_name_check("site", d->site))
		return d->site ? 1 : keys_error("add --site SITE", "which site is it of?");
	bool node = strcmp(d->role, "node") == 0, broker = strcmp(d->role, "broker") == 0,
	     gateway = strcmp(d->role, "gateway") == 0;
	if (!node && !broker && !gateway)
		return keys_error("--role is node, broker or gateway", "no such role: %s", d->role);
	bool fits = node     ? addr_is_node(d->addr)
		    : broker ? addr_is_broker(d->addr)
			     : addr_is_gateway(d->addr);
	unsigned site = addr_site(d->addr);
	if (!fits || site < 1 || site > 254)
		return keys_error(ranges, "%u.%u is no address of a %s", site,
				  addr_ordinal(d->addr), d->role);
	return 0;
}

bool keys_cert_due(const struct seal_cert *c, int64_t now_s)
{
	int64_t ahead_s = (c->not_after_s - c->not_before_s) / 3;
	if (ahead_s > (int64_t)KEYS_RENEW_DAYS * DAY_S)
		ahead_s = (int64_t)KEYS_RENEW_DAYS * DAY_S;
	return c->not_after_s - now_s < ahead_s;
}

/* Is the certificate there good for this key, this daemon and some time yet? */
static bool cert_good(const struct keys *k, const char *path, const struct seal_cert *want)
{
	char pub_path[KEYS_PATH_MAX];
	uint8_t bytes[SEAL_CERT_LEN_MAX], cluster_pub[SEAL_KEY_LEN];
	struct seal_cert c;
	size_t n;
	int64_t now_s = wall_ms() / 1000;
	return keys_path(k, pub_path, "cluster.pub") == 0 &&
	       seal_file_read(pub_path, cluster_pub, sizeof(cluster_pub), false) == 0 &&
	       seal_file_read_some(path, bytes, sizeof(bytes), &n, false) == 0 &&
	       seal_cert_open(&c, bytes, n, cluster_pub, now_s) == 0 &&
	       strcmp(c.cluster, want->cluster) == 0 && strcmp(c.node, want->node) == 0 &&
	       c.addr == want->addr && memcmp(c.noise_pub, want->noise_pub, SEAL_KEY_LEN) == 0 &&
	       !keys_cert_due(&c, now_s);
}

static int cert_write(struct keys *k, const char *path, const struct seal_cert *cert)
{
	char key_path[KEYS_PATH_MAX];
	uint8_t secret[crypto_sign_SECRETKEYBYTES], bytes[SEAL_CERT_LEN_MAX];
	size_t n;
	if (keys_path(k, key_path, "cluster.key"))
		return 1;
	int err = seal_file_read(key_path, secret, sizeof(secret), true);
	if (err == ENOENT)
		return keys_error("run this where cluster.key is, then copy noise/ to the node; or "
				  "`helio-keys init DIR` for a new cluster",
				  "%s must be signed, and %s is not here", path, key_path);
	if (err)
		return keys_errno(key_path, err);
	err = seal_cert_sign(cert, secret, bytes, sizeof(bytes), &n);
	sodium_memzero(secret, sizeof(secret));
	helio_assert(err == 0); /* names and times were checked above */
	err = seal_file_write(path, bytes, n, false);
	if (err)
		return keys_errno(path, err);
	keys_made(k, path);
	return 0;
}

static int node_cert(struct keys *k, const struct keys_daemon *d, const uint8_t pub[SEAL_KEY_LEN])
{
	char path[KEYS_PATH_MAX];
	int64_t now_s = wall_ms() / 1000;
	struct seal_cert c = {
	    .addr = d->addr,
	    .not_before_s = now_s - BACKDATE_S,
	    .not_after_s = now_s + (int64_t)d->days * DAY_S,
	    .serial = (uint32_t)now_s,
	};
	if (keys_cluster_name(k, c.cluster) || keys_path(k, path, "noise/%s.cert", d->name))
		return 1;
	str_copy(c.node, sizeof(c.node), d->name);
	memcpy(c.noise_pub, pub, SEAL_KEY_LEN);
	if (!k->force && !k->renew && cert_good(k, path, &c)) {
		keys_kept(k, path);
		return 0;
	}
	return cert_write(k, path, &c);
}

int keys_noise_renew(struct keys *k, const struct keys_daemon *d)
{
	char path[KEYS_PATH_MAX], secret[KEYS_PATH_MAX];
	struct seal_keypair pair;
	if (keys_path(k, path, "noise/%s.key", d->name) || keys_path(k, secret, "cluster.key"))
		return 1;
	if (!keys_exists(secret))
		return keys_error("run this where cluster.key is kept",
				  "the new key of %s must be signed, and %s is not here", d->name,
				  secret);
	/* A key without its certificate keeps a node from signing anybody in: made good by the
	 * next run of `from-config`, should this one be interrupted here. */
	seal_keypair_new(&pair);
	int err = seal_file_write(path, pair.key, sizeof(pair.key), true);
	if (err) {
		sodium_memzero(&pair, sizeof(pair));
		return keys_errno(path, err);
	}
	keys_made(k, path);
	err = node_cert(k, d, pair.pub);
	sodium_memzero(&pair, sizeof(pair));
	return err;
}

int keys_daemon(struct keys *k, const struct keys_daemon *d)
{
	char path[KEYS_PATH_MAX];
	struct seal_keypair pair;
	if (check(d) || keys_open(k, false) || keys_open(k, true) || keys_curve_make(k, d))
		return 1;
	if (strcmp(d->role, "node") != 0)
		return 0;
	if (keys_path(k, path, "noise/%s.key", d->name) ||
	    keys_random_file(k, path, SEAL_KEY_LEN, "its browsers sign in again"))
		return 1;
	int err = seal_file_read(path, pair.key, sizeof(pair.key), true);
	if (err)
		return keys_errno(path, err);
	crypto_scalarmult_base(pair.pub, pair.key);
	err = node_cert(k, d, pair.pub);
	sodium_memzero(&pair, sizeof(pair));
	return err;
}
