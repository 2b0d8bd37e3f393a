/* From the books of several nodes to a supervisor's page, with messages lost, repeated and torn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/acd/acd.h"
#include "common/base/base.h"
#include "common/conf/conf.h"
#include "nodes/wall/wall.h"

enum { NODES = 3, AGENTS = 1000, BOOT = 7, S_US = 1000000 };
static const uint16_t oslo1 = 0x0101, oslo2 = 0x0102, manila1 = 0x0201;
static const uint64_t start_us = 1000ull * S_US;

static struct conf conf;
static struct conf_daemon daemons[NODES];
static struct conf_queue queues[2];
static struct conf_agent agents[AGENTS];

static void site(unsigned i, const char *name)
{
	str_copy(conf.sites[i].name, sizeof(conf.sites[i].name), name);
	conf.sites[i].number = (uint8_t)(i + 1);
	conf.sites_n++;
}

static void node(unsigned i, const char *name, uint16_t addr)
{
	str_copy(daemons[i].name, sizeof(daemons[i].name), name);
	daemons[i].role = CONF_NODE;
	daemons[i].addr = addr;
	struct conf_site *at = &conf.sites[addr_site(addr) - 1];
	at->first = at->daemons_n++ ? at->first : i;
	conf.daemons_n++;
}

static int conf_make(void **state)
{
	(void)state;
	conf.daemons = daemons;
	conf.queues = queues;
	conf.agents = agents;
	site(0, "oslo");
	site(1, "manila");
	node(0, "oslo1", oslo1);
	node(1, "oslo2", oslo2);
	node(2, "manila1", manila1);
	for (uint32_t i = 0; i < 2; i++) {
		str_copy(queues[i].name, sizeof(queues[i].name), i ? "orders" : "support");
		str_copy(queues[i].display, sizeof(queues[i].display), "A queue");
		queues[i].id = 100 + i;
		queues[i].sl_within_ms = 20000;
		queues[i].sl_target_pct = 80;
	}
	conf.queues_n = 2;
	for (uint32_t i = 0; i < AGENTS; i++) {
		agents[i].id = 5000 + i;
		agents[i].site = (uint8_t)(1 + i % 2);
		agents[i].skills = 3;
		snprintf(agents[i].name, sizeof(agents[i].name), "agent%u", i);
		snprintf(agents[i].display, sizeof(agents[i].display), "Agent Number %u", i);
	}
	conf.agents_n = AGENTS;
	return 0;
}

struct sender {
	uint16_t addr;
	uint32_t boot;
	uint64_t have;
	struct wall_book *book;
};

static void sender_new(struct sender *s, uint16_t addr)
{
	*s = (struct sender){.addr = addr, .boot = BOOT};
	assert_int_equal(wall_book_new(&s->book, &conf), 0);
}

static void agent(struct sender *s, uint32_t i, uint8_t state, uint64_t login_no)
{
	struct wall_agent a = {.agent = 5000 + i,
			       .session = (uint64_t)s->addr << 48 | i,
			       .login_no = login_no,
			       .state = state,
			       .since_us = start_us};
	if (state == ACD_AGENT_TALKING) {
		a.call = id_make(oslo1, 0x2f, 0x91);
		a.queue = 100;
	}
	wall_book_agent(s->book, &a);
}

/* Everything new goes over; drop: the n-th message (from 0) is lost on the way. How many were sent.
 */
static int send_all(struct sender *s, struct wall_view *v, uint64_t now_us, int drop, bool *ret_ask)
{
	WallNews news;
	int n = 0;
	bool again = false;
	while (wall_book_news(s->book, &s->have, now_us, &news)) {
		if (n++ != drop)
			again = wall_view_news(v, s->addr, s->boot, &news, now_us) || again;
	}
	if (ret_ask)
		*ret_ask = again;
	return n;
}

/* What a node does with an ask. */
static void ask(struct sender *s, const struct wall_view *v)
{
	WallAsk a;
	wall_view_ask(v, s->addr, &a);
	assert_int_equal(a.lease_ms, WALL_LEASE_MS);
	s->have = a.boot == s->boot ? a.have : 0;
}

