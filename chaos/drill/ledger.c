/* The books (S4, S5): every caller who was answered has exactly one record, and nobody is left. */
#include "chaos/drill/drill.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

enum { RECORDS_MAX = 1000 }; /* what helioctl gives at once */

/* Of one site. NULL: none, or more than can be read. */
static json_t *site_read(const struct drill *d, const char *site)
{
	char line[2048];
	snprintf(line, sizeof(line),
		 "%s/helioctl records --json --numbers --limit %d --site %s "
		 "--config %s/base/cluster.yaml 2>>%s/logs/commands.log",
		 d->lab_conf.bin, RECORDS_MAX, site, d->lab_dir, d->out);
	FILE *f = popen(line, "re");
	json_t *o = f ? json_loadf(f, 0, NULL) : NULL;
	if (f)
		(void)pclose(f); /* silent nodes are seen in the answer */
	if (json_array_size(json_object_get(o, "records")) < RECORDS_MAX)
		return o;
	json_decref(o);
	return NULL;
}

/* Of all sites, as one list; NULL: not whole. */
static json_t *records_read(struct drill *d)
{
	char path[LAB_PATH_SIZE + 32];
	json_t *rows = json_array(), *silent = json_array();
	bool whole = true;
	for (uint32_t s = 0; s < LAB_SITES; s++) {
		json_t *o = site_read(d, lab_site_name(s));
		whole &= o != NULL;
		json_array_extend(rows, json_object_get(o, "records"));
		json_array_extend(silent, json_object_get(o, "silent"));
		json_decref(o);
	}
	json_t *all = json_pack("{so so}", "records", rows, "silent", silent);
	snprintf(path, sizeof(path), "%s/records.json", d->out);
	(void)json_dump_file(all, path, JSON_COMPACT);
	if (!whole) {
		json_decref(all);
		return NULL;
	}
	return all;
}

/* Two processes may stamp the same microsecond: the node that was dialled tells them apart. Its
 * name begins the call's id, NODE-boot-number, whoever owns the call in the end. */
static void key_make(char key[static 96], const char *number, const char *call)
{
	size_t n = strlen(call);
	for (int dashes = 0; n && dashes < 2;)
		dashes += call[--n] == '-';
	snprintf(key, 96, "%.40s@%.*s", number, (int)(n > 40 ? 40 : n), call);
}

/* number@node → how many records, and the outcome of the last. */
static json_t *by_number(const json_t *records, json_t *outcomes)
{
	json_t *o = json_object(), *r;
	size_t i;
	json_array_foreach(json_object_get(records, "records"), i, r)
	{
		const char *number = json_string_value(json_object_get(r, "caller"));
		const char *outcome = json_string_value(json_object_get(r, "outcome"));
		const char *call = json_string_value(json_object_get(r, "call"));
		char key[96];
		if (!number || !outcome || !call)
			continue;
		key_make(key, number, call);
		json_t *had = json_object_get(o, key);
		json_object_set_new(
		    o, key,
		    json_pack("{si ss}", "n",
			      (int)json_integer_value(json_object_get(had, "n")) + 1, "outcome",
			      outcome));
		json_object_set_new(
		    outcomes, outcome,
		    json_integer(json_integer_value(json_object_get(outcomes, outcome)) + 1));
	}
	return o;
}

struct books {
	uint32_t entered, ended, missing, doubled, lost, dead;
	json_t *missing_list, *double_list, *lost_list;
};

static void caller_judge(struct drill *d, const struct drill_call *c, const json_t *records,
			 struct books *b)
{
	char number[96];
	if (!c->answered_us)
		return;
	snprintf(number, sizeof(number), "%s@%s", c->number, d->tail[c->tail].node);
	const json_t *r = json_object_get(records, number);
	json_int_t n = json_integer_value(json_object_get(r, "n"));
	const char *outcome = r ? json_string_value(json_object_get(r, "outcome")) : "";
	b->entered++;
	b->ended += n > 0;
	if (n == 0) {
		b->missing++;
		json_array_append_new(b->missing_list, json_string(number));
	}
	if (n > 1) {
		b->doubled++;
		json_array_append_new(b->double_list, json_string(number));
	}
	/* Cut off: hung up on by the cluster without an agent's doing, or dead air until the end.
	 */
	bool dead = !c->far && c->gap_ms > 10000 &&
		    c->gap_began_us + c->gap_ms * UINT64_C(1000) + 1000000 > c->ended_us;
	if ((c->far && strcmp(outcome, "answered") != 0) || dead) {
		b->lost++;
		b->dead += dead;
		json_array_append_new(b->lost_list, json_string(number));
	}
}

void ledger_make(struct drill *d)
{
	json_t *outcomes = json_object(), *file = records_read(d);
	json_t *records = by_number(file, outcomes);
	struct books b = {
	    .missing_list = json_array(), .double_list = json_array(), .lost_list = json_array()};
	for (uint32_t i = 0; i < d->calls_n; i++)
		caller_judge(d, &d->call[i], records, &b);
	size_t silent = json_array_size(json_object_get(file, "silent"));
	uint32_t left = (uint32_t)drill_metric(d, "calls", NULL, NULL);
	bool balanced = file && !b.missing && !b.doubled && !left;
	if (!file || d->calls_n == DRILL_CALLS_MAX)
		drill_judge(d, INCONCLUSIVE, "the records could not be read whole");
	else if (b.missing)
		drill_judge(d, DEVIATED, "S5: %u of %u callers who were answered have no record%s",
			    b.missing, b.entered, silent ? " (some nodes do not answer)" : "");
	if (b.doubled)
		drill_judge(d, DEVIATED, "S4: %u callers have two records", b.doubled);
	if (left)
		drill_judge(d, DEVIATED, "S5: %u calls are left in the system after all hung up",
			    left);
	journal_put(d->journal, "ledger", 0,
		    json_pack("{si si si si so so si so so sb}", "entered", (int)b.entered, "ended",
			      (int)b.ended, "in_system", (int)left, "records",
			      (int)json_object_size(records), "missing", b.missing_list, "double",
			      b.double_list, "dead_air", (int)b.dead, "lost", b.lost_list,
			      "outcomes", outcomes, "balanced", balanced));
	drill_say(d, "         ledger: %u entered, %u ended, %u left, %u lost; %s", b.entered,
		  b.ended, left, b.lost, balanced ? "balanced" : "NOT BALANCED");
	json_decref(records);
	json_decref(file);
}
