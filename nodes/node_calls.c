/*
 * The owner's side of a call: SIP dialog, media leg and record around the core's call register.
 * Here: from SIP to the core. What the core says is node_calls_fx.c, who comes from the journal
 * node_calls_back.c.
 */
#include "nodes/node_calls_priv.h"
#include "nodes/node_guard.h"
#include "nodes/node_neighbour.h"
#include "nodes/node_sounds.h"
#include "nodes/desk/desk.h"
#include "nodes/node_tasks.h"

#include <string.h>

enum { RETRY_AFTER_S = 5 };

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

struct call *call_alloc(struct node *n, uint64_t id)
{
	struct call *c = mem_zalloc(sizeof(*c), call_destroy);
	if (!c)
		return NULL;
	c->n = n;
	c->id.v = id;
	tmr_init(&c->tmr_moment);
	return c;
}

void call_link(struct node *n, struct call *c)
{
	hash_append(n->calls, call_key(c->id.v), &c->he, c);
	n->calls_n++;
}

void call_free(struct node *n, struct call *c)
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
	struct call *c = call_alloc(n, node_id_next(n));
	if (!c)
		return NULL;
	if ((*caller && str_dup(&c->caller, caller)) ||
	    (*caller_name && str_dup(&c->caller_name, caller_name)) ||
	    media_leg_plain(n->media, id_seq(c->id.v), &c->leg, &c->rtp_port)) {
		mem_deref(c);
		return NULL;
	}
	c->sip = sip;
	c->queue = q;
	c->entered_us = mono_us();
	c->entered_ms = wall_ms();
	call_link(n, c);
	return c;
}

void call_say(struct node *n, struct call *c, const char *file)
{
	node_sounds_play(n, c->leg, file, "");
}

void call_music(struct node *n, struct call *c, bool greeting)
{
	node_sounds_play(n, c->leg, greeting ? c->queue->greeting : "", c->queue->music);
}

void call_remote_set(struct node *n, struct call *c, const struct sip_sdp *sdp)
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
	call_remote_set(n, c, &sip_call_dialog(c->sip)->remote_sdp);
	if (c->told_closed)
		call_say(n, c, c->queue->closed_announcement);
	else if (view.state == ACD_CALL_QUEUED || view.state == ACD_CALL_GRANTED)
		call_music(n, c, true);
}

void call_journal(struct node *n, const struct call *c)
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
		call_journal(arg, c);
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

static int reoffer_h(struct sip_call *sip, const struct sip_sdp *offer, void *arg)
{
	struct node *n = arg;
	struct call *c = sip_call_user(sip);
	if (!c)
		return 481;
	call_remote_set(n, c, offer);
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
