#include "nodes/sip/sip_priv.h"
#include "common/base/base.h"

#include <stdio.h>
#include <string.h>

enum {
	DRAIN_RETRY_AFTER_S = 30, /* a drained node is restarted within about that */
	FULL_RETRY_AFTER_S = 5,   /* calls end all the time */
	LATE_RETRY_AFTER_S = 10,  /* long enough to catch up, and for the caller to try elsewhere */
};

/* 0, or after how many seconds to try again. */
static uint32_t admission(struct sip_ua *ua, const struct sip_msg *msg)
{
	if (ua->draining)
		return DRAIN_RETRY_AFTER_S;
	if (sip_ua_overloaded(ua)) {
		ua->counters.overloaded++;
		return LATE_RETRY_AFTER_S;
	}
	if (ua->guard && guard_invite(ua->guard, sa_in(&msg->src), mono_us()) != GUARD_PASS) {
		ua->counters.limited++;
		return FULL_RETRY_AFTER_S;
	}
	if (ua->calls_n >= ua->calls_max)
		return FULL_RETRY_AFTER_S;
	return ua->h.admit_h ? ua->h.admit_h(ua->arg) : 0;
}

struct unsupported {
	char list[256];
	size_t n;
};

static bool require_check(const struct sip_hdr *hdr, const struct sip_msg *msg, void *arg)
{
	struct unsupported *u = arg;
	(void)msg;
	if (!pl_strcasecmp(&hdr->val, "timer"))
		return false;
	int n = snprintf(u->list + u->n, sizeof(u->list) - u->n, "%s%.*s", u->n ? ", " : "",
			 (int)hdr->val.l, hdr->val.p);
	if (n < 0 || (size_t)n >= sizeof(u->list) - u->n) {
		u->list[u->n] = '\0';
		return true; /* enough is named */
	}
	u->n += (size_t)n;
	return false;
}

bool sip_require_refused(struct sip_ua *ua, const struct sip_msg *msg)
{
	struct unsupported u = {.n = 0};
	bool more = sip_msg_hdr_apply(msg, true, SIP_HDR_REQUIRE, require_check, &u) != NULL;
	if (!more && u.n == 0)
		return false;
	ua->counters.rejected++;
	(void)sip_treplyf(NULL, NULL, ua->sip, msg, false, 420, "Bad Extension",
			  "Unsupported: %s\r\n" SIP_ALLOW_HEADERS "Content-Length: 0\r\n\r\n",
			  u.list);
	return true;
}

int sip_offer_read(const struct sip_msg *msg, struct sdp_desc *ret, uint16_t *ret_status,
		   const char **ret_reason)
{
	struct pl body = sip_body(msg);
	const struct sip_hdr *enc = sip_msg_hdr(msg, SIP_HDR_CONTENT_ENCODING);
	*ret_status = 0;
	if (body.l == 0)
		return ENOENT;
	*ret_status = 415;
	*ret_reason = "Unsupported Media Type";
	if (!msg_ctype_cmp(&msg->ctyp, "application", "sdp") ||
	    (enc && pl_strcasecmp(&enc->val, "identity")))
		return ENOTSUP;
	int err = sdp_read(ret, body.p, body.l);
	*ret_status = err == ENOTSUP ? 488 : 400;
	*ret_reason = err == ENOTSUP ? "Not Acceptable Here" : "Bad SDP";
	return err;
}

void sip_refuse_offer(struct sip_ua *ua, const struct sip_msg *msg, uint16_t status,
		      const char *reason)
{
	char headers[SIP_HEADERS_SIZE] = "";
	if (status == 415)
		(void)snprintf(headers, sizeof(headers),
			       "Accept: application/sdp\r\nAccept-Encoding: identity\r\n");
	else if (status == 422)
		(void)snprintf(headers, sizeof(headers), "Min-SE: %d\r\n", SIP_MIN_SE_S);
	else if (status == 488) /* 305: incompatible media format (RFC 3261 §20.43) */
		(void)snprintf(headers, sizeof(headers), "Warning: 305 %s:%u \"PCMU or PCMA\"\r\n",
			       ua->address, ua->port);
	ua->counters.rejected++;
	(void)sip_treplyf(NULL, NULL, ua->sip, msg, false, status, reason,
			  "%sContent-Length: 0\r\n\r\n", headers);
}

