/* Greeting, music and tone: one 20 ms frame per tick, from sounds kept ready as G.711. */
#include "nodes/media/internal.h"

#include <math.h>
#include <string.h>

#include "nodes/media/g711.h"
#include "nodes/media/opus_coder.h"

static bool wants_ticks(const struct leg *leg)
{
	return leg->play.greeting || leg->play.music || leg->play.hz;
}

void play_end(struct leg *leg)
{
	sound_let_go(leg->play.greeting);
	sound_let_go(leg->play.music);
	leg->play = (struct player){.fresh = true};
}

void play_set(struct thread *t, struct leg *leg, struct sound *greeting, struct sound *music)
{
	play_end(leg);
	leg->play = (struct player){.greeting = greeting, .music = music, .fresh = true};
	thread_set_playing(t, leg, wants_ticks(leg));
}

/* The first sound of an agent far away comes a round trip after the bridge, and later where
 * messages are lost: music until then, not silence. Not for ever: an agent who is muted is no
 * music. */
void play_fill(struct thread *t, struct leg *leg)
{
	enum { FILL_US = 2000000 };
	if (leg->play_index >= 0)
		leg->play.fill_until_us = t->now_us + FILL_US;
}

void play_tone(struct thread *t, struct leg *leg, uint32_t hz)
{
	play_end(leg);
	leg->play.hz = hz;
	thread_set_playing(t, leg, wants_ticks(leg));
}

static void make_tone(struct player *p, int16_t pcm[FRAME_SAMPLES])
{
	const double turn = 2 * 3.14159265358979323846;
	const double step = turn * p->hz / 8000;
	/* the second-order recurrence of a sine: two multiplications a frame's sample */
	double a = sin(p->phase - 2 * step), b = sin(p->phase - step), k = 2 * cos(step);
	for (int i = 0; i < FRAME_SAMPLES; i++) {
		double c = k * b - a;
		pcm[i] = (int16_t)(c * 10000); /* −10 dBFS */
		a = b;
		b = c;
	}
	p->phase = fmod(p->phase + step * FRAME_SAMPLES, turn);
}

/* The next frame of the sounds in the leg's law; false: nothing is left to play. */
static const uint8_t *next_frame(struct thread *t, struct leg *leg, enum media_codec law)
{
	struct player *p = &leg->play;
	const struct sound *s = p->greeting ? p->greeting : p->music;
	if (p->frame >= s->frames) {
		if (p->greeting)
			leg_event(leg, MEDIA_EV_PLAYED, NULL);
		sound_let_go(p->greeting);
		p->greeting = NULL;
		p->frame = 0;
		s = p->music;
		if (!s) {
			thread_set_playing(t, leg, false);
			return NULL;
		}
	}
	const uint8_t *frames = law == MEDIA_PCMA ? s->alaw : s->ulaw;
	return frames + (size_t)FRAME_SAMPLES * p->frame++;
}

/* Twenty milliseconds into dst; 0: nothing to say. */
static size_t make_frame(struct thread *t, struct leg *leg, uint8_t *dst)
{
	int16_t pcm[FRAME_SAMPLES];
	bool opus = leg->codec == MEDIA_OPUS;
	if (leg->play.hz) {
		make_tone(&leg->play, pcm);
		if (!opus)
			g711_encode(leg->codec, dst, pcm, FRAME_SAMPLES);
	} else {
		const uint8_t *frame = next_frame(t, leg, leg->codec);
		if (!frame)
			return 0;
		if (opus)
			g711_decode(MEDIA_PCMU, pcm, frame, FRAME_SAMPLES);
		else
			memcpy(dst, frame, FRAME_SAMPLES);
	}
	if (!opus)
		return FRAME_SAMPLES;
	struct opus_coder *c = relay_opus(leg);
	return c ? opus_coder_encode(c, dst, PAYLOAD_MAX, pcm, FRAME_SAMPLES) : 0;
}

void play_tick(struct thread *t, struct leg *leg)
{
	struct rtp_slot at;
	uint8_t *dst = t->tx + RTP_HEADER_LEN;
	uint32_t frames = leg->codec == MEDIA_OPUS ? 1 : leg->play_frames, rate = leg_rate(leg);
	size_t len = 0;
	if (leg->play.fill_until_us && t->now_us >= leg->play.fill_until_us) {
		play_set(t, leg, NULL, NULL);
		return;
	}
	/* longer packets: each leg at its own one of every `frames` ticks, so that the load is even
	 */
	if ((t->tick + leg->slot) % frames)
		return;
	for (uint32_t i = 0; i < frames && leg->play_index >= 0; i++)
		len += make_frame(t, leg, dst + len);
	if (!len || !leg_may_send(leg)) {
		leg->play.fresh = true;
		return;
	}
	uint32_t dur = leg->codec == MEDIA_OPUS ? rate / 50 : (uint32_t)len;
	rtp_out_next(&leg->out, &at, dur, rate, leg->play.fresh, t->now_us);
	leg->play.fresh = false;
	leg_send(t, leg, &at, leg->pt, len);
}
