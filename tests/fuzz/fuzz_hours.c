/* A calendar from memory, parsed and expanded. The zones are the system's. */
#include "common/hours/hours.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hours_calendar *c = NULL;
	struct hours_span *spans = NULL;
	size_t n = 0;
	int64_t from = 1767225600, to = from + 60 * 86400, until;

	if (hours_calendar_parse(&c, (const char *)data, size, "Europe/Oslo", false, NULL, NULL))
		return 0;
	if (!hours_expand(c, NULL, from, to, &spans, &n)) {
		for (size_t i = 0; i < n; i++)
			if (spans[i].from >= spans[i].to || spans[i].from < from ||
			    spans[i].to > to || (i && spans[i].from <= spans[i - 1].to))
				abort();
		hours_at(spans, n, from + 86400, &until);
		free(spans);
	}
	hours_calendar_free(c);
	return 0;
}
