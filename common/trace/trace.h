/*
 * The trace of a core: its configuration, then every event that it was given, as text. Read back
 * and stepped through a fresh core it gives the same digest (D1), so that an incident can be run
 * again. Lines:
 *
 *   helio-trace 1
 *   conf role=2 self=320 boot=5 calls_max=2000 agents_max=1000
 *   timers 1000 500 …                       struct acd_timers in its order
 *   queue id=… skills=… priority=… …        one each, in order
 *   node 257 / broker 320                   one each, in order
 *   ev type=1 now=… from=257 from_boot=3 m.type=4 m.call=…      fields that are zero are left out
 *   digest 0123456789abcdef                 of the core at this point
 *   reconf 3                                acd_reconfigure(): so many `queue` lines follow
 *
 * It holds ids and times, no number and no name of a caller: those never enter the core.
 */
#ifndef HELIO_TRACE_H
#define HELIO_TRACE_H

#include <stdint.h>
#include <stdio.h>

#include "common/acd/acd.h"

struct trace;

/* Creates the file (0600; an old one is replaced) and writes the configuration. errno. */
int trace_open(struct trace **ret, const char *path, const struct acd_conf *conf);
/* Flushes; NULL-safe, returns NULL. */
struct trace *trace_close(struct trace *t);
void trace_event(struct trace *t, const struct acd_event *ev);
void trace_digest(struct trace *t, uint64_t digest);
/* After acd_reconfigure() with these queues. */
void trace_reconf(struct trace *t, const struct acd_conf *conf);
/* To the kernel. An errno, also in errno, once anything could not be written (disk full): the trace
 * ends there. */
int trace_flush(struct trace *t);

/* Reading. EBADMSG: a line that this version did not write; *ret_line (may be NULL) is its number.
 */
struct trace_reader;
/* TRACE_RECONF: trace_reader_conf() has other queues now. */
enum trace_line { TRACE_END, TRACE_EVENT, TRACE_DIGEST, TRACE_RECONF };
int trace_reader_open(struct trace_reader **ret, FILE *file, uint32_t *ret_line);
struct trace_reader *trace_reader_close(struct trace_reader *r); /* the file stays the caller's */
/* Valid until close. */
const struct acd_conf *trace_reader_conf(const struct trace_reader *r);
int trace_read(struct trace_reader *r, enum trace_line *ret_kind, struct acd_event *ret_ev,
	       uint64_t *ret_digest, uint32_t *ret_line);

#endif
