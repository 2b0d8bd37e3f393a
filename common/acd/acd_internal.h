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

#include "common/acd/acd.h"
#include "common/base/base.h"

#define NIL UINT32_MAX

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
/* How long an ended offer is remembered and its RELEASE repeated. Must exceed keep_lost_ms +
 * await_agent_ms: by then the owner has let go by itself, so that forgetting is harmless. */
#define ENDING_KEEP_US (UINT64_C(30) * 1000000)
/* A claim that was served stays known so long, so that a duplicate of CLAIM takes no second call.
 */
#define CLAIM_DONE_US (UINT64_C(2) * 1000000)
/* Two brokers of a site see the same caller and reach for the same agent. Who comes second waits so
 * long before it tries another agent: by then CALL_DOWN says that the caller is served. */
#define RIVAL_PAUSE_US (UINT64_C(10) * 1000)

/* --- heap.c -------------------------------------------------------------------------------------
 * One intrusive pairing heap serves everything that is ordered: timers, callers of a queue, idle
 * agents of a class, and so on. Nodes lie inside the entries, so nothing is allocated; insert and
 * top are O(1), removal of any entry O(log n) amortised.
 *
 * Most entries come in their order (deadlines, callers, agents by the time since when they are
 * idle): who comes after the last such one is hung below it. The tree is a path then, and the next
 * one is found without a comparison or a look at any other entry.
 *
 *      root ──child──► first ──next──► second ──next──► …      prev: left neighbour, or the parent
 */
struct hnode {
	uint32_t child, next, prev; /* prev == HEAP_OUT: in no heap */
};
#define HEAP_OUT (UINT32_MAX - 1)

struct heap {
	uint32_t root, n;
	uint32_t last; /* any entry, as a rule the greatest: the next one may belong below it */
};

enum heap_kind {
	HK_TIMER,
	HK_MCALL,
	HK_SLOT,
	HK_QUEUE,
	HK_LINK,
	HK_MAGENT,
	HK_COUNT = HK_MAGENT + 5 /* one for each enum order */
};

/* Where the nodes of a kind lie, and their order. */
struct heap_family {
	unsigned char *first; /* hnode of entry 0 */
	size_t stride;
	bool (*less)(const struct acd *acd, uint32_t a, uint32_t b);
};

void heap_init(struct heap *h);
void heap_node_init(struct hnode *node);
static inline bool heap_holds(const struct hnode *node)
{
	return node->prev != HEAP_OUT;
}
void heap_insert(struct acd *acd, enum heap_kind kind, struct heap *h, uint32_t i);
void heap_remove(struct acd *acd, enum heap_kind kind, struct heap *h, uint32_t i);
/* After the key of i changed. */
void heap_update(struct acd *acd, enum heap_kind kind, struct heap *h, uint32_t i);
/* Asserts order and links of the whole heap. */
void heap_check(const struct acd *acd, enum heap_kind kind, const struct heap *h);

/* --- table.c: 64-bit key -> index, open addressing; and lists of free entries -------------------
 */
struct table_slot {
	uint32_t hash;
	uint32_t value; /* NIL: empty */
};
struct table {
	struct table_slot *slot;
	const unsigned char *key; /* of entry 0: in the entry for as long as it is in the table … */
	size_t stride;
	bool narrow; /* … of 32 bits, else 64 */
	uint32_t mask, n;
};
uint32_t table_get(const struct table *t, uint64_t key); /* NIL if absent */
void table_put(struct table *t, uint64_t key, uint32_t value);
void table_del(struct table *t, uint64_t key);

struct freelist {
	uint32_t *next;
	uint32_t head, max, n; /* n in use */
};
uint32_t freelist_take(struct freelist *f); /* NIL when full */
void freelist_give(struct freelist *f, uint32_t i);

static inline uint64_t mix64(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ x >> 33;
}

/* --- timers.c: every entry that can wait owns one slot of the one timer heap --------------------
 */
