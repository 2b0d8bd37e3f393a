/* The page of a run: one file, no script, drawn as SVG; verdict first, then why, then everything.
 */
#include "chaos/report/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/report/json.h"
#include "common/base/base.h"

enum { WIDTH = 1100, LEFT = 46, RIGHT = 12, PLOT = WIDTH - LEFT - RIGHT, LABEL_ROW = 15 };

static const char style[] =
    ":root{--ink:#1b1f24;--dim:#5c6670;--paper:#fff;--line:#d8dde2;--good:#1a7f37;--bad:#c62828;"
    "--odd:#8a5c00;--wait:#9c5410;--talk:#1a62d6;--band:#c6282812;--edge:#c6282866}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e9ec;--dim:#9aa4ad;--paper:#14171a;"
    "--line:#343a40;--good:#4cc26a;--bad:#ff6b62;--odd:#e0b341;--wait:#e69a55;--talk:#6aa8ff;"
    "--band:#ff6b6216;--edge:#ff6b6277}}"
    "*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);"
    "font:16px/1.45 system-ui,sans-serif}main{max-width:1140px;margin:0 auto;padding:20px}"
    "h1{font-size:26px;margin:6px 0}h2{font-size:18px;margin:28px 0 8px}"
    ".badge{display:inline-block;padding:4px 14px;border-radius:6px;color:#fff;font-weight:700;"
    "font-size:22px;letter-spacing:.04em}.HELD{background:#1a7f37}.DEVIATED{background:#c62828}"
    ".INCONCLUSIVE,.UNFINISHED{background:#8a6100}.ABORTED{background:#57606a}.but{background:#"
    "8a6100}"
    ".dim{color:var(--dim)}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;padding:5px 10px 5px 0;border-bottom:1px solid var(--line);"
    "vertical-align:top}th{color:var(--dim);font-weight:600}"
    ".ok{color:var(--good);font-weight:700}.no{color:var(--bad);font-weight:700}"
    "td:first-child{white-space:nowrap}.sum{font-size:18px;margin:6px 0}"
    "ul{margin:6px 0;padding-left:22px}svg{width:100%;min-width:820px;height:auto;display:block}"
    "svg text{fill:var(--dim);font:12px system-ui,sans-serif}.wrap{overflow-x:auto}"
    ".wrap:focus-visible,summary:focus-visible{outline:3px solid var(--talk);outline-offset:2px}"
    "details{margin:10px 0}summary{cursor:pointer;font-weight:600}"
    "@media print{details>*{display:block}}";

static void text(FILE *o, const char *s)
{
	for (; *s; s++) {
		switch (*s) {
		case '<': fputs("&lt;", o); break;
		case '>': fputs("&gt;", o); break;
		case '&': fputs("&amp;", o); break;
		case '"': fputs("&quot;", o); break;
		default: fputc(*s, o);
		}
	}
}

static void json_text(FILE *o, const json_t *v)
{
	char *s = v ? json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(5)) : NULL;
	for (char *p = s; p && *p; p++)
		if (!strchr("{}\"", *p))
			fputc(*p == '<' || *p == '&' ? ' ' : *p, o);
	free(s);
}

/* ---- the timeline ------------------------------------------------------------------------ */

static double x_at(const struct figures *f, double t)
{
	return LEFT + PLOT * (f->last_s > 0 ? t / f->last_s : 0);
}

static double step_for(double span)
{
	static const double steps[] = {1, 2, 5, 10, 20, 30, 60, 120, 300, 600};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(steps); i++)
		if (span / steps[i] <= 14)
			return steps[i];
	return 1200;
}

static void band_name(const json_t *fault, char out[static 80])
{
	const json_t *args = json_object_get(fault, "args");
	const char *from = str(args, "from"), *to = str(args, "to");
	if (*str(fault, "target"))
		snprintf(out, 80, "%.30s %.45s", str(fault, "kind"), str(fault, "target"));
	else
		snprintf(out, 80, "%.20s %.25s to %.25s", str(fault, "kind"), *from ? from : "all",
			 *to ? to : "all");
}

enum { LABEL_ROWS = 12 };

/* Where each fault's label stands: in the first row in which it hides no other. */
struct label {
	double x; /* of its band */
	bool right;
	uint32_t row;
};

