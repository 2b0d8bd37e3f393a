/*
 * Sessions: a signed-in agent with a nailed-up media leg. Links come and go (reload, lost Wi-Fi);
 * the session and its call stay for the core's grace period.
 */
#include "nodes/desk/desk_internal.h"
#include "nodes/node_tasks.h"

#include <errno.h>
#include <string.h>

static uint32_t session_key(uint64_t id)
{
	return hash_fast((const char *)&id, sizeof(id));
}

static bool session_match(struct le *le, void *arg)
{
	const struct session *s = le->data;
	return s->id.v == *(const uint64_t *)arg;
}

struct session *session_find(const struct desk *d, uint64_t id)
{
	return list_ledata(hash_lookup(d->sessions, session_key(id), session_match, &id));
}

static bool agent_match(struct le *le, void *arg)
{
	const struct session *s = le->data;
	return s->agent->id == *(const uint64_t *)arg;
}

struct session *session_by_agent(const struct desk *d, uint64_t agent)
{
	return list_ledata(hash_apply(d->sessions, agent_match, &agent));
}

static void session_destroy(void *arg)
{
	struct session *s = arg;
	hash_unlink(&s->he);
	hash_unlink(&s->leg_he);
	node_silence_forget(s->desk->n, &s->silence);
	list_unlink(&s->news_le);
	list_unlink(&s->tell_le);
	json_decref(s->ring);
	s->desk->sessions_n--;
}

void session_free(struct session *s)
{
	if (s->leg.v)
		media_leg_close(s->desk->n->media, s->leg);
	if (s->link) {
		s->link->session = NULL;
		s->link->state = LINK_SEALED;
	}
	mem_deref(s);
}

void session_send(struct session *s, json_t *msg)
{
	if (s->page_behind) /* a page is told its state before what follows from it */
		session_state_send(s);
	if (s->link)
		link_send(s->link, msg);
	else
		json_decref(msg);
}

/* ---- the media leg ---- */

static int leg_new(struct session *s, const struct link *l, json_t *welcome)
{
	struct node *n = s->desk->n;
	char offer[MEDIA_SDP_MAX];
	uint16_t port = 0;
	int err;
	if (s->leg.v)
		media_leg_close(n->media, s->leg);
	s->leg.v = 0;
	hash_unlink(&s->leg_he);
	s->plain = l->plain_audio;
	s->media_up = false;
	uint32_t group = id_seq(s->id.v);
	if (s->plain) {
		err = media_leg_plain(n->media, group, &s->leg, &port);
		if (!err)
			json_object_set_new(welcome, "plain",
					    json_pack("{ss si si}", "ip", n->self->advertise,
						      "port", port, "pt", 0));
	} else {
		err = media_leg_webrtc(n->media, group,
				       s->agent->codec == CONF_CODEC_OPUS ? MEDIA_OPUS : MEDIA_PCMU,
				       &s->leg, offer);
		if (!err)
			json_object_set_new(welcome, "rtc", json_pack("{ss}", "sdp", offer));
	}
	if (!err)
		hash_append(s->desk->by_leg, s->leg.v, &s->leg_he, s);
	return err;
}

void session_media_set(struct session *s, bool up, const char *why)
{
	bool changed = s->media_up != up;
	s->media_up = up;
	session_send(s, json_pack("{ss sb ss}", "t", "media", "up", up, "why", why));
	if (up && s->talking)
		session_bridge(s);
	if (up && mono_us() - s->media_lost_us >= DESK_READY_AGAIN_MS * 1000ull)
		s->ready_again = false;
	session_ready_again(s);
	if (!up && changed) {
		/* An agent who cannot be heard must not be given a caller. */
		session_ready_remember(s);
		struct acd_event ev = {
		    .type = ACD_EV_AGENT_NOT_READY, .session = s->id, .reason = ACD_REASON_MEDIA};
		(void)node_event(s->desk->n, &ev);
	}
}

