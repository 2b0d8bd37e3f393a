#include "common/base/base.h"
#include "common/seal/seal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/helio-keyfile-XXXXXX", path[64];
static const uint8_t key[32] = {0xde, 0xad, 0xbe, 0xef};

static int folder_up(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/key", dir);
	return 0;
}

static int folder_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir); /* fails if a temporary file was left behind */
}

static void put(const char *text, mode_t mode)
{
	unlink(path);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static mode_t mode_of(void)
{
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 0777;
}

static void a_secret_comes_back_and_is_for_its_owner_only(void **state)
{
	(void)state;
	uint8_t back[32];
	umask(0);
	assert_int_equal(seal_file_write(path, key, sizeof(key), true), 0);
	assert_int_equal(mode_of(), 0600);
	assert_int_equal(seal_file_read(path, back, sizeof(back), true), 0);
	assert_memory_equal(back, key, sizeof(key));
	umask(022);
	assert_int_equal(seal_file_write(path, key, sizeof(key), false), 0); /* replaces */
	assert_int_equal(mode_of(), 0644);
}

static void a_secret_that_others_can_read_is_refused(void **state)
{
	(void)state;
	uint8_t back[32];
	assert_int_equal(seal_file_write(path, key, sizeof(key), true), 0);
	static const mode_t open_modes[] = {0604, 0640, 0660, 0644, 0601};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(open_modes); i++) {
		assert_int_equal(chmod(path, open_modes[i]), 0);
		assert_int_equal(seal_file_read(path, back, sizeof(back), true), EPERM);
		assert_int_equal(seal_file_read(path, back, sizeof(back), false), 0);
	}
}

static void what_is_no_key_of_that_length_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
	    "",           "\n",          "dead\n",       "deadbeef0\n",         "deadbeef00\n",
	    "deadbeeg\n", "dead beef\n", "deadbeef\n\n", "deadbeef\ndeadbeef\n"};
	uint8_t back[4] = {9, 9, 9, 9};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(bad); i++) {
		put(bad[i], 0600);
		assert_int_equal(seal_file_read(path, back, sizeof(back), true), EINVAL);
		assert_int_equal(back[0], 9);
	}
	put("DEADbeef", 0600); /* no newline is no harm */
	assert_int_equal(seal_file_read(path, back, sizeof(back), true), 0);
	assert_memory_equal(back, key, 4);
}

static void what_is_no_file_is_refused_and_does_not_hang(void **state)
{
	(void)state;
	uint8_t back[4];
	unlink(path);
	assert_int_equal(seal_file_read(path, back, sizeof(back), true), ENOENT);
	assert_int_equal(seal_file_read(dir, back, sizeof(back), true), EINVAL);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(seal_file_read(path, back, sizeof(back), true), EINVAL);
}

static void a_certificate_of_any_length_comes_back(void **state)
{
	(void)state;
	uint8_t cert[SEAL_CERT_LEN_MAX], back[SEAL_CERT_LEN_MAX];
	size_t n;
	memset(cert, 0xa5, sizeof(cert));
	assert_int_equal(seal_file_write(path, cert, sizeof(cert), false), 0);
	assert_int_equal(seal_file_read_some(path, back, sizeof(back), &n, false), 0);
	assert_int_equal(n, sizeof(cert));
	assert_memory_equal(back, cert, n);
	assert_int_equal(seal_file_read_some(path, back, sizeof(back) - 1, &n, false), EINVAL);
	static const uint8_t much[SEAL_FILE_MAX + 1];
	assert_int_equal(seal_file_write(path, much, sizeof(much), false), EINVAL);
	assert_int_equal(seal_file_write(path, cert, 0, false), EINVAL);
}

static void a_write_that_fails_leaves_the_old_file_and_nothing_else(void **state)
{
	(void)state;
	char below[96];
	uint8_t back[32];
	unlink(path);
	assert_int_equal(seal_file_write(path, key, sizeof(key), true), 0);
	snprintf(below, sizeof(below), "%s/below", path);
	assert_int_equal(seal_file_write(below, key, sizeof(key), true), ENOTDIR);
	assert_int_equal(seal_file_write(dir, key, sizeof(key), true), EISDIR);
	assert_int_equal(seal_file_read(path, back, sizeof(back), true), 0);
	assert_memory_equal(back, key, sizeof(key));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_secret_comes_back_and_is_for_its_owner_only),
	    cmocka_unit_test(a_secret_that_others_can_read_is_refused),
	    cmocka_unit_test(what_is_no_key_of_that_length_is_refused),
	    cmocka_unit_test(what_is_no_file_is_refused_and_does_not_hang),
	    cmocka_unit_test(a_certificate_of_any_length_comes_back),
	    cmocka_unit_test(a_write_that_fails_leaves_the_old_file_and_nothing_else),
	};
	if (seal_init())
		return 1;
	return cmocka_run_group_tests(tests, folder_up, folder_down);
}