static uint32_t labels_place(const struct figures *f, struct label *at)
{
	double taken[LABEL_ROWS] = {0};
	uint32_t rows = 1;
	size_t i;
	json_t *b;
	json_array_foreach(f->faults, i, b)
	{
		char name[80];
		band_name(b, name);
		double x = x_at(f, num(b, "begun")), w = 6.6 * (double)strlen(name) + 8;
		bool right = x + w > WIDTH;
		double from = right ? x - w : x;
		uint32_t row = 0;
		while (row + 1 < LABEL_ROWS && taken[row] > from)
			row++;
		taken[row] = from + w;
		at[i] = (struct label){x, right, row};
		rows = row + 1 > rows ? row + 1 : rows;
	}
	return rows;
}

/* Bands from the rows of labels down through all panels: many at once stay light, so that what is
 * drawn over them can be read; an edge says where each begins. */
static void bands(FILE *o, const struct figures *f, const struct label *at, double top,
		  double height)
{
	size_t i;
	json_t *b;
	json_array_foreach(f->faults, i, b)
	{
		char name[80];
		double to = json_object_get(b, "healed") ? num(b, "healed") : f->last_s;
		double row = 12 + at[i].row * LABEL_ROW, y = row - 10;
		fprintf(o,
			"<rect x='%.1f' y='%.1f' width='%.1f' height='%.1f' fill='var(--band)'/>"
			"<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' stroke='var(--edge)'/>",
			at[i].x, y, fmax(2, x_at(f, to) - at[i].x), top + height - y, at[i].x,
			at[i].x, y, top + height);
		fprintf(o, "<text x='%.1f' y='%.1f' text-anchor='%s' style='fill:var(--ink)'>",
			at[i].right ? at[i].x - 4 : at[i].x + 3, row,
			at[i].right ? "end" : "start");
		band_name(b, name);
		text(o, name);
		fputs("</text>", o);
	}
}

static void curve(FILE *o, const struct figures *f, const char *key, const char *colour, double top,
		  double height, double most)
{
	size_t i;
	json_t *s;
	double y = top + height;
	bool first = true;
	fprintf(o, "<path fill='none' stroke='var(--%s)' stroke-width='2' d='", colour);
	json_array_foreach(f->samples, i, s)
	{
		double x = x_at(f, num(s, "t"));
		y = top + height - height * num(s, key) / (most > 0 ? most : 1);
		fprintf(o, first ? "M%.1f %.1f" : "H%.1fV%.1f", x, y);
		first = false;
	}
	fputs("'/>", o);
}

static void axis(FILE *o, const struct figures *f, double top, double height, double most,
		 const char *unit)
{
	fprintf(o,
		"<line x1='%d' x2='%d' y1='%.1f' y2='%.1f' stroke='var(--line)'/>"
		"<line x1='%d' x2='%d' y1='%.1f' y2='%.1f' stroke='var(--line)'/>"
		"<text x='%d' y='%.1f' text-anchor='end'>%.4g%s</text>"
		"<text x='%d' y='%.1f' text-anchor='end'>0</text>",
		LEFT, WIDTH - RIGHT, top, top, LEFT, WIDTH - RIGHT, top + height, top + height,
		LEFT - 5, top + 10, most, unit, LEFT - 5, top + height);
	(void)f;
}

static void seconds(FILE *o, const struct figures *f, double y)
{
	double step = step_for(f->last_s);
	for (double t = 0; t <= f->last_s; t += step)
		fprintf(o, "<text x='%.1f' y='%.1f' text-anchor='middle'>%g s</text>", x_at(f, t),
			y, t);
}

/* Silences as bars at the moment in which sound came back: a logarithm of their length. */
static void silences(FILE *o, const struct figures *f, double top, double height)
{
	size_t i;
	json_t *g;
	fprintf(o,
		"<text x='%d' y='%.1f' text-anchor='end'>10 s</text>"
		"<text x='%d' y='%.1f' text-anchor='end'>.3 s</text>"
		"<line x1='%d' x2='%d' y1='%.1f' y2='%.1f' stroke='var(--line)'/>",
		LEFT - 5, top + 10, LEFT - 5, top + height, LEFT, WIDTH - RIGHT, top + height,
		top + height);
	json_array_foreach(f->gaps, i, g)
	{
		double ms = num(g, "ms"), part = log10(fmax(ms, 301) / 300) / log10(10000.0 / 300);
		double h = fmax(2, height * fmin(1, part));
		fprintf(o, "<rect x='%.1f' y='%.1f' width='2' height='%.1f' fill='var(--bad)'/>",
			x_at(f, num(g, "t")), top + height - h, h);
	}
}

