/* The promises of DESIGN §10, and what a run says about each. */
#include "chaos/report/report.h"

#include <math.h>
#include <string.h>

static double num(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

static bool has_kind(const struct figures *f, const char *kind, const char *target)
{
	size_t i;
	json_t *o;
	json_array_foreach(f->faults, i, o)
	{
		const char *k = json_string_value(json_object_get(o, "kind"));
		const char *t = json_string_value(json_object_get(o, "target"));
		if (k && strcmp(k, kind) == 0 && (!target || (t && strstr(t, target))))
			return true;
	}
	return false;
}

/* What is broken says how long a caller may hear nothing. */
static double gap_allowed_ms(const struct figures *f)
{
	if (has_kind(f, "machine_lost", NULL) || has_kind(f, "freeze", "oslo") ||
	    has_kind(f, "freeze", "manila") || has_kind(f, "freeze", "bogota") ||
	    has_kind(f, "suspend", NULL))
		return 2600; /* 0.6 s until it is known, and the 2 s of a trunk */
	if (has_kind(f, "kill", "1") || has_kind(f, "kill", "2"))
		return 2000;
	return 500;
}

static void add(struct score s[SCORES_MAX], uint32_t *n, bool counts, bool met, const char *what)
{
	struct score *x = &s[(*n)++];
	*x = (struct score){.counts = counts, .met = met};
	snprintf(x->what, sizeof(x->what), "%s", what);
}
#define LAST s[n - 1]

uint32_t figures_scores(const struct figures *f, struct score s[SCORES_MAX])
{
	uint32_t n = 0;
	bool done = f->ledger != NULL;
	double allowed = gap_allowed_ms(f), worst = num(f->checked, "inversion_ms");
	add(s, &n, done, f->lost == 0, "callers cut off");
	snprintf(LAST.value, sizeof(LAST.value), "%u of %u", f->lost, f->callers);
	snprintf(LAST.target, sizeof(LAST.target), "0");
	add(s, &n, f->callers > 0, f->gap_worst_ms <= allowed,
	    "longest silence that a caller heard");
	snprintf(LAST.value, sizeof(LAST.value), "%.2f s (99 of 100: %.2f s)",
		 f->gap_worst_ms / 1e3, f->gap_p99_ms / 1e3);
	snprintf(LAST.target, sizeof(LAST.target), "%.1f s", allowed / 1e3);
	add(s, &n, !isnan(f->recovered_s), f->recovered_s >= 0,
	    "everything as before the first fault");
	if (f->recovered_s >= 0)
		snprintf(LAST.value, sizeof(LAST.value), "after %.1f s", f->recovered_s);
	else
		snprintf(LAST.value, sizeof(LAST.value), "not in this run");
	snprintf(LAST.target, sizeof(LAST.target), "before the end");
	add(s, &n, f->adopted > 0, f->detect_ms <= 800, "a dead machine is noticed");
	snprintf(LAST.value, sizeof(LAST.value), "after %.2f s", f->detect_ms / 1e3);
	snprintf(LAST.target, sizeof(LAST.target), "0.6 s (0.8 with beats)");
	add(s, &n, f->adopted > 0, f->detect_ms + f->adopt_ms <= 1600,
	    "its calls are its neighbour's");
	snprintf(LAST.value, sizeof(LAST.value), "after %.2f s",
		 (f->detect_ms + f->adopt_ms) / 1e3);
	snprintf(LAST.target, sizeof(LAST.target), "1.6 s");
	double torn = num(f->checked, "torn"), back = num(f->checked, "rejoined"),
	       moved = num(f->checked, "requeued");
	add(s, &n, torn > 0, moved <= torn / 1000,
	    "talks that lost a node go on with the same agent");
	if (back > 0)
		snprintf(LAST.value, sizeof(LAST.value),
			 "%.0f of %.0f (%.0f queued again), after %.2f s", back, torn, moved,
			 num(f->checked, "rejoined_ms") / 1e3);
	else
		snprintf(LAST.value, sizeof(LAST.value), "0 of %.0f (%.0f queued again)", torn,
			 moved);
	snprintf(LAST.target, sizeof(LAST.target), "99.9 %%");
	add(s, &n, f->away_n > 0, f->away_worst_ms <= 5000, "pages are back");
	snprintf(LAST.value, sizeof(LAST.value), "%u times away, %.2f s at most", f->away_n,
		 f->away_worst_ms / 1e3);
	snprintf(LAST.target, sizeof(LAST.target), "5 s");
	add(s, &n, f->checked != NULL, num(f->checked, "found") == 0,
	    "rules S1 to S8, over all traces");
	snprintf(LAST.value, sizeof(LAST.value), "%.0f broken, %.0f events",
		 num(f->checked, "found"), num(f->checked, "events"));
	snprintf(LAST.target, sizeof(LAST.target), "0 broken");
	add(s, &n, f->checked != NULL, num(f->checked, "inversions") == 0,
	    "somebody more than 3 s younger served first");
	snprintf(LAST.value, sizeof(LAST.value), "%.0f times, by %.1f s at most",
		 num(f->checked, "inversions"), worst / 1e3);
	snprintf(LAST.target, sizeof(LAST.target), "0 times");
	add(s, &n, done, json_is_true(json_object_get(f->ledger, "balanced")),
	    "ledger: entered = ended + in the system");
	snprintf(LAST.value, sizeof(LAST.value), "%.0f = %.0f + %.0f", num(f->ledger, "entered"),
		 num(f->ledger, "ended"), num(f->ledger, "in_system"));
	snprintf(LAST.target, sizeof(LAST.target), "balanced, one record each");
	/* The same books from what the cores did: a caller may hang up unanswered, or a call may
	 * have no line (a person's own), so traces may tell of more, never of fewer. */
	double told = num(f->checked, "entered"), left = num(f->checked, "in_system");
	add(s, &n, done && f->checked, told >= num(f->ledger, "entered") && left == 0,
	    "the same by the traces");
	snprintf(LAST.value, sizeof(LAST.value), "%.0f = %.0f + %.0f", told,
		 num(f->checked, "ended"), left);
	snprintf(LAST.target, sizeof(LAST.target), "no fewer, none left");
	add(s, &n, true, f->lag_worst_ms < 250, "this machine kept up (our own timer's delay)");
	snprintf(LAST.value, sizeof(LAST.value), "%.0f ms, processors %.0f %% busy at most",
		 f->lag_worst_ms, f->busy_worst);
	snprintf(LAST.target, sizeof(LAST.target), "250 ms");
	return n;
}