enum timer_kind {
	TM_TICK,   /* node: digest; broker: periodic adverts */
	TM_ISLAND, /* node: no broker heard; broker: the pause before the first match is over */
	TM_CALL,
	TM_AGENT,
	TM_GRACE,
	TM_ENDING,
	TM_CLAIM, /* matcher: an attempt that stays unanswered */
	TM_WAIT,  /* matcher: a caller has waited long enough for something */
	TM_ADVERT,
	TM_IDLE_ADVERT, /* matcher: the next advert of a queue may go */
	TM_MEMBER, /* owner: an offer of a group beside the first */
	TM_COUNT,
};
struct timer {
	struct hnode node;
	acd_time_us at;
};
void timer_set(struct acd *acd, enum timer_kind kind, uint32_t i, acd_time_us at);
void timer_stop(struct acd *acd, enum timer_kind kind, uint32_t i);
bool timer_on(const struct acd *acd, enum timer_kind kind, uint32_t i);
/* When it fires; it must be on. */
acd_time_us timer_at(const struct acd *acd, enum timer_kind kind, uint32_t i);
/* Fires the earliest timer that is due; false if none is. */
bool timer_fire_next(struct acd *acd);

/* --- the call register: calls this node owns ----------------------------------------------------
 *
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
	bool ringing; /* GRANTED: RINGING came, no more GRANTs */
	bool closing; /* QUEUED: closed everywhere, ends at the deadline */
	bool stays;   /* no rule of its queue ends it */
	bool talked;  /* to its party: how it ended says whether it was served */
	struct acd_call_id id;
	uint32_t queue;
	uint64_t cepoch;
	int64_t queued_at;
	uint32_t parties_n;
	struct acd_party party; /* the primary; consult and the rest come with transfers */
	struct acd_want want[ACD_WANTS_MAX];
	uint32_t group, group_n; /* GRANTED: further offers, see group.c; group: 1 + index, 0 none */
	acd_time_us deadline;   /* GRANTED, AWAIT_AGENT: then back to the queue; closing: the end */
	acd_time_us heard;      /* BRIDGED: last KEEP of the agent's node */
	uint64_t before;        /* adopted: the epoch before ours; else 0 */
	uint8_t ask;            /* AWAIT_AGENT: enum call_ask */
	uint64_t ann_version;
	uint32_t story_n; /* lines so far; line i is at i % ACD_STORY_MAX */
	struct acd_story story[ACD_STORY_MAX];
};

/* --- group.c: RING_ALL. Beside call.party, more offers of the same call may ring -----------------
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

/* --- skills.c: what somebody has, what a queue asks for ------------------------------------------
 * Each (skill, level above 1) that any queue asks for is a bit of its own, so that "all skills, at
 * these levels" stays two comparisons of words however many skills there are.
 */
struct able {
	uint64_t skills, steps;
};
struct level_step {
	uint8_t skill, level;
};
static inline uint8_t level_of(struct acd_levels levels, unsigned skill)
{
	return levels.w[skill / 16] >> 4 * (skill % 16) & 15;
}
static inline bool skilled(struct able has, struct able needed)
{
	return (needed.skills & ~has.skills) == 0 && (needed.steps & ~has.steps) == 0;
}
bool levels_valid(struct acd_levels levels);
bool conf_levels_ok(const struct acd_conf *conf); /* … and that relaxing only ever asks for less */
void skills_init(struct acd *acd, const struct acd_conf *conf);
struct able able_has(const struct acd *acd, struct acd_skills skills, struct acd_levels levels);
struct able able_needed(const struct acd *acd, struct acd_skills skills, struct acd_levels levels);
/* The sum of the levels of these skills. */
uint32_t level_score(struct acd_levels levels, uint64_t skills);

/* --- the agent register: sessions this node holds -----------------------------------------------
 *
 *   SIGN_IN ─► NOT_READY ◄──────── missed, rejected, asked ───────────┐
 *                 │  ▲                                                │
 *           READY │  │ NOT_READY                                      │
 *                 ▼  │       RESERVE           GRANT          ACCEPT  │        BRIDGED
 *               IDLE ──────────────► RESERVED ───────► RINGING ──► COMMITTED ─────────► TALKING
 *                 ▲  ◄──claim_ms, NACK──┘   ◄──RELEASE────┘             │                 │
 *                 │                                                     └── ended ──┐     │ ended
 *                 └───────────── wrap_up_ms, WRAP_DONE ◄── WRAP ◄───────────────────┴─────┘
 *   `lost` (GRACE to the outside) lies over any of these: the state underneath goes on.
 */
