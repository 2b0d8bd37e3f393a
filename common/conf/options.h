/*
 * The schema: one row per option (key, type, range, default, meaning). What is allowed, what a
 * message says, and what the documentation lists all come from this table. Internal to conf, except
 * conf_options_print() in conf.h.
 */
#ifndef HELIO_CONF_OPTIONS_H
#define HELIO_CONF_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/conf/conf.h"
#include "common/conf/problems.h"
#include "common/conf/yaml.h"

enum section {
	SECTION_ROOT, SECTION_PATHS, SECTION_PRESENCE, SECTION_JOURNAL, SECTION_SIP_LIMITS, SECTION_SITE,
	SECTION_BROKER, SECTION_NODE, SECTION_GATEWAY, SECTION_TLS, SECTION_QUEUE, SECTION_LEVEL,
	SECTION_OVERFLOW, SECTION_HOURS, SECTION_RELAX, SECTION_ROUTE, SECTION_ASK, SECTION_AGENTS,
	SECTION_AGENT, SECTION_COUNT,
};

enum option_type {
	OPT_NAME,      /* char[CONF_NAME_SIZE] */
	OPT_TEXT,      /* char[max + 1]; one line of UTF-8 */
	OPT_BOOL,      /* bool */
	OPT_U8,        /* uint8_t in min..max */
	OPT_U32,       /* uint32_t in min..max */
	OPT_MS,        /* uint32_t, a duration with unit; min, max in ms */
	OPT_PERCENT,   /* uint32_t */
	OPT_PORT,      /* uint16_t */
	OPT_PORTS,     /* uint16_t[2] */
	OPT_IP,        /* char[CONF_HOST_SIZE] */
	OPT_ENDPOINT,  /* struct conf_endpoint */
	OPT_PATH,      /* char[CONF_PATH_SIZE], made absolute */
	OPT_SOUND,     /* as OPT_PATH, must be readable; travels with the configuration */
	OPT_CALENDAR,  /* as OPT_PATH; travels, too */
	OPT_CUSTOMERS, /* so */
	OPT_ZONE,      /* char[48] */
	OPT_LANGUAGE,  /* char[8] */
	OPT_CODEC,     /* enum conf_codec */
	OPT_PASSWORD,  /* char[128] */
	OPT_WORD,      /* char[CONF_NAME_SIZE], one of a list the row names in `words` */
	OPT_READ,      /* a section or list of its own: read() */
};

struct reader;
struct option {
	enum section section;
	const char *key;
	enum option_type type;
	const char *def;            /* as it would be written; NULL: must be given */
	const char *meaning;
	size_t offset;              /* in the section's struct */
	int64_t min, max;
	const char *words;          /* OPT_READ, OPT_WORD: what is allowed, in words */
	void (*read)(struct reader *r, const struct yaml_node *value, void *base);
};

enum { SECTION_OPTIONS_MAX = 40 };

/* Rows of one section stand together. */
const struct option *section_options(enum section s, size_t *ret_n);
const char *section_title(enum section s);

/* What may be written there, in words. */
char *option_allowed(const struct option *o, char *buf, size_t size);

/* ---- reading ----------------------------------------------------------------------------- */

struct raw_daemon {
	struct conf_daemon d;       /* address: goes to d.bind first */
	uint8_t ordinal;
	const struct yaml_node *key, *map;
};
struct raw_agent {
	struct conf_agent a;
	char site[CONF_NAME_SIZE];
	const struct yaml_node *key, *map;
};
struct raw_overflow {
	char when[CONF_NAME_SIZE], to[CONF_NAME_SIZE];
	uint32_t after_ms, longer_than, ewt_above_ms;
	bool timed;
};

struct reader {
	struct conf *conf;
	struct problems problems;
	bool check_files;           /* false for text that did not come from a disk (fuzzing) */
	bool no_memory;
	char dir[CONF_PATH_SIZE];   /* relative paths start here */
	const struct conf_files *files; /* NULL: files are where their names say */
	const char *files_dir;          /* by hash */
	bool files_good;                /* not looked at: whoever says where they are knows */
	bool too_many_files;
	char path[512];             /* "sites.oslo.nodes.oslo1", for messages */
	unsigned site;              /* being read */
	/* conf->daemons, queues, agents with the places they came from */
	struct raw_daemon *daemons;
	const struct yaml_node **queue_keys;
	const struct yaml_node *site_keys[CONF_SITES_MAX];
	struct raw_agent *agents;
	uint32_t daemons_size, queues_size, agents_size;
	const struct yaml_node *root;
};

/* Fills base from map (NULL: defaults only), reporting every unknown, doubled, missing or wrong
 * key. `at` is where the section was named. */
void section_read(struct reader *r, enum section s, const struct yaml_node *at,
		  const struct yaml_node *map, void *base);
