#include "nodes/sip/sip_priv.h"

void sip_bye_handle(struct sip_call *call, const struct sip_msg *msg)
{
	struct sip_ua *ua = call->ua;
	ua->counters.byes++;
	(void)sip_treply(NULL, ua->sip, msg, 200, "OK");
	/* A BYE on an early dialog also answers the INVITE (RFC 3261 §15.1.2). */
	if (call->state == CALL_EARLY)
		(void)sip_treply(&call->st, ua->sip, call->invite, 487, "Request Terminated");
	sip_call_end(call, SIP_END_BYE);
}
