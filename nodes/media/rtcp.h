/* RTCP (RFC 3550 §6): our compound report written, theirs read. Pure functions over bytes. */
#ifndef HELIO_MEDIA_RTCP_H
#define HELIO_MEDIA_RTCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RTCP_REPORT_MAX = 96 };

struct rtcp_report {
	uint32_t ssrc;
	bool sender; /* SR: we sent since the last report; else RR */
	uint64_t ntp;
	uint32_t rtp_ts, packets, octets;
	/* about the one source we hear; 0: none, the report has no block */
	uint32_t source;
	uint8_t fraction_lost;
	uint32_t lost, highest, jitter, last_sr, delay_since_sr;
};
/* Bytes written to dst[RTCP_REPORT_MAX]. */
size_t rtcp_write(uint8_t *dst, const struct rtcp_report *r);

struct rtcp_heard {
	bool sr, block, bye;
	uint32_t sr_ntp;         /* middle 32 bits */
	uint32_t last_sr, delay; /* of the block about us; last_sr 0: they heard no SR yet */
	uint8_t fraction_lost;   /* of what we send, in 1/256 */
};
/* A compound packet; blocks about other sources than `ours` are passed over. EBADMSG. */
int rtcp_parse(struct rtcp_heard *ret, const uint8_t *buf, size_t len, uint32_t ours);

/* Microseconds since an arbitrary moment, as RFC 3550 §4 allows, so that no wall clock can leap. */
uint64_t rtcp_ntp(uint64_t now_us);
/* Round trip from a block about us; 0: unknown or absurd. */
uint32_t rtcp_round_trip_us(uint64_t now_us, uint32_t last_sr, uint32_t delay);

#endif
