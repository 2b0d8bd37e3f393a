/*
 * The lab: three sites of two machines each on one host, as network namespaces, and everything that
 * runs in them. One process, the keeper, holds it all: it is process 1 of a PID namespace with
 * mounts and networks of its own, so when it dies, however it dies, the kernel takes the processes,
 * the networks, the full disks and the frozen Redis with it.
 *
 *   helio-chaos run ──commands──► keeper ──► daemons, Redis, Sentinels, load   (in namespaces)
 *        (client.h)                  └────► helio-wan                          (chaos/wan)
 *
 *   world 10.9.0.1 (callers, agents)
 *     │  10.K.0.200 on each site's bridge
 *   helio-oslo (router, 10.1.0.254) ── bridge ── helio-oslo1 10.1.0.1, helio-oslo2 10.1.0.2
 *     │ wan0 (TUN)
 *   helio-wan ── wan0 of helio-manila (10.2.0.254) … helio-bogota (10.3.0.254)
 *
 * A machine has a node, a broker, a gateway and a journal Redis; the first one of a site also a
 * presence Redis and a Sentinel. Each has a file tree of its own: LAB/NAME/{cluster.yaml, keys,
 * state, run}.
 */
#ifndef HELIO_CHAOS_LAB_H
#define HELIO_CHAOS_LAB_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	LAB_SITES = 3,
	LAB_PER_SITE = 2,
	LAB_MACHINES = LAB_SITES * LAB_PER_SITE,
	LAB_PROCS_MAX = 96,
	LAB_NAME_SIZE = 32,
	LAB_ARGS_MAX = 48,
	LAB_FAULTS_MAX = 64,
	LAB_PATH_SIZE = 512,
	LAB_STATE_MB = 32, /* a machine's disk for state: small, so that it can be filled */
	SIP_PORT = 5060,
	HTTP_PORT = 8080,
	JOURNAL_PORT = 6401,
	PRESENCE_PORT = 6400,
	SENTINEL_PORT = 26400,
};

enum proc_kind {
	PROC_NODE,
	PROC_BROKER,
	PROC_GATEWAY,
	PROC_JOURNAL,
	PROC_PRESENCE,
	PROC_SENTINEL,
	PROC_WAN,
	PROC_LOAD,
};
const char *proc_kind_name(enum proc_kind k);

struct lab_proc {
	char name[LAB_NAME_SIZE];
	enum proc_kind kind;
	int machine; /* -1: none of them */
	char netns[LAB_NAME_SIZE];
	char *argv[LAB_ARGS_MAX];
	pid_t pid;        /* 0: not running */
	bool wanted;      /* an end that nobody asked for is reported */
	bool again;       /* start it as soon as it has ended */
	bool upgraded;    /* its next life is of this version, whatever the lab began with */
	uint32_t lives;   /* how often it was started; its trace and log carry it */
	uint32_t unasked; /* ends that nobody asked for */
	int status;       /* of the last end, as from waitpid() */
	uint64_t started_us, ended_us;
	uint32_t stops; /* faults that hold it stopped: SIGCONT at 0 */
};

struct lab_conf {
	const char *dir; /* short: sockets live below */
	const char *out; /* logs and traces; NULL: dir */
	const char *bin; /* the programs */
	/* The daemons of the version before, which nodes, brokers and gateways begin with; NULL: as
	 * all others. */
	const char *before;
	const char *audio;
	const char *web; /* what gateways serve; NULL: nothing */
	uint64_t seed;
	uint32_t agents; /* spread over the sites: load1 … loadN */
	char wan[256];   /* keys and values for the links, e.g. "delay=40 jitter=4" */
	bool clock;      /* daemons run with the clock shim: clock_jump can be done */
	bool trace;
	bool small_disks;  /* state on small disks of their own: disk_full can be done */
	const char *queue; /* more options of the queues, YAML */
};

struct lab;
struct fault;

/* ---- names.c: names and places ----------------------------------------------------------- */
const char *lab_site_name(uint32_t site);
/* Machine m (0 …): its name, e.g. oslo1, and its address. */
const char *lab_machine_name(uint32_t m);
const char *lab_machine_ip(uint32_t m);
int lab_machine_find(const char *name); /* -1 */
int lab_site_find(const char *name);
/* A process of the lab is called so, or fits the pattern (fnmatch); load does not count. */
bool lab_proc_known(const char *pattern);
static inline uint32_t lab_machine_site(uint32_t m)
{
	return m / LAB_PER_SITE;
}
/* Agent i (1 …) has its home here; the first agent of a site, and how many. */
uint32_t lab_agent_site(const struct lab_conf *c, uint32_t i);
uint32_t lab_agent_first(const struct lab_conf *c, uint32_t site, uint32_t *ret_n);
#define LAB_WORLD_IP "10.9.0.1"

