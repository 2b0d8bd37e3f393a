/* Does one activity of an experiment. */
#include "chaos/drill/drill.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/base.h"

static const char *text(const json_t *args, const char *key)
{
	return json_string_value(json_object_get(args, key));
}

static double number(const json_t *args, const char *key, double none)
{
	const json_t *v = json_object_get(args, key);
	return json_is_number(v) ? json_number_value(v) : none;
}

/* ---- faults ------------------------------------------------------------------------------ */

static int do_fault(struct drill *d, const struct step *s, json_t **ret, char why[256])
{
	json_t *args = json_deep_copy(s->args);
	const char *target = text(args, "target");
	json_t *req = json_pack("{ss ss ss sf}", "do", "fault", "kind", s->func->name, "target",
				target ? target : "", "for_s", number(args, "for", 0));
	(void)json_object_del(args, "for");
	(void)json_object_del(args, "target");
	json_object_set_new(req, "args", args);
	json_t *o = lab_client_ask(d->lab, req);
	if (!o) {
		snprintf(why, 256, "%s", lab_client_why(d->lab));
		return EIO;
	}
	if (d->faults_n < DRILL_FAULTS_MAX) {
		/* Its "begun" may have made the entry already. */
		uint32_t id = (uint32_t)json_integer_value(json_object_get(o, "id"));
		for (uint32_t i = 0; i < d->faults_n; i++)
			if (d->fault[i].id == id)
				(void)str_copy(d->fault[i].step, sizeof(d->fault[i].step), s->name);
	}
	*ret = json_incref(json_object_get(o, "id"));
	json_decref(o);
	return 0;
}

/* A line on which nobody talks proves nothing about talks: how many there are. */
static void line_note(struct drill *d, struct drill_fault *f, const json_t *ev)
{
	const json_t *args = json_object_get(ev, "args");
	const char *target = text(ev, "target"), *from = text(args, "from"), *to = text(args, "to");
	f->line = strcmp(f->kind, "cut") == 0 || strcmp(f->kind, "link") == 0;
	if (!f->line)
		return;
	f->across =
	    people_across(d, lab_site_find(from ? from : target), to ? lab_site_find(to) : -1);
	journal_put(d->journal, "across", 0,
		    json_pack("{si si}", "id", (int)f->id, "talks", (int)f->across));
	drill_say(d, "         %u talks go over it", f->across);
}

void method_fault_event(struct drill *d, const json_t *ev)
{
	uint32_t id = (uint32_t)json_integer_value(json_object_get(ev, "id"));
	const char *phase = json_string_value(json_object_get(ev, "phase"));
	struct drill_fault *f = NULL;
	for (uint32_t i = 0; i < d->faults_n && !f; i++)
		if (d->fault[i].id == id)
			f = &d->fault[i];
	if (!f && d->faults_n < DRILL_FAULTS_MAX) {
		f = &d->fault[d->faults_n++];
		*f = (struct drill_fault){.id = id};
		(void)str_copy(f->kind, sizeof(f->kind),
			       json_string_value(json_object_get(ev, "kind")));
	}
	if (!f || !phase)
		return;
	if (strcmp(phase, "begun") == 0)
		line_note(d, f, ev);
	f->bitten |= json_is_true(json_object_get(ev, "bitten"));
	f->healed |= strcmp(phase, "healed") == 0;
	drill_say(d, "         %s %s %s", json_string_value(json_object_get(ev, "kind")),
		  json_string_value(json_object_get(ev, "target")), phase);
}

static int do_heal(struct drill *d, const struct step *s, json_t **ret, char why[256])
{
	const char *step = text(s->args, "step");
	json_t *o = NULL;
	(void)ret;
	if (!step) {
		o = lab_client_ask(d->lab, json_pack("{ss}", "do", "heal_all"));
	} else {
		for (uint32_t i = d->faults_n; i-- > 0;) {
			if (strcmp(d->fault[i].step, step) != 0)
				continue;
			if (d->fault[i].healed)
				return 0;
			o = lab_client_ask(
			    d->lab, json_pack("{ss si}", "do", "heal", "id", (int)d->fault[i].id));
			break;
		}
	}
	snprintf(why, 256, "%s", step ? "no such fault is on" : lab_client_why(d->lab));
	json_decref(o);
	return o ? 0 : ENOENT;
}

/* ---- processes --------------------------------------------------------------------------- */

