/*
 * Inside the core. Read in this order: this page, acd.c (the step), call.c and agent.c (the two
 * registers), recv_*.c (the messages between them), match.c and claim.c (who meets whom).
 *
 *                     acd_step
 *                        │ event                                   effects ▲
 *   ┌────────────────────▼─────────────────────────────────────────────────┴──────┐
 *   │ node:   call register ◄─ recv_grant/bridge/release ─► agent register        │ outbox.c
 *   │              └──────── announce.c (UP, DOWN, DIGEST, SYNC) ────┘            │
 *   │                              │ to brokers of the site; to itself on an island│
 *   │ broker: mirror.c  ◄──────────┘                                              │
 *   │ island: pool.c (needs, classes) ─► match.c ─► claim.c (RESERVE, CLAIM, PICK)│
 *   │                                       ▲─ advert.c (other sites)             │
 *   └─────────────────────────────────────────────────────────────────────────────┘
 *
 * All memory is one arena that acd_init() cuts into arrays; entries refer to each other by index.
 * NIL is no index. Times are this daemon's own monotonic microseconds; a point in time derived
 * from an age may lie before this machine's zero, hence signed.
 */
#ifndef HELIO_ACD_INTERNAL_H
#define HELIO_ACD_INTERNAL_H

#include "common/acd/agent.h"
#include "common/acd/announce.h"
#include "common/acd/call.h"
#include "common/acd/claim.h"
#include "common/acd/ending.h"
#include "common/acd/index.h"
#include "common/acd/messages.h"
#include "common/acd/mirror.h"
#include "common/acd/pool.h"
#include "common/acd/sites.h"
#include "common/acd/skills.h"
#include "common/acd/timers.h"

enum {
	/* An event gives at most about thirty effects by itself; the rest is made in acd_pump(),
	 * which stops at ACD_FX_MAX. A shell that ignores `more` is refused before this is full. */
	OUTBOX_MAX = 8 * ACD_FX_MAX,
	OUTBOX_REFUSE = 4 * ACD_FX_MAX,
	/* Distinct skill sets (as far as queues can tell them apart) idle at one site at a time. */
	CLASSES_MAX = 4096,
	QUEUES_MAX = 4096,
	ENTRIES_MAX = 1 << 20,
	ADDR_ORDINALS = ADDR_BROKER_MAX + 1,
	BROKERS_MAX = ACD_SITES_MAX * ACD_BROKERS_PER_SITE_MAX,
};

#define US_PER_MS UINT64_C(1000)
/* Longer ages are lies or bugs: nobody waits for 100 days. Keeps sums far from overflow. */
#define AGE_MAX_US (UINT64_C(100) * 24 * 3600 * 1000000)

static inline uint8_t site_of(struct acd_addr a)
{
	return (uint8_t)addr_site(a.v);
}
static inline bool same_addr(struct acd_addr a, struct acd_addr b)
{
	return a.v == b.v;
}

_Static_assert(HK_COUNT - HK_MAGENT == ORDER_COUNT, "a kind of heap for each order");

/* What is added here and must outlive a change of configuration: reconfigure.c copies it. */
struct acd {
	enum acd_role role;
	struct acd_addr self;
	uint32_t boot, seq;
	struct acd_timers tm;
	acd_time_us now;
	bool started, draining, island, matching;
	bool suspended; /* SUSPEND: see acd.h */
	bool unheld;    /* matcher: the pause for the first SYNCs is over */
	acd_time_us hold_until;

	/* outbox */
	uint32_t out_head, out_n;
	struct acd_fx *out;
	struct acd_effects *ret_fx; /* of the step that runs; else NULL */

	struct heap timers;
	struct timer *timer;
	uint32_t timer_base[TM_COUNT + 1];
	struct heap_family family[HK_COUNT];

	/* boot numbers by address; see boot_of() */
	uint32_t *boots;
	uint64_t boots_sum; /* over all of them, for the digest */

	/* queues_n counts stages, confs_n the configured queues */
	uint32_t queues_n, confs_n, needs_n, calls_max, agents_max, endings_max, classes_max;
	uint32_t steps_n;
	struct level_step steps[ACD_LEVEL_STEPS_MAX];
	struct acd_queue_conf *queue_conf;
	struct queue *queues;
	uint32_t *queue_next;
	struct need *needs;
	struct table queue_by_id;

