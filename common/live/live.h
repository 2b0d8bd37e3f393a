/*
 * The configuration of a running daemon: read at the start, its signature checked, replaced whole
 * while calls go on, and spread from daemon to daemon.
 *
 *   cluster.yaml, agents.yaml, cluster.sig ──start, SIGHUP, `helioctl reload`──┐
 *   STATE/NAME/config-N.bundle ──start, if newer──────────────────────────────┼─► check ─► use()
 *   a peer that has a newer version ──ConfigNews, ConfigAsk, ConfigPart───────┘      │
 *                                                              refused whole ◄────────┘
 * Sounds, calendars and customers that it names travel with it (cluster.files,
 * common/conf/files.h): each daemon keeps those it wants by their hash in STATE/NAME/files and
 * fetches what it has not got. What takes long (hashing, decoding) is done on a thread; then the
 * version comes into use between two events, with all its files, or is refused.
 *
 * Rules
 *   1. A signature that is there must be right: a start with a wrong one is refused, and so is a
 *      bundle. No cluster.sig beside the file means "unsigned": said once, version 0, not spread.
 *   2. A newer version wins; an older one is never taken, whatever its way in. What is run was
 *      signed once it ever was: an unsigned file does not replace a signed version.
 *   3. Equal version, other bytes: both keep what they have, both say so. The next version ends it.
 *   4. What cannot change while the daemon runs stays as it was, and the daemon says that it needs
 *      a restart (conf_needs_roll).
 */
#ifndef HELIO_LIVE_H
#define HELIO_LIVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "common/conf/conf.h"
#include "heliograph.pb.h"

struct live;

enum {
	LIVE_TICK_MS = 1000,
	LIVE_PART_BYTES = 32768, /* half of what a mesh message may carry */
	LIVE_PARTS_MAX = 8,      /* asked for at once: 256 KiB a round trip */
	LIVE_ASK_AGAIN_MS = 1000,
	LIVE_ASK_TRIES = 8, /* without a byte of progress; then the next news begins anew */
	/* Parts given away between two ticks: 16 MiB a second, so that a hundred daemons that come
	 * back at once take turns. */
	LIVE_PARTS_A_TICK = 512,
	LIVE_FAR_EVERY = 5,      /* ticks between news to brokers of other sites */
	LIVE_SILENT_MS = 3000,   /* no broker heard: nodes and gateways of a site tell each other */
	LIVE_REFUSED_MS = 60000, /* a version that was refused is fetched again after so long: what
				  * it misses may be there by then */
	LIVE_KNOWN_MS = 15000,   /* a row older than this is of a daemon that is gone */
};

struct live_ops {
	int (*send)(void *arg, uint16_t to, Envelope *env, const void *payload, size_t len);
	/* Run on with conf. 0: it is used from now on, and what was in use before must not be
	 * looked at after the return. Else an errno and why: nothing has changed. */
	int (*use)(void *arg, const struct conf *conf, char ret_why[256]);
	/* Can conf be run on without delay? Else prepare() first, on another thread: what takes
	 * long, such as decoding sounds; it ends early once *stop. Both may be NULL. */
	bool (*ready)(void *arg, const struct conf *conf);
	void (*prepare)(void *arg, const struct conf *conf, const atomic_bool *stop);
	/* Is an agent who is not in the file any more still signed in here? May be NULL. */
	bool (*keep_agent)(uint64_t agent, void *arg);
	void *arg;
};

/* Reads what lies at path, and a newer version that this daemon already ran. Problems are printed
 * to err and logged. errno. */
int live_start(struct live **ret, const char *path, const char *name, enum conf_role role,
	       FILE *err);
struct live *live_free(struct live *l);

/* What it started with: valid as long as l; and what is in use: valid until the next use(). */
const struct conf *live_base(const struct live *l);
const struct conf *live_conf(const struct live *l);
const struct conf_daemon *live_self(const struct live *l);

/* From now on the daemon takes what comes. With other ops (none: {0}) what was being taken is given
 * up; waits for that. */
void live_run(struct live *l, const struct live_ops *ops);
/* Each LIVE_TICK_MS. */
void live_tick(struct live *l, uint64_t now_us);
/* True if the message was one of ours. */
bool live_message(struct live *l, const Envelope *env, const void *payload, size_t len,
		  uint64_t now_us);
/* Reads path again. 0: in use now, or it was already, or in a moment; why says which. EINVAL:
 * refused, why. */
int live_reload(struct live *l, uint64_t now_us, char ret_why[256]);

struct live_figures {
	uint64_t hash;
	uint32_t version; /* 0: unsigned */
	bool needs_roll;
	uint32_t refused; /* a newer version that this daemon does not take; 0: none */
	uint64_t taken, refusals, conflicts, parts_sent;
};
struct live_figures live_figures(const struct live *l);
/* The same, as metrics (common/metrics/metrics.h). */
struct metrics_out;
void live_metrics(const struct live *live, struct metrics_out *out);

/* For admin replies: {version, hash, signed, files, needs_roll, refused, taking}; new reference. */
json_t *live_json(const struct live *l);
/* Every daemon this one has heard of, through its brokers: [{name, version, hash, …, heard_ms}]. */
json_t *live_cluster_json(const struct live *l, uint64_t now_us);
/* The answer to the admin commands `config`, `reload` and, part after part (offset, total, data in
 * base64), `config_files` (the list; its answer says which are missing here), `config_file` (one of
 * them: hash) and `config_put` (the bundle); NULL for any other. */
json_t *live_admin(struct live *l, const char *cmd, const json_t *req, uint64_t now_us);

#endif
