/* A leg's packets: who may send to us, what is made of it, how it leaves. */
#include "nodes/media/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nodes/media/bytes.h"
#include "nodes/media/opus_coder.h"
#include "nodes/media/srtp.h"
#include "nodes/media/webrtc.h"

void leg_free(struct leg *leg)
{
	webrtc_free(leg->web); /* first: its goodbye needs the socket */
	for (int i = 0; i < 2; i++)
		if (leg->fd[i] >= 0)
			close(leg->fd[i]);
	play_end(leg);
	free(leg->ear);
	guard_free(leg->guard);
	opus_coder_free(leg->opus);
	trunk_free(leg->trunk);
	free(leg);
}

uint32_t leg_rate(const struct leg *leg)
{
	return leg->codec == MEDIA_OPUS ? 48000 : 8000; /* RFC 7587: always 48 kHz */
}

bool leg_may_send(const struct leg *leg)
{
	return leg->has_remote && leg->send;
}

void leg_event(struct leg *leg, enum media_event_type type, const char *why)
{
	struct media_event ev = {.type = type, .leg = leg->handle};
	if (why)
		str_copy(ev.why, sizeof(ev.why), why);
	leg_stats(leg, &ev.stats);
	media_post(leg->m, &ev);
}

void leg_stats(const struct leg *leg, struct media_stats *ret)
{
	*ret = (struct media_stats){
	    .rx_packets = leg->count.rx_packets,
	    .tx_packets = leg->count.tx_packets,
	    .rx_bytes = leg->count.rx_bytes,
	    .rx_bad = leg->count.rx_bad,
	    .rx_lost = rtp_in_lost(&leg->in),
	    .jitter_us = (uint32_t)((uint64_t)(leg->in.jitter16 >> 4) * 1000000 / leg_rate(leg)),
	    .rtt_us = leg->rtt_us,
	    .loss_permille = leg->loss_permille,
	};
}

/* ---- sending */

/* The clock is read anew for each: a process that was frozen goes on anywhere. */
bool leg_sendto(struct leg *leg, int fd, const void *data, size_t len, const struct sockaddr_in *to)
{
	const struct thread *t = atomic_load(&leg->thread);
	if (t && t->lease_us && mono_us() > t->lease_us)
		return false;
	return sendto(fd, data, len, MSG_DONTWAIT, (const struct sockaddr *)to, sizeof(*to)) ==
	       (ssize_t)len;
}

void leg_send(struct thread *t, struct leg *leg, const struct rtp_slot *at, uint8_t pt,
	      size_t payload_len)
{
	size_t len = RTP_HEADER_LEN + payload_len;
	rtp_write_header(t->tx, at->marker, pt, (uint16_t)at->ext, at->ts, leg->out.ssrc);
	if (leg->guard && guard_protect_rtp(leg->guard, t->tx, &len, RTP_HEADER_LEN, at->ext))
		return;
	if (!leg_sendto(leg, leg->fd[0], t->tx, len, &leg->to))
		return; /* a full buffer or an ICMP error: as if the network lost it */
	leg->count.tx_packets++;
	leg->tx_octets += (uint32_t)payload_len;
}

/* ---- receiving */

static void hear_dtmf(struct leg *leg, const struct rtp_packet *p)
{
	struct rtp_dtmf d;
	struct dtmf_state *s = &leg->dtmf;
	if (rtp_dtmf_parse(&d, p->payload, p->payload_len))
		return;
	bool other = !s->digit || s->ts != p->ts;
	struct media_event ev = {.type = MEDIA_EV_DTMF, .leg = leg->handle, .digit = s->digit};
	if (other && s->digit && !s->reported)
		media_post(leg->m, &ev); /* all its end packets were lost */
	if (other)
		*s = (struct dtmf_state){.ts = p->ts, .digit = d.digit};
	if (d.end && !s->reported) {
		s->reported = true;
		ev.digit = s->digit;
		media_post(leg->m, &ev);
	}
}

