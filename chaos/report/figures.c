/* From the journal to numbers. */
#include "chaos/report/report.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/report/json.h"
#include "common/base/base.h"

enum { AGAIN_SLACK = 10 }; /* talks and calls of a hundred that are just between two */

/* ---- lines ------------------------------------------------------------------------------- */

static json_t *fault_of(struct figures *f, json_int_t id)
{
	size_t i;
	json_t *o;
	json_array_foreach(f->faults, i,
			   o) if (json_integer_value(json_object_get(o, "id")) == id) return o;
	o = json_pack("{sI}", "id", id);
	json_array_append_new(f->faults, o);
	return o;
}

static void take_fault(struct figures *f, json_t *line)
{
	json_t *o = fault_of(f, json_integer_value(json_object_get(line, "id")));
	const char *phase = str(line, "phase");
	const char *key = strcmp(phase, "begun") == 0    ? "begun"
			  : strcmp(phase, "bitten") == 0 ? "bitten_at"
							 : "healed";
	json_object_set(o, key, json_object_get(line, "t"));
	json_object_set(o, "kind", json_object_get(line, "kind"));
	json_object_set(o, "target", json_object_get(line, "target"));
	json_object_set(o, "args", json_object_get(line, "args"));
	json_object_set(o, "bitten", json_object_get(line, "bitten"));
	if (json_object_get(line, "proof"))
		json_object_set(o, "proof", json_object_get(line, "proof"));
}

static void take_phase(struct figures *f, json_t *line)
{
	json_array_append(f->phases, line);
	if (strcmp(str(line, "phase"), "method") == 0)
		f->began = num(line, "t");
	if (strcmp(str(line, "phase"), "rollbacks") == 0)
		f->ended = num(line, "t");
}

static void take(struct figures *f, json_t *line)
{
	static const char *const lists[] = {"sample", "step",  "probe", "gap",
					    "call",   "agent", "links", "ear"};
	json_t *const list[] = {f->samples, f->steps,  f->probes, f->gaps,
				f->calls,   f->agents, f->links,  f->ears};
	const char *type = str(line, "type");
	f->last_s = fmax(f->last_s, num(line, "t"));
	for (size_t i = 0; i < HELIO_ARRAY_LEN(lists); i++)
		if (strcmp(type, lists[i]) == 0)
			json_array_append(list[i], line);
	if (strcmp(type, "fault") == 0)
		take_fault(f, line);
	else if (strcmp(type, "phase") == 0)
		take_phase(f, line);
	json_t **one = strcmp(type, "run") == 0       ? &f->run
		       : strcmp(type, "verdict") == 0 ? &f->verdict
		       : strcmp(type, "ledger") == 0  ? &f->ledger
		       : strcmp(type, "checked") == 0 ? &f->checked
						      : NULL;
	if (one && !*one)
		*one = json_incref(line);
}

/* ---- figures ----------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

/* Each caller's longest silence, of what began once something was broken. */
static void silences(struct figures *f)
{
	size_t i, n = 0;
	json_t *o, *worst = json_object();
	const char *number;
	json_array_foreach(f->gaps, i, o)
	{
		double ms = num(o, "ms");
		if (num(o, "t") < f->began)
			continue;
		if (ms > num(worst, str(o, "number")))
			json_object_set_new(worst, str(o, "number"), json_real(ms));
		f->gap_worst_ms = fmax(f->gap_worst_ms, ms);
		double *part =
		    json_is_true(json_object_get(o, "far")) ? &f->gap_far_ms : &f->gap_near_ms;
		*part = fmax(*part, ms);
	}
	/* All who were in a call count, those who heard nothing amiss too. */
	size_t all = f->callers > json_object_size(worst) ? f->callers : json_object_size(worst);
	double *v = calloc(all + 1, sizeof(*v));
	helio_assert(v);
	json_object_foreach(worst, number, o) v[n++] = json_number_value(o);
	f->gaps_n = (uint32_t)n;
	qsort(v, all, sizeof(*v), by_size);
	f->gap_p99_ms = all ? v[(all - 1) * 99 / 100] : 0;
	free(v);
	json_decref(worst);
}

