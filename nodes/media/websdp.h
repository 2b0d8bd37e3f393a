/*
 * The SDP of a WebRTC audio call (RFC 8829, 8839, 8842), written and read: one m= section. What is
 * read comes from a browser; every length is bounded, anything unknown is passed over.
 */
#ifndef HELIO_MEDIA_WEBSDP_H
#define HELIO_MEDIA_WEBSDP_H

#include <stdbool.h>
#include <stdint.h>

#include "nodes/media/media.h"

enum {
	WEB_TOKEN_MAX = 256, /* ice-ufrag and ice-pwd: RFC 8839 §5.4 */
	WEB_MID_MAX = 16,
	WEB_FINGERPRINT_LEN = 32, /* SHA-256 */
};

enum web_setup { WEB_ACTPASS, WEB_ACTIVE, WEB_PASSIVE };

struct web_description {
	char ufrag[WEB_TOKEN_MAX + 1], pwd[WEB_TOKEN_MAX + 1];
	uint8_t fingerprint[WEB_FINGERPRINT_LEN];
	enum web_setup setup;
	bool lite;
	bool send, recv; /* of whom wrote it */
	char mid[WEB_MID_MAX + 1];
	enum media_codec codec; /* the first that we know */
	uint8_t pt, dtmf_pt;    /* dtmf_pt 0xff: none on that codec's clock */
	uint32_t ip4;           /* first UDP host candidate with an IPv4 address; 0: none */
	uint16_t port;
	uint32_t ssrc; /* written only */
};

/* EINVAL with a reason. */
int websdp_parse(struct web_description *ret, const char *text, char ret_why[96]);
/* EMSGSIZE. */
int websdp_write(char dst[MEDIA_SDP_MAX], const struct web_description *d);

/* What we offer for a codec. */
void websdp_payload_types(enum media_codec codec, uint8_t *ret_pt, uint8_t *ret_dtmf_pt);

#endif
