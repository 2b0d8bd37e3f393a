#include "nodes/sip/sip_priv.h"

#include "common/base/base.h"

/* We offered in the 200: the ACK must answer (RFC 3261 §13.2.1). */
static int answer_take(struct sip_call *call, const struct sip_msg *msg)
{
	struct sip_ua *ua = call->ua;
	struct sdp_desc answer;
	uint16_t status;
	const char *reason;
	int err = sip_offer_read(msg, &answer, &status, &reason);
	if (err)
		return err;
	call->dlg.remote_sdp = answer.audio;
	if (!call->detached && ua->h.reoffer_h && ua->h.reoffer_h(call, &answer.audio, ua->arg))
		return ENOTSUP;
	return 0;
}

void sip_ack_handle(struct sip_call *call, const struct sip_msg *msg)
{
	struct sip_ua *ua = call->ua;
	if (!call->ok || msg->cseq.num != call->ok_cseq)
		return; /* a repeated ACK, or one to an older 200 */
	bool we_offered = !call->offer, first = !call->dlg.confirmed;
	sip_answer_stop(call);
	call->dlg.confirmed = true;
	call->state = CALL_CONFIRMED;
	if (call->bye_on_ack) {
		sip_inside_give_up(call, "Normal call clearing", SIP_END_BYE);
		return;
	}
	if (we_offered && answer_take(call, msg)) {
		sip_inside_give_up(call, "No usable answer in ACK", SIP_END_ERROR);
		return;
	}
	if (call->state != CALL_CONFIRMED)
		return; /* the handler hung up */
	if (first && !call->detached && ua->h.confirmed_h)
		ua->h.confirmed_h(call, ua->arg);
	if (call->state == CALL_CONFIRMED)
		sip_call_changed(call);
}
