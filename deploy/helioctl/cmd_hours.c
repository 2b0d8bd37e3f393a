/* hours: who answers a queue when, from the configuration alone: no daemon is asked. */
#include "deploy/helioctl/ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/base.h"
#include "common/conf/hours.h"

enum { DAY = 86400, AHEAD_DAYS = 400 };

static const char *opt_at, *opt_week;

const struct ctl_option cmd_hours_options[] = {
    {"at", "TIME", CTL_TEXT, &opt_at,
     "who answers then: 2026-03-29T03:00Z, 2026-03-29T04:00+01:00, or in a site's own time "
     "2026-03-29T05:00@oslo; default: now"},
    {"week", "DATE", CTL_TEXT, &opt_week, "the seven days from 2026-03-23 on, in UTC; gaps too"},
    {NULL, NULL, 0, NULL, NULL}};

/* ---- times as people write them ---------------------------------------------------------- */

static bool date_parse(const char *s, int64_t *ret_days, const char **ret_end)
{
	int y, m, d, n = 0;

	if (sscanf(s, "%4d-%2d-%2d%n", &y, &m, &d, &n) != 3 || n != 10 || y < 1971 || y > 2190 ||
	    m < 1 || m > 12 || d < 1 || d > 31)
		return false;
	*ret_days = hours_days(y, m, d);
	*ret_end = s + n;
	int y2, m2, d2;
	hours_date(*ret_days, &y2, &m2, &d2);
	return d2 == d; /* 30 February is none */
}

static bool at_site(const struct conf *c, const char *name, int64_t local, int64_t *ret)
{
	const struct conf_site *site = conf_site_by_name(c, name);
	struct hours_zone *zone = NULL;

	if (!site || hours_zone_load(&zone, site->timezone))
		return false;
	*ret = hours_zone_utc(zone, local);
	hours_zone_free(zone);
	return true;
}

/* Never without saying whose time it is. */
static bool time_parse(const struct conf *c, const char *s, int64_t *ret)
{
	int64_t days;
	int h, m, sec = 0, oh, om, n = 0;
	char sign;
	const char *p;

	if (!date_parse(s, &days, &p) || (*p != 'T' && *p != ' ') ||
	    sscanf(p + 1, "%2d:%2d%n", &h, &m, &n) != 2 || n != 5)
		return false;
	p += 1 + n;
	if (*p == ':' && sscanf(p, ":%2d%n", &sec, &n) == 1 && n == 3)
		p += n;
	if (h < 0 || h > 23 || m < 0 || m > 59 || sec < 0 || sec > 59)
		return false;
	int64_t local = days * DAY + h * 3600 + m * 60 + sec;
	if (*p == '@')
		return at_site(c, p + 1, local, ret);
	*ret = local;
	if (!strcmp(p, "Z"))
		return true;
	if (sscanf(p, "%c%2d:%2d%n", &sign, &oh, &om, &n) != 3 || n != 6 || p[n] ||
	    (sign != '+' && sign != '-') || oh > 14 || om > 59)
		return false;
	*ret -= (sign == '+' ? 1 : -1) * (oh * 3600 + om * 60);
	return true;
}

/* ---- at one time ------------------------------------------------------------------------- */

static const char *site_time(char buf[64], const struct conf_week_site *s, int64_t t)
{
	struct hours_zone *zone = NULL;

	(void)hours_zone_load(&zone, s->site->timezone);
	conf_time_text(buf, 64, zone, t);
	hours_zone_free(zone);
	return buf;
}

/* "18:00" that day, or with its date if it is another. */
static void change_text(char buf[96], const struct conf_week_site *s, int64_t change, bool open,
			int64_t limit)
{
	char local[64];

	if (change >= limit)
		snprintf(buf, 96, open ? "always" : "not within %d days", AHEAD_DAYS);
	else
		snprintf(buf, 96, "%s", site_time(local, s, change));
}

static json_t *site_json(const struct conf_queue *q, const struct conf_week_site *s, int64_t t,
			 int64_t limit)
{
	int64_t change, step;
	uint16_t weight = conf_hours_weight(s->spans, s->n, q->ramp_ms, t, &change, &step);
	char local[64], text[96];
	json_t *o =
	    json_pack("{s:s, s:s, s:b, s:i, s:s}", "site", s->site->name, "zone", s->site->timezone,
		      "open", weight > 0, "permille", (int)weight, "local", site_time(local, s, t));

	change_text(text, s, change, weight > 0, limit);
	json_object_set_new(o, "changes", json_string(text));
	json_object_set_new(o, "changes_utc",
			    change >= limit ? json_null() : json_integer((json_int_t)change));
	return o;
}

