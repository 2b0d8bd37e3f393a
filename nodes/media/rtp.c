#include "nodes/media/rtp.h"

#include <errno.h>
#include <string.h>

#include "nodes/media/bytes.h"

int rtp_parse_header(struct rtp_packet *ret, const uint8_t *buf, size_t len)
{
	if (len < RTP_HEADER_LEN || (buf[0] & 0xc0) != RTP_VERSION_2)
		return EBADMSG;
	size_t at = RTP_HEADER_LEN + 4u * (buf[0] & 0x0f);
	if (buf[0] & 0x10) { /* header extension */
		if (len < at + 4)
			return EBADMSG;
		at += 4 + 4u * get16(buf + at + 2);
	}
	if (len < at)
		return EBADMSG;
	*ret = (struct rtp_packet){
	    .marker = buf[1] >> 7,
	    .pt = buf[1] & 0x7f,
	    .seq = get16(buf + 2),
	    .ts = get32(buf + 4),
	    .ssrc = get32(buf + 8),
	    .header_len = at,
	    .payload = buf + at,
	    .payload_len = len - at,
	};
	return 0;
}

int rtp_parse(struct rtp_packet *ret, const uint8_t *buf, size_t len)
{
	struct rtp_packet p;
	int err = rtp_parse_header(&p, buf, len);
	if (err)
		return err;
	if (buf[0] & 0x20) {
		size_t pad = buf[len - 1];
		if (!pad || pad > p.payload_len)
			return EBADMSG;
		p.payload_len -= pad;
	}
	*ret = p;
	return 0;
}

void rtp_write_header(uint8_t dst[RTP_HEADER_LEN], bool marker, uint8_t pt, uint16_t seq,
		      uint32_t ts, uint32_t ssrc)
{
	dst[0] = RTP_VERSION_2;
	dst[1] = (uint8_t)(marker << 7 | (pt & 0x7f));
	put16(dst + 2, seq);
	put32(dst + 4, ts);
	put32(dst + 8, ssrc);
}

static void in_restart(struct rtp_in *in, const struct rtp_packet *p)
{
	uint64_t lost = rtp_in_lost(in);
	*in = (struct rtp_in){.started = true, .ssrc = p->ssrc, .lost_before = lost};
	in->base = in->top = 0x10000u + p->seq; /* room for reordering below the first */
}

void rtp_in_update(struct rtp_in *in, const struct rtp_packet *p, uint32_t rate, uint64_t now_us)
{
	enum { LEAP = 3000 }; /* RFC 3550 MAX_DROPOUT: a minute of 20 ms packets */
	if (!in->started || in->ssrc != p->ssrc)
		in_restart(in, p);
	int d = (int16_t)(uint16_t)(p->seq - (uint16_t)in->top);
	if (d > LEAP || d < -LEAP) {
		in_restart(in, p);
		d = 0;
	}
	if (d > 0)
		in->top += (uint32_t)d;
	in->received++;
	uint32_t arrival = (uint32_t)(now_us * (rate / 1000) / 1000);
	uint32_t transit = arrival - p->ts;
	if (in->have_transit) {
		int32_t step = (int32_t)(transit - in->transit);
		uint32_t leap = (uint32_t)(step < 0 ? -(int64_t)step : step);
		if (leap < rate * 2) /* a new talk spurt's leap is no jitter */
			in->jitter16 += leap - ((in->jitter16 + 8) >> 4);
	}
	in->transit = transit;
	in->have_transit = true;
}

static uint32_t in_expected(const struct rtp_in *in)
{
	return in->started ? in->top - in->base + 1 : 0;
}

uint64_t rtp_in_lost(const struct rtp_in *in)
{
	uint32_t expected = in_expected(in);
	return in->lost_before + (expected > in->received ? expected - in->received : 0);
}

uint32_t rtp_in_interval_loss(const struct rtp_in *in, uint32_t *expected, uint32_t *received,
			      uint32_t scale)
{
	uint32_t now = in_expected(in);
	/* after a restart the marks lie ahead of us: the interval begins at the restart */
	bool restarted = *expected > now || *received > in->received;
	uint32_t e = restarted ? now : now - *expected;
	uint32_t r = restarted ? in->received : in->received - *received;
	*expected = now;
	*received = in->received;
	return e > r ? (uint32_t)((uint64_t)(e - r) * scale / e) : 0;
}

