/* The agent's side of the media lease (node_silence.c): a talk whose browser has fallen silent. */
#include "nodes/desk/desk_internal.h"

static void release(struct session *s)
{
	struct acd_event ev = {.type = ACD_EV_MEDIA_FAILED, .offer = {s->offer}};
	(void)node_event(s->desk->n, &ev); /* may be the end of s, who had yielded */
}

static bool look(struct le *le, void *arg)
{
	struct session *s = le->data;
	struct node *n = arg;
	char call[ID_STR_SIZE];
	bool was = s->silence.flagged;
	/* Of its leg or of the one that its page makes next: the browser's checks have not come. A
	 * plain leg is a load tool's, and may say nothing for as long as it likes. */
	bool end = node_silence_seen(n, &s->silence, s->talking && !s->plain && !s->media_up);
	if (!s->talking)
		return false;
	conf_id_format(n->conf, call, s->call);
	if (s->silence.flagged && !was)
		log_warn("call.silent", "call=%s for_s=%u side=agent agent=%s", call, s->silence.s,
			 s->agent->name);
	else if (was && !s->silence.flagged)
		log_info("call.heard_again", "call=%s side=agent", call);
	if (end) {
		log_warn("call.silent_end", "call=%s for_s=%u side=agent agent=%s", call,
			 s->silence.s, s->agent->name);
		release(s);
	}
	return false;
}

void desk_silence(struct desk *d)
{
	(void)hash_apply(d->sessions, look, d->n);
}
