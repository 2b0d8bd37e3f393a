/*
 * Messages from the page: one table row per type. Unknown types are answered, never fatal; fields
 * are checked for type and length before anything happens.
 */
#include "nodes/desk/desk_internal.h"

#include <errno.h>
#include <string.h>
#include <arpa/inet.h>

static const char *text(const json_t *msg, const char *key)
{
	const char *s = json_string_value(json_object_get(msg, key));
	return s ? s : "";
}

static void on_rtc_answer(struct link *l, const json_t *msg)
{
	struct session *s = l->session;
	char why[96] = "";
	int err = s->plain || !s->leg.v
		      ? EINVAL
		      : media_leg_webrtc_answer(l->desk->n->media, s->leg, text(msg, "sdp"), why);
	if (err)
		link_error(l, "rtc.answer", *why ? why : "no offer is open",
			   "reload the page; if it stays, report the browser's version");
}

static void on_plain_answer(struct link *l, const json_t *msg)
{
	struct session *s = l->session;
	json_int_t port = json_integer_value(json_object_get(msg, "port"));
	struct in_addr ip;
	if (!s->plain || inet_pton(AF_INET, text(msg, "ip"), &ip) != 1 || port < 1 ||
	    port > 65535) {
		link_error(l, "plain.answer", "ip or port is wrong",
			   "send an IPv4 literal and a port");
		return;
	}
	struct media_remote r = {.ip4 = ntohl(ip.s_addr),
				 .port = (uint16_t)port,
				 .codec = MEDIA_PCMU,
				 .pt = 0,
				 .dtmf_pt = 0xff,
				 .send = true,
				 .recv = true};
	if (!media_leg_remote(l->desk->n->media, s->leg, &r))
		session_media_set(s, true, "");
}

static void on_ready(struct link *l, const json_t *msg)
{
	(void)msg;
	struct session *s = l->session;
	if (!s->media_up) {
		link_error(l, "ready", "media", "wait until the audio link is up");
		return;
	}
	session_ready(s);
}

static void on_pause(struct link *l, const json_t *msg)
{
	struct session *s = l->session;
	s->ready_again = false;
	bool device = strcmp(text(msg, "reason"), "device") == 0;
	struct acd_event ev = {.type = ACD_EV_AGENT_NOT_READY,
			       .session = s->id,
			       .reason = device ? ACD_REASON_MEDIA : ACD_REASON_PAUSE};
	if (node_event(l->desk->n, &ev) != ACD_OK)
		session_state_send(s);
}

static void offer_event(struct link *l, const json_t *msg, enum acd_event_type type)
{
	struct acd_event ev = {.type = type, .session = l->session->id};
	if (conf_id_parse(l->desk->n->conf, text(msg, "offer"), &ev.offer.v) ||
	    node_event(l->desk->n, &ev) != ACD_OK)
		session_state_send(l->session);
}

static void on_accept(struct link *l, const json_t *msg)
{
	offer_event(l, msg, ACD_EV_AGENT_ACCEPT);
}

static void on_reject(struct link *l, const json_t *msg)
{
	offer_event(l, msg, ACD_EV_AGENT_REJECT);
}

static void on_hangup(struct link *l, const json_t *msg)
{
	offer_event(l, msg, ACD_EV_AGENT_HANGUP);
}

/* A note may come late, when the next call is here already: its offer says which one is meant. Or
 * at another node than its call's: then the slip says it. */
static void wrap_write(struct session *s, uint64_t offer, const char *slip, const char *disposition,
		       const char *note)
{
	struct node *n = s->desk->n;
	bool now = offer ? s->talking && offer == s->offer : s->talking;
	uint64_t call = now ? s->call : s->wrap_call;
	uint16_t owner = now ? s->owner : s->wrap_owner;
	if ((!call || (offer && !now && offer != s->wrap_offer)) &&
	    !slip_open(s, slip, &call, &owner)) {
		if (*slip)
			link_error(s->link, "wrap", "the call is another agent's, or long over",
				   "write what must not be lost elsewhere");
		return;
	}
	if (owner == n->self->addr) {
		calls_wrap(n, call, disposition, note);
		return;
	}
	Envelope env = Envelope_init_zero;
	env.which_body = Envelope_wrap_tag;
	env.body.wrap.call = call;
	(void)str_copy(env.body.wrap.disposition, sizeof(env.body.wrap.disposition), disposition);
	(void)str_copy(env.body.wrap.note, sizeof(env.body.wrap.note), note);
	int err = node_mesh_send(n, owner, &env, NULL, 0);
	if (err)
		link_error(s->link, "wrap", "the note could not be handed on just now",
			   "press save again");
}

