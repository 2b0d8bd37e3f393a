/*
 * The shell of helio-node: one control thread on libre's loop that turns I/O into acd events and
 * acd effects into I/O, and decides nothing.
 *
 *   SIP ─────┐                        ┌───► SIP (200, BYE)
 *   mesh ────┤   node_event()         ├───► mesh (acd messages, sealed frames)
 *   desk ────┼─► acd_step() ─► effects┼───► media (play, bridge)
 *   media ───┤                        ├───► desk (ring, talk, end, state)
 *   timers ──┘                        └───► records, presence
 *
 * Lifetimes
 *   1. A struct call lives from a good INVITE until the core says ENDED.
 *   2. A struct offer (one per side) lives while a grant is in hand; it holds the trunk leg.
 *   3. A struct session lives from sign-in until the core says OFF; links come and go.
 *   4. A struct link lives as long as one browser's WebSocket.
 */
#ifndef HELIO_NODE_H
#define HELIO_NODE_H

#include "nodes/call_value.h"
#include "nodes/node_re.h"
#include "nodes/node_poll.h"
#include "common/acd/acd.h"
#include "common/base/base.h"
#include "common/conf/conf.h"
#include "common/log/log.h"
#include "common/presence/presence.h"
#include "common/records/records.h"
#include "common/wire/mesh.h"
#include "nodes/media/media.h"
#include "nodes/sip/sip_call.h"

struct admin;
struct live;
struct desk;
struct journal;
struct neighbour;
struct node_wall;
struct node_hours;
struct node_tasks;
struct node_route;
struct node_last;
struct node_metrics;
struct trace;

enum {
	NODE_STATUS_MS = 500, /* gateways call a node live for 2 s after its last status */
	NODE_HASH_BUCKETS = 4096,
	NODE_PAGE_RATE = 50, /* messages a second of one page (--page-rate) */
	NODE_PAGE_RATE_MAX = 1000000,
};

/* What a broker of the site said of a queue: of the whole line, for people. */
struct node_queue_stats {
	uint32_t waiting, idle, longest_ms, ewt_ms, ewt_error_ms;
	bool known; /* something was said */
};

struct node {
	const struct conf *conf; /* in use now: node_config.c changes it, with all that points in */
	struct live *live;
	uint32_t skills_mark;           /* conf_skills_mark() */
	int signal_fd;                  /* SIGHUP */
	const struct conf_daemon *self; /* of what it started with, as is site */
	const struct conf_site *site;
	uint32_t boot;
	uint64_t started_us, now_us;

	struct acd *acd;
	struct acd_effects fx;
	struct trace *trace; /* NULL: not asked for */
	const char *trace_path;
	uint32_t page_rate;
	uint32_t id_seq;           /* of calls and sessions; offers are numbered by the core */
	struct acd_event *pending; /* ring of events waiting for their step */
	size_t pending_cap, pending_head, pending_n;
	struct acd_event *deferred; /* came while the lease was over */
	size_t deferred_n, deferred_cap;
	bool stepping, draining, island;
	bool time_held; /* the core's clock stands still (node_neighbour.c) */
	bool failed;    /* a part could not open once the loop ran: exit 1 */

	struct mesh *mesh;
	struct media *media;
	struct sip_ua *ua;
	struct records *records;
	struct presence *presence;
	struct admin *admin;
	struct desk *desk;
	struct node_wall *wall;
	struct node_route *route;
	struct node_last *last;
	struct node_sounds *sounds; /* while what the start left is decoded */
	struct neighbour *neighbour;
	struct node_hours *hours;
	struct node_tasks *tasks;
	struct node_metrics *metrics;

	struct hash *calls;  /* struct call by id */
	struct hash *offers; /* struct offer by id, both sides */
	uint32_t calls_n;
	uint32_t silent_now; /* legs that are flagged as silent */
	struct tmr tmr_silence;
	uint64_t *claimed_us; /* as conf->daemons: the last claim that may be unanswered; 0: none */
	struct tmr tmr_claims;

