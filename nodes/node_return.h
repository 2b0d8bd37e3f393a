/*
 * One call that outlived its process, from the journal until its claim is decided: of this node's
 * earlier life, or of a neighbour that is dead (node_journal.c, node_adopt.c).
 */
#ifndef HELIO_NODE_RETURN_H
#define HELIO_NODE_RETURN_H

#include "nodes/node_re.h"
#include "nodes/journal/journal.h"

struct conf_daemon;
struct node;
struct returning;

typedef void(returning_h)(uint64_t call, bool won, void *arg);

/* A copy of what was loaded; of: whose journal it stood in. NULL: no call, or no memory. Freed by
 * mem_deref(), or by its claim. */
struct returning *returning_new(struct node *n, const struct journal_loaded *e,
				const struct conf_daemon *of, returning_h *h, void *arg);
struct le *returning_le(struct returning *r);
/* Ours if the arbiter says so: then the call is here again when h is called. errno: it is freed, h
 * is not called. */
int returning_claim(struct returning *r, enum journal_at arbiter);

/* After every call to the journal from elsewhere. */
void node_journal_arm(struct node *n);

#endif
