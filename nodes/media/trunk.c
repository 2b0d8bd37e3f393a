/* SRTP between two nodes; the keys came sealed in GRANT and RINGING, so no handshake is needed. */
#include "nodes/media/internal.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "nodes/media/srtp.h"
#include "nodes/media/websdp.h"

int trunk_new(struct leg *leg)
{
	struct media_trunk *local = calloc(1, sizeof(*local));
	if (!local)
		return ENOMEM;
	random_bytes(local->key, sizeof(local->key));
	local->codec = leg->codec;
	local->ssrc = leg->out.ssrc;
	local->port = leg->m->slots[leg->slot].port;
	leg->trunk = local;
	websdp_payload_types(leg->codec, &leg->pt, &leg->dtmf_pt);
	return 0;
}

struct media_trunk *trunk_free(struct media_trunk *local)
{
	if (local)
		OPENSSL_cleanse(local, sizeof(*local));
	free(local);
	return NULL;
}

void trunk_set_remote(struct thread *t, struct leg *leg, const struct media_trunk *remote)
{
	/* media_leg_trunk_remote() lets one key through per leg; a repetition only moves the
	 * address */
	if (!leg->guard &&
	    guard_new(&leg->guard, GUARD_AES_CM_128_SHA1_80, leg->trunk->key, remote->key)) {
		leg_event(leg, MEDIA_EV_FAILED, "SRTP could not be set up");
		return;
	}
	leg->remote_ssrc = remote->ssrc;
	leg_set_address(&leg->to, remote->ip4, remote->port);
	leg->has_remote = true;
	leg->heard_us = t->now_us;
	leg->silent = false;
	leg->play.fresh = true;
}

/* From the other node's address only, and its one SSRC; the port may differ behind a NAT, which is
 * learned from packets that pass authentication. */
void trunk_packet(struct thread *t, struct leg *leg, const struct sockaddr_in *from, size_t len)
{
	uint64_t before = leg->count.rx_bad;
	if (!leg->guard || from->sin_addr.s_addr != leg->to.sin_addr.s_addr) {
		leg->count.rx_bad++;
		return;
	}
	leg_secure_packet(t, leg, len);
	if (leg->count.rx_bad == before)
		leg->to.sin_port = from->sin_port;
}
