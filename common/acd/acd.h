/*
 * The pure core of Heliograph: call register, agent register, matcher, federation.
 *
 *   event in ──► acd_step() ──► effects out
 *
 * Sans-I/O and deterministic: no clock (each event carries `now`), no random source, no allocation
 * after acd_init(), no pointers in events or effects, no floats, iteration in stable order. It links
 * to nothing but mem* and the assert handler (a ctest gate shows it). Daemons translate I/O into
 * events and effects into I/O, and decide nothing.
 *
 * One struct acd serves one daemon. A node keeps the two single-writer registers (DESIGN §3):
 * call.parties of the calls it owns, agent.offer of the sessions it holds; when no broker of its
 * site answers it also matches for its own (island mode). A broker is a matcher whose memory is
 * rebuilt from nodes and peer brokers, and owns nothing.
 *
 * Nothing personal enters the core: callers' numbers, names and media addresses stay with the
 * shell, which attaches them to GRANT and RINGING as they pass. A trace therefore holds no secret.
 */
#ifndef HELIO_ACD_H
#define HELIO_ACD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t acd_time_us; /* monotonic, this daemon's own; never compared across machines */

/* Site number in the upper byte, ordinal in the lower (common/base/base.h says the ranges). */
struct acd_addr { uint16_t v; };
/* Minted locally: address | boot | sequence (id_make). Zero is none. */
struct acd_call_id { uint64_t v; };
struct acd_offer_id { uint64_t v; };    /* minted by the matcher that reserves */
struct acd_session_id { uint64_t v; };  /* minted by the node that holds the session */
struct acd_agent_id { uint64_t v; };    /* hash of the login name; stable across boots */
struct acd_queue_id { uint32_t v; };    /* lower half of the hash of the queue's name, never 0 */
/* A plain set: bit i = skill i of the cluster configuration (names sorted). */
struct acd_skills { uint64_t bits; };
/* Levels 1 to 10, four bits a skill: skill i in w[i / 16] at bit 4·(i % 16). 0 is "none was said":
 * an agent's counts as 10, a queue asks for no more than the skill itself. */
struct acd_levels { uint64_t w[4]; };

enum {
	ACD_SITES_MAX = 255,
	ACD_FX_MAX = 64,        /* effects of one step; what does not fit waits for the next step */
	ACD_BROKERS_PER_SITE_MAX = 4,
	ACD_NODES_PER_SITE_MAX = 63,
	ACD_RELAX_MAX = 4,      /* steps of relaxation of one queue */
	ACD_LEVEL_MAX = 10,
	ACD_LEVEL_STEPS_MAX = 64, /* distinct (skill, level above 1) in all queues together */
	ACD_WANTS_MAX = 3,      /* steps before a caller is anybody's */
	ACD_WANT_MAX_MS = 3600 * 1000, /* nobody waits longer for one person */
	ACD_IN_PERSON = 255,    /* in place of a strategy: it had asked for this very agent */
	ACD_PREFS_MAX = 4,      /* kinds of agents that steps of one queue may ask for */
	ACD_PREF_STAGE = 16,    /* stage of a queue's pref 0; smaller ones are relaxations */
	ACD_GROUP_MAX = 8, /* offers of one call at the same time (ACD_PARTIES_MAX) */
	ACD_WEIGHT_ONE = 100, /* weights of queues are in per cent */
	ACD_WEIGHT_MAX = 1000,
	ACD_STORY_MAX = 8,      /* lines of a call's story that are kept: the newest */
};

/* Who of several able and idle agents gets the caller; ties: who is idle longest. */
enum acd_strategy {
	ACD_LONGEST_IDLE,
	ACD_FEWEST_CALLS,  /* since sign-in */
	ACD_LEAST_TALK,    /* time talked since sign-in */
	ACD_MOST_SKILLED,  /* the sum of the levels of the skills that the queue asks for */
	ACD_ROUND_ROBIN,   /* to whom it has not rung for longest */
	ACD_LINEAR,        /* the smallest rank */
	ACD_RING_ALL,      /* all of them at the same time, as a group: who accepts first has it */
	ACD_STRATEGY_COUNT,
};

enum acd_role { ACD_ROLE_NODE = 1, ACD_ROLE_BROKER = 2 };

/* What becomes of the callers of a queue that is closed at every site. */
enum acd_closed {
	ACD_CLOSED_WAIT,      /* they wait until somebody opens */
	ACD_CLOSED_REFUSE,    /* new ones are refused (CLOSED), who waits ends as failed(closed) */
	ACD_CLOSED_ANNOUNCE,  /* told so for closed_after_ms, then failed(closed) */
	ACD_CLOSED_CALLBACK,  /* they end as callback … */
	ACD_CLOSED_VOICEMAIL, /* … as voicemail: the shell keeps the task, from FX_CALL ENDED */
	ACD_CLOSED_COUNT,
};
enum { ACD_OPEN = 1000 }; /* permille: the full weight of a site for a queue */

