/* Other configuration for a broker that runs: its matcher begins anew, as after a start, and is
 * told everything again within an advert. */
#include "broker/broker.h"
#include "common/live/live.h"

#include <errno.h>
#include <stdlib.h>

static int use_h(void *arg, const struct conf *fresh, char ret_why[256])
{
	struct broker *b = arg;
	uint8_t *quiet = conf_by_queue(b->conf, fresh, b->queue_quiet, sizeof(*quiet));
	struct broker_queue_watch *watched = broker_metrics_watched(b, fresh);
	int err = quiet && watched ? 0 : ENOMEM;
	if (err)
		snprintf(ret_why, 256, "out of memory");
	else
		err = broker_core_reconfigure(b, fresh, ret_why);
	if (err) {
		free(quiet);
		free(watched);
		return err;
	}
	free(b->queue_quiet);
	free(b->watched);
	b->queue_quiet = quiet;
	b->watched = watched;
	b->conf = fresh;
	b->skills_mark = conf_skills_mark(fresh);
	struct acd_event ev = {.type = ACD_EV_TIME};
	broker_event(b, &ev);
	return 0;
}

static int send_h(void *arg, uint16_t to, Envelope *env, const void *payload, size_t len)
{
	struct broker *b = arg;
	return mesh_send(b->mesh, to, env, payload, len);
}

void broker_config_open(struct broker *b)
{
	const struct live_ops ops = {.send = send_h, .use = use_h, .arg = b};
	live_run(b->live, &ops);
}

void broker_config_reload(struct broker *b)
{
	char why[256] = "";
	if (live_reload(b->live, mono_us(), why) == 0)
		log_info("config.reload", "done=%s", log_quote(why));
}
