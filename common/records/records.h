/*
 * Call records: each call that entered ends in exactly one (S4). SQLite, one database per node
 * (<state>/<node>/records.db, WAL), unique on call id; where two owners wrote one, the highest
 * cepoch wins. Writes are batched on a thread of its own, so that a slow disk never stops the call
 * loop; a full disk is reported and the records wait in memory up to a limit.
 */
#ifndef HELIO_RECORDS_H
#define HELIO_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

struct records;

struct record {
	char call[48];            /* oslo1-2f-91 */
	char sip_callid[128];
	char queue[32];
	char site[32], node[32];  /* where it entered, who owned it */
	char agent[32], agent_site[32], agent_node[32]; /* "" if nobody answered */
	char caller[64], dialled[64];
	char outcome[16];         /* acd_outcome_name */
	char cause[24];           /* acd_cause_name */
	char disposition[32];     /* wrap-up outcome chosen by the agent, "" none */
	char note[512];
	uint64_t cepoch;
	int64_t entered_ms, answered_ms, ended_ms; /* wall clock; 0: never */
	int64_t wait_ms, talk_ms; /* monotonic durations */
	uint32_t offers;          /* how many agents it rang at */
};

struct records_counters { uint64_t written, pending, errors, dropped; };

/* Opens or creates; EBUSY, ENOSPC, EINVAL (not a database of ours: says how to move it away). */
int records_open(struct records **ret, const char *path, char ret_why[256]);
struct records *records_close(struct records *r); /* flushes first */
/* Records of calls that came in more than so many days ago are deleted by and by, with what was noted of
 * them (common/dbfile/keep.h); 0, as at the start: never. Totals count them on. */
void records_keep(struct records *r, uint32_t days);
/* Copies rec; never blocks. ENOSPC when too many wait (counted, logged by the caller). */
int records_put(struct records *r, const struct record *rec);
/* Adds the wrap-up to a record that is there already (or comes later). */
int records_wrap(struct records *r, const char *call, const char *disposition, const char *note);
/* Newest first, as a JSON array; filters may be NULL. Reads through a connection of its own; for
 * helioctl. after_ms: entered at or after. */
json_t *records_query(struct records *r, uint32_t limit, const char *queue, const char *agent,
		      const char *call, int64_t after_ms);
/* Each record that entered at or after after_ms, the newest `limit` of them, newest first, filled in
 * as far as a node at its start needs it: SIP Call-ID, queue, caller, agent, outcome and the five times. In the
 * caller's thread, about a microsecond each. errno. */
typedef void(records_each_h)(const struct record *rec, void *arg);
int records_each(struct records *r, int64_t after_ms, uint32_t limit, records_each_h *h, void *arg);
/* {"entered":…, "answered":…, "abandoned":…, "failed":…} since opening of the file. */
json_t *records_totals(struct records *r);
void records_counters_get(struct records *r, struct records_counters *ret);

#endif
