/* The owner's side of a call: what the core says of it becomes sound, records, journal and
 * goodbyes. */
#include "nodes/node_calls_priv.h"
#include "nodes/node_last.h"
#include "nodes/node_sounds.h"
#include "nodes/node_tasks.h"
#include "nodes/desk/desk.h"

#include <string.h>

enum {
	/* A node that comes back has its talks bridged again within some tenths of a second: a
	   voice that begins a word and is cut off would only frighten. */
	MOMENT_AFTER_MS = 700,
};

/* "One moment": the agent's side is gone, and may be back soon. */
static void moment_h(void *arg)
{
	struct call *c = arg;
	node_sounds_play(c->n, c->leg, c->queue->moment, c->queue->music);
}

void call_record(struct node *n, const struct call *c, const struct acd_fx *fx)
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
		call_record(n, c, fx);
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
		call_music(n, c, false);
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
			call_say(n, c, c->queue->task_announcement);
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
	call_journal(n, c);
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
		call_say(n, c, c->queue->closed_announcement);
	else
		call_music(n, c, false);
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
			call_music(n, c, false);
			call_journal(n, c);
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
