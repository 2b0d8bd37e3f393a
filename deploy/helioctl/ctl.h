/*
 * helioctl: what an operator asks a cluster on a command line.
 *
 *   main.c   subcommand table ──► cmd_*.c ──► ask.c (all daemons at once) ──► table.c / JSON
 */
#ifndef HELIOCTL_CTL_H
#define HELIOCTL_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <jansson.h>

#include "common/conf/conf.h"

/* Exit codes, documented in `helioctl --help`. */
enum { CTL_OK = 0, CTL_UNHEALTHY = 1, CTL_USAGE = 2, CTL_SILENT = 3 };

struct ctl {
	/* options of every subcommand */
	const char *config, *site, *operator_key;
	uint32_t timeout_ms;
	uint32_t watch_ms;           /* 0: once */
	bool json, help;
	/* state */
	struct conf *conf;
	FILE *out;
	bool colour;
	int argc;                    /* words after the subcommand that are no options */
	char **argv;
};

/* ---- subcommands (main.c) ------------------------------------------------------------------ */

enum ctl_option_type { CTL_FLAG, CTL_TEXT, CTL_NUMBER, CTL_DURATION_MS, CTL_WATCH };
struct ctl_option {
	const char *name, *arg;      /* --name ARG */
	enum ctl_option_type type;
	void *dst;                   /* bool *, const char **, uint32_t * */
	const char *help;
};

struct ctl_command {
	const char *name;            /* "queues", "config check" */
	const char *args;            /* "FILE" */
	const char *what;            /* one line */
	const char *more;            /* what --help teaches, with examples */
	const struct ctl_option *options; /* its own; ends with name NULL; may be NULL */
	int args_min, args_max;
	bool needs_conf, can_watch;
	int (*run)(struct ctl *ctl);
};

int cmd_status(struct ctl *ctl);
int cmd_queues(struct ctl *ctl);
int cmd_agents(struct ctl *ctl);
int cmd_calls(struct ctl *ctl);
int cmd_records(struct ctl *ctl);
int cmd_id(struct ctl *ctl);
int cmd_why(struct ctl *ctl);
int cmd_tasks(struct ctl *ctl);
int cmd_tasks_cancel(struct ctl *ctl);
int cmd_declare_lost(struct ctl *ctl);
int cmd_hours(struct ctl *ctl);
int cmd_drain(struct ctl *ctl);
int cmd_undrain(struct ctl *ctl);
int cmd_events(struct ctl *ctl);
int cmd_config_targets(struct ctl *ctl);
int cmd_config_check(struct ctl *ctl);
int cmd_config_options(struct ctl *ctl);
int cmd_config_list(struct ctl *ctl);
int cmd_config_sign(struct ctl *ctl);
int cmd_plan(struct ctl *ctl);
int cmd_apply(struct ctl *ctl);
int cmd_reload(struct ctl *ctl);
int cmd_agent_add(struct ctl *ctl);
int cmd_agent_set(struct ctl *ctl);
int cmd_agent_passwd(struct ctl *ctl);
int cmd_agent_list(struct ctl *ctl);
int cmd_agent_force(struct ctl *ctl);
int cmd_test_call(struct ctl *ctl);

extern const struct ctl_option cmd_tasks_options[], cmd_declare_lost_options[], cmd_events_options[], cmd_hours_options[], cmd_records_options[], cmd_drain_options[], cmd_apply_options[], cmd_config_sign_options[], cmd_agent_options[],
	cmd_passwd_options[], cmd_test_call_options[];

/* "helioctl: …" to standard error; returns code. */
int ctl_fail(int code, const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Runs body once, or again and again with --watch. */
int ctl_watch(struct ctl *ctl, int (*body)(struct ctl *ctl));

/* ---- asking (ask.c) ------------------------------------------------------------------------ */

enum { ASK_NODES = 1 << CONF_NODE, ASK_BROKERS = 1 << CONF_BROKER, ASK_GATEWAYS = 1 << CONF_GATEWAY,
       ASK_ALL = ASK_NODES | ASK_BROKERS | ASK_GATEWAYS };

struct answer {
	const struct conf_daemon *d;
	const struct conf_site *site;
	json_t *reply;               /* NULL: none; see why */
	char why[256]; /* an error of a daemon names a file, its place and a remedy */
};
struct answers {
	struct answer *list;
	uint32_t n, answered;
};
/* Asks every daemon of these roles (of ctl->site, or only `name`) at once, with one deadline. req is
 * borrowed. A reply with "ok": false counts as an answer whose why is set and reply NULL. */
int ask(struct ctl *ctl, unsigned roles, const char *name, const char *cmd, const json_t *req,
	struct answers *ret);
/* The same, but each[NAME] (an object; may be missing) is added to what this daemon is asked. */
int ask_each(struct ctl *ctl, unsigned roles, const char *name, const char *cmd, const json_t *req,
	     const json_t *each, struct answers *ret);
void answers_free(struct answers *a);
/* CTL_OK, CTL_UNHEALTHY (some silent), CTL_SILENT (all). */
int answers_code(const struct answers *a);
/* Says who did not answer, below a table. */
void answers_silent_print(struct ctl *ctl, const struct answers *a);
/* {"ok", key: list, "silent": [{"name", "why"}]}; takes list over. */
void answers_json_print(struct ctl *ctl, const struct answers *a, const char *key, json_t *list);
void json_print(struct ctl *ctl, json_t *o); /* takes o over */
const char *json_text(const json_t *o, const char *key); /* "" if none */
int64_t json_number(const json_t *o, const char *key);

/* ---- tables (table.c) ---------------------------------------------------------------------- */

enum style { STYLE_NONE, STYLE_DIM, STYLE_GOOD, STYLE_BUSY, STYLE_WARN, STYLE_BAD };
enum { TABLE_COLUMNS_MAX = 12 };
struct table;
/* Heads, ended by NULL; one that starts with '>' is aligned to the right. */
struct table *table_new(const char *const *heads);
/* Cells from left to right; a row is full after as many as there are heads. Control characters that
 * a peer sent do not reach the terminal. */
void table_cell(struct table *t, enum style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void table_print(struct table *t, FILE *out, bool colour); /* and frees */
/* Starts and ends a style outside a table. */
const char *style_on(bool colour, enum style s);
const char *style_off(bool colour, enum style s);
/* 820ms, 12s, 3m20s, 2h05m, 4d03h; "-" below zero. */
char *duration_text(char buf[24], int64_t ms);
/* "+47…..89" */
char *number_masked(char buf[48], const char *number);

#endif