static void on_wrap(struct link *l, const json_t *msg)
{
	struct session *s = l->session;
	const char *disposition = text(msg, "disposition"), *note = text(msg, "note");
	if (strlen(disposition) >= sizeof(((struct record *)0)->disposition) ||
	    strlen(note) >= sizeof(((struct record *)0)->note)) {
		link_error(l, "wrap", "too long",
			   "an outcome has at most 31, a note at most 511 bytes");
		return;
	}
	uint64_t offer = 0;
	(void)conf_id_parse(l->desk->n->conf, text(msg, "offer"), &offer);
	if (*disposition || *note)
		wrap_write(s, offer, text(msg, "slip"), disposition, note);
	if (json_is_true(json_object_get(msg, "done"))) {
		struct acd_event ev = {.type = ACD_EV_AGENT_WRAP_DONE, .session = s->id};
		if (node_event(l->desk->n, &ev) != ACD_OK)
			session_state_send(s);
		else if (l->session)
			session_ready_again(l->session);
	}
}

static void on_mute(struct link *l, const json_t *msg)
{
	struct session *s = l->session;
	s->muted = json_is_true(json_object_get(msg, "on"));
	if (s->leg.v)
		(void)media_leg_mute(l->desk->n->media, s->leg, s->muted);
}

static void on_signout(struct link *l, const json_t *msg)
{
	(void)msg;
	struct acd_event ev = {.type = ACD_EV_AGENT_SIGN_OUT, .session = l->session->id};
	if (node_event(l->desk->n, &ev) != ACD_OK)
		session_state_send(l->session);
}

static void on_ping(struct link *l, const json_t *msg)
{
	json_int_t n = json_integer_value(json_object_get(msg, "n"));
	link_send(l, json_pack("{ss sI}", "t", "pong", "n", n));
}

static void on_login(struct link *l, const json_t *msg)
{
	login_request(l, msg);
}

static void on_resume(struct link *l, const json_t *msg)
{
	login_resume(l, msg);
}

static const struct {
	const char *type;
	bool signed_in; /* needs a session */
	void (*handle)(struct link *l, const json_t *msg);
} table[] = {
    {"ping", false, on_ping},
    {"login", false, on_login},
    {"resume", false, on_resume},
    {"rtc.answer", true, on_rtc_answer},
    {"plain.answer", true, on_plain_answer},
    {"ready", true, on_ready},
    {"pause", true, on_pause},
    {"accept", true, on_accept},
    {"reject", true, on_reject},
    {"hangup", true, on_hangup},
    {"wrap", true, on_wrap},
    {"mute", true, on_mute},
    {"signout", true, on_signout},
    {"wall", true, wall_request},
    {"force", true, force_request},
};

/* Brackets outside of texts: no parser of ours goes deeper than a message of ours is. */
static bool shallow(const uint8_t *json, size_t len)
{
	unsigned depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < len; i++) {
		if (quoted && json[i] == '\\')
			i++;
		else if (json[i] == '"')
			quoted = !quoted;
		else if (!quoted && (json[i] == '{' || json[i] == '[') && ++depth > DESK_DEPTH_MAX)
			return false;
		else if (!quoted && (json[i] == '}' || json[i] == ']') && depth > 0)
			depth--;
	}
	return true;
}

void message_handle(struct link *l, const uint8_t *json, size_t len)
{
	json_error_t error;
	json_t *msg = shallow(json, len)
			  ? json_loadb((const char *)json, len, JSON_REJECT_DUPLICATES, &error)
			  : NULL;
	const char *type = msg ? text(msg, "t") : "";
	if (!msg || !json_is_object(msg)) {
		link_error(l, "message", "not a JSON object", "reload the page");
		json_decref(msg);
		return;
	}
	size_t i = 0;
	while (i < HELIO_ARRAY_LEN(table) && strcmp(table[i].type, type) != 0)
		i++;
	if (i == HELIO_ARRAY_LEN(table))
		link_error(l, "message", "unknown type",
			   "this node is older than the page: reload");
	else if (table[i].signed_in && !l->session)
		link_error(l, type, "not signed in", "sign in first");
	else
		table[i].handle(l, msg);
	json_decref(msg);
}

/* The queues this agent serves, and no other: a page shows what concerns its person. */
json_t *message_queues(const struct session *s)
{
	const struct node *n = s->desk->n;
	json_t *list = json_array();
	for (uint32_t i = 0; i < n->conf->queues_n && json_array_size(list) < DESK_QUEUES_MAX;
	     i++) {
		const struct node_queue_stats *q = &n->queue_stats[i];
		const struct conf_queue *c = &n->conf->queues[i];
		if (q->known && (c->skills & s->agent->skills) == c->skills)
			json_array_append_new(list,
					      json_pack("{ss sI sI sI}", "name", c->name, "waiting",
							(json_int_t)q->waiting, "longest_ms",
							(json_int_t)q->longest_ms, "idle",
							(json_int_t)q->idle));
	}
	return json_pack("{ss so}", "t", "queues", "queues", list);
}
