/* --watch: the same answer again and again, redrawn in place so that nothing flickers. */
#include "deploy/helioctl/ctl.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stopped;

static void stop_h(int sig)
{
	(void)sig;
	stopped = 1;
}

/* Home, each line over the old one, the rest cleared: the screen is never empty in between. */
static void draw(const char *text, bool colour)
{
	char when[16] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (localtime_r(&now, &tm))
		strftime(when, sizeof(when), "%H:%M:%S", &tm);
	fputs("\033[H", stdout);
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, "\n");
		printf("%.*s\033[K\n", (int)n, p);
		p += n + (p[n] == '\n');
	}
	printf("\033[K\n%s%s, Ctrl-C ends%s\033[K\033[J", style_on(colour, STYLE_DIM), when,
	       style_off(colour, STYLE_DIM));
	fflush(stdout);
}

int ctl_watch(struct ctl *ctl, int (*body)(struct ctl *ctl))
{
	struct sigaction sa = {.sa_handler = stop_h};
	bool screen = !ctl->json && isatty(STDOUT_FILENO);
	int code = CTL_OK;

	if (!ctl->watch_ms)
		return body(ctl);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	if (screen) /* no cursor, no wrapping, a clean page */
		fputs("\033[?25l\033[?7l\033[2J", stdout);
	while (!stopped) {
		char *text = NULL;
		size_t len = 0;
		FILE *to = ctl->out;
		if (screen && (ctl->out = open_memstream(&text, &len)) == NULL)
			break;
		code = body(ctl);
		if (screen) {
			fclose(ctl->out);
			draw(text, ctl->colour);
			free(text);
		} else if (fflush(to)) {
			break; /* the reader has gone */
		}
		ctl->out = to;
		if (!stopped)
			poll(NULL, 0, (int)ctl->watch_ms);
	}
	if (screen)
		fputs("\033[?25h\033[?7h\n", stdout);
	return code;
}
