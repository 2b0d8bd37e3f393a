/* The switch between the sites of a lab: what a rule says is what happens, and the counters say so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "chaos/wan/rules.h"
#include "common/base/base.h"

enum { OSLO, MANILA, BOGOTA };

static struct rules *rules_make(uint64_t seed)
{
	static struct rules r;
	memset(&r, 0, sizeof(r));
	assert_int_equal(wan_new(&r.wan, 3, seed), 0);
	r.sites = 3;
	strcpy(r.name[OSLO], "oslo");
	strcpy(r.name[MANILA], "manila");
	strcpy(r.name[BOGOTA], "bogota");
	return &r;
}

static bool say(struct rules *r, const char *line, int owner, uint64_t now)
{
	static char reply[RULES_REPLY_SIZE];
	char copy[256];
	assert_int_equal(str_copy(copy, sizeof(copy), line), 0);
	rules_command(r, copy, owner, now, reply);
	return strncmp(reply, "{\"ok\":true", 10) == 0;
}

static uint32_t drained(struct wan *w, uint64_t now)
{
	uint32_t to, n = 0;
	const void *p;
	while (wan_next(w, now, &to, &p))
		n++;
	return n;
}

static void packets_leave_after_their_delay_in_order(void **state)
{
	struct rules *r = rules_make(1);
	(void)state;
	assert_true(say(r, "set * * delay=50 jitter=20", 0, 0));
	for (uint32_t i = 0; i < 100; i++)
		wan_submit(r->wan, OSLO, MANILA, i * 1000u, &i, sizeof(i));
	assert_int_equal(drained(r->wan, 49000), 0);
	uint32_t to, next = 0;
	const void *p;
	while (wan_next(r->wan, 1000000, &to, &p)) {
		uint32_t got;
		memcpy(&got, p, sizeof(got));
		assert_int_equal(to, MANILA);
		assert_int_equal(got, next++);
	}
	assert_int_equal(next, 100);
	assert_int_equal(wan_deadline(r->wan), UINT64_MAX);
	wan_free(r->wan);
}

static void about_as_many_are_lost_and_doubled_as_was_said(void **state)
{
	struct rules *r = rules_make(7);
	(void)state;
	assert_true(say(r, "set oslo manila loss=10 dup=20", 0, 0));
	for (uint32_t i = 0; i < 10000; i++) {
		wan_submit(r->wan, OSLO, MANILA, i, "x", 1);
		(void)drained(r->wan, i);
	}
	const struct wan_counts *c = wan_counts_get(r->wan, OSLO, MANILA);
	assert_in_range(c->lost, 800, 1200);
	assert_in_range(c->duplicated, 1600, 2000);
	assert_int_equal(c->delivered, 10000 - c->lost + c->duplicated);
	assert_int_equal(wan_counts_get(r->wan, MANILA, OSLO)->packets, 0);
	wan_free(r->wan);
}

static void a_corrupt_packet_has_one_wrong_bit_behind_its_header(void **state)
{
	struct rules *r = rules_make(7);
	uint8_t sent[40] = {0};
	uint32_t to, wrong = 0;
	const void *got;
	(void)state;
	assert_true(say(r, "set oslo manila corrupt=20", 0, 0));
	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t bits = 0;
		wan_submit(r->wan, OSLO, MANILA, i, sent, sizeof(sent));
		assert_int_equal(wan_next(r->wan, i, &to, &got), sizeof(sent));
		assert_memory_equal(got, sent, 20);
		for (size_t k = 0; k < sizeof(sent); k++)
			bits += (uint32_t)__builtin_popcount(((const uint8_t *)got)[k]);
		assert_true(bits <= 1);
		wrong += bits;
	}
	assert_in_range(wrong, 160, 240);
	assert_int_equal(wan_counts_get(r->wan, OSLO, MANILA)->corrupted, wrong);
	wan_submit(r->wan, OSLO, MANILA, 0, sent, 20); /* a header alone: nothing to spoil */
	assert_int_equal(wan_next(r->wan, 2000, &to, &got), 20);
	assert_memory_equal(got, sent, 20);
	wan_free(r->wan);
}

static uint64_t fates(uint64_t seed)
{
	struct rules *r = rules_make(seed);
	uint64_t lost = 0;
	assert_true(say(r, "set * * loss=50", 0, 0));
	for (uint32_t i = 0; i < 64; i++) {
		uint64_t before = wan_counts_get(r->wan, OSLO, BOGOTA)->lost;
		wan_submit(r->wan, OSLO, BOGOTA, i, "x", 1);
		lost = lost << 1 | (wan_counts_get(r->wan, OSLO, BOGOTA)->lost - before);
	}
	wan_free(r->wan);
	return lost;
}