struct lab {
	struct lab_conf conf;
	struct lab_proc proc[LAB_PROCS_MAX];
	uint32_t procs_n;
	int wan_fd;
	struct fault *faults; /* faults.c */
	uint32_t fault_next;
	uint64_t up_us;
	char why[512];
};

/* Says why in lab->why; returns err. */
int lab_fail(struct lab *lab, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Formats and runs one program to its end; its standard error goes to why. EIO if it failed. */
int lab_run(struct lab *lab, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- net.c ------------------------------------------------------------------------------- */
int net_up(struct lab *lab);
/* The cable of a machine: pulled or plugged. */
int net_cable(struct lab *lab, uint32_t machine, bool up);
/* Of that cable, as its switch sees it: how often it was pulled, and whether it is. */
int net_cable_state(struct lab *lab, uint32_t machine, uint32_t *ret_changes, bool *ret_up);
int net_enter(const char *netns); /* this process; errno */

/* ---- files.c ----------------------------------------------------------------------------- */
int files_make(struct lab *lab);
#define LAB_PASSWORD "quiet-harbour"
#define LAB_DESK_QUEUE "desk-" /* and a site: the queue that only its agents serve */

/* ---- procs.c ----------------------------------------------------------------------------- */
int procs_plan(struct lab *lab); /* fills lab->proc */
struct lab_proc *proc_find(struct lab *lab, const char *name);
/* A new one, e.g. of load; takes copies of the words. NULL: no room, or the name is taken. */
struct lab_proc *proc_add(struct lab *lab, const char *name, enum proc_kind kind, int machine,
			  const char *netns, const char *const *argv);
int proc_start(struct lab *lab, struct lab_proc *p);
void proc_signal(struct lab_proc *p, int sig);
/* Stopped while anyone wants it stopped. */
void proc_stop(struct lab_proc *p);
void proc_cont(struct lab_proc *p);
void procs_reap(struct lab *lab, void (*ended_h)(struct lab *lab, struct lab_proc *p));
/* 'R', 'S', 'T', … as /proc says; '?' if it is gone. CPU time in clock ticks. */
char proc_state(const struct lab_proc *p, uint64_t *ret_ticks);
json_t *proc_json(const struct lab_proc *p);
void procs_free(struct lab *lab);

/* ---- wan_link.c: the keeper's connection to helio-wan ------------------------------------ */
int wan_connect(struct lab *lab);
/* One command, one reply; EIO with lab->why. */
int wan_ask(struct lab *lab, json_t **ret, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- faults.c ---------------------------------------------------------------------------- */
void faults_open(struct lab *lab);
/* {"kind", "target", "for_s", …}: begins it. owner: which connection to heal it with. */
json_t *fault_begin(struct lab *lab, const json_t *req, int owner);
json_t *fault_heal(struct lab *lab, uint32_t id, const char *why);
json_t *faults_json(struct lab *lab);
void faults_owner_gone(struct lab *lab, int owner);
void faults_heal_all(struct lab *lab, const char *why);
/* Heals what is due, turns the wheels of slow processes; when to be called again, UINT64_MAX. */
uint64_t faults_tick(struct lab *lab, uint64_t now_us);
/* What the keeper tells its clients when a fault began, bit, or healed. */
typedef void(fault_event_h)(struct lab *lab, json_t *event);
extern fault_event_h *fault_event;

/* ---- keeper.c ---------------------------------------------------------------------------- */
/* Builds the lab and serves it until told to go; runs as process 1 of its namespaces. Writes one
 * line to ready_fd: "ok" or why not. Exit code. */
int keeper_run(const struct lab_conf *conf, int ready_fd);
/* 0, or EPERM with what is missing. */
int keeper_able(char why[512]);
/* Starts a keeper in new namespaces; waits until the lab stands. On failure why[512] says why and
 * what is missing. */
int keeper_start(const struct lab_conf *conf, pid_t *ret_pid, char why[512]);

#endif