void session_bridge(struct session *s)
{
	struct node *n = s->desk->n;
	struct media_leg other = {0};
	if (s->owner == n->self->addr) {
		const struct call *c = node_call_find(n, s->call);
		if (c)
			other = c->leg;
	} else {
		const struct offer *o = offer_find(n, s->offer, OFFER_AGENT);
		if (o && o->have_leg)
			other = o->leg;
	}
	if (other.v && s->leg.v)
		(void)media_bridge(n->media, other, s->leg);
	(void)media_leg_mute(n->media, s->leg, s->muted);
}

/* ---- entering ---- */

static json_t *ticket_new(const struct session *s, const struct link *l)
{
	struct seal_ticket t = {.agent = s->agent->id,
				.not_after_s = wall_ms() / 1000 + DESK_TICKET_S,
				.password_mark = hash_str(s->agent->password)};
	uint8_t sealed[SEAL_TICKET_LEN_MAX];
	char hex[2 * SEAL_TICKET_LEN_MAX + 1];
	size_t len = 0;
	memcpy(t.device, l->seal.peer, SEAL_KEY_LEN);
	int err = seal_ticket_make(&t, s->desk->ticket_key, sealed, sizeof(sealed), &len);
	helio_assert(!err); /* sizes are ours */
	hex_encode(hex, sealed, len);
	return json_string(hex);
}

static json_t *queues_of(const struct session *s)
{
	const struct conf *conf = s->desk->n->conf;
	json_t *list = json_array();
	for (uint32_t i = 0; i < conf->queues_n; i++) {
		const struct conf_queue *q = &conf->queues[i];
		if ((q->skills & s->agent->skills) == q->skills &&
		    json_array_size(list) < DESK_QUEUES_MAX)
			json_array_append_new(
			    list, json_pack("{ss ss}", "name", q->name, "display", q->display));
	}
	return list;
}

static json_t *welcome_new(const struct session *s, const struct link *l)
{
	const struct conf_agent *a = s->agent;
	const struct conf_site *home = conf_site_by_number(s->desk->n->conf, a->site);
	char id[ID_STR_SIZE];
	conf_id_format(s->desk->n->conf, id, s->id.v);
	return json_pack("{ss ss so si s{ss ss ss ss ss sb} ss so ss}", "t", "welcome", "session",
			 id, "ticket", ticket_new(s, l), "ticket_ms", DESK_TICKET_S * 1000, "agent",
			 "name", a->name, "display", a->display, "site", home ? home->name : "",
			 "language", a->language, "codec",
			 a->codec == CONF_CODEC_OPUS ? "opus" : "pcmu", "supervisor", a->supervisor,
			 "node", s->desk->n->self->name, "queues", queues_of(s), "state",
			 acd_agent_state_name(s->state));
}

static struct session *session_new(struct link *l, const struct conf_agent *agent)
{
	struct desk *d = l->desk;
	struct session *s = mem_zalloc(sizeof(*s), session_destroy);
	if (!s)
		return NULL;
	s->desk = d;
	s->agent = agent;
	s->id.v = node_id_next(d->n);
	s->state_us = s->opened_us = mono_us();
	d->sessions_n++;
	hash_append(d->sessions, session_key(s->id.v), &s->he, s);
	struct acd_event ev = {.type = ACD_EV_AGENT_SIGN_IN,
			       .session = s->id,
			       .agent = {agent->id},
			       .skills = {agent->skills},
			       .levels = agent->levels,
			       .rank = agent->rank};
	if (node_event(d->n, &ev) != ACD_OK)
		return mem_deref(s);
	claim_fresh(s);
	wall_say(s); /* with its login number */
	return s;
}

