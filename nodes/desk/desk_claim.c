/*
 * One agent, one session (S10). A sign-in is told to every node; an older session there yields: at
 * once when it has no call, else after the call in hand (no live call is cut for it). Nodes that
 * could not hear each other compare when they can again: the larger (login number, session) stays.
 * No clock is compared, and nothing waits for an answer: at worst an agent has two sessions until
 * the nodes hear each other.
 */
#include "nodes/desk/desk_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int claims_open(struct desk *d)
{
	d->peers = calloc(d->n->conf->daemons_n, sizeof(*d->peers));
	d->login_seen = calloc(d->n->conf->agents_n + 1, sizeof(*d->login_seen));
	d->newest = calloc(d->n->conf->agents_n + 1, sizeof(*d->newest));
	d->here = calloc(d->n->conf->agents_n + 1, sizeof(*d->here));
	return d->peers && d->login_seen && d->newest && d->here ? 0 : ENOMEM;
}

void claims_close(struct desk *d)
{
	free(d->peers);
	free(d->login_seen);
	free(d->newest);
	free(d->here);
}

static uint32_t *seen_of(struct desk *d, const struct conf_agent *agent)
{
	return &d->login_seen[agent - d->n->conf->agents];
}

static void seen_raise(struct desk *d, const struct conf_agent *agent, uint64_t login_no,
		       uint64_t session)
{
	uint32_t *seen = seen_of(d, agent);
	if (login_no < *seen || login_no >= UINT32_MAX)
		return;
	*seen = (uint32_t)login_no;
	d->newest[agent - d->n->conf->agents] = session;
}

struct desk_agents {
	uint32_t *login_seen;
	uint64_t *newest, *here;
};

struct desk_agents *desk_agents_new(const struct desk *d, const struct conf *fresh)
{
	const struct conf *was = d->n->conf;
	struct desk_agents *t = calloc(1, sizeof(*t));
	if (t) {
		t->login_seen = calloc(fresh->agents_n + 1, sizeof(*t->login_seen));
		t->newest = calloc(fresh->agents_n + 1, sizeof(*t->newest));
		t->here = calloc(fresh->agents_n + 1, sizeof(*t->here));
	}
	if (!t || !t->login_seen || !t->newest || !t->here) {
		desk_agents_free(t);
		return NULL;
	}
	/* Both are sorted by id. */
	for (uint32_t i = 0, k = 0; i < fresh->agents_n; i++) {
		while (k < was->agents_n && was->agents[k].id < fresh->agents[i].id)
			k++;
		if (k == was->agents_n || was->agents[k].id != fresh->agents[i].id)
			continue;
		t->login_seen[i] = d->login_seen[k];
		t->newest[i] = d->newest[k];
		t->here[i] = d->here[k];
	}
	return t;
}

void desk_agents_free(struct desk_agents *t)
{
	if (!t)
		return;
	free(t->login_seen);
	free(t->newest);
	free(t->here);
	free(t);
}

void claims_conf(struct desk *d, struct desk_agents *t)
{
	free(d->login_seen);
	free(d->newest);
	free(d->here);
	d->login_seen = t->login_seen;
	d->newest = t->newest;
	d->here = t->here;
	free(t);
}

enum claim_kind { CLAIM_HERE, CLAIM_FRESH, CLAIM_YIELDED, CLAIM_GONE };

static int claim_send(const struct session *s, uint16_t to, enum claim_kind kind)
{
	Envelope env = Envelope_init_zero;
	env.which_body = Envelope_session_claim_tag;
	env.body.session_claim.agent = s->agent->id;
	env.body.session_claim.session = s->id.v;
	env.body.session_claim.login_no = s->login_no;
	env.body.session_claim.fresh = kind == CLAIM_FRESH;
	env.body.session_claim.yielded = kind == CLAIM_YIELDED;
	env.body.session_claim.gone = kind == CLAIM_GONE;
	return node_mesh_send(s->desk->n, to, &env, NULL, 0);
}

/* A node that was started anew has forgotten the numbers, and begins at one again: what it says of
 * a sign-in would count as old here for ever. It takes a larger one, and says it to all. */
static void number_tell(struct desk *d, uint16_t to, const struct conf_agent *agent, uint32_t seen)
{
	Envelope env = Envelope_init_zero;
	env.which_body = Envelope_session_claim_tag;
	env.body.session_claim.agent = agent->id;
	env.body.session_claim.session = id_make(d->n->self->addr, d->n->boot, 0); /* none's */
	env.body.session_claim.login_no = seen;
	env.body.session_claim.yielded = true;
	(void)node_mesh_send(d->n, to, &env, NULL, 0);
}

