/*
 * What supervisors see, on libre's loop: this node's book is kept up to date, nodes that asked are
 * told at most ten times a second, and while a supervisor of our own looks on, all others are
 * asked each second. With nobody looking there is no timer and no message. Routing never waits for
 * this.
 */
#include "nodes/node.h"
#include "nodes/wall/wall.h"
#include "common/tasks/tasks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	TELL_MS = 100, /* how late a change may leave: a fifth of what a page waits anyway */
	/* To one node in one go: a thousand agents are there within a second, and a burst stays far
	 * below the mesh's high-water mark. */
	TELL_BATCH = 32,
	RECORDS_BACK_MS = 24 * 3600 * 1000, /* who waited over midnight was answered today */
};

struct asker {
	uint64_t until_us; /* 0: does not ask */
	uint64_t have;
};

struct node_wall {
	struct node *n;
	struct wall_book *book;
	struct wall_day day;
	struct asker *askers; /* by index in conf->daemons; our own node among them */
	uint32_t askers_n;
	struct wall_view *view; /* NULL: no supervisor of ours looks on */
	uint64_t asked_us;
	struct tmr tmr;
};

static void tick_h(void *arg);

/* ---- today ---- */

static void count_record(const struct record *r, void *arg)
{
	struct node_wall *w = arg;
	const struct conf *conf = w->n->conf;
	const struct conf_queue *q = conf_queue_by_name(conf, r->queue);
	if (!q)
		return; /* a queue that is no more */
	if (task_is_attempt(r->sip_callid))
		return; /* its caller was counted with the call that left the task */
	uint32_t i = (uint32_t)(q - conf->queues);
	wall_day_entered(&w->day, i, r->entered_ms);
	if (r->answered_ms)
		wall_day_answered(&w->day, i, r->answered_ms, r->wait_ms, q->sl_within_ms);
	if (strcmp(r->outcome, acd_outcome_name(ACD_OUTCOME_ABANDONED)) == 0)
		wall_day_abandoned(&w->day, i, r->ended_ms);
}

static uint32_t queue_index(const struct node *n, const struct call *c)
{
	return (uint32_t)(c->queue - n->conf->queues);
}

void node_wall_entered(struct node *n, const struct call *c)
{
	(void)wall_day_turn(&n->wall->day, wall_ms());
	wall_day_entered(&n->wall->day, queue_index(n, c), c->entered_ms);
}

void node_wall_answered(struct node *n, const struct call *c)
{
	(void)wall_day_turn(&n->wall->day, wall_ms());
	wall_day_answered(&n->wall->day, queue_index(n, c), c->answered_ms,
			  (int64_t)(c->wait_us / 1000), c->queue->sl_within_ms);
}

void node_wall_abandoned(struct node *n, const struct call *c)
{
	(void)wall_day_turn(&n->wall->day, wall_ms());
	wall_day_abandoned(&n->wall->day, queue_index(n, c), wall_ms());
}

/* ---- the book ---- */

void node_wall_agent(struct node *n, const struct wall_agent *a)
{
	wall_book_agent(n->wall->book, a);
}

static void queues_write(struct node_wall *w)
{
	const struct node *n = w->n;
	uint64_t now = mono_us();
	uint32_t it = 0;
	struct acd_queue_view v;
	(void)wall_day_turn(&w->day, wall_ms());
	while (acd_queue_next(n->acd, &it, now, &v)) {
		const struct conf_queue *q = conf_queue_by_id(n->conf, v.queue.v);
		if (!q)
			continue;
		struct wall_queue row = {.queue = q->id,
					 .waiting = v.waiting,
					 .head_us = v.waiting ? now - v.head_age_us : 0,
					 .day = w->day.queue[q - n->conf->queues]};
		/* In tenths of a second: it moves all the time. */
		const struct node_queue_stats *s = &n->queue_stats[q - n->conf->queues];
		row.ewt_ms = (s->ewt_ms + 50) / 100 * 100;
		row.ewt_error_ms = (s->ewt_error_ms + 50) / 100 * 100;
		wall_book_queue(w->book, &row);
	}
}

/* ---- telling and asking ---- */

static void tell(struct node_wall *w, uint16_t to, struct asker *a, bool even_if_empty)
{
	struct node *n = w->n;
	uint64_t now = mono_us();
	for (int i = 0; i < TELL_BATCH; i++) {
		Envelope env = Envelope_init_zero;
		env.which_body = Envelope_wall_news_tag;
		bool news = wall_book_news(w->book, &a->have, now, &env.body.wall_news);
		if (!news && !(even_if_empty && i == 0))
			return;
		if (to == n->self->addr)
			(void)wall_view_news(w->view, to, n->boot, &env.body.wall_news, now);
		else
			(void)node_mesh_send(n, to, &env, NULL, 0); /* what is lost is asked for */
		if (!news)
			return;
	}
}

static void timer_arm(struct node_wall *w)
{
	if (!tmr_isrunning(&w->tmr))
		tmr_start(&w->tmr, 0, tick_h, w);
}

