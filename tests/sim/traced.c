/*
 * The checker of drills, checked: a simulated seed leaves the traces that real daemons would, and
 * history.c, which sees nothing else, must come to the same books, or, of a core with a planted
 * bug, find the rule that is broken.
 */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

enum { TRACES_MAX = 128, NAME_SIZE = 256 };

static void name_of(const struct sim *sim, uint32_t d, uint32_t boot, char ret[static NAME_SIZE])
{
	snprintf(ret, NAME_SIZE, "%s/%s.%u.trace", sim->traces, sim->daemon[d].name, boot);
}

void traced_begins(struct sim *sim, uint32_t d, const struct acd_conf *conf)
{
	char path[NAME_SIZE];
	if (!sim->traces)
		return;
	name_of(sim, d, conf->boot, path);
	int err = trace_open(&sim->traced[d], path, conf);
	if (err) {
		fprintf(stderr, "helio-sim: %s: %s\n", path, strerror(err));
		exit(2);
	}
}

void traced_ends(struct sim *sim, uint32_t d)
{
	if (!sim->traced[d])
		return;
	/* Out of a step that broke a rule the jump may have come before the core was through. */
	if (!*sim->why)
		trace_digest(sim->traced[d], acd_digest(sim->daemon[d].acd));
	sim->traced[d] = trace_close(sim->traced[d]);
}

static uint32_t ended(const struct sim *sim)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i <= ACD_OUTCOME_FAILED; i++)
		n += sim->ended[i];
	return n;
}

/* A call that no journal knew died with its node; to who reads traces it is an orphan for ever. */
static bool same_books(const struct sim *world, const struct sim *told, uint64_t seed)
{
	const struct {
		const char *what;
		uint32_t world, told;
	} book[] = {
	    {"entered", world->entered, told->entered},
	    {"ended or died with their node", ended(world) + world->in_system,
	     ended(told) + told->in_system},
	    {"of those abandoned", world->ended[ACD_OUTCOME_ABANDONED],
	     told->ended[ACD_OUTCOME_ABANDONED]},
	    {"adopted", world->adopted, told->adopted},
	    {"talks", world->talks, told->talks},
	    {"bridged again", world->kept, told->kept},
	    {"agents recalled", world->recalled, told->recalled},
	};
	bool same = true;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(book); i++) {
		if (book[i].world == book[i].told)
			continue;
		printf("FAILED seed %llu: its traces tell of %u calls %s, it had %u\n",
		       (unsigned long long)seed, book[i].told, book[i].what, book[i].world);
		same = false;
	}
	return same;
}

static bool found(const char *rule)
{
	const char *text;
	for (uint32_t i = 0; (text = history_finding(i)); i++)
		if (strncmp(text, rule, strlen(rule)) == 0)
			return true;
	return false;
}

bool traced_agrees(struct sim *sim, uint64_t seed, const char *rule)
{
	static char path[TRACES_MAX][NAME_SIZE];
	char *paths[TRACES_MAX];
	const struct sim *told;
	uint32_t n = 0, findings;
	for (uint32_t d = 0; d < sim->daemons_n; d++) {
		traced_ends(sim, d);
		for (uint32_t boot = 1; boot <= sim->daemon[d].boot && n < TRACES_MAX; boot++) {
			name_of(sim, d, boot, path[n]);
			paths[n] = path[n];
			n++;
		}
	}
	if (!history_judge(paths, (int)n, &told, &findings))
		return false;
	if (rule) {
		if (!found(rule))
			printf("FAILED seed %llu: %s, but its traces tell of %s\n",
			       (unsigned long long)seed, sim->why,
			       findings ? history_finding(0) : "nothing amiss");
		return found(rule);
	}
	if (findings)
		printf("FAILED seed %llu: it held, but its traces tell of %u findings: %s\n",
		       (unsigned long long)seed, findings, history_finding(0));
	return !findings && same_books(sim, told, seed);
}
