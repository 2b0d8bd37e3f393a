/* What the daemons lived through, merged and judged by the simulator's own checker. */
#include "chaos/drill/drill.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/base.h"

enum { TOLD_MAX = 5 };

/* Times of the lab's clock become seconds of the run. */
static void times_set(const struct drill *d, json_t *violations)
{
	size_t i;
	json_t *v;
	json_array_foreach(violations, i, v)
	{
		double at = (double)json_integer_value(json_object_get(v, "mono_us"));
		json_object_set_new(v, "t",
				    json_real((at - (double)journal_begun_us(d->journal)) / 1e6));
	}
}

static void judge(struct drill *d, const json_t *o)
{
	const json_t *violations = json_object_get(o, "violations");
	json_int_t n = json_integer_value(json_object_get(o, "found"));
	size_t i;
	json_t *v;
	json_array_foreach((json_t *)(uintptr_t)violations, i, v)
	{
		if (i == TOLD_MAX)
			break;
		drill_judge(d, DEVIATED, "the history: %s",
			    json_string_value(json_object_get(v, "text")));
	}
	if (n > TOLD_MAX)
		drill_judge(d, DEVIATED, "the history: %d findings in all", (int)n);
	drill_say(
	    d,
	    "         history: %d events of %d traces, %d calls entered, %d ended, %d adopted; "
	    "%d rules broken, %d inversions (%d ms at most)",
	    (int)json_integer_value(json_object_get(o, "events")),
	    (int)json_integer_value(json_object_get(o, "traces")),
	    (int)json_integer_value(json_object_get(o, "entered")),
	    (int)json_integer_value(json_object_get(o, "ended")),
	    (int)json_integer_value(json_object_get(o, "adopted")), (int)n,
	    (int)json_integer_value(json_object_get(o, "inversions")),
	    (int)json_integer_value(json_object_get(o, "inversion_ms")));
}

static bool digest_differs(const json_t *o)
{
	const json_t *violations = json_object_get(o, "violations");
	bool any = false;
	size_t i;
	json_t *v;
	json_array_foreach((json_t *)(uintptr_t)violations, i, v)
	{
		const char *rule = json_string_value(json_object_get(v, "rule"));
		any |= rule && strcmp(rule, "D1") == 0;
	}
	return any;
}

void history_check(struct drill *d)
{
	char line[4 * LAB_PATH_SIZE];
	if (d->verdict == ABORTED && !d->calls_n)
		return;
	snprintf(line, sizeof(line),
		 "%s/helio-sim --history %s/traces/*.trace 2>>%s/logs/commands.log",
		 d->lab_conf.bin, d->out, d->out);
	FILE *f = popen(line, "re");
	json_t *o = f ? json_loadf(f, 0, NULL) : NULL;
	if (f)
		(void)pclose(f);
	if (!o) {
		drill_judge(d, INCONCLUSIVE,
			    "the history could not be checked: helio-sim --history; see "
			    "logs/commands.log");
		return;
	}
	/* Two versions' cores may decide differently: what the older one did says nothing then when
	 * ours steps it again. The ledger and the callers are judged all the same. */
	if (d->before && digest_differs(o)) {
		drill_say(d, "         history: not checked, the version before has another core");
		journal_put(d->journal, "unchecked", 0,
			    json_pack("{ss}", "why", "the version before has another core"));
		json_decref(o);
		return;
	}
	times_set(d, json_object_get(o, "violations"));
	judge(d, o);
	journal_put(d->journal, "checked", 0, o);
}
