#include "common/conf/conf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/base.h"

/* Bound as the daemon will bind it, and let go at once. */
static int try_port(const char *ip4, uint16_t port, int type)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
	int on = 1, err = 0;
	if (inet_pton(AF_INET, ip4, &sa.sin_addr) != 1)
		return 0; /* a name: who binds it says more */
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	/* Over TCP: connections of an earlier life may still be ending; who listens is in the way
	 * all the same. */
	if (type == SOCK_STREAM)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&sa, sizeof(sa)))
		err = errno;
	close(fd);
	return err;
}

int conf_ports_free(const struct conf_daemon *d, char ret_why[256])
{
	const struct {
		const char *what, *ip4;
		uint16_t port;
		int type;
	} all[] = {
	    {"mesh", d->mesh.host, d->mesh.port, SOCK_STREAM},
	    {"sip, UDP", d->bind, d->sip_port, SOCK_DGRAM},
	    {"sip, TCP", d->bind, d->sip_port, SOCK_STREAM},
	    {"http", d->mesh.host, d->http_port, SOCK_STREAM},
	    {"metrics", d->mesh.host, d->metrics_port, SOCK_STREAM},
	};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(all); i++) {
		int err = all[i].port ? try_port(all[i].ip4, all[i].port, all[i].type) : 0;
		if (!err)
			continue;
		snprintf(ret_why, 256, "%.60s:%u (%s): %s; `ss -lntup` shows who has it",
			 all[i].ip4, all[i].port, all[i].what, strerror(err));
		return err;
	}
	return 0;
}