enum acd_call_state {
	ACD_CALL_NONE, ACD_CALL_QUEUED, ACD_CALL_GRANTED, ACD_CALL_BRIDGED, ACD_CALL_AWAIT_AGENT,
	ACD_CALL_ENDED,
};

enum acd_agent_state {
	ACD_AGENT_OFF, ACD_AGENT_NOT_READY, ACD_AGENT_IDLE, ACD_AGENT_RESERVED, ACD_AGENT_RINGING,
	ACD_AGENT_COMMITTED, ACD_AGENT_TALKING, ACD_AGENT_WRAP, ACD_AGENT_GRACE,
};

/* How a call ended (S4): exactly one of these goes into its record. */
enum acd_outcome {
	ACD_OUTCOME_NONE, ACD_OUTCOME_ANSWERED, ACD_OUTCOME_ABANDONED, ACD_OUTCOME_CALLBACK,
	ACD_OUTCOME_VOICEMAIL, ACD_OUTCOME_OVERFLOW_OUT, ACD_OUTCOME_FAILED,
};

/* Why something stopped or was refused; travels in `cause`. */
enum acd_cause {
	ACD_CAUSE_NONE,
	ACD_CAUSE_CALLER_HUNG_UP,  /* the caller's own CANCEL or BYE */
	ACD_CAUSE_AGENT_HUNG_UP,
	ACD_CAUSE_AGENT_REJECTED,
	ACD_CAUSE_AGENT_NO_ANSWER, /* missed: agent goes to NOT_READY, caller keeps the place */
	ACD_CAUSE_AGENT_GONE,      /* signed out, session lost past grace */
	ACD_CAUSE_AGENT_BUSY,      /* register holds another offer */
	ACD_CAUSE_AGENT_NOT_IDLE,
	ACD_CAUSE_CALL_GONE,       /* ended, unknown, or granted to another */
	ACD_CAUSE_QUEUE_EMPTY,     /* a claim found nothing the agent may take */
	ACD_CAUSE_STALE,           /* older cepoch, generation or version */
	ACD_CAUSE_TIMEOUT,
	ACD_CAUSE_MEDIA_FAILED,    /* the shell could not set media up */
	ACD_CAUSE_KEEP_LOST,       /* the other register no longer holds this offer */
	ACD_CAUSE_DRAINING,
	ACD_CAUSE_FORCED,          /* a person said so (supervisor, helioctl) */
	ACD_CAUSE_LIMIT,
	ACD_CAUSE_FENCED,          /* another node owns this call now, under a larger cepoch */
	ACD_CAUSE_CLOSED,          /* by its hours the queue is closed at every site */
};

/* A node may hold both registers of one offer, so an address does not tell who speaks. */
enum acd_side { ACD_SIDE_OWNER = 1, ACD_SIDE_AGENT = 2 };

/* Why an agent is not ready. */
enum acd_reason {
	ACD_REASON_NONE, ACD_REASON_SIGNED_IN, ACD_REASON_PAUSE, ACD_REASON_MISSED,
	ACD_REASON_MEDIA, ACD_REASON_FORCED,
};

/* ------------------------------------------------------------------------------------------------
 * Messages between cores (the wire form is common/wire/heliograph.proto)
 *
 *   matcher at the agent's site: agent Y idle, queue Q at site S has the best head
 *     broker(Y) -> node(Y)    RESERVE(o, Y, Q, S)           agent.offer = o if IDLE, else NACK
 *     node(Y)   -> broker(S)  CLAIM(o, session, Q, skills)  picks its best call that Y may take
 *     broker(S) -> node(X)    PICK(o, call)                 granted to o if QUEUED, else NACK
 *     node(X)  <-> node(Y)    GRANT · RINGING · COMMIT · BRIDGED · KEEP · RELEASE · NACK
 */
/* One step of what a caller asks for first, by age: until the sum of the steps so far has passed,
 * nobody else may have it. No personal data: whose caller it is stays with the shell. */
struct acd_want {
	struct acd_agent_id agent; /* this one; else … */
	uint32_t for_ms;           /* 0: no such step, nor any after it */
	uint8_t pref;              /* … 1 + index in the queue's pref[] */
	uint8_t site;              /* where the agent is signed in */
};
/* Would a core take these steps? ACD_WANTS_MAX of them. */
bool acd_wants_ok(const struct acd_want want[]);

