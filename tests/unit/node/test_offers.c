/* What travels beside GRANT, RINGING and COMMIT between two nodes, with real media legs; and what
 * becomes of an offer whose trunk fails or falls silent (node_silence.c). */
#include "nodes/node.h"
#include "nodes/node_neighbour.h"
#include "nodes/node_tasks.h"
#include "nodes/desk/desk.h"

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

bool node_neighbour_lapsed(struct node *n)
{
	(void)n;
	return false;
}

void desk_silence(struct desk *d)
{
	(void)d;
}

/* What the core and the call hear of it. */
static struct acd_event heard;
static const struct call *ended;
static enum acd_cause ended_by;

enum acd_verdict node_event(struct node *n, struct acd_event *ev)
{
	(void)n;
	heard = *ev;
	re_cancel();
	return ACD_OK;
}

void calls_end(struct node *n, struct call *c, enum acd_cause cause)
{
	(void)n;
	ended = c;
	ended_by = cause;
}

static void no_event(const struct media_event *ev, void *arg)
{
	(void)ev;
	(void)arg;
}

/* The shortest: a tick each. */
static const struct conf silence_conf = {.media_silent_flag_ms = 1000, .media_silent_end_ms = 2000};

static void media_up(struct node *n, uint16_t port)
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
	n->conf = &silence_conf;
	if (media_start(&n->media, &conf, no_event, NULL, why))
		fail_msg("%s", why);
	assert_int_equal(hash_alloc(&n->offers, 16), 0);
	assert_int_equal(hash_alloc(&n->calls, 16), 0);
	node_silence_open(n);
	heard = (struct acd_event){0};
	ended = NULL;
}

static void media_down(struct node *n)
{
	node_silence_close(n);
	hash_flush(n->offers);
	mem_deref(n->offers);
	mem_deref(n->calls);
	media_stop(n->media);
}

static struct node owner, agent;

static int setup(void **state)
{
	(void)state;
	media_up(&owner, 44800);
	media_up(&agent, 44840);
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

static void a_trunk_that_cannot_be_ends_its_offer_and_a_leg_its_call(void **state)
{
	struct le le = {0};
	(void)state;
	pass(ACD_MSG_GRANT, false);
	pass(ACD_MSG_RINGING, false);
	assert_true(node_leg_failed(&owner, offer_find(&owner, OFFER, OFFER_OWNER)->leg));
	assert_int_equal(heard.type, ACD_EV_MEDIA_FAILED);
	assert_int_equal(heard.offer.v, OFFER);
	assert_int_equal(heard.call.v, CALL); /* at the owner's side */
	assert_true(node_leg_failed(&agent, offer_find(&agent, OFFER, OFFER_AGENT)->leg));
	assert_int_equal(heard.call.v, 0);
	assert_null(ended);
	assert_false(node_leg_failed(&owner, (struct media_leg){0xdead}));

	the_call.leg.v = 0x77;
	hash_append(owner.calls, CALL, &le, &the_call);
	assert_true(node_leg_failed(&owner, the_call.leg));
	assert_ptr_equal(ended, &the_call);
	assert_int_equal(ended_by, ACD_CAUSE_MEDIA_FAILED);
	hash_unlink(&le);
	the_call.leg.v = 0;
}

static void too_late(void *arg)
{
	(void)arg;
	re_cancel();
}

static void run_until_heard(uint32_t ms)
{
	struct tmr tmr;
	tmr_init(&tmr);
	tmr_start(&tmr, ms, too_late, NULL);
	assert_int_equal(re_main(NULL), 0);
	tmr_cancel(&tmr);
}

/* Nobody has said a word on it: each node reports all the same. */
static void a_trunk_that_lives_is_left_alone_and_a_silent_one_is_given_back(void **state)
{
	(void)state;
	pass(ACD_MSG_GRANT, false);
	pass(ACD_MSG_RINGING, false);
	run_until_heard(9500);
	assert_int_equal(heard.type, 0);
	assert_int_equal(owner.silent_now + agent.silent_now, 0);
	struct offer *y = offer_find(&agent, OFFER, OFFER_AGENT);
	media_leg_close(agent.media, y->leg); /* as behind a firewall */
	y->have_leg = false;
	run_until_heard(15000);
	assert_int_equal(heard.type, ACD_EV_MEDIA_FAILED);
	assert_int_equal(heard.offer.v, OFFER);
	assert_int_equal(heard.call.v, CALL);
	assert_int_equal(owner.silent_now, 1);
	offer_drop(&owner, OFFER, OFFER_OWNER);
	assert_int_equal(owner.silent_now, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(ringing_carries_the_agents_end, setup, teardown),
	    cmocka_unit_test_setup_teardown(commit_does_when_ringing_is_lost, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_stranger_sets_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_trunk_that_cannot_be_ends_its_offer_and_a_leg_its_call, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_trunk_that_lives_is_left_alone_and_a_silent_one_is_given_back, setup, teardown),
	};
	if (libre_init())
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	libre_close();
	return failed;
}
