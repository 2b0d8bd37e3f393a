#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/base.h"
#include "common/records/records.h"

static char dir[64], path[80], why[256];

static int setup(void **state)
{
	(void)state;
	str_copy(dir, sizeof(dir), "/tmp/helio-records-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/records.db", dir);
	return 0;
}

static int teardown(void **state)
{
	static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
	char name[96];

	(void)state;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(tails); i++) {
		snprintf(name, sizeof(name), "%s%s", path, tails[i]);
		unlink(name);
	}
	return rmdir(dir);
}

static struct record record_make(unsigned n, const char *outcome, uint64_t cepoch)
{
	struct record r = {.cepoch = cepoch, .entered_ms = 1000 + n, .wait_ms = 5, .offers = 1};

	snprintf(r.call, sizeof(r.call), "oslo1-1-%x", n);
	str_copy(r.queue, sizeof(r.queue), n % 2 ? "orders" : "support");
	str_copy(r.site, sizeof(r.site), "oslo");
	str_copy(r.agent, sizeof(r.agent), "maria");
	str_copy(r.outcome, sizeof(r.outcome), outcome);
	str_copy(r.caller, sizeof(r.caller), "+4722334455");
	return r;
}

/* Waits until cond holds for the counters, at most 10 s. The writer's thread tells nobody: its
 * counters and the file are what it shows, so they are looked at. */
typedef bool(counters_ok)(const struct records_counters *c, uint64_t want);
static bool counters_wait(struct records *r, counters_ok *ok, uint64_t want)
{
	uint64_t until = mono_us() + 10000000;
	struct records_counters c;

	do {
		records_counters_get(r, &c);
		if (ok(&c, want))
			return true;
		nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	} while (mono_us() < until);
	return false;
}

static bool written(const struct records_counters *c, uint64_t want)
{
	return c->written == want && !c->pending;
}

static bool drained(const struct records_counters *c, uint64_t want)
{
	return c->pending == want;
}

static bool failing(const struct records_counters *c, uint64_t want)
{
	return c->errors >= want;
}

static int64_t total(struct records *r, const char *key)
{
	json_t *t = records_totals(r);
	int64_t n = json_integer_value(json_object_get(t, key));

	json_decref(t);
	return n;
}

static const char *field(const json_t *rows, size_t i, const char *key)
{
	return json_string_value(json_object_get(json_array_get(rows, i), key));
}

static void a_record_put_is_found_with_all_its_fields(void **state)
{
	struct records *r = NULL;
	struct record rec = record_make(7, "answered", 65);

	(void)state;
	str_copy(rec.note, sizeof(rec.note), "“blåbær”");
	rec.talk_ms = 61000;
	assert_int_equal(records_open(&r, path, why), 0);
	assert_int_equal(records_put(r, &rec), 0);
	assert_true(counters_wait(r, written, 1));
	json_t *rows = records_query(r, 10, NULL, NULL, NULL, 0);
	assert_int_equal(json_array_size(rows), 1);
	assert_string_equal(field(rows, 0, "call"), "oslo1-1-7");
	assert_string_equal(field(rows, 0, "note"), "“blåbær”");
	assert_string_equal(field(rows, 0, "caller"), "+4722334455");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 0), "talk_ms")),
			 61000);
	json_decref(rows);
	assert_null(records_close(r));
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 077, 0);
}

static void the_highest_cepoch_wins_in_any_order(void **state)
{
	struct records *r = NULL;
	struct record old = record_make(1, "failed", 65), new = record_make(1, "answered", 130);

	(void)state;
	assert_int_equal(records_open(&r, path, why), 0);
	records_put(r, &new);
	records_put(r, &old);
	records_put(r, &new);
	assert_true(counters_wait(r, written, 3));
	json_t *rows = records_query(r, 10, NULL, NULL, NULL, 0);
	assert_int_equal(json_array_size(rows), 1);
	assert_string_equal(field(rows, 0, "outcome"), "answered");
	json_decref(rows);
	assert_int_equal(total(r, "entered"), 1);
	assert_int_equal(total(r, "answered"), 1);
	assert_int_equal(total(r, "failed"), 0);
	records_close(r);

	/* And the other way round, over a restart: totals follow the change. */
	new.cepoch = 200;
	str_copy(new.outcome, sizeof(new.outcome), "abandoned");
	assert_int_equal(records_open(&r, path, why), 0);
	records_put(r, &new);
	assert_true(counters_wait(r, written, 1));
	assert_int_equal(total(r, "entered"), 1);
	assert_int_equal(total(r, "answered"), 0);
	assert_int_equal(total(r, "abandoned"), 1);
	records_close(r);
}

