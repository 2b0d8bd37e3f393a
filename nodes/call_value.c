#include "nodes/call_value.h"
#include "common/base/base.h"

#include <errno.h>
#include <string.h>

enum {
	VERSION = 2,  /* 1: without with whom it talks and our stream's numbers */
	PORT_AT = 64, /* in both */
	FIELD_WANTS = 1,
	FIELD_PTIME = 2,
	WANT_LEN = 14,
	FIELDS_MAX = 2 + ACD_WANTS_MAX * WANT_LEN + 3,
	TEXT_MAX = UINT8_MAX, /* their length is one byte */
};
_Static_assert((int)FIELDS_MAX < (int)TEXT_MAX && (int)TEXT_MAX < (int)CALL_VALUE_TEXT, "they fit");

/* ---- writing -------------------------------------------------------------------------------- */

struct packer {
	uint8_t *p;
	size_t n, size;
};

static void put_bytes(struct packer *k, const void *src, size_t len)
{
	if (k->n + len <= k->size)
		memcpy(k->p + k->n, src, len);
	k->n += len;
}

static void put_number(struct packer *k, uint64_t v, size_t bytes)
{
	uint8_t b[8];
	helio_assert(bytes <= sizeof(b));
	for (size_t i = 0; i < bytes; i++)
		b[i] = (uint8_t)(v >> (8 * i));
	put_bytes(k, b, bytes);
}

static void put_u64(struct packer *k, uint64_t v)
{
	put_number(k, v, 8);
}

static void put_wants(struct packer *k, const struct acd_want want[])
{
	uint8_t n = 0;
	while (n < ACD_WANTS_MAX && want[n].for_ms)
		n++;
	if (n == 0)
		return; /* most callers are anybody's */
	put_number(k, FIELD_WANTS, 1);
	put_number(k, n * (uint64_t)WANT_LEN, 1);
	for (uint8_t i = 0; i < n; i++) {
		put_u64(k, want[i].agent.v);
		put_number(k, want[i].for_ms, 4);
		put_number(k, want[i].pref, 1);
		put_number(k, want[i].site, 1);
	}
}

static void put_ptime(struct packer *k, uint8_t ptime_ms)
{
	if (ptime_ms == 0)
		return;
	put_number(k, FIELD_PTIME, 1);
	put_number(k, 1, 1);
	put_number(k, ptime_ms, 1);
}

static void put_text(struct packer *k, const char *s, const uint8_t *fields, size_t fields_len)
{
	size_t room = TEXT_MAX - (fields_len ? fields_len + 1 : 0);
	size_t len = strnlen(s, room);
	put_number(k, len + (fields_len ? fields_len + 1 : 0), 1);
	put_bytes(k, s, len);
	if (fields_len) {
		put_number(k, 0, 1);
		put_bytes(k, fields, fields_len);
	}
}

int call_value_encode(const struct call_value *v, const struct sip_dialog *dialog, uint8_t *out,
		      size_t size, size_t *ret_len)
{
	struct packer k = {out, 0, size};
	uint8_t buf[FIELDS_MAX];
	struct packer fields = {buf, 0, sizeof(buf)};
	size_t len = 0;
	put_u64(&k, VERSION);
	put_u64(&k, v->queue);
	put_u64(&k, v->entered_us);
	put_u64(&k, (uint64_t)v->entered_ms);
	put_u64(&k, (uint64_t)v->answered_ms);
	put_u64(&k, v->wait_us);
	put_u64(&k, v->offers);
	put_u64(&k, v->agent);
	helio_assert(k.n == PORT_AT);
	put_u64(&k, (uint64_t)v->agent_node << 32 | v->rtp_port);
	put_u64(&k, v->offer);
	put_u64(&k, v->session);
	put_u64(&k, (uint64_t)v->numbers.ssrc << 32 | v->numbers.ts);
	put_u64(&k, v->numbers.seq);
	put_u64(&k, v->noted_us);
	put_wants(&fields, v->want);
	put_ptime(&fields, v->ptime_ms);
	helio_assert(fields.n <= sizeof(buf));
	put_text(&k, v->caller, NULL, 0);
	put_text(&k, v->caller_name, buf, fields.n);
	if (k.n > size)
		return EMSGSIZE;
	int err = sip_dialog_encode(dialog, out + k.n, size - k.n, &len);
	if (!err)
		*ret_len = k.n + len;
	return err;
}

