/* Two legs that hear each other. */
#include "nodes/media/internal.h"

#include <string.h>

#include "nodes/media/bytes.h"
#include "nodes/media/g711.h"
#include "nodes/media/opus_coder.h"

void relay_bridge(struct thread *t, struct leg *a, struct leg *b)
{
	if (a == b)
		return;
	relay_unbridge(a);
	relay_unbridge(b);
	play_fill(t, a);
	play_fill(t, b);
	a->peer = b;
	b->peer = a;
}

/* What fills the wait for the other's first sound ends at the next tick. */
static void unfill(struct leg *leg)
{
	if (leg->play.fill_until_us)
		leg->play.fill_until_us = 1;
}

void relay_unbridge(struct leg *a)
{
	if (!a->peer)
		return;
	unfill(a);
	unfill(a->peer);
	a->peer->peer = NULL;
	a->peer = NULL;
}

/* Whose numbering `to` follows: the leg and its SSRC of the moment. */
static uint64_t source_key(const struct leg *from, const struct rtp_packet *p)
{
	return (uint64_t)from->handle.v << 32 | p->ssrc;
}

struct opus_coder *relay_opus(struct leg *leg)
{
	if (!leg->opus)
		opus_coder_new(&leg->opus, leg->m->conf.opus_complexity);
	return leg->opus;
}

static bool map(struct thread *t, struct leg *from, struct leg *to, const struct rtp_packet *p,
		struct rtp_slot *ret)
{
	int err = rtp_out_map(&to->out, ret, source_key(from, p), p->seq, p->ts, leg_rate(from),
			      leg_rate(to), t->now_us);
	ret->marker |= p->marker;
	return !err;
}

/* Opus → G.711: one packet for one packet. */
static void from_opus(struct thread *t, struct leg *from, struct leg *to,
		      const struct rtp_packet *p)
{
	struct rtp_slot at;
	int16_t pcm[OPUS_CODER_SAMPLES_MAX];
	struct opus_coder *c = relay_opus(from);
	size_t n = c ? opus_coder_decode(c, pcm, p->payload, p->payload_len) : 0;
	if (n && from->ear)
		ear_hear_pcm(from->ear, pcm, n);
	if (!n || !map(t, from, to, p, &at))
		return;
	g711_encode(to->codec, t->tx + RTP_HEADER_LEN, pcm, n);
	leg_send(t, to, &at, to->pt, n);
}

static bool is_opus_frame(size_t samples)
{
	return samples == 80 || samples == 160 || samples == 320 || samples == 480;
}

/* A phone with packets of, say, 30 ms: regrouped, with a numbering of our own. */
static void regroup_to_opus(struct thread *t, struct leg *to, struct opus_coder *c,
			    const int16_t *pcm, size_t n)
{
	enum { FRAME_TICKS = 960 }; /* 20 ms at 48 kHz */
	struct rtp_slot at;
	int16_t *full;
	for (size_t done = 0; done < n;) {
		done += opus_coder_gather(c, pcm + done, n - done, &full);
		if (!full)
			return;
		size_t len = opus_coder_encode(c, t->tx + RTP_HEADER_LEN, PAYLOAD_MAX, full,
					       OPUS_CODER_FRAME);
		if (!len)
			return;
		rtp_out_next(&to->out, &at, FRAME_TICKS, leg_rate(to), false, t->now_us);
		leg_send(t, to, &at, to->pt, len);
	}
}

/* G.711 → Opus. */
static void to_opus(struct thread *t, struct leg *from, struct leg *to, const struct rtp_packet *p)
{
	struct rtp_slot at;
	int16_t pcm[PAYLOAD_MAX];
	size_t n = p->payload_len;
	struct opus_coder *c = relay_opus(to);
	if (!c)
		return;
	g711_decode(from->codec, pcm, p->payload, n);
	if (!is_opus_frame(n)) {
		regroup_to_opus(t, to, c, pcm, n);
		return;
	}
	if (!map(t, from, to, p, &at))
		return;
	size_t len = opus_coder_encode(c, t->tx + RTP_HEADER_LEN, PAYLOAD_MAX, pcm, n);
	if (len)
		leg_send(t, to, &at, to->pt, len);
}

static void same_or_other_law(struct thread *t, struct leg *from, struct leg *to,
			      const struct rtp_packet *p)
{
	struct rtp_slot at;
	uint8_t *dst = t->tx + RTP_HEADER_LEN;
	if (!map(t, from, to, p, &at))
		return;
	if (from->codec == to->codec)
		memcpy(dst, p->payload, p->payload_len);
	else
		g711_convert(from->codec, dst, p->payload, p->payload_len);
	leg_send(t, to, &at, to->pt, p->payload_len);
}

void relay_audio(struct thread *t, struct leg *from, struct leg *to, const struct rtp_packet *p)
{
	if (!p->payload_len || p->payload_len > PAYLOAD_MAX)
		return;
	if (from->codec == to->codec || (from->codec != MEDIA_OPUS && to->codec != MEDIA_OPUS))
		same_or_other_law(t, from, to, p);
	else if (from->codec == MEDIA_OPUS)
		from_opus(t, from, to, p);
	else
		to_opus(t, from, to, p);
}

void relay_dtmf(struct thread *t, struct leg *from, struct leg *to, const struct rtp_packet *p)
{
	enum { DTMF_LEN = 4 };
	struct rtp_slot at;
	uint8_t *dst = t->tx + RTP_HEADER_LEN;
	uint32_t in_rate = leg_rate(from), rate = leg_rate(to);
	if (to->dtmf_pt == RTP_PT_NONE || p->payload_len < DTMF_LEN)
		return;
	if (!map(t, from, to, p, &at))
		return;
	memcpy(dst, p->payload, DTMF_LEN);
	uint32_t duration = (uint32_t)((uint64_t)get16(dst + 2) * rate / in_rate);
	put16(dst + 2, (uint16_t)(duration > 0xffff ? 0xffff : duration));
	leg_send(t, to, &at, to->dtmf_pt, DTMF_LEN);
}
