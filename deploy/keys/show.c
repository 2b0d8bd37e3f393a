/* `helio-keys show`: what is there, without a secret on the screen, and what is wrong with it. */
#include "deploy/keys/keys.h"

#include "common/base/base.h"
#include "common/seal/seal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct problems {
	unsigned n;
	char text[64][256]; /* more than that are counted only */
};

__attribute__((format(printf, 2, 3))) static void problem(struct problems *ps, const char *fmt, ...)
{
	va_list ap;
	if (ps->n < HELIO_ARRAY_LEN(ps->text)) {
		va_start(ap, fmt);
		vsnprintf(ps->text[ps->n], sizeof(ps->text[0]), fmt, ap);
		va_end(ap);
	}
	ps->n++;
}

static bool secret_here(struct problems *ps, const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return false;
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		problem(ps, "others can read %s; remedy: chmod 600 it", path);
	return true;
}

static const char *yes(bool b)
{
	return b ? "here" : "not here";
}

static int show_cluster(const struct keys *k, struct problems *ps, uint8_t pub[SEAL_KEY_LEN])
{
	char name[KEYS_NAME_SIZE], path[KEYS_PATH_MAX], hex[2 * SEAL_KEY_LEN + 1];
	if (keys_cluster_name(k, name) || keys_path(k, path, "cluster.pub"))
		return 1;
	int err = seal_file_read(path, pub, SEAL_KEY_LEN, false);
	if (err)
		return keys_errno(path, err);
	hex_encode(hex, pub, SEAL_KEY_LEN);
	printf("cluster      %s\nsigning key  %s\n", name, hex);
	if (keys_path(k, path, "cluster.key"))
		return 1;
	printf("  its secret %s\n", yes(secret_here(ps, path)));
	if (keys_path(k, path, "ticket.key"))
		return 1;
	printf("ticket key   %s\n", yes(secret_here(ps, path)));
	return 0;
}

static void show_cert(const struct keys *k, struct problems *ps, const struct keys_curve *c,
		      const uint8_t cluster_pub[SEAL_KEY_LEN])
{
	char path[KEYS_PATH_MAX];
	uint8_t bytes[SEAL_CERT_LEN_MAX];
	struct seal_cert cert;
	size_t n;
	int64_t now_s = wall_ms() / 1000;
	if (keys_path(k, path, "noise/%s.cert", c->name))
		return;
	int err = seal_file_read_some(path, bytes, sizeof(bytes), &n, false);
	if (!err)
		err = seal_cert_open(&cert, bytes, n, cluster_pub, now_s);
	if (err == 0) {
		long long days = (long long)(cert.not_after_s - now_s) / (24 * 3600);
		printf("%lld days left", days);
		if (cert.addr != c->addr || strcmp(cert.node, c->name) != 0)
			problem(ps, "%s is for %s, address %u; remedy: helio-keys daemon …", path,
				cert.node, cert.addr);
		if (keys_cert_due(&cert, now_s))
			problem(ps,
				"%s ends in %lld days; remedy: run `helio-keys from-config` again",
				path, days);
		return;
	}
	printf("%s", err == ENOENT ? "none" : "bad");
	problem(ps, "%s: %s; remedy: run `helio-keys daemon` or `from-config` where cluster.key is",
		path,
		err == ENOENT    ? "missing"
		: err == ESTALE  ? "outside its validity"
		: err == EBADMSG ? "not signed by this cluster's key"
				 : strerror(err));
}

static void show_pair(const struct keys *k, struct problems *ps, const char *name, bool is_operator,
		      const uint8_t cluster_pub[SEAL_KEY_LEN])
{
	char pub[KEYS_PATH_MAX], key[KEYS_PATH_MAX], noise[KEYS_PATH_MAX];
	struct keys_curve c;
	if (keys_curve_paths(k, name, is_operator, key, pub) ||
	    keys_path(k, noise, "noise/%s.key", name))
		return;
	int err = keys_curve_read(pub, &c);
	if (err || strcmp(c.name, name) != 0) {
		problem(ps, "%s: not a certificate of %s; remedy: `helio-keys daemon … --force`",
			pub, name);
		return;
	}
	bool secret = secret_here(ps, key);
	printf("%-24s %-9s %-16s %3u.%-3u  %-9s ", c.name, c.role, c.site[0] ? c.site : "-",
	       c.addr >> 8, c.addr & 0xff, yes(secret));
	if (strcmp(c.role, "node") == 0) {
		secret_here(ps, noise);
		show_cert(k, ps, &c, cluster_pub);
	}
	putchar('\n');
}

static int is_pub(const struct dirent *e)
{
	size_t n = strlen(e->d_name);
	return n > 4 && n <= KEYS_NAME_LEN_MAX + 9 && strcmp(e->d_name + n - 4, ".pub") == 0;
}

static int is_site(const struct dirent *e)
{
	size_t n = strlen(e->d_name);
	return n > 9 && strncmp(e->d_name, "site-", 5) == 0 &&
	       strcmp(e->d_name + n - 4, ".key") == 0;
}

static void show_sites(const struct keys *k, struct problems *ps)
{
	char path[KEYS_PATH_MAX];
	struct dirent **list = NULL;
	int n = scandir(k->dir, &list, is_site, alphasort);
	for (int i = 0; i < n; i++) {
		if (!keys_path(k, path, "%s", list[i]->d_name) && secret_here(ps, path))
			printf("site key     %.*s\n", (int)strlen(list[i]->d_name) - 9,
			       list[i]->d_name + 5);
		free(list[i]);
	}
	free(list);
}

static int show_pairs(const struct keys *k, struct problems *ps, const char *folder,
		      bool is_operator, const uint8_t cluster_pub[SEAL_KEY_LEN])
{
	char path[KEYS_PATH_MAX];
	struct dirent **list = NULL;
	if (keys_path(k, path, "%s", folder))
		return 1;
	int n = scandir(path, &list, is_pub, alphasort);
	for (int i = 0; i < n; i++) {
		list[i]->d_name[strlen(list[i]->d_name) - 4] = '\0';
		const char *dot = strchr(list[i]->d_name, '.');
		if (dot && strcmp(dot, ".next") == 0) /* no daemon: the key to come of one */
			printf("%-24s being rotated: the next key is made, and not in use yet\n",
			       list[i]->d_name);
		else
			show_pair(k, ps, list[i]->d_name, is_operator, cluster_pub);
		free(list[i]);
	}
	free(list);
	return 0;
}

int keys_show(struct keys *k)
{
	uint8_t cluster_pub[SEAL_KEY_LEN];
	static struct problems ps;
	if (keys_open(k, false) || show_cluster(k, &ps, cluster_pub))
		return 1;
	show_sites(k, &ps);
	printf("\n%-24s %-9s %-16s %-7s  %-9s %s\n", "NAME", "ROLE", "SITE", "ADDRESS", "SECRET",
	       "CERTIFICATE");
	if (show_pairs(k, &ps, "curve", false, cluster_pub) ||
	    show_pairs(k, &ps, "operators", true, cluster_pub))
		return 1;
	for (unsigned i = 0; i < ps.n && i < HELIO_ARRAY_LEN(ps.text); i++)
		fprintf(stderr, "problem: %s\n", ps.text[i]);
	if (ps.n > HELIO_ARRAY_LEN(ps.text))
		fprintf(stderr, "problem: %u more\n", ps.n - (unsigned)HELIO_ARRAY_LEN(ps.text));
	return ps.n ? 1 : 0;
}
