/*
 * The cluster's configuration: one YAML file, agents.yaml beside it, keys. Read whole, checked
 * whole, refused whole: an error names file, line, column, key, what was found and what is allowed.
 * Immutable after load. Example: deploy/example/cluster.yaml.
 */
#ifndef HELIO_CONF_H
#define HELIO_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/acd/acd.h"

enum {
	CONF_NAME_SIZE = 32,       /* names: [a-z][a-z0-9-]*, 24 characters at most, NUL included in size */
	CONF_PATH_SIZE = 256,
	CONF_HOST_SIZE = 64,
	CONF_SITES_MAX = 64,
	CONF_QUEUES_MAX = 1024,
	CONF_ROUTES_MAX = 6,
	CONF_SKILLS_MAX = 64, /* tenants among them */
	CONF_AGENTS_MAX = 100000,
	CONF_REDIS_MAX = 8,
	CONF_TRUNKS_MAX = 64,
	CONF_TUNNELS_MAX = 32,     /* a Redis and a Sentinel of each of 16 sites */
	CONF_USER_SIZE = 32,
	CONF_CALENDARS_MAX = 256,  /* different ones; queues share them */
	CONF_FILES_MAX = 2048,     /* sounds, calendars and customers: see common/conf/files.h */
};

enum conf_role { CONF_NODE, CONF_BROKER, CONF_GATEWAY };
enum conf_codec { CONF_CODEC_OPUS, CONF_CODEC_PCMU };

/* "tenant.kontur": a skill that the configuration gives to a tenant's queues and agents. */
#define CONF_TENANT_SKILL "tenant."

struct conf_endpoint {
	char host[CONF_HOST_SIZE]; /* IPv4 literal */
	uint16_t port;
};

struct conf_daemon {
	char name[CONF_NAME_SIZE];      /* oslo1, oslo-b1, oslo-g1 */
	enum conf_role role;
	uint16_t addr;                  /* addr_make(site number, ordinal) */
	struct conf_endpoint mesh;      /* address: and mesh: */
	/* node */
	uint16_t sip_port;              /* UDP and TCP */
	char bind[CONF_HOST_SIZE];      /* address: SIP and RTP are bound here */
	char advertise[CONF_HOST_SIZE]; /* what SDP, Contact and ICE candidates say; default: address */
	char vip[CONF_HOST_SIZE];       /* moves between the nodes of the site; "": none */
	uint16_t media_port_min, media_port_max;
	struct conf_endpoint journal;   /* own machine's Redis; port 0: none, calls are unprotected */
	uint32_t calls_max, sessions_max, media_threads;
	uint16_t admin_port;            /* any role: TCP admin for operators; 0: ipc only */
	uint16_t metrics_port;          /* any role: /metrics and /healthz (HTTP); 0: none */
	/* gateway */
	uint16_t http_port;
	char origins[4][128];           /* allowed Origin headers besides its own address */
	uint32_t origins_n;
	char tls_cert[CONF_PATH_SIZE];  /* PEM, absolute; "": the http port speaks plain HTTP */
	char tls_key[CONF_PATH_SIZE];
};

struct conf_site {
	char name[CONF_NAME_SIZE];
	uint8_t number;                 /* 1..254, explicit: `number:` */
	char timezone[48];
	char languages[8][8];
	uint32_t languages_n;
	uint32_t first, daemons_n;      /* range in conf->daemons */
};

struct hours_calendar;
struct hours_zone;

/* A file that cluster.yaml names. */
enum conf_file_kind { CONF_FILE_SOUND, CONF_FILE_CALENDAR, CONF_FILE_CUSTOMERS };
struct conf_file {
	enum conf_file_kind kind;
	char name[CONF_PATH_SIZE];      /* as it is written there */
	char path[CONF_PATH_SIZE];      /* absolute: where this configuration has it */
};

/* When a site answers: one calendar of hours, and one of holidays that subtract. */
struct conf_calendar {
	char file[CONF_PATH_SIZE], holidays_file[CONF_PATH_SIZE]; /* absolute; holidays: "" = none */
	char timezone[48];              /* of the site */
	struct hours_calendar *open, *holidays; /* open NULL: files were not read (fuzzing) */
	struct hours_zone *zone;        /* NULL: shown in UTC */
};
struct conf_hours {
	uint8_t site;                   /* its number */
	uint16_t calendar;              /* in conf->calendars */
};

