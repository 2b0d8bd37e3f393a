/*
 * The keeper: process 1 of the lab's namespaces. Builds everything, starts everything, obeys lines
 * of JSON on a Unix socket, and tells its clients what happens:
 *
 *   {"do":"status"}                                     → procs, faults
 *   {"do":"fault","kind":…,"target":…,"for_s":…,"args":{…}} → id; heals when the connection ends
 *   {"do":"heal","id":N}  {"do":"heal_all"}
 *   {"do":"spawn","name":…,"argv":[…]}                  a process in the world: load
 *   {"do":"signal","name":…,"signal":N}  {"do":"start","name":…}
 *   {"do":"wan","line":"show"}                          a command of helio-wan
 *   {"do":"down"}
 *
 * Each is answered by {"ok":true,…} or {"ok":false,"error":…}; lines with "event" come in between.
 */
#include "chaos/lab/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/base.h"

enum { CLIENTS_MAX = 8, LINE_MAX_BYTES = 65536, SEND_MS = 1000, GOODBYE_MS = 4000 };

struct client {
	int fd;
	size_t n;
	char *line;
};

static struct {
	struct lab lab;
	struct client client[CLIENTS_MAX];
	int listener, signals;
	bool down;
} k;

/* ---- building ---------------------------------------------------------------------------- */

/* Mounts of our own: nothing of them is seen outside, nothing stays. */
static int mounts_make(struct lab *lab)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return lab_fail(lab, errno, "private mounts: %s", strerror(errno));
	if (mount("proc", "/proc", "proc", 0, NULL))
		return lab_fail(lab, errno, "/proc: %s", strerror(errno));
	if (mkdir("/run/netns", 0755) && errno != EEXIST)
		return lab_fail(lab, errno, "/run/netns: %s", strerror(errno));
	if (mount("tmpfs", "/run/netns", "tmpfs", 0, "size=1m,mode=0755"))
		return lab_fail(lab, errno, "/run/netns: %s", strerror(errno));
	return 0;
}

static int clocks_make(struct lab *lab)
{
	static const char zeros[64];
	for (uint32_t m = 0; m < LAB_MACHINES; m++) {
		char path[LAB_PATH_SIZE + 64];
		snprintf(path, sizeof(path), "%s/%s/clock", lab->conf.dir, lab_machine_name(m));
		FILE *f = fopen(path, "we");
		if (!f || fwrite(zeros, sizeof(zeros), 1, f) != 1)
			return lab_fail(lab, errno, "%s: %s", path, strerror(errno));
		fclose(f);
	}
	return 0;
}

static int start_kind(struct lab *lab, enum proc_kind kind)
{
	int err = 0;
	for (uint32_t i = 0; i < lab->procs_n && !err; i++)
		if (lab->proc[i].kind == kind)
			err = proc_start(lab, &lab->proc[i]);
	return err;
}

static int listen_open(struct lab *lab)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%.90s/control", lab->conf.dir);
	(void)unlink(sa.sun_path);
	k.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (k.listener < 0 || bind(k.listener, (struct sockaddr *)&sa, sizeof(sa)) ||
	    listen(k.listener, CLIENTS_MAX))
		return lab_fail(lab, errno, "%s: %s", sa.sun_path, strerror(errno));
	return 0;
}

static int build(struct lab *lab)
{
	int err = mounts_make(lab);
	if (!err)
		err = net_up(lab);
	if (!err)
		err = files_make(lab);
	if (!err && lab->conf.clock)
		err = clocks_make(lab);
	if (!err)
		err = procs_plan(lab);
	if (!err)
		err = start_kind(lab, PROC_WAN);
	if (!err)
		err = wan_connect(lab);
	if (!err)
		err = wan_ask(lab, NULL, "set * * %s", lab->conf.wan);
	static const enum proc_kind order[] = {PROC_JOURNAL, PROC_PRESENCE, PROC_SENTINEL,
					       PROC_BROKER,  PROC_NODE,     PROC_GATEWAY};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(order) && !err; i++)
		err = start_kind(lab, order[i]);
	return err ? err : listen_open(lab);
}

/* ---- clients ----------------------------------------------------------------------------- */

