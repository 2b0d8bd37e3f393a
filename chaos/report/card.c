/* drills.md: from many runs a line a drill, and each promise with the worst and the middle of them.
 */
#include "chaos/report/report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/report/json.h"
#include "common/base/base.h"

/* ---- one run ---- */

/* "Linux 6.x": the build of a kernel says where a machine comes from, not how it behaves. */
static void machine_text(char out[static 192], const json_t *m)
{
	const char *kernel = str(m, "kernel");
	snprintf(out, 192, "Linux %.*s.x, %.0f processors (%.80s), %.0f GB",
		 (int)strcspn(kernel, "."), kernel, num(m, "cpus"), str(m, "cpu"),
		 num(m, "memory_mb") / 1024);
}

int card_read(struct card_run *r, const char *dir)
{
	struct figures f;
	int err = figures_read(&f, dir);
	*r = (struct card_run){0};
	if (!err) {
		const char *file = str(f.run, "file"), *slash = strrchr(file, '/');
		(void)str_copy(r->drill, sizeof(r->drill), slash ? slash + 1 : file);
		r->drill[strcspn(r->drill, ".")] = '\0';
		(void)str_copy(r->verdict, sizeof(r->verdict), figures_verdict(&f));
		(void)str_copy(r->date, sizeof(r->date), str(f.run, "date"));
		(void)str_copy(r->version, sizeof(r->version), str(f.run, "version"));
		(void)str_copy(r->build, sizeof(r->build), str(f.run, "build"));
		machine_text(r->machine, json_object_get(f.run, "machine"));
		r->before = json_is_true(json_object_get(f.run, "before"));
		r->took_s = f.last_s;
		r->waiting = f.waiting_then;
		r->talking = f.talking_then;
		r->far = f.far_then;
		r->scores_n = figures_scores(&f, r->score);
		r->reasons = json_incref(json_object_get(f.verdict, "reasons"));
	}
	figures_free(&f);
	return err;
}

void card_free(struct card_run *r)
{
	json_decref(r->reasons);
	*r = (struct card_run){0};
}

/* ---- the runs of one drill ---- */

struct group {
	const struct card_run *r;
	uint32_t n, judged, held, odd; /* odd: nothing can be said of them */
};

static struct group group_at(const struct card_run *r, uint32_t n)
{
	struct group g = {.r = r};
	for (; g.n < n && strcmp(r[g.n].drill, r->drill) == 0; g.n++) {
		bool held = strcmp(r[g.n].verdict, "HELD") == 0;
		bool judged = held || strcmp(r[g.n].verdict, "DEVIATED") == 0;
		g.held += held;
		g.judged += judged;
		g.odd += !judged;
	}
	return g;
}

static bool is_judged(const struct card_run *r)
{
	return strcmp(r->verdict, "HELD") == 0 || strcmp(r->verdict, "DEVIATED") == 0;
}

/* One promise over the runs of a drill: those that say something about it. */
struct row {
	const struct score *any; /* NULL: no run does */
	uint32_t n, met;
	double worst, median;
};

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static struct row row_of(const struct group *g, const char *what)
{
	struct row row = {.worst = NAN, .median = NAN};
	double *v = calloc(g->n + 1, sizeof(*v));
	uint32_t n = 0;
	helio_assert(v);
	for (uint32_t i = 0; i < g->n; i++) {
		for (uint32_t k = 0; is_judged(&g->r[i]) && k < g->r[i].scores_n; k++) {
			const struct score *s = &g->r[i].score[k];
			if (!s->counts || strcmp(s->what, what) != 0)
				continue;
			row.any = s;
			row.n++;
			row.met += s->met;
			if (!isnan(s->seen))
				v[n++] = s->seen;
		}
	}
	qsort(v, n, sizeof(*v), by_size);
	if (n) {
		row.worst = v[n - 1];
		row.median = v[n / 2];
	}
	free(v);
	return row;
}

/* ---- the page ---- */

static double middle(const struct group *g, size_t at)
{
	double sum = 0;
	uint32_t n = 0;
	for (uint32_t i = 0; i < g->n; i++) {
		double v = *(const double *)((const char *)&g->r[i] + at);
		if (!is_judged(&g->r[i]) || isnan(v))
			continue;
		sum += v;
		n++;
	}
	return n ? sum / n : 0;
}

static void put_number(FILE *out, double v, const char *unit)
{
	if (isnan(v))
		fputs("-", out);
	else if (strcmp(unit, "s") == 0)
		fprintf(out, "%.2f s", v);
	else
		fprintf(out, "%.3g%s%s", v, *unit ? " " : "", unit);
}

static void put_pair(FILE *out, const struct group *g, const char *what)
{
	struct row row = row_of(g, what);
	fputs("| ", out);
	if (row.any) {
		put_number(out, row.worst, row.any->unit);
		fputs(", ", out);
		put_number(out, row.median, row.any->unit);
		fputc(' ', out);
	} else {
		fputs("- ", out);
	}
}