	int deadline_fd;      /* timerfd: when the core wants to be called again */
	uint64_t deadline_us; /* what it is set to; 0: not set */
	struct tmr tmr_status, tmr_presence, tmr_journal, tmr_mesh, tmr_stop, tmr_live;
	uint64_t stop_by_us; /* 0: not stopping */
	struct poll_slot presence_slot, journal_slot[2];
	struct journal *journal; /* NULL: not configured, calls are unprotected */
	struct list returning;   /* struct returning (node_journal.c): claims under way */
	struct list moving;      /* struct call: re-INVITEs to come, some at a time */
	struct tmr tmr_moving;
	bool loading;    /* SIP opens when the journal was read */
	bool recovering; /* … and what was in it is ours again */

	uint8_t cert[256];
	size_t cert_len;

	struct node_queue_stats *queue_stats; /* as conf->queues */

	struct {
		uint64_t entered, ended, answered, abandoned, failed, offers, refused_events,
		    unprotected, returned, silent_ended;
	} counters;
};

/* ---- the media lease: nobody stays in a call for ever (node_silence.c) ---- */
struct node_silence {
	uint32_t s; /* seconds in a row without a sign of life */
	bool flagged;
};
void node_silence_open(struct node *n);
void node_silence_close(struct node *n);
/* Once a second. True: for too long, it is to be ended. */
bool node_silence_seen(struct node *n, struct node_silence *s, bool silent);
/* A leg cannot be: the kernel does not watch its socket, its keys do not fit. Its call ends, or its
 * offer. False: no call's and no trunk's. */
bool node_leg_failed(struct node *n, struct media_leg leg);
/* What it belongs to is gone. */
void node_silence_forget(struct node *n, struct node_silence *s);

/* ---- the certificate of WebRTC legs over restarts (node_identity.c) ---- */
enum { NODE_IDENTITY_MAX = 1536 }; /* key and certificate as PEM are 0.8 KiB */
/* What an earlier life kept in the state folder: its length; 0: nothing that can be used. */
size_t node_identity_read(const struct node *n, const char *state, char *pem, size_t size);
void node_identity_keep(const struct node *n, const char *state, const char *pem, size_t len);

/* ---- calls (node_calls.c): owner's side ---- */
struct call {
	struct le he;
	struct node *n;
	struct acd_call_id id;
	struct sip_call *sip; /* NULL once the dialog is over */
	struct media_leg leg;
	uint16_t rtp_port;
	const struct conf_queue *queue;
	enum sip_codec codec;
	char *caller, *caller_name; /* own copies; mem_deref'd */
	uint64_t entered_us, answered_us;
	int64_t entered_ms, answered_ms;
	uint64_t wait_us;
	uint64_t agent; /* who answered; 0 nobody */
	uint16_t agent_node;
	uint32_t offers;
	uint64_t bridged_offer, bridged_session;
	uint64_t awaits_us;    /* the agent's side is gone since; 0: it is not */
	struct tmr tmr_moment; /* … and "one moment" is said a moment later */
	bool accepted, over;
	struct node_silence silence;
	struct le moving_le; /* the caller is to be told where we hear it now */
	bool fenced;         /* another node owns it now: not a word, not a record */
	bool told_closed;    /* hears that the queue is closed */
	bool leaving;        /* over for the core: let go once its task is on disk */
	char disposition[32];
	char *note;
};
int calls_open(struct node *n);
/* Opens the SIP port. errno; says why in the log and stops the node. */
int calls_listen(struct node *n);
/* Trunks and limits per source, as the configuration has them now. */
void calls_limits(struct node *n);
/* The 200 OK, once the journal has the call or has had its time. */
void calls_answer(struct node *n, uint64_t id);
void calls_fenced(struct node *n, uint64_t id);
/* Its far end or its leg is gone: told to the core. c may be freed by it. */
void calls_end(struct node *n, struct call *c, enum acd_cause cause);
/* A call that became a task: its task is safe, it is let go; or it cannot be, and waits on in line.
 */
