/*
 * An ear for one frequency: Goertzel's filter over blocks of 100 ms, the last five kept.
 * permille = energy of the tone ÷ all energy; 1000 for a pure tone, about 3 for white noise.
 */
#include "nodes/media/internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "nodes/media/g711.h"

enum { BLOCK = 800, BLOCKS = 5, FADE_US = 600000 };

struct ear {
	double k;      /* 2 cos ω */
	double s1, s2; /* the filter's state */
	double energy;
	uint32_t n; /* samples in this block */
	uint32_t at, filled;
	double tone[BLOCKS], all[BLOCKS];
	uint64_t heard_us;
	bool fresh; /* a block was completed since the last look */
};

int ear_set(struct ear **ear, uint32_t hz)
{
	free(*ear);
	*ear = NULL;
	if (!hz)
		return 0;
	struct ear *e = calloc(1, sizeof(*e));
	if (!e)
		return ENOMEM;
	e->k = 2 * cos(2 * 3.14159265358979323846 * hz / 8000);
	*ear = e;
	return 0;
}

static void finish_block(struct ear *e)
{
	double power = e->s1 * e->s1 + e->s2 * e->s2 - e->k * e->s1 * e->s2;
	e->tone[e->at] = power * 2 / BLOCK;
	e->all[e->at] = e->energy;
	e->at = (e->at + 1) % BLOCKS;
	if (e->filled < BLOCKS)
		e->filled++;
	e->s1 = e->s2 = e->energy = 0;
	e->n = 0;
	e->fresh = true;
}

void ear_hear_pcm(struct ear *e, const int16_t *pcm, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double x = pcm[i], s = x + e->k * e->s1 - e->s2;
		e->s2 = e->s1;
		e->s1 = s;
		e->energy += x * x;
		if (++e->n == BLOCK)
			finish_block(e);
	}
}

void ear_hear(struct ear *e, enum media_codec codec, const uint8_t *payload, size_t len)
{
	int16_t pcm[FRAME_SAMPLES];
	for (size_t at = 0; at < len; at += FRAME_SAMPLES) {
		size_t n = len - at < FRAME_SAMPLES ? len - at : FRAME_SAMPLES;
		g711_decode(codec, pcm, payload + at, n);
		ear_hear_pcm(e, pcm, n);
	}
}

uint32_t ear_permille(struct ear *e, uint64_t now_us)
{
	const double quiet = (double)BLOCKS * BLOCK * 50 * 50; /* below −56 dBFS: silence */
	double tone = 0, all = 0;
	if (e->fresh)
		e->heard_us = now_us;
	e->fresh = false;
	if (e->filled < BLOCKS || now_us > e->heard_us + FADE_US)
		return 0;
	for (int i = 0; i < BLOCKS; i++) {
		tone += e->tone[i];
		all += e->all[i];
	}
	if (all < quiet)
		return 0;
	double permille = 1000 * tone / all;
	return permille > 1000 ? 1000 : (uint32_t)permille;
}
