#include "nodes/sip/sdp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/base.h"

enum {
	DTMF_PT_OURS = 101,
	DTMF_PT_NONE = 0xff,
	FORMATS_MAX = 32,
	DYNAMIC_PT_MIN = 96,
	/* Of music and greetings, where the far end says nothing: receivers take 0 to 200 ms
	 * (RFC 3551 §4.2), and half the packets are half of what a waiting caller costs. */
	PTIME_UNSAID_MS = 40,
	PTIME_MAX_MS = 60,
	PTIME_STEP_MS = 20,
};

enum direction { DIR_NONE, DIR_SENDRECV, DIR_SENDONLY, DIR_RECVONLY, DIR_INACTIVE };

struct span {
	const char *p;
	size_t n;
};

/* One m-line while it is read. */
struct media {
	bool audio, plain_rtp;
	uint16_t port;
	uint32_t ip4;
	bool ip4_set, ip4_bad;
	enum direction dir;
	uint8_t pt[FORMATS_MAX];
	uint32_t pt_n;
	uint8_t dtmf_pt;
	uint32_t ptime_ms, maxptime_ms; /* 0: not said */
	bool not_pcmu, not_pcma; /* an rtpmap gives 0 or 8 another meaning */
};

struct reader {
	struct sdp_desc *desc;
	struct media session; /* c= and a= above the first m-line */
	struct media media;
	bool in_media, taken, version_seen;
};

static bool span_eq(struct span s, const char *text)
{
	return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

static bool span_caseeq(struct span s, const char *text)
{
	return s.n == strlen(text) && strncasecmp(s.p, text, s.n) == 0;
}

/* The part of *s before `sep` (or all of it); *s moves behind. */
static struct span span_cut(struct span *s, char sep)
{
	const char *end = memchr(s->p, sep, s->n);
	struct span part = {s->p, end ? (size_t)(end - s->p) : s->n};
	size_t used = end ? part.n + 1 : part.n;
	s->p += used;
	s->n -= used;
	return part;
}

static int span_number(struct span s, uint32_t limit, uint32_t *ret)
{
	uint32_t v = 0;
	if (s.n == 0 || s.n > 9)
		return EBADMSG;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return EBADMSG;
		v = v * 10 + (uint32_t)(s.p[i] - '0');
	}
	if (v > limit)
		return EBADMSG;
	*ret = v;
	return 0;
}

/* c=IN IP4 192.0.2.1. Anything else leaves the stream without an address that we can use. */
static void read_connection(struct media *m, struct span v)
{
	char host[INET_ADDRSTRLEN];
	struct in_addr in;
	m->ip4_set = true;
	m->ip4_bad = true;
	if (!span_eq(span_cut(&v, ' '), "IN") || !span_eq(span_cut(&v, ' '), "IP4") ||
	    v.n >= sizeof(host))
		return;
	memcpy(host, v.p, v.n);
	host[v.n] = '\0';
	if (inet_pton(AF_INET, host, &in) != 1)
		return;
	m->ip4 = ntohl(in.s_addr);
	m->ip4_bad = m->ip4 >= 0xe0000000u; /* multicast, reserved, broadcast */
}

static void read_rtpmap(struct media *m, struct span v)
{
	uint32_t pt;
	if (span_number(span_cut(&v, ' '), 127, &pt))
		return;
	struct span name = span_cut(&v, '/'), rate = span_cut(&v, '/');
	bool at_8k = span_eq(rate, "8000");
	if (pt == SIP_PCMU)
		m->not_pcmu = !span_caseeq(name, "PCMU") || !at_8k;
	else if (pt == SIP_PCMA)
		m->not_pcma = !span_caseeq(name, "PCMA") || !at_8k;
	else if (pt >= DYNAMIC_PT_MIN && at_8k && span_caseeq(name, "telephone-event"))
		m->dtmf_pt = (uint8_t)pt;
}

static void read_attribute(struct media *m, struct span v)
{
	static const struct {
		const char *name;
		enum direction dir;
	} dirs[] = {
	    {"sendrecv", DIR_SENDRECV},
	    {"sendonly", DIR_SENDONLY},
	    {"recvonly", DIR_RECVONLY},
	    {"inactive", DIR_INACTIVE},
	};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(dirs); i++)
		if (span_eq(v, dirs[i].name))
			m->dir = dirs[i].dir;
	struct span name = span_cut(&v, ':');
	/* A number that is none says nothing. */
	if (span_eq(name, "rtpmap"))
		read_rtpmap(m, v);
	else if (span_eq(name, "ptime"))
		(void)span_number(v, 1000, &m->ptime_ms);
	else if (span_eq(name, "maxptime"))
		(void)span_number(v, 1000, &m->maxptime_ms);
}

