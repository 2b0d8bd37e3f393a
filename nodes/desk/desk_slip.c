/*
 * A note outlives the node of its agent. While it is written the page holds a slip: whose call it
 * is about and which node keeps its record, sealed with the key that all nodes have. A page that
 * lost its node hands it, with the note, to the node that took it in. It says nothing to anybody
 * else, and is of no use to another agent's page.
 */
#include "nodes/desk/desk_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	SLIP_S = 3600,       /* longer than a note is written */
	SLIP_PLAIN_MAX = 80, /* four numbers in hex */
	SLIP_MAX = SLIP_PLAIN_MAX + 40,
};
static const char purpose[] = "heliograph note slip";

json_t *slip_new(const struct session *s)
{
	char plain[SLIP_PLAIN_MAX], hex[2 * SLIP_MAX + 1];
	uint8_t sealed[SLIP_MAX];
	size_t len = 0;
	int n =
	    snprintf(plain, sizeof(plain), "%" PRIx64 " %" PRIx64 " %x %" PRIx64, s->agent->id,
		     s->wrap_call, (unsigned)s->wrap_owner, (uint64_t)(wall_ms() / 1000 + SLIP_S));
	int err = seal_box(s->desk->ticket_key, purpose, sizeof(purpose) - 1, plain, (size_t)n,
			   sealed, sizeof(sealed), &len);
	helio_assert(!err); /* sizes are ours */
	hex_encode(hex, sealed, len);
	return json_string(hex);
}

bool slip_open(const struct session *s, const char *hex, uint64_t *call, uint16_t *owner)
{
	char plain[SLIP_PLAIN_MAX + 1];
	uint8_t sealed[SLIP_MAX];
	size_t len = strlen(hex) / 2;
	uint64_t agent, until;
	unsigned node;
	if (len > sizeof(sealed) || hex_decode(sealed, len, hex) ||
	    seal_unbox(s->desk->ticket_key, purpose, sizeof(purpose) - 1, sealed, len, plain,
		       SLIP_PLAIN_MAX, &len))
		return false;
	plain[len] = '\0';
	if (sscanf(plain, "%" SCNx64 " %" SCNx64 " %x %" SCNx64, &agent, call, &node, &until) !=
		4 ||
	    agent != s->agent->id || (uint64_t)(wall_ms() / 1000) > until)
		return false;
	*owner = (uint16_t)node;
	return true;
}
