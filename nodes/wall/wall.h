/*
 * The wall: queues and agents of all sites, as supervisors see them.
 *
 *   node A ── book ── WallNews ──┐                    ┌── page of a supervisor
 *   node B ── book ── WallNews ──┼──► view at node C ─┤   (desk_wall.c)
 *   node C ── book ──────────────┘                    └── page of another
 *
 * Each node writes down in its book what it alone owns: its agents and its callers. A node with a
 * supervisor on it asks every other one directly, by a lease: there is no broker, no Redis and no
 * second memory in between that could be wrong or gone. Rows carry versions that only grow, an ask
 * says how far its sender has come, so what is lost is said again and nothing else is.
 *
 * Hints for people: no decision reads them.
 */
#ifndef HELIO_WALL_H
#define HELIO_WALL_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>

#include "heliograph.pb.h"
#include "nodes/wall/day.h"

struct conf;

enum {
	WALL_LEASE_MS = 5000,  /* an asker that died is talked to for so long */
	WALL_ASK_MS = 1000,    /* well within the lease; also how soon a lost message is mended */
	WALL_SILENT_MS = 3500, /* three answers missing: its rows are shown as old */
	WALL_GONE_MS = 60000,  /* after that they are taken away */
	WALL_JSON_MAX = 15000, /* one message to a page; the protocol allows 16 KiB */
};

struct wall_agent {
	uint64_t agent, session, login_no;
	uint64_t call;     /* in hand, or 0 */
	uint64_t since_us; /* this machine's monotonic time */
	uint32_t queue;    /* of the call in hand or wrapped up, or 0 */
	uint8_t state, reason;
};

struct wall_queue {
	uint32_t queue, waiting;
	uint32_t ewt_ms, ewt_error_ms; /* what a newcomer at its site is likely to wait */
	uint64_t head_us;              /* since when its oldest caller waits; 0: nobody */
	struct wall_figures day;
};

/* ---- the book: what this node says ---- */
struct wall_book;
int wall_book_new(struct wall_book **ret, const struct conf *conf);
struct wall_book *wall_book_free(struct wall_book *b);
/* Writes a row down; the same again changes nothing. An agent who left is written as OFF. */
void wall_book_agent(struct wall_book *b, const struct wall_agent *a);
void wall_book_queue(struct wall_book *b, const struct wall_queue *q);
/* The next message for somebody who knows everything up to *have, which moves on. False: there is
 * nothing new (ret is then an empty message, fit as a sign of life). */
bool wall_book_news(const struct wall_book *b, uint64_t *have, uint64_t now_us, WallNews *ret);

/* ---- the view: what a supervisor's node has gathered ---- */
struct wall_view;
int wall_view_new(struct wall_view **ret, const struct conf *conf, uint64_t now_us);
/* Another configuration; what a page sees of queues is told again. */
void wall_view_conf(struct wall_view *v, const struct conf *conf);
struct wall_view *wall_view_free(struct wall_view *v);
/* Takes news of the node `from`, in its life `boot`. True: something is missing in between, ask it
 * again now. Rows that this node's configuration does not know are left out. */
bool wall_view_news(struct wall_view *v, uint16_t from, uint32_t boot, const WallNews *news,
		    uint64_t now_us);
/* What to ask of that node: how far its news have been understood. */
void wall_view_ask(const struct wall_view *v, uint16_t to, WallAsk *ret);
struct conf_watch;
/* Each 100 ms or so: which queues are open, by the calendars of the view's configuration. Looks at
 * each queue once a second at most. */
void wall_view_hours(struct wall_view *v, const struct conf_watch *watch, uint64_t now_us,
		     int64_t wall_ms);
/* Once a second or so: nodes that fell silent. */
void wall_view_tick(struct wall_view *v, uint64_t now_us);

/* The node at which the agent is signed in, as far as is known; 0: nowhere, or it is silent. */
uint16_t wall_view_agent_node(const struct wall_view *v, uint64_t agent);

/* What a page knows; all zero for a page that knows nothing. */
struct wall_page {
	uint64_t have;
	uint32_t messages; /* sent so far */
};
/* The next message (PROTOCOL.md, `wall`) for a page, at most WALL_JSON_MAX long; NULL: nothing new.
 * The caller owns it. */
json_t *wall_view_json(const struct wall_view *v, struct wall_page *page, uint64_t now_us);

#endif
