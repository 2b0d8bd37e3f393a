/* The table and what is written from it. */
#include "common/metrics/metrics.h"
#include "common/base/base.h"

#include <stdarg.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

static void every_row_is_whole_and_no_name_comes_twice(void **state)
{
	(void)state;
	for (int m = 0; m < METRIC_COUNT; m++) {
		const struct metrics_row *r = metrics_row((enum metric)m);
		size_t n = strlen(r->name);
		assert_true(r->roles && r->roles <= METRICS_ALL);
		assert_true(n && strspn(r->name, "abcdefghijklmnopqrstuvwxyz_") == n);
		assert_true(strlen(r->help) > 10 && r->help[strlen(r->help) - 1] == '.');
		assert_null(strpbrk(r->help, "\n\\|"));
		bool total = n > 6 && strcmp(r->name + n - 6, "_total") == 0;
		assert_int_equal(total, r->type == METRICS_COUNTER);
		assert_int_equal(r->bounds_s != NULL, r->type == METRICS_HISTOGRAM);
		for (const uint32_t *b = r->bounds_s; b && *b; b++)
			assert_true(!b[1] || b[1] > b[0]);
		for (int k = 0; k < m; k++)
			assert_string_not_equal(r->name, metrics_row((enum metric)k)->name);
	}
}

static void no_label_can_hold_a_number_or_a_name_of_a_person(void **state)
{
	static const char *const allowed[] = {
	    "version", "cluster", "hash",  "level",     "direction", "why",
	    "code",    "type",    "queue", "outcome",   "state",     "cause",
	    "event",   "result",  "cert",  "peer_role", "peer_site", "store",
	};
	(void)state;
	for (int m = 0; m < METRIC_COUNT; m++) {
		const struct metrics_row *r = metrics_row((enum metric)m);
		for (unsigned i = 0; i < metrics_labels(r); i++) {
			bool known = false;
			for (size_t k = 0; k < HELIO_ARRAY_LEN(allowed); k++)
				known |= strcmp(allowed[k], r->labels[i]) == 0;
			if (!known)
				fail_msg("label %s of %s is not bounded", r->labels[i], r->name);
		}
	}
}

static const char *text_of(const struct metrics_out *o)
{
	size_t len = 0;
	const char *text = metrics_out_text(o, &len);
	if (text)
		assert_int_equal(strlen(text), len);
	return text;
}

static void samples_of_one_metric_stand_under_one_head(void **state)
{
	struct metrics_out *o = metrics_out_new(METRICS_NODE, 1 << 20);
	(void)state;
	metrics_put1(o, METRIC_QUEUE_WAITING, 3, "support");
	metrics_put1(o, METRIC_QUEUE_WAITING, 0, "orders");
	metrics_micro1(o, METRIC_QUEUE_LONGEST_WAIT, 12000042, "support");
	metrics_put(o, METRIC_CALLS_MAX, UINT64_MAX);
	assert_string_equal(
	    text_of(o),
	    "# HELP heliograph_queue_waiting Callers of this node who wait. The sum over all nodes "
	    "is the truth.\n"
	    "# TYPE heliograph_queue_waiting gauge\n"
	    "heliograph_queue_waiting{queue=\"support\"} 3\n"
	    "heliograph_queue_waiting{queue=\"orders\"} 0\n"
	    "# HELP heliograph_queue_longest_wait_seconds Age of the oldest of them; 0 if there is "
	    "none.\n"
	    "# TYPE heliograph_queue_longest_wait_seconds gauge\n"
	    "heliograph_queue_longest_wait_seconds{queue=\"support\"} 12.000042\n"
	    "# HELP heliograph_calls_max Beyond so many, callers get 503.\n"
	    "# TYPE heliograph_calls_max gauge\n"
	    "heliograph_calls_max 18446744073709551615\n");
	metrics_out_free(o);
}

static void a_value_cannot_break_out_of_its_label(void **state)
{
	struct metrics_out *o = metrics_out_new(METRICS_NODE, 1 << 20);
	char longer[600];
	(void)state;
	metrics_put1(o, METRIC_QUEUE_WAITING, 1, "a\"b\\c\nd");
	assert_non_null(strstr(text_of(o), "{queue=\"a\\\"b\\\\c\\nd\"} 1\n"));
	/* Cut, but not within a character. */
	for (size_t i = 0; i + 2 < sizeof(longer); i += 2)
		memcpy(longer + i, "\xc3\xa5", 3);
	metrics_put1(o, METRIC_QUEUE_WAITING, 2, longer);
	const char *at = strstr(text_of(o), "\xc3\xa5");
	assert_non_null(at);
	assert_int_equal(strspn(at, "\xc3\xa5") % 2, 0);
	assert_true(strspn(at, "\xc3\xa5") > 200);
	metrics_out_free(o);
}

