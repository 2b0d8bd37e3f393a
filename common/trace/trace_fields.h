/* The fields of an event and of a queue, once for writing and once for reading; private to trace.
 */
#ifndef HELIO_TRACE_FIELDS_H
#define HELIO_TRACE_FIELDS_H

#include "common/acd/acd.h"
#include "common/base/base.h"

struct trace_field {
	const char *name;
	uint16_t offset, size; /* an unsigned number of 1, 2, 4 or 8 bytes */
};

#define TRACE_FIELD(type, name, member)                                                 \
	{                                                                               \
		name, offsetof(struct type, member), sizeof(((struct type *)0)->member) \
	}

static const struct trace_field trace_event_fields[] = {
    TRACE_FIELD(acd_event, "type", type),
    TRACE_FIELD(acd_event, "now", now),
    TRACE_FIELD(acd_event, "from", from),
    TRACE_FIELD(acd_event, "from_boot", from_boot),
    TRACE_FIELD(acd_event, "call", call),
    TRACE_FIELD(acd_event, "session", session),
    TRACE_FIELD(acd_event, "agent", agent),
    TRACE_FIELD(acd_event, "offer", offer),
    TRACE_FIELD(acd_event, "skills", skills),
    TRACE_FIELD(acd_event, "levels0", levels.w[0]),
    TRACE_FIELD(acd_event, "levels1", levels.w[1]),
    TRACE_FIELD(acd_event, "levels2", levels.w[2]),
    TRACE_FIELD(acd_event, "levels3", levels.w[3]),
    TRACE_FIELD(acd_event, "rank", rank),
    TRACE_FIELD(acd_event, "queue", queue),
    TRACE_FIELD(acd_event, "age_us", age_us),
    TRACE_FIELD(acd_event, "priority", priority),
    TRACE_FIELD(acd_event, "cause", cause),
    TRACE_FIELD(acd_event, "reason", reason),
    TRACE_FIELD(acd_event, "on", on),
    TRACE_FIELD(acd_event, "m.type", msg.type),
    TRACE_FIELD(acd_event, "m.offer", msg.offer),
    TRACE_FIELD(acd_event, "m.call", msg.call),
    TRACE_FIELD(acd_event, "m.session", msg.session),
    TRACE_FIELD(acd_event, "m.agent", msg.agent),
    TRACE_FIELD(acd_event, "m.skills", msg.skills),
    TRACE_FIELD(acd_event, "m.queue", msg.queue),
    TRACE_FIELD(acd_event, "m.cepoch", msg.cepoch),
    TRACE_FIELD(acd_event, "m.version", msg.version),
    TRACE_FIELD(acd_event, "m.digest", msg.digest),
    TRACE_FIELD(acd_event, "m.age_us", msg.age_us),
    TRACE_FIELD(acd_event, "m.idle_us", msg.idle_us),
    TRACE_FIELD(acd_event, "m.count", msg.count),
    TRACE_FIELD(acd_event, "m.wanted", msg.wanted),
    TRACE_FIELD(acd_event, "m.wrap_up_ms", msg.wrap_up_ms),
    TRACE_FIELD(acd_event, "m.ring_timeout_ms", msg.ring_timeout_ms),
    TRACE_FIELD(acd_event, "m.node", msg.node),
    TRACE_FIELD(acd_event, "m.peer", msg.peer),
    TRACE_FIELD(acd_event, "m.site", msg.site),
    TRACE_FIELD(acd_event, "m.priority", msg.priority),
    TRACE_FIELD(acd_event, "m.state", msg.state),
    TRACE_FIELD(acd_event, "m.cause", msg.cause),
    TRACE_FIELD(acd_event, "m.levels0", msg.levels.w[0]),
    TRACE_FIELD(acd_event, "m.levels1", msg.levels.w[1]),
    TRACE_FIELD(acd_event, "m.levels2", msg.levels.w[2]),
    TRACE_FIELD(acd_event, "m.levels3", msg.levels.w[3]),
    TRACE_FIELD(acd_event, "m.talk_us", msg.talk_us),
    TRACE_FIELD(acd_event, "m.turn_us", msg.turn_us),
    TRACE_FIELD(acd_event, "m.taken", msg.taken),
    TRACE_FIELD(acd_event, "m.rank", msg.rank),
    TRACE_FIELD(acd_event, "m.stage", msg.stage),
};

