/*
 * A draining node empties itself: pages without a call are told `move`, spread over some seconds,
 * and come back by their ticket at another node (which says so by a SessionClaim: the session here
 * yields). Who talks is told after the wrap-up. Nobody is sent away when there is nowhere to go.
 */
#include "nodes/desk/desk_internal.h"

enum {
	MOVE_TICK_MS = 100,
	/* Five hundred pages in three seconds: each makes a handshake of two milliseconds there. */
	MOVE_SPREAD_MS = 3000,
	/* A page that is still here then lost the message, or did not find another node. */
	MOVE_AGAIN_MS = 10000,
	/* Statuses come twice a second. */
	STATUS_OLD_MS = 2000,
};

static bool elsewhere(const struct desk *d, uint64_t now)
{
	const struct conf *conf = d->n->conf;
	for (uint32_t i = 0; i < conf->daemons_n; i++) {
		const struct peer *p = &d->peers[i];
		if (conf->daemons[i].role == CONF_NODE && p->takes &&
		    now - p->heard_us < STATUS_OLD_MS * 1000ull)
			return true;
	}
	return false;
}

static bool may_move(const struct session *s)
{
	return !s->yielded && (s->worked == ACD_AGENT_IDLE || s->worked == ACD_AGENT_NOT_READY);
}

static bool move_one(struct le *le, void *arg)
{
	struct session *s = le->data;
	uint64_t now = *(uint64_t *)arg;
	uint16_t r;
	if (!s->link || !may_move(s))
		return false;
	if (!s->move_us) {
		random_bytes(&r, sizeof(r));
		s->move_us = now + r % MOVE_SPREAD_MS * 1000ull;
	} else if (now >= s->move_us) {
		s->move_us = now + MOVE_AGAIN_MS * 1000ull;
		session_send(s, json_pack("{ss}", "t", "move"));
	}
	return false;
}

static void move_h(void *arg)
{
	struct desk *d = arg;
	uint64_t now = mono_us();
	tmr_start(&d->tmr_move, MOVE_TICK_MS, move_h, d);
	if (elsewhere(d, now))
		(void)hash_apply(d->sessions, move_one, &now);
}

static bool stay_one(struct le *le, void *arg)
{
	struct session *s = le->data;
	(void)arg;
	s->move_us = 0;
	return false;
}

void desk_drain(struct desk *d, bool on)
{
	if (on) {
		tmr_start(&d->tmr_move, 0, move_h, d);
		return;
	}
	tmr_cancel(&d->tmr_move);
	(void)hash_apply(d->sessions, stay_one, NULL);
}

uint32_t desk_to_move(const struct desk *d)
{
	return d->n->draining && elsewhere(d, mono_us()) ? d->sessions_n : 0;
}

void desk_peer_status(struct desk *d, uint16_t from, bool draining)
{
	const struct conf_daemon *peer = conf_daemon_by_addr(d->n->conf, from);
	if (peer)
		d->peers[peer - d->n->conf->daemons].takes = !draining;
}

void moves_open(struct desk *d)
{
	tmr_init(&d->tmr_move);
}

void moves_close(struct desk *d)
{
	tmr_cancel(&d->tmr_move);
}
