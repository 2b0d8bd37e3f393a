/*
 * Sound files, any rate and channels: mixed to mono, resampled to 8 kHz by a windowed sinc (read
 * from a table), kept in both laws of G.711, in whole frames of 20 ms.
 */
#include "nodes/media/internal.h"

#include <errno.h>
#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nodes/media/g711.h"

enum {
	SECONDS_MAX = 600, /* ten minutes of music before it loops: 10 MB in both laws */
	CHANNELS_MAX = 16,
	LOBES = 16,  /* zero crossings each side */
	STEPS = 256, /* table entries between two of them */
};

/* The kernel's right half; read with linear interpolation. */
static void make_kernel(float kernel[LOBES * STEPS + 2])
{
	const double pi = 3.14159265358979323846;
	for (int i = 0; i < LOBES * STEPS + 2; i++) {
		double x = (double)i / STEPS;
		double sinc = i ? sin(pi * x) / (pi * x) : 1;
		double window = i < LOBES * STEPS ? 0.5 + 0.5 * cos(pi * x / LOBES) : 0;
		kernel[i] = (float)(sinc * window);
	}
}

static int16_t resample_at(const float *in, int64_t len, double pos, double cutoff,
			   const float *kernel)
{
	double reach = LOBES / cutoff, sum = 0, weight = 0;
	int64_t from = (int64_t)ceil(pos - reach), to = (int64_t)floor(pos + reach);
	for (int64_t i = from < 0 ? 0 : from; i <= to && i < len; i++) {
		double x = fabs((double)i - pos) * cutoff * STEPS;
		int k = (int)x;
		double w = kernel[k] + (kernel[k + 1] - kernel[k]) * (x - k);
		sum += w * in[i];
		weight += w;
	}
	double v = weight > 0.1 ? sum / weight * 32767 : 0;
	return (int16_t)lrint(v > 32767 ? 32767 : v < -32768 ? -32768 : v);
}

static int encode(struct sound *ret, const float *mono, int64_t len, int rate)
{
	float *kernel = malloc((LOBES * STEPS + 2) * sizeof(*kernel));
	int64_t out = len * 8000 / rate;
	uint32_t frames = (uint32_t)((out + FRAME_SAMPLES - 1) / FRAME_SAMPLES);
	size_t size = (size_t)frames * FRAME_SAMPLES;
	struct sound s = {.frames = frames, .ulaw = malloc(size), .alaw = malloc(size)};
	if (!kernel || !s.ulaw || !s.alaw) {
		free(kernel);
		sound_free(&s);
		return ENOMEM;
	}
	make_kernel(kernel);
	/* at 8 kHz already: sinc at whole steps is 1 and zeros, the samples pass unchanged */
	double cutoff = rate > 8000 ? 8000.0 * 0.92 / rate : 1;
	for (int64_t i = 0; i < (int64_t)size; i++) {
		int16_t v = 0;
		if (i < out)
			v = resample_at(mono, len, (double)i * rate / 8000, cutoff, kernel);
		s.ulaw[i] = g711_ulaw_encode(v);
		s.alaw[i] = g711_alaw_encode(v);
	}
	free(kernel);
	*ret = s;
	return 0;
}

/* Mono floats; how many were really there (the header may promise more). */
static int read_mono(SNDFILE *f, const SF_INFO *info, float **ret, int64_t *ret_len)
{
	enum { CHUNK = 4096 };
	float *mono = malloc((size_t)info->frames * sizeof(*mono));
	float *chunk = malloc(sizeof(*chunk) * CHUNK * (size_t)info->channels);
	int64_t len = 0;
	for (sf_count_t n; mono && chunk && (n = sf_readf_float(f, chunk, CHUNK)) > 0;) {
		for (sf_count_t i = 0; i < n && len < info->frames; i++) {
			float sum = 0;
			for (int c = 0; c < info->channels; c++)
				sum += chunk[i * info->channels + c];
			mono[len++] = sum / (float)info->channels;
		}
	}
	free(chunk);
	if (!mono)
		return ENOMEM;
	*ret = mono;
	*ret_len = len;
	return 0;
}

static int refuse(char ret_why[256], const char *path, const char *text)
{
	snprintf(ret_why, 256, "%.150s: %.100s", path, text);
	return EINVAL;
}

int sound_decode(const char *path, struct sound *ret, char ret_why[256])
{
	SF_INFO info = {0};
	float *mono = NULL;
	int64_t len = 0;
	SNDFILE *f = sf_open(path, SFM_READ, &info);
	if (!f)
		return refuse(ret_why, path, sf_strerror(NULL));
	int err = 0;
	if (info.samplerate < 4000 || info.samplerate > 192000 || info.channels < 1 ||
	    info.channels > CHANNELS_MAX)
		err = refuse(ret_why, path, "4 to 192 kHz and 1 to 16 channels can be read");
	else if (info.frames < 1 || info.frames > (int64_t)info.samplerate * SECONDS_MAX)
		err = refuse(ret_why, path, "empty, or longer than ten minutes");
	if (!err)
		err = read_mono(f, &info, &mono, &len);
	sf_close(f);
	if (!err && len * 8000 / info.samplerate < 1)
		err = refuse(ret_why, path, "no audio in it");
	if (!err)
		err = encode(ret, mono, len, info.samplerate);
	if (err == ENOMEM)
		snprintf(ret_why, 256, "%.150s: not enough memory", path);
	free(mono);
	return err;
}

void sound_free(struct sound *s)
{
	free(s->ulaw);
	free(s->alaw);
	*s = (struct sound){0};
}