/* The end of what was looked at is no change. */
static void clip(struct conf_week_site *s, int64_t limit)
{
	if (s->n && s->spans[s->n - 1].to >= limit)
		s->spans[s->n - 1].to = INT64_MAX;
}

static int show_at(struct ctl *ctl, const struct conf_queue *q, int64_t t)
{
	static const char *const heads[] = {"SITE",       "ANSWERS", ">SHARE",
					    "LOCAL TIME", "UNTIL",   NULL};
	int64_t limit = t + AHEAD_DAYS * (int64_t)DAY;
	struct conf_week w;
	json_t *sites = json_array(), *o;
	char text[64];
	size_t i;
	bool any = false;
	int err = conf_week_make(&w, ctl->conf, q, t - DAY, limit);

	if (err) {
		json_decref(sites);
		return ctl_fail(CTL_UNHEALTHY, "simplify its rules", "%s: its calendars: %s",
				q->name, strerror(err));
	}
	for (uint32_t k = 0; k < w.sites_n; k++) {
		clip(&w.sites[k], limit);
		json_array_append_new(sites, site_json(q, &w.sites[k], t, limit));
	}
	conf_week_free(&w);
	json_array_foreach(sites, i, o) any |= json_is_true(json_object_get(o, "open"));
	conf_time_text(text, sizeof(text), NULL, t);
	if (ctl->json) {
		json_print(ctl, json_pack("{s:b, s:s, s:s, s:I, s:b, s:o}", "ok", 1, "queue",
					  q->name, "at", text, "at_utc", (json_int_t)t, "answered",
					  any, "sites", sites));
		return any ? CTL_OK : CTL_UNHEALTHY;
	}
	fprintf(ctl->out, "%s at %s\n", q->name, text);
	struct table *table = table_new(heads);
	json_array_foreach(sites, i, o)
	{
		bool open = json_is_true(json_object_get(o, "open"));
		table_cell(table, STYLE_NONE, "%s", json_text(o, "site"));
		table_cell(table, open ? STYLE_GOOD : STYLE_DIM, open ? "open" : "closed");
		table_cell(table, STYLE_NONE, "%lld%%", (long long)json_number(o, "permille") / 10);
		table_cell(table, STYLE_NONE, "%s", json_text(o, "local"));
		table_cell(table, STYLE_NONE, "%s", json_text(o, "changes"));
	}
	table_print(table, ctl->out, ctl->colour);
	if (!any)
		fprintf(ctl->out, "%snobody answers then%s: %s\n", style_on(ctl->colour, STYLE_BAD),
			style_off(ctl->colour, STYLE_BAD),
			q->closed_to == ACD_CLOSED_REFUSE ? "callers are refused (480)"
			: q->closed_to == ACD_CLOSED_ANNOUNCE
			    ? "callers hear the announcement"
			    : "callers wait until somebody opens");
	json_decref(sites);
	return any ? CTL_OK : CTL_UNHEALTHY;
}

/* ---- a week ------------------------------------------------------------------------------ */

struct row {
	int64_t from, to;
	int site; /* -1: a gap */
};

static int by_from(const void *va, const void *vb)
{
	const struct row *a = va, *b = vb;

	if (a->from != b->from)
		return a->from < b->from ? -1 : 1;
	return a->site < b->site ? -1 : a->site > b->site;
}

static struct row *rows_make(const struct conf_week *w, size_t *ret_n)
{
	size_t n = w->gaps_n, k = 0;

	for (uint32_t i = 0; i < w->sites_n; i++)
		n += w->sites[i].n;
	struct row *rows = calloc(n + 1, sizeof(*rows));
	helio_assert(rows);
	for (uint32_t i = 0; i < w->sites_n; i++)
		for (size_t j = 0; j < w->sites[i].n; j++)
			rows[k++] = (struct row){w->sites[i].spans[j].from, w->sites[i].spans[j].to,
						 (int)i};
	for (size_t j = 0; j < w->gaps_n; j++)
		rows[k++] = (struct row){w->gaps[j].from, w->gaps[j].to, -1};
	qsort(rows, n, sizeof(*rows), by_from);
	*ret_n = n;
	return rows;
}