void rtp_out_init(struct rtp_out *o, uint32_t ssrc)
{
	*o = (struct rtp_out){.ssrc = ssrc};
	/* RFC 3550 §5.1 wants both to start at random; the SSRC is random, so spread it. The
	 * sequence starts below 2^15, or a lost first packet could confuse SRTP's roll-over. */
	o->top = ssrc * 2654435761u >> 17;
	o->ts = ssrc * 2246822519u;
}

/* How far the clock has gone since the last packet, at least one frame. */
void rtp_out_resume(struct rtp_out *o, uint32_t ssrc, uint16_t seq, uint32_t ts, uint64_t now_us)
{
	*o = (struct rtp_out){
	    .ssrc = ssrc, .top = seq, .ts = ts, .window = 1, .started = true, .at_us = now_us};
}

static uint32_t out_elapsed(const struct rtp_out *o, uint32_t dur, uint32_t rate, uint64_t now_us)
{
	uint64_t ticks = (now_us - o->at_us) * (rate / 1000) / 1000;
	return !o->started || ticks < dur ? dur : (uint32_t)ticks;
}

static void out_advance(struct rtp_out *o, uint64_t ext, uint32_t ts, uint64_t now_us)
{
	uint64_t d = ext - o->top;
	o->window = d < 64 ? o->window << d | 1 : 1;
	o->top = ext;
	o->ts = ts;
	o->at_us = now_us;
	o->started = true;
}

void rtp_out_next(struct rtp_out *o, struct rtp_slot *ret, uint32_t dur, uint32_t rate, bool fresh,
		  uint64_t now_us)
{
	bool join = fresh || o->mapped || !o->started;
	ret->ext = o->top + 1;
	ret->ts = o->ts + (join ? out_elapsed(o, dur, rate, now_us) : dur);
	ret->marker = join;
	o->mapped = false;
	out_advance(o, ret->ext, ret->ts, now_us);
}

static uint32_t ts_scale(uint32_t in_ticks, uint32_t in_rate, uint32_t rate)
{
	int64_t d = (int32_t)in_ticks;
	return in_rate == rate ? in_ticks : (uint32_t)(d * rate / in_rate);
}

static void out_follow(struct rtp_out *o, struct rtp_slot *ret, uint64_t source, uint16_t seq,
		       uint32_t ts, uint32_t rate, uint64_t now_us)
{
	ret->ext = o->top + 1;
	ret->ts = o->ts + out_elapsed(o, rate / 50, rate, now_us);
	ret->marker = true;
	o->mapped = true;
	o->source = source;
	o->in_seq = seq;
	o->in_ts = ts;
	o->out_ts = ret->ts;
	o->out_ext = o->first_ext = ret->ext;
	out_advance(o, ret->ext, ret->ts, now_us);
}

int rtp_out_map(struct rtp_out *o, struct rtp_slot *ret, uint64_t source, uint16_t seq, uint32_t ts,
		uint32_t in_rate, uint32_t rate, uint64_t now_us)
{
	enum { LEAP = 3000 };
	int d = (int16_t)(uint16_t)(seq - o->in_seq);
	if (!o->mapped || o->source != source || d > LEAP || d < -LEAP) {
		out_follow(o, ret, source, seq, ts, rate, now_us);
		return 0;
	}
	uint64_t ext = o->out_ext + (uint64_t)(int64_t)d;
	if (ext < o->first_ext)
		return EALREADY;
	ret->ext = ext;
	ret->ts = o->out_ts + ts_scale(ts - o->in_ts, in_rate, rate);
	ret->marker = false;
	if (d > 0) {
		o->in_seq = seq;
		o->in_ts = ts;
		o->out_ts = ret->ts;
		o->out_ext = ext;
		out_advance(o, ext, ret->ts, now_us);
		return 0;
	}
	uint64_t behind = o->top - ext;
	if (behind >= 64 || o->window >> behind & 1)
		return EALREADY;
	o->window |= 1ull << behind;
	return 0;
}

int rtp_dtmf_parse(struct rtp_dtmf *ret, const uint8_t *payload, size_t len)
{
	static const char digits[] = "0123456789*#ABCD";
	if (len < 4 || payload[0] >= sizeof(digits) - 1)
		return EBADMSG;
	*ret = (struct rtp_dtmf){
	    .digit = digits[payload[0]],
	    .end = payload[1] >> 7,
	    .volume = payload[1] & 0x3f,
	    .duration = get16(payload + 2),
	};
	return 0;
}
