/* What no honest peer sends is refused, and a refusal changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/base.h"
#include "tests/unit/acd/world.h"

#define MS 1000u

static uint64_t rnd_state;

static uint64_t rnd(void)
{
	uint64_t z = (rnd_state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t pick(const uint64_t *from, unsigned n)
{
	return rnd() % 4 == 0 ? rnd() : from[rnd() % n];
}

/* Fields half right, so that messages get far. */
static struct acd_msg forge(struct world *w, const uint64_t *ids, unsigned n)
{
	struct acd_msg m = {.type = (enum acd_msg_type)(rnd() % (ACD_MSG_TYPE_COUNT + 2)),
			    .offer = {pick(ids, n)},
			    .call = {pick(ids, n)},
			    .session = {pick(ids, n)},
			    .agent = {pick(ids, n)},
			    .skills = {rnd() % 4},
			    .queue = {(uint32_t)(rnd() % 5)},
			    .cepoch = 64 + rnd() % 3,
			    .version = rnd() % 64,
			    .digest = rnd() % 3,
			    .age_us = rnd() % 8 ? rnd() % 100000 : rnd(),
			    .count = (uint32_t)(rnd() % 4),
			    .wanted = (uint32_t)(rnd() % 4),
			    .ring_timeout_ms = 1000,
			    .node = w->daemon[rnd() % w->daemons_n].addr,
			    .peer = w->daemon[rnd() % w->daemons_n].addr,
			    .state = (uint8_t)(rnd() % 4),
			    .cause = (uint8_t)(rnd() % 20)};

	m.site = (uint8_t)addr_site(m.peer.v);
	return m;
}

static void forged_messages_break_no_rule_and_refusals_leave_the_digest(void **state)
{
	struct world *w = world_new(2, 2, 2);
	uint64_t ids[16];
	unsigned refused = 0, taken = 0;

	(void)state;
	rnd_state = 1;
	for (unsigned i = 0; i < 4; i++) {
		struct acd *n = world_node(w, 1 + i % 2, 1 + i / 2);
		ids[i] = world_agent(w, n, i).v;
		ids[i + 4] = ids[i] ^ 0xabcdef;
		ids[i + 8] = world_call(w, n, QUEUE_ANY).v;
		world_run(w, 3 * MS);
		ids[i + 12] = world_agent_view(w, n, (struct acd_session_id){ids[i]}).offer.v;
	}
	for (unsigned round = 0; round < 60000; round++) {
		struct world_daemon *d = &w->daemon[rnd() % w->daemons_n];
		struct acd_addr from = rnd() % 8 ? w->daemon[rnd() % w->daemons_n].addr
						 : (struct acd_addr){(uint16_t)rnd()};
		struct acd_msg m = forge(w, ids, 16);
		uint64_t before = acd_digest(d->acd);
		if (world_hear(w, d->acd, from, m) != ACD_OK) {
			refused++;
			assert_true(before == acd_digest(d->acd));
		} else {
			taken++;
		}
		w->wire_n = 0; /* answers lead nowhere */
		w->seen_n = 0;
		if (round % 16 == 0) {
			world_run(w, 1 + rnd() % 200000);
			w->wire_n = 0;
			w->seen_n = 0;
		}
	}
	assert_true(refused > 1000);
	assert_true(taken > 500); /* half right often enough to get far */
	world_free(w);
}

static void a_site_cannot_announce_the_calls_of_another(void **state)
{
	struct world *w = world_new(2, 1, 1);
	struct acd_msg m = {.type = ACD_MSG_CALL_UP,
			    .call = {(uint64_t)addr_make(2, 1) << 48 | 5},
			    .queue = {QUEUE_ANY},
			    .version = 1000};

	(void)state;
	assert_int_equal(world_hear(w, world_broker(w, 1, 1), world_at(w, 2, 1)->addr, m),
			 ACD_REFUSED_INVALID);
	assert_int_equal(world_hear(w, world_broker(w, 1, 1), world_at(w, 1, 1)->addr, m),
			 ACD_REFUSED_INVALID);
	world_free(w);
}

