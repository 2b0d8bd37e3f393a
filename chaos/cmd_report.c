/* helio-chaos report: the page of a run, or the scorecard of many. */
#include "chaos/chaos.h"
#include "chaos/report/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"

static const char help[] =
    "helio-chaos report - what a run says\n"
    "\n"
    "usage: helio-chaos report DIR               writes DIR/report.html and DIR/report.json\n"
    "       helio-chaos report --scorecard DIR…  prints the scorecard of these runs, those of a\n"
    "                                            drill side by side (`helio-chaos score` writes "
    "it)\n"
    "\n"
    "`helio-chaos run` writes the page by itself. exit: 0, 1 a run cannot be read, 2 usage\n";

static void unread(const char *dir, int err)
{
	fprintf(stderr, "helio-chaos: %s: %s; the folder of a run is needed\n", dir,
		err == EBADMSG ? "its journal has no run in it" : strerror(err));
}

int report_make(const char *dir)
{
	struct figures f;
	char path[600];
	int err = figures_read(&f, dir);
	if (err) {
		unread(dir, err);
	} else {
		snprintf(path, sizeof(path), "%s/report.html", dir);
		FILE *out = fopen(path, "we");
		json_t *o = figures_json(&f);
		if (out)
			html_write(&f, out);
		err = !out || fclose(out) ? errno : 0;
		snprintf(path, sizeof(path), "%s/report.json", dir);
		if (!err && json_dump_file(o, path, JSON_INDENT(1) | JSON_REAL_PRECISION(9)))
			err = EIO;
		if (err)
			fprintf(stderr, "helio-chaos: %s: %s\n", path, strerror(err));
		json_decref(o);
	}
	figures_free(&f);
	return err;
}

static int scorecard(int n, char **dirs)
{
	struct card_run *r = calloc((size_t)n + 1, sizeof(*r));
	int err = 0;
	helio_assert(r);
	for (int i = 0; i < n && !err; i++) {
		err = card_read(&r[i], dirs[i]);
		if (err)
			unread(dirs[i], err);
	}
	if (!err)
		card_write(r, (uint32_t)n, stdout);
	for (int i = 0; i < n; i++)
		card_free(&r[i]);
	free(r);
	return err != 0;
}

int cmd_report(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(help, stdout);
		return 0;
	}
	if (argc > 2 && strcmp(argv[1], "--scorecard") == 0)
		return scorecard(argc - 2, argv + 2);
	if (argc != 2 || argv[1][0] == '-') {
		fputs("helio-chaos report: the folder of a run is needed; try --help\n", stderr);
		return 2;
	}
	if (report_make(argv[1]))
		return 1;
	printf("%s/report.html\n", argv[1]);
	return 0;
}
