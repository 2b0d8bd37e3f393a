/*
 * What many nodes say, made one. An agent may be known to two of them for a moment (a new sign-in
 * while the old session yields): the row shown is that of the larger (login_no, session), as S10
 * has it. A queue's row is summed over the nodes of one site.
 */
#include "nodes/wall/view.h"
#include "common/acd/acd.h"
#include "common/base/base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SINCE_SAME_US = 1000000 };

static void site_merge(struct wall_view *v, unsigned site);

int wall_view_new(struct wall_view **ret, const struct conf *conf, uint64_t now_us)
{
	struct wall_view *v = calloc(1, sizeof(*v));
	if (!v)
		return ENOMEM;
	v->conf = conf;
	v->sources = calloc(conf->daemons_n + 1, sizeof(*v->sources));
	int err = v->sources ? wall_table_open(&v->rows) : ENOMEM;
	for (uint32_t i = 0; !err && i < conf->daemons_n; i++) {
		if (conf->daemons[i].role != CONF_NODE)
			continue;
		struct wall_source *s = &v->sources[v->sources_n];
		err = wall_table_open(&s->rows);
		s->addr = conf->daemons[i].addr;
		s->heard_us = now_us; /* nobody is called silent before they could answer */
		s->heard = true;
		v->sources_n++;
	}
	for (uint32_t i = 0; !err && i < conf->queues_n; i++) {
		struct wall_row *row = wall_table_make(&v->rows, WALL_LINE, conf->queues[i].id);
		if (!row) {
			err = ENOMEM;
			break;
		}
		row->line = i;
		wall_table_touch(&v->rows, row);
	}
	for (uint32_t i = 0; !err && i < conf->sites_n; i++)
		site_merge(v, conf->sites[i].number);
	if (err) {
		wall_view_free(v);
		return err;
	}
	*ret = v;
	return 0;
}

void wall_view_conf(struct wall_view *v, const struct conf *conf)
{
	v->conf = conf;
	v->hours_next = 0;
	for (uint32_t i = 0; i < conf->queues_n; i++) {
		struct wall_row *row = wall_table_make(&v->rows, WALL_LINE, conf->queues[i].id);
		if (!row)
			continue; /* no memory: that line is not shown */
		row->line = i;
		wall_table_touch(&v->rows, row);
	}
}

struct wall_view *wall_view_free(struct wall_view *v)
{
	if (!v)
		return NULL;
	for (uint32_t i = 0; i < v->sources_n; i++)
		wall_table_close(&v->sources[i].rows);
	free(v->sources);
	wall_table_close(&v->rows);
	free(v);
	return NULL;
}

static struct wall_source *source_of(const struct wall_view *v, uint16_t addr)
{
	for (uint32_t i = 0; i < v->sources_n; i++)
		if (v->sources[i].addr == addr)
			return &v->sources[i];
	return NULL;
}

/* ---- many into one ---- */

/* Who is here goes before who left, then who can be heard, then the newer sign-in. */
static bool better(const struct wall_source *s, const struct wall_row *a, bool than_heard,
		   const struct wall_row *b)
{
	bool here = a->agent.state != ACD_AGENT_OFF;
	if (!b || here != (b->agent.state != ACD_AGENT_OFF))
		return !b || here;
	if (s->heard != than_heard)
		return s->heard;
	if (a->agent.login_no != b->agent.login_no)
		return a->agent.login_no > b->agent.login_no;
	return a->agent.session > b->agent.session;
}

static void agent_merge(struct wall_view *v, uint64_t agent)
{
	const struct wall_row *best = NULL;
	const struct wall_source *whose = NULL;
	for (uint32_t i = 0; i < v->sources_n; i++) {
		const struct wall_source *s = &v->sources[i];
		const struct wall_row *row = wall_table_find(&s->rows, WALL_AGENT, agent);
		if (row && better(s, row, whose && whose->heard, best)) {
			best = row;
			whose = s;
		}
	}
	struct wall_row *row = wall_table_find(&v->rows, WALL_AGENT, agent);
	if (!row && (!best || best->agent.state == ACD_AGENT_OFF))
		return;
	row = row ? row : wall_table_make(&v->rows, WALL_AGENT, agent);
	if (!row)
		return;
	struct wall_agent now = best ? best->agent : (struct wall_agent){.agent = agent};
	bool heard = whose && whose->heard;
	uint16_t node = whose ? whose->addr : 0;
	if (row->version && row->heard == heard && row->node == node &&
	    memcmp(&row->agent, &now, sizeof(now)) == 0)
		return;
	row->agent = now;
	row->heard = heard;
	row->node = node;
	wall_table_touch(&v->rows, row);
}

