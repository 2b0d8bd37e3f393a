/* The agent register: sessions that this node holds (agent.c). */
#ifndef HELIO_ACD_AGENT_H
#define HELIO_ACD_AGENT_H

#include "common/acd/skills.h"
#include "common/acd/timers.h"

/*
 *   SIGN_IN ─► NOT_READY ◄──────── missed, rejected, asked ───────────┐
 *                 │  ▲                                                │
 *           READY │  │ NOT_READY                                      │
 *                 ▼  │       RESERVE           GRANT          ACCEPT  │        BRIDGED
 *               IDLE ──────────────► RESERVED ───────► RINGING ──► COMMITTED ─────────► TALKING
 *                 ▲  ◄──late.c, NACK────┘   ◄──RELEASE────┘             │                 │
 *                 │                                                     └── ended ──┐     │ ended
 *                 └───────────── wrap_up_ms, WRAP_DONE ◄── WRAP ◄───────────────────┴─────┘
 *   `lost` (GRACE to the outside) lies over any of these: the state underneath goes on.
 */
/* A claim whose answer took too long: its GRANT is welcome while nothing else is bound (late.c). */
struct late {
	struct acd_offer_id offer; /* 0: none; only while IDLE or RESERVED */
	struct acd_addr claimed;
	acd_time_us since, until;
};
/* How long a site's brokers take to answer a claim. */
struct distance {
	bool known;
	int64_t mean_us, spread_us;
};
struct agent {
	bool used, announced;
	bool lost;        /* its socket is gone; TM_GRACE runs */
	bool bound;       /* offer is bound to (call, cepoch, owner) */
	bool alone;       /* bound, and its owner is silent: shown as "reconnecting" */
	bool ready_after; /* after the work in hand: IDLE, else NOT_READY(reason_after) */
	bool out_after;   /* signed out while talking: OFF after the call */
	bool recast;      /* reserved under another configuration: what was so then held then */
	bool recalled; /* COMMITTED by RECALL, not by a person: talks once the owner says BRIDGED */
	uint8_t state, reason, reason_after, rank;
	struct acd_session_id session;
	struct acd_agent_id id;
	struct acd_skills skills;
	struct acd_levels levels;
	struct able has;
	uint32_t missed;     /* in a row */
	uint32_t taken;      /* calls talked to since sign-in */
	uint64_t talk_us;    /* … and for how long */
	acd_time_us turn_at; /* when it rang last, or sign-in */
	struct acd_offer_id offer;
	struct acd_call_id call;
	uint64_t cepoch;
	int64_t queued_at;       /* recalled: the call's */
	struct acd_addr owner;   /* node that owns the call */
	struct acd_addr claimed; /* broker that was asked for a call, first at claimed_at */
	struct acd_addr in_vain; /* while it becomes IDLE again: it waited long for that broker */
	acd_time_us claimed_at;
	struct late late;
	acd_time_us heard; /* COMMITTED, TALKING: the owner, last */
	uint32_t queue;
	uint32_t wrap_up_ms;
	int64_t idle_since;
	acd_time_us since;
	uint64_t version, ann_version;
};

/* agent.c */
enum acd_verdict ev_agent(struct acd *acd, const struct acd_event *ev);
enum acd_verdict ev_agent_force(struct acd *acd, const struct acd_event *ev);
enum acd_verdict ev_media_failed(struct acd *acd, const struct acd_event *ev);
uint32_t agent_of_offer(const struct acd *acd, struct acd_offer_id offer);
bool agent_holds(const struct agent *a, const struct acd_msg *m, struct acd_addr from);
void agent_set(struct acd *acd, uint32_t i, enum acd_agent_state state, enum acd_reason reason);
void agent_reserve(struct acd *acd, uint32_t i, const struct acd_msg *m, uint32_t queue);
void agent_unreserve(struct acd *acd, uint32_t i);
/* Nobody answers what was claimed of this broker. */
void agents_broker_gone(struct acd *acd, struct acd_addr broker);
void agent_bind(struct acd *acd, uint32_t i, const struct acd_msg *m, struct acd_addr from,
		uint32_t queue);
void agent_talk(struct acd *acd, uint32_t i);
/* The offer in hand is over. tell: the call's owner does not know yet. */
void agent_offer_end(struct acd *acd, uint32_t i, enum acd_cause cause, bool tell);
#if defined(ACD_MUTATE_ACCEPT_TWO_OFFERS) || defined(ACD_MUTATE_RECALL_THE_BUSY)
void agent_mutate_forget_offer(struct acd *acd, uint32_t i);
#endif
/* An effect that says whose register, which offer and which call it is about. */
struct acd_fx *agent_fx(struct acd *acd, const struct agent *a, enum acd_fx_type type);
void agent_send(struct acd *acd, uint32_t i, enum acd_msg_type type);
bool agent_available(const struct acd *acd, const struct agent *a);
void agent_announce_all(struct acd *acd);
void agent_timer(struct acd *acd, uint32_t i);
/* What is reserved and not bound: without a word to the shell; and back on duty after it. */
void agent_offer_drop(struct acd *acd, uint32_t i);
void agent_let_go(struct acd *acd, uint32_t i);
void agent_grace_timer(struct acd *acd, uint32_t i);

/* late.c */
void agent_claim(struct acd *acd, uint32_t i, struct acd_addr broker);
void agent_claim_timer(struct acd *acd, uint32_t i);
void agent_claim_answered(struct acd *acd, uint32_t i);
void agent_claim_nack(struct acd *acd, uint32_t i);
uint32_t agent_of_late(const struct acd *acd, struct acd_offer_id offer);
bool agent_late_welcome(const struct acd *acd, uint32_t i);
void agent_late_take(struct acd *acd, uint32_t i); /* instead of what is reserved */
void agent_late_forget(struct acd *acd, uint32_t i);
enum acd_verdict agent_late_nack(struct acd *acd, struct acd_offer_id offer, struct acd_addr from);

/* recv_owner.c */
void agent_owner_heard(struct acd *acd, uint32_t i);
bool agent_owner_lost(struct acd *acd, uint32_t i); /* true: the offer is over */

#endif