/* The whole page as one object: agents by name, figures by "queue site". */
struct screen {
	json_t *agents, *figures, *sites, *queues;
	struct wall_page page;
	int messages;
};

static void screen_new(struct screen *c)
{
	*c = (struct screen){.agents = json_object(),
			     .figures = json_object(),
			     .sites = json_object(),
			     .queues = json_object()};
}

static void screen_free(struct screen *c)
{
	json_decref(c->agents);
	json_decref(c->figures);
	json_decref(c->sites);
	json_decref(c->queues);
}

static void screen_rows(json_t *to, const json_t *list, const char *key, const char *key2)
{
	size_t i;
	json_t *row;
	json_array_foreach(list, i, row)
	{
		char name[128];
		const char *second = key2 ? json_string_value(json_object_get(row, key2)) : NULL;
		snprintf(name, sizeof(name), "%s%s%s", json_string_value(json_object_get(row, key)),
			 second ? " " : "", second ? second : "");
		json_object_set(to, name, row);
	}
}

static void screen_take(struct screen *c, const struct wall_view *v, uint64_t now_us)
{
	json_t *msg;
	while ((msg = wall_view_json(v, &c->page, now_us))) {
		assert_true(json_dumpb(msg, NULL, 0, JSON_COMPACT) <= 16384);
		assert_int_equal(json_is_true(json_object_get(msg, "full")), c->messages == 0);
		c->messages++;
		screen_rows(c->agents, json_object_get(msg, "agents"), "name", NULL);
		screen_rows(c->figures, json_object_get(msg, "figures"), "queue", "site");
		screen_rows(c->sites, json_object_get(msg, "sites"), "name", NULL);
		screen_rows(c->queues, json_object_get(msg, "queues"), "name", NULL);
		json_decref(msg);
	}
}

static const char *agent_field(const struct screen *c, const char *name, const char *field)
{
	const char *s = json_string_value(json_object_get(json_object_get(c->agents, name), field));
	return s ? s : "";
}

static json_int_t figure(const struct screen *c, const char *row, const char *field)
{
	return json_integer_value(json_object_get(json_object_get(c->figures, row), field));
}

static void a_page_sees_agents_of_every_node_with_call_and_since(void **state)
{
	struct sender oslo, manila;
	struct wall_view *v;
	struct screen c;
	(void)state;
	sender_new(&oslo, oslo1);
	sender_new(&manila, manila1);
	assert_int_equal(wall_view_new(&v, &conf, start_us), 0);
	screen_new(&c);
	agent(&oslo, 0, ACD_AGENT_IDLE, 1);
	agent(&manila, 1, ACD_AGENT_TALKING, 1);
	send_all(&oslo, v, start_us + 3 * S_US, -1, NULL);
	send_all(&manila, v, start_us + 3 * S_US, -1, NULL);
	screen_take(&c, v, start_us + 5 * S_US);
	assert_string_equal(agent_field(&c, "agent0", "state"), "idle");
	assert_string_equal(agent_field(&c, "agent0", "node"), "oslo1");
	assert_string_equal(agent_field(&c, "agent1", "site"), "manila");
	assert_string_equal(agent_field(&c, "agent1", "call"), "oslo1-2f-91");
	assert_string_equal(agent_field(&c, "agent1", "queue"), "support");
	json_t *since = json_object_get(json_object_get(c.agents, "agent1"), "since_ms");
	assert_int_equal(json_integer_value(since), 5000);
	assert_int_equal(json_object_size(c.queues), 2);
	assert_int_equal(json_object_size(c.sites), 2);
	/* Nothing new: nothing is said. */
	assert_null(wall_view_json(v, &c.page, start_us + 6 * S_US));
	wall_view_free(v);
	wall_book_free(oslo.book);
	wall_book_free(manila.book);
	screen_free(&c);
}

