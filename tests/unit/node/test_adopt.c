/* What a node is told that stops in order and asks its neighbour to take its calls; the journal,
 * the claims and the mesh are of this file. */
#include "nodes/node.h"
#include "nodes/node_neighbour.h"
#include "nodes/node_return.h"
#include "common/live/live.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { LEAVER = 0x101, BOOT = 5, CALL = 7 };

static struct conf conf;
static struct node n;
static const struct conf_daemon leaver = {.addr = LEAVER};
static struct journal_load_handlers journal;
static uint32_t loads, gone;
static OwnerTell told;

struct returning {
	struct le le;
	uint64_t id;
	returning_h *h;
	void *arg;
};

int journal_load(struct journal *j, enum journal_at at, const char *node, uint32_t deadline_ms,
		 const struct journal_load_handlers *h, uint64_t now_us)
{
	(void)j;
	(void)at;
	(void)node;
	(void)deadline_ms;
	(void)now_us;
	journal = *h;
	loads++;
	return 0;
}

bool journal_is_up(const struct journal *j, enum journal_at at)
{
	(void)j;
	(void)at;
	return true;
}

struct returning *returning_new(struct node *of_n, const struct journal_loaded *e,
				const struct conf_daemon *of, returning_h *h, void *arg)
{
	struct returning *r = mem_zalloc(sizeof(*r), NULL);
	(void)of_n;
	(void)of;
	assert_non_null(r);
	r->id = e->id;
	r->h = h;
	r->arg = arg;
	return r;
}

struct le *returning_le(struct returning *r)
{
	return &r->le;
}

int returning_claim(struct returning *r, enum journal_at arbiter)
{
	(void)arbiter;
	r->h(r->id, true, r->arg);
	list_unlink(&r->le);
	mem_deref(r);
	return 0;
}

void node_journal_arm(struct node *of_n)
{
	(void)of_n;
}

bool node_neighbour_lapsed(struct node *of_n)
{
	(void)of_n;
	return false;
}

void node_neighbour_gone(struct node *of_n, uint16_t node, uint32_t boot)
{
	(void)of_n;
	assert_int_equal(node, LEAVER);
	assert_int_equal(boot, BOOT);
	gone++;
}

void node_neighbour_adopted(struct node *of_n, uint64_t calls, uint64_t detect_us,
			    uint64_t adopt_us)
{
	(void)of_n;
	(void)detect_us;
	(void)adopt_us;
	assert_int_equal(calls, 1);
}

int node_mesh_send(struct node *of_n, uint16_t to, Envelope *env, const void *payload, size_t len)
{
	(void)of_n;
	(void)payload;
	(void)len;
	assert_int_equal(to, LEAVER);
	assert_int_equal(env->which_body, Envelope_owner_tell_tag);
	told = env->body.owner_tell;
	return 0;
}

const struct conf *live_base(const struct live *l)
{
	(void)l;
	return &conf;
}

static void ask(struct adoption *a, uint64_t serial)
{
	node_adoption_asked(a, BOOT, &(OwnerAsk){.serial = serial, .leaving = true});
	assert_int_equal(told.serial, serial);
}

static struct adoption *of_the_leaver(void)
{
	memset(&n, 0, sizeof(n));
	n.conf = &conf;
	n.journal = (struct journal *)&conf; /* never looked into */
	loads = gone = 0;
	struct adoption *a = node_adoption_new(&n, &leaver);
	assert_non_null(a);
	return a;
}

static void what_is_read_is_ours(void)
{
	const struct journal_loaded e = {.kind = JOURNAL_CALL, .id = CALL, .boot = BOOT};
	const struct journal_load_result all = {.entries = 1, .complete = true};
	journal.entry_h(&e, journal.arg);
	journal.done_h(&all, journal.arg);
}

static void assert_all_told(void)
{
	assert_false(told.busy);
	assert_true(told.gone);
	assert_int_equal(told.total, 1);
	assert_int_equal(told.calls_count, 1);
	assert_int_equal(told.calls[0], CALL);
}

static void who_leaves_is_told_when_its_calls_are_ours(void **state)
{
	(void)state;
	struct adoption *a = of_the_leaver();
	ask(a, 1);
	assert_true(told.busy);
	assert_true(node_adoption_busy(a));
	ask(a, 2);
	assert_true(told.busy);
	what_is_read_is_ours();
	assert_false(node_adoption_busy(a));
	ask(a, 3);
	assert_all_told();
	assert_int_equal(loads, 1);
	assert_int_equal(gone, 1);
	node_adoption_free(a);
}

/* It asks each 50 ms: two may wait here while calls are taken over, and only to the later one does
 * it want an answer. "Nothing was taken" would let it hang up on those who are ours. */
static void who_asks_twice_hears_the_same_twice(void **state)
{
	(void)state;
	struct adoption *a = of_the_leaver();
	ask(a, 1);
	what_is_read_is_ours();
	ask(a, 2);
	assert_all_told();
	ask(a, 3);
	assert_all_told();
	node_adoption_try(a, BOOT, 1000000); /* and now it is silent */
	assert_int_equal(loads, 1);
	assert_int_equal(gone, 1);
	node_adoption_free(a);
}

static void who_stops_too_takes_nothing(void **state)
{
	(void)state;
	struct adoption *a = of_the_leaver();
	n.stop_by_us = 1;
	ask(a, 1);
	assert_int_equal(loads, 0);
	assert_false(told.busy);
	assert_false(told.gone);
	assert_int_equal(told.total, 0);
	node_adoption_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_leaves_is_told_when_its_calls_are_ours),
	    cmocka_unit_test(who_asks_twice_hears_the_same_twice),
	    cmocka_unit_test(who_stops_too_takes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
