/* Faults of processes and of machines: killed, restarted, frozen, slowed, unplugged. */
#include "chaos/lab/faults_internal.h"

#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	SLOW_PERIOD_US = 40000, /* of a slow process: a frame and a half of audio late at a time */
	SLOW_CYCLES_MIN = 10,   /* before we call it slow */
};

int fault_procs_match(struct lab *lab, struct fault *f)
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

void fault_proc_kill(struct lab_proc *p, int sig)
{
	p->wanted = false;
	proc_signal(p, sig);
}

int fault_kill_begin(struct lab *lab, struct fault *f)
{
	int err = fault_procs_match(lab, f);
	EACH(lab, f, p) fault_proc_kill(p, SIGKILL);
	return err;
}

bool fault_kill_bitten(struct lab *lab, struct fault *f)
{
	int asked = 0, killed = 0;
	EACH(lab, f, p)
	{
		asked++;
		killed += p->lives > f->lives[i_] ||
			  (!p->pid && WIFSIGNALED(p->status) && WTERMSIG(p->status) == SIGKILL);
	}
	fault_prove(f, "killed", killed);
	return asked && killed == asked;
}

void fault_start_again(struct lab *lab, struct fault *f)
{
	EACH(lab, f, p) if (!p->pid)(void) proc_start(lab, p);
}

int fault_restart_begin(struct lab *lab, struct fault *f)
{
	int err = fault_procs_match(lab, f);
	EACH(lab, f, p)
	{
		p->again = true;
		fault_proc_kill(p, SIGTERM);
	}
	return err;
}

bool fault_restart_bitten(struct lab *lab, struct fault *f)
{
	int asked = 0, again = 0;
	EACH(lab, f, p)
	{
		asked++;
		again += p->pid && p->lives > f->lives[i_];
	}
	fault_prove(f, "restarted", again);
	return asked && again == asked;
}

int fault_upgrade_begin(struct lab *lab, struct fault *f)
{
	int err = fault_restart_begin(lab, f);
	EACH(lab, f, p) p->upgraded = true;
	return err;
}

/* It runs the file of that folder, as the kernel says. */
static bool runs_of(const struct lab_proc *p, const char *dir)
{
	char path[LAB_PATH_SIZE + 32], wanted[PATH_MAX], exe[PATH_MAX] = "";
	snprintf(path, sizeof(path), "%s/helio-%s", dir, proc_kind_name(p->kind));
	if (!realpath(path, wanted))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)p->pid);
	return readlink(path, exe, sizeof(exe) - 1) > 0 && strcmp(exe, wanted) == 0;
}

bool fault_upgrade_bitten(struct lab *lab, struct fault *f)
{
	int asked = 0, new = 0;
	EACH(lab, f, p)
	{
		asked++;
		new += p->pid && p->lives > f->lives[i_] && runs_of(p, lab->conf.bin);
	}
	fault_prove(f, lab->conf.before ? "replaced_by_this_version" : "restarted", new);
	return asked && new == asked;
}

int fault_freeze_begin(struct lab *lab, struct fault *f)
{
	int err = fault_procs_match(lab, f);
	EACH(lab, f, p) proc_stop(p);
	return err;
}

/* Stopped, and no CPU time since. */
bool fault_freeze_bitten(struct lab *lab, struct fault *f)
{
	int asked = 0, still = 0;
	EACH(lab, f, p)
	{
		uint64_t ticks = 0;
		asked++;
		still += p->pid && proc_state(p, &ticks) == 'T' && ticks <= f->ticks[i_] + 1;
	}
	if (!f->bitten || still)
		fault_prove(f, "frozen", still);
	return f->bitten || (asked && still == asked);
}

void fault_freeze_heal(struct lab *lab, struct fault *f)
{
	EACH(lab, f, p) if (p->lives == f->lives[i_]) proc_cont(p);
}

int fault_slow_begin(struct lab *lab, struct fault *f)
{
	json_int_t percent = json_integer_value(json_object_get(f->args, "percent"));
	if (percent < 1 || percent > 99)
		return lab_fail(lab, EINVAL, "slow needs percent: 1 to 99 of the time it may run");
	f->percent = (uint32_t)percent;
	f->turn_us = f->begun_us;
	return fault_procs_match(lab, f);
}

void fault_slow_turn(struct lab *lab, struct fault *f, uint64_t now)
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

bool fault_slow_bitten(struct lab *lab, struct fault *f)
{
	(void)lab;
	fault_prove(f, "stops", f->cycles);
	return f->cycles >= SLOW_CYCLES_MIN;
}

void fault_slow_heal(struct lab *lab, struct fault *f)
{
	if (f->stopped)
		fault_freeze_heal(lab, f);
	f->stopped = false;
}

/* ---- machines ---------------------------------------------------------------------------- */

int fault_machine_find(struct lab *lab, struct fault *f)
{
	f->machine = lab_machine_find(f->target);
	return f->machine >= 0 ? 0
			       : lab_fail(lab, ENOENT, "%s is no machine of the lab", f->target);
}

int fault_unplug_begin(struct lab *lab, struct fault *f)
{
	bool up;
	int err = fault_machine_find(lab, f);
	if (!err)
		err = net_cable_state(lab, (uint32_t)f->machine, &f->changes, &up);
	return err ? err : net_cable(lab, (uint32_t)f->machine, false);
}

bool fault_unplug_bitten(struct lab *lab, struct fault *f)
{
	uint32_t changes = 0;
	bool up = true;
	if (net_cable_state(lab, (uint32_t)f->machine, &changes, &up))
		return f->bitten;
	fault_prove(f, "carrier_changes", (json_int_t)changes - f->changes);
	return f->bitten || (!up && changes > f->changes);
}

void fault_unplug_heal(struct lab *lab, struct fault *f)
{
	(void)net_cable(lab, (uint32_t)f->machine, true);
}

/* The power is gone: the cable first, so that nobody hears a last word. */
int fault_machine_begin(struct lab *lab, struct fault *f)
{
	int err = fault_unplug_begin(lab, f);
	if (err)
		return err;
	for (uint32_t i = 0; i < lab->procs_n; i++) {
		struct lab_proc *p = &lab->proc[i];
		f->proc[i] = p->machine == f->machine && p->pid;
		f->lives[i] = p->lives;
		if (f->proc[i])
			fault_proc_kill(p, SIGKILL);
	}
	return 0;
}

bool fault_machine_bitten(struct lab *lab, struct fault *f)
{
	return fault_unplug_bitten(lab, f) & fault_kill_bitten(lab, f);
}

void fault_machine_heal(struct lab *lab, struct fault *f)
{
	fault_unplug_heal(lab, f);
	fault_start_again(lab, f);
}

/* All that runs on a machine stands still, as a virtual machine does that is suspended. */
int fault_suspend_begin(struct lab *lab, struct fault *f)
{
	int err = fault_machine_find(lab, f);
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
