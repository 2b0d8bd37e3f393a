/*
 * logfmt to standard error, one event a line:
 *   level=info daemon=oslo1 event=offer.sent call=oslo1-2f-91 agent=maria
 * Libraries return errors; shells (daemons) log. Never log a secret, a password, or a caller's
 * number in full at info level: use log_number() for numbers. A line does not wait for a reader that has stalled.
 */
#ifndef HELIO_LOG_H
#define HELIO_LOG_H

#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* The name that each line carries, and the lowest level printed. name is copied. */
void log_init(const char *daemon, enum log_level min);
enum log_level log_level_get(void);
/* debug, info, warn or error, as on a command line. EINVAL: none of them. */
int log_level_parse(const char *text, enum log_level *ret);

/* log_event(LOG_LEVEL_INFO, "offer.sent", "call=%s agent=%s", c, a). fmt may be "" (no fields);
 * values with spaces must be quoted by the caller or passed through log_quote(). */
void log_event(enum log_level level, const char *event, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Lines logged at this level since the process started. */
uint64_t log_count(enum log_level level);
/* Lines that standard error did not take because nobody read it; they are in the ring (ring.h) all
 * the same, and the next line that passes is preceded by one that counts them. */
uint64_t log_dropped(void);

/* Escapes s for logfmt into a rotating thread-local buffer (4 of 512 bytes): control characters,
 * quotes, non-ASCII kept; always quoted. What peers send goes through it, so that no log line can
 * be forged. */
const char *log_quote(const char *s);
/* A telephone number with all but its last two digits hidden: "+47…..89". Same buffers. */
const char *log_number(const char *number);

#define log_debug(event, ...) log_event(LOG_LEVEL_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...) log_event(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_warn(event, ...) log_event(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_error(event, ...) log_event(LOG_LEVEL_ERROR, event, __VA_ARGS__)

#endif
