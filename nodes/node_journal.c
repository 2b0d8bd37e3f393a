/*
 * What outlives this node (DESIGN §6). Every answered call is kept in the journal: its dialog, its
 * place, its port. A node that comes back reads them before it opens its SIP port, claims each
 * under a larger epoch, and goes on: same port, same dialog, same age, so the same place.
 *
 *   INVITE ─► journal_put ─► acked (or 20 ms) ─► 200 OK
 *   killed ─► restarted ─► journal_load ─► SIP port opens ─► journal_claim ─► call_return()
 *
 * A caller who was talking talks again as soon as the agent's node says that its register still
 * holds the offer (OWNER, HOLD); else it waits with its age, the first to be answered.
 */
#include "nodes/node.h"
#include "nodes/node_return.h"
#include "common/seal/seal.h"
#include "nodes/journal/journal.h"
#include "nodes/neighbour/site.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	LOAD_DEADLINE_MS = 300, /* of the one second in which callers are to be back */
};
/* Nobody holds a line for longer: the clock of Redis' machine was set meanwhile, by years perhaps,
 * and an age that the core refuses would end the call. */
#define AGE_MAX_US (UINT64_C(24) * 3600 * 1000000)

struct returning {
	struct le le;
	struct node *n;
	const struct conf_daemon *of;
	returning_h *h; /* may be NULL */
	void *arg;
	uint64_t id, cepoch, cepoch_new, owner_now_us;
	uint32_t boot;
	uint16_t port; /* kept free for it; 0: none */
	size_t len;
	uint8_t data[JOURNAL_DATA_MAX];
};

static void arm(struct node *n);

/* ---- what is kept of it ---------------------------------------------------------------------- */

static int pack(const struct call *c, const struct acd_call_view *view, uint8_t *out, size_t size,
		size_t *ret_len)
{
	const struct sip_dialog *dialog = sip_call_dialog(c->sip);
	struct call_value v = {.queue = c->queue->id,
			       .offers = c->offers,
			       .agent_node = c->agent_node,
			       .rtp_port = c->rtp_port,
			       .entered_us = c->entered_us,
			       .noted_us = mono_us(),
			       .wait_us = c->wait_us,
			       .entered_ms = c->entered_ms,
			       .answered_ms = c->answered_ms,
			       .agent = c->agent,
			       .offer = c->bridged_offer,
			       .session = c->bridged_session,
			       .ptime_ms = dialog->remote_sdp.ptime_ms};
	(void)media_leg_numbers(c->n->media, c->leg, &v.numbers);
	memcpy(v.want, view->want, sizeof(v.want));
	(void)str_copy(v.caller, sizeof(v.caller), c->caller ? c->caller : "");
	(void)str_copy(v.caller_name, sizeof(v.caller_name), c->caller_name ? c->caller_name : "");
	return call_value_encode(&v, dialog, out, size, ret_len);
}

/* A call that is older than its machine, taken over by one that has just started, came in "before"
 * the start of the clock: the difference is right all the same. */
static uint64_t since(uint64_t from_us, uint64_t now_us)
{
	int64_t us = (int64_t)(now_us - from_us);
	return us > 0 ? (uint64_t)us : 0;
}

static int unpack(const struct node *n, const struct returning *r, struct call_back *b)
{
	int err = call_value_decode(&b->v, &b->dialog, r->data, r->len);
	if (err && !b->v.entered_us)
		return err;
	b->id = r->id; /* enough is known for a record */
	b->cepoch = r->cepoch_new;
	b->cepoch_before = r->cepoch;
	b->moved = r->of != n->self;
	b->queue = conf_queue_by_id(n->conf, b->v.queue);
	b->age_us = since(b->v.entered_us, r->owner_now_us);
	if (b->age_us > AGE_MAX_US)
		b->age_us = AGE_MAX_US;
	b->numbers_age_us = since(b->v.noted_us, r->owner_now_us);
	b->dialog.remote_sdp.ptime_ms = b->v.ptime_ms;
	return err || b->queue ? err : ENOENT;
}

/* ---- putting -------------------------------------------------------------------------------- */

bool node_journal_put(struct node *n, const struct call *c, const struct acd_call_view *view)
{
	uint8_t value[JOURNAL_DATA_MAX];
	size_t len = 0;
	if (!n->journal || !c->sip)
		return false;
	int err = pack(c, view, value, sizeof(value), &len);
	if (!err)
		err = journal_put(n->journal, JOURNAL_CALL, c->id.v, view->cepoch, value, len,
				  mono_us());
	if (err)
		log_warn("journal.put", "err=%s", log_quote(strerror(err)));
	arm(n);
	return !err;
}