static double most_of(const struct figures *f, const char *key)
{
	size_t i;
	json_t *s;
	double most = 1;
	json_array_foreach(f->samples, i, s) most = fmax(most, num(s, key));
	return most;
}

static double cut_off(const json_t *sample)
{
	return num(json_object_get(sample, "callers"), "lost");
}

/* The samples count from the beginning: what is new in each. */
static void losses(FILE *o, const struct figures *f, double top, double height)
{
	size_t i;
	json_t *s;
	double most = 1, had = 0;
	json_array_foreach(f->samples, i, s)
	{
		most = fmax(most, cut_off(s) - had);
		had = cut_off(s);
	}
	axis(o, f, top, height, most, "");
	had = 0;
	json_array_foreach(f->samples, i, s)
	{
		double h = height * fmax(0, cut_off(s) - had) / most;
		had = cut_off(s);
		if (h > 0)
			fprintf(o,
				"<rect x='%.1f' y='%.1f' width='4' height='%.1f' "
				"fill='var(--bad)'/>",
				x_at(f, num(s, "t")) - 4, top + height - h, h);
	}
}

static void label(FILE *o, double y, const char *colour, const char *words)
{
	fprintf(o, "<text x='%d' y='%.1f' style='fill:var(--%s);font-weight:600'>%s</text>",
		LEFT + 4, y, colour, words);
}

static void timeline(FILE *o, const struct figures *f)
{
	struct label *at = calloc(json_array_size(f->faults) + 1, sizeof(*at));
	helio_assert(at);
	double top = 14 + labels_place(f, at) * (double)LABEL_ROW, y = top;
	double calls = fmax(most_of(f, "waiting"), most_of(f, "talking"));
	enum { BIG = 190, SMALL = 56, SPACE = 22 };
	double height = BIG + 4 * (SMALL + SPACE);
	fprintf(o,
		"<div class=wrap tabindex=0 role=region aria-label='The timeline, it may scroll'>"
		"<svg viewBox='0 0 %d %.0f' role='img' aria-label='Timeline of "
		"%.0f seconds: at most %u callers waiting, %u talking; %u cut off; the longest "
		"silence %.2f seconds'>",
		WIDTH, top + height + 26, f->last_s, f->waiting_most, f->talking_most, f->lost,
		f->gap_worst_ms / 1e3);
	bands(o, f, at, top, height);
	free(at);
	axis(o, f, y, BIG, calls, "");
	curve(o, f, "waiting", "wait", y, BIG, calls);
	curve(o, f, "talking", "talk", y, BIG, calls);
	label(o, y + 14, "wait", "callers waiting");
	label(o, y + 30, "talk", "callers talking");
	y += BIG + SPACE;
	losses(o, f, y, SMALL);
	label(o, y - 5, "bad", "callers cut off, in each second");
	y += SMALL + SPACE;
	silences(o, f, y, SMALL);
	label(o, y - 5, "bad", "silences of 300 ms and more, as callers heard them");
	y += SMALL + SPACE;
	axis(o, f, y, SMALL, fmax(1, most_of(f, "agents_away")), "");
	curve(o, f, "agents_away", "odd", y, SMALL, fmax(1, most_of(f, "agents_away")));
	label(o, y - 5, "odd", "pages without a link");
	y += SMALL + SPACE;
	axis(o, f, y, SMALL, most_of(f, "daemons"), "");
	curve(o, f, "up", "good", y, SMALL, most_of(f, "daemons"));
	label(o, y - 5, "good", "nodes and brokers that answer");
	seconds(o, f, top + height + 12);
	fputs("</svg></div>", o);
}

/* ---- tables ------------------------------------------------------------------------------ */

static void score_row(FILE *o, const struct score *s)
{
	fprintf(o, "<tr><td class=%s>%s<td>", s->met ? "ok" : "no", s->met ? "kept" : "NOT kept");
	text(o, s->what);
	fputs("<td>", o);
	text(o, s->value);
	fputs("<td class=dim>", o);
	text(o, s->target);
	fputs("</tr>", o);
}

