/* Figures that several daemons have: of the mesh and of the core's messages. */
#ifndef HELIO_METRICS_SHARED_H
#define HELIO_METRICS_SHARED_H

#include "common/acd/acd.h"
#include "common/metrics/metrics.h"
#include "common/wire/mesh.h"

struct metrics_acd {
	uint64_t in[ACD_MSG_TYPE_COUNT], out[ACD_MSG_TYPE_COUNT];
};

/* Writes them into a page (metrics.h); each once. */
void metrics_mesh(struct metrics_out *o, const struct mesh_counters *c);
void metrics_acd(struct metrics_out *o, const struct metrics_acd *c);

#endif
