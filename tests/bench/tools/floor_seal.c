/*
 * Sealed frames between two threads over one TCP connection: libsodium's ChaCha20-Poly1305 at both
 * ends and nothing else: no WebSocket, no gateway, no mesh, no JSON.
 */
#include "tests/bench/tools/floor.h"
#include "common/base/base.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PLAIN_MAX = 4096, TAG = crypto_aead_chacha20poly1305_ietf_ABYTES };

struct end {
	int fd;
	size_t len; /* of the plain text */
	uint64_t sent, opened;
};

static const uint8_t key[crypto_aead_chacha20poly1305_ietf_KEYBYTES] = {1};

static void nonce(uint8_t out[12], uint64_t n)
{
	memset(out, 0, 12);
	memcpy(out + 4, &n, sizeof(n));
}

static int frame_send(struct end *e, const uint8_t *plain)
{
	uint8_t sealed[PLAIN_MAX + TAG], npub[12];
	unsigned long long n = 0;
	nonce(npub, e->sent++);
	crypto_aead_chacha20poly1305_ietf_encrypt(sealed, &n, plain, e->len, NULL, 0, NULL, npub,
						  key);
	return send(e->fd, sealed, (size_t)n, MSG_NOSIGNAL) == (ssize_t)n ? 0 : EIO;
}

static int frame_recv(struct end *e, uint8_t *plain)
{
	uint8_t sealed[PLAIN_MAX + TAG], npub[12];
	unsigned long long n = 0;
	ssize_t want = (ssize_t)e->len + TAG;
	if (recv(e->fd, sealed, (size_t)want, MSG_WAITALL) != want)
		return EIO;
	nonce(npub, e->opened++);
	return crypto_aead_chacha20poly1305_ietf_decrypt(plain, &n, NULL, sealed, (size_t)want,
							 NULL, 0, npub, key);
}

static void *echo(void *arg)
{
	struct end *e = arg;
	uint8_t plain[PLAIN_MAX];
	while (!frame_recv(e, plain) && !frame_send(e, plain))
		;
	return NULL;
}

static int pair(int fd[2])
{
	struct sockaddr_in sa = {.sin_family = AF_INET};
	socklen_t len = sizeof(sa);
	int one = 1, l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sa.sin_addr.s_addr = inet_addr("127.0.90.9");
	if (l < 0 || bind(l, (struct sockaddr *)&sa, len) || listen(l, 1) ||
	    getsockname(l, (struct sockaddr *)&sa, &len))
		return errno;
	fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd[0] < 0 || connect(fd[0], (struct sockaddr *)&sa, len))
		return errno;
	fd[1] = accept(l, NULL, NULL);
	close(l);
	for (int i = 0; i < 2; i++)
		setsockopt(fd[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd[1] < 0 ? errno : 0;
}

int floor_seal(int bytes, int window, int ms)
{
	int fd[2] = {-1, -1}, err = pair(fd);
	pthread_t thread;
	uint8_t plain[PLAIN_MAX] = {0};
	if (err) {
		fprintf(stderr, "bench_floor: %s\n", strerror(err));
		return 1;
	}
	struct end far = {.fd = fd[1], .len = (size_t)bytes}, near = {.fd = fd[0], .len = far.len};
	pthread_create(&thread, NULL, echo, &far);
	uint64_t start = mono_us(), now = start, end = start + (uint64_t)ms * 1000;
	for (int i = 0; i < window && !err; i++)
		err = frame_send(&near, plain);
	while (!err && now < end) {
		err = frame_recv(&near, plain);
		if (!err)
			err = frame_send(&near, plain);
		now = mono_us();
	}
	if (!err)
		printf("{\"frames_per_s\":%.0f}\n",
		       2.0 * (double)near.opened * 1e6 / (double)(now - start));
	shutdown(fd[0], SHUT_RDWR);
	shutdown(fd[1], SHUT_RDWR);
	pthread_join(thread, NULL);
	close(fd[0]);
	close(fd[1]);
	return err ? 1 : 0;
}
