/* What runs in the lab: started in its namespace, stopped, thawed, reaped. */
#include "chaos/lab/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/base.h"

const char *proc_kind_name(enum proc_kind k)
{
	static const char *const names[] = {"node",     "broker",   "gateway", "journal",
					    "presence", "sentinel", "wan",     "load"};
	return names[k];
}

struct lab_proc *proc_find(struct lab *lab, const char *name)
{
	for (uint32_t i = 0; name && i < lab->procs_n; i++)
		if (strcmp(lab->proc[i].name, name) == 0)
			return &lab->proc[i];
	return NULL;
}

struct lab_proc *proc_add(struct lab *lab, const char *name, enum proc_kind kind, int machine,
			  const char *netns, const char *const *argv)
{
	if (lab->procs_n == LAB_PROCS_MAX || proc_find(lab, name))
		return NULL;
	struct lab_proc *p = &lab->proc[lab->procs_n++];
	*p = (struct lab_proc){.kind = kind, .machine = machine};
	(void)str_copy(p->name, sizeof(p->name), name);
	(void)str_copy(p->netns, sizeof(p->netns), netns);
	for (size_t i = 0; argv[i] && i < LAB_ARGS_MAX - 1; i++) {
		p->argv[i] = strdup(argv[i]);
		helio_assert(p->argv[i]);
	}
	return p;
}

void procs_free(struct lab *lab)
{
	for (uint32_t i = 0; i < lab->procs_n; i++)
		for (char **a = lab->proc[i].argv; *a; a++)
			free(*a);
	lab->procs_n = 0;
}

/* ---- the plan ---------------------------------------------------------------------------- */

static int add_daemon(struct lab *lab, uint32_t m, enum proc_kind kind, const char *name)
{
	char program[LAB_PATH_SIZE + 32], config[LAB_PATH_SIZE + 64], ns[LAB_NAME_SIZE + 8];
	snprintf(program, sizeof(program), "%s/helio-%s", lab->conf.bin, proc_kind_name(kind));
	snprintf(config, sizeof(config), "%s/%s/cluster.yaml", lab->conf.dir, lab_machine_name(m));
	snprintf(ns, sizeof(ns), "helio-%s", lab_machine_name(m));
	const char *argv[] = {program, "--config", config, "--name", name, NULL};
	return proc_add(lab, name, kind, (int)m, ns, argv) ? 0 : ENOSPC;
}

static int add_redis(struct lab *lab, uint32_t m, enum proc_kind kind)
{
	char name[LAB_NAME_SIZE], conf[LAB_PATH_SIZE + 64], ns[LAB_NAME_SIZE + 8], port[8];
	snprintf(ns, sizeof(ns), "helio-%s", lab_machine_name(m));
	if (kind == PROC_JOURNAL) {
		snprintf(name, sizeof(name), "journal-%s", lab_machine_name(m));
		snprintf(conf, sizeof(conf), "%s/%s", lab->conf.dir, lab_machine_name(m));
		snprintf(port, sizeof(port), "%d", JOURNAL_PORT);
		const char *argv[] = {"redis-server", "--bind", lab_machine_ip(m),
				      "--port",       port,     "--protected-mode",
				      "no",           "--save", "",
				      "--appendonly", "no",     "--dir",
				      conf,           NULL};
		return proc_add(lab, name, kind, (int)m, ns, argv) ? 0 : ENOSPC;
	}
	snprintf(name, sizeof(name), "%s-%s", proc_kind_name(kind),
		 lab_site_name(lab_machine_site(m)));
	snprintf(conf, sizeof(conf), "%s/%s/%s.conf", lab->conf.dir, lab_machine_name(m),
		 proc_kind_name(kind));
	const char *argv[] = {"redis-server", conf, kind == PROC_SENTINEL ? "--sentinel" : NULL,
			      NULL};
	return proc_add(lab, name, kind, (int)m, ns, argv) ? 0 : ENOSPC;
}