/* One step of a rule: whom to ask, for how long. */
enum conf_ask_kind { CONF_ASK_OWNER = 1, CONF_ASK_LAST, CONF_ASK_AGENT, CONF_ASK_ANY_OF };
struct conf_ask {
	char to[CONF_NAME_SIZE], name[CONF_NAME_SIZE];
	uint32_t for_ms;
	uint8_t kind;                   /* enum conf_ask_kind */
	uint8_t pref;                   /* ANY_OF: 1 + index in the queue's pref */
	uint64_t agent;                 /* AGENT */
};
struct conf_route {
	char who[CONF_NAME_SIZE];       /* any, known, new, debt, or a segment */
	uint8_t ask_n;
	struct conf_ask ask[ACD_WANTS_MAX];
};

struct conf_queue {
	char name[CONF_NAME_SIZE];      /* the user part of the dialled SIP URI */
	char display[64];
	uint32_t id;                    /* lower half of hash_str(name); collisions are refused */
	uint64_t skills;                /* bit i = conf->skills[i] */
	struct acd_levels levels;       /* by the same i; 0: none was said */
	uint8_t priority, strategy;     /* enum acd_strategy */
	uint8_t relax_n;
	struct acd_relax relax[ACD_RELAX_MAX];
	uint8_t group_max;              /* ring_all: at so many at once */
	uint32_t weight;                /* per cent */
	char tenant[CONF_NAME_SIZE];    /* "": there are no tenants */
	uint8_t route_n, pref_n;
	struct conf_route route[CONF_ROUTES_MAX];
	uint64_t pref[ACD_PREFS_MAX];   /* skill bits beside skills, for ANY_OF */
	uint32_t same_agent_ms;
	uint32_t ageing_ms, max_length, max_wait_ms, missed_limit;
	uint32_t overflow_longer, overflow_ewt_ms;
	bool overflow_no_idle, overflow_timed;
	uint32_t overflow_after_ms, remote_handicap_ms, wrap_up_ms, ring_timeout_ms;
	uint32_t sl_within_ms, sl_target_pct;
	char greeting[CONF_PATH_SIZE];  /* absolute after load; "" = none */
	char music[CONF_PATH_SIZE];
	char moment[CONF_PATH_SIZE]; /* "one moment": the agent's side is gone; empty: music */
	/* Opening hours by site; none: always open everywhere. With some, a site that is not named
	 * does not answer this queue. */
	uint32_t hours_n;
	struct conf_hours hours[CONF_SITES_MAX];
	uint32_t ramp_ms;               /* hand-over, see common/conf/hours.h */
	bool overflow_closed;           /* closed_site: to any_open */
	uint8_t closed_to;              /* enum acd_closed */
	uint32_t closed_after_ms;       /* how long the announcement is played */
	char closed_announcement[CONF_PATH_SIZE];
	uint8_t max_wait_to;            /* enum acd_closed: CALLBACK, VOICEMAIL after task_after_ms */
	uint32_t task_after_ms;
	char task_announcement[CONF_PATH_SIZE]; /* heard before the line is let go; "" = none */
	uint32_t task_tries, task_retry_ms;     /* nobody reached: again after so long, so often */
	bool closed;                    /* conf_live(): removed from the file while daemons ran */
	int line;                       /* of its definition, for messages */
};

struct conf_agent {
	char name[CONF_NAME_SIZE];      /* login */
	char display[64];
	uint64_t id;                    /* hash_str(name) */
	uint8_t site;                   /* home site's number */
	uint64_t skills;
	struct acd_levels levels;
	uint8_t rank;                   /* for strategy: linear */
	char password[128];             /* Argon2id, as crypto_pwhash_str writes it */
	enum conf_codec codec;
	char language[8];
	char tenant[CONF_NAME_SIZE];
	bool supervisor;
	bool removed;                   /* conf_live(): from the file, while signed in */
};

