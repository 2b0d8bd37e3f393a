/* The last events in memory, so that they can be asked for without a journal at hand. */
#include "common/log/ring.h"
#include "common/base/base.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct kept {
	struct log_line line;
	char *text; /* owned */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kept ring[LOG_RING_MAX];
static uint64_t last_seq; /* of the newest; the first ever is 1 */
static uint64_t by_level[4];

void log_ring_add(enum log_level level, const char *text, size_t len)
{
	char *copy = malloc(len + 1);
	if (copy) {
		memcpy(copy, text, len);
		copy[len] = '\0';
	}
	pthread_mutex_lock(&lock);
	by_level[level]++;
	if (copy) { /* without memory the event is on standard error only */
		struct kept *k = &ring[++last_seq % LOG_RING_MAX];
		char *old = k->text;
		k->text = copy;
		k->line = (struct log_line){
		    .seq = last_seq, .at_ms = wall_ms(), .level = level, .text = copy};
		copy = old;
	}
	pthread_mutex_unlock(&lock);
	free(copy);
}

uint64_t log_count(enum log_level level)
{
	pthread_mutex_lock(&lock);
	uint64_t n = by_level[level];
	pthread_mutex_unlock(&lock);
	return n;
}

static uint64_t first_kept(void)
{
	return last_seq > LOG_RING_MAX ? last_seq - LOG_RING_MAX + 1 : 1;
}

uint64_t log_ring_read(uint64_t after, size_t max, log_ring_h *line_h, void *arg,
		       uint64_t *ret_first)
{
	pthread_mutex_lock(&lock);
	uint64_t seq = after < last_seq ? after + 1 : last_seq + 1;
	if (seq < first_kept())
		seq = first_kept();
	for (; seq <= last_seq && max; seq++, max--)
		line_h(&ring[seq % LOG_RING_MAX].line, arg);
	uint64_t last = last_seq;
	*ret_first = first_kept();
	pthread_mutex_unlock(&lock);
	return last;
}
