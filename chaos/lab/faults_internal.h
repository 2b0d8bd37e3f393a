/* Inside the faults: faults.c keeps them, fault_procs.c, fault_links.c, fault_disks.c and
 * fault_redis.c are the kinds. A begin returns 0 or an errno with lab->why; a bitten looks for
 * proof and puts it into f->proof; a heal may be called once. */
#ifndef HELIO_CHAOS_FAULTS_INTERNAL_H
#define HELIO_CHAOS_FAULTS_INTERNAL_H

#include "chaos/lab/lab.h"

struct fault;
struct fault_kind {
	const char *name;
	int (*begin)(struct lab *lab, struct fault *f);
	bool (*bitten)(struct lab *lab, struct fault *f); /* fills f->proof */
	void (*heal)(struct lab *lab, struct fault *f);
	bool once; /* over as soon as it is done: nothing to heal */
};

struct fault {
	bool on, bitten;
	uint32_t id;
	int owner;
	const struct fault_kind *kind;
	char target[64];
	json_t *args;
	bool proc[LAB_PROCS_MAX];      /* which processes it holds */
	uint64_t ticks[LAB_PROCS_MAX]; /* their CPU time when it began */
	uint32_t lives[LAB_PROCS_MAX];
	int machine;
	uint32_t changes; /* of the cable, when it began */
	json_t *links;    /* counters of the WAN when it began */
	uint64_t begun_us, until_us, look_us;
	uint64_t turn_us; /* slow: when to stop or to thaw next */
	bool stopped;
	uint32_t cycles, percent;
	char before[128]; /* what Redis said before */
	json_t *proof;    /* what it did so far */
};

/* The processes that a fault holds, one after the other, as p. */
#define EACH(lab, f, p)                                  \
	for (uint32_t i_ = 0; i_ < (lab)->procs_n; i_++) \
		for (struct lab_proc *p = (f)->proc[i_] ? &(lab)->proc[i_] : NULL; p; p = NULL)

void fault_prove(struct fault *f, const char *key, json_int_t v);

/* fault_procs.c: processes, and machines as all of theirs with a cable */
int fault_procs_match(struct lab *lab, struct fault *f);
void fault_proc_kill(struct lab_proc *p, int sig);
int fault_kill_begin(struct lab *lab, struct fault *f);
bool fault_kill_bitten(struct lab *lab, struct fault *f);
void fault_start_again(struct lab *lab, struct fault *f);
int fault_restart_begin(struct lab *lab, struct fault *f);
int fault_upgrade_begin(struct lab *lab, struct fault *f);
bool fault_upgrade_bitten(struct lab *lab, struct fault *f);
bool fault_restart_bitten(struct lab *lab, struct fault *f);
int fault_freeze_begin(struct lab *lab, struct fault *f);
bool fault_freeze_bitten(struct lab *lab, struct fault *f);
void fault_freeze_heal(struct lab *lab, struct fault *f);
int fault_slow_begin(struct lab *lab, struct fault *f);
void fault_slow_turn(struct lab *lab, struct fault *f, uint64_t now);
bool fault_slow_bitten(struct lab *lab, struct fault *f);
void fault_slow_heal(struct lab *lab, struct fault *f);
int fault_machine_find(struct lab *lab, struct fault *f);
int fault_unplug_begin(struct lab *lab, struct fault *f);
bool fault_unplug_bitten(struct lab *lab, struct fault *f);
void fault_unplug_heal(struct lab *lab, struct fault *f);
int fault_machine_begin(struct lab *lab, struct fault *f);
bool fault_machine_bitten(struct lab *lab, struct fault *f);
void fault_machine_heal(struct lab *lab, struct fault *f);
int fault_suspend_begin(struct lab *lab, struct fault *f);

/* fault_links.c */
int fault_link_begin(struct lab *lab, struct fault *f);
int fault_cut_begin(struct lab *lab, struct fault *f);
bool fault_link_bitten(struct lab *lab, struct fault *f);
void fault_link_heal(struct lab *lab, struct fault *f);

/* fault_disks.c: disks and clocks */
int fault_fill_begin(struct lab *lab, struct fault *f);
bool fault_fill_bitten(struct lab *lab, struct fault *f);
void fault_fill_heal(struct lab *lab, struct fault *f);
int fault_clock_begin(struct lab *lab, struct fault *f);
bool fault_clock_bitten(struct lab *lab, struct fault *f);
void fault_clock_heal(struct lab *lab, struct fault *f);

/* fault_redis.c */
int fault_flush_begin(struct lab *lab, struct fault *f);
bool fault_flush_bitten(struct lab *lab, struct fault *f);
int fault_failover_begin(struct lab *lab, struct fault *f);
bool fault_failover_bitten(struct lab *lab, struct fault *f);

#endif
