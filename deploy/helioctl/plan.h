/* What plan and apply share: the difference of two configurations. */
#ifndef HELIOCTL_PLAN_H
#define HELIOCTL_PLAN_H

#include "deploy/helioctl/ctl.h"

enum plan_verb { PLAN_ADDED, PLAN_REMOVED, PLAN_CHANGED };

struct plan {
	const struct conf *old, *new;
	struct conf *placed; /* new, as if it lay where old does: relative paths mean the same */
	json_t *changes;  /* [{kind, name, what, text}], grouped by kind */
	json_t *warnings; /* [sentence] */
	unsigned verbs[PLAN_CHANGED + 1];
};

/* Both configurations must outlive the plan. True when the files, or those
 * that they name, differ in any byte. */
int plan_make(struct plan *ret, const struct conf *old, const struct conf *new);
void plan_free(struct plan *p);
/* Told by the daemons' configuration alone: who must be restarted before all of it applies. */
void plan_rolls_print(struct ctl *ctl, const struct plan *p);
void plan_print(struct ctl *ctl, const struct plan *p);

void plan_change(struct plan *p, const char *kind, const char *name, enum plan_verb verb,
		 const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void plan_warn(struct plan *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* plan_parts.c, plan_hours.c, plan_files.c: one kind of thing each */
void plan_cluster(struct plan *p);
void plan_sites(struct plan *p);
void plan_daemons(struct plan *p);
void plan_queues(struct plan *p);
void plan_hours(struct plan *p);
void plan_agents(struct plan *p);
void plan_files(struct plan *p);

#endif
