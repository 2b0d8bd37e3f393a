/* node_tasks.c: the life of a task; node_tasks_copy.c: its copy at the partner. */
#ifndef HELIO_NODE_TASKS_PRIV_H
#define HELIO_NODE_TASKS_PRIV_H

#include "nodes/node_tasks.h"

enum {
	TASK_COPIES = 2, /* to the partner, and to the node that made it, if that is another one */
};

/* What this node knows of a task of its own, beside the ledger. */
struct task_work {
	struct le he;
	uint64_t id;
	/* the attempt: a call of its own, while it is in the core */
	uint64_t call;
	struct le by_call;
	uint64_t entered_us, answered_us;
	int64_t entered_ms, answered_ms;
	uint64_t agent;
	uint16_t agent_node;
	uint32_t offers;
	uint64_t not_before_us; /* refused just now: not again at once */
	uint64_t noted_by_us;   /* given: until then the agent's note is waited for */
	uint64_t noted_us;      /* when it came last, in this life */
	bool dropped;           /* not ours any more: goes with the attempt's end */
	bool confirmed;         /* made in this life, or the partner knows of nothing later */
	/* copies: the version that the other side has on disk, and when we last said ours */
	uint64_t seen[TASK_COPIES], said_us[TASK_COPIES];
};

/* A caller who is let go as soon as the task is safe. */
struct task_leaving {
	struct le le;
	uint64_t call, task;
	struct acd_fx fx;
	uint64_t give_up_us;  /* the disk does not take it */
	uint64_t hear_out_us; /* the announcement is over then */
	bool safe;
};

struct node_tasks {
	struct tasks *ledger;
	struct hash *works, *calls; /* struct task_work by id; those with an attempt by call */
	struct list leaving;
	struct tmr tmr;
	uint16_t partner; /* 0: this is the only node */
	uint64_t opened_us;
	uint32_t ask_at; /* copies are asked about in turn: where that stands */
	uint64_t asked_us;
};

struct task_work *task_work_find(const struct node *n, uint64_t id);
/* The node that a copy number goes to; 0: none. */
uint16_t task_copy_to(const struct node *n, const struct task *t, unsigned copy);
/* It has just become safe: its copies need not wait for the tick. */
void task_copies_say(struct node *n, uint64_t id);
/* Says what the others do not have yet, asks about their tasks; from the tick. */
void task_copies_tick(struct node *n, uint64_t now_us);
void task_copy_send(struct node *n, uint16_t to, const struct task *t);
/* A new version of an own task: memory, disk, copies. */
int task_change(struct node *n, const struct task *t);
/* It is ours from now on (again): it gets a work. */
struct task_work *task_work_make(struct node *n, uint64_t id, bool confirmed);
/* It is another node's, or over: an attempt that is under way ends. */
void task_work_drop(struct node *n, uint64_t id);

#endif
