#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/base.h"
#include "common/tasks/tasks.h"

static char dir[64], path[96], why[256];
static struct tasks *t;
static uint64_t safe_id, safe_version;
static unsigned safe_n;

static void safe(uint64_t id, uint64_t version, void *arg)
{
	(void)arg;
	safe_id = id;
	safe_version = version;
	safe_n++;
}

static int setup(void **state)
{
	(void)state;
	(void)str_copy(dir, sizeof(dir), "/tmp/helio-tasks-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/tasks.db", dir);
	safe_n = 0;
	return tasks_open(&t, path, safe, NULL, why);
}

static int teardown(void **state)
{
	static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
	char name[112];
	(void)state;
	t = tasks_close(t);
	for (size_t i = 0; i < HELIO_ARRAY_LEN(tails); i++) {
		snprintf(name, sizeof(name), "%s%s", path, tails[i]);
		unlink(name);
	}
	return rmdir(dir);
}

static struct task task_make(unsigned n)
{
	struct task task = {.id = id_make(0x0101, 3, n),
			    .call = id_make(0x0101, 3, 1000 + n),
			    .version = 1,
			    .owner = 0x0101,
			    .kind = TASK_CALLBACK,
			    .state = TASK_OPEN,
			    .created_ms = 1000 + n,
			    .due_ms = 2000 + n,
			    .changed_ms = 1000 + n,
			    .age_ms = 30000};
	(void)str_copy(task.queue, sizeof(task.queue), "support");
	(void)str_copy(task.caller, sizeof(task.caller), "+4722334455");
	return task;
}

/* Until the disk has n changes more; the descriptor says when. */
static bool wait_safe(unsigned n)
{
	uint64_t until = mono_us() + 10000000;
	while (safe_n < n && mono_us() < until) {
		struct pollfd p = {.fd = tasks_fd(t), .events = POLLIN};
		if (poll(&p, 1, 1000) > 0)
			tasks_poll(t);
	}
	return safe_n >= n;
}

static void reopen(void)
{
	t = tasks_close(t);
	assert_int_equal(tasks_open(&t, path, safe, NULL, why), 0);
}

static void a_task_is_there_at_once_and_on_disk_when_it_is_said(void **state)
{
	struct task task = task_make(1);
	(void)state;
	assert_int_equal(tasks_put(t, &task), 0);
	assert_string_equal(tasks_get(t, task.id)->caller, "+4722334455");
	assert_true(wait_safe(1));
	assert_true(safe_id == task.id && safe_version == 1);
	assert_true(tasks_safe(t, task.id, 1));
	reopen();
	const struct task *back = tasks_get(t, task.id);
	assert_non_null(back);
	assert_memory_equal(back, &task, sizeof(task));
}

static void an_older_version_never_comes_back(void **state)
{
	struct task task = task_make(1);
	(void)state;
	task.version = 7;
	assert_int_equal(tasks_put(t, &task), 0);
	task.version = 7;
	assert_int_equal(tasks_put(t, &task), ESTALE);
	task.version = 6;
	assert_int_equal(tasks_put(t, &task), ESTALE);
	task.version = 7 + TASK_TAKEOVER;
	task.owner = 0x0201;
	assert_int_equal(tasks_put(t, &task), 0);
	reopen();
	assert_int_equal(tasks_get(t, task.id)->owner, 0x0201);
}

static void what_is_done_leaves_memory_and_stays_in_the_book(void **state)
{
	struct task task = task_make(1);
	(void)state;
	assert_int_equal(tasks_put(t, &task), 0);
	task.version = 2;
	task.state = TASK_GIVEN;
	task.attempt = 99;
	assert_int_equal(tasks_put(t, &task), 0);
	task.version = 3;
	task.state = TASK_DONE;
	task.attempt = 0;
	(void)str_copy(task.disposition, sizeof(task.disposition), "sale");
	assert_int_equal(tasks_put(t, &task), 0);
	assert_true(wait_safe(3));
	assert_null(tasks_get(t, task.id));
	assert_int_equal(tasks_count(t), 0);
	json_t *list = tasks_query(t, 10, TASK_DONE, "support");
	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(
	    json_string_value(json_object_get(json_array_get(list, 0), "disposition")), "sale");
	json_decref(list);
	list = tasks_query(t, 10, TASK_OPEN, NULL);
	assert_int_equal(json_array_size(list), 0);
	json_decref(list);
	reopen();
	assert_int_equal(tasks_count(t), 0);
}

static void they_come_in_the_order_of_ids(void **state)
{
	static const unsigned order[] = {5, 1, 4, 2, 3};
	uint64_t last = 0;
	uint32_t it = 0;
	(void)state;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(order); i++) {
		struct task task = task_make(order[i]);
		assert_int_equal(tasks_put(t, &task), 0);
	}
	for (const struct task *task; (task = tasks_next(t, &it)); last = task->id)
		assert_true(task->id > last);
	assert_int_equal(tasks_count(t), 5);
}

