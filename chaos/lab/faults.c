/*
 * Faults: each begins, bites (which is proven by a counter or by what the kernel says), and heals
 * by itself: when its time is over, when the connection that asked for it ends, or with the keeper.
 *
 *   kinds[] ── begin ─► bitten? (asked twice a second) ─► heal
 */
#include "chaos/lab/lab.h"
#include "chaos/lab/clock_shim.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/base.h"

enum {
	LOOK_US = 500000,       /* how often a fault is asked whether it has bitten */
	SLOW_PERIOD_US = 40000, /* of a slow process: a frame and a half of audio late at a time */
	SLOW_CYCLES_MIN = 10,   /* before we call it slow */
	LINKS = LAB_SITES * LAB_SITES,
};

struct fault {
	bool on, bitten;
	uint32_t id;
	int owner;
	const struct kind *kind;
	char target[64];
	json_t *args;
	bool proc[LAB_PROCS_MAX];      /* which processes it holds */
	uint64_t ticks[LAB_PROCS_MAX]; /* their CPU time when it began */
	uint32_t lives[LAB_PROCS_MAX];
	int machine;
	uint32_t changes; /* of the cable, when it began */
	json_t *links;    /* counters of the WAN when it began */
	uint64_t begun_us, until_us, look_us;
	uint64_t turn_us; /* slow: when to stop or to thaw next */
	bool stopped;
	uint32_t cycles, percent;
	char before[128]; /* what Redis said before */
	json_t *proof;    /* what it did so far */
};

struct kind {
	const char *name;
	int (*begin)(struct lab *lab, struct fault *f);
	bool (*bitten)(struct lab *lab, struct fault *f); /* fills f->proof */
	void (*heal)(struct lab *lab, struct fault *f);
	bool once; /* over as soon as it is done: nothing to heal */
};

fault_event_h *fault_event;

static void tell(struct lab *lab, struct fault *f, const char *phase, const char *why)
{
	if (!fault_event)
		return;
	json_t *o = json_pack("{ss ss si ss ss sI so}", "event", "fault", "phase", phase, "id",
			      (int)f->id, "kind", f->kind->name, "target", f->target, "mono_us",
			      (json_int_t)mono_us(), "args", json_deep_copy(f->args));
	if (why)
		json_object_set_new(o, "why", json_string(why));
	json_object_set_new(o, "bitten", json_boolean(f->bitten));
	if (f->proof)
		json_object_set(o, "proof", f->proof);
	fault_event(lab, o);
}

static void prove(struct fault *f, const char *key, json_int_t v)
{
	if (!f->proof)
		f->proof = json_object();
	json_object_set_new(f->proof, key, json_integer(v));
}

/* ---- processes --------------------------------------------------------------------------------
 */

static int procs_match(struct lab *lab, struct fault *f)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < lab->procs_n; i++) {
		struct lab_proc *p = &lab->proc[i];
		f->proc[i] = p->pid && p->kind != PROC_WAN && fnmatch(f->target, p->name, 0) == 0;
		if (!f->proc[i])
			continue;
		n++;
		(void)proc_state(p, &f->ticks[i]);
		f->lives[i] = p->lives;
	}
	return n ? 0 : lab_fail(lab, ESRCH, "no process that runs is called %s", f->target);
}

#define EACH(lab, f, p)                                  \
	for (uint32_t i_ = 0; i_ < (lab)->procs_n; i_++) \
		for (struct lab_proc *p = (f)->proc[i_] ? &(lab)->proc[i_] : NULL; p; p = NULL)

static void proc_kill(struct lab_proc *p, int sig)
{
	p->wanted = false;
	proc_signal(p, sig);
}

static int kill_begin(struct lab *lab, struct fault *f)
{
	int err = procs_match(lab, f);
	EACH(lab, f, p) proc_kill(p, SIGKILL);
	return err;
}

static bool kill_bitten(struct lab *lab, struct fault *f)
{
	int asked = 0, killed = 0;
	EACH(lab, f, p)
	{
		asked++;
		killed += p->lives > f->lives[i_] ||
			  (!p->pid && WIFSIGNALED(p->status) && WTERMSIG(p->status) == SIGKILL);
	}
	prove(f, "killed", killed);
	return asked && killed == asked;
}

static void start_again(struct lab *lab, struct fault *f)
{
	EACH(lab, f, p) if (!p->pid)(void) proc_start(lab, p);
}

