#include "chaos/lab/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/base.h"

enum { REPLY_MS = 10000, BUFFER_BYTES = 1 << 20 };

struct lab_client {
	int fd;
	lab_event_h *event_h;
	void *arg;
	size_t n;
	char why[512];
	char buf[BUFFER_BYTES];
};

int lab_client_open(struct lab_client **ret, const char *dir, lab_event_h *event_h, void *arg)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int n = snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/control", dir);
	if (n < 0 || (size_t)n >= sizeof(sa.sun_path))
		return ENAMETOOLONG;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa))) {
		int err = errno;
		close(fd);
		return err;
	}
	struct lab_client *c = calloc(1, sizeof(*c));
	if (!c) {
		close(fd);
		return ENOMEM;
	}
	c->fd = fd;
	c->event_h = event_h;
	c->arg = arg;
	*ret = c;
	return 0;
}

struct lab_client *lab_client_close(struct lab_client *c)
{
	if (c)
		close(c->fd);
	free(c);
	return NULL;
}

int lab_client_fd(const struct lab_client *c)
{
	return c->fd;
}

const char *lab_client_why(const struct lab_client *c)
{
	return c->why;
}

/* Takes one line off the buffer; NULL: there is none whole. */
static json_t *line_take(struct lab_client *c)
{
	char *nl = memchr(c->buf, '\n', c->n);
	if (!nl)
		return NULL;
	size_t used = (size_t)(nl - c->buf) + 1;
	json_t *o = json_loadb(c->buf, used - 1, 0, NULL);
	memmove(c->buf, c->buf + used, c->n - used);
	c->n -= used;
	return o ? o : json_object();
}

/* The next reply, if one is here; events are handed on. */
static json_t *take(struct lab_client *c)
{
	json_t *o;
	while ((o = line_take(c))) {
		if (!json_object_get(o, "event"))
			return o;
		if (c->event_h)
			c->event_h(o, c->arg);
		json_decref(o);
	}
	return NULL;
}

static int more(struct lab_client *c, int flags)
{
	ssize_t got = recv(c->fd, c->buf + c->n, sizeof(c->buf) - c->n, flags);
	if (got > 0) {
		c->n += (size_t)got;
		return 0;
	}
	return got < 0 && (errno == EAGAIN || errno == EINTR) ? EAGAIN : EPIPE;
}

int lab_client_step(struct lab_client *c)
{
	int err = 0;
	do
		json_decref(take(c)); /* also what came in together with the last reply */
	while ((err = more(c, MSG_DONTWAIT)) == 0);
	return err == EAGAIN ? 0 : err;
}

json_t *lab_client_ask(struct lab_client *c, json_t *req)
{
	char *text = json_dumps(req, JSON_COMPACT);
	json_decref(req);
	helio_assert(text);
	size_t n = strlen(text);
	text[n] = '\n';
	bool sent = send(c->fd, text, n + 1, MSG_NOSIGNAL) == (ssize_t)(n + 1);
	free(text);
	uint64_t until = mono_us() + REPLY_MS * UINT64_C(1000);
	json_t *o = NULL;
	while (sent && !(o = take(c))) {
		struct pollfd p = {.fd = c->fd, .events = POLLIN};
		uint64_t now = mono_us();
		if (now >= until || poll(&p, 1, (int)((until - now) / 1000) + 1) < 0)
			break;
		if (p.revents && more(c, 0))
			break;
	}
	if (json_is_true(json_object_get(o, "ok")))
		return o;
	const char *why = json_string_value(json_object_get(o, "error"));
	snprintf(c->why, sizeof(c->why), "%s", why ? why : "the lab's keeper is gone");
	json_decref(o);
	return NULL;
}
