/*
 * helio-broker, the shell around the core as a matcher. It decides nothing and owns nothing: what
 * it knows it was told by the nodes of its site and by the brokers of all sites, and a restarted
 * one is told again.
 *
 *   mesh ──► broker_mesh.c ──event──► broker_core.c ──► acd_step ──effects──► mesh
 *   zloop timer (acd_deadline) ──────────┘   └──► trace
 *   admin socket ──► broker_admin.c ──► views of the core
 */
#ifndef HELIO_BROKER_H
#define HELIO_BROKER_H

#include "common/acd/acd.h"
#include "common/base/base.h"
#include "common/beat/beat.h"
#include "common/conf/conf.h"
#include "common/log/log.h"
#include "common/metrics/shared.h"
#include "common/wire/mesh.h"
#include "common/trace/trace.h"

#include <czmq.h>

struct admin;
struct broker_hours;
struct live;

enum {
	/* Messages before timers and the admin socket get their turn: under a millisecond's work.
	 */
	BROKER_BATCH = 256,
	/* Messages that the core sends to itself; what does not fit is repeated by the protocol. */
	BROKER_PENDING_MAX = 1024,
	BROKER_TICK_MS = 1000,
	/* Nodes announce twice a second; three silent seconds are not a lost packet. */
	BROKER_SILENT_MS = 3000,
	BROKER_SAY_AGAIN_MS = 60000,
	/* Of a daemon that was restarted some messages may come late; more are of one that counts
	 * its lives wrongly. */
	BROKER_STALE_FEW = 20,
};

/* A node of the site, or a broker of any: what was heard of it. For people; decides nothing. */
struct broker_peer {
	const struct conf_daemon *daemon;
	uint64_t heard_us; /* 0: never */
	uint32_t boot;
	bool up;
	bool status_known; /* what follows is from its last NodeStatus */
	bool draining;
	uint32_t sessions, calls, calls_max;
	uint64_t config_hash;
};

struct broker {
	const struct conf *conf; /* in use now; pointers into it end with broker_config's use */
	struct live *live;
	uint32_t skills_mark; /* conf_skills_mark() */
	const struct conf_daemon *self;
	const struct conf_site *site;
	uint32_t boot;
	uint64_t started_us, now_us;
	zloop_t *loop;
	int signal_fd;
	struct mesh *mesh;
	struct admin *admin;

	struct acd *acd;
	struct acd_effects fx;
	struct acd_event pending[BROKER_PENDING_MAX];
	uint32_t pending_head, pending_n;
	int deadline_timer;   /* of zloop; -1: none */
	uint64_t deadline_us; /* for which it is set */
	struct trace *trace;

	struct beats beats; /* a witness: nodes ask whom it hears */
	struct broker_peer *peers;
	uint32_t peers_n;
	uint8_t *queue_quiet; /* per queue of conf: rounds in which nothing was to say */
	uint32_t round;
	bool drain_pending;
	uint64_t bad_said, bad_said_us;     /* what was last said of bad messages, and when */
	uint64_t stale_said, stale_said_us; /* the same of those of an older life */
	struct metrics_server *metrics;     /* NULL: no metrics: in the configuration */
	struct metrics_acd acd_messages;
	struct broker_queue_watch *watched; /* per queue of conf */
	struct broker_hours *hours;
	struct {
		uint64_t events, refused, bad_acd, not_ours, pending_dropped, other_skills;
	} counters;
};

/* broker.c: opens every part and runs until SIGTERM or SIGINT; the exit code of the process. */
int broker_run(struct live *live, const char *trace_path);

/* broker_core.c */
int broker_core_open(struct broker *b, const char *trace_path, char ret_why[256]);
void broker_core_close(struct broker *b);
/* The same core with the queues of conf. errno, why; nothing has changed then. */
int broker_core_reconfigure(struct broker *b, const struct conf *conf, char ret_why[256]);
/* Steps the core with ev (its time is set here) and whatever follows from it. */
void broker_event(struct broker *b, struct acd_event *ev);

/* broker_mesh.c */
int broker_mesh_open(struct broker *b, char ret_why[256]);
void broker_mesh_close(struct broker *b);
void broker_stats_send(struct broker *b);

/* broker_peers.c */
int broker_peers_open(struct broker *b);
void broker_peers_close(struct broker *b);
struct broker_peer *broker_peer_find(struct broker *b, uint16_t addr);
void broker_peer_heard(struct broker *b, struct broker_peer *p, uint32_t boot);
void broker_peer_status(struct broker *b, struct broker_peer *p, const NodeStatus *st);
/* Once a tick: who has fallen silent. */
void broker_peers_check(struct broker *b);

/* broker_config.c: the configuration while it runs */
void broker_config_open(struct broker *b);
void broker_config_reload(struct broker *b);

/* broker_metrics.c: what watches it */
int broker_metrics_init(struct broker *b);
int broker_metrics_open(struct broker *b, char ret_why[256]);
void broker_metrics_close(struct broker *b);
/* Once a tick: does rule L1 hold here? */
void broker_metrics_tick(struct broker *b);

/* broker_hours.c: tells the core who is open, first of all and at each change. */
int broker_hours_open(struct broker *b);
void broker_hours_close(struct broker *b);
/* Counts of queues that stay. ENOMEM: nothing has changed. */
struct broker_queue_watch *broker_metrics_watched(const struct broker *b, const struct conf *fresh);

/* broker_admin.c */
int broker_admin_open(struct broker *b, char ret_why[256]);
void broker_admin_close(struct broker *b);

#endif
