/* Asks every node and broker once a second how it is; what does not answer in time is not up. */
#include "chaos/drill/drill.h"

#include <czmq.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

/* After so long without a word the socket is made anew: what it holds is stale. */
enum { SILENT_US = 2000000, LINKS_EVERY = 5 };

static const char *const node_asks[] = {"status", "calls", "agents"};

static void sock_open(struct drill *d, struct drill_daemon *a)
{
	zsock_t *s = zsock_new(ZMQ_DEALER);
	helio_assert(s);
	zsock_set_linger(s, 0);
	zsock_set_immediate(s, 1); /* a daemon that comes back is not asked old questions */
	zsock_set_sndtimeo(s, 0);
	zsock_set_rcvtimeo(s, 0);
	(void)zsock_connect(s, "ipc://%s/base/run/%s.admin", d->lab_dir, a->name);
	a->sock = s;
	a->expected = 0;
}

static void sock_close(struct drill_daemon *a)
{
	zsock_t *s = a->sock;
	zsock_destroy(&s);
	a->sock = NULL;
}

int watch_open(struct drill *d)
{
	for (uint32_t m = 0; m < LAB_MACHINES; m++) {
		struct drill_daemon *n = &d->daemon[2 * m], *b = n + 1;
		n->machine = b->machine = m;
		n->is_node = true;
		(void)str_copy(n->name, sizeof(n->name), lab_machine_name(m));
		snprintf(b->name, sizeof(b->name), "%s-b%u", lab_site_name(lab_machine_site(m)),
			 m % LAB_PER_SITE + 1);
		sock_open(d, n);
		sock_open(d, b);
	}
	d->next_sample_us = mono_us();
	return 0;
}

void watch_close(struct drill *d)
{
	for (uint32_t i = 0; i < DRILL_DAEMONS; i++)
		if (d->daemon[i].sock)
			sock_close(&d->daemon[i]);
}

static void ask(struct drill *d, struct drill_daemon *a, uint64_t now)
{
	if (a->expected && now - a->asked_us > SILENT_US) {
		sock_close(a);
		sock_open(d, a);
	}
	a->next = (struct drill_node){0};
	if (a->expected)
		return;
	a->asked_us = now;
	for (size_t i = 0; i < (a->is_node ? HELIO_ARRAY_LEN(node_asks) : 1); i++) {
		char line[64];
		snprintf(line, sizeof(line), "{\"cmd\":\"%s\"}", node_asks[i]);
		if (zstr_send(a->sock, line) == 0)
			a->expected++;
	}
}

/* ---- answers ----------------------------------------------------------------------------- */

static uint32_t number(const json_t *o, const char *key)
{
	return (uint32_t)json_integer_value(json_object_get(o, key));
}

static void take_calls(struct drill_node *n, const json_t *list)
{
	size_t i;
	json_t *c;
	json_array_foreach(list, i, c)
	{
		const char *state = json_string_value(json_object_get(c, "state"));
		if (!state)
			continue;
		n->waiting += strcmp(state, "queued") == 0;
		n->talking += strcmp(state, "bridged") == 0;
		n->ringing += strcmp(state, "granted") == 0;
		n->awaiting += strcmp(state, "await_agent") == 0;
	}
}

static void take_agents(struct drill_node *n, const json_t *list)
{
	size_t i;
	json_t *a;
	json_array_foreach(list, i, a)
	{
		const char *state = json_string_value(json_object_get(a, "state"));
		n->idle += state && strcmp(state, "idle") == 0;
	}
}

static void take_status(struct drill_node *n, const json_t *o)
{
	const json_t *calls = json_object_get(json_object_get(o, "counters"), "calls");
	n->up = true;
	n->calls = number(o, "calls");
	n->sessions = number(o, "sessions");
	n->island = json_is_true(json_object_get(o, "island"));
	n->draining = json_is_true(json_object_get(o, "draining"));
	n->journal = json_is_true(json_object_get(o, "journal"));
	n->presence = json_is_true(json_object_get(o, "presence"));
	n->unprotected = number(o, "unprotected");
	n->entered = number(calls, "entered");
	n->ended = number(calls, "ended");
}

