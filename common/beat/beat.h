/*
 * Who was heard when: the memory of a witness, in nodes and brokers. A node beats each 100 ms; its
 * neighbour, who hears nothing any more, asks witnesses before it takes over (nodes/neighbour).
 *
 * A witness speaks only of what it listened to: one that was itself frozen has heard nobody, and
 * says so of nobody. Pure but for the table; the caller passes the time.
 */
#ifndef HELIO_BEAT_H
#define HELIO_BEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "heliograph.pb.h"

struct conf;

enum {
	BEAT_MS = 100, /* a sixth of the time after which a neighbour is dead: five may be lost */
	/* Who looked up from its work for so long did not listen meanwhile. Twice the pause of a
	 * loop that decodes a minute of music, half of what makes a neighbour dead. */
	BEAT_PAUSE_MS = 250,
	/* Of the last answers, so many trips are remembered: of the last second. A line that gets
	 * quicker is known at once, one that gets slower after that. */
	BEAT_TRIPS = 8,
};

struct beat_heard {
	uint64_t at_us; /* 0: never */
	uint32_t boot;
	uint32_t trip_us[BEAT_TRIPS]; /* to it and back; 0: none yet */
	uint32_t trips;
};

struct beats {
	const struct conf *conf;
	struct beat_heard *heard; /* by index in conf->daemons */
	uint64_t looked_us, listening_us;
};

/* ENOMEM. */
int beats_open(struct beats *b, const struct conf *conf, uint64_t now_us);
void beats_close(struct beats *b);
/* Each time the loop comes round, BEAT_PAUSE_MS apart at most; true: there was a pause, and all
 * silence is counted from now. */
bool beats_look(struct beats *b, uint64_t now_us);
/* Any message of that daemon. */
void beats_heard(struct beats *b, uint16_t from, uint32_t boot, uint64_t now_us);
/* It has answered a beat that we sent then. */
void beats_answered(struct beats *b, uint16_t from, uint64_t sent_us, uint64_t now_us);
/*
 * What the line to that daemon adds to a silence of which it tells us, at the least:
 *
 *   X ──last beat──► witness ──"silent for S"──► us
 *     s             a = s + d1                  now = a + S + d2      s <= now - S - (d1 + d2)
 *
 * X is of our site and has the same line, so d1 + d2 is a trip of our own: the shortest of late,
 * less a quarter for what two lines differ in. 0 while we know of none.
 */
uint64_t beats_line_us(const struct beats *b, uint16_t addr);
/* For how long nothing has come although we listened; UINT64_MAX: an unknown address. */
uint64_t beats_silent_us(const struct beats *b, uint16_t addr, uint64_t now_us);
/* When it was last heard; 0: never. */
uint64_t beats_heard_us(const struct beats *b, uint16_t addr);
uint32_t beats_boot(const struct beats *b, uint16_t addr);
/* Turns a Beat that is no reply into its reply. */
void beats_answer(const struct beats *b, Beat *beat, uint64_t now_us);

#endif
