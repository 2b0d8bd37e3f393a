/* A trace file of unknown origin: read to its end or to the line that is wrong, nothing else. */
#include "common/trace/trace.h"
#include "common/base/base.h"

#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct trace_reader *r = NULL;
	struct acd_event ev;
	uint64_t digest;
	uint32_t line = 0;
	enum trace_line kind = TRACE_EVENT;
	if (len == 0)
		return 0;
	FILE *f = fmemopen((void *)(uintptr_t)data, len, "r");
	helio_assert(f);
	int err = trace_reader_open(&r, f, &line);
	helio_assert(err == 0 || err == EBADMSG);
	while (!err && kind != TRACE_END)
		err = trace_read(r, &kind, &ev, &digest, &line);
	helio_assert(err == 0 || err == EBADMSG);
	trace_reader_close(r);
	fclose(f);
	return 0;
}
