/* Whatever comes to the metrics port: one verdict, the same however it is cut into pieces. */
#include "common/metrics/metrics.h"
#include "common/base/base.h"

#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *in = (const char *)data;
	struct metrics_request whole = {0}, part = {0};
	int err = metrics_request_parse(in, len, &whole);
	helio_assert(err == 0 || (err == EAGAIN && len < METRICS_REQUEST_MAX));
	if (err)
		return 0;
	helio_assert(whole.refuse == 0 || (whole.refuse >= 400 && whole.refuse <= 505));
	helio_assert(whole.refuse || whole.path != METRICS_PATH_OTHER);
	size_t n = 0;
	while (n <= len && metrics_request_parse(in, n, &part))
		n++;
	helio_assert(n <= len);
	helio_assert(part.refuse == whole.refuse && part.path == whole.path &&
		     part.head == whole.head);
	char head[512];
	helio_assert(metrics_response_head(head, sizeof(head), whole.refuse ? whole.refuse : 200,
					   "text/plain", len) > 0);
	return 0;
}
