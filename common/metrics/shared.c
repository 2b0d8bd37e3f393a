#include "common/metrics/shared.h"
#include "common/base/base.h"

void metrics_mesh(struct metrics_out *o, const struct mesh_counters *c)
{
	const struct {
		const char *why;
		uint64_t n;
	} dropped[] = {
	    {"send", c->send_dropped},     {"bad_decode", c->bad_decode},
	    {"bad_sender", c->bad_sender}, {"bad_version", c->bad_version},
	    {"stale_boot", c->stale_boot}, {"too_big", c->too_big},
	};
	metrics_put1(o, METRIC_MESH_MESSAGES, c->received, "in");
	metrics_put1(o, METRIC_MESH_MESSAGES, c->sent, "out");
	for (size_t i = 0; i < HELIO_ARRAY_LEN(dropped); i++)
		metrics_put1(o, METRIC_MESH_DROPPED, dropped[i].n, dropped[i].why);
	metrics_put(o, METRIC_MESH_GAPS, c->gaps);
	metrics_put(o, METRIC_MESH_REFUSED, c->refused);
}

void metrics_acd(struct metrics_out *o, const struct metrics_acd *c)
{
	metrics_family(o, METRIC_ACD_MESSAGES);
	for (uint8_t t = ACD_MSG_NONE + 1; t < ACD_MSG_TYPE_COUNT; t++) {
		metrics_put2(o, METRIC_ACD_MESSAGES, c->in[t], "in", acd_msg_name(t));
		metrics_put2(o, METRIC_ACD_MESSAGES, c->out[t], "out", acd_msg_name(t));
	}
}