static void a_wrap_up_is_kept_before_and_after_its_record(void **state)
{
	struct records *r = NULL;
	struct record a = record_make(1, "answered", 65), b = record_make(2, "answered", 65);

	(void)state;
	assert_int_equal(records_open(&r, path, why), 0);
	assert_int_equal(records_wrap(r, a.call, "sold", "early"), 0);
	records_put(r, &a);
	records_put(r, &b);
	assert_int_equal(records_wrap(r, b.call, "complaint", "late"), 0);
	a.cepoch = 130; /* a later owner writes it again, knowing nothing of the note */
	records_put(r, &a);
	assert_true(counters_wait(r, written, 3));
	json_t *rows = records_query(r, 10, NULL, NULL, a.call, 0);
	assert_string_equal(field(rows, 0, "note"), "early");
	json_decref(rows);
	rows = records_query(r, 10, NULL, NULL, b.call, 0);
	assert_string_equal(field(rows, 0, "disposition"), "complaint");
	json_decref(rows);
	records_close(r);
}

static void filters_limit_and_order_hold(void **state)
{
	struct records *r = NULL;

	(void)state;
	assert_int_equal(records_open(&r, path, why), 0);
	for (unsigned i = 0; i < 2000; i++) {
		struct record rec = record_make(i, i % 3 ? "answered" : "abandoned", 65);
		assert_int_equal(records_put(r, &rec), 0);
	}
	assert_true(counters_wait(r, written, 2000));
	json_t *rows = records_query(r, 5, "orders", NULL, NULL, 0);
	assert_int_equal(json_array_size(rows), 5);
	assert_string_equal(field(rows, 0, "call"), "oslo1-1-7cf");
	json_decref(rows);
	rows = records_query(r, 100, NULL, "maria", NULL, 1000 + 1990);
	assert_int_equal(json_array_size(rows), 10);
	json_decref(rows);
	rows = records_query(r, 100, NULL, "nobody", NULL, 0);
	assert_int_equal(json_array_size(rows), 0);
	json_decref(rows);
	assert_int_equal(total(r, "entered"), 2000);
	assert_int_equal(total(r, "abandoned"), 667);
	records_close(r);
}

static size_t rows_wait(struct records *r, size_t want)
{
	uint64_t until = mono_us() + 10000000;
	size_t n;

	do {
		json_t *rows = records_query(r, 1000, NULL, NULL, NULL, 0);
		n = json_array_size(rows);
		json_decref(rows);
		if (n != want)
			nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	} while (n != want && mono_us() < until);
	return n;
}

/* A day of the oldest goes in an hour: a clock that is ahead does not cost everything. */
static void old_records_go_a_day_of_them_at_a_time(void **state)
{
	const int64_t day_ms = 24 * 3600 * 1000, now = wall_ms();
	struct records *r = NULL;

	(void)state;
	assert_int_equal(records_open(&r, path, why), 0);
	for (unsigned i = 0; i < 700; i++) { /* more than one transaction's worth, all of one day */
		struct record rec = record_make(i, "answered", 65);
		rec.entered_ms = now - 40 * day_ms + i;
		assert_int_equal(records_put(r, &rec), 0);
	}
	struct record later = record_make(1000, "answered", 65),
		      fresh = record_make(1001, "answered", 65);
	later.entered_ms = now - 35 * day_ms;
	fresh.entered_ms = now - 29 * day_ms;
	assert_int_equal(records_put(r, &later), 0);
	assert_int_equal(records_put(r, &fresh), 0);
	assert_int_equal(records_wrap(r, "oslo1-1-5", "resolved", "he called again"), 0);
	assert_true(counters_wait(r, written, 702));
	assert_int_equal(rows_wait(r, 702), 702); /* nobody asked yet: all are kept */
	records_keep(r, 30);
	assert_int_equal(rows_wait(r, 2), 2);
	records_keep(r, 31); /* another figure is looked at at once: the next day's go */
	assert_int_equal(rows_wait(r, 1), 1);
	struct record again = record_make(1002, "answered", 65);
	again.entered_ms = now;
	assert_int_equal(records_put(r, &again), 0); /* and it still writes */
	assert_true(counters_wait(r, written, 703));
	assert_int_equal(total(r, "entered"), 703); /* what was counted stays counted */
	records_close(r);
}

