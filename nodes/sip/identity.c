#include "nodes/sip/sip_priv.h"

#include <errno.h>
#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Bytes of the UTF-8 sequence that starts at p, 0 if it is not one (RFC 3629: shortest form, no
 * surrogates). */
static size_t utf8_len(const unsigned char *p, size_t n)
{
	if (p[0] < 0x80)
		return 1;
	size_t len = p[0] >= 0xf0 ? 4 : (p[0] >= 0xe0 ? 3 : 2);
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	if (p[0] < 0xc2 || p[0] > 0xf4 || len > n)
		return 0;
	uint32_t cp = p[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (p[i] & 0x3f);
	}
	if (cp < least[len] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return 0;
	return len;
}

/* Keeps what can be shown: whole UTF-8 characters that are not controls, as many as fit. */
static void text_clean(char *dst, size_t size, const char *src, size_t n)
{
	const unsigned char *p = (const unsigned char *)src;
	size_t at = 0;
	while (n > 0) {
		size_t len = utf8_len(p, n);
		bool c1 = len == 2 && p[0] == 0xc2 && p[1] < 0xa0; /* controls U+0080–U+009F */
		if (len == 0) {
			len = 1;
		} else if (p[0] >= 0x20 && p[0] != 0x7f && !c1) {
			if (at + len >= size)
				break;
			memcpy(dst + at, p, len);
			at += len;
		}
		p += len;
		n -= len;
	}
	dst[at] = '\0';
}

/* %xx resolved into dst; returns the length or -1. */
static int unescape(char *dst, size_t size, const struct pl *src)
{
	size_t at = 0;
	for (size_t i = 0; i < src->l; i++) {
		int c = (unsigned char)src->p[i];
		if (c == '%') {
			if (i + 2 >= src->l)
				return -1;
			int hi = hex_digit(src->p[i + 1]), lo = hex_digit(src->p[i + 2]);
			if (hi < 0 || lo < 0)
				return -1;
			c = hi << 4 | lo;
			i += 2;
		}
		if (at + 1 >= size)
			return -1;
		dst[at++] = (char)c;
	}
	return (int)at;
}

int sip_user_decode(char *dst, size_t size, const struct pl *user)
{
	char raw[SIP_NAME_SIZE];
	struct pl plain = *user;
	/* ";phone-context=…" and such are parameters of a telephone number, not of the name. */
	const char *param = pl_strchr(&plain, ';');
	if (param)
		plain.l = (size_t)(param - plain.p);
	int n = unescape(raw, sizeof(raw), &plain);
	if (n < 0)
		return EBADMSG;
	text_clean(dst, size, raw, (size_t)n);
	return strlen(dst) == (size_t)n ? 0 : EBADMSG;
}

/* "Bob \"B\" Smith": libre gives what stands between the outer quotes. */
static size_t unquote(char *dst, size_t size, const struct pl *src)
{
	size_t at = 0;
	for (size_t i = 0; i < src->l && at + 1 < size; i++) {
		if (src->p[i] == '\\' && i + 1 < src->l)
			i++;
		dst[at++] = src->p[i];
	}
	return at;
}

void sip_caller_decode(const struct sip_msg *msg, char number[SIP_NAME_SIZE],
		       char name[SIP_NAME_SIZE])
{
	const struct uri *uri = &msg->from.uri;
	char raw[SIP_NAME_SIZE];
	number[0] = '\0';
	if (!pl_strcasecmp(&uri->scheme, "tel")) {
		struct pl rest = msg->from.auri;
		pl_advance(&rest, 4);
		(void)sip_user_decode(number, SIP_NAME_SIZE, &rest);
	} else if (pl_isset(&uri->user)) {
		(void)sip_user_decode(number, SIP_NAME_SIZE, &uri->user);
	} else {
		text_clean(number, SIP_NAME_SIZE, uri->host.p, uri->host.l);
	}
	size_t n = unquote(raw, sizeof(raw), &msg->from.dname);
	text_clean(name, SIP_NAME_SIZE, raw, n);
}
