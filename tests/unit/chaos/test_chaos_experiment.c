/* Reading experiments: what is there is understood, what is wrong is refused with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <dirent.h>

#include "chaos/drill/experiment.h"
#include "common/base/base.h"

#define HEAD "title: t\ndescription: d\n"

static int parse(struct experiment **e, const char *text, const char *const *sets, char **ret_said)
{
	size_t n = 0;
	FILE *f = open_memstream(ret_said, &n);
	int err = experiment_parse(e, "x.yaml", text, strlen(text), sets, f);
	fclose(f);
	return err;
}

static void refused_with(const char *text, const char *said)
{
	struct experiment *e = NULL;
	char *out = NULL;
	assert_int_equal(parse(&e, text, NULL, &out), 22);
	if (!strstr(out, said))
		fail_msg("\"%s\" is not in \"%s\"", said, out);
	free(out);
}

static void an_experiment_says_all_it_says(void **state)
{
	struct experiment *e = NULL;
	char *out = NULL;
	(void)state;
	assert_int_equal(
	    parse(&e,
		  HEAD
		  "configuration: {n: 30}\n"
		  "extensions:\n- name: heliograph\n  load: {callers: \"${n}\", agents: 10, talk: "
		  "5}\n"
		  "  stop: [{metric: lost, above: 3}]\n"
		  "steady-state-hypothesis:\n  title: s\n  probes:\n"
		  "  - {type: probe, name: p, tolerance: {type: range, range: [1, 2]}, provider: "
		  "{type: heliograph, func: waiting, arguments: {site: oslo}}}\n"
		  "method:\n"
		  "- {type: action, name: k, provider: {type: heliograph, func: kill, arguments: "
		  "{target: oslo1, for: 0.5}}, pauses: {before: 1, after: 2}}\n"
		  "- {type: action, name: q, provider: {type: process, path: /bin/true}}\n",
		  NULL, &out),
	    0);
	assert_string_equal(out, "");
	assert_int_equal(e->callers, 30);
	assert_int_equal(e->agents, 10);
	assert_int_equal(e->method_n, 2);
	assert_string_equal(e->method[0].func->name, "kill");
	assert_string_equal(json_string_value(json_object_get(e->method[0].args, "target")),
			    "oslo1");
	assert_true(e->method[0].pause_after_s > 1.9);
	assert_null(e->method[1].func);
	assert_int_equal(e->stops_n, 1);
	json_t *in = json_integer(2), *outside = json_integer(3);
	assert_true(tolerance_holds(&e->steady[0].tolerance, in));
	assert_false(tolerance_holds(&e->steady[0].tolerance, outside));
	json_decref(in);
	json_decref(outside);
	experiment_free(e);
	free(out);
}

static void json_is_read_as_well(void **state)
{
	struct experiment *e = NULL;
	char *out = NULL;
	(void)state;
	assert_int_equal(
	    parse(&e,
		  "{\"title\": \"t\", \"description\": \"d\", \"method\": [{\"type\": "
		  "\"action\", \"name\": \"k\", \"provider\": {\"type\": \"heliograph\", "
		  "\"func\": \"freeze\", \"arguments\": {\"target\": \"oslo1\"}}}]}",
		  NULL, &out),
	    0);
	assert_int_equal(e->method_n, 1);
	experiment_free(e);
	free(out);
}

static void parts_of_the_callers_are_no_more_than_all(void **state)
{
#define LOAD(what) HEAD "method: []\nextensions: [{name: heliograph, load: {" what "}}]\n"
	struct experiment *e = NULL;
	char *out = NULL;
	(void)state;
	assert_int_equal(parse(&e, LOAD("callers: 30, far: 20, sipp: 10"), NULL, &out), 0);
	assert_int_equal(e->sipp, 10);
	e = experiment_free(e);
	free(out);
	assert_int_equal(parse(&e, LOAD("callers: 30, far: 20, sipp: 11"), NULL, &out), EINVAL);
	assert_non_null(strstr(out, "together at most 30"));
	free(out);
	assert_int_equal(parse(&e, LOAD("callers: 30, sipp: 1, again: true"), NULL, &out), EINVAL);
	assert_non_null(strstr(out, "one of sipp and again"));
	free(out);
#undef LOAD
}

static void words_of_a_process_are_a_text_or_a_list(void **state)
{
	static const char text[] = HEAD
	    "method:\n"
	    "- {type: action, name: k, provider: {type: process, path: a, arguments: b c}}\n"
	    "- {type: action, name: k, provider: {type: process, path: a, arguments: [\"b c\", "
	    "$d]}}\n";
	struct experiment *e = NULL;
	char *out = NULL;
	(void)state;
	assert_int_equal(parse(&e, text, NULL, &out), 0);
	assert_string_equal(e->method[0].arguments, "b c");
	assert_string_equal(e->method[1].arguments, "'b c' '$d'");
	experiment_free(e);
	free(out);
}

static void the_command_line_may_change_what_is_configured_and_nothing_else(void **state)
{
	static const char text[] = HEAD
	    "configuration: {n: 30}\nextensions: [{name: heliograph, load: {callers: \"${n}\"}}]\n"
	    "method: []\n";
	const char *const sets[] = {"n=7", NULL}, *const bad[] = {"m=7", NULL};
	struct experiment *e = NULL;
	char *out = NULL;
	(void)state;
	assert_int_equal(parse(&e, text, sets, &out), 0);
	assert_int_equal(e->callers, 7);
	experiment_free(e);
	free(out);
	assert_int_equal(parse(&e, text, bad, &out), 22);
	assert_non_null(strstr(out, "m is not in this file's configuration"));
	free(out);
}

#define ACTION(provider) \
	HEAD "method:\n- {type: action, name: k, provider: {type: heliograph, " provider "}}\n"

static void what_is_wrong_is_said_with_its_place(void **state)
{
	(void)state;
	refused_with("method: []\n", "a title is missing");
	refused_with(HEAD, "a method is missing");
	refused_with(HEAD "methods: []\n", "x.yaml:3:1: no key is called 'methods' here");
	refused_with(HEAD "method: 3\n", "x.yaml:3:9: method: a list is needed here");
	refused_with(ACTION("func: kil, arguments: {target: a}"), "did you mean kill");
	refused_with(ACTION("func: kill"), "the argument target is missing");
	refused_with(ACTION("func: kill, arguments: {target: a, fro: 1}"),
		     "no key is called 'fro'");
	refused_with(ACTION("func: kill, arguments: {target: a, for: soon}"),
		     "a number is needed here");
	refused_with(ACTION("func: waiting"), "waiting is a probe, not an action");
	refused_with(HEAD "method:\n- {type: action, name: k, provider: {type: python}}\n",
		     "this kind of provider is not supported");
	refused_with(HEAD "method:\n- {type: action, name: k, provider: {type: process, path: a, "
			  "arguments: [\"it's\"]}}\n",
		     "words without '");
	refused_with(HEAD "secrets: {a: b}\nmethod: []\n", "no key is called 'secrets'");
	refused_with(HEAD "method: [\n", "x.yaml:");
	refused_with(HEAD "method: []\nsteady-state-hypothesis: {probes: [{type: probe, name: p, "
			  "provider: {type: heliograph, func: calls}}]}\n",
		     "needs a tolerance");
}

/* Not in the middle of a run, when callers are there. */
static void what_a_step_names_and_needs_must_be_there(void **state)
{
	(void)state;
	refused_with(ACTION("func: kill, arguments: {target: oslo9}"),
		     "target: nothing here is called 'oslo9'; allowed: a node (oslo1)");
	refused_with(ACTION("func: machine_lost, arguments: {target: oslo}"), "a machine: oslo1");
	refused_with(ACTION("func: cut, arguments: {from: osla}"), "a site (oslo,");
	refused_with(ACTION("func: cut"), "target, or from, is missing");
	refused_with(ACTION("func: link, arguments: {loss: 0}"), "or nothing is broken");
	refused_with(ACTION("func: link, arguments: {loss: 101}"), "allowed: 0 to 100");
	refused_with(ACTION("func: slow, arguments: {target: oslo1, percent: 100}"),
		     "allowed: 1 to 99");
	refused_with(ACTION("func: wait, arguments: {metric: kill, within: 1}"),
		     "a probe that helio-chaos functions lists");
	refused_with(ACTION("func: heal, arguments: {step: k}"), "an action above that breaks");
	refused_with(ACTION("func: clock_jump, arguments: {target: oslo1, by_s: 60}"),
		     "lab: {clock: true}}] is needed");
	refused_with(ACTION("func: disk_full, arguments: {target: oslo1}"), "lab: {disks: true}}]");
	refused_with(HEAD "method: []\nextensions: [{name: heliograph, load: {browsers: 9}}]\n",
		     "allowed: 0 to 8");
}

static void every_drill_that_is_shipped_can_be_read(void **state)
{
	DIR *dir = opendir(DRILLS_DIR);
	uint32_t n = 0;
	(void)state;
	assert_non_null(dir);
	for (struct dirent *f; (f = readdir(dir));) {
		char path[512];
		struct experiment *e = NULL;
		if (!strstr(f->d_name, ".yaml"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", DRILLS_DIR, f->d_name);
		assert_int_equal(experiment_load(&e, path, NULL, stderr), 0);
		assert_true(e->method_n > 0 && e->steady_n > 0);
		experiment_free(e);
		n++;
	}
	closedir(dir);
	assert_in_range(n, 17, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_experiment_says_all_it_says),
	    cmocka_unit_test(json_is_read_as_well),
	    cmocka_unit_test(parts_of_the_callers_are_no_more_than_all),
	    cmocka_unit_test(words_of_a_process_are_a_text_or_a_list),
	    cmocka_unit_test(the_command_line_may_change_what_is_configured_and_nothing_else),
	    cmocka_unit_test(what_is_wrong_is_said_with_its_place),
	    cmocka_unit_test(what_a_step_names_and_needs_must_be_there),
	    cmocka_unit_test(every_drill_that_is_shipped_can_be_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
