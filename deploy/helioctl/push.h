/* Giving a configuration to a running cluster, and waiting until every daemon runs it. */
#ifndef HELIOCTL_PUSH_H
#define HELIOCTL_PUSH_H

#include "deploy/helioctl/ctl.h"
#include "common/live/bundle.h"

enum { PUSH_WAIT_MS = 30000 };

/* What is given to a daemon. */
struct push {
	struct bundle *bundle;
	struct conf_files *files; /* NULL: none travel with it */
	const struct conf *conf;  /* has their places */
};

/* The two files of conf with the signature at sig_path and the list beside it. conf must outlive
 * ret. Told when it cannot be made. */
int push_make(struct push *ret, const struct conf *conf, const char *sig_path);
void push_free(struct push *p);

/* To daemons of ctl->conf that can be asked from here, brokers first, until one of each site that
 * is within reach has taken it; those spread it. Of its files only those go that it has not got.
 * CTL_SILENT: nobody can be asked from here (not told); CTL_UNHEALTHY (told): it was refused. */
int push_send(struct ctl *ctl, const struct push *p);

/* Until every daemon of ctl->conf runs that version with `hash`; progress goes to ctl->out, but for --json. version
 * 0: unsigned. CTL_UNHEALTHY (told, with names) after wait_ms, or when one refuses. */
int push_wait(struct ctl *ctl, uint32_t version, uint64_t hash, uint32_t wait_ms);

/* What every daemon that can be heard of runs: {NAME: row of live_cluster_json()}; new reference.
 */
json_t *push_rows(struct ctl *ctl);

#endif
