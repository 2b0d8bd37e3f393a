/* Passwords, tickets and values at rest. */
#include "common/base/base.h"
#include "common/seal/seal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { NOW = 1800000000 };

static void a_password_opens_its_own_hash_only(void **state)
{
	(void)state;
	char stored[128], again[128];
	assert_int_equal(seal_password_hash(stored, "sol over Manila"), 0);
	assert_int_equal(strncmp(stored, "$argon2id$", 10), 0);
	assert_int_equal(seal_password_verify(stored, "sol over Manila"), 0);
	assert_int_equal(seal_password_verify(stored, "sol over manila"), EACCES);
	assert_int_equal(seal_password_verify(stored, ""), EACCES);
	assert_int_equal(seal_password_hash(again, "sol over Manila"), 0);
	assert_string_not_equal(stored, again); /* salted */
}

static void lengths_of_passwords_are_bounded(void **state)
{
	(void)state;
	char stored[128], longest[SEAL_PASSWORD_LEN_MAX + 2];
	memset(longest, 'a', sizeof(longest));
	longest[SEAL_PASSWORD_LEN_MAX + 1] = '\0';
	assert_int_equal(seal_password_hash(stored, longest), EINVAL);
	assert_int_equal(seal_password_hash(stored, ""), EINVAL);
	longest[SEAL_PASSWORD_LEN_MAX] = '\0';
	assert_int_equal(seal_password_hash(stored, longest), 0);
	assert_int_equal(seal_password_verify(stored, longest), 0);
	longest[SEAL_PASSWORD_LEN_MAX] = 'a';
	assert_int_equal(seal_password_verify(stored, longest), EACCES);
}

static void what_is_no_hash_or_asks_for_too_much_work_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
	    "",
	    "!",
	    "secret",
	    "$argon2id$",
	    "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"
	    "C0iO0iO0iO0iO0iO0iO0iO0iO0iO0iO0iO0iO0iO0iM",
	    "$argon2id$v=19$m=65536,t=2,p=1$",
	    "$argon2id$v=19$m=99999999,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"
	    "C0iO0iO0iO0iO0iO0iO0iO0iO0iO0iO0iO0iO0iO0iM",
	    "$argon2id$v=19$m=65536,t=900,p=1$c29tZXNhbHRzb21lc2FsdA$"
	    "C0iO0iO0iO0iO0iO0iO0iO0iO0iO0iO0iO0iO0iO0iM",
	};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(bad); i++) {
		char stored[128] = "";
		str_copy(stored, sizeof(stored), bad[i]);
		assert_int_equal(seal_password_verify(stored, "secret"), EINVAL);
	}
	char endless[128];
	assert_int_equal(seal_password_hash(endless, "secret"), 0);
	for (size_t i = strlen(endless); i < sizeof(endless); i++)
		endless[i] = 'A';
	assert_int_equal(seal_password_verify(endless, "secret"), EINVAL);
}

static const uint8_t key[SEAL_KEY_LEN] = {7}, other_key[SEAL_KEY_LEN] = {8};
static const struct seal_ticket ticket = {
    .agent = 0x1122334455667788,
    .device = {1, 2, 3},
    .not_after_s = NOW + 100,
    .password_mark = 0xfedcba9876543210,
};

static void a_ticket_opens_for_its_device_until_its_end(void **state)
{
	(void)state;
	uint8_t bytes[SEAL_TICKET_LEN_MAX], device[SEAL_KEY_LEN];
	struct seal_ticket t;
	size_t n;
	assert_int_equal(seal_ticket_make(&ticket, key, bytes, sizeof(bytes), &n), 0);
	assert_int_equal(seal_ticket_open(&t, bytes, n, key, ticket.device, NOW), 0);
	assert_int_equal(t.agent, ticket.agent);
	assert_int_equal(t.password_mark, ticket.password_mark);
	assert_int_equal(t.not_after_s, ticket.not_after_s);
	assert_memory_equal(t.device, ticket.device, SEAL_KEY_LEN);
	assert_int_equal(seal_ticket_open(&t, bytes, n, key, ticket.device, NOW + 100), 0);
	assert_int_equal(seal_ticket_open(&t, bytes, n, key, ticket.device, NOW + 101), ESTALE);
	memcpy(device, ticket.device, sizeof(device));
	device[31] ^= 1;
	assert_int_equal(seal_ticket_open(&t, bytes, n, key, device, NOW), EACCES);
	assert_int_equal(seal_ticket_make(&ticket, key, bytes, n - 1, &n), EMSGSIZE);
}