static void a_histogram_adds_up(void **state)
{
	struct metrics_out *o = metrics_out_new(METRICS_NODE, 1 << 20);
	struct metrics_hist h = {0};
	(void)state;
	metrics_hist_add(&h, METRIC_WAIT, 0);
	metrics_hist_add(&h, METRIC_WAIT, 1000000); /* a bound belongs to its bucket */
	metrics_hist_add(&h, METRIC_WAIT, 1000001);
	metrics_hist_add(&h, METRIC_WAIT, 3600000000);
	metrics_hist_put1(o, METRIC_WAIT, &h, "support");
	const char *text = text_of(o);
	assert_non_null(strstr(text, "# TYPE heliograph_wait_seconds histogram\n"));
	assert_non_null(strstr(text, "_bucket{queue=\"support\",le=\"1\"} 2\n"));
	assert_non_null(strstr(text, "_bucket{queue=\"support\",le=\"2\"} 3\n"));
	assert_non_null(strstr(text, "_bucket{queue=\"support\",le=\"600\"} 3\n"));
	assert_non_null(strstr(text, "_bucket{queue=\"support\",le=\"+Inf\"} 4\n"));
	assert_non_null(strstr(text, "_sum{queue=\"support\"} 3602.000001\n"));
	assert_non_null(strstr(text, "_count{queue=\"support\"} 4\n"));
	metrics_out_free(o);
}

static void a_page_beyond_its_limit_is_refused_whole(void **state)
{
	struct metrics_out *o = metrics_out_new(METRICS_NODE, 300);
	(void)state;
	metrics_put1(o, METRIC_QUEUE_WAITING, 1, "support");
	assert_non_null(text_of(o));
	metrics_put1(o, METRIC_QUEUE_WAITING, 1, "orders");
	metrics_put1(o, METRIC_QUEUE_WAITING, 1, "kundesenter");
	metrics_put1(o, METRIC_QUEUE_WAITING, 1, "sales");
	assert_null(text_of(o));
	metrics_out_free(o);
}

static void a_page_grows_to_what_a_thousand_queues_need(void **state)
{
	struct metrics_out *o = metrics_out_new(METRICS_NODE, METRICS_PAGE_MAX);
	struct metrics_hist h = {.n = {UINT32_MAX, UINT32_MAX}, .sum_us = UINT64_MAX / 2};
	size_t len = 0;
	(void)state;
	for (enum metric m = METRIC_WAIT; m <= METRIC_TALK; m++)
		for (int i = 0; i < 1024; i++)
			metrics_hist_put1(o, m, &h, "a-queue-with-a-long-name");
	assert_non_null(metrics_out_text(o, &len));
	assert_true(len > 1 << 20 && len < METRICS_PAGE_MAX / 2);
	metrics_out_free(o);
}

static void health_says_why(void **state)
{
	struct metrics_health h = {0};
	char out[3 * METRICS_HEALTH_TEXT], longer[300];
	(void)state;
	assert_true(metrics_health_json(&h, "oslo1", "node", NULL, out, sizeof(out)) > 0);
	assert_string_equal(
	    out, "{\"ok\":true,\"name\":\"oslo1\",\"role\":\"node\",\"why\":[],\"notes\":[]}\n");
	metrics_health_note(&h, "presence is \"away\"");
	metrics_health_note(&h, "two");
	metrics_health_json(&h, "oslo1", "node", ",\"x\":1", out, sizeof(out));
	assert_string_equal(out, "{\"ok\":true,\"name\":\"oslo1\",\"role\":\"node\",\"why\":[],"
				 "\"notes\":[\"presence is \\\"away\\\"\",\"two\"],\"x\":1}\n");
	metrics_health_fault(&h, "draining");
	metrics_health_json(&h, "oslo1", "node", NULL, out, sizeof(out));
	assert_non_null(strstr(out, "{\"ok\":false,"));
	assert_non_null(strstr(out, "\"why\":[\"draining\"]"));
	/* Too much is left out whole; the answer stays JSON. */
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	metrics_health_fault(&h, longer);
	longer[200] = '\0';
	for (int i = 0; i < 20; i++)
		metrics_health_fault(&h, longer);
	assert_true(metrics_health_json(&h, "oslo1", "node", NULL, out, sizeof(out)) > 0);
	assert_int_equal(strncmp(out + strlen(out) - 3, "]}\n", 3), 0);
}

static void the_process_has_memory_time_and_descriptors(void **state)
{
	struct metrics_out *o = metrics_out_new(METRICS_BROKER, 1 << 20);
	unsigned long long v = 0;
	(void)state;
	metrics_process(o);
	const char *at = strstr(text_of(o), "\nheliograph_process_resident_memory_bytes ");
	assert_int_equal(sscanf(at, "%*s %llu", &v), 1);
	assert_true(v > 100000 && v < 1ull << 40);
	at = strstr(text_of(o), "\nheliograph_process_open_fds ");
	assert_int_equal(sscanf(at, "%*s %llu", &v), 1);
	assert_true(v >= 3 && v < 1000);
	metrics_out_free(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_row_is_whole_and_no_name_comes_twice),
	    cmocka_unit_test(no_label_can_hold_a_number_or_a_name_of_a_person),
	    cmocka_unit_test(samples_of_one_metric_stand_under_one_head),
	    cmocka_unit_test(a_value_cannot_break_out_of_its_label),
	    cmocka_unit_test(a_histogram_adds_up),
	    cmocka_unit_test(a_page_beyond_its_limit_is_refused_whole),
	    cmocka_unit_test(a_page_grows_to_what_a_thousand_queues_need),
	    cmocka_unit_test(health_says_why),
	    cmocka_unit_test(the_process_has_memory_time_and_descriptors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