struct agent {
	bool used, announced;
	bool lost;        /* its socket is gone; TM_GRACE runs */
	bool bound;       /* offer is bound to (call, cepoch, owner) */
	bool alone;       /* bound, and its owner is silent: shown as "reconnecting" */
	bool ready_after; /* after the work in hand: IDLE, else NOT_READY(reason_after) */
	bool out_after;   /* signed out while talking: OFF after the call */
	bool recast;      /* reserved under another configuration: what was so then held then */
	bool recalled;    /* COMMITTED by RECALL, not by a person: talks once the owner says BRIDGED */
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
	struct acd_addr claimed; /* broker that was asked for a call */
	acd_time_us heard;       /* COMMITTED, TALKING: the owner, last */
	uint32_t queue;
	uint32_t wrap_up_ms;
	int64_t idle_since;
	acd_time_us since;
	uint64_t version, ann_version;
};

/* --- ending.c: offers that ended here, until the other side knows -------------------------------
 */
struct triple {
	struct acd_offer_id offer;
	struct acd_call_id call;
	uint64_t cepoch;
};
struct ending {
	bool used, done; /* done: the other side knows, kept only as a memory */
	uint8_t side, cause;
	uint64_t key; /* in ending_by_key */
	struct triple t;
	struct acd_addr peer;
	acd_time_us forget_at;
	uint32_t older, younger;
};

/* --- the matcher's picture of its site ----------------------------------------------------------
 */
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
	struct acd_agent_id own; /* nobody but this agent may have it now; else 0 */
	uint32_t own_prev, own_next; /* others who want the same agent, while WAITING */
	struct hnode node;   /* in queue.young, .ripe … while WAITING */
	uint32_t prev, next; /* list of its mnode */
};
/* By what the idle agents of a class are ordered; a class keeps those orders that its needs use. */
enum order { BY_IDLE, BY_CALLS, BY_TALK, BY_TURN, BY_RANK, ORDER_COUNT };
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

/* --- pool.c: who can take what ------------------------------------------------------------------
 *
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
	bool shut;             /* closed at every site */
	uint16_t open_here;    /* permille; 0: its agents get none of these callers */
	uint32_t open_abroad;  /* brokers of sites that are open */
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
	uint32_t told;           /* count in our last ADVERT; 0 lets the periodic one rest */
	uint32_t told_idle;
	uint32_t fresh;          /* callers who came since our last ADVERT */
	acd_time_us advert_at, idle_advert_at; /* not before */
	acd_time_us quick_at;    /* an advert of new callers alone: not before */
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
/* What a broker of another site said about one queue. */
struct slot {
	struct hnode node; /* in queue.slots while budget > 0 */
	uint64_t version, idle_version;
	uint32_t boot, idle_boot;
	uint32_t count, budget;
	struct key key;
	acd_time_us heard, idle_heard;
	uint32_t idle_count;
	int64_t idle_since;
	uint32_t want; /* our last `wanted` to it */
};

/* --- claim.c: one attempt of a matcher to bring an agent and a call together --------------------
 *
 *   match ─► RESERVING ──AGENT_DOWN (remote: done)──► gone
 *               │ CLAIM (local)
 *   CLAIM ─► PICKING ──PICK_OK──► SERVED ──2 s──► gone
 *               └──PICK_NACK──► next call, or CLAIM_NACK
 */
enum claim_phase { CLAIM_RESERVING, CLAIM_PICKING, CLAIM_SERVED };
struct claim {
	bool used;
	bool more; /* the call rings already at others */
	bool abroad; /* reserved because another site wants this very agent */
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
	int64_t picked_at;      /* it was queued then, and this wait was foretold: */
	uint64_t picked_ewt_us; /* CALL_DOWN may take the mirrored call away before PICK_OK */
	uint32_t tries;
};

/* --- the brokers that a node announces to --------------------------------------------------------
 */
struct station {
	struct acd_addr addr;
	bool sync_on; /* a SYNC is going out, bit by bit */
	bool sync_begun;
	uint64_t sync_id;
	uint32_t sync_at, sync_sent;
};
struct peer {
	struct acd_addr addr; /* a broker of another site */
};