static int restart_begin(struct lab *lab, struct fault *f)
{
	int err = procs_match(lab, f);
	EACH(lab, f, p)
	{
		p->again = true;
		proc_kill(p, SIGTERM);
	}
	return err;
}

static bool restart_bitten(struct lab *lab, struct fault *f)
{
	int asked = 0, again = 0;
	EACH(lab, f, p)
	{
		asked++;
		again += p->pid && p->lives > f->lives[i_];
	}
	prove(f, "restarted", again);
	return asked && again == asked;
}

static int freeze_begin(struct lab *lab, struct fault *f)
{
	int err = procs_match(lab, f);
	EACH(lab, f, p) proc_stop(p);
	return err;
}

/* Stopped, and no CPU time since. */
static bool freeze_bitten(struct lab *lab, struct fault *f)
{
	int asked = 0, still = 0;
	EACH(lab, f, p)
	{
		uint64_t ticks = 0;
		asked++;
		still += p->pid && proc_state(p, &ticks) == 'T' && ticks <= f->ticks[i_] + 1;
	}
	if (!f->bitten || still)
		prove(f, "frozen", still);
	return f->bitten || (asked && still == asked);
}

static void freeze_heal(struct lab *lab, struct fault *f)
{
	EACH(lab, f, p) if (p->lives == f->lives[i_]) proc_cont(p);
}

static int slow_begin(struct lab *lab, struct fault *f)
{
	json_int_t percent = json_integer_value(json_object_get(f->args, "percent"));
	if (percent < 1 || percent > 99)
		return lab_fail(lab, EINVAL, "slow needs percent: 1 to 99 of the time it may run");
	f->percent = (uint32_t)percent;
	f->turn_us = f->begun_us;
	return procs_match(lab, f);
}

static void slow_turn(struct lab *lab, struct fault *f, uint64_t now)
{
	if (now < f->turn_us)
		return;
	f->stopped = !f->stopped;
	EACH(lab, f, p)
	{
		if (p->lives != f->lives[i_])
			continue;
		if (f->stopped)
			proc_stop(p);
		else
			proc_cont(p);
	}
	f->cycles += f->stopped;
	uint64_t run = SLOW_PERIOD_US * f->percent / 100;
	f->turn_us = now + (f->stopped ? SLOW_PERIOD_US - run : run);
}

static bool slow_bitten(struct lab *lab, struct fault *f)
{
	(void)lab;
	prove(f, "stops", f->cycles);
	return f->cycles >= SLOW_CYCLES_MIN;
}

static void slow_heal(struct lab *lab, struct fault *f)
{
	if (f->stopped)
		freeze_heal(lab, f);
	f->stopped = false;
}

/* ---- machines ---------------------------------------------------------------------------------
 */

static int machine_find(struct lab *lab, struct fault *f)
{
	f->machine = lab_machine_find(f->target);
	return f->machine >= 0 ? 0
			       : lab_fail(lab, ENOENT, "%s is no machine of the lab", f->target);
}

static int unplug_begin(struct lab *lab, struct fault *f)
{
	bool up;
	int err = machine_find(lab, f);
	if (!err)
		err = net_cable_state(lab, (uint32_t)f->machine, &f->changes, &up);
	return err ? err : net_cable(lab, (uint32_t)f->machine, false);
}

static bool unplug_bitten(struct lab *lab, struct fault *f)
{
	uint32_t changes = 0;
	bool up = true;
	if (net_cable_state(lab, (uint32_t)f->machine, &changes, &up))
		return f->bitten;
	prove(f, "carrier_changes", (json_int_t)changes - f->changes);
	return f->bitten || (!up && changes > f->changes);
}

static void unplug_heal(struct lab *lab, struct fault *f)
{
	(void)net_cable(lab, (uint32_t)f->machine, true);
}

/* The power is gone: the cable first, so that nobody hears a last word. */
static int machine_begin(struct lab *lab, struct fault *f)
{
	int err = unplug_begin(lab, f);
	if (err)
		return err;
	for (uint32_t i = 0; i < lab->procs_n; i++) {
		struct lab_proc *p = &lab->proc[i];
		f->proc[i] = p->machine == f->machine && p->pid;
		f->lives[i] = p->lives;
		if (f->proc[i])
			proc_kill(p, SIGKILL);
	}
	return 0;
}

static bool machine_bitten(struct lab *lab, struct fault *f)
{
	return unplug_bitten(lab, f) & kill_bitten(lab, f);
}

