/* What a node tells the brokers of its site (announce.c), and what it does without one (island.c).
 */
#ifndef HELIO_ACD_ANNOUNCE_H
#define HELIO_ACD_ANNOUNCE_H

#include "common/acd/agent.h"
#include "common/acd/call.h"

/* A broker that it announces to. */
struct station {
	struct acd_addr addr;
	bool sync_on; /* a SYNC is going out, bit by bit */
	bool sync_begun;
	uint64_t sync_id;
	uint32_t sync_at, sync_sent;
};

/* announce.c */
void announce_call(struct acd *acd, uint32_t i);
void announce_agent(struct acd *acd, uint32_t i);
/* What was announced of it is no longer so. */
void announce_agent_again(struct acd *acd, uint32_t i);
void announce_digest(struct acd *acd);
bool announce_sync_some(struct acd *acd); /* false: nothing left */
uint64_t announce_hash(uint64_t id, uint64_t version);
void call_up_msg(const struct acd *acd, const struct call *c, struct acd_msg *ret);
void agent_up_msg(const struct acd *acd, const struct agent *a, struct acd_msg *ret);

/* island.c */
void island_heard(struct acd *acd);
void island_mirror(struct acd *acd); /* what its registers announce, into the empty matcher */
void island_timer(struct acd *acd);

#endif
