/*
 * Opening hours of queues: which calendar holds at which site, and the calendars themselves, read
 * and checked whole. Queues that name the same files share one calendar.
 */
#include "common/conf/hours.h"
#include "common/conf/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"
#include "common/hours/hours.h"

void conf_calendars_free(struct conf *c)
{
	for (uint32_t i = 0; i < c->calendars_n; i++) {
		hours_calendar_free(c->calendars[i].open);
		hours_calendar_free(c->calendars[i].holidays);
		hours_zone_free(c->calendars[i].zone);
	}
	free(c->calendars);
	c->calendars = NULL;
	c->calendars_n = 0;
}

struct telling {
	struct reader *r;
	const char *path;
};

static void tell_h(const struct hours_problem *p, void *arg)
{
	struct telling *t = arg;

	problems_add(&t->r->problems,
		     &(struct problem_text){.file = PROBLEM_CALENDAR,
					    .path = t->path,
					    .line = p->line,
					    .col = 1,
					    .warning = p->warning,
					    .remedy = p->remedy},
		     "%s", p->what);
}

/* Reported at `at` if it cannot be read, in the file itself if it is wrong. */
static struct hours_calendar *calendar_read(struct reader *r, const struct yaml_node *at,
					    const char *path, const char *zone, bool holidays)
{
	struct hours_calendar *c = NULL;
	struct telling t = {r, path};
	char *text = NULL;
	size_t len = 0;
	int err = file_read(path, HOURS_FILE_MAX, &text, &len, NULL);

	if (err) {
		bad(r, at, "an iCalendar file (.ics) of at most 1 MiB that this user can read",
		    "put the file there or change the path", "%s: %s", path, strerror(err));
		return NULL;
	}
	r->conf->calendars_hash = conf_hash_bytes(r->conf->calendars_hash, text, len);
	if (hours_calendar_parse(&c, text, len, zone, holidays, tell_h, &t) == ENOMEM)
		r->no_memory = true;
	free(text);
	return c;
}

static int calendar_find(const struct conf *c, const struct conf_calendar *x)
{
	for (uint32_t i = 0; i < c->calendars_n; i++)
		if (!strcmp(c->calendars[i].file, x->file) &&
		    !strcmp(c->calendars[i].holidays_file, x->holidays_file) &&
		    !strcmp(c->calendars[i].timezone, x->timezone))
			return (int)i;
	return -1;
}

static int calendar_add(struct reader *r, const struct yaml_node *at, struct conf_calendar *x)
{
	struct conf *c = r->conf;
	int i = calendar_find(c, x);

	if (i >= 0)
		return i;
	if (c->calendars_n == CONF_CALENDARS_MAX) {
		bad(r, at, "at most 256 different calendars", "let queues share them", "too many");
		return -1;
	}
	struct conf_calendar *more = realloc(c->calendars, (c->calendars_n + 1) * sizeof(*more));
	if (!more) {
		r->no_memory = true;
		return -1;
	}
	c->calendars = more;
	if (r->check_files) {
		x->open = calendar_read(r, at, x->file, x->timezone, false);
		if (*x->holidays_file)
			x->holidays = calendar_read(r, at, x->holidays_file, x->timezone, true);
		(void)hours_zone_load(&x->zone, x->timezone); /* NULL shows UTC */
	}
	c->calendars[c->calendars_n] = *x;
	return (int)c->calendars_n++;
}

/* FILE, or {open: FILE, holidays: FILE} */
static bool files_read(struct reader *r, const struct yaml_node *key, const struct yaml_node *v,
		       struct conf_calendar *x)
{
	static const struct option file = {
	    .key = "hours", .type = OPT_CALENDAR, .offset = offsetof(struct conf_calendar, file)};
	unsigned before = r->problems.errors;

	if (v->kind == YAML_MAP)
		section_read(r, SECTION_HOURS, key, v, x);
	else
		(void)value_read(r, &file, v, x);
	return r->problems.errors == before;
}

static const char *site_at(size_t i, const void *arg)
{
	return ((const struct conf *)arg)->sites[i].name;
}

static const struct conf_site *site_read(struct reader *r, const struct conf_queue *q,
					 const struct yaml_node *key)
{
	const struct conf_site *site =
	    key->kind == YAML_SCALAR ? conf_site_by_name(r->conf, key->text) : NULL;
	char remedy[64], quoted[48];

	if (!site) {
		bad(r, key, "names from sites:",
		    did_you_mean(remedy, sizeof(remedy),
				 near_find(key->kind == YAML_SCALAR ? key->text : "",
					   r->conf->sites_n, site_at, r->conf),
				 "add it to sites:"),
		    "%s is not a site",
		    problem_quote(quoted, sizeof(quoted),
				  key->kind == YAML_SCALAR ? key->text : "?"));
		return NULL;
	}
	for (uint32_t i = 0; i < q->hours_n; i++)
		if (q->hours[i].site == site->number) {
			bad(r, key, NULL, "remove one of them", "this site is given twice");
			return NULL;
		}
	return site;
}

