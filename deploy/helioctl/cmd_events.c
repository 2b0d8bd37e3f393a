/*
 * events: what all daemons log, merged. Each keeps its last 1,000 lines in memory and hands out
 * those after a number; with --follow they are asked again and again, each for what it has not said
 * yet. Times are the daemons' own wall clocks: order between two machines is as good as their
 * clocks.
 */
#include "deploy/helioctl/ctl.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	POLL_MS = 500,
	TAIL = 10, /* shown before following, as other tools do */
	FIELDS_MAX = 64,
};

static struct {
	const char *daemon, *level;
	uint32_t since_ms;
	bool follow;
} opt;

const struct ctl_option cmd_events_options[] = {
    {"follow", NULL, CTL_FLAG, &opt.follow, "go on with what comes; Ctrl-C ends"},
    {"since", "TIME", CTL_DURATION_MS, &opt.since_ms, "only what is younger: 90s, 10m, 8h"},
    {"daemon", "NAME", CTL_TEXT, &opt.daemon, "only this daemon"},
    {"level", "LEVEL", CTL_TEXT, &opt.level, "debug, info, warn or error, and what is worse"},
    {NULL, NULL, CTL_FLAG, NULL, NULL},
};

/* What is known of one daemon's lines. */
struct source {
	char life[64];
	int64_t seq; /* the last one shown */
	bool asked, silent;
};

static const char *const levels[] = {"debug", "info", "warn", "error"};

static int level_number(const char *s)
{
	for (int i = 0; i < 4; i++)
		if (strcmp(levels[i], s) == 0)
			return i;
	return -1;
}

/* ---- one line ------------------------------------------------------------------------------ */

/* Takes key=value or key="value" off the front of *s into o. false: the rest is no logfmt. */
static bool field_take(const char **s, json_t *o)
{
	char key[64], value[2048];
	const char *p = *s + strspn(*s, " ");
	size_t n = strcspn(p, "= "), v = 0;
	if (!n || n >= sizeof(key) || p[n] != '=')
		return false;
	memcpy(key, p, n);
	key[n] = '\0';
	p += n + 1;
	bool quoted = *p == '"';
	for (p += quoted; *p && *p != (quoted ? '"' : ' ') && v + 1 < sizeof(value); p++) {
		if (quoted && *p == '\\' && p[1])
			p++;
		value[v++] = *p;
	}
	value[v] = '\0';
	*s = p + (quoted && *p == '"');
	json_object_set_new(o, key, json_string(value));
	return true;
}

static json_t *fields_of(const char *line)
{
	json_t *o = json_object();
	for (int i = 0; i < FIELDS_MAX && field_take(&line, o); i++)
		;
	return o;
}

/* Without what the columns before it say already. */
static const char *rest_of(const char *line)
{
	const char *event = strstr(line, "event=");
	return event ? event + strlen("event=") : line;
}

static void line_json(struct ctl *ctl, json_t *e)
{
	json_t *fields = fields_of(json_text(e, "line"));
	json_object_set(e, "event", json_object_get(fields, "event"));
	json_object_del(fields, "event");
	json_object_del(fields, "level");
	json_object_del(fields, "daemon");
	json_object_set_new(e, "fields", fields);
	char *text = json_dumps(e, JSON_COMPACT);
	fprintf(ctl->out, "%s\n", text ? text : "{}");
	free(text);
}

