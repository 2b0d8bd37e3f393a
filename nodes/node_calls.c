/*
 * The owner's side of a call: SIP dialog, media leg and record around the core's call register.
 */
#include "nodes/node.h"
#include "nodes/node_guard.h"
#include "nodes/node_last.h"
#include "nodes/node_neighbour.h"
#include "nodes/node_sounds.h"
#include "nodes/desk/desk.h"
#include "nodes/node_tasks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	RETRY_AFTER_S = 5,
	/* Two thousand re-INVITEs a second: a full node has moved in half a second. */
	MOVE_BATCH = 20,
	MOVE_MS = 10,
};

static bool call_match(struct le *le, void *arg)
{
	const struct call *c = le->data;
	return c->id.v == *(const uint64_t *)arg;
}

static uint32_t call_key(uint64_t id)
{
	return hash_fast((const char *)&id, sizeof(id));
}

struct call *node_call_find(const struct node *n, uint64_t id)
{
	return list_ledata(hash_lookup(n->calls, call_key(id), call_match, &id));
}

static void call_destroy(void *arg)
{
	struct call *c = arg;
	hash_unlink(&c->he);
	node_silence_forget(c->n, &c->silence);
	list_unlink(&c->moving_le);
	mem_deref(c->caller);
	mem_deref(c->caller_name);
	mem_deref(c->note);
	tmr_cancel(&c->tmr_moment);
}

static void call_free(struct node *n, struct call *c)
{
	if (c->leg.v)
		media_leg_close(n->media, c->leg);
	if (c->sip) {
		sip_call_user_set(c->sip, NULL);
		c->sip = sip_call_free(c->sip);
	}
	n->calls_n--;
	mem_deref(c);
}

static struct call *call_make(struct node *n, struct sip_call *sip, const struct conf_queue *q,
			      const char *caller, const char *caller_name)
{
	struct call *c = mem_zalloc(sizeof(*c), call_destroy);
	if (!c)
		return NULL;
	c->id.v = node_id_next(n);
	if ((*caller && str_dup(&c->caller, caller)) ||
	    (*caller_name && str_dup(&c->caller_name, caller_name)) ||
	    media_leg_plain(n->media, id_seq(c->id.v), &c->leg, &c->rtp_port)) {
		mem_deref(c);
		return NULL;
	}
	c->n = n;
	tmr_init(&c->tmr_moment);
	c->sip = sip;
	c->queue = q;
	c->entered_us = mono_us();
	c->entered_ms = wall_ms();
	hash_append(n->calls, call_key(c->id.v), &c->he, c);
	n->calls_n++;
	return c;
}

/* Once: the call ends after that. Then silence, not music. */
static void say(struct node *n, struct call *c, const char *file)
{
	node_sounds_play(n, c->leg, file, "");
}

/* Music, preceded by the greeting the first time. A queue without files waits in silence. */
static void music_on(struct node *n, struct call *c, bool greeting)
{
	node_sounds_play(n, c->leg, greeting ? c->queue->greeting : "", c->queue->music);
}

enum {
	/* A node that comes back has its talks bridged again within some tenths of a second: a
	   voice that begins a word and is cut off would only frighten. */
	MOMENT_AFTER_MS = 700,
	/* What was sent since the numbers were noted is counted by time; so many packets more, in
	   case that clock ran a little differently. RFC 3550 A.1 takes a leap of 3000 as loss. */
	NUMBERS_JUMP = 100,
	PACKET_US = 20000,
	TICKS_PER_PACKET = 160,
};

/* "One moment": the agent's side is gone, and may be back soon. */
static void moment_h(void *arg)
{
	struct call *c = arg;
	node_sounds_play(c->n, c->leg, c->queue->moment, c->queue->music);
}

static void remote_set(struct node *n, struct call *c, const struct sip_sdp *sdp)
{
	struct media_remote r = {
	    .ip4 = sdp->ip4,
	    .port = sdp->port,
	    .codec = sdp->codec == SIP_PCMA ? MEDIA_PCMA : MEDIA_PCMU,
	    .pt = (uint8_t)sdp->codec,
	    .dtmf_pt = sdp->dtmf_pt,
	    .send = sdp->send,
	    .recv = sdp->recv,
	    .ptime_ms = sdp->ptime_ms,
	};
	c->codec = sdp->codec;
	if (r.ip4 && r.port) /* an INVITE without an offer brings them with its ACK */
		(void)media_leg_remote(n->media, c->leg, &r);
}