static json_t *row_json(const struct conf_week *w, const struct row *r)
{
	char a[64], b[64], c[64], d[64];
	json_t *o = json_pack("{s:s, s:I, s:I, s:s, s:s}", "site",
			      r->site < 0 ? "" : w->sites[r->site].site->name, "from_utc",
			      (json_int_t)r->from, "to_utc", (json_int_t)r->to, "from",
			      conf_time_text(a, sizeof(a), NULL, r->from), "to",
			      conf_time_text(b, sizeof(b), NULL, r->to));

	json_object_set_new(o, "gap", json_boolean(r->site < 0));
	if (r->site >= 0) {
		json_object_set_new(o, "local_from",
				    json_string(site_time(c, &w->sites[r->site], r->from)));
		json_object_set_new(o, "local_to",
				    json_string(site_time(d, &w->sites[r->site], r->to)));
	}
	return o;
}

static void week_table(struct ctl *ctl, const json_t *list)
{
	static const char *const heads[] = {"SITE",         "FROM (UTC)", "TO (UTC)", ">LASTS",
					    "FROM (THERE)", "TO (THERE)", NULL};
	struct table *t = table_new(heads);
	char lasts[24];
	size_t i;
	json_t *o;

	json_array_foreach(list, i, o)
	{
		bool gap = json_is_true(json_object_get(o, "gap"));
		enum style s = gap ? STYLE_BAD : STYLE_NONE;
		table_cell(t, gap ? STYLE_BAD : STYLE_GOOD, "%s",
			   gap ? "nobody" : json_text(o, "site"));
		table_cell(t, s, "%s", json_text(o, "from"));
		table_cell(t, s, "%s", json_text(o, "to"));
		table_cell(t, s, "%s",
			   duration_text(lasts, 1000 * (json_number(o, "to_utc") -
							json_number(o, "from_utc"))));
		table_cell(t, STYLE_DIM, "%s", json_text(o, "local_from"));
		table_cell(t, STYLE_DIM, "%s", json_text(o, "local_to"));
	}
	table_print(t, ctl->out, ctl->colour);
}

static int show_week(struct ctl *ctl, const struct conf_queue *q, int64_t from)
{
	struct conf_week w;
	json_t *list = json_array();
	int64_t closed = 0;
	size_t n, gaps;
	char lasts[24];
	int err = conf_week_make(&w, ctl->conf, q, from, from + 7 * DAY);

	if (err) {
		json_decref(list);
		return ctl_fail(CTL_UNHEALTHY, "simplify its rules", "%s: its calendars: %s",
				q->name, strerror(err));
	}
	struct row *rows = rows_make(&w, &n);
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(list, row_json(&w, &rows[i]));
		closed += rows[i].site < 0 ? rows[i].to - rows[i].from : 0;
	}
	gaps = w.gaps_n;
	free(rows);
	conf_week_free(&w);
	if (ctl->json) {
		json_print(ctl,
			   json_pack("{s:b, s:s, s:I, s:I, s:o}", "ok", 1, "queue", q->name, "gaps",
				     (json_int_t)gaps, "gap_s", (json_int_t)closed, "week", list));
		return CTL_OK;
	}
	week_table(ctl, list);
	json_decref(list);
	if (gaps)
		fprintf(ctl->out, "%s%zu %s, %s in all: nobody answers%s\n",
			style_on(ctl->colour, STYLE_BAD), gaps, gaps == 1 ? "gap" : "gaps",
			duration_text(lasts, closed * 1000), style_off(ctl->colour, STYLE_BAD));
	else
		fprintf(ctl->out, "%sno gaps%s\n", style_on(ctl->colour, STYLE_GOOD),
			style_off(ctl->colour, STYLE_GOOD));
	return CTL_OK;
}

int cmd_hours(struct ctl *ctl)
{
	const struct conf_queue *q = conf_queue_by_name(ctl->conf, ctl->argv[0]);
	int64_t t = wall_ms() / 1000, days;
	const char *end;

	if (!q)
		return ctl_fail(CTL_USAGE, "`helioctl queues` lists them", "no queue '%s'",
				ctl->argv[0]);
	if (opt_at && opt_week)
		return ctl_fail(CTL_USAGE, "see --help", "either --at or --week");
	if (opt_week) {
		if (!date_parse(opt_week, &days, &end) || *end)
			return ctl_fail(CTL_USAGE, "write it as 2026-03-23", "'%s' is not a date",
					opt_week);
		return show_week(ctl, q, days * DAY);
	}
	if (opt_at && !time_parse(ctl->conf, opt_at, &t))
		return ctl_fail(CTL_USAGE,
				"say whose time it is: 2026-03-29T03:00Z, …+01:00, or …@oslo",
				"'%s' is not a time", opt_at);
	return show_at(ctl, q, t);
}
