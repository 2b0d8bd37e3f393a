#include "common/presence/both.h"
#include "common/base/base.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

_Static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLERR == POLLERR &&
		   EPOLLHUP == POLLHUP,
	       "events of the two are the same bits on Linux");

struct both {
	int set;
	/* As it stands in the set. A descriptor that was closed has left it by itself, and its
	 * number may have come back as another one: serial tells them apart. */
	struct both_slot {
		int fd;
		short events;
		uint64_t serial;
	} slot[2];
};

int both_open(struct both **ret)
{
	struct both *b = calloc(1, sizeof(*b));
	if (!b)
		return ENOMEM;
	b->slot[0].fd = b->slot[1].fd = -1;
	b->set = epoll_create1(EPOLL_CLOEXEC);
	if (b->set < 0) {
		int err = errno;
		free(b);
		return err;
	}
	*ret = b;
	return 0;
}

struct both *both_close(struct both *b)
{
	if (b) {
		(void)close(b->set);
		free(b);
	}
	return NULL;
}

static void slot_update(struct both *b, uint32_t i, const struct redis_link *l)
{
	struct both_slot *s = &b->slot[i], now = {.serial = l->reconnects};
	now.fd = redis_link_fd(l, &now.events);
	if (now.fd == s->fd && now.events == s->events && now.serial == s->serial)
		return;
	struct epoll_event ev = {.events = (uint32_t)now.events, .data.u32 = i};
	if (now.fd >= 0 && epoll_ctl(b->set, EPOLL_CTL_ADD, now.fd, &ev) && errno == EEXIST)
		(void)epoll_ctl(b->set, EPOLL_CTL_MOD, now.fd, &ev);
	/* Without room in the kernel the deadlines still carry on: reply timeout, retry. */
	*s = now;
}

int both_fd(struct both *b, const struct redis_link *first, const struct redis_link *second,
	    short *ret_events)
{
	slot_update(b, 0, first);
	slot_update(b, 1, second);
	*ret_events = POLLIN;
	return b->set;
}

void both_ready(struct both *b, short revents, short *ret_first, short *ret_second)
{
	struct epoll_event ev[2];
	short ready[2] = {0, 0};
	int n = revents ? epoll_wait(b->set, ev, 2, 0) : 0;
	for (int i = 0; i < n; i++)
		ready[ev[i].data.u32] = (short)ev[i].events;
	*ret_first = ready[0];
	*ret_second = ready[1];
}