/* What the far end asks for, or what it takes (RFC 8866 §6.4, §6.5), in whole frames of 20 ms. */
static uint8_t ptime_of(const struct media *m, const struct media *session)
{
	uint32_t want = m->ptime_ms ? m->ptime_ms : session->ptime_ms;
	uint32_t most = m->maxptime_ms ? m->maxptime_ms : session->maxptime_ms;
	uint32_t ms = want ? want : PTIME_UNSAID_MS;
	if (most && ms > most)
		ms = most;
	if (ms > PTIME_MAX_MS)
		ms = PTIME_MAX_MS;
	ms -= ms % PTIME_STEP_MS;
	return (uint8_t)(ms ? ms : PTIME_STEP_MS);
}

static int read_media(struct reader *r, struct span line)
{
	struct span v = line, kind = span_cut(&v, ' '), port = span_cut(&v, ' ');
	struct span proto = span_cut(&v, ' ');
	struct media *m = &r->media;
	uint32_t number;
	*m = (struct media){.dtmf_pt = DTMF_PT_NONE};
	/* "port/2" asks for two streams; we would take the first. */
	if (span_number(span_cut(&port, '/'), 65535, &number) || proto.n == 0 || v.n == 0)
		return EBADMSG;
	m->port = (uint16_t)number;
	m->audio = span_eq(kind, "audio");
	m->plain_rtp = span_eq(proto, "RTP/AVP");
	struct span first = v;
	first = span_cut(&first, ' ');
	if (kind.n == 0 || first.n == 0)
		return EBADMSG; /* two spaces: what we repeat in a refusal would not be SDP */
	while (v.n > 0 && m->pt_n < FORMATS_MAX) {
		uint32_t pt;
		if (!span_number(span_cut(&v, ' '), 127, &pt))
			m->pt[m->pt_n++] = (uint8_t)pt;
	}
	struct sdp_desc *d = r->desc;
	if (d->media_n == SDP_MEDIA_MAX)
		return ENOTSUP;
	int n = snprintf(d->refused[d->media_n], SDP_MLINE_SIZE, "%.*s 0 %.*s %.*s", (int)kind.n,
			 kind.p, (int)proto.n, proto.p, (int)first.n, first.p);
	if (n < 0 || n >= SDP_MLINE_SIZE)
		return ENOTSUP;
	d->media_n++;
	r->in_media = true;
	return 0;
}

/* At the end of an m-section: is it the one that we take? */
static void close_media(struct reader *r)
{
	const struct media *m = &r->media;
	struct sip_sdp *a = &r->desc->audio;
	if (!r->in_media || r->taken || !m->audio || !m->plain_rtp || m->port == 0)
		return;
	const struct media *c = m->ip4_set ? m : &r->session;
	if (!c->ip4_set || c->ip4_bad)
		return;
	uint32_t i = 0;
	while (i < m->pt_n && !(m->pt[i] == SIP_PCMU && !m->not_pcmu) &&
	       !(m->pt[i] == SIP_PCMA && !m->not_pcma))
		i++;
	if (i == m->pt_n)
		return;
	enum direction dir = m->dir != DIR_NONE ? m->dir : r->session.dir;
	bool dtmf_listed = m->dtmf_pt != DTMF_PT_NONE && memchr(m->pt, m->dtmf_pt, m->pt_n);
	*a = (struct sip_sdp){
	    .ip4 = c->ip4,
	    .port = m->port,
	    .codec = m->pt[i] == SIP_PCMA ? SIP_PCMA : SIP_PCMU,
	    .dtmf_pt = dtmf_listed ? m->dtmf_pt : DTMF_PT_NONE,
	    /* 0.0.0.0 is how hold was said before RFC 3264 (its §8.4). */
	    .send = c->ip4 != 0 && dir != DIR_SENDONLY && dir != DIR_INACTIVE,
	    .recv = dir != DIR_RECVONLY && dir != DIR_INACTIVE,
	    .ptime_ms = ptime_of(m, &r->session),
	};
	r->desc->audio_index = r->desc->media_n - 1;
	r->desc->refused[r->desc->audio_index][0] = '\0';
	r->taken = true;
}

