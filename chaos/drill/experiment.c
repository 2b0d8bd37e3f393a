/* The whole of an experiment: its parts are in experiment_*.c. */
#include "chaos/drill/experiment_reader.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

static void sets_check(struct reader *r)
{
	char name[64];
	for (size_t i = 0; r->sets && r->sets[i]; i++) {
		size_t n = strcspn(r->sets[i], "=");
		if (n < sizeof(name) && r->sets[i][n] && i < EXPERIMENT_SETS_MAX && r->config) {
			memcpy(name, r->sets[i], n);
			name[n] = '\0';
			if (yaml_value(r->config, name))
				continue;
		}
		reader_wrong(r, NULL, "--set", NULL, "%.*s is not in this file's configuration",
			     (int)n, r->sets[i]);
	}
}

static void root_parse(struct reader *r, const struct yaml_node *root)
{
	static const char *const words[] = {
	    "version",       "title",         "description", "tags",
	    "configuration", "contributions", "extensions",  "steady-state-hypothesis",
	    "method",        "rollbacks",     NULL};
	struct experiment *e = r->e;
	if (!reader_map(r, root, NULL))
		return;
	reader_keys(r, root, words);
	const struct yaml_node *v = yaml_value(root, "configuration");
	if (v && reader_map(r, v, "configuration"))
		r->config = v;
	sets_check(r);
	if ((v = yaml_value(root, "title")))
		e->title = reader_text(r, v, "title");
	else
		reader_wrong(r, root, NULL, NULL, "a title is missing");
	if ((v = yaml_value(root, "description")))
		e->description = reader_text(r, v, "description");
	else
		reader_wrong(r, root, NULL, NULL, "a description is missing");
	if ((v = yaml_value(root, "extensions")))
		extensions_parse(r, v);
	if ((v = yaml_value(root, "steady-state-hypothesis")))
		steady_parse(r, v);
	if ((v = yaml_value(root, "method")))
		e->method_n = steps_parse(r, v, "method", e->method, EXPERIMENT_STEPS_MAX, false);
	else
		reader_wrong(r, root, NULL, NULL, "a method is missing");
	if ((v = yaml_value(root, "rollbacks")))
		e->rollbacks_n =
		    steps_parse(r, v, "rollbacks", e->rollbacks, EXPERIMENT_STEPS_MAX, false);
}

int experiment_parse(struct experiment **ret, const char *name, const char *text, size_t len,
		     const char *const *sets, FILE *out)
{
	struct reader *r = calloc(1, sizeof(*r));
	struct yaml *y = NULL;
	helio_assert(r);
	r->sets = sets;
	r->e = calloc(1, sizeof(*r->e));
	helio_assert(r->e);
	*r->e = (struct experiment){.title = "",
				    .description = "",
				    .steady_title = "",
				    .callers_rate = 10,
				    .callers_hold_s = 600,
				    .answer_s = 0.2,
				    .settle_s = 2,
				    .wan = "delay=40 jitter=4",
				    .queue = "",
				    .seed = 1};
	r->problems.name[PROBLEM_CLUSTER] = name;
	r->problems.name[PROBLEM_AGENTS] = name;
	int err = yaml_parse(&y, PROBLEM_CLUSTER, text, len, &r->problems);
	if (!err)
		root_parse(r, yaml_root(y));
	bool bad = r->problems.errors > 0 || err;
	problems_print(&r->problems, out);
	problems_free(&r->problems);
	yaml_free(y);
	if (bad)
		experiment_free(r->e);
	else
		*ret = r->e;
	free(r);
	return bad ? EINVAL : 0;
}

int experiment_load(struct experiment **ret, const char *path, const char *const *sets, FILE *out)
{
	FILE *f = fopen(path, "re");
	char *text = f ? malloc(EXPERIMENT_BYTES_MAX + 1) : NULL;
	if (!text) {
		int err = errno;
		fprintf(out, "%s: %s\n", path, strerror(err));
		if (f)
			fclose(f);
		return err ? err : ENOMEM;
	}
	size_t n = fread(text, 1, EXPERIMENT_BYTES_MAX + 1, f);
	int err = ferror(f) ? EIO : n > EXPERIMENT_BYTES_MAX ? EFBIG : 0;
	fclose(f);
	if (err == EFBIG)
		fprintf(out, "%s: larger than the %d kB that an experiment may have\n", path,
			EXPERIMENT_BYTES_MAX >> 10);
	else if (err)
		fprintf(out, "%s: %s\n", path, strerror(err));
	else
		err = experiment_parse(ret, path, text, n, sets, out);
	free(text);
	return err;
}

static void steps_free(struct step *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		json_decref(s[i].args);
		json_decref(s[i].tolerance.value);
	}
}

struct experiment *experiment_free(struct experiment *e)
{
	if (!e)
		return NULL;
	steps_free(e->steady, e->steady_n);
	steps_free(e->method, e->method_n);
	steps_free(e->rollbacks, e->rollbacks_n);
	for (struct texts *t = e->memory, *next; t; t = next) {
		next = t->next;
		free(t);
	}
	free(e);
	return NULL;
}
