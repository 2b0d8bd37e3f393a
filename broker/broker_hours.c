/* Opening hours for the matcher: as nodes/node_hours.c. */
#include "broker/broker.h"
#include "common/conf/hours.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_MS = 1000 };

struct broker_hours {
	struct conf_watch *watch;
	const struct conf *conf; /* that it was made from */
	uint64_t hash;
};

static void say_h(const struct acd_event *said, void *arg)
{
	struct acd_event ev = *said;
	broker_event(arg, &ev);
}

static int make(struct broker *b)
{
	struct conf_watch *watch = NULL;
	int err = conf_watch_new(&watch, b->conf, wall_ms() / 1000);
	if (err)
		return err;
	conf_watch_free(b->hours->watch);
	b->hours->watch = watch;
	b->hours->conf = b->conf;
	b->hours->hash = b->conf->hash;
	return 0;
}

static int look_h(zloop_t *loop, int timer, void *arg)
{
	struct broker *b = arg;
	(void)loop;
	(void)timer;
	if (b->hours->conf != b->conf || b->hours->hash != b->conf->hash) {
		int err = make(b); /* another configuration is in force */
		if (err) {
			log_error("hours.failed", "err=%s", log_quote(strerror(err)));
			return 0;
		}
	}
	(void)conf_watch_step(b->hours->watch, wall_ms() / 1000, say_h, b);
	return 0;
}

int broker_hours_open(struct broker *b)
{
	b->hours = calloc(1, sizeof(*b->hours));
	int err = b->hours ? make(b) : ENOMEM;
	if (err)
		return err;
	(void)look_h(b->loop, 0, b);
	return zloop_timer(b->loop, LOOK_MS, 0, look_h, b) < 0 ? ENOMEM : 0;
}

void broker_hours_close(struct broker *b)
{
	if (b->hours)
		conf_watch_free(b->hours->watch);
	free(b->hours);
	b->hours = NULL;
}
