#include "nodes/sip/sip_priv.h"

/* Trunks probe with OPTIONS: a draining node says 503, so that they route round it. Answered
 * without a transaction: a repeated OPTIONS is answered anew, and a flood of them leaves nothing
 * behind. */
void sip_options_handle(struct sip_ua *ua, const struct sip_msg *msg)
{
	if (pl_strcasecmp(&msg->uri.scheme, "sip")) {
		sip_ua_refuse(ua, msg, 416, "Unsupported URI Scheme");
		return;
	}
	if (sip_require_refused(ua, msg))
		return;
	if (ua->draining && !pl_isset(&msg->to.tag)) {
		(void)sip_replyf(ua->sip, msg, 503, "Service Unavailable",
				 "Retry-After: 30\r\nContent-Length: 0\r\n\r\n");
		return;
	}
	(void)sip_replyf(ua->sip, msg, 200, "OK",
			 SIP_ALLOW_HEADERS "Accept: application/sdp\r\n"
					   "Accept-Encoding: identity\r\n"
					   "Content-Length: 0\r\n\r\n");
}
