/*
 * The versions of the configuration that a host keeps.
 *
 *   /etc/heliograph/config/6/{cluster.yaml,agents.yaml,cluster.sig}     kept: `apply --back`
 *   /etc/heliograph/config/7/…
 *   /etc/heliograph/config/7/cluster.files, files/HASH…      sounds, calendars, customers
 *   /etc/heliograph/config/current ─► 7        one rename(2) moves it: that is the moment
 *   /etc/heliograph/cluster.yaml   ─► config/current/cluster.yaml       set once; so agents.yaml
 *
 * A file that two versions share is one file with two names (link(2)): a version may be removed by
 * removing its folder.
 */
#ifndef HELIOCTL_VERSIONS_H
#define HELIOCTL_VERSIONS_H

#include "deploy/helioctl/ctl.h"
#include "common/live/signature.h"

struct versions {
	char dir[CONF_PATH_SIZE];  /* of the configuration: /etc/heliograph */
	char name[CONF_NAME_SIZE]; /* cluster.yaml */
	int lock;                  /* held until it is closed; -1 */
	bool has_current;
	struct signature current;
};

/* Below the folder of ctl->config, made if it is not there, locked. Told. */
int versions_open(struct ctl *ctl, struct versions *st);
/* "DIR/…". ENAMETOOLONG. */
int versions_path(const struct versions *st, char dst[static CONF_PATH_SIZE], const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

struct version {
	const char *cluster, *agents; /* paths */
	const struct signature *sig;
	const struct conf_files *files; /* NULL: none travel with it */
	const struct conf *conf;        /* has the places of files */
};
/* config/N, whole or not there. errno; EEXIST, ENOTEMPTY: it is there. */
int versions_write(const struct versions *st, const struct version *v);
/* By the links. errno. */
int versions_use(const struct versions *st, const struct conf *new, uint32_t version);
/* The version in force before versions_use(). */
void versions_return(const struct versions *st);
/* The highest version below `than` that is kept; 0: none. */
uint32_t versions_below(const struct versions *st, uint32_t than);

#endif
