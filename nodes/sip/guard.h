/*
 * How much one source address may ask: an entry per address in a table of fixed size. No I/O, no
 * clock (`now_us` is passed in), no allocation after guard_open().
 *
 *   any message ──► guard_message() ─── locked out, or too many ──► silence
 *                        │ pass
 *   new INVITE  ──► guard_invite() ──── too many calls ──► 503, without a transaction
 *                        │ pass
 *   unknown queue, malformed ──► guard_strike() ─── too often ──► locked out; doubles each time
 *
 * An address may be forged in UDP. So a trunk is never locked out, only slowed down: nobody can
 * silence a carrier by pretending to be it.
 */
#ifndef HELIO_SIP_GUARD_H
#define HELIO_SIP_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "nodes/sip/sip_call.h"

struct guard;
struct guard_source; /* valid while it holds a call or a connection */

enum guard_verdict { GUARD_PASS, GUARD_BUSY, GUARD_SILENT };

/* Copies the limits, the trunks too. ENOMEM. */
int guard_open(struct guard **ret, const struct sip_limits *limits);
/* Other limits and trunks as of now; who is known stays known. */
void guard_limits(struct guard *g, const struct sip_limits *limits);
struct guard *guard_close(struct guard *g);

/* PASS, or SILENT. *ret_flood (may be NULL) is true once a minute for an address that sends more
 * than it may, so that one line is logged. */
enum guard_verdict guard_message(struct guard *g, uint32_t ip4, uint64_t now_us, bool *ret_flood);
/* A new INVITE: PASS, or BUSY (rate, or calls at the same time). */
enum guard_verdict guard_invite(struct guard *g, uint32_t ip4, uint64_t now_us);
/* It did what only scanners do often. Returns for how many seconds it is locked out as of now; 0
 * not. */
uint32_t guard_strike(struct guard *g, uint32_t ip4, uint64_t now_us);
bool guard_locked(struct guard *g, uint32_t ip4, uint64_t now_us);

/* Never NULL; given back by guard_call_end(). */
struct guard_source *guard_call_begin(struct guard *g, uint32_t ip4, uint64_t now_us);
void guard_call_end(struct guard *g, struct guard_source *src);
/* NULL: it has as many connections as it may, or all have. */
struct guard_source *guard_conn_begin(struct guard *g, uint32_t ip4, uint64_t now_us);
void guard_conn_end(struct guard *g, struct guard_source *src);
bool guard_has_calls(const struct guard_source *src);

/* For tests: everything that must always hold. */
void guard_check(const struct guard *g);

#endif
