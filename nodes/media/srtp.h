/*
 * SRTP and SRTCP (RFC 3711; GCM: RFC 7714) of one leg, both directions, on OpenSSL's ciphers.
 * Packets are protected in place. Named guard_*, because libre owns srtp_*.
 */
#ifndef HELIO_MEDIA_SRTP_H
#define HELIO_MEDIA_SRTP_H

#include <stddef.h>
#include <stdint.h>

enum guard_suite { GUARD_AES_CM_128_SHA1_80, GUARD_AEAD_AES_128_GCM };
enum {
	GUARD_KEY_LEN = 16,
	GUARD_MASTER_MAX = 30, /* key and salt: 16 + 14; GCM 16 + 12 */
	GUARD_RTP_OVERHEAD = 16,
	GUARD_RTCP_OVERHEAD = 20,
};

struct guard;
size_t guard_master_len(enum guard_suite suite);
/* tx, rx: master key followed by master salt. ENOMEM, ENOTSUP (OpenSSL lacks a cipher). */
int guard_new(struct guard **ret, enum guard_suite suite, const uint8_t *tx, const uint8_t *rx);
struct guard *guard_free(struct guard *g);

/* index: roll-over counter << 16 | sequence number; the caller never repeats one. buf must have
 * GUARD_RTP_OVERHEAD bytes of room behind *len. EIO: OpenSSL failed. */
int guard_protect_rtp(struct guard *g, uint8_t *buf, size_t *len, size_t header_len,
		      uint64_t index);
/* EBADMSG: not RTP; EACCES: authentication failed; EALREADY: replayed or too old; ENOSPC: more
 * sources (SSRC) than a leg may have. */
int guard_unprotect_rtp(struct guard *g, uint8_t *buf, size_t *len);
int guard_protect_rtcp(struct guard *g, uint8_t *buf, size_t *len);
int guard_unprotect_rtcp(struct guard *g, uint8_t *buf, size_t *len);

#endif
