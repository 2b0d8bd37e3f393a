/*
 * Presence on libre's loop: its descriptor may change after each step, so it is registered anew
 * whenever it did; its deadline is a timer. Routing never waits for any of this.
 */
#include "nodes/node.h"

#include <errno.h>
#include <poll.h>

static void step(struct node *n, short revents);

static void presence_fd_h(int flags, void *arg)
{
	short revents = 0;
	if (flags & FD_READ)
		revents |= POLLIN;
	if (flags & FD_WRITE)
		revents |= POLLOUT;
	if (flags & FD_EXCEPT)
		revents |= POLLERR;
	step(arg, revents);
}

static void presence_tmr_h(void *arg)
{
	step(arg, 0);
}

static void arm(struct node *n)
{
	short events = 0;
	int fd = presence_fd(n->presence, &events), flags = 0;
	if (events & POLLIN)
		flags |= FD_READ;
	if (events & POLLOUT)
		flags |= FD_WRITE;
	if (fd != n->presence_fd || flags != n->presence_flags) {
		if (n->presence_fd >= 0 && fd != n->presence_fd)
			fd_close(n->presence_fd);
		if (fd >= 0 && fd_listen(fd, flags, presence_fd_h, n))
			log_warn("presence.fd", "fd=%d", fd);
		n->presence_fd = fd;
		n->presence_flags = flags;
	}
	uint64_t at = presence_deadline(n->presence), now = mono_us();
	if (at == UINT64_MAX)
		tmr_cancel(&n->tmr_presence);
	else
		tmr_start(&n->tmr_presence, at > now ? (at - now + 999) / 1000 : 0, presence_tmr_h,
			  n);
}

static void step(struct node *n, short revents)
{
	bool up = presence_is_up(n->presence);
	presence_step(n->presence, revents, mono_us());
	if (presence_is_up(n->presence) != up)
		log_info(up ? "presence.down" : "presence.up", "%s", "");
	arm(n);
}

int node_presence_open(struct node *n)
{
	n->presence_fd = -1;
	tmr_init(&n->tmr_presence);
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
	if (n->presence_fd >= 0)
		fd_close(n->presence_fd);
	n->presence = presence_close(n->presence);
}
