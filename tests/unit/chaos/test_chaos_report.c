/* From a journal to figures, a page and a line of the scorecard: what is counted, what is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "chaos/report/report.h"
#include "common/base/base.h"

/* Two callers talk, one waits; oslo1 is killed at 10 s, all is as before at 13 s. */
static const char run[] =
    "{\"t\":0,\"mono_us\":1000000,\"type\":\"run\",\"title\":\"<script>alert(1)</script>\","
    "\"file\":\"drills/node-kill.yaml\",\"description\":\"a & b\",\"seed\":1,\"version\":\"1\","
    "\"date\":\"2026-11-22T01:00:00Z\",\"machine\":{\"cpus\":2,\"cpu\":\"c\",\"kernel\":\"6.18.1-"
    "x\","
    "\"memory_mb\":1},\"load\":{\"callers\":3,\"agents\":2,\"wan\":\"\"}}\n"
    "{\"t\":8,\"type\":\"phase\",\"phase\":\"method\"}\n";
static const char calm[] = "{\"t\":9,\"type\":\"sample\",\"waiting\":1,\"talking\":2,\"calls\":3,"
			   "\"up\":12,\"daemons\":12,\"agents_away\":0,\"lag_ms\":3,"
			   "\"callers\":{\"lost\":0},\"cpu\":{\"busy\":40}}\n";
static const char fault[] =
    "{\"t\":10,\"type\":\"fault\",\"phase\":\"begun\",\"id\":1,\"kind\":\"kill\",\"target\":"
    "\"oslo1\",\"args\":{},\"bitten\":false}\n"
    "{\"t\":10.1,\"type\":\"fault\",\"phase\":\"bitten\",\"id\":1,\"kind\":\"kill\",\"target\":"
    "\"oslo1\",\"args\":{},\"bitten\":true,\"proof\":{\"killed\":1}}\n"
    "{\"t\":11,\"type\":\"fault\",\"phase\":\"healed\",\"id\":1,\"kind\":\"kill\",\"target\":"
    "\"oslo1\",\"args\":{},\"bitten\":true,\"proof\":{\"killed\":1}}\n";
static const char hit[] =
    "{\"t\":5,\"type\":\"gap\",\"number\":\"a\",\"ms\":9000}\n" /* before: not the fault's */
    "{\"t\":11,\"type\":\"sample\",\"waiting\":1,\"talking\":1,\"calls\":2,\"up\":11,"
    "\"daemons\":12,\"agents_away\":1,\"lag_ms\":5,\"callers\":{\"lost\":1},\"cpu\":{\"busy\":90}}"
    "\n"
    "{\"t\":11.5,\"type\":\"gap\",\"number\":\"a\",\"ms\":1500}\n"
    "{\"t\":12,\"type\":\"gap\",\"number\":\"b\",\"ms\":400}\n"
    "{\"t\":13,\"type\":\"sample\",\"waiting\":1,\"talking\":2,\"calls\":3,\"up\":12,"
    "\"daemons\":12,\"agents_away\":0,\"lag_ms\":5,\"callers\":{\"lost\":1},\"cpu\":{\"busy\":50}}"
    "\n"
    "{\"t\":14,\"type\":\"phase\",\"phase\":\"rollbacks\"}\n";
static const char ends[] =
    "{\"t\":15,\"type\":\"call\",\"number\":\"a\",\"answered\":true,\"gap_ms\":1500}\n"
    "{\"t\":15,\"type\":\"call\",\"number\":\"b\",\"answered\":true,\"gap_ms\":400}\n"
    "{\"t\":15,\"type\":\"call\",\"number\":\"c\",\"answered\":true,\"gap_ms\":0}\n"
    "{\"t\":16,\"type\":\"ledger\",\"entered\":3,\"ended\":3,\"in_system\":0,\"lost\":[\"b\"],"
    "\"balanced\":true}\n"
    "{\"t\":17,\"type\":\"checked\",\"events\":10,\"found\":0,\"violations\":[],\"entered\":3,"
    "\"ended\":3,\"in_system\":0,\"torn\":2,\"rejoined\":1,\"rejoined_ms\":700,\"requeued\":1,"
    "\"inversions\":0,\"inversion_ms\":0}\n"
    "{\"t\":18,\"type\":\"verdict\",\"verdict\":\"HELD\",\"reasons\":[]}\n";

static char dir[64];

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/helio-report-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const files[] = {"journal.jsonl", "logs/oslo2.log", "logs", ""};
	char path[128];
	(void)state;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		(void)remove(path);
	}
	return 0;
}