static void the_same_seed_loses_the_same_packets(void **state)
{
	(void)state;
	assert_true(fates(3) == fates(3));
	assert_true(fates(3) != fates(4));
}

static void a_cut_takes_what_is_under_way_and_is_one_way_if_asked(void **state)
{
	struct rules *r = rules_make(1);
	(void)state;
	assert_true(say(r, "set * * delay=100", 0, 0));
	wan_submit(r->wan, OSLO, MANILA, 0, "x", 1);
	assert_true(say(r, "fault 1 oslo manila cut=1", 0, 50000));
	wan_submit(r->wan, OSLO, MANILA, 60000, "x", 1);
	wan_submit(r->wan, MANILA, OSLO, 60000, "x", 1);
	assert_int_equal(drained(r->wan, 500000), 1);
	assert_int_equal(wan_counts_get(r->wan, OSLO, MANILA)->cut, 2);
	assert_int_equal(wan_counts_get(r->wan, MANILA, OSLO)->cut, 0);
	wan_free(r->wan);
}

static bool is_cut(const struct rules *r)
{
	return wan_rule_get(r->wan, OSLO, MANILA)->cut;
}

static void a_fault_ends_with_its_time_its_number_or_its_owner(void **state)
{
	struct rules *r = rules_make(1);
	(void)state;
	assert_true(say(r, "fault 1 oslo * cut=1 for=500", 0, 0));
	assert_true(is_cut(r));
	assert_int_equal(rules_tick(r, 0), 500000);
	assert_int_equal(rules_tick(r, 500000), UINT64_MAX);
	assert_false(is_cut(r));
	assert_true(say(r, "fault 2 oslo * cut=1", 0, 0));
	assert_true(say(r, "fault 3 * manila cut=1", 1, 0));
	assert_true(say(r, "heal 2", 5, 0));
	assert_true(is_cut(r)); /* the other one holds it */
	rules_owner_gone(r, 0);
	assert_true(is_cut(r));
	rules_owner_gone(r, 1);
	assert_false(is_cut(r));
	wan_free(r->wan);
}

static void a_full_switch_drops_and_counts(void **state)
{
	struct rules *r = rules_make(1);
	(void)state;
	assert_true(say(r, "set * * delay=1000", 0, 0));
	for (uint32_t i = 0; i < WAN_PACKETS + 10; i++)
		wan_submit(r->wan, OSLO, MANILA, i, "x", 1);
	assert_int_equal(wan_counts_get(r->wan, OSLO, MANILA)->overflow, 10);
	assert_int_equal(drained(r->wan, UINT64_MAX - 1), WAN_PACKETS);
	wan_free(r->wan);
}

static void a_slow_line_spreads_a_burst(void **state)
{
	struct rules *r = rules_make(1);
	char packet[1000] = {0};
	(void)state;
	assert_true(say(r, "set * * rate=1000", 0, 0)); /* 8 ms each */
	for (uint32_t i = 0; i < 10; i++)
		wan_submit(r->wan, OSLO, MANILA, 0, packet, sizeof(packet));
	assert_int_equal(drained(r->wan, 40000), 5);
	assert_int_equal(drained(r->wan, 80000), 5);
	wan_free(r->wan);
}

static void nonsense_is_refused_and_changes_nothing(void **state)
{
	static const char *const lines[] = {
	    "",
	    "fly",
	    "set oslo",
	    "set oslo mars delay=1",
	    "set * * delay=x",
	    "set * * loss=101",
	    "set * * delay=-1",
	    "set * *",
	    "fault",
	    "fault 0 * * cut=1",
	    "fault 1 * * cut=2",
	    "heal",
	    "heal x",
	    "set * * delay",
	};
	struct rules *r = rules_make(1);
	(void)state;
	for (size_t i = 0; i < HELIO_ARRAY_LEN(lines); i++)
		assert_false(say(r, lines[i], 0, 0));
	assert_int_equal(wan_rule_get(r->wan, OSLO, MANILA)->delay_us, 0);
	assert_false(is_cut(r));
	wan_free(r->wan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(packets_leave_after_their_delay_in_order),
	    cmocka_unit_test(about_as_many_are_lost_and_doubled_as_was_said),
	    cmocka_unit_test(a_corrupt_packet_has_one_wrong_bit_behind_its_header),
	    cmocka_unit_test(the_same_seed_loses_the_same_packets),
	    cmocka_unit_test(a_cut_takes_what_is_under_way_and_is_one_way_if_asked),
	    cmocka_unit_test(a_fault_ends_with_its_time_its_number_or_its_owner),
	    cmocka_unit_test(a_full_switch_drops_and_counts),
	    cmocka_unit_test(a_slow_line_spreads_a_burst),
	    cmocka_unit_test(nonsense_is_refused_and_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
