/*
 * The mesh: every daemon binds one ROUTER that only receives and connects one DEALER per peer that
 * only sends. CURVE on every link, ZAP before bind; a key belongs to one daemon of one site
 * (certificate metadata `addr`), and an envelope whose `from` differs from it is dropped and
 * counted.
 *
 *      daemon A                         daemon B
 *   DEALER -> B  ───── CURVE ─────►  ROUTER (bound)     user-id = A's address, from A's certificate
 *   ROUTER       ◄──── CURVE ──────  DEALER -> A
 *
 * IMMEDIATE=1, LINGER=0, small HWM: what cannot be sent now is dropped and counted; the protocol
 * above repeats what matters. One thread; the descriptor is edge-triggered, so mesh_recv() is
 * called until EAGAIN after every wake-up. (A shell that stops earlier, to let its timers run, must
 * come back by itself. A send swallows no edge: other sockets send than the one that receives.)
 * The mesh has a ZeroMQ context and a ZAP handler of its own: other sockets of the process (admin)
 * neither disturb nor use it.
 */
#ifndef HELIO_MESH_H
#define HELIO_MESH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heliograph.pb.h"

struct conf;
struct mesh;

enum { MESH_PAYLOAD_MAX = 65536, MESH_PROTOCOL_VERSION = 1 };

struct mesh_counters {
	uint64_t sent, received, send_dropped, bad_decode, bad_sender, bad_version, stale_boot,
	    too_big, gaps;
	uint64_t refused;    /* handshakes with a key that is not in the configuration */
	uint16_t stale_from; /* who sent the last one that stale_boot counted */
};

/* Opens the mesh of daemon `self` (an address in conf) with its fsynced boot number. Keys are read
 * from conf->keys_dir: curve/<name>.key (secret, own), curve/<name>.pub of every peer.
 * Begins to connect to every daemon that this role speaks with, without waiting for any.
 * Errors: ENOENT key missing, EADDRINUSE, ...; ret_why (may be NULL; 256 bytes) says what and
 * the remedy. Ownership: free with mesh_free(). */
int mesh_open(struct mesh **ret_mesh, const struct conf *conf, uint16_t self, uint32_t boot,
	      char ret_why[256]);
struct mesh *mesh_free(struct mesh *mesh);

/* A descriptor to poll for reading (edge-triggered). */
int mesh_fd(const struct mesh *mesh);

/* The next message, already checked against the sender's key. payload (may be empty) stays valid
 * until the next call. EAGAIN when there is none. Bad ones are dropped, counted and skipped. */
int mesh_recv(struct mesh *mesh, Envelope *ret_env, const uint8_t **ret_payload,
	      size_t *ret_payload_len);

/* Sends body (env->which_body set; version, from, boot, seq are filled in here). Errors: EAGAIN
 * peer away or its queue full (dropped, counted); ENOENT no such address in the configuration;
 * EMSGSIZE. */
int mesh_send(struct mesh *mesh, uint16_t to, Envelope *env, const void *payload,
	      size_t payload_len);

/* Can it be sent to now? False: its link is down (a process that was killed: one way later; a
 * machine that was: by heartbeats, 4 s), or what waits for it fills the queue. */
bool mesh_up(struct mesh *mesh, uint16_t to);

/* As of now; the address stays the same while the mesh lives. */
const struct mesh_counters *mesh_counters(const struct mesh *mesh);

/* acd_msg <-> Acd; from_pb returns EBADMSG for values out of their range. */
struct acd_msg;
void wire_acd_to_pb(Acd *dst, const struct acd_msg *src);
int wire_acd_from_pb(struct acd_msg *dst, const Acd *src);
/* True for a message with skills whose bits stand for other names than ours do. */
bool wire_acd_other_skills(const Acd *src, uint32_t mark);

#endif