/* Runs a command while the drill goes on; its exit status, 128 and more: signals, 255: too late. */
static int command(struct drill *d, const char *line, double timeout_s)
{
	char path[LAB_PATH_SIZE];
	snprintf(path, sizeof(path), "%.480s/logs/commands.log", d->out);
	pid_t pid = fork();
	if (pid == 0) {
		int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
		(void)setpgid(0, 0);
		(void)dup2(fd, 1);
		(void)dup2(fd, 2);
		execl("/bin/sh", "sh", "-c", line, (char *)NULL);
		_exit(127);
	}
	uint64_t until = mono_us() + (uint64_t)(timeout_s * 1e6);
	int status = 0;
	while (pid > 0 && waitpid(pid, &status, WNOHANG) == 0) {
		if (mono_us() >= until || drill_stopping(d)) {
			(void)kill(-pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
			return 255;
		}
		drill_pump(d, mono_us() + 50000);
	}
	return pid < 0 ? 127 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int do_process(struct drill *d, const struct step *s, json_t **ret, char why[256])
{
	char line[2048];
	snprintf(line, sizeof(line), "%s %s%s", s->path, s->arguments, s->background ? " &" : "");
	int code = command(d, line, s->timeout_s);
	*ret = json_integer(code);
	if (code && s->tolerance.kind == TOLERANCE_NONE) {
		snprintf(why, 256, "%s ended with %d; see logs/commands.log", s->path, code);
		return EIO;
	}
	return 0;
}

static int do_ctl(struct drill *d, const struct step *s, json_t **ret, char why[256])
{
	char line[2048];
	const char *target = text(s->args, "target");
	(void)ret;
	if (strspn(target, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(target)) {
		snprintf(why, 256, "%s: not a name", target);
		return EINVAL;
	}
	bool undo = strcmp(s->func->name, "undrain") == 0;
	snprintf(line, sizeof(line), "%s/helioctl drain %s %s --config %s/base/cluster.yaml",
		 d->lab_conf.bin, target, undo ? "--undo" : "", d->lab_dir);
	int code = command(d, line, 30);
	if (code)
		snprintf(why, 256, "helioctl %s ended with %d; see logs/commands.log",
			 s->func->name, code);
	return code ? EIO : 0;
}

/* ---- the rest ---------------------------------------------------------------------------- */

static int do_wait(struct drill *d, const struct step *s, json_t **ret, char why[256])
{
	const char *metric = text(s->args, "metric"), *site = text(s->args, "site"),
		   *node = text(s->args, "node");
	double low = number(s->args, "at_least", -INFINITY),
	       high = number(s->args, "at_most", INFINITY), v;
	uint64_t began = mono_us(), until = began + (uint64_t)(number(s->args, "within", 10) * 1e6);
	for (;;) {
		v = drill_metric(d, metric, site, node);
		/* What was asked before knows nothing of the step before. */
		if (v >= low && v <= high && d->sampled_us >= began) {
			*ret = json_real(v);
			return 0;
		}
		if (mono_us() >= until || drill_stopping(d))
			break;
		drill_pump(d, mono_us() + 100000);
	}
	snprintf(why, 256, "%s is %g in the end", metric, v);
	return ETIMEDOUT;
}

static int do_callers(struct drill *d, const struct step *s, json_t **ret, char why[256])
{
	(void)ret;
	int err =
	    people_callers(d, (uint32_t)number(s->args, "callers", 0),
			   number(s->args, "hold", d->e->callers_hold_s), text(s->args, "node"));
	if (err)
		snprintf(why, 256, "callers cannot be started: %s", strerror(err));
	return err;
}

int method_step(struct drill *d, const struct step *s, json_t **ret_value, char why[256])
{
	*ret_value = NULL;
	why[0] = '\0';
	if (!s->func)
		return do_process(d, s, ret_value, why);
	switch (s->func->class) {
	case FUNC_FAULT: return do_fault(d, s, ret_value, why);
	case FUNC_HEAL: return do_heal(d, s, ret_value, why);
	case FUNC_CTL: return do_ctl(d, s, ret_value, why);
	case FUNC_CALLERS: return do_callers(d, s, ret_value, why);
	case FUNC_WAIT: return do_wait(d, s, ret_value, why);
	case FUNC_METRIC: {
		double v =
		    drill_metric(d, s->func->name, text(s->args, "site"), text(s->args, "node"));
		*ret_value = v == floor(v) ? json_integer((json_int_t)v) : json_real(v);
		return 0;
	}
	}
	return ENOTSUP;
}

bool method_steady(struct drill *d, const char *when, bool tell)
{
	bool all = true;
	for (uint32_t i = 0; i < d->e->steady_n; i++) {
		const struct step *s = &d->e->steady[i];
		char why[256], wanted[160];
		json_t *v = NULL;
		int err = method_step(d, s, &v, why);
		bool ok = !err && tolerance_holds(&s->tolerance, v);
		double got = json_number_value(v);
		all &= ok;
		tolerance_text(&s->tolerance, wanted);
		if (tell) {
			journal_put(d->journal, "probe", 0,
				    json_pack("{ss ss so ss sb ss}", "name", s->name, "hypothesis",
					      when, "value", v ? v : json_null(), "tolerance",
					      wanted, "ok", ok, "why", why));
			drill_say(d, "         %s %s: %g, wanted %s",
				  ok ? "holds" : "DOES NOT HOLD", s->name, got, wanted);
		}
		if (tell && !ok && strcmp(when, "after") == 0)
			drill_judge(d, DEVIATED, "%s: %g, wanted %s", s->name, got, wanted);
		if (!tell)
			json_decref(v);
	}
	return all;
}