static void queue_add(struct wall_queue *sum, const struct wall_queue *q)
{
	sum->waiting += q->waiting;
	if (q->ewt_ms >= sum->ewt_ms) { /* nodes of a site say the same, sooner or later */
		sum->ewt_ms = q->ewt_ms;
		sum->ewt_error_ms = q->ewt_error_ms;
	}
	if (q->head_us && (!sum->head_us || q->head_us < sum->head_us))
		sum->head_us = q->head_us;
	sum->day.entered += q->day.entered;
	sum->day.answered += q->day.answered;
	sum->day.in_time += q->day.in_time;
	sum->day.abandoned += q->day.abandoned;
	sum->day.wait_ms += q->day.wait_ms;
}

static void queue_merge(struct wall_view *v, uint32_t queue, unsigned site)
{
	struct wall_queue sum = {.queue = queue};
	bool heard = true;
	for (uint32_t i = 0; i < v->sources_n; i++) {
		const struct wall_source *s = &v->sources[i];
		if (addr_site(s->addr) != site)
			continue;
		const struct wall_row *row = wall_table_find(&s->rows, WALL_QUEUE, queue);
		if (row)
			queue_add(&sum, &row->queue);
		heard = heard && (!row || s->heard);
	}
	struct wall_row *row = wall_table_make(&v->rows, WALL_QUEUE, wall_queue_key(queue, site));
	if (!row ||
	    (row->version && row->heard == heard && memcmp(&row->queue, &sum, sizeof(sum)) == 0))
		return;
	row->queue = sum;
	row->heard = heard;
	row->node = addr_make(site, 0);
	wall_table_touch(&v->rows, row);
}

static void site_merge(struct wall_view *v, unsigned site)
{
	struct wall_site now = {.site = (uint8_t)site};
	for (uint32_t i = 0; i < v->sources_n; i++) {
		if (addr_site(v->sources[i].addr) != site)
			continue;
		now.nodes++;
		now.heard += v->sources[i].heard;
	}
	struct wall_row *row = wall_table_make(&v->rows, WALL_SITE, site);
	if (!row || (row->version && row->site.nodes == now.nodes && row->site.heard == now.heard))
		return;
	row->site = now;
	wall_table_touch(&v->rows, row);
}

static void row_merge(struct wall_view *v, const struct wall_source *s, const struct wall_row *row)
{
	if (row->kind == WALL_AGENT)
		agent_merge(v, row->key);
	else
		queue_merge(v, (uint32_t)row->key, addr_site(s->addr));
}

static void source_merge(struct wall_view *v, const struct wall_source *s)
{
	for (const struct wall_row *row = s->rows.oldest; row; row = row->newer)
		row_merge(v, s, row);
	site_merge(v, addr_site(s->addr));
}

/* Everything it said is taken back. */
static void source_forget(struct wall_view *v, struct wall_source *s)
{
	struct wall_table gone = s->rows;
	if (wall_table_open(&s->rows)) {
		s->rows = gone;
		return;
	}
	s->have = 0;
	for (const struct wall_row *row = gone.oldest; row; row = row->newer)
		row_merge(v, s, row);
	wall_table_close(&gone);
}

/* ---- news ---- */

/* An age, as a time of ours. The same thing said again arrives a little sooner or later: then the
 * time it had stays, or every repetition would look like a change. */
static uint64_t since(uint32_t age_ms, uint64_t now_us, uint64_t before_us)
{
	uint64_t age_us = age_ms * 1000ull, at_us = now_us > age_us ? now_us - age_us : 1;
	return before_us && at_us - before_us + SINCE_SAME_US <= 2 * SINCE_SAME_US ? before_us
										   : at_us;
}