void calls_end(struct node *n, struct call *c, enum acd_cause cause)
{
	struct acd_event ev = {.type = ACD_EV_CALL_GONE, .call = c->id, .cause = (uint8_t)cause};
	(void)node_event(n, &ev);
}

static void call_take(struct node *n, struct sip_call *sip, const char *user, const char *caller,
		      const char *caller_name, const struct sip_sdp *offer)
{
	const struct conf_queue *q = conf_queue_by_name(n->conf, user);
	if (!q || q->closed) {
		log_info("call.unknown_queue", "dialled=%s", log_quote(user));
		(void)sip_call_reject(sip, 404, "Not Found", 0);
		return;
	}
	struct call *c = call_make(n, sip, q, caller, caller_name);
	if (!c) {
		log_warn("call.no_media", "queue=%s remedy=\"widen media_ports\"", q->name);
		(void)sip_call_reject(sip, 503, "Service Unavailable", RETRY_AFTER_S);
		return;
	}
	sip_call_user_set(sip, c);
	c->codec = offer->codec;
	struct acd_event ev = {.type = ACD_EV_CALL_ARRIVED, .call = c->id, .queue = {q->id}};
	uint64_t id = c->id.v;
	char id_str[ID_STR_SIZE];
	node_route(n, q, c->caller, conf_id_format(n->conf, id_str, id), ev.want);
	enum acd_verdict verdict = node_event(n, &ev);
	if (verdict != ACD_OK) {
		c->sip = NULL;
		call_free(n, c);
		if (verdict == ACD_REFUSED_CLOSED) {
			log_info("call.closed", "queue=%s", q->name);
			(void)sip_call_reject(sip, 480, "Temporarily Unavailable", 0);
			return;
		}
		(void)sip_call_reject(sip, 503, "Service Unavailable", RETRY_AFTER_S);
		return;
	}
	n->counters.entered++;
	node_wall_entered(n, c);
	struct acd_call_view view;
	if (!acd_call_get(n->acd, c->id, n->now_us, &view))
		return; /* ended within its own arrival; calls_fx has cleaned up */
	log_info("call.entered", "call=%s queue=%s caller=%s", id_str, q->name, log_number(caller));
	if (!node_journal_put(n, c, &view))
		calls_answer(n, id);
}

static void incoming_h(struct sip_call *sip, const char *user, const char *caller,
		       const char *caller_name, const struct sip_sdp *offer, void *arg)
{
	struct node *n = arg;
	media_hold(n->media);
	call_take(n, sip, user, caller, caller_name, offer);
	media_release(n->media);
}

void calls_answer(struct node *n, uint64_t id)
{
	struct call *c = node_call_find(n, id);
	struct acd_call_view view;
	if (!c || c->accepted || c->over || !acd_call_get(n->acd, c->id, n->now_us, &view))
		return;
	c->accepted = true;
	int err = sip_call_accept(c->sip, c->rtp_port, (uint32_t)view.cepoch);
	if (err) {
		log_warn("call.accept", "err=%s", log_quote(strerror(err)));
		c = node_call_find(n, id);
		if (c)
			calls_end(n, c, ACD_CAUSE_MEDIA_FAILED);
		return;
	}
	remote_set(n, c, &sip_call_dialog(c->sip)->remote_sdp);
	if (c->told_closed)
		say(n, c, c->queue->closed_announcement);
	else if (view.state == ACD_CALL_QUEUED || view.state == ACD_CALL_GRANTED)
		music_on(n, c, true);
}

/* The dialog, or what the core says of the call, has changed. */
static void journal_again(struct node *n, const struct call *c)
{
	struct acd_call_view view;
	if (c->accepted && !c->over && c->sip && acd_call_get(n->acd, c->id, n->now_us, &view) &&
	    sip_call_dialog(c->sip)->confirmed)
		(void)node_journal_put(n, c, &view);
}

static void changed_h(struct sip_call *sip, void *arg)
{
	const struct call *c = sip_call_user(sip);
	if (c)
		journal_again(arg, c);
}

/* Another node has adopted this call: it is theirs, with its record; not a word more from here. */
void calls_fenced(struct node *n, uint64_t id)
{
	struct call *c = node_call_find(n, id);
	if (!c)
		return;
	c->fenced = c->over = true;
	struct acd_call_view view;
	struct acd_event ev = {.type = ACD_EV_CALL_FENCED, .call = c->id};
	/* Who adopted it has a larger epoch; which one, the register need not know. */
	if (acd_call_get(n->acd, c->id, n->now_us, &view)) {
		ev.msg.cepoch = view.cepoch + 1;
		(void)node_event(n, &ev);
	}
}