static void claim_tell_all(const struct session *s, enum claim_kind kind)
{
	const struct conf *conf = s->desk->n->conf;
	for (uint32_t i = 0; i < conf->daemons_n; i++) {
		if (conf->daemons[i].role == CONF_NODE && &conf->daemons[i] != s->desk->n->self &&
		    claim_send(s, conf->daemons[i].addr, kind))
			s->desk->peers[i].owed = true;
	}
}

void claim_fresh(struct session *s)
{
	s->login_no = *seen_of(s->desk, s->agent) + 1ull;
	seen_raise(s->desk, s->agent, s->login_no, s->id.v);
	s->desk->here[s->agent - s->desk->n->conf->agents] = 0; /* it yields, without a word */
	claim_tell_all(s, CLAIM_FRESH);
}

void claim_say_taken(struct session *s)
{
	bool finish = s->talking || s->worked == ACD_AGENT_COMMITTED || s->worked == ACD_AGENT_WRAP;
	session_send(s, json_pack("{ss sb}", "t", "taken_over", "finish", finish));
}

/* s is gone when this returns true, unless the lease is over: then the event waits. Said once. */
static bool session_sign_out(struct session *s)
{
	struct acd_event ev = {.type = ACD_EV_AGENT_SIGN_OUT, .session = s->id};
	s->leaving = true;
	if (node_event(s->desk->n, &ev) == ACD_OK)
		return true;
	s->leaving = false;
	return false;
}

/* Ends after the call in hand and its wrap-up. */
static void session_let_go(struct session *s)
{
	/* With work in hand it gets no other, and the tick signs it out when that is done: a
	 * sign-out in a wrap-up is at once, and one that waits for the end of a talk is not taken
	 * back. */
	struct acd_event ev = {
	    .type = ACD_EV_AGENT_NOT_READY, .session = s->id, .reason = ACD_REASON_FORCED};
	s->yielded = true;
	s->ready_again = false;
	if (s->worked == ACD_AGENT_COMMITTED || s->worked == ACD_AGENT_TALKING ||
	    s->worked == ACD_AGENT_WRAP)
		(void)node_event(s->desk->n, &ev);
	else
		(void)session_sign_out(s);
}

static void session_yield(struct session *s)
{
	if (s->yielded)
		return;
	log_info("session.yielded", "agent=%s", s->agent->name);
	claim_say_taken(s);
	session_let_go(s);
}

void session_dismiss(struct session *s)
{
	if (s->yielded)
		return;
	log_info("session.dismissed", "agent=%s why=%s", s->agent->name, session_ended_why(s));
	session_let_go(s);
}

bool session_stay(struct session *s, bool talking)
{
	struct desk *d = s->desk;
	struct acd_event done = {.type = ACD_EV_AGENT_WRAP_DONE, .session = s->id};
	struct acd_event anew = {
	    .type = ACD_EV_AGENT_NOT_READY, .session = s->id, .reason = ACD_REASON_SIGNED_IN};
	if (s->leaving)
		return false;
	/* Not at rest when the tick looks, and not forced: as if signed in just now. */
	s->yielded = s->dismissed = false;
	s->opened_us = mono_us();
	/* Who was in a talk elsewhere did not write this note: an older page did. */
	if (talking && s->worked == ACD_AGENT_WRAP)
		(void)node_event(d->n, &done);
	s = session_find(d, anew.session.v);
	if (!s)
		return false; /* its person had signed out before */
	(void)node_event(d->n, &anew);
	claim_fresh(s);
	wall_say(s); /* with its login number */
	session_presence_anew(s);
	log_info("session.stays", "agent=%s", s->agent->name);
	return true;
}

static bool peer_is_silent(const struct peer *p)
{
	return mono_us() - p->heard_us > DESK_PEER_SILENT_MS * 1000ull;
}

static bool tell_one(struct le *le, void *arg)
{
	const struct session *s = le->data;
	bool fresh = mono_us() - s->opened_us < DESK_FRESH_MS * 1000ull;
	return !s->yielded &&
	       claim_send(s, *(uint16_t *)arg, fresh ? CLAIM_FRESH : CLAIM_HERE) != 0;
}

/* All sessions; again at a later tick if the link to that node does not take them now. */
static void peer_tell(struct desk *d, uint32_t i)
{
	uint16_t to = d->n->conf->daemons[i].addr;
	d->peers[i].owed = hash_apply(d->sessions, tell_one, &to) != NULL;
}

static bool yielded_at_rest(struct le *le, void *arg)
{
	const struct session *s = le->data;
	(void)arg;
	return s->yielded && !s->leaving &&
	       (s->worked == ACD_AGENT_NOT_READY || s->worked == ACD_AGENT_IDLE);
}