static void client_close(struct client *c)
{
	int owner = (int)(c - k.client);
	close(c->fd);
	free(c->line);
	*c = (struct client){.fd = -1};
	faults_owner_gone(&k.lab, owner);
}

/* A client that does not read is not waited for longer than SEND_MS. */
static bool line_send(int fd, const json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT);
	size_t n = text ? strlen(text) : 0, at = 0;
	helio_assert(text);
	text[n++] = '\n';
	while (at < n) {
		ssize_t w = send(fd, text + at, n - at, MSG_NOSIGNAL | MSG_DONTWAIT);
		struct pollfd p = {.fd = fd, .events = POLLOUT};
		if (w > 0)
			at += (size_t)w;
		else if (errno != EAGAIN || poll(&p, 1, SEND_MS) <= 0)
			break;
	}
	free(text);
	return at == n;
}

static void event_say(struct lab *lab, json_t *event)
{
	(void)lab;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (k.client[i].fd >= 0)
			(void)line_send(k.client[i].fd, event);
	json_decref(event);
}

static void ended(struct lab *lab, struct lab_proc *p)
{
	json_t *o = proc_json(p);
	json_object_set_new(o, "event", json_string("ended"));
	json_object_set_new(o, "mono_us", json_integer((json_int_t)p->ended_us));
	json_object_set_new(o, "asked", json_boolean(!p->wanted));
	event_say(lab, o);
}

static json_t *error_json(const char *why)
{
	return json_pack("{sb ss}", "ok", 0, "error", why);
}

/* ---- commands ---------------------------------------------------------------------------- */

static json_t *do_status(struct lab *lab, const json_t *req, int owner)
{
	json_t *list = json_array();
	(void)req;
	(void)owner;
	for (uint32_t i = 0; i < lab->procs_n; i++)
		json_array_append_new(list, proc_json(&lab->proc[i]));
	return json_pack("{sb sI ss so so}", "ok", 1, "up_ms",
			 (json_int_t)((mono_us() - lab->up_us) / 1000), "dir", lab->conf.dir,
			 "procs", list, "faults", faults_json(lab));
}

static json_t *do_fault(struct lab *lab, const json_t *req, int owner)
{
	return fault_begin(lab, req, owner);
}

static json_t *do_heal(struct lab *lab, const json_t *req, int owner)
{
	(void)owner;
	return fault_heal(lab, (uint32_t)json_integer_value(json_object_get(req, "id")),
			  "it was asked to");
}

static json_t *do_heal_all(struct lab *lab, const json_t *req, int owner)
{
	(void)req;
	(void)owner;
	faults_heal_all(lab, "all were asked to");
	return json_pack("{sb}", "ok", 1);
}

static json_t *do_spawn(struct lab *lab, const json_t *req, int owner)
{
	const char *argv[LAB_ARGS_MAX] = {NULL};
	const char *name = json_string_value(json_object_get(req, "name"));
	json_t *list = json_object_get(req, "argv"), *v;
	size_t i;
	(void)owner;
	if (!name || json_array_size(list) == 0 || json_array_size(list) >= LAB_ARGS_MAX - 2)
		return error_json("spawn needs a name and words");
	json_array_foreach(list, i, v)
	{
		argv[i] = json_string_value(v);
		if (!argv[i])
			return error_json("spawn: each word is a string");
	}
	struct lab_proc *p = proc_add(lab, name, PROC_LOAD, -1, "helio-world", argv);
	if (!p)
		return error_json("spawn: the name is taken, or there are too many");
	return proc_start(lab, p) ? error_json(lab->why) : json_pack("{sb}", "ok", 1);
}

static json_t *do_signal(struct lab *lab, const json_t *req, int owner)
{
	struct lab_proc *p = proc_find(lab, json_string_value(json_object_get(req, "name")));
	int sig = (int)json_integer_value(json_object_get(req, "signal"));
	(void)owner;
	if (!p || sig < 1 || sig > 64)
		return error_json("signal: no such process, or no such signal");
	p->wanted = false;
	proc_signal(p, sig);
	return json_pack("{sb}", "ok", 1);
}

