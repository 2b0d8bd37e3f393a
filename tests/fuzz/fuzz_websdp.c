/* A browser's session description; what was accepted can be written and read again. */
#include "nodes/media/websdp.h"

#include <string.h>

#include "common/base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[MEDIA_SDP_MAX + 64], why[96];
	struct web_description d, back;
	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (websdp_parse(&d, text, why))
		return 0;
	helio_assert(strlen(d.ufrag) <= WEB_TOKEN_MAX && strlen(d.mid) <= WEB_MID_MAX);
	helio_assert(d.pt <= 127 && d.codec <= MEDIA_OPUS);
	d.port = 4000; /* a browser's has no candidate; ours always has */
	if (!websdp_write(text, &d)) {
		helio_assert(!websdp_parse(&back, text, why));
		helio_assert(back.codec == d.codec && back.pt == d.pt && back.setup == d.setup);
		helio_assert(!memcmp(back.fingerprint, d.fingerprint, sizeof(d.fingerprint)));
	}
	return 0;
}
