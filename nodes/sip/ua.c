#include "nodes/sip/sip_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/base.h"

enum { T1_DEFAULT_MS = 500 };

/* ---- dispatch ---- */

void sip_ua_refuse(struct sip_ua *ua, const struct sip_msg *msg, uint16_t status,
		   const char *reason)
{
	(void)sip_reply(ua->sip, msg, status, reason);
}

static bool method_is(const struct sip_msg *msg, const char *name)
{
	return !pl_strcmp(&msg->met, name);
}

/* Known to the standards, but of no use to a contact centre's trunk. */
static bool method_known(const struct sip_msg *msg)
{
	static const char *const known[] = {"REGISTER", "SUBSCRIBE", "NOTIFY", "PUBLISH",
					    "MESSAGE",  "INFO",      "REFER",  "PRACK"};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(known); i++)
		if (method_is(msg, known[i]))
			return true;
	return false;
}

static void in_dialog(struct sip_ua *ua, struct sip_call *call, const struct sip_msg *msg)
{
	if (!sip_dialog_cseq_take(call, msg)) {
		ua->counters.bad_requests++;
		sip_ua_refuse(ua, msg, 500, "Request Out of Order");
		return;
	}
	if (method_is(msg, "INVITE"))
		sip_reinvite_handle(call, msg);
	else if (method_is(msg, "BYE"))
		sip_bye_handle(call, msg);
	else if (method_is(msg, "UPDATE"))
		sip_update_handle(call, msg);
	else
		sip_options_handle(ua, msg);
}

static void dispatch(struct sip_ua *ua, const struct sip_msg *msg)
{
	bool inside = pl_isset(&msg->to.tag);
	struct sip_call *call = inside ? sip_dialog_find(ua, msg) : NULL;
	if (method_is(msg, "ACK")) {
		if (call) {
			mem_ref(call);
			sip_ack_handle(call, msg);
			mem_deref(call);
		}
		return; /* an ACK is never answered */
	}
	if (method_is(msg, "CANCEL")) {
		sip_ua_refuse(ua, msg, 481, "Transaction Does Not Exist");
		return;
	}
	bool ours = method_is(msg, "INVITE") || method_is(msg, "BYE") || method_is(msg, "UPDATE") ||
		    method_is(msg, "OPTIONS");
	if (!ours) /* who tries to register is no caller */
		sip_ua_strike(ua, sa_in(&msg->src), "methods that are not for callers");
	if (!ours && method_known(msg))
		(void)sip_replyf(ua->sip, msg, 405, "Method Not Allowed",
				 "Allow: " SIP_ALLOW "\r\nContent-Length: 0\r\n\r\n");
	else if (!ours)
		(void)sip_replyf(ua->sip, msg, 501, "Not Implemented",
				 "Allow: " SIP_ALLOW "\r\nContent-Length: 0\r\n\r\n");
	else if (call) {
		mem_ref(call);
		in_dialog(ua, call, msg);
		mem_deref(call);
	} else if (inside || method_is(msg, "BYE") || method_is(msg, "UPDATE"))
		sip_ua_refuse(ua, msg, 481, "Call/Transaction Does Not Exist");
	else if (method_is(msg, "OPTIONS"))
		sip_options_handle(ua, msg);
	else
		sip_invite_handle(ua, msg);
}

/* ---- abuse and overload ---- */

enum {
	PULSE_MS = 100,
	/* Smoothed over some pulses: one long breath is not overload, being late each time is. A
	 * caller's INVITE is repeated after 500 ms; half of that is still answered in time. */
	LATE_MS = 250,
};

static void guard_say(struct sip_ua *ua, uint32_t ip4, uint32_t locked_s, const char *why)
{
	if (ua->h.guard_h)
		ua->h.guard_h(ip4, locked_s, why, ua->arg);
}

bool sip_ua_gate(struct sip_ua *ua, uint32_t ip4, uint64_t now_us)
{
	bool flood = false;
	if (!ua->guard || guard_message(ua->guard, ip4, now_us, &flood) == GUARD_PASS)
		return true;
	ua->counters.silenced++;
	if (flood)
		guard_say(ua, ip4, 0, "too many messages");
	return false;
}

void sip_ua_strike(struct sip_ua *ua, uint32_t ip4, const char *why)
{
	uint32_t locked_s = ua->guard ? guard_strike(ua->guard, ip4, mono_us()) : 0;
	if (!locked_s)
		return;
	ua->counters.lockouts++;
	guard_say(ua, ip4, locked_s, why);
}

