/*
 * When an agent may be given calls: its person said so, its leg is up, no wrap-up is being written,
 * and no talk of its own is on the way back from a node that died.
 */
#include "nodes/desk/desk_internal.h"

void session_ready_remember(struct session *s)
{
	struct acd_agent_view v;
	if (acd_agent_get(s->desk->n->acd, s->id, mono_us(), &v) &&
	    (v.state == ACD_AGENT_IDLE || v.ready_after)) {
		s->ready_again = true;
		s->media_lost_us = mono_us();
	}
}

void session_ready_again(struct session *s)
{
	struct acd_event ev = {.type = ACD_EV_AGENT_READY, .session = s->id};
	/* To be ready in a wrap-up would end it: somebody is writing. */
	if (!s->ready_again || !s->media_up || s->worked == ACD_AGENT_WRAP ||
	    mono_us() < s->own_until_us)
		return;
	s->ready_again = false;
	(void)node_event(s->desk->n, &ev);
}

void session_ready(struct session *s)
{
	struct acd_event ev = {.type = ACD_EV_AGENT_READY, .session = s->id};
	if (mono_us() < s->own_until_us && !s->yielded)
		s->ready_again = true; /* by the tick */
	else if (!s->yielded && node_event(s->desk->n, &ev) == ACD_OK)
		return;
	session_state_send(s); /* what the page believes was wrong: say what is */
}