static const struct trace_field trace_queue_fields[] = {
    TRACE_FIELD(acd_queue_conf, "id", id),
    TRACE_FIELD(acd_queue_conf, "skills", skills),
    TRACE_FIELD(acd_queue_conf, "priority", priority),
    TRACE_FIELD(acd_queue_conf, "overflow_no_idle", overflow_no_idle),
    TRACE_FIELD(acd_queue_conf, "overflow_timed", overflow_timed),
    TRACE_FIELD(acd_queue_conf, "overflow_after_ms", overflow_after_ms),
    TRACE_FIELD(acd_queue_conf, "remote_handicap_ms", remote_handicap_ms),
    TRACE_FIELD(acd_queue_conf, "wrap_up_ms", wrap_up_ms),
    TRACE_FIELD(acd_queue_conf, "ring_timeout_ms", ring_timeout_ms),
    TRACE_FIELD(acd_queue_conf, "levels0", levels.w[0]),
    TRACE_FIELD(acd_queue_conf, "levels1", levels.w[1]),
    TRACE_FIELD(acd_queue_conf, "levels2", levels.w[2]),
    TRACE_FIELD(acd_queue_conf, "levels3", levels.w[3]),
    TRACE_FIELD(acd_queue_conf, "strategy", strategy),
    TRACE_FIELD(acd_queue_conf, "ageing_ms", ageing_ms),
    TRACE_FIELD(acd_queue_conf, "max_length", max_length),
    TRACE_FIELD(acd_queue_conf, "max_wait_ms", max_wait_ms),
    TRACE_FIELD(acd_queue_conf, "missed_limit", missed_limit),
    TRACE_FIELD(acd_queue_conf, "overflow_longer", overflow_longer),
    TRACE_FIELD(acd_queue_conf, "overflow_ewt_ms", overflow_ewt_ms),
    TRACE_FIELD(acd_queue_conf, "closed", closed),
    TRACE_FIELD(acd_queue_conf, "group_max", group_max),
    TRACE_FIELD(acd_queue_conf, "weight", weight),
    TRACE_FIELD(acd_queue_conf, "relax_n", relax_n),
    TRACE_FIELD(acd_queue_conf, "relax0.after_ms", relax[0].after_ms),
    TRACE_FIELD(acd_queue_conf, "relax0.skills", relax[0].skills),
    TRACE_FIELD(acd_queue_conf, "relax0.levels0", relax[0].levels.w[0]),
    TRACE_FIELD(acd_queue_conf, "relax0.levels1", relax[0].levels.w[1]),
    TRACE_FIELD(acd_queue_conf, "relax0.levels2", relax[0].levels.w[2]),
    TRACE_FIELD(acd_queue_conf, "relax0.levels3", relax[0].levels.w[3]),
    TRACE_FIELD(acd_queue_conf, "relax1.after_ms", relax[1].after_ms),
    TRACE_FIELD(acd_queue_conf, "relax1.skills", relax[1].skills),
    TRACE_FIELD(acd_queue_conf, "relax1.levels0", relax[1].levels.w[0]),
    TRACE_FIELD(acd_queue_conf, "relax1.levels1", relax[1].levels.w[1]),
    TRACE_FIELD(acd_queue_conf, "relax1.levels2", relax[1].levels.w[2]),
    TRACE_FIELD(acd_queue_conf, "relax1.levels3", relax[1].levels.w[3]),
    TRACE_FIELD(acd_queue_conf, "relax2.after_ms", relax[2].after_ms),
    TRACE_FIELD(acd_queue_conf, "relax2.skills", relax[2].skills),
    TRACE_FIELD(acd_queue_conf, "relax2.levels0", relax[2].levels.w[0]),
    TRACE_FIELD(acd_queue_conf, "relax2.levels1", relax[2].levels.w[1]),
    TRACE_FIELD(acd_queue_conf, "relax2.levels2", relax[2].levels.w[2]),
    TRACE_FIELD(acd_queue_conf, "relax2.levels3", relax[2].levels.w[3]),
    TRACE_FIELD(acd_queue_conf, "relax3.after_ms", relax[3].after_ms),
    TRACE_FIELD(acd_queue_conf, "relax3.skills", relax[3].skills),
    TRACE_FIELD(acd_queue_conf, "relax3.levels0", relax[3].levels.w[0]),
    TRACE_FIELD(acd_queue_conf, "relax3.levels1", relax[3].levels.w[1]),
    TRACE_FIELD(acd_queue_conf, "relax3.levels2", relax[3].levels.w[2]),
    TRACE_FIELD(acd_queue_conf, "relax3.levels3", relax[3].levels.w[3]),
};

static const struct trace_field trace_conf_fields[] = {
    TRACE_FIELD(acd_conf, "role", role),
    TRACE_FIELD(acd_conf, "self", self),
    TRACE_FIELD(acd_conf, "boot", boot),
    TRACE_FIELD(acd_conf, "calls_max", calls_max),
    TRACE_FIELD(acd_conf, "agents_max", agents_max),
};

#endif