static void trying_handler(void *arg)
{
	struct sip_call *call = arg;
	(void)sip_treply(&call->st, call->ua->sip, call->invite, 100, "Trying");
}

static bool allow_update(const struct sip_hdr *hdr, const struct sip_msg *msg, void *arg)
{
	(void)msg;
	(void)arg;
	return !pl_strcmp(&hdr->val, "UPDATE");
}

/* The server transaction is made and the application is asked. */
static void call_announce(struct sip_call *call, const struct sip_msg *msg, const char *user)
{
	struct sip_ua *ua = call->ua;
	static const struct sip_sdp none = {
	    .codec = SIP_PCMU, .dtmf_pt = 0xff, .send = true, .recv = true};
	char number[SIP_NAME_SIZE], name[SIP_NAME_SIZE];
	if (sip_strans_alloc(&call->st, ua->sip, msg, sip_cancel_handler, call)) {
		mem_deref(call); /* the caller's retransmission may find memory */
		return;
	}
	call->invite = mem_ref((void *)(uintptr_t)msg);
	call->peer_updates = sip_msg_hdr_apply(msg, true, SIP_HDR_ALLOW, allow_update, NULL);
	if (msg->tp == SIP_TRANSP_TCP)
		call->conn = mem_ref(msg->sock);
	sip_caller_decode(msg, number, name);
	sip_call_link(call);
	wheel_arm(&ua->wheel, &call->ok_timer, SIP_TRYING_MS, trying_handler, call);
	ua->h.incoming_h(call, user, number, name, call->offer ? &call->offer->audio : &none,
			 ua->arg);
}

static uint16_t call_prepare(struct sip_call *call, const struct sip_msg *msg,
			     const struct sdp_desc *offer, const char **ret_reason)
{
	uint16_t status = sip_dialog_start(call, msg, ret_reason);
	if (status)
		return status;
	*ret_reason = "Session Interval Too Small";
	status = sip_session_negotiate(call, msg);
	if (status || !offer)
		return status;
	*ret_reason = "Out of Memory";
	call->offer = mem_zalloc(sizeof(*call->offer), NULL);
	if (!call->offer)
		return 500;
	*call->offer = *offer;
	call->dlg.remote_sdp = offer->audio;
	return 0;
}

void sip_invite_handle(struct sip_ua *ua, const struct sip_msg *msg)
{
	char user[SIP_NAME_SIZE];
	struct sdp_desc offer;
	uint16_t status;
	const char *reason;
	uint32_t hops;
	ua->counters.invites++;
	if (pl_isset(&msg->maxfwd) && !sip_number(&msg->maxfwd, 255, &hops) && hops == 0) {
		sip_ua_refuse(ua, msg, 483, "Too Many Hops");
		return;
	}
	uint32_t retry_after_s = admission(ua, msg);
	if (retry_after_s) {
		/* Stateless: refusing must stay much cheaper than accepting. */
		ua->counters.rejected++;
		(void)sip_replyf(ua->sip, msg, 503, "Service Unavailable",
				 "Retry-After: %u\r\nContent-Length: 0\r\n\r\n", retry_after_s);
		return;
	}
	if (pl_strcasecmp(&msg->uri.scheme, "sip")) {
		sip_refuse_offer(ua, msg, 416, "Unsupported URI Scheme");
		return;
	}
	if (sip_require_refused(ua, msg))
		return;
	int err = sip_offer_read(msg, &offer, &status, &reason);
	if (err && status) {
		sip_refuse_offer(ua, msg, status, reason);
		return;
	}
	if (sip_user_decode(user, sizeof(user), &msg->uri.user)) {
		ua->counters.bad_requests++;
		sip_refuse_offer(ua, msg, 400, "Bad Request-URI");
		return;
	}
	uint32_t routes_n = sip_msg_hdr_count(msg, SIP_HDR_RECORD_ROUTE);
	struct sip_call *call =
	    sip_call_new(ua, routes_n < SIP_ROUTES_MAX ? routes_n : SIP_ROUTES_MAX);
	if (!call)
		return; /* the caller's retransmission may find memory */
	status = call_prepare(call, msg, err ? NULL : &offer, &reason);
	if (status) {
		sip_refuse_offer(ua, msg, status, reason);
		mem_deref(call);
		return;
	}
	call_announce(call, msg, user); /* from here on it is the application's */
}