static int add_wan(struct lab *lab)
{
	char program[LAB_PATH_SIZE + 32], control[LAB_PATH_SIZE + 32], seed[24];
	char site[LAB_SITES][160];
	snprintf(program, sizeof(program), "%s/helio-wan", lab->conf.bin);
	snprintf(control, sizeof(control), "%s/wan", lab->conf.dir);
	snprintf(seed, sizeof(seed), "%llu", (unsigned long long)lab->conf.seed);
	const char *argv[6 + 2 * LAB_SITES] = {program, "--control", control, "--seed", seed};
	for (uint32_t s = 0; s < LAB_SITES; s++) {
		snprintf(site[s], sizeof(site[s]), "%s=wan0,10.%u.0.0/16,/run/netns/helio-%s",
			 lab_site_name(s), s + 1, lab_site_name(s));
		argv[5 + 2 * s] = "--site";
		argv[6 + 2 * s] = site[s];
	}
	return proc_add(lab, "wan", PROC_WAN, -1, "helio-world", argv) ? 0 : ENOSPC;
}

int procs_plan(struct lab *lab)
{
	int err = add_wan(lab);
	for (uint32_t m = 0; m < LAB_MACHINES && !err; m++) {
		err = add_redis(lab, m, PROC_JOURNAL);
		if (!err && m % LAB_PER_SITE == 0)
			err = add_redis(lab, m, PROC_PRESENCE);
	}
	for (uint32_t s = 0; s < LAB_SITES && !err; s++)
		err = add_redis(lab, s * LAB_PER_SITE, PROC_SENTINEL);
	for (uint32_t m = 0; m < LAB_MACHINES && !err; m++) {
		char name[LAB_NAME_SIZE];
		const char *site = lab_site_name(lab_machine_site(m));
		snprintf(name, sizeof(name), "%s-b%u", site, m % LAB_PER_SITE + 1);
		err = add_daemon(lab, m, PROC_BROKER, name);
		if (!err)
			err = add_daemon(lab, m, PROC_NODE, lab_machine_name(m));
		snprintf(name, sizeof(name), "%s-g%u", site, m % LAB_PER_SITE + 1);
		if (!err)
			err = add_daemon(lab, m, PROC_GATEWAY, name);
	}
	return err ? lab_fail(lab, err, "the lab has too many processes") : 0;
}

/* ---- one process ------------------------------------------------------------------------- */

