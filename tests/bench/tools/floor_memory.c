/*
 * The least that a waiting call can be: a bound UDP socket in an epoll set and a copy of what the
 * caller sent. Printed apart: this process's private memory, and what the kernel's slabs grew by
 * (of the whole machine, so others may disturb it).
 */
#include "tests/bench/tools/floor.h"
#include "common/base/base.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* The sum of the lines of a /proc file that begin with any of these, in kB. */
static double sum_kb(const char *path, const char *const *keys)
{
	char line[256];
	double sum = 0;
	FILE *f = fopen(path, "re");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		for (const char *const *k = keys; *k; k++)
			if (strncmp(line, *k, strlen(*k)) == 0)
				sum += strtod(line + strlen(*k), NULL);
	fclose(f);
	return sum;
}

static double private_kb(void)
{
	static const char *const keys[] = {"Private_Clean:", "Private_Dirty:", NULL};
	return sum_kb("/proc/self/smaps_rollup", keys);
}

static double slab_kb(void)
{
	static const char *const keys[] = {"Slab:", NULL};
	return sum_kb("/proc/meminfo", keys);
}

static int one(int ep, int bytes, void **ret)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};
	struct epoll_event ev = {.events = EPOLLIN};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	sa.sin_addr.s_addr = inet_addr("127.0.90.9");
	*ret = malloc((size_t)bytes);
	if (fd < 0 || !*ret || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) ||
	    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
		return -1;
	memset(*ret, 'x', (size_t)bytes);
	return fd;
}

int floor_memory(int calls, int bytes)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	int *fd = calloc((size_t)calls, sizeof(*fd)), ep = epoll_create1(EPOLL_CLOEXEC), n = 0;
	void **copy = calloc((size_t)calls, sizeof(*copy));
	helio_assert(fd && copy && ep >= 0);
	double own = private_kb(), kernel = slab_kb();
	while (n < calls && (fd[n] = one(ep, bytes, &copy[n])) >= 0)
		n++;
	if (n)
		printf("{\"calls\":%d,\"own_kb\":%.3f,\"kernel_kb\":%.3f}\n", n,
		       (private_kb() - own) / n, (slab_kb() - kernel) / n);
	for (int i = 0; i < n; i++) {
		close(fd[i]);
		free(copy[i]);
	}
	close(ep);
	free(fd);
	free(copy);
	return n == calls ? 0 : 1;
}
