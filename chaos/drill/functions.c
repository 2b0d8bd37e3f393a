/* What an experiment may ask for, one row a function. */
#include "chaos/drill/experiment.h"

#include <string.h>

#include "common/base/base.h"

#define PROCS                                   \
	{                                       \
		"target", ARG_PROCS, true, 0, 0 \
	}
#define MACHINE                                   \
	{                                         \
		"target", ARG_MACHINE, true, 0, 0 \
	}
#define FOR                                       \
	{                                         \
		"for", ARG_NUMBER, false, 0, 3600 \
	}
#define PERCENT(name)                           \
	{                                       \
		name, ARG_NUMBER, false, 0, 100 \
	}
#define MS(name)                                  \
	{                                         \
		name, ARG_NUMBER, false, 0, 10000 \
	}

/* clang-format off */
static const struct func table[] = {
	{"kill", FUNC_FAULT, "kill -9 of daemons by name or pattern; started again after `for` seconds", {PROCS, FOR}},
	{"restart", FUNC_FAULT, "SIGTERM, and started again when it has ended", {PROCS}},
	{"upgrade", FUNC_FAULT, "as restart; from the version of --before to this one, where the run has it", {PROCS}},
	{"freeze", FUNC_FAULT, "SIGSTOP, SIGCONT after `for` seconds", {PROCS, FOR}},
	{"slow", FUNC_FAULT, "runs only `percent` of the time", {PROCS, FOR, {"percent", ARG_NUMBER, true, 1, 99}}},
	{"machine_lost", FUNC_FAULT, "a machine's cable and power, both at once", {MACHINE, FOR}},
	{"suspend", FUNC_FAULT, "all of a machine stands still, as a virtual machine does", {MACHINE, FOR}},
	{"unplug", FUNC_FAULT, "a machine's cable", {MACHINE, FOR}},
	{"cut", FUNC_FAULT, "nothing passes between a site and the others, or between from and to", {{"target", ARG_SITE, false, 0, 0}, {"from", ARG_LINE, false, 0, 0}, {"to", ARG_LINE, false, 0, 0}, {"one_way", ARG_BOOL, false, 0, 0}, FOR}},
	{"link", FUNC_FAULT, "what the lines do: delay, jitter in ms; loss, dup, reorder, corrupt in percent; rate in kbit/s", {{"from", ARG_LINE, false, 0, 0}, {"to", ARG_LINE, false, 0, 0}, MS("delay"), MS("jitter"), PERCENT("loss"), PERCENT("dup"), PERCENT("reorder"), PERCENT("corrupt"), {"rate", ARG_NUMBER, false, 1, 10e6}, FOR}},
	{"disk_full", FUNC_FAULT, "not a byte fits on a machine's disk (lab: {disks: true})", {MACHINE, FOR}},
	{"clock_jump", FUNC_FAULT, "a machine's wall clock jumps by_s seconds (lab: {clock: true})", {MACHINE, FOR, {"by_s", ARG_NUMBER, true, -1e8, 1e8}}},
	{"redis_flush", FUNC_FAULT, "FLUSHALL", {PROCS}},
	{"redis_failover", FUNC_FAULT, "SENTINEL FAILOVER, asked of a Sentinel", {PROCS}},
	{"heal", FUNC_HEAL, "ends the fault of an earlier step, by its name; without: all", {{"step", ARG_STEP, false, 0, 0}}},
	{"drain", FUNC_CTL, "helioctl drain of a node", {{"target", ARG_DRAIN, true, 0, 0}}},
	{"undrain", FUNC_CTL, "takes calls again", {{"target", ARG_DRAIN, true, 0, 0}}},
	{"callers", FUNC_CALLERS, "more callers, spread over the nodes or all at `node`", {{"callers", ARG_NUMBER, true, 1, 2000}, {"hold", ARG_NUMBER, false, 1, 3600}, {"node", ARG_MACHINE, false, 0, 0}}},
	{"wait", FUNC_WAIT, "until a metric lies between at_least and at_most, within so many seconds", {{"metric", ARG_METRIC, true, 0, 0}, {"site", ARG_SITE, false, 0, 0}, {"node", ARG_MACHINE, false, 0, 0}, {"at_least", ARG_NUMBER, false, 0, 0}, {"at_most", ARG_NUMBER, false, 0, 0}, {"within", ARG_NUMBER, true, 0.1, 3600}}},
#define METRIC(name, what) {name, FUNC_METRIC, what, {{"site", ARG_SITE, false, 0, 0}, {"node", ARG_MACHINE, false, 0, 0}}}
	METRIC("waiting", "callers who wait in a queue"),
	METRIC("talking", "callers who talk to an agent"),
	METRIC("ringing", "callers who are offered to an agent"),
	METRIC("awaiting", "callers whose agent is gone and who hear one moment"),
	METRIC("calls", "calls in the system"),
	METRIC("sessions", "agents signed in"),
	METRIC("idle", "agents who are free"),
	METRIC("daemons_up", "nodes and brokers that answer"),
	METRIC("island", "nodes that match for themselves"),
	METRIC("unprotected", "calls taken without the journal's word, since the nodes' start"),
	METRIC("callers_live", "callers who are in a call, as they see it"),
	METRIC("callers_short", "callers of the load who are not in a call just now"),
	METRIC("lost", "callers who were cut off so far"),
	METRIC("refused", "callers who were never answered so far"),
	METRIC("talks", "talks that began so far, as agents see it"),
	METRIC("gap_ms", "the longest silence that a caller has heard so far"),
	METRIC("near_gap_ms", "of these, at callers whose agent is at their own site, or who wait"),
	METRIC("far_gap_ms", "of these, at callers whose agent is at another site"),
	METRIC("far_talks", "talks of a caller at one site with an agent of another"),
	METRIC("agents_away", "agents whose page has no link"),
	METRIC("agent_away_ms", "the longest time that a page was without a link so far"),
};
/* clang-format on */

const struct func *func_table(size_t *ret_n)
{
	*ret_n = HELIO_ARRAY_LEN(table);
	return table;
}

const struct func *func_find(const char *name)
{
	for (size_t i = 0; i < HELIO_ARRAY_LEN(table); i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}
