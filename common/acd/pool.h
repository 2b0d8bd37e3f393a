/* Who can take what (pool.c), who is asked for in person (want.c), how long it will take (ewt.c).
 */
#ifndef HELIO_ACD_POOL_H
#define HELIO_ACD_POOL_H

#include "common/acd/skills.h"
#include "common/acd/timers.h"

struct claim;
struct mcall;

/*
 *   queue ──┐                                       ┌── class: idle agents with one skill set,
 *   queue ──┼─► need: one set of required skills    │          heap by idle time
 *   queue ──┘   heap of queues with demand, by key  │
 *               heap of links, by longest idle ◄─ link (class × need, where the set suffices)
 *
 * A new caller looks at the top link of its need; a freed agent looks through the needs of its
 * class. Neither walks over agents or calls.
 */
struct key {
	int64_t at;  /* queued at, on our clock; smaller is older */
	uint64_t id; /* breaks ties, so that the order is total */
	uint8_t priority;
};
/* One stage of a configured queue: what its callers ask for after so many relaxations. The stages
 * of a queue lie one after another; a caller moves on by time and keeps its place, for all stages
 * are ordered by the same key and the oldest head is served first. */
struct queue {
	/* what each call looks at comes first, in three cache lines */
	_Alignas(64) const struct acd_queue_conf *conf; /* of all its stages */
	struct acd_queue_id id;
	uint32_t first; /* the queue's stage 0 */
	uint32_t need;
	uint8_t stage, stages, prefs;
	bool waits;     /* something changes with the wait: its configuration must be looked at */
	bool overflows; /* some rule sends callers to other sites */
	/* hours.c, the same for all stages */
	bool shut;               /* closed at every site */
	uint16_t open_here;      /* permille; 0: its agents get none of these callers */
	uint32_t open_abroad;    /* brokers of sites that are open */
	struct heap young, ripe; /* mcall WAITING; ripe: has waited overflow_after_ms */
	struct heap own;         /* … want an agent in person: nobody else looks at them */
	struct heap more;        /* … ring already, for more agents: after all who wait */
	struct heap slots;       /* adverts of other sites that we may still claim from */
	struct hnode node;       /* in need.queues while it has demand */
	struct key key;          /* of its best demand */
	struct able needs;
	/* stage 0, node: own calls QUEUED. Matcher: how fast it is served, see ewt.c */
	uint64_t gap_us, ewt_error_us;
	acd_time_us busy_since, served_at;
	uint32_t queued;
	uint32_t told; /* count in our last ADVERT; 0 lets the periodic one rest */
	uint32_t told_idle;
	uint32_t fresh;                        /* callers who came since our last ADVERT */
	acd_time_us advert_at, idle_advert_at; /* not before */
	acd_time_us quick_at;                  /* an advert of new callers alone: not before */
};
struct need {
	struct able needs;
	uint8_t strategy, order; /* order: of the agents within a class */
	uint16_t weight;
	struct heap queues, links;
	uint32_t idle; /* idle agents of all its classes */
	bool dirty;
	uint32_t dirty_next;
	uint32_t first_queue; /* its queues: list through acd.queue_next */
};
/* By what the idle agents of a class are ordered; a class keeps those orders that its needs use. */
enum order { BY_IDLE, BY_CALLS, BY_TALK, BY_TURN, BY_RANK, ORDER_COUNT };
struct cls {
	uint64_t key;             /* in class_by_skills */
	struct able has;          /* reduced to what needs ask for */
	struct acd_levels levels; /* reduced to what MOST_SKILLED weighs */
	uint8_t orders;           /* bits: enum order */
	struct heap agents[ORDER_COUNT];
	uint32_t links_n, refs;
	bool used, dirty;
	uint32_t dirty_next;
};
struct link {
	uint32_t cls, need;
	uint32_t score;    /* of a need with MOST_SKILLED */
	struct hnode node; /* in need.links while the class has idle agents */
};

