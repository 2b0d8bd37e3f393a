#include "nodes/sip/sip_priv.h"

#include <string.h>

#include "common/base/base.h"

enum { MODIFY_TRIES_MAX = 5, GLARE_STEP_MS = 10, GLARE_STEPS = 200 };

static void modify_again(void *arg);

static void ack_send(struct sip_call *call, uint32_t cseq)
{
	(void)sip_inside_send(call, "ACK", cseq, "", NULL, NULL, NULL);
}

/* A 2xx: the far end's answer may move its media. */
static void modify_done(struct sip_call *call, const struct sip_msg *msg, bool invite)
{
	struct sip_ua *ua = call->ua;
	struct sdp_desc answer;
	uint16_t status;
	const char *reason;
	call->modify_tries = 0;
	sip_dialog_target_refresh(call, msg);
	sip_session_refreshed(call, msg);
	if (invite && !sip_offer_read(msg, &answer, &status, &reason)) {
		call->dlg.remote_sdp = answer.audio;
		if (!call->detached && ua->h.reoffer_h &&
		    ua->h.reoffer_h(call, &answer.audio, ua->arg)) {
			sip_inside_give_up(call, "Answer refused", SIP_END_ERROR);
			return;
		}
	} else if (invite) {
		sip_inside_give_up(call, "No usable answer", SIP_END_ERROR);
		return;
	}
	if (call->state == CALL_CONFIRMED)
		sip_call_changed(call);
}

static void modify_failed(struct sip_call *call, int err, const struct sip_msg *msg)
{
	uint16_t status = err || !msg ? 0 : msg->scode;
	if (status == 0 || status == 408 || status == 481) {
		/* The far end does not know the dialog or is gone (RFC 3261 §12.2.1.2). */
		sip_inside_give_up(call, "No response", SIP_END_ERROR);
		return;
	}
	if (status == 491 && ++call->modify_tries < MODIFY_TRIES_MAX) {
		/* Both asked at once: who did not make the Call-ID waits 0–2 s (§14.1). */
		uint16_t r;
		random_bytes(&r, sizeof(r));
		wheel_arm(&call->ua->wheel, &call->modify_timer,
			  r % (GLARE_STEPS + 1u) * GLARE_STEP_MS, modify_again, call);
		return;
	}
	call->modify_tries = 0;
	sip_session_retry(call);
}

static void modify_response(int err, const struct sip_msg *msg, void *arg)
{
	struct sip_call *call = arg;
	if (!err && msg && msg->scode < 200)
		return;
	call->modify_pending = false;
	if (!call->ua || call->ua->closing) {
		mem_deref(call);
		return;
	}
	call->ua->requests_n--;
	bool ok = !err && msg && msg->scode < 300;
	bool invite = msg && !pl_strcmp(&msg->cseq.met, "INVITE");
	if (ok && invite)
		ack_send(call, msg->cseq.num); /* also for a call that has ended meanwhile */
	if (call->state == CALL_CONFIRMED) {
		if (ok)
			modify_done(call, msg, invite);
		else
			modify_failed(call, err, msg);
	}
	mem_deref(call);
}

int sip_modify_send(struct sip_call *call, bool refresh)
{
	struct sip_dialog *d = &call->dlg;
	char timer[SIP_HEADERS_SIZE], body[SDP_WRITE_MAX];
	if (call->state != CALL_CONFIRMED)
		return ENOTCONN;
	if (call->modify_pending || call->ok)
		return EALREADY;
	sip_session_headers(call, true, timer);
	int err;
	if (refresh && call->peer_updates) {
		err = sip_inside_send(call, "UPDATE", 0, timer, NULL, modify_response, call);
	} else {
		const struct sdp_local local = {.session = d->sdp_session,
						.version = d->sdp_version,
						.address = call->ua->address,
						.port = d->local_rtp_port};
		/* The codec stays what it is: the agent's side is set up for it. */
		helio_assert(
		    sdp_write_offer(body, sizeof(body), &local, d->remote_sdp.codec, true));
		err = sip_inside_send(call, "INVITE", 0, timer, body, modify_response, call);
		call->modify_cseq = d->local_cseq;
	}
	if (err)
		return err;
	call->modify_pending = true;
	mem_ref(call);
	call->ua->requests_n++;
	sip_call_changed(call); /* CSeq has risen */
	return 0;
}

static void modify_again(void *arg)
{
	(void)sip_modify_send(arg, false);
}

int sip_call_reinvite(struct sip_call *call, uint16_t rtp_port)
{
	if (call->state != CALL_CONFIRMED)
		return ENOTCONN;
	if (call->modify_pending || call->ok)
		return EALREADY;
	call->dlg.local_rtp_port = rtp_port;
	call->dlg.sdp_version++;
	return sip_modify_send(call, false);
}

static bool match_response(struct le *le, void *arg)
{
	const struct sip_call *call = le->data;
	const struct sip_msg *msg = arg;
	return call->modify_cseq == msg->cseq.num && !call->modify_pending &&
	       !pl_strcmp(&msg->from.tag, call->dlg.local_tag) &&
	       !pl_strcmp(&msg->callid, call->dlg.callid);
}

bool sip_modify_ack_again(struct sip_ua *ua, const struct sip_msg *msg)
{
	if (msg->scode < 200 || msg->scode >= 300 || pl_strcmp(&msg->cseq.met, "INVITE"))
		return false;
	struct sip_call *call = list_ledata(hash_lookup(ua->calls, hash_joaat_pl(&msg->from.tag),
							match_response, (void *)(uintptr_t)msg));
	if (!call)
		return false;
	ack_send(call, msg->cseq.num);
	return true;
}
