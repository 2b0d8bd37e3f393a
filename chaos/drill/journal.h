/* clang-format off: a table, not prose */
/*
 * The journal of a drill: everything that happened, one JSON object a line, in RUN/journal.jsonl.
 * The report is made of it and of nothing else (chaos/README.md tells the folder).
 *
 * Every line has "t" (seconds since the run began, CLOCK_MONOTONIC), "mono_us" (that clock itself,
 * the one of traces, callers and agents) and "type":
 *
 *   run      first line: {title, file, description, seed, version, date (ISO 8601), wall_ms,
 *            build (of the daemons), before (began as another version),
 *            machine: {kernel, cpu, cpus, memory_mb}, load: {callers, agents, …}, sites: [name…],
 *            machines: [{name, site, ip}], lab_dir}
 *   phase    {phase: lab | agents | callers | steady-before | method | settle | steady-after |
 *            rollbacks | drain | end}: begins now
 *   fault    {phase: begun | bitten | healed, id, kind, target, args, bitten, proof: {counter:
 *            number…}, why}: a band of the timeline from begun to healed with the same id
 *   ended    a process ended: {name, kind, machine, signal | exit, asked}
 *   step     an activity of the method or of the rollbacks: {name, phase: begin | end, ok, why,
 *            value}
 *   probe    {name, hypothesis: before | after | method, value, tolerance, ok, why}
 *   sample   each second: {waiting, talking, ringing, awaiting, calls, sessions, idle, up: daemons
 *            that answered, daemons, entered, ended, by_site: {SITE: {waiting, talking,
 *            sessions}}, nodes: {NAME: {up, calls, waiting, talking, sessions, island, draining,
 *            journal, presence, unprotected}}, callers: {live, answered, lost, gap_now}, cpu:
 *            {busy, steal} in percent of all, lag_ms: how late timers of ours or of the callers
 *            were, gap_ms: the longest silence of a caller that ended in this second}
 *   call     the end of a caller: {number, to: node dialled, answered, by: us | far, status,
 *            started_us, answered_us, ended_us, gap_ms: its longest silence, gap_at_us}
 *   gap      a silence of 300 ms or more ended at a caller: {number, ms, began_us, far: its agent
 *            is at another site}
 *   agent    {agent, event: down | resumed | signed_in | talk | end | hangup | ring, ms: how long
 *            it was away, call, site: of the agent, from: the site of the caller}
 *   links    every five seconds: helio-wan's counters {links: [{from, to, packets, delivered, cut,
 *            lost, …}]}
 *   unchecked  in place of checked: the traces could not be judged, {why}
 *   ear      a silence of 300 ms or more ended in a real browser's talk: {agent, ms, began_us}
 *   across   a fault of a line began: {id, talks: that went over it then}
 *   stop     a stop condition held: {name, value, limit}
 *   ledger   {entered, ended, in_system, records, missing: [number…], double, dead_air, lost,
 *            outcomes: {answered: n, …}, balanced}
 *   checked  the history, as helio-sim --history prints it: {events, traces, entered, ended,
 *            in_system, adopted, torn: talks whose caller's or agent's node was lost, rejoined: of
 *            those with the same agent again, rejoined_ms: the latest, requeued: the others,
 *            inversions, inversion_ms, found, violations: [{rule, t, mono_us, text}]}
 *   verdict  last line: {verdict: HELD | DEVIATED | INCONCLUSIVE | ABORTED, reasons: [text…]}
 */
/* clang-format on */
#ifndef HELIO_CHAOS_JOURNAL_H
#define HELIO_CHAOS_JOURNAL_H

#include <jansson.h>
#include <stdint.h>

struct journal;

int journal_open(struct journal **ret, const char *path); /* errno */
struct journal *journal_close(struct journal *j);
/* Takes o over (an object without t, mono_us and type). at_us: 0 is now. */
void journal_put(struct journal *j, const char *type, uint64_t at_us, json_t *o);
uint64_t journal_begun_us(const struct journal *j);

#endif