void node_journal_del(struct node *n, uint64_t call)
{
	if (!n->journal)
		return;
	(void)journal_del(n->journal, JOURNAL_CALL, call, mono_us());
	arm(n);
}

/* The journal has the call, or has had its 20 ms: either way the caller is answered now. */
static void acked_h(enum journal_kind kind, uint64_t id, uint64_t rtt_us, void *arg)
{
	(void)rtt_us;
	if (kind == JOURNAL_CALL)
		calls_answer(arg, id);
}

static void late_h(enum journal_kind kind, uint64_t id, void *arg)
{
	struct node *n = arg;
	n->counters.unprotected++;
	if (kind == JOURNAL_CALL)
		calls_answer(n, id);
}

static void lost_h(enum journal_kind kind, uint64_t id, uint64_t cepoch, const char *owner,
		   void *arg)
{
	struct node *n = arg;
	char text[ID_STR_SIZE];
	if (kind != JOURNAL_CALL)
		return;
	log_warn("call.adopted_elsewhere", "call=%s cepoch=%llu owner=%s",
		 conf_id_format(n->conf, text, id), (unsigned long long)cepoch, log_quote(owner));
	calls_fenced(n, id);
}

/* ---- coming back ---------------------------------------------------------------------------- */

/* All that this node had is decided: what it does not know now, it does not own. */
static void recovered_if(struct node *n)
{
	struct acd_event ev = {.type = ACD_EV_RECOVER};
	if (!n->recovering || n->loading || n->returning.head)
		return;
	n->recovering = false;
	(void)node_event(n, &ev);
}

static void returning_destroy(void *arg)
{
	struct returning *r = arg;
	list_unlink(&r->le);
	if (r->port)
		media_port_keep(r->n->media, r->port, false);
}

struct le *returning_le(struct returning *r)
{
	return &r->le;
}

struct returning *returning_new(struct node *n, const struct journal_loaded *e,
				const struct conf_daemon *of, returning_h *h, void *arg)
{
	if (e->kind != JOURNAL_CALL || e->len > JOURNAL_DATA_MAX)
		return NULL;
	struct returning *r = mem_zalloc(sizeof(*r), returning_destroy);
	if (!r)
		return NULL;
	r->n = n;
	r->of = of;
	r->h = h;
	r->arg = arg;
	r->id = e->id;
	r->cepoch = e->cepoch;
	/* 64·k + own ordinal: no two claimants share one. */
	r->cepoch_new = (e->cepoch / 64 + 1) * 64 + addr_ordinal(n->self->addr);
	r->owner_now_us = e->owner_now_us;
	r->boot = e->boot;
	r->len = e->len;
	memcpy(r->data, e->data, e->len);
	return r;
}

static void entry_h(const struct journal_loaded *e, void *arg)
{
	struct node *n = arg;
	struct returning *r = returning_new(n, e, n->self, NULL, NULL);
	if (!r)
		return;
	list_append(&n->returning, &r->le, r);
	r->port = call_value_port(r->data, r->len);
	media_port_keep(n->media, r->port, true);
}

static void claimed_h(enum journal_kind kind, uint64_t id, enum journal_verdict verdict,
		      uint64_t cepoch, const char *owner, void *arg)
{
	struct returning *r = arg;
	struct node *n = r->n;
	struct call_back *back = mem_zalloc(sizeof(*back), NULL);
	(void)kind;
	(void)id;
	(void)cepoch;
	(void)owner;
	int err = back ? unpack(n, r, back) : ENOMEM;
	if (!err && verdict == JOURNAL_WON)
		err = calls_return(n, back);
	if (err) {
		log_warn("call.not_returned", "err=%s", log_quote(strerror(err)));
		if (verdict == JOURNAL_WON && back && back->id)
			calls_not_returned(n, back);
		node_journal_del(n, r->id);
	}
	mem_deref(back);
	if (r->h)
		r->h(r->id, verdict == JOURNAL_WON, r->arg);
	mem_deref(r);
	recovered_if(n);
}

int returning_claim(struct returning *r, enum journal_at arbiter)
{
	struct node *n = r->n;
	struct journal_claim c = {
	    .kind = JOURNAL_CALL,
	    .id = r->id,
	    .node = r->of->name,
	    .boot = r->boot,
	    .cepoch = r->cepoch,
	    .cepoch_new = r->cepoch_new,
	    .data = r->data,
	    .len = r->len,
	    .arbiter = arbiter,
	    .claimed_h = claimed_h,
	    .arg = r,
	};
	int err = journal_claim(n->journal, &c, mono_us());
	if (err) {
		log_warn("journal.claim", "err=%s", log_quote(strerror(err)));
		mem_deref(r);
	}
	return err;
}

