/* The next version of a configuration, signed. Shared by config sign, apply and agent add. */
#ifndef HELIOCTL_SIGN_H
#define HELIOCTL_SIGN_H

#include "deploy/helioctl/ctl.h"
#include "common/live/signature.h"

/* Writes sig_path with the key in c's keys folder, and cluster.files beside it; files that are signed
 * as they are keep their version if that is higher than `above` (0: any). Told. seal_init() was
 * called. */
int config_sign(struct ctl *ctl, const struct conf *c, const char *sig_path, uint32_t above);

/* The files that c names, as they are now: hashed, sorted, not signed yet. free() it. Told. */
int sign_list(const struct conf *c, struct conf_files **ret);
/* Name by name the same bytes? */
bool sign_list_same(const struct conf_files *a, const struct conf_files *b);
/* cluster.files beside sig_path; NULL: none, or an older one. Told. */
int sign_list_read(const char *sig_path, const struct signature *sig, struct conf_files **ret);
/* Name, signature and list for the version and digests that are in s. Told. */
int sign_with_key(const struct conf *c, struct signature *s, struct conf_files *files);

/* The files of a folder: a version that `apply` kept, or a copy of one. */
struct kept {
	char *cluster, *agents;
	size_t cluster_n, agents_n;
	struct conf_files *listed; /* NULL: its sounds and calendars are where `file` has them */
	struct conf *conf;         /* as if they lay in the place of `file` */
};
/* Told. Free with kept_free(). */
int kept_read(const char *dir, const char *file, struct kept *ret);
void kept_free(struct kept *k);

#endif
