/*
 * A YAML file as a plain tree in which each node knows its line and column. Built from libfyaml's
 * events (it reads and judges the syntax), kept apart from its document API so that every problem
 * of ours has a place and duplicates are ours to report.
 *
 *   map ── child: key, value, key, value, …     (siblings by ->next)
 *   seq ── child: item, item, …
 *
 * Deliberately less than YAML: no anchors, aliases, tags or second documents. Internal to conf.
 */
#ifndef HELIO_CONF_YAML_H
#define HELIO_CONF_YAML_H

#include <stdbool.h>
#include <stddef.h>

struct problems;

enum yaml_kind { YAML_SCALAR, YAML_MAP, YAML_SEQ };

struct yaml_node {
	enum yaml_kind kind;
	bool plain;                 /* a scalar without quotes */
	int line, col;              /* from 1 */
	unsigned file;              /* enum problem_file */
	const char *text;           /* scalar: NUL-terminated, no NUL inside */
	struct yaml_node *child, *next;
};

enum {
	YAML_BYTES_MAX = 64 << 20,  /* 100,000 agents take about 25 MB */
	YAML_NODES_MAX = 8000000,
	YAML_DEPTH_MAX = 16,        /* ours need 6; a hostile file must not use the stack up */
};

struct yaml;

/* Parses text; what is wrong goes to problems. EINVAL (reported), ENOMEM. An empty file gives an
 * empty map. Nodes live until yaml_free(). */
int yaml_parse(struct yaml **ret, unsigned file, const char *text, size_t len,
	       struct problems *problems);
struct yaml *yaml_free(struct yaml *y);
const struct yaml_node *yaml_root(const struct yaml *y);
/* The value (or the key itself) of a map's first such key; NULL if there is none. */
const struct yaml_node *yaml_value(const struct yaml_node *map, const char *key);
const struct yaml_node *yaml_key(const struct yaml_node *map, const char *key);

#endif
