/* One attempt of a matcher to bring an agent and a call together (match.c, claim.c). */
#ifndef HELIO_ACD_CLAIM_H
#define HELIO_ACD_CLAIM_H

#include "common/acd/skills.h"

/* A claim that was served stays known so long, so that a duplicate of CLAIM takes no second call.
 */
#define CLAIM_DONE_US (UINT64_C(2) * 1000000)
/* Two brokers of a site see the same caller and reach for the same agent. Who comes second waits so
 * long before it tries another agent: by then CALL_DOWN says that the caller is served. */
#define RIVAL_PAUSE_US (UINT64_C(10) * 1000)

/*
 *   match ─► RESERVING ──AGENT_DOWN (remote: done)──► gone
 *               │ CLAIM (local)
 *   CLAIM ─► PICKING ──PICK_OK──► SERVED ──2 s──► gone
 *               ├──PICK_NACK, its node is lost──► next call, or CLAIM_NACK
 *               └──reserve_ms──► CLAIM_NACK; PICK is repeated once before
 */
enum claim_phase { CLAIM_RESERVING, CLAIM_PICKING, CLAIM_SERVED };
struct claim {
	bool used;
	bool more;   /* the call rings already at others */
	bool abroad; /* reserved because another site wants this very agent */
	bool again;  /* PICKING: asked twice */
	bool lost;   /* PICKING: its node is gone, the next call is due */
	uint8_t phase;
	struct acd_offer_id offer;
	struct acd_session_id session;
	struct acd_agent_id agent;
	struct acd_addr node; /* the agent's */
	uint32_t queue, mcall, slot;
	struct able has; /* once it came as CLAIM: what the agent can do */
	uint64_t idle_us;
	uint64_t slot_version;
	struct acd_call_id picked; /* PICKING: for its answer */
	uint32_t picked_mnode;
	uint8_t picked_stage;
	int64_t picked_at;      /* it was queued then, and this wait was foretold: */
	uint64_t picked_ewt_us; /* CALL_DOWN may take the mirrored call away before PICK_OK */
	uint32_t tries;
};

/* match.c */
bool match_some(struct acd *acd); /* false: nothing left */
/* A free agent that has waited long enough for another site: a caller of this one, if any. */
void match_here(struct acd *acd, uint32_t ai);
/* No other agent is brought to that caller. The claim takes the head all the same, whichever that
 * is when it arrives. */
void match_speak_for(struct acd *acd, uint32_t claim, uint32_t mcall);
/* … by a claim that was made for it. */
void match_reserve(struct acd *acd, uint32_t ai, uint32_t ci, uint32_t q, struct acd_addr to);

/* claim.c */
uint32_t claim_new(struct acd *acd, uint64_t offer);
void claim_free(struct acd *acd, uint32_t i);
void claim_timer(struct acd *acd, uint32_t i);
void claim_abort(struct acd *acd, uint32_t i); /* gives back what it holds */
void claim_forget_all(struct acd *acd);
void claims_node_lost(struct acd *acd, uint32_t mnode);

#endif