static json_t *do_start(struct lab *lab, const json_t *req, int owner)
{
	struct lab_proc *p = proc_find(lab, json_string_value(json_object_get(req, "name")));
	(void)owner;
	if (!p)
		return error_json("start: no such process");
	return proc_start(lab, p) ? error_json(lab->why) : json_pack("{sb}", "ok", 1);
}

static json_t *do_wan(struct lab *lab, const json_t *req, int owner)
{
	const char *line = json_string_value(json_object_get(req, "line"));
	json_t *reply = NULL;
	(void)owner;
	if (!line || strchr(line, '\n'))
		return error_json("wan needs a line");
	return wan_ask(lab, &reply, "%s", line) ? error_json(lab->why) : reply;
}

static json_t *do_down(struct lab *lab, const json_t *req, int owner)
{
	(void)lab;
	(void)req;
	(void)owner;
	k.down = true;
	return json_pack("{sb}", "ok", 1);
}

static const struct {
	const char *name;
	json_t *(*run)(struct lab *lab, const json_t *req, int owner);
} commands[] = {
    {"status", do_status},     {"fault", do_fault}, {"heal", do_heal},
    {"heal_all", do_heal_all}, {"spawn", do_spawn}, {"signal", do_signal},
    {"start", do_start},       {"wan", do_wan},     {"down", do_down},
};

static json_t *obey(const char *text, size_t n, int owner)
{
	json_t *req = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL), *reply = NULL;
	const char *what = json_string_value(json_object_get(req, "do"));
	for (size_t i = 0; what && i < HELIO_ARRAY_LEN(commands) && !reply; i++)
		if (strcmp(commands[i].name, what) == 0)
			reply = commands[i].run(&k.lab, req, owner);
	json_decref(req);
	return reply ? reply : error_json("not a command of the lab");
}

static void client_read(struct client *c)
{
	ssize_t got = recv(c->fd, c->line + c->n, LINE_MAX_BYTES - c->n, 0);
	if (got <= 0) {
		client_close(c);
		return;
	}
	c->n += (size_t)got;
	char *nl;
	while ((nl = memchr(c->line, '\n', c->n))) {
		size_t used = (size_t)(nl - c->line) + 1;
		json_t *reply = obey(c->line, used - 1, (int)(c - k.client));
		bool sent = line_send(c->fd, reply);
		json_decref(reply);
		if (!sent) {
			client_close(c);
			return;
		}
		memmove(c->line, c->line + used, c->n - used);
		c->n -= used;
	}
	if (c->n == LINE_MAX_BYTES)
		client_close(c);
}

static void client_accept(void)
{
	int fd = accept4(k.listener, NULL, NULL, SOCK_CLOEXEC);
	for (size_t i = 0; i < CLIENTS_MAX && fd >= 0; i++) {
		if (k.client[i].fd >= 0)
			continue;
		char *line = malloc(LINE_MAX_BYTES);
		helio_assert(line);
		k.client[i] = (struct client){.fd = fd, .line = line};
		return;
	}
	if (fd >= 0)
		close(fd);
}

/* ---- the loop ---------------------------------------------------------------------------- */

static void signals_read(void)
{
	struct signalfd_siginfo si;
	while (read(k.signals, &si, sizeof(si)) == sizeof(si))
		if (si.ssi_signo != SIGCHLD)
			k.down = true;
	procs_reap(&k.lab, ended);
}

static void loop(void)
{
	while (!k.down) {
		struct pollfd p[2 + CLIENTS_MAX];
		uint64_t now = mono_us(), next = faults_tick(&k.lab, now);
		p[0] = (struct pollfd){.fd = k.signals, .events = POLLIN};
		p[1] = (struct pollfd){.fd = k.listener, .events = POLLIN};
		for (size_t i = 0; i < CLIENTS_MAX; i++)
			p[2 + i] = (struct pollfd){.fd = k.client[i].fd, .events = POLLIN};
		int wait = next == UINT64_MAX ? -1
			   : next <= now      ? 0
					      : (int)((next - now) / 1000 + 1);
		if (poll(p, HELIO_ARRAY_LEN(p), wait) <= 0)
			continue;
		if (p[0].revents)
			signals_read();
		if (p[1].revents)
			client_accept();
		for (size_t i = 0; i < CLIENTS_MAX; i++)
			if (p[2 + i].fd >= 0 && p[2 + i].revents)
				client_read(&k.client[i]);
	}
}

