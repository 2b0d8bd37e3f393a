#include "tests/tools/agent/report.h"
#include "common/base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Six digits: microseconds of a second, and no digits that are noise. */
#define DUMP (JSON_COMPACT | JSON_REAL_PRECISION(6))

enum { SAMPLES_MAX = 1000000, SAMPLES_STEP = 256 };

static const char *const count_name[COUNTS] = {
    [COUNT_SIGNED_IN] = "signed_in", [COUNT_RESUMED] = "resumed", [COUNT_MEDIA_UP] = "media_up",
    [COUNT_READY] = "ready",         [COUNT_RINGS] = "rings",     [COUNT_RING_ENDS] = "ring_ends",
    [COUNT_TALKS] = "talks",         [COUNT_HEARD] = "heard",     [COUNT_UNHEARD] = "unheard",
    [COUNT_ENDS] = "ends",           [COUNT_DOWNS] = "downs",     [COUNT_DENIED] = "denied",
    [COUNT_ERRORS] = "errors"};
static const char *const time_name[TIMES] = {
    [TIME_SEAL] = "seal_ms",           [TIME_LOGIN] = "login_ms",
    [TIME_MEDIA] = "media_ms",         [TIME_ACCEPT] = "accept_to_talk_ms",
    [TIME_HEARD] = "talk_to_heard_ms", [TIME_FREED_RING] = "idle_to_ring_ms",
    [TIME_RECONNECT] = "reconnect_ms"};

static bool as_json, is_quiet;
static uint64_t begin_us, counts[COUNTS];
static struct {
	uint32_t *us;
	size_t n, size;
} samples[TIMES];

void report_init(bool json, bool quiet)
{
	as_json = json;
	is_quiet = quiet;
	begin_us = mono_us();
	setvbuf(stdout, NULL, _IOLBF, 0);
}

void report_count(enum report_count c)
{
	counts[c]++;
}

uint64_t report_counted(enum report_count c)
{
	return counts[c];
}

void report_time(enum report_time t, uint64_t us)
{
	if (samples[t].n == samples[t].size) {
		size_t size = samples[t].size ? 2 * samples[t].size : SAMPLES_STEP;
		uint32_t *v = size > SAMPLES_MAX
				  ? NULL
				  : realloc(samples[t].us, size * sizeof(*samples[t].us));
		if (!v)
			return; /* the summary then speaks of the first ones */
		samples[t].us = v;
		samples[t].size = size;
	}
	samples[t].us[samples[t].n++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static void print_plain(const json_t *o)
{
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)o, key, value)
	{
		if (json_is_string(value)) {
			printf("%s=%s ", key, json_string_value(value));
		} else {
			char *text = json_dumps(value, JSON_ENCODE_ANY | DUMP);
			printf("%s=%s ", key, text ? text : "?");
			free(text);
		}
	}
	printf("\n");
}

static void print_object(json_t *o)
{
	if (as_json) {
		char *text = json_dumps(o, DUMP);
		puts(text ? text : "{}");
		free(text);
	} else {
		print_plain(o);
	}
	json_decref(o);
}

void report_event(const char *agent, const char *event, json_t *fields)
{
	uint64_t now = mono_us();
	if (is_quiet) {
		json_decref(fields);
		return;
	}
	json_t *o =
	    json_pack("{s:I, s:I, s:s, s:s}", "at_ms", (json_int_t)((now - begin_us) / 1000),
		      "mono_us", (json_int_t)now, "agent", agent, "event", event);
	if (fields)
		json_object_update(o, fields);
	json_decref(fields);
	print_object(o);
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static json_t *time_json(enum report_time t)
{
	uint32_t *v = samples[t].us;
	size_t n = samples[t].n;
	qsort(v, n, sizeof(*v), by_value);
	return json_pack("{s:I, s:f, s:f, s:f}", "n", (json_int_t)n, "p50",
			 (double)v[n / 2] / 1000.0, "p99", (double)v[(n - 1) * 99 / 100] / 1000.0,
			 "max", (double)v[n - 1] / 1000.0);
}

void report_wave(size_t n, double p50_ms, double p99_ms, double max_ms)
{
	print_object(json_pack("{s:I, s:s, s:I, s:f, s:f, s:f}", "at_ms",
			       (json_int_t)((mono_us() - begin_us) / 1000), "event", "wave", "n",
			       (json_int_t)n, "p50_ms", p50_ms, "p99_ms", p99_ms, "max_ms",
			       max_ms));
}

void report_summary(size_t agents, bool ok, const char *why)
{
	json_t *o = json_pack("{s:s, s:b, s:s, s:I, s:I}", "event", "summary", "ok", ok, "why",
			      ok ? "" : why, "agents", (json_int_t)agents, "at_ms",
			      (json_int_t)((mono_us() - begin_us) / 1000));
	for (size_t i = 0; i < COUNTS; i++)
		json_object_set_new(o, count_name[i], json_integer((json_int_t)counts[i]));
	for (size_t i = 0; i < TIMES; i++)
		if (samples[i].n)
			json_object_set_new(o, time_name[i], time_json((enum report_time)i));
	print_object(o);
}

void report_wipe(void)
{
	for (size_t i = 0; i < TIMES; i++) {
		free(samples[i].us);
		memset(&samples[i], 0, sizeof(samples[i]));
	}
}