void claims_tick(struct desk *d)
{
	for (uint32_t i = 0; i < d->n->conf->daemons_n; i++)
		if (d->peers[i].owed && !peer_is_silent(&d->peers[i]))
			peer_tell(d, i);
	for (;;) { /* one a pass: a sign-out changes the table */
		struct session *s = list_ledata(hash_apply(d->sessions, yielded_at_rest, NULL));
		if (!s || !session_sign_out(s))
			return;
	}
}

bool claim_superseded(const struct desk *d, const struct conf_agent *agent, uint64_t had,
		      const uint8_t device[static SEAL_KEY_LEN])
{
	const struct session *s = session_by_agent(d, agent->id);
	if (s && (!s->yielded || s->id.v == had))
		return memcmp(s->device, device, SEAL_KEY_LEN) != 0;
	uint64_t newest = d->newest[agent - d->n->conf->agents];
	if (s && s->id.v == newest)
		return false; /* it has yielded: which one is newer was not heard */
	return newest && had && newest != had;
}

/* It has not heard of ours either: then the numbers decide, or both would yield. */
static bool owed(const struct desk *d, uint16_t node)
{
	const struct conf_daemon *peer = conf_daemon_by_addr(d->n->conf, node);
	return peer && d->peers[peer - d->n->conf->daemons].owed;
}

void desk_claim(struct desk *d, uint16_t from, const SessionClaim *claim)
{
	const struct conf_agent *agent = conf_agent_by_id(d->n->conf, claim->agent);
	if (!agent || id_addr(claim->session) != from)
		return; /* another configuration, or a session that is not the sender's */
	struct session *s = session_by_agent(d, agent->id);
	uint32_t before = *seen_of(d, agent);
	uint64_t *here = &d->here[agent - d->n->conf->agents];
	if (claim->gone) {
		if (*here == claim->session)
			*here = 0;
		return;
	}
	if (!claim->yielded && (!*here || claim->login_no >= before))
		*here = claim->session;
	if (!claim->yielded)
		seen_raise(d, agent, claim->login_no, claim->session);
	desk_agent_wanted(d, agent->id, 0); /* perhaps a call of ours waits for just this one */
	if (!s && claim->fresh && claim->login_no < before)
		number_tell(d, from, agent, before);
	if (!s || s->yielded)
		return;
	if (claim->yielded) {
		if (claim->login_no >= s->login_no) { /* the older one had a larger number */
			s->login_no = claim->login_no + 1;
			seen_raise(d, agent, s->login_no, s->id.v);
			claim_tell_all(s, CLAIM_HERE);
		}
	} else if (claim->fresh && !owed(d, from)) {
		if (claim->login_no <= before)
			number_tell(d, from, agent, before);
		session_yield(s);
	} else if (claim->login_no > s->login_no ||
		   (claim->login_no == s->login_no && claim->session > s->id.v)) {
		session_yield(s);
	} else {
		claim_send(s, from, CLAIM_HERE);
	}
}

void desk_agent_wanted(struct desk *d, uint64_t agent, uint64_t had)
{
	const struct conf_agent *a = conf_agent_by_id(d->n->conf, agent);
	const struct session *s = session_by_agent(d, agent);
	uint64_t newest = a ? d->newest[a - d->n->conf->agents] : 0;
	if (s && !s->yielded) /* just signed in here: what is remembered is its session before */
		newest = s->id.v;
	struct acd_event ev = {.type = ACD_EV_AGENT_SEEN,
			       .agent = {agent},
			       .session = {newest},
			       .from = {id_addr(newest)}};
	if (newest && newest != had)
		(void)node_event(d->n, &ev);
}

void desk_peer_heard(struct desk *d, uint16_t from, uint32_t boot)
{
	const struct conf_daemon *peer = conf_daemon_by_addr(d->n->conf, from);
	if (!peer)
		return;
	struct peer *p = &d->peers[peer - d->n->conf->daemons];
	bool back = p->boot != boot || peer_is_silent(p);
	p->boot = boot;
	p->heard_us = mono_us();
	if (back)
		peer_tell(d, (uint32_t)(peer - d->n->conf->daemons));
}

void claim_gone(const struct session *s)
{
	if (!s->yielded)
		claim_tell_all(s, CLAIM_GONE);
}

uint8_t desk_signed_in_at(const struct desk *d, const struct conf_agent *agent)
{
	const struct session *s = session_by_agent(d, agent->id);
	if (s)
		return s->yielded ? 0 : (uint8_t)addr_site(d->n->self->addr);
	uint16_t node = id_addr(d->here[agent - d->n->conf->agents]);
	const struct conf_daemon *peer = node ? conf_daemon_by_addr(d->n->conf, node) : NULL;
	if (!peer || peer_is_silent(&d->peers[peer - d->n->conf->daemons]))
		return 0;
	return (uint8_t)addr_site(node);
}
