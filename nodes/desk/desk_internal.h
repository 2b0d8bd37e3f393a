#ifndef HELIO_DESK_INTERNAL_H
#define HELIO_DESK_INTERNAL_H

#include "nodes/node.h"
#include "nodes/desk/desk.h"
#include "nodes/desk/login_guard.h"
#include "common/seal/seal.h"
#include "nodes/wall/wall.h"

#include <jansson.h>

enum {
	DESK_MESSAGE_MAX = 16384, /* one JSON object (PROTOCOL.md) */
	DESK_FRAME_MAX = 1 + DESK_MESSAGE_MAX + SEAL_TAG_LEN,
	DESK_LINK_SILENT_MS = 15000, /* pages ping every 5 s */
	DESK_LINK_LOGIN_MS = 60000,  /* time to type a password */
	DESK_TICK_MS = 1000,
	/* RESERVED and COMMITTED last a millisecond or two: told only if they last longer. Each
	 * message wakes gateway and Redis, which cost more than the decision. */
	DESK_NEWS_MS = 10,
	/* Pages are told of the queues each 2 s: brokers speak each second, a little late at times.
	 */
	DESK_QUEUES_MS = 1500,
	DESK_QUEUES_WHOLE_MS = 20, /* until all messages of a broker's round are there */
	/* 64,000 pages a second; four thousand frames may wait for a gateway. */
	DESK_TELL_PART = 256,
	DESK_TELL_MS = 4,
	DESK_STATS_EVERY = 5,
	DESK_READY_AGAIN_MS = 30000, /* a leg away for longer: its person says when */
	/* A page that was in a talk when its node died is given no other call before that one came
	 * back, or for so long: an owner elsewhere notices the silence in 3.5 s (keep_lost_ms), one
	 * that restarts is back in 2 s, one that is taken over in 1 s. */
	DESK_OWN_TALK_MS = 4500,
	DESK_QUEUES_MAX = 64, /* shown on a page */
	DESK_TICKET_S = 12 * 3600,
	DESK_PEER_SILENT_MS = 2000, /* after that a node's memory of our sessions is refreshed */
	DESK_FRESH_MS =
	    5000, /* who was not told of a sign-in within it hears of it as an old one */
	DESK_LOGIN_QUEUE_MAX = 256,         /* waiting Argon2id runs; 0.1 s each … */
	DESK_LOGIN_QUEUE_ADDRESS_MAX = 128, /* … of one address: others still get in */
	/* Messages of one page: a person's clicks make two or three a second. The gateway has
	 * limits of its own, but a node does not rely on another's. */
	DESK_MESSAGES_BURST_S = 2, /* so many seconds' worth at once; the rate: node.h */
	DESK_DEPTH_MAX = 8,        /* of a message's JSON; PROTOCOL.md has three levels */
};

enum link_state { LINK_HELLO, LINK_SEALED, LINK_CHECKING, LINK_IN };

struct link {
	struct le he; /* desk->links by conn */
	struct desk *desk;
	uint64_t conn;
	uint16_t gateway;
	uint32_t gateway_boot;
	uint32_t remote_ip4;
	enum link_state state;
	struct seal_session seal;
	struct session *session; /* LINK_IN */
	uint64_t heard_us, opened_us;
	uint64_t owed_until_us; /* messages beyond what a second pays back */
	bool plain_audio;
	bool frames; /* its gateway takes frames of many pages in one message */
};

