/*
 * What a run says, from its journal: figures, then a page. figures.c reads, html.c and card.c
 * write; none of them knows the lab.
 */
#ifndef HELIO_CHAOS_REPORT_H
#define HELIO_CHAOS_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct figures {
	char dir[512];
	json_t *run, *verdict, *ledger, *checked; /* the lines; NULL: there is none */
	json_t *samples, *faults, *steps, *probes, *gaps, *calls, *agents, *phases, *links;
	/* faults: {id, kind, target, args, begun, bitten_at, healed, bitten, proof}, times in
	 * seconds */
	double began, ended; /* of the method; seconds of the run */
	double last_s;
	uint32_t callers, lost, refused;
	double gap_worst_ms, gap_p99_ms, gap_at;
	uint32_t gaps_n; /* callers who heard a silence of 300 ms or more */
	double away_worst_ms;
	uint32_t away_n;
	double recovered_s; /* after the first fault began; negative: never; NAN: no fault */
	double detect_ms, adopt_ms; /* as the adopter says in its log; NAN: nobody adopted */
	uint32_t adopted;
	double busy_worst, lag_worst_ms;
	uint32_t waiting_most, talking_most;
};

/* Reads DIR/journal.jsonl and what the logs add. errno; what was read is the caller's to free. */
int figures_read(struct figures *f, const char *dir);
void figures_free(struct figures *f);
const char *figures_verdict(const struct figures *f);
json_t *figures_json(const struct figures *f);

/* One promise of DESIGN §10 as this run bears on it. */
struct score {
	char what[96], value[64], target[64];
	bool counts, met; /* counts: the run says something about it */
};
enum { SCORES_MAX = 16 };
uint32_t figures_scores(const struct figures *f, struct score s[SCORES_MAX]);

/* One page that needs nothing else. */
void html_write(const struct figures *f, FILE *out);
/* drills.md: the scorecard of many runs. */
void card_write(const struct figures *f, uint32_t n, FILE *out);

#endif
