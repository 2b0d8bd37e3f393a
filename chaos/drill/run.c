#include "chaos/drill/drill.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chaos/chaos.h"
#include "common/base/base.h"

enum {
	DAEMONS_MS = 20000,
	AGENTS_MS = 60000,
	BROWSERS_MS = 180000, /* a real browser starts at its leisure */
	FAR_MS = 15000,
	CALLERS_MS = 60000,
	STEADY_MS = 15000, /* how long the steady state may take to come about */
	DRAIN_MS = 15000,
	HEAL_MS = 15000,
	FOLLOW_MS = 200,
};

#define FAR_PART 0.7

const char *verdict_name(enum verdict v)
{
	static const char *const names[] = {"HELD", "DEVIATED", "INCONCLUSIVE", "ABORTED"};
	return names[v];
}

void drill_say(const struct drill *d, const char *fmt, ...)
{
	va_list ap;
	if (d->quiet || d->silent)
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

void drill_judge(struct drill *d, enum verdict v, const char *fmt, ...)
{
	va_list ap;
	/* A run that cannot be believed is that first of all; a broken promise is worse than none.
	 */
	if (v > d->verdict)
		d->verdict = v;
	if (d->reasons_n == DRILL_REASONS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(d->reason[d->reasons_n++], sizeof(d->reason[0]), fmt, ap);
	va_end(ap);
}

bool drill_stopping(const struct drill *d)
{
	return *d->stop || d->keeper_gone || d->aborted || d->stopped[0];
}

void drill_phase(struct drill *d, const char *phase)
{
	journal_put(d->journal, "phase", 0, json_pack("{ss}", "phase", phase));
	drill_say(d, "==> %s", phase);
}

static void event_h(const json_t *ev, void *arg)
{
	struct drill *d = arg;
	const char *what = json_string_value(json_object_get(ev, "event"));
	json_t *o = json_deep_copy(ev);
	uint64_t at = (uint64_t)json_integer_value(json_object_get(o, "mono_us"));
	if (strcmp(what, "fault") == 0)
		method_fault_event(d, ev);
	(void)json_object_del(o, "event");
	journal_put(d->journal, what, at, o);
}

void drill_pump(struct drill *d, uint64_t until_us)
{
	static uint64_t followed_us;
	for (;;) {
		uint64_t before = mono_us();
		if (before >= until_us || drill_stopping(d))
			return;
		struct pollfd p = {.fd = lab_client_fd(d->lab), .events = POLLIN};
		int n = poll(&p, 1, CANARY_MS);
		uint64_t now = mono_us(), late = (now - before) / 1000;
		if (n == 0 && late > CANARY_MS + d->lag_ms)
			d->lag_ms = (uint32_t)late - CANARY_MS;
		if (n > 0 && lab_client_step(d->lab)) {
			d->keeper_gone = true;
			drill_judge(d, ABORTED, "the lab's keeper is gone");
		}
		watch_step(d, now);
		if (now - followed_us > FOLLOW_MS * UINT64_C(1000)) {
			people_follow(d);
			followed_us = now;
		}
	}
}

/* One whole sample more: asked and answered from now on. */
static void sample_wait(struct drill *d)
{
	uint64_t began = mono_us(), until = began + SAMPLE_MS * UINT64_C(3000);
	while (d->sampled_us < began && mono_us() < until && !drill_stopping(d))
		drill_pump(d, mono_us() + 20000);
}

static bool wait_metric(struct drill *d, const char *name, double at_least, double at_most, int ms)
{
	uint64_t until = mono_us() + (uint64_t)ms * 1000;
	while (mono_us() < until && !drill_stopping(d)) {
		double v = drill_metric(d, name, NULL, NULL);
		if (v >= at_least && v <= at_most)
			return true;
		drill_pump(d, mono_us() + 50000);
	}
	return false;
}

/* ---- what this is ------------------------------------------------------------------------ */

static void cpu_name(char out[64])
{
	char line[256];
	FILE *f = fopen("/proc/cpuinfo", "re");
	(void)str_copy(out, 64, "unknown");
	while (f && fgets(line, sizeof(line), f)) {
		char *colon = strchr(line, ':');
		if (strncmp(line, "model name", 10) != 0 || !colon)
			continue;
		(void)str_copy(out, 64, colon + 2);
		out[strcspn(out, "\n")] = '\0';
		break;
	}
	if (f)
		fclose(f);
}

static void run_put(struct drill *d)
{
	struct utsname u;
	struct sysinfo si;
	char cpu[64], date[32], build[17];
	time_t now = time(NULL);
	struct tm tm;
	json_t *sites = json_array(), *machines = json_array();
	uname(&u);
	sysinfo(&si);
	cpu_name(cpu);
	place_build(build, d->before);
	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
	for (uint32_t s = 0; s < LAB_SITES; s++)
		json_array_append_new(sites, json_string(lab_site_name(s)));
	for (uint32_t m = 0; m < LAB_MACHINES; m++)
		json_array_append_new(machines,
				      json_pack("{ss ss ss}", "name", lab_machine_name(m), "site",
						lab_site_name(lab_machine_site(m)), "ip",
						lab_machine_ip(m)));
	journal_put(d->journal, "run", 0,
		    json_pack("{ss ss ss sI ss ss sI s{ss ss si sI} s{si si si si si sb sf sf ss} "
			      "so so ss ss sb}",
			      "title", d->e->title, "file", d->file, "description",
			      d->e->description, "seed", (json_int_t)d->seed, "version",
			      HELIO_VERSION, "date", date, "wall_ms", (json_int_t)wall_ms(),
			      "machine", "kernel", u.release, "cpu", cpu, "cpus", get_nprocs(),
			      "memory_mb", (json_int_t)(si.totalram * si.mem_unit >> 20), "load",
			      "callers", (int)d->e->callers, "agents", (int)d->e->agents,
			      "browsers", (int)d->e->browsers, "far", (int)d->e->far, "sipp",
			      (int)d->e->sipp, "again", d->e->again, "talk_s", d->e->talk_s,
			      "hold_s", d->e->callers_hold_s, "wan", d->e->wan, "sites", sites,
			      "machines", machines, "lab_dir", d->lab_dir, "build", build, "before",
			      d->before != NULL));
}

/* ---- the phases -------------------------------------------------------------------------- */

static int lab_up(struct drill *d)
{
	char why[512];
	drill_phase(d, "lab");
	int err = keeper_start(&d->lab_conf, &d->keeper, why);
	if (err) {
		fprintf(stderr, "helio-chaos: %s\n", why);
		drill_judge(d, ABORTED, "the lab did not come up: %.200s", why);
		return err;
	}
	err = lab_client_open(&d->lab, d->lab_dir, event_h, d);
	if (err) {
		drill_judge(d, ABORTED, "the lab's keeper does not answer: %s", strerror(err));
		return err;
	}
	watch_open(d);
	if (!wait_metric(d, "daemons_up", DRILL_DAEMONS, DRILL_DAEMONS, DAEMONS_MS))
		drill_judge(d, ABORTED, "not every node and broker answers");
	return d->verdict == HELD ? 0 : ETIMEDOUT;
}

static int load_up(struct drill *d)
{
	drill_phase(d, "agents");
	int err = d->e->agents ? people_agents(d) : 0;
	int ms = d->e->browsers ? BROWSERS_MS : AGENTS_MS;
	if (err || !wait_metric(d, "idle", d->e->agents, d->e->agents, ms)) {
		drill_judge(d, INCONCLUSIVE, "only %g of %u agents became ready",
			    drill_metric(d, "idle", NULL, NULL), d->e->agents);
		return ETIMEDOUT;
	}
	drill_phase(d, "callers");
	/* These first: later no agent would be free for them. */
	err = people_far(d);
	/* Those who call again: some of the first talks are over by now. */
	double far = d->e->again ? d->e->far * FAR_PART : d->e->far;
	if (err || !wait_metric(d, "far_talks", far, INFINITY, FAR_MS)) {
		drill_judge(d, INCONCLUSIVE, "only %g of %u callers talk across a line",
			    drill_metric(d, "far_talks", NULL, NULL), d->e->far);
		return ETIMEDOUT;
	}
	err = people_callers(d, d->e->callers - d->e->far - d->e->sipp, d->e->callers_hold_s, NULL);
	if (!err)
		err = sipp_callers(d);
	if (err || !wait_metric(d, "callers_live", d->e->callers, d->e->callers, CALLERS_MS)) {
		drill_judge(d, INCONCLUSIVE, "only %g of %u callers were answered",
			    drill_metric(d, "callers_live", NULL, NULL), d->e->callers);
		return ETIMEDOUT;
	}
	return 0;
}

static bool steady_comes(struct drill *d, const char *when, uint64_t ms, bool at_all)
{
	uint64_t until = mono_us() + ms * 1000;
	while (!method_steady(d, when, false) && mono_us() < until &&
	       (at_all || !drill_stopping(d)))
		drill_pump(d, mono_us() + 200000);
	return method_steady(d, when, true);
}

static void step_run(struct drill *d, const struct step *s)
{
	char why[256];
	json_t *v = NULL;
	drill_pump(d, mono_us() + (uint64_t)(s->pause_before_s * 1e6));
	if (drill_stopping(d))
		return;
	drill_say(d, "  -> %s", s->name);
	journal_put(d->journal, "step", 0, json_pack("{ss ss}", "name", s->name, "phase", "begin"));
	int err = method_step(d, s, &v, why);
	bool ok =
	    !err && (s->tolerance.kind == TOLERANCE_NONE || tolerance_holds(&s->tolerance, v));
	if (err && !drill_stopping(d))
		drill_judge(d, s->func && s->func->class == FUNC_WAIT ? DEVIATED : INCONCLUSIVE,
			    "%s: %s", s->name, why);
	else if (!ok && !drill_stopping(d))
		drill_judge(d, DEVIATED, "%s: %g is not what was wanted", s->name,
			    json_number_value(v));
	journal_put(d->journal, "step", 0,
		    json_pack("{ss ss sb ss so}", "name", s->name, "phase", "end", "ok", ok, "why",
			      why, "value", v ? v : json_null()));
	drill_pump(d, mono_us() + (uint64_t)(s->pause_after_s * 1e6));
}

static void steps_run(struct drill *d, const struct step *s, uint32_t n)
{
	for (uint32_t i = 0; i < n && !drill_stopping(d); i++)
		step_run(d, &s[i]);
}

/* Whatever happened: all faults end, and that each has bitten is asked. */
static void rollback(struct drill *d)
{
	d->watching = false;
	drill_phase(d, "rollbacks");
	if (!drill_stopping(d))
		steps_run(d, d->e->rollbacks, d->e->rollbacks_n);
	if (!d->keeper_gone)
		json_decref(lab_client_ask(d->lab, json_pack("{ss}", "do", "heal_all")));
	(void)lab_client_step(d->lab);
	for (uint32_t i = 0; i < d->faults_n && d->verdict != ABORTED; i++) {
		const struct drill_fault *f = &d->fault[i];
		if (!f->bitten)
			drill_judge(d, INCONCLUSIVE, "the fault %s (%s) has not bitten", f->step,
				    f->kind);
		else if (f->line && f->across == 0 && d->e->agents && d->e->callers)
			drill_judge(d, INCONCLUSIVE,
				    "nobody talked over the line of %s (%s); load: {far: N}",
				    f->step, f->kind);
	}
}

static void drain(struct drill *d)
{
	drill_phase(d, "drain");
	(void)wait_metric(d, "daemons_up", DRILL_DAEMONS, DRILL_DAEMONS, HEAL_MS);
	people_stop_callers(d);
	(void)wait_metric(d, "callers_live", 0, 0, DRAIN_MS);
	(void)wait_metric(d, "calls", 0, 0, DRAIN_MS);
	sample_wait(d); /* the ledger's counters are of the last sample */
	people_follow(d);
	if (!drill_stopping(d))
		ledger_make(d);
}

static void judge_ourselves(struct drill *d)
{
	if (*d->stop)
		drill_judge(d, ABORTED, "stopped by hand");
	if (d->stopped[0])
		drill_judge(d, ABORTED, "a stop condition held: %s", d->stopped);
	if (d->lag_worst_ms >= STARVED_MS)
		drill_judge(
		    d, INCONCLUSIVE,
		    "this machine was starved: our own timers were %u ms late (%u are allowed)",
		    d->lag_worst_ms, (unsigned)STARVED_MS);
}

static void phases(struct drill *d)
{
	if (lab_up(d) || load_up(d))
		return;
	drill_phase(d, "steady-before");
	if (!steady_comes(d, "before", STEADY_MS, false)) {
		if (!drill_stopping(d))
			drill_judge(d, INCONCLUSIVE,
				    "the steady state did not hold before: nothing was broken");
		return;
	}
	/* what counts is from here on */
	d->gap_ms = d->near_gap_ms = d->far_gap_ms = d->agent_away_ms = 0;
	d->watching = true;
	drill_phase(d, "method");
	steps_run(d, d->e->method, d->e->method_n);
	if (!drill_stopping(d)) {
		drill_phase(d, "steady-after");
		(void)steady_comes(d, "after", (uint64_t)(d->e->settle_s * 1000), false);
	}
	rollback(d);
	if (!drill_stopping(d))
		drain(d);
}

static void lab_down(struct drill *d)
{
	watch_close(d);
	if (d->lab) {
		json_decref(lab_client_ask(d->lab, json_pack("{ss}", "do", "down")));
		d->lab = lab_client_close(d->lab);
	}
	if (d->keeper)
		(void)waitpid(d->keeper, NULL, 0);
}

int drill_run(struct drill *d)
{
	static const int codes[] = {EXIT_HELD, EXIT_DEVIATED, EXIT_INCONCLUSIVE, EXIT_ABORTED};
	run_put(d);
	phases(d);
	lab_down(d);
	history_check(d);
	judge_ourselves(d);
	drill_phase(d, "end");
	json_t *reasons = json_array();
	for (uint32_t i = 0; i < d->reasons_n; i++)
		json_array_append_new(reasons, json_string(d->reason[i]));
	journal_put(d->journal, "verdict", 0,
		    json_pack("{ss so}", "verdict", verdict_name(d->verdict), "reasons", reasons));
	if (!d->silent)
		printf("%s: %s\n", verdict_name(d->verdict), d->e->title);
	for (uint32_t i = 0; i < d->reasons_n && !d->silent; i++)
		printf("  %s\n", d->reason[i]);
	fflush(stdout);
	return codes[d->verdict];
}