static void a_lost_message_is_noticed_asked_for_and_mended(void **state)
{
	struct sender s;
	struct wall_view *v;
	struct screen c;
	bool again = false;
	(void)state;
	sender_new(&s, oslo1);
	assert_int_equal(wall_view_new(&v, &conf, start_us), 0);
	screen_new(&c);
	for (uint32_t i = 0; i < AGENTS; i++)
		agent(&s, i, ACD_AGENT_IDLE, 1);
	int sent = send_all(&s, v, start_us, 3, &again);
	assert_true(again);
	assert_in_range(sent, AGENTS / 16, AGENTS / 16 + 1);
	screen_take(&c, v, start_us);
	assert_int_equal(json_object_size(c.agents), 3 * 16);
	ask(&s, v);
	assert_int_equal(send_all(&s, v, start_us, -1, &again), sent - 3);
	assert_false(again);
	screen_take(&c, v, start_us);
	assert_int_equal(json_object_size(c.agents), AGENTS);
	/* The last message lost: no gap is seen, the next ask mends it. */
	agent(&s, 5, ACD_AGENT_TALKING, 1);
	send_all(&s, v, start_us, 0, &again);
	ask(&s, v);
	send_all(&s, v, start_us, -1, &again);
	screen_take(&c, v, start_us);
	assert_string_equal(agent_field(&c, "agent5", "state"), "talking");
	wall_view_free(v);
	wall_book_free(s.book);
	screen_free(&c);
}

static void what_is_said_twice_does_not_look_like_a_change(void **state)
{
	struct sender s;
	struct wall_view *v;
	struct wall_page page = {0};
	(void)state;
	sender_new(&s, oslo1);
	assert_int_equal(wall_view_new(&v, &conf, start_us), 0);
	agent(&s, 1, ACD_AGENT_IDLE, 1);
	agent(&s, 1, ACD_AGENT_IDLE, 1);
	struct wall_queue q = {.queue = 100, .waiting = 2, .head_us = start_us};
	wall_book_queue(s.book, &q);
	q.head_us += 40; /* read a moment later: the same caller */
	wall_book_queue(s.book, &q);
	send_all(&s, v, start_us + 30 * S_US, -1, NULL);
	json_decref(wall_view_json(v, &page, start_us));
	s.have = 0; /* an ask that crossed its answer */
	assert_int_equal(send_all(&s, v, start_us + 30 * S_US + 300000, -1, NULL), 1);
	assert_null(wall_view_json(v, &page, start_us));
	wall_view_free(v);
	wall_book_free(s.book);
}

static void queues_are_summed_over_the_nodes_of_a_site(void **state)
{
	struct sender a, b, far;
	struct wall_view *v;
	struct screen c;
	(void)state;
	sender_new(&a, oslo1);
	sender_new(&b, oslo2);
	sender_new(&far, manila1);
	assert_int_equal(wall_view_new(&v, &conf, start_us), 0);
	screen_new(&c);
	struct wall_queue q = {.queue = 100, .waiting = 2, .head_us = start_us};
	q.day = (struct wall_figures){
	    .entered = 9, .answered = 5, .in_time = 4, .abandoned = 1, .wait_ms = 70};
	wall_book_queue(a.book, &q);
	q.head_us += 8ull * S_US;
	wall_book_queue(b.book, &q);
	q.waiting = 1;
	wall_book_queue(far.book, &q);
	send_all(&a, v, start_us + 10 * S_US, -1, NULL);
	send_all(&b, v, start_us + 10 * S_US, -1, NULL);
	send_all(&far, v, start_us + 10 * S_US, -1, NULL);
	screen_take(&c, v, start_us + 10 * S_US);
	assert_int_equal(figure(&c, "support oslo", "waiting"), 4);
	assert_int_equal(figure(&c, "support oslo", "longest_ms"), 10000);
	assert_int_equal(figure(&c, "support oslo", "answered"), 10);
	assert_int_equal(figure(&c, "support oslo", "in_time"), 8);
	assert_int_equal(figure(&c, "support oslo", "wait_ms"), 140);
	assert_int_equal(figure(&c, "support manila", "waiting"), 1);
	q.waiting = 0;
	q.head_us = 0;
	wall_book_queue(a.book, &q);
	send_all(&a, v, start_us + 10 * S_US, -1, NULL);
	screen_take(&c, v, start_us + 10 * S_US);
	assert_int_equal(figure(&c, "support oslo", "waiting"), 2);
	assert_int_equal(figure(&c, "support oslo", "longest_ms"), 2000);
	wall_view_free(v);
	wall_book_free(a.book);
	wall_book_free(b.book);
	wall_book_free(far.book);
	screen_free(&c);
}