static void link_attach(struct session *s, struct link *l)
{
	if (s->link && s->link != l) { /* another tab or device: the older page stops */
		struct link *old = s->link;
		link_send(old, json_pack("{ss sb}", "t", "taken_over", "finish", false));
		old->session = NULL;
		s->link = NULL;
		link_close(old, 0);
	}
	wall_forget(s);
	s->link = l;
	memcpy(s->device, l->seal.peer, SEAL_KEY_LEN);
	l->session = s;
	l->state = LINK_IN;
}

void session_enter(struct link *l, const struct conf_agent *agent, struct enter how)
{
	struct desk *d = l->desk;
	struct session *s = session_by_agent(d, agent->id);
	bool fresh = !s;
	/* One that has yielded is still its own pages', to the end of the work in hand. */
	bool stays = s && s->yielded && !(how.again && (!how.had || how.had == s->id.v));
	if (!s)
		s = session_new(l, agent);
	else if (stays && !session_stay(s, how.talking))
		s = NULL;
	if (!s) {
		l->state = LINK_SEALED;
		link_send(l, json_pack("{ss ss si}", "t", "denied", "why",
				       d->n->draining ? "draining" : "full", "retry_ms", 1000));
		return;
	}
	if ((fresh || stays) && how.ready) { /* as soon as it can be heard */
		s->ready_again = true;
		s->media_lost_us = mono_us();
	}
	if ((fresh || stays) && how.talking && !s->talking)
		s->own_until_us = mono_us() + DESK_OWN_TALK_MS * 1000ull;
	bool same_page = how.keep_rtc && s->leg.v && s->media_up && !s->plain;
	link_attach(s, l);
	json_t *welcome = welcome_new(s, l);
	int err = same_page ? 0 : leg_new(s, l, welcome);
	session_send(s, welcome);
	if (err)
		link_error(l, "media", strerror(err),
			   "the node has no media port left: widen media_ports");
	if (!fresh) {
		struct acd_event ev = {.type = ACD_EV_SESSION_RESUMED, .session = s->id};
		(void)node_event(d->n, &ev);
		if (s->state == ACD_AGENT_IDLE && !s->media_up) {
			/* Nobody is given a caller before the page's new leg is up. */
			struct acd_event wait = {.type = ACD_EV_AGENT_NOT_READY,
						 .session = s->id,
						 .reason = ACD_REASON_MEDIA};
			session_ready_remember(s);
			(void)node_event(d->n, &wait);
		}
	}
	if (stays) /* calls of this node, as at a sign-in; of others: they were told */
		desk_agent_wanted(d, agent->id, 0);
	if (s->ring)
		session_send(s, json_incref(s->ring));
	if (s->talking) { /* a new session too may have its agent's own call already */
		char offer[ID_STR_SIZE], call[ID_STR_SIZE];
		conf_id_format(d->n->conf, offer, s->offer);
		conf_id_format(d->n->conf, call, s->call);
		session_send(s, json_pack("{ss ss ss}", "t", "talk", "offer", offer, "call", call));
	}
	session_state_send(s);
	if (same_page)
		session_media_set(s, true, "");
	session_send(s, message_queues(s));
	if (s->yielded)
		claim_say_taken(s);
	log_info("session.open", "agent=%s fresh=%d", agent->name, fresh);
}

static bool session_follow(struct le *le, void *arg)
{
	struct session *s = le->data;
	const struct conf_agent *was = s->agent; /* of the configuration before: still there */
	(void)arg;
	s->agent = conf_agent_by_id(s->desk->n->conf, was->id);
	helio_assert(s->agent); /* a removed one was carried over */
	/* Tickets end with the password by themselves. */
	s->dismissed =
	    s->dismissed || s->agent->removed || strcmp(was->password, s->agent->password) != 0;
	return false;
}

static bool session_skills(struct le *le, void *arg)
{
	const struct session *s = le->data;
	struct acd_event ev = {.type = ACD_EV_AGENT_SKILLS,
			       .session = s->id,
			       .skills = {s->agent->skills},
			       .levels = s->agent->levels,
			       .rank = s->agent->rank};
	(void)arg;
	(void)node_event(s->desk->n, &ev);
	return false;
}

