/*
 * What the links of a WAN do at the moment: a rule that is always there, and faults laid over it.
 * A fault belongs to the connection that asked for it and ends with it, or when its time is over,
 * so that nothing stays broken when a tool dies. Commands are lines of text:
 *
 *   set FROM TO KEY=VALUE…             the rule that is always there
 *   fault ID FROM TO KEY=VALUE…        laid over it; for=MS lets it end by itself
 *   heal ID                            ends it; `heal all` those of every connection
 *   show                               rules, faults and counters as one line of JSON
 *
 * FROM and TO are names of sites or *. Keys: delay, jitter (ms), loss, dup, reorder, corrupt
 * (percent, two digits after the point), rate (kbit/s), cut (0 or 1).
 */
#ifndef HELIO_CHAOS_WAN_RULES_H
#define HELIO_CHAOS_WAN_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chaos/wan/wan.h"

enum { RULES_FAULTS_MAX = 64, RULES_NAME_SIZE = 32, RULES_REPLY_SIZE = 65536 };

struct rules_fault {
	bool on;
	uint32_t id;
	int owner;         /* the connection */
	uint32_t from, to; /* bits: sites */
	uint32_t keys;     /* bits: which fields of the rule are laid over */
	struct wan_rule rule;
	uint64_t until_us; /* UINT64_MAX: as long as its owner lives */
};

struct rules {
	struct wan *wan;
	uint32_t sites;
	char name[WAN_SITES_MAX][RULES_NAME_SIZE];
	struct wan_rule base[WAN_SITES_MAX][WAN_SITES_MAX];
	struct rules_fault fault[RULES_FAULTS_MAX];
};

/* One line without its end. reply holds one line of JSON: {"ok":true…} or {"ok":false,"error":…}.
 */
void rules_command(struct rules *r, char *line, int owner, uint64_t now_us,
		   char reply[RULES_REPLY_SIZE]);
void rules_owner_gone(struct rules *r, int owner);
/* Ends faults whose time is over; when the next one ends, UINT64_MAX: none will. */
uint64_t rules_tick(struct rules *r, uint64_t now_us);

#endif
