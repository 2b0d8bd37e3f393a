/* What the files of common/live share. */
#ifndef HELIO_LIVE_INTERNAL_H
#define HELIO_LIVE_INTERNAL_H

#include "common/live/bundle.h"
#include "common/live/live.h"

enum { ROW_NEEDS_ROLL = 1, ROW_REFUSED = 2 };

/* What was heard of one daemon, from itself or through a broker of its site. */
struct live_row {
	uint32_t version, flags, refused;
	uint64_t hash, heard_us; /* 0: never */
	bool conflict_said;
};

struct live_fetch {
	uint16_t from; /* 0: none under way */
	uint32_t version;
	uint64_t hash; /* as its news said: a version is refused together with its hash */
	uint8_t *bytes;
	uint32_t total, got;
	uint64_t asked_us;
	uint32_t tries;
};

struct live {
	char path[CONF_PATH_SIZE], name[CONF_NAME_SIZE], state[CONF_PATH_SIZE];
	struct conf *base, *now; /* the same at first */
	const struct conf_daemon *self;
	bool has_pub;
	uint8_t pub[32];
	struct bundle *bundle; /* of now; NULL: unsigned */
	bool needs_roll;
	char roll_why[256];
	struct live_ops ops;

	struct live_row *rows; /* by index in base->daemons */
	struct live_fetch fetch;
	struct { /* what an operator hands over */
		uint8_t *bytes;
		uint32_t total, got;
	} put;
	uint64_t ticks, broker_heard_us;
	uint32_t parts_left;
	struct {
		uint32_t version;
		uint64_t hash, at_us;
		char why[256];
	} refused;
	uint64_t taken, refusals, conflicts, parts_sent;
};

static inline uint32_t live_version(const struct live *l)
{
	return l->bundle ? l->bundle->sig.version : 0;
}

/* live.c: the one way in. Takes b (freed on error). 0, EINVAL and why. */
int live_take(struct live *l, struct bundle *b, uint64_t now_us, char ret_why[256]);

/* spread.c */
void live_news_all(struct live *l, uint64_t now_us);
void live_fetch_end(struct live *l);

#endif
