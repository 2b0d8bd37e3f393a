#include "tests/unit/presence/redis_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DEADLINE_MS = 20000, PRESENCES_MAX = 4 };

uint64_t step_cpu_max_us, step_wall_max_us;

static void child(const struct redis_server *s, const char *master_port)
{
	char port[8];
	snprintf(port, sizeof(port), "%u", s->port);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int null = open("/dev/null", O_RDWR);
	dup2(null, STDOUT_FILENO);
	if (master_port)
		execlp("redis-server", "redis-server", "--port", port, "--bind", "127.0.0.1",
		       "--save", "", "--appendonly", "no", "--dir", s->dir, "--replicaof",
		       "127.0.0.1", master_port, NULL);
	else
		execlp("redis-server", "redis-server", "--port", port, "--bind", "127.0.0.1",
		       "--save", "", "--appendonly", "no", "--dir", s->dir, NULL);
	perror("redis-server");
	_exit(127);
}

/* Sentinel rewrites its file: it is in the folder of this server. */
static void child_sentinel(const struct redis_server *s, uint16_t master_port, unsigned epoch)
{
	char path[96];
	snprintf(path, sizeof(path), "%s/sentinel.conf", s->dir);
	FILE *f = fopen(path, "w");
	helio_assert(f);
	fprintf(f,
		"bind 127.0.0.1\nport %u\ndir %s\nsentinel monitor presence 127.0.0.1 %u 2\n"
		"sentinel config-epoch presence %u\n",
		s->port, s->dir, master_port, epoch);
	helio_assert(fclose(f) == 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int null = open("/dev/null", O_RDWR);
	dup2(null, STDOUT_FILENO);
	execlp("redis-server", "redis-server", path, "--sentinel", NULL);
	perror("redis-server --sentinel");
	_exit(127);
}

static bool answers(const struct redis_server *s)
{
	struct timeval tv = {.tv_sec = 1};
	redisContext *c = redisConnectWithTimeout("127.0.0.1", s->port, tv);
	bool ok = false;
	if (c && !c->err) {
		redisReply *r = redisCommand(c, "PING");
		ok = r && r->type == REDIS_REPLY_STATUS;
		if (r)
			freeReplyObject(r);
	}
	if (c)
		redisFree(c);
	return ok;
}

static void await(const struct redis_server *s)
{
	uint64_t end = mono_us() + DEADLINE_MS * 1000ull;
	while (!answers(s)) {
		/* A port of somebody else's would answer too: the child must be alive. */
		helio_assert(waitpid(s->pid, NULL, WNOHANG) == 0);
		helio_assert(mono_us() < end);
		poll(NULL, 0, 10);
	}
}

static void start(struct redis_server *s, uint16_t port, const char *master_port)
{
	memset(s, 0, sizeof(*s));
	s->port = port;
	snprintf(s->dir, sizeof(s->dir), "/tmp/helio-redis-XXXXXX");
	helio_assert(mkdtemp(s->dir));
	s->pid = fork();
	helio_assert(s->pid >= 0);
	if (s->pid == 0)
		child(s, master_port);
	await(s);
}

void redis_start(struct redis_server *s, uint16_t port)
{
	start(s, port, NULL);
}

void redis_start_replica(struct redis_server *s, uint16_t port, uint16_t master_port)
{
	char text[8];
	snprintf(text, sizeof(text), "%u", master_port);
	start(s, port, text);
}

void redis_start_sentinel(struct redis_server *s, uint16_t port, uint16_t master_port,
			  unsigned epoch)
{
	memset(s, 0, sizeof(*s));
	s->port = port;
	snprintf(s->dir, sizeof(s->dir), "/tmp/helio-redis-XXXXXX");
	helio_assert(mkdtemp(s->dir));
	s->pid = fork();
	helio_assert(s->pid >= 0);
	if (s->pid == 0)
		child_sentinel(s, master_port, epoch);
	await(s);
}

void redis_signal(const struct redis_server *s, int sig)
{
	helio_assert(kill(s->pid, sig) == 0);
}

void redis_stop(struct redis_server *s)
{
	if (s->pid <= 0)
		return;
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	s->pid = 0;
	char path[96];
	snprintf(path, sizeof(path), "%s/sentinel.conf", s->dir);
	unlink(path);
	rmdir(s->dir);
}

redisContext *redis_look(const struct redis_server *s)
{
	struct timeval tv = {.tv_sec = DEADLINE_MS / 1000};
	redisContext *c = redisConnectWithTimeout("127.0.0.1", s->port, tv);
	helio_assert(c && !c->err);
	return c;
}

const char *redis_field(redisContext *c, const char *agent, const char *field)
{
	static char buf[128];
	redisReply *r = redisCommand(c, "HGET helio:agent:%s %s", agent, field);
	helio_assert(r);
	(void)str_copy(buf, sizeof(buf), r->type == REDIS_REPLY_STRING ? r->str : "");
	freeReplyObject(r);
	return buf;
}

struct conf_redis redis_conf(uint16_t port_a, uint16_t port_b)
{
	struct conf_redis r = {.n = port_b ? 2 : 1};
	(void)str_copy(r.at[0].host, sizeof(r.at[0].host), "127.0.0.1");
	(void)str_copy(r.at[1].host, sizeof(r.at[1].host), "127.0.0.1");
	r.at[0].port = port_a;
	r.at[1].port = port_b;
	return r;
}

struct presence_agent agent_make(const char *name, const char *session, const char *state,
				 uint64_t login_no, uint64_t version)
{
	struct presence_agent a;
	memset(&a, 0, sizeof(a));
	(void)str_copy(a.name, sizeof(a.name), name);
	(void)str_copy(a.session, sizeof(a.session), session);
	(void)str_copy(a.state, sizeof(a.state), state);
	(void)str_copy(a.site, sizeof(a.site), "manila");
	a.since_ms = 1700000000000;
	a.login_no = login_no;
	a.version = version;
	return a;
}

static uint64_t cpu_us(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

static void step(struct presence *p, short revents)
{
	uint64_t wall = mono_us(), cpu = cpu_us();
	presence_step(p, revents, wall);
	cpu = cpu_us() - cpu;
	wall = mono_us() - wall;
	step_cpu_max_us = cpu > step_cpu_max_us ? cpu : step_cpu_max_us;
	step_wall_max_us = wall > step_wall_max_us ? wall : step_wall_max_us;
}

/* One turn of the loop, waiting max_ms at most. */
static void turn(struct presence **p, uint64_t max_ms)
{
	struct pollfd fds[PRESENCES_MAX];
	uint64_t now = mono_us(), until = now + max_ms * 1000;
	nfds_t n = 0;
	for (; p[n]; n++) {
		helio_assert(n < PRESENCES_MAX);
		uint64_t t = presence_deadline(p[n]);
		fds[n].fd = presence_fd(p[n], &fds[n].events);
		fds[n].revents = 0;
		until = t < until ? t : until;
	}
	poll(fds, n, until > now ? (int)((until - now + 999) / 1000) : 0);
	for (nfds_t i = 0; i < n; i++)
		if (fds[i].revents || mono_us() >= presence_deadline(p[i]))
			step(p[i], fds[i].revents);
}

int drive_until(struct presence **p, condition_h *cond, void *arg)
{
	uint64_t end = mono_us() + DEADLINE_MS * 1000ull;
	while (!cond(arg)) {
		if (mono_us() >= end)
			return ETIMEDOUT;
		turn(p, 10);
	}
	return 0;
}

void drive_for(struct presence **p, uint64_t ms)
{
	uint64_t end = mono_us() + ms * 1000;
	while (mono_us() < end)
		turn(p, 10);
}
