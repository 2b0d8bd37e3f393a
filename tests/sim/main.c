/* helio-sim: what it is asked to run, and what it says of it. See help(). */
#include "tests/sim/sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

struct options {
	uint64_t from, to, fresh, twice, shrink_to;
	bool verbose;
	const char *expect, *replay, *traces;
	struct trim trim;
	bool unfair, rate;
};

struct totals {
	uint64_t seeds, steps, calls, talks, refused, sim_us, adopted, kept, recalled;
	uint64_t vain, vain_us, rung_us;
	uint32_t ended[ACD_OUTCOME_FAILED + 1];
};

static int usage(void)
{
	fputs("helio-sim: try helio-sim --help\n", stderr);
	return 2;
}

static int help(void)
{
	puts(
	    "helio-sim - many routing cores in one thread, under faults drawn from a seed\n"
	    "\n"
	    "usage: helio-sim --seed N [--verbose]     one seed, with its story if it fails\n"
	    "       helio-sim --seeds A..B             all of them, to the first that fails\n"
	    "       helio-sim --fresh N                so many that nobody has run yet\n"
	    "       helio-sim --replay TRACE           a daemon's trace, stepped again: same "
	    "digest?\n"
	    "       helio-sim --history TRACE...       the traces of a whole cluster, by the "
	    "rules\n"
	    "\n"
	    "  --twice K        run every Kth seed a second time: the same trace to the byte (D1)\n"
	    "  --verbose        tell each step of a seed as it happens\n"
	    "  --rate           checks off, each seed once: how fast it is\n"
	    "  --not F1         do not judge who overtakes whom\n"
	    "  --trim TEXT      leave out of a seed what TEXT names; a failing seed prints one\n"
	    "  --traces DIR     write the traces of all daemons there\n"
	    "  --expect RULE    fail unless a seed breaks this rule; for planted bugs\n"
	    "  --shrink-to N    with --expect: and its story has at most N lines\n"
	    "\n"
	    "exit: 0 all rules held, 1 one did not, 2 usage\n"
	    "example: helio-sim --seeds 1..1000");
	return 0;
}

static bool number(const char *s, char stop, uint64_t *ret, const char **ret_end)
{
	char *end;

	if (!s || *s < '0' || *s > '9')
		return false;
	errno = 0;
	*ret = strtoull(s, &end, 10);
	*ret_end = end;
	return errno == 0 && *end == stop;
}

static int parse(struct options *o, int argc, char **argv)
{
	const char *end;

	*o = (struct options){.from = 1, .to = 100, .twice = 50};
	for (int i = 1; i < argc; i++) {
		const char *v = i + 1 < argc ? argv[i + 1] : NULL;
		bool ok;
		if (strcmp(argv[i], "--verbose") == 0) {
			o->verbose = true;
			continue;
		}
		if (strcmp(argv[i], "--rate") == 0) {
			o->rate = true;
			o->twice = UINT64_MAX;
			continue;
		}
		if (strcmp(argv[i], "--seed") == 0) {
			ok = number(v, '\0', &o->from, &end);
			o->to = o->from;
		} else if (strcmp(argv[i], "--seeds") == 0) {
			ok = number(v, '.', &o->from, &end) && end[1] == '.' &&
			     number(end + 2, '\0', &o->to, &end);
		} else if (strcmp(argv[i], "--fresh") == 0) {
			ok = number(v, '\0', &o->fresh, &end);
		} else if (strcmp(argv[i], "--twice") == 0) {
			ok = number(v, '\0', &o->twice, &end) && o->twice > 0;
		} else if (strcmp(argv[i], "--not") == 0) {
			o->unfair = ok = v && strcmp(v, "F1") == 0;
		} else if (strcmp(argv[i], "--shrink-to") == 0) {
			ok = number(v, '\0', &o->shrink_to, &end);
		} else if (strcmp(argv[i], "--trim") == 0) {
			ok = v && trim_parse(&o->trim, v);
		} else if (strcmp(argv[i], "--replay") == 0) {
			o->replay = v;
			ok = v != NULL;
		} else if (strcmp(argv[i], "--traces") == 0) {
			o->traces = v;
			o->twice = UINT64_MAX;
			o->trim.off |= 1U << OFF_CLOCKS; /* a drill's daemons share a host */
			ok = v != NULL;
		} else if (strcmp(argv[i], "--expect") == 0) {
			o->expect = v;
			ok = v != NULL;
		} else {
			return usage();
		}
		if (!ok)
			return usage();
		i++;
	}
	return 0;
}

/* Shrunk, told, and how to see it again. */
static void report(struct sim *sim, uint64_t seed)
{
	shrink(sim, seed);
	sim_run(sim, seed, true, false); /* once more, this time with its story */
	printf("the story of seed %llu, as short as it got (%u lines%s):\n",
	       (unsigned long long)seed, sim->story_n,
	       sim->story_n > STORY_LINES ? ", the last ones" : "");
	story_print(sim, stdout);
	printf("FAILED seed %llu: %s\n", (unsigned long long)seed, sim->why);
	printf("reproduce: helio-sim --seed %llu --verbose", (unsigned long long)seed);
	trim_print(&sim->trim, stdout);
	printf("\n");
}

