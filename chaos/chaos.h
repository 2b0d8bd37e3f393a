/* helio-chaos: what its subcommands share. */
#ifndef HELIO_CHAOS_CHAOS_H
#define HELIO_CHAOS_CHAOS_H

#include <stddef.h>

struct lab_conf;

/* Exit codes, documented in `helio-chaos run --help`. */
enum { EXIT_HELD = 0, EXIT_DEVIATED = 1, EXIT_USAGE_ = 2, EXIT_INCONCLUSIVE = 3, EXIT_ABORTED = 4 };

int cmd_lab(int argc, char **argv);
int cmd_plan(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_report(int argc, char **argv);
/* Writes report.html and report.json of a run; errno, said on standard error. */
int report_make(const char *dir);
int cmd_functions(int argc, char **argv);

/* ---- places.c: where the programs and sounds are ------------------------------------------------
 */
/* Beside this program, or HELIO_BIN; and the sounds of this tree or of the package. */
const char *place_bin(void);
const char *place_audio(void); /* NULL: none; callers then wait in silence */
/* A folder with a short name for a lab, made; /tmp/helio-lab-XXXXXX. errno. */
int place_lab(char ret_dir[64]);
/* Removes a folder and all below it. */
void place_remove(const char *dir);

#endif
