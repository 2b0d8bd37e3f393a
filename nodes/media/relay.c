/* Two legs that hear each other. */
#include "nodes/media/internal.h"

#include <string.h>

#include "nodes/media/bytes.h"
#include "nodes/media/g711.h"

void relay_bridge(struct thread *t, struct leg *a, struct leg *b)
{
	if (a == b || a->peer == b)
		return;
	relay_unbridge(a);
	relay_unbridge(b);
	play_set(t, a, NULL, NULL);
	play_set(t, b, NULL, NULL);
	a->peer = b;
	b->peer = a;
}

void relay_unbridge(struct leg *a)
{
	if (!a->peer)
		return;
	a->peer->peer = NULL;
	a->peer = NULL;
}

/* Whose numbering `to` follows: the leg and its SSRC of the moment. */
static uint64_t source_key(const struct leg *from, const struct rtp_packet *p)
{
	return (uint64_t)from->handle.v << 32 | p->ssrc;
}

void relay_audio(struct thread *t, struct leg *from, struct leg *to, const struct rtp_packet *p)
{
	struct rtp_slot at;
	uint8_t *dst = t->tx + RTP_HEADER_LEN;
	if (!p->payload_len || p->payload_len > PAYLOAD_MAX)
		return;
	if (rtp_out_map(&to->out, &at, source_key(from, p), p->seq, p->ts, leg_rate(from),
			leg_rate(to), t->now_us))
		return;
	at.marker |= p->marker;
	if (from->codec == to->codec)
		memcpy(dst, p->payload, p->payload_len);
	else
		g711_convert(from->codec, dst, p->payload, p->payload_len);
	leg_send(t, to, &at, to->pt, p->payload_len);
}

void relay_dtmf(struct thread *t, struct leg *from, struct leg *to, const struct rtp_packet *p)
{
	enum { DTMF_LEN = 4 };
	struct rtp_slot at;
	uint8_t *dst = t->tx + RTP_HEADER_LEN;
	uint32_t in_rate = leg_rate(from), rate = leg_rate(to);
	if (to->dtmf_pt == RTP_PT_NONE || p->payload_len < DTMF_LEN)
		return;
	if (rtp_out_map(&to->out, &at, source_key(from, p), p->seq, p->ts, in_rate, rate,
			t->now_us))
		return;
	at.marker |= p->marker;
	memcpy(dst, p->payload, DTMF_LEN);
	uint32_t duration = (uint32_t)((uint64_t)get16(dst + 2) * rate / in_rate);
	put16(dst + 2, (uint16_t)(duration > 0xffff ? 0xffff : duration));
	leg_send(t, to, &at, to->dtmf_pt, DTMF_LEN);
}
