#include "tests/tools/agent/agent.h"
#include "common/base/base.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	PING_MS = 5000, /* as PROTOCOL.md says; silence of 15 s is a dead link */
	SILENT_US = 15000000,
	PROBE_MS = 1000, /* as the page waits for the answer when a talk's sound stands still */
	BACKOFF_MIN_MS = 100,
	/* One process is not ten thousand browsers: with more handshakes under way on a busy
	 * machine none ends within its time. */
	BEGINNING_MAX = 512,
	QUEUE_MS = 50,
	BACKOFF_MAX_MS = 2000,
	/* As the page does (gateway/web/src/link): a gateway that has just come back hears of its
	 * nodes one after the other; a node that is dead must not cost more than this. */
	HOME_MAX_MS = 2000,
	HOME_RETRY_MS = 150,
	READY_AGAIN_MS = 300, /* not at once: a refused `ready` is answered by a state */
};

static void connect_now(void *arg);

static void set_id(char dst[ID_SIZE], const json_t *msg, const char *key)
{
	const char *s = json_string_value(json_object_get(msg, key));
	(void)str_copy(dst, ID_SIZE, s ? s : "");
}

static const char *text(const json_t *msg, const char *key)
{
	const char *s = json_string_value(json_object_get(msg, key));
	return s ? s : "";
}

static json_int_t since_ms(uint64_t us)
{
	return us ? (json_int_t)((mono_us() - us) / 1000) : 0;
}

void agent_event(struct agent *a, enum agent_event ev, const char *name, json_t *fields)
{
	report_event(a->name, name, fields);
	if (a->script && ev)
		script_event(a, ev);
}

/* Does as the options say: no script leads it, and it is not on its way out. */
static bool stands(const struct agent *a)
{
	return !a->script && !a->quitting && !a->pool->o->rest;
}

/* ---- what an agent does ------------------------------------------------------------------- */

void agent_do_ready(struct agent *a)
{
	link_send(a->link, json_pack("{s:s}", "t", "ready"));
}

void agent_do_pause(struct agent *a, const char *reason)
{
	link_send(a->link, json_pack("{s:s, s:s}", "t", "pause", "reason", reason));
}

void agent_do_offer(struct agent *a, const char *verb)
{
	if (strcmp(verb, "accept") == 0)
		a->accept_us = mono_us();
	link_send(a->link, json_pack("{s:s, s:s}", "t", verb, "offer", a->offer));
	report_event(a->name, verb, json_pack("{s:s}", "offer", a->offer));
}

void agent_do_wrap(struct agent *a, const char *disposition)
{
	link_send(a->link, json_pack("{s:s, s:s, s:s, s:s, s:b}", "t", "wrap", "offer", a->offer,
				     "disposition", disposition, "note", "", "done", 1));
}

void agent_do_mute(struct agent *a, bool on)
{
	link_send(a->link, json_pack("{s:s, s:b}", "t", "mute", "on", on));
}

void agent_do_signout(struct agent *a)
{
	a->quitting = true;
	link_send(a->link, json_pack("{s:s}", "t", "signout"));
}

static void reconnect_later(struct agent *a, const char *why)
{
	if (strcmp(why, LINK_OTHER_NODE) == 0) {
		if (!a->other_us)
			a->other_us = mono_us();
		tmr_start(&a->connect_tmr, HOME_RETRY_MS, connect_now, a);
		return;
	}

	if (strcmp(why, LINK_NODE_LOST) == 0)
		a->homeless = true; /* and this gateway lives: it has just said so */
	else
		a->gateway++;
	tmr_start(&a->connect_tmr, a->backoff_ms, connect_now, a);
	a->backoff_ms = a->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : a->backoff_ms * 2;
}

static void begins(struct agent *a, bool on)
{
	if (on != a->beginning)
		a->pool->beginning += on ? 1 : (size_t)-1;
	a->beginning = on;
}

