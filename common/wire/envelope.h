/*
 * An envelope from bytes and back, with everything checked that can be checked without knowing who
 * sent it. Private to common/wire (and its fuzz target).
 */
#ifndef HELIO_ENVELOPE_H
#define HELIO_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

#include "heliograph.pb.h"

/* EBADMSG: not an envelope, no body that this version knows, or a value out of its range.
 * EPROTONOSUPPORT: a protocol version that we do not speak. The texts in it are made printable
 * UTF-8: a caller's strange name must never cost the caller the call. */
int envelope_decode(Envelope *ret_env, const uint8_t *src, size_t len);

/* EBADMSG if env is not one that can be sent; *ret_len bytes were written on success. */
int envelope_encode(uint8_t dst[static Envelope_size], size_t *ret_len, const Envelope *env);

#endif
