/*
 * The shared directory of agents in Redis (DESIGN §8): per agent {session, node, site, state,
 * since, login_no, version}; one lease per node. Hints only: routing goes on without it, a frozen
 * Redis goes unnoticed by callers. hiredis async, pipelined; own timers, because hiredis 0.14 async
 * has none. Loop-agnostic: the shell polls the descriptor and calls presence_step().
 *
 * With Sentinels it writes to the server that they name; without, to that server of the list which
 * calls itself a master.
 *
 *   helio:agent:<name>  hash   session node site state reason since_ms login_no version
 *   helio:lease:<node>  string boot, PX lease_ms       gone -> its agents are gone
 *   helio:agents:<node> set    names held by this node
 */
#ifndef HELIO_PRESENCE_H
#define HELIO_PRESENCE_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

struct conf_redis;
struct presence;

struct presence_agent {
	char name[32], node[32], site[32], session[48];
	char state[16], reason[16];
	int64_t since_ms;  /* wall clock of the writer, for people */
	uint64_t login_no; /* highest seen + 1 at each sign-in */
	uint64_t version;  /* of the agent register */
};

struct presence_counters {
	uint64_t writes, stale, errors, reconnects, timeouts, dropped;
	uint64_t last_rtt_us;
};

/* node: own name; boot: fsynced boot number. Never blocks, never fails for an absent Redis: it
 * connects in the background and repeats. */
int presence_open(struct presence **ret, const struct conf_redis *redis, const char *node,
		  uint32_t boot, uint64_t now_us);
struct presence *
presence_close(struct presence *p); /* drops the lease if it can, without waiting */

/* The descriptor may change after each step; -1: none now. events: POLLIN|POLLOUT wanted. */
int presence_fd(const struct presence *p, short *ret_events);
/* Another number when the descriptor is another one than before, of the same number perhaps. */
uint64_t presence_fd_serial(const struct presence *p);
/* Handles readiness and timers. Call when the descriptor is ready or the deadline has come. */
void presence_step(struct presence *p, short revents, uint64_t now_us);
uint64_t presence_deadline(const struct presence *p);

/* The agent's state now; latest wins, pending older writes of the same agent are replaced. After a
 * reconnect everything held is written again (presence is right again by itself). login_no 0: take
 * the next one (the answer is kept for later writes of this session). */
int presence_put(struct presence *p, const struct presence_agent *a);
/* Signed out, or held elsewhere: conditional, so that a newer login stays. */
int presence_drop(struct presence *p, const char *name);

/* A Redis answers, and takes writes. */
bool presence_is_up(const struct presence *p);
/* What a person must set right (a password, an ACL, a tunnel), in words, each time that it is
 * another trouble than before; NULL: nothing new. For one line in a log; holds no secret. */
const char *presence_trouble(struct presence *p);
enum { PRESENCE_WHERE_SIZE = 72 };
/* host:port of the server that is written to, or tried. */
char *presence_where(const struct presence *p, char buf[static PRESENCE_WHERE_SIZE]);
const struct presence_counters *presence_counters(const struct presence *p);

#endif
