#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/base.h"
#include "common/conf/conf.h"

static char dir[64], path[96], why[256], text[8192];

static int setup(void **state)
{
	(void)state;
	str_copy(dir, sizeof(dir), "/tmp/helio-agents-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/agents.yaml", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir); /* fails if a temporary file was left behind */
}

static void text_write(const char *s)
{
	FILE *f = fopen(path, "w");

	fputs(s, f);
	fclose(f);
}

static const char *file_text(void)
{
	FILE *f = fopen(path, "r");

	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

static int put(const char *name)
{
	static const char *const skills[] = {"lang.en", "lang.nb"};
	struct conf_agent a = {
	    .codec = CONF_CODEC_PCMU, .language = "no", .password = "$argon2id$x"};

	str_copy(a.name, sizeof(a.name), name);
	str_copy(a.display, sizeof(a.display), "Ola \"O\" Nordmann");
	return conf_agent_put(path, &a, "oslo", skills, 2, why);
}

#define NEW_LINE(name)                                                                     \
	"  " name ": {display: \"Ola \\\"O\\\" Nordmann\", site: oslo, language: \"no\", " \
	"codec: pcmu, skills: [lang.en, lang.nb], password: \"$argon2id$x\"}\n"

static void a_new_agent_comes_last_and_everything_else_stays(void **state)
{
	(void)state;
	text_write("# the whole company\nversion: 41  # grows\nagents:\n  # nights\n"
		   "  maria: {site: manila}   # lead\n\n  jose:\n    site: manila\n    # his line\n"
		   "    codec: pcmu\n\n# the end\n");
	assert_int_equal(put("ola"), 0);
	assert_string_equal(
	    file_text(),
	    "# the whole company\nversion: 42  # grows\nagents:\n  # nights\n"
	    "  maria: {site: manila}   # lead\n\n  jose:\n    site: manila\n    # his line\n"
	    "    codec: pcmu\n" NEW_LINE("ola") "\n# the end\n");
}

static void replacing_an_agent_touches_its_lines_only(void **state)
{
	(void)state;
	text_write("version: 1\nagents:\n  maria: {site: manila}\n  jose:\n    site: manila\n"
		   "    codec: pcmu\n\n  # mornings\n  camila: {site: bogota}\n");
	assert_int_equal(put("jose"), 0);
	assert_string_equal(file_text(), "version: 2\nagents:\n  maria: {site: manila}\n" NEW_LINE(
					     "jose") "\n  # mornings\n  camila: {site: bogota}\n");
	assert_int_equal(put("jose"), 0);
	assert_string_equal(file_text(), "version: 3\nagents:\n  maria: {site: manila}\n" NEW_LINE(
					     "jose") "\n  # mornings\n  camila: {site: bogota}\n");
}

static void a_file_without_agents_and_no_file_at_all_will_do(void **state)
{
	(void)state;
	assert_int_equal(put("ola"), 0);
	assert_string_equal(file_text(), "version: 1\nagents:\n" NEW_LINE("ola"));
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	text_write("agents: {}\nversion: 7");
	assert_int_equal(put("ola"), 0);
	assert_string_equal(file_text(), "agents:\n" NEW_LINE("ola") "version: 7");
	text_write("agents:\n  maria: {site: oslo}");
	assert_int_equal(put("ola"), 0);
	assert_string_equal(file_text(), "agents:\n  maria: {site: oslo}\n" NEW_LINE("ola"));
}

static void a_file_that_cannot_be_edited_is_left_alone(void **state)
{
	static const char *const bad[] = {"agents: {maria: {site: oslo}}\n", "agents: [maria]\n",
					  "agents: {maria\n", "words\n"};

	(void)state;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(bad); i++) {
		text_write(bad[i]);
		assert_int_equal(put("ola"), EINVAL);
		assert_true(strlen(why) > 10);
		assert_string_equal(file_text(), bad[i]);
	}
}

static void the_mode_of_the_file_stays(void **state)
{
	struct stat st;

	(void)state;
	text_write("agents:\n");
	chmod(path, 0640);
	assert_int_equal(put("ola"), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
}

static void hashes_that_all_can_read_give_a_warning(void **state)
{
	static const char cluster[] =
	    "cluster: c\nskills: [lang.en, lang.nb]\nsites: {oslo: {number: "
	    "1, timezone: Europe/Oslo}}\nqueues: {q: {}}\n";
	char file[96], *said = NULL;
	size_t len = 0;
	struct conf *c = NULL;

	(void)state;
	assert_int_equal(put("ola"), 0);
	chmod(path, 0644);
	snprintf(file, sizeof(file), "%s/cluster.yaml", dir);
	FILE *f = fopen(file, "w");
	fputs(cluster, f);
	fclose(f);
	f = open_memstream(&said, &len);
	assert_int_equal(conf_load(&c, file, f), 0);
	fclose(f);
	assert_non_null(strstr(said, "warning: everybody on this machine can read"));
	assert_string_equal(c->agents[0].display, "Ola \"O\" Nordmann");
	assert_string_equal(c->agents[0].language, "no");
	free(said);
	conf_free(c);
	unlink(file);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(a_new_agent_comes_last_and_everything_else_stays),
	    T(replacing_an_agent_touches_its_lines_only),
	    T(a_file_without_agents_and_no_file_at_all_will_do),
	    T(a_file_that_cannot_be_edited_is_left_alone),
	    T(the_mode_of_the_file_stays),
	    T(hashes_that_all_can_read_give_a_warning),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