struct session {
	struct le he;     /* desk->sessions by session id */
	struct le leg_he; /* desk->by_leg, while there is a leg */
	struct desk *desk;
	struct acd_session_id id;
	const struct conf_agent *agent;
	uint64_t login_no;
	bool yielded;   /* signed in elsewhere: ends after the call in hand and its wrap-up */
	bool dismissed; /* removed, locked, or given another password while signed in: so, too */
	bool leaving;   /* yielded and nothing in hand: its sign-out is said, perhaps not done yet */
	uint8_t device[SEAL_KEY_LEN]; /* the key of the last page: a browser, not a tab */
	struct link *link;            /* NULL: GRACE */
	struct media_leg leg;
	bool plain, media_up, muted;
	struct node_silence silence;
	bool ready_again; /* was ready when its leg went; is so again when it comes back soon */
	uint64_t media_lost_us;
	uint64_t own_until_us; /* until then not ready: its own talk may come back (RECALL) */
	/* mirror of the agent register, for the page */
	struct le news_le; /* in desk->news: presence and floor are not told yet … */
	bool page_behind;  /* … nor the page */
	struct le tell_le; /* in desk->tell: its page is to be told of the queues */
	uint64_t version;
	uint8_t state, reason;
	uint8_t worked; /* the last state that was not GRACE */
	uint64_t opened_us;
	uint64_t state_us;
	uint64_t offer, call;
	uint32_t queue; /* of the call in hand */
	uint16_t owner;
	uint64_t talk_us;
	bool talking;
	uint64_t wrap_until_us;
	uint64_t wrap_call, wrap_offer; /* what a `wrap` message is about */
	uint16_t wrap_owner;
	uint32_t wrap_queue; /* of the call that is wrapped up */
	uint64_t move_us;    /* draining: when its page is told to go elsewhere; 0: not yet drawn */
	bool wall_on;        /* the page of this supervisor shows the floor */
	struct wall_page wall;
	uint64_t wall_due_us; /* when it may be told again */
	json_t *ring;         /* the ring message, for a page that comes back */
};

/* What is remembered of another node. */
struct peer {
	uint32_t boot;
	uint64_t heard_us;
	bool takes; /* sessions: it neither drains nor is full, by its last status */
	bool owed;  /* it was not told of a session: its link was not up */
};

struct desk {
	struct node *n;
	struct peer *peers; /* by index in conf->daemons */
	/* By index in conf->agents: the highest login number seen, and the session that had it. */
	uint32_t *login_seen;
	uint64_t *newest;
	/* … and the session of another node that it has now, as far as was heard; 0 none */
	uint64_t *here;
	struct hash *links, *sessions, *by_leg;
	uint32_t links_n, sessions_n;
	struct seal_keypair noise;
	uint8_t ticket_key[SEAL_KEY_LEN];
	struct tmr tmr, tmr_wall, tmr_news, tmr_move, tmr_tell;
	struct list tell;
	bool queues_changed;      /* since pages were told … */
	uint64_t told_us;         /* … then */
	struct list news;         /* sessions whose state changed within the last DESK_NEWS_MS */
	uint64_t ticks, links_us; /* links_us: the last links_tick() */
	struct login_guard guard;
	struct passwords *passwords;
	struct {
		uint64_t logins, denied, resumed, bad_frames, too_fast, login_lockouts;
	} counters;
};

/* desk_link.c */
struct link *link_find(const struct desk *d, uint64_t conn);
/* Seals and sends; takes the reference to msg. A link that cannot be sent to is closed. */
void link_send(struct link *l, json_t *msg);
/* The same for a text that is there already. */
void link_send_text(struct link *l, const char *text, size_t len);
/* A frame of the text into dst, which holds 1 + len + SEAL_TAG_LEN. The next frame of this link
 * that is sent must be this one. errno of seal_encrypt(). */
int link_seal(struct link *l, const char *text, size_t len, uint8_t *dst, size_t size,
	      size_t *ret_len);
/* A frame of it was lost. Not now: the caller may be using this link. The next tick closes it. */
void link_end_soon(struct link *l);
void link_close(struct link *l, uint32_t why);
void link_error(struct link *l, const char *what, const char *why, const char *remedy);
void links_tick(struct desk *d);

/* desk_batch.c: link_send_text() to many; all is sent when batch_flush() returns. Between the two
 * nothing may be sent to a link that has its text already, and none may be closed. */
void batch_send_text(struct link *l, const char *text, size_t len);
void batch_flush(void);

/* desk_password.c: Argon2id on a thread of its own, one at a time */
struct passwords;
typedef void(password_h)(uint64_t conn, uint32_t ip4, const char *name, int result, void *arg);
int passwords_open(struct passwords **ret, password_h *h, void *arg);
struct passwords *passwords_close(struct passwords *p);
/* stored NULL: a dummy is verified, so that an unknown name takes as long. ENOSPC: too many wait,
 * of all or of this address.
 */
