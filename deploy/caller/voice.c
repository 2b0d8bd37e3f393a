#include "deploy/caller/caller_priv.h"

#include <errno.h>
#include <math.h>
#include <rem.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AMPLITUDE = 8000, FADE = RATE / 50 };

/* Adds a note of n samples that swells and fades, so that it is soft to the ear. */
static void note(int16_t *dst, uint32_t n, double hz)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t edge = i < n - i ? i : n - i;
		double gain = edge < FADE ? (double)edge / FADE : 1.0;
		dst[i] = (int16_t)lrint(gain * AMPLITUDE * sin(2.0 * M_PI * hz * i / RATE));
	}
}

static int16_t *make_tone(double hz, uint32_t *ret_n)
{
	int16_t *pcm = calloc(RATE, sizeof(*pcm));
	for (uint32_t i = 0; pcm && i < RATE; i++)
		pcm[i] = (int16_t)lrint(AMPLITUDE * sin(2.0 * M_PI * hz * i / RATE));
	*ret_n = RATE;
	return pcm;
}

static int16_t *make_pattern(uint32_t *ret_n)
{
	static const double hz[] = {523.25, 659.25, 783.99}; /* C5 E5 G5 */
	int16_t *pcm = calloc(2 * RATE, sizeof(*pcm));
	for (uint32_t i = 0; pcm && i < 3; i++)
		note(pcm + i * 2 * RATE / 5, RATE / 3, hz[i]);
	*ret_n = 2 * RATE;
	return pcm;
}

/* Down to 8 kHz mono: each output sample is the mean of the input samples that it spans, which
 * removes most of what 8 kHz cannot carry; up-sampling repeats the nearest. Speech needs no more.
 */
static int16_t *resample(const float *in, sf_count_t frames, const SF_INFO *info, uint32_t *ret_n)
{
	double step = (double)info->samplerate / RATE;
	uint32_t n = (uint32_t)((double)frames / step);
	n = n > VOICE_MAX ? VOICE_MAX : n;
	int16_t *out = n > 0 ? malloc(n * sizeof(*out)) : NULL;
	for (uint32_t i = 0; out && i < n; i++) {
		sf_count_t from = (sf_count_t)(i * step), to = (sf_count_t)((i + 1) * step);
		double sum = 0;
		sf_count_t count = 0;
		for (sf_count_t f = from; (f < to || f == from) && f < frames; f++)
			for (int ch = 0; ch < info->channels; ch++, count++)
				sum += in[f * info->channels + ch];
		double v = count ? 32000.0 * sum / (double)count : 0;
		out[i] = (int16_t)lrint(v > 32000 ? 32000 : (v < -32000 ? -32000 : v));
	}
	*ret_n = n;
	return out;
}

static int16_t *load_wav(const char *path, uint32_t *ret_n, char why[256])
{
	SF_INFO info = {0};
	SNDFILE *f = sf_open(path, SFM_READ, &info);
	if (!f) {
		snprintf(why, 256, "%s: %s", path, sf_strerror(NULL));
		return NULL;
	}
	sf_count_t most = (sf_count_t)info.samplerate * (VOICE_MAX / RATE);
	sf_count_t frames = info.frames < most ? info.frames : most;
	float *in =
	    frames > 0 ? malloc((size_t)frames * (size_t)info.channels * sizeof(*in)) : NULL;
	int16_t *pcm = NULL;
	if (in) {
		frames = sf_readf_float(f, in, frames);
		pcm = resample(in, frames, &info, ret_n);
	}
	if (!pcm)
		snprintf(why, 256, "%s: no sound in it", path);
	free(in);
	(void)sf_close(f);
	return pcm;
}

int voice_load(struct voice *v, const struct caller_conf *conf, char why[256])
{
	uint32_t n = 0;
	int16_t *pcm;
	if (conf->wav)
		pcm = load_wav(conf->wav, &n, why);
	else
		pcm = conf->tone_hz > 0 ? make_tone(conf->tone_hz, &n) : make_pattern(&n);
	if (!pcm)
		return conf->wav ? EINVAL : ENOMEM;
	v->data = malloc(n);
	v->n = n;
	/* The tables are wrong at -32768 only, and nothing above reaches it. */
	for (uint32_t i = 0; v->data && i < n; i++)
		v->data[i] =
		    conf->codec == CALLER_PCMA ? g711_pcm2alaw(pcm[i]) : g711_pcm2ulaw(pcm[i]);
	free(pcm);
	return v->data ? 0 : ENOMEM;
}

void voice_free(struct voice *v)
{
	free(v->data);
	v->data = NULL;
}
