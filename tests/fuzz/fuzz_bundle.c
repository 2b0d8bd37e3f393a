/* A bundle from anywhere: refused, or to the byte what packing its parts gives. */
#include "common/base/base.h"
#include "common/live/bundle.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t pub[32] = {1};
	struct bundle *b, *again;
	char why[256];
	if (bundle_parse(&b, data, size))
		return 0;
	(void)bundle_verify(b, pub, "sunline", why);
	helio_assert(bundle_pack(&again, &b->sig, b->bytes + b->cluster_at, b->cluster_n,
				 b->bytes + b->agents_at, b->agents_n) == 0);
	helio_assert(again->n == size && memcmp(again->bytes, data, size) == 0);
	free(again);
	free(b);
	return 0;
}
