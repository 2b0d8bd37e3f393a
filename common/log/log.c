#include "common/log/log.h"
#include "common/base/base.h"
#include "common/log/ring.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048, QUOTE_BYTES = 512, QUOTE_BUFFERS = 4 };

static char daemon_name[32] = "helio";
static enum log_level min_level = LOG_LEVEL_INFO;
static _Thread_local char quote_buf[QUOTE_BUFFERS][QUOTE_BYTES];
static _Thread_local unsigned quote_next;

void log_init(const char *daemon, enum log_level min)
{
	(void)str_copy(daemon_name, sizeof(daemon_name), daemon);
	min_level = min;
}

enum log_level log_level_get(void)
{
	return min_level;
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
	/* One write a line, so that lines of several threads do not mix. Nothing to do on error. */
	ssize_t ignored = write(STDERR_FILENO, line, len);
	(void)ignored;
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