enum acd_msg_type {
	ACD_MSG_NONE,
	/* node -> brokers of its site; hints, made whole by DIGEST and SNAPSHOT */
	ACD_MSG_CALL_UP,       /* call, queue, priority, age_us, version, wait_version */
	ACD_MSG_CALL_DOWN,     /* call, version */
	ACD_MSG_AGENT_UP,      /* agent, session, skills, levels, age_us (idle for), version, state,
				* talk_us, turn_us, taken, rank; peer: it has waited long for that
				* broker, in vain */
	ACD_MSG_AGENT_DOWN,    /* agent, session, version */
	ACD_MSG_DIGEST,        /* digest over all that this node announces, count, version; the
				* broker echoes its own, which tells the node that a broker lives */
	ACD_MSG_SYNC_REQ,      /* broker -> node: send everything */
	ACD_MSG_SYNC_BEGIN,    /* version; forget what is older … */
	ACD_MSG_SYNC_END,      /* … once this arrives with the same count */
	/* broker <-> broker */
	ACD_MSG_ADVERT,        /* queue, version, age_us of head, priority, count waiting, wanted */
	ACD_MSG_AGENT_ADVERT,  /* queue, version, count idle, age_us of the longest idle */
	ACD_MSG_NEED,          /* agent, queue, stage: a caller here wants this agent of your site:
				* claim if it is idle; repeated while it lasts. (Agents in general
				* are asked for by ADVERT.wanted: F3, tests/sim/fair.c) */
	/* the claim */
	ACD_MSG_RESERVE,       /* offer, agent, session, queue, site, peer = broker(S) to claim from */
	ACD_MSG_RESERVE_NACK,  /* offer, agent, session, cause */
	ACD_MSG_CLAIM,         /* offer, agent, session, queue, skills, node = Y, idle_us */
	ACD_MSG_CLAIM_NACK,    /* offer, queue, cause, and a fresh advert (version, count, age_us) */
	ACD_MSG_PICK,          /* offer, call, agent, session, queue, node = Y */
	ACD_MSG_PICK_NACK,     /* offer, call, cause, version */
	ACD_MSG_PICK_OK,       /* offer, call: node(X) tells its broker the claim is served */
	/* call owner <-> agent's node; each carries the triple (offer, call, cepoch) */
	ACD_MSG_GRANT,         /* + agent, session, queue, age_us, wrap_up_ms, ring_timeout_ms */
	ACD_MSG_RINGING,
	ACD_MSG_COMMIT,
	ACD_MSG_BRIDGED,
	ACD_MSG_KEEP,
	ACD_MSG_RELEASE,       /* either way: cause; repeated until RELEASED or NACK */
	ACD_MSG_RELEASED,
	ACD_MSG_NACK,          /* "I do not hold this triple", cause; FENCED: version = the larger
				* cepoch that is held. Its receiver lets go without a word */
	/* A call that was taken back (its node restarted) or taken over (its neighbour did):
	 *
	 *   new owner ──OWNER(o, call, cepoch')──► agent's node, which holds o for the same call
	 *             ◄─HOLD(o, call, cepoch')──── … and rebinds its register: KEEP, COMMIT and
	 *                                          RELEASE go to the new owner from now on
	 *             ◄─RELEASE───────────────── … it had ended there: that ending, told again
	 *             ◄─NACK──────────────────── … it knows nothing of it
	 *
	 * A call whose agent's node or session is gone (AWAIT_AGENT), and whose agent has come back in
	 * another session:
	 *
	 *   owner ──RECALL(o', call, cepoch)──► agent's new node: COMMITTED, nothing rings
	 *         ◄─HOLD(o', call, cepoch)───── or NACK: busy with another call, gone again
	 *         ──BRIDGED───────────────────► TALKING; or RELEASE, NACK: that RECALL was an old one
	 *
	 * The shells attach media to the three as to GRANT and RINGING. */
	ACD_MSG_OWNER,         /* triple, version = cepoch before, agent, session, queue, age_us,
				* wrap_up_ms; repeated until answered */
	ACD_MSG_RECALL,        /* triple, agent, session, queue, age_us, wrap_up_ms; repeated */
	ACD_MSG_HOLD,          /* triple, agent, session, state = enum acd_agent_state */
	ACD_MSG_TYPE_COUNT,
};

