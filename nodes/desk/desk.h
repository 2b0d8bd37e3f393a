/*
 * The desk: home agents' sealed sessions on a node. Frames come from gateways, are opened here and
 * become acd events; the core's effects become messages to the page (nodes/desk/PROTOCOL.md).
 *
 *   link     one browser's WebSocket, seen through a gateway: handshake, seal, keepalive
 *   session  a signed-in agent: survives its links, holds the nailed-up media leg
 */
#ifndef HELIO_DESK_H
#define HELIO_DESK_H

#include <stddef.h>
#include <stdint.h>

#include "common/acd/acd.h"
#include "common/wire/mesh.h"
#include "nodes/media/media.h"

struct node;
struct desk;

/* Reads this node's Noise key, its certificate and the ticket key; starts the password thread.
 * errno, ret_why says which file and the remedy. */
int desk_open(struct desk **ret_desk, struct node *node, char ret_why[256]);
struct desk *desk_close(struct desk *desk);

/* A frame from a gateway. boot: the gateway's, so that links of an earlier life end. */
void desk_frame(struct desk *desk, uint16_t gateway, uint32_t boot, const GwFrame *gw,
		const uint8_t *payload, size_t len);
/* What a broker says of the queues has come, with other figures than the last: pages are told soon,
 * in the even ones of its rounds. */
void desk_queues_came(struct desk *desk, bool changed, uint32_t round);
/* What the media says about a leg; false if it is no session's leg. */
bool desk_media(struct desk *desk, const struct media_event *ev);

void desk_fx_agent(struct desk *desk, const struct acd_fx *fx);
void desk_fx_ring(struct desk *desk, const struct acd_fx *fx);
void desk_fx_talk(struct desk *desk, const struct acd_fx *fx);
void desk_fx_offer_end(struct desk *desk, const struct acd_fx *fx);
/* The call in hand has another owner, or its owner is silent. */
void desk_fx_owner(struct desk *desk, const struct acd_fx *fx);
/* A call awaits this agent, who had that session: is a newer one known? Then the core is told. */
void desk_agent_wanted(struct desk *desk, uint64_t agent, uint64_t had);

/* One agent, one session (S10): another node says that a session of an agent is there. */
void desk_claim(struct desk *desk, uint16_t from, const SessionClaim *claim);
/* A node was heard: one that was silent or restarted is told of every session here. */
void desk_peer_heard(struct desk *desk, uint16_t from, uint32_t boot);

/* What a supervisor decides for an agent, and what came of it (desk_force.c). */
enum desk_force { DESK_FORCE_NONE, DESK_FORCE_READY, DESK_FORCE_NOT_READY, DESK_FORCE_RELEASE };
enum desk_forced {
	DESK_FORCED,
	DESK_FORCED_NOT_HERE,
	DESK_FORCED_MEDIA,
	DESK_FORCED_NOTHING,
	DESK_FORCED_STATE,
	DESK_FORCED_MAY_NOT,
	DESK_FORCED_BAD,
};
/* "ready", "not-ready", "release". */
enum desk_force desk_force_parse(const char *word);
const char *desk_forced_text(enum desk_forced why); /* a text that stays */
/* Decides for a session of this node. The caller has seen to it that `by` may. */
enum desk_forced desk_force_here(struct desk *desk, uint64_t agent, enum desk_force what,
				 const char *by_name, const char *by_display);
/* From the mesh: a supervisor of another node decides; the answer to one of ours. */
void desk_force(struct desk *desk, uint16_t from, const Force *force);
void desk_forced(struct desk *desk, const Forced *forced);

/* What a node says of itself: can pages go there? */
void desk_peer_status(struct desk *desk, uint16_t from, bool draining);
/* Draining began or ended: idle pages are told to go elsewhere, spread over some seconds, those in
 * a call after it and its wrap-up. Nobody is told while there is no other node that takes them. */
void desk_drain(struct desk *desk, bool on);
/* Sessions that will be told yet; 0 too when there is nowhere to go. */
uint32_t desk_to_move(const struct desk *desk);
/* Every page is told to connect again (close code 1012): another node may have its session by now.
 */
/* Once a second: talks whose browser is silent are flagged, and released in the end. */
void desk_silence(struct desk *d);
void desk_move_all(struct desk *desk);
/* [{call, silent_ms}]: talks whose browser has fallen silent here. NULL: no memory. */
json_t *desk_silent_json(const struct desk *desk);

/* At which site the agent is signed in, as far as is known; 0: nowhere. */
uint8_t desk_signed_in_at(const struct desk *desk, const struct conf_agent *agent);
/* The queue of the call that this session has in hand; 0: none. */
uint32_t desk_queue(const struct desk *desk, struct acd_session_id session);
uint32_t desk_sessions(const struct desk *desk);

struct desk_abuse {
	uint64_t denied, login_lockouts, bad_frames, too_fast;
};
struct desk_abuse desk_abuse(const struct desk *desk);

/* Tables by agent for another configuration: made, then handed to desk_conf() or freed. */
struct desk_agents;
struct desk_agents *desk_agents_new(const struct desk *d, const struct conf *fresh);
void desk_agents_free(struct desk_agents *a);
/* n->conf is another one now: sessions follow; who was removed, locked or given another
 * password is signed out after the call. */
void desk_conf(struct desk *d, struct desk_agents *agents);

/* Another node counted wrong passwords. */
void desk_login_hint(struct desk *d, const LoginHint *hint);

#endif
