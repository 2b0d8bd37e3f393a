/*
 * Calls that come from the journal: of this node's earlier life, or of a neighbour that is gone
 * (node_journal.c, node_adopt.c say which). Same dialog, same age; the same port and stream where
 * they are to be had.
 */
#include "nodes/node_calls_priv.h"
#include "nodes/node_tasks.h"

#include <errno.h>
#include <string.h>

enum {
	/* What was sent since the numbers were noted is counted by time; so many packets more, in
	   case that clock ran a little differently. RFC 3550 A.1 takes a leap of 3000 as loss. */
	NUMBERS_JUMP = 100,
	PACKET_US = 20000,
	TICKS_PER_PACKET = 160,
	/* Two thousand re-INVITEs a second: a full node has moved in half a second. */
	MOVE_BATCH = 20,
	MOVE_MS = 10,
	/* The far end's own request, or a refresh, is answered within a round trip. */
	MOVE_AGAIN_MS = 200,
};

/* A carrier takes some requests a second from one address (and so do we): hundreds of callers are
 * told where we hear them over some tenths of a second, in the order of their ids: of their age. */
static void moving_h(void *arg)
{
	struct node *n = arg;
	uint32_t left = list_count(&n->moving), moved = 0;
	for (uint32_t i = 0; i < MOVE_BATCH && i < left; i++) {
		struct call *c = n->moving.head->data;
		list_unlink(&c->moving_le);
		if (!c->sip || c->over)
			continue;
		if (sip_call_reinvite(c->sip, c->rtp_port) == EALREADY)
			list_append(&n->moving, &c->moving_le, c); /* behind what is under way */
		else
			moved++;
	}
	if (n->moving.head)
		tmr_start(&n->tmr_moving, moved ? MOVE_MS : MOVE_AGAIN_MS, moving_h, n);
}

static void call_moves(struct node *n, struct call *c)
{
	list_append(&n->moving, &c->moving_le, c);
	if (!tmr_isrunning(&n->tmr_moving))
		tmr_start(&n->tmr_moving, 0, moving_h, n);
}

/* Where its earlier life left off, further on by the time that has passed. */
static bool numbers_of(const struct call_back *back, struct media_numbers *ret)
{
	if (!back->v.numbers.ssrc)
		return false;
	uint64_t packets = back->numbers_age_us / PACKET_US + NUMBERS_JUMP;
	*ret = back->v.numbers;
	ret->seq = (uint16_t)(ret->seq + packets);
	ret->ts += (uint32_t)(packets * TICKS_PER_PACKET);
	return true;
}

static enum acd_verdict call_adopt(struct node *n, const struct call *c,
				   const struct call_back *back)
{
	struct acd_event ev = {.type = ACD_EV_CALL_ADOPTED,
			       .call = c->id,
			       .queue = {c->queue->id},
			       .age_us = back->age_us,
			       .msg = {.cepoch = back->cepoch,
				       .version = back->cepoch_before,
				       .state = ACD_CALL_QUEUED}};
	memcpy(ev.want, back->v.want, sizeof(ev.want));
	if (back->v.offer && back->v.session && back->v.agent && addr_is_node(back->v.agent_node)) {
		ev.msg.state = ACD_CALL_BRIDGED;
		ev.msg.offer.v = back->v.offer;
		ev.msg.session.v = back->v.session;
		ev.msg.agent.v = back->v.agent;
		ev.msg.node.v = back->v.agent_node;
	}
	return node_event(n, &ev);
}

int calls_return(struct node *n, const struct call_back *back)
{
	char text[ID_STR_SIZE];
	struct media_numbers numbers;
	struct call *c = call_alloc(n, back->id);
	if (!c)
		return ENOMEM;
	bool goes_on = numbers_of(back, &numbers);
	int err = *back->v.caller ? str_dup(&c->caller, back->v.caller) : 0;
	if (!err && *back->v.caller_name)
		err = str_dup(&c->caller_name, back->v.caller_name);
	if (!err)
		err = media_leg_plain_at(n->media, id_seq(c->id.v), back->v.rtp_port,
					 goes_on ? &numbers : NULL, &c->leg, &c->rtp_port);
	if (!err)
		err = sip_call_adopt(n->ua, &c->sip, &back->dialog, (uint32_t)back->cepoch, c);
	if (err) {
		if (c->leg.v)
			media_leg_close(n->media, c->leg);
		mem_deref(c);
		return err;
	}
	c->queue = back->queue;
	c->entered_us = mono_us() - back->age_us;
	c->entered_ms = back->v.entered_ms;
	c->answered_ms = back->v.answered_ms;
	c->answered_us = back->v.answered_ms ? c->entered_us + back->v.wait_us : 0;
	c->wait_us = back->v.wait_us;
	c->offers = back->v.offers;
	c->agent = back->v.agent;
	c->agent_node = back->v.agent_node;
	c->bridged_offer = back->v.offer;
	c->bridged_session = back->v.session;
	c->accepted = true;
	call_link(n, c);
	call_remote_set(n, c, &back->dialog.remote_sdp);
	if (!back->v.offer)
		call_music(n, c, false);
	if (call_adopt(n, c, back) != ACD_OK) {
		call_free(n, c);
		return ENOSPC;
	}
	node_tasks_returned(n, c->id.v);
	n->counters.returned++;
	node_wall_entered(n, c); /* it has no record yet from which today was counted */
	if (c->answered_us)
		node_wall_answered(n, c);
	log_info("call.returned", "call=%s queue=%s age_ms=%llu was_talking=%d",
		 conf_id_format(n->conf, text, back->id), c->queue->name,
		 (unsigned long long)(back->age_us / 1000), back->v.answered_ms != 0);
	if (back->moved || c->rtp_port != back->v.rtp_port) /* say where we hear now */
		call_moves(n, c);
	return 0;
}

void calls_not_returned(struct node *n, const struct call_back *back)
{
	/* Its queue was taken out of the configuration while nobody had the call. */
	static const struct conf_queue removed = {.name = "?"};
	struct call c = {.id = {back->id},
			 .queue = back->queue ? back->queue : &removed,
			 .entered_us = mono_us() - back->age_us,
			 .entered_ms = back->v.entered_ms,
			 .answered_ms = back->v.answered_ms,
			 .wait_us = back->v.wait_us,
			 .agent = back->v.agent,
			 .agent_node = back->v.agent_node,
			 .offers = back->v.offers};
	const struct acd_fx fx = {.type = ACD_FX_CALL,
				  .cepoch = back->cepoch,
				  .outcome = ACD_OUTCOME_FAILED,
				  .cause = ACD_CAUSE_CALL_GONE};
	char caller[sizeof(back->v.caller)];
	(void)str_copy(caller, sizeof(caller), back->v.caller);
	c.caller = caller;
	c.answered_us = back->v.answered_ms ? c.entered_us + back->v.wait_us : 0;
	call_record(n, &c, &fx);
	int err = back->dialog.callid[0]
		      ? sip_dialog_bye(n->ua, &back->dialog, (uint32_t)back->cepoch,
				       "Service Unavailable")
		      : ENOENT;
	if (err)
		log_warn("call.no_bye", "err=%s", log_quote(strerror(err)));
}