void node_wall_asked(struct node *n, uint16_t from, const WallAsk *ask)
{
	struct node_wall *w = n->wall;
	const struct conf_daemon *d = conf_daemon_by_addr(n->conf, from);
	if (!d)
		return;
	struct asker *a = &w->askers[d - n->conf->daemons];
	uint32_t lease_ms = ask->lease_ms < WALL_LEASE_MS ? ask->lease_ms : WALL_LEASE_MS;
	bool first = !a->until_us;
	a->until_us = lease_ms ? mono_us() + lease_ms * 1000ull : 0;
	a->have = ask->boot == n->boot ? ask->have : 0;
	if (!lease_ms)
		return;
	if (first)
		queues_write(w);
	tell(w, from, a, true);
	timer_arm(w);
}

static void ask(struct node_wall *w, uint16_t to, uint32_t lease_ms)
{
	Envelope env = Envelope_init_zero;
	env.which_body = Envelope_wall_ask_tag;
	wall_view_ask(w->view, to, &env.body.wall_ask);
	env.body.wall_ask.lease_ms = lease_ms;
	if (to == w->n->self->addr)
		node_wall_asked(w->n, to, &env.body.wall_ask);
	else
		(void)node_mesh_send(w->n, to, &env, NULL, 0);
}

static void ask_all(struct node_wall *w, uint32_t lease_ms)
{
	const struct conf *conf = w->n->conf;
	w->asked_us = mono_us();
	for (uint32_t i = 0; i < conf->daemons_n; i++)
		if (conf->daemons[i].role == CONF_NODE)
			ask(w, conf->daemons[i].addr, lease_ms);
}

void node_wall_news(struct node *n, uint16_t from, uint32_t boot, const WallNews *news)
{
	struct node_wall *w = n->wall;
	if (w->view && wall_view_news(w->view, from, boot, news, mono_us()))
		ask(w, from, WALL_LEASE_MS);
}

static void tick_h(void *arg)
{
	struct node_wall *w = arg;
	const struct conf *conf = w->n->conf;
	uint64_t now = mono_us();
	bool anybody = w->view != NULL;
	queues_write(w);
	for (uint32_t i = 0; i < conf->daemons_n; i++) {
		struct asker *a = &w->askers[i];
		if (a->until_us && a->until_us < now)
			a->until_us = 0;
		if (!a->until_us)
			continue;
		anybody = true;
		tell(w, conf->daemons[i].addr, a, false);
	}
	if (w->view) {
		const struct conf_watch *watch = node_hours_watch(w->n);
		wall_view_tick(w->view, now);
		if (watch)
			wall_view_hours(w->view, watch, now, wall_ms());
		if (now - w->asked_us >= WALL_ASK_MS * 1000ull)
			ask_all(w, WALL_LEASE_MS);
	}
	if (anybody)
		tmr_start(&w->tmr, TELL_MS, tick_h, w);
}

struct wall_view *node_wall_look(struct node *n, bool on)
{
	struct node_wall *w = n->wall;
	if (on && !w->view) {
		if (wall_view_new(&w->view, n->conf, mono_us()))
			return NULL;
		ask_all(w, WALL_LEASE_MS);
		timer_arm(w);
	} else if (!on && w->view) {
		ask_all(w, 0);
		w->view = wall_view_free(w->view);
	}
	return w->view;
}

struct wall_figures *node_wall_figures(const struct node *n, const struct conf *fresh)
{
	return conf_by_queue(n->conf, fresh, n->wall->day.queue, sizeof(*n->wall->day.queue));
}

void node_wall_conf(struct node *n, const struct conf *fresh, struct wall_figures *figures)
{
	struct node_wall *w = n->wall;
	free(w->day.queue);
	w->day.queue = figures;
	w->day.n = fresh->queues_n;
	if (w->view)
		wall_view_conf(w->view, fresh);
}

int node_wall_open(struct node *n, char ret_why[256])
{
	struct node_wall *w = calloc(1, sizeof(*w));
	int64_t now = wall_ms();
	if (!w)
		return ENOMEM;
	n->wall = w;
	w->n = n;
	tmr_init(&w->tmr);
	w->askers = calloc(n->conf->daemons_n + 1, sizeof(*w->askers));
	int err = w->askers ? wall_book_new(&w->book, n->conf) : ENOMEM;
	if (!err)
		err = wall_day_open(&w->day, n->conf->queues_n, now);
	if (err) {
		snprintf(ret_why, 256, "%s", strerror(err));
		return err;
	}
	err = records_each(n->records, w->day.begins_ms - RECORDS_BACK_MS, UINT32_MAX, count_record,
			   w);
	if (err) /* today begins at nothing: no reason to take no calls */
		log_warn("wall.records", "err=%s", log_quote(strerror(err)));
	return 0;
}

void node_wall_close(struct node *n)
{
	struct node_wall *w = n->wall;
	if (!w)
		return;
	tmr_cancel(&w->tmr);
	w->view = wall_view_free(w->view);
	w->book = wall_book_free(w->book);
	wall_day_close(&w->day);
	free(w->askers);
	free(w);
	n->wall = NULL;
}
