/*
 * libwebsockets' own loop asks poll() about every socket for every event: at ten thousand idle
 * pages that is most of a core. Its plugin for libev (Debian: libwebsockets-evlib-ev) asks epoll.
 * The loop is ours ("foreign" to libwebsockets), so that signals stay ours as well and each turn
 * ends here.
 *
 * Two things about Debian's 4.1.6, as read and measured. Its plugin for libuv closes a connection
 * twice (a debugging aid that was left on), so that no close frame is ever sent. The one for libev
 * does not bring an armed timer forward: a timer of ours that is to run before the next tick
 * (TICK_US, link.c) needs gw_loop_wake().
 */
#include "gateway/gateway.h"

#include <errno.h>
#include <stdlib.h>

#include <ev.h>

struct gw_loop {
	struct ev_loop *ev;
	void *foreign[1]; /* one service thread */
};

int gw_loop_new(struct gw_loop **ret)
{
	struct gw_loop *l = calloc(1, sizeof(*l));
	if (!l)
		return ENOMEM;
	/* Signals are the program's, also those that libev would ignore. */
	l->ev = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV | EVFLAG_NOSIGMASK);
	if (!l->ev) {
		free(l);
		return EMFILE;
	}
	l->foreign[0] = l->ev;
	*ret = l;
	return 0;
}

void gw_loop_prepare(struct gw_loop *l, struct lws_context_creation_info *info)
{
	info->options |= LWS_SERVER_OPTION_LIBEV;
	info->foreign_loops = l->foreign;
}

void gw_loop_once(struct gw_loop *l)
{
	(void)ev_run(l->ev, EVRUN_ONCE);
}

void gw_loop_wake(struct gateway *gw)
{
	lws_cancel_service(gw->lws);
}

struct gw_loop *gw_loop_free(struct gw_loop *l)
{
	if (l)
		ev_loop_destroy(l->ev);
	free(l);
	return NULL;
}
