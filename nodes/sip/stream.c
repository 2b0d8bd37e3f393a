#include "nodes/sip/stream.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

static int length_parse(const char *at, const char *end, size_t *ret)
{
	size_t v = 0, digits = 0;
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	if (at == end || *at++ != ':')
		return ENOENT;
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	for (; at < end && *at >= '0' && *at <= '9'; at++) {
		v = v * 10 + (size_t)(*at - '0');
		if (++digits > 10)
			return EBADMSG;
	}
	while (at < end && isspace((unsigned char)*at))
		at++;
	if (!digits || at != end)
		return EBADMSG;
	*ret = v;
	return 0;
}

/* Content-Length, or "l"; without one there is no body. Two that differ leave no true length. */
static int body_length(const char *head, size_t len, size_t *ret)
{
	const char *end = head + len;
	size_t found = 0;
	*ret = 0;
	for (const char *line = head; line < end;) {
		const char *eol = memchr(line, '\n', (size_t)(end - line));
		if (!eol)
			eol = end;
		size_t n = (size_t)(eol - line), v = 0;
		size_t name = n > 14 && !strncasecmp(line, "content-length", 14) ? 14
			      : n > 1 && (*line == 'l' || *line == 'L')          ? 1
										 : 0;
		int err = name ? length_parse(line + name, eol, &v) : ENOENT;
		if (err == EBADMSG || (!err && found++ && v != *ret))
			return EBADMSG;
		if (!err)
			*ret = v;
		line = eol + (eol < end);
	}
	return 0;
}

int stream_look(struct stream *s, const uint8_t *buf, size_t len, size_t *ret_len)
{
	if (!s->whole && len >= 2 && buf[0] == '\r' && buf[1] == '\n') {
		/* A keepalive (RFC 5626 §3.5.1): two pairs are a ping, and want an answer. */
		*ret_len = len >= 4 && buf[2] == '\r' && buf[3] == '\n' ? 4 : 2;
		return 0;
	}
	if (!s->whole) {
		size_t from = s->looked > 3 ? s->looked - 3 : 0;
		const uint8_t *end = memmem(buf + from, len - from, "\r\n\r\n", 4);
		s->looked = len;
		size_t head = end ? (size_t)(end - buf) + 4 : len, body;
		if (head > STREAM_HEADERS_MAX)
			return EMSGSIZE;
		if (!end)
			return EAGAIN;
		int err = body_length((const char *)buf, head, &body);
		if (err)
			return err;
		if (body > STREAM_MESSAGE_MAX - head)
			return EMSGSIZE;
		s->whole = head + body;
	}
	if (len < s->whole)
		return EAGAIN;
	*ret_len = s->whole;
	return 0;
}
