/* Inside of the view; wall.h is what others may know. */
#ifndef HELIO_WALL_VIEW_H
#define HELIO_WALL_VIEW_H

#include "nodes/wall/table.h"
#include "common/conf/conf.h"

/* One node, as far as its news have been understood. */
struct wall_source {
	uint16_t addr;
	uint32_t boot;
	uint64_t have, heard_us; /* heard_us 0: never */
	bool heard;
	struct wall_table rows;
};

struct wall_view {
	const struct conf *conf;
	uint32_t sources_n;
	struct wall_source *sources;
	struct wall_table rows; /* merged: agents, queues by site, sites, what the queues are */
	uint32_t hours_next;    /* queue whose hours are looked at next; the first one since … */
	uint64_t hours_us;
	int64_t clock_us; /* wall clock less monotonic time */
};

/* A queue at a site, as one key. */
static inline uint64_t wall_queue_key(uint32_t queue, unsigned site)
{
	return (uint64_t)site << 32 | queue;
}

#endif
