/* What the files of the mesh share; private to common/wire. */
#ifndef HELIO_MESH_INTERNAL_H
#define HELIO_MESH_INTERNAL_H

#include "common/wire/mesh.h"
#include "common/conf/conf.h"

#include <zmq.h>

enum { MESH_KEY_LEN = 32, MESH_ENDPOINT_SIZE = 96 };

/* One per daemon of the configuration, in its order; this daemon too (its key must be ours). */
struct mesh_peer {
	uint16_t addr;
	char name[CONF_NAME_SIZE];
	uint8_t key[MESH_KEY_LEN]; /* public, the one that our DEALER expects there */
	char endpoint[MESH_ENDPOINT_SIZE];
	void *dealer; /* NULL until the first send */
	uint64_t seq_out;
	uint32_t boot_in; /* highest seen; 0 before the first message */
	uint64_t seq_in;
};

struct mesh_zap;

struct mesh {
	uint16_t self;
	uint32_t boot;
	uint8_t public_key[MESH_KEY_LEN], secret_key[MESH_KEY_LEN];
	struct mesh_peer *peers;
	uint32_t peers_n;
	uint16_t *peer_at; /* by address: index + 1; 65,536 entries, 0 = unknown */
	void *ctx, *router;
	int fd;
	struct mesh_zap *zap;
	uint32_t keys_seen;             /* generation of the guard's keys that the DEALERs have */
	zmq_msg_t payload;              /* of the message last returned; always initialised */
	struct mesh_counters *counters; /* refreshed whenever someone looks */
};

/* Reads own secret key and the public keys of all daemons of conf into mesh. */
int mesh_keys_load(struct mesh *mesh, const struct conf *conf, char ret_why[static 256]);

struct mesh_peer *mesh_peer_find(struct mesh *mesh, unsigned addr);

/* Begins to connect to a peer, once. errno of libzmq. */
int mesh_connect(struct mesh *mesh, struct mesh_peer *peer);

/* Options of all sockets; patient: a link that outlives a slow peer (mesh.c says which). errno. */
int mesh_socket_options(void *socket, bool patient);

/* The public half of keys_dir/curve/NAME SUFFIX, if its metadata says this address. */
int mesh_key_read(uint8_t ret[static MESH_KEY_LEN], const char *keys_dir, const char *name,
		  uint16_t addr, const char *suffix, char ret_why[static 256]);

/* A daemon that came with a new key is connected to anew, with that key. Cheap when none did. */
void mesh_keys_follow(struct mesh *mesh);

/* The ZAP handler of ctx: one thread that admits the keys of peers, and those that keys_dir has
 * for them later, and names them. Returns after a probe through the same endpoint that libzmq uses
 * was answered rightly, both ways. */
int mesh_zap_start(struct mesh_zap **ret, void *ctx, const struct mesh_peer *peers, uint32_t n,
		   const char *keys_dir, const uint8_t own_key[static MESH_KEY_LEN]);
/* Grows whenever a daemon was admitted with a new key; that of peer i. */
uint32_t mesh_zap_generation(const struct mesh_zap *zap);
void mesh_zap_key(struct mesh_zap *zap, uint32_t i, uint8_t ret[static MESH_KEY_LEN]);
uint64_t mesh_zap_refused(const struct mesh_zap *zap);
/* Waits for its end: zmq_ctx_shutdown(ctx) must have been called. NULL-safe, returns NULL. */
struct mesh_zap *mesh_zap_join(struct mesh_zap *zap);

#endif
