/*
 * helio-sim: the real cores of three sites in one thread under virtual time.
 *
 *   people.c  callers and agents ──events──► core ──effects──► rules.c  the checker's own ledger
 *   net.c     delay, loss, duplicates, order, cuts ◄──SEND──┘
 *   faults.c  crashes, cuts, clogs, odd clocks, lies, until `calm`; then live.c: all converges
 *   shrink.c  a seed that fails, made short: less of everything, as long as one rule fails
 *
 * One seed draws everything, the mix of faults too (swarm). The ledger is kept from effects and
 * from what people did, never from the core's own registers, which are then compared with it.
 */
#ifndef HELIO_SIM_H
#define HELIO_SIM_H

#include <setjmp.h>
#include <stdio.h>

#include "common/acd/acd.h"
#include "common/base/base.h"
#include "common/trace/trace.h"

#define MS UINT64_C(1000)
#define SEC UINT64_C(1000000)

enum {
	SITES = 3,
	NODES = 2,
	BROKERS_MAX_SIM = 2,
	DAEMONS_MAX = SITES * (NODES + BROKERS_MAX_SIM),
	SESSIONS_MAX = 1024, /* of a history; a simulated person has two at most */
	ARRIVALS_MAX = 600,  /* of a seed */
	CALLS_MAX = 2400,    /* of a history */
	OFFERS_MAX = 4096,
	QUEUES = 4,
	EVENTS_MAX = 1 << 16,
	STORY_LINES = 60,
	STORY_WIDTH = 160,
};

/* --- numbers by seed -------------------------------------------------------------------------- */
struct rng {
	uint64_t s;
};
uint64_t rng_next(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t n);               /* 0 … n-1; 0 for n == 0 */
uint64_t rng_range(struct rng *r, uint64_t lo, uint64_t hi); /* lo … hi */
bool rng_permille(struct rng *r, uint32_t p);
uint64_t rng_wait(struct rng *r, uint64_t mean); /* about exponential, at least 1 */

/* --- what happens ------------------------------------------------------------------------- */
enum kind {
	K_MAIL, /* mail */
	K_ARRIVE,
	K_PATIENCE,     /* call: the caller gives up if still waiting */
	K_TALKED,       /* call, n = bridge count: the caller hangs up */
	K_LEG_FAIL,     /* call */
	K_DECIDE,       /* agent, id = offer */
	K_AGENT_TALKED, /* agent, id = offer */
	K_READY,        /* agent */
	K_PAUSE,
	K_FORCE, /* agent, id = session: a supervisor interferes */
	K_SOCKET_LOST,
	K_SOCKET_BACK, /* agent, id = session */
	K_SIGN_IN,
	K_SIGN_OUT,
	K_WRAP_DONE,
	K_CRASH, /* n = daemon, id = until it is back */
	K_BOOT,  /* n = daemon */
	K_CUT,
	K_HEAL,   /* n = cut number */
	K_FREEZE, /* n = daemon, id = for how long */
	K_THAW,
	K_ASKED,   /* n = daemon: it has been told who owns its calls */
	K_RESTORE, /* n = daemon: its journal has been read */
	K_ADOPT,   /* n = daemon whose neighbour takes over */
	K_SEEN,    /* n = daemon, id = session: told that an agent is there */
	K_CLOG,    /* n = daemon, id = for how long */
	K_JUMP,    /* n = daemon, id = by how much its clock jumps ahead */
	K_DRAIN,
	K_UNDRAIN,  /* n = daemon */
	K_MISCHIEF, /* n = daemon: a broker lies */
	K_CALM,
	K_LOOK,   /* liveness samples */
	K_HOURS,  /* n = queue << 8 | site, id = its weight from now on */
	K_RECONF, /* n = daemon, id = which queues */
	K_SKILLS, /* the queues ask for other skills from now on */
	K_PAGE,   /* n = person: a second page */
	K_YIELD,  /* agent, id = session: its node hears of the newer one */
};

