/* The process itself, from /proc. */
#include "common/metrics/metrics.h"
#include "common/base/base.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { COUNT_AGAIN_US = 10000000 };

static uint64_t resident_bytes(void)
{
	char buf[128] = "";
	unsigned long long pages = 0;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0 || sscanf(buf, "%*u %llu", &pages) != 1)
		return 0;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Ten thousand entries take milliseconds to list: not at each scrape. */
static uint64_t fds_list(void)
{
	static uint64_t counted, counted_us;
	uint64_t now = mono_us(), n = 0;
	if (counted_us && now - counted_us < COUNT_AGAIN_US)
		return counted;
	DIR *dir = opendir("/proc/self/fd");
	if (!dir)
		return counted;
	while (readdir(dir))
		n++;
	closedir(dir);
	counted_us = now;
	counted = n > 3 ? n - 3 : 0; /* ".", "..", and the listing itself */
	return counted;
}

static uint64_t fds_open(void)
{
	struct stat st;
	/* Since Linux 6.2 the folder's size is their number. */
	if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
		return (uint64_t)st.st_size;
	return fds_list();
}

void metrics_process(struct metrics_out *o)
{
	struct timespec cpu = {0};
	struct rlimit lim = {0};
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	(void)getrlimit(RLIMIT_NOFILE, &lim);
	metrics_put(o, METRIC_PROCESS_RESIDENT, resident_bytes());
	metrics_micro(o, METRIC_PROCESS_CPU,
		      (uint64_t)cpu.tv_sec * 1000000 + (uint64_t)cpu.tv_nsec / 1000);
	metrics_put(o, METRIC_PROCESS_FDS, fds_open());
	metrics_put(o, METRIC_PROCESS_FDS_MAX, lim.rlim_cur);
}

void metrics_config(struct metrics_out *o, const struct metrics_config *c)
{
	char text[24];
	snprintf(text, sizeof(text), "%016llx", (unsigned long long)c->hash);
	metrics_put1(o, METRIC_CONFIG_INFO, 1, text);
	metrics_put(o, METRIC_CONFIG_VERSION, c->version);
	metrics_put(o, METRIC_CONFIG_REFUSED, c->refused);
	metrics_put(o, METRIC_CONFIG_NEEDS_ROLL, c->needs_roll);
	metrics_put1(o, METRIC_CONFIG_EVENTS, c->taken, "taken");
	metrics_put1(o, METRIC_CONFIG_EVENTS, c->refusals, "refused");
	metrics_put1(o, METRIC_CONFIG_EVENTS, c->conflicts, "conflict");
}