/* --- hours.c: what the shell said of a queue at a site ---------------------------------------- */
struct site_hours {
	acd_time_us until; /* it opens or closes then; 0: not known */
	uint16_t permille;
};

struct dirty_list {
	uint32_t head, tail;
};

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
	uint32_t sites_n;                    /* sites with a broker, and the own one */
	uint8_t site_no[ACD_SITES_MAX + 1];  /* from 1; 0: not one of them */
	struct site_hours *hours;            /* confs_n × sites_n */

	/* node */
	struct call *calls;
	struct freelist call_free;
	struct table call_by_id;
	struct member *members;
	struct freelist member_free;
	struct agent *agents;
	struct freelist agent_free;
	struct table agent_by_session, agent_by_offer;
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
	struct table own_by_agent;    /* agent -> first mcall that wants it */
	struct table free_by_agent;   /* agent -> its magent, while free */
	struct dirty_list asked;      /* magents to look at */
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
};

/* --- acd.c ---------------------------------------------------------------------------------------
 */
static inline uint8_t site_of(struct acd_addr a)
{
	return (uint8_t)addr_site(a.v);
}
static inline bool same_addr(struct acd_addr a, struct acd_addr b)
{
	return a.v == b.v;
}
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
static inline uint32_t queue_last_stage(const struct queue *q)
{
	return q->first + q->stages - 1u;
}
/* … and after its stages the prefs. */
static inline uint32_t queue_end(const struct queue *q)
{
	return q->first + q->stages + q->prefs;
}

/* --- outbox.c ------------------------------------------------------------------------------------
 */
struct acd_fx *fx_push(struct acd *acd, enum acd_fx_type type); /* zeroed */
static inline bool fx_room(const struct acd *acd)
{
	return acd->ret_fx->n + acd->out_n < ACD_FX_MAX;
}
void fx_send(struct acd *acd, struct acd_addr to, const struct acd_msg *m);
/* Around a step: what was left of the last one first, then its own. */
void fx_begin(struct acd *acd, struct acd_effects *ret_fx);
void fx_end(struct acd *acd);

/* --- validate.c: shape, ranges and the kind of sender; knows nothing of entries ------------------
 */
bool msg_valid(const struct acd *acd, struct acd_addr from, const struct acd_msg *m);

/* --- call.c --------------------------------------------------------------------------------------
 */
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

/* --- group.c -------------------------------------------------------------------------------------
 */
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
/* group 1 + index of the first; false when there is none left. */
static inline bool group_next(const struct acd *acd, uint32_t *group, const struct member **ret)
{
	if (*group == 0)
		return false;
	*ret = &acd->members[*group - 1];
	*group = (*ret)->next;
	return true;
}

/* --- adopt.c -------------------------------------------------------------------------------------
 */
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

/* --- recv_owner.c --------------------------------------------------------------------------------
 */
void agent_owner_heard(struct acd *acd, uint32_t i);
bool agent_owner_lost(struct acd *acd, uint32_t i); /* true: the offer is over */

/* --- agent.c -------------------------------------------------------------------------------------
 */
enum acd_verdict ev_agent(struct acd *acd, const struct acd_event *ev);
enum acd_verdict ev_agent_force(struct acd *acd, const struct acd_event *ev);
enum acd_verdict ev_media_failed(struct acd *acd, const struct acd_event *ev);
uint32_t agent_of_offer(const struct acd *acd, struct acd_offer_id offer);
bool agent_holds(const struct agent *a, const struct acd_msg *m, struct acd_addr from);
void agent_set(struct acd *acd, uint32_t i, enum acd_agent_state state, enum acd_reason reason);
void agent_reserve(struct acd *acd, uint32_t i, const struct acd_msg *m, uint32_t queue);
void agent_unreserve(struct acd *acd, uint32_t i);
void agent_bind(struct acd *acd, uint32_t i, const struct acd_msg *m, struct acd_addr from,
		uint32_t queue);