struct mail {
	uint32_t from, to, boot;
	struct acd_msg msg;
};

struct event {
	acd_time_us at;
	uint64_t seq;
	enum kind kind;
	uint32_t n;
	uint64_t id;
	struct mail mail;
};

struct daemon {
	struct acd_addr addr;
	char name[16];
	bool up;
	bool mute;   /* down with its whole machine: no kernel closes its links */
	bool frozen; /* stopped, or awake and asking who owns its calls */
	acd_time_us thaw_at, frozen_at, thawed_at;
	bool draining;
	uint32_t boot;
	uint32_t minted; /* ids of calls and sessions */
	struct acd *acd;
	void *mem;
	/* What it runs with, each queue at its number; and what it ran with just before, which holds
	 * for who was reserved then. */
	struct acd_queue_conf queues[QUEUES], was[QUEUES];
	acd_time_us was_until;
	uint32_t calls; /* live, as the core shows them */
	uint32_t legs;  /* calls that its shell was told of and that have not ended for it */
	bool island;
	/* Its own clock: showed clock_at when the world's was clock_set, and runs so much fast. */
	acd_time_us clock_at, clock_set;
	int32_t clock_ppm;
	uint64_t jumped; /* all its jumps together */
};

/* --- the ledger --------------------------------------------------------------------------- */
/* What the journal holds of a call. */
struct sjournal {
	uint8_t state; /* ACD_CALL_NONE: nothing */
	uint64_t offer, session;
	uint32_t agent; /* from 1 */
	struct acd_addr node;
};

struct scall {
	uint64_t id;
	uint32_t daemon, queue, number;
	bool live, byed, was_bridged, stays;
	uint8_t state, outcome;
	uint64_t offer[ACD_GROUP_MAX]; /* of the present grant; more than one: RING_ALL */
	uint32_t offers_n;
	struct acd_want want[ACD_WANTS_MAX];
	uint32_t bridges, overtaken;
	acd_time_us arrived_at, state_at;
	uint8_t priority;
	uint64_t jumped; /* of its daemon, when it arrived */
	uint64_t cepoch;
	uint32_t legs;   /* bits: daemons whose shell has it */
	bool orphan;     /* its owner is dead, nobody has adopted it yet */
	bool asking;     /* adopted from a talk */
	uint32_t talker; /* the agent it talked to last, from 1 */
	struct sjournal journal, journal_before;
	acd_time_us journal_at;
	struct rng rng; /* its own numbers: another call that is left out changes nothing here */
};

struct sagent {
	struct acd_skills skills;
	struct acd_levels levels;
	uint8_t rank;
	uint32_t site, daemon, boot;
	uint64_t session;
	bool lost, leaving;
	bool yields; /* leaves because its person has a newer session */
	uint8_t state;
	acd_time_us state_at, signed_at;
	uint64_t offer, call; /* between RING and OFFER_END */
	struct rng rng;
};

struct soffer {
	uint64_t id, call, session, cepoch;
	uint32_t agent;
	bool accepted, ended, bridged, hung_up, recalled;
};

struct cut {
	bool on;
	uint32_t kind, a, b;
};

/* The mix of faults and people of one seed. */
struct mix {
	uint32_t brokers, agents;
	uint32_t loss_pm, dup_pm, jitter_us; /* per thousand */
	bool reorder;
	uint64_t wan_us, lan_us;
	uint64_t arrive_us, patience_us, talk_us;
	uint32_t reject_pm, ignore_pm, legfail_pm, lost_pm, signout_pm, pause_pm;
	uint32_t crashes, cuts, drains, lies, clogs, jumps, clock_ppm;
	uint32_t freezes, unprotected_pm;
	uint64_t journal_us; /* what was written later than this before a crash is lost */
	bool neighbours;     /* take over; else a node comes back by itself only */
	uint64_t span, calm_at, last_arrival; /* span: in which faults were drawn */
};

