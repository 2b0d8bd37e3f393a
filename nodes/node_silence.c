/*
 * Nobody stays "in call" for ever (the media lease): whether a far end is still there is asked of
 * its media, each second. RTP of any payload (RFC 6263's keep-alives are unknown ones), RTCP (RFC
 * 3550 §6.2: every five seconds, sound or not) and ICE checks (RFC 7675) are signs of life; so who
 * is muted, or has silence suppressed, is not silent. Who has put us on hold (RFC 3264 §8.4) owes
 * us nothing: session timers (RFC 4028) see to those.
 *
 *   no sign of life ──media_silent_flag──► flagged: log, metric, helioctl calls
 * ──media_silent_end──► ended
 *
 * A caller's leg that is silent ends the call. An agent's (WebRTC) leg that is silent while talking
 * gives the call back: the caller goes to the next agent with the old age, the agent is not ready.
 * Counted in seconds that this node was awake and saw nothing, so that who slept judges nobody.
 */
#include "nodes/node.h"
#include "nodes/node_neighbour.h"
#include "nodes/desk/desk.h"

enum {
	TICK_MS = 1000,
	/* What a media thread heard is told 0.2 s later (media_leg_silent_us()). */
	SEEN_US = TICK_MS * 1000 + 300000,
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

static void tick_h(void *arg)
{
	struct node *n = arg;
	tmr_start(&n->tmr_silence, TICK_MS, tick_h, n);
	if (node_neighbour_lapsed(n))
		return;
	(void)hash_apply(n->calls, call_look, n);
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
