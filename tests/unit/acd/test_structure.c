/* The structures under the core, and what acd.h promises about memory, effects and names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/acd/acd_internal.h"
#include "tests/unit/acd/world.h"

static uint64_t rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static struct acd *make(uint32_t calls, uint32_t agents, uint32_t queues, void **ret_mem)
{
	struct acd_queue_conf *q = calloc(queues, sizeof(*q));
	struct acd_conf conf = {.role = ACD_ROLE_NODE,
				.self = {addr_make(1, 1)},
				.boot = 3,
				.calls_max = calls,
				.agents_max = agents,
				.queues_n = queues,
				.queues = q};

	acd_timers_default(&conf.timers);
	for (uint32_t i = 0; i < queues; i++)
		q[i].id.v = i + 1;
	*ret_mem = malloc(acd_size(&conf));
	struct acd *acd = acd_init(*ret_mem, &conf);
	free(q);
	return acd;
}

static void the_heap_gives_the_earliest_whatever_was_inserted_and_removed(void **state)
{
	void *mem;
	struct acd *acd = make(500, 500, 1, &mem);
	uint32_t n = acd->timer_base[TM_COUNT];
	uint64_t seed = 42;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		uint32_t i = (uint32_t)(rnd(&seed) % 500);
		if (rnd(&seed) % 3)
			timer_set(acd, TM_CALL, i, rnd(&seed) % 1000);
		else
			timer_stop(acd, TM_CALL, i);
		if (round % 64 == 0)
			heap_check(acd, HK_TIMER, &acd->timers);
		uint64_t least = UINT64_MAX;
		for (uint32_t k = 0; round % 64 == 0 && k < n; k++)
			if (heap_holds(&acd->timer[k].node) && acd->timer[k].at < least)
				least = acd->timer[k].at;
		if (round % 64 == 0 && least != UINT64_MAX)
			assert_int_equal(acd->timer[acd->timers.root].at, least);
	}
	free(mem);
}

/* Mostly later than all before, as timers and queues have it; now and then an exception, and the
 * last one goes again: what the heap remembers of its greatest. */
static void the_heap_is_right_when_each_comes_after_all_others(void **state)
{
	void *mem;
	struct acd *acd = make(500, 500, 1, &mem);
	uint64_t seed = 11, at = 1000, last = 0;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		uint32_t i = round % 500;
		timer_set(acd, TM_CALL, i, rnd(&seed) % 16 ? ++at : at - rnd(&seed) % 1000);
		if (rnd(&seed) % 4 == 0)
			timer_stop(acd, TM_CALL, rnd(&seed) % 2 ? i : (uint32_t)(rnd(&seed) % 500));
		if (round % 64 == 0)
			heap_check(acd, HK_TIMER, &acd->timers);
	}
	while (acd->timers.n > 0) {
		uint32_t first = acd->timers.root;
		assert_true(acd->timer[first].at >= last);
		last = acd->timer[first].at;
		heap_remove(acd, HK_TIMER, &acd->timers, first);
		heap_check(acd, HK_TIMER, &acd->timers);
	}
	free(mem);
}

static void the_table_finds_what_was_put_and_nothing_else(void **state)
{
	struct table_slot slots[256];
	uint64_t seed = 7, keys[256];
	uint32_t held[128];
	struct table t = {.slot = slots,
			  .key = (const unsigned char *)keys,
			  .stride = sizeof(keys[0]),
			  .mask = 255};

	(void)state;
	memset(slots, 0xff, sizeof(slots));
	memset(held, 0xff, sizeof(held));
	for (unsigned round = 0; round < 50000; round++) {
		uint32_t k = (uint32_t)(rnd(&seed) % 128);
		assert_int_equal(table_get(&t, k + 1), held[k]);
		if (held[k] != NIL) {
			table_del(&t, k + 1);
			held[k] = NIL;
		} else if (t.n < 128) {
			held[k] = k + 128 * (round & 1); /* an entry of its own */
			keys[held[k]] = k + 1;
			table_put(&t, k + 1, held[k]);
		}
	}
}

