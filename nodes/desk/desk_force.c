/*
 * States that a supervisor decides: from the floor of the page, or by helioctl.
 *
 *   page of a supervisor ─► its node ──Force──► the agent's node ─► core ─► the agent's page
 *                              ▲ ◄──Forced────────┘
 *
 * Who may do it is decided twice, by agents.yaml: at the supervisor's node and at the agent's.
 * Every attempt is a log line that says who, whom, what, and what came of it.
 */
#include "nodes/desk/desk_internal.h"

#include <string.h>

static const char *const words[] = {
    [DESK_FORCE_READY] = "ready",
    [DESK_FORCE_NOT_READY] = "not-ready",
    [DESK_FORCE_RELEASE] = "release",
};

enum desk_force desk_force_parse(const char *word)
{
	for (unsigned i = 1; i < HELIO_ARRAY_LEN(words); i++)
		if (strcmp(words[i], word) == 0)
			return (enum desk_force)i;
	return DESK_FORCE_NONE;
}

const char *desk_forced_text(enum desk_forced why)
{
	static const char *const texts[] = {
	    [DESK_FORCED] = "done",
	    [DESK_FORCED_NOT_HERE] = "the agent is not signed in",
	    [DESK_FORCED_MEDIA] = "the agent's audio is down",
	    [DESK_FORCED_NOTHING] = "the agent has no call in hand",
	    [DESK_FORCED_STATE] = "the agent is so already, or is leaving",
	    [DESK_FORCED_MAY_NOT] = "only a supervisor may do that",
	    [DESK_FORCED_BAD] = "this node does not know that word",
	};
	return (unsigned)why < HELIO_ARRAY_LEN(texts) ? texts[why] : "refused";
}

static enum desk_forced apply(struct session *s, enum desk_force what, const char *by)
{
	struct acd_event ev = {.type = ACD_EV_AGENT_FORCE, .session = s->id};

	if (s->yielded)
		return DESK_FORCED_STATE;
	if (what == DESK_FORCE_READY) {
		if (!s->media_up)
			return DESK_FORCED_MEDIA;
		ev.on = true;
	} else if (what == DESK_FORCE_RELEASE) {
		if (!s->offer)
			return DESK_FORCED_NOTHING;
		ev.offer.v = s->offer;
	} else {
		s->ready_again = false;
	}
	/* Said first: the page then shows the new state and why, not a state that changed by
	 * itself. */
	session_send(s, json_pack("{ss ss ss}", "t", "forced", "what", words[what], "by", by));
	return node_event(s->desk->n, &ev) == ACD_OK ? DESK_FORCED : DESK_FORCED_STATE;
}

enum desk_forced desk_force_here(struct desk *d, uint64_t agent, enum desk_force what,
				 const char *by_name, const char *by_display)
{
	struct session *s = session_by_agent(d, agent);
	const struct conf_agent *a = conf_agent_by_id(d->n->conf, agent);
	enum desk_forced v = DESK_FORCED_NOT_HERE;

	if (what == DESK_FORCE_NONE || what > DESK_FORCE_RELEASE)
		v = DESK_FORCED_BAD;
	else if (s)
		v = apply(s, what, by_display);
	if (v != DESK_FORCED_NOT_HERE) /* helioctl asks every node: one of them has the agent */
		log_info("agent.forced", "agent=%s what=%s by=%s done=%d why=%s", a ? a->name : "?",
			 v == DESK_FORCED_BAD ? "?" : words[what], by_name, v == DESK_FORCED,
			 log_quote(desk_forced_text(v)));
	return v;
}

static void say(struct session *asker, const struct conf_agent *agent, enum desk_force what,
		enum desk_forced v)
{
	session_send(asker,
		     json_pack("{ss ss ss sb ss}", "t", "force_done", "agent", agent->name, "what",
			       words[what], "ok", v == DESK_FORCED, "why", desk_forced_text(v)));
}

void force_request(struct link *l, const json_t *msg)
{
	struct session *s = l->session;
	struct node *n = l->desk->n;
	const char *name = json_string_value(json_object_get(msg, "agent"));
	const char *word = json_string_value(json_object_get(msg, "what"));
	enum desk_force what = desk_force_parse(word ? word : "");
	const struct conf_agent *agent = conf_agent_by_name(n->conf, name ? name : "");

	if (!s->agent->supervisor) {
		log_warn("agent.force_refused", "by=%s", s->agent->name);
		link_error(l, "force", "not a supervisor",
			   "supervisor: true in agents.yaml allows it");
		return;
	}
	if (!agent || what == DESK_FORCE_NONE) {
		link_error(l, "force", "no such agent or word",
			   "agent: a login; what: ready, not-ready or release");
		return;
	}
	if (session_by_agent(l->desk, agent->id)) {
		say(s, agent, what,
		    desk_force_here(l->desk, agent->id, what, s->agent->name, s->agent->display));
		return;
	}
	struct wall_view *view = s->wall_on ? node_wall_look(n, true) : NULL;
	uint16_t node = view ? wall_view_agent_node(view, agent->id) : 0;
	Envelope env = Envelope_init_zero;
	env.which_body = Envelope_force_tag;
	env.body.force =
	    (Force){.agent = agent->id, .what = what, .by = s->agent->id, .asker = s->id.v};
	if (!node || node == n->self->addr || node_mesh_send(n, node, &env, NULL, 0))
		say(s, agent, what, DESK_FORCED_NOT_HERE);
}

void desk_force(struct desk *d, uint16_t from, const Force *force)
{
	const struct conf_agent *by = conf_agent_by_id(d->n->conf, force->by);
	Envelope env = Envelope_init_zero;
	enum desk_forced v = DESK_FORCED_MAY_NOT;

	if (id_addr(force->asker) != from)
		return; /* not a session of the sender's */
	if (by && by->supervisor)
		v = desk_force_here(d, force->agent,
				    force->what <= DESK_FORCE_RELEASE ? (enum desk_force)force->what
								      : DESK_FORCE_NONE,
				    by->name, by->display);
	else
		log_warn("agent.force_refused", "by=%s", by ? by->name : "?");
	env.which_body = Envelope_forced_tag;
	env.body.forced =
	    (Forced){.asker = force->asker, .agent = force->agent, .what = force->what, .why = v};
	(void)node_mesh_send(d->n, from, &env, NULL, 0);
}

void desk_forced(struct desk *d, const Forced *forced)
{
	struct session *s = session_find(d, forced->asker);
	const struct conf_agent *agent = conf_agent_by_id(d->n->conf, forced->agent);

	if (s && agent && forced->what >= DESK_FORCE_READY && forced->what <= DESK_FORCE_RELEASE)
		say(s, agent, (enum desk_force)forced->what, (enum desk_forced)forced->why);
}