static void receive(struct drill_daemon *a)
{
	zmsg_t *msg;
	while (a->expected && (msg = zmsg_recv(a->sock))) {
		zframe_t *body = zmsg_last(msg);
		json_t *o =
		    body ? json_loadb((const char *)zframe_data(body), zframe_size(body), 0, NULL)
			 : NULL;
		a->expected--;
		if (json_object_get(o, "calls") && json_is_array(json_object_get(o, "calls")))
			take_calls(&a->next, json_object_get(o, "calls"));
		else if (json_is_array(json_object_get(o, "agents")))
			take_agents(&a->next, json_object_get(o, "agents"));
		else if (json_is_true(json_object_get(o, "ok")))
			take_status(&a->next, o);
		json_decref(o);
		zmsg_destroy(&msg);
	}
}

/* ---- this machine ------------------------------------------------------------------------ */

static void cpu_look(struct drill *d)
{
	unsigned long long v[8] = {0};
	FILE *f = fopen("/proc/stat", "re");
	int n = f ? fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &v[0], &v[1], &v[2],
			   &v[3], &v[4], &v[5], &v[6], &v[7])
		  : 0;
	if (f)
		fclose(f);
	if (n != 8)
		return;
	uint64_t busy = v[0] + v[1] + v[2] + v[5] + v[6], all = busy + v[3] + v[4] + v[7];
	double span = (double)(all - d->cpu[2]);
	if (d->cpu[2] && span > 0) {
		d->busy = 100 * (double)(busy - d->cpu[0]) / span;
		d->steal = 100 * (double)(v[7] - d->cpu[1]) / span;
	}
	d->cpu[0] = busy;
	d->cpu[1] = v[7];
	d->cpu[2] = all;
}

/* ---- samples ----------------------------------------------------------------------------- */

double drill_metric(const struct drill *d, const char *name, const char *site, const char *node)
{
	double sum = 0;
	if (strcmp(name, "callers_live") == 0)
		return people_live(d);
	if (strcmp(name, "lost") == 0)
		return d->far_n > d->hangups ? d->far_n - d->hangups : 0;
	if (strcmp(name, "refused") == 0)
		return d->refused;
	if (strcmp(name, "talks") == 0)
		return d->talks;
	if (strcmp(name, "gap_ms") == 0)
		return d->gap_ms;
	if (strcmp(name, "callers_short") == 0)
		return people_live(d) < d->e->callers ? d->e->callers - people_live(d) : 0;
	if (strcmp(name, "near_gap_ms") == 0)
		return d->near_gap_ms;
	if (strcmp(name, "far_gap_ms") == 0)
		return d->far_gap_ms;
	if (strcmp(name, "far_talks") == 0)
		return people_across(d, -1, -1);
	if (strcmp(name, "agents_away") == 0)
		return d->agents_away;
	if (strcmp(name, "agent_away_ms") == 0)
		return d->agent_away_ms;
	for (uint32_t i = 0; i < DRILL_DAEMONS; i++) {
		const struct drill_daemon *a = &d->daemon[i];
		const struct drill_node *n = &a->now;
		if ((node && strcmp(node, a->name) != 0) ||
		    (site && strcmp(site, lab_site_name(lab_machine_site(a->machine))) != 0))
			continue;
		sum += strcmp(name, "waiting") == 0       ? n->waiting
		       : strcmp(name, "talking") == 0     ? n->talking
		       : strcmp(name, "ringing") == 0     ? n->ringing
		       : strcmp(name, "awaiting") == 0    ? n->awaiting
		       : strcmp(name, "calls") == 0       ? n->calls * a->is_node
		       : strcmp(name, "sessions") == 0    ? n->sessions * a->is_node
		       : strcmp(name, "idle") == 0        ? n->idle
		       : strcmp(name, "daemons_up") == 0  ? n->up
		       : strcmp(name, "island") == 0      ? n->island
		       : strcmp(name, "unprotected") == 0 ? n->unprotected
							  : 0;
	}
	return sum;
}

static json_t *by_site(const struct drill *d)
{
	json_t *o = json_object();
	for (uint32_t s = 0; s < LAB_SITES; s++) {
		const char *name = lab_site_name(s);
		json_object_set_new(
		    o, name,
		    json_pack("{si si si}", "waiting", (int)drill_metric(d, "waiting", name, NULL),
			      "talking", (int)drill_metric(d, "talking", name, NULL), "sessions",
			      (int)drill_metric(d, "sessions", name, NULL)));
	}
	return o;
}