static bool session_dismissed(struct le *le, void *arg)
{
	const struct session *s = le->data;
	(void)arg;
	return s->dismissed && !s->yielded;
}

void desk_conf(struct desk *d, struct desk_agents *agents)
{
	claims_conf(d, agents);
	(void)hash_apply(d->sessions, session_follow, NULL);
	/* Every one, before anything else: skills may be numbered anew. No effect of it ends a
	 * session. */
	(void)hash_apply(d->sessions, session_skills, NULL);
	for (;;) { /* one a pass: a sign-out changes the table */
		struct session *s = list_ledata(hash_apply(d->sessions, session_dismissed, NULL));
		if (!s)
			return;
		session_dismiss(s);
	}
}

void session_link_lost(struct session *s)
{
	struct acd_event ev = {.type = ACD_EV_SESSION_LOST, .session = s->id};
	wall_forget(s);
	log_info("session.link_lost", "agent=%s", s->agent->name);
	(void)node_event(s->desk->n, &ev);
}

/* ---- what the core says ---- */

static uint64_t left_ms(uint64_t until_us)
{
	uint64_t now = mono_us();
	return until_us > now ? (until_us - now) / 1000 : 0;
}

const char *session_ended_why(const struct session *s)
{
	if (!s->dismissed)
		return "";
	return s->agent->removed ? "removed" : s->agent->password[0] == '$' ? "password" : "locked";
}

void session_state_send(struct session *s)
{
	char offer[ID_STR_SIZE] = "";
	s->page_behind = false;
	if (s->offer)
		conf_id_format(s->desk->n->conf, offer, s->offer);
	else if (s->worked == ACD_AGENT_WRAP && s->wrap_offer)
		conf_id_format(s->desk->n->conf, offer, s->wrap_offer); /* what is noted of */
	json_t *msg = json_pack(
	    "{ss ss ss sI ss sI ss}", "t", "state", "state", acd_agent_state_name(s->state),
	    "reason", acd_reason_name(s->reason), "since_ms",
	    (json_int_t)((mono_us() - s->state_us) / 1000), "offer", offer, "wrap_ms",
	    (json_int_t)(s->state == ACD_AGENT_WRAP ? left_ms(s->wrap_until_us) : 0), "ended",
	    s->state == ACD_AGENT_OFF ? session_ended_why(s) : "");
	if (s->state == ACD_AGENT_WRAP && s->wrap_call)
		(void)json_object_set_new(msg, "slip", slip_new(s));
	session_send(s, msg);
}

static void presence_say(struct session *s)
{
	struct node *n = s->desk->n;
	struct presence_agent a = {.since_ms = wall_ms(), .version = s->version};
	if (!n->presence)
		return;
	(void)str_copy(a.name, sizeof(a.name), s->agent->name);
	(void)str_copy(a.node, sizeof(a.node), n->self->name);
	(void)str_copy(a.site, sizeof(a.site), n->site->name);
	conf_id_format(n->conf, a.session, s->id.v);
	(void)str_copy(a.state, sizeof(a.state), acd_agent_state_name(s->state));
	(void)str_copy(a.reason, sizeof(a.reason), acd_reason_name(s->reason));
	if (s->state == ACD_AGENT_OFF)
		(void)presence_drop(n->presence, a.name);
	else
		(void)presence_put(n->presence, &a);
	node_presence_kick(n);
}

void session_presence_anew(struct session *s)
{
	if (s->desk->n->presence)
		(void)presence_drop(s->desk->n->presence, s->agent->name);
	presence_say(s);
}

static void news_tell(struct session *s)
{
	list_unlink(&s->news_le);
	presence_say(s);
	wall_say(s);
	if (s->page_behind)
		session_state_send(s);
}