static void put(const char *name, const char *text, const char *mode)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, mode);
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void put_all(void)
{
	const char *const parts[] = {run, calm, fault, hit, ends};
	char path[128];
	for (size_t i = 0; i < HELIO_ARRAY_LEN(parts); i++)
		put("journal.jsonl", parts[i], "a");
	snprintf(path, sizeof(path), "%s/logs", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	put("logs/oslo2.log",
	    "level=warn daemon=oslo2 event=node.adopted node=oslo1 calls=2 detect_ms=617 "
	    "adopt_ms=37 complete=1\n"
	    /* stopped in order */
	    "level=warn daemon=oslo2 event=node.adopted node=oslo1 calls=2 detect_ms=0 "
	    "adopt_ms=90 complete=1\n",
	    "w");
}

static const struct score *score(const struct score *s, uint32_t n, const char *part)
{
	for (uint32_t i = 0; i < n; i++)
		if (strstr(s[i].what, part))
			return &s[i];
	fail_msg("no promise about %s", part);
	return NULL;
}

static void figures_are_of_what_came_after_the_fault(void **state)
{
	struct figures f;
	(void)state;
	put_all();
	assert_int_equal(figures_read(&f, dir), 0);
	assert_int_equal(f.callers, 3);
	assert_int_equal(f.lost, 1);
	assert_int_equal(f.gaps_n, 2);
	assert_true(fabs(f.gap_worst_ms - 1500) < 0.1);
	assert_true(fabs(f.recovered_s - 3) < 0.01);
	assert_int_equal(f.adopted, 1);
	assert_true(fabs(f.detect_ms - 617) < 0.1 && fabs(f.adopt_ms - 37) < 0.1);
	assert_int_equal(json_array_size(f.faults), 1); /* begun, bitten, healed: one band */
	figures_free(&f);
}

static void promises_are_judged_each_by_its_target(void **state)
{
	struct figures f;
	struct score s[SCORES_MAX];
	(void)state;
	put_all();
	assert_int_equal(figures_read(&f, dir), 0);
	uint32_t n = figures_scores(&f, s);
	assert_true(n <= SCORES_MAX);
	assert_false(score(s, n, "cut off")->met);
	assert_true(score(s, n, "longest silence")->met);
	assert_true(score(s, n, "noticed")->met);
	assert_false(score(s, n, "same agent")->met); /* 1 of 2 was queued again */
	assert_true(score(s, n, "by the traces")->met);
	assert_false(score(s, n, "pages are back")->counts); /* nobody was away: nothing said */
	/* A call that the traces leave in the system is not a balanced ledger. */
	json_object_set_new(f.checked, "in_system", json_integer(1));
	n = figures_scores(&f, s);
	assert_false(score(s, n, "by the traces")->met);
	figures_free(&f);
}

static void a_journal_that_stops_is_unfinished(void **state)
{
	struct figures f;
	(void)state;
	assert_int_equal(figures_read(&f, dir), ENOENT);
	put("journal.jsonl", "{\"t\":1,\"type\":\"phase\",\"phase\":\"lab\"}\n", "w");
	assert_int_equal(figures_read(&f, dir), EBADMSG);
	figures_free(&f);
	put("journal.jsonl", run, "w");
	put("journal.jsonl", "{\"t\":9,\"type\":\"sam", "a"); /* killed in the middle of a line */
	assert_int_equal(figures_read(&f, dir), 0);
	assert_string_equal(figures_verdict(&f), "UNFINISHED");
	char *page = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&page, &size);
	html_write(&f, out);
	fclose(out);
	assert_non_null(strstr(page, "UNFINISHED"));
	free(page);
	figures_free(&f);
}

static void the_page_needs_nothing_else_and_says_the_worst_first(void **state)
{
	struct figures f;
	char *page = NULL;
	size_t size = 0;
	(void)state;
	put_all();
	assert_int_equal(figures_read(&f, dir), 0);
	FILE *out = open_memstream(&page, &size);
	html_write(&f, out);
	fclose(out);
	assert_null(strstr(page, "<script"));
	assert_non_null(strstr(page, "&lt;script&gt;"));
	assert_null(strstr(page, "http:"));
	assert_null(strstr(page, "https:"));
	assert_null(strstr(page, "src="));
	const char *verdict = strstr(page, ">HELD<"), *but = strstr(page, "promises not kept");
	assert_non_null(verdict);
	assert_non_null(but);
	assert_true(verdict < but && but < strstr(page, "<h1>"));
	assert_non_null(strstr(page, "aria-label='Timeline of 18 seconds"));
	assert_non_null(strstr(page, "prefers-color-scheme:dark"));
	free(page);

	figures_free(&f);
}

/* Bars of a line of a table. */
static uint32_t cells(const char *line)
{
	uint32_t n = 0;
	for (; *line && *line != '\n'; line++)
		n += *line == '|';
	return n;
}

static void set_seen(struct card_run *r, const char *part, double seen, bool met)
{
	for (uint32_t i = 0; i < r->scores_n; i++)
		if (strstr(r->score[i].what, part)) {
			r->score[i].seen = seen;
			r->score[i].met = met;
		}
}

