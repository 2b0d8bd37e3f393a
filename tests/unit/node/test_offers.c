/* What travels beside GRANT, RINGING and COMMIT between two nodes, with real media legs. */
#include "nodes/node.h"
#include "nodes/node_tasks.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { OWNER = 0x101, AGENT = 0x201, CALL = 7, OFFER = 9 };

/* The only call there is, at its owner; the agent's node is never asked. */
static struct call the_call = {.codec = SIP_PCMA, .caller = "4711"};

struct call *node_call_find(const struct node *n, uint64_t id)
{
	(void)n;
	return id == CALL ? &the_call : NULL;
}

int node_tasks_grant(const struct node *n, uint64_t call, Acd *pb)
{
	(void)n;
	(void)call;
	(void)pb;
	return ENOENT;
}

static void no_event(const struct media_event *ev, void *arg)
{
	(void)ev;
	(void)arg;
}

static void node_start(struct node *n, uint16_t port)
{
	const struct media_conf conf = {.bind = "127.0.0.1",
					.advertise = "127.0.0.1",
					.port_min = port,
					.port_max = (uint16_t)(port + 20),
					.threads = 1,
					.legs_max = 4,
					.silent_ms = 7000};
	char why[256] = "";
	memset(n, 0, sizeof(*n));
	if (media_start(&n->media, &conf, no_event, NULL, why))
		fail_msg("%s", why);
	assert_int_equal(hash_alloc(&n->offers, 16), 0);
}

static void media_down(struct node *n)
{
	hash_flush(n->offers);
	mem_deref(n->offers);
	media_stop(n->media);
}

static struct node owner, agent;

static int setup(void **state)
{
	(void)state;
	node_start(&owner, 44800);
	node_start(&agent, 44840);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	media_down(&owner);
	media_down(&agent);
	return 0;
}

/* As node_core.c sends and node_mesh.c receives; the line may lose it. */
static void pass(enum acd_msg_type type, bool lost)
{
	const struct acd_msg msg = {.type = type, .call = {CALL}, .offer = {OFFER}};
	const bool grant = type == ACD_MSG_GRANT;
	struct node *from = grant ? &owner : &agent, *to = grant ? &agent : &owner;
	const uint16_t from_addr = grant ? OWNER : AGENT, to_addr = grant ? AGENT : OWNER;
	Acd pb = Acd_init_zero;
	if (!offer_carries(type))
		return;
	assert_int_equal(offer_attach(from, &msg, to_addr, &pb), 0);
	assert_true(pb.has_media);
	if (!lost)
		offer_note(to, &msg, from_addr, &pb);
}

static void assert_trunk(void)
{
	const struct offer *x = offer_find(&owner, OFFER, OFFER_OWNER);
	const struct offer *y = offer_find(&agent, OFFER, OFFER_AGENT);
	assert_non_null(x);
	assert_non_null(y);
	assert_true(x->have_leg && x->have_remote && y->have_leg && y->have_remote);
	assert_memory_equal(x->remote.key, y->local.key, MEDIA_KEY_LEN);
	assert_memory_equal(y->remote.key, x->local.key, MEDIA_KEY_LEN);
	assert_int_equal(x->remote.port, y->local.port);
}

static void ringing_carries_the_agents_end(void **state)
{
	(void)state;
	pass(ACD_MSG_GRANT, false);
	pass(ACD_MSG_RINGING, false);
	assert_trunk();
	pass(ACD_MSG_COMMIT, false); /* the same again */
	assert_trunk();
}

/* The core bridges on COMMIT, whether RINGING came or not: without the key that is dead air. */
static void commit_does_when_ringing_is_lost(void **state)
{
	(void)state;
	pass(ACD_MSG_GRANT, false);
	pass(ACD_MSG_RINGING, true);
	assert_false(offer_find(&owner, OFFER, OFFER_OWNER)->have_remote);
	pass(ACD_MSG_COMMIT, false);
	assert_trunk();
}

static void a_stranger_sets_nothing(void **state)
{
	(void)state;
	const struct acd_msg msg = {.type = ACD_MSG_COMMIT, .call = {CALL}, .offer = {OFFER}};
	Acd pb = Acd_init_zero;
	pass(ACD_MSG_GRANT, false);
	assert_int_equal(offer_attach(&agent, &msg, OWNER, &pb), 0);
	offer_note(&owner, &msg, AGENT + 1, &pb);
	assert_false(offer_find(&owner, OFFER, OFFER_OWNER)->have_remote);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(ringing_carries_the_agents_end, setup, teardown),
	    cmocka_unit_test_setup_teardown(commit_does_when_ringing_is_lost, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_stranger_sets_nothing, setup, teardown),
	};
	if (libre_init())
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	libre_close();
	return failed;
}
