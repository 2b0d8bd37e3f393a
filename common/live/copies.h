/*
 * The bundles that a daemon has run, in its state folder: config-7.bundle, and config-7.files, the
 * list of the files that this version names (they lie in files/, store.h). The highest version is
 * what it runs after a restart, whatever the host's file says by then.
 */
#ifndef HELIO_COPIES_H
#define HELIO_COPIES_H

#include <stdint.h>

#include "common/live/bundle.h"

enum { COPIES_KEPT = 3 };

/* files may be NULL. On the disk when it returns (temporary file, fsync, rename, fsync of the
 * folder); older ones than the last COPIES_KEPT are removed. errno. */
int copies_put(const char *dir, const struct bundle *b, const struct conf_files *files);
/* The highest version below `below` that lies there; 0: none. */
uint32_t copies_below(const char *dir, uint32_t below);
/* errno of reading; EBADMSG: not a bundle, or of another version than its name says. */
int copies_get(struct bundle **ret, const char *dir, uint32_t version);
/* Its list of files, NULL: that version has none. EINVAL: not a list; errno. free() it. */
int copies_files(struct conf_files **ret, const char *dir, uint32_t version);

#endif
