/*
 * The script that runs inside Redis. Private to nodes/journal.
 *
 *   KEYS[1] hash of our boot, ARGV[1] what to do, ARGV[2] gen
 *   hello                                        gen, fields: the fence is raised; what is there
 *   put   field cepoch owner value               1 | "<cepoch> <owner>" of who holds it now
 *   del   field cepoch owner                     1
 *   beat  boot m t ttl_ms now   KEYS[2] beats    "<time of Redis>"
 *   claim field cepoch owner value expected same KEYS[2] the old boot's hash
 *                                                1 | 0 gone | "<cepoch> <owner>"
 * and, without gen: boots ttl_ms (KEYS[1] beats)  {time, boot, beat, boot, beat …}
 *
 * Everything but hello and boots answers "FENCED" when gen is not the one in the hash: the command
 * comes from a connection that its writer has left (Redis was frozen and finds it in a socket), or
 * the hash is gone (emptied). Either way nothing is changed.
 */
#ifndef HELIO_JOURNAL_SCRIPT_H
#define HELIO_JOURNAL_SCRIPT_H

extern const char journal_script[];
#define SCRIPT_FENCED "FENCED"

#endif
