/* Journals on real Redis servers, what their handlers were told, and a loop that drives them. */
#ifndef HELIO_TEST_JOURNAL_SCENE_H
#define HELIO_TEST_JOURNAL_SCENE_H

#include "nodes/journal/journal.h"
#include "nodes/journal/record.h"
#include "tests/unit/presence/redis_fixture.h"

enum {
	IDS_MAX = 4096, /* ids of the tests are below */
	NODES_MAX = 3,
	/* What a call may cost by itself; and by the wall, where other processes take their share
	 * of the processor: waiting for a frozen Redis would be half a second and more. */
	CPU_MAX_US = 5000,
	WALL_MAX_US = 400000,
};

/* One journal and what it said. */
struct node {
	struct journal *j;
	uint32_t acked[IDS_MAX], late[IDS_MAX], lost[IDS_MAX];
	uint64_t rtt_us, lost_cepoch;
	char lost_owner[JOURNAL_OWNER_SIZE];
	struct {
		uint32_t seen;
		uint64_t cepoch, owner_now_us;
		enum journal_kind kind;
		uint32_t boot;
		size_t len;
		uint8_t data[JOURNAL_DATA_MAX];
	} * loaded; /* by id */
	struct journal_load_result result;
	uint32_t results;
	struct {
		uint32_t told;
		enum journal_verdict verdict;
		uint64_t cepoch;
		char owner[JOURNAL_OWNER_SIZE];
	} claimed[IDS_MAX];
};

/* ports 0: none. Key: the same for all. */
struct node *node_open(const char *name, uint32_t boot, uint16_t own, uint16_t adopter);
struct node *node_close(struct node *n);
struct journal_counters counters(const struct node *n);

/* journal_put and journal_del at the time now; the longest call is kept below. */
int put(struct node *n, uint64_t id, uint64_t cepoch, const char *text);
int del(struct node *n, uint64_t id);
void load(struct node *n, enum journal_at at, const char *name, uint32_t deadline_ms);
void claim(struct node *n, uint64_t id, const char *name, uint32_t boot, uint64_t cepoch,
	   uint64_t cepoch_new, enum journal_at arbiter);

extern uint64_t call_cpu_max_us, call_wall_max_us;
void calls_forget(void);

/* Drives all nodes (NULL-terminated) until cond is true: 0, or ETIMEDOUT after limit_ms. */
int drive(struct node **n, condition_h *cond, void *arg, uint64_t limit_ms);
enum { LONG_MS = 20000 };

#endif
