/*
 * The WAN between sites as a pure switch: packets go in with the time, and come out when they are
 * due. No I/O, no clock, no allocation after wan_new(); the same seed and the same packets give the
 * same losses. main.c is the shell around it.
 *
 *   submit(from, to, now) ─► cut? lost? ─► delay + jitter (+ a twin) ─► heap by time ─► next(now)
 *
 * Each directed link has numbers of its own, so that traffic of one link does not move the losses
 * of another.
 */
#ifndef HELIO_CHAOS_WAN_H
#define HELIO_CHAOS_WAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WAN_SITES_MAX = 8,
	WAN_PACKET_MAX = 2048, /* our devices have an MTU of 1500 */
	/* Under way at once. 300 calls' audio over a link of 500 ms each way is 15,000. */
	WAN_PACKETS = 32768,
	WAN_DELAY_MAX_MS = 10000,
};

/* What a directed link does to packets. Shares are in hundredths of a percent: 10000 is all. */
struct wan_rule {
	uint32_t delay_us;
	uint32_t jitter_us; /* plus 0 … so much, evenly */
	uint32_t loss;      /* of 10000 */
	uint32_t duplicate; /* of 10000: a twin with a jitter of its own */
	uint32_t reorder;   /* of 10000: leave at once, ahead of those that wait */
	uint32_t corrupt;   /* of 10000: one bit behind the IP header is wrong */
	uint32_t rate_kbps; /* 0: no limit */
	bool cut;           /* nothing passes */
};

/* Counters of a directed link: they prove what a fault did. */
struct wan_counts {
	uint64_t packets, bytes;      /* came in */
	uint64_t delivered;           /* went out, twins too */
	uint64_t cut, lost, overflow; /* dropped: by a cut, by chance, for want of room */
	uint64_t duplicated, reordered, corrupted, delayed;
	uint64_t delay_max_us; /* the longest stay of a packet so far */
};

struct wan;
int wan_new(struct wan **ret, uint32_t sites, uint64_t seed); /* EINVAL, ENOMEM */
struct wan *wan_free(struct wan *w);
void wan_rule_set(struct wan *w, uint32_t from, uint32_t to, const struct wan_rule *rule);
const struct wan_rule *wan_rule_get(const struct wan *w, uint32_t from, uint32_t to);
const struct wan_counts *wan_counts_get(const struct wan *w, uint32_t from, uint32_t to);

/* Takes a copy. Packets that are too large or find no room are dropped and counted. */
void wan_submit(struct wan *w, uint32_t from, uint32_t to, uint64_t now_us, const void *packet,
		size_t n);
/* The next packet that is due: its length, 0 if none. *ret_packet is valid until the next call. */
size_t wan_next(struct wan *w, uint64_t now_us, uint32_t *ret_to, const void **ret_packet);
/* When wan_next() will have something; UINT64_MAX: never. */
uint64_t wan_deadline(const struct wan *w);

#endif
