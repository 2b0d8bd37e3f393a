/*
 * Today, by the clock on the wall of the site: counters that begin anew at its midnight. For
 * people; decides nothing. The zone is that of the process (a node lives at one site):
 * wall_zone_set().
 */
#ifndef HELIO_WALL_DAY_H
#define HELIO_WALL_DAY_H

#include <stdbool.h>
#include <stdint.h>

struct wall_figures {
	uint32_t entered;           /* callers who came into the queue */
	uint32_t answered, in_time; /* in_time: within the queue's answer_within */
	uint32_t abandoned;
	uint64_t wait_ms; /* of the answered ones, summed */
};

struct wall_day {
	int64_t begins_ms, ends_ms; /* wall clock; the day of the site that now is */
	uint32_t n;
	struct wall_figures *queue; /* by index in conf->queues */
};

/* The zone of this process: an IANA name. Once, before the first thread. */
void wall_zone_set(const char *zone);
/* The first millisecond of the day that at_ms belongs to, and of the next one. A day may have 23 or
 * 25 hours and may begin at one o'clock. */
int64_t wall_day_begin(int64_t at_ms);
int64_t wall_day_end(int64_t at_ms);

int wall_day_open(struct wall_day *d, uint32_t queues, int64_t now_ms);
void wall_day_close(struct wall_day *d);
/* True when another day has begun (or the clock was set): all counters are zero again. */
bool wall_day_turn(struct wall_day *d, int64_t now_ms);

/* Each event counts on the day on which it happened, by its own time; another day's is ignored. So
 * counting live and reading the records after a restart come to the same. */
void wall_day_entered(struct wall_day *d, uint32_t queue, int64_t at_ms);
void wall_day_answered(struct wall_day *d, uint32_t queue, int64_t at_ms, int64_t wait_ms,
		       int64_t within_ms);
void wall_day_abandoned(struct wall_day *d, uint32_t queue, int64_t at_ms);

#endif
