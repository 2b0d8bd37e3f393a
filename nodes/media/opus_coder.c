#include "nodes/media/opus_coder.h"

#include <errno.h>
#include <opus.h>
#include <stdlib.h>
#include <string.h>

struct opus_coder {
	OpusEncoder *enc;
	OpusDecoder *dec;
	int complexity;
	size_t gathered;
	int16_t frame[OPUS_CODER_FRAME];
};

int opus_coder_new(struct opus_coder **ret, int complexity)
{
	struct opus_coder *c = calloc(1, sizeof(*c));
	if (!c)
		return ENOMEM;
	c->complexity = complexity;
	*ret = c;
	return 0;
}

struct opus_coder *opus_coder_free(struct opus_coder *c)
{
	if (!c)
		return NULL;
	if (c->enc)
		opus_encoder_destroy(c->enc);
	if (c->dec)
		opus_decoder_destroy(c->dec);
	free(c);
	return NULL;
}

size_t opus_coder_decode(struct opus_coder *c, int16_t pcm[OPUS_CODER_SAMPLES_MAX],
			 const uint8_t *payload, size_t len)
{
	int err = 0;
	if (!c->dec)
		c->dec = opus_decoder_create(8000, 1, &err);
	if (!c->dec || !len)
		return 0;
	int n = opus_decode(c->dec, payload, (opus_int32)len, pcm, OPUS_CODER_SAMPLES_MAX, 0);
	return n < 0 ? 0 : (size_t)n;
}

/* 24 kbit/s is transparent for narrow-band speech; FEC with an expected 5 % of loss lets a home
 * line lose single packets unheard. */
static OpusEncoder *make_encoder(int complexity)
{
	int err = 0;
	OpusEncoder *e = opus_encoder_create(8000, 1, OPUS_APPLICATION_VOIP, &err);
	if (!e)
		return NULL;
	opus_encoder_ctl(e, OPUS_SET_COMPLEXITY(complexity));
	opus_encoder_ctl(e, OPUS_SET_BITRATE(24000));
	opus_encoder_ctl(e, OPUS_SET_INBAND_FEC(1));
	opus_encoder_ctl(e, OPUS_SET_PACKET_LOSS_PERC(5));
	return e;
}

size_t opus_coder_encode(struct opus_coder *c, uint8_t *dst, size_t size, const int16_t *pcm,
			 size_t n)
{
	if (!c->enc)
		c->enc = make_encoder(c->complexity);
	if (!c->enc)
		return 0;
	int len = opus_encode(c->enc, pcm, (int)n, dst, (opus_int32)size);
	return len < 0 ? 0 : (size_t)len;
}

size_t opus_coder_gather(struct opus_coder *c, const int16_t *pcm, size_t n, int16_t **ret_full)
{
	size_t take = OPUS_CODER_FRAME - c->gathered;
	if (take > n)
		take = n;
	memcpy(c->frame + c->gathered, pcm, take * sizeof(*pcm));
	c->gathered += take;
	*ret_full = NULL;
	if (c->gathered == OPUS_CODER_FRAME) {
		*ret_full = c->frame;
		c->gathered = 0;
	}
	return take;
}
