/*
 * CURVE certificates as czmq's zcert reads them, written here so that a secret is 0600 from its
 * first byte and a file is whole or absent (zcert_save gives neither). NAME.key holds both keys,
 * NAME.pub the public one with the same metadata.
 */
#include "deploy/keys/keys.h"

#include "common/base/base.h"
#include "common/seal/seal.h"

#include <czmq.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int meta_get(zcert_t *cert, const char *key, char dst[KEYS_NAME_SIZE])
{
	const char *v = zcert_meta(cert, key);
	return str_copy(dst, KEYS_NAME_SIZE, v ? v : "");
}

int keys_curve_read(const char *path, struct keys_curve *ret)
{
	struct keys_curve c = {0};
	char addr[KEYS_NAME_SIZE];
	struct stat st;
	if (stat(path, &st) < 0)
		return errno;
	zcert_t *cert = S_ISREG(st.st_mode) ? zcert_load(path) : NULL;
	if (!cert)
		return EINVAL;
	int err = meta_get(cert, "name", c.name) || meta_get(cert, "site", c.site) ||
			  meta_get(cert, "role", c.role) || meta_get(cert, "addr", addr)
		      ? EINVAL
		      : 0;
	memcpy(c.pub, zcert_public_txt(cert), sizeof(c.pub) - 1);
	/* A public file reads as a secret of zeros. */
	if (!sodium_is_zero(zcert_secret_key(cert), 32)) {
		memcpy(c.key, zcert_secret_txt(cert), sizeof(c.key) - 1);
		if (st.st_mode & (S_IRWXG | S_IRWXO))
			err = EPERM;
	}
	c.addr = (unsigned)strtoul(addr, NULL, 10);
	zcert_destroy(&cert);
	if (!err)
		*ret = c;
	sodium_memzero(&c, sizeof(c));
	return err;
}

static int write_one(const struct keys_curve *c, const char *path, bool secret)
{
	char text[1024];
	int n = snprintf(text, sizeof(text),
			 "#   ZeroMQ CURVE %s certificate, made by helio-keys\n"
			 "metadata\n    name = \"%s\"\n    site = \"%s\"\n    addr = \"%u\"\n"
			 "    role = \"%s\"\ncurve\n    public-key = \"%s\"\n%s%s%s",
			 secret ? "SECRET" : "public", c->name, c->site, c->addr, c->role, c->pub,
			 secret ? "    secret-key = \"" : "", secret ? c->key : "",
			 secret ? "\"\n" : "");
	helio_assert(n > 0 && n < (int)sizeof(text));
	int err = seal_file_write_text(path, text, secret);
	sodium_memzero(text, sizeof(text));
	return err;
}

/* Is what is there what was asked for? A key that means another daemon is never taken silently. */
static int same(const struct keys_curve *c, const struct keys_daemon *d, const char *path)
{
	if (strcmp(c->name, d->name) == 0 && strcmp(c->site, d->site ? d->site : "") == 0 &&
	    strcmp(c->role, d->role) == 0 && c->addr == d->addr)
		return 0;
	return keys_error("use another name, or add --force to replace the key",
			  "%s belongs to %s %s, site \"%s\", address %u; asked for %s %s, site "
			  "\"%s\", address %u",
			  path, c->role, c->name, c->site, c->addr, d->role, d->name,
			  d->site ? d->site : "", d->addr);
}

int keys_curve_new(struct keys *k, const struct keys_daemon *d, const char *pub, const char *key)
{
	struct keys_curve c = {.addr = d->addr};
	bool there = keys_exists(pub);
	str_copy(c.name, sizeof(c.name), d->name);
	str_copy(c.site, sizeof(c.site), d->site ? d->site : "");
	str_copy(c.role, sizeof(c.role), d->role);
	if (zmq_curve_keypair(c.pub, c.key) != 0)
		return keys_error("install Debian's libzmq5", "this libzmq has no CURVE");
	int err = write_one(&c, key, true);
	if (!err) {
		keys_made(k, key);
		err = write_one(&c, pub, false);
	}
	sodium_memzero(&c, sizeof(c));
	if (err)
		return keys_errno(key, err);
	keys_made(k, pub);
	if (there)
		printf("      note: copy the new %s.pub to every machine and restart the daemons\n",
		       d->name);
	return 0;
}

int keys_curve_paths(const struct keys *k, const char *name, bool is_operator,
		     char key[KEYS_PATH_MAX], char pub[KEYS_PATH_MAX])
{
	return is_operator ? keys_path(k, key, "operator-%s.key", name) ||
				 keys_path(k, pub, "operators/%s.pub", name)
			   : keys_path(k, key, "curve/%s.key", name) ||
				 keys_path(k, pub, "curve/%s.pub", name);
}

int keys_curve_make(struct keys *k, const struct keys_daemon *d)
{
	char key[KEYS_PATH_MAX], pub[KEYS_PATH_MAX];
	struct keys_curve c, p;
	if (keys_curve_paths(k, d->name, strcmp(d->role, "operator") == 0, key, pub))
		return 1;
	if (k->force || (!keys_exists(key) && !keys_exists(pub)))
		return keys_curve_new(k, d, pub, key);
	if (!keys_exists(key))
		return keys_error("run this where its secret is, or add --force to make a new pair",
				  "%s is there, but %s is not: the key was made elsewhere", pub,
				  key);
	int err = keys_curve_read(key, &c);
	if (err)
		return keys_errno(key, err);
	if (same(&c, d, key))
		return 1;
	keys_kept(k, key);
	if (keys_curve_read(pub, &p) == 0 && strcmp(p.pub, c.pub) == 0 && !p.key[0] &&
	    p.addr == c.addr && strcmp(p.site, c.site) == 0) {
		keys_kept(k, pub);
	} else {
		err = write_one(&c, pub, false);
		if (err)
			return keys_errno(pub, err);
		keys_made(k, pub);
	}
	sodium_memzero(&c, sizeof(c));
	return 0;
}
