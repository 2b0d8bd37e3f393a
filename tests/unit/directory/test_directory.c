/* The customers' file: what is taken, what is refused with its line, how a number is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/base/base.h"
#include "common/conf/conf.h"
#include "common/directory/directory.h"

static struct conf_agent agents[] = {
    {.name = "maria", .id = 7}, {.name = "jose", .id = 8}, {.name = "olga", .id = 9}};
static const struct conf conf = {.agents = agents, .agents_n = HELIO_ARRAY_LEN(agents)};

static struct directory *taken(const char *text)
{
	struct directory *d = NULL;

	assert_int_equal(directory_parse(&d, "c.csv", text, strlen(text), &conf, stderr), 0);
	return d;
}

static void refused(const char *text, const char *want)
{
	struct directory *d = NULL;
	char *said = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&said, &len);

	assert_int_equal(directory_parse(&d, "c.csv", text, strlen(text), &conf, f), EINVAL);
	fclose(f);
	assert_null(d);
	if (!strstr(said, want))
		fail_msg("wanted: %s\nsaid: %s", want, said);
	free(said);
}

static void a_customer_is_found_however_the_number_is_written(void **arg)
{
	struct directory *d = taken("segment,number,owner,debt,language,last\r\n"
				    "key,+47 22 33 44 55,maria,0,nb,jose\r\n"
				    ",\"+44 (20) 7946-0958\",,120.50,en,\n");
	const struct customer *c = directory_find(d, "+4722334455");

	(void)arg;
	assert_int_equal(directory_rows(d), 2);
	assert_non_null(c);
	assert_string_equal(directory_segment(d, c), "key");
	assert_int_equal(c->owner, 7);
	assert_int_equal(c->last, 8);
	assert_false(c->debt);
	assert_ptr_equal(directory_find(d, "004722334455"), c);
	assert_ptr_equal(directory_find(d, "4722334455"), c);
	c = directory_find(d, "+442079460958");
	assert_true(c && c->debt && c->owner == 0);
	assert_string_equal(c->language, "en");
	assert_null(directory_find(d, "+4722334456"));
	assert_null(directory_find(d, "anonymous"));
	assert_null(directory_find(NULL, "1234"));
	directory_free(d);
}

static void zeros_in_front_count(void **arg)
{
	(void)arg;
	assert_int_not_equal(directory_number("0123"), directory_number("123"));
	assert_int_equal(directory_number("12"), 0);
	assert_int_equal(directory_number("1234567890123456789"), 0);
	assert_int_equal(directory_number("12a4"), 0);
}

static void every_mistake_is_told_with_its_line(void **arg)
{
	(void)arg;
	refused("", "c.csv:1: it is empty");
	refused("owner\nmaria\n", "c.csv:1: the first line names the columns");
	refused("number,ovner\n", "c.csv:1: no column is called 'ovner'");
	refused("number,number\n", "c.csv:1: the column number is there twice");
	refused("number,owner\n123,maria\n456,nils\n", "c.csv:3: owner: no agent has the login");
	refused("number\nabc\n", "c.csv:2: number: 'abc' is no telephone number");
	refused("number\n123\n456\n+123\n", "c.csv:4: this number is on line 2 already");
	refused("number,debt\n123,much\n", "c.csv:2: debt: 'much' is no amount");
	refused("number,owner\n123\n", "c.csv:2: 1 fields, but the first line has 2");
	refused("number\n\"123\n", "c.csv:2: a quote that is never closed");
	refused("number\n12\x01"
		"3\n",
		"c.csv:2: a control character");
	refused("number,segment\n123,Key\n", "c.csv:2: segment: 'Key' does not fit");
}

static void text_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void an_unchanged_file_is_not_read_again(void **arg)
{
	char path[] = "/tmp/helio-directory-XXXXXX";
	struct directory *d = NULL, *parsed = taken("number,owner\n4711,maria\n");
	struct conf_agent later[] = {{.name = "maria", .id = 7}, {.name = "new", .id = 12}};
	struct conf fresh = {.agents = later, .agents_n = 2};

	(void)arg;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	text_write(path, "number,owner\n4711,maria\n");
	assert_int_equal(directory_load(&d, path, &conf, stderr), 0);
	assert_true(directory_fits(d, path, &conf));
	assert_true(directory_fits(d, path, &fresh)); /* others may come and go */
	assert_false(directory_fits(parsed, path, &conf));
	assert_false(directory_fits(NULL, path, &conf));

	/* Who is named in it has left: reading it says so. */
	later[0].removed = true;
	struct directory *again = NULL;
	assert_false(directory_fits(d, path, &fresh));
	assert_int_equal(directory_load(&again, path, &fresh, NULL), EINVAL);
	later[0].removed = false;

	text_write(path, "number,owner\n4711,maria\n4712,\n");
	assert_false(directory_fits(d, path, &conf));
	assert_int_equal(unlink(path), 0);
	assert_false(directory_fits(d, path, &conf));

	assert_ptr_equal(directory_ref(d), d);
	directory_free(d);
	assert_int_equal(directory_rows(d), 1); /* the other reference */
	directory_free(d);
	directory_free(parsed);
}

static void a_million_customers_are_read_and_found(void **arg)
{
	enum { N = 1000000 };
	char *text = malloc(N * 32 + 64);
	size_t n = (size_t)sprintf(text, "number,segment,owner\n");

	(void)arg;
	for (uint32_t i = 0; i < N; i++) /* in no order */
		n += (size_t)sprintf(text + n, "+47%08u,key,maria\n", i * 7919u % 100000007u);
	struct directory *d = NULL;
	uint64_t began = mono_us();
	assert_int_equal(directory_parse(&d, "c.csv", text, n, &conf, stderr), 0);
	print_message("1000000 customers in %llu ms\n",
		      (unsigned long long)((mono_us() - began) / 1000));
	assert_int_equal(directory_rows(d), N);
	assert_non_null(directory_find(d, "+4700007919"));
	directory_free(d);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_customer_is_found_however_the_number_is_written),
	    cmocka_unit_test(zeros_in_front_count),
	    cmocka_unit_test(every_mistake_is_told_with_its_line),
	    cmocka_unit_test(an_unchanged_file_is_not_read_again),
	    cmocka_unit_test(a_million_customers_are_read_and_found),
	};

	return cmocka_run_group_tests_name("directory", tests, NULL, NULL);
}
