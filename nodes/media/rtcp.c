#include "nodes/media/rtcp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "nodes/media/bytes.h"

enum { PT_SR = 200, PT_RR = 201, PT_SDES = 202, PT_BYE = 203, BLOCK_LEN = 24, CNAME_LEN = 8 };

uint64_t rtcp_ntp(uint64_t now_us)
{
	uint64_t seconds = now_us / 1000000, rest = now_us % 1000000;
	return seconds << 32 | (rest << 32) / 1000000;
}

uint32_t rtcp_round_trip_us(uint64_t now_us, uint32_t last_sr, uint32_t delay)
{
	enum { ABSURD = 60 << 16 };
	uint32_t now = (uint32_t)(rtcp_ntp(now_us) >> 16);
	uint32_t trip = now - last_sr - delay; /* in 1/65536 s */
	if (!last_sr || trip > ABSURD)
		return 0;
	uint32_t us = (uint32_t)((uint64_t)trip * 1000000 >> 16);
	return us ? us : 1; /* 0 means unknown */
}

static size_t write_block(uint8_t *p, const struct rtcp_report *r)
{
	put32(p, r->source);
	put32(p + 4, (uint32_t)r->fraction_lost << 24 | (r->lost > 0x7fffff ? 0x7fffff : r->lost));
	put32(p + 8, r->highest);
	put32(p + 12, r->jitter);
	put32(p + 16, r->last_sr);
	put32(p + 20, r->delay_since_sr);
	return BLOCK_LEN;
}

/* CNAME, as every compound packet must carry one; RFC 7022: of random origin, like our SSRC. */
static size_t write_sdes(uint8_t *p, uint32_t ssrc)
{
	enum { ITEM_CNAME = 1, SDES_LEN = 20 };
	char name[CNAME_LEN + 1];
	snprintf(name, sizeof(name), "%08x", ssrc);
	memset(p, 0, SDES_LEN);
	p[0] = 0x81;
	p[1] = PT_SDES;
	put16(p + 2, SDES_LEN / 4 - 1);
	put32(p + 4, ssrc);
	p[8] = ITEM_CNAME;
	p[9] = CNAME_LEN;
	memcpy(p + 10, name, CNAME_LEN); /* two zeros end the list */
	return SDES_LEN;
}

size_t rtcp_write(uint8_t *dst, const struct rtcp_report *r)
{
	size_t at = 8;
	dst[0] = (uint8_t)(0x80 | (r->source ? 1 : 0));
	dst[1] = r->sender ? PT_SR : PT_RR;
	put32(dst + 4, r->ssrc);
	if (r->sender) {
		put32(dst + 8, (uint32_t)(r->ntp >> 32));
		put32(dst + 12, (uint32_t)r->ntp);
		put32(dst + 16, r->rtp_ts);
		put32(dst + 20, r->packets);
		put32(dst + 24, r->octets);
		at = 28;
	}
	if (r->source)
		at += write_block(dst + at, r);
	put16(dst + 2, (uint16_t)(at / 4 - 1));
	return at + write_sdes(dst + at, r->ssrc);
}

static void read_blocks(struct rtcp_heard *h, const uint8_t *p, size_t len, unsigned count,
			uint32_t ours)
{
	for (; count && len >= BLOCK_LEN; count--, p += BLOCK_LEN, len -= BLOCK_LEN) {
		if (get32(p) != ours)
			continue;
		h->block = true;
		h->fraction_lost = p[4];
		h->last_sr = get32(p + 16);
		h->delay = get32(p + 20);
	}
}

int rtcp_parse(struct rtcp_heard *ret, const uint8_t *buf, size_t len, uint32_t ours)
{
	struct rtcp_heard h = {0};
	if (len < 8)
		return EBADMSG;
	while (len) {
		if (len < 4 || (buf[0] & 0xc0) != 0x80)
			return EBADMSG;
		size_t n = 4u * get16(buf + 2) + 4u;
		unsigned count = buf[0] & 0x1f;
		if (n > len)
			return EBADMSG;
		if (buf[1] == PT_SR && n >= 28) {
			h.sr = true;
			h.sr_ntp = get32(buf + 8) << 16 | get32(buf + 12) >> 16;
			read_blocks(&h, buf + 28, n - 28, count, ours);
		} else if (buf[1] == PT_RR && n >= 8) {
			read_blocks(&h, buf + 8, n - 8, count, ours);
		} else if (buf[1] == PT_BYE) {
			h.bye = true;
		}
		buf += n;
		len -= n;
	}
	*ret = h;
	return 0;
}