static bool same_twice(struct sim *sim, uint64_t seed)
{
	uint64_t trace = sim->trace;

	return sim_run(sim, seed, true, false) && sim->trace == trace;
}

static void tally(struct totals *t, const struct sim *sim)
{
	t->seeds++;
	t->steps += sim->steps;
	t->calls += sim->entered;
	t->talks += sim->talks;
	t->refused += sim->refused;
	t->adopted += sim->adopted;
	t->kept += sim->kept;
	t->recalled += sim->recalled;
	t->vain += sim->vain;
	t->vain_us += sim->vain_us;
	t->rung_us += sim->rung_us;
	t->sim_us += sim->now;
	for (uint32_t i = 0; i <= ACD_OUTCOME_FAILED; i++)
		t->ended[i] += sim->ended[i];
}

static int run(struct sim *sim, const struct options *o, struct totals *t)
{
	for (uint64_t seed = o->from; seed <= o->to; seed++) {
		if (!sim_run(sim, seed, o->verbose, o->verbose)) {
			if (o->expect) {
				bool found = strncmp(sim->why, o->expect, strlen(o->expect)) == 0;
				printf("%s seed %llu: %s\n", found ? "found by" : "other finding,",
				       (unsigned long long)seed, sim->why);
				if (found && sim->traces && !traced_agrees(sim, seed, o->expect))
					return 1;
				if (!found || !o->shrink_to)
					return found ? 0 : 1;
				report(sim, seed);
				return sim->story_n <= o->shrink_to ? 0 : 1;
			}
			report(sim, seed);
			return 1;
		}
		tally(t, sim);
		if (sim->traces && !traced_agrees(sim, seed, NULL))
			return 1;
		bool wants_d1 = o->expect && strcmp(o->expect, "D1") == 0;
		if ((o->expect && !wants_d1) || seed % o->twice || same_twice(sim, seed))
			continue;
		printf("%s seed %llu: D1: run twice, two traces\n",
		       wants_d1 ? "found by" : "FAILED", (unsigned long long)seed);
		return wants_d1 ? 0 : 1;
	}
	if (o->expect)
		printf("FAILED: the planted bug was not found\n");
	return o->expect ? 1 : 0;
}

/* Steps of cores: each is an event or a deadline with all its effects. */
static void print_rate(const struct totals *t)
{
	struct timespec cpu;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	double rate = (double)t->steps / ((double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
	printf("{\"name\":\"sim_events_per_s\",\"value\":%.0f,\"unit\":\"1/s\",\"target\":1000000,"
	       "\"met\":%s}\n",
	       rate, rate >= 1e6 ? "true" : "false");
}

int main(int argc, char **argv)
{
	struct options o;
	struct totals t = {0};
	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return help();
	if (argc > 1 && strcmp(argv[1], "--history") == 0)
		return history(argv + 2, argc - 2);
	int r = parse(&o, argc, argv);

	if (r)
		return r;
	if (o.replay)
		return replay(o.replay, o.verbose);
	if (o.traces && mkdir(o.traces, 0700) && errno != EEXIST) {
		perror(o.traces);
		return 2;
	}
	struct sim *sim = sim_new();
	helio_assert(sim);
	sim->trim = o.trim;
	sim->unfair = o.unfair;
	sim->traces = o.traces;
	sim->unchecked = o.rate;
	r = run(sim, &o, &t);
	if (r == 0 && o.fresh > 0) {
		helio_assert(getrandom(&o.from, sizeof(o.from), 0) == sizeof(o.from));
		o.from %= UINT64_C(1000000000000);
		o.to = o.from + o.fresh - 1;
		printf("fresh seeds %llu..%llu\n", (unsigned long long)o.from,
		       (unsigned long long)o.to);
		r = run(sim, &o, &t);
	}
	if (o.rate && r == 0)
		print_rate(&t);
	else if (!o.expect)
		printf(
		    "%llu seeds held: %llu calls (%u answered, %u abandoned, %u failed), %llu "
		    "talks, %llu steps, %llu refusals, %llu s simulated; %llu calls adopted, "
		    "%llu of them bridged again, %llu agents recalled; reserved %llu s for a ring, "
		    "%llu s in vain (%llu times)\n",
		    (unsigned long long)t.seeds, (unsigned long long)t.calls,
		    t.ended[ACD_OUTCOME_ANSWERED], t.ended[ACD_OUTCOME_ABANDONED],
		    t.ended[ACD_OUTCOME_FAILED], (unsigned long long)t.talks,
		    (unsigned long long)t.steps, (unsigned long long)t.refused,
		    (unsigned long long)(t.sim_us / SEC), (unsigned long long)t.adopted,
		    (unsigned long long)t.kept, (unsigned long long)t.recalled,
		    (unsigned long long)(t.rung_us / SEC), (unsigned long long)(t.vain_us / SEC),
		    (unsigned long long)t.vain);
	sim_free(sim);
	return r;
}