/* Who we are at a Redis. The password stands in a file of its own (0600), not here. */
struct conf_login {
	char user[CONF_USER_SIZE];           /* "": no AUTH */
	char password_file[CONF_PATH_SIZE];
};

/* What Sentinel calls from, we reach at to. */
struct conf_tunnel {
	struct conf_endpoint from, to;
};

struct conf_redis {
	struct conf_endpoint at[CONF_REDIS_MAX];
	uint32_t n;
	/* With Sentinels they say which server is the master, and `at` is not asked. */
	struct conf_endpoint sentinels[CONF_REDIS_MAX];
	uint32_t sentinels_n;
	char master[CONF_NAME_SIZE];         /* its name at the Sentinels */
	/* Not empty: an address that is not in it is not connected to, since a connection of that
	 * kind would bypass the tunnel. */
	struct conf_tunnel tunnels[CONF_TUNNELS_MAX];
	uint32_t tunnels_n;
	struct conf_login login;             /* at Redis and at the Sentinels */
};

/* Addresses of carriers: what comes from there has limits of its own and is never locked out. */
struct conf_trunk {
	uint32_t ip4, mask;             /* host order; ip4 & ~mask == 0 */
};

/* Per source address; why each is as it is stands in its row of the option table. */
struct conf_sip_limits {
	uint32_t new_calls, calls, requests, connections;       /* of an address that is no trunk */
	uint32_t trunk_new_calls, trunk_requests, trunk_connections;
	uint32_t strikes, lockout_ms;
};

struct conf {
	char cluster[CONF_NAME_SIZE];
	uint64_t hash;                  /* of both files' bytes: shown and compared in status */
	char file[CONF_PATH_SIZE], agents_file[CONF_PATH_SIZE];
	char directory_file[CONF_PATH_SIZE]; /* absolute; "": none */
	char keys_dir[CONF_PATH_SIZE], state_dir[CONF_PATH_SIZE], run_dir[CONF_PATH_SIZE],
		web_dir[CONF_PATH_SIZE];
	struct conf_redis presence;
	struct conf_trunk trunks[CONF_TRUNKS_MAX];
	uint32_t trunks_n;
	struct conf_sip_limits sip_limits;
	struct conf_login journal_login; /* at every journal Redis */
	/* A far end that sends no media at all, nor keep-alives: is flagged; is ended (0: never). */
	uint32_t media_silent_flag_ms, media_silent_end_ms;
	uint32_t adopt_after_ms;        /* silence after which a node's neighbour takes over */
	uint32_t keep_days;             /* of records and tasks that are over; 0: for ever */
	bool allow_plain_agents;        /* test and load tools only: audio without WebRTC */
	uint32_t sites_n, daemons_n, queues_n, skills_n, agents_n;
	struct conf_site sites[CONF_SITES_MAX];
	struct conf_daemon *daemons;    /* grouped by site, in order of file */
	bool daemons_borrowed;          /* conf_live(): they are another conf's */
	struct conf_queue *queues;
	char skills[CONF_SKILLS_MAX][CONF_NAME_SIZE]; /* sorted by name */
	uint32_t calendars_n;
	uint64_t calendars_hash;        /* of their bytes; in hash, too */
	struct conf_calendar *calendars;
	struct conf_agent *agents;      /* sorted by id */
	uint32_t files_n;
	struct conf_file *files;        /* each name once, in order of the file */
};

/* Loads and checks. On error returns EINVAL (content) or the errno of reading, prints each problem
 * as `file:line:col: key: what; allowed: …; remedy` to err (may be NULL), leaves *ret_conf alone.
 * Relative paths are taken from the folder of the file; but a version that `helioctl apply` put
 * beside the file that the path leads to has its own (common/conf/files.h). Free with conf_free(). */
int conf_load(struct conf **ret_conf, const char *path, FILE *err);
struct conf *conf_free(struct conf *conf);

/* The same from two texts, as if they lay at path and beside it. agents NULL: read from the disk.
 * check_files: sounds must be there. */
int conf_load_text(struct conf **ret_conf, const char *path, const char *text, size_t len,
		   const char *agents_text, size_t agents_len, bool check_files, FILE *err);

/* … where the files that it names lie in `dir`, by their hash, as `files` says: those are taken as
 * good, whether they are there or not; files that it does not list are where their name says. */
