/*
 * A series: experiments that run again and again, one after the other, each in a lab of its own,
 * and the scorecard of them all.
 *
 *   turn 1: a b c …   turn 2: a b c …   turn 20: a b        whatever ends it, each drill has had
 * its turns, and the scorecard says how many
 *
 * A run is OUT/NAME.TURN. What has a verdict there is not run again, so a series that was stopped
 * goes on where it was; a run of another build is.
 */
#ifndef HELIO_CHAOS_SERIES_H
#define HELIO_CHAOS_SERIES_H

#include <stdbool.h>
#include <stdint.h>

#include "chaos/lab/lab.h"

enum { SERIES_MAX = 32, SERIES_TIMES_MAX = 100 };

struct series_item {
	char file[LAB_PATH_SIZE], name[48];
	uint32_t times;
	double guess_s, took_s; /* what one is thought to take; of those that ran */
	uint32_t ran;
};

struct series {
	struct series_item item[SERIES_MAX];
	uint32_t n;
	const char *out;  /* made if it is not there */
	const char *card; /* where the scorecard goes */
	double within_s;  /* begins nothing that would not end by then; 0: as long as it takes */
	const char *const *sets; /* as of experiment_load() */
	uint64_t seed;           /* of the first turn; 0: the experiment's */
	const char *before;      /* as of run_ask */
	uint32_t browsers;       /* as of run_ask */
};

/* One more experiment; its name is the file's. Exit code; what is wrong was said. */
int series_add(struct series *s, const char *file, uint32_t times);
/* Exit code as of a run: the worst of all. */
int series_run(struct series *s);

#endif
