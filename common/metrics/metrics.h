/*
 * What a daemon tells Prometheus: text exposition 0.0.4, put together at each scrape from counters
 * that lie where they are counted anyway.
 *
 *   loop ── fd ──► server.c ──► http.c (parse, no I/O)
 *                     │
 *                     └── collect_h(out) ──► metrics_put…(out, METRIC_X, value, labels)
 *
 * Labels are bounded by the configuration or by an enumeration of ours: queue, site, state, outcome
 * and the like; never a caller's number, never an agent's name.
 */
#ifndef HELIO_METRICS_H
#define HELIO_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/metrics/table.h"

/* ---- writing (text.c). Samples of one metric come together; each metric comes once. Both, the
 * number of labels and the role are asserted: they are ours. */
struct metrics_out;

/* One page, from 0 bytes; limit: beyond it the page is refused whole (metrics_out_text gives NULL).
 * NULL: out of memory. */
struct metrics_out *metrics_out_new(enum metrics_role role, size_t limit);
struct metrics_out *metrics_out_free(struct metrics_out *o);
/* NUL-terminated; NULL when it did not fit. Valid until the next write. */
const char *metrics_out_text(const struct metrics_out *o, size_t *ret_len);

/* The head of a metric that may have no sample yet. */
void metrics_family(struct metrics_out *o, enum metric m);
/* labels: as many as the row has; may be NULL for none. */
void metrics_put_labels(struct metrics_out *o, enum metric m, uint64_t v,
			const char *const *labels);
/* The value in millionths: seconds from microseconds, a ratio from ppm. */
void metrics_micro_labels(struct metrics_out *o, enum metric m, uint64_t micro,
			  const char *const *labels);
void metrics_put(struct metrics_out *o, enum metric m, uint64_t v);
void metrics_put1(struct metrics_out *o, enum metric m, uint64_t v, const char *label);
void metrics_put2(struct metrics_out *o, enum metric m, uint64_t v, const char *a, const char *b);
void metrics_micro(struct metrics_out *o, enum metric m, uint64_t micro);
void metrics_micro1(struct metrics_out *o, enum metric m, uint64_t micro, const char *label);

struct metrics_hist {
	uint64_t n[METRICS_BOUNDS_MAX + 1]; /* the last bucket in use is the one without a bound */
	uint64_t sum_us;
};
void metrics_hist_add(struct metrics_hist *h, enum metric m, uint64_t us);
void metrics_hist_put1(struct metrics_out *o, enum metric m, const struct metrics_hist *h,
		       const char *label);

/* ---- /healthz (health.c): may new work be sent here? */
enum { METRICS_HEALTH_TEXT = 1024 };
struct metrics_health {
	unsigned faults, notes;
	char fault_text[METRICS_HEALTH_TEXT], note_text[METRICS_HEALTH_TEXT]; /* JSON strings */
};
/* A fault makes it 503; a note is said beside 200. What does not fit is left out. */
void metrics_health_fault(struct metrics_health *h, const char *text);
void metrics_health_note(struct metrics_health *h, const char *text);
/* {"ok":…,"name":…,"role":…,"why":[…],"notes":[…]EXTRA}; extra (may be NULL) is JSON that begins
 * with a comma. Returns its length; always fits in 3·METRICS_HEALTH_TEXT. */
size_t metrics_health_json(const struct metrics_health *h, const char *name, const char *role,
			   const char *extra, char *out, size_t size);

/* ---- HTTP, no I/O (http.c) */
enum { METRICS_REQUEST_MAX = 4096 };
enum metrics_path { METRICS_PATH_METRICS, METRICS_PATH_HEALTHZ, METRICS_PATH_OTHER };
struct metrics_request {
	unsigned refuse; /* 0, or the status to refuse with */
	bool head;
	enum metrics_path path;
};
/* EAGAIN: more is needed. 0: *ret says what is wanted (or why not). Reads no further than the head
 * of the first request. RFC 9112 §3; what no scraper sends (obs-fold, absolute-form) is 400. */
int metrics_request_parse(const char *in, size_t len, struct metrics_request *ret);
/* The head of an answer; returns its length. Each connection carries one answer. */
size_t metrics_response_head(char *out, size_t size, unsigned status, const char *mime,
			     size_t body_len);

/* ---- the server (server.c): any loop that can watch one descriptor */
struct metrics_server;
struct metrics_server_conf {
	const char *host; /* IPv4 literal */
	uint16_t port;
	enum metrics_role role;
	const char *version, *cluster, *name;
	uint64_t started_us;
	uint32_t timeout_ms; /* of a connection, from accept to its end; 0: 5000 */
	uint32_t fresh_ms;   /* a page so old is given out again; 0: 200 */
	void (*collect_h)(struct metrics_out *o, void *arg);
	void (*health_h)(struct metrics_health *h, void *arg);
	void *arg;
};
enum {
	METRICS_CONNS_MAX = 16,
	/* 1,024 queues, each with both histograms, are under 4 MiB. */
	METRICS_PAGE_MAX = 8 << 20,
};
/* Listens. Strings of conf are borrowed for the server's life. EADDRINUSE …; ret_why says the
 * remedy. */
int metrics_server_open(struct metrics_server **ret, const struct metrics_server_conf *conf,
			char ret_why[256]);
struct metrics_server *metrics_server_close(struct metrics_server *s);
/* Readable (level-triggered) whenever metrics_server_step() has something to do, time-outs
 * included. Never changes. */
int metrics_server_fd(const struct metrics_server *s);
/* Never blocks; bounded work. */
void metrics_server_step(struct metrics_server *s);

/* ---- what every daemon has (process.c) */
void metrics_process(struct metrics_out *o);
/* The configuration in use; by the daemon, because it may change while it runs. */
struct metrics_config {
	uint64_t hash;
	uint32_t version, refused;
	bool needs_roll;
	uint64_t taken, refusals, conflicts;
};
void metrics_config(struct metrics_out *o, const struct metrics_config *c);

#endif
