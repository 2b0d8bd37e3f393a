/*
 * A node tells all its pages the state of the queues at once, every two seconds while it changes: a
 * wave. What is reported of one is how much later than the first page the others had it.
 *
 *     wave: |x xxx xxxx xxx xx|            |x xxxx ...
 *           first         last   QUIET_MS
 */
#include "tests/tools/agent/agent.h"
#include "common/base/base.h"

#include <stdlib.h>

enum {
	QUIET_MS = 600, /* no message for so long: it is over; the next one is 2 s later */
	LATE_MAX = 65536,
};

static struct {
	uint64_t first_us;
	uint32_t *late_us; /* of each message, in order of arrival */
	size_t n;
	struct tmr tmr;
} wave;

static double ms(size_t at)
{
	return (double)wave.late_us[at] / 1000.0;
}

static void over(void *arg)
{
	(void)arg;
	uint64_t quiet_us = mono_us() - wave.first_us - wave.late_us[wave.n - 1];
	if (quiet_us < QUIET_MS * 1000ull) {
		tmr_start(&wave.tmr, QUIET_MS - quiet_us / 1000, over, NULL);
		return;
	}
	report_wave(wave.n, ms(wave.n / 2), ms((wave.n - 1) * 99 / 100), ms(wave.n - 1));
	wave.n = 0;
}

void wave_start(void)
{
	wave.late_us = calloc(LATE_MAX, sizeof(*wave.late_us));
	tmr_init(&wave.tmr);
}

void wave_seen(void)
{
	uint64_t now = mono_us();
	if (!wave.late_us || wave.n == LATE_MAX)
		return;
	if (wave.n == 0) {
		wave.first_us = now;
		tmr_start(&wave.tmr, QUIET_MS, over, NULL);
	}
	wave.late_us[wave.n++] = (uint32_t)(now - wave.first_us);
}

void wave_stop(void)
{
	tmr_cancel(&wave.tmr);
	free(wave.late_us);
	wave.late_us = NULL;
}
