/* Every entry that can wait owns one slot of the one timer heap (timers.c). */
#ifndef HELIO_ACD_TIMERS_H
#define HELIO_ACD_TIMERS_H

#include "common/acd/index.h"

enum timer_kind {
	TM_TICK,   /* node: digest; broker: periodic adverts */
	TM_ISLAND, /* node: no broker heard; broker: the pause before the first match is over */
	TM_CALL,
	TM_AGENT,
	TM_GRACE,
	TM_ENDING,
	TM_CLAIM, /* matcher: an attempt that stays unanswered */
	TM_WAIT,  /* matcher: a caller has waited long enough for something */
	TM_ADVERT,
	TM_IDLE_ADVERT, /* matcher: the next advert of a queue may go */
	TM_MEMBER,      /* owner: an offer of a group beside the first */
	TM_COUNT,
};
struct timer {
	struct hnode node;
	acd_time_us at;
};
void timer_set(struct acd *acd, enum timer_kind kind, uint32_t i, acd_time_us at);
void timer_stop(struct acd *acd, enum timer_kind kind, uint32_t i);
bool less_timer(const struct acd *acd, uint32_t a, uint32_t b);
bool timer_on(const struct acd *acd, enum timer_kind kind, uint32_t i);
/* When it fires; it must be on. */
acd_time_us timer_at(const struct acd *acd, enum timer_kind kind, uint32_t i);
/* Fires the earliest timer that is due; false if none is. */
bool timer_fire_next(struct acd *acd);

#endif
