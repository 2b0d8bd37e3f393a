#include "nodes/media/websdp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/base.h"

enum { LINE_MAX_LEN = 1024, PT_MAX = 127, FORMATS_MAX = 64, NO_PT = 0xff };

enum format { FORMAT_OTHER, FORMAT_PCMU, FORMAT_PCMA, FORMAT_OPUS, FORMAT_DTMF8, FORMAT_DTMF48 };

struct reader {
	struct web_description d;
	bool in_media, has_fingerprint, has_setup, mux;
	uint8_t formats[FORMATS_MAX]; /* of the m= line, in order */
	uint32_t formats_len;
	uint8_t format_of[PT_MAX + 1];
	char *why;
};

static int refuse(struct reader *r, const char *why)
{
	str_copy(r->why, 96, why);
	return EINVAL;
}

static const char *after(const char *line, const char *prefix)
{
	size_t n = strlen(prefix);
	return strncmp(line, prefix, n) ? NULL : line + n;
}

/* ice-char = ALPHA / DIGIT / "+" / "/" */
static int copy_token(struct reader *r, char *dst, const char *v, size_t min, const char *why)
{
	size_t n = strspn(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
	if (v[n] || n < min || n > WEB_TOKEN_MAX)
		return refuse(r, why);
	memcpy(dst, v, n + 1);
	return 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static int read_fingerprint(struct reader *r, const char *v)
{
	if (strncasecmp(v, "sha-256 ", 8))
		return 0; /* another hash may be listed beside it */
	v += 8;
	for (size_t i = 0; i < WEB_FINGERPRINT_LEN; i++, v += 3) {
		int hi = hex_digit(v[0]), lo = hi < 0 ? -1 : hex_digit(v[1]);
		char end = i + 1 < WEB_FINGERPRINT_LEN ? ':' : '\0';
		if (lo < 0 || v[2] != end)
			return refuse(r, "fingerprint is not a SHA-256 one");
		r->d.fingerprint[i] = (uint8_t)(hi << 4 | lo);
	}
	r->has_fingerprint = true;
	return 0;
}

static int read_setup(struct reader *r, const char *v)
{
	static const char *const names[] = {"actpass", "active", "passive"};
	for (unsigned i = 0; i < HELIO_ARRAY_LEN(names); i++) {
		if (!strcmp(v, names[i])) {
			r->d.setup = (enum web_setup)i;
			r->has_setup = true;
			return 0;
		}
	}
	return refuse(r, "setup is neither actpass, active nor passive");
}

/* A number in [0, max] followed by `end`; −1: it is not. *v moves behind `end`. */
static long take_number(const char **v, long max, char end)
{
	long n = 0;
	const char *p = *v;
	for (; *p >= '0' && *p <= '9'; p++)
		if ((n = n * 10 + (*p - '0')) > max)
			return -1;
	if (p == *v || *p != end)
		return -1;
	*v = *p ? p + 1 : p;
	return n;
}

/* rtpmap:PT NAME/CLOCK[/CHANNELS] */
static void read_rtpmap(struct reader *r, const char *v)
{
	static const struct {
		const char *name;
		enum format format;
	} known[] = {
	    {"opus/48000/2", FORMAT_OPUS},
	    {"PCMU/8000", FORMAT_PCMU},
	    {"PCMU/8000/1", FORMAT_PCMU},
	    {"PCMA/8000", FORMAT_PCMA},
	    {"PCMA/8000/1", FORMAT_PCMA},
	    {"telephone-event/8000", FORMAT_DTMF8},
	    {"telephone-event/48000", FORMAT_DTMF48},
	};
	long pt = take_number(&v, PT_MAX, ' ');
	if (pt < 0)
		return;
	r->format_of[pt] = FORMAT_OTHER;
	for (unsigned i = 0; i < HELIO_ARRAY_LEN(known); i++)
		if (!strcasecmp(v, known[i].name))
			r->format_of[pt] = (uint8_t)known[i].format;
}

/* candidate:FOUNDATION COMPONENT TRANSPORT PRIORITY ADDRESS PORT typ TYPE … */
static void read_candidate(struct reader *r, const char *v)
{
	char transport[8], address[64], type[8];
	unsigned component, port;
	struct in_addr in;
	if (r->d.port || sscanf(v, "%*32s %3u %7s %*10s %63s %5u typ %7s", &component, transport,
				address, &port, type) != 5)
		return;
	if (component != 1 || strcasecmp(transport, "udp") || strcmp(type, "host") || !port ||
	    port > 65535 || inet_pton(AF_INET, address, &in) != 1)
		return; /* mDNS names, IPv6, relays: not for us */
	r->d.ip4 = ntohl(in.s_addr);
	r->d.port = (uint16_t)port;
}

/* m=audio PORT UDP/TLS/RTP/SAVPF PT… */
static int read_media(struct reader *r, const char *v)
{
	if (r->in_media)
		return refuse(r, "more than one m= section");
	r->in_media = true;
	if (!(v = after(v, "audio ")))
		return refuse(r, "the m= section is not audio");
	long port = take_number(&v, 65535, ' ');
	if (port == 0)
		return refuse(r, "audio is declined (port 0)");
	if (port < 0 || !(v = after(v, "UDP/TLS/RTP/SAVPF ")))
		return refuse(r, "the m= line is not UDP/TLS/RTP/SAVPF");
	while (*v && r->formats_len < FORMATS_MAX) {
		long pt = take_number(&v, PT_MAX, strchr(v, ' ') ? ' ' : '\0');
		if (pt < 0)
			return refuse(r, "bad payload type in the m= line");
		r->formats[r->formats_len++] = (uint8_t)pt;
	}
	return 0;
}

static int read_attribute(struct reader *r, const char *a)
{
	const char *v;
	if ((v = after(a, "ice-ufrag:")))
		return copy_token(r, r->d.ufrag, v, 4, "bad ice-ufrag");
	if ((v = after(a, "ice-pwd:")))
		return copy_token(r, r->d.pwd, v, 22, "bad ice-pwd");
	if ((v = after(a, "fingerprint:")))
		return read_fingerprint(r, v);
	if ((v = after(a, "setup:")))
		return read_setup(r, v);
	if ((v = after(a, "mid:")) && r->in_media)
		return str_copy(r->d.mid, sizeof(r->d.mid), v) ? refuse(r, "mid is too long") : 0;
	if ((v = after(a, "rtpmap:")))
		read_rtpmap(r, v);
	else if ((v = after(a, "candidate:")))
		read_candidate(r, v);
	else if (!strcmp(a, "ice-lite"))
		r->d.lite = true;
	else if (!strcmp(a, "rtcp-mux"))
		r->mux = true;
	else if (!strcmp(a, "sendrecv"))
		r->d.send = r->d.recv = true;
	else if (!strcmp(a, "sendonly"))
		r->d.send = true, r->d.recv = false;
	else if (!strcmp(a, "recvonly"))
		r->d.send = false, r->d.recv = true;
	else if (!strcmp(a, "inactive"))
		r->d.send = r->d.recv = false;
	return 0;
}

static int choose_formats(struct reader *r)
{
	enum format wanted_dtmf;
	uint32_t i = 0;
	r->d.pt = r->d.dtmf_pt = NO_PT;
	for (; i < r->formats_len; i++) {
		enum format f = (enum format)r->format_of[r->formats[i]];
		if (f == FORMAT_PCMU || f == FORMAT_PCMA || f == FORMAT_OPUS) {
			r->d.pt = r->formats[i];
			r->d.codec = f == FORMAT_OPUS   ? MEDIA_OPUS
				     : f == FORMAT_PCMA ? MEDIA_PCMA
							: MEDIA_PCMU;
			break;
		}
	}
	if (r->d.pt == NO_PT)
		return refuse(r, "no codec in common (Opus, PCMU, PCMA)");
	wanted_dtmf = r->d.codec == MEDIA_OPUS ? FORMAT_DTMF48 : FORMAT_DTMF8;
	for (i = r->formats_len; i-- > 0;)
		if (r->format_of[r->formats[i]] == wanted_dtmf)
			r->d.dtmf_pt = r->formats[i];
	return 0;
}

static int check_whole(struct reader *r)
{
	if (!r->in_media)
		return refuse(r, "no m= section");
	if (!r->d.ufrag[0] || !r->d.pwd[0])
		return refuse(r, "ice-ufrag or ice-pwd is missing");
	if (!r->has_fingerprint)
		return refuse(r, "no SHA-256 fingerprint");
	if (!r->has_setup)
		return refuse(r, "setup is missing");
	if (!r->mux)
		return refuse(r, "rtcp-mux is missing");
	return choose_formats(r);
}

/* One line without its end; NULL at the end of the text. */
static int next_line(const char **text, char line[LINE_MAX_LEN])
{
	size_t n = strcspn(*text, "\r\n");
	if (n >= LINE_MAX_LEN)
		return EINVAL;
	memcpy(line, *text, n);
	line[n] = '\0';
	*text += n;
	*text += **text == '\r';
	*text += **text == '\n';
	return 0;
}

int websdp_parse(struct web_description *ret, const char *text, char ret_why[96])
{
	struct reader r = {.why = ret_why, .d = {.send = true, .recv = true}};
	char line[LINE_MAX_LEN];
	r.format_of[0] = FORMAT_PCMU; /* static ones need no rtpmap */
	r.format_of[8] = FORMAT_PCMA;
	if (strnlen(text, MEDIA_SDP_MAX) == MEDIA_SDP_MAX)
		return refuse(&r, "the description is too long");
	if (!after(text, "v=0\r") && !after(text, "v=0\n"))
		return refuse(&r, "not a session description");
	while (*text) {
		int err = 0;
		const char *v;
		if (next_line(&text, line))
			return refuse(&r, "a line is too long");
		if ((v = after(line, "m=")))
			err = read_media(&r, v);
		else if ((v = after(line, "a=")))
			err = read_attribute(&r, v);
		if (err)
			return err;
	}
	int err = check_whole(&r);
	if (!err)
		*ret = r.d;
	return err;
}

void websdp_payload_types(enum media_codec codec, uint8_t *ret_pt, uint8_t *ret_dtmf_pt)
{
	*ret_pt = codec == MEDIA_OPUS ? 111 : codec == MEDIA_PCMA ? 8 : 0;
	*ret_dtmf_pt = codec == MEDIA_OPUS ? 110 : 126; /* those Chromium uses itself */
}

static void format_fingerprint(char dst[3 * WEB_FINGERPRINT_LEN], const uint8_t *f)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < WEB_FINGERPRINT_LEN; i++) {
		dst[3 * i] = digits[f[i] >> 4];
		dst[3 * i + 1] = digits[f[i] & 15];
		dst[3 * i + 2] = i + 1 < WEB_FINGERPRINT_LEN ? ':' : '\0';
	}
}

