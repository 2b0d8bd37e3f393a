#include "tests/unit/caller/answerer.h"

#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <netinet/in.h>
#include <re.h>

#include "nodes/sip/sip_call.h"

enum { FRAME = 160, PTIME_MS = 20 };

static const uint8_t milliwatt_u[8] = {0x1e, 0x0b, 0x0b, 0x1e, 0x9e, 0x8b, 0x8b, 0x9e};
static const uint8_t milliwatt_a[8] = {0x34, 0x21, 0x21, 0x34, 0xb4, 0xa1, 0xa1, 0xb4};

static struct {
	struct sip_ua *ua;
	struct udp_sock *rtp;
	struct tmr tmr;
	uint16_t rtp_port, seq;
	uint32_t ts, key_ts;
	struct sip_sdp remote;
	struct answerer_report report;
	uint32_t samples, changes;
	uint8_t last;
	int fd;
} self;

static void play(void *arg)
{
	struct rtp_header hdr = {.ver = RTP_VERSION,
				 .pt = (uint8_t)self.remote.codec,
				 .seq = self.seq++,
				 .ts = self.ts += FRAME,
				 .ssrc = 7};
	const uint8_t *tone = self.remote.codec == SIP_PCMA ? milliwatt_a : milliwatt_u;
	struct mbuf *mb = mbuf_alloc(256);
	struct sa dst;
	(void)arg;
	tmr_start(&self.tmr, PTIME_MS, play, NULL);
	sa_set_in(&dst, self.remote.ip4, self.remote.port);
	(void)rtp_hdr_encode(mb, &hdr);
	for (unsigned i = 0; i < FRAME; i++)
		(void)mbuf_write_u8(mb, tone[i % 8]);
	mb->pos = 0;
	(void)udp_send(self.rtp, &dst, mb);
	mem_deref(mb);
}

static void key(uint32_t ts, struct mbuf *mb)
{
	static const char names[] = "0123456789*#ABCD";
	uint8_t code = mbuf_read_u8(mb), bits = mbuf_read_u8(mb);
	size_t n = strlen(self.report.digits);
	if (!(bits & 0x80) || ts == self.key_ts || code > 15 || n + 1 == sizeof(self.report.digits))
		return;
	self.key_ts = ts;
	self.report.digits[n] = names[code];
}

static void listen_handler(const struct sa *src, struct mbuf *mb, void *arg)
{
	struct rtp_header hdr;
	(void)src;
	(void)arg;
	if (rtp_hdr_decode(&hdr, mb))
		return;
	if (hdr.pt == self.remote.dtmf_pt) {
		key(hdr.ts, mb);
		return;
	}
	self.report.packets++;
	self.report.pt = hdr.pt;
	while (mbuf_get_left(mb) > 0) {
		uint8_t sign = mbuf_read_u8(mb) & 0x80;
		self.changes += sign != self.last;
		self.last = sign;
		self.samples++;
	}
}

static void incoming_h(struct sip_call *call, const char *user, const char *caller,
		       const char *caller_name, const struct sip_sdp *offer, void *arg)
{
	(void)caller;
	(void)caller_name;
	(void)arg;
	if (!strcmp(user, "busy")) {
		(void)sip_call_reject(call, 486, "Busy Here", 0);
		return;
	}
	if (!strcmp(user, "deaf"))
		return; /* never answers */
	self.remote = *offer;
	self.report = (struct answerer_report){0};
	self.samples = self.changes = 0;
	(void)sip_call_ring(call);
	(void)sip_call_accept(call, self.rtp_port, 1);
	tmr_start(&self.tmr, PTIME_MS, play, NULL);
}

static void ended_h(struct sip_call *call, enum sip_end why, void *arg)
{
	(void)arg;
	tmr_cancel(&self.tmr);
	sip_call_free(call);
	if (why != SIP_END_BYE)
		return;
	if (self.samples > 0)
		self.report.hz = (uint32_t)((uint64_t)self.changes * 4000u / self.samples);
	if (write(self.fd, &self.report, sizeof(self.report)) < 0)
		re_cancel();
}

_Noreturn void answerer_run(const char *ip, uint16_t sip_port, uint16_t rtp_port, int fd)
{
	const struct sip_ua_conf conf = {
	    .bind = ip, .port = sip_port, .server = "test", .calls_max = 100};
	const struct sip_ua_handlers h = {.incoming_h = incoming_h, .ended_h = ended_h};
	char why[256];
	struct sa sa;
	self.fd = fd;
	self.rtp_port = rtp_port;
	if (libre_init() || sa_set_str(&sa, ip, rtp_port) ||
	    udp_listen(&self.rtp, &sa, listen_handler, NULL) ||
	    sip_ua_open(&self.ua, &conf, &h, NULL, why) || write(fd, "r", 1) != 1)
		_exit(1);
	(void)re_main(NULL);
	_exit(0);
}
