#include "common/beat/beat.h"
#include "common/conf/conf.h"

#include <errno.h>
#include <stdlib.h>

int beats_open(struct beats *b, const struct conf *conf, uint64_t now_us)
{
	*b = (struct beats){.conf = conf, .looked_us = now_us, .listening_us = now_us};
	b->heard = calloc(conf->daemons_n ? conf->daemons_n : 1, sizeof(*b->heard));
	return b->heard ? 0 : ENOMEM;
}

void beats_close(struct beats *b)
{
	free(b->heard);
	b->heard = NULL;
}

static struct beat_heard *of(const struct beats *b, uint16_t addr)
{
	const struct conf_daemon *d = conf_daemon_by_addr(b->conf, addr);
	return d ? &b->heard[d - b->conf->daemons] : NULL;
}

bool beats_look(struct beats *b, uint64_t now_us)
{
	bool pause = now_us > b->looked_us + BEAT_PAUSE_MS * 1000ull;
	if (pause)
		b->listening_us = now_us;
	if (now_us > b->looked_us)
		b->looked_us = now_us;
	return pause;
}

void beats_heard(struct beats *b, uint16_t from, uint32_t boot, uint64_t now_us)
{
	struct beat_heard *h = of(b, from);
	if (h) {
		h->at_us = now_us;
		h->boot = boot;
	}
}

void beats_answered(struct beats *b, uint16_t from, uint64_t sent_us, uint64_t now_us)
{
	struct beat_heard *h = of(b, from);
	uint64_t trip = now_us > sent_us ? now_us - sent_us : 1;
	if (h && sent_us) /* what it echoes may be anything: too long a trip is no trip */
		h->trip_us[h->trips++ % BEAT_TRIPS] = trip < UINT32_MAX ? (uint32_t)trip : 1;
}

uint64_t beats_line_us(const struct beats *b, uint16_t addr)
{
	const struct beat_heard *h = of(b, addr);
	uint32_t least = h ? h->trip_us[0] : 0;
	for (uint32_t i = 1; i < BEAT_TRIPS && least; i++)
		least = h->trip_us[i] < least ? h->trip_us[i] : least;
	return least / 4 * 3;
}

uint64_t beats_silent_us(const struct beats *b, uint16_t addr, uint64_t now_us)
{
	const struct beat_heard *h = of(b, addr);
	if (!h)
		return UINT64_MAX;
	uint64_t from = h->at_us > b->listening_us ? h->at_us : b->listening_us;
	return now_us > from ? now_us - from : 0;
}

uint64_t beats_heard_us(const struct beats *b, uint16_t addr)
{
	const struct beat_heard *h = of(b, addr);
	return h ? h->at_us : 0;
}

uint32_t beats_boot(const struct beats *b, uint16_t addr)
{
	const struct beat_heard *h = of(b, addr);
	return h ? h->boot : 0;
}

void beats_answer(const struct beats *b, Beat *beat, uint64_t now_us)
{
	uint64_t ms = 0;
	beat->reply = true;
	if (beat->about && beat->about <= UINT16_MAX)
		ms = beats_silent_us(b, (uint16_t)beat->about, now_us) / 1000;
	beat->silent_ms = ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}
