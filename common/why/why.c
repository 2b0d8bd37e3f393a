#include "common/why/why.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/base.h"
#include "common/conf/hours.h"

static void say(json_t *lines, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(json_t *lines, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(lines, json_string(text));
}

/* "12.3 s", "4 min 10 s" */
static const char *span(char buf[32], uint64_t us)
{
	uint64_t s = us / 1000000;

	if (s < 60)
		snprintf(buf, 32, "%u.%u s", (unsigned)s, (unsigned)(us / 100000 % 10));
	else
		snprintf(buf, 32, "%llu min %u s", (unsigned long long)(s / 60),
			 (unsigned)(s % 60));
	return buf;
}

static const char *cause_text(uint8_t cause)
{
	switch ((enum acd_cause)cause) {
	case ACD_CAUSE_AGENT_REJECTED: return "the agent rejected it";
	case ACD_CAUSE_AGENT_NO_ANSWER: return "the agent did not answer";
	case ACD_CAUSE_AGENT_GONE: return "the agent's session was lost";
	case ACD_CAUSE_AGENT_BUSY:
	case ACD_CAUSE_AGENT_NOT_IDLE: return "the agent was not free any more";
	case ACD_CAUSE_TIMEOUT: return "the agent's node did not answer in time";
	case ACD_CAUSE_MEDIA_FAILED: return "no audio path could be set up";
	case ACD_CAUSE_KEEP_LOST: return "the agent's node stayed silent";
	case ACD_CAUSE_FORCED: return "a supervisor took it away";
	case ACD_CAUSE_STALE: return "the agent's node knew nothing of it";
	case ACD_CAUSE_NONE:
	case ACD_CAUSE_CALLER_HUNG_UP:
	case ACD_CAUSE_AGENT_HUNG_UP:
	case ACD_CAUSE_CALL_GONE:
	case ACD_CAUSE_QUEUE_EMPTY:
	case ACD_CAUSE_DRAINING:
	case ACD_CAUSE_LIMIT:
	case ACD_CAUSE_FENCED:
	case ACD_CAUSE_CLOSED: break;
	}
	return acd_cause_name(cause);
}

static void because(char buf[128], const struct acd_story *s)
{
	char idle[32];

	if (s->strategy == ACD_IN_PERSON) {
		snprintf(buf, 128, "asked for in person");
		return;
	}
	switch ((enum acd_strategy)s->strategy) {
	case ACD_LONGEST_IDLE:
		snprintf(buf, 128, "of those able idle for longest (%s)", span(idle, s->idle_us));
		return;
	case ACD_FEWEST_CALLS: snprintf(buf, 128, "of those able with the fewest calls"); return;
	case ACD_LEAST_TALK: snprintf(buf, 128, "of those able with the least talk"); return;
	case ACD_MOST_SKILLED: snprintf(buf, 128, "the most skilled of those idle"); return;
	case ACD_ROUND_ROBIN: snprintf(buf, 128, "of those able it was this one's turn"); return;
	case ACD_LINEAR: snprintf(buf, 128, "of those able first in line"); return;
	case ACD_RING_ALL: snprintf(buf, 128, "it rings at all who are able"); return;
	case ACD_STRATEGY_COUNT: break;
	}
	snprintf(buf, 128, "strategy %u", s->strategy);
}

static void say_story(const struct conf *conf, const struct acd_why *w, json_t *lines)
{
	char at[32], why[128];

	for (uint32_t i = 0; i < w->story_n; i++) {
		const struct acd_story *s = &w->story[i];
		const struct conf_agent *a = conf_agent_by_id(conf, s->agent.v);
		const struct conf_daemon *d = conf_daemon_by_addr(conf, s->node.v);
		const char *who = a ? a->name : "an agent no longer in agents.yaml";
		const char *where = d ? d->name : "?";
		span(at, s->age_us);
		switch ((enum acd_story_code)s->code) {
		case ACD_STORY_QUEUED: say(lines, "after %s: it came into the queue", at); break;
		case ACD_STORY_GRANTED:
			because(why, s);
			say(lines, "after %s: offered to %s at %s: %s", at, who, where, why);
			if (s->stage && s->stage <= ACD_RELAX_MAX)
				say(lines, "    the queue had relaxed what it asks for %u %s",
				    s->stage, s->stage == 1 ? "time" : "times");
			break;
		case ACD_STORY_BRIDGED: say(lines, "after %s: %s answered", at, who); break;
		case ACD_STORY_BACK:
			say(lines, "after %s: back to the queue with its place: %s", at,
			    cause_text(s->cause));
			break;
		case ACD_STORY_AWAIT:
			say(lines, "after %s: %s at %s went silent; waiting for the same agent", at,
			    who, where);
			break;
		case ACD_STORY_ADOPTED:
			say(lines, "after %s: this node took it from the journal", at);
			break;
		case ACD_STORY_CLOSED:
			say(lines, "after %s: by its hours the queue closed at every site", at);
			break;
		case ACD_STORY_NONE: break;
		}
	}
}

static void say_missing(const struct conf *conf, const struct acd_why *w, json_t *lines)
{
	char names[256] = "";
	size_t n = 0;

	for (uint32_t i = 0; i < conf->skills_n && n + CONF_NAME_SIZE + 3 < sizeof(names); i++)
		if (w->missing.bits >> i & 1)
			n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", n ? ", " : "",
					      conf->skills[i]);
	say(lines, "it waits because none of the %u idle %s here is able: %s %s", w->idle,
	    w->idle == 1 ? "agent" : "agents", w->missing_level ? "too low a level of" : "missing",
	    names);
}