void sessions_news_h(void *arg)
{
	struct desk *d = arg;
	while (d->news.head)
		news_tell(d->news.head->data);
}

static void news_soon(struct session *s)
{
	struct desk *d = s->desk;
	s->page_behind = true;
	if (!s->news_le.list)
		list_append(&d->news, &s->news_le, s);
	if (!tmr_isrunning(&d->tmr_news))
		tmr_start(&d->tmr_news, DESK_NEWS_MS, sessions_news_h, d);
}

void desk_fx_agent(struct desk *d, const struct acd_fx *fx)
{
	struct session *s = session_find(d, fx->session.v);
	if (!s)
		return;
	/* A lost link is no change of work: its clock goes on. */
	if (fx->agent_state != ACD_AGENT_GRACE && fx->agent_state != s->worked) {
		s->worked = fx->agent_state;
		s->state_us = mono_us();
	}
	s->state = fx->agent_state;
	s->reason = fx->reason;
	s->offer = fx->offer.v;
	if (s->worked != ACD_AGENT_WRAP) /* a lost link does not end it */
		s->wrap_until_us = 0;
	if (s->state == ACD_AGENT_IDLE || s->state == ACD_AGENT_NOT_READY)
		s->muted = false;
	s->version = fx->version;
	news_soon(s);
	if (s->state == ACD_AGENT_OFF) {
		news_tell(s);
		struct link *l = s->link;
		claim_gone(s);
		log_info("session.closed", "agent=%s", s->agent->name);
		session_free(s);
		if (l)
			l->heard_us = mono_us(); /* the page may sign in again on this link */
	}
}

/* Who calls, from where, for which queue: `ring`, or (again) beside a talk that needs no ring. */
static void ring_tell(struct session *s, const struct acd_fx *fx, bool again)
{
	struct node *n = s->desk->n;
	const struct conf_queue *q = conf_queue_by_id(n->conf, fx->queue.v);
	const struct conf_site *site = conf_site_by_number(n->conf, addr_site(fx->peer.v));
	const char *caller = "", *caller_name = "";
	uint8_t task = 0;
	char offer[ID_STR_SIZE], call[ID_STR_SIZE];
	if (fx->peer.v == n->self->addr) {
		const struct call *c = node_call_find(n, fx->call.v);
		caller = c && c->caller ? c->caller : "";
		caller_name = c && c->caller_name ? c->caller_name : "";
		const struct task *t = c ? NULL : node_tasks_of(n, fx->call.v);
		if (t) {
			caller = t->caller;
			caller_name = t->caller_name;
			task = t->kind;
		}
	} else {
		const struct offer *o = offer_find(n, fx->offer.v, OFFER_AGENT);
		caller = o ? o->caller : "";
		caller_name = o ? o->caller_name : "";
		task = o ? o->task : 0;
	}
	s->offer = fx->offer.v;
	s->call = fx->call.v;
	s->owner = fx->peer.v;
	s->queue = fx->queue.v;
	wall_say(s);
	json_t *ring =
	    json_pack("{ss sb ss ss ss ss ss ss sI si ss}", "t", "ring", "again", again, "offer",
		      conf_id_format(n->conf, offer, fx->offer.v), "call",
		      conf_id_format(n->conf, call, fx->call.v), "queue", q ? q->name : "?",
		      "queue_display", q ? q->display : "?", "caller", caller, "caller_name",
		      caller_name, "waited_ms", (json_int_t)(fx->age_us / 1000), "ring_ms",
		      (int)fx->ring_timeout_ms, "site", site ? site->name : "?");
	if (!ring) { /* a caller's name that is not UTF-8 */
		ring = json_pack("{ss sb ss ss ss ss ss ss sI si ss}", "t", "ring", "again", again,
				 "offer", offer, "call", call, "queue", q ? q->name : "?",
				 "queue_display", q ? q->display : "?", "caller", "", "caller_name",
				 "", "waited_ms", (json_int_t)(fx->age_us / 1000), "ring_ms",
				 (int)fx->ring_timeout_ms, "site", site ? site->name : "?");
	}
	if (task)
		(void)json_object_set_new(ring, "task", json_string(task_kind_name(task)));
	json_decref(s->ring);
	s->ring = json_incref(ring);
	session_send(s, ring);
	log_info(again ? "agent.recalled" : "agent.ring", "agent=%s call=%s waited_ms=%llu",
		 s->agent->name, call, (unsigned long long)(fx->age_us / 1000));
}