static void closing_flushes_what_waits(void **state)
{
	struct records *r = NULL;

	(void)state;
	assert_int_equal(records_open(&r, path, why), 0);
	for (unsigned i = 0; i < 3000; i++) {
		struct record rec = record_make(i, "answered", 65);
		records_put(r, &rec);
	}
	records_close(r);
	assert_int_equal(records_open(&r, path, why), 0);
	assert_int_equal(total(r, "entered"), 3000);
	records_close(r);
}

static void a_file_of_somebody_else_is_refused_with_the_remedy(void **state)
{
	struct records *r = NULL;
	FILE *f = fopen(path, "w");

	(void)state;
	for (int i = 0; i < 100; i++)
		fputs("this is a shopping list, not a database\n", f);
	fclose(f);
	assert_int_equal(records_open(&r, path, why), EINVAL);
	assert_non_null(strstr(why, "move it away"));
	assert_null(r);
}

/* The kernel refuses writes past a size, as a full disk does; then the limit is lifted. */
static void records_wait_in_memory_while_nothing_can_be_written(void **state)
{
	struct records *r = NULL;
	struct rlimit old, small;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(records_open(&r, path, why), 0);
	small = old;
	small.rlim_cur = 4096;
	setrlimit(RLIMIT_FSIZE, &small);
	for (unsigned i = 0; i < 500; i++) {
		struct record rec = record_make(i, "answered", 65);
		assert_int_equal(records_put(r, &rec), 0);
	}
	assert_true(counters_wait(r, failing, 1)); /* the fault bit */
	struct records_counters c;
	records_counters_get(r, &c);
	assert_int_equal(c.pending, 500);
	assert_int_equal(c.dropped, 0);
	assert_int_equal(total(r, "entered"), 0);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_true(counters_wait(r, drained, 0));
	assert_int_equal(total(r, "entered"), 500);
	records_close(r);
}

static void beyond_the_limit_records_are_refused_and_counted(void **state)
{
	struct records *r = NULL;
	struct rlimit old, small;
	unsigned refused = 0;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(records_open(&r, path, why), 0);
	small = old;
	small.rlim_cur = 4096;
	setrlimit(RLIMIT_FSIZE, &small);
	for (unsigned i = 0; i < 20010; i++) {
		struct record rec = record_make(i, "answered", 65);
		if (records_put(r, &rec) == ENOSPC)
			refused++;
	}
	assert_int_equal(refused, 10);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_true(counters_wait(r, drained, 0));
	assert_int_equal(total(r, "entered"), 20000);
	records_close(r);
}

/* In a child with a mount namespace of its own: a tmpfs of 1 MB, filled by another file. */
static int full_disk_child(void)
{
	char ballast[96], block[4096];
	struct records *r = NULL;
	struct records_counters c;
	FILE *f;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", dir, "tmpfs", 0, "size=1m"))
		return 77;
	snprintf(ballast, sizeof(ballast), "%s/ballast", dir);
	if (records_open(&r, path, why))
		return 1;
	f = fopen(ballast, "w");
	memset(block, 'x', sizeof(block));
	setvbuf(f, NULL, _IONBF, 0);
	while (fwrite(block, 1, sizeof(block), f) == sizeof(block))
		;
	fclose(f);
	for (unsigned i = 0; i < 1000; i++) {
		struct record rec = record_make(i, "answered", 65);
		records_put(r, &rec);
	}
	if (!counters_wait(r, failing, 2))
		return 2;
	records_counters_get(r, &c);
	if (c.dropped || !c.pending)
		return 3;
	unlink(ballast);
	if (!counters_wait(r, drained, 0))
		return 4;
	if (total(r, "entered") != 1000)
		return 5;
	records_close(r);
	return 0;
}

static void a_full_disk_loses_no_record_once_there_is_room_again(void **state)
{
	int status = -1;
	pid_t pid;

	(void)state;
	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(full_disk_child());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("no right to mount a tmpfs here\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(a_record_put_is_found_with_all_its_fields),
	    T(the_highest_cepoch_wins_in_any_order),
	    T(a_wrap_up_is_kept_before_and_after_its_record),
	    T(filters_limit_and_order_hold),
	    T(old_records_go_a_day_of_them_at_a_time),
	    T(closing_flushes_what_waits),
	    T(a_file_of_somebody_else_is_refused_with_the_remedy),
	    T(records_wait_in_memory_while_nothing_can_be_written),
	    T(beyond_the_limit_records_are_refused_and_counted),
	    T(a_full_disk_loses_no_record_once_there_is_room_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
