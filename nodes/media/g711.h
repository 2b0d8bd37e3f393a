/* ITU-T G.711, both laws, by table. Our own, because libre's is wrong at −32768 and for A-law. */
#ifndef HELIO_MEDIA_G711_H
#define HELIO_MEDIA_G711_H

#include <stddef.h>
#include <stdint.h>

#include "nodes/media/media.h"

enum { G711_ULAW_SILENCE = 0xff, G711_ALAW_SILENCE = 0xd5 };

int16_t g711_ulaw_decode(uint8_t v);
int16_t g711_alaw_decode(uint8_t v);
uint8_t g711_ulaw_encode(int16_t pcm);
uint8_t g711_alaw_encode(int16_t pcm);

/* codec: MEDIA_PCMU or MEDIA_PCMA. */
void g711_decode(enum media_codec codec, int16_t *dst, const uint8_t *src, size_t n);
void g711_encode(enum media_codec codec, uint8_t *dst, const int16_t *src, size_t n);
/* From one law to the other; in place is allowed. */
void g711_convert(enum media_codec from, uint8_t *dst, const uint8_t *src, size_t n);
/* Fills the conversion tables; once, before threads start. */
void g711_init(void);

#endif
