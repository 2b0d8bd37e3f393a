/* drills.md: one line a drill, from the runs that were made last. */
#include "chaos/report/report.h"

#include <math.h>
#include <string.h>

static double num(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

static const char *str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

static void name(const struct figures *f, FILE *out)
{
	const char *file = str(f->run, "file"), *slash = strrchr(file, '/');
	slash = slash ? slash + 1 : file;
	fprintf(out, "%.*s", (int)strcspn(slash, "."), slash);
}

void card_write(const struct figures *f, uint32_t n, FILE *out)
{
	const json_t *machine = n ? json_object_get(f[0].run, "machine") : NULL;
	uint32_t held = 0;
	fputs("# Drills: what held\n\nWritten by `helio-chaos report --scorecard`; do not edit. ",
	      out);
	if (n)
		fprintf(out, "Machine: %.0f processors (%s), %.0f MB, kernel %s.\n\n",
			num(machine, "cpus"), str(machine, "cpu"), num(machine, "memory_mb"),
			str(machine, "kernel"));
	fputs("| drill | verdict | callers, agents | cut off | longest silence | as before after | "
	      "noticed, "
	      "adopted | talks that lost a node, with the same agent again | rules broken | "
	      "inversions | date "
	      "|\n|---|---|---|---|---|---|---|---|---|---|---|\n",
	      out);
	for (uint32_t i = 0; i < n; i++) {
		const json_t *load = json_object_get(f[i].run, "load");
		held += strcmp(figures_verdict(&f[i]), "HELD") == 0;
		fputs("| ", out);
		name(&f[i], out);
		fprintf(out, " | %s | %.0f, %.0f | %u | %.2f s | ", figures_verdict(&f[i]),
			num(load, "callers"), num(load, "agents"), f[i].lost,
			f[i].gap_worst_ms / 1e3);
		if (f[i].recovered_s >= 0)
			fprintf(out, "%.1f s | ", f[i].recovered_s);
		else
			fputs(isnan(f[i].recovered_s) ? "- | " : "not in the run | ", out);
		if (f[i].adopted)
			fprintf(out, "%.2f s, %.2f s | ", f[i].detect_ms / 1e3,
				f[i].adopt_ms / 1e3);
		else
			fputs("- | ", out);
		if (num(f[i].checked, "torn") > 0)
			fprintf(out, "%.0f, %.0f | ", num(f[i].checked, "torn"),
				num(f[i].checked, "rejoined"));
		else
			fputs("- | ", out);
		if (f[i].checked)
			fprintf(out, "%.0f | %.0f | ", num(f[i].checked, "found"),
				num(f[i].checked, "inversions"));
		else
			fputs("not checked | - | ", out);
		fprintf(out, "%.16s |\n", str(f[i].run, "date"));
	}
	fprintf(out, "\n%u of %u held.\n", held, n);
	for (uint32_t i = 0; i < n; i++) {
		json_t *reasons = json_object_get(f[i].verdict, "reasons"), *r;
		size_t k;
		if (!json_array_size(reasons))
			continue;
		fputs("\n", out);
		name(&f[i], out);
		fprintf(out, " (%s):\n", figures_verdict(&f[i]));
		json_array_foreach(reasons, k, r) fprintf(out, "- %s\n", json_string_value(r));
	}
}