/* ---- reading -------------------------------------------------------------------------------- */

struct reader {
	const uint8_t *p;
	size_t n, len;
	bool bad; /* it ended too soon: nothing that was read counts */
};

static const uint8_t *get_bytes(struct reader *r, size_t len)
{
	if (r->bad || r->len - r->n < len) {
		r->bad = true;
		return NULL;
	}
	r->n += len;
	return r->p + r->n - len;
}

static uint64_t get_number(struct reader *r, size_t bytes)
{
	const uint8_t *p = get_bytes(r, bytes);
	uint64_t v = 0;
	for (size_t i = 0; p && i < bytes; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static uint64_t get_u64(struct reader *r)
{
	return get_number(r, 8);
}

/* Up to the NUL, if there is one; what stands behind it. */
static struct reader get_text(struct reader *r, char out[static CALL_VALUE_TEXT])
{
	size_t len = get_number(r, 1);
	const uint8_t *p = get_bytes(r, len);
	size_t text = p ? strnlen((const char *)p, len) : 0;
	if (p)
		memcpy(out, p, text);
	out[text] = '\0';
	return p && text < len ? (struct reader){.p = p + text + 1, .len = len - text - 1}
			       : (struct reader){.p = NULL};
}

static void get_wants(struct reader f, struct acd_want ret[static ACD_WANTS_MAX])
{
	struct acd_want want[ACD_WANTS_MAX] = {0};
	for (size_t i = 0; i < ACD_WANTS_MAX && f.n < f.len; i++) {
		struct acd_want w = {.agent = {get_u64(&f)}};
		w.for_ms = (uint32_t)get_number(&f, 4);
		w.pref = (uint8_t)get_number(&f, 1);
		w.site = (uint8_t)get_number(&f, 1);
		if (w.for_ms == 0)
			break; /* the end, as the core reads them */
		want[i] = w;
	}
	if (!f.bad && acd_wants_ok(want))
		memcpy(ret, want, sizeof(want));
}

static void get_fields(struct reader f, struct call_value *v)
{
	while (f.n < f.len) {
		uint64_t tag = get_number(&f, 1);
		size_t len = get_number(&f, 1);
		const uint8_t *p = get_bytes(&f, len);
		struct reader one = {.p = p, .len = len};
		if (!p)
			return;
		if (tag == FIELD_WANTS)
			get_wants(one, v->want);
		else if (tag == FIELD_PTIME)
			v->ptime_ms = (uint8_t)get_number(&one, 1);
	}
}

int call_value_decode(struct call_value *ret, struct sip_dialog *ret_dialog, const uint8_t *in,
		      size_t len)
{
	struct reader r = {.p = in, .len = len};
	struct call_value v = {0};
	uint64_t version = get_u64(&r);
	if (version < 1 || version > VERSION)
		return EBADMSG;
	v.queue = (uint32_t)get_u64(&r);
	v.entered_us = get_u64(&r);
	v.entered_ms = (int64_t)get_u64(&r);
	v.answered_ms = (int64_t)get_u64(&r);
	v.wait_us = get_u64(&r);
	v.offers = (uint32_t)get_u64(&r);
	v.agent = get_u64(&r);
	uint64_t node_port = get_u64(&r);
	v.agent_node = (uint16_t)(node_port >> 32);
	v.rtp_port = (uint16_t)node_port;
	if (version > 1) {
		v.offer = get_u64(&r);
		v.session = get_u64(&r);
		uint64_t stream = get_u64(&r);
		v.numbers.ssrc = (uint32_t)(stream >> 32);
		v.numbers.ts = (uint32_t)stream;
		v.numbers.seq = (uint16_t)get_u64(&r);
		v.noted_us = get_u64(&r);
	}
	(void)get_text(&r, v.caller);
	struct reader fields = get_text(&r, v.caller_name);
	if (r.bad)
		return EBADMSG;
	get_fields(fields, &v);
	*ret = v;
	return sip_dialog_decode(ret_dialog, r.p + r.n, r.len - r.n);
}

uint16_t call_value_port(const uint8_t *in, size_t len)
{
	struct reader r = {.p = in, .n = PORT_AT < len ? PORT_AT : len, .len = len};
	return (uint16_t)get_u64(&r);
}
