#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/base.h"
#include "common/live/signature.h"
#include "common/live/store.h"

static uint8_t pub[32], key[64];
static const struct signature sig = {.cluster = "sunline", .version = 7};
static char dir[] = "/tmp/helio-files-XXXXXX";

static int setup(void **state)
{
	(void)state;
	return sodium_init() < 0 || crypto_sign_keypair(pub, key) || !mkdtemp(dir);
}

static int teardown(void **state)
{
	char command[64];
	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

static void listed_set(struct conf_listed *x, enum conf_file_kind kind, const char *name,
		       const char *text)
{
	x->kind = kind;
	x->bytes = (uint32_t)strlen(text);
	str_copy(x->name, sizeof(x->name), name);
	crypto_generichash(x->hash, sizeof(x->hash), (const uint8_t *)text, strlen(text), NULL, 0);
}

static struct conf_files *make(void)
{
	struct conf_files *f = calloc(1, sizeof(*f) + 3 * sizeof(f->list[0]));
	f->n = 3;
	listed_set(&f->list[0], CONF_FILE_SOUND, "audio/a greeting.wav", "la la la");
	listed_set(&f->list[1], CONF_FILE_CUSTOMERS, "customers.csv", "number\n123\n");
	listed_set(&f->list[2], CONF_FILE_CALENDAR, "office.ics", "BEGIN:VCALENDAR");
	files_sign(f, &sig, key);
	return f;
}

static void what_is_printed_is_parsed_and_verified(void **state)
{
	struct conf_files *f = make(), *again = NULL;
	struct signature other = sig;
	size_t n;
	char *text = conf_files_print(f, &n);
	(void)state;
	assert_int_equal(conf_files_parse(&again, text, n), 0);
	assert_int_equal(again->n, 3);
	assert_string_equal(again->list[0].name, "audio/a greeting.wav");
	assert_int_equal(files_verify(again, pub, "sunline"), 0);
	assert_int_equal(files_verify(again, pub, "another"), EBADMSG);
	assert_true(files_belong(again, &sig));
	other.agents_digest[0] ^= 1;
	assert_false(files_belong(again, &other));
	assert_int_not_equal(files_mark(again), 0);
	free(text);
	free(again);
	free(f);
}

static void any_changed_byte_of_the_list_is_refused(void **state)
{
	struct conf_files *f = make();
	size_t n;
	char *text = conf_files_print(f, &n);
	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct conf_files *again = NULL;
		text[i] ^= 1;
		if (conf_files_parse(&again, text, n) == 0)
			assert_int_equal(files_verify(again, pub, "sunline"), EBADMSG);
		free(again);
		text[i] ^= 1;
		if (conf_files_parse(&again, text, i) == 0)
			fail();
	}
	free(text);
	free(f);
}

static void text_put(const struct conf_listed *x, const char *suffix, const char *text)
{
	char path[STORE_PATH_SIZE];
	assert_int_equal(store_path(path, dir, x->hash, suffix), 0);
	assert_int_equal(file_write(path, text, strlen(text), 0600), 0);
}

static void a_version_is_whole_only_with_the_right_bytes_of_each_file(void **state)
{
	struct conf_files *f = make();
	char why[256] = "", path[STORE_PATH_SIZE];
	(void)state;
	/* Nothing there; then a wrong one of the right length; then what was asked for. */
	assert_int_equal(store_gather(dir, f, CONF_NODE, NULL, false, NULL, why), ENOENT);
	assert_non_null(strstr(why, "audio/a greeting.wav"));
	text_put(&f->list[0], STORE_NEW, "li li li");
	text_put(&f->list[1], STORE_PUT, "number\n123\n");
	assert_int_equal(store_gather(dir, f, CONF_NODE, NULL, false, NULL, why), ENOENT);
	text_put(&f->list[0], STORE_NEW, "la la la");
	assert_int_equal(store_gather(dir, f, CONF_NODE, NULL, false, NULL, why), ENOENT);
	assert_non_null(strstr(why, "office.ics"));
	text_put(&f->list[2], STORE_NEW, "BEGIN:VCALENDAR");
	assert_int_equal(store_gather(dir, f, CONF_NODE, NULL, false, NULL, why), 0);
	assert_true(store_has_all(dir, f, CONF_NODE));
	/* What rots on the disk is seen at a start. */
	text_put(&f->list[0], "", "lo lo lo");
	assert_int_equal(store_gather(dir, f, CONF_NODE, NULL, false, NULL, why), 0);
	assert_int_equal(store_gather(dir, f, CONF_NODE, NULL, true, NULL, why), ENOENT);
	/* A gateway needs its calendar only. */
	assert_int_equal(store_gather(dir, f, CONF_GATEWAY, NULL, true, NULL, why), 0);
	/* Swept: all but what a list names. */
	const struct conf_files *keep[] = {f};
	store_sweep(dir, keep, 1);
	assert_true(store_has(dir, &f->list[2]));
	store_sweep(dir, keep, 0);
	assert_false(store_has(dir, &f->list[2]));
	assert_int_equal(store_path(path, dir, f->list[1].hash, ""), 0);
	assert_int_equal(access(path, F_OK), -1);
	free(f);
}

static void stopped_it_ends(void **state)
{
	struct conf_files *f = make();
	char why[256];
	atomic_bool stop = true;
	(void)state;
	assert_int_equal(store_gather(dir, f, CONF_NODE, NULL, true, &stop, why), ECANCELED);
	free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_printed_is_parsed_and_verified),
	    cmocka_unit_test(any_changed_byte_of_the_list_is_refused),
	    cmocka_unit_test(a_version_is_whole_only_with_the_right_bytes_of_each_file),
	    cmocka_unit_test(stopped_it_ends),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
