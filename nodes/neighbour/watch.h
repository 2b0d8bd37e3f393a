/*
 * Is the node that this one would adopt dead? Pure: the shell says what it heard, and when.
 *
 *   heard ──silence──► DOUBT ──adopt_after, nobody objects──► SILENT ──journal silent too──► dead
 *     ▲                  │  witnesses are asked                │
 *     └── a beat ────────┴── a witness hears it: WAIT ◄────────┘
 *
 * A slow node is not a dead node, and a node that hears nobody is perhaps itself cut off:
 *  1. who can be reached and hears it, or has not said yet, is waited for;
 *  2. an independent witness must hear nothing of it, if one could be reached lately;
 *  3. witnesses that fell silent together with it make it likely that the line is ours: wait;
 *  4. witnesses that were away long before say nothing either way.
 */
#ifndef HELIO_NEIGHBOUR_WATCH_H
#define HELIO_NEIGHBOUR_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "nodes/neighbour/site.h"

enum watch_verdict {
	WATCH_ALIVE,
	WATCH_DOUBT,  /* ask the witnesses */
	WATCH_WAIT,   /* it is time, but somebody hears it, or nobody can be asked */
	WATCH_SILENT, /* its journal decides */
};

enum {
	/* Who answers is asked each 100 ms; so much later it counts as away. */
	WATCH_AWAY_MS = 400,
	/* What a witness said is true for so long: two rounds. */
	WATCH_SAID_MS = 250,
	/* Its own beat reached witness and neighbour up to one beat apart. */
	WATCH_SLACK_MS = 150,
	/* Silences that begin within this time have one cause. */
	WATCH_TOGETHER_MS = 2000,
};

struct watch_witness {
	bool independent;
	uint64_t heard_us; /* anything of the witness; 0: never */
	uint64_t said_us;  /* when it last spoke of the watched one; 0: never */
	uint64_t since_us; /* silent since then, as it said, by our clock */
};

struct watch {
	uint64_t after_us; /* adopt_after */
	uint64_t heard_us; /* the watched one; since it was first heard */
	uint32_t witnesses_n;
	struct watch_witness witness[WITNESSES_MAX];
};

/* The witness has answered: silent_us of the watched one, what the line adds (beats_line_us())
 * included. */
void watch_said(struct watch *w, uint32_t i, uint64_t silent_us, uint64_t now_us);
/* silent_us: of the watched one, as this node knows (common/beat). With WATCH_WAIT *ret_by is the
 * witness that is waited for. */
enum watch_verdict watch_verdict(const struct watch *w, uint64_t silent_us, uint64_t now_us,
				 uint32_t *ret_by);

#endif
