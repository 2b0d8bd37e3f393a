#include "nodes/sip/sip_priv.h"

/* libre has answered the CANCEL itself and calls this only while no final response was sent. */
void sip_cancel_handler(void *arg)
{
	struct sip_call *call = arg;
	if (call->state != CALL_EARLY)
		return;
	call->ua->counters.cancelled++;
	(void)sip_treply(&call->st, call->ua->sip, call->invite, 487, "Request Terminated");
	sip_call_end(call, SIP_END_CANCEL);
}