/* What agents heard in a real browser. A call that ends is silent before the page knows. */
static void ears(struct figures *f)
{
	size_t i;
	json_t *o;
	f->ear_worst_ms = num(json_object_get(f->run, "load"), "browsers") > 0 ? 0 : NAN;
	json_array_foreach(f->ears, i, o) if (num(o, "t") >= f->began) f->ear_worst_ms =
	    fmax(f->ear_worst_ms, num(o, "ms"));
}

/* ---- agents who take one call after the other ---- */

static double first_fault(const struct figures *f)
{
	size_t i;
	json_t *o;
	double first = NAN;
	json_array_foreach(f->faults, i, o) first = fmin(first, num(o, "begun"));
	return first;
}

struct desk {
	double free_since; /* NAN: is not */
};

/* From the end of a talk to the next ring: somebody always waits in these runs. A page without a
 * link is another promise. */
static void idle_times(struct figures *f)
{
	enum { DESKS_MAX = 2048 };
	struct desk *desk = calloc(DESKS_MAX, sizeof(*desk));
	double first = first_fault(f), last = f->ended > 0 ? f->ended : f->last_s;
	size_t i;
	json_t *o;
	helio_assert(desk);
	f->idle_worst_s = NAN;
	for (i = 0; i < DESKS_MAX; i++)
		desk[i].free_since = NAN;
	json_array_foreach(f->agents, i, o)
	{
		const char *what = str(o, "event"), *name = str(o, "agent");
		unsigned long n = strlen(name) > 4 ? strtoul(name + 4, NULL, 10) : DESKS_MAX;
		double t = num(o, "t");
		if (n >= DESKS_MAX)
			continue;
		if (strcmp(what, "ring") == 0 && t >= first && t <= last &&
		    !isnan(desk[n].free_since))
			f->idle_worst_s =
			    fmax(f->idle_worst_s, t - fmax(first, desk[n].free_since));
		desk[n].free_since =
		    strcmp(what, "end") == 0 || strcmp(what, "hangup") == 0 ? t : NAN;
	}
	for (i = 0; i < DESKS_MAX && !isnan(f->idle_worst_s); i++)
		if (!isnan(desk[i].free_since) && desk[i].free_since < last)
			f->idle_worst_s =
			    fmax(f->idle_worst_s, last - fmax(first, desk[i].free_since));
	free(desk);
}

static bool line_is(const json_t *fault, const char *a, const char *b)
{
	const json_t *args = json_object_get(fault, "args");
	const char *from = str(args, "from"), *to = str(args, "to");
	from = *from ? from : str(fault, "target");
	bool any = !*to || strcmp(to, "*") == 0;
	return (strcmp(from, a) == 0 && (any || strcmp(to, b) == 0)) ||
	       (strcmp(from, b) == 0 && (any || strcmp(to, a) == 0));
}

/* A cut line carries talks again: from its end to the first talk that begins over it. */
static void heal_times(struct figures *f)
{
	size_t i, k;
	json_t *o, *a;
	f->heal_worst_s = NAN;
	json_array_foreach(f->faults, i, o)
	{
		double healed = num(o, "healed"), talk = NAN;
		if (strcmp(str(o, "kind"), "cut") != 0 || !json_object_get(o, "healed"))
			continue;
		json_array_foreach(f->agents, k, a)
		{
			if (strcmp(str(a, "event"), "talk") == 0 && num(a, "t") > healed &&
			    strcmp(str(a, "site"), str(a, "from")) != 0 &&
			    line_is(o, str(a, "site"), str(a, "from")))
				talk = fmin(talk, num(a, "t"));
		}
		if (isnan(talk) &&
		    json_is_true(json_object_get(json_object_get(f->run, "load"), "again")))
			talk = f->last_s; /* none at all */
		f->heal_worst_s = fmax(f->heal_worst_s, talk - healed);
	}
}

/* Every caller has a place or an agent, every agent a page. */
static bool is_served(const json_t *s, const json_t *before, double slack)
{
	/* Who takes one call after the other is between two at times. */
	return num(s, "talking") >= num(before, "talking") - slack &&
	       num(s, "calls") >= num(before, "calls") - slack &&
	       num(s, "agents_away") <= num(before, "agents_away");
}

static bool as_before(const json_t *s, const json_t *before, double slack)
{
	return is_served(s, before, slack) && num(s, "up") >= num(before, "up");
}

typedef bool(whole_h)(const json_t *sample, const json_t *before, double slack);