	/* hours.c */
	uint32_t sites_n;                   /* sites with a broker, and the own one */
	uint8_t site_no[ACD_SITES_MAX + 1]; /* from 1; 0: not one of them */
	struct site_hours *hours;           /* confs_n × sites_n */

	/* node */
	struct call *calls;
	struct freelist call_free;
	struct table call_by_id;
	struct member *members;
	struct freelist member_free;
	struct agent *agents;
	struct freelist agent_free;
	struct table agent_by_session, agent_by_offer, agent_by_late;
	struct ending *endings;
	struct freelist ending_free;
	struct table ending_by_key;
	uint32_t ending_oldest, ending_youngest;
	uint32_t stations_n;
	struct station *stations;
	uint64_t ann_version, ann_sum;
	uint32_t ann_count;
	acd_time_us broker_heard;
	uint64_t entered, ended[ACD_OUTCOME_FAILED + 1];
	uint64_t left;             /* entered here, ends elsewhere: fenced */
	acd_time_us recover_until; /* RECOVER */

	/* matcher */
	struct mcall *mcalls;
	struct freelist mcall_free;
	struct table mcall_by_id;
	struct magent *magents;
	struct magent_cold *magents_cold;
	struct magent_orders *magents_orders;
	struct freelist magent_free;
	struct table magent_by_session;
	uint32_t mnodes_n, claims_max;
	uint32_t idle;   /* agents that are free, able to do anything or not */
	uint32_t rivals; /* other brokers of the site */
	struct mnode *mnodes;
	uint8_t mnode_no[ADDR_ORDINALS]; /* by ordinal, from 1; 0: none */
	struct claim *claims;
	struct freelist claim_free;
	struct table claim_by_offer;
	struct cls *classes;
	struct freelist class_free;
	struct table class_by_skills;
	struct link *links;  /* classes_max × needs_n */
	uint32_t class_hand; /* where the search for a class out of use goes on */
	uint64_t needs_mask; /* the skills that any queue asks for */
	uint64_t score_mask; /* … those whose levels MOST_SKILLED weighs */
	/* steps: none without a queue whose callers may ask */
	bool wants;
	struct table own_by_agent;  /* agent -> first mcall that wants it */
	struct table free_by_agent; /* agent -> its magents that are free, the latest; see also_free */
	struct dirty_list asked;    /* magents to look at */
	struct dirty_list dirty_needs, dirty_classes;
	uint32_t peers_n;
	struct peer *peers;
	struct slot *slots; /* queues_n × peers_n */
	uint64_t advert_version;
	/* an advert round in progress: it may be longer than one step's effects */
	struct {
		bool on, idle, quick;
		uint32_t queue, peer;
		uint64_t version;
		uint32_t count;
	} round;
	struct distance distance[ACD_SITES_MAX + 1]; /* node: by site */
};

static inline int64_t when(const struct acd *acd, uint64_t age_us)
{
	return (int64_t)acd->now - (int64_t)age_us;
}
static inline uint64_t age(const struct acd *acd, int64_t at)
{
	return (int64_t)acd->now > at ? (uint64_t)((int64_t)acd->now - at) : 0;
}
static inline acd_time_us after_ms(const struct acd *acd, uint32_t ms)
{
	return acd->now + ms * US_PER_MS;
}
void matcher_ask(struct acd *acd); /* broker: everything, of every node of the site */
uint32_t *boot_of(struct acd *acd, struct acd_addr a); /* NULL: no daemon of the mesh */
uint32_t queue_find(const struct acd *acd, struct acd_queue_id id); /* its stage 0 */
/* That stage of it; NIL if there is none. */
uint32_t queue_stage_find(const struct acd *acd, struct acd_queue_id id, uint8_t stage);

static inline bool fx_room(const struct acd *acd)
{
	return acd->ret_fx->n + acd->out_n < ACD_FX_MAX;
}
/* The next agent for a need, of that class. */
static inline uint32_t cls_best(const struct acd *acd, uint32_t cls, uint32_t need)
{
	return acd->classes[cls].agents[acd->needs[need].order].root;
}

#endif
