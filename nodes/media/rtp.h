/*
 * RTP packets (RFC 3550) as pure functions over bytes: parse, write, the receiver's statistics
 * (appendix A) and the sender's continuous numbering across changing sources. No I/O, no clock:
 * `now_us` is passed in.
 */
#ifndef HELIO_MEDIA_RTP_H
#define HELIO_MEDIA_RTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RTP_HEADER_LEN = 12, RTP_VERSION_2 = 0x80, RTP_PT_NONE = 0xff };

struct rtp_packet {
	bool marker;
	uint8_t pt;
	uint16_t seq;
	uint32_t ts, ssrc;
	size_t header_len; /* with CSRCs and extension: what SRTP leaves in the clear */
	const uint8_t *payload;
	size_t payload_len; /* without padding */
};

/* The header alone (SRTP: padding is still encrypted). EBADMSG. */
int rtp_parse_header(struct rtp_packet *ret, const uint8_t *buf, size_t len);
/* Header, then payload without padding. EBADMSG. */
int rtp_parse(struct rtp_packet *ret, const uint8_t *buf, size_t len);
void rtp_write_header(uint8_t dst[RTP_HEADER_LEN], bool marker, uint8_t pt, uint16_t seq,
		      uint32_t ts, uint32_t ssrc);

/* What was heard from one source: RFC 3550 appendix A.1, A.3, A.8. */
struct rtp_in {
	bool started;
	uint32_t ssrc;
	uint32_t base, top; /* extended sequence numbers; base: first */
	uint32_t received;
	uint32_t expected_prior, received_prior; /* at the last report */
	uint32_t expected_stat, received_stat;   /* at the last statistics event */
	uint64_t lost_before;                    /* by earlier sources of this leg */
	uint32_t transit, jitter16;              /* timestamp units; jitter × 16 */
	bool have_transit;
};
/* rate: clock in Hz. A new SSRC or a leap starts anew. */
void rtp_in_update(struct rtp_in *in, const struct rtp_packet *p, uint32_t rate, uint64_t now_us);
uint64_t rtp_in_lost(const struct rtp_in *in);
/* Loss since the last call with the same pair of marks, in 1/scale. */
uint32_t rtp_in_interval_loss(const struct rtp_in *in, uint32_t *expected, uint32_t *received,
			      uint32_t scale);

/*
 * One outgoing stream: one SSRC for the life of a leg, whatever it carries (greeting, music, an
 * agent, another agent).
 *
 *   source A: 10 11 12            source B: 900 901 903
 *   sent:      1  2  3                        4   5   7     loss of the source stays visible
 *
 * No sequence number is ever sent twice: with SRTP that would reuse a key stream.
 */
struct rtp_out {
	uint32_t ssrc;
	bool started, mapped; /* mapped: a source is being followed; else generated frames */
	uint64_t top;         /* highest extended sequence number sent */
	uint64_t window;      /* bit n: top − n was sent */
	uint32_t ts;          /* of `top` */
	uint64_t at_us;       /* when `top` was sent */
	uint64_t source;      /* key of the source that is followed */
	uint16_t in_seq;      /* newest of the source, and what it became */
	uint32_t in_ts, out_ts;
	uint64_t out_ext, first_ext; /* first_ext: the source's first; older ones are dropped */
};
struct rtp_slot {
	uint64_t ext; /* extended sequence number */
	uint32_t ts;
	bool marker; /* a new talk spurt begins here */
};
void rtp_out_init(struct rtp_out *o, uint32_t ssrc);
/* A stream that somebody else sent up to here. */
void rtp_out_resume(struct rtp_out *o, uint32_t ssrc, uint16_t seq, uint32_t ts, uint64_t now_us);
/* A frame of our own making, `dur` clock ticks long; fresh: after a pause or another source. */
void rtp_out_next(struct rtp_out *o, struct rtp_slot *ret, uint32_t dur, uint32_t rate, bool fresh,
		  uint64_t now_us);
/* A packet of a source with clock in_rate, to be sent with clock rate. EALREADY: this number was
 * sent or belongs to the time before the source began. */
int rtp_out_map(struct rtp_out *o, struct rtp_slot *ret, uint64_t source, uint16_t seq, uint32_t ts,
		uint32_t in_rate, uint32_t rate, uint64_t now_us);

/* RFC 4733 telephone-event payload. */
struct rtp_dtmf {
	char digit;
	bool end;
	uint8_t volume;
	uint16_t duration;
};
/* EBADMSG: too short or not 0–9 * # A–D. */
int rtp_dtmf_parse(struct rtp_dtmf *ret, const uint8_t *payload, size_t len);

#endif