static void pulse_handler(void *arg)
{
	struct sip_ua *ua = arg;
	uint64_t now = mono_us();
	uint64_t late = now > ua->pulse_due_us ? (now - ua->pulse_due_us) / 1000 : 0;
	ua->late_ms = (3 * ua->late_ms + (uint32_t)(late < 10000 ? late : 10000)) / 4;
	ua->pulse_due_us = now + PULSE_MS * 1000ull;
	tmr_start(&ua->pulse, PULSE_MS, pulse_handler, ua);
}

bool sip_ua_overloaded(const struct sip_ua *ua)
{
	return ua->late_ms > LATE_MS;
}

/* Is a Via among them ours? Then a request of ours has found its way back. */
static bool via_is_ours(const struct sip_hdr *hdr, const struct sip_msg *msg, void *arg)
{
	const struct sip_ua *ua = arg;
	struct sip_via via;
	(void)msg;
	if (sip_via_decode(&via, &hdr->val))
		return false;
	char own[32], bound[64]; /* libre writes the address that it is bound to */
	snprintf(own, sizeof(own), "%s:%u", ua->address, ua->port);
	(void)re_snprintf(bound, sizeof(bound), "%J", &ua->laddr);
	return !pl_strcmp(&via.sentby, own) || !pl_strcmp(&via.sentby, bound); /* never from vip */
}

static bool looped(struct sip_ua *ua, const struct sip_msg *msg)
{
	if (!sip_msg_hdr_apply(msg, true, SIP_HDR_VIA, via_is_ours, ua))
		return false;
	ua->counters.loops++;
	if (pl_strcmp(&msg->met, "ACK"))
		sip_ua_refuse(ua, msg, 482, "Loop Detected");
	return true;
}

/* libre's server transactions come first: what arrives here is new, or an ACK to a 2xx. */
void sip_ua_receive(struct sip_ua *ua, const struct sip_msg *msg)
{
	const char *reason;
	struct pl maddr;
	/* libre would answer to the address in maddr, which is for multicast (RFC 3261 §18.1.1): a
	 * way to have us throw responses at others. */
	if (!msg_param_decode(&msg->via.params, "maddr", &maddr))
		return;
	uint16_t status = sip_check_request(msg, &reason);
	if (!status) {
		if (!looped(ua, msg))
			dispatch(ua, msg);
		return;
	}
	ua->counters.bad_requests++;
	sip_ua_strike(ua, sa_in(&msg->src), "malformed requests");
	/* Without a Via there is nowhere to answer to; an ACK is never answered. */
	if (pl_isset(&msg->via.sentby) && pl_strcmp(&msg->met, "ACK"))
		sip_ua_refuse(ua, msg, status, reason);
}

static bool request_handler(const struct sip_msg *msg, void *arg)
{
	inlet_udp(arg, msg);
	sip_ua_receive(arg, msg);
	return true; /* all requests are ours: libre would print what nobody takes */
}

/* What no transaction of ours waits for. Taken here, because libre would print it as it came. */
static bool response_handler(const struct sip_msg *msg, void *arg)
{
	(void)sip_modify_ack_again(arg, msg);
	return true;
}

/* ---- open and close ---- */

static int dns_open(struct sip_ua *ua)
{
	struct sa servers[8];
	uint32_t n = HELIO_ARRAY_LEN(servers);
	char domain[64];
	int err = dns_srv_get(domain, sizeof(domain), servers, &n);
	return err ? err : dnsc_alloc(&ua->dnsc, NULL, servers, n);
}

static int transports_open(struct sip_ua *ua, const struct sip_ua_conf *conf, char ret_why[256])
{
	struct sa laddr;
	int err = sa_set_str(&laddr, conf->bind, conf->port);
	if (err) {
		snprintf(ret_why, 256, "bind address %s: an IPv4 address is needed", conf->bind);
		return err;
	}
	err =
	    sip_alloc(&ua->sip, ua->dnsc, SIP_BUCKETS, SIP_BUCKETS, 256, conf->server, NULL, NULL);
	if (!err)
		err = sip_transp_add(ua->sip, SIP_TRANSP_UDP, &laddr);
	if (err) {
		snprintf(ret_why, 256, "SIP on UDP %s:%u: %s", conf->bind, conf->port,
			 strerror(err));
		return err;
	}
	ua->laddr = laddr;
	inlet_open(ua);
	err = sip_transp_add(ua->sip, SIP_TRANSP_TCP, &laddr);
	if (err) {
		snprintf(ret_why, 256, "SIP on TCP %s:%u: %s", conf->bind, conf->port,
			 strerror(err));
		return err;
	}
	err = sip_listen(&ua->requests, ua->sip, true, request_handler, ua);
	if (!err)
		err = sip_listen(&ua->responses, ua->sip, false, response_handler, ua);
	if (err)
		snprintf(ret_why, 256, "SIP: %s", strerror(err));
	return err;
}

