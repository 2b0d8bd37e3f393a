/*
 * A failing seed, made short. Everything a seed draws has numbers of its own (each caller, each
 * agent, the network, the faults), so that one of them can be left out and the rest stays much as
 * it was. Left out is whatever the same rule fails without: big pieces first, then small ones.
 */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

enum {
	/* A seed takes about 10 ms: what is not short after so many is shown as it is. */
	RUNS_MAX = 600,
};

struct shrinking {
	struct sim *sim;
	uint64_t seed;
	char rule[64];
	uint32_t runs;
};

/* "S2: call 7 …" -> "S2:"; an assertion of the core is known by all of its text. */
static void rule_of(const char *why, char ret[64])
{
	const char *colon = strchr(why, ':');
	size_t n = colon && strncmp(why, "core", 4) != 0 ? (size_t)(colon - why) + 1 : strlen(why);

	if (n > 63)
		n = 63;
	memcpy(ret, why, n);
	ret[n] = '\0';
}

/* Still the same rule without this? Then it stays out. */
static bool try_trim(struct shrinking *s, const struct trim *t)
{
	struct trim before = s->sim->trim;

	if (s->runs >= RUNS_MAX)
		return false;
	s->runs++;
	s->sim->trim = *t;
	bool held = sim_run(s->sim, s->seed, false, false);
	if (!held && strncmp(s->sim->why, s->rule, strlen(s->rule)) == 0)
		return true;
	s->sim->trim = before;
	return false;
}

static void try_time(struct shrinking *s)
{
	for (uint64_t ms = 250; ms < 25000; ms *= 2) {
		struct trim t = s->sim->trim;
		if (t.calm_ms && ms >= t.calm_ms)
			return;
		t.calm_ms = ms;
		if (try_trim(s, &t))
			return;
	}
}

static void try_offs(struct shrinking *s)
{
	for (uint32_t i = 0; i < OFF_COUNT; i++) {
		struct trim t = s->sim->trim;
		t.off |= 1u << i;
		if (t.off != s->sim->trim.off)
			try_trim(s, &t);
	}
}

static void try_bits(struct shrinking *s, size_t offset, uint32_t n)
{
	for (uint32_t size = n; size > 0; size /= 2) {
		for (uint32_t at = 0; at < n; at += size) {
			struct trim t = s->sim->trim;
			uint64_t bits;
			memcpy(&bits, (char *)&t + offset, sizeof(bits));
			uint64_t more = bits;
			for (uint32_t i = at; i < at + size && i < n; i++)
				more |= UINT64_C(1) << i;
			if (more == bits)
				continue;
			memcpy((char *)&t + offset, &more, sizeof(more));
			try_trim(s, &t);
		}
	}
}

static void try_calls(struct shrinking *s, uint32_t n)
{
	for (uint32_t size = n; size > 0; size /= 2) {
		for (uint32_t at = 0; at < n; at += size) {
			struct trim t = s->sim->trim;
			for (uint32_t i = at; i < at + size && i < n; i++)
				t.calls[i / 8] |= (uint8_t)(1u << i % 8);
			if (memcmp(t.calls, s->sim->trim.calls, sizeof(t.calls)) != 0)
				try_trim(s, &t);
		}
	}
}

void shrink(struct sim *sim, uint64_t seed)
{
	struct shrinking s = {.sim = sim, .seed = seed};
	uint32_t calls = sim->arrivals < ARRIVALS_MAX ? sim->arrivals : ARRIVALS_MAX;
	uint32_t agents = sim->mix.agents, faults = sim->planned < 64 ? sim->planned : 64;

	rule_of(sim->why, s.rule);
	for (uint32_t round = 0, before = 0; round < 3 && s.runs < RUNS_MAX; round++) {
		before = s.runs;
		try_time(&s);
		try_bits(&s, offsetof(struct trim, faults), faults);
		try_offs(&s);
		try_calls(&s, calls);
		try_bits(&s, offsetof(struct trim, agents), agents);
		if (s.runs == before)
			break;
	}
}

/* --- as text: off=5,faults=1f,agents=3,calm=500,calls=ff01 -------------------------------- */

void trim_print(const struct trim *t, FILE *f)
{
	static const struct trim none;
	size_t n = sizeof(t->calls);

	if (memcmp(t, &none, sizeof(none)) == 0)
		return;
	fprintf(f, " --trim off=%x,faults=%llx,agents=%llx,calm=%llu", t->off,
		(unsigned long long)t->faults, (unsigned long long)t->agents,
		(unsigned long long)t->calm_ms);
	while (n > 0 && t->calls[n - 1] == 0)
		n--;
	fputs(n ? ",calls=" : "", f);
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%02x", t->calls[i]);
}

static bool parse_calls(struct trim *t, const char *hex)
{
	size_t n = strlen(hex);

	if (n % 2 || n / 2 > sizeof(t->calls) || strspn(hex, "0123456789abcdef") != n)
		return false;
	for (size_t i = 0; i < n / 2; i++)
		t->calls[i] = (uint8_t)strtoul((char[]){hex[2 * i], hex[2 * i + 1], 0}, NULL, 16);
	return true;
}

bool trim_parse(struct trim *ret, const char *text)
{
	char copy[sizeof(ret->calls) * 2 + 128], *save = NULL;

	memset(ret, 0, sizeof(*ret));
	if (strlen(text) >= sizeof(copy))
		return false;
	memcpy(copy, text, strlen(text) + 1);
	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		char *value = strchr(w, '=');
		if (!value)
			return false;
		*value++ = '\0';
		if (strcmp(w, "off") == 0)
			ret->off = (uint32_t)strtoul(value, NULL, 16);
		else if (strcmp(w, "faults") == 0)
			ret->faults = strtoull(value, NULL, 16);
		else if (strcmp(w, "agents") == 0)
			ret->agents = strtoull(value, NULL, 16);
		else if (strcmp(w, "calm") == 0)
			ret->calm_ms = strtoull(value, NULL, 10);
		else if (strcmp(w, "calls") != 0 || !parse_calls(ret, value))
			return false;
	}
	return true;
}
