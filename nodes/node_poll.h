/* A foreign library's descriptor on libre's loop: it may change, or be another one of the same
 * number, after each step of its library. */
#ifndef HELIO_NODE_POLL_H
#define HELIO_NODE_POLL_H

#include <stdint.h>

#include "nodes/node_re.h"

struct poll_slot {
	int fd; /* -1: none */
	int flags;
	uint64_t serial;
};

/* events, revents: as in poll(2). fd -1: none now. serial tells a descriptor from a later one of
 * the same number: the kernel is asked only when one of the three is another than before. */
void poll_slot_arm(struct poll_slot *slot, int fd, short events, uint64_t serial, fd_h *h,
		   void *arg);
void poll_slot_close(struct poll_slot *slot);
short poll_revents(int fd_flags);
/* Runs h when the monotonic microsecond has come; UINT64_MAX: never. */
void poll_deadline_arm(struct tmr *tmr, uint64_t at_us, tmr_h *h, void *arg);

#endif
