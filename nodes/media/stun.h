/*
 * The part of STUN (RFC 5389/8489) that ICE needs: binding requests and answers with short-term
 * credentials. Pure functions over bytes; named ice_*, because libre owns stun_*.
 */
#ifndef HELIO_MEDIA_STUN_H
#define HELIO_MEDIA_STUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ICE_TID_LEN = 12,
	ICE_USERNAME_MAX = 513, /* RFC 8489 §14.3 */
	ICE_MESSAGE_MAX = 800,  /* what we write; and all we accept */
	ICE_BINDING_REQUEST = 0x0001,
	ICE_BINDING_SUCCESS = 0x0101,
	ICE_BINDING_ERROR = 0x0111,
};

struct ice_message {
	uint16_t type;
	uint8_t tid[ICE_TID_LEN];
	const char *username; /* not terminated; NULL: absent */
	size_t username_len;
	size_t integrity_at; /* offset of MESSAGE-INTEGRITY; 0: absent */
	bool use_candidate, controlling, controlled;
	bool unknown_required; /* an attribute we must understand and do not */
};

/* Lengths, cookie, fingerprint (required, as ICE does: RFC 8445 §7.1.1) are checked. EBADMSG. */
int ice_parse(struct ice_message *ret, const uint8_t *buf, size_t len);
/* MESSAGE-INTEGRITY with that password. */
bool ice_integrity_ok(const struct ice_message *m, const uint8_t *buf, const char *password);

/* Both return the length written to dst[ICE_MESSAGE_MAX]; 0 if OpenSSL failed. */
size_t ice_write_success(uint8_t *dst, const uint8_t tid[ICE_TID_LEN], uint32_t ip4, uint16_t port,
			 const char *password);
size_t ice_write_request(uint8_t *dst, const uint8_t tid[ICE_TID_LEN], const char *username,
			 uint64_t tie_breaker, uint32_t priority, bool use_candidate,
			 const char *password);

#endif