static void line_text(struct ctl *ctl, const json_t *e, int name_width)
{
	static const enum style styles[] = {STYLE_DIM, STYLE_NONE, STYLE_WARN, STYLE_BAD};
	const char *level = json_text(e, "level");
	int number = level_number(level);
	enum style style = styles[number < 0 ? 1 : number];
	int64_t at_ms = json_number(e, "at_ms");
	time_t at = (time_t)(at_ms / 1000);
	char when[16] = "";
	struct tm tm;
	if (localtime_r(&at, &tm))
		strftime(when, sizeof(when), "%H:%M:%S", &tm);
	fprintf(ctl->out, "%s%s.%03d %-*s%s %s%-5s ", style_on(ctl->colour, STYLE_DIM), when,
		(int)(at_ms % 1000), name_width, json_text(e, "daemon"),
		style_off(ctl->colour, STYLE_DIM), style_on(ctl->colour, style), level);
	/* What a peer made a daemon log does not reach the terminal as control characters. */
	for (const char *p = rest_of(json_text(e, "line")); *p; p++)
		fputc((unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p, ctl->out);
	fprintf(ctl->out, "%s\n", style_off(ctl->colour, style));
}

/* ---- putting the answers together ------------------------------------------------------------ */

static void add(json_t *all, const struct answer *a, int64_t at_ms, const char *level,
		const char *line)
{
	if (opt.level && level_number(level) < level_number(opt.level))
		return;
	json_array_append_new(all, json_pack("{s:I, s:s, s:s, s:s, s:s}", "at_ms",
					     (json_int_t)at_ms, "daemon", a->d->name, "site",
					     a->site->name, "level", level, "line", line));
}

/* A line of our own about a daemon, in the form of its lines. */
static void say(json_t *all, const struct answer *a, const char *level, const char *event,
		const char *why)
{
	char line[256];
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	snprintf(line, sizeof(line), "level=%s daemon=%s event=%s%s%.150s%s", level, a->d->name,
		 event, *why ? " why=\"" : "", why, *why ? "\"" : "");
	add(all, a, (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000, level, line);
}

static void source_take(struct source *s, const struct answer *a, json_t *all)
{
	const json_t *r = a->reply;
	char gone[96];
	size_t i;
	json_t *e;
	bool again = s->asked && strcmp(s->life, json_text(r, "life")) != 0;

	if (s->silent)
		say(all, a, "info", "ctl.answers", "");
	if (again)
		s->seq = 0; /* a new process counts from 1 */
	if (s->asked && json_number(r, "first") > s->seq + 1) {
		snprintf(gone, sizeof(gone), "%lld events came faster than they were asked for",
			 (long long)(json_number(r, "first") - s->seq - 1));
		say(all, a, "warn", "ctl.events_lost", gone);
	}
	int64_t oldest = opt.since_ms && !s->asked ? json_number(r, "now_ms") - opt.since_ms : 0;
	json_array_foreach(json_object_get(r, "events"), i, e)
	{
		if (json_number(e, "at_ms") >= oldest && json_number(e, "seq") > s->seq)
			add(all, a, json_number(e, "at_ms"), json_text(e, "level"),
			    json_text(e, "line"));
	}
	s->seq = json_number(r, "last");
	snprintf(s->life, sizeof(s->life), "%s", json_text(r, "life"));
	s->asked = true;
	s->silent = false;
}

struct entry {
	json_t *e;
	size_t place;
};

static int by_time(const void *va, const void *vb)
{
	const struct entry *a = va, *b = vb;
	int64_t x = json_number(a->e, "at_ms"), y = json_number(b->e, "at_ms");
	if (x != y)
		return x < y ? -1 : 1;
	return a->place < b->place ? -1 : 1; /* as each daemon said them */
}

/* Prints in order of time; only the last `tail` if that is not 0. */
static void print(struct ctl *ctl, const json_t *all, size_t tail, int name_width)
{
	size_t n = json_array_size(all);
	struct entry *v = calloc(n + 1, sizeof(*v));
	for (size_t i = 0; v && i < n; i++)
		v[i] = (struct entry){json_array_get(all, i), i};
	if (v && n)
		qsort(v, n, sizeof(*v), by_time);
	for (size_t i = tail && n > tail ? n - tail : 0; v && i < n; i++) {
		if (ctl->json)
			line_json(ctl, v[i].e);
		else
			line_text(ctl, v[i].e, name_width);
	}
	free(v);
	fflush(ctl->out);
}

/* What each daemon is asked for. */
static json_t *requests(const struct conf *c, const struct source *sources)
{
	json_t *each = json_object();
	for (uint32_t i = 0; i < c->daemons_n; i++)
		if (sources[i].asked)
			json_object_set_new(each, c->daemons[i].name,
					    json_pack("{s:I, s:s}", "after",
						      (json_int_t)sources[i].seq, "life",
						      sources[i].life));
	return each;
}

static int poll_all(struct ctl *ctl, struct source *sources, size_t tail)
{
	struct answers as;
	const struct conf *c = ctl->conf;
	json_t *each = requests(c, sources), *all = json_array();
	int width = 0, code = ask_each(ctl, ASK_ALL, opt.daemon, "events", NULL, each, &as);

	for (uint32_t i = 0; i < as.n; i++) {
		const struct answer *a = &as.list[i];
		struct source *s = &sources[a->d - c->daemons];
		int len = (int)strlen(a->d->name);
		width = len > width ? len : width;
		if (a->reply) {
			source_take(s, a, all);
			continue;
		}
		if (!s->silent)
			say(all, a, "error", "ctl.silent", a->why);
		s->silent = true;
	}
	print(ctl, all, tail, width);
	json_decref(all);
	json_decref(each);
	answers_free(&as);
	return code;
}

int cmd_events(struct ctl *ctl)
{
	if (opt.level && level_number(opt.level) < 0)
		return ctl_fail(CTL_USAGE, "debug, info, warn or error", "--level: '%s'",
				opt.level);
	if (opt.daemon && !conf_daemon_by_name(ctl->conf, opt.daemon))
		return ctl_fail(CTL_USAGE, "`helioctl status` lists them", "no daemon '%s'",
				opt.daemon);
	struct source *sources = calloc(ctl->conf->daemons_n + 1u, sizeof(*sources));
	if (!sources)
		return ctl_fail(CTL_UNHEALTHY, NULL, "out of memory");
	int code = poll_all(ctl, sources, opt.follow && !opt.since_ms ? TAIL : 0);
	while (opt.follow && !ferror(ctl->out)) { /* until Ctrl-C, or the reader goes */
		poll(NULL, 0, POLL_MS);
		code = poll_all(ctl, sources, 0);
	}
	free(sources);
	return code;
}
