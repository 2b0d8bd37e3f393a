/* DTLS 1.2 for WebRTC on OpenSSL: handshake, the peer's fingerprint, SRTP keys (RFC 5764). */
#ifndef HELIO_MEDIA_DTLS_H
#define HELIO_MEDIA_DTLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nodes/media/srtp.h"

enum { DTLS_FINGERPRINT_LEN = 32 };

/* A P-256 key and its certificate, shared by all threads: what dtls_identity_text() gave an earlier
 * life, or new ones if that is empty, broken or too old (pem_len 0: none). ENOMEM, EIO. */
struct dtls_identity;
int dtls_identity_new(struct dtls_identity **ret, const char *pem, size_t pem_len);
/* Both as PEM (RFC 7468), the secret key first, and a NUL that is not counted; borrowed. */
const char *dtls_identity_text(const struct dtls_identity *id, size_t *ret_len);
struct dtls_identity *dtls_identity_free(struct dtls_identity *id);
const uint8_t *dtls_identity_fingerprint(const struct dtls_identity *id);

enum dtls_state { DTLS_SHAKING, DTLS_OPEN, DTLS_CLOSED, DTLS_FAILED };
struct dtls;
typedef void(dtls_send_h)(const uint8_t *data, size_t len, void *arg);

int dtls_new(struct dtls **ret, struct dtls_identity *id, bool client, dtls_send_h *send_h,
	     void *arg);
struct dtls *dtls_free(struct dtls *d); /* says goodbye (close_notify) if open */
/* All three return the state after it. data NULL: begin (the client's first flight). */
enum dtls_state dtls_feed(struct dtls *d, const uint8_t *data, size_t len);
enum dtls_state dtls_tick(struct dtls *d); /* retransmissions; call every 200 ms while shaking */
enum dtls_state dtls_state_of(const struct dtls *d);

/* Once open. ENOENT: no certificate. */
int dtls_peer_fingerprint(struct dtls *d, uint8_t ret[DTLS_FINGERPRINT_LEN]);
/* ENOTSUP: no SRTP profile agreed. */
int dtls_srtp_keys(struct dtls *d, enum guard_suite *ret_suite, uint8_t ret_tx[GUARD_MASTER_MAX],
		   uint8_t ret_rx[GUARD_MASTER_MAX]);

#endif