static void went_down(struct agent *a, const char *why, int code)
{
	begins(a, false);
	a->sealed = a->in = false;
	tmr_cancel(&a->act_tmr);
	tmr_cancel(&a->ready_tmr);
	tmr_cancel(&a->ping_tmr);
	tmr_cancel(&a->doubt_tmr);
	if (a->quitting) {
		a->done = true;
		pool_check_end(a->pool);
		return;
	}
	if (!a->lost_us)
		a->lost_us = mono_us();
	if (strcmp(why, LINK_OTHER_NODE) == 0) {
		reconnect_later(a, why);
		return;
	}
	report_count(COUNT_DOWNS);
	agent_event(a, EV_DOWN, "down", json_pack("{s:s, s:i}", "why", why, "code", code));
	reconnect_later(a, why);
}

void agent_do_drop(struct agent *a)
{
	a->link = link_close(a->link);
	went_down(a, "dropped by the script", 0);
}

/* ---- standing behaviour (without a script) ------------------------------------------------ */

static void ready_later(void *arg)
{
	struct agent *a = arg;
	if (a->in && a->media_up && strcmp(a->state, "not_ready") == 0)
		agent_do_ready(a);
}

static void answer_now(void *arg)
{
	struct agent *a = arg;
	agent_do_offer(a, a->pool->o->answer == ANSWER_REJECT ? "reject" : "accept");
}

static void hangup_now(void *arg)
{
	agent_do_offer(arg, "hangup");
}

static void wrap_now(void *arg)
{
	const struct agent *a = arg;
	agent_do_wrap(arg, a->pool->o->disposition ? a->pool->o->disposition : "");
}

static void ping_now(void *arg)
{
	struct agent *a = arg;
	if (mono_us() - a->seen_us > SILENT_US) {
		a->link = link_close(a->link);
		went_down(a, "silent", 0);
		return;
	}
	link_send(a->link, json_pack("{s:s, s:I}", "t", "ping", "n", (json_int_t)a->ping_n++));
	tmr_start(&a->ping_tmr, PING_MS, ping_now, a);
}

static void doubt_over(void *arg)
{
	struct agent *a = arg;
	if (!a->link || mono_us() - a->seen_us < PROBE_MS * UINT64_C(1000))
		return;
	a->link = link_close(a->link);
	a->other_us = 1; /* sound and link: our node is gone, or we are; whoever takes us will do */
	went_down(a, "deaf", 0);
}

void agent_doubt(struct agent *a)
{
	if (!a->in || tmr_isrunning(&a->doubt_tmr))
		return;
	link_send(a->link, json_pack("{s:s, s:I}", "t", "ping", "n", (json_int_t)a->ping_n++));
	tmr_start(&a->doubt_tmr, PROBE_MS, doubt_over, a);
}

/* ---- what the node says ------------------------------------------------------------------- */

static void on_welcome(struct agent *a, const json_t *msg)
{
	bool resumed = a->ticket[0] != '\0';
	set_id(a->session, msg, "session");
	(void)str_copy(a->ticket, sizeof(a->ticket), text(msg, "ticket"));
	a->in = true;
	begins(a, false);
	a->backoff_ms = BACKOFF_MIN_MS;
	a->welcome_us = mono_us();
	report_time(TIME_LOGIN, a->welcome_us - a->login_us);
	report_count(COUNT_SIGNED_IN);
	if (resumed)
		report_count(COUNT_RESUMED);
	if (a->lost_us)
		report_time(TIME_RECONNECT, a->welcome_us - a->lost_us);
	a->lost_us = a->other_us = 0;
	a->homeless = false;
	audio_welcome(a, msg);
	agent_event(a, resumed ? EV_RESUMED : EV_SIGNED_IN, resumed ? "resumed" : "signed_in",
		    json_pack("{s:s, s:s, s:I}", "node", a->node, "session", a->session, "ms",
			      since_ms(a->login_us)));
}

static void on_denied(struct agent *a, const json_t *msg)
{
	const char *why = text(msg, "why");
	report_count(COUNT_DENIED);
	agent_event(a, EV_DENIED, "denied", json_pack("{s:s}", "why", why));
	if (strcmp(why, "credentials") == 0 || strcmp(why, "locked") == 0)
		pool_fail(a->pool, "%s was denied: %s", a->name, why);
	a->ticket[0] = '\0'; /* if it was the ticket, the password is next */
	a->link = link_close(a->link);
	a->sealed = false;
	begins(a, false);
	reconnect_later(a, why);
}

