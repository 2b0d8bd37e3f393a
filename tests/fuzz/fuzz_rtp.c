/* RTP, RTCP, DTMF and SRTP as they come from the network; the numbering they lead to. */
#include <string.h>

#include "common/base/base.h"
#include "nodes/media/rtcp.h"
#include "nodes/media/rtp.h"
#include "nodes/media/srtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void feed_guard(enum guard_suite suite, const uint8_t *data, size_t size)
{
	static struct guard *guards[2];
	static const uint8_t key[GUARD_MASTER_MAX] = {1, 2, 3};
	uint8_t buf[2048];
	size_t len = size;
	if (!guards[suite])
		helio_assert(!guard_new(&guards[suite], suite, key, key));
	if (size > sizeof(buf))
		return;
	memcpy(buf, data, size);
	(void)guard_unprotect_rtp(guards[suite], buf, &len);
	helio_assert(len <= size);
	len = size;
	memcpy(buf, data, size);
	(void)guard_unprotect_rtcp(guards[suite], buf, &len);
	helio_assert(len <= size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rtp_in in;
	static struct rtp_out out = {.ssrc = 1};
	static uint64_t now_us = 1000000;
	struct rtp_packet p;
	struct rtp_slot at;
	struct rtp_dtmf d;
	struct rtcp_heard h;
	(void)rtcp_parse(&h, data, size, 7);
	feed_guard(GUARD_AES_CM_128_SHA1_80, data, size);
	feed_guard(GUARD_AEAD_AES_128_GCM, data, size);
	if (rtp_parse(&p, data, size))
		return 0;
	helio_assert(p.payload >= data && p.payload + p.payload_len <= data + size);
	(void)rtp_dtmf_parse(&d, p.payload, p.payload_len);
	rtp_in_update(&in, &p, p.marker ? 8000 : 48000, now_us += 20000);
	(void)rtp_in_lost(&in);
	uint64_t top = out.top;
	if (!rtp_out_map(&out, &at, p.ssrc & 3, p.seq, p.ts, 8000, p.marker ? 48000 : 8000, now_us))
		helio_assert(at.ext <= out.top && out.top >= top);
	return 0;
}
