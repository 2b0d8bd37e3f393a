/* Callers and agents: started in the world, followed by what they write. */
#include "chaos/drill/drill.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/base.h"

enum {
	AGENT_PORTS = 4000,
	AGENT_PORT_MIN = 40000,
	RUN_S = 7200,
	AGENTS_RAMP = 40 /* sign-ins a second and site: a fifth of what a node can */
};

static json_t *words(const char *program, const struct drill *d)
{
	char path[LAB_PATH_SIZE + 64];
	snprintf(path, sizeof(path), "%s/%s", d->lab_conf.bin, program);
	return json_pack("[s]", path);
}

static void word(json_t *list, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void word(json_t *list, const char *fmt, ...)
{
	char text[LAB_PATH_SIZE + 64];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(list, json_string(text));
}

int people_spawn(struct drill *d, const char *name, const char *node, const char *lines,
		 json_t *argv)
{
	if (d->tails_n == DRILL_TAILS_MAX) {
		json_decref(argv);
		return ENOSPC;
	}
	json_t *o = lab_client_ask(
	    d->lab, json_pack("{ss ss so}", "do", "spawn", "name", name, "argv", argv));
	if (!o)
		return EIO;
	json_decref(o);
	struct drill_tail *t = &d->tail[d->tails_n++];
	*t = (struct drill_tail){.fd = -1};
	(void)str_copy(t->path, sizeof(t->path), lines);
	(void)str_copy(t->node, sizeof(t->node), node);
	return 0;
}

/* A program of ours: its lines are what it prints. */
static int spawn(struct drill *d, const char *name, const char *node, json_t *argv)
{
	char lines[LAB_PATH_SIZE];
	snprintf(lines, sizeof(lines), "%.400s/logs/%s.jsonl", d->out, name);
	return people_spawn(d, name, node, lines, argv);
}

/* Pages of a real Chromium, turn by turn at another site; they are the last agents of each. */
static uint32_t browsers_at(const struct drill *d, uint32_t site)
{
	return (d->e->browsers + LAB_SITES - 1 - site) / LAB_SITES;
}

static int browsers_open(struct drill *d)
{
	json_t *a = json_pack("[s s s]", "node", d->browsers, "--password-file");
	word(a, "%s/base/password", d->lab_dir);
	word(a, "--talk");
	word(a, "%g", d->e->talk_s);
	for (uint32_t s = 0; s < LAB_SITES; s++) {
		uint32_t all, first = lab_agent_first(&d->lab_conf, s, &all);
		for (uint32_t i = 0; i < browsers_at(d, s) && i < all; i++) {
			word(a, "--gateway");
			word(a, "%s:%d", lab_machine_ip(s * LAB_PER_SITE + i % LAB_PER_SITE),
			     HTTP_PORT);
			word(a, "--agent");
			word(a, "load%u", first + all - 1 - i);
		}
	}
	return spawn(d, "browsers", "", a);
}

int people_agents(struct drill *d)
{
	int err = d->e->browsers ? browsers_open(d) : 0;
	for (uint32_t s = 0; s < LAB_SITES && !err; s++) {
		uint32_t n, first = lab_agent_first(&d->lab_conf, s, &n);
		uint32_t pages = browsers_at(d, s);
		if (n <= pages)
			continue;
		n -= pages;
		char name[LAB_NAME_SIZE];
		json_t *a = words("helio-agent", d);
		for (uint32_t i = 0; i < LAB_PER_SITE; i++) {
			word(a, "--gateway");
			word(a, "%s:%d", lab_machine_ip(s * LAB_PER_SITE + i), HTTP_PORT);
		}
		word(a, "--password-file");
		word(a, "%s/base/password", d->lab_dir);
		word(a, "--agents");
		word(a, "%u", n);
		word(a, "--first");
		word(a, "%u", first);
		word(a, "--name-pattern");
		word(a, "load%%d");
		word(a, "--audio");
		word(a, "plain");
		word(a, "--media-address");
		word(a, LAB_WORLD_IP);
		word(a, "--media-ports");
		word(a, "%u-%u", AGENT_PORT_MIN + s * AGENT_PORTS,
		     AGENT_PORT_MIN + (s + 1) * AGENT_PORTS - 1);
		word(a, "--answer-after");
		word(a, "%.0fms", d->e->answer_s * 1000);
		word(a, "--talk");
		if (d->e->talk_s > 0)
			word(a, "%.0fms", d->e->talk_s * 1000);
		else
			word(a, "caller");
		if (d->e->again)
			word(a, "--talk-vary");
		word(a, "--tone");
		word(a, "880");
		word(a, "--ramp");
		word(a, "%d", AGENTS_RAMP);
		word(a, "--duration");
		word(a, "%ds", RUN_S);
		word(a, "--json");
		snprintf(name, sizeof(name), "agents-%s", lab_site_name(s));
		err = spawn(d, name, "", a);
	}
	return err;
}

static int callers_at(struct drill *d, const char *queue, uint32_t m, uint32_t n, double hold_s,
		      bool again)
{
	char name[LAB_NAME_SIZE];
	if (n == 0)
		return 0;
	json_t *a = words("helio-caller", d);
	word(a, "--to");
	word(a, "sip:%s@%s:%d", queue, lab_machine_ip(m), SIP_PORT);
	word(a, "--bind");
	word(a, LAB_WORLD_IP);
	word(a, "--calls");
	word(a, "%u", n);
	word(a, "--rate");
	word(a, "%.0f", d->e->callers_rate);
	word(a, "--seconds");
	word(a, "%.0f", hold_s);
	word(a, "--tone");
	word(a, "440");
	if (again)
		word(a, "--again");
	word(a, "--stamp");
	word(a, "--json");
	snprintf(name, sizeof(name), "callers-%s-%u", lab_machine_name(m), ++d->spawns);
	return spawn(d, name, lab_machine_name(m), a);
}

uint32_t people_part(uint32_t n, uint32_t i, uint32_t parts)
{
	return n * (i + 1) / parts - n * i / parts;
}

int people_callers(struct drill *d, uint32_t callers, double hold_s, const char *node)
{
	int err = 0, only = node ? lab_machine_find(node) : -1;
	if (node && only < 0)
		return ENOENT;
	if (only >= 0)
		return callers_at(d, "support", (uint32_t)only, callers, hold_s, false);
	for (uint32_t m = 0; m < LAB_MACHINES && !err; m++)
		err = callers_at(d, "support", m, people_part(callers, m, LAB_MACHINES), hold_s,
				 d->e->again);
	return err;
}

int people_far(struct drill *d)
{
	int err = 0;
	for (uint32_t m = 0; m < LAB_MACHINES; m++) {
		uint32_t n = people_part(d->e->far, m, LAB_MACHINES), turn = 0;
		for (uint32_t s = 0; s < LAB_SITES && !err; s++) {
			char queue[LAB_NAME_SIZE];
			if (s == lab_machine_site(m))
				continue;
			snprintf(queue, sizeof(queue), LAB_DESK_QUEUE "%s", lab_site_name(s));
			err = callers_at(d, queue, m, people_part(n, turn++, LAB_SITES - 1),
					 d->e->callers_hold_s, d->e->again);
		}
	}
	return err;
}

uint32_t people_live(const struct drill *d)
{
	return d->answered - d->ended_n;
}

int people_stop_callers(struct drill *d)
{
	for (uint32_t i = 0; i < d->tails_n; i++) {
		if (!d->tail[i].node[0] || d->tail[i].foreign)
			continue;
		char name[LAB_NAME_SIZE];
		const char *slash = strrchr(d->tail[i].path, '/');
		(void)str_copy(name, sizeof(name), slash + 1);
		name[strcspn(name, ".")] = '\0';
		json_decref(lab_client_ask(d->lab, json_pack("{ss ss si}", "do", "signal", "name",
							     name, "signal", SIGINT)));
	}
	return sipp_stop(d);
}

/* ---- what they say ----------------------------------------------------------------------- */

static uint64_t micro(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

/* SIPp's clock is not ours: what it says has just happened. */
static uint64_t when(const json_t *o)
{
	uint64_t us = micro(o, "mono_us");
	return us ? us : mono_us();
}

/* A place for one more. Callers whom a draining node turns away try again and again: what is over
 * and was never answered is nobody's any more. */
static struct drill_call *call_place(struct drill *d)
{
	for (uint32_t i = 0; i < d->calls_n && d->spares_n; i++) {
		if (!d->call[i].spare)
			continue;
		d->spares_n--;
		return &d->call[i];
	}
	return d->calls_n < DRILL_CALLS_MAX ? &d->call[d->calls_n++] : NULL;
}

static struct drill_call *call_of(struct drill *d, uint32_t tail, const json_t *o)
{
	uint32_t index = (uint32_t)micro(o, "call");
	for (uint32_t i = d->calls_n; i-- > 0;)
		if (d->call[i].tail == tail && d->call[i].index == index && !d->call[i].spare)
			return &d->call[i];
	struct drill_call *c = call_place(d);
	if (!c)
		return NULL;
	*c =
	    (struct drill_call){.tail = tail, .index = index, .started_us = micro(o, "started_us")};
	const char *number = json_string_value(json_object_get(o, "number"));
	if (number)
		(void)str_copy(c->number, sizeof(c->number), number);
	else
		snprintf(c->number, sizeof(c->number), "t%llu", (unsigned long long)c->started_us);
	if (!c->started_us)
		c->started_us = when(o);
	return c;
}

static uint32_t site_of(const struct drill *d, const struct drill_call *c)
{
	return lab_machine_site((uint32_t)lab_machine_find(d->tail[c->tail].node));
}

/* The agent who has it, or had it last, is at another site. */
static bool crosses(const struct drill *d, const struct drill_call *c)
{
	return c->agent_site && c->agent_site - 1 != site_of(d, c);
}

uint32_t people_across(const struct drill *d, int a, int b)
{
	uint32_t n = 0;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(d->agent); i++) {
		const struct drill_call *c =
		    d->agent[i].call ? &d->call[d->agent[i].call - 1] : NULL;
		if (!c || c->ended_us || !crosses(d, c))
			continue;
		int here = (int)site_of(d, c), there = (int)c->agent_site - 1;
		n += (a < 0 || a == here || a == there) && (b < 0 || b == here || b == there);
	}
	return n;
}

static void gap_note(struct drill *d, struct drill_call *c, const json_t *o)
{
	uint32_t ms = (uint32_t)micro(o, "gap_ms");
	bool lasting = json_is_true(json_object_get(o, "lasting"));
	/* The agent may be another one by the time that sound is back. */
	bool far = crosses(d, c) || micro(o, "gap_began_us") < c->crossed_us ||
		   (!c->agent_site && c->rung_site && c->rung_site - 1 != site_of(d, c));
	uint32_t *part = far ? &d->far_gap_ms : &d->near_gap_ms;
	*part = ms > *part ? ms : *part;
	if (ms > d->gap_ms)
		d->gap_ms = ms;
	if (ms > d->gap_second_ms)
		d->gap_second_ms = ms;
	if (ms > c->gap_ms) {
		c->gap_ms = ms;
		c->gap_began_us = micro(o, "gap_began_us");
	}
	journal_put(d->journal, "gap", micro(o, "mono_us"),
		    json_pack("{ss si sI sb sb}", "number", c->number, "ms", (int)ms, "began_us",
			      (json_int_t)micro(o, "gap_began_us"), "lasting", lasting, "far",
			      far));
}

static void call_over(struct drill *d, struct drill_call *c, const json_t *o)
{
	const char *by = json_string_value(json_object_get(o, "by"));
	if (c->ended_us)
		return;
	c->ended_us = when(o);
	c->far = by && strcmp(by, "far") == 0;
	c->status = (uint16_t)micro(o, "status");
	if (micro(o, "gap_ms") > c->gap_ms) {
		c->gap_ms = (uint32_t)micro(o, "gap_ms");
		c->gap_began_us = micro(o, "gap_began_us");
	}
	if (c->answered_us) {
		d->ended_n++;
		d->far_n += c->far;
	} else {
		d->refused++;
	}
	journal_put(d->journal, "call", c->ended_us,
		    json_pack("{ss ss sb ss si sI sI sI si sI}", "number", c->number, "to",
			      d->tail[c->tail].node, "answered", c->answered_us != 0, "by",
			      c->far ? "far" : "us", "status", (int)c->status, "started_us",
			      (json_int_t)c->started_us, "answered_us", (json_int_t)c->answered_us,
			      "ended_us", (json_int_t)c->ended_us, "gap_ms", (int)c->gap_ms,
			      "gap_at_us", (json_int_t)c->gap_began_us));
	if (!c->answered_us) {
		c->spare = true;
		d->spares_n++;
	}
}

static void caller_says(struct drill *d, uint32_t tail, const char *what, const json_t *o)
{
	if (!json_object_get(o, "call"))
		return;
	if (strcmp(what, "late") == 0) { /* starved: its silences are not the cluster's */
		uint32_t ms = (uint32_t)micro(o, "gap_ms");
		d->lag_ms = ms > d->lag_ms ? ms : d->lag_ms;
		return;
	}
	struct drill_call *c = call_of(d, tail, o);
	if (!c)
		return;
	if (strcmp(what, "answered") == 0) {
		c->answered_us = when(o);
		d->answered++;
	} else if (strcmp(what, "gap") == 0) {
		gap_note(d, c, o);
	} else if (strcmp(what, "ended") == 0) {
		call_over(d, c, o);
	}
}

static void agent_link(struct drill *d, uint32_t i, bool away, uint64_t at, json_t *out)
{
	if (away && !d->agent[i].since_us) {
		d->agent[i].since_us = at;
		d->agents_away++;
	} else if (!away && d->agent[i].since_us) {
		uint32_t ms = (uint32_t)((at - d->agent[i].since_us) / 1000);
		json_object_set_new(out, "ms", json_integer(ms));
		if (ms > d->agent_away_ms)
			d->agent_away_ms = ms;
		d->agent[i].since_us = 0;
		d->agents_away--;
	}
}

/* "t123" of the caller and oslo1-2f-91 of the call: number and node, as in the ledger. */
static uint32_t call_find(const struct drill *d, const char *number, const char *call)
{
	for (uint32_t i = d->calls_n; number && call && i-- > 0;) {
		const char *node = d->tail[d->call[i].tail].node;
		size_t n = strlen(node);
		if (strcmp(d->call[i].number, number) == 0 && strncmp(call, node, n) == 0 &&
		    call[n] == '-')
			return i + 1;
	}
	return 0;
}

/* Who talks to whom: from the ring on it is known, between talk and end it counts. */
static void agent_call(struct drill *d, uint32_t i, const char *what, const json_t *o, json_t *out)
{
	const char *site = lab_site_name(lab_agent_site(&d->lab_conf, i));
	if (strcmp(what, "ring") == 0) {
		d->agent[i].rung = call_find(d, json_string_value(json_object_get(o, "caller")),
					     json_string_value(json_object_get(o, "call")));
		/* The caller may be silent before this agent's "talk" comes to us. */
		if (d->agent[i].rung)
			d->call[d->agent[i].rung - 1].rung_site =
			    lab_agent_site(&d->lab_conf, i) + 1;
	} else if (strcmp(what, "talk") == 0) {
		d->agent[i].call = d->agent[i].rung;
	} else if (strcmp(what, "end") == 0 || strcmp(what, "hangup") == 0) {
		d->agent[i].call = 0;
	}
	if (!d->agent[i].call)
		return;
	struct drill_call *c = &d->call[d->agent[i].call - 1];
	c->crossed_us = crosses(d, c) ? micro(o, "mono_us") : c->crossed_us;
	c->agent_site = lab_agent_site(&d->lab_conf, i) + 1;
	json_object_set_new(out, "site", json_string(site));
	json_object_set_new(out, "from", json_string(lab_site_name(site_of(d, c))));
}

/* What a page heard: a silence within a talk, or that it was not run itself. */
static void page_says(struct drill *d, const char *what, const json_t *o)
{
	uint32_t ms = (uint32_t)micro(o, "gap_ms");
	if (strcmp(what, "late") == 0) {
		d->lag_ms = ms > d->lag_ms ? ms : d->lag_ms;
		return;
	}
	journal_put(d->journal, "ear", micro(o, "mono_us"),
		    json_pack("{ss* si sI}", "agent",
			      json_string_value(json_object_get(o, "agent")), "ms", (int)ms,
			      "began_us", (json_int_t)micro(o, "gap_began_us")));
}

static void agent_says(struct drill *d, const char *what, const json_t *o)
{
	if (strcmp(what, "gap") == 0 || strcmp(what, "late") == 0) {
		page_says(d, what, o);
		return;
	}
	static const char *const told[] = {"down", "resumed", "signed_in", "talk",
					   "end",  "hangup",  "ring"};
	const char *name = json_string_value(json_object_get(o, "agent")),
		   *call = json_string_value(json_object_get(o, "call"));
	uint64_t at = micro(o, "mono_us");
	size_t i = 0;
	while (i < HELIO_ARRAY_LEN(told) && strcmp(told[i], what) != 0)
		i++;
	uint32_t number =
	    name && strncmp(name, "load", 4) == 0 ? (uint32_t)strtoul(name + 4, NULL, 10) : 0;
	if (i == HELIO_ARRAY_LEN(told) || number == 0 || number >= HELIO_ARRAY_LEN(d->agent))
		return;
	json_t *out =
	    json_pack("{ss ss ss}", "agent", name, "event", what, "call", call ? call : "");
	bool down = strcmp(what, "down") == 0;
	if (down || strcmp(what, "resumed") == 0 || strcmp(what, "signed_in") == 0)
		agent_link(d, number, down, at, out);
	agent_call(d, number, what, o, out);
	d->talks += strcmp(what, "talk") == 0;
	d->hangups += strcmp(what, "hangup") == 0;
	journal_put(d->journal, "agent", at, out);
}

static void line_take(struct drill *d, uint32_t tail, const char *line, size_t n)
{
	json_t *o = json_loadb(line, n, 0, NULL);
	const char *what = json_string_value(json_object_get(o, "event"));
	if (what && d->tail[tail].node[0])
		caller_says(d, tail, what, o);
	else if (what)
		agent_says(d, what, o);
	json_decref(o);
}

static void follow(struct drill *d, uint32_t i)
{
	struct drill_tail *t = &d->tail[i];
	if (t->fd < 0)
		t->fd = open(t->path, O_RDONLY | O_CLOEXEC);
	if (t->fd < 0)
		return;
	for (;;) {
		ssize_t got = read(t->fd, t->buf + t->n, sizeof(t->buf) - t->n);
		if (got <= 0)
			return;
		t->n += (size_t)got;
		char *nl;
		size_t at = 0;
		while ((nl = memchr(t->buf + at, '\n', t->n - at))) {
			line_take(d, i, t->buf + at, (size_t)(nl - t->buf) - at);
			at = (size_t)(nl - t->buf) + 1;
		}
		memmove(t->buf, t->buf + at, t->n - at);
		t->n -= at;
		if (t->n == sizeof(t->buf))
			t->n = 0; /* no line of ours is so long */
	}
}

void people_follow(struct drill *d)
{
	/* Callers first: an agent's ring names a call that its caller has told of. */
	for (uint32_t i = 0; i < d->tails_n; i++)
		if (d->tail[i].node[0])
			follow(d, i);
	for (uint32_t i = 0; i < d->tails_n; i++)
		if (!d->tail[i].node[0])
			follow(d, i);
}
