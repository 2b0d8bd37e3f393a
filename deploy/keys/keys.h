/*
 * helio-keys, inside: one folder of keys, made file by file.
 *
 *   DIR/cluster.name                      which cluster these keys are of
 *   DIR/cluster.key   -> cluster.pub      Ed25519: signs node certificates, pinned by browsers
 *   DIR/ticket.key                        seals device tickets; the same on every node
 *   DIR/site-SITE.key                     seals the journal of one site
 *   DIR/curve/NAME.key -> curve/NAME.pub  ZeroMQ CURVE, one pair per daemon
 *   DIR/curve/NAME.next.key, .next.pub    the same for the key to come, while it is rotated
 *   DIR/operator-NAME.key -> operators/NAME.pub
 *                                         the same for a person; who lies in operators/ is let in
 *                                         at the daemons' admin ports
 *   DIR/noise/NODE.key -> noise/NODE.cert Noise static key of a node, signed by cluster.key
 *
 * What stands right of an arrow can always be made again from what stands left of it; so the left
 * is written first, and a run that was interrupted is finished by the next one.
 */
#ifndef HELIO_KEYS_H
#define HELIO_KEYS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	KEYS_PATH_MAX = 512,
	KEYS_NAME_SIZE = 32,
	KEYS_NAME_LEN_MAX = 24, /* as the configuration limits names */
	KEYS_DAYS_DEFAULT = 365,
	KEYS_DAYS_MAX = 3650,
	KEYS_RENEW_DAYS = 30, /* a certificate with less left is made anew by any run */
};

struct keys {
	const char *dir;
	bool force, renew;
	bool brief; /* do not print what was kept */
	unsigned made, kept;
};

struct keys_daemon {
	const char *name, *site, *role; /* role: node, broker, gateway, operator; site NULL: none */
	uint16_t addr;                  /* 0: none */
	unsigned days;                  /* of a node's certificate */
};

/* What a CURVE certificate file says. Keys are Z85. */
struct keys_curve {
	char name[KEYS_NAME_SIZE], site[KEYS_NAME_SIZE], role[KEYS_NAME_SIZE];
	unsigned addr;
	char pub[41], key[41]; /* key: "" in a public file */
};

/* ---- store.c: every function below returns 0, or 1 after having printed error and remedy ---- */
__attribute__((format(printf, 2, 3))) int keys_error(const char *remedy, const char *fmt, ...);
/* errno of doing something to path, in words. */
int keys_errno(const char *path, int err);
int keys_name_check(const char *what, const char *name);
__attribute__((format(printf, 3, 4))) int keys_path(const struct keys *k, char path[KEYS_PATH_MAX],
						    const char *fmt, ...);
bool keys_exists(const char *path);
int keys_folder(const char *path);
/* Opens DIR (creating it if asked) and its subfolders. */
int keys_open(struct keys *k, bool create);
/* Prints and counts. */
void keys_made(struct keys *k, const char *path);
void keys_kept(struct keys *k, const char *path);
/* A file of n random bytes, unless it is there. after: what --force costs, printed when it did. */
int keys_random_file(struct keys *k, const char *path, size_t n, const char *after);

/* ---- curve.c -------------------------------------------------------------------------------- */
int keys_curve_read(const char *path, struct keys_curve *ret); /* errno, prints nothing */
/* Where the pair of a daemon, or of an operator, lies. */
int keys_curve_paths(const struct keys *k, const char *name, bool is_operator,
		     char key[KEYS_PATH_MAX], char pub[KEYS_PATH_MAX]);
int keys_curve_make(struct keys *k, const struct keys_daemon *d);
/* A new pair in these files, whatever was there. */
int keys_curve_new(struct keys *k, const struct keys_daemon *d, const char *pub, const char *key);

/* ---- cluster.c, daemon.c, show.c, from_config.c: the subcommands ------------------------- */
int keys_cluster_name(const struct keys *k, char name[KEYS_NAME_SIZE]);
int keys_init(struct keys *k, const char *cluster);
int keys_site(struct keys *k, const char *site);
int keys_daemon(struct keys *k, const struct keys_daemon *d);
/* A new Noise key for a node, and its certificate. Nothing is changed without cluster.key. */
int keys_noise_renew(struct keys *k, const struct keys_daemon *d);
/* rotate.c: the next pair, or (use_it) the step to it; name is given, the rest is read. */
int keys_rotate(struct keys *k, struct keys_daemon *d, bool use_it);
struct seal_cert;
bool keys_cert_due(const struct seal_cert *c, int64_t now_s);
int keys_operator(struct keys *k, const char *name);
int keys_from_config(struct keys *k, const char *file, unsigned days);
int keys_show(struct keys *k);

#endif