/* What was not kept comes first. */
static void scores(FILE *o, const struct figures *f)
{
	struct score s[SCORES_MAX];
	uint32_t n = figures_scores(f, s);
	fputs("<h2>What was promised, what was seen</h2><div class=wrap><table><tr><th><th>Promise"
	      "<th>Seen<th>Target</tr>",
	      o);
	for (int met = 0; met <= 1; met++)
		for (uint32_t i = 0; i < n; i++)
			if (s[i].counts && s[i].met == met)
				score_row(o, &s[i]);
	fputs("</table></div>", o);
}

static void faults(FILE *o, const struct figures *f)
{
	size_t i;
	json_t *b;
	fputs("<h2>What was broken</h2><div class=wrap><table><tr><th>From<th>To<th>Fault<th>Where"
	      "<th>Proof that it bit</tr>",
	      o);
	json_array_foreach(f->faults, i, b)
	{
		fprintf(o, "<tr><td>%.1f s<td>", num(b, "begun"));
		if (json_object_get(b, "healed"))
			fprintf(o, "%.1f s", num(b, "healed"));
		fputs("<td>", o);
		text(o, str(b, "kind"));
		fputs(" ", o);
		json_text(o, json_object_get(b, "args"));
		fputs("<td>", o);
		text(o, str(b, "target"));
		bool bit = json_is_true(json_object_get(b, "bitten"));
		fprintf(o, "<td class=%s>%s", bit ? "" : "no", bit ? "" : "none: it did not bite ");
		json_text(o, json_object_get(b, "proof"));
		fputs("</tr>", o);
	}
	fputs("</table></div>", o);
}

static void probes(FILE *o, const struct figures *f)
{
	size_t i;
	json_t *p;
	fputs("<h2>The steady state</h2><div class=wrap><table><tr><th><th>When<th>Probe<th>Value"
	      "<th>Wanted</tr>",
	      o);
	json_array_foreach(f->probes, i, p)
	{
		bool ok = json_is_true(json_object_get(p, "ok"));
		fprintf(o, "<tr><td class=%s>%s<td>", ok ? "ok" : "no",
			ok ? "holds" : "does NOT hold");
		text(o, str(p, "hypothesis"));
		fputs("<td>", o);
		text(o, str(p, "name"));
		fputs("<td>", o);
		json_text(o, json_object_get(p, "value"));
		fputs("<td class=dim>", o);
		text(o, str(p, "tolerance"));
		fputs("</tr>", o);
	}
	fputs("</table></div>", o);
}

static void violations(FILE *o, const struct figures *f)
{
	size_t i;
	json_t *v, *list = json_object_get(f->checked, "violations");
	if (!json_array_size(list))
		return;
	fputs(
	    "<h2>Rules that were broken</h2><div class=wrap><table><tr><th>At<th>Rule<th>What</tr>",
	    o);
	json_array_foreach(list, i, v)
	{
		fprintf(o, "<tr><td>%.3f s<td class=no>", num(v, "t"));
		text(o, str(v, "rule"));
		fputs("<td>", o);
		text(o, str(v, "text"));
		fputs("</tr>", o);
	}
	fputs("</table></div>", o);
}

static int longest_first(const void *a, const void *b)
{
	double x = num(*(json_t *const *)a, "gap_ms"), y = num(*(json_t *const *)b, "gap_ms");
	return x > y ? -1 : x < y;
}

static void worst_calls(FILE *o, const struct figures *f)
{
	size_t n = json_array_size(f->calls), i;
	json_t **v = calloc(n + 1, sizeof(json_t *)), *c;
	double origin = num(f->run, "mono_us") - num(f->run, "t") * 1e6;
	helio_assert(v);
	json_array_foreach(f->calls, i, c) v[i] = c;
	qsort(v, n, sizeof(json_t *), longest_first);
	fputs(
	    "<details><summary>The callers who heard nothing for longest</summary><div class=wrap>"
	    "<table><tr><th>Caller<th>Called<th>Silent for<th>From<th>Ended by</tr>",
	    o);
	for (i = 0; i < n && i < 12 && num(v[i], "gap_ms") >= 300; i++) {
		fputs("<tr><td>", o);
		text(o, str(v[i], "number"));
		fputs("<td>", o);
		text(o, str(v[i], "to"));
		fprintf(o, "<td>%.2f s<td>%.1f s<td>", num(v[i], "gap_ms") / 1e3,
			(num(v[i], "gap_at_us") - origin) / 1e6);
		text(o, str(v[i], "by"));
		fputs("</tr>", o);
	}
	fputs("</table></div></details>", o);
	free(v);
}