void calls_left(struct node *n, const struct acd_fx *fx, bool safe);
/* What the journal says of a call that a predecessor of this node had. */
struct call_back {
	uint64_t id, cepoch, cepoch_before, age_us;
	struct call_value v;
	uint64_t numbers_age_us; /* since v.numbers were noted */
	const struct conf_queue *queue;
	struct sip_dialog dialog;
	bool moved; /* it was another node's: other address, other ports */
};
int calls_return(struct node *n, const struct call_back *back);
/* It cannot come back (its dialog was not confirmed, no port, no memory, its queue is gone): its
 * one record (S4), and a BYE, so that the caller does not listen to silence. */
void calls_not_returned(struct node *n, const struct call_back *back);
/* Ends every call with a BYE and a record; sip_ua_pending() says when the far ends have answered.
 */
void calls_goodbye(struct node *n);

/* node_hours.c: tells the core who is open, before the first call and at each change. */
int node_hours_open(struct node *n);
void node_hours_close(struct node *n);
struct conf_watch;
/* Its tables; NULL for a moment after another configuration came into force. */
const struct conf_watch *node_hours_watch(const struct node *n);
void calls_close(struct node *n);
struct call *node_call_find(const struct node *n, uint64_t id);
void calls_fx(struct node *n, const struct acd_fx *fx);
/* It rings at one more agent, or no longer there. */
void calls_fx_group(struct node *n, const struct acd_fx *fx);
void calls_wrap(struct node *n, uint64_t call, const char *disposition, const char *note);

/* ---- who is asked first (node_route.c) ---- */
/* Reads the directory. errno, ret_why; its problems went to stderr. */
int node_route_open(struct node *n, char ret_why[256]);
void node_route_close(struct node *n);
/* The steps of a caller of that queue; call is its id as text, for the log. */
void node_route(struct node *n, const struct conf_queue *q, const char *caller, const char *call,
		struct acd_want ret[ACD_WANTS_MAX]);

/* ---- offers (node_offers.c): the trunk leg between two nodes, and what GRANT carried ---- */
enum offer_side { OFFER_OWNER, OFFER_AGENT };
struct offer {
	struct le he;
	uint64_t id;
	enum offer_side side;
	uint64_t call;
	uint16_t peer; /* the other node */
	struct media_leg leg;
	struct media_trunk local;
	bool have_leg, have_remote;
	struct media_trunk remote;
	/* OWNER came: whose call this is now, if the core says so (HOLD) */
	bool have_next;
	uint16_t next_peer;
	struct media_trunk next;
	char caller[48], caller_name[64];
	uint8_t task; /* enum task_kind: work without a caller on the line, and without audio */
	struct node *n;
	struct node_silence silence;
};
struct offer *offer_find(const struct node *n, uint64_t id, enum offer_side side);
void offer_drop(struct node *n, uint64_t id, enum offer_side side);
/* Does media travel with this message? */
bool offer_carries(enum acd_msg_type type);
/* Fills media (and the caller's name) into an outgoing GRANT, RINGING or COMMIT, OWNER, RECALL or
 * HOLD; makes the leg on first use, and a new one for a new owner. errno when no leg can be had. */
int offer_attach(struct node *n, const struct acd_msg *msg, uint16_t to, Acd *pb);
/* Notes what such a message carries, before the core sees it. */
void offer_note_end(struct node *n, uint64_t offer); /* after the core has seen OWNER */
void offer_note(struct node *n, const struct acd_msg *msg, uint16_t from, const Acd *pb);

/* ---- the core's shell (node_core.c) ---- */
int core_open(struct node *n, const char *trace_path, char ret_why[256]);
void core_close(struct node *n);
/* The same core with the queues of fresh. errno, why; nothing has changed then. */
int core_reconfigure(struct node *n, const struct conf *fresh, char ret_why[256]);
/* A new id for a call or a session. */
uint64_t node_id_next(struct node *n);
/* One event into the core, its effects out. Within an effect the event is queued and ACD_OK
 * returned. `now` is filled in. */
enum acd_verdict node_event(struct node *n, struct acd_event *ev);
/* Steps what came while the lease was over (node_neighbour.h). */
void node_core_go_on(struct node *n);

