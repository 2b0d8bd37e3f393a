/*
 * Inside the reader of experiments: experiment.c reads the whole, experiment_values.c single
 * values, experiment_tolerance.c tolerances, experiment_steps.c activities, experiment_ours.c what
 * is ours. What is wrong is noted (line, column, key, remedy) and reading goes on, so that one look
 * tells everything; a value that is wrong reads as the lowest one allowed.
 */
#ifndef HELIO_CHAOS_EXPERIMENT_READER_H
#define HELIO_CHAOS_EXPERIMENT_READER_H

#include "chaos/drill/experiment.h"
#include "common/conf/problems.h"
#include "common/conf/yaml.h"

/* The whole file in one block: texts of the tree die with it, so ours are copies. */
struct texts {
	struct texts *next;
	char text[];
};

struct reader {
	struct experiment *e;
	struct problems problems;
	const struct yaml_node *config;
	const char *const *sets;
	struct yaml_node set_node[EXPERIMENT_SETS_MAX];
};

/* ---- experiment_values.c ---- */
void reader_wrong(struct reader *r, const struct yaml_node *at, const char *key,
		  const char *allowed, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* ${name} stands for a value of `configuration`, or of the command line. */
const struct yaml_node *reader_resolved(struct reader *r, const struct yaml_node *v);
bool reader_map(struct reader *r, const struct yaml_node *v, const char *key);
bool reader_seq(struct reader *r, const struct yaml_node *v, const char *key);
/* A copy that lives as long as the experiment. */
const char *reader_keep(struct reader *r, const char *text);
const char *reader_text(struct reader *r, const struct yaml_node *v, const char *key);
double reader_number(struct reader *r, const struct yaml_node *v, const char *key, double low,
		     double high);
bool reader_bool(struct reader *r, const struct yaml_node *v, const char *key);
json_t *reader_scalar(const struct yaml_node *v);  /* a number, true, false, or text */
const char *reader_key(const struct yaml_node *k); /* "": it is none of ours */
/* Keys that are none of words (which ends with NULL) are errors. */
void reader_keys(struct reader *r, const struct yaml_node *map, const char *const *words);

/* ---- experiment_tolerance.c ---- */
void tolerance_parse(struct reader *r, const struct yaml_node *v, struct tolerance *t);

/* ---- experiment_steps.c ---- */
uint32_t steps_parse(struct reader *r, const struct yaml_node *v, const char *key,
		     struct step *steps, uint32_t max, bool steady);
void steady_parse(struct reader *r, const struct yaml_node *v);

/* ---- experiment_ours.c ---- */
void extensions_parse(struct reader *r, const struct yaml_node *v);

#endif