/* A carrier takes some requests a second from one address (and so do we): hundreds of callers are
 * told where we hear them over some tenths of a second, in the order of their ids: of their age. */
static void moving_h(void *arg)
{
	struct node *n = arg;
	for (int i = 0; i < MOVE_BATCH && n->moving.head; i++) {
		struct call *c = n->moving.head->data;
		list_unlink(&c->moving_le);
		if (c->sip && !c->over)
			(void)sip_call_reinvite(c->sip, c->rtp_port);
	}
	if (n->moving.head)
		tmr_start(&n->tmr_moving, MOVE_MS, moving_h, n);
}

static void call_moves(struct node *n, struct call *c)
{
	list_append(&n->moving, &c->moving_le, c);
	if (!tmr_isrunning(&n->tmr_moving))
		tmr_start(&n->tmr_moving, 0, moving_h, n);
}

/* Where its earlier life left off, further on by the time that has passed. */
static bool numbers_of(const struct call_back *back, struct media_numbers *ret)
{
	if (!back->v.numbers.ssrc)
		return false;
	uint64_t packets = back->numbers_age_us / PACKET_US + NUMBERS_JUMP;
	*ret = back->v.numbers;
	ret->seq = (uint16_t)(ret->seq + packets);
	ret->ts += (uint32_t)(packets * TICKS_PER_PACKET);
	return true;
}

static enum acd_verdict call_adopt(struct node *n, const struct call *c,
				   const struct call_back *back)
{
	struct acd_event ev = {.type = ACD_EV_CALL_ADOPTED,
			       .call = c->id,
			       .queue = {c->queue->id},
			       .age_us = back->age_us,
			       .msg = {.cepoch = back->cepoch,
				       .version = back->cepoch_before,
				       .state = ACD_CALL_QUEUED}};
	memcpy(ev.want, back->v.want, sizeof(ev.want));
	if (back->v.offer && back->v.session && back->v.agent && addr_is_node(back->v.agent_node)) {
		ev.msg.state = ACD_CALL_BRIDGED;
		ev.msg.offer.v = back->v.offer;
		ev.msg.session.v = back->v.session;
		ev.msg.agent.v = back->v.agent;
		ev.msg.node.v = back->v.agent_node;
	}
	return node_event(n, &ev);
}

int calls_return(struct node *n, const struct call_back *back)
{
	char text[ID_STR_SIZE];
	struct media_numbers numbers;
	struct call *c = mem_zalloc(sizeof(*c), call_destroy);
	if (!c)
		return ENOMEM;
	c->n = n;
	tmr_init(&c->tmr_moment);
	c->id.v = back->id;
	bool goes_on = numbers_of(back, &numbers);
	int err = *back->v.caller ? str_dup(&c->caller, back->v.caller) : 0;
	if (!err && *back->v.caller_name)
		err = str_dup(&c->caller_name, back->v.caller_name);
	if (!err)
		err = media_leg_plain_at(n->media, id_seq(c->id.v), back->v.rtp_port,
					 goes_on ? &numbers : NULL, &c->leg, &c->rtp_port);
	if (!err)
		err = sip_call_adopt(n->ua, &c->sip, &back->dialog, (uint32_t)back->cepoch, c);
	if (err) {
		if (c->leg.v)
			media_leg_close(n->media, c->leg);
		mem_deref(c);
		return err;
	}
	c->queue = back->queue;
	c->entered_us = mono_us() - back->age_us;
	c->entered_ms = back->v.entered_ms;
	c->answered_ms = back->v.answered_ms;
	c->answered_us = back->v.answered_ms ? c->entered_us + back->v.wait_us : 0;
	c->wait_us = back->v.wait_us;
	c->offers = back->v.offers;
	c->agent = back->v.agent;
	c->agent_node = back->v.agent_node;
	c->bridged_offer = back->v.offer;
	c->bridged_session = back->v.session;
	c->accepted = true;
	hash_append(n->calls, call_key(c->id.v), &c->he, c);
	n->calls_n++;
	remote_set(n, c, &back->dialog.remote_sdp);
	if (!back->v.offer)
		music_on(n, c, false);
	if (call_adopt(n, c, back) != ACD_OK) {
		call_free(n, c);
		return ENOSPC;
	}
	node_tasks_returned(n, c->id.v);
	n->counters.returned++;
	node_wall_entered(n, c); /* it has no record yet from which today was counted */
	if (c->answered_us)
		node_wall_answered(n, c);
	log_info("call.returned", "call=%s queue=%s age_ms=%llu was_talking=%d",
		 conf_id_format(n->conf, text, back->id), c->queue->name,
		 (unsigned long long)(back->age_us / 1000), back->v.answered_ms != 0);
	if (back->moved || c->rtp_port != back->v.rtp_port) /* say where we hear now */
		call_moves(n, c);
	return 0;
}

