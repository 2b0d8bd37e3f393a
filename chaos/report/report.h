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
	json_t *samples, *faults, *steps, *probes, *gaps, *calls, *agents, *phases, *links, *ears;
	/* faults: {id, kind, target, args, begun, bitten_at, healed, bitten, proof}, times in
	 * seconds */
	double began, ended; /* of the method; seconds of the run */
	double last_s;
	uint32_t callers, lost, refused;
	double gap_worst_ms, gap_p99_ms;
	double ear_worst_ms;            /* of pages in a real browser; NAN: there were none */
	double gap_near_ms, gap_far_ms; /* the worst: talks within a site, and across a line */
	uint32_t gaps_n;                /* callers who heard a silence of 300 ms or more */
	double away_worst_ms;
	uint32_t away_n;
	double recovered_s; /* after the first fault began; negative: never; NAN: no fault */
	double served_s;    /* the same for people alone: a machine may still be away */
	double detect_ms, adopt_ms; /* as the adopter says in its log; NAN: nobody adopted */
	uint32_t adopted;
	double busy_worst, lag_worst_ms;
	uint32_t waiting_most, talking_most;
	double waiting_then, talking_then, far_then; /* when the first fault began; NAN: none did */
	/* The longest time that a free agent heard no ring although callers waited; from the end of
	 * a cut to the first new talk over that line. Seconds; NAN: the run does not say. */
	double idle_worst_s, heal_worst_s;
};

/* Reads DIR/journal.jsonl and what the logs add. errno; what was read is the caller's to free. */
int figures_read(struct figures *f, const char *dir);
void figures_free(struct figures *f);
const char *figures_verdict(const struct figures *f);
json_t *figures_json(const struct figures *f);

/* One promise of DESIGN §10 as this run bears on it. */
struct score {
	char what[96], value[96], target[64];
	bool counts, met; /* counts: the run says something about it */
	double seen;      /* to compare runs; more is worse. NAN: it is yes or no */
	const char *unit; /* of seen */
};
enum { SCORES_MAX = 20 };
#define SCORE_SERVED "every caller and agent is served again"
uint32_t figures_scores(const struct figures *f, struct score s[SCORES_MAX]);

/* A run, as far as the scorecard wants to know it. */
struct card_run {
	char drill[48], verdict[16], date[24], machine[192], version[16], build[20];
	double took_s, waiting, talking, far;
	struct score score[SCORES_MAX];
	uint32_t scores_n;
	uint32_t repeats; /* so often it could not be judged before; the series says */
	bool before;      /* it began as another version */
	json_t *reasons;  /* NULL: none */
};
/* As figures_read(). */
int card_read(struct card_run *r, const char *dir);
void card_free(struct card_run *r);

/* One page that needs nothing else. */
void html_write(const struct figures *f, FILE *out);
/* drills.md: the scorecard of many runs; those of one drill stand together. */
void card_write(const struct card_run *r, uint32_t n, FILE *out);

#endif
