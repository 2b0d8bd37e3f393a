/*
 * Is anybody at the port of a node that is silent? The kernel below a process answers a TCP
 * connection however slow that process is, and refuses one once it is gone:
 *
 *   silent 1 s ──► connect() ──┬─ open ────► held up: it keeps its pages; knock again in a second
 *                              ├─ refused ─► dead
 *                              └─ nothing ─► the machine or the line is gone: silence decides
 *
 * No more than one connection a second and node, and only while it is silent; nothing is sent on
 * it.
 */
#include "gateway/gateway.h"
#include "common/base/base.h"
#include "common/conf/conf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	AGAIN_US = 1000000,
	/* The kernel would repeat its SYN for a minute; then it is another knock. */
	NO_ANSWER_US = 1500000,
};

struct gw_knock {
	int fd; /* -1: none under way */
	uint64_t since_us;
};

int gw_knock_open(struct gateway *gw)
{
	gw->knock = calloc(gw->relay.nodes.n ? gw->relay.nodes.n : 1, sizeof(*gw->knock));
	if (!gw->knock)
		return ENOMEM;
	for (size_t i = 0; i < gw->relay.nodes.n; i++)
		gw->knock[i].fd = -1;
	return 0;
}

static void stop(struct gw_knock *k)
{
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
}

void gw_knock_close(struct gateway *gw)
{
	for (size_t i = 0; gw->knock && i < gw->relay.nodes.n; i++)
		stop(&gw->knock[i]);
	free(gw->knock);
	gw->knock = NULL;
}

/* Of other errors none says anything of the node: no route, no descriptors, no answer. */
static void ended(struct gw_knock *k, struct gw_node *node, int err, uint64_t now_us)
{
	stop(k);
	if (!err || err == ECONNREFUSED)
		gw_node_knocked(node, err ? GW_PORT_REFUSED : GW_PORT_OPEN, now_us);
}

static void begin(struct gateway *gw, struct gw_knock *k, struct gw_node *node, uint64_t now_us)
{
	const struct conf_daemon *d = conf_daemon_by_addr(gw->conf, node->addr);
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(d->mesh.port)};
	k->since_us = now_us;
	if (inet_pton(AF_INET, d->mesh.host, &sa.sin_addr) != 1)
		return;
	k->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (k->fd < 0)
		return;
	if (connect(k->fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0)
		ended(k, node, 0, now_us);
	else if (errno != EINPROGRESS)
		ended(k, node, errno, now_us);
}

static void look(struct gw_knock *k, struct gw_node *node, uint64_t now_us)
{
	struct pollfd p = {.fd = k->fd, .events = POLLOUT};
	int err = 0;
	socklen_t len = sizeof(err);
	if (poll(&p, 1, 0) == 1)
		ended(k, node, getsockopt(k->fd, SOL_SOCKET, SO_ERROR, &err, &len) ? errno : err,
		      now_us);
	else if (now_us - k->since_us >= NO_ANSWER_US)
		stop(k);
}

void gw_knock_tick(struct gateway *gw)
{
	uint64_t now_us = mono_us();
	for (size_t i = 0; i < gw->relay.nodes.n; i++) {
		struct gw_knock *k = &gw->knock[i];
		struct gw_node *node = &gw->relay.nodes.v[i];
		if (!gw_node_doubtful(&gw->relay.nodes, node, now_us))
			stop(k);
		else if (k->fd >= 0)
			look(k, node, now_us);
		else if (now_us - k->since_us >= AGAIN_US)
			begin(gw, k, node, now_us);
	}
}