static void the_scorecard_has_the_worst_and_the_middle_of_all_runs(void **state)
{
	struct card_run r[4];
	char *card = NULL;
	size_t size = 0;
	(void)state;
	put_all();
	for (size_t i = 0; i < HELIO_ARRAY_LEN(r); i++)
		assert_int_equal(card_read(&r[i], dir), 0);
	set_seen(&r[0], "longest silence", 0.4, true);
	set_seen(&r[1], "longest silence", 2.5, false);
	set_seen(&r[3], "longest silence", 99, false); /* nothing can be said of that one */
	strcpy(r[1].verdict, "DEVIATED");
	strcpy(r[3].verdict, "INCONCLUSIVE");
	FILE *out = open_memstream(&card, &size);
	card_write(r, 4, out);
	fclose(out);
	/* waiting 1, talking 2, none across; one of three cut off; 0.4, 1.5, 2.5 s of silence */
	const char *row =
	    strstr(card, "| node-kill | DEVIATED | 2 of 3 (and 1 without a verdict) | "
			 "1, 2, 0 | 1, 1 | 2.50 s, 1.50 s | 3.00 s, 3.00 s | 0, 0 |");
	assert_non_null(row);
	assert_int_equal(cells(row), cells(strstr(card, "| drill | verdict")));
	row = strstr(card, "| node-kill | longest silence that a caller heard | 2.0 s | 2.50 s | "
			   "1.50 s | NOT KEPT: 2 of 3 |");
	assert_non_null(row);
	assert_int_equal(cells(row), cells(strstr(card, "| drill | promise")));
	assert_non_null(strstr(card, "0 of 1 drills held in every run."));
	assert_non_null(strstr(card, "Linux 6.x, "));
	assert_null(strstr(card, "6.18"));
	free(card);
	for (size_t i = 0; i < HELIO_ARRAY_LEN(r); i++)
		card_free(&r[i]);
}

/* Two desks: one is rung 0.5 s after its talk, the other one not until the end. */
static void free_agents_and_healed_lines_are_timed(void **state)
{
	static const char cut[] =
	    "{\"t\":10,\"type\":\"fault\",\"phase\":\"begun\",\"id\":1,\"kind\":\"cut\","
	    "\"target\":\"oslo\",\"args\":{}}\n"
	    "{\"t\":12,\"type\":\"fault\",\"phase\":\"healed\",\"id\":1,\"kind\":\"cut\","
	    "\"target\":\"oslo\",\"args\":{},\"bitten\":true}\n"
	    "{\"t\":11,\"type\":\"agent\",\"agent\":\"load1\",\"event\":\"end\"}\n"
	    "{\"t\":11.5,\"type\":\"agent\",\"agent\":\"load1\",\"event\":\"ring\"}\n"
	    /* within a site, and over another line: neither says that this one carries talks */
	    "{\"t\":12.2,\"type\":\"agent\",\"agent\":\"load1\",\"event\":\"talk\",\"site\":"
	    "\"oslo\",\"from\":\"oslo\"}\n"
	    "{\"t\":12.3,\"type\":\"agent\",\"agent\":\"load3\",\"event\":\"talk\",\"site\":"
	    "\"manila\",\"from\":\"bogota\"}\n"
	    "{\"t\":13,\"type\":\"agent\",\"agent\":\"load2\",\"event\":\"talk\",\"site\":"
	    "\"oslo\",\"from\":\"manila\"}\n"
	    "{\"t\":12,\"type\":\"gap\",\"number\":\"a\",\"ms\":4000,\"far\":true}\n"
	    "{\"t\":12,\"type\":\"gap\",\"number\":\"b\",\"ms\":400,\"far\":false}\n";
	static const char idle[] =
	    "{\"t\":11,\"type\":\"agent\",\"agent\":\"load9\",\"event\":\"end\"}\n";
	static const char over[] = "{\"t\":14,\"type\":\"phase\",\"phase\":\"rollbacks\"}\n";
	struct figures f;
	(void)state;
	put("journal.jsonl", run, "w");
	put("journal.jsonl", cut, "a");
	put("journal.jsonl", over, "a");
	assert_int_equal(figures_read(&f, dir), 0);
	assert_true(fabs(f.idle_worst_s - 0.5) < 0.01);
	assert_true(fabs(f.heal_worst_s - 1) < 0.01);
	assert_true(fabs(f.gap_far_ms - 4000) < 0.1 && fabs(f.gap_near_ms - 400) < 0.1);
	figures_free(&f);
	put("journal.jsonl", run, "w");
	put("journal.jsonl", cut, "a");
	put("journal.jsonl", idle, "a");
	put("journal.jsonl", over, "a");
	assert_int_equal(figures_read(&f, dir), 0);
	assert_true(fabs(f.idle_worst_s - 3) < 0.01);
	figures_free(&f);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(figures_are_of_what_came_after_the_fault),
	    T(promises_are_judged_each_by_its_target),
	    T(a_journal_that_stops_is_unfinished),
	    T(the_scorecard_has_the_worst_and_the_middle_of_all_runs),
	    T(free_agents_and_healed_lines_are_timed),
	    T(the_page_needs_nothing_else_and_says_the_worst_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
