/* helio-chaos: what its subcommands share. */
#ifndef HELIO_CHAOS_CHAOS_H
#define HELIO_CHAOS_CHAOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lab_conf;

/* Exit codes, documented in `helio-chaos run --help`. */
enum { EXIT_HELD = 0, EXIT_DEVIATED = 1, EXIT_USAGE_ = 2, EXIT_INCONCLUSIVE = 3, EXIT_ABORTED = 4 };

int cmd_lab(int argc, char **argv);
int cmd_plan(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_score(int argc, char **argv);
int cmd_report(int argc, char **argv);
/* Writes report.html and report.json of a run; errno, said on standard error. */
int report_make(const char *dir);
int cmd_functions(int argc, char **argv);

/* ---- cmd_run.c: one run ------------------------------------------------------------------ */
struct run_ask {
	const char *file;
	const char *const *sets; /* as of experiment_load() */
	uint64_t seed;           /* of the lines; 0: the experiment's, turn by turn another */
	uint32_t turn;           /* of a series, from 1 */
	const char *out;         /* the folder of the run, made if it is not there */
	uint32_t browsers;       /* 0: as the experiment says */
	const char *before;      /* the programs of the version before; NULL: none */
	bool quiet, silent;      /* only the verdict is said; nothing is */
};
int run_once(const struct run_ask *ask); /* exit code */
/* One more NAME=VALUE of the command line; sets has EXPERIMENT_SETS_MAX + 1 places. Exit code,
 * said. */
int run_set(const char **sets, const char *pair);
/* Somebody has asked us to end: begin no more. */
bool run_stopped(void);

/* ---- places.c: where the programs and sounds are ----------------------------------------- */
/* Beside this program, or HELIO_BIN; and the sounds of this tree or of the package. */
const char *place_bin(void);
const char *place_audio(void); /* NULL: none; callers then wait in silence */
/* The page that gateways serve, and the program that opens it in a real Chromium: in a tree with
 * its sources only. ENOENT, said on standard error. */
int place_browsers(const char **ret_web, const char **ret_script);
/* The daemons that run here, by size and time of their files: runs of one build can be compared.
 * before: as of run_ask. */
void place_build(char ret[17], const char *before);
/* Holds the daemons of a version? ENOENT, said on standard error. */
int place_before(const char *dir);
/* NAME of a drill that is shipped, or the path of a file, as a path. ENOENT. */
int place_drill(char ret_path[512], const char *name);
/* What SIPp plays in a drill: caller.xml, stop.xml. ENOENT. */
int place_sipp(char ret_dir[512]);
/* A folder with a short name for a lab, made; /tmp/helio-lab-XXXXXX. errno. */
int place_lab(char ret_dir[64]);
/* Removes a folder and all below it. */
void place_remove(const char *dir);

#endif
