/* The call register: calls that this node owns (call.c), also at several agents at once (group.c),
 * also taken back or over (adopt.c). */
#ifndef HELIO_ACD_CALL_H
#define HELIO_ACD_CALL_H

#include "common/acd/ending.h"
#include "common/acd/timers.h"

/*
 *   ARRIVED ──► QUEUED ──PICK──► GRANTED ──COMMIT──► BRIDGED ──hung up──► ended
 *                ▲  ▲               │                │    ▲
 *                │  └──NACK, RELEASE, time───────────┤    │ KEEP of the same triple
 *                │      (age kept)                   ▼    │
 *                └───────await_agent_ms─────── AWAIT_AGENT┘
 *   from every state: the caller's own BYE or a failed leg ──► ended, and the entry is gone;
 *   or another node has adopted it ──► left. How a call comes from the journal: adopt.c
 */
enum call_ask {
	ASK_NOBODY, /* KEEP of the same triple, or the agent in another session */
	ASK_OWNER,  /* OWNER until HOLD: does that register still hold it? */
	ASK_RECALL, /* RECALL until HOLD: the agent is back, in another session */
};
struct call {
	bool used;
	uint8_t state, priority;
	bool announced;
	bool told_more; /* … as one that rings already (group.c) */
	bool ringing;   /* GRANTED: RINGING came, no more GRANTs */
	bool closing;   /* QUEUED: closed everywhere, ends at the deadline */
	bool stays;     /* no rule of its queue ends it */
	bool talked;    /* to its party: how it ended says whether it was served */
	struct acd_call_id id;
	uint32_t queue;
	uint64_t cepoch;
	int64_t queued_at;
	uint32_t parties_n;
	struct acd_party party; /* the primary; consult and the rest come with transfers */
	struct acd_want want[ACD_WANTS_MAX];
	uint32_t group,
	    group_n;          /* GRANTED: further offers, see group.c; group: 1 + index, 0 none */
	acd_time_us deadline; /* GRANTED, AWAIT_AGENT: then back to the queue; closing: the end */
	acd_time_us heard;    /* BRIDGED: last KEEP of the agent's node */
	uint64_t before;      /* adopted: the epoch before ours; else 0 */
	uint8_t ask;          /* AWAIT_AGENT: enum call_ask */
	uint64_t ann_version;
	uint32_t story_n; /* lines so far; line i is at i % ACD_STORY_MAX */
	struct acd_story story[ACD_STORY_MAX];
};

/* RING_ALL (group.c). Beside call.party, more offers of the same call may ring:
 *
 *   call ── party (the front) ── member ── member ── …        each with its own triple and timer
 *
 * Whoever speaks is brought to the front first, so that the rest of the register knows one party.
 */
struct member {
	bool used, ringing;
	uint32_t call, next; /* next of the same call, as call.group */
	struct acd_party party;
	acd_time_us deadline;
};

/* call.c */
enum acd_verdict ev_call_arrived(struct acd *acd, const struct acd_event *ev);
enum acd_verdict ev_call_gone(struct acd *acd, const struct acd_event *ev);
uint32_t call_find(const struct acd *acd, struct acd_call_id id);
bool call_holds(const struct call *c, const struct acd_msg *m, struct acd_addr from);
struct triple call_triple(const struct call *c);
void call_grant(struct acd *acd, uint32_t i, const struct acd_msg *pick);
void call_send_grant(struct acd *acd, uint32_t i);
void call_bridge(struct acd *acd, uint32_t i, enum acd_cause cause);
/* Back to the queue with its age. tell: the agent's node does not know yet. */
void call_requeue(struct acd *acd, uint32_t i, enum acd_cause cause, bool tell);
void call_end(struct acd *acd, uint32_t i, enum acd_outcome outcome, enum acd_cause cause);
/* What its queue's rules do to this call: how long it may wait (0: for ever), and whether it ends
 * because the queue is closed everywhere. */
uint32_t call_max_wait_ms(const struct acd *acd, const struct call *c);
bool call_is_shut(const struct acd *acd, const struct call *c);
void call_timer(struct acd *acd, uint32_t i);
void call_set(struct acd *acd, uint32_t i, enum acd_call_state state, enum acd_cause cause,
	      enum acd_outcome outcome);
/* A new entry, in no state yet; LIMIT, UNKNOWN queue. */
enum acd_verdict call_enter(struct acd *acd, const struct acd_event *ev, uint64_t cepoch,
			    uint32_t *ret_i);
bool call_cepoch_ok(const struct acd *acd, uint64_t cepoch);
void call_rings(struct acd *acd, uint32_t i);
void call_forget(struct acd *acd, uint32_t i);
struct acd_story *call_tell(struct acd *acd, uint32_t i, enum acd_story_code code); /* zeroed */

/* group.c */
uint32_t group_members_max(const struct acd_conf *conf);
/* May it ring at one more agent? */
bool group_open(const struct acd *acd, const struct call *c);
void group_join(struct acd *acd, uint32_t i, const struct acd_msg *pick);
bool group_has(const struct acd *acd, const struct call *c, struct acd_offer_id offer);
/* If a member holds this triple with that node, it becomes the party. i may be NIL. */
void group_front(struct acd *acd, uint32_t i, const struct acd_msg *m, struct acd_addr from);
void group_front_offer(struct acd *acd, uint32_t i, struct acd_offer_id offer);
/* The party leaves and a member takes its place; there must be one. */
void group_leave(struct acd *acd, uint32_t i, enum acd_cause cause, bool tell);
/* All but the party. */
void group_revoke(struct acd *acd, uint32_t i, enum acd_cause cause);
void group_forget(struct acd *acd, uint32_t i); /* … without a word */
void group_timer(struct acd *acd, uint32_t member);
/* group: 1 + index of the first; false when there is none left. */
bool group_next(const struct acd *acd, uint32_t *group, const struct member **ret);

/* adopt.c */
enum acd_verdict ev_recover(struct acd *acd, const struct acd_event *ev);
enum acd_verdict ev_call_adopted(struct acd *acd, const struct acd_event *ev);
enum acd_verdict ev_call_fenced(struct acd *acd, const struct acd_event *ev);
enum acd_verdict ev_agent_seen(struct acd *acd, const struct acd_event *ev);
void call_agent_seen(struct acd *acd, struct acd_agent_id agent, struct acd_session_id session,
		     struct acd_addr node);
void call_await(struct acd *acd, uint32_t i, enum call_ask ask, uint32_t ms);
void call_ask(struct acd *acd, uint32_t i); /* … again in its time */
void call_leave(struct acd *acd, uint32_t i);
/* OWNER or RECALL is out: only HOLD answers it, for media travels with that. */
static inline bool call_asks(const struct call *c)
{
	return c->state == ACD_CALL_AWAIT_AGENT && c->ask != ASK_NOBODY;
}
/* The same offer and node, under an epoch before ours. */
bool call_held_before(const struct call *c, const struct acd_msg *m, struct acd_addr from);
bool call_reclaim(struct acd *acd, uint32_t i, const struct acd_msg *m, struct acd_addr from);
/* True: it goes on waiting for the agent. */
bool call_denied(struct acd *acd, uint32_t i, uint32_t boot, enum acd_cause cause);
/* A call of an earlier life of this node that may be in the journal: not to be denied yet. */
bool call_may_return(const struct acd *acd, struct acd_call_id id);
void calls_node_gone(struct acd *acd, struct acd_addr node, uint32_t boot);

#endif
