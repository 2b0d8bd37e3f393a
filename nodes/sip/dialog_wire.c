/*
 * A dialog as bytes, for the journal.
 *
 *   "HSD" version(1) | strings: length(2) bytes … | numbers, big-endian, in the order of
 * dialog_walk
 *
 * One walk describes the layout for both directions, so that they cannot drift apart.
 */
#include "nodes/sip/sip_call.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "common/base/base.h"

enum { WIRE_VERSION = 1 };
static const uint8_t magic[3] = {'H', 'S', 'D'};

struct walk {
	uint8_t *out;
	const uint8_t *in;
	size_t size, n;
	int err;
};

static bool room(struct walk *w, size_t n)
{
	if (!w->err && w->size - w->n < n)
		w->err = w->out ? EMSGSIZE : EBADMSG;
	return !w->err;
}

static void walk_number(struct walk *w, uint64_t *v, unsigned bytes)
{
	if (!room(w, bytes))
		return;
	if (w->out) {
		for (unsigned i = 0; i < bytes; i++)
			w->out[w->n + i] = (uint8_t)(*v >> 8 * (bytes - 1 - i));
	} else {
		*v = 0;
		for (unsigned i = 0; i < bytes; i++)
			*v = *v << 8 | w->in[w->n + i];
	}
	w->n += bytes;
}

/* These go into the headers of requests: no control characters, no NUL inside. */
static bool text_ok(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	return true;
}

static void walk_text(struct walk *w, char *s, size_t size)
{
	uint64_t len = w->out ? strnlen(s, size) : 0;
	if (w->out && len == size) {
		w->err = EMSGSIZE;
		return;
	}
	walk_number(w, &len, 2);
	if (w->err || !room(w, len))
		return;
	if (w->out) {
		memcpy(w->out + w->n, s, len);
	} else {
		if (len >= size || !text_ok((const char *)w->in + w->n, len)) {
			w->err = EBADMSG;
			return;
		}
		memcpy(s, w->in + w->n, len);
		s[len] = '\0';
	}
	w->n += len;
}

#define WALK(w, field, bytes, limit)                     \
	do {                                             \
		uint64_t v_ = (uint64_t)(field);         \
		walk_number((w), &v_, (bytes));          \
		if (!(w)->err && v_ > (uint64_t)(limit)) \
			(w)->err = EBADMSG;              \
		if (!(w)->err && !(w)->out)              \
			(field) = (__typeof__(field))v_; \
	} while (0)

static void walk_sdp(struct walk *w, struct sip_sdp *s)
{
	WALK(w, s->ip4, 4, UINT32_MAX);
	WALK(w, s->port, 2, UINT16_MAX);
	WALK(w, s->codec, 1, SIP_PCMA);
	if (!w->err && s->codec != SIP_PCMU && s->codec != SIP_PCMA)
		w->err = EBADMSG;
	WALK(w, s->dtmf_pt, 1, UINT8_MAX);
	WALK(w, s->send, 1, 1);
	WALK(w, s->recv, 1, 1);
}

static void dialog_walk(struct walk *w, struct sip_dialog *d)
{
	walk_text(w, d->callid, sizeof(d->callid));
	walk_text(w, d->local_uri, sizeof(d->local_uri));
	walk_text(w, d->remote_uri, sizeof(d->remote_uri));
	walk_text(w, d->local_tag, sizeof(d->local_tag));
	walk_text(w, d->remote_tag, sizeof(d->remote_tag));
	walk_text(w, d->remote_target, sizeof(d->remote_target));
	walk_text(w, d->local_contact, sizeof(d->local_contact));
	WALK(w, d->routes_n, 1, SIP_ROUTES_MAX);
	for (uint32_t i = 0; !w->err && i < d->routes_n; i++)
		walk_text(w, d->routes[i], sizeof(d->routes[i]));
	WALK(w, d->local_cseq, 4, INT32_MAX);
	WALK(w, d->remote_cseq, 4, INT32_MAX);
	WALK(w, d->cepoch, 4, UINT32_MAX);
	WALK(w, d->remote_ip4, 4, UINT32_MAX);
	WALK(w, d->remote_port, 2, UINT16_MAX);
	WALK(w, d->transport, 1, 1);
	WALK(w, d->confirmed, 1, 1);
	WALK(w, d->sdp_session, 8, UINT64_MAX);
	WALK(w, d->sdp_version, 8, UINT64_MAX);
	WALK(w, d->local_rtp_port, 2, UINT16_MAX);
	walk_sdp(w, &d->remote_sdp);
	WALK(w, d->session_expires_s, 4, UINT32_MAX);
	WALK(w, d->refresher_is_us, 1, 1);
}

void sip_dialog_copy(struct sip_dialog *dst, const struct sip_dialog *src)
{
	helio_assert(src->routes_n <= SIP_ROUTES_MAX);
	memcpy(dst, src, offsetof(struct sip_dialog, routes) + src->routes_n * SIP_URI_SIZE);
}

int sip_dialog_encode(const struct sip_dialog *d, uint8_t *out, size_t size, size_t *ret_len)
{
	struct sip_dialog copy; /* the walk takes both directions, hence not const */
	struct walk w = {.out = out, .size = size};
	if (d->routes_n > SIP_ROUTES_MAX)
		return EMSGSIZE;
	sip_dialog_copy(&copy, d);
	if (!room(&w, 4))
		return EMSGSIZE;
	memcpy(out, magic, sizeof(magic));
	out[3] = WIRE_VERSION;
	w.n = 4;
	dialog_walk(&w, &copy);
	if (w.err)
		return EMSGSIZE;
	*ret_len = w.n;
	return 0;
}

int sip_dialog_decode(struct sip_dialog *ret, const uint8_t *in, size_t len)
{
	struct sip_dialog d = {.version = WIRE_VERSION};
	struct walk w = {.in = in, .size = len, .n = 4};
	if (len < 4 || memcmp(in, magic, sizeof(magic)) != 0 || in[3] != WIRE_VERSION)
		return EBADMSG;
	dialog_walk(&w, &d);
	if (w.err || w.n != len)
		return EBADMSG;
	/* Without these no request could be written. */
	if (!d.callid[0] || !d.local_tag[0] || !d.local_uri[0] || !d.remote_uri[0] ||
	    !d.remote_target[0] || !d.local_contact[0])
		return EBADMSG;
	*ret = d;
	return 0;
}
