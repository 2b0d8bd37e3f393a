/* Who served a customer last (node_last.c). Customers are known by their number; a withheld one is
 * nobody's. Nothing of it is kept when no queue has same_agent_within. */
#ifndef HELIO_NODE_LAST_H
#define HELIO_NODE_LAST_H

#include <stdint.h>

#include "heliograph.pb.h"

struct node;

/* Reads the newest records of this node. ENOMEM. */
int node_last_open(struct node *n);
void node_last_close(struct node *n);
/* An agent has been put through to that caller by a call (or a task) of this node. */
void node_last_talked(struct node *n, const char *caller, uint64_t agent);
/* The agent's id; 0: nobody, or longer ago than within_ms. */
uint64_t node_last_agent(struct node *n, const char *caller, uint32_t within_ms);
/* A node was heard in its life `boot`; one of this site that has just started is told all. */
void node_last_peer(struct node *n, uint16_t from, uint32_t boot);
void node_last_came(struct node *n, uint16_t from, const Served *served);

#endif