enum { VIP_LOOK_MS = 200 }; /* VRRP moves it within a second; callers try again after 0.5 s */

/* Once bound it stays: while the address is elsewhere, nothing comes. */
static void vip_look(void *arg)
{
	struct sip_ua *ua = arg;
	int err = ua->vip_udp ? 0 : sip_transp_add(ua->sip, SIP_TRANSP_UDP, &ua->vip);
	ua->vip_udp = !err;
	if (!err)
		err = sip_transp_add(ua->sip, SIP_TRANSP_TCP, &ua->vip);
	if (err) /* EADDRNOTAVAIL: another machine has it */
		tmr_start(&ua->vip_tmr, VIP_LOOK_MS, vip_look, ua);
}

static bool call_orphan(struct le *le, void *arg)
{
	struct sip_call *call = le->data;
	(void)arg;
	mem_ref(call);
	call->detached = true;
	sip_call_end(call, SIP_END_ERROR);
	call->ua = NULL;
	mem_deref(call);
	return false;
}

static void ua_destructor(void *arg)
{
	struct sip_ua *ua = arg;
	ua->closing = true;
	if (ua->calls)
		(void)hash_apply(ua->calls, call_orphan, NULL);
	tmr_cancel(&ua->reaper);
	list_flush(&ua->rejected);
	list_flush(&ua->owed);
	tmr_cancel(&ua->pulse);
	mem_deref(ua->requests);
	mem_deref(ua->responses);
	tmr_cancel(&ua->vip_tmr);
	for (size_t i = 0; i < HELIO_ARRAY_LEN(ua->gate); i++)
		ua->gate[i] = mem_deref(ua->gate[i]); /* before the socket that it hangs on */
	sip_close(ua->sip, true);
	mem_deref(ua->sip);
	inlet_close(ua);
	guard_close(ua->guard);
	mem_deref(ua->dnsc);
	mem_deref(ua->calls);
	wheel_close(&ua->wheel);
}

int sip_ua_open(struct sip_ua **ret, const struct sip_ua_conf *conf,
		const struct sip_ua_handlers *h, void *arg, char ret_why[256])
{
	helio_assert(h->incoming_h && h->ended_h);
	const char *advertise =
	    conf->advertise && conf->advertise[0] ? conf->advertise : conf->bind;
	struct in_addr in;
	if (inet_pton(AF_INET, advertise, &in) != 1 || in.s_addr == 0) {
		snprintf(ret_why, 256, "advertise address %s: an IPv4 address is needed",
			 advertise);
		return EINVAL;
	}
	struct sip_ua *ua = mem_zalloc(sizeof(*ua), ua_destructor);
	if (!ua)
		return ENOMEM;
	ua->wheel.fd = -1;
	ua->h = *h;
	ua->arg = arg;
	ua->port = conf->port;
	ua->calls_max = conf->calls_max;
	ua->session_expires_s = conf->session_expires_s;
	ua->t1_ms = conf->t1_ms ? conf->t1_ms : T1_DEFAULT_MS;
	(void)str_copy(ua->address, sizeof(ua->address), advertise);
	int err = wheel_open(&ua->wheel);
	if (!err)
		err = hash_alloc(&ua->calls, SIP_BUCKETS);
	if (!err && conf->limits)
		err = guard_open(&ua->guard, conf->limits);
	if (!err && conf->resolve_names)
		err = dns_open(ua);
	if (err)
		snprintf(ret_why, 256, "SIP: %s", strerror(err));
	else
		err = transports_open(ua, conf, ret_why);
	if (err) {
		mem_deref(ua);
		return err;
	}
	if (conf->vip && conf->vip[0] && !sa_set_str(&ua->vip, conf->vip, conf->port))
		vip_look(ua);
	ua->pulse_due_us = mono_us();
	pulse_handler(ua);
	*ret = ua;
	return 0;
}

void sip_ua_limits(struct sip_ua *ua, const struct sip_limits *limits)
{
	if (ua->guard)
		guard_limits(ua->guard, limits);
}

struct sip_ua *sip_ua_close(struct sip_ua *ua)
{
	return mem_deref(ua);
}

void sip_ua_drain(struct sip_ua *ua, bool on)
{
	ua->draining = on;
}

const struct sip_ua_counters *sip_ua_counters(const struct sip_ua *ua)
{
	static const struct sip_ua_counters none;
	return ua ? &ua->counters : &none;
}

uint32_t sip_ua_pending(const struct sip_ua *ua)
{
	return ua->requests_n;
}
