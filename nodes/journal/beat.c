/*
 * The heartbeat: where our monotonic clock stands, so that a successor knows how old things are.
 *
 *   successor:  our clock now = m + (Redis' time now − t)
 *
 * (m, t) are one moment on our clock and on Redis' own. Redis stamps the heartbeat when it executes
 * it, which may be long after we sent it (it was frozen, we died): so each heartbeat carries the
 * moment that the reply to an earlier one proved, exact to half its round trip. Only the first one
 * after a hello has none, and Redis has answered just then. One is under way at a time.
 */
#include "nodes/journal/internal.h"
#include "common/base/base.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void on_beat(redisAsyncContext *ac, void *reply, void *arg)
{
	struct store *s = store_of(ac);
	const redisReply *r = reply;
	(void)arg;
	s->beat_in_flight = false;
	if (!redis_link_reply(&s->link, r) || store_refused(s, r))
		return;
	if (r->type != REDIS_REPLY_STRING) {
		redis_link_fail(&s->link);
		return;
	}
	uint64_t now = s->link.now_us, rtt = now - s->beat_sent_us;
	if (rtt <= BEAT_GOOD_US || !s->paired || now - s->m_us > BEAT_STALE_US) {
		s->m_us = s->beat_sent_us + rtt / 2;
		s->t_us = strtoull(r->str, NULL, 10);
		s->paired = true;
	}
	redis_link_fine(&s->link); /* ten times a second: nothing is refused */
}

static void send(struct store *s)
{
	char beats[RECORD_KEY_SIZE], boot[16], m[24] = "", t[24] = "", ttl[16], now[24];
	record_beats_key(beats, s->j->node);
	snprintf(boot, sizeof(boot), "%u", s->j->boot);
	snprintf(ttl, sizeof(ttl), "%d", TTL_MS);
	snprintf(now, sizeof(now), "%" PRIu64, s->link.now_us);
	if (s->paired) {
		snprintf(m, sizeof(m), "%" PRIu64, s->m_us);
		snprintf(t, sizeof(t), "%" PRIu64, s->t_us);
	}
	const char *const keys[] = {s->j->boot_key, beats};
	const char *const argv[] = {"beat", boot, m, t, ttl, now};
	s->beat_sent_us = s->link.now_us;
	s->beat_next_us = s->link.now_us + JOURNAL_BEAT_MS * 1000ull;
	s->beat_in_flight =
	    store_script(s, on_beat, NULL, 2, keys, HELIO_ARRAY_LEN(argv), argv, NULL);
}

static bool beats(const struct store *s)
{
	return redis_link_usable(&s->link) && s->sha[0] && !s->beat_in_flight;
}

void beat_step(struct store *s)
{
	if (beats(s) && s->link.now_us >= s->beat_next_us)
		send(s);
}

uint64_t beat_deadline(const struct store *s)
{
	return beats(s) ? s->beat_next_us : UINT64_MAX;
}
