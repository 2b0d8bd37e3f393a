/* The next version of a configuration, signed. Shared by config sign and agent add. */
#ifndef HELIOCTL_SIGN_H
#define HELIOCTL_SIGN_H

#include "deploy/helioctl/ctl.h"
#include "common/live/signature.h"

/* Writes sig_path with the key in c's keys folder; files that are signed as they are keep their
 * version if that is higher than `above` (0: any). Told. seal_init() was called. */
int config_sign(struct ctl *ctl, const struct conf *c, const char *sig_path, uint32_t above);

#endif