static int reoffer_h(struct sip_call *sip, const struct sip_sdp *offer, void *arg)
{
	struct node *n = arg;
	struct call *c = sip_call_user(sip);
	if (!c)
		return 481;
	remote_set(n, c, offer);
	return 0;
}

static void ended_h(struct sip_call *sip, enum sip_end why, void *arg)
{
	struct node *n = arg;
	struct call *c = sip_call_user(sip);
	if (!c)
		return;
	/* S7: "abandoned" only after the caller's own CANCEL or BYE. */
	bool caller = why == SIP_END_CANCEL || why == SIP_END_BYE;
	c->over = true;
	calls_end(n, c,
		  caller ? ACD_CAUSE_CALLER_HUNG_UP
			 : (why == SIP_END_ERROR ? ACD_CAUSE_MEDIA_FAILED : ACD_CAUSE_TIMEOUT));
}

static uint32_t admit_h(void *arg)
{
	const struct node *n = arg;
	return n->draining || n->calls_n >= n->self->calls_max ? RETRY_AFTER_S : 0;
}

/* Who may not speak does not listen either: the far end says it again. */
static bool hold_h(void *arg)
{
	return node_neighbour_lapsed(arg) && !node_neighbour_left(arg);
}

int calls_open(struct node *n)
{
	tmr_init(&n->tmr_moving);
	int err = hash_alloc(&n->calls, NODE_HASH_BUCKETS);
	if (!err)
		err = hash_alloc(&n->offers, NODE_HASH_BUCKETS);
	return err ? err : node_sounds_open(n);
}

void calls_limits(struct node *n)
{
	struct sip_trunk trunks[SIP_TRUNKS_MAX];
	struct sip_limits limits = node_sip_limits(n->conf, trunks);
	if (n->ua)
		sip_ua_limits(n->ua, &limits);
}

int calls_listen(struct node *n)
{
	char why[256] = "";
	struct sip_trunk trunks[SIP_TRUNKS_MAX];
	struct sip_limits limits = node_sip_limits(n->conf, trunks);
	static const struct sip_ua_handlers handlers = {
	    .incoming_h = incoming_h,
	    .reoffer_h = reoffer_h,
	    .ended_h = ended_h,
	    .changed_h = changed_h,
	    .admit_h = admit_h,
	    .guard_h = node_sip_guarded,
	    .hold_h = hold_h,
	};
	struct sip_ua_conf conf = {
	    .bind = n->self->bind,
	    .advertise = n->self->advertise,
	    .port = n->self->sip_port,
	    .vip = n->self->vip,
	    .server = "Heliograph/" HELIO_VERSION,
	    .calls_max = n->self->calls_max,
	    .session_expires_s = 1800,
	    .limits = &limits,
	};
	int err = sip_ua_open(&n->ua, &conf, &handlers, n, why);
	if (err) {
		log_error("start.failed", "part=sip why=%s", log_quote(why));
		n->failed = true;
		re_cancel();
	}
	return err;
}

static bool close_one(struct le *le, void *arg)
{
	struct node *n = arg;
	struct call *c = le->data;
	calls_end(n, c, ACD_CAUSE_DRAINING);
	return false;
}

void calls_goodbye(struct node *n)
{
	node_tasks_goodbye(n);
	if (n->calls && n->acd)
		(void)hash_apply(n->calls, close_one, n);
}

void calls_close(struct node *n)
{
	node_sounds_close(n);
	tmr_cancel(&n->tmr_moving);
	hash_flush(n->calls);
	hash_flush(n->offers);
	n->calls = mem_deref(n->calls);
	n->offers = mem_deref(n->offers);
	if (n->ua)
		n->ua = sip_ua_close(n->ua);
}