struct conf_files;
int conf_load_placed(struct conf **ret_conf, const char *path, const char *text, size_t len,
		     const char *agents_text, size_t agents_len, const struct conf_files *files,
		     const char *dir, FILE *err);

/* Of the names of the skills, in order: two configurations with the same mark mean the same by the
 * same bits. Never 0. */
uint32_t conf_skills_mark(const struct conf *conf);

/* True, and why (256 bytes), when `name` must be restarted before all of `new` applies to it: what
 * was bound, opened or numbered at its start has changed. */
bool conf_needs_roll(const struct conf *old, const struct conf *new, const char *name,
		     char ret_why[256]);

/* Carries over, `closed`, the queues of `now` that new has not: somebody may wait there still. E2BIG:
 * more than CONF_QUEUES_MAX; ENOMEM; then new is as it was. */
int conf_carry(struct conf *new, const struct conf *now);

/* Makes `new` what a running daemon can go on with: sites, daemons, paths and Redis stay those of
 * `base` (what it started with, which must outlive new: their table is shared), a queue of `now`
 * that is not in the file any more is carried over `closed`, and so is an agent that keep_h says is
 * still signed in here, `removed` and without a password. `now` is what runs (at first: base).
 * E2BIG: more queues than CONF_QUEUES_MAX, counting the closed ones; ENOMEM. new stays the
 * caller's. */
typedef bool(conf_keep_h)(uint64_t agent, void *arg);
int conf_live(struct conf *new, const struct conf *base, const struct conf *now,
	      conf_keep_h *keep_h, void *arg);

/* Every option there is, from the table that reads them: key, meaning, what is allowed, default. */
void conf_options_print(FILE *out);

/* NULL: there is none. They live as long as conf. */
const struct conf_daemon *conf_daemon_by_name(const struct conf *conf, const char *name);
const struct conf_daemon *conf_daemon_by_addr(const struct conf *conf, uint16_t addr);
const struct conf_site *conf_site_by_number(const struct conf *conf, unsigned number);
const struct conf_site *conf_site_by_name(const struct conf *conf, const char *name);
const struct conf_queue *conf_queue_by_name(const struct conf *conf, const char *name);
const struct conf_queue *conf_queue_by_id(const struct conf *conf, uint32_t id);
/* A table with an entry of `size` bytes per queue of `was`, for the queues of `fresh`: those that stay
 * keep theirs, the others are all zero. free() it; NULL without memory. */
void *conf_by_queue(const struct conf *was, const struct conf *fresh, const void *table, size_t size);
const struct conf_agent *conf_agent_by_name(const struct conf *conf, const char *name);
const struct conf_agent *conf_agent_by_id(const struct conf *conf, uint64_t id);

/* Printable id with the daemon's name ("oslo1-2f-91"); buf of ID_STR_SIZE. And back: EINVAL. */
char *conf_id_format(const struct conf *conf, char *buf, uint64_t id);
int conf_id_parse(const struct conf *conf, const char *s, uint64_t *ret_id);

/* Can the daemon bind its ports? To be asked before boot_next(): one that cannot start is started
 * again many times a second, and there are a million boot numbers. errno; ret_why names the port. */
int conf_ports_free(const struct conf_daemon *d, char ret_why[256]);

/* Folder of this daemon's state (created 0700 if missing): <state_dir>/<name>. errno. */
int conf_state_path(const struct conf *conf, const struct conf_daemon *d,
		    char ret_path[CONF_PATH_SIZE]);

/* Adds or replaces one agent in agents.yaml, atomically (temporary file, fsync, rename), comments
 * and order of the others kept. errno; why (256 bytes) says what. */
int conf_agent_put(const char *agents_path, const struct conf_agent *agent, const char *site_name,
		   const char *const *skills, uint32_t skills_n, char ret_why[256]);

/* struct acd_queue_conf table and timers for this daemon, from conf (allocated; caller frees with
 * free()). Lives here so that node, broker and simulator read the same meaning. */
struct acd_queue_conf;
int conf_acd_queues(const struct conf *conf, struct acd_queue_conf **ret_queues, uint32_t *ret_n);

#endif
