#include "chaos/series.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "chaos/chaos.h"
#include "chaos/drill/experiment.h"
#include "chaos/report/report.h"
#include "common/base/base.h"

enum {
	/* Building, load, drain, checking: as measured with 300 callers on two processors. */
	AROUND_S = 10,
	WAIT_PART = 8, /* of what a wait may take it takes an eighth */
	/* What could not be judged is tried so often again: this machine may have been busy with
	 * something. What is busy for longer wants a person. */
	AGAIN_MAX = 2,
	RUN_MB = 6, /* of a run at most: 3 MB with 300 callers, twice that with many silences */
	SPARE_MB = 200,
};

int series_add(struct series *s, const char *file, uint32_t times)
{
	struct experiment *e = NULL;
	if (s->n == SERIES_MAX) {
		fprintf(stderr, "helio-chaos: at most %d experiments at once\n", SERIES_MAX);
		return EXIT_USAGE_;
	}
	struct series_item *i = &s->item[s->n];
	*i = (struct series_item){.times = times, .guess_s = AROUND_S};
	if (place_drill(i->file, file)) {
		fprintf(stderr, "helio-chaos: no drill is called %s; helio-chaos score --list\n",
			file);
		return EXIT_USAGE_;
	}
	const char *slash = strrchr(i->file, '/');
	(void)str_copy(i->name, sizeof(i->name), slash ? slash + 1 : i->file);
	i->name[strcspn(i->name, ".")] = '\0';
	if (experiment_load(&e, i->file, s->sets, stderr))
		return EXIT_USAGE_;
	for (uint32_t k = 0; k < e->method_n; k++) {
		const struct step *m = &e->method[k];
		i->guess_s += m->pause_before_s + m->pause_after_s;
		if (m->func && m->func->class == FUNC_WAIT)
			i->guess_s +=
			    json_number_value(json_object_get(m->args, "within")) / WAIT_PART;
	}
	experiment_free(e);
	s->n++;
	return 0;
}

/* ---- what is there already ---- */

static void run_dir(const struct series *s, uint32_t item, uint32_t turn, char out[LAB_PATH_SIZE])
{
	snprintf(out, LAB_PATH_SIZE, "%.400s/%s.%u", s->out, s->item[item].name, turn);
}

static bool is_judged(const char *verdict)
{
	return strcmp(verdict, "HELD") == 0 || strcmp(verdict, "DEVIATED") == 0;
}

/* Has been run by this build, with a verdict. */
static bool is_done(const struct series *s, uint32_t item, uint32_t turn, const char *build)
{
	char dir[LAB_PATH_SIZE];
	struct card_run r;
	run_dir(s, item, turn, dir);
	bool done = card_read(&r, dir) == 0 && is_judged(r.verdict) && strcmp(r.build, build) == 0;
	card_free(&r);
	return done;
}

/* ---- how long it takes ---- */

static double expected_s(const struct series_item *i)
{
	return i->ran ? i->took_s / i->ran : i->guess_s;
}

struct state {
	bool done[SERIES_MAX][SERIES_TIMES_MAX + 1];
	uint32_t made, all; /* runs: there are, and shall be */
	uint32_t repeats;   /* of what could not be judged, in this go */
	uint64_t began_us;
	int code;
};

static double left_s(const struct series *s, const struct state *st)
{
	double sum = 0;
	for (uint32_t i = 0; i < s->n; i++)
		for (uint32_t t = 1; t <= s->item[i].times; t++)
			sum += st->done[i][t] ? 0 : expected_s(&s->item[i]);
	return sum;
}

static void clock_text(char out[static 16], double in_s)
{
	time_t at = time(NULL) + (time_t)in_s;
	struct tm tm;
	localtime_r(&at, &tm);
	strftime(out, 16, "%H:%M", &tm);
}

/* ---- running ---- */

static void told(const struct series *s, const struct state *st, const struct card_run *r,
		 double took_s)
{
	char at[16];
	double left = left_s(s, st), gap = 0;
	uint32_t missed = 0;
	for (uint32_t k = 0; k < r->scores_n; k++) {
		missed += r->score[k].counts && !r->score[k].met;
		if (r->score[k].counts && strncmp(r->score[k].what, "longest silence", 15) == 0)
			gap = fmax(gap, r->score[k].seen);
	}
	clock_text(at, left);
	printf("%s, %.0f s, silence %.2f s", r->verdict, took_s, gap);
	if (missed)
		printf(", %u promises not kept", missed);
	printf("; %.0f min to go (%s)\n", left / 60, at);
	for (size_t k = 0; k < json_array_size(r->reasons); k++)
		printf("         %s\n", json_string_value(json_array_get(r->reasons, k)));
	fflush(stdout);
}

/* One run; the exit code of it. */
static int turn_run(struct series *s, struct state *st, uint32_t item, uint32_t turn)
{
	char dir[LAB_PATH_SIZE];
	struct series_item *i = &s->item[item];
	struct card_run r;
	run_dir(s, item, turn, dir);
	place_remove(dir);
	printf("[%u/%u] %s %u of %u … ", st->made + 1, st->all, i->name, turn, i->times);
	fflush(stdout);
	uint64_t began = mono_us();
	struct run_ask ask = {.file = i->file,
			      .sets = s->sets,
			      .seed = s->seed ? s->seed + turn - 1 : 0,
			      .turn = turn,
			      .out = dir,
			      .before = s->before,
			      .browsers = s->browsers,
			      .silent = true};
	int code = run_once(&ask);
	double took = (double)(mono_us() - began) / 1e6;
	if (card_read(&r, dir)) {
		printf("no journal\n");
		return EXIT_ABORTED;
	}
	i->took_s += took;
	i->ran++;
	st->done[item][turn] = true;
	st->made++;
	told(s, st, &r, took);
	card_free(&r);
	return code;
}

