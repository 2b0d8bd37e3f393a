/* A list of files from anywhere: refused, or to the byte what is printed of it. */
#include "common/base/base.h"
#include "common/conf/files.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_files *f;
	size_t n;

	if (conf_files_parse(&f, (const char *)data, size))
		return 0;
	char *again = conf_files_print(f, &n);
	helio_assert(again && n == size && memcmp(again, data, size) == 0);
	free(again);
	free(f);
	return 0;
}
