/*
 * Nobody stays "in call" for ever (the media lease): whether a far end is still there is asked of
 * its media, each second. RTP of any payload (RFC 6263's keep-alives are unknown ones), RTCP (RFC
 * 3550 §6.2: every five seconds, sound or not) and ICE checks (RFC 7675) are signs of life; so who
 * is muted, or has silence suppressed, is not silent. Who has put us on hold (RFC 3264 §8.4) owes
 * us nothing: session timers (RFC 4028) see to those.
 *
 *   no sign of life ──media_silent_flag──► flagged ──media_silent_end──► ended
 *                                          (log, metric, helioctl calls)
 *
 * A caller's leg that is silent ends the call. An agent's (WebRTC) leg that is silent while talking
 * gives the call back: the caller goes to the next agent with the old age, the agent is not ready.
 * The trunk between two nodes is watched by both, for KEEP goes another way than its packets: who
 * hears nothing of it gives the call back.
 *
 * Counted in seconds that this node was awake and saw nothing, so that who slept judges nobody.
 */
#include "nodes/node.h"
#include "nodes/node_neighbour.h"
#include "nodes/desk/desk.h"

enum {
	TICK_MS = 1000,
	/* What a media thread heard is told 0.2 s later (media_leg_silent_us()). */
	SEEN_US = TICK_MS * 1000 + 300000,
	/* Without a sound each node still reports every 2.5 s; a line may lose one. */
	TRUNK_SEEN_US = 6000000,
};

static uint32_t limit_s(uint32_t ms)
{
	return ms ? (ms + 999) / 1000 : UINT32_MAX;
}

bool node_silence_seen(struct node *n, struct node_silence *s, bool silent)
{
	bool was = s->flagged;
	s->s = silent ? s->s + 1 : 0;
	s->flagged = s->s >= limit_s(n->conf->media_silent_flag_ms);
	if (s->flagged != was)
		n->silent_now += s->flagged ? 1 : (uint32_t)-1;
	if (s->s < limit_s(n->conf->media_silent_end_ms))
		return false;
	n->counters.silent_ended++;
	return true;
}

void node_silence_forget(struct node *n, struct node_silence *s)
{
	if (s->flagged)
		n->silent_now--;
	*s = (struct node_silence){0};
}

static bool call_look(struct le *le, void *arg)
{
	struct node *n = arg;
	struct call *c = le->data;
	char id[ID_STR_SIZE];
	bool was = c->silence.flagged;
	uint64_t us = 0;
	if (!c->accepted || c->over || c->leaving || !c->sip)
		return false;
	bool silent = sip_call_dialog(c->sip)->remote_sdp.recv &&
		      !media_leg_silent_us(n->media, c->leg, &us) && us > SEEN_US;
	bool end = node_silence_seen(n, &c->silence, silent);
	conf_id_format(n->conf, id, c->id.v);
	if (c->silence.flagged && !was)
		log_warn("call.silent", "call=%s for_s=%u side=caller", id, c->silence.s);
	else if (was && !c->silence.flagged)
		log_info("call.heard_again", "call=%s side=caller", id);
	if (end) {
		log_warn("call.silent_end", "call=%s for_s=%u side=caller", id, c->silence.s);
		calls_end(n, c, ACD_CAUSE_MEDIA_FAILED);
	}
	return false;
}

/* Its call at the owner goes to another agent; at the agent's node the owner is told to do that. */
static void trunk_failed(struct node *n, const struct offer *o)
{
	struct acd_event ev = {.type = ACD_EV_MEDIA_FAILED, .offer = {o->id}};
	if (o->side == OFFER_OWNER)
		ev.call.v = o->call;
	(void)node_event(n, &ev);
}

/* True: one has ended, and others perhaps with it; the rest is looked at in a second. */
static bool trunk_look(struct le *le, void *arg)
{
	struct node *n = arg;
	struct offer *o = le->data;
	const struct conf_daemon *peer = conf_daemon_by_addr(n->conf, o->peer);
	char call[ID_STR_SIZE];
	bool was = o->silence.flagged;
	uint64_t us = 0;
	if (!o->have_leg || !o->have_remote)
		return false;
	bool silent = !media_leg_silent_us(n->media, o->leg, &us) && us > TRUNK_SEEN_US;
	bool end = node_silence_seen(n, &o->silence, silent);
	conf_id_format(n->conf, call, o->call);
	if (o->silence.flagged && !was)
		log_warn("call.silent", "call=%s for_s=%u side=trunk peer=%s", call, o->silence.s,
			 peer ? peer->name : "?");
	else if (was && !o->silence.flagged)
		log_info("call.heard_again", "call=%s side=trunk", call);
	if (end) {
		log_warn("call.silent_end", "call=%s for_s=%u side=trunk peer=%s", call,
			 o->silence.s, peer ? peer->name : "?");
		trunk_failed(n, o);
	}
	return end;
}

static bool call_has_leg(struct le *le, void *arg)
{
	const struct call *c = le->data;
	return c->leg.v == *(const uint32_t *)arg && !c->over;
}

static bool offer_has_leg(struct le *le, void *arg)
{
	const struct offer *o = le->data;
	return o->have_leg && o->leg.v == *(const uint32_t *)arg;
}

bool node_leg_failed(struct node *n, struct media_leg leg)
{
	struct call *c = list_ledata(hash_apply(n->calls, call_has_leg, &leg.v));
	const struct offer *o =
	    c ? NULL : list_ledata(hash_apply(n->offers, offer_has_leg, &leg.v));
	if (c)
		calls_end(n, c, ACD_CAUSE_MEDIA_FAILED);
	else if (o)
		trunk_failed(n, o);
	return c || o;
}

static void tick_h(void *arg)
{
	struct node *n = arg;
	tmr_start(&n->tmr_silence, TICK_MS, tick_h, n);
	if (node_neighbour_lapsed(n))
		return;
	(void)hash_apply(n->calls, call_look, n);
	(void)hash_apply(n->offers, trunk_look, n);
	desk_silence(n->desk);
}

void node_silence_open(struct node *n)
{
	tmr_init(&n->tmr_silence);
	tmr_start(&n->tmr_silence, TICK_MS, tick_h, n);
}

void node_silence_close(struct node *n)
{
	tmr_cancel(&n->tmr_silence);
}