static int format_codecs(char *dst, size_t size, const struct web_description *d)
{
	static const char *const names[] = {"PCMU/8000", "PCMA/8000", "opus/48000/2"};
	int n = snprintf(dst, size, "a=rtpmap:%u %s\r\n", d->pt, names[d->codec]);
	/* Our side of every call is telephony: narrow-band Opus spares both ends the work. */
	if (d->codec == MEDIA_OPUS)
		n += snprintf(
		    dst + n, size - (size_t)n,
		    "a=fmtp:%u minptime=10;useinbandfec=1;stereo=0;maxplaybackrate=8000\r\n",
		    d->pt);
	if (d->dtmf_pt != NO_PT)
		n += snprintf(dst + n, size - (size_t)n,
			      "a=rtpmap:%u telephone-event/%u\r\na=fmtp:%u 0-15\r\n", d->dtmf_pt,
			      d->codec == MEDIA_OPUS ? 48000u : 8000u, d->dtmf_pt);
	return n;
}

int websdp_write(char dst[MEDIA_SDP_MAX], const struct web_description *d)
{
	static const char *const setups[] = {"actpass", "active", "passive"};
	char fingerprint[3 * WEB_FINGERPRINT_LEN], codecs[512], ip[INET_ADDRSTRLEN], dtmf[8] = "";
	struct in_addr in = {htonl(d->ip4)};
	inet_ntop(AF_INET, &in, ip, sizeof(ip));
	format_fingerprint(fingerprint, d->fingerprint);
	format_codecs(codecs, sizeof(codecs), d);
	if (d->dtmf_pt != NO_PT)
		snprintf(dtmf, sizeof(dtmf), " %u", d->dtmf_pt);
	int n = snprintf(dst, MEDIA_SDP_MAX,
			 "v=0\r\n"
			 "o=- %u 1 IN IP4 %s\r\n"
			 "s=-\r\n"
			 "t=0 0\r\n"
			 "a=group:BUNDLE %s\r\n"
			 "%s"
			 "m=audio %u UDP/TLS/RTP/SAVPF %u%s\r\n"
			 "c=IN IP4 %s\r\n"
			 "a=mid:%s\r\n"
			 "a=sendrecv\r\n"
			 "a=rtcp-mux\r\n"
			 "a=ice-ufrag:%s\r\n"
			 "a=ice-pwd:%s\r\n"
			 "a=fingerprint:sha-256 %s\r\n"
			 "a=setup:%s\r\n"
			 "%s"
			 "a=ptime:20\r\n"
			 "a=maxptime:60\r\n"
			 "a=msid:heliograph audio\r\n"
			 "a=ssrc:%u cname:%08x\r\n"
			 "a=candidate:1 1 udp 2130706431 %s %u typ host\r\n"
			 "a=end-of-candidates\r\n",
			 d->ssrc, ip, d->mid, d->lite ? "a=ice-lite\r\n" : "", d->port, d->pt, dtmf,
			 ip, d->mid, d->ufrag, d->pwd, fingerprint, setups[d->setup], codecs,
			 d->ssrc, d->ssrc, ip, d->port);
	return n < 0 || n >= MEDIA_SDP_MAX ? EMSGSIZE : 0;
}