static int read_line(struct reader *r, struct span line)
{
	if (line.n < 2 || line.p[1] != '=')
		return EBADMSG;
	for (size_t i = 0; i < line.n; i++)
		if ((unsigned char)line.p[i] < 0x20 && line.p[i] != '\t')
			return EBADMSG;
	struct span v = {line.p + 2, line.n - 2};
	struct media *m = r->in_media ? &r->media : &r->session;
	if (!r->version_seen) {
		r->version_seen = true;
		return line.p[0] == 'v' && span_eq(v, "0") ? 0 : EBADMSG;
	}
	switch (line.p[0]) {
	case 'm': close_media(r); return read_media(r, v);
	case 'c': read_connection(m, v); return 0;
	case 'a': read_attribute(m, v); return 0;
	default: return 0;
	}
}

int sdp_read(struct sdp_desc *ret, const char *text, size_t len)
{
	struct sdp_desc desc = {0};
	struct reader r = {.desc = &desc, .session = {.dtmf_pt = DTMF_PT_NONE}};
	struct span rest = {text, len};
	if (len == 0 || len > SDP_TEXT_MAX)
		return EBADMSG;
	while (rest.n > 0) {
		struct span line = span_cut(&rest, '\n');
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (line.n == 0 && rest.n == 0)
			break; /* an empty last line is common */
		int err = read_line(&r, line);
		if (err)
			return err;
	}
	close_media(&r);
	if (!r.version_seen)
		return EBADMSG;
	if (!r.taken)
		return ENOTSUP;
	*ret = desc;
	return 0;
}

/* ---- writing ---- */

struct writer {
	char *buf;
	size_t size, n;
	bool full;
};

static void put(struct writer *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct writer *w, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(w->buf + w->n, w->size - w->n, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= w->size - w->n) {
		w->full = true;
		w->n = w->size - 1;
		return;
	}
	w->n += (size_t)n;
}

static const char *codec_name(enum sip_codec codec)
{
	return codec == SIP_PCMA ? "PCMA" : "PCMU";
}

static void put_head(struct writer *w, const struct sdp_local *l)
{
	put(w, "v=0\r\no=- %llu %llu IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n",
	    (unsigned long long)l->session, (unsigned long long)l->version, l->address, l->address);
}

static void put_dtmf(struct writer *w, uint8_t pt)
{
	put(w, "a=rtpmap:%u telephone-event/8000\r\na=fmtp:%u 0-15\r\n", pt, pt);
}

static size_t put_end(const struct writer *w)
{
	return w->full ? 0 : w->n;
}

static const char *direction_ours(const struct sip_sdp *s)
{
	if (s->send)
		return s->recv ? "sendrecv" : "sendonly";
	return s->recv ? "recvonly" : "inactive";
}

size_t sdp_write_answer(char *buf, size_t size, const struct sdp_local *local,
			const struct sdp_desc *offer)
{
	const struct sip_sdp *a = &offer->audio;
	struct writer w = {.buf = buf, .size = size};
	put_head(&w, local);
	for (uint32_t i = 0; i < offer->media_n; i++) {
		if (i != offer->audio_index) {
			put(&w, "m=%s\r\n", offer->refused[i]);
			continue;
		}
		put(&w, "m=audio %u RTP/AVP %d", local->port, a->codec);
		if (a->dtmf_pt != DTMF_PT_NONE)
			put(&w, " %u", a->dtmf_pt);
		put(&w, "\r\na=rtpmap:%d %s/8000\r\n", a->codec, codec_name(a->codec));
		if (a->dtmf_pt != DTMF_PT_NONE)
			put_dtmf(&w, a->dtmf_pt);
		put(&w, "a=ptime:20\r\na=%s\r\n", direction_ours(a));
	}
	return put_end(&w);
}

size_t sdp_write_offer(char *buf, size_t size, const struct sdp_local *local, enum sip_codec prefer,
		       bool only)
{
	enum sip_codec other = prefer == SIP_PCMU ? SIP_PCMA : SIP_PCMU;
	struct writer w = {.buf = buf, .size = size};
	put_head(&w, local);
	put(&w, "m=audio %u RTP/AVP %d", local->port, prefer);
	if (!only)
		put(&w, " %d", other);
	put(&w, " %d\r\na=rtpmap:%d %s/8000\r\n", DTMF_PT_OURS, prefer, codec_name(prefer));
	if (!only)
		put(&w, "a=rtpmap:%d %s/8000\r\n", other, codec_name(other));
	put_dtmf(&w, DTMF_PT_OURS);
	put(&w, "a=ptime:20\r\na=sendrecv\r\n");
	return put_end(&w);
}
