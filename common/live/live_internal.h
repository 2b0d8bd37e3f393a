/* What the files of common/live share. */
#ifndef HELIO_LIVE_INTERNAL_H
#define HELIO_LIVE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/live/bundle.h"
#include "common/live/live.h"
#include "common/live/store.h"

enum { ROW_NEEDS_ROLL = 1, ROW_REFUSED = 2 };

/* What was heard of one daemon, from itself or through a broker of its site. */
struct live_row {
	uint32_t version, flags, refused;
	uint64_t hash, heard_us; /* 0: never */
	uint64_t files;          /* from itself only; 0: not known */
	bool conflict_said;
};

/* What is asked for, in this order: ConfigAsk.what. */
enum live_what { WHAT_BUNDLE, WHAT_LIST, WHAT_FILE };

struct live_fetch {
	uint16_t from; /* 0: none under way */
	uint32_t version;
	uint64_t hash, mark; /* as its news said: a version is refused together with them */
	enum live_what what;
	struct conf_files *list;
	uint32_t file;  /* in list */
	int fd;         /* what == WHAT_FILE: HASH.new */
	uint8_t *bytes; /* else */
	uint32_t total, got;
	uint64_t asked_us;
	uint32_t tries;
};

/* A version on its way in. What it holds is whoever's it is given to. */
struct live_offer {
	struct bundle *b;         /* NULL: unsigned */
	struct conf_files *files; /* NULL: they are where cluster.yaml says */
	struct conf *c;           /* NULL: to be read */
	struct conf *from;        /* has places on this host's disk; may be NULL */
	uint64_t hash, mark;      /* what its news said; 0: it came another way */
};

void live_offer_free(struct live_offer *o);

/* The slow part, on a thread of its own: files are copied and hashed, the text is read, sounds are
 * decoded. The daemon's loop looks whether it is done. */
struct live_taking {
	bool on;
	pthread_t thread;
	atomic_bool done, stop;
	struct live_offer offer;
	int err;
	char why[256];
};

struct live {
	char path[CONF_PATH_SIZE], name[CONF_NAME_SIZE], state[CONF_PATH_SIZE];
	char store[CONF_PATH_SIZE]; /* state/files */
	enum conf_role role;
	struct conf *base, *now; /* the same at first */
	const struct conf_daemon *self;
	bool has_pub;
	uint8_t pub[32];
	struct bundle *bundle;    /* of now; NULL: unsigned */
	struct conf_files *files; /* of now; NULL: none */
	uint64_t mark;            /* of files */
	bool needs_roll;
	char roll_why[256];
	struct live_ops ops;

	struct live_row *rows; /* by index in base->daemons */
	struct live_fetch fetch;
	struct live_taking taking;
	struct { /* what an operator hands over */
		uint8_t *bytes;
		uint32_t total, got;
		struct conf_files *list; /* of the bundle that follows */
	} put;
	uint64_t ticks, broker_heard_us;
	uint32_t parts_left;
	struct {
		uint32_t version;
		uint64_t hash, mark, at_us;
		char why[256];
	} refused;
	uint64_t taken, refusals, conflicts, parts_sent;
};

static inline uint32_t live_version(const struct live *l)
{
	return l->bundle ? l->bundle->sig.version : 0;
}

/* take.c: the one way in. Takes what o holds. 0: in use; EINPROGRESS: it will be, or be refused,
 * once its files are here and its sounds decoded; EALREADY: no news; EINVAL: refused; EBUSY:
 * another one is being taken. why says it. */
int live_take(struct live *l, struct live_offer *o, uint64_t now_us, char ret_why[256]);
/* Is it done? */
void live_taking_look(struct live *l, uint64_t now_us);
/* Ends it and waits for that. */
void live_taking_end(struct live *l);
void live_refuse(struct live *l, uint32_t version, uint64_t hash, uint64_t mark, uint64_t now_us,
		 const char *why);
/* The first problem of what conf_load_placed() printed. */
void live_first_line(char why[256], const char *said);
/* The bundle's text, its files where this daemon keeps them. EINVAL and why. */
int live_text_read(const struct live *l, const struct bundle *b, const struct conf_files *files,
		   struct conf **ret, char why[256]);
/* What no kept version names goes. */
void live_sweep(struct live *l);

/* spread.c */
void live_news_all(struct live *l, uint64_t now_us);
void live_fetch_end(struct live *l);

#endif