/* The scalar types; false (reported) leaves base alone. */
bool value_read(struct reader *r, const struct option *o, const struct yaml_node *v, void *base);
/* A name used as a key of sites, nodes, queues, agents. */
bool name_read(struct reader *r, const struct yaml_node *key, char dst[CONF_NAME_SIZE]);

/* path += ".key"; returns the old length for path_back(). */
size_t path_enter(struct reader *r, const char *key);
void path_back(struct reader *r, size_t len);

/* Report at a node; key is r->path. */
void bad(struct reader *r, const struct yaml_node *at, const char *allowed, const char *remedy,
	 const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void warn_at(struct reader *r, const struct yaml_node *at, const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* "did you mean 'x'?" or the alternative. */
char *did_you_mean(char *buf, size_t size, const char *near, const char *otherwise);

/* A list in which each item is one scalar, a map; else false, and reported unless v is NULL. */
bool list_check(struct reader *r, const struct yaml_node *v, const char *allowed);
bool map_check(struct reader *r, const struct yaml_node *v, const char *what);
/* Is key none of the n that came before it? Reported. */
bool key_is_free(struct reader *r, const struct yaml_node *key,
		 const struct yaml_node *const *keys, uint32_t n);

/* ---- the parts, each with the rows of options.c that lead there ---------------------------- */

/* sections.c */
void read_paths(struct reader *r, const struct yaml_node *v, void *base);
void read_sip_limits(struct reader *r, const struct yaml_node *v, void *base);
/* redis.c */
void read_presence(struct reader *r, const struct yaml_node *v, void *base);
void read_journal(struct reader *r, const struct yaml_node *v, void *base);
void read_redis(struct reader *r, const struct yaml_node *v, void *base);
void read_sentinels(struct reader *r, const struct yaml_node *v, void *base);
void read_tunnels(struct reader *r, const struct yaml_node *v, void *base);
/* trunks.c */
void read_trunks(struct reader *r, const struct yaml_node *v, void *base);
/* sites.c */
void read_sites(struct reader *r, const struct yaml_node *v, void *base);
void read_languages(struct reader *r, const struct yaml_node *v, void *base);
void read_brokers(struct reader *r, const struct yaml_node *v, void *base);
void read_nodes(struct reader *r, const struct yaml_node *v, void *base);
void read_gateways(struct reader *r, const struct yaml_node *v, void *base);
void read_tls(struct reader *r, const struct yaml_node *v, void *base);
void read_origins(struct reader *r, const struct yaml_node *v, void *base);
/* queues.c */
void read_queues(struct reader *r, const struct yaml_node *v, void *base);
void read_queue_skills(struct reader *r, const struct yaml_node *v, void *base);
void read_level(struct reader *r, const struct yaml_node *v, void *base);
void read_strategy(struct reader *r, const struct yaml_node *v, void *base);
void read_route(struct reader *r, const struct yaml_node *v, void *base);
void read_ask(struct reader *r, const struct yaml_node *v, void *base);
/* overflow.c */
void read_overflow(struct reader *r, const struct yaml_node *v, void *base);
void read_after(struct reader *r, const struct yaml_node *v, void *base);
/* Rules that end a wait: one of them. */
void tasks_check(struct reader *r, const struct conf_queue *q, const struct yaml_node *at);
/* relax.c */
void read_relax(struct reader *r, const struct yaml_node *v, void *base);
void read_relax_skills(struct reader *r, const struct yaml_node *v, void *base);
/* Steps of relax: as written (what changes) -> as meant (all that is asked for then). Once all of
 * the queue is read. */
void relax_settle(struct reader *r, struct conf_queue *q, const struct yaml_node *at);
/* skills.c */
void read_skill_names(struct reader *r, const struct yaml_node *v, void *base);
/* A list of skill names, or a map of names to levels -> bits (and levels, 0 where none is said). */
uint64_t skills_read(struct reader *r, const struct yaml_node *v, struct acd_levels *ret_levels);
/* The map alone, levels from `least`. */
uint64_t levels_read(struct reader *r, const struct yaml_node *map, unsigned least,
		     struct acd_levels *ret_levels);
/* hours.c */
void read_hours(struct reader *r, const struct yaml_node *v, void *base);
void read_holidays(struct reader *r, const struct yaml_node *v, void *base);
/* Gaps that nobody covers, rules that contradict each other: warnings. */
void check_hours(struct reader *r);
void conf_calendars_free(struct conf *c);
uint64_t conf_hash_bytes(uint64_t h, const char *p, size_t n);
/* agents.c */
void read_agents(struct reader *r, const struct yaml_node *v, void *base);
void read_agent_skills(struct reader *r, const struct yaml_node *v, void *base);
/* check.c: what no single row can see: doubles, overlaps, sites without brokers, queues nobody serves. */
void check_all(struct reader *r);

#endif