void read_hours(struct reader *r, const struct yaml_node *v, void *base)
{
	static const char allowed[] = "{oslo: office-oslo.ics, manila: {open: office-manila.ics, "
				      "holidays: philippines.ics}}";
	struct conf_queue *q = base;

	if (!v)
		return;
	if (v->kind != YAML_MAP || !v->child) {
		bad(r, v, allowed, NULL, "sites with their calendars are needed here");
		return;
	}
	for (const struct yaml_node *k = v->child; k; k = k->next->next) {
		struct conf_calendar x = {0};
		size_t back = path_enter(r, k->kind == YAML_SCALAR ? k->text : "?");
		const struct conf_site *site = site_read(r, q, k);
		if (site && files_read(r, k, k->next, &x)) {
			str_copy(x.timezone, sizeof(x.timezone), site->timezone);
			int i = calendar_add(r, k->next, &x);
			if (i >= 0)
				q->hours[q->hours_n++] = (struct conf_hours){
				    .site = site->number, .calendar = (uint16_t)i};
		}
		path_back(r, back);
	}
}

void read_holidays(struct reader *r, const struct yaml_node *v, void *base)
{
	static const struct option file = {.key = "holidays",
					   .type = OPT_CALENDAR,
					   .offset = offsetof(struct conf_calendar, holidays_file)};

	if (v)
		(void)value_read(r, &file, v, base);
}

/* ---- what seldom is meant ---------------------------------------------------------------- */

static const struct yaml_node *place(const struct reader *r, uint32_t q)
{
	const struct yaml_node *at = yaml_value(r->queue_keys[q]->next, "hours");

	return at ? at : r->queue_keys[q];
}

/* Hours that nobody covers in the week to come, when the queue says nothing of it. */
static void gaps_warn(struct reader *r, uint32_t i, int64_t now)
{
	const struct conf_queue *q = &r->conf->queues[i];
	struct conf_week week;
	char from[64];
	int64_t closed = 0, first = 0;

	if (q->closed_to != ACD_CLOSED_WAIT ||
	    conf_week_make(&week, r->conf, q, now, now + 7 * 86400))
		return;
	for (size_t k = 0; k < week.gaps_n; k++) {
		closed += week.gaps[k].to - week.gaps[k].from;
		if (k == 0)
			first = week.gaps[k].from;
	}
	conf_week_free(&week);
	/* Less than a minute between two calendars is a hair, not a gap. */
	if (closed >= 60)
		warn_at(r, place(r, i),
			"`helioctl hours` shows when; say what happens then: overflow: [{when: "
			"closed_everywhere, to: announce}]",
			"no site answers %lld h %lld min of the next seven days, first from %s: "
			"callers wait until somebody opens",
			(long long)(closed / 3600), (long long)(closed / 60 % 60),
			conf_time_text(from, sizeof(from), NULL, first));
}

static bool site_has_skilled(const struct reader *r, const struct conf_queue *q, uint8_t site)
{
	for (uint32_t k = 0; k < r->conf->agents_n; k++) {
		const struct conf_agent *a = &r->agents[k].a;
		if (a->site == site && (a->skills & q->skills) == q->skills)
			return true;
	}
	return false;
}

static void sites_warn(struct reader *r, uint32_t i, int64_t now)
{
	const struct conf_queue *q = &r->conf->queues[i];

	for (uint32_t k = 0; k < q->hours_n; k++) {
		const struct conf_site *site = conf_site_by_number(r->conf, q->hours[k].site);
		const struct conf_calendar *c = &r->conf->calendars[q->hours[k].calendar];
		struct hours_span *spans = NULL;
		size_t n = 0;
		if (!site || !c->open)
			continue;
		if (!hours_expand(c->open, c->holidays, now, now + 366 * 86400LL, &spans, &n) && !n)
			warn_at(r, place(r, i), "look at its UNTIL",
				"%s is not open at any time of the coming year by %s", site->name,
				c->file);
		free(spans);
		if (r->conf->agents_n && !site_has_skilled(r, q, site->number))
			warn_at(r, place(r, i),
				"give the skills to somebody there, or remove the site",
				"%s has hours for this queue, but no agent there has its skills",
				site->name);
	}
}

static void rules_check(struct reader *r, uint32_t i)
{
	const struct conf_queue *q = &r->conf->queues[i];

	if (!q->hours_n && (q->overflow_closed || q->closed_to != ACD_CLOSED_WAIT || q->ramp_ms))
		warn_at(r, r->queue_keys[i], "add hours:, or remove them",
			"rules about closing, but no hours: this queue is always open");
	if (q->closed_to == ACD_CLOSED_ANNOUNCE && !*q->closed_announcement)
		warn_at(r, r->queue_keys[i], "add closed_announcement: FILE",
			"closed_everywhere leads to announce, but there is no closed_announcement: "
			"callers hear silence and then the end");
	if (q->hours_n > 1 && !q->overflow_closed && !q->overflow_no_idle && !q->overflow_timed)
		warn_at(r, place(r, i), "add overflow: [{when: closed_site, to: any_open}]",
			"several sites have hours, but callers never go from one to another");
}

void check_hours(struct reader *r)
{
	int64_t now = wall_ms() / 1000;

	for (uint32_t i = 0; i < r->conf->queues_n; i++) {
		snprintf(r->path, sizeof(r->path), "queues.%s.hours", r->conf->queues[i].name);
		rules_check(r, i);
		if (r->check_files && r->conf->queues[i].hours_n) {
			sites_warn(r, i, now);
			gaps_warn(r, i, now);
		}
	}
	r->path[0] = '\0';
}
