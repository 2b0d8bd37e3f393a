/* What every daemon says of its configuration to whom watches it. */
#include "common/live/live.h"
#include "common/metrics/metrics.h"

void live_metrics(const struct live *live, struct metrics_out *out)
{
	struct live_figures f = live_figures(live);
	struct metrics_config c = {.hash = f.hash,
				   .version = f.version,
				   .refused = f.refused,
				   .needs_roll = f.needs_roll,
				   .taken = f.taken,
				   .refusals = f.refusals,
				   .conflicts = f.conflicts};
	metrics_config(out, &c);
}