struct acd_msg {
	enum acd_msg_type type;
	struct acd_offer_id offer;
	struct acd_call_id call;
	struct acd_session_id session;
	struct acd_agent_id agent;
	struct acd_skills skills;
	struct acd_levels levels; /* AGENT_UP, CLAIM; all zero from a daemon that knows no levels */
	struct acd_queue_id queue;
	uint64_t cepoch;       /* 64·k + ordinal of the owning node */
	uint64_t version;
	uint64_t digest;
	uint64_t age_us;       /* a duration, never a point in time */
	uint64_t idle_us;
	uint64_t talk_us;      /* AGENT_UP: talked since sign-in */
	uint64_t turn_us;      /* AGENT_UP: since it rang there last */
	uint32_t taken;        /* AGENT_UP: calls since sign-in */
	uint32_t count;
	uint32_t wanted;
	uint32_t wrap_up_ms;
	uint32_t ring_timeout_ms;
	struct acd_addr node;
	struct acd_addr peer;
	uint8_t site;
	uint8_t priority;      /* 0 is the most urgent class */
	uint8_t state;         /* enum acd_agent_state or acd_call_state; in KEEP, RELEASE, RELEASED
				* and NACK, which go both ways, the sender's enum acd_side; in HOLD
				* enum acd_agent_state */
	uint8_t cause;         /* enum acd_cause */
	uint8_t rank;          /* AGENT_UP */
	uint8_t stage;         /* RESERVE, PICK, ADVERT, AGENT_ADVERT: relaxations that applied */
	struct acd_want want[ACD_WANTS_MAX]; /* CALL_UP */
};

/* ------------------------------------------------------------------------------------------------
 * Events (what the shell tells the core) and effects (what the core asks of the shell)
 */
enum acd_event_type {
	ACD_EV_TIME,              /* nothing but now: acd_deadline() has come */
	ACD_EV_MSG,               /* from, from_boot, msg; the shell has already checked the sender's key */
	/* node: calls it owns */
	ACD_EV_CALL_ARRIVED,      /* call, queue, priority (added to the queue's class), age_us (0:
				   * calls that were here before are ADOPTED);
				   * on: no rule of its queue ends it (a task; a caller whose task
				   * could not be written) */
	ACD_EV_CALL_GONE,         /* call, cause: caller hung up (CANCEL, BYE) or its leg failed */
	/* node: sessions it holds */
	ACD_EV_AGENT_SIGN_IN,     /* session, agent, skills, levels, rank; NOT_READY(SIGNED_IN) */
	ACD_EV_AGENT_SIGN_OUT,    /* session; while talking: after the call */
	ACD_EV_AGENT_READY,       /* session; ends a wrap-up; while talking: after the call */
	ACD_EV_AGENT_NOT_READY,   /* session, reason: at once, or after the call in hand */
	ACD_EV_AGENT_ACCEPT,      /* session, offer */
	ACD_EV_AGENT_REJECT,      /* session, offer; then NOT_READY(PAUSE), or it would ring again */
	ACD_EV_AGENT_HANGUP,      /* session, offer; while it rings the same as REJECT */
	ACD_EV_AGENT_WRAP_DONE,   /* session: wrap-up finished early */
	ACD_EV_SESSION_LOST,      /* session: its socket is gone; GRACE while it may come back */
	ACD_EV_SESSION_RESUMED,   /* session */
	ACD_EV_MEDIA_FAILED,      /* offer: its leg cannot be set up, or is silent for good;
				   * with call: at the owner's side, without: at the agent's */
	/* both */
	ACD_EV_DRAIN,             /* on */
	/* node, from a supervisor; last, so that old traces mean the same */
	ACD_EV_AGENT_FORCE,       /* session; on: ready, else NOT_READY(FORCED); what rings goes back
				   * to its queue, a talk goes on. With offer: that one ends now. */
	/* node: calls that outlive a process (DESIGN §6). In this order:
	 *   RECOVER on ─► CALL_ADOPTED for each call whose claim was won ─► RECOVER off
	 */
	ACD_EV_RECOVER,           /* on: the journal is being read. What is asked about calls of
				   * earlier lives of this node is left unanswered, not denied, until
				   * RECOVER off or recover_ms. Before the first message. */
	ACD_EV_CALL_ADOPTED,      /* call, queue, priority, on (as in CALL_ARRIVED), age_us;
				   * msg.cepoch: ours now, 64·k + own ordinal; msg.version: the one
				   * before; msg.state: QUEUED, GRANTED, BRIDGED or AWAIT_AGENT as
				   * last known; if not QUEUED: msg.offer, msg.agent, msg.session,
				   * msg.node (the agent's). Of this site's calls only, of this node's
				   * earlier life or of a neighbour's: all the same here.
				   *   QUEUED: waits at its age, may be granted at once.
				   *   else:   AWAIT_AGENT, OWNER goes to msg.node; HOLD makes it
				   *           BRIDGED (or GRANTED, if it still rings) without ringing
				   *           again; else QUEUED at its age: when denied, after
				   *           adopt_ms if it was GRANTED, after await_agent_ms if it
				   *           was BRIDGED. */
	ACD_EV_CALL_FENCED,       /* call, msg.cepoch: another node has adopted it under that larger
				   * epoch (journal_lost_h, or a neighbour said so). The register lets
				   * go and sends nothing; FX_CALL ENDED, outcome NONE, cause FENCED:
				   * no record, no BYE. A smaller epoch than held: refused, STALE. */
	ACD_EV_AGENT_SEEN,        /* agent, session, from = its node: this agent's newest session. A
				   * call that awaits the agent is claimed for it first (RECALL). The
				   * shell says it at each SessionClaim, and again when a call begins
				   * to await somebody; sign-ins of this node the core sees itself. */
	/* node: the configuration says something else of who is signed in */
	ACD_EV_AGENT_SKILLS,      /* session, skills, levels, rank; for the next call */
	/* node and broker: opening hours. queue, site, permille (0: closed there, ACD_OPEN: open,
	 * between: it hands over), age_us: until it opens or closes, 0: not known. At the start for
	 * each queue that has hours and each site, then at each change. */
	ACD_EV_HOURS,
	ACD_EV_SUSPEND,           /* on: this node's lease ran out (it was stopped, or its neighbour
				   * does not hear it) and its calls may have been adopted: no timer
				   * fires, nothing is sent, and any event but TIME, CALL_FENCED,
				   * CALL_ADOPTED and RECOVER is refused with STATE (messages are
				   * repeated by who sent them; the shell keeps its own). The first
				   * event after waking; off when it is known who owns the calls. */
	/* Its neighbour found this node dead (from, from_boot), sooner than silence would tell.
	 * Broker: what it announced in this life is forgotten. Node: calls that are granted to its
	 * agents go back to their queues, those bridged to them await them elsewhere.
	 * Node: the link to this broker is down. Who was reserved to claim there is idle again, instead
	 * of after claim_ms. */
	ACD_EV_NODE_GONE,
	ACD_EV_TYPE_COUNT,
};