static void machine_heal(struct lab *lab, struct fault *f)
{
	unplug_heal(lab, f);
	start_again(lab, f);
}

/* All that runs on a machine stands still, as a virtual machine does that is suspended. */
static int suspend_begin(struct lab *lab, struct fault *f)
{
	int err = machine_find(lab, f);
	for (uint32_t i = 0; i < lab->procs_n && !err; i++) {
		struct lab_proc *p = &lab->proc[i];
		f->proc[i] = p->machine == f->machine && p->pid;
		f->lives[i] = p->lives;
		if (!f->proc[i])
			continue;
		(void)proc_state(p, &f->ticks[i]);
		proc_stop(p);
	}
	return err;
}

/* ---- links ------------------------------------------------------------------------------------
 */

static const char *arg(const struct fault *f, const char *key, const char *none)
{
	const char *s = json_string_value(json_object_get(f->args, key));
	return s ? s : none;
}

/* The link's keys as helio-wan takes them: all arguments but from and to. */
static int link_keys(struct lab *lab, const struct fault *f, char *out, size_t size)
{
	const char *key;
	json_t *v;
	size_t n = 0;
	out[0] = '\0';
	json_object_foreach(f->args, key, v)
	{
		if (!json_is_number(v))
			continue;
		int len = snprintf(out + n, size - n, " %s=%g", key, json_number_value(v));
		if (len < 0 || (n += (size_t)len) >= size)
			return lab_fail(lab, E2BIG, "too many keys for a link");
	}
	return n ? 0
		 : lab_fail(lab, EINVAL,
			    "a link fault needs delay, jitter, loss, dup, reorder, "
			    "rate or cut");
}

static json_t *link_find(json_t *show, const char *from, const char *to)
{
	size_t i;
	json_t *l;
	json_array_foreach(json_object_get(show, "links"), i, l)
	{
		if (!strcmp(json_string_value(json_object_get(l, "from")), from) &&
		    !strcmp(json_string_value(json_object_get(l, "to")), to))
			return l;
	}
	return NULL;
}

static int link_begin(struct lab *lab, struct fault *f)
{
	char keys[256];
	const char *from = arg(f, "from", "*"), *to = arg(f, "to", "*");
	int err = link_keys(lab, f, keys, sizeof(keys));
	if (!err)
		err = wan_ask(lab, &f->links, "show");
	if (!err)
		err = wan_ask(lab, NULL, "fault %u %s %s%s", f->id, from, to, keys);
	return err;
}

/* Both ways between two sites, or between a site and all others. */
static int cut_begin(struct lab *lab, struct fault *f)
{
	const char *from = arg(f, "from", f->target), *to = arg(f, "to", "*");
	bool one_way = json_is_true(json_object_get(f->args, "one_way"));
	int err = wan_ask(lab, &f->links, "show");
	if (!err)
		err = wan_ask(lab, NULL, "fault %u %s %s cut=1", f->id, from, to);
	if (!err && !one_way)
		err = wan_ask(lab, NULL, "fault %u %s %s cut=1", f->id, to, from);
	return err;
}

static json_int_t grown(const json_t *now, const json_t *then, const char *key)
{
	return json_integer_value(json_object_get(now, key)) -
	       json_integer_value(json_object_get(then, key));
}

static bool link_bitten(struct lab *lab, struct fault *f)
{
	static const char *const counted[] = {"cut", "lost", "duplicated", "reordered", "delayed"};
	static const char *const asked[] = {"cut", "loss", "dup", "reorder", "delay"};
	json_t *show = NULL, *l, *sum = json_object();
	size_t i;
	bool ok = true;
	if (wan_ask(lab, &show, "show")) {
		json_decref(sum);
		return f->bitten;
	}
	json_array_foreach(json_object_get(show, "links"), i, l)
	{
		const json_t *was =
		    link_find(f->links, json_string_value(json_object_get(l, "from")),
			      json_string_value(json_object_get(l, "to")));
		for (size_t k = 0; k < HELIO_ARRAY_LEN(counted); k++)
			json_object_set_new(
			    sum, counted[k],
			    json_integer(json_integer_value(json_object_get(sum, counted[k])) +
					 grown(l, was, counted[k])));
	}
	for (size_t k = 0; k < HELIO_ARRAY_LEN(asked); k++) {
		bool wanted = json_number_value(json_object_get(f->args, asked[k])) > 0 ||
			      (k == 0 && strcmp(f->kind->name, "cut") == 0);
		json_int_t n = json_integer_value(json_object_get(sum, counted[k]));
		if (wanted)
			prove(f, counted[k], n);
		ok &= !wanted || n > 0;
	}
	json_decref(show);
	json_decref(sum);
	return f->bitten || ok;
}