/* Times are those of the clock on the wall there. */
static const char *wall_clock(char buf[64], const struct conf_site *site, uint64_t in_us)
{
	struct hours_zone *zone = NULL;

	(void)hours_zone_load(&zone, site->timezone); /* none: UTC, and it says so */
	conf_time_text(buf, 64, zone, wall_ms() / 1000 + (int64_t)(in_us / 1000000));
	hours_zone_free(zone);
	return buf;
}

static void say_closed(const struct conf *conf, const struct acd_why *w, json_t *lines)
{
	const struct conf_site *other = conf_site_by_number(conf, w->other_site);
	char at[64], in[32];

	say(lines, "it waits because its queue is closed %s by its hours",
	    w->closed_everywhere ? "at every site" : "at this site");
	if (other && w->other_in_us && w->closed_everywhere)
		say(lines, "next to open is %s: %s", other->name,
		    wall_clock(at, other, w->other_in_us));
	else if (other && w->other_in_us)
		say(lines, "open at %s until %s", other->name,
		    wall_clock(at, other, w->other_in_us));
	else if (other && !w->closed_everywhere)
		say(lines, "open at %s", other->name);
	if (!w->overflowing && !w->closed_everywhere && !w->overflow_in_us)
		say(lines, "no rule sends it there; remedy: overflow: [{when: closed_site, to: "
			   "any_open}]");
	if (w->opens_in_us)
		say(lines, "this site opens in %s", span(in, w->opens_in_us));
}

static void say_wait(const struct conf *conf, const struct acd_why *w, json_t *lines)
{
	char a[32];

	switch ((enum acd_why_code)w->code) {
	case ACD_WHY_MATCHING: say(lines, "an able agent is idle: it is being matched now"); break;
	case ACD_WHY_NOBODY: say(lines, "it waits because no agent is idle here"); break;
	case ACD_WHY_SKILL: say_missing(conf, w, lines); break;
	case ACD_WHY_OTHERS_FIRST:
		say(lines, "able agents are idle, but callers before it get them first");
		break;
	case ACD_WHY_CLOSED: say_closed(conf, w, lines); break;
	case ACD_WHY_SPOKEN: say(lines, "an agent is being reserved for it"); break;
	case ACD_WHY_IN_PERSON: say(lines, "it waits for somebody in person"); break;
	case ACD_WHY_NONE:
	case ACD_WHY_NOT_WAITING: return;
	}
	if (w->want_step && w->want_agent.v) {
		const struct conf_agent *wanted = conf_agent_by_id(conf, w->want_agent.v);
		say(lines,
		    "step %u: for %s more it is kept for %s, who comes first for this caller",
		    w->want_step, span(a, w->want_left_us),
		    wanted ? wanted->name : "an agent no longer in agents.yaml");
	} else if (w->want_step) {
		uint32_t k = 0;
		while (k + 1 < conf->skills_n && !(w->want_skills.bits >> k & 1))
			k++;
		say(lines, "step %u: for %s more it is kept for those who have %s, too",
		    w->want_step, span(a, w->want_left_us), conf->skills_n ? conf->skills[k] : "?");
	}
	say(lines, "%u before it in its queue; priority class %u", w->ahead, w->priority);
	if (w->stage && w->stage <= ACD_RELAX_MAX)
		say(lines, "the queue has relaxed what it asks for %u %s", w->stage,
		    w->stage == 1 ? "time" : "times");
	if (w->relax_in_us)
		say(lines, "in %s the queue asks for less", span(a, w->relax_in_us));
	if (w->overflowing)
		say(lines, "other sites may take it now");
	else if (w->overflow_in_us)
		say(lines, "in %s other sites may take it", span(a, w->overflow_in_us));
	if (w->ewt_us)
		say(lines, "a newcomer would wait about %s", span(a, w->ewt_us));
}

json_t *why_reply(const struct conf *conf, const struct acd *acd, const json_t *req,
		  acd_time_us now)
{
	const char *text = json_string_value(json_object_get(req, "call"));
	struct acd_why w = {0};
	struct acd_call_id id = {0};
	char age[32];

	if (!text || conf_id_parse(conf, text, &id.v))
		return json_pack("{sb ss ss}", "ok", 0, "error", "why needs the id of a call",
				 "remedy", "helioctl why oslo1-2f-91");
	bool known = acd_why(acd, id, now, &w);
	json_t *lines = json_array();
	if (known) {
		const struct conf_queue *q = conf_queue_by_id(conf, w.queue.v);
		if (w.owner) {
			say(lines, "call %s, queue %s: %s, %s old", text, q ? q->name : "?",
			    acd_call_state_name(w.state), span(age, w.age_us));
			say_story(conf, &w, lines);
		}
		if (w.matcher)
			say_wait(conf, &w, lines);
	}
	return json_pack("{sb sb sb sb ss ss so}", "ok", 1, "known", known, "owner", w.owner,
			 "matcher", w.matcher, "state", acd_call_state_name(w.state), "code",
			 acd_why_name(w.code), "lines", lines);
}
