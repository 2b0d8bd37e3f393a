/*
 * What happened: one line per event, and a summary with counts and percentiles.
 */
#ifndef HELIO_TOOLS_AGENT_REPORT_H
#define HELIO_TOOLS_AGENT_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum report_count {
	COUNT_SIGNED_IN, /* welcomes; RESUMED are those with a ticket */
	COUNT_RESUMED,
	COUNT_MEDIA_UP,
	COUNT_READY,
	COUNT_RINGS,
	COUNT_RING_ENDS,
	COUNT_TALKS,
	COUNT_HEARD,
	COUNT_UNHEARD, /* talks that ended without the tone */
	COUNT_ENDS,
	COUNT_DOWNS,
	COUNT_DENIED,
	COUNT_ERRORS,
	COUNTS
};
enum report_time {
	TIME_SEAL,       /* TCP connection to sealed session */
	TIME_LOGIN,      /* login or resume to welcome */
	TIME_MEDIA,      /* welcome to media up */
	TIME_ACCEPT,     /* accept to talk */
	TIME_HEARD,      /* talk to the tone heard */
	TIME_FREED_RING, /* idle to the next ring */
	TIME_RECONNECT,  /* link lost to welcome again */
	TIMES
};

void report_init(bool json, bool quiet);
void report_count(enum report_count c);
uint64_t report_counted(enum report_count c);
void report_time(enum report_time t, uint64_t us);
/* {"at_ms","mono_us","agent","event", …fields}; takes fields (may be NULL) over. */
void report_event(const char *agent, const char *event, json_t *fields);
/* Said also when events are not. */
void report_wave(size_t n, double p50_ms, double p99_ms, double max_ms);
void report_summary(size_t agents, bool ok, const char *why);
void report_wipe(void);

#endif