int passwords_check(struct passwords *p, uint64_t conn, uint32_t ip4, const char *name,
		    const char *stored, const char *password);

/* desk_login.c */
void login_request(struct link *l, const json_t *msg);
void login_resume(struct link *l, const json_t *msg);
void login_checked(uint64_t conn, uint32_t ip4, const char *name, int result, void *arg);

/* desk_session.c */
struct session *session_find(const struct desk *d, uint64_t id);
struct session *session_by_agent(const struct desk *d, uint64_t agent);
/* Signs the agent in on this link, or gives the link the agent's session that is here already. */
struct enter {
	bool keep_rtc;
	/* At a node that has not got the session any more: its person wanted calls … */
	bool ready;
	bool talking; /* … and was in one */
	/* Nobody pressed anything: the page comes back by itself, and had this session. 0: unknown */
	bool again;
	uint64_t had;
};
void session_enter(struct link *l, const struct conf_agent *agent, struct enter how);
void session_link_lost(struct session *s);
void session_send(struct session *s, json_t *msg);
/* What an administrator did that ends it: "password", "locked", "removed"; "": nothing. */
const char *session_ended_why(const struct session *s);
void session_state_send(struct session *s);
/* Its row in the directory is another session's by now: it takes a larger number than that one. */
void session_presence_anew(struct session *s);
void sessions_news_h(void *desk);
void session_media_set(struct session *s, bool up, const char *why);
void session_bridge(struct session *s);
void session_free(struct session *s);

/* desk_ready.c */
/* Its person asks for calls. */
void session_ready(struct session *s);
/* Before the leg goes: were calls wanted now, or after the work in hand? */
void session_ready_remember(struct session *s);
/* Who was ready before the leg went is so again, when everything allows it. */
void session_ready_again(struct session *s);

/* desk_claim.c */
int claims_open(struct desk *d);
void claims_close(struct desk *d);
/* Says to every node that this session is the agent's newest. */
void claim_fresh(struct session *s);
/* An agent's page comes back by itself, with the session it had: has a newer sign-in, on another
 * device or at another node, taken its place? */
bool claim_superseded(const struct desk *d, const struct conf_agent *agent, uint64_t had,
		      const uint8_t device[static SEAL_KEY_LEN]);
/* Says to every node that this session has ended. */
void claim_gone(const struct session *s);
/* Tells the page that its agent is signed in elsewhere, and whether it may finish its work. */
void claim_say_taken(struct session *s);
/* The agent is not in the configuration any more: signed out after the call. */
void session_dismiss(struct session *s);
/* It had yielded, and the newest page is here: it yields no more, any other does. talking: its own
 * talk is on the way here. false: it cannot, it is leaving or has just gone. */
bool session_stay(struct session *s, bool talking);
void claims_conf(struct desk *d, struct desk_agents *t); /* takes t */
/* Ends sessions that yielded with work in hand, once that is done. */
void claims_tick(struct desk *d);

/* desk_move.c: a draining node empties itself */
void moves_open(struct desk *d);
void moves_close(struct desk *d);

/* desk_slip.c: what a page needs to have its note taken at any node, of the wrap-up in hand */
json_t *slip_new(const struct session *s);
/* false: none of ours, of another agent, or too old. */
bool slip_open(const struct session *s, const char *hex, uint64_t *call, uint16_t *owner);

/* desk_wall.c: what supervisors see */
void wall_request(struct link *l, const json_t *msg);
/* The session's row in this node's book, after anything in it has changed. */
void wall_say(const struct session *s);
void wall_forget(struct session *s); /* its page is gone; the next one asks again */
void walls_close(struct desk *d);

/* desk_force.c: a page asks for another agent's state */
void force_request(struct link *l, const json_t *msg);

/* desk_message.c: one sealed JSON object from the page */
void message_handle(struct link *l, const uint8_t *json, size_t len);
json_t *message_queues(const struct session *s);

#endif