/* From the first fault until all is well, and stays so to the end of the method; negative: it is
 * not. A sample is up to a second late. */
static double whole_after(const struct figures *f, whole_h *whole, const json_t *before,
			  double first, double last)
{
	bool again = json_is_true(json_object_get(json_object_get(f->run, "load"), "again"));
	double slack = again ? AGAIN_SLACK : 0, since = NAN, quiet = first;
	bool ever = false; /* something was amiss */
	size_t i;
	json_t *o;
	json_array_foreach(f->samples, i, o)
	{
		double t = num(o, "t");
		if (t <= first || t > last)
			continue;
		bool good = whole(o, before, slack);
		ever |= !good;
		since = !good ? NAN : isnan(since) ? t : since;
	}
	/* A silence that nobody's registers show counts as well. */
	json_array_foreach(f->gaps, i, o) if (num(o, "t") > first && num(o, "t") <= last &&
					      !json_is_true(json_object_get(o, "lasting"))) quiet =
	    fmax(quiet, num(o, "t"));
	if (isnan(since))
		return -1;
	return ever ? fmax(since, quiet) - first : quiet - first;
}

static void recovery(struct figures *f)
{
	size_t i;
	json_t *o;
	const json_t *before = NULL;
	double first = first_fault(f), last = f->ended > 0 ? f->ended : f->last_s;
	f->recovered_s = f->served_s = f->waiting_then = f->talking_then = f->far_then = NAN;
	json_array_foreach(f->samples, i, o) if (num(o, "t") <= first) before = o;
	if (!before)
		return;
	f->waiting_then = num(before, "waiting");
	f->talking_then = num(before, "talking");
	f->far_then = num(before, "far_talks");
	f->served_s = whole_after(f, is_served, before, first, last);
	f->recovered_s = whole_after(f, as_before, before, first, last);
}

static void people(struct figures *f)
{
	size_t i;
	json_t *o;
	json_array_foreach(f->calls, i, o)
	{
		f->callers += json_is_true(json_object_get(o, "answered"));
		f->refused += !json_is_true(json_object_get(o, "answered"));
	}
	f->lost = (uint32_t)json_array_size(json_object_get(f->ledger, "lost"));
	json_array_foreach(f->agents, i, o)
	{
		double ms = num(o, "ms");
		if (num(o, "t") < f->began || ms <= 0)
			continue;
		f->away_n++;
		f->away_worst_ms = fmax(f->away_worst_ms, ms);
	}
	json_array_foreach(f->samples, i, o)
	{
		uint32_t waiting = (uint32_t)num(o, "waiting"),
			 talking = (uint32_t)num(o, "talking");
		f->busy_worst = fmax(f->busy_worst, num(json_object_get(o, "cpu"), "busy"));
		f->lag_worst_ms = fmax(f->lag_worst_ms, num(o, "lag_ms"));
		f->waiting_most = waiting > f->waiting_most ? waiting : f->waiting_most;
		f->talking_most = talking > f->talking_most ? talking : f->talking_most;
	}
}

/* "event=node.adopted … detect_ms=640 adopt_ms=7": the worst of all. */
static void log_read(struct figures *f, const char *path)
{
	char line[1024];
	FILE *log = fopen(path, "re");
	while (log && fgets(line, sizeof(line), log)) {
		const char *d = strstr(line, " detect_ms="), *a = strstr(line, " adopt_ms=");
		/* Without a time of silence it stopped in order: nothing was noticed. */
		if (!strstr(line, "event=node.adopted") || !d || !a || strtod(d + 11, NULL) <= 0)
			continue;
		f->adopted++;
		f->detect_ms = fmax(f->detect_ms, strtod(d + 11, NULL));
		f->adopt_ms = fmax(f->adopt_ms, strtod(a + 10, NULL));
	}
	if (log)
		fclose(log);
}

