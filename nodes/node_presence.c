/* Presence on libre's loop. Routing never waits for any of this. */
#include "nodes/node.h"

static void step(struct node *n, short revents);

static void presence_fd_h(int flags, void *arg)
{
	step(arg, poll_revents(flags));
}

static void presence_tmr_h(void *arg)
{
	step(arg, 0);
}

static void arm(struct node *n)
{
	short events = 0;
	int fd = presence_fd(n->presence, &events);
	poll_slot_arm(&n->presence_slot, fd, events, presence_fd_serial(n->presence), presence_fd_h,
		      n);
	poll_deadline_arm(&n->tmr_presence, presence_deadline(n->presence), presence_tmr_h, n);
}

static void step(struct node *n, short revents)
{
	char where[PRESENCE_WHERE_SIZE];
	bool was_up = presence_is_up(n->presence);
	presence_step(n->presence, revents, mono_us());
	const char *trouble = presence_trouble(n->presence);
	if (trouble)
		log_warn("presence.trouble", "redis=%s why=\"%s\"",
			 presence_where(n->presence, where), trouble);
	if (presence_is_up(n->presence) != was_up)
		log_info(was_up ? "presence.down" : "presence.up", "redis=%s",
			 presence_where(n->presence, where));
	arm(n);
}

int node_presence_open(struct node *n)
{
	tmr_init(&n->tmr_presence);
	if (n->conf->presence.n + n->conf->presence.sentinels_n == 0)
		return 0; /* allowed, for a site that needs no directory */
	int err =
	    presence_open(&n->presence, &n->conf->presence, n->self->name, n->boot, mono_us());
	if (!err)
		arm(n);
	return err;
}

void node_presence_kick(struct node *n)
{
	if (n->presence)
		arm(n);
}

void node_presence_close(struct node *n)
{
	tmr_cancel(&n->tmr_presence);
	poll_slot_close(&n->presence_slot);
	n->presence = presence_close(n->presence);
}
