/*
 * The shell polls one descriptor; with Sentinels there are two connections. They stand in an epoll
 * set, whose descriptor is ready when one of them is.
 *
 * Private to common/presence.
 */
#ifndef HELIO_PRESENCE_BOTH_H
#define HELIO_PRESENCE_BOTH_H

#include "common/redis/link.h"

struct both;

int both_open(struct both **ret);
struct both *both_close(struct both *b);
/* Brings the set up to date with what the two wait for; its descriptor, and POLLIN. */
int both_fd(struct both *b, const struct redis_link *first, const struct redis_link *second,
	    short *ret_events);
/* Which of the two is ready, as in poll(2); asks the kernel only if revents says so. */
void both_ready(struct both *b, short revents, short *ret_first, short *ret_second);

#endif
