/* The matcher's picture of its site, from what the nodes announce (mirror.c, recv_hints.c). */
#ifndef HELIO_ACD_MIRROR_H
#define HELIO_ACD_MIRROR_H

#include "common/acd/pool.h"

enum mcall_state { MCALL_WAITING, MCALL_SPOKEN, MCALL_PICKED };
struct mcall {
	bool used, ripe;         /* ripe: overflow_after_ms has passed */
	bool more;               /* rings already, and may at others too (RING_ALL) */
	uint8_t state, priority; /* priority: after what it has climbed */
	uint8_t class;           /* priority it began with */
	struct acd_call_id id;
	uint32_t mnode, queue, claim; /* queue: of its stage */
	int64_t queued_at;
	uint64_t ewt_us; /* what was foretold when it came */
	uint64_t version, mark;
	uint64_t cepoch; /* of two nodes that announce it the larger one owns it */
	struct acd_want want[ACD_WANTS_MAX];
	struct acd_agent_id own;     /* nobody but this agent may have it now; else 0 */
	uint32_t own_prev, own_next; /* others who want the same agent, while WAITING */
	struct hnode node;           /* in queue.young, .ripe … while WAITING */
	uint32_t prev, next;         /* list of its mnode */
};
/* One cache line: what is looked at when an agent comes, is reserved, and goes. */
struct magent {
	struct acd_session_id session;
	struct acd_agent_id id;
	int64_t idle_since;
	uint64_t version;
	struct hnode idle;   /* in cls.agents[BY_IDLE] while free */
	uint32_t cls, claim; /* claim: reserved by this matcher, answer outstanding */
	uint32_t taken, asked_next;
	uint8_t mnode, rank;
	bool used : 1, free : 1; /* free: in the heaps of its class */
	bool asked : 1;          /* in acd.asked: somebody may want it in person */
};
/* Apart: its neighbours in the list are touched, too. */
struct magent_cold {
	uint32_t prev, next; /* list of its mnode */
	uint32_t also_free;  /* while free: another session of this agent that is, NIL: none */
	uint64_t mark, talk_us;
	int64_t turn_at;
};
/* … in cls.agents of the orders but BY_IDLE, which few queues ask for. */
struct magent_orders {
	struct hnode node[ORDER_COUNT - 1];
};
/* A node whose announcements are mirrored (on an island: the node itself, alone). */
struct mnode {
	struct acd_addr addr;
	uint32_t boot;
	uint64_t sum; /* of all entries, to compare with its DIGEST */
	uint32_t count;
	uint32_t calls, agents; /* list heads */
	uint64_t sync_id;       /* of the SYNC that is coming in, 0 none */
	uint32_t sync_seen;
	bool synced;           /* a whole SYNC, or an equal DIGEST, has been seen */
	acd_time_us asked_at;  /* SYNC_REQ, for its rate limit */
	acd_time_us digest_at; /* the last DIGEST; 0 none yet */
	bool asked;
};

uint32_t mnode_find(const struct acd *acd, struct acd_addr a);
enum acd_verdict mirror_call_up(struct acd *acd, uint32_t node, const struct acd_msg *m);
enum acd_verdict mirror_call_down(struct acd *acd, uint32_t node, const struct acd_msg *m);
enum acd_verdict mirror_agent_up(struct acd *acd, uint32_t node, const struct acd_msg *m);
enum acd_verdict mirror_agent_down(struct acd *acd, uint32_t node, const struct acd_msg *m);
void mirror_remove_call(struct acd *acd, uint32_t i);
void mirror_remove_agent(struct acd *acd, uint32_t i);
void mirror_forget(struct acd *acd, uint32_t node, uint64_t unless_mark, uint64_t up_to_version);
void mirror_wait_timer(struct acd *acd, uint32_t i);
/* recv_hints.c: asks a node for all that it holds; nodes that fell silent, or are known to be dead
 */
void sync_ask(struct acd *acd, struct mnode *n);
void mirror_tick(struct acd *acd);
enum acd_verdict mirror_node_gone(struct acd *acd, struct acd_addr addr, uint32_t boot);

#endif