/* ---- what the core says about a call ---- */

static void record_write(struct node *n, const struct call *c, const struct acd_fx *fx)
{
	struct record r = {0};
	uint64_t now = mono_us();
	const struct conf_agent *agent = c->agent ? conf_agent_by_id(n->conf, c->agent) : NULL;
	const struct conf_daemon *agent_node = conf_daemon_by_addr(n->conf, c->agent_node);
	const struct conf_site *agent_site =
	    c->agent_node ? conf_site_by_number(n->conf, addr_site(c->agent_node)) : NULL;
	conf_id_format(n->conf, r.call, c->id.v);
	if (c->sip)
		(void)str_copy(r.sip_callid, sizeof(r.sip_callid), sip_call_dialog(c->sip)->callid);
	(void)str_copy(r.queue, sizeof(r.queue), c->queue->name);
	(void)str_copy(r.site, sizeof(r.site), n->site->name);
	(void)str_copy(r.node, sizeof(r.node), n->self->name);
	if (agent)
		(void)str_copy(r.agent, sizeof(r.agent), agent->name);
	if (agent_site)
		(void)str_copy(r.agent_site, sizeof(r.agent_site), agent_site->name);
	if (agent_node && c->agent)
		(void)str_copy(r.agent_node, sizeof(r.agent_node), agent_node->name);
	(void)str_copy(r.caller, sizeof(r.caller), c->caller ? c->caller : "");
	(void)str_copy(r.dialled, sizeof(r.dialled), c->queue->name);
	(void)str_copy(r.outcome, sizeof(r.outcome), acd_outcome_name(fx->outcome));
	(void)str_copy(r.cause, sizeof(r.cause), acd_cause_name(fx->cause));
	(void)str_copy(r.disposition, sizeof(r.disposition), c->disposition);
	(void)str_copy(r.note, sizeof(r.note), c->note ? c->note : "");
	r.cepoch = fx->cepoch;
	r.entered_ms = c->entered_ms;
	r.answered_ms = c->answered_ms;
	r.ended_ms = wall_ms();
	r.wait_ms = (int64_t)((c->answered_us ? c->wait_us : now - c->entered_us) / 1000);
	r.talk_ms = c->answered_us ? (int64_t)((now - c->answered_us) / 1000) : 0;
	r.offers = c->offers;
	int err = records_put(n->records, &r);
	if (err)
		log_error("record.lost", "call=%s err=%s", r.call, log_quote(strerror(err)));
}

void calls_not_returned(struct node *n, const struct call_back *back)
{
	/* Its queue was taken out of the configuration while nobody had the call. */
	static const struct conf_queue removed = {.name = "?"};
	struct call c = {.id = {back->id},
			 .queue = back->queue ? back->queue : &removed,
			 .entered_us = mono_us() - back->age_us,
			 .entered_ms = back->v.entered_ms,
			 .answered_ms = back->v.answered_ms,
			 .wait_us = back->v.wait_us,
			 .agent = back->v.agent,
			 .agent_node = back->v.agent_node,
			 .offers = back->v.offers};
	const struct acd_fx fx = {.type = ACD_FX_CALL,
				  .cepoch = back->cepoch,
				  .outcome = ACD_OUTCOME_FAILED,
				  .cause = ACD_CAUSE_CALL_GONE};
	char caller[sizeof(back->v.caller)];
	(void)str_copy(caller, sizeof(caller), back->v.caller);
	c.caller = caller;
	c.answered_us = back->v.answered_ms ? c.entered_us + back->v.wait_us : 0;
	record_write(n, &c, &fx);
	int err = back->dialog.callid[0]
		      ? sip_dialog_bye(n->ua, &back->dialog, (uint32_t)back->cepoch,
				       "Service Unavailable")
		      : ENOENT;
	if (err)
		log_warn("call.no_bye", "err=%s", log_quote(strerror(err)));
}

