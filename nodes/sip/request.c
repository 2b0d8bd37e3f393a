#include "nodes/sip/sip_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/base.h"

static bool has_param(const char *uri_text, const char *name)
{
	struct uri uri;
	struct pl pl, end;
	pl_set_str(&pl, uri_text);
	return !uri_decode(&uri, &pl) && !msg_param_exists(&uri.params, name, &end);
}

/* Is the connection that the call came in on still there, and does it lead to the next hop? Behind
 * NAT and for clients without a listening port it is the only way back (RFC 5923 in spirit). */
static bool connection_usable(const struct sip_call *call, const char *hop)
{
	struct sip_msg probe = {.sock = call->conn, .tp = SIP_TRANSP_TCP};
	if (!call->conn || !sip_msg_tcpconn(&probe))
		return false;
	if (call->dlg.routes_n == 0)
		return true;
	struct uri uri;
	struct pl pl;
	struct sa sa;
	pl_set_str(&pl, hop);
	return !uri_decode(&uri, &pl) && !sa_set(&sa, &uri.host, 0) &&
	       sa_in(&sa) == call->dlg.remote_ip4;
}

enum { HOP_SIZE = SIP_URI_SIZE + 16 };

/* Where the bytes go. `hop` is the URI that RFC 3261 §12.2.1.1 picks. */
static void next_hop(const struct sip_call *call, const char *hop, char dst[HOP_SIZE])
{
	const struct sip_dialog *d = &call->dlg;
	struct sa peer;
	if (connection_usable(call, hop)) {
		sa_set_in(&peer, d->remote_ip4, d->remote_port);
		(void)re_snprintf(dst, HOP_SIZE, "sip:%J;transport=tcp", &peer);
		return;
	}
	bool tcp = d->transport == 1 && !has_param(hop, "transport");
	snprintf(dst, HOP_SIZE, "%s%s", hop, tcp ? ";transport=tcp" : "");
}

/* The head of a request inside the dialog; strict routers (no ;lr) take the Request-URI's place. */
static int write_head(struct mbuf *mb, const struct sip_call *call, const char *method,
		      uint32_t cseq, bool strict)
{
	const struct sip_dialog *d = &call->dlg;
	int err = mbuf_write_str(mb, "Max-Forwards: 70\r\n");
	for (uint32_t i = strict ? 1 : 0; i < d->routes_n; i++)
		err |= mbuf_printf(mb, "Route: <%s>\r\n", d->routes[i]);
	if (strict)
		err |= mbuf_printf(mb, "Route: <%s>\r\n", d->remote_target);
	err |= mbuf_printf(mb, "To: %s%s%s\r\n", d->remote_uri, d->remote_tag[0] ? ";tag=" : "",
			   d->remote_tag);
	err |= mbuf_printf(mb, "From: %s;tag=%s\r\n", d->local_uri, d->local_tag);
	err |= mbuf_printf(mb, "Call-ID: %s\r\nCSeq: %u %s\r\n", d->callid, cseq, method);
	if (!strcmp(method, "INVITE") || !strcmp(method, "UPDATE"))
		err |= mbuf_printf(mb, "Contact: <%s>\r\n" SIP_ALLOW_HEADERS, d->local_contact);
	return err;
}

static int cseq_next(struct sip_dialog *d, uint32_t *ret)
{
	uint32_t low = (1u << SIP_CSEQ_EPOCH_SHIFT) - 1;
	if ((d->local_cseq & low) == low)
		return EOVERFLOW; /* a million requests of ours in one epoch: a loop, not a call */
	*ret = ++d->local_cseq;
	return 0;
}

int sip_inside_send(struct sip_call *call, const char *method, uint32_t cseq, const char *headers,
		    const char *body, sip_resp_h *resp_h, void *arg)
{
	struct sip_dialog *d = &call->dlg;
	int err = cseq ? 0 : cseq_next(d, &cseq);
	if (err)
		return err;
	bool strict = d->routes_n > 0 && !has_param(d->routes[0], "lr");
	const char *first = d->routes_n > 0 ? d->routes[0] : d->remote_target;
	char hop_text[HOP_SIZE];
	struct uri hop;
	struct pl pl;
	next_hop(call, first, hop_text);
	pl_set_str(&pl, hop_text);
	err = uri_decode(&hop, &pl);
	if (err)
		return err;
	struct mbuf *mb = mbuf_alloc(1024);
	if (!mb)
		return ENOMEM;
	err = write_head(mb, call, method, cseq, strict);
	err |= mbuf_printf(mb, "%s%sContent-Length: %u\r\n\r\n%s", headers,
			   body ? "Content-Type: application/sdp\r\n" : "",
			   body ? (unsigned)strlen(body) : 0u, body ? body : "");
	if (!err) {
		mb->pos = 0;
		err = sip_request(NULL, call->ua->sip, strcmp(method, "ACK") != 0, method, -1,
				  strict ? d->routes[0] : d->remote_target, -1, &hop, mb,
				  (size_t)d->remote_cseq, NULL, resp_h, arg);
	}
	mem_deref(mb);
	return err;
}

static void bye_response(int err, const struct sip_msg *msg, void *arg)
{
	struct sip_ua *ua = arg;
	if (!err && msg && msg->scode < 200)
		return;
	ua->requests_n--; /* any final answer will do: the dialog is gone here already */
}

int sip_inside_bye(struct sip_call *call, const char *reason)
{
	struct sip_ua *ua = call->ua;
	char header[160] = "", text[100];
	size_t n = 0;
	for (const char *p = reason ? reason : ""; *p && n + 1 < sizeof(text); p++)
		if ((unsigned char)*p >= 0x20 && *p != '"' && *p != '\\')
			text[n++] = *p;
	text[n] = '\0';
	if (n > 0) /* RFC 3326; cause 16: normal call clearing */
		snprintf(header, sizeof(header), "Reason: Q.850;cause=16;text=\"%s\"\r\n", text);
	int err = sip_inside_send(call, "BYE", 0, header, NULL, bye_response, ua);
	if (!err)
		ua->requests_n++;
	return err;
}

void sip_inside_give_up(struct sip_call *call, const char *reason, enum sip_end why)
{
	(void)sip_inside_bye(call, reason);
	sip_call_end(call, why);
}