void desk_fx_ring(struct desk *d, const struct acd_fx *fx)
{
	struct session *s = session_find(d, fx->session.v);
	if (s)
		ring_tell(s, fx, false);
}

void desk_fx_owner(struct desk *d, const struct acd_fx *fx)
{
	struct session *s = session_find(d, fx->session.v);
	char call[ID_STR_SIZE];
	if (!s)
		return;
	conf_id_format(d->n->conf, call, fx->call.v);
	log_info(fx->on ? "agent.owner" : "agent.owner_silent", "agent=%s call=%s owner=%s",
		 s->agent->name, call, conf_daemon_by_addr(d->n->conf, fx->peer.v)->name);
	if (!fx->on)
		return;
	s->owner = fx->peer.v;
	if (s->owner == d->n->self->addr)
		offer_drop(d->n, fx->offer.v, OFFER_AGENT); /* both sides are here now */
	if (s->talking)
		session_bridge(s);
}

void desk_fx_talk(struct desk *d, const struct acd_fx *fx)
{
	struct session *s = session_find(d, fx->session.v);
	char offer[ID_STR_SIZE], call[ID_STR_SIZE];
	if (!s)
		return;
	if (s->call != fx->call.v) /* it never rang: the own call, back after a node died */
		ring_tell(s, fx, true);
	s->talking = true;
	s->own_until_us = 0;
	if (!s->talk_us)
		s->talk_us = mono_us();
	session_bridge(s);
	session_send(s, json_pack("{ss ss ss}", "t", "talk", "offer",
				  conf_id_format(d->n->conf, offer, fx->offer.v), "call",
				  conf_id_format(d->n->conf, call, fx->call.v)));
}

void desk_fx_offer_end(struct desk *d, const struct acd_fx *fx)
{
	struct session *s = session_find(d, fx->session.v);
	char offer[ID_STR_SIZE], call[ID_STR_SIZE];
	if (!s) {
		offer_drop(d->n, fx->offer.v, OFFER_AGENT);
		return;
	}
	bool talked = s->talking;
	if (s->leg.v)
		(void)media_unbridge(d->n->media, s->leg);
	offer_drop(d->n, fx->offer.v, OFFER_AGENT);
	s->talking = false;
	json_decref(s->ring);
	s->ring = NULL;
	conf_id_format(d->n->conf, offer, fx->offer.v);
	conf_id_format(d->n->conf, call, fx->call.v);
	if (talked) {
		s->wrap_call = fx->call.v;
		s->wrap_offer = fx->offer.v;
		s->wrap_owner = s->owner;
		s->wrap_queue = s->queue;
		s->wrap_until_us = mono_us() + fx->wrap_up_ms * 1000ull;
		session_send(s, json_pack("{ss ss ss ss sI si}", "t", "end", "offer", offer, "call",
					  call, "why", acd_cause_name(fx->cause), "talk_ms",
					  (json_int_t)((mono_us() - s->talk_us) / 1000), "wrap_ms",
					  (int)fx->wrap_up_ms));
	} else {
		session_send(s, json_pack("{ss ss ss ss}", "t", "ring_end", "offer", offer, "call",
					  call, "why", acd_cause_name(fx->cause)));
	}
	s->talk_us = 0;
	s->call = 0;
	s->owner = 0;
	s->queue = 0;
	wall_say(s);
}
