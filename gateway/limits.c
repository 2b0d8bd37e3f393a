#include "gateway/gateway.h"
#include "common/base/base.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* One row per limit: name, place, default, range, why. */
static const struct limit {
	const char *name;
	size_t offset;
	uint32_t value, min, max;
	const char *why;
} table[] = {
    {"connections", offsetof(struct gw_limits, connections), 8192, 1, 60000,
     "WebSockets in all; a site of some thousand agents has two gateways"},
    {"per-address", offsetof(struct gw_limits, per_address), 1024, 1, 60000,
     "WebSockets of one address; an office of a thousand may sit behind one"},
    {"handshake-ms", offsetof(struct gw_limits, handshake_ms), 10000, 100, 120000,
     "until a session is sealed; a slow line needs three round trips, not ten seconds"},
    {"ping-s", offsetof(struct gw_limits, ping_s), 20, 1, 600,
     "idle time before a WebSocket ping; half as much again and the browser counts as gone"},
    {"queue-kib", offsetof(struct gw_limits, queue_kib), 256, 1, 16384,
     "waiting for one browser; more means that it does not read"},
    {"queues-mib", offsetof(struct gw_limits, queues_mib), 64, 1, 65536,
     "waiting for all browsers; beyond it those with more than 16 KiB are cut, the others go on"},
    {"rate", offsetof(struct gw_limits, rate_per_s), 50, 1, 100000,
     "messages a second from one browser; a person's clicks make two or three"},
    {"burst", offsetof(struct gw_limits, burst), 200, 1, 100000,
     "messages at once from one browser"},
};

static uint32_t *place(struct gw_limits *limits, const struct limit *row)
{
	return (uint32_t *)(void *)((char *)limits + row->offset);
}

void gw_limits_default(struct gw_limits *limits)
{
	for (size_t i = 0; i < HELIO_ARRAY_LEN(table); i++)
		*place(limits, &table[i]) = table[i].value;
}

int gw_limits_set(struct gw_limits *limits, const char *assignment, char ret_why[256])
{
	const char *eq = strchr(assignment, '=');
	for (size_t i = 0; eq && i < HELIO_ARRAY_LEN(table); i++) {
		const struct limit *row = &table[i];
		size_t len = strlen(row->name);
		if ((size_t)(eq - assignment) != len || memcmp(row->name, assignment, len) != 0)
			continue;
		char *end = NULL;
		errno = 0;
		unsigned long value = strtoul(eq + 1, &end, 10);
		if (errno || end == eq + 1 || *end || value < row->min || value > row->max) {
			snprintf(ret_why, 256,
				 "--limit %s: %.60s is not allowed; allowed: %u to %u", row->name,
				 eq + 1, row->min, row->max);
			return EINVAL;
		}
		*place(limits, row) = (uint32_t)value;
		return 0;
	}
	snprintf(ret_why, 256, "--limit %.60s: there is no such limit; see --help", assignment);
	return EINVAL;
}

void gw_limits_help(FILE *out)
{
	for (size_t i = 0; i < HELIO_ARRAY_LEN(table); i++)
		fprintf(out, "  %-13s %6u  %s\n", table[i].name, table[i].value, table[i].why);
}
