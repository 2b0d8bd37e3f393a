/*
 * The node's neighbours: its own lease (may it speak for its calls?), and the nodes that it adopts
 * when they die. What is decided is pure and stands in nodes/neighbour; here it meets mesh, journal
 * and calls.
 *
 *   each 50 ms   beat ──► adopter, witnesses ──► answers: the lease of this node
 *                a neighbour is silent: ask witnesses ──► its journal ──► adopt (node_adopt.c)
 *   lease over   nothing is sent or decided: OWNER_ASK ──► OWNER_TELL ──► the adopted are let go
 */
#ifndef HELIO_NODE_NEIGHBOUR_H
#define HELIO_NODE_NEIGHBOUR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire/mesh.h"

struct conf_daemon;
struct neighbour;
struct node;

int node_neighbour_open(struct node *n, char ret_why[256]);
void node_neighbour_close(struct node *n);
/* Nothing may be sent for calls, and nothing decided: another node may own them. */
bool node_neighbour_lapsed(struct node *n);
/* This node stops in order: not a word more for its calls, the neighbour is asked to take them at
 * once. node_stop_left() is called when it has answered. False: nobody is there who could. */
bool node_neighbour_leave(struct node *n);
/* Calls of another node are on their way here. */
bool node_neighbour_adopts(const struct node *n);
/* The neighbour has taken what it could. What is still here is ours to end. */
bool node_neighbour_left(const struct node *n);
/* Every message of the mesh, before anything else looks at it; true: it was for us alone. */
bool node_neighbour_got(struct node *n, Envelope *env);

/* This node is dead in its life `boot`: who waits for its agents need not wait for silence. */
void node_neighbour_gone(struct node *n, uint16_t node, uint32_t boot);

/* ---- node_adopt.c ---- */
struct adoption; /* of one node: from its silence on */
struct adoption *node_adoption_new(struct node *n, const struct conf_daemon *of);
struct adoption *node_adoption_free(struct adoption *a);
/* It is silent on the mesh, in its life `boot` (0: it was never heard): does its journal agree?
 * Then its calls are ours. Does nothing while it is being found out, or when it has been done. */
void node_adoption_try(struct adoption *a, uint32_t boot, uint64_t silent_us);
/* It is being found out, or its calls are being taken over. */
bool node_adoption_busy(const struct adoption *a);
/* It was heard: in the same life it asks what it lost, in another nothing of it is remembered. */
void node_adoption_heard(struct adoption *a, uint32_t boot);
/* It counts as dead in this life, and has not asked yet: none of its beats renews a lease. */
bool node_adoption_owes(const struct adoption *a, uint32_t boot);
/* It asks. */
void node_adoption_asked(struct adoption *a, uint32_t boot, const OwnerAsk *ask);

struct neighbour_status {
	bool lapsed;
	uint32_t watches, hears; /* nodes that this one would adopt; those that it hears */
	uint64_t lapses, adoptions, adopted;
	uint64_t
	    last_detect_us; /* from the last beat of the dead node until it counted as dead … */
	uint64_t last_adopt_us; /* … and from then until its last call was ours */
};
void node_neighbour_status(const struct node *n, struct neighbour_status *ret);
void node_neighbour_adopted(struct node *n, uint64_t calls, uint64_t detect_us, uint64_t adopt_us);

#endif
