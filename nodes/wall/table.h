/*
 * Rows by key, in the order in which they last changed:
 *
 *   oldest ⇄ … ⇄ row (version 17) ⇄ row (version 23) ⇄ newest (version 24)
 *                └── everything after 17 is what somebody who has come to 17 does not know
 *
 * A row that changes moves to the new end with the next version. Rows are never taken out singly:
 * who left is a row that says so.
 */
#ifndef HELIO_WALL_TABLE_H
#define HELIO_WALL_TABLE_H

#include "nodes/wall/wall.h"

enum wall_kind { WALL_AGENT = 1, WALL_QUEUE, WALL_SITE, WALL_LINE, WALL_HOURS };

/* How many nodes a site has, and how many of them have been heard lately. */
struct wall_site {
	uint8_t site;
	uint32_t nodes, heard;
};

/* Is a queue open at a site (0: at any) and until when, by this node's own calendars. */
struct wall_hours {
	uint32_t queue;
	uint8_t site;
	bool has, open; /* has: the queue has hours there */
	int64_t change; /* seconds of UTC; INT64_MAX: not within two weeks */
	/* Of site 0: times that nobody covers and that begin within a week, and how long they are
	 * together. One that goes on now is not among them. */
	uint32_t gaps;
	int64_t gaps_s;
};

struct wall_row {
	struct wall_row *older, *newer, *next; /* next: in its bucket */
	uint64_t version, key;
	enum wall_kind kind;
	bool heard; /* its node has been heard lately */
	uint16_t node;
	union {
		struct wall_agent agent;
		struct wall_queue queue; /* of a node in a source, of a site in a view */
		struct wall_site site;
		struct wall_hours hours;
		uint32_t line; /* index in conf->queues: what a queue is */
	};
};

struct wall_table {
	struct wall_row **buckets;
	struct wall_row *oldest, *newest;
	uint64_t version;
};

int wall_table_open(struct wall_table *t);
void wall_table_close(struct wall_table *t);
/* Takes every row away; the version stays. */
void wall_table_clear(struct wall_table *t);
struct wall_row *wall_table_find(const struct wall_table *t, enum wall_kind kind, uint64_t key);
/* Finds or makes (all zero, not yet in the order); NULL without memory. */
struct wall_row *wall_table_make(struct wall_table *t, enum wall_kind kind, uint64_t key);
/* It has changed: the next version. */
void wall_table_touch(struct wall_table *t, struct wall_row *row);
/* The first row that changed after that version; go on with row->newer. */
struct wall_row *wall_table_after(const struct wall_table *t, uint64_t version);

#endif
