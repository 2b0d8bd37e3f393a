/*
 * `helio-keys rotate`: another key for a daemon, in two steps, so that nobody is cut off.
 *
 *   rotate DIR NAME          NAME.next.key, NAME.next.pub beside the pair in use. Once
 * NAME.next.pub is on every machine, all daemons let in both (common/wire/mesh_zap.c). rotate DIR
 * NAME --use    the next pair takes the place of the old one. NAME has it from its next start on;
 * the others connect anew when it comes.
 *
 * A node gets a new Noise key with its certificate in the second step: nobody else holds that one.
 */
#include "deploy/keys/keys.h"

#include "common/base/base.h"
#include "common/seal/seal.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct pair {
	char key[KEYS_PATH_MAX], pub[KEYS_PATH_MAX];
};

static int paths(const struct keys *k, const char *name, struct pair *now, struct pair *next)
{
	return keys_path(k, now->key, "curve/%s.key", name) ||
	       keys_path(k, now->pub, "curve/%s.pub", name) ||
	       keys_path(k, next->key, "curve/%s.next.key", name) ||
	       keys_path(k, next->pub, "curve/%s.next.pub", name);
}

static int move(struct keys *k, const char *from, const char *to)
{
	if (rename(from, to) < 0)
		return keys_errno(from, errno);
	keys_made(k, to);
	return 0;
}

/* Both halves of the next pair are there and belong together? */
static int next_check(const struct pair *next, const struct keys_curve *now)
{
	struct keys_curve key = {0}, pub = {0};
	int err = keys_curve_read(next->key, &key);
	if (!err)
		err = keys_curve_read(next->pub, &pub);
	bool good = !err && strcmp(key.pub, pub.pub) == 0 && key.key[0] && key.addr == now->addr &&
		    strcmp(key.name, now->name) == 0;
	sodium_memzero(&key, sizeof(key));
	if (err)
		return keys_error("`helio-keys rotate DIR NAME` without --use makes the next pair, "
				  "spread its .pub first",
				  "%s: %s", next->key, strerror(err));
	return good ? 0
		    : keys_error("remove both and begin again", "%s and %s are not a pair of %s",
				 next->key, next->pub, now->name);
}

static int prepare(struct keys *k, const struct keys_curve *now, const struct pair *next)
{
	struct keys_daemon d = {
	    .name = now->name, .site = now->site, .role = now->role, .addr = (uint16_t)now->addr};
	if (keys_exists(next->key) && keys_exists(next->pub)) {
		if (next_check(next, now))
			return 1;
		keys_kept(k, next->pub);
	} else if (keys_curve_new(k, &d, next->pub, next->key)) {
		return 1;
	}
	printf("next: copy %s.next.pub to every machine (deploy/rotate does), then rotate --use\n",
	       now->name);
	return 0;
}

static int use(struct keys *k, struct keys_daemon *d, const struct keys_curve *now,
	       const struct pair *pair, const struct pair *next)
{
	struct keys_curve key = {0}, pub = {0};
	/* An earlier run stopped between the two renames: the key is the new one already. */
	bool half = !keys_exists(next->key) && keys_curve_read(pair->key, &key) == 0 &&
		    keys_curve_read(next->pub, &pub) == 0 && strcmp(key.pub, pub.pub) == 0;
	sodium_memzero(&key, sizeof(key));
	if (!half && next_check(next, now))
		return 1;
	/* First what may fail for want of cluster.key. */
	if (strcmp(now->role, "node") == 0 && keys_noise_renew(k, d))
		return 1;
	if (!half && move(k, next->key, pair->key))
		return 1;
	if (move(k, next->pub, pair->pub))
		return 1;
	printf("next: give %s its new key and restart it; then spread %s.pub and remove "
	       "%s.next.pub everywhere (deploy/rotate does)\n",
	       now->name, now->name, now->name);
	return 0;
}

int keys_rotate(struct keys *k, struct keys_daemon *d, bool use_it)
{
	struct pair pair, next;
	struct keys_curve now;
	if (keys_name_check("daemon", d->name) || keys_open(k, false) ||
	    paths(k, d->name, &pair, &next))
		return 1;
	int err = keys_curve_read(pair.pub, &now);
	if (err)
		return keys_errno(pair.pub, err);
	d->site = now.site;
	d->role = now.role;
	d->addr = (uint16_t)now.addr;
	return use_it ? use(k, d, &now, &pair, &next) : prepare(k, &now, &next);
}