/* ---- the page ---------------------------------------------------------------------------- */

/* The whole in one sentence or three. */
static void summary(FILE *o, const struct figures *f, const struct score *s, uint32_t n)
{
	if (!f->ledger)
		return;
	if (f->lost)
		fprintf(o, "<p class='sum no'>%u of %u callers were cut off.", f->lost, f->callers);
	else
		fprintf(o, "<p class=sum>None of %u callers was cut off.", f->callers);
	if (f->gap_worst_ms > 0)
		fprintf(o, " The longest silence was %.2f s; %u heard one of 0.3 s or more.",
			f->gap_worst_ms / 1e3, f->gaps_n);
	else
		fputs(" Nobody heard a silence of 0.3 s.", o);
	for (uint32_t i = 0; i < n; i++) {
		if (!s[i].counts || strcmp(s[i].what, SCORE_SERVED) != 0)
			continue;
		if (!s[i].met)
			fputs(" Not everybody was served again before the end.", o);
		else if (s[i].seen > 0)
			fprintf(o, " Everybody was served again %.1f s after the first fault.",
				s[i].seen);
	}
	fputs("</p>", o);
}

static void head(FILE *o, const struct figures *f)
{
	const char *verdict = figures_verdict(f);
	const json_t *machine = json_object_get(f->run, "machine"),
		     *load = json_object_get(f->run, "load");
	json_t *reasons = json_object_get(f->verdict, "reasons"), *r;
	size_t i;
	struct score s[SCORES_MAX];
	uint32_t n = figures_scores(f, s), missed = 0;
	for (uint32_t k = 0; k < n; k++)
		missed += s[k].counts && !s[k].met;
	fprintf(o, "<span class='badge %s'>%s</span>", verdict, verdict);
	/* The drill judges its own hypothesis; DESIGN's promises are more. */
	if (missed && strcmp(verdict, "HELD") == 0)
		fprintf(o, " <span class='badge but'>but %u promise%s not kept</span>", missed,
			missed == 1 ? "" : "s");
	fputs("<h1>", o);
	text(o, str(f->run, "title"));
	fputs("</h1>", o);
	summary(o, f, s, n);
	if (json_array_size(reasons)) {
		fputs("<ul class=no>", o);
		json_array_foreach(reasons, i, r)
		{
			fputs("<li>", o);
			text(o, json_string_value(r));
		}
		fputs("</ul>", o);
	}
	if (missed && json_array_size(f->faults) > 1)
		fputs("<p>The promises below are made for one fault at a time; here was more than "
		      "one.</p>",
		      o);
	fputs("<p>", o);
	text(o, str(f->run, "description"));
	fputs("</p><p class=dim>", o);
	text(o, str(f->run, "date"));
	fprintf(o, " · %.0f callers, %.0f agents, three sites of two machines · ",
		num(load, "callers"), num(load, "agents"));
	fprintf(o, "%.0f processors (", num(machine, "cpus"));
	text(o, str(machine, "cpu"));
	fprintf(o, "), %.0f MB, kernel ", num(machine, "memory_mb"));
	text(o, str(machine, "kernel"));
	fprintf(o, " · lines %s · seed %.0f · Heliograph %s</p>", str(load, "wan"),
		num(f->run, "seed"), str(f->run, "version"));
}

void html_write(const struct figures *f, FILE *o)
{
	fputs("<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport "
	      "content='width=device-width,initial-scale=1'><title>",
	      o);
	text(o, figures_verdict(f));
	fputs(": ", o);
	text(o, str(f->run, "title"));
	fprintf(o, "</title><style>%s</style><main>", style);
	head(o, f);
	scores(o, f);
	fputs("<h2>How it went</h2>", o);
	timeline(o, f);
	faults(o, f);
	violations(o, f);
	probes(o, f);
	worst_calls(o, f);
	fputs("<p class=dim>Made of journal.jsonl in the folder of this page; traces, logs and "
	      "records lie "
	      "beside it.</p></main></html>\n",
	      o);
}
