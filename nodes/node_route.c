/*
 * Who is asked first for whose call: the queue's rules (`route:`) over what the directory says of
 * the caller become at most three steps, agents' ids and kinds, for the core. What is personal ends
 * here: the core and the brokers see ids only.
 *
 *   caller ─► directory ─► first rule whose `who` fits ─► steps, without those that lead nowhere
 */
#include "nodes/node.h"
#include "nodes/node_last.h"
#include "nodes/desk/desk.h"
#include "common/directory/directory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SAY_MAX = 256 };

/* What was read on another thread, for the configuration that is taken next. */
struct prepared {
	const struct conf *conf; /* NULL: nothing */
	struct directory *directory;
	int err;
	char why[256];
};

struct node_route {
	struct directory *directory;
	struct prepared prepared;
};

int node_route_open(struct node *n, char ret_why[256])
{
	n->route = calloc(1, sizeof(*n->route));
	if (!n->route)
		return ENOMEM;
	if (!*n->conf->directory_file)
		return 0;
	uint64_t began = mono_us();
	int err = directory_load(&n->route->directory, n->conf->directory_file, n->conf, stderr);
	if (err)
		snprintf(ret_why, 256, "%.200s: %s", n->conf->directory_file,
			 err == EINVAL ? "see above; helioctl config check says all of it"
				       : strerror(err));
	else
		log_info("directory.read", "customers=%u ms=%llu",
			 directory_rows(n->route->directory),
			 (unsigned long long)((mono_us() - began) / 1000));
	return err;
}

static int read_one(const struct conf *conf, struct directory **ret, char ret_why[256])
{
	int err = directory_load(ret, conf->directory_file, conf, NULL);
	if (err)
		snprintf(ret_why, 256, "%.200s: %s", conf->directory_file,
			 err == EINVAL ? "helioctl config check says what is wrong"
				       : strerror(err));
	return err;
}

bool node_route_ready(const struct node *n, const struct conf *conf)
{
	return !*conf->directory_file ||
	       directory_fits(n->route->directory, conf->directory_file, conf);
}

void node_route_prepare(struct node *n, const struct conf *conf)
{
	struct prepared p = {.conf = conf};
	if (node_route_ready(n, conf))
		return;
	p.err = read_one(conf, &p.directory, p.why);
	(void)directory_free(n->route->prepared.directory);
	n->route->prepared = p;
}

int node_route_read(struct node *n, const struct conf *fresh, struct directory **ret,
		    char ret_why[256])
{
	struct prepared p = n->route->prepared;
	bool ready = node_route_ready(n, fresh);
	n->route->prepared = (struct prepared){0};
	*ret = NULL;
	if (!ready && p.conf == fresh &&
	    (p.err || directory_fits(p.directory, fresh->directory_file, fresh))) {
		*ret = p.directory;
		str_copy(ret_why, 256, p.why);
		return p.err;
	}
	(void)directory_free(p.directory);
	if (!ready) /* the file has changed since */
		return read_one(fresh, ret, ret_why);
	if (*fresh->directory_file)
		*ret = directory_ref(n->route->directory);
	return 0;
}

void node_route_set(struct node *n, struct directory *directory)
{
	directory_free(n->route->directory);
	n->route->directory = directory;
}

void node_route_close(struct node *n)
{
	if (n->route) {
		(void)directory_free(n->route->directory);
		(void)directory_free(n->route->prepared.directory);
	}
	free(n->route);
	n->route = NULL;
}

static bool fits(const struct node *n, const char *who, const struct customer *c)
{
	if (strcmp(who, "any") == 0)
		return true;
	if (!c)
		return strcmp(who, "new") == 0;
	return strcmp(who, "known") == 0 || (c->debt && strcmp(who, "debt") == 0) ||
	       strcmp(who, directory_segment(n->route->directory, c)) == 0;
}

/* Of the site's own calls first; the directory knows no time, and is believed. */
static uint64_t agent_last(struct node *n, const struct conf_queue *q, const char *caller,
			   const struct customer *c)
{
	uint64_t agent = node_last_agent(n, caller, q->same_agent_ms);
	return agent ? agent : c ? c->last : 0;
}

/* At the levels that are left after all relaxation: as the registers judge it (S8). */
static bool able(const struct conf_agent *a, const struct conf_queue *q)
{
	uint64_t skills = q->relax_n ? q->relax[q->relax_n - 1].skills.bits : q->skills;
	return (a->skills & skills) == skills;
}

/* One step, if it leads anywhere; what became of it goes into say. */
static bool step(struct node *n, const struct conf_queue *q, const struct conf_ask *ask,
		 const char *caller, const struct customer *c, struct acd_want *ret, char *say,
		 size_t *said)
{
	uint64_t id = 0;
	const char *what = ask->to, *why = "";
	if (ask->kind == CONF_ASK_ANY_OF) {
		*ret = (struct acd_want){.pref = ask->pref, .for_ms = ask->for_ms};
		*said += (size_t)snprintf(say + *said, SAY_MAX - *said, "%s%s:%s", *said ? "," : "",
					  what, ask->name);
		return true;
	}
	if (ask->kind == CONF_ASK_AGENT)
		id = ask->agent;
	else if (ask->kind == CONF_ASK_LAST)
		id = agent_last(n, q, caller, c);
	else
		id = c ? c->owner : 0;
	const struct conf_agent *a = id ? conf_agent_by_id(n->conf, id) : NULL;
	uint8_t site = a ? desk_signed_in_at(n->desk, a) : 0;
	if (!a)
		why = "(nobody)";
	else if (!able(a, q))
		why = "(not able)";
	else if (!site)
		why = "(not signed in)";
	*said += (size_t)snprintf(say + *said, SAY_MAX - *said, "%s%s:%s%s", *said ? "," : "", what,
				  a ? a->name : "", why);
	*ret = (struct acd_want){.agent = {id}, .for_ms = ask->for_ms, .site = site};
	return !*why;
}

void node_route(struct node *n, const struct conf_queue *q, const char *caller, const char *call,
		struct acd_want ret[ACD_WANTS_MAX])
{
	const struct customer *c = directory_find(n->route->directory, caller ? caller : "");
	char say[SAY_MAX] = "";
	size_t said = 0;
	uint32_t k = 0, steps = 0;
	while (k < q->route_n && !fits(n, q->route[k].who, c))
		k++;
	if (k == q->route_n)
		return;
	const struct conf_route *rule = &q->route[k];
	for (uint32_t i = 0; i < rule->ask_n; i++)
		steps += step(n, q, &rule->ask[i], caller, c, &ret[steps], say, &said);
	if (steps < ACD_WANTS_MAX)
		ret[steps] = (struct acd_want){0};
	log_info("call.route", "call=%s queue=%s who=%s ask=%s", call, q->name, rule->who,
		 log_quote(say));
}
