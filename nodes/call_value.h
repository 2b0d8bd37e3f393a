/*
 * What the journal keeps of a call, as bytes: enough for its node's next life, or for a neighbour
 * of the version before or after. Pure.
 *
 *   version | numbers, u64 little-endian | caller: len text | name: len text NUL fields | dialog
 *                                                                      fields: tag len bytes …
 *
 * A reader of the version before takes what stands before the NUL for the name and skips the rest:
 * what is new is added as a field, not behind the dialog, whose reader wants to end where its bytes
 * end. An unknown field is skipped.
 */
#ifndef HELIO_CALL_VALUE_H
#define HELIO_CALL_VALUE_H

#include "common/acd/acd.h"
#include "nodes/media/media.h"
#include "nodes/sip/sip_call.h"

enum { CALL_VALUE_TEXT = 256 };

struct call_value {
	uint32_t queue; /* its id */
	uint32_t offers;
	uint16_t agent_node, rtp_port;
	uint64_t entered_us, noted_us; /* of the writer's monotonic clock; noted_us 0: not known */
	uint64_t wait_us;
	int64_t entered_ms, answered_ms; /* wall clock, for the record */
	uint64_t agent;                  /* who answered; 0 nobody */
	uint64_t offer, session;         /* with whom it talks; 0 nobody */
	struct media_numbers numbers;    /* of our stream to the caller; ssrc 0: not known */
	uint8_t ptime_ms;                /* of the packets that the caller asks for; 0: as usual */
	struct acd_want want[ACD_WANTS_MAX];
	char caller[CALL_VALUE_TEXT], caller_name[CALL_VALUE_TEXT];
};

/* EMSGSIZE. A name is cut where it would take the room of the fields. */
int call_value_encode(const struct call_value *v, const struct sip_dialog *dialog, uint8_t *out,
		      size_t size, size_t *ret_len);
/* EBADMSG: not ours, or of a version that is not known; then *ret is untouched, or (only the dialog
 * is bad) whole, and the dialog untouched. Steps that no core would take are left out. */
int call_value_decode(struct call_value *ret, struct sip_dialog *ret_dialog, const uint8_t *in,
		      size_t len);
/* Only where its RTP port is, for who must keep it free before the rest is looked at; 0. */
uint16_t call_value_port(const uint8_t *in, size_t len);

#endif
