/* SDP from the wire: whatever is read can be answered, and our answer is SDP again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base.h"
#include "nodes/sip/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct sdp_local local = {
	    .session = 1, .version = 1, .address = "127.0.0.1", .port = 30000};
	struct sdp_desc offer, again;
	char out[SDP_WRITE_MAX];
	/* A copy of the exact size, so that reading past the end is seen. */
	char *text = malloc(size ? size : 1);
	if (!text)
		return 0;
	memcpy(text, data, size);
	if (!sdp_read(&offer, text, size)) {
		helio_assert(offer.audio.codec == SIP_PCMU || offer.audio.codec == SIP_PCMA);
		helio_assert(offer.audio.port != 0 && offer.audio.ip4 < 0xe0000000u);
		size_t n = sdp_write_answer(out, sizeof(out), &local, &offer);
		helio_assert(n > 0 && n == strlen(out));
		helio_assert(!sdp_read(&again, out, n));
		helio_assert(again.audio.codec == offer.audio.codec);
	}
	free(text);
	return 0;
}
