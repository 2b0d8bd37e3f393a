#include "nodes/sip/sip_priv.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/base/base.h"

static void call_destructor(void *arg)
{
	struct sip_call *call = arg;
	helio_assert(call->state == CALL_OVER);
	list_unlink(&call->rejected);
	mem_deref(call->offer);
	mem_deref(call->conn);
}

struct sip_call *sip_call_new(struct sip_ua *ua, uint32_t routes_n)
{
	helio_assert(routes_n <= SIP_ROUTES_MAX);
	struct sip_call *call = mem_zalloc(
	    offsetof(struct sip_call, dlg.routes) + routes_n * SIP_URI_SIZE, call_destructor);
	if (!call)
		return NULL;
	call->ua = ua;
	call->state = CALL_OVER; /* until it is linked */
	return call;
}

void sip_call_link(struct sip_call *call)
{
	call->state = CALL_EARLY;
	hash_append(call->ua->calls, hash_joaat_str(call->dlg.local_tag), &call->he, call);
	call->ua->calls_n++;
	if (call->ua->guard)
		call->src = guard_call_begin(call->ua->guard, call->dlg.remote_ip4, mono_us());
}

void sip_call_leave(struct sip_call *call)
{
	if (call->src)
		guard_call_end(call->ua->guard, call->src);
	call->src = NULL;
}

void sip_call_contact(const struct sip_ua *ua, uint8_t transport, char dst[SIP_URI_SIZE])
{
	snprintf(dst, SIP_URI_SIZE, "sip:%s:%u%s", ua->address, ua->port,
		 transport ? ";transport=tcp" : "");
}

void sip_call_changed(struct sip_call *call)
{
	if (!call->detached && call->ua->h.changed_h)
		call->ua->h.changed_h(call, call->ua->arg);
}

void sip_call_end(struct sip_call *call, enum sip_end why)
{
	if (call->state == CALL_OVER)
		return;
	struct sip_ua *ua = call->ua;
	mem_ref(call);
	call->state = CALL_OVER;
	hash_unlink(&call->he);
	ua->calls_n--;
	sip_call_leave(call);
	sip_answer_stop(call);
	wheel_cancel(&ua->wheel, &call->modify_timer);
	wheel_cancel(&ua->wheel, &call->session_timer);
	if (call->bye_on_ack) {
		call->bye_on_ack = false;
		mem_deref(call);
	}
	if (!call->detached) {
		call->detached = true;
		ua->h.ended_h(call, why, ua->arg);
	}
	mem_deref(call);
}

static void reap_handler(void *arg)
{
	struct sip_ua *ua = arg;
	list_flush(&ua->rejected);
}

int sip_call_ring(struct sip_call *call)
{
	if (call->state != CALL_EARLY)
		return ENOTCONN;
	wheel_cancel(&call->ua->wheel, &call->ok_timer);
	return sip_treplyf(&call->st, NULL, call->ua->sip, call->invite, true, 180, "Ringing",
			   "Contact: <%s>\r\n" SIP_ALLOW_HEADERS "Content-Length: 0\r\n\r\n",
			   call->dlg.local_contact);
}

/* The final error of the INVITE; the transaction repeats it until ACK. */
static int refuse(struct sip_call *call, uint16_t status, const char *reason,
		  uint32_t retry_after_s)
{
	char header[40] = "";
	if (retry_after_s)
		snprintf(header, sizeof(header), "Retry-After: %u\r\n", retry_after_s);
	call->ua->counters.rejected++;
	int err = sip_treplyf(&call->st, NULL, call->ua->sip, call->invite, false, status, reason,
			      "%sContent-Length: 0\r\n\r\n", header);
	if (err)
		sip_answer_owe(call->ua, call->invite);
	return err;
}

int sip_call_reject(struct sip_call *call, uint16_t status, const char *reason,
		    uint32_t retry_after_s)
{
	helio_assert(status >= 400 && status < 700);
	struct sip_ua *ua = call->ua;
	int err =
	    call->state == CALL_EARLY ? refuse(call, status, reason, retry_after_s) : ENOTCONN;
	if (status == 404 && ua) /* who looks for numbers that answer */
		sip_ua_strike(ua, call->dlg.remote_ip4, "unknown queues");
	call->detached = true;
	sip_call_end(call, SIP_END_ERROR);
	if (!ua) {
		mem_deref(call);
		return err;
	}
	/* Freed when the loop turns, so that the application may still look at it, or free it. */
	list_append(&ua->rejected, &call->rejected, call);
	tmr_start(&ua->reaper, 0, reap_handler, ua);
	return err;
}

int sip_call_hangup(struct sip_call *call, const char *reason)
{
	if (call->state == CALL_OVER)
		return ENOTCONN;
	int err = 0;
	call->detached = true;
	switch (call->state) {
	case CALL_EARLY: err = refuse(call, 480, "Temporarily Unavailable", 0); break;
	case CALL_CONFIRMED: err = sip_inside_bye(call, reason); break;
	case CALL_ANSWERED:
		/* BYE must wait for the ACK or its timeout (RFC 3261 §15). */
		if (!call->bye_on_ack)
			mem_ref(call);
		call->bye_on_ack = true;
		return 0;
	case CALL_OVER: break;
	}
	sip_call_end(call, SIP_END_BYE);
	return err;
}

struct sip_call *sip_call_free(struct sip_call *call)
{
	if (!call)
		return NULL;
	call->detached = true;
	if (call->rejected.list)
		list_unlink(&call->rejected);
	if (call->state == CALL_EARLY)
		(void)refuse(call, 480, "Temporarily Unavailable", 0);
	/* An answered call that is freed is forgotten without a word: a fenced owner must not hang
	 * up what its successor now holds. */
	if (!call->bye_on_ack)
		sip_call_end(call, SIP_END_ERROR);
	return mem_deref(call);
}

int sip_call_adopt(struct sip_ua *ua, struct sip_call **ret, const struct sip_dialog *d,
		   uint32_t cepoch, void *user_data)
{
	if (!d->confirmed)
		return ENOTCONN;
	if (cepoch <= d->cepoch || sip_dialog_cseq_base(cepoch) <= d->local_cseq)
		return ERANGE;
	struct sip_call *call = sip_call_new(ua, d->routes_n);
	if (!call)
		return ENOMEM;
	call->user = user_data;
	sip_dialog_copy(&call->dlg, d);
	call->dlg.cepoch = cepoch;
	call->dlg.local_cseq = sip_dialog_cseq_base(cepoch);
	sip_call_contact(ua, d->transport, call->dlg.local_contact);
	sip_call_link(call);
	call->state = CALL_CONFIRMED;
	sip_session_adopted(call);
	*ret = call;
	return 0;
}

int sip_dialog_bye(struct sip_ua *ua, const struct sip_dialog *d, uint32_t cepoch,
		   const char *reason)
{
	struct sip_call *call = sip_call_new(ua, d->routes_n);
	if (!call)
		return ENOMEM;
	sip_dialog_copy(&call->dlg, d);
	/* Where the epoch has wrapped the last number of the old one must do: BYE takes the next.
	 */
	if (sip_dialog_cseq_base(cepoch) > d->local_cseq)
		call->dlg.local_cseq = sip_dialog_cseq_base(cepoch);
	int err = sip_inside_bye(call, reason);
	mem_deref(call); /* never linked: it is over */
	return err;
}

const struct sip_dialog *sip_call_dialog(const struct sip_call *call)
{
	return &call->dlg;
}

void sip_call_user_set(struct sip_call *call, void *user_data)
{
	call->user = user_data;
}

void *sip_call_user(const struct sip_call *call)
{
	return call->user;
}
