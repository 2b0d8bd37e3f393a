#include "nodes/node_poll.h"
#include "common/base/base.h"
#include "common/log/log.h"

#include <poll.h>

void poll_slot_arm(struct poll_slot *slot, int fd, short events, uint64_t serial, fd_h *h,
		   void *arg)
{
	int flags = 0;
	if (events & POLLIN)
		flags |= FD_READ;
	if (events & POLLOUT)
		flags |= FD_WRITE;
	if (slot->fd == fd && slot->flags == flags && slot->serial == serial)
		return;
	if (slot->fd >= 0 && slot->fd != fd)
		fd_close(slot->fd);
	*slot = (struct poll_slot){.fd = fd, .flags = flags, .serial = serial};
	if (fd >= 0 && fd_listen(fd, flags, h, arg)) {
		slot->flags = -1; /* again at the next step */
		log_warn("poll.fd", "fd=%d", fd);
	}
}

void poll_slot_close(struct poll_slot *slot)
{
	if (slot->fd >= 0)
		fd_close(slot->fd);
	slot->fd = -1;
}

short poll_revents(int fd_flags)
{
	short revents = 0;
	if (fd_flags & FD_READ)
		revents |= POLLIN;
	if (fd_flags & FD_WRITE)
		revents |= POLLOUT;
	if (fd_flags & FD_EXCEPT)
		revents |= POLLERR;
	return revents;
}

void poll_deadline_arm(struct tmr *tmr, uint64_t at_us, tmr_h *h, void *arg)
{
	if (at_us == UINT64_MAX) {
		tmr_cancel(tmr);
		return;
	}
	uint64_t now = mono_us();
	tmr_start(tmr, at_us > now ? (at_us - now + 999) / 1000 : 0, h, arg);
}
