/*
 * How many sockets each address holds, so that one address cannot take all places. Pure.
 */
#ifndef HELIO_GATEWAY_PEERS_H
#define HELIO_GATEWAY_PEERS_H

#include <stddef.h>
#include <stdint.h>

enum { GW_PEER_BUCKETS = 1024 };

struct gw_peer {
	struct gw_peer *next;
	uint32_t ip4;
	uint32_t sockets, desks; /* TCP connections; WebSockets among them */
};

struct gw_peers {
	struct gw_peer *bucket[GW_PEER_BUCKETS];
	size_t sockets, desks; /* of all */
};

/* NULL: the address holds nothing. */
struct gw_peer *gw_peer_find(struct gw_peers *p, uint32_t ip4);
/* Counts a socket in; NULL when memory is out. */
struct gw_peer *gw_peer_take(struct gw_peers *p, uint32_t ip4);
/* Counts a socket out; the peer is forgotten with its last one. */
void gw_peer_drop(struct gw_peers *p, struct gw_peer *peer);

#endif
