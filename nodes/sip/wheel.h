/*
 * Timers of calls. libre keeps its timers in one sorted list and inserts by walking from the end:
 * with a server transaction of 32 s behind each call, a 500 ms timer per call would walk tens of
 * thousands of entries. So calls use a hashed wheel of their own, driven by one timerfd:
 *
 *   slot 0    1    2  …  511        a node sits in slot (due tick mod 512); a tick visits one
 *   [a]->[b] [ ]  [c]    [ ]        slot and fires what is due, the rest waits for a later round
 *
 * Depends on libre's fd_listen and on the monotonic clock only.
 */
#ifndef HELIO_SIP_WHEEL_H
#define HELIO_SIP_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

typedef void(wheel_h)(void *arg);

struct wheel_node {
	struct wheel_node *prev, *next;
	uint64_t due_tick;
	wheel_h *h;
	void *arg;
	bool armed;
};

enum { WHEEL_SLOTS = 512, WHEEL_TICK_MS = 20 };
struct wheel {
	struct wheel_node slot[WHEEL_SLOTS]; /* list heads */
	uint64_t tick;                       /* the last one visited */
	uint32_t armed_n;
	int fd;
};

/* Opens the timerfd on libre's loop of this thread. errno of timerfd_create or fd_listen. */
int wheel_open(struct wheel *w);
void wheel_close(struct wheel *w);
/* (Re)arms: h(arg) is called once, delay_ms from now, at most one tick late (never early). */
void wheel_arm(struct wheel *w, struct wheel_node *n, uint32_t delay_ms, wheel_h *h, void *arg);
/* Harmless on a node that is not armed or is all zero. */
void wheel_cancel(struct wheel *w, struct wheel_node *n);

#endif