static void memory_of_another_life_changes_nothing(void **state)
{
	struct acd_queue_conf q = {.id = {1}};
	struct acd_conf conf = {.role = ACD_ROLE_NODE,
				.self = {addr_make(1, 1)},
				.boot = 3,
				.calls_max = 8,
				.agents_max = 8,
				.queues_n = 1,
				.queues = &q};
	uint64_t digest[2];

	(void)state;
	acd_timers_default(&conf.timers);
	for (int i = 0; i < 2; i++) {
		size_t size = acd_size(&conf);
		void *mem = malloc(size);
		memset(mem, i ? 0xff : 0, size);
		struct acd *acd = acd_init(mem, &conf);
		struct acd_effects fx;
		acd_step(acd,
			 &(struct acd_event){
			     .type = ACD_EV_CALL_ARRIVED, .now = 5, .call = {9}, .queue = {1}},
			 &fx);
		acd_check(acd);
		digest[i] = acd_digest(acd);
		free(mem);
	}
	assert_true(digest[0] == digest[1]);
}

static void effects_that_do_not_fit_wait_for_the_next_step(void **state)
{
	struct world *w = world_new(1, 1, 1);
	struct acd *n = world_node(w, 1, 1);
	static struct acd_effects fx;
	uint32_t ups = 0, steps = 0;

	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		world_call(w, n, QUEUE_ANY);
		world_agent(w, n, 0);
	}
	world_run(w, 1000);
	struct acd_event ev = {.type = ACD_EV_DRAIN, .now = w->now, .on = true};
	struct acd_event req = {.type = ACD_EV_MSG,
				.now = w->now,
				.from = world_at(w, 1, 64)->addr,
				.from_boot = 1,
				.msg = {.type = ACD_MSG_SYNC_REQ}};
	acd_step(n, &ev, &fx);
	acd_step(n, &req, &fx);
	for (;; steps++) {
		assert_true(fx.n <= ACD_FX_MAX && steps < 100);
		for (uint32_t i = 0; i < fx.n; i++)
			ups += fx.fx[i].type == ACD_FX_SEND && fx.fx[i].msg.digest != 0 &&
			       (fx.fx[i].msg.type == ACD_MSG_CALL_UP ||
				fx.fx[i].msg.type == ACD_MSG_AGENT_UP);
		if (!fx.more)
			break;
		acd_step(n, &(struct acd_event){.type = ACD_EV_TIME, .now = w->now}, &fx);
	}
	assert_true(ups > 0 && steps > 0);
	world_free(w);
}

static void sizes_beyond_the_limits_are_refused(void **state)
{
	struct acd_conf conf = {
	    .role = ACD_ROLE_NODE, .self = {addr_make(1, 1)}, .calls_max = 8, .agents_max = 8};

	(void)state;
	assert_true(acd_size(&conf) > 0);
	conf.calls_max = UINT32_MAX;
	assert_int_equal(acd_size(&conf), 0);
	conf.calls_max = 8;
	conf.self.v = addr_make(1, ADDR_BROKER_MIN);
	assert_int_equal(acd_size(&conf), 0);
	struct acd_queue_conf twins[2] = {{.id = {4}}, {.id = {4}}};
	conf.self.v = addr_make(1, 1);
	conf.queues = twins;
	conf.queues_n = 2;
	assert_int_equal(acd_size(&conf), 0);
}

static void every_value_has_a_name_and_no_other_has(void **state)
{
	(void)state;
	for (uint8_t i = 0; i <= ACD_CALL_ENDED; i++)
		assert_string_not_equal(acd_call_state_name(i), "?");
	for (uint8_t i = 0; i <= ACD_AGENT_GRACE; i++)
		assert_string_not_equal(acd_agent_state_name(i), "?");
	for (uint8_t i = 0; i <= ACD_OUTCOME_FAILED; i++)
		assert_string_not_equal(acd_outcome_name(i), "?");
	for (uint8_t i = 0; i <= ACD_CAUSE_CLOSED; i++)
		assert_string_not_equal(acd_cause_name(i), "?");
	for (uint8_t i = 0; i <= ACD_REASON_FORCED; i++)
		assert_string_not_equal(acd_reason_name(i), "?");
	for (uint8_t i = 0; i < ACD_MSG_TYPE_COUNT; i++)
		assert_string_not_equal(acd_msg_name(i), "?");
	assert_string_equal(acd_msg_name(ACD_MSG_TYPE_COUNT), "?");
	assert_string_equal(acd_cause_name(255), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_heap_gives_the_earliest_whatever_was_inserted_and_removed),
	    cmocka_unit_test(the_heap_is_right_when_each_comes_after_all_others),
	    cmocka_unit_test(the_table_finds_what_was_put_and_nothing_else),
	    cmocka_unit_test(memory_of_another_life_changes_nothing),
	    cmocka_unit_test(effects_that_do_not_fit_wait_for_the_next_step),
	    cmocka_unit_test(sizes_beyond_the_limits_are_refused),
	    cmocka_unit_test(every_value_has_a_name_and_no_other_has),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
