/* Hours in the configuration: files found and checked, gaps, weights, and what a daemon is told. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/acd/acd.h"
#include "common/base/base.h"
#include "common/conf/hours.h"

static const char *const head =
    "cluster: sunline\npresence: {redis: [127.0.1.1:42400]}\nskills: [lang.en]\nsites:\n"
    "  oslo:\n    number: 1\n    timezone: Europe/Oslo\n"
    "    brokers: {oslo-b1: {ordinal: 64, address: 127.0.1.1, mesh: 42001}}\n    nodes:\n"
    "      oslo1: {ordinal: 1, address: 127.0.1.1, mesh: 42101, sip: 42060, "
    "media_ports: 42200-42299}\n"
    "  manila:\n    number: 2\n    timezone: Asia/Manila\n"
    "    brokers: {manila-b1: {ordinal: 64, address: 127.0.2.1, mesh: 42001}}\n    nodes:\n"
    "      manila1: {ordinal: 1, address: 127.0.2.1, mesh: 42101, sip: 42060, "
    "media_ports: 42200-42299}\n";

static char dir[64];

static void put(const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void calendar(const char *name, const char *zone, const char *from, const char *to,
		     const char *rule)
{
	char text[512];
	snprintf(text, sizeof(text),
		 "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;TZID=%s:20260105T%s\n"
		 "DTEND;TZID=%s:20260105T%s\nRRULE:%s\nEND:VEVENT\nEND:VCALENDAR\n",
		 zone, from, zone, to, rule);
	put(name, text);
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/helio-hours-XXXXXX");
	assert_non_null(mkdtemp(dir));
	put("agents.yaml", "agents: {o: {site: oslo, skills: [lang.en]}, "
			   "m: {site: manila, skills: [lang.en]}}\n");
	calendar("oslo.ics", "Europe/Oslo", "080000", "160000", "FREQ=DAILY");
	calendar("manila.ics", "Asia/Manila", "090000", "180000", "FREQ=DAILY");
	calendar("bad.ics", "Europe/Oslo", "080000", "060000", "FREQ=DAILY");
	put("holidays.ics", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20260330\n"
			    "END:VEVENT\nEND:VCALENDAR\n");
	return 0;
}

static int teardown(void **state)
{
	char command[128];
	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

static int load(struct conf **ret, const char *queues, char **ret_said)
{
	char text[4096], path[128];
	size_t len = 0;
	FILE *f = open_memstream(ret_said, &len);
	snprintf(text, sizeof(text), "%squeues:\n%s", head, queues);
	put("cluster.yaml", text);
	snprintf(path, sizeof(path), "%s/cluster.yaml", dir);
	*ret = NULL;
	int err = conf_load(ret, path, f);
	fclose(f);
	return err;
}

static void said(const char *queues, int err, const char *want)
{
	struct conf *c;
	char *text;
	assert_int_equal(load(&c, queues, &text), err);
	if (want ? !strstr(text, want) : *text)
		fail_msg("for %s\nwanted: %s\nsaid: %s", queues, want ? want : "nothing", text);
	free(text);
	conf_free(c);
}

static void what_is_wrong_is_said_with_its_place_and_remedy(void **state)
{
	(void)state;
	said("  q: {hours: {oslo: bad.ics}}\n", EINVAL, "bad.ics:4:1: it ends before it begins");
	said("  q: {hours: {oslo: none.ics}}\n", EINVAL, "put the file there or change the path");
	said("  q: {hours: {olso: oslo.ics}}\n", EINVAL, "did you mean 'oslo'");
	said("  q: {hours: {oslo: oslo.ics, oslo: oslo.ics}}\n", EINVAL, "given twice");
	said("  q: {hours: oslo.ics}\n", EINVAL, "sites with their calendars");
	said("  q: {hours: {oslo: {holidays: holidays.ics}}}\n", EINVAL, "open: missing");
	said("  q: {hours: {oslo: {open: oslo.ics, holiday: x.ics}}}\n", EINVAL,
	     "did you mean 'holidays'");
	said("  q: {overflow: [{when: closed_everywhere, to: any_open}]}\n", EINVAL,
	     "nobody is open then");
	said("  q: {overflow: [{when: no_idle_here, to: refuse}]}\n", EINVAL,
	     "when: closed_everywhere");
	said("  q: {overflow: [{when: closed_site, to: any_open}, {when: closed_site, to: "
	     "any_open}]}\n",
	     EINVAL, "a second rule with closed_site");
	said("  q: {overflow: [{when: no_idle_here, to: voicemail}]}\n", EINVAL,
	     "for who has waited long");
	said("  q: {overflow: [{after: 0s, to: callback}]}\n", EINVAL, "for a person at all");
	said("  q: {overflow: [{after: 1m, to: callback}, {after: 2m, to: voicemail}]}\n", EINVAL,
	     "a second rule");
	said("  q: {max_wait: 5m, overflow: [{after: 1m, to: callback}]}\n", EINVAL,
	     "both end the call");
}

static void what_is_seldom_meant_is_warned_of(void **state)
{
	(void)state;
	said("  q: {hours: {oslo: oslo.ics}}\n", 0, "no site answers 112 h 0 min");
	said("  q: {hours: {oslo: oslo.ics}, overflow: [{when: closed_everywhere, to: refuse}]}\n",
	     0, NULL);
	said("  q: {overflow: [{when: closed_site, to: any_open}]}\n", 0, "always open");
	said("  q: {hours: {oslo: oslo.ics, manila: manila.ics}, "
	     "overflow: [{when: closed_everywhere, to: refuse}]}\n",
	     0, "never go from one to another");
	said(
	    "  q: {hours: {oslo: oslo.ics}, overflow: [{when: closed_everywhere, to: announce}]}\n",
	    0, "no closed_announcement");
}

static int64_t at(int y, int mo, int d, int h, int mi)
{
	return hours_days(y, mo, d) * 86400 + h * 3600 + mi * 60;
}

#define BOTH                                                                                 \
	"  q: {hours: {oslo: {open: oslo.ics, holidays: holidays.ics}, manila: manila.ics}," \
	" ramp: 30m, overflow: [{when: closed_site, to: any_open}, "                         \
	"{when: closed_everywhere, to: refuse}]}\n"

static void a_week_knows_its_sites_and_its_gaps(void **state)
{
	struct conf *c;
	struct conf_week w;
	char *text, buf[64];
	int64_t closed = 0;
	(void)state;
	assert_int_equal(load(&c, BOTH, &text), 0);
	assert_string_equal(text, "");
	free(text);
	/* The week in which Oslo's clocks go forward; Monday after it is a holiday. Manila is open
	 * 01–10 UTC, Oslo 07–15 UTC, then 06–14 UTC. */
	assert_int_equal(
	    conf_week_make(&w, c, &c->queues[0], at(2026, 3, 28, 0, 0), at(2026, 4, 1, 0, 0)), 0);
	assert_int_equal(w.sites_n, 2);
	assert_int_equal(w.sites[0].n, 3);
	assert_int_equal(w.sites[1].n, 4);
	for (size_t i = 0; i < w.gaps_n; i++)
		closed += w.gaps[i].to - w.gaps[i].from;
	assert_int_equal(w.gaps_n, 5);
	assert_int_equal(closed, 3600 * (10 + 11 + 15 + 11));
	assert_int_equal(w.gaps[1].from, at(2026, 3, 28, 15, 0));
	conf_week_free(&w);
	assert_string_equal(
	    conf_time_text(buf, sizeof(buf), c->calendars[0].zone, at(2026, 3, 29, 1, 0)),
	    "Sun 2026-03-29 03:00 CEST");
	conf_free(c);
}

