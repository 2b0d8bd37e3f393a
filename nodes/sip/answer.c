/*
 * The 200 OK to an INVITE belongs to the dialog, not to the transaction: it is repeated until the
 * ACK, over TCP too (RFC 3261 §13.3.1.4): after T1, 2·T1, … at most T2 = 8·T1; given up after
 * 64·T1.
 */
#include "nodes/sip/sip_priv.h"

#include <stdio.h>

#include "common/base/base.h"

static void again_handler(void *arg)
{
	struct sip_call *call = arg;
	struct sip_ua *ua = call->ua;
	struct sa dst;
	struct pl rport;
	call->ok_spent_ms += call->ok_wait_ms;
	if (call->ok_spent_ms >= 64 * ua->t1_ms) {
		sip_inside_give_up(call, "No ACK", SIP_END_NO_ACK);
		return;
	}
	const struct sip_msg *msg = call->invite;
	sip_reply_addr(&dst, msg, !msg_param_exists(&msg->via.params, "rport", &rport));
	(void)sip_send(ua->sip, msg->sock, msg->tp, &dst, call->ok);
	ua->counters.retransmits++;
	if (call->ok_wait_ms < 8 * ua->t1_ms)
		call->ok_wait_ms *= 2;
	wheel_arm(&ua->wheel, &call->ok_timer, call->ok_wait_ms, again_handler, call);
}

int sip_answer_send(struct sip_call *call)
{
	struct sip_ua *ua = call->ua;
	char body[SDP_WRITE_MAX], timer[SIP_HEADERS_SIZE];
	const struct sdp_local local = {.session = call->dlg.sdp_session,
					.version = call->dlg.sdp_version,
					.address = ua->address,
					.port = call->dlg.local_rtp_port};
	size_t n = call->offer ? sdp_write_answer(body, sizeof(body), &local, call->offer)
			       : sdp_write_offer(body, sizeof(body), &local, SIP_PCMA, false);
	helio_assert(n > 0);
	sip_session_headers(call, false, timer);
	wheel_cancel(&ua->wheel, &call->ok_timer);
	int err = sip_treplyf(&call->st, &call->ok, ua->sip, call->invite, true, 200, "OK",
			      "Contact: <%s>\r\n" SIP_ALLOW_HEADERS
			      "%sContent-Type: application/sdp\r\nContent-Length: %u\r\n\r\n%s",
			      call->dlg.local_contact, timer, (unsigned)n, body);
	if (err)
		return err;
	call->ok_cseq = call->invite->cseq.num;
	call->ok_spent_ms = 0;
	call->ok_wait_ms = ua->t1_ms;
	wheel_arm(&ua->wheel, &call->ok_timer, call->ok_wait_ms, again_handler, call);
	return 0;
}

void sip_answer_stop(struct sip_call *call)
{
	wheel_cancel(&call->ua->wheel, &call->ok_timer);
	call->ok = mem_deref(call->ok);
	call->st = mem_deref(call->st);
	call->offer = mem_deref(call->offer);
	call->invite = mem_deref(call->invite);
}

int sip_call_accept(struct sip_call *call, uint16_t rtp_port, uint32_t cepoch)
{
	if (call->state != CALL_EARLY)
		return ENOTCONN;
	struct sip_dialog *d = &call->dlg;
	d->cepoch = cepoch;
	d->local_cseq = sip_dialog_cseq_base(cepoch);
	d->local_rtp_port = rtp_port;
	d->sdp_version = 1;
	call->state = CALL_ANSWERED;
	int err = sip_answer_send(call);
	if (err) {
		sip_answer_owe(call->ua, call->invite);
		call->detached = true; /* the application hears of it by our return */
		sip_call_end(call, SIP_END_ERROR);
		return err;
	}
	call->ua->counters.accepted++;
	sip_session_arm(call);
	sip_call_changed(call);
	return 0;
}
