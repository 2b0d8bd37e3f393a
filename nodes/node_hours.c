/*
 * Opening hours for the core: numbers from the configuration's calendars, looked up once a second.
 * The core decides what follows from them; a trace holds them as events.
 */
#include "nodes/node.h"
#include "common/conf/hours.h"

#include <stdlib.h>
#include <string.h>

enum { LOOK_MS = 1000 };

struct node_hours {
	struct node *n;
	struct tmr tmr;
	struct conf_watch *watch;
	const struct conf *conf; /* that it was made from */
	uint64_t hash;
};

static void say_h(const struct acd_event *said, void *arg)
{
	struct node_hours *h = arg;
	struct acd_event ev = *said;
	const struct conf_queue *q = conf_queue_by_id(h->n->conf, ev.queue.v);
	if (ev.site == h->n->site->number)
		log_info("queue.hours", "queue=%s open_permille=%u changes_in_s=%llu",
			 q ? q->name : "?", ev.permille, (unsigned long long)(ev.age_us / 1000000));
	(void)node_event(h->n, &ev);
}

static int make(struct node_hours *h)
{
	struct conf_watch *watch = NULL;
	int err = conf_watch_new(&watch, h->n->conf, wall_ms() / 1000);
	if (err)
		return err;
	conf_watch_free(h->watch);
	h->watch = watch;
	h->conf = h->n->conf;
	h->hash = h->conf->hash;
	return 0;
}

static bool stale(const struct node_hours *h)
{
	return h->conf != h->n->conf || h->hash != h->n->conf->hash;
}

const struct conf_watch *node_hours_watch(const struct node *n)
{
	return n->hours && !stale(n->hours) ? n->hours->watch : NULL;
}

static void look_h(void *arg)
{
	struct node_hours *h = arg;
	tmr_start(&h->tmr, LOOK_MS, look_h, h);
	if (stale(h)) {
		int err = make(h); /* another configuration is in force */
		if (err) {
			log_error("hours.failed", "err=%s", log_quote(strerror(err)));
			return;
		}
	}
	(void)conf_watch_step(h->watch, wall_ms() / 1000, say_h, h);
}

int node_hours_open(struct node *n)
{
	struct node_hours *h = calloc(1, sizeof(*h));
	if (!h)
		return ENOMEM;
	h->n = n;
	tmr_init(&h->tmr);
	int err = make(h);
	if (err) {
		free(h);
		return err;
	}
	n->hours = h;
	look_h(h);
	return 0;
}

void node_hours_close(struct node *n)
{
	if (!n->hours)
		return;
	tmr_cancel(&n->hours->tmr);
	conf_watch_free(n->hours->watch);
	free(n->hours);
	n->hours = NULL;
}
