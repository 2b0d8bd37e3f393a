/*
 * Work without a caller on the line: callbacks and voicemails (common/tasks is the ledger).
 *
 *   caller waits too long, or all is closed
 *     core: ENDED(callback) ─► node_tasks_take ─► ledger, fsync ─► only then BYE and the record
 *   due ─► an attempt: a call of its own in the same queue, with the age that the caller had,
 *          no SIP and no audio ─► an agent ─► GIVEN ─► what the agent notes ─► DONE, or later
 *
 * Each change goes to a partner node, of another site where there is one; it acts on its copies
 * only when a person has said that the site is lost (helioctl site declare-lost).
 */
#ifndef HELIO_NODE_TASKS_H
#define HELIO_NODE_TASKS_H

#include "nodes/node.h"
#include "common/tasks/tasks.h"

int node_tasks_open(struct node *n, const char *state_dir, char ret_why[256]);
void node_tasks_close(struct node *n);
/* As long as the configuration says: what is over. */
void node_tasks_keep(struct node *n);
/* The process ends: who is just being let go is let go now; closing writes their tasks. */
void node_tasks_goodbye(struct node *n);

/* The call is over for the core, as callback or voicemail. 0: calls_left() follows, when the task
 * is on disk or cannot be. Else an errno: nobody would call back, the caller must not be let go. */
int node_tasks_take(struct node *n, const struct call *c, const struct acd_fx *fx);
/* It came back from the journal and waits again: it needs no callback. */
void node_tasks_returned(struct node *n, uint64_t call);

/* What the core says of an attempt; false: the call is none. */
bool node_tasks_fx(struct node *n, const struct acd_fx *fx);
/* What the agent noted; false: the call is no attempt. */
bool node_tasks_wrap(struct node *n, uint64_t call, const char *disposition, const char *note);
/* The task behind an attempt; NULL: the call is none. */
const struct task *node_tasks_of(const struct node *n, uint64_t call);
/* What a GRANT of an attempt carries. ENOENT: the call is none. */
int node_tasks_grant(const struct node *n, uint64_t call, Acd *pb);

/* Messages of other nodes. */
void node_tasks_copy_came(struct node *n, uint16_t from, const TaskCopy *copy);
void node_tasks_seen_came(struct node *n, uint16_t from, const TaskSeen *seen);

json_t *node_tasks_list(struct node *n, const json_t *req);
json_t *node_tasks_cancel(struct node *n, const json_t *req);
json_t *node_tasks_declare_lost(struct node *n, const json_t *req);
struct tasks_figures {
	uint32_t open, uncopied;  /* of this node; of these, without a copy at the partner */
	uint64_t pending, errors; /* changes that wait for the disk; writes that failed */
};
void node_tasks_figures(const struct node *n, struct tasks_figures *ret);

#endif
