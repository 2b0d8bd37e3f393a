#include "nodes/desk/login_guard.h"
#include "common/base/base.h"

static uint64_t mix(const struct login_guard *g, uint64_t v)
{
	v = (v ^ g->seed) * 0x9e3779b97f4a7c15u;
	v ^= v >> 29;
	v *= 0xbf58476d1ce4e5b9u;
	return v >> 32;
}

static unsigned hash_place(struct login_guard *g, uint64_t hash)
{
	if (!g->seed)
		random_bytes(&g->seed, sizeof(g->seed));
	unsigned at = (unsigned)(mix(g, hash) % LOGIN_PLACES);
	if (g->names[at].hash != hash) {
		g->names[at].hash = hash;
		g->names[at].failures = g->names[at].checking = 0;
		g->names[at].locked_until_us = 0;
	}
	return at;
}

static unsigned name_place(struct login_guard *g, const char *name)
{
	return hash_place(g, hash_str(name));
}

static uint64_t *address_owed(struct login_guard *g, uint32_t ip4)
{
	unsigned at = (unsigned)(mix(g, ip4) % LOGIN_PLACES);
	if (g->addresses[at].ip4 != ip4) {
		g->addresses[at].ip4 = ip4;
		g->addresses[at].owed_until_us = 0;
	}
	return &g->addresses[at].owed_until_us;
}

uint64_t login_guard_begin(struct login_guard *g, const char *name, uint32_t ip4, uint64_t now_us)
{
	const uint64_t every_us = LOGIN_ADDRESS_EVERY_MS * 1000ull;
	unsigned at = name_place(g, name);
	uint64_t owed = *address_owed(g, ip4);
	uint64_t most = now_us + LOGIN_ADDRESS_BURST * every_us;
	if (g->names[at].locked_until_us > now_us)
		return (g->names[at].locked_until_us - now_us) / 1000 + 1;
	/* As many at the same time as are left: a hundred connections are not a hundred tries. */
	if (g->names[at].failures + g->names[at].checking >= LOGIN_TRIES)
		return 1000;
	if (owed + every_us > most)
		return (owed + every_us - most) / 1000 + 1;
	g->names[at].checking++;
	return 0;
}

void login_guard_undo(struct login_guard *g, const char *name)
{
	unsigned at = name_place(g, name);
	if (g->names[at].checking) /* else its place was taken meanwhile */
		g->names[at].checking--;
}

uint64_t login_guard_checked(struct login_guard *g, const char *name, uint32_t ip4, bool right,
			     uint64_t now_us)
{
	login_guard_undo(g, name);
	unsigned at = name_place(g, name);
	if (right) {
		g->names[at].failures = 0;
		return 0;
	}
	uint64_t *owed = address_owed(g, ip4);
	*owed = (*owed > now_us ? *owed : now_us) + LOGIN_ADDRESS_EVERY_MS * 1000ull;
	if (++g->names[at].failures < LOGIN_TRIES)
		return 0;
	g->names[at].failures = 0;
	g->names[at].locked_until_us = now_us + LOGIN_LOCK_MS * 1000ull;
	return LOGIN_LOCK_MS;
}

void login_guard_tell(struct login_guard *g, const char *name, uint64_t now_us, uint64_t *ret_name,
		      uint32_t *ret_failures, uint32_t *ret_locked_ms)
{
	unsigned at = name_place(g, name);
	uint64_t until = g->names[at].locked_until_us;
	*ret_name = g->names[at].hash;
	*ret_failures = g->names[at].failures;
	*ret_locked_ms = until > now_us ? (uint32_t)((until - now_us) / 1000) : 0;
}

void login_guard_told(struct login_guard *g, uint64_t name, uint32_t failures, uint32_t locked_ms,
		      uint64_t now_us)
{
	const uint64_t each_us = 1000000 / LOGIN_HINTS_A_SECOND;
	uint64_t owed = g->hints_owed_until_us > now_us ? g->hints_owed_until_us : now_us;
	if (!name || owed + each_us > now_us + 1000000)
		return;
	g->hints_owed_until_us = owed + each_us;
	unsigned at = hash_place(g, name);
	if (locked_ms) {
		uint64_t ms = locked_ms < LOGIN_LOCK_MS ? locked_ms : LOGIN_LOCK_MS;
		uint64_t until = now_us + ms * 1000;
		g->names[at].failures = 0;
		if (until > g->names[at].locked_until_us)
			g->names[at].locked_until_us = until;
	} else if (failures == 0) {
		g->names[at].failures = 0;
	} else if (failures > g->names[at].failures) {
		g->names[at].failures = failures < LOGIN_TRIES ? failures : LOGIN_TRIES - 1;
	}
}
