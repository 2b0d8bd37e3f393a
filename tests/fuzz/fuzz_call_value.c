/* A call from the journal: whatever is read can be written, and reads the same again. */
#include <stdint.h>
#include <string.h>

#include "common/base/base.h"
#include "nodes/call_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct call_value v, again;
	static struct sip_dialog d, d_again;
	static uint8_t wire[8192];
	size_t n;
	memset(&v, 0, sizeof(v));
	memset(&again, 0, sizeof(again));
	(void)call_value_port(data, size);
	if (call_value_decode(&v, &d, data, size))
		return 0;
	helio_assert(acd_wants_ok(v.want));
	helio_assert(call_value_encode(&v, &d, wire, sizeof(wire), &n) == 0);
	helio_assert(call_value_decode(&again, &d_again, wire, n) == 0);
	helio_assert(memcmp(v.want, again.want, sizeof(v.want)) == 0);
	helio_assert(v.entered_us == again.entered_us && v.offer == again.offer &&
		     v.session == again.session && v.ptime_ms == again.ptime_ms &&
		     v.rtp_port == again.rtp_port && strcmp(v.caller, again.caller) == 0);
	return 0;
}