static void only_a_broker_of_the_own_site_can_reserve(void **state)
{
	struct world *w = world_new(2, 1, 1);
	struct acd *n = world_node(w, 1, 1);
	struct acd_session_id s = world_agent(w, n, 0);
	struct acd_msg m = {.type = ACD_MSG_RESERVE,
			    .offer = {5},
			    .session = s,
			    .agent = {s.v ^ 0xabcdef},
			    .queue = {QUEUE_ANY},
			    .site = 1,
			    .peer = world_at(w, 1, 64)->addr};

	(void)state;
	assert_int_equal(world_hear(w, n, world_at(w, 2, 64)->addr, m), ACD_REFUSED_INVALID);
	assert_int_equal(world_hear(w, n, world_at(w, 2, 1)->addr, m), ACD_REFUSED_INVALID);
	assert_int_equal(world_hear(w, n, world_at(w, 1, 64)->addr, m), ACD_OK);
	assert_int_equal(world_agent_view(w, n, s).state, ACD_AGENT_RESERVED);
	world_free(w);
}

static void messages_of_an_older_boot_are_stale(void **state)
{
	struct world *w = world_new(1, 1, 1);
	struct acd_event ev = {.type = ACD_EV_MSG,
			       .from = world_at(w, 1, 1)->addr,
			       .from_boot = 5,
			       .msg = {.type = ACD_MSG_DIGEST}};

	(void)state;
	assert_int_equal(world_do(w, world_broker(w, 1, 1), ev), ACD_OK);
	ev.from_boot = 4;
	assert_int_equal(world_do(w, world_broker(w, 1, 1), ev), ACD_REFUSED_STALE);
	world_free(w);
}

static void unskilled_and_busy_agents_are_not_reserved_whatever_a_broker_says(void **state)
{
	struct world *w = world_new(1, 1, 1);
	struct acd *n = world_node(w, 1, 1);
	struct acd_session_id s = world_agent(w, n, 0);
	struct acd_msg m = {.type = ACD_MSG_RESERVE,
			    .offer = {5},
			    .session = s,
			    .agent = {s.v ^ 0xabcdef},
			    .queue = {QUEUE_SKILLED},
			    .site = 1,
			    .peer = world_at(w, 1, 64)->addr};

	(void)state;
	assert_int_equal(world_hear(w, n, m.peer, m), ACD_REFUSED_STATE);
	m.queue.v = QUEUE_ANY;
	assert_int_equal(world_hear(w, n, m.peer, m), ACD_OK);
	m.offer.v = 6;
	assert_int_equal(world_hear(w, n, m.peer, m), ACD_REFUSED_STATE);
	assert_int_equal(world_agent_view(w, n, s).offer.v, 5);
	world_free(w);
}

static void a_full_register_refuses_with_a_limit(void **state)
{
	struct world *w = world_new(1, 1, 1);
	struct acd *n = world_node(w, 1, 1);

	(void)state;
	for (unsigned i = 0; i < 64; i++)
		world_call(w, n, QUEUE_ANY);
	uint64_t before = acd_digest(n);
	assert_int_equal(world_do(w, n,
				  (struct acd_event){.type = ACD_EV_CALL_ARRIVED,
						     .call = {77},
						     .queue = {QUEUE_ANY}}),
			 ACD_REFUSED_LIMIT);
	assert_true(before == acd_digest(n));
	world_free(w);
}

static void a_call_ends_once(void **state)
{
	struct world *w = world_new(1, 1, 1);
	struct acd *n = world_node(w, 1, 1);
	struct acd_event ev = {.type = ACD_EV_CALL_GONE,
			       .call = world_call(w, n, QUEUE_ANY),
			       .cause = ACD_CAUSE_CALLER_HUNG_UP};

	(void)state;
	assert_int_equal(world_do(w, n, ev), ACD_OK);
	assert_int_equal(world_do(w, n, ev), ACD_REFUSED_UNKNOWN);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(forged_messages_break_no_rule_and_refusals_leave_the_digest),
	    cmocka_unit_test(a_site_cannot_announce_the_calls_of_another),
	    cmocka_unit_test(only_a_broker_of_the_own_site_can_reserve),
	    cmocka_unit_test(messages_of_an_older_boot_are_stale),
	    cmocka_unit_test(unskilled_and_busy_agents_are_not_reserved_whatever_a_broker_says),
	    cmocka_unit_test(a_full_register_refuses_with_a_limit),
	    cmocka_unit_test(a_call_ends_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
