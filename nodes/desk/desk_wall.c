/*
 * The floor on a supervisor's page: every queue and agent of all sites. Who may see it is decided
 * here, by agents.yaml; what is seen comes from nodes/wall. A page is told at most twice a second.
 */
#include "nodes/desk/desk_internal.h"

enum {
	BEAT_MS = 50,   /* looks whether a page is due */
	PAGE_MS = 500,  /* twice a second is as much as an eye can follow */
	FILL_MS = 100,  /* while a page does not know everything yet */
	FILL_BATCH = 2, /* messages at once then: a slow line must not overflow at the gateway */
};

static void beat_h(void *arg);

void wall_say(const struct session *s)
{
	struct wall_agent a = {
	    .agent = s->agent->id,
	    .session = s->id.v,
	    .login_no = s->login_no,
	    .call = s->call,
	    .queue = s->state == ACD_AGENT_WRAP ? s->wrap_queue : s->queue,
	    .since_us = s->state_us,
	    .state = s->state,
	    .reason = s->reason,
	};
	node_wall_agent(s->desk->n, &a);
}

void wall_forget(struct session *s)
{
	s->wall_on = false;
	s->wall = (struct wall_page){0};
}

void wall_request(struct link *l, const json_t *msg)
{
	struct session *s = l->session;
	struct desk *d = l->desk;
	if (!s->agent->supervisor) {
		log_info("wall.refused", "agent=%s", s->agent->name);
		link_error(l, "wall", "not a supervisor",
			   "supervisor: true in agents.yaml opens the floor");
		return;
	}
	wall_forget(s);
	s->wall_on = json_is_true(json_object_get(msg, "on"));
	s->wall_due_us = 0;
	if (s->wall_on && !tmr_isrunning(&d->tmr_wall))
		tmr_start(&d->tmr_wall, 0, beat_h, d);
}

struct beat {
	const struct wall_view *view;
	uint64_t now;
	uint32_t looking;
};

static bool page_looks(struct le *le, void *arg)
{
	const struct session *s = le->data;
	struct beat *b = arg;
	b->looking += s->wall_on && s->link;
	return false;
}

static bool page_tell(struct le *le, void *arg)
{
	struct session *s = le->data;
	const struct beat *b = arg;
	bool more = true;
	if (!s->wall_on || !s->link || b->now < s->wall_due_us)
		return false;
	for (int i = 0; more && i < FILL_BATCH; i++) {
		json_t *msg = wall_view_json(b->view, &s->wall, b->now);
		if (!msg)
			return false;
		more = json_is_true(json_object_get(msg, "more"));
		session_send(s, msg);
	}
	s->wall_due_us = b->now + (more ? FILL_MS : PAGE_MS) * 1000ull;
	return false;
}

static void beat_h(void *arg)
{
	struct desk *d = arg;
	struct beat b = {.now = mono_us()};
	(void)hash_apply(d->sessions, page_looks, &b);
	b.view = node_wall_look(d->n, b.looking > 0);
	if (b.view)
		(void)hash_apply(d->sessions, page_tell, &b);
	if (b.looking)
		tmr_start(&d->tmr_wall, BEAT_MS, beat_h, d);
}

void walls_close(struct desk *d)
{
	tmr_cancel(&d->tmr_wall);
}