static void logs_read(struct figures *f)
{
	char path[1024];
	snprintf(path, sizeof(path), "%s/logs", f->dir);
	DIR *dir = opendir(path);
	f->detect_ms = f->adopt_ms = NAN; /* fmax() takes the number of the two */
	for (struct dirent *e; dir && (e = readdir(dir));) {
		size_t n = strlen(e->d_name);
		if (n < 5 || strcmp(e->d_name + n - 4, ".log") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/logs/%s", f->dir, e->d_name);
		log_read(f, path);
	}
	if (dir)
		closedir(dir);
}

int figures_read(struct figures *f, const char *dir)
{
	char path[600];
	char *line = NULL;
	size_t size = 0;
	*f = (struct figures){0};
	(void)str_copy(f->dir, sizeof(f->dir), dir);
	snprintf(path, sizeof(path), "%s/journal.jsonl", f->dir);
	FILE *in = fopen(path, "re");
	if (!in)
		return errno;
	json_t **const lists[] = {&f->samples, &f->faults, &f->steps,  &f->probes, &f->gaps,
				  &f->calls,   &f->agents, &f->phases, &f->links,  &f->ears};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(lists); i++)
		*lists[i] = json_array();
	for (ssize_t n; (n = getline(&line, &size, in)) > 0;) {
		json_t *o = json_loadb(line, (size_t)n, 0, NULL);
		if (o)
			take(f, o);
		json_decref(o);
	}
	free(line);
	fclose(in);
	if (!f->run)
		return EBADMSG;
	people(f);
	silences(f);
	ears(f);
	recovery(f);
	idle_times(f);
	heal_times(f);
	logs_read(f);
	return 0;
}

void figures_free(struct figures *f)
{
	json_t *const all[] = {f->run,    f->verdict, f->ledger, f->checked, f->samples,
			       f->faults, f->steps,   f->probes, f->gaps,    f->calls,
			       f->agents, f->phases,  f->links,  f->ears};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(all); i++)
		json_decref(all[i]);
	*f = (struct figures){0};
}

const char *figures_verdict(const struct figures *f)
{
	return f->verdict ? str(f->verdict, "verdict") : "UNFINISHED";
}

json_t *figures_json(const struct figures *f)
{
	struct score s[SCORES_MAX];
	uint32_t n = figures_scores(f, s);
	json_t *scores = json_array();
	for (uint32_t i = 0; i < n; i++)
		json_array_append_new(scores, json_pack("{ss ss ss sb sb}", "what", s[i].what,
							"value", s[i].value, "target", s[i].target,
							"counts", s[i].counts, "met", s[i].met));
	json_t *o = json_pack(
	    "{ss sO sO si si si sf sf si sf si si sf sf so sO}", "verdict", figures_verdict(f),
	    "run", f->run, "reasons",
	    f->verdict ? json_object_get(f->verdict, "reasons") : json_null(), "callers",
	    (int)f->callers, "lost", (int)f->lost, "refused", (int)f->refused, "gap_worst_ms",
	    f->gap_worst_ms, "gap_p99_ms", f->gap_p99_ms, "callers_with_gaps", (int)f->gaps_n,
	    "agent_away_worst_ms", f->away_worst_ms, "waiting_most", (int)f->waiting_most,
	    "talking_most", (int)f->talking_most, "lag_worst_ms", f->lag_worst_ms, "busy_worst",
	    f->busy_worst, "scores", scores, "faults", f->faults);
	if (!isnan(f->recovered_s))
		json_object_set_new(o, "recovered_s", json_real(f->recovered_s));
	if (!isnan(f->served_s))
		json_object_set_new(o, "served_s", json_real(f->served_s));
	if (!isnan(f->idle_worst_s))
		json_object_set_new(o, "idle_worst_s", json_real(f->idle_worst_s));
	if (!isnan(f->heal_worst_s))
		json_object_set_new(o, "heal_worst_s", json_real(f->heal_worst_s));
	if (f->adopted) {
		json_object_set_new(o, "detect_ms", json_real(f->detect_ms));
		json_object_set_new(o, "adopt_ms", json_real(f->adopt_ms));
	}
	json_object_set_new(o, "gap_near_ms", json_real(f->gap_near_ms));
	json_object_set_new(o, "gap_far_ms", json_real(f->gap_far_ms));
	json_object_set_new(o, "agents_away_times", json_integer(f->away_n));
	if (!isnan(f->ear_worst_ms))
		json_object_set_new(o, "ear_worst_ms", json_real(f->ear_worst_ms));
	json_object_set(o, "probes", f->probes);
	json_object_set(o, "timeline", f->samples);
	if (f->ledger)
		json_object_set(o, "ledger", f->ledger);
	if (f->checked)
		json_object_set(o, "checked", f->checked);
	return o;
}