static void the_ramp_falls_before_the_end_and_rises_after_the_start(void **state)
{
	struct hours_span s = {100000, 120000};
	int64_t change, step, t;
	uint16_t before = 0;
	(void)state;
	assert_int_equal(conf_hours_weight(&s, 1, 1800000, 99999, &change, &step), 0);
	assert_int_equal(change, 100000);
	assert_int_equal(step, 100000);
	/* Step by step, as the daemons go: it never falls while it rises, and the reverse. */
	for (t = 100000; t < 110000; t = step) {
		uint16_t w = conf_hours_weight(&s, 1, 1800000, t, &change, &step);
		assert_true(w >= before && w > 0 && step > t && change == 120000);
		before = w;
	}
	assert_int_equal(before, ACD_OPEN);
	assert_int_equal(conf_hours_weight(&s, 1, 1800000, 119100, &change, &step), 500);
	for (t = 118200; t < 120000; t = step) {
		uint16_t w = conf_hours_weight(&s, 1, 1800000, t, &change, &step);
		assert_true(w <= before && w > 0 && step > t);
		before = w;
	}
	assert_int_equal(conf_hours_weight(&s, 1, 1800000, 120000, &change, &step), 0);
	/* A short opening: both ramps meet in its middle. */
	s.to = 100600;
	assert_int_equal(conf_hours_weight(&s, 1, 1800000, 100299, &change, &step), ACD_OPEN);
	assert_int_equal(conf_hours_weight(&s, 1, 0, 100000, &change, &step), ACD_OPEN);
}

