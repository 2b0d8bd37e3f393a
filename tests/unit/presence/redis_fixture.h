/* A real redis-server on loopback, and a loop that drives presence until something is true. */
#ifndef HELIO_TEST_REDIS_FIXTURE_H
#define HELIO_TEST_REDIS_FIXTURE_H

#include "common/presence/presence.h"
#include "common/conf/conf.h"
#include "common/base/base.h"

#include <hiredis/hiredis.h>
#include <sys/types.h>

struct redis_server {
	pid_t pid;
	uint16_t port;
	char dir[64];
};

/* Starts an empty one and waits until it answers. It dies with this process. */
void redis_start(struct redis_server *s, uint16_t port);
void redis_start_replica(struct redis_server *s, uint16_t port, uint16_t master_port);
/* A Sentinel with the master "presence" at 127.0.0.1:master_port, alone (it lets nothing be
 * promoted), whose configuration is of that epoch. */
void redis_start_sentinel(struct redis_server *s, uint16_t port, uint16_t master_port,
			  unsigned epoch);
void redis_signal(const struct redis_server *s, int sig);
void redis_stop(struct redis_server *s); /* kill -9, reaped */
/* A blocking connection of the test's own, for looking. Asserts that it works. */
redisContext *redis_look(const struct redis_server *s);
/* A field of an agent, "" if absent; static buffer. */
const char *redis_field(redisContext *c, const char *agent, const char *field);

struct conf_redis redis_conf(uint16_t port_a, uint16_t port_b); /* port_b 0: one endpoint */

struct presence_agent agent_make(const char *name, const char *session, const char *state,
				 uint64_t login_no, uint64_t version);

/* The longest step so far: on the processor (what presence itself costs) and by the wall. */
extern uint64_t step_cpu_max_us, step_wall_max_us;

typedef bool(condition_h)(void *arg);
/* Drives all of p (NULL-terminated) until cond is true: 0, or ETIMEDOUT after 20 s. */
int drive_until(struct presence **p, condition_h *cond, void *arg);
/* Drives for so long whatever happens: only where nothing happening is the point. */
void drive_for(struct presence **p, uint64_t ms);

#endif