static void on_state(struct agent *a, const json_t *msg)
{
	char before[sizeof(a->state)];
	memcpy(before, a->state, sizeof(before));
	(void)str_copy(a->state, sizeof(a->state), text(msg, "state"));
	bool changed = strcmp(before, a->state) != 0;
	bool idle = strcmp(a->state, "idle") == 0;
	bool not_ready = strcmp(a->state, "not_ready") == 0;
	if (changed && idle) {
		a->idle_us = mono_us();
		report_count(COUNT_READY);
	}
	if (changed)
		agent_event(
		    a,
		    idle        ? EV_IDLE
		    : not_ready ? EV_NOT_READY
				: EV_NONE,
		    "state",
		    json_pack("{s:s, s:s}", "state", a->state, "reason", text(msg, "reason")));
	if (changed && idle)
		pool_check_end(a->pool);
	if (strcmp(a->state, "off") == 0 && a->quitting) {
		a->link = link_close(a->link);
		went_down(a, "signed out", 0);
	} else if (not_ready && stands(a) && a->media_up) {
		tmr_start(&a->ready_tmr, READY_AGAIN_MS, ready_later, a);
	}
}

static void on_media(struct agent *a, const json_t *msg)
{
	a->media_up = json_is_true(json_object_get(msg, "up"));
	agent_event(a, a->media_up ? EV_MEDIA : EV_NONE, "media",
		    json_pack("{s:b, s:s, s:I}", "up", a->media_up, "why", text(msg, "why"), "ms",
			      since_ms(a->welcome_us)));
	if (!a->media_up)
		return;
	report_count(COUNT_MEDIA_UP);
	report_time(TIME_MEDIA, mono_us() - a->welcome_us);
	if (stands(a) && (strcmp(a->state, "not_ready") == 0 || !a->state[0]))
		agent_do_ready(a);
}

static void on_ring(struct agent *a, const json_t *msg)
{
	const struct options *o = a->pool->o;
	/* Said again after a resume; it may be answered already. */
	bool again = strcmp(text(msg, "offer"), a->offer) == 0 ||
		     json_is_true(json_object_get(msg, "again"));
	set_id(a->offer, msg, "offer");
	set_id(a->call, msg, "call");
	if (!again) {
		a->talk_us = 0; /* one offer at a time: what was talked before died with its node */
		report_count(COUNT_RINGS);
		if (a->idle_us)
			report_time(TIME_FREED_RING, mono_us() - a->idle_us);
	}
	agent_event(a, again ? EV_NONE : EV_RING, again ? "ring_again" : "ring",
		    json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "offer", a->offer, "call", a->call,
			      "queue", text(msg, "queue"), "caller", text(msg, "caller"),
			      "waited_ms", json_integer_value(json_object_get(msg, "waited_ms")),
			      "idle_ms", since_ms(a->idle_us)));
	if (stands(a) && o->answer != ANSWER_IGNORE && !a->talk_us &&
	    !json_is_true(json_object_get(msg, "again")))
		tmr_start(&a->act_tmr, o->answer_after_ms, answer_now, a);
}

static void on_ring_end(struct agent *a, const json_t *msg)
{
	tmr_cancel(&a->act_tmr);
	report_count(COUNT_RING_ENDS);
	agent_event(a, EV_RING_END, "ring_end",
		    json_pack("{s:s, s:s, s:s}", "offer", text(msg, "offer"), "call",
			      text(msg, "call"), "why", text(msg, "why")));
	pool_check_end(a->pool);
}

