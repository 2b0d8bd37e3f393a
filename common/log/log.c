#include "common/log/log.h"
#include "common/base/base.h"
#include "common/log/ring.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	LINE_MAX_BYTES = 2048,
	QUOTE_BYTES = 512,
	QUOTE_BUFFERS = 4,
	BURST_WAIT_MS = 20,
	BURST_EVERY_MS = 1000
};

static char daemon_name[32] = "helio";
static enum log_level min_level = LOG_LEVEL_INFO;
static _Thread_local char quote_buf[QUOTE_BUFFERS][QUOTE_BYTES];
static _Thread_local unsigned quote_next;
static pthread_mutex_t out_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t waited_us;
static uint64_t dropped, dropped_untold;

void log_init(const char *daemon, enum log_level min)
{
	(void)str_copy(daemon_name, sizeof(daemon_name), daemon);
	min_level = min;
}

enum log_level log_level_get(void)
{
	return min_level;
}

int log_level_parse(const char *text, enum log_level *ret)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};
	for (size_t i = 0; i < HELIO_ARRAY_LEN(names); i++) {
		if (strcmp(names[i], text) != 0)
			continue;
		*ret = (enum log_level)i;
		return 0;
	}
	return EINVAL;
}

/*
 * Whole, or not at all: calls do not wait for whoever reads standard error. A socket (journald's)
 * is asked not to block; a pipe that is ready takes a page, and a line is half of one.
 */
static bool try_line(const char *line, size_t len)
{
	ssize_t n = send(STDERR_FILENO, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno == ENOTSOCK) {
		struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
		if (poll(&p, 1, 0) == 0)
			return false;
		n = write(STDERR_FILENO, line, len);
	}
	return n >= 0 ||
	       (errno != EAGAIN && errno != EWOULDBLOCK); /* other errors: nothing to do */
}

static bool put_line(const char *line, size_t len)
{
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
	if (try_line(line, len))
		return true;
	/* A reader that is there needs a moment after a burst. One that is not, or is too slow,
	 * costs no more than this. */
	uint64_t now = mono_us();
	if (waited_us && now - waited_us < BURST_EVERY_MS * 1000ull)
		return false;
	waited_us = now;
	return poll(&p, 1, BURST_WAIT_MS) == 1 && try_line(line, len);
}

static void out(const char *line, size_t len)
{
	char told[160];
	pthread_mutex_lock(&out_lock);
	bool room = true;
	if (dropped_untold) {
		int n = snprintf(told, sizeof(told),
				 "level=warn daemon=%s event=log.dropped lines=%llu "
				 "why=\"standard error was not read\"\n",
				 daemon_name, (unsigned long long)dropped_untold);
		room = put_line(told, (size_t)n);
		if (room)
			dropped_untold = 0;
	}
	if (!room || !put_line(line, len)) {
		dropped++;
		dropped_untold++;
	}
	pthread_mutex_unlock(&out_lock);
}

uint64_t log_dropped(void)
{
	pthread_mutex_lock(&out_lock);
	uint64_t n = dropped;
	pthread_mutex_unlock(&out_lock);
	return n;
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
	static const char *const level_name[] = {"debug", "info", "warn", "error"};
	char line[LINE_MAX_BYTES];
	if (level < min_level)
		return;
	int n = snprintf(line, sizeof(line) - 1, "level=%s daemon=%s event=%s ", level_name[level],
			 daemon_name, event);
	va_list ap;
	va_start(ap, fmt);
	int m = vsnprintf(line + n, sizeof(line) - 1 - (size_t)n, fmt, ap);
	va_end(ap);
	size_t len = (size_t)n + (m > 0 ? (size_t)m : 0);
	if (len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	size_t end = len;
	while (end && line[end - 1] == ' ') /* an event without fields */
		end--;
	log_ring_add(level, line, end);
	line[len++] = '\n';
	out(line, len);
}

const char *log_quote(const char *s)
{
	char *buf = quote_buf[quote_next++ % QUOTE_BUFFERS];
	size_t o = 0;
	buf[o++] = '"';
	for (; *s && o < QUOTE_BYTES - 6; s++) {
		unsigned char c = (unsigned char)*s;
		if (c == '"' || c == '\\') {
			buf[o++] = '\\';
			buf[o++] = (char)c;
		} else if (c < 0x20 || c == 0x7f) {
			o += (size_t)snprintf(buf + o, 5, "\\x%02x", c);
		} else {
			buf[o++] = (char)c;
		}
	}
	buf[o++] = '"';
	buf[o] = '\0';
	return buf;
}

const char *log_number(const char *number)
{
	size_t n = strlen(number);
	char hidden[24];
	if (n <= 4)
		return log_quote(number);
	snprintf(hidden, sizeof(hidden), "%.3s..%s", number, number + n - 2);
	return log_quote(hidden);
}
