/* A leg's RTCP: what it reports, and what it learns from the far end's reports. */
#include "nodes/media/internal.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "nodes/media/rtcp.h"
#include "nodes/media/srtp.h"

void report_heard(struct thread *t, struct leg *leg, const uint8_t *buf, size_t len)
{
	struct rtcp_heard h;
	if (rtcp_parse(&h, buf, len, leg->out.ssrc)) {
		leg->count.rx_bad++;
		return;
	}
	leg_heard_anything(t, leg);
	if (h.sr) {
		leg->last_sr = h.sr_ntp;
		leg->last_sr_us = t->now_us;
	}
	uint32_t rtt = h.block ? rtcp_round_trip_us(t->now_us, h.last_sr, h.delay) : 0;
	if (rtt)
		leg->rtt_us = rtt;
}

static void fill(struct thread *t, struct leg *leg, struct rtcp_report *r)
{
	uint64_t since = t->now_us - leg->out.at_us;
	*r = (struct rtcp_report){
	    .ssrc = leg->out.ssrc,
	    .sender = leg->count.tx_packets != leg->reported_tx,
	    .ntp = rtcp_ntp(t->now_us),
	    .rtp_ts = leg->out.ts + (uint32_t)(since * (leg_rate(leg) / 1000) / 1000),
	    .packets = (uint32_t)leg->count.tx_packets,
	    .octets = leg->tx_octets,
	};
	leg->reported_tx = leg->count.tx_packets;
	if (!leg->in.started)
		return;
	r->source = leg->in.ssrc;
	r->fraction_lost = (uint8_t)rtp_in_interval_loss(&leg->in, &leg->in.expected_prior,
							 &leg->in.received_prior, 255);
	r->lost = (uint32_t)rtp_in_lost(&leg->in);
	r->highest = leg->in.top;
	r->jitter = leg->in.jitter16 >> 4;
	r->last_sr = leg->last_sr;
	if (leg->last_sr)
		r->delay_since_sr = (uint32_t)(((t->now_us - leg->last_sr_us) << 16) / 1000000);
}

void report_sweep(struct thread *t, struct leg *leg)
{
	struct rtcp_report r;
	bool plain = leg->kind == LEG_PLAIN;
	if (!leg->has_remote || t->now_us < leg->report_us)
		return;
	leg->report_us = t->now_us + REPORT_US;
	/* Nothing to say; between nodes an empty one is said all the same: the trunk is alive. */
	if (leg->kind != LEG_TRUNK && !leg->in.started && leg->count.tx_packets == leg->reported_tx)
		return;
	fill(t, leg, &r);
	size_t len = rtcp_write(t->tx, &r);
	if (leg->guard && guard_protect_rtcp(leg->guard, t->tx, &len))
		return;
	const struct sockaddr_in *to = plain ? &leg->to_rtcp : &leg->to;
	(void)leg_sendto(leg, leg->fd[plain ? 1 : 0], t->tx, len, to);
}
