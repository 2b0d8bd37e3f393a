#include "nodes/media/g711.h"

static int16_t from_ulaw[256], from_alaw[256];
static uint8_t ulaw_to_alaw[256], alaw_to_ulaw[256];

/* The 8 segments of µ-law lie over a bias of 33 (×4 in 16-bit samples: 132). */
uint8_t g711_ulaw_encode(int16_t pcm)
{
	int v = pcm, sign = 0;
	if (v < 0) {
		v = -v;
		sign = 0x80;
	}
	v = (v > 32635 ? 32635 : v) + 132;
	int seg = 7;
	for (int bit = 0x4000; seg > 0 && !(v & bit); bit >>= 1)
		seg--;
	return (uint8_t) ~(sign | seg << 4 | (v >> (seg + 3) & 0x0f));
}

uint8_t g711_alaw_encode(int16_t pcm)
{
	int v = pcm, sign = 0x80;
	if (v < 0) {
		v = -v - 1; /* −1 is the mirror of 0, and −32768 of 32767 */
		sign = 0;
	}
	int seg = 7;
	for (int bit = 0x4000; seg > 0 && !(v & bit); bit >>= 1)
		seg--;
	int mantissa = seg ? v >> (seg + 3) & 0x0f : v >> 4 & 0x0f;
	return (uint8_t)((sign | seg << 4 | mantissa) ^ 0x55);
}

static int16_t ulaw_expand(uint8_t u)
{
	int v = (uint8_t)~u;
	int t = (((v & 0x0f) << 3) + 132) << (v >> 4 & 7);
	return (int16_t)(v & 0x80 ? 132 - t : t - 132);
}

static int16_t alaw_expand(uint8_t a)
{
	int v = a ^ 0x55, seg = v >> 4 & 7;
	int t = ((v & 0x0f) << 4) + 8;
	if (seg)
		t = (t + 256) << (seg - 1);
	return (int16_t)(v & 0x80 ? t : -t);
}

int16_t g711_ulaw_decode(uint8_t v)
{
	return ulaw_expand(v);
}

int16_t g711_alaw_decode(uint8_t v)
{
	return alaw_expand(v);
}

void g711_init(void)
{
	for (unsigned i = 0; i < 256; i++) {
		from_ulaw[i] = ulaw_expand((uint8_t)i);
		from_alaw[i] = alaw_expand((uint8_t)i);
		ulaw_to_alaw[i] = g711_alaw_encode(from_ulaw[i]);
		alaw_to_ulaw[i] = g711_ulaw_encode(from_alaw[i]);
	}
}

void g711_decode(enum media_codec codec, int16_t *dst, const uint8_t *src, size_t n)
{
	const int16_t *table = codec == MEDIA_PCMA ? from_alaw : from_ulaw;
	for (size_t i = 0; i < n; i++)
		dst[i] = table[src[i]];
}

void g711_encode(enum media_codec codec, uint8_t *dst, const int16_t *src, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dst[i] = codec == MEDIA_PCMA ? g711_alaw_encode(src[i]) : g711_ulaw_encode(src[i]);
}

void g711_convert(enum media_codec from, uint8_t *dst, const uint8_t *src, size_t n)
{
	const uint8_t *table = from == MEDIA_PCMA ? alaw_to_ulaw : ulaw_to_alaw;
	for (size_t i = 0; i < n; i++)
		dst[i] = table[src[i]];
}
