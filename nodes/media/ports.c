/*
 * UDP ports within media_ports:. Starts at a random place, so that neighbours are hard to guess and
 * a port is not taken again at once while late packets of its last call still arrive.
 */
#include "nodes/media/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static bool is_set(const uint8_t *bits, uint32_t port)
{
	return bits[port / 8] >> (port % 8) & 1;
}

static void set(uint8_t *bits, uint32_t port, bool on)
{
	uint8_t bit = (uint8_t)(1u << (port % 8));
	if (on)
		bits[port / 8] |= bit;
	else
		bits[port / 8] &= (uint8_t)~bit;
}

static bool is_used(const struct media *m, uint32_t port)
{
	return is_set(m->port_used, port);
}

static void set_used(struct media *m, uint32_t port, bool used)
{
	set(m->port_used, port, used);
}

void media_port_keep(struct media *m, uint16_t port, bool keep)
{
	if (port == 0 || port == UINT16_MAX)
		return;
	set(m->port_kept, port, keep);
	set(m->port_kept, port + 1u, keep);
}

static int bind_one(const struct media *m, uint16_t port, int *ret_fd)
{
	const int expedited = 0xb8; /* DSCP EF: voice */
	struct sockaddr_in sa = {
	    .sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(m->bind_ip4),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa))) {
		int err = errno;
		close(fd);
		return err;
	}
	setsockopt(fd, IPPROTO_IP, IP_TOS, &expedited, sizeof(expedited)); /* a wish only */
	*ret_fd = fd;
	return 0;
}

static int bind_pair(const struct media *m, uint16_t port, bool pair, int fd[2])
{
	fd[1] = -1;
	int err = bind_one(m, port, &fd[0]);
	if (!err && pair) {
		err = bind_one(m, (uint16_t)(port + 1), &fd[1]);
		if (err)
			close(fd[0]);
	}
	return err;
}

static int take(struct media *m, uint32_t port, bool pair, int fd[2])
{
	if (is_used(m, port) || (pair && is_used(m, port + 1)))
		return EADDRINUSE;
	int err = bind_pair(m, (uint16_t)port, pair, fd);
	if (err)
		return err;
	set_used(m, port, true);
	if (pair)
		set_used(m, port + 1, true);
	return 0;
}

int ports_bind(struct media *m, bool pair, uint16_t wanted, int ret_fd[2], uint16_t *ret_port)
{
	/* A call that comes back from the journal: its far end still sends there. */
	if (wanted >= m->conf.port_min && wanted < m->conf.port_max &&
	    !take(m, wanted, pair, ret_fd)) {
		*ret_port = wanted;
		return 0;
	}
	uint32_t step = pair ? 2 : 1;
	uint32_t first = m->conf.port_min + (pair ? m->conf.port_min & 1u : 0);
	if (first + step - 1 > m->conf.port_max)
		return ENOSPC;
	uint32_t count = (m->conf.port_max + 1u - first) / step, start;
	random_bytes(&start, sizeof(start));
	for (uint32_t i = 0; i < count; i++) {
		uint32_t port = first + (start % count + i) % count * step;
		if (is_set(m->port_kept, port))
			continue;
		int err = take(m, port, pair, ret_fd);
		if (err == EADDRINUSE || err == EACCES)
			continue; /* ours or somebody else's */
		if (err)
			return err;
		*ret_port = (uint16_t)port;
		return 0;
	}
	return ENOSPC;
}

void ports_release(struct media *m, uint16_t port, bool pair)
{
	set_used(m, port, false);
	if (pair)
		set_used(m, port + 1u, false);
}
