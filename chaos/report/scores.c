/* The promises of DESIGN §10, and what a run says about each. */
#include "chaos/report/report.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "chaos/report/json.h"
#include "common/base/base.h"

/* Sound cannot pass a line that is cut. The call's owner suspects after 3.5 s without a KEEP
 * (acd_timers_default()), looked at once a second, and tells the caller "one moment"; half a second
 * as for any other. */
enum { GAP_FAR_MS = 5000 };
/* A browser makes its leg anew: DESIGN §10 gives it a second more than a trunk. Over a cut line it
 * hears nothing for as long as the caller. */
enum { EAR_MS = 3000 };

static bool has_kind(const struct figures *f, const char *kind, const char *target)
{
	size_t i;
	json_t *o;
	json_array_foreach(f->faults, i, o)
	{
		if (strcmp(str(o, "kind"), kind) == 0 &&
		    (!target || strstr(str(o, "target"), target)))
			return true;
	}
	return false;
}

static bool freezes_a_node(const struct figures *f)
{
	size_t i;
	json_t *o;
	json_array_foreach(f->faults, i, o)
	{
		const char *t = str(o, "target");
		if (strcmp(str(o, "kind"), "freeze") == 0 && !strchr(t, '-'))
			return true;
	}
	return has_kind(f, "suspend", NULL);
}

static bool kills_a_node(const struct figures *f)
{
	size_t i;
	json_t *o;
	json_array_foreach(f->faults, i, o)
	{
		const char *kind = str(o, "kind");
		bool ends = strcmp(kind, "kill") == 0 || strcmp(kind, "restart") == 0 ||
			    strcmp(kind, "upgrade") == 0;
		if (ends &&
		    !strchr(str(o, "target"), '-')) /* oslo1; brokers and the rest have one */
			return true;
	}
	return false;
}

/* What is broken says how long a caller may hear nothing. */
static double gap_allowed_ms(const struct figures *f)
{
	if (has_kind(f, "machine_lost", NULL) || freezes_a_node(f))
		return 2600; /* 0.6 s until it is known, and the 2 s of a trunk */
	return kills_a_node(f) ? 2000 : 500;
}

/* A free agent and a caller who waits: brokers and Redis may cost 1 s (two round trips of the lab's
 * lines come on top), an island and a cut 2 s until each side is on its own. */
static double idle_allowed_s(const struct figures *f)
{
	bool alone = has_kind(f, "cut", NULL) || has_kind(f, "kill", "-b*");
	return (alone ? 2.0 : 1.0) + 0.2;
}

struct list {
	struct score *s;
	uint32_t n;
};

static void add(struct list *l, bool counts, bool met, double seen, const char *unit,
		const char *what)
{
	helio_assert(l->n < SCORES_MAX);
	struct score *x = &l->s[l->n++];
	*x = (struct score){.counts = counts, .met = met, .seen = seen, .unit = unit};
	(void)str_copy(x->what, sizeof(x->what), what);
}