static int log_open(const struct lab *lab, const char *name, const char *ending)
{
	char path[LAB_PATH_SIZE + 64];
	snprintf(path, sizeof(path), "%s/logs/%s%s", lab->conf.out, name, ending);
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

/* In the child: nothing returns. */
static _Noreturn void become(const struct lab *lab, const struct lab_proc *p, pid_t keeper)
{
	char text[LAB_PATH_SIZE + 64];
	sigset_t none;
	char *argv[LAB_ARGS_MAX + 2];
	size_t n = 0;
	for (; p->argv[n]; n++)
		argv[n] = p->argv[n];
	char program[LAB_PATH_SIZE + 32];
	if (lab->conf.before && p->kind <= PROC_GATEWAY && !p->upgraded) {
		snprintf(program, sizeof(program), "%s/helio-%s", lab->conf.before,
			 proc_kind_name(p->kind));
		argv[0] = program;
	}
	char trace[LAB_PATH_SIZE + 64];
	if (lab->conf.trace && (p->kind == PROC_NODE || p->kind == PROC_BROKER)) {
		snprintf(trace, sizeof(trace), "%s/traces/%s.%u.trace", lab->conf.out, p->name,
			 p->lives);
		argv[n++] = (char *)(uintptr_t) "--trace";
		argv[n++] = trace;
	}
	argv[n] = NULL;
	(void)setsid(); /* no Ctrl-C of the terminal */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != keeper)
		_exit(127);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	int out = log_open(lab, p->name, p->kind == PROC_LOAD ? ".jsonl" : ".log");
	int err = log_open(lab, p->name, ".log"), null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	(void)dup2(null, 0);
	(void)dup2(out, 1);
	(void)dup2(err, 2);
	int ns = net_enter(p->netns);
	if (ns) {
		dprintf(2, "namespace %s: %s\n", p->netns, strerror(ns));
		_exit(127);
	}
	if (lab->conf.clock && p->kind <= PROC_GATEWAY) {
		snprintf(text, sizeof(text), "%s/%s/clock", lab->conf.dir,
			 lab_machine_name((uint32_t)p->machine));
		setenv("HELIO_CHAOS_CLOCK", text, 1);
		snprintf(text, sizeof(text), "%s/helio-clock.so", lab->conf.bin);
		if (access(text, R_OK)) /* the package's place */
			snprintf(text, sizeof(text), "%s/../lib/heliograph/helio-clock.so",
				 lab->conf.bin);
		setenv("LD_PRELOAD", text, 1);
	}
	execvp(argv[0], argv);
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

int proc_start(struct lab *lab, struct lab_proc *p)
{
	if (p->pid)
		return lab_fail(lab, EALREADY, "%s runs already", p->name);
	pid_t keeper = getpid();
	p->lives++;
	pid_t pid = fork();
	if (pid < 0)
		return lab_fail(lab, errno, "fork: %s", strerror(errno));
	if (pid == 0)
		become(lab, p, keeper);
	p->pid = pid;
	p->wanted = true;
	p->again = false;
	p->stops = 0;
	p->started_us = mono_us();
	return 0;
}

void proc_signal(struct lab_proc *p, int sig)
{
	if (p->pid)
		(void)kill(p->pid, sig);
}

void proc_stop(struct lab_proc *p)
{
	if (p->stops++ == 0)
		proc_signal(p, SIGSTOP);
}

void proc_cont(struct lab_proc *p)
{
	if (p->stops && --p->stops == 0)
		proc_signal(p, SIGCONT);
}

void procs_reap(struct lab *lab, void (*ended_h)(struct lab *lab, struct lab_proc *p))
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (uint32_t i = 0; i < lab->procs_n; i++) {
			struct lab_proc *p = &lab->proc[i];
			if (p->pid != pid)
				continue;
			p->pid = 0;
			p->status = status;
			p->ended_us = mono_us();
			p->unasked += p->wanted && p->kind != PROC_LOAD;
			ended_h(lab, p);
			if (p->again)
				(void)proc_start(lab, p);
		}
	}
}

char proc_state(const struct lab_proc *p, uint64_t *ret_ticks)
{
	char path[64], line[512];
	unsigned long long user = 0, system = 0;
	char state = '?';
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)p->pid);
	FILE *f = p->pid ? fopen(path, "re") : NULL;
	if (f) {
		const char *at = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
		if (at)
			(void)sscanf(at + 1,
				     " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
				     &state, &user, &system);
		fclose(f);
	}
	if (ret_ticks)
		*ret_ticks = user + system;
	return state;
}

json_t *proc_json(const struct lab_proc *p)
{
	uint64_t ticks = 0;
	char state[2] = {p->pid ? proc_state(p, &ticks) : '-', '\0'};
	json_t *o = json_pack("{ss ss ss sb si ss sI si si}", "name", p->name, "kind",
			      proc_kind_name(p->kind), "machine",
			      p->machine >= 0 ? lab_machine_name((uint32_t)p->machine) : "", "up",
			      p->pid != 0, "pid", (int)p->pid, "state", state, "cpu_ms",
			      (json_int_t)(ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK)), "lives",
			      (int)p->lives, "unasked", (int)p->unasked);
	if (!p->pid && p->lives && WIFSIGNALED(p->status))
		json_object_set_new(o, "signal", json_integer(WTERMSIG(p->status)));
	else if (!p->pid && p->lives)
		json_object_set_new(o, "exit", json_integer(WEXITSTATUS(p->status)));
	return o;
}
