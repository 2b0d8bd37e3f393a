/* Offers that ended here, until the other side knows (ending.c). */
#ifndef HELIO_ACD_ENDING_H
#define HELIO_ACD_ENDING_H

#include "common/acd/acd.h"

/* How long an ended offer is remembered and its RELEASE repeated. Must exceed keep_lost_ms +
 * await_agent_ms: by then the owner has let go by itself, so that forgetting is harmless. */
#define ENDING_KEEP_US (UINT64_C(30) * 1000000)

struct triple {
	struct acd_offer_id offer;
	struct acd_call_id call;
	uint64_t cepoch;
};
static inline struct triple triple_of(const struct acd_msg *m)
{
	return (struct triple){m->offer, m->call, m->cepoch};
}

struct ending {
	bool used, done; /* done: the other side knows, kept only as a memory */
	uint8_t side, cause;
	uint64_t key; /* in ending_by_key */
	struct triple t;
	struct acd_addr peer;
	acd_time_us forget_at;
	uint32_t older, younger;
};

void ending_note(struct acd *acd, enum acd_side side, struct triple t, struct acd_addr peer,
		 enum acd_cause cause, bool tell);
uint32_t ending_find(const struct acd *acd, enum acd_side side, struct triple t);
void ending_done(struct acd *acd, uint32_t i);
void ending_timer(struct acd *acd, uint32_t i);
void send_triple(struct acd *acd, struct acd_addr to, enum acd_msg_type type, struct triple t,
		 enum acd_side side, enum acd_cause cause);
/* NACK; FENCED if the message is of an epoch before the one that is held or ended here. */
void send_nack(struct acd *acd, struct acd_addr to, enum acd_side side, const struct acd_msg *m,
	       enum acd_cause cause);
/* "I do not hold this": answers RELEASE if it ended here, else NACK. */
enum acd_verdict refuse_triple(struct acd *acd, struct acd_addr from, enum acd_side side,
			       const struct acd_msg *m, enum acd_cause cause);

#endif
