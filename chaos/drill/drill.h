/*
 * One run of an experiment: a lab, load on it, the method, and what was seen.
 *
 *   run.c     the phases, one after the other; pumps the others while it waits
 *   watch.c   asks every node and broker each second; a canary says when we were starved ourselves
 *   people.c  what callers and agents say (they write lines of JSON, which are followed)
 *   sipp.c    callers that are not ours
 *   method.c  does one step: a fault, a probe, a wait, a process
 *   history.c the traces of all daemons, judged by the simulator's rules
 *   ledger.c  the books at the end: every caller has exactly one record
 *
 * One thread; whoever waits calls drill_pump().
 */
#ifndef HELIO_CHAOS_DRILL_H
#define HELIO_CHAOS_DRILL_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "chaos/drill/experiment.h"
#include "chaos/drill/journal.h"
#include "chaos/lab/client.h"
#include "chaos/lab/lab.h"

enum {
	DRILL_REASONS_MAX = 32,
	DRILL_CALLS_MAX = 8000, /* who was answered: half an hour of 300 who call again */
	DRILL_TAILS_MAX = 64,
	DRILL_DAEMONS = LAB_MACHINES * 2,
	DRILL_FAULTS_MAX = 256,
	CANARY_MS = 20,
	SAMPLE_MS = 1000,
	REPLY_MS = 250,   /* how long a sample waits for answers */
	STARVED_MS = 250, /* our own timer so late: what we saw of others is our own doing */
};

enum verdict { HELD, DEVIATED, INCONCLUSIVE, ABORTED };
const char *verdict_name(enum verdict v);

struct drill_node {
	bool up, island, draining, journal, presence;
	uint32_t calls, waiting, talking, ringing, awaiting, sessions, idle, unprotected;
	uint64_t entered, ended;
};
struct drill_daemon {
	char name[LAB_NAME_SIZE];
	uint32_t machine;
	bool is_node;
	void *sock;        /* zsock_t */
	uint32_t expected; /* answers that are still to come */
	uint64_t asked_us;
	struct drill_node now, next; /* as of the last sample; being filled */
};

struct drill_call {
	uint32_t tail, index; /* who said so */
	char number[24];      /* which it called from */
	uint64_t started_us, answered_us, ended_us;
	bool far;
	bool spare; /* it ended unanswered: the next call may have its place */
	uint16_t status;
	uint32_t gap_ms;
	uint64_t gap_began_us;
	uint32_t agent_site; /* and 1: of whoever talked to it last; 0: nobody yet */
	uint32_t rung_site;  /* the same of whoever it rang at last */
	uint64_t crossed_us; /* when an agent of another site had it last; 0: never */
};

struct drill_tail {
	char path[LAB_PATH_SIZE];
	char node[LAB_NAME_SIZE]; /* whom these callers dialled; "" for agents */
	bool foreign;             /* SIPp's */
	int fd;
	size_t n;
	char buf[8192];
};

struct drill_fault {
	uint32_t id;
	char step[64];
	char kind[32];
	bool bitten, healed;
	bool line;       /* of lines between sites … */
	uint32_t across; /* … and so many talks went over it when it began */
};

struct drill {
	const struct experiment *e;
	const char *file, *out;
	const char *browsers; /* the program that opens pages in Chromium; NULL: none */
	const char *before;   /* the version that is rolled from, as of lab_conf; NULL: none */
	char lab_dir[64];
	uint64_t seed;
	struct lab_conf lab_conf;
	struct journal *journal;
	struct lab_client *lab;
	pid_t keeper;
	volatile sig_atomic_t *stop;              /* Ctrl-C */
	bool quiet, silent, keeper_gone, aborted; /* silent: the verdict is not said either */
	bool watching;                            /* stop conditions count from the method on */

	struct drill_daemon daemon[DRILL_DAEMONS];
	uint64_t next_sample_us, take_us;
	uint64_t sampled_us; /* when the last sample's questions went out; 0: there is none */
	uint32_t lag_ms, lag_worst_ms;
	uint64_t cpu[3]; /* busy, steal, all: as /proc/stat said last */
	double busy, steal;

	struct drill_tail tail[DRILL_TAILS_MAX];
	uint32_t tails_n, spawns;
	struct drill_call call[DRILL_CALLS_MAX];
	uint32_t calls_n, spares_n;
	uint32_t answered, ended_n, far_n, refused, hangups, talks;
	uint32_t gap_ms, gap_second_ms, near_gap_ms, far_gap_ms; /* far: talks across a line */
	struct {
		uint64_t since_us;   /* 0: has a link */
		uint32_t rung, call; /* index and 1: whose caller rings, who is talked to */
	} agent[2048];
	uint32_t agents_away, agent_away_ms;

	struct drill_fault fault[DRILL_FAULTS_MAX];
	uint32_t faults_n;
	char stopped[128]; /* which stop condition held */

	enum verdict verdict;
	char reason[DRILL_REASONS_MAX][256];
	uint32_t reasons_n;
};

/* run.c. The run's folder is made. Exit code as in chaos.h. */
int drill_run(struct drill *d);
/* Looks after everything until then, or until all shall stop. */
void drill_pump(struct drill *d, uint64_t until_us);
bool drill_stopping(const struct drill *d);
/* A worse verdict stays. */
void drill_judge(struct drill *d, enum verdict v, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void drill_phase(struct drill *d, const char *phase);
void drill_say(const struct drill *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* watch.c */
int watch_open(struct drill *d);
void watch_close(struct drill *d);
void watch_step(struct drill *d, uint64_t now_us);
/* Of the last sample; site, node: NULL is everywhere. */
double drill_metric(const struct drill *d, const char *name, const char *site, const char *node);

/* people.c */
int people_agents(struct drill *d); /* starts them */
int people_callers(struct drill *d, uint32_t callers, double hold_s, const char *node);
/* Those of the load whose queue is staffed at another site only. */
int people_far(struct drill *d);
/* Talks between two sites (index, or -1: any) as callers and agents see it. */
uint32_t people_across(const struct drill *d, int a, int b);
void people_follow(struct drill *d);
int people_stop_callers(struct drill *d);
/* Starts a process in the world that writes what it does to the file `lines`. node: whom its
 * callers dial, "" for agents. Takes argv. */
int people_spawn(struct drill *d, const char *name, const char *node, const char *lines,
		 json_t *argv);
uint32_t people_live(const struct drill *d);

/* The i-th of so many parts of n, as even as can be. */
uint32_t people_part(uint32_t n, uint32_t i, uint32_t parts);

/* sipp.c: the part of the load that is SIPp's, and its end. */
int sipp_callers(struct drill *d);
int sipp_stop(struct drill *d);
/* Why it cannot be had here, and the remedy; NULL: it can. */
const char *sipp_missing(void);

/* method.c. 0, or an errno with why[256]. */
int method_step(struct drill *d, const struct step *s, json_t **ret_value, char why[256]);
/* All probes of the hypothesis; true if each holds. Writes what they saw if tell. */
bool method_steady(struct drill *d, const char *when, bool tell);
void method_fault_event(struct drill *d, const json_t *event);

/* ledger.c */
void ledger_make(struct drill *d);

/* history.c: after the lab is down */
void history_check(struct drill *d);

#endif