static void on_talk(struct agent *a, const json_t *msg)
{
	const struct options *o = a->pool->o;
	bool again = a->talk_us != 0; /* resumed, or bridged anew */
	set_id(a->offer, msg, "offer");
	set_id(a->call, msg, "call");
	if (!again) {
		a->talk_us = mono_us();
		a->heard_once = false;
		report_count(COUNT_TALKS);
		if (a->accept_us)
			report_time(TIME_ACCEPT, a->talk_us - a->accept_us);
	}
	audio_talk(a, true);
	agent_event(a, EV_TALK, "talk",
		    json_pack("{s:s, s:s, s:I, s:b}", "offer", a->offer, "call", a->call, "ms",
			      since_ms(a->accept_us), "again", again));
	a->accept_us = 0;
	/* Resumed: the timer ended with the link. */
	if (stands(a) && !o->until_caller && !tmr_isrunning(&a->act_tmr))
		tmr_start(&a->act_tmr,
			  o->talk_vary ? rand_u32() % (2 * o->talk_ms + 1) : o->talk_ms, hangup_now,
			  a);
}

static void on_end(struct agent *a, const json_t *msg)
{
	const struct options *o = a->pool->o;
	tmr_cancel(&a->act_tmr);
	audio_talk(a, false);
	report_count(COUNT_ENDS);
	a->talk_us = 0;
	agent_event(a, EV_END, "end",
		    json_pack("{s:s, s:s, s:s, s:I}", "offer", text(msg, "offer"), "call",
			      text(msg, "call"), "why", text(msg, "why"), "talk_ms",
			      json_integer_value(json_object_get(msg, "talk_ms"))));
	if (stands(a))
		tmr_start(&a->act_tmr, o->wrap_ms, wrap_now, a);
	pool_check_end(a->pool);
}

static void on_taken_over(struct agent *a, const json_t *msg)
{
	(void)msg;
	bool unasked = !a->script && !a->quitting;
	a->quitting = true;
	agent_event(a, EV_TAKEN_OVER, "taken_over", NULL);
	if (unasked)
		pool_fail(a->pool, "%s was taken over by another page", a->name);
}

/* Connects anew, to whichever node the gateway chooses. Not from within a message of the old link.
 */
static void move_now(void *arg)
{
	struct agent *a = arg;
	a->link = link_close(a->link);
	a->sealed = a->in = false;
	tmr_cancel(&a->act_tmr);
	tmr_cancel(&a->ready_tmr);
	tmr_cancel(&a->ping_tmr);
	tmr_cancel(&a->doubt_tmr);
	a->lost_us = mono_us();
	a->homeless = true;
	connect_now(a);
}

static void on_move(struct agent *a, const json_t *msg)
{
	(void)msg;
	agent_event(a, EV_NONE, "move", NULL);
	if (!a->quitting)
		tmr_start(&a->connect_tmr, 0, move_now, a);
}

static void on_forced(struct agent *a, const json_t *msg)
{
	agent_event(a, EV_NONE, "forced",
		    json_pack("{s:s, s:s}", "what", text(msg, "what"), "by", text(msg, "by")));
}

static void on_error(struct agent *a, const json_t *msg)
{
	report_count(COUNT_ERRORS);
	agent_event(a, EV_NONE, "error",
		    json_pack("{s:s, s:s, s:s}", "what", text(msg, "what"), "why", text(msg, "why"),
			      "remedy", text(msg, "remedy")));
}

static const struct {
	const char *type;
	void (*handle)(struct agent *a, const json_t *msg);
} messages[] = {
    {"welcome", on_welcome}, {"denied", on_denied}, {"state", on_state},
    {"media", on_media},     {"ring", on_ring},     {"ring_end", on_ring_end},
    {"talk", on_talk},       {"end", on_end},       {"taken_over", on_taken_over},
    {"error", on_error},     {"forced", on_forced}, {"move", on_move},
};

static void link_message(const char *type, const json_t *msg, void *arg)
{
	struct agent *a = arg;
	a->seen_us = mono_us();
	if (a->pool->o->waves && strcmp(type, "queues") == 0)
		wave_seen();
	for (size_t i = 0; i < HELIO_ARRAY_LEN(messages); i++)
		if (strcmp(messages[i].type, type) == 0)
			messages[i].handle(a, msg);
	/* pong, queues, stats and what is newer than this tool: seen, that is all */
}

static void link_down(const char *why, int code, void *arg)
{
	struct agent *a = arg;
	a->link = NULL;
	went_down(a, why, code);
}