static void done_h(const struct journal_load_result *res, void *arg)
{
	struct node *n = arg;
	if (res->entries || res->tampered || !res->complete)
		log_info("journal.loaded", "calls=%u tampered=%u complete=%d",
			 (unsigned)res->entries, (unsigned)res->tampered, res->complete);
	n->loading = false;
	if (calls_listen(n)) /* who can be called must be able to answer: only now */
		return;
	for (struct le *le = n->returning.head; le;) {
		struct returning *r = le->data;
		le = le->next;
		(void)returning_claim(r, JOURNAL_ADOPTER);
	}
	recovered_if(n);
	arm(n);
}

/* ---- on libre's loop ------------------------------------------------------------------------ */

static void step(struct node *n, const short revents[JOURNAL_LINKS])
{
	journal_step(n->journal, revents, mono_us());
	for (uint32_t i = 0; i < JOURNAL_LINKS; i++) {
		const char *trouble = journal_trouble(n->journal, i);
		if (trouble)
			log_warn("journal.trouble", "redis=%s why=\"%s\"",
				 i == 0 ? "own" : "adopter", trouble);
	}
	arm(n);
}

static void fd0_h(int flags, void *arg)
{
	step(arg, (short[JOURNAL_LINKS]){poll_revents(flags), 0});
}

static void fd1_h(int flags, void *arg)
{
	step(arg, (short[JOURNAL_LINKS]){0, poll_revents(flags)});
}

static void journal_tmr_h(void *arg)
{
	step(arg, (short[JOURNAL_LINKS]){0, 0});
}

static void arm(struct node *n)
{
	static fd_h *const handler[JOURNAL_LINKS] = {fd0_h, fd1_h};
	for (uint32_t i = 0; i < JOURNAL_LINKS; i++) {
		short events = 0;
		int fd = journal_fd(n->journal, i, &events);
		poll_slot_arm(&n->journal_slot[i], fd, events, journal_fd_serial(n->journal, i),
			      handler[i], n);
	}
	poll_deadline_arm(&n->tmr_journal, journal_deadline(n->journal), journal_tmr_h, n);
}

void node_journal_arm(struct node *n)
{
	if (n->journal)
		arm(n);
}

int node_journal_open(struct node *n, char ret_why[256])
{
	char path[CONF_PATH_SIZE + 64];
	const struct conf_daemon *adopter = neighbour_adopter(n->conf, n->self);
	struct journal_conf conf = {
	    .own = &n->self->journal,
	    .adopter = adopter ? &adopter->journal : NULL,
	    .login = &n->conf->journal_login,
	    .node = n->self->name,
	    .boot = n->boot,
	    .h = {.acked_h = acked_h, .late_h = late_h, .lost_h = lost_h},
	    .arg = n,
	};
	tmr_init(&n->tmr_journal);
	if (!n->self->journal.port)
		return calls_listen(n);
	snprintf(path, sizeof(path), "%s/site-%s.key", n->conf->keys_dir, n->site->name);
	int err = seal_file_read(path, conf.key, sizeof(conf.key), true);
	if (err) {
		snprintf(ret_why, 256, "%.180s: %s; run helio-keys from-config", path,
			 strerror(err));
		return err;
	}
	err = journal_open(&n->journal, &conf, mono_us());
	explicit_bzero(conf.key, sizeof(conf.key));
	const struct journal_load_handlers h = {.entry_h = entry_h, .done_h = done_h, .arg = n};
	if (!err) {
		struct acd_event ev = {.type = ACD_EV_RECOVER, .on = true};
		n->loading = n->recovering = true;
		(void)node_event(n, &ev);
		err = journal_load(n->journal, JOURNAL_OWN, n->self->name, LOAD_DEADLINE_MS, &h,
				   mono_us());
	}
	if (err)
		snprintf(ret_why, 256, "%s", strerror(err));
	else
		arm(n);
	return err;
}

void node_journal_close(struct node *n)
{
	tmr_cancel(&n->tmr_journal);
	for (uint32_t i = 0; i < JOURNAL_LINKS; i++)
		poll_slot_close(&n->journal_slot[i]);
	list_flush(&n->returning);
	n->journal = journal_close(n->journal);
}

bool node_journal_is_up(const struct node *n)
{
	return n->journal && journal_is_up(n->journal, JOURNAL_OWN);
}

bool node_journal_is_settled(const struct node *n)
{
	return !n->journal || journal_is_settled(n->journal, JOURNAL_ADOPTER);
}

uint32_t node_journal_unprotected(const struct node *n)
{
	struct journal_counters k = {0};
	if (!n->journal)
		return 0; /* none was asked for: nothing is wrong */
	journal_counters(n->journal, &k);
	return k.unprotected;
}