struct acd_event {
	enum acd_event_type type;
	acd_time_us now;          /* never smaller than in the event before (the shell clamps) */
	struct acd_addr from;
	uint32_t from_boot;       /* of the sender; a smaller one than last seen is dropped as STALE */
	struct acd_msg msg;
	struct acd_call_id call;
	struct acd_session_id session;
	struct acd_agent_id agent;
	struct acd_offer_id offer;
	struct acd_skills skills;
	struct acd_levels levels;
	struct acd_queue_id queue;
	uint64_t age_us;
	uint8_t rank;             /* for ACD_LINEAR: the smallest first */
	uint8_t priority;
	uint8_t cause;            /* enum acd_cause */
	uint8_t reason;           /* enum acd_reason */
	uint8_t site;
	uint16_t permille;
	bool on;
	struct acd_want want[ACD_WANTS_MAX]; /* CALL_ARRIVED, CALL_ADOPTED */
};

enum acd_fx_type {
	ACD_FX_SEND,              /* to, msg. `to` may be this daemon itself: the shell loops it back */
	/* node, owner side. GRANTED: prepare media to `peer` (the agent's node); BRIDGED: connect it
	 * (S3 holds); QUEUED again: disconnect, music on; ENDED: say goodbye, write the record. */
	ACD_FX_CALL,              /* call, call_state, offer, agent, peer, cause, outcome, age_us, cepoch */
	/* node, agent side: the agent register changed; feeds the page and presence. */
	ACD_FX_AGENT,             /* session, agent, agent_state, reason, offer, call, cepoch,
				   * version. COMMITTED without a FX_RING before: a recall */
	ACD_FX_RING,              /* session, offer, call, cepoch, queue, peer = owner, age_us, ring_timeout_ms */
	ACD_FX_TALK,              /* session, offer, call: gate open, this register holds the offer.
				   * Without a FX_RING before: a recall; queue, age_us, peer say whose */
	ACD_FX_OFFER_END,         /* session, offer, call, cause, wrap_up_ms: gate shut, leg closed */
	ACD_FX_ISLAND,            /* on: no broker of the site answers, matching alone */
	/* node, agent side: on: peer owns the call now, under cepoch (after HOLD was sent: connect the
	 * leg that went with it); off: the owner is silent, "reconnecting", nothing else changes. */
	ACD_FX_OWNER,             /* session, offer, call, peer, cepoch, on */
	/* node, owner side, RING_ALL: a GRANTED call rings at one more agent (on), or no longer there
	 * (off: drop what belongs to that offer). BRIDGED names the one that has the call. */
	ACD_FX_GROUP,             /* call, offer, agent, session, peer, cause, on */
	ACD_FX_TYPE_COUNT,
};