static void agent_take(struct wall_view *v, struct wall_source *s, const WallAgent *a,
		       uint64_t now_us)
{
	if (!conf_agent_by_id(v->conf, a->agent) || a->state > ACD_AGENT_GRACE)
		return;
	struct wall_row *row = wall_table_make(&s->rows, WALL_AGENT, a->agent);
	if (!row)
		return;
	bool same = row->version && row->agent.state == a->state &&
		    row->agent.session == a->session && row->agent.call == a->call;
	uint64_t before_us = same ? row->agent.since_us : 0;
	memset(&row->agent, 0, sizeof(row->agent)); /* padding too: rows are compared whole */
	row->agent.agent = a->agent;
	row->agent.session = a->session;
	row->agent.login_no = a->login_no;
	row->agent.call = a->call;
	row->agent.queue = a->queue;
	row->agent.since_us = since(a->since_ms, now_us, before_us);
	row->agent.state = (uint8_t)a->state;
	row->agent.reason = a->reason <= UINT8_MAX ? (uint8_t)a->reason : 0;
	wall_table_touch(&s->rows, row);
	agent_merge(v, a->agent);
}

static void queue_take(struct wall_view *v, struct wall_source *s, const WallQueue *q,
		       uint64_t now_us)
{
	if (!conf_queue_by_id(v->conf, q->queue))
		return;
	struct wall_row *row = wall_table_make(&s->rows, WALL_QUEUE, q->queue);
	if (!row)
		return;
	uint64_t before_us = row->queue.head_us;
	memset(&row->queue, 0, sizeof(row->queue));
	row->queue.queue = q->queue;
	row->queue.waiting = q->waiting;
	row->queue.ewt_ms = q->ewt_ms;
	row->queue.ewt_error_ms = q->ewt_error_ms;
	row->queue.head_us = q->waiting ? since(q->longest_ms, now_us, before_us) : 0;
	row->queue.day.entered = q->entered;
	row->queue.day.answered = q->answered;
	row->queue.day.in_time = q->in_time;
	row->queue.day.abandoned = q->abandoned;
	row->queue.day.wait_ms = q->wait_ms;
	wall_table_touch(&s->rows, row);
	queue_merge(v, q->queue, addr_site(s->addr));
}

static void source_heard(struct wall_view *v, struct wall_source *s, bool heard)
{
	if (s->heard == heard)
		return;
	s->heard = heard;
	source_merge(v, s);
}

bool wall_view_news(struct wall_view *v, uint16_t from, uint32_t boot, const WallNews *news,
		    uint64_t now_us)
{
	struct wall_source *s = source_of(v, from);
	if (!s)
		return false;
	if (boot != s->boot) { /* it has restarted: what its former life said is void */
		source_forget(v, s);
		s->boot = boot;
	}
	s->heard_us = now_us;
	source_heard(v, s, true);
	if (news->after > s->have || news->upto < news->after)
		return true; /* something in between was lost */
	for (pb_size_t i = 0; i < news->agents_count; i++)
		agent_take(v, s, &news->agents[i], now_us);
	for (pb_size_t i = 0; i < news->queues_count; i++)
		queue_take(v, s, &news->queues[i], now_us);
	if (news->upto > s->have)
		s->have = news->upto;
	return false;
}

void wall_view_ask(const struct wall_view *v, uint16_t to, WallAsk *ret)
{
	const struct wall_source *s = source_of(v, to);
	*ret = (WallAsk){.lease_ms = WALL_LEASE_MS};
	if (s) {
		ret->boot = s->boot;
		ret->have = s->have;
	}
}

void wall_view_tick(struct wall_view *v, uint64_t now_us)
{
	for (uint32_t i = 0; i < v->sources_n; i++) {
		struct wall_source *s = &v->sources[i];
		/* What was heard meanwhile may be later than the caller's now. */
		uint64_t silent_ms = now_us > s->heard_us ? (now_us - s->heard_us) / 1000 : 0;
		if (silent_ms > WALL_SILENT_MS)
			source_heard(v, s, false);
		if (silent_ms > WALL_GONE_MS && s->rows.oldest)
			source_forget(v, s);
	}
}

uint16_t wall_view_agent_node(const struct wall_view *v, uint64_t agent)
{
	const struct wall_row *row = wall_table_find(&v->rows, WALL_AGENT, agent);
	return row && row->heard && row->agent.state != ACD_AGENT_OFF ? row->node : 0;
}