struct heard {
	unsigned n;
	uint16_t permille[3];
	uint64_t in_us[3];
};

static void hear(const struct acd_event *ev, void *arg)
{
	struct heard *h = arg;
	assert_int_equal(ev->type, ACD_EV_HOURS);
	assert_in_range(ev->site, 1, 2);
	h->n++;
	h->permille[ev->site] = ev->permille;
	h->in_us[ev->site] = ev->age_us;
}

/* The watch of a daemon tells people what helioctl tells them from the calendars themselves. */
static void gaps_of_the_watch_are_those_of_the_week(void **state)
{
	struct conf *c;
	struct conf_watch *w;
	struct hours_span gaps[200];
	char *text;
	int64_t start = at(2026, 3, 20, 0, 0), change, week_change;
	(void)state;
	assert_int_equal(load(&c, BOTH, &text), 0);
	free(text);
	assert_int_equal(conf_watch_new(&w, c, start), 0);
	const struct conf_queue *q = &c->queues[0];
	for (int64_t t = start; t < start + 2 * 86400; t += 1800) {
		struct conf_week week;
		size_t n = conf_watch_gaps(w, q, t, t + 6 * 86400, gaps, 200);
		assert_int_equal(conf_week_make(&week, c, q, t, t + 9 * 86400), 0);
		assert_true(n > 0 && n <= week.gaps_n);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(gaps[i].from, week.gaps[i].from);
			assert_int_equal(gaps[i].to, week.gaps[i].to);
		}
		assert_true(n == week.gaps_n || week.gaps[n].from >= t + 6 * 86400);
		assert_int_equal(conf_watch_gaps(w, q, t, t + 6 * 86400, gaps, 1), 1);
		for (unsigned i = 0; i < 2; i++) {
			const struct conf_week_site *s = &week.sites[i];
			assert_int_equal(conf_watch_at(w, q, s->site->number, t, &change),
					 hours_at(s->spans, s->n, t, &week_change));
			assert_int_equal(change, week_change);
		}
		conf_week_free(&week);
	}
	assert_false(conf_watch_at(w, q, 99, start, &change)); /* no hours there */
	assert_true(change == INT64_MAX);
	conf_watch_free(w);
	conf_free(c);
}