struct acd_fx {
	enum acd_fx_type type;
	struct acd_addr to;
	struct acd_addr peer;
	struct acd_msg msg;
	struct acd_call_id call;
	struct acd_session_id session;
	struct acd_agent_id agent;
	struct acd_offer_id offer;
	struct acd_queue_id queue;
	uint64_t cepoch;
	uint64_t age_us;
	uint64_t version;
	uint32_t wrap_up_ms;
	uint32_t ring_timeout_ms;
	uint8_t call_state;
	uint8_t agent_state;
	uint8_t outcome;
	uint8_t cause;
	uint8_t reason;
	bool on;
};

struct acd_effects {
	uint32_t n;
	bool more; /* effects remain inside: call acd_step again with ACD_EV_TIME at the same now */
	struct acd_fx fx[ACD_FX_MAX];
};

enum acd_verdict {
	ACD_OK,
	ACD_REFUSED_UNKNOWN,    /* no such call, session, offer, queue */
	ACD_REFUSED_STATE,      /* not possible in the state it is in */
	ACD_REFUSED_STALE,
	ACD_REFUSED_LIMIT,      /* full: the shell answers 503 or "try another node" */
	ACD_REFUSED_DRAINING,
	ACD_REFUSED_INVALID,    /* a message that no honest peer sends */
	ACD_REFUSED_CLOSED,     /* by its hours the queue is closed at every site */
};

/* ------------------------------------------------------------------------------------------------ */

/* From after_ms of waiting on, this is what an agent needs: never more than before. */
struct acd_relax {
	uint32_t after_ms;            /* growing */
	struct acd_skills skills;
	struct acd_levels levels;
};

struct acd_queue_conf {
	struct acd_queue_id id;
	struct acd_skills skills;     /* an agent needs all of them … */
	struct acd_levels levels;     /* … at this level at least */
	uint8_t priority;
	uint8_t strategy;             /* enum acd_strategy */
	uint8_t relax_n;
	struct acd_relax relax[ACD_RELAX_MAX];
	uint32_t ageing_ms;           /* each time it has waited so long, a caller climbs one class
				       * (F2); 0: classes are strict */
	uint32_t max_length;          /* waiting at one node; more are refused (LIMIT); 0: no limit */
	uint32_t max_wait_ms;         /* then the call ends, as failed(timeout) or as max_wait_to says;
				       * 0: never */
	uint32_t missed_limit;        /* so many missed in a row, then not ready; 0 as 1 */
	bool overflow_no_idle;        /* to any site, at once, when nobody here is idle */
	bool overflow_timed;          /* to any site after overflow_after_ms of waiting */
	uint32_t overflow_after_ms;
	uint32_t overflow_longer;     /* to any site while more than so many wait; 0: no such rule */
	uint32_t overflow_ewt_ms;     /* … while a newcomer would wait longer; 0: no such rule */
	uint32_t remote_handicap_ms;  /* subtracted from the age of a head of another site */
	uint32_t wrap_up_ms;
	uint32_t ring_timeout_ms;
	uint8_t group_max;            /* RING_ALL: it rings at so many at once; 0 as ACD_GROUP_MAX */
	uint16_t weight;              /* per cent: a free agent compares the heads of different queues
				       * by age × weight within a priority class; 0 as 100 */
	bool wants;                   /* its callers may ask for agents by steps */
	uint8_t pref_n;
	struct acd_skills pref[ACD_PREFS_MAX]; /* beside skills, for a step with that pref */
	bool closed;                  /* was removed: takes no new callers, those in it are served */
	bool overflow_closed;         /* to any open site while this one is closed, and in part while
				       * it hands over */
	uint8_t closed_to;            /* enum acd_closed */
	uint32_t closed_after_ms;     /* ANNOUNCE, CALLBACK, VOICEMAIL: the call ends then */
	uint8_t max_wait_to;          /* CALLBACK or VOICEMAIL: how it ends after max_wait_ms */
};

struct acd_timers {                /* each with its why in acd_timers_default() */
	uint32_t reserve_ms;       /* matcher: RESERVE unanswered -> agent may be tried again */
	uint32_t claim_ms;         /* agent: RESERVED without GRANT -> IDLE, at the latest */
	uint32_t grant_retry_ms, grant_ms;      /* owner: GRANT repeated until RINGING; then requeue */
	uint32_t commit_retry_ms;
	uint32_t keep_ms, keep_lost_ms;         /* silence of the peer -> suspicion, not a decision */
	uint32_t await_agent_ms;                /* BRIDGED, peer silent: "one moment", same agent first */
	uint32_t owner_lost_ms;                 /* agent: COMMITTED or TALKING, owner silent: let go */
	uint32_t adopt_ms;                      /* adopted while it rang: the agent's node may answer */
	uint32_t recover_ms;                    /* RECOVER lasts no longer */
	uint32_t grace_ms;                      /* agent's socket gone */
	uint32_t release_retry_ms;
	uint32_t digest_ms, advert_ms;
	uint32_t broker_silent_ms;              /* -> island mode */
};