static void say(struct list *l, const char *target, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void say(struct list *l, const char *target, const char *fmt, ...)
{
	struct score *x = &l->s[l->n - 1];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(x->value, sizeof(x->value), fmt, ap);
	va_end(ap);
	(void)str_copy(x->target, sizeof(x->target), target);
}

static const char *seconds(char text[static 32], double s)
{
	snprintf(text, 32, "%.1f s", s);
	return text;
}

static void add_silence(struct list *l, const struct figures *f)
{
	char target[32];
	double allowed = gap_allowed_ms(f);
	bool line = has_kind(f, "cut", NULL);
	/* While a line is cut no sound can cross it: those talks have a row of their own. */
	double worst = line ? f->gap_near_ms : f->gap_worst_ms;
	add(l, f->callers > 0, worst <= allowed, worst / 1e3, "s",
	    line ? "longest silence, talks within a site" : "longest silence that a caller heard");
	if (line)
		say(l, seconds(target, allowed / 1e3), "%.2f s", worst / 1e3);
	else
		say(l, seconds(target, allowed / 1e3), "%.2f s (99 of 100 callers: %.2f s)",
		    worst / 1e3, f->gap_p99_ms / 1e3);
	add(l, !isnan(f->ear_worst_ms), f->ear_worst_ms <= EAR_MS, f->ear_worst_ms / 1e3, "s",
	    "longest silence in an agent's real browser");
	say(l, seconds(target, EAR_MS / 1e3), "%.2f s, %.0f pages of Chromium",
	    f->ear_worst_ms / 1e3, num(json_object_get(f->run, "load"), "browsers"));
	add(l, line && f->far_then > 0, f->gap_far_ms <= GAP_FAR_MS, f->gap_far_ms / 1e3, "s",
	    "dead air of a talk over a cut line, then one moment");
	say(l, seconds(target, GAP_FAR_MS / 1e3), "%.2f s, %.0f such talks", f->gap_far_ms / 1e3,
	    f->far_then);
}

static void add_return(struct list *l, const struct figures *f)
{
	char target[32];
	/* A node that drains turns callers away for as long as it must: not what this is about. */
	bool rolls = has_kind(f, "upgrade", NULL);
	add(l, !isnan(f->served_s) && !rolls, f->served_s >= 0,
	    f->served_s >= 0 ? f->served_s : NAN, "s", SCORE_SERVED);
	if (f->served_s >= 0)
		say(l, "before the end", "after %.1f s", f->served_s);
	else
		say(l, "before the end", "not in this run");
	add(l, !isnan(f->recovered_s) && !rolls, f->recovered_s >= 0,
	    f->recovered_s >= 0 ? f->recovered_s : NAN, "s",
	    "every machine and daemon is back too");
	if (f->recovered_s >= 0)
		say(l, "before the end", "after %.1f s", f->recovered_s);
	else
		say(l, "before the end", "not in this run");
	add(l, f->adopted > 0, f->detect_ms <= 800, f->detect_ms / 1e3, "s",
	    "a dead machine is noticed");
	say(l, "0.6 s (0.8 with beats)", "after %.2f s", f->detect_ms / 1e3);
	add(l, f->adopted > 0, f->adopt_ms <= 1000, f->adopt_ms / 1e3, "s",
	    "then its calls are its neighbour's");
	say(l, "1.0 s", "after %.2f s more", f->adopt_ms / 1e3);
	add(l, !isnan(f->idle_worst_s), f->idle_worst_s <= idle_allowed_s(f), f->idle_worst_s, "s",
	    "a free agent is rung although something is broken");
	say(l, seconds(target, idle_allowed_s(f)), "after %.2f s at most", f->idle_worst_s);
	add(l, !isnan(f->heal_worst_s), f->heal_worst_s <= 5, f->heal_worst_s, "s",
	    "a healed line carries new talks");
	say(l, "5 s", "after %.2f s", f->heal_worst_s);
	add(l, f->away_n > 0, f->away_worst_ms <= 5000, f->away_worst_ms / 1e3, "s",
	    "pages are back");
	say(l, "5 s", "%u times away, %.2f s at most", f->away_n, f->away_worst_ms / 1e3);
}

/* Talks whose caller's or agent's node was lost, or whose agent's node was out of reach. */
static void add_torn(struct list *l, const struct figures *f)
{
	double torn = num(f->checked, "torn"), back = num(f->checked, "rejoined"),
	       moved = num(f->checked, "requeued"), lost = torn - back - moved;
	double kept = torn > 0 ? 100 * back / torn : 100;
	/* Over a cut line both ends may have ended before it healed: then it is "one moment", the
	 * same agent for ten seconds, else the queue. That nobody is lost is another row. */
	bool line = has_kind(f, "cut", NULL);
	add(l, torn > 0, line || moved + lost <= torn / 1000, 100 - kept, "%",
	    "torn talks that did not go on with the same agent");
	say(l, line ? "-" : "0.1 %",
	    "%.0f of %.0f went on (%.2f s at most), %.0f queued again, %.0f ended", back, torn,
	    num(f->checked, "rejoined_ms") / 1e3, moved, lost);
}

static void add_books(struct list *l, const struct figures *f)
{
	bool done = f->ledger != NULL;
	add(l, f->checked != NULL, num(f->checked, "found") == 0, num(f->checked, "found"), "",
	    "rules S1 to S8 broken, over all traces");
	say(l, "0", "%.0f, in %.0f events", num(f->checked, "found"), num(f->checked, "events"));
	add(l, f->checked != NULL, num(f->checked, "inversions") == 0,
	    num(f->checked, "inversions"), "", "somebody more than 3 s younger served first");
	say(l, "0", "%.0f times, by %.1f s at most", num(f->checked, "inversions"),
	    num(f->checked, "inversion_ms") / 1e3);
	add(l, done, json_is_true(json_object_get(f->ledger, "balanced")), NAN, "",
	    "ledger: entered = ended + in the system");
	say(l, "balanced, one record each", "%.0f = %.0f + %.0f", num(f->ledger, "entered"),
	    num(f->ledger, "ended"), num(f->ledger, "in_system"));
	/* The same books from what the cores did: a caller may hang up unanswered, or a call may
	 * have no line (a person's own), so traces may tell of more, never of fewer. */
	double told = num(f->checked, "entered"), left = num(f->checked, "in_system");
	add(l, done && f->checked, told >= num(f->ledger, "entered") && left == 0, NAN, "",
	    "the same by the traces");
	say(l, "no fewer, none left", "%.0f = %.0f + %.0f", told, num(f->checked, "ended"), left);
}

uint32_t figures_scores(const struct figures *f, struct score s[SCORES_MAX])
{
	struct list l = {.s = s};
	add(&l, f->ledger != NULL, f->lost == 0, f->lost, "", "callers cut off");
	say(&l, "0", "%u of %u", f->lost, f->callers);
	add_silence(&l, f);
	add_torn(&l, f);
	add_return(&l, f);
	add_books(&l, f);
	add(&l, true, f->lag_worst_ms < 250, f->lag_worst_ms / 1e3, "s",
	    "this machine kept up (our own timer's delay)");
	say(&l, "0.25 s", "%.0f ms, processors %.0f %% busy at most", f->lag_worst_ms,
	    f->busy_worst);
	return l.n;
}
