/*
 * Session timers, RFC 4028: a call whose far end is gone without a BYE ends after an interval.
 *
 *   |------------- Session-Expires -------------|
 *   0          half: the refresher asks    end: who waits in vain sends BYE
 *                                          (the smaller of 32 s and a third earlier, §10)
 */
#include "nodes/sip/sip_priv.h"

#include <stdio.h>

#include "common/base/base.h"

enum {
	SE_MAX_S = 86400,
	END_EARLY_S = 32,
	/* First the re-INVITE that says where we hear, if there is to be one: it refreshes, too. */
	ADOPTED_US = 2000000,
};

/* "1800;refresher=uac": the number; EBADMSG. */
static int delta_read(const struct pl *val, uint32_t *ret, struct pl *ret_params)
{
	struct pl num = *val;
	const char *p = pl_strchr(val, ';');
	*ret_params = pl_null;
	if (p) {
		num.l = (size_t)(p - val->p);
		ret_params->p = p;
		ret_params->l = val->l - num.l;
	}
	while (num.l > 0 && (num.p[num.l - 1] == ' ' || num.p[num.l - 1] == '\t'))
		num.l--;
	return sip_number(&num, UINT32_MAX, ret);
}

static bool is_timer(const struct sip_hdr *hdr, const struct sip_msg *msg, void *arg)
{
	(void)msg;
	(void)arg;
	return !pl_strcasecmp(&hdr->val, "timer");
}

uint16_t sip_session_negotiate(struct sip_call *call, const struct sip_msg *msg)
{
	struct sip_dialog *d = &call->dlg;
	uint32_t ours = call->ua->session_expires_s, asked = 0, least = SIP_MIN_SE_S;
	struct pl params = pl_null, refresher;
	bool supported = sip_msg_hdr_apply(msg, true, SIP_HDR_SUPPORTED, is_timer, NULL) ||
			 sip_msg_hdr_apply(msg, true, SIP_HDR_REQUIRE, is_timer, NULL);
	const struct sip_hdr *se = sip_msg_hdr(msg, SIP_HDR_SESSION_EXPIRES);
	const struct sip_hdr *min = sip_msg_hdr(msg, SIP_HDR_MIN_SE);
	if (min) {
		struct pl unused;
		if (delta_read(&min->val, &least, &unused))
			return 400;
		least = least < SIP_MIN_SE_S ? SIP_MIN_SE_S : least;
	}
	if (se && delta_read(&se->val, &asked, &params))
		return 400;
	if (se && asked < SIP_MIN_SE_S) {
		if (supported)
			return 422;
		asked = SIP_MIN_SE_S; /* it would not understand 422 (§9) */
	}
	if (!se && !(supported && ours)) {
		d->session_expires_s = 0;
		return 0;
	}
	uint32_t s = se ? asked : ours;
	if (ours && s > ours)
		s = ours;
	s = s < least ? least : s;
	d->session_expires_s = s > SE_MAX_S ? SE_MAX_S : s;
	/* §9 table 2: who does not know timers cannot refresh; else as asked; a far end that left
	 * it open but named an interval gets the work, as is usual. */
	if (!supported || !se)
		d->refresher_is_us = true;
	else if (!msg_param_decode(&params, "refresher", &refresher))
		d->refresher_is_us = !pl_strcasecmp(&refresher, "uas");
	else
		d->refresher_is_us = false;
	return 0;
}

void sip_session_headers(const struct sip_call *call, bool we_ask, char headers[SIP_HEADERS_SIZE])
{
	const struct sip_dialog *d = &call->dlg;
	headers[0] = '\0';
	if (d->session_expires_s == 0)
		return;
	bool uac_refreshes = we_ask == d->refresher_is_us;
	snprintf(headers, SIP_HEADERS_SIZE, "Session-Expires: %u;refresher=%s\r\n%s",
		 d->session_expires_s, uac_refreshes ? "uac" : "uas",
		 uac_refreshes && !we_ask ? "Require: timer\r\n" : "");
}

static void session_handler(void *arg);

static void wait_until(struct sip_call *call, uint64_t at_us)
{
	uint64_t now = mono_us();
	uint32_t ms = at_us > now ? (uint32_t)((at_us - now) / 1000) : 0;
	wheel_arm(&call->ua->wheel, &call->session_timer, ms, session_handler, call);
}

static void session_handler(void *arg)
{
	struct sip_call *call = arg;
	if (mono_us() >= call->session_end_us) {
		if (call->bye_on_ack)
			return; /* the missing ACK ends it */
		sip_inside_give_up(call, "Session timer expired", SIP_END_TIMER);
		return;
	}
	wait_until(call, call->session_end_us);
	if (call->dlg.refresher_is_us && call->state == CALL_CONFIRMED &&
	    sip_modify_send(call, true))
		sip_session_retry(call);
}

void sip_session_arm(struct sip_call *call)
{
	uint32_t s = call->dlg.session_expires_s;
	if (s == 0) {
		wheel_cancel(&call->ua->wheel, &call->session_timer);
		return;
	}
	uint32_t early = s / 3 < END_EARLY_S ? s / 3 : END_EARLY_S;
	uint64_t now = mono_us();
	call->session_end_us = now + (uint64_t)(s - early) * 1000000u;
	wait_until(call,
		   call->dlg.refresher_is_us ? now + (uint64_t)s * 500000u : call->session_end_us);
}

void sip_session_adopted(struct sip_call *call)
{
	uint32_t s = call->dlg.session_expires_s;
	sip_session_arm(call);
	if (s < SIP_MIN_SE_S || !call->dlg.refresher_is_us)
		return;
	/* Its node may have been about to ask, at half the interval. A far end that hears nothing
	 * hangs up a third of it before the end (of 90 s, the shortest): 15 s later. Half of that;
	 * by the tag, so that the calls of a node do not ask all at once. */
	uint64_t within_us = (uint64_t)s * 1000000u / 12 - ADOPTED_US;
	uint32_t spread = hash_joaat_str(call->dlg.local_tag) % 1000;
	wait_until(call, mono_us() + ADOPTED_US + within_us * spread / 1000);
}

void sip_session_refreshed(struct sip_call *call, const struct sip_msg *resp)
{
	struct sip_dialog *d = &call->dlg;
	const struct sip_hdr *se = sip_msg_hdr(resp, SIP_HDR_SESSION_EXPIRES);
	struct pl params, refresher;
	uint32_t s;
	/* A peer that leaves it out of its 2xx lets it lapse only if it never knew timers; keep
	 * ours. */
	if (se && !delta_read(&se->val, &s, &params) && s >= SIP_MIN_SE_S) {
		d->session_expires_s = s > SE_MAX_S ? SE_MAX_S : s;
		if (!msg_param_decode(&params, "refresher", &refresher))
			d->refresher_is_us = !pl_strcasecmp(&refresher, "uac");
	}
	sip_session_arm(call);
}

void sip_session_retry(struct sip_call *call)
{
	uint64_t now = mono_us();
	if (call->dlg.session_expires_s == 0 || now >= call->session_end_us)
		return;
	wait_until(call, now + (call->session_end_us - now) / 2 + 1000000u);
}