static json_t *nodes_json(const struct drill *d)
{
	json_t *o = json_object();
	for (uint32_t i = 0; i < DRILL_DAEMONS; i++) {
		const struct drill_daemon *a = &d->daemon[i];
		const struct drill_node *n = &a->now;
		if (!a->is_node)
			json_object_set_new(o, a->name, json_pack("{sb}", "up", n->up));
		else
			json_object_set_new(
			    o, a->name,
			    json_pack("{sb si si si si si sb sb sb sb si}", "up", n->up, "calls",
				      (int)n->calls, "waiting", (int)n->waiting, "talking",
				      (int)n->talking, "sessions", (int)n->sessions, "idle",
				      (int)n->idle, "island", n->island, "draining", n->draining,
				      "journal", n->journal, "presence", n->presence, "unprotected",
				      (int)n->unprotected));
	}
	return o;
}

static void stops_check(struct drill *d)
{
	for (uint32_t i = 0; d->watching && i < d->e->stops_n && !d->stopped[0]; i++) {
		const struct stop *s = &d->e->stop[i];
		double v = drill_metric(d, s->name, NULL, NULL);
		if (v <= s->above && v >= s->below)
			continue;
		snprintf(d->stopped, sizeof(d->stopped), "%s is %g", s->name, v);
		journal_put(d->journal, "stop", 0,
			    json_pack("{ss sf sf}", "name", s->name, "value", v, "limit",
				      v > s->above ? s->above : s->below));
	}
}

static void sample(struct drill *d, uint64_t at)
{
	uint64_t entered = 0, ended = 0;
	d->sampled_us = at;
	for (uint32_t i = 0; i < DRILL_DAEMONS; i++) {
		struct drill_daemon *a = &d->daemon[i];
		/* Half an answer is none: a node that stalls keeps what it said last, but is not
		 * up. */
		if (a->expected == 0)
			a->now = a->next;
		else
			a->now.up = false;
		entered += a->now.entered;
		ended += a->now.ended;
	}
	cpu_look(d);
#define M(name) (int)drill_metric(d, name, NULL, NULL)
	journal_put(
	    d->journal, "sample", at,
	    json_pack("{si si si si si si si si si sI sI so so s{si si si} s{sf sf} si si si si}",
		      "waiting", M("waiting"), "talking", M("talking"), "ringing", M("ringing"),
		      "awaiting", M("awaiting"), "calls", M("calls"), "sessions", M("sessions"),
		      "idle", M("idle"), "up", M("daemons_up"), "daemons", (int)DRILL_DAEMONS,
		      "entered", (json_int_t)entered, "ended", (json_int_t)ended, "by_site",
		      by_site(d), "nodes", nodes_json(d), "callers", "live", M("callers_live"),
		      "answered", (int)d->answered, "lost", M("lost"), "cpu", "busy", d->busy,
		      "steal", d->steal, "lag_ms", (int)d->lag_ms, "gap_ms", (int)d->gap_second_ms,
		      "agents_away", (int)d->agents_away, "far_talks", M("far_talks")));
	drill_say(d,
		  "%6.1f s  waiting %3d  talking %3d  callers %3d  agents %3d  daemons %2d/%d  "
		  "lost %d  gap %u ms  cpu %3.0f%%  late %u ms",
		  (double)(at - journal_begun_us(d->journal)) / 1e6, M("waiting"), M("talking"),
		  M("callers_live"), M("sessions"), M("daemons_up"), DRILL_DAEMONS, M("lost"),
		  d->gap_second_ms, d->busy, d->lag_ms);
#undef M
	if (d->lag_ms > d->lag_worst_ms)
		d->lag_worst_ms = d->lag_ms;
	d->lag_ms = d->gap_second_ms = 0;
	stops_check(d);
}

static void links_put(struct drill *d)
{
	json_t *o = lab_client_ask(d->lab, json_pack("{ss ss}", "do", "wan", "line", "show"));
	if (!o)
		return;
	journal_put(d->journal, "links", 0,
		    json_pack("{sO}", "links", json_object_get(o, "links")));
	json_decref(o);
}

void watch_step(struct drill *d, uint64_t now)
{
	static uint32_t turn;
	for (uint32_t i = 0; i < DRILL_DAEMONS; i++)
		receive(&d->daemon[i]);
	if (d->take_us && now >= d->take_us) {
		sample(d, d->take_us - REPLY_MS * UINT64_C(1000));
		d->take_us = 0;
		if (turn++ % LINKS_EVERY == 0)
			links_put(d);
	}
	if (now < d->next_sample_us)
		return;
	for (uint32_t i = 0; i < DRILL_DAEMONS; i++)
		ask(d, &d->daemon[i], now);
	d->take_us = now + REPLY_MS * UINT64_C(1000);
	d->next_sample_us = now + SAMPLE_MS * UINT64_C(1000);
}