static void link_heal(struct lab *lab, struct fault *f)
{
	(void)wan_ask(lab, NULL, "heal %u", f->id);
}

/* ---- disks and clocks --------------------------------------------------------------------------
 */

static void fill_path(const struct lab *lab, const struct fault *f, char path[static LAB_PATH_SIZE])
{
	snprintf(path, LAB_PATH_SIZE, "%.400s/%s/state/helio-chaos.fill", lab->conf.dir,
		 lab_machine_name((uint32_t)f->machine));
}

static int fill_begin(struct lab *lab, struct fault *f)
{
	static const char zeros[65536];
	char path[LAB_PATH_SIZE];
	int err = machine_find(lab, f);
	if (!err && !lab->conf.small_disks)
		err = lab_fail(lab, ENOTSUP,
			       "this lab has no small disks (lab: {small_disks: true})");
	if (err)
		return err;
	fill_path(lab, f, path);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return lab_fail(lab, errno, "%s: %s", path, strerror(errno));
	for (size_t size = sizeof(zeros), n = 0; size && n < (LAB_STATE_MB << 20);) {
		ssize_t w = write(fd, zeros, size);
		if (w > 0)
			n += (size_t)w;
		else
			size /= 2;
	}
	close(fd);
	return 0;
}

/* No block is free, and a write is refused. */
static bool fill_bitten(struct lab *lab, struct fault *f)
{
	char path[LAB_PATH_SIZE];
	struct statvfs vfs;
	struct stat st;
	bool full = false;
	fill_path(lab, f, path);
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && fstatvfs(fd, &vfs) == 0) {
		full = vfs.f_bavail == 0 && write(fd, path, sizeof(path)) < 0;
		prove(f, "filled_bytes", (json_int_t)st.st_size);
	}
	if (fd >= 0)
		close(fd);
	return f->bitten || full;
}

static void fill_heal(struct lab *lab, struct fault *f)
{
	char path[LAB_PATH_SIZE];
	fill_path(lab, f, path);
	(void)unlink(path);
}

static struct clock_page *clock_open(struct lab *lab, const struct fault *f)
{
	char path[LAB_PATH_SIZE];
	snprintf(path, sizeof(path), "%.400s/%s/clock", lab->conf.dir,
		 lab_machine_name((uint32_t)f->machine));
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *p = fd < 0 ? MAP_FAILED
			 : mmap(NULL, sizeof(struct clock_page), PROT_READ | PROT_WRITE, MAP_SHARED,
				fd, 0);
	if (fd >= 0)
		close(fd);
	return p == MAP_FAILED ? NULL : p;
}

static int jump(struct lab *lab, struct fault *f, double by_s)
{
	struct clock_page *p = clock_open(lab, f);
	if (!p)
		return lab_fail(lab, ENOTSUP,
				"this lab has no clocks that jump (lab: {clock: true})");
	atomic_fetch_add(&p->jump_ns, (int64_t)(by_s * 1e9));
	(void)munmap(p, sizeof(*p));
	return 0;
}

static int clock_begin(struct lab *lab, struct fault *f)
{
	double by = json_number_value(json_object_get(f->args, "by_s"));
	int err = machine_find(lab, f);
	if (!err && (by == 0 || by < -1e8 || by > 1e8))
		err = lab_fail(lab, EINVAL, "clock_jump needs by_s: seconds, not 0");
	struct clock_page *p = err ? NULL : clock_open(lab, f);
	if (p) {
		f->changes = (uint32_t)atomic_load(&p->deceived);
		(void)munmap(p, sizeof(*p));
	}
	return err ? err : jump(lab, f, by);
}

static bool clock_bitten(struct lab *lab, struct fault *f)
{
	struct clock_page *p = clock_open(lab, f);
	if (!p)
		return f->bitten;
	uint64_t n = atomic_load(&p->deceived);
	(void)munmap(p, sizeof(*p));
	prove(f, "readings", (json_int_t)(n - f->changes));
	return n > f->changes;
}

static void clock_heal(struct lab *lab, struct fault *f)
{
	(void)jump(lab, f, -json_number_value(json_object_get(f->args, "by_s")));
}

