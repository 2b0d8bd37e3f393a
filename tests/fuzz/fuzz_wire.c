/* Whatever bytes a peer sends: no crash, and what is let through keeps what envelope.h promises. */
#include "common/wire/envelope.h"
#include "common/wire/mesh.h"
#include "common/acd/acd.h"
#include "common/base/base.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	Envelope env, again;
	uint8_t buf[Envelope_size];
	size_t n;
	if (envelope_decode(&env, data, len))
		return 0;
	helio_assert(env.which_body != 0 && env.from <= UINT16_MAX && env.boot > 0);
	/* What was accepted can be sent on, and reads the same. */
	helio_assert(envelope_encode(buf, &n, &env) == 0);
	helio_assert(envelope_decode(&again, buf, n) == 0);
	helio_assert(again.which_body == env.which_body && again.seq == env.seq);
	if (env.which_body == Envelope_acd_tag) {
		struct acd_msg msg, msg2;
		Acd back;
		if (wire_acd_from_pb(&msg, &env.body.acd))
			return 0;
		helio_assert(msg.type > ACD_MSG_NONE && msg.type < ACD_MSG_TYPE_COUNT);
		wire_acd_to_pb(&back, &msg);
		helio_assert(wire_acd_from_pb(&msg2, &back) == 0);
		helio_assert(msg2.call.v == msg.call.v && msg2.age_us == msg.age_us);
	}
	return 0;
}