static int worse(int a, int b)
{
	static const int rank[] = {[EXIT_HELD] = 0,
				   [EXIT_DEVIATED] = 2,
				   [EXIT_USAGE_] = 4,
				   [EXIT_INCONCLUSIVE] = 1,
				   [EXIT_ABORTED] = 3};
	return rank[a] >= rank[b] ? a : b;
}

/* A run that could not be judged is kept beside, to look into: a step that could not be done may be
 * a fault of ours. */
static void again_if_odd(struct series *s, struct state *st, uint32_t item, uint32_t turn,
			 int *code)
{
	for (int k = 1; k <= AGAIN_MAX && *code == EXIT_INCONCLUSIVE && !run_stopped(); k++) {
		char dir[LAB_PATH_SIZE], odd[LAB_PATH_SIZE + 16];
		run_dir(s, item, turn, dir);
		snprintf(odd, sizeof(odd), "%s.odd%d", dir, k);
		place_remove(odd);
		if (rename(dir, odd))
			return;
		printf("         once more (%d of %d at most); the first is %s\n", k, AGAIN_MAX,
		       odd);
		st->done[item][turn] = false;
		st->made--;
		st->repeats++;
		*code = turn_run(s, st, item, turn);
	}
}

static bool fits(const struct series *s, const struct state *st, uint32_t item)
{
	double gone = (double)(mono_us() - st->began_us) / 1e6;
	return s->within_s <= 0 || gone + expected_s(&s->item[item]) <= s->within_s;
}

static void turns_run(struct series *s, struct state *st)
{
	for (uint32_t turn = 1; turn <= SERIES_TIMES_MAX; turn++) {
		for (uint32_t i = 0; i < s->n; i++) {
			if (turn > s->item[i].times || st->done[i][turn] || !fits(s, st, i))
				continue;
			int code = turn_run(s, st, i, turn);
			again_if_odd(s, st, i, turn, &code);
			st->code = worse(st->code, code);
			if (run_stopped())
				return;
		}
	}
}

/* ---- the scorecard ---- */

static int card_make(const struct series *s)
{
	struct card_run *r = calloc(SERIES_MAX * SERIES_TIMES_MAX, sizeof(*r));
	uint32_t n = 0;
	helio_assert(r);
	for (uint32_t i = 0; i < s->n; i++)
		for (uint32_t t = 1; t <= s->item[i].times; t++) {
			char dir[LAB_PATH_SIZE];
			run_dir(s, i, t, dir);
			if (card_read(&r[n], dir)) {
				card_free(&r[n]);
				continue;
			}
			for (int k = 1; k <= AGAIN_MAX; k++) {
				char odd[LAB_PATH_SIZE + 16];
				snprintf(odd, sizeof(odd), "%s.odd%d", dir, k);
				r[n].repeats += access(odd, F_OK) == 0;
			}
			n++;
		}
	FILE *out = fopen(s->card, "we");
	if (out)
		card_write(r, n, out);
	int err = !out || fclose(out) ? errno : 0;
	if (err)
		fprintf(stderr, "helio-chaos: %s: %s\n", s->card, strerror(err));
	else
		printf("the scorecard of %u runs is %s\n", n, s->card);
	while (n)
		card_free(&r[--n]);
	free(r);
	return err;
}

/* All shall end with a scorecard, not with a full disk. */
static int room_check(const struct series *s, const struct state *st)
{
	struct statvfs vfs;
	uint64_t need = (uint64_t)(st->all - st->made) * RUN_MB + SPARE_MB;
	const char *const dirs[] = {s->out, "/tmp"}; /* the labs are in the second */
	for (size_t i = 0; i < HELIO_ARRAY_LEN(dirs); i++) {
		if (statvfs(dirs[i], &vfs))
			continue;
		uint64_t have = (uint64_t)vfs.f_bavail * vfs.f_frsize >> 20;
		uint64_t want = i ? SPARE_MB : need;
		if (have >= want)
			continue;
		fprintf(stderr,
			"helio-chaos: %s has room for %llu MB, and %llu are needed; name another "
			"folder with --out, or make room\n",
			dirs[i], (unsigned long long)have, (unsigned long long)want);
		return ENOSPC;
	}
	return 0;
}

int series_run(struct series *s)
{
	struct state *st = calloc(1, sizeof(*st));
	char build[17], at[16];
	helio_assert(st);
	if (mkdir(s->out, 0755) && errno != EEXIST) {
		fprintf(stderr, "helio-chaos: %s: %s\n", s->out, strerror(errno));
		free(st);
		return EXIT_ABORTED;
	}
	place_build(build, s->before);
	for (uint32_t i = 0; i < s->n; i++)
		for (uint32_t t = 1; t <= s->item[i].times; t++) {
			st->done[i][t] = is_done(s, i, t, build);
			st->made += st->done[i][t];
			st->all++;
		}
	if (room_check(s, st)) {
		free(st);
		return EXIT_ABORTED;
	}
	clock_text(at, left_s(s, st));
	printf("%u runs of %u experiments, %u made already; about %.0f minutes, until %s; in %s\n",
	       st->all, s->n, st->made, left_s(s, st) / 60, at, s->out);
	st->began_us = mono_us();
	turns_run(s, st);
	int code = card_make(s) ? EXIT_ABORTED : st->code;
	if (st->repeats)
		printf("%u runs could not be judged and were made again\n", st->repeats);
	if (st->made < st->all)
		printf("%u runs were not made: the same command goes on\n", st->all - st->made);
	free(st);
	return code;
}
