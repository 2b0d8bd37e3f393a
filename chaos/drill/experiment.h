/*
 * An experiment in the open format of the Chaos Toolkit
 * (chaostoolkit.org/reference/api/experiment), YAML or JSON: title, description,
 * steady-state-hypothesis, method, rollbacks, configuration. What is ours stands in `extensions:
 * [{name: heliograph, load: …, lab: …, stop: …}]` and in providers of `type: heliograph`, whose
 * functions `helio-chaos functions` lists.
 *
 * Reading is strict: an unknown key or function, a missing argument, a wrong type is an error with
 * file:line:column. Pure: no I/O but the messages.
 */
#ifndef HELIO_CHAOS_EXPERIMENT_H
#define HELIO_CHAOS_EXPERIMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
	EXPERIMENT_STEPS_MAX = 128,
	EXPERIMENT_PROBES_MAX = 32,
	EXPERIMENT_STOPS_MAX = 16,
	EXPERIMENT_BYTES_MAX = 1 << 20,
	EXPERIMENT_BROWSERS_MAX = 8, /* each is a tenth of a processor at rest */
};

/* What a function does: the runner has one handler for each. */
enum func_class {
	FUNC_FAULT,   /* the keeper's, by its name */
	FUNC_HEAL,    /* {step: name of the action} or all */
	FUNC_CTL,     /* helioctl: drain, undrain */
	FUNC_CALLERS, /* more callers: {callers, seconds} */
	FUNC_METRIC,  /* a probe of the last sample */
	FUNC_WAIT, /* until a metric is within its tolerance: {metric, at_least, at_most, within} */
};

/* What a text names is looked for when the experiment is read, not in the middle of a run. */
enum arg_type {
	ARG_NUMBER,
	ARG_BOOL,
	ARG_PROCS,   /* a process of the lab, or a pattern of some */
	ARG_MACHINE, /* which is its node's name too */
	ARG_DRAIN,   /* a node or a site */
	ARG_SITE,
	ARG_LINE, /* a site or * */
	ARG_METRIC,
	ARG_STEP, /* an action above */
};
struct func_arg {
	const char *name;
	enum arg_type type;
	bool required;
	double low, high; /* of a number; both 0: any */
};
struct func {
	const char *name;
	enum func_class class;
	const char *what; /* one line for people */
	struct func_arg args[12];
};
const struct func *func_find(const char *name);
const struct func *func_table(size_t *ret_n);

enum tolerance_kind { TOLERANCE_NONE, TOLERANCE_EQUAL, TOLERANCE_ONE_OF, TOLERANCE_RANGE };
struct tolerance {
	enum tolerance_kind kind;
	json_t *value; /* EQUAL: scalar; ONE_OF: array */
	double low, high;
};

struct step {
	const char *name;
	bool is_probe, background;
	const struct func *func; /* NULL: a process */
	json_t *args;            /* heliograph: an object */
	const char *path;        /* process */
	const char *arguments;
	double timeout_s;
	double pause_before_s, pause_after_s;
	struct tolerance tolerance;
	int line;
};

struct stop {
	const char *name; /* a metric */
	json_t *args;
	double above, below; /* stops when it is above, or below: infinity where not said */
};

struct experiment {
	const char *title, *description, *steady_title;
	struct step steady[EXPERIMENT_PROBES_MAX];
	uint32_t steady_n;
	struct step method[EXPERIMENT_STEPS_MAX];
	uint32_t method_n;
	struct step rollbacks[EXPERIMENT_STEPS_MAX];
	uint32_t rollbacks_n;
	struct stop stop[EXPERIMENT_STOPS_MAX];
	uint32_t stops_n;
	/* extensions: heliograph */
	uint32_t callers, agents;
	uint32_t browsers;   /* of the agents: pages of a real Chromium */
	uint32_t far;        /* of the callers: for agents of another site, whatever happens */
	uint32_t sipp;       /* of the callers: dialled by SIPp */
	bool again;          /* who has ended calls again: so many callers at any time */
	double callers_rate; /* new calls per second and node */
	double callers_hold_s;
	double talk_s; /* 0: until the caller hangs up */
	double answer_s;
	double settle_s; /* after the method, before the steady state is looked at again */
	const char *wan, *queue;
	bool clock, small_disks;
	uint32_t seed;
	void *memory; /* of all texts */
};

/* Values of `configuration` from the command line: NAME=VALUE, ended by NULL. */
enum { EXPERIMENT_SETS_MAX = 16 };

/* Reads text (len bytes) that came from name. EINVAL: problems were printed to out (may be NULL).
 * sets (may be NULL) take precedence over the file's configuration, and name only what is there.
 * The experiment is the caller's: experiment_free(). */
int experiment_parse(struct experiment **ret, const char *name, const char *text, size_t len,
		     const char *const *sets, FILE *out);
int experiment_load(struct experiment **ret, const char *path, const char *const *sets, FILE *out);
struct experiment *experiment_free(struct experiment *e);

bool tolerance_holds(const struct tolerance *t, const json_t *value);
/* "between 10 and 20", for people. */
void tolerance_text(const struct tolerance *t, char out[static 160]);

#endif
