/* Faults that Redis and its Sentinels are asked for. */
#include "chaos/lab/faults_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What redis-cli prints, at most one line; at the first process that the target names. */
static int redis_ask(struct lab *lab, const struct fault *f, const char *what, char out[128])
{
	char line[512];
	const struct lab_proc *p = NULL;
	for (uint32_t i = 0; i < lab->procs_n && !p; i++)
		if (f->proc[i])
			p = &lab->proc[i];
	if (!p || p->kind < PROC_JOURNAL || p->kind > PROC_SENTINEL)
		return lab_fail(lab, EINVAL, "%s is no Redis", f->target);
	int port = p->kind == PROC_JOURNAL    ? JOURNAL_PORT
		   : p->kind == PROC_PRESENCE ? PRESENCE_PORT
					      : SENTINEL_PORT;
	snprintf(line, sizeof(line),
		 "ip netns exec %s timeout 2 redis-cli -h %s -p %d %s 2>/dev/null", p->netns,
		 lab_machine_ip((uint32_t)p->machine), port, what);
	out[0] = '\0';
	FILE *pipe = popen(line, "re");
	if (pipe && fgets(out, 128, pipe))
		out[strcspn(out, "\n")] = '\0';
	int status = pipe ? pclose(pipe) : -1;
	return status ? lab_fail(lab, EIO, "%s does not answer", p->name) : 0;
}

int fault_flush_begin(struct lab *lab, struct fault *f)
{
	char out[128];
	int err = fault_procs_match(lab, f);
	if (!err)
		err = redis_ask(lab, f, "DBSIZE", f->before);
	if (!err)
		err = redis_ask(lab, f, "FLUSHALL", out);
	if (!err && strcmp(out, "OK") != 0)
		err = lab_fail(lab, EIO, "%s: FLUSHALL: %s", f->target, out);
	return err;
}

bool fault_flush_bitten(struct lab *lab, struct fault *f)
{
	(void)lab;
	fault_prove(f, "keys_lost", strtol(f->before, NULL, 10));
	return strtol(f->before, NULL, 10) > 0;
}

#define MASTER "SENTINEL get-master-addr-by-name presence"

int fault_failover_begin(struct lab *lab, struct fault *f)
{
	char out[128];
	int err = fault_procs_match(lab, f);
	if (!err)
		err = redis_ask(lab, f, MASTER, f->before);
	if (!err)
		err = redis_ask(lab, f, "SENTINEL FAILOVER presence", out);
	if (!err && strcmp(out, "OK") != 0)
		err = lab_fail(lab, EIO, "%s: SENTINEL FAILOVER: %s", f->target, out);
	return err;
}

bool fault_failover_bitten(struct lab *lab, struct fault *f)
{
	char out[128];
	if (f->bitten)
		return true;
	if (redis_ask(lab, f, MASTER, out) || strcmp(out, f->before) == 0)
		return false;
	fault_prove(f, "masters_changed", 1);
	return true;
}
