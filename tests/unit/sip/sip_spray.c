/*
 * Throws files at a SIP port, each as one UDP datagram or on a TCP connection of its own:
 * sip_spray udp|tcp ADDRESS PORT FILE… Does not wait for answers: what is tested is who survives.
 * With TCP the connection is closed for writing and read until the other side closes it too, or
 * says nothing more, so that all bytes have been looked at before the next file.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FILE_MAX = 65000, QUIET_MS = 100 };

static int throw_one(const struct sockaddr_in *to, int type, const char *buf, size_t n)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	char sink[4096];
	if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof(*to)))
		return -1;
	ssize_t sent = send(fd, buf, n, MSG_NOSIGNAL);
	if (type == SOCK_STREAM) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		(void)shutdown(fd, SHUT_WR);
		while (poll(&p, 1, QUIET_MS) > 0 && recv(fd, sink, sizeof(sink), 0) > 0)
			;
	}
	(void)close(fd);
	return sent == (ssize_t)n ? 0 : -1;
}

int main(int argc, char **argv)
{
	static char buf[FILE_MAX];
	struct sockaddr_in to = {.sin_family = AF_INET};
	if (argc < 5 || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1) {
		fprintf(stderr, "usage: sip_spray udp|tcp ADDRESS PORT FILE...\n");
		return 2;
	}
	to.sin_port = htons((uint16_t)atoi(argv[3]));
	int type = strcmp(argv[1], "tcp") == 0 ? SOCK_STREAM : SOCK_DGRAM;
	for (int i = 4; i < argc; i++) {
		FILE *f = fopen(argv[i], "rb");
		if (!f) {
			perror(argv[i]);
			return 1;
		}
		size_t n = fread(buf, 1, sizeof(buf), f);
		(void)fclose(f);
		if (throw_one(&to, type, buf, n)) {
			perror(argv[i]);
			return 1;
		}
	}
	return 0;
}