void agent_talk(struct acd *acd, uint32_t i);
/* The offer in hand is over. tell: the call's owner does not know yet. */
void agent_offer_end(struct acd *acd, uint32_t i, enum acd_cause cause, bool tell);
#if defined(ACD_MUTATE_ACCEPT_TWO_OFFERS) || defined(ACD_MUTATE_RECALL_THE_BUSY)
void agent_mutate_forget_offer(struct acd *acd, uint32_t i);
#endif
void agent_send(struct acd *acd, uint32_t i, enum acd_msg_type type);
bool agent_available(const struct acd *acd, const struct agent *a);
void agent_announce_all(struct acd *acd);
void agent_timer(struct acd *acd, uint32_t i);
void agent_grace_timer(struct acd *acd, uint32_t i);

/* --- ending.c ------------------------------------------------------------------------------------
 */
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
static inline struct triple triple_of(const struct acd_msg *m)
{
	return (struct triple){m->offer, m->call, m->cepoch};
}

/* --- recv_*.c: one function per message ----------------------------------------------------------
 */
typedef enum acd_verdict recv_fn(struct acd *acd, struct acd_addr from, uint32_t boot,
				 const struct acd_msg *m);
recv_fn recv_call_up, recv_call_down, recv_agent_up, recv_agent_down, recv_digest, recv_sync_req,
    recv_sync_begin, recv_sync_end, recv_advert, recv_agent_advert, recv_reserve, recv_reserve_nack,
    recv_claim, recv_claim_nack, recv_pick, recv_pick_nack, recv_pick_ok, recv_grant, recv_ringing,
    recv_need, recv_commit, recv_bridged, recv_keep, recv_release, recv_released, recv_nack,
    recv_owner, recv_recall, recv_hold;

/* --- announce.c ----------------------------------------------------------------------------------
 */
void announce_call(struct acd *acd, uint32_t i);
void announce_agent(struct acd *acd, uint32_t i);
/* What was announced of it is no longer so. */
void announce_agent_again(struct acd *acd, uint32_t i);
void announce_digest(struct acd *acd);
bool announce_sync_some(struct acd *acd); /* false: nothing left */
uint64_t announce_hash(uint64_t id, uint64_t version);
void call_up_msg(const struct acd *acd, const struct call *c, struct acd_msg *ret);
void agent_up_msg(const struct acd *acd, const struct agent *a, struct acd_msg *ret);

/* --- island.c ------------------------------------------------------------------------------------
 */
void island_heard(struct acd *acd);
void island_mirror(struct acd *acd); /* what its registers announce, into the empty matcher */
void island_timer(struct acd *acd);

/* --- mirror.c ------------------------------------------------------------------------------------
 */
uint32_t mnode_find(const struct acd *acd, struct acd_addr a);
enum acd_verdict mirror_call_up(struct acd *acd, uint32_t node, const struct acd_msg *m);
enum acd_verdict mirror_call_down(struct acd *acd, uint32_t node, const struct acd_msg *m);
enum acd_verdict mirror_agent_up(struct acd *acd, uint32_t node, const struct acd_msg *m);
enum acd_verdict mirror_agent_down(struct acd *acd, uint32_t node, const struct acd_msg *m);
void mirror_remove_call(struct acd *acd, uint32_t i);
void mirror_remove_agent(struct acd *acd, uint32_t i);
void mirror_forget(struct acd *acd, uint32_t node, uint64_t unless_mark, uint64_t up_to_version);
void mirror_wait_timer(struct acd *acd, uint32_t i);

/* --- pool.c --------------------------------------------------------------------------------------
 */
void pool_init(struct acd *acd);
bool key_less(const struct key *a, const struct key *b);
/* Between queues of different weight: the age counts by it. */
bool key_less_weighted(const struct acd *acd, const struct key *a, uint16_t wa,
		       const struct key *b, uint16_t wb);
struct key mcall_key(const struct mcall *c);
/* The best caller of a queue, NIL if none waits; and the best that another site may have. */
uint32_t queue_head(const struct acd *acd, uint32_t q);
uint32_t queue_head_abroad(const struct acd *acd, uint32_t q);
/* … without those who ring already. */
uint32_t queue_head_waiting(const struct acd *acd, uint32_t q);
static inline uint32_t queue_waiting(const struct queue *queue)
{
	return queue->young.n + queue->ripe.n;
}
void pool_call_in(struct acd *acd, uint32_t i);
void pool_call_out(struct acd *acd, uint32_t i);
void pool_slot_in(struct acd *acd, uint32_t slot);
void pool_slot_out(struct acd *acd, uint32_t slot);
bool pool_class_of(struct acd *acd, const struct acd_msg *up, uint32_t *ret_cls);
uint32_t pool_needs_count(const struct acd_conf *conf);
/* The next agent for a need, of that class. */
static inline uint32_t cls_best(const struct acd *acd, uint32_t cls, uint32_t need)
{
	return acd->classes[cls].agents[acd->needs[need].order].root;
}
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
bool less_timer(const struct acd *acd, uint32_t a, uint32_t b);

