/* The least that is a node: the core, a mesh, and what the effects said. No SIP, no audio. */
#ifndef HELIO_TEST_MINI_NODE_H
#define HELIO_TEST_MINI_NODE_H

#include "common/acd/acd.h"
#include "common/wire/mesh.h"
#include "tests/unit/broker/cluster.h"

enum { MINI_PENDING = 256, MINI_NODES = 4, MINI_RINGS = 16 };

struct mini_ring {
	uint64_t session, offer, call;
	bool ended;
};

struct mini_node {
	const struct cluster *c;
	uint16_t addr;
	uint32_t boot;
	struct mesh *mesh;
	struct acd *acd;
	struct acd_effects fx;
	struct acd_event pending[MINI_PENDING];
	uint32_t pending_n;
	uint64_t now_us;

	struct mini_ring rings[MINI_RINGS]; /* every RING so far */
	uint32_t rings_n;
	bool island;
	QueueStats stats; /* the last that came */
	uint32_t stats_n;
	uint64_t pongs;
};

void mini_open(struct mini_node *n, const struct cluster *c, uint16_t addr, uint32_t boot);
void mini_close(struct mini_node *n);
enum acd_verdict mini_event(struct mini_node *n, struct acd_event *ev);

/* A caller in the queue of that name; an agent with all skills, ready. Their ids. */
uint64_t mini_caller(struct mini_node *n, const char *queue);
uint64_t mini_agent(struct mini_node *n, const char *name);
void mini_accept(struct mini_node *n, const struct mini_ring *r);
void mini_hang_up(struct mini_node *n, uint64_t call);
uint8_t mini_call_state(struct mini_node *n, uint64_t call); /* ACD_CALL_NONE once it ended */
uint8_t mini_agent_state(struct mini_node *n, uint64_t session);
/* The ring of this session that still lasts, or NULL. */
const struct mini_ring *mini_ringing(struct mini_node *n, uint64_t session);

typedef bool(mini_condition_h)(void *arg);
/* Drives all nodes (NULL-terminated) until cond: 0, or ETIMEDOUT after WAIT_MS. */
int mini_until(struct mini_node **nodes, mini_condition_h *cond, void *arg);

#endif
