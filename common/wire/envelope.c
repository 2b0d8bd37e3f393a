#include "common/wire/envelope.h"
#include "common/wire/mesh.h"
#include "common/base/base.h"

#include <errno.h>
#include <string.h>
#include <pb_decode.h>
#include <pb_encode.h>

/* Length of the well-formed UTF-8 sequence at s (RFC 3629: shortest form, no surrogates, up to
 * U+10FFFF), 0 if there is none. Reading stops at the terminating NUL. */
static size_t utf8_len(const unsigned char *s)
{
	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		return (s[1] & 0xc0) == 0x80 ? 2 : 0;
	if (s[0] >= 0xe0 && s[0] <= 0xef) {
		unsigned char lo = s[0] == 0xe0 ? 0xa0 : 0x80, hi = s[0] == 0xed ? 0x9f : 0xbf;
		if (s[1] < lo || s[1] > hi)
			return 0;
		return (s[2] & 0xc0) == 0x80 ? 3 : 0;
	}
	if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		unsigned char lo = s[0] == 0xf0 ? 0x90 : 0x80, hi = s[0] == 0xf4 ? 0x8f : 0xbf;
		if (s[1] < lo || s[1] > hi)
			return 0;
		return (s[2] & 0xc0) == 0x80 && (s[3] & 0xc0) == 0x80 ? 4 : 0;
	}
	return 0;
}

/* Control characters and broken sequences become '?'. */
static void text_clean(char *text)
{
	unsigned char *s = (unsigned char *)text;
	while (*s) {
		size_t n = utf8_len(s);
		if (n == 0 || *s < 0x20 || *s == 0x7f) {
			*s++ = '?';
			continue;
		}
		s += n;
	}
}

static int check_acd(Acd *acd)
{
	text_clean(acd->caller);
	text_clean(acd->caller_name);
	if (!acd->has_media)
		return 0;
	const Media *m = &acd->media;
	if (m->port > UINT16_MAX || m->payload_type > 127)
		return EBADMSG;
	return m->key.size == 0 || m->key.size == sizeof(m->key.bytes) ? 0 : EBADMSG;
}

static int check_gw(const GwFrame *gw)
{
	/* As an int: what arrived need not be a value of the enumeration. */
	int kind = (int)gw->kind;
	return kind > _GwFrame_Kind_MIN && kind <= _GwFrame_Kind_MAX && gw->conn != 0 ? 0 : EBADMSG;
}

static int check_body(Envelope *env)
{
	switch (env->which_body) {
	case Envelope_acd_tag: return check_acd(&env->body.acd);
	case Envelope_gw_tag: return check_gw(&env->body.gw);
	case Envelope_wrap_tag:
		text_clean(env->body.wrap.disposition);
		text_clean(env->body.wrap.note);
		return 0;
	case Envelope_task_copy_tag:
		text_clean(env->body.task_copy.queue);
		text_clean(env->body.task_copy.caller);
		text_clean(env->body.task_copy.caller_name);
		text_clean(env->body.task_copy.agent);
		text_clean(env->body.task_copy.disposition);
		text_clean(env->body.task_copy.note);
		return 0;
	case Envelope_task_seen_tag:
	case Envelope_served_tag:
	case Envelope_node_status_tag:
	case Envelope_ping_tag:
	case Envelope_session_claim_tag:
	case Envelope_wall_ask_tag:
	case Envelope_wall_news_tag:
	case Envelope_force_tag:
	case Envelope_forced_tag:
	case Envelope_beat_tag:
	case Envelope_owner_ask_tag:
	case Envelope_owner_tell_tag:
	case Envelope_node_gone_tag:
	case Envelope_queue_stats_tag:
	case Envelope_config_news_tag:
	case Envelope_config_ask_tag:
	case Envelope_config_part_tag:
	case Envelope_login_hint_tag: return 0;
	default: return EBADMSG;
	}
}

int envelope_decode(Envelope *ret_env, const uint8_t *src, size_t len)
{
	pb_istream_t in = pb_istream_from_buffer(src, len);
	if (!pb_decode(&in, Envelope_fields, ret_env))
		return EBADMSG;
	/* Each version speaks with its neighbours, one back and one ahead: fields are only added.
	 */
	if (ret_env->version == 0 || ret_env->version + 1 < MESH_PROTOCOL_VERSION ||
	    ret_env->version > MESH_PROTOCOL_VERSION + 1)
		return EPROTONOSUPPORT;
	if (ret_env->from == 0 || ret_env->from > UINT16_MAX || ret_env->boot == 0 ||
	    ret_env->boot >= 1u << ID_BOOT_BITS)
		return EBADMSG;
	return check_body(ret_env);
}

int envelope_encode(uint8_t dst[static Envelope_size], size_t *ret_len, const Envelope *env)
{
	pb_ostream_t out = pb_ostream_from_buffer(dst, Envelope_size);
	if (env->which_body == 0 || !pb_encode(&out, Envelope_fields, env))
		return EBADMSG;
	*ret_len = out.bytes_written;
	return 0;
}
