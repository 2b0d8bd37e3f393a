#include "gateway/peers.h"
#include "common/base/base.h"

#include <stdlib.h>

/* Fibonacci hashing: neighbours of one network must not share a bucket. */
static struct gw_peer **bucket_of(struct gw_peers *p, uint32_t ip4)
{
	return &p->bucket[(ip4 * 2654435769u) >> 22];
}

struct gw_peer *gw_peer_find(struct gw_peers *p, uint32_t ip4)
{
	for (struct gw_peer *e = *bucket_of(p, ip4); e; e = e->next)
		if (e->ip4 == ip4)
			return e;
	return NULL;
}

struct gw_peer *gw_peer_take(struct gw_peers *p, uint32_t ip4)
{
	struct gw_peer *peer = gw_peer_find(p, ip4);
	if (!peer) {
		peer = calloc(1, sizeof(*peer));
		if (!peer)
			return NULL;
		struct gw_peer **bucket = bucket_of(p, ip4);
		peer->ip4 = ip4;
		peer->next = *bucket;
		*bucket = peer;
	}
	peer->sockets++;
	p->sockets++;
	return peer;
}

void gw_peer_drop(struct gw_peers *p, struct gw_peer *peer)
{
	helio_assert(peer->sockets > 0 && p->sockets > 0);
	p->sockets--;
	if (--peer->sockets > 0)
		return;
	struct gw_peer **at = bucket_of(p, peer->ip4);
	while (*at != peer)
		at = &(*at)->next;
	*at = peer->next;
	free(peer);
}