/* ---- Redis ------------------------------------------------------------------------------------
 */

/* What redis-cli prints, at most one line; at the first process that the target names. */
static int redis_ask(struct lab *lab, const struct fault *f, const char *what, char out[128])
{
	char line[512];
	const struct lab_proc *p = NULL;
	for (uint32_t i = 0; i < lab->procs_n && !p; i++)
		if (f->proc[i])
			p = &lab->proc[i];
	if (!p || p->kind < PROC_JOURNAL || p->kind > PROC_SENTINEL)
		return lab_fail(lab, EINVAL, "%s is no Redis", f->target);
	int port = p->kind == PROC_JOURNAL    ? JOURNAL_PORT
		   : p->kind == PROC_PRESENCE ? PRESENCE_PORT
					      : SENTINEL_PORT;
	snprintf(line, sizeof(line),
		 "ip netns exec %s timeout 2 redis-cli -h %s -p %d %s 2>/dev/null", p->netns,
		 lab_machine_ip((uint32_t)p->machine), port, what);
	out[0] = '\0';
	FILE *pipe = popen(line, "re");
	if (pipe && fgets(out, 128, pipe))
		out[strcspn(out, "\n")] = '\0';
	int status = pipe ? pclose(pipe) : -1;
	return status ? lab_fail(lab, EIO, "%s does not answer", p->name) : 0;
}

static int flush_begin(struct lab *lab, struct fault *f)
{
	char out[128];
	int err = procs_match(lab, f);
	if (!err)
		err = redis_ask(lab, f, "DBSIZE", f->before);
	if (!err)
		err = redis_ask(lab, f, "FLUSHALL", out);
	if (!err && strcmp(out, "OK") != 0)
		err = lab_fail(lab, EIO, "%s: FLUSHALL: %s", f->target, out);
	return err;
}

static bool flush_bitten(struct lab *lab, struct fault *f)
{
	(void)lab;
	prove(f, "keys_lost", strtol(f->before, NULL, 10));
	return strtol(f->before, NULL, 10) > 0;
}

#define MASTER "SENTINEL get-master-addr-by-name presence"

static int failover_begin(struct lab *lab, struct fault *f)
{
	char out[128];
	int err = procs_match(lab, f);
	if (!err)
		err = redis_ask(lab, f, MASTER, f->before);
	if (!err)
		err = redis_ask(lab, f, "SENTINEL FAILOVER presence", out);
	if (!err && strcmp(out, "OK") != 0)
		err = lab_fail(lab, EIO, "%s: SENTINEL FAILOVER: %s", f->target, out);
	return err;
}

static bool failover_bitten(struct lab *lab, struct fault *f)
{
	char out[128];
	if (f->bitten)
		return true;
	if (redis_ask(lab, f, MASTER, out) || strcmp(out, f->before) == 0)
		return false;
	prove(f, "masters_changed", 1);
	return true;
}

/* ---- the table --------------------------------------------------------------------------------
 */

static const struct kind kinds[] = {
    {"kill", kill_begin, kill_bitten, start_again, false},
    {"restart", restart_begin, restart_bitten, NULL, true},
    {"freeze", freeze_begin, freeze_bitten, freeze_heal, false},
    {"slow", slow_begin, slow_bitten, slow_heal, false},
    {"machine_lost", machine_begin, machine_bitten, machine_heal, false},
    {"suspend", suspend_begin, freeze_bitten, freeze_heal, false},
    {"unplug", unplug_begin, unplug_bitten, unplug_heal, false},
    {"cut", cut_begin, link_bitten, link_heal, false},
    {"link", link_begin, link_bitten, link_heal, false},
    {"disk_full", fill_begin, fill_bitten, fill_heal, false},
    {"clock_jump", clock_begin, clock_bitten, clock_heal, false},
    {"redis_flush", flush_begin, flush_bitten, NULL, true},
    {"redis_failover", failover_begin, failover_bitten, NULL, true},
};

static void look(struct lab *lab, struct fault *f)
{
	bool was = f->bitten;
	f->bitten = f->kind->bitten(lab, f) || was;
	if (f->bitten && !was)
		tell(lab, f, "bitten", NULL);
}

static void end(struct lab *lab, struct fault *f, const char *why)
{
	look(lab, f);
	if (f->kind->heal)
		f->kind->heal(lab, f);
	f->on = false;
	tell(lab, f, "healed", why);
	json_decref(f->args);
	json_decref(f->links);
	json_decref(f->proof);
}

