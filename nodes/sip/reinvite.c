#include "nodes/sip/sip_priv.h"

/* Asks the application about a new offer. 0, or the status to refuse with. */
static uint16_t reoffer(struct sip_call *call, const struct sip_sdp *sdp)
{
	struct sip_ua *ua = call->ua;
	if (call->detached || !ua->h.reoffer_h)
		return 488;
	int status = ua->h.reoffer_h(call, sdp, ua->arg);
	return status >= 400 && status < 700 ? (uint16_t)status : (status ? 488 : 0);
}

/* 0: *ret_has says whether an offer came; else the status to refuse with. */
static uint16_t offer_take(struct sip_call *call, const struct sip_msg *msg, struct sdp_desc *ret,
			   bool *ret_has, const char **ret_reason)
{
	uint16_t status;
	int err = sip_offer_read(msg, ret, &status, ret_reason);
	*ret_has = !err;
	if (err)
		return status;
	*ret_reason = "Not Acceptable Here";
	status = reoffer(call, &ret->audio);
	if (!status)
		call->dlg.remote_sdp = ret->audio;
	return status;
}

static void answer_again(struct sip_call *call, const struct sip_msg *msg,
			 const struct sdp_desc *offer)
{
	struct sip_ua *ua = call->ua;
	if (offer) {
		call->offer = mem_zalloc(sizeof(*call->offer), NULL);
		if (!call->offer) {
			sip_refuse_offer(ua, msg, 500, "Out of Memory");
			return;
		}
		*call->offer = *offer;
	}
	call->invite = mem_ref((void *)(uintptr_t)msg);
	call->dlg.sdp_version++;
	if (sip_answer_send(call)) {
		sip_answer_owe(call->ua, msg);
		sip_answer_stop(call);
	} else {
		sip_call_changed(call);
	}
}

void sip_reinvite_handle(struct sip_call *call, const struct sip_msg *msg)
{
	struct sip_ua *ua = call->ua;
	struct sdp_desc offer;
	const char *reason = "Session Interval Too Small";
	bool has_offer;
	if (call->state == CALL_EARLY) {
		/* A second INVITE before the first is answered (RFC 3261 §14.2). */
		(void)sip_treplyf(NULL, NULL, ua->sip, msg, false, 500, "Server Internal Error",
				  "Retry-After: 1\r\nContent-Length: 0\r\n\r\n");
		return;
	}
	if (call->ok || call->modify_pending) {
		(void)sip_treply(NULL, ua->sip, msg, 491, "Request Pending");
		return;
	}
	if (sip_require_refused(ua, msg))
		return;
	uint16_t status = sip_session_negotiate(call, msg);
	if (!status)
		status = offer_take(call, msg, &offer, &has_offer, &reason);
	if (status) {
		sip_refuse_offer(ua, msg, status, reason);
		return;
	}
	if (call->state != CALL_CONFIRMED) {
		(void)sip_treply(NULL, ua->sip, msg, 481, "Call/Transaction Does Not Exist");
		return; /* the handler hung up */
	}
	sip_dialog_target_refresh(call, msg);
	sip_session_arm(call);
	answer_again(call, msg, has_offer ? &offer : NULL);
}

void sip_update_handle(struct sip_call *call, const struct sip_msg *msg)
{
	struct sip_ua *ua = call->ua;
	struct sdp_desc offer;
	const char *reason = "Session Interval Too Small";
	bool has_offer = sip_body(msg).l > 0;
	char timer[SIP_HEADERS_SIZE], body[SDP_WRITE_MAX] = "";
	size_t n = 0;
	if (sip_require_refused(ua, msg))
		return;
	if (has_offer && (call->ok || call->modify_pending || call->state != CALL_CONFIRMED)) {
		/* An offer while another is open (RFC 3311 §5.2). */
		(void)sip_treply(NULL, ua->sip, msg, 491, "Request Pending");
		return;
	}
	uint16_t status = sip_session_negotiate(call, msg);
	if (!status && has_offer)
		status = offer_take(call, msg, &offer, &has_offer, &reason);
	if (status) {
		sip_refuse_offer(ua, msg, status, reason);
		return;
	}
	if (call->state == CALL_OVER) {
		(void)sip_treply(NULL, ua->sip, msg, 481, "Call/Transaction Does Not Exist");
		return;
	}
	sip_dialog_target_refresh(call, msg);
	sip_session_headers(call, false, timer);
	if (has_offer) {
		call->dlg.sdp_version++;
		const struct sdp_local local = {.session = call->dlg.sdp_session,
						.version = call->dlg.sdp_version,
						.address = ua->address,
						.port = call->dlg.local_rtp_port};
		n = sdp_write_answer(body, sizeof(body), &local, &offer);
	}
	(void)sip_treplyf(NULL, NULL, ua->sip, msg, false, 200, "OK",
			  "Contact: <%s>\r\n" SIP_ALLOW_HEADERS "%s%sContent-Length: %u\r\n\r\n%s",
			  call->dlg.local_contact, timer,
			  has_offer ? "Content-Type: application/sdp\r\n" : "", (unsigned)n, body);
	if (call->state == CALL_CONFIRMED)
		sip_session_arm(call);
	sip_call_changed(call);
}
