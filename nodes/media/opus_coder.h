/*
 * Opus at 8 kHz mono for one leg: the other side of every call is telephony, so no resampler is
 * needed; RTP timestamps still run at 48 kHz (RFC 7587).
 */
#ifndef HELIO_MEDIA_OPUS_CODER_H
#define HELIO_MEDIA_OPUS_CODER_H

#include <stddef.h>
#include <stdint.h>

enum { OPUS_CODER_SAMPLES_MAX = 960 }; /* 120 ms, the longest packet */

struct opus_coder;
int opus_coder_new(struct opus_coder **ret, int complexity);
struct opus_coder *opus_coder_free(struct opus_coder *c);
/* Samples written to pcm; 0: not Opus. */
size_t opus_coder_decode(struct opus_coder *c, int16_t pcm[OPUS_CODER_SAMPLES_MAX],
			 const uint8_t *payload, size_t len);
/* n is one of Opus's frame lengths. Bytes written; 0: failed. */
size_t opus_coder_encode(struct opus_coder *c, uint8_t *dst, size_t size, const int16_t *pcm,
			 size_t n);

/* Frames of any length regrouped into 20 ms (a phone with 30 ms packets): what does not fill one
 * stays for the next. */
enum { OPUS_CODER_FRAME = 160 };
/* Takes up to what fills a frame; returns how many were taken; *ret_full: a frame is ready. */
size_t opus_coder_gather(struct opus_coder *c, const int16_t *pcm, size_t n, int16_t **ret_full);

#endif