void faults_open(struct lab *lab)
{
	lab->faults = calloc(LAB_FAULTS_MAX, sizeof(*lab->faults));
	helio_assert(lab->faults);
}

static json_t *refused(const struct lab *lab)
{
	return json_pack("{sb ss}", "ok", 0, "error", lab->why);
}

json_t *fault_begin(struct lab *lab, const json_t *req, int owner)
{
	const char *kind = json_string_value(json_object_get(req, "kind"));
	const char *target = json_string_value(json_object_get(req, "target"));
	double for_s = json_number_value(json_object_get(req, "for_s"));
	struct fault *f = NULL;
	const struct kind *k = NULL;
	for (size_t i = 0; kind && i < HELIO_ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].name, kind) == 0)
			k = &kinds[i];
	for (uint32_t i = 0; i < LAB_FAULTS_MAX && !f; i++)
		if (!lab->faults[i].on)
			f = &lab->faults[i];
	if (!k || !f) {
		(void)lab_fail(lab, EINVAL, k ? "too many faults at once" : "no fault is called %s",
			       kind ? kind : "(none)");
		return refused(lab);
	}
	*f = (struct fault){.id = ++lab->fault_next, .owner = owner, .kind = k, .machine = -1};
	(void)str_copy(f->target, sizeof(f->target), target ? target : "");
	json_t *args = json_object_get(req, "args");
	f->args = json_is_object(args) ? json_deep_copy(args) : json_object();
	f->begun_us = mono_us();
	f->until_us = for_s > 0 ? f->begun_us + (uint64_t)(for_s * 1e6) : UINT64_MAX;
	f->look_us = f->begun_us + LOOK_US / 10;
	int err = k->begin(lab, f);
	if (err) {
		if (k->heal && strcmp(k->name, "clock_jump") != 0 && f->machine >= -1 && f->links)
			k->heal(lab, f);
		json_decref(f->args);
		json_decref(f->links);
		return refused(lab);
	}
	f->on = true;
	tell(lab, f, "begun", NULL);
	return json_pack("{sb si}", "ok", 1, "id", (int)f->id);
}

json_t *fault_heal(struct lab *lab, uint32_t id, const char *why)
{
	for (uint32_t i = 0; i < LAB_FAULTS_MAX; i++) {
		struct fault *f = &lab->faults[i];
		if (!f->on || f->id != id)
			continue;
		end(lab, f, why);
		return json_pack("{sb}", "ok", 1);
	}
	return json_pack("{sb ss}", "ok", 0, "error", "no such fault is on");
}

json_t *faults_json(struct lab *lab)
{
	json_t *list = json_array();
	for (uint32_t i = 0; i < LAB_FAULTS_MAX; i++) {
		struct fault *f = &lab->faults[i];
		if (f->on)
			json_array_append_new(list, json_pack("{si ss ss sb}", "id", (int)f->id,
							      "kind", f->kind->name, "target",
							      f->target, "bitten", f->bitten));
	}
	return list;
}

void faults_owner_gone(struct lab *lab, int owner)
{
	for (uint32_t i = 0; i < LAB_FAULTS_MAX; i++)
		if (lab->faults[i].on && lab->faults[i].owner == owner)
			end(lab, &lab->faults[i], "the tool that asked for it is gone");
}

void faults_heal_all(struct lab *lab, const char *why)
{
	for (uint32_t i = 0; i < LAB_FAULTS_MAX; i++)
		if (lab->faults[i].on)
			end(lab, &lab->faults[i], why);
}

uint64_t faults_tick(struct lab *lab, uint64_t now)
{
	uint64_t next = UINT64_MAX;
	for (uint32_t i = 0; i < LAB_FAULTS_MAX; i++) {
		struct fault *f = &lab->faults[i];
		if (!f->on)
			continue;
		if (f->percent)
			slow_turn(lab, f, now);
		if (now >= f->look_us) {
			if (!f->bitten || f->kind->begin == link_begin ||
			    f->kind->begin == cut_begin)
				look(lab, f);
			f->look_us = now + LOOK_US;
		}
		if (now >= f->until_us || (f->kind->once && f->bitten)) {
			end(lab, f, now >= f->until_us ? "its time is over" : "done");
			continue;
		}
		uint64_t at = f->look_us < f->until_us ? f->look_us : f->until_us;
		if (f->percent && f->turn_us < at)
			at = f->turn_us;
		if (at < next)
			next = at;
	}
	return next;
}