static void a_forged_ticket_is_refused(void **state)
{
	(void)state;
	uint8_t bytes[SEAL_TICKET_LEN_MAX];
	struct seal_ticket t;
	size_t n, box_n;
	assert_int_equal(seal_ticket_make(&ticket, other_key, bytes, sizeof(bytes), &n), 0);
	assert_int_equal(seal_ticket_open(&t, bytes, n, key, ticket.device, NOW), EBADMSG);
	assert_int_equal(seal_ticket_make(&ticket, key, bytes, sizeof(bytes), &n), 0);
	for (size_t bit = 0; bit < n * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(seal_ticket_open(&t, bytes, n, key, ticket.device, NOW), EBADMSG);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t cut = 0; cut <= sizeof(bytes); cut++)
		assert_int_equal(seal_ticket_open(&t, bytes, cut, key, ticket.device, NOW),
				 cut == n ? 0 : EBADMSG);
	/* Nor does another thing sealed with the same key pass for one. */
	assert_int_equal(seal_box(key, "", 0, bytes, n - 40, bytes + 128, 128, &box_n), 0);
	assert_int_equal(seal_ticket_open(&t, bytes + 128, box_n, key, ticket.device, NOW),
			 EBADMSG);
}

static void a_value_at_rest_opens_with_its_key_and_its_name(void **state)
{
	(void)state;
	uint8_t box[128];
	char out[64];
	size_t n, out_n;
	assert_int_equal(seal_box(key, "call:1", 6, "hello", 5, box, sizeof(box), &n), 0);
	assert_int_equal(n, 45);
	assert_int_equal(seal_unbox(key, "call:1", 6, box, n, out, sizeof(out), &out_n), 0);
	assert_int_equal(out_n, 5);
	assert_memory_equal(out, "hello", 5);
	assert_int_equal(seal_unbox(key, "call:2", 6, box, n, out, sizeof(out), &out_n), EBADMSG);
	assert_int_equal(seal_unbox(other_key, "call:1", 6, box, n, out, sizeof(out), &out_n),
			 EBADMSG);
	assert_int_equal(seal_unbox(key, "call:1", 6, box, n, out, 4, &out_n), EMSGSIZE);
	assert_int_equal(seal_box(key, NULL, 0, "hello", 5, box, 44, &n), EMSGSIZE);
	assert_int_equal(seal_box(key, NULL, 0, "", 0, box, 39, &n), EMSGSIZE);
}

static void any_flipped_bit_or_cut_of_a_value_at_rest_is_refused(void **state)
{
	(void)state;
	uint8_t box[128] = {0};
	char out[128];
	size_t n, out_n;
	assert_int_equal(seal_box(key, "ad", 2, "hello", 5, box, sizeof(box), &n), 0);
	for (size_t bit = 0; bit < n * 8; bit++) {
		box[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(seal_unbox(key, "ad", 2, box, n, out, sizeof(out), &out_n),
				 EBADMSG);
		box[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t cut = 0; cut <= sizeof(box); cut++)
		assert_int_equal(seal_unbox(key, "ad", 2, box, cut, out, sizeof(out), &out_n),
				 cut == n ? 0 : EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_password_opens_its_own_hash_only),
	    cmocka_unit_test(lengths_of_passwords_are_bounded),
	    cmocka_unit_test(what_is_no_hash_or_asks_for_too_much_work_is_refused),
	    cmocka_unit_test(a_ticket_opens_for_its_device_until_its_end),
	    cmocka_unit_test(a_forged_ticket_is_refused),
	    cmocka_unit_test(a_value_at_rest_opens_with_its_key_and_its_name),
	    cmocka_unit_test(any_flipped_bit_or_cut_of_a_value_at_rest_is_refused),
	};
	if (seal_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
