/*
 * A set-associative table: an address may live in one of WAYS places of its set. A new one takes a
 * free place, else that of the address heard longest ago which holds nothing; one that is locked
 * out goes last. When all places hold calls, the address shares one entry with others in its state.
 * A forger of addresses can so make us forget buckets, but not grow the table nor end a call.
 */
#include "nodes/sip/guard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

enum {
	SETS = 1024,
	WAYS = 8,           /* 8192 addresses; about 0.7 MB */
	BURST_CALLS = 3,    /* seconds' worth at once: calls come in clusters after an outage */
	BURST_MESSAGES = 2, /* likewise */
	STRIKES_WINDOW_S = 60,
	LOCKOUT_MAX_S = 3600,
	FLOOD_LINE_S = 60,
	CONNS_MAX = 4096,           /* of 16384 descriptors; media needs the others */
	CONNS_STRANGERS_MAX = 2048, /* so that trunks still find a place */
};

static const uint64_t second_us = 1000000;

struct guard_source {
	uint32_t ip4;
	bool used, trunk;
	uint32_t calls, conns;
	uint32_t strikes, lockouts;
	uint64_t messages_us, invites_us; /* until when what was taken is paid back */
	uint64_t strikes_from_us, locked_until_us, flood_line_us, seen_us;
};

struct guard {
	struct sip_limits limits;
	struct sip_trunk trunks[SIP_TRUNKS_MAX];
	uint64_t seed;
	uint32_t conns, conns_strangers;
	struct guard_source crowd[2]; /* strangers, trunks: for whom there is no place */
	struct guard_source at[SETS][WAYS];
};

int guard_open(struct guard **ret, const struct sip_limits *limits)
{
	struct guard *g = calloc(1, sizeof(*g));
	if (!g)
		return ENOMEM;
	helio_assert(limits->trunks_n <= SIP_TRUNKS_MAX);
	g->limits = *limits;
	if (limits->trunks_n)
		memcpy(g->trunks, limits->trunks, limits->trunks_n * sizeof(g->trunks[0]));
	g->limits.trunks = g->trunks;
	random_bytes(&g->seed, sizeof(g->seed)); /* nobody can aim at one set */
	g->crowd[0].used = g->crowd[1].used = g->crowd[1].trunk = true;
	*ret = g;
	return 0;
}

static bool is_trunk(const struct guard *g, uint32_t ip4);

/* Connections of strangers are counted: an address that becomes a trunk, or is none any more, takes
 * its own along. */
void guard_limits(struct guard *g, const struct sip_limits *limits)
{
	helio_assert(limits->trunks_n <= SIP_TRUNKS_MAX);
	g->limits = *limits;
	if (limits->trunks_n)
		memcpy(g->trunks, limits->trunks, limits->trunks_n * sizeof(g->trunks[0]));
	g->limits.trunks = g->trunks;
	for (size_t i = 0; i < SETS; i++) {
		for (size_t k = 0; k < WAYS; k++) {
			struct guard_source *s = &g->at[i][k];
			bool trunk = s->used && is_trunk(g, s->ip4);
			if (!s->used || trunk == s->trunk)
				continue;
			if (trunk)
				g->conns_strangers -= s->conns;
			else
				g->conns_strangers += s->conns;
			s->trunk = trunk;
		}
	}
}

struct guard *guard_close(struct guard *g)
{
	free(g);
	return NULL;
}

static bool is_trunk(const struct guard *g, uint32_t ip4)
{
	for (uint32_t i = 0; i < g->limits.trunks_n; i++)
		if ((ip4 & g->trunks[i].mask) == g->trunks[i].ip4)
			return true;
	return false;
}

static struct guard_source *set_of(struct guard *g, uint32_t ip4)
{
	uint64_t h = (ip4 ^ g->seed) * 0x9e3779b97f4a7c15u;
	h ^= h >> 29;
	h *= 0xbf58476d1ce4e5b9u;
	return g->at[(h >> 32) % SETS];
}

/* Is a the better place to reuse? */
static bool worth_less(const struct guard_source *a, const struct guard_source *b, uint64_t now_us)
{
	bool a_locked = a->locked_until_us > now_us, b_locked = b->locked_until_us > now_us;
	return a_locked != b_locked ? b_locked : a->seen_us < b->seen_us;
}

static struct guard_source *source_of(struct guard *g, uint32_t ip4, uint64_t now_us)
{
	struct guard_source *set = set_of(g, ip4), *place = NULL;
	for (unsigned i = 0; i < WAYS; i++) {
		struct guard_source *s = &set[i];
		if (s->used && s->ip4 == ip4) {
			s->seen_us = now_us;
			return s;
		}
		if (s->used && (s->calls || s->conns))
			continue;
		if (!place || (place->used && (!s->used || worth_less(s, place, now_us))))
			place = s;
	}
	bool trunk = is_trunk(g, ip4);
	if (!place)
		return &g->crowd[trunk];
	*place = (struct guard_source){.ip4 = ip4, .used = true, .trunk = trunk, .seen_us = now_us};
	return place;
}