static void of_two_sessions_of_one_agent_the_newer_sign_in_is_shown(void **state)
{
	struct sender old, new;
	struct wall_view *v;
	struct screen c;
	(void)state;
	sender_new(&old, oslo1);
	sender_new(&new, manila1);
	assert_int_equal(wall_view_new(&v, &conf, start_us), 0);
	screen_new(&c);
	agent(&old, 1, ACD_AGENT_TALKING, 4);
	send_all(&old, v, start_us, -1, NULL);
	agent(&new, 1, ACD_AGENT_NOT_READY, 5);
	send_all(&new, v, start_us, -1, NULL);
	screen_take(&c, v, start_us);
	assert_string_equal(agent_field(&c, "agent1", "node"), "manila1");
	/* The old one is said again, later: still the newer sign-in. */
	old.have = 0;
	send_all(&old, v, start_us, -1, NULL);
	screen_take(&c, v, start_us);
	assert_string_equal(agent_field(&c, "agent1", "node"), "manila1");
	/* The old one yields: the new one stays. */
	agent(&old, 1, ACD_AGENT_OFF, 4);
	send_all(&old, v, start_us, -1, NULL);
	screen_take(&c, v, start_us);
	assert_string_equal(agent_field(&c, "agent1", "state"), "not_ready");
	agent(&new, 1, ACD_AGENT_OFF, 5);
	send_all(&new, v, start_us, -1, NULL);
	screen_take(&c, v, start_us);
	assert_string_equal(agent_field(&c, "agent1", "state"), "off");
	wall_view_free(v);
	wall_book_free(old.book);
	wall_book_free(new.book);
	screen_free(&c);
}

static bool heard(const struct screen *c, const char *name)
{
	return json_is_true(json_object_get(json_object_get(c->agents, name), "heard"));
}

static void a_silent_node_is_shown_as_old_and_later_as_gone(void **state)
{
	struct sender s;
	struct wall_view *v;
	struct screen c;
	WallNews empty = WallNews_init_zero;
	(void)state;
	sender_new(&s, manila1);
	assert_int_equal(wall_view_new(&v, &conf, start_us), 0);
	screen_new(&c);
	agent(&s, 1, ACD_AGENT_IDLE, 1);
	send_all(&s, v, start_us, -1, NULL);
	wall_view_tick(v, start_us + S_US);
	wall_view_tick(v, start_us - 40); /* a now that was read before the news came */
	screen_take(&c, v, start_us);
	assert_true(heard(&c, "agent1"));
	uint64_t later = start_us + (WALL_SILENT_MS + 100) * 1000ull;
	wall_view_tick(v, later);
	screen_take(&c, v, later);
	assert_false(heard(&c, "agent1"));
	json_t *manila = json_object_get(c.sites, "manila");
	assert_int_equal(json_integer_value(json_object_get(manila, "heard")), 0);
	/* A sign of life is enough. */
	empty.after = empty.upto = s.have;
	assert_false(wall_view_news(v, manila1, BOOT, &empty, later));
	screen_take(&c, v, later);
	assert_true(heard(&c, "agent1"));
	later += (WALL_GONE_MS + 100) * 1000ull;
	wall_view_tick(v, later);
	screen_take(&c, v, later);
	assert_string_equal(agent_field(&c, "agent1", "state"), "off");
	/* Back after all: what was forgotten is asked for. */
	assert_true(wall_view_news(v, manila1, BOOT, &empty, later));
	ask(&s, v);
	send_all(&s, v, later, -1, NULL);
	screen_take(&c, v, later);
	assert_string_equal(agent_field(&c, "agent1", "state"), "idle");
	wall_view_free(v);
	wall_book_free(s.book);
	screen_free(&c);
}