static void hear_with_ear(struct leg *leg, const struct rtp_packet *p)
{
	int16_t pcm[OPUS_CODER_SAMPLES_MAX];
	if (leg->codec != MEDIA_OPUS) {
		ear_hear(leg->ear, leg->codec, p->payload, p->payload_len);
		return;
	}
	struct opus_coder *c = relay_opus(leg);
	if (c)
		ear_hear_pcm(leg->ear, pcm, opus_coder_decode(c, pcm, p->payload, p->payload_len));
}

void leg_heard_anything(struct thread *t, struct leg *leg)
{
	leg->heard_us = t->now_us;
	if (leg->silent) {
		leg->silent = false;
		leg_event(leg, MEDIA_EV_HEARD, NULL);
	}
}

void leg_heard(struct thread *t, struct leg *leg, uint8_t *buf, size_t len)
{
	enum { PT_COMFORT_NOISE = 13 };
	struct rtp_packet p;
	if (rtp_parse(&p, buf, len)) {
		leg->count.rx_bad++;
		return;
	}
	leg_heard_anything(t, leg);
	if (p.pt != leg->pt && p.pt != leg->dtmf_pt && p.pt != PT_COMFORT_NOISE) {
		leg->count.rx_bad++; /* or it only keeps the way open: RFC 6263 §4.6 */
		return;
	}
	leg->count.rx_packets++;
	leg->count.rx_bytes += len;
	rtp_in_update(&leg->in, &p, leg_rate(leg), t->now_us);
	if (p.pt == PT_COMFORT_NOISE && p.pt != leg->pt)
		return;
	struct leg *to = leg->peer;
	if (to && (leg->muted || !leg->recv || !leg_may_send(to)))
		to = NULL;
	if (to && to->play.fill_until_us && p.pt == leg->pt)
		play_set(t, to, NULL, NULL); /* here is what it waited for */
	/* a leg that plays hears that instead (music while its call is on hold) */
	if (to && to->play_index >= 0)
		to = NULL;
	/* where Opus is decoded for the relay anyway, the ear listens there */
	bool decoded = to && leg->codec == MEDIA_OPUS && to->codec != MEDIA_OPUS;
	if (p.pt == leg->dtmf_pt) {
		hear_dtmf(leg, &p);
		if (to)
			relay_dtmf(t, leg, to, &p);
		return;
	}
	if (leg->ear && !decoded)
		hear_with_ear(leg, &p);
	if (to)
		relay_audio(t, leg, to, &p);
}

/*
 * Symmetric RTP: the first packet, or two in a row from one other port of the same host, tell
 * where the far end really is (its NAT chose another port than its SDP says). Another host never.
 */
static bool plain_source_ok(struct leg *leg, const struct sockaddr_in *from, const uint8_t *buf,
			    size_t len)
{
	struct rtp_packet p;
	if (!leg->has_remote || from->sin_addr.s_addr != leg->to.sin_addr.s_addr)
		return false;
	if (from->sin_port == leg->to.sin_port) {
		leg->latched = true;
		return true;
	}
	if (rtp_parse(&p, buf, len) || (p.pt != leg->pt && p.pt != leg->dtmf_pt))
		return false;
	bool second = leg->move_port == from->sin_port && p.seq == (uint16_t)(leg->move_seq + 1);
	leg->move_port = from->sin_port;
	leg->move_seq = p.seq;
	if (leg->latched && !second)
		return false;
	leg->to.sin_port = from->sin_port;
	leg->latched = true;
	return true;
}

static void plain_rtp(struct thread *t, struct leg *leg, const struct sockaddr_in *from, size_t len)
{
	if (plain_source_ok(leg, from, t->rx, len))
		leg_heard(t, leg, t->rx, len);
	else
		leg->count.rx_bad++;
}

void leg_set_address(struct sockaddr_in *ret, uint32_t ip4, uint16_t port)
{
	*ret = (struct sockaddr_in){
	    .sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(ip4),
	};
}

