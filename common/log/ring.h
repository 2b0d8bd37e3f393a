/*
 * The last 1,000 lines that a daemon logged, with a number and the wall clock of this machine, for
 * `helioctl events`. Filled by log_event(); any thread.
 */
#ifndef HELIO_LOG_RING_H
#define HELIO_LOG_RING_H

#include <stddef.h>
#include <stdint.h>

#include "common/log/log.h"

enum { LOG_RING_MAX = 1000 };

struct log_line {
	uint64_t seq;  /* 1, 2, 3 … since the process started */
	int64_t at_ms; /* wall clock, for people */
	enum log_level level;
	const char *text; /* logfmt without the line feed; valid within the handler only */
};
typedef void(log_ring_h)(const struct log_line *line, void *arg);

/* Calls line_h for up to max kept lines after number `after`, oldest first; it must not log.
 * Returns the newest number (0: nothing yet); *ret_first is the oldest that is kept. */
uint64_t log_ring_read(uint64_t after, size_t max, log_ring_h *line_h, void *arg,
		       uint64_t *ret_first);

/* For log.c. */
void log_ring_add(enum log_level level, const char *text, size_t len);

#endif