static void call_finish(struct node *n, struct call *c, const struct acd_fx *fx)
{
	char id[ID_STR_SIZE];
	n->counters.ended++;
	switch ((enum acd_outcome)fx->outcome) {
	case ACD_OUTCOME_ANSWERED: n->counters.answered++; break;
	case ACD_OUTCOME_ABANDONED:
		n->counters.abandoned++;
		node_wall_abandoned(n, c);
		break;
	case ACD_OUTCOME_NONE: break; /* another node has it now */
	case ACD_OUTCOME_CALLBACK:
	case ACD_OUTCOME_VOICEMAIL:
	case ACD_OUTCOME_OVERFLOW_OUT:
	case ACD_OUTCOME_FAILED: n->counters.failed++; break;
	}
	log_info("call.ended", "call=%s outcome=%s cause=%s", conf_id_format(n->conf, id, c->id.v),
		 acd_outcome_name(fx->outcome), acd_cause_name(fx->cause));
	if (fx->cause == ACD_CAUSE_FENCED)
		c->fenced = c->over = true;
	if (!c->fenced)
		record_write(n, c, fx);
	node_journal_del(n, c->id.v);
	offer_drop(n, fx->offer.v ? fx->offer.v : c->bridged_offer, OFFER_OWNER);
	if (c->sip && !c->over) {
		c->over = true;
		(void)sip_call_hangup(c->sip, "Normal call clearing");
	}
	call_free(n, c);
}

/* Nobody would call this one back: it waits on, with the place it had, and no rule ends it. */
static void call_stays(struct node *n, struct call *c, const struct acd_fx *fx)
{
	struct acd_event ev = {.type = ACD_EV_CALL_ARRIVED,
			       .call = c->id,
			       .queue = {c->queue->id},
			       .age_us = fx->age_us,
			       .msg = {.cepoch = fx->cepoch}, /* it waited here already */
			       .on = true};
	c->leaving = c->told_closed = false;
	enum acd_verdict v = node_event(n, &ev);
	if (v == ACD_OK) {
		music_on(n, c, false);
		return;
	}
	struct acd_fx failed = *fx;
	failed.outcome = ACD_OUTCOME_FAILED;
	call_finish(n, c, &failed);
}

static void call_ended(struct node *n, struct call *c, const struct acd_fx *fx)
{
	char id[ID_STR_SIZE];
	bool task = fx->outcome == ACD_OUTCOME_CALLBACK || fx->outcome == ACD_OUTCOME_VOICEMAIL;
	int err = task ? node_tasks_take(n, c, fx) : 0;
	if (err) {
		log_error("task.refused", "call=%s err=%s remedy=\"make room on the disk\"",
			  conf_id_format(n->conf, id, c->id.v), log_quote(strerror(err)));
		call_stays(n, c, fx);
	} else if (task) {
		c->leaving = true;
		if (fx->cause == ACD_CAUSE_TIMEOUT && c->accepted)
			say(n, c, c->queue->task_announcement);
	} else {
		call_finish(n, c, fx);
	}
}

void calls_left(struct node *n, const struct acd_fx *fx, bool safe)
{
	struct call *c = node_call_find(n, fx->call.v);
	if (c && safe)
		call_finish(n, c, fx);
	else if (c && !c->over)
		call_stays(n, c, fx);
	else if (c) {
		struct acd_fx left = *fx;
		left.outcome = ACD_OUTCOME_ABANDONED; /* its own BYE came while it was kept */
		call_finish(n, c, &left);
	}
}

static void call_bridged(struct node *n, struct call *c, const struct acd_fx *fx)
{
	char id[ID_STR_SIZE];
	const struct conf_agent *agent = conf_agent_by_id(n->conf, fx->agent.v);
	if (!c->answered_us) {
		c->answered_us = mono_us();
		c->answered_ms = wall_ms();
		c->wait_us = c->answered_us - c->entered_us;
		node_wall_answered(n, c);
	}
	c->agent = fx->agent.v;
	node_last_talked(n, c->caller, c->agent);
	c->agent_node = fx->peer.v;
	tmr_cancel(&c->tmr_moment);
	uint64_t gap_us = c->awaits_us ? mono_us() - c->awaits_us : 0;
	c->awaits_us = 0;
	if (c->bridged_offer && c->bridged_offer != fx->offer.v)
		offer_drop(n, c->bridged_offer, OFFER_OWNER);
	c->bridged_offer = fx->offer.v;
	c->bridged_session = fx->session.v;
	journal_again(n, c);
	if (fx->peer.v != n->self->addr) {
		const struct offer *o = offer_find(n, fx->offer.v, OFFER_OWNER);
		if (o && o->have_leg)
			(void)media_bridge(n->media, c->leg, o->leg);
	} /* else desk_fx_talk bridges, once the agent's register holds the offer too (S3) */
	log_info(gap_us ? "call.bridged_again" : "call.bridged",
		 "call=%s agent=%s wait_ms=%llu gap_ms=%llu", conf_id_format(n->conf, id, c->id.v),
		 agent ? agent->name : "?", (unsigned long long)(c->wait_us / 1000),
		 (unsigned long long)(gap_us / 1000));
}