/* Nodes and brokers end by themselves, so that their traces are whole and carry a digest. */
static void traces_end(struct lab *lab)
{
	uint64_t until = mono_us() + GOODBYE_MS * UINT64_C(1000);
	uint32_t left = 1;
	for (uint32_t i = 0; i < lab->procs_n; i++) {
		struct lab_proc *p = &lab->proc[i];
		p->wanted = p->again = false;
		if (p->kind <= PROC_BROKER)
			proc_signal(p, SIGTERM);
		else if (p->kind == PROC_LOAD)
			proc_signal(p, SIGKILL);
	}
	while (left && mono_us() < until) {
		struct pollfd p = {.fd = k.signals, .events = POLLIN};
		(void)poll(&p, 1, 100);
		signals_read();
		left = 0;
		for (uint32_t i = 0; i < lab->procs_n; i++)
			left += lab->proc[i].kind <= PROC_BROKER && lab->proc[i].pid;
	}
}

int keeper_run(const struct lab_conf *conf, int ready_fd)
{
	struct lab *lab = &k.lab;
	sigset_t set;
	lab->conf = *conf;
	if (!lab->conf.out)
		lab->conf.out = lab->conf.dir;
	faults_open(lab);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		k.client[i].fd = -1;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	int err = build(lab); /* popen() needs SIGCHLD as it is */
	if (err) {
		dprintf(ready_fd, "%s\n", lab->why);
		return 1;
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
	k.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	helio_assert(k.signals >= 0);
	lab->up_us = mono_us();
	fault_event = event_say;
	dprintf(ready_fd, "ok\n");
	close(ready_fd);
	loop();
	faults_heal_all(lab, "the lab goes down");
	traces_end(lab);
	return 0; /* process 1 ends: the kernel takes the rest */
}

/* ---- starting one ------------------------------------------------------------------------ */

/* What is missing, in words: EPERM alone helps nobody. */
int keeper_able(char why[512])
{
	const char *missing = NULL;
	if (geteuid() != 0)
		missing = "root (or CAP_SYS_ADMIN and CAP_NET_ADMIN)";
	else if (access("/dev/net/tun", R_OK | W_OK))
		missing = "/dev/net/tun (docker: --device /dev/net/tun --cap-add NET_ADMIN "
			  "--cap-add SYS_ADMIN)";
	else if (prctl(PR_CAPBSET_READ, CAP_NET_ADMIN) != 1 ||
		 prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) != 1)
		missing = "CAP_NET_ADMIN and CAP_SYS_ADMIN (docker: --cap-add NET_ADMIN --cap-add "
			  "SYS_ADMIN)";
	if (missing)
		snprintf(why, 512, "a lab cannot be built here: it needs %s", missing);
	return missing ? EPERM : 0;
}

int keeper_start(const struct lab_conf *conf, pid_t *ret_pid, char why[512])
{
	int ready[2], err = keeper_able(why);
	if (err)
		return err;
	if (pipe2(ready, O_CLOEXEC)) {
		snprintf(why, 512, "pipe: %s", strerror(errno));
		return errno;
	}
	fflush(NULL);
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | SIGCHLD,
				   NULL, NULL, NULL, NULL);
	if (pid < 0) {
		err = errno;
		snprintf(why, 512, "new namespaces: %s (docker: --cap-add SYS_ADMIN)",
			 strerror(err));
		close(ready[0]);
		close(ready[1]);
		return err;
	}
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)prctl(PR_SET_NAME, "helio-lab");
		close(ready[0]);
		_exit(keeper_run(conf, ready[1]));
	}
	close(ready[1]);
	char line[512] = "";
	size_t n = 0;
	for (ssize_t got;
	     n < sizeof(line) - 1 && (got = read(ready[0], line + n, sizeof(line) - 1 - n)) > 0;)
		n += (size_t)got;
	close(ready[0]);
	line[n] = '\0';
	if (strcmp(line, "ok\n") == 0) {
		*ret_pid = pid;
		return 0;
	}
	line[strcspn(line, "\n")] = '\0';
	snprintf(why, 512, "%s", n ? line : "the lab's keeper ended without a word");
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return EIO;
}