static void a_daemon_is_told_each_change_once_through_weeks_and_clock_changes(void **state)
{
	struct conf *c;
	struct conf_watch *w;
	struct heard h = {0};
	char *text;
	int64_t start = at(2026, 3, 20, 0, 0), until, t;
	(void)state;
	assert_int_equal(load(&c, BOTH, &text), 0);
	free(text);
	assert_int_equal(conf_watch_new(&w, c, start), 0);
	conf_watch_step(w, start, hear, &h);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.in_us[1], 7 * UINT64_C(3600000000));
	assert_int_equal(h.in_us[2], 1 * UINT64_C(3600000000));
	/* Forty days, renewed on the way: at each step what a fresh table says. */
	for (t = start; t < start + 40 * 86400; t = until) {
		struct conf_week week;
		int64_t change, step;
		until = conf_watch_step(w, t, hear, &h);
		assert_true(until > t && until <= t + 60);
		if (t % 600)
			continue;
		assert_int_equal(conf_week_make(&week, c, &c->queues[0], t - 86400, t + 86400), 0);
		for (unsigned i = 0; i < 2; i++)
			assert_int_equal(conf_hours_weight(week.sites[i].spans, week.sites[i].n,
							   1800000, t, &change, &step),
					 h.permille[i + 1]);
		conf_week_free(&week);
	}
	/* 42 steps a day and site: opens, rises in 20, falls in 20, closes; and what is known of
	 * the next change after a day without one. */
	assert_in_range(h.n, 2 * 38 * 40, 2 * 40 * 44 + 10);
	/* A clock that is set back, and one that jumps ahead by a year. */
	conf_watch_step(w, at(2026, 3, 23, 8, 0), hear, &h);
	assert_int_equal(h.permille[1], ACD_OPEN);
	conf_watch_step(w, at(2027, 6, 1, 12, 0), hear, &h);
	assert_int_equal(h.permille[1], ACD_OPEN);
	assert_int_equal(h.permille[2], 0);
	unsigned n = h.n;
	conf_watch_step(w, at(2027, 6, 1, 12, 1), hear, &h);
	assert_int_equal(h.n, n);
	conf_watch_again(w);
	conf_watch_step(w, at(2027, 6, 1, 12, 1), hear, &h);
	assert_int_equal(h.n, n + 2);
	conf_free(c);
	conf_watch_free(w);
}

static void calendars_are_part_of_what_daemons_compare(void **state)
{
	struct conf *a, *b;
	char *text;
	(void)state;
	assert_int_equal(load(&a, BOTH, &text), 0);
	free(text);
	calendar("manila.ics", "Asia/Manila", "090000", "183000", "FREQ=DAILY");
	assert_int_equal(load(&b, BOTH, &text), 0);
	free(text);
	assert_true(a->hash != b->hash);
	conf_free(a);
	conf_free(b);
}

/* The quickstart is dialled at any hour of any day. */
static void the_example_answers_round_the_clock_for_a_year(void **state)
{
	struct conf *c = NULL;
	struct conf_week w;
	int64_t now = wall_ms() / 1000;
	(void)state;
	assert_int_equal(conf_load(&c, EXAMPLE_DIR "/cluster.yaml", stderr), 0);
	assert_int_equal(conf_queue_by_name(c, "support")->hours_n, 0);
	const struct conf_queue *q = conf_queue_by_name(c, "orders");
	assert_int_equal(q->hours_n, 2);
	assert_int_equal(conf_week_make(&w, c, q, now, now + 366 * 86400LL), 0);
	assert_int_equal(w.gaps_n, 0);
	conf_week_free(&w);
	conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_wrong_is_said_with_its_place_and_remedy),
	    cmocka_unit_test(what_is_seldom_meant_is_warned_of),
	    cmocka_unit_test(a_week_knows_its_sites_and_its_gaps),
	    cmocka_unit_test(the_ramp_falls_before_the_end_and_rises_after_the_start),
	    cmocka_unit_test(gaps_of_the_watch_are_those_of_the_week),
	    cmocka_unit_test(a_daemon_is_told_each_change_once_through_weeks_and_clock_changes),
	    cmocka_unit_test(calendars_are_part_of_what_daemons_compare),
	    cmocka_unit_test(the_example_answers_round_the_clock_for_a_year),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