/* Who has heard nothing since the agent's node fell silent has waited for "one moment" already. */
static uint64_t moment_in_ms(const struct node *n, const struct acd_fx *fx)
{
	const struct offer *o = offer_find(n, fx->offer.v, OFFER_OWNER);
	uint64_t silent_us;
	if (!o || !o->have_leg || media_leg_silent_us(n->media, o->leg, &silent_us))
		return MOMENT_AFTER_MS;
	const uint64_t silent_ms = silent_us / 1000;
	return silent_ms < MOMENT_AFTER_MS ? MOMENT_AFTER_MS - silent_ms : 0;
}

/* The agent's side is silent or gone, or (offer is new) the agent is back in another session. */
static void call_awaits(struct node *n, struct call *c, const struct acd_fx *fx)
{
	char id[ID_STR_SIZE];
	if (c->bridged_offer && c->bridged_offer != fx->offer.v) {
		offer_drop(n, c->bridged_offer, OFFER_OWNER);
		c->bridged_offer = fx->offer.v;
	}
	(void)media_unbridge(n->media, c->leg);
	if (!c->awaits_us) {
		c->awaits_us = mono_us();
		tmr_start(&c->tmr_moment, moment_in_ms(n, fx), moment_h, c);
	}
	log_info("call.await_agent", "call=%s", conf_id_format(n->conf, id, c->id.v));
	desk_agent_wanted(n->desk, fx->agent.v, fx->session.v);
}

/* Its queue is closed everywhere, or open again. */
static void call_told(struct node *n, struct call *c, bool closed)
{
	if (c->told_closed == closed)
		return;
	c->told_closed = closed;
	if (!c->accepted)
		return; /* calls_answer() looks at it */
	if (closed)
		say(n, c, c->queue->closed_announcement);
	else
		music_on(n, c, false);
}

void calls_fx(struct node *n, const struct acd_fx *fx)
{
	struct call *c = node_call_find(n, fx->call.v);
	if (!c) {
		(void)node_tasks_fx(n, fx);
		return;
	}
	switch ((enum acd_call_state)fx->call_state) {
	case ACD_CALL_QUEUED:
		if (fx->offer.v)
			offer_drop(n, fx->offer.v, OFFER_OWNER);
		if (c->bridged_offer || tmr_isrunning(&c->tmr_moment)) {
			tmr_cancel(&c->tmr_moment);
			c->awaits_us = 0;
			offer_drop(n, c->bridged_offer, OFFER_OWNER);
			c->bridged_offer = c->bridged_session = 0;
			(void)media_unbridge(n->media, c->leg);
			music_on(n, c, false);
			journal_again(n, c);
		}
		call_told(n, c, fx->cause == ACD_CAUSE_CLOSED);
		break;
	case ACD_CALL_GRANTED:
		c->offers++;
		n->counters.offers++;
		break;
	case ACD_CALL_BRIDGED: call_bridged(n, c, fx); break;
	case ACD_CALL_AWAIT_AGENT: call_awaits(n, c, fx); break;
	case ACD_CALL_ENDED: call_ended(n, c, fx); break;
	case ACD_CALL_NONE: break;
	}
}

void calls_fx_group(struct node *n, const struct acd_fx *fx)
{
	struct call *c = node_call_find(n, fx->call.v);
	if (!fx->on) {
		offer_drop(n, fx->offer.v, OFFER_OWNER);
	} else if (c) {
		c->offers++;
		n->counters.offers++;
	}
}

void calls_wrap(struct node *n, uint64_t id, const char *disposition, const char *note)
{
	struct call *c = node_call_find(n, id);
	if (c) { /* noted while talking: goes into the record when it is written */
		(void)str_copy(c->disposition, sizeof(c->disposition), disposition);
		c->note = mem_deref(c->note);
		if (*note)
			(void)str_dup(&c->note, note);
		return;
	}
	(void)node_tasks_wrap(n, id, disposition, note); /* the attempt's record notes it, too */
	char id_str[ID_STR_SIZE];
	int err = records_wrap(n->records, conf_id_format(n->conf, id_str, id), disposition, note);
	if (err)
		log_warn("record.wrap", "call=%s err=%d", id_str, err);
}
