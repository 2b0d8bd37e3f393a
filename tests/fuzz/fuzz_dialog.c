/* A dialog from the journal: what is read is written back to the same bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"
#include "nodes/sip/sip_call.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sip_dialog d;
	uint8_t wire[SIP_DIALOG_WIRE_MAX];
	size_t n;
	if (sip_dialog_decode(&d, data, size))
		return 0;
	helio_assert(!sip_dialog_encode(&d, wire, sizeof(wire), &n));
	helio_assert(n == size && memcmp(wire, data, n) == 0);
	return 0;
}