/* What is left out of a seed, so that the story of its failure gets short. */
enum trim_off {
	OFF_LOSS,
	OFF_DUP,
	OFF_JITTER,
	OFF_REORDER,
	OFF_REJECT,
	OFF_IGNORE,
	OFF_LEGFAIL,
	OFF_LOST,
	OFF_SIGNOUT,
	OFF_PAUSE,
	OFF_LIES,
	OFF_CLOCKS,
	OFF_RIVALS,
	OFF_COUNT,
};
struct trim {
	uint32_t off;                        /* bits: enum trim_off */
	uint64_t faults;                     /* bits: planned faults that do not happen */
	uint64_t agents;                     /* bits: agents who stay at home */
	uint64_t calm_ms;                    /* 0: as drawn; faults stop so long after the start */
	uint8_t calls[ARRIVALS_MAX / 8 + 1]; /* bits: callers who do not call */
};
bool trim_parse(struct trim *ret, const char *text);
void trim_print(const struct trim *t, FILE *f); /* nothing if nothing is left out */

struct sim {
	uint64_t seed;
	struct rng rng, net_rng, arrive_rng, lie_rng, hours_rng;
	bool has_hours[QUEUES];
	uint16_t open[QUEUES][SITES + 1];
	acd_time_us closed_at[QUEUES][SITES + 1];
	struct mix mix;
	struct acd_queue_conf queues[QUEUES];
	struct trim trim;
	bool tenants;   /* the queues are of two, and each agent is of one */
	bool pages;     /* persons have second sessions: pages.c */
	bool unfair;    /* F1 is not checked */
	bool unchecked; /* nothing that can be left out is: for its speed */
	uint32_t arrivals, planned;
	acd_time_us now;
	uint64_t seq, steps, refused;
	uint64_t trace;     /* hash of all that happened: D1 */
	const char *traces; /* a folder for the traces of all daemons; NULL: none are written */
	struct trace *traced[DAEMONS_MAX];

	uint32_t daemons_n;
	struct daemon daemon[DAEMONS_MAX];
	uint32_t boots;
	acd_time_us link_free[DAEMONS_MAX][DAEMONS_MAX]; /* for links that keep order */
	int cut_links[DAEMONS_MAX][DAEMONS_MAX];
	struct cut cut[16];
	uint32_t cuts_n;
	acd_time_us clogged[DAEMONS_MAX]; /* until then nothing comes in or out; then all at once */

	uint32_t events_n;
	struct event *event; /* heap of indices below */
	uint32_t *heap, *free_event;
	uint32_t free_n;

	struct scall call[CALLS_MAX];
	uint32_t calls_n, in_system, orphans;
	uint32_t adopted, kept, recalled; /* how much of adoption there was to see */
	uint32_t entered, ended[ACD_OUTCOME_FAILED + 1];
	struct sagent agent[SESSIONS_MAX];
	struct soffer offer[OFFERS_MAX];
	uint32_t offers_n;
	uint32_t talks;
	uint32_t vain;             /* reservations that came to nothing */
	uint64_t vain_us, rung_us; /* for so long; and those that ended in a ring */
	bool calm, settled;
	acd_time_us drained_at, moved_at; /* moved_at: a call changed, an agent was reserved */

	/* verdict */
	jmp_buf out;
	char why[256];

	/* story */
	bool tell, echo;
	uint32_t story_n;
	char story[STORY_LINES][STORY_WIDTH];
};

extern struct sim *sim_current; /* for helio_assert_fail() */