/* Of needs, classes or agents that must be looked at: through dirty_next, asked_next. */
struct dirty_list {
	uint32_t head, tail;
};

void pool_init(struct acd *acd);
bool key_less(const struct key *a, const struct key *b);
/* Between queues of different weight: the age counts by it. */
bool key_less_weighted(const struct acd *acd, const struct key *a, uint16_t wa, const struct key *b,
		       uint16_t wb);
struct key mcall_key(const struct mcall *c);
/* The best caller of a queue, NIL if none waits. */
uint32_t queue_head(const struct acd *acd, uint32_t q);
/* … without those who ring already. */
uint32_t queue_head_waiting(const struct acd *acd, uint32_t q);
void pool_call_in(struct acd *acd, uint32_t i);
void pool_call_out(struct acd *acd, uint32_t i);
void pool_slot_in(struct acd *acd, uint32_t slot);
void pool_slot_out(struct acd *acd, uint32_t slot);
bool pool_class_of(struct acd *acd, const struct acd_msg *up, uint32_t *ret_cls);
uint32_t pool_needs_count(const struct acd_conf *conf);
void pool_class_release(struct acd *acd, uint32_t cls);
void pool_agent_in(struct acd *acd, uint32_t i);
void pool_agent_out(struct acd *acd, uint32_t i);
void pool_need_dirty(struct acd *acd, uint32_t need);
bool less_mcall(const struct acd *acd, uint32_t a, uint32_t b);
bool less_slot(const struct acd *acd, uint32_t a, uint32_t b);
bool less_queue(const struct acd *acd, uint32_t a, uint32_t b);
bool less_idle(const struct acd *acd, uint32_t a, uint32_t b);
bool less_calls(const struct acd *acd, uint32_t a, uint32_t b);
bool less_talk(const struct acd *acd, uint32_t a, uint32_t b);
bool less_turn(const struct acd *acd, uint32_t a, uint32_t b);
bool less_rank(const struct acd *acd, uint32_t a, uint32_t b);
bool less_link(const struct acd *acd, uint32_t a, uint32_t b);
static inline uint32_t queue_waiting(const struct queue *queue)
{
	return queue->young.n + queue->ripe.n;
}
static inline uint32_t queue_last_stage(const struct queue *q)
{
	return q->first + q->stages - 1u;
}
/* … and after its stages the prefs. */
static inline uint32_t queue_end(const struct queue *q)
{
	return q->first + q->stages + q->prefs;
}

/* After the weights of a stage here, or of the sites that may take it, changed. */
void pool_hours_changed(struct acd *acd, uint32_t q);

/* want.c */
/* Which step it is in after its wait: 0 none, else from 1; *ret_until: at which age it ends. */
uint32_t want_step(const struct acd_want want[], uint64_t age_us, uint64_t *ret_until_us);
void want_call_in(struct acd *acd, uint32_t i);
void want_call_out(struct acd *acd, uint32_t i);
void want_agent_in(struct acd *acd, uint32_t i);
void want_agent_out(struct acd *acd, uint32_t i);
/* The best caller of the queue (NIL: of any that is open here) who wants this agent, who is able:
 * NIL if none. */
uint32_t want_best(const struct acd *acd, struct acd_agent_id agent, struct able has,
		   uint32_t first_queue);
bool want_match(struct acd *acd);         /* false: nobody to look at */
void want_hours_changed(struct acd *acd); /* a queue has opened here */
/* Asks the agent's site; true if it has to be asked again. */
bool want_abroad(struct acd *acd, const struct mcall *c);

/* ewt.c */
uint32_t queue_waiting_all(const struct acd *acd, uint32_t q); /* in all its stages */
uint64_t ewt_us(const struct acd *acd, uint32_t q);
void ewt_came(struct acd *acd, uint32_t i);
void ewt_served(struct acd *acd, const struct claim *cl);

#endif
