/*
 * Wrong passwords, counted by name and by address. Pure: `now_us` is passed in.
 *
 * By name: five in a row lock it for a minute; attempts meanwhile are not even looked at. By
 * address: sixty at once, then one each ten seconds. A home or an office has one address for many
 * people: one of them who forgot a password is stopped by the lock of the name after five a minute,
 * which is less than the address gets back in that time, so colleagues never pay. Twenty people who
 * all mistype twice on a Monday fit into the sixty. Who tries many names with one password from one
 * address has sixty, then 360 an hour. Right passwords cost nothing; tickets are not counted at
 * all.
 */
#ifndef HELIO_DESK_LOGIN_GUARD_H
#define HELIO_DESK_LOGIN_GUARD_H

#include <stdbool.h>
#include <stdint.h>

enum {
	LOGIN_TRIES = 5,       /* wrong passwords of one name in a row … */
	LOGIN_LOCK_MS = 60000, /* … lock it for so long */
	LOGIN_ADDRESS_BURST = 60,
	LOGIN_ADDRESS_EVERY_MS = 10000,
	LOGIN_HINTS_A_SECOND = 200, /* of other nodes; a cluster under attack counts on its own then */
	LOGIN_PLACES = 1024, /* names, and addresses; the newer one takes the place of another */
};

struct login_guard {
	uint64_t seed; /* nobody can aim at another's place */
	struct {
		uint64_t hash;
		uint32_t failures, checking;
		uint64_t locked_until_us;
	} names[LOGIN_PLACES];
	struct {
		uint32_t ip4;
		uint64_t owed_until_us;
	} addresses[LOGIN_PLACES];
	uint64_t hints_owed_until_us;
};

/* 0: try; else how long to wait first. A try is begun: checked() must follow. */
uint64_t login_guard_begin(struct login_guard *g, const char *name, uint32_t ip4, uint64_t now_us);
/* It could not be looked at after all. */
void login_guard_undo(struct login_guard *g, const char *name);
/* For how many ms the name is locked as of now; 0 not. */
uint64_t login_guard_checked(struct login_guard *g, const char *name, uint32_t ip4, bool right,
			     uint64_t now_us);

/* What other nodes shall know of the name, after checked(): failures in a row, and for how many ms
 * it is locked. */
void login_guard_tell(struct login_guard *g, const char *name, uint64_t now_us,
		      uint64_t *ret_name, uint32_t *ret_failures, uint32_t *ret_locked_ms);
/* Another node said so: failures only grow by it, but for 0 (signed in there). What it claims is
 * bounded as our own counting is. */
void login_guard_told(struct login_guard *g, uint64_t name, uint32_t failures, uint32_t locked_ms,
		      uint64_t now_us);

#endif
