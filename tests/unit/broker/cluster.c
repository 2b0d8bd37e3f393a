#include "tests/unit/broker/cluster.h"

#include <czmq.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUNNING_MAX = 8 };

static const char yaml[] =
    "cluster: test\n"
    "agents: agents.yaml\n"
    "sites:\n"
    "  oslo:\n"
    "    number: 1\n"
    "    timezone: Europe/Oslo\n"
    "    languages: [nb]\n"
    "    brokers:\n"
    "      oslo-b1: {ordinal: 64, address: 127.0.0.1, mesh: %u}\n"
    "    nodes:\n"
    "      oslo1: {ordinal: 1, address: 127.0.0.1, mesh: %u, sip: %u, media_ports: %u-%u}\n"
    "  manila:\n"
    "    number: 2\n"
    "    timezone: Asia/Manila\n"
    "    languages: [en]\n"
    "    brokers:\n"
    "      manila-b1: {ordinal: 64, address: 127.0.0.1, mesh: %u}\n"
    "    nodes:\n"
    "      manila1: {ordinal: 1, address: 127.0.0.1, mesh: %u, sip: %u, media_ports: %u-%u}\n"
    "skills: [lang.en]\n"
    "queues:\n"
    "  support:\n"
    "    skills: [lang.en]\n"
    "    overflow: [{when: no_idle_here, to: any_open}]\n"
    "  orders:\n"
    "    skills: [lang.en]\n";

static const char agents_yaml[] = "version: 1\n"
				  "agents:\n"
				  "  maria: {display: Maria, site: manila, language: en, codec: "
				  "opus, skills: [lang.en], password: \"!\"}\n";

static void text_write(const char *dir, const char *name, const char *text)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	helio_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void keys_write(const struct cluster *c)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/keys", c->dir);
	helio_assert(mkdir(path, 0700) == 0);
	snprintf(path, sizeof(path), "%s/keys/curve", c->dir);
	helio_assert(mkdir(path, 0700) == 0);
	for (uint32_t i = 0; i < c->conf->daemons_n; i++) {
		const struct conf_daemon *d = &c->conf->daemons[i];
		zcert_t *cert = zcert_new();
		zcert_set_meta(cert, "name", "%s", d->name);
		zcert_set_meta(cert, "addr", "%u", d->addr);
		snprintf(path, sizeof(path), "%s/keys/curve/%s.pub", c->dir, d->name);
		helio_assert(zcert_save_public(cert, path) == 0);
		snprintf(path, sizeof(path), "%s/keys/curve/%s.key", c->dir, d->name);
		helio_assert(zcert_save_secret(cert, path) == 0);
		zcert_destroy(&cert);
	}
}

void cluster_open(struct cluster *c, unsigned port)
{
	char text[2048];
	zsys_handler_set(NULL);
	memset(c, 0, sizeof(*c));
	snprintf(c->dir, sizeof(c->dir), "/tmp/helio-broker-XXXXXX");
	helio_assert(mkdtemp(c->dir));
	snprintf(c->file, sizeof(c->file), "%s/cluster.yaml", c->dir);
	snprintf(text, sizeof(text), yaml, port, port + 1, port + 2, port + 10, port + 19, port + 3,
		 port + 4, port + 5, port + 20, port + 29);
	text_write(c->dir, "cluster.yaml", text);
	text_write(c->dir, "agents.yaml", agents_yaml);
	helio_assert(conf_load(&c->conf, c->file, stderr) == 0);
	keys_write(c);
}

/* Those that are running: a test that failed must not leave them to the next one. */
static pid_t running[RUNNING_MAX];

static void running_swap(pid_t was, pid_t is)
{
	size_t i = 0;
	while (i < RUNNING_MAX && running[i] != was)
		i++;
	helio_assert(i < RUNNING_MAX);
	running[i] = is;
}

void cluster_close(struct cluster *c)
{
	for (size_t i = 0; i < RUNNING_MAX; i++)
		if (running[i])
			broker_end(running[i], SIGKILL);
	zdir_t *dir = zdir_new(c->dir, NULL);
	zdir_remove(dir, true);
	zdir_destroy(&dir);
	conf_free(c->conf);
}

static void child(int out, char *const argv[])
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execv(HELIO_BROKER, argv);
	_exit(127);
}

pid_t broker_start(const struct cluster *c, const char *name, const char *trace)
{
	char path[256], file[96], who[32], trace_path[256];
	snprintf(path, sizeof(path), "%s/%s.log", c->dir, name);
	snprintf(file, sizeof(file), "%s", c->file);
	snprintf(who, sizeof(who), "%s", name);
	snprintf(trace_path, sizeof(trace_path), "%s", trace ? trace : "");
	int out = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	helio_assert(out >= 0);
	char program[] = "helio-broker", config[] = "--config", opt[] = "--name",
	     topt[] = "--trace";
	char *argv[] = {program, config, file, opt, who, trace ? topt : NULL, trace_path, NULL};
	pid_t pid = fork();
	helio_assert(pid >= 0);
	if (pid == 0)
		child(out, argv);
	close(out);
	running_swap(0, pid);
	return pid;
}

static int exit_code(pid_t pid)
{
	int status;
	for (int i = 0; i < WAIT_MS / 10; i++) {
		pid_t got = waitpid(pid, &status, WNOHANG);
		if (got == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		poll(NULL, 0, 10);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return -1;
}

int broker_run_args(char *const argv[], char *out, size_t size)
{
	int pipe_fd[2];
	size_t n = 0;
	helio_assert(pipe2(pipe_fd, O_CLOEXEC) == 0);
	pid_t pid = fork();
	helio_assert(pid >= 0);
	if (pid == 0)
		child(pipe_fd[1], argv);
	close(pipe_fd[1]);
	for (ssize_t got = 1; got > 0 && n < size - 1; n += (size_t)(got > 0 ? got : 0))
		got = read(pipe_fd[0], out + n, size - 1 - n);
	out[n] = '\0';
	close(pipe_fd[0]);
	return exit_code(pid);
}

int broker_end(pid_t pid, int sig)
{
	helio_assert(kill(pid, sig) == 0);
	running_swap(pid, 0);
	return exit_code(pid);
}

static char *log_read(const struct cluster *c, const char *name)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s.log", c->dir, name);
	char *text = calloc(1, 65536);
	FILE *f = fopen(path, "r");
	if (f) {
		size_t n = fread(text, 1, 65535, f);
		text[n] = '\0';
		fclose(f);
	}
	return text;
}

bool log_has(const struct cluster *c, const char *name, const char *text)
{
	char *all = log_read(c, name);
	bool found = strstr(all, text) != NULL;
	free(all);
	return found;
}

void log_print(const struct cluster *c, const char *name)
{
	char *all = log_read(c, name);
	fprintf(stderr, "--- %s\n%s---\n", name, all);
	free(all);
}
