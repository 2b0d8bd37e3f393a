#include "tests/unit/journal/scene.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t call_cpu_max_us, call_wall_max_us;
static uint64_t wall_from, cpu_from;

static uint64_t cpu_us(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

static uint64_t call_begin(void)
{
	cpu_from = cpu_us();
	return wall_from = mono_us();
}

static void call_end(void)
{
	uint64_t wall = mono_us() - wall_from, cpu = cpu_us() - cpu_from;
	call_wall_max_us = wall > call_wall_max_us ? wall : call_wall_max_us;
	call_cpu_max_us = cpu > call_cpu_max_us ? cpu : call_cpu_max_us;
}

void calls_forget(void)
{
	call_cpu_max_us = call_wall_max_us = 0;
}

static void acked_h(enum journal_kind kind, uint64_t id, uint64_t rtt_us, void *arg)
{
	struct node *n = arg;
	(void)kind;
	n->acked[id]++;
	n->rtt_us = rtt_us;
}

static void late_h(enum journal_kind kind, uint64_t id, void *arg)
{
	(void)kind;
	((struct node *)arg)->late[id]++;
}

static void lost_h(enum journal_kind kind, uint64_t id, uint64_t cepoch, const char *owner,
		   void *arg)
{
	struct node *n = arg;
	(void)kind;
	n->lost[id]++;
	n->lost_cepoch = cepoch;
	(void)str_copy(n->lost_owner, sizeof(n->lost_owner), owner);
}

struct node *node_open(const char *name, uint32_t boot, uint16_t own, uint16_t adopter)
{
	struct node *n = calloc(1, sizeof(*n));
	struct conf_endpoint o = {.host = "127.0.0.1", .port = own},
			     a = {.host = "127.0.0.1", .port = adopter};
	struct journal_conf conf = {.own = &o,
				    .adopter = &a,
				    .node = name,
				    .boot = boot,
				    .key = {1, 2, 3},
				    .h = {acked_h, late_h, lost_h},
				    .arg = n};
	helio_assert(n && (n->loaded = calloc(IDS_MAX, sizeof(*n->loaded))));
	helio_assert(journal_open(&n->j, &conf, mono_us()) == 0);
	return n;
}

struct node *node_close(struct node *n)
{
	if (n) {
		journal_close(n->j);
		free(n->loaded);
		free(n);
	}
	return NULL;
}

struct journal_counters counters(const struct node *n)
{
	struct journal_counters c;
	journal_counters(n->j, &c);
	return c;
}

int put(struct node *n, uint64_t id, uint64_t cepoch, const char *text)
{
	uint64_t now = call_begin();
	int err = journal_put(n->j, JOURNAL_CALL, id, cepoch, text, strlen(text), now);
	call_end();
	return err;
}

int del(struct node *n, uint64_t id)
{
	uint64_t now = call_begin();
	int err = journal_del(n->j, JOURNAL_CALL, id, now);
	call_end();
	return err;
}

static void entry_h(const struct journal_loaded *e, void *arg)
{
	struct node *n = arg;
	helio_assert(e->id < IDS_MAX && e->len <= JOURNAL_DATA_MAX);
	n->loaded[e->id].seen++;
	n->loaded[e->id].cepoch = e->cepoch;
	n->loaded[e->id].owner_now_us = e->owner_now_us;
	n->loaded[e->id].kind = e->kind;
	n->loaded[e->id].boot = e->boot;
	n->loaded[e->id].len = e->len;
	memcpy(n->loaded[e->id].data, e->data, e->len);
}

static void done_h(const struct journal_load_result *r, void *arg)
{
	struct node *n = arg;
	n->result = *r;
	n->results++;
}

void load(struct node *n, enum journal_at at, const char *name, uint32_t deadline_ms)
{
	struct journal_load_handlers h = {entry_h, done_h, n};
	memset(n->loaded, 0, IDS_MAX * sizeof(*n->loaded));
	n->results = 0;
	uint64_t now = call_begin();
	helio_assert(journal_load(n->j, at, name, deadline_ms, &h, now) == 0);
	call_end();
}

static void claimed_h(enum journal_kind kind, uint64_t id, enum journal_verdict verdict,
		      uint64_t cepoch, const char *owner, void *arg)
{
	struct node *n = arg;
	(void)kind;
	n->claimed[id].told++;
	n->claimed[id].verdict = verdict;
	n->claimed[id].cepoch = cepoch;
	(void)str_copy(n->claimed[id].owner, sizeof(n->claimed[id].owner), owner);
}

void claim(struct node *n, uint64_t id, const char *name, uint32_t boot, uint64_t cepoch,
	   uint64_t cepoch_new, enum journal_at arbiter)
{
	struct journal_claim c = {.kind = JOURNAL_CALL,
				  .id = id,
				  .node = name,
				  .boot = boot,
				  .cepoch = cepoch,
				  .cepoch_new = cepoch_new,
				  .data = "mine",
				  .len = 4,
				  .arbiter = arbiter,
				  .claimed_h = claimed_h,
				  .arg = n};
	uint64_t now = call_begin();
	helio_assert(journal_claim(n->j, &c, now) == 0);
	call_end();
}

/* One turn of the loop, waiting 10 ms at most. */
static void turn(struct node **n)
{
	struct pollfd fds[NODES_MAX * JOURNAL_LINKS];
	uint64_t now = mono_us(), until = now + 10000;
	nfds_t k = 0;
	for (int i = 0; n[i]; i++) {
		uint64_t t = journal_deadline(n[i]->j);
		until = t < until ? t : until;
		for (uint32_t l = 0; l < JOURNAL_LINKS; l++, k++) {
			helio_assert(k < HELIO_ARRAY_LEN(fds));
			fds[k].fd = journal_fd(n[i]->j, l, &fds[k].events);
			fds[k].revents = 0;
		}
	}
	poll(fds, k, until > now ? (int)((until - now + 999) / 1000) : 0);
	k = 0;
	for (int i = 0; n[i]; i++, k += JOURNAL_LINKS) {
		short revents[JOURNAL_LINKS] = {fds[k].revents, fds[k + 1].revents};
		now = mono_us();
		if (!revents[0] && !revents[1] && now < journal_deadline(n[i]->j))
			continue;
		now = call_begin();
		journal_step(n[i]->j, revents, now);
		call_end();
	}
}

int drive(struct node **n, condition_h *cond, void *arg, uint64_t limit_ms)
{
	uint64_t end = mono_us() + limit_ms * 1000;
	while (!cond(arg)) {
		if (mono_us() >= end)
			return ETIMEDOUT;
		turn(n);
	}
	return 0;
}
