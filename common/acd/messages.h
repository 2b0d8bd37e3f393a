/* What comes in (validate.c, recv_*.c) and what goes out (outbox.c). */
#ifndef HELIO_ACD_MESSAGES_H
#define HELIO_ACD_MESSAGES_H

#include "common/acd/acd.h"

/* outbox.c */
struct acd_fx *fx_push(struct acd *acd, enum acd_fx_type type); /* zeroed */
void fx_send(struct acd *acd, struct acd_addr to, const struct acd_msg *m);
/* Around a step: what was left of the last one first, then its own. */
void fx_begin(struct acd *acd, struct acd_effects *ret_fx);
void fx_end(struct acd *acd);

/* validate.c: shape, ranges and the kind of sender; knows nothing of entries */
bool msg_valid(const struct acd *acd, struct acd_addr from, const struct acd_msg *m);

/* recv_*.c: one function per message */
typedef enum acd_verdict recv_fn(struct acd *acd, struct acd_addr from, uint32_t boot,
				 const struct acd_msg *m);
recv_fn recv_call_up, recv_call_down, recv_agent_up, recv_agent_down, recv_digest, recv_sync_req,
    recv_sync_begin, recv_sync_end, recv_advert, recv_agent_advert, recv_reserve, recv_reserve_nack,
    recv_claim, recv_claim_nack, recv_pick, recv_pick_nack, recv_pick_ok, recv_grant, recv_ringing,
    recv_need, recv_commit, recv_bridged, recv_keep, recv_release, recv_released, recv_nack,
    recv_owner, recv_recall, recv_hold;

#endif
