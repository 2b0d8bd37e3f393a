/* Any file of customers: refused or taken, never worse; what was taken is found again. */
#include "common/base/base.h"
#include "common/conf/conf.h"
#include "common/directory/directory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct conf_agent agents[] = {{.name = "maria", .id = 1}, {.name = "jose", .id = 2}};
	static const struct conf conf = {.agents = agents, .agents_n = 2};
	struct directory *d = NULL;

	if (directory_parse(&d, "f", (const char *)data, size, &conf, NULL) == 0) {
		const struct customer *c = directory_find(d, "+4722334455");
		if (c)
			helio_assert(c->owner <= 2 && c->last <= 2 && directory_segment(d, c));
	}
	directory_free(d);
	return 0;
}