struct acd_conf {
	enum acd_role role;
	struct acd_addr self;
	uint32_t boot;                /* fsynced boot number: ids and generations */
	uint32_t calls_max, agents_max; /* of this node; of the whole site for a broker */
	uint32_t queues_n;
	const struct acd_queue_conf *queues;  /* copied by acd_init */
	uint32_t nodes_n;             /* broker: nodes of its site */
	const struct acd_addr *nodes;
	uint32_t brokers_n;           /* all brokers of all sites (a node uses its own site's) */
	const struct acd_addr *brokers;
	struct acd_timers timers;
};

struct acd;

/* The timers that daemons use; tests and the simulator may shorten them. */
void acd_timers_default(struct acd_timers *ret);

/* Bytes of memory that this configuration needs; 0 if a limit is exceeded. */
size_t acd_size(const struct acd_conf *conf);
/* Builds the state in mem (aligned as by malloc, acd_size() bytes, owned by the caller, freed by
 * the caller after use). */
struct acd *acd_init(void *mem, const struct acd_conf *conf);

/* The same core with other queues: calls, sessions and offers go on where they were; a matcher's
 * memory begins anew, as after a start (it asks its nodes, 200 ms at most). A queue with a call in it
 * must be in conf, `closed` if it was removed. Everything else in conf is as it was for `old`. Skills
 * may be numbered anew: ACD_EV_AGENT_SKILLS for every session must follow before any other event.
 * Between two steps, with no effects left inside. mem as for acd_init() and not that of `old`, which
 * stays valid and unchanged: the caller frees whichever is not used any more. NULL: refused (a limit,
 * or a queue that is still in use is missing). Traced by trace_reconf(). */
struct acd *acd_reconfigure(void *mem, const struct acd *old, const struct acd_conf *conf);

/* One event in, effects out. A refusal leaves the digest unchanged and gives no effect, except that
 * a refused message may be answered by a NACK effect. */
enum acd_verdict acd_step(struct acd *acd, const struct acd_event *ev, struct acd_effects *ret_fx);

/* When to call again with ACD_EV_TIME at the latest; UINT64_MAX for never. */
acd_time_us acd_deadline(const struct acd *acd);

/* Asserts every rule of DESIGN §3 that one daemon can see. */
void acd_check(const struct acd *acd);

/* Of the whole state; equal traces give equal digests (D1). */
uint64_t acd_digest(const struct acd *acd);

/* Mints the next id of this daemon: the core's own, for offers. A shell that minted by it would have
 * to trace it: shells number calls and sessions themselves. */
uint64_t acd_id_next(struct acd *acd);

/* ------------------------------------------------------------------------------------------------
 * Looking in (status, wallboard, simulator's checker). Iteration is in stable order: start with
 * *it = 0, go on while true is returned.
 */
struct acd_party {
	struct acd_offer_id offer;
	struct acd_agent_id agent;
	struct acd_session_id session;
	struct acd_addr node;
	uint8_t role;              /* 0 primary; consult, conference, supervisor come later */
};
enum { ACD_PARTIES_MAX = 8 };

struct acd_call_view {
	struct acd_call_id call;
	struct acd_queue_id queue;
	uint8_t state, priority;
	uint64_t cepoch, age_us;
	uint32_t parties_n;
	struct acd_party parties[ACD_PARTIES_MAX];
	struct acd_want want[ACD_WANTS_MAX];
};
struct acd_agent_view {
	struct acd_session_id session;
	struct acd_agent_id agent;
	struct acd_skills skills;
	uint8_t state, reason;
	bool ready_after, draining;   /* what follows the work in hand */
	uint64_t since_us;            /* in this state for so long */
	uint64_t idle_us;
	struct acd_offer_id offer;
	struct acd_call_id call;
	uint64_t cepoch;
	struct acd_addr owner;
	uint64_t version;
};
struct acd_queue_view {               /* broker: the whole site; node: its own */
	struct acd_queue_id queue;
	uint32_t waiting, idle;
	uint64_t head_age_us;
	uint32_t remote_waiting;      /* advertised by other sites (broker) */
	uint64_t ewt_us;              /* matcher: what a newcomer is likely to wait */
	uint64_t ewt_error_us;        /* … and by how much that was wrong lately, on average */
	uint16_t permille;            /* this site's weight; 0: closed here */
	bool closed_everywhere;
};

