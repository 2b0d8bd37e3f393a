/* A configuration of two sites with keys in a temporary folder, and brokers as true processes. */
#ifndef HELIO_TEST_CLUSTER_H
#define HELIO_TEST_CLUSTER_H

#include "common/base/base.h"
#include "common/conf/conf.h"

#include <sys/types.h>

enum {
	OSLO1 = 0x0101,
	OSLO_B1 = 0x0140,
	MANILA1 = 0x0201,
	MANILA_B1 = 0x0240,
	WAIT_MS = 20000, /* the longest wait for anything; each wait ends at its event */
};

struct cluster {
	char dir[64], file[96];
	struct conf *conf;
};

void cluster_open(struct cluster *c, unsigned first_port);
void cluster_close(struct cluster *c);

/* Starts helio-broker NAME; its standard error goes to <dir>/NAME.log. trace may be NULL. It dies
 * with the test. */
pid_t broker_start(const struct cluster *c, const char *name, const char *trace);
/* Runs it with these arguments until it ends by itself; what it printed into out. Its exit code. */
int broker_run_args(char *const argv[], char *out, size_t size);
/* Sends the signal and waits for the end: exit code, or 128 + signal. */
int broker_end(pid_t pid, int sig);
/* Does <dir>/NAME.log contain this? */
bool log_has(const struct cluster *c, const char *name, const char *text);
void log_print(const struct cluster *c, const char *name);

#endif