/* ---- mesh (node_mesh.c) ---- */
int node_mesh_open(struct node *n, char ret_why[256]);
void node_mesh_close(struct node *n);
/* Sends and sees to it that the edge-triggered descriptor is drained afterwards. */
int node_mesh_send(struct node *n, uint16_t to, Envelope *env, const void *payload, size_t len);

/* ---- claims in flight (node_claims.c) ---- */
int node_claims_open(struct node *n);
void node_claims_close(struct node *n);
/* A CLAIM was handed to the mesh (err 0), or refused by it. The core is told when the link to that
 * broker is down. */
void node_claim_sent(struct node *n, uint16_t to, int err);

/* ---- what supervisors see of this node, and gather here (node_wall.c) ---- */
struct wall_agent;
struct wall_view;
int node_wall_open(struct node *n, char ret_why[256]);
void node_wall_close(struct node *n);
void node_wall_agent(struct node *n, const struct wall_agent *a);
void node_wall_entered(struct node *n, const struct call *c);
void node_wall_answered(struct node *n, const struct call *c);
void node_wall_abandoned(struct node *n, const struct call *c);
void node_wall_asked(struct node *n, uint16_t from, const WallAsk *ask);
void node_wall_news(struct node *n, uint16_t from, uint32_t boot, const WallNews *news);
/* Gathers while on; NULL when off, or without memory. */
struct wall_view *node_wall_look(struct node *n, bool on);

/* Other queues: figures (malloc'ed, by index in fresh) to be handed to node_wall_conf(). */
struct wall_figures;
struct wall_figures *node_wall_figures(const struct node *n, const struct conf *fresh);
void node_wall_conf(struct node *n, const struct conf *fresh, struct wall_figures *figures);

/* ---- the configuration while it runs (node_config.c) ---- */
/* Before the first thread: SIGHUP comes as a descriptor. -1: errno. */
int node_config_signals(void);
int node_config_open(struct node *n);
void node_config_close(struct node *n);
/* Need the customers of conf not be read? And reading them, on another thread, for the next
 * node_route_read(). */
bool node_route_ready(const struct node *n, const struct conf *conf);
void node_route_prepare(struct node *n, const struct conf *conf);
/* The directory of another configuration (NULL: it has none), and its use (takes it). */
struct directory;
int node_route_read(struct node *n, const struct conf *fresh, struct directory **ret,
		    char ret_why[256]);
void node_route_set(struct node *n, struct directory *directory);

/* ---- presence and admin ---- */
int node_presence_open(struct node *n);
void node_presence_kick(struct node *n);
void node_presence_close(struct node *n);
/* ---- journal (node_journal.c) ---- */
int node_journal_open(struct node *n, char ret_why[256]);
void node_journal_close(struct node *n);
/* The call as it is now; false: there is no journal, nothing will answer. */
bool node_journal_put(struct node *n, const struct call *c, const struct acd_call_view *view);
void node_journal_del(struct node *n, uint64_t call);
bool node_journal_is_up(const struct node *n);
/* Calls that would not come back if this process died now. */
uint32_t node_journal_unprotected(const struct node *n);

/* Each write that the adopter's Redis can take is there. */
bool node_journal_is_settled(const struct node *n);

/* ---- stopping in order (node_stop.c) ---- */
void node_stop(struct node *n);
/* The neighbour has what it takes: goodbye to the others, and out. */
void node_stop_left(struct node *n);

int node_admin_open(struct node *n, char ret_why[256]);
void node_admin_close(struct node *n);
void node_drain(struct node *n, bool on);

/* ---- what watches it (node_metrics.c): counting begins before the first event, the port opens
 * last and closes first. */
int node_metrics_init(struct node *n);
int node_metrics_open(struct node *n, char ret_why[256]);
void node_metrics_close(struct node *n);
void node_metrics_free(struct node *n);
struct node_queue_counts;
struct node_queue_counts *node_metrics_counts(const struct node *n, const struct conf *fresh);
void node_metrics_counts_set(struct node *n, struct node_queue_counts *counts);
void node_metrics_event(struct node *n, const struct acd_event *ev, enum acd_verdict verdict);
void node_metrics_fx(struct node *n, const struct acd_fx *fx);
void node_metrics_media(struct node *n, const struct media_event *ev);

#endif
