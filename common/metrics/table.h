/*
 * Every metric there is: one row each. Names and labels stay: dashboards and alert rules of people
 * we do not know are written against them. deploy/monitoring/METRICS.md is this table as text, and
 * a test compares the two.
 */
#ifndef HELIO_METRICS_TABLE_H
#define HELIO_METRICS_TABLE_H

#include <stdint.h>
#include <stdio.h>

enum metrics_role { METRICS_NODE = 1, METRICS_BROKER = 2, METRICS_GATEWAY = 4, METRICS_ALL = 7 };
enum metrics_type { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };
enum { METRICS_LABELS_MAX = 4, METRICS_BOUNDS_MAX = 12 };

enum metric {
	/* every daemon */
	METRIC_BUILD_INFO,
	METRIC_CONFIG_INFO,
	METRIC_HEALTHY,
	METRIC_UPTIME,
	METRIC_LOG_EVENTS,
	METRIC_PROCESS_RESIDENT,
	METRIC_PROCESS_CPU,
	METRIC_PROCESS_FDS,
	METRIC_PROCESS_FDS_MAX,
	METRIC_MESH_MESSAGES,
	METRIC_MESH_DROPPED,
	METRIC_MESH_GAPS,
	METRIC_MESH_REFUSED,
	METRIC_SCRAPES,
	METRIC_SCRAPE_LAST,
	/* node and broker */
	METRIC_ACD_MESSAGES,
	METRIC_ACD_REFUSED,
	/* node */
	METRIC_CALLS_ENTERED,
	METRIC_CALLS_ENDED,
	METRIC_CALLS_REQUEUED,
	METRIC_CALLS,
	METRIC_CALLS_MAX,
	METRIC_CALLS_UNPROTECTED,
	METRIC_CALLS_ANSWERED,
	METRIC_CALLS_ANSWERED_WITHIN,
	METRIC_QUEUE_WAITING,
	METRIC_QUEUE_LONGEST_WAIT,
	METRIC_QUEUE_ANSWER_WITHIN,
	METRIC_QUEUE_TARGET,
	METRIC_WAIT,
	METRIC_TALK,
	METRIC_SESSIONS,
	METRIC_SESSIONS_MAX,
	METRIC_OFFERS,
	METRIC_RINGS,
	METRIC_OFFERS_ENDED,
	METRIC_SIP,
	METRIC_MEDIA_LEGS,
	METRIC_MEDIA_LEGS_MAX,
	METRIC_MEDIA_PORTS_USED,
	METRIC_MEDIA_PORTS,
	METRIC_MEDIA_PACKETS,
	METRIC_MEDIA_LOST,
	METRIC_MEDIA_BAD,
	METRIC_RECORDS,
	METRIC_RECORDS_PENDING,
	METRIC_JOURNAL_UP,
	METRIC_JOURNAL_RTT,
	METRIC_JOURNAL_EVENTS,
	METRIC_PRESENCE_UP,
	METRIC_PRESENCE_RTT,
	METRIC_PRESENCE_EVENTS,
	METRIC_ISLAND,
	METRIC_DRAINING,
	METRIC_CERT_EXPIRY,
	/* broker */
	METRIC_PEERS_UP,
	METRIC_PEERS_KNOWN,
	METRIC_PEERS_OTHER_CONFIG,
	METRIC_SITE_WAITING,
	METRIC_SITE_LONGEST_WAIT,
	METRIC_SITE_IDLE,
	METRIC_SITE_REMOTE_WAITING,
	METRIC_SITE_COEXIST,
	METRIC_BROKER_EVENTS,
	METRIC_BROKER_DROPPED,
	/* gateway */
	METRIC_GW_CONNECTIONS,
	METRIC_GW_CONNECTIONS_MAX,
	METRIC_GW_SOCKETS,
	METRIC_GW_OPENED,
	METRIC_GW_FRAMES,
	METRIC_GW_BYTES,
	METRIC_GW_REFUSED,
	METRIC_GW_CLOSED,
	METRIC_GW_HTTP,
	METRIC_GW_NODES_LIVE,
	METRIC_GW_NODES_KNOWN,
	METRIC_GW_OTHER_CONFIG,
	METRIC_COUNT,
};

struct metrics_row {
	const char *name; /* after "heliograph_" */
	enum metrics_type type;
	unsigned roles;                         /* who has it: bits of enum metrics_role */
	const char *labels[METRICS_LABELS_MAX]; /* NULL after the last */
	const char *help;
	const uint32_t *bounds_s; /* histogram: upper bounds in seconds, 0 after the last */
};

#define METRICS_PREFIX "heliograph_"

const struct metrics_row *metrics_row(enum metric m);
unsigned metrics_labels(const struct metrics_row *row);
const char *metrics_type_name(enum metrics_type type);
/* The whole table as Markdown, as it stands in METRICS.md. */
void metrics_table_print(FILE *out);

#endif
