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

static bool silent_put(struct le *le, void *arg)
{
	const struct session *s = le->data;
	char call[ID_STR_SIZE];
	if (s->talking && s->silence.flagged)
		json_array_append_new(arg,
				      json_pack("{ss sI}", "call",
						conf_id_format(s->desk->n->conf, call, s->call),
						"silent_ms", (json_int_t)s->silence.s * 1000));
	return false;
}

json_t *desk_silent_json(const struct desk *d)
{
	json_t *list = json_array();
	if (list)
		(void)hash_apply(d->sessions, silent_put, list);
	return list;
}

void desk_silence(struct desk *d)
{
	(void)hash_apply(d->sessions, look, d->n);
}
