/*
 * SDP as a node needs it: one audio stream of G.711 with telephone events over plain RTP, IPv4
 * literals. A small strict reader, because what decides where we send audio must be read in one
 * way only. RFC 8866 (SDP), RFC 3264 (offer/answer), RFC 4733 (telephone events).
 * Depends on libc only.
 */
#ifndef HELIO_SIP_SDP_H
#define HELIO_SIP_SDP_H

#include <stddef.h>
#include <stdint.h>

#include "nodes/sip/sip_call.h"

enum { SDP_MEDIA_MAX = 8, SDP_TEXT_MAX = 16384, SDP_WRITE_MAX = 1024, SDP_MLINE_SIZE = 64 };

/* An offer or answer as read. An answer to an offer must name each of its m-lines in order
 * (RFC 3264 §6), so those which we refuse are kept as far as the refusal repeats them. */
struct sdp_desc {
	struct sip_sdp audio; /* the stream that we take */
	uint32_t media_n;
	uint32_t audio_index;                        /* which m-line it is */
	char refused[SDP_MEDIA_MAX][SDP_MLINE_SIZE]; /* "video 0 RTP/AVP 31"; "" for the audio */
};

/* Reads a description. dir attributes are turned to our view. EBADMSG: not SDP (answer 400);
 * ENOTSUP: SDP, but no audio stream that we can take (answer 488). */
int sdp_read(struct sdp_desc *ret, const char *text, size_t len);

struct sdp_local {
	uint64_t session, version; /* o= line; the version rises with each change (RFC 3264 §8) */
	const char *address;       /* IPv4 literal: where we want the audio */
	uint16_t port;
};
/* Our answer to `offer`, or, with offer NULL, an offer of what we can do: `prefer` first; `only`
 * leaves the other codec out. Returns the length; 0 if it does not fit (cannot happen for sizes
 * that sdp_read() lets through). */
size_t sdp_write_answer(char *buf, size_t size, const struct sdp_local *local,
			const struct sdp_desc *offer);
size_t sdp_write_offer(char *buf, size_t size, const struct sdp_local *local, enum sip_codec prefer,
		       bool only);

#endif