static void a_restarted_node_takes_back_what_its_former_life_said(void **state)
{
	struct sender s, reborn;
	struct wall_view *v;
	struct screen c;
	(void)state;
	sender_new(&s, manila1);
	sender_new(&reborn, manila1);
	reborn.boot = BOOT + 1;
	assert_int_equal(wall_view_new(&v, &conf, start_us), 0);
	screen_new(&c);
	agent(&s, 1, ACD_AGENT_IDLE, 1);
	agent(&s, 2, ACD_AGENT_IDLE, 1);
	send_all(&s, v, start_us, -1, NULL);
	screen_take(&c, v, start_us);
	agent(&reborn, 2, ACD_AGENT_WRAP, 2);
	ask(&reborn, v);
	assert_int_equal(reborn.have, 0); /* what was known of another boot counts for nothing */
	send_all(&reborn, v, start_us, -1, NULL);
	screen_take(&c, v, start_us);
	assert_string_equal(agent_field(&c, "agent1", "state"), "off");
	assert_string_equal(agent_field(&c, "agent2", "state"), "wrap");
	wall_view_free(v);
	wall_book_free(s.book);
	wall_book_free(reborn.book);
	screen_free(&c);
}

static void nonsense_from_a_peer_is_left_out(void **state)
{
	struct wall_view *v;
	struct wall_page page = {0};
	WallNews news = WallNews_init_zero;
	(void)state;
	assert_int_equal(wall_view_new(&v, &conf, start_us), 0);
	json_decref(wall_view_json(v, &page, start_us));
	news.upto = 3;
	news.agents_count = 2;
	news.agents[0] = (WallAgent){.agent = 1, .state = ACD_AGENT_IDLE}; /* unknown */
	news.agents[1] = (WallAgent){.agent = 5001, .state = 250, .since_ms = UINT32_MAX};
	news.queues_count = 1;
	news.queues[0] = (WallQueue){.queue = 4711, .waiting = 9};
	assert_false(wall_view_news(v, manila1, BOOT, &news, start_us));
	assert_false(wall_view_news(v, 0x0901, BOOT, &news, start_us)); /* no such node */
	assert_null(wall_view_json(v, &page, start_us));
	news.after = 9; /* backwards */
	assert_true(wall_view_news(v, manila1, BOOT, &news, start_us));
	wall_view_free(v);
}

static void a_thousand_agents_reach_a_page_in_few_messages(void **state)
{
	struct sender s;
	struct wall_view *v;
	struct screen c;
	(void)state;
	sender_new(&s, manila1);
	assert_int_equal(wall_view_new(&v, &conf, start_us), 0);
	screen_new(&c);
	for (uint32_t i = 0; i < AGENTS; i++)
		agent(&s, i, i % 3 ? ACD_AGENT_IDLE : ACD_AGENT_TALKING, 1);
	send_all(&s, v, start_us, -1, NULL);
	screen_take(&c, v, start_us);
	assert_int_equal(json_object_size(c.agents), AGENTS);
	assert_in_range(c.messages, 8, 20);
	agent(&s, 77, ACD_AGENT_WRAP, 1);
	send_all(&s, v, start_us, -1, NULL);
	json_t *delta = wall_view_json(v, &c.page, start_us);
	assert_int_equal(json_array_size(json_object_get(delta, "agents")), 1);
	assert_false(json_is_true(json_object_get(delta, "full")));
	json_decref(delta);
	wall_view_free(v);
	wall_book_free(s.book);
	screen_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_page_sees_agents_of_every_node_with_call_and_since),
	    cmocka_unit_test(a_lost_message_is_noticed_asked_for_and_mended),
	    cmocka_unit_test(what_is_said_twice_does_not_look_like_a_change),
	    cmocka_unit_test(queues_are_summed_over_the_nodes_of_a_site),
	    cmocka_unit_test(of_two_sessions_of_one_agent_the_newer_sign_in_is_shown),
	    cmocka_unit_test(a_silent_node_is_shown_as_old_and_later_as_gone),
	    cmocka_unit_test(a_restarted_node_takes_back_what_its_former_life_said),
	    cmocka_unit_test(nonsense_from_a_peer_is_left_out),
	    cmocka_unit_test(a_thousand_agents_reach_a_page_in_few_messages),
	};
	return cmocka_run_group_tests(tests, conf_make, NULL);
}
