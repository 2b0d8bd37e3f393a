/*
 * A small world for unit tests: real cores, a perfect network with a fixed delay, and a place to
 * look at every effect. The simulator (tests/sim) has the imperfect one.
 */
#ifndef TEST_ACD_WORLD_H
#define TEST_ACD_WORLD_H

#include "common/acd/acd.h"

enum {
	WORLD_DAEMONS_MAX = 16,
	WORLD_WIRE_MAX = 8192,
	WORLD_FX_MAX = 4096,
	WORLD_DELAY_US = 1000,
};

struct world_daemon {
	struct acd *acd;
	void *mem;
	struct acd_addr addr;
	uint32_t boot;
	bool cut; /* neither sends nor receives */
};

struct world_mail {
	acd_time_us at;
	uint64_t seq;
	struct acd_addr from, to;
	uint32_t boot;
	struct acd_msg msg;
};

/* An effect other than SEND, with the daemon that had it and when. */
struct world_seen {
	acd_time_us at;
	struct acd_addr who;
	struct acd_fx fx;
};

struct world {
	acd_time_us now;
	uint64_t seq;
	const struct acd_queue_conf *queues;
	uint32_t queues_n;
	uint32_t daemons_n, wire_n, seen_n;
	struct world_daemon daemon[WORLD_DAEMONS_MAX];
	struct world_mail wire[WORLD_WIRE_MAX];
	struct world_seen seen[WORLD_FX_MAX];
	/* Messages of this type are dropped `drop_n` times. */
	enum acd_msg_type drop;
	uint32_t drop_n, dropped;
	uint32_t sent[ACD_MSG_TYPE_COUNT];
};

/* Queues of every world: 1 needs nothing, 2 needs skill 1, 3 is priority class 1 without skills;
 * these overflow when nobody is idle; 4 overflows after 1 s only. Wrap-up 5 s, ring 10 s. */
enum { QUEUE_ANY = 1, QUEUE_SKILLED = 2, QUEUE_LATER = 3, QUEUE_TIMED = 4 };
enum { SKILL_ONE = 2 };

struct world *world_new(unsigned sites, unsigned brokers, unsigned nodes);
/* … with queues of its own, which must stay where they are. */
struct world *world_new_queues(unsigned sites, unsigned brokers, unsigned nodes,
			       const struct acd_queue_conf *own, uint32_t n);
struct world *world_free(struct world *w);
struct world_daemon *world_at(struct world *w, unsigned site, unsigned ordinal);
struct acd *world_node(struct world *w, unsigned site, unsigned n);   /* n from 1 */
struct acd *world_broker(struct world *w, unsigned site, unsigned n); /* n from 1 */
/* Other queues for one daemon, as it runs (and for those that boot later). False: refused. Pointers
 * to its core from before are no longer valid. */
bool world_reconfigure(struct world *w, unsigned site, unsigned ordinal,
		       const struct acd_queue_conf *own, uint32_t n);
/* The same daemon with an empty memory and the next boot number. */
void world_restart(struct world *w, unsigned site, unsigned ordinal);

enum acd_verdict world_do(struct world *w, struct acd *acd, struct acd_event ev);
enum acd_verdict world_hear(struct world *w, struct acd *acd, struct acd_addr from,
			    struct acd_msg msg);
void world_run(struct world *w, uint64_t us);

struct acd_call_id world_call(struct world *w, struct acd *node, uint32_t queue);
/* Signed in and ready. */
struct acd_session_id world_agent(struct world *w, struct acd *node, uint64_t skills);
void world_accept(struct world *w, struct acd *node, struct acd_session_id s);
uint8_t world_call_state(struct world *w, struct acd *node, struct acd_call_id c);
struct acd_agent_view world_agent_view(struct world *w, struct acd *node, struct acd_session_id s);
uint32_t world_count(const struct world *w, enum acd_fx_type type);
/* The latest effect of a type, NULL if none. */
const struct world_seen *world_last(const struct world *w, enum acd_fx_type type);

#endif