static const char *audio_name(enum audio audio)
{
	return audio == AUDIO_WEBRTC ? "webrtc" : "plain";
}

static void link_up(const char *node, void *arg)
{
	struct agent *a = arg;
	const struct options *o = a->pool->o;
	a->sealed = true;
	a->seen_us = a->login_us = mono_us();
	(void)str_copy(a->node, sizeof(a->node), node);
	report_time(TIME_SEAL, a->login_us - a->connect_us);
	if (a->ticket[0])
		link_send(a->link,
			  json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:b}", "t", "resume", "ticket",
				    a->ticket, "session", a->session, "audio", audio_name(o->audio),
				    "keep_rtc", o->audio == AUDIO_WEBRTC && a->leg_connected,
				    "ready", strcmp(a->state, "idle") == 0, "talking",
				    a->talk_us != 0));
	else
		link_send(a->link, json_pack("{s:s, s:s, s:s, s:s, s:s}", "t", "login", "name",
					     a->name, "password", o->password, "audio",
					     audio_name(o->audio), "lang", "en"));
	/* Spread over the interval, or hundreds would ping in the same millisecond for ever. */
	tmr_start(&a->ping_tmr, rand_u32() % PING_MS, ping_now, a);
}

static void connect_now(void *arg)
{
	struct agent *a = arg;
	if (!a->beginning && a->pool->beginning >= BEGINNING_MAX) {
		tmr_start(&a->connect_tmr, QUEUE_MS + rand_u32() % QUEUE_MS, connect_now, a);
		return;
	}
	begins(a, true);
	struct link_conf conf = a->pool->link[a->gateway % a->pool->o->gateways];
	conf.device = &a->device;
	conf.home = a->ticket[0] && !a->homeless ? a->node : NULL;
	conf.insist = !a->other_us || mono_us() - a->other_us < HOME_MAX_MS * UINT64_C(1000);
	if (a->pool->o->from_n) {
		uint32_t ip4 = sa_in(&a->pool->o->from) + (uint32_t)a->index % a->pool->o->from_n;
		sa_set_in(&conf.local, ip4, 0);
	}
	a->connect_us = mono_us();
	int err = link_open(&a->link, &conf, link_up, link_message, link_down, a);
	if (err)
		went_down(a, strerror(err), 0);
}

/* ---- life --------------------------------------------------------------------------------- */

void agent_init(struct agent *a, struct pool *p, const char *name, size_t index)
{
	memset(a, 0, sizeof(*a));
	a->pool = p;
	a->index = index;
	a->gateway = p->o->together ? 0 : index;
	a->backoff_ms = BACKOFF_MIN_MS;
	a->listen_hz = p->o->listen_hz;
	(void)str_copy(a->name, sizeof(a->name), name);
	seal_keypair_new(&a->device);
	tmr_init(&a->connect_tmr);
	tmr_init(&a->act_tmr);
	tmr_init(&a->ready_tmr);
	tmr_init(&a->ping_tmr);
	tmr_init(&a->doubt_tmr);
	tmr_init(&a->hear_tmr);
	tmr_init(&a->step_tmr);
	tmr_init(&a->stall_tmr);
}

void agent_start(struct agent *a)
{
	connect_now(a);
	if (a->script)
		script_start(a);
}

bool agent_leave(struct agent *a)
{
	tmr_cancel(&a->connect_tmr);
	tmr_cancel(&a->act_tmr);
	tmr_cancel(&a->ready_tmr);
	tmr_cancel(&a->step_tmr);
	a->script = NULL;
	if (a->in && !a->quitting)
		agent_do_signout(a);
	a->quitting = true;
	return a->in;
}

void agent_stop(struct agent *a)
{
	a->quitting = true;
	begins(a, false);
	tmr_cancel(&a->connect_tmr);
	tmr_cancel(&a->act_tmr);
	tmr_cancel(&a->ready_tmr);
	tmr_cancel(&a->ping_tmr);
	tmr_cancel(&a->doubt_tmr);
	tmr_cancel(&a->hear_tmr);
	tmr_cancel(&a->step_tmr);
	audio_close(a);
	a->link = link_close(a->link);
}
