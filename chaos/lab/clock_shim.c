/*
 * helio-clock.so, preloaded into the daemons of a lab: a wall clock that can jump. Only the wall
 * clock: CLOCK_MONOTONIC is the lab's common time, and what the cluster must go by anyway.
 */
#include "chaos/lab/clock_shim.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { NS = 1000000000 };

static struct clock_page *page;
static int (*real_clock_gettime)(clockid_t clock, struct timespec *ts);

__attribute__((constructor)) static void shim_open(void)
{
	const char *path = getenv("HELIO_CHAOS_CLOCK");
	void *f = dlsym(RTLD_NEXT, "clock_gettime");
	memcpy(&real_clock_gettime, &f, sizeof(f));
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	void *p = mmap(NULL, sizeof(struct clock_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p != MAP_FAILED)
		page = p;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	if (!real_clock_gettime)
		shim_open();
	int err = real_clock_gettime(clock, ts);
	if (err || !page || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
		return err;
	atomic_fetch_add(&page->asked, 1);
	int64_t jump = atomic_load(&page->jump_ns);
	if (jump) {
		atomic_fetch_add(&page->deceived, 1);
		int64_t ns = ts->tv_nsec + jump % NS;
		ts->tv_sec += jump / NS + (ns >= NS) - (ns < 0);
		ts->tv_nsec = ns + (ns < 0 ? NS : ns >= NS ? -NS : 0);
	}
	return 0;
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	struct timespec ts;
	(void)tz;
	if (clock_gettime(CLOCK_REALTIME, &ts))
		return -1;
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *ret)
{
	struct timespec ts;
	if (clock_gettime(CLOCK_REALTIME, &ts))
		return -1;
	if (ret)
		*ret = ts.tv_sec;
	return ts.tv_sec;
}
