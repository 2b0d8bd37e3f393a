/* The keeper's connection to helio-wan: when the keeper dies, its faults end with it. */
#include "chaos/lab/lab.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/base.h"

enum { WAN_READY_MS = 5000, WAN_REPLY_MS = 2000, REPLY_MAX = 65536 };

int wan_connect(struct lab *lab)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	uint64_t until = mono_us() + WAN_READY_MS * UINT64_C(1000);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%.90s/wan", lab->conf.dir);
	for (;;) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return lab_fail(lab, errno, "socket: %s", strerror(errno));
		if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0) {
			lab->wan_fd = fd;
			return 0;
		}
		close(fd);
		if (mono_us() > until)
			return lab_fail(lab, ETIMEDOUT,
					"helio-wan does not come up; see %s/logs/wan.log",
					lab->conf.out);
		(void)poll(NULL, 0, 20);
	}
}

static int reply_read(struct lab *lab, json_t **ret)
{
	static char buf[REPLY_MAX];
	size_t n = 0;
	struct pollfd p = {.fd = lab->wan_fd, .events = POLLIN};
	while (n < sizeof(buf) && poll(&p, 1, WAN_REPLY_MS) > 0) {
		ssize_t got = recv(lab->wan_fd, buf + n, sizeof(buf) - n, 0);
		if (got <= 0)
			break;
		n += (size_t)got;
		if (buf[n - 1] != '\n')
			continue;
		json_t *o = json_loadb(buf, n - 1, 0, NULL);
		if (!json_is_true(json_object_get(o, "ok"))) {
			const char *why = json_string_value(json_object_get(o, "error"));
			lab_fail(lab, EIO, "helio-wan: %s", why ? why : "not JSON");
			json_decref(o);
			return EIO;
		}
		*ret = o;
		return 0;
	}
	return lab_fail(lab, EIO, "helio-wan does not answer");
}

int wan_ask(struct lab *lab, json_t **ret, const char *fmt, ...)
{
	char line[512];
	json_t *o = NULL;
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (n < 0 || n >= (int)sizeof(line) - 1)
		return lab_fail(lab, E2BIG, "a command to helio-wan is too long");
	line[n++] = '\n';
	if (send(lab->wan_fd, line, (size_t)n, MSG_NOSIGNAL) != n)
		return lab_fail(lab, EIO, "helio-wan is gone");
	int err = reply_read(lab, &o);
	if (!err && ret)
		*ret = o;
	else
		json_decref(o);
	return err;
}
