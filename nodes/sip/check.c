#include "nodes/sip/sip_priv.h"

#include <errno.h>
#include <string.h>

int sip_number(const struct pl *pl, uint32_t limit, uint32_t *ret)
{
	uint64_t v = 0;
	if (!pl_isset(pl) || pl->l > 10)
		return EBADMSG;
	for (size_t i = 0; i < pl->l; i++) {
		if (pl->p[i] < '0' || pl->p[i] > '9')
			return EBADMSG;
		v = v * 10 + (uint64_t)(pl->p[i] - '0');
	}
	if (v > limit)
		return EBADMSG;
	*ret = (uint32_t)v;
	return 0;
}

/* Neither may end a header or a bracket of ours. */
static bool uri_text_ok(const struct pl *s)
{
	for (size_t i = 0; i < s->l; i++)
		if ((unsigned char)s->p[i] <= 0x20 || (unsigned char)s->p[i] >= 0x7f ||
		    strchr("<>\"", s->p[i]))
			return false;
	return s->l > 0;
}

int sip_uri_copy(char *dst, size_t size, const struct pl *uri)
{
	struct pl s = *uri;
	struct uri parsed;
	if (!uri_text_ok(&s) || uri_decode(&parsed, &s) || pl_strcasecmp(&parsed.scheme, "sip") ||
	    !pl_isset(&parsed.host))
		return EBADMSG;
	/* "?Header=value" of a Contact has no place in a Request-URI (RFC 3261 §19.1.1, table). */
	const char *headers = pl_strchr(&s, '?');
	if (headers && headers > parsed.host.p)
		s.l = (size_t)(headers - s.p);
	if (s.l >= size)
		return ENAMETOOLONG;
	memcpy(dst, s.p, s.l);
	dst[s.l] = '\0';
	return 0;
}

struct pl sip_body(const struct sip_msg *msg)
{
	struct pl body = {(const char *)mbuf_buf(msg->mb), mbuf_get_left(msg->mb)};
	uint32_t len;
	if (pl_isset(&msg->clen) && !sip_number(&msg->clen, UINT32_MAX, &len) && len < body.l)
		body.l = len;
	return body;
}

static bool token_ok(const struct pl *s)
{
	for (size_t i = 0; i < s->l; i++) {
		char c = s->p[i];
		bool alnum =
		    (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!alnum && !strchr("-.!%*_+`'~", c))
			return false;
	}
	return s->l > 0;
}

static bool one(const struct sip_msg *msg, enum sip_hdrid id)
{
	return sip_msg_hdr_count(msg, id) == 1;
}

static bool cseq_ok(const struct sip_msg *msg)
{
	/* libre lets numbers wrap round; read the value itself. */
	struct pl num = sip_msg_hdr(msg, SIP_HDR_CSEQ)->val;
	uint32_t v;
	size_t n = 0;
	while (n < num.l && num.p[n] != ' ' && num.p[n] != '\t' && num.p[n] != '\r' &&
	       num.p[n] != '\n')
		n++;
	num.l = n;
	return !sip_number(&num, INT32_MAX, &v) && v == msg->cseq.num;
}

/* Reasons name no header: simple parsers (SIPp is one) find header names in the status line. */
uint16_t sip_check_request(const struct sip_msg *msg, const char **ret_reason)
{
	uint32_t v;
#define REFUSE(status, text)          \
	do {                          \
		*ret_reason = (text); \
		return (status);      \
	} while (0)
	if (!pl_isset(&msg->via.sentby))
		REFUSE(400, "Bad Request");
	if (!one(msg, SIP_HDR_CALL_ID) || !one(msg, SIP_HDR_CSEQ) || !one(msg, SIP_HDR_FROM) ||
	    !one(msg, SIP_HDR_TO))
		REFUSE(400, "Missing or Repeated Header");
	if (!token_ok(&msg->met) || !pl_isset(&msg->callid))
		REFUSE(400, "Bad Request");
	if (pl_cmp(&msg->cseq.met, &msg->met) || !cseq_ok(msg))
		REFUSE(400, "Bad Sequence");
	if (sip_msg_hdr_count(msg, SIP_HDR_CONTENT_LENGTH) > 1 ||
	    sip_msg_hdr_count(msg, SIP_HDR_MAX_FORWARDS) > 1)
		REFUSE(400, "Repeated Header");
	if (pl_isset(&msg->clen) &&
	    (sip_number(&msg->clen, UINT32_MAX, &v) || v > mbuf_get_left(msg->mb)))
		REFUSE(400, "Bad Length of Body");
	if (pl_isset(&msg->maxfwd) && sip_number(&msg->maxfwd, 255, &v))
		REFUSE(400, "Bad Hop Limit");
	if (msg->callid.l >= SIP_CALLID_SIZE || msg->from.tag.l >= SIP_TAG_SIZE ||
	    msg->to.tag.l >= SIP_TAG_SIZE)
		REFUSE(400, "Header Too Long");
#undef REFUSE
	return 0;
}