static bool take(uint64_t *owed_until_us, uint32_t per_s, uint32_t burst_s, uint64_t now_us)
{
	uint64_t token_us = second_us / per_s;
	uint64_t from = *owed_until_us > now_us ? *owed_until_us : now_us;
	if (from + token_us - now_us > token_us * per_s * burst_s)
		return false;
	*owed_until_us = from + token_us;
	return true;
}

static bool locked(const struct guard_source *s, uint64_t now_us)
{
	return !s->trunk && s->locked_until_us > now_us;
}

enum guard_verdict guard_message(struct guard *g, uint32_t ip4, uint64_t now_us, bool *ret_flood)
{
	struct guard_source *s = source_of(g, ip4, now_us);
	uint32_t per_s = s->trunk ? g->limits.trunk_requests : g->limits.requests;
	if (ret_flood)
		*ret_flood = false;
	if (locked(s, now_us))
		return GUARD_SILENT;
	if (take(&s->messages_us, per_s, BURST_MESSAGES, now_us))
		return GUARD_PASS;
	if (ret_flood && s->flood_line_us <= now_us) {
		*ret_flood = true;
		s->flood_line_us = now_us + FLOOD_LINE_S * second_us;
	}
	return GUARD_SILENT;
}

enum guard_verdict guard_invite(struct guard *g, uint32_t ip4, uint64_t now_us)
{
	struct guard_source *s = source_of(g, ip4, now_us);
	uint32_t per_s = s->trunk ? g->limits.trunk_new_calls : g->limits.new_calls;
	if (!s->trunk && s->calls >= g->limits.calls)
		return GUARD_BUSY; /* all that a trunk may have is what the node has */
	return take(&s->invites_us, per_s, BURST_CALLS, now_us) ? GUARD_PASS : GUARD_BUSY;
}

uint32_t guard_strike(struct guard *g, uint32_t ip4, uint64_t now_us)
{
	struct guard_source *s = source_of(g, ip4, now_us);
	if (s->trunk || s == &g->crowd[0] || locked(s, now_us))
		return 0; /* the crowd is many: one must not silence the others */
	if (now_us - s->strikes_from_us > STRIKES_WINDOW_S * second_us) {
		s->strikes_from_us = now_us;
		s->strikes = 0;
	}
	if (++s->strikes < g->limits.strikes)
		return 0;
	if (now_us - s->locked_until_us > LOCKOUT_MAX_S * second_us)
		s->lockouts = 0; /* it has been good for an hour */
	uint64_t for_us = (uint64_t)g->limits.lockout_ms * 1000
			  << (s->lockouts < 12 ? s->lockouts : 12);
	if (for_us > LOCKOUT_MAX_S * second_us)
		for_us = LOCKOUT_MAX_S * second_us;
	s->lockouts++;
	s->strikes = 0;
	s->locked_until_us = now_us + for_us;
	return (uint32_t)((for_us + second_us - 1) / second_us);
}

bool guard_locked(struct guard *g, uint32_t ip4, uint64_t now_us)
{
	return locked(source_of(g, ip4, now_us), now_us);
}

struct guard_source *guard_call_begin(struct guard *g, uint32_t ip4, uint64_t now_us)
{
	struct guard_source *s = source_of(g, ip4, now_us);
	s->calls++;
	return s;
}

void guard_call_end(struct guard *g, struct guard_source *src)
{
	(void)g;
	helio_assert(src->calls > 0);
	src->calls--;
}

struct guard_source *guard_conn_begin(struct guard *g, uint32_t ip4, uint64_t now_us)
{
	struct guard_source *s = source_of(g, ip4, now_us);
	uint32_t most = s->trunk ? g->limits.trunk_connections : g->limits.connections;
	if (s->conns >= most || g->conns >= CONNS_MAX || locked(s, now_us) ||
	    (!s->trunk && g->conns_strangers >= CONNS_STRANGERS_MAX))
		return NULL;
	s->conns++;
	g->conns++;
	g->conns_strangers += !s->trunk;
	return s;
}

void guard_conn_end(struct guard *g, struct guard_source *src)
{
	helio_assert(src->conns > 0 && g->conns > 0);
	src->conns--;
	g->conns--;
	g->conns_strangers -= !src->trunk;
}

bool guard_has_calls(const struct guard_source *src)
{
	return src->calls > 0;
}

void guard_check(const struct guard *g)
{
	uint32_t conns = g->crowd[0].conns + g->crowd[1].conns, strangers = g->crowd[0].conns;
	for (unsigned i = 0; i < SETS; i++)
		for (unsigned k = 0; k < WAYS; k++) {
			const struct guard_source *s = &g->at[i][k];
			helio_assert(s->used || (!s->calls && !s->conns));
			helio_assert(s->trunk == (s->used && is_trunk(g, s->ip4)));
			for (unsigned j = 0; j < k; j++)
				helio_assert(!s->used || !g->at[i][j].used ||
					     s->ip4 != g->at[i][j].ip4);
			conns += s->conns;
			strangers += s->trunk ? 0 : s->conns;
		}
	helio_assert(conns == g->conns && strangers == g->conns_strangers);
}
