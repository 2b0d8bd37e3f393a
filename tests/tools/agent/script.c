/*
 * A script gives named agents their steps in place of the standing behaviour, one line each:
 *
 *	# who: step              "*" is every agent that is started
 *	maria: wait idle 10s     the next such event that was not waited for yet, or fail
 *	maria: wait ring 20s
 *	maria: sleep 200ms
 *	maria: accept
 */
#include "tests/tools/agent/agent.h"
#include "common/base/base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 4096, WORD_SIZE = 48, LINE_SIZE = 256, WAIT_DEFAULT_MS = 30000 };

enum verb {
	DO_WAIT,
	DO_SLEEP,
	DO_READY,
	DO_PAUSE,
	DO_ACCEPT,
	DO_REJECT,
	DO_HANGUP,
	DO_WRAP,
	DO_MUTE,
	DO_SIGNOUT,
	DO_DROP
};

struct step {
	char who[NAME_SIZE];
	enum verb verb;
	enum agent_event event;
	uint32_t ms;
	char word[WORD_SIZE];
	int line;
};

struct script {
	size_t n;
	struct step v[STEPS_MAX];
};

static const char *const verb_name[] = {"wait",   "sleep", "ready", "pause",   "accept", "reject",
					"hangup", "wrap",  "mute",  "signout", "drop"};
static const char *const event_name[EVENTS] = {
    [EV_NONE] = "",           [EV_SIGNED_IN] = "signed_in",
    [EV_RESUMED] = "resumed", [EV_MEDIA] = "media",
    [EV_IDLE] = "idle",       [EV_NOT_READY] = "not_ready",
    [EV_RING] = "ring",       [EV_RING_END] = "ring_end",
    [EV_TALK] = "talk",       [EV_END] = "end",
    [EV_DOWN] = "down",       [EV_DENIED] = "denied",
    [EV_HEARD] = "heard",     [EV_TAKEN_OVER] = "taken_over"};

/* ---- reading ------------------------------------------------------------------------------ */

static int find(const char *const *names, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (names[i][0] && strcmp(names[i], word) == 0)
			return (int)i;
	return -1;
}

static int parse_step(struct step *s, const char *verb, const char *a, const char *b)
{
	int v = find(verb_name, HELIO_ARRAY_LEN(verb_name), verb);
	if (v < 0)
		return EINVAL;
	s->verb = (enum verb)v;
	s->ms = WAIT_DEFAULT_MS;
	(void)str_copy(s->word, sizeof(s->word), a);
	if (s->verb == DO_WAIT) {
		int e = find(event_name, EVENTS, a);
		if (e < 0)
			return EINVAL;
		s->event = (enum agent_event)e;
		return *b ? duration_parse(b, &s->ms) : 0;
	}
	if (s->verb == DO_SLEEP)
		return duration_parse(a, &s->ms);
	if (s->verb == DO_MUTE)
		return strcmp(a, "on") && strcmp(a, "off") ? EINVAL : 0;
	return 0;
}

static int parse_line(struct script *s, const char *line, int number)
{
	char who[NAME_SIZE] = "", verb[WORD_SIZE] = "", a[WORD_SIZE] = "", b[WORD_SIZE] = "";
	line += strspn(line, " \t\r\n");
	if (!*line || *line == '#')
		return 0;
	int n = sscanf(line, "%47[^: \t]%*[: \t]%47s %47s %47s", who, verb, a, b);
	if (n < 2 || s->n == STEPS_MAX)
		return EINVAL;
	struct step *step = &s->v[s->n++];
	step->line = number;
	(void)str_copy(step->who, sizeof(step->who), who);
	return parse_step(step, verb, a, b);
}

int script_load(struct script **ret, const char *path)
{
	char line[LINE_SIZE];
	int err = 0;
	FILE *f = fopen(path, "r");
	struct script *s = f ? calloc(1, sizeof(*s)) : NULL;
	if (!s) {
		err = f ? ENOMEM : errno;
		fprintf(stderr, "helio-agent: %s: %s\n", path, strerror(err));
	}
	for (int number = 1; !err && fgets(line, sizeof(line), f); number++) {
		err = parse_line(s, line, number);
		if (err)
			fprintf(
			    stderr,
			    "helio-agent: %s:%d: not understood: %.*s\n"
			    "allowed: WHO: wait EVENT [TIME] | sleep TIME | ready | pause REASON |"
			    " accept | reject | hangup | wrap [OUTCOME] | mute on|off | signout |"
			    " drop\n",
			    path, number, (int)strcspn(line, "\n"), line);
	}
	if (f)
		fclose(f);
	if (err) {
		free(s);
		return err;
	}
	*ret = s;
	return 0;
}

struct script *script_free(struct script *s)
{
	free(s);
	return NULL;
}

static bool is_for(const struct step *s, const char *agent)
{
	return strcmp(s->who, "*") == 0 || strcmp(s->who, agent) == 0;
}

bool script_names(const struct script *s, const char *agent)
{
	for (size_t i = 0; s && i < s->n; i++)
		if (is_for(&s->v[i], agent))
			return true;
	return false;
}

/* ---- running ------------------------------------------------------------------------------ */

static void run(struct agent *a);

static void slept(void *arg)
{
	struct agent *a = arg;
	a->step++;
	run(a);
}

static void waited_too_long(void *arg)
{
	struct agent *a = arg;
	const struct step *s = &a->script->v[a->step];
	pool_fail(a->pool, "%s: line %d: no %s within %u ms (state %s)", a->name, s->line,
		  event_name[s->event], s->ms, a->state);
}

/* true: the step is done; false: it goes on by itself. */
static bool act(struct agent *a, const struct step *s)
{
	switch (s->verb) {
	case DO_WAIT:
		if (a->pending[s->event]) {
			a->pending[s->event]--;
			return true;
		}
		a->waiting = true;
		tmr_start(&a->step_tmr, s->ms, waited_too_long, a);
		return false;
	case DO_SLEEP: tmr_start(&a->step_tmr, s->ms, slept, a); return false;
	case DO_READY: agent_do_ready(a); return true;
	case DO_PAUSE: agent_do_pause(a, s->word[0] ? s->word : "break"); return true;
	case DO_ACCEPT: agent_do_offer(a, "accept"); return true;
	case DO_REJECT: agent_do_offer(a, "reject"); return true;
	case DO_HANGUP: agent_do_offer(a, "hangup"); return true;
	case DO_WRAP: agent_do_wrap(a, s->word); return true;
	case DO_MUTE: agent_do_mute(a, strcmp(s->word, "on") == 0); return true;
	case DO_SIGNOUT: agent_do_signout(a); return true;
	case DO_DROP: agent_do_drop(a); return true;
	}
	return true;
}

static void run(struct agent *a)
{
	while (a->step < a->script->n) {
		const struct step *s = &a->script->v[a->step];
		if (is_for(s, a->name) && !act(a, s))
			return;
		a->step++;
	}
	if (!a->done) {
		a->done = true;
		report_event(a->name, "script_done", NULL);
		pool_script_done(a->pool);
	}
}

void script_start(struct agent *a)
{
	run(a);
}

static void go_on(void *arg)
{
	run(arg);
}

/* Goes on from the loop: the event may have come while the link is being read. */
void script_event(struct agent *a, enum agent_event ev)
{
	if (!a->waiting || a->script->v[a->step].event != ev) {
		a->pending[ev]++;
		return;
	}
	a->waiting = false;
	a->step++;
	tmr_start(&a->step_tmr, 0, go_on, a);
}