void leg_secure_packet(struct thread *t, struct leg *leg, size_t len)
{
	bool rtcp = len > 1 && (t->rx[1] & 0x7f) >= 64 && (t->rx[1] & 0x7f) <= 95;
	if (rtcp) {
		if (guard_unprotect_rtcp(leg->guard, t->rx, &len))
			leg->count.rx_bad++;
		else
			report_heard(t, leg, t->rx, len);
		return;
	}
	bool wrong =
	    leg->remote_ssrc && (len < RTP_HEADER_LEN || get32(t->rx + 8) != leg->remote_ssrc);
	if (wrong || guard_unprotect_rtp(leg->guard, t->rx, &len))
		leg->count.rx_bad++;
	else
		leg_heard(t, leg, t->rx, len);
}

void leg_readable(struct thread *t, struct leg *leg, bool rtcp)
{
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	ssize_t n = recvfrom(leg->fd[rtcp], t->rx, sizeof(t->rx), MSG_DONTWAIT | MSG_TRUNC,
			     (struct sockaddr *)&from, &from_len);
	if (n < 0)
		return; /* nothing there, or an ICMP error to an earlier packet */
	if ((size_t)n > sizeof(t->rx) || from_len != sizeof(from)) {
		leg->count.rx_bad++;
		return;
	}
	switch (leg->kind) {
	case LEG_PLAIN:
		if (!rtcp)
			plain_rtp(t, leg, &from, (size_t)n);
		else if (leg->has_remote && from.sin_addr.s_addr == leg->to_rtcp.sin_addr.s_addr)
			report_heard(t, leg, t->rx, (size_t)n);
		break;
	case LEG_TRUNK: trunk_packet(t, leg, &from, (size_t)n); break;
	case LEG_WEBRTC: webrtc_packet(t, leg, &from, (size_t)n); break;
	}
}

/* ---- what time brings */

static void publish(struct leg *leg)
{
	struct slot *s = &leg->m->slots[leg->slot];
	struct media_stats st;
	leg_stats(leg, &st);
	atomic_store_explicit(&s->rx_packets, st.rx_packets, memory_order_relaxed);
	atomic_store_explicit(&s->tx_packets, st.tx_packets, memory_order_relaxed);
	atomic_store_explicit(&s->rx_bytes, st.rx_bytes, memory_order_relaxed);
	atomic_store_explicit(&s->rx_lost, st.rx_lost, memory_order_relaxed);
	atomic_store_explicit(&s->rx_bad, st.rx_bad, memory_order_relaxed);
	atomic_store_explicit(&s->jitter_us, st.jitter_us, memory_order_relaxed);
	atomic_store_explicit(&s->rtt_us, st.rtt_us, memory_order_relaxed);
	atomic_store_explicit(&s->loss_permille, st.loss_permille, memory_order_relaxed);
	atomic_store_explicit(&s->out_seq, (uint16_t)leg->out.top, memory_order_relaxed);
	atomic_store_explicit(&s->out_ts, leg->out.ts, memory_order_relaxed);
	atomic_store_explicit(&s->heard_us, leg->heard_us, memory_order_relaxed);
}

static void sweep_silence(struct thread *t, struct leg *leg)
{
	if (leg->silent || !leg->has_remote || !leg->recv)
		return;
	if (t->now_us > leg->heard_us + leg->m->conf.silent_ms * 1000ull) {
		leg->silent = true;
		leg_event(leg, MEDIA_EV_SILENT, NULL);
	}
}

static void sweep_second(struct thread *t, struct leg *leg)
{
	if (t->now_us < leg->stats_us + 1000000)
		return;
	leg->stats_us = t->now_us;
	leg->loss_permille =
	    rtp_in_interval_loss(&leg->in, &leg->in.expected_stat, &leg->in.received_stat, 1000);
	if (leg->stats_wanted)
		leg_event(leg, MEDIA_EV_STATS, NULL);
}

void leg_sweep(struct thread *t, struct leg *leg)
{
	if (leg->web)
		webrtc_sweep(t, leg);
	sweep_silence(t, leg);
	sweep_second(t, leg);
	report_sweep(t, leg);
	if (leg->ear)
		atomic_store_explicit(&leg->m->slots[leg->slot].heard_permille,
				      ear_permille(leg->ear, t->now_us), memory_order_relaxed);
	publish(leg);
}