/* sim.c. sim_run gives true if the seed held; else sim->why says the rule. */
struct sim *sim_new(void);
struct sim *sim_free(struct sim *sim);
bool sim_run(struct sim *sim, uint64_t seed, bool tell, bool echo);
void sim_at(struct sim *sim, uint64_t delay, enum kind kind, uint32_t n, uint64_t id);
struct event *sim_event(struct sim *sim, acd_time_us at, enum kind kind);
enum acd_verdict sim_step(struct sim *sim, uint32_t d, struct acd_event *ev);
_Noreturn void sim_fail(struct sim *sim, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void sim_boot(struct sim *sim, uint32_t d);
/* What daemon d is started with; conf points into the rest. */
struct sim_conf {
	struct acd_conf conf;
	struct acd_addr nodes[NODES], brokers[SITES * BROKERS_MAX_SIM];
};
void sim_conf(const struct sim *sim, uint32_t d, struct sim_conf *ret);
/* reconf.c */
void reconf_start(struct sim *sim);
void reconf_event(struct sim *sim, const struct event *e);
/* The daemon has these queues from now on. */
void reconf_took(struct sim *sim, uint32_t d, const struct acd_queue_conf queues[QUEUES]);
/* The id of a new call or session. */
uint64_t sim_id_next(struct sim *sim, uint32_t d);
/* What the clock of that daemon shows; and when it will show `at`. */
acd_time_us sim_clock(const struct sim *sim, uint32_t d);
acd_time_us sim_when(const struct sim *sim, uint32_t d, acd_time_us at);
void sim_note(struct sim *sim, uint64_t x);

/* story.c */
void story(struct sim *sim, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *story_msg(const struct sim *sim, const struct acd_msg *m);
const char *story_call(const struct sim *sim, uint64_t id);
void story_print(const struct sim *sim, FILE *f);

/* net.c */
void net_send(struct sim *sim, uint32_t from, const struct acd_fx *fx);
void net_mail(struct sim *sim, const struct mail *mail);
void net_cut(struct sim *sim, uint32_t n, bool on);
void net_heal_all(struct sim *sim);
uint32_t net_find(const struct sim *sim, struct acd_addr addr); /* UINT32_MAX if none */

/* people.c */
void people_start(struct sim *sim);
void people_event(struct sim *sim, const struct event *e);
void people_effect(struct sim *sim, uint32_t d, const struct acd_fx *fx);
/* Signs in at that node. */
void people_sign_in(struct sim *sim, uint32_t agent, uint32_t d);
void people_node_lost(struct sim *sim, uint32_t d);
void people_calm(struct sim *sim);

/* pages.c: two sessions of one person (S10) */
void pages_draw(struct sim *sim);
void pages_start(struct sim *sim);
void pages_event(struct sim *sim, const struct event *e);
/* How many agent[] are in use: a person's second session counts as one more. */
uint32_t pages_sessions(const struct sim *sim);
uint32_t pages_person(const struct sim *sim, uint32_t agent); /* both from 0 */
/* The person has another session, which stays. */
bool pages_elsewhere(const struct sim *sim, uint32_t agent);
/* Of the person's sessions the newest one that stays; agent itself if there is no other. */
uint32_t pages_newest(const struct sim *sim, uint32_t agent);
/* Which of a person's sessions that is; both from 1. */
uint64_t pages_agent(const struct sim *sim, uint64_t person, uint64_t session);
void pages_look(struct sim *sim);

/* queues.c: what the queues of this seed ask for */
void queues_draw(struct sim *sim);
void queues_draw_tenants(struct sim *sim);
uint64_t queues_tenant_of(const struct sim *sim, uint32_t person); /* its skill; 0: none */
/* Other skills, levels and relaxations for that queue. */
void queues_redraw(struct rng *r, struct acd_queue_conf *q);
bool queues_same_tenant(const struct acd_queue_conf *q, const struct sagent *a);
/* After how long a wait the agent may have a caller of that queue; UINT64_MAX: never. */
uint64_t queues_able_after(const struct sim *sim, uint32_t queue, const struct sagent *a);
/* May the agent (from 0) have that caller after so long a wait, as far as its steps say? */
bool queues_wanted(const struct sim *sim, const struct scall *c, uint32_t agent, uint64_t age_us);
/* Is it asked for in person? */
bool queues_in_person(const struct sim *sim, const struct scall *c, uint32_t agent,
		      uint64_t age_us);
void queues_draw_wants(struct sim *sim, struct scall *c);
/* The priority class after waiting so long. */
uint32_t queues_class(const struct sim *sim, const struct scall *c, uint64_t age_us);

/* adopt.c: the journal, and who takes a dead node's calls */
void adopt_note(struct sim *sim, struct scall *c, const struct acd_fx *fx);
void adopt_crashed(struct sim *sim, uint32_t d);
void adopt_event(struct sim *sim, const struct event *e);
void adopt_freeze(struct sim *sim, uint32_t d, uint64_t us);
void adopt_thaw(struct sim *sim, uint32_t d);
void adopt_booted(struct sim *sim, uint32_t d);
/* Every node is told where that agent is. */
void adopt_seen(struct sim *sim, uint32_t agent);
void adopt_awaits(struct sim *sim, uint32_t d, const struct acd_fx *fx);
/* Nobody there can be spoken to. */
static inline bool sim_absent(const struct sim *sim, uint32_t d)
{
	return !sim->daemon[d].up || sim->daemon[d].frozen;
}

/* sun.c */
void sun_draw(struct sim *sim);
void sun_start(struct sim *sim);
void sun_boot(struct sim *sim, uint32_t d); /* a daemon that has just started is told */
void sun_event(struct sim *sim, const struct event *e);
bool sun_shut(const struct sim *sim, uint32_t q); /* at every site */
bool sun_ends(const struct sim *sim, uint32_t q); /* … and its callers end by its rule */
void sun_rang(struct sim *sim, const struct scall *c, const struct sagent *a, unsigned who);
void sun_ended(struct sim *sim, const struct scall *c);
void sun_look(struct sim *sim, const struct scall *c);

/* faults.c */
void faults_draw(struct sim *sim);
void faults_start(struct sim *sim);
void faults_event(struct sim *sim, const struct event *e);

/* rules.c */
struct scall *rules_call(struct sim *sim, uint64_t id);
/* A liar may give one offer number to two pairs: the ledger tells them apart by the call. */
struct soffer *rules_offer(struct sim *sim, uint64_t id, uint64_t call);
void rules_effect(struct sim *sim, uint32_t d, const struct acd_fx *fx);
void rules_accepted(struct sim *sim, uint32_t agent);
void rules_hung_up(struct sim *sim, uint32_t agent);
void rules_lost(struct sim *sim, struct scall *c);
/* Its process is gone, and its shell with it. */
void rules_life_ended(struct sim *sim, uint32_t d);
void rules_after_step(struct sim *sim, uint32_t d);

/* shrink.c: sim has just failed with this seed. Leaves the shortest trim found in sim->trim. */
void shrink(struct sim *sim, uint64_t seed);

/* replay.c: an exit code */
int replay(const char *path, bool verbose);

/* history.c: traces of one host, merged and judged; one line of JSON. 0, 1 cannot be read, 3 a rule
 * is broken. */
int history(char *const *paths, int n);
/* The same without a word. true: could be read. The checker that saw it is given up by the next
 * call; findings: how many, the first ones' texts by history_finding() (NULL: no more). */
bool history_judge(char *const *paths, int n, const struct sim **ret_sim, uint32_t *ret_findings);
const char *history_finding(uint32_t i);

/* traced.c: a seed leaves the traces that real daemons would, and they are judged as a drill's.
 * Machines that share one clock only: trim OFF_CLOCKS. */
void traced_begins(struct sim *sim, uint32_t d, const struct acd_conf *conf);
void traced_ends(struct sim *sim, uint32_t d);
/* After a run. rule: what the seed failed for, and the history must have found too; NULL: it held,
 * and its traces tell the same books. Says on standard output what is amiss. */
bool traced_agrees(struct sim *sim, uint64_t seed, const char *rule);

/* live.c */
void live_look(struct sim *sim);
void live_end(struct sim *sim);

#endif