static void what_is_no_task_is_refused(void **state)
{
	struct task task = task_make(1);
	(void)state;
	task.queue[0] = '\0';
	assert_int_equal(tasks_put(t, &task), EINVAL);
	task = task_make(1);
	task.state = TASK_GIVEN; /* to whom, as which call? */
	assert_int_equal(tasks_put(t, &task), EINVAL);
	task = task_make(1);
	task.state = 9;
	assert_int_equal(tasks_put(t, &task), EINVAL);
	assert_int_equal(tasks_count(t), 0);
}

static void more_open_ones_than_the_limit_are_refused(void **state)
{
	struct task task = task_make(0);
	(void)state;
	for (unsigned i = 1; i <= TASKS_OPEN_MAX; i++) {
		task.id = id_make(0x0101, 3, i);
		while (tasks_put(t, &task) == ENOSPC)
			assert_true(wait_safe(safe_n + 1)); /* the disk's queue was full */
	}
	task.id = id_make(0x0101, 4, 1);
	assert_int_equal(tasks_put(t, &task), ENOSPC);
	assert_true(wait_safe(TASKS_OPEN_MAX));
}

static void a_file_of_somebody_else_is_left_alone(void **state)
{
	(void)state;
	t = tasks_close(t);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	for (int i = 0; i < 200; i++)
		fputs("this is not a ledger\n", f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(tasks_open(&t, path, safe, NULL, why), EINVAL);
	assert_non_null(strstr(why, "move it away"));
}

/* What safe_h has said survives kill -9 of the process. */
static void what_was_safe_survives_kill_9(void **state)
{
	int fds[2];
	uint64_t id = 0;
	(void)state;
	t = tasks_close(t);
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct task task = task_make(42);
		if (tasks_open(&t, path, safe, NULL, why) || tasks_put(t, &task) || !wait_safe(1))
			_exit(1);
		if (write(fds[1], &task.id, sizeof(task.id)) != sizeof(task.id))
			_exit(1);
		pause();
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &id, sizeof(id)), sizeof(id));
	close(fds[0]);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(tasks_open(&t, path, safe, NULL, why), 0);
	assert_non_null(tasks_get(t, id));
}

/* On a disk of 256 kB: nothing is lost, nothing is called safe, and all is written once there is
 * room. */
static void a_full_disk_makes_them_wait(void **state)
{
	(void)state;
	t = tasks_close(t);
	if (mount("tasks", dir, "tmpfs", 0, "size=256k")) {
		assert_int_equal(tasks_open(&t, path, safe, NULL, why), 0);
		skip(); /* not root, or no such right in this container */
	}
	assert_int_equal(tasks_open(&t, path, safe, NULL, why), 0);
	uint64_t errors = 0, pending = 0, until = mono_us() + 20000000;
	unsigned n = 0;
	for (; !errors && n < 3000; n++) {
		struct task task = task_make(n + 1);
		memset(task.note, 'x', sizeof(task.note) - 1);
		assert_int_equal(tasks_put(t, &task), 0);
		tasks_trouble(t, &errors, &pending);
	}
	while (!errors && mono_us() < until) {
		poll(NULL, 0, 5);
		tasks_trouble(t, &errors, &pending);
	}
	assert_true(errors > 0 && pending > 0);
	assert_int_equal(tasks_count(t), n);
	assert_int_equal(mount("tasks", dir, "tmpfs", MS_REMOUNT, "size=16m"), 0);
	assert_true(wait_safe(n));
	t = tasks_close(t);
	assert_int_equal(umount(dir), 0);
	assert_int_equal(tasks_open(&t, path, safe, NULL, why), 0);
}

static void tasks_that_ended_long_ago_go_and_open_ones_stay(void **state)
{
	const int64_t day_ms = 24 * 3600 * 1000, now = wall_ms();
	struct task found, open = task_make(1), old = task_make(2), late = task_make(3);
	uint64_t until = mono_us() + 10000000;

	(void)state;
	old.state = late.state = TASK_DONE;
	open.changed_ms = now - 400 * day_ms;
	old.changed_ms = now - 100 * day_ms;
	late.changed_ms = now - 10 * day_ms;
	assert_int_equal(tasks_put(t, &open), 0);
	assert_int_equal(tasks_put(t, &old), 0);
	assert_int_equal(tasks_put(t, &late), 0);
	assert_true(wait_safe(3));
	assert_int_equal(tasks_find(t, old.id, &found), 0);
	tasks_keep(t, 30);
	while (tasks_find(t, old.id, &found) == 0 && mono_us() < until)
		(void)poll(NULL, 0, 2);
	assert_int_equal(tasks_find(t, old.id, &found), ENOENT);
	assert_int_equal(tasks_find(t, open.id, &found), 0);
	assert_int_equal(tasks_find(t, late.id, &found), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(a_task_is_there_at_once_and_on_disk_when_it_is_said),
	    T(an_older_version_never_comes_back),
	    T(what_is_done_leaves_memory_and_stays_in_the_book),
	    T(tasks_that_ended_long_ago_go_and_open_ones_stay),
	    T(they_come_in_the_order_of_ids),
	    T(what_is_no_task_is_refused),
	    T(more_open_ones_than_the_limit_are_refused),
	    T(a_file_of_somebody_else_is_left_alone),
	    T(what_was_safe_survives_kill_9),
	    T(a_full_disk_makes_them_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