/* Why a call waits and what was tried: acd_why(). */
enum acd_why_code {
	ACD_WHY_NONE,
	ACD_WHY_MATCHING,      /* somebody able is idle: it is being matched now */
	ACD_WHY_NOBODY,        /* no agent is idle here, whatever the skill */
	ACD_WHY_SKILL,         /* agents are idle, but none of them can do it: `missing` */
	ACD_WHY_OTHERS_FIRST,  /* able agents are idle, but earlier callers get them first */
	ACD_WHY_SPOKEN,        /* an agent is being reserved or has been asked for */
	ACD_WHY_NOT_WAITING,   /* granted, bridged …: `state` */
	ACD_WHY_CLOSED,        /* this site is closed for its queue: closed_here and the rest */
	ACD_WHY_IN_PERSON,     /* kept for the one agent it asks for: want_agent */
};
enum acd_story_code {
	ACD_STORY_NONE,
	ACD_STORY_QUEUED,      /* it came */
	ACD_STORY_GRANTED,     /* agent, node, strategy, idle_us, stage: to whom, and why to that one */
	ACD_STORY_BRIDGED,
	ACD_STORY_BACK,        /* cause: back to the queue, with its place */
	ACD_STORY_AWAIT,       /* the agent's side went silent */
	ACD_STORY_ADOPTED,     /* taken back from the journal, or over from a neighbour */
	ACD_STORY_CLOSED,      /* its queue closed everywhere while it waited */
};
struct acd_story {
	uint8_t code, cause, stage, strategy;
	struct acd_addr node;
	struct acd_agent_id agent;
	uint64_t age_us;       /* how old the call was then */
	uint64_t idle_us;
};
struct acd_why {
	bool owner;            /* this node owns the call: state, story */
	bool matcher;          /* this core matches it: code and what follows */
	uint8_t state, priority;
	struct acd_queue_id queue;
	uint64_t age_us;
	uint32_t story_n;      /* the last ones, oldest first */
	struct acd_story story[ACD_STORY_MAX];
	uint8_t code;          /* enum acd_why_code */
	uint8_t stage;
	struct acd_skills missing; /* SKILL: what idle agents lack, of those who lack least */
	bool missing_level;    /* … they have the skills, but not at the level */
	uint32_t ahead;        /* who waits before it in its queue */
	uint32_t idle;         /* idle agents here, able or not */
	uint32_t able;         /* of them, able */
	uint64_t relax_in_us;  /* until less is asked for; 0: never */
	uint64_t overflow_in_us; /* until other sites may take it; 0: never, or now: `overflowing` */
	bool overflowing;
	uint64_t ewt_us;       /* as a newcomer's */
	uint8_t want_step;     /* 1 to ACD_WANTS_MAX: only whom this step names may have it … */
	struct acd_agent_id want_agent; /* … this agent, or … */
	struct acd_skills want_skills;  /* … who has these skills, too … */
	uint64_t want_left_us;          /* … for so long */
	bool closed_here, closed_everywhere;
	uint64_t opens_in_us;  /* closed_here: until it opens; 0: not known */
	uint8_t other_site;    /* closed_here: one that is open, or the next to open; 0: none */
	uint64_t other_in_us;  /* … until it closes, or opens; 0: not known */
};
/* False if this core does not know the call. */
bool acd_why(const struct acd *acd, struct acd_call_id id, acd_time_us now, struct acd_why *ret);

/* Looks, which change nothing; ages are as of now. _next: one after the other in a stable order, *it 0 at
 * first; false: no more. _get: false if this core does not hold it. */
bool acd_call_next(const struct acd *acd, uint32_t *it, acd_time_us now, struct acd_call_view *ret);
bool acd_call_get(const struct acd *acd, struct acd_call_id id, acd_time_us now,
		  struct acd_call_view *ret);
bool acd_agent_next(const struct acd *acd, uint32_t *it, acd_time_us now,
		    struct acd_agent_view *ret);
bool acd_agent_get(const struct acd *acd, struct acd_session_id id, acd_time_us now,
		   struct acd_agent_view *ret);
bool acd_queue_next(const struct acd *acd, uint32_t *it, acd_time_us now,
		    struct acd_queue_view *ret);

/* Texts that stay, for logs, JSON and the trace ("queued", "agent_no_answer", "GRANT"). */
const char *acd_call_state_name(uint8_t state);
const char *acd_agent_state_name(uint8_t state);
const char *acd_outcome_name(uint8_t outcome);
const char *acd_cause_name(uint8_t cause);
const char *acd_reason_name(uint8_t reason);
const char *acd_msg_name(uint8_t type);
const char *acd_strategy_name(uint8_t strategy);
const char *acd_why_name(uint8_t code);
const char *acd_story_name(uint8_t code);

#endif
