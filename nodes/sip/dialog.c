#include "nodes/sip/sip_priv.h"

#include <stdio.h>
#include <string.h>

#include "common/base/base.h"

/* The high 11 bits carry the epoch. A call adopted often enough for it to wrap (32 adoptions, as
 * cepoch = 64·k + node) would send numbers that fall; sip_call_adopt() refuses that. */
uint32_t sip_dialog_cseq_base(uint32_t cepoch)
{
	return (cepoch & SIP_CSEQ_EPOCH_MAX) << SIP_CSEQ_EPOCH_SHIFT;
}

/* <auri> alone: the display name identifies nobody (RFC 3261 §12.2.1.1 asks for the URI). */
static int party_copy(char dst[SIP_URI_SIZE], const struct sip_taddr *addr)
{
	const struct pl *a = &addr->auri;
	if (a->l + 3 > SIP_URI_SIZE)
		return ENAMETOOLONG;
	for (size_t i = 0; i < a->l; i++)
		if ((unsigned char)a->p[i] < 0x20 || a->p[i] == 0x7f || strchr("<>", a->p[i]))
			return EBADMSG;
	snprintf(dst, SIP_URI_SIZE, "<%.*s>", (int)a->l, a->p);
	return 0;
}

static int contact_copy(char dst[SIP_URI_SIZE], const struct sip_msg *msg)
{
	const struct sip_hdr *hdr = sip_msg_hdr(msg, SIP_HDR_CONTACT);
	struct sip_addr addr;
	if (!hdr || sip_msg_hdr_count(msg, SIP_HDR_CONTACT) != 1 ||
	    sip_addr_decode(&addr, &hdr->val))
		return EBADMSG;
	return sip_uri_copy(dst, SIP_URI_SIZE, &addr.auri);
}

static bool route_add(const struct sip_hdr *hdr, const struct sip_msg *msg, void *arg)
{
	struct sip_dialog *d = arg;
	struct sip_addr addr;
	(void)msg;
	if (d->routes_n == SIP_ROUTES_MAX || sip_addr_decode(&addr, &hdr->val) ||
	    sip_uri_copy(d->routes[d->routes_n], SIP_URI_SIZE, &addr.auri))
		return true; /* stops: not a route set that we could follow */
	d->routes_n++;
	return false;
}

uint16_t sip_dialog_start(struct sip_call *call, const struct sip_msg *msg, const char **ret_reason)
{
	struct sip_dialog *d = &call->dlg;
	*ret_reason = "Bad Remote Target";
	if (contact_copy(d->remote_target, msg))
		return 400;
	*ret_reason = "Bad Party";
	if (party_copy(d->local_uri, &msg->to) || party_copy(d->remote_uri, &msg->from))
		return 400;
	*ret_reason = "Bad Route Set";
	if (sip_msg_hdr_apply(msg, true, SIP_HDR_RECORD_ROUTE, route_add, d))
		return 400;
	d->version = 1;
	(void)pl_strcpy(&msg->callid, d->callid, sizeof(d->callid));
	(void)pl_strcpy(&msg->from.tag, d->remote_tag, sizeof(d->remote_tag));
	/* sip_treplyf() writes this tag into our responses. */
	snprintf(d->local_tag, sizeof(d->local_tag), "%016llx", (unsigned long long)msg->tag);
	d->remote_cseq = msg->cseq.num;
	d->transport = msg->tp == SIP_TRANSP_TCP;
	d->remote_ip4 = sa_in(&msg->src);
	d->remote_port = sa_port(&msg->src);
	sip_call_contact(call->ua, d->transport, d->local_contact);
	uint32_t session;
	random_bytes(&session, sizeof(session));
	d->sdp_session = session;
	return 0;
}

static bool match(struct le *le, void *arg)
{
	const struct sip_call *call = le->data;
	const struct sip_msg *msg = arg;
	return !pl_strcmp(&msg->to.tag, call->dlg.local_tag) &&
	       !pl_strcmp(&msg->callid, call->dlg.callid) &&
	       (pl_isset(&msg->from.tag) ? !pl_strcmp(&msg->from.tag, call->dlg.remote_tag)
					 : !call->dlg.remote_tag[0]);
}

struct sip_call *sip_dialog_find(struct sip_ua *ua, const struct sip_msg *msg)
{
	return list_ledata(
	    hash_lookup(ua->calls, hash_joaat_pl(&msg->to.tag), match, (void *)(uintptr_t)msg));
}

bool sip_dialog_cseq_take(struct sip_call *call, const struct sip_msg *msg)
{
	/* The same number again under a new branch is no retransmission either: libre has matched
	 * those already. */
	if (msg->cseq.num <= call->dlg.remote_cseq)
		return false;
	call->dlg.remote_cseq = msg->cseq.num;
	return true;
}

void sip_dialog_target_refresh(struct sip_call *call, const struct sip_msg *msg)
{
	char target[SIP_URI_SIZE];
	if (!contact_copy(target, msg))
		memcpy(call->dlg.remote_target, target, sizeof(target));
}