static void put_drill(FILE *out, const struct group *g)
{
	const char *verdict = g->judged == 0         ? "INCONCLUSIVE"
			      : g->held == g->judged ? "HELD"
						     : "DEVIATED";
	fprintf(out, "| %s | %s | %u of %u", g->r->drill, verdict, g->held, g->judged);
	if (g->odd)
		fprintf(out, " (and %u without a verdict)", g->odd);
	fprintf(out, " | %.0f, %.0f, %.0f ", middle(g, offsetof(struct card_run, waiting)),
		middle(g, offsetof(struct card_run, talking)),
		middle(g, offsetof(struct card_run, far)));
	put_pair(out, g, "callers cut off");
	const char *silence = "longest silence that a caller heard";
	if (!row_of(g, silence).any)
		silence = "longest silence, talks within a site";
	put_pair(out, g, silence);
	put_pair(out, g, SCORE_SERVED);
	put_pair(out, g, "rules S1 to S8 broken, over all traces");
	fputs("|\n", out);
}

static void put_promises(FILE *out, const struct group *g)
{
	for (uint32_t k = 0; k < g->r->scores_n; k++) {
		struct row row = row_of(g, g->r->score[k].what);
		if (!row.any)
			continue;
		fprintf(out, "| %s | %s | %s ", g->r->drill, row.any->what, row.any->target);
		if (isnan(row.worst)) {
			fputs("| - | - ", out);
		} else {
			fputs("| ", out);
			put_number(out, row.worst, row.any->unit);
			fputs(" | ", out);
			put_number(out, row.median, row.any->unit);
			fputc(' ', out);
		}
		fprintf(out, "| %s%u of %u |\n", row.met == row.n ? "" : "NOT KEPT: ", row.met,
			row.n);
	}
}

static void put_reasons(FILE *out, const struct group *g)
{
	for (uint32_t i = 0; i < g->n; i++) {
		json_t *r;
		size_t k;
		if (!json_array_size(g->r[i].reasons))
			continue;
		fprintf(out, "\n%s, run %u (%s):\n", g->r->drill, i + 1, g->r[i].verdict);
		json_array_foreach(g->r[i].reasons, k, r)
		    fprintf(out, "- %s\n", json_string_value(r));
	}
}

static void put_head(FILE *out, const struct card_run *r, uint32_t n)
{
	bool one_build = true;
	double took = 0;
	uint32_t repeats = 0;
	bool before = false, rolled = false;
	for (uint32_t i = 0; i < n; i++) {
		repeats += r[i].repeats;
		before |= r[i].before;
		rolled |= strcmp(r[i].drill, "rolling-upgrade") == 0;
		one_build &= strcmp(r[i].build, r->build) == 0;
		took += r[i].took_s;
	}
	fputs("# Drills: what held\n\nWritten by `helio-chaos score`; do not edit. ", out);
	if (n)
		fprintf(out,
			"%.10s, Heliograph %s, %u runs in %.0f minutes%s.\nMachine: %s; three "
			"sites of two machines in namespaces of it, the load on it too.\n",
			r->date, r->version, n, took / 60,
			one_build ? ", one build" : "; NOT all by one build", r->machine);
	if (repeats)
		fprintf(
		    out,
		    "%u runs could not be judged (mostly: the machine was starved) and were made "
		    "again.\n",
		    repeats);
	if (rolled)
		fputs(before ? "rolling-upgrade rolls from an older build to this one.\n"
			     : "rolling-upgrade rolls from this build to itself (--before was not "
			       "given).\n",
		      out);
}

void card_write(const struct card_run *r, uint32_t n, FILE *out)
{
	uint32_t drills = 0, held = 0;
	put_head(out, r, n);
	fputs("\nTwo figures are the worst run's and the middle one's.\n\n"
	      "| drill | verdict | runs that held | callers waiting, talking, of these across "
	      "sites | cut off | longest silence | all served again after | rules broken |\n"
	      "|---|---|---|---|---|---|---|---|\n",
	      out);
	for (uint32_t i = 0; i < n;) {
		struct group g = group_at(&r[i], n - i);
		put_drill(out, &g);
		drills++;
		held += g.judged > 0 && g.held == g.judged;
		i += g.n;
	}
	fprintf(out, "\n%u of %u drills held in every run.\n", held, drills);
	fputs("\n## Each promise beside its target\n\n"
	      "| drill | promise | target | worst | median | kept |\n|---|---|---|---|---|---|\n",
	      out);
	for (uint32_t i = 0; i < n;) {
		struct group g = group_at(&r[i], n - i);
		put_promises(out, &g);
		i += g.n;
	}
	for (uint32_t i = 0; i < n;) {
		struct group g = group_at(&r[i], n - i);
		put_reasons(out, &g);
		i += g.n;
	}
}