/* --- want.c --------------------------------------------------------------------------------------
 */
/* Which step it is in after its wait: 0 none, else from 1; *ret_until: at which age it ends. */
uint32_t want_step(const struct acd_want want[], uint64_t age_us, uint64_t *ret_until_us);
bool want_valid(const struct acd_want want[]);
void want_call_in(struct acd *acd, uint32_t i);
void want_call_out(struct acd *acd, uint32_t i);
void want_agent_in(struct acd *acd, uint32_t i);
void want_agent_out(struct acd *acd, uint32_t i);
/* The best caller of the queue (NIL: of any that is open here) who wants this agent, who is able: NIL if none. */
uint32_t want_best(const struct acd *acd, struct acd_agent_id agent, struct able has,
		   uint32_t first_queue);
bool want_match(struct acd *acd); /* false: nobody to look at */
void want_hours_changed(struct acd *acd); /* a queue has opened here */
/* Asks the agent's site; true if it has to be asked again. */
bool want_abroad(struct acd *acd, const struct mcall *c);
void match_reserve(struct acd *acd, uint32_t ai, uint32_t ci, uint32_t q, struct acd_addr to);

/* --- hours.c -------------------------------------------------------------------------------------
 */
void hours_init(struct acd *acd, const struct acd_conf *conf); /* counts the sites */
void hours_start(struct acd *acd);
enum acd_verdict ev_hours(struct acd *acd, const struct acd_event *ev);
uint16_t hours_weight(const struct acd *acd, uint32_t q, uint8_t site);
/* Who waits in it ends now, by its rule … */
bool hours_end_call(const struct acd *acd, uint32_t q);
enum acd_outcome closed_outcome(uint8_t closed);
void hours_why(const struct acd *acd, uint32_t q, acd_time_us now, struct acd_why *ret);
void hours_copy(struct acd *acd, const struct acd *old);
/* pool.c, advert.c: what they remember of that stage is looked at anew. */
void pool_hours_changed(struct acd *acd, uint32_t q);
void advert_hours_changed(struct acd *acd, uint32_t q);

/* --- ewt.c ---------------------------------------------------------------------------------------
 */
uint32_t queue_waiting_all(const struct acd *acd, uint32_t q); /* in all its stages */
uint64_t ewt_us(const struct acd *acd, uint32_t q);
void ewt_came(struct acd *acd, uint32_t i);
void ewt_served(struct acd *acd, const struct claim *cl);

/* --- match.c, claim.c ----------------------------------------------------------------------------
 */
bool match_some(struct acd *acd); /* false: nothing left */
uint32_t claim_new(struct acd *acd, uint64_t offer);
void claim_free(struct acd *acd, uint32_t i);
void claim_timer(struct acd *acd, uint32_t i);
void claim_abort(struct acd *acd, uint32_t i); /* gives back what it holds */
void claim_forget_all(struct acd *acd);

/* --- advert.c ------------------------------------------------------------------------------------
 */
void advert_demand_changed(struct acd *acd, uint32_t queue);
/* A caller came, or came back. */
void advert_caller_came(struct acd *acd, uint32_t queue);
void advert_idle_changed(struct acd *acd, uint32_t need);
/* recv_hints.c: nodes that fell silent, or are known to be dead */
void mirror_tick(struct acd *acd);
/* adopt.c: the same, at the owner of calls */
void calls_node_gone(struct acd *acd, struct acd_addr node, uint32_t boot);
enum acd_verdict mirror_node_gone(struct acd *acd, struct acd_addr addr, uint32_t boot);
void advert_tick(struct acd *acd);
void advert_timer(struct acd *acd, uint32_t queue, bool idle);
bool advert_some(struct acd *acd);
bool slot_alive(const struct acd *acd, const struct slot *s);

#endif
